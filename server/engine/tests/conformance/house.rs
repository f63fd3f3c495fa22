//! Two look-alike tenants with one workflow each, and as many drivers over their database as a test wants.

use std::{sync::Arc, time::Duration};

use database::{
    AuditIntent, Chain, Database, Housekeeping, InboxKind, Location, RunStatus, Settings, Topic,
    inbox::{self, InboxRow},
    invitations, journal, leases, people,
    runs::{self, NewRun, RunRow},
    tenants::{self, NewTenant},
    testing::{self, TempDir},
    workflows::{self, NewVersion, NewWorkflow},
};
use domain::{
    Actor, Grants, Id, Permission, PersonId, PolicyVersion, RequestFacts, RunId, Scope, Secret, TenantId, Timestamp, VersionId, WorkflowId,
    audit::{AuditActor, AuditEvent, AuditEvents},
    entropy::SeededEntropy,
    id::Kind,
    permission::{WorkflowExecute, WorkflowWrite},
    time::{Clock, ManualClock},
};
use engine::{Driver, Embedded, EmbeddedSettings, Letter};
use serde_json::Map;
use tokio::{sync::watch, task::JoinHandle};
use workflow::Event;

use crate::host::Script;

const START: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

/// Two steps that reach out; the second is tried up to three times.
const SOURCE: &str = "---
workflow: {id: two, name: Two}
---

## 1. First

```yaml
id: first
action: http.request
inputs: {url: \"https://one.example/\"}
```

## 2. Second

```yaml
id: second
action: http.request
inputs: {url: \"https://two.example/\"}
retry: {max_attempts: 3, initial_interval: 60s, jitter: 0}
```
";

#[derive(Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub actor: Actor,
    workflow: WorkflowId,
    version: VersionId,
    hash: [u8; 32],
}

pub struct House {
    pub database: Database,
    pub clock: Arc<ManualClock>,
    pub script: Arc<Script>,
    pub acme: Tenant,
    pub globex: Tenant,
    entropy: Arc<SeededEntropy>,
    _folder: Option<TempDir>,
}

/// A driver at work.
pub struct Working {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Working {
    /// Tells it to stop and waits until it has.
    pub async fn stopped(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }

    /// Ends it as a crash does: nothing is handed back.
    pub async fn killed(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl House {
    pub async fn on_sqlite() -> Self {
        let (location, folder) = testing::sqlite();
        Self::at(location, Some(folder)).await
    }

    pub async fn on_postgres() -> Self {
        Self::at(testing::postgres().await, None).await
    }

    async fn at(location: Location, folder: Option<TempDir>) -> Self {
        let (clock, entropy) = (Arc::new(ManualClock::at(START)), Arc::new(SeededEntropy::new(3)));
        let database =
            Database::open(location, Settings::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&entropy) as _)).await.unwrap();
        let acme = tenant(&database, &entropy, "acme").await;
        let globex = tenant(&database, &entropy, "globex").await;
        Self { database, clock, script: Arc::new(Script::new()), acme, globex, entropy, _folder: folder }
    }

    fn id<K: Kind>(&self) -> Id<K> {
        Id::new(self.clock.now(), self.entropy.as_ref())
    }

    /// Starts a driver. Each has a name of its own, as after a restart.
    pub fn driver(&self) -> Working {
        let driver = Embedded::new(
            self.database.clone(),
            Arc::clone(&self.script),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            Arc::clone(&self.entropy) as _,
            EmbeddedSettings { drain: Duration::from_millis(50), ..EmbeddedSettings::default() },
        );
        let (stop, stopped) = watch::channel(false);
        Working { stop, task: tokio::spawn(async move { driver.work(stopped).await }) }
    }

    pub async fn start(&self, tenant: &Tenant) -> RunId {
        let (run, now): (RunId, _) = (self.id(), self.clock.now());
        let mut tx = self.database.write(&tenant.actor).await.unwrap();
        let scope = Scope::<WorkflowExecute>::of(&tenant.actor, "run").unwrap();
        let letter = Letter::Start { vars: Map::new(), tenant_slug: "t".to_owned(), tenant_name: "T".to_owned() };
        let new = NewRun {
            id: run,
            workflow: tenant.workflow,
            version: tenant.version,
            plan_hash: tenant.hash,
            starter: tenant.actor.person().unwrap(),
            starter_label: "owner".to_owned(),
            inputs: serde_json::json!({}),
            start_key: None,
            accepted_at: now,
            letter_id: self.id(),
            letter: serde_json::to_value(letter).unwrap(),
        };
        runs::accept(&mut tx, &scope, &new).await.unwrap();
        tx.commit(did("workflow.executed")).await.unwrap();
        run
    }

    async fn put(&self, tx: &mut database::WriteTx<'_>, run: RunId, kind: InboxKind, letter: Letter) {
        let row = InboxRow { id: self.id(), run, kind, payload: serde_json::to_value(letter).unwrap(), created_at: self.clock.now() };
        inbox::create(tx, &row).await.unwrap();
    }

