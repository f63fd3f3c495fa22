//! Versions of workflows: listed, shown, held against each other, published, restored, taken away; and where a workflow lives.

use domain::permission::{WorkflowRead, WorkflowWrite};
use platform::{
    mandate::{Ask, Mandate, Use},
    workflows::{Change, ChangeKind, DifferenceShown, TextDifference, TextLine, TextRow, VersionLine, VersionState, Weight},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Body, Call, Conditions, Created, Dollars, Done, Json, Moment, PageOf, Path, Query, Result, Tagged, Word, folders, reply::File,
    values::Number, workflows::SavedJson,
};
use crate::workflows::versions::{ARCHIVE, pieces};

/// What a version can be used for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "VersionState")]
pub enum StateJson {
    /// A start takes it.
    Published,
    /// A start took it once, and can name it still.
    Earlier,
    /// It is without errors, and cannot be started before it is published.
    Draft,
    /// It has errors.
    Broken,
}

/// A saved version.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Version")]
pub struct VersionJson {
    /// The number within the workflow, from 1.
    pub number: i64,
    /// The version that the file calls itself, or nothing.
    pub label: String,
    /// What it can be used for.
    pub state: StateJson,
    /// SHA-256 of the file, as 64 hexadecimal signs.
    pub content_hash: String,
    /// SHA-256 of what it does, alike: versions that do the same have the same. Nothing of a draft with errors.
    pub plan_hash: Option<String>,
    /// The address of who saved it, while they are a member.
    pub saved_by: Option<String>,
    /// When.
    pub saved_at: Moment,
    /// What they said of it; may be empty.
    pub message: String,
    /// The number of the version whose text it has again.
    pub restored_from: Option<i64>,
    /// When it became the one that a start takes, most lately.
    pub published_at: Option<Moment>,
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
    /// What it may; nothing of a draft with errors.
    mandate: Option<MandateJson>,
    /// What publishing it would mean against the version that a start takes now; nothing of a draft with errors, and
    /// nothing of that version itself.
    changes: Option<Vec<ChangeJson>>,
}

/// What a version may.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionMandate")]
struct MandateJson {
    /// The hosts that it may reach, or the text of the expression that names one.
    hosts: Vec<String>,
    /// The credentials that it uses.
    credentials: Vec<CredentialJson>,
    /// The most a run may cost by the file, or each step of it.
    limit: Option<Dollars>,
    /// Whether the limit is of each step and not of the run.
    limit_is_of_each_step: bool,
    /// Whom it asks.
    asks: Vec<AskJson>,
}

/// A credential that a version uses.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionCredential")]
struct CredentialJson {
    /// The name after `cred://`.
    name: String,
    /// The hosts it goes to.
    towards: Vec<String>,
}

/// Whom a version asks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionAsk")]
struct AskJson {
    /// How many of whom.
    who: String,
    /// The name of the step it stands before.
    before: String,
    /// Under which condition, as written.
    when: String,
}

/// What a change does to the risk.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ChangeWeight")]
enum WeightJson {
    /// More may be done, reached or spent, or fewer are asked.
    Raises,
    /// It is another one; neither more nor less by itself.
    Changes,
    /// Less may be done, reached or spent, or more are asked.
    Lowers,
}

/// What a change is about.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ChangeKind")]
enum ChangeKindJson {
    Host,
    Credential,
    Model,
    Approval,
    Permission,
    Cost,
    Time,
    Risk,
    Input,
    Output,
    Step,
    Words,
}

/// One difference in meaning.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Change")]
pub(crate) struct ChangeJson {
    /// What it does to the risk; those that raise it come first.
    weight: WeightJson,
    /// What it is about.
    kind: ChangeKindJson,
    /// The host, the credential, the id of the step and so on; empty for what there is once.
    subject: String,
    /// What it means, as a sentence without its full stop; names of the file stand between backticks.
    words: String,
}

/// A line that two texts do not have alike.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DifferentLine")]
struct LineJson {
    /// `-` for a line of the old text, `+` for one of the new, a blank for one that both have.
    sign: char,
    /// Its number in the old text.
    old: Option<usize>,
    /// Its number in the new text.
    new: Option<usize>,
    /// The line.
    text: String,
}

