//! The members of a tenant, their roles, and what the roles hold.

use askama::Template;
use domain::{
    Permission, PersonId, Problem,
    permission::{RoleWrite, UserManage, UserRead, UserWrite},
};
use platform::{invitations::InvitationShown, members::MemberShown};
use policy::Role;
use tokio::sync::OnceCell;

use crate::{
    format::{self, Time},
    invitations::Sent,
    page::Page,
    route::{Answer, Grant, Path, Result},
    view::{self, FormErrors, Refusal},
};

#[derive(Template)]
#[template(path = "members/list.html")]
struct ListView {
    page: Page,
    tenant: String,
    members: Vec<MemberRow>,
    invitations: Vec<InvitationRow>,
    matrix: &'static Matrix,
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
    may_give: bool,
}

struct MemberRow {
    name: String,
    email: String,
    initials: String,
    is_active: bool,
    is_self: bool,
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

/// What each role holds: a row for each permission, a column for each role.
struct Matrix {
    roles: Vec<&'static str>,
    rows: Vec<MatrixRow>,
}

struct MatrixRow {
    permission: &'static str,
    held: Vec<bool>,
}

/// The roles are the same for every tenant and as long as the process lives, and asking for all of it takes a while.
static MATRIX: OnceCell<Matrix> = OnceCell::const_new();

async fn matrix<P>(grant: &Grant<P>) -> Result<&'static Matrix> {
    MATRIX
        .get_or_try_init(|| async {
            let policy = grant.platform().policy(grant.actor().tenant()).await?;
            let mut columns = Vec::with_capacity(Role::ALL.len());
            for role in Role::ALL {
                columns.push(policy.grants_of_role(*role)?);
            }
            let row = |permission: &Permission| MatrixRow {
                permission: permission.name(),
                held: columns.iter().map(|column| column.allows(*permission)).collect(),
            };
            Ok(Matrix { roles: Role::ALL.iter().map(|role| role.name()).collect(), rows: Permission::ALL.iter().map(row).collect() })
        })
        .await
}

fn member_row<P>(grant: &Grant<P>, member: MemberShown) -> MemberRow {
    MemberRow {
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

async fn list_view<P>(grant: &Grant<P>, form: Sent, errors: FormErrors) -> Result<ListView> {
    let (platform, actor) = (grant.platform(), grant.actor());
    let members = platform.members(actor).await?;
    let invitations = platform.invitations(actor).await?;
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
        members: members.into_iter().map(|member| member_row(grant, member)).collect(),
        invitations: invitations.into_iter().map(|invitation| invitation_row(grant, invitation)).collect(),
        matrix: matrix(grant).await?,
        roles: role_rows(&[]),
        errors,
        form,
        may_manage: grant.may(Permission::UserManage),
        // An invitation gives a role away, so it takes both.
        may_invite: grant.may(Permission::UserWrite) && grant.may(Permission::RoleWrite),
        invite_action: grant.path("/invitations"),
    })
}

/// `GET /t/{slug}/members`: everybody, the open invitations, and what the roles hold.
pub(crate) async fn list(grant: Grant<UserRead>) -> Answer {
    let empty = Sent { email: String::new(), name: String::new(), role: Role::Viewer.name().to_owned() };
    view::html(&list_view(&grant, empty, FormErrors::none()).await?)
}

/// The list with the form of an invitation that was refused.
pub(crate) async fn form_again(grant: &Grant<UserWrite>, form: Sent, refusal: Refusal) -> Answer {
    view::html_with(refusal.status, &list_view(grant, form, refusal.errors).await?)
}

/// `GET /t/{slug}/members/{id}`: one member and every role.
pub(crate) async fn member(grant: Grant<UserRead>, Path(person): Path<PersonId>) -> Answer {
    let member = grant.platform().member(grant.actor(), person).await?;
    view::html(&MemberView {
        page: grant.page().await?,
        list_href: grant.path("/members"),
        roles: role_rows(&member.roles),
        may_give: grant.may(Permission::RoleWrite),
        member: member_row(&grant, member),
    })
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
        let matrix: &'static Matrix = Box::leak(Box::new(Matrix {
            roles: vec!["viewer", "admin"],
            rows: vec![MatrixRow { permission: "run:read", held: vec![true, false] }],
        }));
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
            matrix,
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
        assert!(html.contains("run:read"));
    }

    #[test]
    fn a_member_is_offered_what_they_lack_and_may_lose_what_they_have() {
        let view = |may_give| {
            let roles = role_rows(&[Role::Approver]);
            MemberView { page: page::sample(), list_href: "/t/acme/members".to_owned(), member: member_row(false, true), roles, may_give }
                .render()
                .unwrap()
        };
        let html = view(true);
        assert!(html.contains("/roles/approver/withdrawal") && html.contains("/roles/viewer/grant"));
        assert!(!html.contains("/roles/approver/grant"));
        assert!(!view(false).contains("/roles/"));
    }
}
