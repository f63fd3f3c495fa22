//! The edges of a graph: where each node goes.

use std::collections::HashMap;

use super::{logic, state::State, types::Type};
use crate::{
    expression::Expression,
    parse::{
        diagnostic::{Report, did_you_mean},
        fields::{Fields, required},
        scalar::{self, short},
        source::Place,
        yaml::{Content, Entry, Node},
    },
};

pub(super) const START: &str = "START";
pub(super) const END: &str = "END";
const MAX_ITERATIONS: i64 = 100;
const ITERATIONS: u32 = 10;

/// Where a node goes.
pub(super) enum Way {
    /// To all of these: side by side when there are several.
    To(Vec<String>),
    /// To the first whose condition holds.
    Routes { routes: Vec<(Expression, String)>, default: String },
    /// To itself until a field is true, then on.
    Loop { field: String, max_iterations: u32, exit: String },
    /// To a node for each item of a list.
    Each { items: Vec<String>, target: String, collect: String },
}

impl Way {
    /// The nodes it leads to, END left out.
    pub(super) fn targets(&self) -> Vec<&str> {
        let all: Vec<&str> = match self {
            Self::To(targets) => targets.iter().map(String::as_str).collect(),
            Self::Routes { routes, default } => routes.iter().map(|(_, to)| to.as_str()).chain([default.as_str()]).collect(),
            Self::Loop { exit, .. } => vec![exit],
            Self::Each { target, .. } => vec![target],
        };
        all.into_iter().filter(|target| *target != END).collect()
    }
}

/// The ways out of the nodes and of START, with the place where each is first said.
pub(super) type Ways = HashMap<String, (Way, Place)>;

/// Reads the edges. `nodes` are the ids of all nodes.
pub(super) fn read(report: &mut Report, node: &Node, state: &State, nodes: &[&str]) -> Ways {
    let mut ways = Ways::new();
    let Content::List(items) = &node.content else {
        if !matches!(node.content, Content::Refused) {
            report.error(node.place, "wrong_type", format!("`edges` is a list, not {}", node.description()));
        }
        return ways;
    };
    let reader = Reader { state, nodes };
    for item in items {
        let Some((from, place, way)) = reader.edge(report, item) else { continue };
        match (ways.get_mut(&from), way) {
            (None, way) => drop(ways.insert(from, (way, place))),
            // Several plain edges are a fork.
            (Some((Way::To(known), _)), Way::To(more)) => {
                for target in more {
                    if known.contains(&target) {
                        report.error(place, "duplicate_edge", format!("`{from}` leads to `{target}` already"));
                    } else {
                        known.push(target);
                    }
                }
            }
            (Some((_, first)), _) => report.error_with(
                place,
                "two_ways",
                format!("`{}` has another way out on line {}, and only plain edges can be several", short(&from), first.line),
                "make one edge of it".to_owned(),
            ),
        }
    }
    ways
}

struct Reader<'r> {
    state: &'r State,
    nodes: &'r [&'r str],
}

