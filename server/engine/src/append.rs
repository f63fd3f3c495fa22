//! One append to one run's journal: everything that is decided, allowed and written in one commit.
//!
//! An append is a member of the writer's batch. It is decided inside the writer, without waiting, from the
//! state the task holds and what the batch has read; after the commit the task takes the new state over.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use database::{Batch, Keys, LeaseClaim, Member, MemberRefused};
use domain::{
    InboxId, Timestamp,
    audit::{AuditActor, AuditEvent, Recorded},
};
use workflow::{Effect, Event, Input, Refusal, Run, core::CallEffect, decide, evolve, pending};

use crate::host::{Outcome, RunContext, StepHost, Verdict};

/// A call that came back and has to be settled and recorded.
pub(crate) struct Finished<E> {
    pub call: CallEffect,
    pub outcome: Outcome<E>,
    /// In 0..1, drawn by the task.
    pub chance: f64,
}

/// A call that may go out now that the append is on disk.
pub(crate) struct Allowed<G> {
    pub call: CallEffect,
    pub go: G,
}

/// What is to be done in one commit, and, once it was decided, what came of it.
pub(crate) struct Append<H: StepHost> {
    pub host: Arc<H>,
    pub context: Arc<RunContext>,
    pub lease: LeaseClaim,
    /// The state that was last on disk.
    pub base: Run,
    /// The last journal number on disk.
    pub last_seq: i64,
    pub inputs: Vec<Input>,
    pub finished: Vec<Finished<H::Evidence>>,
    /// Inbox rows that are consumed by this append.
    pub consumed: Vec<InboxId>,
    /// Calls that are out: not to be sent again.
    pub in_flight: BTreeSet<(String, u32)>,
    /// Whether parked steps are looked at again.
    pub look_again: bool,
    pub keys: Option<Keys>,
    /// The effects whose facts are among the keys; others wait for the next append.
    pub foreseen: BTreeSet<Identity>,

    pub state: Run,
    pub seq: i64,
    pub allowed: Vec<Allowed<H::Go>>,
    /// Something has to be prepared outside before an effect can be decided.
    pub again: bool,
    /// Something in the inbox has to be taken in before an effect can be decided.
    pub in_inbox: bool,
    /// Whether the run has been handed back: nothing is left to do for now.
    pub released: bool,
}

/// A run whose steps are parked is looked at again after this long: rights and holds
/// change without the run being told.
const PARKED_LOOK: Duration = Duration::from_mins(1);

impl<H: StepHost> Append<H> {
    /// Effects that are due and not out, in the state given; those of parked steps only if wanted.
    fn due(&self, state: &Run, now: Timestamp, parked_too: bool) -> Vec<Effect> {
        pending(&self.context.plan, state)
            .into_iter()
            .filter(|effect| effect.not_before().is_none_or(|at| at <= now))
            .filter(|effect| match effect {
                Effect::Call(call) => !self.in_flight.contains(&(call.step.clone(), call.attempt)) && (parked_too || call.parked.is_none()),
                _ => true,
            })
            .collect()
    }

    /// What this append will have to read: decided on a copy, since deciding is pure.
    pub fn foresee(&mut self, now: Timestamp) {
        let mut state = self.base.clone();
        let mut inputs = self.inputs.clone();
        for finished in &self.finished {
            inputs.push(finished_input(finished, None));
        }
        for input in inputs {
            if let Ok(events) = decide(&self.context.plan, &state, input, now) {
                for event in &events {
                    state = evolve(state, now, event);
                }
            }
        }
        let effects = self.due(&state, now, self.look_again);
        self.foreseen = effects.iter().map(identity).collect();
        let mut keys = Keys::of_run(self.context.tenant, self.context.run, self.lease.clone());
        self.host.keys(&self.context, &self.base, &state, &effects, &mut keys);
        self.keys = Some(keys);
    }

    /// Records what an input leads to. Out-of-date inputs change nothing.
    fn tell(&mut self, input: Input, now: Timestamp, events: &mut Vec<Event>) {
        match decide(&self.context.plan, &self.state, input, now) {
            Ok(more) => {
                for event in &more {
                    self.state = evolve(std::mem::take(&mut self.state), now, event);
                }
                events.extend(more);
            }
            Err(Refusal::Stale(_) | Refusal::Over) => {}
            Err(Refusal::AnotherPlan) => {
                tracing::error!(run = %self.context.run, "run {} was offered a plan that is not its own", self.context.run);
            }
        }
    }

