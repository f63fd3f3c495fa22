//! `parallel`.

use serde_json::json;
use workflow::plan::{BranchFailure, OnError, ParallelStep, StepKind, TemplateValue};

use super::ids;
use crate::{below, errors, hints, only_kind, plan, step};

const LOG: &str = "{action: workflow.log, inputs: {message: x}}";

fn parallel(source: &str) -> ParallelStep {
    match only_kind(source) {
        StepKind::Parallel(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn branches_are_named_by_id_by_name_or_by_number() {
    let source = step(&format!(
        "id: a\nparallel:\n  - {{id: one, name: First, steps: [{LOG}]}}\n  - {{name: The other, steps: [{LOG}, {LOG}]}}\n  - {{steps: [{LOG}]}}\nmax_concurrent: 2\non_error: continue"
    ));
    let step = parallel(&source);
    let branches: Vec<_> = step.branches.iter().map(|branch| (branch.id.as_str(), branch.name.as_str())).collect();
    assert_eq!(branches, [("one", "First"), ("the_other", "The other"), ("branch_3", "branch_3")]);
    assert_eq!((step.max_concurrent, step.on_failure), (Some(2), BranchFailure::Continue));
    assert_eq!(ids(&source), ["a", "one_s1", "the_other_s1", "the_other_s2", "branch_3_s1"]);
}

#[test]
fn every_way_to_write_branches_is_the_same_plan() {
    let branches = format!("[{{id: one, steps: [{LOG}]}}]");
    let first = parallel(&step(&format!("id: a\nparallel: {branches}")));
    for same in [
        format!("branches: {branches}"),
        format!("type: parallel\nbranches: {branches}"),
        format!("parallel: {{branches: {branches}}}"),
        format!("type: parallel\nparallel: {branches}\non_error: stop"),
    ] {
        let second = parallel(&step(&format!("id: a\n{same}")));
        assert_eq!((first.branches[0].id.as_str(), second.branches.len(), second.on_failure), ("one", 1, BranchFailure::Stop), "{same}");
    }
    hints(
        &step(&format!("id: a\nparallel: {branches}\nmaxParallel: 2")),
        &["7:1+11 other_spelling [a] `maxParallel` is read as `max_concurrent`; write `max_concurrent`"],
    );
}

#[test]
fn a_policy_that_is_no_word_is_that_of_the_step() {
    let source = step(&format!(
        "id: a\nparallel: {{branches: [{{id: one, steps: [{LOG}]}}], on_error: continue}}\non_error: {{action: continue, fallback: 1}}"
    ));
    let step = plan(&source).steps.remove(0);
    assert_eq!(step.on_error, OnError::Continue { fallback: Some(TemplateValue::Literal(json!(1))) });
    assert!(matches!(step.kind, StepKind::Parallel(parallel) if parallel.on_failure == BranchFailure::Continue));
}

#[test]
fn branches_that_mean_nothing_are_refused_at_their_place() {
    for (yaml, expected) in [
        ("type: parallel".to_owned(), "6:7+8 key_missing [a] a `parallel` needs `branches`; add `branches:` with `id` and `steps` of each"),
        ("parallel: []".to_owned(), "6:11+1 out_of_range [a] a `parallel` has 1 to 100 branches"),
        (
            "branches: {one: []}".to_owned(),
            "6:11+1 wrong_type [a] `branches` is a list of branches, not a mapping; write `- id: a name` and `steps:` for each",
        ),
        (
            format!("parallel: [{LOG}]"),
            "6:12+1 wrong_kind [a] a branch has steps, and this is a step itself; put it below `steps:` of a branch with an `id`",
        ),
        ("parallel: [{id: one}]".to_owned(), "6:12+1 key_missing [a] a branch needs `steps`; add `steps:` with what the branch does"),
        (
            format!("parallel: [{{id: my-branch, steps: [{LOG}]}}]"),
            "6:17+9 invalid_name [a] `my-branch` cannot be the name of a variable: letters, digits and `_` only; write `my_branch`",
        ),
        (
            format!("parallel: [{{id: one, steps: [{LOG}]}}, {{id: one, steps: [{{id: b, action: workflow.noop}}]}}]"),
            "6:78+1 duplicate_id [a] there is a branch `one` already",
        ),
        (
            format!("parallel: [{{id: one, stpes: [], steps: [{LOG}]}}]"),
            "6:22+5 unknown_key [a] `stpes` is no key of a branch; did you mean `steps`?",
        ),
        (
            format!("parallel: [{{id: one, steps: [{LOG}]}}]\nmax_concurrent: none"),
            "7:17+4 wrong_type [a] `max_concurrent` is a whole number from 1 to 1000, not `none`",
        ),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn what_a_branch_sets_is_found_below_its_id_and_only_afterwards() {
    let source = |inside: &str, after: &str| {
        below(&format!(
            "```yaml\nid: a\nparallel:\n  - {{id: one, steps: [{{action: agent.generate, prompt: x, output_variable: t}}]}}\n  \
             - {{id: two, steps: [{{action: agent.generate, prompt: \"{inside}\", output_variable: u}}]}}\n```\n\
             ```yaml\n{{id: z, action: workflow.log, inputs: {{message: \"{after}\"}}}}\n```\n"
        ))
    };
    errors(&source("x", "{{ one.t }} {{ two.u }} {{ steps.a.output }}"), &[]);
    errors(
        &source("{{ one.t }}", "{{ t }} {{ two.t }}"),
        &[
            "8:60+3 set_later [two_s1] `one` is set by the step `a` on line 4, which this one is a part of, when it is over",
            "11:53+1 not_visible [z] `t` belongs to the branch `one` of the step `a`; write `one.t`",
            "11:61+3 undefined_name [z] no step of the branch `two` sets `t`; did you mean `two.u`?",
        ],
    );
}
