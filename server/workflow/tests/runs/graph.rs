//! Graphs on the desk: routes, loops that end by their field and by their limit, forks that join, lists.

use serde_json::{Value, json};
use workflow::{Event, parse};

use crate::desk::Desk;

fn plan(source: &str) -> workflow::Plan {
    let parsed = parse(source);
    let errors: Vec<_> = parsed.errors().map(|error| format!("{}:{} {}", error.line, error.column, error.message)).collect();
    assert!(errors.is_empty(), "{errors:?}\n{source}");
    parsed.plan.expect("a file without errors has a plan")
}

fn support() -> workflow::Plan {
    let path = format!("{}/../../examples/support-reply.yaml", env!("CARGO_MANIFEST_DIR"));
    plan(&std::fs::read_to_string(path).unwrap())
}

/// Answers the owed prompt of a step; gives the prompt.
fn answer(desk: &mut Desk, step: &str, result: Value) -> String {
    desk.answer_of(step, result)["prompt"].as_str().unwrap().to_owned()
}

fn checks(desk: &mut Desk) {
    assert_eq!(desk.owed(), ["check_tone", "check_facts"], "both branches of the fork are under way at once");
    assert_eq!(answer(desk, "check_facts", json!({"facts_ok": true})), "Are the facts right? A reply.");
    assert_eq!(desk.owed(), ["check_tone"], "the join waits for both");
    answer(desk, "check_tone", json!({"tone_ok": false}));
    assert_eq!(answer(desk, "finish", json!({"reply": "The end."})), "Put the final reply together: A reply., tone false, facts true");
}

#[test]
fn an_angry_message_takes_one_route_and_the_loop_ends_by_its_field() {
    let mut desk = Desk::start(support(), json!({"message": "Where is my parcel?!"}));
    assert_eq!(answer(&mut desk, "sort", json!({"mood": "angry"})), "What is the mood of this message: Where is my parcel?!");
    assert_eq!(desk.owed(), ["apologise"]);
    answer(&mut desk, "apologise", json!({"draft": "Sorry.", "good_enough": false}));
    assert_eq!(desk.state("answer"), "skipped");
    assert_eq!(
        answer(&mut desk, "improve_loop[0]/improve", json!({"draft": "Very sorry.", "good_enough": false})),
        "Make this better: Sorry."
    );
    desk.crash();
    assert_eq!(
        answer(&mut desk, "improve_loop[1]/improve", json!({"draft": "So sorry.", "good_enough": true})),
        "Make this better: Very sorry."
    );
    assert_eq!(answer(&mut desk, "polish", json!({"draft": "A reply."})), "Correct spelling only: So sorry.");
    checks(&mut desk);
    assert_eq!(
        desk.outputs(),
        json!({
            "message": "Where is my parcel?!", "mood": "angry", "draft": "A reply.", "good_enough": true,
            "tone_ok": false, "facts_ok": true, "reply": "The end.",
        })
    );
    assert!(!desk.journal.iter().any(|(_, event)| matches!(event, Event::LoopLeft { .. })));
}

#[test]
fn any_other_message_takes_the_default_and_a_loop_at_its_limit_is_left_and_says_so() {
    let mut desk = Desk::start(support(), json!({"message": "Hello", "mood": "happy"}));
    answer(&mut desk, "sort", json!({"mood": "happy"}));
    assert_eq!(desk.owed(), ["answer"]);
    answer(&mut desk, "answer", json!({"draft": "Hi.", "good_enough": false}));
    assert_eq!(desk.state("apologise"), "skipped");
    for round in 0..3 {
        answer(&mut desk, &format!("improve_loop[{round}]/improve"), json!({"draft": format!("Hi {round}."), "good_enough": false}));
    }
    let left: Vec<_> = desk.journal.iter().filter(|(_, event)| matches!(event, Event::LoopLeft { rounds: 3, .. })).collect();
    assert_eq!(left.len(), 1, "three runs of the node in all, and the run says that they were not enough");
    assert_eq!(answer(&mut desk, "polish", json!({"draft": "A reply."})), "Correct spelling only: Hi 2.");
    checks(&mut desk);
    assert_eq!(desk.outputs()["good_enough"], json!(false));
}

fn graph(fields: &str, rest: &str) -> workflow::Plan {
    plan(&format!("schema_version: \"1.0\"\nflow: {{name: demo}}\nstate:\n  fields: {fields}\n{rest}\n"))
}

