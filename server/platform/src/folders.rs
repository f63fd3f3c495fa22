//! Folders that workflows live in: made, given another path, removed. Which workflow lives where is said in `workflows`.
//!
//! A path is made of at most eight names. What is bound to a folder one day is bound to its id, and follows when its path changes.

use database::folders::{self as rows, FolderRow};
use domain::{
    Actor, FolderId, Problem, Scope,
    audit::{AuditEvent, AuditEvents},
    permission::{WorkflowRead, WorkflowWrite},
};

use crate::{Platform, Result};

/// The most names in a path.
pub const DEEPEST: usize = 8;
/// The longest name, in signs.
const LONGEST_NAME: usize = 60;

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderLine {
    /// The id.
    pub id: FolderId,
    /// The names from the root on, with slashes between.
    pub path: String,
    /// The workflows that live in it.
    pub workflows: i64,
    /// The workflows that live in it or in a folder below it.
    pub workflows_below: i64,
}

impl FolderLine {
    /// Its own name: the last one of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The path of the folder it is in; nothing at the root.
    pub fn parent(&self) -> Option<&str> {
        self.path.rsplit_once('/').map(|(parent, _)| parent)
    }
}

/// A path as it is kept.
///
/// # Errors
/// Why it is none, as a sentence.
fn checked(text: &str) -> Result<String, String> {
    let names: Vec<&str> = text.trim().trim_matches('/').split('/').map(str::trim).collect();
    if names.len() > DEEPEST {
        return Err(format!("Folders are at most {DEEPEST} deep."));
    }
    let is_sign = |sign: char| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_');
    for name in &names {
        let is_name = (1..=LONGEST_NAME).contains(&name.chars().count())
            && name.chars().all(is_sign)
            && name.chars().next().is_some_and(char::is_alphanumeric)
            && !name.contains("  ");
        if !is_name {
            return Err(format!(
                "The name of a folder has 1 to {LONGEST_NAME} letters, digits, single spaces, `-` and `_`, and begins with a letter or a digit."
            ));
        }
    }
    Ok(names.join("/"))
}

fn path(text: &str) -> Result<String> {
    checked(text).map_err(|wrong| Problem::field("path", wrong).into())
}

fn not_found() -> Problem {
    Problem::not_found("folder")
}

fn taken(path: &str) -> Problem {
    Problem::field("path", format!("There is a folder {path} already."))
}

fn event(action: &'static str, id: FolderId, path: &str) -> AuditEvent {
    AuditEvent::done(action, "folder", id, path)
}

impl Platform {
    /// All folders by path, so that each stands behind the one it is in.
    pub async fn folders(&self, actor: &Actor) -> Result<Vec<FolderLine>> {
        let scope = Scope::<WorkflowRead>::of(actor, "folders")?;
        let mut tx = self.parts().database.read(actor).await?;
        let all = rows::list(&mut tx, &scope).await?;
        let below = |path: &str| {
            let begin = format!("{path}/");
            let inside = |row: &&rows::FolderListRow| row.folder.path == path || row.folder.path.starts_with(&begin);
            all.iter().filter(inside).map(|row| row.workflows).sum()
        };
        let mut lines: Vec<FolderLine> = all
            .iter()
            .map(|row| FolderLine {
                id: row.folder.id,
                path: row.folder.path.clone(),
                workflows: row.workflows,
                workflows_below: below(&row.folder.path),
            })
            .collect();
        // A space sorts before a slash: by names, a folder is followed by what is in it.
        lines.sort_by(|one, other| one.path.split('/').cmp(other.path.split('/')));
        Ok(lines)
    }

    /// The folder that a path leads to.
    ///
    /// # Errors
    /// 404 when it leads to none.
    pub async fn folder_at(&self, actor: &Actor, path: &str) -> Result<FolderId> {
        let mut tx = self.parts().database.read(actor).await?;
        Ok(rows::find_by_path(&mut tx, path.trim_matches('/')).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?.id)
    }

