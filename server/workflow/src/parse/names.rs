//! Whether every name that an expression uses is set by then.
//!
//! What is seen from where is asked of the [`Tree`], as the running of a step asks it ([`core::scope`](crate::core)): a file that
//! passes here never meets a name at run time that nothing sets.

use std::collections::{BTreeSet, HashMap};

use super::{
    context::Context,
    diagnostic::{did_you_mean, nearest},
    source::Place,
};
use crate::plan::{
    StepKind, TRY_CATCH, Tree,
    tree::{NodeId, Order},
};

/// The names of every run, and words that are no names.
const RESERVED: &[&str] = &[
    "inputs", "vars", "steps", "loop", "error", "run", "tenant", "trigger", "now", "uuid", "and", "or", "not", "in", "is", "if", "else",
    "true", "false", "null", "none", "True", "False", "None", "for", "set",
];

const STEP_FIELDS: &[&str] = &["output", "status", "error", "duration_ms", "cost"];
const RUN_FIELDS: &[&str] = &["id", "number", "started_at", "started_by"];
const TENANT_FIELDS: &[&str] = &["slug", "name"];
const ERROR_FIELDS: &[&str] = &["code", "message", "step"];
const LOOP_FIELDS: &[&str] = &["index", "index0", "first"];
const ITEM_LOOP_FIELDS: &[&str] = &["index", "index0", "first", "last", "length"];

/// Whether a name belongs to the language, so that no input and no variable can be called so.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// A name in an expression.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) root: String,
    pub(super) path: Vec<String>,
    pub(super) place: Place,
    /// The step it belongs to, as the file calls it.
    pub(super) shown: Option<String>,
    /// The step of the plan before which it is read; `None` is the end of the run.
    pub(super) at: Option<String>,
}

/// What a step that could not be read would have set.
#[derive(Debug, Default)]
pub(super) struct Opaque {
    /// Its variable, and all variables inside it.
    pub(super) variables: Vec<String>,
    /// Ids of steps inside it.
    pub(super) inner: Vec<String>,
}

/// What a file sets.
pub(super) struct Known<'k> {
    /// The names of the inputs; `None` when they could not be read, so that none is called unknown.
    pub(super) inputs: Option<BTreeSet<&'k str>>,
    /// Every step, those that could not be read as empty ones.
    pub(super) tree: &'k Tree<'k>,
    /// Whether every step is known: otherwise nothing is called unknown.
    pub(super) complete: bool,
}

/// Reports every use of a name that nothing has set by then.
pub(super) fn check(context: &mut Context, known: &Known<'_>) {
    let opaque = std::mem::take(&mut context.opaque);
    let setters = Setters::of(known.tree, &opaque);
    for used in std::mem::take(&mut context.uses) {
        if context.report.is_full() {
            break;
        }
        context.report.enter(used.shown.as_deref());
        let at = used.at.as_deref().and_then(|id| known.tree.find(id));
        // A step that is not in the plan was refused as a whole.
        if used.at.is_some() && at.is_none() {
            continue;
        }
        let checker = Checker { known, setters: &setters, used: &used, at };
        if let Some((place, code, message, help)) = checker.check() {
            context.report.error_with(place, code, message, help);
        }
    }
    shadowed(context, known.tree);
    context.report.enter(None);
}

/// Which steps set which names, and which have which steps inside them that could not be read.
struct Setters<'k> {
    variables: HashMap<&'k str, Vec<NodeId>>,
    inner: HashMap<&'k str, NodeId>,
}

impl<'k> Setters<'k> {
    fn of(tree: &'k Tree<'k>, opaque: &'k HashMap<String, Opaque>) -> Self {
        let mut variables: HashMap<&str, Vec<NodeId>> = HashMap::new();
        let mut inner = HashMap::new();
        for (node, planned) in tree.nodes() {
            let branches = match &planned.step.kind {
                StepKind::Parallel(step) => step.branches.iter().map(|branch| branch.id.as_str()).collect(),
                _ => Vec::new(),
            };
            for name in planned.step.output_variable.as_deref().into_iter().chain(branches) {
                variables.entry(name).or_default().push(node);
            }
            if let Some(opaque) = opaque.get(&planned.step.id) {
                opaque.variables.iter().for_each(|name| variables.entry(name).or_default().push(node));
                inner.extend(opaque.inner.iter().map(|id| (id.as_str(), node)));
            }
        }
        Self { variables, inner }
    }
}

