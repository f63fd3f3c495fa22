//! What the world owes a run now: derived from what was recorded, never stored. The same after a crash as
//! before it, but for what a live driver knows to be out.

use std::{sync::Arc, time::Duration};

use domain::Money;

use super::{CallEffect, Covered, Effect};
use crate::{
    call::Call,
    coverage,
    plan::{Per, Plan, Step, StepKind},
    run::{Asking, Calling, Progress, Run, StepState},
};

/// How long an attempt of `http.request` may take when the step does not say.
pub const HTTP_TIME_LIMIT: Duration = Duration::from_secs(30);
/// How long an attempt of a prompt may take when the step does not say.
pub const MODEL_TIME_LIMIT: Duration = Duration::from_mins(2);

/// The effects that are due now or at their time, none for a run that has not begun or is over. A call that
/// is in flight is among them with its next dispatch: who knows that it is out leaves it out.
pub fn pending(plan: &Plan, run: &Run) -> Vec<Effect> {
    if run.started().is_none() || run.is_over() {
        return Vec::new();
    }
    let mut effects = Vec::new();
    if let Some((position, step)) = run.frontier(plan) {
        match &run.step(&step.id).state {
            StepState::Calling(calling) => effects.push(Effect::Call(call(plan, run, position, step, calling))),
            StepState::Asking(asking) => effects.extend(ask(plan, run, step, asking)),
            StepState::Waiting(asked) => {
                effects.push(Effect::Expire { step: step.id.clone(), approval: asked.approval, at: asked.expires_at });
            }
            _ => {}
        }
    }
    effects.extend(run.deadline(plan).map(|at| Effect::TimeLimit { at }));
    effects
}

fn call(plan: &Plan, run: &Run, position: usize, step: &Step, calling: &Calling) -> CallEffect {
    let (attempt, dispatch) = calling.progress.next_dispatch();
    CallEffect {
        step: step.id.clone(),
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
        covered_by: run.governing(plan, position).map(|(_, asked)| Covered {
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

fn ask(plan: &Plan, run: &Run, step: &Step, asking: &Asking) -> Option<Effect> {
    let StepKind::Approval(approval) = &step.kind else { return None };
    Some(Effect::Ask {
        step: step.id.clone(),
        round: asking.round,
        request: Arc::unwrap_or_clone(Arc::clone(&asking.request)),
        coverage: coverage::compute(plan, run, &step.id),
        expires_in: approval.expires_in,
    })
}
