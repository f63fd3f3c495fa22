//! Two tenants that look alike, their members, and short ways to act in them.

use std::time::Duration;

use database::{
    AuditIntent, Batch, Chain, Database, Keys, LeaseClaim, Member, MemberRefused, ReadTx, SystemTx, WriteTx,
    inbox::InboxRow,
    invitations, leases, people,
    people::NewPerson,
    roles::{self, fresh_version},
    runs::{self, NewRun},
    tenants::{self, NewTenant},
    workflows::{self, NewVersion, NewWorkflow},
};
use domain::{
    Actor, Authorized, Grants, Guarded, Id, InboxId, PermissionMarker, PersonId, Protected, RequestFacts, RequestId, RunId, Scope, Secret,
    TenantId, Timestamp, VersionId, WorkflowId,
    audit::{AuditActor, AuditEvent, AuditEvents},
    entropy::SeededEntropy,
    id::Kind,
    permission::WorkflowExecute,
};
use serde_json::json;

use crate::engines::{Opened, START};

pub struct Site {
    pub opened: Opened,
    pub entropy: SeededEntropy,
    pub acme: Tenant,
    pub globex: Tenant,
}

pub struct Tenant {
    pub id: TenantId,
    pub admin: PersonId,
    pub approver: PersonId,
    pub workflow: WorkflowId,
    pub version: VersionId,
}

/// The moment that many seconds after the test began.
pub fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

/// An event, where what is recorded does not matter.
pub fn event() -> AuditEvents {
    AuditEvents::one(AuditEvent::done("test.done", "test", "", ""))
}

/// The proof that an actor may do `P` with a row.
pub fn authorized<P: PermissionMarker, T: Protected>(row: Option<Guarded<T>>, actor: &Actor) -> Authorized<'_, P, T> {
    row.expect("the row exists").authorize::<P>(actor).expect("the actor may do everything")
}

pub fn scope<P: PermissionMarker>(actor: &Actor) -> Scope<'_, P> {
    Scope::of(actor, "test").expect("the actor may do everything")
}

pub fn new_run(tenant: &Tenant, id: RunId, accepted_at: Timestamp) -> NewRun {
    NewRun {
        id,
        workflow: tenant.workflow,
        version: tenant.version,
        plan_hash: [7; 32],
        starter: tenant.admin,
        starter_label: "admin@acme.example".to_owned(),
        inputs: json!({"invoice_id": "INV-20417"}),
        start_key: None,
        accepted_at,
        letter_id: InboxId::from_uuid(id.uuid()),
        letter: json!({}),
    }
}

/// The keys of a run that was claimed before, under this fence.
pub fn lease_of(tenant: &Tenant, run: RunId, fence: i64) -> Keys {
    Keys::of_run(tenant.id, run, LeaseClaim { owner: "node".to_owned(), fence })
}

impl Site {
    pub async fn on(opened: Opened) -> Self {
        let entropy = SeededEntropy::new(2);
        let acme = make_tenant(&opened.database, &entropy, "acme").await;
        let globex = make_tenant(&opened.database, &entropy, "globex").await;
        let site = Self { opened, entropy, acme, globex };
        for tenant in [&site.acme, &site.globex] {
            site.make_workflow(tenant).await;
        }
        site
    }

    pub fn id<K: Kind>(&self) -> Id<K> {
        Id::new(START, &self.entropy)
    }

    pub const fn database(&self) -> &Database {
        &self.opened.database
    }

    /// One who may do everything in a tenant, with rights read at this moment.
    pub async fn actor(&self, tenant: &Tenant) -> Actor {
        self.acting(tenant, tenant.admin).await
    }

    pub async fn acting(&self, tenant: &Tenant, person: PersonId) -> Actor {
        let mut tx = self.database().system_read().await.unwrap();
        let policy = roles::policy_of(&mut tx, tenant.id).await.unwrap().unwrap();
        let grants = Grants::recorded(u64::MAX, policy.version);
        Actor::at_page(tenant.id, person, "somebody@acme.example".to_owned(), grants, request(&self.entropy))
    }

