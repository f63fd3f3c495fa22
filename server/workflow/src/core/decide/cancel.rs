//! Somebody stops the run. Possible in every state but the last; what was sent may still have its effect.

use super::Draft;
use crate::event::Event;

pub(super) fn cancel(draft: &mut Draft<'_>, by: String, reason: Option<String>) {
    draft.withdraw(Some(&by));
    draft.record(Event::Cancelled { by, reason });
}
