//! What a yes covers: every step that reaches out and can still run after an approval, up to the next
//! approval that is reached, with all that was known when it was asked.
//!
//! [`compute`] renders the steps to come as far as they are known; [`matches()`] says whether a call that is about
//! to go out is one of those. Both are pure, so that the same question can be put again at any time.
//!
//! In `arguments`, what is not known stands as `{"$unknown": "text with the expressions as they are written"}`,
//! for an address with what it begins with for certain as `"$prefix"`. A known value that itself looks like this, as a value from outside may,
//! stands inside `{"$known": …}`, so that nobody can pass a value off as unknown.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    call::{Call, ModelTask, host_of},
    core::{
        render::{Renderer, Trouble},
        scope::Names,
        step_budget,
    },
    expression::{Expression, Template},
    plan::{
        CredentialPiece, HttpStep, HttpStepBody, ModelStep, Plan, Step, StepKind, TemplateValue,
        tree::{At, NodeId, Place, Tree, prefix_of},
    },
    run::{Run, StepState},
};

const UNKNOWN: &str = "$unknown";
const PREFIX: &str = "$prefix";
const KNOWN: &str = "$known";

/// The steps that a yes covers, in the order they run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// One entry a step.
    pub effects: Vec<CoveredEffect>,
}

/// One covered step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoveredEffect {
    /// The step.
    pub step: String,
    /// Its name for people.
    pub name: String,
    /// `http.request`, `agent.analyze` ...
    pub kind: String,
    /// The condition under which it runs, as its text, when it has one that is not known to hold.
    pub only_if: Option<String>,
    /// The arguments in the JSON form of [`crate::call::Call`]; what is not known yet stands as `{"$unknown": "text of the expression"}`.
    pub arguments: Value,
    /// The key, or the text of its expression in the same form as in `arguments`.
    pub idempotency_key: Value,
    /// `host` or `host:port` it reaches, as far as known; empty for a model, whose host is the provider's.
    pub hosts: Vec<String>,
    /// Names after `cred://`.
    pub credentials: Vec<String>,
    /// For a model: which, as the step or the workflow names it; `None` is the tenant's default.
    pub model: Option<ModelUse>,
    /// How often it may be tried.
    pub max_attempts: u32,
    /// The names that are not known yet, such as `payment` or `now()`, in alphabetical order.
    pub unknown: Vec<String>,
}

/// What a covered prompt may cost, as far as the plan says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUse {
    /// `provider/model`, a model's name, or `None` for the tenant's default.
    pub model: Option<String>,
    /// Bytes of system prompt, prompt and schema, when all are known.
    pub prompt_bytes: Option<u64>,
    /// The most tokens of the answer; `None` is the model's own limit.
    pub max_tokens: Option<u32>,
    /// The most the step may spend, when it has a budget: the bound when the prompt is not known.
    pub budget: Option<domain::Money>,
}

/// What a yes to the approval step with that path would cover now; nothing when the plan has no such step. The coverage goes
/// on past a later approval that may not be reached, since the run may then come to steps beyond it under this yes; it ends at one
/// that is certain to be reached.
///
/// A step in a loop that is still to come is covered for all its rounds at once: what depends on the round is not known. What takes
/// a step back, or stands in for one that failed, is covered as what may follow.
pub fn compute(plan: &Plan, run: &Run, approval: &str) -> Coverage {
    let tree = Tree::of(plan);
    let Some(at) = tree.at(approval) else { return Coverage::default() };
    let mut ahead = Ahead { plan, tree: &tree, run, found: Vec::new(), seen: BTreeSet::new() };
    ahead.after(&at);
    ahead.that_was_done();
    // The order of the file.
    ahead.found.sort_by_key(|(node, _)| *node);
    Coverage { effects: ahead.found.into_iter().map(|(_, effect)| effect).collect() }
}

/// The steps to come after an approval.
struct Ahead<'a> {
    plan: &'a Plan,
    tree: &'a Tree<'a>,
    run: &'a Run,
    found: Vec<(NodeId, CoveredEffect)>,
    seen: BTreeSet<NodeId>,
}

/// Whether what stands behind something can be reached under the same yes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It can.
    On,
    /// An approval is certain to be asked before.
    Ends,
}

