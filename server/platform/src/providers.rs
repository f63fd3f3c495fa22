//! Model providers, their models, and what these cost.
//!
//! A model is set up with a price or not at all: nothing can be called whose cost nobody knows. A provider's address is
//! checked here for telling people early; every call is decided on again at the egress.

use database::{
    Reads, WriteTx, credentials,
    providers::{self as rows, ModelRow, NewModel as NewModelRow, NewProvider as NewProviderRow, Price, ProviderRow},
};
use domain::{
    Actor, ModelId, Money, Problem, ProviderId, Scope,
    audit::{AuditEvent, AuditEvents},
    permission::{AgentRead, AgentWrite, CredentialRead},
};
use url::Url;

use crate::{Error, Platform, Result, identity::Fields, names};

/// The highest price that is taken for a million tokens. Nothing costs a thousandth of it: who reaches it has
/// written the price in another unit.
const HIGHEST_PRICE: Money = Money::from_nanos(1_000_000 * domain::money::NANOS);
/// The most tokens of one answer that are taken.
const MOST_TOKENS: i64 = 1_000_000;

/// A provider to be set up.
#[derive(Debug, Clone)]
pub struct NewProvider {
    /// The part of `provider/model` before the slash.
    pub name: String,
    /// Where its interface begins, `https://api.example.com/v1`.
    pub base_url: String,
    /// The name of the credential that holds its key; none or an empty one for a provider that wants no key.
    pub credential_name: Option<String>,
}

/// What a model costs, as typed: US dollars for a million tokens, digits with at most nine decimals.
#[derive(Debug, Clone)]
pub struct PriceText {
    /// Tokens it reads.
    pub input: String,
    /// Tokens it writes.
    pub output: String,
    /// Tokens it reads from its provider's cache; none or empty when they cost as much as others.
    pub cached: Option<String>,
    /// The most tokens one answer may have.
    pub max_output_tokens: String,
}

/// A model, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelShown {
    /// The id.
    pub id: ModelId,
    /// Its name at its provider.
    pub name: String,
    /// The name that workflows use, `provider/model`.
    pub full_name: String,
    /// A million tokens it reads.
    pub input_price: Money,
    /// A million tokens it writes.
    pub output_price: Money,
    /// A million tokens it reads from its provider's cache.
    pub cached_price: Option<Money>,
    /// The most tokens of one answer.
    pub max_output_tokens: i64,
    /// Whether prompts that name no model go to it.
    pub is_default: bool,
    /// The number of the price, from 1.
    pub price_version: i64,
}

/// A provider with its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderShown {
    /// The id.
    pub id: ProviderId,
    /// The part of `provider/model` before the slash.
    pub name: String,
    /// Where its interface begins.
    pub base_url: String,
    /// The name of the credential that holds its key.
    pub credential_name: Option<String>,
    /// Whether that credential was removed since.
    pub credential_is_missing: bool,
    /// Its models, by name.
    pub models: Vec<ModelShown>,
}

impl From<ModelRow> for ModelShown {
    fn from(row: ModelRow) -> Self {
        Self {
            full_name: row.full_name(),
            id: row.id,
            name: row.name,
            input_price: row.price.input,
            output_price: row.price.output,
            cached_price: row.price.cached,
            max_output_tokens: row.max_output_tokens,
            is_default: row.is_default,
            price_version: row.price_version,
        }
    }
}

/// An address below which `chat/completions` lies, in the spelling that is kept.
fn base_url(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Enter where the provider's interface begins, such as https://api.openai.com/v1.");
    }
    let url = Url::parse(text).map_err(|_| "This is not a complete address such as https://api.openai.com/v1.")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("The address begins with https:// or, for a host that the operator opened, http://.");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("The address ends with its path: leave out what follows `?` or `#`.");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn dollars(text: &str) -> Result<Money, String> {
    let text = text.trim().trim_start_matches('$').trim_start();
    if text.is_empty() {
        return Err("Enter the price: a model whose cost nobody knows is not called. Where it costs nothing, enter 0.".to_owned());
    }
    let price = Money::from_dollars(text)
        .map_err(|_| "This is not a price in US dollars for a million tokens, such as 0.15, with at most nine decimals.".to_owned())?;
    if price > HIGHEST_PRICE {
        return Err(format!("No model costs more than {HIGHEST_PRICE} for a million tokens. Is this the price of a million?"));
    }
    Ok(price)
}

fn tokens(text: &str) -> Result<i64, String> {
    let wrong = || format!("Enter the most tokens one answer may have: a whole number from 1 to {MOST_TOKENS}.");
    text.trim().parse().ok().filter(|tokens| (1..=MOST_TOKENS).contains(tokens)).ok_or_else(wrong)
}

/// The price and the longest answer; what is wrong with them is added to the fields.
fn price(fields: &mut Fields, text: &PriceText) -> Option<(Price, i64)> {
    let input = fields.take("input_price", dollars(&text.input));
    let output = fields.take("output_price", dollars(&text.output));
    let cached = match text.cached.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => fields.take("cached_price", dollars(text).map(Some)),
        None => Some(None),
    };
    let tokens = fields.take("max_output_tokens", tokens(&text.max_output_tokens));
    Some((Price { input: input?, output: output?, cached: cached? }, tokens?))
}

