//! The steps of a run: a row each on the time line, and one of them in detail.

use std::fmt::Write;

use domain::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use platform::runs::{DecidedShown, RunShown, StepShown, StepStanding};

use super::{
    history::{self, RoundLine, SendingRow},
    request,
    show::Tab,
    timeline::{Bar, Span, Timeline},
};
use crate::{
    approvals::form::{self, Filled},
    format::{self, Amount, Time},
    text,
};

/// Steps deeper than this stand as deep as this.
const DEEPEST_SHOWN: usize = 6;

/// What stands for nothing.
const NOTHING: &str = "–";

/// One row (`templates/_parts/step_row.html`).
pub(super) struct StepRow {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) state_word: &'static str,
    pub(super) name: String,
    pub(super) what: String,
    pub(super) href: String,
    pub(super) current: bool,
    /// What it stands in inside the step above; empty in the workflow itself.
    pub(super) label: String,
    /// How many steps are around it, as far as a page shows it.
    pub(super) depth: usize,
    pub(super) why: String,
    pub(super) bars: Vec<Bar>,
    pub(super) bar_label: String,
    pub(super) length: String,
    pub(super) cost: String,
}

/// All of them.
pub(super) struct Steps {
    pub(super) rows: Vec<StepRow>,
    pub(super) summary: String,
}

/// One step in detail.
pub(super) struct Detail {
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) state_word: &'static str,
    /// What went wrong last; empty for nothing.
    pub(super) failure: String,
    pub(super) failure_code: String,
    /// What can be done about a failure that ended the step; empty for nothing.
    pub(super) advice: &'static str,
    /// What it gave; empty for nothing, and while something else of it is shown.
    pub(super) output: String,
    pub(super) is_of_model: bool,
    pub(super) decided: Option<Decision>,
    /// Whether it sent anything.
    pub(super) has_request: bool,
    /// What it sent; empty while something else of it is shown.
    pub(super) request: String,
    /// Where its result is shown, and with `&tab=sent` what it sent.
    pub(super) href: String,
    /// What a restart did to it; empty for nothing.
    pub(super) resent: &'static str,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) started: Option<Time>,
    pub(super) cost: Option<Amount>,
    pub(super) cost_note: &'static str,
    /// Every sending of every attempt, in order.
    pub(super) sendings: Vec<SendingRow>,
    /// What happened to an approval, in order.
    pub(super) rounds: Vec<RoundLine>,
}

/// How an approval ended.
pub(super) struct Decision {
    pub(super) words: String,
    pub(super) at: Time,
    pub(super) comment: String,
    /// What was filled in.
    pub(super) fields: Vec<Filled>,
    pub(super) href: String,
}

/// Where the pages of this run are.
pub(super) struct Places<'p> {
    pub(super) run: &'p str,
    pub(super) approvals: &'p str,
}

const fn state(standing: &StepStanding) -> (&'static str, &'static str) {
    match standing {
        StepStanding::Idle => ("idle", "Not started"),
        StepStanding::Skipped(_) => ("idle", "Skipped"),
        StepStanding::Running => ("running", "Running"),
        StepStanding::Retrying(_) => ("running", "Tried again soon"),
        StepStanding::Waiting => ("waiting", "Waiting"),
        StepStanding::Completed => ("completed", "Completed"),
        StepStanding::Failed => ("failed", "Failed"),
        StepStanding::PassedOver => ("failed", "Failed, passed over"),
        StepStanding::Stopped => ("cancelled", "Stopped"),
    }
}

/// Whether a model wrote the result.
pub(super) fn is_of_model(step: &StepShown) -> bool {
    step.kind.starts_with("agent.") && step.standing != StepStanding::PassedOver
}

fn is_approval(step: &StepShown) -> bool {
    step.kind == "approval"
}

fn span(step: &StepShown, until: Timestamp) -> Option<Span> {
    let from = step.started_at?;
    Some(Span { from, to: step.ended_at.unwrap_or(until).max(from), waits: is_approval(step) })
}

/// When a run that is shown now ended, or now.
fn until(run: &RunShown, now: Timestamp) -> Timestamp {
    run.line.ended_at.unwrap_or(now)
}

