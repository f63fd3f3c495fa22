//! What a recorded fact makes of a run. Total: every fact that was ever recorded can be folded for ever, in
//! any order, without a panic; a fact that does not fit where the run stands changes nothing.
//!
//! Nothing here decides. A new kind of fact gets a new arm here and its verb below `decide/`.

use std::{collections::BTreeSet, sync::Arc};

use domain::{Money, Timestamp};

use crate::{
    event::{Charge, Decision, Event, Failure},
    run::{
        Asked, Asking, BranchRun, Calling, Decided, Dispatch, Each, End, Inside, Loop, Paused, Phase, Prepared, Progress, Rollback, Run,
        Start, StepRun, StepState, Trying,
    },
};

/// The run after one more recorded fact. `at` is the moment the journal keeps beside the fact.
#[must_use]
pub fn evolve(mut run: Run, at: Timestamp, event: &Event) -> Run {
    // Nothing changes a run that is over; the record may still hold late facts of older releases.
    if run.is_over() {
        return run;
    }
    match event {
        Event::Started(started) => {
            if run.started.is_none() {
                run.started = Some(Start { at, with: Arc::new(started.clone()) });
                run.phase = Phase::Running;
            }
        }
        Event::StepSkipped { step, reason } => {
            settle(&mut run, step, at).state = StepState::Skipped { reason: reason.clone() };
        }
        Event::StepStarted { step, call, idempotency_key } => {
            let step = touched(&mut run, step, at);
            if matches!(step.state, StepState::Idle) {
                let prepared = Arc::new(Prepared { at, call: call.clone(), idempotency_key: idempotency_key.clone() });
                step.prepared = Some(Arc::clone(&prepared));
                step.state = StepState::Calling(Calling { prepared, progress: Progress::Ready, park: None });
            }
        }
        Event::Dispatched { step, attempt, dispatch, held, model, credentials, .. } => {
            if let Some((step, calling)) = calling(&mut run, step) {
                let sent = Dispatch { at, attempt: *attempt, dispatch: *dispatch, held: *held, credentials: credentials.clone() };
                let next = Calling { progress: Progress::InFlight(sent), park: None, ..calling };
                step.attempts = step.attempts.max(*attempt);
                step.resent |= *dispatch > 1;
                step.model = model.clone().or(step.model.take());
                step.state = StepState::Calling(next);
            }
        }
        Event::AttemptFailed { step, attempt, failure, retry_at, charge } => {
            spend(&mut run, step, *charge);
            if let Some((step, calling)) = calling(&mut run, step) {
                let progress = Progress::Retrying { attempt: attempt.saturating_add(1), not_before: *retry_at };
                step.failure = Some(failure.clone());
                step.state = StepState::Calling(Calling { progress, park: None, ..calling });
            }
        }
        Event::StepCompleted { step, output, charge } => {
            spend(&mut run, step, *charge);
            let step = settle(&mut run, step, at);
            let asked = match &step.state {
                StepState::Decided { asked, decision } => Some((Arc::clone(asked), *decision)),
                _ => None,
            };
            step.state = StepState::Completed { output: Arc::new(output.clone()), asked };
        }
        Event::StepFailed { step, failure, charge, .. } => {
            spend(&mut run, step, *charge);
            let step = settle(&mut run, step, at);
            step.state = StepState::Failed { failure: failure.clone(), instead: None };
            step.failure = Some(failure.clone());
        }
        Event::PassedOver { step, output } => {
            let output = Some(Arc::new(output.clone()));
            if let Some(StepState::Replacing(failure)) = run.steps.get(step.as_str()).map(|step| step.state.clone()) {
                settle(&mut run, step, at).state = StepState::Failed { failure, instead: output };
            } else if let Some(step) = known(&mut run, step)
                && let StepState::Failed { instead, .. } = &mut step.state
            {
                *instead = output;
            }
        }
        Event::ApprovalPrepared { step, request } => {
            let step = touched(&mut run, step, at);
            if matches!(step.state, StepState::Idle) {
                step.state = StepState::Asking(Asking { round: 1, request: Arc::new(request.clone()) });
            }
        }
        Event::ApprovalAsked { step, round, approval, request, coverage, digest, ceiling, expires_at } => {
            let spent_before = run.spent;
            let step = touched(&mut run, step, at);
            if matches!(step.state, StepState::Asking(_)) {
                let asked = Arc::new(Asked {
                    at,
                    round: *round,
                    approval: *approval,
                    request: Arc::new(request.clone()),
                    coverage: coverage.clone(),
                    digest: digest.clone(),
                    ceiling: *ceiling,
                    expires_at: *expires_at,
                    spent_before,
                });
                step.asked = Some(Arc::clone(&asked));
                step.state = StepState::Waiting(asked);
            }
        }
        Event::ApprovalEnded { step, approval, decision, by, comment, fields, .. } => {
            let decided = Decided { at, decision: *decision, by: by.clone(), comment: comment.clone(), fields: fields.clone() };
            end_approval(&mut run, step, *approval, decided);
        }
        Event::Parked { step, park } => {
            if let Some((step, calling)) = calling(&mut run, step) {
                step.state = StepState::Calling(Calling { park: Some(park.clone()), ..calling });
            }
        }
        Event::Resumed { step } => {
            if let Some((step, calling)) = calling(&mut run, step) {
                step.state = StepState::Calling(Calling { park: None, ..calling });
            }
        }
        Event::OutputsSet { values, .. } => run.outputs.extend(values.iter().map(|(name, value)| (name.clone(), value.clone()))),
        Event::Logged { .. } => {}
        Event::BlockEntered { step, block } => open(&mut run, step, at, Inside::Block(*block as usize)),
        Event::LoopStarted { step, items } => {
            let each = Each { items: items.clone().into(), results: vec![None; items.len()], open: BTreeSet::new(), next: 0, pause: None };
            open(&mut run, step, at, Inside::Each(each));
        }
        Event::RoundStarted { step, round } => match inside(&mut run, step) {
            Some(Inside::Each(each)) => {
                each.open.insert(*round);
                each.next = each.next.max(round.saturating_add(1));
            }
            Some(Inside::Loop(turns)) => {
                turns.round = *round;
                turns.open = true;
            }
            Some(_) => {}
            None => {
                let turns = Loop { round: *round, open: true, result: Arc::default(), left: false };
                open(&mut run, step, at, Inside::Loop(turns));
            }
        },
        Event::RoundEnded { step, round, result } => match inside(&mut run, step) {
            Some(Inside::Each(each)) => {
                each.open.remove(round);
                if let Some(place) = each.results.get_mut(*round as usize) {
                    *place = Some(Arc::new(result.clone()));
                }
            }
            Some(Inside::Loop(turns)) => {
                turns.open = false;
                turns.result = Arc::new(result.clone());
            }
            _ => {}
        },
        Event::LoopPaused { step, until } => {
            if let Some(Inside::Each(each)) = inside(&mut run, step) {
                each.pause = Some((each.next, *until));
            }
        }
        Event::LoopLeft { step, .. } => {
            if let Some(Inside::Loop(turns)) = inside(&mut run, step) {
                turns.left = true;
            }
        }
        Event::BranchStarted { step, branch } => {
            if inside(&mut run, step).is_none() {
                open(&mut run, step, at, Inside::Branches(Vec::new()));
            }
            if let Some(state) = branch_of(&mut run, step, *branch) {
                *state = BranchRun::Open;
            }
        }
        Event::BranchEnded { step, branch, variables, failure } => {
            if let Some(state) = branch_of(&mut run, step, *branch) {
                *state = BranchRun::Ended { variables: Arc::new(variables.clone()), failed: failure.clone() };
            }
        }
        Event::TryEntered { step } => open(&mut run, step, at, Inside::Try(Trying::Body)),
        Event::CompensationStarted { step: None, steps, because } => {
            run.rollback = Some(Rollback { steps: steps.clone().into(), because: because.clone() });
        }
        Event::CompensationStarted { step: Some(step), steps, because } => {
            if let (Some(Inside::Try(stage)), crate::event::Because::Failed(failed)) = (inside(&mut run, step), because) {
                *stage = Trying::Compensating { failed: failed.clone(), steps: steps.clone().into() };
            }
        }
        Event::CatchEntered { step, failed } => {
            if let Some(Inside::Try(stage)) = inside(&mut run, step) {
                *stage = Trying::Catch { failed: failed.clone() };
            }
        }
        Event::FinallyEntered { step, failed } => {
            if let Some(Inside::Try(stage)) = inside(&mut run, step) {
                *stage = Trying::Finally { failed: failed.clone() };
            }
        }
        Event::FallbackEntered { step } => {
            if let Some(step) = known(&mut run, step)
                && let StepState::Failed { failure, instead: None } = &step.state
            {
                step.state = StepState::Replacing(failure.clone());
            }
        }
        Event::StepStopped { step } => {
            let step = settle(&mut run, step, at);
            step.state = StepState::Stopped { in_flight: is_in_flight(&step.state) };
        }
        Event::WaitStarted { step, until, signal } => {
            touched(&mut run, step, at).state = StepState::Sleeping { until: *until, signal: signal.clone() };
        }
        Event::SignalReceived { name, payload } => run.signals.entry(name.clone()).or_default().push_back(payload.clone()),
        Event::SignalTaken { name, .. } => {
            if let Some(waiting) = run.signals.get_mut(name) {
                waiting.pop_front();
            }
        }
        Event::Paused { by, reason } => {
            run.paused = Some(Arc::new(Paused { at, by: by.clone(), reason: reason.clone() }));
        }
        Event::PauseEnded { .. } => run.paused = None,
        Event::ChildStarted { step, child } => {
            touched(&mut run, step, at).state = StepState::Child(Arc::new(child.clone()));
        }
        Event::Completed { outputs } => end(&mut run, at, End::Completed { outputs: Arc::new(outputs.clone()) }),
        Event::Failed { step, failure } => end(&mut run, at, End::Failed { step: step.clone(), failure: failure.clone() }),
        Event::Cancelled { by, reason } => end(&mut run, at, End::Cancelled { by: by.clone(), reason: reason.clone() }),
    }
    run
}

