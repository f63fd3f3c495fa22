//! `try`: a block, what is done when it fails, and what is done in any case.

use super::Reader;
use crate::{
    parse::{
        fields::{Fields, required},
        source::Place,
    },
    plan::{StepKind, TryStep},
};

impl Reader<'_> {
    pub(super) fn try_step(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        // Beside `type: try` the body has a name of its own.
        let body = if fields.has("try") { fields.take(report, "try", &["steps"]) } else { fields.take(report, "steps", &[]) };
        let catch = fields.take(report, "catch", &[]);
        let finally = fields.take(report, "finally", &[]);
        if body.is_none() {
            required(report, place, "steps", "a `try`", "add `steps:` with what is tried".to_owned());
        }
        let id = self.id.clone();
        let steps = body.map(|entry| self.block(entry, &id, "try"));
        let catch = catch.map(|entry| self.block(entry, &format!("{id}_catch"), "catch"));
        let finally = finally.map(|entry| self.block(entry, &format!("{id}_finally"), "finally")).unwrap_or_default();
        Some(StepKind::Try(TryStep { steps: steps?, catch, finally }))
    }
}