impl Steps {
    /// The rows of a run; `open` is the step whose detail is shown.
    pub(super) fn new(run: &RunShown, now: Timestamp, open: Option<&str>, places: &Places<'_>) -> Self {
        let until = until(run, now);
        let from = run.steps.iter().filter_map(|step| step.started_at).min().or(run.started_at).unwrap_or(run.line.accepted_at);
        let line = Timeline::new(from, until, run.steps.iter().filter_map(|step| span(step, until)));
        let rows = run.steps.iter().map(|step| row(step, from, until, now, &line, open == Some(step.id.as_str()), places)).collect();
        Self { rows, summary: summary(run, until) }
    }
}

fn summary(run: &RunShown, until: Timestamp) -> String {
    let all = run.steps.len();
    let reached = run.steps.iter().filter(|step| step.standing != StepStanding::Idle).count();
    let mut words = match run.steps.iter().position(|step| step.standing == StepStanding::Failed) {
        Some(position) => format!("failed at {} of {all}", position + 1),
        None => format!("{reached} of {all}"),
    };
    let spans = || run.steps.iter().filter_map(|step| span(step, until));
    match run.steps.iter().filter(|step| step.standing == StepStanding::PassedOver).count() {
        0 => {}
        1 => words.push_str(", 1 failure passed over"),
        several => {
            let _infallible = write!(words, ", {several} failures passed over");
        }
    }
    let worked = spans().filter(|span| !span.waits).map(Span::length).sum();
    let waited: std::time::Duration = spans().filter(|span| span.waits).map(Span::length).sum();
    if reached > 0 {
        let _infallible = write!(words, ", {} working", format::duration(worked));
    }
    if !waited.is_zero() {
        let _infallible = write!(words, ", {} waiting", format::duration(waited));
    }
    words
}

/// The path of a step as a value in an address.
pub(super) fn in_query(path: &str) -> impl std::fmt::Display + '_ {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'/');
    utf8_percent_encode(path, PLAIN)
}

fn row(
    step: &StepShown,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
    line: &Timeline,
    current: bool,
    places: &Places<'_>,
) -> StepRow {
    let (state, state_word) = state(&step.standing);
    let is_idle = matches!(step.standing, StepStanding::Idle | StepStanding::Skipped(_));
    let span = span(step, until).filter(|_| !is_idle);
    let bar_label = span.map_or_else(
        || "not started".to_owned(),
        |span| {
            let began = format::duration(span.from.since(from));
            match step.ended_at {
                Some(ended) => format!("from {began} to {}", format::duration(ended.since(from))),
                None => format!("since {began}"),
            }
        },
    );
    StepRow {
        id: format!("step-{}", step.id.replace('[', "--").replace("]/", "--")),
        state,
        state_word,
        name: text::in_line(&step.name),
        what: what(step),
        href: if is_idle { String::new() } else { format!("{}?step={}#step-detail", places.run, in_query(&step.id)) },
        current,
        label: step.label.as_deref().map(text::in_line).unwrap_or_default(),
        depth: step.depth.min(DEEPEST_SHOWN),
        why: why(step, now),
        bars: span.map(|span| line.bar(span)).into_iter().collect(),
        bar_label,
        length: span.map_or_else(|| NOTHING.to_owned(), |span| format::duration(span.length())),
        cost: cost(step),
    }
}

fn what(step: &StepShown) -> String {
    let mut parts = vec![step.kind.to_owned()];
    match (&step.decided, is_approval(step)) {
        (Some(decided), true) => parts.push(in_words(decided)),
        _ => parts.extend(step.towards.as_deref().map(text::in_line)),
    }
    if let Some((input, output)) = step.tokens {
        parts.push(format!("{} tokens", format::count(input.saturating_add(output))));
    }
    parts.join(" · ")
}

fn in_words(decided: &DecidedShown) -> String {
    match (decided.decision, decided.by.as_deref().filter(|by| !by.is_empty())) {
        ("expired", _) => "nobody decided in time".to_owned(),
        (decision, Some(by)) => format!("{decision} by {by}"),
        (decision, None) => decision.to_owned(),
    }
}