impl Ahead<'_> {
    /// Everything that can follow a step: in its list, then what follows the steps around it.
    fn after(&mut self, from: &At) {
        let mut at = from.clone();
        loop {
            let later: Vec<NodeId> =
                self.tree.siblings(at.node).iter().copied().filter(|other| self.tree.comes_before(at.node, *other)).collect();
            if self.list(&later, Some(&at.prefix)) == Reach::Ends {
                return;
            }
            let Some((outer, _)) = self.tree.around(&at) else { return };
            let blocks = self.tree.get(outer.node).map(|node| node.blocks.clone()).unwrap_or_default();
            match (self.tree.step(outer.node).map(|step| &step.kind), self.tree.get(at.node).map(|node| node.place)) {
                // Further rounds of a loop that goes round by round, up to the approval itself.
                (Some(StepKind::While(_)), _) => {
                    for list in &blocks {
                        self.list(list, None);
                    }
                }
                (Some(StepKind::Try(_)), Some(Place::Block { block, .. })) => {
                    for list in blocks.iter().skip(block + 1) {
                        self.list(list, Some(&outer.prefix));
                    }
                }
                _ => {}
            }
            at = outer;
        }
    }

    /// A list of steps; `prefix` is that of the round they will run in, when it is known.
    fn list(&mut self, list: &[NodeId], prefix: Option<&str>) -> Reach {
        for node in list {
            if self.step(*node, prefix) == Reach::Ends {
                return Reach::Ends;
            }
        }
        Reach::On
    }

    fn step(&mut self, node: NodeId, prefix: Option<&str>) -> Reach {
        let (tree, run, plan) = (self.tree, self.run, self.plan);
        let Some(step) = tree.step(node) else { return Reach::On };
        let at = At { node, prefix: prefix.unwrap_or(ANY_ROUND).to_owned() };
        if prefix.is_some() && run.step(&tree.path(&at)).state.is_settled() {
            return Reach::On;
        }
        let sketch = Sketch { plan, renderer: Renderer::new(Names::ahead(tree, run, &at)), unknown: Vec::new() };
        let only_if = match sketch.certain(step.condition.as_ref()) {
            Some(false) => return Reach::On,
            Some(true) => None,
            None => step.condition.as_ref().map(|condition| condition.source().to_owned()),
        };
        for inside in step.on_error.fallbacks() {
            if let Some(fallback) = tree.find(&inside.id) {
                self.step(fallback, prefix);
            }
        }
        let certain = only_if.is_none() && prefix.is_some();
        match &step.kind {
            StepKind::Approval(_) if certain => return Reach::Ends,
            StepKind::Http(http) => self.cover(node, sketch.http(run, &at, step, http, only_if)),
            StepKind::Model(model) => self.cover(node, sketch.model(run, &at, step, model, only_if)),
            StepKind::If(planned) => {
                let taken = sketch.certain(Some(&planned.test)).map(|holds| usize::from(!holds));
                return self.blocks(node, prefix, taken.filter(|_| certain), step);
            }
            StepKind::Switch(_) | StepKind::Parallel(_) | StepKind::Try(_) => return self.blocks(node, prefix, None, step),
            StepKind::ForEach(_) | StepKind::While(_) => {
                self.blocks(node, None, None, step);
            }
            _ => {}
        }
        Reach::On
    }

    /// The blocks of a step, or the one that is certain to be taken.
    fn blocks(&mut self, node: NodeId, prefix: Option<&str>, only: Option<usize>, step: &Step) -> Reach {
        let blocks = self.tree.get(node).map(|node| node.blocks.clone()).unwrap_or_default();
        if let Some(taken) = only {
            return blocks.get(taken).map_or(Reach::On, |list| self.list(list, prefix));
        }
        let mut ends = Vec::with_capacity(blocks.len());
        for list in &blocks {
            ends.push(self.list(list, prefix) == Reach::Ends);
        }
        // What stands behind is reached under this yes unless every way there asks.
        let all_ask = match &step.kind {
            StepKind::If(_) => !ends.is_empty() && ends.iter().all(|ends| *ends),
            _ => false,
        };
        if all_ask && prefix.is_some() && step.condition.is_none() { Reach::Ends } else { Reach::On }
    }

    /// What takes back the steps that are done or covered: a later failure may bring it about.
    fn that_was_done(&mut self) {
        let covered = std::mem::take(&mut self.seen);
        for (node, planned) in self.tree.nodes() {
            let Some(compensation) = planned.compensation else { continue };
            let done: Vec<String> = self
                .run
                .recorded()
                .filter(|(path, recorded)| {
                    matches!(recorded.state, StepState::Completed { .. }) && self.tree.at(path).is_some_and(|at| at.node == node)
                })
                .map(|(path, _)| prefix_of(path).to_owned())
                .collect();
            match done.as_slice() {
                [only] if !covered.contains(&node) => {
                    self.step(compensation, Some(only));
                }
                [] if !covered.contains(&node) => {}
                _ => {
                    self.step(compensation, None);
                }
            }
        }
    }

    fn cover(&mut self, node: NodeId, effect: CoveredEffect) {
        if self.seen.insert(node) {
            self.found.push((node, effect));
        } else if let Some((_, known)) = self.found.iter_mut().find(|(other, _)| *other == node) {
            // Reached in more than one way: what is less known covers both.
            if known.unknown.len() < effect.unknown.len() {
                *known = effect;
            }
        }
    }
}

