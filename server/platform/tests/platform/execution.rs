//! A run from its start to its end through the real engine, the real host and look-alike services on loopback.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::house::{Empty, House, empty, settings};
use database::{RunStatus, workflows};
use domain::{
    Actor, RunId, Scope,
    audit::{AuditEvent, AuditEvents},
    call::EgressRules,
    permission::WorkflowWrite,
    time::Clock,
};
use engine::{Driver, Embedded, EmbeddedSettings};
use platform::{
    Settings,
    approvals::{Outcome, Say},
    execution::Execution,
    runs::{DryRun, Given, Outcome as DryOutcome, RunFilter, RunShown, SampleSource, StepStanding, Waiting},
};
use rehearsal::{Config, Rehearsal};
use serde_json::{Map, json};
use tokio::sync::watch;

struct Stage {
    house: House,
    rehearsal: Rehearsal,
    stop: watch::Sender<bool>,
    driver: tokio::task::JoinHandle<()>,
}

const SOURCE: &str = r#"---
workflow:
  id: pay
  name: Pay
inputs:
  invoice_id: {type: string, required: true}
outputs:
  payment_id: {type: string}
---

## Step 1: Read the invoice

```yaml
action: http.request
inputs:
  url: "http://BOOK/invoices/{{ inputs.invoice_id }}"
output_variable: invoice
```

## Step 2: Finance agrees

```yaml
approval:
  title: "Pay {{ invoice.body.amount }} to {{ invoice.body.vendor }}"
  approvers: [role:approver]
  shows:
    Account: "{{ invoice.body.iban }}"
  expires_in: 3d
output_variable: agreement
```

## Step 3: Note it

```yaml
action: http.request
inputs:
  method: GET
  url: "http://BOOK/invoices/{{ invoice.body.id }}"
output_variable: again
```

## Step 4: Say what was done

```yaml
action: workflow.set_outputs
inputs:
  payment_id: "{{ agreement.decided_by }}"
```
"#;

impl Stage {
    async fn set(empty: impl AsyncFnOnce(Settings) -> Empty) -> Self {
        tools::install_crypto();
        let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
        let allow = vec![rehearsal.invoice_book().to_string(), rehearsal.payment_desk().to_string(), rehearsal.model().to_string()];
        let settings = Settings { egress: EgressRules { allow, deny: Vec::new() }, ..settings() };
        let house = empty(settings).await.furnished().await;
        let clock: Arc<dyn Clock> = house.clock.clone();
        let driver = Embedded::new(
            house.platform.database().clone(),
            Arc::new(Execution::new(house.platform.clone())),
            clock,
            Arc::new(domain::machine::OsEntropy),
            EmbeddedSettings::default(),
        );
        let (stop, stopped) = watch::channel(false);
        let driver = tokio::spawn(async move { driver.work(stopped).await });
        Self { house, rehearsal, stop, driver }
    }

    async fn on_sqlite() -> Self {
        Self::set(async |settings| {
            let (location, folder) = database::testing::sqlite();
            empty(location, Some(folder), settings).await
        })
        .await
    }

    async fn on_postgres() -> Self {
        Self::set(async |settings| empty(database::testing::postgres().await, None, settings).await).await
    }

    async fn save(&self, actor: &Actor, source: &str) {
        let source = source.replace("BOOK", &self.rehearsal.invoice_book().to_string());
        let parsed = workflow::parse(&source);
        let plan = parsed.plan.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
        let platform = &self.house.platform;
        let mut tx = platform.database().write(actor).await.unwrap();
        let scope = Scope::<WorkflowWrite>::of(actor, "workflow").unwrap();
        let new = workflows::NewWorkflow {
            id: platform.new_id(),
            slug: plan.id.clone(),
            name: plan.name.clone(),
            description: String::new(),
            tags: Vec::new(),
            folder: None,
        };
        let version = workflows::NewVersion {
            id: platform.new_id(),
            source,
            content_hash: [0; 32],
            plan: Some(workflows::NewPlan { text: serde_json::to_string(&plan).unwrap(), hash: plan.hash().unwrap() }),
            label: String::new(),
            message: String::new(),
            restored_from: None,
            saved_at: platform.now(),
        };
        assert!(workflows::create(&mut tx, &scope, &new, &version).await.unwrap());
        let in_force = database::versions::NewPublication {
            id: platform.new_id(),
            workflow: new.id,
            number: 1,
            name: new.name.clone(),
            description: String::new(),
            tags: Vec::new(),
            published_at: platform.now(),
        };
        assert!(workflows::publish(&mut tx, &scope, &in_force).await.unwrap());
        tx.commit(AuditEvents::one(AuditEvent::done("workflow.created", "workflow", new.id, &*new.name))).await.unwrap();
    }

