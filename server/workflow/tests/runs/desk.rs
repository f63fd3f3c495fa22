//! A driver and a host on a table top: what is fed, what is asked for, and a journal that survives a crash.

use std::time::Duration;

use domain::{ApprovalId, Money, Timestamp, audit::Recorded, entropy::SeededEntropy};
use serde_json::{Map, Value, json};
use workflow::{
    Effect, Event, Input, Plan, Refusal, Run,
    core::{CallEffect, CallFailure},
    coverage::Coverage,
    decide,
    event::{ApprovalRequest, Charge, Decision, Failure, Started},
    evolve, pending,
    run::{End, StepState},
};

pub const RUN: &str = "run_00000000000000000000000001";
pub const START: Timestamp = Timestamp::from_micros(1_795_257_663_000_000);

pub struct Desk {
    pub plan: Plan,
    pub run: Run,
    pub journal: Vec<(Timestamp, Event)>,
    pub now: Timestamp,
    asked: u64,
}

/// A question as the host was given it.
pub struct Question {
    pub round: u32,
    pub request: ApprovalRequest,
    pub coverage: Coverage,
    pub expires_in: Duration,
}

pub fn started(plan: &Plan, inputs: Value) -> Started {
    let Value::Object(given) = inputs else { panic!("inputs have names") };
    Started {
        plan: hex::encode(plan.hash().unwrap()),
        run: RUN.to_owned(),
        number: 7,
        started_by: "dana@acme.test".to_owned(),
        inputs: workflow::inputs::check(plan, &given).unwrap_or_else(|problems| panic!("{problems:?}")),
        vars: vars(),
        tenant_slug: "acme".to_owned(),
        tenant_name: "Acme".to_owned(),
        trigger: Value::Null,
    }
}

fn vars() -> Map<String, Value> {
    let vars = json!({"erp_url": "http://127.0.0.1:4010", "payments_url": "https://pay.example", "tracker_url": "https://tracker.example"});
    let Value::Object(vars) = vars else { return Map::new() };
    vars
}

pub fn failure(code: &str, retryable: bool) -> Failure {
    Failure { code: code.to_owned(), message: format!("it failed with {code}"), retryable }
}

pub fn charge(nanos: i64) -> Charge {
    Charge { cost: Money::from_nanos(nanos), input_tokens: 100, cached_tokens: 0, output_tokens: 10, estimated: false }
}

impl Desk {
    /// Before the start.
    pub fn new(plan: Plan) -> Self {
        Self { plan, run: Run::new(), journal: Vec::new(), now: START, asked: 0 }
    }

    /// Started with these inputs.
    pub fn start(plan: Plan, inputs: Value) -> Self {
        let mut desk = Self::new(plan);
        let started = started(&desk.plan, inputs);
        desk.feed(Input::Start(started));
        desk
    }

    /// Feeds an input; its facts are recorded and the replay of the whole journal is compared with the run.
    pub fn offer(&mut self, input: Input) -> Result<Vec<Event>, Refusal> {
        let events = decide(&self.plan, &self.run, input, self.now)?;
        for event in &events {
            self.run = evolve(std::mem::take(&mut self.run), self.now, event);
            self.journal.push((self.now, event.clone()));
        }
        assert_eq!(self.replayed(), self.run, "replay equals live");
        Ok(events)
    }

    pub fn feed(&mut self, input: Input) -> Vec<Event> {
        let said = format!("{input:?}");
        self.offer(input).unwrap_or_else(|refusal| panic!("{said}: {refusal}"))
    }

    /// The run that the written bytes of the journal make.
    pub fn replayed(&self) -> Run {
        let read: Vec<(Timestamp, Event)> =
            self.journal.iter().map(|(at, event)| (*at, serde_json::from_str(&event.bytes()).unwrap())).collect();
        Run::fold(read.iter().map(|(at, event)| (*at, event)))
    }

    /// Everything in memory is lost; the journal is folded again and the run goes on.
    pub fn crash(&mut self) {
        self.run = self.replayed();
        self.feed(Input::Continue);
    }

    pub fn later(&mut self, by: Duration) {
        self.now = self.now.after(by);
    }

    pub fn effects(&self) -> Vec<Effect> {
        pending(&self.plan, &self.run)
    }

    /// The call that is owed.
    pub fn call(&self) -> CallEffect {
        self.effects()
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Call(call) => Some(call),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no call is owed, the run is {:?}", self.run.phase()))
    }

    /// The steps whose calls are owed and not out, in the order of the file.
    pub fn owed(&self) -> Vec<String> {
        let step = |effect| match effect {
            Effect::Call(call) => Some(call.step),
            _ => None,
        };
        self.effects().into_iter().filter_map(step).filter(|step| self.state(step) != "in_flight").collect()
    }

