//! What a tenant decides for itself: its name, how long its members' sessions last, who may be invited, and quotas below the
//! operator's.
//!
//! All of it is in the tenant's own row. Nothing in a column means that what the operator decided holds; who reads it here
//! brings the two together. What quotas count is in `quotas.rs`.

use domain::{
    Scope,
    permission::{SettingsRead, SettingsWrite},
};

use crate::{
    Result,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// The quotas that a tenant set for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaRow {
    /// The most active members.
    pub members: Option<i64>,
    /// The most runs that have not ended.
    pub open_runs: Option<i64>,
    /// The most runs that begin within 24 hours.
    pub runs_a_day: Option<i64>,
    /// The most bytes of workflows and inputs.
    pub stored_bytes: Option<i64>,
}

/// What a tenant decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsRow {
    /// Its name for people.
    pub name: String,
    /// Minutes after which a session of a member that nobody uses ends.
    pub session_idle_minutes: Option<i64>,
    /// The domains of the addresses that may be invited, apart by spaces; nothing for all.
    pub invited_domains: String,
    /// The name of the time zone in which its days begin.
    pub time_zone: String,
    /// Its quotas.
    pub quotas: QuotaRow,
}

impl FromRow for QuotaRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            members: row.opt_i64("quota_members")?,
            open_runs: row.opt_i64("quota_open_runs")?,
            runs_a_day: row.opt_i64("quota_runs_a_day")?,
            stored_bytes: row.opt_i64("quota_stored_bytes")?,
        })
    }
}

impl FromRow for SettingsRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            name: row.text("name")?,
            session_idle_minutes: row.opt_i64("session_idle_minutes")?,
            invited_domains: row.text("invited_domains")?,
            time_zone: row.text("time_zone")?,
            quotas: QuotaRow::from_row(row)?,
        })
    }
}

static CURRENT: Statement = Statement::tenant(
    "settings.current",
    "select name, session_idle_minutes, invited_domains, time_zone, quota_members, quota_open_runs, quota_runs_a_day, quota_stored_bytes
     from tenant where id = $1",
);
static CHANGE: Statement = Statement::tenant(
    "settings.change",
    "update tenant set name = $2, session_idle_minutes = $3, invited_domains = $4, time_zone = $5 where id = $1",
);
static SET_QUOTAS: Statement = Statement::tenant(
    "settings.set_quotas",
    "update tenant set quota_members = $2, quota_open_runs = $3, quota_runs_a_day = $4, quota_stored_bytes = $5 where id = $1",
);

pub(crate) static ALL: &[&Statement] = &[&CURRENT, &CHANGE, &SET_QUOTAS];

/// What the tenant decided, for its page.
pub async fn find<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, SettingsRead>) -> Result<SettingsRow> {
    tx.query(&CURRENT).one().await
}

/// What the tenant decided, for a verb that it binds. Under no guard: what is refused says why, whoever asks.
pub async fn in_force<'a>(tx: &mut impl Reads<'a>) -> Result<SettingsRow> {
    tx.query(&CURRENT).one().await
}

/// Changes all but the quotas.
pub async fn change(tx: &mut WriteTx<'_>, _scope: &Scope<'_, SettingsWrite>, new: &SettingsRow) -> Result<()> {
    tx.query(&CHANGE)
        .bind(&new.name)
        .bind(new.session_idle_minutes)
        .bind(&new.invited_domains)
        .bind(&new.time_zone)
        .execute()
        .await
        .map(drop)
}

/// Sets the quotas; where nothing is given, the operator's hold.
pub async fn set_quotas(tx: &mut WriteTx<'_>, _scope: &Scope<'_, SettingsWrite>, quotas: &QuotaRow) -> Result<()> {
    tx.query(&SET_QUOTAS)
        .bind(quotas.members)
        .bind(quotas.open_runs)
        .bind(quotas.runs_a_day)
        .bind(quotas.stored_bytes)
        .execute()
        .await
        .map(drop)
}
