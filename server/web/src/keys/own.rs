//! One's own keys of the API, in every tenant where one may work.

use askama::Template;
use domain::{Actor, ApiKeyId, Problem};
use platform::{access::MemberDoor, keys::MadeKey};
use serde::Deserialize;

use super::{Choice, DAYS, IN_FORM, KeyRow, Made, Sent, choices, made, row};
use crate::{
    page::Page,
    route::{Account, Answer, Form, Path, Query, Result},
    view::{self, FormErrors, Outcome},
};

const PATH: &str = "/account/keys";

#[derive(Template)]
#[template(path = "keys/own.html")]
struct View {
    page: Page,
    keys: Vec<KeyRow>,
    tenants: Vec<TenantRow>,
    tenant_name: String,
    choices: Vec<Choice>,
    days: [u32; 4],
    form: Sent,
    errors: FormErrors,
    made: Option<Made>,
}

/// A tenant that a key can be for.
struct TenantRow {
    name: String,
    href: String,
    is_chosen: bool,
}

/// The tenant a new key is to be for.
#[derive(Default, Deserialize)]
pub(crate) struct Which {
    tenant: Option<String>,
}

async fn view(account: &Account, form: Sent, errors: FormErrors, new: Option<&MadeKey>) -> Result<View> {
    let now = account.platform().now();
    let tenants = account.platform().tenants_of(account.session().person()).await?;
    let slug = if form.of.is_empty() { tenants.first().map(|tenant| tenant.slug.clone()).unwrap_or_default() } else { form.of.clone() };
    let chosen = tenants.iter().find(|tenant| tenant.slug == slug).ok_or_else(|| Problem::not_found("tenant"))?;
    let actor = account.enter(&slug, MemberDoor::Page).await?;
    let keys = account.platform().own_api_keys(account.session().person()).await?;
    let form = Sent { of: slug.clone(), ..form };
    Ok(View {
        page: account.page().await?,
        keys: keys
            .into_iter()
            .map(|own| {
                let revoke_href = format!("{PATH}/{}/revocation", own.key.id);
                row(own.key, own.tenant_name, revoke_href, now)
            })
            .collect(),
        tenant_name: chosen.name.clone(),
        tenants: tenants
            .iter()
            .map(|tenant| TenantRow {
                name: tenant.name.clone(),
                href: format!("{PATH}?tenant={}", tenant.slug),
                is_chosen: tenant.slug == slug,
            })
            .collect(),
        choices: choices(|permission| actor.may(permission), &form),
        days: DAYS,
        form,
        errors,
        made: new.map(|new| made(new, now)),
    })
}

/// `GET /account/keys`.
pub(crate) async fn list(account: Account, Query(which): Query<Which>) -> Answer {
    view::html(&view(&account, Sent::empty(which.tenant.unwrap_or_default()), FormErrors::none(), None).await?)
}

/// `POST /account/keys`: makes a key; its text is in the answer and nowhere again.
pub(crate) async fn create(account: Account, Form(sent): Form<Sent>) -> Answer {
    let actor = account.enter(&sent.of, MemberDoor::Page).await?;
    match view::outcome(account.platform().create_api_key(&actor, &sent.new_key()).await, IN_FORM)? {
        Outcome::Done(new) => view::html(&view(&account, Sent::empty(sent.of), FormErrors::none(), Some(&new)).await?),
        Outcome::Refused(refusal) => view::html_with(refusal.status, &view(&account, sent, refusal.errors, None).await?),
    }
}

/// The actor in the tenant of one of the person's own keys.
async fn in_tenant_of(account: &Account, id: ApiKeyId) -> Result<std::rc::Rc<Actor>> {
    let keys = account.platform().own_api_keys(account.session().person()).await?;
    let own = keys.into_iter().find(|own| own.key.id == id).ok_or_else(|| Problem::not_found("API key"))?;
    account.enter(&own.tenant_slug, MemberDoor::Page).await
}

/// `POST /account/keys/{key}/revocation`.
pub(crate) async fn revoke(account: Account, Path(id): Path<ApiKeyId>) -> Answer {
    let actor = in_tenant_of(&account, id).await?;
    account.platform().revoke_own_api_key(&actor, id).await?;
    Ok(account.visit().done(PATH, "The key is revoked. It opens no door any more."))
}
