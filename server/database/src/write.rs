//! Changing what belongs to one tenant.

use domain::{
    Actor, Door, RunId, Timestamp,
    audit::{AuditActor, AuditEvent, AuditEvents},
};

use crate::{
    announce::{Announcement, Topic},
    audit_chain::{AuditIntent, Chain, Head, Heads},
    error::Error,
    executor::{Query, Session},
    housekeeping::Housekeeping,
    idempotency,
    read::Reads,
    statement::{Reach, Statement},
    worker::Seating,
    writer::Committer,
};

/// A transaction that changes one tenant. Opened by [`crate::Database::write`]; dropped, it leaves nothing.
///
/// It awaits nothing but the database and has a deadline: whatever takes long is done before it is opened.
pub struct WriteTx<'a> {
    actor: &'a Actor,
    session: Session,
    committer: Committer,
    announcements: Vec<Announcement>,
    seatings: Vec<Seating>,
    heads: Heads,
}

impl<'a> WriteTx<'a> {
    pub(crate) fn new(actor: &'a Actor, session: Session, committer: Committer) -> Self {
        Self { actor, session, committer, announcements: Vec::new(), seatings: Vec::new(), heads: Heads::default() }
    }

    /// Who acts.
    pub const fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// Begins a query of the actor's tenant, which is bound as `$1`.
    pub fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        self.session.query(statement, Reach::Tenant).bind(self.actor.tenant())
    }

    /// Says what to look at again; told to others only after the commit is durable.
    pub fn announce(&mut self, topic: Topic) {
        self.announcements.push(Announcement { tenant: self.actor.tenant(), topic });
    }

    /// Remembers the end of the tenant's audit chain, which a statement of this transaction locked and read.
    pub(crate) fn know_head(&mut self, head: Head) {
        self.heads.know(self.actor.tenant(), head);
    }

    /// Reserves a place at this process's driver for a run that is accepted here, if there is one: who holds the lease
    /// and until when. The driver is told after the commit; without a commit nothing is reserved.
    pub(crate) fn seat(&mut self, run: RunId, now: Timestamp) -> Option<(String, Timestamp)> {
        let seating = self.committer.0.workplace.seat(self.actor.tenant(), run, now)?;
        let lease = (seating.owner().to_owned(), seating.until());
        self.seatings.push(seating);
        Some(lease)
    }

    /// Makes the changes durable together with the events that the audit log keeps of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when nothing was done, [`Error::DoneBefore`] when it was done under the actor's key before.
    pub async fn commit(mut self, events: AuditEvents) -> Result<(), Error> {
        idempotency::done(&mut self.session, self.actor).await?;
        let actor = AuditActor::from(self.actor);
        let Door::ApiKey(key) = self.actor.door() else { return self.record(actor, events.into_vec()).await };
        // The log tells which key it was: its owner may have several.
        let events = events.into_vec().into_iter().map(|event| event.with("api_key", key.to_string())).collect();
        self.record(actor, events).await
    }

    async fn record(self, actor: AuditActor, events: Vec<AuditEvent>) -> Result<(), Error> {
        let chain = Chain::Tenant(self.actor.tenant());
        let intents = events.into_iter().map(|event| AuditIntent { chain, actor: actor.clone(), event }).collect();
        self.committer.commit(self.session, intents, self.announcements, self.seatings, self.heads).await
    }

    /// Makes changes durable that the audit log does not show.
    ///
    /// # Errors
    /// [`Error::Misuse`] when a table was written that is not in the list of this reason;
    /// [`Error::Unavailable`] when nothing was done.
    pub async fn housekeep(self, reason: Housekeeping) -> Result<(), Error> {
        reason.allows(self.session.asked(), self.session.engine())?;
        self.committer.commit(self.session, Vec::new(), self.announcements, self.seatings, self.heads).await
    }
}

impl<'a> Reads<'a> for WriteTx<'a> {
    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        WriteTx::query(self, statement)
    }
}
