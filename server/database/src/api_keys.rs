//! Keys of the API. Only the hash of a key's secret is kept.
//!
//! One's own keys are one's own: the statements for them name the member who acts. Those of others are under the
//! permission to see members. A key that somebody shows at the door names its tenant itself, so that statement is in
//! `system.rs`; whether it is still good is for the caller to say, who knows the time.

use domain::{
    ApiKeyId, Authorized, Guarded, Permission, PermissionSet, PersonId, Protected, Scope, TenantId, Timestamp,
    permission::{UserManage, UserRead},
};

use crate::{
    Result,
    error::Error,
    members::MemberStatus,
    param::Json,
    people::PersonStatus,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    tenants::TenantStatus,
    write::WriteTx,
};

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The id, which is a part of the key's text.
    pub id: ApiKeyId,
    /// Whose.
    pub person: PersonId,
    /// The owner's e-mail address, or what stands for it at a service account.
    pub email: String,
    /// Whether the owner is a service account.
    pub is_service: bool,
    /// What it is for, in its owner's words.
    pub name: String,
    /// The permissions it is limited to.
    pub scopes: PermissionSet,
    /// Who made it: the owner, or for a service account an admin.
    pub created_by: PersonId,
    /// When.
    pub created_at: Timestamp,
    /// The first moment at which it no longer works.
    pub expires_at: Timestamp,
    /// When it was last used, within a minute or so.
    pub last_used_at: Option<Timestamp>,
    /// The address it was last used from.
    pub last_used_from: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key that somebody shows, with everything that says whether it opens the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// The tenant it is for.
    pub tenant: TenantId,
    /// Whether the tenant is in use.
    pub tenant_status: TenantStatus,
    /// Whether the owner's membership holds.
    pub membership: MemberStatus,
    /// Whether the owner may act at all.
    pub person_status: PersonStatus,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// The key.
    pub key: ApiKeyRow,
}

/// A key of a person together with the tenant it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOfPerson {
    /// The tenant's name.
    pub tenant_name: String,
    /// The word for the tenant in addresses.
    pub tenant_slug: String,
    /// The key.
    pub key: ApiKeyRow,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// Whose.
    pub person: PersonId,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// The permissions it is limited to.
    pub scopes: PermissionSet,
    /// Who makes it.
    pub created_by: PersonId,
    /// Now.
    pub created_at: Timestamp,
    /// The first moment at which it no longer works.
    pub expires_at: Timestamp,
}

impl ApiKeyRow {
    /// Whether it may be used at this moment, as far as the key itself goes.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

impl ShownKey {
    /// Whether key, owner, membership and tenant all hold at this moment.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.key.is_good(now)
            && self.person_status == PersonStatus::Active
            && self.membership == MemberStatus::Active
            && self.tenant_status == TenantStatus::Active
    }
}

impl Protected for ApiKeyRow {
    type Read = UserRead;
    const KIND: &'static str = "API key";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

/// The scopes of a row. A name that no permission has is an error and gives no right.
fn scopes(row: &Row) -> Result<PermissionSet> {
    let names: Vec<String> = row.json("scopes")?;
    let read = |name: &String| name.parse::<Permission>().map_err(|error| row.wrong("scopes", error.to_string()));
    names.iter().map(read).collect()
}

impl FromRow for ApiKeyRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            person: row.id("person_id")?,
            email: row.text("email")?,
            is_service: row.opt_id::<domain::id::kind::Tenant>("service_of")?.is_some(),
            name: row.text("name")?,
            scopes: scopes(row)?,
            created_by: row.id("created_by")?,
            created_at: row.timestamp("created_at")?,
            expires_at: row.timestamp("expires_at")?,
            last_used_at: row.opt_timestamp("last_used_at")?,
            last_used_from: row.opt_text("last_used_from")?,
            revoked_at: row.opt_timestamp("revoked_at")?,
        })
    }
}

impl FromRow for KeyOfPerson {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { tenant_name: row.text("tenant_name")?, tenant_slug: row.text("tenant_slug")?, key: ApiKeyRow::from_row(row)? })
    }
}

impl FromRow for ShownKey {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.id("tenant_id")?,
            tenant_status: row.word("tenant_status", TenantStatus::WORDS)?,
            membership: row.word("membership_status", MemberStatus::WORDS)?,
            person_status: row.word("person_status", PersonStatus::WORDS)?,
            secret_hash: row.hash("secret_hash")?,
            key: ApiKeyRow::from_row(row)?,
        })
    }
}

macro_rules! key_select {
    ($rest:literal) => {
        concat!(
            "select k.id, k.person_id, p.email, p.tenant_id as service_of, k.name, k.scopes, k.created_by, k.created_at, k.expires_at,
                    k.last_used_at, k.last_used_from, k.revoked_at
             from api_key k
             join person p on p.id = k.person_id
             where k.tenant_id = $1",
            $rest
        )
    };
}

static OF_PERSON: Statement =
    Statement::tenant("api_keys.of_person", key_select!(" and k.person_id = $2 order by k.created_at desc, k.id"));
