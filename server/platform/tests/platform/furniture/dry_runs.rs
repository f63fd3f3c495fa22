//! Runs that are thought through, and what they would cost.

use std::collections::BTreeMap;

use domain::{Actor, Money};
use platform::{
    runs::{Choice, DryRun, Given, Outcome, RunFilter, SampleGiven, SampleSource, StepStanding},
    workflows::{Base, Save},
};
use serde_json::{Value, json};

use crate::house::{House, fields, refusal};

const WRITE: &str = "---\nworkflow:\n  id: write\n  name: Write\ninputs:\n  topic: {type: string, required: true}\n---\n\n## Step 1: Look\n\n```yaml\nid: look\naction: http.request\ninputs: {method: GET, url: \"https://news.example/{{ inputs.topic }}\", headers: {Authorization: \"Bearer cred://news\"}}\noutput_variable: news\nx-sample: {body: {title: Rain}}\n```\n\n## Step 2: Write\n\n```yaml\nid: write\naction: agent.generate\ninputs: {prompt: \"Write about {{ inputs.topic }}\", max_tokens: 100}\nmax_retries: 1\n```\n\n## Step 3: Agree\n\n```yaml\nid: agree\napproval: {title: \"Publish {{ news.body.title }}?\", approvers: [\"role:approver\"]}\n```\n";

fn values(inputs: Value) -> Given {
    Given::Values(inputs.as_object().unwrap().clone())
}

fn dry_run(inputs: Value) -> DryRun {
    DryRun { version: None, given: values(inputs), samples: BTreeMap::new(), decisions: BTreeMap::new(), use_recorded: true }
}

/// All that a run would have left behind: runs, what was spent and set aside, credential uses.
async fn left(house: &House, admin: &Actor) -> String {
    let runs = house.platform.runs(admin, RunFilter::default(), None, 50).await.unwrap().items;
    let budgets = house.platform.budgets(admin).await.unwrap();
    let credentials = house.platform.credentials(admin).await.unwrap();
    let approvals = house.platform.approvals(admin, &platform::approvals::ApprovalFilter::default(), None, 50).await.unwrap().items.len();
    format!("{runs:?} {budgets:?} {credentials:?} {approvals}")
}

