//! Model providers, their models, and what these cost. A model without a price is refused.

use actix_web::http::StatusCode;
use askama::Template;
use domain::{
    ModelId, Money, Permission, Problem, ProviderId,
    permission::{AgentRead, AgentWrite},
};
use platform::providers::{ModelShown, NewProvider, PriceText, ProviderShown};
use serde::Deserialize;

use crate::{
    confirmation, format,
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    view::{self, FormErrors, Outcome},
};

/// What the forms show themselves.
const IN_FORM: &[u16] = &[409, 422];
/// What is proposed as the longest answer of a new model, in tokens.
const LONGEST_ANSWER: &str = "4096";

#[derive(Template)]
#[template(path = "providers/list.html")]
struct ListView {
    page: Page,
    providers: Vec<ProviderRow>,
    credentials: Vec<String>,
    errors: FormErrors,
    form: Sent,
    may_write: bool,
    action: String,
}

#[derive(Template)]
#[template(path = "providers/provider.html")]
struct ProviderView {
    page: Page,
    list_href: String,
    provider: ProviderRow,
    forms: ProviderForms,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "providers/model.html")]
struct ModelView {
    page: Page,
    list_href: String,
    provider: ProviderRow,
    model: ModelRow,
    forms: ModelForms,
    may_write: bool,
}

struct ProviderRow {
    name: String,
    base_url: String,
    /// The credential's name; empty when the provider wants no key.
    credential: String,
    credential_is_missing: bool,
    models: Vec<ModelRow>,
    href: String,
}

#[derive(Clone)]
struct ModelRow {
    name: String,
    full_name: String,
    input: String,
    output: String,
    cached: String,
    longest: String,
    is_default: bool,
    price_version: i64,
    href: String,
}

/// The forms of a provider's page; at most one of them was refused.
struct ProviderForms {
    model: FormErrors,
    removal: FormErrors,
    filled: NewModel,
}

/// The forms of a model's page; at most one of them was refused.
struct ModelForms {
    price: FormErrors,
    removal: FormErrors,
    filled: Price,
}

/// A provider as it is sent; shown again when it is refused.
#[derive(Default, Deserialize)]
pub(crate) struct Sent {
    name: String,
    base_url: String,
    credential_name: Option<String>,
}

/// A price as it is sent; shown again when it is refused.
#[derive(Deserialize)]
pub(crate) struct Price {
    input_price: String,
    output_price: String,
    cached_price: Option<String>,
    max_output_tokens: String,
}

/// A model as it is sent; shown again when it is refused.
#[derive(Deserialize)]
pub(crate) struct NewModel {
    name: String,
    input_price: String,
    output_price: String,
    cached_price: Option<String>,
    max_output_tokens: String,
}

/// A removal, as it is sent.
#[derive(Deserialize)]
pub(crate) struct Removal {
    typed: String,
}

impl NewModel {
    fn empty() -> Self {
        Self {
            name: String::new(),
            input_price: String::new(),
            output_price: String::new(),
            cached_price: None,
            max_output_tokens: LONGEST_ANSWER.to_owned(),
        }
    }

    fn cached(&self) -> &str {
        self.cached_price.as_deref().unwrap_or_default()
    }

    fn text(&self) -> PriceText {
        PriceText {
            input: self.input_price.clone(),
            output: self.output_price.clone(),
            cached: self.cached_price.clone(),
            max_output_tokens: self.max_output_tokens.clone(),
        }
    }
}

impl Price {
    fn of(model: &ModelRow) -> Self {
        Self {
            input_price: model.input.clone(),
            output_price: model.output.clone(),
            cached_price: Some(model.cached.clone()),
            max_output_tokens: model.longest.replace(',', ""),
        }
    }

    fn cached(&self) -> &str {
        self.cached_price.as_deref().unwrap_or_default()
    }

    fn text(&self) -> PriceText {
        PriceText {
            input: self.input_price.clone(),
            output: self.output_price.clone(),
            cached: self.cached_price.clone(),
            max_output_tokens: self.max_output_tokens.clone(),
        }
    }
}

/// A price with every digit that counts, and two decimals at least: `0.60`, `0.0375`.
fn price(amount: Money) -> String {
    let text = amount.to_dollars();
    match text.split_once('.') {
        Some((_, decimals)) if decimals.len() >= 2 => text,
        Some(_) => format!("{text}0"),
        None => format!("{text}.00"),
    }
}

fn model_row(provider_href: &str, model: ModelShown) -> ModelRow {
    ModelRow {
        href: format!("{provider_href}/models/{}", model.id),
        name: model.name,
        full_name: model.full_name,
        input: price(model.input_price),
        output: price(model.output_price),
        cached: model.cached_price.map(price).unwrap_or_default(),
        longest: format::count(u64::try_from(model.max_output_tokens).unwrap_or_default()),
        is_default: model.is_default,
        price_version: model.price_version,
    }
}

