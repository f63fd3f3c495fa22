//! Runs: the list, the page of one (`show`), that page as it changes (`live`), and asking one to stop (`cancellation`).
//! Starting one is with its workflow, in `workflows/start.rs`.

pub(crate) mod cancellation;
pub(crate) mod live;
mod request;
pub(crate) mod show;
mod steps;
mod timeline;

use askama::Template;
use domain::{Cursor, Permission, Timestamp, permission::RunRead};
use platform::{
    runs::{RunLine, Waiting},
    workflows::RunStatus,
};
use serde::Deserialize;

use crate::{
    format::{self, Amount, Time},
    page::Page,
    route::{Answer, Grant, Query},
    text, view,
};

/// Runs on one page of the list.
const PER_PAGE: u32 = 50;

/// The states that the list can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Queued,
    Running,
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

impl State {
    const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Waiting, Self::Completed, Self::Failed, Self::Cancelled];

    const fn status(self) -> RunStatus {
        match self {
            Self::Queued => RunStatus::Queued,
            Self::Running => RunStatus::Running,
            Self::Waiting => RunStatus::Waiting,
            Self::Completed => RunStatus::Completed,
            Self::Failed => RunStatus::Failed,
            Self::Cancelled => RunStatus::Cancelled,
        }
    }
}

/// The state of a run as a pill shows it: one of the six states, and its word.
pub(crate) const fn pill(status: RunStatus) -> (&'static str, &'static str) {
    match status {
        RunStatus::Queued => ("idle", "Queued"),
        RunStatus::Running => ("running", "Running"),
        RunStatus::Waiting => ("waiting", "Waiting"),
        RunStatus::Completed => ("completed", "Completed"),
        RunStatus::Failed => ("failed", "Failed"),
        RunStatus::Cancelled => ("cancelled", "Cancelled"),
    }
}

/// A run on a line, in lists of every page.
pub(crate) struct RunRow {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) number: i64,
    pub(crate) state: &'static str,
    pub(crate) word: &'static str,
    /// What it waits for; empty for nothing.
    pub(crate) note: String,
    pub(crate) starter: String,
    pub(crate) started: Time,
    pub(crate) length: String,
    pub(crate) cost: Amount,
}

impl RunRow {
    pub(crate) fn new<P>(grant: &Grant<P>, line: &RunLine) -> Self {
        Self::at(line, grant.path(&format!("/runs/{}", line.id)), grant.platform().now())
    }

    fn at(line: &RunLine, href: String, now: Timestamp) -> Self {
        let (state, word) = pill_of(line);
        Self {
            id: line.id.to_string(),
            href,
            name: text::in_line(&line.workflow_name),
            number: line.number,
            state,
            word,
            note: match &line.waiting {
                Some(Waiting::Approval { title, .. }) => text::in_line(title),
                Some(Waiting::Other { words, .. }) => text::in_line(words),
                None => String::new(),
            },
            starter: line.starter.clone(),
            started: format::ago(line.accepted_at, now),
            length: format::duration(line.ended_at.unwrap_or(now).since(line.accepted_at)),
            cost: format::money(line.spent),
        }
    }
}

/// The pill of a run whose waiting is known.
pub(crate) const fn pill_of(line: &RunLine) -> (&'static str, &'static str) {
    match (&line.waiting, line.status) {
        (Some(Waiting::Approval { .. }), RunStatus::Waiting) => ("waiting", "Waiting for approval"),
        (_, status) => pill(status),
    }
}

/// A state to choose.
struct Choice {
    value: &'static str,
    word: &'static str,
    selected: bool,
}

#[derive(Template)]
#[template(path = "runs/list.html")]
struct ListView {
    page: Page,
    rows: Vec<RunRow>,
    choices: Vec<Choice>,
    list_href: String,
    /// Where a run is started; empty for one who may not.
    workflows_href: String,
    may_start: bool,
    is_filtered: bool,
    /// The first page, when this is another; else empty.
    newest: String,
    older: String,
    words: String,
}

/// What the address of the list says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    state: Option<State>,
    after: Option<i64>,
}

/// Asks a verb that takes a filter, changed by `narrow` from one that lets everything through.
pub(crate) fn narrowed<F: Default, R>(ask: impl FnOnce(F) -> R, narrow: impl FnOnce(&mut F)) -> R {
    let mut filter = F::default();
    narrow(&mut filter);
    ask(filter)
}

