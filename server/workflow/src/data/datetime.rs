//! `core.datetime`: moments, in UTC or in a zone of the IANA database.
//!
//! A moment is what it is for the filters: a text of RFC 3339, a date, or a number of microseconds since 1970; what
//! comes out of `add` and `subtract` is of the kind that went in. Everything is UTC unless `zone` says otherwise: then
//! a date is its first moment there, days and months are counted on its calendar, and a text without an offset is
//! its time. A time that a change of clocks leaves out, or gives twice, is refused rather than guessed.
//!
//! The database is part of the program, so that every machine knows the same zones and a replay the same offsets.

use jiff::{
    Span, Timestamp, Unit, ZonedDateTime,
    civil::DateTime,
    fmt::strtime::BrokenDownTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde_json::Value;

use super::Arguments;
use crate::{
    core::render::Trouble,
    expression::{Moment, formatted, percent_letters},
};

/// The usual format: RFC 3339 with the offset of the zone.
const RFC_3339: &str = "%Y-%m-%dT%H:%M:%S.%f%:z";

/// The zone of that name; without one, a name that was perhaps meant.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Option<String>> {
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let names: Vec<String> = database.available().map(|known| known.as_str().to_owned()).collect();
        crate::parse::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
    })
}

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let zone = match arguments.optional("zone")? {
        None => None,
        Some(Value::String(name)) => Some(zone(&name).map_err(|_| arguments.wrong("`zone`", "is no IANA time zone"))?),
        Some(other) => return Err(arguments.unfit("zone", "the name of a time zone", &other)),
    };
    let zone = zone.as_ref();
    match arguments.word("operation") {
        Some("now") => {
            let now = moment(arguments, "now", &arguments.say("now()", &[])?)?;
            format(arguments, now.micros, zone)
        }
        Some("parse") => parse(arguments, zone),
        Some("format") => {
            let at = moment(arguments, "input", &arguments.value("input")?)?;
            format(arguments, start(arguments, at, zone)?, zone)
        }
        Some("add") => shift(arguments, zone, 1),
        Some("subtract") => shift(arguments, zone, -1),
        Some("diff") => diff(arguments, zone),
        _ => Err(arguments.wrong("`operation`", "is missing")),
    }
}

fn moment(arguments: &Arguments<'_>, name: &str, value: &Value) -> Result<Moment, Trouble> {
    Moment::of(value).map_err(|why| arguments.wrong(&format!("`{name}`:"), why))
}

/// The microseconds of a moment; of a date those of its first moment in the zone.
fn start(arguments: &Arguments<'_>, moment: Moment, zone: Option<&TimeZone>) -> Result<i64, Trouble> {
    match zone {
        Some(zone) if moment.is_day() => {
            let utc = zoned(arguments, moment.micros, &TimeZone::UTC)?;
            local(arguments, utc.datetime(), zone)
        }
        _ => Ok(moment.micros),
    }
}

fn zoned(arguments: &Arguments<'_>, micros: i64, zone: &TimeZone) -> Result<ZonedDateTime, Trouble> {
    let at = Timestamp::from_microsecond(micros).map_err(|_| outside(arguments))?;
    Ok(at.to_zoned_datetime(zone.clone()))
}

fn outside(arguments: &Arguments<'_>) -> Trouble {
    arguments.wrong("the moment", "is outside of the years 1 to 9999")
}

/// The microseconds of what a clock in the zone shows.
fn local(arguments: &Arguments<'_>, shown: DateTime, zone: &TimeZone) -> Result<i64, Trouble> {
    let ambiguous = zone.to_ambiguous_timestamp(shown);
    if ambiguous.is_ambiguous() {
        return Err(arguments.wrong("the time", "does not exist in that zone, or exists twice, because clocks are changed then"));
    }
    ambiguous.compatible().map(Timestamp::as_microsecond).map_err(|_| outside(arguments))
}

fn format(arguments: &Arguments<'_>, micros: i64, zone: Option<&TimeZone>) -> Result<Value, Trouble> {
    let format = match arguments.optional("format")? {
        None => RFC_3339.to_owned(),
        Some(Value::String(format)) => format,
        Some(other) => return Err(arguments.unfit("format", "text", &other)),
    };
    let at = Timestamp::from_microsecond(micros).map_err(|_| outside(arguments))?;
    let text = match zone {
        None => formatted(micros, (0, "UTC"), &format),
        Some(zone) => {
            let info = zone.to_offset_info(at);
            formatted(micros, (i64::from(info.offset().seconds()), info.abbreviation()), &format)
        }
    };
    text.map(Value::String).map_err(|why| arguments.wrong("`format`:", why))
}

/// A moment as RFC 3339 in UTC, of a text that is written as `format` says; without one, of a text of RFC 3339, a date,
/// or, with a zone, a date and time as it is there.
fn parse(arguments: &Arguments<'_>, zone: Option<&TimeZone>) -> Result<Value, Trouble> {
    let text = arguments.text("input")?;
    let micros = match arguments.optional("format")? {
        Some(Value::String(format)) => by_format(arguments, &format, &text, zone)?,
        Some(other) => return Err(arguments.unfit("format", "text", &other)),
        None => match (Moment::of(&Value::from(text.as_str())), zone) {
            (Ok(at), zone) => start(arguments, at, zone)?,
            (Err(_), Some(_)) => by_format(arguments, "%Y-%m-%dT%H:%M:%S", &text, zone)?,
            (Err(why), None) => return Err(arguments.wrong("`input`:", why)),
        },
    };
    Moment::written(micros).map_err(|why| arguments.wrong("`input`:", why))
}

