//! Invitations to become a member of a tenant. Only the hash of the link's token is kept.
//!
//! An e-mail address has at most one open invitation: a new one withdraws the one before, so that only the newest
//! link works. Accepting crosses into a tenant one is not a member of yet, so those texts are in `system.rs`.

use domain::{
    Authorized, Guarded, InvitationId, PersonId, PolicyVersion, Protected, Scope, TenantId, Timestamp,
    permission::{UserRead, UserWrite},
};

use crate::{
    Result,
    announce::Topic,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    write::WriteTx,
};

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// The id.
    pub id: InvitationId,
    /// Whom, in lower case.
    pub email: String,
    /// Their name, as the inviter wrote it.
    pub name: String,
    /// The role they will hold.
    pub role: String,
    /// Who invites; nobody when it was the operator.
    pub invited_by: Option<PersonId>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was withdrawn, or replaced by a newer one.
    pub withdrawn_at: Option<Timestamp>,
}

/// An invitation that somebody holds the link of, with the tenant it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitedTo {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// The tenant's slug.
    pub tenant_slug: String,
    /// The invitation, which may have ended.
    pub invitation: InvitationRow,
}

/// An invitation to be made.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// The id.
    pub id: InvitationId,
    /// Whom, in lower case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The role they will hold.
    pub role: String,
    /// SHA-256 of the link's token.
    pub token_hash: [u8; 32],
    /// Now.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

impl InvitationRow {
    /// Whether it can be accepted at this moment.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.accepted_at.is_none() && self.withdrawn_at.is_none() && now < self.expires_at
    }
}

impl Protected for InvitationRow {
    type Read = UserRead;
    const KIND: &'static str = "invitation";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for InvitationRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            email: row.text("email")?,
            name: row.text("name")?,
            role: row.text("role")?,
            invited_by: row.opt_id("invited_by")?,
            created_at: row.timestamp("created_at")?,
            expires_at: row.timestamp("expires_at")?,
            accepted_at: row.opt_timestamp("accepted_at")?,
            withdrawn_at: row.opt_timestamp("withdrawn_at")?,
        })
    }
}

impl FromRow for InvitedTo {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.id("tenant_id")?,
            tenant_name: row.text("tenant_name")?,
            tenant_slug: row.text("tenant_slug")?,
            invitation: InvitationRow::from_row(row)?,
        })
    }
}

static WITHDRAW_OF_EMAIL: Statement = Statement::tenant(
    "invitations.withdraw_of_email",
    "update invitation set withdrawn_at = $3
     where tenant_id = $1 and email = $2 and accepted_at is null and withdrawn_at is null",
);
static CREATE: Statement = Statement::tenant(
    "invitations.create",
    "insert into invitation (tenant_id, id, email, name, role, token_hash, invited_by, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
static LIST_OPEN: Statement = Statement::tenant(
    "invitations.list_open",
    "select id, email, name, role, invited_by, created_at, expires_at, accepted_at, withdrawn_at
     from invitation
     where tenant_id = $1 and accepted_at is null and withdrawn_at is null
     order by email",
);
static FIND: Statement = Statement::tenant(
    "invitations.find",
    "select id, email, name, role, invited_by, created_at, expires_at, accepted_at, withdrawn_at
     from invitation
     where tenant_id = $1 and id = $2",
);
static WITHDRAW: Statement = Statement::tenant(
    "invitations.withdraw",
    "update invitation set withdrawn_at = $3
     where tenant_id = $1 and id = $2 and accepted_at is null and withdrawn_at is null",
);

pub(crate) static ALL: &[&Statement] = &[&WITHDRAW_OF_EMAIL, &CREATE, &LIST_OPEN, &FIND, &WITHDRAW];

/// Makes an invitation, and withdraws one to the same address that is still open.
pub async fn create(tx: &mut WriteTx<'_>, _scope: &Scope<'_, UserWrite>, new: &NewInvitation) -> Result<()> {
    tx.query(&WITHDRAW_OF_EMAIL).bind(&new.email).bind(new.created_at).execute().await?;
    let invited_by = tx.actor().person();
    tx.query(&CREATE)
        .bind(new.id)
        .bind(&new.email)
        .bind(&new.name)
        .bind(&new.role)
        .bind(new.token_hash)
        .bind(invited_by)
        .bind(new.created_at)
        .bind(new.expires_at)
        .execute()
        .await
        .map(drop)
}

/// The invitations that were neither accepted nor withdrawn, expired ones among them, by e-mail address.
pub async fn list_open<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, UserRead>) -> Result<Vec<InvitationRow>> {
    tx.query(&LIST_OPEN).all().await
}

/// The invitation with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: InvitationId) -> Result<Option<Guarded<InvitationRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// Withdraws an invitation. False when it was accepted or withdrawn before.
pub async fn withdraw(tx: &mut WriteTx<'_>, invitation: &Authorized<'_, UserWrite, InvitationRow>, now: Timestamp) -> Result<bool> {
    Ok(tx.query(&WITHDRAW).bind(invitation.id).bind(now).execute().await? == 1)
}

/// The invitation that a token accepts, by SHA-256 of the token; also one that has ended.
pub async fn find_by_token(tx: &mut impl SystemReads, token_hash: &[u8; 32]) -> Result<Option<InvitedTo>> {
    tx.query(&system::INVITATION_BY_TOKEN).bind(token_hash).optional().await
}

/// Accepts an invitation for a person: their membership and role, and a new state of the policy. False, and nothing
/// done, when the invitation ended before; of two who accept at once one gets false.
///
/// A member who was disabled stays disabled: an invitation that was still open does not undo it.
pub async fn accept(tx: &mut SystemTx, invited: &InvitedTo, person: PersonId, now: Timestamp, fresh: PolicyVersion) -> Result<bool> {
    let taken = tx.query(&system::INVITATION_ACCEPT).bind(invited.tenant).bind(invited.invitation.id).bind(now).execute().await?;
    if taken == 0 {
        return Ok(false);
    }
    join(tx, invited.tenant, person, &invited.invitation.role, invited.invitation.invited_by, now, fresh).await?;
    Ok(true)
}

/// Makes a person a member who holds a role: the first one of a tenant, or one who accepts an invitation.
pub async fn join(
    tx: &mut SystemTx,
    tenant: TenantId,
    person: PersonId,
    role: &str,
    granted_by: Option<PersonId>,
    now: Timestamp,
    fresh: PolicyVersion,
) -> Result<()> {
    tx.query(&system::TENANT_SET_POLICY).bind(tenant).bind(fresh.0).execute().await?;
    tx.query(&system::MEMBERSHIP_CREATE).bind(tenant).bind(person).bind(now).execute().await?;
    tx.query(&system::ROLE_GRANT).bind(tenant).bind(person).bind(role).bind(granted_by).bind(now).execute().await?;
    tx.announce(tenant, Topic::Access);
    Ok(())
}
