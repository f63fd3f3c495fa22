//! The most that a run can take: calls, tokens and money, each of them or nothing where no bound is known.
//!
//! Counted is what the plan allows: every attempt, every round that a loop may take, the dearer one of two branches, what stands in for
//! a step that fails and what takes it back. What a price is, the caller knows. Not counted is what nobody plans: a call that is sent
//! again because the process died while it was out.

use std::collections::BTreeSet;

use domain::{Money, Timestamp};
use serde_json::Value;

use crate::{
    core::{evolve, render::Renderer, scope::Names, step_budget},
    coverage::ModelUse,
    event::{Event, Started},
    expression::{Expression, Reference, Template},
    plan::{
        ChatStep, Per, Plan, Step, StepKind,
        tree::{At, NodeId, Tree},
    },
    run::Run,
};

/// The most of each; `None` cannot be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Calls to the outside.
    pub calls: Option<u64>,
    /// Tokens read and written.
    pub tokens: Option<u64>,
    /// What it costs.
    pub cost: Option<Money>,
}

impl Most {
    /// Nothing at all.
    pub const NOTHING: Self = Self { calls: Some(0), tokens: Some(0), cost: Some(Money::ZERO) };
    /// No bound is known.
    pub const UNKNOWN: Self = Self { calls: None, tokens: None, cost: None };

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls.zip(other.calls).and_then(|(a, b)| a.checked_add(b)),
            tokens: self.tokens.zip(other.tokens).and_then(|(a, b)| a.checked_add(b)),
            cost: self.cost.zip(other.cost).and_then(|(a, b)| a.checked_add(b)),
        }
    }

    /// One of the two, whichever it will be.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            calls: self.calls.zip(other.calls).map(|(a, b)| a.max(b)),
            tokens: self.tokens.zip(other.tokens).map(|(a, b)| a.max(b)),
            cost: self.cost.zip(other.cost).map(|(a, b)| a.max(b)),
        }
    }

    /// So many times; nothing stays nothing however often.
    #[must_use]
    pub fn times(self, times: Option<u64>) -> Self {
        let count = |of: Option<u64>| if of == Some(0) { of } else { of?.checked_mul(times?) };
        Self {
            calls: count(self.calls),
            tokens: count(self.tokens),
            cost: if self.cost == Some(Money::ZERO) { self.cost } else { self.cost.zip(times).and_then(|(cost, times)| cost.times(times)) },
        }
    }

    fn within(self, budget: Option<Money>) -> Self {
        Self { cost: self.cost.into_iter().chain(budget).min(), ..self }
    }
}

/// A step that reaches out, and the most that it can take.
#[derive(Debug, Clone, PartialEq)]
pub struct StepBound {
    /// Its id.
    pub step: String,
    /// Its name for people.
    pub name: String,
    /// `http.request`, `agent.analyze` …
    pub kind: &'static str,
    /// How often it is taken at most, through the loops around it; `None` cannot be bounded, 0 is certain not to be taken.
    pub times: Option<u64>,
    /// How often each of them is tried at most.
    pub attempts: u32,
    /// For a prompt: where it goes and how long it is.
    pub prompt: Option<ModelUse>,
    /// One attempt.
    pub once: Most,
    /// All of them.
    pub most: Most,
}

/// The bounds of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// Of each step that reaches out, in the order of the file.
    pub steps: Vec<StepBound>,
    /// Of the run as a whole: of what excludes each other the dearer, and not more than its budget.
    pub run: Most,
}

/// The most tokens and money of one attempt of a prompt; nothing where that is not known.
pub type Price<'a> = &'a dyn Fn(&ModelUse) -> (Option<u64>, Option<Money>);