/// Two versions held against each other.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionDifference")]
pub(crate) struct DifferenceJson {
    /// The one that is held against.
    from: VersionJson,
    /// The one it is about.
    to: VersionJson,
    /// What it means that the other did not; nothing when one of them has errors.
    meaning: Option<Vec<ChangeJson>>,
    /// How many lines only the new text has.
    added: usize,
    /// How many lines only the old text has.
    removed: usize,
    /// The lines that differ, with those around them.
    lines: Vec<LineJson>,
}

/// What a version is held against.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgainstJson {
    /// The number of the other version; the one before when left out.
    from: Option<i64>,
}

/// Where a workflow lives.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkflowPlace")]
pub(crate) struct PlaceJson {
    /// The folder, as a path; nothing for none.
    folder: Option<String>,
}

impl From<VersionState> for StateJson {
    fn from(state: VersionState) -> Self {
        match state {
            VersionState::Published => Self::Published,
            VersionState::Earlier => Self::Earlier,
            VersionState::Draft => Self::Draft,
            VersionState::Broken => Self::Broken,
        }
    }
}

impl From<VersionLine> for VersionJson {
    fn from(line: VersionLine) -> Self {
        Self {
            number: line.number,
            label: line.label,
            state: line.state.into(),
            content_hash: line.content_hash,
            plan_hash: line.plan_hash,
            saved_by: line.saved_by,
            saved_at: Moment(line.saved_at),
            message: line.message,
            restored_from: line.restored_from,
            published_at: line.published_at.map(Moment),
        }
    }
}

impl From<Mandate> for MandateJson {
    fn from(mandate: Mandate) -> Self {
        let credential = |used: Use| CredentialJson { name: used.credential, towards: used.towards };
        Self {
            hosts: mandate.reach.into_iter().map(|place| place.host).collect(),
            credentials: mandate.uses.into_iter().map(credential).collect(),
            limit: mandate.spend.limit.map(Dollars),
            limit_is_of_each_step: mandate.spend.each_step,
            asks: mandate.asks.into_iter().map(|Ask { who, before, why }| AskJson { who, before, when: why }).collect(),
        }
    }
}

impl From<Change> for ChangeJson {
    fn from(change: Change) -> Self {
        Self {
            weight: match change.weight {
                Weight::Raises => WeightJson::Raises,
                Weight::Changes => WeightJson::Changes,
                Weight::Lowers => WeightJson::Lowers,
            },
            kind: match change.kind {
                ChangeKind::Host => ChangeKindJson::Host,
                ChangeKind::Credential => ChangeKindJson::Credential,
                ChangeKind::Model => ChangeKindJson::Model,
                ChangeKind::Approval => ChangeKindJson::Approval,
                ChangeKind::Permission => ChangeKindJson::Permission,
                ChangeKind::Cost => ChangeKindJson::Cost,
                ChangeKind::Time => ChangeKindJson::Time,
                ChangeKind::Risk => ChangeKindJson::Risk,
                ChangeKind::Input => ChangeKindJson::Input,
                ChangeKind::Output => ChangeKindJson::Output,
                ChangeKind::Step => ChangeKindJson::Step,
                ChangeKind::Words => ChangeKindJson::Words,
            },
            subject: change.subject,
            words: change.words,
        }
    }
}

fn lines(text: TextDifference) -> Vec<LineJson> {
    let whole = |line: &TextLine| line.words.iter().map(|words| words.text.as_str()).collect::<String>();
    let mut lines = Vec::new();
    for row in text.rows {
        match row {
            TextRow::Same { old, new, text } => lines.push(LineJson { sign: ' ', old: Some(old), new: Some(new), text }),
            TextRow::LeftOut { .. } => {}
            TextRow::Different { old, new } => {
                lines.extend(old.iter().map(|line| LineJson { sign: '-', old: Some(line.number), new: None, text: whole(line) }));
                lines.extend(new.iter().map(|line| LineJson { sign: '+', old: None, new: Some(line.number), text: whole(line) }));
            }
        }
    }
    lines
}

impl From<DifferenceShown> for DifferenceJson {
    fn from(shown: DifferenceShown) -> Self {
        Self {
            from: shown.from.into(),
            to: shown.to.into(),
            meaning: shown.meaning.map(|changes| changes.into_iter().map(ChangeJson::from).collect()),
            added: shown.text.added,
            removed: shown.text.removed,
            lines: lines(shown.text),
        }
    }
}

