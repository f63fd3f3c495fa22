//! Rows as they come back, the same for both engines, and how a struct is made of one.
//!
//! A value that cannot be read names its statement and column and says what was wrong: a row that cannot be
//! understood is never guessed at.

use domain::{Id, Money, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use crate::error::Error;

/// One row of an answer.
pub struct Row {
    inner: Inner,
    statement: &'static str,
}

pub(crate) enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Makes a value of a row.
pub trait FromRow: Sized {
    /// Reads the columns.
    ///
    /// # Errors
    /// [`Error::Row`] for a column that is missing or holds something else than it should.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

impl Row {
    pub(crate) const fn new(inner: Inner, statement: &'static str) -> Self {
        Self { inner, statement }
    }

    /// An error that says what is wrong with a column of this row; for texts that are no known word.
    pub fn wrong(&self, column: &str, reason: impl Into<String>) -> Error {
        Error::Row { statement: self.statement, column: column.to_owned(), reason: reason.into() }
    }

    fn take<T>(&self, column: &str) -> Result<Option<T>, Error>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        match &self.inner {
            Inner::Sqlite(row) => row.try_get::<Option<T>, _>(column),
            Inner::Postgres(row) => row.try_get::<Option<T>, _>(column),
        }
        .map_err(|error| self.wrong(column, error.to_string()))
    }

    fn present<T>(&self, column: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.wrong(column, "it is null"))
    }

    /// A typed id.
    pub fn id<K>(&self, column: &str) -> Result<Id<K>, Error> {
        self.uuid(column).map(Id::from_uuid)
    }

    /// A typed id, or nothing.
    pub fn opt_id<K>(&self, column: &str) -> Result<Option<Id<K>>, Error> {
        Ok(self.opt_uuid(column)?.map(Id::from_uuid))
    }

    /// A UUID.
    pub fn uuid(&self, column: &str) -> Result<Uuid, Error> {
        let value = self.opt_uuid(column)?;
        self.present(column, value)
    }

    /// A UUID, or nothing.
    pub fn opt_uuid(&self, column: &str) -> Result<Option<Uuid>, Error> {
        self.take(column)
    }

    /// A whole number.
    pub fn i64(&self, column: &str) -> Result<i64, Error> {
        let value = self.opt_i64(column)?;
        self.present(column, value)
    }

    /// A whole number, or nothing.
    pub fn opt_i64(&self, column: &str) -> Result<Option<i64>, Error> {
        self.take(column)
    }

    /// A text.
    pub fn text(&self, column: &str) -> Result<String, Error> {
        let value = self.opt_text(column)?;
        self.present(column, value)
    }

    /// A text, or nothing.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, Error> {
        self.take(column)
    }

    /// Bytes.
    pub fn bytes(&self, column: &str) -> Result<Vec<u8>, Error> {
        let value = self.opt_bytes(column)?;
        self.present(column, value)
    }

    /// Bytes, or nothing.
    pub fn opt_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Error> {
        self.take(column)
    }

    /// Exactly 32 bytes: a hash or digest.
    pub fn hash(&self, column: &str) -> Result<[u8; 32], Error> {
        let bytes = self.bytes(column)?;
        let length = bytes.len();
        bytes.try_into().map_err(|_| self.wrong(column, format!("it has {length} bytes instead of 32")))
    }

    /// Exactly 32 bytes, or nothing.
    pub fn opt_hash(&self, column: &str) -> Result<Option<[u8; 32]>, Error> {
        if self.opt_bytes(column)?.is_none() { Ok(None) } else { self.hash(column).map(Some) }
    }

    /// Yes or no.
    pub fn bool(&self, column: &str) -> Result<bool, Error> {
        let value = self.take(column)?;
        self.present(column, value)
    }

    /// A moment.
    pub fn timestamp(&self, column: &str) -> Result<Timestamp, Error> {
        self.i64(column).map(Timestamp::from_micros)
    }

    /// A moment, or nothing.
    pub fn opt_timestamp(&self, column: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.opt_i64(column)?.map(Timestamp::from_micros))
    }

    /// An amount.
    pub fn money(&self, column: &str) -> Result<Money, Error> {
        self.i64(column).map(Money::from_nanos)
    }

    /// An amount, or nothing.
    pub fn opt_money(&self, column: &str) -> Result<Option<Money>, Error> {
        Ok(self.opt_i64(column)?.map(Money::from_nanos))
    }

    /// A JSON document in a text column, as `T`.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Error> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.wrong(column, error.to_string()))
    }

    /// A JSON document in a text column, as `T`, or nothing.
    pub fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Error> {
        self.opt_text(column)?.map(|text| serde_json::from_str(&text).map_err(|error| self.wrong(column, error.to_string()))).transpose()
    }

    /// A text that one of the given words must be, as its value; for states and kinds.
    pub fn word<T: Copy>(&self, column: &str, words: &[(&str, T)]) -> Result<T, Error> {
        let text = self.text(column)?;
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| self.wrong(column, format!("`{text}` is no known word")))
    }
}

impl FromRow for () {
    fn from_row(_: &Row) -> Result<Self, Error> {
        Ok(())
    }
}
