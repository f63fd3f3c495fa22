//! Roles: the list, one role with what it holds and who has it, and the matrix of roles and permissions.

use std::collections::BTreeMap;

use askama::Template;
use domain::{Permission, Problem, permission::RoleRead};
use policy::{Role, RoleFacts};
use tokio::sync::OnceCell;

use crate::{
    format,
    page::Page,
    route::{Answer, Grant, Path, Result},
    view,
};

#[derive(Template)]
#[template(path = "roles/list.html")]
struct ListView {
    page: Page,
    roles: Vec<RoleRow>,
    matrix_href: String,
}

struct RoleRow {
    name: &'static str,
    words: &'static str,
    inherits: Vec<RoleLink>,
    permissions: usize,
    holders: usize,
    href: String,
}

struct RoleLink {
    name: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "roles/role.html")]
struct RoleView {
    page: Page,
    list_href: String,
    matrix_href: String,
    title: &'static str,
    words: &'static str,
    inherits: Vec<RoleLink>,
    /// What it holds itself first, then what it has from each other role.
    parts: Vec<Part>,
    holders: Vec<HolderRow>,
}

/// Permissions that come the same way.
struct Part {
    /// The role they come from; nothing for its own.
    from: Option<RoleLink>,
    permissions: Vec<PermissionRow>,
}

struct PermissionRow {
    permission: &'static str,
    words: &'static str,
}

struct HolderRow {
    person_name: String,
    email: String,
    initials: String,
    /// The member's page; empty for one who may not see it.
    href: String,
}

#[derive(Template)]
#[template(path = "roles/matrix.html")]
struct MatrixView {
    page: Page,
    list_href: String,
    roles: Vec<RoleLink>,
    matrix: &'static Matrix,
}

/// What each role holds: a group for each resource, a row for each permission, a cell for each role.
struct Matrix {
    groups: Vec<Group>,
}

struct Group {
    resource: &'static str,
    rows: Vec<MatrixRow>,
}

struct MatrixRow {
    /// What follows the resource.
    verb: &'static str,
    words: &'static str,
    cells: Vec<Cell>,
}

/// Whether a role holds a permission, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// By a line of its own.
    Own,
    /// From a role that it inherits from.
    Inherited,
    /// Not.
    Nothing,
}

impl Cell {
    /// The word that is read aloud and styled by.
    fn word(self) -> &'static str {
        match self {
            Self::Own => "itself",
            Self::Inherited => "inherited",
            Self::Nothing => "no",
        }
    }
}

/// The roles are the same for every tenant and as long as the process lives, and asking for all of it takes a while.
static MATRIX: OnceCell<Matrix> = OnceCell::const_new();

async fn matrix(grant: &Grant<RoleRead>) -> Result<&'static Matrix> {
    MATRIX
        .get_or_try_init(|| async {
            let policy = grant.platform().policy(grant.actor().tenant()).await?;
            let facts = policy::roles()?;
            let mut columns = Vec::with_capacity(facts.len());
            for facts in &facts {
                // What is shown is what is decided by; the lines of the file only tell where it comes from.
                columns.push((facts, policy.grants_of_role(facts.role)?));
            }
            let cell = |permission: Permission, (facts, grants): &(&RoleFacts, domain::Grants)| match grants.allows(permission) {
                true if facts.holds.contains(&permission) => Cell::Own,
                true => Cell::Inherited,
                false => Cell::Nothing,
            };
            let mut groups: Vec<Group> = Vec::new();
            for permission in Permission::ALL {
                let (resource, verb) = permission.name().split_once(':').unwrap_or(("", permission.name()));
                let cells = columns.iter().map(|column| cell(*permission, column)).collect();
                let row = MatrixRow { verb, words: permission.describe(), cells };
                match groups.last_mut() {
                    Some(group) if group.resource == resource => group.rows.push(row),
                    _ => groups.push(Group { resource, rows: vec![row] }),
                }
            }
            Ok(Matrix { groups })
        })
        .await
}

fn link(grant: &Grant<RoleRead>, role: Role) -> RoleLink {
    RoleLink { name: role.name(), href: grant.path(&format!("/roles/{role}")) }
}

