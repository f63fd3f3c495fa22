//! The members of a tenant: a list to search in, one of them with their roles and sessions, and the open invitations.

use actix_web::HttpResponse;
use askama::Template;
use domain::{
    Permission, PersonId, Problem, SessionId,
    permission::{RoleWrite, UserManage, UserRead, UserWrite},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::{
    invitations::InvitationShown,
    members::{MemberSearch, MemberSession, MemberShown},
};
use policy::Role;
use serde::Deserialize;

use crate::{
    account::browser,
    format::{self, Time},
    invitations::Sent,
    page::Page,
    route::{Answer, Grant, Path, Query, Result},
    view::{self, FormErrors, Refusal},
};

#[derive(Template)]
#[template(path = "members/list.html")]
struct ListView {
    page: Page,
    tenant: String,
    members: Vec<MemberRow>,
    /// What was searched for; may be empty.
    searched: String,
    list_href: String,
    /// The next page of members; empty on the last.
    next_href: String,
    /// Whether this is not the first page.
    is_later: bool,
    invitations: Vec<InvitationRow>,
    /// The page of roles; empty for one who may not see it.
    roles_href: String,
    roles: Vec<RoleRow>,
    errors: FormErrors,
    form: Sent,
    may_manage: bool,
    may_invite: bool,
    invite_action: String,
}

#[derive(Template)]
#[template(path = "members/member.html")]
struct MemberView {
    page: Page,
    list_href: String,
    member: MemberRow,
    roles: Vec<RoleRow>,
    sessions: Vec<SessionRow>,
    may_give: bool,
    may_manage: bool,
}

/// A session of a member, as an admin sees it.
struct SessionRow {
    id: String,
    browser: String,
    address: String,
    since: Time,
    until: Time,
}

/// Which members are asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    q: Option<String>,
    after: Option<PersonId>,
}

struct MemberRow {
    name: String,
    email: String,
    initials: String,
    is_active: bool,
    is_self: bool,
    /// Whether nobody else could give roles.
    is_last_admin: bool,
    roles: Vec<&'static str>,
    joined: Time,
    href: String,
}

struct InvitationRow {
    email: String,
    name: String,
    role: &'static str,
    sent: Time,
    expires: Time,
    is_expired: bool,
    href: String,
}

struct RoleRow {
    name: &'static str,
    words: &'static str,
    held: bool,
}

fn member_row<P>(grant: &Grant<P>, member: MemberShown, is_last_admin: bool) -> MemberRow {
    MemberRow {
        is_last_admin,
        initials: format::initials(&member.name),
        name: member.name,
        email: member.email,
        is_active: member.is_active,
        is_self: member.is_self,
        roles: member.roles.iter().map(|role| role.name()).collect(),
        joined: format::ago(member.joined_at, grant.platform().now()),
        href: grant.path(&format!("/members/{}", member.person)),
    }
}

fn invitation_row<P>(grant: &Grant<P>, invitation: InvitationShown) -> InvitationRow {
    let now = grant.platform().now();
    InvitationRow {
        email: invitation.email,
        name: invitation.name,
        role: invitation.role.name(),
        sent: format::ago(invitation.sent_at, now),
        expires: format::moment(invitation.expires_at, now),
        is_expired: invitation.is_expired,
        href: grant.path(&format!("/invitations/{}", invitation.id)),
    }
}

fn role_rows(held: &[Role]) -> Vec<RoleRow> {
    Role::ALL.iter().map(|role| RoleRow { name: role.name(), words: role.describe(), held: held.contains(role) }).collect()
}

fn session_row<P>(grant: &Grant<P>, session: MemberSession) -> SessionRow {
    let now = grant.platform().now();
    SessionRow {
        id: session.id.to_string(),
        browser: browser(session.agent.as_deref()),
        address: session.address.unwrap_or_else(|| "unknown".to_owned()),
        since: format::moment(session.signed_in_at, now),
        until: format::moment(session.expires_at, now),
    }
}

