//! A workflow file looked at before it is saved, and a saved one as its page shows it: what it would do, what it needs
//! and whether the tenant has it, and everything that is wrong, at its place.
//!
//! Reading the file is `workflow`'s. Added here is what takes another room to know: whether a schema can be used, and
//! whether an address that is written out may be called.

use std::collections::{BTreeMap, HashMap};

use agents::schema;
use database::{Reads, credentials, providers, workflows as rows};
use domain::{Actor, Permission, PersonId, Problem};
use policy::{Role, TenantPolicy};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use workflow::{
    Diagnostic, Parsed, Plan,
    needs::Needs,
    parse,
    plan::{Approver, InputField, OutputField, Step, StepKind, Trigger, TriggerKind},
};

use crate::{
    Error, Platform, Result,
    execution::{
        approval::{Deciding, eligible},
        directory::Directory,
    },
    mail::text::{cut, one_line},
    mandate::Mandate,
    names,
    needs::NOT_YET,
};

pub use workflow::{
    parse::{Block, Severity, StepOutline},
    plan::FieldType,
};

/// Signs of a line that are shown before and behind the place that is meant.
const AROUND: usize = 80;
/// Signs of the place itself.
const MARKED: usize = 160;
/// The longest name and description that lists show, in signs.
const LONGEST_NAME: usize = 200;
const LONGEST_DESCRIPTION: usize = 1_000;

/// A workflow file, looked at.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The slug it has or would have; nothing while the file has errors.
    pub slug: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The version that the text calls itself.
    pub label: Option<String>,
    /// Every step, in the order of the file, as far as it could be read.
    pub steps: Vec<StepOutline>,
    /// What has to be given at a start: the fields of the form. Empty while the file has errors.
    pub inputs: Vec<InputShown>,
    /// What a completed run gives.
    pub outputs: Vec<OutputShown>,
    /// What has to be there before a run can start, and whether it is. Empty while the file has errors.
    pub needs: Vec<Need>,
    /// What starts a run besides a person. Empty while the file has errors.
    pub triggers: Vec<TriggerShown>,
    /// Every fenced block that is no step, and why.
    pub blocks: Vec<Block>,
    /// All errors and hints, in the order of the file.
    pub findings: Vec<Finding>,
    /// What it may; nothing while the file has errors.
    pub mandate: Option<Mandate>,
}

/// One thing to say about one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// An error keeps the file from being saved; a hint does not.
    pub severity: Severity,
    /// The file of the bundle; nothing for a file alone, and for what is about the bundle as a whole.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The id of the step, if it is about one.
    pub step: Option<String>,
    /// A stable word for the kind of finding.
    pub code: &'static str,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What to write instead, or what to do.
    pub suggestion: Option<String>,
    /// The line of the file; nothing for an empty one.
    pub excerpt: Option<Excerpt>,
}

/// A line of the file in three parts, cut where it is very long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What stands before the place that is meant.
    pub before: String,
    /// The place.
    pub marked: String,
    /// What stands behind it.
    pub after: String,
}

/// Something given at the start of a run: one field of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct InputShown {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: FieldType,
    /// The type of the elements of a list.
    pub items: Option<FieldType>,
    /// Whether a run cannot start without it.
    pub required: bool,
    /// What it is when it is not given.
    pub default: Option<Value>,
    /// The only values it may have, if limited.
    pub one_of: Option<Vec<Value>>,
    /// The smallest number, or the shortest length.
    pub min: Option<f64>,
    /// The largest number, or the longest length.
    pub max: Option<f64>,
    /// A regular expression that a text matches, anywhere in it.
    pub pattern: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Something a completed run gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputShown {
    /// Its name.
    pub name: String,
    /// Its type, if the file says.
    pub kind: Option<FieldType>,
    /// What it is for.
    pub description: Option<String>,
}

/// Something that starts a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerShown {
    /// The word of the file for what it is, such as `schedule`.
    pub kind: &'static str,
    /// What it waits for: the times, the path, the name; may be empty.
    pub detail: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether runs are started by it: what is declared may be kept for a later version.
    pub fires: bool,
}

