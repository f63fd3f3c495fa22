//! The page of one run. What it shows is made here once, for the page and for each event of its live stream.

use askama::Template;
use domain::{Permission, RunId, Timestamp, permission::RunRead};
use platform::{
    runs::{RunShown, StepShown, StepStanding, Wait, Waiting},
    workflows::RunStatus,
};
use serde::Deserialize;

use super::{
    pill_of,
    steps::{self, Detail, Places, Steps},
    waits::{self, WaitLine},
};
use crate::{
    format::{self, Amount, ShownId, Time},
    mandate::{About, Card, audit_href},
    page::Page,
    route::{Answer, Grant, Path, Query},
    text::{self, Named},
    view,
};

/// What a member may do on the page of a run, and where its neighbours are.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// The tenant's part of addresses, `/t/acme`.
    pub(super) base: String,
    /// The address of this run.
    pub(super) run_href: String,
    pub(super) may_start: bool,
    pub(super) may_see_workflows: bool,
    pub(super) may_see_approvals: bool,
    pub(super) audit_href: String,
    /// Where money in doubt is confirmed or released; empty for one who may not.
    pub(super) budgets_href: String,
}

impl Ground {
    pub(super) fn of(grant: &Grant<RunRead>, run: RunId) -> Self {
        Self {
            base: grant.path(""),
            run_href: grant.path(&format!("/runs/{run}")),
            may_start: grant.may(Permission::WorkflowExecute),
            may_see_workflows: grant.may(Permission::WorkflowRead),
            may_see_approvals: grant.may(Permission::ApprovalRead),
            audit_href: audit_href(grant, &run.to_string()),
            budgets_href: if grant.may(Permission::BudgetWrite) { grant.path("/budgets") } else { String::new() },
        }
    }
}

/// Everything the page shows of a run.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) number: i64,
    pub(super) state: &'static str,
    pub(super) word: &'static str,
    pub(super) started: Time,
    pub(super) starter: String,
    pub(super) version: i64,
    pub(super) version_href: String,
    pub(super) cost: Amount,
    pub(super) id: ShownId,
    pub(super) href: String,
    pub(super) list_href: String,
    pub(super) is_over: bool,
    pub(super) again: Again,
    pub(super) may_start: bool,
    pub(super) cancel_href: String,
    pub(super) may_cancel: bool,
    /// Where it is paused, or let go on.
    pub(super) pause_action: String,
    pub(super) is_paused: bool,
    pub(super) banner: Banner,
    /// Why it waits, line by line; empty while it does not.
    pub(super) wait: Vec<WaitLine>,
    pub(super) has_outputs: bool,
    pub(super) outputs: Vec<Named>,
    pub(super) steps: Steps,
    pub(super) detail: Option<Detail>,
    pub(super) log: Vec<LogRow>,
    pub(super) inputs: Vec<Named>,
    pub(super) mandate: Card,
}

/// How the run can be started once more.
#[derive(Default)]
pub(super) struct Again {
    /// Whether the same inputs mean the same: the workflow is still at the version of the run.
    pub(super) is_the_same: bool,
    /// The version that the run ran.
    pub(super) ran: i64,
    pub(super) action: String,
    /// The form with the same inputs in it; empty when there is none.
    pub(super) form_href: String,
    /// What the link to the form says when another version is published by now.
    pub(super) word: String,
}

/// What waits, runs or went wrong.
#[derive(Default)]
pub(super) struct Banner {
    pub(super) state: &'static str,
    pub(super) title: String,
    pub(super) text: String,
    /// Said before a moment: "Asked", "Since".
    pub(super) since_word: &'static str,
    pub(super) since: Option<Time>,
    /// Said before the moment at which it ends by itself.
    pub(super) until_word: &'static str,
    pub(super) until: Option<Time>,
    pub(super) below: String,
    pub(super) href: String,
    pub(super) label: &'static str,
}

/// A line of the log.
pub(super) struct LogRow {
    pub(super) at: Time,
    pub(super) class: &'static str,
    pub(super) level: String,
    pub(super) step: String,
    pub(super) message: String,
}

#[derive(Template)]
#[template(path = "runs/run.html")]
struct RunPage {
    page: Page,
    run: Shown,
    live_href: String,
}

/// Which step is open, and what of it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wanted {
    pub(super) step: Option<String>,
    pub(super) tab: Option<Tab>,
}

