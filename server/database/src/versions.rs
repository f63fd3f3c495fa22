//! What became of a saved version, and the files that stand beside its text. The version itself is in `workflows.rs`.

use domain::{Authorized, PublicationId, Timestamp, VersionId, WorkflowId, permission::WorkflowRead};

use crate::{
    Result, quotas,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    workflows::VersionRow,
    write::WriteTx,
};

/// A version that becomes the one that a start takes.
#[derive(Debug, Clone)]
pub struct NewPublication {
    /// The id.
    pub id: PublicationId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The number of the version.
    pub number: i64,
    /// The name that the version gives the workflow.
    pub name: String,
    /// What the version says it does.
    pub description: String,
    /// The tags that the version gives it.
    pub tags: Vec<String>,
    /// Now.
    pub published_at: Timestamp,
}

/// A file beside the text of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its path below the text, with slashes.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl FromRow for FileRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { path: row.text("path")?, content: row.bytes("content")? })
    }
}

static PUBLISH: Statement = Statement::tenant(
    "versions.publish",
    "insert into publication (tenant_id, id, workflow_id, number, published_by, published_at) values ($1, $2, $3, $4, $5, $6)",
);
static ADD_FILE: Statement =
    Statement::tenant("versions.add_file", "insert into version_file (tenant_id, version_id, path, content) values ($1, $2, $3, $4)");
static FILES: Statement =
    Statement::tenant("versions.files", "select path, content from version_file where tenant_id = $1 and version_id = $2 order by path");

pub(crate) static ALL: &[&Statement] = &[&PUBLISH, &ADD_FILE, &FILES];

pub(crate) async fn record_publication(tx: &mut WriteTx<'_>, new: &NewPublication) -> Result<()> {
    let published_by = tx.actor().person();
    tx.query(&PUBLISH).bind(new.id).bind(new.workflow).bind(new.number).bind(published_by).bind(new.published_at).execute().await.map(drop)
}

/// Puts a file beside the text of a version that was made in this transaction.
pub async fn add_file(tx: &mut WriteTx<'_>, version: VersionId, file: &FileRow) -> Result<()> {
    quotas::store(tx, i64::try_from(file.content.len()).unwrap_or(i64::MAX)).await?;
    tx.query(&ADD_FILE).bind(version).bind(&file.path).bind(file.content.clone()).execute().await.map(drop)
}

/// The files beside the text of a version, by path.
pub async fn files<'a>(tx: &mut impl Reads<'a>, version: &Authorized<'_, WorkflowRead, VersionRow>) -> Result<Vec<FileRow>> {
    tx.query(&FILES).bind(version.facts.id).all().await
}
