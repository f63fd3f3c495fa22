//! Workflows and their saved versions.
//!
//! A version is the text as it was written and the plan it was compiled to; it never changes. A run pins one. Parsing
//! is `workflow`'s: here text and plan are documents that nobody looks into. What became of a version later, and the files
//! beside its text, are in `versions.rs`.

use domain::{
    Authorized, FolderId, Guarded, PersonId, Protected, RunId, Scope, Timestamp, VersionId, WorkflowId,
    permission::{RunRead, WorkflowDelete, WorkflowRead, WorkflowWrite},
};

use crate::{
    Result, RunStatus,
    param::Json,
    quotas,
    read::Reads,
    row::{FromRow, Row},
    runs::RunRow,
    statement::Statement,
    versions::{self, NewPublication},
    write::WriteTx,
};

/// Runs are counted up to this many and one more, which means "more".
pub const COUNTED_RUNS: i64 = 10_000;

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRow {
    /// The id.
    pub id: WorkflowId,
    /// The word for it in addresses and commands, one of its kind in the tenant.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The tags that the version has by which it is called.
    pub tags: Vec<String>,
    /// The number of the newest version, which may be a draft.
    pub current_version: i64,
    /// The number of the version that a start takes; nothing while none was published.
    pub published_version: Option<i64>,
    /// Counts the changes: another one after each save, publication and move.
    pub revision: i64,
    /// The folder it lives in; nothing for none.
    pub folder: Option<FolderId>,
    /// Who saved it first.
    pub created_by: Option<PersonId>,
    /// When it was saved first.
    pub created_at: Timestamp,
}

/// A workflow in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowListRow {
    /// The workflow.
    pub workflow: WorkflowRow,
    /// How many runs it had, up to [`COUNTED_RUNS`] and one more.
    pub runs: i64,
    /// How many of its runs have not ended, counted alike.
    pub unfinished: i64,
    /// Its newest run.
    pub last_run: Option<LastRun>,
}

/// The newest run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// The id.
    pub id: RunId,
    /// The number.
    pub number: i64,
    /// How far it is.
    pub status: RunStatus,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A saved version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The facts of the list.
    pub facts: VersionListRow,
    /// The text as it was written.
    pub source: String,
    /// The plan, as JSON; nothing of a draft with errors.
    pub plan: Option<String>,
}

/// A saved version in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionListRow {
    /// The id.
    pub id: VersionId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The number within the workflow, from 1.
    pub number: i64,
    /// SHA-256 of the text and of the files beside it.
    pub content_hash: [u8; 32],
    /// SHA-256 of the plan; nothing of a draft with errors.
    pub plan_hash: Option<[u8; 32]>,
    /// Who saved it.
    pub saved_by: Option<PersonId>,
    /// The e-mail address of who saved it.
    pub saved_by_email: Option<String>,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// The version that the text calls itself, or nothing.
    pub label: String,
    /// What whoever saved it said of it, on one line; may be empty.
    pub message: String,
    /// The number of the version whose text it has again.
    pub restored_from: Option<i64>,
    /// When it became the one that a start takes, most lately; nothing for one that never did.
    pub published_at: Option<Timestamp>,
}

/// What a workflow is called, also one that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRow {
    /// The id.
    pub id: WorkflowId,
    /// The word for it in addresses; of a removed one, another workflow may have it.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whether it was removed.
    pub is_removed: bool,
}

/// What lists say of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Its name for people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A workflow to be saved for the first time.
#[derive(Debug, Clone)]
pub struct NewWorkflow {
    /// The id.
    pub id: WorkflowId,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The folder it lives in.
    pub folder: Option<FolderId>,
}

/// A version to be saved.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// The id.
    pub id: VersionId,
    /// The text as it was written.
    pub source: String,
    /// SHA-256 of the text and of the files beside it.
    pub content_hash: [u8; 32],
    /// What the text was compiled to; nothing for a draft with errors.
    pub plan: Option<NewPlan>,
    /// The version that the text calls itself, or nothing.
    pub label: String,
    /// What whoever saves it says of it, on one line; may be empty.
    pub message: String,
    /// The number of the version whose text it has again.
    pub restored_from: Option<i64>,
    /// Now.
    pub saved_at: Timestamp,
}

/// The plan of a version to be saved.
#[derive(Debug, Clone)]
pub struct NewPlan {
    /// The plan, as JSON.
    pub text: String,
    /// SHA-256 of the plan.
    pub hash: [u8; 32],
}

impl Protected for WorkflowRow {
    type Read = WorkflowRead;
    const KIND: &'static str = "workflow";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl Protected for VersionRow {
    type Read = WorkflowRead;
    const KIND: &'static str = "workflow version";

