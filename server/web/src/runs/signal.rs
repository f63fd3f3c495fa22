//! Sending a signal to a run: a page with its name and what it carries, and the act.

use askama::Template;
use domain::{Problem, RunId, permission::WorkflowExecute};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    page::Page,
    route::{Answer, Form, Grant, Path, Query, Result},
    text,
    view::{self, FormErrors, Outcome, Refusal},
};

#[derive(Template)]
#[template(path = "runs/signal.html")]
struct SignalView {
    page: Page,
    name: String,
    number: i64,
    href: String,
    list_href: String,
    action: String,
    signal: String,
    payload: String,
    errors: FormErrors,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    name: String,
    payload: Option<String>,
}

/// Which signal is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    name: Option<String>,
}

/// `GET /t/{slug}/runs/{id}/signals/new`: the form.
pub(crate) async fn form(grant: Grant<WorkflowExecute>, Path(id): Path<RunId>, Query(wanted): Query<Wanted>) -> Answer {
    let sent = Sent { name: wanted.name.unwrap_or_default(), payload: None };
    view::html(&signal_view(&grant, id, sent, FormErrors::none()).await?)
}

/// `POST /t/{slug}/runs/{id}/signals`: sends it.
pub(crate) async fn send(grant: Grant<WorkflowExecute>, Path(id): Path<RunId>, Form(sent): Form<Sent>) -> Answer {
    let name = sent.name.trim();
    let href = grant.path(&format!("/runs/{id}"));
    let outcome = match read_payload(sent.payload.as_deref()) {
        Ok(payload) => grant.platform().signal_run(grant.actor(), id, name, payload).await,
        Err(problem) => Err(problem.into()),
    };
    match view::outcome(outcome, &[409])? {
        Outcome::Done(()) => Ok(grant.visit().done(&href, &format!("The signal {} was sent.", text::in_line(name)))),
        Outcome::Refused(refusal) if refusal.status == 409 => {
            Ok(grant.visit().done(&href, "The run was over already: nothing of it waits for a signal."))
        }
        Outcome::Refused(Refusal { status, errors, .. }) => view::html_with(status, &signal_view(&grant, id, sent, errors).await?),
    }
}

/// Nothing written is null.
fn read_payload(text: Option<&str>) -> std::result::Result<Value, Problem> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(Value::Null),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Problem::field("payload", format!("This is no JSON: {error}. A text stands in double quotes, like \"yes\"."))),
    }
}

async fn signal_view(grant: &Grant<WorkflowExecute>, id: RunId, sent: Sent, errors: FormErrors) -> Result<SignalView> {
    let run = grant.platform().run(grant.actor(), id).await?;
    let href = grant.path(&format!("/runs/{id}"));
    Ok(SignalView {
        page: grant.page().await?,
        name: text::in_line(&run.line.workflow_name),
        number: run.line.number,
        list_href: grant.path("/runs"),
        action: format!("{href}/signals"),
        href,
        signal: sent.name,
        payload: sent.payload.unwrap_or_default(),
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_json_or_nothing() {
        assert_eq!(read_payload(None), Ok(Value::Null));
        assert_eq!(read_payload(Some("  ")), Ok(Value::Null));
        assert_eq!(read_payload(Some("{\"n\": 1}")), Ok(serde_json::json!({"n": 1})));
        assert!(read_payload(Some("yes")).is_err());
    }
}
