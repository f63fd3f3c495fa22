//! Workflows: checked, saved, listed, shown and removed.

use domain::{
    id::kind,
    permission::{WorkflowDelete, WorkflowRead, WorkflowWrite},
};
use platform::workflows::{
    Base, Checked, Excerpt, FieldType, Finding, InputShown, NeedKind, Save, SaveError, Saved, Severity, StepOutline, WorkflowLine,
    WorkflowSearch, WorkflowShown,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Body, Call, Conditions, Created, Done, IdText, Json, Moment, PageOf, Path, Query, Result, Tagged, Word, folders, runs::StatusJson,
    versions::VersionJson,
};

/// A workflow in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WorkflowLine")]
pub struct LineJson {
    /// Its id.
    pub id: IdText<kind::Workflow>,
    /// The word for it in addresses: the id that its file gives.
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
    /// The id of the folder it lives in.
    pub folder: Option<IdText<kind::Folder>>,
    /// How many runs it had; more than 10,000 are counted as 10,001.
    pub runs: i64,
    /// How many of them have not ended, counted alike.
    pub unfinished: i64,
    /// Its newest run.
    pub last_run: Option<LastRunJson>,
}

/// Which workflows.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListJson {
    /// Only those with this text in their name, in the word for them in addresses or in what they do.
    #[schemars(length(max = 200))]
    pub text: Option<String>,
    /// Only those with exactly this tag.
    #[schemars(length(max = 200))]
    pub tag: Option<String>,
    /// Only those that live in this folder: a path such as `Finance/Payments`, or `/` for those that live in none.
    pub folder: Option<String>,
}

/// The newest run of a workflow.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LastRun")]
pub struct LastRunJson {
    /// Its number.
    pub number: i64,
    /// How far it is.
    pub status: StatusJson,
    /// Since when.
    pub accepted_at: Moment,
}

/// A workflow.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Workflow")]
pub struct WorkflowJson {
    /// Its id.
    pub id: IdText<kind::Workflow>,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The folder it lives in, as a path.
    pub folder: Option<String>,
    /// The version that a start takes; while none was published, the newest draft.
    pub current: VersionJson,
    /// That version as it stands in this tenant now.
    pub checked: CheckedJson,
    /// All versions, newest first.
    pub versions: Vec<VersionJson>,
}

/// A workflow file to be looked at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkflowFile")]
pub struct FileJson {
    /// The whole text of the file.
    pub source: String,
}

/// A workflow file to be saved.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkflowSave")]
pub struct SaveJson {
    /// The whole text of the file.
    pub source: String,
    /// What the version is about, on one line.
    #[serde(default)]
    pub message: String,
    /// Whether it is only kept, as a draft that may have errors; otherwise a start takes it from now on.
    #[serde(default)]
    pub draft: bool,
    /// The folder that a new workflow lives in, as a path.
    #[serde(default)]
    pub folder: Option<String>,
}

/// A workflow file to be kept as a draft.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkflowImport")]
pub struct ImportJson {
    /// The whole text of the file.
    pub source: String,
    /// Under which id to keep it when it has errors and its own cannot be read.
    #[serde(default)]
    pub id: Option<String>,
    /// What the version is about, on one line.
    #[serde(default)]
    pub message: String,
    /// The folder that a new workflow lives in, as a path.
    #[serde(default)]
    pub folder: Option<String>,
}

/// A workflow file, looked at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CheckedWorkflow")]
pub struct CheckedJson {
    /// Whether the file has no errors.
    pub is_sound: bool,
    /// The word for the workflow in addresses; nothing while the file has errors.
    pub slug: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// All errors and hints, in the order of the file.
    pub findings: Vec<FindingJson>,
    /// Every step, in the order of the file.
    pub steps: Vec<StepJson>,
    /// What has to be given at a start.
    pub inputs: Vec<InputJson>,
    /// What has to be there before a run can start, and whether it is.
    pub needs: Vec<NeedJson>,
}

/// One thing to say about one place of a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub struct FindingJson {
    /// Whether it keeps the file from being saved.
    pub is_error: bool,
    /// The file of the bundle; nothing for a file alone, and for what is about the bundle as a whole.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The id of the step, if it is about one.
    pub step: Option<String>,
    /// A stable word for the kind of finding.
    pub code: String,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What to write instead, or what to do.
    pub suggestion: Option<String>,
    /// The line of the file; nothing for an empty one.
    pub excerpt: Option<ExcerptJson>,
}

