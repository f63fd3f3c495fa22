//! The time line of a run: where the bar of each step begins and how wide it is.
//!
//! Work is drawn to scale. Waiting, which may take days where work takes seconds, is drawn shorter when it would push the
//! work together: at most half as wide as all the work.

use std::time::Duration;

use domain::Timestamp;

/// The least width of a bar, in thousandths of the line: less cannot be seen.
const LEAST: u64 = 8;
/// Parts of one in which a weight is counted: fine enough for a year of waiting beside a millisecond of work.
const PARTS: u64 = 1_000_000_000_000;

/// One bar (`templates/_parts/step_row.html`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) kind: &'static str,
    pub(super) x: String,
    pub(super) width: String,
}

/// When a step was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Whether somebody else was waited for.
    pub(super) waits: bool,
}

impl Span {
    /// How long.
    pub(super) fn length(self) -> Duration {
        self.to.since(self.from)
    }
}

/// A line from the first moment of a run to the last.
pub(super) struct Timeline {
    from: Timestamp,
    work: Vec<Span>,
    /// What a microsecond of waiting counts, in parts of one of work.
    waiting_weight: u64,
    total: u64,
}

impl Timeline {
    /// A line over these spans, from `from` to `to`.
    pub(super) fn new(from: Timestamp, to: Timestamp, spans: impl Iterator<Item = Span>) -> Self {
        let mut work: Vec<Span> = spans.filter(|span| !span.waits).collect();
        work.sort_by_key(|span| span.from);
        let mut line = Self { from, work, waiting_weight: PARTS, total: 0 };
        let (worked, all) = (line.worked_until(to), micros(to.since(from)));
        let waited = all.saturating_sub(worked);
        let most = worked / 2;
        if worked > 0 && waited > most {
            // Rounded down, so that very long waits do not get more than their share.
            line.waiting_weight = u64::try_from(u128::from(most) * u128::from(PARTS) / u128::from(waited)).unwrap_or(PARTS);
        }
        line.total = line.at(to).max(1);
        line
    }

    fn worked_until(&self, moment: Timestamp) -> u64 {
        let mut reached = self.from;
        let mut worked = 0_u64;
        for span in &self.work {
            let (from, to) = (span.from.max(reached), span.to.min(moment));
            if to > from {
                worked = worked.saturating_add(micros(to.since(from)));
                reached = to;
            }
        }
        worked
    }

    /// How far along the line a moment is.
    fn at(&self, moment: Timestamp) -> u64 {
        let worked = self.worked_until(moment);
        let waited = micros(moment.since(self.from)).saturating_sub(worked);
        let waiting = u128::from(waited) * u128::from(self.waiting_weight) / u128::from(PARTS);
        worked.saturating_add(u64::try_from(waiting).unwrap_or(u64::MAX))
    }

    /// The bar of a span.
    pub(super) fn bar(&self, span: Span) -> Bar {
        let thousandths = |moment| u64::try_from(u128::from(self.at(moment)) * 1_000 / u128::from(self.total)).unwrap_or(1_000).min(1_000);
        let from = thousandths(span.from).min(1_000 - LEAST);
        let width = thousandths(span.to).saturating_sub(from).max(LEAST);
        let percent = |thousandths: u64| format!("{}.{}", thousandths / 10, thousandths % 10);
        Bar { kind: if span.waits { "waits" } else { "works" }, x: percent(from), width: percent(width) }
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn span(from: i64, to: i64, waits: bool) -> Span {
        Span { from: at(from), to: at(to), waits }
    }

    fn bars(spans: &[Span], to: i64) -> Vec<(String, String)> {
        let line = Timeline::new(at(0), at(to), spans.iter().copied());
        spans.iter().map(|span| line.bar(*span)).map(|bar| (bar.x, bar.width)).collect()
    }

    #[test]
    fn work_is_drawn_to_scale() {
        assert_eq!(bars(&[span(0, 1, false), span(1, 4, false)], 4), [("0.0".into(), "25.0".into()), ("25.0".into(), "75.0".into())]);
    }

    #[test]
    fn days_of_waiting_take_a_third_of_the_line() {
        let bars = bars(&[span(0, 4, false), span(4, 260_004, true), span(260_004, 260_008, false)], 260_008);
        let width = |index: usize| bars[index].1.parse::<f64>().unwrap();
        assert!((33.0..35.0).contains(&width(0)) && (30.0..34.0).contains(&width(1)) && (33.0..35.0).contains(&width(2)), "{bars:?}");
    }

    #[test]
    fn every_bar_can_be_seen_and_none_leaves_the_line() {
        for (x, width) in bars(&[span(0, 0, false), span(0, 100, false), span(100, 100, false)], 100) {
            let (x, width): (f64, f64) = (x.parse().unwrap(), width.parse().unwrap());
            assert!(width >= 0.8 && x + width <= 100.0, "{x} {width}");
        }
        assert_eq!(bars(&[span(0, 0, true)], 0), [("0.0".to_owned(), "0.8".to_owned())]);
    }
}
