//! The steps of a graph: one list, ordered by what each depends on.
//!
//! A node is one step. Behind a node with routes stands a step `<node>_route` that gives the id of the node that comes next. A node
//! that loops stands inside `<node>_loop`; one that runs for each item inside `<node>_each`, behind which `<node>_collect` writes the
//! results into the state. A node that not every run takes has a condition: one of the edges to it was taken.

use std::collections::{HashMap, HashSet};

use super::{
    edges::{START, Way, Ways},
    logic::{name_source, text_literal},
    nodes::Read,
    prompt::{INDEX, ITEM},
    shape::Shape,
    state::State,
    types::Type,
};
use crate::{
    data::{Action, Argument, DataStep},
    expression::{Expression, Template},
    parse::{diagnostic::Report, source::Place},
    plan::{AtLimit, ForEachStep, Retry, Route, RouteStep, Step, StepKind, TemplateValue, Tested, WhileStep},
};

/// How many items of a list are worked on at a time.
const AT_A_TIME: u32 = 5;

/// Where a node ends: the step that is over when it is, and its route step.
#[derive(Clone)]
struct Ends {
    over: String,
    route: Option<String>,
}

/// Makes the steps; `None` when something was reported.
pub(super) fn make(
    report: &mut Report,
    shape: &Shape,
    ways: &Ways,
    nodes: &[(String, Place, u32)],
    read: Vec<Read>,
    state: &State,
    max_retries: Option<u32>,
) -> Option<Vec<Step>> {
    let errors = report.error_count();
    let retry = Retry { max_attempts: max_retries.unwrap_or_default().saturating_add(1), ..Retry::ONCE };
    let taken = nodes.iter().map(|(id, ..)| id.clone()).collect();
    let mut maker = Maker { report, ways, nodes, state, taken, ends: HashMap::new(), steps: Vec::new() };
    if let Some((Way::Routes { routes, default }, _)) = ways.get(START) {
        let id = maker.fresh(START, "route");
        maker.steps.push(graph_step(id.clone(), 1, StepKind::Route(route_step(routes, default)), Vec::new(), None));
        maker.ends.insert(None, Ends { over: String::new(), route: Some(id) });
    }
    let mut read: Vec<Option<Read>> = read.into_iter().map(Some).collect();
    for number in &shape.order {
        let node = read.get_mut(*number).and_then(Option::take)?;
        maker.node(*number, node, shape, retry)?;
    }
    let Maker { steps, report, .. } = maker;
    (report.error_count() == errors).then_some(steps)
}

struct Maker<'m> {
    report: &'m mut Report,
    ways: &'m Ways,
    nodes: &'m [(String, Place, u32)],
    state: &'m State,
    taken: HashSet<String>,
    ends: HashMap<Option<usize>, Ends>,
    steps: Vec<Step>,
}

fn graph_step(id: String, line: u32, kind: StepKind, after: Vec<String>, condition: Option<Expression>) -> Step {
    Step { depends_on: Some(after), condition, ..Step::plain(id.clone(), id, line, kind) }
}

fn route_step(routes: &[(Expression, String)], default: &str) -> RouteStep {
    let routes = routes.iter().map(|(test, to)| Route { test: test.clone(), to: to.clone() }).collect();
    RouteStep { routes, default: default.to_owned() }
}

/// `steps.<id>.<field>` as an expression.
fn of_step(id: &str, field: &str) -> String {
    name_source("steps", &[id.to_owned(), field.to_owned()])
}

fn was_taken(id: &str) -> String {
    format!("{} != 'skipped'", of_step(id, "status"))
}