/// What is shown of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tab {
    /// What it sent.
    Sent,
}

impl Wanted {
    /// The same without what this run does not have.
    pub(super) fn known_in(mut self, run: &RunShown) -> Self {
        self.step = self.step.filter(|step| run.steps.iter().any(|known| known.id == *step));
        self.tab = self.tab.filter(|_| self.step.is_some());
        self
    }

    /// As the query of an address.
    fn query(&self) -> String {
        match (&self.step, self.tab) {
            (None, _) => String::new(),
            (Some(step), None) => format!("?step={}", steps::in_query(step)),
            (Some(step), Some(Tab::Sent)) => format!("?step={}&tab=sent", steps::in_query(step)),
        }
    }
}

/// `GET /t/{slug}/runs/{id}`: a run with everything that is known of it.
pub(crate) async fn run(grant: Grant<RunRead>, Path(id): Path<RunId>, Query(wanted): Query<Wanted>) -> Answer {
    let run = grant.platform().run(grant.actor(), id).await?;
    let wanted = wanted.known_in(&run);
    let live_href = if run.line.status.is_over() { String::new() } else { grant.path(&format!("/runs/{id}/live{}", wanted.query())) };
    let shown = Shown::new(run, grant.platform().now(), &wanted, &Ground::of(&grant, id));
    view::html(&RunPage { page: grant.page().await?, run: shown, live_href })
}

impl Shown {
    /// What is shown of a run now.
    pub(super) fn new(run: RunShown, now: Timestamp, wanted: &Wanted, ground: &Ground) -> Self {
        let base = &ground.base;
        let href = format!("{base}/runs/{}", run.line.id);
        let approvals = format!("{base}/approvals");
        let places = Places { run: &href, approvals: &approvals };
        let workflow = format!("{base}/workflows/{}", run.line.workflow_slug);
        let open = steps::opened(&run, wanted.step.as_deref());
        let detail = open.map(|step| steps::detail(step, &run, now, wanted.tab, &places));
        let (state, word) = pill_of(&run.line);
        let is_paused = matches!(run.wait, Some(Wait::Paused { .. }));
        Self {
            banner: banner(&run, now, ground),
            steps: Steps::new(&run, now, open.map(|step| step.id.as_str()), &places),
            detail,
            name: text::in_line(&run.line.workflow_name),
            number: run.line.number,
            state,
            word,
            started: format::moment(run.line.accepted_at, now),
            starter: run.line.starter.clone(),
            version: run.version_number,
            version_href: match run.published_version {
                _ if !ground.may_see_workflows => String::new(),
                Some(_) => format!("{workflow}/versions/{}", run.version_number),
                // Its slug may be another workflow's by now.
                None => format!("{href}/version"),
            },
            cost: format::money(run.line.spent),
            id: format::id(run.line.id),
            list_href: format!("{base}/runs"),
            is_over: run.line.status.is_over(),
            again: again(&run, &workflow, &href),
            wait: run.wait.as_ref().map(|wait| waits::lines(wait, now, ground)).unwrap_or_default(),
            may_start: ground.may_start,
            cancel_href: format!("{href}/cancellation/new"),
            may_cancel: run.can_cancel,
            pause_action: format!("{href}/{}", if is_paused { "continuation" } else { "pause" }),
            is_paused,
            has_outputs: run.outputs.is_some(),
            outputs: run.outputs.as_ref().map(text::named).unwrap_or_default(),
            log: run.log.iter().map(log_row).collect(),
            inputs: text::named(&run.inputs),
            mandate: Card::new(run.mandate, About::Run, ground.audit_href.clone()),
            href,
        }
    }
}

fn again(run: &RunShown, workflow: &str, href: &str) -> Again {
    let Some(current) = run.published_version else { return Again::default() };
    Again {
        is_the_same: current == run.version_number,
        ran: run.version_number,
        action: format!("{href}/repetition"),
        form_href: format!("{workflow}/runs/new?from={}", run.line.id),
        word: format!("Run again under version {current}"),
    }
}

fn log_row(line: &platform::runs::LogLine) -> LogRow {
    let mut at = format::clock(line.at);
    // Hour to millisecond: the day stands in the title.
    at.text = at.iso.get(11..23).map_or(at.text, str::to_owned);
    LogRow {
        at,
        class: match line.level.as_str() {
            "warning" => "warn",
            "error" => "fail",
            _ => "",
        },
        level: line.level.clone(),
        step: text::in_line(&line.step),
        message: text::visible(&line.message),
    }
}

