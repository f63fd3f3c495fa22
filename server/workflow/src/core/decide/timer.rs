//! A moment has come: the run's own time limit is looked at.

use super::{Draft, proceed};

pub(super) fn timer(draft: &mut Draft<'_>) {
    proceed::keep_time_limit(draft);
}
