//! Which facts follow from an input: one file a verb. A verb checks that the input fits where the run stands,
//! records, and lets the run [`proceed`](proceed::proceed) as far as it can without the world.
//!
//! Each fact is folded as soon as it is recorded, so that what comes next is decided on the run as it then is;
//! replaying the facts therefore gives the same run. To add an input: a variant of [`Input`], a file here, an
//! arm in [`decide`], and, for a new fact, an arm in [`evolve`].

mod advance;
mod approval_asked;
mod approval_ended;
mod cancel;
mod child_ended;
mod dispatched;
mod fail;
mod finished;
mod parked;
mod pause;
mod proceed;
mod refused;
mod signal;
mod start;
mod timer;

use domain::Timestamp;

pub(super) use fail::described;
pub use proceed::{FORM, WEBHOOK};

use super::{Input, Refusal, evolve};
use crate::{
    event::Event,
    plan::{
        Plan,
        tree::{At, Tree},
    },
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
    let mut draft = Draft { plan, tree: Tree::of(plan), run: run.clone(), now, events: Vec::new() };
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
        Input::Signal { name, payload } => signal::signal(&mut draft, name, payload),
        Input::ChildEnded { step, result } => child_ended::child_ended(&mut draft, step, result)?,
        Input::Pause { by, reason } => pause::pause(&mut draft, by, reason)?,
        Input::EndPause { by } => pause::end(&mut draft, by)?,
        Input::Cancel { by, reason, compensate } => cancel::cancel(&mut draft, by, reason, compensate),
    }
    Ok(draft.events)
}

fn stale(why: &str) -> Refusal {
    Refusal::Stale(why.to_owned())
}

/// A decision in the making.
struct Draft<'a> {
    plan: &'a Plan,
    tree: Tree<'a>,
    run: Run,
    now: Timestamp,
    events: Vec<Event>,
}

impl<'a> Draft<'a> {
    /// Writes a fact down and goes on with the run as it then is.
    fn record(&mut self, event: Event) {
        self.run = evolve(std::mem::take(&mut self.run), self.now, &event);
        self.events.push(event);
    }

    /// The step with that path, and what the plan says of it.
    fn at(&self, path: &str) -> Option<(At, &'a crate::plan::Step)> {
        let at = self.tree.at(path)?;
        let step = self.tree.step(at.node)?;
        Some((at, step))
    }

    /// The state of a step, if it is one that may act.
    fn acting(&self, path: &str) -> Option<&StepState> {
        let state = &self.run.step(path).state;
        let at = self.tree.at(path).filter(|_| state.is_active())?;
        self.run.is_enabled(&self.tree, &at).then_some(state)
    }
}
