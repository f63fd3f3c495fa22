//! `approval`: its keys stand below `approval`, or on the step when that has `type: approval`.

use std::time::Duration;

use super::{Reader, form};
use crate::{
    expression::{Expression, Template},
    parse::{
        context::Context,
        diagnostic::Report,
        fields::{Fields, required, take_from_either},
        front_matter::RISKS,
        scalar::{self, short},
        source::Place,
        template,
        yaml::{Content, Entry, Node, Scalar},
    },
    plan::{AfterRefusal, ApprovalStep, Approver, IfStep, Quorum, Step, StepKind},
};

/// How long an approval that does not say can be decided.
pub(super) const EXPIRES_IN: Duration = Duration::from_hours(7 * 24);

/// The most approvers that are named; a role names any number of people.
const MAX_APPROVERS: usize = 100;

impl Reader<'_> {
    pub(super) fn approval(&mut self, fields: &mut Fields<'_>) -> Option<StepKind> {
        let context = &mut *self.context;
        let entry = fields.take(&mut context.report, "approval", &[]);
        let null = entry.is_some_and(|entry| entry.node.scalar().is_some_and(Scalar::is_null));
        let mut nested = match entry.filter(|_| !null) {
            Some(entry) => Fields::of(&mut context.report, "approval", &entry.node)?,
            None => Fields::none(),
        };
        let mut nothing = Fields::none();
        let outer = if entry.is_none() || null { fields } else { &mut nothing };
        let mut take =
            |context: &mut Context, key: &'static str| take_from_either(&mut context.report, [&mut *outer, &mut nested], key, &[]);
        let title = take(context, "title");
        let description = take(context, "description");
        let approvers = take(context, "approvers");
        let quorum = take(context, "quorum");
        let risk = take(context, "risk");
        let shows = take(context, "shows");
        let expires_in = take(context, "expires_in");
        let on_expiry = take(context, "on_expiry");
        let on_reject = take(context, "on_reject");
        let form = take(context, "fields");
        nested.finish(&mut context.report, "an approval");

        let title = match title {
            Some(entry) => template::template(context, "title", &entry.node),
            // A heading is text; as a title it would be evaluated.
            None if scalar::is_template(&self.identity.name) => {
                let place = Place { length: 3, ..Place::line(self.line) };
                let help = "add `title:`; a heading with braces cannot be one".to_owned();
                required(&mut context.report, place, "title", "this approval", help);
                None
            }
            None => Template::parse(&self.identity.name).ok(),
        };
        let description = description.and_then(|entry| template::template(context, "description", &entry.node));
        let approvers = match approvers {
            Some(entry) => read_approvers(context, entry),
            None => Some(vec![Approver::Anyone]),
        };
        let quorum = quorum.and_then(|entry| read_quorum(context, entry, approvers.as_deref())).unwrap_or(Quorum::Of(1));
        let report = &mut context.report;
        let risk = risk.and_then(|entry| scalar::word(report, "risk", &entry.node, RISKS, &[])).unwrap_or(self.header.risk);
        let expires_in = expires_in.and_then(|entry| scalar::positive_duration(report, "expires_in", &entry.node)).unwrap_or(EXPIRES_IN);
        let is_word = |entry: &Entry, word: &str| entry.node.scalar().is_some_and(|scalar| scalar.text == word);
        let expires_as_rejected = on_expiry.is_none_or(|entry| is_word(entry, "reject"));
        let branches = (on_reject.filter(|entry| has_steps(entry)), on_expiry.filter(|entry| has_steps(entry)));
        let after_word = |report: &mut Report, entry: Option<&Entry>, refusal: &str| {
            let words = [(refusal, AfterRefusal::Stop), ("continue", AfterRefusal::Continue)];
            match entry {
                // What is done then follows as a step of its own.
                Some(entry) if has_steps(entry) => Some(AfterRefusal::Continue),
                Some(entry) => scalar::word(report, &entry.key, &entry.node, &words, &[]),
                None => None,
            }
        };
        let on_reject = after_word(report, on_reject, "stop").unwrap_or(AfterRefusal::Stop);
        // An approval that nobody decides counts as rejected, so it goes on as a rejected one does.
        let on_expiry = match after_word(report, on_expiry, "reject") {
            Some(AfterRefusal::Continue) => AfterRefusal::Continue,
            Some(AfterRefusal::Stop) | None => on_reject,
        };
        let shows = shows.and_then(|entry| read_shows(context, entry)).unwrap_or_default();
        let form = match form {
            Some(entry) => form::read(context, entry),
            None => Some(Vec::new()),
        };
        self.outline.approvers = words(approvers.as_deref().unwrap_or_default());
        self.after_refusal(branches, expires_as_rejected);
        Some(StepKind::Approval(ApprovalStep {
            title: title?,
            description,
            approvers: approvers?,
            quorum,
            risk,
            shows,
            expires_in,
            on_expiry,
            on_reject,
            fields: form?,
        }))
    }
}