static LIST: Statement = Statement::tenant("api_keys.list", key_select!(" order by p.email, k.created_at desc, k.id"));
static FIND: Statement = Statement::tenant("api_keys.find", key_select!(" and k.id = $2"));
static FIND_OF_PERSON: Statement = Statement::tenant("api_keys.find_of_person", key_select!(" and k.id = $2 and k.person_id = $3"));
static CREATE: Statement = Statement::tenant(
    "api_keys.create",
    "insert into api_key (tenant_id, id, person_id, name, secret_hash, scopes, created_by, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
static REVOKE: Statement = Statement::tenant(
    "api_keys.revoke",
    "update api_key set revoked_at = $3, revoked_by = $4 where tenant_id = $1 and id = $2 and revoked_at is null",
);

pub(crate) static ALL: &[&Statement] = &[&OF_PERSON, &LIST, &FIND, &FIND_OF_PERSON, &CREATE, &REVOKE];

fn nobody() -> Error {
    Error::Misuse { statement: "api_keys", reason: "only a member has keys" }
}

/// The keys of the member who acts, the newest first, those that ended among them.
pub async fn own<'a>(tx: &mut impl Reads<'a>, person: PersonId) -> Result<Vec<ApiKeyRow>> {
    tx.query(&OF_PERSON).bind(person).all().await
}

/// The keys of everybody, by the owner's address, the newest first.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, UserRead>) -> Result<Vec<ApiKeyRow>> {
    tx.query(&LIST).all().await
}

/// The key with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: ApiKeyId) -> Result<Option<Guarded<ApiKeyRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// The key with an id, if it is this person's own.
pub async fn find_own<'a>(tx: &mut impl Reads<'a>, id: ApiKeyId, person: PersonId) -> Result<Option<ApiKeyRow>> {
    tx.query(&FIND_OF_PERSON).bind(id).bind(person).optional().await
}

async fn create(tx: &mut WriteTx<'_>, new: &NewApiKey) -> Result<()> {
    let scopes: Vec<&str> = new.scopes.iter().map(Permission::name).collect();
    tx.query(&CREATE)
        .bind(new.id)
        .bind(new.person)
        .bind(&new.name)
        .bind(new.secret_hash)
        .bind(Json(scopes.into()))
        .bind(new.created_by)
        .bind(new.created_at)
        .bind(new.expires_at)
        .execute()
        .await
        .map(drop)
}

/// Makes a key of the member who acts.
///
/// # Errors
/// [`Error::Misuse`] for a key of somebody else.
pub async fn create_own(tx: &mut WriteTx<'_>, new: &NewApiKey) -> Result<()> {
    if tx.actor().person() != Some(new.person) {
        return Err(nobody());
    }
    create(tx, new).await
}

/// Makes a key of a service account.
pub async fn create_for_service(tx: &mut WriteTx<'_>, _scope: &Scope<'_, UserManage>, new: &NewApiKey) -> Result<()> {
    create(tx, new).await
}

async fn revoke_by_id(tx: &mut WriteTx<'_>, id: ApiKeyId, now: Timestamp) -> Result<bool> {
    let by = tx.actor().person().ok_or_else(nobody)?;
    Ok(tx.query(&REVOKE).bind(id).bind(now).bind(by).execute().await? == 1)
}

/// Revokes a key of the member who acts. False when it was revoked before.
///
/// # Errors
/// [`Error::Misuse`] for a key of somebody else.
pub async fn revoke_own(tx: &mut WriteTx<'_>, key: &ApiKeyRow, now: Timestamp) -> Result<bool> {
    if tx.actor().person() != Some(key.person) {
        return Err(nobody());
    }
    revoke_by_id(tx, key.id, now).await
}

/// Revokes somebody's key. False when it was revoked before.
pub async fn revoke(tx: &mut WriteTx<'_>, key: &Authorized<'_, UserManage, ApiKeyRow>, now: Timestamp) -> Result<bool> {
    revoke_by_id(tx, key.id, now).await
}

/// The key that somebody shows, whether it is good or not.
pub async fn shown(tx: &mut impl SystemReads, id: ApiKeyId) -> Result<Option<ShownKey>> {
    tx.query(&system::API_KEY_SHOWN).bind(id).optional().await
}

/// The keys of a person in every tenant where they may work, the newest first, those that ended among them.
pub async fn of_person(tx: &mut impl SystemReads, person: PersonId) -> Result<Vec<KeyOfPerson>> {
    tx.query(&system::API_KEY_OF_PERSON).bind(person).all().await
}

/// Revokes every key of a person in every tenant, in their own name. Gives how many.
pub async fn revoke_of_person(tx: &mut SystemTx, person: PersonId, now: Timestamp) -> Result<u64> {
    tx.query(&system::API_KEY_REVOKE_OF_PERSON).bind(person).bind(now).execute().await
}

/// Notes that a key was used, and from where. Commits as housekeeping.
pub async fn touch(tx: &mut SystemTx, tenant: TenantId, id: ApiKeyId, now: Timestamp, address: Option<&str>) -> Result<()> {
    tx.query(&system::API_KEY_TOUCH).bind(tenant).bind(id).bind(now).bind(address).execute().await.map(drop)
}
