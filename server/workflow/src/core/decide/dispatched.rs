//! The host lets a call go out: the fact is on disk before the call is made.

use domain::Money;

use super::{Draft, Refusal, stale};
use crate::{
    call::Call,
    event::{CredentialUse, Event},
    run::StepState,
};

/// What the host set aside and chose for one sending.
pub(super) struct Sending {
    pub attempt: u32,
    pub dispatch: u32,
    pub held: Option<Money>,
    pub model: Option<String>,
    pub credentials: Vec<CredentialUse>,
}

pub(super) fn dispatched(draft: &mut Draft<'_>, step: String, sending: Sending) -> Result<(), Refusal> {
    let Some(StepState::Calling(calling)) = draft.acting(&step) else {
        return Err(stale("the step is not one whose call is due"));
    };
    let Sending { attempt, dispatch, held, model, credentials } = sending;
    if calling.progress.next_dispatch() != (attempt, dispatch) {
        return Err(stale("another attempt or dispatch is due"));
    }
    let (method, host) = match &calling.prepared.call {
        Call::Http(http) => (Some(http.method.clone()), calling.prepared.call.host()),
        Call::Model(_) => (None, None),
    };
    if calling.park.is_some() {
        draft.record(Event::Resumed { step: step.clone() });
    }
    draft.record(Event::Dispatched { step, attempt, dispatch, held, model, credentials, method, host });
    Ok(())
}
