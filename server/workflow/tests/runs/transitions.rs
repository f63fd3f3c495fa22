//! Every input in every state, as a text that is committed beside the tests: a change of behaviour is a line
//! of a diff. `UPDATE_EXPECT=1 cargo test -p workflow` writes it anew.

use std::{fmt::Write, time::Duration};

use domain::{ApprovalId, Money, entropy::SeededEntropy};
use serde_json::json;
use workflow::{
    Effect, Input, Plan,
    core::CallFailure,
    coverage::Coverage,
    event::{Decision, Park},
    run::Phase,
};

use crate::{
    blocks,
    desk::{Desk, describe, failure, started},
    plans::{With, ask, get, plan, post, step},
};

const EXPECTED: &str = include_str!("../transitions.txt");

fn example() -> Plan {
    Plan {
        time_limit: Some(Duration::from_hours(24)),
        ..plan(vec![
            step("read", get("https://a.example/x")).sets("page").tries(2),
            step("ask", ask("Pay?")).sets("agreed"),
            step("pay", post("https://pay.example/payments", Some("desk"), json!({"amount": "{{ page.amount }}"}))),
        ])
    }
}

/// Steps of every kind that rests otherwise than a call or a question does: it waits, has steps inside, takes back, or is
/// another workflow.
fn blocks_example() -> Plan {
    blocks::steps(
        "
- {id: heard, type: wait, mode: signal, signal: go, expires_in: 1h}
- id: make
  action: http.request
  inputs: {method: POST, url: \"https://a.example/make\"}
  compensate: {id: undo, action: http.request, inputs: {method: DELETE, url: \"https://a.example/make\"}}
- {id: pause, type: wait, duration: 1m}
- id: both
  type: parallel
  branches:
    - {id: left, steps: [{id: a, action: http.request, inputs: {method: GET, url: \"https://a.example/a\"}}]}
    - {id: right, steps: [{id: b, action: http.request, inputs: {method: GET, url: \"https://a.example/b\"}}]}
- {id: child, type: workflow, workflow: other, on_error: rollback}",
    )
}

const STEPS: [&str; 3] = ["read", "ask", "pay"];
const BLOCKS: [&str; 8] = ["heard", "make", "pause", "both", "a", "b", "child", "undo"];

/// Every state that a run of [`blocks_example`] can rest in beyond those of [`example`].
fn states_of_blocks() -> Vec<(&'static str, Desk)> {
    let begun = || Desk::start(blocks_example(), json!({}));
    let heard = || {
        let mut desk = begun();
        desk.feed(signal("go"));
        desk
    };
    let made = || {
        let mut desk = heard();
        desk.answer_of("make", json!({"status": 200}));
        desk
    };
    let side_by_side = || {
        let mut desk = made();
        desk.wait();
        desk
    };
    let with = |mut desk: Desk, change: &dyn Fn(&mut Desk)| {
        change(&mut desk);
        desk
    };
    let child = || {
        let mut desk = side_by_side();
        desk.answer_of("a", json!({"status": 200}));
        desk.answer_of("b", json!({"status": 200}));
        desk
    };
    let undoing = || {
        let mut desk = child();
        desk.feed(child_ended(Err(failure("refused", false))));
        desk
    };
    vec![
        ("a signal is waited for", begun()),
        ("a call that can be taken back is ready", heard()),
        ("a pause", made()),
        ("two branches are ready", side_by_side()),
        ("one branch is done, a call of the other is in flight", {
            let mut desk = side_by_side();
            desk.answer_of("a", json!({"status": 200}));
            desk.dispatch();
            desk
        }),
        ("paused, a call is in flight", {
            let mut desk = side_by_side();
            desk.dispatch();
            desk.feed(Input::Pause { by: "dana@acme.test".to_owned(), reason: None });
            desk
        }),
        ("another workflow runs", child()),
        ("what was done is taken back, the call is ready", undoing()),
        ("what was done is taken back, the call is in flight", with(undoing(), &|desk| drop(desk.dispatch()))),
        ("it was taken back", with(undoing(), &|desk| drop(desk.answer_of("undo", json!({"status": 204}))))),
        ("a cancel takes back what was done", with(child(), &|desk| drop(desk.feed(cancel(true))))),
    ]
}

fn signal(name: &str) -> Input {
    Input::Signal { name: name.to_owned(), payload: json!({}) }
}

fn child_ended(result: Result<serde_json::Value, workflow::event::Failure>) -> Input {
    Input::ChildEnded { step: "child".to_owned(), result }
}

fn cancel(compensate: bool) -> Input {
    Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate }
}

/// Every input that [`example`] is not tried with, and those of calls for the first that is out or owed.
fn inputs_of_blocks(desk: &Desk) -> Vec<(&'static str, Input)> {
    let call = desk.effects().into_iter().find_map(|effect| match effect {
        Effect::Call(call) => Some(call),
        _ => None,
    });
    let owed = call.map_or(("make".to_owned(), 1, 1), |call| (call.step, call.attempt, call.dispatch));
    let out = ["make", "a", "b", "undo"].into_iter().find(|step| desk.state(step) == "in_flight").unwrap_or("make");
    let finished = |result| Input::Finished { step: out.to_owned(), attempt: 1, result, charge: None, chance: 0.5 };
    let (step, attempt, dispatch) = owed;
    vec![
        ("go on", Input::Continue),
        ("dispatched", Input::Dispatched { step: step.clone(), attempt, dispatch, held: None, model: None, credentials: Vec::new() }),
        ("refused", Input::Refused { step, failure: failure("denied", false) }),
        ("came back", finished(Ok(json!({"status": 200})))),
        ("came back, for good", finished(Err(CallFailure { failure: failure("http_status", false), retry_after: None }))),
        ("the signal", signal("go")),
        ("another signal", signal("stop")),
        ("the other workflow completed", child_ended(Ok(json!({"x": 1})))),
        ("the other workflow failed", child_ended(Err(failure("refused", false)))),
        ("timer", Input::Timer),
        (LATE, Input::Timer),
        ("pause", Input::Pause { by: "dana@acme.test".to_owned(), reason: None }),
        ("go on after a pause", Input::EndPause { by: "dana@acme.test".to_owned() }),
        ("cancel", cancel(false)),
        ("cancel and take back", cancel(true)),
    ]
}

const LATE: &str = "timer after the limit";

/// Every state that a run of the example can rest in.
fn states() -> Vec<(&'static str, Desk)> {
    let begun = || Desk::start(example(), json!({}));
    let read = || {
        let mut desk = begun();
        desk.answer(json!({"amount": 5}));
        desk
    };
    let with = |mut desk: Desk, change: &dyn Fn(&mut Desk)| {
        change(&mut desk);
        desk
    };
    let void = |desk: &mut Desk| {
        let approval = desk.run.step("ask").asked.as_ref().unwrap().approval;
        desk.feed(Desk::ended(approval, Decision::Voided));
    };
    let approve = |desk: &mut Desk| {
        desk.decide(Decision::Approved);
    };
    vec![
        ("not begun", Desk::new(example())),
        ("a call is ready", begun()),
        ("a call is parked", with(begun(), &|desk| drop(desk.feed(Input::Parked { step: "read".to_owned(), park: park() })))),
        ("a call is in flight", with(begun(), &|desk| drop(desk.dispatch()))),
        ("a call waits to be tried again", with(begun(), &|desk| drop(desk.fail("time_out", true)))),
        (
            "the last attempt is in flight",
            with(begun(), &|desk| {
                desk.fail("time_out", true);
                desk.dispatch();
            }),
        ),
        ("a question is to be asked", read()),
        (
            "a question waits",
            with(read(), &|desk| {
                desk.put();
            }),
        ),
        ("a call is ready under a yes", with(read(), &approve)),
        (
            "a call is in flight under a yes",
            with(read(), &|desk| {
                approve(desk);
                desk.dispatch();
            }),
        ),
        (
            "the yes is void, nothing was sent",
            with(read(), &|desk| {
                approve(desk);
                void(desk);
            }),
        ),
        (
            "the yes is void, a call is in flight",
            with(read(), &|desk| {
                approve(desk);
                desk.dispatch();
                void(desk);
            }),
        ),
        (
            "completed",
            with(read(), &|desk| {
                approve(desk);
                desk.answer(json!({}));
            }),
        ),
        ("failed", with(begun(), &|desk| drop(desk.fail("http_status", false)))),
        ("cancelled", with(begun(), &|desk| drop(desk.feed(cancel(false))))),
    ]
}

fn park() -> Park {
    Park::StarterRights { missing: "a right".to_owned() }
}

/// Every input, fitted to the state as far as it can be.
fn inputs(desk: &Desk) -> Vec<(&'static str, Input)> {
    let owed = desk.effects().into_iter().find_map(|effect| match effect {
        Effect::Call(call) => Some(call),
        _ => None,
    });
    let (step, attempt, dispatch) = owed.map_or(("read".to_owned(), 1, 1), |call| (call.step, call.attempt, call.dispatch));
    let out = ["pay", "read"].into_iter().find(|step| desk.state(step) == "in_flight").unwrap_or("read");
    let out_attempt = desk.run.step(out).attempts.max(1);
    let row = desk.run.step("ask").asked.as_ref().map(|asked| asked.approval);
    let row = row.unwrap_or_else(|| ApprovalId::new(desk.now, &SeededEntropy::new(77)));
    let dispatched =
        |attempt, dispatch| Input::Dispatched { step: step.clone(), attempt, dispatch, held: None, model: None, credentials: Vec::new() };
    let finished = |attempt, result| Input::Finished { step: out.to_owned(), attempt, result, charge: None, chance: 0.5 };
    let failed = |retryable| Err(CallFailure { failure: failure("http_status", retryable), retry_after: None });
    let question = if desk.effects().iter().any(|effect| matches!(effect, Effect::Ask { .. })) {
        desk.asked(ApprovalId::new(desk.now, &SeededEntropy::new(5)))
    } else {
        Input::ApprovalAsked {
            step: "ask".to_owned(),
            round: 1,
            approval: row,
            request: workflow::event::ApprovalRequest {
                title: String::new(),
                description: None,
                shows: Vec::new(),
                approvers: Vec::new(),
                quorum: workflow::plan::Quorum::Of(1),
                risk: workflow::plan::Risk::Low,
                fields: Vec::new(),
                on_expiry: workflow::plan::AfterRefusal::Stop,
                on_reject: workflow::plan::AfterRefusal::Stop,
            },
            coverage: Coverage::default(),
            digest: String::new(),
            ceiling: Money::ZERO,
            expires_at: desk.now,
        }
    };
    let ended = |decision| Desk::ended(row, decision);
    vec![
        ("start", Input::Start(started(&desk.plan, json!({})))),
        ("go on", Input::Continue),
        ("dispatched", dispatched(attempt, dispatch)),
        ("dispatched out of turn", dispatched(attempt, dispatch + 1)),
        ("refused", Input::Refused { step: step.clone(), failure: failure("denied", false) }),
        ("parked", Input::Parked { step, park: park() }),
        ("came back", finished(out_attempt, Ok(json!({"amount": 5})))),
        ("came back, may be tried again", finished(out_attempt, failed(true))),
        ("came back, for good", finished(out_attempt, failed(false))),
        ("another attempt came back", finished(out_attempt + 1, Ok(json!({})))),
        ("asked", question),
        ("approved", ended(Decision::Approved)),
        ("rejected", ended(Decision::Rejected)),
        ("expired", ended(Decision::Expired)),
        ("void", ended(Decision::Voided)),
        ("row cancelled", ended(Decision::Cancelled)),
        ("timer", Input::Timer),
        (LATE, Input::Timer),
        ("cancel", cancel(false)),
    ]
}

fn resting_in(desk: &Desk, steps: &[&str]) -> String {
    match desk.run.phase() {
        Phase::New => "not begun".to_owned(),
        Phase::Running => {
            let steps = steps.iter().map(|step| format!("{step} {}", desk.state(step)));
            steps.filter(|step| !step.ends_with(" idle")).collect::<Vec<_>>().join(", ")
        }
        Phase::Ended { end, .. } => match end {
            workflow::run::End::Completed { .. } => "COMPLETED".to_owned(),
            workflow::run::End::Failed { failure, .. } => format!("FAILED {}", failure.code),
            workflow::run::End::Cancelled { .. } => "CANCELLED".to_owned(),
        },
    }
}

/// Writes what each input does in each state, which is made anew for it.
fn tell(table: &mut String, steps: &[&str], states: fn() -> Vec<(&'static str, Desk)>, inputs: fn(&Desk) -> Vec<(&'static str, Input)>) {
    for (at, (name, desk)) in states().into_iter().enumerate() {
        if !table.is_empty() {
            table.push('\n');
        }
        writeln!(table, "{name} ({})", resting_in(&desk, steps)).unwrap();
        let names: Vec<&str> = inputs(&desk).iter().map(|(name, _)| *name).collect();
        for (which, input_name) in names.into_iter().enumerate() {
            let (_, mut desk) = states().swap_remove(at);
            if input_name == LATE {
                desk.later(Duration::from_secs(100_000));
            }
            let (_, input) = inputs(&desk).swap_remove(which);
            let line = match desk.offer(input) {
                Err(refusal) => format!("- {refusal}"),
                Ok(events) if events.is_empty() => ". nothing".to_owned(),
                Ok(events) => {
                    let facts: Vec<String> = events.iter().map(describe).collect();
                    format!("> {} | {}", resting_in(&desk, steps), facts.join(", "))
                }
            };
            writeln!(table, "    {input_name:<30} {line}").unwrap();
        }
    }
}

#[test]
fn the_table_of_transitions_is_as_committed() {
    let mut table = String::new();
    tell(&mut table, &STEPS, states, inputs);
    tell(&mut table, &BLOCKS, states_of_blocks, inputs_of_blocks);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transitions.txt"), &table).unwrap();
        return;
    }
    assert_eq!(table, EXPECTED, "if this is meant, write it anew with UPDATE_EXPECT=1");
}
