//! Signing in and out.

use actix_web::HttpResponse;
use askama::Template;
use domain::Secret;
use platform::identity;
use serde::Deserialize;

use crate::{
    next,
    page::Page,
    route::{Account, Answer, Form, Query, Visitor},
    view::{self, FormErrors, Outcome},
    visit::{Visit, with_cookie},
};

/// What the form itself says when it is refused.
const IN_FORM: &[u16] = &[401, 403, 422, 429];

#[derive(Template)]
#[template(path = "sign_in/page.html")]
struct View {
    page: Page,
    errors: FormErrors,
    email: String,
    next: String,
    has_mailbox: bool,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(crate) struct Wish {
    next: Option<String>,
}

/// What is sent.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
    next: Option<String>,
}

/// `GET /sign-in`: the form; whoever is signed in goes on.
pub(crate) async fn form(visitor: Visitor, Query(wish): Query<Wish>) -> Answer {
    let next = next::or_home(wish.next.as_deref());
    if visitor.session().await?.is_some() {
        return Ok(visitor.visit().see_other(next));
    }
    view::html(&shown(&visitor, FormErrors::none(), String::new(), next))
}

fn shown(visitor: &Visitor, errors: FormErrors, email: String, next: &str) -> View {
    let has_mailbox = visitor.visit().is_here() && visitor.platform().has_mailbox();
    View { page: visitor.page(), errors, email, next: next.to_owned(), has_mailbox }
}

/// `POST /sign-in`: signs in and goes on.
pub(crate) async fn sign_in(visitor: Visitor, Form(sent): Form<Credentials>) -> Answer {
    let next = next::or_home(sent.next.as_deref());
    let visit = visitor.visit();
    let signed_in = visitor.platform().sign_in(&sent.email, Secret::new(sent.password), &visit.client()).await;
    match view::outcome(signed_in, IN_FORM)? {
        Outcome::Done(session) => Ok(with_session(visit, visit.see_other(next), &session)),
        Outcome::Refused(refusal) => {
            view::html_later(refusal.status, refusal.retry_after, &shown(&visitor, refusal.errors, sent.email, next))
        }
    }
}

/// The response with the cookie of a new session.
pub(crate) fn with_session(visit: &Visit, response: HttpResponse, session: &identity::Session) -> HttpResponse {
    let lifetime = session.expires_at.since(visit.platform().now());
    with_cookie(response, &visit.site().cookies.start_session(&session.token, lifetime))
}

/// `POST /sign-out`: ends the session and takes its cookie away.
pub(crate) async fn sign_out(account: Account) -> Answer {
    let visit = account.visit();
    account.platform().sign_out(account.session().person(), visit.facts()).await?;
    Ok(with_cookie(visit.done("/sign-in", "You are signed out."), &visit.site().cookies.end_session()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{page, view::FormError};

    #[test]
    fn the_form_keeps_what_was_typed_but_the_password() {
        let errors =
            FormErrors(vec![FormError { field: String::new(), message: "The e-mail address or the password is wrong.".to_owned() }]);
        let view =
            View { page: page::sample(), errors, email: "a\"b@acme.example".to_owned(), next: "/t/acme".to_owned(), has_mailbox: true };
        let html = view.render().unwrap();
        for part in ["or the password is wrong.", "a&#34;b@acme.example", "value=\"/t/acme\"", "href=\"/mailbox\"", "action=\"/sign-in\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
