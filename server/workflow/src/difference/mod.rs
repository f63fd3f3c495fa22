//! What one plan means that another did not: hosts, credentials, models, people who are asked, permissions, money, inputs,
//! outputs and steps, in words, with what raises the risk first.
//!
//! A pure function of two plans. What a plan may do is read in `facts.rs`, and nowhere else; here facts are compared. A new
//! kind of change is a word in [`Kind`] and a function below that tells of it.

mod facts;

use std::{collections::BTreeSet, fmt::Display, time::Duration};

use domain::Money;
use serde_json::Value;

use crate::plan::{Approver, FieldCheck, FieldType, Plan, Quorum};
use facts::{Ask, Cost, Facts, InputFact, StepFact};

/// What a change does to the risk. Those that raise it come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// More may be done, reached or spent, or fewer are asked.
    Raises,
    /// It is another one; neither more nor less by itself.
    Changes,
    /// Less may be done, reached or spent, or more are asked.
    Lowers,
}

/// What a change is about, in the order in which changes of one weight are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A host that may be reached.
    Host,
    /// A credential, and where it goes.
    Credential,
    /// A model that is asked.
    Model,
    /// Whose agreement is needed, and before what.
    Approval,
    /// What whoever starts a run has to be allowed.
    Permission,
    /// The most a run may cost.
    Cost,
    /// How long a run may take.
    Time,
    /// The class of risk that the file names.
    Risk,
    /// What a start is asked for.
    Input,
    /// What a completed run gives.
    Output,
    /// A step.
    Step,
    /// What is only said: the name, the description.
    Words,
}

/// One difference in meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What it does to the risk.
    pub weight: Weight,
    /// What it is about.
    pub kind: Kind,
    /// The host, the credential, the id of the step …; empty for what there is once.
    pub subject: String,
    /// What it means, as a sentence without its full stop. Names of the file stand between backticks.
    pub words: String,
}

/// What `after` means that `before` did not; without a `before`, what it means at all. Changes that raise the risk come first.
pub fn difference(before: Option<&Plan>, after: &Plan) -> Vec<Change> {
    let (old, new) = (before.map(Facts::of).unwrap_or_default(), Facts::of(after));
    let mut told = Told { changes: Vec::new(), is_first: before.is_none() };
    told.hosts(&old, &new);
    told.credentials(&old, &new);
    told.models(&old, &new);
    told.permissions(&old, &new);
    told.cost(old.cost, new.cost);
    told.time(&old, &new);
    told.inputs(&old.inputs, &new.inputs);
    told.outputs(&old, &new);
    told.steps(&old.steps, &new.steps);
    if before.is_some() {
        told.risk(&old, &new);
        told.said(&old, &new);
    }
    told.changes.sort();
    told.changes
}

struct Told {
    changes: Vec<Change>,
    /// Whether there is nothing to hold the plan against.
    is_first: bool,
}

/// A name of the file inside a sentence, on one line and without what would end it there.
fn code(name: &str) -> String {
    let words = name.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    if words.is_empty() { "nothing".to_owned() } else { format!("`{words}`") }
}

fn codes<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    joined(names.into_iter().map(|name| code(name.as_ref())).collect())
}

fn joined(words: Vec<String>) -> String {
    match words.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words.concat(),
    }
}

fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute")]
        .into_iter()
        .find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length))
        .map_or((seconds, "second"), |(length, unit)| (seconds / length, unit));
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

fn people(ask: &Ask) -> String {
    let many = match ask.quorum {
        Quorum::Of(number) => number.to_string(),
        Quorum::All => "all".to_owned(),
    };
    let who: Vec<String> = ask.approvers.iter().map(approver).collect();
    format!("{many} of {}", who.join(" or "))
}

fn approver(approver: &Approver) -> String {
    match approver {
        Approver::Role(role) => format!("role {}", code(role)),
        Approver::Email(email) => code(email),
        Approver::Anyone => "whoever may approve".to_owned(),
    }
}

