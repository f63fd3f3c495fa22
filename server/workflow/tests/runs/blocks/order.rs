//! `depends_on`.

use serde_json::json;

use super::{get, run};

fn diamond() -> String {
    let with = |step: String, on: &str| format!("\n- {}", step.replacen('{', &format!("{{depends_on: [{on}], "), 1));
    [with(get("a"), ""), with(get("c"), "a"), with(get("b"), "a"), with(get("d"), "b, c")].concat()
}

#[test]
fn steps_begin_when_what_they_depend_on_is_over_whatever_stands_first_in_the_file() {
    let mut desk = run(&diamond());
    assert_eq!(desk.owed(), ["a"]);
    desk.answer_of("a", json!(1));
    assert_eq!(desk.owed(), ["c", "b"], "in the order of the file");
    desk.answer_of("b", json!(2));
    desk.crash();
    assert_eq!(desk.owed(), ["c"]);
    desk.answer_of("c", json!(3));
    assert_eq!(desk.owed(), ["d"]);
    desk.answer_of("d", json!(4));
    assert!(desk.run.is_over());
}

#[test]
fn a_step_without_dependencies_in_a_graph_begins_at_once() {
    let desk = run(&format!("\n- {}\n- {}\n- {}", get("a"), get("b").replacen('{', "{depends_on: [a], ", 1), get("c")));
    assert_eq!(desk.owed(), ["a", "c"], "where one says what it depends on, the others depend on what they say alone");
}

#[test]
fn a_skipped_step_is_over_for_those_that_depend_on_it() {
    let mut desk = run(&diamond().replacen("{depends_on: [a],", "{depends_on: [a], condition: 'false',", 2));
    desk.answer_of("a", json!(1));
    assert_eq!((desk.owed(), desk.state("b"), desk.state("c")), (vec!["d".to_owned()], "skipped", "skipped"));
}

#[test]
fn a_failure_stops_what_runs_beside_it() {
    let mut desk = run(&diamond());
    desk.answer_of("a", json!(1));
    desk.fail_of("b", "http_status");
    assert_eq!(desk.failed_with().0, "http_status");
    assert!(desk.effects().is_empty());
}
