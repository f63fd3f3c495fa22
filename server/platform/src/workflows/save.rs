//! Workflow files looked at and saved: each save is a version, as a draft or published at once.

use database::{
    WriteTx, folders,
    versions::{self, NewPublication},
    workflows as rows,
};
use domain::{
    Actor, FolderId, Problem, Scope, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::{WorkflowRead, WorkflowWrite},
};
use workflow::{
    Plan,
    bundle::Files,
    difference::{Change, difference},
    parse,
};

use super::{
    Checked, RESERVED, TextDifference, VersionLine, bundles,
    check::{self, Compiled, People},
    not_found, saved_meanwhile, tag, text, version_line, version_of,
};
use crate::{Error, Platform, Result, expected::Expected, mail::text::one_line, names, runs::read_plan, tenants::quotas::demand_room};

/// The longest message of a version, in signs.
const LONGEST_MESSAGE: usize = 200;

/// What a save expects to find under the id of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The workflow in a state that programs name by its tag.
    Tag(Expected),
    /// The newest version with this number; 0 for no such workflow.
    Version(i64),
}

/// A file to be saved.
#[derive(Debug, Clone)]
pub struct Save<'s> {
    /// The text of the file.
    pub source: &'s str,
    /// The id that the file has to give. A draft with errors is kept under it, whatever the file says.
    pub slug: Option<&'s str>,
    /// Under which id to keep a draft with errors when none is demanded; otherwise the one that can be read in passing.
    pub draft_id: Option<&'s str>,
    /// What the version is about, on one line; may be empty.
    pub message: &'s str,
    /// Whether a start takes it from now on. Otherwise it is a draft, which may have errors.
    pub publish: bool,
    /// Where a workflow that did not exist before lives.
    pub folder: Option<FolderId>,
    /// What is expected to be there.
    pub base: Base,
}

impl<'s> Save<'s> {
    /// A file that is published, whatever is there.
    pub const fn published(source: &'s str) -> Self {
        Self { source, slug: None, draft_id: None, message: "", publish: true, folder: None, base: Base::Tag(Expected::Anything) }
    }

    /// A file that is kept as a draft, whatever is there.
    pub fn draft(source: &'s str) -> Self {
        Self { publish: false, ..Self::published(source) }
    }
}

/// A file that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The word for the workflow in addresses: the id that the file gives.
    pub slug: String,
    /// The number of the version.
    pub version: i64,
    /// Whether a version was added; false when the newest one is the same text.
    pub new: bool,
    /// Whether a start takes it.
    pub published: bool,
}

/// A file looked at, and what saving it would change.
#[derive(Debug, Clone)]
pub struct Foreseen {
    /// What the file says, or what is wrong with it.
    pub checked: Checked,
    /// The id that it gives, also when it can only be read in passing.
    pub slug: Option<String>,
    /// The workflow that has this id now.
    pub standing: Option<Standing>,
    /// What publishing it would mean against the version that a start takes now; whole for one that is new. Empty while
    /// the file has errors.
    pub changes: Vec<Change>,
}

/// The workflow that a file would become a version of.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Its newest version.
    pub latest: VersionLine,
    /// The number of the version that a start takes.
    pub published: Option<i64>,
    /// How the text differs from that of the newest version.
    pub text: TextDifference,
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

/// What the log says of a version that was saved.
pub(crate) fn saved(
    action: &'static str,
    (id, slug, name): (WorkflowId, &str, &str),
    number: i64,
    version: &rows::NewVersion,
) -> AuditEvent {
    let event = AuditEvent::done(action, "workflow", id, name)
        .with("slug", slug)
        .with("version", number)
        .with("content", hex::encode(version.content_hash))
        .with("plan", version.plan.as_ref().map(|plan| hex::encode(plan.hash)));
    let event = if version.message.is_empty() { event } else { event.with("message", version.message.as_str()) };
    match version.restored_from {
        Some(number) => event.with("restored_from", number),
        None => event,
    }
}

/// What the log says of a version that a start takes from now on.
fn published(slug: &str, new: &NewPublication, replaced: Option<i64>) -> AuditEvent {
    AuditEvent::done("workflow.published", "workflow", new.workflow, new.name.clone())
        .with("slug", slug)
        .with("version", new.number)
        .with("instead_of", replaced)
}

/// What a version is about, as it is kept.
fn message(text: &str) -> Result<String> {
    let message = one_line(text);
    if message.chars().count() > LONGEST_MESSAGE {
        return Err(Problem::field("message", format!("A message has at most {LONGEST_MESSAGE} signs, on one line.")).into());
    }
    Ok(message)
}

