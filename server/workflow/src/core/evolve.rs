//! What a recorded fact makes of a run. Total: every fact that was ever recorded can be folded for ever, in
//! any order, without a panic; a fact that does not fit where the run stands changes nothing.
//!
//! Nothing here decides. A new kind of fact gets a new arm here and its verb below `decide/`.

use std::sync::Arc;

use domain::{Money, Timestamp};

use crate::{
    event::{Charge, Decision, Event, Failure},
    run::{Asked, Asking, Calling, Decided, Dispatch, End, Phase, Prepared, Progress, Run, Start, StepRun, StepState},
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
            let step = touched(&mut run, step, at);
            step.state = StepState::Skipped { reason: reason.clone() };
            step.ended_at = Some(at);
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
            let step = touched(&mut run, step, at);
            let asked = match &step.state {
                StepState::Decided { asked, decision } => Some((Arc::clone(asked), *decision)),
                _ => None,
            };
            step.state = StepState::Completed { output: Arc::new(output.clone()), asked };
            step.ended_at = Some(at);
        }
        Event::StepFailed { step, failure, charge, .. } => {
            spend(&mut run, step, *charge);
            let step = touched(&mut run, step, at);
            step.state = StepState::Failed { failure: failure.clone(), instead: None };
            step.failure = Some(failure.clone());
            step.ended_at = Some(at);
        }
        Event::PassedOver { step, output } => {
            if let Some(StepState::Failed { instead, .. }) = run.steps.get_mut(step.as_str()).map(|step| &mut step.state) {
                *instead = Some(Arc::new(output.clone()));
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
        Event::Completed { outputs } => end(&mut run, at, End::Completed { outputs: Arc::new(outputs.clone()) }),
        Event::Failed { step, failure } => end(&mut run, at, End::Failed { step: step.clone(), failure: failure.clone() }),
        Event::Cancelled { by, reason } => end(&mut run, at, End::Cancelled { by: by.clone(), reason: reason.clone() }),
    }
    run
}

/// The step, marked as taken up.
fn touched<'r>(run: &'r mut Run, id: &str, at: Timestamp) -> &'r mut StepRun {
    let step = run.steps.entry(Arc::from(id)).or_default();
    step.started_at.get_or_insert(at);
    step
}

/// The step with its call, if it has one that has not come to its end.
fn calling<'r>(run: &'r mut Run, id: &str) -> Option<(&'r mut StepRun, Calling)> {
    let step = run.steps.get_mut(id)?;
    match &step.state {
        StepState::Calling(calling) => {
            let calling = calling.clone();
            Some((step, calling))
        }
        _ => None,
    }
}

/// Adds what a dispatch cost to its step and to the run.
fn spend(run: &mut Run, id: &str, charge: Option<Charge>) {
    let Some(charge) = charge else { return };
    run.spent = run.spent.saturating_add(charge.cost);
    let step = run.steps.entry(Arc::from(id)).or_default();
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
    let Some(step) = run.steps.get_mut(id) else { return };
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
                *other = StepRun::default();
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
        let in_flight = matches!(&step.state, StepState::Calling(Calling { progress: Progress::InFlight(_), .. }));
        step.state = StepState::Stopped { in_flight };
        step.ended_at = Some(at);
        if step.failure.is_none()
            && let End::Failed { failure, .. } = &end
        {
            step.failure = Some(Failure { retryable: false, ..failure.clone() });
        }
    }
    run.phase = Phase::Ended { at, end };
}