fn type_name(check: &FieldCheck) -> &'static str {
    match check.kind {
        FieldType::String => "text",
        FieldType::Integer => "whole number",
        FieldType::Number => "number",
        FieldType::Boolean => "yes or no",
        FieldType::Object => "object",
        FieldType::Array => "list",
    }
}

impl Told {
    fn tell(&mut self, weight: Weight, kind: Kind, subject: &str, words: impl Into<String>) {
        self.changes.push(Change { weight, kind, subject: subject.to_owned(), words: words.into() });
    }

    /// What is only in one of two sets.
    fn members(
        &mut self,
        kind: Kind,
        old: &BTreeSet<String>,
        new: &BTreeSet<String>,
        added: impl Fn(&str) -> String,
        removed: impl Fn(&str) -> String,
    ) {
        for name in new.difference(old) {
            self.tell(Weight::Raises, kind, name, added(name));
        }
        for name in old.difference(new) {
            self.tell(Weight::Lowers, kind, name, removed(name));
        }
    }

    fn hosts(&mut self, old: &Facts, new: &Facts) {
        let since = if self.is_first { "" } else { ", which it could not before" };
        let added = |host: &str| format!("It may reach {}{since}", code(host));
        let removed = |host: &str| format!("It no longer reaches {}", code(host));
        self.members(Kind::Host, &old.hosts, &new.hosts, added, removed);
    }

    fn credentials(&mut self, old: &Facts, new: &Facts) {
        for (name, hosts) in &new.credentials {
            let shown = code(&format!("cred://{name}"));
            match old.credentials.get(name) {
                None => {
                    self.tell(Weight::Raises, Kind::Credential, name, format!("It uses the credential {shown}, towards {}", codes(hosts)));
                }
                Some(before) => {
                    let more: Vec<&String> = hosts.difference(before).collect();
                    let fewer: Vec<&String> = before.difference(hosts).collect();
                    if !more.is_empty() {
                        self.tell(
                            Weight::Raises,
                            Kind::Credential,
                            name,
                            format!("It sends the credential {shown} to {} too", codes(more)),
                        );
                    }
                    if !fewer.is_empty() {
                        let words = format!("It no longer sends the credential {shown} to {}", codes(fewer));
                        self.tell(Weight::Lowers, Kind::Credential, name, words);
                    }
                }
            }
        }
        for name in old.credentials.keys().filter(|name| !new.credentials.contains_key(*name)) {
            let words = format!("It no longer uses the credential {}", code(&format!("cred://{name}")));
            self.tell(Weight::Lowers, Kind::Credential, name, words);
        }
    }

    fn models(&mut self, old: &Facts, new: &Facts) {
        let name =
            |model: &str| if model.is_empty() { "the tenant's default model".to_owned() } else { format!("the model {}", code(model)) };
        let (added, removed) =
            (|model: &str| format!("It asks {}", name(model)), |model: &str| format!("It no longer asks {}", name(model)));
        self.members(Kind::Model, &old.models, &new.models, added, removed);
    }

    fn permissions(&mut self, old: &Facts, new: &Facts) {
        for permission in new.permissions.difference(&old.permissions) {
            let words = format!("Whoever starts it needs the permission `{permission}`");
            self.tell(Weight::Raises, Kind::Permission, permission.name(), words);
        }
        for permission in old.permissions.difference(&new.permissions) {
            let words = format!("Whoever starts it no longer needs the permission `{permission}`");
            self.tell(Weight::Lowers, Kind::Permission, permission.name(), words);
        }
    }