/// A prefix that no round has: names of rounds are not known in it.
const ANY_ROUND: &str = "?/";

/// One step to come, as far as it is known.
struct Sketch<'a> {
    plan: &'a Plan,
    renderer: Renderer<'a>,
    unknown: Vec<String>,
}

impl Sketch<'_> {
    /// Whether a condition holds, as far as that is certain already.
    fn certain(&self, condition: Option<&Expression>) -> Option<bool> {
        // One that can only fail is left to fail when it is reached.
        condition.map_or(Some(true), |condition| self.renderer.condition(condition).ok())
    }

    fn http(mut self, run: &Run, at: &At, step: &Step, http: &HttpStep, only_if: Option<String>) -> CoveredEffect {
        let hosts = self.hosts(&http.url);
        let url = self.url(&http.url);
        let headers: Vec<Value> = http
            .headers
            .iter()
            .map(|(name, pieces)| {
                let pieces: Vec<Value> = pieces.iter().map(|piece| self.header_piece(name, piece)).collect();
                json!([name, pieces])
            })
            .collect();
        let query = self.pairs(&http.query);
        let body = match &http.body {
            HttpStepBody::None => json!("none"),
            HttpStepBody::Json(value) => json!({"json": self.json(value)}),
            HttpStepBody::Text(template) => json!({"text": self.scalar(template)}),
            HttpStepBody::Form(fields) => json!({"form": self.pairs(fields)}),
        };
        let arguments = json!({
            "call": "http",
            "method": http.method,
            "url": url,
            "headers": headers,
            "query": query,
            "body": body,
            "accept_status": http.accept_status,
            "follow_redirects": http.follow_redirects,
        });
        let credentials = http.headers.iter().flat_map(|(_, pieces)| pieces).filter_map(|piece| match piece {
            CredentialPiece::Credential(name) => Some(name.clone()),
            CredentialPiece::Text(_) => None,
        });
        let credentials = credentials.collect();
        self.effect(Whereto { run, at, step, only_if, hosts, credentials, model: None }, arguments)
    }

    fn model(mut self, run: &Run, at: &At, step: &Step, model: &ModelStep, only_if: Option<String>) -> CoveredEffect {
        let system = model.system.as_ref().map(|system| self.scalar(system));
        let prompt = self.scalar(&model.prompt);
        let named = model.model.clone().or_else(|| self.plan.default_model.clone());
        let texts = [system.as_ref(), Some(&prompt)].into_iter().flatten().map(|text| text.as_str().map(str::len));
        let schema = model.output_schema.as_ref().map_or(0, |schema| schema.to_string().len());
        let prompt_bytes = texts.sum::<Option<usize>>().map(|bytes| bytes.saturating_add(schema) as u64);
        let arguments = json!({
            "call": "model",
            "task": match model.task {
                ModelTask::Generate => "generate",
                ModelTask::Analyze => "analyze",
                ModelTask::Chat => "chat",
            },
            "model": named,
            "system": system,
            "prompt": prompt,
            "output_schema": model.output_schema,
            "max_tokens": model.max_tokens,
            "temperature": model.temperature,
        });
        let budget = step_budget(self.plan, step);
        let model = Some(ModelUse { model: named, prompt_bytes, max_tokens: model.max_tokens, budget });
        self.effect(Whereto { run, at, step, only_if, hosts: Vec::new(), credentials: Vec::new(), model }, arguments)
    }

    fn effect(mut self, to: Whereto<'_>, arguments: Value) -> CoveredEffect {
        let Whereto { run, at, step, only_if, hosts, credentials, model } = to;
        let started = run.started().map(|started| started.run.as_str()).unwrap_or_default();
        let path = format!("{}{}", at.prefix, step.id);
        let in_any_round = at.prefix == ANY_ROUND && step.idempotency_key.is_none();
        let idempotency_key = match self.renderer.idempotency_key(started, &path, step) {
            Ok(_) if in_any_round => json!({UNKNOWN: "the run and the path of the step"}),
            Ok(key) => Value::String(key),
            Err(_) => self.not_known(&step.idempotency_key.iter().collect::<Vec<_>>()),
        };
        self.unknown.sort_unstable();
        self.unknown.dedup();
        let mut effect = CoveredEffect {
            step: step.id.clone(),
            name: step.name.clone(),
            kind: step.kind.name().to_owned(),
            only_if,
            arguments,
            idempotency_key,
            hosts,
            credentials,
            model,
            max_attempts: step.retry.max_attempts,
            unknown: self.unknown,
        };
        // What was sent already is known to the letter, whatever the plan says of it now.
        if let StepState::Calling(calling) = &run.step(&path).state
            && let Ok(arguments) = serde_json::to_value(&calling.prepared.call)
        {
            effect.arguments = known(arguments);
            effect.idempotency_key = Value::String(calling.prepared.idempotency_key.clone());
            effect.hosts = calling.prepared.call.host().into_iter().collect();
            effect.only_if = None;
            effect.unknown = Vec::new();
        }
        effect
    }

    /// The place of templates whose value is not known yet, or that can only fail when they are reached.
    fn not_known(&mut self, templates: &[&Template]) -> Value {
        let mut texts = Vec::new();
        for template in templates {
            let (text, names) = match self.renderer.as_far_as_known(template) {
                Some(known) => known,
                None => (template.source().to_owned(), vec![template.source().to_owned()]),
            };
            texts.push(text);
            self.unknown.extend(names);
        }
        json!({UNKNOWN: texts.join(", ")})
    }

    fn leaf(&mut self, value: Result<Value, Trouble>, templates: &[&Template]) -> Value {
        match value {
            Ok(value) => known(value),
            Err(_) => self.not_known(templates),
        }
    }

    fn scalar(&mut self, template: &Template) -> Value {
        let value = self.renderer.scalar(template, "").map(Value::String);
        self.leaf(value, &[template])
    }

    fn url(&mut self, template: &Template) -> Value {
        if let Ok(url) = self.renderer.url(template) {
            return Value::String(url);
        }
        let mut place = self.not_known(&[template]);
        if let (Value::Object(place), Some(prefix)) = (&mut place, self.known_prefix(template)) {
            place.insert(PREFIX.to_owned(), Value::String(prefix));
        }
        place
    }

    /// What an address begins with for certain. Every expression that is not known stands in its braces, so
    /// nothing before the first braces is one; braces in a known value only make the beginning shorter.
    fn known_prefix(&self, template: &Template) -> Option<String> {
        let (text, _) = self.renderer.as_far_as_known(template)?;
        let end = text.find("{{").into_iter().chain(text.find("{%")).min()?;
        text.get(..end).map(str::to_owned)
    }

    /// The host of an address whose authority is known, though its path may not be.
    fn hosts(&self, template: &Template) -> Vec<String> {
        let known = match self.renderer.url(template) {
            Ok(url) => Some(url),
            Err(_) => self.known_prefix(template).filter(|prefix| authority_ends(prefix)),
        };
        known.as_deref().and_then(host_of).into_iter().collect()
    }

    fn header_piece(&mut self, name: &str, piece: &CredentialPiece) -> Value {
        match piece {
            CredentialPiece::Credential(credential) => json!({"credential": credential}),
            CredentialPiece::Text(template) => match self.renderer.header_piece(name, piece) {
                Ok(crate::call::Piece::Text(text)) => json!({"text": text}),
                _ => self.not_known(&[template]),
            },
        }
    }

    fn pairs(&mut self, pairs: &[(String, TemplateValue)]) -> Value {
        let pairs = pairs.iter().map(|(name, value)| {
            let text = self.renderer.json_scalar(value, "").map(Value::String);
            let text = self.leaf(text, &templates_of(value));
            json!([name, text])
        });
        Value::Array(pairs.collect())
    }

    fn json(&mut self, value: &TemplateValue) -> Value {
        match value {
            TemplateValue::Literal(value) => known(value.clone()),
            TemplateValue::Template(template) => {
                let value = self.renderer.value(template, "");
                self.leaf(value, &[template])
            }
            TemplateValue::List(items) => Value::Array(items.iter().map(|item| self.json(item)).collect()),
            TemplateValue::Map(fields) => {
                let object: Map<String, Value> = fields.iter().map(|(name, field)| (name.clone(), self.json(field))).collect();
                // A field of the file that is called like one of our marks: fix the object when all of it is
                // known, and take it for unknown otherwise.
                if object.keys().any(|name| is_mark(name)) {
                    let whole = self.renderer.json(value, "");
                    return self.leaf(whole, &templates_of(value));
                }
                Value::Object(object)
            }
        }
    }
}

