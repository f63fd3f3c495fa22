//! One step: its id, the keys of every step, and the kind that reads the rest.
//!
//! One file a kind. To add a kind: a variant of [`StepKind`], a file here, an arm in [`kind`], and its
//! words out of the lists of later ones in [`kinds`].

mod approval;
mod built_in;
mod data;
mod form;
mod gate;
mod http;
pub(in crate::parse) mod kinds;
mod model;
mod on_error;

pub(super) use gate::check_gates;

use super::{
    blocks::StepBlock,
    bundle,
    context::Context,
    diagnostic::nearest,
    fields::Fields,
    front_matter::Header,
    limits, names,
    names::Sets,
    outline::StepOutline,
    scalar::{self, is_identifier, short, slug},
    source::Place,
    template,
    yaml::{self, Content, Entry, Node},
};
use crate::{
    data::{
        Action,
        describe::{self, Description},
    },
    expression::Expression,
    plan::{OnError, Retry, Step, StepKind},
};

/// A block, read.
pub(super) struct Read {
    /// What it gives to the plan, in order: the step, behind the question whether it may run if it asks for one.
    /// `None` when so much of it was refused that there is none. What else was refused is in the report.
    pub(super) steps: Option<Vec<Step>>,
    pub(super) outline: StepOutline,
    pub(super) sets: Sets,
}

/// The id and the name of a block, and where the id stands.
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) name: String,
    /// Where to point at when something is wrong with the id.
    pub(super) place: Place,
    /// Whether the file gives the id itself.
    pub(super) given: bool,
}

/// The id that a block gives itself, else that of its heading, else the slug of its heading or name.
pub(super) fn identify(context: &mut Context, block: &StepBlock<'_>) -> Identity {
    let fence = Place { length: 3, ..Place::line(block.line) };
    let entry = |key: &str| block.node.as_ref().and_then(|node| node.entry(key));
    let name = entry("name").and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.trim().to_owned());
    let name = name.filter(|name| !name.is_empty() && !scalar::is_template(name));
    let title = block.heading.map(|heading| heading.title.clone()).filter(|title| !title.is_empty());
    let from_place = from_heading(block, name.as_deref());
    let shown = |id: &str| name.clone().or_else(|| title.clone()).unwrap_or_else(|| id.to_owned());
    if let Some(entry) = entry("id") {
        let text = entry.node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        if is_step_id(text) {
            return Identity { id: text.to_owned(), name: shown(text), place: entry.node.place, given: true };
        }
        let help = slug(text, '_').map(|slug| if is_step_id(&slug) { slug } else { format!("step_{slug}") });
        if !matches!(entry.node.content, Content::Refused) {
            context.report.error_with(
                entry.node.place,
                "invalid_id",
                format!(
                    "`{}` cannot be the id of a step: it begins with a letter, and letters, digits, `_` and `-` follow, 64 at most",
                    short(text)
                ),
                help.map(|help| format!("write `{help}`")),
            );
        }
    } else if let Some(id) = id_in_text(block) {
        return Identity { name: shown(&id), id, place: fence, given: true };
    } else if from_place.is_none() && block.node.is_some() {
        context.report.error_with(fence, "id_missing", "nothing gives this step an id", "add `id:`, or put it below a heading".to_owned());
    }
    let id = from_place.unwrap_or_else(|| format!("line_{}", block.line));
    Identity { name: shown(&id), id, place: fence, given: false }
}

/// The id that a block with broken YAML was going to have, so that its errors can be found.
fn id_in_text(block: &StepBlock<'_>) -> Option<String> {
    let text = block.node.is_none().then_some(&block.text.text)?;
    let id = text.lines().find_map(|line| line.strip_prefix("id:"))?.trim();
    is_step_id(id).then(|| id.to_owned())
}

fn from_heading(block: &StepBlock<'_>, name: Option<&str>) -> Option<String> {
    let suffix = match u32::try_from(block.before).ok()? {
        0 => String::new(),
        before => char::from_u32(u32::from('a').saturating_add(before))
            .filter(char::is_ascii_lowercase)
            .map_or_else(|| format!("_{}", before + 1), String::from),
    };
    let named = || name.and_then(|name| slug(name, '_'));
    let id = match block.heading {
        Some(heading) => match &heading.number {
            Some(number) => Some(format!("step_{}{suffix}", number.replace('.', "_"))),
            None if block.before > 0 => named().or_else(|| slug(&heading.title, '_').map(|slug| format!("{slug}_{suffix}"))),
            None => slug(&heading.title, '_').or_else(named),
        },
        None => named(),
    };
    id.map(|id| if is_step_id(&id) { id } else { format!("step_{id}") })
}

