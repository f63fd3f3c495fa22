//! Credentials: their facts for everybody who may see them, their sealed values for the engine alone.
//!
//! The row struct has no field for the value, so no page can show it. Sealing and opening are `vault`'s; which hosts
//! a value may be sent to is checked at the egress.

use domain::{
    Authorized, CredentialId, Cursor, Guarded, Page, Protected, RunId, Scope, Timestamp, UseId,
    permission::{CredentialRead, CredentialWrite},
};

use crate::{
    Result,
    param::Json,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// The facts of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// The id.
    pub id: CredentialId,
    /// The name after `cred://`.
    pub name: String,
    /// What kind of value it is.
    pub kind: String,
    /// The number of the value, from 1; each replacement has the next.
    pub version: i64,
    /// The hosts it may be sent to.
    pub allowed_hosts: Vec<String>,
    /// What it is for.
    pub description: String,
    /// The e-mail address of who set it first.
    pub created_by: Option<String>,
    /// When it was set first.
    pub created_at: Timestamp,
    /// The e-mail address of who last replaced its value.
    pub replaced_by: Option<String>,
    /// When its value was last replaced.
    pub replaced_at: Option<Timestamp>,
    /// When it was last sent out.
    pub last_used_at: Option<Timestamp>,
}

/// A credential to be set.
#[derive(Clone)]
pub struct NewCredential {
    /// The id.
    pub id: CredentialId,
    /// The name after `cred://`.
    pub name: String,
    /// What kind of value it is.
    pub kind: String,
    /// The value, sealed for this id and version 1.
    pub sealed: Vec<u8>,
    /// The hosts it may be sent to.
    pub allowed_hosts: Vec<String>,
    /// What it is for.
    pub description: String,
    /// Now.
    pub created_at: Timestamp,
}

/// The sealed value of a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The id it is sealed for.
    pub id: CredentialId,
    /// Its name.
    pub name: String,
    /// The number it is sealed for.
    pub version: i64,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// The hosts it may be sent to.
    pub allowed_hosts: Vec<String>,
}

/// One time that a credential was sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseRow {
    /// The id.
    pub id: UseId,
    /// The number of the value that was sent.
    pub version: i64,
    /// The run that sent it.
    pub run: RunId,
    /// The number of that run.
    pub run_number: i64,
    /// The path of the step.
    pub step: String,
    /// The attempt of the step.
    pub attempt: i64,
    /// The dispatch of the attempt.
    pub dispatch: i64,
    /// The host it was sent to.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

impl std::fmt::Debug for NewCredential {
    /// Without the value, sealed as it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cred://{} ({})", self.name, self.id)
    }
}

impl std::fmt::Debug for SealedRow {
    /// Without the value, sealed as it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cred://{} ({}) version {}", self.name, self.id, self.version)
    }
}

impl Protected for CredentialRow {
    type Read = CredentialRead;
    const KIND: &'static str = "credential";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for CredentialRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            kind: row.text("kind")?,
            version: row.i64("version")?,
            allowed_hosts: row.json("allowed_hosts")?,
            description: row.text("description")?,
            created_by: row.opt_text("created_by")?,
            created_at: row.timestamp("created_at")?,
            replaced_by: row.opt_text("replaced_by")?,
            replaced_at: row.opt_timestamp("replaced_at")?,
            last_used_at: row.opt_timestamp("last_used_at")?,
        })
    }
}

impl FromRow for SealedRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            version: row.i64("version")?,
            sealed: row.bytes("sealed")?,
            allowed_hosts: row.json("allowed_hosts")?,
        })
    }
}

impl FromRow for UseRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            version: row.i64("version")?,
            run: row.id("run_id")?,
            run_number: row.i64("run_number")?,
            step: row.text("step")?,
            attempt: row.i64("attempt")?,
            dispatch: row.i64("dispatch")?,
            host: row.text("host")?,
            at: row.timestamp("at")?,
        })
    }
}

