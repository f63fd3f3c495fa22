//! Workflows: checked, saved, listed, shown and removed.

use domain::{
    id::kind,
    permission::{WorkflowDelete, WorkflowRead, WorkflowWrite},
};
use platform::workflows::{
    Checked, FieldType, Finding, InputShown, NeedKind, SaveError, Severity, StepOutline, VersionLine, WorkflowLine, WorkflowShown,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, Call, Conditions, Done, IdText, Json, Moment, PageOf, Path, Result, Tagged, Word, runs::StatusJson, values::Number};

/// A workflow in a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkflowLine")]
pub(crate) struct LineJson {
    /// Its id.
    id: IdText<kind::Workflow>,
    /// The word for it in addresses: the id that its file gives.
    slug: String,
    /// Its name.
    name: String,
    /// What it does.
    description: String,
    /// The number of the version that runs.
    version: i64,
    /// How many runs it had; more than 10,000 are counted as 10,001.
    runs: i64,
    /// How many of them have not ended, counted alike.
    unfinished: i64,
    /// Its newest run.
    last_run: Option<LastRunJson>,
}

/// The newest run of a workflow.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LastRun")]
struct LastRunJson {
    /// Its number.
    number: i64,
    /// How far it is.
    status: StatusJson,
    /// Since when.
    accepted_at: Moment,
}

/// A saved version.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Version")]
pub(crate) struct VersionJson {
    /// The number within the workflow, from 1.
    number: i64,
    /// The version that the file calls itself, or nothing.
    label: String,
    /// SHA-256 of what it does, as 64 hexadecimal signs: versions that do the same have the same.
    plan_hash: String,
    /// The address of who saved it, while they are a member.
    saved_by: Option<String>,
    /// When.
    saved_at: Moment,
}

/// A workflow.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Workflow")]
pub(crate) struct WorkflowJson {
    /// Its id.
    id: IdText<kind::Workflow>,
    /// The word for it in addresses.
    slug: String,
    /// Its name.
    name: String,
    /// What it does.
    description: String,
    /// The version that runs.
    current: VersionJson,
    /// That version as it stands in this tenant now.
    checked: CheckedJson,
    /// All versions, newest first.
    versions: Vec<VersionJson>,
}

/// A version with its text.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionSource")]
pub(crate) struct SourceJson {
    /// The word for the workflow in addresses.
    slug: String,
    /// The version.
    version: VersionJson,
    /// The text as it was written.
    source: String,
}

/// A workflow file to be looked at or saved.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkflowFile")]
pub(crate) struct FileJson {
    /// The whole text of the file.
    source: String,
}

/// A workflow file, looked at.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckedWorkflow")]
pub(crate) struct CheckedJson {
    /// Whether the file has no errors.
    is_sound: bool,
    /// The word for the workflow in addresses; nothing while the file has errors.
    slug: Option<String>,
    /// Its name.
    name: Option<String>,
    /// All errors and hints, in the order of the file.
    findings: Vec<FindingJson>,
    /// Every step, in the order of the file.
    steps: Vec<StepJson>,
    /// What has to be given at a start.
    inputs: Vec<InputJson>,
    /// What has to be there before a run can start, and whether it is.
    needs: Vec<NeedJson>,
}

/// One thing to say about one place of a file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingJson {
    /// Whether it keeps the file from being saved.
    is_error: bool,
    /// The line, from 1.
    line: u32,
    /// The column in characters, from 1.
    column: u32,
    /// The id of the step, if it is about one.
    step: Option<String>,
    /// A stable word for the kind of finding.
    code: String,
    /// What is wrong, as a sentence without its full stop.
    message: String,
    /// What to write instead, or what to do.
    suggestion: Option<String>,
}

/// One step of a file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StepOutline")]
struct StepJson {
    /// Its id.
    id: String,
    /// Its name, or its heading.
    name: String,
    /// The action (`http.request`) or kind (`approval`), as written.
    kind: String,
    /// The line of its block, from 1.
    line: u32,
    /// The text of its condition.
    condition: Option<String>,
}

/// The type of a value.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ValueType")]
enum TypeJson {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
}

/// Something given at the start of a run.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Input")]
struct InputJson {
    /// Its name.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: TypeJson,
    /// The type of the elements of a list.
    items: Option<TypeJson>,
    /// Whether a run cannot start without it.
    required: bool,
    /// What it is when it is not given.
    default: Option<Value>,
    /// The only values it may have, if limited.
    one_of: Option<Vec<Value>>,
    /// The smallest number, or the shortest length.
    min: Option<f64>,
    /// The largest number, or the longest length.
    max: Option<f64>,
    /// A regular expression that a text matches, anywhere in it.
    pattern: Option<String>,
    /// What it is for.
    description: Option<String>,
}

