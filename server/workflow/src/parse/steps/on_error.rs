//! `on_error`: what follows when a step fails for good.

use super::{Reader, further};
use crate::{
    parse::{
        fields::Fields,
        limits, scalar,
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::{OnError, TemplateValue},
};

/// What the words of `action` mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Stop,
    Continue,
    Fallback,
    Rollback,
    /// Other tools say here that the step is tried again.
    Retry,
}

const ACTIONS: &[(&str, Action)] =
    &[("stop", Action::Stop), ("continue", Action::Continue), ("fallback", Action::Fallback), ("rollback", Action::Rollback)];
const MAPPED: &[(&str, Action)] = &[
    ("stop", Action::Stop),
    ("continue", Action::Continue),
    ("fallback", Action::Fallback),
    ("rollback", Action::Rollback),
    ("retry", Action::Retry),
];

/// The code of the rule that is for all others.
const OTHERWISE: &str = "default";

impl Reader<'_> {
    /// A word, `{action, fallback, notify}`, or a list of those with a code each; and who is told.
    pub(super) fn policy(&mut self, entry: &Entry) -> Option<(OnError, Vec<String>)> {
        let mut notify = Vec::new();
        let policy = match &entry.node.content {
            Content::Refused => None,
            Content::List(items) => self.by_code(entry, items, &mut notify),
            Content::Scalar(_) => match scalar::word(&mut self.context.report, &entry.key, &entry.node, ACTIONS, &[])? {
                Action::Continue => Some(OnError::Continue { fallback: None }),
                Action::Rollback => Some(OnError::Rollback),
                Action::Fallback => {
                    let help = "write `{action: continue, fallback: …}`".to_owned();
                    self.context.report.error_with(entry.node.place, "value_missing", "a fallback needs its value", help);
                    None
                }
                Action::Stop | Action::Retry => Some(OnError::Stop),
            },
            Content::Map(_) => {
                let fields = Fields::of(&mut self.context.report, &entry.key, &entry.node)?;
                self.detailed(fields, entry.key_place, &format!("{}_fallback", self.id), &mut notify)
            }
        };
        Some((policy?, notify))
    }

    /// What `execution` of the front matter says for steps that say nothing. It is read for each of them anew, since what is done in
    /// a step's stead is a step of its own; what is wrong with it is told once, and not as a part of a step.
    pub(super) fn default_policy(&mut self) -> (OnError, Vec<String>) {
        let stop = (OnError::Stop, Vec::new());
        let Some(entry) = self.header.on_error.clone().filter(|_| !self.stands_alone && !self.context.default_policy_is_wrong) else {
            return stop;
        };
        let errors = self.context.report.error_count();
        let policy = self.policy(&entry);
        self.context.default_policy_is_wrong = self.context.report.error_count() > errors;
        policy.unwrap_or(stop)
    }

    fn by_code(&mut self, entry: &Entry, items: &[Node], notify: &mut Vec<String>) -> Option<OnError> {
        if items.is_empty() {
            self.context.report.error(entry.node.place, "value_missing", format!("`{}` has no rule", entry.key));
            return None;
        }
        let mut cases: Vec<(Vec<String>, OnError)> = Vec::new();
        let mut otherwise = None;
        let mut complete = true;
        for (index, item) in items.iter().enumerate() {
            let Some(mut fields) = Fields::of(&mut self.context.report, &entry.key, item) else {
                complete = false;
                continue;
            };
            let report = &mut self.context.report;
            let help = "add `code:`, or `code: default` for the last one";
            let codes = fields
                .take_required(report, "code", ("a rule", item.place), help)
                .and_then(|entry| Some((entry, further::texts(report, entry)?)));
            if otherwise.is_some() {
                report.error(item.place, "unreachable", "a rule behind that of `default` is never asked");
                complete = false;
            }
            let policy = self.detailed(fields, item.place, &format!("{}_fallback_{}", self.id, index + 1), notify);
            let (Some((code_entry, codes)), Some(policy)) = (codes, policy) else {
                complete = false;
                continue;
            };
            let known = |code: &String| cases.iter().any(|(known, _)| known.contains(code));
            if let Some(again) = codes.iter().find(|code| known(code)) {
                let message = format!("there is a rule for `{}` already", scalar::short(again));
                self.context.report.error(code_entry.node.place, "duplicate_case", message);
                complete = false;
            } else if codes.iter().any(|code| code == OTHERWISE) {
                // What is for all others is for those beside it too.
                otherwise = Some(policy);
            } else {
                cases.push((codes, policy));
            }
        }
        complete.then(|| OnError::ByCode { cases, otherwise: Box::new(otherwise.unwrap_or_default()) })
    }

    fn detailed(&mut self, mut fields: Fields<'_>, place: Place, fallback_id: &str, notify: &mut Vec<String>) -> Option<OnError> {
        let report = &mut self.context.report;
        let help = "add `action: continue`, or what else is to follow";
        let action = fields.take_required(report, "action", ("`on_error`", place), help);
        let fallback = fields.take(report, "fallback", &[]);
        if let Some(entry) = fields.take(report, "notify", &[]) {
            notify.extend(further::texts(report, entry).unwrap_or_default());
        }
        let action = action.and_then(|entry| Some((entry, scalar::word(report, "action", &entry.node, MAPPED, &[])?)));
        if fields.has("retry") || fields.has("max_retries") || matches!(action, Some((_, Action::Retry))) {
            self.retry_here(&mut fields, place);
        }
        let report = &mut self.context.report;
        fields.finish(report, "`on_error`");
        let (_, action) = action?;
        match (action, fallback) {
            (Action::Stop | Action::Retry, None) => Some(OnError::Stop),
            (Action::Rollback, None) => Some(OnError::Rollback),
            (Action::Stop | Action::Rollback | Action::Retry, Some(fallback)) => {
                let why = if action == Action::Rollback { "what was done is taken back" } else { "the run stops" };
                report.error(fallback.key_place, "no_meaning", format!("`fallback` has no meaning here: {why}"));
                None
            }
            (Action::Fallback, None) => {
                report.error(place, "value_missing", "a fallback needs its value: add `fallback:`");
                None
            }
            (Action::Continue, None) => Some(OnError::Continue { fallback: None }),
            (Action::Continue | Action::Fallback, Some(fallback)) => self.fallback(fallback, fallback_id),
        }
    }

    /// Other tools write here how often a step is tried.
    fn retry_here(&mut self, fields: &mut Fields<'_>, place: Place) {
        let help = "write `retry:` on the step".to_owned();
        self.context.report.hint(place, "other_spelling", "how often the step is tried is read as its `retry`", help);
        self.retry = limits::retry(&mut self.context.report, fields, None);
    }

    /// A value, or a mapping that names an action: a step that is taken instead.
    fn fallback(&mut self, entry: &Entry, id: &str) -> Option<OnError> {
        if entry.node.entry("action").is_some_and(|action| action.node.scalar().is_some()) {
            return self.single(&entry.node, id, "fallback").map(|step| OnError::Instead(Box::new(step)));
        }
        template::value(self.context, &entry.node).map(|value: TemplateValue| OnError::Continue { fallback: Some(value) })
    }
}
