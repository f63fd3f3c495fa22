//! `for_each` and `while`: a block more than once.

use std::time::Duration;

use super::Reader;
use crate::{
    expression::Expression,
    parse::{
        fields::{Fields, required},
        scalar,
        source::Place,
        template,
        yaml::{Content, Entry},
    },
    plan::{AtLimit, ForEachStep, Step, StepKind, TemplateValue, Tested, WhileStep},
};

/// The name of the item of a loop that does not say.
const ITEM: &str = "item";
/// The rounds of a loop that does not say.
const MAX_ITERATIONS: u32 = 100;
/// The most rounds that a loop may have: each is several facts in the journal.
const MOST_ITERATIONS: i64 = 10_000;
/// The most rounds, branches or items of a batch at a time.
const MOST_AT_A_TIME: i64 = 1_000;

impl Reader<'_> {
    pub(super) fn for_each(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        // Beside `type: for_each` the list has a name of its own.
        let items = if fields.has("for_each") { fields.take(report, "for_each", &["items"]) } else { fields.take(report, "items", &[]) };
        if items.is_none() {
            required(report, place, "items", "a `for_each`", "add `items:` with a list, such as `items: inputs.services`".to_owned());
        }
        let item = fields.take(report, "item_variable", &["as", "item"]);
        let index = fields.take(report, "index_variable", &["index"]);
        let batch_size =
            fields.take(report, "batch_size", &[]).and_then(|entry| scalar::integer(report, "batch_size", &entry.node, 1..=10_000));
        let pause = fields.take(report, "pause_between_batches", &[]);
        let concurrency = fields
            .take(report, "concurrency", &["max_concurrent", "max_concurrency"])
            .and_then(|entry| scalar::integer(report, "concurrency", &entry.node, 1..=MOST_AT_A_TIME));
        if let Some(entry) = pause.filter(|_| batch_size.is_none()) {
            let help = "add `batch_size:`, after how many items it pauses".to_owned();
            report.error_with(entry.key_place, "no_meaning", "`pause_between_batches` has no meaning here: there are no batches", help);
        }
        let pause = pause.and_then(|entry| scalar::duration(report, "pause_between_batches", &entry.node));
        let items = items.and_then(|entry| self.items(entry));
        self.outline.tests = items.as_ref().map(|items| items.source().to_owned());
        let item = match item {
            Some(entry) => self.bound_name(entry),
            None => Some(ITEM.to_owned()),
        };
        let index = match index {
            Some(entry) => match self.bound_name(entry) {
                Some(name) if self.differs(&name, item.as_deref(), entry) => Some(Some(name)),
                _ => None,
            },
            None => Some(None),
        };
        let steps = self.repeated(fields, place, "a `for_each`");
        Some(StepKind::ForEach(ForEachStep {
            items: items?,
            item: item?,
            index: index?,
            steps: steps?,
            concurrency: concurrency.and_then(|number| u32::try_from(number).ok()).unwrap_or(1),
            batch_size: batch_size.and_then(|number| u32::try_from(number).ok()),
            pause: pause.unwrap_or(Duration::ZERO),
        }))
    }

    pub(super) fn while_step(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let test = self.test(fields, "while", place);
        let report = &mut self.context.report;
        let most = fields
            .take(report, "max_iterations", &["max_loops", "limit"])
            .and_then(|entry| scalar::integer(report, "max_iterations", &entry.node, 1..=MOST_ITERATIONS));
        let steps = self.repeated(fields, place, "a `while`");
        Some(StepKind::While(WhileStep {
            test: test?,
            tested: Tested::Before,
            max_iterations: most.and_then(|most| u32::try_from(most).ok()).unwrap_or(MAX_ITERATIONS),
            at_limit: AtLimit::Fail,
            steps: steps?,
        }))
    }

    fn repeated(&mut self, fields: &mut Fields<'_>, place: Place, whose: &str) -> Option<Vec<Step>> {
        let report = &mut self.context.report;
        let Some(entry) = fields.take(report, "steps", &["do", "body"]) else {
            required(report, place, "steps", whose, "add `steps:` with what is done in each round".to_owned());
            return None;
        };
        let id = self.id.clone();
        Some(self.block(entry, &id, "each round"))
    }

    /// The list to go through: an expression, or a list as it is written.
    fn items(&mut self, entry: &Entry) -> Option<Expression> {
        let Content::List(nodes) = &entry.node.content else { return template::expression(self.context, &entry.key, &entry.node) };
        let mut parts = Vec::new();
        for node in nodes {
            parts.push(match template::value(self.context, node)? {
                TemplateValue::Literal(value) => value.to_string(),
                TemplateValue::Template(text) => {
                    if let Some(inner) = template::lone(text.source()) {
                        format!("({inner})")
                    } else {
                        let help = "write the list as one expression, such as `items: \"{{ [a, b] }}\"`".to_owned();
                        self.context.report.error_with(
                            node.place,
                            "wrong_type",
                            "an item that is written out is a value or one expression",
                            help,
                        );
                        return None;
                    }
                }
                TemplateValue::List(_) | TemplateValue::Map(_) => {
                    let help = "write the list as one expression, such as `items: \"{{ [{'a': b}] }}\"`".to_owned();
                    self.context.report.error_with(node.place, "wrong_type", "an item that is written out has no expressions inside", help);
                    return None;
                }
            });
        }
        match Expression::parse(&format!("[{}]", parts.join(", "))) {
            Ok(list) => Some(list),
            Err(error) => {
                self.context.report.error(
                    entry.node.place,
                    "invalid_expression",
                    format!("this list cannot be written out: {}", error.message),
                );
                None
            }
        }
    }

    /// A name that is bound in each round.
    fn bound_name(&mut self, entry: &Entry) -> Option<String> {
        let name = scalar::name(&mut self.context.report, &entry.key, &entry.node)?.to_owned();
        self.is_variable(&name, entry.node.place).then_some(name)
    }

    fn differs(&mut self, name: &str, item: Option<&str>, entry: &Entry) -> bool {
        if item != Some(name) {
            return true;
        }
        let message = format!("`{name}` is the item already; its number has another name");
        self.context.report.error(entry.node.place, "invalid_name", message);
        false
    }
}
