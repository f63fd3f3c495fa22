//! Reading for one tenant.

use domain::Actor;

use crate::{
    executor::{Query, Session},
    statement::{Reach, Statement},
};

/// What can read for one tenant: [`ReadTx`] and [`crate::WriteTx`]. Functions that only read take `&mut impl Reads<'_>`.
pub trait Reads<'a>: Send {
    /// Who acts; lives longer than the transaction.
    fn actor(&self) -> &'a Actor;

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
    fn actor(&self) -> &'a Actor {
        self.actor
    }

    fn query(&mut self, statement: &'static Statement) -> Query<'_> {
        ReadTx::query(self, statement)
    }
}
