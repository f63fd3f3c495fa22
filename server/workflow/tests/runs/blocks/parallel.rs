//! `parallel`.

use serde_json::json;

use super::{get, output, run};
use crate::desk::Desk;

fn three(more: &str) -> Desk {
    let branch = |id: &str, step: &str| format!("    - {{id: {id}, steps: [{}]}}\n", get(step));
    let branches = [branch("left", "a"), branch("middle", "b"), branch("right", "c")].concat();
    run(&format!(
        "\n- id: both\n  type: parallel\n{more}  branches:\n{branches}- {{id: end, action: workflow.set_outputs, inputs: {{all: \"{{{{ steps.both.output }}}}\"}}}}"
    ))
}

#[test]
fn branches_run_side_by_side_and_their_variables_are_found_below_their_names() {
    let mut desk = three("");
    assert_eq!(desk.owed(), ["a", "b", "c"]);
    desk.answer_of("c", json!(3));
    desk.crash();
    desk.answer_of("a", json!(1));
    assert_eq!(desk.state("both"), "open");
    desk.answer_of("b", json!(2));
    assert_eq!(desk.outputs()["all"], json!({"left": {"a": 1}, "middle": {"b": 2}, "right": {"c": 3}}));
}

#[test]
fn no_more_branches_than_allowed_are_ever_under_way() {
    let mut desk = three("  max_concurrent: 2\n");
    assert_eq!(desk.owed(), ["a", "b"]);
    desk.answer_of("b", json!(2));
    assert_eq!(desk.owed(), ["a", "c"]);
    desk.answer_of("a", json!(1));
    assert_eq!(desk.owed(), ["c"]);
}

#[test]
fn a_branch_that_fails_stops_the_others_with_what_they_have_out() {
    let mut desk = three("");
    let out = desk.call_of("a");
    desk.feed(Desk::dispatched(&out));
    desk.fail_of("b", "http_status");
    assert_eq!(desk.failed_with().0, "http_status");
    assert_eq!((desk.state("a"), desk.state("c")), ("stopped", "stopped"));
}

#[test]
fn a_branch_that_fails_keeps_what_the_others_give_when_it_goes_on() {
    let mut desk = three("  on_error: continue\n");
    desk.fail_of("b", "http_status");
    assert_eq!(desk.owed(), ["a", "c"]);
    desk.answer_of("a", json!(1));
    desk.answer_of("c", json!(3));
    let all = desk.outputs()["all"].clone();
    assert_eq!((&all["left"], &all["right"]), (&json!({"a": 1}), &json!({"c": 3})));
    assert_eq!((&all["middle"]["error"]["code"], &all["middle"]["error"]["step"]), (&json!("http_status"), &json!("b")));
    assert_eq!(desk.state("both"), "completed");
}

#[test]
fn branches_do_not_see_each_other() {
    let desk = run("
- {id: x, action: core.set, inputs: {v: outside}, output_variable: x}
- id: both
  type: parallel
  branches:
    - id: left
      steps:
        - {id: a, action: core.set, inputs: {v: left}, output_variable: x}
        - {id: say_a, action: workflow.log, inputs: {message: \"{{ x.v }}\"}}
    - id: right
      steps: [{id: say_b, action: workflow.log, inputs: {message: \"{{ x.v }}\"}}]
- {id: end, action: workflow.log, inputs: {message: \"{{ x.v }} {{ left.x.v }}\"}}");
    let mut said = desk.said();
    let end = said.pop();
    said.sort();
    assert_eq!((said, end.as_deref()), (vec!["left".to_owned(), "outside".to_owned()], Some("outside left")));
    assert_eq!(output(&desk, "both"), json!({"left": {"x": {"v": "left"}}, "right": {}}));
}

#[test]
fn a_question_in_one_branch_does_not_hold_the_other_up() {
    let mut desk = run(&format!(
        "
- id: both
  type: parallel
  branches:
    - {{id: left, steps: [{{id: ask, approval: {{title: Go?}}}}]}}
    - {{id: right, steps: [{}]}}",
        get("a")
    ));
    let approval = desk.put();
    desk.answer_of("a", json!(1));
    assert!(!desk.run.is_over());
    desk.feed(Desk::ended(approval, workflow::event::Decision::Approved));
    assert!(desk.run.is_over());
}
