//! A host that does what a script says and remembers what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use database::{Batch, Keys, MemberRefused, RunStatus, RunUpdate};
use engine::{Broken, Outcome, RunContext, StepHost, Verdict};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use workflow::{
    Effect, Event, Input, Run,
    core::{CallEffect, CallFailure},
    event::{Charge, Failure},
    run::{End, Phase},
};

/// What a call does.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// Gives its own number.
    Answer,
    /// Fails in a way that may pass.
    FailForNow,
    /// Panics.
    Panic,
    /// Does not come back before it is let go, or dropped.
    Hang,
}

/// One call that was performed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Performed {
    pub run: String,
    pub step: String,
    pub attempt: u32,
    pub dispatch: u32,
    pub key: String,
}

/// The host.
pub struct Script {
    acts: Mutex<BTreeMap<String, VecDeque<Act>>>,
    performed: Mutex<Vec<Performed>>,
    began: Notify,
    gate: Semaphore,
}

/// Counts down when a call is dropped before it ended.
pub struct Going {
    performed: Performed,
}

impl Script {
    pub fn new() -> Self {
        Self { acts: Mutex::default(), performed: Mutex::default(), began: Notify::new(), gate: Semaphore::new(0) }
    }

    /// What the next calls of a step do, in order; after these they answer.
    pub fn next(&self, step: &str, acts: &[Act]) {
        self.acts.lock().unwrap().entry(step.to_owned()).or_default().extend(acts);
    }

    pub fn performed(&self) -> Vec<Performed> {
        self.performed.lock().unwrap().clone()
    }

    /// Waits until that many calls began.
    pub async fn began(&self, count: usize) {
        let looking = async {
            loop {
                let heard = self.began.notified();
                if self.performed.lock().unwrap().len() >= count {
                    return;
                }
                heard.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), looking).await.expect("the calls did not begin");
    }

    /// Lets one hanging call go.
    pub fn let_go(&self) {
        self.gate.add_permits(1);
    }
}

impl StepHost for Script {
    type Go = Going;
    type Evidence = ();

    fn keys(&self, _run: &RunContext, _before: &Run, _foreseen: &Run, _effects: &[Effect], _keys: &mut Keys) {}

    fn before(&self, _batch: &mut Batch<'_>, run: &RunContext, _state: &Run, effect: &Effect) -> Result<Verdict<Going>, MemberRefused> {
        let call = match effect {
            Effect::Call(call) => call,
            Effect::Timer { .. } => return Ok(Verdict::Tell(Input::Timer)),
            other => return Err(MemberRefused::because(format!("the script knows nothing of {other:?}"))),
        };
        let performed = Performed {
            run: run.run.to_string(),
            step: call.step.clone(),
            attempt: call.attempt,
            dispatch: call.dispatch,
            key: call.idempotency_key.clone(),
        };
        let input = Input::Dispatched {
            step: call.step.clone(),
            attempt: call.attempt,
            dispatch: call.dispatch,
            held: None,
            model: None,
            credentials: Vec::new(),
        };
        Ok(Verdict::Go { input, go: Going { performed } })
    }

    async fn prepare(&self, _run: &RunContext) {}

    async fn perform(&self, go: Going) -> Outcome<()> {
        let act = self.acts.lock().unwrap().get_mut(&go.performed.step).and_then(VecDeque::pop_front).unwrap_or(Act::Answer);
        let number = {
            let mut performed = self.performed.lock().unwrap();
            performed.push(go.performed);
            performed.len()
        };
        self.began.notify_waiters();
        let result = match act {
            Act::Answer => Ok(json!({"status": 200, "headers": {}, "body": number})),
            Act::FailForNow => Err(failure("connection")),
            Act::Panic => panic!("a step of the script panics"),
            Act::Hang => {
                self.gate.acquire().await.unwrap().forget();
                Ok(json!({"status": 200, "headers": {}, "body": number}))
            }
        };
        Outcome { result, evidence: () }
    }

    fn broken(&self, _call: &CallEffect, how: Broken) -> Outcome<()> {
        let result = Err(match how {
            Broken::TimedOut => failure("time_out"),
            Broken::Panicked => CallFailure { failure: Failure::last("internal", "it panicked"), retry_after: None },
        });
        Outcome { result, evidence: () }
    }

    fn after(
        &self,
        _batch: &mut Batch<'_>,
        _run: &RunContext,
        _call: &CallEffect,
        _outcome: &Outcome<()>,
    ) -> Result<Option<Charge>, MemberRefused> {
        Ok(None)
    }

    fn recorded(
        &self,
        batch: &mut Batch<'_>,
        _run: &RunContext,
        state: &Run,
        events: &[Event],
        last_seq: i64,
    ) -> Result<(), MemberRefused> {
        if events.is_empty() {
            return Ok(());
        }
        let (status, error) = match state.phase() {
            Phase::New => (RunStatus::Queued, None),
            Phase::Running => (RunStatus::Running, None),
            Phase::Ended { end: End::Completed { .. }, .. } => (RunStatus::Completed, None),
            Phase::Ended { end: End::Failed { failure, .. }, .. } => (RunStatus::Failed, Some(json!({"code": failure.code}))),
            Phase::Ended { end: End::Cancelled { .. }, .. } => (RunStatus::Cancelled, None),
        };
        batch.run(RunUpdate {
            status,
            waiting_for: None,
            outputs: None,
            error: error.as_ref().map(Value::to_string),
            last_seq,
            started_at: state.started_at(),
            ended_at: state.ended_at(),
        })
    }
}

fn failure(code: &str) -> CallFailure {
    CallFailure { failure: Failure { code: code.to_owned(), message: "it did not work".to_owned(), retryable: true }, retry_after: None }
}