fn provider_row<P>(grant: &Grant<P>, provider: ProviderShown) -> ProviderRow {
    let href = grant.path(&format!("/providers/{}", provider.id));
    ProviderRow {
        name: provider.name,
        base_url: provider.base_url,
        credential: provider.credential_name.unwrap_or_default(),
        credential_is_missing: provider.credential_is_missing,
        models: provider.models.into_iter().map(|model| model_row(&href, model)).collect(),
        href,
    }
}

/// The provider with this id.
async fn find<P>(grant: &Grant<P>, id: ProviderId) -> Result<ProviderShown> {
    let providers = grant.platform().providers(grant.actor()).await?;
    Ok(providers.into_iter().find(|provider| provider.id == id).ok_or_else(|| Problem::not_found("provider"))?)
}

/// The provider with its model of this id.
async fn find_model<P>(grant: &Grant<P>, id: ProviderId, model: ModelId) -> Result<(ProviderShown, ModelShown)> {
    let provider = find(grant, id).await?;
    let model = provider.models.iter().find(|known| known.id == model).cloned().ok_or_else(|| Problem::not_found("model"))?;
    Ok((provider, model))
}

async fn list_view<P>(grant: &Grant<P>, form: Sent, errors: FormErrors) -> Result<ListView> {
    let platform = grant.platform();
    let providers = platform.providers(grant.actor()).await?;
    let may_write = grant.may(Permission::AgentWrite);
    let credentials =
        if may_write && grant.may(Permission::CredentialRead) { platform.credentials(grant.actor()).await? } else { Vec::new() };
    Ok(ListView {
        page: grant.page().await?,
        providers: providers.into_iter().map(|provider| provider_row(grant, provider)).collect(),
        credentials: credentials.into_iter().map(|credential| credential.name).collect(),
        errors,
        form,
        may_write,
        action: grant.path("/providers"),
    })
}

async fn provider_view<P>(grant: &Grant<P>, provider: ProviderShown, forms: ProviderForms) -> Result<ProviderView> {
    Ok(ProviderView {
        page: grant.page().await?,
        list_href: grant.path("/providers"),
        provider: provider_row(grant, provider),
        forms,
        may_write: grant.may(Permission::AgentWrite),
    })
}

async fn model_view<P>(grant: &Grant<P>, (provider, model): (ProviderShown, ModelShown), forms: Option<ModelForms>) -> Result<ModelView> {
    let provider = provider_row(grant, provider);
    let model = model_row(&provider.href, model);
    let forms = forms.unwrap_or_else(|| ModelForms { price: FormErrors::none(), removal: FormErrors::none(), filled: Price::of(&model) });
    Ok(ModelView {
        page: grant.page().await?,
        list_href: grant.path("/providers"),
        provider,
        model,
        forms,
        may_write: grant.may(Permission::AgentWrite),
    })
}

/// `GET /t/{slug}/providers`: all of them with their models and prices.
pub(crate) async fn list(grant: Grant<AgentRead>) -> Answer {
    view::html(&list_view(&grant, Sent::default(), FormErrors::none()).await?)
}

/// `POST /t/{slug}/providers`: sets one up.
pub(crate) async fn add(grant: Grant<AgentWrite>, Form(sent): Form<Sent>) -> Answer {
    let new = NewProvider { name: sent.name.clone(), base_url: sent.base_url.clone(), credential_name: sent.credential_name.clone() };
    match view::outcome(grant.platform().add_provider(grant.actor(), new).await, IN_FORM)? {
        Outcome::Done(id) => {
            let notice = format!("The provider {} is set up. It needs a model with a price before it can be asked.", sent.name.trim());
            Ok(grant.visit().done(&grant.path(&format!("/providers/{id}")), &notice))
        }
        Outcome::Refused(refusal) => view::html_with(refusal.status, &list_view(&grant, sent, refusal.errors).await?),
    }
}

/// `GET /t/{slug}/providers/{id}`: one of them.
pub(crate) async fn provider(grant: Grant<AgentRead>, Path(id): Path<ProviderId>) -> Answer {
    let provider = find(&grant, id).await?;
    let forms = ProviderForms { model: FormErrors::none(), removal: FormErrors::none(), filled: NewModel::empty() };
    view::html(&provider_view(&grant, provider, forms).await?)
}

async fn provider_again(grant: &Grant<AgentWrite>, id: ProviderId, status: StatusCode, forms: ProviderForms) -> Answer {
    let provider = find(grant, id).await?;
    view::html_with(status, &provider_view(grant, provider, forms).await?)
}

