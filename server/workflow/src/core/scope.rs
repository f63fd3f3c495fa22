//! The names that a step's expressions see: what was recorded before it, and nothing else.
//!
//! Every lookup has a position: before a step acts, or at the end of a list of steps. A variable is what the last step that was over
//! before that position gave; when such a step has not come to its end, the variable is not known yet, which is an error
//! for a step that runs and a fact to show for a [coverage](crate::coverage). The variable of steps that were
//! all skipped is null.
//!
//! A round of a `for_each` and a branch of a `parallel` have names of their own: what is set inside is not seen outside, where
//! a branch gives its variables under its id. Other blocks share the names around them.

use std::{borrow::Cow, cell::Cell};

use domain::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::decide::described;
use crate::{
    event::Started,
    expression::{Lookup, Scope},
    plan::{
        StepKind, TRY_CATCH,
        tree::{At, NodeId, Place, Tree, round_prefix},
    },
    run::{BranchRun, Inside, Run, StepRun, StepState, Trying},
};

/// What a step sees.
pub(crate) struct Names<'a> {
    tree: &'a Tree<'a>,
    run: &'a Run,
    position: Position,
    /// The path of the step, for identifiers made by `uuid()`.
    path: String,
    /// When the step started; `None` while that is to come.
    now: Option<Timestamp>,
    /// How many identifiers the evaluations before this one took, and how many this one has taken.
    taken: Cell<(u32, u32)>,
}

/// Where expressions are looked at.
enum Position {
    /// Before that step acts.
    Before(At),
    /// After all steps of that block, in a round with that prefix.
    EndOf { of: At, block: usize, prefix: String },
    /// After all steps.
    End,
}

/// How a step of the plan stands to a position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It is over before it.
    Before,
    /// It comes later, or it is not on the same way.
    Elsewhere,
}

impl<'a> Names<'a> {
    /// The names of a step that starts at that moment.
    pub(crate) fn of(tree: &'a Tree<'a>, run: &'a Run, at: &At, now: Timestamp) -> Self {
        Self { now: Some(now), ..Self::ahead(tree, run, at) }
    }

    /// The names of a step that will start later.
    pub(crate) fn ahead(tree: &'a Tree<'a>, run: &'a Run, at: &At) -> Self {
        Self { tree, run, position: Position::Before(at.clone()), path: tree.path(at), now: None, taken: Cell::new((0, 0)) }
    }

    /// The names at the end of a block in a round with that prefix, or at the end of the run.
    pub(crate) fn end_of(tree: &'a Tree<'a>, run: &'a Run, block: Option<(&At, usize, &str)>, now: Timestamp) -> Self {
        let (position, path) = match block {
            Some((of, block, prefix)) => {
                (Position::EndOf { of: of.clone(), block, prefix: prefix.to_owned() }, format!("{prefix}{}", tree.path(of)))
            }
            None => (Position::End, String::new()),
        };
        Self { tree, run, position, path, now: Some(now), taken: Cell::new((0, 0)) }
    }

    /// Says that another expression of the same step comes: `uuid()` goes on counting where the last one ended.
    pub(crate) fn next_evaluation(&self) {
        let (before, during) = self.taken.get();
        self.taken.set((before.saturating_add(during), 0));
    }

    /// The steps around the position with their blocks, the innermost first, each with the prefix inside that block.
    fn surroundings(&self) -> Vec<(At, usize, String)> {
        let mut all = Vec::new();
        let mut at = match &self.position {
            Position::End => return all,
            Position::Before(at) => at.clone(),
            Position::EndOf { of, block, prefix } => {
                all.push((of.clone(), *block, prefix.clone()));
                of.clone()
            }
        };
        while let Some((outer, _)) = self.tree.around(&at) {
            if let Some(Place::Block { block, .. }) = self.tree.get(at.node).map(|node| node.place) {
                all.push((outer.clone(), block, at.prefix.clone()));
            }
            at = outer;
        }
        all
    }

    /// How a step of the plan stands to the position, within one round of the loops around both.
    fn stands(&self, node: NodeId) -> Stands {
        let in_order = |other: NodeId| if self.tree.is_over_before(node, other) { Stands::Before } else { Stands::Elsewhere };
        match &self.position {
            Position::End => Stands::Before,
            Position::Before(at) => in_order(at.node),
            Position::EndOf { of, block, .. } => {
                let inside = Place::Block { of: of.node, block: *block };
                if self.tree.lineage(node).iter().any(|node| self.tree.get(*node).is_some_and(|node| node.place == inside)) {
                    Stands::Before
                } else {
                    in_order(of.node)
                }
            }
        }
    }

