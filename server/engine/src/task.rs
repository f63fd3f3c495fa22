//! One claimed run, from the claim until it rests: folds its journal, appends, performs, waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use database::{Database, Error, LeaseClaim, leases::Lease};
use domain::{Clock, Entropy};
use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable, Aborted},
    stream::FuturesUnordered,
};
use tokio::sync::mpsc;
use workflow::{
    Effect, Input, Run,
    core::CallEffect,
    pending,
    run::{Calling, Progress, StepState},
};

use crate::{
    append::{Allowed, Append, Finished},
    host::{Broken, Outcome, RunContext, StepHost},
    load::{self, Loaded},
};

/// The longest a task sleeps before it looks at the clock again.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(1);

/// How often what an effect needs is prepared without a pause: rights may change while they are read.
const AT_ONCE: u32 = 3;
/// The pause after that: what cannot be prepared must not keep the writer busy.
const UNPREPARED: Duration = Duration::from_millis(500);

/// What wakes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nudge {
    /// There is something in its inbox.
    Inbox,
    /// The clock was moved.
    Clock,
}

/// What every task of a driver shares.
pub(crate) struct Shared<H: StepHost> {
    pub database: Database,
    pub host: Arc<H>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub plans: load::Plans,
}

/// Why a task ended before its run came to rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// Another node, or another life of this one, drives the run now.
    #[error("the lease was lost")]
    LostLease,
    /// The database did not answer, or refused.
    #[error(transparent)]
    Database(#[from] Error),
    /// What is stored cannot be understood.
    #[error("{0}")]
    Unreadable(String),
}

type Performed<E> = Pin<Box<dyn Future<Output = (CallEffect, Option<Outcome<E>>)> + Send>>;

