//! A bundle read as one: its main file, the files that this names, `config.yaml` and `tools.yaml`.
//!
//! Every file is read as a file alone would be, with one thing added: paths can be looked up ([`Bundled`]). A prompt that is a
//! path is read into the plan, a workflow that is a path is read beside it. What `config.yaml` and `tools.yaml` may say is in
//! `docs/bundles.md` and here. To give either a further key, take it from its [`Fields`]; what nobody takes is an error.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::{
    Block, Diagnostic, MAX_BYTES, Parsed, Severity, StepOutline,
    context::Context,
    declarations,
    diagnostic::{Report, did_you_mean, nearest},
    fields::{Fields, required},
    parse_in,
    scalar::{self, short},
    source::{self, Excerpt, Place},
    template,
    yaml::{self, Content, Entry, Node},
};
use crate::{bundle::Files, inputs::fits, plan::Plan};

/// The files whose names make one of them the main file, in the order in which they are looked for.
pub const MAIN_FILES: &[&str] = &["workflow.md", "main.md", "workflow.yaml"];
/// Defaults of inputs, and the variables that the workflow reads.
pub const CONFIG_FILE: &str = "config.yaml";
/// The tools that the bundle brings.
pub const TOOLS_FILE: &str = "tools.yaml";
/// The folder of what tools are made of.
const TOOLS_FOLDER: &str = "tools/";
/// The most workflow files of a bundle.
const MAX_LINKED: usize = 50;
/// The most tools, and the most operations of one.
const MAX_TOOLS: usize = 100;

/// Names that begin the actions which are there anyhow.
const TAKEN: &[&str] = &["agent", "core", "file", "http", "mail", "script", "tool", "tools", "workflow"];

/// A bundle, read.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedBundle {
    /// The path of the main file; nothing when no file is it.
    pub main: Option<String>,
    /// The main file. The plan is there exactly when no diagnostic of any file is an error; diagnostics of all files,
    /// each with its file, those of the main file first.
    pub parsed: Parsed,
    /// The other workflow files that it names, and those that they name, by path.
    pub linked: BTreeMap<String, Linked>,
    /// What `config.yaml` proposes for tenant variables, in its order.
    pub variables: Vec<ProposedVariable>,
    /// What `tools.yaml` declares, in its order.
    pub tools: Vec<DeclaredTool>,
}

/// A workflow file that another one names by its path.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// Its plan, unless it has errors.
    pub plan: Option<Plan>,
    /// Its steps, as far as they could be read.
    pub outline: Vec<StepOutline>,
    /// Its blocks that are no steps.
    pub blocks: Vec<Block>,
}

/// A tenant variable that a bundle reads, and what it proposes for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedVariable {
    /// The name after `vars.`.
    pub name: String,
    /// A text, a number or a boolean.
    pub value: Value,
    /// What it is for.
    pub description: Option<String>,
}

/// What a tool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolKind {
    /// An address that is called.
    Http,
    /// A document of an HTTP service.
    OpenApi,
    /// A server that speaks the Model Context Protocol.
    Mcp,
    /// A program of the bundle.
    Script,
}

impl ToolKind {
    /// The word that files use for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::OpenApi => "openapi",
            Self::Mcp => "mcp",
            Self::Script => "script",
        }
    }
}

/// A tool that a bundle brings. It is known by name and form; nothing runs it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredTool {
    /// What actions call it: `name.operation`.
    pub name: String,
    /// What it is.
    pub kind: ToolKind,
    /// What it is for.
    pub description: Option<String>,
    /// The file of the bundle that it is made of.
    pub file: Option<String>,
    /// The address that it is reached at.
    pub url: Option<String>,
    /// The server, as the tenant calls it.
    pub server: Option<String>,
    /// The credential it shows.
    pub credential: Option<String>,
    /// What it can do, as far as the file says.
    pub operations: Vec<String>,
}

/// What can be looked up while a file of a bundle is read.
#[derive(Debug, Clone)]
pub(super) struct Bundled {
    files: Files,
    /// The file that is read.
    path: String,
    /// The names of the tools that `tools.yaml` declares.
    tools: BTreeSet<String>,
    /// The workflow files that were named, and where.
    pub(super) links: Vec<(String, Place)>,
}