    fn decide_all(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused> {
        let now = batch.now();
        let mut events = Vec::new();
        for input in self.inputs.clone() {
            self.tell(input, now, &mut events);
        }
        for finished in std::mem::take(&mut self.finished) {
            let charge = self.host.after(batch, &self.context, &finished.call, &finished.outcome);
            let input = charge.as_ref().ok().map(|charge| finished_input(&finished, *charge));
            self.finished.push(finished);
            charge?;
            if let Some(input) = input {
                self.tell(input, now, &mut events);
            }
        }
        self.allow_effects(batch, now, &mut events)?;
        let last_seq = self.last_seq + i64::try_from(events.len()).unwrap_or(i64::MAX);
        self.host.recorded(batch, &self.context, &self.state, &events, last_seq)?;
        self.write(batch, now, &events)
    }

    /// Puts every due effect before the host until nothing changes any more. An effect that only appears
    /// here and whose facts were not read waits for the next append.
    fn allow_effects(&mut self, batch: &mut Batch<'_>, now: Timestamp, events: &mut Vec<Event>) -> Result<(), MemberRefused> {
        let mut seen: BTreeSet<Identity> = BTreeSet::new();
        loop {
            let next = self.due(&self.state, now, self.look_again).into_iter().find(|effect| {
                let identity = identity(effect);
                self.foreseen.contains(&identity)
                    && !seen.contains(&identity)
                    && !self.allowed.iter().any(|allowed| Some(allowed.call.step.as_str()) == effect.step())
            });
            let Some(effect) = next else { return Ok(()) };
            seen.insert(identity(&effect));
            if let Effect::Timer { .. } = effect {
                self.tell(Input::Timer, now, events);
                continue;
            }
            let context = Arc::clone(&self.context);
            let host = Arc::clone(&self.host);
            match host.before(batch, &context, &self.state, &effect)? {
                Verdict::Go { input, go } => {
                    let Effect::Call(call) = effect else { continue };
                    self.tell(input, now, events);
                    self.allowed.push(Allowed { call, go });
                }
                Verdict::Tell(input) => self.tell(input, now, events),
                Verdict::InInbox => self.in_inbox = true,
                Verdict::Again => self.again = true,
            }
        }
    }

    fn write(&mut self, batch: &mut Batch<'_>, now: Timestamp, events: &[Event]) -> Result<(), MemberRefused> {
        let actor = AuditActor {
            kind: "person",
            id: self.context.starter.to_string(),
            label: self.context.starter_label.clone(),
            door: "run",
            run: Some(self.context.run.to_string()),
            address: None,
            request: self.context.request.to_string(),
        };
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            self.seq += 1;
            rows.push((self.seq, now, event.bytes()));
            if let Some(event) = event.audit() {
                batch.audit(actor.clone(), self.placed(event));
            }
        }
        if !rows.is_empty() {
            batch.journal(rows)?;
        }
        if !self.consumed.is_empty() {
            batch.inbox_done(self.consumed.iter().copied())?;
        }
        let nothing_out = self.in_flight.is_empty() && self.allowed.is_empty();
        // Whatever is in the inbox wakes a run at once that is handed back.
        let rests = nothing_out && !self.again && (self.in_inbox || self.due(&self.state, now, false).is_empty());
        self.released = rests || self.state.is_over();
        if self.released {
            batch.queue(self.next_wake(now), true)?;
        }
        Ok(())
    }

    /// An event of the core, which knows no ids, with the run it belongs to.
    fn placed(&self, event: AuditEvent) -> AuditEvent {
        if event.target_kind == "run" && event.target_id.is_empty() {
            let target_name = format!("{} #{}", self.context.plan.name, self.context.number);
            return AuditEvent { target_id: self.context.run.to_string(), target_name, ..event };
        }
        event.with("run", self.context.run.to_string())
    }

    /// When the run has to be looked at again, unless somebody wakes it before.
    fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.state.is_over() {
            return None;
        }
        pending(&self.context.plan, &self.state)
            .iter()
            .filter_map(|effect| match effect {
                Effect::Call(call) if call.parked.is_some() => Some(now.after(PARKED_LOOK)),
                other => other.not_before(),
            })
            .min()
    }
}

fn finished_input<E>(finished: &Finished<E>, charge: Option<workflow::event::Charge>) -> Input {
    Input::Finished {
        step: finished.call.step.clone(),
        attempt: finished.call.attempt,
        result: finished.outcome.result.clone(),
        charge,
        chance: finished.chance,
    }
}

/// What tells effects of one append apart, so that each is put before the host once.
pub(crate) type Identity = (String, u32, u32);

fn identity(effect: &Effect) -> Identity {
    match effect {
        Effect::Call(call) => (format!("call {}", call.step), call.attempt, call.dispatch),
        Effect::Ask { step, round, .. } => (format!("ask {step}"), *round, 0),
        Effect::Expire { step, .. } => (format!("expire {step}"), 0, 0),
        Effect::Child { step, .. } => (format!("child {step}"), 0, 0),
        Effect::Timer { .. } => ("timer".to_owned(), 0, 0),
    }
}

impl<H: StepHost> Member for Append<H> {
    fn keys(&self) -> Keys {
        self.keys.clone().unwrap_or_else(|| Keys::of_run(self.context.tenant, self.context.run, self.lease.clone()))
    }

    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused> {
        self.state = self.base.clone();
        self.seq = self.last_seq;
        self.allowed.clear();
        self.again = false;
        self.in_inbox = false;
        self.released = false;
        self.decide_all(batch)
    }
}