/// Drives one run until nothing is left to do for now.
pub(crate) async fn drive<H: StepHost>(
    shared: &Shared<H>,
    owner: &str,
    claimed: Lease,
    mut nudges: mpsc::UnboundedReceiver<Nudge>,
) -> Result<(), TaskError> {
    let Loaded { context, state, last_seq, inbox } = load::load(shared, &claimed).await?;
    let mut task = Task {
        shared,
        context,
        lease: LeaseClaim { owner: owner.to_owned(), fence: claimed.fence },
        state,
        last_seq,
        calls: FuturesUnordered::new(),
        in_flight: BTreeMap::new(),
    };
    let mut look_again = true;
    let mut inputs: Vec<Input> = vec![Input::Continue];
    let mut consumed = Vec::new();
    for row in inbox {
        consumed.push(row.id);
        inputs.push(row.input);
    }
    // A start comes before going on.
    inputs.rotate_left(1);
    let mut finished = Vec::new();
    loop {
        if task.append(std::mem::take(&mut inputs), std::mem::take(&mut consumed), std::mem::take(&mut finished), look_again).await? {
            return Ok(());
        }
        look_again = false;
        // What is out is waited for: an append that says nothing would only keep the writer busy.
        loop {
            let pause = task.until_due();
            tokio::select! {
                biased;
                Some((call, outcome)) = task.calls.next(), if !task.calls.is_empty() => {
                    task.in_flight.remove(&(call.step.clone(), call.attempt));
                    // One that was stopped has been recorded as such.
                    let Some(outcome) = outcome else { continue };
                    finished.push(Finished { call, outcome, chance: chance(shared.entropy.as_ref()) });
                }
                nudge = nudges.recv() => {
                    if nudge == Some(Nudge::Inbox) {
                        for row in load::inbox(shared, &task.context).await? {
                            look_again = true;
                            consumed.push(row.id);
                            inputs.push(row.input);
                        }
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
            if !finished.is_empty() || look_again || task.more_is_due() {
                break;
            }
        }
    }
}

struct Task<'a, H: StepHost> {
    shared: &'a Shared<H>,
    context: Arc<RunContext>,
    lease: LeaseClaim,
    state: Run,
    last_seq: i64,
    calls: FuturesUnordered<Performed<H::Evidence>>,
    /// The calls that are out, with what stops each.
    in_flight: BTreeMap<(String, u32), AbortHandle>,
}

impl<H: StepHost> Task<'_, H> {
    /// Appends what there is; `true` when the run came to rest and was handed back.
    async fn append(
        &mut self,
        inputs: Vec<Input>,
        consumed: Vec<domain::InboxId>,
        finished: Vec<Finished<H::Evidence>>,
        look_again: bool,
    ) -> Result<bool, TaskError> {
        let mut append = Append {
            host: Arc::clone(&self.shared.host),
            context: Arc::clone(&self.context),
            lease: self.lease.clone(),
            base: self.state.clone(),
            last_seq: self.last_seq,
            inputs,
            finished,
            consumed,
            in_flight: self.in_flight.keys().cloned().collect(),
            look_again,
            keys: None,
            foreseen: BTreeSet::new(),
            state: Run::default(),
            seq: self.last_seq,
            allowed: Vec::new(),
            again: false,
            in_inbox: false,
            released: false,
        };
        let mut prepared = 0_u32;
        loop {
            append.foresee(self.shared.clock.now());
            append = match self.shared.database.submit(append).await {
                Ok(append) => append,
                Err(Error::LostLease) => return Err(TaskError::LostLease),
                Err(error) => return Err(TaskError::Database(error)),
            };
            self.state = std::mem::take(&mut append.state);
            self.last_seq = append.seq;
            if self.state.is_over() {
                // What is still out belongs to a run that is over: stop it.
                self.calls.clear();
                self.in_flight.clear();
            }
            self.stop_what_is_over();
            for allowed in append.allowed.drain(..) {
                self.perform(allowed);
            }
            if append.released {
                return Ok(true);
            }
            if !append.again && !self.more_is_due() {
                return Ok(false);
            }
            if append.again {
                if prepared >= AT_ONCE {
                    tokio::time::sleep(UNPREPARED).await;
                }
                prepared = prepared.saturating_add(1);
                self.shared.host.prepare(&self.context).await;
            }
            append.inputs.clear();
            append.finished.clear();
            append.consumed.clear();
            append.base = self.state.clone();
            append.last_seq = self.last_seq;
            append.in_flight = self.in_flight.keys().cloned().collect();
            append.look_again = look_again;
        }
    }

    /// Drops the calls of steps that were stopped: what is around them failed or ended without them.
    fn stop_what_is_over(&self) {
        for ((step, attempt), handle) in &self.in_flight {
            let out = matches!(
                &self.state.step(step).state,
                StepState::Calling(Calling { progress: Progress::InFlight(sent), .. }) if sent.attempt == *attempt
            );
            if !out {
                handle.abort();
            }
        }
    }

    fn perform(&mut self, allowed: Allowed<H::Go>) {
        let Allowed { call, go } = allowed;
        let (handle, registration) = AbortHandle::new_pair();
        self.in_flight.insert((call.step.clone(), call.attempt), handle);
        let host = Arc::clone(&self.shared.host);
        self.calls.push(Box::pin(async move {
            let performing = AssertUnwindSafe(host.perform(go)).catch_unwind();
            let within = Abortable::new(tokio::time::timeout(call.time_limit, performing), registration);
            let outcome = match within.await {
                Ok(Ok(Ok(outcome))) => Some(outcome),
                Ok(Ok(Err(_panic))) => Some(host.broken(&call, Broken::Panicked)),
                Ok(Err(_elapsed)) => Some(host.broken(&call, Broken::TimedOut)),
                Err(Aborted) => None,
            };
            (call, outcome)
        }));
    }

    /// Whether an effect is due that is not out: then the next append must not wait.
    fn more_is_due(&self) -> bool {
        let now = self.shared.clock.now();
        pending(&self.context.plan, &self.state).iter().any(|effect| {
            effect.not_before().is_none_or(|at| at <= now)
                && !matches!(effect, Effect::Call(call) if call.parked.is_some() || self.in_flight.contains_key(&(call.step.clone(), call.attempt)))
        })
    }

    /// How long until the next effect is due by the clock that was handed in, or until it is time to look again.
    fn until_due(&self) -> Duration {
        let now = self.shared.clock.now();
        let next = pending(&self.context.plan, &self.state)
            .iter()
            .filter(|effect| !matches!(effect, Effect::Call(call) if self.in_flight.contains_key(&(call.step.clone(), call.attempt))))
            .filter_map(Effect::not_before)
            .min();
        let pause = next.map_or(LOOK_AT_THE_CLOCK, |at| at.since(now).min(LOOK_AT_THE_CLOCK));
        pause.max(Duration::from_millis(1))
    }
}

/// A number in 0..1 from 32 random bits.
fn chance(entropy: &dyn Entropy) -> f64 {
    let mut bytes = [0_u8; 4];
    entropy.fill(&mut bytes);
    f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
