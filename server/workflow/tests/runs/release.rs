//! The release notes: a loop in a prompt, a step behind a question, and a step that is skipped.

use serde_json::{Value, json};
use workflow::{Call, event::Decision, parse};

use crate::desk::Desk;

fn begin(inputs: Value) -> Desk {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/release-notes.md")).unwrap();
    Desk::start(parse(&source).plan.unwrap(), inputs)
}

fn changes(items: Value) -> Value {
    json!({"status": 200, "headers": {}, "body": {"items": items}})
}

/// Up to the step behind the question.
fn written(inputs: Value) -> Desk {
    let mut desk = begin(inputs);
    desk.answer(changes(json!([{"title": "Faster", "kind": "feature"}, {"title": "No crash", "kind": "fix"}])));
    desk.answer(json!("It is faster."));
    desk
}

#[test]
fn the_prompt_lists_what_was_merged() {
    let mut desk = begin(json!({"project": "engine"}));
    let Call::Http(collect) = desk.call().call else { panic!("it asks the tracker") };
    assert_eq!(collect.url, "https://tracker.example/projects/engine/changes");
    assert_eq!(collect.query, [("since".to_owned(), "last-release".to_owned())]);
    desk.answer(changes(json!([{"title": "Faster", "kind": "feature"}, {"title": "No crash", "kind": "fix"}])));
    let Call::Model(prompt) = desk.call().call else { panic!("it asks a model") };
    assert_eq!(prompt.prompt, "Audience: customers. Write notes for 2 changes:\n1. Faster (feature)\n2. No crash (fix)\n\n");
    assert_eq!((prompt.system.as_deref(), prompt.max_tokens), (Some("You write release notes. Short sentences, no praise."), Some(800)));
}

#[test]
fn notes_are_published_once_somebody_agreed() {
    let mut desk = written(json!({"project": "engine"}));
    assert_eq!(desk.state("trace"), "completed");
    let question = desk.question();
    assert_eq!((question.request.title.as_str(), question.request.description.as_deref()), ("Publish", Some("Customers will read this")));
    let covered = &question.coverage.effects[0];
    assert_eq!((covered.step.as_str(), &covered.only_if, &covered.unknown[..]), ("publish", &None, &[][..]));
    assert_eq!(covered.arguments["body"]["json"], json!({"notes": "It is faster."}));
    desk.decide(Decision::Approved);
    assert!(desk.call().covered_by.is_some());
    desk.answer(json!({"status": 201, "headers": {}, "body": {"published_at": "2026-11-21"}}));
    assert_eq!(desk.outputs(), json!({"notes": "It is faster.", "changes": 2, "published_at": "2026-11-21"}));
}

#[test]
fn a_rejected_publication_stops_the_run() {
    let mut desk = written(json!({"project": "engine"}));
    desk.decide(Decision::Rejected);
    assert_eq!(desk.failed_with().0, "rejected");
    assert_eq!(desk.state("publish"), "idle");
}

#[test]
fn what_is_not_to_be_published_asks_nobody() {
    let desk = written(json!({"project": "engine", "publish": false}));
    assert_eq!((desk.state("publish_approval"), desk.state("publish")), ("skipped", "skipped"));
    assert_eq!(desk.outputs(), json!({"notes": "It is faster.", "changes": 2, "published_at": ""}));

    let mut nothing = begin(json!({"project": "engine"}));
    nothing.answer(changes(json!([])));
    nothing.answer(json!("Nothing changed."));
    assert_eq!(nothing.outputs(), json!({"notes": "Nothing changed.", "changes": 0, "published_at": ""}));
}

#[test]
fn a_model_that_is_overloaded_is_asked_three_times() {
    let mut desk = begin(json!({"project": "engine"}));
    desk.answer(changes(json!([])));
    desk.fail("http_status", true);
    desk.fail("http_status", true);
    assert_eq!(desk.state("write"), "retrying");
    desk.fail("http_status", true);
    assert_eq!(desk.failed_with().0, "http_status");
}