    /// The paths under which a step may have been recorded before the position: one outside of loops, else one for each round that
    /// counts, the last round first. None when the step is in a round that is gone.
    fn paths(&self, node: NodeId) -> Vec<String> {
        let Some(step) = self.tree.step(node) else { return Vec::new() };
        let lineage = self.tree.lineage(node);
        let around = self.surroundings();
        let before = self.stands(node) == Stands::Before;
        // Prefixes, and whether each is in the position's own rounds so far.
        let mut prefixes = vec![(String::new(), true)];
        for pair in lineage.windows(2) {
            let [of, inside] = pair else { continue };
            let is_block = matches!(self.tree.get(*inside).map(|node| node.place), Some(Place::Block { .. }));
            if !self.tree.is_loop(*of) || !is_block {
                continue;
            }
            let own_names = self.tree.has_names_of_its_own(*of);
            let here = around.iter().find(|(at, ..)| at.node == *of);
            let mut next = Vec::new();
            for (prefix, same) in prefixes {
                let path = format!("{prefix}{}", self.tree.step(*of).map_or("", |step| step.id.as_str()));
                let current = here.filter(|_| same).and_then(|(_, _, inside)| crate::plan::tree::outside(inside)).map(|(_, round)| round);
                match (current, own_names) {
                    (Some(round), true) => next.push((round_prefix(&path, round), true)),
                    (Some(round), false) => {
                        next.extend((0..=round).rev().map(|earlier| (round_prefix(&path, earlier), earlier == round)));
                    }
                    (None, true) => {}
                    (None, false) => {
                        if let Some(Inside::Loop(turns)) = self.run.step(&path).inside.as_deref() {
                            next.extend((0..=turns.round).rev().map(|round| (round_prefix(&path, round), false)));
                        }
                    }
                }
            }
            prefixes = next;
        }
        // A step that comes later in the same round has nothing to say yet.
        prefixes.retain(|(_, same)| before || !same);
        prefixes.into_iter().map(|(prefix, _)| format!("{prefix}{}", step.id)).collect()
    }

    /// Whether a step of which nothing was recorded can still be taken.
    fn may_come(&self, path: &str) -> bool {
        let Some(mut at) = self.tree.at(path) else { return false };
        while let Some((outer, round)) = self.tree.around(&at) {
            let Some(place) = self.tree.get(at.node).map(|node| node.place) else { return false };
            let recorded = self.run.step(&self.tree.path(&outer));
            let Place::Block { block, .. } = place else { return false };
            match (&recorded.state, recorded.inside.as_deref()) {
                (StepState::Idle, _) => {}
                (StepState::Open, Some(inside)) => {
                    let possible = match inside {
                        Inside::Block(taken) => *taken == block,
                        Inside::Each(each) => round.is_some_and(|round| round >= each.next || each.open.contains(&round)),
                        Inside::Loop(turns) => round.is_some_and(|round| round > turns.round || (round == turns.round && turns.open)),
                        Inside::Branches(branches) => !matches!(branches.get(block), Some(BranchRun::Ended { .. })),
                        Inside::Try(stage) => match stage {
                            Trying::Body => true,
                            Trying::Compensating { .. } => block > 0,
                            Trying::Catch { .. } => block >= TRY_CATCH,
                            Trying::Finally { .. } => block > TRY_CATCH,
                        },
                    };
                    if !possible {
                        return false;
                    }
                }
                _ => return false,
            }
            at = outer;
        }
        true
    }

