//! `agent.analyze`, `agent.generate` and `agent.chat`, and a bare prompt. Their keys stand on the step or below its `inputs`.

use serde_json::Value;

use super::{Reader, chat};
use crate::{
    expression::Template,
    parse::{
        bundle,
        context::Context,
        fields::{Fields, required, take_from_either},
        scalar::{self, is_template},
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::{ChatStep, ModelTask, StepKind},
};

/// The most tokens that an answer can be given.
const MAX_TOKENS: i64 = 10_000_000;

impl Reader<'_> {
    /// A bare prompt: the keys of an action, without one.
    pub(super) fn prompt(&mut self, action: &str, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        self.action(action, fields, place)
    }

    pub(super) fn model<'n>(&mut self, action: &str, fields: &mut Fields<'n>, inputs: &mut Fields<'n>, place: Place) -> Option<StepKind> {
        let context = &mut *self.context;
        let mut take = |key: &'static str| take_from_either(&mut context.report, [&mut *fields, &mut *inputs], key, &[]);
        let prompt = take("prompt");
        let messages = take("messages");
        let prompt_inputs = take("prompt_inputs");
        let system = take("system");
        let schema = take("output_schema");
        let max_tokens = take("max_tokens");
        let temperature = take("temperature");
        let tools = take("tools");
        let model = take("model");
        match (prompt, messages) {
            (None, None) => {
                required(&mut context.report, place, "prompt", &format!("`{action}`"), "add `prompt:` below `inputs`".to_owned());
            }
            (Some(prompt), Some(messages)) => {
                let later = if prompt.key_place.line > messages.key_place.line { prompt } else { messages };
                let message = "`prompt` and `messages` say the same: a prompt is one message";
                context.report.error_with(later.key_place, "duplicate_key", message, "keep one of the two".to_owned());
            }
            (None, Some(messages)) if !action.starts_with("agent.chat") => {
                let help = "write `action: agent.chat`".to_owned();
                context.report.error_with(messages.key_place, "no_meaning", format!("`messages` has no meaning for `{action}`"), help);
            }
            _ => {}
        }
        // A value that cannot be read does not make its name unknown.
        let names = prompt_inputs.and_then(|entry| entry.node.entries()).unwrap_or_default();
        let names = names.iter().map(|entry| entry.key.clone()).collect();
        let prompt_inputs = prompt_inputs.map(|entry| chat::prompt_inputs(context, entry));
        let before = std::mem::replace(&mut context.bound, names);
        let text = prompt.and_then(|entry| prompt_text(context, &entry.node));
        context.bound = before;
        let text = match (text, prompt_inputs) {
            (Some(text), Some(values)) => chat::with_inputs(context, prompt?.node.place, &text, &values?),
            (text, _) => text,
        };
        let system = match system {
            Some(entry) => Some(template::template(context, "system", &entry.node)?),
            None => None,
        };
        let messages = messages.and_then(|entry| chat::messages(context, entry));
        let output_schema = schema.and_then(|entry| output_schema(context, entry));
        let report = &mut context.report;
        let tools = tools.map(|entry| super::further::texts(report, entry));
        let max_tokens = max_tokens.and_then(|entry| scalar::integer(report, "max_tokens", &entry.node, 1..=MAX_TOKENS));
        let temperature = temperature.and_then(|entry| scalar::number(report, "temperature", &entry.node, 0.0..=2.0));
        let model = model.and_then(|entry| scalar::name(report, "model", &entry.node)).map(str::to_owned);
        self.outline.model.clone_from(&model);
        let step = ChatStep {
            task: match action {
                "agent.analyze" => ModelTask::Analyze,
                "agent.generate" => ModelTask::Generate,
                _ => ModelTask::Chat,
            },
            model,
            system,
            messages: Vec::new(),
            tools: match tools {
                Some(tools) => tools?,
                None => Vec::new(),
            },
            output_schema,
            max_tokens: max_tokens.and_then(|tokens| u32::try_from(tokens).ok()),
            temperature,
        };
        chat::step(step, text, messages)
    }
}

fn prompt_text(context: &mut Context, node: &Node) -> Option<Template> {
    let text = node.scalar().map(|scalar| scalar.text.trim()).unwrap_or_default();
    let is_path = !text.contains(char::is_whitespace) && [".md", ".txt", ".prompt"].iter().any(|ending| text.ends_with(ending));
    if is_path && !is_template(text) {
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
