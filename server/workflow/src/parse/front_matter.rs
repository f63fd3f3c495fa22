//! The front matter: what a workflow is called, takes, gives, and may cost.

use std::time::Duration;

use super::{
    blocks::Continuation,
    context::Context,
    declarations, declared,
    diagnostic::Report,
    fields::{Fields, required},
    limits, scalar,
    source::Place,
    yaml::{Content, Entry, Node},
};
use crate::plan::{Declared, InputField, OutputField, Risk, StepOrRunBudget};

/// The most inputs, and the most outputs: each may have a regular expression, which takes time to compile.
const MAX_DECLARATIONS: usize = 200;

/// The most tags.
const MAX_TAGS: usize = 50;

/// Words of `risk_level` and `risk`.
pub(super) const RISKS: &[(&str, Risk)] = &[("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High)];

/// Keys of a graph file.
pub(super) const GRAPH: &[&str] = &["schema_version", "flow", "state", "nodes", "edges", "config"];

/// What the front matter says. What could not be read was reported, and is empty here.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) author: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) risk: Risk,
    pub(super) inputs: Vec<InputField>,
    /// The names of all inputs, also of those that could not be read.
    pub(super) input_names: Vec<String>,
    /// The names of all outputs with their places, also of those that could not be read.
    pub(super) output_names: Vec<(String, Place)>,
    pub(super) budget: Option<StepOrRunBudget>,
    pub(super) time_limit: Option<Duration>,
    pub(super) max_retries: Option<u32>,
    pub(super) default_model: Option<String>,
    /// What follows a failure of a step that does not say.
    pub(super) on_error: Option<Entry>,
    pub(super) declared: Declared,
}

/// The parts that blocks below headings may continue: entries in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Declarations<'n> {
    inputs: Vec<&'n Entry>,
    pub(super) outputs: Vec<&'n Entry>,
    /// The steps, when they stand in the front matter.
    pub(super) steps: Option<&'n Entry>,
}

/// Reads the front matter and what continues it; the outputs are only gathered, because their values see
/// the steps.
pub(super) fn read<'n>(context: &mut Context, node: &'n Node, continuations: &'n [Continuation]) -> (Header, Declarations<'n>) {
    let mut header = Header::default();
    let mut declarations = Declarations::default();
    let report = &mut context.report;
    let Some(mut fields) = Fields::of(report, "the front matter", node) else { return (header, declarations) };
    let help = "begin it with `workflow: {id: my-workflow, name: My workflow}`";
    if let Some(entry) = fields.take_required(report, "workflow", ("the front matter", Place::line(node.place.line)), help) {
        identity(report, entry, &mut header);
    }
    if let Some(entry) = fields.take(report, "risk_level", &[]) {
        header.risk = scalar::word(report, "risk_level", &entry.node, RISKS, &[]).unwrap_or_default();
    }
    if let Some(entry) = fields.take(report, "budget", &[]) {
        header.budget = limits::budget(report, entry);
    }
    if let Some(entry) = fields.take(report, "execution", &[]) {
        execution(report, entry, &mut header);
    }
    if let Some(entry) = fields.take(report, "default_model", &["model"]) {
        header.default_model = scalar::name(report, "default_model", &entry.node).map(str::to_owned);
    }
    let triggers = fields.take(report, "triggers", &[]);
    let inputs = fields.take(report, "inputs", &[]);
    let outputs = fields.take(report, "outputs", &[]);
    declarations.steps = fields.take(report, "steps", &[]);
    header.declared = declared::read(context, &mut fields);
    let report = &mut context.report;
    let why = "a graph is a YAML file of its own";
    fields.refuse_meaningless(report, GRAPH, why, Some("remove the lines of `---`, or write steps"));
    fields.finish(report, "the front matter");

    if let Some(entry) = inputs {
        gather(report, "inputs", &entry.node, &mut declarations.inputs);
    }
    if let Some(entry) = outputs {
        gather(report, "outputs", &entry.node, &mut declarations.outputs);
    }
    for continuation in continuations {
        match continuation.section {
            "inputs" => gather(report, "inputs", &continuation.node, &mut declarations.inputs),
            "outputs" => gather(report, "outputs", &continuation.node, &mut declarations.outputs),
            _ => {}
        }
    }
    for (what, entries) in [("inputs", &mut declarations.inputs), ("outputs", &mut declarations.outputs)] {
        if let Some(entry) = entries.get(MAX_DECLARATIONS) {
            report.error(entry.key_place, "too_many_declarations", format!("a workflow has at most {MAX_DECLARATIONS} {what}"));
            entries.truncate(MAX_DECLARATIONS);
        }
    }
    header.input_names = declarations.inputs.iter().map(|entry| entry.key.clone()).collect();
    header.output_names = declarations.outputs.iter().map(|entry| (entry.key.clone(), entry.key_place)).collect();
    header.inputs = declarations::inputs(context, &declarations.inputs);
    let further = continuations.iter().filter(|continuation| continuation.section == "triggers").map(|continuation| &continuation.node);
    for node in triggers.map(|entry| &entry.node).into_iter().chain(further) {
        let inputs = declared::Inputs { fields: &header.inputs, names: &header.input_names };
        declared::triggers(context, node, &inputs, &mut header.declared.triggers);
    }
    (header, declarations)
}