/// What a workflow may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedKind {
    /// A tenant variable.
    Variable,
    /// A credential.
    Credential,
    /// A model, by name.
    Model,
    /// The tenant's default model.
    DefaultModel,
    /// What whoever starts a run has to be allowed.
    Permission,
    /// Something that files may ask for and no run can do yet.
    Feature,
    /// Somebody who holds a role and may decide.
    Role,
    /// A member by e-mail address, who may decide.
    Person,
}

/// One thing that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What kind of thing.
    pub kind: NeedKind,
    /// Its name; empty for the default model.
    pub name: String,
    /// What to do about it when it is not there; nothing when it is.
    pub missing: Option<String>,
}

impl Checked {
    /// Whether the file has no errors.
    pub fn is_sound(&self) -> bool {
        self.errors().next().is_none()
    }

    /// What keeps the file from being saved.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// What is not there yet.
    pub fn missing(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| need.missing.is_some())
    }
}

impl From<&InputField> for InputShown {
    fn from(field: &InputField) -> Self {
        Self {
            name: field.name.clone(),
            kind: field.check.kind,
            items: field.check.items.as_ref().map(|items| items.kind),
            required: field.required,
            default: field.default.clone(),
            one_of: field.check.one_of.clone(),
            min: field.check.min,
            max: field.check.max,
            pattern: field.check.pattern.clone(),
            description: field.description.clone(),
        }
    }
}

impl From<&Trigger> for TriggerShown {
    fn from(trigger: &Trigger) -> Self {
        Self {
            kind: trigger.kind.name(),
            detail: trigger.kind.detail(),
            enabled: trigger.enabled,
            fires: trigger.kind == TriggerKind::Manual,
        }
    }
}

impl From<&OutputField> for OutputShown {
    fn from(field: &OutputField) -> Self {
        Self { name: field.name.clone(), kind: field.check.as_ref().map(|check| check.kind), description: field.description.clone() }
    }
}

/// The lines of a file, as every editor counts them: ended by LF, CRLF or CR, a byte order mark not counted.
fn lines(source: &str) -> Vec<&str> {
    let mut rest = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut lines = Vec::new();
    while let Some((line, tail)) = rest.split_once(['\n', '\r']) {
        lines.push(line);
        let was_cr = rest.as_bytes().get(line.len()) == Some(&b'\r');
        rest = tail.strip_prefix('\n').filter(|_| was_cr).unwrap_or(tail);
    }
    lines.push(rest);
    lines
}

fn excerpt(line: &str, column: u32, length: u32) -> Option<Excerpt> {
    if line.trim().is_empty() {
        return None;
    }
    let signs: Vec<char> = line.chars().collect();
    let from = (column.saturating_sub(1) as usize).min(signs.len());
    let to = end_of_name(&signs, from.saturating_add(length as usize).min(signs.len()));
    let text = |signs: Option<&[char]>| signs.unwrap_or_default().iter().collect::<String>();
    let begins = from.saturating_sub(AROUND);
    let before = text(signs.get(begins..from));
    Some(Excerpt {
        before: if begins > 0 { format!("…{before}") } else { before },
        marked: cut(&text(signs.get(from..to)), MARKED),
        after: cut(&text(signs.get(to..)), AROUND),
    })
}

/// Where the name ends in which this place is: `inputs.invioce_id` is marked whole, and not up to its first dot.
fn end_of_name(signs: &[char], place: usize) -> usize {
    let is_of_name = |place: usize| signs.get(place).is_some_and(|sign| sign.is_alphanumeric() || *sign == '_');
    if !place.checked_sub(1).is_some_and(is_of_name) {
        return place;
    }
    let mut end = place;
    while is_of_name(end) || (signs.get(end) == Some(&'.') && is_of_name(end + 1)) {
        end += 1;
    }
    end
}

fn finding(diagnostic: Diagnostic, lines: &[&str]) -> Finding {
    let line = (diagnostic.line as usize).checked_sub(1).and_then(|index| lines.get(index));
    Finding {
        excerpt: line.and_then(|line| excerpt(line, diagnostic.column, diagnostic.length)),
        severity: diagnostic.severity,
        file: diagnostic.file,
        line: diagnostic.line,
        column: diagnostic.column,
        step: diagnostic.step,
        code: diagnostic.code,
        message: diagnostic.message,
        suggestion: diagnostic.suggestion,
    }
}

