//! A turn: the connection that writes, lent for one transaction.

use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};

use crate::error::Error;

/// The place of the connection that writes: empty while the writer has it, or after it took it back.
pub(crate) type Slot = Mutex<Option<SqliteConnection>>;

/// The right to use the connection until the deadline.
pub(crate) struct Turn {
    slot: Arc<Slot>,
}

/// The connection, for one statement.
pub(crate) struct Lent<'t>(MutexGuard<'t, Option<SqliteConnection>>);

impl Turn {
    pub(crate) async fn lent(&self) -> Lent<'_> {
        Lent(self.slot.lock().await)
    }
}

impl Lent<'_> {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.0.as_mut().ok_or_else(|| Error::unavailable("the turn outlived its deadline and was undone"))
    }
}
