//! The journal of a run: what happened, in order. Written by the engine's batch and by nothing else.
//!
//! A row's text is what the run's event gave as its bytes; nobody here looks into it.

use domain::{Authorized, RunId, Timestamp, permission::RunRead};

use crate::{
    Result,
    read::Reads,
    row::{FromRow, Row},
    runs::RunRow,
    statement::Statement,
};

/// A row of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The place in the journal, from 1.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The event, exactly as it was recorded.
    pub event: String,
}

impl FromRow for JournalRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { seq: row.i64("seq")?, at: row.timestamp("at")?, event: row.text("event")? })
    }
}

static AFTER: Statement = Statement::tenant(
    "journal.after",
    "select seq, at, event from journal where tenant_id = $1 and run_id = $2 and seq > $3 order by seq limit $4",
);

pub(crate) static ALL: &[&Statement] = &[&AFTER];

/// The rows of a run's journal after a place, oldest first, at most `limit`.
pub async fn after<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>, seq: i64, limit: u32) -> Result<Vec<JournalRow>> {
    tx.query(&AFTER).bind(run.facts.id).bind(seq).bind(limit).all().await
}

/// The same for the engine, which folds a run out of it: under no guard, as nobody asked to see it.
pub async fn load<'a>(tx: &mut impl Reads<'a>, run: RunId, seq: i64, limit: u32) -> Result<Vec<JournalRow>> {
    tx.query(&AFTER).bind(run).bind(seq).bind(limit).all().await
}