/// A line of a file in three parts, cut where it is very long.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Excerpt")]
pub struct ExcerptJson {
    /// What stands before the place that is meant.
    pub before: String,
    /// The place.
    pub marked: String,
    /// What stands behind it.
    pub after: String,
}

/// One step of a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StepOutline")]
pub struct StepJson {
    /// Its id.
    pub id: String,
    /// Its name, or its heading.
    pub name: String,
    /// The action (`http.request`) or kind (`approval`), as written.
    pub kind: String,
    /// The line of its block, from 1.
    pub line: u32,
    /// The text of its condition.
    pub condition: Option<String>,
}

/// The type of a value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ValueType")]
pub enum TypeJson {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Values by name.
    Object,
    /// A list.
    Array,
}

/// Something given at the start of a run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Input")]
pub struct InputJson {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TypeJson,
    /// The type of the elements of a list.
    pub items: Option<TypeJson>,
    /// Whether a run cannot start without it.
    pub required: bool,
    /// What it is when it is not given.
    pub default: Option<Value>,
    /// The only values it may have, if limited.
    pub one_of: Option<Vec<Value>>,
    /// The smallest number, or the shortest length.
    pub min: Option<f64>,
    /// The largest number, or the longest length.
    pub max: Option<f64>,
    /// A regular expression that a text matches, anywhere in it.
    pub pattern: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What a workflow may need.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NeedKind")]
pub enum NeedKindJson {
    /// A variable of the tenant.
    Variable,
    /// A credential.
    Credential,
    /// A model that is set up.
    Model,
    /// A default model.
    DefaultModel,
    /// A right of whoever starts a run.
    Permission,
    /// Something that files may ask for and no run can do yet.
    Feature,
    /// Somebody who has a role.
    Role,
    /// A member with an address.
    Person,
}

/// One thing that has to be there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Need")]
pub struct NeedJson {
    /// What kind of thing.
    pub kind: NeedKindJson,
    /// Its name; empty for the default model.
    pub name: String,
    /// What to do about it when it is not there; nothing when it is.
    pub missing: Option<String>,
}

/// A file that was saved.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SavedWorkflow")]
pub(crate) struct SavedJson {
    /// The word for the workflow in addresses.
    slug: String,
    /// The number of the version.
    version: i64,
    /// Whether a version was added; false when the newest one is the same text.
    is_new: bool,
    /// Whether a start takes it.
    is_published: bool,
}

impl From<Saved> for SavedJson {
    fn from(saved: Saved) -> Self {
        Self { slug: saved.slug, version: saved.version, is_new: saved.new, is_published: saved.published }
    }
}

impl From<WorkflowLine> for LineJson {
    fn from(line: WorkflowLine) -> Self {
        let last_run = line.last_run.map(|(number, status, at)| LastRunJson { number, status: status.into(), accepted_at: Moment(at) });
        Self {
            id: IdText(line.id),
            slug: line.slug,
            name: line.name,
            description: line.description,
            tags: line.tags,
            version: line.version,
            is_published: line.is_published,
            latest: line.latest,
            folder: line.folder.map(IdText),
            runs: line.runs,
            unfinished: line.unfinished,
            last_run,
        }
    }
}

impl From<WorkflowShown> for WorkflowJson {
    fn from(shown: WorkflowShown) -> Self {
        Self {
            id: IdText(shown.id),
            slug: shown.slug,
            name: shown.name,
            description: shown.description,
            folder: shown.folder.map(|(_, path)| path),
            current: shown.current.into(),
            checked: shown.checked.into(),
            versions: shown.versions.into_iter().map(VersionJson::from).collect(),
        }
    }
}

impl From<Checked> for CheckedJson {
    fn from(checked: Checked) -> Self {
        Self {
            is_sound: checked.is_sound(),
            slug: checked.slug,
            name: checked.name,
            findings: checked.findings.into_iter().map(FindingJson::from).collect(),
            steps: checked.steps.into_iter().map(StepJson::from).collect(),
            inputs: checked.inputs.into_iter().map(InputJson::from).collect(),
            needs: checked
                .needs
                .into_iter()
                .map(|need| NeedJson { kind: need.kind.into(), name: need.name, missing: need.missing })
                .collect(),
        }
    }
}

impl From<Finding> for FindingJson {
    fn from(finding: Finding) -> Self {
        Self {
            is_error: finding.severity == Severity::Error,
            file: finding.file,
            line: finding.line,
            column: finding.column,
            step: finding.step,
            code: finding.code.to_owned(),
            message: finding.message,
            suggestion: finding.suggestion,
            excerpt: finding.excerpt.map(|Excerpt { before, marked, after }| ExcerptJson { before, marked, after }),
        }
    }
}

impl From<StepOutline> for StepJson {
    fn from(step: StepOutline) -> Self {
        Self { id: step.id, name: step.name, kind: step.kind, line: step.line, condition: step.condition }
    }
}

impl From<FieldType> for TypeJson {
    fn from(kind: FieldType) -> Self {
        match kind {
            FieldType::String => Self::String,
            FieldType::Integer => Self::Integer,
            FieldType::Number => Self::Number,
            FieldType::Boolean => Self::Boolean,
            FieldType::Object => Self::Object,
            FieldType::Array => Self::Array,
        }
    }
}

impl From<InputShown> for InputJson {
    fn from(input: InputShown) -> Self {
        Self {
            name: input.name,
            kind: input.kind.into(),
            items: input.items.map(TypeJson::from),
            required: input.required,
            default: input.default,
            one_of: input.one_of,
            min: input.min,
            max: input.max,
            pattern: input.pattern,
            description: input.description,
        }
    }
}

impl From<NeedKind> for NeedKindJson {
    fn from(kind: NeedKind) -> Self {
        match kind {
            NeedKind::Variable => Self::Variable,
            NeedKind::Credential => Self::Credential,
            NeedKind::Model => Self::Model,
            NeedKind::DefaultModel => Self::DefaultModel,
            NeedKind::Permission => Self::Permission,
            NeedKind::Feature => Self::Feature,
            NeedKind::Role => Self::Role,
            NeedKind::Person => Self::Person,
        }
    }
}

/// `GET /api/v1/workflows`.
pub(crate) async fn list(call: Call<WorkflowRead>, Query(asked): Query<ListJson>) -> Result<Json<PageOf<LineJson>>> {
    let folder = folders::named(&call, asked.folder.as_deref()).await?;
    let lines = call.platform().workflows(call.actor(), &WorkflowSearch { text: asked.text, tag: asked.tag }).await?.into_iter();
    let lives_there = |line: &WorkflowLine| asked.folder.is_none() || line.folder == folder;
    Ok(Json(PageOf::whole(lines.filter(lives_there).map(LineJson::from).collect())))
}

/// `POST /api/v1/workflows/checks`: looks at a file and saves nothing.
pub(crate) async fn check(call: Call<WorkflowWrite>, Body(file): Body<FileJson>) -> Result<Json<CheckedJson>> {
    Ok(Json(call.platform().check_workflow(call.actor(), &file.source).await?.into()))
}

/// `GET /api/v1/workflows/{workflow}`.
pub(crate) async fn show(call: Call<WorkflowRead>, Path(slug): Path<Word>) -> Result<Tagged<WorkflowJson>> {
    let shown = call.platform().workflow(call.actor(), &slug.0).await?;
    Ok(Tagged { tag: shown.tag.clone(), value: shown.into() })
}

/// `PUT /api/v1/workflows/{workflow}`: saves a file as a new workflow, or as the next version of the one that was seen.
pub(crate) async fn save(
    call: Call<WorkflowWrite>,
    (Path(slug), Conditions(expected), Body(asked)): (Path<Word>, Conditions, Body<SaveJson>),
) -> Result<Json<SavedJson>> {
    let folder = folders::named(&call, asked.folder.as_deref()).await?;
    let save = Save {
        source: &asked.source,
        slug: Some(&slug.0),
        draft_id: None,
        message: &asked.message,
        publish: !asked.draft,
        folder,
        base: Base::Tag(expected),
    };
    Ok(Json(call.platform().save(call.actor(), &save).await.map_err(SaveError::into_error)?.into()))
}

/// `POST /api/v1/workflows/imports`: keeps a file as a draft, of a new workflow or of the one whose id it gives.
pub(crate) async fn import(call: Call<WorkflowWrite>, Body(asked): Body<ImportJson>) -> Result<Created<SavedJson>> {
    let folder = folders::named(&call, asked.folder.as_deref()).await?;
    let save = Save { message: &asked.message, folder, draft_id: asked.id.as_deref(), ..Save::draft(&asked.source) };
    let saved = call.platform().save(call.actor(), &save).await.map_err(SaveError::into_error)?;
    let location = format!("/api/v1/workflows/{}/versions/{}", saved.slug, saved.version);
    Ok(Created { location, value: saved.into() })
}

/// `DELETE /api/v1/workflows/{workflow}`.
pub(crate) async fn remove(call: Call<WorkflowDelete>, Path(slug): Path<Word>) -> Result<Done> {
    call.platform().remove_workflow(call.actor(), &slug.0).await?;
    Ok(Done)
}
