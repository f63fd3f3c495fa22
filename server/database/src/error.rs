//! What can go wrong between a verb and a durable change.
//!
//! `domain::Problem` is made of these at the doors; the texts here are for the log.

use domain::PolicyVersion;
use sqlx::error::ErrorKind;

/// Which rule of a table a change broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// There is already a row with this key.
    Unique,
    /// A row that is referred to does not exist, or is still referred to.
    ForeignKey,
    /// A check or `not null` does not hold.
    Check,
}

/// Why a transaction did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was done, and trying again may help: the database is unreachable, busy or a group failed.
    #[error("the database is not available, nothing was done: {cause}")]
    Unavailable {
        /// The private cause, for the log.
        cause: String,
    },
    /// The actor's rights were read under another state of the policy: rebuild them and open again.
    #[error("the rights belong to another state of the policy")]
    StalePolicy {
        /// The state that holds now.
        current: PolicyVersion,
    },
    /// The tenant is closed, or there is none with this id.
    #[error("the tenant is closed or does not exist")]
    TenantClosed,
    /// A change broke a rule of a table.
    #[error("{statement} broke a rule of the table `{table}`: {constraint}")]
    Violation {
        /// The statement.
        statement: &'static str,
        /// Which kind of rule.
        rule: Rule,
        /// The table, as far as the engine names it.
        table: String,
        /// The name of the constraint, or the columns it is about.
        constraint: String,
    },
    /// A column of a row is missing or holds something else than it should.
    #[error("{statement}: the column `{column}` cannot be read: {reason}")]
    Row {
        /// The statement.
        statement: &'static str,
        /// The column.
        column: String,
        /// What was wrong.
        reason: String,
    },
    /// There is no row where there must be one.
    #[error("{statement} found no row where one must be")]
    NoRow {
        /// The statement.
        statement: &'static str,
    },
    /// A statement was used where it must not be: a defect of the caller.
    #[error("{statement} was refused: {reason}")]
    Misuse {
        /// The statement.
        statement: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The engine refused a statement: a defect of its text or its values.
    #[error("{statement} failed: {cause}")]
    Statement {
        /// The statement.
        statement: &'static str,
        /// What the engine said.
        cause: String,
    },
    /// What the actor asked for under a key was done before, by another request. Nothing was done now.
    #[error("a request with this idempotency key was done before")]
    DoneBefore,
    /// A member of a batch no longer holds the lease of its run.
    #[error("the lease of the run was lost")]
    LostLease,
    /// A member of a batch refused itself, or could not be written even alone.
    #[error("the records were refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Nothing was done, for this reason.
    pub(crate) fn unavailable(cause: impl ToString) -> Self {
        Self::Unavailable { cause: cause.to_string() }
    }

    /// Whether the change would have made a second row with the same key in this table.
    ///
    /// On PostgreSQL a broken rule ends the transaction: who goes on after it writes `on conflict do nothing`.
    pub fn is_duplicate_in(&self, table: &str) -> bool {
        matches!(self, Self::Violation { rule: Rule::Unique, table: at, .. } if at == table)
    }

    /// Tells a broken rule, a refused statement and an engine that cannot answer apart.
    pub(crate) fn of_statement(statement: &'static str, error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(refusal) = error else {
            return match error {
                sqlx::Error::Encode(_) | sqlx::Error::Protocol(_) | sqlx::Error::TypeNotFound { .. } => {
                    Self::Statement { statement, cause: error.to_string() }
                }
                _ => Self::unavailable(format!("{statement}: {error}")),
            };
        };
        let rule = match refusal.kind() {
            ErrorKind::UniqueViolation => Rule::Unique,
            ErrorKind::ForeignKeyViolation => Rule::ForeignKey,
            ErrorKind::NotNullViolation | ErrorKind::CheckViolation => Rule::Check,
            _ => return Self::of_refusal(statement, refusal.as_ref()),
        };
        // SQLite names columns, `UNIQUE constraint failed: person.email`, where PostgreSQL names the constraint.
        let told = refusal.message().rsplit_once("constraint failed: ").map_or("", |(_, told)| told);
        let table = refusal.table().or_else(|| told.split_once('.').map(|(table, _)| table)).unwrap_or_default();
        Self::Violation { statement, rule, table: table.to_owned(), constraint: refusal.constraint().unwrap_or(told).to_owned() }
    }

    fn of_refusal(statement: &'static str, refusal: &dyn sqlx::error::DatabaseError) -> Self {
        let code = refusal.code().unwrap_or_default();
        let passing = match code.len() {
            // SQLSTATE: connection (08), rollback and deadlock (40), resources (53), operator (57), system (58).
            5 => ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class)) || code == "55P03",
            // SQLite result codes, the primary in the lowest byte: busy, locked, interrupt, io, corrupt, full, cantopen.
            _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 9 | 10 | 11 | 13 | 14)),
        };
        let cause = format!("{} ({code})", refusal.message());
        if passing { Self::unavailable(format!("{statement}: {cause}")) } else { Self::Statement { statement, cause } }
    }
}
