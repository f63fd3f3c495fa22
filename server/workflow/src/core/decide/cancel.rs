//! Somebody stops the run. Possible in every state but the last; what was sent may still have its effect.

use super::{Draft, proceed::proceed};
use crate::event::{Because, Event};

/// With `compensate`, what was completed is taken back first, where its step says how. While that is under way already,
/// whatever began it, it is not begun anew and not cut short; a cancel without `compensate` does not wait for it.
pub(super) fn cancel(draft: &mut Draft<'_>, by: String, reason: Option<String>, compensate: bool) {
    if compensate && draft.run.rollback().is_some() {
        return;
    }
    draft.withdraw(Some(&by), |_| true);
    if compensate {
        // What is asked for last holds: it goes on, to take back.
        if draft.run.paused().is_some() {
            draft.record(Event::PauseEnded { by: by.clone() });
        }
        draft.take_all_back(Because::Cancelled { by, reason });
        proceed(draft);
    } else {
        draft.record(Event::Cancelled { by, reason });
    }
}
