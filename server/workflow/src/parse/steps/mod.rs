//! One step: its id, the keys of every step, and the kind that reads the rest.
//!
//! One file a kind, or a family of kinds: `branch` (`if`, `switch`), `repeat` (`for_each`, `while`), `parallel`, `attempt` (`try`),
//! `wait`, `approval` with its `form`, `http`, `model` and `chat`, `outside` (scripts, files, mail, other workflows), `built_in`, and
//! `data` for those that reach nobody. What every step can say is in `on_error`, `gate`, `further` and `list`, which reads the steps inside a step and puts them in order. To add a kind: a variant of
//! [`StepKind`], a file here, an arm in [`Reader::kind`], and its words in [`kinds`].
//!
//! What could not be read stands in the plan as a step that does nothing, so that the rest is checked; a plan with such a step
//! never leaves the parser.

mod approval;
mod attempt;
mod branch;
mod built_in;
mod chat;
mod data;
mod form;
mod further;
mod gate;
mod http;
mod identity;
pub(in crate::parse) mod kinds;
mod list;
mod model;
mod named;
mod on_error;
mod outside;
mod parallel;
mod repeat;
mod wait;

pub(super) use further::{permissions, texts};
pub(super) use gate::check_gates;
pub(super) use identity::{Identity, identify, is_step_id};
pub(super) use list::{Member, arrange, read_list};

use named::Named;

use super::{
    blocks::StepBlock,
    context::Context,
    fields::Fields,
    front_matter::Header,
    limits,
    names::{self, Opaque},
    outline::StepOutline,
    samples,
    scalar::{self, is_identifier, short, slug},
    source::Place,
    template,
    yaml::{self, Content, Entry, Node},
};
use crate::{
    data::{Action, describe},
    expression::Expression,
    plan::{OnError, OnLimit, Retry, Step, StepKind},
};

/// Reads a block.
pub(super) fn read(context: &mut Context, block: &StepBlock<'_>, identity: Identity, header: &Header) -> Option<Member> {
    let id = context.claim(&identity.id, block.line, identity.place, identity.given)?;
    let before = context.enter(&identity.id, &id);
    yaml::report(&block.problems, &mut context.report);
    let member = if let Some(node) = &block.node {
        Reader::new(context, header, identity, id, block.line).read(node)
    } else {
        // Broken YAML: what it would have set is read off its lines, so that its users are not called wrong.
        let mut opaque = Opaque::default();
        names_in_text(&block.text.text, &mut opaque);
        Reader::new(context, header, identity, id, block.line).unread(opaque)
    };
    context.leave(before);
    Some(member)
}

fn names_in_text(text: &str, opaque: &mut Opaque) {
    for line in text.lines() {
        let Some((key, value)) = line.trim().trim_start_matches("- ").split_once(':') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        let key = super::fields::snake_case(key.trim());
        if kinds::SETTING_KEYS.contains(&key.as_str()) && is_identifier(value) {
            opaque.variables.push(value.to_owned());
        } else if key == "id" {
            opaque.inner.push(value.to_owned());
        }
    }
}

