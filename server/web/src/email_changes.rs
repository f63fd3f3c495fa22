//! Another e-mail address: confirming the new one while signed in, and taking the old one back by the link that was sent to it.
//! Opening a link changes nothing.

use askama::Template;
use domain::Secret;
use platform::identity::{EmailChange, EmailRestoration};
use serde::Deserialize;

use crate::{
    format::{self, Time},
    page::Page,
    route::{Account, Answer, Form, Path, Result, Visitor},
    view::{self, FormErrors, Outcome},
};

#[derive(Template)]
#[template(path = "email_changes/confirmation.html")]
struct ConfirmationView {
    page: Page,
    errors: FormErrors,
    from: String,
    to: String,
    action: String,
    expires: Time,
}

#[derive(Template)]
#[template(path = "email_changes/restoration.html")]
struct RestorationView {
    page: Page,
    errors: FormErrors,
    email: String,
    action: String,
    expires: Time,
}

/// The new password of one who takes their address back.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    password: String,
}

async fn confirmation_view(account: &Account, token: &str, change: EmailChange, errors: FormErrors) -> Result<ConfirmationView> {
    Ok(ConfirmationView {
        page: account.page().await?,
        errors,
        from: change.from,
        to: change.to,
        action: format!("/email-changes/{token}"),
        expires: format::moment(change.expires_at, account.platform().now()),
    })
}

fn restoration_view(visitor: &Visitor, token: &str, link: EmailRestoration, errors: FormErrors) -> RestorationView {
    RestorationView {
        page: visitor.page(),
        errors,
        email: link.email,
        action: format!("/email-restorations/{token}"),
        expires: format::moment(link.expires_at, visitor.platform().now()),
    }
}

/// `GET /email-changes/{token}`: what would change; 404 for a link of somebody else.
pub(crate) async fn confirmation(account: Account, Path(token): Path<String>) -> Answer {
    let change = account.platform().check_email_change(account.session().person(), &token).await?;
    view::html(&confirmation_view(&account, &token, change, FormErrors::none()).await?)
}

/// `POST /email-changes/{token}`: changes the address; this browser stays signed in.
pub(crate) async fn confirm(account: Account, Path(token): Path<String>) -> Answer {
    let (platform, person) = (account.platform(), account.session().person());
    let change = platform.check_email_change(person, &token).await?;
    match view::outcome(platform.change_email(person, &token, &account.visit().client()).await, &[409])? {
        Outcome::Done(email) => {
            Ok(account.visit().done("/account", &format!("Your address is {email} now. Every other browser is signed out.")))
        }
        Outcome::Refused(refusal) => view::html_with(refusal.status, &confirmation_view(&account, &token, change, refusal.errors).await?),
    }
}

/// `GET /email-restorations/{token}`: the form of one who takes their old address back.
pub(crate) async fn restoration(visitor: Visitor, Path(token): Path<String>) -> Answer {
    let link = visitor.platform().check_email_restoration(&token).await?;
    view::html(&restoration_view(&visitor, &token, link, FormErrors::none()))
}

/// `POST /email-restorations/{token}`: gives the address back with a new password; every browser is signed out.
pub(crate) async fn restore(visitor: Visitor, Path(token): Path<String>, Form(sent): Form<Chosen>) -> Answer {
    let (platform, visit) = (visitor.platform(), visitor.visit());
    let link = platform.check_email_restoration(&token).await?;
    match view::outcome(platform.restore_email(&token, Secret::new(sent.password), &visit.client()).await, &[409, 422, 429])? {
        Outcome::Done(()) => {
            Ok(visit.done("/sign-in", "Your address is yours again, with the new password. Every browser is signed out: sign in with it."))
        }
        Outcome::Refused(refusal) => {
            view::html_later(refusal.status, refusal.retry_after, &restoration_view(&visitor, &token, link, refusal.errors))
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::page;

    #[test]
    fn both_pages_say_what_will_be_before_it_is() {
        let expires = || format::clock(Timestamp::from_micros(0));
        let errors = FormErrors::none;
        let (from, to) = ("old@acme.example".to_owned(), "<new>@acme.example".to_owned());
        let html = ConfirmationView {
            page: page::sample(),
            errors: errors(),
            from,
            to,
            action: "/email-changes/tok".to_owned(),
            expires: expires(),
        };
        let html = html.render().unwrap();
        assert!(
            html.contains("old@acme.example")
                && html.contains("&#60;new&#62;@acme.example")
                && html.contains("action=\"/email-changes/tok\"")
        );
        let email = "old@acme.example".to_owned();
        let html = RestorationView {
            page: page::sample(),
            errors: errors(),
            email,
            action: "/email-restorations/tok".to_owned(),
            expires: expires(),
        };
        assert!(html.render().unwrap().contains("name=\"password\""));
    }
}
