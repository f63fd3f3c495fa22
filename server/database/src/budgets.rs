//! Budgets: accounts with what may be, was and is about to be spent, and the money set aside for single calls.
//!
//! Setting money aside and charging it is the engine's batch. Here a person sets limits, and says what became of a call
//! that a crash left in doubt: it counts as spent at its maximum until then.

use domain::{
    Authorized, Guarded, HoldId, Limits, Money, Period, Protected, RunId, Scope, Span, Timestamp,
    permission::{BudgetRead, BudgetWrite},
};

use crate::{
    HoldState, Result,
    announce::Topic,
    batch::facts,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    write::WriteTx,
};

/// The key of the tenant's own account.
pub const TENANT_KEY: &str = "tenant";

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// `tenant`, `workflow:` and the workflow's id, `run:` and the run's, or `step:`, the run's, `/` and the step's path; of a
    /// period, the same with [`period_key`].
    pub key: String,
    /// The most that may be spent and held together, in all and in each of its periods.
    pub limits: Limits,
    /// What was spent, with what is unconfirmed.
    pub spent: Money,
    /// What is set aside for calls under way.
    pub held: Money,
    /// The part of what was spent that a crash left in doubt.
    pub unconfirmed: Money,
    /// The latest moment at which something was set aside in it and in its periods.
    pub counted_at: Option<Timestamp>,
    /// The period, when it is the account of one.
    pub span: Option<Span>,
}

/// Money set aside for one dispatch of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// The id.
    pub id: HoldId,
    /// The run.
    pub run: RunId,
    /// The number of the run.
    pub run_number: i64,
    /// The path of the step.
    pub step: String,
    /// The attempt of the step.
    pub attempt: i64,
    /// The dispatch of the attempt.
    pub dispatch: i64,
    /// The most the dispatch could cost.
    pub amount: Money,
    /// The keys of the accounts it counts in.
    pub accounts: Vec<String>,
    /// What became of it.
    pub state: HoldState,
    /// What was charged.
    pub charged: Money,
    /// The model that was called.
    pub model: Option<String>,
    /// When it was set aside.
    pub opened_at: Timestamp,
    /// When it was charged, given back or left in doubt.
    pub closed_at: Option<Timestamp>,
}

impl Protected for AccountRow {
    type Read = BudgetRead;
    const KIND: &'static str = "budget";

    fn public_id(&self) -> String {
        self.key.clone()
    }
}

impl Protected for HoldRow {
    type Read = BudgetRead;
    const KIND: &'static str = "hold";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for AccountRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            key: row.text("key")?,
            limits: facts::limits(row)?,
            spent: row.money("spent")?,
            held: row.money("held")?,
            unconfirmed: row.money("unconfirmed")?,
            counted_at: row.opt_timestamp("counted_at")?,
            span: facts::span(row)?,
        })
    }
}

impl FromRow for HoldRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            run: row.id("run_id")?,
            run_number: row.i64("run_number")?,
            step: row.text("step")?,
            attempt: row.i64("attempt")?,
            dispatch: row.i64("dispatch")?,
            amount: row.money("amount")?,
            accounts: row.json("accounts")?,
            state: row.word("state", HoldState::WORDS)?,
            charged: row.money("charged")?,
            model: row.opt_text("model")?,
            opened_at: row.timestamp("opened_at")?,
            closed_at: row.opt_timestamp("closed_at")?,
        })
    }
}

macro_rules! hold_select {
    ($rest:literal) => {
        concat!(
            "select h.id, h.run_id, r.number as run_number, h.step, h.attempt, h.dispatch, h.amount, h.accounts, h.state, h.charged,
                    h.model, h.opened_at, h.closed_at
             from hold h
             join run r on r.tenant_id = h.tenant_id and r.id = h.run_id
             where h.tenant_id = $1",
            $rest
        )
    };
}

macro_rules! account_select {
    ($rest:literal) => {
        concat!(
            "select key, limit_nanos, hour_limit, day_limit, week_limit, month_limit, spent, held, unconfirmed, counted_at, period, starts_at,
                    ends_at
             from account
             where tenant_id = $1",
            $rest
        )
    };
}

