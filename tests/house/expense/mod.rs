//! `examples/expense-report.md` through the pages: a manager fills in a form, and every way it can end.

use std::time::Duration;

use database::{ApprovalState, RunStatus};
use domain::{ApprovalId, RunId};
use platform::runs::{RunShown, StepStanding};
use rehearsal::Expense;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Client, House, in_both_houses, page, things::approval_of},
    payment::{failure, fill, start_of, with_samples},
};

/// How long the manager has.
const A_WEEK: Duration = Duration::from_hours(7 * 24);
/// What the scripted model suggests for every expense.
const SUGGESTED: &str = "4711";

/// Reports a train ride with the form of its page.
async fn reported(house: &House) -> (RunId, ApprovalId) {
    let inputs = [
        ("employee", "Dana"),
        ("amount", "80.5"),
        ("category", "travel"),
        ("purpose", "Train to *Oslo*, <b>second</b> class"),
        ("receipts", "ticket.pdf\r\nseat.pdf\r\n"),
    ];
    let run = start_of(&house.acme, &house.acme.developer, "expense-report", &inputs).await;
    (run, approval_of(house, &house.acme, run).await)
}

/// Decides with the form of the page as it stands there, but for these fields.
async fn decide(house: &House, approval: ApprovalId, fields: &[(&str, &str)]) -> Answer {
    let at = format!("/t/acme/approvals/{approval}");
    fill(&house.acme.approver, &at, &format!("{at}/decision"), fields).await
}

async fn state_of(house: &House, approval: ApprovalId) -> ApprovalState {
    house.platform.approval(&house.actor(&house.acme.admin).await, approval).await.unwrap().line.state
}

fn standing<'r>(shown: &'r RunShown, step: &str) -> &'r StepStanding {
    &shown.steps.iter().find(|shown| shown.id == step).unwrap().standing
}

/// What a field of a page's form holds.
fn value(answer: &Answer, field: &str) -> String {
    page::forms(&answer.text).iter().find_map(|form| form.value(field).map(str::to_owned)).unwrap_or_else(|| panic!("no {field}"))
}

