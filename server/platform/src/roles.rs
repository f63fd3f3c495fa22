//! Roles: what each holds, itself and by inheritance, and who has it.
//!
//! What a role may is written in `policies/` and is the same for every tenant. Giving and taking roles is in `members`, as it is
//! done to a member.

use database::roles as rows;
use domain::{Actor, Permission, PersonId, Scope, permission::RoleRead};
use policy::{Role, RoleFacts};

use crate::{Platform, Result};

/// A role in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLine {
    /// The role.
    pub role: Role,
    /// The roles that it inherits from directly.
    pub inherits: Vec<Role>,
    /// How many permissions it holds in all.
    pub permissions: usize,
    /// How many active members have it.
    pub holders: usize,
}

/// A member who has a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The person.
    pub person: PersonId,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
}

/// A role with everything its page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleShown {
    /// The role.
    pub role: Role,
    /// The roles that it inherits from directly.
    pub inherits: Vec<Role>,
    /// What it holds itself, in the order of the table.
    pub holds: Vec<Permission>,
    /// What it has from other roles, and from which, in the order of the table.
    pub inherited: Vec<(Permission, Role)>,
    /// The active members who were given it, by e-mail address.
    pub holders: Vec<Holder>,
}

impl Platform {
    /// Every role, the weakest first.
    ///
    /// # Errors
    /// 403 without `role:read`.
    pub async fn roles(&self, actor: &Actor) -> Result<Vec<RoleLine>> {
        Scope::<RoleRead>::of(actor, "roles")?;
        let facts = policy::roles()?;
        let policy = self.policy(actor.tenant()).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let mut lines = Vec::with_capacity(facts.len());
        for RoleFacts { role, inherits, .. } in facts {
            let grants = policy.grants_of_role(role)?;
            let permissions = Permission::ALL.iter().filter(|permission| grants.allows(**permission)).count();
            let holders = rows::holders(&mut tx, role.name()).await?.len();
            lines.push(RoleLine { role, inherits, permissions, holders });
        }
        Ok(lines)
    }

    /// One role.
    ///
    /// # Errors
    /// 403 without `role:read`.
    pub async fn role(&self, actor: &Actor, role: Role) -> Result<RoleShown> {
        Scope::<RoleRead>::of(actor, "roles")?;
        let facts = policy::roles()?;
        let mut shown = RoleShown { role, inherits: Vec::new(), holds: Vec::new(), inherited: Vec::new(), holders: Vec::new() };
        if let Some(own) = facts.iter().find(|facts| facts.role == role) {
            shown.inherits.clone_from(&own.inherits);
            shown.holds.clone_from(&own.holds);
            for from in &own.reaches {
                let held = facts.iter().find(|facts| facts.role == *from).map(|facts| facts.holds.as_slice()).unwrap_or_default();
                shown.inherited.extend(held.iter().map(|permission| (*permission, *from)));
            }
            shown.inherited.sort_unstable();
        }
        let mut tx = self.parts().database.read(actor).await?;
        let holders = rows::holders(&mut tx, role.name()).await?;
        shown.holders = holders.into_iter().map(|row| Holder { person: row.person, email: row.email, name: row.name }).collect();
        Ok(shown)
    }
}