/// A text for each period: the name of a column cannot be bound.
macro_rules! set_limit {
    ($column:literal) => {
        concat!(
            "insert into account (tenant_id, key, ",
            $column,
            ") values ($1, $2, $3) on conflict (tenant_id, key) do update set ",
            $column,
            " = excluded.",
            $column
        )
    };
}

// A semicolon follows the colon: the range is every key that begins with `workflow:`, whatever number of runs there is. The
// accounts of periods have an `@`, and an index of their own.
static LIST: Statement =
    Statement::tenant("budgets.list", account_select!(" and key >= 'tenant' and key < 'workflow;' and key not like '%@%' order by key"));
static PERIODS: Statement =
    Statement::tenant("budgets.periods", account_select!(" and ends_at is not null and ends_at > $2 and starts_at <= $2 order by key"));
static FIND: Statement = Statement::tenant("budgets.find", account_select!(" and key = $2"));
static SET_HOUR: Statement = Statement::tenant("budgets.set_hour_limit", set_limit!("hour_limit"));
static SET_DAY: Statement = Statement::tenant("budgets.set_day_limit", set_limit!("day_limit"));
static SET_WEEK: Statement = Statement::tenant("budgets.set_week_limit", set_limit!("week_limit"));
static SET_MONTH: Statement = Statement::tenant("budgets.set_month_limit", set_limit!("month_limit"));
static SET_TOTAL: Statement = Statement::tenant("budgets.set_limit", set_limit!("limit_nanos"));
static HOLDS: Statement = Statement::tenant(
    "budgets.holds",
    hold_select!(" and h.state = $2 and h.state in ('open', 'unknown') order by h.opened_at, h.id limit $3"),
);
static OF_RUN: Statement = Statement::tenant("budgets.holds_of_run", hold_select!(" and h.run_id = $2 order by h.opened_at, h.id"));
static FIND_HOLD: Statement = Statement::tenant("budgets.find_hold", hold_select!(" and h.id = $2"));
static LOCK_ACCOUNT: Statement = Statement::tenant_each(
    "budgets.lock_account",
    "select key from account where tenant_id = $1 and key = $2",
    "select key from account where tenant_id = $1 and key = $2 for no key update",
);
static CLOSE_UNKNOWN: Statement = Statement::tenant(
    "budgets.close_unknown",
    "update hold set state = $3, charged = $4, closed_at = $5 where tenant_id = $1 and id = $2 and state = 'unknown'",
);
static CORRECT_ACCOUNT: Statement = Statement::tenant(
    "budgets.correct_account",
    "update account set spent = spent - $3 + $4, unconfirmed = unconfirmed - $3 where tenant_id = $1 and key = $2",
);
static CORRECT_RUN: Statement =
    Statement::tenant("budgets.correct_run", "update run set spent = spent - $3 + $4 where tenant_id = $1 and id = $2");

pub(crate) static ALL: &[&Statement] = &[
    &LIST,
    &PERIODS,
    &FIND,
    &SET_HOUR,
    &SET_DAY,
    &SET_WEEK,
    &SET_MONTH,
    &SET_TOTAL,
    &HOLDS,
    &OF_RUN,
    &FIND_HOLD,
    &LOCK_ACCOUNT,
    &CLOSE_UNKNOWN,
    &CORRECT_ACCOUNT,
    &CORRECT_RUN,
];

/// The accounts of the tenant and of its workflows, those that have one, the tenant's first.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, BudgetRead>) -> Result<Vec<AccountRow>> {
    tx.query(&LIST).all().await
}

/// The key of the account of one period of an account: what the period is called stands behind its kind.
pub fn period_key(account: &str, period: Period, name: &str) -> String {
    format!("{account}@{period}:{name}")
}

/// The accounts of the periods that a moment is in, by key: those in which something was set aside.
pub async fn periods<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, BudgetRead>, at: Timestamp) -> Result<Vec<AccountRow>> {
    tx.query(&PERIODS).bind(at).all().await
}