/// The bounds of a run that starts like this. `inputs_known` is false when the inputs in `started` are not what will be given: then
/// what depends on them is not known. `price` is asked for every prompt.
pub fn of(plan: &Plan, mut started: Started, at: Timestamp, inputs_known: bool, price: Price<'_>) -> Bounds {
    // A prompt may say the number, and no number is longer.
    started.number = i64::MAX;
    let run = evolve(Run::new(), at, &Event::Started(started));
    let tree = Tree::of(plan);
    let mut walk = Walk { plan, tree: &tree, run: &run, inputs_known, price, steps: Vec::new() };
    let all = walk.list(tree.root(), Some(""), Some(1));
    let mut steps = walk.steps;
    steps.sort_by_key(|(node, _)| *node);
    let budget = plan.budget.filter(|budget| budget.per == Per::Run).map(|budget| budget.limit);
    Bounds { steps: steps.into_iter().map(|(_, step)| step).collect(), run: all.within(budget) }
}

/// A prefix that no round has: names of rounds are not known in it.
const ANY_ROUND: &str = "?/";

struct Walk<'a> {
    plan: &'a Plan,
    tree: &'a Tree<'a>,
    run: &'a Run,
    inputs_known: bool,
    price: Price<'a>,
    steps: Vec<(NodeId, StepBound)>,
}

impl<'a> Walk<'a> {
    /// What a list takes in one round. `prefix` is nothing in a round that is not known, `times` how often the list is taken in all.
    fn list(&mut self, list: &[NodeId], prefix: Option<&str>, times: Option<u64>) -> Most {
        list.iter().fold(Most::NOTHING, |all, node| all.and(self.step(*node, prefix, times)))
    }

    fn step(&mut self, node: NodeId, prefix: Option<&str>, times: Option<u64>) -> Most {
        let Some((step, planned)) = self.tree.step(node).zip(self.tree.get(node)) else { return Most::NOTHING };
        let holds = step.condition.as_ref().map_or(Some(true), |condition| self.holds(node, prefix, condition));
        let times = if holds == Some(false) { Some(0) } else { times };
        let blocks = &planned.blocks;
        let block = |index: usize| blocks.get(index).map_or(&[][..], Vec::as_slice);
        let taken = match &step.kind {
            StepKind::Http(_) => {
                let once = Most { calls: Some(1), ..Most::NOTHING };
                self.reaches(node, (step, once, None), times)
            }
            StepKind::Model(model) => {
                let texts = [model.system.as_ref(), Some(&model.prompt)].into_iter().flatten();
                let schema = model.output_schema.as_ref().map_or(0, |schema| schema.to_string().len());
                let bytes = self.bytes(node, prefix, texts).map(|bytes| bytes.saturating_add(schema as u64));
                self.prompt(node, step, (model.model.as_ref(), bytes, model.max_tokens), times)
            }
            StepKind::Chat(ChatStep { model, max_tokens, .. }) => self.prompt(node, step, (model.as_ref(), None, *max_tokens), times),
            StepKind::Script(_) | StepKind::Mail(_) => self.reaches(node, (step, Most { calls: Some(1), ..Most::NOTHING }, None), times),
            StepKind::Workflow(_) => self.reaches(node, (step, Most::UNKNOWN, None), times),
            StepKind::If(planned) => match self.holds(node, prefix, &planned.test) {
                Some(holds) => {
                    let (taken, other) = (usize::from(!holds), usize::from(holds));
                    self.list(block(other), prefix, Some(0));
                    self.list(block(taken), prefix, times)
                }
                None => self.list(block(0), prefix, times).or(self.list(block(1), prefix, times)),
            },
            StepKind::Switch(_) => blocks.iter().fold(Most::NOTHING, |most, list| most.or(self.list(list, prefix, times))),
            StepKind::ForEach(planned) => {
                let rounds = self.length(node, prefix, &planned.items);
                self.list(block(0), None, product(times, rounds)).times(rounds)
            }
            StepKind::While(planned) => {
                let rounds = Some(u64::from(planned.max_iterations));
                self.list(block(0), None, product(times, rounds)).times(rounds)
            }
            _ => blocks.iter().fold(Most::NOTHING, |all, list| all.and(self.list(list, prefix, times))),
        };
        // Of what may stand in for it one is taken; what takes it back is taken once for each time that it was done.
        let mut instead = Most::NOTHING;
        for fallback in step.on_error.fallbacks() {
            if let Some(node) = self.tree.find(&fallback.id) {
                instead = instead.or(self.step(node, prefix, times));
            }
        }
        let back = planned.compensation.map_or(Most::NOTHING, |node| self.step(node, prefix, times));
        if holds == Some(false) { Most::NOTHING } else { taken.and(instead).and(back) }
    }

