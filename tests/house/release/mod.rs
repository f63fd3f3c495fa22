//! `examples/release-notes.md` through the pages: notes from what was merged, read by somebody before they are published.

use std::time::Duration;

use database::{ApprovalState, RunStatus};
use platform::runs::StepStanding;
use rehearsal::{QUIET_PROJECT, TRACKER_KEY};
use reqwest::Method;
use serde_json::json;

use crate::{
    harness::{House, in_both_houses, things::approval_of},
    payment::{decide, failure, start_of, with_samples},
};

async fn started(house: &House, inputs: &[(&str, &str)]) -> domain::RunId {
    start_of(&house.acme, &house.acme.developer, "release-notes", inputs).await
}

in_both_houses! {
    with_samples =>

    async fn notes_are_published_once_somebody_read_them(house) {
        let acme = house.acme.clone();
        let run = started(&house, &[("project", "engine"), ("audience", "developers")]).await;
        let approval = approval_of(&house, &acme, run).await;
        assert_eq!(house.rehearsal.tracker_stage().requests()[0].path, "/projects/engine/changes?since=last-release");
        let asked = String::from_utf8(house.rehearsal.model_stage().requests()[0].body.clone()).unwrap();
        assert!(asked.contains("1. Search finds words with accents (feature)") && asked.contains("Audience: developers"), "{asked}");

        let at = format!("/t/acme/approvals/{approval}");
        acme.approver.get(&at).await.expect(200).says(&["Publish", "Customers will read this", "POST", "cred://tracker", "Search finds words with accents"]);
        house.globex.approver.get(&at).await.expect(404);
        house.globex.admin.get(&format!("/t/globex/runs/{run}")).await.expect(404);
        assert_eq!(house.rehearsal.releases(), []);
        decide(&acme.approver, &acme, approval, "approve", "").await.expect(303);

        let outputs = house.until_over(&acme, run).await.outputs.unwrap();
        let releases = house.rehearsal.releases();
        assert_eq!((releases.len(), releases[0].project.as_str()), (1, "engine"));
        assert_eq!(outputs["notes"], json!(releases[0].notes));
        assert_eq!((&outputs["changes"], &outputs["published_at"]), (&json!(4), &json!("2026-01-31T09:00:01Z")));
        let published = house.rehearsal.tracker_stage().requests();
        assert_eq!(published[1].header("authorization"), Some(&*format!("Bearer {TRACKER_KEY}")));
        acme.viewer.get(&format!("/t/acme/runs/{run}")).await.expect(200).says(&["4 changes, ", "Publish: approval"]);
    }

    async fn a_box_that_is_not_ticked_publishes_nothing_and_asks_nobody(house) {
        let run = started(&house, &[("project", "engine"), ("publish", "false")]).await;
        let done = house.until_over(&house.acme, run).await;
        assert_eq!((done.line.status, &done.inputs["publish"]), (RunStatus::Completed, &json!(false)));
        let outputs = done.outputs.as_ref().unwrap();
        assert_eq!((&outputs["changes"], &outputs["published_at"]), (&json!(4), &json!("")));
        for step in ["publish_approval", "publish"] {
            assert!(matches!(done.steps.iter().find(|shown| shown.id == step).unwrap().standing, StepStanding::Skipped(_)), "{step}");
        }
        assert_eq!(house.rehearsal.releases(), []);
    }

    async fn where_nothing_was_merged_there_is_nothing_to_publish(house) {
        let run = started(&house, &[("project", QUIET_PROJECT)]).await;
        let outputs = house.until_over(&house.acme, run).await.outputs.unwrap();
        assert_eq!((&outputs["changes"], &outputs["published_at"]), (&json!(0), &json!("")));
        assert_eq!(house.rehearsal.releases(), []);
    }

    async fn notes_that_are_rejected_are_not_published(house) {
        let run = started(&house, &[("project", "engine")]).await;
        let approval = approval_of(&house, &house.acme, run).await;
        decide(&house.acme.approver, &house.acme, approval, "reject", "Too long").await.expect(303);
        let over = house.until_over(&house.acme, run).await;
        assert_eq!((over.line.status, failure(&over).0, failure(&over).1), (RunStatus::Failed, "publish_approval", "rejected"));
        let actor = house.actor(&house.acme.admin).await;
        assert_eq!(house.platform.approval(&actor, approval).await.unwrap().line.state, ApprovalState::Rejected);
        assert_eq!(house.rehearsal.releases(), []);
    }

    async fn an_overloaded_model_is_asked_again(house) {
        house.rehearsal.model_stage().fail_next(2, 429);
        let run = started(&house, &[("project", "engine")]).await;
        for attempt in 1..=2 {
            let retrying = |shown: &platform::runs::RunShown| {
                shown.steps[1].attempts == attempt && matches!(shown.steps[1].standing, StepStanding::Retrying(_))
            };
            house.until(&house.acme, run, retrying).await;
            house.clock.advance(Duration::from_secs(10));
        }
        approval_of(&house, &house.acme, run).await;
        assert_eq!(house.rehearsal.model_stage().requests().len(), 3);
    }

    async fn a_project_that_cannot_be_one_is_refused_at_its_field(house) {
        let at = "/t/acme/workflows/release-notes/runs";
        let page = house.acme.developer.get(&format!("{at}/new")).await.expect(200);
        let refused = house.acme.developer.submit(&page, at, &[("input.project", "No Project")]).await.expect(422);
        refused.says(&["project has to match"]);
        house.globex.viewer.get(&format!("{at}/new")).await.expect(404);
    }

    async fn a_program_publishes_what_an_approver_agreed_to_by_the_api(house) {
        let acme = house.acme.clone();
        let inputs = json!({"project": "engine", "publish": true});
        let body = json!({"workflow": "release-notes", "inputs": inputs});
        let started = acme.developer.api(Method::POST, "/api/v1/runs", &[], Some(&body)).await.expect(201);
        let run = started.json()["id"].as_str().unwrap().parse().unwrap();
        let at = format!("/api/v1/approvals/{}", approval_of(&house, &acme, run).await);
        let digest = acme.approver.api(Method::GET, &at, &[], None).await.expect(200).json()["digest"].clone();
        house.globex.approver.api(Method::GET, &at, &[], None).await.expect(404);
        let decision = format!("{at}/decision");
        // There is no form, so there is nothing to fill in.
        let more = json!({"decision": "approve", "digest": digest, "fields": {"remark": "x"}});
        acme.approver.api(Method::POST, &decision, &[], Some(&more)).await.expect(422);
        let yes = json!({"decision": "approve", "digest": digest});
        acme.approver.api(Method::POST, &decision, &[], Some(&yes)).await.expect(200);
        house.until_over(&acme, run).await;
        let done = acme.developer.api(Method::GET, &format!("/api/v1/runs/{run}"), &[], None).await.expect(200).json();
        assert_eq!((&done["status"], &done["outputs"]["changes"]), (&json!("completed"), &json!(4)));
        assert_eq!(house.rehearsal.releases().len(), 1);
    }
}
