//! Reading for one tenant.

use domain::{Actor, TenantId};

use crate::{
    executor::{Query, Session},
    statement::{Reach, Statement},
};

/// What can read for one tenant: [`ReadTx`], [`crate::WriteTx`] and [`EngineRead`]. Functions that only read take `&mut impl Reads<'_>`.
pub trait Reads<'a>: Send {
    /// Begins a query of the actor's tenant, which is bound as `$1`. A statement that crosses tenants is refused
    /// when the query runs.
    fn query(&mut self, statement: &'static Statement) -> Query<'_>;
}

/// A transaction that reads one tenant as it was at one moment. Opened by [`crate::Database::read`].
pub struct ReadTx<'a> {
    actor: &'a Actor,
    session: Session,
}

impl<'a> ReadTx<'a> {
    pub(crate) const fn new(actor: &'a Actor, session: Session) -> Self {
        Self { actor, session }
    }

    /// Who acts.
    pub const fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// Begins a query of the actor's tenant, which is bound as `$1`.
    pub fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        self.session.query(statement, Reach::Tenant).bind(self.actor.tenant())
    }
}

impl<'a> Reads<'a> for ReadTx<'a> {
    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        ReadTx::query(self, statement)
    }
}

/// A transaction that reads one tenant for the engine, which acts for runs and not for a request: what it may do was or
/// will be decided in the batch. Opened by [`crate::Database::read_for_engine`].
pub struct EngineRead {
    tenant: TenantId,
    session: Session,
}

impl EngineRead {
    pub(crate) const fn new(tenant: TenantId, session: Session) -> Self {
        Self { tenant, session }
    }
}

impl Reads<'static> for EngineRead {
    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        self.session.query(statement, Reach::Tenant).bind(self.tenant)
    }
}