/// `POST /t/{slug}/providers/{id}/removal`: takes it away with its models, when its name was typed.
pub(crate) async fn remove(grant: Grant<AgentWrite>, Path(id): Path<ProviderId>, Form(sent): Form<Removal>) -> Answer {
    let name = find(&grant, id).await?.name;
    let removed = match confirmation::typed(&sent.typed, &name) {
        Ok(()) => grant.platform().remove_provider(grant.actor(), id).await,
        Err(error) => Err(error),
    };
    match view::outcome(removed, IN_FORM)? {
        Outcome::Done(()) => Ok(grant.visit().done(&grant.path("/providers"), &format!("The provider {name} is removed."))),
        Outcome::Refused(refusal) => {
            let forms = ProviderForms { model: FormErrors::none(), removal: refusal.errors, filled: NewModel::empty() };
            provider_again(&grant, id, refusal.status, forms).await
        }
    }
}

/// `POST /t/{slug}/providers/{id}/models`: sets a model up, with its price.
pub(crate) async fn add_model(grant: Grant<AgentWrite>, Path(id): Path<ProviderId>, Form(sent): Form<NewModel>) -> Answer {
    match view::outcome(grant.platform().add_model(grant.actor(), id, &sent.name, &sent.text()).await, IN_FORM)? {
        Outcome::Done(_) => {
            let notice = format!("The model {} is set up.", sent.name.trim());
            Ok(grant.visit().done(&grant.path(&format!("/providers/{id}")), &notice))
        }
        Outcome::Refused(refusal) => {
            let forms = ProviderForms { model: refusal.errors, removal: FormErrors::none(), filled: sent };
            provider_again(&grant, id, refusal.status, forms).await
        }
    }
}

/// `GET /t/{slug}/providers/{id}/models/{model}`: one model.
pub(crate) async fn model(grant: Grant<AgentRead>, Path((id, model)): Path<(ProviderId, ModelId)>) -> Answer {
    let found = find_model(&grant, id, model).await?;
    view::html(&model_view(&grant, found, None).await?)
}

async fn model_again(grant: &Grant<AgentWrite>, found: (ProviderShown, ModelShown), status: StatusCode, forms: ModelForms) -> Answer {
    view::html_with(status, &model_view(grant, found, Some(forms)).await?)
}

/// `POST /t/{slug}/providers/{id}/models/{model}/price`: gives it another price.
pub(crate) async fn set_price(grant: Grant<AgentWrite>, Path((id, model)): Path<(ProviderId, ModelId)>, Form(sent): Form<Price>) -> Answer {
    let found = find_model(&grant, id, model).await?;
    match view::outcome(grant.platform().set_price(grant.actor(), model, &sent.text()).await, IN_FORM)? {
        Outcome::Done(()) => {
            let notice = format!("{} has its new price from the next call on.", found.1.full_name);
            Ok(grant.visit().done(&grant.path(&format!("/providers/{id}")), &notice))
        }
        Outcome::Refused(refusal) => {
            let forms = ModelForms { price: refusal.errors, removal: FormErrors::none(), filled: sent };
            model_again(&grant, found, refusal.status, forms).await
        }
    }
}

/// `POST /t/{slug}/providers/{id}/models/{model}/default`: prompts that name no model go to it.
pub(crate) async fn make_default(grant: Grant<AgentWrite>, Path((id, model)): Path<(ProviderId, ModelId)>) -> Answer {
    let (_, found) = find_model(&grant, id, model).await?;
    grant.platform().set_default_model(grant.actor(), model).await?;
    Ok(grant.visit().done(&grant.path(&format!("/providers/{id}")), &format!("{} is the default model.", found.full_name)))
}