/// `GET /t/{slug}/runs`: the runs, newest first.
pub(crate) async fn list(grant: Grant<RunRead>, Query(wanted): Query<Wanted>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let status = wanted.state.map(State::status);
    let after = wanted.after.map(Cursor);
    let runs = narrowed(|filter| platform.runs(actor, filter, after, PER_PAGE), |filter| filter.status = status).await?;
    let list_href = grant.path("/runs");
    let of_state = status.map(|status| format!("state={}", status.name())).unwrap_or_default();
    let address = |rest: String| match (of_state.as_str(), rest.as_str()) {
        ("", "") => list_href.clone(),
        (state, "") => format!("{list_href}?{state}"),
        ("", rest) => format!("{list_href}?{rest}"),
        (state, rest) => format!("{list_href}?{state}&{rest}"),
    };
    let rows: Vec<RunRow> = runs.items.iter().map(|line| RunRow::new(&grant, line)).collect();
    view::html(&ListView {
        page: grant.page().await?,
        words: words(rows.len(), runs.next.is_some() || after.is_some()),
        rows,
        choices: choices(wanted.state),
        newest: after.map(|_| address(String::new())).unwrap_or_default(),
        older: runs.next.map(|Cursor(next)| address(format!("after={next}"))).unwrap_or_default(),
        workflows_href: grant.path("/workflows"),
        may_start: grant.may(Permission::WorkflowExecute),
        is_filtered: status.is_some(),
        list_href,
    })
}

fn choices(chosen: Option<State>) -> Vec<Choice> {
    State::ALL
        .into_iter()
        .map(|state| Choice { value: state.status().name(), word: pill(state.status()).1, selected: chosen == Some(state) })
        .collect()
}

fn words(shown: usize, there_are_more: bool) -> String {
    match (shown, there_are_more) {
        (1, false) => "1 run".to_owned(),
        (shown, false) => format!("{shown} runs"),
        (shown, true) => format!("{shown} runs on this page"),
    }
}

/// A run for tests of templates.
#[cfg(test)]
pub(crate) fn sample_line(status: RunStatus) -> RunLine {
    let id = domain::RunId::new(Timestamp::from_micros(0), &domain::entropy::SeededEntropy::new(7));
    RunLine {
        id,
        number: 1042,
        workflow_slug: "vendor-payment".to_owned(),
        workflow_name: "Vendor payment".to_owned(),
        starter: "clerk@acme.example".to_owned(),
        status,
        waiting: None,
        spent: domain::Money::from_nanos(3_100_000),
        accepted_at: Timestamp::from_micros(1_795_257_663_112_000),
        ended_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page;

    fn html(rows: Vec<RunRow>, wanted: Option<State>) -> String {
        ListView {
            page: page::sample(),
            words: words(rows.len(), false),
            rows,
            choices: choices(wanted),
            list_href: "/t/acme/runs".to_owned(),
            workflows_href: "/t/acme/workflows".to_owned(),
            may_start: true,
            is_filtered: wanted.is_some(),
            newest: String::new(),
            older: "/t/acme/runs?after=7".to_owned(),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn a_run_is_a_line_with_its_state_and_what_it_waits_for() {
        let now = Timestamp::from_micros(1_795_257_783_112_000);
        let mut line = sample_line(RunStatus::Waiting);
        line.waiting = Some(Waiting::Approval {
            step: "agree".to_owned(),
            approval: None,
            title: "Pay <b>1</b> \u{202e}EUR".to_owned(),
            since: now,
            until: now,
        });
        let row = RunRow::at(&line, "/t/acme/runs/x".to_owned(), now);
        assert_eq!((row.word, row.length.as_str(), row.started.text.as_str()), ("Waiting for approval", "2 min", "2 min ago"));
        let html = html(vec![row], None);
        for part in ["Vendor payment #1042", "Waiting for approval", "Pay &#60;b&#62;1&#60;/b&#62; \\u{202e}EUR", "after=7", "1 run"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn an_empty_list_says_why_it_is_empty() {
        assert!(html(Vec::new(), None).contains("No runs yet"));
        let filtered = html(Vec::new(), Some(State::Failed));
        assert!(filtered.contains("href=\"/t/acme/runs\"") && filtered.contains("<option value=\"failed\" selected>"), "{filtered}");
    }

    #[test]
    fn every_state_of_a_run_can_be_chosen() {
        for (word, status) in RunStatus::WORDS {
            assert!(choices(None).iter().any(|choice| choice.value == *word), "{word}");
            assert!(!pill(*status).1.is_empty());
        }
    }
}
