//! `on_error`: what follows when a step fails for good.

use serde_json::json;
use workflow::plan::{OnError, TemplateValue};

use crate::{errors, plan, step};

fn failing(more: &str) -> String {
    step(&format!("id: a\naction: workflow.log\ninputs: {{message: hello}}\n{more}"))
}

fn on_error(more: &str) -> OnError {
    plan(&failing(more)).steps.remove(0).on_error
}

#[test]
fn a_failure_stops_the_run_unless_the_step_says_otherwise() {
    for stops in ["", "on_error: stop", "on_error: {action: stop}"] {
        assert_eq!(on_error(stops), OnError::Stop, "{stops}");
    }
    for goes_on in ["on_error: continue", "on_error: {action: continue}", "error_handling: continue"] {
        assert_eq!(on_error(goes_on), OnError::Continue { fallback: None }, "{goes_on}");
    }
    let fallback = OnError::Continue { fallback: Some(TemplateValue::Literal(json!({"why": "none"}))) };
    for says in ["on_error: {action: continue, fallback: {why: none}}", "on_error: {action: fallback, fallback: {why: none}}"] {
        assert_eq!(on_error(says), fallback, "{says}");
    }
    assert!(matches!(
        on_error("on_error: {action: continue, fallback: \"{{ run.id }}\"}"),
        OnError::Continue { fallback: Some(TemplateValue::Template(_)) }
    ));
}

#[test]
fn what_cannot_follow_a_failure_is_refused() {
    for (more, expected) in [
        ("on_error: fallback", "8:11+8 value_missing [a] a fallback needs its value; write `{action: continue, fallback: …}`"),
        ("on_error: {action: stop, fallback: 1}", "8:26+8 no_meaning [a] `fallback` has no meaning here: the run stops"),
        ("on_error: {fallback: 1}", "8:1+8 key_missing [a] `on_error` needs `action`; add `action: continue`, or what else is to follow"),
        ("on_error: {action: continue, fallback: \"{{ nope }}\"}", "8:44+4 undefined_name [a] nothing sets `nope`"),
    ] {
        errors(&failing(more), &[expected]);
    }
    errors(
        &step("id: a\napproval: {title: Pay?}\non_error: continue"),
        &["7:1+8 no_meaning [a] `on_error` has no meaning here: nothing goes on when nobody can be asked; \
           say with `on_reject` and `on_expiry` what follows when nobody agrees"],
    );
}
