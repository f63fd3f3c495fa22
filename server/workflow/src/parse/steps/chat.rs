//! What a prompt may have besides its text: messages, values of its own, tools.

use serde_json::Value;

use crate::{
    expression::Template,
    parse::{
        context::Context,
        declarations,
        fields::Fields,
        scalar,
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::{ChatStep, Message, MessageRole, ModelStep, StepKind, TemplateValue},
};

/// The most messages of one step.
const MOST_MESSAGES: usize = 100;

const ROLES: &[(&str, MessageRole)] =
    &[("system", MessageRole::System), ("user", MessageRole::User), ("assistant", MessageRole::Assistant)];

/// The step that these keys make. What is one prompt, with or without a system prompt, is a plain one however it is written.
pub(super) fn step(chat: ChatStep, prompt: Option<Template>, messages: Option<Vec<Message>>) -> Option<StepKind> {
    let messages = match (prompt, messages) {
        (Some(content), _) => vec![Message { role: MessageRole::User, content }],
        (None, messages) => messages?,
    };
    let (system, prompt) = match messages.as_slice() {
        [Message { role: MessageRole::User, content }] => (chat.system.clone(), content),
        [Message { role: MessageRole::System, content: system }, Message { role: MessageRole::User, content }] if chat.system.is_none() => {
            (Some(system.clone()), content)
        }
        _ => return Some(StepKind::Chat(ChatStep { messages, ..chat })),
    };
    if !chat.tools.is_empty() {
        return Some(StepKind::Chat(ChatStep { messages, ..chat }));
    }
    Some(StepKind::Model(ModelStep {
        task: chat.task,
        model: chat.model,
        system,
        prompt: prompt.clone(),
        output_schema: chat.output_schema,
        max_tokens: chat.max_tokens,
        temperature: chat.temperature,
    }))
}

pub(super) fn messages(context: &mut Context, entry: &Entry) -> Option<Vec<Message>> {
    let Content::List(items) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            let message = format!("`messages` is a list of `{{role, content}}`, not {}", entry.node.description());
            context.report.error(entry.node.place, "wrong_type", message);
        }
        return None;
    };
    if items.is_empty() || items.len() > MOST_MESSAGES {
        context.report.error(entry.node.place, "out_of_range", format!("a chat has 1 to {MOST_MESSAGES} messages"));
        return None;
    }
    let all: Vec<_> = items.iter().map(|item| message(context, item)).collect();
    all.into_iter().collect()
}

fn message(context: &mut Context, node: &Node) -> Option<Message> {
    let mut fields = Fields::of(&mut context.report, "a message", node)?;
    let report = &mut context.report;
    let role = fields.take_required(report, "role", ("a message", node.place), "add `role: user`");
    let content = fields.take_required(report, "content", ("a message", node.place), "add `content:` with what is said");
    fields.finish(report, "a message");
    let role = role.and_then(|entry| scalar::word(report, "role", &entry.node, ROLES, &[]));
    let content = content.and_then(|entry| template::template(context, "content", &entry.node));
    Some(Message { role: role?, content: content? })
}

/// Values that only the prompt sees: names, each with the text of an expression.
pub(super) fn prompt_inputs(context: &mut Context, entry: &Entry) -> Option<Vec<(String, String)>> {
    let entries = Fields::of(&mut context.report, "prompt_inputs", &entry.node)?.rest();
    let all: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let named = declarations::field_name(&mut context.report, entry, "a value");
            let text = match template::value(context, &entry.node)? {
                TemplateValue::Literal(value) => value.to_string(),
                TemplateValue::Template(text) => expression_of(text.source()).or_else(|| unwritable(context, &entry.node))?,
                TemplateValue::List(_) | TemplateValue::Map(_) => unwritable(context, &entry.node)?,
            };
            named.then(|| (entry.key.clone(), text))
        })
        .collect();
    all.into_iter().collect()
}

fn unwritable(context: &mut Context, node: &Node) -> Option<String> {
    let help = "write it as one expression, such as `\"{{ [a, b] }}\"`".to_owned();
    context.report.error_with(
        node.place,
        "wrong_type",
        "a value of `prompt_inputs` is a value, one expression, or text with expressions",
        help,
    );
    None
}

/// A text with expressions as one expression; `None` when it has tags.
fn expression_of(text: &str) -> Option<String> {
    if let Some(lone) = template::lone(text) {
        return Some(lone.to_owned());
    }
    if text.contains("{%") || text.contains("{#") {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, tail) = after.split_once("}}")?;
        let inner = inner.trim_start_matches('-').trim_end_matches('-').trim();
        parts.push(Value::from(before).to_string());
        parts.push(format!("({inner})"));
        rest = tail;
    }
    parts.push(Value::from(rest).to_string());
    Some(parts.join(" ~ "))
}

/// The prompt with its values set before it.
pub(super) fn with_inputs(context: &mut Context, place: Place, prompt: &Template, values: &[(String, String)]) -> Option<Template> {
    let mut text: String = values.iter().flat_map(|(name, value)| ["{% set ", name, " = ", value, " %}"]).collect();
    text.push_str(prompt.source());
    match Template::parse(&text) {
        Ok(template) => Some(template),
        Err(error) => {
            let message = format!("the prompt cannot be put together with its `prompt_inputs`: {}", error.message);
            context.report.error(place, "invalid_expression", message);
            None
        }
    }
}