impl Bundled {
    /// The path of a file that this one names: from the folder of this one when it begins with `./` or `../`, from the top of the
    /// bundle else. Nothing when it leads out of the bundle.
    fn resolve(&self, written: &str) -> Option<String> {
        let is_relative = written.starts_with("./") || written.starts_with("../");
        let mut parts: Vec<&str> = match self.path.rsplit_once('/') {
            Some((folder, _)) if is_relative => folder.split('/').collect(),
            _ => Vec::new(),
        };
        for part in written.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()?),
                part => parts.push(part),
            }
        }
        Some(parts.join("/").nfc().collect())
    }

    /// Whether an action belongs to a tool of `tools.yaml`, and to which.
    pub(super) fn tool_of<'a>(&self, action: &'a str) -> Option<&'a str> {
        let name = action.split('.').next()?;
        self.tools.contains(name).then_some(name)
    }
}

/// The path that a scalar names, if there is such a file; reports when there is none.
fn named(context: &mut Context, node: &Node, written: &str) -> Option<String> {
    let Some(bundled) = &context.bundled else {
        let help = "put the file and this one into a bundle, or write its text here".to_owned();
        let message = format!("`{}` is the path of a file, and this workflow is one file alone", short(written));
        context.report.error_with(node.place, "bundle_needed", message, help);
        return None;
    };
    let Some(path) = bundled.resolve(written) else {
        context.report.error(node.place, "file_outside", format!("`{}` leads out of the bundle", short(written)));
        return None;
    };
    if bundled.files.get(&path).is_none() {
        let help = did_you_mean(&path, bundled.files.paths());
        context.report.error_with(node.place, "file_missing", format!("there is no file `{}` in the bundle", short(&path)), help);
        return None;
    }
    Some(path)
}