    fn prompt(
        &mut self,
        node: NodeId,
        step: &'a Step,
        (model, prompt_bytes, max_tokens): (Option<&String>, Option<u64>, Option<u32>),
        times: Option<u64>,
    ) -> Most {
        let model = model.or(self.plan.default_model.as_ref()).cloned();
        let prompt = ModelUse { model, prompt_bytes, max_tokens, budget: step_budget(self.plan, step) };
        let (tokens, cost) = (self.price)(&prompt);
        self.reaches(node, (step, Most { calls: Some(1), tokens, cost }, Some(prompt)), times)
    }

    /// Notes a step that reaches out; gives what one time of it takes.
    fn reaches(&mut self, node: NodeId, (step, once, prompt): (&'a Step, Most, Option<ModelUse>), times: Option<u64>) -> Most {
        let attempts = step.retry.max_attempts;
        let each = once.times(Some(u64::from(attempts))).within(step_budget(self.plan, step));
        let (step, name, kind) = (step.id.clone(), step.name.clone(), step.kind.name());
        let most = if times == Some(0) { Most::NOTHING } else { each.times(times) };
        self.steps.push((node, StepBound { step, name, kind, times, attempts, prompt, once, most }));
        each
    }

    fn renderer(&self, node: NodeId, prefix: Option<&str>) -> Renderer<'a> {
        let at = At { node, prefix: prefix.unwrap_or(ANY_ROUND).to_owned() };
        Renderer::new(Names::ahead(self.tree, self.run, &at))
    }

    /// Whether all these names can be known before the run. In a round that is not known only those are that no step changes.
    fn knows(&self, prefix: Option<&str>, names: &BTreeSet<Reference>) -> bool {
        names.iter().all(|name| {
            let is_input = name.root == "inputs" || self.plan.inputs.iter().any(|input| input.name == name.root);
            let is_fixed = matches!(name.root.as_str(), "inputs" | "vars" | "tenant" | "run");
            (self.inputs_known || !is_input) && (prefix.is_some() || is_fixed)
        })
    }

    /// Whether a condition is certain to hold, or not to.
    fn holds(&self, node: NodeId, prefix: Option<&str>, condition: &Expression) -> Option<bool> {
        if !self.knows(prefix, &condition.names()) {
            return None;
        }
        self.renderer(node, prefix).condition(condition).ok()
    }

    /// The length of a list that is known before the run.
    fn length(&self, node: NodeId, prefix: Option<&str>, items: &Expression) -> Option<u64> {
        if !self.knows(prefix, &items.names()) {
            return None;
        }
        match self.renderer(node, prefix).expression(items, "items").ok()? {
            Value::Array(items) => u64::try_from(items.len()).ok(),
            _ => None,
        }
    }

    /// How long texts are that are known before the run.
    fn bytes<'t>(&self, node: NodeId, prefix: Option<&str>, texts: impl Iterator<Item = &'t Template>) -> Option<u64> {
        let renderer = self.renderer(node, prefix);
        let length = |text: &Template| {
            if !self.knows(prefix, &text.names()) {
                return None;
            }
            u64::try_from(renderer.scalar(text, "prompt").ok()?.len()).ok()
        };
        texts.map(length).sum()
    }
}

fn product(times: Option<u64>, rounds: Option<u64>) -> Option<u64> {
    if times == Some(0) || rounds == Some(0) { Some(0) } else { times?.checked_mul(rounds?) }
}
