//! Invitations: sent and withdrawn by members who may, accepted by whoever holds the link. Opening a link changes nothing.

use askama::Template;
use domain::{InvitationId, Problem, Secret, permission::UserWrite};
use platform::invitations::{Acceptance, Invite, Invited};
use serde::Deserialize;

use crate::{
    access::Session,
    format::{self, Time},
    members,
    page::Page,
    route::{Answer, Form, Grant, Path, Visitor},
    sign_in::with_session,
    view::{self, FormErrors, Outcome},
};

#[derive(Template)]
#[template(path = "invitations/page.html")]
struct View {
    page: Page,
    errors: FormErrors,
    /// How it can be accepted.
    way: Way,
    tenant: String,
    email: String,
    /// Not `name`: a macro's parameter of that name would hide it.
    person_name: String,
    role: &'static str,
    role_words: &'static str,
    action: String,
    expires: Time,
}

/// How an invitation can be accepted: `signed_in` by a button, `another` not before signing out, `known` with one's password,
/// `new` with a name and a new password.
type Way = &'static str;

/// What the invited one sends.
#[derive(Deserialize)]
pub(crate) struct Joining {
    name: Option<String>,
    password: Option<String>,
}

/// What the inviting one sends.
#[derive(Deserialize)]
pub(crate) struct Sent {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
}

fn way(invited: &Invited, session: Option<&Session>) -> Way {
    match session {
        Some(session) if session.email() == invited.email => "signed_in",
        Some(_) => "another",
        None if invited.has_password => "known",
        None => "new",
    }
}

async fn shown(visitor: &Visitor, token: &str, invited: Invited, errors: FormErrors, name: Option<String>) -> crate::route::Result<View> {
    let session = visitor.session().await?;
    let mut page = visitor.page();
    if let Some(session) = &session {
        session.csrf().clone_into(&mut page.csrf);
    }
    Ok(View {
        page,
        errors,
        way: way(&invited, session.as_deref()),
        tenant: invited.tenant_name,
        email: invited.email,
        person_name: name.unwrap_or(invited.name),
        role: invited.role.name(),
        role_words: invited.role.describe(),
        action: format!("/invitations/{token}"),
        expires: format::moment(invited.expires_at, visitor.platform().now()),
    })
}

/// `GET /invitations/{token}`: who invites to what, and the form that accepts.
pub(crate) async fn form(visitor: Visitor, Path(token): Path<String>) -> Answer {
    let invited = visitor.platform().invited(&token).await?;
    view::html(&shown(&visitor, &token, invited, FormErrors::none(), None).await?)
}

/// `POST /invitations/{token}`: accepts; whoever did so with a password is signed in.
pub(crate) async fn accept(visitor: Visitor, Path(token): Path<String>, Form(sent): Form<Joining>) -> Answer {
    let (platform, visit) = (visitor.platform(), visitor.visit());
    let invited = platform.invited(&token).await?;
    let acceptance = match visitor.session().await? {
        Some(session) => Acceptance::SignedIn(session.person().clone()),
        None => {
            Acceptance::Password { name: sent.name.clone().unwrap_or_default(), password: Secret::new(sent.password.unwrap_or_default()) }
        }
    };
    let accepted = platform.accept_invitation(&token, acceptance, &visit.client()).await;
    match view::outcome(accepted, &[401, 403, 422, 429])? {
        Outcome::Done(accepted) => {
            let response = visit.done(&format!("/go/{}", accepted.slug), &format!("You are a member of {} now.", invited.tenant_name));
            Ok(match &accepted.session {
                Some(session) => with_session(visit, response, session),
                None => response,
            })
        }
        Outcome::Refused(refusal) => {
            view::html_later(refusal.status, refusal.retry_after, &shown(&visitor, &token, invited, refusal.errors, sent.name).await?)
        }
    }
}

/// `POST /t/{slug}/invitations`: sends an invitation by mail.
pub(crate) async fn invite(grant: Grant<UserWrite>, Form(sent): Form<Sent>) -> Answer {
    let invited = match sent.role.parse() {
        Ok(role) => grant.platform().invite(grant.actor(), Invite { email: sent.email.clone(), name: sent.name.clone(), role }).await,
        Err(unknown) => Err(Problem::field("role", format!("{unknown}.")).into()),
    };
    match view::outcome(invited, &[409, 422])? {
        Outcome::Done(invitation) => {
            Ok(grant.visit().done(&grant.path("/members"), &format!("An invitation is on its way to {}.", invitation.email)))
        }
        Outcome::Refused(refusal) => members::form_again(&grant, sent, refusal).await,
    }
}

/// `POST /t/{slug}/invitations/{id}/resending`: sends it again, with a new link.
pub(crate) async fn resend(grant: Grant<UserWrite>, Path(id): Path<InvitationId>) -> Answer {
    let invitation = grant.platform().resend_invitation(grant.actor(), id).await?;
    Ok(grant.visit().done(&grant.path("/members"), &format!("A new invitation is on its way to {}.", invitation.email)))
}

/// `POST /t/{slug}/invitations/{id}/withdrawal`: its link leads nowhere any more.
pub(crate) async fn withdraw(grant: Grant<UserWrite>, Path(id): Path<InvitationId>) -> Answer {
    grant.platform().withdraw_invitation(grant.actor(), id).await?;
    Ok(grant.visit().done(&grant.path("/members"), "The invitation is withdrawn."))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::page;

    fn view(way: Way) -> String {
        View {
            page: page::sample(),
            errors: crate::view::Refusal::from(Problem::field("password", "Too short.")).errors,
            way,
            tenant: "Acme".to_owned(),
            email: "approver@acme.example".to_owned(),
            person_name: "Ada".to_owned(),
            role: "approver",
            role_words: "Decides approvals.",
            action: "/invitations/tok".to_owned(),
            expires: format::clock(Timestamp::from_micros(0)),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn an_invitation_asks_for_no_more_than_it_takes() {
        for (way, name, password, join) in
            [("new", true, true, true), ("known", false, true, true), ("signed_in", false, false, true), ("another", false, false, false)]
        {
            let html = view(way);
            assert_eq!(html.contains("value=\"Ada\""), name, "{way}");
            assert_eq!(html.contains("name=\"password\""), password, "{way}");
            assert_eq!(html.contains("action=\"/invitations/tok\""), join, "{way}");
            assert!(html.contains("approver@acme.example") && html.contains("Decides approvals."));
        }
    }
}