/// The key under which a step is sent; what only reads goes out without one.
fn key(step: &StepShown) -> Option<&str> {
    let method = step.request.as_ref().and_then(|call| call.get("method")).and_then(serde_json::Value::as_str);
    step.idempotency_key.as_deref().filter(|_| !matches!(method, Some("GET" | "HEAD")))
}

/// What is to be said about a step that was under way when the server stopped; empty when none was.
fn resent(step: &StepShown) -> &'static str {
    match (step.resent, key(step)) {
        (false, _) => "",
        (true, Some(_)) => {
            "A restart left its first sending unanswered: it was sent again with the same idempotency key, so that it counts once."
        }
        (true, None) => "A restart left its first sending unanswered: it was sent again. It only reads.",
    }
}

fn why(step: &StepShown, now: Timestamp) -> String {
    let failure = || step.failure.as_ref().map(|(_, message)| text::in_line(message)).unwrap_or_default();
    match &step.standing {
        StepStanding::Skipped(reason) => text::in_line(reason),
        StepStanding::Retrying(at) => {
            format!("Attempt {} failed: {} Tried again {}.", step.attempts, text::sentence(&failure()), format::ago(*at, now).text)
        }
        // The line above says already who decided what.
        StepStanding::Failed if is_approval(step) && step.decided.is_some() => String::new(),
        StepStanding::Failed | StepStanding::PassedOver => match step.attempts {
            0 | 1 => failure(),
            attempts => format!("{} {attempts} attempts failed.", text::sentence(&failure())),
        },
        _ if step.resent && key(step).is_some() => "Sent again with the same idempotency key after a restart".to_owned(),
        _ if step.resent => "Sent again after a restart".to_owned(),
        StepStanding::Completed if step.attempts > 1 => format!("Attempt {} succeeded", step.attempts),
        _ => String::new(),
    }
}

fn cost(step: &StepShown) -> String {
    match (step.held, step.cost) {
        // How much is held is told in the banner: here is room for the amount alone.
        (Some(held), _) => format!("+{held}"),
        (None, Some(cost)) => cost.to_string(),
        (None, None) => NOTHING.to_owned(),
    }
}

/// The step whose detail is shown: the one that is asked for, else the one that failed, else the last that a model answered.
pub(super) fn opened<'r>(run: &'r RunShown, asked: Option<&str>) -> Option<&'r StepShown> {
    let by_id = asked.and_then(|id| run.steps.iter().find(|step| step.id == id));
    by_id
        .or_else(|| run.steps.iter().find(|step| step.standing == StepStanding::Failed))
        .or_else(|| run.steps.iter().rev().find(|step| is_of_model(step) && step.output.is_some()))
}

