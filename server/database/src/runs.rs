//! Runs as lists and pages show them, and the start of one.
//!
//! What happened in a run is in `journal.rs`. After its start a run is changed only by the engine's batch, in the
//! commit of the journal: there is no function here that moves one on.

use std::time::Duration;

use domain::{
    Authorized, Cursor, Guarded, InboxId, Money, Page, PersonId, Protected, RunId, Scope, Timestamp, VersionId, WorkflowId,
    permission::{RunRead, WorkflowExecute},
};
use serde_json::Value;

use crate::{
    InboxKind, Result, RunStatus,
    announce::Topic,
    audit::anywhere,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// How far they are.
    pub status: Option<RunStatus>,
    /// Of which workflow.
    pub workflow: Option<WorkflowId>,
    /// Who started them: the name that the run keeps, exactly.
    pub starter: Option<String>,
    /// Accepted at this moment or later.
    pub since: Option<Timestamp>,
    /// Accepted before this moment.
    pub until: Option<Timestamp>,
    /// A text in what they were started with, gave or failed with, names of values among it; ASCII letters in upper and lower
    /// case alike.
    pub text: Option<String>,
}

impl Filter {
    /// Whether something is asked for that no index answers: then runs are looked through, and not without end.
    const fn looks_through(&self) -> bool {
        let beside_index = self.starter.is_some() && (self.status.is_some() || self.workflow.is_some());
        self.text.is_some() || self.since.is_some() || self.until.is_some() || beside_index
    }

    fn index(&self) -> Index<'_> {
        match (self.workflow, self.status, self.starter.as_deref()) {
            (Some(workflow), Some(status), _) => Index::WorkflowAndStatus(workflow, status),
            (Some(workflow), None, _) => Index::Workflow(workflow),
            (None, _, Some(starter)) => Index::Starter(starter),
            (None, Some(status), None) => Index::Status(status),
            (None, None, None) => Index::Number,
        }
    }
}

/// The index that a list of runs goes along. The rest of its filter is looked at row by row.
#[derive(Clone, Copy)]
enum Index<'f> {
    Number,
    Status(RunStatus),
    Starter(&'f str),
    Workflow(WorkflowId),
    WorkflowAndStatus(WorkflowId, RunStatus),
}

/// The place of a run in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRow {
    /// When it wants attention; nothing while it sleeps until something arrives.
    pub wake_at: Option<Timestamp>,
    /// Until when the process that took it up holds it.
    pub held_until: Option<Timestamp>,
}

/// The most that the clock is ever set back, with a wide margin: numbers follow the moments of acceptance but for this.
const CLOCK_MARGIN: Duration = Duration::from_hours(1);

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

impl FromRow for PlaceRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { wake_at: row.opt_timestamp("wake_at")?, held_until: row.opt_timestamp("lease_until")? })
    }
}

