//! `try`, `on_error`, and what takes steps back.

use serde_json::json;
use workflow::Input;

use super::{get, run};
use crate::desk::Desk;

/// A request that changes something and says how it is taken back.
fn act(id: &str) -> String {
    format!(
        "{{id: {id}, action: http.request, inputs: {{method: POST, url: \"https://a.example/{id}\"}}, compensate: {{id: undo_{id}, action: http.request, inputs: {{method: DELETE, url: \"https://a.example/{id}\"}}}}}}"
    )
}

fn attempt(body: &[String], rest: &str) -> Desk {
    let body: String = body.iter().flat_map(|step| ["    - ", step, "\n"]).collect();
    run(&format!("\n- id: safe\n  try:\n{body}{rest}- {{id: end, action: workflow.log, inputs: {{message: end}}}}"))
}

const CATCH: &str =
    "  catch: [{id: caught, action: workflow.log, inputs: {message: \"{{ error.step }} {{ error.code }} {{ error.message }}\"}}]\n";
const FINALLY: &str = "  finally: [{id: close, action: workflow.log, inputs: {message: closed}}]\n";

#[test]
fn a_body_without_failures_goes_to_finally_and_catches_nothing() {
    let mut desk = attempt(&[act("a")], &format!("{CATCH}{FINALLY}"));
    desk.answer_of("a", json!({"status": 200}));
    assert_eq!(desk.said(), ["closed", "end"]);
    assert_eq!(desk.state("caught"), "idle");
}

#[test]
fn a_failure_takes_back_in_reverse_what_was_done_then_catches_then_closes() {
    let mut desk = attempt(&[act("a"), act("b"), get("c")], &format!("{CATCH}{FINALLY}"));
    desk.answer_of("a", json!({"status": 200}));
    desk.answer_of("b", json!({"status": 200}));
    desk.fail_of("c", "http_status");
    assert_eq!(desk.owed(), ["undo_b"], "the last first, one after the other");
    assert!(desk.said().is_empty(), "catch comes when all is taken back");
    desk.crash();
    let call = desk.answer_of("undo_b", json!({"status": 204}));
    assert_eq!((&call["method"], &call["url"]), (&json!("DELETE"), &json!("https://a.example/b")));
    desk.answer_of("undo_a", json!({"status": 204}));
    assert_eq!(desk.said(), ["c http_status it failed with http_status", "closed", "end"]);
    assert!(desk.outputs().is_object());
    assert_eq!(desk.state("safe"), "completed");
}

#[test]
fn what_cannot_be_taken_back_does_not_keep_the_rest_from_it() {
    let mut desk = attempt(&[act("a"), act("b"), get("c")], CATCH);
    desk.answer_of("a", json!({"status": 200}));
    desk.answer_of("b", json!({"status": 200}));
    desk.fail_of("c", "http_status");
    desk.fail_of("undo_b", "connection");
    assert_eq!(desk.owed(), ["undo_a"]);
    desk.answer_of("undo_a", json!({"status": 204}));
    assert_eq!((desk.said().len(), desk.state("undo_b")), (2, "failed"));
}

#[test]
fn without_catch_the_failure_goes_on_after_finally() {
    let mut desk = attempt(&[get("c")], FINALLY);
    desk.fail_of("c", "http_status");
    assert_eq!((desk.said(), desk.failed_with().0), (vec!["closed".to_owned()], "http_status"));
}

#[test]
fn a_failure_in_catch_closes_and_then_goes_on() {
    let mut desk = attempt(&[get("c")], &format!("  catch: [{}]\n{FINALLY}", get("d")));
    desk.fail_of("c", "http_status");
    desk.fail_of("d", "connection");
    assert_eq!((desk.said(), desk.failed_with().0), (vec!["closed".to_owned()], "connection"));
}

#[test]
fn a_failure_in_finally_is_the_failure() {
    let mut desk = attempt(&[get("c")], &format!("{CATCH}  finally: [{}]\n", get("d")));
    desk.answer_of("c", json!(1));
    desk.fail_of("d", "connection");
    assert_eq!((desk.failed_with().0, desk.state("caught")), ("connection", "idle"));
}

#[test]
fn what_was_skipped_is_not_taken_back() {
    let skipped = act("a").replacen("{id: a,", "{id: a, condition: 'false',", 1);
    let mut desk = attempt(&[skipped, get("c")], CATCH);
    desk.fail_of("c", "http_status");
    assert_eq!((desk.state("a"), desk.state("undo_a"), desk.said().len()), ("skipped", "idle", 2));
}