/// The text of a file as it can be read: UTF-8, and no larger than a workflow file.
fn text<'f>(files: &'f Files, path: &str) -> Result<&'f str, String> {
    let content = files.get(path).unwrap_or_default();
    if content.len() > MAX_BYTES {
        return Err(format!("`{path}` is larger than 1 MiB, which is the most a text of a workflow may have"));
    }
    let text = std::str::from_utf8(content).map_err(|_| format!("`{path}` is not text in UTF-8"))?;
    if text.contains('\0') {
        return Err(format!("there is a NUL character in `{path}`, which no text has"));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A text that stands in a file of its own, read as if it stood here. What is wrong with it is said at the path, with the place
/// in its file.
pub(super) fn text_of_file(context: &mut Context, label: &str, node: &Node, written: &str) -> Option<crate::expression::Template> {
    let path = named(context, node, written)?;
    let files = context.bundled.as_ref().map(|bundled| bundled.files.clone())?;
    let content = match text(&files, &path) {
        Ok(content) => source::lines(content).join("\n"),
        Err(message) => {
            context.report.error(node.place, "file_unreadable", message);
            return None;
        }
    };
    if content.trim().is_empty() {
        context.report.error(node.place, "value_missing", format!("`{label}` is empty: there is nothing in `{path}`"));
        return None;
    }
    template::of_file(context, node, &path, &content)
}

/// Notes the workflow that a step names by its path, and gives the path in the bundle; reports when there is no such file.
pub(super) fn link(context: &mut Context, node: &Node, written: &str) -> Option<String> {
    let path = named(context, node, written)?;
    if let Some(bundled) = &mut context.bundled {
        bundled.links.push((path.clone(), node.place));
    }
    Some(path)
}

/// Whether what a step gives as its workflow is the path of a file, and not the id of a saved workflow.
pub(super) fn is_path(written: &str) -> bool {
    let has_ending = [".md", ".yaml", ".yml"].iter().any(|ending| written.ends_with(ending));
    written.starts_with("./") || written.starts_with("../") || has_ending
}

/// Which file is the main one.
fn main_file(files: &Files) -> Result<&str, String> {
    let found: Vec<&str> = MAIN_FILES.iter().filter_map(|name| files.paths().find(|path| path == name)).collect();
    match found.as_slice() {
        [first, .., "workflow.yaml"] => {
            return Err(format!("both `{first}` and `workflow.yaml` could be the main file: keep one of the two"));
        }
        [first, ..] => return Ok(first),
        [] => {}
    }
    let is_markdown = |path: &str| path.rsplit_once('.').is_some_and(|(_, ending)| ending == "md");
    let candidates: Vec<&str> = files.paths().filter(|path| !path.contains('/') && is_markdown(path)).collect();
    match candidates.as_slice() {
        [only] => Ok(only),
        [] => Err("the bundle has no main file: `workflow.md`, `main.md`, `workflow.yaml` or a single `.md` file at its top".to_owned()),
        several => {
            let names = several.iter().take(5).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
            Err(format!("nothing says which of {names} is the main file: call it `workflow.md`"))
        }
    }
}

/// Reads a bundle: its main file, and everything that this names.
pub fn parse_bundle(files: &Files) -> ParsedBundle {
    let mut diagnostics = Vec::new();
    let tools = declared_tools(files, &mut diagnostics);
    let config = Config::read(files, &mut diagnostics);
    let main = match main_file(files) {
        Ok(main) => main,
        Err(message) => {
            diagnostics.insert(0, about_bundle("main_missing", message));
            let parsed = Parsed { plan: None, diagnostics, blocks: Vec::new(), outline: Vec::new(), samples: BTreeMap::new() };
            return ParsedBundle { main: None, parsed, linked: BTreeMap::new(), variables: config.variables, tools };
        }
    };
    let tool_names: BTreeSet<String> = tools.iter().map(|tool| tool.name.clone()).collect();
    let mut read: BTreeMap<String, Parsed> = BTreeMap::new();
    let mut links: BTreeMap<String, Vec<(String, Place)>> = BTreeMap::new();
    let mut waiting = vec![main.to_owned()];
    while let Some(path) = waiting.pop() {
        if read.contains_key(&path) {
            continue;
        }
        if read.len() >= MAX_LINKED {
            diagnostics.push(about_bundle("too_many_files", format!("a bundle has at most {MAX_LINKED} workflow files")));
            break;
        }
        let bundled = Bundled { files: files.clone(), path: path.clone(), tools: tool_names.clone(), links: Vec::new() };
        let (parsed, found) = read_file(bundled);
        waiting.extend(found.iter().map(|(path, _)| path.clone()));
        links.insert(path.clone(), found);
        read.insert(path, parsed);
    }
    if let Some(parsed) = read.get_mut(main) {
        config.apply(parsed, &mut diagnostics);
    }
    circles(main, &links, &mut diagnostics);

    let mut parsed = read.remove(main).unwrap_or(Parsed {
        plan: None,
        diagnostics: Vec::new(),
        blocks: Vec::new(),
        outline: Vec::new(),
        samples: BTreeMap::new(),
    });
    let of = |path: &str, diagnostics: Vec<Diagnostic>| {
        let path = path.to_owned();
        diagnostics.into_iter().map(move |diagnostic| Diagnostic { file: Some(path.clone()), ..diagnostic })
    };
    let mut all: Vec<Diagnostic> = of(main, std::mem::take(&mut parsed.diagnostics)).collect();
    let linked = read.into_iter().map(|(path, file)| {
        all.extend(of(&path, file.diagnostics));
        (path, Linked { plan: file.plan, outline: file.outline, blocks: file.blocks })
    });
    let linked = linked.collect();
    all.extend(diagnostics);
    // Of one file the lines are in order; files keep the order in which they were read.
    all.sort_by_key(|diagnostic| diagnostic.file.as_deref() != Some(main));
    if all.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        parsed.plan = None;
    }
    parsed.diagnostics = all;
    ParsedBundle { main: Some(main.to_owned()), parsed, linked, variables: config.variables, tools }
}

fn about_bundle(code: &'static str, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Error, file: None, line: 1, column: 1, length: 1, step: None, code, message, suggestion: None }
}

fn read_file(bundled: Bundled) -> (Parsed, Vec<(String, Place)>) {
    let files = bundled.files.clone();
    match text(&files, &bundled.path.clone()) {
        Ok(source) => parse_in(source, Some(bundled)),
        Err(message) => {
            let parsed = Parsed {
                plan: None,
                diagnostics: vec![about_bundle("file_unreadable", message)],
                blocks: Vec::new(),
                outline: Vec::new(),
                samples: BTreeMap::new(),
            };
            (parsed, Vec::new())
        }
    }
}

