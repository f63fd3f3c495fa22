//! Changing what belongs to one tenant.

use domain::{
    Actor, Door,
    audit::{AuditActor, AuditEvent, AuditEvents},
};

use crate::{
    announce::{Announcement, Topic},
    audit_chain::{AuditIntent, Chain},
    error::Error,
    executor::{Query, Session},
    housekeeping::Housekeeping,
    idempotency,
    read::Reads,
    statement::{Reach, Statement},
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
}

impl<'a> WriteTx<'a> {
    pub(crate) const fn new(actor: &'a Actor, session: Session, committer: Committer) -> Self {
        Self { actor, session, committer, announcements: Vec::new() }
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
        self.committer.commit(self.session, intents, self.announcements).await
    }

    /// Makes changes durable that the audit log does not show.
    ///
    /// # Errors
    /// [`Error::Misuse`] when a table was written that is not in the list of this reason;
    /// [`Error::Unavailable`] when nothing was done.
    pub async fn housekeep(self, reason: Housekeeping) -> Result<(), Error> {
        reason.allows(self.session.asked(), self.session.engine())?;
        self.committer.commit(self.session, Vec::new(), self.announcements).await
    }
}

impl<'a> Reads<'a> for WriteTx<'a> {
    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        WriteTx::query(self, statement)
    }
}