/// The account with a key; nothing when nobody set a limit and nothing was spent.
pub async fn find<'a>(tx: &mut impl Reads<'a>, key: &str) -> Result<Option<Guarded<AccountRow>>> {
    Ok(tx.query(&FIND).bind(key).optional().await?.map(Guarded::new))
}

/// Holds everybody else off an account until the end of the transaction, if it is there.
pub async fn lock(tx: &mut WriteTx<'_>, _scope: &Scope<'_, BudgetWrite>, key: &str) -> Result<()> {
    tx.query(&LOCK_ACCOUNT).bind(key).rows().await.map(drop)
}

/// Sets or lifts the limit of a period of an account. A limit below what was spent and is held stops what would come next.
pub async fn set_limit(
    tx: &mut WriteTx<'_>,
    _scope: &Scope<'_, BudgetWrite>,
    key: &str,
    period: Period,
    limit: Option<Money>,
) -> Result<()> {
    let statement = match period {
        Period::Hour => &SET_HOUR,
        Period::Day => &SET_DAY,
        Period::Week => &SET_WEEK,
        Period::Month => &SET_MONTH,
        Period::Total => &SET_TOTAL,
    };
    tx.query(statement).bind(key).bind(limit).execute().await?;
    tx.announce(Topic::Budgets);
    Ok(())
}

/// The holds of calls under way (`Open`) or in doubt (`Unknown`), oldest first, at most `limit`. Holds in other states
/// are not listed.
pub async fn holds<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, BudgetRead>, state: HoldState, limit: u32) -> Result<Vec<HoldRow>> {
    tx.query(&HOLDS).bind(state).bind(limit).all().await
}

/// Every hold of a run, in order.
pub async fn holds_of_run<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, BudgetRead>, run: RunId) -> Result<Vec<HoldRow>> {
    tx.query(&OF_RUN).bind(run).all().await
}

/// The hold with an id.
pub async fn find_hold<'a>(tx: &mut impl Reads<'a>, id: HoldId) -> Result<Option<Guarded<HoldRow>>> {
    Ok(tx.query(&FIND_HOLD).bind(id).optional().await?.map(Guarded::new))
}

/// Confirms that a call in doubt was made and cost this, at most what was set aside for it. False, and nothing done,
/// when it is no longer in doubt or the amount is higher.
pub async fn confirm(tx: &mut WriteTx<'_>, hold: &Authorized<'_, BudgetWrite, HoldRow>, charged: Money, now: Timestamp) -> Result<bool> {
    resolve(tx, hold, HoldState::Confirmed, charged, now).await
}

/// Gives back what was set aside for a call in doubt, which was not made or cost nothing. False, and nothing done, when
/// it is no longer in doubt.
pub async fn release(tx: &mut WriteTx<'_>, hold: &Authorized<'_, BudgetWrite, HoldRow>, now: Timestamp) -> Result<bool> {
    resolve(tx, hold, HoldState::Released, Money::ZERO, now).await
}

async fn resolve(
    tx: &mut WriteTx<'_>,
    hold: &Authorized<'_, BudgetWrite, HoldRow>,
    state: HoldState,
    charged: Money,
    now: Timestamp,
) -> Result<bool> {
    if charged > hold.amount || charged < Money::ZERO {
        return Ok(false);
    }
    // Accounts before everything else and by key: the order in which the engine takes them.
    let mut keys = hold.accounts.clone();
    keys.sort_unstable();
    for key in &keys {
        tx.query(&LOCK_ACCOUNT).bind(key).rows().await?;
    }
    if tx.query(&CLOSE_UNKNOWN).bind(hold.id).bind(state).bind(charged).bind(now).execute().await? == 0 {
        return Ok(false);
    }
    for key in &keys {
        tx.query(&CORRECT_ACCOUNT).bind(key).bind(hold.amount).bind(charged).execute().await?;
    }
    tx.query(&CORRECT_RUN).bind(hold.run).bind(hold.amount).bind(charged).execute().await?;
    tx.announce(Topic::Budgets);
    tx.announce(Topic::Run(hold.run));
    Ok(true)
}