impl Maker<'_> {
    /// An id that no node has.
    fn fresh(&mut self, node: &str, what: &str) -> String {
        let mut id = format!("{node}_{what}");
        let mut number = 2_u32;
        while !self.taken.insert(id.clone()) {
            id = format!("{node}_{what}_{number}");
            number = number.saturating_add(1);
        }
        id
    }

    fn expression(&mut self, place: Place, source: &str) -> Option<Expression> {
        match Expression::parse(source) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.report.error(place, "too_many_edges", format!("too many edges lead here: {}", error.message));
                None
            }
        }
    }

    /// What has to be over before a node, and whether it is taken.
    fn entry(&mut self, number: usize, shape: &Shape, place: Place, id: &str) -> Option<(Vec<String>, Option<Expression>)> {
        let mut after = Vec::new();
        let mut taken = Vec::new();
        for from in shape.before.get(number)? {
            let Some(ends) = self.ends.get(from) else { continue };
            if let Some(route) = &ends.route {
                after.push(route.clone());
                taken.push(format!("{} == {}", of_step(route, "output"), text_literal(id)));
            } else {
                after.push(ends.over.clone());
                taken.push(was_taken(&ends.over));
            }
        }
        let condition = if shape.always.contains(&number) { None } else { Some(self.expression(place, &taken.join(" or "))?) };
        Some((after, condition))
    }

    fn node(&mut self, number: usize, node: Read, shape: &Shape, retry: Retry) -> Option<()> {
        let (id, place, line) = self.nodes.get(number).cloned()?;
        let (after, condition) = self.entry(number, shape, place, &id)?;
        let sure = condition.is_none();
        let mut own = Step { retry, writes: node.writes.clone(), ..Step::plain(id.clone(), id.clone(), line, node.kind?) };
        let each = self.ways.iter().find_map(|(from, (way, _))| match way {
            Way::Each { items, target, collect } if *target == id => Some((from.clone(), items.clone(), collect.clone())),
            _ => None,
        });
        let way = self.ways.get(&id).map(|(way, _)| way);
        let mut over = id.clone();
        if let Some((_, items, collect)) = each {
            let inside = ForEachStep {
                items: self.expression(place, &name_source("state", &items))?,
                item: ITEM.to_owned(),
                index: Some(INDEX.to_owned()),
                steps: vec![own],
                concurrency: AT_A_TIME,
                batch_size: None,
                pause: std::time::Duration::ZERO,
            };
            let each = self.fresh(&id, "each");
            self.steps.push(graph_step(each.clone(), line, StepKind::ForEach(inside), after, condition));
            over = self.collect(&id, place, line, &each, &node.writes, &collect, sure)?;
        } else if let Some(Way::Loop { field, max_iterations, .. }) = way {
            over = self.fresh(&id, "loop");
            let test = self.expression(place, &format!("not {}", name_source("state", std::slice::from_ref(field))))?;
            let inside =
                WhileStep { test, tested: Tested::After, max_iterations: *max_iterations, at_limit: AtLimit::Leave, steps: vec![own] };
            self.steps.push(graph_step(over.clone(), line, StepKind::While(inside), after, condition));
        } else {
            own.depends_on = Some(after);
            own.condition = condition;
            self.steps.push(own);
        }
        let route = match way {
            Some(Way::Routes { routes, default }) => {
                let route = self.fresh(&id, "route");
                let condition = if sure { None } else { Some(self.expression(place, &was_taken(&over))?) };
                self.steps.push(graph_step(
                    route.clone(),
                    line,
                    StepKind::Route(route_step(routes, default)),
                    vec![over.clone()],
                    condition,
                ));
                Some(route)
            }
            _ => None,
        };
        self.ends.insert(Some(number), Ends { over, route });
        Some(())
    }

    /// The step that writes the results of the rounds into the state.
    #[expect(clippy::too_many_arguments, reason = "all of them say where the results come from and go")]
    fn collect(&mut self, id: &str, place: Place, line: u32, each: &str, writes: &[String], collect: &str, sure: bool) -> Option<String> {
        let of = match self.state.find(collect)?.kind.as_ref()? {
            Type::List(of) => of.as_deref().cloned(),
            _ => None,
        };
        let rounds = of_step(each, "output");
        let single = match writes {
            [name] => self.state.find(name).and_then(|field| Some((name, field.kind.clone()?))),
            _ => None,
        };
        // One field alone is collected as it is; several as the objects that they are answered in.
        let source = match (single, &of) {
            (Some((name, kind)), Some(of)) if of.takes(&kind) => format!("{rounds} | map(attribute={})", text_literal(name)),
            (Some((name, _)), None) => format!("{rounds} | map(attribute={})", text_literal(name)),
            (_, None | Some(Type::Map(None))) => rounds,
            (_, Some(of)) => {
                let message = format!("`{collect}` is `list[{}]`, and that is not what `{id}` writes", of.word());
                self.report.error_with(
                    place,
                    "wrong_type",
                    message,
                    "declare it as `list[dict]`, or name one field of that type under `outputs`".to_owned(),
                );
                return None;
            }
        };
        let template = match Template::parse(&format!("{{{{ {source} }}}}")) {
            Ok(template) => template,
            Err(error) => {
                self.report.error(place, "invalid_expression", error.message);
                return None;
            }
        };
        let value = Argument::Value(TemplateValue::Template(template));
        let kind = StepKind::Data(DataStep { action: Action::Set, arguments: vec![(collect.to_owned(), value)] });
        let name = self.fresh(id, "collect");
        let condition = if sure { None } else { Some(self.expression(place, &was_taken(each))?) };
        let step = graph_step(name.clone(), line, kind, vec![each.to_owned()], condition);
        self.steps.push(Step { writes: vec![collect.to_owned()], ..step });
        Some(name)
    }
}
