//! Being asked: rejection, expiry, what a yes covers, and asking anew.

use std::time::Duration;

use domain::{ApprovalId, Money, entropy::SeededEntropy};
use serde_json::{Value, json};
use workflow::{
    Effect, Input, Plan, Refusal,
    event::Decision,
    plan::{FieldType, TemplateValue},
    run::{End, StepState},
};

use crate::{
    desk::{Desk, charge},
    plans::{With, ask, ask_and_go_on, get, output, plan, post, prompt, set, step, template},
};

/// Asks, then pays, then says how it was decided.
fn asking(question: workflow::plan::StepKind) -> Plan {
    Plan {
        outputs: vec![output("decided", FieldType::String, Some("{{ agreed.decision }}"))],
        ..plan(vec![
            step("ask", question).sets("agreed"),
            step("pay", post("https://pay.example/payments", Some("desk"), json!({"amount": 5}))).when("agreed.decision == 'approved'"),
        ])
    }
}

fn output_of(desk: &Desk, step: &str) -> Value {
    match &desk.run.step(step).state {
        StepState::Completed { output, .. } => (**output).clone(),
        other => panic!("{step} is {other:?}"),
    }
}

#[test]
fn a_rejection_stops_the_run_unless_it_is_told_to_go_on() {
    let mut stops = Desk::start(asking(ask("Pay?")), json!({}));
    stops.decide(Decision::Rejected);
    assert_eq!(stops.failed_with(), ("rejected", "finn@acme.test rejected it"));
    assert_eq!(stops.effects(), []);

    let mut goes_on = Desk::start(asking(ask_and_go_on("Pay?")), json!({}));
    goes_on.decide(Decision::Rejected);
    assert_eq!(goes_on.state("pay"), "skipped");
    assert_eq!(goes_on.outputs(), json!({"decided": "rejected"}));
}

#[test]
fn what_nobody_decides_in_time_is_no_yes() {
    let mut stops = Desk::start(asking(ask("Pay?")), json!({}));
    stops.decide(Decision::Expired);
    assert_eq!(stops.failed_with().0, "expired");

    let mut goes_on = Desk::start(asking(ask_and_go_on("Pay?")), json!({}));
    goes_on.decide(Decision::Expired);
    assert_eq!(goes_on.outputs(), json!({"decided": "expired"}));
    let output = output_of(&goes_on, "ask");
    assert_eq!((&output["decided_by"], &output["fields"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_variable_of_an_approval_says_who_and_when() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    let approval = desk.put();
    desk.later(Duration::from_mins(1));
    desk.feed(Input::ApprovalEnded {
        approval,
        decision: Decision::Approved,
        by: Some("finn@acme.test".to_owned()),
        comment: Some("fine".to_owned()),
        fields: None,
    });
    assert_eq!(
        output_of(&desk, "ask"),
        json!({"decision": "approved", "decided_by": "finn@acme.test", "decided_at": desk.now.to_string(), "comment": "fine", "fields": {}})
    );
}

#[test]
fn a_decided_approval_cannot_be_decided_again() {
    for first in [Decision::Approved, Decision::Rejected] {
        let mut desk = Desk::start(asking(ask_and_go_on("Pay?")), json!({}));
        let approval = desk.decide(first);
        for second in [Decision::Approved, Decision::Rejected, Decision::Expired, Decision::Cancelled] {
            assert!(desk.offer(Desk::ended(approval, second)).is_err(), "{first:?} then {second:?}");
        }
    }
}

#[test]
fn only_the_row_that_was_asked_decides() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    desk.put();
    let other = ApprovalId::new(desk.now, &SeededEntropy::new(999));
    let refusal = desk.offer(Desk::ended(other, Decision::Approved)).unwrap_err();
    assert!(matches!(refusal, Refusal::Stale(_)), "{refusal}");
    assert_eq!(desk.state("ask"), "waiting");
}

#[test]
fn a_void_question_is_asked_again_before_anybody_decides() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    let first = desk.decide(Decision::Voided);
    assert_eq!(desk.question().round, 2);
    let second = desk.put();
    assert_ne!(first, second);
    assert!(desk.offer(Desk::ended(first, Decision::Approved)).is_err(), "the void row decides nothing");
    desk.feed(Desk::ended(second, Decision::Approved));
    assert_eq!(desk.call().covered_by.unwrap().approval, second);
}

#[test]
fn a_void_yes_is_asked_anew_and_what_was_prepared_under_it_is_prepared_anew() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    let first = desk.decide(Decision::Approved);
    assert_eq!(desk.state("pay"), "ready");
    desk.feed(Desk::ended(first, Decision::Voided));
    assert_eq!((desk.state("ask"), desk.state("pay")), ("asking", "idle"));
    assert!(!desk.effects().iter().any(|effect| matches!(effect, Effect::Call(_))), "nothing goes out without a yes");
    let second = desk.decide(Decision::Approved);
    desk.answer(json!({}));
    assert_eq!(desk.outputs(), json!({"decided": "approved"}));
    assert_ne!(first, second);
    assert!(desk.trace().contains(&"approval_ended ask voided".to_owned()));
}

