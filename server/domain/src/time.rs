//! Time: microseconds since 1970 in UTC. Zones exist only at the edges.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many microseconds after 1970 began.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 began.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment and a while later; stops at the end of representable time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment less a while.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; nothing when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Year, month, day, hour, minute, second and microsecond in UTC.
    pub fn civil(self) -> Civil {
        let seconds = self.0.div_euclid(1_000_000);
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_index + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micro: self.0.rem_euclid(1_000_000),
            // 1970-01-01 was a Thursday; Monday is 0.
            weekday: (days + 3).rem_euclid(7),
        }
    }
}

/// A moment taken apart, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year of the common era.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59; leap seconds do not exist in this time scale.
    pub second: i64,
    /// 0 to 999,999.
    pub micro: i64,
    /// 0 is Monday, 6 is Sunday.
    pub weekday: i64,
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds, always of the same length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, micro, .. } = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tells the time. Everything that needs it is handed one.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Registers something to be called when the clock was moved by hand, so that sleepers look at
    /// it again. Clocks that only ever tick need not call it.
    fn on_jump(&self, _notify: Box<dyn Fn() + Send + Sync>) {}
}

/// A clock that stands still until it is moved: tests and demonstrations.
pub struct ManualClock {
    now: AtomicI64,
    listeners: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self { now: AtomicI64::new(start.micros()), listeners: Mutex::default() }
    }

    /// Moves the clock forward and tells whoever listens.
    pub fn advance(&self, by: Duration) {
        self.move_by(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Moves the clock back, as a faulty one would, and tells whoever listens.
    pub fn set_back(&self, by: Duration) {
        self.move_by(-i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    fn move_by(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::SeqCst);
        for notify in self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            notify();
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::SeqCst))
    }

    fn on_jump(&self, notify: Box<dyn Fn() + Send + Sync>) {
        self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(notify);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_795_257_663_112_000, "2026-11-21T10:41:03.112000Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
        }
    }

    #[test]
    fn the_first_of_january_1970_was_a_thursday() {
        assert_eq!(Timestamp::from_micros(0).civil().weekday, 3);
    }
}
