//! `policies/roles.csv`, read strictly, and what follows from it without Casbin. The latter serves
//! to check an enforcer before it is used, and decides nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::Permission;

use crate::{PolicyError, role::Role};

/// The model that Casbin decides by.
pub(crate) const MODEL: &str = include_str!("../../../policies/model.conf");
/// The rules of the roles.
pub(crate) const ROLES: &str = include_str!("../../../policies/roles.csv");

/// Stands for every permission in the table; never reaches Casbin.
const EVERYTHING: &str = "admin:*";

/// What the roles hold and inherit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) holds: BTreeSet<(Role, Permission)>,
    pub(crate) inherits: BTreeSet<(Role, Role)>,
}

/// What is written of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFacts {
    /// The role.
    pub role: Role,
    /// The roles that it inherits from directly.
    pub inherits: Vec<Role>,
    /// Every other role that it inherits from by whatever way.
    pub reaches: Vec<Role>,
    /// What it holds itself, in the order of the table of permissions.
    pub holds: Vec<Permission>,
}

/// What is written of every role, the weakest first: for the pages that explain them. Decisions are Casbin's.
///
/// # Errors
/// When `policies/roles.csv` cannot be read.
pub fn roles() -> Result<Vec<RoleFacts>, PolicyError> {
    let rules = Rules::parse(ROLES)?;
    let facts = |role: &Role| RoleFacts {
        role: *role,
        inherits: rules.inherits.iter().filter(|(heir, _)| heir == role).map(|(_, from)| *from).collect(),
        reaches: rules.reach(*role).into_iter().filter(|reached| reached != role).collect(),
        holds: rules.holds.iter().filter(|(holder, _)| holder == role).map(|(_, permission)| *permission).collect(),
    };
    Ok(Role::ALL.iter().map(facts).collect())
}

