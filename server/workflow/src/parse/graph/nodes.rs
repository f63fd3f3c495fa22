//! The nodes of a graph.

use serde_json::Value;

use super::{
    Defaults,
    prompt::{self, Locals},
    state::State,
    types::{self, Type},
};
use crate::{
    expression::Template,
    parse::{
        diagnostic::{Report, did_you_mean},
        fields::{Fields, required},
        scalar::{self, short},
        source::Place,
        steps::is_step_id,
        yaml::{Content, Entry, Node},
    },
    plan::{
        ChatStep, GraphNode, Memory, Message, MessageRole, ModelStep, ModelTask, NodeTool, Sandbox, ScriptStep, StepKind, TemplateValue,
    },
};

const SCOPES: &[(&str, &str)] = &[("agent", "agent"), ("workflow", "workflow"), ("node", "node")];
const MAX_ENTRIES: u32 = 50;
const MAX_TOKENS: i64 = 10_000_000;

/// A node whose id is known, not yet read.
pub(super) struct Listed<'n> {
    pub(super) id: String,
    pub(super) place: Place,
    pub(super) line: u32,
    fields: Fields<'n>,
}

/// A node, read.
pub(super) struct Read {
    pub(super) kind: Option<StepKind>,
    pub(super) writes: Vec<String>,
    pub(super) more: GraphNode,
}

/// The ids of all nodes; what has none, or one that is taken, is reported and left out.
pub(super) fn list<'n>(report: &mut Report, entry: &'n Entry) -> Vec<Listed<'n>> {
    let mut nodes: Vec<Listed<'n>> = Vec::new();
    let Content::List(items) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            report.error(entry.node.place, "wrong_type", format!("`nodes` is a list, not {}", entry.node.description()));
        }
        return nodes;
    };
    if items.is_empty() {
        report.error(entry.node.place, "no_steps", "this workflow has no nodes");
    }
    for item in items {
        let Some(mut fields) = Fields::of(report, "a node", item) else { continue };
        let Some(id) = fields.take_required(report, "id", ("a node", item.place), "add `id:`") else { continue };
        let Some(text) = scalar::name(report, "id", &id.node) else { continue };
        if !is_step_id(text) || matches!(text, super::edges::START | super::edges::END) {
            let message = format!(
                "`{}` cannot be the id of a node: it begins with a letter, and letters, digits, `_` and `-` follow, 64 at most; START and END are taken",
                short(text)
            );
            let help = scalar::slug(text, '_').filter(|slug| is_step_id(slug)).map(|slug| format!("write `{slug}`"));
            report.error_with(id.node.place, "invalid_id", message, help);
            continue;
        }
        if let Some(first) = nodes.iter().find(|node| node.id == text) {
            let message = format!("the id `{text}` belongs to the node on line {} already", first.line);
            report.error_with(id.node.place, "duplicate_id", message, "give this node another id".to_owned());
            continue;
        }
        nodes.push(Listed { id: text.to_owned(), place: id.node.place, line: item.place.line, fields });
    }
    nodes
}

/// What a node has to answer.
enum Answer {
    /// An object with this schema.
    Object(Value),
    /// Any text: nothing of it is written into the state.
    Text,
}

/// Reads what a node does.
pub(super) fn read(report: &mut Report, node: Listed<'_>, state: &State, defaults: &Defaults, in_rounds: bool) -> Read {
    let Listed { id, place, mut fields, .. } = node;
    let description = fields.take(report, "description", &[]);
    let inputs = fields.take(report, "inputs", &[]);
    let prompt = fields.take(report, "prompt", &[]);
    let schema = fields.take(report, "output_schema", &[]);
    let outputs = fields.take(report, "outputs", &[]);
    let tools = fields.take(report, "tools", &[]);
    let memory = fields.take(report, "memory", &[]);
    let llm = fields.take(report, "llm", &[]);
    let sandbox = fields.take(report, "sandbox", &[]);
    let code = fields.take(report, "code", &[]);
    let log_prompts = fields.take(report, "log_prompts", &[]);
    let log_artifacts = fields.take(report, "log_artifacts", &[]);
    fields.finish(report, "a node");

    let locals = Locals { inputs: local_inputs(report, inputs, state), in_rounds };
    let description = description.and_then(|entry| scalar::text(report, "description", &entry.node)).map(str::to_owned);
    let writes = outputs.map(|entry| written(report, entry, state)).unwrap_or_default();
    let output_schema = answer(report, schema, &writes, state);
    let llm = llm.map_or_else(Defaults::default, |entry| super::llm(report, entry));
    let tools = tools.map(|entry| node_tools(report, entry)).unwrap_or_default();
    let flag = |report: &mut Report, entry: Option<&Entry>| entry.and_then(|entry| scalar::boolean(report, &entry.key, &entry.node));
    let more = GraphNode {
        id: id.clone(),
        description,
        memory: memory.and_then(|entry| remembers(report, entry)),
        sandbox: sandbox.and_then(|entry| kept_in(report, entry)),
        api_base: llm.api_base.clone(),
        log_prompts: flag(report, log_prompts),
        log_artifacts: flag(report, log_artifacts),
        tools,
    };
    let kind = match (prompt, code) {
        (Some(prompt), None) => asks(report, prompt, &locals, state, output_schema, &llm.or(defaults), &more),
        (None, Some(code)) => runs(report, code, &locals, more.sandbox.as_ref()),
        (Some(_), Some(code)) => {
            report.error_with(code.key_place, "two_kinds", "a node has either a `prompt` or `code`", "make two nodes of it".to_owned());
            None
        }
        (None, None) => {
            required(report, place, "prompt", &format!("the node `{id}`"), "add `prompt:`, or `code:`".to_owned());
            None
        }
    };
    Read { kind, writes: writes.into_iter().map(|(name, _)| name).collect(), more }
}

