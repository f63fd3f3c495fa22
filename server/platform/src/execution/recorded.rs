//! What follows from recorded facts, in their own commit: the run's line in the list, and the end of what a run that
//! is over leaves open.

use database::{ApprovalEnd, ApprovalState, Batch, MemberRefused, RunStatus, RunUpdate};
use engine::RunContext;
use serde_json::{Value, json};
use workflow::{
    Event, Run,
    event::Park,
    run::{Calling, End, Phase, StepState},
};

use super::money;

pub(super) fn recorded(batch: &mut Batch<'_>, run: &RunContext, state: &Run, events: &[Event], last_seq: i64) -> Result<(), MemberRefused> {
    if events.is_empty() {
        return Ok(());
    }
    if state.is_over() {
        close(batch, run, state)?;
    }
    let json = |value: &Value| value.to_string();
    let (status, outputs, error) = match state.phase() {
        Phase::New => (RunStatus::Queued, None, None),
        Phase::Running if waits_for(run, state).is_some() => (RunStatus::Waiting, None, None),
        Phase::Running => (RunStatus::Running, None, None),
        Phase::Ended { end: End::Completed { outputs }, .. } => (RunStatus::Completed, Some(Value::Object((**outputs).clone())), None),
        Phase::Ended { end: End::Failed { step, failure }, .. } => {
            (RunStatus::Failed, None, Some(json!({"step": step, "code": failure.code, "message": failure.message})))
        }
        Phase::Ended { end: End::Cancelled { by, reason }, .. } => (RunStatus::Cancelled, None, Some(json!({"by": by, "reason": reason}))),
    };
    batch.run(RunUpdate {
        status,
        waiting_for: waits_for(run, state).as_ref().map(json),
        outputs: outputs.as_ref().map(json),
        error: error.as_ref().map(json),
        last_seq,
        started_at: state.started_at(),
        ended_at: state.ended_at(),
    })
}

/// What a run waits for that is not its own work, for the list.
fn waits_for(run: &RunContext, state: &Run) -> Option<Value> {
    if state.is_over() {
        return None;
    }
    if let Some((step, asked)) = state.waiting() {
        return Some(json!({
            "kind": "approval", "step": step, "approval": asked.approval.to_string(), "title": asked.request.title,
            "since": asked.at.micros(), "until": asked.expires_at.micros(),
        }));
    }
    state.steps(&run.plan).find_map(|view| match &view.run.state {
        StepState::Calling(Calling { park: Some(park), .. }) => Some(match park {
            Park::UnconfirmedHolds { account } => json!({
                "kind": "budget", "step": view.step.id, "account": account,
                "words": format!("What a crash left open in {} has to be confirmed or released.", money::in_words(account)),
            }),
            Park::StarterRights { missing } => json!({"kind": "rights", "step": view.step.id, "words": missing}),
        }),
        _ => None,
    })
}

/// A run that is over asks nobody any more, and what was out when it ended is charged until somebody knows better.
fn close(batch: &mut Batch<'_>, run: &RunContext, state: &Run) -> Result<(), MemberRefused> {
    for view in state.steps(&run.plan) {
        let Some(asked) = &view.run.asked else { continue };
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
