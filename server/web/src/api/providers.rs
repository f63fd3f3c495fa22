//! Model providers, their models and prices.

use domain::{
    Problem,
    id::kind,
    permission::{AgentRead, AgentWrite},
};
use platform::providers::{ModelShown, NewProvider, PriceText, ProviderShown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Call, Created, Dollars, Done, IdText, Json, PageOf, Path, Result};

/// A provider with its models.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
pub(crate) struct ProviderJson {
    /// Its id.
    id: IdText<kind::Provider>,
    /// The part of `provider/model` before the slash.
    name: String,
    /// Where its interface begins.
    base_url: String,
    /// The name of the credential that holds its key.
    credential: Option<String>,
    /// Whether that credential was removed since.
    credential_is_missing: bool,
    /// Its models, by name.
    models: Vec<ModelJson>,
}

/// A model. Prices are US dollars for a million tokens.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Model")]
pub(crate) struct ModelJson {
    /// Its id.
    id: IdText<kind::Model>,
    /// Its name at its provider.
    name: String,
    /// The name that workflows use, `provider/model`.
    full_name: String,
    /// What it reads.
    input_price: Dollars,
    /// What it writes.
    output_price: Dollars,
    /// What it reads from its provider's cache; null when that costs as much.
    cached_price: Option<Dollars>,
    /// The most tokens of one answer.
    max_output_tokens: i64,
    /// Whether prompts that name no model go to it.
    is_default: bool,
    /// The number of the price, from 1.
    price_version: i64,
}

/// A provider to be set up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewProvider")]
pub(crate) struct NewJson {
    /// The part of `provider/model` before the slash.
    name: String,
    /// Where its interface begins, `https://api.example.com/v1`.
    base_url: String,
    /// The name of the credential that holds its key; null for one that wants no key.
    #[serde(default)]
    credential: Option<String>,
}

/// A model of a provider, in an address.
type OfProvider = Path<(IdText<kind::Provider>, IdText<kind::Model>)>;

/// What a model costs: US dollars for a million tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Price")]
pub(crate) struct PriceJson {
    /// What it reads.
    input_price: Dollars,
    /// What it writes.
    output_price: Dollars,
    /// What it reads from its provider's cache; null when that costs as much.
    #[serde(default)]
    cached_price: Option<Dollars>,
    /// The most tokens of one answer.
    #[schemars(range(min = 1, max = 1_000_000))]
    max_output_tokens: u32,
}

/// A model to be set up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewModel")]
pub(crate) struct NewModelJson {
    /// Its name at its provider.
    name: String,
    /// What it reads, in US dollars for a million tokens.
    input_price: Dollars,
    /// What it writes, in US dollars for a million tokens.
    output_price: Dollars,
    /// What it reads from its provider's cache; null when that costs as much.
    #[serde(default)]
    cached_price: Option<Dollars>,
    /// The most tokens of one answer.
    #[schemars(range(min = 1, max = 1_000_000))]
    max_output_tokens: u32,
}

impl From<PriceJson> for PriceText {
    fn from(price: PriceJson) -> Self {
        Self {
            input: price.input_price.0.to_dollars(),
            output: price.output_price.0.to_dollars(),
            cached: price.cached_price.map(|price| price.0.to_dollars()),
            max_output_tokens: price.max_output_tokens.to_string(),
        }
    }
}

impl From<ModelShown> for ModelJson {
    fn from(model: ModelShown) -> Self {
        Self {
            id: IdText(model.id),
            name: model.name,
            full_name: model.full_name,
            input_price: Dollars(model.input_price),
            output_price: Dollars(model.output_price),
            cached_price: model.cached_price.map(Dollars),
            max_output_tokens: model.max_output_tokens,
            is_default: model.is_default,
            price_version: model.price_version,
        }
    }
}

impl From<ProviderShown> for ProviderJson {
    fn from(provider: ProviderShown) -> Self {
        Self {
            id: IdText(provider.id),
            name: provider.name,
            base_url: provider.base_url,
            credential: provider.credential_name,
            credential_is_missing: provider.credential_is_missing,
            models: provider.models.into_iter().map(ModelJson::from).collect(),
        }
    }
}

