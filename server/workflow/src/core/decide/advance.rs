//! What is inside a step has come to a point where the step goes on: a block is over, a round or a branch ends, the next one
//! begins, what was waited for is there.

use serde_json::{Map, Value};

use super::Draft;
use crate::{
    core::{
        render::Renderer,
        scope::{Names, variables_of},
        walk::{self, Batch},
    },
    event::{Event, Failure},
    expression::equal,
    plan::{
        AtLimit, ForEachStep, ParallelStep, Step, StepKind, TRY_BODY, TRY_CATCH, TryStep, WhileStep,
        tree::{At, NodeId, round_prefix},
    },
    run::{BranchRun, Each, Inside, Loop, StepState, Trying},
};

pub(super) fn advance(draft: &mut Draft<'_>, at: &At) {
    let path = draft.tree.path(at);
    let Some(step) = draft.tree.step(at.node) else { return };
    let recorded = draft.run.step(&path);
    match &recorded.state {
        StepState::Open => {
            let Some(inside) = recorded.inside.clone() else { return };
            match (&*inside, &step.kind) {
                (Inside::Block(block), _) => {
                    let result = result(draft, at, *block);
                    complete(draft, path, result);
                }
                (Inside::Each(each), StepKind::ForEach(planned)) => go_through(draft, at, path, planned, each),
                (Inside::Loop(turns), StepKind::While(planned)) => turn(draft, at, path, planned, turns),
                (Inside::Branches(branches), StepKind::Parallel(planned)) => branch(draft, at, path, planned, branches),
                (Inside::Try(stage), StepKind::Try(planned)) => tried(draft, at, path, planned, stage),
                _ => {}
            }
        }
        StepState::Replacing(failure) => {
            let fallback = walk::fallback_of(&draft.tree, at.node, &failure.code).and_then(|node| draft.tree.step(node));
            let output = fallback.and_then(|fallback| draft.run.output(&format!("{}{}", at.prefix, fallback.id)).cloned());
            draft.record(Event::PassedOver { step: path, output: output.map(|output| (*output).clone()).unwrap_or_default() });
        }
        StepState::Sleeping { signal: Some(signal), .. } => {
            let (signal, payload) = (signal.clone(), draft.run.signals.get(signal).and_then(|all| all.front()).cloned());
            if let Some(payload) = payload {
                draft.record(Event::SignalTaken { step: path.clone(), name: signal });
                complete(draft, path, payload);
            }
        }
        _ => {}
    }
}

fn complete(draft: &mut Draft<'_>, step: String, output: Value) {
    draft.record(Event::StepCompleted { step, output, charge: None });
}

fn block(draft: &Draft<'_>, at: &At, block: usize) -> Vec<NodeId> {
    draft.tree.get(at.node).and_then(|node| node.blocks.get(block)).cloned().unwrap_or_default()
}

/// What a block that shares the names around it gives.
fn result(draft: &Draft<'_>, at: &At, index: usize) -> Value {
    walk::result(&draft.tree, &draft.run, &block(draft, at, index), &at.prefix).unwrap_or_default()
}

/// A loop over a list: rounds that are over end, the next ones begin.
fn go_through(draft: &mut Draft<'_>, at: &At, path: String, planned: &ForEachStep, each: &Each) {
    let inside = block(draft, at, 0);
    for round in &each.open {
        let prefix = round_prefix(&path, *round);
        if walk::is_over(&draft.tree, &draft.run, &inside, &prefix) {
            let result = walk::result(&draft.tree, &draft.run, &inside, &prefix).unwrap_or_default();
            draft.record(Event::RoundEnded { step: path.clone(), round: *round, result });
        }
    }
    loop {
        let Some(Inside::Each(each)) = draft.run.step(&path).inside.as_deref() else { return };
        let (next, all) = (each.next, each.items.len());
        if next as usize >= all {
            if each.open.is_empty() {
                let results = each.results.iter().map(|result| result.as_deref().cloned().unwrap_or_default()).collect();
                complete(draft, path, Value::Array(results));
            }
            return;
        }
        match walk::begin_of_batch(planned, each) {
            Some(Batch::Pause) => {
                let until = draft.now.after(planned.pause);
                return draft.record(Event::LoopPaused { step: path, until });
            }
            Some(Batch::Wait(until)) if draft.now < until => return,
            _ => {}
        }
        if each.open.len() >= planned.concurrency.max(1) as usize {
            return;
        }
        draft.record(Event::RoundStarted { step: path.clone(), round: next });
    }
}

