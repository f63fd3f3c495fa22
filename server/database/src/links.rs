//! Links that were sent out: those in mails that lead a person to an approval, and signed one-time links of the
//! installation.
//!
//! A link decides nothing by itself: who follows it signs in first.

use domain::{ApprovalId, LinkId, PersonId, TenantId, Timestamp};

use crate::{
    Result,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    write::WriteTx,
};

/// A link that leads a person to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The id.
    pub id: LinkId,
    /// The tenant of the approval.
    pub tenant: TenantId,
    /// The tenant's slug.
    pub tenant_slug: String,
    /// The approval.
    pub approval: ApprovalId,
    /// Whom it was sent to.
    pub person: PersonId,
    /// Until when it leads there.
    pub expires_at: Timestamp,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

/// A link to be made.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The id.
    pub id: LinkId,
    /// The approval.
    pub approval: ApprovalId,
    /// Whom it is for.
    pub person: PersonId,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// Until when it leads there.
    pub expires_at: Timestamp,
}

impl LinkRow {
    /// Whether it still leads to the approval.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.withdrawn_at.is_none() && now < self.expires_at
    }
}

impl FromRow for LinkRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            tenant: row.id("tenant_id")?,
            tenant_slug: row.text("tenant_slug")?,
            approval: row.id("approval_id")?,
            person: row.id("person_id")?,
            expires_at: row.timestamp("expires_at")?,
            withdrawn_at: row.opt_timestamp("withdrawn_at")?,
        })
    }
}

static CREATE: Statement = Statement::tenant(
    "links.create",
    "insert into approval_link (tenant_id, id, approval_id, person_id, token_hash, expires_at)
     values ($1, $2, $3, $4, $5, $6)",
);
static WITHDRAW_OF_APPROVAL: Statement = Statement::tenant(
    "links.withdraw_of_approval",
    "update approval_link set withdrawn_at = $3 where tenant_id = $1 and approval_id = $2 and withdrawn_at is null",
);

pub(crate) static ALL: &[&Statement] = &[&CREATE, &WITHDRAW_OF_APPROVAL];

/// Makes a link to an approval, beside the ones the engine makes when it asks.
pub async fn create(tx: &mut WriteTx<'_>, new: &NewLink) -> Result<()> {
    tx.query(&CREATE).bind(new.id).bind(new.approval).bind(new.person).bind(new.token_hash).bind(new.expires_at).execute().await.map(drop)
}

/// Withdraws every link to an approval. Gives how many.
pub async fn withdraw_of(tx: &mut WriteTx<'_>, approval: ApprovalId, now: Timestamp) -> Result<u64> {
    tx.query(&WITHDRAW_OF_APPROVAL).bind(approval).bind(now).execute().await
}

/// The link that a token opens, by SHA-256 of the token; also one that has ended.
pub async fn find_by_token(tx: &mut impl SystemReads, token_hash: &[u8; 32]) -> Result<Option<LinkRow>> {
    tx.query(&system::LINK_BY_TOKEN).bind(token_hash).optional().await
}

/// Uses a signed one-time link up. False when it was used before: whoever gets true goes on in the same transaction.
pub async fn use_once(tx: &mut SystemTx, id: &str, purpose: &str, tenant: Option<TenantId>, now: Timestamp) -> Result<bool> {
    Ok(tx.query(&system::USED_LINK_CREATE).bind(id).bind(purpose).bind(now).bind(tenant).execute().await? == 1)
}

/// Whether a signed one-time link was used before, for a page that says so; only [`use_once`] decides.
pub async fn was_used(tx: &mut impl SystemReads, id: &str) -> Result<bool> {
    Ok(!tx.query(&system::USED_LINK_FIND).bind(id).rows().await?.is_empty())
}