    /// The call that a step owes.
    pub fn call_of(&self, step: &str) -> CallEffect {
        let found = self.effects().into_iter().find_map(|effect| match effect {
            Effect::Call(call) if call.step == step => Some(call),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{step} is not owed: {:?}, the run is {:?}", self.owed(), self.run.end()))
    }

    /// The call of a step goes out and comes back well; gives what was called.
    pub fn answer_of(&mut self, step: &str, result: Value) -> Value {
        let call = self.call_of(step);
        self.feed(Self::dispatched(&call));
        self.feed(Self::finished(&call, Ok(result), None));
        serde_json::to_value(&call.call).unwrap()
    }

    /// The call of a step goes out and fails for good.
    pub fn fail_of(&mut self, step: &str, code: &str) {
        let call = self.call_of(step);
        self.feed(Self::dispatched(&call));
        self.feed(Self::finished(&call, Err(CallFailure { failure: failure(code, false), retry_after: None }), None));
    }

    /// When the run has to be looked at again.
    pub fn timer(&self) -> Option<Timestamp> {
        self.effects().into_iter().find_map(|effect| match effect {
            Effect::Timer { at } => Some(at),
            _ => None,
        })
    }

    /// Time passes up to the moment that the run named.
    pub fn wait(&mut self) {
        let at = self.timer().unwrap_or_else(|| panic!("nothing has a time, the run is {:?}", self.run.phase()));
        assert!(at >= self.now, "a moment that has passed is no moment to wait for");
        self.now = at;
        self.feed(Input::Timer);
    }

    /// What steps said.
    pub fn said(&self) -> Vec<String> {
        let message = |(_, event): &(Timestamp, Event)| match event {
            Event::Logged { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.journal.iter().filter_map(message).collect()
    }

    pub fn question(&self) -> Question {
        self.effects()
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Ask { round, request, coverage, expires_in, .. } => Some(Question { round, request, coverage, expires_in }),
                _ => None,
            })
            .unwrap_or_else(|| panic!("nothing is to be asked, the run is {:?}", self.run.phase()))
    }

    pub fn dispatched(call: &CallEffect) -> Input {
        Input::Dispatched {
            step: call.step.clone(),
            attempt: call.attempt,
            dispatch: call.dispatch,
            held: None,
            model: None,
            credentials: Vec::new(),
        }
    }

    /// The owed call goes out.
    pub fn dispatch(&mut self) -> CallEffect {
        let call = self.call();
        if let Some(at) = call.not_before {
            self.now = self.now.max(at);
        }
        self.feed(Self::dispatched(&call));
        call
    }

    /// The owed call goes out and comes back well.
    pub fn answer(&mut self, result: Value) -> CallEffect {
        let call = self.dispatch();
        self.later(Duration::from_millis(250));
        self.feed(Self::finished(&call, Ok(result), None));
        call
    }

    /// The owed call goes out and fails.
    pub fn fail(&mut self, code: &str, retryable: bool) -> CallEffect {
        let call = self.dispatch();
        self.feed(Self::finished(&call, Err(CallFailure { failure: failure(code, retryable), retry_after: None }), None));
        call
    }

    pub fn finished(call: &CallEffect, result: Result<Value, CallFailure>, charge: Option<Charge>) -> Input {
        Input::Finished { step: call.step.clone(), attempt: call.attempt, result, charge, chance: 0.5 }
    }

    /// The next row.
    fn row(&mut self) -> ApprovalId {
        self.asked += 1;
        ApprovalId::new(self.now, &SeededEntropy::new(self.asked))
    }

    /// The question is put; gives its row.
    pub fn put(&mut self) -> ApprovalId {
        let approval = self.row();
        let input = self.asked(approval);
        self.feed(input);
        approval
    }

    pub fn asked(&self, approval: ApprovalId) -> Input {
        let Some(Effect::Ask { step, round, request, coverage, expires_in }) =
            self.effects().into_iter().find(|effect| matches!(effect, Effect::Ask { .. }))
        else {
            panic!("nothing is to be asked, the run is {:?}", self.run.phase());
        };
        Input::ApprovalAsked {
            step,
            round,
            approval,
            request,
            coverage,
            digest: "d".repeat(64),
            ceiling: Money::from_nanos(1_000),
            expires_at: self.now.after(expires_in),
        }
    }

    pub fn ended(approval: ApprovalId, decision: Decision) -> Input {
        let by = matches!(decision, Decision::Approved | Decision::Rejected).then(|| "finn@acme.test".to_owned());
        Input::ApprovalEnded { approval, decision, by, comment: None, fields: None }
    }

    /// The question is put and decided.
    pub fn decide(&mut self, decision: Decision) -> ApprovalId {
        let approval = self.put();
        self.feed(Self::ended(approval, decision));
        approval
    }

    /// The kinds of the recorded facts, with their steps.
    pub fn trace(&self) -> Vec<String> {
        self.journal.iter().map(|(_, event)| describe(event)).collect()
    }

    /// The step's result, or what stands for it.
    pub fn output(&self, step: &str) -> Value {
        match &self.run.step(step).state {
            StepState::Completed { output, .. } | StepState::Failed { instead: Some(output), .. } => (**output).clone(),
            other => panic!("{step} is {other:?}"),
        }
    }

    pub fn outputs(&self) -> Value {
        match self.run.end() {
            Some(End::Completed { outputs }) => Value::Object((**outputs).clone()),
            other => panic!("the run is {other:?}"),
        }
    }

    pub fn failed_with(&self) -> (&str, &str) {
        match self.run.end() {
            Some(End::Failed { failure, .. }) => (failure.code.as_str(), failure.message.as_str()),
            other => panic!("the run is {other:?}"),
        }
    }

    pub fn state(&self, step: &str) -> &'static str {
        self.run.step(step).state.name()
    }
}

/// A fact in one line.
pub fn describe(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap();
    let name = value["event"].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| value[field].as_u64().map(|number| format!(" {field} {number}")).unwrap_or_default();
    let word = |field: &str| value[field].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    format!("{name}{}{}{}{}", word("step"), number("attempt"), number("dispatch"), word("decision"))
}
