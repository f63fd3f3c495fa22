//! Saved versions: shown, held against each other, and the folder that a workflow lives in.

use database::{ReadTx, folders, workflows as rows};
use domain::{
    Actor, Authorized, FolderId, Problem,
    audit::{AuditEvent, AuditEvents},
    permission::{WorkflowRead, WorkflowWrite},
};
use serde_json::{Map, Value};
use workflow::{
    Plan,
    difference::{Change, difference},
    flow::Flow,
};

use super::{InputShown, OutputShown, SourceShown, TextDifference, VersionLine, not_found, saved_meanwhile, tag, text, version_line};
use crate::{Platform, Result, mandate::Mandate, runs::read_plan};

/// The versions of a workflow.
#[derive(Debug, Clone)]
pub struct VersionsShown {
    /// The workflow's slug.
    pub slug: String,
    /// The workflow's name.
    pub name: String,
    /// All versions, newest first.
    pub versions: Vec<VersionLine>,
}

/// A version with everything its page shows.
#[derive(Debug, Clone)]
pub struct VersionShown {
    /// Its text and what it may.
    pub shown: SourceShown,
    /// The number of the version that a start takes.
    pub published: Option<i64>,
    /// The number of the newest version.
    pub latest: i64,
    /// Tells this state of the workflow from every other one.
    pub tag: String,
    /// What publishing it would mean against the version that a start takes now; nothing of a draft with errors, and
    /// nothing of that version itself.
    pub changes: Option<Vec<Change>>,
}

/// Two versions held against each other.
#[derive(Debug, Clone)]
pub struct DifferenceShown {
    /// The workflow's slug.
    pub slug: String,
    /// The workflow's name.
    pub name: String,
    /// The one that is held against.
    pub from: VersionLine,
    /// The one it is about.
    pub to: VersionLine,
    /// What it means that the other did not; nothing when one of them has errors, so that what it means cannot be told.
    pub meaning: Option<Vec<Change>>,
    /// How the text differs.
    pub text: TextDifference,
}

/// What a version was compiled to.
#[derive(Debug, Clone)]
pub struct PlanShown {
    /// The workflow's slug.
    pub slug: String,
    /// The workflow's name.
    pub name: String,
    /// The version.
    pub version: VersionLine,
    /// Its plan; nothing of a draft with errors.
    pub plan: Option<PlanOutline>,
}

/// A plan, to be looked at.
#[derive(Debug, Clone)]
pub struct PlanOutline {
    /// What has to be given at a start.
    pub inputs: Vec<InputShown>,
    /// What a completed run gives.
    pub outputs: Vec<OutputShown>,
    /// Its steps, what follows what, and what is read where.
    pub flow: Flow,
}

impl From<&Plan> for PlanOutline {
    fn from(plan: &Plan) -> Self {
        Self {
            inputs: plan.inputs.iter().map(InputShown::from).collect(),
            outputs: plan.outputs.iter().map(OutputShown::from).collect(),
            flow: Flow::of(plan),
        }
    }
}

fn no_version() -> Problem {
    Problem::not_found("version")
}

fn plan_of(version: &rows::VersionRow) -> Result<Option<Plan>> {
    version.plan.as_deref().map(|plan| read_plan(plan, version.facts.id)).transpose()
}

