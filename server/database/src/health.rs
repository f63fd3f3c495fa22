//! Whether a database and this node agree, how much waits in it, and how it looks from outside before a server opens it.
//!
//! What a server checks as it opens a database is in `open.rs`; that writing works is shown by [`Database::probe`].

use std::{fmt, time::Duration};

use domain::{Clock, Timestamp};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

use crate::{
    database::{Database, Pools},
    error::Error,
    executor::Arm,
    migrations,
    open::{Location, OpenError, demand_safe_login, demand_whole, postgres_pool, sqlite_options},
    row::{FromRow, Row},
    statement::Statement,
    system,
};

/// How far two clocks are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// How far, at least: what asking took is not counted.
    pub apart: Duration,
    /// Whether this node's clock is the one that is ahead.
    pub is_ahead: bool,
}

impl ClockOffset {
    /// Of a clock that said `before`, then heard `told`, then said `after`.
    fn between(before: Timestamp, told: Timestamp, after: Timestamp) -> Self {
        if told < before { Self { apart: before.since(told), is_ahead: true } } else { Self { apart: told.since(after), is_ahead: false } }
    }

    /// In seconds; negative when this node's clock is behind.
    pub fn seconds(self) -> f64 {
        let apart = self.apart.as_secs_f64();
        if self.is_ahead { apart } else { -apart }
    }
}

/// What waits in an installation at a moment, over all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Runs that a driver works on.
    pub driven: i64,
    /// Runs that are due and that no driver has taken yet.
    pub due: i64,
    /// Runs that will be due at a later moment. Those that wait for a person without an end are in no list.
    pub later: i64,
    /// Mails that were not sent yet.
    pub mails: i64,
}

impl FromRow for Backlog {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self { driven: row.i64("driven")?, due: row.i64("due")?, later: row.i64("later")?, mails: row.i64("mails")? })
    }
}

/// How a database looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// The newest migration that was applied; 0 when none was.
    pub migration: i64,
    /// The newest migration that this program knows.
    pub known: i64,
    /// How far the clocks are apart; `None` where the database has no clock of its own.
    pub clock: Option<ClockOffset>,
}

static NOW: Statement = Statement::control("health.now", "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as now");

static HAS_MIGRATIONS_SQLITE: Statement =
    Statement::control("health.has_migrations", "select count(*) as found from sqlite_schema where name = '_sqlx_migrations'");

static HAS_MIGRATIONS_POSTGRES: Statement =
    Statement::control("health.has_migrations", "select count(*) as found from pg_class where oid = to_regclass('_sqlx_migrations')");

/// The one row of an answer that always has one.
async fn one(arm: &mut Arm<'_>, statement: &'static Statement) -> Result<Row, Error> {
    let rows = arm.all(statement, Vec::new()).await?;
    rows.into_iter().next().ok_or(Error::NoRow { statement: statement.name() })
}

async fn offset(connection: &mut PgConnection, clock: &dyn Clock) -> Result<ClockOffset, Error> {
    let before = clock.now();
    let told = one(&mut Arm::Postgres(connection), &NOW).await?.timestamp("now")?;
    Ok(ClockOffset::between(before, told, clock.now()))
}

/// Whether any migration was ever applied.
async fn has_any(arm: &mut Arm<'_>, statement: &'static Statement) -> Result<bool, Error> {
    Ok(one(arm, statement).await?.i64("found")? > 0)
}

impl Database {
    /// How far this node's clock is from the database's, by which several nodes agree about leases; `None` on SQLite, where
    /// there is one clock.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clock_offset(&self) -> Result<Option<ClockOffset>, Error> {
        let Pools::Postgres { app, .. } = self.pools() else { return Ok(None) };
        let mut connection = app.acquire().await.map_err(Error::unavailable)?;
        offset(&mut connection, self.clock()).await.map(Some)
    }

    /// What waits now.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let now = self.clock().now();
        self.system_read().await?.query(&system::BACKLOG).bind(now).one().await
    }
}

/// Looks at a database as a stranger: changes nothing, and a server may be at work on it. A SQLite file must exist; it is
/// read from its beginning to its end.
///
/// # Errors
/// A sentence for the operator: it cannot be reached or read, it is damaged, or a login may do more than it must.
pub async fn inspect(location: &Location, clock: &dyn Clock) -> Result<Inspection, OpenError> {
    match location {
        Location::Sqlite { path } => {
            let of_file = |cause: sqlx::Error| OpenError::of_file(path, &cause);
            let options = sqlite_options(path).create_if_missing(false).read_only(true);
            let mut connection: SqliteConnection = options.connect().await.map_err(of_file)?;
            demand_whole(&mut connection, path).await?;
            let unreadable = |cause: &dyn fmt::Display| OpenError::unreachable(path.display(), cause);
            let any = has_any(&mut Arm::Sqlite(&mut connection, None), &HAS_MIGRATIONS_SQLITE).await.map_err(|cause| unreadable(&cause))?;
            let migration = if any { migrations::applied(&mut connection).await.map_err(|cause| unreadable(&cause))? } else { 0 };
            connection.close().await.map_err(of_file)?;
            Ok(Inspection { migration, known: migrations::newest(), clock: None })
        }
        Location::Postgres { owner_url, app_url, system_url } => {
            let what = "the PostgreSQL server, as the owner of the database";
            let unreachable = |cause: &dyn fmt::Display| OpenError::unreachable(what, cause);
            let mut owner = PgConnection::connect(owner_url).await.map_err(|cause| unreachable(&cause))?;
            let any = has_any(&mut Arm::Postgres(&mut owner), &HAS_MIGRATIONS_POSTGRES).await.map_err(|cause| unreachable(&cause))?;
            let migration = if any { migrations::applied(&mut owner).await.map_err(|cause| unreachable(&cause))? } else { 0 };
            let clock = offset(&mut owner, clock).await.map_err(|cause| unreachable(&cause))?;
            owner.close().await.map_err(|cause| unreachable(&cause))?;
            for (url, what) in
                [(app_url, "the PostgreSQL server, as the application"), (system_url, "the PostgreSQL server, as the system")]
            {
                let pool = postgres_pool(url, what, 1).await?;
                let safe = demand_safe_login(&pool).await;
                pool.close().await;
                safe?;
            }
            Ok(Inspection { migration, known: migrations::newest(), clock: Some(clock) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_apart_by_what_asking_cannot_explain() {
        let at = Timestamp::from_micros;
        for (before, told, after, micros, is_ahead) in
            [(10, 10, 10, 0, false), (10, 15, 20, 0, false), (10, 7, 20, 3, true), (10, 26, 20, 6, false)]
        {
            let offset = ClockOffset::between(at(before), at(told), at(after));
            assert_eq!((offset.apart, offset.is_ahead), (Duration::from_micros(micros), is_ahead), "{before} {told} {after}");
        }
        assert!(ClockOffset::between(at(0), at(3_000_000), at(0)).seconds() < -2.9);
    }
}
