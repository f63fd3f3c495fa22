//! The expense report: a suggestion that may fail, a form that a manager fills in, and every way it can end.

use domain::ApprovalId;
use serde_json::{Map, Value, json};
use workflow::{
    Call, HttpBody, Input, Plan,
    coverage::matches,
    event::{ApprovalRequest, AskedField, Decision},
    form::{Answer, filled, filled_from_texts},
    parse,
    plan::FormKind,
};

use crate::desk::Desk;

fn example(name: &str) -> Plan {
    let source = std::fs::read_to_string(format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let parsed = parse(&source);
    parsed.plan.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
}

pub fn begin(amount: f64, receipts: &[&str]) -> Desk {
    let inputs = json!({"employee": "Dana", "amount": amount, "purpose": "Train to *Oslo*", "receipts": receipts});
    Desk::start(example("expense-report.md"), inputs)
}

/// Up to the question, with what the model suggests.
fn sorted() -> Desk {
    let mut desk = begin(80.5, &["a.pdf"]);
    desk.answer(json!({"cost_centre": "4711", "why": "travel"}));
    desk
}

pub fn ended(approval: ApprovalId, decision: Decision, fields: Value) -> Input {
    let Value::Object(fields) = fields else { panic!("fields have names") };
    Input::ApprovalEnded { approval, decision, by: Some("mia@acme.test".to_owned()), comment: None, fields: Some(fields) }
}

#[test]
fn a_manager_books_an_expense_on_the_cost_centre_they_give() {
    let mut desk = sorted();
    let question = desk.question();
    assert_eq!(question.request.title, "Dana: 80.5 for other");
    assert_eq!(question.request.description.as_deref(), Some("Train to \\*Oslo\\*"), "what an employee wrote formats nothing");
    let shown: Vec<&str> = question.request.shows.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(shown, ["4711 (travel)", "1"]);
    let fields = &question.request.fields;
    assert_eq!((fields[0].label.as_str(), &fields[0].default, fields[0].required), ("Cost centre", &json!("4711"), true));
    assert_eq!((fields[1].label.as_str(), &fields[1].default, fields[1].required), ("Remark for the employee", &Value::Null, false));
    let covered = &question.coverage.effects[0];
    assert_eq!((covered.step.as_str(), covered.only_if.as_deref()), ("book", Some("decision.decision == 'approved'")));
    assert!(covered.unknown.contains(&"decision".to_owned()), "the approver gives it, so nobody knows it before: {:?}", covered.unknown);

    let approval = desk.put();
    desk.feed(ended(approval, Decision::Approved, json!({"cost_centre": "0815", "remark": null})));
    let book = desk.call();
    let Call::Http(http) = &book.call else { panic!("{book:?}") };
    assert_eq!(http.body, HttpBody::Json(json!({"employee": "Dana", "amount": 80.5, "cost_centre": "0815"})));
    matches(book.covered_by.as_ref().unwrap().effect.as_ref().unwrap(), &book.call, &book.idempotency_key).unwrap();
    desk.answer(json!({"status": 201, "headers": {}, "body": {}}));
    assert_eq!(desk.outputs(), json!({"status": "approved", "cost_centre": "0815", "remark": ""}));
    assert_eq!(desk.output("decide")["fields"], json!({"cost_centre": "0815", "remark": null}));
}

#[test]
fn a_rejection_goes_on_without_booking_and_says_why() {
    let mut desk = sorted();
    let approval = desk.put();
    desk.feed(ended(approval, Decision::Rejected, json!({"cost_centre": null, "remark": "Too dear"})));
    assert_eq!(desk.state("book"), "skipped");
    assert_eq!(desk.outputs(), json!({"status": "rejected", "cost_centre": "4711", "remark": "Too dear"}));
}

#[test]
fn what_nobody_decides_goes_on_without_fields() {
    let mut desk = sorted();
    desk.decide(Decision::Expired);
    assert_eq!(desk.output("decide")["fields"], Value::Null);
    assert_eq!(desk.outputs(), json!({"status": "expired", "cost_centre": "4711", "remark": ""}));
}

#[test]
fn a_model_that_fails_is_replaced_by_what_the_step_falls_back_to() {
    let mut desk = begin(20.0, &[]);
    desk.fail("provider", false);
    assert_eq!((desk.state("sort"), desk.output("sort")), ("failed", json!({"cost_centre": "9999", "why": "no suggestion"})));
    assert_eq!(desk.run.passed_over().map(|(path, _)| path).collect::<Vec<_>>(), ["sort"]);
    assert_eq!(desk.question().request.fields[0].default, json!("9999"));
    let approval = desk.put();
    desk.crash();
    desk.feed(ended(approval, Decision::Approved, json!({"cost_centre": "9999", "remark": "fine"})));
    desk.answer(json!({"status": 201, "headers": {}, "body": {}}));
    assert_eq!(desk.outputs(), json!({"status": "approved", "cost_centre": "9999", "remark": "fine"}));
    let trace = desk.trace();
    assert!(trace.windows(2).any(|pair| pair == ["step_failed sort", "passed_over sort"]), "{trace:?}");
}

#[test]
fn a_refusal_of_the_host_is_a_failure_that_is_passed_over_too() {
    let mut desk = begin(20.0, &[]);
    desk.feed(Input::Refused { step: "sort".to_owned(), failure: crate::desk::failure("budget", false) });
    assert_eq!(desk.output("sort")["cost_centre"], "9999");
    assert_eq!(desk.question().round, 1);
}

#[test]
fn an_expense_above_fifty_without_a_receipt_is_not_looked_at() {
    let desk = begin(50.01, &[]);
    assert_eq!(desk.failed_with(), ("assertion", "An expense above 50 needs at least one receipt"));
}

fn field(name: &str, kind: FormKind, required: bool, check: Value) -> AskedField {
    let mut whole = json!({"kind": "string", "one_of": null, "min": null, "max": null, "pattern": null, "items": null});
    whole.as_object_mut().unwrap().extend(check.as_object().unwrap().clone());
    AskedField {
        name: name.to_owned(),
        kind,
        label: name.to_owned(),
        description: None,
        required,
        default: Value::Null,
        check: serde_json::from_value(whole).unwrap(),
    }
}

fn every_kind() -> Vec<AskedField> {
    vec![
        field("code", FormKind::String, true, json!({"pattern": "^[0-9]{4}$"})),
        field("why", FormKind::Text, false, json!({"max": 20.0})),
        field("figure", FormKind::Number, false, json!({"kind": "number", "min": 0.0})),
        field("sure", FormKind::Boolean, false, json!({"kind": "boolean"})),
        field("colour", FormKind::Select, false, json!({"one_of": ["red", "blue"]})),
        field("day", FormKind::Date, false, json!({})),
        field("mail", FormKind::Email, false, json!({})),
        field("page", FormKind::Url, false, json!({})),
    ]
}

#[test]
fn a_form_gives_every_field_with_its_type() {
    let texts = [
        ("code", "0815"),
        ("why", "two\nlines"),
        ("figure", " 1.5 "),
        ("sure", "false"),
        ("sure", "true"),
        ("colour", "blue"),
        ("day", "2024-02-29"),
        ("mail", " mia@acme.test "),
        ("page", "https://acme.test/x"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()));
    let values = json!({
        "code": "0815", "why": "two\nlines", "figure": 1.5, "sure": true, "colour": "blue",
        "day": "2024-02-29", "mail": "mia@acme.test", "page": "https://acme.test/x",
    });
    assert_eq!(Value::Object(filled_from_texts(&every_kind(), &texts, Answer::Yes).unwrap()), values);
    assert_eq!(Value::Object(filled(&every_kind(), values.as_object().unwrap(), Answer::Yes).unwrap()), values);
}

#[test]
fn what_is_not_given_is_null_and_only_a_yes_needs_what_is_required() {
    let nothing = [("code", ""), ("why", "  "), ("figure", ""), ("colour", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let values = filled_from_texts(&every_kind(), &nothing, Answer::No).unwrap();
    assert_eq!(values.len(), 8);
    assert!(values.values().all(Value::is_null), "{values:?}");
    let problems = filled_from_texts(&every_kind(), &nothing, Answer::Yes).unwrap_err();
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), ["code: is required"]);
    assert_eq!(filled(&every_kind(), &Map::new(), Answer::Yes).unwrap_err().len(), 1);
}

#[test]
fn what_does_not_fit_is_named_field_by_field() {
    for (name, value, message) in [
        ("code", json!("815"), "has to match ^[0-9]{4}$"),
        ("code", json!("0815\n"), "has to be one line"),
        ("code", json!(815), "has to be text and is a number"),
        ("why", json!("x".repeat(21)), "has to be at most 20 characters"),
        ("figure", json!(-1), "has to be at least 0"),
        ("figure", json!("many"), "has to be a number and is text"),
        ("sure", json!("yes"), "has to be true or false and is text"),
        ("colour", json!("green"), "has to be one of \"red\", \"blue\""),
        ("day", json!("2026-02-30"), "has to be a day, as 2026-01-31"),
        ("day", json!("2026-01-31T10:00:00Z"), "has to be a day, as 2026-01-31"),
        ("mail", json!("mia"), "has to be an e-mail address"),
        ("page", json!("javascript:alert(1)"), "has to be an address that begins with http:// or https://"),
        ("page", json!("x".repeat(10_001)), "has to be at most 10000 characters"),
        ("cod", json!("0815"), "is no field of this form"),
    ] {
        for answer in [Answer::Yes, Answer::No] {
            let mut given = json!({"code": "0815"});
            given[name] = value.clone();
            let problems = filled(&every_kind(), given.as_object().unwrap(), answer).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!((problems[0].field.as_str(), problems[0].message.as_str()), (name, message));
        }
    }
    let texts = [("code", "0815"), ("figure", "many"), ("cod", "x")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let problems = filled_from_texts(&every_kind(), &texts, Answer::Yes).unwrap_err();
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["figure: has to be a number", "cod: is no field of this form"]
    );
    assert_eq!(problems[1].suggestion.as_deref(), Some("code"));
}

#[test]
fn a_question_without_a_form_is_written_as_it_always_was() {
    let desk = sorted();
    let mut request = desk.question().request;
    request.fields.clear();
    request.on_expiry = workflow::plan::AfterRefusal::Stop;
    request.on_reject = workflow::plan::AfterRefusal::Stop;
    let written = serde_json::to_value(&request).unwrap();
    let mut keys: Vec<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["approvers", "description", "quorum", "risk", "shows", "title"]);
    assert_eq!(serde_json::from_value::<ApprovalRequest>(written).unwrap(), request);
}
