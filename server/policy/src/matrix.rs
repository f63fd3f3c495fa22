//! The access matrix as a text: what a review reads when a role changes.

use domain::{Permission, PolicyVersion, TenantId};
use uuid::Uuid;

use crate::{
    PolicyError,
    role::Role,
    tenant::{PolicySource, TenantPolicy},
};

/// A line a permission, a column a role, `yes` where Casbin grants it and `-` elsewhere.
///
/// # Errors
/// As [`TenantPolicy::build`].
pub async fn matrix() -> Result<String, PolicyError> {
    let source = PolicySource { tenant: TenantId::from_uuid(Uuid::nil()), version: PolicyVersion(Uuid::nil()), bindings: Vec::new() };
    let policy = TenantPolicy::build(source).await?;
    let mut columns = Vec::with_capacity(Role::ALL.len());
    for role in Role::ALL {
        columns.push((role.name(), policy.grants_of_role(*role)?));
    }
    let width = Permission::ALL.iter().map(|permission| permission.name().len()).max().unwrap_or(0);
    let mut text = format!("{:width$}", "permission");
    for (name, _) in &columns {
        text.push_str("  ");
        text.push_str(name);
    }
    for permission in Permission::ALL {
        text.push('\n');
        let mut line = format!("{:width$}", permission.name());
        for (name, grants) in &columns {
            let cell = if grants.allows(*permission) { "yes" } else { "-" };
            line.push_str("  ");
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', name.len().saturating_sub(cell.len())));
        }
        text.push_str(line.trim_end());
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_matrix_has_a_line_for_every_permission_and_a_column_for_every_role() {
        let matrix = matrix().await.unwrap();
        let lines: Vec<Vec<&str>> = matrix.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines.len(), 1 + Permission::ALL.len());
        assert!(lines.iter().all(|line| line.len() == 1 + Role::ALL.len()), "{matrix}");
        let cell = |permission: &str, role: &str| {
            let column = lines[0].iter().position(|name| *name == role).unwrap();
            lines.iter().find(|line| line[0] == permission).unwrap()[column]
        };
        assert_eq!(cell("approval:approve", "approver"), "yes");
        assert_eq!(cell("approval:approve", "developer"), "-");
        assert_eq!(cell("audit:export", "auditor"), "yes");
        assert_eq!(cell("settings:write", "admin"), "yes");
    }
}
