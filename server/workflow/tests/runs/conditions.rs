//! Which steps are taken, and what a name stands for.

use serde_json::{Value, json};
use workflow::plan::{FieldType, Plan, StepKind};

use crate::{
    desk::{Desk, RUN, START},
    plans::{With, assert, field, get, input, log, output, plan, post, set, step},
};

/// A plan with the inputs `n`, `flag` and `text`, whose last step sets the output `seen`.
fn seeing(mut steps: Vec<workflow::plan::Step>, seen: &str) -> Plan {
    steps.push(step("see", set(json!({"seen": seen}))));
    Plan {
        inputs: vec![
            input("n", field(FieldType::Number)),
            input("flag", field(FieldType::Boolean)),
            input("text", field(FieldType::String)),
        ],
        ..plan(steps)
    }
}

/// What an expression gives in a run without calls; its failure otherwise.
fn check(steps: Vec<workflow::plan::Step>, seen: &str, inputs: Value) -> Result<Value, String> {
    let desk = Desk::start(seeing(steps, seen), inputs);
    match desk.run.end() {
        Some(workflow::run::End::Completed { outputs }) => Ok(outputs["seen"].clone()),
        Some(workflow::run::End::Failed { failure, .. }) => Err(format!("{}: {}", failure.code, failure.message)),
        other => panic!("the run is {other:?}"),
    }
}

#[test]
fn names_stand_for_what_was_recorded() {
    let said = || vec![step("said", log("hello"))];
    for (seen, expected) in [
        ("{{ inputs.n }}", json!(4)),
        ("{{ n }}", json!(4)),
        ("{{ inputs.text }}", Value::Null),
        ("{{ vars.payments_url }}", json!("https://pay.example")),
        ("{{ vars.absent | default('none') }}", json!("none")),
        ("{{ run.id }}", json!(RUN)),
        ("{{ run.number }}", json!(7)),
        ("{{ run.started_by }}", json!("dana@acme.test")),
        ("{{ run.started_at }}", json!(START.to_string())),
        ("{{ tenant.slug }} {{ tenant.name }}", json!("acme Acme")),
        ("{{ steps.said.status }}", json!("completed")),
        ("{{ steps.said.output }}", Value::Null),
        ("{{ steps['said'].error }}", Value::Null),
        ("{{ steps.said.cost }}", json!(0.0)),
    ] {
        assert_eq!(check(said(), seen, json!({"n": 4})), Ok(expected), "{seen}");
    }
}

#[test]
fn a_slip_is_an_error_and_never_null() {
    for seen in ["{{ inputs.m }}", "{{ vars.absent }}", "{{ nowhere }}", "{{ steps.later.output }}", "{{ nowhere | default(1) }}"] {
        let failed = check(vec![], seen, json!({})).unwrap_err();
        assert!(failed.starts_with("expression: "), "{seen}: {failed}");
    }
}

#[test]
fn the_value_of_now_is_the_recorded_start_of_the_step() {
    let shown = check(vec![], "{{ now() }}", json!({})).unwrap();
    assert!(shown.as_str().unwrap().starts_with("2026-"), "{shown}");
}

#[test]
fn identifiers_differ_by_step_and_call_and_are_the_same_again() {
    let make = || {
        let mut desk = Desk::start(
            plan(vec![
                step("one", post("https://a.example/x", None, json!({"a": "{{ uuid() }}", "b": "{{ uuid() }}{{ uuid() }}"}))),
                step("two", post("https://a.example/x", None, json!({"a": "{{ uuid() }}"}))),
            ]),
            json!({}),
        );
        let first = desk.call().call;
        desk.answer(json!({}));
        (serde_json::to_value(first).unwrap(), serde_json::to_value(desk.call().call).unwrap())
    };
    let (one, two) = make();
    let body = |call: &Value, name: &str| call["body"]["json"][name].as_str().unwrap().to_owned();
    let (a, b) = (body(&one, "a"), body(&one, "b"));
    let mut all = vec![a.clone(), b[..36].to_owned(), b[36..].to_owned(), body(&two, "a")];
    for id in &all {
        let shape: String = id.chars().map(|sign| if sign == '-' { '-' } else { 'x' }).collect();
        assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert_eq!(&id[14..15], "8", "version 8: {id}");
        assert!("89ab".contains(&id[19..20]), "variant of RFC 9562: {id}");
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4, "no two are alike");
    assert_eq!(make(), (one, two));
}

#[test]
fn conditions_take_booleans_and_null_and_nothing_else() {
    let step = |condition: &str| vec![step("maybe", log("taken")).when(condition)];
    for (condition, status) in [
        ("true", "completed"),
        ("inputs.flag", "completed"),
        ("false", "skipped"),
        ("inputs.text", "skipped"),
        ("inputs.n > 3", "completed"),
    ] {
        let seen = check(step(condition), "{{ steps.maybe.status }}", json!({"flag": true, "n": 4}));
        assert_eq!(seen, Ok(json!(status)), "{condition}");
    }
    for condition in ["inputs.n", "'yes'", "1", "[]", "inputs.n > 'a'"] {
        let failed = check(step(condition), "never", json!({"n": 4})).unwrap_err();
        assert!(failed.starts_with("expression: condition: "), "{condition}: {failed}");
    }
}

