//! A platform with one tenant and one workflow of three steps, on either database.

use std::{sync::Arc, time::Duration};

use database::{Database, Location, runs, testing, workflows};
use domain::{
    Actor, Clock, Entropy, RunId, Scope, Secret,
    audit::{AuditEvent, AuditEvents},
    call::EgressRules,
    machine::{OsEntropy, SystemClock},
    permission::{WorkflowExecute, WorkflowWrite},
};
use engine::Letter;
use platform::{
    Platform, Settings,
    access::MemberDoor,
    identity::{Client, NewTenant},
};
use serde_json::{Map, json};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A furnished platform.
pub struct Fixture {
    pub platform: Platform,
    pub location: Location,
    pub actor: Actor,
    version: workflows::NewVersion,
    workflow: workflows::NewWorkflow,
    _folder: Option<testing::TempDir>,
}

/// Three steps that reach out, so that each is recorded on its own.
pub const THREE_STEPS: &str = "---
workflow: {id: three, name: Three steps}
---

## 1. First

```yaml
action: http.request
inputs: {url: \"https://bench.example/1\"}
```

## 2. Second

```yaml
action: http.request
inputs: {url: \"https://bench.example/2\"}
```

## 3. Third

```yaml
action: http.request
inputs: {url: \"https://bench.example/3\"}
```
";

/// One approval and nothing else, so that a run waits.
pub const WAITS: &str = "---
workflow: {id: waits, name: Waits}
---

## 1. Agree

```yaml
approval: {title: Go on, approvers: [role:approver], expires_in: 30d}
```
";

/// A platform over a database, with keys of its own.
pub fn platform_over(database: Database, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Platform {
    let settings = Settings {
        public_url: "http://127.0.0.1:8080".to_owned(),
        smtp: None,
        egress: EgressRules::default(),
        rehearsal: None,
        session_idle: Duration::from_hours(1),
        session_absolute: Duration::from_hours(10),
        quotas: platform::tenants::Quotas { open_runs: i64::MAX, runs_a_day: i64::MAX, ..Default::default() },
    };
    let keyring = Arc::new(vault::Keyring::generate(entropy.as_ref()));
    let egress = Arc::new(tools::Egress::new(&settings.egress).unwrap());
    Platform::new(database, clock, entropy, keyring, egress, settings)
}

impl Fixture {
    /// Makes everything anew.
    pub async fn new(engine: Engine, source: &str) -> Self {
        let (location, folder) = match engine {
            Engine::Sqlite => {
                let (location, folder) = testing::sqlite();
                (location, Some(folder))
            }
            Engine::Postgres => (testing::postgres().await, None),
        };
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let database = Database::open(location.clone(), database::Settings::new(Arc::clone(&clock), Arc::clone(&entropy))).await.unwrap();
        let platform = platform_over(database, clock, entropy);
        let link = platform.setup_link().await.unwrap().unwrap();
        let client = Client { request: platform.new_request(None), agent: None };
        let tenant = NewTenant {
            tenant_name: "Acme".to_owned(),
            slug: Some("acme".to_owned()),
            name: "Ada".to_owned(),
            email: "ada@acme.example".to_owned(),
            password: Secret::new("harbour violet trombone 7"),
        };
        let made = platform.set_up(link.rsplit('/').next().unwrap(), tenant, &client).await.unwrap();
        let signed_in = platform.session(made.session.token.expose()).await.unwrap().unwrap();
        let actor = platform.actor(&signed_in, "acme", MemberDoor::Page, platform.new_request(None)).await.unwrap();
        let (workflow, version) = save(&platform, &actor, source).await;
        Self { platform, location, actor, version, workflow, _folder: folder }
    }

    /// Accepts a run, as the page does but without looking at its inputs.
    pub async fn start(&self) -> RunId {
        let mut tx = self.platform.database().write(&self.actor).await.unwrap();
        let scope = Scope::<WorkflowExecute>::of(&self.actor, "run").unwrap();
        let (run, now) = (self.platform.new_id(), self.platform.now());
        let letter = Letter::Start { vars: Map::new(), tenant_slug: "acme".to_owned(), tenant_name: "Acme".to_owned() };
        let new = runs::NewRun {
            id: run,
            workflow: self.workflow.id,
            version: self.version.id,
            plan_hash: self.version.plan.as_ref().unwrap().hash,
            starter: self.actor.person().unwrap(),
            starter_label: self.actor.label().to_owned(),
            inputs: json!({}),
            start_key: None,
            accepted_at: now,
            letter_id: self.platform.new_id(),
            letter: serde_json::to_value(letter).unwrap(),
        };
        runs::accept(&mut tx, &scope, &new).await.unwrap();
        tx.commit(AuditEvents::one(AuditEvent::done("workflow.executed", "run", run, "Three steps"))).await.unwrap();
        run
    }
}

async fn save(platform: &Platform, actor: &Actor, source: &str) -> (workflows::NewWorkflow, workflows::NewVersion) {
    let parsed = workflow::parse(source);
    let plan = parsed.plan.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
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
        source: source.to_owned(),
        content_hash: [0; 32],
        plan: Some(workflows::NewPlan { text: serde_json::to_string(&plan).unwrap(), hash: plan.hash().unwrap() }),
        label: String::new(),
        message: String::new(),
        restored_from: None,
        saved_at: platform.now(),
    };
    assert!(workflows::create(&mut tx, &scope, &new, &version).await.unwrap());
    tx.commit(AuditEvents::one(AuditEvent::done("workflow.created", "workflow", new.id, &*new.name))).await.unwrap();
    (new, version)
}