/// Reports variables that nothing can ever see, because the item of the round they stand in is called so.
fn shadowed(context: &mut Context, tree: &Tree<'_>) {
    for (node, planned) in tree.nodes() {
        let (Some(name), Some((of, _))) = (planned.step.output_variable.as_deref(), tree.scope_of(node)) else { continue };
        let Some(StepKind::ForEach(each)) = tree.step(of).map(|step| &step.kind) else { continue };
        if each.item == name || each.index.as_deref() == Some(name) {
            context.report.enter(Some(&planned.step.id));
            let message = format!("`{name}` is the item of the loop around this step, so nothing could see a variable of that name");
            let help = "give the variable another name".to_owned();
            context.report.error_with(Place { length: 1, ..Place::line(planned.step.line) }, "name_hidden", message, help);
        }
    }
}

struct Checker<'c> {
    known: &'c Known<'c>,
    setters: &'c Setters<'c>,
    used: &'c Use,
    /// The step before which the name is read; `None` is the end of the run.
    at: Option<NodeId>,
}

type Finding = (Place, &'static str, String, Option<String>);

impl Checker<'_> {
    fn check(&self) -> Option<Finding> {
        let root = self.used.root.as_str();
        let field = self.used.path.first().map(String::as_str);
        match root {
            "inputs" => self.input(field?),
            "vars" => match field {
                Some(_) => None,
                None => Some(self.undefined("a tenant variable is named literally", Some("write `vars.name`".to_owned()))),
            },
            "steps" => self.step(field?),
            "run" => self.field_of(field?, RUN_FIELDS),
            "tenant" => self.field_of(field?, TENANT_FIELDS),
            "loop" => self.loop_field(field),
            "error" => self.error_field(field),
            "trigger" => None,
            "now" | "uuid" => Some(self.undefined(&format!("`{root}` is a function"), Some(format!("write `{root}()`")))),
            name => self.variable(name, field),
        }
    }

    fn input(&self, name: &str) -> Option<Finding> {
        let inputs = self.known.inputs.as_ref()?;
        if inputs.contains(name) {
            return None;
        }
        let help = nearest(name, inputs.iter().copied()).map(|near| format!("did you mean `inputs.{near}`?"));
        Some(self.undefined(
            &format!("there is no input `{name}`"),
            help.or_else(|| Some("declare it under `inputs` in the front matter".to_owned())),
        ))
    }

    fn blocks_around(&self) -> Vec<(NodeId, usize)> {
        self.at.map(|at| self.known.tree.blocks_around(at)).unwrap_or_default()
    }

    /// The innermost loop around, and whether it has items.
    fn loop_field(&self, field: Option<&str>) -> Option<Finding> {
        let tree = self.known.tree;
        let Some((of, _)) = self.blocks_around().into_iter().find(|(of, _)| tree.is_loop(*of)) else {
            return Some(self.undefined("`loop` exists only inside a loop", None));
        };
        let has_items = matches!(tree.step(of).map(|step| &step.kind), Some(StepKind::ForEach(_)));
        self.field_of(field?, if has_items { ITEM_LOOP_FIELDS } else { LOOP_FIELDS })
    }

    fn error_field(&self, field: Option<&str>) -> Option<Finding> {
        let tree = self.known.tree;
        let is_catch =
            |(of, block): &(NodeId, usize)| *block == TRY_CATCH && matches!(tree.step(*of).map(|step| &step.kind), Some(StepKind::Try(_)));
        if !self.blocks_around().iter().any(is_catch) {
            return Some(self.undefined("`error` exists only in the `catch` of a `try`", None));
        }
        self.field_of(field?, ERROR_FIELDS)
    }

    /// The scopes that are seen, the innermost first, the workflow itself last.
    fn scopes(&self) -> Vec<Option<(NodeId, usize)>> {
        let around = self.at.map(|at| self.known.tree.scopes(at)).unwrap_or_default();
        around.into_iter().map(Some).chain([None]).collect()
    }

    fn is_over_before(&self, node: NodeId) -> bool {
        self.at.is_none_or(|at| self.known.tree.is_over_before(node, at))
    }

    fn variable(&self, name: &str, field: Option<&str>) -> Option<Finding> {
        let tree = self.known.tree;
        let setters = self.setters.variables.get(name).map_or(&[][..], Vec::as_slice);
        let mut hidden = None;
        for scope in self.scopes() {
            if let Some((of, _)) = scope
                && let Some(StepKind::ForEach(each)) = tree.step(of).map(|step| &step.kind)
                && (each.item == name || each.index.as_deref() == Some(name))
            {
                return None;
            }
            let mut here = setters.iter().copied().filter(|node| tree.scope_of(*node) == scope).peekable();
            hidden = hidden.or(here.peek().copied());
            if let Some(setter) = here.find(|node| self.is_over_before(*node)) {
                return self.branch_field(name, setter, field?);
            }
        }
        if let Some(setter) = hidden {
            return self.not_over(name, setter);
        }
        let inputs = self.known.inputs.as_ref()?;
        if inputs.contains(name) || !self.known.complete {
            return None;
        }
        if let Some(gone) = setters.first().and_then(|setter| self.out_of_sight(name, *setter)) {
            return Some(gone);
        }
        let help = did_you_mean(name, self.visible_names(inputs))
            .or_else(|| tree.find(name).map(|_| format!("write `steps.{name}.output` for what that step gave")));
        Some(self.undefined(&format!("nothing sets `{name}`"), help))
    }

    /// All names that could stand here.
    fn visible_names<'s>(&'s self, inputs: &BTreeSet<&'s str>) -> Vec<&'s str> {
        let tree = self.known.tree;
        let scopes = self.scopes();
        let seen = |node: &NodeId| scopes.contains(&tree.scope_of(*node)) && self.is_over_before(*node);
        let set = self.setters.variables.iter().filter(|(_, setters)| setters.iter().any(seen)).map(|(name, _)| *name);
        let items = scopes.iter().flatten().filter_map(|(of, _)| match tree.step(*of).map(|step| &step.kind) {
            Some(StepKind::ForEach(each)) => Some([Some(each.item.as_str()), each.index.as_deref()]),
            _ => None,
        });
        let items = items.flatten().flatten();
        let mut names: Vec<&str> =
            set.chain(items).chain(inputs.iter().copied()).chain(["inputs", "vars", "steps", "run", "tenant", "trigger"]).collect();
        names.sort_unstable();
        names
    }

    /// A field of what a branch gives: a variable that it sets.
    fn branch_field(&self, name: &str, setter: NodeId, field: &str) -> Option<Finding> {
        let tree = self.known.tree;
        let step = tree.step(setter)?;
        let StepKind::Parallel(parallel) = &step.kind else { return None };
        if step.output_variable.as_deref() == Some(name) || field == "error" {
            return None;
        }
        let branch = parallel.branches.iter().position(|branch| branch.id == name)?;
        let inside = |node: &NodeId| tree.scope_of(*node) == Some((setter, branch));
        let set: Vec<&str> = self.setters.variables.iter().filter(|(_, nodes)| nodes.iter().any(inside)).map(|(name, _)| *name).collect();
        if set.contains(&field) {
            return None;
        }
        let help = match nearest(field, set.iter().copied()) {
            Some(near) => format!("did you mean `{name}.{near}`?"),
            None => format!("add `output_variable: {field}` to the step that gives it"),
        };
        Some(self.undefined(&format!("no step of the branch `{name}` sets `{field}`"), Some(help)))
    }

    /// A variable of a round or branch that is not around.
    fn out_of_sight(&self, name: &str, setter: NodeId) -> Option<Finding> {
        let tree = self.known.tree;
        let (of, block) = tree.scope_of(setter)?;
        let around = tree.step(of)?;
        if let StepKind::Parallel(parallel) = &around.kind {
            let branch = &parallel.branches.get(block)?.id;
            let message = format!("`{name}` belongs to the branch `{branch}` of the step `{}`", around.id);
            let help = self.is_over_before(of).then(|| format!("write `{branch}.{name}`"));
            Some((self.used.place, "not_visible", message, help))
        } else {
            let message = format!("`{name}` belongs to one round of the loop `{}` and is gone after it", around.id);
            let help = format!("the loop gives the list of what its rounds gave last: `steps.{}.output`", around.id);
            Some((self.used.place, "not_visible", message, Some(help)))
        }
    }

    fn step(&self, id: &str) -> Option<Finding> {
        let tree = self.known.tree;
        let Some(node) = tree.find(id) else {
            if let Some(around) = self.setters.inner.get(id) {
                return if self.is_over_before(*around) { None } else { self.not_over(&format!("steps.{id}"), *around) };
            }
            if !self.known.complete {
                return None;
            }
            let ids: Vec<&str> = tree.nodes().map(|(_, node)| node.step.id.as_str()).collect();
            let help = nearest(id, ids).map(|near| format!("did you mean `steps.{near}`?"));
            return Some(self.undefined(&format!("there is no step `{id}`"), help));
        };
        if !self.is_over_before(node) {
            return self.not_over(&format!("steps.{id}"), node);
        }
        let around = self.blocks_around();
        let gone = tree.scopes(node).into_iter().find(|block| tree.is_loop(block.0) && !around.contains(block));
        if let Some(each) = gone.and_then(|(of, _)| tree.step(of)) {
            let message = format!("`steps.{id}` belongs to one round of the loop `{}` and is gone after it", each.id);
            let help = format!("the loop gives the list of what its rounds gave last: `steps.{}.output`", each.id);
            return Some((self.used.place, "not_visible", message, Some(help)));
        }
        let field = self.used.path.get(1)?;
        if STEP_FIELDS.contains(&field.as_str()) {
            return None;
        }
        let help = nearest(field, STEP_FIELDS.iter().copied()).map_or_else(
            || format!("write `steps.{id}.output.{field}` for a field of what it gave"),
            |near| format!("did you mean `steps.{id}.{near}`?"),
        );
        Some(self.undefined(&format!("`steps.{id}` has no `{field}`"), Some(help)))
    }

    fn field_of(&self, field: &str, fields: &[&str]) -> Option<Finding> {
        if fields.contains(&field) {
            return None;
        }
        let root = &self.used.root;
        let help = nearest(field, fields.iter().copied()).map_or_else(
            || format!("it has {}", fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{root}.{near}`?"),
        );
        Some(self.undefined(&format!("`{root}` has no `{field}`"), Some(help)))
    }

    /// A name whose step is not over before it is read, and why.
    fn not_over(&self, name: &str, setter: NodeId) -> Option<Finding> {
        let tree = self.known.tree;
        let (step, at) = (tree.step(setter)?, self.at?);
        let (id, line) = (&step.id, step.line);
        let (message, help) = match tree.order(setter, at) {
            Order::Same => (format!("`{name}` is set by this very step, after this is read"), None),
            Order::Inside => (format!("`{name}` is set inside this step, after this is read"), None),
            Order::Around => {
                (format!("`{name}` is set by the step `{id}` on line {line}, which this one is a part of, when it is over"), None)
            }
            Order::After => (format!("`{name}` is set only later, by the step `{id}` on line {line}"), None),
            Order::Before | Order::Apart => self.apart(name, setter, at)?,
        };
        Some((self.used.place, "set_later", message, help))
    }

    /// Why neither of two steps comes before the other.
    fn apart(&self, name: &str, setter: NodeId, at: NodeId) -> Option<(String, Option<String>)> {
        let tree = self.known.tree;
        let step = tree.step(setter)?;
        let (id, line) = (&step.id, step.line);
        let (one, two) = (tree.lineage(setter), tree.lineage(at));
        let shared = one.iter().zip(&two).take_while(|(one, two)| one == two).count();
        let around = shared.checked_sub(1).and_then(|last| one.get(last)).and_then(|node| tree.step(*node));
        let siblings = one.get(shared).map_or(&[][..], |node| tree.siblings(*node));
        let side_by_side = format!("`{name}` is set by the step `{id}` on line {line}, which may run at the same time as this one");
        if two.get(shared).is_some_and(|other| siblings.contains(other)) {
            let before = one.get(shared).and_then(|node| tree.step(*node)).map_or("", |step| step.id.as_str());
            return Some((side_by_side, Some(format!("add `{before}` to `depends_on`"))));
        }
        Some(match around.map(|around| &around.kind) {
            Some(StepKind::Parallel(_)) => (side_by_side, None),
            _ => (format!("`{name}` is set by the step `{id}` on line {line}, and only one of that step and this one is taken"), None),
        })
    }

    fn undefined(&self, message: &str, help: Option<String>) -> Finding {
        (self.used.place, "undefined_name", message.to_owned(), help)
    }
}
