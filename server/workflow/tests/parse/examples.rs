//! The examples that come with the product.

use workflow::{
    needs::Needs,
    parse::parse,
    plan::{AfterRefusal, ApprovalStep, Approver, CredentialPiece, FormKind, OnError, Retry, Risk, StepKind, TemplateValue},
};

use crate::{example, hints, plan};

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
    let needs = Needs::of(&parsed.plan.unwrap());
    assert_eq!(needs.vars.into_iter().collect::<Vec<_>>(), ["erp_url", "payments_url"]);
    assert_eq!(needs.credentials.into_iter().collect::<Vec<_>>(), ["payment-desk"]);
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
fn the_incident_triage_keeps_its_triggers_and_names_what_cannot_run_yet() {
    let source = example("incident-triage.md");
    hints(&source, &["23:12+7 starts_nothing_yet a trigger of type `webhook` is kept, and starts no runs yet"]);
    let plan = plan(&source);
    let kinds: Vec<_> = plan.declared.triggers.iter().map(|trigger| (trigger.kind.name(), trigger.enabled, trigger.inputs.len())).collect();
    assert_eq!(kinds, [("webhook", true, 3), ("schedule", false, 3)]);
    let not_yet: Vec<_> = plan.not_yet().into_iter().map(|asked| (asked.step, asked.what)).collect();
    assert_eq!(not_yet, [("page".to_owned(), "wait with `mode: form`".to_owned())]);
}

#[test]
fn the_expense_report_asks_a_manager_who_fills_in_a_form() {
    let parsed = parse(&example("expense-report.md"));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let plan = parsed.plan.unwrap();
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(
        ids,
        ["receipts", "sort", "decide", "book", "step_5"],
        "what stands under Notes is no step, and a step without id has its number"
    );
    let StepKind::Approval(decide) = &plan.steps[2].kind else { panic!("the third step is an approval") };
    let fields: Vec<_> = decide.fields.iter().map(|field| (field.name.as_str(), field.kind, field.required)).collect();
    assert_eq!(fields, [("cost_centre", FormKind::Text, true), ("remark", FormKind::Text, false)]);
    assert_eq!(decide.fields[0].check.pattern.as_deref(), Some("^[0-9]{4}$"));
    assert!(matches!(&decide.fields[0].default, Some(TemplateValue::Template(text)) if text.source() == "{{ suggestion.cost_centre }}"));
    assert_eq!((decide.on_expiry, decide.on_reject), (AfterRefusal::Continue, AfterRefusal::Continue));
    assert!(
        matches!(&plan.steps[1].on_error, OnError::Continue { fallback: Some(TemplateValue::Literal(value)) } if value["cost_centre"] == "9999")
    );
    let needs = Needs::of(&plan);
    assert_eq!(
        (needs.vars.into_iter().collect::<Vec<_>>(), needs.credentials.into_iter().collect::<Vec<_>>()),
        (vec!["erp_url".to_owned()], vec!["erp".to_owned()])
    );
}

#[test]
fn the_release_notes_ask_before_they_are_published() {
    let parsed = parse(&example("release-notes.md"));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let plan = parsed.plan.unwrap();
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["collect", "write", "trace", "publish_approval", "publish", "result"]);
    assert_eq!(plan.steps[3].condition, plan.steps[4].condition);
    let StepKind::Approval(gate) = &plan.steps[3].kind else { panic!("the question stands before the step") };
    assert_eq!(
        (gate.title.source(), gate.description.as_ref().map(workflow::expression::Template::source)),
        ("Publish", Some("Customers will read this"))
    );
    assert_eq!((&gate.approvers[..], gate.risk), (&[Approver::Anyone][..], Risk::Low));
    assert!(parsed.outline[3].asks_first);
}

#[test]
fn a_block_among_notes_is_reported_with_its_line() {
    let parsed = parse(&example("expense-report.md"));
    let block = &parsed.blocks[0];
    assert_eq!((block.line, block.heading.as_deref(), block.candidate), (109, Some("Notes"), true));
    assert_eq!(block.reason, "`Notes` is no step heading, and this file has step headings");
}
