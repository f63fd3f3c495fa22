//! Workflows: looked at, saved, listed, shown and removed. Starting one is in `runs`.
//!
//! A file is saved whole or refused with everything that is wrong with it; a version never changes.

pub mod bundles;
mod check;
mod export;
mod save;
mod text;
mod versions;

use std::collections::BTreeMap;

use database::{
    Reads, folders,
    workflows::{self as rows, LastRun, VersionListRow, VersionRow, WorkflowListRow, WorkflowRow},
};
use domain::{
    Actor, Authorized, FolderId, Permission, Problem, Scope, Timestamp, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::{WorkflowDelete, WorkflowRead},
};

use serde_json::Value;
use workflow::bundle::Files;

use crate::{
    Error, Platform, Result,
    mandate::Mandate,
    runs::{RunFilter, RunLine, read_plan},
    search::{demand_searchable, is_in},
};

pub use export::{Export, ExportedFile};
pub(crate) use save::saved;
pub use save::{Base, Foreseen, Save, SaveError, Saved, Standing};
pub use text::{TextDifference, TextLine, TextRow, Words};
pub use versions::{DifferenceShown, PlanOutline, PlanShown, VersionShown, VersionsShown};
pub use workflow::{
    difference::{Change, Kind as ChangeKind, Weight},
    flow,
};

use check::People;
pub use check::{
    Block, Checked, Excerpt, FieldType, Finding, InputShown, Need, NeedKind, OutputShown, RESERVED, Severity, StepOutline, TriggerShown,
};
pub use database::RunStatus;

/// Runs shown on the page of a workflow.
const RECENT_RUNS: u32 = 10;

/// One line of the list of workflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowLine {
    /// The id.
    pub id: WorkflowId,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The tags that its file gives it.
    pub tags: Vec<String>,
    /// The number of the version that a start takes; while none was published, of the newest draft.
    pub version: i64,
    /// Whether there is one that a start takes.
    pub is_published: bool,
    /// The number of the newest version.
    pub latest: i64,
    /// The folder it lives in.
    pub folder: Option<FolderId>,
    /// How many runs it had; more than 10,000 are counted as 10,001.
    pub runs: i64,
    /// How many of them have not ended, counted alike.
    pub unfinished: i64,
    /// Its newest run: number, how far it is, since when.
    pub last_run: Option<(i64, RunStatus, Timestamp)>,
}

/// Which workflows are asked for; what is left out filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowSearch {
    /// A part of the name, of the word in addresses or of what it does.
    pub text: Option<String>,
    /// One of its tags, exactly.
    pub tag: Option<String>,
}

/// A saved version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLine {
    /// The number within the workflow, from 1.
    pub number: i64,
    /// The version that the text calls itself, or nothing.
    pub label: String,
    /// SHA-256 of the text and of the files beside it, as 64 hexadecimal signs.
    pub content_hash: String,
    /// SHA-256 of the plan, alike: versions that do the same have the same. Nothing of a draft with errors.
    pub plan_hash: Option<String>,
    /// The address of who saved it.
    pub saved_by: Option<String>,
    /// When.
    pub saved_at: Timestamp,
    /// What they said of it, on one line; may be empty.
    pub message: String,
    /// The number of the version whose text it has again.
    pub restored_from: Option<i64>,
    /// When it became the one that a start takes, most lately.
    pub published_at: Option<Timestamp>,
    /// What it can be used for.
    pub state: VersionState,
}

/// What a version can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// A start takes it.
    Published,
    /// A start took it once, and can name it still.
    Earlier,
    /// It is without errors, and cannot be started before it is published.
    Draft,
    /// It has errors, and is kept so that nothing that was written is lost.
    Broken,
}

impl VersionState {
    /// Whether a run of it can be started.
    pub const fn can_start(self) -> bool {
        matches!(self, Self::Published | Self::Earlier)
    }
}

/// A workflow with everything its page shows.
#[derive(Debug, Clone)]
pub struct WorkflowShown {
    /// The id.
    pub id: WorkflowId,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The version that a start takes; while none was published, the newest draft.
    pub current: VersionLine,
    /// That version, looked at as it stands in this tenant now.
    pub checked: Checked,
    /// Tells this state of the workflow from every other one.
    pub tag: String,
    /// The folder it lives in, with its path.
    pub folder: Option<(FolderId, String)>,
    /// All versions, newest first.
    pub versions: Vec<VersionLine>,
    /// Its newest runs; empty for one who may not see runs.
    pub recent_runs: Vec<RunLine>,
}

/// The text of a version.
#[derive(Debug, Clone)]
pub struct SourceShown {
    /// The workflow's slug.
    pub slug: String,
    /// The workflow's name.
    pub name: String,
    /// The facts of the version.
    pub version: VersionLine,
    /// The text as it was written.
    pub source: String,
    /// What it may, under the tenant's variables as they are now; nothing of a draft with errors.
    pub mandate: Option<Mandate>,
}

impl From<WorkflowListRow> for WorkflowLine {
    fn from(row: WorkflowListRow) -> Self {
        let WorkflowListRow { workflow, runs, unfinished, last_run } = row;
        Self {
            id: workflow.id,
            slug: workflow.slug,
            name: workflow.name,
            description: workflow.description,
            tags: workflow.tags,
            version: workflow.published_version.unwrap_or(workflow.current_version),
            is_published: workflow.published_version.is_some(),
            latest: workflow.current_version,
            folder: workflow.folder,
            runs,
            unfinished,
            last_run: last_run.map(|LastRun { number, status, accepted_at, .. }| (number, status, accepted_at)),
        }
    }
}

