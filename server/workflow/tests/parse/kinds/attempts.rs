//! `try`, `compensate`, and what follows a failure by its code.

use serde_json::json;
use workflow::plan::{OnError, StepKind, TemplateValue, TryStep};

use super::ids;
use crate::{errors, hints, only_kind, plan, step};

const LOG: &str = "{action: workflow.log, inputs: {message: x}}";

fn try_step(source: &str) -> TryStep {
    match only_kind(source) {
        StepKind::Try(step) => step,
        other => panic!("{other:?}"),
    }
}

fn failing(more: &str) -> String {
    step(&format!("id: a\naction: workflow.log\ninputs: {{message: hello}}\n{more}"))
}

fn policy(more: &str) -> OnError {
    plan(&failing(more)).steps.remove(0).on_error
}

#[test]
fn a_try_has_a_body_what_is_done_when_it_fails_and_what_is_done_at_last() {
    let source = step(&format!(
        "id: a\ntry: [{LOG}]\ncatch: [{{action: workflow.log, inputs: {{message: \"{{{{ error.message }}}} {{{{ error.code }}}} {{{{ error.step }}}}\"}}}}]\nfinally: [{LOG}]"
    ));
    assert_eq!(ids(&source), ["a", "a_s1", "a_catch_s1", "a_finally_s1"]);
    let by_type = try_step(&step(&format!("id: a\ntype: try\nsteps: [{LOG}]")));
    assert_eq!((by_type.steps.len(), by_type.catch, by_type.finally.len()), (1, None, 0));
    hints(&step(&format!("id: a\ntype: try\nsteps: [{LOG}]\noutput_variable: all")), &[]);
}