#[test]
fn a_void_yes_can_be_refused_the_second_time() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    let first = desk.decide(Decision::Approved);
    desk.feed(Desk::ended(first, Decision::Voided));
    desk.decide(Decision::Rejected);
    assert_eq!(desk.failed_with().0, "rejected");
}

#[test]
fn a_call_that_was_sent_under_a_void_yes_stays_sent_but_is_not_sent_again_without_a_new_one() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    let first = desk.decide(Decision::Approved);
    let sent = desk.dispatch();
    desk.crash();
    desk.feed(Desk::ended(first, Decision::Voided));
    assert_eq!((desk.state("ask"), desk.state("pay")), ("asking", "in_flight"));
    assert!(!desk.effects().iter().any(|effect| matches!(effect, Effect::Call(_))));
    assert!(
        desk.offer(Input::Dispatched { step: "pay".to_owned(), attempt: 1, dispatch: 2, held: None, model: None, credentials: Vec::new() })
            .is_err()
    );
    let question = desk.question();
    assert_eq!(question.coverage.effects[0].step, "pay", "what was sent is part of what is asked");
    desk.decide(Decision::Approved);
    let again = desk.call();
    assert_eq!((again.attempt, again.dispatch, &again.idempotency_key), (1, 2, &sent.idempotency_key));
    workflow::coverage::matches(again.covered_by.unwrap().effect.as_ref().unwrap(), &again.call, &again.idempotency_key).unwrap();
}

#[test]
fn an_answer_that_comes_while_it_is_asked_anew_counts() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    let first = desk.decide(Decision::Approved);
    let sent = desk.dispatch();
    desk.feed(Desk::ended(first, Decision::Voided));
    desk.feed(Desk::finished(&sent, Ok(json!({"paid": true})), None));
    assert_eq!((desk.state("ask"), desk.state("pay")), ("asking", "completed"));
    assert!(desk.question().coverage.effects.is_empty(), "nothing is left to cover");
    desk.decide(Decision::Approved);
    assert_eq!(desk.outputs(), json!({"decided": "approved"}));
}

#[test]
fn what_was_spent_since_the_yes_is_told_apart() {
    let mut desk = Desk::start(
        plan(vec![
            step("before", prompt("Think.")),
            step("ask", ask("More?")),
            step("after", prompt("Think more.")),
            step("last", prompt("Think once more.")),
        ]),
        json!({}),
    );
    let call = desk.dispatch();
    desk.feed(Desk::finished(&call, Ok(json!("a thought")), Some(charge(500))));
    desk.decide(Decision::Approved);
    assert_eq!(desk.call().covered_by.unwrap().spent_since, Money::ZERO);
    let call = desk.dispatch();
    desk.feed(Desk::finished(&call, Ok(json!("a thought")), Some(charge(300))));
    assert_eq!(desk.call().covered_by.unwrap().spent_since, Money::from_nanos(300));
    assert_eq!(desk.run.spent(), Money::from_nanos(800));
}

