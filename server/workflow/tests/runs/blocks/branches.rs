//! `if` and `switch`.

use serde_json::{Value, json};

use super::{file, get, output, run};
use crate::desk::Desk;

const BIG: &str = "
- id: which
  if: inputs.amount > 100
  then:
    - {id: big, action: core.set, inputs: {size: big}, output_variable: size}
    - {id: told, action: workflow.log, inputs: {message: \"{{ size.size }}\"}}
  else:
    - {id: small, action: core.set, inputs: {size: small}, output_variable: size}
- {id: end, action: workflow.set_outputs, inputs: {size: \"{{ size.size }}\"}}";

#[test]
fn one_of_two_blocks_is_taken_and_the_other_is_not() {
    let amount = |amount: i64| Desk::start(file("inputs: {amount: {type: integer, required: true}}", BIG), json!({"amount": amount}));
    let big = amount(101);
    assert_eq!((big.outputs(), big.said()), (json!({"size": "big"}), vec!["big".to_owned()]));
    assert_eq!((big.state("which"), big.state("big"), big.state("small")), ("completed", "completed", "idle"));
    let small = amount(100);
    assert_eq!((small.outputs(), small.state("big"), small.state("small")), (json!({"size": "small"}), "idle", "completed"));
    assert_eq!(output(&small, "which"), json!({"size": "small"}), "it gives the last result of its block");
}

#[test]
fn a_block_that_is_not_there_gives_nothing_and_the_run_goes_on() {
    let desk = run("
- id: which
  if: 'false'
  then: [{id: never, action: core.set, inputs: {a: 1}, output_variable: a}]
- {id: end, action: workflow.set_outputs, inputs: {a: \"{{ a }}\"}}");
    assert_eq!((desk.outputs(), output(&desk, "which")), (json!({"a": null}), Value::Null));
}

#[test]
fn a_test_that_cannot_be_asked_fails_the_step_and_not_one_block_runs() {
    let desk = run("
- {id: word, action: core.set, inputs: {a: x}, output_variable: word}
- id: which
  if: word.a > 1
  then: [{id: yes, action: workflow.log, inputs: {message: y}}]
  else: [{id: no, action: workflow.log, inputs: {message: n}}]");
    assert_eq!(desk.failed_with().0, "expression");
    assert!(desk.said().is_empty());
}

#[test]
fn the_block_of_the_case_that_equals_is_taken_and_numbers_are_no_texts() {
    let desk = |kind: Value| {
        let plan = file(
            "inputs: {kind: {type: object, required: true}}",
            "
- id: by
  switch: inputs.kind.of
  cases:
    1: [{id: one, action: workflow.log, inputs: {message: the number}}]
    low: [{id: low, action: workflow.log, inputs: {message: low}}]
    true: [{id: yes, action: workflow.log, inputs: {message: truth}}]
  default: [{id: other, action: workflow.log, inputs: {message: other}}]",
        );
        Desk::start(plan, json!({"kind": {"of": kind}})).said()
    };
    assert_eq!(desk(json!(1)), ["the number"]);
    assert_eq!(desk(json!(1.0)), ["the number"]);
    assert_eq!(desk(json!("1")), ["other"]);
    assert_eq!(desk(json!("low")), ["low"]);
    assert_eq!(desk(json!(true)), ["truth"]);
    assert_eq!(desk(json!([1])), ["other"]);
    assert_eq!(desk(json!(null)), ["other"]);
}

#[test]
fn a_skipped_step_takes_none_of_its_blocks() {
    let desk = run("
- id: which
  condition: 'false'
  if: 'true'
  then: [{id: never, action: workflow.log, inputs: {message: no}}]
- {id: end, action: workflow.log, inputs: {message: \"{{ steps.which.status }} {{ steps.never.output is none }}\"}}");
    assert_eq!((desk.state("which"), desk.state("never"), desk.said()), ("skipped", "idle", vec!["skipped true".to_owned()]));
}

#[test]
fn a_call_inside_a_block_inside_a_block_is_owed_and_its_answer_is_seen_behind_both() {
    let mut desk = run(&format!(
        "
- id: outer
  if: 'true'
  then:
    - id: inner
      switch: \"'a'\"
      cases: {{a: [{}]}}
- {{id: end, action: workflow.set_outputs, inputs: {{got: \"{{{{ read.body }}}}\"}}}}",
        get("read")
    ));
    assert_eq!((desk.owed(), desk.state("outer"), desk.state("inner")), (vec!["read".to_owned()], "open", "open"));
    desk.crash();
    desk.answer_of("read", json!({"status": 200, "body": "hi"}));
    assert_eq!(desk.outputs(), json!({"got": "hi"}));
    assert_eq!(output(&desk, "outer"), json!({"status": 200, "body": "hi"}));
}