/// `GET /t/{slug}/roles`: every role.
pub(crate) async fn list(grant: Grant<RoleRead>) -> Answer {
    let roles = grant.platform().roles(grant.actor()).await?;
    let row = |line: platform::roles::RoleLine| RoleRow {
        name: line.role.name(),
        words: line.role.describe(),
        inherits: line.inherits.iter().map(|role| link(&grant, *role)).collect(),
        permissions: line.permissions,
        holders: line.holders,
        href: link(&grant, line.role).href,
    };
    let roles = roles.into_iter().map(row).collect();
    view::html(&ListView { page: grant.page().await?, roles, matrix_href: grant.path("/permissions") })
}

fn permission_row(permission: Permission) -> PermissionRow {
    PermissionRow { permission: permission.name(), words: permission.describe() }
}

/// `GET /t/{slug}/roles/{role}`: what it holds and inherits, and who has it.
pub(crate) async fn role(grant: Grant<RoleRead>, Path(name): Path<String>) -> Answer {
    let role: Role = name.parse().map_err(|_| Problem::not_found("role"))?;
    let shown = grant.platform().role(grant.actor(), role).await?;
    let mut inherited: BTreeMap<Role, Vec<PermissionRow>> = BTreeMap::new();
    for (permission, from) in shown.inherited {
        inherited.entry(from).or_default().push(permission_row(permission));
    }
    let own = Part { from: None, permissions: shown.holds.into_iter().map(permission_row).collect() };
    let others = inherited.into_iter().rev().map(|(from, permissions)| Part { from: Some(link(&grant, from)), permissions });
    let may_see_members = grant.may(Permission::UserRead);
    let holder = |holder: platform::roles::Holder| HolderRow {
        initials: format::initials(&holder.name),
        person_name: holder.name,
        email: holder.email,
        href: if may_see_members { grant.path(&format!("/members/{}", holder.person)) } else { String::new() },
    };
    view::html(&RoleView {
        page: grant.page().await?,
        list_href: grant.path("/roles"),
        matrix_href: grant.path("/permissions"),
        title: role.name(),
        words: role.describe(),
        inherits: shown.inherits.into_iter().map(|role| link(&grant, role)).collect(),
        parts: std::iter::once(own).chain(others).collect(),
        holders: shown.holders.into_iter().map(holder).collect(),
    })
}

/// `GET /t/{slug}/permissions`: which role holds which permission.
pub(crate) async fn permissions(grant: Grant<RoleRead>) -> Answer {
    view::html(&MatrixView {
        page: grant.page().await?,
        list_href: grant.path("/roles"),
        roles: Role::ALL.iter().map(|role| link(&grant, *role)).collect(),
        matrix: matrix(&grant).await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page;

    fn link(name: &'static str) -> RoleLink {
        RoleLink { name, href: format!("/t/acme/roles/{name}") }
    }

    #[test]
    fn a_role_says_what_it_holds_itself_and_what_it_has_from_others() {
        let row = |permission| PermissionRow { permission, words: "Start runs." };
        let view = RoleView {
            page: page::sample(),
            list_href: "/t/acme/roles".to_owned(),
            matrix_href: "/t/acme/permissions".to_owned(),
            title: "executor",
            words: "Starts runs.",
            inherits: vec![link("viewer")],
            parts: vec![
                Part { from: None, permissions: vec![row("workflow:execute")] },
                Part { from: Some(link("viewer")), permissions: vec![row("run:read")] },
            ],
            holders: vec![HolderRow {
                person_name: "<Ada>".to_owned(),
                email: "a@b.example".to_owned(),
                initials: "AD".to_owned(),
                href: String::new(),
            }],
        };
        let html = view.render().unwrap();
        for part in ["workflow:execute", "run:read", "href=\"/t/acme/roles/viewer\"", "&#60;Ada&#62;", "href=\"/t/acme/permissions\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn the_matrix_tells_every_cell_in_words() {
        let matrix: &'static Matrix = Box::leak(Box::new(Matrix {
            groups: vec![Group {
                resource: "run",
                rows: vec![MatrixRow { verb: "read", words: "See runs.", cells: vec![Cell::Own, Cell::Inherited, Cell::Nothing] }],
            }],
        }));
        let roles = ["viewer", "executor", "nobody"].map(link).into();
        let html = MatrixView { page: page::sample(), list_href: "/t/acme/roles".to_owned(), roles, matrix }.render().unwrap();
        for word in ["itself", "inherited", "no"] {
            assert!(html.contains(&format!("<span class=\"vh\">{word}</span>")), "{word} in {html}");
        }
        assert!(html.contains("See runs."));
    }
}
