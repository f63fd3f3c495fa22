//! How runs end, and that they stay ended.

use std::time::Duration;

use serde_json::json;
use workflow::{
    Effect, Input, Plan, Refusal,
    core::CallFailure,
    event::Decision,
    plan::FieldType,
    run::{End, Phase},
};

use crate::{
    desk::{Desk, failure, started},
    plans::{ask, get, output, plan, set, step},
};

fn limited(seconds: u64) -> Plan {
    Plan {
        time_limit: Some(Duration::from_secs(seconds)),
        ..plan(vec![step("call", get("https://a.example/x")), step("ask", ask("Fine?"))])
    }
}

#[test]
fn a_run_takes_no_longer_than_it_may() {
    let mut desk = Desk::start(limited(60), json!({}));
    assert!(desk.effects().contains(&Effect::Timer { at: desk.now.after(Duration::from_mins(1)) }));
    desk.later(Duration::from_secs(59));
    assert_eq!(desk.feed(Input::Timer), [], "too early");
    desk.later(Duration::from_secs(1));
    desk.feed(Input::Timer);
    assert_eq!(desk.failed_with(), ("time_out", "the run took longer than the 60 seconds it may take"));
}

#[test]
fn waiting_for_a_person_counts_and_the_question_is_taken_back() {
    let mut desk = Desk::start(limited(60), json!({}));
    desk.answer(json!({}));
    desk.put();
    desk.later(Duration::from_hours(1));
    desk.feed(Input::Timer);
    let trace = desk.trace();
    assert_eq!(trace[trace.len() - 2..], ["approval_ended ask cancelled", "failed"]);
}

#[test]
fn a_run_whose_time_is_up_begins_nothing_new() {
    let mut desk = Desk::start(limited(60), json!({}));
    let call = desk.dispatch();
    desk.later(Duration::from_mins(2));
    desk.feed(Desk::finished(&call, Ok(json!({})), None));
    assert_eq!(desk.state("call"), "completed", "the answer is recorded all the same");
    assert_eq!(desk.failed_with().0, "time_out");
    assert_eq!(desk.state("ask"), "idle");
}

#[test]
fn a_run_that_sets_no_promised_output_has_failed() {
    for (outputs, values, why) in [
        (vec![output("a", FieldType::String, None)], json!({}), "output a: no step has set it"),
        (vec![output("a", FieldType::String, None)], json!({"a": 1}), "output a: has to be text and is a number"),
        (vec![output("a", FieldType::String, None)], json!({"a": null}), "output a: has to be text and is null"),
        (vec![output("a", FieldType::Integer, Some("{{ 1.5 }}"))], json!({}), "output a: has to be a whole number of 64 bits"),
    ] {
        let desk = Desk::start(Plan { outputs, ..plan(vec![step("set", set(values))]) }, json!({}));
        assert_eq!(desk.failed_with(), ("outputs", why));
    }
}

#[test]
fn another_plan_is_refused_at_the_start() {
    let mut desk = Desk::new(limited(60));
    let other = started(&limited(61), json!({}));
    assert_eq!(desk.offer(Input::Start(other)), Err(Refusal::AnotherPlan));
    assert_eq!(desk.run.phase(), &Phase::New);
}

#[test]
fn a_run_begins_once() {
    let mut desk = Desk::start(limited(60), json!({}));
    let again = started(&desk.plan, json!({}));
    assert!(matches!(desk.offer(Input::Start(again)), Err(Refusal::Stale(_))));
}

#[test]
fn a_run_can_be_cancelled_before_it_begins_and_then_does_not_begin() {
    let mut desk = Desk::new(limited(60));
    desk.feed(Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate: false });
    let start = started(&desk.plan, json!({}));
    assert_eq!(desk.offer(Input::Start(start)), Err(Refusal::Over));
}

#[test]
fn what_was_under_way_at_the_end_is_shown_as_stopped() {
    let mut desk = Desk::start(limited(60), json!({}));
    let call = desk.dispatch();
    desk.feed(Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate: false });
    assert_eq!(desk.run.step("call").state, workflow::run::StepState::Stopped { in_flight: true });
    assert_eq!(desk.offer(Desk::finished(&call, Ok(json!({})), None)), Err(Refusal::Over));
    assert!(matches!(desk.run.end(), Some(End::Cancelled { .. })));
}

#[test]
fn late_inputs_never_change_a_run_that_is_over() {
    let mut desk = Desk::start(limited(60), json!({}));
    let call = desk.dispatch();
    desk.feed(Desk::finished(&call, Ok(json!({})), None));
    let approval = desk.put();
    desk.feed(Desk::ended(approval, Decision::Rejected));
    let before = desk.run.clone();
    desk.later(Duration::from_mins(10));
    for input in [
        Input::Continue,
        Input::Timer,
        Desk::dispatched(&call),
        Desk::finished(&call, Ok(json!({})), None),
        Desk::finished(&call, Err(CallFailure { failure: failure("x", true), retry_after: None }), None),
        Desk::ended(approval, Decision::Approved),
        Desk::ended(approval, Decision::Voided),
        Input::Refused { step: "call".to_owned(), failure: failure("denied", false) },
        Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate: false },
    ] {
        assert_eq!(desk.offer(input), Err(Refusal::Over));
        assert_eq!(desk.run, before);
    }
    for (at, event) in desk.journal.clone() {
        assert_eq!(workflow::evolve(before.clone(), at, &event), before, "an ended run takes no fact");
    }
}