/// What is to be kept, under which id.
pub(super) struct Kept {
    pub(super) slug: String,
    pub(super) compiled: Option<Compiled>,
    pub(super) version: rows::NewVersion,
    /// What stands beside the text.
    pub(super) files: Files,
}

impl Platform {
    /// Looks at a file: what it would do, what it needs and whether that is there, and all that is wrong. Changes nothing.
    ///
    /// # Errors
    /// 403 for one who may not save workflows: what is missing says what there is.
    pub async fn check_workflow(&self, actor: &Actor, source: &str) -> Result<Checked> {
        Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let (reading, _) = self.reading_of(actor, source, None).await?;
        self.look_at(actor, reading).await
    }

    pub(super) async fn look_at(&self, actor: &Actor, reading: check::Reading) -> Result<Checked> {
        let people = People::read(self, actor, actor.person()).await?;
        let mut tx = self.parts().database.read(actor).await?;
        check::checked(&mut tx, reading, None, &people).await
    }

    /// Looks at a file as [`Platform::check_workflow`] does, and at what saving it would change: of the workflow whose id
    /// it gives, or whose id is given here while its own cannot be read.
    ///
    /// # Errors
    /// As [`Platform::check_workflow`].
    pub async fn foresee_save(&self, actor: &Actor, source: &str, slug: Option<&str>) -> Result<Foreseen> {
        Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let (reading, _) = self.reading_of(actor, source, slug).await?;
        let compiled = reading.compiled()?;
        let slug = match &compiled {
            Some(compiled) => Some(compiled.slug().to_owned()),
            None => slug.map(str::to_owned).or_else(|| check::id_in(source)),
        };
        let checked = self.look_at(actor, reading).await?;
        let new = compiled.as_ref().map(Compiled::plan);
        let whole = |checked| {
            let changes = new.map(|new| difference(None, new)).unwrap_or_default();
            Foreseen { checked, slug: slug.clone(), standing: None, changes }
        };
        let Some(known) = slug.as_deref().filter(|_| actor.may(domain::Permission::WorkflowRead)) else { return Ok(whole(checked)) };
        let mut tx = self.parts().database.read(actor).await?;
        let Some(found) = rows::find_by_slug(&mut tx, known).await? else { return Ok(whole(checked)) };
        let workflow = found.authorize::<WorkflowRead>(actor)?;
        let latest = version_of(&mut tx, actor, &workflow, workflow.current_version).await?.into_inner();
        let old = match workflow.published_version {
            Some(number) => {
                let version = version_of(&mut tx, actor, &workflow, number).await?;
                version.plan.as_deref().map(|plan| read_plan(plan, version.facts.id)).transpose()?
            }
            None => None,
        };
        drop(tx);
        let changes = new.map(|new| difference(old.as_ref(), new)).unwrap_or_default();
        let text = text::difference(latest.source, source.to_owned()).await?;
        let (name, published) = (workflow.name.clone(), workflow.published_version);
        let standing = Standing { name, latest: version_line(latest.facts, published), published, text };
        Ok(Foreseen { checked, slug, standing: Some(standing), changes })
    }

    /// Saves and publishes a file: as a new workflow, or as the next version of the one with the same id.
    ///
    /// # Errors
    /// As [`Platform::save`].
    pub async fn save_workflow(&self, actor: &Actor, source: &str) -> Result<Saved, SaveError> {
        self.save(actor, &Save::published(source)).await
    }

    /// Saves a file: as a new workflow, or as the next version of the one with the same id. The text of the newest version
    /// again adds nothing. Whether the tenant has what it needs is asked at a start, not here.
    ///
    /// # Errors
    /// [`SaveError::Refused`] with everything that is wrong with a file that is to be published, or that cannot be kept;
    /// 412 when something else is there than was expected, 422 when the file gives another id or a draft with errors none;
    /// 403 without `workflow:write`.
    pub async fn save(&self, actor: &Actor, save: &Save<'_>) -> Result<Saved, SaveError> {
        Scope::<WorkflowWrite>::of(actor, "workflows").map_err(Error::from)?;
        let message = message(save.message)?;
        let (reading, files) = self.reading_of(actor, save.source, save.slug).await?;
        let compiled = reading.compiled()?;
        let is_keepable = save.source.len() <= parse::MAX_BYTES && !save.source.contains('\0');
        if compiled.is_none() && (save.publish || !is_keepable) {
            return Err(SaveError::Refused(Box::new(self.look_at(actor, reading).await?)));
        }
        let slug = match &compiled {
            Some(compiled) if save.slug.is_some_and(|slug| slug != compiled.slug()) => {
                let words = format!("The file gives the id `{}`, and this is the address of another workflow.", compiled.slug());
                return Err(SaveError::Other(Problem::field("source", words).into()));
            }
            Some(compiled) => compiled.slug().to_owned(),
            None => self.slug_of_draft(save)?,
        };
        let version = match &compiled {
            Some(compiled) => compiled.new_version(self, save.source),
            None => check::broken_version(self, save.source),
        };
        let version = rows::NewVersion { message, ..bundles::with_files(version, &files)? };
        let kept = Kept { slug, compiled, version, files };
        Ok(self.store(actor, save, &kept).await?)
    }

