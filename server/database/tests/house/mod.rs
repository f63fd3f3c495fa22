//! A small furnished house for the tests of the writer: tenants with a member, a workflow and runs, on either engine.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::{Arc, Mutex};

use database::{
    AuditIntent, Batch, Chain, Database, Error, Keys, LeaseClaim, Location, Member, MemberRefused, Settings, WriteTx,
    crash::{CommitPoint, CrashPoints, Fate},
    leases, people,
    runs::{self, NewRun},
    tenants::{self, NewTenant},
    testing::{self, TempDir},
    workflows::{self, NewVersion, NewWorkflow},
};
use domain::{
    Actor, Grants, Id, Permission, PersonId, PolicyVersion, RequestFacts, RunId, Scope, Secret, TenantId, Timestamp, VersionId, WorkflowId,
    audit::{AuditActor, AuditEvent},
    entropy::SeededEntropy,
    permission::{WorkflowExecute, WorkflowWrite},
    time::{Clock, ManualClock},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr as _, SqliteConnection};
use uuid::Uuid;

pub const START: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
pub const OWNER: &str = "worker";

/// What happens at each commit point, changed by a test while the database runs.
#[derive(Clone, Default)]
pub struct Fates(Arc<Mutex<Vec<(CommitPoint, Fate)>>>);

impl Fates {
    /// Lets something happen the next time this place is reached.
    pub fn next(&self, point: CommitPoint, fate: Fate) {
        self.0.lock().unwrap().push((point, fate));
    }

    fn points(&self) -> CrashPoints {
        let fates = Arc::clone(&self.0);
        Arc::new(move |point| {
            let mut fates = fates.lock().unwrap();
            fates.iter().position(|(at, _)| *at == point).map_or(Fate::Go, |index| fates.remove(index).1)
        })
    }
}

pub struct House {
    pub database: Database,
    pub location: Location,
    pub fates: Fates,
    pub entropy: Arc<SeededEntropy>,
    pub clock: Arc<ManualClock>,
    folder: Option<TempDir>,
}

/// A tenant with one member who may do everything.
#[derive(Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub person: PersonId,
    pub actor: Actor,
    pub workflow: WorkflowId,
    pub version: VersionId,
}

pub fn settings(fates: &Fates, clock: &Arc<ManualClock>, entropy: &Arc<SeededEntropy>) -> Settings {
    let mut settings = Settings::new(Arc::clone(clock) as Arc<dyn Clock>, Arc::clone(entropy) as _);
    settings.crash_points = Some(fates.points());
    settings
}

impl House {
    pub async fn on_sqlite() -> Self {
        let (location, folder) = testing::sqlite();
        Self::at(location, Some(folder), |_| {}).await
    }

    pub async fn on_postgres() -> Self {
        Self::at(testing::postgres().await, None, |_| {}).await
    }

