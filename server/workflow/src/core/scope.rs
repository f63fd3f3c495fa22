//! The names that a step's expressions see: what was recorded before it, and nothing else.
//!
//! Every lookup has a position in the order of the steps. A variable is what the last step before that
//! position gave; when such a step has not come to its end, the variable is not known yet, which is an error
//! for a step that runs and a fact to show for a [coverage](crate::coverage). The variable of steps that were
//! all skipped is null.

use std::{borrow::Cow, cell::Cell};

use domain::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    event::Started,
    expression::{Lookup, Scope},
    plan::{Plan, Step},
    run::{Run, StepState},
};

/// What a step sees.
pub(crate) struct Names<'a> {
    plan: &'a Plan,
    run: &'a Run,
    /// How many steps come before.
    position: usize,
    /// The path of the step, for identifiers made by `uuid()`.
    path: &'a str,
    /// When the step started; `None` while that is to come.
    now: Option<Timestamp>,
    /// How many identifiers the evaluations before this one took, and how many this one has taken.
    taken: Cell<(u32, u32)>,
}

impl<'a> Names<'a> {
    /// The names of a step that starts at that moment.
    pub(crate) const fn of(plan: &'a Plan, run: &'a Run, position: usize, step: &'a Step, now: Timestamp) -> Self {
        Self { plan, run, position, path: step.id.as_str(), now: Some(now), taken: Cell::new((0, 0)) }
    }

    /// The names of a step that will start later.
    pub(crate) const fn ahead(plan: &'a Plan, run: &'a Run, position: usize, step: &'a Step) -> Self {
        Self { plan, run, position, path: step.id.as_str(), now: None, taken: Cell::new((0, 0)) }
    }

    /// The names at the end of the run, for its outputs.
    pub(crate) const fn at_the_end(plan: &'a Plan, run: &'a Run, now: Timestamp) -> Self {
        Self { plan, run, position: plan.steps.len(), path: "", now: Some(now), taken: Cell::new((0, 0)) }
    }

    /// Says that another expression of the same step comes: `uuid()` goes on counting where the last one ended.
    pub(crate) fn next_evaluation(&self) {
        let (before, during) = self.taken.get();
        self.taken.set((before.saturating_add(during), 0));
    }

    /// The variable of that name, or `None` when no step is meant to set it.
    fn variable(&self, name: &str) -> Option<Lookup<'_>> {
        let sets = |step: &&Step| step.output_variable.as_deref() == Some(name);
        if !self.plan.steps.iter().any(|step| sets(&step)) {
            return None;
        }
        let mut any = false;
        for step in self.plan.steps.iter().take(self.position).rev().filter(sets) {
            any = true;
            match &self.run.step(&step.id).state {
                StepState::Completed { output, .. } | StepState::Failed { instead: Some(output), .. } => {
                    return Some(Lookup::Found(Cow::Borrowed(&**output)));
                }
                StepState::Skipped { .. } => {}
                _ => return Some(Lookup::NotYetKnown),
            }
        }
        // Only later steps set it: nothing has, and nothing will before this step is over.
        Some(if any { Lookup::Found(Cow::Owned(Value::Null)) } else { Lookup::Unknown })
    }

    /// `steps.<id>`, as far as it comes before this position.
    fn step(&self, id: &str) -> Lookup<'_> {
        match self.plan.step(id) {
            Some((at, step)) if at < self.position => match describe(self.run, step) {
                Some(value) => Lookup::Found(Cow::Owned(value)),
                None => Lookup::NotYetKnown,
            },
            _ => Lookup::Unknown,
        }
    }

    /// `steps` as one object, for expressions that choose a step by a value.
    fn steps(&self) -> Lookup<'_> {
        let mut all = Map::new();
        for step in self.plan.steps.iter().take(self.position) {
            let Some(value) = describe(self.run, step) else { return Lookup::NotYetKnown };
            all.insert(step.id.clone(), value);
        }
        Lookup::Found(Cow::Owned(Value::Object(all)))
    }

    fn of_run(&self, started: &Started) -> Value {
        json!({
            "id": started.run,
            "number": started.number,
            "started_by": started.started_by,
            "started_at": self.run.started_at().map(|at| at.to_string()),
        })
    }
}

impl Scope for Names<'_> {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        let Some(started) = self.run.started() else { return Lookup::Unknown };
        // The reserved words come first: a file cannot set them.
        match name {
            "inputs" => return Lookup::Found(Cow::Owned(Value::Object(started.inputs.clone()))),
            "vars" => return Lookup::Found(Cow::Owned(Value::Object(started.vars.clone()))),
            "steps" => return self.steps(),
            "run" => return Lookup::Found(Cow::Owned(self.of_run(started))),
            "tenant" => {
                return Lookup::Found(Cow::Owned(json!({"slug": started.tenant_slug, "name": started.tenant_name})));
            }
            _ => {}
        }
        if let Some(variable) = self.variable(name) {
            return variable;
        }
        started.inputs.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value)))
    }

    fn member(&self, name: &str, field: &str) -> Option<Lookup<'_>> {
        let started = self.run.started()?;
        match name {
            "steps" => Some(self.step(field)),
            // A field that is not there is left to the whole object, so that `default` may ask for it.
            "inputs" => started.inputs.get(field).map(|value| Lookup::Found(Cow::Borrowed(value))),
            "vars" => started.vars.get(field).map(|value| Lookup::Found(Cow::Borrowed(value))),
            _ => None,
        }
    }

    fn now(&self) -> Option<i64> {
        self.now.map(Timestamp::micros)
    }

    fn uuid(&self, call_index: u32) -> Option<String> {
        self.now?;
        let (before, during) = self.taken.get();
        self.taken.set((before, during.max(call_index.saturating_add(1))));
        Some(identifier(&self.run.started()?.run, self.path, before.saturating_add(call_index)))
    }
}

/// `{output, status, error, duration_ms, cost}` of a step that came to its end.
fn describe(run: &Run, step: &Step) -> Option<Value> {
    let recorded = run.step(&step.id);
    let (output, error) = match &recorded.state {
        StepState::Completed { output, .. } => ((**output).clone(), Value::Null),
        StepState::Skipped { .. } => (Value::Null, Value::Null),
        StepState::Failed { failure, instead } => {
            let output = instead.as_ref().map_or(Value::Null, |output| (**output).clone());
            (output, json!({"code": failure.code, "message": failure.message}))
        }
        _ => return None,
    };
    let took = match (recorded.started_at, recorded.ended_at) {
        (Some(start), Some(end)) => i64::try_from(end.since(start).as_millis()).unwrap_or(i64::MAX),
        _ => 0,
    };
    Some(json!({
        "output": output,
        "status": recorded.state.name(),
        "error": error,
        "duration_ms": took,
        // Dollars, for comparing and showing; the exact amount is in the journal.
        "cost": run.spent_by(&step.id).nanos() as f64 / domain::money::NANOS as f64,
    }))
}

/// The identifier that the `call`th `uuid()` of a step gives: the same whenever it is asked for again
/// (RFC 9562 §5.8, version 8 with a hash of our own making).
fn identifier(run: &str, path: &str, call: u32) -> String {
    let mut hash = Sha256::new();
    for part in ["mandate uuid", run, path] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(call.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_at(16);
    let bits = first.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    [text.get(..8), text.get(8..12), text.get(12..16), text.get(16..20), text.get(20..)].map(Option::unwrap_or_default).join("-")
}
