//! Workflows: looked at, saved, listed, shown and removed. Starting one is in `runs`.
//!
//! A file is saved whole or refused with everything that is wrong with it; a version never changes.

mod check;

use database::workflows::{self as rows, LastRun, VersionListRow, WorkflowListRow};
use domain::{
    Actor, Permission, Problem, Scope, Timestamp, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::{WorkflowDelete, WorkflowRead, WorkflowWrite},
};

use crate::{
    Error, Platform, Result,
    expected::Expected,
    runs::{RunFilter, RunLine, read_plan},
    search::{demand_searchable, is_in},
    tenants::quotas::demand_room,
};

pub use check::{Block, Checked, Excerpt, FieldType, Finding, InputShown, Need, NeedKind, OutputShown, RESERVED, Severity, StepOutline};
use check::{Compiled, People};
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
    /// The number of the version that runs.
    pub version: i64,
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
    /// SHA-256 of the plan, as 64 hexadecimal signs: versions that do the same have the same.
    pub plan_hash: String,
    /// The address of who saved it.
    pub saved_by: Option<String>,
    /// When.
    pub saved_at: Timestamp,
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
    /// The version that runs.
    pub current: VersionLine,
    /// That version, looked at as it stands in this tenant now.
    pub checked: Checked,
    /// All versions, newest first.
    pub versions: Vec<VersionLine>,
    /// Its newest runs; empty for one who may not see runs.
    pub recent_runs: Vec<RunLine>,
}

/// The text of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceShown {
    /// The workflow's slug.
    pub slug: String,
    /// The workflow's name.
    pub name: String,
    /// The facts of the version.
    pub version: VersionLine,
    /// The text as it was written.
    pub source: String,
}

/// A file that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The word for the workflow in addresses: the id that the file gives.
    pub slug: String,
    /// The number of the version.
    pub version: i64,
    /// Whether a version was added; false when the present one is the same text.
    pub new: bool,
}

/// Why a file was not saved. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file has errors.
    #[error("the workflow file has errors")]
    Refused(Box<Checked>),
    /// Something else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl SaveError {
    /// What a door answers that shows no files: the first error at its place, and how many there are.
    pub fn into_error(self) -> Error {
        match self {
            Self::Refused(checked) => {
                let count = checked.errors().count();
                let first = checked.errors().next().map(|first| format!(" The first is in line {}: {}.", first.line, first.message));
                let noun = if count == 1 { "error" } else { "errors" };
                Problem::new(422, "workflow_errors", format!("The file has {count} {noun}.{}", first.unwrap_or_default())).into()
            }
            Self::Other(error) => error,
        }
    }
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
            version: workflow.current_version,
            runs,
            unfinished,
            last_run: last_run.map(|LastRun { number, status, accepted_at, .. }| (number, status, accepted_at)),
        }
    }
}

impl From<VersionListRow> for VersionLine {
    fn from(row: VersionListRow) -> Self {
        Self {
            number: row.number,
            label: row.label,
            plan_hash: hex::encode(row.plan_hash),
            saved_by: row.saved_by_email,
            saved_at: row.saved_at,
        }
    }
}

/// The tag that tells a version of a workflow from every other one.
pub fn tag(workflow: WorkflowId, version: i64) -> String {
    format!("{workflow}.{version}")
}

fn not_found() -> Problem {
    Problem::not_found("workflow")
}

fn saved_meanwhile() -> Error {
    Problem::conflict(
        "workflow_changed",
        "Somebody saved or removed this workflow at the same moment, and nothing was done. Look at it and try again.",
    )
    .into()
}

/// What the log says of a version that was saved.
pub(crate) fn saved(action: &'static str, name: &str, id: WorkflowId, slug: &str, number: i64, version: &rows::NewVersion) -> AuditEvent {
    AuditEvent::done(action, "workflow", id, name).with("slug", slug).with("version", number).with("plan", hex::encode(version.plan_hash))
}

impl Platform {
    /// Looks at a file: what it would do, what it needs and whether that is there, and all that is wrong. Changes nothing.
    ///
    /// # Errors
    /// 403 for one who may not save workflows: what is missing says what there is.
    pub async fn check_workflow(&self, actor: &Actor, source: &str) -> Result<Checked> {
        Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let reading = self.reading(source).await?;
        self.look_at(actor, reading).await
    }

    async fn look_at(&self, actor: &Actor, reading: check::Reading) -> Result<Checked> {
        let people = People::read(self, actor.tenant(), actor.person()).await?;
        let mut tx = self.parts().database.read(actor).await?;
        check::checked(&mut tx, reading, None, &people).await
    }

    /// Saves a file: as a new workflow, or as the next version of the one with the same id. The same text again adds
    /// nothing. Whether the tenant has what it needs is asked at a start, not here.
    ///
    /// # Errors
    /// [`SaveError::Refused`] with everything that is wrong with the file; 403 without `workflow:write`.
    pub async fn save_workflow(&self, actor: &Actor, source: &str) -> Result<Saved, SaveError> {
        self.save_as(actor, None, source, &Expected::Anything).await
    }