    /// The id of a draft with errors, which its text may not give.
    #[expect(clippy::unused_self, reason = "a step of `save`")]
    fn slug_of_draft(&self, save: &Save<'_>) -> Result<String> {
        let given = save.slug.or(save.draft_id).map(str::to_owned).or_else(|| check::id_in(save.source));
        let slug =
            given.ok_or_else(|| Problem::field("id", "The file has errors and no id that can be read. Say under which id to keep it."))?;
        let slug = names::reference(&slug).map_err(|wrong| Problem::field("id", wrong))?;
        if RESERVED.contains(&slug.as_str()) {
            return Err(Problem::field("id", format!("No workflow can have the id `{slug}`: a page has this address.")).into());
        }
        Ok(slug)
    }

    pub(super) async fn store(&self, actor: &Actor, save: &Save<'_>, kept: &Kept) -> Result<Saved> {
        let scope = Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let Kept { slug, compiled, version, files } = kept;
        let plan = compiled.as_ref().map(Compiled::plan);
        let mut tx = self.parts().database.write(actor).await?;
        let Some(found) = rows::find_by_slug(&mut tx, slug).await? else {
            demand(&save.base, None)?;
            let nameless = || rows::Called { name: slug.clone(), description: String::new(), tags: Vec::new() };
            let rows::Called { name, description, tags } = plan.map_or_else(nameless, check::called);
            let folder = match save.folder {
                Some(id) => {
                    let gone = || Problem::field("folder", "This folder was removed. Choose another one.");
                    Some(folders::find(&mut tx, id).await?.ok_or_else(gone)?.authorize::<WorkflowWrite>(actor)?.id)
                }
                None => None,
            };
            let new = rows::NewWorkflow { id: self.new_id(), slug: slug.clone(), name, description, tags, folder };
            if !rows::create(&mut tx, &scope, &new, version).await? {
                return Err(saved_meanwhile());
            }
            bundles::put_beside(&mut tx, version.id, files).await?;
            let created = saved("workflow.created", (new.id, slug, &new.name), 1, version);
            let mut events = AuditEvents::one(bundles::told(created, files));
            if let Some(plan) = plan.filter(|_| save.publish) {
                events = events.and(self.put_in_force(&mut tx, &scope, (new.id, slug), (1, plan), None).await?);
            }
            demand_room!(self, actor, tx, self.room_for_bytes(&mut tx).await?);
            tx.commit(events).await?;
            return Ok(Saved { slug: slug.clone(), version: 1, new: true, published: save.publish });
        };
        let workflow = found.authorize::<WorkflowWrite>(actor)?;
        let latest = version_of(&mut tx, actor, &workflow, workflow.current_version).await?;
        let is_same =
            latest.facts.content_hash == version.content_hash && latest.facts.plan_hash == version.plan.as_ref().map(|plan| plan.hash);
        // Who wrote what is there already loses nothing to whoever saved it, and sends a form twice now and then.
        if !(is_same && matches!(save.base, Base::Version(_))) {
            demand(&save.base, Some(&workflow))?;
        }
        let in_force = workflow.published_version;
        if is_same && (!save.publish || in_force == Some(latest.facts.number)) {
            let published = in_force == Some(latest.facts.number);
            return Ok(Saved { slug: slug.clone(), version: latest.facts.number, new: false, published });
        }
        let mut events = None;
        let mut number = latest.facts.number;
        if !is_same {
            // What lists show is what the version says that a start takes.
            let called = plan.filter(|_| in_force.is_none()).map_or_else(|| as_before(&workflow), check::called);
            number = rows::add_version(&mut tx, &workflow, &called, version).await?.ok_or_else(saved_meanwhile)?;
            bundles::put_beside(&mut tx, version.id, files).await?;
            let updated = saved("workflow.updated", (workflow.id, slug, &called.name), number, version);
            events = Some(AuditEvents::one(bundles::told(updated, files)));
        }
        if let Some(plan) = plan.filter(|_| save.publish) {
            let event = self.put_in_force(&mut tx, &scope, (workflow.id, slug), (number, plan), in_force).await?;
            events = Some(match events {
                Some(events) => events.and(event),
                None => AuditEvents::one(event),
            });
        }
        demand_room!(self, actor, tx, self.room_for_bytes(&mut tx).await?);
        let events = events.ok_or_else(|| Error::Broken(format!("a save of {} did nothing", workflow.id)))?;
        tx.commit(events).await?;
        Ok(Saved { slug: slug.clone(), version: number, new: !is_same, published: save.publish })
    }

