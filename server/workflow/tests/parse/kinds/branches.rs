//! `if` and `switch`.

use serde_json::json;
use workflow::plan::{IfStep, StepKind, SwitchStep};

use super::ids;
use crate::{errors, hints, only_kind, step};

const LOG: &str = "{action: workflow.log, inputs: {message: x}}";

fn if_step(source: &str) -> IfStep {
    match only_kind(source) {
        StepKind::If(step) => step,
        other => panic!("{other:?}"),
    }
}

fn switch(source: &str) -> SwitchStep {
    match only_kind(source) {
        StepKind::Switch(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_if_is_named_by_its_question_or_by_its_type() {
    let by_key = step(&format!("id: a\nif: run.number > 1\nthen: [{LOG}]"));
    for same in [
        format!("id: a\ntype: if\ncondition: \"{{{{ run.number > 1 }}}}\"\nthen: [{LOG}]"),
        format!("id: a\ntype: if\nif: run.number > 1\nsteps: [{LOG}]"),
        format!("id: a\nif: [run.number > 1]\nthen: {LOG}"),
    ] {
        let (one, two) = (if_step(&by_key), if_step(&step(&same)));
        assert_eq!((one.test, one.then[0].id.as_str()), (two.test, two.then[0].id.as_str()), "{same}");
    }
    hints(
        &step(&format!("id: a\nif: true\nsteps: {LOG}\notherwise: [{LOG}]")),
        &[
            "7:1+5 other_spelling [a] `steps` is read as `then`; write `then`",
            "7:1+5 other_spelling [a] `steps` is read as a list of one step; put `- ` before it",
            "8:1+9 other_spelling [a] `otherwise` is read as `else`; write `else`",
        ],
    );
}

#[test]
fn all_of_several_questions_have_to_hold() {
    assert_eq!(
        if_step(&step(&format!("id: a\nif: [run.number > 1, run.number < 5]\nthen: [{LOG}]"))).test.source(),
        "(run.number > 1) and (run.number < 5)"
    );
}

#[test]
fn the_condition_of_an_if_that_asks_something_else_is_that_of_the_step() {
    let source = step(&format!("id: a\nif: run.number > 1\ncondition: run.number < 5\nthen: [{LOG}]"));
    let step = crate::plan(&source).steps.remove(0);
    assert_eq!(step.condition.as_ref().map(workflow::expression::Expression::source), Some("run.number < 5"));
    assert!(matches!(&step.kind, StepKind::If(step) if step.test.source() == "run.number > 1"));
}

#[test]
fn steps_inside_are_numbered_under_what_they_stand_in() {
    assert_eq!(
        ids(&step(&format!("id: a\nif: true\nthen: [{LOG}, {{id: mine, action: workflow.noop}}, {LOG}]\nelse: [{LOG}]"))),
        ["a", "a_s1", "mine", "a_s3", "a_else_s1"]
    );
    assert_eq!(
        ids(&step(&format!("id: a\nswitch: run.number\ncases: {{1: [{LOG}], two: [{LOG}]}}\ndefault: [{LOG}]"))),
        ["a", "a_c1_s1", "a_c2_s1", "a_default_s1"]
    );
    let deep = format!("id: a\nif: true\nthen: [{{if: true, then: [{{if: true, then: [{LOG}]}}]}}]");
    assert_eq!(ids(&step(&deep)), ["a", "a_s1", "a_s1_s1", "a_s1_s1_s1"]);
}

#[test]
fn an_if_that_means_nothing_is_refused_at_its_place() {
    for (yaml, expected) in [
        (
            format!("type: if\nthen: [{LOG}]"),
            "6:7+2 key_missing [a] a step of kind `if` needs `condition`; add `condition:` with what has to hold, such as `condition: inputs.amount > 100`",
        ),
        ("if: true".to_owned(), "6:1+2 key_missing [a] an `if` needs `then`; add `then:` with the steps that are taken when it holds"),
        ("if: true\nthen: []".to_owned(), "7:7+1 value_missing [a] `then` has no steps; add a step, or leave the key out"),
        ("if: true\nthen: hello".to_owned(), "7:7+5 wrong_type [a] `then` is a list of steps, not a single value"),
        (
            format!("if: true\nthen: [hello, {LOG}]"),
            "7:8+5 wrong_type [a_s1] a step is a mapping such as `{action: workflow.log, inputs: {…}}`, not a single value",
        ),
        (format!("if: run.number >\nthen: [{LOG}]"), "6:16+1 invalid_expression [a] the expression ends where a value is expected"),
        (format!("if: nope\nthen: [{LOG}]"), "6:5+4 undefined_name [a] nothing sets `nope`"),
        (
            "if: true\nthen: [{id: a, action: workflow.noop}]".to_owned(),
            "7:13+1 duplicate_id [a] the id `a` belongs to the step on line 4 already; give this step another id",
        ),
        (
            format!("if: true\nthne: []\nthen: [{LOG}]"),
            "7:1+4 unknown_key [a] `thne` is no key of a step of kind `if`; did you mean `then`?",
        ),
        (
            format!("if: true\nthen: [{LOG}]\ninputs: {{a: 1}}"),
            "8:1+6 no_meaning [a] `inputs` has no meaning here: the steps inside see the names around them",
        ),
        (
            format!("if: true\nthen: [{LOG}]\nretry: {{}}"),
            "8:1+5 no_meaning [a] `retry` has no meaning here: what is tried again are the steps inside; put it on a step inside",
        ),
        (
            format!("if: true\nthen: [{LOG}]\nparallel: []"),
            "8:1+8 two_kinds [a] a step is one thing, and this one is a step of kind `if` already: `parallel` makes it another; make two steps of it",
        ),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn the_cases_of_a_switch_are_literals_as_yaml_types_them() {
    let source = step(&format!(
        "id: a\nswitch: run.number\ncases: {{1: [{LOG}], low: [{LOG}], true: [{LOG}], 1.5: [{LOG}], \"2\": [{LOG}], ~: [{LOG}]}}"
    ));
    let cases: Vec<_> = switch(&source).cases.into_iter().map(|case| case.equals).collect();
    assert_eq!(cases, [json!(1), json!("low"), json!(true), json!(1.5), json!("2"), json!(null)]);
    assert!(switch(&source).default.is_none());
    let by_type = step(&format!("id: a\ntype: switch\nexpression: \"{{{{ run.number }}}}\"\ncases: {{1: [{LOG}]}}\ndefault: [{LOG}]"));
    hints(&by_type, &[]);
    assert_eq!((switch(&by_type).value.source(), switch(&by_type).default.map(|steps| steps.len())), ("run.number", Some(1)));
}

#[test]
fn a_switch_that_means_nothing_is_refused_at_its_place() {
    for (yaml, expected) in [
        (
            format!("type: switch\ncases: {{1: [{LOG}]}}"),
            "6:7+6 key_missing [a] a `switch` needs `expression`; add `expression:` with what is compared, such as `expression: inputs.kind`",
        ),
        (
            "switch: run.number".to_owned(),
            "6:1+6 key_missing [a] a `switch` needs `cases`; add `cases:` with a list of steps for each value",
        ),
        ("switch: run.number\ncases: {}".to_owned(), "7:8+1 value_missing [a] `cases` has no case"),
        (
            format!("switch: run.number\ncases: [{LOG}]"),
            "7:8+1 wrong_type [a] `cases` is a mapping of values to lists of steps, not a list; write `cases: {low: [{action: workflow.log, …}]}`",
        ),
        (
            format!("switch: run.number\ncases: {{yes: [{LOG}]}}"),
            "7:9+3 ambiguous_scalar [a] `yes` can be read in two ways; write `true` or, if the text is meant, `\"yes\"`",
        ),
        (format!("switch: run.number\ncases: {{1: [{LOG}], 1.0: [{LOG}]}}"), "7:60+3 duplicate_case [a] there is a case `1.0` already"),
        (
            format!("switch: run.number\ncases: {{1: [{LOG}], default: [{LOG}]}}"),
            "7:60+7 misplaced_default [a] `default` is no case; put it beside `cases`, as `default:`; if the text is meant, write `\"default\":`",
        ),
        (
            format!("switch: run.number\nexpression: run.id\ncases: {{1: [{LOG}]}}"),
            "7:1+10 duplicate_key [a] `expression` says the same as `switch` on line 6; keep one of the two",
        ),
        (
            format!("switch: run.number\ncases: {{\"{{{{ x }}}}\": [{LOG}]}}"),
            "7:9+9 not_evaluated [a] this is taken as it is written: expressions are not evaluated here",
        ),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn only_one_branch_is_taken_so_none_sees_what_another_sets() {
    errors(
        &step(
            "id: a\nif: true\nthen: [{id: b, action: core.set, inputs: {x: 1}, output_variable: got}]\nelse: [{action: workflow.log, inputs: {message: \"{{ got }}\"}}]",
        ),
        &["8:53+3 set_later [a_else_s1] `got` is set by the step `b` on line 7, and only one of that step and this one is taken"],
    );
}