impl Rules {
    /// Reads the table.
    ///
    /// # Errors
    /// The first line that is not understood or says something twice, a role that inherits from
    /// itself by any way, and a role without any permission.
    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let (mut holds, mut inherits) = (BTreeSet::new(), BTreeSet::new());
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            let wrong = |reason: String| PolicyError::Rule { line: line_number, reason };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let role = |name: &str| name.parse::<Role>().map_err(|error| wrong(format!("{error}.")));
            let is_new = match fields.as_slice() {
                ["p", holder, EVERYTHING] => {
                    let holder = role(holder)?;
                    Permission::ALL.iter().all(|permission| holds.insert((holder, *permission)))
                }
                ["p", holder, permission] => {
                    let permission = permission.parse().map_err(|error| wrong(format!("{error}.")))?;
                    holds.insert((role(holder)?, permission))
                }
                ["g", heir, from] => inherits.insert((role(heir)?, role(from)?)),
                _ => return Err(wrong("It is neither `p, ROLE, PERMISSION` nor `g, ROLE, ROLE`.".to_owned())),
            };
            if !is_new {
                return Err(wrong("It says what another line says already.".to_owned()));
            }
        }
        let rules = Self { holds, inherits };
        for role in Role::ALL {
            if rules.inherits.iter().any(|(heir, from)| heir == role && rules.reach(*from).contains(role)) {
                return Err(PolicyError::Roles(format!("The role `{role}` inherits from itself.")));
            }
            if rules.bits(*role) == 0 {
                return Err(PolicyError::Roles(format!("The role `{role}` holds nothing.")));
            }
        }
        Ok(rules)
    }

    /// The role and every role it inherits from.
    fn reach(&self, role: Role) -> BTreeSet<Role> {
        let mut reached = BTreeSet::from([role]);
        let mut open = vec![role];
        while let Some(next) = open.pop() {
            for (heir, from) in &self.inherits {
                if *heir == next && reached.insert(*from) {
                    open.push(*from);
                }
            }
        }
        reached
    }

    /// One bit for each permission that the role holds, itself or by inheritance.
    pub(crate) fn bits(&self, role: Role) -> u64 {
        let reached = self.reach(role);
        self.holds.iter().filter(|(holder, _)| reached.contains(holder)).fold(0, |bits, (_, permission)| bits | permission.bit())
    }

    /// The bits of every role.
    pub(crate) fn all_bits(&self) -> BTreeMap<Role, u64> {
        Role::ALL.iter().map(|role| (*role, self.bits(*role))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Rules::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_committed_roles_are_understood() {
        let rules = Rules::parse(ROLES).unwrap();
        let holds = |role, permission: Permission| rules.bits(role) & permission.bit() != 0;
        assert!(holds(Role::Developer, Permission::RunRead), "by way of executor and viewer");
        assert!(!holds(Role::Viewer, Permission::WorkflowExecute));
        assert!(!holds(Role::Developer, Permission::ApprovalApprove), "who writes does not decide");
        assert!(!holds(Role::Approver, Permission::WorkflowExecute), "who decides does not start");
        assert!(!holds(Role::BudgetOwner, Permission::ApprovalApprove), "who owns money decides on money alone");
        assert!(holds(Role::BudgetOwner, Permission::ApprovalApproveBudgetRaise));
        assert!(Permission::ALL.iter().all(|permission| holds(Role::Admin, *permission)));
    }

    #[test]
    fn only_admins_write_credentials_roles_and_members() {
        let rules = Rules::parse(ROLES).unwrap();
        for permission in
            [Permission::CredentialWrite, Permission::RoleWrite, Permission::UserWrite, Permission::UserManage, Permission::SettingsWrite]
        {
            let holders: Vec<&Role> = Role::ALL.iter().filter(|role| rules.bits(**role) & permission.bit() != 0).collect();
            assert_eq!(holders, [&Role::Admin], "{permission}");
        }
    }

    #[test]
    fn what_a_role_holds_itself_and_from_others_is_all_it_may() {
        let (rules, all) = (Rules::parse(ROLES).unwrap(), roles().unwrap());
        assert_eq!(all.iter().map(|facts| facts.role).collect::<Vec<_>>(), Role::ALL);
        for facts in &all {
            let bits = |facts: &RoleFacts| facts.holds.iter().fold(0, |bits, permission| bits | permission.bit());
            let others = facts.reaches.iter().map(|role| bits(all.iter().find(|facts| facts.role == *role).unwrap()));
            assert_eq!(others.fold(bits(facts), |all, bits| all | bits), rules.bits(facts.role), "{}", facts.role);
        }
        let developer = all.iter().find(|facts| facts.role == Role::Developer).unwrap();
        assert_eq!(
            (developer.inherits.as_slice(), developer.reaches.as_slice()),
            (&[Role::Executor][..], &[Role::Viewer, Role::Executor][..])
        );
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        assert_eq!(
            error("# a\n\np, viewer, run:read\nx, viewer, run:read"),
            "line 4 of policies/roles.csv: It is neither `p, ROLE, PERMISSION` nor `g, ROLE, ROLE`."
        );
        assert!(error("p, viewer").contains("neither"));
        assert!(error("p, viewer, run:read, allow").contains("neither"));
        assert!(error("p, reader, run:read").contains("`reader` is not a role"));
        assert!(error("p, viewer, run:*").contains("`run:*` is not a permission"));
        assert!(error("g, viewer, *").contains("`*` is not a role"));
        assert!(error("p, viewer, run:read\np,viewer,run:read").contains("line 2"));
    }

    #[test]
    fn circles_and_empty_roles_are_refused() {
        assert!(
            error("p, viewer, run:read\ng, viewer, executor\ng, executor, developer\ng, developer, viewer")
                .contains("`viewer` inherits from itself")
        );
        assert!(error("p, viewer, run:read\ng, viewer, viewer").contains("inherits from itself"));
        assert!(error(&ROLES.replace("p, admin, admin:*", "")).contains("`admin` holds nothing"));
        assert!(error("").contains("holds nothing"));
    }
}