    fn public_id(&self) -> String {
        self.facts.id.to_string()
    }
}

impl FromRow for WorkflowRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            slug: row.text("slug")?,
            name: row.text("name")?,
            description: row.text("description")?,
            tags: row.json("tags")?,
            current_version: row.i64("current_version")?,
            published_version: row.opt_i64("published_version")?,
            revision: row.i64("revision")?,
            folder: row.opt_id("folder_id")?,
            created_by: row.opt_id("created_by")?,
            created_at: row.timestamp("created_at")?,
        })
    }
}

impl FromRow for NameRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            slug: row.text("slug")?,
            name: row.text("name")?,
            is_removed: row.opt_timestamp("removed_at")?.is_some(),
        })
    }
}

impl FromRow for WorkflowListRow {
    fn from_row(row: &Row) -> Result<Self> {
        let last_run = match row.opt_id("last_id")? {
            Some(id) => Some(LastRun {
                id,
                number: row.i64("last_number")?,
                status: row.word("last_status", RunStatus::WORDS)?,
                accepted_at: row.timestamp("last_accepted_at")?,
            }),
            None => None,
        };
        Ok(Self { workflow: WorkflowRow::from_row(row)?, runs: row.i64("runs")?, unfinished: row.i64("unfinished")?, last_run })
    }
}

impl FromRow for VersionListRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            workflow: row.id("workflow_id")?,
            number: row.i64("number")?,
            content_hash: row.hash("content_hash")?,
            plan_hash: row.opt_hash("plan_hash")?,
            saved_by: row.opt_id("saved_by")?,
            saved_by_email: row.opt_text("saved_by_email")?,
            saved_at: row.timestamp("saved_at")?,
            label: row.text("label")?,
            message: row.text("message")?,
            restored_from: row.opt_i64("restored_from")?,
            published_at: row.opt_timestamp("published_at")?,
        })
    }
}

impl FromRow for VersionRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { facts: VersionListRow::from_row(row)?, source: row.text("source")?, plan: row.opt_text("plan")? })
    }
}

macro_rules! workflow_select {
    ($rest:literal) => {
        concat!(
            "select id, slug, name, description, tags, current_version, published_version, revision, folder_id, created_by, created_at
             from workflow
             where tenant_id = $1 and removed_at is null",
            $rest
        )
    };
}

macro_rules! version_select {
    ($documents:literal, $rest:literal) => {
        concat!(
            "select v.id, v.workflow_id, v.number, v.content_hash, v.plan_hash, v.saved_by, p.email as saved_by_email, v.saved_at, v.label,
                v.message, v.restored_from,
                (select max(u.published_at) from publication u
                 where u.tenant_id = v.tenant_id and u.workflow_id = v.workflow_id and u.number = v.number) as published_at",
            $documents,
            " from version v
             left join person p on p.id = v.saved_by
             where v.tenant_id = $1",
            $rest
        )
    };
}

/// One column of a workflow's newest run: a step along an index. A join would make PostgreSQL read every run there is.
macro_rules! of_newest_run {
    ($column:literal, $name:literal) => {
        concat!(
            "(select r.",
            $column,
            " from run r where r.tenant_id = w.tenant_id and r.workflow_id = w.id order by r.number desc limit 1) as ",
            $name
        )
    };
}

/// The runs of a workflow with one status, along the index for it: for one of several, SQLite reads every run of the workflow.
macro_rules! of_status {
    ($status:literal) => {
        concat!("select 1 as one from run c where c.tenant_id = w.tenant_id and c.workflow_id = w.id and c.status = '", $status, "'")
    };
}