/// Reports every link that leads back to a file on the way to it: such a run would never end.
fn circles(main: &str, links: &BTreeMap<String, Vec<(String, Place)>>, diagnostics: &mut Vec<Diagnostic>) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut way: Vec<(&str, usize)> = vec![(main, 0)];
    while let Some((path, next)) = way.last().copied() {
        let Some((target, place)) = links.get(path).and_then(|links| links.get(next)) else {
            done.insert(path);
            way.pop();
            continue;
        };
        if let Some(last) = way.last_mut() {
            last.1 += 1;
        }
        if way.iter().any(|(on_the_way, _)| on_the_way == target) {
            let message = format!("`{target}` is on the way to this step already: a run would never end");
            let place =
                Diagnostic { line: place.line, column: place.column, length: place.length, ..about_bundle("circular_workflows", message) };
            diagnostics.push(Diagnostic { file: Some(path.to_owned()), ..place });
        } else if !done.contains(target.as_str()) {
            way.push((target, 0));
        }
    }
}

/// A YAML file of the bundle as a mapping, when it is there; what is wrong with it goes to its own report.
fn mapping(files: &Files, path: &str, read: impl FnOnce(&mut Report, &Node)) -> Vec<Diagnostic> {
    let mut report = Report::default();
    let other = path.replace(".yaml", ".yml");
    if files.get(&other).is_some() {
        report.error_with(Place::line(1), "other_spelling", format!("`{other}` is not read"), format!("call it `{path}`"));
    }
    if files.get(path).is_some() {
        match text(files, path) {
            Ok(text) => {
                if let Some(node) = yaml::read(&Excerpt::new(1, &source::lines(text))).report(&mut report) {
                    read(&mut report, &node);
                }
            }
            Err(message) => report.error(Place::line(1), "file_unreadable", message),
        }
    }
    let mut diagnostics = report.finish();
    for diagnostic in &mut diagnostics {
        diagnostic.file = Some(path.to_owned());
    }
    diagnostics
}

/// What `config.yaml` says.
#[derive(Debug, Default)]
struct Config {
    /// The entries below `inputs`; they are read against the inputs of the main file.
    inputs: Vec<Entry>,
    variables: Vec<ProposedVariable>,
    /// Where each variable stands.
    places: Vec<Place>,
}

impl Config {
    fn read(files: &Files, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut config = Self::default();
        let found = mapping(files, CONFIG_FILE, |report, node| {
            let Some(mut fields) = Fields::of(report, CONFIG_FILE, node) else { return };
            if let Some(entry) = fields.take(report, "inputs", &[])
                && let Some(mut inputs) = Fields::of(report, "inputs", &entry.node)
            {
                config.inputs = inputs.rest().into_iter().cloned().collect();
            }
            if let Some(entry) = fields.take(report, "variables", &[])
                && let Some(mut variables) = Fields::of(report, "variables", &entry.node)
            {
                for entry in variables.rest() {
                    if let Some(variable) = variable(report, entry) {
                        config.variables.push(variable);
                        config.places.push(entry.key_place);
                    }
                }
            }
            fields.finish(report, "`config.yaml`");
        });
        diagnostics.extend(found);
        config
    }

    /// Gives the inputs of the main file their defaults, and says which variables nobody reads.
    fn apply(&self, parsed: &mut Parsed, diagnostics: &mut Vec<Diagnostic>) {
        let Some(plan) = &mut parsed.plan else { return };
        let mut report = Report::default();
        let names: Vec<String> = plan.inputs.iter().map(|input| input.name.clone()).collect();
        for entry in &self.inputs {
            let Some(input) = plan.inputs.iter_mut().find(|input| input.name == entry.key) else {
                let help = did_you_mean(&entry.key, names.iter().map(String::as_str));
                report.error_with(entry.key_place, "unknown_input", format!("`{}` is no input of the workflow", short(&entry.key)), help);
                continue;
            };
            let Some(value) = declarations::typed(&mut report, &entry.key, &entry.node, &input.check) else { continue };
            if let Err(problem) = fits(&input.check, &value) {
                report.error(entry.node.place, "invalid_default", format!("the default of `{}` {problem}", entry.key));
                continue;
            }
            input.default = Some(value);
            input.required = false;
        }
        let read = crate::needs::Needs::of(plan).vars;
        for (variable, place) in self.variables.iter().zip(&self.places).filter(|(variable, _)| !read.contains(&variable.name)) {
            let help = did_you_mean(&variable.name, read.iter().map(String::as_str));
            report.hint(*place, "unused_variable", format!("the workflow does not read `vars.{}`", variable.name), help);
        }
        diagnostics.extend(report.finish().into_iter().map(|diagnostic| Diagnostic { file: Some(CONFIG_FILE.to_owned()), ..diagnostic }));
    }
}

