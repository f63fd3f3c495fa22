//! A run that is only thought through: the core drives it to its end, and whatever would come from outside is a sample.
//!
//! [`simulate`] is a driver without a world. A call gets a sample ([`Script`]), an approval is decided as the script says, a pause is
//! over at once on a clock of its own. Nothing leaves, nothing is stored, and the same script gives the same run. What a run may cost
//! is in [`bounds`].

pub mod bounds;
mod made_up;

use std::{collections::BTreeMap, time::Duration};

use domain::{ApprovalId, Money, Timestamp, call::may_pass, entropy::SeededEntropy};
use serde_json::{Map, Value, json};

use crate::{
    call::{Call, HttpCall},
    core::{CallEffect, CallFailure, Effect, Input, decide, evolve, pending},
    event::{AskedField, Decision, Event, Failure, Started},
    inputs,
    plan::{Plan, StepKind, WaitStep, tree::id_of},
    run::{Run, StepState},
};

/// What a simulation is given: every value that a run would get from outside.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Results of steps by path, or by id for all rounds of a step; they go before all others.
    pub given: BTreeMap<String, Result<Value, Failure>>,
    /// What the file declares with `x-sample`, by id.
    pub declared: BTreeMap<String, Value>,
    /// Results of past runs, by id.
    pub recorded: BTreeMap<String, Recorded>,
    /// How approvals end and whether waits are met, by path or by id; what is not named is agreed to and comes.
    pub decisions: BTreeMap<String, Choice>,
}

/// The result that a step had in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The public id of the run.
    pub run: String,
    /// The result.
    pub output: Value,
}

/// How a person's part goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// They agree; what is waited for comes.
    #[default]
    Approve,
    /// They refuse; what is waited for does not come.
    Reject,
    /// Nobody decides in time, and nothing comes.
    Expire,
}

/// Where a sample is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Whoever simulates gave it.
    Given,
    /// The file declares it.
    Declared,
    /// The run with this public id had it.
    Recorded(String),
    /// It was made to fit what the step declares, and means nothing.
    MadeUp,
}

/// A run that was simulated.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The run as it stands at the end.
    pub run: Run,
    /// Its facts, with the moments of the simulated clock.
    pub journal: Vec<(Timestamp, Event)>,
    /// Where the result of each step is from that got one from outside, by path.
    pub sources: BTreeMap<String, Source>,
    /// How long it would have waited in pauses and for moments.
    pub waited: Duration,
    /// Whether it was stopped before its end because it takes more than [`MOST_TURNS`].
    pub is_cut_short: bool,
}

/// Checks an answer against a JSON Schema; gives what does not fit.
pub type Fits = fn(&Value, &Value) -> Result<(), String>;

/// The most calls, decisions and pauses of a simulation.
pub const MOST_TURNS: usize = 1_000;

/// Drives a run to its end with samples in place of the world. `fits` is how answers of models are checked.
pub fn simulate(plan: &Plan, started: Started, at: Timestamp, script: &Script, fits: Fits) -> Simulation {
    let simulation =
        Simulation { run: Run::new(), journal: Vec::new(), sources: BTreeMap::new(), waited: Duration::ZERO, is_cut_short: false };
    let mut desk = Desk { plan, script, fits, now: at, approvals: 0, simulation };
    desk.feed(Input::Start(started));
    for _ in 0..MOST_TURNS {
        if desk.simulation.run.is_over() || !desk.turn() {
            return desk.simulation;
        }
    }
    desk.simulation.is_cut_short = !desk.simulation.run.is_over();
    desk.simulation
}

struct Desk<'a> {
    plan: &'a Plan,
    script: &'a Script,
    fits: Fits,
    now: Timestamp,
    approvals: u64,
    simulation: Simulation,
}

