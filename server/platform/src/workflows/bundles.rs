//! Bundles: an archive looked at, imported as a draft, and given back.
//!
//! Reading the archive and what the files mean are `workflow`'s. An archive comes in as bytes and stays bytes: nothing of it is
//! written anywhere but into the rows of a version, and nothing of it is run. The text of the main file is the text of the version;
//! every other file stands beside it. A text that is saved alone keeps what stands beside the newest version of its workflow.

use database::{
    Reads, WriteTx, variables, versions,
    workflows::{self as rows, NewVersion, VersionRow},
};
use domain::{
    Actor, Authorized, Problem, Scope, VersionId,
    audit::AuditEvent,
    permission::{WorkflowRead, WorkflowWrite},
    problem::FieldProblem,
};
use workflow::{
    bundle::{self, Files, Refusal},
    parse::{CONFIG_FILE, DeclaredTool, ParsedBundle, ProposedVariable, TOOLS_FILE, ToolKind, parse_bundle},
};

use super::{
    Checked, Save, SaveError, Saved,
    check::{self, People, Reading},
    export::ending,
    save::Kept,
};
use crate::{Error, Platform, Result};

/// The largest archive, in bytes.
pub const MAX_ARCHIVE: usize = bundle::MAX_ARCHIVE;

/// A bundle, looked at.
#[derive(Debug, Clone)]
pub struct BundleChecked {
    /// The path of its main file; nothing when no file is it.
    pub main: Option<String>,
    /// The workflow that it is, with all that is wrong in any of its files.
    pub checked: Checked,
    /// Every file, by path.
    pub files: Vec<FileLine>,
    /// How many bytes the files have together.
    pub bytes: usize,
    /// What it proposes for tenant variables. None of them is set by importing it.
    pub variables: Vec<VariableLine>,
    /// The tools that it declares.
    pub tools: Vec<ToolLine>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    /// Its path.
    pub path: String,
    /// How many bytes it has.
    pub bytes: usize,
    /// What it is for.
    pub role: FileRole,
}

/// What a file of a bundle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// The main file.
    Main,
    /// A workflow that another one names.
    Workflow,
    /// `config.yaml`.
    Config,
    /// `tools.yaml`.
    Tools,
    /// A file below `tools/`. It is kept, and not run.
    Tool,
    /// Any other file: kept, and read where a step names it.
    Other,
}

/// What a bundle proposes for a tenant variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableLine {
    /// The name after `vars.`.
    pub name: String,
    /// The value, as JSON.
    pub value: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether the tenant has a variable of this name, whatever its value.
    pub is_set: bool,
}

/// A tool that a bundle declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolLine {
    /// Its name.
    pub name: String,
    /// What it is, as files write it.
    pub kind: &'static str,
    /// What it is for.
    pub description: Option<String>,
    /// What it is made of or reaches: a file, an address or a server.
    pub source: String,
    /// The credential that it would show.
    pub credential: Option<String>,
}

/// A version with its files, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleExport {
    /// The workflow's slug.
    pub slug: String,
    /// The number of the version.
    pub number: i64,
    /// A zip.
    pub archive: Vec<u8>,
}

impl BundleExport {
    /// What the archive is called.
    pub fn file_name(&self) -> String {
        format!("{}-{}.zip", self.slug, self.number)
    }
}

/// A bundle, opened and read.
struct Opened {
    files: Files,
    reading: Reading,
    parts: Parts,
}

/// What a bundle is besides its workflow.
struct Parts {
    main: Option<String>,
    linked: Vec<String>,
    variables: Vec<ProposedVariable>,
    tools: Vec<DeclaredTool>,
}

/// What the outside is told of an archive that was refused.
fn refused(refusal: Refusal) -> Problem {
    let field = FieldProblem { field: "archive".to_owned(), message: refusal.sentence };
    Problem { code: "bundle_refused", ..Problem::invalid(vec![field]) }
}

impl From<DeclaredTool> for ToolLine {
    fn from(tool: DeclaredTool) -> Self {
        Self {
            name: tool.name,
            kind: tool.kind.word(),
            description: tool.description,
            source: match tool.kind {
                ToolKind::Mcp => tool.server,
                _ => tool.file.or(tool.url),
            }
            .unwrap_or_default(),
            credential: tool.credential,
        }
    }
}

