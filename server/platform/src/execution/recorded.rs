//! What follows from recorded facts, in their own commit: the run's line in the list, and the end of what a run that
//! is over leaves open.

use database::{ApprovalEnd, ApprovalState, Batch, MemberRefused, RunStatus, RunUpdate};
use serde_json::{Value, json};
use workflow::{
    Event, Run,
    event::{Decision, Park},
    run::{Calling, End, Phase, StepState},
};

use super::money;

pub(super) fn recorded(batch: &mut Batch<'_>, state: &Run, events: &[Event], last_seq: i64) -> Result<(), MemberRefused> {
    if events.is_empty() {
        return Ok(());
    }
    if state.is_over() {
        close(batch, state)?;
    } else {
        events.iter().try_for_each(|event| stopped(batch, event))?;
    }
    let json = |value: &Value| value.to_string();
    let (status, outputs, error) = match state.phase() {
        Phase::New => (RunStatus::Queued, None, None),
        Phase::Running if waits_for(state).is_some() => (RunStatus::Waiting, None, None),
        Phase::Running => (RunStatus::Running, None, None),
        Phase::Ended { end: End::Completed { outputs }, .. } => (RunStatus::Completed, Some(Value::Object((**outputs).clone())), None),
        Phase::Ended { end: End::Failed { step, failure }, .. } => {
            (RunStatus::Failed, None, Some(json!({"step": step, "code": failure.code, "message": failure.message})))
        }
        Phase::Ended { end: End::Cancelled { by, reason }, .. } => (RunStatus::Cancelled, None, Some(json!({"by": by, "reason": reason}))),
    };
    batch.run(RunUpdate {
        status,
        waiting_for: waits_for(state).as_ref().map(json),
        outputs: outputs.as_ref().map(json),
        error: error.as_ref().map(json),
        last_seq,
        started_at: state.started_at(),
        ended_at: state.ended_at(),
    })
}

/// What a run waits for that is not its own work, for the list.
fn waits_for(state: &Run) -> Option<Value> {
    if state.is_over() {
        return None;
    }
    if let Some(paused) = state.paused() {
        return Some(json!({"kind": "paused", "by": paused.by, "reason": paused.reason, "since": paused.at.micros()}));
    }
    if let Some((step, asked)) = state.waiting().next() {
        return Some(json!({
            "kind": "approval", "step": step, "approval": asked.approval.to_string(), "title": asked.request.title,
            "since": asked.at.micros(), "until": asked.expires_at.micros(),
        }));
    }
    state.recorded().find_map(|(path, step)| match &step.state {
        StepState::Calling(Calling { park: Some(park), .. }) => Some(match park {
            Park::UnconfirmedHolds { account } => json!({
                "kind": "budget", "step": path, "account": account,
                "words": format!("What a crash left open in {} has to be confirmed or released.", money::in_words(account)),
            }),
            Park::StarterRights { missing } => json!({"kind": "rights", "step": path, "words": missing}),
        }),
        _ => None,
    })
}

/// A step that was stopped, because what is around it failed, asks nobody any more, and what it had out is charged until somebody
/// knows better.
fn stopped(batch: &mut Batch<'_>, event: &Event) -> Result<(), MemberRefused> {
    match event {
        Event::ApprovalEnded { approval, decision: Decision::Cancelled, .. }
            if batch.approval(*approval).is_some_and(|row| row.state == ApprovalState::Pending) =>
        {
            let comment = Some("The step was stopped first.".to_owned());
            let end = ApprovalEnd { id: *approval, state: ApprovalState::Cancelled, by: String::new(), comment, at: batch.now() };
            batch.end_approval(end)?;
        }
        Event::StepStopped { step } => {
            for hold in batch.open_holds() {
                if batch.hold(hold).is_some_and(|open| open.step == *step) {
                    batch.doubt_hold(hold)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// A run that is over asks nobody any more, and what was out when it ended is charged until somebody knows better.
fn close(batch: &mut Batch<'_>, state: &Run) -> Result<(), MemberRefused> {
    for (_, step) in state.recorded() {
        let Some(asked) = &step.asked else { continue };
        if batch.approval(asked.approval).is_some_and(|row| row.state == ApprovalState::Pending) {
            let by = match state.end() {
                Some(End::Cancelled { by, .. }) => by.clone(),
                _ => String::new(),
            };
            batch.end_approval(ApprovalEnd {
                id: asked.approval,
                state: ApprovalState::Cancelled,
                by,
                comment: Some("The run ended first.".to_owned()),
                at: batch.now(),
            })?;
        }
    }
    for hold in batch.open_holds() {
        batch.doubt_hold(hold)?;
    }
    Ok(())
}