/// A version as lists show it; `published` is the number of the one that a start takes.
pub(crate) fn version_line(row: VersionListRow, published: Option<i64>) -> VersionLine {
    let state = match (row.plan_hash, row.published_at) {
        (None, _) => VersionState::Broken,
        (Some(_), None) => VersionState::Draft,
        (Some(_), Some(_)) if published == Some(row.number) => VersionState::Published,
        (Some(_), Some(_)) => VersionState::Earlier,
    };
    VersionLine {
        number: row.number,
        label: row.label,
        content_hash: hex::encode(row.content_hash),
        plan_hash: row.plan_hash.map(hex::encode),
        saved_by: row.saved_by_email,
        saved_at: row.saved_at,
        message: row.message,
        restored_from: row.restored_from,
        published_at: row.published_at,
        state,
    }
}

/// The tag of a workflow: another one after every save, publication and move.
fn tag(workflow: &WorkflowRow) -> String {
    format!("{}.{}", workflow.id, workflow.revision)
}

fn not_found() -> Problem {
    Problem::not_found("workflow")
}

/// A version that the workflow must have.
async fn version_of<'a, 'actor, P>(
    tx: &mut impl Reads<'a>,
    actor: &'actor Actor,
    workflow: &Authorized<'_, P, WorkflowRow>,
    number: i64,
) -> Result<Authorized<'actor, WorkflowRead, VersionRow>> {
    let missing = || Error::Broken(format!("version {number} of {} is missing", workflow.id));
    Ok(rows::version(tx, workflow.id, number).await?.ok_or_else(missing)?.authorize::<WorkflowRead>(actor)?)
}

fn saved_meanwhile() -> Error {
    Problem::conflict(
        "workflow_changed",
        "Somebody saved or removed this workflow at the same moment, and nothing was done. Look at it and try again.",
    )
    .into()
}

impl Platform {
    /// What the file of a version declares as samples for a dry run, by step.
    pub(crate) async fn declared_samples(&self, source: &str, beside: &Files) -> Result<BTreeMap<String, Value>> {
        Ok(self.reading_beside(source, beside).await?.into_samples())
    }

    /// The id of the workflow with this word in addresses. An id stands for itself: of one that was removed, runs are left.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_id(&self, actor: &Actor, slug: &str) -> Result<WorkflowId> {
        if let Ok(id) = slug.parse() {
            return Ok(id);
        }
        let mut tx = self.parts().database.read(actor).await?;
        Ok(rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?.id)
    }

    /// The workflows, by name.
    ///
    /// # Errors
    /// 422 for a text to search for that is too long.
    pub async fn workflows(&self, actor: &Actor, search: &WorkflowSearch) -> Result<Vec<WorkflowLine>> {
        let scope = Scope::<WorkflowRead>::of(actor, "workflows")?;
        demand_searchable(&[("text", search.text.as_deref()), ("tag", search.tag.as_deref())])?;
        let mut tx = self.parts().database.read(actor).await?;
        let lines = rows::list(&mut tx, &scope).await?.into_iter().map(WorkflowLine::from);
        let fits = |line: &WorkflowLine| {
            is_in(search.text.as_deref(), &[&line.name, &line.slug, &line.description])
                && search.tag.as_ref().is_none_or(|tag| line.tags.contains(tag))
        };
        Ok(lines.filter(fits).collect())
    }

    /// A workflow with everything its page shows.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow(&self, actor: &Actor, slug: &str) -> Result<WorkflowShown> {
        self.workflow_at(actor, slug, None).await
    }

    /// The same with another version looked at, which is then the current one; nothing for the one that a start takes.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_at(&self, actor: &Actor, slug: &str, version: Option<i64>) -> Result<WorkflowShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?;
        let versions = rows::versions(&mut tx, &workflow).await?;
        let number = version.or(workflow.published_version).unwrap_or(workflow.current_version);
        let found = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let current = found.authorize::<WorkflowRead>(actor)?;
        let folder = match workflow.folder {
            Some(id) => folders::find(&mut tx, id).await?.map(|folder| folder.authorize::<WorkflowRead>(actor)).transpose()?,
            None => None,
        };
        let beside = bundles::beside(&mut tx, &current).await?;
        drop(tx);

        let plan = current.plan.as_deref().map(|plan| read_plan(plan, current.facts.id)).transpose()?;
        let reading = self.reading_beside(&current.source, &beside).await?;
        let people = People::read(self, actor, current.facts.saved_by).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let checked = check::checked(&mut tx, reading, plan.as_ref(), &people).await?;
        drop(tx);
        let of_this = RunFilter { workflow: Some(workflow.id), ..RunFilter::default() };
        let recent_runs =
            if actor.may(Permission::RunRead) { self.runs(actor, of_this, None, RECENT_RUNS).await?.items } else { Vec::new() };
        let (folder, tag) = (folder.map(|folder| (folder.id, folder.path.clone())), tag(&workflow));
        let workflow = workflow.into_inner();
        let published = workflow.published_version;
        Ok(WorkflowShown {
            tag,
            folder,
            id: workflow.id,
            slug: workflow.slug,
            name: workflow.name,
            description: workflow.description,
            current: version_line(current.into_inner().facts, published),
            checked,
            versions: versions.into_iter().map(|row| version_line(row, published)).collect(),
            recent_runs,
        })
    }

    /// Removes a workflow from the list: it cannot be started any more. Its runs go on and stay, with their versions.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn remove_workflow(&self, actor: &Actor, slug: &str) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowDelete>(actor)?;
        if !rows::remove(&mut tx, &workflow, self.now()).await? {
            return Err(saved_meanwhile());
        }
        let event = AuditEvent::done("workflow.deleted", "workflow", workflow.id, &workflow.name)
            .with("slug", workflow.slug.as_str())
            .with("version", workflow.published_version);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