fn variable(report: &mut Report, entry: &Entry) -> Option<ProposedVariable> {
    let named = declarations::field_name(report, entry, "a variable");
    let (node, description) = match &entry.node.content {
        Content::Map(entries) => {
            let mut fields = Fields::new(entries);
            let value = fields.take(report, "value", &[]);
            let description = fields.take(report, "description", &[]).and_then(|entry| scalar::text(report, "description", &entry.node));
            fields.finish(report, "a variable");
            if value.is_none() {
                required(report, entry.key_place, "value", &format!("the variable `{}`", short(&entry.key)), "add `value:`".to_owned());
            }
            (&value?.node, description.map(str::to_owned))
        }
        _ => (&entry.node, None),
    };
    if node.scalar().is_none_or(yaml::Scalar::is_null) {
        if !matches!(node.content, Content::Refused) {
            let message = format!("a variable is a text, a number or a boolean, not {}", node.description());
            report.error(node.place, "wrong_type", message);
        }
        return None;
    }
    declarations::plain_data(report, node)?;
    let value = scalar::json(report, node)?;
    named.then(|| ProposedVariable { name: entry.key.clone(), value, description })
}

fn declared_tools(files: &Files, diagnostics: &mut Vec<Diagnostic>) -> Vec<DeclaredTool> {
    let mut tools = Vec::new();
    let found = mapping(files, TOOLS_FILE, |report, node| {
        let Some(mut fields) = Fields::of(report, TOOLS_FILE, node) else { return };
        if let Some(entry) = fields.take(report, "tools", &[])
            && let Some(mut entries) = Fields::of(report, "tools", &entry.node)
        {
            let entries = entries.rest();
            if entries.len() > MAX_TOOLS {
                report.error(entry.key_place, "too_many_tools", format!("a bundle has at most {MAX_TOOLS} tools"));
            }
            tools.extend(entries.into_iter().take(MAX_TOOLS).filter_map(|entry| tool(files, report, entry)));
        }
        fields.finish(report, "`tools.yaml`");
    });
    diagnostics.extend(found);
    tools
}

fn tool(files: &Files, report: &mut Report, entry: &Entry) -> Option<DeclaredTool> {
    let name = tool_name(report, entry);
    let mut fields = Fields::of(report, &entry.key, &entry.node)?;
    let whose = format!("the tool `{}`", short(&entry.key));
    let kind = fields.take_required(report, "type", (&whose, entry.key_place), "add `type: http`, `openapi`, `mcp` or `script`");
    let words = [("http", ToolKind::Http), ("openapi", ToolKind::OpenApi), ("mcp", ToolKind::Mcp), ("script", ToolKind::Script)];
    let kind = kind.and_then(|kind| scalar::word(report, "type", &kind.node, &words, &[]));
    let why = "a bundle does not say which program is started; an admin allows servers by name";
    fields.refuse_meaningless(report, &["command", "args", "env"], why, Some("name the server with `server:`"));
    let description = fields.take(report, "description", &[]).and_then(|entry| scalar::text(report, "description", &entry.node));
    let file = fields.take(report, "file", &[]);
    let url = fields.take(report, "url", &[]);
    let server = fields.take(report, "server", &[]);
    let auth = fields.take(report, "auth", &[]).map(|entry| credential(report, &entry.node));
    let operations = fields.take(report, "operations", &[]).map(|entry| operations(report, entry));
    fields.finish(report, "a tool");
    let kind = kind?;
    let wanted: &[&str] = match kind {
        ToolKind::Http => &["url"],
        ToolKind::OpenApi => &["file", "url"],
        ToolKind::Mcp => &["server"],
        ToolKind::Script => &["file"],
    };
    let given = [("file", file), ("url", url), ("server", server)];
    for (key, entry) in given.iter().filter_map(|(key, entry)| Some((key, (*entry)?))).filter(|(key, _)| !wanted.contains(key)) {
        report.error(entry.key_place, "no_meaning", format!("`{key}` has no meaning here: the tool is of type `{}`", kind.word()));
    }
    if given.iter().filter(|(key, entry)| wanted.contains(key) && entry.is_some()).count() != 1 {
        let one = wanted.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ");
        report.error(entry.key_place, "key_missing", format!("{whose} needs {one}"));
        return None;
    }
    let file = file.map(|entry| tool_file(files, report, kind, &entry.node));
    let url = url.map(|entry| address(report, &entry.node));
    let server = server.map(|entry| scalar::name(report, "server", &entry.node).map(str::to_owned));
    Some(DeclaredTool {
        name: name?,
        kind,
        description: description.map(str::to_owned),
        file: file.map_or(Some(None), |file| file.map(Some))?,
        url: url.map_or(Some(None), |url| url.map(Some))?,
        server: server.map_or(Some(None), |server| server.map(Some))?,
        credential: auth.map_or(Some(None), |auth| auth.map(Some))?,
        operations: operations.unwrap_or_else(|| Some(Vec::new()))?,
    })
}