    /// The last value that steps gave before the position, by what each gives; `None` when no step is to give one here.
    fn last(&self, nodes: &[NodeId], gives: impl Fn(NodeId, &'a StepRun) -> Option<Cow<'a, Value>>) -> Option<Lookup<'a>> {
        let run = self.run;
        let mut last: Option<(u64, Cow<'a, Value>)> = None;
        let mut any = false;
        for node in nodes {
            let before = self.stands(*node) == Stands::Before;
            let paths = self.paths(*node);
            any |= before || !paths.is_empty();
            for (index, path) in paths.iter().enumerate() {
                let recorded = run.step(path);
                if recorded.state.is_settled() {
                    if let Some(value) = gives(*node, recorded) {
                        if last.as_ref().is_none_or(|(ended, _)| *ended < recorded.ended_as) {
                            last = Some((recorded.ended_as, value));
                        }
                        // Earlier rounds ended earlier.
                        break;
                    }
                } else if before && index == 0 && (recorded.state.is_active() || self.may_come(path)) {
                    return Some(Lookup::NotYetKnown);
                }
            }
        }
        match last {
            Some((_, value)) => Some(Lookup::Found(value)),
            None if any => Some(Lookup::Found(Cow::Owned(Value::Null))),
            None => None,
        }
    }

    /// The variable of that name, or `None` when no step that could be seen from here is meant to set it.
    fn variable(&self, name: &str) -> Option<Lookup<'a>> {
        let setters: Vec<NodeId> = self
            .tree
            .nodes()
            .filter(|(_, node)| {
                let branch = || matches!(&node.step.kind, StepKind::Parallel(step) if step.branches.iter().any(|branch| branch.id == name));
                node.step.output_variable.as_deref() == Some(name) || branch()
            })
            .map(|(node, _)| node)
            .collect();
        let around = self.surroundings();
        let mut found = None;
        let mut hidden = false;
        let scopes = around.iter().filter(|(at, ..)| self.tree.has_names_of_its_own(at.node)).map(Some).chain([None]);
        for scope in scopes {
            if let Some((at, _, prefix)) = scope
                && let Some(value) = self.of_round(at, prefix, name)
            {
                return Some(Lookup::Found(value));
            }
            let key = scope.map(|(at, block, _)| (at.node, *block));
            let here: Vec<NodeId> = setters.iter().copied().filter(|node| self.tree.scope_of(*node) == key).collect();
            if here.is_empty() {
                continue;
            }
            match self.last(&here, |node, recorded| self.given(node, recorded, name)) {
                Some(Lookup::Found(value)) if value.is_null() => found = Some(Lookup::Found(value)),
                Some(lookup) => return Some(lookup),
                None => hidden = true,
            }
        }
        found.or_else(|| hidden.then_some(Lookup::Unknown))
    }

