//! A forgotten password: asking for a link, and choosing a new password by it. Opening a link changes nothing, and what is
//! answered is the same whoever has an address.

use askama::Template;
use domain::Secret;
use platform::identity::ResetLink;
use serde::Deserialize;

use crate::{
    format::{self, Time},
    page::Page,
    route::{Answer, Form, Path, Visitor},
    view::{self, FormErrors, Outcome},
};

#[derive(Template)]
#[template(path = "password_reset/request.html")]
struct RequestView {
    page: Page,
    errors: FormErrors,
    email: String,
    has_mailbox: bool,
}

#[derive(Template)]
#[template(path = "password_reset/choice.html")]
struct ChoiceView {
    page: Page,
    errors: FormErrors,
    email: String,
    action: String,
    expires: Time,
}

/// Whose password was forgotten.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    email: String,
}

/// The new password.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    password: String,
}

fn request_view(visitor: &Visitor, errors: FormErrors, email: String) -> RequestView {
    let has_mailbox = visitor.visit().is_here() && visitor.platform().has_mailbox();
    RequestView { page: visitor.page(), errors, email, has_mailbox }
}

fn choice_view(visitor: &Visitor, token: &str, link: ResetLink, errors: FormErrors) -> ChoiceView {
    ChoiceView {
        page: visitor.page(),
        errors,
        email: link.email,
        action: format!("/password-reset/{token}"),
        expires: format::moment(link.expires_at, visitor.platform().now()),
    }
}

/// `GET /password-reset`: asks whose.
pub(crate) async fn form(visitor: Visitor) -> Answer {
    view::html(&request_view(&visitor, FormErrors::none(), String::new()))
}

/// `POST /password-reset`: sends a link, if there is an account; says the same if not.
pub(crate) async fn request(visitor: Visitor, Form(sent): Form<Wanted>) -> Answer {
    let visit = visitor.visit();
    match view::outcome(visitor.platform().request_password_reset(&sent.email, &visit.client()).await, &[429])? {
        Outcome::Done(()) => Ok(visit.done(
            "/sign-in",
            "If an account goes by that address, a mail with a link is on its way to it. The link works once, within 30 minutes.",
        )),
        Outcome::Refused(refusal) => {
            view::html_later(refusal.status, refusal.retry_after, &request_view(&visitor, refusal.errors, sent.email))
        }
    }
}

/// `GET /password-reset/{token}`: the form for a new password; 404 for a link that cannot be used.
pub(crate) async fn choice(visitor: Visitor, Path(token): Path<String>) -> Answer {
    let link = visitor.platform().check_password_reset(&token).await?;
    view::html(&choice_view(&visitor, &token, link, FormErrors::none()))
}

/// `POST /password-reset/{token}`: sets the password and signs every browser of the person out.
pub(crate) async fn choose(visitor: Visitor, Path(token): Path<String>, Form(sent): Form<Chosen>) -> Answer {
    let (platform, visit) = (visitor.platform(), visitor.visit());
    let link = platform.check_password_reset(&token).await?;
    match view::outcome(platform.reset_password(&token, Secret::new(sent.password), &visit.client()).await, &[409, 422, 429])? {
        Outcome::Done(()) => Ok(visit.done("/sign-in", "The new password is set, and every browser is signed out. Sign in with it.")),
        Outcome::Refused(refusal) => {
            view::html_later(refusal.status, refusal.retry_after, &choice_view(&visitor, &token, link, refusal.errors))
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::{page, view::FormError};

    #[test]
    fn the_forms_keep_what_was_typed_but_the_password() {
        let errors = || FormErrors(vec![FormError { field: "password".to_owned(), message: "Too short.".to_owned() }]);
        let html = RequestView { page: page::sample(), errors: errors(), email: "a\"b@acme.example".to_owned(), has_mailbox: true }
            .render()
            .unwrap();
        assert!(html.contains("a&#34;b@acme.example") && html.contains("action=\"/password-reset\"") && html.contains("/mailbox"));
        let expires = format::clock(Timestamp::from_micros(0));
        let view = ChoiceView {
            page: page::sample(),
            errors: errors(),
            email: "a@b.example".to_owned(),
            action: "/password-reset/tok".to_owned(),
            expires,
        };
        let html = view.render().unwrap();
        assert!(html.contains("action=\"/password-reset/tok\"") && html.contains("new-password") && html.contains("Too short."));
    }
}