#[test]
fn a_list_is_worked_on_item_by_item_and_collected() {
    let plan = graph(
        "{topics: {type: \"list[str]\", required: true}, text: {type: str}, texts: {type: \"list[str]\"}, all: {type: str}}",
        "nodes:\n- {id: write, prompt: \"{index}: {item}\", outputs: [text]}\n- {id: join, prompt: \"{texts}\", outputs: [all]}\n\
         edges:\n- {from: START, parallel: {items_field: topics, target_node: write, collect_field: texts}}\n\
         - {from: write, to: join}\n- {from: join, to: END}",
    );
    let mut desk = Desk::start(plan, json!({"topics": ["a", "b"]}));
    assert_eq!(desk.owed(), ["write_each[0]/write", "write_each[1]/write"]);
    assert_eq!(answer(&mut desk, "write_each[1]/write", json!({"text": "B"})), "1: b");
    answer(&mut desk, "write_each[0]/write", json!({"text": "A"}));
    assert_eq!(answer(&mut desk, "join", json!({"all": "AB"})), "[\"A\",\"B\"]");
    let outputs = desk.outputs();
    assert_eq!((&outputs["texts"], &outputs["text"], &outputs["all"]), (&json!(["A", "B"]), &Value::Null, &json!("AB")));
}

#[test]
fn several_fields_of_each_item_are_collected_as_objects_and_no_items_as_an_empty_list() {
    let plan = || {
        graph(
            "{rows: {type: list, required: true}, a: {type: str}, b: {type: int}, done: {type: \"list[dict]\"}}",
            "nodes:\n- {id: read, prompt: \"{item.name}\", outputs: [a, b]}\n\
             edges:\n- {from: START, parallel: {items_field: state.rows, target_node: read, collect_field: done}}\n- {from: read, to: END}",
        )
    };
    let mut desk = Desk::start(plan(), json!({"rows": [{"name": "n"}]}));
    assert_eq!(answer(&mut desk, "read_each[0]/read", json!({"a": "x", "b": 1})), "n");
    assert_eq!(desk.outputs()["done"], json!([{"a": "x", "b": 1}]));
    assert_eq!(Desk::start(plan(), json!({"rows": []})).outputs()["done"], json!([]));
}

#[test]
fn routes_leave_a_graph_early_and_begin_it_and_what_is_behind_a_route_not_taken_is_skipped() {
    let plan = || {
        graph(
            "{n: {type: int, required: true}, x: {type: str, default: \"\"}}",
            "nodes:\n- {id: big, prompt: \"{n}\", outputs: [x]}\n- {id: after-big, prompt: \"{x}\", outputs: [x]}\n- {id: small, prompt: s, outputs: [x]}\n\
             edges:\n- from: START\n  routes: [{condition: {logic: state.n > 10}, to: big}, {condition: {logic: state.n == 0}, to: END}, {condition: {logic: default}, to: small}]\n\
             - {from: big, to: after-big}\n\
             - {from: after-big, routes: [{condition: {logic: \"not (state.x == 'it\\\\'s' or state.n < 12)\"}, to: small}, {condition: {logic: default}, to: END}]}\n\
             - {from: small, to: END}",
        )
    };
    let desk = Desk::start(plan(), json!({"n": 0}));
    assert_eq!((desk.outputs()["x"].clone(), desk.state("small"), desk.state("after-big")), (json!(""), "skipped", "skipped"));
    let mut desk = Desk::start(plan(), json!({"n": 5}));
    assert_eq!(desk.owed(), ["small"]);
    answer(&mut desk, "small", json!({"x": "s"}));
    assert_eq!(desk.outputs()["x"], json!("s"));
    for (n, x, also) in [(11, "y", false), (20, "y", true), (20, "it's", false)] {
        let mut desk = Desk::start(plan(), json!({"n": n}));
        answer(&mut desk, "big", json!({"x": "b"}));
        assert_eq!(answer(&mut desk, "after-big", json!({"x": x})), "b");
        if also {
            answer(&mut desk, "small", json!({"x": "s"}));
        }
        assert_eq!(
            (desk.outputs()["x"].as_str(), desk.state("small")),
            (Some(if also { "s" } else { x }), if also { "completed" } else { "skipped" })
        );
    }
}

