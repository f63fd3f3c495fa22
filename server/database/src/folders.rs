//! Folders that workflows live in: a path of names, of which each begins with one that is a folder itself.
//!
//! What a path may look like is the platform's. A folder has an id, so that what is bound to it follows when its path changes.

use domain::{
    Authorized, FolderId, Guarded, Protected, Scope, Timestamp,
    permission::{WorkflowRead, WorkflowWrite},
};

use crate::{
    Result,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// The id.
    pub id: FolderId,
    /// The names from the root on, with slashes between.
    pub path: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A folder in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderListRow {
    /// The folder.
    pub folder: FolderRow,
    /// The workflows that live in it, those of the folders below not counted.
    pub workflows: i64,
}

impl Protected for FolderRow {
    type Read = WorkflowRead;
    const KIND: &'static str = "folder";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for FolderRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { id: row.id("id")?, path: row.text("path")?, created_at: row.timestamp("created_at")? })
    }
}

impl FromRow for FolderListRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { folder: FolderRow::from_row(row)?, workflows: row.i64("workflows")? })
    }
}

static LIST: Statement = Statement::tenant(
    "folders.list",
    "select f.id, f.path, f.created_at,
        (select count(*) from workflow w
         where w.tenant_id = f.tenant_id and w.folder_id = f.id and w.removed_at is null) as workflows
     from folder f where f.tenant_id = $1 order by f.path",
);
static FIND: Statement = Statement::tenant("folders.find", "select id, path, created_at from folder where tenant_id = $1 and id = $2");
static FIND_BY_PATH: Statement =
    Statement::tenant("folders.find_by_path", "select id, path, created_at from folder where tenant_id = $1 and path = $2");
static CREATE: Statement = Statement::tenant(
    "folders.create",
    "insert into folder (tenant_id, id, path, created_by, created_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
);
static MOVE: Statement = Statement::tenant(
    "folders.move",
    "update folder set path = $3 || substr(path, length($2) + 1)
     where tenant_id = $1 and (path = $2 or substr(path, 1, length($2) + 1) = $2 || '/')",
);
static REMOVE: Statement = Statement::tenant("folders.remove", "delete from folder where tenant_id = $1 and id = $2");

pub(crate) static ALL: &[&Statement] = &[&LIST, &FIND, &FIND_BY_PATH, &CREATE, &MOVE, &REMOVE];

/// All folders, by path, so that each stands behind the one it is in.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, WorkflowRead>) -> Result<Vec<FolderListRow>> {
    tx.query(&LIST).all().await
}

/// The folder with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: FolderId) -> Result<Option<Guarded<FolderRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// The folder that a path leads to.
pub async fn find_by_path<'a>(tx: &mut impl Reads<'a>, path: &str) -> Result<Option<Guarded<FolderRow>>> {
    Ok(tx.query(&FIND_BY_PATH).bind(path).optional().await?.map(Guarded::new))
}

/// Makes a folder. False, and nothing done, when its path leads to one.
pub async fn create(tx: &mut WriteTx<'_>, _scope: &Scope<'_, WorkflowWrite>, new: &FolderRow) -> Result<bool> {
    let created_by = tx.actor().person();
    Ok(tx.query(&CREATE).bind(new.id).bind(&new.path).bind(created_by).bind(new.created_at).execute().await? == 1)
}

/// Gives a folder another path, and with it everything below it.
///
/// # Errors
/// A violation when the path leads to another one.
pub async fn move_to(tx: &mut WriteTx<'_>, folder: &Authorized<'_, WorkflowWrite, FolderRow>, path: &str) -> Result<()> {
    tx.query(&MOVE).bind(&folder.path).bind(path).execute().await.map(drop)
}

/// Removes a folder in which nothing lives.
///
/// # Errors
/// A violation when a workflow lives in it.
pub async fn remove(tx: &mut WriteTx<'_>, folder: &Authorized<'_, WorkflowWrite, FolderRow>) -> Result<()> {
    tx.query(&REMOVE).bind(folder.id).execute().await.map(drop)
}