    /// The single verb by which a version becomes the one that a start takes: whoever has to agree to that is asked here.
    pub(crate) async fn put_in_force(
        &self,
        tx: &mut WriteTx<'_>,
        scope: &Scope<'_, WorkflowWrite>,
        (workflow, slug): (WorkflowId, &str),
        (number, plan): (i64, &Plan),
        replaced: Option<i64>,
    ) -> Result<AuditEvent> {
        let rows::Called { name, description, tags } = check::called(plan);
        let new = NewPublication { id: self.new_id(), workflow, number, name, description, tags, published_at: self.now() };
        if !rows::publish(tx, scope, &new).await? {
            return Err(saved_meanwhile());
        }
        Ok(published(slug, &new, replaced))
    }

    /// Makes a saved version the one that a start takes. Runs that were started go on with theirs.
    ///
    /// # Errors
    /// 404 without such a version, 409 for a draft with errors, 412 when the workflow changed since it was looked at; 403
    /// without `workflow:write`. One that a start takes already stays it, and nothing is done.
    pub async fn publish_workflow(&self, actor: &Actor, slug: &str, number: i64, expected: &Expected) -> Result<()> {
        let scope = Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let mut tx = self.parts().database.write(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowWrite>(actor)?;
        let found = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let version = found.authorize::<WorkflowWrite>(actor)?;
        expected.check(Some(&tag(&workflow)))?;
        let Some(plan) = version.plan.as_deref() else {
            let words = format!("Version {number} has errors and cannot be started. Correct its text and save it again.");
            return Err(Problem::conflict("version_has_errors", words).into());
        };
        if workflow.published_version == Some(number) {
            return Ok(());
        }
        let plan = read_plan(plan, version.facts.id)?;
        let event = self.put_in_force(&mut tx, &scope, (workflow.id, slug), (number, &plan), workflow.published_version).await?;
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Adds a version with the text of an older one, and with the files beside it, as a draft.
    ///
    /// # Errors
    /// 404 without such a version, 409 when it is the newest one already; 403 without `workflow:write`.
    pub async fn restore_workflow(&self, actor: &Actor, slug: &str, number: i64) -> Result<Saved> {
        let mut tx = self.parts().database.write(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowWrite>(actor)?;
        let found = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let old = found.authorize::<WorkflowRead>(actor)?;
        if number == workflow.current_version {
            return Err(Problem::conflict(
                "version_is_newest",
                format!("Version {number} is the newest one: there is nothing to restore."),
            )
            .into());
        }
        let plan = old.plan.clone().zip(old.facts.plan_hash).map(|(text, hash)| rows::NewPlan { text, hash });
        let version = rows::NewVersion {
            id: self.new_id(),
            source: old.source.clone(),
            content_hash: old.facts.content_hash,
            plan,
            label: old.facts.label.clone(),
            message: format!("Restored from version {number}"),
            restored_from: Some(number),
            saved_at: self.now(),
        };
        let called = as_before(&workflow);
        let added = rows::add_version(&mut tx, &workflow, &called, &version).await?.ok_or_else(saved_meanwhile)?;
        for file in versions::files(&mut tx, &old).await? {
            versions::add_file(&mut tx, version.id, &file).await?;
        }
        demand_room!(self, actor, tx, self.room_for_bytes(&mut tx).await?);
        tx.commit(AuditEvents::one(saved("workflow.updated", (workflow.id, slug, &called.name), added, &version))).await?;
        Ok(Saved { slug: slug.to_owned(), version: added, new: true, published: false })
    }
}

/// What lists say of a workflow now.
fn as_before(workflow: &rows::WorkflowRow) -> rows::Called {
    rows::Called { name: workflow.name.clone(), description: workflow.description.clone(), tags: workflow.tags.clone() }
}

/// Compares with what is there.
fn demand(base: &Base, found: Option<&rows::WorkflowRow>) -> Result<()> {
    match base {
        Base::Tag(expected) => Ok(expected.check(found.map(tag).as_deref())?),
        Base::Version(seen) => {
            let number = found.map_or(0, |workflow| workflow.current_version);
            if number == *seen {
                return Ok(());
            }
            let words = match (seen, number) {
                (_, 0) => "The workflow was removed since you began to write, and nothing was saved.".to_owned(),
                (0, _) => format!("There is a workflow with this id already, at version {number}, and nothing was saved."),
                _ => format!("Somebody saved version {number} since you began to write from version {seen}, and nothing was saved now."),
            };
            Err(Problem::new(412, "changed_meanwhile", words).into())
        }
    }
}
