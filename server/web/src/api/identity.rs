//! Who one is at the API, and access tokens.

use domain::id::kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AnyKey, Body, Call, IdText, Json, Moment, Result,
    reply::GivenOnce,
    values::{Scope, scopes},
};

/// Who calls, for which tenant, and what may be done.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Whoami")]
pub struct WhoamiJson {
    /// The tenant of the key.
    pub tenant: TenantJson,
    /// The owner of the key.
    pub member: OwnerJson,
    /// What was shown.
    pub key: ShownJson,
    /// What may be done now: what the key is for, as far as its owner may.
    pub permissions: Vec<Scope>,
}

/// A tenant.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Tenant")]
pub struct TenantJson {
    /// Its id.
    pub id: IdText<kind::Tenant>,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// The owner of a key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Owner")]
pub struct OwnerJson {
    /// Their id.
    pub id: IdText<kind::Person>,
    /// Their e-mail address, or what stands for it at a service account.
    pub email: String,
}

/// A key, or an access token made from it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ShownKey")]
pub struct ShownJson {
    /// The id of the key.
    pub id: IdText<kind::ApiKey>,
    /// What it is for.
    pub name: String,
    /// Whether an access token was shown and not the key itself.
    pub is_token: bool,
    /// What it is limited to.
    pub scopes: Vec<Scope>,
    /// Until when it works.
    pub expires_at: Moment,
}

/// An access token to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken")]
pub(crate) struct NewTokenJson {
    /// What it is limited to; everything the key is for when left out.
    #[serde(default)]
    #[schemars(length(min = 1))]
    scopes: Option<Vec<String>>,
    /// For how many seconds it works; 900 when left out.
    #[serde(default)]
    #[schemars(range(min = 60, max = 900))]
    expires_in: Option<u64>,
}

/// An access token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(crate) struct TokenJson {
    /// What is shown as a bearer.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Until when it works.
    expires_at: Moment,
    /// What it is limited to.
    scopes: Vec<Scope>,
}

/// `GET /api/v1/whoami`.
pub(crate) async fn whoami(call: Call<AnyKey>, (): ()) -> Result<Json<WhoamiJson>> {
    let (actor, caller) = (call.actor(), call.caller());
    let broken = || platform::Error::Broken("a caller of the API has no key".to_owned());
    let domain::Door::ApiKey(key) = actor.door() else { return Err(broken()) };
    let tenant = call.platform().tenant(actor).await?;
    let may = domain::Permission::ALL.iter().copied().filter(|permission| actor.may(*permission));
    Ok(Json(WhoamiJson {
        tenant: TenantJson { id: IdText(tenant.id), slug: tenant.slug, name: tenant.name },
        member: OwnerJson { id: IdText(actor.person().ok_or_else(broken)?), email: actor.label().to_owned() },
        key: ShownJson {
            id: IdText(key),
            name: caller.key_name.clone(),
            is_token: caller.is_token,
            scopes: scopes(caller.scopes),
            expires_at: Moment(caller.expires_at),
        },
        permissions: may.map(Scope).collect(),
    }))
}

/// `POST /api/v1/tokens`: exchanges the key for an access token.
pub(crate) async fn issue_token(call: Call<AnyKey>, Body(asked): Body<NewTokenJson>) -> Result<GivenOnce<TokenJson>> {
    let made = call.platform().issue_token(call.caller(), asked.scopes.as_deref(), asked.expires_in).await?;
    Ok(GivenOnce(TokenJson {
        access_token: made.text.expose().to_owned(),
        token_type: "Bearer",
        expires_at: Moment(made.expires_at),
        scopes: scopes(made.scopes),
    }))
}
