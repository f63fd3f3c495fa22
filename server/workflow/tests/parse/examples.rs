//! The examples that come with the product.

use workflow::{
    parse::parse,
    plan::{ApprovalStep, CredentialPiece, Retry, Risk, StepKind},
};

use crate::{errors, example, plan};

#[test]
fn vendor_payment_is_exactly_this_plan() {
    insta::assert_json_snapshot!(plan(&example("vendor-payment.md")));
}

#[test]
fn vendor_payment_says_what_it_needs_and_what_is_documentation() {
    let parsed = parse(&example("vendor-payment.md"));
    assert!(parsed.diagnostics.is_empty());
    let reasons: Vec<_> =
        parsed.blocks.iter().map(|block| (block.line, block.heading.as_deref(), block.candidate, block.reason.as_str())).collect();
    assert_eq!(reasons, [(47, Some("Vendor payment"), false, "it is `json`; steps are blocks of `yaml`")]);
    let outline: Vec<_> = parsed.outline.iter().map(|step| (step.id.as_str(), step.kind.as_str(), step.line, step.complete)).collect();
    assert_eq!(
        outline,
        [
            ("step_1", "http.request", 53, true),
            ("step_2", "workflow.assert", 69, true),
            ("step_3", "agent.analyze", 78, true),
            ("step_4", "approval", 102, true),
            ("step_5", "http.request", 124, true),
            ("step_6", "workflow.set_outputs", 143, true),
        ]
    );
    assert_eq!(parsed.outline[4].credentials, ["payment-desk"]);
    assert_eq!(parsed.outline[4].host.as_deref(), Some("vars.payments_url"));
    let needs = parsed.needs;
    assert_eq!(needs.vars.into_iter().collect::<Vec<_>>(), ["erp_url", "payments_url"]);
    assert_eq!(needs.credentials.into_iter().collect::<Vec<_>>(), ["payment-desk"]);
    assert_eq!(needs.hosts.into_iter().collect::<Vec<_>>(), ["vars.erp_url", "vars.payments_url"]);
    assert_eq!(needs.roles.into_iter().collect::<Vec<_>>(), ["approver"]);
    assert!(needs.default_model && needs.models.is_empty());
}

#[test]
fn line_ends_and_a_byte_order_mark_do_not_change_the_plan() {
    let source = example("vendor-payment.md");
    let unix = plan(&source);
    for changed in [
        format!("\u{feff}{}", source.replace('\n', "\r\n")),
        source.replace('\n', "\r"),
        source.trim_end().to_owned(),
        format!("\n\n{source}").replacen("\n\n---", "---", 1),
    ] {
        let other = plan(&changed);
        assert_eq!(unix.hash().unwrap(), other.hash().unwrap());
        assert_eq!(unix, other);
    }
}

#[test]
fn a_plan_that_was_stored_is_the_same_plan() {
    let unix = plan(&example("vendor-payment.md"));
    let stored = serde_json::to_string(&unix).unwrap();
    assert_eq!(serde_json::from_str::<workflow::Plan>(&stored).unwrap(), unix);
}

#[test]
fn the_parts_of_vendor_payment_mean_what_its_reader_thinks() {
    let plan = plan(&example("vendor-payment.md"));
    assert_eq!(plan.risk, Risk::High);
    assert_eq!(plan.budget.unwrap().limit.to_dollars(), "0.25");
    assert_eq!(plan.steps[2].budget.unwrap().to_dollars(), "0.1");
    assert_eq!(plan.steps[0].retry, Retry { max_attempts: 4, initial_interval: std::time::Duration::from_millis(500), ..Retry::ONCE });
    let StepKind::Http(pay) = &plan.steps[4].kind else { panic!("paying is a request") };
    let (name, pieces) = &pay.headers[0];
    assert_eq!(name, "Authorization");
    assert!(
        matches!(&pieces[..], [CredentialPiece::Text(text), CredentialPiece::Credential(name)] if text.source() == "Bearer " && name == "payment-desk")
    );
    let StepKind::Approval(ApprovalStep { shows, .. }) = &plan.steps[3].kind else { panic!("the fourth step is an approval") };
    let shown: Vec<_> = shows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(shown, ["Invoice", "Vendor", "Account", "Amount"]);
}

#[test]
fn what_the_other_examples_ask_for_is_refused_by_name() {
    errors(
        &example("expense-report.md"),
        &[
            "53:1+8 not_supported [sort] `on_error: continue` is not supported yet",
            "69:3+6 not_supported [decide] `fields` is not supported yet",
        ],
    );
    errors(
        &example("release-notes.md"),
        &[
            "68:1+17 not_supported [publish] `approval_required` is not supported yet",
            "69:1+15 not_supported [publish] `approval_reason` is not supported yet",
        ],
    );
    errors(
        &example("incident-triage.md"),
        &[
            "23:12+7 not_supported a trigger of type `webhook` is not supported yet",
            "24:12+8 not_supported a trigger of type `schedule` is not supported yet",
            "30:7+8 not_supported [step_1] `for_each` is not supported yet",
            "50:7+6 not_supported [step_2] `filter` is not supported yet",
            "60:7+8 not_supported [step_3] `parallel` is not supported yet",
            "96:7+6 not_supported [step_5] `switch` is not supported yet",
            "118:7+3 not_supported [step_6] `try` is not supported yet",
        ],
    );
    errors(
        &example("support-reply.yaml"),
        &["1:1+14 not_supported a workflow written as a graph (`flow`, `state`, `nodes`, `edges`) is not supported yet"],
    );
}

#[test]
fn a_block_among_notes_is_reported_with_its_line() {
    let parsed = parse(&example("expense-report.md"));
    let block = &parsed.blocks[0];
    assert_eq!((block.line, block.heading.as_deref(), block.candidate), (109, Some("Notes"), true));
    assert_eq!(block.reason, "`Notes` is no step heading, and this file has step headings");
}
