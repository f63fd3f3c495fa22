//! What the world owes a run now: derived from what was recorded, never stored. The same after a crash as
//! before it, but for what a live driver knows to be out.

use std::{sync::Arc, time::Duration};

use domain::Money;

use super::{CallEffect, Covered, Effect, walk};
use crate::{
    call::Call,
    coverage,
    plan::{
        Per, Plan, Step, StepKind,
        tree::{At, Tree},
    },
    run::{Asking, Calling, Progress, Run, StepState},
};

/// How long an attempt of `http.request` may take when the step does not say.
pub const HTTP_TIME_LIMIT: Duration = Duration::from_secs(30);
/// How long an attempt of a prompt may take when the step does not say.
pub const MODEL_TIME_LIMIT: Duration = Duration::from_mins(2);

/// The effects that are due now or at their time, none for a run that has not begun or is over. A call that
/// is in flight is among them with its next dispatch: who knows that it is out leaves it out. While the run is paused there are but
/// the ends of approvals and time limits.
pub fn pending(plan: &Plan, run: &Run) -> Vec<Effect> {
    if run.started().is_none() || run.is_over() {
        return Vec::new();
    }
    let tree = Tree::of(plan);
    let mut effects = Vec::new();
    for (path, recorded) in run.recorded() {
        let Some(at) = tree.at(path).filter(|_| recorded.state.is_active()) else { continue };
        let Some(step) = tree.step(at.node) else { continue };
        match &recorded.state {
            StepState::Calling(calling) if run.is_enabled(&tree, &at) => {
                effects.push(Effect::Call(call(&Place { plan, tree: &tree, run }, &at, step, calling)));
            }
            StepState::Asking(asking) if run.is_enabled(&tree, &at) => effects.extend(ask(plan, run, path, step, asking)),
            StepState::Waiting(asked) => {
                effects.push(Effect::Expire { step: path.to_owned(), approval: asked.approval, at: asked.expires_at });
            }
            StepState::Child(child) if run.paused().is_none() => {
                let budget = step_budget(plan, step);
                effects.push(Effect::Child { step: path.to_owned(), child: (**child).clone(), budget });
            }
            _ => {}
        }
    }
    // The order of the file, whatever the paths are called.
    effects.sort_by_key(|effect| effect.step().and_then(|path| tree.at(path)).map_or(usize::MAX, |at| at.node));
    effects.extend(walk::moments(plan, &tree, run).into_iter().map(|(at, _)| at).min().map(|at| Effect::Timer { at }));
    effects
}

/// A run, and the plan it goes by.
struct Place<'a> {
    plan: &'a Plan,
    tree: &'a Tree<'a>,
    run: &'a Run,
}

fn call(place: &Place<'_>, at: &At, step: &Step, calling: &Calling) -> CallEffect {
    let Place { plan, tree, run } = place;
    let (attempt, dispatch) = calling.progress.next_dispatch();
    CallEffect {
        step: tree.path(at),
        attempt,
        dispatch,
        call: calling.prepared.call.clone(),
        idempotency_key: calling.prepared.idempotency_key.clone(),
        time_limit: step.time_limit.unwrap_or(match calling.prepared.call {
            Call::Http(_) => HTTP_TIME_LIMIT,
            Call::Model(_) => MODEL_TIME_LIMIT,
        }),
        not_before: match &calling.progress {
            Progress::Retrying { not_before, .. } => Some(*not_before),
            Progress::Ready | Progress::InFlight(_) => None,
        },
        step_budget: step_budget(plan, step),
        run_budget: plan.budget.filter(|budget| budget.per == Per::Run).map(|budget| budget.limit),
        covered_by: run.governing(tree, at).map(|(_, asked)| Covered {
            approval: asked.approval,
            effect: asked.coverage.effects.iter().find(|effect| effect.step == step.id).cloned(),
            request: (*asked.request).clone(),
            coverage: asked.coverage.clone(),
            digest: asked.digest.clone(),
            ceiling: asked.ceiling,
            spent_since: run.spent().left_after(asked.spent_before),
        }),
        parked: calling.park.clone(),
    }
}

/// The smaller of what the step and what the workflow allows each step.
pub(crate) fn step_budget(plan: &Plan, step: &Step) -> Option<Money> {
    let of_each = plan.budget.filter(|budget| budget.per == Per::Step).map(|budget| budget.limit);
    [step.budget, of_each].into_iter().flatten().min()
}

fn ask(plan: &Plan, run: &Run, path: &str, step: &Step, asking: &Asking) -> Option<Effect> {
    let StepKind::Approval(approval) = &step.kind else { return None };
    Some(Effect::Ask {
        step: path.to_owned(),
        round: asking.round,
        request: Arc::unwrap_or_clone(Arc::clone(&asking.request)),
        coverage: coverage::compute(plan, run, path),
        expires_in: approval.expires_in,
    })
}
