//! The keys of everybody in a tenant, and its service accounts.

use askama::Template;
use domain::{
    ApiKeyId, Permission, Problem,
    permission::{UserManage, UserRead, UserWrite},
};
use platform::keys::{MadeKey, service_accounts::ServiceAccountShown};
use serde::Deserialize;

use super::{Choice, DAYS, IN_FORM, KeyRow, Made, Sent, choices, made, row};
use crate::{
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    view::{self, FormErrors, Outcome},
};

#[derive(Template)]
#[template(path = "keys/tenant.html")]
struct View {
    page: Page,
    keys: Vec<KeyRow>,
    accounts: Vec<AccountRow>,
    choices: Vec<Choice>,
    days: [u32; 4],
    form: Sent,
    errors: FormErrors,
    account_form: SentAccount,
    account_errors: FormErrors,
    made: Option<Made>,
    may_write: bool,
    may_manage: bool,
    keys_href: String,
    accounts_href: String,
}

/// A service account in a table.
struct AccountRow {
    id: String,
    name: String,
    address: String,
    roles: Vec<&'static str>,
    is_active: bool,
    is_chosen: bool,
    href: String,
}

/// A service account as it is sent; shown again when it is refused.
#[derive(Default, Deserialize)]
pub(crate) struct SentAccount {
    word: String,
    name: String,
}

/// What the page shows beside what is kept.
struct Shown {
    form: Sent,
    errors: FormErrors,
    account_form: SentAccount,
    account_errors: FormErrors,
    made: Option<MadeKey>,
}

impl Shown {
    fn empty() -> Self {
        Self {
            form: Sent::empty(String::new()),
            errors: FormErrors::none(),
            account_form: SentAccount::default(),
            account_errors: FormErrors::none(),
            made: None,
        }
    }
}

async fn view<P>(grant: &Grant<P>, shown: Shown) -> Result<View> {
    let now = grant.platform().now();
    let keys = grant.platform().api_keys(grant.actor()).await?;
    let accounts = grant.platform().service_accounts(grant.actor()).await?;
    let may_manage = grant.may(Permission::UserManage);
    let account = |account: ServiceAccountShown| AccountRow {
        is_chosen: shown.form.of == account.id.to_string(),
        href: grant.path(&format!("/members/{}", account.id)),
        id: account.id.to_string(),
        name: account.name,
        address: account.address,
        roles: account.roles.iter().map(|role| role.name()).collect(),
        is_active: account.is_active,
    };
    let key = |key: platform::keys::KeyShown| {
        let revoke_href = if may_manage { grant.path(&format!("/keys/{}/revocation", key.id)) } else { String::new() };
        let of = key.owner_email.clone();
        row(key, of, revoke_href, now)
    };
    Ok(View {
        page: grant.page().await?,
        keys: keys.into_iter().map(key).collect(),
        choices: choices(|permission| grant.may(permission), &shown.form),
        days: DAYS,
        accounts: accounts.into_iter().map(account).collect(),
        made: shown.made.as_ref().map(|new| made(new, now)),
        form: shown.form,
        errors: shown.errors,
        account_form: shown.account_form,
        account_errors: shown.account_errors,
        may_write: grant.may(Permission::UserWrite),
        may_manage,
        keys_href: grant.path("/keys"),
        accounts_href: grant.path("/service-accounts"),
    })
}

/// `GET /t/{slug}/keys`.
pub(crate) async fn list(grant: Grant<UserRead>) -> Answer {
    view::html(&view(&grant, Shown::empty()).await?)
}

/// `POST /t/{slug}/keys`: makes a key of a service account; its text is in the answer and nowhere again.
pub(crate) async fn create(grant: Grant<UserManage>, Form(sent): Form<Sent>) -> Answer {
    let account = sent.of.parse().map_err(|_| Problem::not_found("service account"))?;
    match view::outcome(grant.platform().create_service_key(grant.actor(), account, &sent.new_key()).await, IN_FORM)? {
        Outcome::Done(new) => view::html(&view(&grant, Shown { made: Some(new), ..Shown::empty() }).await?),
        Outcome::Refused(refusal) => {
            view::html_with(refusal.status, &view(&grant, Shown { form: sent, errors: refusal.errors, ..Shown::empty() }).await?)
        }
    }
}

/// `POST /t/{slug}/keys/{key}/revocation`.
pub(crate) async fn revoke(grant: Grant<UserManage>, Path(id): Path<ApiKeyId>) -> Answer {
    grant.platform().revoke_api_key(grant.actor(), id).await?;
    Ok(grant.visit().done(&grant.path("/keys"), "The key is revoked. It opens no door any more."))
}

/// `POST /t/{slug}/service-accounts`.
pub(crate) async fn create_account(grant: Grant<UserWrite>, Form(sent): Form<SentAccount>) -> Answer {
    let made = grant.platform().create_service_account(grant.actor(), &sent.word, &sent.name).await;
    match view::outcome(made, IN_FORM)? {
        Outcome::Done(_) => {
            let words = "The service account is made. Give it a role on its page, and a key here.";
            Ok(grant.visit().done(&grant.path("/keys"), words))
        }
        Outcome::Refused(refusal) => {
            let shown = Shown { account_form: sent, account_errors: refusal.errors, ..Shown::empty() };
            view::html_with(refusal.status, &view(&grant, shown).await?)
        }
    }
}
