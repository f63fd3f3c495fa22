//! What happened in a run beyond how it stands: every sending of every attempt, the rounds of its approvals, what steps said.
//!
//! Sendings and log lines come from the journal, rounds from the rows that decide. A new kind of fact that a page should tell
//! gets an arm in [`History::note`].

use std::collections::BTreeMap;

use database::{
    ApprovalState, Reads,
    approvals::{self as rows, Verdict},
    runs::RunRow,
};
use domain::{ApprovalId, Authorized, Money, Timestamp, permission::RunRead};
use workflow::{
    Event,
    event::{Charge, Failure},
};

use super::LogLine;
use crate::Result;

/// One sending of one attempt of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The attempt, from 1.
    pub attempt: u32,
    /// The sending of it, from 1; more after a restart that left one unanswered.
    pub dispatch: u32,
    /// Where it went: `POST payments.example`, or the model.
    pub to: String,
    /// The credentials it was given: name and version.
    pub credentials: Vec<(String, i64)>,
    /// What was set aside for it.
    pub held: Option<Money>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: SendingEnd,
    /// What it cost, as far as it is known.
    pub charge: Option<Spent>,
}

/// How a sending ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendingEnd {
    /// It is out.
    Out,
    /// It was answered, and the answer was taken.
    Answered,
    /// It failed.
    Failed {
        /// A stable word.
        code: String,
        /// What went wrong, as a sentence.
        message: String,
        /// When the next attempt is made, if there is one.
        again_at: Option<Timestamp>,
    },
    /// Nobody here heard its answer: a restart or the end of the run came first.
    Unheard,
}

/// What a sending cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Tokens in, cached ones included.
    pub input_tokens: u64,
    /// Of these, from a cache.
    pub cached_tokens: u64,
    /// Tokens out.
    pub output_tokens: u64,
    /// The cost.
    pub cost: Money,
    /// Whether it is the most it may have been, because the provider did not say.
    pub estimated: bool,
}

/// One time that an approval was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundShown {
    /// The approval.
    pub approval: ApprovalId,
    /// The step that asked.
    pub step: String,
    /// How often the step had asked, from 1.
    pub round: i64,
    /// The addresses of those who were asked by mail.
    pub asked: Vec<String>,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it could be decided.
    pub expires_at: Timestamp,
    /// How many had to agree.
    pub quorum: i64,
    /// What each of them said, in order.
    pub said: Vec<SaidShown>,
    /// What became of it.
    pub state: ApprovalState,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who ended it, if somebody did.
    pub ended_by: Option<String>,
    /// Why it is void, when it is.
    pub why_void: Option<String>,
}

/// What one approver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidShown {
    /// Their address.
    pub who: String,
    /// Whether they agreed.
    pub agreed: bool,
    /// What they wrote.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// What the facts of a journal tell, read one after the other.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) log: Vec<LogLine>,
    pub(super) sendings: BTreeMap<String, Vec<Sending>>,
    /// Since when a step is parked.
    pub(super) parked: BTreeMap<String, Timestamp>,
}

impl From<&Charge> for Spent {
    fn from(charge: &Charge) -> Self {
        Self {
            input_tokens: charge.input_tokens,
            cached_tokens: charge.cached_tokens,
            output_tokens: charge.output_tokens,
            cost: charge.cost,
            estimated: charge.estimated,
        }
    }
}

