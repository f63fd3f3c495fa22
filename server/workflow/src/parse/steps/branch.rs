//! `if` and `switch`: one of several blocks.

use super::{Reader, named::Named};
use crate::{
    expression::{Expression, equal},
    parse::{
        fields::{Fields, required},
        scalar,
        source::Place,
        template,
        yaml::{Content, Entry},
    },
    plan::{Case, IfStep, StepKind, SwitchStep},
};

impl Reader<'_> {
    /// What a step asks: below the key that names its kind, or as its `condition`.
    pub(super) fn test(&mut self, fields: &mut Fields<'_>, key: &'static str, place: Place) -> Option<Expression> {
        let named = fields.take(&mut self.context.report, key, &[]);
        let entry = named.or_else(|| fields.take(&mut self.context.report, "condition", &["conditions"]));
        let Some(entry) = entry else {
            let help = "add `condition:` with what has to hold, such as `condition: inputs.amount > 100`".to_owned();
            required(&mut self.context.report, place, "condition", &format!("a step of kind `{key}`"), help);
            return None;
        };
        let test = template::all_of(self.context, &entry.key, &entry.node)?;
        self.outline.tests = Some(test.source().to_owned());
        Some(test)
    }

    pub(super) fn if_step(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let test = self.test(fields, "if", place);
        let then = fields.take(&mut self.context.report, "then", &["steps"]);
        let otherwise = fields.take(&mut self.context.report, "else", &["otherwise"]);
        if then.is_none() {
            required(
                &mut self.context.report,
                place,
                "then",
                "an `if`",
                "add `then:` with the steps that are taken when it holds".to_owned(),
            );
        }
        let id = self.id.clone();
        let has_then = then.is_some();
        let then = then.map(|entry| self.block(entry, &id, "then")).unwrap_or_default();
        let otherwise = otherwise.map(|entry| self.block(entry, &format!("{id}_else"), "else")).unwrap_or_default();
        Some(StepKind::If(IfStep { test: test?, then, otherwise })).filter(|_| has_then)
    }

    pub(super) fn switch(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        // Beside `type: switch` the value has a name of its own.
        let value =
            if fields.has("switch") { fields.take(report, "switch", &["expression"]) } else { fields.take(report, "expression", &[]) };
        let cases = fields.take(report, "cases", &[]);
        let default = fields.take(report, "default", &[]);
        if value.is_none() {
            let help = "add `expression:` with what is compared, such as `expression: inputs.kind`".to_owned();
            required(report, place, "expression", "a `switch`", help);
        }
        if cases.is_none() {
            required(report, place, "cases", "a `switch`", "add `cases:` with a list of steps for each value".to_owned());
        }
        let value = value.and_then(|entry| template::expression(self.context, &entry.key, &entry.node));
        self.outline.tests = value.as_ref().map(|value| value.source().to_owned());
        let cases = cases.and_then(|entry| self.cases(entry));
        let id = self.id.clone();
        let default = default.map(|entry| self.block(entry, &format!("{id}_default"), "default"));
        Some(StepKind::Switch(SwitchStep { value: value?, cases: cases?, default }))
    }

    fn cases(&mut self, entry: &Entry) -> Option<Vec<Case>> {
        let Content::Map(entries) = &entry.node.content else {
            if !matches!(entry.node.content, Content::Refused) {
                let message = format!("`cases` is a mapping of values to lists of steps, not {}", entry.node.description());
                let help = "write `cases: {low: [{action: workflow.log, …}]}`".to_owned();
                self.context.report.error_with(entry.node.place, "wrong_type", message, help);
            }
            return None;
        };
        if entries.is_empty() {
            self.context.report.error(entry.node.place, "value_missing", "`cases` has no case");
            return None;
        }
        let mut cases: Vec<Case> = Vec::new();
        let mut complete = true;
        for (index, entry) in entries.iter().enumerate() {
            let literal = scalar::literal(&mut self.context.report, &entry.key, entry.key_plain, entry.key_place);
            let parent = format!("{}_c{}", self.id, index + 1);
            let steps = self.block(entry, &parent, &format!("case {}", scalar::short(&entry.key)));
            let Some(equals) = literal else {
                complete = false;
                continue;
            };
            if entry.key_plain && entry.key == "default" {
                let help = "put it beside `cases`, as `default:`; if the text is meant, write `\"default\":`".to_owned();
                self.context.report.error_with(entry.key_place, "misplaced_default", "`default` is no case", help);
                complete = false;
            } else if cases.iter().any(|case| equal(&case.equals, &equals).unwrap_or(false)) {
                let message = format!("there is a case `{}` already", scalar::short(&entry.key));
                self.context.report.error(entry.key_place, "duplicate_case", message);
                complete = false;
            } else {
                cases.push(Case { equals, steps });
            }
        }
        complete.then_some(cases)
    }
}

impl Named<'_> {
    /// Whether the step's `condition` is what it asks when nothing else says that.
    pub(super) const fn asks(self) -> Option<&'static str> {
        match self {
            Self::If(_) => Some("if"),
            Self::While(_) => Some("while"),
            _ => None,
        }
    }
}
