//! Which facts follow from an input: one file a verb. A verb checks that the input fits where the run stands,
//! records, and lets the run [`proceed`](proceed::proceed) as far as it can without the world.
//!
//! Each fact is folded as soon as it is recorded, so that what comes next is decided on the run as it then is;
//! replaying the facts therefore gives the same run. To add an input: a variant of [`Input`], a file here, an
//! arm in [`decide`], and, for a new fact, an arm in [`evolve`].

mod approval_asked;
mod approval_ended;
mod cancel;
mod dispatched;
mod finished;
mod parked;
mod proceed;
mod refused;
mod start;
mod timer;

use domain::Timestamp;
use serde_json::{Value, json};

use super::{
    Input, Refusal, evolve,
    render::{Renderer, Trouble},
    scope::Names,
};
use crate::{
    event::{Decision, Event, Failure},
    plan::{OnError, Plan, StepKind},
    run::{Phase, Run, StepState},
};

/// The facts to write down because of an input, in their order; none when it changes nothing. `now` is the
/// moment that the journal will keep beside each of them.
///
/// # Errors
/// [`Refusal`]: the input is out of date, the run is over, or the plan is another one. Nothing is to be
/// written then.
pub fn decide(plan: &Plan, run: &Run, input: Input, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match (run.phase(), &input) {
        (Phase::Ended { .. }, _) => return Err(Refusal::Over),
        (Phase::New, Input::Start(_) | Input::Cancel { .. }) | (Phase::Running, _) => {}
        (Phase::New, _) => return Err(stale("the run has not begun")),
    }
    let mut draft = Draft { plan, run: run.clone(), now, events: Vec::new() };
    match input {
        Input::Start(started) => start::start(&mut draft, started)?,
        Input::Continue => proceed::proceed(&mut draft),
        Input::Dispatched { step, attempt, dispatch, held, model, credentials } => {
            dispatched::dispatched(&mut draft, step, dispatched::Sending { attempt, dispatch, held, model, credentials })?;
        }
        Input::Refused { step, failure } => refused::refused(&mut draft, step, failure)?,
        Input::Parked { step, park } => parked::parked(&mut draft, step, park)?,
        Input::Finished { step, attempt, result, charge, chance } => {
            finished::finished(&mut draft, step, finished::Answer { attempt, result, charge, chance })?;
        }
        Input::ApprovalAsked { step, round, approval, request, coverage, digest, ceiling, expires_at } => {
            let asked = Event::ApprovalAsked { step, round, approval, request, coverage, digest, ceiling, expires_at };
            approval_asked::approval_asked(&mut draft, asked)?;
        }
        Input::ApprovalEnded { approval, decision, by, comment, fields } => {
            approval_ended::approval_ended(&mut draft, approval, approval_ended::Ending { decision, by, comment, fields })?;
        }
        Input::Timer => timer::timer(&mut draft),
        Input::Cancel { by, reason } => cancel::cancel(&mut draft, by, reason),
    }
    Ok(draft.events)
}

fn stale(why: &str) -> Refusal {
    Refusal::Stale(why.to_owned())
}

/// A decision in the making.
struct Draft<'a> {
    plan: &'a Plan,
    run: Run,
    now: Timestamp,
    events: Vec<Event>,
}

impl Draft<'_> {
    /// Writes a fact down and goes on with the run as it then is.
    fn record(&mut self, event: Event) {
        self.run = evolve(std::mem::take(&mut self.run), self.now, &event);
        self.events.push(event);
    }

    /// The state of the step that may act, if it is the one named.
    fn acting(&self, step: &str) -> Option<&StepState> {
        let (_, frontier) = self.run.frontier(self.plan)?;
        (frontier.id == step).then(|| &self.run.step(step).state)
    }

    /// The step failed for good, and with it the run, unless the step says how to go on.
    fn fail_step(&mut self, step: &str, failure: Failure, charge: Option<crate::event::Charge>) {
        let inside = self.plan.step(step).is_some_and(|(_, step)| matches!(step.kind, StepKind::Data(_)));
        self.record(Event::StepFailed { step: step.to_owned(), failure: failure.clone(), charge, inside });
        match self.instead(step, &failure) {
            None => self.fail_run(Some(step), failure),
            Some(Ok(output)) => self.record(Event::PassedOver { step: step.to_owned(), output }),
            Some(Err(trouble)) => self.fail_run(Some(step), trouble.into()),
        }
    }

    /// What the variable of a failed step is when the run goes on past it; nothing when it does not.
    fn instead(&self, step: &str, failure: &Failure) -> Option<Result<Value, Trouble>> {
        let (position, step) = self.plan.step(step)?;
        let OnError::Continue { fallback } = &step.on_error else { return None };
        Some(match fallback {
            Some(fallback) => Renderer::new(Names::of(self.plan, &self.run, position, step, self.now)).json(fallback, "fallback"),
            None => Ok(json!({"error": {"code": failure.code, "message": failure.message, "step": step.id}})),
        })
    }

    /// The run fails. What somebody was asked need not be answered any more.
    fn fail_run(&mut self, step: Option<&str>, failure: Failure) {
        self.withdraw(None);
        let failure = Failure { retryable: false, ..failure };
        self.record(Event::Failed { step: step.map(str::to_owned), failure });
    }

    /// Takes back the question that waits for an answer, if there is one.
    fn withdraw(&mut self, by: Option<&str>) {
        let Some((step, round, approval)) = self.run.waiting().map(|(step, asked)| (step.to_owned(), asked.round, asked.approval)) else {
            return;
        };
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