/// The outputs, read once all steps are known.
pub(super) fn outputs(context: &mut Context, declarations: &Declarations<'_>) -> Vec<OutputField> {
    declarations::outputs(context, &declarations.outputs)
}

/// Adds the entries of a part. A name that was declared before is an error, unless both say the same.
fn gather<'n>(report: &mut Report, label: &str, node: &'n Node, into: &mut Vec<&'n Entry>) {
    let Some(mut fields) = Fields::of(report, label, node) else { return };
    let mut lines: std::collections::HashMap<&str, &Entry> = into.iter().map(|entry| (entry.key.as_str(), *entry)).collect();
    for entry in fields.rest() {
        match lines.get(entry.key.as_str()) {
            Some(first) if first.node.says_the_same(&entry.node) => {}
            Some(first) => report.error_with(
                entry.key_place,
                "duplicate_key",
                format!("`{}` is declared on line {} already, and not like this", entry.key, first.key_place.line),
                "keep one of the two; if this is an example, put it below a heading such as Example".to_owned(),
            ),
            None => {
                lines.insert(&entry.key, entry);
                into.push(entry);
            }
        }
    }
}

fn identity(report: &mut Report, entry: &Entry, header: &mut Header) {
    let Some(mut fields) = Fields::of(report, "workflow", &entry.node) else { return };
    let id = fields.take(report, "id", &[]);
    let help = "add a name for people, such as `name: Vendor payment`";
    let name = fields.take_required(report, "name", ("`workflow`", entry.key_place), help).and_then(|entry| prose(report, "name", entry));
    if id.is_none() {
        let slug = name.as_deref().and_then(|name| scalar::slug(name, '-')).unwrap_or_else(|| "my-workflow".to_owned());
        required(report, entry.key_place, "id", "`workflow`", format!("add `id: {slug}`"));
    }
    let id = id.and_then(|entry| scalar::name(report, "id", &entry.node).and_then(|id| workflow_id(report, entry, id)));
    header.id = id.unwrap_or_default();
    header.name = name.unwrap_or_default();
    header.version = fields.take(report, "version", &[]).and_then(|entry| prose(report, "version", entry));
    header.description = fields.take(report, "description", &[]).and_then(|entry| prose(report, "description", entry));
    header.author = fields.take(report, "author", &[]).and_then(|entry| prose(report, "author", entry));
    if let Some(entry) = fields.take(report, "tags", &[]) {
        header.tags = tags(report, entry);
    }
    fields.finish(report, "`workflow`");
}

fn workflow_id(report: &mut Report, entry: &Entry, id: &str) -> Option<String> {
    let signs = id.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, '-' | '_'));
    let edges = id.starts_with(|sign: char| sign.is_ascii_alphanumeric()) && id.ends_with(|sign: char| sign.is_ascii_alphanumeric());
    if signs && edges && id.len() <= 64 {
        return Some(id.to_owned());
    }
    report.error_with(
        entry.node.place,
        "invalid_id",
        "the id of a workflow is made of small letters, digits, `-` and `_`, begins and ends with a letter or digit, and has at most 64 of them",
        scalar::slug(id, '-').map(|slug| format!("write `{slug}`")),
    );
    None
}

/// A text for people, which is shown as it is.
pub(super) fn prose(report: &mut Report, label: &str, entry: &Entry) -> Option<String> {
    scalar::name(report, label, &entry.node).map(str::to_owned)
}

fn tags(report: &mut Report, entry: &Entry) -> Vec<String> {
    match &entry.node.content {
        Content::List(items) => {
            let mut tags: Vec<String> = Vec::new();
            if let Some(item) = items.get(MAX_TAGS) {
                report.error(item.place, "too_many_tags", format!("a workflow has at most {MAX_TAGS} tags"));
            }
            for item in items.iter().take(MAX_TAGS) {
                if let Some(tag) = scalar::name(report, "tags", item)
                    && !tags.iter().any(|known| known == tag)
                {
                    tags.push(tag.to_owned());
                }
            }
            tags
        }
        Content::Refused => Vec::new(),
        _ => {
            report.error(
                entry.node.place,
                "wrong_type",
                format!("`tags` is a list such as `[finance, payments]`, not {}", entry.node.description()),
            );
            Vec::new()
        }
    }
}

fn execution(report: &mut Report, entry: &Entry, header: &mut Header) {
    let Some(mut fields) = Fields::of(report, "execution", &entry.node) else { return };
    header.time_limit = fields.take(report, "timeout", &[]).and_then(|entry| scalar::positive_duration(report, "timeout", &entry.node));
    header.max_retries = fields.take(report, "max_retries", &[]).and_then(|entry| limits::max_retries(report, entry));
    if let Some(entry) = fields.take(report, "error_handling", &["on_error"]) {
        // Each step reads it that says nothing itself.
        header.on_error = Some(Entry { key: "error_handling".to_owned(), ..entry.clone() });
    }
    fields.finish(report, "`execution`");
}

/// The first key that shows a file to be a graph, if it is one.
pub(super) fn graph_key(node: &Node) -> Option<&Entry> {
    node.entries()?.iter().find(|entry| GRAPH.contains(&entry.key.as_str()))
}
