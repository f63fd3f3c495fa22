//! Somebody pauses the run, or lets it go on. A pause begins nothing and stops nothing: what is out comes back, and time limits go on.

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::event::Event;

pub(super) fn pause(draft: &mut Draft<'_>, by: String, reason: Option<String>) -> Result<(), Refusal> {
    if draft.run.paused().is_some() {
        return Err(stale("the run is paused already"));
    }
    draft.record(Event::Paused { by, reason });
    Ok(())
}

pub(super) fn end(draft: &mut Draft<'_>, by: String) -> Result<(), Refusal> {
    if draft.run.paused().is_none() {
        return Err(stale("the run is not paused"));
    }
    draft.record(Event::PauseEnded { by });
    proceed(draft);
    Ok(())
}
