//! Why a run waits, line by line: for whom or what, since when, until when, what happens then, and what helps.

use domain::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::{
    budgets::AccountShown,
    runs::{SaidShown, Wait},
};

use super::show::Ground;
use crate::{
    format::{self, Time},
    text,
};

/// One line (`templates/runs/_wait.html`).
pub(super) struct WaitLine {
    pub(super) label: &'static str,
    pub(super) words: String,
    /// A moment, told after the words.
    pub(super) at: Option<Time>,
    /// Where something can be done about it; empty for nowhere.
    pub(super) href: String,
    pub(super) link: &'static str,
}

fn line(label: &'static str, words: impl Into<String>) -> WaitLine {
    WaitLine { label, words: words.into(), at: None, href: String::new(), link: "" }
}

fn moment(label: &'static str, at: Timestamp, now: Timestamp) -> WaitLine {
    WaitLine { at: Some(format::moment(at, now)), ..line(label, "") }
}

fn since(at: Timestamp, now: Timestamp) -> WaitLine {
    WaitLine { at: Some(format::ago(at, now)), ..line("Since", "") }
}

/// What is said of a wait.
pub(super) fn lines(wait: &Wait, now: Timestamp, ground: &Ground) -> Vec<WaitLine> {
    match wait {
        Wait::Approval { step, approval, who, quorum, asked, said, since: from, until, goes_on } => {
            let mut lines = vec![line("For", who.clone()), line("At", text::in_line(step))];
            lines.push(match asked.as_slice() {
                [] => line("Asked", "nobody: no member may decide it. Give somebody the right, and it stands in their list."),
                asked => line("Asked", format!("{}, by mail", asked.join(", "))),
            });
            if *quorum > 1 {
                lines.push(line("Agreed", agreed(said, *quorum)));
            }
            lines.push(since(*from, now));
            lines.push(moment("Until", *until, now));
            lines.push(line(
                "Then",
                if *goes_on { "the run goes on without a decision" } else { "the run fails, and nothing of it is done" },
            ));
            if ground.may_see_approvals {
                let href = format!("{}/approvals/{approval}", ground.base);
                lines.push(WaitLine { href, link: "Look at what is asked", ..line("Decide", "") });
            }
            lines
        }
        Wait::Parked { step, words, since: from, until, account, is_for_money } => {
            let mut lines = vec![line("For", text::in_line(words)), line("At", text::in_line(step))];
            lines.extend(account.as_ref().map(|account| line("Account", stands(account))));
            lines.extend(from.map(|from| since(from, now)));
            lines.extend(until.map(|until| moment("Until", until, now)));
            let then = match until {
                Some(_) => "the time of the run is up, and it fails",
                None => "it has no limit: the run waits until it may go on, or is cancelled",
            };
            lines.push(line("Then", then));
            lines.push(if !is_for_money {
                line("Helps", "a right that is given back: the run looks again by itself")
            } else if ground.budgets_href.is_empty() {
                line("Helps", "one who may change budgets: confirm or release what is in doubt, or raise the limit")
            } else {
                let helps = line("Helps", "confirming or releasing what is in doubt, or a higher limit:");
                WaitLine { href: ground.budgets_href.clone(), link: "Budgets", ..helps }
            });
            lines
        }
        Wait::Retry { step, attempt, of, since: from, until, deadline } => {
            let mut lines = vec![line("For", format!("attempt {attempt} of {of}, after a pause")), line("At", text::in_line(step))];
            lines.extend(from.map(|from| since(from, now)));
            lines.push(moment("Until", *until, now));
            lines.push(line("Then", "it is tried again, under the same idempotency key"));
            lines.extend(deadline.map(|deadline| moment("Run ends", deadline, now)));
            lines
        }
        Wait::Paused { by, reason, since: from, deadline } => {
            let mut lines = vec![line("For", "somebody who lets it go on"), line("Paused by", text::in_line(by))];
            lines.extend(reason.as_ref().map(|reason| line("Reason", text::in_line(reason))));
            lines.push(since(*from, now));
            lines.push(line("Then", "its next step begins, under the rights that whoever started it has by then"));
            lines.extend(deadline.map(|deadline| moment("Run ends", deadline, now)));
            lines
        }
        Wait::Pause { step, signal, since: from, until, deadline } => {
            let for_what = signal
                .as_ref()
                .map_or_else(|| "its moment, as the workflow says".to_owned(), |signal| format!("the signal {}", text::in_line(signal)));
            let mut lines = vec![line("For", for_what), line("At", text::in_line(step))];
            lines.extend(from.map(|from| since(from, now)));
            lines.extend(until.map(|until| moment("Until", until, now)));
            lines.push(line("Then", "the run goes on by itself"));
            if let Some(signal) = signal.as_ref().filter(|_| ground.may_start) {
                let href = format!("{}/signals/new?name={}", ground.run_href, utf8_percent_encode(signal, NON_ALPHANUMERIC));
                lines.push(WaitLine { href, link: "Send the signal", ..line("Helps", "") });
            }
            lines.extend(deadline.map(|deadline| moment("Run ends", deadline, now)));
            lines
        }
        Wait::Queue { since: from, is_taken_up } => {
            let for_what = if *is_taken_up { "its first step: a server has taken it up" } else { "a server that takes it up" };
            let then = line("Then", "its first step begins. It keeps its place whatever happens to the server");
            vec![line("For", for_what), since(*from, now), then]
        }
    }
}

