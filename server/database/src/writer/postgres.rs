//! The task that gathers the engine's members into transactions of PostgreSQL.
//!
//! One transaction at a time, for the tenants of its members and no others. Turns do not come here: they are ordinary
//! transactions. If a group fails, its members are decided again, each alone.

use std::{collections::BTreeSet, fmt::Write as _};

use domain::TenantId;
use sqlx::{AssertSqlSafe, PgPool, Postgres, SqlSafeStr as _, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::{Committing, Work, announce_audit};
use crate::{
    announce::Announcement,
    audit_chain::{self, Heads},
    batch::{self, Pending, Seat},
    crash::{Broken, CommitPoint},
    error::Error,
    executor::Arm,
};

/// How a transaction begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Begin {
    /// It sees one moment and changes nothing.
    Read,
    /// It changes.
    Write,
}

/// Begins a transaction that sees the rows of these tenants and of no others.
pub(crate) async fn begin(
    pool: &PgPool,
    how: Begin,
    tenants: impl IntoIterator<Item = TenantId>,
) -> Result<Transaction<'static, Postgres>, Error> {
    let mut text = String::from(match how {
        Begin::Read => "begin isolation level repeatable read read only; set local mandate.tenants = '",
        Begin::Write => "begin; set local mandate.tenants = '",
    });
    for (index, tenant) in tenants.into_iter().enumerate() {
        // Hexadecimal digits of an id and nothing from outside: writing to a string cannot fail.
        let _ = write!(text, "{}{}", if index == 0 { "" } else { "," }, tenant.uuid().simple());
    }
    text.push('\'');
    pool.begin_with(AssertSqlSafe(text).into_sql_str()).await.map_err(Error::unavailable)
}

/// The task and everything it owns.
pub(crate) struct Batcher {
    app: PgPool,
    work: mpsc::UnboundedReceiver<Work>,
    most: usize,
    committing: Committing,
}

impl Batcher {
    pub(crate) const fn new(app: PgPool, work: mpsc::UnboundedReceiver<Work>, most: usize, committing: Committing) -> Self {
        Self { app, work, most, committing }
    }

    /// Works until nobody can ask any more, or until it is told to stop.
    pub(crate) async fn run(mut self) {
        let mut waiting: Vec<Box<dyn Pending>> = Vec::new();
        let mut stop: Option<oneshot::Sender<()>> = None;
        loop {
            if waiting.is_empty() {
                if let Some(stopped) = stop {
                    let _ = stopped.send(());
                    return;
                }
                match self.work.recv().await {
                    Some(Work::Member(member)) => waiting.push(member),
                    Some(Work::Stop(stopped)) => stop = Some(stopped),
                    Some(Work::Turn(_)) => {}
                    None => return,
                }
            }
            while let Ok(work) = self.work.try_recv() {
                match work {
                    Work::Member(member) => waiting.push(member),
                    Work::Stop(stopped) => stop = Some(stopped),
                    Work::Turn(_) => {}
                }
            }
            let group = waiting.drain(..waiting.len().min(self.most)).map(Seat::new).collect();
            if self.group(group).await.is_err() {
                return;
            }
        }
    }

    /// One group, and its members alone if it fails. An error only at a crash point that kills.
    async fn group(&self, mut seats: Vec<Seat>) -> Result<(), ()> {
        if seats.is_empty() {
            return Ok(());
        }
        match self.attempt(&mut seats).await {
            Ok(announcements) => self.answer(seats, announcements),
            Err(Broken::Dead) => return Err(()),
            Err(Broken::Failed(cause)) => {
                tracing::warn!(%cause, members = seats.len(), "a batch failed; its members are decided again, each alone");
                for seat in seats {
                    let mut alone = vec![Seat::new(seat.member)];
                    match self.attempt(&mut alone).await {
                        Ok(announcements) => self.answer(alone, announcements),
                        Err(Broken::Dead) => return Err(()),
                        Err(Broken::Failed(cause)) => {
                            for Seat { member, .. } in alone {
                                member.answer(Err(cause.clone()));
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn answer(&self, seats: Vec<Seat>, announcements: Vec<Announcement>) {
        self.committing.announcer.announce(announcements);
        for Seat { member, result, .. } in seats {
            member.answer(result);
        }
    }

    async fn attempt(&self, seats: &mut [Seat]) -> Result<Vec<Announcement>, Broken> {
        let Committing { clock, faults, .. } = &self.committing;
        let tenants: BTreeSet<TenantId> = seats.iter().filter_map(Seat::tenant).collect();
        let mut transaction = begin(&self.app, Begin::Write, tenants).await?;
        faults.reach(CommitPoint::Begun)?;
        let mut arm = Arm::Postgres(&mut transaction);
        let outcome = batch::run(&mut arm, seats, clock.now()).await?;
        faults.reach(CommitPoint::Changed)?;
        let mut announcements = outcome.announcements;
        announce_audit(&mut announcements, &outcome.intents);
        audit_chain::append(&mut arm, &mut Heads::default(), outcome.intents, clock.now()).await?;
        faults.reach(CommitPoint::BeforeCommit)?;
        transaction.commit().await.map_err(Error::unavailable)?;
        faults.reach(CommitPoint::AfterCommit)?;
        Ok(announcements)
    }
}