    /// Makes a folder, and gives its id and its path as it is kept.
    ///
    /// # Errors
    /// 422 for a path that is none, that leads to a folder already, or whose beginning leads to none; 403 without
    /// `workflow:write`.
    pub async fn create_folder(&self, actor: &Actor, wanted: &str) -> Result<(FolderId, String)> {
        let scope = Scope::<WorkflowWrite>::of(actor, "folders")?;
        let path = path(wanted)?;
        let mut tx = self.parts().database.write(actor).await?;
        self.demand_parent(&mut tx, &path).await?;
        let new = FolderRow { id: self.new_id(), path: path.clone(), created_at: self.now() };
        if !rows::create(&mut tx, &scope, &new).await? {
            return Err(taken(&path).into());
        }
        tx.commit(AuditEvents::one(event("folder.created", new.id, &path))).await?;
        Ok((new.id, path))
    }

    async fn demand_parent(&self, tx: &mut database::WriteTx<'_>, path: &str) -> Result<()> {
        if let Some((parent, _)) = path.rsplit_once('/')
            && rows::find_by_path(tx, parent).await?.is_none()
        {
            return Err(Problem::field("path", format!("There is no folder {parent}. Make it first.")).into());
        }
        Ok(())
    }

    /// Gives a folder another path, and so everything in it: this renames it and moves it.
    ///
    /// # Errors
    /// 404 without such a folder; 422 as for a new one, for a path inside the folder itself, and for one that would be too
    /// deep for what is in it; 403 without `workflow:write`.
    pub async fn move_folder(&self, actor: &Actor, id: FolderId, wanted: &str) -> Result<()> {
        let scope = Scope::<WorkflowRead>::of(actor, "folders")?;
        let path = path(wanted)?;
        let mut tx = self.parts().database.write(actor).await?;
        let folder = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<WorkflowWrite>(actor)?;
        if folder.path == path {
            return Ok(());
        }
        let inside = format!("{}/", folder.path);
        if path.starts_with(&inside) {
            return Err(Problem::field("path", "A folder cannot be moved into itself.").into());
        }
        self.demand_parent(&mut tx, &path).await?;
        let all = rows::list(&mut tx, &scope).await?;
        if all.iter().any(|row| row.folder.path == path) {
            return Err(taken(&path).into());
        }
        let depth = |path: &str| path.split('/').count();
        let deepest = all.iter().filter(|row| row.folder.path.starts_with(&inside)).map(|row| depth(&row.folder.path)).max();
        let deeper = deepest.map_or(0, |deepest| deepest - depth(&folder.path));
        if depth(&path) + deeper > DEEPEST {
            return Err(Problem::field("path", format!("Folders are at most {DEEPEST} deep, and there are folders in this one.")).into());
        }
        rows::move_to(&mut tx, &folder, &path).await?;
        let event = event("folder.moved", id, &path).with("from", folder.path.as_str());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Removes a folder in which nothing is.
    ///
    /// # Errors
    /// 404 without such a folder, 409 when something is in it; 403 without `workflow:write`.
    pub async fn remove_folder(&self, actor: &Actor, id: FolderId) -> Result<()> {
        let scope = Scope::<WorkflowRead>::of(actor, "folders")?;
        let mut tx = self.parts().database.write(actor).await?;
        let folder = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<WorkflowWrite>(actor)?;
        let inside = format!("{}/", folder.path);
        let all = rows::list(&mut tx, &scope).await?;
        let is_full = all.iter().any(|row| row.folder.path.starts_with(&inside) || (row.folder.id == id && row.workflows > 0));
        if is_full {
            return Err(Problem::conflict("folder_not_empty", "Something is in this folder. Move or remove that first.").into());
        }
        rows::remove(&mut tx, &folder).await?;
        Ok(tx.commit(AuditEvents::one(event("folder.removed", id, &folder.path))).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_plain_names() {
        for (text, path) in [("Finance", "Finance"), (" /Finance/Payments 2026/ ", "Finance/Payments 2026"), ("Büro/a-b_c", "Büro/a-b_c")]
        {
            assert_eq!(checked(text).as_deref(), Ok(path), "{text}");
        }
        let deep = "a/b/c/d/e/f/g/h";
        assert!(checked(deep).is_ok() && checked(&format!("{deep}/i")).is_err());
        for wrong in ["", "/", "a//b", "..", "a/../b", "a.md", "-a", "a\\b", "a\u{202e}b", "a\nb", "a  b", &"x".repeat(61)] {
            assert!(checked(wrong).is_err(), "{wrong:?}");
        }
    }
}
