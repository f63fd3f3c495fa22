//! Which runs want attention, and which worker holds them: claiming, renewing and giving up leases.
//!
//! A lease is an owner, an end and a fence. The fence grows with each claim; the engine's records name the fence they
//! were made under and are refused under another. All of it crosses tenants, so the texts are in `system.rs`, and all
//! of it commits as housekeeping. Waking a run is in `inbox.rs`; moving it on is the engine's batch.

use domain::{RunId, TenantId, Timestamp};

use crate::{
    Result,
    row::{FromRow, Row},
    system,
    system_tx::{SystemReads, SystemTx},
};

/// The fence of a run's first lease: whoever has it finds an empty journal.
pub const FIRST_FENCE: i64 = 1;

/// A run that a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The tenant of the run.
    pub tenant: TenantId,
    /// The run.
    pub run: RunId,
    /// The number of this claim; a later claim has a higher one.
    pub fence: i64,
}

impl FromRow for Lease {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { tenant: row.id("tenant_id")?, run: row.id("run_id")?, fence: row.i64("fence")? })
    }
}

struct Moment(Option<Timestamp>);

impl FromRow for Moment {
    fn from_row(row: &Row) -> Result<Self> {
        row.opt_timestamp("at").map(Self)
    }
}

/// Claims up to `limit` runs that are due or whose lease ran out, for `owner` until `until`.
///
/// Tenants take turns: the longest waiting run of each comes first, then the second of each.
pub async fn claim(tx: &mut SystemTx, owner: &str, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<Lease>> {
    tx.query(&system::LEASE_CLAIM).bind(now).bind(owner).bind(until).bind(limit).all().await
}

/// Renews every lease of an owner, and gives what it still holds: what is missing was lost.
pub async fn renew(tx: &mut SystemTx, owner: &str, until: Timestamp) -> Result<Vec<Lease>> {
    tx.query(&system::LEASE_RENEW).bind(owner).bind(until).all().await
}

/// Gives up every lease of an owner that stops working, so that others need not wait for their end. Gives how many.
pub async fn release_all(tx: &mut SystemTx, owner: &str, now: Timestamp) -> Result<u64> {
    tx.query(&system::LEASE_RELEASE_ALL).bind(owner).bind(now).execute().await
}

/// Gives up every lease of anybody but `owner`: only right where nobody else can be alive, on an embedded database that
/// this process has just opened. Gives how many.
pub async fn release_others(tx: &mut SystemTx, owner: &str, now: Timestamp) -> Result<u64> {
    tx.query(&system::LEASE_RELEASE_OTHERS).bind(owner).bind(now).execute().await
}

/// Gives up one lease, if it is still held, to be claimed again from `again` on.
pub async fn give_back(tx: &mut SystemTx, owner: &str, lease: Lease, again: Timestamp) -> Result<bool> {
    let given =
        tx.query(&system::LEASE_GIVE_BACK).bind(lease.tenant).bind(lease.run).bind(owner).bind(lease.fence).bind(again).execute().await?;
    Ok(given == 1)
}

/// When the next run becomes due or the next lease runs out; nothing when every run sleeps until something arrives.
pub async fn next_due(tx: &mut impl SystemReads) -> Result<Option<Timestamp>> {
    Ok(tx.query(&system::LEASE_NEXT_DUE).one::<Moment>().await?.0)
}
