//! Reading the audit log: pages with filters, and the export. Rows are written by commits and by nothing else.
//!
//! The texts of filters that find few rows among many each have an index of their own; what is left is looked for
//! from the newest row backwards.

use domain::{
    Cursor, Page, Scope, TenantId, Timestamp,
    permission::{AuditExport, AuditRead},
};
use serde_json::Value;

use crate::{
    Result,
    param::Json,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    write::WriteTx,
};

/// A row of a tenant's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEventRow {
    /// The place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, by the name people know.
    pub actor_label: String,
    /// The public event name.
    pub action: String,
    /// The kind of thing it was done to.
    pub target_kind: String,
    /// Its public id.
    pub target_id: String,
    /// `done`, `denied` or `failed`.
    pub outcome: String,
    /// The public id of the request.
    pub request: String,
    /// The whole row as canonical JSON, which the hash covers.
    pub canonical: String,
    /// The hash.
    pub hash: [u8; 32],
}

/// A row of an export: what `domain::audit::export_line` is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRow {
    /// The place in the chain.
    pub seq: i64,
    /// The row as canonical JSON.
    pub canonical: String,
    /// Its hash.
    pub hash: [u8; 32],
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The place of the last row; 0 when there is none.
    pub seq: i64,
    /// Its hash; zeros when there is none.
    pub hash: [u8; 32],
}

/// Which rows a page shows; what is left out filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A text anywhere in the actor's name, the action, the target or the details; upper and lower case alike.
    pub text: Option<String>,
    /// The beginning of an action: `approval.` or a whole one.
    pub action: Option<String>,
    /// The actor's name, exactly.
    pub actor: Option<String>,
    /// The public id of the target, exactly.
    pub target: Option<String>,
    /// From this moment.
    pub since: Option<Timestamp>,
    /// Until before this moment.
    pub until: Option<Timestamp>,
}

/// A denial to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    /// What makes two denials the same: who, which permission, which target.
    pub key: String,
    /// The minute since 1970.
    pub minute: i64,
    /// Who, for the event that sums the repetitions up.
    pub actor: Value,
    /// What, for that event.
    pub event: Value,
}

/// A denial that was counted in a minute that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedDenial {
    /// The tenant whose log it belongs to.
    pub tenant: TenantId,
    /// What was counted.
    pub denial: Denial,
    /// How often within the minute, the first one among them.
    pub count: i64,
}

impl FromRow for AuditEventRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            seq: row.i64("seq")?,
            at: row.timestamp("at")?,
            actor_label: row.text("actor_label")?,
            action: row.text("action")?,
            target_kind: row.text("target_kind")?,
            target_id: row.text("target_id")?,
            outcome: row.text("outcome")?,
            request: row.text("request")?,
            canonical: row.text("canonical")?,
            hash: row.hash("hash")?,
        })
    }
}

impl FromRow for ExportRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { seq: row.i64("seq")?, canonical: row.text("canonical")?, hash: row.hash("hash")? })
    }
}

impl FromRow for Head {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { seq: row.i64("audit_seq")?, hash: row.hash("audit_hash")? })
    }
}

impl FromRow for CountedDenial {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.id("tenant_id")?,
            denial: Denial { key: row.text("key")?, minute: row.i64("minute")?, actor: row.json("actor")?, event: row.json("event")? },
            count: row.i64("count")?,
        })
    }
}

/// `$2` before which row, `$3` how many, `$4` pattern, `$5` beginning of the action, `$6` and `$7` moments, and
/// `$8` what the index of this text is for.
macro_rules! page_select {
    ($($indexed:literal)?) => {
        concat!(
            "select seq, at, actor_label, action, target_kind, target_id, outcome, request, canonical, hash
             from audit_event
             where tenant_id = $1 and seq < $2",
            $(" and ", $indexed,)?
            " and (search like $4 escape '\\' or $4 is null)
             and (substr(action, 1, length($5)) = $5 or $5 is null)
             and (at >= $6 or $6 is null)
             and (at < $7 or $7 is null)
             order by seq desc
             limit $3"
        )
    };
}

static PAGE: Statement = Statement::tenant("audit.page", page_select!());
static PAGE_OF_TARGET: Statement = Statement::tenant("audit.page_of_target", page_select!("target_id = $8"));
static PAGE_OF_ACTOR: Statement = Statement::tenant("audit.page_of_actor", page_select!("actor_label = $8"));
static PAGE_OF_BOTH: Statement = Statement::tenant("audit.page_of_both", page_select!("target_id = $8 and actor_label = $9"));
static EXPORT: Statement = Statement::tenant(
    "audit.export",
    "select seq, canonical, hash from audit_event where tenant_id = $1 and seq > $2 order by seq limit $3",
);
static HEAD: Statement = Statement::tenant("audit.head", "select audit_seq, audit_hash from tenant where id = $1");
static FIRST_SINCE: Statement =
    Statement::tenant("audit.first_since", "select min(seq) as seq from audit_event where tenant_id = $1 and at >= $2");