fn priced(event: AuditEvent, price: Price, max_output_tokens: i64) -> AuditEvent {
    event
        .with("input_price", price.input.to_dollars())
        .with("output_price", price.output.to_dollars())
        .with("cached_price", price.cached.map(Money::to_dollars))
        .with("max_output_tokens", max_output_tokens)
}

/// What the log says of a provider that was set up.
pub(crate) fn provider_added(row: &NewProviderRow) -> AuditEvent {
    AuditEvent::done("config.changed", "provider", row.id, &row.name)
        .with("change", "added")
        .with("base_url", row.base_url.as_str())
        .with("credential", row.credential_name.clone())
}

/// What the log says of a model that was set up.
pub(crate) fn model_added(provider: &str, row: &NewModelRow) -> AuditEvent {
    let event = AuditEvent::done("config.changed", "model", row.id, format!("{provider}/{}", row.name)).with("change", "added");
    priced(event, row.price, row.max_output_tokens)
}

fn provider_not_found() -> Problem {
    Problem::not_found("provider")
}

fn model_not_found() -> Problem {
    Problem::not_found("model")
}

async fn is_missing<'a>(tx: &mut impl Reads<'a>, provider: &ProviderRow) -> Result<bool> {
    match &provider.credential_name {
        Some(name) => Ok(credentials::find_by_name(tx, name).await?.is_none()),
        None => Ok(false),
    }
}

impl Platform {
    /// The providers with their models, by name.
    pub async fn providers(&self, actor: &Actor) -> Result<Vec<ProviderShown>> {
        let scope = Scope::<AgentRead>::of(actor, "providers")?;
        let mut tx = self.parts().database.read(actor).await?;
        let mut models = rows::models(&mut tx, &scope).await?;
        let mut shown = Vec::new();
        for row in rows::list(&mut tx, &scope).await? {
            let credential_is_missing = is_missing(&mut tx, &row).await?;
            let (own, others) = models.into_iter().partition(|model| model.provider == row.id);
            models = others;
            let own: Vec<ModelRow> = own;
            shown.push(ProviderShown {
                id: row.id,
                name: row.name,
                base_url: row.base_url,
                credential_name: row.credential_name,
                credential_is_missing,
                models: own.into_iter().map(ModelShown::from).collect(),
            });
        }
        Ok(shown)
    }

    /// Sets a provider up.
    ///
    /// # Errors
    /// 422 with every field that is wrong: a name that is taken, an address that is not open, a credential that does not
    /// exist or may not be sent there.
    pub async fn add_provider(&self, actor: &Actor, new: NewProvider) -> Result<ProviderId> {
        let scope = Scope::<AgentWrite>::of(actor, "providers")?;
        let mut fields = Fields::default();
        let name = fields.take("name", names::reference(&new.name));
        let base_url = fields.take("base_url", base_url(&new.base_url).map_err(str::to_owned).and_then(|url| self.reachable(url)));
        let wanted = new.credential_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let mut tx = self.parts().database.write(actor).await?;
        let fits = match wanted {
            Some(credential) => {
                let fits = self.credential_fits(&mut tx, actor, credential, base_url.as_deref()).await?;
                fields.take("credential_name", fits)
            }
            None => Some(()),
        };
        let (Some(name), Some(base_url), Some(())) = (name, base_url, fits) else { return Err(fields.problem()) };
        let row = NewProviderRow { id: self.new_id(), name, base_url, credential_name: wanted.map(str::to_owned), created_at: self.now() };
        if !rows::create(&mut tx, &scope, &row).await? {
            return Err(provider_taken(&row.name));
        }
        tx.commit(AuditEvents::one(provider_added(&row))).await?;
        Ok(row.id)
    }

    fn reachable(&self, url: String) -> Result<String, String> {
        match self.parts().egress.check(&url, &self.settings().egress) {
            Ok(()) => Ok(url),
            Err(refused) => Err(refused.message),
        }
    }

    /// Whether a credential exists and may be sent to the address.
    async fn credential_fits(&self, tx: &mut WriteTx<'_>, actor: &Actor, name: &str, base_url: Option<&str>) -> Result<Result<(), String>> {
        let Some(found) = credentials::find_by_name(tx, name).await? else {
            let shown = crate::mail::text::cut(&crate::mail::text::one_line(name), 64);
            return Ok(Err(format!("There is no credential `{shown}`. Set it under Credentials first.")));
        };
        let credential = found.authorize::<CredentialRead>(actor)?;
        let Some(base_url) = base_url else { return Ok(Ok(())) };
        let checked = self.parts().egress.check_credential(name, &credential.allowed_hosts, base_url, &self.settings().egress);
        Ok(checked.map_err(|refused| refused.message))
    }