in_both_houses! {
    with_samples =>

    async fn a_manager_decides_with_a_form_and_what_they_wrote_is_booked(house) {
        let acme = house.acme.clone();
        let (run, approval) = reported(&house).await;
        let at = format!("/t/acme/approvals/{approval}");
        let shown = acme.approver.get(&at).await.expect(200);
        let shown = shown.says(&[
            "Dana: 80.5 for travel", "Train to *Oslo*, <b>second</b> class", "4711 (", "Receipts", "2",
            "What you fill in", "Cost centre", "Remark for the employee (optional)", "decision", "cred://erp", "Goes on without a decision",
        ]);
        assert_eq!((value(&shown, "fields.cost_centre"), value(&shown, "fields.remark")), (SUGGESTED.to_owned(), String::new()));

        // What does not fit is refused at its field, nothing is lost, and nothing is decided.
        let digest = value(&shown, "digest");
        let decision = format!("{at}/decision");
        for (fields, said) in [
            (&[("fields.cost_centre", ""), ("fields.remark", "Well <spent>")][..], "Cost centre is required."),
            (&[("fields.cost_centre", "47111"), ("fields.remark", "Well <spent>")], "Cost centre has to match ^[0-9]{4}$."),
            (&[("fields.cost_centre", "4711"), ("fields.centre", "1"), ("fields.remark", "Well <spent>")], "`centre` is no field of this form."),
            (&[("fields.remark", "Well <spent>")], "Cost centre is required."),
        ] {
            let sent = [&[("decision", "approve"), ("comment", "as agreed"), ("digest", &*digest)][..], fields].concat();
            let refused = acme.approver.post(&decision, &sent).await.expect(422).says(&[said]);
            assert_eq!((value(&refused, "fields.remark"), value(&refused, "comment")), ("Well <spent>".to_owned(), "as agreed".to_owned()));
            assert_eq!(state_of(&house, approval).await, ApprovalState::Pending);
        }
        let no = [("decision", "reject"), ("comment", ""), ("digest", &*digest), ("fields.cost_centre", "x")];
        acme.approver.post(&decision, &no).await.expect(422).says(&["2 things to correct", "Say why you reject it", "Cost centre has to match"]);
        assert_eq!(state_of(&house, approval).await, ApprovalState::Pending);
        assert!(house.log(&acme).await.iter().all(|line| line.action != "approval.approved"));

        // The other tenant sees none of it, and neither do those who may not decide get a form.
        house.globex.approver.get(&at).await.expect(404);
        house.globex.approver.post(&decision, &[("decision", "approve"), ("digest", &digest), ("fields.cost_centre", "4711")]).await.expect(404);
        house.globex.admin.get(&format!("/t/acme/runs/{run}")).await.expect(404);
        house.globex.admin.get(&format!("/t/globex/runs/{run}")).await.expect(404);
        house.globex.approver.get(&format!("/t/globex/approvals/{approval}")).await.expect(404);
        for other in [&acme.viewer, &acme.developer] {
            let page = other.get(&at).await.expect(200);
            assert!(page::forms(&page.text).iter().all(|form| form.value("fields.cost_centre").is_none()));
            other.post(&decision, &[("decision", "approve"), ("comment", ""), ("digest", &digest), ("fields.cost_centre", "4711")]).await.expect(403);
        }

        decide(&house, approval, &[("decision", "approve"), ("fields.cost_centre", "0815"), ("fields.remark", "Well <spent>")]).await.expect(303);
        let done = house.until_over(&acme, run).await;
        assert_eq!(done.outputs, Some(json!({"status": "approved", "cost_centre": "0815", "remark": "Well <spent>"})));
        let booked = [Expense { employee: "Dana".to_owned(), amount: 80.5, cost_centre: "0815".to_owned() }];
        assert_eq!(house.rehearsal.expenses(), booked);

        // What was filled in is on the pages; the log has the names of the fields and nothing of what was written.
        acme.approver.get(&at).await.expect(200).says(&["Approved by approver@acme.example", "Cost centre: 0815", "Remark for the employee: Well <spent>"]);
        acme.viewer.get(&format!("/t/acme/runs/{run}?step=decide")).await.expect(200).says(&["Cost centre", "0815", "Well <spent>"]);
        let log = house.log(&acme).await;
        let approved = log.iter().find(|line| line.action == "approval.approved").unwrap();
        assert_eq!(approved.detail["fields"], json!(["cost_centre", "remark"]));
        assert!(log.iter().all(|line| !Value::Object(line.detail.clone()).to_string().contains("Well <spent>")));
    }

    async fn a_rejection_needs_no_field_and_the_run_goes_on_without_booking(house) {
        let (run, approval) = reported(&house).await;
        let fields = [("decision", "reject"), ("comment", "Too dear"), ("fields.cost_centre", ""), ("fields.remark", "Take the bus")];
        let answer = decide(&house, approval, &fields).await.expect(303);
        let at = answer.location().to_owned();
        let done = house.until_over(&house.acme, run).await;
        assert_eq!(done.line.status, RunStatus::Completed);
        assert_eq!(done.outputs, Some(json!({"status": "rejected", "cost_centre": SUGGESTED, "remark": "Take the bus"})));
        assert!(matches!(standing(&done, "book"), StepStanding::Skipped(_)));
        assert_eq!(house.rehearsal.expenses(), []);
        let page = house.acme.approver.get(&at).await.expect(200);
        page.says(&["Rejected by approver@acme.example", "The run goes on without it.", "Cost centre: nothing", "Too dear"]);
    }

    async fn what_nobody_decides_within_a_week_goes_on_without_a_decision(house) {
        let (run, approval) = reported(&house).await;
        house.clock.advance(A_WEEK + Duration::from_secs(1));
        let done = house.until_over(&house.acme, run).await;
        assert_eq!(state_of(&house, approval).await, ApprovalState::Expired);
        assert_eq!(done.outputs, Some(json!({"status": "expired", "cost_centre": SUGGESTED, "remark": ""})));
        assert_eq!(house.rehearsal.expenses(), []);
        let page = house.acme.approver.get(&format!("/t/acme/approvals/{approval}")).await.expect(200);
        page.says(&["Nobody decided in time", "The run goes on without it."]);
    }

    async fn a_model_that_fails_is_replaced_by_the_fallback_and_the_run_says_so(house) {
        house.rehearsal.model_stage().fail_next(1, 400);
        let (run, approval) = reported(&house).await;
        let page = house.acme.approver.get(&format!("/t/acme/approvals/{approval}")).await.expect(200).says(&["9999 (no suggestion)"]);
        assert_eq!(value(&page, "fields.cost_centre"), "9999");
        assert!(!page.words().contains("A model wrote"), "no model said anything");
        decide(&house, approval, &[("decision", "approve")]).await.expect(303);
        let done = house.until_over(&house.acme, run).await;
        assert_eq!(done.outputs, Some(json!({"status": "approved", "cost_centre": "9999", "remark": ""})));
        assert_eq!(*standing(&done, "sort"), StepStanding::PassedOver);
        house.acme.viewer.get(&format!("/t/acme/runs/{run}")).await.expect(200).says(&["Completed", "1 failure passed over", "Failed, passed over"]);
        assert_eq!(house.rehearsal.expenses().len(), 1);
    }

    async fn an_answer_that_does_not_fit_falls_back_too(house) {
        house.rehearsal.model_says_next(r#"{"cost_centre": "travel", "why": "it is a train"}"#);
        let (_, approval) = reported(&house).await;
        house.acme.approver.get(&format!("/t/acme/approvals/{approval}")).await.expect(200).says(&["9999 (no suggestion)"]);
    }

    async fn an_expense_above_fifty_without_receipts_is_refused_before_a_model_is_asked(house) {
        let inputs = [("employee", "Dana"), ("amount", "50.01"), ("purpose", "Lunch")];
        let run = start_of(&house.acme, &house.acme.developer, "expense-report", &inputs).await;
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(failure(&over), ("receipts", "assertion", "An expense above 50 needs at least one receipt"));
        assert_eq!(house.rehearsal.model_stage().requests().len(), 0);
    }

    async fn a_form_that_changed_is_another_approval(house) {
        let (_, first) = reported(&house).await;
        house.rehearsal.model_says_next(r#"{"cost_centre": "1234", "why": "travel"}"#);
        let (_, second) = reported(&house).await;
        let digest = async |client: &Client, approval| value(&client.get(&format!("/t/acme/approvals/{approval}")).await.expect(200), "digest");
        let (one, other) = (digest(&house.acme.approver, first).await, digest(&house.acme.approver, second).await);
        assert_ne!(one, other);
        let sent = [("decision", "approve"), ("comment", ""), ("digest", &*one), ("fields.cost_centre", "4711")];
        house.acme.approver.post(&format!("/t/acme/approvals/{second}/decision"), &sent).await.expect(409);
        assert_eq!(state_of(&house, second).await, ApprovalState::Pending);
    }
}

mod by_the_api {
    use super::*;
    use crate::harness::Client;

    async fn asked(client: &Client, path: &str) -> Value {
        client.api(Method::GET, path, &[], None).await.expect(200).json()
    }

    async fn sent(client: &Client, path: &str, body: Value) -> Answer {
        client.api(Method::POST, path, &[], Some(&body)).await
    }

    /// Reports lunch; gives the address of its approval.
    async fn reported(house: &House) -> (RunId, String) {
        let inputs = json!({"employee": "Dana", "amount": 12.5, "purpose": "Lunch", "receipts": []});
        let started =
            sent(&house.acme.developer, "/api/v1/runs", json!({"workflow": "expense-report", "inputs": inputs})).await.expect(201);
        let run = started.json()["id"].as_str().unwrap().parse().unwrap();
        let approval = approval_of(house, &house.acme, run).await;
        (run, format!("/api/v1/approvals/{approval}"))
    }

    in_both_houses! {
        with_samples =>

        async fn a_program_fills_in_the_form_with_values_of_their_types(house) {
            let (run, at) = reported(&house).await;
            let approver = &house.acme.approver;
            let shown = asked(approver, &at).await;
            let field = &shown["fields"][0];
            assert_eq!((&field["name"], &field["kind"], &field["required"], &field["value"]), (&json!("cost_centre"), &json!("text"), &json!(true), &json!(SUGGESTED)));
            let decision = format!("{at}/decision");
            let yes = |fields: Value| json!({"decision": "approve", "digest": shown["digest"], "fields": fields});
            for (fields, wrong) in [
                // A suggestion is no answer.
                (json!({}), "fields.cost_centre"),
                (json!({"cost_centre": null}), "fields.cost_centre"),
                (json!({"cost_centre": 4711}), "fields.cost_centre"),
                (json!({"cost_centre": "47"}), "fields.cost_centre"),
                (json!({"cost_centre": "4711", "cost_center": "4711"}), "fields.cost_center"),
            ] {
                let refused = sent(approver, &decision, yes(fields)).await.expect(422);
                assert_eq!(refused.json()["errors"][0]["field"], wrong);
                assert_eq!(asked(approver, &at).await["state"], "pending");
            }
            let fields = json!({"cost_centre": "0815"});
            house.globex.approver.api(Method::GET, &at, &[], None).await.expect(404);
            sent(&house.globex.approver, &decision, yes(fields.clone())).await.expect(404);
            assert_eq!(sent(approver, &decision, yes(fields)).await.expect(200).json()["state"], "approved");
            let done = house.until_over(&house.acme, run).await;
            assert_eq!(done.outputs, Some(json!({"status": "approved", "cost_centre": "0815", "remark": ""})));
            assert_eq!(asked(approver, &at).await["decisions"][0]["fields"], json!({"cost_centre": "0815", "remark": null}));
            assert_eq!(house.rehearsal.expenses().len(), 1);
        }

        async fn a_program_rejects_without_filling_anything_in(house) {
            let (run, at) = reported(&house).await;
            let digest = asked(&house.acme.approver, &at).await["digest"].clone();
            let no = json!({"decision": "reject", "comment": "Not again", "digest": digest});
            assert_eq!(sent(&house.acme.approver, &format!("{at}/decision"), no).await.expect(200).json()["state"], "rejected");
            let done = house.until_over(&house.acme, run).await;
            assert_eq!(done.outputs, Some(json!({"status": "rejected", "cost_centre": SUGGESTED, "remark": ""})));
        }
    }
}
