//! Places in the way to a durable commit where a test can make the house fall over.
//!
//! Without the feature `crash-points` there is nothing here but empty functions: a release cannot be made to crash.

use crate::error::Error;

/// A place in the life of one group of changes, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitPoint {
    /// The transaction has begun, nothing is written.
    Begun,
    /// The changes are written, the audit rows are not.
    Changed,
    /// Everything is written, nothing is durable.
    BeforeCommit,
    /// Everything is durable, nobody was told.
    AfterCommit,
}

impl CommitPoint {
    /// Every place, in order.
    pub const ALL: &'static [Self] = &[Self::Begun, Self::Changed, Self::BeforeCommit, Self::AfterCommit];
}

/// What happens at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Go,
    /// The step fails, as when a disk is full; the database goes on. After the commit nothing can fail: it is passed.
    Fail,
    /// The process is dead from here on: nothing that follows happens, and nobody gets an answer but an error.
    Die,
}

/// Decides what happens at a place.
#[cfg(feature = "crash-points")]
pub type CrashPoints = std::sync::Arc<dyn Fn(CommitPoint) -> Fate + Send + Sync>;

/// Why a group ended early.
pub(crate) enum Broken {
    /// It failed; nothing of it is durable.
    Failed(Error),
    /// A crash point ended everything.
    #[cfg_attr(not(feature = "crash-points"), expect(dead_code, reason = "only a crash point makes one"))]
    Dead,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The crash points of one database.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    #[cfg(feature = "crash-points")]
    points: Option<CrashPoints>,
    #[cfg(feature = "crash-points")]
    dead: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

#[cfg(feature = "crash-points")]
impl Faults {
    pub(crate) fn new(points: Option<CrashPoints>) -> Self {
        Self { points, dead: std::sync::Arc::default() }
    }

    /// Passes a place, unless something happens there.
    pub(crate) fn reach(&self, point: CommitPoint) -> Result<(), Broken> {
        match self.points.as_ref().map_or(Fate::Go, |decide| decide(point)) {
            Fate::Go => Ok(()),
            Fate::Fail if point == CommitPoint::AfterCommit => Ok(()),
            Fate::Fail => Err(Broken::Failed(Error::unavailable(format!("a crash point failed the group at {point:?}")))),
            Fate::Die => {
                self.dead.store(true, std::sync::atomic::Ordering::SeqCst);
                Err(Broken::Dead)
            }
        }
    }

    /// Refuses everything after a death.
    pub(crate) fn alive(&self) -> Result<(), Error> {
        if self.dead.load(std::sync::atomic::Ordering::SeqCst) {
            Err(Error::unavailable("the process died at a crash point"))
        } else {
            Ok(())
        }
    }
}

#[cfg(not(feature = "crash-points"))]
impl Faults {
    /// Passes a place.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same signature as with the feature")]
    pub(crate) const fn reach(&self, _: CommitPoint) -> Result<(), Broken> {
        Ok(())
    }

    /// Refuses nothing.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same signature as with the feature")]
    pub(crate) const fn alive(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Broken {
    /// The error that whoever waits gets.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Dead => Error::unavailable("the process died at a crash point"),
        }
    }
}
