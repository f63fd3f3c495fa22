//! The embedded driver: claims due runs by lease, drives each in a task of its own while it has something
//! to do, and keeps nothing in memory for a run that waits.
//!
//! A lease has an owner and a fence. The owner is this life of this process; the fence counts claims, so that
//! what a stopped or slow owner still writes is refused. On SQLite nobody else can hold a lease when a
//! process starts, so the leases of its last life are dropped at once; on PostgreSQL they run out.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use database::{
    Database, Engine, Housekeeping, Seated, Topic, Worker,
    leases::{self, Lease},
};
use domain::{Clock, Entropy, RunId, Timestamp};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError, mpsc, watch},
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
/// One seat in this many is kept for runs that were accepted elsewhere, or woke up: see [`Worker::reserve`].
const RESERVED: usize = 4;
/// The shortest pause: a lease of our own that looks out of date because the clock was moved is not ours to claim.
const SHORTEST: Duration = Duration::from_millis(5);
/// The pause after the database did not answer.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// A run whose task failed is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Leases that are ours and of which no task is known, since the last look.
type Strays = Mutex<HashSet<Lease>>;

type Hot = Arc<Mutex<HashMap<RunId, mpsc::UnboundedSender<Nudge>>>>;

/// The driver that lives in the server's own process.
pub struct Embedded<H: StepHost> {
    shared: Arc<Shared<H>>,
    settings: EmbeddedSettings,
    owner: String,
    hot: Hot,
    wake: Arc<Notify>,
    seats: Arc<Semaphore>,
    /// Whether nothing that is due waits for a seat.
    idle: Arc<AtomicBool>,
    strays: Strays,
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
            seats: Arc::new(Semaphore::new(settings.hot_runs)),
            idle: Arc::default(),
            strays: Strays::default(),
        }
    }

    /// As many seats as may be taken at once, and how many that are.
    fn free(&self) -> Option<(OwnedSemaphorePermit, u32)> {
        let free = u32::try_from(self.seats.available_permits().min(self.settings.claim)).ok().filter(|free| *free > 0)?;
        Some((Arc::clone(&self.seats).try_acquire_many_owned(free).ok()?, free))
    }

    /// Claims due runs for the seats given; when there are none, also says when the next will be.
    async fn claim(&self, seats: u32) -> Result<(Vec<Lease>, Option<Timestamp>), database::Error> {
        let now = self.shared.clock.now();
        let next = leases::next_due(&mut self.shared.database.system_read().await?).await?;
        if next.is_none_or(|at| at > now) {
            return Ok((Vec::new(), next));
        }
        let mut tx = self.shared.database.system().await?;
        let claimed = leases::claim(&mut tx, &self.owner, now, now.after(self.settings.lease), seats).await?;
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

    /// Renews every lease of ours and gives those that are strays for the second time: whoever accepted the run was
    /// stopped before it could tell us.
    async fn renew_all(&self) -> Result<Vec<Lease>, database::Error> {
        let until = self.shared.clock.now().after(self.settings.lease);
        let mut tx = self.shared.database.system().await?;
        let held = leases::renew(&mut tx, &self.owner, until).await?;
        tx.housekeep(Housekeeping::Leases).await?;
        let unknown: HashSet<Lease> = {
            let hot = self.hot.lock().unwrap_or_else(PoisonError::into_inner);
            held.into_iter().filter(|lease| !hot.contains_key(&lease.run)).collect()
        };
        let mut before = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let strays = unknown.intersection(&before).copied().collect();
        *before = unknown;
        Ok(strays)
    }

    /// Lets go of leases without a task: the runs are due at once.
    async fn release(&self, strays: Vec<Lease>) {
        for lease in strays {
            tracing::warn!(run = %lease.run, "{} was leased to this driver and nobody told it; the run is due again", lease.run);
            if let Err(error) = give_back(&self.shared.database, &self.owner, lease, self.shared.clock.now()).await {
                tracing::error!(run = %lease.run, %error, "the lease of {} could not be given back: {error}", lease.run);
            }
        }
        self.wake.notify_one();
    }

    fn start(&self, tasks: &mut JoinSet<()>, claimed: Lease, permit: OwnedSemaphorePermit) {
        let (nudges, nudged) = mpsc::unbounded_channel();
        let run = claimed.run;
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).insert(run, nudges);
        let seat =
            Seat { run, hot: Arc::clone(&self.hot), idle: Arc::clone(&self.idle), wake: Arc::clone(&self.wake), permit: Some(permit) };
        let shared = Arc::clone(&self.shared);
        let owner = self.owner.clone();
        tasks.spawn(async move {
            // Leaves the map and wakes the claimer however the task ends, a panic included.
            let _seat = seat;
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
            match self.renew_all().await {
                Ok(strays) if strays.is_empty() => {}
                Ok(strays) => self.release(strays).await,
                Err(error) => tracing::error!(%error, "leases could not be renewed: {error}"),
            }
        }
    }

    async fn claim_and_drive(&self, tasks: &mut JoinSet<()>, accepted: &mut mpsc::UnboundedReceiver<Seated>) {
        loop {
            while tasks.try_join_next().is_some() {}
            let pause = match self.free() {
                None => {
                    self.idle.store(false, Ordering::Relaxed);
                    LOOK
                }
                Some((mut permits, seats)) => match self.claim(seats).await {
                    Ok((claimed, _)) if !claimed.is_empty() => {
                        for run in claimed {
                            if let Some(permit) = permits.split(1) {
                                self.start(tasks, run, permit);
                            }
                        }
                        continue;
                    }
                    Ok((_, next)) => {
                        self.idle.store(true, Ordering::Relaxed);
                        next.map_or(LOOK, |at| at.since(self.shared.clock.now()).clamp(SHORTEST, LOOK))
                    }
                    Err(error) => {
                        tracing::error!(%error, "due runs could not be claimed: {error}");
                        AFTER_FAILURE
                    }
                },
            };
            self.rest(tasks, accepted, pause).await;
        }
    }

    /// Takes up what was accepted for us, until something else is due.
    async fn rest(&self, tasks: &mut JoinSet<()>, accepted: &mut mpsc::UnboundedReceiver<Seated>, pause: Duration) {
        let pause = tokio::time::sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                Some(Seated { lease, seat }) = accepted.recv() => {
                    while tasks.try_join_next().is_some() {}
                    self.start(tasks, lease, seat);
                }
                () = self.wake.notified() => return,
                () = &mut pause => return,
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
        let (runs, mut accepted) = mpsc::unbounded_channel();
        let employment = self.shared.database.employ(Worker {
            owner: self.owner.clone(),
            lease: self.settings.lease,
            seats: Arc::clone(&self.seats),
            reserve: self.settings.hot_runs / RESERVED,
            idle: Arc::clone(&self.idle),
            runs,
        });
        tokio::select! {
            () = self.claim_and_drive(&mut tasks, &mut accepted) => {}
            () = self.listen() => {}
            () = self.renew() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        drop(employment);
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

/// A hot run's place in the map and among the seats.
struct Seat {
    run: RunId,
    hot: Hot,
    idle: Arc<AtomicBool>,
    wake: Arc<Notify>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
        self.permit.take();
        // While nothing is due that waits for a seat, a free one interests nobody.
        if !self.idle.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }
}
