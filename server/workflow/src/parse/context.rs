//! What is carried through the reading of one file: the report, the names that were used, and what a run
//! will need.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{diagnostic::Report, names::Use, source::Place, yaml::Node};
use crate::expression::Reference;

/// What has to be there before a run can start. Lists are sorted and without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Names of tenant variables (`vars.name`).
    pub vars: BTreeSet<String>,
    /// Names of credentials (`cred://name`).
    pub credentials: BTreeSet<String>,
    /// Models that the file names.
    pub models: BTreeSet<String>,
    /// Whether a prompt goes to the tenant's default model, because neither step nor workflow names one.
    pub default_model: bool,
    /// Where requests go: a host with its port as written, or the text of the expression that gives it.
    pub hosts: BTreeSet<String>,
    /// Roles that are asked for an approval.
    pub roles: BTreeSet<String>,
    /// E-mail addresses of people who are asked for an approval.
    pub people: BTreeSet<String>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Context {
    pub(super) report: Report,
    pub(super) uses: Vec<Use>,
    pub(super) needs: Needs,
    /// How many steps come before what is read at the moment.
    pub(super) position: usize,
    step: Option<String>,
}

impl Context {
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

    /// Notes the names that a text refers to; `node` is the scalar whose text it is.
    pub(super) fn note(&mut self, node: &Node, references: BTreeSet<Reference>) {
        let mut references: Vec<Reference> = references.into_iter().collect();
        references.sort_by_key(|reference| reference.offset);
        let offsets: Vec<(usize, usize)> = references.iter().map(|reference| (reference.offset, reference.root.chars().count())).collect();
        for (reference, place) in references.into_iter().zip(node.places_at(&offsets)) {
            self.uses.push(Use { root: reference.root, path: reference.path, place, step: self.step.clone(), position: self.position });
        }
    }

    /// Reports a text that cannot be read as an expression or template.
    pub(super) fn syntax_error(&mut self, node: &Node, error: crate::expression::SyntaxError) {
        let place: Place = node.place_at(error.offset, 1);
        self.report.error_with(place, "invalid_expression", error.message, error.suggestion.map(|help| format!("did you mean `{help}`?")));
    }
}
