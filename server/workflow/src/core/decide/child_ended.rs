//! Another workflow that was run as a step came to its end.

use serde_json::Value;

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::{
    event::{Event, Failure},
    run::StepState,
};

pub(super) fn child_ended(draft: &mut Draft<'_>, step: String, result: Result<Value, Failure>) -> Result<(), Refusal> {
    if !matches!(draft.run.step(&step).state, StepState::Child(_)) {
        return Err(stale("no workflow is run as this step"));
    }
    match result {
        Ok(output) => draft.record(Event::StepCompleted { step, output, charge: None }),
        Err(failure) => draft.fail_step(&step, Failure { retryable: false, ..failure }, None),
    }
    proceed(draft);
    Ok(())
}