#[test]
fn names_are_names_whatever_they_contain() {
    let plan = graph(
        "{order: {type: str, default: x}, and: {type: bool, default: true}, not_in: {type: int, default: 1}, state: {type: str, default: s}}",
        "nodes:\n- {id: a, prompt: \"{order} {and} {state.not_in} {state}\", outputs: [order]}\n- {id: b, prompt: b}\n\
         edges:\n- {from: START, to: a}\n\
         - {from: a, routes: [{condition: {logic: \"state.order == 'and or not' and state.and and state.not_in >= 1\"}, to: b}, {condition: {logic: default}, to: END}]}\n\
         - {from: b, to: END}",
    );
    let mut desk = Desk::start(plan, json!({}));
    assert_eq!(answer(&mut desk, "a", json!({"order": "and or not"})), "x true 1 s");
    assert_eq!(desk.owed(), ["b"]);
}

#[test]
fn braces_that_hold_no_name_are_text() {
    let cases = [
        ("{\"json\": [1, {\"a\": {}}]}", "{\"json\": [1, {\"a\": {}}]}"),
        ("{{x}} {x}", "{x} v"),
        ("{ x } {} {1} {", "{ x } {} {1} {"),
        ("{% if x %}{# c #}{{{x}}}", "{% if x %}{# c #}{v}"),
        ("{{{", "{{{"),
        ("a}}b", "a}}b"),
        ("{state.x}{x}", "vv"),
    ];
    for (prompt, said) in cases {
        let prompt = serde_json::to_string(prompt).unwrap();
        let plan = graph(
            "{x: {type: str, default: v}}",
            &format!("nodes: [{{id: a, prompt: {prompt}}}]\nedges: [{{from: START, to: a}}, {{from: a, to: END}}]"),
        );
        assert_eq!(answer(&mut Desk::start(plan, json!({})), "a", json!("t")), said);
    }
}

/// A graph of so many nodes of which each goes on by the kind of way that its figure says; all ways lead forward.
fn drawn(ways: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut nodes = String::new();
    let mut edges = String::from("- {from: START, to: n0}\n");
    for (index, way) in ways.iter().enumerate() {
        let to = |by: usize| if index + by < ways.len() { format!("n{}", index + by) } else { "END".to_owned() };
        let _ = writeln!(nodes, "- {{id: n{index}, prompt: \"{{x}}\", outputs: [x, ok]}}");
        let _ = match way {
            0 => writeln!(edges, "- {{from: n{index}, to: {}}}", to(1)),
            1 if index + 2 < ways.len() => writeln!(edges, "- {{from: n{index}, to: [{}, {}]}}", to(1), to(2)),
            2 => writeln!(edges, "- {{from: n{index}, loop: {{condition_field: ok, max_iterations: 3, exit_to: {}}}}}", to(1)),
            _ => writeln!(
                edges,
                "- {{from: n{index}, routes: [{{condition: {{logic: state.ok}}, to: {}}}, {{condition: {{logic: \"state.x == 'a'\"}}, to: {}}}, {{condition: {{logic: default}}, to: {}}}]}}",
                to(2),
                to(3),
                to(1)
            ),
        };
    }
    format!(
        "schema_version: \"1.0\"\nflow: {{name: drawn}}\nstate: {{fields: {{x: {{type: str, default: x}}, ok: {{type: bool, default: false}}}}}}\nnodes:\n{nodes}edges:\n{edges}"
    )
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn an_accepted_graph_always_ends_within_the_bounds_of_its_loops(ways in proptest::collection::vec(0_u8..4, 1..10), answers in proptest::collection::vec((proptest::bool::ANY, "[abx]"), 1..8)) {
        let source = drawn(&ways);
        let parsed = parse(&source);
        // Routes may lead past a node: such a graph is refused, and everything that is accepted ends.
        if let Some(plan) = parsed.plan {
            let mut desk = Desk::start(plan, json!({}));
            let mut calls = 0;
            while let Some(step) = desk.owed().pop() {
                let (ok, x) = &answers[calls % answers.len()];
                answer(&mut desk, &step, json!({"ok": ok, "x": x}));
                calls += 1;
                assert!(calls <= 3 * ways.len(), "{source}");
            }
            desk.outputs();
        } else {
            assert!(parsed.errors().all(|error| matches!(error.code, "unreachable" | "duplicate_edge")), "{source}");
        }
    }

    #[test]
    fn a_torn_graph_is_an_answer_and_no_panic(cut in 0_usize..3000, with in "[ {}:\\[\\]\"'a-z%#\n-]{0,6}") {
        let path = format!("{}/../../examples/support-reply.yaml", env!("CARGO_MANIFEST_DIR"));
        let mut source = std::fs::read_to_string(path).unwrap();
        let cut = cut.min(source.len());
        source.replace_range(cut..source.len().min(cut + 3), &with);
        let parsed = parse(&source);
        assert_eq!(parsed.plan.is_none(), parsed.errors().next().is_some());
    }
}
