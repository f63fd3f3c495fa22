//! The row of an approval left PENDING, or an approved one became void.

use domain::ApprovalId;
use serde_json::{Map, Value, json};

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::{
    event::{Decision, Event, Failure},
    plan::{AfterRefusal, ApprovalStep, StepKind},
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
    let (path, planned, round) = concerned(draft, approval, ending.decision)?;
    let Ending { decision, by, comment, fields } = ending;
    draft.record(Event::ApprovalEnded {
        step: path.clone(),
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
        draft.fail_step(&path, failure, None);
        proceed(draft);
        return Ok(());
    }
    let decided_at = draft.now.to_string();
    let fields = if decision == Decision::Expired { Value::Null } else { Value::Object(filled(planned, fields)) };
    let output = json!({"decision": word(decision), "decided_by": by, "decided_at": decided_at, "comment": comment, "fields": fields});
    draft.record(Event::StepCompleted { step: path, output, charge: None });
    proceed(draft);
    Ok(())
}

/// The path of the step that waits for this row, or that gave its yes when it becomes void.
fn concerned<'p>(draft: &Draft<'p>, approval: ApprovalId, decision: Decision) -> Result<(String, &'p ApprovalStep, u32), Refusal> {
    let asked = |state: &StepState| match state {
        StepState::Waiting(asked) => Some((asked.approval, asked.round)),
        StepState::Completed { asked: Some((asked, Decision::Approved)), .. } if decision == Decision::Voided => {
            Some((asked.approval, asked.round))
        }
        _ => None,
    };
    let mut waits = false;
    for (path, recorded) in draft.run.recorded() {
        let Some((row, round)) = asked(&recorded.state) else { continue };
        waits = true;
        if row != approval {
            continue;
        }
        return match draft.at(path).map(|(_, step)| &step.kind) {
            Some(StepKind::Approval(planned)) => Ok((path.to_owned(), planned, round)),
            _ => Err(Refusal::AnotherPlan),
        };
    }
    Err(stale(match (waits, decision) {
        (true, _) => "another approval is in force",
        (false, Decision::Voided) => "no yes is in force",
        (false, _) => "no approval waits",
    }))
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
