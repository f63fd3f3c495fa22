//! The two-armed executor: one way to run a [`Statement`], whichever engine is behind it.
//!
//! [`Arm`] is a connection of either engine, [`Session`] an open transaction, [`Query`] a statement on its way
//! with its values. sqlx's own many-engine type is not used: it knows neither uuid nor boolean.

use sqlx::{
    Arguments as _, PgConnection, Postgres, SqlSafeStr as _, SqlStr, Sqlite, SqliteConnection, Transaction, postgres::PgArguments,
    sqlite::SqliteArguments,
};

use crate::{
    audit_chain::{self, AuditIntent},
    error::Error,
    param::Param,
    row::{FromRow, Inner, Row},
    statement::{Engine, Reach, Statement},
    together,
    writer::turn::Turn,
};

/// A connection of either engine.
pub(crate) enum Arm<'c> {
    /// Beside the connection, words of control that the next statement takes along.
    Sqlite(&'c mut SqliteConnection, Option<&'static str>),
    Postgres(&'c mut PgConnection),
}

impl Arm<'_> {
    /// Runs a statement and reads every row of its answer.
    pub(crate) async fn all(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        let name = statement.name();
        match self {
            Self::Sqlite(connection, opening) => {
                let arguments = sqlite_arguments(name, params)?;
                let text = match opening.take() {
                    Some(opening) => together::after(opening, statement),
                    None => statement.text(Engine::Sqlite).into_sql_str(),
                };
                let rows = sqlx::query_with(text, arguments).fetch_all(&mut **connection).await;
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

    /// The engine behind it.
    pub(crate) const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(..) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Whether nothing is left that the next statement has to take along.
    pub(crate) const fn opened(&self) -> bool {
        !matches!(self, Self::Sqlite(_, Some(_)))
    }

    /// Runs a text of several statements that change, and counts the rows they changed: on PostgreSQL the text says so
    /// itself, in a column `changed`.
    pub(crate) async fn change(&mut self, name: &'static str, text: SqlStr, params: Vec<Param>) -> Result<u64, Error> {
        match self {
            Self::Sqlite(connection, opening) => {
                open(connection, opening).await?;
                let done = sqlx::query_with(text, sqlite_arguments(name, params)?).execute(&mut **connection).await;
                Ok(done.map_err(|error| Error::of_statement(name, &error))?.rows_affected())
            }
            Self::Postgres(connection) => {
                let row = sqlx::query_with(text, postgres_arguments(name, params)?).fetch_one(&mut **connection).await;
                let row = Row::new(Inner::Postgres(row.map_err(|error| Error::of_statement(name, &error))?), name);
                let changed = row.i64("changed")?;
                u64::try_from(changed).map_err(|_| row.wrong("changed", "it is negative"))
            }
        }
    }

    /// Runs a statement and counts the rows it changed.
    pub(crate) async fn execute(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<u64, Error> {
        let name = statement.name();
        match self {
            Self::Sqlite(connection, opening) => {
                open(connection, opening).await?;
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

/// Says the words of control that are still to be said. A count of changed rows would not be right with them before it.
async fn open(connection: &mut SqliteConnection, opening: &mut Option<&'static str>) -> Result<(), Error> {
    let Some(words) = opening.take() else { return Ok(()) };
    let done = sqlx::query(words).execute(connection).await;
    done.map(drop).map_err(|error| Error::of_statement("writer.open", &error))
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
        audit_chain::demand(&mut Arm::Sqlite(lent.connection()?, None), intents).await
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
            Link::Reader(transaction) => Arm::Sqlite(transaction, None).all(statement, params).await,
            Link::Turn(turn) => {
                let mut lent = turn.lent().await;
                Arm::Sqlite(lent.connection()?, None).all(statement, params).await
            }
            Link::Postgres(transaction) => Arm::Postgres(transaction).all(statement, params).await,
        }
    }

    pub(crate) async fn execute(&mut self, statement: &'static Statement, params: Vec<Param>) -> Result<u64, Error> {
        self.asked.push(statement);
        match &mut self.link {
            Link::Reader(transaction) => Arm::Sqlite(transaction, None).execute(statement, params).await,
            Link::Turn(turn) => {
                let mut lent = turn.lent().await;
                Arm::Sqlite(lent.connection()?, None).execute(statement, params).await
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
