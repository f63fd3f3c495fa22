//! A run as its recorded facts make it: folded by [`crate::evolve`], never stored.
//!
//! What a step may do next is in its state's variant, together with the evidence for it: a step that waits
//! for a person holds what they were asked, a call in flight holds its attempt and dispatch. The folded run
//! knows no plan; whatever needs the order of the steps takes the plan beside it. Values that do not change
//! any more are shared, so that copying a run, which [`crate::decide`] does, is cheap.
//!
//! A step of a run is named by its path: see [`crate::plan::tree`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use domain::{ApprovalId, Money, Timestamp};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    core::evolve,
    coverage::Coverage,
    event::{ApprovalRequest, Because, Charge, Child, CredentialUse, Decision, Event, Failed, Failure, Park, Started},
    plan::{
        Plan, Step,
        tree::{At, Order, Tree, outside, prefix_of, round_prefix},
    },
};

/// A folded run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    pub(crate) phase: Phase,
    pub(crate) started: Option<Start>,
    /// By path.
    pub(crate) steps: BTreeMap<Arc<str>, Arc<StepRun>>,
    /// How many steps have come to their end.
    pub(crate) settled: u64,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) spent: Money,
    /// What is taken back before the run ends.
    pub(crate) rollback: Option<Rollback>,
    /// Signals that came and that no step has taken, by name.
    pub(crate) signals: BTreeMap<String, VecDeque<Value>>,
    /// Who paused it, while it is.
    pub(crate) paused: Option<Arc<Paused>>,
}

/// A pause that somebody ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// Since when.
    pub at: Timestamp,
    /// Their e-mail address.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// What is being taken back, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// The paths of the steps that are taken back, in that order.
    pub steps: Arc<[String]>,
    /// Why.
    pub because: Because,
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
    /// The how manieth step of the run it was that came to its end, from 1; 0 before.
    pub ended_as: u64,
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
    /// What became of the steps inside it, kept after the end.
    pub inside: Option<Arc<Inside>>,
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
    /// Steps inside it are under way: [`StepRun::inside`] says which.
    Open,
    /// It failed, and another step is taken in its stead.
    Replacing(Failure),
    /// It waits for a moment, for a signal, or for whichever comes first.
    Sleeping {
        /// The moment.
        until: Option<Timestamp>,
        /// The name of the signal.
        signal: Option<String>,
    },
    /// Another workflow is run as this step.
    Child(Arc<Child>),
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

/// What became of the steps inside a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Inside {
    /// One of its blocks was entered: of an `if` or a `switch`.
    Block(usize),
    /// A loop over a list.
    Each(Each),
    /// A loop as long as something holds.
    Loop(Loop),
    /// Branches side by side, in the order of the plan.
    Branches(Vec<BranchRun>),
    /// Something is tried.
    Try(Trying),
}

/// A loop over a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// The list.
    pub items: Arc<[Value]>,
    /// What each round gave; `None` while it has not ended.
    pub results: Vec<Option<Arc<Value>>>,
    /// The rounds that are under way.
    pub open: BTreeSet<u32>,
    /// The round that begins next.
    pub next: u32,
    /// The round before which it paused last, and until when.
    pub pause: Option<(u32, Timestamp)>,
}

/// A loop as long as something holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// The round that is under way, or was last; from 0.
    pub round: u32,
    /// Whether it is under way.
    pub open: bool,
    /// What the last round that ended gave.
    pub result: Arc<Value>,
    /// Whether it was left because it may take no more rounds.
    pub left: bool,
}

/// A branch of a `parallel`.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum BranchRun {
    /// Not begun.
    #[default]
    Idle,
    /// Under way.
    Open,
    /// Over.
    Ended {
        /// Its variables.
        variables: Arc<Map<String, Value>>,
        /// What went wrong, if the others went on all the same.
        failed: Option<Failed>,
    },
}

/// How far a `try` is.
#[derive(Debug, Clone, PartialEq)]
pub enum Trying {
    /// The body is under way.
    Body,
    /// The body failed, and what it had completed is taken back.
    Compensating {
        /// What went wrong.
        failed: Failed,
        /// What is taken back, in that order.
        steps: Arc<[String]>,
    },
    /// What is done when it failed is under way.
    Catch {
        /// What went wrong.
        failed: Failed,
    },
    /// What is done in any case is under way.
    Finally {
        /// What goes on failing afterwards.
        failed: Option<Failed>,
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
        !matches!(self, Self::Idle) && !self.is_settled()
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
            Self::Open => "open",
            Self::Replacing(_) => "replacing",
            Self::Sleeping { .. } => "sleeping",
            Self::Child(_) => "child",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// A step of a run, with its place in the plan.
#[derive(Debug, Clone)]
pub struct StepView<'a> {
    /// Its path.
    pub path: String,
    /// The step of the plan.
    pub step: &'a Step,
    /// How many steps and rounds are around it.
    pub depth: usize,
    /// What it stands in, when that is not the workflow itself: `then`, `round 3`, the id of a branch.
    pub label: Option<String>,
    /// What was recorded of it; the default when nothing was.
    pub run: &'a StepRun,
}

impl StepView<'_> {
    /// How long it took, or `None` while it has not come to its end. Skipped steps took no time.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.run.ended_at?.since(self.run.started_at?))
    }
}

