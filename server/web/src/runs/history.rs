//! What happened at a step: every sending of every attempt, and every round of an approval.

use domain::Timestamp;
use platform::{
    approvals::State,
    runs::{RoundShown, Sending, SendingEnd, Spent},
};

use crate::{
    format::{self, Amount, Time},
    text,
};

/// One sending of an attempt (`templates/runs/_history.html`).
pub(super) struct SendingRow {
    pub(super) name: String,
    pub(super) to: String,
    pub(super) credentials: String,
    pub(super) sent: Time,
    pub(super) length: String,
    pub(super) state: &'static str,
    pub(super) word: &'static str,
    /// What went wrong, or when it is tried again; empty for nothing.
    pub(super) note: String,
    pub(super) tokens: String,
    pub(super) cost: Option<Amount>,
    /// What stands beside the cost; empty for nothing.
    pub(super) cost_note: &'static str,
}

/// One thing that happened to an approval.
pub(super) struct RoundLine {
    pub(super) word: &'static str,
    pub(super) who: String,
    pub(super) at: Time,
    /// What was written; empty for nothing.
    pub(super) note: String,
    /// Where the approval is decided; empty for nowhere.
    pub(super) href: String,
}

/// The sendings of a step; `until` is when the run ended, or now.
pub(super) fn sendings(all: &[Sending], until: Timestamp, now: Timestamp) -> Vec<SendingRow> {
    all.iter().map(|sending| row(sending, until, now)).collect()
}

fn row(sending: &Sending, until: Timestamp, now: Timestamp) -> SendingRow {
    let (state, word, note) = match &sending.end {
        SendingEnd::Out => ("running", "Out", String::new()),
        SendingEnd::Answered => ("completed", "Answered", String::new()),
        SendingEnd::Failed { code, message, again_at } => {
            let again = again_at.map(|at| format!(" The next was due at {}.", format::clock(at).text)).unwrap_or_default();
            ("failed", "Failed", format!("{} ({code}).{again}", text::in_line(message).trim_end_matches('.')))
        }
        SendingEnd::Unheard => {
            ("cancelled", "Not heard", "Nobody here heard its answer: a restart or the end of the run came first.".to_owned())
        }
    };
    SendingRow {
        name: match sending.dispatch {
            0 | 1 => sending.attempt.to_string(),
            dispatch => format!("{}, sending {dispatch}", sending.attempt),
        },
        to: text::in_line(&sending.to),
        credentials: sending.credentials.iter().map(|(name, version)| format!("{name} version {version}")).collect::<Vec<_>>().join(", "),
        sent: format::clock(sending.sent_at),
        length: format::duration(sending.ended_at.unwrap_or_else(|| until.min(now).max(sending.sent_at)).since(sending.sent_at)),
        state,
        word,
        note,
        tokens: sending.charge.map(tokens).unwrap_or_default(),
        cost: sending.charge.map(|spent| spent.cost).or(sending.held).map(format::money),
        cost_note: match (sending.charge, sending.held) {
            (Some(Spent { estimated: true, .. }), _) => "at most",
            (None, Some(_)) => "held",
            _ => "",
        },
    }
}

fn tokens(spent: Spent) -> String {
    let count = format::count;
    let cached = if spent.cached_tokens > 0 { format!(" ({} cached)", count(spent.cached_tokens)) } else { String::new() };
    if spent.input_tokens + spent.output_tokens == 0 {
        return String::new();
    }
    format!("{} in{cached}, {} out", count(spent.input_tokens), count(spent.output_tokens))
}

/// What happened to an approval, in order; `approvals` is the address of approvals, empty for one who may not see them.
pub(super) fn rounds(all: &[RoundShown], now: Timestamp, approvals: &str) -> Vec<RoundLine> {
    all.iter().flat_map(|round| lines(round, now, approvals)).collect()
}

