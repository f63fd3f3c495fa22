//! Folders that workflows live in.

use domain::{
    FolderId,
    id::kind,
    permission::{WorkflowRead, WorkflowWrite},
};
use platform::folders::FolderLine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Call, Created, Done, IdText, Json, PageOf, Path, Result};

/// A folder.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Folder")]
pub struct FolderJson {
    /// Its id.
    pub id: IdText<kind::Folder>,
    /// The names from the root on, with slashes between.
    pub path: String,
    /// The workflows that live in it.
    pub workflows: i64,
    /// The workflows that live in it or in a folder below it.
    pub workflows_below: i64,
}

/// The path of a folder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FolderPath")]
pub(crate) struct PathJson {
    /// At most eight names with slashes between; all but the last must lead to a folder.
    path: String,
}

/// A folder that was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewFolder")]
pub(crate) struct NewJson {
    /// Its id.
    id: IdText<kind::Folder>,
    /// Its path.
    path: String,
}

impl From<FolderLine> for FolderJson {
    fn from(line: FolderLine) -> Self {
        Self { id: IdText(line.id), path: line.path, workflows: line.workflows, workflows_below: line.workflows_below }
    }
}

/// The folder that a path leads to; nothing for the root, and for no path.
pub(crate) async fn named<P>(call: &Call<P>, path: Option<&str>) -> Result<Option<FolderId>> {
    match path.map(|path| path.trim_matches('/')) {
        None | Some("") => Ok(None),
        Some(path) => call.platform().folder_at(call.actor(), path).await.map(Some),
    }
}

/// `GET /api/v1/folders`.
pub(crate) async fn list(call: Call<WorkflowRead>, (): ()) -> Result<Json<PageOf<FolderJson>>> {
    let folders = call.platform().folders(call.actor()).await?;
    Ok(Json(PageOf::whole(folders.into_iter().map(FolderJson::from).collect())))
}

/// `POST /api/v1/folders`.
pub(crate) async fn create(call: Call<WorkflowWrite>, Body(asked): Body<PathJson>) -> Result<Created<NewJson>> {
    let (id, path) = call.platform().create_folder(call.actor(), &asked.path).await?;
    Ok(Created { location: format!("/api/v1/folders/{id}"), value: NewJson { id: IdText(id), path } })
}

/// `PUT /api/v1/folders/{folder}`: renames and moves it, with everything in it.
pub(crate) async fn change(
    call: Call<WorkflowWrite>,
    (Path(folder), Body(asked)): (Path<IdText<kind::Folder>>, Body<PathJson>),
) -> Result<Done> {
    call.platform().move_folder(call.actor(), folder.0, &asked.path).await?;
    Ok(Done)
}

/// `DELETE /api/v1/folders/{folder}`: removes it when nothing is in it.
pub(crate) async fn remove(call: Call<WorkflowWrite>, Path(folder): Path<IdText<kind::Folder>>) -> Result<Done> {
    call.platform().remove_folder(call.actor(), folder.0).await?;
    Ok(Done)
}