/// What is around the steps of a list that is looked at.
struct Around<'v> {
    prefix: &'v str,
    depth: usize,
    label: Option<String>,
    rounds: usize,
}

/// The state of a step of which nothing was recorded.
static UNTOUCHED: StepRun = StepRun {
    state: StepState::Idle,
    started_at: None,
    ended_at: None,
    ended_as: 0,
    attempts: 0,
    resent: false,
    charge: None,
    model: None,
    failure: None,
    prepared: None,
    asked: None,
    decided: None,
    inside: None,
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

    /// What was recorded of the step with that path; the default when nothing was.
    pub fn step(&self, path: &str) -> &StepRun {
        self.steps.get(path).map_or(&UNTOUCHED, |step| step)
    }

    /// The steps as they stand: those of the plan, inside others those of the blocks that were entered or may be, and of each loop
    /// the last `rounds` rounds.
    pub fn steps<'a>(&'a self, plan: &'a Plan, rounds: usize) -> Vec<StepView<'a>> {
        let tree = Tree::of(plan);
        let mut views = Vec::new();
        self.view(&tree, tree.root(), &Around { prefix: "", depth: 0, label: None, rounds }, &mut views);
        views
    }

    fn view<'a>(&'a self, tree: &Tree<'a>, list: &[usize], around: &Around<'_>, views: &mut Vec<StepView<'a>>) {
        for node in list {
            let Some(step) = tree.step(*node) else { continue };
            let path = format!("{}{}", around.prefix, step.id);
            let run = self.step(&path);
            let fallback = matches!(run.state, StepState::Replacing(_) | StepState::Failed { instead: Some(_), .. });
            views.push(StepView { path: path.clone(), step, depth: around.depth, label: around.label.clone(), run });
            let inner = |prefix: &str, label: Option<String>, inside: &[usize], views: &mut Vec<StepView<'a>>| {
                self.view(tree, inside, &Around { prefix, depth: around.depth + 1, label, rounds: around.rounds }, views);
            };
            let blocks = tree.get(*node).map(|node| node.blocks.clone()).unwrap_or_default();
            let labels: Vec<String> = step.kind.blocks().iter().map(|block| block.label.to_owned()).collect();
            let label = |block: usize| labels.get(block).cloned();
            let list = |block: usize| blocks.get(block).map_or(&[][..], Vec::as_slice);
            let last = |count: usize| count.saturating_sub(around.rounds)..count;
            match run.inside.as_deref() {
                Some(Inside::Block(taken)) => inner(around.prefix, label(*taken), list(*taken), views),
                Some(Inside::Each(each)) => {
                    for round in last(each.next as usize) {
                        let number = u32::try_from(round).unwrap_or(u32::MAX);
                        inner(&round_prefix(&path, number), Some(format!("round {}", round + 1)), list(0), views);
                    }
                }
                Some(Inside::Loop(turns)) => {
                    for round in last(turns.round as usize + 1) {
                        let number = u32::try_from(round).unwrap_or(u32::MAX);
                        inner(&round_prefix(&path, number), Some(format!("round {}", round + 1)), list(0), views);
                    }
                }
                Some(Inside::Branches(_)) => (0..blocks.len()).for_each(|block| inner(around.prefix, label(block), list(block), views)),
                Some(Inside::Try(_)) => {
                    for block in 0..blocks.len() {
                        let entered = list(block).iter().any(|node| {
                            let id = tree.step(*node).map_or("", |step| step.id.as_str());
                            !matches!(self.step(&format!("{}{id}", around.prefix)).state, StepState::Idle)
                        });
                        if entered || block == 0 {
                            inner(around.prefix, label(block), list(block), views);
                        }
                    }
                }
                None if matches!(run.state, StepState::Idle) => {
                    (0..blocks.len()).for_each(|block| inner(around.prefix, label(block), list(block), views));
                }
                None => {}
            }
            let taken_back = tree.get(*node).and_then(|node| node.compensation).filter(|node| {
                let id = tree.step(*node).map_or("", |step| step.id.as_str());
                !matches!(self.step(&format!("{}{id}", around.prefix)).state, StepState::Idle)
            });
            if let Some(compensation) = taken_back {
                inner(around.prefix, Some("taken back by".to_owned()), &[compensation], views);
            }
            if fallback {
                let stand_ins: Vec<usize> = step.on_error.fallbacks().iter().filter_map(|inside| tree.find(&inside.id)).collect();
                inner(around.prefix, Some("instead".to_owned()), &stand_ins, views);
            }
        }
    }

    /// Every step of which something was recorded, by path.
    pub fn recorded(&self) -> impl Iterator<Item = (&str, &StepRun)> {
        self.steps.iter().map(|(path, step)| (&**path, &**step))
    }

    /// The pause that it is in. While it is, no step is taken up, nothing goes out and nobody is asked; what is out already comes
    /// back and is kept, and time limits go on.
    pub fn paused(&self) -> Option<&Paused> {
        self.paused.as_deref()
    }

    /// What is being taken back before the run ends, if anything is.
    pub const fn rollback(&self) -> Option<&Rollback> {
        self.rollback.as_ref()
    }

    /// The steps that failed and that the run went on past, by path.
    pub fn passed_over(&self) -> impl Iterator<Item = (&str, &StepRun)> {
        self.recorded().filter(|(_, step)| matches!(step.state, StepState::Failed { instead: Some(_), .. }))
    }

    /// The approvals that wait for a decision, with the paths of their steps.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, &Arc<Asked>)> {
        self.recorded().filter_map(|(path, step)| match &step.state {
            StepState::Waiting(asked) => Some((path, asked)),
            _ => None,
        })
    }

    /// What a step gave, when it has come to its end with a result.
    pub(crate) fn output(&self, path: &str) -> Option<&Arc<Value>> {
        match &self.step(path).state {
            StepState::Completed { output, .. } | StepState::Failed { instead: Some(output), .. } => Some(output),
            _ => None,
        }
    }

    /// Whether a step may act: what has to be over before it and before the steps around it is over, and the steps around
    /// it are where it stands. A step does not act any more while an approval before it is asked anew, and none does while the run
    /// is paused.
    pub(crate) fn is_enabled(&self, tree: &Tree<'_>, at: &At) -> bool {
        if self.paused.is_some() {
            return false;
        }
        let mut at = at.clone();
        loop {
            let Some(node) = tree.get(at.node) else { return false };
            let over =
                |other: &usize| tree.step(*other).is_some_and(|step| self.step(&format!("{}{}", at.prefix, step.id)).state.is_settled());
            if !node.waits_for.iter().all(over) {
                return false;
            }
            // A list that goes step by step is over only when all of it is: an approval in it may be asked anew.
            if node.step.depends_on.is_none() && !tree.siblings(at.node).iter().take(node.index).all(over) {
                return false;
            }
            match tree.around(&at) {
                Some((outer, _)) => at = outer,
                None => return true,
            }
        }
    }

    /// The approval that a step runs under: of those that were decided before it on its way, the last one, if it was
    /// approved. After a rejection that lets the run go on, nobody's yes is asked for or needed.
    pub fn governing(&self, tree: &Tree<'_>, at: &At) -> Option<(String, Arc<Asked>)> {
        self.recorded()
            .filter_map(|(path, step)| match &step.state {
                StepState::Completed { asked: Some((asked, decision)), .. } => Some((path, step.ended_as, asked, *decision)),
                _ => None,
            })
            .filter(|(path, ..)| tree.at(path).is_some_and(|asked| precedes(tree, &asked, at)))
            .max_by_key(|(_, ended_as, ..)| *ended_as)
            .and_then(|(path, _, asked, decision)| (decision == Decision::Approved).then(|| (path.to_owned(), Arc::clone(asked))))
    }
}

