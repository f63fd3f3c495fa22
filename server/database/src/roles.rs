//! Who holds which role: for the page of roles, for finding those who may be asked, and for building a policy.
//!
//! What a role may is in `policies/`. Giving and taking roles is in `members.rs`, as it is done to a member.

use domain::{Entropy, PersonId, PolicyVersion, Scope, TenantId, Timestamp, permission::RoleRead};

use crate::{
    Result,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::SystemReads,
    tenants::TenantStatus,
};

/// One role of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRow {
    /// The member.
    pub person: PersonId,
    /// Their e-mail address.
    pub email: String,
    /// The role's name.
    pub role: String,
    /// Who gave it; nobody for what the installation or its operator gave.
    pub granted_by: Option<PersonId>,
    /// When.
    pub granted_at: Timestamp,
}

/// An active member who holds a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRow {
    /// The member.
    pub person: PersonId,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
}

/// What a tenant's policy is built of, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPolicy {
    /// Whether the tenant is in use.
    pub status: TenantStatus,
    /// The state that the bindings belong to.
    pub version: PolicyVersion,
    /// The roles of active members who may sign in.
    pub bindings: Vec<(PersonId, String)>,
}

impl FromRow for BindingRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            person: row.id("person_id")?,
            email: row.text("email")?,
            role: row.text("role")?,
            granted_by: row.opt_id("granted_by")?,
            granted_at: row.timestamp("granted_at")?,
        })
    }
}

impl FromRow for HolderRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { person: row.id("person_id")?, email: row.text("email")?, name: row.text("name")? })
    }
}

static BINDINGS: Statement = Statement::tenant(
    "roles.bindings",
    "select b.person_id, p.email, b.role, b.granted_by, b.granted_at
     from role_binding b
     join person p on p.id = b.person_id
     where b.tenant_id = $1
     order by b.role, p.email",
);
static HOLDERS: Statement = Statement::tenant(
    "roles.holders",
    "select b.person_id, p.email, p.name
     from role_binding b
     join membership m on m.tenant_id = b.tenant_id and m.person_id = b.person_id
     join person p on p.id = b.person_id
     where b.tenant_id = $1 and b.role = $2 and m.status = 'active' and p.status = 'active' and p.tenant_id is null
     order by p.email",
);

pub(crate) static ALL: &[&Statement] = &[&BINDINGS, &HOLDERS];

/// A random id for a new state of a policy.
pub fn fresh_version(entropy: &dyn Entropy) -> PolicyVersion {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes);
    PolicyVersion(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Every role of every member, disabled ones among them.
pub async fn bindings<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, RoleRead>) -> Result<Vec<BindingRow>> {
    tx.query(&BINDINGS).all().await
}

/// The active members who hold a role, by e-mail address: those who may be asked. Under no guard, as a run asks them
/// whatever its starter may read; what leaves `platform` of it is guarded there.
pub async fn holders<'a>(tx: &mut impl Reads<'a>, role: &str) -> Result<Vec<HolderRow>> {
    tx.query(&HOLDERS).bind(role).all().await
}

/// What a tenant's policy is built of; nothing when there is no such tenant. One statement, so that the bindings are
/// those of the version.
pub async fn policy_of(tx: &mut impl SystemReads, tenant: TenantId) -> Result<Option<TenantPolicy>> {
    let mut policy: Option<TenantPolicy> = None;
    for row in tx.query(&system::POLICY_OF_TENANT).bind(tenant).rows().await? {
        let read = match &mut policy {
            Some(read) => read,
            none => none.insert(TenantPolicy {
                status: row.word("status", TenantStatus::WORDS)?,
                version: PolicyVersion(row.uuid("policy_version")?),
                bindings: Vec::new(),
            }),
        };
        if let (Some(person), Some(role)) = (row.opt_id("person_id")?, row.opt_text("role")?) {
            read.bindings.push((person, role));
        }
    }
    Ok(policy)
}
