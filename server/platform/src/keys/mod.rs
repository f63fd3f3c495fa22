//! Keys of the API: made, listed, revoked, and exchanged for access tokens. Opening the door with one is in `access`.
//!
//! One's own keys are everybody's own and no permission is needed for them; those of others are seen and revoked by whoever
//! manages members. A key is limited to scopes, and at every use to what its owner may at that moment. Keys are made at
//! pages alone: a key that leaked makes no further ones.

pub mod service_accounts;
pub mod tokens;

use std::time::Duration;

use database::{
    api_keys::{self as rows, ApiKeyRow, NewApiKey},
    sessions::SignedIn,
};
use domain::{
    Actor, ApiKeyId, Door, Permission, PermissionSet, PersonId, Problem, Scope, Secret, Timestamp,
    audit::{AuditEvent, AuditEvents},
    permission::{UserManage, UserRead},
};
use vault::ApiKey;

use crate::{
    Platform, Result,
    identity::{self, Fields},
};

/// The longest a key can be good for, in days.
pub const LONGEST_DAYS: u32 = 366;
/// How long a key is good for when nobody says otherwise, in days.
pub const USUAL_DAYS: u32 = 90;
/// The longest name, in signs.
const LONGEST_NAME: usize = 100;
/// The most keys a member can have that still work.
const MOST: usize = 50;
const A_DAY: Duration = Duration::from_hours(24);

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// The names of the permissions it is limited to.
    pub scopes: Vec<String>,
    /// For how many days it is good.
    pub days: u32,
}

/// A key that was made.
#[derive(Debug, Clone)]
pub struct MadeKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What its bearer shows; here for the only time.
    pub text: Secret,
    /// The first moment at which it no longer works.
    pub expires_at: Timestamp,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Good,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

/// A key, to be shown. What opens the door is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShown {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose.
    pub owner: PersonId,
    /// The owner's e-mail address, or what stands for it at a service account.
    pub owner_email: String,
    /// Whether the owner is a service account.
    pub is_service: bool,
    /// What it is for.
    pub name: String,
    /// The permissions it is limited to.
    pub scopes: PermissionSet,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was last used, within a minute or so.
    pub last_used_at: Option<Timestamp>,
    /// Where from.
    pub last_used_from: Option<String>,
    /// Whether it works.
    pub state: KeyState,
}

/// One of a person's own keys, with the tenant it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnKey {
    /// The tenant's name.
    pub tenant_name: String,
    /// The word for the tenant in addresses.
    pub tenant_slug: String,
    /// The key.
    pub key: KeyShown,
}

fn not_found() -> Problem {
    Problem::not_found("API key")
}

fn revoked_before() -> Problem {
    Problem::conflict("key_revoked", "This key was revoked before.")
}

fn shown(row: ApiKeyRow, now: Timestamp) -> KeyShown {
    let state = match (row.revoked_at, row.is_good(now)) {
        (Some(_), _) => KeyState::Revoked,
        (None, true) => KeyState::Good,
        (None, false) => KeyState::Expired,
    };
    KeyShown {
        id: row.id,
        owner: row.person,
        owner_email: row.email,
        is_service: row.is_service,
        name: row.name,
        scopes: row.scopes,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        last_used_from: row.last_used_from,
        state,
    }
}

/// The scopes that were chosen. What the maker may not do now is refused: a key is never a way to more.
fn scopes(actor: &Actor, chosen: &[String]) -> Result<PermissionSet, String> {
    if chosen.is_empty() {
        return Err("Choose what the key may be used for.".to_owned());
    }
    let mut permissions = Vec::with_capacity(chosen.len());
    for name in chosen {
        let permission: Permission = name.parse().map_err(|_| "There is no such permission.".to_owned())?;
        if !actor.may(permission) {
            return Err(format!("You do not have the permission {permission} yourself."));
        }
        permissions.push(permission);
    }
    Ok(permissions.into_iter().collect())
}

fn lifetime(days: u32) -> Result<Duration, String> {
    if (1..=LONGEST_DAYS).contains(&days) { Ok(A_DAY * days) } else { Err(format!("A key is good for 1 to {LONGEST_DAYS} days.")) }
}

/// Keys are made and revoked by somebody who signed in.
fn demand_a_page(actor: &Actor) -> Result<(), Problem> {
    match actor.door() {
        Door::Page => Ok(()),
        _ => Err(Problem::new(403, "only_at_a_page", "Keys are made and revoked on the pages alone, by somebody who signed in there.")),
    }
}

fn event(action: &'static str, id: ApiKeyId, name: &str, owner: PersonId) -> AuditEvent {
    AuditEvent::done(action, "API key", id, name).with("owner", owner.to_string())
}