/// Whether a step of a run is over before another one begins. Rounds of a loop over a list are on ways of their own; those of
/// other loops follow each other.
pub(crate) fn precedes(tree: &Tree<'_>, first: &At, second: &At) -> bool {
    // Where the rounds around both part, if they do: only a loop that goes round by round brings one before the other.
    let (one, two) = (rounds(tree, first), rounds(tree, second));
    for ((node, round), (other, of_second)) in one.iter().zip(&two) {
        if node != other {
            break;
        }
        if round != of_second {
            return round < of_second && !tree.has_names_of_its_own(*node);
        }
    }
    match tree.order(first.node, second.node) {
        Order::Before => true,
        // What takes a step back comes after it.
        Order::Around => tree.lineage(second.node).iter().any(|node| {
            matches!(tree.get(*node).map(|node| node.place), Some(crate::plan::tree::Place::Compensation { of }) if of == first.node)
        }),
        _ => false,
    }
}

/// The loops around a step of a run and the rounds it is in, the outermost first.
fn rounds(tree: &Tree<'_>, at: &At) -> Vec<(usize, u32)> {
    let mut rounds = Vec::new();
    let mut prefix = at.prefix.as_str();
    while let Some((outer, round)) = outside(prefix) {
        let path = prefix.strip_suffix("]/").and_then(|inner| inner.rsplit_once('[')).map_or("", |(path, _)| path);
        if let Some(node) = tree.find(path.strip_prefix(prefix_of(path)).unwrap_or(path)) {
            rounds.push((node, round));
        }
        prefix = outer;
    }
    rounds.reverse();
    rounds
}
