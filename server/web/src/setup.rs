//! The one-time link that makes a tenant and its first member. Opening it changes nothing; sending its form does.

use askama::Template;
use domain::Secret;
use platform::{
    access::MemberDoor,
    identity::{NewTenant, SetUp, SetupLink},
};
use serde::Deserialize;

use crate::{
    format::{self, Time},
    page::Page,
    route::{Answer, Form, Path, Result, Visitor},
    sign_in::with_session,
    view::{self, FormErrors, Outcome},
};

/// What the form itself says when it is refused: 401 is a wrong password of somebody who is on the installation already.
const IN_FORM: &[u16] = &[401, 422, 429];

#[derive(Template)]
#[template(path = "setup/page.html")]
struct View {
    page: Page,
    errors: FormErrors,
    form: Filled,
    is_first: bool,
    /// Whether this server has the rehearsal services that the samples need.
    has_samples: bool,
    action: String,
    expires: Time,
}

/// What the form shows again; never the password.
#[derive(Default)]
struct Filled {
    samples: bool,
    tenant_name: String,
    slug: String,
    name: String,
    email: String,
}

/// What is sent.
#[derive(Deserialize)]
pub(crate) struct Sent {
    tenant_name: String,
    slug: Option<String>,
    name: String,
    email: String,
    password: String,
    #[serde(default)]
    samples: bool,
}

fn shown(visitor: &Visitor, token: &str, link: SetupLink, errors: FormErrors, form: Filled) -> View {
    View {
        page: visitor.page(),
        errors,
        form,
        is_first: link.is_first,
        has_samples: visitor.platform().settings().rehearsal.is_some(),
        action: format!("/setup/{token}"),
        expires: format::moment(link.expires_at, visitor.platform().now()),
    }
}

/// `GET /setup/{token}`: the form; 404 for a link that is none, 409 for one that was used.
pub(crate) async fn form(visitor: Visitor, Path(token): Path<String>) -> Answer {
    let link = visitor.platform().check_setup_link(&token).await?;
    view::html(&shown(&visitor, &token, link, FormErrors::none(), Filled { samples: true, ..Filled::default() }))
}

/// `POST /setup/{token}`: makes the tenant and signs its first member in.
pub(crate) async fn set_up(visitor: Visitor, Path(token): Path<String>, Form(sent): Form<Sent>) -> Answer {
    let platform = visitor.platform();
    let link = platform.check_setup_link(&token).await?;
    let filled = Filled {
        samples: sent.samples,
        tenant_name: sent.tenant_name.clone(),
        slug: sent.slug.clone().unwrap_or_default(),
        name: sent.name.clone(),
        email: sent.email.clone(),
    };
    let new = NewTenant {
        tenant_name: sent.tenant_name,
        slug: sent.slug,
        name: sent.name,
        email: sent.email,
        password: Secret::new(sent.password),
    };
    let visit = visitor.visit();
    match view::outcome(platform.set_up(&token, new, &visit.client()).await, IN_FORM)? {
        Outcome::Done(made) => {
            let notice = if sent.samples {
                match put_samples_in(&visitor, &made).await {
                    Ok(()) => "The tenant is made, and you are its admin. The sample workflows are there.".to_owned(),
                    // The tenant stays: its link is used up, and everything else can be done by hand.
                    Err(error) => {
                        format!("The tenant is made, and you are its admin, but without the sample workflows. {}", error.problem().detail)
                    }
                }
            } else {
                "The tenant is made, and you are its admin.".to_owned()
            };
            Ok(with_session(visit, visit.done(&format!("/go/{}", made.slug), &notice), &made.session))
        }
        Outcome::Refused(refusal) => {
            view::html_later(refusal.status, refusal.retry_after, &shown(&visitor, &token, link, refusal.errors, filled))
        }
    }
}

/// Puts the samples into the tenant that was made, in the name of its first member.
async fn put_samples_in(visitor: &Visitor, made: &SetUp) -> Result<()> {
    let (platform, request) = (visitor.platform(), visitor.visit().facts());
    let Some(member) = platform.session(made.session.token.expose()).await? else {
        return Err(platform::Error::Broken("a session that was just made is not there".to_owned()));
    };
    let actor = platform.actor(&member, &made.slug, MemberDoor::Page, request.clone()).await?;
    let installed = platform.install_samples(&actor).await;
    if let Err(error) = &installed {
        tracing::warn!(request = %request.id, %error, "the samples could not be put in: {error}");
    }
    installed
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::{page, view::FormError};

    #[test]
    fn the_form_says_what_is_wrong_and_keeps_what_was_typed() {
        let errors = FormErrors(vec![FormError { field: "slug".to_owned(), message: "The address `acme` is taken.".to_owned() }]);
        let form = Filled {
            samples: true,
            tenant_name: "Acme".to_owned(),
            slug: "acme".to_owned(),
            name: "Ada".to_owned(),
            email: "ada@acme.example".to_owned(),
        };
        let expires = format::clock(Timestamp::from_micros(0));
        let html = View { page: page::sample(), errors, form, is_first: true, has_samples: true, action: "/setup/tok".to_owned(), expires }
            .render()
            .unwrap();
        for part in [
            "href=\"#f-slug\"",
            "is taken.",
            "value=\"acme\"",
            "value=\"Ada\"",
            "name=\"samples\" value=\"true\" checked",
            "action=\"/setup/tok\"",
            "1 Jan 00:00:00",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
