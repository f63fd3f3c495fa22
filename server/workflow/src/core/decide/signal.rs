//! A signal came: it is kept until a step waits for it, the oldest first.

use serde_json::Value;

use super::{Draft, proceed::proceed};
use crate::event::Event;

pub(super) fn signal(draft: &mut Draft<'_>, name: String, payload: Value) {
    draft.record(Event::SignalReceived { name, payload });
    proceed(draft);
}