    pub async fn cancel(&self, tenant: &Tenant, run: RunId) {
        let mut tx = self.database.write(&tenant.actor).await.unwrap();
        self.put(&mut tx, run, InboxKind::Cancel, Letter::Cancel { by: "owner".to_owned(), reason: None, compensate: false }).await;
        tx.commit(did("run.cancel_requested")).await.unwrap();
    }

    async fn row(&self, tenant: &Tenant, run: RunId) -> RunRow {
        runs::load(&mut self.database.read_for_engine(tenant.id).await.unwrap(), run).await.unwrap().unwrap()
    }

    /// The run once it is over.
    pub async fn over(&self, tenant: &Tenant, run: RunId) -> RunRow {
        self.until(tenant, run, |row| row.facts.status.is_over()).await
    }

    /// The run once it is as wanted.
    pub async fn until(&self, tenant: &Tenant, run: RunId, wanted: impl Fn(&RunRow) -> bool) -> RunRow {
        let mut announcements = self.database.announcements();
        let looking = async {
            loop {
                let row = self.row(tenant, run).await;
                if wanted(&row) {
                    return row;
                }
                while !matches!(announcements.recv().await.map(|heard| heard.topic), Ok(Topic::Run(heard)) if heard == run) {}
            }
        };
        tokio::time::timeout(Duration::from_secs(30), looking).await.expect("the run did not get there")
    }

    pub async fn journal(&self, tenant: &Tenant, run: RunId) -> Vec<Event> {
        let mut tx = self.database.read_for_engine(tenant.id).await.unwrap();
        let rows = journal::load(&mut tx, run, 0, 1_000).await.unwrap();
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(row.seq, index as i64 + 1, "the journal has no gap");
        }
        rows.into_iter().map(|row| serde_json::from_str(&row.event).unwrap()).collect()
    }

    /// Takes every lease that has run out, as another node does.
    pub async fn steal(&self, owner: &str) -> usize {
        let mut tx = self.database.system().await.unwrap();
        let now = self.clock.now();
        let taken = leases::claim(&mut tx, owner, now, now.after(Duration::from_hours(1)), 100).await.unwrap();
        tx.housekeep(Housekeeping::Leases).await.unwrap();
        taken.len()
    }
}

pub const COMPLETED: RunStatus = RunStatus::Completed;

fn did(action: &'static str) -> AuditEvents {
    AuditEvents::one(AuditEvent::done(action, "test", "", ""))
}

async fn tenant(database: &Database, entropy: &SeededEntropy, slug: &str) -> Tenant {
    let policy = PolicyVersion(Id::<domain::id::kind::Request>::new(START, entropy).uuid());
    let (id, person): (TenantId, PersonId) = (Id::new(START, entropy), Id::new(START, entropy));
    let email = format!("owner@{slug}.example");
    let mut tx = database.system().await.unwrap();
    let new = NewTenant { id, slug: slug.to_owned(), name: slug.to_owned(), policy_version: policy, created_at: START };
    assert!(tenants::create(&mut tx, &new).await.unwrap());
    let new = people::NewPerson {
        id: person,
        email: email.clone(),
        name: "Owner".to_owned(),
        password_hash: Secret::new("none"),
        created_at: START,
    };
    assert!(people::create(&mut tx, &new).await.unwrap());
    invitations::join(&mut tx, id, person, "admin", None, START, policy).await.unwrap();
    let actor = AuditActor {
        kind: "system",
        id: String::new(),
        label: String::new(),
        door: "system",
        run: None,
        address: None,
        request: String::new(),
    };
    let event = AuditEvent::done("tenant.created", "tenant", id, slug);
    tx.commit(AuditIntent { chain: Chain::Tenant(id), actor, event }, Vec::new()).await.unwrap();

    let bits = Permission::ALL.iter().fold(0, |bits, permission| bits | permission.bit());
    let request = RequestFacts { id: Id::new(START, entropy), address: None };
    let actor = Actor::at_page(id, person, email, Grants::recorded(bits, policy), request);
    let plan = workflow::parse(SOURCE).plan.unwrap();
    let (workflow, version, hash) = (Id::new(START, entropy), Id::new(START, entropy), plan.hash().unwrap());
    let mut tx = database.write(&actor).await.unwrap();
    let scope = Scope::<WorkflowWrite>::of(&actor, "workflow").unwrap();
    let new = NewWorkflow {
        id: workflow,
        slug: "two".to_owned(),
        name: "Two".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        folder: None,
    };
    let first = NewVersion {
        id: version,
        source: SOURCE.to_owned(),
        content_hash: [0; 32],
        plan: Some(workflows::NewPlan { text: serde_json::to_string(&plan).unwrap(), hash }),
        label: String::new(),
        message: String::new(),
        restored_from: None,
        saved_at: START,
    };
    assert!(workflows::create(&mut tx, &scope, &new, &first).await.unwrap());
    tx.commit(did("workflow.created")).await.unwrap();
    Tenant { id, actor, workflow, version, hash }
}