/// One step in detail.
pub(super) fn detail(step: &StepShown, run: &RunShown, now: Timestamp, tab: Option<Tab>, places: &Places<'_>) -> Detail {
    let shows_request = tab == Some(Tab::Sent) && step.request.is_some();
    let (state, state_word) = state(&step.standing);
    // What failed before an attempt that succeeded stands among the attempts, and is no failure of the step.
    let failed = step.failure.clone().filter(|_| step.standing != StepStanding::Completed);
    let (failure_code, failure) = failed.unwrap_or_default();
    let mut facts = Vec::new();
    let mut fact = |label, value: Option<String>| facts.extend(value.map(|value| (label, value)));
    fact("Kind", Some(step.kind.to_owned()));
    fact("Towards", step.towards.as_deref().filter(|_| !is_approval(step) && !is_of_model(step)).map(text::in_line));
    fact("Asked", step.towards.as_deref().filter(|_| is_approval(step)).map(text::in_line));
    fact("Model", step.model.as_deref().map(text::in_line));
    fact("Tokens", step.tokens.map(|(input, output)| format!("{} in, {} out", format::count(input), format::count(output))));
    fact("Attempts", (step.attempts > 0).then(|| step.attempts.to_string()));
    fact("Idempotency key", key(step).map(text::in_line));
    fact("Duration", span(step, until(run, now)).map(|span| format::duration(span.length())));
    fact("Size of what was sent", step.request.as_ref().map(size));
    fact("Size of the result", step.output.as_ref().filter(|output| !output.is_null()).map(size));
    Detail {
        name: text::in_line(&step.name),
        state,
        state_word,
        failure: text::visible(&failure),
        failure_code,
        advice: if step.standing == StepStanding::Failed { advice(step) } else { "" },
        output: step.output.as_ref().filter(|output| !output.is_null() && !shows_request).map(text::readable).unwrap_or_default(),
        is_of_model: is_of_model(step),
        decided: step.decided.as_ref().map(|decided| Decision {
            words: in_words(decided),
            at: format::ago(decided.at, now),
            comment: text::visible(decided.comment.as_deref().unwrap_or_default()),
            fields: form::filled(decided.fields.clone()),
            href: decided.approval.map(|approval| format!("{}/{approval}", places.approvals)).unwrap_or_default(),
        }),
        has_request: step.request.is_some(),
        request: step.request.as_ref().filter(|_| shows_request).map(|call| request::written_out(call, key(step))).unwrap_or_default(),
        href: format!("{}?step={}", places.run, in_query(&step.id)),
        resent: resent(step),
        facts,
        started: step.started_at.map(format::clock),
        cost: step.cost.map(format::money),
        cost_note: if step.cost_estimated { "the most it may have been: the provider did not say" } else { "" },
        sendings: history::sendings(&step.sendings, until(run, now), now),
        rounds: history::rounds(&step.rounds, now, places.approvals),
    }
}

