//! From a file to a plan, or to all of its errors at once.
//!
//! [`parse()`] reads any text and never panics. The way of a file:
//!
//! 1. `markdown` divides it into front matter, headings and fences; `blocks` says which fences are steps.
//! 2. `yaml` reads a piece of YAML into a tree that knows its places; `scalar` says what a scalar means;
//!    `fields` reads a mapping so that no key is ignored.
//! 3. `front_matter`, `declarations` and `limits` read what stands above the steps; `steps` has one
//!    file a kind; `template` reads texts that are evaluated.
//! 4. `bundle` reads a bundle as one: the main file and what it names.
//! 5. `names` says whether every name is set by the time it is used.
//! 6. `graph` reads the other form that a file may have: what it is, is told by its keys.
//!
//! What runs and what is refused as not supported yet is decided in `steps` and `front_matter` alone.
//! Whether a tenant has the variables, credentials, models and people that a file needs is not decided
//! here: [`crate::needs`] says of a plan what they are.

mod blocks;
mod bundle;
mod context;
mod data_yaml;
mod declarations;
mod declared;
mod diagnostic;
mod fields;
mod front_matter;
mod graph;
mod limits;
mod markdown;
mod names;
mod outline;
mod samples;
pub(crate) mod scalar;
mod source;
mod steps;
mod template;
mod yaml;

use std::collections::{BTreeMap, HashMap};

pub use blocks::Block;
pub use bundle::{CONFIG_FILE, DeclaredTool, Linked, MAIN_FILES, ParsedBundle, ProposedVariable, TOOLS_FILE, ToolKind, parse_bundle};
pub(crate) use data_yaml::yaml_value;
pub use diagnostic::{Diagnostic, MAX_DIAGNOSTICS, Severity, nearest};
pub use outline::StepOutline;
pub(crate) use steps::kinds::actions;

use blocks::Sorted;
use bundle::Bundled;
use context::Context;
use diagnostic::Report;
use front_matter::{Declarations, Header};
use markdown::{Document, Front};
use names::Known;
use source::{Excerpt, Place};
use yaml::Content;

use crate::plan::{Graph, OutputField, Plan, Step, StepKind, Tree};

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most steps of a file.
pub const MAX_STEPS: usize = 1000;

/// A file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The plan; there is one exactly when no diagnostic is an error.
    pub plan: Option<Plan>,
    /// All errors and hints, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Every fenced block that is not a step, and why, in the order of the file.
    pub blocks: Vec<Block>,
    /// Every step, in the order of the file, as far as it could be read.
    pub outline: Vec<StepOutline>,
    /// What a dry run takes for the results of steps that say it with `x-sample`, by the step's id.
    pub samples: BTreeMap<String, serde_json::Value>,
}