/// All names that a step that could not be read, and the steps inside it, would set, and their ids.
fn names_inside(node: &Node, opaque: &mut Opaque) {
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| names_inside(item, opaque)),
        Content::Map(entries) => {
            for entry in entries {
                let key = super::fields::snake_case(&entry.key);
                match entry.node.scalar() {
                    Some(scalar) if kinds::SETTING_KEYS.contains(&key.as_str()) => opaque.variables.push(scalar.text.clone()),
                    // A branch gives its variables below its own id.
                    Some(scalar) if key == "id" => {
                        opaque.inner.push(scalar.text.clone());
                        opaque.variables.push(scalar.text.clone());
                    }
                    _ => names_inside(&entry.node, opaque),
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
    outline: StepOutline,
    /// Where the outline of this step goes: before those of the steps inside it.
    slot: usize,
    identity: Identity,
    /// The id in the plan: that of the file, unless another step has it.
    id: String,
    line: u32,
    /// Whether `inputs` is a mapping: otherwise keys that would have been below it are not known.
    inputs_read: bool,
    /// Steps that come after this one and belong to it, such as what follows a rejection.
    following: Vec<Step>,
    /// What `retry` is when only `on_error` says it.
    retry: Option<Retry>,
    /// Whether what the file says for all steps that fail is not for this one: it is done for another one that failed or was taken
    /// back, or asks people.
    stands_alone: bool,
}

impl<'r> Reader<'r> {
    fn new(context: &'r mut Context, header: &'r Header, identity: Identity, id: String, line: u32) -> Self {
        let outline = StepOutline {
            id: identity.id.clone(),
            name: identity.name.clone(),
            line,
            depth: context.inside.depth,
            block: context.inside.label.clone(),
            ..StepOutline::default()
        };
        let slot = context.outline.len();
        context.outline.push(outline.clone());
        Self {
            context,
            header,
            outline,
            slot,
            identity,
            id,
            line,
            inputs_read: true,
            following: Vec::new(),
            retry: None,
            stands_alone: false,
        }
    }

    /// The step, or what stands for one that was refused.
    fn read(mut self, node: &Node) -> Member {
        let errors = self.context.report.error_count();
        let Some(entries) = node.entries() else {
            if !matches!(node.content, Content::Refused) {
                let message = format!("a step is a mapping such as `{{action: workflow.log, inputs: {{…}}}}`, not {}", node.description());
                self.context.report.error(node.place, "wrong_type", message);
            }
            return self.unread(Opaque::default());
        };
        if let Some(member) = self.member(entries) {
            self.outline.complete = self.context.report.error_count() == errors;
            self.put_outline();
            member
        } else {
            let mut opaque = Opaque::default();
            names_inside(node, &mut opaque);
            self.unread(opaque)
        }
    }

    fn put_outline(&mut self) {
        if let Some(slot) = self.context.outline.get_mut(self.slot) {
            slot.clone_from(&self.outline);
        }
    }

    /// What stands for a step that could not be read.
    fn unread(mut self, opaque: Opaque) -> Member {
        self.put_outline();
        self.context.opaque.insert(self.id.clone(), opaque);
        let nothing = StepKind::SetOutputs { values: Vec::new() };
        Member::alone(Step::plain(self.id, self.identity.name, self.line, nothing))
    }

    fn member(&mut self, entries: &[Entry]) -> Option<Member> {
        samples::of_step(self.context, &self.id, entries);
        let mut fields = Fields::new(entries);
        let _ = fields.take(&mut self.context.report, "id", &[]);
        if let Some(entry) = fields.take(&mut self.context.report, "name", &[]) {
            // The name itself was taken when the step was identified; this reports one that cannot be used.
            let _ = scalar::name(&mut self.context.report, "name", &entry.node);
        }
        let named = self.named(&mut fields)?;
        let first_use = self.context.uses.len();
        let condition = self.condition(&mut fields, named);
        let last_use = self.context.uses.len();
        let kind = self.kind(named, &mut fields);
        let output_variable = self.output_variable(&mut fields);
        self.refuse_meaningless(named, kind.as_ref(), &mut fields);
        self.stands_alone = self.stands_alone || matches!(named, Named::Approval);
        let policy = self.on_error(&mut fields);
        let gate = self.gate(&mut fields, matches!(named, Named::Approval), condition.as_ref());
        if let Some(gate) = &gate {
            // The question reads the condition first.
            self.context.uses.iter_mut().skip(first_use).take(last_use - first_use).for_each(|used| used.at = Some(gate.id.clone()));
        }
        let report = &mut self.context.report;
        let is_call = matches!(kind, Some(StepKind::Http(_) | StepKind::Model(_) | StepKind::Chat(_)));
        let time_limit = fields.take(report, "timeout", &[]).and_then(|entry| scalar::positive_duration(report, "timeout", &entry.node));
        let retry = match self.retry {
            Some(retry) => Some(retry),
            None => limits::retry(report, &mut fields, self.header.max_retries.filter(|_| is_call)),
        };
        let budget = fields.take(report, "budget", &[]).and_then(|entry| limits::step_budget(report, entry));
        let idempotency_key = fields.take(report, "idempotency_key", &[]);
        let idempotency_key = idempotency_key.and_then(|entry| template::template(self.context, "idempotency_key", &entry.node));
        let compensate = self.compensate(&mut fields);
        let (on_error, notify) = policy?;
        let (budget, on_limit) = budget.unzip();
        let further = self.further(&mut fields, notify, on_limit.filter(|limit| *limit != OnLimit::Block));
        let depends_on = list::depends_on(&mut self.context.report, &mut fields);
        if self.inputs_read {
            let whose = format!("a step of kind `{}`", self.outline.kind);
            fields.finish(&mut self.context.report, &whose);
        }
        let step = Step {
            condition,
            output_variable,
            time_limit,
            retry: retry?,
            budget,
            idempotency_key,
            on_error,
            compensate: compensate.map(Box::new),
            further,
            ..Step::plain(self.id.clone(), self.identity.name.clone(), self.line, kind?)
        };
        Some(Member { before: gate, step, after: std::mem::take(&mut self.following), depends_on })
    }

    /// What the step does.
    fn kind(&mut self, named: Named<'_>, fields: &mut Fields<'_>) -> Option<StepKind> {
        match named {
            Named::Action(action, place) => self.action(action, fields, place),
            Named::Agent(place) => self.prompt("agent.generate", fields, place),
            Named::Script(place) => self.script(fields, place),
            Named::Workflow(place) => self.workflow(fields, place),
            Named::If(place) => self.if_step(fields, place),
            Named::Switch(place) => self.switch(fields, place),
            Named::ForEach(place) => self.for_each(fields, place),
            Named::While(place) => self.while_step(fields, place),
            Named::Parallel(place) => self.parallel(fields, place),
            Named::Try(place) => self.try_step(fields, place),
            Named::Wait(place) => self.wait(fields, place),
            Named::Data(description, place) => self.data(description, fields, place).map(StepKind::Data),
            Named::Approval => self.approval(fields),
        }
    }

    /// Refuses the keys of every step that mean nothing for this one, with the reason.
    fn refuse_meaningless(&mut self, named: Named<'_>, kind: Option<&StepKind>, fields: &mut Fields<'_>) {
        let report = &mut self.context.report;
        if matches!(named, Named::Approval) {
            let help = Some("say with `expires_in` how long it can be decided");
            fields.refuse_meaningless(report, &["timeout"], "an approval waits for people", help);
            let why = "an approval is asked once and costs nothing";
            fields.refuse_meaningless(report, &["retry", "max_retries", "budget", "idempotency_key", "model"], why, None);
            let help = Some("say with `on_reject` and `on_expiry` what follows when nobody agrees");
            fields.refuse_meaningless(report, &["on_error", "error_handling"], "nothing goes on when nobody can be asked", help);
            fields.refuse_meaningless(report, &["compensate"], "a decision is not taken back", None);
        } else if named.has_blocks() {
            let why = "what is tried again are the steps inside";
            fields.refuse_meaningless(report, &["retry", "max_retries"], why, Some("put it on a step inside"));
            fields.refuse_meaningless(
                report,
                &["budget"],
                "the steps inside spend",
                Some("put it on a step inside, or into the front matter"),
            );
            fields.refuse_meaningless(report, &["idempotency_key", "model"], "the steps inside call", Some("put it on a step inside"));
            fields.refuse_meaningless(report, &["inputs"], "the steps inside see the names around them", None);
        } else if matches!(named, Named::Wait(_)) {
            let help = Some("say with `expires_in` how long it waits");
            fields.refuse_meaningless(report, &["timeout"], "a wait waits", help);
            let why = "a wait costs nothing and calls nobody";
            fields.refuse_meaningless(report, &["retry", "max_retries", "budget", "idempotency_key", "model", "inputs"], why, None);
        } else if let Some(kind) = kind {
            match kind {
                StepKind::Model(_) | StepKind::Chat(_) => {}
                StepKind::Http(_) | StepKind::Script(_) | StepKind::Mail(_) | StepKind::Workflow(_) | StepKind::FileWrite(_) => {
                    fields.refuse_meaningless(report, &["model"], "no model is asked", None);
                }
                _ => fields.refuse_meaningless(report, &["idempotency_key", "model"], "nothing is called", None),
            }
        }
    }

    /// Reads the steps of a block of this step.
    fn block(&mut self, entry: &Entry, parent: &str, label: &str) -> Vec<Step> {
        let outer = self.context.inside.clone();
        self.context.inside.depth = outer.depth.saturating_add(1);
        self.context.inside.label = Some(label.to_owned());
        let members = read_list(self.context, self.header, entry, Some(parent));
        self.context.inside = outer;
        arrange(&mut self.context.report, members)
    }

    /// A single step that belongs to this one and stands alone; `id` is what it is called when it does not say.
    fn single(&mut self, node: &Node, id: &str, label: &str) -> Option<Step> {
        let place = node.place;
        let identity = identity::standing_alone(self.context, node, id);
        let id = self.context.claim(&identity.id, place.line, identity.place, identity.given)?;
        let outer = self.context.inside.clone();
        self.context.inside.depth = outer.depth.saturating_add(1);
        self.context.inside.label = Some(label.to_owned());
        let before = self.context.enter(&identity.id, &id);
        let reader = Reader::new(self.context, self.header, identity, id, place.line);
        let member = Reader { stands_alone: true, ..reader }.read(node);
        self.context.leave(before);
        self.context.inside = outer;
        if let Some(entry) = node.entry("depends_on") {
            let message = format!("`{}` has no meaning here: this step stands alone and belongs to `{}`", entry.key, self.identity.id);
            self.context.report.error(entry.key_place, "no_meaning", message);
        }
        if member.before.is_some() || !member.step.kind.blocks().is_empty() || !member.after.is_empty() {
            let message = format!("the `{label}` of a step is one action");
            self.context.report.error(place, "wrong_kind", message);
        }
        Some(member.step)
    }

    /// What takes the step back.
    fn compensate(&mut self, fields: &mut Fields<'_>) -> Option<Step> {
        let entry = fields.take(&mut self.context.report, "compensate", &[])?;
        let node = match &entry.node.content {
            Content::List(items) => {
                let [only] = items.as_slice() else {
                    let message = format!("`compensate` is one step, and this is a list of {}", items.len());
                    let help = "put what takes back more into a workflow of its own, or compensate each step by itself".to_owned();
                    self.context.report.error_with(entry.node.place, "wrong_type", message, help);
                    return None;
                };
                only
            }
            _ => &entry.node,
        };
        let id = format!("{}_compensation", self.id);
        self.single(node, &id, "compensate")
    }

    fn condition(&mut self, fields: &mut Fields<'_>, named: Named<'_>) -> Option<Expression> {
        // The `condition` of a step that asks one thing is what it asks, when nothing else says that.
        if named.asks().is_some_and(|key| !fields.has(key)) {
            return None;
        }
        // That of a filter is about its items.
        let is_filter = matches!(named, Named::Data(description, _) if description.action == Action::Filter);
        let (ours, others): (_, &[_]) = if is_filter { ("conditions", &[]) } else { ("condition", &["conditions"]) };
        let entry = fields.take(&mut self.context.report, ours, others)?;
        let condition = template::all_of(self.context, ours, &entry.node);
        self.outline.condition = condition.as_ref().map(|condition| condition.source().to_owned());
        condition
    }

    fn output_variable(&mut self, fields: &mut Fields<'_>) -> Option<String> {
        let report = &mut self.context.report;
        let entry = fields.take(report, "output_variable", &["output"])?;
        let name = scalar::name(report, "output_variable", &entry.node)?;
        if self.is_variable(name, entry.node.place) {
            return Some(name.to_owned());
        }
        let opaque = self.context.opaque.entry(self.id.clone()).or_default();
        opaque.variables.push(name.to_owned());
        None
    }

    /// Whether a text can be the name of a variable; reports when it cannot.
    fn is_variable(&mut self, name: &str, place: Place) -> bool {
        if is_identifier(name) && !names::is_reserved(name) {
            return true;
        }
        let help = slug(name, '_').filter(|slug| is_identifier(slug) && !names::is_reserved(slug)).map(|slug| format!("write `{slug}`"));
        let message = if names::is_reserved(name) {
            format!("`{name}` is a word of the language; a variable has another name")
        } else {
            format!("`{}` cannot be the name of a variable: letters, digits and `_` only", short(name))
        };
        self.context.report.error_with(place, "invalid_name", message, help);
        false
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
            "agent.analyze" | "agent.generate" | "agent.chat" | "agent.chat.completions" => self.model(action, fields, &mut inputs, place),
            "script.execute" => self.script_action(&mut inputs, place),
            "file.read" => self.file_read(&mut inputs, place),
            "file.write" => self.file_write(&mut inputs, place),
            "mail.send" => self.mail(&mut inputs, place),
            "workflow.assert" => self.assert(&mut inputs, place),
            "workflow.set_outputs" => self.set_outputs(&mut inputs, place),
            "workflow.sleep" => self.sleep(&mut inputs, place),
            "workflow.log" | "core.log" => self.log(&mut inputs, place),
            other => describe::of_action(other).and_then(|description| self.data(description, &mut inputs, place)).map(StepKind::Data),
        };
        inputs.finish(&mut self.context.report, &format!("the inputs of `{action}`"));
        kind
    }

    /// What follows when the step fails, and who is told.
    fn on_error(&mut self, fields: &mut Fields<'_>) -> Option<(OnError, Vec<String>)> {
        match fields.take(&mut self.context.report, "on_error", &["error_handling"]) {
            Some(entry) => self.policy(entry),
            None => Some(self.default_policy()),
        }
    }
}
