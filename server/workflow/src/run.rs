//! A run as its recorded facts make it: folded by [`crate::evolve`], never stored.
//!
//! What a step may do next is in its state's variant, together with the evidence for it: a step that waits
//! for a person holds what they were asked, a call in flight holds its attempt and dispatch. The folded run
//! knows no plan; whatever needs the order of the steps takes the plan beside it. Values that do not change
//! any more are shared, so that copying a run, which [`crate::decide`] does, is cheap.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{ApprovalId, Money, Timestamp};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    core::evolve,
    coverage::Coverage,
    event::{ApprovalRequest, Charge, CredentialUse, Decision, Event, Failure, Park, Started},
    plan::{Plan, Step},
};

/// A folded run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    pub(crate) phase: Phase,
    pub(crate) started: Option<Start>,
    pub(crate) steps: BTreeMap<Arc<str>, StepRun>,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) spent: Money,
}

/// The beginning of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// What later steps may refer to.
    pub with: Arc<Started>,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Phase {
    /// Nothing was recorded yet.
    #[default]
    New,
    /// It began and goes on.
    Running,
    /// It is over, for good.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        end: End,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It gave its outputs.
    Completed {
        /// Names and values.
        outputs: Arc<Map<String, Value>>,
    },
    /// It failed.
    Failed {
        /// The step that failed, if one did.
        step: Option<String>,
        /// What went wrong.
        failure: Failure,
    },
    /// Somebody stopped it.
    Cancelled {
        /// Their e-mail address.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
    },
}

/// All that was recorded of one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepRun {
    /// Where it stands.
    pub state: StepState,
    /// When it was first taken up.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// How often it was attempted.
    pub attempts: u32,
    /// Whether an attempt was sent more than once, because nobody remembered how the first sending ended.
    pub resent: bool,
    /// What all its attempts cost together, as far as it is known.
    pub charge: Option<Charge>,
    /// The model that was chosen last, `provider/model`.
    pub model: Option<String>,
    /// What went wrong last, also when a later attempt succeeded.
    pub failure: Option<Failure>,
    /// What was prepared to be called, kept after the end.
    pub prepared: Option<Arc<Prepared>>,
    /// What was asked last, kept after the end.
    pub asked: Option<Arc<Asked>>,
    /// How the last round of an approval ended.
    pub decided: Option<Decided>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum StepState {
    /// Not reached yet, or to be prepared once more.
    #[default]
    Idle,
    /// Not taken.
    Skipped {
        /// Why, as a sentence.
        reason: String,
    },
    /// It reaches out.
    Calling(Calling),
    /// Somebody has to be asked.
    Asking(Asking),
    /// Somebody was asked and has not decided.
    Waiting(Arc<Asked>),
    /// An approval was decided; what that means for the run comes next in the same append.
    Decided {
        /// What was asked.
        asked: Arc<Asked>,
        /// How it was decided.
        decision: Decision,
    },
    /// It gave its result.
    Completed {
        /// As its variable has it.
        output: Arc<Value>,
        /// For an approval: what was asked, and how it was decided.
        asked: Option<(Arc<Asked>, Decision)>,
    },
    /// It failed for good.
    Failed {
        /// What went wrong.
        failure: Failure,
        /// What its variable is, when the run went on past it.
        instead: Option<Arc<Value>>,
    },
    /// The run ended while the step was under way.
    Stopped {
        /// Whether a call was out, whose answer nobody heard.
        in_flight: bool,
    },
}

/// A call that was prepared and has not come to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Calling {
    /// What is called.
    pub prepared: Arc<Prepared>,
    /// How far it is.
    pub progress: Progress,
    /// What it waits for, when the host could not let it go on.
    pub park: Option<Park>,
}

/// A call whose arguments are fixed.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// When they were fixed.
    pub at: Timestamp,
    /// What is called.
    pub call: Call,
    /// The key of every attempt and dispatch.
    pub idempotency_key: String,
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Never sent.
    Ready,
    /// Sent; no answer recorded.
    InFlight(Dispatch),
    /// An attempt failed and the next one waits for its time.
    Retrying {
        /// The number of the next attempt.
        attempt: u32,
        /// When it is made.
        not_before: Timestamp,
    },
}

impl Progress {
    /// The attempt that is, or comes next, and the dispatch that would be its next.
    pub fn next_dispatch(&self) -> (u32, u32) {
        match self {
            Self::Ready => (1, 1),
            Self::InFlight(dispatch) => (dispatch.attempt, dispatch.dispatch.saturating_add(1)),
            Self::Retrying { attempt, .. } => (*attempt, 1),
        }
    }
}

/// One sending of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// When.
    pub at: Timestamp,
    /// From 1.
    pub attempt: u32,
    /// From 1.
    pub dispatch: u32,
    /// What was set aside for it.
    pub held: Option<Money>,
    /// The credentials it was given.
    pub credentials: Vec<CredentialUse>,
}

/// An approval that the host has yet to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// From 1; more after a round was void.
    pub round: u32,
    /// What they will see.
    pub request: Arc<ApprovalRequest>,
}

/// An approval that was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// From 1.
    pub round: u32,
    /// The row that decides.
    pub approval: ApprovalId,
    /// What they see.
    pub request: Arc<ApprovalRequest>,
    /// What a yes covers.
    pub coverage: Coverage,
    /// 64 hexadecimal signs.
    pub digest: String,
    /// The most that may be spent after a yes.
    pub ceiling: Money,
    /// When nobody can decide any more.
    pub expires_at: Timestamp,
    /// What the run had spent when it was asked.
    pub spent_before: Money,
}