impl Platform {
    /// The person's own keys in every tenant where they may work, the newest first.
    pub async fn own_api_keys(&self, signed_in: &SignedIn) -> Result<Vec<OwnKey>> {
        let mut tx = self.parts().database.system_read().await?;
        let (rows, now) = (rows::of_person(&mut tx, signed_in.session.person).await?, self.now());
        let own = |row: rows::KeyOfPerson| OwnKey { tenant_name: row.tenant_name, tenant_slug: row.tenant_slug, key: shown(row.key, now) };
        Ok(rows.into_iter().map(own).collect())
    }

    /// Makes a key of one's own for the tenant of the actor.
    ///
    /// # Errors
    /// 422 with every field that is wrong, scopes that one does not hold among them; 409 `too_many_keys`.
    pub async fn create_api_key(&self, actor: &Actor, new: &NewKey) -> Result<MadeKey> {
        let person = actor.person().ok_or_else(not_found)?;
        let (made, row) = self.new_key(actor, person, new)?;
        let mut tx = self.parts().database.write(actor).await?;
        let own = rows::own(&mut tx, person).await?;
        demand_room(&own, self.now())?;
        rows::create_own(&mut tx, &row).await?;
        tx.commit(AuditEvents::one(created(&row))).await?;
        Ok(made)
    }

    /// Revokes a key of one's own. It opens no door from the next request on, nor does any access token made from it.
    ///
    /// # Errors
    /// 404 when one has no such key, 409 `key_revoked` when it was revoked before.
    pub async fn revoke_own_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<()> {
        demand_a_page(actor)?;
        let person = actor.person().ok_or_else(not_found)?;
        let mut tx = self.parts().database.write(actor).await?;
        let key = rows::find_own(&mut tx, id, person).await?.ok_or_else(not_found)?;
        if !rows::revoke_own(&mut tx, &key, self.now()).await? {
            return Err(revoked_before().into());
        }
        Ok(tx.commit(AuditEvents::one(event("api_key.revoked", id, &key.name, key.person))).await?)
    }

    /// The keys of everybody in the tenant, by owner.
    pub async fn api_keys(&self, actor: &Actor) -> Result<Vec<KeyShown>> {
        let scope = Scope::<UserRead>::of(actor, "API keys")?;
        let mut tx = self.parts().database.read(actor).await?;
        let now = self.now();
        Ok(rows::list(&mut tx, &scope).await?.into_iter().map(|row| shown(row, now)).collect())
    }

    /// Revokes anybody's key.
    ///
    /// # Errors
    /// 404 when there is none, 409 `key_revoked` when it was revoked before.
    pub async fn revoke_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<()> {
        demand_a_page(actor)?;
        let mut tx = self.parts().database.write(actor).await?;
        let key = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<UserManage>(actor)?;
        if !rows::revoke(&mut tx, &key, self.now()).await? {
            return Err(revoked_before().into());
        }
        Ok(tx.commit(AuditEvents::one(event("api_key.revoked", id, &key.name, key.person))).await?)
    }

    /// A key for an owner, checked and not yet kept.
    pub(crate) fn new_key(&self, actor: &Actor, owner: PersonId, new: &NewKey) -> Result<(MadeKey, NewApiKey)> {
        demand_a_page(actor)?;
        let by = actor.person().ok_or_else(not_found)?;
        let mut fields = Fields::default();
        let name = fields.take("name", identity::name(&new.name, LONGEST_NAME));
        let scopes = fields.take("scopes", scopes(actor, &new.scopes));
        let lifetime = fields.take("days", lifetime(new.days));
        let (Some(name), Some(scopes), Some(lifetime)) = (name, scopes, lifetime) else { return Err(fields.problem()) };
        let (id, now) = (self.new_id(), self.now());
        let key = ApiKey::generate(id, self.parts().entropy.as_ref());
        let expires_at = now.after(lifetime);
        let row =
            NewApiKey { id, person: owner, name, secret_hash: key.secret_hash(), scopes, created_by: by, created_at: now, expires_at };
        Ok((MadeKey { id, text: key.text(), expires_at }, row))
    }
}

/// Refuses one more key where there are many that work.
pub(crate) fn demand_room(keys: &[ApiKeyRow], now: Timestamp) -> Result<(), Problem> {
    if keys.iter().filter(|key| key.is_good(now)).count() < MOST {
        return Ok(());
    }
    Err(Problem::conflict("too_many_keys", format!("There are {MOST} keys that work. Revoke one that is no longer needed.")))
}

/// What the log says of a key that was made.
pub(crate) fn created(row: &NewApiKey) -> AuditEvent {
    let scopes: Vec<&str> = row.scopes.iter().map(Permission::name).collect();
    event("api_key.created", row.id, &row.name, row.person).with("scopes", scopes).with("expires_at", row.expires_at.to_string())
}
