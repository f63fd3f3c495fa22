//! Limits of what may be spent, and the stretches of time that they hold for.

use std::{fmt, str::FromStr};

use crate::{Money, Timestamp};

/// For how long a limit holds before what is spent is counted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// An hour of the clock.
    Hour,
    /// A day, from midnight.
    Day,
    /// A week, from Monday.
    Week,
    /// A month, from its first day.
    Month,
    /// For ever: it is never counted anew.
    Total,
}

/// The limits of one account. All of them hold together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of an hour.
    pub hour: Option<Money>,
    /// Of a day.
    pub day: Option<Money>,
    /// Of a week.
    pub week: Option<Money>,
    /// Of a month.
    pub month: Option<Money>,
    /// Of everything.
    pub total: Option<Money>,
}

/// One period in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// How long it is.
    pub period: Period,
    /// Its first moment.
    pub starts_at: Timestamp,
    /// The first moment after it.
    pub ends_at: Timestamp,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Total];
    /// Those that come again, the shortest first.
    pub const RECURRING: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Its name in forms, documents and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Period {
    type Err = UnknownPeriod;

    fn from_str(text: &str) -> Result<Self, UnknownPeriod> {
        Self::ALL.into_iter().find(|period| period.name() == text).ok_or(UnknownPeriod)
    }
}

/// A text that names no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPeriod;

impl fmt::Display for UnknownPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a period is hour, day, week, month or total")
    }
}

impl std::error::Error for UnknownPeriod {}

impl Limits {
    /// The limit of a period.
    pub const fn of(&self, period: Period) -> Option<Money> {
        match period {
            Period::Hour => self.hour,
            Period::Day => self.day,
            Period::Week => self.week,
            Period::Month => self.month,
            Period::Total => self.total,
        }
    }

    /// The same with another limit for one period.
    #[must_use]
    pub const fn with(mut self, period: Period, limit: Option<Money>) -> Self {
        match period {
            Period::Hour => self.hour = limit,
            Period::Day => self.day = limit,
            Period::Week => self.week = limit,
            Period::Month => self.month = limit,
            Period::Total => self.total = limit,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_has_a_name_and_a_limit_of_its_own() {
        for (nanos, period) in Period::ALL.into_iter().enumerate() {
            assert_eq!(period.name().parse(), Ok(period));
            let limit = Some(Money::from_nanos(nanos as i64));
            let limits = Limits::default().with(period, limit);
            assert_eq!(limits.of(period), limit);
            assert_eq!(limits.with(period, None), Limits::default());
        }
        assert_eq!("year".parse::<Period>(), Err(UnknownPeriod));
    }
}
