//! Where a run can go on by itself: the steps that can be taken up, and the steps whose insides are over.
//!
//! The walk goes from the workflow's own list down into what is open, and nowhere else, so that what is over costs nothing.

use domain::Timestamp;
use serde_json::Value;

use crate::{
    plan::{
        ForEachStep, ParallelStep, Plan, StepKind, TRY_BODY, TRY_CATCH, TRY_FINALLY,
        tree::{At, NodeId, Tree, round_prefix},
    },
    run::{BranchRun, Each, Inside, Run, StepState, Trying},
};

/// Something that a run can do by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// Take a step up.
    Take(At),
    /// What is inside a step has come to a point where the step goes on, or what a step waits for is there.
    Advance(At),
    /// All that is taken back is taken back: the run ends.
    EndRollback,
    /// Every step is over: the run gives its outputs.
    Complete,
}

/// All moves that a run has, in the order of the file.
pub(super) fn moves(tree: &Tree<'_>, run: &Run, now: Timestamp) -> Vec<Move> {
    let mut walk = Walk { tree, run, now, moves: Vec::new() };
    if let Some(rollback) = run.rollback() {
        if walk.compensations(&rollback.steps) {
            walk.moves.push(Move::EndRollback);
        }
    } else if walk.list(tree.root(), "") {
        walk.moves.push(Move::Complete);
    }
    walk.moves
}

struct Walk<'w, 'p> {
    tree: &'w Tree<'p>,
    run: &'w Run,
    now: Timestamp,
    moves: Vec<Move>,
}

impl Walk<'_, '_> {
    fn state(&self, node: NodeId, prefix: &str) -> &StepState {
        let id = self.tree.step(node).map_or("", |step| step.id.as_str());
        if prefix.is_empty() { &self.run.step(id).state } else { &self.run.step(&format!("{prefix}{id}")).state }
    }

    /// Walks a list; whether all of it is over.
    fn list(&mut self, list: &[NodeId], prefix: &str) -> bool {
        let is_graph = self.tree.is_graph(list);
        let mut over = true;
        for node in list {
            if self.state(*node, prefix).is_settled() {
                continue;
            }
            over = false;
            let waits_for = self.tree.get(*node).map_or(&[][..], |node| &node.waits_for);
            if waits_for.iter().all(|other| self.state(*other, prefix).is_settled()) {
                self.step(At { node: *node, prefix: prefix.to_owned() });
            }
            if !is_graph {
                break;
            }
        }
        over
    }

    fn step(&mut self, at: At) {
        let path = self.tree.path(&at);
        let recorded = self.run.step(&path);
        match &recorded.state {
            StepState::Idle => self.moves.push(Move::Take(at)),
            StepState::Open => {
                if let Some(inside) = recorded.inside.clone()
                    && self.inside(&at, &path, &inside)
                {
                    self.moves.push(Move::Advance(at));
                }
            }
            StepState::Replacing(failure) => {
                let fallback = fallback_of(self.tree, at.node, &failure.code);
                if let Some(node) = fallback {
                    let fallback = At { node, prefix: at.prefix.clone() };
                    if self.state(node, &at.prefix).is_settled() {
                        self.moves.push(Move::Advance(at));
                    } else {
                        self.step(fallback);
                    }
                }
            }
            StepState::Sleeping { signal: Some(signal), .. } if self.run.signals.get(signal).is_some_and(|all| !all.is_empty()) => {
                self.moves.push(Move::Advance(at));
            }
            _ => {}
        }
    }

    /// Walks what is inside a step; whether the step itself goes on.
    fn inside(&mut self, at: &At, path: &str, inside: &Inside) -> bool {
        let blocks = self.tree.get(at.node).map(|node| node.blocks.clone()).unwrap_or_default();
        let block = |index: usize| blocks.get(index).map_or(&[][..], Vec::as_slice);
        let kind = self.tree.step(at.node).map(|step| &step.kind);
        match (inside, kind) {
            (Inside::Block(index), _) => self.list(block(*index), &at.prefix),
            (Inside::Each(each), Some(StepKind::ForEach(planned))) => {
                let mut ended = false;
                for round in &each.open {
                    ended |= self.list(block(0), &round_prefix(path, *round));
                }
                ended || each_goes_on(planned, each, self.now)
            }
            (Inside::Loop(turns), _) => !turns.open || self.list(block(0), &round_prefix(path, turns.round)),
            (Inside::Branches(branches), Some(StepKind::Parallel(planned))) => {
                let mut ended = false;
                for (index, branch) in branches.iter().enumerate() {
                    if matches!(branch, BranchRun::Open) {
                        ended |= self.list(block(index), &at.prefix);
                    }
                }
                ended || !next_branches(planned, branches).is_empty() || branches_are_over(planned, branches)
            }
            (Inside::Try(Trying::Body), _) => self.list(block(TRY_BODY), &at.prefix),
            (Inside::Try(Trying::Compensating { steps, .. }), _) => self.compensations(steps),
            (Inside::Try(Trying::Catch { .. }), _) => self.list(block(TRY_CATCH), &at.prefix),
            (Inside::Try(Trying::Finally { .. }), _) => self.list(block(TRY_FINALLY), &at.prefix),
            _ => false,
        }
    }

