//! The audit log: searched page by page, and taken away whole.

use domain::permission::{AuditExport, AuditRead};
use platform::audit::{AuditLine, AuditState, Filter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Bound, Call, Json, Moment, PageOf, Paging, Query, Result, range,
    reply::{Lines, LinesKind},
};
use crate::audit;

/// The name of the list, in cursors.
const LIST: &str = "audit";

/// A row of the log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEvent")]
pub(crate) struct EventJson {
    /// Its place in the chain, from 1.
    seq: i64,
    /// When.
    at: Moment,
    /// Who, by the name people know.
    actor: String,
    /// The door: `page`, `mail_link`, `api`, `run`, `operator` or `system`.
    door: String,
    /// The run, when the door is a run.
    run: Option<String>,
    /// The address of the client, if there was one.
    address: Option<String>,
    /// The id of the request.
    request: String,
    /// The name of the event.
    action: String,
    /// The kind of thing it was done to.
    target_kind: String,
    /// Its id; empty when there is none.
    target_id: String,
    /// Its name at that time.
    target_name: String,
    /// `done`, `denied` or `failed`.
    outcome: String,
    /// Further facts.
    detail: Map<String, Value>,
}

/// The end of the tenant's chain.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditState")]
pub(crate) struct StateJson {
    /// The chain: the id of the tenant.
    chain: String,
    /// The place of the last row; 0 when there is none.
    seq: i64,
    /// Its hash, as 64 hexadecimal signs.
    hash: String,
}

/// Which rows.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListJson {
    /// A text anywhere in actor, action, target or details.
    #[schemars(length(max = 200))]
    text: Option<String>,
    /// The beginning of an action: `approval.` or a whole one.
    #[schemars(length(max = 200))]
    action: Option<String>,
    /// The actor's name, exactly.
    #[schemars(length(max = 200))]
    actor: Option<String>,
    /// The id of the target, exactly.
    #[schemars(length(max = 200))]
    target: Option<String>,
    /// From the beginning of this day of UTC, such as `2026-11-24`, or from this moment.
    since: Option<Bound>,
    /// To the end of this day of UTC, or before this moment.
    until: Option<Bound>,
    /// How many rows at most; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
}

/// How a log is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AuditFormat")]
pub enum FormatJson {
    /// One JSON object a line, with what it takes to verify the chain: `mandate audit verify` accepts it.
    #[default]
    Jsonl,
    /// A table for a spreadsheet.
    Csv,
}

/// How the log is to be written down.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportJson {
    /// `jsonl` when left out.
    pub format: Option<FormatJson>,
}

impl From<AuditLine> for EventJson {
    fn from(line: AuditLine) -> Self {
        Self {
            seq: line.seq,
            at: Moment(line.at),
            actor: line.actor,
            door: line.door,
            run: line.run,
            address: line.address,
            request: line.request,
            action: line.action,
            target_kind: line.target_kind,
            target_id: line.target_id,
            target_name: line.target_name,
            outcome: line.outcome,
            detail: line.detail,
        }
    }
}

impl From<AuditState> for StateJson {
    fn from(state: AuditState) -> Self {
        Self { chain: state.chain, seq: state.seq, hash: state.hash }
    }
}

/// `GET /api/v1/audit`: newest first.
pub(crate) async fn list(call: Call<AuditRead>, Query(asked): Query<ListJson>) -> Result<Json<PageOf<EventJson>>> {
    let ListJson { text, action, actor, target, since, until, limit, cursor } = asked;
    let (limit, after) = Paging { limit, cursor }.read(&call, LIST)?;
    let (since, until) = range(since, until)?;
    let filter = Filter { text, action, actor, target, since, until };
    let page = call.platform().audit(call.actor(), &filter, after, limit).await?;
    Ok(Json(PageOf::of(&call, LIST, page, EventJson::from)))
}

/// `GET /api/v1/audit/state`: to be kept beside an export, to find rows that were cut off at its end.
pub(crate) async fn state(call: Call<AuditRead>, (): ()) -> Result<Json<StateJson>> {
    Ok(Json(call.platform().audit_state(call.actor()).await?.into()))
}

/// `GET /api/v1/audit/export`: the whole log, oldest row first.
pub(crate) async fn export(call: Call<AuditExport>, Query(asked): Query<ExportJson>) -> Result<Lines> {
    let tenant = call.platform().tenant(call.actor()).await?;
    let (export, ending, kind) = match asked.format.unwrap_or_default() {
        FormatJson::Jsonl => (call.platform().audit_export(call.actor()).await?, "jsonl", LinesKind::Json),
        FormatJson::Csv => (call.platform().audit_export_csv(call.actor()).await?, "csv", LinesKind::Table),
    };
    let name = audit::file_name(&tenant.slug, call.platform().now(), ending);
    Ok(Lines::file(&name, kind, audit::lines(export, call.actor().request().id.to_string())))
}
