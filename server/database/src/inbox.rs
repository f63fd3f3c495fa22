//! What the doors want of a run. A row is written in the transaction of what it follows from, and wakes the run.
//!
//! The engine takes rows in and removes them in the commit of what they led to.

use domain::{InboxId, RunId, Timestamp};
use serde_json::Value;

use crate::{
    InboxKind, Result,
    announce::Topic,
    param::Json,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// Something a door wants of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxRow {
    /// The id.
    pub id: InboxId,
    /// The run.
    pub run: RunId,
    /// What is wanted.
    pub kind: InboxKind,
    /// What it is wanted with.
    pub payload: Value,
    /// When it came in.
    pub created_at: Timestamp,
}

impl FromRow for InboxRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            run: row.id("run_id")?,
            kind: row.word("kind", InboxKind::WORDS)?,
            payload: row.json("payload")?,
            created_at: row.timestamp("created_at")?,
        })
    }
}

static CREATE: Statement = Statement::tenant(
    "inbox.create",
    "insert into inbox (tenant_id, id, run_id, kind, payload, created_at) values ($1, $2, $3, $4, $5, $6)",
);
static WAKE: Statement = Statement::tenant(
    "inbox.wake",
    "insert into run_queue as q (tenant_id, run_id, wake_at) values ($1, $2, $3)
     on conflict (tenant_id, run_id) do update set
         wake_at = case when q.wake_at is null or q.wake_at > excluded.wake_at then excluded.wake_at else q.wake_at end",
);
static OF_RUN: Statement = Statement::tenant(
    "inbox.of_run",
    "select id, run_id, kind, payload, created_at from inbox where tenant_id = $1 and run_id = $2 order by created_at, id",
);

pub(crate) static ALL: &[&Statement] = &[&CREATE, &WAKE, &OF_RUN];

/// Puts a row into the inbox of a run that was accepted, and makes the run due at once, asleep or not. The first row is
/// written by [`crate::runs::accept`].
pub async fn create(tx: &mut WriteTx<'_>, new: &InboxRow) -> Result<()> {
    tx.query(&CREATE).bind(new.id).bind(new.run).bind(new.kind).bind(Json(new.payload.clone())).bind(new.created_at).execute().await?;
    tx.query(&WAKE).bind(new.run).bind(new.created_at).execute().await?;
    tx.announce(Topic::Inbox(new.run));
    Ok(())
}

/// What waits in a run's inbox, oldest first. For the engine.
pub async fn of_run<'a>(tx: &mut impl Reads<'a>, run: RunId) -> Result<Vec<InboxRow>> {
    tx.query(&OF_RUN).bind(run).all().await
}