    pub async fn sqlite_with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let (location, folder) = testing::sqlite();
        Self::at(location, Some(folder), adjust).await
    }

    async fn at(location: Location, folder: Option<TempDir>, adjust: impl FnOnce(&mut Settings)) -> Self {
        let (fates, clock, entropy) = (Fates::default(), Arc::new(ManualClock::at(START)), Arc::new(SeededEntropy::new(7)));
        let mut settings = settings(&fates, &clock, &entropy);
        adjust(&mut settings);
        let database = Database::open(location.clone(), settings).await.unwrap();
        Self { database, location, fates, entropy, clock, folder }
    }

    /// The same files or tables, opened as by a process that starts after this one ended.
    pub async fn reopened(self) -> Self {
        self.database.close().await;
        let Self { database, location, fates, entropy, clock, folder } = self;
        drop(database);
        let database = Database::open(location.clone(), settings(&fates, &clock, &entropy)).await.unwrap();
        Self { database, location, fates, entropy, clock, folder }
    }

    pub fn id<K: domain::id::Kind>(&self) -> Id<K> {
        Id::new(START, self.entropy.as_ref())
    }

    pub async fn tenant(&self, slug: &str) -> Tenant {
        let version = PolicyVersion(self.id::<domain::id::kind::Request>().uuid());
        let (tenant, person) = (self.id(), self.id());
        let mut tx = self.database.system().await.unwrap();
        let email = format!("owner@{slug}.example");
        let new = NewTenant { id: tenant, slug: slug.to_owned(), name: slug.to_owned(), policy_version: version, created_at: START };
        assert!(tenants::create(&mut tx, &new).await.unwrap());
        let new = people::NewPerson {
            id: person,
            email: email.clone(),
            name: "Owner".to_owned(),
            password_hash: Secret::new("none".to_owned()),
            created_at: START,
        };
        assert!(people::create(&mut tx, &new).await.unwrap());
        tx.commit(audited(Chain::Tenant(tenant), "tenant.created"), Vec::new()).await.unwrap();
        self.superuser(&format!(
            "insert into membership (tenant_id, person_id, status, joined_at) values ({}, {}, 'active', 0)",
            self.literal(tenant.uuid()),
            self.literal(person.uuid())
        ))
        .await;
        let bits = Permission::ALL.iter().fold(0, |bits, permission| bits | permission.bit());
        let request = RequestFacts { id: self.id(), address: None };
        let actor = Actor::at_page(tenant, person, email, Grants::recorded(bits, version), request);

        let (workflow, version) = (self.id(), self.id());
        let mut tx = self.database.write(&actor).await.unwrap();
        let scope = Scope::<WorkflowWrite>::of(&actor, "workflow").unwrap();
        let new = NewWorkflow {
            id: workflow,
            slug: "pay".to_owned(),
            name: "Pay".to_owned(),
            description: String::new(),
            tags: Vec::new(),
            folder: None,
        };
        let first = NewVersion {
            id: version,
            source: String::new(),
            content_hash: [2; 32],
            plan: Some(workflows::NewPlan { text: "{}".to_owned(), hash: [1; 32] }),
            label: String::new(),
            message: String::new(),
            restored_from: None,
            saved_at: START,
        };
        assert!(workflows::create(&mut tx, &scope, &new, &first).await.unwrap());
        tx.commit(event("workflow.saved")).await.unwrap();
        Tenant { id: tenant, person, actor, workflow, version }
    }

    /// A run that is accepted and due.
    pub async fn run(&self, tenant: &Tenant) -> RunId {
        let run = self.id();
        let mut tx = self.database.write(&tenant.actor).await.unwrap();
        self.accept(&mut tx, tenant, run).await;
        tx.commit(event("run.started")).await.unwrap();
        run
    }

    /// Accepts a run in a transaction that is still open.
    pub async fn accept(&self, tx: &mut WriteTx<'_>, tenant: &Tenant, run: RunId) {
        let scope = Scope::<WorkflowExecute>::of(&tenant.actor, "run").unwrap();
        let new = NewRun {
            id: run,
            workflow: tenant.workflow,
            version: tenant.version,
            plan_hash: [1; 32],
            starter: tenant.person,
            starter_label: "owner".to_owned(),
            inputs: serde_json::json!({}),
            start_key: None,
            accepted_at: START,
            letter_id: self.id(),
            letter: serde_json::json!({}),
        };
        runs::accept(tx, &scope, &new).await.unwrap();
    }

    /// Claims whatever is due for [`OWNER`]; the fence of a first claim is 1.
    pub async fn claim(&self) {
        let mut tx = self.database.system().await.unwrap();
        let until = START.after(std::time::Duration::from_secs(30));
        leases::claim(&mut tx, OWNER, START, until, 10_000).await.unwrap();
        tx.housekeep(database::Housekeeping::Leases).await.unwrap();
    }

    pub fn literal(&self, id: Uuid) -> String {
        match self.location {
            Location::Sqlite { .. } => format!("x'{}'", id.simple()),
            Location::Postgres { .. } => format!("'{}'", id.simple()),
        }
    }

    /// Changes what no door lets be changed, from outside.
    pub async fn superuser(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match &self.location {
            Location::Sqlite { path } => {
                let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Location::Postgres { .. } => {
                let mut connection = PgConnection::connect(&testing::superuser_url(&self.location)).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// One number, read from outside: what is not durable is not seen.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match &self.location {
            Location::Sqlite { path } => {
                let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
                let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
            Location::Postgres { .. } => {
                let mut connection = PgConnection::connect(&testing::superuser_url(&self.location)).await.unwrap();
                let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
        }
    }

    /// Checks a tenant's chain from its first row to its end, and gives how many rows it has.
    pub async fn verified_chain(&self, tenant: &Tenant) -> i64 {
        let mut tx = self.database.read(&tenant.actor).await.unwrap();
        let scope = Scope::of(&tenant.actor, "audit").unwrap();
        let head = database::audit::head(&mut tx, &Scope::of(&tenant.actor, "audit").unwrap()).await.unwrap();
        let rows = database::audit::export(&mut tx, &scope, 0, 1_000_000).await.unwrap();
        let mut verifier = domain::audit::Verifier::new();
        for row in &rows {
            verifier.check(&domain::audit::export_line(&row.canonical, &row.hash)).unwrap();
        }
        let (count, chain, end) = verifier.finish();
        assert_eq!(chain.as_deref(), Some(tenant.id.to_string().as_str()));
        assert_eq!(end, Some((head.seq, head.hash)), "the chain must end where the tenant says");
        i64::try_from(count).unwrap()
    }
}

pub fn event(action: &'static str) -> domain::audit::AuditEvents {
    domain::audit::AuditEvents::one(AuditEvent::done(action, "test", "id", "name"))
}

pub fn system_actor() -> AuditActor {
    AuditActor {
        kind: "system",
        id: String::new(),
        label: "system".to_owned(),
        door: "system",
        run: None,
        address: None,
        request: "req_test".to_owned(),
    }
}

pub fn audited(chain: Chain, action: &'static str) -> AuditIntent {
    AuditIntent { chain, actor: system_actor(), event: AuditEvent::done(action, "test", "id", "name") }
}

pub fn claim_of(fence: i64) -> LeaseClaim {
    LeaseClaim { owner: OWNER.to_owned(), fence }
}

pub fn keys(tenant: &Tenant, run: RunId) -> Keys {
    Keys::of_run(tenant.id, run, claim_of(1))
}

/// A member made of its keys and of what it does with a batch.
pub struct Act<F> {
    pub keys: Keys,
    pub act: F,
}

impl<F> Member for Act<F>
where
    F: FnMut(&mut Batch<'_>) -> Result<(), MemberRefused> + Send + 'static,
{
    fn keys(&self) -> Keys {
        self.keys.clone()
    }

    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused> {
        (self.act)(batch)
    }
}

/// Submits a member made of its keys and of what it does.
pub async fn submit<F>(database: &Database, keys: Keys, act: F) -> Result<(), Error>
where
    F: FnMut(&mut Batch<'_>) -> Result<(), MemberRefused> + Send + 'static,
{
    database.submit(Act { keys, act }).await.map(drop)
}

/// One event of a run's journal.
pub fn journal(batch: &mut Batch<'_>, seq: i64) -> Result<(), MemberRefused> {
    batch.journal([(seq, START, format!("{{\"seq\":{seq}}}"))])
}