#[test]
fn a_try_that_means_nothing_is_refused_at_its_place() {
    let message = |text: &str| format!("{{action: workflow.log, inputs: {{message: \"{text}\"}}}}");
    for (yaml, expected) in [
        (format!("type: try\ncatch: [{LOG}]"), "6:7+3 key_missing [a] a `try` needs `steps`; add `steps:` with what is tried"),
        (format!("try: [{LOG}]\ncatch: []"), "7:8+1 value_missing [a] `catch` has no steps; add a step, or leave the key out"),
        (
            format!("try: [{LOG}]\ncatch: [{}]", message("{{ error.nope }}")),
            "7:54+5 undefined_name [a_catch_s1] `error` has no `nope`; did you mean `error.code`?",
        ),
        (
            format!("try: [{LOG}]\nfinally: [{}]", message("{{ error.code }}")),
            "7:56+5 undefined_name [a_finally_s1] `error` exists only in the `catch` of a `try`",
        ),
        (format!("try: [{LOG}]\ncacth: []"), "7:1+5 unknown_key [a] `cacth` is no key of a step of kind `try`; did you mean `catch`?"),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn what_takes_a_step_back_is_one_action_that_sees_what_the_step_gave() {
    let source = step(
        "id: a\naction: http.request\ninputs: {method: POST, url: \"https://a.example\"}\n\
         compensate: {action: http.request, inputs: {method: DELETE, url: \"https://a.example/{{ steps.a.output.body.id }}\"}}",
    );
    assert_eq!(ids(&source), ["a", "a_compensation"]);
    assert_eq!(ids(&failing("compensate: [{id: undo, action: workflow.noop}]")), ["a", "undo"]);
    for (more, expected) in [
        (
            format!("compensate: [{LOG}, {LOG}]"),
            "8:13+1 wrong_type [a] `compensate` is one step, and this is a list of 2; put what takes back more into a workflow of its own, or compensate each step by itself",
        ),
        (
            "compensate: hello".to_owned(),
            "8:13+5 wrong_type [a_compensation] a step is a mapping such as `{action: workflow.log, inputs: {…}}`, not a single value",
        ),
        (format!("compensate: {{if: true, then: [{LOG}]}}"), "8:13+1 wrong_kind [a] the `compensate` of a step is one action"),
        (
            "compensate: {action: workflow.noop, approval_required: true}".to_owned(),
            "8:13+1 wrong_kind [a] the `compensate` of a step is one action",
        ),
        (
            "compensate: {action: workflow.noop, depends_on: b}".to_owned(),
            "8:37+10 no_meaning [a] `depends_on` has no meaning here: this step stands alone and belongs to `a`",
        ),
    ] {
        errors(&failing(&more), &[expected]);
    }
}

#[test]
fn what_follows_a_failure_may_depend_on_its_code() {
    let rules = policy(&format!(
        "on_error:\n  - {{code: timeout, action: continue}}\n  - {{code: [http_500, http_503], action: fallback, fallback: {LOG}}}\n  - {{code: bad, action: rollback}}\n  - {{code: default, action: continue, fallback: 7}}"
    ));
    assert_eq!(rules.of("timeout"), &OnError::Continue { fallback: None });
    assert_eq!(rules.of("bad"), &OnError::Rollback);
    assert_eq!(rules.of("anything"), &OnError::Continue { fallback: Some(TemplateValue::Literal(json!(7))) });
    let (OnError::Instead(first), OnError::Instead(second)) = (rules.of("http_500"), rules.of("http_503")) else { panic!("{rules:?}") };
    assert_eq!((first.id.as_str(), first), ("a_fallback_2", second));
    let without = policy("on_error: [{code: x, action: continue}]");
    assert_eq!((without.of("x"), without.of("y")), (&OnError::Continue { fallback: None }, &OnError::Stop));
}

#[test]
fn a_step_that_stands_for_several_codes_is_one_step_of_the_plan() {
    let rule = format!("on_error: [{{code: [x, y, default], action: fallback, fallback: {LOG}}}]");
    assert_eq!(ids(&failing(&rule)), ["a", "a_fallback_1"]);
    let rule =
        format!("on_error: [{{code: [x, y], action: fallback, fallback: {LOG}}}, {{code: default, action: fallback, fallback: {LOG}}}]");
    assert_eq!(ids(&failing(&rule)), ["a", "a_fallback_1", "a_fallback_2"]);
}

#[test]
fn another_action_may_be_taken_instead() {
    let source = failing("on_error: {action: fallback, fallback: {id: instead, action: workflow.noop, output_variable: got}}");
    assert_eq!(ids(&source), ["a", "instead"]);
    for (more, expected) in [
        (
            "on_error: {action: fallback, fallback: {action: http.requets}}",
            "8:49+12 unknown_action [a_fallback] there is no action `http.requets`; did you mean `http.request`?",
        ),
        ("on_error: []", "8:11+1 value_missing [a] `on_error` has no rule"),
        ("on_error: [{action: continue}]", "8:12+1 key_missing [a] a rule needs `code`; add `code:`, or `code: default` for the last one"),
        ("on_error: [{code: x}]", "8:12+1 key_missing [a] `on_error` needs `action`; add `action: continue`, or what else is to follow"),
        ("on_error: [{code: [x, {y: z}], action: stop}]", "8:23+1 wrong_type [a] `code` is a list of texts, and this is a mapping"),
        (
            "on_error: [{code: default, action: stop}, {code: x, action: stop}]",
            "8:43+1 unreachable [a] a rule behind that of `default` is never asked",
        ),
        (
            "on_error: [{code: x, action: stop}, {code: [y, x], action: continue}]",
            "8:44+1 duplicate_case [a] there is a rule for `x` already",
        ),
        ("errorHandling: {action: contineu}", "8:25+8 unknown_value [a] `contineu` is no value of `action`; did you mean `continue`?"),
        ("on_error: {action: rollback, fallback: 1}", "8:30+8 no_meaning [a] `fallback` has no meaning here: what was done is taken back"),
    ] {
        errors(&failing(more), &[expected]);
    }
}

#[test]
fn how_often_a_step_is_tried_may_stand_with_its_failures() {
    let source = failing("on_error: {action: retry, max_retries: 3}");
    hints(&source, &["8:1+8 other_spelling [a] how often the step is tried is read as its `retry`; write `retry:` on the step"]);
    let step = plan(&source).steps.remove(0);
    assert_eq!((step.retry.max_attempts, step.on_error), (4, OnError::Stop));
}
