//! Pausing a run, and letting it go on: two buttons.

use domain::{RunId, permission::RunCancel};

use crate::{
    route::{Answer, Grant, Path},
    view::{self, Outcome},
};

/// `POST /t/{slug}/runs/{id}/pause`: nothing of it begins from now on.
pub(crate) async fn pause(grant: Grant<RunCancel>, Path(id): Path<RunId>) -> Answer {
    let asked = grant.platform().pause_run(grant.actor(), id, None).await;
    told(&grant, id, asked, "The run is asked to pause: nothing more begins until it is let go on.")
}

/// `POST /t/{slug}/runs/{id}/continuation`: it goes on.
pub(crate) async fn go_on(grant: Grant<RunCancel>, Path(id): Path<RunId>) -> Answer {
    let asked = grant.platform().resume_run(grant.actor(), id).await;
    told(&grant, id, asked, "The run goes on.")
}

fn told(grant: &Grant<RunCancel>, id: RunId, asked: platform::Result<()>, done: &str) -> Answer {
    let words = match view::outcome(asked, &[409])? {
        Outcome::Done(()) => done,
        Outcome::Refused(_) => "The run is over already.",
    };
    Ok(grant.visit().done(&grant.path(&format!("/runs/{id}")), words))
}
