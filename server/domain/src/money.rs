//! Money: whole nano-dollars (10⁻⁹ US dollars) in an `i64`. Never a float; every sum is checked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of US dollars in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

/// Nano-dollars in a dollar.
pub const NANOS: i64 = 1_000_000_000;

/// The text is not an amount, or is finer than a nano-dollar, negative or too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an amount of US dollars such as 12.50 with at most nine decimals")]
pub struct NotMoney;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that can be expressed, about 9.2 thousand million dollars.
    pub const MAX: Self = Self(i64::MAX);

    /// That many nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum, or `None` past the largest amount.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` past the smallest amount.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum, stopping at the largest amount: for ceilings, where more than the maximum is the maximum.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// So much for each of `count`; `None` when that is more than can be written.
    pub fn times(self, count: u64) -> Option<Self> {
        i64::try_from(count).ok().and_then(|count| self.0.checked_mul(count)).map(Self)
    }

    /// The difference, but never below nothing: what is left.
    #[must_use]
    pub fn left_after(self, used: Self) -> Self {
        Self(self.0.saturating_sub(used.0).max(0))
    }

    /// What `units` cost at `per_million` for a million, rounded up to the next nano-dollar;
    /// `None` when it cannot be expressed.
    pub fn for_units(units: u64, per_million: Self) -> Option<Self> {
        let exact = i128::from(units).checked_mul(i128::from(per_million.0))?;
        i64::try_from(exact.checked_add(999_999)?.div_euclid(1_000_000)).ok().map(Self)
    }

    /// Reads dollars written as digits with at most nine decimals; never negative.
    pub fn from_dollars(text: &str) -> Result<Self, NotMoney> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
            return Err(NotMoney);
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| NotMoney)? };
        let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| NotMoney)?;
        whole.checked_mul(NANOS).and_then(|dollars| dollars.checked_add(nanos)).map(Self).ok_or(NotMoney)
    }

    /// All nine decimals are kept but trailing zeros: `12.5`, the form that [`Money::from_dollars`] reads.
    pub fn to_dollars(self) -> String {
        let text = format!("{}.{:09}", self.0 / NANOS, (self.0 % NANOS).unsigned_abs());
        let text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
        if self.0 < 0 && !text.starts_with('-') { format!("-{text}") } else { text }
    }
}

impl fmt::Display for Money {
    /// For people: `$1,234.50` from a dollar up, `$0.0031` below, more decimals where four would
    /// show nothing. Rounded to the nearest, as only sums that are shown are rounded this way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let decimals: u32 = match amount {
            0 | 1_000_000_000.. => 2,
            100_000.. => 4,
            1_000.. => 6,
            _ => 9,
        };
        let unit = 10_u64.pow(9 - decimals);
        let rounded = amount.saturating_add(unit / 2) / unit;
        let scale = 10_u64.pow(decimals);
        let whole = (rounded / scale).to_string();
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        write!(f, "{sign}${grouped}.{:0width$}", rounded % scale, width = decimals as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_exactly() {
        for (text, nanos) in [("0.25", 250_000_000), ("12", 12 * NANOS), (".000000001", 1), ("3.", 3 * NANOS)] {
            assert_eq!(Money::from_dollars(text).unwrap().nanos(), nanos, "{text}");
        }
        for wrong in ["", ".", "-1", "1e3", "0.0000000001", "1,000", "99999999999999", "NaN"] {
            assert!(Money::from_dollars(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_charge_is_rounded_up() {
        assert_eq!(Money::for_units(1, Money::from_nanos(1)).unwrap(), Money::from_nanos(1));
        assert_eq!(Money::for_units(0, Money::from_nanos(5)).unwrap(), Money::ZERO);
        assert_eq!(Money::for_units(1_000_000, Money::from_nanos(7)).unwrap(), Money::from_nanos(7));
        assert_eq!(Money::for_units(u64::MAX, Money::MAX), None);
    }

    #[test]
    fn people_read_two_decimals_or_what_matters() {
        for (nanos, text) in [
            (0, "$0.00"),
            (3_100_000, "$0.0031"),
            (250_000_000, "$0.2500"),
            (1_234_567_890_000, "$1,234.57"),
            (31_840_000_000, "$31.84"),
            (1, "$0.000000001"),
            (52_000, "$0.000052"),
        ] {
            assert_eq!(Money::from_nanos(nanos).to_string(), text);
        }
    }
}