    fn cost(&mut self, old: Cost, new: Cost) {
        let at_most = |money: Money| format!("A run may cost at most {money}");
        let open = "Nothing in the file bounds what a run may cost; the limits of workflow and tenant hold";
        let (weight, words) = match (old, new) {
            (Cost::Nothing, Cost::Nothing) | (Cost::Open, Cost::Open) => return,
            (Cost::AtMost(before), Cost::AtMost(now)) if before == now => return,
            (Cost::AtMost(before), Cost::AtMost(now)) => {
                let weight = if now > before { Weight::Raises } else { Weight::Lowers };
                (weight, format!("{} instead of {before}", at_most(now)))
            }
            (Cost::Nothing, Cost::AtMost(now)) if self.is_first => (Weight::Raises, at_most(now)),
            (Cost::Nothing, Cost::Open) if self.is_first => (Weight::Raises, open.to_owned()),
            (Cost::Nothing, Cost::AtMost(now)) => (Weight::Raises, format!("{}; it cost nothing before", at_most(now))),
            (Cost::Open, Cost::AtMost(now)) => (Weight::Lowers, format!("{}; nothing bounded it before", at_most(now))),
            (Cost::Nothing, Cost::Open) => (Weight::Raises, format!("{open}; it cost nothing before")),
            (Cost::AtMost(before), Cost::Open) => (Weight::Raises, format!("{open}; it was {before} before")),
            (_, Cost::Nothing) => (Weight::Lowers, "A run costs nothing any more".to_owned()),
        };
        self.tell(weight, Kind::Cost, "", words);
    }

    fn time(&mut self, old: &Facts, new: &Facts) {
        let (weight, words) = match (old.time_limit, new.time_limit) {
            (before, now) if before == now => return,
            (Some(before), Some(now)) => {
                let weight = if now > before { Weight::Raises } else { Weight::Lowers };
                (weight, format!("A run may take at most {} instead of {}", duration(now), duration(before)))
            }
            (None, Some(now)) => (Weight::Lowers, format!("A run may take at most {}", duration(now))),
            (_, None) => (Weight::Raises, "Nothing bounds how long a run may take any more".to_owned()),
        };
        self.tell(weight, Kind::Time, "", words);
    }

    fn risk(&mut self, old: &Facts, new: &Facts) {
        if old.risk == new.risk {
            return;
        }
        // Naming less of a risk lets less care be taken: nothing about what it does became safer by it.
        let weight = if new.risk > old.risk { Weight::Changes } else { Weight::Raises };
        let word = |risk| format!("{risk:?}").to_lowercase();
        self.tell(weight, Kind::Risk, "", format!("It calls its risk {} instead of {}", word(new.risk), word(old.risk)));
    }

    fn inputs(&mut self, old: &[InputFact], new: &[InputFact]) {
        for input in new {
            let name = code(&input.name);
            let Some(before) = old.iter().find(|one| one.name == input.name) else {
                let demanded = if input.required { "has to give" } else { "may give" };
                self.tell(
                    Weight::Changes,
                    Kind::Input,
                    &input.name,
                    format!("A start {demanded} the input {name}, a {}", type_name(&input.check)),
                );
                continue;
            };
            let mut changes = Vec::new();
            if before.required != input.required {
                changes.push(if input.required { "has to be given".to_owned() } else { "may be left out".to_owned() });
            }
            if before.check.kind != input.check.kind {
                changes.push(format!("is a {} instead of a {}", type_name(&input.check), type_name(&before.check)));
            } else if before.check != input.check {
                changes.push("has another rule".to_owned());
            }
            if before.default != input.default {
                changes.push(match &input.default {
                    Some(default) => format!("is {} when it is not given", code(&default.to_string())),
                    None => "has no default any more".to_owned(),
                });
            }
            if !changes.is_empty() {
                self.tell(Weight::Changes, Kind::Input, &input.name, format!("The input {name} {}", joined(changes)));
            }
        }
        for input in old.iter().filter(|input| !new.iter().any(|one| one.name == input.name)) {
            let words = format!("The input {} is gone: a start that gives it is refused", code(&input.name));
            self.tell(Weight::Changes, Kind::Input, &input.name, words);
        }
    }