#[test]
fn after_a_rejection_that_lets_the_run_go_on_no_earlier_yes_is_stretched_over_what_follows() {
    let mut desk = Desk::start(
        plan(vec![
            step("first", ask("Read?")),
            step("read", get("https://a.example/x")),
            step("second", ask_and_go_on("Write?")),
            step("write", get("https://b.example/y")),
        ]),
        json!({}),
    );
    desk.decide(Decision::Approved);
    assert!(desk.call().covered_by.unwrap().effect.is_some());
    desk.answer(json!({}));
    desk.decide(Decision::Rejected);
    assert!(desk.call().covered_by.is_none());
}

#[test]
fn an_approval_that_cannot_be_asked_fails_the_run() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    desk.feed(Input::Refused { step: "ask".to_owned(), failure: crate::desk::failure("no_approver", false) });
    assert_eq!(desk.failed_with().0, "no_approver");
}

#[test]
fn cancelling_takes_the_question_back() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    desk.put();
    desk.feed(Input::Cancel { by: "dana@acme.test".to_owned(), reason: Some("wrong invoice".to_owned()), compensate: false });
    assert!(matches!(desk.run.end(), Some(End::Cancelled { by, .. }) if by == "dana@acme.test"));
    let trace = desk.trace();
    assert_eq!(trace[trace.len() - 2..], ["approval_ended ask cancelled", "cancelled"]);
}

#[test]
fn a_row_that_was_cancelled_cancels_the_run() {
    let mut desk = Desk::start(asking(ask("Pay?")), json!({}));
    desk.decide(Decision::Cancelled);
    assert!(matches!(desk.run.end(), Some(End::Cancelled { .. })));
}

#[test]
fn a_question_whose_words_cannot_be_made_fails_the_run_before_it_is_asked() {
    let mut desk = Desk::start(
        plan(vec![step("read", get("https://a.example/x")).sets("page"), step("ask", ask("Pay {{ page.body.amount }}?"))]),
        json!({}),
    );
    desk.answer(json!({"body": {}}));
    let (code, message) = desk.failed_with();
    assert_eq!(code, "expression");
    assert!(message.starts_with("title: "), "{message}");
}

#[test]
fn nothing_invisible_reaches_an_approver() {
    let mut question = crate::plans::approval("Pay {{ page.to }}");
    question.shows = vec![("Account".to_owned(), template("{{ page.account }}"))];
    let mut desk = Desk::start(
        plan(vec![step("read", get("https://a.example/x")).sets("page"), step("ask", workflow::plan::StepKind::Approval(question))]),
        json!({}),
    );
    desk.answer(json!({"to": "Al\u{202e}ice", "account": "DE\u{200b}02"}));
    let request = desk.question().request;
    assert_eq!(request.title, "Pay Al\\u{202e}ice");
    assert_eq!(request.shows[0].1, "DE\\u{200b}02");
}

#[test]
fn what_formats_in_a_value_is_escaped_but_conditions_see_the_value_itself() {
    let mut question = crate::plans::approval("Pay?");
    question.description =
        Some(template("{% if page.to == 'a_b' %}*to* {{ page.to }}{% for one in page.more %}, {{ one }}{% endfor %}{% endif %}"));
    let mut desk = Desk::start(
        plan(vec![step("read", get("https://a.example/x")).sets("page"), step("ask", workflow::plan::StepKind::Approval(question))]),
        json!({}),
    );
    desk.answer(json!({"to": "a_b", "more": ["<b>", "[x](y)"]}));
    assert_eq!(desk.question().request.description.unwrap(), "*to* a\\_b, \\<b\\>, \\[x\\]\\(y\\)");
}

#[test]
fn the_plan_of_these_tests_has_no_literal_where_a_template_is_meant() {
    // Guards the guard: a template that is taken for a literal would make the tests above prove nothing.
    assert!(matches!(crate::plans::value(json!("{{ a }}")), TemplateValue::Template(_)));
    assert!(matches!(set(json!({"a": 1})), workflow::plan::StepKind::SetOutputs { .. }));
}
