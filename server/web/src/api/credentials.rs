//! Credentials: set, replaced, bound to hosts and removed. A value goes in and never comes out.

use domain::{
    Secret,
    id::kind,
    permission::{CredentialRead, CredentialWrite},
};
use platform::credentials::{CredentialLine, CredentialSearch, NewCredential, UseLine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Call, Conditions, Created, Done, IdText, Json, Moment, PageOf, Paging, Path, Query, Result, Tagged};

/// The name of the list of uses, in cursors.
const USES: &str = "credential uses";

/// What a credential is.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CredentialKind")]
enum KindJson {
    ApiKey,
    Token,
    Password,
    Certificate,
    SshKey,
    Secret,
    OauthToken,
    Custom,
}

/// The facts of a credential.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Credential")]
pub(crate) struct CredentialJson {
    /// Its id.
    id: IdText<kind::Credential>,
    /// The name after `cred://`.
    name: String,
    /// What it is.
    kind: String,
    /// The number of the value, from 1.
    version: i64,
    /// The hosts it may be sent to.
    allowed_hosts: Vec<String>,
    /// What it is for.
    description: String,
    /// When it was set.
    created_at: Moment,
    /// When its value was last replaced.
    replaced_at: Option<Moment>,
    /// When it was last sent out.
    last_used_at: Option<Moment>,
}

/// One time that a credential was sent out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CredentialUse")]
pub(crate) struct UseJson {
    /// When.
    at: Moment,
    /// The run that sent it.
    run: IdText<kind::Run>,
    /// The number of the run.
    run_number: i64,
    /// The step.
    step: String,
    /// The attempt of the step, from 1.
    attempt: i64,
    /// The host it was sent to.
    host: String,
    /// The number of the value.
    version: i64,
}

/// Which credentials.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListJson {
    /// Only those with this text in their name, in what they are for or in a host they may be sent to.
    #[schemars(length(max = 200))]
    text: Option<String>,
    /// Only those of this kind.
    kind: Option<KindJson>,
}

/// A credential to be set.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewCredential")]
pub(crate) struct NewJson {
    /// The name after `cred://`.
    name: String,
    /// What it is.
    kind: KindJson,
    /// The value.
    value: String,
    /// The hosts it may be sent to.
    allowed_hosts: Vec<String>,
    /// What it is for.
    #[serde(default)]
    description: String,
}

/// Another value for a credential.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialValue")]
pub(crate) struct ValueJson {
    /// The value.
    value: String,
}

/// Where a credential may be sent, and what it is for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialChange")]
pub(crate) struct ChangeJson {
    /// The hosts it may be sent to.
    allowed_hosts: Vec<String>,
    /// What it is for.
    #[serde(default)]
    description: String,
}

impl KindJson {
    const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Token => "token",
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::SshKey => "ssh_key",
            Self::Secret => "secret",
            Self::OauthToken => "oauth_token",
            Self::Custom => "custom",
        }
    }
}

impl From<CredentialLine> for CredentialJson {
    fn from(line: CredentialLine) -> Self {
        Self {
            id: IdText(line.id),
            name: line.name,
            kind: line.kind,
            version: line.version,
            allowed_hosts: line.allowed_hosts,
            description: line.description,
            created_at: Moment(line.created_at),
            replaced_at: line.replaced_at.map(Moment),
            last_used_at: line.last_used_at.map(Moment),
        }
    }
}

impl From<UseLine> for UseJson {
    fn from(line: UseLine) -> Self {
        Self {
            at: Moment(line.at),
            run: IdText(line.run),
            run_number: line.run_number,
            step: line.step,
            attempt: line.attempt,
            host: line.host,
            version: line.version,
        }
    }
}

async fn line<P>(call: &Call<P>, id: domain::CredentialId) -> Result<CredentialLine> {
    Ok(call.platform().credential(call.actor(), id, None, 1).await?.line)
}

fn tagged(line: CredentialLine) -> Tagged<CredentialJson> {
    Tagged { tag: line.tag(), value: line.into() }
}

/// `GET /api/v1/credentials`.
pub(crate) async fn list(call: Call<CredentialRead>, Query(asked): Query<ListJson>) -> Result<Json<PageOf<CredentialJson>>> {
    let search = CredentialSearch { text: asked.text, kind: asked.kind.map(|kind| kind.name().to_owned()) };
    let lines = call.platform().find_credentials(call.actor(), &search).await?;
    Ok(Json(PageOf::whole(lines.into_iter().map(CredentialJson::from).collect())))
}

/// `POST /api/v1/credentials`.
pub(crate) async fn create(call: Call<CredentialWrite>, Body(new): Body<NewJson>) -> Result<Created<CredentialJson>> {
    let new = NewCredential {
        name: new.name,
        kind: new.kind.name().to_owned(),
        value: Secret::new(new.value),
        allowed_hosts: new.allowed_hosts,
        description: new.description,
    };
    let id = call.platform().create_credential(call.actor(), new).await?;
    Ok(Created { location: format!("/api/v1/credentials/{id}"), value: line(&call, id).await?.into() })
}

/// `GET /api/v1/credentials/{credential}`.
pub(crate) async fn show(call: Call<CredentialRead>, Path(id): Path<IdText<kind::Credential>>) -> Result<Tagged<CredentialJson>> {
    Ok(tagged(line(&call, id.0).await?))
}

/// `GET /api/v1/credentials/{credential}/uses`.
pub(crate) async fn uses(
    call: Call<CredentialRead>,
    (Path(id), Query(paging)): (Path<IdText<kind::Credential>>, Query<Paging>),
) -> Result<Json<PageOf<UseJson>>> {
    let (limit, after) = paging.read(&call, USES)?;
    let uses = call.platform().credential(call.actor(), id.0, after, limit).await?.uses;
    Ok(Json(PageOf::of(&call, USES, uses, UseJson::from)))
}

/// `POST /api/v1/credentials/{credential}/replacement`: puts another value in the place of the present one.
pub(crate) async fn replace(
    call: Call<CredentialWrite>,
    (Path(id), Conditions(expected), Body(asked)): (Path<IdText<kind::Credential>>, Conditions, Body<ValueJson>),
) -> Result<Tagged<CredentialJson>> {
    call.platform().replace_credential_as(call.actor(), id.0, &Secret::new(asked.value), &expected).await?;
    Ok(tagged(line(&call, id.0).await?))
}

/// `PUT /api/v1/credentials/{credential}`: changes where it may be sent and what it is for.
pub(crate) async fn change(
    call: Call<CredentialWrite>,
    (Path(id), Conditions(expected), Body(asked)): (Path<IdText<kind::Credential>>, Conditions, Body<ChangeJson>),
) -> Result<Tagged<CredentialJson>> {
    call.platform().change_credential_as(call.actor(), id.0, &asked.allowed_hosts, &asked.description, &expected).await?;
    Ok(tagged(line(&call, id.0).await?))
}

/// `DELETE /api/v1/credentials/{credential}`.
pub(crate) async fn remove(call: Call<CredentialWrite>, Path(id): Path<IdText<kind::Credential>>) -> Result<Done> {
    call.platform().remove_credential(call.actor(), id.0).await?;
    Ok(Done)
}