impl Reader<'_> {
    fn edge(&self, report: &mut Report, item: &Node) -> Option<(String, Place, Way)> {
        let mut fields = Fields::of(report, "an edge", item)?;
        let from = fields.take_required(report, "from", ("an edge", item.place), "add `from: START`, or the id of a node");
        let ways: Vec<&Entry> = ["to", "routes", "loop", "parallel"].into_iter().filter_map(|key| fields.take(report, key, &[])).collect();
        fields.finish(report, "an edge");
        let from_entry = from?;
        let from = self.node(report, from_entry, Some(START));
        let way = match ways.as_slice() {
            [way] => match way.key.as_str() {
                "to" => self.plain(report, way),
                "routes" => self.routes(report, way),
                "loop" => self.turns(report, way, from.as_deref()),
                _ => self.each(report, way),
            },
            [] => {
                let help = "add `to:` with a node or END, `routes:`, `loop:` or `parallel:`".to_owned();
                report.error_with(item.place, "key_missing", "an edge leads somewhere", help);
                None
            }
            [_, second, ..] => {
                report.error(second.key_place, "two_ways", "an edge has one of `to`, `routes`, `loop` and `parallel`");
                None
            }
        };
        Some((from?, from_entry.node.place, way?))
    }

    /// The id of a node that an entry names, or the word that stands for an end.
    fn node(&self, report: &mut Report, entry: &Entry, end: Option<&str>) -> Option<String> {
        self.named(report, &entry.key, &entry.node, end)
    }

    fn named(&self, report: &mut Report, label: &str, node: &Node, end: Option<&str>) -> Option<String> {
        let id = scalar::name(report, label, node)?;
        if self.nodes.contains(&id) || end == Some(id) {
            return Some(id.to_owned());
        }
        let help = match id {
            START => Some("nothing leads back to START".to_owned()),
            END => Some("nothing begins at END".to_owned()),
            _ => did_you_mean(id, self.nodes.iter().copied().chain(end)),
        };
        report.error_with(node.place, "unknown_node", format!("there is no node `{}`", short(id)), help);
        None
    }

    fn plain(&self, report: &mut Report, entry: &Entry) -> Option<Way> {
        let Content::List(items) = &entry.node.content else {
            return Some(Way::To(vec![self.node(report, entry, Some(END))?]));
        };
        if items.is_empty() {
            report.error(entry.node.place, "value_missing", "`to` is empty");
            return None;
        }
        let targets: Vec<_> = items.iter().map(|item| self.named(report, "to", item, None)).collect();
        let targets = targets.into_iter().collect::<Option<Vec<_>>>()?;
        for (index, target) in targets.iter().enumerate() {
            if targets.iter().take(index).any(|other| other == target) {
                report.error(items.get(index)?.place, "duplicate_edge", format!("`{target}` is named twice"));
                return None;
            }
        }
        Some(Way::To(targets))
    }

    fn routes(&self, report: &mut Report, entry: &Entry) -> Option<Way> {
        let Content::List(items) = &entry.node.content else {
            report.error(entry.node.place, "wrong_type", format!("`routes` is a list, not {}", entry.node.description()));
            return None;
        };
        let mut routes = Vec::new();
        let mut default = None;
        let mut complete = true;
        for item in items {
            let Some((condition, to)) = self.route(report, item) else {
                complete = false;
                continue;
            };
            match condition {
                Some(_) if default.is_some() => {
                    let help = "put the route with `logic: default` last".to_owned();
                    report.error_with(item.place, "unreachable", "nothing comes after the default route", help);
                    complete = false;
                }
                Some(condition) => routes.push((condition, to)),
                None if default.is_some() => {
                    report.error(item.place, "duplicate_key", "there is one default route");
                    complete = false;
                }
                None => default = Some(to),
            }
        }
        if default.is_none() && complete {
            let help = "add `{condition: {logic: default}, to: …}` as the last route".to_owned();
            report.error_with(entry.key_place, "default_missing", "nothing says where to go when no route holds", help);
        }
        complete.then_some(Way::Routes { routes, default: default? })
    }

    /// A route: its condition, or nothing for the default, and where it leads.
    fn route(&self, report: &mut Report, item: &Node) -> Option<(Option<Expression>, String)> {
        let mut fields = Fields::of(report, "a route", item)?;
        let condition = fields.take_required(report, "condition", ("a route", item.place), "add `condition: {logic: …}`");
        let to = fields.take_required(report, "to", ("a route", item.place), "add `to:` with a node or END");
        fields.finish(report, "a route");
        let to = to.and_then(|entry| self.node(report, entry, Some(END)));
        let entry = condition?;
        let mut fields = Fields::of(report, "condition", &entry.node)?;
        let logic = fields.take_required(report, "logic", ("a condition", entry.key_place), "add `logic:`, such as `state.x == 'y'`");
        fields.finish(report, "a condition");
        let logic = logic?;
        let text = scalar::name(report, "logic", &logic.node)?;
        if text == "default" {
            return Some((None, to?));
        }
        match logic::read(text, self.state) {
            Ok(expression) => Some((Some(expression), to?)),
            Err(trouble) => {
                report.error_with(logic.node.place_at(trouble.offset, trouble.length), trouble.code, trouble.message, trouble.help);
                None
            }
        }
    }

    fn turns(&self, report: &mut Report, entry: &Entry, from: Option<&str>) -> Option<Way> {
        if from == Some(START) {
            report.error(entry.key_place, "no_meaning", "START cannot be run again: put the `loop` behind a node");
            return None;
        }
        let mut fields = Fields::of(report, "loop", &entry.node)?;
        let field =
            fields.take_required(report, "condition_field", ("a loop", entry.key_place), "name the field that ends it when it is true");
        let most = fields.take(report, "max_iterations", &[]);
        let exit = fields.take_required(report, "exit_to", ("a loop", entry.key_place), "add `exit_to:` with a node or END");
        fields.finish(report, "a loop");
        let most = match most {
            Some(entry) => {
                scalar::integer(report, "max_iterations", &entry.node, 1..=MAX_ITERATIONS).and_then(|most| u32::try_from(most).ok())
            }
            None => Some(ITERATIONS),
        };
        let exit = exit.and_then(|entry| self.node(report, entry, Some(END)));
        let entry = field?;
        let (field, path) = self.state.named(report, entry)?;
        if path.len() > 1 || field.kind.as_ref().is_some_and(|kind| *kind != Type::Boolean) {
            let word = field.kind.as_ref().map(Type::word).unwrap_or_default();
            let message = format!("the field that ends a loop is `bool`, and `{}` is `{word}`", field.name);
            report.error_with(entry.node.place, "wrong_type", message, "declare it as `{type: bool, default: false}`".to_owned());
            return None;
        }
        Some(Way::Loop { field: field.name.clone(), max_iterations: most?, exit: exit? })
    }

    fn each(&self, report: &mut Report, entry: &Entry) -> Option<Way> {
        let mut fields = Fields::of(report, "parallel", &entry.node)?;
        let items = fields.take_required(report, "items_field", ("`parallel`", entry.key_place), "name the field with the list");
        let target = fields.take_required(report, "target_node", ("`parallel`", entry.key_place), "name the node that runs for each item");
        let collect =
            fields.take_required(report, "collect_field", ("`parallel`", entry.key_place), "name the field that takes the results");
        fields.finish(report, "`parallel`");
        let target = target.and_then(|entry| self.node(report, entry, None));
        let collect = collect.and_then(|entry| self.list(report, entry));
        let items = items.and_then(|entry| self.list(report, entry))?;
        let collect = collect?;
        let [collect] = collect.as_slice() else {
            required(report, entry.key_place, "collect_field", "`parallel`", "name a field of the state itself".to_owned());
            return None;
        };
        Some(Way::Each { items, target: target?, collect: collect.clone() })
    }

    fn list(&self, report: &mut Report, entry: &Entry) -> Option<Vec<String>> {
        let (_, path) = self.state.named(report, entry)?;
        match self.state.at(&path) {
            Ok(None | Some(Type::List(_))) => Some(path),
            Ok(Some(kind)) => {
                report.error(
                    entry.node.place,
                    "wrong_type",
                    format!("`{}` names a list, and `{}` is `{}`", entry.key, path.join("."), kind.word()),
                );
                None
            }
            Err(_) => None,
        }
    }
}
