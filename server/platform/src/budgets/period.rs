//! When a period begins and ends: by the clock and the calendar of the tenant's time zone, whose days have 23 to 25 hours.
//!
//! The zones are in the program, so that every node and every machine has the same.

use domain::{Period, Span, Timestamp};
use jiff::{
    ToSpan, ZonedDateTime,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A time zone.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    zone: TimeZone,
    name: String,
}

/// One period, and what it is called: two moments of one period give the same name, and no later period has it.
pub(crate) type Named = (Span, String);

impl Zone {
    /// The zone with a name of the IANA database such as `Europe/Berlin`, in whatever case; nothing when there is none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown())?;
        let name = zone.iana_name()?.to_owned();
        Some(Self { zone, name })
    }

    /// Its name as the database writes it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The periods that a moment is in, the shortest first; nothing for a moment that no calendar reaches.
    pub(crate) fn periods(&self, at: Timestamp) -> Option<[Named; 4]> {
        let here = self.here(at)?;
        let (date, time) = (here.date(), here.time());
        let into_hour =
            (i64::from(time.minute()) * 60 + i64::from(time.second())) * 1_000_000 + i64::from(time.subsec_nanosecond()) / 1_000;
        let hour = Timestamp::from_micros(at.micros() - into_hour);
        // An hour that comes twice when clocks are set back is two: its name is a moment of UTC.
        let of_hour = hour.to_string().get(..16).map(|text| format!("{text}Z"))?;
        let ends_at = Timestamp::from_micros(hour.micros().checked_add(MICROS_PER_HOUR)?);
        let monday = date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).ok()?;
        let first = date.first_of_month();
        Some([
            (Span { period: Period::Hour, starts_at: hour, ends_at }, of_hour),
            (self.span(Period::Day, date, date.tomorrow().ok()?)?, date.to_string()),
            (self.span(Period::Week, monday, monday.checked_add(7.days()).ok()?)?, monday.to_string()),
            (self.span(Period::Month, first, first.checked_add(1.month()).ok()?)?, first.to_string().get(..7)?.to_owned()),
        ])
    }

    /// A moment for people: `Wed 2 Dec 2026, 00:00 in Europe/Berlin`.
    pub(crate) fn words(&self, at: Timestamp) -> String {
        match self.here(at) {
            Some(here) => format!("{} in {}", here.strftime("%a %-d %b %Y, %H:%M"), self.name),
            None => at.to_string(),
        }
    }

    fn here(&self, at: Timestamp) -> Option<ZonedDateTime> {
        Some(jiff::Timestamp::from_microsecond(at.micros()).ok()?.to_zoned_datetime(self.zone.clone()))
    }

    fn span(&self, period: Period, from: Date, to: Date) -> Option<Span> {
        // The first moment of a day is not midnight where clocks are set forward at midnight.
        let first = |date: Date| Some(Timestamp::from_micros(date.to_zoned_datetime(self.zone.clone()).ok()?.timestamp().as_microsecond()));
        Some(Span { period, starts_at: first(from)?, ends_at: first(to)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn check(zone: &str, moment: &str, expected: [(&str, &str, &str); 4]) {
        let periods = Zone::named(zone).unwrap().periods(at(moment)).unwrap();
        let told = periods.map(|(span, name)| (name, span.starts_at, span.ends_at));
        assert_eq!(told, expected.map(|(name, from, to)| (name.to_owned(), at(from), at(to))), "{moment} in {zone}");
    }

    #[test]
    fn periods_begin_by_the_clock_and_calendar_of_the_zone() {
        check(
            "UTC",
            "2026-12-01T05:10:11.5Z",
            [
                ("2026-12-01T05:00Z", "2026-12-01T05:00:00Z", "2026-12-01T06:00:00Z"),
                ("2026-12-01", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"),
                ("2026-11-30", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"),
                ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ],
        );
        check(
            "Asia/Kolkata",
            "2026-12-31T19:00:00Z",
            [
                ("2026-12-31T18:30Z", "2026-12-31T18:30:00Z", "2026-12-31T19:30:00Z"),
                ("2027-01-01", "2026-12-31T18:30:00Z", "2027-01-01T18:30:00Z"),
                ("2026-12-28", "2026-12-27T18:30:00Z", "2027-01-03T18:30:00Z"),
                ("2027-01", "2026-12-31T18:30:00Z", "2027-01-31T18:30:00Z"),
            ],
        );
    }

    #[test]
    fn a_day_has_the_hours_that_it_has() {
        let day = |zone: &str, moment: &str| {
            let (span, name) = Zone::named(zone).unwrap().periods(at(moment)).unwrap()[1].clone();
            (name, span.ends_at.since(span.starts_at).as_secs() / 3_600)
        };
        assert_eq!(day("Europe/Berlin", "2026-03-29T10:00:00Z"), ("2026-03-29".to_owned(), 23));
        assert_eq!(day("Europe/Berlin", "2026-10-25T10:00:00Z"), ("2026-10-25".to_owned(), 25));
        // Clocks go from 23:59:59 to 01:00:00 there.
        assert_eq!(day("Africa/Cairo", "2026-04-24T10:00:00Z"), ("2026-04-24".to_owned(), 23));
        let hours = |moment: &str| Zone::named("Europe/Berlin").unwrap().periods(at(moment)).unwrap()[0].1.clone();
        assert_ne!(hours("2026-10-25T00:30:00Z"), hours("2026-10-25T01:30:00Z"), "both are between two and three");
    }

    #[test]
    fn one_period_ends_where_the_next_one_begins() {
        for name in ["UTC", "Europe/Berlin", "America/St_Johns", "Africa/Cairo", "Pacific/Apia"] {
            let zone = Zone::named(name).unwrap();
            let mut moment = at("2026-03-20T00:00:00Z");
            while moment < at("2026-11-05T00:00:00Z") {
                let periods = zone.periods(moment).unwrap();
                for (index, (span, called)) in periods.iter().enumerate() {
                    assert!(span.starts_at <= moment && moment < span.ends_at, "{moment} {called}");
                    let (next, other) = zone.periods(span.ends_at).unwrap()[index].clone();
                    assert_eq!(next.starts_at, span.ends_at, "{name}: {called} and {other}");
                    assert_ne!(called, &other);
                }
                moment = periods[1].0.ends_at;
            }
        }
    }

    #[test]
    fn a_zone_has_a_name_and_an_unknown_one_is_none() {
        assert_eq!(Zone::named("europe/berlin").unwrap().name(), "Europe/Berlin");
        for wrong in ["", "Mars", "Etc/Unknown", "+01:00", "../UTC"] {
            assert!(Zone::named(wrong).is_none(), "{wrong}");
        }
        let words = Zone::named("Europe/Berlin").unwrap().words(at("2026-12-01T23:00:00Z"));
        assert_eq!(words, "Wed 2 Dec 2026, 00:00 in Europe/Berlin");
        assert!(Zone::named("UTC").unwrap().periods(Timestamp::from_micros(i64::MAX)).is_none());
    }
}
