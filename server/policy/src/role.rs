//! The roles by name. What each holds is written in `policies/roles.csv`, not here.

use std::{fmt, str::FromStr};

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident $name:literal $sentence:literal;)*) => {
        /// A role that can be given to a member of a tenant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $(#[doc = $sentence] $role,)* }

        impl Role {
            /// Every role, the weakest first. All of them can be given.
            pub const ALL: &'static [Self] = &[$(Self::$role,)*];

            /// The public name, as in workflows (`role:approver`) and in the database.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$role => $name,)* }
            }

            /// What the role is for, as one sentence for the page on which it is given.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$role => $sentence,)* }
            }
        }
    };
}

roles! {
    Viewer "viewer" "Sees workflows, runs, tools, model providers and approvals.";
    Executor "executor" "Starts and cancels runs and sees what a viewer sees.";
    Developer "developer" "Writes workflows, tools, triggers and variables and does what an executor does.";
    Approver "approver" "Decides approvals and sees what a viewer sees.";
    BudgetOwner "budget_owner" "Sets budgets, decides approvals that raise one, settles what a crash left held and sees what a viewer sees.";
    Auditor "auditor" "Reads and exports the audit log and sees what a viewer sees.";
    Admin "admin" "Holds every permission of the tenant.";
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.iter().copied().find(|role| role.name() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_name_and_has_a_sentence() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(*role));
            assert!(role.describe().ends_with('.'));
        }
        for other in ["", "Admin", "admin ", "r:admin", "*"] {
            assert_eq!(other.parse::<Role>(), Err(UnknownRole(other.to_owned())));
        }
    }

    #[test]
    fn the_readme_says_what_every_role_is_for() {
        let readme = include_str!("../../../policies/README.md");
        for role in Role::ALL {
            assert!(readme.contains(&format!("- **{role}** ")), "{role}");
        }
    }
}