macro_rules! fact_select {
    ($rest:literal) => {
        concat!(
            "select c.id, c.name, c.kind, c.version, c.allowed_hosts, c.description, m.email as created_by, c.created_at,
                    o.email as replaced_by, c.replaced_at,
                    (select max(u.at) from credential_use u where u.tenant_id = c.tenant_id and u.credential_id = c.id) as last_used_at
             from credential c
             left join person m on m.id = c.created_by
             left join person o on o.id = c.replaced_by
             where c.tenant_id = $1 and c.removed_at is null",
            $rest
        )
    };
}

macro_rules! use_select {
    ($rest:literal) => {
        concat!(
            "select u.id, u.version, u.run_id, r.number as run_number, u.step, u.attempt, u.dispatch, u.host, u.at
             from credential_use u
             join run r on r.tenant_id = u.tenant_id and r.id = u.run_id
             where u.tenant_id = $1 and u.credential_id = $2",
            $rest
        )
    };
}

static LIST: Statement = Statement::tenant("credentials.list", fact_select!(" order by c.name"));
static FIND: Statement = Statement::tenant("credentials.find", fact_select!(" and c.id = $2"));
static FIND_BY_NAME: Statement = Statement::tenant("credentials.find_by_name", fact_select!(" and c.name = $2"));
static CREATE: Statement = Statement::tenant(
    "credentials.create",
    "insert into credential
         (tenant_id, id, name, kind, version, sealed, allowed_hosts, description, created_by, created_at)
     values ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9)
     on conflict do nothing",
);
static REPLACE: Statement = Statement::tenant(
    "credentials.replace",
    "update credential set version = version + 1, sealed = $4, replaced_at = $5, replaced_by = $6
     where tenant_id = $1 and id = $2 and version = $3 and removed_at is null",
);
static DESCRIBE: Statement = Statement::tenant(
    "credentials.describe",
    "update credential set allowed_hosts = $3, description = $4 where tenant_id = $1 and id = $2 and removed_at is null",
);
static REMOVE: Statement = Statement::tenant(
    "credentials.remove",
    "update credential set sealed = null, removed_at = $3 where tenant_id = $1 and id = $2 and removed_at is null",
);
static SEALED: Statement = Statement::tenant(
    "credentials.sealed",
    "select id, name, version, sealed, allowed_hosts from credential where tenant_id = $1 and id = $2 and removed_at is null",
);
static USES: Statement = Statement::tenant("credentials.uses", use_select!(" and u.at < $3 order by u.at desc, u.id desc limit $4"));
static USES_AT: Statement = Statement::tenant("credentials.uses_at", use_select!(" and u.at = $3 and u.id < $4 order by u.id desc"));
static KEY: Statement = Statement::tenant("credentials.key", "select wrapped from tenant_key where tenant_id = $1");
static KEY_CREATE: Statement = Statement::tenant(
    "credentials.key_create",
    "insert into tenant_key (tenant_id, wrapped, created_at) values ($1, $2, $3) on conflict do nothing",
);

pub(crate) static ALL: &[&Statement] =
    &[&LIST, &FIND, &FIND_BY_NAME, &CREATE, &REPLACE, &DESCRIBE, &REMOVE, &SEALED, &USES, &USES_AT, &KEY, &KEY_CREATE];

fn hosts(hosts: &[String]) -> Json {
    Json(hosts.iter().map(String::as_str).collect())
}

/// The credentials that were not removed, by name.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, CredentialRead>) -> Result<Vec<CredentialRow>> {
    tx.query(&LIST).all().await
}

/// The credential with an id, unless it was removed.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: CredentialId) -> Result<Option<Guarded<CredentialRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// The credential that a name stands for.
pub async fn find_by_name<'a>(tx: &mut impl Reads<'a>, name: &str) -> Result<Option<Guarded<CredentialRow>>> {
    Ok(tx.query(&FIND_BY_NAME).bind(name).optional().await?.map(Guarded::new))
}