/// The step, marked as taken up.
fn touched<'r>(run: &'r mut Run, path: &str, at: Timestamp) -> &'r mut StepRun {
    let step = Arc::make_mut(run.steps.entry(Arc::from(path)).or_default());
    step.started_at.get_or_insert(at);
    step
}

/// The step, marked as having come to its end.
fn settle<'r>(run: &'r mut Run, path: &str, at: Timestamp) -> &'r mut StepRun {
    run.settled = run.settled.saturating_add(1);
    let settled = run.settled;
    let step = touched(run, path, at);
    step.ended_at = Some(at);
    step.ended_as = settled;
    step
}

/// The step, if something was recorded of it.
fn known<'r>(run: &'r mut Run, path: &str) -> Option<&'r mut StepRun> {
    run.steps.get_mut(path).map(Arc::make_mut)
}

/// The step with its call, if it has one that has not come to its end.
fn calling<'r>(run: &'r mut Run, path: &str) -> Option<(&'r mut StepRun, Calling)> {
    let step = known(run, path)?;
    match &step.state {
        StepState::Calling(calling) => {
            let calling = calling.clone();
            Some((step, calling))
        }
        _ => None,
    }
}

/// The step goes on with the steps inside it.
fn open(run: &mut Run, path: &str, at: Timestamp, inside: Inside) {
    let step = touched(run, path, at);
    if matches!(step.state, StepState::Idle) {
        step.state = StepState::Open;
        step.inside = Some(Arc::new(inside));
    }
}