impl Desk<'_> {
    /// Feeds an input; whether the run heard it.
    fn feed(&mut self, input: Input) -> bool {
        let Ok(events) = decide(self.plan, &self.simulation.run, input, self.now) else { return false };
        for event in events {
            let run = std::mem::take(&mut self.simulation.run);
            self.simulation.run = evolve(run, self.now, &event);
            self.simulation.journal.push((self.now, event));
        }
        true
    }

    /// Gives the run the next thing it waits for; false when there is nothing.
    fn turn(&mut self) -> bool {
        let effects = pending(self.plan, &self.simulation.run);
        let mut later = None;
        for effect in effects {
            match effect {
                Effect::Call(call) => return self.call(&call),
                Effect::Ask { .. } => return self.ask(effect),
                Effect::Child { step, .. } => {
                    let result = self.sample(&step, || Ok(Value::Null));
                    return self.feed(Input::ChildEnded { step, result });
                }
                // Every approval is decided as soon as it is asked.
                Effect::Expire { .. } => {}
                Effect::Timer { at } => later = Some(at),
            }
        }
        if self.signal() {
            return true;
        }
        let Some(at) = later else { return false };
        if at > self.now {
            self.simulation.waited = self.simulation.waited.saturating_add(at.since(self.now));
            self.now = at;
        }
        self.feed(Input::Timer)
    }

    fn call(&mut self, call: &CallEffect) -> bool {
        if let Some(at) = call.not_before.filter(|at| *at > self.now) {
            self.simulation.waited = self.simulation.waited.saturating_add(at.since(self.now));
            self.now = at;
        }
        let model = match &call.call {
            Call::Model(model) => model.model.clone(),
            Call::Http(_) => None,
        };
        let (step, attempt) = (call.step.clone(), call.attempt);
        let dispatched =
            Input::Dispatched { step: step.clone(), attempt, dispatch: call.dispatch, held: None, model, credentials: Vec::new() };
        if !self.feed(dispatched) {
            return false;
        }
        let fits = self.fits;
        let result = self.sample(&step, || made_up::answer(&call.call, fits)).and_then(|sample| as_answered(&call.call, sample, fits));
        let result = result.map_err(|failure| CallFailure { failure, retry_after: None });
        self.feed(Input::Finished { step, attempt, result, charge: None, chance: 0.5 })
    }

    /// Asks and decides at once.
    fn ask(&mut self, effect: Effect) -> bool {
        let Effect::Ask { step, round, request, coverage, expires_in } = effect else { return false };
        self.approvals += 1;
        let approval = ApprovalId::new(self.now, &SeededEntropy::new(self.approvals));
        let fields = self.sample(&step, || Ok(Value::Object(filled(&request.fields))));
        // What is declared may say both: the decision, and what is filled in.
        let (said, fields) = match fields {
            Ok(Value::Object(mut sample)) if sample.contains_key("decision") || sample.contains_key("fields") => {
                (choice_of(sample.get("decision")), sample.remove("fields").and_then(object))
            }
            Ok(sample) => (None, object(sample)),
            Err(_) => (Some(Choice::Reject), None),
        };
        let choice = self.choice(&step).or(said).unwrap_or_default();
        let expires_at = self.now.after(expires_in);
        let digest = "0".repeat(64);
        let asked = Input::ApprovalAsked { step, round, approval, request, coverage, digest, ceiling: Money::ZERO, expires_at };
        if !self.feed(asked) {
            return false;
        }
        let (decision, by) = match choice {
            Choice::Approve => (Decision::Approved, Some(DECIDER.to_owned())),
            Choice::Reject => (Decision::Rejected, Some(DECIDER.to_owned())),
            Choice::Expire => (Decision::Expired, None),
        };
        if choice == Choice::Expire {
            self.simulation.waited = self.simulation.waited.saturating_add(expires_in);
            self.now = expires_at;
        }
        self.feed(Input::ApprovalEnded { approval, decision, by, comment: None, fields: fields.filter(|_| choice == Choice::Approve) })
    }

    /// Lets what a step waits for come; false when no step waits for something that comes.
    fn signal(&mut self) -> bool {
        let waits = self.simulation.run.recorded().filter_map(|(path, step)| match &step.state {
            StepState::Sleeping { signal: Some(signal), .. } => Some((path.to_owned(), signal.clone())),
            _ => None,
        });
        let waits: Vec<(String, String)> = waits.collect();
        for (path, name) in waits {
            if self.choice(&path).unwrap_or_default() != Choice::Approve {
                continue;
            }
            let form = match self.plan.step(id_of(&path)).map(|step| &step.kind) {
                Some(StepKind::Wait(WaitStep::Form { fields, .. })) => Value::Object(made_up::form(fields)),
                _ => Value::Null,
            };
            let payload = self.sample(&path, || Ok(form)).unwrap_or_default();
            return self.feed(Input::Signal { name, payload });
        }
        false
    }

    fn choice(&self, path: &str) -> Option<Choice> {
        self.script.decisions.get(path).or_else(|| self.script.decisions.get(id_of(path))).copied()
    }

    /// What a step gets from outside: what was given, else declared, else recorded, else made up.
    fn sample(&mut self, path: &str, made_up: impl FnOnce() -> Result<Value, Failure>) -> Result<Value, Failure> {
        let (script, id) = (self.script, id_of(path));
        let (sample, source) = if let Some(given) = script.given.get(path).or_else(|| script.given.get(id)) {
            (given.clone(), Source::Given)
        } else if let Some(declared) = script.declared.get(id) {
            (Ok(declared.clone()), Source::Declared)
        } else if let Some(recorded) = script.recorded.get(id) {
            (Ok(recorded.output.clone()), Source::Recorded(recorded.run.clone()))
        } else {
            (made_up(), Source::MadeUp)
        };
        self.simulation.sources.insert(path.to_owned(), source);
        sample
    }
}

