//! `agent.analyze` and `agent.generate`. Their keys stand on the step or below its `inputs`.

use serde_json::Value;

use super::Reader;
use crate::{
    parse::{
        bundle,
        context::Context,
        fields::{Fields, required, take_from_either},
        scalar::{self, is_template},
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::{ModelStep, ModelTask},
};

/// The most tokens that an answer can be given.
const MAX_TOKENS: i64 = 10_000_000;

impl Reader<'_> {
    pub(super) fn model<'n>(&mut self, action: &str, fields: &mut Fields<'n>, inputs: &mut Fields<'n>, place: Place) -> Option<ModelStep> {
        let context = &mut *self.context;
        let prompt = take_from_either(&mut context.report, [fields, inputs], "prompt", &[]);
        let system = take_from_either(&mut context.report, [fields, inputs], "system", &[]);
        let schema = take_from_either(&mut context.report, [fields, inputs], "output_schema", &[]);
        let max_tokens = take_from_either(&mut context.report, [fields, inputs], "max_tokens", &[]);
        let temperature = take_from_either(&mut context.report, [fields, inputs], "temperature", &[]);
        let model = take_from_either(&mut context.report, [fields, inputs], "model", &[]);
        for keys in [fields, inputs] {
            keys.refuse(&mut context.report, &["prompt_inputs", "tools", "messages"]);
        }
        if prompt.is_none() {
            required(&mut context.report, place, "prompt", &format!("`{action}`"), "add `prompt:` below `inputs`".to_owned());
        }
        let prompt = prompt.and_then(|entry| prompt_text(context, &entry.node));
        let system = system.and_then(|entry| template::template(context, "system", &entry.node));
        let output_schema = schema.and_then(|entry| output_schema(context, entry));
        let report = &mut context.report;
        let max_tokens = max_tokens.and_then(|entry| scalar::integer(report, "max_tokens", &entry.node, 1..=MAX_TOKENS));
        let temperature = temperature.and_then(|entry| scalar::number(report, "temperature", &entry.node, 0.0..=2.0));
        let model = model.and_then(|entry| scalar::name(report, "model", &entry.node)).map(str::to_owned);
        self.outline.model.clone_from(&model);
        Some(ModelStep {
            task: if action == ModelTask::Analyze.action() { ModelTask::Analyze } else { ModelTask::Generate },
            model,
            system,
            prompt: prompt?,
            output_schema,
            max_tokens: max_tokens.and_then(|tokens| u32::try_from(tokens).ok()),
            temperature,
        })
    }
}

fn prompt_text(context: &mut Context, node: &Node) -> Option<crate::expression::Template> {
    let text = node.scalar().map(|scalar| scalar.text.trim()).unwrap_or_default();
    let is_path = !text.contains(char::is_whitespace) && [".md", ".txt", ".prompt"].iter().any(|ending| text.ends_with(ending));
    if is_path {
        return bundle::text_of_file(context, "prompt", node, text);
    }
    if node.scalar().is_some_and(|scalar| !scalar.is_null()) && text.is_empty() {
        context.report.error(node.place, "value_missing", "`prompt` is empty");
        return None;
    }
    template::template(context, "prompt", node)
}

/// The schema of an answer: a JSON Schema for an object, as it is written.
fn output_schema(context: &mut Context, entry: &Entry) -> Option<Value> {
    let report = &mut context.report;
    let Content::Map(entries) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            let help = "write `type: object` with `properties`".to_owned();
            report.error_with(
                entry.node.place,
                "invalid_schema",
                format!("`output_schema` is a JSON Schema, not {}", entry.node.description()),
                help,
            );
        }
        return None;
    };
    if let Some(node) = first_template(&entry.node) {
        report.error(node.place, "not_evaluated", "a schema is taken as it is written: expressions are not evaluated here");
        return None;
    }
    let schema = scalar::json(report, &entry.node)?;
    match entries.iter().find(|entry| entry.key == "type") {
        Some(kind) if kind.node.scalar().is_some_and(|scalar| scalar.text == "object") => Some(schema),
        Some(kind) => {
            let help = "put what is wanted into a field of an object".to_owned();
            report.error_with(kind.node.place, "invalid_schema", "the answer of a model is an object: `type: object`", help);
            None
        }
        None => {
            report.error_with(entry.key_place, "invalid_schema", "`output_schema` needs `type: object`", "add `type: object`".to_owned());
            None
        }
    }
}

fn first_template(node: &Node) -> Option<&Node> {
    match &node.content {
        Content::Scalar(scalar) => is_template(&scalar.text).then_some(node),
        Content::List(items) => items.iter().find_map(first_template),
        Content::Map(entries) => entries.iter().find_map(|entry| first_template(&entry.node)),
        Content::Refused => None,
    }
}
