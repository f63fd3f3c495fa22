//! Whether this node can do its work now: what a load balancer asks before it sends anybody here.

use std::time::Duration;

use crate::{Platform, Result};

pub use database::{Backlog, ClockOffset};

/// How far this node's clock may be from the database's. Leases last 10 s and are counted in the time of whoever holds them: a
/// node that is far off takes runs from others too early, or lets others wait.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Why this node cannot do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// The database takes no writes, or does not answer.
    #[error("the database takes no writes: {0}")]
    Database(#[from] database::Error),
    /// The clocks are too far apart.
    #[error(
        "the clock of this machine is {:.1} s {} the database's, and at most {} s are allowed: set both by the same time server",
        .0.apart.as_secs_f64(),
        if .0.is_ahead { "ahead of" } else { "behind" },
        CLOCK_TOLERANCE.as_secs(),
    )]
    Clock(ClockOffset),
}

/// Refuses clocks that are too far apart.
///
/// # Errors
/// [`Unready::Clock`].
pub fn check_clock(offset: Option<ClockOffset>) -> Result<(), Unready> {
    match offset {
        Some(offset) if offset.apart >= CLOCK_TOLERANCE => Err(Unready::Clock(offset)),
        _ => Ok(()),
    }
}

impl Platform {
    /// Whether the database takes writes and agrees about the time.
    ///
    /// # Errors
    /// Why not.
    pub async fn readiness(&self) -> Result<(), Unready> {
        let database = &self.parts().database;
        database.probe().await?;
        check_clock(database.clock_offset().await?)
    }

    /// How far this node's clock is from the database's; `None` where there is one clock.
    pub async fn clock_offset(&self) -> Result<Option<ClockOffset>> {
        Ok(self.parts().database.clock_offset().await?)
    }

    /// What waits over all tenants, as numbers alone.
    pub async fn backlog(&self) -> Result<Backlog> {
        Ok(self.parts().database.backlog().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_two_seconds_off_is_refused_and_says_which_way() {
        let offset = |millis, is_ahead| Some(ClockOffset { apart: Duration::from_millis(millis), is_ahead });
        assert_eq!(check_clock(None), Ok(()));
        assert_eq!(check_clock(offset(1_999, true)), Ok(()));
        let ahead = check_clock(offset(2_000, true)).unwrap_err().to_string();
        assert!(ahead.contains("2.0 s ahead of the database's"), "{ahead}");
        let behind = check_clock(offset(90_000, false)).unwrap_err().to_string();
        assert!(behind.contains("90.0 s behind the database's"), "{behind}");
    }
}