    pub async fn read<'a>(&self, actor: &'a Actor) -> ReadTx<'a> {
        self.database().read(actor).await.unwrap()
    }

    pub async fn write<'a>(&self, actor: &'a Actor) -> WriteTx<'a> {
        self.database().write(actor).await.unwrap()
    }

    pub async fn system(&self) -> SystemTx {
        self.database().system().await.unwrap()
    }

    /// Ends a transaction across tenants, where what is recorded does not matter.
    pub async fn commit(&self, tx: SystemTx) {
        tx.commit(intent(&self.entropy, Chain::Installation), Vec::new()).await.unwrap();
    }

    /// A person who is a member of a tenant and holds a role.
    pub async fn member(&self, tenant: &Tenant, email: &str, role: &str) -> PersonId {
        let mut tx = self.system().await;
        let person = make_person(&mut tx, &self.entropy, email).await;
        invitations::join(&mut tx, tenant.id, person, role, None, START, fresh_version(&self.entropy)).await.unwrap();
        self.commit(tx).await;
        person
    }

    async fn make_workflow(&self, tenant: &Tenant) {
        let actor = self.actor(tenant).await;
        let mut tx = self.write(&actor).await;
        let new = NewWorkflow {
            id: tenant.workflow,
            slug: "vendor-payment".to_owned(),
            name: "Vendor payment".to_owned(),
            description: "Pays invoices".to_owned(),
            tags: Vec::new(),
            folder: None,
        };
        let made = workflows::create(&mut tx, &scope(&actor), &new, &version(tenant.version)).await.unwrap();
        assert!(made);
        tx.commit(event()).await.unwrap();
    }

    /// Starts a run of a tenant and puts it into the queue.
    pub async fn run(&self, tenant: &Tenant, accepted_at: Timestamp) -> RunId {
        let actor = self.actor(tenant).await;
        let mut tx = self.write(&actor).await;
        let id: RunId = self.id();
        let scope = scope::<WorkflowExecute>(&actor);
        runs::accept(&mut tx, &scope, &new_run(tenant, id, accepted_at)).await.unwrap();
        tx.commit(event()).await.unwrap();
        id
    }

    pub fn wish(&self, run: RunId, created_at: Timestamp) -> InboxRow {
        InboxRow { id: self.id(), run, kind: database::InboxKind::Start, payload: json!({}), created_at }
    }

    /// Claims a run that is due, and gives the keys under which records of it can be written.
    pub async fn claimed(&self, tenant: &Tenant, run: RunId) -> Keys {
        let mut tx = self.system().await;
        let claimed = leases::claim(&mut tx, "node", at(1000), at(100_000), 1000).await.unwrap();
        tx.housekeep(database::Housekeeping::Leases).await.unwrap();
        let lease = claimed.iter().find(|lease| lease.run == run).expect("the run is due");
        lease_of(tenant, run, lease.fence)
    }

    /// Writes records of a run as the engine does.
    pub async fn record<F>(&self, keys: Keys, decide: F)
    where
        F: FnMut(&mut Batch<'_>) -> Result<(), MemberRefused> + Send + 'static,
    {
        self.database().submit(Records { keys, decide }).await.map(drop).unwrap();
    }
}

struct Records<F> {
    keys: Keys,
    decide: F,
}

impl<F> Member for Records<F>
where
    F: FnMut(&mut Batch<'_>) -> Result<(), MemberRefused> + Send + 'static,
{
    fn keys(&self) -> Keys {
        self.keys.clone()
    }

    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused> {
        (self.decide)(batch)
    }
}

fn request(entropy: &SeededEntropy) -> RequestFacts {
    RequestFacts { id: RequestId::new(START, entropy), address: None }
}

fn intent(entropy: &SeededEntropy, chain: Chain) -> AuditIntent {
    let request = request(entropy);
    let actor = AuditActor {
        kind: "operator",
        id: String::new(),
        label: "operator".to_owned(),
        door: "operator",
        run: None,
        address: request.address,
        request: request.id.to_string(),
    };
    AuditIntent { chain, actor, event: AuditEvent::done("test.done", "test", "", "") }
}

pub fn version(id: VersionId) -> NewVersion {
    NewVersion {
        id,
        source: "# Vendor payment".to_owned(),
        content_hash: [3; 32],
        plan: Some(workflows::NewPlan { text: "{\"steps\":[]}".to_owned(), hash: [7; 32] }),
        label: "1.0.0".to_owned(),
        message: "As agreed".to_owned(),
        restored_from: None,
        saved_at: START,
    }
}

pub async fn make_person(tx: &mut SystemTx, entropy: &SeededEntropy, email: &str) -> PersonId {
    let new = NewPerson {
        id: Id::new(START, entropy),
        email: email.to_owned(),
        name: email.split('@').next().unwrap().to_owned(),
        password_hash: Secret::new("$argon2id$..."),
        created_at: START,
    };
    assert!(people::create(tx, &new).await.unwrap(), "{email} is taken");
    new.id
}

async fn make_tenant(database: &Database, entropy: &SeededEntropy, slug: &str) -> Tenant {
    let mut tx = database.system().await.unwrap();
    let tenant = Tenant {
        id: Id::new(START, entropy),
        admin: make_person(&mut tx, entropy, &format!("admin@{slug}.example")).await,
        approver: make_person(&mut tx, entropy, &format!("approver@{slug}.example")).await,
        workflow: Id::new(START, entropy),
        version: Id::new(START, entropy),
    };
    let new = NewTenant {
        id: tenant.id,
        slug: slug.to_owned(),
        name: slug.to_owned(),
        policy_version: fresh_version(entropy),
        created_at: START,
    };
    assert!(tenants::create(&mut tx, &new).await.unwrap(), "{slug} is taken");
    for (person, role) in [(tenant.admin, "admin"), (tenant.approver, "approver")] {
        invitations::join(&mut tx, tenant.id, person, role, None, START, fresh_version(entropy)).await.unwrap();
    }
    tx.commit(intent(entropy, Chain::Tenant(tenant.id)), Vec::new()).await.unwrap();
    tenant
}