    fn outputs(&mut self, old: &Facts, new: &Facts) {
        for (name, value) in &new.outputs {
            match old.outputs.get(name) {
                None => self.tell(Weight::Changes, Kind::Output, name, format!("A completed run gives {}", code(name))),
                Some(before) if before != value => {
                    self.tell(Weight::Changes, Kind::Output, name, format!("The output {} is made differently", code(name)));
                }
                Some(_) => {}
            }
        }
        for name in old.outputs.keys().filter(|name| !new.outputs.contains_key(*name)) {
            self.tell(Weight::Changes, Kind::Output, name, format!("A completed run no longer gives {}", code(name)));
        }
    }

    fn steps(&mut self, old: &[StepFact], new: &[StepFact]) {
        for step in new {
            match old.iter().find(|one| one.id == step.id) {
                Some(before) => self.step(before, step),
                None => self.added(step),
            }
        }
        for step in old.iter().filter(|step| !new.iter().any(|one| one.id == step.id)) {
            match &step.ask {
                Some(ask) => {
                    let words = format!("Nobody is asked at the step {} any more; it was {}", code(&step.id), people(ask));
                    self.tell(Weight::Raises, Kind::Approval, &step.id, words);
                }
                None => self.tell(
                    if step.calls { Weight::Lowers } else { Weight::Changes },
                    Kind::Step,
                    &step.id,
                    format!("The step {} is gone", code(&step.id)),
                ),
            }
        }
        let order = |steps: &[StepFact], others: &[StepFact]| -> Vec<String> {
            steps.iter().filter(|step| others.iter().any(|one| one.id == step.id)).map(|step| step.id.clone()).collect()
        };
        let (before, now) = (order(old, new), order(new, old));
        if before != now {
            self.tell(Weight::Changes, Kind::Step, "", format!("The steps run in another order: {}", codes(now)));
        }
    }

    fn added(&mut self, step: &StepFact) {
        let only_if = step.condition.as_ref().map(|condition| format!(", if {}", code(condition))).unwrap_or_default();
        if let Some(ask) = &step.ask {
            let words = format!("The step {} asks {}{only_if}", code(&step.id), people(ask));
            self.tell(Weight::Lowers, Kind::Approval, &step.id, words);
        } else {
            let weight = if step.calls { Weight::Raises } else { Weight::Changes };
            self.tell(weight, Kind::Step, &step.id, format!("The step {} is new: {}{only_if}", code(&step.id), code(step.kind)));
        }
    }

    /// What became of a step that both have.
    fn step(&mut self, old: &StepFact, new: &StepFact) {
        let name = code(&new.id);
        if new.calls {
            for approval in old.after_approvals.difference(&new.after_approvals) {
                let words = format!("The step {name} no longer waits for the approval {}", code(approval));
                self.tell(Weight::Raises, Kind::Approval, &new.id, words);
            }
            for approval in new.after_approvals.difference(&old.after_approvals) {
                let words = format!("The step {name} waits for the approval {}", code(approval));
                self.tell(Weight::Lowers, Kind::Approval, &new.id, words);
            }
        }
        if let (Some(before), Some(now)) = (&old.ask, &new.ask) {
            self.ask(&new.id, before, now);
        }
        self.condition(old, new);
        if new.kind != old.kind {
            let weight = if new.calls && !old.calls || old.ask.is_some() { Weight::Raises } else { Weight::Changes };
            let words = format!("The step {name} is {} instead of {}", code(new.kind), code(old.kind));
            self.tell(weight, Kind::Step, &new.id, words);
            return;
        }
        if new.writes && !old.writes {
            let method = new.parts.get("method").and_then(Value::as_str).unwrap_or_default();
            self.tell(Weight::Raises, Kind::Step, &new.id, format!("The step {name} sends {} where it only read before", code(method)));
        }
        if new.follows_redirects && !old.follows_redirects {
            let words = format!("The step {name} follows to wherever an answer points");
            self.tell(Weight::Raises, Kind::Step, &new.id, words);
        }
        if new.goes_on_after_errors && !old.goes_on_after_errors {
            let words = format!("The run goes on when the step {name} fails");
            self.tell(Weight::Raises, Kind::Step, &new.id, words);
        }
        let names: BTreeSet<&String> = old.parts.keys().chain(new.parts.keys()).collect();
        let changed: Vec<&String> = names.into_iter().filter(|part| old.parts.get(*part) != new.parts.get(*part)).collect();
        if !changed.is_empty() {
            self.tell(Weight::Changes, Kind::Step, &new.id, format!("The step {name} has another {}", codes(changed)));
        }
    }

