//! The host refuses a step for good: a right, a limit, a credential or a price is missing. What the step says of its
//! failures holds for this one too: the call was not made.

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::{event::Failure, run::StepState};

pub(super) fn refused(draft: &mut Draft<'_>, step: String, failure: Failure) -> Result<(), Refusal> {
    match draft.acting(&step) {
        Some(StepState::Calling(_) | StepState::Asking(_) | StepState::Child(_)) => {}
        _ => return Err(stale("the step does not wait for the host")),
    }
    draft.fail_step(&step, Failure { retryable: false, ..failure }, None);
    proceed(draft);
    Ok(())
}