fn is_step_id(text: &str) -> bool {
    text.starts_with(|sign: char| sign.is_ascii_alphabetic())
        && text.len() <= 64
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-'))
}

/// Reads a block at that position in the order of the steps.
pub(super) fn read(context: &mut Context, block: &StepBlock<'_>, identity: Identity, position: usize, header: &Header) -> Read {
    context.enter_step(&identity.id, position);
    yaml::report(&block.problems, &mut context.report);
    let mut outline = StepOutline { id: identity.id.clone(), name: identity.name.clone(), line: block.line, ..StepOutline::default() };
    let mut sets = Sets { id: identity.id.clone(), line: block.line, ..Sets::default() };
    let Some((node, entries)) = block.node.as_ref().and_then(|node| Some((node, node.entries()?))) else {
        // Broken YAML: what it would have set is read off its lines, so that its users are not called wrong.
        names_in_text(&block.text.text, &mut sets);
        return Read { steps: None, outline, sets };
    };
    let errors = context.report.error_count();
    let steps = Reader { context, header, outline: &mut outline, sets: &mut sets, identity, line: block.line, inputs_read: true }
        .steps(node, entries);
    outline.complete = steps.is_some() && context.report.error_count() == errors;
    Read { steps, outline, sets }
}

fn names_in_text(text: &str, sets: &mut Sets) {
    for line in text.lines() {
        let Some((key, value)) = line.trim().trim_start_matches("- ").split_once(':') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        let key = super::fields::snake_case(key.trim());
        if kinds::SETTING_KEYS.contains(&key.as_str()) && is_identifier(value) {
            sets.variables.push(value.to_owned());
        } else if key == "id" {
            sets.inner.push(value.to_owned());
        }
    }
}

/// All names that a refused step and the steps inside it would set, and their ids.
fn names_inside(node: &Node, sets: &mut Sets) {
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| names_inside(item, sets)),
        Content::Map(entries) => {
            for entry in entries {
                let key = super::fields::snake_case(&entry.key);
                match entry.node.scalar() {
                    Some(scalar) if kinds::SETTING_KEYS.contains(&key.as_str()) => sets.variables.push(scalar.text.clone()),
                    // A branch gives its variables below its own id.
                    Some(scalar) if key == "id" => {
                        sets.inner.push(scalar.text.clone());
                        sets.variables.push(scalar.text.clone());
                    }
                    _ => names_inside(&entry.node, sets),
                }
            }
        }
        Content::Scalar(_) | Content::Refused => {}
    }
}

/// What reads one step.
struct Reader<'r> {
    context: &'r mut Context,
    header: &'r Header,
    outline: &'r mut StepOutline,
    sets: &'r mut Sets,
    identity: Identity,
    line: u32,
    /// Whether `inputs` is a mapping: otherwise keys that would have been below it are not known.
    inputs_read: bool,
}

