//! The two-armed executor: one way to run a [`Statement`], whichever engine is behind it.
//!
//! [`Arm`] is a connection of either engine, [`Session`] an open transaction, [`Query`] a statement on its way
//! with its values. sqlx's own many-engine type is not used: it knows neither uuid nor boolean.

use sqlx::{Arguments as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction, postgres::PgArguments, sqlite::SqliteArguments};

use crate::{
    audit_chain::{self, AuditIntent},
    error::Error,
    param::Param,
    row::{FromRow, Inner, Row},
    statement::{Engine, Reach, Statement},
    writer::turn::Turn,
};

/// A connection of either engine.
pub(crate) enum Arm<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Arm<'_> {
    /// Runs a statement and reads every row of its answer.
    pub(crate) async fn all(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        let name = statement.name();
        match self {
            Self::Sqlite(connection) => {
                let arguments = sqlite_arguments(name, params)?;
                let rows = sqlx::query_with(statement.text(Engine::Sqlite), arguments).fetch_all(&mut **connection).await;
                Ok(rows
                    .map_err(|error| Error::of_statement(name, &error))?
                    .into_iter()
                    .map(|row| Row::new(Inner::Sqlite(row), name))
                    .collect())
            }
            Self::Postgres(connection) => {
                let arguments = postgres_arguments(name, params)?;
                let rows = sqlx::query_with(statement.text(Engine::Postgres), arguments).fetch_all(&mut **connection).await;
                Ok(rows
                    .map_err(|error| Error::of_statement(name, &error))?
                    .into_iter()
                    .map(|row| Row::new(Inner::Postgres(row), name))
                    .collect())
            }
        }
    }

    /// Runs a statement and counts the rows it changed.
    pub(crate) async fn execute(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<u64, Error> {
        let name = statement.name();
        match self {
            Self::Sqlite(connection) => {
                let arguments = sqlite_arguments(name, params)?;
                let done = sqlx::query_with(statement.text(Engine::Sqlite), arguments).execute(&mut **connection).await;
                Ok(done.map_err(|error| Error::of_statement(name, &error))?.rows_affected())
            }
            Self::Postgres(connection) => {
                let arguments = postgres_arguments(name, params)?;
                let done = sqlx::query_with(statement.text(Engine::Postgres), arguments).execute(&mut **connection).await;
                Ok(done.map_err(|error| Error::of_statement(name, &error))?.rows_affected())
            }
        }
    }
}

fn sqlite_arguments(statement: &'static str, params: Vec<Param>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(params.len(), 0);
    for param in params {
        param.bind_sqlite(&mut arguments).map_err(|cause| Error::Statement { statement, cause: cause.to_string() })?;
    }
    Ok(arguments)
}

fn postgres_arguments(statement: &'static str, params: Vec<Param>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    arguments.reserve(params.len(), 0);
    for param in params {
        param.bind_postgres(&mut arguments).map_err(|cause| Error::Statement { statement, cause: cause.to_string() })?;
    }
    Ok(arguments)
}

/// An open transaction, and what was asked of it.
pub struct Session {
    link: Link,
    asked: Vec<&'static Statement>,
}

/// Where a transaction runs.
pub(crate) enum Link {
    /// A reading transaction on one of the readers of a SQLite file.
    Reader(Transaction<'static, Sqlite>),
    /// A savepoint on the connection that writes, lent by the writer.
    Turn(Turn),
    /// A transaction of PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Session {
    pub(crate) const fn new(link: Link) -> Self {
        Self { link, asked: Vec::new() }
    }

    /// Begins a query; a statement of another reach is refused when the query runs.
    pub(crate) fn query(&mut self, statement: &'static Statement, reach: Reach) -> Query<'_> {
        Query { refused: statement.demand(reach).err(), session: self, statement, params: Vec::new() }
    }

    /// Makes sure that the chains of these events exist. Where many transactions share a commit, one with a chain that
    /// does not exist must not spoil it for the others.
    pub(crate) async fn demand_chains(&mut self, intents: &[AuditIntent]) -> Result<(), Error> {
        let Link::Turn(turn) = &self.link else { return Ok(()) };
        let mut lent = turn.lent().await;
        audit_chain::demand(&mut Arm::Sqlite(lent.connection()?), intents).await
    }

    /// The engine behind this transaction.
    pub(crate) const fn engine(&self) -> Engine {
        match self.link {
            Link::Reader(_) | Link::Turn(_) => Engine::Sqlite,
            Link::Postgres(_) => Engine::Postgres,
        }
    }

    /// The statements that ran, in order.
    pub(crate) fn asked(&self) -> &[&'static Statement] {
        &self.asked
    }

    pub(crate) fn into_link(self) -> Link {
        self.link
    }

    pub(crate) async fn all(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.asked.push(statement);
        match &mut self.link {
            Link::Reader(transaction) => Arm::Sqlite(transaction).all(statement, params).await,
            Link::Turn(turn) => {
                let mut lent = turn.lent().await;
                Arm::Sqlite(lent.connection()?).all(statement, params).await
            }
            Link::Postgres(transaction) => Arm::Postgres(transaction).all(statement, params).await,
        }
    }

    pub(crate) async fn execute(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<u64, Error> {
        self.asked.push(statement);
        match &mut self.link {
            Link::Reader(transaction) => Arm::Sqlite(transaction).execute(statement, params).await,
            Link::Turn(turn) => {
                let mut lent = turn.lent().await;
                Arm::Sqlite(lent.connection()?).execute(statement, params).await
            }
            Link::Postgres(transaction) => Arm::Postgres(transaction).execute(statement, params).await,
        }
    }
}

/// A statement on its way, with its values.
#[must_use = "a query does nothing before it is run"]
pub struct Query<'t> {
    session: &'t mut Session,
    statement: &'static Statement,
    params: Vec<Param>,
    refused: Option<Error>,
}

impl Query<'_> {
    /// Binds the next value. In a statement of a tenant the first one bound here is `$2`.
    pub fn bind(mut self, value: impl Into<Param>) -> Self {
        self.params.push(value.into());
        self
    }

    /// Runs the statement and reads every row.
    ///
    /// # Errors
    /// What the engine refused, or a row that cannot be read.
    pub async fn all<T: FromRow>(self) -> Result<Vec<T>, Error> {
        self.rows().await?.iter().map(T::from_row).collect()
    }

    /// Runs the statement and reads the first row, if there is one.
    ///
    /// # Errors
    /// What the engine refused, or a row that cannot be read.
    pub async fn optional<T: FromRow>(self) -> Result<Option<T>, Error> {
        self.rows().await?.first().map(T::from_row).transpose()
    }

    /// Runs the statement and reads the first row, which must exist.
    ///
    /// # Errors
    /// [`Error::NoRow`] without one; what the engine refused; or a row that cannot be read.
    pub async fn one<T: FromRow>(self) -> Result<T, Error> {
        let statement = self.statement.name();
        self.optional().await?.ok_or(Error::NoRow { statement })
    }

    /// Runs the statement and counts the rows it changed.
    ///
    /// # Errors
    /// What the engine refused.
    pub async fn execute(self) -> Result<u64, Error> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.session.execute(self.statement, self.params).await
    }

    /// Runs the statement and gives the rows as they are.
    ///
    /// # Errors
    /// What the engine refused.
    pub async fn rows(self) -> Result<Vec<Row>, Error> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.session.all(self.statement, self.params).await
    }
}
