//! Asking a run to stop: a page that says what that means for this run now, and the act.

use askama::Template;
use domain::{RunId, permission::RunCancel};
use platform::runs::{RunShown, StepStanding};
use serde::Deserialize;

use crate::{
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    text,
    view::{self, FormErrors, Outcome},
};

#[derive(Template)]
#[template(path = "runs/cancel.html")]
struct CancelView {
    page: Page,
    name: String,
    number: i64,
    href: String,
    list_href: String,
    action: String,
    /// What follows, a sentence each.
    follows: Vec<String>,
    reason: String,
    /// Whether anything can be taken back.
    can_take_back: bool,
    errors: FormErrors,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    reason: Option<String>,
    #[serde(default)]
    take_back: bool,
}

/// The longest reason, in signs.
const LONGEST_REASON: usize = 500;

/// `GET /t/{slug}/runs/{id}/cancellation/new`: what it means, and the form.
pub(crate) async fn form(grant: Grant<RunCancel>, Path(id): Path<RunId>) -> Answer {
    let run = grant.platform().run(grant.actor(), id).await?;
    if run.line.status.is_over() {
        return Ok(grant.visit().done(&grant.path(&format!("/runs/{id}")), "The run is over already: there is nothing to cancel."));
    }
    view::html(&cancel_view(&grant, &run, String::new(), FormErrors::none()).await?)
}

/// `POST /t/{slug}/runs/{id}/cancellation`: asks the run to stop.
pub(crate) async fn cancel(grant: Grant<RunCancel>, Path(id): Path<RunId>, Form(sent): Form<Sent>) -> Answer {
    let reason = sent.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        let run = grant.platform().run(grant.actor(), id).await?;
        let refusal: view::Refusal =
            domain::Problem::field("reason", format!("The reason may have at most {LONGEST_REASON} signs.")).into();
        return view::html_with(refusal.status, &cancel_view(&grant, &run, reason.unwrap_or_default(), refusal.errors).await?);
    }
    let href = grant.path(&format!("/runs/{id}"));
    match view::outcome(grant.platform().cancel_run(grant.actor(), id, reason, sent.take_back).await, &[409])? {
        Outcome::Done(()) => Ok(grant.visit().done(&href, "The run is asked to stop: nothing more begins.")),
        Outcome::Refused(_) => Ok(grant.visit().done(&href, "The run was over already: there was nothing to cancel.")),
    }
}

async fn cancel_view(grant: &Grant<RunCancel>, run: &RunShown, reason: String, errors: FormErrors) -> Result<CancelView> {
    let href = grant.path(&format!("/runs/{}", run.line.id));
    Ok(CancelView {
        page: grant.page().await?,
        name: text::in_line(&run.line.workflow_name),
        number: run.line.number,
        list_href: grant.path("/runs"),
        action: format!("{href}/cancellation"),
        href,
        follows: follows(run),
        reason,
        can_take_back: run.can_take_back,
        errors,
    })
}

/// What follows a cancellation now.
fn follows(run: &RunShown) -> Vec<String> {
    let names = |wanted: fn(&StepStanding) -> bool| {
        run.steps.iter().filter(|step| wanted(&step.standing)).map(|step| text::in_line(&step.name)).collect::<Vec<_>>()
    };
    let mut follows = Vec::new();
    for step in &run.steps {
        match (&step.standing, step.kind) {
            (StepStanding::Running, _) => follows.push(format!(
                "{} is stopped where it is. What it has sent may have been done already at the other end.",
                text::in_line(&step.name)
            )),
            (StepStanding::Retrying(_), _) => follows.push(format!("{} is not tried again.", text::in_line(&step.name))),
            (StepStanding::Waiting, "approval") => {
                follows.push(format!("The approval of {} ends undecided: nobody can decide it any more.", text::in_line(&step.name)));
            }
            (StepStanding::Waiting, _) => follows.push(format!("{} does not go on.", text::in_line(&step.name))),
            _ => {}
        }
    }
    let done = names(|standing| *standing == StepStanding::Completed);
    if !done.is_empty() {
        follows.push(format!("What is done stays done: {}.", done.join(", ")));
    }
    let idle = names(|standing| *standing == StepStanding::Idle);
    if !idle.is_empty() {
        follows.push(format!("Not begun any more: {}.", idle.join(", ")));
    }
    follows
}

#[cfg(test)]
mod tests {
    use platform::workflows::RunStatus;

    use super::*;
    use crate::{
        page,
        runs::show::tests::{sample, step},
    };

    #[test]
    fn the_page_lists_what_follows_for_this_run() {
        let mut run = sample(RunStatus::Waiting);
        run.steps = vec![
            step("read", "http.request", StepStanding::Completed),
            step("agree", "approval", StepStanding::Waiting),
            step("pay", "http.request", StepStanding::Idle),
        ];
        let view = CancelView {
            page: page::sample(),
            name: "Vendor payment".to_owned(),
            number: 7,
            href: "/t/acme/runs/run_x".to_owned(),
            list_href: "/t/acme/runs".to_owned(),
            action: "/t/acme/runs/run_x/cancellation".to_owned(),
            follows: follows(&run),
            reason: String::new(),
            can_take_back: true,
            errors: FormErrors::none(),
        };
        let html = view.render().unwrap();
        for part in [
            "The approval of Step agree ends undecided",
            "What is done stays done: Step read.",
            "Not begun any more: Step pay.",
            "action=\"/t/acme/runs/run_x/cancellation\"",
            "name=\"csrf\"",
            "name=\"take_back\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_call_under_way_may_have_been_done_and_the_page_says_so() {
        let mut run = sample(RunStatus::Running);
        run.steps = vec![step("pay", "http.request", StepStanding::Running)];
        assert!(follows(&run)[0].contains("may have been done already"));
    }
}