/// Ids that would stand where pages of their own stand: `workflows/new`. The tests of the pages hold it against their routes.
pub const RESERVED: &[&str] = &["checks", "export", "imports", "new"];

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Where a key is written plainly in one of these lines: its line from 1, its column from 1, and its length.
fn place_of<'l>(key: &str, mut numbered: impl Iterator<Item = (usize, &'l str)>) -> Option<(u32, u32, u32)> {
    let (index, line) = numbered.find(|(_, line)| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))?;
    let blanks = line.chars().take_while(|sign| sign.is_whitespace()).count();
    Some((count(index + 1), count(blanks + 1), count(key.len())))
}

/// Something about one key of a step's block, at the place of the key, or of the block when it is not written plainly.
fn about(step: &Step, key: &str, lines: &[&str], severity: Severity, code: &'static str, message: &str) -> Diagnostic {
    let below = lines.iter().copied().enumerate().skip(step.line as usize);
    let of_block = below.take_while(|(_, line)| !line.trim_start().starts_with(['`', '~']));
    let (line, column, length) = place_of(key, of_block).unwrap_or((step.line, 1, 1));
    Diagnostic {
        severity,
        file: None,
        line,
        column,
        length,
        step: Some(step.id.clone()),
        code,
        message: message.trim_end_matches('.').to_owned(),
        suggestion: None,
    }
}

/// What is wrong with a file as a whole that no reader of YAML minds.
fn unusable(source_lines: &[&str], plan: Option<&Plan>) -> Vec<Diagnostic> {
    let error = |(line, column, length): (u32, u32, u32), code, message: String, suggestion: &str| Diagnostic {
        severity: Severity::Error,
        file: None,
        line,
        column,
        length,
        step: None,
        code,
        message,
        suggestion: Some(suggestion.to_owned()),
    };
    let mut found = Vec::new();
    if let Some(index) = source_lines.iter().position(|line| line.contains('\0')) {
        let message = "there is a NUL character in this line, which no text has".to_owned();
        found.push(error((count(index + 1), 1, 1), "not_text", message, "save the file as text in UTF-8"));
    }
    if let Some(plan) = plan.filter(|plan| RESERVED.contains(&plan.id.as_str())) {
        let place = place_of("id", source_lines.iter().copied().enumerate()).unwrap_or((1, 1, 1));
        let message = format!("no workflow can have the id `{}`: a page has this address", plan.id);
        found.push(error(place, "reserved_id", message, "give it an id of more than one word"));
    }
    found
}

/// A file that was read.
pub(super) struct Reading {
    parsed: Parsed,
    findings: Vec<Finding>,
}

/// A file without errors, as it is stored.
pub(crate) struct Compiled {
    plan: Plan,
    text: String,
    hash: [u8; 32],
}

impl Reading {
    fn of(platform: &Platform, source: &str) -> Self {
        Self::of_parsed(platform, parse(source), None, |_| source)
    }

