//! What follows when a step fails for good: what it says itself, then what the steps around it say, then the run fails.

use serde_json::{Map, Value, json};

use super::Draft;
use crate::{
    core::{
        render::{Renderer, Trouble},
        scope::Names,
        walk,
    },
    event::{Because, Charge, Decision, Event, Failed, Failure},
    plan::{
        BranchFailure, OnError, StepKind, TRY_BODY, TRY_CATCH, TRY_FINALLY, TemplateValue,
        tree::{At, Place, id_of},
    },
    run::StepState,
};

impl Draft<'_> {
    /// A step failed for good. What is inside it is stopped.
    pub(super) fn fail_step(&mut self, path: &str, failure: Failure, charge: Option<Charge>) {
        self.fail_because(path, Failed { step: path.to_owned(), failure }, charge);
    }

    /// The same, when it failed because of a step inside it.
    pub(super) fn fail_because(&mut self, path: &str, failed: Failed, charge: Option<Charge>) {
        let Some((at, step)) = self.at(path) else { return self.fail_run(Some(path), failed.failure) };
        self.stop_inside(Some(&at), None);
        // What reaches nobody and what has steps inside is no act of its own in the audit log.
        let inside = matches!(step.kind, StepKind::Data(_)) || !step.kind.blocks().is_empty();
        self.record(Event::StepFailed { step: path.to_owned(), failure: failed.failure.clone(), charge, inside });
        match step.on_error.of(&failed.failure.code) {
            OnError::Continue { fallback } => match self.instead(&at, fallback.as_ref(), &failed) {
                Ok(output) => self.record(Event::PassedOver { step: path.to_owned(), output }),
                Err(trouble) => self.propagate(&at, Failed { step: path.to_owned(), failure: trouble.into() }),
            },
            OnError::Instead(_) => self.record(Event::FallbackEntered { step: path.to_owned() }),
            OnError::Rollback => self.roll_back(&at, failed),
            OnError::Stop | OnError::ByCode { .. } => self.propagate(&at, failed),
        }
    }

    /// What the variable of a failed step is when the run goes on past it.
    fn instead(&self, at: &At, fallback: Option<&TemplateValue>, failed: &Failed) -> Result<Value, Trouble> {
        match fallback {
            Some(fallback) => Renderer::new(Names::of(&self.tree, &self.run, at, self.now)).json(fallback, "fallback"),
            None => Ok(error_of(failed)),
        }
    }

    /// A step failed and says nothing that would keep what is around it from failing.
    fn propagate(&mut self, at: &At, failed: Failed) {
        let Some(place) = self.tree.get(at.node).map(|node| node.place) else { return };
        let Some((outer, _)) = self.tree.around(at) else { return self.fail_run(Some(&failed.step), failed.failure) };
        let path = self.tree.path(&outer);
        match (place, self.tree.step(outer.node).map(|step| &step.kind)) {
            // What cannot be taken back is seen, and the rest is taken back all the same.
            (Place::Compensation { .. }, _) => {}
            (Place::Fallback { .. }, _) => {
                self.record(Event::StepFailed { step: path, failure: failed.failure.clone(), charge: None, inside: true });
                self.propagate(&outer, failed);
            }
            (Place::Block { block, .. }, Some(StepKind::Parallel(parallel))) if parallel.on_failure == BranchFailure::Continue => {
                self.stop_inside(Some(&outer), Some(block));
                let Value::Object(variables) = error_of(&failed) else { return };
                let branch = u32::try_from(block).unwrap_or(u32::MAX);
                self.record(Event::BranchEnded { step: path, branch, variables, failure: Some(failed) });
            }
            (Place::Block { block: TRY_BODY, .. }, Some(StepKind::Try(_))) => {
                self.stop_inside(Some(&outer), Some(TRY_BODY));
                let steps = self.to_take_back(Some(&outer));
                if steps.is_empty() {
                    self.after_body(&outer, failed);
                } else {
                    self.record(Event::CompensationStarted { step: Some(path), steps, because: Because::Failed(failed) });
                }
            }
            (Place::Block { block: TRY_CATCH, .. }, Some(StepKind::Try(planned))) => {
                self.stop_inside(Some(&outer), Some(TRY_CATCH));
                if planned.finally.is_empty() {
                    self.fail_because(&path, failed, None);
                } else {
                    self.record(Event::FinallyEntered { step: path, failed: Some(failed) });
                }
            }
            (Place::Block { block: TRY_FINALLY, .. }, Some(StepKind::Try(_))) | (Place::Block { .. } | Place::Root, _) => {
                self.fail_because(&path, failed, None);
            }
        }
    }

    /// The body of a `try` failed and what it had completed is taken back: `catch`, else `finally`, else it fails.
    pub(super) fn after_body(&mut self, at: &At, failed: Failed) {
        let path = self.tree.path(at);
        let Some(StepKind::Try(planned)) = self.tree.step(at.node).map(|step| &step.kind) else { return };
        if planned.catch.is_some() {
            self.record(Event::CatchEntered { step: path, failed });
        } else if planned.finally.is_empty() {
            self.fail_because(&path, failed, None);
        } else {
            self.record(Event::FinallyEntered { step: path, failed: Some(failed) });
        }
    }

    /// What was completed is taken back: in the `try` around the step, or in the whole run.
    fn roll_back(&mut self, at: &At, failed: Failed) {
        let mut inner = at.clone();
        while let Some((outer, _)) = self.tree.around(&inner) {
            let place = self.tree.get(inner.node).map(|node| node.place);
            let is_try = matches!(self.tree.step(outer.node).map(|step| &step.kind), Some(StepKind::Try(_)));
            if is_try && matches!(place, Some(Place::Block { block: TRY_BODY, .. })) {
                return self.propagate(&inner, failed);
            }
            inner = outer;
        }
        self.take_all_back(Because::Failed(failed));
    }

    /// Stops what is under way and takes back whatever was completed, before the run ends.
    pub(super) fn take_all_back(&mut self, because: Because) {
        self.stop_inside(None, None);
        let steps = self.to_take_back(None);
        if steps.is_empty() || self.run.rollback().is_some() {
            return self.end(because);
        }
        self.record(Event::CompensationStarted { step: None, steps, because });
    }

    /// Ends the run, after what could be taken back was taken back.
    pub(super) fn end(&mut self, because: Because) {
        let compensations = self.run.rollback().map(|rollback| rollback.steps.to_vec()).unwrap_or_default();
        let total = compensations.len();
        let left: Vec<&str> = compensations
            .iter()
            .filter(|path| {
                let state = walk::compensation_of(&self.tree, path).map(|at| &self.run.step(&self.tree.path(&at)).state);
                !matches!(state, Some(StepState::Completed { .. } | StepState::Skipped { .. }))
            })
            .map(String::as_str)
            .collect();
        let note = (!left.is_empty()).then(|| format!("{} of {total} steps could not be taken back: {}", left.len(), left.join(", ")));
        match because {
            Because::Failed(Failed { step, failure }) => {
                let message = note.map_or_else(|| failure.message.clone(), |note| format!("{}; {note}", failure.message));
                self.fail_run(Some(&step), Failure { message, ..failure });
            }
            Because::Cancelled { by, reason } => {
                let reason = match (reason, note) {
                    (Some(reason), Some(note)) => Some(format!("{reason} ({note})")),
                    (reason, note) => reason.or(note),
                };
                self.withdraw(Some(&by), |_| true);
                self.record(Event::Cancelled { by, reason });
            }
        }
    }

    /// The completed steps inside a step's first block, or of the whole run, that say how they are taken back: the last first.
    fn to_take_back(&self, inside: Option<&At>) -> Vec<String> {
        let mut found: Vec<(u64, String)> = self
            .run
            .recorded()
            .filter(|(_, step)| matches!(step.state, StepState::Completed { .. }))
            .filter(|(path, _)| {
                let Some(at) = walk::compensation_of(&self.tree, path) else { return false };
                let untouched = matches!(self.run.step(&self.tree.path(&at)).state, StepState::Idle);
                untouched && inside.is_none_or(|outer| self.is_inside(path, outer, Some(TRY_BODY)))
            })
            .map(|(path, step)| (step.ended_as, path.to_owned()))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, path)| path).collect()
    }

    /// Whether a step of the run is inside another one, and there in a certain block.
    fn is_inside(&self, path: &str, outer: &At, block: Option<usize>) -> bool {
        let Some(mut at) = self.tree.at(path) else { return false };
        while let Some((around, _)) = self.tree.around(&at) {
            if around == *outer {
                let place = self.tree.get(at.node).map(|node| node.place);
                return block.is_none_or(|block| matches!(place, Some(Place::Block { block: of, .. }) if of == block));
            }
            at = around;
        }
        false
    }

    /// Stops what is under way inside a step, or inside one of its blocks, or in the whole run.
    fn stop_inside(&mut self, outer: Option<&At>, block: Option<usize>) {
        let active: Vec<String> = self
            .run
            .recorded()
            .filter(|(path, step)| step.state.is_active() && outer.is_none_or(|outer| self.is_inside(path, outer, block)))
            .map(|(path, _)| path.to_owned())
            .collect();
        self.withdraw(None, |path| active.iter().any(|active| active == path));
        for step in active {
            self.record(Event::StepStopped { step });
        }
    }

    /// The run fails. What somebody was asked need not be answered any more.
    pub(super) fn fail_run(&mut self, step: Option<&str>, failure: Failure) {
        self.withdraw(None, |_| true);
        let failure = Failure { retryable: false, ..failure };
        self.record(Event::Failed { step: step.map(str::to_owned), failure });
    }

    /// Takes back the questions that wait for an answer, of the steps that are meant.
    pub(super) fn withdraw(&mut self, by: Option<&str>, meant: impl Fn(&str) -> bool) {
        let waiting: Vec<_> = self
            .run
            .waiting()
            .filter(|(path, _)| meant(path))
            .map(|(path, asked)| (path.to_owned(), asked.round, asked.approval))
            .collect();
        for (step, round, approval) in waiting {
            self.record(Event::ApprovalEnded {
                step,
                round,
                approval,
                decision: Decision::Cancelled,
                by: by.map(str::to_owned),
                comment: None,
                fields: None,
            });
        }
    }
}

/// `{error: {code, message, step}}`.
fn error_of(failed: &Failed) -> Value {
    let mut error = Map::new();
    error.insert("error".to_owned(), described(failed));
    Value::Object(error)
}

/// What `error` is in a `catch`.
pub(in crate::core) fn described(failed: &Failed) -> Value {
    json!({"code": failed.failure.code, "message": failed.failure.message, "step": id_of(&failed.step)})
}