impl Reader<'_> {
    /// The steps that follow a rejection and those that follow an expiry. In the plan the approval goes on, and an `if` behind it
    /// asks how it was decided. An approval that nobody decides counts as rejected, unless it says what follows then.
    fn after_refusal(&mut self, (on_reject, on_expiry): (Option<&Entry>, Option<&Entry>), expires_as_rejected: bool) {
        let decisions = |words: &str| format!("steps['{}'].output.decision in [{words}]", self.id);
        let rejected = decisions(if expires_as_rejected { "'rejected', 'expired'" } else { "'rejected'" });
        let expired = decisions("'expired'");
        for (entry, key, test) in [(on_reject, "on_reject", rejected), (on_expiry, "on_expiry", expired)] {
            let Some(entry) = entry else { continue };
            let nested;
            let list = match &entry.node.content {
                Content::Map(entries) if entries.iter().any(|entry| entry.key == "steps") => {
                    let mut fields = Fields::new(entries);
                    nested = fields.take(&mut self.context.report, "steps", &[]);
                    fields.finish(&mut self.context.report, &format!("`{key}`"));
                    nested.unwrap_or(entry)
                }
                _ => entry,
            };
            let id = format!("{}_{key}", self.id);
            let then = self.block(list, &id, key);
            let Some(id) = self.context.claim(&id, self.line, entry.key_place, false) else { continue };
            let Ok(test) = Expression::parse(&test) else { continue };
            let name = format!("{}: {key}", self.identity.name);
            self.following.push(Step::plain(id, name, self.line, StepKind::If(IfStep { test, then, otherwise: Vec::new() })));
        }
    }
}

/// Whether what follows is written as steps.
const fn has_steps(entry: &Entry) -> bool {
    matches!(entry.node.content, Content::List(_) | Content::Map(_))
}

/// Approvers as the file writes them.
pub(super) fn words(approvers: &[Approver]) -> Vec<String> {
    approvers
        .iter()
        .filter_map(|approver| match approver {
            Approver::Role(role) => Some(format!("role:{role}")),
            Approver::Email(email) => Some(format!("email:{email}")),
            Approver::Anyone => None,
        })
        .collect()
}

pub(super) fn read_approvers(context: &mut Context, entry: &Entry) -> Option<Vec<Approver>> {
    let items = match &entry.node.content {
        Content::List(items) => items.as_slice(),
        Content::Refused => return None,
        _ => std::slice::from_ref(&entry.node),
    };
    if items.is_empty() {
        let help = "name a role, such as `[role:approver]`, or leave `approvers` out".to_owned();
        context.report.error_with(entry.node.place, "value_missing", "`approvers` names nobody", help);
        return None;
    }
    if let Some(item) = items.get(MAX_APPROVERS) {
        context.report.error(item.place, "too_many_approvers", format!("an approval names at most {MAX_APPROVERS} approvers"));
        return None;
    }
    let mut approvers: Vec<Approver> = Vec::new();
    let mut complete = true;
    for item in items {
        match read_approver(context, item) {
            Some(approver) if approvers.contains(&approver) => {
                context.report.error(item.place, "duplicate_value", "this approver is named already");
                complete = false;
            }
            Some(approver) => approvers.push(approver),
            None => complete = false,
        }
    }
    complete.then_some(approvers)
}

