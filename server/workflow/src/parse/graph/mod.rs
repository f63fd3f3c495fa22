//! A workflow written as a graph: a state, nodes that read and write it, and edges between them. It becomes the same plan as a
//! file of steps.
//!
//! `types` and `state` say what values are; `nodes` and `prompt` read what is done; `edges` and `logic` where it goes on; `shape`
//! checks the whole and says in which order; `steps` makes the steps.

mod edges;
mod logic;
mod nodes;
mod prompt;
mod shape;
mod state;
mod steps;
mod types;

use std::time::Duration;

use super::{
    Parsed,
    context::Context,
    diagnostic::Report,
    fields::{Fields, required},
    finish, front_matter, limits,
    outline::StepOutline,
    samples, scalar,
    source::Place,
    yaml::{Entry, Node},
};
use crate::plan::{Declared, Graph, Plan, Risk, StepKind};

/// What nodes do unless they say otherwise.
#[derive(Debug, Clone, Default)]
struct Defaults {
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    api_base: Option<String>,
}

impl Defaults {
    /// What is said here, else there. The model of the whole file is the plan's own default.
    fn or(self, others: &Self) -> Self {
        Self { temperature: self.temperature.or(others.temperature), max_tokens: self.max_tokens.or(others.max_tokens), ..self }
    }
}

/// The part of a file that stands above its nodes.
#[derive(Default)]
struct Head {
    id: String,
    name: String,
    version: Option<String>,
    description: Option<String>,
    llm: Defaults,
    time_limit: Option<Duration>,
    max_retries: Option<u32>,
    config: Vec<(String, serde_json::Value)>,
}

/// Reads a graph.
pub(super) fn read(context: &mut Context, node: &Node) -> Parsed {
    if let Some(nodes) = node.entry("nodes") {
        samples::of_nodes(context, &nodes.node);
    }
    let report = &mut context.report;
    let file = Place { length: 1, ..node.place };
    let Some(mut keys) = Fields::of(report, "a graph", node) else { return finish(context, None, Vec::new()) };
    let schema = keys.take_required(report, "schema_version", ("a graph", file), "begin it with `schema_version: \"1.0\"`");
    let flow = keys.take_required(report, "flow", ("a graph", file), "add `flow: {name: my-workflow}`");
    let state = keys.take(report, "state", &[]);
    let listed = keys.take_required(report, "nodes", ("a graph", file), "add `nodes:`, a list of what is done");
    let edges =
        keys.take_required(report, "edges", ("a graph", file), "add `edges:`, such as `[{from: START, to: a}, {from: a, to: END}]`");
    let config = keys.take(report, "config", &[]);
    keys.finish(report, "a graph");

    if let Some(entry) = schema {
        let text = scalar::name(report, "schema_version", &entry.node);
        if text.is_some_and(|text| text != "1.0") {
            report.error_with(
                entry.node.place,
                "unknown_value",
                "the version of a graph is 1.0",
                "write `schema_version: \"1.0\"`".to_owned(),
            );
        }
    }
    let mut head = Head::default();
    if let Some(entry) = flow {
        identity(report, entry, &mut head);
    }
    if let Some(entry) = config {
        configuration(report, entry, &mut head);
    }
    let state = state::read(report, state, file);
    let mut listed = listed.map(|entry| nodes::list(report, entry)).unwrap_or_default();
    if let Some(node) = listed.get(super::MAX_STEPS) {
        report.error(node.place, "too_many_steps", format!("a workflow has at most {} steps", super::MAX_STEPS));
        listed.truncate(super::MAX_STEPS);
    }
    let ids: Vec<(String, Place, u32)> = listed.iter().map(|node| (node.id.clone(), node.place, node.line)).collect();
    let names: Vec<&str> = ids.iter().map(|(id, ..)| id.as_str()).collect();
    // An edge that is wrong would make everything behind it look unreachable.
    let errors = report.error_count();
    let ways = edges.map(|entry| edges::read(report, &entry.node, &state, &names)).unwrap_or_default();
    let sound = report.error_count() == errors && edges.is_some();
    let in_rounds = |id: &str| ways.values().any(|(way, _)| matches!(way, edges::Way::Each { target, .. } if target == id));
    let mut read = Vec::new();
    for node in listed {
        let (id, line) = (node.id.clone(), node.line);
        report.enter(Some(&id));
        let errors = report.error_count();
        let node = nodes::read(report, node, &state, &head.llm, in_rounds(&id));
        context.outline.push(outline(&id, line, &node, report.error_count() == errors));
        read.push(node);
    }
    report.enter(None);
    let shape = if sound { shape::of(report, &ids, &ways) } else { None };
    let plan = shape.filter(|_| !report.has_errors()).and_then(|shape| {
        let graph = Graph {
            nodes: read
                .iter()
                .map(|node| node.more.clone())
                .filter(|more| *more != crate::plan::GraphNode { id: more.id.clone(), ..Default::default() })
                .collect(),
            api_base: head.llm.api_base.clone(),
            config: std::mem::take(&mut head.config),
        };
        let steps = steps::make(report, &shape, &ways, &ids, read, &state, head.max_retries)?;
        Some(planned(head, &state, graph, steps))
    });
    finish(context, plan, Vec::new())
}