impl Parsed {
    /// The diagnostics that keep the file from running.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads a workflow file that stands alone.
pub fn parse(source: &str) -> Parsed {
    parse_in(source, None).0
}

/// The id that a file gives in its front matter, also when the rest of it has errors.
pub fn id_of(source: &str) -> Option<String> {
    if source.len() > MAX_BYTES {
        return None;
    }
    let document = markdown::divide(&source::lines(source));
    let Front::Matter(excerpt) = &document.front else { return None };
    let node = yaml::read(excerpt).node?;
    Some(node.entry("workflow")?.node.entry("id")?.node.scalar()?.text.clone())
}

/// Reads a workflow file, perhaps one of a bundle; with the other workflow files that it names, and where.
fn parse_in(source: &str, bundled: Option<Bundled>) -> (Parsed, Vec<(String, Place)>) {
    let mut context = Context::of(bundled);
    let parsed = parse_with(&mut context, source);
    (parsed, context.bundled.map(|bundled| bundled.links).unwrap_or_default())
}

fn parse_with(context: &mut Context, source: &str) -> Parsed {
    if source.len() > MAX_BYTES {
        context.report.error(Place::line(1), "too_large", "a workflow file has at most 1 MiB");
        return finish(context, None, Vec::new());
    }
    let lines = source::lines(source);
    let document = markdown::divide(&lines);
    match &document.front {
        Front::Matter(excerpt) => read(context, &document, excerpt),
        Front::Missing => other_form(context, &lines).unwrap_or_else(|| {
            without_front_matter(&mut context.report, &lines);
            finish(context, None, Vec::new())
        }),
        // A YAML file may begin with `---` too.
        Front::Unclosed(line) => other_form(context, &lines).unwrap_or_else(|| {
            let help = "end it with a line of `---`".to_owned();
            let place = Place { length: 3, ..Place::line(*line) };
            context.report.error_with(place, "front_matter_unclosed", "the front matter is never closed", help);
            finish(context, None, Vec::new())
        }),
    }
}

fn finish(context: &mut Context, plan: Option<Plan>, blocks: Vec<Block>) -> Parsed {
    let report = std::mem::take(&mut context.report);
    let plan = plan.filter(|_| !report.has_errors());
    let (outline, samples) = (std::mem::take(&mut context.outline), std::mem::take(&mut context.samples));
    Parsed { plan, blocks, outline, samples, diagnostics: report.finish() }
}

/// A file that does not begin with `---` and is no other form of workflow.
fn without_front_matter(report: &mut Report, lines: &[&str]) {
    let first = lines.iter().position(|line| !line.trim().is_empty());
    let place =
        first.map_or(Place::line(1), |index| Place::of_text(source::count(index + 1), lines.get(index).copied().unwrap_or_default()));
    report.error_with(
        place,
        "front_matter_missing",
        "a workflow file begins with front matter between two lines of `---`",
        "begin the file with `---`, `workflow: {id: my-workflow, name: My workflow}` and `---`".to_owned(),
    );
}

/// Reads the forms of workflow that the language has besides Markdown; `None` when the text is none.
fn other_form(context: &mut Context, lines: &[&str]) -> Option<Parsed> {
    let reading = yaml::read(&Excerpt::new(1, lines));
    let Some(node) = &reading.node else {
        // Broken YAML in which a graph begins: what is wrong with it is what has to be said.
        let begins = |line: &&str| front_matter::GRAPH.iter().any(|key| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
        if !lines.iter().any(begins) {
            return None;
        }
        reading.report(&mut context.report);
        return Some(finish(context, None, Vec::new()));
    };
    if front_matter::graph_key(node).is_some() {
        let node = reading.report(&mut context.report)?;
        return Some(graph::read(context, &node));
    }
    let steps = match &node.content {
        Content::List(items) if items.iter().any(|item| item.entry("id").is_some() || item.entry("type").is_some()) => Some(node.place),
        Content::Map(_) => node.entry("steps").filter(|steps| matches!(steps.node.content, Content::List(_))).map(|steps| steps.key_place),
        _ => None,
    };
    context.report.not_supported(Place { length: 1, ..steps? }, "a workflow written as a list of steps");
    Some(finish(context, None, Vec::new()))
}

/// Reads a file that has front matter.
fn read(context: &mut Context, document: &Document, excerpt: &Excerpt) -> Parsed {
    let front = yaml::read(excerpt);
    if front.node.is_none() && front.problems.is_empty() {
        let place = Place { length: 3, ..Place::line(excerpt.first_line.saturating_sub(1)) };
        let help = "write `workflow: {id: my-workflow, name: My workflow}` into it".to_owned();
        context.report.error_with(place, "front_matter_missing", "the front matter is empty", help);
    }
    let front = front.report(&mut context.report);
    let steps_in_front = front.as_ref().is_some_and(|node| node.entry("steps").is_some());
    let Sorted { steps: blocks, continuations, others } = blocks::sort(document, steps_in_front, &mut context.report);
    let (header, declarations) = match &front {
        Some(node) => front_matter::read(context, node, &continuations),
        None => (Header::default(), Declarations::default()),
    };
    if blocks.is_empty() && !steps_in_front && front.is_some() {
        no_steps(&mut context.report, document, &others);
    }

    let mut members = Vec::new();
    for block in &blocks {
        let identity = steps::identify(context, block);
        let Some(member) = steps::read(context, block, identity, &header) else { break };
        members.push(member);
    }
    if let Some(entry) = declarations.steps {
        members.extend(steps::read_list(context, &header, entry, None));
    }
    let complete = members.len() >= blocks.len();
    let all_read = complete && context.opaque.is_empty();
    let plan_steps = steps::arrange(&mut context.report, members);
    steps::check_gates(context);
    let outputs = front_matter::outputs(context, &declarations);
    let inputs: Option<Vec<String>> = front.is_some().then(|| header.input_names.clone());
    let plan = plan(header, outputs, plan_steps);
    check_outputs(&mut context.report, &plan, &declarations, all_read);
    let tree = Tree::of(&plan);
    let inputs = inputs.as_ref().map(|names| names.iter().map(String::as_str).collect());
    names::check(context, &Known { inputs, tree: &tree, complete });
    drop(tree);
    finish(context, all_read.then_some(plan), others)
}

fn plan(header: Header, outputs: Vec<OutputField>, steps: Vec<Step>) -> Plan {
    Plan {
        form: 1,
        id: header.id,
        name: header.name,
        version: header.version,
        description: header.description,
        author: header.author,
        tags: header.tags,
        risk: header.risk,
        inputs: header.inputs,
        outputs,
        budget: header.budget,
        time_limit: header.time_limit,
        default_model: header.default_model,
        state: Vec::new(),
        graph: Graph::default(),
        declared: header.declared,
        steps,
    }
}

fn no_steps(report: &mut Report, document: &Document, others: &[Block]) {
    if report.has_errors() && document.fences.len() > others.len() {
        // A block that could have been one was refused, with its reason.
        return;
    }
    let candidate = others.iter().find(|block| block.candidate);
    let help = candidate.map_or_else(
        || "add a block of `yaml` with an `action` below a heading such as `## Step 1: Read`".to_owned(),
        |block| format!("the block on line {} is none: {}", block.line, block.reason),
    );
    report.error_with(Place::line(candidate.map_or(1, |block| block.line)), "no_steps", "this workflow has no steps", help);
}

/// Every output has a value, or a step that sets it, and not both.
fn check_outputs(report: &mut Report, plan: &Plan, declarations: &Declarations<'_>, all_steps_known: bool) {
    let setters: HashMap<&str, &str> = plan
        .all_steps()
        .filter_map(|step| match &step.kind {
            StepKind::SetOutputs { values } => Some(values.iter().map(|(name, _)| (name.as_str(), step.id.as_str()))),
            _ => None,
        })
        .flatten()
        .collect();
    for output in &plan.outputs {
        let place = declarations.outputs.iter().find(|entry| entry.key == output.name).map_or(Place::line(1), |entry| entry.key_place);
        match (output.value.is_some(), setters.get(output.name.as_str())) {
            (true, Some(step)) => report.error_with(
                place,
                "duplicate_value",
                format!("the output `{}` has a `value`, and the step `{step}` sets it too", output.name),
                "keep one of the two".to_owned(),
            ),
            (false, None) if all_steps_known => report.error_with(
                place,
                "output_never_set",
                format!("nothing sets the output `{}`", output.name),
                "add a `value`, or a step with `action: workflow.set_outputs`".to_owned(),
            ),
            _ => {}
        }
    }
}
