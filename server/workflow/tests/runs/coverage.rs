//! What a yes covers, and what it does not let through.

use domain::Money;
use serde_json::{Value, json};
use workflow::{
    Call, Plan,
    coverage::{Coverage, compute, matches},
    plan::{CredentialPiece, OnLimit, Per, StepKind, StepOrRunBudget},
};

use crate::{
    desk::Desk,
    plans::{With, ask, get, log, plan, post, prompt, step, template},
};

/// What a yes to the first step covers, in a run whose earlier steps gave `given`.
fn covered(steps: Vec<workflow::plan::Step>, given: Value) -> Coverage {
    let mut all = vec![step("know", get("https://known.example/x")).sets("known"), step("ask", ask("Go on?")).sets("agreed")];
    all.extend(steps);
    let mut desk = Desk::start(plan(all), json!({}));
    desk.answer(given);
    desk.question().coverage
}

fn steps(coverage: &Coverage) -> Vec<&str> {
    coverage.effects.iter().map(|effect| effect.step.as_str()).collect()
}

#[test]
fn a_yes_covers_what_can_still_run_up_to_the_next_question_that_is_certain() {
    let coverage = covered(
        vec![
            step("never", get("https://a.example/never")).when("known.amount > 100"),
            step("certain", get("https://a.example/certain")).when("known.amount < 100"),
            step("note", log("inside")),
            step("perhaps", get("https://a.example/perhaps")).when("agreed.decision == 'approved'").sets("later"),
            step("skippable", ask("Really?")).when("later.much"),
            step("beyond", get("https://a.example/beyond")),
            step("next", ask("And now?")),
            step("after", get("https://a.example/after")),
        ],
        json!({"amount": 5}),
    );
    assert_eq!(steps(&coverage), ["certain", "perhaps", "beyond"]);
    let only_if: Vec<Option<&str>> = coverage.effects.iter().map(|effect| effect.only_if.as_deref()).collect();
    assert_eq!(only_if, [None, Some("agreed.decision == 'approved'"), None]);
}

#[test]
fn a_question_whose_condition_holds_already_ends_the_coverage() {
    let coverage = covered(
        vec![step("next", ask("And now?")).when("known.amount > 1"), step("after", get("https://a.example/after"))],
        json!({"amount": 5}),
    );
    assert_eq!(steps(&coverage), Vec::<&str>::new());
}

#[test]
fn what_is_not_known_yet_is_named_and_what_is_known_is_fixed() {
    let coverage = covered(
        vec![
            step("first", get("https://a.example/first")).sets("first"),
            step(
                "second",
                post(
                    "https://a.example/{{ known.id }}/{{ first.id }}",
                    None,
                    json!({
                        "amount": "{{ known.amount }}", "all": "{{ first }}", "note": "by {{ first.name }}", "plain": 1
                    }),
                ),
            )
            .keyed("k-{{ first.id }}"),
        ],
        json!({"id": "K1", "amount": 5}),
    );
    let second = &coverage.effects[1];
    assert_eq!(second.unknown, ["first"]);
    assert_eq!(second.hosts, ["a.example"]);
    assert_eq!(second.arguments["url"], json!({"$unknown": "https://a.example/K1/{{ first.id }}", "$prefix": "https://a.example/K1/"}));
    assert_eq!(
        second.arguments["body"]["json"],
        json!({"amount": 5, "all": {"$unknown": "{{ first }}"}, "note": {"$unknown": "by {{ first.name }}"}, "plain": 1})
    );
    assert_eq!(second.idempotency_key, json!({"$unknown": "k-{{ first.id }}"}));
}

#[test]
fn a_host_that_is_not_known_is_not_approved() {
    for url in
        ["{{ first.url }}", "https://{{ first.host }}/x", "https://a.example{{ first.tail }}", "https://a.example:8{{ first.port }}/"]
    {
        let coverage = covered(vec![step("first", get("https://a.example/first")).sets("first"), step("second", get(url))], json!({}));
        assert_eq!(coverage.effects[1].hosts, Vec::<String>::new(), "{url}");
    }
}

#[test]
fn now_and_identifiers_are_not_known_before_a_step_begins() {
    let coverage =
        covered(vec![step("call", post("https://a.example/x", None, json!({"at": "{{ now() }}", "id": "{{ uuid() }}"})))], json!({}));
    assert_eq!(coverage.effects[0].unknown, ["now()", "uuid()"]);
}