    /// Walks what takes steps back, one after the other; whether all of it is over.
    fn compensations(&mut self, steps: &[String]) -> bool {
        let tree = self.tree;
        let next = steps.iter().filter_map(|path| compensation_of(tree, path)).find(|at| !self.state(at.node, &at.prefix).is_settled());
        match next {
            Some(at) => {
                self.step(at);
                false
            }
            None => true,
        }
    }
}

/// What takes the step with that path back.
pub(super) fn compensation_of(tree: &Tree<'_>, path: &str) -> Option<At> {
    let at = tree.at(path)?;
    let node = tree.get(at.node)?.compensation?;
    Some(At { node, prefix: at.prefix })
}

/// The step that is taken when another one failed with that code.
pub(super) fn fallback_of(tree: &Tree<'_>, node: NodeId, code: &str) -> Option<NodeId> {
    match tree.step(node)?.on_error.of(code) {
        crate::plan::OnError::Instead(step) => tree.find(&step.id),
        _ => None,
    }
}

/// Whether a loop over a list has something to do by itself while none of its rounds has just ended.
fn each_goes_on(planned: &ForEachStep, each: &Each, now: Timestamp) -> bool {
    match begin_of_batch(planned, each) {
        _ if each.next as usize >= each.items.len() => each.open.is_empty(),
        Some(Batch::Pause) => true,
        Some(Batch::Wait(until)) => now >= until,
        None => each.open.len() < planned.concurrency as usize,
    }
}

/// What stands before the next round of a loop that goes in batches.
pub(super) enum Batch {
    /// It has to pause first.
    Pause,
    /// It pauses until then; for ever while rounds of the batch before are under way.
    Wait(Timestamp),
}

/// What keeps the next round from beginning, other than too many rounds at a time.
pub(super) fn begin_of_batch(planned: &ForEachStep, each: &Each) -> Option<Batch> {
    let size = planned.batch_size?;
    if each.next == 0 || !each.next.is_multiple_of(size.max(1)) || each.next as usize >= each.items.len() {
        return None;
    }
    if !each.open.is_empty() {
        return Some(Batch::Wait(Timestamp::from_micros(i64::MAX)));
    }
    if planned.pause.is_zero() {
        return None;
    }
    match each.pause {
        Some((before, until)) if before == each.next => Some(Batch::Wait(until)),
        _ => Some(Batch::Pause),
    }
}

/// The branches that can begin now.
pub(super) fn next_branches(planned: &ParallelStep, branches: &[BranchRun]) -> Vec<u32> {
    let state = |index: usize| branches.get(index).unwrap_or(&BranchRun::Idle);
    let open = (0..planned.branches.len()).filter(|index| matches!(state(*index), BranchRun::Open)).count();
    let free = planned.max_concurrent.map_or(usize::MAX, |most| most as usize).saturating_sub(open);
    let idle = (0..planned.branches.len()).filter(|index| matches!(state(*index), BranchRun::Idle));
    idle.take(free).filter_map(|index| u32::try_from(index).ok()).collect()
}

/// Whether every branch is over.
pub(super) fn branches_are_over(planned: &ParallelStep, branches: &[BranchRun]) -> bool {
    branches.len() == planned.branches.len() && branches.iter().all(|branch| matches!(branch, BranchRun::Ended { .. }))
}

/// Whether all steps of a list are over.
pub(super) fn is_over(tree: &Tree<'_>, run: &Run, list: &[NodeId], prefix: &str) -> bool {
    list.iter().filter_map(|node| tree.step(*node)).all(|step| run.step(&format!("{prefix}{}", step.id)).state.is_settled())
}

/// What a list of steps gives: what the last of its steps that were taken gave.
pub(super) fn result(tree: &Tree<'_>, run: &Run, list: &[NodeId], prefix: &str) -> Option<Value> {
    let steps = list.iter().rev().filter_map(|node| tree.step(*node));
    steps.filter_map(|step| run.output(&format!("{prefix}{}", step.id))).map(|output| (**output).clone()).next()
}

/// A moment at which the run goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// The run's time is up.
    Run,
    /// The time of a step with steps inside is up.
    Block(String),
    /// What a step waits for is there, or did not come.
    Wake(String),
    /// A loop has paused long enough.
    Pause,
}

/// All moments at which the run goes on by itself, in no order.
pub(super) fn moments(plan: &Plan, tree: &Tree<'_>, run: &Run) -> Vec<(Timestamp, Due)> {
    let mut moments: Vec<(Timestamp, Due)> = run.deadline(plan).map(|at| (at, Due::Run)).into_iter().collect();
    for (path, recorded) in run.recorded() {
        match &recorded.state {
            StepState::Open => {
                let limit = tree.at(path).and_then(|at| tree.step(at.node)).and_then(|step| step.time_limit);
                if let (Some(limit), Some(started)) = (limit, recorded.started_at) {
                    moments.push((started.after(limit), Due::Block(path.to_owned())));
                }
                // What goes on after it does not while the run is paused.
                if run.paused().is_none()
                    && let Some(Inside::Each(each)) = recorded.inside.as_deref()
                    && let Some((before, until)) = each.pause
                    && before == each.next
                {
                    moments.push((until, Due::Pause));
                }
            }
            StepState::Sleeping { until: Some(until), .. } => moments.push((*until, Due::Wake(path.to_owned()))),
            _ => {}
        }
    }
    moments
}
