//! What makes changes durable: one fsync a group, never one a change.
//!
//! On SQLite `sqlite.rs` owns the only connection that writes and lends it, turn by turn (`turn.rs`). On PostgreSQL
//! turns are ordinary transactions and `postgres.rs` gathers only the engine's members. Both end every commit the same
//! way: the audit rows last, and announcements only after the commit.

pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod system;
pub(crate) mod turn;

use std::{collections::HashSet, sync::Arc};

use domain::Clock;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    announce::{Announcement, Topic},
    audit_chain::{self, AuditIntent, Chain, Heads},
    batch::Pending,
    crash::{Broken, CommitPoint, Faults},
    error::Error,
    executor::{Arm, Link, Session},
    worker::{Seating, Workplace},
};

use self::turn::Turn;

/// What every commit needs, whatever the engine.
#[derive(Clone)]
pub(crate) struct Committing {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) announcer: Announcer,
    pub(crate) faults: Faults,
    pub(crate) workplace: Workplace,
}

/// Tells what changed to whoever listens.
#[derive(Clone)]
pub(crate) struct Announcer {
    here: broadcast::Sender<Announcement>,
    elsewhere: Option<mpsc::UnboundedSender<Vec<Announcement>>>,
}

impl Announcer {
    /// An announcer for listeners in this process and, if there is a channel to them, for those of other nodes.
    pub(crate) const fn new(here: broadcast::Sender<Announcement>, elsewhere: Option<mpsc::UnboundedSender<Vec<Announcement>>>) -> Self {
        Self { here, elsewhere }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Announcement> {
        self.here.subscribe()
    }

    /// Tells each thing once. Called after a commit and never before.
    pub(crate) fn announce(&self, announcements: Vec<Announcement>) {
        let mut told = HashSet::with_capacity(announcements.len());
        let fresh: Vec<Announcement> = announcements.into_iter().filter(|one| told.insert(*one)).collect();
        for announcement in &fresh {
            // Nobody listening is no failure.
            drop(self.here.send(*announcement));
        }
        if let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| !fresh.is_empty()) {
            drop(elsewhere.send(fresh));
        }
    }

    /// Tells only this process what another node did.
    pub(crate) fn repeat(&self, announcement: Announcement) {
        drop(self.here.send(announcement));
    }
}

/// Adds that the audit logs of these intents' tenants grew.
pub(crate) fn announce_audit(announcements: &mut Vec<Announcement>, intents: &[AuditIntent]) {
    announcements.extend(intents.iter().filter_map(|intent| match intent.chain {
        Chain::Tenant(tenant) => Some(Announcement { tenant, topic: Topic::Audit }),
        Chain::Installation => None,
    }));
}

/// Ends a transaction: with its audit rows, durably, and only then tells what changed.
#[derive(Clone)]
pub(crate) struct Committer(pub(crate) Committing);

impl Committer {
    pub(crate) async fn commit(
        &self,
        session: Session,
        intents: Vec<AuditIntent>,
        mut announcements: Vec<Announcement>,
        seatings: Vec<Seating>,
        mut heads: Heads,
    ) -> Result<(), Error> {
        let mut transaction = match session.into_link() {
            Link::Turn(turn) => return turn.commit(intents, announcements, seatings).await,
            Link::Reader(_) => return Err(Error::unavailable("a transaction that reads cannot be committed")),
            Link::Postgres(transaction) => transaction,
        };
        announce_audit(&mut announcements, &intents);
        let Committing { clock, announcer, faults, .. } = &self.0;
        let end = async {
            faults.reach(CommitPoint::Changed)?;
            audit_chain::append(&mut Arm::Postgres(&mut transaction), &mut heads, intents, clock.now()).await?;
            faults.reach(CommitPoint::BeforeCommit)?;
            transaction.commit().await.map_err(Error::unavailable)?;
            faults.reach(CommitPoint::AfterCommit)
        };
        end.await.map_err(Broken::into_error)?;
        announcer.announce(announcements);
        seatings.into_iter().for_each(Seating::tell);
        Ok(())
    }
}

/// What is asked of the task that writes.
pub(crate) enum Work {
    /// Somebody wants a turn.
    Turn(oneshot::Sender<Turn>),
    /// Records of a run want to be written.
    Member(Box<dyn Pending>),
    /// What was asked before this is finished, then the task ends.
    Stop(oneshot::Sender<()>),
}