    /// What a settled step gives to a variable of that name.
    fn given(&self, node: NodeId, recorded: &'a StepRun, name: &str) -> Option<Cow<'a, Value>> {
        let step = self.tree.step(node)?;
        let output = match &recorded.state {
            StepState::Completed { output, .. } | StepState::Failed { instead: Some(output), .. } => Some(output),
            _ => None,
        };
        if step.output_variable.as_deref() == Some(name) {
            return output.map(|output| Cow::Borrowed(&**output));
        }
        let StepKind::Parallel(parallel) = &step.kind else { return None };
        let branch = parallel.branches.iter().position(|branch| branch.id == name)?;
        match recorded.inside.as_deref() {
            Some(Inside::Branches(branches)) => match branches.get(branch) {
                Some(BranchRun::Ended { variables, .. }) => Some(Cow::Owned(Value::Object((**variables).clone()))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The item, or its number, of the round that the position is in.
    fn of_round(&self, at: &At, prefix: &str, name: &str) -> Option<Cow<'a, Value>> {
        let StepKind::ForEach(step) = &self.tree.step(at.node)?.kind else { return None };
        let (_, round) = crate::plan::tree::outside(prefix)?;
        if step.index.as_deref() == Some(name) {
            return Some(Cow::Owned(Value::from(round)));
        }
        if step.item != name {
            return None;
        }
        let run = self.run;
        match run.step(&self.tree.path(at)).inside.as_deref() {
            Some(Inside::Each(each)) => each.items.get(round as usize).map(Cow::Borrowed),
            _ => None,
        }
    }

    /// `loop`: where the innermost loop around the position is.
    fn loop_names(&self) -> Option<Value> {
        let (at, _, prefix) = self.surroundings().into_iter().find(|(at, ..)| self.tree.is_loop(at.node))?;
        let (_, round) = crate::plan::tree::outside(&prefix)?;
        let mut names = Map::new();
        names.insert("index".to_owned(), Value::from(u64::from(round) + 1));
        names.insert("index0".to_owned(), Value::from(round));
        names.insert("first".to_owned(), Value::from(round == 0));
        if let Some(Inside::Each(each)) = self.run.step(&self.tree.path(&at)).inside.as_deref() {
            names.insert("last".to_owned(), Value::from(round as usize + 1 == each.items.len()));
            names.insert("length".to_owned(), Value::from(each.items.len()));
        }
        Some(Value::Object(names))
    }

    /// `error`: what went wrong, in the `catch` around the position.
    fn error(&self) -> Option<Value> {
        self.surroundings().into_iter().find_map(|(at, block, _)| match self.run.step(&self.tree.path(&at)).inside.as_deref() {
            Some(Inside::Try(Trying::Catch { failed })) if block == TRY_CATCH => Some(described(failed)),
            _ => None,
        })
    }

    /// The field of a graph's state of that name.
    fn state(&self, field: &str) -> Lookup<'_> {
        let writers: Vec<NodeId> =
            self.tree.nodes().filter(|(_, node)| node.step.writes.iter().any(|written| written == field)).map(|(node, _)| node).collect();
        let given = |_: NodeId, recorded: &'a StepRun| match &recorded.state {
            StepState::Completed { output, .. } | StepState::Failed { instead: Some(output), .. } => match &**output {
                Value::Object(fields) => fields.get(field).map(Cow::Borrowed),
                _ => None,
            },
            _ => None,
        };
        match self.last(&writers, given) {
            Some(Lookup::Found(value)) if !value.is_null() => Lookup::Found(value),
            Some(Lookup::NotYetKnown) => Lookup::NotYetKnown,
            _ => match self.run.started().and_then(|started| started.inputs.get(field)) {
                Some(value) => Lookup::Found(Cow::Borrowed(value)),
                None => Lookup::Unknown,
            },
        }
    }

    /// `steps.<id>`, of the round that the position is in, or of the last one.
    fn step(&self, id: &str) -> Lookup<'_> {
        let Some(node) = self.tree.find(id) else { return Lookup::Unknown };
        let paths = self.paths(node);
        for path in &paths {
            if let Some(value) = describe(self.run, path) {
                return Lookup::Found(Cow::Owned(value));
            }
        }
        match paths.first() {
            Some(path) if self.run.step(path).state.is_active() || self.may_come(path) => Lookup::NotYetKnown,
            Some(_) => Lookup::Found(Cow::Owned(not_taken())),
            // In a loop that had no round.
            None if self.stands(node) == Stands::Before && self.is_in_round(node) => Lookup::Found(Cow::Owned(not_taken())),
            // In a branch that is not this one, in a round that is gone, or later.
            None => Lookup::Unknown,
        }
    }

    /// Whether every `for_each` around a step is around the position too.
    fn is_in_round(&self, node: NodeId) -> bool {
        let around = self.surroundings();
        let loops = self.tree.scopes(node).into_iter().filter(|(of, _)| self.tree.is_loop(*of));
        loops.into_iter().all(|(of, block)| around.iter().any(|(at, here, _)| (at.node, *here) == (of, block)))
    }

    /// `steps` as one object, for expressions that choose a step by a value.
    fn steps(&self) -> Lookup<'_> {
        let mut all = Map::new();
        for (node, planned) in self.tree.nodes() {
            if self.stands(node) != Stands::Before {
                continue;
            }
            match self.step(&planned.step.id) {
                Lookup::Found(value) => drop(all.insert(planned.step.id.clone(), value.into_owned())),
                Lookup::NotYetKnown => return Lookup::NotYetKnown,
                Lookup::Unknown => {}
            }
        }
        Lookup::Found(Cow::Owned(Value::Object(all)))
    }

    fn of_run(&self, started: &Started) -> Value {
        json!({
            "id": started.run,
            "number": started.number,
            "started_by": started.started_by,
            "started_at": self.run.started_at().map(|at| at.to_string()),
        })
    }
}

