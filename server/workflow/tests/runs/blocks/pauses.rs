//! A pause that somebody orders: nothing begins, what is out comes back, time limits go on.

use std::time::Duration;

use serde_json::json;
use workflow::{Input, Plan, Refusal, event::Decision};

use super::{get, run, steps};
use crate::{
    desk::Desk,
    plans::{ask, plan, post, step},
};

fn pause() -> Input {
    Input::Pause { by: "dana@acme.test".to_owned(), reason: Some("the bank is closed".to_owned()) }
}

fn go_on() -> Input {
    Input::EndPause { by: "olga@acme.test".to_owned() }
}

fn two() -> Desk {
    run(&format!("\n- {}\n- {}", get("a"), get("b")))
}

#[test]
fn a_call_that_is_out_comes_back_and_the_next_does_not_begin_before_somebody_says_so() {
    let mut desk = two();
    let call = desk.dispatch();
    desk.feed(pause());
    assert_eq!(desk.run.paused().map(|paused| paused.by.as_str()), Some("dana@acme.test"));
    assert!(desk.effects().is_empty(), "what is out is not sent again");
    desk.feed(Desk::finished(&call, Ok(json!({"status": 200})), None));
    desk.crash();
    assert_eq!((desk.state("a"), desk.state("b")), ("completed", "idle"));
    desk.feed(Input::Continue);
    assert!(desk.effects().is_empty() && desk.state("b") == "idle", "being taken up again changes nothing");
    desk.feed(go_on());
    assert_eq!((desk.run.paused(), desk.owed()), (None, vec!["b".to_owned()]));
}

#[test]
fn what_nobody_remembers_is_sent_again_only_after_the_pause() {
    let mut desk = two();
    desk.dispatch();
    desk.feed(pause());
    desk.crash();
    assert!(desk.effects().is_empty());
    desk.feed(go_on());
    assert_eq!(desk.call().dispatch, 2);
}

#[test]
fn a_call_that_the_host_was_about_to_allow_does_not_go_out() {
    let mut desk = two();
    let call = desk.call();
    desk.feed(pause());
    assert!(matches!(desk.offer(Desk::dispatched(&call)), Err(Refusal::Stale(_))));
    assert_eq!(desk.state("a"), "ready");
}

#[test]
fn a_yes_in_the_pause_counts_and_sends_nothing_before_its_end() {
    let mut desk =
        Desk::start(plan(vec![step("ask", ask("Pay?")), step("pay", post("https://pay.example/payments", None, json!({})))]), json!({}));
    let approval = desk.put();
    desk.feed(pause());
    desk.feed(Desk::ended(approval, Decision::Approved));
    assert!(desk.effects().iter().all(|effect| effect.step().is_none()), "{:?}", desk.effects());
    desk.feed(go_on());
    assert_eq!(desk.owed().len(), 1);
}

#[test]
fn time_limits_go_on_and_a_pause_of_a_loop_keeps_nobody_busy() {
    let limited = Plan { time_limit: Some(Duration::from_hours(1)), ..steps(&format!("- {}", get("a"))) };
    let mut desk = Desk::start(limited, json!({}));
    desk.feed(pause());
    desk.wait();
    assert_eq!(desk.failed_with().0, "time_out");

    let mut desk = run("
- id: each
  for_each: [1, 2]
  batch_size: 1
  pause_between_batches: 1m
  steps: [{id: say, action: workflow.log, inputs: {message: \"{{ item }}\"}}]");
    assert_eq!(desk.said(), ["1"]);
    desk.feed(pause());
    desk.later(Duration::from_mins(5));
    assert_eq!(desk.timer(), None, "nothing is due that cannot happen");
    desk.feed(go_on());
    assert_eq!(desk.said(), ["1", "2"]);
}

#[test]
fn a_cancel_that_takes_back_ends_the_pause_and_one_that_does_not_ends_the_run() {
    let yaml = format!(
        "
- {{id: make, action: http.request, inputs: {{method: POST, url: \"https://a.example/make\"}}, compensate: {{id: undo, action: http.request, inputs: {{method: DELETE, url: \"https://a.example/make\"}}}}}}
- {}",
        get("b")
    );
    let paused = || {
        let mut desk = run(&yaml);
        desk.answer_of("make", json!({"status": 200}));
        desk.feed(pause());
        desk
    };
    let cancel = |compensate| Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate };
    let mut desk = paused();
    desk.feed(cancel(true));
    assert_eq!((desk.run.paused(), desk.owed()), (None, vec!["undo".to_owned()]));
    let mut desk = paused();
    desk.feed(cancel(false));
    assert!(desk.run.is_over());
}

#[test]
fn a_second_pause_and_a_second_going_on_change_nothing() {
    let mut desk = two();
    assert!(matches!(desk.offer(go_on()), Err(Refusal::Stale(_))));
    desk.feed(pause());
    assert!(matches!(desk.offer(pause()), Err(Refusal::Stale(_))));
    desk.feed(go_on());
    desk.feed(Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate: false });
    assert!(matches!(desk.offer(pause()), Err(Refusal::Over)));
}