/// A list along one index: `$2` before which number, `$3` from which number, `$4` how many; `$5` and `$6` moments, `$7` the
/// starter, `$8` the pattern; then what the index is for.
/// `$by` names the index of SQLite, which knows no sizes and would else go along the numbers of all runs.
macro_rules! list_select {
    ($like:literal, $by:literal, $index:literal) => {
        concat!(
            "select r.id, r.number, r.workflow_id, w.slug as workflow_slug, w.name as workflow_name, r.starter_label, r.status,
                    r.waiting_for, r.spent, r.held, r.accepted_at, r.started_at, r.ended_at
             from run r ",
            $by,
            " join workflow w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
             where r.tenant_id = $1 and r.number < $2 and r.number >= $3",
            $index,
            " and (r.accepted_at >= $5 or $5 is null) and (r.accepted_at < $6 or $6 is null)
             and (r.starter_label = $7 or $7 is null)
             and (r.inputs ",
            $like,
            " $8 escape '\\' or r.outputs ",
            $like,
            " $8 escape '\\' or r.error ",
            $like,
            " $8 escape '\\' or $8 is null)
             order by r.number desc
             limit $4"
        )
    };
}

/// The lowest number among so many runs along an index: `$2` before which number, `$3` how many but one; then what the
/// index is for.
macro_rules! window_select {
    ($index:literal) => {
        concat!("select r.number from run r where r.tenant_id = $1 and r.number < $2", $index, " order by r.number desc limit 1 offset $3")
    };
}

macro_rules! run_select {
    ($rest:literal) => {
        run_select!("", "", $rest)
    };
    ($more:literal, $join:literal, $rest:literal) => {
        concat!(
            "select r.id, r.number, r.workflow_id, w.slug as workflow_slug, w.name as workflow_name, r.starter_label, r.status,
                    r.waiting_for, r.spent, r.held, r.accepted_at, r.started_at, r.ended_at,
                    r.version_id, v.number as version_number, r.plan_hash, r.starter, r.inputs, r.outputs, r.error, r.last_seq",
            $more,
            " from run r
             join workflow w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
             join version v on v.tenant_id = r.tenant_id and v.id = r.version_id",
            $join,
            " where r.tenant_id = $1",
            $rest
        )
    };
}

// One text for each index, so that each finds its own. A comparison that does not tell `a` from `A` has another name on each engine.
static LIST: Statement = Statement::tenant_each("runs.list", list_select!("like", "", ""), list_select!("ilike", "", ""));
static LIST_BY_STATUS: Statement = Statement::tenant_each(
    "runs.list_by_status",
    list_select!("like", "indexed by run_by_status", " and r.status = $9"),
    list_select!("ilike", "", " and r.status = $9"),
);
static LIST_OF_STARTER: Statement = Statement::tenant_each(
    "runs.list_of_starter",
    list_select!("like", "indexed by run_of_starter", " and r.starter_label = $9 and (r.status = $10 or $10 is null)"),
    list_select!("ilike", "", " and r.starter_label = $9 and (r.status = $10 or $10 is null)"),
);
static LIST_OF_WORKFLOW: Statement = Statement::tenant_each(
    "runs.list_of_workflow",
    list_select!("like", "indexed by run_of_workflow", " and r.workflow_id = $9"),
    list_select!("ilike", "", " and r.workflow_id = $9"),
);
static LIST_OF_WORKFLOW_BY_STATUS: Statement = Statement::tenant_each(
    "runs.list_of_workflow_by_status",
    list_select!("like", "indexed by run_of_workflow_by_status", " and r.workflow_id = $9 and r.status = $10"),
    list_select!("ilike", "", " and r.workflow_id = $9 and r.status = $10"),
);
static WINDOW: Statement = Statement::tenant("runs.window", window_select!(""));
static WINDOW_BY_STATUS: Statement = Statement::tenant("runs.window_by_status", window_select!(" and r.status = $4"));
static WINDOW_OF_STARTER: Statement = Statement::tenant("runs.window_of_starter", window_select!(" and r.starter_label = $4"));
static WINDOW_OF_WORKFLOW: Statement = Statement::tenant("runs.window_of_workflow", window_select!(" and r.workflow_id = $4"));
static WINDOW_OF_WORKFLOW_BY_STATUS: Statement =
    Statement::tenant("runs.window_of_workflow_by_status", window_select!(" and r.workflow_id = $4 and r.status = $5"));
static FIRST_SINCE: Statement = Statement::tenant(
    "runs.first_since",
    "select number from run where tenant_id = $1 and accepted_at >= $2 order by accepted_at, number limit 1",
);
static LAST_UNTIL: Statement = Statement::tenant(
    "runs.last_until",
    "select number from run where tenant_id = $1 and accepted_at < $2 order by accepted_at desc, number desc limit 1",
);
static PLACE: Statement =
    Statement::tenant("runs.place", "select wake_at, lease_until from run_queue where tenant_id = $1 and run_id = $2");
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
    run_select!(
        ", i.id as letter_id, i.kind as letter_kind, i.payload as letter_payload, i.created_at as letter_at",
        " left join inbox i on i.tenant_id = r.tenant_id and i.run_id = r.id",
        " and r.id = $2 order by i.created_at, i.id"
    ),
);
static COUNT_BY_STATUS: Statement = Statement::tenant(
    "runs.count_by_status",
    "select count(*) as runs
     from (select 1 as one from run where tenant_id = $1 and status = $2 limit 10001) as counted",
);

pub(crate) static ALL: &[&Statement] = &[
    &LIST,
    &LIST_BY_STATUS,
    &LIST_OF_STARTER,
    &LIST_OF_WORKFLOW,
    &LIST_OF_WORKFLOW_BY_STATUS,
    &WINDOW,
    &WINDOW_BY_STATUS,
    &WINDOW_OF_STARTER,
    &WINDOW_OF_WORKFLOW,
    &WINDOW_OF_WORKFLOW_BY_STATUS,
    &FIRST_SINCE,
    &LAST_UNTIL,
    &PLACE,
    &FIND,
    &FIND_BY_NUMBER,
    &FIND_BY_START_KEY,
    &ACCEPT,
    &TAKE_UP,
    &COUNT_BY_STATUS,
];