fn agreed(said: &[SaidShown], quorum: i64) -> String {
    let names: Vec<&str> = said.iter().filter(|said| said.agreed).map(|said| said.who.as_str()).collect();
    if names.is_empty() { format!("0 of {quorum}") } else { format!("{} of {quorum}: {}", names.len(), names.join(", ")) }
}

fn stands(account: &AccountShown) -> String {
    let limit = account.limit.map_or_else(|| "no limit".to_owned(), |limit| format!("of {limit}"));
    format!("{} spent, {} held, {limit}; {} of it in doubt", account.spent, account.held, account.unconfirmed)
}

#[cfg(test)]
mod tests {
    use domain::{ApprovalId, Money, entropy::SeededEntropy};

    use super::*;
    use crate::runs::show::tests::{NOW, ground};

    fn told(wait: &Wait, ground: &Ground) -> Vec<(&'static str, String)> {
        lines(wait, NOW, ground).into_iter().map(|line| (line.label, line.at.map_or(line.words, |at| at.text) + line.link)).collect()
    }

    fn word<'l>(lines: &'l [(&'static str, String)], label: &str) -> &'l str {
        lines.iter().find(|(known, _)| *known == label).map_or("", |(_, words)| words)
    }

    #[test]
    fn an_approval_says_who_was_asked_who_agreed_and_what_happens_at_the_end() {
        let mut wait = Wait::Approval {
            step: "Finance agrees".to_owned(),
            approval: ApprovalId::new(NOW, &SeededEntropy::new(3)),
            who: "2 of role approver".to_owned(),
            quorum: 2,
            asked: vec!["ada@acme.example".to_owned(), "bob@acme.example".to_owned()],
            said: vec![SaidShown { who: "ada@acme.example".to_owned(), agreed: true, comment: String::new(), at: NOW }],
            since: NOW.before(std::time::Duration::from_mins(2)),
            until: NOW.after(std::time::Duration::from_hours(72)),
            goes_on: false,
        };
        let lines = told(&wait, &ground());
        assert_eq!(word(&lines, "For"), "2 of role approver");
        assert_eq!(word(&lines, "Asked"), "ada@acme.example, bob@acme.example, by mail");
        assert_eq!(word(&lines, "Agreed"), "1 of 2: ada@acme.example");
        assert_eq!((word(&lines, "Since"), word(&lines, "Until")), ("2 min ago", "Tue 24 Nov, 10:43 UTC"));
        assert_eq!(word(&lines, "Then"), "the run fails, and nothing of it is done");
        if let Wait::Approval { goes_on, asked, .. } = &mut wait {
            *goes_on = true;
            asked.clear();
        }
        let lines = told(&wait, &Ground { may_see_approvals: false, ..ground() });
        assert_eq!(word(&lines, "Then"), "the run goes on without a decision");
        assert!(word(&lines, "Asked").starts_with("nobody") && word(&lines, "Decide").is_empty());
    }

    #[test]
    fn a_parked_step_says_what_is_in_its_way_and_what_helps() {
        let cents = |number: i64| Money::from_nanos(number * 10_000_000);
        let account = AccountShown { limit: Some(cents(500)), spent: cents(498), unconfirmed: cents(40), ..AccountShown::default() };
        let wait = Wait::Parked {
            step: "Look".to_owned(),
            words: "What a crash left open has to be confirmed or released.".to_owned(),
            since: Some(NOW),
            until: None,
            account: Some(account),
            is_for_money: true,
        };
        let lines = told(&wait, &ground());
        assert_eq!(word(&lines, "Account"), "$4.98 spent, $0.00 held, of $5.00; $0.4000 of it in doubt");
        assert!(word(&lines, "Helps").ends_with("Budgets") && word(&lines, "Then").contains("no limit"));
        let hidden = told(&wait, &Ground { budgets_href: String::new(), ..ground() });
        assert!(word(&hidden, "Helps").starts_with("one who may change budgets"));
    }

    #[test]
    fn a_pause_and_a_place_in_the_queue_are_told_too() {
        let retry = Wait::Retry { step: "Pay".to_owned(), attempt: 2, of: 4, since: None, until: NOW, deadline: Some(NOW) };
        let lines = told(&retry, &ground());
        assert_eq!((word(&lines, "For"), word(&lines, "Run ends")), ("attempt 2 of 4, after a pause", "10:43 UTC"));
        let queue = |is_taken_up| told(&Wait::Queue { since: NOW, is_taken_up }, &ground());
        assert_ne!(queue(true), queue(false));
    }
}