#[test]
fn each_round_that_was_done_is_taken_back_with_its_own_item() {
    let mut desk = run("
- id: safe
  try:
    - id: each
      for_each: [p, q]
      steps:
        - id: act
          action: http.request
          inputs: {method: POST, url: \"https://a.example/{{ item }}\"}
          compensate: {id: undo, action: http.request, inputs: {method: DELETE, url: \"https://a.example/{{ item }}\"}}
    - {id: broken, action: workflow.fail, inputs: {message: no, code: mine}}
  catch: [{id: caught, action: workflow.log, inputs: {message: \"{{ error.code }}\"}}]");
    desk.answer_of("each[0]/act", json!({"status": 200}));
    desk.answer_of("each[1]/act", json!({"status": 200}));
    assert_eq!(desk.owed(), ["each[1]/undo"]);
    assert_eq!(desk.answer_of("each[1]/undo", json!({"status": 204}))["url"], "https://a.example/q");
    assert_eq!(desk.answer_of("each[0]/undo", json!({"status": 204}))["url"], "https://a.example/p");
    assert_eq!(desk.said(), ["mine"]);
}

#[test]
fn a_try_in_a_try_catches_what_is_its_own() {
    let mut desk = run(&format!(
        "
- id: outer
  try:
    - id: inner
      try: [{}]
      catch: [{{id: again, action: workflow.fail, inputs: {{message: worse, code: worse}}}}]
  catch: [{{id: caught, action: workflow.log, inputs: {{message: \"{{{{ error.step }}}} {{{{ error.code }}}}\"}}}}]",
        get("c")
    ));
    desk.fail_of("c", "http_status");
    assert_eq!(desk.said(), ["again worse"]);
}

fn failing(on_error: &str) -> Desk {
    run(&format!(
        "
- {}
- id: a
  action: http.request
  inputs: {{method: GET, url: \"https://a.example/\"}}
  output_variable: a
  on_error: {on_error}
- {{id: end, action: workflow.set_outputs, inputs: {{a: \"{{{{ a }}}}\"}}}}",
        act("first")
    ))
}

#[test]
fn another_step_stands_in_for_one_that_failed() {
    let fallback = "{action: fallback, fallback: {id: other, action: http.request, inputs: {method: GET, url: \"https://b.example/\"}}}";
    let mut desk = failing(fallback);
    desk.answer_of("first", json!({"status": 200}));
    desk.fail_of("a", "connection");
    desk.crash();
    assert_eq!((desk.owed(), desk.state("a")), (vec!["other".to_owned()], "replacing"));
    desk.answer_of("other", json!({"body": "B"}));
    assert_eq!(desk.outputs(), json!({"a": {"body": "B"}}));

    let mut desk = failing(fallback);
    desk.answer_of("first", json!({"status": 200}));
    desk.fail_of("a", "connection");
    desk.fail_of("other", "http_status");
    assert_eq!(desk.failed_with().0, "http_status", "a fallback that fails is a failure");
}

#[test]
fn what_follows_depends_on_the_code() {
    let rules =
        "[{code: http_status, action: continue, fallback: none}, {code: connection, action: rollback}, {code: default, action: stop}]";
    let after = |code: &str| {
        let mut desk = failing(rules);
        desk.answer_of("first", json!({"status": 200}));
        desk.fail_of("a", code);
        desk
    };
    assert_eq!(after("http_status").outputs(), json!({"a": "none"}));
    let stopped = after("time_out");
    assert_eq!((stopped.failed_with().0, stopped.state("undo_first")), ("time_out", "idle"), "stopping takes nothing back");
    let mut back = after("connection");
    assert_eq!(back.owed(), ["undo_first"], "a rollback outside of a try takes back what the run has done");
    back.answer_of("undo_first", json!({"status": 204}));
    assert_eq!(back.failed_with().0, "connection");
}

#[test]
fn a_run_that_could_not_take_everything_back_says_so() {
    let mut desk = failing("rollback");
    desk.answer_of("first", json!({"status": 200}));
    desk.fail_of("a", "connection");
    desk.fail_of("undo_first", "http_status");
    let (code, message) = desk.failed_with();
    assert_eq!(code, "connection");
    assert!(message.ends_with("1 of 1 steps could not be taken back: first"), "{message}");
}

fn cancelled(desk: &Desk) -> bool {
    matches!(desk.run.end(), Some(workflow::run::End::Cancelled { .. }))
}

#[test]
fn a_cancel_that_compensates_takes_back_and_a_second_one_does_not_wait() {
    let cancel = |compensate| Input::Cancel { by: "dana@acme.test".to_owned(), reason: Some("enough".to_owned()), compensate };
    let begun = || {
        let mut desk = failing("stop");
        desk.answer_of("first", json!({"status": 200}));
        desk.dispatch();
        desk
    };
    let mut desk = begun();
    desk.feed(cancel(true));
    assert_eq!((desk.owed(), desk.state("a")), (vec!["undo_first".to_owned()], "stopped"));
    desk.answer_of("undo_first", json!({"status": 204}));
    assert!(cancelled(&desk));

    let mut desk = begun();
    desk.feed(cancel(true));
    desk.feed(cancel(false));
    assert_eq!((cancelled(&desk), desk.state("undo_first")), (true, "stopped"));
    assert!(desk.effects().is_empty());

    let mut desk = begun();
    desk.feed(cancel(false));
    assert_eq!((cancelled(&desk), desk.state("undo_first")), (true, "idle"));
}

#[test]
fn a_step_with_steps_inside_has_a_time_limit_that_stops_them() {
    let mut desk = run(&format!(
        "
- id: slow
  timeout: 10s
  on_error: continue
  try: [{}]
- {{id: end, action: workflow.log, inputs: {{message: \"{{{{ steps.slow.error.code }}}}\"}}}}",
        get("c")
    ));
    desk.dispatch();
    desk.wait();
    assert_eq!((desk.state("c"), desk.said()), ("stopped", vec!["time_out".to_owned()]));
}