/// The variables that the steps of a block have set, by name: what a branch gives.
pub(crate) fn variables_of(tree: &Tree<'_>, run: &Run, block: (&At, usize, &str), now: Timestamp) -> Map<String, Value> {
    let names = Names::end_of(tree, run, Some(block), now);
    let scope = Some((block.0.node, block.1));
    let mut variables = Map::new();
    for (_, planned) in tree.nodes().filter(|(node, _)| tree.scope_of(*node) == scope) {
        let branches = match &planned.step.kind {
            StepKind::Parallel(step) => step.branches.iter().map(|branch| branch.id.as_str()).collect(),
            _ => Vec::new(),
        };
        for name in planned.step.output_variable.as_deref().into_iter().chain(branches) {
            if let Some(Lookup::Found(value)) = names.variable(name) {
                variables.insert(name.to_owned(), value.into_owned());
            }
        }
    }
    variables
}

impl Scope for Names<'_> {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        let Some(started) = self.run.started() else { return Lookup::Unknown };
        let found = |value: Option<Value>| value.map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Owned(value)));
        // The reserved words come first: a file cannot set them.
        match name {
            "inputs" => return found(Some(Value::Object(started.inputs.clone()))),
            "vars" => return found(Some(Value::Object(started.vars.clone()))),
            "steps" => return self.steps(),
            "run" => return found(Some(self.of_run(started))),
            "tenant" => return found(Some(json!({"slug": started.tenant_slug, "name": started.tenant_name}))),
            "trigger" => return Lookup::Found(Cow::Borrowed(&started.trigger)),
            "loop" => return found(self.loop_names()),
            "error" => return found(self.error()),
            _ => {}
        }
        if let Some(variable) = self.variable(name) {
            return variable;
        }
        started.inputs.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value)))
    }

    fn member(&self, name: &str, field: &str) -> Option<Lookup<'_>> {
        let started = self.run.started()?;
        match name {
            "steps" => Some(self.step(field)),
            // A variable may be called so where there is no graph.
            "state" if self.variable(name).is_none() => Some(self.state(field)),
            // A field that is not there is left to the whole object, so that `default` may ask for it.
            "inputs" => started.inputs.get(field).map(|value| Lookup::Found(Cow::Borrowed(value))),
            "vars" => started.vars.get(field).map(|value| Lookup::Found(Cow::Borrowed(value))),
            _ => None,
        }
    }

    fn now(&self) -> Option<i64> {
        self.now.map(Timestamp::micros)
    }

    fn uuid(&self, call_index: u32) -> Option<String> {
        self.now?;
        let (before, during) = self.taken.get();
        self.taken.set((before, during.max(call_index.saturating_add(1))));
        Some(identifier(&self.run.started()?.run, &self.path, before.saturating_add(call_index)))
    }
}

/// `{output, status, error, duration_ms, cost}` of a step that came to its end.
fn describe(run: &Run, path: &str) -> Option<Value> {
    let recorded = run.step(path);
    let (output, error) = match &recorded.state {
        StepState::Completed { output, .. } => ((**output).clone(), Value::Null),
        StepState::Skipped { .. } | StepState::Stopped { .. } => (Value::Null, Value::Null),
        StepState::Failed { failure, instead } => {
            let output = instead.as_ref().map_or(Value::Null, |output| (**output).clone());
            (output, json!({"code": failure.code, "message": failure.message}))
        }
        _ => return None,
    };
    let took = match (recorded.started_at, recorded.ended_at) {
        (Some(start), Some(end)) => i64::try_from(end.since(start).as_millis()).unwrap_or(i64::MAX),
        _ => 0,
    };
    Some(json!({
        "output": output,
        "status": recorded.state.name(),
        "error": error,
        "duration_ms": took,
        // Dollars, for comparing and showing; the exact amount is in the journal.
        "cost": run.spent_by(path).nanos() as f64 / domain::money::NANOS as f64,
    }))
}

/// The same of a step in a block that was not entered: it is skipped as one whose condition does not hold.
fn not_taken() -> Value {
    json!({"output": null, "status": "skipped", "error": null, "duration_ms": 0, "cost": 0.0})
}

/// The identifier that the `call`th `uuid()` of a step gives: the same whenever it is asked for again
/// (RFC 9562 §5.8, version 8 with a hash of our own making).
fn identifier(run: &str, path: &str, call: u32) -> String {
    let mut hash = Sha256::new();
    for part in ["mandate uuid", run, path] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(call.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_at(16);
    let bits = first.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    [text.get(..8), text.get(8..12), text.get(12..16), text.get(16..20), text.get(20..)].map(Option::unwrap_or_default).join("-")
}