impl History {
    /// Takes in one more fact.
    pub(super) fn note(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Logged { step, level, message } => {
                let level = format!("{level:?}").to_lowercase();
                self.log.push(LogLine { at, step: step.clone(), level, message: message.clone() });
            }
            Event::Dispatched { step, attempt, dispatch, held, model, credentials, method, host } => {
                self.parked.remove(step);
                self.end(step, at, SendingEnd::Unheard, None);
                let words = [method.as_deref(), host.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
                self.sendings.entry(step.clone()).or_default().push(Sending {
                    attempt: *attempt,
                    dispatch: *dispatch,
                    to: model.clone().unwrap_or(words),
                    credentials: credentials.iter().map(|used| (used.name.clone(), used.version)).collect(),
                    held: *held,
                    sent_at: at,
                    ended_at: None,
                    end: SendingEnd::Out,
                    charge: None,
                });
            }
            Event::AttemptFailed { step, failure, retry_at, charge, .. } => {
                self.end(step, at, failed(failure, Some(*retry_at)), charge.as_ref());
            }
            Event::StepFailed { step, failure, charge, .. } => {
                self.parked.remove(step);
                self.end(step, at, failed(failure, None), charge.as_ref());
            }
            Event::StepCompleted { step, charge, .. } => self.end(step, at, SendingEnd::Answered, charge.as_ref()),
            Event::Parked { step, .. } => {
                self.parked.entry(step.clone()).or_insert(at);
            }
            Event::Resumed { step } => {
                self.parked.remove(step);
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => self.close(at),
            _ => {}
        }
    }

    /// Ends the sending of a step that is out, if one is.
    fn end(&mut self, step: &str, at: Timestamp, end: SendingEnd, charge: Option<&Charge>) {
        let Some(last) = self.sendings.get_mut(step).and_then(|all| all.last_mut()) else { return };
        if last.end == SendingEnd::Out {
            last.end = end;
            last.ended_at = Some(at);
            last.charge = charge.map(Spent::from);
        }
    }

    /// The run is over: nobody hears what is still out.
    fn close(&mut self, at: Timestamp) {
        self.parked.clear();
        for last in self.sendings.values_mut().filter_map(|all| all.last_mut()) {
            if last.end == SendingEnd::Out {
                last.end = SendingEnd::Unheard;
                last.ended_at = Some(at);
            }
        }
    }
}

fn failed(failure: &Failure, again_at: Option<Timestamp>) -> SendingEnd {
    SendingEnd::Failed { code: failure.code.clone(), message: failure.message.clone(), again_at }
}

/// Every round of every approval of a run, in order.
pub(super) async fn rounds<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<Vec<RoundShown>> {
    let asked = rows::rounds_of_run(tx, run).await?;
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (said, mailed) = (rows::said_in_run(tx, run).await?, rows::mailed_in_run(tx, run).await?);
    let round = |row: rows::RoundRow| RoundShown {
        asked: mailed.iter().filter(|mail| mail.approval == row.id).map(|mail| mail.email.clone()).collect(),
        said: said
            .iter()
            .filter(|said| said.approval == row.id)
            .map(|said| SaidShown {
                who: said.email.clone(),
                agreed: said.verdict == Verdict::Approved,
                comment: said.comment.clone(),
                at: said.at,
            })
            .collect(),
        approval: row.id,
        step: row.step,
        round: row.round,
        asked_at: row.requested_at,
        expires_at: row.expires_at,
        quorum: row.quorum,
        why_void: row.comment.filter(|_| row.state == ApprovalState::Voided),
        state: row.state,
        ended_at: row.ended_at,
        ended_by: row.ended_by_label.filter(|label| !label.is_empty()),
    };
    Ok(asked.into_iter().map(round).collect())
}

#[cfg(test)]
mod tests {
    use workflow::event::Park;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn sent(attempt: u32, dispatch: u32) -> Event {
        Event::Dispatched {
            step: "pay".to_owned(),
            attempt,
            dispatch,
            held: None,
            model: None,
            credentials: Vec::new(),
            method: Some("POST".to_owned()),
            host: Some("payments.example".to_owned()),
        }
    }

    fn failure() -> Failure {
        Failure { code: "http_status".to_owned(), message: "503".to_owned(), retryable: true }
    }

    fn told(events: &[Event]) -> History {
        let mut history = History::default();
        for (second, event) in (0..).zip(events) {
            history.note(at(second), event);
        }
        history
    }

    #[test]
    fn every_sending_has_its_end() {
        let charge = Charge { cost: Money::from_nanos(5), input_tokens: 3, cached_tokens: 1, output_tokens: 2, estimated: false };
        let pay = || "pay".to_owned();
        let history = told(&[
            sent(1, 1),
            Event::AttemptFailed { step: pay(), attempt: 1, failure: failure(), retry_at: at(60), charge: None },
            sent(2, 1),
            sent(2, 2),
            Event::StepCompleted { step: pay(), output: serde_json::Value::Null, charge: Some(charge) },
        ]);
        let all = &history.sendings["pay"];
        let ends: Vec<(u32, u32, &SendingEnd, Option<Timestamp>)> =
            all.iter().map(|one| (one.attempt, one.dispatch, &one.end, one.ended_at)).collect();
        let failed = SendingEnd::Failed { code: "http_status".to_owned(), message: "503".to_owned(), again_at: Some(at(60)) };
        assert_eq!(
            ends,
            [(1, 1, &failed, Some(at(1))), (2, 1, &SendingEnd::Unheard, Some(at(3))), (2, 2, &SendingEnd::Answered, Some(at(4)))]
        );
        assert_eq!(all[0].to, "POST payments.example");
        assert_eq!(all[2].charge.map(|spent| (spent.input_tokens, spent.cached_tokens, spent.output_tokens)), Some((3, 1, 2)));
        assert!(all[0].charge.is_none() && all[1].charge.is_none(), "each has its own cost");
    }

    #[test]
    fn what_is_out_when_the_run_ends_is_unheard() {
        let history = told(&[sent(1, 1), Event::Cancelled { by: "ada@acme.example".to_owned(), reason: None }]);
        assert_eq!(history.sendings["pay"][0].end, SendingEnd::Unheard);
    }

    #[test]
    fn a_step_is_parked_since_it_was_parked_first() {
        let park = || Event::Parked { step: "pay".to_owned(), park: Park::StarterRights { missing: "x".to_owned() } };
        assert_eq!(told(&[park(), park()]).parked.get("pay"), Some(&at(0)));
        assert!(told(&[park(), Event::Resumed { step: "pay".to_owned() }]).parked.is_empty());
        assert!(told(&[park(), sent(1, 1)]).parked.is_empty());
    }
}
