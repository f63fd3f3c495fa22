//! What quotas count, in the transaction of the change that they allow or refuse.
//!
//! The change is made first and counted then: it has locked the tenant's row, so that of two at once the second one counts
//! what the first one left, and whoever is over drops the transaction. Bytes are counted where they are stored (`runs.rs`,
//! `workflows.rs`), so that nobody can forget to. Which limit holds is for the caller, who knows the operator's.

use domain::{TenantId, Timestamp};

use crate::{
    Result,
    read::Reads,
    row::{FromRow, Row},
    settings::QuotaRow,
    statement::Statement,
    system,
    system_tx::SystemTx,
    write::WriteTx,
};

/// Where a tenant stands, with what it set for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRow {
    /// The quotas that the tenant set for itself.
    pub quotas: QuotaRow,
    /// The bytes that its workflows and the inputs of its runs take.
    pub stored_bytes: i64,
    /// The number that the next run will have; those before are without gaps.
    pub next_run_number: i64,
}

/// How many members a tenant has, with the quota that it set for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembersRow {
    /// The most active members.
    pub quota: Option<i64>,
    /// The active members; service accounts are none.
    pub members: i64,
}

impl FromRow for UsageRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { quotas: QuotaRow::from_row(row)?, stored_bytes: row.i64("stored_bytes")?, next_run_number: row.i64("next_run_number")? })
    }
}

impl FromRow for MembersRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { quota: row.opt_i64("quota_members")?, members: row.i64("members")? })
    }
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self> {
        row.i64("counted").map(Self)
    }
}

static USAGE: Statement = Statement::tenant(
    "quotas.usage",
    "select quota_members, quota_open_runs, quota_runs_a_day, quota_stored_bytes, stored_bytes, next_run_number
     from tenant where id = $1",
);
static STORE: Statement = Statement::tenant("quotas.store", "update tenant set stored_bytes = stored_bytes + $2 where id = $1");
static OPEN_RUNS: Statement = Statement::tenant(
    "quotas.open_runs",
    "select count(*) as counted
     from (select 1 as one from run where tenant_id = $1 and status = 'queued'
           union all select 1 from run where tenant_id = $1 and status = 'running'
           union all select 1 from run where tenant_id = $1 and status = 'waiting'
           limit $2) as some_of_them",
);
static ACCEPTED_AT: Statement = Statement::tenant("quotas.accepted_at", "select accepted_at from run where tenant_id = $1 and number = $2");
static ACTIVE_MEMBERS: Statement = Statement::tenant(
    "quotas.active_members",
    "select count(*) as counted
     from membership m
     join person p on p.id = m.person_id
     where m.tenant_id = $1 and m.status = 'active' and p.tenant_id is null",
);
static OPEN_INVITATIONS: Statement = Statement::tenant(
    "quotas.open_invitations",
    "select count(*) as counted from invitation
     where tenant_id = $1 and accepted_at is null and withdrawn_at is null and expires_at > $2",
);

pub(crate) static ALL: &[&Statement] = &[&USAGE, &STORE, &OPEN_RUNS, &ACCEPTED_AT, &ACTIVE_MEMBERS, &OPEN_INVITATIONS];

/// Where the tenant stands. Under no guard: a refusal says it to whoever is refused.
pub async fn usage<'a>(tx: &mut impl Reads<'a>) -> Result<UsageRow> {
    tx.query(&USAGE).one().await
}

/// Counts bytes that the same transaction stores. Locks the tenant's row.
pub(crate) async fn store(tx: &mut WriteTx<'_>, bytes: i64) -> Result<()> {
    tx.query(&STORE).bind(bytes).execute().await.map(drop)
}

/// What a text takes, in bytes.
pub(crate) fn size(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// How many runs have not ended, counted up to `most`.
pub async fn open_runs<'a>(tx: &mut impl Reads<'a>, most: i64) -> Result<i64> {
    tx.query(&OPEN_RUNS).bind(most).one::<Count>().await.map(|count| count.0)
}

/// When the run with a number was accepted; nothing when there is none.
pub async fn accepted_at<'a>(tx: &mut impl Reads<'a>, number: i64) -> Result<Option<Timestamp>> {
    let rows = tx.query(&ACCEPTED_AT).bind(number).rows().await?;
    rows.first().map(|row| row.timestamp("accepted_at")).transpose()
}

/// How many active members there are; service accounts are none.
pub async fn active_members<'a>(tx: &mut impl Reads<'a>) -> Result<i64> {
    tx.query(&ACTIVE_MEMBERS).one::<Count>().await.map(|count| count.0)
}

/// How many invitations can still be accepted.
pub async fn open_invitations<'a>(tx: &mut impl Reads<'a>, now: Timestamp) -> Result<i64> {
    tx.query(&OPEN_INVITATIONS).bind(now).one::<Count>().await.map(|count| count.0)
}

/// How many members a tenant has, in a transaction that lets somebody join it.
pub async fn members_of(tx: &mut SystemTx, tenant: TenantId) -> Result<MembersRow> {
    tx.query(&system::QUOTA_MEMBERS_OF).bind(tenant).one().await
}
