//! Signed-in browsers. Only the hash of a cookie's token is kept.
//!
//! A session is a person's and of no tenant: its statements are in `system.rs`. Whether a session that was found is
//! still good (idle and absolute limits) is for the caller to say, who knows the limits. An admin of a tenant does not end
//! a session but what it opens in their tenant: that is a row of the tenant.

use domain::{Authorized, PersonId, SessionId, TenantId, Timestamp, permission::UserManage};

use crate::{
    Result,
    announce::Topic,
    members::MemberRow,
    people::PersonStatus,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    tenants,
    write::WriteTx,
};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The id.
    pub id: SessionId,
    /// Whose.
    pub person: PersonId,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used, within a minute or so.
    pub last_seen_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
    /// The address they signed in from.
    pub address: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

/// A session together with its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: SessionRow,
    /// The person's e-mail address.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// Whether the person may still sign in.
    pub status: PersonStatus,
    /// The shortest time, in minutes, that one of the person's tenants lets a session be idle, where one says so.
    pub idle_minutes: Option<i64>,
}

/// A session to be made.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The id.
    pub id: SessionId,
    /// Whose.
    pub person: PersonId,
    /// SHA-256 of the cookie's token.
    pub token_hash: [u8; 32],
    /// Now.
    pub created_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
    /// The address they sign in from.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

impl FromRow for SessionRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            person: row.id("person_id")?,
            created_at: row.timestamp("created_at")?,
            last_seen_at: row.timestamp("last_seen_at")?,
            expires_at: row.timestamp("expires_at")?,
            address: row.opt_text("address")?,
            agent: row.opt_text("agent")?,
        })
    }
}

impl FromRow for SignedIn {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            session: SessionRow::from_row(row)?,
            email: row.text("email")?,
            name: row.text("name")?,
            status: row.word("status", PersonStatus::WORDS)?,
            idle_minutes: row.opt_i64("idle_minutes")?,
        })
    }
}

static END_HERE: Statement = Statement::tenant(
    "sessions.end_here",
    "insert into session_ending (tenant_id, session_id, ended_by, ended_at) values ($1, $2, $3, $4) on conflict do nothing",
);
static ENDED_HERE: Statement = Statement::tenant("sessions.ended_here", "select session_id from session_ending where tenant_id = $1");

pub(crate) static ALL: &[&Statement] = &[&END_HERE, &ENDED_HERE];

/// Makes a session.
pub async fn create(tx: &mut SystemTx, new: &NewSession) -> Result<()> {
    tx.query(&system::SESSION_CREATE)
        .bind(new.id)
        .bind(new.person)
        .bind(new.token_hash)
        .bind(new.created_at)
        .bind(new.expires_at)
        .bind(new.address.as_deref())
        .bind(new.agent.as_deref())
        .execute()
        .await
        .map(drop)
}

/// The session that a token opens, by SHA-256 of the token, with its person.
pub async fn find_by_token(tx: &mut impl SystemReads, token_hash: &[u8; 32]) -> Result<Option<SignedIn>> {
    tx.query(&system::SESSION_BY_TOKEN).bind(token_hash).optional().await
}

/// The session with an id, with its person.
pub async fn find(tx: &mut impl SystemReads, id: SessionId) -> Result<Option<SignedIn>> {
    tx.query(&system::SESSION_FIND).bind(id).optional().await
}

/// Whether an admin of a tenant ended what a session opens there.
pub async fn is_ended_in(tx: &mut impl SystemReads, tenant: TenantId, session: SessionId) -> Result<bool> {
    let rows = tx.query(&system::SESSION_IS_ENDED_IN).bind(tenant).bind(session).rows().await?;
    rows.first().map_or(Ok(false), |row| Ok(row.i64("endings")? > 0))
}

/// Notes that a session was used. Commits as housekeeping.
pub async fn touch(tx: &mut SystemTx, id: SessionId, now: Timestamp) -> Result<()> {
    tx.query(&system::SESSION_TOUCH).bind(id).bind(now).execute().await.map(drop)
}

/// The sessions of a person, the one used last first.
pub async fn of_person(tx: &mut impl SystemReads, person: PersonId) -> Result<Vec<SessionRow>> {
    tx.query(&system::SESSION_OF_PERSON).bind(person).all().await
}

/// Ends one session of a person. False when they have no such session.
pub async fn delete(tx: &mut SystemTx, person: PersonId, id: SessionId) -> Result<bool> {
    Ok(tx.query(&system::SESSION_DELETE).bind(person).bind(id).execute().await? == 1)
}

/// Ends every session of a person but, where one is named, that one. Gives how many.
pub async fn delete_all(tx: &mut SystemTx, person: PersonId, but: Option<SessionId>) -> Result<u64> {
    tx.query(&system::SESSION_DELETE_ALL).bind(person).bind(but).execute().await
}

/// Removes the sessions of a person that open no tenant any more: they are no active member, or an admin ended it there.
/// Gives how many.
pub async fn delete_without_reach(tx: &mut SystemTx, person: PersonId) -> Result<u64> {
    tx.query(&system::SESSION_DELETE_WITHOUT_REACH).bind(person).execute().await
}

/// Ends what a session of a member opens in the actor's tenant. False when that was done before. The session must be one of
/// theirs; one that is gone is [`crate::Error::Violation`].
pub async fn end_here(
    tx: &mut WriteTx<'_>,
    _member: &Authorized<'_, UserManage, MemberRow>,
    session: SessionId,
    now: Timestamp,
) -> Result<bool> {
    let ended_by = tx.actor().person();
    let ended = tx.query(&END_HERE).bind(session).bind(ended_by).bind(now).execute().await? == 1;
    tx.announce(Topic::Access);
    Ok(ended)
}

/// The sessions that open nothing in the actor's tenant any more, of all of its members. Under no guard: without the sessions
/// of a member it says nothing.
pub async fn ended_here<'a>(tx: &mut impl Reads<'a>) -> Result<Vec<SessionId>> {
    let rows = tx.query(&ENDED_HERE).rows().await?;
    rows.iter().map(|row| row.id("session_id")).collect()
}

/// Tells whoever follows a page live, in every tenant of a person, to look whether their session still holds.
pub async fn announce_end(tx: &mut SystemTx, person: PersonId) -> Result<()> {
    for tenancy in tenants::of_person(tx, person).await? {
        tx.announce(tenancy.tenant.id, Topic::Access);
    }
    Ok(())
}

/// Removes sessions that ended before `now` or were last used before `idle_since`. Commits as housekeeping.
pub async fn delete_ended(tx: &mut SystemTx, now: Timestamp, idle_since: Timestamp) -> Result<u64> {
    tx.query(&system::SESSION_DELETE_ENDED).bind(now).bind(idle_since).execute().await
}