/// The kind that a step names.
enum Named<'n> {
    /// The action, and where it stands.
    Action(&'n str, Place),
    /// A type whose keys stand on the step.
    Data(&'static Description, Place),
    Approval,
}

impl Reader<'_> {
    fn steps(mut self, node: &Node, entries: &[Entry]) -> Option<Vec<Step>> {
        let mut fields = Fields::new(entries);
        let _ = fields.take(&mut self.context.report, "id", &[]);
        if let Some(entry) = fields.take(&mut self.context.report, "name", &[]) {
            // The name itself was taken when the step was identified; this reports one that cannot be used.
            let _ = scalar::name(&mut self.context.report, "name", &entry.node);
        }
        let Some(named) = self.named(&mut fields) else {
            // The step is refused as a whole: its other keys are not looked at, but the names it would set count.
            names_inside(node, self.sets);
            return None;
        };
        // The `condition` of a filter is about its items.
        let is_filter = matches!(named, Named::Data(description, _) if description.action == Action::Filter);
        let condition = self.condition(&mut fields, if is_filter { ("conditions", &[]) } else { ("condition", &["conditions"]) });
        let kind = match named {
            Named::Action(action, place) => self.action(action, &mut fields, place),
            Named::Data(description, place) => self.data(description, &mut fields, place).map(StepKind::Data),
            Named::Approval => self.approval(&mut fields),
        };
        let output_variable = self.output_variable(&mut fields);
        let report = &mut self.context.report;
        let is_call = matches!(kind, Some(StepKind::Http(_) | StepKind::Model(_)));
        let is_approval = matches!(named, Named::Approval);
        if is_approval {
            let help = Some("say with `expires_in` how long it can be decided");
            fields.refuse_meaningless(report, &["timeout"], "an approval waits for people", help);
            let why = "an approval is asked once and costs nothing";
            fields.refuse_meaningless(report, &["retry", "max_retries", "budget", "idempotency_key", "model"], why, None);
            let help = Some("say with `on_reject` and `on_expiry` what follows when nobody agrees");
            fields.refuse_meaningless(report, &["on_error", "error_handling"], "nothing goes on when nobody can be asked", help);
        }
        let on_error = match fields.take(&mut self.context.report, "on_error", &["error_handling"]) {
            Some(entry) => on_error::read(self.context, entry),
            None => Some(OnError::Stop),
        };
        let gate = self.gate(&mut fields, is_approval, condition.as_ref());
        let report = &mut self.context.report;
        let time_limit = fields.take(report, "timeout", &[]).and_then(|entry| scalar::positive_duration(report, "timeout", &entry.node));
        let retry =
            if is_approval { Some(Retry::ONCE) } else { limits::retry(report, &mut fields, self.header.max_retries.filter(|_| is_call)) };
        let budget = fields.take(report, "budget", &[]).and_then(|entry| limits::step_budget(report, entry));
        if !is_approval && kind.is_some() && !is_call {
            fields.refuse_meaningless(report, &["idempotency_key", "model"], "nothing is called", None);
        } else if matches!(kind, Some(StepKind::Http(_))) {
            fields.refuse_meaningless(report, &["model"], "no model is asked", None);
        }
        let idempotency_key = fields.take(report, "idempotency_key", &[]);
        let idempotency_key = idempotency_key.and_then(|entry| template::template(self.context, "idempotency_key", &entry.node));
        let report = &mut self.context.report;
        fields.refuse(report, kinds::LATER_KEYS);
        if self.inputs_read {
            fields.finish(report, &format!("a step of kind `{}`", self.outline.kind));
        }
        let step = Step {
            id: self.identity.id,
            name: self.identity.name,
            line: self.line,
            condition,
            kind: kind?,
            output_variable,
            time_limit,
            retry: retry?,
            budget,
            idempotency_key,
            on_error: on_error?,
            depends_on: None,
            compensate: None,
            writes: Vec::new(),
        };
        Some(gate.into_iter().chain([step]).collect())
    }

    /// What the step is, from `type` and from the keys that name kinds; reports everything that cannot run.
    fn named<'n>(&mut self, fields: &mut Fields<'n>) -> Option<Named<'n>> {
        let report = &mut self.context.report;
        let kind = fields.take(report, "type", &[]);
        let action = fields.take(report, "action", &[]);
        let type_text = kind.and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.as_str());
        if let (Some(entry), Some(text)) = (kind, type_text) {
            text.clone_into(&mut self.outline.kind);
            if !kinds::TYPES.contains(&text) {
                let help = nearest(text, kinds::TYPES.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                report.error_with(entry.node.place, "unknown_type", format!("there is no type of step `{}`", short(text)), help);
                return None;
            }
            if let Some(description) = describe::of_type(text) {
                if let Some(other) = action.map(|entry| entry.key_place) {
                    let message = format!("a step is either an action or a `{text}`");
                    report.error_with(other, "two_kinds", message, "make two steps of it".to_owned());
                    return None;
                }
                return Some(Named::Data(description, entry.node.place));
            }
            if !matches!(text, "action" | "approval") {
                report.not_supported(entry.node.place, format!("`{text}`"));
                return None;
            }
        } else if let Some(entry) = kind {
            scalar::name(report, "type", &entry.node)?;
        }
        let approval = fields.has("approval");
        match (action, approval || type_text == Some("approval")) {
            (Some(action), true) => {
                report.error_with(
                    action.key_place,
                    "two_kinds",
                    "a step is either an action or an approval",
                    "make two steps of it: the approval first".to_owned(),
                );
                None
            }
            (Some(action), false) => {
                let text = scalar::name(report, "action", &action.node)?;
                text.clone_into(&mut self.outline.kind);
                if kinds::ACTIONS.contains(&text) || describe::of_action(text).is_some() {
                    return Some(Named::Action(text, action.node.place));
                }
                if kinds::LATER_ACTIONS.contains(&text) {
                    report.not_supported(action.node.place, format!("`{text}`"));
                } else if let Some(tool) = self.context.bundled.as_ref().and_then(|bundled| bundled.tool_of(text)) {
                    let message = format!("the tool `{tool}` of `tools.yaml` is not available yet");
                    report.error(action.node.place, "tool_not_available", message);
                } else {
                    let known = kinds::ACTIONS.iter().chain(kinds::LATER_ACTIONS).copied().chain(describe::actions());
                    let help = nearest(text, known).map_or_else(
                        || {
                            format!(
                                "what runs is {} and the data steps, such as `core.set`",
                                kinds::ACTIONS.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ")
                            )
                        },
                        |near| format!("did you mean `{near}`?"),
                    );
                    report.error_with(action.node.place, "unknown_action", format!("there is no action `{}`", short(text)), help);
                }
                None
            }
            (None, true) => {
                "approval".clone_into(&mut self.outline.kind);
                Some(Named::Approval)
            }
            (None, false) => {
                for key in kinds::NAMING_KEYS.iter().chain(kinds::SECOND_NAMING_KEYS) {
                    if let Some(entry) = fields.take(report, key, &[]) {
                        (*key).clone_into(&mut self.outline.kind);
                        if *key == "prompt" {
                            report.error_with(
                                entry.key_place,
                                "not_supported",
                                "a step with a `prompt` and no action is not supported yet",
                                "add `action: agent.generate`".to_owned(),
                            );
                        } else {
                            report.not_supported(entry.key_place, format!("`{}`", entry.key));
                            if let Some(path) = entry.node.scalar().filter(|scalar| *key == "workflow" && bundle::is_path(&scalar.text)) {
                                let _ = bundle::link(self.context, &entry.node, path.text.trim());
                            }
                        }
                        return None;
                    }
                }
                let fence = Place { length: 3, ..Place::line(self.line) };
                let near = |key: &str| nearest(&super::fields::snake_case(key), kinds::NAMING_KEYS.iter().copied());
                let slip = fields
                    .left()
                    .into_iter()
                    .filter(|entry| !kinds::is_common(&entry.key))
                    .find_map(|entry| Some((entry, near(&entry.key)?)));
                let (place, help) = match (slip, kind) {
                    (Some((entry, near)), _) => (entry.key_place, format!("did you mean `{near}`?")),
                    (None, Some(kind)) => (kind.node.place, "add `action:`, such as `action: http.request`".to_owned()),
                    (None, None) => (
                        fence,
                        "add `action:`, such as `action: http.request`; if this is no step, put it below a heading such as Example"
                            .to_owned(),
                    ),
                };
                report.error_with(place, "step_without_action", "nothing here says what the step does", help);
                None
            }
        }
    }

    fn condition(&mut self, fields: &mut Fields<'_>, (ours, others): (&'static str, &[&'static str])) -> Option<Expression> {
        let entry = fields.take(&mut self.context.report, ours, others)?;
        let condition = template::all_of(self.context, ours, &entry.node);
        self.outline.condition = condition.as_ref().map(|condition| condition.source().to_owned());
        condition
    }

    fn output_variable(&mut self, fields: &mut Fields<'_>) -> Option<String> {
        let report = &mut self.context.report;
        let entry = fields.take(report, "output_variable", &["output"])?;
        let name = scalar::name(report, "output_variable", &entry.node)?;
        self.sets.variables.push(name.to_owned());
        if is_identifier(name) && !names::is_reserved(name) {
            return Some(name.to_owned());
        }
        let help = slug(name, '_').filter(|slug| is_identifier(slug) && !names::is_reserved(slug)).map(|slug| format!("write `{slug}`"));
        let message = if names::is_reserved(name) {
            format!("`{name}` is a word of the language; a variable has another name")
        } else {
            format!("`{}` cannot be the name of a variable: letters, digits and `_` only", short(name))
        };
        report.error_with(entry.node.place, "invalid_name", message, help);
        None
    }

    fn action<'n>(&mut self, action: &str, fields: &mut Fields<'n>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let entry = fields.take(report, "inputs", &[]);
        let place = entry.map_or(place, |entry| entry.key_place);
        let mut inputs: Fields<'n> = match entry {
            Some(entry) => {
                let read = Fields::of(report, "inputs", &entry.node);
                self.inputs_read = read.is_some();
                read?
            }
            None => Fields::none(),
        };
        let kind = match action {
            "http.request" => self.http(&mut inputs, place).map(StepKind::Http),
            "agent.analyze" | "agent.generate" => self.model(action, fields, &mut inputs, place).map(StepKind::Model),
            "workflow.assert" => self.assert(&mut inputs, place),
            "workflow.set_outputs" => self.set_outputs(&mut inputs, place),
            "workflow.log" | "core.log" => self.log(&mut inputs, place),
            other => describe::of_action(other).and_then(|description| self.data(description, &mut inputs, place)).map(StepKind::Data),
        };
        inputs.finish(&mut self.context.report, &format!("the inputs of `{action}`"));
        kind
    }
}