    /// Saves a file under the word that its address says, for one who says which version they expect to find.
    ///
    /// # Errors
    /// 412 when there is another one, 422 when the file gives another id; else as [`Platform::save_workflow`].
    pub async fn save_workflow_as(&self, actor: &Actor, slug: &str, source: &str, expected: &Expected) -> Result<Saved, SaveError> {
        self.save_as(actor, Some(slug), source, expected).await
    }

    async fn save_as(&self, actor: &Actor, slug: Option<&str>, source: &str, expected: &Expected) -> Result<Saved, SaveError> {
        Scope::<WorkflowWrite>::of(actor, "workflows").map_err(Error::from)?;
        let reading = self.reading(source).await?;
        match reading.compiled()? {
            Some(compiled) if slug.is_some_and(|slug| slug != compiled.slug()) => {
                let words = format!("The file gives the id `{}`, and this is the address of another workflow.", compiled.slug());
                Err(SaveError::Other(Problem::field("source", words).into()))
            }
            Some(compiled) => Ok(self.store(actor, source, &compiled, expected).await?),
            None => Err(SaveError::Refused(Box::new(self.look_at(actor, reading).await?))),
        }
    }

    async fn store(&self, actor: &Actor, source: &str, compiled: &Compiled, expected: &Expected) -> Result<Saved> {
        let scope = Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let version = compiled.new_version(self, source);
        let mut tx = self.parts().database.write(actor).await?;
        let Some(found) = rows::find_by_slug(&mut tx, compiled.slug()).await? else {
            expected.check(None)?;
            let workflow = compiled.new_workflow(self);
            if !rows::create(&mut tx, &scope, &workflow, &version).await? {
                return Err(saved_meanwhile());
            }
            demand_room!(self, actor, tx, self.room_for_bytes(&mut tx).await?);
            let event = saved("workflow.created", &workflow.name, workflow.id, &workflow.slug, 1, &version);
            tx.commit(AuditEvents::one(event)).await?;
            return Ok(Saved { slug: workflow.slug, version: 1, new: true });
        };
        let workflow = found.authorize::<WorkflowWrite>(actor)?;
        expected.check(Some(&tag(workflow.id, workflow.current_version)))?;
        let slug = workflow.slug.clone();
        let current = rows::version(&mut tx, workflow.id, workflow.current_version).await?;
        if let Some(current) = current {
            let current = current.authorize::<WorkflowRead>(actor)?;
            if compiled.is_plan_of(&current) && current.source == source {
                return Ok(Saved { slug, version: workflow.current_version, new: false });
            }
        }
        let name = compiled.name();
        let added = rows::add_version(&mut tx, &workflow, &name, &compiled.description(), &version).await?;
        let number = added.ok_or_else(saved_meanwhile)?;
        demand_room!(self, actor, tx, self.room_for_bytes(&mut tx).await?);
        let event = saved("workflow.updated", &name, workflow.id, &slug, number, &version);
        tx.commit(AuditEvents::one(event)).await?;
        Ok(Saved { slug, version: number, new: true })
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
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?;
        let versions = rows::versions(&mut tx, &workflow).await?;
        let missing = || Error::Broken(format!("version {} of {} is missing", workflow.current_version, workflow.id));
        let current = rows::version(&mut tx, workflow.id, workflow.current_version).await?.ok_or_else(missing)?;
        let current = current.authorize::<WorkflowRead>(actor)?;
        drop(tx);

        let plan = read_plan(&current.plan, current.facts.id)?;
        let reading = self.reading(&current.source).await?;
        let people = People::read(self, actor.tenant(), current.facts.saved_by).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let checked = check::checked(&mut tx, reading, Some(&plan), &people).await?;
        drop(tx);
        let of_this = RunFilter { workflow: Some(workflow.id), ..RunFilter::default() };
        let recent_runs =
            if actor.may(Permission::RunRead) { self.runs(actor, of_this, None, RECENT_RUNS).await?.items } else { Vec::new() };
        let workflow = workflow.into_inner();
        Ok(WorkflowShown {
            id: workflow.id,
            slug: workflow.slug,
            name: workflow.name,
            description: workflow.description,
            current: current.into_inner().facts.into(),
            checked,
            versions: versions.into_iter().map(VersionLine::from).collect(),
            recent_runs,
        })
    }

    /// The text of a version; of the one that runs when no number is given.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_source(&self, actor: &Actor, slug: &str, number: Option<i64>) -> Result<SourceShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?;
        let number = number.unwrap_or(workflow.current_version);
        let found = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let version = found.authorize::<WorkflowRead>(actor)?.into_inner();
        let workflow = workflow.into_inner();
        Ok(SourceShown { slug: workflow.slug, name: workflow.name, version: version.facts.into(), source: version.source })
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
            .with("version", workflow.current_version);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
