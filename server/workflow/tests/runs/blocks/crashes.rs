//! A run with everything in it that is crashed after each input comes to the same end as one that never was.

use serde_json::{Value, json};
use workflow::{Effect, Event, Input, core::CallFailure};

use super::steps;
use crate::desk::{Desk, describe, failure};

const EVERYTHING: &str = "
- id: side
  type: parallel
  max_concurrent: 2
  on_error: continue
  branches:
    - id: left
      steps:
        - id: each
          for_each: [1, 2, 3]
          concurrency: 2
          batch_size: 2
          pause_between_batches: 1s
          steps:
            - id: read
              action: http.request
              output_variable: page
              inputs: {method: GET, url: \"https://a.example/{{ item }}\"}
            - {id: row, action: core.set, inputs: {n: \"{{ page }}\"}}
    - id: right
      steps:
        - {id: n, action: core.set, inputs: {v: 0}, output_variable: n}
        - id: again
          while: n.v < 2
          steps: [{id: more, action: core.set, inputs: {v: \"{{ n.v + 1 }}\"}, output_variable: n}]
        - {id: sleep, type: wait, duration: 5s}
    - id: third
      steps: [{id: broken, action: http.request, inputs: {method: GET, url: \"https://a.example/broken\"}}]
- id: safe
  try:
    - id: act
      action: http.request
      inputs: {method: POST, url: \"https://a.example/act\"}
      compensate: {id: undo, action: http.request, inputs: {method: DELETE, url: \"https://a.example/act\"}}
    - id: sure
      action: http.request
      inputs: {method: GET, url: \"https://a.example/broken\"}
      on_error: {action: fallback, fallback: {id: other, action: http.request, inputs: {method: GET, url: \"https://a.example/broken\"}}}
  catch: [{id: caught, action: workflow.log, inputs: {message: \"{{ error.step }}\"}}]
  finally: [{id: close, action: workflow.log, inputs: {message: closed}}]
- {id: go, type: wait, mode: signal, signal: go, output_variable: went}
- {id: end, action: workflow.set_outputs, inputs: {side: \"{{ steps.side.output }}\", went: \"{{ went }}\"}}";

/// Drives a run to its end; `crash` says whether memory is lost before that input.
fn driven(mut crash: impl FnMut(usize) -> bool) -> (Desk, usize) {
    let mut desk = Desk::start(steps(EVERYTHING), json!({}));
    desk.feed(Input::Signal { name: "go".to_owned(), payload: json!("went") });
    let mut inputs = 0;
    while !desk.run.is_over() {
        inputs += 1;
        assert!(inputs < 200, "{:#?}", desk.trace());
        if crash(inputs) {
            desk.crash();
        }
        match desk.effects().into_iter().next() {
            Some(Effect::Call(call)) => {
                if desk.state(&call.step) != "in_flight" {
                    desk.feed(Desk::dispatched(&call));
                    continue;
                }
                let url = serde_json::to_value(&call.call).unwrap()["url"].as_str().unwrap().to_owned();
                let result = if url.ends_with("broken") {
                    Err(CallFailure { failure: failure("http_status", false), retry_after: None })
                } else {
                    Ok(Value::from(url))
                };
                // One that was dispatched before a crash is owed with its next dispatch, and answers all the same.
                desk.feed(Desk::finished(&call, result, None));
            }
            Some(Effect::Timer { .. }) => desk.wait(),
            other => panic!("{other:?} is owed"),
        }
    }
    (desk, inputs)
}

fn facts(desk: &Desk) -> Vec<String> {
    desk.journal.iter().filter(|(_, event)| !matches!(event, Event::Dispatched { .. })).map(|(_, event)| describe(event)).collect()
}

#[test]
fn a_crash_at_any_point_changes_nothing_but_dispatches() {
    let (whole, inputs) = driven(|_| false);
    assert_eq!(whole.said(), ["other", "closed"]);
    assert_eq!(whole.state("undo"), "completed");
    let outputs = whole.outputs();
    assert_eq!(outputs["went"], json!("went"));
    assert_eq!(outputs["side"]["right"], json!({"n": {"v": 2}}));
    assert_eq!(outputs["side"]["third"]["error"]["code"], json!("http_status"));
    for at in 1..=inputs {
        let (crashed, _) = driven(|input| input == at);
        assert_eq!(facts(&crashed), facts(&whole), "a crash before input {at}");
        assert_eq!(crashed.outputs(), outputs);
    }
    let (always, _) = driven(|_| true);
    assert_eq!(facts(&always), facts(&whole));
}