    async fn start(&self, actor: &Actor) -> RunId {
        let inputs: Map<_, _> = json!({"invoice_id": "INV-20417"}).as_object().unwrap().clone();
        self.house.platform.start_run(actor, "pay", Given::Values(inputs), None).await.unwrap().run
    }

    async fn until(&self, actor: &Actor, run: RunId, wanted: impl Fn(&RunShown) -> bool) -> RunShown {
        let looking = async {
            let mut watch = self.house.platform.watch_run(actor, run, 0).await.unwrap();
            loop {
                let shown = watch.next().await.unwrap().expect("the run ended another way");
                if wanted(&shown) {
                    return shown;
                }
                assert!(!shown.line.status.is_over(), "{shown:#?}");
            }
        };
        tokio::time::timeout(Duration::from_mins(1), looking).await.expect("the run did not get there")
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        self.driver.await.unwrap();
        self.rehearsal.stop().await;
    }
}

async fn a_run_waits_for_a_person_and_goes_on(stage: Stage) {
    let admin = stage.house.acme_admin().await;
    let approver = stage.house.acme_approver().await;
    stage.save(&admin, SOURCE).await;
    let run = stage.start(&admin).await;

    let waiting = stage.until(&admin, run, |shown| shown.line.status == RunStatus::Waiting).await;
    let Some(Waiting::Approval { approval: Some(approval), title, .. }) = waiting.line.waiting.clone() else { panic!("{waiting:#?}") };
    assert_eq!(title, "Pay 1840.5 to Nordlicht Druck");
    assert_eq!(waiting.steps[0].standing, StepStanding::Completed);
    assert_eq!(waiting.steps[2].standing, StepStanding::Idle);
    assert_eq!(stage.rehearsal.invoice_book_stage().requests().len(), 1, "nothing behind the gate has happened");

    // The one who started it may not decide, and the other tenant knows nothing of it.
    let shown = stage.house.platform.approval(&approver, approval).await.unwrap();
    let say = |digest: &str| Say {
        approve: true,
        comment: String::new(),
        digest: digest.to_owned(),
        fields: Given::Values(serde_json::Map::new()),
    };
    assert_eq!(crate::house::refusal(stage.house.platform.decide(&admin, approval, &say(&shown.digest)).await).0, 403);
    let stranger = stage.house.globex_admin().await;
    assert_eq!(crate::house::refusal(stage.house.platform.approval(&stranger, approval).await).0, 404);
    assert_eq!(crate::house::refusal(stage.house.platform.run(&stranger, run).await).0, 404);
    assert_eq!(crate::house::refusal(stage.house.platform.decide(&approver, approval, &say("00")).await).0, 409);

    let outcome = stage.house.platform.decide(&approver, approval, &say(&shown.digest)).await.unwrap();
    assert_eq!(outcome, Outcome::Ended(database::ApprovalState::Approved));
    assert_eq!(crate::house::refusal(stage.house.platform.decide(&approver, approval, &say(&shown.digest)).await).0, 409);
    let done = stage.until(&admin, run, |shown| shown.line.status == RunStatus::Completed).await;
    assert_eq!(done.outputs, Some(json!({"payment_id": "approver@acme.example"})));
    assert_eq!(stage.rehearsal.invoice_book_stage().requests().len(), 2);
    stage.end().await;
}

