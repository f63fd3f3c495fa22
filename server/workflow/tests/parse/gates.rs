//! `approval_required`: a step that stands behind a question.

use workflow::plan::{AfterRefusal, Approver, Quorum, StepKind};

use crate::{below, errors, plan, step};

fn gated(more: &str) -> String {
    step(&format!("id: a\naction: http.request\ninputs: {{method: GET, url: \"https://a.example/\"}}\n{more}"))
}

#[test]
fn a_step_that_needs_an_approval_stands_behind_a_question() {
    let plan = plan(&gated("condition: run.number > 1\napproval_required: true\napproval_reason: \"Run {{ run.number }}\""));
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["a_approval", "a"]);
    assert_eq!(plan.steps[0].condition, plan.steps[1].condition);
    let StepKind::Approval(question) = &plan.steps[0].kind else { panic!("it asks") };
    assert_eq!((&question.approvers[..], question.quorum), (&[Approver::Anyone][..], Quorum::Of(1)));
    assert_eq!(question.expires_in.as_secs(), 7 * 24 * 3_600);
    assert_eq!((question.on_expiry, question.on_reject), (AfterRefusal::Stop, AfterRefusal::Stop));
    assert_eq!(question.description.as_ref().map(workflow::expression::Template::source), Some("Run {{ run.number }}"));
}

#[test]
fn a_step_that_needs_none_is_one_step() {
    assert_eq!(plan(&gated("approval_required: false")).steps.len(), 1);
}

#[test]
fn a_question_that_could_not_be_asked_is_refused() {
    for (more, expected) in [
        ("approval_required: perhaps", "8:20+7 wrong_type [a] `approval_required` is `true` or `false`, not `perhaps`"),
        (
            "approval_reason: Because",
            "8:1+15 no_meaning [a] `approval_reason` has no meaning here: nobody is asked; add `approval_required: true`",
        ),
        ("approval_required: true\napproval_reason: \"{{ nope }}\"", "9:22+4 undefined_name [a] nothing sets `nope`"),
    ] {
        errors(&gated(more), &[expected]);
    }
    errors(
        &step("id: a\napproval: {title: Pay?}\napproval_required: true"),
        &["7:1+17 no_meaning [a] `approval_required` has no meaning here: this step is an approval itself"],
    );
}

#[test]
fn no_other_step_can_have_the_id_of_a_question() {
    let block = |id: &str, more: &str| format!("```yaml\nid: {id}\naction: workflow.log\ninputs: {{message: hello}}\n{more}\n```\n");
    let source = below(&format!("{}{}", block("a_approval", ""), block("a", "approval_required: true")));
    errors(
        &source,
        &[
            "4:1+3 duplicate_id [a_approval] the id `a_approval` belongs to the approval of the step `a` on line 10; give this step another id",
        ],
    );
}