// Counting stops where it no longer matters: a workflow with a million runs is listed as fast as one with a few.
static LIST: Statement = Statement::tenant(
    "workflows.list",
    concat!(
        "select w.id, w.slug, w.name, w.description, w.tags, w.current_version, w.published_version, w.revision, w.folder_id, w.created_by,
            w.created_at, ",
        of_newest_run!("id", "last_id"),
        ", ",
        of_newest_run!("number", "last_number"),
        ", ",
        of_newest_run!("status", "last_status"),
        ", ",
        of_newest_run!("accepted_at", "last_accepted_at"),
        ",
            (select count(*)
             from (select 1 as one from run c where c.tenant_id = w.tenant_id and c.workflow_id = w.id limit 10001) as counted
            ) as runs,
            (select count(*)
             from (",
        of_status!("queued"),
        " union all ",
        of_status!("running"),
        " union all ",
        of_status!("waiting"),
        " limit 10001) as counted
            ) as unfinished
         from workflow w
         where w.tenant_id = $1 and w.removed_at is null
         order by w.name, w.slug"
    ),
);
static FIND: Statement = Statement::tenant("workflows.find", workflow_select!(" and id = $2"));
static NAMES: Statement =
    Statement::tenant("workflows.names", "select id, slug, name, removed_at from workflow where tenant_id = $1 order by name, slug, id");
static PUBLISHED_VERSION: Statement = Statement::tenant(
    "workflows.published_version",
    "select published_version from workflow where tenant_id = $1 and id = $2 and removed_at is null",
);
static FIND_BY_SLUG: Statement = Statement::tenant("workflows.find_by_slug", workflow_select!(" and slug = $2"));
static CREATE: Statement = Statement::tenant(
    "workflows.create",
    "insert into workflow
        (tenant_id, id, slug, name, description, tags, current_version, revision, folder_id, created_by, created_at)
     values ($1, $2, $3, $4, $5, $9, 1, 1, $8, $6, $7)
     on conflict do nothing",
);
static NEXT_VERSION: Statement = Statement::tenant(
    "workflows.next_version",
    "update workflow
     set current_version = current_version + 1, revision = revision + 1, name = $3, description = $4, tags = $5
     where tenant_id = $1 and id = $2 and removed_at is null
     returning current_version",
);
static CREATE_VERSION: Statement = Statement::tenant(
    "workflows.create_version",
    "insert into version
        (tenant_id, id, workflow_id, number, source, plan, plan_hash, saved_by, saved_at, label, content_hash, message, restored_from)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
);
// One that was removed holds no folder: it can be removed too.
static REMOVE: Statement = Statement::tenant(
    "workflows.remove",
    "update workflow set removed_at = $3, folder_id = null where tenant_id = $1 and id = $2 and removed_at is null",
);
static MOVE: Statement = Statement::tenant(
    "workflows.move",
    "update workflow set folder_id = $3, revision = revision + 1 where tenant_id = $1 and id = $2 and removed_at is null",
);
static PUBLISH: Statement = Statement::tenant(
    "workflows.publish",
    "update workflow set published_version = $3, revision = revision + 1, name = $4, description = $5, tags = $6
     where tenant_id = $1 and id = $2 and removed_at is null",
);
static VERSIONS: Statement = Statement::tenant("workflows.versions", version_select!("", " and v.workflow_id = $2 order by v.number desc"));
static VERSION: Statement =
    Statement::tenant("workflows.version", version_select!(", v.source, v.plan", " and v.workflow_id = $2 and v.number = $3"));
static VERSION_BY_ID: Statement = Statement::tenant("workflows.version_by_id", version_select!(", v.source, v.plan", " and v.id = $2"));

pub(crate) static ALL: &[&Statement] = &[
    &LIST,
    &NAMES,
    &FIND,
    &PUBLISHED_VERSION,
    &FIND_BY_SLUG,
    &CREATE,
    &NEXT_VERSION,
    &CREATE_VERSION,
    &REMOVE,
    &MOVE,
    &PUBLISH,
    &VERSIONS,
    &VERSION,
    &VERSION_BY_ID,
];

/// The workflows that were not removed, by name, each with its newest run.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, WorkflowRead>) -> Result<Vec<WorkflowListRow>> {
    tx.query(&LIST).all().await
}

/// What the workflows are called that runs are of, those that were removed among them, by name.
pub async fn names<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, RunRead>) -> Result<Vec<NameRow>> {
    tx.query(&NAMES).all().await
}

/// The workflow with an id, unless it was removed.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: WorkflowId) -> Result<Option<Guarded<WorkflowRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// The number of the version that a start of a run's workflow would run now; nothing when the workflow was removed.
pub async fn published_version<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<Option<i64>> {
    let rows = tx.query(&PUBLISHED_VERSION).bind(run.facts.workflow).rows().await?;
    Ok(rows.first().map(|row| row.opt_i64("published_version")).transpose()?.flatten())
}

/// The workflow that a slug names.
pub async fn find_by_slug<'a>(tx: &mut impl Reads<'a>, slug: &str) -> Result<Option<Guarded<WorkflowRow>>> {
    Ok(tx.query(&FIND_BY_SLUG).bind(slug).optional().await?.map(Guarded::new))
}

