//! `for_each` and `while`.

use std::time::Duration;

use serde_json::json;
use workflow::Event;

use super::{file, output, run, steps};
use crate::desk::Desk;

const EACH: &str = "
- id: each
  for_each: inputs.names
  item_variable: name
  index_variable: n
  concurrency: 2
  steps:
    - {id: read, action: http.request, output_variable: page, inputs: {method: GET, url: \"https://a.example/{{ name }}/{{ n }}\"}}
    - {id: row, action: core.set, inputs: {is: \"{{ page.body }}\", first: \"{{ loop.first }}\", left: \"{{ loop.length - loop.index }}\"}}
- {id: end, action: workflow.set_outputs, inputs: {rows: \"{{ steps.each.output }}\"}}";

fn each(names: &[&str]) -> Desk {
    Desk::start(file("inputs: {names: {type: array, required: true}}", EACH), json!({"names": names}))
}

fn page(body: &str) -> serde_json::Value {
    json!({"status": 200, "body": body})
}

#[test]
fn as_many_rounds_as_are_allowed_run_at_a_time_and_results_stand_in_the_order_of_the_items() {
    let mut desk = each(&["x", "y", "z"]);
    assert_eq!(desk.owed(), ["each[0]/read", "each[1]/read"]);
    let call = desk.answer_of("each[1]/read", page("Y"));
    assert_eq!(call["url"], "https://a.example/y/1");
    assert_eq!(desk.owed(), ["each[0]/read", "each[2]/read"], "the next round begins when one is over");
    desk.crash();
    desk.answer_of("each[2]/read", page("Z"));
    assert_eq!(desk.owed(), ["each[0]/read"]);
    desk.answer_of("each[0]/read", page("X"));
    assert_eq!(
        desk.outputs()["rows"],
        json!([{"is": "X", "first": true, "left": 2}, {"is": "Y", "first": false, "left": 1}, {"is": "Z", "first": false, "left": 0}])
    );
}

#[test]
fn no_items_are_no_rounds_and_an_empty_list() {
    assert_eq!(each(&[]).outputs(), json!({"rows": []}));
}

#[test]
fn what_is_no_list_fails_the_step() {
    let desk = run("- {id: each, for_each: run.number, steps: [{id: a, action: workflow.log, inputs: {message: x}}]}");
    let (code, message) = desk.failed_with();
    assert_eq!((code, message), ("expression", "items: has to be a list and is a number"));
}

#[test]
fn a_round_that_fails_stops_the_others_and_the_loop() {
    let mut desk = each(&["x", "y", "z"]);
    let out = desk.call_of("each[0]/read");
    desk.feed(Desk::dispatched(&out));
    desk.fail_of("each[1]/read", "http_status");
    assert_eq!(desk.failed_with().0, "http_status");
    assert_eq!(desk.state("each[0]/read"), "stopped");
    assert!(desk.owed().is_empty());
    let late = desk.offer(Desk::finished(&out, Ok(page("late")), None));
    assert!(late.is_err(), "what comes back after the end changes nothing");
}

#[test]
fn a_failure_inside_a_round_can_be_passed_over_there() {
    let mut desk = Desk::start(
        steps(
            "
- id: each
  for_each: [a, b]
  steps:
    - id: read
      action: http.request
      inputs: {method: GET, url: \"https://a.example/{{ item }}\"}
      on_error: {action: continue, fallback: none}
- {id: end, action: workflow.set_outputs, inputs: {rows: \"{{ steps.each.output }}\"}}",
        ),
        json!({}),
    );
    desk.fail_of("each[0]/read", "connection");
    desk.answer_of("each[1]/read", page("B"));
    assert_eq!(desk.outputs()["rows"], json!(["none", page("B")]));
}

#[test]
fn the_names_of_a_round_are_its_own_and_gone_afterwards() {
    let mut desk = run("
- {id: name, action: core.set, inputs: {v: outside}, output_variable: name}
- id: each
  for_each: [a, b]
  item_variable: letter
  concurrency: 2
  steps:
    - {id: read, action: http.request, output_variable: page, inputs: {method: GET, url: \"https://a.example/{{ letter }}\"}}
    - {id: told, action: workflow.log, inputs: {message: \"{{ letter }} {{ page.body }} {{ name.v }} {{ loop.index0 }}\"}}
- {id: end, action: workflow.log, inputs: {message: \"{{ name.v }}\"}}");
    desk.answer_of("each[1]/read", page("B"));
    desk.answer_of("each[0]/read", page("A"));
    assert_eq!(desk.said(), ["b B outside 1", "a A outside 0", "outside"]);
}

#[test]
fn a_loop_goes_in_batches_with_a_pause_between() {
    let mut desk = run("
- id: each
  for_each: [1, 2, 3, 4, 5]
  batch_size: 2
  pause_between_batches: 10s
  concurrency: 5
  steps: [{id: say, action: workflow.log, inputs: {message: \"{{ item }}\"}}]");
    assert_eq!(desk.said(), ["1", "2"]);
    let begun = desk.now;
    desk.crash();
    assert_eq!(desk.said().len(), 2, "a crash is no end of a pause");
    desk.wait();
    assert_eq!((desk.said().len(), desk.now), (4, begun.after(Duration::from_secs(10))));
    desk.wait();
    assert_eq!(desk.said(), ["1", "2", "3", "4", "5"]);
    assert!(desk.run.is_over());
    assert_eq!(desk.journal.iter().filter(|(_, event)| matches!(event, Event::LoopPaused { .. })).count(), 2);
}

#[test]
fn loops_in_loops_have_paths_and_names_of_both() {
    let desk = run("
- id: outer
  for_each: [[1, 2], [3]]
  item_variable: row
  steps:
    - id: inner
      for_each: row
      item_variable: cell
      steps: [{id: cube, action: core.set, inputs: {v: \"{{ cell * cell * cell }}\", at: \"{{ loop.index0 }}\"}}]
- {id: end, action: workflow.set_outputs, inputs: {all: \"{{ steps.outer.output }}\"}}");
    assert_eq!(desk.outputs()["all"], json!([[{"v": 1, "at": 0}, {"v": 8, "at": 1}], [{"v": 27, "at": 0}]]));
    assert_eq!(output(&desk, "outer[0]/inner[1]/cube"), json!({"v": 8, "at": 1}));
}

const WHILE: &str = "
- {id: n, action: core.set, inputs: {v: 0}, output_variable: n}
- id: again
  while: n.v < 3
  max_iterations: 5
  steps: [{id: more, action: core.set, inputs: {v: \"{{ n.v + 1 }}\"}, output_variable: n}]
- {id: end, action: workflow.set_outputs, inputs: {n: \"{{ n.v }}\", last: \"{{ steps.again.output.v }}\"}}";

#[test]
fn a_while_goes_on_as_long_as_its_test_holds_and_shares_the_names_around_it() {
    let desk = run(WHILE);
    assert_eq!(desk.outputs(), json!({"n": 3, "last": 3}));
    assert_eq!(output(&desk, "again[1]/more"), json!({"v": 2}));
}

#[test]
fn a_while_that_does_not_end_fails_at_its_limit() {
    let desk = run(&WHILE.replace("n.v < 3", "n.v >= 0"));
    let (code, message) = desk.failed_with();
    assert_eq!(code, "max_iterations");
    assert!(message.contains("after 5 rounds"), "{message}");
    assert_eq!(desk.state("again[4]/more"), "completed");
    assert_eq!(desk.state("again[5]/more"), "idle");
}

#[test]
fn a_while_that_does_not_hold_at_first_does_nothing() {
    let desk = run(&WHILE.replace("n.v < 3", "n.v < 0").replace("steps.again.output.v", "steps.again.output"));
    assert_eq!(desk.outputs(), json!({"n": 0, "last": null}));
}

#[test]
fn exactly_as_many_rounds_as_are_allowed_are_no_failure() {
    assert_eq!(run(&WHILE.replace("n.v < 3", "n.v < 5")).outputs()["n"], json!(5));
}

#[test]
fn an_approval_in_each_round_is_asked_in_each() {
    let mut desk = run("
- id: each
  for_each: [a, b]
  steps:
    - {id: ask, approval: {title: \"Pay {{ item }}?\"}, output_variable: yes}
    - {id: pay, action: http.request, inputs: {method: POST, url: \"https://pay.example/{{ item }}\"}}");
    for item in ["a", "b"] {
        let question = desk.question();
        assert_eq!(question.request.title, format!("Pay {item}?"));
        let covered: Vec<_> = question.coverage.effects.iter().map(|effect| effect.arguments["url"].clone()).collect();
        assert_eq!(covered, [json!(format!("https://pay.example/{item}"))], "a yes covers its round, and no other");
        desk.decide(workflow::event::Decision::Approved);
        let paying = desk.owed();
        assert_eq!(paying.len(), 1);
        let call = desk.call_of(&paying[0]);
        assert!(call.covered_by.unwrap().effect.is_some());
        desk.answer_of(&paying[0], json!({"status": 200}));
    }
    assert!(desk.run.is_over());
}

#[test]
fn a_list_that_is_too_long_is_refused_before_its_first_round() {
    let plan = file(
        "inputs: {all: {type: array, required: true}}",
        "- {id: each, for_each: inputs.all, steps: [{id: a, action: workflow.log, inputs: {message: x}}]}",
    );
    let desk = Desk::start(plan, json!({"all": vec![0; 10_001]}));
    assert_eq!(desk.failed_with().0, "too_many_items");
    assert!(desk.said().is_empty());
}
