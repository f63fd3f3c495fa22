//! Runs as people look for them and start them: before any engine takes one up.

use domain::{Actor, Cursor, RunId};
use platform::{
    runs::{Given, RunFilter, Wait},
    workflows::Saved,
};
use serde_json::json;

use crate::house::{House, fields, refusal};

const GREETING: &str = "---\nworkflow:\n  id: greeting\n  name: Greeting\ninputs:\n  name: {type: string, required: true}\n---\n\n## Step 1: Say it\n\n```yaml\naction: workflow.log\ninputs: {message: \"Hello {{ inputs.name }}\"}\n```\n";

async fn saved(house: &House, actor: &Actor, source: &str) -> Saved {
    house.platform.save_workflow(actor, source).await.unwrap()
}

async fn started(house: &House, actor: &Actor, name: &str) -> RunId {
    let inputs = json!({"name": name}).as_object().unwrap().clone();
    house.platform.start_run(actor, "greeting", Given::Values(inputs), None).await.unwrap().run
}

/// The numbers of the runs that a filter lets through.
async fn found(house: &House, actor: &Actor, filter: RunFilter) -> Vec<i64> {
    house.platform.runs(actor, filter, None, 50).await.unwrap().items.iter().map(|line| line.number).collect()
}

fn of_text(text: &str) -> RunFilter {
    RunFilter { text: Some(text.to_owned()), ..RunFilter::default() }
}

in_a_rehearsing_house! {
    async fn a_run_is_found_by_its_number_its_id_and_what_it_was_given(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        for tenant in [&acme, &globex] {
            saved(&house, tenant, GREETING).await;
        }
        let ada = started(&house, &acme, "Ada").await;
        started(&house, &acme, "Bob 100%").await;
        let theirs = started(&house, &globex, "Ada").await;
        for (text, numbers) in
            [("#1", vec![1]), ("#7", vec![]), (" #2 ", vec![2]), ("ada", vec![1]), ("100%", vec![2]), ("%", vec![2]), ("#x", vec![])]
        {
            assert_eq!(found(&house, &acme, of_text(text)).await, numbers, "{text}");
        }
        assert_eq!(found(&house, &acme, of_text(&ada.to_string())).await, [1]);
        assert_eq!(found(&house, &acme, of_text(&theirs.to_string())).await, [0_i64; 0], "the run of another tenant");
        let narrowed = RunFilter { starter: Some("somebody@acme.example".to_owned()), ..of_text("#1") };
        assert_eq!(found(&house, &acme, narrowed).await, [0_i64; 0], "a run that is named still has to fit");
        let endless = RunFilter { text: Some("x".repeat(201)), ..RunFilter::default() };
        assert_eq!(fields(house.platform.runs(&acme, endless, None, 50).await), ["text"]);
        let page = house.platform.runs(&acme, RunFilter::default(), None, 1).await.unwrap();
        assert_eq!(page.next, Some(Cursor(2)));
    }

    async fn a_run_that_nobody_took_up_says_so(house) {
        let admin = house.acme_admin().await;
        saved(&house, &admin, GREETING).await;
        let run = started(&house, &admin, "Ada").await;
        let shown = house.platform.run(&admin, run).await.unwrap();
        // Accepted and leased to this process, or to nobody yet: either way it waits for its first step.
        let Some(Wait::Queue { since, .. }) = shown.wait else { panic!("{:?}", shown.wait) };
        assert_eq!((since, shown.published_version), (house.platform.now(), Some(1)));
    }

    async fn a_run_is_repeated_with_its_inputs_under_its_version_alone(house) {
        let (admin, approver, globex) = (house.acme_admin().await, house.acme_approver().await, house.globex_admin().await);
        saved(&house, &admin, GREETING).await;
        let first = started(&house, &admin, "Ada").await;
        let again = house.platform.repeat_run(&admin, first, None, Some("a key".to_owned())).await.unwrap();
        let twice = house.platform.repeat_run(&admin, first, None, Some("a key".to_owned())).await.unwrap();
        assert_eq!((again.number, again.repeated, twice.run, twice.repeated), (2, false, again.run, true));
        assert_eq!(house.platform.run(&admin, again.run).await.unwrap().inputs, json!({"name": "Ada"}));
        let filter = platform::audit::Filter { target: Some(again.run.to_string()), ..platform::audit::Filter::default() };
        let log = house.platform.audit(&admin, &filter, None, 5).await.unwrap();
        assert_eq!(log.items[0].detail["repeats"], json!(first.to_string()));

        assert_eq!(refusal(house.platform.repeat_run(&globex, first, None, None).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.repeat_run(&approver, first, None, None).await), (403, "forbidden"));
        saved(&house, &admin, &GREETING.replace("Hello", "Good morning")).await;
        assert_eq!(refusal(house.platform.repeat_run(&admin, first, None, None).await), (409, "version_changed"));
        house.platform.remove_workflow(&admin, "greeting").await.unwrap();
        assert_eq!(refusal(house.platform.repeat_run(&admin, first, None, None).await), (409, "workflow_removed"));
        assert_eq!(found(&house, &admin, RunFilter::default()).await, [2, 1], "nothing half done");
    }

    async fn the_version_of_a_run_stays_and_so_does_the_name_of_its_workflow(house) {
        let (admin, globex) = (house.acme_admin().await, house.globex_admin().await);
        saved(&house, &admin, GREETING).await;
        let run = started(&house, &admin, "Ada").await;
        house.platform.remove_workflow(&admin, "greeting").await.unwrap();
        saved(&house, &admin, &GREETING.replace("name: Greeting", "name: Another")).await;
        let version = house.platform.run_version(&admin, run).await.unwrap();
        assert_eq!((version.name.as_str(), version.version.number, version.source.as_str()), ("Greeting", 1, GREETING));
        assert_eq!(refusal(house.platform.run_version(&globex, run).await), (404, "not_found"));
        let names = house.platform.run_workflows(&admin).await.unwrap();
        let told: Vec<(&str, bool)> = names.iter().map(|known| (known.name.as_str(), known.is_removed)).collect();
        assert_eq!(told, [("Another", false), ("Greeting", true)]);
        let of_removed = RunFilter { workflow: Some(names[1].id), ..RunFilter::default() };
        assert_eq!(found(&house, &admin, of_removed).await, [1]);
        assert!(house.platform.run_workflows(&globex).await.unwrap().is_empty());
    }
}