impl Opened {
    fn of(platform: &Platform, files: Files) -> Self {
        let ParsedBundle { main, parsed, linked, variables, tools } = parse_bundle(&files);
        let text = |path: Option<&str>| {
            let content = path.and_then(|path| files.get(path)).unwrap_or_default();
            std::str::from_utf8(content).unwrap_or_default()
        };
        let reading = Reading::of_parsed(platform, parsed, main.as_deref(), text);
        let parts = Parts { main, linked: linked.into_keys().collect(), variables, tools };
        Self { files, reading, parts }
    }
}

impl Parts {
    fn role(&self, path: &str) -> FileRole {
        match path {
            path if self.main.as_deref() == Some(path) => FileRole::Main,
            CONFIG_FILE => FileRole::Config,
            TOOLS_FILE => FileRole::Tools,
            path if path.starts_with("tools/") => FileRole::Tool,
            path if self.linked.iter().any(|linked| linked == path) => FileRole::Workflow,
            _ => FileRole::Other,
        }
    }
}

/// The text of a version and what stands beside it as one bundle. The main file has the name that makes it the main one.
fn whole(source: &str, beside: &Files) -> Result<Files> {
    let main = format!("workflow.{}", ending(source));
    beside.with(&main, source.as_bytes().to_vec()).map_err(|refusal| refused(refusal).into())
}

/// A version whose content is its text and what stands beside it.
pub(super) fn with_files(version: NewVersion, files: &Files) -> Result<NewVersion> {
    if files.is_empty() {
        return Ok(version);
    }
    let content_hash = whole(&version.source, files)?.hash();
    Ok(NewVersion { content_hash, ..version })
}

/// Puts files beside a version that was made in this transaction.
pub(super) async fn put_beside(tx: &mut WriteTx<'_>, version: VersionId, files: &Files) -> Result<()> {
    for (path, content) in files.iter() {
        versions::add_file(tx, version, &versions::FileRow { path: path.to_owned(), content: content.to_vec() }).await?;
    }
    Ok(())
}

/// What stands beside a version.
pub(crate) async fn beside<'a>(tx: &mut impl Reads<'a>, version: &Authorized<'_, WorkflowRead, VersionRow>) -> Result<Files> {
    let rows = versions::files(tx, version).await?;
    if rows.is_empty() {
        return Ok(Files::default());
    }
    let stored = Files::collect(rows.into_iter().map(|row| (row.path, row.content)));
    stored.map_err(|refusal| Error::Broken(format!("the files beside version {} are no bundle: {refusal}", version.facts.id)))
}

/// An event that says how many files stand beside the version it is about.
pub(super) fn told(event: AuditEvent, files: &Files) -> AuditEvent {
    if files.is_empty() { event } else { event.with("files", i64::try_from(files.len()).unwrap_or(i64::MAX)) }
}

impl Platform {
    /// Looks at a bundle: what is in it, what it would do and reach, and all that is wrong. Changes nothing.
    ///
    /// # Errors
    /// 422 `bundle_refused` for an archive that is none or means harm, with the entry and the reason; 403 without
    /// `workflow:write`.
    pub async fn check_bundle(&self, actor: &Actor, archive: Vec<u8>) -> Result<BundleChecked> {
        Scope::<WorkflowWrite>::of(actor, "workflows")?;
        let opened = self.opened(archive).await?;
        self.look_into(actor, opened).await
    }

    async fn look_into(&self, actor: &Actor, opened: Opened) -> Result<BundleChecked> {
        let Opened { files, reading, parts } = opened;
        let people = People::read(self, actor, actor.person()).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let set: Vec<String> = variables::for_start(&mut tx).await?.into_iter().map(|row| row.name).collect();
        let checked = check::checked(&mut tx, reading, None, &people).await?;
        drop(tx);
        let lines = files.iter().map(|(path, content)| FileLine { path: path.to_owned(), bytes: content.len(), role: parts.role(path) });
        let lines: Vec<FileLine> = lines.collect();
        let proposed = parts.variables.into_iter().map(|variable| VariableLine {
            is_set: set.contains(&variable.name),
            value: variable.value.to_string(),
            name: variable.name,
            description: variable.description,
        });
        Ok(BundleChecked {
            checked,
            bytes: files.bytes(),
            files: lines,
            variables: proposed.collect(),
            tools: parts.tools.into_iter().map(ToolLine::from).collect(),
            main: parts.main,
        })
    }

