//! Starting a run once more with the inputs it had. When that may mean something else by now, the form is shown instead, filled
//! in with them.

use domain::{RunId, permission::WorkflowExecute};
use serde::Deserialize;

use crate::{
    route::{Answer, Form, Grant, Path},
    view::{self, Outcome},
};

/// What the button sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    start_key: String,
}

/// `POST /t/{slug}/runs/{id}/repetition`: starts it once more.
pub(crate) async fn repeat(grant: Grant<WorkflowExecute>, Path(id): Path<RunId>, Form(sent): Form<Sent>) -> Answer {
    let (platform, actor, visit) = (grant.platform(), grant.actor(), grant.visit());
    match view::outcome(platform.repeat_run(actor, id, Some(sent.start_key)).await, &[409, 422])? {
        Outcome::Done(accepted) => {
            let href = grant.path(&format!("/runs/{}", accepted.run));
            Ok(if accepted.repeated {
                visit.done(&href, "This start was accepted before: here is its run.")
            } else {
                visit.done(&href, "Started with the same inputs.")
            })
        }
        Outcome::Refused(refusal) => {
            let run = platform.run(actor, id).await?;
            let why: Vec<&str> = refusal.errors.0.iter().map(|error| error.message.as_str()).collect();
            let href = match run.current_version {
                Some(_) => format!("/workflows/{}/runs/new?from={id}", run.line.workflow_slug),
                None => format!("/runs/{id}"),
            };
            Ok(visit.done(&grant.path(&href), &format!("Not started. {}", why.join(" "))))
        }
    }
}
