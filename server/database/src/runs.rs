//! Runs as lists and pages show them, and the start of one.
//!
//! What happened in a run is in `journal.rs`. After its start a run is changed only by the engine's batch, in the
//! commit of the journal: there is no function here that moves one on.

use domain::{
    Cursor, Guarded, Money, Page, PersonId, Protected, RunId, Scope, Timestamp, VersionId, WorkflowId,
    permission::{RunRead, WorkflowExecute},
};
use serde_json::Value;

use crate::{
    Result, RunStatus,
    announce::Topic,
    quotas,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// What lists show of it.
    pub facts: RunListRow,
    /// The version it pinned.
    pub version: VersionId,
    /// The number of that version.
    pub version_number: i64,
    /// SHA-256 of the plan it runs.
    pub plan_hash: [u8; 32],
    /// Who started it.
    pub starter: PersonId,
    /// What it was started with.
    pub inputs: Value,
    /// What it gave, once completed.
    pub outputs: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// The place of the last row of its journal; 0 when there is none.
    pub last_seq: i64,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RunListRow {
    /// The id.
    pub id: RunId,
    /// The number within the tenant, from 1.
    pub number: i64,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// The workflow's slug.
    pub workflow_slug: String,
    /// The workflow's name.
    pub workflow_name: String,
    /// The name of who started it.
    pub starter_label: String,
    /// How far it is.
    pub status: RunStatus,
    /// What it waits for.
    pub waiting_for: Option<Value>,
    /// What it spent.
    pub spent: Money,
    /// What is set aside for what it does at this moment.
    pub held: Money,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A run to be started.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The id.
    pub id: RunId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// The version it pins.
    pub version: VersionId,
    /// SHA-256 of the version's plan.
    pub plan_hash: [u8; 32],
    /// Who starts it and for whom it acts.
    pub starter: PersonId,
    /// The name of who starts it.
    pub starter_label: String,
    /// What it is started with.
    pub inputs: Value,
    /// A key under which the same start, sent again, is the same run.
    pub start_key: Option<String>,
    /// Now.
    pub accepted_at: Timestamp,
}

/// Which runs a page shows; what is left out filters nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// How far they are.
    pub status: Option<RunStatus>,
    /// Of which workflow.
    pub workflow: Option<WorkflowId>,
}

impl Protected for RunRow {
    type Read = RunRead;
    const KIND: &'static str = "run";

    fn public_id(&self) -> String {
        self.facts.id.to_string()
    }
}

impl FromRow for RunListRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            number: row.i64("number")?,
            workflow: row.id("workflow_id")?,
            workflow_slug: row.text("workflow_slug")?,
            workflow_name: row.text("workflow_name")?,
            starter_label: row.text("starter_label")?,
            status: row.word("status", RunStatus::WORDS)?,
            waiting_for: row.opt_json("waiting_for")?,
            spent: row.money("spent")?,
            held: row.money("held")?,
            accepted_at: row.timestamp("accepted_at")?,
            started_at: row.opt_timestamp("started_at")?,
            ended_at: row.opt_timestamp("ended_at")?,
        })
    }
}

impl FromRow for RunRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            facts: RunListRow::from_row(row)?,
            version: row.id("version_id")?,
            version_number: row.i64("version_number")?,
            plan_hash: row.hash("plan_hash")?,
            starter: row.id("starter")?,
            inputs: row.json("inputs")?,
            outputs: row.opt_json("outputs")?,
            error: row.opt_json("error")?,
            last_seq: row.i64("last_seq")?,
        })
    }
}

macro_rules! list_select {
    ($rest:literal) => {
        concat!(
            "select r.id, r.number, r.workflow_id, w.slug as workflow_slug, w.name as workflow_name, r.starter_label, r.status,
                    r.waiting_for, r.spent, r.held, r.accepted_at, r.started_at, r.ended_at
             from run r
             join workflow w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
             where r.tenant_id = $1 and r.number < $2",
            $rest,
            " order by r.number desc limit $3"
        )
    };
}

macro_rules! run_select {
    ($rest:literal) => {
        concat!(
            "select r.id, r.number, r.workflow_id, w.slug as workflow_slug, w.name as workflow_name, r.starter_label, r.status,
                    r.waiting_for, r.spent, r.held, r.accepted_at, r.started_at, r.ended_at,
                    r.version_id, v.number as version_number, r.plan_hash, r.starter, r.inputs, r.outputs, r.error, r.last_seq
             from run r
             join workflow w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
             join version v on v.tenant_id = r.tenant_id and v.id = r.version_id
             where r.tenant_id = $1",
            $rest
        )
    };
}

// One text for each filter, so that each finds its index.
static LIST: Statement = Statement::tenant("runs.list", list_select!(""));
static LIST_BY_STATUS: Statement = Statement::tenant("runs.list_by_status", list_select!(" and r.status = $4"));
static LIST_OF_WORKFLOW: Statement = Statement::tenant("runs.list_of_workflow", list_select!(" and r.workflow_id = $4"));
static LIST_OF_WORKFLOW_BY_STATUS: Statement =
    Statement::tenant("runs.list_of_workflow_by_status", list_select!(" and r.workflow_id = $4 and r.status = $5"));
