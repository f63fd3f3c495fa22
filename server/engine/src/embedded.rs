//! The embedded driver: claims due runs by lease, drives each in a task of its own while it has something
//! to do, and keeps nothing in memory for a run that waits.
//!
//! A lease has an owner and a fence. The owner is this life of this process; the fence counts claims, so that
//! what a stopped or slow owner still writes is refused. On SQLite nobody else can hold a lease when a
//! process starts, so the leases of its last life are dropped at once; on PostgreSQL they run out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use database::{
    Database, Engine, Housekeeping, Topic,
    leases::{self, Lease},
};
use domain::{Clock, Entropy, RunId, Timestamp};
use tokio::{
    sync::{Notify, broadcast::error::RecvError, mpsc, watch},
    task::JoinSet,
};

use crate::{
    Driver,
    host::StepHost,
    load::Plans,
    task::{self, Nudge, Shared, TaskError},
};

/// How the driver works.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedSettings {
    /// Runs in memory at a time.
    pub hot_runs: usize,
    /// Runs taken in one claim.
    pub claim: usize,
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// How long what is under way may take to come to rest when the driver is told to stop.
    pub drain: Duration,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self { hot_runs: 512, claim: 128, lease: Duration::from_secs(10), drain: Duration::from_secs(20) }
    }
}

/// The longest the driver sleeps when it knows of nothing that is due.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest pause: a lease of our own that looks out of date because the clock was moved is not ours to claim.
const SHORTEST: Duration = Duration::from_millis(5);
/// The pause after the database did not answer.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// A run whose task failed is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(5);

type Hot = Arc<Mutex<HashMap<RunId, mpsc::UnboundedSender<Nudge>>>>;

/// The driver that lives in the server's own process.
pub struct Embedded<H: StepHost> {
    shared: Arc<Shared<H>>,
    settings: EmbeddedSettings,
    owner: String,
    hot: Hot,
    wake: Arc<Notify>,
}

impl<H: StepHost> Embedded<H> {
    /// A driver over a database; nothing happens until [`Driver::work`] is awaited.
    pub fn new(database: Database, host: Arc<H>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, settings: EmbeddedSettings) -> Self {
        let mut name = [0_u8; 16];
        entropy.fill(&mut name);
        let wake = Arc::new(Notify::new());
        let hot: Hot = Arc::default();
        {
            let (wake, hot) = (Arc::clone(&wake), Arc::clone(&hot));
            clock.on_jump(Box::new(move || {
                for nudges in hot.lock().unwrap_or_else(PoisonError::into_inner).values() {
                    // A task that has just ended needs no nudge.
                    let _ended = nudges.send(Nudge::Clock);
                }
                wake.notify_one();
            }));
        }
        Self {
            shared: Arc::new(Shared { database, host, clock, entropy, plans: Plans::new() }),
            settings,
            owner: format!("{:032x}", u128::from_be_bytes(name)),
            hot,
            wake,
        }
    }

    fn free(&self) -> usize {
        let hot = self.hot.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.settings.hot_runs.saturating_sub(hot).min(self.settings.claim)
    }

    /// Claims due runs; when there are none, also says when the next will be.
    async fn claim(&self) -> Result<(Vec<Lease>, Option<Timestamp>), database::Error> {
        let now = self.shared.clock.now();
        let next = leases::next_due(&mut self.shared.database.system_read().await?).await?;
        if next.is_none_or(|at| at > now) {
            return Ok((Vec::new(), next));
        }
        let mut tx = self.shared.database.system().await?;
        let limit = u32::try_from(self.free()).unwrap_or(u32::MAX);
        let claimed = leases::claim(&mut tx, &self.owner, now, now.after(self.settings.lease), limit).await?;
        tx.housekeep(Housekeeping::Leases).await?;
        Ok((claimed, next))
    }

    async fn give_back_all(&self) -> Result<(), database::Error> {
        let mut tx = self.shared.database.system().await?;
        leases::release_all(&mut tx, &self.owner, self.shared.clock.now()).await?;
        tx.housekeep(Housekeeping::Leases).await
    }

    /// Leases of an earlier life of this process, where nobody else can hold any.
    async fn drop_dead_leases(&self) -> Result<(), database::Error> {
        if self.shared.database.engine() != Engine::Sqlite {
            return Ok(());
        }
        let mut tx = self.shared.database.system().await?;
        leases::release_others(&mut tx, &self.owner, self.shared.clock.now()).await?;
        tx.housekeep(Housekeeping::Leases).await
    }