impl Platform {
    async fn found<'a>(
        &self,
        tx: &mut ReadTx<'_>,
        actor: &'a Actor,
        slug: &str,
    ) -> Result<Authorized<'a, WorkflowRead, rows::WorkflowRow>> {
        Ok(rows::find_by_slug(tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?)
    }

    /// The versions of a workflow, newest first.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_versions(&self, actor: &Actor, slug: &str) -> Result<VersionsShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = self.found(&mut tx, actor, slug).await?;
        let published = workflow.published_version;
        let versions = rows::versions(&mut tx, &workflow).await?.into_iter().map(|row| version_line(row, published)).collect();
        let workflow = workflow.into_inner();
        Ok(VersionsShown { slug: workflow.slug, name: workflow.name, versions })
    }

    /// The text of a version; of the newest one when no number is given.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_source(&self, actor: &Actor, slug: &str, number: Option<i64>) -> Result<SourceShown> {
        let number = if let Some(number) = number {
            number
        } else {
            let mut tx = self.parts().database.read(actor).await?;
            self.found(&mut tx, actor, slug).await?.current_version
        };
        Ok(self.workflow_version(actor, slug, number).await?.shown)
    }

    /// A version with everything its page shows.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_version(&self, actor: &Actor, slug: &str, number: i64) -> Result<VersionShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = self.found(&mut tx, actor, slug).await?;
        let version = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(no_version)?;
        let version = version.authorize::<WorkflowRead>(actor)?.into_inner();
        let vars: Map<String, Value> =
            database::variables::for_start(&mut tx).await?.into_iter().map(|row| (row.name, row.value)).collect();
        let published = workflow.published_version;
        let in_force = match published.filter(|published| *published != number) {
            Some(published) => match rows::version(&mut tx, workflow.id, published).await? {
                Some(version) => plan_of(&*version.authorize::<WorkflowRead>(actor)?)?,
                None => None,
            },
            None => None,
        };
        drop(tx);
        let plan = plan_of(&version)?;
        let changes = plan.as_ref().filter(|_| published != Some(number)).map(|plan| difference(in_force.as_ref(), plan));
        let (latest, tag) = (workflow.current_version, tag(&workflow));
        let workflow = workflow.into_inner();
        let mandate = plan.as_ref().map(|plan| Mandate::of_plan(plan, &vars));
        let source = version.source;
        let shown =
            SourceShown { slug: workflow.slug, name: workflow.name, version: version_line(version.facts, published), source, mandate };
        Ok(VersionShown { shown, published, latest, tag, changes })
    }

    /// The plan of a version; when no number is given, of the one that a start takes, and while none was published of the newest
    /// draft.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn workflow_plan(&self, actor: &Actor, slug: &str, number: Option<i64>) -> Result<PlanShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = self.found(&mut tx, actor, slug).await?;
        let published = workflow.published_version;
        let number = number.or(published).unwrap_or(workflow.current_version);
        let version = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(no_version)?;
        let version = version.authorize::<WorkflowRead>(actor)?.into_inner();
        drop(tx);
        let plan = plan_of(&version)?.as_ref().map(PlanOutline::from);
        let workflow = workflow.into_inner();
        Ok(PlanShown { slug: workflow.slug, name: workflow.name, version: version_line(version.facts, published), plan })
    }

    /// Holds a version against another one.
    ///
    /// # Errors
    /// 404 when one of them does not exist.
    pub async fn workflow_difference(&self, actor: &Actor, slug: &str, from: i64, to: i64) -> Result<DifferenceShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let workflow = self.found(&mut tx, actor, slug).await?;
        let old = rows::version(&mut tx, workflow.id, from).await?.ok_or_else(no_version)?.authorize::<WorkflowRead>(actor)?.into_inner();
        let new = rows::version(&mut tx, workflow.id, to).await?.ok_or_else(no_version)?.authorize::<WorkflowRead>(actor)?.into_inner();
        drop(tx);
        let plans = plan_of(&old)?.zip(plan_of(&new)?);
        let meaning = plans.map(|(old, new)| difference(Some(&old), &new));
        let text = text::difference(old.source, new.source).await?;
        let published = workflow.published_version;
        let workflow = workflow.into_inner();
        Ok(DifferenceShown {
            slug: workflow.slug,
            name: workflow.name,
            from: version_line(old.facts, published),
            to: version_line(new.facts, published),
            meaning,
            text,
        })
    }

    /// Lets a workflow live in a folder, or in none.
    ///
    /// # Errors
    /// 404 without such a workflow, 422 without such a folder, 403 without `workflow:write`.
    pub async fn move_workflow(&self, actor: &Actor, slug: &str, folder: Option<FolderId>) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowWrite>(actor)?;
        if workflow.folder == folder {
            return Ok(());
        }
        let path = match folder {
            Some(id) => {
                let gone = || Problem::field("folder", "There is no such folder.");
                Some(folders::find(&mut tx, id).await?.ok_or_else(gone)?.authorize::<WorkflowWrite>(actor)?.path.clone())
            }
            None => None,
        };
        if !rows::move_to(&mut tx, &workflow, folder).await? {
            return Err(saved_meanwhile());
        }
        let event = AuditEvent::done("workflow.moved", "workflow", workflow.id, &workflow.name).with("slug", slug).with("folder", path);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
