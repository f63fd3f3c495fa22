//! Runs: the list (`list`), the page of one (`show`) with its steps (`steps`) and why it waits (`waits`), that page as it
//! changes (`live`), asking one to stop (`cancellation`) or to pause (`pause`), sending one a signal (`signal`), starting one once
//! more (`repetition`), and the version it runs (`version`). Starting one is with its workflow, in `workflows/start.rs`.

pub(crate) mod cancellation;
mod history;
pub(crate) mod list;
pub(crate) mod live;
pub(crate) mod pause;
pub(crate) mod repetition;
mod request;
pub(crate) mod show;
pub(crate) mod signal;
mod steps;
mod timeline;
pub(crate) mod version;
mod waits;

use domain::Timestamp;
use platform::{
    runs::{RunLine, Waiting},
    workflows::RunStatus,
};

use crate::{
    format::{self, Amount, Time},
    route::Grant,
    text,
};

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
                Some(Waiting::Paused { by, .. }) => format!("by {}", text::in_line(by)),
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
        (Some(Waiting::Paused { .. }), RunStatus::Waiting) => ("waiting", "Paused"),
        (_, status) => pill(status),
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
