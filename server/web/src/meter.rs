//! A meter of money: what is spent and held of a limit, as `_parts/meter.html` draws it.

use domain::Money;

/// The whole track, in tenths of a percent.
const WHOLE: i128 = 1_000;
/// From here on a meter warns, in tenths of a percent.
const NEAR: i128 = 800;
/// The least that is drawn of an amount above nothing, in tenths of a percent.
const LEAST: i128 = 4;

/// A meter, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meter {
    /// What is spent, in percent of the limit.
    pub(crate) spent: String,
    /// What is held, in percent of the limit; with `spent` at most 100.
    pub(crate) held: String,
    /// Nothing, `near` or `over`.
    pub(crate) level: &'static str,
    /// The same in words, for those who cannot see it.
    pub(crate) label: String,
}

impl Meter {
    /// The meter of what is spent and held of a limit. A limit of nothing is used up.
    pub(crate) fn of(spent: Money, held: Money, limit: Money) -> Self {
        let track = i128::from(limit.nanos());
        let part = |amount: i128| if track <= 0 { WHOLE } else { (amount.max(0) * WHOLE / track).min(WHOLE) };
        let drawn = |amount: Money| if amount > Money::ZERO { part(i128::from(amount.nanos())).max(LEAST) } else { 0 };
        let (spent_drawn, held_drawn) = if track <= 0 { (WHOLE, 0) } else { (drawn(spent), drawn(held)) };
        let used = part(i128::from(spent.nanos()) + i128::from(held.nanos()));
        let level = match used {
            WHOLE.. => "over",
            NEAR.. => "near",
            _ => "",
        };
        let left = limit.left_after(spent.saturating_add(held));
        Self {
            spent: percent(spent_drawn),
            held: percent(held_drawn.min(WHOLE - spent_drawn)),
            level,
            label: format!("{spent} of {limit} spent, {held} held, {left} left"),
        }
    }
}

fn percent(tenths: i128) -> String {
    if tenths % 10 == 0 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(spent: &str, held: &str, limit: &str) -> (String, String, &'static str) {
        let dollars = |text| Money::from_dollars(text).unwrap();
        let meter = Meter::of(dollars(spent), dollars(held), dollars(limit));
        (meter.spent, meter.held, meter.level)
    }

    #[test]
    fn a_meter_never_goes_over_its_track_and_never_hides_an_amount() {
        for (spent, held, limit, shown) in [
            ("31.84", "0.41", "50", ("63.6", "0.8", "")),
            ("8.60", "0.60", "10", ("86", "6", "near")),
            ("49.82", "0.18", "50", ("99.6", "0.4", "over")),
            ("60", "5", "50", ("100", "0", "over")),
            ("0.001", "0.001", "50", ("0.4", "0.4", "")),
            ("0", "0", "50", ("0", "0", "")),
            ("0", "0", "0", ("100", "0", "over")),
        ] {
            assert_eq!(meter(spent, held, limit), (shown.0.to_owned(), shown.1.to_owned(), shown.2), "{spent} {held} {limit}");
        }
        let words = Meter::of(Money::from_nanos(250_000_000), Money::ZERO, Money::from_nanos(1_000_000_000)).label;
        assert_eq!(words, "$0.2500 of $1.00 spent, $0.00 held, $0.7500 left");
    }
}