async fn find<P>(call: &Call<P>, id: domain::ProviderId) -> Result<ProviderShown> {
    let providers = call.platform().providers(call.actor()).await?;
    providers.into_iter().find(|provider| provider.id == id).ok_or_else(|| Problem::not_found("provider").into())
}

/// Refuses a model that is not of the provider in the address.
async fn demand<P>(call: &Call<P>, provider: domain::ProviderId, model: domain::ModelId) -> Result<ModelShown> {
    let found = find(call, provider).await?.models.into_iter().find(|known| known.id == model);
    found.ok_or_else(|| Problem::not_found("model").into())
}

/// `GET /api/v1/providers`.
pub(crate) async fn list(call: Call<AgentRead>, (): ()) -> Result<Json<PageOf<ProviderJson>>> {
    let providers = call.platform().providers(call.actor()).await?;
    Ok(Json(PageOf::whole(providers.into_iter().map(ProviderJson::from).collect())))
}

/// `POST /api/v1/providers`.
pub(crate) async fn add(call: Call<AgentWrite>, Body(new): Body<NewJson>) -> Result<Created<ProviderJson>> {
    let new = NewProvider { name: new.name, base_url: new.base_url, credential_name: new.credential };
    let id = call.platform().add_provider(call.actor(), new).await?;
    Ok(Created { location: format!("/api/v1/providers/{id}"), value: find(&call, id).await?.into() })
}

/// `GET /api/v1/providers/{provider}`.
pub(crate) async fn show(call: Call<AgentRead>, Path(id): Path<IdText<kind::Provider>>) -> Result<Json<ProviderJson>> {
    Ok(Json(find(&call, id.0).await?.into()))
}

/// `DELETE /api/v1/providers/{provider}`.
pub(crate) async fn remove(call: Call<AgentWrite>, Path(id): Path<IdText<kind::Provider>>) -> Result<Done> {
    call.platform().remove_provider(call.actor(), id.0).await?;
    Ok(Done)
}

/// `POST /api/v1/providers/{provider}/models`.
pub(crate) async fn add_model(
    call: Call<AgentWrite>,
    (Path(provider), Body(new)): (Path<IdText<kind::Provider>>, Body<NewModelJson>),
) -> Result<Created<ModelJson>> {
    let NewModelJson { name, input_price, output_price, cached_price, max_output_tokens } = new;
    let price = PriceJson { input_price, output_price, cached_price, max_output_tokens };
    let id = call.platform().add_model(call.actor(), provider.0, &name, &price.into()).await?;
    let model = demand(&call, provider.0, id).await?;
    Ok(Created { location: format!("/api/v1/providers/{}", provider.0), value: model.into() })
}

/// `PUT /api/v1/providers/{provider}/models/{model}/price`.
pub(crate) async fn set_price(
    call: Call<AgentWrite>,
    (Path((provider, model)), Body(price)): (OfProvider, Body<PriceJson>),
) -> Result<Json<ModelJson>> {
    demand(&call, provider.0, model.0).await?;
    call.platform().set_price(call.actor(), model.0, &price.into()).await?;
    Ok(Json(demand(&call, provider.0, model.0).await?.into()))
}

/// `POST /api/v1/providers/{provider}/models/{model}/default`: makes it the one that prompts go to which name none.
pub(crate) async fn make_default(call: Call<AgentWrite>, Path((provider, model)): OfProvider) -> Result<Done> {
    demand(&call, provider.0, model.0).await?;
    call.platform().set_default_model(call.actor(), model.0).await?;
    Ok(Done)
}

/// `DELETE /api/v1/providers/{provider}/models/{model}`.
pub(crate) async fn remove_model(call: Call<AgentWrite>, Path((provider, model)): OfProvider) -> Result<Done> {
    demand(&call, provider.0, model.0).await?;
    call.platform().remove_model(call.actor(), model.0).await?;
    Ok(Done)
}
