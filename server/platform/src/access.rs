//! Who is acting, and with which rights: the only file that makes an [`Actor`].
//!
//! Rights are the recorded answers of the tenant's policy at its present version. When the version in the
//! database is another than the one in memory, the policy is built anew from committed rows, outside any
//! transaction.

use std::{sync::Arc, time::Duration};

use database::{
    Housekeeping,
    api_keys::{self, ShownKey},
    roles,
    sessions::SignedIn,
    tenants::{self, TenantStatus},
};
use domain::{Actor, Cursor, Door, Grants, PermissionSet, PersonId, Problem, RequestFacts, TenantId, Timestamp};
use policy::{PolicySource, TenantPolicy};
use vault::{ApiKey, read_access_token};

use crate::{Error, Platform, Result};

/// The door a member came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberDoor {
    /// A page.
    Page,
    /// The decision page behind a link in a mail.
    MailLink,
}

/// How exactly it is known when a key was last used.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Somebody at the door of the API.
#[derive(Debug, Clone)]
pub struct ApiCaller {
    /// Who acts, with no more than the scopes let through.
    pub actor: Actor,
    /// What the key is for, in its owner's words.
    pub key_name: String,
    /// The permissions that key or token are limited to, whatever their owner may.
    pub scopes: PermissionSet,
    /// Whether an access token was shown and not the key itself.
    pub is_token: bool,
    /// The first moment at which what was shown no longer works.
    pub expires_at: Timestamp,
}

/// What somebody shows at the door of the API.
struct Shown {
    key: ShownKey,
    scopes: PermissionSet,
    is_token: bool,
    expires_at: Timestamp,
}

fn refused(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(401, code, detail)
}

impl Platform {
    /// The policy of a tenant as it is now, built anew if the one in memory is of another version.
    ///
    /// # Errors
    /// [`database::Error::TenantClosed`] when there is no such active tenant.
    pub async fn policy(&self, tenant: TenantId) -> Result<Arc<TenantPolicy>> {
        let mut tx = self.parts().database.system_read().await?;
        let stored = roles::policy_of(&mut tx, tenant).await?.ok_or(database::Error::TenantClosed)?;
        drop(tx);
        if stored.status != TenantStatus::Active {
            return Err(database::Error::TenantClosed.into());
        }
        if let Some(known) = self.parts().policies.policy(tenant, stored.version) {
            return Ok(known);
        }
        let mut bindings = Vec::with_capacity(stored.bindings.len());
        for (person, role) in stored.bindings {
            let role = role.parse().map_err(|_| Error::Broken(format!("role_binding of {tenant} names the unknown role `{role}`")))?;
            bindings.push((person, role));
        }
        let policy = TenantPolicy::build(PolicySource { tenant, bindings, version: stored.version }).await?;
        Ok(self.parts().policies.install(policy))
    }

    /// The rights of a person in a tenant now.
    pub(crate) async fn grants(&self, tenant: TenantId, person: PersonId) -> Result<Grants> {
        let policy = self.policy(tenant).await?;
        match self.parts().policies.grants(tenant, person, policy.version())? {
            Some(grants) => Ok(grants),
            None => Ok(policy.grants(person)?),
        }
    }

    /// A signed-in person as the actor for the tenant with this slug.
    ///
    /// # Errors
    /// Not found when there is no such tenant, or the person is no active member of it: the answer is the same. 401
    /// `session_ended` when an admin of it ended the session for it.
    pub async fn actor(&self, signed_in: &SignedIn, slug: &str, door: MemberDoor, request: RequestFacts) -> Result<Actor> {
        let mut tx = self.parts().database.system_read().await?;
        let entered = tenants::entered(&mut tx, slug, signed_in.session.person, signed_in.session.id).await?;
        drop(tx);
        let entered = entered.filter(|entered| entered.tenancy.is_open()).ok_or_else(|| domain::Problem::not_found("page"))?;
        if entered.is_ended_here {
            let words = "An admin of this tenant ended your session for it. Sign out and sign in again to go on there.";
            return Err(domain::Problem::new(401, "session_ended", words).into());
        }
        let tenant = entered.tenancy.tenant.id;
        let grants = self.grants(tenant, signed_in.session.person).await?;
        let (person, label) = (signed_in.session.person, signed_in.email.clone());
        Ok(match door {
            MemberDoor::Page => Actor::at_page(tenant, person, label, grants, request),
            MemberDoor::MailLink => Actor::by_mail_link(tenant, person, label, grants, request),
        })
    }