/// What became of the steps inside a step that is open.
fn inside<'r>(run: &'r mut Run, path: &str) -> Option<&'r mut Inside> {
    let step = known(run, path)?;
    if !matches!(step.state, StepState::Open) {
        return None;
    }
    step.inside.as_mut().map(Arc::make_mut)
}

/// The branch of a step that is open.
fn branch_of<'r>(run: &'r mut Run, path: &str, branch: u32) -> Option<&'r mut BranchRun> {
    let Some(Inside::Branches(branches)) = inside(run, path) else { return None };
    let index = branch as usize;
    if branches.len() <= index {
        // More branches than a plan can have are no fact of ours.
        branches.resize(index.saturating_add(1).min(crate::parse::MAX_STEPS), BranchRun::Idle);
    }
    branches.get_mut(index)
}

fn is_in_flight(state: &StepState) -> bool {
    matches!(state, StepState::Calling(Calling { progress: Progress::InFlight(_), .. }))
}

/// Adds what a dispatch cost to its step and to the run.
fn spend(run: &mut Run, id: &str, charge: Option<Charge>) {
    let Some(charge) = charge else { return };
    run.spent = run.spent.saturating_add(charge.cost);
    let step = Arc::make_mut(run.steps.entry(Arc::from(id)).or_default());
    let before = step.charge.unwrap_or(Charge { cost: Money::ZERO, input_tokens: 0, cached_tokens: 0, output_tokens: 0, estimated: false });
    step.charge = Some(Charge {
        cost: before.cost.saturating_add(charge.cost),
        input_tokens: before.input_tokens.saturating_add(charge.input_tokens),
        cached_tokens: before.cached_tokens.saturating_add(charge.cached_tokens),
        output_tokens: before.output_tokens.saturating_add(charge.output_tokens),
        estimated: before.estimated || charge.estimated,
    });
}

/// A round of an approval ends: decided, or void and to be asked again.
fn end_approval(run: &mut Run, id: &str, approval: domain::ApprovalId, decided: Decided) {
    let Some(step) = known(run, id) else { return };
    let asked = match &step.state {
        StepState::Waiting(asked) => Arc::clone(asked),
        StepState::Completed { asked: Some((asked, Decision::Approved)), .. } if decided.decision == Decision::Voided => Arc::clone(asked),
        _ => return,
    };
    if asked.approval != approval {
        return;
    }
    let decision = decided.decision;
    step.decided = Some(decided);
    if decision == Decision::Voided {
        step.ended_at = None;
        step.state = StepState::Asking(Asking { round: asked.round.saturating_add(1), request: Arc::clone(&asked.request) });
        // What was prepared under the void yes but never sent is prepared anew under the next one. What was
        // sent stays as it was sent: it may have had its effect already.
        for other in run.steps.values_mut() {
            if matches!(&other.state, StepState::Calling(calling) if matches!(calling.progress, Progress::Ready)) {
                *other = Arc::default();
            }
        }
    } else {
        step.state = StepState::Decided { asked, decision };
    }
}

/// The run is over; what was under way stops where it is.
fn end(run: &mut Run, at: Timestamp, end: End) {
    for step in run.steps.values_mut() {
        if !step.state.is_active() {
            continue;
        }
        let step = Arc::make_mut(step);
        step.state = StepState::Stopped { in_flight: is_in_flight(&step.state) };
        step.ended_at = Some(at);
        if step.failure.is_none()
            && let End::Failed { failure, .. } = &end
        {
            step.failure = Some(Failure { retryable: false, ..failure.clone() });
        }
    }
    run.phase = Phase::Ended { at, end };
}
