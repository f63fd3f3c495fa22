//! What a run may be started with.

use serde_json::{Map, Value, json};
use workflow::{
    Plan,
    inputs::{FieldProblem, check, fits, from_form},
    plan::{FieldCheck, FieldType, InputField},
};

use crate::plans::{field, input, payment, plan};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

fn problems(result: Result<Map<String, Value>, Vec<FieldProblem>>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn given_values_are_kept_and_the_rest_is_defaulted_in_the_order_of_the_file() {
    let checked = check(&payment(), &object(json!({"note": "x", "invoice_id": "INV-2041"}))).unwrap();
    assert_eq!(Value::Object(checked.clone()), json!({"invoice_id": "INV-2041", "ask_above": 1000, "note": "x"}));
    assert_eq!(checked.keys().collect::<Vec<_>>(), ["invoice_id", "ask_above", "note"]);
}

#[test]
fn all_problems_come_at_once() {
    assert_eq!(
        problems(check(&payment(), &object(json!({"ask_above": -1, "note": 5, "invoices": "INV-2041", "zzzzzzzzz": 1})))),
        [
            "invoice_id: is required",
            "ask_above: has to be at least 0",
            "note: has to be text and is a number",
            "invoices: is not an input of this workflow; did you mean invoice_id?",
            "zzzzzzzzz: is not an input of this workflow",
        ]
    );
    let near = check(&payment(), &object(json!({"invoice_id": "INV-2041", "ask_abov": 1}))).unwrap_err();
    assert_eq!(near[0].suggestion.as_deref(), Some("ask_above"));
}

#[test]
fn no_problem_repeats_the_value() {
    let said = problems(check(&payment(), &object(json!({"invoice_id": "secret-number", "ask_above": "secret-sum"}))));
    assert!(!said.join(" ").contains("secret"), "{said:?}");
}

#[test]
fn values_are_checked_by_their_type_and_limits() {
    let text = |min, max| FieldCheck { min, max, ..field(FieldType::String) };
    let list = FieldCheck { max: Some(2.0), items: Some(Box::new(field(FieldType::Integer))), ..field(FieldType::Array) };
    let one_of = FieldCheck { one_of: Some(vec![json!("a"), json!("b")]), ..field(FieldType::String) };
    let table: Vec<(FieldCheck, Value, Option<&str>)> = vec![
        (text(Some(2.0), Some(3.0)), json!("äöü"), None),
        (text(Some(2.0), None), json!("ä"), Some("has to be at least 2 characters")),
        (text(None, Some(3.0)), json!("abcd"), Some("has to be at most 3 characters")),
        (field(FieldType::Integer), json!(3), None),
        (field(FieldType::Integer), json!(3.0), Some("has to be a whole number of 64 bits")),
        (field(FieldType::Integer), json!(u64::MAX), Some("has to be a whole number of 64 bits")),
        (field(FieldType::Integer), json!("3"), Some("has to be a whole number and is text")),
        (field(FieldType::Number), json!(3.5), None),
        (field(FieldType::Number), json!(null), Some("has to be a number and is null")),
        (field(FieldType::Boolean), json!(1), Some("has to be true or false and is a number")),
        (field(FieldType::Object), json!({}), None),
        (field(FieldType::Object), json!([]), Some("has to be an object and is a list")),
        (list.clone(), json!([1, 2]), None),
        (list.clone(), json!([1, 2, 3]), Some("has to be at most 2 elements")),
        (list, json!([1, "x"]), Some("element 2 has to be a whole number and is text")),
        (one_of.clone(), json!("b"), None),
        (one_of, json!("c"), Some("has to be one of \"a\", \"b\"")),
        (FieldCheck { pattern: Some("^a+$".to_owned()), ..field(FieldType::String) }, json!("aab"), Some("has to match ^a+$")),
        (
            FieldCheck { pattern: Some("(".to_owned()), ..field(FieldType::String) },
            json!("a"),
            Some("its pattern is not a regular expression"),
        ),
    ];
    for (check, value, problem) in table {
        assert_eq!(fits(&check, &value).err().as_deref(), problem, "{check:?} {value}");
    }
}

/// A plan with one input of each type.
fn every_type() -> Plan {
    Plan {
        inputs: vec![
            input("text", field(FieldType::String)),
            input("whole", field(FieldType::Integer)),
            input("number", field(FieldType::Number)),
            InputField { default: Some(json!(true)), ..input("yes", field(FieldType::Boolean)) },
            input("list", FieldCheck { items: Some(Box::new(field(FieldType::Number))), ..field(FieldType::Array) }),
            input("object", field(FieldType::Object)),
        ],
        ..plan(Vec::new())
    }
}

fn form(fields: &[(&str, &str)]) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    from_form(&every_type(), &fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<Vec<_>>())
}

#[test]
fn the_texts_of_a_form_become_values_of_their_types() {
    let typed = form(&[
        ("text", " as it is "),
        ("whole", " 12 "),
        ("number", "1.50"),
        ("yes", "false"),
        ("list", "1\n2.5\n"),
        ("object", r#"{"a": 1}"#),
    ]);
    assert_eq!(
        Value::Object(typed.unwrap()),
        json!({"text": " as it is ", "whole": 12, "number": 1.5, "yes": false, "list": [1, 2.5], "object": {"a": 1}})
    );
}

#[test]
fn an_empty_field_is_not_given_but_an_empty_text_is_a_text() {
    let typed = form(&[("text", ""), ("whole", ""), ("number", " "), ("yes", ""), ("list", ""), ("object", "")]).unwrap();
    assert_eq!(Value::Object(typed), json!({"text": "", "whole": null, "number": null, "yes": true, "list": null, "object": null}));
    let missing = from_form(&payment(), &[("invoice_id".to_owned(), String::new())]);
    assert_eq!(problems(missing), ["invoice_id: is required"]);
}

#[test]
fn a_box_that_is_not_ticked_is_false_by_the_hidden_field_before_it() {
    assert_eq!(form(&[("yes", "false")]).unwrap()["yes"], json!(false));
    assert_eq!(form(&[("yes", "false"), ("yes", "true")]).unwrap()["yes"], json!(true));
}

#[test]
fn what_cannot_be_read_is_said_once_for_each_field() {
    assert_eq!(
        problems(form(&[("whole", "1.5"), ("number", "inf"), ("yes", "perhaps"), ("list", "1\nx"), ("object", "{"), ("other", "x")])),
        [
            "whole: has to be a whole number",
            "number: has to be a number",
            "yes: has to be true or false",
            "list: element 2 has to be a number",
            "object: has to be an object",
            "other: is not an input of this workflow",
        ]
    );
}

#[test]
fn several_fields_of_one_name_are_a_list() {
    assert_eq!(form(&[("list", "1"), ("list", "2")]).unwrap()["list"], json!([1, 2]));
    assert_eq!(form(&[("list", "[3, 4]")]).unwrap()["list"], json!([3, 4]));
    assert_eq!(problems(form(&[("list", "[3, \"x\"]")])), ["list: element 2 has to be a number and is text"]);
}
