//! A turn: the connection that writes, lent for one transaction inside a savepoint.
//!
//! The writer puts the connection into a [`Slot`] and waits. A turn that is dropped, fails or panics says nothing
//! more, and the writer undoes it alone; one that outlives its deadline finds the slot empty.

use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard, oneshot};

use crate::{announce::Announcement, audit_chain::AuditIntent, error::Error, worker::Seating};

/// The place of the connection that writes: empty while the writer has it, or after it took it back.
pub(crate) type Slot = Mutex<Option<SqliteConnection>>;

/// The right to use the connection until the deadline.
pub(crate) struct Turn {
    slot: Arc<Slot>,
    done: Option<oneshot::Sender<Ending>>,
}

/// What a turn leaves to be made durable.
pub(crate) struct Ending {
    pub(crate) intents: Vec<AuditIntent>,
    pub(crate) announcements: Vec<Announcement>,
    pub(crate) seatings: Vec<Seating>,
    pub(crate) answer: oneshot::Sender<Result<(), Error>>,
}

/// The connection, for one statement.
pub(crate) struct Lent<'t>(MutexGuard<'t, Option<SqliteConnection>>);

impl Turn {
    pub(crate) const fn new(slot: Arc<Slot>, done: oneshot::Sender<Ending>) -> Self {
        Self { slot, done: Some(done) }
    }

    pub(crate) async fn lent(&self) -> Lent<'_> {
        Lent(self.slot.lock().await)
    }

    /// Hands the changes over and waits until they are durable.
    pub(crate) async fn commit(
        mut self,
        intents: Vec<AuditIntent>,
        announcements: Vec<Announcement>,
        seatings: Vec<Seating>,
    ) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let ending = Ending { intents, announcements, seatings, answer };
        self.done.take().and_then(|done| done.send(ending).ok()).ok_or_else(outlived)?;
        answered.await.unwrap_or_else(|_| Err(Error::unavailable("the writer ended before the change was durable")))
    }
}

impl Lent<'_> {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.0.as_mut().ok_or_else(outlived)
    }
}

fn outlived() -> Error {
    Error::unavailable("the turn outlived its deadline and was undone")
}