    /// What was read of a file, or of a bundle whose main file is `main`; `text` gives the text of each file.
    pub(super) fn of_parsed<'t>(
        platform: &Platform,
        mut parsed: Parsed,
        main: Option<&str>,
        text: impl Fn(Option<&str>) -> &'t str,
    ) -> Self {
        let main_lines = lines(text(main));
        let mut diagnostics = std::mem::take(&mut parsed.diagnostics);
        let steps = parsed.plan.iter().flat_map(Plan::all_steps);
        let beyond = steps.filter_map(|step| beyond_the_file(platform, step, &main_lines));
        let found: Vec<Diagnostic> = unusable(&main_lines, parsed.plan.as_ref()).into_iter().chain(beyond).collect();
        diagnostics.extend(found.into_iter().map(|diagnostic| Diagnostic { file: main.map(str::to_owned), ..diagnostic }));
        // What is about the main file comes first; other files keep their order.
        diagnostics.sort_by_key(|diagnostic| {
            let place = (diagnostic.line, diagnostic.column, diagnostic.severity);
            if diagnostic.file.as_deref() == main { (false, Some(place)) } else { (true, None) }
        });
        let mut others: HashMap<String, Vec<&str>> = HashMap::new();
        let mut findings = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics {
            findings.push(match &diagnostic.file {
                Some(path) if Some(path.as_str()) != main => {
                    let lines = others.entry(path.clone()).or_insert_with(|| lines(text(Some(path))));
                    finding(diagnostic, lines)
                }
                _ => finding(diagnostic, &main_lines),
            });
        }
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            parsed.plan = None;
        }
        Self { parsed, findings }
    }

    /// What the file declares as samples for a dry run, by step.
    pub(super) fn into_samples(self) -> BTreeMap<String, Value> {
        self.parsed.samples
    }

    /// The plan as it is stored; nothing while the file has errors.
    pub(super) fn compiled(&self) -> Result<Option<Compiled>> {
        let Some(plan) = self.parsed.plan.clone() else { return Ok(None) };
        let unwritable = |error: serde_json::Error| Error::Broken(format!("the plan of `{}` cannot be written: {error}", plan.id));
        let text = serde_json::to_string(&plan).map_err(unwritable)?;
        let hash = plan.hash().map_err(unwritable)?;
        Ok(Some(Compiled { plan, text, hash }))
    }
}

/// What the file alone does not say: whether a schema is one, and whether a literal address may be called.
fn beyond_the_file(platform: &Platform, step: &Step, lines: &[&str]) -> Option<Diagnostic> {
    match &step.kind {
        StepKind::Model(model) => {
            let wrong = schema::check(model.output_schema.as_ref()?).err()?;
            Some(about(step, "output_schema", lines, Severity::Error, "invalid_schema", &wrong))
        }
        StepKind::Http(http) if http.url.is_literal() => {
            let refused = platform.parts().egress.check(http.url.source().trim(), &platform.settings().egress).err()?;
            Some(about(step, "url", lines, Severity::Hint, "not_open", &refused.message))
        }
        _ => None,
    }
}

impl Compiled {
    /// The slug, which the file gives as its id.
    pub(super) fn slug(&self) -> &str {
        &self.plan.id
    }

    /// What it was compiled to.
    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A workflow that did not exist before.
    pub(crate) fn new_workflow(&self, platform: &Platform) -> rows::NewWorkflow {
        let rows::Called { name, description, tags } = called(&self.plan);
        rows::NewWorkflow { id: platform.new_id(), slug: self.plan.id.clone(), name, description, tags, folder: None }
    }

    /// A version with the text it was compiled from.
    pub(crate) fn new_version(&self, platform: &Platform, source: &str) -> rows::NewVersion {
        rows::NewVersion {
            plan: Some(rows::NewPlan { text: self.text.clone(), hash: self.hash }),
            label: cut(&one_line(self.plan.version.as_deref().unwrap_or_default()), LONGEST_NAME),
            ..broken_version(platform, source)
        }
    }
}

/// A version that only keeps a text, whatever is wrong with it.
pub(super) fn broken_version(platform: &Platform, source: &str) -> rows::NewVersion {
    rows::NewVersion {
        id: platform.new_id(),
        source: source.to_owned(),
        content_hash: Sha256::digest(source).into(),
        plan: None,
        label: String::new(),
        message: String::new(),
        restored_from: None,
        saved_at: platform.now(),
    }
}

/// What lists say of a workflow with this plan.
pub(super) fn called(plan: &Plan) -> rows::Called {
    rows::Called {
        name: cut(&one_line(&plan.name), LONGEST_NAME),
        description: cut(&one_line(plan.description.as_deref().unwrap_or_default()), LONGEST_DESCRIPTION),
        tags: plan.tags.iter().map(|tag| cut(&one_line(tag), LONGEST_NAME)).collect(),
    }
}

/// The id that a front matter gives, when it can be read in passing although the text has errors.
pub(super) fn id_in(source: &str) -> Option<String> {
    let head = lines(source).into_iter().skip(1).take_while(|line| line.trim_end() != "---" && !line.starts_with("```"));
    let given = |line: &str| {
        let (before, after) = line.split_once("id:")?;
        let is_key = before.trim_end().is_empty() || before.trim_end().ends_with(['{', ',']);
        let word = after.split([',', '}', '#']).next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        names::reference(word).ok().filter(|_| is_key)
    };
    // Front matter that cannot be read may still have a line that says it.
    let plainly = || head.into_iter().find_map(given);
    parse::id_of(source).and_then(|id| names::reference(&id).ok()).or_else(plainly)
}

