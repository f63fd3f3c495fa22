//! The host wrote the row of an approval: from here on it can be decided.

use super::{Draft, Refusal, stale};
use crate::{event::Event, run::StepState};

/// `asked` is an [`Event::ApprovalAsked`].
pub(super) fn approval_asked(draft: &mut Draft<'_>, asked: Event) -> Result<(), Refusal> {
    let Event::ApprovalAsked { step, round, .. } = &asked else { return Err(stale("nothing was asked")) };
    match draft.acting(step) {
        Some(StepState::Asking(asking)) if asking.round == *round => {}
        _ => return Err(stale("this round is not one to be asked")),
    }
    draft.record(asked);
    Ok(())
}