/// How much JSON a value is: what is longer than a page shows is cut there.
fn size(value: &serde_json::Value) -> String {
    let bytes = u64::try_from(value.to_string().len()).unwrap_or(u64::MAX);
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{}.{} KiB", bytes / 1_024, bytes % 1_024 * 10 / 1_024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

fn advice(step: &StepShown) -> &'static str {
    match step.kind {
        "http.request" => "Whether the other side did what it was asked can be seen there, under the idempotency key.",
        "workflow.assert" => "The run stopped before anything after this step went out.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use domain::Money;
    use platform::approvals::FilledShown;
    use serde_json::json;

    use super::*;
    use crate::runs::show::tests::{NOW, sample, step};

    const PLACES: Places<'static> = Places { run: "/t/acme/runs/run_x", approvals: "/t/acme/approvals" };

    #[test]
    fn a_row_says_how_a_step_stands() {
        let before = |seconds: u64| NOW.before(std::time::Duration::from_secs(seconds));
        let mut run = sample(platform::workflows::RunStatus::Running);
        let mut retried = step("pay", "http.request", StepStanding::Retrying(NOW.after(std::time::Duration::from_secs(4))));
        retried.attempts = 2;
        retried.failure = Some(("status".to_owned(), "503 from payments.example".to_owned()));
        let mut resent = step("again", "http.request", StepStanding::Completed);
        (resent.resent, resent.ended_at) = (true, Some(before(3)));
        resent.idempotency_key = Some("pay-1".to_owned());
        let mut priced = step("look", "agent.analyze", StepStanding::Completed);
        (priced.tokens, priced.cost, priced.started_at, priced.ended_at) =
            (Some((640, 172)), Some(Money::from_nanos(3_100_000)), Some(before(10)), Some(before(8)));
        let skipped = step("skip", "approval", StepStanding::Skipped("its condition does not hold".to_owned()));
        run.steps = vec![priced, retried, resent, skipped, step("last", "workflow.log", StepStanding::Idle)];
        let steps = Steps::new(&run, NOW, Some("pay"), &PLACES);
        let why: Vec<&str> = steps.rows.iter().map(|row| row.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "",
                "Attempt 2 failed: 503 from payments.example. Tried again in 4 s.",
                "Sent again with the same idempotency key after a restart",
                "its condition does not hold",
                ""
            ]
        );
        assert_eq!((steps.rows[0].what.as_str(), steps.rows[0].cost.as_str()), ("agent.analyze · erp.example · 812 tokens", "$0.0031"));
        assert_eq!((steps.rows[0].length.as_str(), steps.rows[4].length.as_str()), ("2.0 s", "–"));
        assert!(steps.rows[1].current && !steps.rows[0].current);
        assert!(steps.rows[4].href.is_empty() && steps.rows[4].bars.is_empty());
        assert!(steps.summary.starts_with("4 of 5, "), "{}", steps.summary);
    }

    #[test]
    fn what_only_reads_is_not_said_to_be_sent_under_a_key() {
        let mut read = step("read", "http.request", StepStanding::Completed);
        (read.resent, read.idempotency_key) = (true, Some("run_x:read".to_owned()));
        read.request =
            Some(json!({"call": "http", "method": "GET", "url": "https://erp.example/1", "headers": [], "query": [], "body": "none"}));
        assert_eq!((key(&read), why(&read, NOW).as_str()), (None, "Sent again after a restart"));
        read.request =
            Some(json!({"call": "http", "method": "POST", "url": "https://erp.example/1", "headers": [], "query": [], "body": "none"}));
        assert_eq!(key(&read), Some("run_x:read"));
        assert!(resent(&read).contains("the same idempotency key"));
    }

    #[test]
    fn what_failed_is_opened_before_what_a_model_said() {
        let mut run = sample(platform::workflows::RunStatus::Failed);
        let mut model = step("look", "agent.analyze", StepStanding::Completed);
        model.output = Some(json!({"risk": "low"}));
        run.steps = vec![model, step("pay", "http.request", StepStanding::Failed)];
        assert_eq!(opened(&run, None).unwrap().id, "pay");
        assert_eq!(opened(&run, Some("look")).unwrap().id, "look");
        assert_eq!(opened(&run, Some("nothing")).unwrap().id, "pay");
        run.steps.pop();
        assert_eq!(opened(&run, None).unwrap().id, "look");
        run.steps.clear();
        assert!(opened(&run, None).is_none());
    }

    #[test]
    fn a_decision_is_told_with_who_and_what_they_wrote() {
        let run = sample(platform::workflows::RunStatus::Running);
        let mut approval = step("agree", "approval", StepStanding::Completed);
        let decided = |decision, by: Option<&str>| DecidedShown {
            approval: None,
            decision,
            by: by.map(str::to_owned),
            at: NOW,
            comment: Some("fine".to_owned()),
            fields: vec![FilledShown { name: "code".to_owned(), label: "Code".to_owned(), value: json!("0815") }],
        };
        approval.decided = Some(decided("approved", Some("ada@acme.example")));
        let shown = detail(&approval, &run, NOW, None, &PLACES).decided.unwrap();
        assert_eq!((shown.fields[0].label.as_str(), shown.fields[0].value.as_str()), ("Code", "0815"));
        assert_eq!((shown.words.as_str(), shown.comment.as_str(), shown.href.as_str()), ("approved by ada@acme.example", "fine", ""));
        approval.decided = Some(decided("expired", None));
        assert_eq!(what(&approval), "approval · nobody decided in time");
        (approval.standing, approval.failure) = (StepStanding::Failed, Some(("expired".to_owned(), "nobody decided in time".to_owned())));
        assert_eq!(why(&approval, NOW), "", "it is said once");
    }

    #[test]
    fn an_attempt_that_failed_is_no_failure_of_a_step_that_succeeded() {
        let run = sample(platform::workflows::RunStatus::Running);
        let mut read = step("read", "http.request", StepStanding::Failed);
        read.failure = Some(("status".to_owned(), "503 from erp.example".to_owned()));
        assert_eq!(detail(&read, &run, NOW, None, &PLACES).failure, "503 from erp.example");
        read.standing = StepStanding::Completed;
        let detail = detail(&read, &run, NOW, None, &PLACES);
        assert_eq!((detail.failure.as_str(), detail.failure_code.as_str()), ("", ""));
    }

    #[test]
    fn the_size_of_a_value_is_told_as_people_count() {
        assert_eq!(size(&json!("abc")), "5 bytes");
        assert_eq!(size(&json!("x".repeat(1_534))), "1.5 KiB");
        assert_eq!(size(&json!("x".repeat(2 << 20))), "2.0 MiB");
    }
}