/// Who could decide.
pub(super) struct People {
    platform: Platform,
    policy: std::sync::Arc<TenantPolicy>,
    directory: Directory,
    /// Who writes the file and so decides nothing about it.
    author: Option<PersonId>,
    /// Who looks, and may want to start it.
    actor: Actor,
}

impl People {
    pub(super) async fn read(platform: &Platform, actor: &Actor, author: Option<PersonId>) -> Result<Self> {
        let policy = platform.policy(actor.tenant()).await?;
        let directory = Directory::read(platform, actor.tenant()).await?;
        Ok(Self { platform: platform.clone(), policy, directory, author, actor: actor.clone() })
    }

    fn can_decide(&self, approver: &Approver) -> bool {
        let approvers = std::slice::from_ref(approver);
        let recorded = &self.platform.parts().policies;
        let deciding = Deciding { approvers, policy: &self.policy, recorded, starter: None, author: self.author };
        let deciders = eligible(&deciding, &self.directory).len();
        // Whoever starts a run does not decide about it either; who wrote the file stands for one who starts it.
        match self.author {
            Some(_) => deciders > 0,
            None => deciders > 1 || (deciders == 1 && self.directory.people().count() > 1),
        }
    }
}

/// What has to be there, and whether it is.
async fn needs<'a>(tx: &mut impl Reads<'a>, plan: &Plan, vars: &Map<String, Value>, people: &People) -> Result<Vec<Need>> {
    let needs = Needs::of(plan);
    let mut all = Vec::new();
    let mut push = |kind, name: &str, missing: Option<String>| all.push(Need { kind, name: name.to_owned(), missing });
    for asked in plan.not_yet() {
        let place =
            if asked.step.is_empty() { String::new() } else { format!("The step {} on line {} asks for it. ", asked.step, asked.line) };
        push(NeedKind::Feature, &asked.what, Some(format!("{place}{NOT_YET}")));
    }
    // Who only reads starts nothing.
    let may_matter = people.actor.may(Permission::WorkflowWrite) || people.actor.may(Permission::WorkflowExecute);
    for permission in needs.permissions.iter().filter(|permission| may_matter && !people.actor.may(**permission)) {
        let missing = "You do not hold this right: a run that you start would be refused or fail. Somebody who holds it can start it.";
        push(NeedKind::Permission, permission.name(), Some(missing.to_owned()));
    }
    for name in &needs.vars {
        let missing = (!vars.contains_key(name)).then(|| "Set it under Variables.".to_owned());
        push(NeedKind::Variable, name, missing);
    }
    for name in &needs.credentials {
        let missing = credentials::find_by_name(tx, name).await?.is_none().then(|| "Set it under Credentials.".to_owned());
        push(NeedKind::Credential, name, missing);
    }
    if needs.default_model {
        let missing = providers::resolve(tx, None).await?.is_none();
        push(NeedKind::DefaultModel, "", missing.then(|| "Set a provider and a model up under Model providers.".to_owned()));
    }
    for name in &needs.models {
        let missing = providers::resolve(tx, Some(name)).await?.is_none();
        push(
            NeedKind::Model,
            name,
            missing.then(|| "Add provider and model under Model providers, and name it provider/model.".to_owned()),
        );
    }
    for name in &needs.roles {
        let missing = match name.parse::<Role>() {
            Err(_) => Some(format!("There is no role `{}`.", cut(name, 40))),
            Ok(_) if people.can_decide(&Approver::Role(name.clone())) => None,
            Ok(_) => Some("Nobody else holds this role and may approve: give it to a member. Who wrote the file and who starts the run do not decide.".to_owned()),
        };
        push(NeedKind::Role, name, missing);
    }
    for email in &needs.people {
        let missing = (!people.can_decide(&Approver::Email(email.clone())))
            .then(|| "No other active member with this address may approve: invite them, or give them a role that may.".to_owned());
        push(NeedKind::Person, email, missing);
    }
    Ok(all)
}

