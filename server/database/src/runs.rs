//! Runs as lists and pages show them, and the start of one.
//!
//! What happened in a run is in `journal.rs`. After its start a run is changed only by the engine's batch, in the
//! commit of the journal: there is no function here that moves one on.

use domain::{
    Cursor, Guarded, InboxId, Money, Page, PersonId, Protected, RunId, Scope, Timestamp, VersionId, WorkflowId,
    permission::{RunRead, WorkflowExecute},
};
use serde_json::Value;

use crate::{
    InboxKind, Result, RunStatus,
    announce::Topic,
    audit_chain::Head,
    inbox::InboxRow,
    leases::FIRST_FENCE,
    param::Json,
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
    /// The id of the first row of its inbox.
    pub letter_id: InboxId,
    /// What that row says, beside what is in the run itself.
    pub letter: Value,
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
/// The run, the first row of its inbox and its place in the queue, in one hand-over.
static ACCEPT: Statement = Statement::tenant_each(
    "runs.accept",
    "update tenant set next_run_number = next_run_number + 1, stored_bytes = stored_bytes + $16 where id = $1;
     insert into run
         (tenant_id, id, number, workflow_id, version_id, plan_hash, starter, starter_label, status, inputs, accepted_at, start_key)
     select $1, $2, next_run_number - 1, $3, $4, $5, $6, $7, 'queued', $8, $9, $10 from tenant where id = $1;
     insert into inbox (tenant_id, id, run_id, kind, payload, created_at) values ($1, $11, $2, 'start', $12, $9);
     insert into run_queue (tenant_id, run_id, wake_at, fence, owner, lease_until) values ($1, $2, $9, $13, $14, $15);
     select r.number, t.audit_seq, t.audit_hash
     from run r join tenant t on t.id = r.tenant_id
     where r.tenant_id = $1 and r.id = $2",
    "with numbered as (
         update tenant set next_run_number = next_run_number + 1, stored_bytes = stored_bytes + $16 where id = $1
         returning id, next_run_number - 1 as number, audit_seq, audit_hash
     ),
     accepted as (
         insert into run
             (tenant_id, id, number, workflow_id, version_id, plan_hash, starter, starter_label, status, inputs, accepted_at, start_key)
         select id, $2, number, $3, $4, $5, $6, $7, 'queued', $8, $9, $10 from numbered
         returning tenant_id, number
     ),
     told as (
         insert into inbox (tenant_id, id, run_id, kind, payload, created_at) values ($1, $11, $2, 'start', $12, $9)
     ),
     queued as (
         insert into run_queue (tenant_id, run_id, wake_at, fence, owner, lease_until) values ($1, $2, $9, $13, $14, $15)
     )
     select a.number, n.audit_seq, n.audit_hash from accepted a join numbered n on n.id = a.tenant_id where a.tenant_id = $1",
);
/// A run with each row of its inbox; without any the columns of the inbox are null.
static TAKE_UP: Statement = Statement::tenant(
    "runs.take_up",
    "select r.id, r.number, r.workflow_id, w.slug as workflow_slug, w.name as workflow_name, r.starter_label, r.status,
            r.waiting_for, r.spent, r.held, r.accepted_at, r.started_at, r.ended_at,
            r.version_id, v.number as version_number, r.plan_hash, r.starter, r.inputs, r.outputs, r.error, r.last_seq,
            i.id as letter_id, i.kind as letter_kind, i.payload as letter_payload, i.created_at as letter_at
     from run r
     join workflow w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
     join version v on v.tenant_id = r.tenant_id and v.id = r.version_id
     left join inbox i on i.tenant_id = r.tenant_id and i.run_id = r.id
     where r.tenant_id = $1 and r.id = $2
     order by i.created_at, i.id",
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
    &ACCEPT,
    &TAKE_UP,
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

/// The run as the engine takes it up, with what waits in its inbox, oldest first: under no guard, as nobody asked to see
/// it.
pub async fn take_up<'a>(tx: &mut impl Reads<'a>, id: RunId) -> Result<Option<(RunRow, Vec<InboxRow>)>> {
    let rows = tx.query(&TAKE_UP).bind(id).rows().await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let run = RunRow::from_row(first)?;
    let mut letters = Vec::new();
    for row in &rows {
        let Some(letter) = row.opt_id("letter_id")? else { continue };
        letters.push(InboxRow {
            id: letter,
            run: id,
            kind: row.word("letter_kind", InboxKind::WORDS)?,
            payload: row.json("letter_payload")?,
            created_at: row.timestamp("letter_at")?,
        });
    }
    Ok(Some((run, letters)))
}

/// The run as it is: under no guard, as nobody asked to see it.
pub async fn load<'a>(tx: &mut impl Reads<'a>, id: RunId) -> Result<Option<RunRow>> {
    tx.query(&FIND).bind(id).optional().await
}

/// Accepts a run and gives its number. Numbers are without gaps: who takes one locks the tenant's row until the end of
/// the transaction. What the inputs take is counted with it. A start key that is taken is [`crate::Error::Violation`]; ask
/// [`find_by_start_key`] first.
///
/// The run is due at once. Where a driver of this process has room for it, the commit leases it to that driver.
pub async fn accept(tx: &mut WriteTx<'_>, _scope: &Scope<'_, WorkflowExecute>, new: &NewRun) -> Result<i64> {
    let seat = tx.seat(new.id, new.accepted_at);
    let (owner, until) = seat.unzip();
    let leased = owner.is_some();
    let inputs = new.inputs.to_string();
    let stored = quotas::size(&inputs);
    let rows = tx
        .query(&ACCEPT)
        .bind(new.id)
        .bind(new.workflow)
        .bind(new.version)
        .bind(new.plan_hash)
        .bind(new.starter)
        .bind(&new.starter_label)
        .bind(inputs)
        .bind(new.accepted_at)
        .bind(new.start_key.as_deref())
        .bind(new.letter_id)
        .bind(Json(new.letter.clone()))
        .bind(if leased { FIRST_FENCE } else { 0 })
        .bind(owner)
        .bind(until)
        .bind(stored)
        .rows()
        .await?;
    let row = rows.first().ok_or(crate::Error::NoRow { statement: ACCEPT.name() })?;
    let number = row.i64("number")?;
    // Who takes a number has the tenant's row locked, and with it the end of its audit chain.
    tx.know_head(Head::from_row(row)?);
    tx.announce(Topic::Runs);
    if !leased {
        tx.announce(Topic::Inbox(new.id));
    }
    Ok(number)
}