    /// Imports a bundle: as a draft of a new workflow, or of the one whose id its main file gives. Nothing is published, run or set.
    ///
    /// # Errors
    /// [`SaveError::Refused`] with everything that is wrong with its files: a bundle with errors is not kept, not even as a draft;
    /// else as [`Platform::check_bundle`].
    pub async fn import_bundle(&self, actor: &Actor, archive: Vec<u8>) -> Result<Saved, SaveError> {
        Scope::<WorkflowWrite>::of(actor, "workflows").map_err(Error::from)?;
        let opened = self.opened(archive).await?;
        let (Some(compiled), Some(main)) = (opened.reading.compiled()?, &opened.parts.main) else {
            return Err(SaveError::Refused(Box::new(self.look_at(actor, opened.reading).await?)));
        };
        let source = String::from_utf8_lossy(opened.files.get(main).unwrap_or_default()).into_owned();
        let files = opened.files.without(main);
        let version = with_files(compiled.new_version(self, &source), &files)?;
        let kept = Kept { slug: compiled.slug().to_owned(), compiled: Some(compiled), version, files };
        Ok(self.store(actor, &Save::draft(&source), &kept).await?)
    }

    /// A version with its files, as a zip that can be imported again. That somebody took it is recorded first.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn export_bundle(&self, actor: &Actor, slug: &str, number: i64) -> Result<BundleExport> {
        let workflow = self.taken(actor, slug, "bundle", Some(number)).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let version = found.authorize::<WorkflowRead>(actor)?;
        let beside = beside(&mut tx, &version).await?;
        drop(tx);
        let files = whole(&version.source, &beside)?;
        let packed = tokio::task::spawn_blocking(move || bundle::pack(&files)).await;
        let archive = packed.map_err(|error| Error::Broken(format!("a bundle could not be packed: {error}")))?;
        Ok(BundleExport { slug: slug.to_owned(), number, archive })
    }

    /// Reads a text, with what stands beside the newest version of the workflow whose id it gives or that is named here.
    pub(super) async fn reading_of(&self, actor: &Actor, source: &str, slug: Option<&str>) -> Result<(Reading, Files)> {
        let files = match slug.map(str::to_owned).or_else(|| check::id_in(source)) {
            Some(slug) => self.files_of_newest(actor, &slug).await?,
            None => Files::default(),
        };
        Ok((self.reading_beside(source, &files).await?, files))
    }

    async fn files_of_newest(&self, actor: &Actor, slug: &str) -> Result<Files> {
        let mut tx = self.parts().database.read(actor).await?;
        let Some(found) = rows::find_by_slug(&mut tx, slug).await? else { return Ok(Files::default()) };
        let workflow = found.authorize::<WorkflowRead>(actor)?;
        let Some(version) = rows::version(&mut tx, workflow.id, workflow.current_version).await? else { return Ok(Files::default()) };
        beside(&mut tx, &version.authorize::<WorkflowRead>(actor)?).await
    }

    /// Reads a text with what stands beside it.
    pub(super) async fn reading_beside(&self, source: &str, beside: &Files) -> Result<Reading> {
        if beside.is_empty() {
            return self.reading(source).await;
        }
        let (platform, files) = (self.clone(), whole(source, beside)?);
        let reading = tokio::task::spawn_blocking(move || Opened::of(&platform, files).reading).await;
        reading.map_err(|error| Error::Broken(format!("a bundle could not be read: {error}")))
    }

    /// Opens an archive and reads what is in it, beside the other work of the server: both take a while.
    async fn opened(&self, archive: Vec<u8>) -> Result<Opened> {
        let platform = self.clone();
        let opened = tokio::task::spawn_blocking(move || -> Result<Opened, Refusal> { Ok(Opened::of(&platform, bundle::read(&archive)?)) });
        let opened = opened.await.map_err(|error| Error::Broken(format!("a bundle could not be read: {error}")))?;
        opened.map_err(|refusal| refused(refusal).into())
    }
}
