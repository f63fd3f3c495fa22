//! The host cannot let a step go on for now. It looks again later; only a change is a new fact.

use super::{Draft, Refusal, stale};
use crate::{
    event::{Event, Park},
    run::StepState,
};

pub(super) fn parked(draft: &mut Draft<'_>, step: String, park: Park) -> Result<(), Refusal> {
    let Some(StepState::Calling(calling)) = draft.acting(&step) else {
        return Err(stale("the step is not one whose call is due"));
    };
    if calling.park.as_ref() != Some(&park) {
        draft.record(Event::Parked { step, park });
    }
    Ok(())
}
