//! A moment has come: the run's own time limit, those of steps with steps inside, pauses, and what did not come in time.

use super::{Draft, proceed};
use crate::{
    core::walk::{self, Due},
    event::{Event, Failure},
    plan::{AfterExpiry, Expiry, StepKind, WaitStep},
    run::StepState,
};

pub(super) fn timer(draft: &mut Draft<'_>) {
    if proceed::keep_time_limit(draft) {
        return;
    }
    let mut due = walk::moments(draft.plan, &draft.tree, &draft.run);
    due.retain(|(at, _)| *at <= draft.now);
    due.sort_by_key(|(at, _)| *at);
    for (_, due) in due {
        match due {
            Due::Block(path) => block(draft, &path),
            Due::Wake(path) => wake(draft, &path),
            Due::Run | Due::Pause => {}
        }
        if draft.run.is_over() {
            return;
        }
    }
    proceed::proceed(draft);
}

/// The time of a step with steps inside is up, unless it was stopped by what came before.
fn block(draft: &mut Draft<'_>, path: &str) {
    let limit = draft.at(path).and_then(|(_, step)| step.time_limit);
    if let (Some(limit), StepState::Open) = (limit, &draft.run.step(path).state) {
        let message = format!("it took longer than the {} seconds it may take", limit.as_secs_f64());
        draft.fail_step(path, Failure::last("time_out", message), None);
    }
}

/// The moment that a step waits for has come.
fn wake(draft: &mut Draft<'_>, path: &str) {
    if !matches!(draft.run.step(path).state, StepState::Sleeping { .. }) {
        return;
    }
    let expiry = draft.at(path).and_then(|(_, step)| match &step.kind {
        StepKind::Wait(WaitStep::Signal { expiry, .. } | WaitStep::Webhook { expiry, .. } | WaitStep::Form { expiry, .. }) => Some(expiry),
        _ => None,
    });
    match expiry {
        Some(Expiry { then: AfterExpiry::Stop, .. }) => {
            draft.fail_step(path, Failure::last("expired", "what it waited for did not come in time"), None);
        }
        Some(Expiry { then: AfterExpiry::Continue, .. }) | None => {
            draft.record(Event::StepCompleted { step: path.to_owned(), output: serde_json::Value::Null, charge: None });
        }
    }
}