/// Which step it is, where it goes, and with what.
struct Whereto<'a> {
    run: &'a Run,
    at: &'a At,
    step: &'a Step,
    only_if: Option<String>,
    hosts: Vec<String>,
    credentials: Vec<String>,
    model: Option<ModelUse>,
}

/// The templates inside a value.
fn templates_of(value: &TemplateValue) -> Vec<&Template> {
    match value {
        TemplateValue::Literal(_) => Vec::new(),
        TemplateValue::Template(template) => vec![template],
        TemplateValue::List(items) => items.iter().flat_map(templates_of).collect(),
        TemplateValue::Map(fields) => fields.iter().flat_map(|(_, field)| templates_of(field)).collect(),
    }
}

/// Whether a prefix of an address says all of its host and port.
fn authority_ends(prefix: &str) -> bool {
    prefix.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
}

fn is_mark(name: &str) -> bool {
    name == UNKNOWN || name == KNOWN
}

/// A known value, wrapped when it looks like one of our marks.
fn known(value: Value) -> Value {
    if has_mark(&value) { json!({KNOWN: value}) } else { value }
}

fn has_mark(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, field)| is_mark(name) || has_mark(field)),
        Value::Array(items) => items.iter().any(has_mark),
        _ => false,
    }
}

/// Whether a call that is about to go out, under its key, is what was approved: everything that was known is as
/// it was, and its host and its credentials are among those approved.
///
/// # Errors
/// What differs, as a sentence that holds no value.
pub fn matches(effect: &CoveredEffect, call: &Call, idempotency_key: &str) -> Result<(), String> {
    let actual = serde_json::to_value(call).map_err(|_| "the call cannot be compared".to_owned())?;
    same(&effect.arguments, &actual, "the call")?;
    same(&effect.idempotency_key, &Value::String(idempotency_key.to_owned()), "the idempotency key")?;
    match call {
        Call::Http(http) => {
            let host = host_of(&http.url).ok_or_else(|| "the address has no host".to_owned())?;
            if !effect.hosts.contains(&host) {
                return Err(format!("the host {host} is not among those approved"));
            }
        }
        Call::Model(_) if effect.model.is_none() => return Err("no prompt was approved".to_owned()),
        Call::Model(_) => {}
    }
    match call.credentials().into_iter().find(|name| !effect.credentials.iter().any(|approved| approved == name)) {
        Some(name) => Err(format!("the credential {name} is not among those approved")),
        None => Ok(()),
    }
}