static COUNT_DENIAL: Statement = Statement::tenant(
    "audit.count_denial",
    "insert into denial_count as d (tenant_id, key, minute, count, actor, event) values ($1, $2, $3, 1, $4, $5)
     on conflict (tenant_id, key, minute) do update set count = d.count + 1
     returning count",
);

pub(crate) static ALL: &[&Statement] =
    &[&PAGE, &PAGE_OF_TARGET, &PAGE_OF_ACTOR, &PAGE_OF_BOTH, &EXPORT, &HEAD, &FIRST_SINCE, &COUNT_DENIAL];

/// A pattern for `like` that finds the text itself, whatever signs it has, among texts in lower case.
fn pattern(text: &str) -> String {
    anywhere(&text.to_lowercase())
}

/// A pattern for `like` that finds the text itself, whatever signs it has.
pub(crate) fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for sign in text.chars() {
        if matches!(sign, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern.push('%');
    pattern
}

/// A page of the log, newest first, from before `after`.
pub async fn page<'a>(
    tx: &mut impl Reads<'a>,
    _scope: &Scope<'_, AuditRead>,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<AuditEventRow>> {
    let statement = match (&filter.target, &filter.actor) {
        (Some(_), Some(_)) => &PAGE_OF_BOTH,
        (Some(_), None) => &PAGE_OF_TARGET,
        (None, Some(_)) => &PAGE_OF_ACTOR,
        (None, None) => &PAGE,
    };
    let mut query = tx
        .query(statement)
        .bind(after.map_or(i64::MAX, |cursor| cursor.0))
        .bind(i64::from(limit) + 1)
        .bind(filter.text.as_deref().filter(|text| !text.is_empty()).map(pattern))
        .bind(filter.action.as_deref())
        .bind(filter.since)
        .bind(filter.until);
    for exact in [&filter.target, &filter.actor].into_iter().flatten() {
        query = query.bind(exact);
    }
    let rows = query.all::<AuditEventRow>().await?;
    Ok(Page::from_rows(rows, limit as usize, |row| row.seq))
}

/// The next rows of an export, oldest first, after the place `after`; fewer than `limit` are the last.
pub async fn export<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, AuditExport>, after: i64, limit: u32) -> Result<Vec<ExportRow>> {
    tx.query(&EXPORT).bind(after).bind(limit).all().await
}

/// Rows of the chain, oldest first, after the place `after`, to be checked in place.
pub async fn stretch<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, AuditRead>, after: i64, limit: u32) -> Result<Vec<ExportRow>> {
    tx.query(&EXPORT).bind(after).bind(limit).all().await
}

/// The end of the tenant's chain, to be written beside an export.
pub async fn head<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, AuditRead>) -> Result<Head> {
    tx.query(&HEAD).one().await
}

/// The place of the first row at or after a moment, where an export of a time begins; nothing when there is none.
pub async fn first_since<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, AuditRead>, since: Timestamp) -> Result<Option<i64>> {
    match tx.query(&FIRST_SINCE).bind(since).rows().await?.first() {
        Some(row) => row.opt_i64("seq"),
        None => Ok(None),
    }
}

/// Counts a denial and gives how many there were in its minute: the first is recorded as an event in the same
/// transaction, the others commit as housekeeping and are summed up by [`denials_due`].
pub async fn count_denial(tx: &mut WriteTx<'_>, denial: &Denial) -> Result<i64> {
    let rows = tx
        .query(&COUNT_DENIAL)
        .bind(&denial.key)
        .bind(denial.minute)
        .bind(Json(denial.actor.clone()))
        .bind(Json(denial.event.clone()))
        .rows()
        .await?;
    rows.first().map_or(Ok(1), |row| row.i64("count"))
}

/// Denials counted in minutes before `minute`. One whose count is above 1 wants an event that says so; then all of
/// them are taken out with [`delete_denial`].
pub async fn denials_due(tx: &mut impl SystemReads, minute: i64, limit: u32) -> Result<Vec<CountedDenial>> {
    tx.query(&system::DENIALS_DUE).bind(minute).bind(limit).all().await
}

/// Takes a counted denial out. False when another transaction did.
pub async fn delete_denial(tx: &mut SystemTx, counted: &CountedDenial) -> Result<bool> {
    let denial = &counted.denial;
    let deleted = tx.query(&system::DENIALS_DELETE).bind(counted.tenant).bind(&denial.key).bind(denial.minute).execute().await?;
    Ok(deleted == 1)
}

/// The next rows of the installation's own chain, oldest first, after the place `after`.
pub async fn installation_export(tx: &mut impl SystemReads, after: i64, limit: u32) -> Result<Vec<ExportRow>> {
    tx.query(&system::INSTALLATION_AUDIT_AFTER).bind(after).bind(limit).all().await
}

/// The end of the installation's own chain.
pub async fn installation_head(tx: &mut impl SystemReads) -> Result<Head> {
    tx.query(&system::INSTALLATION_AUDIT_HEAD).one().await
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn signs_with_a_meaning_in_patterns_are_searched_for_as_themselves() {
        assert_eq!(pattern("50%_Off\\"), "%50\\%\\_off\\\\%");
    }
}
