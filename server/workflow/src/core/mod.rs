//! The core: given a plan and what was recorded so far, which facts come next and what the world owes
//! the run. Drivers feed [`Input`]s to [`decide`], write the [`Event`](crate::Event)s down, fold them with
//! [`evolve`] and perform what [`pending`] names. After a crash: fold the journal, ask `pending`, go on.
//!
//! One file a verb below `decide/`.

pub mod audit;
pub(crate) mod decide;
mod escape;
mod evolve;
mod pending;
pub(crate) mod render;
pub(crate) mod scope;
mod walk;

use std::time::Duration;

use domain::{ApprovalId, Money, Timestamp};

pub use decide::{FORM, WEBHOOK, decide};
pub use evolve::evolve;
pub(crate) use pending::step_budget;
pub use pending::{HTTP_TIME_LIMIT, MODEL_TIME_LIMIT, pending};

use crate::{
    call::Call,
    coverage::{Coverage, CoveredEffect},
    event::{ApprovalRequest, Charge, Child, CredentialUse, Decision, Failure, Park, Started},
};

/// Something that happened and that a run has to hear of.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The run was accepted.
    Start(Started),
    /// Go on as far as the plan allows without the world: after a claim. Records nothing when there is nothing
    /// to go on with; a parked step goes on by its next [`Input::Dispatched`].
    Continue,
    /// The host allowed a dispatch; it goes out after this is recorded.
    Dispatched {
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// Which dispatch.
        dispatch: u32,
        /// What was set aside.
        held: Option<Money>,
        /// The model that was chosen.
        model: Option<String>,
        /// The credentials it is given.
        credentials: Vec<CredentialUse>,
    },
    /// The host refused a step for good: a right, a limit, a credential, a price is missing.
    Refused {
        /// The step.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// The host cannot let a step go on for now.
    Parked {
        /// The step.
        step: String,
        /// What it waits for.
        park: Park,
    },
    /// A dispatch came back.
    Finished {
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// The result, or what went wrong.
        result: Result<serde_json::Value, CallFailure>,
        /// What it cost.
        charge: Option<Charge>,
        /// A number in 0..1 that the driver drew, for the jitter of a retry's pause.
        chance: f64,
    },
    /// The host wrote the approval's row.
    ApprovalAsked {
        /// The step.
        step: String,
        /// Which round.
        round: u32,
        /// The row.
        approval: ApprovalId,
        /// What they see.
        request: ApprovalRequest,
        /// What a yes covers.
        coverage: Coverage,
        /// 64 hexadecimal signs.
        digest: String,
        /// The most that may be spent after a yes.
        ceiling: Money,
        /// When nobody can decide any more.
        expires_at: Timestamp,
    },
    /// The approval's row left PENDING, or an approved one was voided.
    ApprovalEnded {
        /// The row.
        approval: ApprovalId,
        /// How.
        decision: Decision,
        /// The last decider's e-mail address.
        by: Option<String>,
        /// What they wrote.
        comment: Option<String>,
        /// What they filled in, checked.
        fields: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// The moment that an effect named in `not_before` has come: time limits and pauses are looked at.
    Timer,
    /// A signal for a step that waits for it, now or later.
    Signal {
        /// Its name.
        name: String,
        /// What it carries.
        payload: serde_json::Value,
    },
    /// Another workflow that was run as a step came to its end.
    ChildEnded {
        /// The step.
        step: String,
        /// Its outputs, or what went wrong.
        result: Result<serde_json::Value, Failure>,
    },
    /// Somebody pauses it: nothing of it begins before [`Input::EndPause`].
    Pause {
        /// Their e-mail address.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody lets a paused run go on.
    EndPause {
        /// Their e-mail address.
        by: String,
    },
    /// Somebody wants it to stop.
    Cancel {
        /// Their e-mail address.
        by: String,
        /// Why.
        reason: Option<String>,
        /// Whether what was completed is taken back first, where its step says how.
        compensate: bool,
    },
}

/// What went wrong with a dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFailure {
    /// The failure, as it is recorded.
    pub failure: Failure,
    /// The wait the other side asked for.
    pub retry_after: Option<Duration>,
}

/// What the world owes a run.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a run owes one or two at a time, nearly always a call; a box would only cost")]
pub enum Effect {
    /// A call has to go out. When it was dispatched before and nobody remembers it, it is owed again.
    Call(CallEffect),
    /// Somebody has to be asked.
    Ask {
        /// The step.
        step: String,
        /// From 1.
        round: u32,
        /// What they see.
        request: ApprovalRequest,
        /// What a yes covers.
        coverage: Coverage,
        /// How long it can be decided.
        expires_in: Duration,
    },
    /// An approval that nobody decided has to end.
    Expire {
        /// The step.
        step: String,
        /// The row.
        approval: ApprovalId,
        /// Not before.
        at: Timestamp,
    },
    /// Another workflow has to be run as a step.
    Child {
        /// The step.
        step: String,
        /// What is run.
        child: Child,
        /// The most it may spend, where the step or the run has a limit.
        budget: Option<Money>,
    },
    /// A time limit, a pause, or the end of a wait: feed [`Input::Timer`] at that moment.
    Timer {
        /// Not before.
        at: Timestamp,
    },
}

impl Effect {
    /// The earliest moment it is due; `None` is at once.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self {
            Self::Call(call) => call.not_before,
            Self::Ask { .. } | Self::Child { .. } => None,
            Self::Expire { at, .. } | Self::Timer { at } => Some(*at),
        }
    }

    /// The path of the step it belongs to.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Call(call) => Some(&call.step),
            Self::Ask { step, .. } | Self::Child { step, .. } | Self::Expire { step, .. } => Some(step),
            Self::Timer { .. } => None,
        }
    }
}

/// A call that has to go out.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEffect {
    /// The path of the step.
    pub step: String,
    /// From 1.
    pub attempt: u32,
    /// From 1: one more than was recorded for this attempt.
    pub dispatch: u32,
    /// What to call.
    pub call: Call,
    /// The same for every attempt and dispatch.
    pub idempotency_key: String,
    /// How long this attempt may take.
    pub time_limit: Duration,
    /// The pause after a failed attempt.
    pub not_before: Option<Timestamp>,
    /// The most this step may spend in all.
    pub step_budget: Option<Money>,
    /// The most the run may spend in all.
    pub run_budget: Option<Money>,
    /// What an approval, if one was reached before, says about this step.
    pub covered_by: Option<Covered>,
    /// The step has failed before and is parked: what it waits for.
    pub parked: Option<Park>,
}

/// The approval that a step runs under.
#[derive(Debug, Clone, PartialEq)]
pub struct Covered {
    /// The row.
    pub approval: ApprovalId,
    /// What the approvers saw, with the rules in force: part of the digest.
    pub request: ApprovalRequest,
    /// The whole coverage as it was asked, for computing its digest again.
    pub coverage: Coverage,
    /// This step's entry; `None` when the approval does not cover it, so that it must not run under it.
    pub effect: Option<CoveredEffect>,
    /// The digest that was approved.
    pub digest: String,
    /// The most that may be spent after the yes.
    pub ceiling: Money,
    /// What was spent since.
    pub spent_since: Money,
}

/// Why an input changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It speaks of something that is over: a late answer, a second decision. To be dropped.
    #[error("out of date: {0}")]
    Stale(String),
    /// The run is over.
    #[error("the run is over")]
    Over,
    /// The plan is not the one the run was started with.
    #[error("the plan is not the one of this run")]
    AnotherPlan,
}