/// Sets a credential for the first time. False, and nothing done, when the name is taken.
pub async fn create(tx: &mut WriteTx<'_>, _scope: &Scope<'_, CredentialWrite>, new: &NewCredential) -> Result<bool> {
    let created_by = tx.actor().person();
    let made = tx
        .query(&CREATE)
        .bind(new.id)
        .bind(&new.name)
        .bind(&new.kind)
        .bind(new.sealed.as_slice())
        .bind(hosts(&new.allowed_hosts))
        .bind(&new.description)
        .bind(created_by)
        .bind(new.created_at)
        .execute()
        .await?;
    Ok(made == 1)
}

/// Replaces the value, sealed for the number after the one of this row. False, and nothing done, when somebody
/// replaced or removed it in between.
pub async fn replace(
    tx: &mut WriteTx<'_>,
    credential: &Authorized<'_, CredentialWrite, CredentialRow>,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let replaced_by = tx.actor().person();
    let query = tx.query(&REPLACE).bind(credential.id).bind(credential.version).bind(sealed).bind(now).bind(replaced_by);
    let replaced = query.execute().await?;
    Ok(replaced == 1)
}

/// Changes where a credential may be sent and what it is for. False when it was removed in between.
pub async fn describe(
    tx: &mut WriteTx<'_>,
    credential: &Authorized<'_, CredentialWrite, CredentialRow>,
    allowed_hosts: &[String],
    description: &str,
) -> Result<bool> {
    let changed = tx.query(&DESCRIBE).bind(credential.id).bind(hosts(allowed_hosts)).bind(description).execute().await?;
    Ok(changed == 1)
}

/// Removes a credential: its value is gone, its facts and uses stay. False when it was removed in between.
pub async fn remove(tx: &mut WriteTx<'_>, credential: &Authorized<'_, CredentialWrite, CredentialRow>, now: Timestamp) -> Result<bool> {
    Ok(tx.query(&REMOVE).bind(credential.id).bind(now).execute().await? == 1)
}

/// A page of the times that a credential was sent out, newest first, from before `after`. A page ends only between two
/// moments, so it may be longer than `limit`.
pub async fn uses<'a>(
    tx: &mut impl Reads<'a>,
    credential: &Authorized<'_, CredentialRead, CredentialRow>,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<UseRow>> {
    let before = after.map_or(i64::MAX, |cursor| cursor.0);
    let rows: Vec<UseRow> = tx.query(&USES).bind(credential.id).bind(before).bind(i64::from(limit) + 1).all().await?;
    let mut page = Page::from_rows(rows, limit as usize, |row| row.at.micros());
    if let (Some(_), Some(last)) = (page.next, page.items.last()) {
        let same_moment: Vec<UseRow> = tx.query(&USES_AT).bind(credential.id).bind(last.at).bind(last.id).all().await?;
        page.items.extend(same_moment);
    }
    Ok(page)
}

/// The sealed value of a credential, for the execution of a step that was given leave to send it. Under no guard: that
/// leave is the guard.
pub async fn sealed<'a>(tx: &mut impl Reads<'a>, id: CredentialId) -> Result<Option<SealedRow>> {
    tx.query(&SEALED).bind(id).optional().await
}

/// The tenant's identity, wrapped by the installation's; nothing before the first credential.
pub async fn tenant_key<'a>(tx: &mut impl Reads<'a>) -> Result<Option<Vec<u8>>> {
    match tx.query(&KEY).rows().await?.first() {
        Some(row) => row.bytes("wrapped").map(Some),
        None => Ok(None),
    }
}

/// Keeps the tenant's identity. False, and nothing done, when it has one: it must be read and used instead.
pub async fn create_tenant_key(tx: &mut WriteTx<'_>, wrapped: &[u8], now: Timestamp) -> Result<bool> {
    Ok(tx.query(&KEY_CREATE).bind(wrapped).bind(now).execute().await? == 1)
}