    async fn renew_all(&self) -> Result<(), database::Error> {
        let until = self.shared.clock.now().after(self.settings.lease);
        let mut tx = self.shared.database.system().await?;
        leases::renew(&mut tx, &self.owner, until).await?;
        tx.housekeep(Housekeeping::Leases).await
    }

    fn start(&self, tasks: &mut JoinSet<()>, claimed: Lease) {
        let (nudges, nudged) = mpsc::unbounded_channel();
        let run = claimed.run;
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).insert(run, nudges);
        let (shared, hot, wake) = (Arc::clone(&self.shared), Arc::clone(&self.hot), Arc::clone(&self.wake));
        let owner = self.owner.clone();
        tasks.spawn(async move {
            // Leaves the map and wakes the claimer however the task ends, a panic included.
            let _seat = Seat { run, hot, wake };
            match task::drive(&shared, &owner, claimed, nudged).await {
                Ok(()) => {}
                Err(TaskError::LostLease) => tracing::warn!(%run, "the lease of {run} was lost; whoever holds it goes on"),
                Err(error) => {
                    tracing::error!(%run, %error, "{run} could not be driven on: {error}; it is tried again");
                    let again = shared.clock.now().after(TRY_AGAIN);
                    if let Err(error) = give_back(&shared.database, &owner, claimed, again).await {
                        tracing::error!(%run, %error, "the lease of {run} could not be given back and will run out: {error}");
                    }
                }
            }
        });
    }

    /// Passes announcements on to hot runs; anything about the queue wakes the claimer.
    async fn listen(&self) {
        let mut announcements = self.shared.database.announcements();
        loop {
            match announcements.recv().await {
                Ok(announcement) => match announcement.topic {
                    Topic::Inbox(run) => {
                        if let Some(nudges) = self.hot.lock().unwrap_or_else(PoisonError::into_inner).get(&run) {
                            let _ended = nudges.send(Nudge::Inbox);
                        } else {
                            self.wake.notify_one();
                        }
                    }
                    Topic::Queue => self.wake.notify_one(),
                    _ => {}
                },
                Err(RecvError::Lagged(_)) => {
                    for nudges in self.hot.lock().unwrap_or_else(PoisonError::into_inner).values() {
                        let _ended = nudges.send(Nudge::Inbox);
                    }
                    self.wake.notify_one();
                }
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    async fn renew(&self) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let idle = self.hot.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            if idle {
                continue;
            }
            if let Err(error) = self.renew_all().await {
                tracing::error!(%error, "leases could not be renewed: {error}");
            }
        }
    }

    async fn claim_and_drive(&self, tasks: &mut JoinSet<()>) {
        loop {
            while tasks.try_join_next().is_some() {}
            let pause = if self.free() == 0 {
                LOOK
            } else {
                match self.claim().await {
                    Ok((claimed, _)) if !claimed.is_empty() => {
                        for run in claimed {
                            self.start(tasks, run);
                        }
                        continue;
                    }
                    Ok((_, next)) => next.map_or(LOOK, |at| at.since(self.shared.clock.now()).clamp(SHORTEST, LOOK)),
                    Err(error) => {
                        tracing::error!(%error, "due runs could not be claimed: {error}");
                        AFTER_FAILURE
                    }
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

impl<H: StepHost> Driver for Embedded<H> {
    async fn work(&self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.drop_dead_leases().await {
            tracing::error!(%error, "leases of an earlier life could not be dropped and will run out: {error}");
        }
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = self.claim_and_drive(&mut tasks) => {}
            () = self.listen() => {}
            () = self.renew() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // Calls that are out get their time; what does not finish is sent again under its key after the restart.
        let drained = async { while tasks.join_next().await.is_some() {} };
        let renewing = self.renew();
        tokio::select! {
            () = drained => {}
            () = renewing => {}
            () = tokio::time::sleep(self.settings.drain) => {}
        }
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
        if let Err(error) = self.give_back_all().await {
            tracing::error!(%error, "leases could not be given back and will run out: {error}");
        }
    }
}

/// Gives one run back, to be claimed again at a later moment.
async fn give_back(database: &Database, owner: &str, lease: Lease, again: Timestamp) -> Result<(), database::Error> {
    let mut tx = database.system().await?;
    leases::give_back(&mut tx, owner, lease, again).await?;
    tx.housekeep(Housekeeping::Leases).await
}

/// A hot run's place in the map.
struct Seat {
    run: RunId,
    hot: Hot,
    wake: Arc<Notify>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
        self.wake.notify_one();
    }
}