/// A page of runs, newest first, from before `after`. What no index answers is looked for in `most` runs: then a page may be
/// short, even empty, and still have a next one.
pub async fn list<'a>(
    tx: &mut impl Reads<'a>,
    _scope: &Scope<'_, RunRead>,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
    most: u32,
) -> Result<Page<RunListRow>> {
    let mut before = after.map_or(i64::MAX, |cursor| cursor.0);
    let mut from = 0;
    if let Some(since) = filter.since {
        match number(tx, &FIRST_SINCE, since.before(CLOCK_MARGIN)).await? {
            Some(first) => from = first,
            None => return Ok(Page { items: Vec::new(), next: None }),
        }
    }
    if let Some(until) = filter.until {
        match number(tx, &LAST_UNTIL, until.after(CLOCK_MARGIN)).await? {
            Some(last) => before = before.min(last.saturating_add(1)),
            None => return Ok(Page { items: Vec::new(), next: None }),
        }
    }
    let cut = if filter.looks_through() { window(tx, filter.index(), before, most).await?.filter(|cut| *cut > from) } else { None };
    let rows = along(tx, filter, before, cut.unwrap_or(from), i64::from(limit) + 1).await?;
    let mut page = Page::from_rows(rows, limit as usize, |row| row.number);
    page.next = page.next.or(cut.map(Cursor));
    Ok(page)
}

async fn number<'a>(tx: &mut impl Reads<'a>, statement: &'static Statement, at: Timestamp) -> Result<Option<i64>> {
    tx.query(statement).bind(at).rows().await?.first().map(|row| row.i64("number")).transpose()
}

/// The number of the last run that is looked at; nothing when all of them are.
async fn window<'a>(tx: &mut impl Reads<'a>, index: Index<'_>, before: i64, most: u32) -> Result<Option<i64>> {
    let statement = match index {
        Index::Number => &WINDOW,
        Index::Status(_) => &WINDOW_BY_STATUS,
        Index::Starter(_) => &WINDOW_OF_STARTER,
        Index::Workflow(_) => &WINDOW_OF_WORKFLOW,
        Index::WorkflowAndStatus(..) => &WINDOW_OF_WORKFLOW_BY_STATUS,
    };
    let query = tx.query(statement).bind(before).bind(i64::from(most) - 1);
    let query = match index {
        Index::Number => query,
        Index::Status(status) => query.bind(status),
        Index::Starter(starter) => query.bind(starter),
        Index::Workflow(workflow) => query.bind(workflow),
        Index::WorkflowAndStatus(workflow, status) => query.bind(workflow).bind(status),
    };
    query.rows().await?.first().map(|row| row.i64("number")).transpose()
}

async fn along<'a>(tx: &mut impl Reads<'a>, filter: &Filter, before: i64, from: i64, limit: i64) -> Result<Vec<RunListRow>> {
    let index = filter.index();
    let statement = match index {
        Index::Number => &LIST,
        Index::Status(_) => &LIST_BY_STATUS,
        Index::Starter(_) => &LIST_OF_STARTER,
        Index::Workflow(_) => &LIST_OF_WORKFLOW,
        Index::WorkflowAndStatus(..) => &LIST_OF_WORKFLOW_BY_STATUS,
    };
    let query = tx
        .query(statement)
        .bind(before)
        .bind(from)
        .bind(limit)
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.starter.as_deref())
        .bind(filter.text.as_deref().map(in_json));
    let query = match index {
        Index::Number => query,
        Index::Status(status) => query.bind(status),
        Index::Starter(starter) => query.bind(starter).bind(filter.status),
        Index::Workflow(workflow) => query.bind(workflow),
        Index::WorkflowAndStatus(workflow, status) => query.bind(workflow).bind(status),
    };
    query.all().await
}

/// A pattern for `like` that finds the text as it stands in JSON, whatever signs it has.
fn in_json(text: &str) -> String {
    let written = Value::from(text).to_string();
    let bare = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&written);
    anywhere(bare)
}

/// How many runs are this far, up to 10,000 and one more, which means "more".
pub async fn count_by_status<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, RunRead>, status: RunStatus) -> Result<i64> {
    let rows = tx.query(&COUNT_BY_STATUS).bind(status).rows().await?;
    rows.first().map_or(Ok(0), |row| row.i64("runs"))
}

/// Where a run stands in the queue; nothing for one that is over.
pub async fn place<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<Option<PlaceRow>> {
    tx.query(&PLACE).bind(run.facts.id).optional().await
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

#[cfg(test)]
mod tests {
    use super::in_json;

    #[test]
    fn a_text_is_looked_for_as_json_writes_it() {
        assert_eq!(in_json("a\"b 50%"), "%a\\\\\"b 50\\%%");
        assert_eq!(in_json("ä\n"), "%ä\\\\n%");
    }
}