static FIND: Statement = Statement::tenant("runs.find", run_select!(" and r.id = $2"));
static FIND_BY_NUMBER: Statement = Statement::tenant("runs.find_by_number", run_select!(" and r.number = $2"));
static FIND_BY_START_KEY: Statement =
    Statement::tenant("runs.find_by_start_key", run_select!(" and r.start_key = $2 and r.start_key is not null"));
static NEXT_NUMBER: Statement = Statement::tenant(
    "runs.next_number",
    "update tenant set next_run_number = next_run_number + 1, stored_bytes = stored_bytes + $2
     where id = $1
     returning next_run_number - 1 as number",
);
static CREATE: Statement = Statement::tenant(
    "runs.create",
    "insert into run
         (tenant_id, id, number, workflow_id, version_id, plan_hash, starter, starter_label, status, inputs, accepted_at, start_key)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9, $10, $11)",
);
static COUNT_BY_STATUS: Statement = Statement::tenant(
    "runs.count_by_status",
    "select count(*) as runs
     from (select 1 as one from run where tenant_id = $1 and status = $2 limit 10001) as counted",
);

pub(crate) static ALL: &[&Statement] = &[
    &LIST,
    &LIST_BY_STATUS,
    &LIST_OF_WORKFLOW,
    &LIST_OF_WORKFLOW_BY_STATUS,
    &FIND,
    &FIND_BY_NUMBER,
    &FIND_BY_START_KEY,
    &NEXT_NUMBER,
    &CREATE,
    &COUNT_BY_STATUS,
];

/// A page of runs, newest first, from before `after`.
pub async fn list<'a>(
    tx: &mut impl Reads<'a>,
    _scope: &Scope<'_, RunRead>,
    filter: Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<RunListRow>> {
    let statement = match (filter.workflow, filter.status) {
        (Some(_), Some(_)) => &LIST_OF_WORKFLOW_BY_STATUS,
        (Some(_), None) => &LIST_OF_WORKFLOW,
        (None, Some(_)) => &LIST_BY_STATUS,
        (None, None) => &LIST,
    };
    let mut query = tx.query(statement).bind(after.map_or(i64::MAX, |cursor| cursor.0)).bind(i64::from(limit) + 1);
    if let Some(workflow) = filter.workflow {
        query = query.bind(workflow);
    }
    if let Some(status) = filter.status {
        query = query.bind(status);
    }
    let rows = query.all::<RunListRow>().await?;
    Ok(Page::from_rows(rows, limit as usize, |row| row.number))
}

/// How many runs are this far, up to 10,000 and one more, which means "more".
pub async fn count_by_status<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, RunRead>, status: RunStatus) -> Result<i64> {
    let rows = tx.query(&COUNT_BY_STATUS).bind(status).rows().await?;
    rows.first().map_or(Ok(0), |row| row.i64("runs"))
}

/// The run with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: RunId) -> Result<Option<Guarded<RunRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// The run with a number.
pub async fn find_by_number<'a>(tx: &mut impl Reads<'a>, number: i64) -> Result<Option<Guarded<RunRow>>> {
    Ok(tx.query(&FIND_BY_NUMBER).bind(number).optional().await?.map(Guarded::new))
}

/// The run that was started under a key.
pub async fn find_by_start_key<'a>(tx: &mut impl Reads<'a>, key: &str) -> Result<Option<Guarded<RunRow>>> {
    Ok(tx.query(&FIND_BY_START_KEY).bind(key).optional().await?.map(Guarded::new))
}

/// The run as the engine loads it: under no guard, as nobody asked to see it.
pub async fn load<'a>(tx: &mut impl Reads<'a>, id: RunId) -> Result<Option<RunRow>> {
    tx.query(&FIND).bind(id).optional().await
}

/// Accepts a run and gives its number. Numbers are without gaps: who takes one locks the tenant's row until the end of
/// the transaction. What the inputs take is counted with it. A start key that is taken is [`crate::Error::Violation`]; ask [`find_by_start_key`] first.
///
/// The engine begins when `inbox::create` is called in the same transaction.
pub async fn create(tx: &mut WriteTx<'_>, _scope: &Scope<'_, WorkflowExecute>, new: &NewRun) -> Result<i64> {
    let inputs = new.inputs.to_string();
    let number = match tx.query(&NEXT_NUMBER).bind(quotas::size(&inputs)).rows().await?.first() {
        Some(row) => row.i64("number")?,
        None => return Err(crate::Error::NoRow { statement: NEXT_NUMBER.name() }),
    };
    tx.query(&CREATE)
        .bind(new.id)
        .bind(number)
        .bind(new.workflow)
        .bind(new.version)
        .bind(new.plan_hash)
        .bind(new.starter)
        .bind(&new.starter_label)
        .bind(inputs)
        .bind(new.accepted_at)
        .bind(new.start_key.as_deref())
        .execute()
        .await?;
    tx.announce(Topic::Runs);
    Ok(number)
}
