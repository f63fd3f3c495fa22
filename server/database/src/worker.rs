//! The driver of this process, as far as a transaction that accepts a run has to know it.
//!
//! A run that is accepted where a driver has room is leased to it in the commit that accepts it: nobody has to look for
//! it, claim it and make the claim durable. The lease is one like any other: who dies leaves it to run out, and a driver
//! that is not told of it, because whoever accepted the run went away at the wrong moment, finds it when it renews.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{RunId, TenantId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::leases::{FIRST_FENCE, Lease};

/// A driver that takes runs as they are accepted.
#[derive(Clone)]
pub struct Worker {
    /// Its name, under which it holds leases.
    pub owner: String,
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// One permit for each run it has room for.
    pub seats: Arc<Semaphore>,
    /// Seats that are not given to new runs: those that are due from before have waited longer, tenants in turn.
    pub reserve: usize,
    /// Whether nothing that is due waits for it. While something does, a new run waits behind it.
    pub idle: Arc<AtomicBool>,
    /// Where it is told of runs.
    pub runs: mpsc::UnboundedSender<Seated>,
}

/// A run that was leased as it was accepted, and its place at the driver.
pub struct Seated {
    /// The lease.
    pub lease: Lease,
    /// Given back when the run rests.
    pub seat: OwnedSemaphorePermit,
}

/// The driver of this process, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Workplace(Arc<Mutex<Option<Worker>>>);

/// Ends the work of a driver when it is dropped: runs that are accepted from then on are claimed by whoever comes.
#[must_use = "the driver takes runs for as long as this lives"]
pub struct Employment {
    workplace: Workplace,
    owner: String,
}

impl Drop for Employment {
    fn drop(&mut self) {
        let mut worker = self.workplace.0.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.as_ref().is_some_and(|worker| worker.owner == self.owner) {
            *worker = None;
        }
    }
}

/// A place at the driver that a transaction reserved for a run that it accepts.
pub(crate) struct Seating {
    worker: Worker,
    seated: Seated,
    until: Timestamp,
}

impl Workplace {
    pub(crate) fn employ(&self, worker: Worker) -> Employment {
        let owner = worker.owner.clone();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Employment { workplace: self.clone(), owner }
    }

    /// A place for a run that is new, if the driver has room and nothing waits.
    pub(crate) fn seat(&self, tenant: TenantId, run: RunId, now: Timestamp) -> Option<Seating> {
        let worker = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        if !worker.idle.load(Ordering::Relaxed) || worker.seats.available_permits() <= worker.reserve {
            return None;
        }
        let seat = Arc::clone(&worker.seats).try_acquire_owned().ok()?;
        let until = now.after(worker.lease);
        Some(Seating { worker, seated: Seated { lease: Lease { tenant, run, fence: FIRST_FENCE }, seat }, until })
    }
}

impl Seating {
    /// Who holds the lease.
    pub(crate) fn owner(&self) -> &str {
        &self.worker.owner
    }

    /// When the lease ends, unless it is renewed.
    pub(crate) const fn until(&self) -> Timestamp {
        self.until
    }

    /// Tells the driver. Called after the commit and never before.
    pub(crate) fn tell(self) {
        // A driver that has just ended lets the lease run out, or gives it back by its name.
        drop(self.worker.runs.send(self.seated));
    }
}