    /// Removes a provider and its models. Workflows that name one of them cannot be started any more.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn remove_provider(&self, actor: &Actor, id: ProviderId) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let provider = rows::find(&mut tx, id).await?.ok_or_else(provider_not_found)?.authorize::<AgentWrite>(actor)?;
        if !rows::remove(&mut tx, &provider, self.now()).await? {
            return Err(provider_not_found().into());
        }
        let event = AuditEvent::done("config.changed", "provider", id, &provider.name)
            .with("change", "removed")
            .with("base_url", provider.base_url.as_str());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Sets a model up at a provider. The first one of a tenant becomes its default.
    ///
    /// # Errors
    /// 404 without such a provider; 422 with every field that is wrong: a missing price, a name that is taken.
    pub async fn add_model(&self, actor: &Actor, provider: ProviderId, name: &str, text: &PriceText) -> Result<ModelId> {
        let mut tx = self.parts().database.write(actor).await?;
        let provider = rows::find(&mut tx, provider).await?.ok_or_else(provider_not_found)?.authorize::<AgentWrite>(actor)?;
        let mut fields = Fields::default();
        let name = fields.take("name", names::model(name));
        let priced = price(&mut fields, text);
        let (Some(name), Some((price, max_output_tokens))) = (name, priced) else { return Err(fields.problem()) };
        let row = NewModelRow { id: self.new_id(), name, price, max_output_tokens, created_at: self.now() };
        if !rows::create_model(&mut tx, &provider, &row).await? {
            return Err(Problem::field("name", format!("{} has the model `{}` already.", provider.name, row.name)).into());
        }
        tx.commit(AuditEvents::one(model_added(&provider.name, &row))).await?;
        Ok(row.id)
    }

    /// Gives a model another price and longest answer. What runs charged before stays as it was.
    ///
    /// # Errors
    /// 404 when there is none, 422 with every field that is wrong.
    pub async fn set_price(&self, actor: &Actor, id: ModelId, text: &PriceText) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let model = rows::find_model(&mut tx, id).await?.ok_or_else(model_not_found)?.authorize::<AgentWrite>(actor)?;
        let mut fields = Fields::default();
        let Some((price, max_output_tokens)) = price(&mut fields, text) else { return Err(fields.problem()) };
        if !rows::set_price(&mut tx, &model, price, max_output_tokens).await? {
            return Err(model_not_found().into());
        }
        let event = AuditEvent::done("config.changed", "model", id, model.full_name())
            .with("change", "price")
            .with("price_version", model.price_version.saturating_add(1))
            .with("input_price_before", model.price.input.to_dollars())
            .with("output_price_before", model.price.output.to_dollars());
        Ok(tx.commit(AuditEvents::one(priced(event, price, max_output_tokens))).await?)
    }

    /// Makes a model the one that prompts go to which name none.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn set_default_model(&self, actor: &Actor, id: ModelId) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let model = rows::find_model(&mut tx, id).await?.ok_or_else(model_not_found)?.authorize::<AgentWrite>(actor)?;
        if model.is_default {
            return Ok(());
        }
        let before = rows::resolve(&mut tx, None).await?.map(|model| model.full_name());
        if !rows::set_default(&mut tx, &model).await? {
            return Err(model_not_found().into());
        }
        let event = AuditEvent::done("config.changed", "model", id, model.full_name()).with("change", "default").with("before", before);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Removes a model. Without its default a tenant has none until another is made it.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn remove_model(&self, actor: &Actor, id: ModelId) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let model = rows::find_model(&mut tx, id).await?.ok_or_else(model_not_found)?.authorize::<AgentWrite>(actor)?;
        if !rows::remove_model(&mut tx, &model).await? {
            return Err(model_not_found().into());
        }
        let event = AuditEvent::done("config.changed", "model", id, model.full_name())
            .with("change", "removed")
            .with("was_default", model.is_default);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}

/// Refuses a name that another provider has.
pub(crate) fn provider_taken(name: &str) -> Error {
    Problem::field("name", format!("There is a provider `{name}` already. Choose another name.")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_exact_and_never_guessed() {
        assert_eq!(dollars(" $0.15 ").unwrap().nanos(), 150_000_000);
        assert_eq!(dollars("0").unwrap(), Money::ZERO);
        for wrong in ["", " ", "$", "free", "-1", "1,50", "1e-3", "0.0000000001", "1000001"] {
            assert!(dollars(wrong).is_err(), "{wrong}");
        }
        assert!(dollars("").unwrap_err().contains("nobody knows"));
    }

    #[test]
    fn an_address_is_kept_without_its_last_slash_and_without_a_query() {
        assert_eq!(base_url(" https://API.example.com/v1/ ").as_deref(), Ok("https://api.example.com/v1"));
        assert_eq!(base_url("https://api.example.com").as_deref(), Ok("https://api.example.com"));
        for wrong in ["", "api.example.com/v1", "ftp://api.example.com", "https://api.example.com/v1?key=x", "https://api.example.com/#x"] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }
}
