//! `parallel`: blocks side by side.

use super::Reader;
use crate::{
    parse::{
        fields::{Fields, required, take_from_either},
        scalar,
        source::Place,
        yaml::{Content, Entry, Node},
    },
    plan::{Branch, BranchFailure, ParallelStep, StepKind},
};

/// The most branches of one step.
const MOST_BRANCHES: usize = 100;

const FAILURES: &[(&str, BranchFailure)] = &[("stop", BranchFailure::Stop), ("continue", BranchFailure::Continue)];

impl Reader<'_> {
    pub(super) fn parallel(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        // `parallel: {branches: …}` says the same as the keys on the step.
        let whole = fields.take(report, "parallel", &[]);
        let mut nested = match whole.map(|entry| &entry.node.content) {
            Some(Content::Map(entries)) => Fields::new(entries),
            _ => Fields::none(),
        };
        let list = whole.filter(|entry| !matches!(entry.node.content, Content::Map(_)));
        let branches = take_from_either(report, [fields, &mut nested], "branches", &[]).or(list);
        let most = take_from_either(report, [fields, &mut nested], "max_concurrent", &["concurrency", "max_concurrency", "max_parallel"]);
        let most = most.and_then(|entry| scalar::integer(report, "max_concurrent", &entry.node, 1..=1_000));
        let on_failure = self.branch_failure(fields, &mut nested);
        nested.finish(&mut self.context.report, "`parallel`");
        let Some(branches) = branches else {
            let help = "add `branches:` with `id` and `steps` of each".to_owned();
            required(&mut self.context.report, place, "branches", "a `parallel`", help);
            return None;
        };
        let branches = self.branches(branches)?;
        Some(StepKind::Parallel(ParallelStep { branches, max_concurrent: most.and_then(|most| u32::try_from(most).ok()), on_failure }))
    }

    /// `on_error: stop` and `continue` say what a failing branch does to the others. Everything else is about the step.
    fn branch_failure(&mut self, fields: &mut Fields<'_>, nested: &mut Fields<'_>) -> BranchFailure {
        let report = &mut self.context.report;
        let is_word = |fields: &Fields<'_>| {
            let written = fields
                .left()
                .into_iter()
                .find(|entry| matches!(entry.key.as_str(), "on_error" | "onError" | "error_handling" | "errorHandling"));
            written.and_then(|entry| entry.node.scalar()).is_some_and(|scalar| FAILURES.iter().any(|(word, _)| *word == scalar.text))
        };
        let entry = if is_word(fields) {
            fields.take(report, "on_error", &["error_handling"])
        } else {
            nested.take(report, "on_error", &["error_handling"])
        };
        entry.and_then(|entry| scalar::word(report, "on_error", &entry.node, FAILURES, &[])).unwrap_or_default()
    }

    fn branches(&mut self, entry: &Entry) -> Option<Vec<Branch>> {
        let Content::List(items) = &entry.node.content else {
            if !matches!(entry.node.content, Content::Refused) {
                let message = format!("`{}` is a list of branches, not {}", entry.key, entry.node.description());
                let help = "write `- id: a name` and `steps:` for each".to_owned();
                self.context.report.error_with(entry.node.place, "wrong_type", message, help);
            }
            return None;
        };
        if items.is_empty() || items.len() > MOST_BRANCHES {
            self.context.report.error(entry.node.place, "out_of_range", format!("a `parallel` has 1 to {MOST_BRANCHES} branches"));
            return None;
        }
        let mut branches: Vec<Branch> = Vec::new();
        let mut complete = true;
        for (index, item) in items.iter().enumerate() {
            match self.branch(item, index + 1) {
                Some(branch) if branches.iter().any(|known| known.id == branch.id) => {
                    let message = format!("there is a branch `{}` already", branch.id);
                    self.context.report.error(item.place, "duplicate_id", message);
                    complete = false;
                }
                Some(branch) => branches.push(branch),
                None => complete = false,
            }
        }
        complete.then_some(branches)
    }

    fn branch(&mut self, node: &Node, number: usize) -> Option<Branch> {
        let report = &mut self.context.report;
        let mut fields = Fields::of(report, "a branch", node)?;
        if node.entry("steps").is_none() && (node.entry("action").is_some() || node.entry("prompt").is_some()) {
            let help = "put it below `steps:` of a branch with an `id`".to_owned();
            report.error_with(node.place, "wrong_kind", "a branch has steps, and this is a step itself", help);
            return None;
        }
        let id = fields.take(report, "id", &[]);
        let name = fields.take(report, "name", &[]).and_then(|entry| scalar::name(report, "name", &entry.node)).map(str::to_owned);
        let steps = fields.take(report, "steps", &["do"]);
        let id = if let Some(entry) = id {
            let id = scalar::name(report, "id", &entry.node)?.to_owned();
            self.is_variable(&id, entry.node.place).then_some(id)
        } else {
            let made = name.as_deref().and_then(|name| scalar::slug(name, '_')).filter(|slug| scalar::is_identifier(slug));
            Some(made.unwrap_or_else(|| format!("branch_{number}")))
        };
        let steps = if let Some(steps) = steps {
            let of = id.clone().unwrap_or_else(|| format!("branch_{number}"));
            Some(self.block(steps, &of, &of))
        } else {
            let help = "add `steps:` with what the branch does".to_owned();
            required(&mut self.context.report, node.place, "steps", "a branch", help);
            None
        };
        fields.finish(&mut self.context.report, "a branch");
        let id = id?;
        Some(Branch { name: name.unwrap_or_else(|| id.clone()), id, steps: steps? })
    }
}
