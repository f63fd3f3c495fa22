//! What makes changes durable.

pub(crate) mod turn;

use crate::{announce::Announcement, audit_chain::AuditIntent, error::Error, executor::Session};

/// Ends a transaction: with its audit rows, durably, and only then tells what changed.
pub(crate) struct Committer;

impl Committer {
    pub(crate) async fn commit(&self, session: Session, intents: Vec<AuditIntent>, announcements: Vec<Announcement>) -> Result<(), Error> {
        drop((session.into_link(), intents, announcements));
        Err(Error::unavailable("the writer is not running"))
    }
}
