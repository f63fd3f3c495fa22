//! Starting a run once more with the inputs it had, under the version it ran. Where another one is published by now, whoever asks
//! says which they mean; for the other one the form is shown, filled in.

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
    /// The version that the run ran, when another one is published and this one is meant.
    version: Option<i64>,
}

/// `POST /t/{slug}/runs/{id}/repetition`: starts it once more.
pub(crate) async fn repeat(grant: Grant<WorkflowExecute>, Path(id): Path<RunId>, Form(sent): Form<Sent>) -> Answer {
    let (platform, actor, visit) = (grant.platform(), grant.actor(), grant.visit());
    match view::outcome(platform.repeat_run(actor, id, sent.version, Some(sent.start_key)).await, &[409, 422])? {
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
            let href = match run.published_version {
                Some(_) => format!("/workflows/{}/runs/new?from={id}", run.line.workflow_slug),
                None => format!("/runs/{id}"),
            };
            Ok(visit.done(&grant.path(&href), &format!("Not started. {}", why.join(" "))))
        }
    }
}