#[test]
fn an_assertion_wants_a_boolean_too() {
    for (condition, failed) in [
        ("true", None),
        ("inputs.n == 4", None),
        ("inputs.text", Some("assertion: this does not hold: inputs.text")),
        ("false", Some("assertion: this does not hold: false")),
    ] {
        let seen = check(vec![step("sure", assert(condition, None))], "fine", json!({"n": 4}));
        assert_eq!(seen.err().as_deref(), failed, "{condition}");
    }
    assert!(check(vec![step("sure", assert("'true'", None))], "fine", json!({})).unwrap_err().starts_with("expression: "));
}

#[test]
fn an_assertion_fails_even_when_its_message_cannot_be_made() {
    let failed = check(vec![step("sure", assert("false", Some("It is {{ vars.absent }}")))], "fine", json!({})).unwrap_err();
    assert!(failed.starts_with("assertion: this does not hold: false ("), "{failed}");
}

#[test]
fn the_variable_of_a_skipped_step_is_null_unless_another_step_has_set_it() {
    let two = |first: &str, second: &str| {
        let mut desk = Desk::start(
            seeing(
                vec![
                    step("one", get("https://a.example/1")).sets("found").when(first),
                    step("two", get("https://a.example/2")).sets("found").when(second),
                ],
                "{{ found }}",
            ),
            json!({}),
        );
        while !desk.run.is_over() {
            let answer = desk.call().step;
            desk.answer(json!(answer));
        }
        desk.outputs()["seen"].clone()
    };
    assert_eq!(two("true", "true"), json!("two"));
    assert_eq!(two("true", "false"), json!("one"));
    assert_eq!(two("false", "true"), json!("two"));
    assert_eq!(two("false", "false"), Value::Null);
}

#[test]
fn a_step_variable_hides_an_input_of_the_same_name() {
    let mut desk = Desk::start(seeing(vec![step("one", get("https://a.example/1")).sets("n")], "{{ n }} {{ inputs.n }}"), json!({"n": 4}));
    desk.answer(json!("new"));
    assert_eq!(desk.outputs()["seen"], json!("new 4"));
}

#[test]
fn a_skipped_step_says_why() {
    let desk = Desk::start(plan(vec![step("maybe", log("x")).when("1 > 2")]), json!({}));
    let trace = format!("{:?}", desk.journal);
    assert!(trace.contains("its condition does not hold: 1 > 2"), "{trace}");
    assert_eq!(desk.state("maybe"), "skipped");
}

#[test]
fn what_is_said_is_recorded() {
    let desk = Desk::start(plan(vec![step("say", log("run {{ run.number }}"))]), json!({}));
    assert!(desk.journal.iter().any(|(_, event)| matches!(event, workflow::Event::Logged { message, .. } if message == "run 7")));
}

#[test]
fn a_value_that_cannot_be_a_header_or_an_address_fails_before_anything_goes_out() {
    let header = |text: &str| {
        let StepKind::Http(mut http) = get("https://a.example/x") else { panic!("not a request") };
        http.headers = vec![("X-Note".to_owned(), vec![workflow::plan::CredentialPiece::Text(crate::plans::template(text))])];
        StepKind::Http(http)
    };
    for (kind, code) in [
        (header("{{ inputs.text }}"), "header"),
        (get("{{ inputs.text }}"), "url"),
        (get("file:///etc/passwd"), "url"),
        (get("{{ inputs.n }}"), "expression"),
    ] {
        let desk = Desk::start(seeing(vec![step("call", kind)], "x"), json!({"text": "a\r\nHost: evil", "n": 4}));
        assert_eq!(desk.failed_with().0, code);
        assert_eq!(desk.effects(), []);
    }
}

#[test]
fn what_an_expression_gives_is_never_evaluated_again() {
    let seen = check(vec![], "{{ inputs.text }}", json!({"text": "{{ vars.payments_url }} cred://payment-desk"}));
    assert_eq!(seen, Ok(json!("{{ vars.payments_url }} cred://payment-desk")));
}

#[test]
fn outputs_are_evaluated_at_the_end_or_set_on_the_way() {
    let desk = Desk::start(
        Plan {
            outputs: vec![output("b", FieldType::Integer, Some("{{ 1 + 1 }}")), output("a", FieldType::String, None)],
            ..plan(vec![step("set", set(json!({"extra": true, "a": "set"})))])
        },
        json!({}),
    );
    assert_eq!(desk.outputs(), json!({"b": 2, "a": "set", "extra": true}));
}

#[test]
fn a_step_cannot_be_made_of_more_than_memory_is_meant_for() {
    let many: Vec<Value> = (0..6).map(|_| json!("{{ page }}")).collect();
    let mut desk = Desk::start(
        plan(vec![step("read", get("https://a.example/x")).sets("page"), step("send", post("https://a.example/y", None, json!(many)))]),
        json!({}),
    );
    desk.answer(json!("x".repeat(900_000)));
    let (code, message) = desk.failed_with();
    assert_eq!(code, "expression");
    assert!(message.contains("larger than"), "{message}");
}
