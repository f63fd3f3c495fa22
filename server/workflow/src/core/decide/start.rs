//! The run begins.

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::event::{Event, Started};

pub(super) fn start(draft: &mut Draft<'_>, started: Started) -> Result<(), Refusal> {
    if draft.run.started().is_some() {
        return Err(stale("the run has begun already"));
    }
    // A run pins the plan it was accepted with: another one, however alike, is not what was agreed to.
    let hash = draft.plan.hash().map_err(|_| Refusal::AnotherPlan)?;
    if hex::encode(hash) != started.plan {
        return Err(Refusal::AnotherPlan);
    }
    draft.record(Event::Started(started));
    proceed(draft);
    Ok(())
}