/// Saves a workflow with its first version. False, and nothing done, when the slug is taken.
pub async fn create(tx: &mut WriteTx<'_>, _scope: &Scope<'_, WorkflowWrite>, new: &NewWorkflow, version: &NewVersion) -> Result<bool> {
    let created_by = tx.actor().person();
    let made = tx
        .query(&CREATE)
        .bind(new.id)
        .bind(&new.slug)
        .bind(&new.name)
        .bind(&new.description)
        .bind(created_by)
        .bind(version.saved_at)
        .bind(new.folder)
        .bind(Json(new.tags.clone().into()))
        .execute()
        .await?;
    if made == 0 {
        return Ok(false);
    }
    create_version(tx, new.id, 1, version).await?;
    Ok(true)
}

/// Saves the next version of a workflow, called as is said, and gives its number; nothing when
/// the workflow was removed in between.
pub async fn add_version(
    tx: &mut WriteTx<'_>,
    workflow: &Authorized<'_, WorkflowWrite, WorkflowRow>,
    called: &Called,
    version: &NewVersion,
) -> Result<Option<i64>> {
    let Called { name, description, tags } = called;
    let rows = tx.query(&NEXT_VERSION).bind(workflow.id).bind(name).bind(description).bind(Json(tags.clone().into())).rows().await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let number = row.i64("current_version")?;
    create_version(tx, workflow.id, number, version).await?;
    Ok(Some(number))
}

async fn create_version(tx: &mut WriteTx<'_>, workflow: WorkflowId, number: i64, version: &NewVersion) -> Result<()> {
    let plan = version.plan.as_ref();
    let plan_size = plan.map_or(0, |plan| quotas::size(&plan.text));
    quotas::store(tx, quotas::size(&version.source).saturating_add(plan_size)).await?;
    let saved_by = tx.actor().person();
    tx.query(&CREATE_VERSION)
        .bind(version.id)
        .bind(workflow)
        .bind(number)
        .bind(&version.source)
        .bind(plan.map(|plan| plan.text.clone()))
        .bind(plan.map(|plan| plan.hash))
        .bind(saved_by)
        .bind(version.saved_at)
        .bind(&version.label)
        .bind(version.content_hash)
        .bind(&version.message)
        .bind(version.restored_from)
        .execute()
        .await
        .map(drop)
}

/// Removes a workflow from the list; its runs and versions stay. False when it was removed in between.
pub async fn remove(tx: &mut WriteTx<'_>, workflow: &Authorized<'_, WorkflowDelete, WorkflowRow>, now: Timestamp) -> Result<bool> {
    Ok(tx.query(&REMOVE).bind(workflow.id).bind(now).execute().await? == 1)
}

/// Lets a workflow live in another folder, or in none. False when it was removed in between.
pub async fn move_to(
    tx: &mut WriteTx<'_>,
    workflow: &Authorized<'_, WorkflowWrite, WorkflowRow>,
    folder: Option<FolderId>,
) -> Result<bool> {
    Ok(tx.query(&MOVE).bind(workflow.id).bind(folder).execute().await? == 1)
}

/// Makes a version the one that a start takes, with the name and description it gives. False when the workflow was removed
/// in between.
pub async fn publish(tx: &mut WriteTx<'_>, _scope: &Scope<'_, WorkflowWrite>, new: &NewPublication) -> Result<bool> {
    let done = tx
        .query(&PUBLISH)
        .bind(new.workflow)
        .bind(new.number)
        .bind(&new.name)
        .bind(&new.description)
        .bind(Json(new.tags.clone().into()))
        .execute()
        .await?;
    if done == 0 {
        return Ok(false);
    }
    versions::record_publication(tx, new).await?;
    Ok(true)
}

/// The versions of a workflow, newest first.
pub async fn versions<'a>(tx: &mut impl Reads<'a>, workflow: &Authorized<'_, WorkflowRead, WorkflowRow>) -> Result<Vec<VersionListRow>> {
    tx.query(&VERSIONS).bind(workflow.id).all().await
}

/// One version of a workflow, by its number.
pub async fn version<'a>(tx: &mut impl Reads<'a>, workflow: WorkflowId, number: i64) -> Result<Option<Guarded<VersionRow>>> {
    Ok(tx.query(&VERSION).bind(workflow).bind(number).optional().await?.map(Guarded::new))
}

/// The version that a run pinned, whatever became of its workflow. Under no guard: the engine reads it for the run.
pub async fn pinned_version<'a>(tx: &mut impl Reads<'a>, id: VersionId) -> Result<Option<VersionRow>> {
    tx.query(&VERSION_BY_ID).bind(id).optional().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::Engine;

    #[test]
    fn runs_are_counted_one_beyond_the_limit_that_is_shown() {
        assert!(LIST.text(Engine::Sqlite).contains(&format!("limit {}", COUNTED_RUNS + 1)));
    }
}