fn asks(
    report: &mut Report,
    prompt: &Entry,
    locals: &Locals,
    state: &State,
    answer: Option<Answer>,
    llm: &Defaults,
    more: &GraphNode,
) -> Option<StepKind> {
    let prompt = prompt::read(report, &prompt.node, state, locals);
    let prompt = prompt?;
    let output_schema = match answer? {
        Answer::Object(schema) => Some(schema),
        Answer::Text => None,
    };
    let (model, max_tokens, temperature) = (llm.model.clone(), llm.max_tokens, llm.temperature);
    if more.tools.is_empty() {
        return Some(StepKind::Model(ModelStep {
            task: ModelTask::Generate,
            model,
            system: None,
            prompt,
            output_schema,
            max_tokens,
            temperature,
        }));
    }
    Some(StepKind::Chat(ChatStep {
        task: ModelTask::Generate,
        model,
        system: None,
        messages: vec![Message { role: MessageRole::User, content: prompt }],
        tools: more.tools.iter().map(|tool| tool.name.clone()).collect(),
        output_schema,
        max_tokens,
        temperature,
    }))
}

fn runs(report: &mut Report, code: &Entry, locals: &Locals, sandbox: Option<&Sandbox>) -> Option<StepKind> {
    let text = scalar::text(report, "code", &code.node)?;
    let argument = |(name, path): &(String, Option<Vec<String>>)| {
        let source = super::logic::name_source("state", path.as_ref()?);
        Some((name.clone(), TemplateValue::Template(Template::parse(&format!("{{{{ {source} }}}}")).ok()?)))
    };
    let args: Vec<_> = locals.inputs.iter().filter_map(argument).collect();
    Some(StepKind::Script(ScriptStep {
        language: Some("python".to_owned()),
        code: Some(prompt::verbatim(text)?),
        operation: None,
        args: (!args.is_empty()).then_some(TemplateValue::Map(args)),
        preset: sandbox.and_then(|sandbox| sandbox.preset.clone()),
        network: sandbox.is_some_and(|sandbox| sandbox.network),
    }))
}

fn local_inputs(report: &mut Report, entry: Option<&Entry>, state: &State) -> Vec<(String, Option<Vec<String>>)> {
    let Some(mut fields) = entry.and_then(|entry| Fields::of(report, "inputs", &entry.node)) else { return Vec::new() };
    let mut locals = Vec::new();
    for entry in fields.rest() {
        let target = Fields::of(report, &entry.key, &entry.node).and_then(|mut keys| {
            let target = keys.take_required(
                report,
                "state_ref",
                ("an input of a node", entry.key_place),
                "add `state_ref:` with a field of the state",
            );
            keys.finish(report, "an input of a node");
            state.named(report, target?).map(|(_, path)| path)
        });
        locals.push((entry.key.clone(), target));
    }
    locals
}

/// The fields of the state that a node writes, with their types.
fn written(report: &mut Report, entry: &Entry, state: &State) -> Vec<(String, (Place, Option<Type>))> {
    let Content::List(items) = &entry.node.content else {
        report.error(
            entry.node.place,
            "wrong_type",
            format!("`outputs` is a list of fields of the state, not {}", entry.node.description()),
        );
        return Vec::new();
    };
    let mut written: Vec<(String, (Place, Option<Type>))> = Vec::new();
    for item in items {
        let Some(name) = scalar::name(report, "outputs", item) else { continue };
        let name = name.strip_prefix("state.").unwrap_or(name);
        match state.find(name) {
            None => {
                let help = did_you_mean(name, state.names()).unwrap_or_else(|| "declare it under `state.fields`".to_owned());
                report.error_with(item.place, "unknown_field", format!("the state has no field `{}`", short(name)), help);
            }
            Some(_) if written.iter().any(|(known, _)| known == name) => {
                report.error(item.place, "duplicate_key", format!("`{name}` is named twice"));
            }
            Some(field) => written.push((name.to_owned(), (item.place, field.kind.clone()))),
        }
    }
    written
}

