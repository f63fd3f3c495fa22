//! `workflow.assert`, `workflow.set_outputs` and `workflow.log`.

use super::Reader;
use crate::{
    parse::{
        diagnostic::did_you_mean,
        fields::{Fields, required},
        scalar,
        source::Place,
        template,
    },
    plan::{LogLevel, StepKind},
};

const LEVELS: &[(&str, LogLevel)] =
    &[("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warning", LogLevel::Warning), ("error", LogLevel::Error)];

impl Reader<'_> {
    pub(super) fn assert(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let condition = inputs.take(&mut self.context.report, "condition", &[]);
        let message = inputs.take(&mut self.context.report, "message", &[]);
        let condition = match condition {
            Some(entry) => template::expression(self.context, "condition", &entry.node),
            None => {
                let help = "add `condition:` below `inputs`".to_owned();
                required(&mut self.context.report, place, "condition", "`workflow.assert`", help);
                None
            }
        };
        let message = match message {
            Some(entry) => Some(template::template(self.context, "message", &entry.node)?),
            None => None,
        };
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
            let declared = self.header.output_names.iter().any(|(name, _)| *name == entry.key);
            // Without readable front matter nothing is known about outputs.
            if !declared && !self.header.id.is_empty() {
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
            match template::value(self.context, &entry.key, &entry.node) {
                Some(value) => values.push((entry.key.clone(), value)),
                None => complete = false,
            }
        }
        complete.then_some(StepKind::SetOutputs { values })
    }

    pub(super) fn log(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let level = inputs.take(report, "level", &[]);
        let message = inputs.take(report, "message", &[]);
        let level = level.map_or(Some(LogLevel::Info), |entry| scalar::word(report, "level", &entry.node, LEVELS, &[]));
        let message = match message {
            Some(entry) => template::template(self.context, "message", &entry.node),
            None => {
                required(report, place, "message", "`workflow.log`", "add `message:` below `inputs`".to_owned());
                None
            }
        };
        Some(StepKind::Log { level: level?, message: message? })
    }
}