async fn list_view<P>(grant: &Grant<P>, search: MemberSearch, form: Sent, errors: FormErrors) -> Result<ListView> {
    let (platform, actor) = (grant.platform(), grant.actor());
    let list = platform.members(actor, &search).await?;
    let (last_admin, next) = (list.last_admin, list.next);
    let member = |member: MemberShown| {
        let is_last_admin = last_admin == Some(member.person);
        member_row(grant, member, is_last_admin)
    };
    // They belong to the whole list and not to a part of it.
    let is_whole = search == MemberSearch::default();
    let invitations = if is_whole { platform.invitations(actor).await? } else { Vec::new() };
    let list_href = grant.path("/members");
    let mut page = grant.page().await?;
    if grant.visit().is_here() && platform.has_mailbox() {
        page.notify_with(
            "info",
            "No mail server is set: invitations and other mails stay on this machine.",
            "/mailbox",
            "Open the mailbox",
        );
    }
    Ok(ListView {
        tenant: page.tenant.as_ref().map(|tenant| tenant.name.clone()).unwrap_or_default(),
        page,
        members: list.items.into_iter().map(member).collect(),
        next_href: next.map(|after| next_href(&list_href, &search.text, after)).unwrap_or_default(),
        is_later: search.after.is_some(),
        searched: search.text,
        list_href,
        invitations: invitations.into_iter().map(|invitation| invitation_row(grant, invitation)).collect(),
        roles_href: if grant.may(Permission::RoleRead) { grant.path("/roles") } else { String::new() },
        roles: role_rows(&[]),
        errors,
        form,
        may_manage: grant.may(Permission::UserManage),
        // An invitation gives a role away, so it takes both.
        may_invite: grant.may(Permission::UserWrite) && grant.may(Permission::RoleWrite),
        invite_action: grant.path("/invitations"),
    })
}

/// The address of the members after one.
fn next_href(list_href: &str, text: &str, after: PersonId) -> String {
    let q = if text.is_empty() { String::new() } else { format!("q={}&", utf8_percent_encode(text, NON_ALPHANUMERIC)) };
    format!("{list_href}?{q}after={after}")
}

/// `GET /t/{slug}/members`: everybody, or those who were searched for, and the open invitations.
pub(crate) async fn list(grant: Grant<UserRead>, Query(wanted): Query<Wanted>) -> Answer {
    let empty = Sent { email: String::new(), name: String::new(), role: Role::Viewer.name().to_owned() };
    let search = MemberSearch { text: wanted.q.unwrap_or_default().trim().to_owned(), after: wanted.after, ..MemberSearch::default() };
    view::html(&list_view(&grant, search, empty, FormErrors::none()).await?)
}

/// The list with the form of an invitation that was refused.
pub(crate) async fn form_again(grant: &Grant<UserWrite>, form: Sent, refusal: Refusal) -> Answer {
    view::html_with(refusal.status, &list_view(grant, MemberSearch::default(), form, refusal.errors).await?)
}

/// `GET /t/{slug}/members/{id}`: one member, every role, and the sessions that open this tenant.
pub(crate) async fn member(grant: Grant<UserRead>, Path(person): Path<PersonId>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let member = platform.member(actor, person).await?;
    let is_last_admin = platform.is_last_admin(actor, person).await?;
    let may_manage = grant.may(Permission::UserManage);
    let sessions = if may_manage && !member.is_self { platform.member_sessions(actor, person).await? } else { Vec::new() };
    view::html(&MemberView {
        page: grant.page().await?,
        list_href: grant.path("/members"),
        roles: role_rows(&member.roles),
        sessions: sessions.into_iter().map(|session| session_row(&grant, session)).collect(),
        may_give: grant.may(Permission::RoleWrite),
        may_manage,
        member: member_row(&grant, member, is_last_admin),
    })
}

