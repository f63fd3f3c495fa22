//! Model providers, their models and what these cost.
//!
//! A price is in nano-dollars for a million tokens. A changed price has the next price version, which holds and
//! charges record. A model without a price does not exist here: there is no unknown price to be free.

use domain::{
    Authorized, Guarded, ModelId, Money, PersonId, Protected, ProviderId, Scope, Timestamp,
    permission::{AgentRead, AgentWrite},
};

use crate::{
    Result,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRow {
    /// The id.
    pub id: ProviderId,
    /// The part of `provider/model` before the slash.
    pub name: String,
    /// Where its interface begins.
    pub base_url: String,
    /// The credential that holds its key, if it wants one.
    pub credential_name: Option<String>,
    /// Who set it up.
    pub created_by: Option<PersonId>,
    /// When.
    pub created_at: Timestamp,
}

/// A model with its price and its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// The id.
    pub id: ModelId,
    /// Its provider.
    pub provider: ProviderId,
    /// The provider's name.
    pub provider_name: String,
    /// Where the provider's interface begins.
    pub base_url: String,
    /// The credential that holds the provider's key, if it wants one.
    pub credential_name: Option<String>,
    /// The model's name at its provider.
    pub name: String,
    /// What it costs.
    pub price: Price,
    /// The most tokens one answer may have.
    pub max_output_tokens: i64,
    /// Whether steps that name no model take this one.
    pub is_default: bool,
    /// The number of the price, from 1.
    pub price_version: i64,
    /// When it was set up.
    pub created_at: Timestamp,
}

/// What a model costs, each for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Tokens it reads.
    pub input: Money,
    /// Tokens it writes.
    pub output: Money,
    /// Tokens it reads from its provider's cache; nothing when they cost as much as others.
    pub cached: Option<Money>,
}

/// A provider to be set up.
#[derive(Debug, Clone)]
pub struct NewProvider {
    /// The id.
    pub id: ProviderId,
    /// The part of `provider/model` before the slash.
    pub name: String,
    /// Where its interface begins.
    pub base_url: String,
    /// The credential that holds its key, if it wants one.
    pub credential_name: Option<String>,
    /// Now.
    pub created_at: Timestamp,
}

/// A model to be set up.
#[derive(Debug, Clone)]
pub struct NewModel {
    /// The id.
    pub id: ModelId,
    /// The model's name at its provider.
    pub name: String,
    /// What it costs.
    pub price: Price,
    /// The most tokens one answer may have.
    pub max_output_tokens: i64,
    /// Now.
    pub created_at: Timestamp,
}

impl ModelRow {
    /// The name that workflows use: `provider/model`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.provider_name, self.name)
    }
}

impl Protected for ProviderRow {
    type Read = AgentRead;
    const KIND: &'static str = "provider";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl Protected for ModelRow {
    type Read = AgentRead;
    const KIND: &'static str = "model";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for ProviderRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            base_url: row.text("base_url")?,
            credential_name: row.opt_text("credential_name")?,
            created_by: row.opt_id("created_by")?,
            created_at: row.timestamp("created_at")?,
        })
    }
}

impl FromRow for ModelRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            provider: row.id("provider_id")?,
            provider_name: row.text("provider_name")?,
            base_url: row.text("base_url")?,
            credential_name: row.opt_text("credential_name")?,
            name: row.text("name")?,
            price: Price { input: row.money("input_price")?, output: row.money("output_price")?, cached: row.opt_money("cached_price")? },
            max_output_tokens: row.i64("max_output_tokens")?,
            is_default: row.bool("is_default")?,
            price_version: row.i64("price_version")?,
            created_at: row.timestamp("created_at")?,
        })
    }
}

macro_rules! provider_select {
    ($rest:literal) => {
        concat!(
            "select id, name, base_url, credential_name, created_by, created_at
             from provider
             where tenant_id = $1 and removed_at is null",
            $rest
        )
    };
}

macro_rules! model_select {
    ($rest:literal) => {
        concat!(
            "select m.id, m.provider_id, p.name as provider_name, p.base_url, p.credential_name, m.name, m.input_price,
                    m.output_price, m.cached_price, m.max_output_tokens, m.is_default, m.price_version, m.created_at
             from model m
             join provider p on p.tenant_id = m.tenant_id and p.id = m.provider_id
             where m.tenant_id = $1 and p.removed_at is null",
            $rest
        )
    };
}

static LIST: Statement = Statement::tenant("providers.list", provider_select!(" order by name"));
static FIND: Statement = Statement::tenant("providers.find", provider_select!(" and id = $2"));
static CREATE: Statement = Statement::tenant(
    "providers.create",
    "insert into provider (tenant_id, id, name, base_url, credential_name, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict do nothing",
);
static REMOVE: Statement =
    Statement::tenant("providers.remove", "update provider set removed_at = $3 where tenant_id = $1 and id = $2 and removed_at is null");
static REMOVE_MODELS: Statement =
    Statement::tenant("providers.remove_models", "delete from model where tenant_id = $1 and provider_id = $2");