#[test]
fn a_prompt_is_measured_when_it_is_known() {
    let mut plan =
        plan(vec![step("ask", ask("Go on?")).sets("agreed"), step("think", prompt("abc")), step("more", prompt("{{ agreed.comment }}"))]);
    plan.budget = Some(StepOrRunBudget { limit: Money::from_nanos(7), per: Per::Step, on_limit: OnLimit::Block });
    plan.default_model = Some("large".to_owned());
    let desk = Desk::start(plan, json!({}));
    let coverage = desk.question().coverage;
    let model = |at: usize| coverage.effects[at].model.clone().unwrap();
    assert_eq!(model(0).prompt_bytes, Some(("Answer.".len() + "abc".len() + r#"{"type":"object"}"#.len()) as u64));
    assert_eq!((model(0).max_tokens, model(0).budget), (Some(400), Some(Money::from_nanos(7))));
    assert_eq!(model(0).model.as_deref(), Some("large"));
    assert_eq!(model(1).prompt_bytes, None);
}

/// A plan in which everything is known when it is asked, over every kind of body.
fn all_known() -> Plan {
    let mut rich = post("https://a.example/x?y=1", Some("desk"), json!({"replaced": "below"}));
    if let StepKind::Http(http) = &mut rich {
        http.body = workflow::plan::HttpStepBody::Json(crate::plans::value(json!({"a": [1, {"b": "{{ 1 + 1 }}"}], "c": null})));
        http.query = vec![("q".to_owned(), crate::plans::value(json!("{{ 2 }}")))];
        http.headers.push(("X-Run".to_owned(), vec![CredentialPiece::Text(template("{{ run.id }}"))]));
        http.accept_status = vec![404];
        http.follow_redirects = true;
    }
    let mut form = get("https://a.example/form");
    if let StepKind::Http(http) = &mut form {
        http.body = workflow::plan::HttpStepBody::Form(vec![("n".to_owned(), crate::plans::value(json!(5)))]);
    }
    let mut text = get("https://a.example/text");
    if let StepKind::Http(http) = &mut text {
        http.body = workflow::plan::HttpStepBody::Text(template("as it is {{ true }}"));
    }
    plan(vec![
        step("ask", ask("Go on?")),
        step("rich", rich),
        step("form", form),
        step("text", text),
        step("none", get("https://a.example:8443/none")),
        step("think", prompt("abc")),
    ])
}

#[test]
fn what_was_covered_in_full_is_exactly_what_is_called() {
    let mut desk = Desk::start(all_known(), json!({}));
    let coverage = desk.question().coverage;
    desk.decide(workflow::event::Decision::Approved);
    for effect in &coverage.effects {
        let call = desk.call();
        assert_eq!(effect.step, call.step);
        assert_eq!(effect.arguments, serde_json::to_value(&call.call).unwrap(), "{}", effect.step);
        assert_eq!(effect.idempotency_key, json!(call.idempotency_key));
        matches(effect, &call.call, &call.idempotency_key).unwrap();
        desk.answer(json!({}));
    }
    assert!(desk.run.is_over());
}

/// A change to a request that was approved otherwise.
type Edit<'a> = &'a dyn Fn(&mut workflow::HttpCall);

#[test]
fn any_change_to_what_was_known_is_noticed() {
    let mut desk = Desk::start(all_known(), json!({}));
    let effect = desk.question().coverage.effects[0].clone();
    desk.decide(workflow::event::Decision::Approved);
    let owed = desk.call();
    let change = |edit: Edit| {
        let Call::Http(mut http) = owed.call.clone() else { panic!("not a request") };
        edit(&mut http);
        matches(&effect, &Call::Http(http), &owed.idempotency_key)
    };
    change(&|_| ()).unwrap();
    let edits: [(&str, Edit); 9] = [
        ("method", &|http| http.method = "DELETE".to_owned()),
        ("address", &|http| http.url.push('0')),
        ("host", &|http| http.url = http.url.replace("a.example", "b.example")),
        ("header", &|http| http.headers[1].1 = vec![workflow::Piece::Text("other".to_owned())]),
        ("credential", &|http| http.headers[0].1[1] = workflow::Piece::Credential("other".to_owned())),
        ("one more header", &|http| http.headers.push(("X".to_owned(), Vec::new()))),
        ("query", &|http| http.query[0].1 = "3".to_owned()),
        ("body", &|http| http.body = workflow::HttpBody::Json(json!({"a": [1, {"b": 3}], "c": null}))),
        ("redirects", &|http| http.follow_redirects = false),
    ];
    for (what, edit) in edits {
        assert!(change(edit).is_err(), "{what}");
    }
    assert!(matches(&effect, &owed.call, "another-key").is_err());
}

#[test]
fn an_address_that_is_half_known_keeps_its_host_and_beginning() {
    let coverage = covered(
        vec![step("first", get("https://a.example/1")).sets("first"), step("second", get("https://a.example/items/{{ first.id }}"))],
        json!({}),
    );
    let effect = &coverage.effects[1];
    let call = |url: &str| {
        let mut desk = Desk::start(plan(vec![step("second", get(url))]), json!({}));
        let owed = desk.dispatch();
        matches(effect, &owed.call, effect.idempotency_key.as_str().unwrap())
    };
    call("https://a.example/items/7").unwrap();
    for url in ["https://b.example/items/7", "http://a.example/items/7", "https://a.example/other/7", "https://a.example.evil/items/7"] {
        assert!(call(url).is_err(), "{url}");
    }
}

#[test]
fn a_value_from_outside_cannot_pass_itself_off_as_unknown() {
    for forged in [json!({"$unknown": "x"}), json!([{"a": {"$known": 1}}]), json!({"$unknown": "x", "$prefix": ""})] {
        let coverage = covered(
            vec![step("call", post("https://a.example/x", None, json!({"from_outside": "{{ known.body }}"})))],
            json!({"body": forged}),
        );
        let effect = &coverage.effects[0];
        let call = |body: Value| {
            let mut desk = Desk::start(plan(vec![step("call", post("https://a.example/x", None, body))]), json!({}));
            let owed = desk.dispatch();
            matches(effect, &owed.call, effect.idempotency_key.as_str().unwrap())
        };
        call(json!({"from_outside": forged})).unwrap();
        assert!(call(json!({"from_outside": "anything else"})).is_err(), "{forged}");
        assert!(call(json!({"from_outside": {"$known": forged}})).is_err(), "{forged}");
    }
}

#[test]
fn a_step_that_is_no_approval_of_the_plan_covers_nothing() {
    let desk = Desk::start(all_known(), json!({}));
    assert_eq!(compute(&desk.plan, &desk.run, "nowhere"), Coverage::default());
}
