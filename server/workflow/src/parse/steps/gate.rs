//! `approval_required`: a step that is only taken when somebody agrees. In the plan it is two steps: the question, under the
//! same condition, and the step itself, which that question covers.

use super::{Reader, approval::EXPIRES_IN};
use crate::{
    expression::{Expression, Template},
    parse::{
        context::Context,
        fields::Fields,
        scalar::{self, is_template},
        source::Place,
        template,
    },
    plan::{AfterRefusal, ApprovalStep, Approver, Quorum, Step, StepKind},
};

/// What stands behind the id of a step in the id of its question.
const SUFFIX: &str = "_approval";

impl Reader<'_> {
    /// The question that the step stands behind, if it asks one. Whoever holds the right to approve decides, one is enough, within
    /// seven days, and without a yes the run stops.
    pub(super) fn gate(&mut self, fields: &mut Fields<'_>, is_approval: bool, condition: Option<&Expression>) -> Option<Step> {
        let report = &mut self.context.report;
        if is_approval {
            fields.refuse_meaningless(report, &["approval_required", "approval_reason"], "this step is an approval itself", None);
            return None;
        }
        let required = fields.take(report, "approval_required", &[]);
        let reason = fields.take(report, "approval_reason", &[]);
        let wanted = required.and_then(|entry| scalar::boolean(report, "approval_required", &entry.node)).unwrap_or(false);
        if !wanted {
            if let Some(entry) = reason {
                let message = "`approval_reason` has no meaning here: nobody is asked";
                report.error_with(entry.key_place, "no_meaning", message, "add `approval_required: true`".to_owned());
            }
            return None;
        }
        let id = format!("{}{SUFFIX}", self.id);
        let first_use = self.context.uses.len();
        let description = reason.and_then(|entry| template::template(self.context, "approval_reason", &entry.node));
        self.context.uses.iter_mut().skip(first_use).for_each(|used| used.at = Some(id.clone()));
        self.outline.asks_first = true;
        // A name is text; as a title it would be evaluated.
        let title = if is_template(&self.identity.name) { &self.identity.id } else { &self.identity.name };
        let approval = ApprovalStep {
            title: Template::parse(title).ok()?,
            description,
            approvers: vec![Approver::Anyone],
            quorum: Quorum::Of(1),
            risk: self.header.risk,
            shows: Vec::new(),
            expires_in: EXPIRES_IN,
            on_expiry: AfterRefusal::Stop,
            on_reject: AfterRefusal::Stop,
            fields: Vec::new(),
        };
        let name = format!("{}: approval", self.identity.name);
        self.context.gates.push((id.clone(), self.identity.id.clone(), self.line));
        Some(Step { condition: condition.cloned(), ..Step::plain(id, name, self.line, StepKind::Approval(approval)) })
    }
}

/// Reports steps that have the id of another step's question.
pub(in crate::parse) fn check_gates(context: &mut Context) {
    for (gate, step, line) in std::mem::take(&mut context.gates) {
        let Some(other) = context.line_of(&gate) else { continue };
        context.report.enter(Some(&gate));
        context.report.error_with(
            Place { length: 3, ..Place::line(other) },
            "duplicate_id",
            format!("the id `{gate}` belongs to the approval of the step `{step}` on line {line}"),
            "give this step another id".to_owned(),
        );
        context.report.enter(None);
    }
}