static MODELS: Statement = Statement::tenant("providers.models", model_select!(" order by p.name, m.name"));
static FIND_MODEL: Statement = Statement::tenant("providers.find_model", model_select!(" and m.id = $2"));
static MODEL_BY_NAME: Statement = Statement::tenant("providers.model_by_name", model_select!(" and p.name = $2 and m.name = $3"));
static DEFAULT_MODEL: Statement = Statement::tenant("providers.default_model", model_select!(" and m.is_default"));
static CREATE_MODEL: Statement = Statement::tenant(
    "providers.create_model",
    "insert into model
         (tenant_id, id, provider_id, name, input_price, output_price, cached_price, max_output_tokens, is_default,
          price_version, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)
     on conflict (tenant_id, provider_id, name) do nothing",
);
static SET_PRICE: Statement = Statement::tenant(
    "providers.set_price",
    "update model set
         input_price = $3, output_price = $4, cached_price = $5, max_output_tokens = $6, price_version = price_version + 1
     where tenant_id = $1 and id = $2",
);
static REMOVE_MODEL: Statement = Statement::tenant("providers.remove_model", "delete from model where tenant_id = $1 and id = $2");
static CLEAR_DEFAULT: Statement =
    Statement::tenant("providers.clear_default", "update model set is_default = $2 where tenant_id = $1 and is_default");
static SET_DEFAULT: Statement =
    Statement::tenant("providers.set_default", "update model set is_default = $3 where tenant_id = $1 and id = $2");

pub(crate) static ALL: &[&Statement] = &[
    &LIST,
    &FIND,
    &CREATE,
    &REMOVE,
    &REMOVE_MODELS,
    &MODELS,
    &FIND_MODEL,
    &MODEL_BY_NAME,
    &DEFAULT_MODEL,
    &CREATE_MODEL,
    &SET_PRICE,
    &REMOVE_MODEL,
    &CLEAR_DEFAULT,
    &SET_DEFAULT,
];

/// The providers that were not removed, by name.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, AgentRead>) -> Result<Vec<ProviderRow>> {
    tx.query(&LIST).all().await
}

/// The provider with an id, unless it was removed.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: ProviderId) -> Result<Option<Guarded<ProviderRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// Sets a provider up. False, and nothing done, when the name is taken.
pub async fn create(tx: &mut WriteTx<'_>, _scope: &Scope<'_, AgentWrite>, new: &NewProvider) -> Result<bool> {
    let created_by = tx.actor().person();
    let made = tx
        .query(&CREATE)
        .bind(new.id)
        .bind(&new.name)
        .bind(&new.base_url)
        .bind(new.credential_name.as_deref())
        .bind(created_by)
        .bind(new.created_at)
        .execute()
        .await?;
    Ok(made == 1)
}

/// Removes a provider and its models. False when it was removed in between.
pub async fn remove(tx: &mut WriteTx<'_>, provider: &Authorized<'_, AgentWrite, ProviderRow>, now: Timestamp) -> Result<bool> {
    tx.query(&REMOVE_MODELS).bind(provider.id).execute().await?;
    Ok(tx.query(&REMOVE).bind(provider.id).bind(now).execute().await? == 1)
}

/// The models of all providers, by provider and name.
pub async fn models<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, AgentRead>) -> Result<Vec<ModelRow>> {
    tx.query(&MODELS).all().await
}

/// The model with an id.
pub async fn find_model<'a>(tx: &mut impl Reads<'a>, id: ModelId) -> Result<Option<Guarded<ModelRow>>> {
    Ok(tx.query(&FIND_MODEL).bind(id).optional().await?.map(Guarded::new))
}

/// The model that a workflow means: the one called `provider/model`, or the tenant's default when it names none. A name
/// without a slash is nobody's. Under no guard: who may start a workflow lets it use the tenant's models.
pub async fn resolve<'a>(tx: &mut impl Reads<'a>, name: Option<&str>) -> Result<Option<ModelRow>> {
    match name.map(|name| name.split_once('/')) {
        None => tx.query(&DEFAULT_MODEL).optional().await,
        Some(Some((provider, model))) => tx.query(&MODEL_BY_NAME).bind(provider).bind(model).optional().await,
        Some(None) => Ok(None),
    }
}

/// Sets a model up at a provider; the first one of a tenant becomes its default. False, and nothing done, when the
/// provider has one of this name.
pub async fn create_model(tx: &mut WriteTx<'_>, provider: &Authorized<'_, AgentWrite, ProviderRow>, new: &NewModel) -> Result<bool> {
    let is_default = resolve(tx, None).await?.is_none();
    let made = tx
        .query(&CREATE_MODEL)
        .bind(new.id)
        .bind(provider.id)
        .bind(&new.name)
        .bind(new.price.input)
        .bind(new.price.output)
        .bind(new.price.cached)
        .bind(new.max_output_tokens)
        .bind(is_default)
        .bind(new.created_at)
        .execute()
        .await?;
    Ok(made == 1)
}

/// Gives a model another price and longest answer, under the next price version. False when it was removed in between.
pub async fn set_price(
    tx: &mut WriteTx<'_>,
    model: &Authorized<'_, AgentWrite, ModelRow>,
    price: Price,
    max_output_tokens: i64,
) -> Result<bool> {
    let changed = tx
        .query(&SET_PRICE)
        .bind(model.id)
        .bind(price.input)
        .bind(price.output)
        .bind(price.cached)
        .bind(max_output_tokens)
        .execute()
        .await?;
    Ok(changed == 1)
}

/// Removes a model. False when it was removed in between. A removed default leaves the tenant without one.
pub async fn remove_model(tx: &mut WriteTx<'_>, model: &Authorized<'_, AgentWrite, ModelRow>) -> Result<bool> {
    Ok(tx.query(&REMOVE_MODEL).bind(model.id).execute().await? == 1)
}

/// Makes a model the tenant's default. False when it was removed in between; then the tenant has none.
pub async fn set_default(tx: &mut WriteTx<'_>, model: &Authorized<'_, AgentWrite, ModelRow>) -> Result<bool> {
    tx.query(&CLEAR_DEFAULT).bind(false).execute().await?;
    Ok(tx.query(&SET_DEFAULT).bind(model.id).bind(true).execute().await? == 1)
}