fn planned(head: Head, state: &state::State, graph: Graph, steps: Vec<crate::plan::Step>) -> Plan {
    Plan {
        form: 1,
        id: head.id,
        name: head.name,
        version: head.version,
        description: head.description,
        author: None,
        tags: Vec::new(),
        risk: Risk::default(),
        inputs: state.inputs(),
        outputs: state.outputs(),
        budget: None,
        time_limit: head.time_limit,
        default_model: head.llm.model,
        state: state.planned(),
        graph,
        declared: Declared::default(),
        steps,
    }
}

fn outline(id: &str, line: u32, node: &nodes::Read, complete: bool) -> StepOutline {
    let (kind, model) = match &node.kind {
        Some(StepKind::Model(model)) => (model.task.action(), model.model.clone()),
        Some(StepKind::Chat(chat)) => (chat.task.action(), chat.model.clone()),
        Some(StepKind::Script(_)) => ("script.execute", None),
        _ => ("", None),
    };
    StepOutline {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: kind.to_owned(),
        line,
        model,
        complete: complete && node.kind.is_some(),
        ..StepOutline::default()
    }
}

fn identity(report: &mut Report, entry: &Entry, head: &mut Head) {
    let Some(mut keys) = Fields::of(report, "flow", &entry.node) else { return };
    let name = keys.take_required(report, "name", ("`flow`", entry.key_place), "add `name: my-workflow`");
    let description = keys.take(report, "description", &[]);
    let version = keys.take(report, "version", &[]);
    keys.finish(report, "`flow`");
    head.description = description.and_then(|entry| front_matter::prose(report, "description", entry));
    head.version = version.and_then(|entry| front_matter::prose(report, "version", entry));
    let Some(entry) = name else { return };
    let Some(name) = front_matter::prose(report, "name", entry) else { return };
    match scalar::slug(&name, '-') {
        Some(id) => head.id = id,
        None => report.error(entry.node.place, "invalid_id", "a name has letters or digits, as the id of the workflow is made of it"),
    }
    head.name = name;
}

fn configuration(report: &mut Report, entry: &Entry, head: &mut Head) {
    let Some(mut keys) = Fields::of(report, "config", &entry.node) else { return };
    if let Some(entry) = keys.take(report, "llm", &[]) {
        head.llm = llm(report, entry);
    }
    if let Some(entry) = keys.take(report, "execution", &[])
        && let Some(mut keys) = Fields::of(report, "execution", &entry.node)
    {
        head.time_limit = keys.take(report, "timeout", &[]).and_then(|entry| scalar::positive_duration(report, "timeout", &entry.node));
        head.max_retries = keys.take(report, "max_retries", &[]).and_then(|entry| limits::max_retries(report, entry));
        keys.finish(report, "`execution`");
    }
    for key in ["observability", "storage", "memory", "ab_test", "gates"] {
        let Some(entry) = keys.take(report, key, &[]) else { continue };
        let known = match key {
            "observability" => Fields::of(report, key, &entry.node).map(|mut keys| {
                let _ = (keys.take(report, "mlflow", &[]), keys.take(report, "logging", &[]));
                keys.finish(report, "`observability`");
            }),
            "memory" => nodes::remembers(report, entry).map(drop),
            _ => Some(()),
        };
        if let Some(value) = known.and_then(|()| scalar::json(report, &entry.node)) {
            head.config.push((key.to_owned(), value));
        }
    }
    keys.finish(report, "`config`");
}

/// `llm`, of the file or of a node.
fn llm(report: &mut Report, entry: &Entry) -> Defaults {
    let Some(mut keys) = Fields::of(report, "llm", &entry.node) else { return Defaults::default() };
    let provider = keys.take(report, "provider", &[]);
    let model = keys.take(report, "model", &[]);
    let temperature = keys.take(report, "temperature", &[]);
    let max_tokens = keys.take(report, "max_tokens", &[]);
    let api_base = keys.take(report, "api_base", &[]);
    keys.finish(report, "`llm`");
    if let (Some(provider), None) = (provider, model) {
        required(report, provider.key_place, "model", "a provider", "add the `model:` that is meant".to_owned());
    }
    let mut name = |entry: Option<&Entry>| entry.and_then(|entry| scalar::name(report, &entry.key, &entry.node)).map(str::to_owned);
    let (provider, model, api_base) = (name(provider), name(model), name(api_base));
    let model = match (provider, model) {
        (Some(provider), Some(model)) if !model.starts_with(&format!("{provider}/")) => Some(format!("{provider}/{model}")),
        (_, model) => model,
    };
    Defaults {
        model,
        temperature: temperature.and_then(|entry| scalar::number(report, "temperature", &entry.node, 0.0..=2.0)),
        max_tokens: max_tokens.and_then(|entry| nodes::max_tokens(report, entry)),
        api_base,
    }
}
