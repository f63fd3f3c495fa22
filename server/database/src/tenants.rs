//! Tenants: their names, their status and the state of their policy.
//!
//! Here is the tenant's own row; what it decides for itself is in `settings.rs`. Who belongs to it is in `members.rs`, what they may in `roles.rs`. The end of its
//! audit chain is in the same row and is moved only by a commit.

use domain::{PersonId, PolicyVersion, SessionId, TenantId, Timestamp};

use crate::{
    Result,
    members::MemberStatus,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    words::words,
};

words! {
    /// Whether a tenant is in use.
    TenantStatus {
        /// Its members may work.
        Active = "active",
        /// Nothing of it may be read or changed through a door.
        Closed = "closed",
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its id.
    pub id: TenantId,
    /// The word for it in addresses, one of its kind on the installation.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whether it is in use.
    pub status: TenantStatus,
    /// The state of its policy.
    pub policy_version: PolicyVersion,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its id.
    pub id: TenantId,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The first state of its policy.
    pub policy_version: PolicyVersion,
    /// Now.
    pub created_at: Timestamp,
}

/// A tenant that a person is a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenancyRow {
    /// The tenant.
    pub tenant: TenantRow,
    /// Whether the membership holds.
    pub membership: MemberStatus,
}

impl TenancyRow {
    /// Whether the person may work in the tenant: it is in use, and the membership holds.
    pub fn is_open(&self) -> bool {
        self.tenant.status == TenantStatus::Active && self.membership == MemberStatus::Active
    }
}

/// A tenant that a person enters with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnteredRow {
    /// The tenant and the membership.
    pub tenancy: TenancyRow,
    /// Whether an admin ended for this tenant what the session opens.
    pub is_ended_here: bool,
}

impl FromRow for EnteredRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { tenancy: TenancyRow::from_row(row)?, is_ended_here: row.i64("endings")? > 0 })
    }
}

impl FromRow for TenantRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            slug: row.text("slug")?,
            name: row.text("name")?,
            status: row.word("status", TenantStatus::WORDS)?,
            policy_version: PolicyVersion(row.uuid("policy_version")?),
            created_at: row.timestamp("created_at")?,
        })
    }
}

impl FromRow for TenancyRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { tenant: TenantRow::from_row(row)?, membership: row.word("membership_status", MemberStatus::WORDS)? })
    }
}

static CURRENT: Statement =
    Statement::tenant("tenants.current", "select id, slug, name, status, policy_version, created_at from tenant where id = $1");

pub(crate) static ALL: &[&Statement] = &[&CURRENT];

/// The actor's own tenant. Every member may know its name, so it is under no guard.
pub async fn current<'a>(tx: &mut impl Reads<'a>) -> Result<TenantRow> {
    tx.query(&CURRENT).one().await
}

/// Makes a tenant with no members. False, and nothing done, when the slug or the id is taken.
pub async fn create(tx: &mut SystemTx, new: &NewTenant) -> Result<bool> {
    let made = tx
        .query(&system::TENANT_CREATE)
        .bind(new.id)
        .bind(&new.slug)
        .bind(&new.name)
        .bind(new.policy_version.0)
        .bind(new.created_at)
        .bind([0_u8; 32])
        .execute()
        .await?;
    Ok(made == 1)
}

/// Keeps the identity of a tenant made in the same transaction, wrapped by the installation's.
pub async fn create_key(tx: &mut SystemTx, tenant: TenantId, wrapped: &[u8], now: Timestamp) -> Result<()> {
    tx.query(&system::TENANT_KEY_CREATE).bind(tenant).bind(wrapped).bind(now).execute().await.map(drop)
}

/// The tenant with a slug.
pub async fn find_by_slug(tx: &mut impl SystemReads, slug: &str) -> Result<Option<TenantRow>> {
    tx.query(&system::TENANT_BY_SLUG).bind(slug).optional().await
}

/// The tenant with an id.
pub async fn find(tx: &mut impl SystemReads, id: TenantId) -> Result<Option<TenantRow>> {
    tx.query(&system::TENANT_FIND).bind(id).optional().await
}

/// Every tenant, by slug.
pub async fn all(tx: &mut impl SystemReads) -> Result<Vec<TenantRow>> {
    tx.query(&system::TENANT_ALL).all().await
}

/// The tenant with a slug as a person enters it with a session of theirs; nothing when they are no member. Whether it is
/// open is for the caller to ask.
pub async fn entered(tx: &mut impl SystemReads, slug: &str, person: PersonId, session: SessionId) -> Result<Option<EnteredRow>> {
    tx.query(&system::TENANT_ENTERED).bind(slug).bind(person).bind(session).optional().await
}

/// The tenants that a person is a member of, by name, with disabled memberships and closed tenants among them.
pub async fn of_person(tx: &mut impl SystemReads, person: PersonId) -> Result<Vec<TenancyRow>> {
    tx.query(&system::TENANT_OF_PERSON).bind(person).all().await
}
