//! `workflow.assert`, `workflow.set_outputs`, `workflow.log` and `workflow.sleep`.

use super::{Reader, wait};
use crate::{
    parse::{diagnostic::did_you_mean, fields::Fields, scalar, source::Place, template},
    plan::{LogLevel, StepKind, WaitStep},
};

const LEVELS: &[(&str, LogLevel)] =
    &[("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warning", LogLevel::Warning), ("error", LogLevel::Error)];

impl Reader<'_> {
    pub(super) fn assert(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let help = "add `condition:` below `inputs`";
        let condition = inputs.take_required(&mut self.context.report, "condition", ("`workflow.assert`", place), help);
        let message = inputs.take(&mut self.context.report, "message", &[]);
        let condition = condition.and_then(|entry| template::expression(self.context, "condition", &entry.node));
        let message = message.and_then(|entry| template::template(self.context, "message", &entry.node));
        Some(StepKind::Assert { condition: condition?, message })
    }

    pub(super) fn set_outputs(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let entries = inputs.rest();
        if entries.is_empty() {
            let help = "name an output and its value below `inputs`".to_owned();
            self.context.report.error_with(place, "value_missing", "`workflow.set_outputs` sets nothing", help);
            return None;
        }
        let mut values = Vec::new();
        let mut complete = true;
        for entry in entries {
            if self.context.report.is_full() {
                return None;
            }
            let declared = self.header.output_names.iter().any(|(name, _)| *name == entry.key);
            // A file that declares no outputs sets what it likes; without readable front matter nothing is known about them.
            if !declared && !self.header.output_names.is_empty() && !self.header.id.is_empty() {
                let names = self.header.output_names.iter().map(|(name, _)| name.as_str());
                let help = did_you_mean(&entry.key, names).unwrap_or_else(|| "declare it under `outputs` in the front matter".to_owned());
                self.context.report.error_with(
                    entry.key_place,
                    "undeclared_output",
                    format!("`{}` is no output of this workflow", scalar::short(&entry.key)),
                    help,
                );
                complete = false;
            }
            match template::value(self.context, &entry.node) {
                Some(value) => values.push((entry.key.clone(), value)),
                None => complete = false,
            }
        }
        complete.then_some(StepKind::SetOutputs { values })
    }

    pub(super) fn log(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let level = inputs.take(report, "level", &[]);
        let message = inputs.take_required(report, "message", ("`workflow.log`", place), "add `message:` below `inputs`");
        let level = level.and_then(|entry| scalar::word(report, "level", &entry.node, LEVELS, &[])).unwrap_or_default();
        let message = message.and_then(|entry| template::template(self.context, "message", &entry.node));
        Some(StepKind::Log { level, message: message? })
    }

    pub(super) fn sleep(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let help = "add `duration:` below `inputs`, such as `duration: 30s`";
        let entry = inputs.take_required(&mut self.context.report, "duration", ("`workflow.sleep`", place), help)?;
        Some(StepKind::Wait(WaitStep::Duration { duration: wait::length(self.context, entry)? }))
    }
}
