//! Steps inside steps and steps that wait, through the whole house: from a saved file to the page, on both databases.

use std::time::Duration;

use domain::RunId;
use platform::runs::Wait;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::{Client, House, in_both_houses};

/// Saves and publishes a workflow of one step list, and starts it.
async fn started(house: &House, slug: &str, front: &str, steps: &str) -> RunId {
    let indented: String = steps.lines().flat_map(|line| ["  ", line, "\n"]).collect();
    let source = format!("---\nworkflow: {{id: {slug}, name: Demo}}\n{front}steps:\n{indented}---\n");
    house.acme.developer.post("/t/acme/workflows", &[("source", &source), ("act", "publish")]).await.expect(303);
    house.start_workflow(&house.acme.developer, slug, Map::new()).await
}

async fn signal(client: &Client, run: RunId, body: Value) -> crate::harness::Answer {
    client.api(Method::POST, &format!("/api/v1/runs/{run}/signals"), &[], Some(&body)).await
}

in_both_houses! {
    crate::payment::with_samples =>

    async fn a_run_waits_for_a_signal_that_only_its_own_tenant_can_send(house) {
        let run = started(&house, "signalled", "outputs: {got: {type: integer}}\n", "- {id: w, type: wait, mode: signal, signal: go, output_variable: w}\n- {id: end, action: workflow.set_outputs, inputs: {got: \"{{ w.n + 1 }}\"}}").await;
        house.until(&house.acme, run, |shown| shown.wait.is_some()).await;
        let page = house.acme.developer.get(&format!("/t/acme/runs/{run}")).await.expect(200).text;
        let form = format!("/t/acme/runs/{run}/signals/new?name=go");
        assert!(page.contains("the signal go") && page.contains(&form), "{page}");
        assert!(house.acme.developer.get(&form).await.expect(200).text.contains("value=\"go\""));
        let body = json!({"name": "go", "payload": {"n": 41}});
        signal(&house.globex.admin, run, body.clone()).await.expect(404);
        signal(&house.acme.viewer, run, body.clone()).await.expect(403);
        for wrong in [json!({"name": "a:b"}), json!({"name": ""}), json!({"name": "go", "payload": "x".repeat(70_000)})] {
            signal(&house.acme.developer, run, wrong).await.expect(422);
        }
        let said = house.acme.developer.post(&format!("/t/acme/runs/{run}/signals"), &[("name", "go"), ("payload", "no json")]).await.expect(422);
        assert!(said.text.contains("This is no JSON"));
        signal(&house.acme.developer, run, json!({"name": "other"})).await.expect(204);
        signal(&house.acme.developer, run, body.clone()).await.expect(204);
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(over.outputs, Some(json!({"got": 42})));
        let refused = signal(&house.acme.developer, run, body).await.expect(409);
        assert_eq!(refused.code(), "run_over");
        let sent = house.log(&house.acme).await.into_iter().filter(|line| line.action == "run.signal_sent").count();
        assert_eq!(sent, 2, "each that was taken is on record");
    }

    async fn a_paused_run_begins_nothing_until_somebody_of_its_tenant_lets_it_go_on(house) {
        let run = started(&house, "paused", "outputs: {got: {type: integer}}\n", "- {id: w, type: wait, mode: signal, signal: go, output_variable: w}\n- {id: end, action: workflow.set_outputs, inputs: {got: \"{{ w }}\"}}").await;
        let order = async |client: &Client, what: &str, body: Option<Value>| client.api(Method::POST, &format!("/api/v1/runs/{run}/{what}"), &[], body.as_ref()).await;
        house.until(&house.acme, run, |shown| shown.wait.is_some()).await;
        order(&house.globex.admin, "pause", Some(json!({}))).await.expect(404);
        order(&house.acme.viewer, "pause", Some(json!({}))).await.expect(403);
        order(&house.acme.developer, "pause", Some(json!({"reason": "x".repeat(2_001)}))).await.expect(422);
        order(&house.acme.developer, "pause", Some(json!({"reason": "The bank is closed."}))).await.expect(204);
        house.until(&house.acme, run, |shown| matches!(shown.wait, Some(Wait::Paused { .. }))).await;
        signal(&house.acme.developer, run, json!({"name": "go", "payload": 7})).await.expect(204);
        let page = house.acme.developer.get(&format!("/t/acme/runs/{run}")).await.expect(200).text;
        assert!(page.contains("The bank is closed.") && page.contains("Let it go on"), "{page}");
        let shown = house.acme.developer.api(Method::GET, &format!("/api/v1/runs/{run}"), &[], None).await.expect(200);
        assert_eq!((&shown.json()["status"], &shown.json()["waiting"]["kind"]), (&json!("waiting"), &json!("paused")));
        for (client, status) in [(&house.globex.admin, 404), (&house.acme.viewer, 403)] {
            order(client, "continuation", None).await.expect(status);
        }
        house.acme.developer.post(&format!("/t/acme/runs/{run}/continuation"), &[]).await.expect(303);
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(over.outputs, Some(json!({"got": 7})));
        assert_eq!(order(&house.acme.developer, "continuation", None).await.expect(409).code(), "run_over");
        let log = house.log(&house.acme).await;
        for action in ["run.pause_requested", "run.paused", "run.resume_requested", "run.resumed"] {
            assert_eq!(log.iter().filter(|line| line.action == action).count(), 1, "{action}");
        }
    }

    async fn a_pause_ends_when_the_clock_says_so_and_rounds_and_branches_come_together(house) {
        let run = started(&house, "together", "outputs: {all: {type: object}}\n", "
- id: both
  type: parallel
  branches:
    - id: cubes
      steps:
        - {id: each, for_each: [1, 2, 3], concurrency: 2, output_variable: list, steps: [{id: cube, action: core.set, inputs: {v: \"{{ item * item * item }}\"}}]}
    - id: rest
      steps: [{id: w, type: wait, duration: 1h}, {id: n, action: core.set, inputs: {v: rested}, output_variable: n}]
- {id: end, action: workflow.set_outputs, inputs: {all: \"{{ steps.both.output }}\"}}").await;
        house.until(&house.acme, run, |shown| shown.wait.is_some()).await;
        let shown = house.acme.developer.api(Method::GET, &format!("/api/v1/runs/{run}"), &[], None).await.expect(200).json();
        let steps: Vec<_> = shown["steps"].as_array().unwrap().iter().map(|step| (step["id"].clone(), step["inside"].clone())).collect();
        assert!(steps.contains(&(json!("each[2]/cube"), json!("round 3"))), "every round is shown: {steps:?}");
        house.clock.advance(Duration::from_hours(1));
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(over.outputs, Some(json!({"all": {"cubes": {"list": [{"v": 1}, {"v": 8}, {"v": 27}]}, "rest": {"n": {"v": "rested"}}}})));
    }
}
