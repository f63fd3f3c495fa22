//! Permissions, `resource:verb`. Roles collect them in `policies/`; a verb of the platform names the
//! one it needs as a type, so that a forgotten check does not compile.

use std::{fmt, str::FromStr};

/// A permission as a type, to be named where a verb demands it.
pub trait PermissionMarker: Copy + Send + Sync + 'static {
    /// The permission this type stands for.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($(#[doc = $sentence:literal] $name:ident $text:literal;)*) => {
        /// Something a subject may do within a tenant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission { $(#[doc = $sentence] $name,)* }

        impl Permission {
            /// Every permission, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The public name, `resource:verb`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it allows, as a sentence for pages.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }.trim_start()
            }
        }

        $(#[doc = $sentence] #[derive(Debug, Clone, Copy)] pub struct $name;
          impl PermissionMarker for $name { const PERMISSION: Permission = Permission::$name; })*
    };
}

permissions! {
    /// See workflows, their versions and what they would do.
    WorkflowRead "workflow:read";
    /// Save workflows.
    WorkflowWrite "workflow:write";
    /// Start runs.
    WorkflowExecute "workflow:execute";
    /// Remove workflows.
    WorkflowDelete "workflow:delete";
    /// See runs, their steps and results.
    RunRead "run:read";
    /// Cancel runs.
    RunCancel "run:cancel";
    /// See tools.
    ToolRead "tool:read";
    /// Set up tools.
    ToolWrite "tool:write";
    /// Let runs use tools.
    ToolExecute "tool:execute";
    /// See model providers and their prices.
    AgentRead "agent:read";
    /// Set up model providers and their prices.
    AgentWrite "agent:write";
    /// See members.
    UserRead "user:read";
    /// Invite members.
    UserWrite "user:write";
    /// Disable members and end their sessions.
    UserManage "user:manage";
    /// See roles and who holds them.
    RoleRead "role:read";
    /// Give and take roles.
    RoleWrite "role:write";
    /// See approvals.
    ApprovalRead "approval:read";
    /// Ask for approvals.
    ApprovalRequest "approval:request";
    /// Decide approvals.
    ApprovalApprove "approval:approve";
    /// Decide approvals that raise a budget, and no others. Whoever may decide all may decide these.
    ApprovalApproveBudgetRaise "approval:approve_budget_raise";
    /// See names and facts of credentials, never values.
    CredentialRead "credential:read";
    /// Set, replace and remove credentials.
    CredentialWrite "credential:write";
    /// See tenant variables.
    VariableRead "variable:read";
    /// Set tenant variables.
    VariableWrite "variable:write";
    /// See budgets, what is held and what was spent.
    BudgetRead "budget:read";
    /// Set budgets, confirm or release what a crash left held.
    BudgetWrite "budget:write";
    /// See and search the audit log.
    AuditRead "audit:read";
    /// Take the audit log away as a file.
    AuditExport "audit:export";
    /// See triggers.
    TriggerRead "trigger:read";
    /// Set triggers.
    TriggerWrite "trigger:write";
    /// See settings.
    SettingsRead "settings:read";
    /// Change settings.
    SettingsWrite "settings:write";
}

impl Permission {
    /// The bit of this permission in a recorded set.
    pub const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

/// A set of permissions: what a key of the API is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Every permission there is.
    pub const ALL: Self = Self(u64::MAX);

    /// The bits of the permissions in it.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether a permission is in it.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The permissions in it, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a permission")]
pub struct UnknownPermission(pub String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.iter().copied().find(|permission| permission.name() == text).ok_or_else(|| UnknownPermission(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_its_own_bit_and_name() {
        let bits = Permission::ALL.iter().fold(0_u64, |all, permission| all | permission.bit());
        assert_eq!(bits.count_ones() as usize, Permission::ALL.len());
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse::<Permission>().unwrap(), *permission);
            assert!(permission.describe().ends_with('.') && !permission.describe().starts_with(' '));
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set: PermissionSet = [Permission::RunRead, Permission::AuditRead].into_iter().collect();
        assert!(set.contains(Permission::RunRead) && !set.contains(Permission::RunCancel));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Permission::RunRead, Permission::AuditRead]);
        assert_eq!(PermissionSet::ALL.and(set), set);
        assert!(set.and([Permission::RunCancel].into_iter().collect()).is_empty());
    }
}