/// Who decides in a simulation: an address that no mail reaches (RFC 2606, section 2).
const DECIDER: &str = "somebody@approver.invalid";

fn choice_of(said: Option<&Value>) -> Option<Choice> {
    match said?.as_str()? {
        "approved" => Some(Choice::Approve),
        "rejected" => Some(Choice::Reject),
        "expired" => Some(Choice::Expire),
        _ => None,
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// What somebody would fill in: what stands there, else something that fits where it is needed.
fn filled(fields: &[AskedField]) -> Map<String, Value> {
    let value = |field: &AskedField| match (&field.default, field.required) {
        (Value::Null, false) => Value::Null,
        (Value::Null, true) => made_up::field(field.kind, &field.check),
        (default, _) if inputs::fits(&field.check, default).is_ok() => default.clone(),
        _ => made_up::field(field.kind, &field.check),
    };
    fields.iter().map(|field| (field.name.clone(), value(field))).collect()
}

/// A sample as the call would have given it: an answer of HTTP with all its parts, and a failure where the real one fails.
fn as_answered(call: &Call, sample: Value, fits: Fits) -> Result<Value, Failure> {
    match call {
        Call::Http(http) => http_answer(http, sample),
        Call::Model(model) => {
            let Some(schema) = &model.output_schema else { return Ok(sample) };
            fits(schema, &sample).map(|()| sample).map_err(|why| unfit(&format!("the sample does not fit the output_schema: {why}")))
        }
    }
}

fn unfit(why: &str) -> Failure {
    Failure::last("sample", why.trim_end_matches('.'))
}

/// `{status, headers, body}`, with what is left out of a sample.
fn http_answer(http: &HttpCall, sample: Value) -> Result<Value, Failure> {
    let shape = "the sample of an http.request is an object of `status`, `headers` and `body`";
    let Value::Object(mut parts) = sample else { return Err(unfit(shape)) };
    if parts.is_empty() || parts.keys().any(|name| !matches!(name.as_str(), "status" | "headers" | "body")) {
        return Err(unfit(shape));
    }
    let status = parts.remove("status").unwrap_or_else(|| Value::from(200));
    let status = status.as_u64().and_then(|status| u16::try_from(status).ok()).filter(|status| (100..600).contains(status));
    let status = status.ok_or_else(|| unfit("the `status` of a sample is a number from 100 to 599"))?;
    if !(200..300).contains(&status) && !http.accept_status.contains(&status) {
        // As the real call fails; see `http.request`.
        let message = format!("the sample answers with status {status}");
        return Err(Failure { code: "status".to_owned(), message, retryable: may_pass(status) });
    }
    let headers = parts.remove("headers").unwrap_or_else(|| json!({}));
    Ok(json!({"status": status, "headers": headers, "body": parts.remove("body").unwrap_or_default()}))
}