fn by_format(arguments: &Arguments<'_>, format: &str, text: &str, zone: Option<&TimeZone>) -> Result<i64, Trouble> {
    let letters = percent_letters(format).map_err(|why| arguments.wrong("`format`:", why))?;
    // The error of the library would quote the text, which is nobody's business.
    let unfit = |_| arguments.wrong("`input`", "is not written as `format` says, or is no moment");
    let parts = BrokenDownTime::parse(&letters, text.trim()).map_err(unfit)?;
    if parts.offset().is_some() || parts.timestamp().is_some() {
        return parts.to_timestamp().map(Timestamp::as_microsecond).map_err(unfit);
    }
    let shown = parts.to_datetime().map_err(unfit)?;
    match (zone, parts.hour()) {
        (Some(zone), _) => local(arguments, shown, zone),
        // A date alone is its first moment in UTC, here as everywhere.
        (None, None) => local(arguments, shown, &TimeZone::UTC),
        (None, Some(_)) => Err(arguments.wrong("`input`", "has no time zone; `zone` says which is meant")),
    }
}

/// A unit of time: its length in microseconds, or that of the calendar.
enum Length {
    Micros(i64),
    Calendar(Unit),
}

fn length(arguments: &Arguments<'_>) -> Result<Length, Trouble> {
    Ok(match arguments.word("unit") {
        Some("years") => Length::Calendar(Unit::Year),
        Some("months") => Length::Calendar(Unit::Month),
        Some("weeks") => Length::Calendar(Unit::Week),
        Some("days") => Length::Calendar(Unit::Day),
        Some("hours") => Length::Micros(3_600_000_000),
        Some("minutes") => Length::Micros(60_000_000),
        Some("seconds") => Length::Micros(1_000_000),
        Some("milliseconds") => Length::Micros(1_000),
        _ => return Err(arguments.wrong("`unit`", "is missing")),
    })
}

/// The moment so many units later or earlier. A month after 31 January is the last day of February.
fn shift(arguments: &Arguments<'_>, zone: Option<&TimeZone>, direction: i64) -> Result<Value, Trouble> {
    let moment = moment(arguments, "input", &arguments.value("input")?)?;
    let begin = start(arguments, moment, zone)?;
    let amount = arguments.whole("amount", i64::MIN..=i64::MAX)?.unwrap_or_default();
    let amount = amount.checked_mul(direction).ok_or_else(|| outside(arguments))?;
    let utc = TimeZone::UTC;
    let zone = zone.unwrap_or(&utc);
    let end = match length(arguments)? {
        Length::Micros(each) => amount.checked_mul(each).and_then(|distance| begin.checked_add(distance)),
        Length::Calendar(unit) => {
            let span = match unit {
                Unit::Year => Span::new().try_years(amount),
                Unit::Month => Span::new().try_months(amount),
                Unit::Week => Span::new().try_weeks(amount),
                _ => Span::new().try_days(amount),
            };
            let moved = span.and_then(|span| zoned_checked(begin, zone)?.checked_add(span));
            moved.ok().map(|moved| moved.timestamp().as_microsecond())
        }
    };
    let end = end.ok_or_else(|| outside(arguments))?;
    let written = if moment.is_day() {
        // A date stays one when it comes to the beginning of a day.
        let there = zoned(arguments, end, zone)?;
        if there.start_of_day().is_ok_and(|start| start == there) {
            let day = there.datetime().to_zoned_datetime(TimeZone::UTC).map_err(|_| outside(arguments))?;
            moment.written_alike(day.timestamp().as_microsecond())
        } else {
            Moment::written(end)
        }
    } else {
        moment.written_alike(end)
    };
    written.map_err(|why| arguments.wrong("the result:", why))
}

fn zoned_checked(micros: i64, zone: &TimeZone) -> Result<ZonedDateTime, jiff::Error> {
    Timestamp::from_microsecond(micros).map(|at| at.to_zoned_datetime(zone.clone()))
}

/// Whole units from the first of two moments to the second; negative when the second is the earlier one. What is left
/// of a unit does not count, as with the filter `diff_days`.
fn diff(arguments: &Arguments<'_>, zone: Option<&TimeZone>) -> Result<Value, Trouble> {
    let both = arguments.list("input")?;
    let [from, to] = both.as_slice() else {
        return Err(arguments.wrong("`input`", "has to be a list of two moments: from which, and to which"));
    };
    let from = start(arguments, moment(arguments, "input", from)?, zone)?;
    let to = start(arguments, moment(arguments, "input", to)?, zone)?;
    let whole = match length(arguments)? {
        Length::Micros(each) => to.saturating_sub(from) / each,
        Length::Calendar(unit) => {
            let utc = TimeZone::UTC;
            let zone = zone.unwrap_or(&utc);
            let (from, to) = (zoned(arguments, from, zone)?, zoned(arguments, to, zone)?);
            let span = from.until((unit, &to)).map_err(|_| outside(arguments))?;
            match unit {
                Unit::Year => i64::from(span.get_years()),
                Unit::Month => i64::from(span.get_months()),
                Unit::Week => i64::from(span.get_weeks()),
                _ => i64::from(span.get_days()),
            }
        }
    };
    Ok(Value::from(whole))
}
