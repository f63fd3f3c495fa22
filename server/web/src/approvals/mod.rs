//! Approvals: the inbox, the page of a decision (`decision`) with what is filled in (`form`) and sent (`sent`) there, and
//! the way there from a mail (`link`).

pub(crate) mod decision;
pub(crate) mod form;
pub(crate) mod link;
mod markdown;
mod sent;

use askama::Template;
use domain::{Cursor, Timestamp, permission::ApprovalRead};
use platform::approvals::{ApprovalFilter, ApprovalLine, State, Which};
use serde::Deserialize;

use crate::{
    format::{self, Time},
    page::Page,
    route::{Answer, Grant, Query},
    text, view,
};

/// Approvals that wait, on one page: all of them, unless something is badly wrong.
const MOST_WAITING: u32 = 200;
/// Ended approvals on one page.
const PER_PAGE: u32 = 30;

/// The state of an approval as a pill shows it.
pub(crate) const fn pill(state: State) -> (&'static str, &'static str) {
    match state {
        State::Pending => ("waiting", "Waiting"),
        State::Approved => ("completed", "Approved"),
        State::Rejected => ("failed", "Rejected"),
        State::Expired => ("cancelled", "Expired"),
        State::Cancelled => ("cancelled", "Cancelled"),
        State::Voided => ("cancelled", "Void"),
        State::Escalated => ("waiting", "Handed on"),
    }
}

/// An approval on a line.
pub(crate) struct ApprovalRow {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) title: String,
    /// The workflow and the number of its run.
    pub(crate) run: String,
    pub(crate) starter: String,
    pub(crate) risk: &'static str,
    pub(crate) asked: Time,
    /// What happens at that moment without a decision.
    pub(crate) at_expiry: &'static str,
    pub(crate) expires: Time,
    /// Whom it is for, and why not this member; empty when they may decide.
    pub(crate) not_mine: String,
    /// How many of how many agreed; empty when one is enough.
    pub(crate) agreed: String,
    state: &'static str,
    word: &'static str,
    ended: Option<Time>,
    ended_by: String,
}

impl ApprovalRow {
    pub(crate) fn new<P>(grant: &Grant<P>, line: ApprovalLine) -> Self {
        let href = grant.path(&format!("/approvals/{}", line.id));
        Self::at(line, href, grant.platform().now())
    }

    fn at(line: ApprovalLine, href: String, now: Timestamp) -> Self {
        let (state, word) = pill(line.state);
        let (agreed, needed) = line.agreed;
        Self {
            id: line.id.to_string(),
            href,
            title: text::in_line(&line.title),
            run: format!("{} #{}", text::in_line(&line.workflow_name), line.run_number),
            starter: line.starter,
            risk: line.risk,
            asked: format::ago(line.requested_at, now),
            at_expiry: if line.goes_on_expired { "goes on without a decision" } else { "rejects itself" },
            expires: format::moment(line.expires_at, now),
            not_mine: line.mine.err().unwrap_or_default(),
            agreed: if needed > 1 { format!("{agreed} of {needed} agreed") } else { String::new() },
            state,
            word,
            ended: line.ended_at.map(|at| format::ago(at, now)),
            ended_by: line.ended_by.unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "approvals/list.html")]
struct ListView {
    page: Page,
    lead: String,
    mine: Vec<ApprovalRow>,
    others: Vec<ApprovalRow>,
    ended: Vec<ApprovalRow>,
    newest: String,
    older: String,
}

/// What the address of the inbox says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    after: Option<i64>,
}

/// `GET /t/{slug}/approvals`: what waits for this member, what waits for others, and what ended.
pub(crate) async fn list(grant: Grant<ApprovalRead>, Query(wanted): Query<Wanted>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let after = wanted.after.map(Cursor);
    let waiting = platform.pending_approvals(actor, MOST_WAITING).await?;
    let ended = ApprovalFilter { which: Which::Ended(None), ..ApprovalFilter::default() };
    let ended = platform.approvals(actor, &ended, after, PER_PAGE).await?;
    let (mine, others): (Vec<_>, Vec<_>) =
        waiting.into_iter().map(|line| ApprovalRow::new(&grant, line)).partition(|row| row.not_mine.is_empty());
    let href = grant.path("/approvals");
    view::html(&ListView {
        page: grant.page().await?,
        lead: lead(mine.len()),
        mine,
        others,
        ended: ended.items.into_iter().map(|line| ApprovalRow::new(&grant, line)).collect(),
        older: ended.next.map(|Cursor(next)| format!("{href}?after={next}")).unwrap_or_default(),
        newest: after.map(|_| href).unwrap_or_default(),
    })
}

/// How many wait for this member, in words.
pub(crate) fn lead(mine: usize) -> String {
    match mine {
        0 => "Nothing waits for you.".to_owned(),
        1 => "One waits for you.".to_owned(),
        several => format!("{several} wait for you. The one that expires first stands on top."),
    }
}

/// An approval for tests of templates.
#[cfg(test)]
pub(crate) fn sample_line(state: State, mine: Result<(), String>) -> ApprovalLine {
    use domain::{ApprovalId, RunId, entropy::SeededEntropy};
    let now = Timestamp::from_micros(1_795_257_663_112_000);
    let entropy = SeededEntropy::new(11);
    ApprovalLine {
        id: ApprovalId::new(now, &entropy),
        run: RunId::new(now, &entropy),
        run_number: 1042,
        workflow_name: "Vendor payment".to_owned(),
        title: "Pay 1840.5 EUR to <Nordlicht> \u{202e}".to_owned(),
        starter: "clerk@acme.example".to_owned(),
        approvers: "role approver".to_owned(),
        risk: "high",
        state,
        agreed: (0, 1),
        requested_at: now,
        expires_at: now.after(std::time::Duration::from_hours(72)),
        goes_on_expired: false,
        ended_at: (state != State::Pending).then_some(now),
        ended_by: (state != State::Pending).then(|| "ada@acme.example".to_owned()),
        mine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page;

    fn row(state: State, mine: Result<(), String>) -> ApprovalRow {
        let now = Timestamp::from_micros(1_795_257_783_112_000);
        ApprovalRow::at(sample_line(state, mine), "/t/acme/approvals/apr_x".to_owned(), now)
    }

    #[test]
    fn what_waits_for_the_reader_stands_before_what_waits_for_others() {
        let view = ListView {
            page: page::sample(),
            lead: lead(1),
            mine: vec![row(State::Pending, Ok(()))],
            others: vec![row(State::Pending, Err("You started this run: somebody else has to decide.".to_owned()))],
            ended: vec![row(State::Rejected, Ok(()))],
            newest: String::new(),
            older: "/t/acme/approvals?after=3".to_owned(),
        };
        let html = view.render().unwrap();
        let places: Vec<usize> = ["Waits for you", "Waits for others", "Decided"].iter().map(|word| html.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        for part in [
            "&#60;Nordlicht&#62; \\u{202e}",
            "2 min ago",
            "Tue 24 Nov, 10:41 UTC",
            "You started this run",
            "Rejected",
            "high risk",
            "after=3",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn an_empty_inbox_says_so() {
        let view = ListView {
            page: page::sample(),
            lead: lead(0),
            mine: Vec::new(),
            others: Vec::new(),
            ended: Vec::new(),
            newest: String::new(),
            older: String::new(),
        };
        assert!(view.render().unwrap().contains("Nothing waits for you"));
    }

    #[test]
    fn every_state_has_a_word() {
        for (_, state) in State::WORDS {
            assert!(!pill(*state).1.is_empty());
        }
    }
}
