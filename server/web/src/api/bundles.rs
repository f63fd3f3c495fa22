//! Bundles for programs: an archive as the body of a request, looked at, imported, and given back.

use domain::permission::{WorkflowRead, WorkflowWrite};
use platform::workflows::{
    SaveError,
    bundles::{BundleChecked, FileLine, FileRole, ToolLine, VariableLine},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Created, Json, Path, Result, Word,
    ask::Archive,
    reply::File,
    values::Number,
    workflows::{CheckedJson, SavedJson},
};

/// A bundle, looked at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CheckedBundle")]
pub struct BundleJson {
    /// The path of its main file; nothing when no file is it.
    pub main: Option<String>,
    /// How many bytes its files have together.
    pub bytes: u64,
    /// Every file, by path.
    pub files: Vec<FileJson>,
    /// What it proposes for variables. None of them is set by importing it.
    pub variables: Vec<VariableJson>,
    /// The tools that it declares. None of them is available yet.
    pub tools: Vec<ToolJson>,
    /// The workflow that it is, with all that is wrong in any of its files.
    pub workflow: CheckedJson,
}

/// One file of a bundle.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BundleFile")]
pub struct FileJson {
    /// Its path.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is for.
    pub role: RoleJson,
}

/// What a file of a bundle is for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "BundleFileRole")]
pub enum RoleJson {
    /// The main file.
    Main,
    /// A workflow that another one names.
    Workflow,
    /// `config.yaml`.
    Config,
    /// `tools.yaml`.
    Tools,
    /// A file below `tools/`: kept, and not run.
    Tool,
    /// Any other file.
    Other,
}

/// What a bundle proposes for a variable.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProposedVariable")]
pub struct VariableJson {
    /// The name after `vars.`.
    pub name: String,
    /// The value, as JSON text.
    pub value: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether the tenant has a variable of this name, whatever its value.
    pub is_set: bool,
}

/// A tool that a bundle declares.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DeclaredTool")]
pub struct ToolJson {
    /// Its name.
    pub name: String,
    /// `http`, `openapi`, `mcp` or `script`.
    pub kind: String,
    /// What it is for.
    pub description: Option<String>,
    /// The file, address or server that it is made of.
    pub source: String,
    /// The name of the credential that it would show.
    pub credential: Option<String>,
}

impl From<BundleChecked> for BundleJson {
    fn from(bundle: BundleChecked) -> Self {
        Self {
            main: bundle.main,
            bytes: bundle.bytes as u64,
            files: bundle.files.into_iter().map(FileJson::from).collect(),
            variables: bundle.variables.into_iter().map(VariableJson::from).collect(),
            tools: bundle.tools.into_iter().map(ToolJson::from).collect(),
            workflow: bundle.checked.into(),
        }
    }
}

impl From<FileLine> for FileJson {
    fn from(file: FileLine) -> Self {
        let role = match file.role {
            FileRole::Main => RoleJson::Main,
            FileRole::Workflow => RoleJson::Workflow,
            FileRole::Config => RoleJson::Config,
            FileRole::Tools => RoleJson::Tools,
            FileRole::Tool => RoleJson::Tool,
            FileRole::Other => RoleJson::Other,
        };
        Self { path: file.path, bytes: file.bytes as u64, role }
    }
}

impl From<VariableLine> for VariableJson {
    fn from(line: VariableLine) -> Self {
        Self { name: line.name, value: line.value, description: line.description, is_set: line.is_set }
    }
}

impl From<ToolLine> for ToolJson {
    fn from(tool: ToolLine) -> Self {
        Self {
            name: tool.name,
            kind: tool.kind.to_owned(),
            description: tool.description,
            source: tool.source,
            credential: tool.credential,
        }
    }
}

/// `POST /api/v1/bundles/checks`: looks into an archive and stores nothing.
pub(crate) async fn check(call: Call<WorkflowWrite>, Archive(archive): Archive) -> Result<Json<BundleJson>> {
    Ok(Json(call.platform().check_bundle(call.actor(), archive).await?.into()))
}

/// `POST /api/v1/bundles`: imports an archive as a draft.
pub(crate) async fn import(call: Call<WorkflowWrite>, Archive(archive): Archive) -> Result<Created<SavedJson>> {
    let saved = call.platform().import_bundle(call.actor(), archive).await.map_err(SaveError::into_error)?;
    let location = format!("/api/v1/workflows/{}/versions/{}", saved.slug, saved.version);
    Ok(Created { location, value: saved.into() })
}

/// `GET /api/v1/workflows/{workflow}/versions/{number}/bundle`: a version with its files, as a zip.
pub(crate) async fn export(call: Call<WorkflowRead>, Path((slug, number)): Path<(Word, Number)>) -> Result<File> {
    let export = call.platform().export_bundle(call.actor(), &slug.0, number.0).await?;
    Ok(File(File::named(&export.file_name(), "application/zip").body(export.archive)))
}