/// Whether what is known of the expected value is so in the actual one.
fn same(expected: &Value, actual: &Value, place: &str) -> Result<(), String> {
    let differs = || Err(format!("{place} is not as it was approved"));
    match (expected, actual) {
        (Value::Object(mark), _) if mark.contains_key(UNKNOWN) => match mark.get(PREFIX) {
            None => Ok(()),
            Some(prefix) => match (prefix.as_str(), actual.as_str()) {
                (Some(prefix), Some(actual)) if actual.starts_with(prefix) => Ok(()),
                _ => differs(),
            },
        },
        (Value::Object(mark), _) if mark.contains_key(KNOWN) => {
            if mark.get(KNOWN) == Some(actual) {
                Ok(())
            } else {
                differs()
            }
        }
        (Value::Object(expected), Value::Object(actual)) => {
            if expected.len() != actual.len() {
                return differs();
            }
            for (name, field) in expected {
                let place = format!("{place}.{name}");
                match actual.get(name) {
                    Some(actual) => same(field, actual, &place)?,
                    None => return Err(format!("{place} is missing")),
                }
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                return differs();
            }
            expected
                .iter()
                .zip(actual)
                .enumerate()
                .try_for_each(|(at, (expected, actual))| same(expected, actual, &format!("{place}[{at}]")))
        }
        (expected, actual) if expected == actual => Ok(()),
        _ => differs(),
    }
}