/// `GET /api/v1/workflows/{workflow}/versions`: newest first.
pub(crate) async fn list(call: Call<WorkflowRead>, Path(slug): Path<Word>) -> Result<Json<PageOf<VersionJson>>> {
    let versions = call.platform().workflow_versions(call.actor(), &slug.0).await?.versions;
    Ok(Json(PageOf::whole(versions.into_iter().map(VersionJson::from).collect())))
}

/// `GET /api/v1/workflows/{workflow}/versions/{number}`.
pub(crate) async fn show(call: Call<WorkflowRead>, Path((slug, number)): Path<(Word, Number)>) -> Result<Tagged<SourceJson>> {
    let version = call.platform().workflow_version(call.actor(), &slug.0, number.0).await?;
    let value = SourceJson {
        slug: version.shown.slug,
        version: version.shown.version.into(),
        source: version.shown.source,
        mandate: version.shown.mandate.map(MandateJson::from),
        changes: version.changes.map(|changes| changes.into_iter().map(ChangeJson::from).collect()),
    };
    Ok(Tagged { tag: version.tag, value })
}

/// `GET /api/v1/workflows/{workflow}/versions/{number}/difference`.
pub(crate) async fn difference(
    call: Call<WorkflowRead>,
    (Path((slug, number)), Query(against)): (Path<(Word, Number)>, Query<AgainstJson>),
) -> Result<Json<DifferenceJson>> {
    let from = against.from.unwrap_or_else(|| (number.0 - 1).max(1));
    Ok(Json(call.platform().workflow_difference(call.actor(), &slug.0, from, number.0).await?.into()))
}

/// `POST /api/v1/workflows/{workflow}/versions/{number}/publication`: a start takes it from now on.
pub(crate) async fn publish(
    call: Call<WorkflowWrite>,
    (Path((slug, number)), Conditions(expected)): (Path<(Word, Number)>, Conditions),
) -> Result<Done> {
    call.platform().publish_workflow(call.actor(), &slug.0, number.0, &expected).await?;
    Ok(Done)
}

/// `POST /api/v1/workflows/{workflow}/versions/{number}/restoration`: adds a draft with its text.
pub(crate) async fn restore(call: Call<WorkflowWrite>, Path((slug, number)): Path<(Word, Number)>) -> Result<Created<SavedJson>> {
    let saved = call.platform().restore_workflow(call.actor(), &slug.0, number.0).await?;
    let location = format!("/api/v1/workflows/{}/versions/{}", saved.slug, saved.version);
    Ok(Created { location, value: saved.into() })
}

/// `GET /api/v1/workflows/{workflow}/versions/{number}/file`: the file as it was written.
pub(crate) async fn file(call: Call<WorkflowRead>, Path((slug, number)): Path<(Word, Number)>) -> Result<File> {
    let file = call.platform().export_version(call.actor(), &slug.0, number.0).await?;
    Ok(File(File::named(&file.name, file.content_type()).body(file.source)))
}

/// `GET /api/v1/workflows/{workflow}/history`: all versions with their texts, as they are read.
pub(crate) async fn history(call: Call<WorkflowRead>, Path(slug): Path<Word>) -> Result<File> {
    let export = call.platform().export_history(call.actor(), &slug.0).await?;
    let name = format!("{}-history.json", slug.0);
    Ok(File(File::named(&name, "application/json").streaming(pieces(export, call.actor().request().id.to_string()))))
}

/// `GET /api/v1/workflows/export`: all workflows, as an archive of folders.
pub(crate) async fn export(call: Call<WorkflowRead>, (): ()) -> Result<File> {
    let export = call.platform().export_workflows(call.actor()).await?;
    Ok(File(File::named(ARCHIVE, "application/zip").streaming(pieces(export, call.actor().request().id.to_string()))))
}

/// `PUT /api/v1/workflows/{workflow}/folder`: lets it live elsewhere.
pub(crate) async fn place(call: Call<WorkflowWrite>, (Path(slug), Body(asked)): (Path<Word>, Body<PlaceJson>)) -> Result<Done> {
    let folder = folders::named(&call, asked.folder.as_deref()).await?;
    call.platform().move_workflow(call.actor(), &slug.0, folder).await?;
    Ok(Done)
}
