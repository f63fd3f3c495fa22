//! Transactions that belong to no tenant: sign-in, the scan of leases, retention, the installation itself.
//!
//! They take only statements made by [`Statement::system`], which live in `system.rs`.

use domain::TenantId;

use crate::{
    announce::{Announcement, Topic},
    audit_chain::{AuditIntent, Heads},
    error::Error,
    executor::{Query, Session},
    housekeeping::Housekeeping,
    statement::{Reach, Statement},
    writer::Committer,
};

/// What can read across tenants: [`SystemRead`] and [`SystemTx`].
pub trait SystemReads: Send {
    /// Begins a query across tenants; a statement of one tenant is refused when the query runs.
    fn query(&mut self, statement: &'static Statement) -> Query<'_>;
}

/// A transaction that reads across tenants. Opened by [`crate::Database::system_read`].
pub struct SystemRead {
    session: Session,
}

impl SystemRead {
    pub(crate) const fn new(session: Session) -> Self {
        Self { session }
    }

    /// Begins a query across tenants.
    pub fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        self.session.query(statement, Reach::System)
    }
}

impl SystemReads for SystemRead {
    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        SystemRead::query(self, statement)
    }
}

/// A transaction that changes across tenants. Opened by [`crate::Database::system`]; dropped, it leaves nothing.
pub struct SystemTx {
    session: Session,
    committer: Committer,
    announcements: Vec<Announcement>,
}

impl SystemTx {
    pub(crate) const fn new(session: Session, committer: Committer) -> Self {
        Self { session, committer, announcements: Vec::new() }
    }

    /// Begins a query across tenants.
    pub fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        self.session.query(statement, Reach::System)
    }

    /// Says what of which tenant to look at again, once the commit is durable.
    pub fn announce(&mut self, tenant: TenantId, topic: Topic) {
        self.announcements.push(Announcement { tenant, topic });
    }

    /// Makes the changes durable together with one or more audit events, each in the chain it names.
    ///
    /// # Errors
    /// [`Error::NoRow`] when a chain does not exist; [`Error::Unavailable`] when nothing was done.
    pub async fn commit(mut self, first: AuditIntent, more: Vec<AuditIntent>) -> Result<(), Error> {
        let intents: Vec<AuditIntent> = std::iter::once(first).chain(more).collect();
        self.session.demand_chains(&intents).await?;
        self.committer.commit(self.session, intents, self.announcements, Vec::new(), Heads::default()).await
    }

    /// Makes changes durable that the audit log does not show.
    ///
    /// # Errors
    /// [`Error::Misuse`] when a table was written that is not in the list of this reason;
    /// [`Error::Unavailable`] when nothing was done.
    pub async fn housekeep(self, reason: Housekeeping) -> Result<(), Error> {
        reason.allows(self.session.asked(), self.session.engine())?;
        self.committer.commit(self.session, Vec::new(), self.announcements, Vec::new(), Heads::default()).await
    }
}

impl SystemReads for SystemTx {
    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        SystemTx::query(self, statement)
    }
}
