//! Folders that workflows live in: what is in one, making one, giving it another path, removing it. What is at the root is the
//! list of workflows (`workflows::list`), whose page this shares.

use domain::{
    FolderId,
    permission::{WorkflowRead, WorkflowWrite},
};
use platform::folders::FolderLine;
use serde::Deserialize;

use crate::{
    page::Link,
    route::{Answer, Form, Grant, Path},
    text,
    view::{self, Outcome, Refusal},
    workflows::{self, Tried},
};

/// A folder in a list.
pub(crate) struct FolderRow {
    pub(crate) href: String,
    pub(crate) name: String,
    /// How many workflows live in it and below, in words.
    pub(crate) workflows: String,
}

/// The folder whose page is shown.
pub(crate) struct FolderHead {
    pub(crate) name: String,
    /// The folders it is in, from the root on.
    pub(crate) above: Vec<Link>,
    /// What stands before the name of a folder that is made in it.
    pub(crate) begin: String,
    pub(crate) path: String,
    pub(crate) change_action: String,
    pub(crate) remove_action: String,
    pub(crate) is_empty: bool,
}

/// A folder that a workflow may live in.
pub(crate) struct FolderChoice {
    /// Its id; empty for no folder.
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) is_chosen: bool,
}

pub(crate) fn row<P>(grant: &Grant<P>, line: &FolderLine) -> FolderRow {
    FolderRow {
        href: href(grant, line.id),
        name: text::in_line(line.name()),
        workflows: if line.workflows_below == 1 { "1 workflow".to_owned() } else { format!("{} workflows", line.workflows_below) },
    }
}

pub(crate) fn head<P>(grant: &Grant<P>, this: &FolderLine, all: &[FolderLine], typed: Option<String>) -> FolderHead {
    let is_above = |line: &&FolderLine| this.path.strip_prefix(&line.path).is_some_and(|rest| rest.starts_with('/'));
    let is_below = |line: &FolderLine| line.path.strip_prefix(&this.path).is_some_and(|rest| rest.starts_with('/'));
    let link = |line: &FolderLine| Link { href: href(grant, line.id), label: text::in_line(line.name()) };
    FolderHead {
        name: text::in_line(this.name()),
        above: all.iter().filter(is_above).map(link).collect(),
        begin: format!("{}/", this.path),
        path: typed.unwrap_or_else(|| this.path.clone()),
        change_action: format!("{}/path", href(grant, this.id)),
        remove_action: format!("{}/removal", href(grant, this.id)),
        is_empty: this.workflows == 0 && !all.iter().any(is_below),
    }
}

/// Every folder to choose from, and none.
pub(crate) fn choices(all: &[FolderLine], chosen: Option<FolderId>) -> Vec<FolderChoice> {
    let none = FolderChoice { id: String::new(), path: "No folder".to_owned(), is_chosen: chosen.is_none() };
    let choice =
        |line: &FolderLine| FolderChoice { id: line.id.to_string(), path: text::in_line(&line.path), is_chosen: chosen == Some(line.id) };
    std::iter::once(none).chain(all.iter().map(choice)).collect()
}

fn href<P>(grant: &Grant<P>, id: FolderId) -> String {
    grant.path(&format!("/folders/{id}"))
}

/// `GET /t/{slug}/folders/{folder}`: what is in it.
pub(crate) async fn folder(grant: Grant<WorkflowRead>, Path(id): Path<FolderId>) -> Answer {
    workflows::folder_page(&grant, Some(id), Tried::default()).await
}

/// What the form of a new folder sends.
#[derive(Debug, Deserialize)]
pub(crate) struct New {
    path: String,
}

/// `POST /t/{slug}/folders`: makes one.
pub(crate) async fn create(grant: Grant<WorkflowWrite>, Form(sent): Form<New>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    match view::outcome(platform.create_folder(actor, &sent.path).await, &[422])? {
        Outcome::Done((id, path)) => Ok(grant.visit().done(&href(&grant, id), &format!("The folder {path} is made."))),
        Outcome::Refused(Refusal { status, errors, .. }) => {
            // The form stood on the page of the folder that the new one was to be in.
            let parent = sent.path.trim_matches('/').rsplit_once('/').map(|(parent, _)| parent);
            let parent = match parent {
                Some(parent) => platform.folder_at(actor, parent).await.ok(),
                None => None,
            };
            workflows::folder_page(&grant, parent, Tried { status, new_folder: sent.path, path: None, errors }).await
        }
    }
}

/// What the form of another path sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    new_path: String,
}

/// `POST /t/{slug}/folders/{folder}/path`: renames and moves it, with everything in it.
pub(crate) async fn change(grant: Grant<WorkflowWrite>, Path(id): Path<FolderId>, Form(sent): Form<Change>) -> Answer {
    match view::outcome(grant.platform().move_folder(grant.actor(), id, &sent.new_path).await, &[422])? {
        Outcome::Done(()) => Ok(grant.visit().done(&href(&grant, id), "The folder has another path, and everything in it too.")),
        Outcome::Refused(Refusal { status, mut errors, .. }) => {
            for error in errors.0.iter_mut().filter(|error| error.field == "path") {
                "new_path".clone_into(&mut error.field);
            }
            let tried = Tried { status, new_folder: String::new(), path: Some(sent.new_path), errors };
            workflows::folder_page(&grant, Some(id), tried).await
        }
    }
}

/// `POST /t/{slug}/folders/{folder}/removal`: removes it when nothing is in it.
pub(crate) async fn remove(grant: Grant<WorkflowWrite>, Path(id): Path<FolderId>) -> Answer {
    match view::outcome(grant.platform().remove_folder(grant.actor(), id).await, &[409])? {
        Outcome::Done(()) => Ok(grant.visit().done(&grant.path("/workflows"), "The folder is removed.")),
        Outcome::Refused(Refusal { status, errors, .. }) => {
            workflows::folder_page(&grant, Some(id), Tried { status, errors, ..Tried::default() }).await
        }
    }
}