/// `POST /t/{slug}/providers/{id}/models/{model}/removal`: takes it away, when its name was typed.
pub(crate) async fn remove_model(
    grant: Grant<AgentWrite>,
    Path((id, model)): Path<(ProviderId, ModelId)>,
    Form(sent): Form<Removal>,
) -> Answer {
    let found = find_model(&grant, id, model).await?;
    let name = found.1.full_name.clone();
    let removed = match confirmation::typed(&sent.typed, &name) {
        Ok(()) => grant.platform().remove_model(grant.actor(), model).await,
        Err(error) => Err(error),
    };
    match view::outcome(removed, IN_FORM)? {
        Outcome::Done(()) => Ok(grant.visit().done(&grant.path(&format!("/providers/{id}")), &format!("The model {name} is removed."))),
        Outcome::Refused(refusal) => {
            let filled = Price::of(&model_row("", found.1.clone()));
            let forms = ModelForms { price: FormErrors::none(), removal: refusal.errors, filled };
            model_again(&grant, found, refusal.status, forms).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{page, view::FormError};

    fn errors(field: &str, message: &str) -> FormErrors {
        FormErrors(vec![FormError { field: field.to_owned(), message: message.to_owned() }])
    }

    fn sample_model(is_default: bool) -> ModelRow {
        ModelRow {
            name: "gpt-5-mini".to_owned(),
            full_name: "example-ai/gpt-5-mini".to_owned(),
            input: "0.25".to_owned(),
            output: "2.00".to_owned(),
            cached: "0.025".to_owned(),
            longest: "16,384".to_owned(),
            is_default,
            price_version: 3,
            href: "/t/acme/providers/prv_1/models/mdl_1".to_owned(),
        }
    }

    fn sample_provider(models: Vec<ModelRow>) -> ProviderRow {
        ProviderRow {
            name: "example-ai".to_owned(),
            base_url: "https://api.ai.example/v1".to_owned(),
            credential: "example-ai".to_owned(),
            credential_is_missing: true,
            models,
            href: "/t/acme/providers/prv_1".to_owned(),
        }
    }

    fn list(providers: Vec<ProviderRow>, may_write: bool) -> String {
        ListView {
            page: page::sample(),
            providers,
            credentials: vec!["example-ai".to_owned(), "other".to_owned()],
            errors: errors("base_url", "Not an address."),
            form: Sent { name: "new-one".to_owned(), base_url: "x".to_owned(), credential_name: Some("other".to_owned()) },
            may_write,
            action: "/t/acme/providers".to_owned(),
        }
        .render()
        .unwrap()
    }

    fn provider(forms: ProviderForms, may_write: bool) -> String {
        let provider = sample_provider(vec![sample_model(true), sample_model(false)]);
        ProviderView { page: page::sample(), list_href: "/t/acme/providers".to_owned(), provider, forms, may_write }.render().unwrap()
    }

    fn model(is_default: bool, may_write: bool) -> String {
        let model = sample_model(is_default);
        let forms = ModelForms { price: errors("input_price", "Enter the price."), removal: FormErrors::none(), filled: Price::of(&model) };
        let provider = sample_provider(Vec::new());
        ModelView { page: page::sample(), list_href: "/t/acme/providers".to_owned(), provider, model, forms, may_write }.render().unwrap()
    }

    #[test]
    fn the_list_shows_models_with_prices_and_keeps_what_was_typed() {
        let html = list(vec![sample_provider(vec![sample_model(true)]), sample_provider(Vec::new())], true);
        for part in [
            "0.25",
            "2.00",
            "0.025",
            "16,384",
            "default",
            "was removed",
            "no model yet",
            "value=\"new-one\"",
            "<option value=\"other\" selected>",
            "href=\"#f-base_url\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(list(Vec::new(), true).contains("No model provider yet"));
        let html = list(Vec::new(), false);
        assert!(!html.contains("action=\"/t/acme/providers\"") && html.contains("agent:write"));
    }

    #[test]
    fn a_model_without_a_price_is_shown_again_with_what_was_typed() {
        let filled = NewModel { name: "gpt-5".to_owned(), output_price: "ten".to_owned(), ..NewModel::empty() };
        let html = provider(ProviderForms { model: errors("output_price", "Not a price."), removal: FormErrors::none(), filled }, true);
        for part in [
            "/t/acme/providers/prv_1/models",
            "/t/acme/providers/prv_1/removal",
            "value=\"gpt-5\"",
            "value=\"ten\"",
            "value=\"4096\"",
            "href=\"#f-output_price\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let forms = ProviderForms { model: FormErrors::none(), removal: FormErrors::none(), filled: NewModel::empty() };
        assert!(!provider(forms, false).contains("method=\"post\" action=\"/t/"));
    }

    #[test]
    fn the_default_model_cannot_be_made_the_default_again() {
        let html = model(false, true);
        for part in [
            "/models/mdl_1/price",
            "/models/mdl_1/default",
            "/models/mdl_1/removal",
            "value=\"0.25\"",
            "value=\"16384\"",
            "href=\"#f-input_price\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!model(true, true).contains("/models/mdl_1/default"));
        assert!(!model(false, false).contains("method=\"post\" action=\"/t/"));
    }

    #[test]
    fn prices_have_two_decimals_or_all_they_need() {
        for (text, shown) in [("2", "2.00"), ("0.6", "0.60"), ("0.0375", "0.0375"), ("10.25", "10.25")] {
            assert_eq!(price(Money::from_dollars(text).unwrap()), shown);
        }
    }
}