/// Who is asked at a step, as the mandate says it: `1 of role approver`.
fn who_is_asked<'r>(run: &'r RunShown, step: &str) -> Option<&'r str> {
    let position = run.steps.iter().filter(|one| one.kind == "approval").position(|one| one.id == step)?;
    run.mandate.asks.get(position).map(|ask| ask.who.as_str())
}

fn step_named<'r>(run: &'r RunShown, id: &'r str) -> &'r str {
    run.steps.iter().find(|step| step.id == id).map_or(id, |step| step.name.as_str())
}

fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn banner(run: &RunShown, now: Timestamp, ground: &Ground) -> Banner {
    match (&run.line.waiting, run.line.status) {
        (Some(Waiting::Approval { step, approval, since, until, .. }), RunStatus::Waiting) => {
            let below = if run.after_approval.is_empty() {
                "Nothing goes out after it: the run only goes on.".to_owned()
            } else {
                format!("Nothing of that has been sent yet. After approval: {}.", list(&run.after_approval))
            };
            Banner {
                state: "waiting",
                title: format!("Waiting for {}.", who_is_asked(run, step).unwrap_or("an approval")),
                since_word: "Asked",
                since: Some(format::ago(*since, now)),
                until_word: match &run.wait {
                    Some(Wait::Approval { goes_on: true, .. }) => "Goes on without a decision on",
                    _ => "Rejects itself on",
                },
                until: Some(format::moment(*until, now)),
                below,
                href: approval.filter(|_| ground.may_see_approvals).map(|id| format!("{}/approvals/{id}", ground.base)).unwrap_or_default(),
                label: "Review",
                ..Banner::default()
            }
        }
        (Some(Waiting::Paused { by, reason, since }), RunStatus::Waiting) => Banner {
            state: "waiting",
            title: format!("Paused by {}.", text::in_line(by)),
            text: match reason {
                Some(reason) => format!("Nothing of it begins. {}", text::in_line(reason)),
                None => "Nothing of it begins until somebody lets it go on.".to_owned(),
            },
            since_word: "Since",
            since: Some(format::ago(*since, now)),
            ..Banner::default()
        },
        (Some(Waiting::Other { step, words }), RunStatus::Waiting) => {
            Banner { state: "waiting", title: format!("{} waits.", step_named(run, step)), text: text::in_line(words), ..Banner::default() }
        }
        (_, RunStatus::Queued) => Banner {
            state: "idle",
            title: "Accepted.".to_owned(),
            text: "It begins as soon as there is a place, and is kept whatever happens to the server.".to_owned(),
            ..Banner::default()
        },
        (_, RunStatus::Running | RunStatus::Waiting) => under_way(run, now),
        (_, RunStatus::Completed) => {
            Banner { state: "completed", title: "Completed".to_owned(), text: format!("in {}.", length(run, now)), ..Banner::default() }
        }
        (_, RunStatus::Failed) => failed(run, ground),
        (_, RunStatus::Cancelled) => Banner {
            state: "cancelled",
            title: match &run.cancelled {
                Some(cancelled) => format!("Cancelled by {}.", cancelled.by),
                None => "Cancelled.".to_owned(),
            },
            text: run
                .cancelled
                .as_ref()
                .and_then(|cancelled| cancelled.reason.as_deref())
                .map(|reason| format!("\u{201c}{}\u{201d}", text::in_line(reason)))
                .unwrap_or_default(),
            since_word: "Ended",
            since: run.line.ended_at.map(|at| format::ago(at, now)),
            below: "Nothing more goes out. What was done before is not undone.".to_owned(),
            ..Banner::default()
        },
    }
}

fn length(run: &RunShown, now: Timestamp) -> String {
    format::duration(run.line.ended_at.unwrap_or(now).since(run.line.accepted_at))
}

