//! Which step gave what a step reads. The rules are those by which a run looks names up (`core/scope.rs`): of several steps that
//! set a name, the last one that was over before.

use std::collections::{BTreeSet, HashMap};

use super::Read;
use crate::{
    expression::Reference,
    plan::{
        Step, StepKind,
        tree::{NodeId, Place, Tree},
    },
};

/// Who sets which names.
pub(super) struct Sources<'t> {
    tree: &'t Tree<'t>,
    variables: HashMap<&'t str, Vec<NodeId>>,
    /// Fields of a graph's state.
    state: HashMap<&'t str, Vec<NodeId>>,
}

/// The names that a step sets, as an expression would read them; outputs as `outputs.name`.
pub(super) fn sets(step: &Step) -> Vec<String> {
    let mut names: Vec<String> = variables(step).map(str::to_owned).collect();
    names.extend(step.writes.iter().map(|field| format!("state.{field}")));
    if let StepKind::SetOutputs { values } = &step.kind {
        names.extend(values.iter().map(|(name, _)| format!("outputs.{name}")));
    }
    names
}

/// Its own variable, and those that its branches give.
fn variables(step: &Step) -> impl Iterator<Item = &str> {
    let branches = match &step.kind {
        StepKind::Parallel(parallel) => parallel.branches.as_slice(),
        _ => &[],
    };
    step.output_variable.as_deref().into_iter().chain(branches.iter().map(|branch| branch.id.as_str()))
}

impl<'t> Sources<'t> {
    pub(super) fn of(tree: &'t Tree<'t>) -> Self {
        let mut by_variable: HashMap<&str, Vec<NodeId>> = HashMap::new();
        let mut by_field: HashMap<&str, Vec<NodeId>> = HashMap::new();
        for (number, node) in tree.nodes() {
            variables(node.step).for_each(|name| by_variable.entry(name).or_default().push(number));
            node.step.writes.iter().for_each(|field| by_field.entry(field).or_default().push(number));
        }
        Self { tree, variables: by_variable, state: by_field }
    }

    /// What is read by these names at a step, or at the end of the run.
    pub(super) fn read(&self, names: BTreeSet<Reference>, at: Option<NodeId>) -> Vec<Read> {
        let read: BTreeSet<Read> = names.into_iter().map(|name| Read { name: name.to_string(), from: self.givers(&name, at) }).collect();
        read.into_iter().collect()
    }

    fn givers(&self, name: &Reference, at: Option<NodeId>) -> Vec<NodeId> {
        let field = name.path.first().map(String::as_str);
        match (name.root.as_str(), field) {
            ("inputs" | "vars" | "run" | "tenant" | "trigger" | "loop" | "error", _) => Vec::new(),
            ("steps", Some(id)) => self.tree.find(id).into_iter().collect(),
            ("state", Some(field)) if !self.variables.contains_key("state") => {
                self.last(self.state.get(field).into_iter().flatten().copied().collect(), at)
            }
            (variable, _) => self.variable(variable, at),
        }
    }

    /// The steps that set a variable, of the innermost list with names of its own that has any.
    fn variable(&self, name: &str, at: Option<NodeId>) -> Vec<NodeId> {
        let setters = self.variables.get(name).map_or(&[][..], Vec::as_slice);
        let around = at.map(|at| self.tree.scopes(at)).unwrap_or_default();
        for scope in around.into_iter().map(Some).chain([None]) {
            if let Some((of, _)) = scope
                && let Some(StepKind::ForEach(each)) = self.tree.step(of).map(|step| &step.kind)
                && (each.item == name || each.index.as_deref() == Some(name))
            {
                return vec![of];
            }
            let here = self.last(setters.iter().copied().filter(|node| self.tree.scope_of(*node) == scope).collect(), at);
            if !here.is_empty() {
                return here;
            }
        }
        Vec::new()
    }

    /// Those that are over before a step and whose result is not certainly replaced by a later one's, and those that gave
    /// something in the round before.
    fn last(&self, setters: Vec<NodeId>, at: Option<NodeId>) -> Vec<NodeId> {
        let tree = self.tree;
        let around = at.map(|at| tree.lineage(at)).unwrap_or_default();
        let is_while = |number: &&NodeId| matches!(tree.step(**number).map(|step| &step.kind), Some(StepKind::While(_)));
        let loops: Vec<NodeId> = around.iter().filter(is_while).copied().collect();
        let (before, others): (Vec<NodeId>, Vec<NodeId>) =
            setters.into_iter().partition(|node| at.is_none_or(|at| tree.is_over_before(*node, at)));
        // A step is certain to have run when it has no condition and stands in a list around the reader.
        let places: Vec<Place> = around.iter().filter_map(|node| tree.get(*node)).map(|node| node.place).collect();
        let is_certain = |number: &NodeId| {
            let node = tree.get(*number);
            node.is_some_and(|node| node.step.condition.is_none() && (node.place == Place::Root || places.contains(&node.place)))
        };
        let certain: Vec<NodeId> = before.iter().copied().filter(is_certain).collect();
        let is_replaced = |node: NodeId| certain.iter().any(|later| *later != node && tree.is_over_before(node, *later));
        let of_round_before = |node: &NodeId| tree.lineage(*node).iter().any(|around| loops.contains(around));
        let mut all: Vec<NodeId> = before.into_iter().filter(|node| !is_replaced(*node)).collect();
        all.extend(others.into_iter().filter(of_round_before));
        all.sort_unstable();
        all
    }
}
