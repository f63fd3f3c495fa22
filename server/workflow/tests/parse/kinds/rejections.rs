//! What follows when nobody agrees, written as steps.

use workflow::plan::{AfterRefusal, IfStep, StepKind};

use super::ids;
use crate::{errors, hints, plan, step};

fn approval(more: &str) -> String {
    step(&format!("id: a\napproval:\n  title: Pay?\n{more}"))
}

fn follow(source: &str, id: &str) -> IfStep {
    match plan(source).step(id).map(|step| step.kind.clone()) {
        Some(StepKind::If(step)) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn steps_after_a_rejection_stand_behind_the_approval() {
    let source = approval("  on_reject:\n    - {action: workflow.log, inputs: {message: \"{{ said.decision }}\"}}\noutput_variable: said");
    assert_eq!(ids(&source), ["a", "a_on_reject", "a_on_reject_s1"]);
    assert_eq!(follow(&source, "a_on_reject").test.source(), "steps['a'].output.decision in ['rejected', 'expired']");
    let StepKind::Approval(asked) = plan(&source).steps.remove(0).kind else { panic!("it asks") };
    assert_eq!((asked.on_reject, asked.on_expiry), (AfterRefusal::Continue, AfterRefusal::Continue));
}

#[test]
fn an_expiry_may_have_steps_of_its_own() {
    let source = approval("  on_reject: [{action: workflow.noop}]\n  on_expiry: {steps: [{action: workflow.noop}]}");
    assert_eq!(ids(&source), ["a", "a_on_reject", "a_on_reject_s1", "a_on_expiry", "a_on_expiry_s1"]);
    assert_eq!(follow(&source, "a_on_reject").test.source(), "steps['a'].output.decision in ['rejected']");
    assert_eq!(follow(&source, "a_on_expiry").test.source(), "steps['a'].output.decision in ['expired']");
}

#[test]
fn what_follows_is_known_by_other_words_and_refused_when_it_means_nothing() {
    hints(
        &approval("  onReject: {action: workflow.noop}\n  expiresIn: 2d"),
        &[
            "8:3+8 other_spelling [a] `onReject` is read as `on_reject`; write `on_reject`",
            "8:3+8 other_spelling [a] `onReject` is read as a list of one step; put `- ` before it",
            "9:3+9 other_spelling [a] `expiresIn` is read as `expires_in`; write `expires_in`",
        ],
    );
    for (more, expected) in [
        (
            "  on_reject: {steps: [{action: workflow.noop}], stepps: 1}",
            "8:49+6 unknown_key [a] `stepps` is no key of `on_reject`; did you mean `steps`?",
        ),
        ("  on_reject: []", "8:14+1 value_missing [a] `on_reject` has no steps; add a step, or leave the key out"),
        ("  on_expiry: later", "8:14+5 unknown_value [a] `later` is no value of `on_expiry`; it is one of `reject`, `continue`"),
        (
            "  on_reject: [{action: workflow.log, inputs: {message: \"{{ nope }}\"}}]",
            "8:60+4 undefined_name [a_on_reject_s1] nothing sets `nope`",
        ),
    ] {
        errors(&approval(more), &[expected]);
    }
}
