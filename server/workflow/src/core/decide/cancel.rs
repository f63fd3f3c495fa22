//! Somebody stops the run. Possible in every state but the last; what was sent may still have its effect.

use super::{Draft, proceed::proceed};
use crate::event::{Because, Event};

/// With `compensate`, what was completed is taken back first, where its step says how; a second cancel does not wait for that.
pub(super) fn cancel(draft: &mut Draft<'_>, by: String, reason: Option<String>, compensate: bool) {
    draft.withdraw(Some(&by), |_| true);
    if compensate && draft.run.rollback().is_none() {
        draft.take_all_back(Because::Cancelled { by, reason });
        proceed(draft);
    } else {
        draft.record(Event::Cancelled { by, reason });
    }
}
