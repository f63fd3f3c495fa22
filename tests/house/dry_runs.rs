//! Runs that are thought through, and what they may cost: by the API, in whose sight, and what is left behind.

use domain::Money;
use platform::runs::RunFilter;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, in_both_houses};

const DRY_RUNS: &str = "/api/v1/workflows/vendor-payment/dry-runs";

async fn thought(client: &Client, body: Value) -> crate::harness::Answer {
    client.api(Method::POST, DRY_RUNS, &[], Some(&body)).await
}

in_both_houses! {
    crate::payment::with_samples =>

    async fn a_dry_run_says_what_would_be_sent_and_asked_and_calls_nothing(house) {
        let developer = &house.acme.developer;
        let body = json!({
            "inputs": {"invoice_id": "INV-20417"},
            "samples": {"step_1": {"output": {"body": {
                "id": "INV-20417", "vendor": "Nordwind", "iban": "DE02", "amount": 1840.5, "currency": "EUR", "status": "open", "lines": []
            }}}, "step_5": {"output": {"status": 201, "body": {"id": "PAY-1"}}}},
        });
        let shown = thought(developer, body.clone()).await.expect(200).json();
        let steps = shown["steps"].as_array().unwrap();
        let of = |id: &str| steps.iter().find(|step| step["id"] == *id).unwrap_or_else(|| panic!("{id} in {steps:?}"));
        assert_eq!((&shown["status"], &of("step_1")["sample"]["from"]), (&json!("completed"), &json!("given")), "{shown}");
        assert_eq!((&of("step_3")["sample"]["from"], &of("step_5")["status"]), (&json!("made_up"), &json!("completed")));
        let request = of("step_5")["request"].to_string();
        assert!(request.contains("payment-desk") && request.contains("DE02"), "the credential by its name alone: {request}");
        assert!(of("step_4")["asks"].as_str().unwrap().contains("Nordwind"), "{:?}", of("step_4"));
        assert!(shown["estimate"]["most"]["calls"].as_u64().unwrap() >= shown["calls"].as_u64().unwrap());

        let mut refused = body.clone();
        refused["decisions"] = json!({"step_4": "reject"});
        let shown = thought(developer, refused).await.expect(200).json();
        assert_eq!((&shown["status"], &shown["failure"]["code"]), (&json!("failed"), &json!("rejected")));

        assert_eq!(house.rehearsal.payments().len(), 0);
        let admin = house.actor(&house.acme.admin).await;
        assert!(house.platform.runs(&admin, RunFilter::default(), None, 10).await.unwrap().items.is_empty());
        let log = house.log(&house.acme).await;
        assert_eq!(log.iter().filter(|line| line.action == "workflow.simulated").count(), 2, "that it was done is on record");

        let spent = house.platform.budgets(&admin).await.unwrap().tenant;
        assert_eq!((spent.spent, spent.held), (Money::ZERO, Money::ZERO));

        // Not without the right, and not with what nobody declared; of other tenants' workflows the table of the isolation tells.
        thought(&house.acme.viewer, body.clone()).await.expect(403);
        developer.api(Method::POST, "/api/v1/workflows/no-such-workflow/dry-runs", &[], Some(&json!({}))).await.expect(404);
        thought(developer, json!({"inputs": {"invoice_id": "x"}})).await.expect(422);
        thought(developer, json!({"inputs": {"invoice_id": "INV-20417"}, "samples": {"nobody": {"output": 1}}})).await.expect(422);
    }

    async fn an_estimate_is_given_before_a_start_and_bounds_it(house) {
        let shown = house.acme.developer.api(Method::GET, "/api/v1/workflows/vendor-payment/estimate", &[], None).await.expect(200).json();
        assert_eq!((&shown["history"], &shown["is_of_inputs"]), (&Value::Null, &json!(false)), "nothing was run yet");
        let steps: Vec<&str> = shown["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
        assert_eq!(steps, ["step_1", "step_3", "step_5"], "those that reach out");
        house.acme.viewer.api(Method::GET, "/api/v1/workflows/vendor-payment/estimate", &[], None).await.expect(403);
    }
}
