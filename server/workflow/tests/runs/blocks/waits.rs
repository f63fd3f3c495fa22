//! `wait` and `workflow.sleep`.

use std::time::Duration;

use serde_json::{Value, json};
use workflow::{Effect, Input, event::Failure};

use super::run;
use crate::desk::Desk;

fn signal(name: &str, payload: Value) -> Input {
    Input::Signal { name: name.to_owned(), payload }
}

#[test]
fn a_pause_ends_at_its_moment_and_not_before() {
    for yaml in [
        "- {id: w, type: wait, duration: 90s}",
        "- {id: w, action: workflow.sleep, inputs: {duration: 90s}}",
        "- {id: w, type: wait, mode: duration, duration: \"{{ 45 * 2 }}\"}",
    ] {
        let mut desk = run(&format!("{yaml}\n- {{id: end, action: workflow.log, inputs: {{message: over}}}}"));
        let begun = desk.now;
        desk.later(Duration::from_secs(89));
        desk.feed(Input::Timer);
        desk.crash();
        assert_eq!((desk.state("w"), desk.said().len()), ("sleeping", 0), "{yaml}");
        desk.wait();
        assert_eq!((desk.now, desk.said()), (begun.after(Duration::from_secs(90)), vec!["over".to_owned()]));
    }
}

#[test]
fn a_moment_that_is_over_is_not_waited_for() {
    let desk = run("- {id: w, type: wait, mode: until, until: \"2020-01-01T00:00:00Z\"}");
    assert_eq!(desk.timer(), Some(desk.now.min(desk.timer().unwrap())), "it is due at once");
    let mut desk = desk;
    desk.feed(Input::Timer);
    assert!(desk.run.is_over());
}

const SIGNAL: &str = "
- {id: w, type: wait, mode: signal, signal: go, expires_in: 1h, output_variable: got}
- {id: end, action: workflow.set_outputs, inputs: {got: \"{{ got }}\"}}";

#[test]
fn a_signal_is_what_the_step_gives_and_others_wake_nobody() {
    let mut desk = run(SIGNAL);
    desk.feed(signal("stop", json!(1)));
    assert_eq!(desk.state("w"), "sleeping");
    desk.crash();
    desk.feed(signal("go", json!({"n": 2})));
    assert_eq!(desk.outputs(), json!({"got": {"n": 2}}));
}

#[test]
fn a_signal_that_comes_first_is_kept_and_each_is_taken_once_in_order() {
    let mut desk = run("
- {id: w, type: wait, duration: 1m}
- {id: one, type: wait, mode: signal, signal: go, output_variable: one}
- {id: two, type: wait, mode: signal, signal: go, output_variable: two}
- {id: end, action: workflow.set_outputs, inputs: {both: \"{{ [one, two] }}\"}}");
    desk.feed(signal("go", json!(1)));
    desk.feed(signal("go", json!(2)));
    desk.crash();
    desk.wait();
    assert_eq!(desk.outputs(), json!({"both": [1, 2]}));
}

#[test]
fn nothing_in_time_fails_or_goes_on_with_null_as_the_step_says() {
    let mut desk = run(SIGNAL);
    desk.wait();
    assert_eq!(desk.failed_with().0, "expired");
    let mut desk = run(&SIGNAL.replace("expires_in: 1h", "expires_in: 1h, on_expiry: continue"));
    desk.wait();
    assert_eq!(desk.outputs(), json!({"got": null}));
    let late = desk.offer(signal("go", json!(1)));
    assert!(late.is_err(), "a run that is over hears nothing");
}

#[test]
fn another_workflow_is_run_as_a_step() {
    let yaml = "
- {id: sub, type: workflow, workflow: other, inputs: {n: \"{{ run.number }}\"}, output_variable: sub}
- {id: end, action: workflow.set_outputs, inputs: {got: \"{{ sub.x }}\"}}";
    let owed = |desk: &Desk| {
        desk.effects().into_iter().find_map(|effect| match effect {
            Effect::Child { step, child, .. } => Some((step, child)),
            _ => None,
        })
    };
    let mut desk = run(yaml);
    let (step, child) = owed(&desk).unwrap();
    assert_eq!((step.as_str(), child.workflow.as_str(), json!(child.inputs)), ("sub", "other", json!({"n": 7})));
    desk.crash();
    assert!(owed(&desk).is_some(), "it is owed until it has ended");
    desk.feed(Input::ChildEnded { step: step.clone(), result: Ok(json!({"x": 5})) });
    assert_eq!(desk.outputs(), json!({"got": 5}));
    assert!(desk.offer(Input::ChildEnded { step, result: Ok(json!({})) }).is_err(), "it ends once");

    let mut desk = run(yaml);
    let failure = Failure { code: "http_status".to_owned(), message: "no".to_owned(), retryable: true };
    desk.feed(Input::ChildEnded { step: "sub".to_owned(), result: Err(failure) });
    assert_eq!(desk.failed_with(), ("http_status", "no"));
}