    fn condition(&mut self, old: &StepFact, new: &StepFact) {
        if old.condition == new.condition {
            return;
        }
        let (name, is_question) = (code(&new.id), new.ask.is_some());
        let kind = if is_question { Kind::Approval } else { Kind::Step };
        // Whoever is asked under a condition is asked less often; a call under one is made less often.
        let (rarer, oftener) = if is_question { (Weight::Raises, Weight::Lowers) } else { (Weight::Lowers, Weight::Raises) };
        let verb = if is_question { "asks" } else { "runs" };
        let (weight, words) = match (&old.condition, &new.condition) {
            (None, Some(now)) => (rarer, format!("The step {name} {verb} only if {}", code(now))),
            (Some(before), None) => (oftener, format!("The step {name} {verb} always, and not only if {}", code(before))),
            (before, now) => {
                let text = |condition: &Option<String>| code(condition.as_deref().unwrap_or_default());
                let weight = if is_question { Weight::Raises } else { Weight::Changes };
                (weight, format!("The step {name} {verb} if {}, and not if {}", text(now), text(before)))
            }
        };
        let counts = is_question || new.calls;
        self.tell(if counts { weight } else { Weight::Changes }, kind, &new.id, words);
    }

    fn ask(&mut self, id: &str, old: &Ask, new: &Ask) {
        let name = code(id);
        if (&old.approvers, old.quorum) != (&new.approvers, new.quorum) {
            let count = |ask: &Ask| match ask.quorum {
                Quorum::Of(number) => number,
                // Of one group or role nobody knows how many there are: all of them are at least as many as any number.
                Quorum::All => u32::MAX,
            };
            let is_wider = !new.approvers.is_subset(&old.approvers);
            let weight = if is_wider || count(new) < count(old) { Weight::Raises } else { Weight::Lowers };
            self.tell(weight, Kind::Approval, id, format!("The step {name} asks {} instead of {}", people(new), people(old)));
        }
        for (before, now, what) in [
            (old.goes_on_after_expiry, new.goes_on_after_expiry, "nobody decides"),
            (old.goes_on_after_rejection, new.goes_on_after_rejection, "it is rejected"),
        ] {
            if before != now {
                let (weight, verb) = if now { (Weight::Raises, "goes on") } else { (Weight::Lowers, "ends") };
                self.tell(weight, Kind::Approval, id, format!("The run {verb} when {what} at the step {name}"));
            }
        }
        if old.expires_in != new.expires_in {
            let words = format!("The step {name} can be decided for {} instead of {}", duration(new.expires_in), duration(old.expires_in));
            self.tell(Weight::Changes, Kind::Approval, id, words);
        }
    }

    fn said(&mut self, old: &Facts, new: &Facts) {
        for (what, text) in &new.said {
            let before = old.said.get(what).map(String::as_str).unwrap_or_default();
            if before != text {
                let shown = |text: &dyn Display| {
                    let text = text.to_string();
                    let mut signs = text.chars();
                    let kept: String = signs.by_ref().take(80).collect();
                    code(&if signs.next().is_some() { format!("{kept}…") } else { kept })
                };
                self.tell(Weight::Changes, Kind::Words, what, format!("The {what} is {} instead of {}", shown(text), shown(&before)));
            }
        }
    }
}
