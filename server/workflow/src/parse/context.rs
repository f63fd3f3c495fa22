//! What is carried through the reading of one file: the report, the ids, the outline, the names that were used, and the bundle it is
//! in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{
    MAX_STEPS,
    bundle::Bundled,
    diagnostic::Report,
    names::{Opaque, Use},
    outline::StepOutline,
    source::Place,
    yaml::Node,
};
use crate::expression::Reference;

/// See the module.
#[derive(Default)]
pub(super) struct Context {
    pub(super) report: Report,
    pub(super) uses: Vec<Use>,
    /// The bundle that the file is in; nothing for a file alone.
    pub(super) bundled: Option<Bundled>,
    /// Names that the text read at the moment binds itself, such as the item of a list.
    pub(super) bound: Vec<String>,
    /// Every step so far, in the order of the file.
    pub(super) outline: Vec<StepOutline>,
    /// What steps declare as their samples, by id.
    pub(super) samples: BTreeMap<String, Value>,
    /// Steps that could not be read, by the id they have in the plan, and what they would have set.
    pub(super) opaque: HashMap<String, Opaque>,
    /// The questions that stand before steps: their ids, the steps and their lines.
    pub(super) gates: Vec<(String, String, u32)>,
    /// Whether what the front matter says of failing steps was found wrong, which is told once.
    pub(super) default_policy_is_wrong: bool,
    /// The lines of the ids given so far.
    ids: HashMap<String, u32>,
    /// The step that is read at the moment.
    step: Option<Current>,
    /// Where the steps stand that are read at the moment.
    pub(super) inside: Inside,
    /// How many regular expressions the texts read so far may have.
    patterns: usize,
}

/// The step that is read at the moment.
#[derive(Debug, Clone)]
pub(super) struct Current {
    /// The id as the file gives it.
    shown: String,
    /// The id in the plan.
    id: String,
}

/// Where steps stand that are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Inside {
    /// How many steps are around them.
    pub(super) depth: u32,
    /// What the block they stand in is called.
    pub(super) label: Option<String>,
}

/// The most regular expressions of all expressions of a file together: each takes time to compile.
const MAX_PATTERNS: usize = 150;

impl Context {
    /// For a file of that bundle, or for one alone.
    pub(super) fn of(bundled: Option<Bundled>) -> Self {
        Self { bundled, ..Self::default() }
    }

    /// From here on that step is read, whose id in the plan is `id`; gives the one that was read before, to be handed to
    /// [`Context::leave`].
    pub(super) fn enter(&mut self, shown: &str, id: &str) -> Option<Current> {
        self.report.enter(Some(shown));
        self.step.replace(Current { shown: shown.to_owned(), id: id.to_owned() })
    }

    /// From here on another step is read again, or something that sees all steps.
    pub(super) fn leave(&mut self, before: Option<Current>) {
        self.report.enter(before.as_ref().map(|step| step.shown.as_str()));
        self.step = before;
    }

    /// Gives an id away. One that belongs to a step already is reported, and another one that no file can give is made of it, so
    /// that the rest can be read. `None` when there are more steps than a file may have.
    pub(super) fn claim(&mut self, id: &str, line: u32, place: Place, given: bool) -> Option<String> {
        if self.ids.len() >= MAX_STEPS {
            self.report.error(Place::line(line), "too_many_steps", format!("a workflow has at most {MAX_STEPS} steps"));
            return None;
        }
        let Some(first) = self.ids.get(id).copied() else {
            self.ids.insert(id.to_owned(), line);
            return Some(id.to_owned());
        };
        self.report.enter(Some(id));
        let help = if given { "give this step another id" } else { "give this step an `id` of its own" };
        self.report.error_with(
            place,
            "duplicate_id",
            format!("the id `{id}` belongs to the step on line {first} already"),
            help.to_owned(),
        );
        self.report.enter(self.step.as_ref().map(|step| step.shown.as_str()));
        let other = format!("{id}#{}", self.ids.len());
        self.ids.insert(other.clone(), line);
        Some(other)
    }

    /// The line of the step that has an id.
    pub(super) fn line_of(&self, id: &str) -> Option<u32> {
        self.ids.get(id).copied()
    }

    /// Whether a text is still to be read as an expression or template. It is not when it could have more
    /// regular expressions than are left, which is reported, nor when further errors would only be counted.
    pub(super) fn admits(&mut self, node: &Node, text: &str) -> bool {
        let signs = ["=~", "!~", "match", "Match", "regexReplace"];
        self.patterns = self.patterns.saturating_add(signs.iter().map(|sign| text.matches(sign).count()).sum());
        if self.patterns > MAX_PATTERNS {
            self.report.error(
                node.place,
                "too_many_patterns",
                format!("a workflow has at most {MAX_PATTERNS} regular expressions in its expressions"),
            );
        }
        self.patterns <= MAX_PATTERNS && !self.report.is_full()
    }

    /// Notes the names that a text refers to; `node` is the scalar whose text it is.
    pub(super) fn note(&mut self, node: &Node, references: BTreeSet<Reference>) {
        let mut references: Vec<Reference> = references.into_iter().collect();
        references.sort_by_key(|reference| reference.offset);
        let offsets: Vec<(usize, usize)> = references.iter().map(|reference| (reference.offset, reference.root.chars().count())).collect();
        for (reference, place) in references.into_iter().zip(node.places_at(&offsets)) {
            self.use_of(reference, place);
        }
    }

    fn use_of(&mut self, reference: Reference, place: Place) {
        if !self.bound.contains(&reference.root) {
            let (shown, at) = self.step.clone().map(|step| (step.shown, step.id)).unzip();
            self.uses.push(Use { root: reference.root, path: reference.path, place, shown, at });
        }
    }

    /// Notes the names that a text of another file refers to: their place is where this file names the other.
    pub(super) fn note_at(&mut self, place: Place, references: BTreeSet<Reference>) {
        for reference in references {
            self.use_of(reference, place);
        }
    }

    /// Reports a text that cannot be read as an expression or template.
    pub(super) fn syntax_error(&mut self, node: &Node, error: crate::expression::SyntaxError) {
        let place: Place = node.place_at(error.offset, 1);
        self.report.error_with(place, "invalid_expression", error.message, error.suggestion.map(|help| format!("did you mean `{help}`?")));
    }
}