fn under_way(run: &RunShown, now: Timestamp) -> Banner {
    let at_work = |step: &&StepShown| matches!(step.standing, StepStanding::Running | StepStanding::Retrying(_) | StepStanding::Waiting);
    let Some(step) = run.steps.iter().find(at_work) else {
        return Banner { state: "running", title: "Under way.".to_owned(), ..Banner::default() };
    };
    let name = text::in_line(&step.name);
    let text = match &step.standing {
        StepStanding::Retrying(at) => format!("Attempt {} failed; the next is made {}.", step.attempts, format::ago(*at, now).text),
        _ if steps::is_of_model(step) => "A model is asked.".to_owned(),
        _ if step.attempts > 1 => format!("Attempt {}.", step.attempts),
        _ => String::new(),
    };
    Banner {
        state: "running",
        title: format!("{name} is under way."),
        text,
        since_word: "Begun",
        since: step.started_at.map(|at| format::ago(at, now)),
        below: step.held.map(|held| format!("{held} are held for it; what it costs is charged when it ends.")).unwrap_or_default(),
        ..Banner::default()
    }
}

fn failed(run: &RunShown, ground: &Ground) -> Banner {
    let (step, message) =
        run.failure.as_ref().map_or((None, String::new()), |(step, _, message)| (step.as_deref(), text::in_line(message)));
    let rejected = step.and_then(|id| run.steps.iter().find(|one| one.id == id)).and_then(|one| one.decided.as_ref());
    let decided = rejected.map(|decided| decided.decision);
    let below = match rejected {
        Some(decided) => match decided.comment.as_deref().filter(|comment| !comment.is_empty()) {
            Some(comment) => format!("\u{201c}{}\u{201d}", text::in_line(comment)),
            None => "Nothing of what was asked has been done.".to_owned(),
        },
        None => "The steps after it were not begun.".to_owned(),
    };
    let title = match (step, rejected) {
        (None, _) => "Failed.".to_owned(),
        (Some(id), None) => format!("{} failed.", text::in_line(step_named(run, id))),
        // The sentence after it says who decided what.
        (Some(id), Some(_)) => format!("{} ended without a yes.", text::in_line(step_named(run, id))),
    };
    Banner {
        state: "failed",
        title,
        // The message of an error begins with the name of a host as often as with a word: it keeps its first letter. What became
        // of an approval is told in words of ours.
        text: if decided == Some("expired") {
            text::sentence(&message)
        } else if message.is_empty() || message.ends_with(['.', '!', '?']) {
            message
        } else {
            format!("{message}.")
        },
        below,
        href: if ground.may_start && run.published_version.is_some() {
            format!("{}/workflows/{}/runs/new?from={}", ground.base, run.line.workflow_slug, run.line.id)
        } else {
            String::new()
        },
        label: "Change inputs, run again",
        ..Banner::default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use domain::Money;
    use platform::runs::{CancelledShown, DecidedShown, LogLine};
    use serde_json::json;

    use super::*;
    use crate::{mandate, page, runs::sample_line};

    /// Sat 21 Nov 2026, 10:43:03.112 UTC: two minutes after the sample's start.
    pub(in crate::runs) const NOW: Timestamp = Timestamp::from_micros(1_795_257_783_112_000);

    pub(in crate::runs) fn step(id: &str, kind: &'static str, standing: StepStanding) -> StepShown {
        StepShown {
            id: id.to_owned(),
            depth: 0,
            label: None,
            name: format!("Step {id}"),
            kind,
            towards: Some("erp.example".to_owned()),
            started_at: (standing != StepStanding::Idle).then(|| NOW.before(std::time::Duration::from_secs(5))),
            ended_at: None,
            standing,
            attempts: 1,
            resent: false,
            idempotency_key: None,
            model: None,
            tokens: None,
            cost: None,
            cost_estimated: false,
            held: None,
            request: None,
            output: None,
            failure: None,
            asked: None,
            is_of_model: false,
            decided: None,
            sendings: Vec::new(),
            rounds: Vec::new(),
        }
    }

    pub(in crate::runs) fn sample(status: RunStatus) -> RunShown {
        RunShown {
            line: sample_line(status),
            version_number: 3,
            published_version: Some(3),
            cancelled: None,
            wait: None,
            inputs: json!({"invoice_id": "INV-20417", "note": ""}),
            outputs: None,
            failure: None,
            steps: Vec::new(),
            log: Vec::new(),
            mandate: mandate::sample(),
            started_at: None,
            held: Money::ZERO,
            last_seq: 11,
            can_cancel: true,
            can_take_back: false,
            after_approval: Vec::new(),
        }
    }

    pub(in crate::runs) fn ground() -> Ground {
        Ground {
            run_href: "/t/acme/runs/run_x".to_owned(),
            base: "/t/acme".to_owned(),
            may_start: true,
            may_see_workflows: true,
            may_see_approvals: true,
            audit_href: "/t/acme/audit?target=run_x".to_owned(),
            budgets_href: "/t/acme/budgets".to_owned(),
        }
    }

    fn html(run: RunShown, step: Option<&str>, ground: &Ground) -> String {
        let wanted = Wanted { step: step.map(str::to_owned), tab: step.map(|_| Tab::Sent) };
        RunPage { page: page::sample(), run: Shown::new(run, NOW, &wanted, ground), live_href: "/t/acme/runs/x/live".to_owned() }
            .render()
            .unwrap()
    }

    pub(in crate::runs) fn page_of(run: RunShown) -> String {
        html(run, None, &ground())
    }

    fn waiting() -> RunShown {
        let mut run = sample(RunStatus::Waiting);
        let mut model = step("look", "agent.analyze", StepStanding::Completed);
        model.output = Some(json!({"risk": "medium"}));
        model.request = Some(json!({"call": "model", "prompt": "Odd?"}));
        run.steps = vec![model, step("agree", "approval", StepStanding::Waiting), step("pay", "http.request", StepStanding::Idle)];
        run.line.waiting = Some(Waiting::Approval {
            step: "agree".to_owned(),
            approval: Some(domain::ApprovalId::new(NOW, &domain::entropy::SeededEntropy::new(3))),
            title: "Pay".to_owned(),
            since: NOW.before(std::time::Duration::from_mins(2)),
            until: NOW.after(std::time::Duration::from_hours(72)),
        });
        run.after_approval = vec!["POST to payments.example with the credential payment-desk".to_owned()];
        run.log = vec![LogLine { at: NOW, step: "look".to_owned(), level: "warning".to_owned(), message: "<odd>".to_owned() }];
        run
    }

    #[test]
    fn a_waiting_run_says_for_whom_since_when_until_when_and_what_follows() {
        let html = html(waiting(), None, &ground());
        for part in [
            "Waiting for 1 of role approver.",
            "2 min ago",
            "Tue 24 Nov, 10:43 UTC",
            "Nothing of that has been sent yet. After approval: POST to payments.example with the credential payment-desk.",
            "href=\"/t/acme/approvals/apr_",
            "Review",
            "Written by a model. Check it.",
            "&#60;odd&#62;",
            "hx-sse:connect=\"/t/acme/runs/x/live\"",
            "/cancellation/new",
            "/t/acme/audit?target=run_x",
            "INV-20417",
            "?step=look&amp;tab=sent#step-detail",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains("id=\"step-agree\"") && html.contains("id=\"step-pay\""));
        assert!(!html.contains("step=pay"), "a step that was not begun has nothing to show");
    }

    #[test]
    fn what_a_step_sent_is_a_page_of_its_own() {
        let html = html(waiting(), Some("look"), &ground());
        assert!(html.contains("Prompt\nOdd?") && !html.contains("\"risk\""), "{html}");
        let wanted = Wanted { step: Some("nothing".to_owned()), tab: Some(Tab::Sent) }.known_in(&waiting());
        assert_eq!(wanted.query(), "");
        let wanted = Wanted { step: Some("look".to_owned()), tab: Some(Tab::Sent) }.known_in(&waiting());
        assert_eq!(wanted.query(), "?step=look&tab=sent");
    }

    #[test]
    fn a_failed_run_opens_on_its_failure_and_says_what_was_not_begun() {
        let mut run = sample(RunStatus::Failed);
        let mut pay = step("pay", "http.request", StepStanding::Failed);
        pay.failure = Some(("status".to_owned(), "payments.example answered 503".to_owned()));
        pay.idempotency_key = Some("pay-INV-20417".to_owned());
        pay.resent = true;
        run.steps = vec![step("read", "http.request", StepStanding::Completed), pay];
        run.failure = Some((Some("pay".to_owned()), "status".to_owned(), "payments.example answered 503".to_owned()));
        run.can_cancel = false;
        let html = html(run, None, &ground());
        for part in [
            "Step pay failed.",
            "payments.example answered 503.",
            "The steps after it were not begun.",
            "pay-INV-20417",
            "it was sent again with the same idempotency key",
            "runs/new?from=run_",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("/cancellation/new"));
    }

    #[test]
    fn a_rejected_run_gives_the_words_of_who_rejected_it() {
        let mut run = sample(RunStatus::Failed);
        let mut agree = step("agree", "approval", StepStanding::Failed);
        agree.decided = Some(DecidedShown {
            approval: None,
            decision: "rejected",
            by: Some("ada@acme.example".to_owned()),
            at: NOW,
            comment: Some("Wrong account".to_owned()),
            fields: Vec::new(),
        });
        run.steps = vec![agree];
        run.failure = Some((Some("agree".to_owned()), "rejected".to_owned(), "It was rejected by ada@acme.example".to_owned()));
        let html = html(run, None, &ground());
        assert!(html.contains("Wrong account") && html.contains("Step agree ended without a yes."), "{html}");
    }

    #[test]
    fn a_completed_run_shows_what_it_gave() {
        let mut run = sample(RunStatus::Completed);
        run.outputs = Some(json!({"payment_id": "PAY-7781", "amount": 1840.5}));
        run.line.ended_at = Some(NOW);
        run.can_cancel = false;
        let html = html(run, None, &ground());
        for part in ["PAY-7781", "1840.5", "in 2 min.", "payment_id"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_a_member_may_not_do_is_locked_with_the_reason() {
        let mut run = waiting();
        run.can_cancel = false;
        let ground = Ground { may_start: false, may_see_workflows: false, may_see_approvals: false, audit_href: String::new(), ..ground() };
        let html = html(run, None, &ground);
        assert!(
            !html.contains("/cancellation/new")
                && !html.contains("runs/new")
                && !html.contains("/t/acme/approvals/apr_")
                && !html.contains("/t/acme/audit")
        );
        assert!(html.contains("needs <code>run:cancel</code>") && html.contains("needs <code>workflow:execute</code>"), "{html}");
    }

    #[test]
    fn a_cancelled_run_says_who_stopped_it_when_and_why() {
        let mut run = sample(RunStatus::Cancelled);
        run.line.ended_at = Some(NOW.before(std::time::Duration::from_mins(5)));
        run.cancelled = Some(CancelledShown { by: "ada@acme.example".to_owned(), reason: Some("Not <needed>".to_owned()) });
        let html = html(run, None, &ground());
        for part in ["Cancelled by ada@acme.example.", "Not &#60;needed&#62;", "5 min ago"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_happens_without_a_decision_is_what_the_workflow_says() {
        let mut run = waiting();
        run.wait = Some(Wait::Approval {
            step: "Step agree".to_owned(),
            approval: domain::ApprovalId::new(NOW, &domain::entropy::SeededEntropy::new(3)),
            who: "1 of role approver".to_owned(),
            quorum: 1,
            asked: vec!["ada@acme.example".to_owned()],
            said: Vec::new(),
            since: NOW,
            until: NOW,
            goes_on: true,
        });
        let html = html(run, None, &ground());
        for part in ["Goes on without a decision on", "the run goes on without a decision", "ada@acme.example, by mail", "Why it waits"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("Rejects itself"));
    }

    #[test]
    fn a_run_is_started_once_more_under_its_version_or_with_the_form() {
        let mut run = sample(RunStatus::Completed);
        let same = html(run.clone(), None, &ground());
        assert!(
            same.contains("/repetition\"") && same.contains("name=\"start_key\" value=\"again-") && same.contains("runs/new?from=run_")
        );
        run.published_version = Some(5);
        let changed = html(run.clone(), None, &ground());
        assert!(changed.contains("Run again under version 5") && changed.contains("name=\"version\" value=\"3\""), "{changed}");
        assert!(changed.contains("Run again under version 3"), "it is asked which of them is meant");
        run.published_version = None;
        let removed = html(run, None, &ground());
        assert!(!removed.contains("runs/new?from") && !removed.contains("/repetition"));
        assert!(removed.contains("/version\">3</a>"), "its version is kept");
    }

    #[test]
    fn every_status_has_a_banner() {
        for (_, status) in RunStatus::WORDS {
            let mut run = sample(*status);
            run.steps = vec![step("a", "http.request", StepStanding::Running)];
            assert!(!Shown::new(run, NOW, &Wanted::default(), &ground()).banner.title.is_empty(), "{status:?}");
        }
    }
}
