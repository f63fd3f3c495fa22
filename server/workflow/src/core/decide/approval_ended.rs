//! The row of an approval left PENDING, or an approved one became void.

use domain::ApprovalId;
use serde_json::{Map, Value, json};

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::{
    event::{Decision, Event, Failure},
    plan::{AfterRefusal, ApprovalStep, Step, StepKind},
    run::StepState,
};

/// How it ended.
pub(super) struct Ending {
    pub decision: Decision,
    pub by: Option<String>,
    pub comment: Option<String>,
    pub fields: Option<Map<String, Value>>,
}

pub(super) fn approval_ended(draft: &mut Draft<'_>, approval: ApprovalId, ending: Ending) -> Result<(), Refusal> {
    let (step, planned, round) = concerned(draft, approval, ending.decision)?;
    let Ending { decision, by, comment, fields } = ending;
    draft.record(Event::ApprovalEnded {
        step: step.id.clone(),
        round,
        approval,
        decision,
        by: by.clone(),
        comment: comment.clone(),
        fields: fields.clone(),
    });
    let refused = |code: &str, sentence: String| Failure::last(code, sentence);
    let (after, failure) = match decision {
        // It stands before the run again, to be asked anew.
        Decision::Voided => return Ok(()),
        Decision::Cancelled => {
            draft.record(Event::Cancelled { by: by.unwrap_or_default(), reason: comment });
            return Ok(());
        }
        Decision::Approved => (AfterRefusal::Continue, None),
        Decision::Rejected => {
            let sentence = match &by {
                Some(by) => format!("{by} rejected it"),
                None => "it was rejected".to_owned(),
            };
            (planned.on_reject, Some(refused("rejected", sentence)))
        }
        Decision::Expired => (planned.on_expiry, Some(refused("expired", "nobody decided in time".to_owned()))),
    };
    if let (AfterRefusal::Stop, Some(failure)) = (after, failure) {
        draft.fail_step(&step.id, failure, None);
        return Ok(());
    }
    let decided_at = draft.now.to_string();
    let fields = if decision == Decision::Expired { Value::Null } else { Value::Object(filled(planned, fields)) };
    let output = json!({"decision": word(decision), "decided_by": by, "decided_at": decided_at, "comment": comment, "fields": fields});
    draft.record(Event::StepCompleted { step: step.id.clone(), output, charge: None });
    proceed(draft);
    Ok(())
}

/// The step that waits for this row, or that runs under its yes when it becomes void.
fn concerned<'p>(draft: &Draft<'p>, approval: ApprovalId, decision: Decision) -> Result<(&'p Step, &'p ApprovalStep, u32), Refusal> {
    let (position, frontier) = draft.run.frontier(draft.plan).ok_or_else(|| stale("no step is left"))?;
    let (step, asked) = match &draft.run.step(&frontier.id).state {
        StepState::Waiting(asked) => (frontier, std::sync::Arc::clone(asked)),
        _ if decision == Decision::Voided => draft.run.governing(draft.plan, position).ok_or_else(|| stale("no yes is in force"))?,
        _ => return Err(stale("no approval waits")),
    };
    if asked.approval != approval {
        return Err(stale("another approval is in force"));
    }
    match &step.kind {
        StepKind::Approval(planned) => Ok((step, planned, asked.round)),
        _ => Err(Refusal::AnotherPlan),
    }
}

/// The decision as the step's variable has it.
const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Approved => "approved",
        Decision::Expired => "expired",
        Decision::Rejected | Decision::Voided | Decision::Cancelled => "rejected",
    }
}

/// Every field of the form, null where nothing was given.
fn filled(planned: &ApprovalStep, given: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut given = given.unwrap_or_default();
    planned.fields.iter().map(|field| (field.name.clone(), given.remove(&field.name).unwrap_or_default())).collect()
}
