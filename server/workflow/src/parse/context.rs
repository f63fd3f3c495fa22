//! What is carried through the reading of one file: the report, the names that were used, and the bundle it is in.

use std::collections::BTreeSet;

use super::{bundle::Bundled, diagnostic::Report, names::Use, source::Place, yaml::Node};
use crate::expression::Reference;

/// See the module.
#[derive(Default)]
pub(super) struct Context {
    pub(super) report: Report,
    pub(super) uses: Vec<Use>,
    /// The bundle that the file is in; nothing for a file alone.
    pub(super) bundled: Option<Bundled>,
    /// How many steps come before what is read at the moment.
    pub(super) position: usize,
    /// Names that the text read at the moment binds itself, such as the item of a list.
    pub(super) bound: Vec<String>,
    step: Option<String>,
    /// How many regular expressions the texts read so far may have.
    patterns: usize,
}

/// The most regular expressions of all expressions of a file together: each takes time to compile.
const MAX_PATTERNS: usize = 150;

impl Context {
    /// For a file of that bundle, or for one alone.
    pub(super) fn of(bundled: Option<Bundled>) -> Self {
        Self { bundled, ..Self::default() }
    }

    /// From here on the step at that position is read.
    pub(super) fn enter_step(&mut self, id: &str, position: usize) {
        self.report.enter(Some(id));
        self.step = Some(id.to_owned());
        self.position = position;
    }

    /// From here on something is read that sees all steps.
    pub(super) fn leave_steps(&mut self, steps: usize) {
        self.report.enter(None);
        self.step = None;
        self.position = steps;
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
            if self.bound.contains(&reference.root) {
                continue;
            }
            self.uses.push(Use { root: reference.root, path: reference.path, place, step: self.step.clone(), position: self.position });
        }
    }

    /// Notes the names that a text of another file refers to: their place is where this file names the other.
    pub(super) fn note_at(&mut self, place: Place, references: BTreeSet<Reference>) {
        for reference in references {
            self.uses.push(Use { root: reference.root, path: reference.path, place, step: self.step.clone(), position: self.position });
        }
    }

    /// Reports a text that cannot be read as an expression or template.
    pub(super) fn syntax_error(&mut self, node: &Node, error: crate::expression::SyntaxError) {
        let place: Place = node.place_at(error.offset, 1);
        self.report.error_with(place, "invalid_expression", error.message, error.suggestion.map(|help| format!("did you mean `{help}`?")));
    }
}