in_a_rehearsing_house! {
    async fn a_dry_run_shows_what_would_be_sent_and_leaves_nothing_behind_but_that_it_was_done(house) {
        let admin = house.acme_admin().await;
        house.platform.install_samples(&admin).await.unwrap();
        house.platform.save_workflow(&admin, WRITE).await.unwrap();
        let before = left(&house, &admin).await;
        let shown = house.platform.dry_run(&admin, "write", dry_run(json!({"topic": "weather"}))).await.unwrap();
        assert_eq!(shown.outcome, Outcome::Completed(serde_json::Map::new()));
        let [look, write, agree] = &shown.steps[..] else { panic!("{:?}", shown.steps) };
        assert_eq!((look.source.as_ref(), write.source.as_ref()), (Some(&SampleSource::Declared), Some(&SampleSource::MadeUp)));
        let request = look.shown.request.as_ref().unwrap();
        assert_eq!((&request["url"], &request["headers"][0][1][1]), (&json!("https://news.example/weather"), &json!({"credential": "news"})));
        assert_eq!(write.shown.request.as_ref().unwrap()["prompt"], json!("Write about weather"));
        assert_eq!(agree.asked.as_ref().unwrap().title, "Publish Rain?");
        assert_eq!((agree.shown.standing.clone(), shown.calls), (StepStanding::Completed, 2));
        assert!(shown.missing.iter().any(|missing| missing.contains("`news`")), "what is missing is said and stops nothing: {:?}", shown.missing);
        assert_eq!(left(&house, &admin).await, before);
        assert_eq!(house.log(&admin).await.last().map(String::as_str), Some("workflow.simulated"));
    }

    async fn whoever_tries_says_what_is_answered_and_decided(house) {
        let admin = house.acme_admin().await;
        house.platform.install_samples(&admin).await.unwrap();
        house.platform.save_workflow(&admin, WRITE).await.unwrap();
        let mut asked = dry_run(json!({"topic": "weather"}));
        asked.samples.insert("look".to_owned(), SampleGiven::Output(json!({"status": 200, "body": {"title": "Snow"}})));
        asked.decisions.insert("agree".to_owned(), Choice::Reject);
        let shown = house.platform.dry_run(&admin, "write", asked.clone()).await.unwrap();
        assert_eq!(shown.steps[2].asked.as_ref().unwrap().title, "Publish Snow?");
        assert!(matches!(&shown.outcome, Outcome::Failed { step: Some(step), code, .. } if step == "agree" && code == "rejected"), "{:?}", shown.outcome);
        let broken = SampleGiven::Failure { code: "time_out".to_owned(), message: "no answer".to_owned(), retryable: true };
        asked.samples.insert("write".to_owned(), broken);
        let shown = house.platform.dry_run(&admin, "write", asked.clone()).await.unwrap();
        assert_eq!((shown.steps[1].shown.attempts, shown.calls), (2, 3), "it is tried twice");
        asked.samples.insert("wirte".to_owned(), SampleGiven::Output(Value::Null));
        asked.decisions.insert("nobody".to_owned(), Choice::Approve);
        assert_eq!(fields(house.platform.dry_run(&admin, "write", asked).await), ["samples", "decisions"]);
        assert_eq!(fields(house.platform.dry_run(&admin, "write", dry_run(json!({"topic": 3}))).await), ["topic"]);
    }

    async fn who_may_start_may_try_and_drafts_can_be_tried_before_anybody_starts_them(house) {
        let (admin, approver, stranger) = (house.acme_admin().await, house.acme_approver().await, house.globex_admin().await);
        let draft = Save { base: Base::Version(0), ..Save::draft(WRITE) };
        house.platform.save(&admin, &draft).await.unwrap();
        let asked = || dry_run(json!({"topic": "weather"}));
        assert_eq!(house.platform.dry_run(&admin, "write", asked()).await.unwrap().version, 1);
        assert_eq!(refusal(house.platform.dry_run(&approver, "write", asked()).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.estimate(&approver, "write", None, None).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.dry_run(&stranger, "write", asked()).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.estimate(&stranger, "write", None, None).await), (404, "not_found"));
        let wrong = WRITE.replace("action: http.request", "action: http.reqest");
        house.platform.save(&admin, &Save { base: Base::Version(1), ..Save::draft(&wrong) }).await.unwrap();
        assert_eq!(refusal(house.platform.dry_run(&admin, "write", asked()).await), (409, "version_has_errors"));
        let first = DryRun { version: Some(1), ..asked() };
        assert_eq!(house.platform.dry_run(&admin, "write", first).await.unwrap().version, 1);
        assert_eq!(refusal(house.platform.dry_run(&admin, "write", DryRun { version: Some(9), ..asked() }).await).0, 404);
    }

    async fn the_most_that_a_run_can_cost_is_what_would_be_set_aside_for_it(house) {
        let admin = house.acme_admin().await;
        house.platform.install_samples(&admin).await.unwrap();
        house.platform.save_workflow(&admin, WRITE).await.unwrap();
        let unknown = house.platform.estimate(&admin, "write", None, None).await.unwrap();
        assert_eq!((unknown.is_of_inputs, unknown.most.cost, unknown.most.calls, unknown.history), (false, None, Some(3), None));
        let known = house.platform.estimate(&admin, "write", None, Some(values(json!({"topic": "weather"})))).await.unwrap();
        let write = known.steps.iter().find(|step| step.step == "write").unwrap();
        assert_eq!((write.model.as_deref(), write.attempts, write.times), (Some("rehearsal/rehearsal-model"), 2, Some(1)));
        // 19 bytes of prompt, six for each as JSON may need, 2,048 around them, 16 tokens a message and 256 a call; $0.15 and $0.60 a million.
        let input = 19 * 6 + 2_048 + 2 * 16 + 256;
        let once = Money::from_nanos(input * 150 + 100 * 600 + 1);
        assert_eq!((write.once.cost, write.most.cost, known.most.cost), (Some(once), once.times(2), once.times(2)));
        assert_eq!(known.most.tokens, Some(2 * (u64::try_from(input).unwrap() + 100)));
        let longer = house.platform.estimate(&admin, "write", None, Some(values(json!({"topic": "the weather of tomorrow"})))).await.unwrap();
        assert!(longer.most.cost > known.most.cost);
    }
}
