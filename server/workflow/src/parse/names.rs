//! Whether every name that an expression uses is set by then.

use std::collections::{BTreeSet, HashMap};

use super::{
    context::Context,
    diagnostic::{did_you_mean, nearest},
    source::Place,
};

/// The names of every run, and words that are no names.
const RESERVED: &[&str] = &[
    "inputs", "vars", "steps", "loop", "error", "run", "tenant", "trigger", "now", "uuid", "and", "or", "not", "in", "is", "if", "else",
    "true", "false", "null", "none", "True", "False", "None", "for", "set",
];

const STEP_FIELDS: &[&str] = &["output", "status", "error", "duration_ms", "cost"];
const RUN_FIELDS: &[&str] = &["id", "number", "started_at", "started_by"];
const TENANT_FIELDS: &[&str] = &["slug", "name"];

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
    pub(super) step: Option<String>,
    /// How many steps come before it.
    pub(super) position: usize,
}

/// What a step sets.
#[derive(Debug, Default)]
pub(super) struct Sets {
    pub(super) id: String,
    pub(super) line: u32,
    /// Its variable, and all variables inside it when it is of a kind that is refused.
    pub(super) variables: Vec<String>,
    /// Ids of steps inside it.
    pub(super) inner: Vec<String>,
}

/// What a file sets.
pub(super) struct Known<'k> {
    /// The names of the inputs; `None` when they could not be read, so that none is called unknown.
    pub(super) inputs: Option<BTreeSet<&'k str>>,
    /// In the order of the file.
    pub(super) steps: &'k [Sets],
}

/// Reports every use of a name that nothing has set by then.
pub(super) fn check(context: &mut Context, known: &Known<'_>) {
    // The earliest step that sets a variable, and each step's place in the order.
    let mut variables: HashMap<&str, usize> = HashMap::new();
    let mut steps: HashMap<&str, usize> = HashMap::new();
    for (index, step) in known.steps.iter().enumerate() {
        steps.entry(&step.id).or_insert(index);
        for id in &step.inner {
            steps.entry(id).or_insert(index);
        }
        for variable in &step.variables {
            variables.entry(variable).or_insert(index);
        }
    }
    for used in std::mem::take(&mut context.uses) {
        if context.report.is_full() {
            break;
        }
        context.report.enter(used.step.as_deref());
        let checker = Checker { known, variables: &variables, steps: &steps, used: &used };
        if let Some((place, code, message, help)) = checker.check() {
            context.report.error_with(place, code, message, help);
        }
    }
    context.report.enter(None);
}

struct Checker<'c> {
    known: &'c Known<'c>,
    variables: &'c HashMap<&'c str, usize>,
    steps: &'c HashMap<&'c str, usize>,
    used: &'c Use,
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
            "loop" => Some(self.undefined("`loop` exists only inside a loop", None)),
            "error" => Some(self.undefined("`error` exists only in a `catch`, which is not supported yet", None)),
            "trigger" => Some(self.undefined("`trigger` exists only when something else starts the run, which is not supported yet", None)),
            "now" | "uuid" => Some(self.undefined(&format!("`{root}` is a function"), Some(format!("write `{root}()`")))),
            name => self.variable(name),
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

    fn variable(&self, name: &str) -> Option<Finding> {
        match self.variables.get(name) {
            Some(index) if *index < self.used.position => return None,
            Some(index) => return self.set_later(name, *index),
            None => {}
        }
        let inputs = self.known.inputs.as_ref()?;
        if inputs.contains(name) {
            return None;
        }
        let earlier = self.variables.iter().filter(|(_, index)| **index < self.used.position).map(|(name, _)| *name);
        let mut names: Vec<&str> = earlier.chain(inputs.iter().copied()).chain(["inputs", "vars", "steps", "run", "tenant"]).collect();
        names.sort_unstable();
        let help = did_you_mean(name, names)
            .or_else(|| self.steps.contains_key(name).then(|| format!("write `steps.{name}.output` for what that step gave")));
        Some(self.undefined(&format!("nothing sets `{name}`"), help))
    }

    fn step(&self, id: &str) -> Option<Finding> {
        match self.steps.get(id) {
            Some(index) if *index < self.used.position => {
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
            Some(index) => self.set_later(&format!("steps.{id}"), *index),
            None => {
                let mut ids: Vec<&str> = self.steps.keys().copied().collect();
                ids.sort_unstable();
                let help = nearest(id, ids).map(|near| format!("did you mean `steps.{near}`?"));
                Some(self.undefined(&format!("there is no step `{id}`"), help))
            }
        }
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

    fn set_later(&self, name: &str, index: usize) -> Option<Finding> {
        let step = self.known.steps.get(index)?;
        let message = if index == self.used.position && self.used.step.as_deref() == Some(&step.id) {
            format!("`{name}` is set by this very step, after this is read")
        } else {
            format!("`{name}` is set only later, by the step `{}` on line {}", step.id, step.line)
        };
        Some((self.used.place, "set_later", message, None))
    }

    fn undefined(&self, message: &str, help: Option<String>) -> Finding {
        (self.used.place, "undefined_name", message.to_owned(), help)
    }
}