impl Platform {
    /// Reads a file, beside the other work of the server: a large one takes a while.
    pub(super) async fn reading(&self, source: &str) -> Result<Reading> {
        let (platform, source) = (self.clone(), source.to_owned());
        let reading = tokio::task::spawn_blocking(move || Reading::of(&platform, &source)).await;
        reading.map_err(|error| Error::Broken(format!("a workflow file could not be read: {error}")))
    }

    /// A file that must be without errors, such as one of our own.
    pub(crate) async fn compiled(&self, source: &str) -> Result<Compiled> {
        let reading = self.reading(source).await?;
        let first = reading.findings.first().map(|finding| finding.message.clone());
        reading.compiled()?.ok_or_else(|| Problem::new(422, "workflow", first.unwrap_or_default()).into())
    }
}

/// Everything the page shows. The plan is the one that runs: for a saved version the one that was stored.
pub(super) async fn checked<'a>(tx: &mut impl Reads<'a>, reading: Reading, stored: Option<&Plan>, people: &People) -> Result<Checked> {
    let Reading { parsed, findings } = reading;
    let vars: Map<String, Value> = database::variables::for_start(tx).await?.into_iter().map(|row| (row.name, row.value)).collect();
    let plan = stored.or(parsed.plan.as_ref());
    let needs = match plan {
        Some(plan) => needs(tx, plan, &vars, people).await?,
        None => Vec::new(),
    };
    Ok(Checked {
        slug: plan.map(|plan| plan.id.clone()),
        name: plan.map(|plan| plan.name.clone()),
        description: plan.and_then(|plan| plan.description.clone()),
        label: plan.and_then(|plan| plan.version.clone()),
        inputs: plan.iter().flat_map(|plan| &plan.inputs).map(InputShown::from).collect(),
        outputs: plan.iter().flat_map(|plan| &plan.outputs).map(OutputShown::from).collect(),
        triggers: plan.iter().flat_map(|plan| &plan.declared.triggers).map(TriggerShown::from).collect(),
        mandate: plan.map(|plan| Mandate::of_plan(plan, &vars)),
        steps: parsed.outline,
        blocks: parsed.blocks,
        needs,
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_editors_do() {
        assert_eq!(lines("\u{feff}a\r\nb\rc\n\nd"), ["a", "b", "c", "", "d"]);
        assert_eq!(lines("a\n\r\nb"), ["a", "", "b"]);
        assert_eq!(lines(""), [""]);
    }

    #[test]
    fn an_id_is_read_in_passing_from_the_front_matter_alone() {
        for (source, id) in [
            ("---\nworkflow:\n  id: pay\n", Some("pay")),
            ("---\nworkflow: {name: A, id: \"pay\", x}\n---\n", Some("pay")),
            ("---\nvoid: 1\n---\n```yaml\nid: step\n```\n", None),
            ("# Text\n```yaml\nid: step\n```\n", None),
            ("---\nid: not a word\n", None),
            ("", None),
        ] {
            assert_eq!(id_in(source).as_deref(), id, "{source}");
        }
    }

    #[test]
    fn an_excerpt_shows_the_place_and_never_a_whole_endless_line() {
        let shown = excerpt("  inptu: 2", 3, 5).unwrap();
        assert_eq!((shown.before.as_str(), shown.marked.as_str(), shown.after.as_str()), ("  ", "inptu", ": 2"));
        let dotted = excerpt("x: {{ inputs.inv_id | upper }}", 7, 6).unwrap();
        assert_eq!((dotted.marked.as_str(), dotted.after.as_str()), ("inputs.inv_id", " | upper }}"), "a name is marked to its end");
        let endless = excerpt(&"ü".repeat(100_000), 50_000, 50_000).unwrap();
        assert!(endless.before.chars().count() + endless.marked.chars().count() + endless.after.chars().count() < 400);
        assert_eq!(excerpt("   ", 1, 1), None);
        assert_eq!(excerpt("a", 9, 1).unwrap().marked, "", "a place behind the end");
    }
}