fn read_approver(context: &mut Context, node: &Node) -> Option<Approver> {
    let report = &mut context.report;
    // `- role: approver` is a mapping to YAML, and means the same.
    let (kind, name, place) = if let Content::Map(entries) = &node.content {
        let [entry] = entries.as_slice() else {
            let help = "write `role:approver` or `email:name@example.com`".to_owned();
            report.error_with(node.place, "wrong_type", "an approver is a role or a person", help);
            return None;
        };
        let name = scalar::name(report, &entry.key, &entry.node)?;
        let written = format!("{}:{name}", entry.key);
        report.hint(entry.key_place, "other_spelling", format!("this is read as `{written}`"), format!("write `{written}`"));
        (entry.key.as_str(), name, entry.key_place)
    } else {
        let text = scalar::name(report, "approvers", node)?;
        let Some((kind, name)) = text.split_once(':') else {
            let help = if text.contains('@') { format!("write `email:{text}`") } else { format!("write `role:{text}`") };
            report.error_with(node.place, "unknown_value", format!("`{}` is neither a role nor a person", short(text)), help);
            return None;
        };
        (kind.trim(), name.trim(), node.place)
    };
    match kind {
        "role" if !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_')) => {
            Some(Approver::Role(name.to_owned()))
        }
        "role" => {
            report.error(place, "unknown_value", format!("`{}` cannot be the name of a role", short(name)));
            None
        }
        "email" => {
            let valid = name.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
            if !valid || name.contains(|sign: char| sign.is_whitespace() || sign.is_control() || "<>,;\"".contains(sign)) {
                report.error(place, "unknown_value", format!("`{}` is no e-mail address", short(name)));
                return None;
            }
            Some(Approver::Email(name.to_lowercase()))
        }
        "group" | "user" => {
            report.not_supported(place, format!("`{kind}:` of `approvers`"));
            None
        }
        other => {
            let help = crate::parse::diagnostic::did_you_mean(other, ["role", "email", "group", "user"])
                .unwrap_or_else(|| "write `role:approver` or `email:name@example.com`".to_owned());
            report.error_with(place, "unknown_value", format!("`{}` is no kind of approver", short(other)), help);
            None
        }
    }
}

fn read_quorum(context: &mut Context, entry: &Entry, approvers: Option<&[Approver]>) -> Option<Quorum> {
    let report = &mut context.report;
    if entry.node.scalar().is_some_and(|scalar| scalar.text == "all") {
        return Some(Quorum::All);
    }
    let number = scalar::integer(report, "quorum", &entry.node, 1..=1000).and_then(|number| u32::try_from(number).ok())?;
    // A role may be held by any number of people; a list of people alone has its length.
    let people = approvers.filter(|approvers| approvers.iter().all(|approver| matches!(approver, Approver::Email(_))));
    if let Some(people) = people.filter(|people| people.len() < number as usize) {
        report.error(
            entry.node.place,
            "out_of_range",
            format!("{number} have to agree, but only {} can be asked: nobody could ever approve this", people.len()),
        );
        return None;
    }
    Some(Quorum::Of(number))
}

fn read_shows(context: &mut Context, entry: &Entry) -> Option<Vec<(String, Template)>> {
    let mut fields = Fields::of(&mut context.report, "shows", &entry.node)?;
    let shown: Vec<_> = fields
        .rest()
        .into_iter()
        .map(|entry| template::template(context, &entry.key, &entry.node).map(|template| (entry.key.clone(), template)))
        .collect();
    shown.into_iter().collect()
}
