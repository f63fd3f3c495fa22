//! Password hashing beside a server's other work: a bounded number at a time, a bounded number waiting.
//!
//! One hash keeps a core busy and 19 MiB of memory filled; without bounds a few hundred sign-ins
//! would stop every other page.

use std::{fmt, sync::Arc, thread::available_parallelism};

use domain::{Entropy, Secret};
use tokio::{
    sync::{Semaphore, TryAcquireError},
    task::spawn_blocking,
};

use crate::password::{PasswordRefused, Passwords};

/// The most that wait for their turn, unless another number is given.
pub const QUEUE: usize = 20;

/// Why nothing was hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// Too many are waiting already.
    #[error("Too many passwords are being checked just now. Try again in a few seconds.")]
    Busy,
    /// The password cannot be hashed.
    #[error(transparent)]
    Refused(#[from] PasswordRefused),
    /// The worker came to no end; not known to happen.
    #[error("The password could not be checked. Try again.")]
    Lost,
}

/// Hashes and verifies passwords on a bounded number of threads of tokio's blocking pool.
#[derive(Clone)]
pub struct HashingPool {
    passwords: Passwords,
    entropy: Arc<dyn Entropy>,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl HashingPool {
    /// As many at a time as the machine has cores, and [`QUEUE`] waiting.
    pub fn new(passwords: Passwords, entropy: Arc<dyn Entropy>) -> Self {
        Self::with_limits(passwords, entropy, available_parallelism().map_or(1, std::num::NonZero::get), QUEUE)
    }

    /// `workers` at a time (at least one), and `queue` waiting.
    pub fn with_limits(passwords: Passwords, entropy: Arc<dyn Entropy>, workers: usize, queue: usize) -> Self {
        let workers = workers.max(1);
        Self {
            passwords,
            entropy,
            admitted: Arc::new(Semaphore::new(workers.saturating_add(queue).min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(workers.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Hashes a password for storing.
    ///
    /// # Errors
    /// [`HashingError::Busy`] at once when the queue is full; else as [`Passwords::hash`].
    pub async fn hash(&self, password: Secret) -> Result<String, HashingError> {
        let entropy = Arc::clone(&self.entropy);
        Ok(self.run(move |passwords| passwords.hash(&password, &*entropy)).await??)
    }

    /// Whether the password is the one that was stored. `None` stands for a person that does not
    /// exist, or has no password: false, after the same time.
    ///
    /// # Errors
    /// [`HashingError::Busy`] at once when the queue is full.
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> Result<bool, HashingError> {
        self.run(move |passwords| match stored {
            Some(stored) => passwords.verify(&password, &stored),
            None => passwords.verify_dummy(&password),
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Passwords) -> T + Send + 'static) -> Result<T, HashingError> {
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => HashingError::Busy,
            TryAcquireError::Closed => HashingError::Lost,
        })?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| HashingError::Lost)?;
        let passwords = self.passwords.clone();
        spawn_blocking(move || {
            // Both are held by the work itself: whoever stops waiting for the answer does not make
            // room for more work before this one is done.
            let _held = (place, turn);
            work(&passwords)
        })
        .await
        .map_err(|_| HashingError::Lost)
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashingPool({} of its places free)", self.admitted.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use domain::entropy::SeededEntropy;

    use super::*;
    use crate::keyring::Keyring;

    fn pool(workers: usize, queue: usize) -> HashingPool {
        let entropy = Arc::new(SeededEntropy::new(1));
        HashingPool::with_limits(Passwords::new(&Keyring::generate(&*entropy)), entropy, workers, queue)
    }

    #[tokio::test]
    async fn what_was_hashed_verifies_and_nobody_has_no_password() {
        let pool = pool(1, 1);
        let stored = pool.hash(Secret::new("violet harbour")).await.unwrap();
        assert_eq!(pool.verify(Secret::new("violet harbour"), Some(stored.clone())).await, Ok(true));
        assert_eq!(pool.verify(Secret::new("violet harbor"), Some(stored)).await, Ok(false));
        assert_eq!(pool.verify(Secret::new("violet harbour"), None).await, Ok(false));
        let refused = pool.hash(Secret::new("x".repeat(1025))).await;
        assert_eq!(refused, Err(HashingError::Refused(PasswordRefused::TooLong)));
    }

    #[tokio::test]
    async fn one_more_than_can_wait_is_refused_at_once_and_the_rest_are_served() {
        let pool = pool(1, 1);
        let (release, held) = mpsc::channel::<()>();
        // join! polls in order: the first takes the only turn, the second waits, the third is one too many.
        let (first, second, third) = tokio::join!(pool.run(move |_| held.recv().is_ok()), pool.run(|_| 2), async {
            let refused = pool.run(|_| 3).await;
            release.send(()).unwrap();
            refused
        });
        assert_eq!((first, second, third), (Ok(true), Ok(2), Err(HashingError::Busy)));
        assert_eq!(pool.run(|_| 4).await, Ok(4), "there is room again");
    }

    #[tokio::test]
    async fn whoever_stops_waiting_does_not_make_room_before_the_work_is_done() {
        let pool = pool(1, 0);
        let (release, held) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let task = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move |_| {
                    let _ = started.send(());
                    held.recv()
                })
                .await
            }
        });
        has_started.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(pool.run(|_| ()).await, Err(HashingError::Busy));
        release.send(()).unwrap();
        drop(pool.admitted.acquire().await.unwrap());
        assert_eq!(pool.run(|_| ()).await, Ok(()));
    }
}