fn tool_name(report: &mut Report, entry: &Entry) -> Option<String> {
    let name = entry.key.as_str();
    let is_name = name.starts_with(|sign: char| sign.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, '_' | '-'));
    if !is_name {
        let message = format!(
            "`{}` cannot be the name of a tool: it begins with a small letter, and small letters, digits, `_` and `-` follow",
            short(name)
        );
        report.error(entry.key_place, "invalid_name", message);
        return None;
    }
    if TAKEN.contains(&name) {
        report.error(
            entry.key_place,
            "invalid_name",
            format!("`{name}` is the beginning of actions that are there anyhow; call the tool something else"),
        );
        return None;
    }
    Some(name.to_owned())
}

fn credential(report: &mut Report, node: &Node) -> Option<String> {
    let text = scalar::text(report, "auth", node)?;
    let name =
        text.strip_prefix("cred://").filter(|name| !name.is_empty() && !name.contains(|sign: char| sign.is_whitespace() || sign == '{'));
    if name.is_none() {
        let help = "write `cred://` and the name of a credential".to_owned();
        report.error_with(node.place, "invalid_credential", "`auth` names a credential, it does not hold one", help);
    }
    name.map(str::to_owned)
}

fn operations(report: &mut Report, entry: &Entry) -> Option<Vec<String>> {
    let Content::List(items) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            report.error(entry.node.place, "wrong_type", format!("`operations` is a list of names, not {}", entry.node.description()));
        }
        return None;
    };
    if items.len() > MAX_TOOLS {
        report.error(entry.key_place, "too_many_tools", format!("a tool has at most {MAX_TOOLS} operations"));
        return None;
    }
    let names: Vec<_> = items.iter().map(|item| scalar::name(report, "operations", item).map(str::to_owned)).collect();
    names.into_iter().collect()
}

/// A file below `tools/`, for a script; anywhere in the bundle for a document.
fn tool_file(files: &Files, report: &mut Report, kind: ToolKind, node: &Node) -> Option<String> {
    let written = scalar::name(report, "file", node)?;
    let path = written.strip_prefix("./").unwrap_or(written);
    if files.get(path).is_none() {
        let near = nearest(path, files.paths()).map(|near| format!("did you mean `{near}`?"));
        report.error_with(node.place, "file_missing", format!("there is no file `{}` in the bundle", short(path)), near);
        return None;
    }
    if kind == ToolKind::Script && !path.starts_with(TOOLS_FOLDER) {
        let message = format!("`{}` is not in the folder `tools`, where scripts are", short(path));
        report.error(node.place, "file_outside", message);
        return None;
    }
    Some(path.to_owned())
}

fn address(report: &mut Report, node: &Node) -> Option<String> {
    let text = scalar::name(report, "url", node)?;
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none() => {
            Some(text.to_owned())
        }
        _ => {
            report.error(node.place, "invalid_url", "`url` is an address of http or https without a name and password in it");
            None
        }
    }
}