/// How a round of an approval ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// How.
    pub decision: Decision,
    /// The last decider's e-mail address, if somebody decided.
    pub by: Option<String>,
    /// What they wrote.
    pub comment: Option<String>,
    /// What they filled in.
    pub fields: Option<Map<String, Value>>,
}

impl StepState {
    /// Whether the step has come to its end.
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Skipped { .. } | Self::Completed { .. } | Self::Failed { .. } | Self::Stopped { .. })
    }

    /// Whether the step was taken up and has not come to its end.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Calling(_) | Self::Asking(_) | Self::Waiting(_) | Self::Decided { .. })
    }

    /// A stable word for the state, as pages and tables show it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Skipped { .. } => "skipped",
            Self::Calling(Calling { park: Some(_), .. }) => "parked",
            Self::Calling(Calling { progress: Progress::Ready, .. }) => "ready",
            Self::Calling(Calling { progress: Progress::InFlight(_), .. }) => "in_flight",
            Self::Calling(Calling { progress: Progress::Retrying { .. }, .. }) => "retrying",
            Self::Asking(_) => "asking",
            Self::Waiting(_) => "waiting",
            Self::Decided { .. } => "decided",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// One step of the plan with what was recorded of it.
#[derive(Debug, Clone, Copy)]
pub struct StepView<'a> {
    /// The step.
    pub step: &'a Step,
    /// What was recorded of it; the default when nothing was.
    pub run: &'a StepRun,
}

impl StepView<'_> {
    /// How long it took, or `None` while it has not come to its end. Skipped steps took no time.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.run.ended_at?.since(self.run.started_at?))
    }
}

/// The state of a step of which nothing was recorded.
static UNTOUCHED: StepRun = StepRun {
    state: StepState::Idle,
    started_at: None,
    ended_at: None,
    attempts: 0,
    resent: false,
    charge: None,
    model: None,
    failure: None,
    prepared: None,
    asked: None,
    decided: None,
};

impl Run {
    /// A run of which nothing was recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// The run that recorded facts make, in their order.
    pub fn fold<'e>(facts: impl IntoIterator<Item = (Timestamp, &'e Event)>) -> Self {
        facts.into_iter().fold(Self::new(), |run, (at, event)| evolve(run, at, event))
    }

    /// How far it is.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether nothing can happen to it any more.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// How and when it began.
    pub const fn start(&self) -> Option<&Start> {
        self.started.as_ref()
    }

    /// All that later steps may refer to.
    pub fn started(&self) -> Option<&Started> {
        self.started.as_ref().map(|start| &*start.with)
    }

    /// When it began.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started.as_ref().map(|start| start.at)
    }

    /// When its time is up, if it has a limit.
    pub fn deadline(&self, plan: &Plan) -> Option<Timestamp> {
        Some(self.started_at()?.after(plan.time_limit?))
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Ended { at, .. } => Some(at),
            _ => None,
        }
    }

    /// How it ended.
    pub const fn end(&self) -> Option<&End> {
        match &self.phase {
            Phase::Ended { end, .. } => Some(end),
            _ => None,
        }
    }

    /// The outputs that steps have set so far; those of a completed run are in its [`End`].
    pub const fn outputs_so_far(&self) -> &Map<String, Value> {
        &self.outputs
    }

    /// What was spent in all.
    pub const fn spent(&self) -> Money {
        self.spent
    }

    /// What a step has spent in all its attempts.
    pub fn spent_by(&self, step: &str) -> Money {
        self.step(step).charge.map_or(Money::ZERO, |charge| charge.cost)
    }

    /// What was recorded of a step; the default when nothing was.
    pub fn step(&self, id: &str) -> &StepRun {
        self.steps.get(id).unwrap_or(&UNTOUCHED)
    }

    /// All steps of the plan in their order.
    pub fn steps<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = StepView<'a>> {
        plan.steps.iter().map(|step| StepView { step, run: self.step(&step.id) })
    }

    /// The steps that failed and that the run went on past, in the order of the plan.
    pub fn passed_over<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = StepView<'a>> {
        self.steps(plan).filter(|view| matches!(view.run.state, StepState::Failed { instead: Some(_), .. }))
    }

    /// The approval that waits for a decision, with its step.
    pub fn waiting(&self) -> Option<(&str, &Asked)> {
        self.steps.iter().find_map(|(id, step)| match &step.state {
            StepState::Waiting(asked) => Some((&**id, &**asked)),
            _ => None,
        })
    }

    /// The first step that has not come to its end: the only one that may act.
    pub fn frontier<'p>(&self, plan: &'p Plan) -> Option<(usize, &'p Step)> {
        self.frontier_from(plan, 0)
    }

    /// The same, when all steps before `position` are known to have come to their end.
    pub(crate) fn frontier_from<'p>(&self, plan: &'p Plan, position: usize) -> Option<(usize, &'p Step)> {
        plan.steps.iter().enumerate().skip(position).find(|(_, step)| !self.step(&step.id).state.is_settled())
    }

    /// The approval that the steps at and after `position` run under: the last one that was decided before it,
    /// if it was approved. After a rejection that lets the run go on, nobody's yes is asked for or needed.
    pub fn governing<'p>(&self, plan: &'p Plan, position: usize) -> Option<(&'p Step, Arc<Asked>)> {
        plan.steps
            .iter()
            .take(position)
            .rev()
            .find_map(|step| match &self.step(&step.id).state {
                StepState::Completed { asked: Some((asked, decision)), .. } => Some((step, Arc::clone(asked), *decision)),
                _ => None,
            })
            .and_then(|(step, asked, decision)| (decision == Decision::Approved).then_some((step, asked)))
    }
}
