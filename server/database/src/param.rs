//! The values that can be bound to a statement, and how each engine takes them.
//!
//! To add a kind of value, add a `From` here; a new variant only for a new column type.

use domain::{Id, Money, Timestamp};
use serde_json::Value;
use sqlx::{Arguments as _, postgres::PgArguments, sqlite::SqliteArguments};
use uuid::Uuid;

/// A value for a placeholder; each keeps its column type when it is null.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `blob` of 16 bytes or `uuid`.
    Uuid(Option<Uuid>),
    /// `integer` or `bigint`.
    Integer(Option<i64>),
    /// `integer` of 0 and 1, or `boolean`.
    Boolean(Option<bool>),
    /// `text`.
    Text(Option<String>),
    /// `blob` or `bytea`.
    Bytes(Option<Vec<u8>>),
}

/// A JSON document for a `text` column, written as `serde_json` writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub Value);

macro_rules! from {
    ($($source:ty => $variant:ident, $turn:expr;)*) => {
        $(
            impl From<$source> for Param {
                fn from(value: $source) -> Self {
                    Self::$variant(Some(($turn)(value)))
                }
            }
            impl From<Option<$source>> for Param {
                fn from(value: Option<$source>) -> Self {
                    Self::$variant(value.map($turn))
                }
            }
        )*
    };
}

from! {
    Uuid => Uuid, |value: Uuid| value;
    i64 => Integer, |value: i64| value;
    i32 => Integer, |value: i32| i64::from(value);
    u32 => Integer, |value: u32| i64::from(value);
    Timestamp => Integer, |value: Timestamp| value.micros();
    Money => Integer, |value: Money| value.nanos();
    bool => Boolean, |value: bool| value;
    &str => Text, |value: &str| value.to_owned();
    &String => Text, |value: &String| value.clone();
    String => Text, |value: String| value;
    Json => Text, |value: Json| value.0.to_string();
    Vec<u8> => Bytes, |value: Vec<u8>| value;
    &[u8] => Bytes, |value: &[u8]| value.to_vec();
    [u8; 32] => Bytes, |value: [u8; 32]| value.to_vec();
    &[u8; 32] => Bytes, |value: &[u8; 32]| value.to_vec();
}

impl<K> From<Id<K>> for Param {
    fn from(value: Id<K>) -> Self {
        Self::Uuid(Some(value.uuid()))
    }
}

impl<K> From<Option<Id<K>>> for Param {
    fn from(value: Option<Id<K>>) -> Self {
        Self::Uuid(value.map(Id::uuid))
    }
}

impl Param {
    /// Adds the value to the arguments of a SQLite statement.
    pub(crate) fn bind_sqlite(self, arguments: &mut SqliteArguments) -> Result<(), sqlx::error::BoxDynError> {
        match self {
            Self::Uuid(value) => arguments.add(value),
            Self::Integer(value) => arguments.add(value),
            Self::Boolean(value) => arguments.add(value),
            Self::Text(value) => arguments.add(value),
            Self::Bytes(value) => arguments.add(value),
        }
    }

    /// Adds the value to the arguments of a PostgreSQL statement.
    pub(crate) fn bind_postgres(self, arguments: &mut PgArguments) -> Result<(), sqlx::error::BoxDynError> {
        match self {
            Self::Uuid(value) => arguments.add(value),
            Self::Integer(value) => arguments.add(value),
            Self::Boolean(value) => arguments.add(value),
            Self::Text(value) => arguments.add(value),
            Self::Bytes(value) => arguments.add(value),
        }
    }
}