/// `POST /t/{slug}/members/{id}/sessions/{session}/ending`: ends what one session opens here.
pub(crate) async fn end_session(grant: Grant<UserManage>, Path((person, session)): Path<(PersonId, SessionId)>) -> Answer {
    grant.platform().end_member_sessions(grant.actor(), person, Some(session)).await?;
    Ok(after_ending(&grant, person, "The session is ended here."))
}

/// `POST /t/{slug}/members/{id}/sessions/ending`: ends what every session of a member opens here.
pub(crate) async fn end_sessions(grant: Grant<UserManage>, Path(person): Path<PersonId>) -> Answer {
    let notice = match grant.platform().end_member_sessions(grant.actor(), person, None).await? {
        0 => "There was no session to end.",
        _ => "Every session is ended here. The member can sign in again.",
    };
    Ok(after_ending(&grant, person, notice))
}

/// The member's page with what was done; whoever ended their own is asked to sign in there.
fn after_ending(grant: &Grant<UserManage>, person: PersonId, notice: &str) -> HttpResponse {
    grant.visit().done(&grant.path(&format!("/members/{person}")), notice)
}

fn role(name: &str) -> Result<Role> {
    name.parse().map_err(|_| Problem::not_found("role").into())
}

/// `POST /t/{slug}/members/{id}/roles/{role}/grant`: gives a role.
pub(crate) async fn give_role(grant: Grant<RoleWrite>, Path((person, name)): Path<(PersonId, String)>) -> Answer {
    let role = role(&name)?;
    grant.platform().grant_role(grant.actor(), person, role).await?;
    Ok(grant.visit().done(&grant.path(&format!("/members/{person}")), &format!("The role {role} is given.")))
}

/// `POST /t/{slug}/members/{id}/roles/{role}/withdrawal`: takes a role.
pub(crate) async fn take_role(grant: Grant<RoleWrite>, Path((person, name)): Path<(PersonId, String)>) -> Answer {
    let role = role(&name)?;
    grant.platform().revoke_role(grant.actor(), person, role).await?;
    Ok(grant.visit().done(&after_change(&grant, person).await?, &format!("The role {role} is taken.")))
}

/// Where to go after a change that may have taken one's own rights: the member's page if it may still be seen.
async fn after_change(grant: &Grant<RoleWrite>, person: PersonId) -> Result<String> {
    let actor = grant.platform().renewed(grant.actor()).await?;
    Ok(if actor.may(Permission::UserRead) { grant.path(&format!("/members/{person}")) } else { "/".to_owned() })
}

/// `POST /t/{slug}/members/{id}/disabling`: from now on they may do nothing here.
pub(crate) async fn disable(grant: Grant<UserManage>, Path(person): Path<PersonId>) -> Answer {
    grant.platform().disable_member(grant.actor(), person).await?;
    Ok(grant.visit().done(&grant.path("/members"), "The member is disabled. Runs they started stop before their next step."))
}