/// What a workflow may need.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NeedKind")]
enum NeedKindJson {
    Variable,
    Credential,
    Model,
    DefaultModel,
    Role,
    Person,
}

/// One thing that has to be there.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Need")]
struct NeedJson {
    /// What kind of thing.
    kind: NeedKindJson,
    /// Its name; empty for the default model.
    name: String,
    /// What to do about it when it is not there; nothing when it is.
    missing: Option<String>,
}

/// A file that was saved.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SavedWorkflow")]
pub(crate) struct SavedJson {
    /// The word for the workflow in addresses.
    slug: String,
    /// The number of the version.
    version: i64,
    /// Whether a version was added; false when the present one is the same text.
    is_new: bool,
}

impl From<WorkflowLine> for LineJson {
    fn from(line: WorkflowLine) -> Self {
        let last_run = line.last_run.map(|(number, status, at)| LastRunJson { number, status: status.into(), accepted_at: Moment(at) });
        Self {
            id: IdText(line.id),
            slug: line.slug,
            name: line.name,
            description: line.description,
            version: line.version,
            runs: line.runs,
            unfinished: line.unfinished,
            last_run,
        }
    }
}

impl From<VersionLine> for VersionJson {
    fn from(line: VersionLine) -> Self {
        Self { number: line.number, label: line.label, plan_hash: line.plan_hash, saved_by: line.saved_by, saved_at: Moment(line.saved_at) }
    }
}

impl From<WorkflowShown> for WorkflowJson {
    fn from(shown: WorkflowShown) -> Self {
        Self {
            id: IdText(shown.id),
            slug: shown.slug,
            name: shown.name,
            description: shown.description,
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
            line: finding.line,
            column: finding.column,
            step: finding.step,
            code: finding.code.to_owned(),
            message: finding.message,
            suggestion: finding.suggestion,
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
            NeedKind::Role => Self::Role,
            NeedKind::Person => Self::Person,
        }
    }
}

/// `GET /api/v1/workflows`.
pub(crate) async fn list(call: Call<WorkflowRead>, (): ()) -> Result<Json<PageOf<LineJson>>> {
    let lines = call.platform().workflows(call.actor()).await?;
    Ok(Json(PageOf::whole(lines.into_iter().map(LineJson::from).collect())))
}

/// `POST /api/v1/workflows/checks`: looks at a file and saves nothing.
pub(crate) async fn check(call: Call<WorkflowWrite>, Body(file): Body<FileJson>) -> Result<Json<CheckedJson>> {
    Ok(Json(call.platform().check_workflow(call.actor(), &file.source).await?.into()))
}

/// `GET /api/v1/workflows/{workflow}`.
pub(crate) async fn show(call: Call<WorkflowRead>, Path(slug): Path<Word>) -> Result<Tagged<WorkflowJson>> {
    let shown = call.platform().workflow(call.actor(), &slug.0).await?;
    Ok(Tagged { tag: platform::workflows::tag(shown.id, shown.current.number), value: shown.into() })
}

/// `PUT /api/v1/workflows/{workflow}`: saves a file as a new workflow, or as the next version of the one that was seen.
pub(crate) async fn save(
    call: Call<WorkflowWrite>,
    (Path(slug), Conditions(expected), Body(file)): (Path<Word>, Conditions, Body<FileJson>),
) -> Result<Json<SavedJson>> {
    let saved = call.platform().save_workflow_as(call.actor(), &slug.0, &file.source, &expected).await.map_err(SaveError::into_error)?;
    Ok(Json(SavedJson { slug: saved.slug, version: saved.version, is_new: saved.new }))
}

/// `DELETE /api/v1/workflows/{workflow}`.
pub(crate) async fn remove(call: Call<WorkflowDelete>, Path(slug): Path<Word>) -> Result<Done> {
    call.platform().remove_workflow(call.actor(), &slug.0).await?;
    Ok(Done)
}

/// `GET /api/v1/workflows/{workflow}/versions/{number}`.
pub(crate) async fn version(call: Call<WorkflowRead>, Path((slug, number)): Path<(Word, Number)>) -> Result<Json<SourceJson>> {
    let shown = call.platform().workflow_source(call.actor(), &slug.0, Some(number.0)).await?;
    Ok(Json(SourceJson { slug: shown.slug, version: shown.version.into(), source: shown.source }))
}
