//! Members of a tenant: who they are, which roles they hold, and whether they may work.
//!
//! A change of who may what gives the policy a new state in the same commit, so that it holds for the next request
//! of everybody. How somebody becomes a member is in `invitations`, what an admin may end of their sessions in `sessions`.

pub mod sessions;

use database::{
    Reads, WriteTx,
    members::{self, MemberRow, MemberStatus},
    roles,
};
use domain::{
    Actor, PersonId, Problem, Scope, Timestamp,
    audit::{AuditEvent, AuditEvents},
    permission::{RoleWrite, UserManage, UserRead},
};

use crate::{Error, Platform, Result, search::demand_searchable, tenants::quotas::demand_room};

pub use policy::Role;
pub use sessions::MemberSession;

/// The most members of a page.
const PAGE: u32 = 100;

/// A member, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberShown {
    /// The person.
    pub person: PersonId,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Whether they may work; who may not keeps their roles.
    pub is_active: bool,
    /// Since when they are a member.
    pub joined_at: Timestamp,
    /// Their roles, the weakest first.
    pub roles: Vec<Role>,
    /// Whether it is the one who asks.
    pub is_self: bool,
}

/// Which members are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberSearch {
    /// A part of the name or of the e-mail address; nothing for everybody.
    pub text: String,
    /// Only those who may work, or only those who may not.
    pub is_active: Option<bool>,
    /// Only those who hold this role.
    pub role: Option<Role>,
    /// The last member of the page before.
    pub after: Option<PersonId>,
}

/// A page of members, by e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList {
    /// The members.
    pub items: Vec<MemberShown>,
    /// Where the next page begins: after this one.
    pub next: Option<PersonId>,
    /// Who is the only one that can give roles, and so can neither lose the role nor be disabled.
    pub last_admin: Option<PersonId>,
}

impl MemberShown {
    fn of(row: MemberRow, actor: &Actor) -> Result<Self> {
        let read = |name: &String| name.parse().map_err(|_| Error::Broken(format!("{} holds the unknown role `{name}`", row.person)));
        let mut roles = row.roles.iter().map(read).collect::<Result<Vec<Role>>>()?;
        roles.sort_unstable();
        Ok(Self {
            person: row.person,
            is_active: row.status == MemberStatus::Active,
            joined_at: row.joined_at,
            is_self: actor.person() == Some(row.person),
            email: row.email,
            name: row.name,
            roles,
        })
    }
}

fn not_found() -> Problem {
    Problem::not_found("member")
}

/// The only one who holds the role of an admin and may use it.
async fn last_admin<'a>(tx: &mut impl Reads<'a>) -> Result<Option<PersonId>> {
    Ok(match roles::holders(tx, Role::Admin.name()).await?.as_slice() {
        [only] => Some(only.person),
        _ => None,
    })
}

/// Refuses when nobody is left who may give roles: then nobody could ever mend it.
async fn demand_an_admin(tx: &mut WriteTx<'_>) -> Result<()> {
    if members::count_active_holders(tx, Role::Admin.name()).await? == 0 {
        return Err(
            Problem::conflict("last_admin", "This is the last active admin of the tenant. Make somebody else an admin first.").into()
        );
    }
    Ok(())
}

impl Platform {
    /// A page of at most 100 members, disabled ones among them and service accounts not, by e-mail address.
    ///
    /// # Errors
    /// 403 without `user:read`; 422 for a text that is too long.
    pub async fn members(&self, actor: &Actor, search: &MemberSearch) -> Result<MemberList> {
        let scope = Scope::<UserRead>::of(actor, "members")?;
        let text = search.text.trim();
        demand_searchable(&[("text", Some(text))])?;
        let mut tx = self.parts().database.read(actor).await?;
        let status = search.is_active.map(|active| if active { MemberStatus::Active } else { MemberStatus::Disabled });
        let wanted = members::Search { text, status, role: search.role.map(Role::name), after: search.after };
        let page = members::page(&mut tx, &scope, wanted, PAGE).await?;
        let last_admin = last_admin(&mut tx).await?;
        let items = page.items.into_iter().map(|row| MemberShown::of(row, actor)).collect::<Result<_>>()?;
        Ok(MemberList { items, next: page.next, last_admin })
    }