/// The schema of a node's answer, which has what the node writes; the outer `None` when it could not be read.
fn answer(report: &mut Report, entry: Option<&Entry>, writes: &[(String, (Place, Option<Type>))], state: &State) -> Option<Answer> {
    let Some(entry) = entry else {
        // What is written says what is to be answered.
        let fields = writes
            .iter()
            .map(|(name, (_, kind))| (name.as_str(), kind.as_ref().map_or_else(|| Value::Object(serde_json::Map::new()), Type::schema)));
        return Some(if writes.is_empty() { Answer::Text } else { Answer::Object(types::object_schema(fields)) });
    };
    let mut keys = Fields::of(report, "output_schema", &entry.node)?;
    let kind = keys.take_required(report, "type", ("`output_schema`", entry.key_place), "add `type: object`");
    let fields = keys.take(report, "fields", &[]);
    let description = keys.take(report, "description", &[]);
    keys.finish(report, "`output_schema`");
    let kind_entry = kind?;
    let kind = types::read(report, &kind_entry.node)?;
    let mut known: Vec<(String, Type, Option<String>)> = Vec::new();
    let mut complete = true;
    match (&kind, fields) {
        (Type::Map(None), Some(fields)) => {
            let Content::List(items) = &fields.node.content else {
                report.error(
                    fields.node.place,
                    "wrong_type",
                    format!("`fields` is a list of `{{name, type}}`, not {}", fields.node.description()),
                );
                return None;
            };
            for item in items {
                match answered(report, item) {
                    Some((place, name, _, _)) if known.iter().any(|(other, ..)| *other == name) => {
                        report.error(place, "duplicate_key", format!("`{name}` is named twice"));
                        complete = false;
                    }
                    Some((_, name, kind, description)) => known.push((name, kind, description)),
                    None => complete = false,
                }
            }
        }
        (Type::Map(None), None) => {
            required(
                report,
                entry.key_place,
                "fields",
                "`output_schema`",
                "name what is answered: `fields: [{name: …, type: str}]`".to_owned(),
            );
            return None;
        }
        (_, Some(fields)) => {
            report.error(
                fields.key_place,
                "no_meaning",
                format!("`fields` has no meaning here: the answer is `{}` and no object", kind.word()),
            );
            return None;
        }
        (kind, None) => {
            // One value alone: it is answered under the name of the field that takes it.
            let [(name, _)] = writes else {
                let help = "write `type: object` with `fields`, or name one field under `outputs`".to_owned();
                let message = "an answer that is one value goes to one field of the state";
                report.error_with(kind_entry.node.place, "wrong_type", message, help);
                return None;
            };
            let description = description.and_then(|entry| scalar::text(report, "description", &entry.node)).map(str::to_owned);
            known.push((name.clone(), (*kind).clone(), description));
        }
    }
    if !complete {
        return None;
    }
    for (name, (place, of)) in writes {
        match known.iter().find(|(known, ..)| known == name) {
            None => {
                let help = did_you_mean(name, known.iter().map(|(known, ..)| known.as_str()))
                    .unwrap_or_else(|| "add it under `output_schema.fields`".to_owned());
                report.error_with(*place, "output_missing", format!("the answer has no `{name}`"), help);
                complete = false;
            }
            Some((_, kind, _)) => {
                if let Some(of) = of.as_ref().filter(|of| !of.takes(kind)) {
                    let message = format!("`{name}` is `{}` in the answer and `{}` in the state", kind.word(), of.word());
                    report.error_with(*place, "wrong_type", message, "give both the same type".to_owned());
                    complete = false;
                }
            }
        }
    }
    let described = |(name, kind, description): &(String, Type, Option<String>)| {
        // An object of the answer that the state knows more exactly is asked for like that.
        let known =
            state.find(name).and_then(|field| field.kind.clone()).filter(|of| *kind == Type::Map(None) && matches!(of, Type::Object(_)));
        let mut schema = known.as_ref().unwrap_or(kind).schema();
        if let (Some(text), Value::Object(schema)) = (description, &mut schema) {
            schema.insert("description".to_owned(), Value::String(text.clone()));
        }
        (name.clone(), schema)
    };
    let fields: Vec<(String, Value)> = known.iter().map(described).collect();
    complete.then(|| Answer::Object(types::object_schema(fields.iter().map(|(name, schema)| (name.as_str(), schema.clone())))))
}