    /// The owner of a key as the actor for the key's tenant: `bearer` is the key, or an access token made from it. What
    /// the key is not for, its owner may not do with it.
    ///
    /// # Errors
    /// 401 with a code that says why: `malformed_key`, `unknown_key`, `key_revoked`, `key_expired`, `owner_disabled`,
    /// `invalid_token`, `token_expired`. What became of a key is told to whoever holds it and to nobody else.
    pub async fn api_caller(&self, bearer: &str, request: RequestFacts) -> Result<ApiCaller> {
        let shown = if ApiKey::is_like(bearer) { self.by_key(bearer).await? } else { self.by_token(bearer).await? };
        let (row, now) = (&shown.key.key, self.now());
        if row.revoked_at.is_some() {
            return Err(refused("key_revoked", "This API key was revoked.").into());
        }
        if !row.is_good(now) {
            return Err(refused("key_expired", "This API key has expired. Make a new one on your account's page.").into());
        }
        if !shown.key.is_good(now) {
            return Err(refused("owner_disabled", "The owner of this API key is no active member of the tenant.").into());
        }
        if row.last_used_at.is_none_or(|last| now.since(last) >= TOUCH_EVERY)
            && let Err(error) = self.touch_key(&shown.key, &request).await
        {
            // Whoever only reads is not held up by a writer that does not answer.
            tracing::warn!(key = %row.id, %error, "the use of the API key {} could not be noted: {error}", row.id);
        }
        let grants = self.grants(shown.key.tenant, row.person).await?;
        let actor = Actor::by_api_key(shown.key.tenant, row.person, row.email.clone(), grants, request, (row.id, shown.scopes));
        Ok(ApiCaller { actor, key_name: row.name.clone(), scopes: shown.scopes, is_token: shown.is_token, expires_at: shown.expires_at })
    }

    async fn by_key(&self, text: &str) -> Result<Shown> {
        let malformed = || refused("malformed_key", "This is no whole API key: its checksum does not fit. Check that it was copied whole.");
        let key = ApiKey::parse(text).ok_or_else(malformed)?;
        let mut tx = self.parts().database.system_read().await?;
        let known = api_keys::shown(&mut tx, key.id()).await?.filter(|known| key.is_of(&known.secret_hash));
        let known = known.ok_or_else(|| refused("unknown_key", "This API key is not known here."))?;
        Ok(Shown { scopes: known.key.scopes, is_token: false, expires_at: known.key.expires_at, key: known })
    }

    async fn by_token(&self, text: &str) -> Result<Shown> {
        let claims = read_access_token(self.keyring(), &self.settings().public_url, text, self.now()).map_err(|why| match why {
            vault::AccessTokenError::Expired => {
                refused("token_expired", "This access token has expired. Exchange the API key for a new one.")
            }
            vault::AccessTokenError::Wrong => {
                refused("invalid_token", "This is neither an API key nor an access token of this installation.")
            }
        })?;
        let mut tx = self.parts().database.system_read().await?;
        let known = api_keys::shown(&mut tx, claims.key).await?;
        let known = known.filter(|known| known.tenant == claims.tenant && known.key.person == claims.person);
        let known = known.ok_or_else(|| refused("invalid_token", "The API key of this access token is not known here."))?;
        Ok(Shown { scopes: known.key.scopes.and(claims.scopes), is_token: true, expires_at: claims.expires_at, key: known })
    }

    async fn touch_key(&self, key: &ShownKey, request: &RequestFacts) -> Result<()> {
        let mut tx = self.parts().database.system().await?;
        api_keys::touch(&mut tx, key.tenant, key.key.id, self.now(), request.address.as_deref()).await?;
        Ok(tx.housekeep(Housekeeping::ApiKeys).await?)
    }

    /// The text for where the next page of a list begins, for a program of this actor's tenant.
    pub fn seal_cursor(&self, actor: &Actor, list: &str, cursor: Cursor) -> String {
        vault::seal_cursor(self.keyring(), actor.tenant(), list, cursor.0)
    }

    /// Where a page begins, from the text that the page before gave.
    ///
    /// # Errors
    /// 422 for a text that this list of this tenant did not give.
    pub fn open_cursor(&self, actor: &Actor, list: &str, text: &str) -> Result<Cursor> {
        let position = vault::open_cursor(self.keyring(), actor.tenant(), list, text);
        let wrong = || Problem::field("cursor", "This cursor is not from the page before of this list. Begin again without one.");
        Ok(Cursor(position.ok_or_else(wrong)?))
    }

    /// The same member with the rights they have now; for streams and other long work.
    ///
    /// # Errors
    /// 401 when the key they came with works no longer.
    pub async fn renewed(&self, actor: &Actor) -> Result<Actor> {
        if let Door::ApiKey(key) = actor.door() {
            let mut tx = self.parts().database.system_read().await?;
            if !api_keys::shown(&mut tx, key).await?.is_some_and(|known| known.is_good(self.now())) {
                return Err(refused("key_revoked", "This API key was revoked or has expired.").into());
            }
        }
        let Some(person) = actor.person() else { return Ok(actor.clone()) };
        let grants = self.grants(actor.tenant(), person).await?;
        Ok(actor.clone().with_grants(grants))
    }
}