    /// Whether a member is the only one who can give roles.
    pub async fn is_last_admin(&self, actor: &Actor, person: PersonId) -> Result<bool> {
        Scope::<UserRead>::of(actor, "members")?;
        let mut tx = self.parts().database.read(actor).await?;
        Ok(last_admin(&mut tx).await? == Some(person))
    }

    /// One member.
    ///
    /// # Errors
    /// Not found when the person is none of this tenant.
    pub async fn member(&self, actor: &Actor, person: PersonId) -> Result<MemberShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<UserRead>(actor)?;
        MemberShown::of(member.into_inner(), actor)
    }

    /// Gives a member a role.
    ///
    /// # Errors
    /// 409 `role_held` when they hold it already.
    pub async fn grant_role(&self, actor: &Actor, person: PersonId, role: Role) -> Result<()> {
        let fresh = roles::fresh_version(self.parts().entropy.as_ref());
        let mut tx = self.parts().database.write(actor).await?;
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<RoleWrite>(actor)?;
        if !members::grant(&mut tx, &member, role.name(), self.now(), fresh).await? {
            return Err(Problem::conflict("role_held", format!("{} holds the role {role} already.", member.email)).into());
        }
        let event = AuditEvent::done("user.role_assigned", "user", person, &member.email).with("role", role.name());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Takes a role from a member.
    ///
    /// # Errors
    /// 409 `role_not_held`, or `last_admin` when no active admin would be left.
    pub async fn revoke_role(&self, actor: &Actor, person: PersonId, role: Role) -> Result<()> {
        let fresh = roles::fresh_version(self.parts().entropy.as_ref());
        let mut tx = self.parts().database.write(actor).await?;
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<RoleWrite>(actor)?;
        if !members::revoke(&mut tx, &member, role.name(), fresh).await? {
            return Err(Problem::conflict("role_not_held", format!("{} does not hold the role {role}.", member.email)).into());
        }
        if role == Role::Admin {
            demand_an_admin(&mut tx).await?;
        }
        let event = AuditEvent::done("user.role_revoked", "user", person, &member.email).with("role", role.name());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Disables a member: from the next request on they may do nothing here, and nobody's run acts for them. Their
    /// sessions end unless they are an active member elsewhere.
    ///
    /// # Errors
    /// 409 `member_disabled` when they are, or `last_admin` when no active admin would be left.
    pub async fn disable_member(&self, actor: &Actor, person: PersonId) -> Result<()> {
        self.set_status(actor, person, MemberStatus::Disabled).await?;
        // The rights are gone with the commit above. What is left are cookies that lead to no tenant.
        self.clear_sessions(person).await
    }

    /// Lets a disabled member work again, with the roles they have.
    ///
    /// # Errors
    /// 409 `member_active` when they may already, `quota_members` when there is no room for one more.
    pub async fn enable_member(&self, actor: &Actor, person: PersonId) -> Result<()> {
        self.set_status(actor, person, MemberStatus::Active).await
    }

    async fn set_status(&self, actor: &Actor, person: PersonId, status: MemberStatus) -> Result<()> {
        let fresh = roles::fresh_version(self.parts().entropy.as_ref());
        let mut tx = self.parts().database.write(actor).await?;
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<UserManage>(actor)?;
        if !members::set_status(&mut tx, &member, status, fresh).await? {
            let code = match status {
                MemberStatus::Active => "member_active",
                MemberStatus::Disabled => "member_disabled",
            };
            return Err(Problem::conflict(code, format!("{} is {} already.", member.email, status.name())).into());
        }
        if status == MemberStatus::Disabled {
            demand_an_admin(&mut tx).await?;
        } else {
            demand_room!(self, actor, tx, self.room_for_member(&mut tx).await?);
        }
        let event = AuditEvent::done("user.updated", "user", person, &member.email).with("status", status.name());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