fn answered(report: &mut Report, item: &Node) -> Option<(Place, String, Type, Option<String>)> {
    let mut keys = Fields::of(report, "a field of an answer", item)?;
    let name = keys.take_required(report, "name", ("a field of an answer", item.place), "add `name:`");
    let kind = keys.take_required(report, "type", ("a field of an answer", item.place), "add `type: str`, or what else it is");
    let description = keys.take(report, "description", &[]);
    keys.finish(report, "a field of an answer");
    let description = description.and_then(|entry| scalar::text(report, "description", &entry.node)).map(str::to_owned);
    let kind = kind.and_then(|entry| types::read(report, &entry.node));
    let entry = name?;
    let name = scalar::name(report, "name", &entry.node)?.to_owned();
    Some((entry.node.place, name, kind?, description))
}

fn node_tools(report: &mut Report, entry: &Entry) -> Vec<NodeTool> {
    let Content::List(items) = &entry.node.content else {
        report.error(entry.node.place, "wrong_type", format!("`tools` is a list, not {}", entry.node.description()));
        return Vec::new();
    };
    let tool = |item: &Node| {
        if item.scalar().is_some() {
            return scalar::name(report, "tools", item).map(|name| NodeTool { name: name.to_owned(), goes_on: false, config: None });
        }
        let mut keys = Fields::of(report, "a tool", item)?;
        let name = keys.take_required(report, "name", ("a tool", item.place), "add `name:`");
        let on_error = keys.take(report, "on_error", &[]);
        let config = keys.take(report, "config", &[]);
        keys.finish(report, "a tool");
        let goes_on = match on_error {
            Some(entry) => scalar::word(report, "on_error", &entry.node, &[("fail", false), ("continue", true)], &[])?,
            None => false,
        };
        let config = match config {
            Some(entry) => Some(scalar::json(report, &entry.node)?),
            None => None,
        };
        let name = scalar::name(report, "name", &name?.node)?.to_owned();
        Some(NodeTool { name, goes_on, config })
    };
    items.iter().filter_map(tool).collect()
}

pub(super) fn remembers(report: &mut Report, entry: &Entry) -> Option<Memory> {
    let mut keys = Fields::of(report, "memory", &entry.node)?;
    let enabled = keys.take(report, "enabled", &[]);
    let scope = keys.take(report, "default_scope", &[]);
    let most = keys.take(report, "max_entries", &[]);
    keys.finish(report, "`memory`");
    let enabled = enabled.map_or(Some(false), |entry| scalar::boolean(report, "enabled", &entry.node));
    let scope = scope.map_or(Some("agent"), |entry| scalar::word(report, "default_scope", &entry.node, SCOPES, &[]));
    let most = most.map_or(Some(MAX_ENTRIES), |entry| {
        scalar::integer(report, "max_entries", &entry.node, 1..=100_000).and_then(|most| u32::try_from(most).ok())
    });
    Some(Memory { enabled: enabled?, default_scope: scope?.to_owned(), max_entries: most? })
}

fn kept_in(report: &mut Report, entry: &Entry) -> Option<Sandbox> {
    let mut keys = Fields::of(report, "sandbox", &entry.node)?;
    let mode = keys.take(report, "mode", &[]);
    let enabled = keys.take(report, "enabled", &[]);
    let network = keys.take(report, "network", &[]);
    let preset = keys.take(report, "preset", &[]);
    let resources = keys.take(report, "resources", &[]);
    let timeout = keys.take(report, "timeout", &[]);
    keys.finish(report, "`sandbox`");
    let mut name = |entry: Option<&Entry>| entry.and_then(|entry| scalar::name(report, &entry.key, &entry.node)).map(str::to_owned);
    let (mode, preset) = (name(mode), name(preset));
    let enabled = enabled.map_or(Some(true), |entry| scalar::boolean(report, "enabled", &entry.node));
    let network = network.map_or(Some(false), |entry| match &entry.node.content {
        Content::Map(_) => {
            let mut keys = Fields::of(report, "network", &entry.node)?;
            let enabled = keys.take_required(report, "enabled", ("`network`", entry.key_place), "add `enabled: false`");
            keys.finish(report, "`network`");
            scalar::boolean(report, "enabled", &enabled?.node)
        }
        _ => scalar::boolean(report, "network", &entry.node),
    });
    let resources = resources.and_then(|entry| scalar::json(report, &entry.node));
    let timeout = timeout.and_then(|entry| scalar::positive_duration(report, "timeout", &entry.node));
    Some(Sandbox { mode, enabled: enabled?, network: network?, preset, resources, timeout })
}

/// The most tokens of an answer.
pub(super) fn max_tokens(report: &mut Report, entry: &Entry) -> Option<u32> {
    scalar::integer(report, "max_tokens", &entry.node, 1..=MAX_TOKENS).and_then(|tokens| u32::try_from(tokens).ok())
}
