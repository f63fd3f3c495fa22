//! Many rows as one JSON text: an array of arrays, one for each row, which both engines take apart themselves.
//!
//! Ids and bytes travel as hexadecimal digits. One text for a table costs one statement, however many rows.

use std::io::Write as _;

use uuid::Uuid;

use crate::{
    error::Error,
    executor::Arm,
    row::{FromRow, Row},
    statement::Statement,
};

/// Rows on their way into one statement.
#[derive(Default)]
pub(crate) struct Rows {
    text: Vec<u8>,
    count: u64,
}

/// One row being written.
pub(crate) struct Cells<'r> {
    text: &'r mut Vec<u8>,
    first: bool,
}

impl Rows {
    /// Adds a row; cells follow in the order in which the statement numbers them, from 0.
    pub(crate) fn row(&mut self) -> Cells<'_> {
        self.text.push(if self.count == 0 { b'[' } else { b',' });
        self.text.push(b'[');
        self.count += 1;
        Cells { text: &mut self.text, first: true }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The one value, and how many rows it has.
    pub(crate) fn finish(mut self, statement: &'static Statement) -> Result<(String, u64), Error> {
        self.text.extend_from_slice(if self.count == 0 { b"[]" } else { b"]" });
        let text =
            String::from_utf8(self.text).map_err(|error| Error::Statement { statement: statement.name(), cause: error.to_string() })?;
        Ok((text, self.count))
    }

    /// Runs a statement that must change exactly one row for each row given; nothing to do without rows.
    ///
    /// # Errors
    /// What the engine refused, or another number of rows changed than were given.
    pub(crate) async fn write(self, arm: &mut Arm<'_>, statement: &'static Statement) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let (text, expected) = self.finish(statement)?;
        let changed = arm.execute(statement, vec![text.into()]).await?;
        if changed == expected {
            return Ok(());
        }
        Err(Error::Statement { statement: statement.name(), cause: format!("it changed {changed} rows instead of {expected}") })
    }

    /// Runs a statement that changes as many rows as there happen to be.
    pub(crate) async fn write_any(self, arm: &mut Arm<'_>, statement: &'static Statement) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let (text, _) = self.finish(statement)?;
        arm.execute(statement, vec![text.into()]).await.map(drop)
    }

    /// Reads the rows that the given keys name; nothing to do without keys.
    pub(crate) async fn read<T: FromRow>(self, arm: &mut Arm<'_>, statement: &'static Statement) -> Result<Vec<T>, Error> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let (text, _) = self.finish(statement)?;
        let rows: Vec<Row> = arm.all(statement, vec![text.into()]).await?;
        rows.iter().map(T::from_row).collect()
    }
}

impl Cells<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.text.push(b',');
        }
    }

    pub(crate) fn uuid(mut self, value: Uuid) -> Self {
        self.separate();
        let mut digits = [0_u8; 32];
        let digits = value.simple().encode_lower(&mut digits);
        self.text.push(b'"');
        self.text.extend_from_slice(digits.as_bytes());
        self.text.push(b'"');
        self
    }

    pub(crate) fn int(mut self, value: i64) -> Self {
        self.separate();
        // Writing to a vector cannot fail.
        drop(write!(self.text, "{value}"));
        self
    }

    pub(crate) fn opt_int(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    pub(crate) fn text(mut self, value: &str) -> Self {
        self.separate();
        // Writing a string to a vector cannot fail.
        drop(serde_json::to_writer(&mut *self.text, value));
        self
    }

    pub(crate) fn opt_text(self, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        self.separate();
        self.text.push(b'"');
        self.text.extend_from_slice(hex::encode(value).as_bytes());
        self.text.push(b'"');
        self
    }

    pub(crate) fn null(mut self) -> Self {
        self.separate();
        self.text.extend_from_slice(b"null");
        self
    }
}

impl Drop for Cells<'_> {
    fn drop(&mut self) {
        self.text.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NONE: Statement = Statement::system("test.none", "select 1");

    #[test]
    fn rows_become_one_json_text() {
        let mut rows = Rows::default();
        rows.row().uuid(Uuid::from_u128(255)).int(-3).text("a \"b\"\n\u{0}");
        rows.row().null().bytes(&[1, 171]).opt_text(None).opt_int(Some(4));
        let (text, count) = rows.finish(&NONE).unwrap();
        assert_eq!(text, "[[\"000000000000000000000000000000ff\",-3,\"a \\\"b\\\"\\n\\u0000\"],[null,\"01ab\",null,4]]");
        assert_eq!(count, 2);
        assert_eq!(Rows::default().finish(&NONE).unwrap(), ("[]".to_owned(), 0));
    }
}
