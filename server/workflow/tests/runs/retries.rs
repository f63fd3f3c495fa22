//! Trying again, waiting for the host, and keys.

use std::time::Duration;

use serde_json::json;
use workflow::{Effect, Input, Refusal, core::CallFailure, event::Park};

use crate::{
    desk::{Desk, charge, failure},
    plans::{With, get, plan, step},
};

fn trying(attempts: u32) -> Desk {
    Desk::start(plan(vec![step("call", get("https://a.example/x")).tries(attempts)]), json!({}))
}

#[test]
fn what_may_pass_by_itself_is_tried_again_after_a_pause() {
    let mut desk = trying(3);
    desk.fail("http_status", true);
    let second = desk.call();
    assert_eq!((second.attempt, second.dispatch), (2, 1));
    assert_eq!(second.not_before, Some(desk.now.after(Duration::from_secs(1))));
    desk.fail("time_out", true);
    let third = desk.call();
    assert_eq!(third.not_before, Some(desk.now.after(Duration::from_secs(2))), "pauses grow");
    assert_eq!(third.idempotency_key, second.idempotency_key, "every attempt has the same key");
    desk.answer(json!({}));
    assert_eq!(desk.state("call"), "completed");
}

#[test]
fn the_last_attempt_is_the_last() {
    let mut desk = trying(2);
    desk.fail("http_status", true);
    desk.fail("http_status", true);
    assert_eq!(desk.failed_with().0, "http_status");
    assert_eq!(desk.run.step("call").attempts, 2);
}

#[test]
fn what_trying_again_does_not_mend_is_tried_once() {
    let mut desk = trying(5);
    desk.fail("http_status", false);
    assert_eq!(desk.failed_with().0, "http_status");
}

#[test]
fn the_other_side_may_ask_for_a_longer_pause() {
    let mut desk = trying(2);
    let call = desk.dispatch();
    let asked = CallFailure { failure: failure("http_status", true), retry_after: Some(Duration::from_secs(90)) };
    desk.feed(Desk::finished(&call, Err(asked), None));
    assert_eq!(desk.call().not_before, Some(desk.now.after(Duration::from_secs(90))));
}

#[test]
fn failed_attempts_are_paid_for_too() {
    let mut desk = trying(2);
    let call = desk.dispatch();
    desk.feed(Desk::finished(&call, Err(CallFailure { failure: failure("schema", true), retry_after: None }), Some(charge(40))));
    let call = desk.dispatch();
    desk.feed(Desk::finished(&call, Err(CallFailure { failure: failure("schema", true), retry_after: None }), Some(charge(2))));
    assert_eq!(desk.run.spent().nanos(), 42);
    assert_eq!(desk.run.step("call").charge.unwrap().input_tokens, 200);
}

#[test]
fn an_answer_of_another_attempt_is_out_of_date() {
    let mut desk = trying(3);
    let first = desk.fail("http_status", true);
    let late = || Desk::finished(&first, Ok(json!({})), None);
    assert!(matches!(desk.offer(late()), Err(Refusal::Stale(_))), "while the next one waits");
    desk.dispatch();
    assert!(matches!(desk.offer(late()), Err(Refusal::Stale(_))), "while the next one is out");
}

#[test]
fn nothing_goes_out_twice_for_one_dispatch() {
    let mut desk = trying(1);
    let call = desk.dispatch();
    assert!(matches!(desk.offer(Desk::dispatched(&call)), Err(Refusal::Stale(_))));
    for (attempt, dispatch) in [(1, 3), (2, 1), (0, 0), (1, 0)] {
        let input = Input::Dispatched { step: "call".to_owned(), attempt, dispatch, held: None, model: None, credentials: Vec::new() };
        assert!(matches!(desk.offer(input), Err(Refusal::Stale(_))), "{attempt} {dispatch}");
    }
}

#[test]
fn a_parked_step_is_looked_at_again_and_goes_on() {
    let mut desk = trying(1);
    let park = Park::StarterRights { missing: "dana is disabled".to_owned() };
    desk.feed(Input::Parked { step: "call".to_owned(), park: park.clone() });
    assert_eq!(desk.state("call"), "parked");
    assert_eq!(desk.call().parked, Some(park.clone()));
    assert_eq!(desk.feed(Input::Parked { step: "call".to_owned(), park }), [], "looking in vain is no fact");
    assert_eq!(desk.feed(Input::Continue), [], "nor is a claim");
    desk.answer(json!({}));
    assert_eq!(
        desk.trace(),
        [
            "started",
            "step_started call",
            "parked call",
            "resumed call",
            "dispatched call attempt 1 dispatch 1",
            "step_completed call",
            "completed"
        ]
    );
}

#[test]
fn a_parked_step_can_wait_for_something_else_next() {
    let mut desk = trying(1);
    desk.feed(Input::Parked { step: "call".to_owned(), park: Park::StarterRights { missing: "x".to_owned() } });
    let events = desk.feed(Input::Parked { step: "call".to_owned(), park: Park::UnconfirmedHolds { account: "tenant".to_owned() } });
    assert_eq!(events.len(), 1);
}

#[test]
fn a_refused_step_fails_the_run() {
    let mut desk = trying(5);
    desk.feed(Input::Refused { step: "call".to_owned(), failure: failure("budget", true) });
    assert_eq!(desk.failed_with().0, "budget");
    let audit: Vec<&str> =
        desk.journal.iter().filter_map(|(_, event)| workflow::core::audit::of(event)).map(|event| event.action).collect();
    assert_eq!(audit, ["budget.exceeded", "workflow.failed"]);
}

#[test]
fn a_key_is_printable_ascii_of_a_bounded_length() {
    let long = "x".repeat(256);
    for (key, good) in
        [("pay-1", true), ("{{ 'a' ~ 1 }}", true), ("", false), ("  ", false), ("über", false), ("a\nb", false), (long.as_str(), false)]
    {
        let desk = Desk::start(plan(vec![step("call", get("https://a.example/x")).keyed(key)]), json!({}));
        if good {
            assert!(matches!(desk.effects().as_slice(), [Effect::Call(_)]), "{key}");
        } else {
            assert_eq!(desk.failed_with().0, "idempotency_key", "{key:?}");
        }
    }
}