fn lines(round: &RoundShown, now: Timestamp, approvals: &str) -> Vec<RoundLine> {
    let line = |word, who: String, at, note: &str| RoundLine {
        word,
        who,
        at: format::ago(at, now),
        note: text::visible(note),
        href: String::new(),
    };
    let whom = if round.asked.is_empty() { "nobody may decide it".to_owned() } else { round.asked.join(", ") };
    let href = if approvals.is_empty() { String::new() } else { format!("{approvals}/{}", round.approval) };
    let asked = if round.round > 1 { "Asked anew" } else { "Asked" };
    let mut lines = vec![RoundLine { href, ..line(asked, whom, round.asked_at, "") }];
    lines.extend(
        round.said.iter().map(|said| line(if said.agreed { "Agreed" } else { "Refused" }, said.who.clone(), said.at, &said.comment)),
    );
    let by = round.ended_by.clone().unwrap_or_default();
    let why = round.why_void.as_deref().unwrap_or_default();
    let end = match round.state {
        State::Pending => None,
        State::Approved => Some(("Approved", by)),
        State::Rejected => Some(("Rejected", by)),
        State::Expired => Some(("Expired", "nobody decided in time".to_owned())),
        State::Cancelled => Some(("Cancelled", by)),
        State::Voided => Some(("Void", "what it was about had changed".to_owned())),
        State::Escalated => Some(("Handed on", by)),
    };
    lines.extend(end.zip(round.ended_at).map(|((word, who), at)| line(word, who, at, why)));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{ApprovalId, Money, entropy::SeededEntropy};
    use platform::runs::SaidShown;

    use super::*;
    use crate::runs::show::tests::NOW;

    fn sending(attempt: u32, dispatch: u32, end: SendingEnd) -> Sending {
        Sending {
            attempt,
            dispatch,
            to: "POST payments.example".to_owned(),
            credentials: vec![("payment-desk".to_owned(), 2)],
            held: None,
            sent_at: NOW.before(Duration::from_secs(3)),
            ended_at: (end != SendingEnd::Out).then_some(NOW),
            end,
            charge: None,
        }
    }

    #[test]
    fn each_sending_says_where_it_went_how_long_it_took_and_how_it_ended() {
        let failed = SendingEnd::Failed { code: "http_status".to_owned(), message: "503.".to_owned(), again_at: Some(NOW) };
        let mut priced = sending(2, 2, SendingEnd::Answered);
        priced.charge =
            Some(Spent { input_tokens: 640, cached_tokens: 128, output_tokens: 172, cost: Money::from_nanos(3_100_000), estimated: true });
        let rows = sendings(&[sending(1, 1, failed), sending(2, 1, SendingEnd::Unheard), priced, sending(3, 1, SendingEnd::Out)], NOW, NOW);
        assert_eq!(rows[0].note, "503 (http_status). The next was due at 21 Nov 10:43:03.");
        assert_eq!((rows[1].name.as_str(), rows[1].word), ("2", "Not heard"));
        assert_eq!((rows[2].name.as_str(), rows[2].tokens.as_str()), ("2, sending 2", "640 in (128 cached), 172 out"));
        assert_eq!((rows[2].cost.as_ref().map(|cost| cost.text.as_str()), rows[2].cost_note), (Some("$0.0031"), "at most"));
        assert_eq!((rows[3].word, rows[3].length.as_str(), rows[3].credentials.as_str()), ("Out", "3.0 s", "payment-desk version 2"));
    }

    #[test]
    fn an_approval_tells_each_round_with_who_and_why() {
        let round = |number, state, said| RoundShown {
            approval: ApprovalId::new(NOW, &SeededEntropy::new(3)),
            step: "agree".to_owned(),
            round: number,
            asked: vec!["ada@acme.example".to_owned()],
            asked_at: NOW,
            expires_at: NOW,
            quorum: 1,
            said,
            state,
            ended_at: (state != State::Pending).then_some(NOW),
            ended_by: None,
            why_void: (state == State::Voided).then(|| "a credential changed".to_owned()),
        };
        let said = SaidShown { who: "ada@acme.example".to_owned(), agreed: true, comment: "<fine>".to_owned(), at: NOW };
        let lines = rounds(&[round(1, State::Voided, vec![said]), round(2, State::Pending, Vec::new())], NOW, "/t/acme/approvals");
        let words: Vec<(&str, &str)> = lines.iter().map(|line| (line.word, line.note.as_str())).collect();
        assert_eq!(words, [("Asked", ""), ("Agreed", "<fine>"), ("Void", "a credential changed"), ("Asked anew", "")]);
        assert!(lines[0].href.starts_with("/t/acme/approvals/apr_") && lines[1].href.is_empty());
        assert!(rounds(&[round(1, State::Expired, Vec::new())], NOW, "").iter().all(|line| line.href.is_empty()));
    }
}