/// `POST /t/{slug}/members/{id}/enabling`: they may work again, with the roles they have.
pub(crate) async fn enable(grant: Grant<UserManage>, Path(person): Path<PersonId>) -> Answer {
    grant.platform().enable_member(grant.actor(), person).await?;
    Ok(grant.visit().done(&grant.path("/members"), "The member is enabled."))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::page;

    fn member_row(is_self: bool, is_active: bool) -> MemberRow {
        MemberRow {
            is_last_admin: false,
            name: "Ada <b>".to_owned(),
            email: "ada@acme.example".to_owned(),
            initials: "AD".to_owned(),
            is_active,
            is_self,
            roles: vec!["approver"],
            joined: format::clock(Timestamp::from_micros(0)),
            href: "/t/acme/members/per_1".to_owned(),
        }
    }

    fn list_view(may: bool) -> String {
        let at = || format::clock(Timestamp::from_micros(0));
        ListView {
            page: page::sample(),
            tenant: "Acme".to_owned(),
            members: vec![member_row(true, true), member_row(false, true), member_row(false, false)],
            invitations: vec![InvitationRow {
                email: "new@acme.example".to_owned(),
                name: "New".to_owned(),
                role: "viewer",
                sent: at(),
                expires: at(),
                is_expired: false,
                href: "/t/acme/invitations/inv_1".to_owned(),
            }],
            searched: "a\"b".to_owned(),
            list_href: "/t/acme/members".to_owned(),
            next_href: next_href("/t/acme/members", "a\"b&c", "per_00000000000000000000000000".parse().unwrap()),
            is_later: true,
            roles_href: if may { "/t/acme/roles".to_owned() } else { String::new() },
            roles: role_rows(&[]),
            errors: FormErrors::none(),
            form: Sent { email: String::new(), name: String::new(), role: "approver".to_owned() },
            may_manage: may,
            may_invite: may,
            invite_action: "/t/acme/invitations".to_owned(),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn the_list_shows_acts_only_to_those_who_may() {
        let html = list_view(true);
        assert_eq!(html.matches("/disabling").count(), 1, "not for oneself, and not for one who is disabled");
        assert_eq!(html.matches("/enabling").count(), 1);
        assert!(html.contains("/t/acme/invitations/inv_1/withdrawal") && html.contains("action=\"/t/acme/invitations\""));
        assert!(html.contains("<option value=\"approver\" selected>") && !html.contains("Ada <b>"));
        let html = list_view(false);
        assert!(!html.contains("method=\"post\" action=\"/t/"), "{html}");
        assert!(!html.contains("/t/acme/roles"));
    }

    #[test]
    fn the_next_page_keeps_what_was_searched_for() {
        let html = list_view(true);
        assert!(html.contains("value=\"a&#34;b\"") && html.contains("?q=a%22b%26c&#38;after=per_00000000000000000000000000"), "{html}");
        assert!(html.contains("href=\"/t/acme/roles\""));
    }

    #[test]
    fn the_last_admin_is_offered_no_way_out() {
        let last = MemberRow { is_last_admin: true, roles: vec!["admin"], ..member_row(false, true) };
        let view = |member: MemberRow| {
            let sessions = vec![SessionRow {
                id: "ses_1".to_owned(),
                browser: "<b>".to_owned(),
                address: "192.0.2.1".to_owned(),
                since: format::clock(Timestamp::from_micros(0)),
                until: format::clock(Timestamp::from_micros(0)),
            }];
            let roles = role_rows(&[Role::Admin]);
            MemberView {
                page: page::sample(),
                list_href: "/t/acme/members".to_owned(),
                member,
                roles,
                sessions,
                may_give: true,
                may_manage: true,
            }
            .render()
            .unwrap()
        };
        let html = view(last);
        assert!(!html.contains("/disabling") && !html.contains("/roles/admin/withdrawal") && html.contains("the only admin"));
        assert!(html.contains("/sessions/ses_1/ending") && html.contains("&#60;b&#62;"));
        let html = view(member_row(false, true));
        assert!(html.contains("/disabling") && html.contains("/roles/admin/withdrawal"));
    }

    #[test]
    fn a_member_is_offered_what_they_lack_and_may_lose_what_they_have() {
        let view = |may_give| {
            let roles = role_rows(&[Role::Approver]);
            let (member, list_href) = (member_row(false, true), "/t/acme/members".to_owned());
            MemberView { page: page::sample(), list_href, member, roles, sessions: Vec::new(), may_give, may_manage: false }
                .render()
                .unwrap()
        };
        let html = view(true);
        assert!(html.contains("/roles/approver/withdrawal") && html.contains("/roles/viewer/grant"));
        assert!(!html.contains("/roles/approver/grant"));
        assert!(!view(false).contains("/roles/"));
    }
}