/// A loop as long as something holds: its round is over, and it asks whether there is another.
fn turn(draft: &mut Draft<'_>, at: &At, path: String, planned: &WhileStep, turns: &Loop) {
    let prefix = round_prefix(&path, turns.round);
    if turns.open {
        let result = walk::result(&draft.tree, &draft.run, &block(draft, at, 0), &prefix).unwrap_or_default();
        draft.record(Event::RoundEnded { step: path.clone(), round: turns.round, result });
    }
    let Some(Inside::Loop(turns)) = draft.run.step(&path).inside.as_deref() else { return };
    let (rounds, result) = (turns.round.saturating_add(1), (*turns.result).clone());
    let names = Names::end_of(&draft.tree, &draft.run, Some((at, 0, &prefix)), draft.now);
    match Renderer::new(names).condition(&planned.test) {
        Ok(true) if rounds >= planned.max_iterations => match planned.at_limit {
            AtLimit::Leave => {
                draft.record(Event::LoopLeft { step: path.clone(), rounds });
                complete(draft, path, result);
            }
            AtLimit::Fail => {
                let message = format!("it still holds after {rounds} rounds, which is the most there may be: {}", planned.test.source());
                draft.fail_step(&path, Failure::last("max_iterations", message), None);
            }
        },
        Ok(true) => draft.record(Event::RoundStarted { step: path, round: rounds }),
        Ok(false) => complete(draft, path, result),
        Err(trouble) => draft.fail_step(&path, trouble.into(), None),
    }
}

/// Branches: those that are over end, the next ones begin.
fn branch(draft: &mut Draft<'_>, at: &At, path: String, planned: &ParallelStep, branches: &[BranchRun]) {
    for (index, state) in branches.iter().enumerate() {
        if matches!(state, BranchRun::Open) && walk::is_over(&draft.tree, &draft.run, &block(draft, at, index), &at.prefix) {
            let variables = variables_of(&draft.tree, &draft.run, (at, index, &at.prefix), draft.now);
            let branch = u32::try_from(index).unwrap_or(u32::MAX);
            draft.record(Event::BranchEnded { step: path.clone(), branch, variables, failure: None });
        }
    }
    let Some(Inside::Branches(branches)) = draft.run.step(&path).inside.clone().as_deref().cloned() else { return };
    for branch in walk::next_branches(planned, &branches) {
        draft.record(Event::BranchStarted { step: path.clone(), branch });
    }
    if walk::branches_are_over(planned, &branches) {
        let mut all = Map::new();
        for (planned, state) in planned.branches.iter().zip(&branches) {
            if let BranchRun::Ended { variables, .. } = state {
                all.insert(planned.id.clone(), Value::Object((**variables).clone()));
            }
        }
        complete(draft, path, Value::Object(all));
    }
}

/// A stage of a `try` is over.
fn tried(draft: &mut Draft<'_>, at: &At, path: String, planned: &TryStep, stage: &Trying) {
    match stage {
        Trying::Compensating { failed, .. } => draft.after_body(at, failed.clone()),
        Trying::Body | Trying::Catch { .. } if !planned.finally.is_empty() => {
            draft.record(Event::FinallyEntered { step: path, failed: None });
        }
        Trying::Finally { failed: Some(failed) } => draft.fail_because(&path, failed.clone(), None),
        Trying::Body | Trying::Catch { .. } | Trying::Finally { failed: None } => {
            let caught = walk::result(&draft.tree, &draft.run, &block(draft, at, TRY_CATCH), &at.prefix);
            let result = caught.unwrap_or_else(|| result(draft, at, TRY_BODY));
            complete(draft, path, result);
        }
    }
}

/// Begins what has steps inside it: the facts of entering it.
pub(super) fn enter(renderer: &Renderer<'_>, path: &str, step: &Step) -> Result<Vec<Event>, Failure> {
    let step_path = || path.to_owned();
    let done = |output: Value| vec![Event::StepCompleted { step: path.to_owned(), output, charge: None }];
    Ok(match &step.kind {
        StepKind::If(planned) => {
            let block = u32::from(!renderer.condition(&planned.test)?);
            vec![Event::BlockEntered { step: step_path(), block }]
        }
        StepKind::Switch(planned) => {
            let value = renderer.expression(&planned.value, "switch")?;
            let mut block = planned.cases.len();
            for (index, case) in planned.cases.iter().enumerate() {
                if equal(&case.equals, &value).map_err(|why| Failure::last("expression", format!("switch: {why}")))? {
                    block = index;
                    break;
                }
            }
            vec![Event::BlockEntered { step: step_path(), block: u32::try_from(block).unwrap_or(u32::MAX) }]
        }
        StepKind::ForEach(planned) => match renderer.expression(&planned.items, "items")? {
            Value::Array(items) if items.len() > MAX_ITEMS => {
                let message = format!("the list has {} items, and a loop goes through {MAX_ITEMS} at most", items.len());
                return Err(Failure::last("too_many_items", message));
            }
            Value::Array(items) => vec![Event::LoopStarted { step: step_path(), items }],
            other => {
                let message = format!("items: has to be a list and is {}", crate::core::render::kind_of(&other));
                return Err(Failure::last("expression", message));
            }
        },
        StepKind::While(planned) => {
            if planned.tested == crate::plan::Tested::Before && !renderer.condition(&planned.test)? {
                return Ok(done(Value::Null));
            }
            vec![Event::RoundStarted { step: step_path(), round: 0 }]
        }
        StepKind::Parallel(planned) => {
            let first = walk::next_branches(planned, &[]);
            first.into_iter().map(|branch| Event::BranchStarted { step: step_path(), branch }).collect()
        }
        StepKind::Try(_) => vec![Event::TryEntered { step: step_path() }],
        _ => Vec::new(),
    })
}

/// The longest list that a loop goes through: each item is at least two facts in the journal.
const MAX_ITEMS: usize = 10_000;
