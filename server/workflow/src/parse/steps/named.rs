//! Which kind a step is: by `type`, and by the keys that name kinds.

use super::{Reader, kinds};
use crate::{
    data::describe::{self, Description},
    parse::{
        diagnostic::nearest,
        fields::{Fields, snake_case},
        scalar::{self, short},
        source::Place,
        yaml::Entry,
    },
};

/// The kind that a step names, and where it does so.
#[derive(Clone, Copy)]
pub(super) enum Named<'n> {
    /// The action.
    Action(&'n str, Place),
    /// A prompt without an action.
    Agent(Place),
    Script(Place),
    Workflow(Place),
    If(Place),
    Switch(Place),
    ForEach(Place),
    While(Place),
    Parallel(Place),
    Try(Place),
    Wait(Place),
    /// What reaches nobody, with its keys on the step.
    Data(&'static Description, Place),
    Approval,
}

impl Named<'_> {
    /// Whether there are steps inside.
    pub(super) const fn has_blocks(self) -> bool {
        matches!(self, Self::If(_) | Self::Switch(_) | Self::ForEach(_) | Self::While(_) | Self::Parallel(_) | Self::Try(_))
    }
}

impl Reader<'_> {
    /// What the step is; reports a step that says nothing, or two things.
    pub(super) fn named<'n>(&mut self, fields: &mut Fields<'n>) -> Option<Named<'n>> {
        let kind = fields.take(&mut self.context.report, "type", &[]);
        let word = match kind {
            Some(entry) => Some(self.type_word(entry)?),
            None => None,
        };
        let named: Vec<(&'n Entry, &'static str)> = Self::naming(fields, word);
        let action = named.iter().find(|(_, of)| *of == "action").map(|(entry, _)| *entry);
        // `type: agent` beside `action: agent.analyze` says the same twice, and so does a prompt.
        let action_text = action.and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.as_str());
        let agrees = |of: &str| match of {
            "agent" => action_text.is_some_and(|text| text.starts_with("agent.")),
            "script" => action_text == Some("script.execute"),
            "action" => action.is_some(),
            _ => false,
        };
        let is = match (word, action) {
            (Some(word), Some(_)) if agrees(word) => "action",
            (Some(word), _) => word,
            (None, _) => match named.first() {
                Some((_, of)) => of,
                None => return self.nothing(fields, kind),
            },
        };
        if let Some((entry, of)) = named.iter().find(|(_, of)| *of != is && !(is == "action" && agrees(of))) {
            self.two_kinds(entry, is, of);
            return None;
        }
        if is == "action" {
            let Some(action) = action else { return self.nothing(fields, kind) };
            let _ = fields.take(&mut self.context.report, "action", &[]);
            return self.action_word(action);
        }
        is.clone_into(&mut self.outline.kind);
        let fence = Place { length: 3, ..Place::line(self.line) };
        let place = named.first().map(|(entry, _)| entry.key_place).or_else(|| kind.map(|kind| kind.node.place)).unwrap_or(fence);
        Some(match is {
            "agent" => Named::Agent(place),
            "script" => Named::Script(place),
            "workflow" => Named::Workflow(place),
            "if" => Named::If(place),
            "switch" => Named::Switch(place),
            "for_each" => Named::ForEach(place),
            "while" => Named::While(place),
            "parallel" => Named::Parallel(place),
            "try" => Named::Try(place),
            "wait" => Named::Wait(place),
            "approval" => Named::Approval,
            other => Named::Data(describe::of_type(other)?, place),
        })
    }

    fn type_word(&mut self, entry: &Entry) -> Option<&'static str> {
        let report = &mut self.context.report;
        let text = scalar::name(report, "type", &entry.node)?;
        text.clone_into(&mut self.outline.kind);
        if let Some(word) = kinds::TYPES.iter().copied().find(|word| *word == text) {
            return Some(word);
        }
        let help = nearest(text, kinds::TYPES.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        report.error_with(entry.node.place, "unknown_type", format!("there is no type of step `{}`", short(text)), help);
        None
    }

    /// The keys there are that name a kind, and which. Those that data has too count only when nothing else names one.
    fn naming<'n>(fields: &Fields<'n>, word: Option<&str>) -> Vec<(&'n Entry, &'static str)> {
        let left = fields.left();
        let by = |keys: &[(&'static str, &'static str)]| -> Vec<(&'n Entry, &'static str)> {
            let found = |key: &str| left.iter().copied().find(|entry| snake_case(&entry.key) == key);
            keys.iter().filter_map(|(key, of)| Some((found(key)?, *of))).collect()
        };
        let first = kinds::NAMED_BY.len().saturating_sub(4);
        let named = by(kinds::NAMED_BY.get(..first).unwrap_or_default());
        // What is done at a time is a number or a word in other kinds: `parallel: true` names nothing there.
        if named.is_empty() && word.is_none() { by(kinds::NAMED_BY.get(first..).unwrap_or_default()) } else { named }
    }

    fn two_kinds(&mut self, entry: &Entry, is: &str, of: &str) {
        let (message, help) = if (is, of) == ("approval", "action") || (is, of) == ("action", "approval") {
            ("a step is either an action or an approval".to_owned(), "make two steps of it: the approval first")
        } else {
            (
                format!("a step is one thing, and this one is a step of kind `{is}` already: `{}` makes it another", entry.key),
                "make two steps of it",
            )
        };
        self.context.report.error_with(entry.key_place, "two_kinds", message, help.to_owned());
    }

    fn action_word<'n>(&mut self, entry: &'n Entry) -> Option<Named<'n>> {
        let report = &mut self.context.report;
        let text = scalar::name(report, "action", &entry.node)?;
        text.clone_into(&mut self.outline.kind);
        if kinds::ACTIONS.contains(&text) || describe::of_action(text).is_some() {
            return Some(Named::Action(text, entry.node.place));
        }
        if let Some(tool) = self.context.bundled.as_ref().and_then(|bundled| bundled.tool_of(text)) {
            let message = format!("the tool `{tool}` of `tools.yaml` is not available yet");
            report.error(entry.node.place, "tool_not_available", message);
            return None;
        }
        let help = nearest(text, kinds::ACTIONS.iter().copied().chain(describe::actions())).map_or_else(
            || {
                format!(
                    "built in are {} and the data steps, such as `core.set`",
                    kinds::ACTIONS.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ")
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        report.error_with(entry.node.place, "unknown_action", format!("there is no action `{}`", short(text)), help);
        None
    }

    /// Nothing says what the step does.
    fn nothing<'n>(&mut self, fields: &Fields<'n>, kind: Option<&Entry>) -> Option<Named<'n>> {
        let fence = Place { length: 3, ..Place::line(self.line) };
        let near = |key: &str| nearest(&snake_case(key), kinds::NAMING_KEYS.iter().copied());
        let slip =
            fields.left().into_iter().filter(|entry| !kinds::is_common(&entry.key)).find_map(|entry| Some((entry, near(&entry.key)?)));
        let (place, help) = match (slip, kind) {
            (Some((entry, near)), _) => (entry.key_place, format!("did you mean `{near}`?")),
            (None, Some(kind)) => (kind.node.place, "add `action:`, such as `action: http.request`".to_owned()),
            (None, None) => (
                fence,
                "add `action:`, such as `action: http.request`; if this is no step, put it below a heading such as Example".to_owned(),
            ),
        };
        self.context.report.error_with(place, "step_without_action", "nothing here says what the step does", help);
        None
    }
}