async fn a_dry_run_takes_the_results_of_past_runs_and_calls_nothing(stage: Stage) {
    let admin = stage.house.acme_admin().await;
    stage.save(&admin, SOURCE).await;
    let run = stage.start(&admin).await;
    stage.until(&admin, run, |shown| shown.line.status == RunStatus::Waiting).await;
    stage.house.platform.cancel_run(&admin, run, None, false).await.unwrap();
    let ended = async |run| {
        let mut watch = stage.house.platform.watch_run(&admin, run, 0).await.unwrap();
        while watch.next().await.unwrap().is_some_and(|shown| !shown.line.status.is_over()) {}
    };
    ended(run).await;
    let asked = |use_recorded| DryRun {
        version: None,
        given: Given::Values(json!({"invoice_id": "INV-20417"}).as_object().unwrap().clone()),
        samples: BTreeMap::new(),
        decisions: BTreeMap::new(),
        use_recorded,
    };
    let platform = &stage.house.platform;
    // A run that was stopped half-way is no run to learn from.
    let thought = platform.dry_run(&admin, "pay", asked(true)).await.unwrap();
    assert_eq!(thought.steps[0].source, Some(SampleSource::MadeUp));

    let run = stage.start(&admin).await;
    let waiting = stage.until(&admin, run, |shown| shown.line.status == RunStatus::Waiting).await;
    let Some(Waiting::Approval { approval: Some(approval), .. }) = waiting.line.waiting else { panic!("it waits") };
    let approver = stage.house.acme_approver().await;
    let digest = platform.approval(&approver, approval).await.unwrap().digest;
    let say = Say { approve: true, comment: String::new(), digest, fields: Given::Values(Map::new()) };
    platform.decide(&approver, approval, &say).await.unwrap();
    ended(run).await;

    let requests = stage.rehearsal.invoice_book_stage().requests().len();
    let runs = platform.runs(&admin, RunFilter::default(), None, 50).await.unwrap().items.len();
    let thought = platform.dry_run(&admin, "pay", asked(true)).await.unwrap();
    let source = SampleSource::Recorded(run.to_string());
    assert_eq!((thought.steps[0].source.as_ref(), thought.steps[2].source.as_ref()), (Some(&source), Some(&source)));
    let question = thought.steps[1].asked.as_ref().unwrap();
    assert_eq!(question.title, "Pay 1840.5 to Nordlicht Druck");
    assert_eq!((thought.calls, matches!(thought.outcome, DryOutcome::Completed(_))), (2, true), "{:?}", thought.outcome);
    // The invoice that is made up has nothing to ask about.
    let made_up = platform.dry_run(&admin, "pay", asked(false)).await.unwrap();
    assert_eq!(made_up.steps[0].source, Some(SampleSource::MadeUp));
    assert_eq!(stage.rehearsal.invoice_book_stage().requests().len(), requests, "nothing was called");
    assert_eq!(platform.runs(&admin, RunFilter::default(), None, 50).await.unwrap().items.len(), runs, "no run was made");

    let log = platform.audit(&admin, &platform::audit::Filter::default(), None, 2).await.unwrap().items;
    assert_eq!((log[1].action.as_str(), &log[1].detail["samples_of"]), ("workflow.simulated", &json!([run.to_string()])));
    assert_eq!((log[0].action.as_str(), &log[0].detail["samples_of"]), ("workflow.simulated", &json!([])));
    let stranger = stage.house.globex_admin().await;
    assert_eq!(crate::house::refusal(platform.dry_run(&stranger, "pay", asked(true)).await).0, 404);
    stage.save(&stranger, SOURCE).await;
    let theirs = platform.dry_run(&stranger, "pay", asked(true)).await.unwrap();
    assert_eq!(theirs.steps[0].source, Some(SampleSource::MadeUp), "what another tenant's runs gave is no sample");
    assert_eq!(crate::house::refusal(platform.dry_run(&approver, "pay", asked(true)).await).0, 403);
    stage.end().await;
}

#[tokio::test]
async fn a_dry_run_takes_the_results_of_past_runs_and_calls_nothing_on_sqlite() {
    a_dry_run_takes_the_results_of_past_runs_and_calls_nothing(Stage::on_sqlite().await).await;
}

#[tokio::test]
async fn a_dry_run_takes_the_results_of_past_runs_and_calls_nothing_on_postgres() {
    a_dry_run_takes_the_results_of_past_runs_and_calls_nothing(Stage::on_postgres().await).await;
}

#[tokio::test]
async fn a_run_waits_for_a_person_and_goes_on_on_sqlite() {
    a_run_waits_for_a_person_and_goes_on(Stage::on_sqlite().await).await;
}

#[tokio::test]
async fn a_run_waits_for_a_person_and_goes_on_on_postgres() {
    a_run_waits_for_a_person_and_goes_on(Stage::on_postgres().await).await;
}
