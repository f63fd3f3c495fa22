//! Filters on moments. A moment is a text of RFC 3339, a date alone (its first moment in UTC), or an
//! integer of microseconds since 1970; what comes out is of the kind that went in. Everything is UTC: a
//! text with another offset is understood and given back in UTC. A text with a time but without an offset
//! could mean any of 24 hours, and is refused.

use std::{borrow::Cow, fmt::Write as _};

use domain::Timestamp;
use serde_json::Value;

use super::{Arguments, Fault, Outcome, Signature, Work, plain};
use crate::expression::value::{Number, whole};

pub(super) const FILTERS: &[Signature] = &[
    plain("now", &["format"], 0, now),
    plain("format_date", &["format"], 0, |_, input, arguments| format(&input, arguments, "%Y-%m-%d")),
    plain("datetimeformat", &["format"], 0, |_, input, arguments| format(&input, arguments, "%Y-%m-%d %H:%M")),
    plain("add_days", &["days"], 1, |_, input, arguments| shift(&input, arguments, 1.0)),
    plain("subtract_days", &["days"], 1, |_, input, arguments| shift(&input, arguments, -1.0)),
    plain("diff_days", &["other"], 1, diff_days),
];

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The first moments of the years 1 and 10000: what four figures of a year can say.
const FIRST: i64 = -62_135_596_800 * MICROS_PER_SECOND;
const BEYOND: i64 = 253_402_300_800 * MICROS_PER_SECOND;

/// How a moment was written, and is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Form {
    Date,
    DateTime,
    Micros,
}

pub(in crate::expression) fn moment(value: &Value, wanted: impl Fn() -> Fault) -> Result<(i64, Form), Fault> {
    let (micros, form) = match value {
        Value::String(text) => {
            let (micros, form) = parse(text.trim()).map_err(|why| Fault::Argument(format!("the text is no date: {why}")))?;
            (micros, form)
        }
        other => match Number::of(other) {
            Some(Number::Integer(micros)) => (micros, Form::Micros),
            _ => return Err(wanted()),
        },
    };
    in_range(micros).map(|micros| (micros, form))
}

pub(in crate::expression) fn in_range(micros: i64) -> Result<i64, Fault> {
    if (FIRST..BEYOND).contains(&micros) {
        Ok(micros)
    } else {
        Err(Fault::Arithmetic("the moment is outside of the years 1 to 9999".to_owned()))
    }
}

fn input(value: &Value, arguments: &Arguments<'_>) -> Result<(i64, Form), Fault> {
    moment(value, || arguments.unfit("a date or a number of microseconds", value))
}

pub(in crate::expression) fn written(micros: i64, form: Form) -> Value {
    match form {
        Form::Micros => Value::from(micros),
        Form::DateTime => Value::from(Timestamp::from_micros(micros).to_string()),
        Form::Date => Value::from(Timestamp::from_micros(micros).to_string().get(..10).unwrap_or_default()),
    }
}

/// Reads a part of a text that consists of so many figures.
fn figures(text: &str, from: usize, length: usize) -> Option<i64> {
    let part = text.get(from..from + length)?;
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

fn parse(text: &str) -> Result<(i64, Form), &'static str> {
    const SHAPE: &str = "it is not written as 2026-01-31 or 2026-01-31T09:30:00Z";
    let sign_at = |at: usize| text.as_bytes().get(at).copied();
    let (Some(year), Some(b'-'), Some(month), Some(b'-'), Some(day)) =
        (figures(text, 0, 4), sign_at(4), figures(text, 5, 2), sign_at(7), figures(text, 8, 2))
    else {
        return Err(SHAPE);
    };
    let days = days_from_civil(year, month, day).ok_or("there is no such day")?;
    let midnight = days * MICROS_PER_DAY;
    if text.len() == 10 {
        return Ok((midnight, Form::Date));
    }
    let (Some(b'T' | b't' | b' '), Some(hour), Some(b':'), Some(minute), Some(b':'), Some(second)) =
        (sign_at(10), figures(text, 11, 2), sign_at(13), figures(text, 14, 2), sign_at(16), figures(text, 17, 2))
    else {
        return Err(SHAPE);
    };
    // A leap second is the last moment of its minute in a time scale without them.
    if hour > 23 || minute > 59 || second > 60 {
        return Err("there is no such time of day");
    }
    let rest = text.get(19..).unwrap_or_default();
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(fraction) => {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, offset) = fraction.split_at(length);
            if digits.is_empty() || digits.len() > 9 {
                return Err(SHAPE);
            }
            let micros = format!("{digits:0<6}");
            (micros.get(..6).and_then(|micros| micros.parse::<i64>().ok()).ok_or(SHAPE)?, offset)
        }
        None => (0, rest),
    };
    let seconds = hour * 3_600 + minute * 60 + second.min(59);
    let ahead = match offset {
        "" => return Err("it has no time zone; `Z` at its end says UTC"),
        "Z" | "z" => 0,
        _ => {
            let (Some(sign @ (b'+' | b'-')), Some(hours), Some(b':'), Some(minutes), 6) = (
                offset.as_bytes().first().copied(),
                figures(offset, 1, 2),
                offset.as_bytes().get(3).copied(),
                figures(offset, 4, 2),
                offset.len(),
            ) else {
                return Err(SHAPE);
            };
            if hours > 23 || minutes > 59 {
                return Err("there is no such time zone");
            }
            (hours * 3_600 + minutes * 60) * if sign == b'+' { 1 } else { -1 }
        }
    };
    Ok((midnight + (seconds - ahead) * MICROS_PER_SECOND + fraction, Form::DateTime))
}

/// Whether a text is a day alone that exists, as `2026-01-31`.
pub(crate) fn is_day(text: &str) -> bool {
    matches!(parse(text), Ok((_, Form::Date)))
}

/// Days since 1970 of a day that exists. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// The recorded start of the step. What it is applied to is its format; an empty text, or null, is none.
fn now<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let micros = work.now()?;
    let before = match &*input {
        Value::Null => "",
        Value::String(format) => format,
        other => return Err(arguments.unfit("a format or null", other)),
    };
    match (before, arguments.text(0)?) {
        ("", None) => Ok(Outcome::made(written(micros, Form::DateTime))),
        ("", Some(format)) | (format, None) => render(micros, format).map(Outcome::made),
        (_, Some(_)) => Err(Fault::Argument("the filter `now` was given two formats".to_owned())),
    }
}

fn format<'a>(value: &Value, arguments: &Arguments<'a>, usual: &str) -> Result<Outcome<'a>, Fault> {
    let (micros, _) = input(value, arguments)?;
    render(micros, arguments.text(0)?.unwrap_or(usual)).map(Outcome::made)
}

fn shift<'a>(value: &Value, arguments: &Arguments<'a>, direction: f64) -> Result<Outcome<'a>, Fault> {
    let (micros, form) = input(value, arguments)?;
    let days = arguments.number(0)?.ok_or_else(|| arguments.wrong(0, "a number", &Value::Null))?;
    let distance = match days {
        Number::Integer(days) => {
            days.checked_mul(MICROS_PER_DAY).and_then(|micros| if direction < 0.0 { micros.checked_neg() } else { Some(micros) })
        }
        Number::Float(days) => whole((days * direction * MICROS_PER_DAY as f64).round()).ok(),
    };
    let shifted = distance
        .and_then(|distance| micros.checked_add(distance))
        .ok_or_else(|| Fault::Arithmetic("the moment is outside of the years 1 to 9999".to_owned()))?;
    let shifted = in_range(shifted)?;
    // A date moved by part of a day is no longer the beginning of one.
    let form = if form == Form::Date && shifted % MICROS_PER_DAY != 0 { Form::DateTime } else { form };
    Ok(Outcome::made(written(shifted, form)))
}

/// Whole days from the argument to the input; negative when the input is the earlier one.
fn diff_days<'a>(_: &mut Work<'a>, value: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let (later, _) = input(&value, arguments)?;
    let other = arguments.given(0).unwrap_or(&Value::Null);
    let (earlier, _) = moment(other, || arguments.wrong(0, "a date or a number of microseconds", other))?;
    Ok(Outcome::made((later - earlier) / MICROS_PER_DAY))
}

/// A moment as a clock on a wall shows it.
#[derive(Debug, Clone, Copy)]
pub(in crate::expression) struct Wall<'z> {
    /// Microseconds since 1970 in UTC.
    pub(in crate::expression) micros: i64,
    /// How many seconds the clock is ahead of UTC.
    pub(in crate::expression) ahead: i64,
    /// The short name of its zone.
    pub(in crate::expression) zone: &'z str,
}

impl Wall<'static> {
    const fn utc(micros: i64) -> Self {
        Self { micros, ahead: 0, zone: "UTC" }
    }
}

impl Wall<'_> {
    /// The hours and minutes ahead of UTC, with a sign between them.
    fn offset(&self, between: &str) -> String {
        let sign = if self.ahead < 0 { '-' } else { '+' };
        let minutes = self.ahead.abs() / 60;
        format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
    }
}

/// Writes a moment of UTC in a format of `%` letters, or, when there is no `%`, of letters such as `YYYY-MM-DD`.
fn render(micros: i64, format: &str) -> Result<String, Fault> {
    render_at(Wall::utc(micros), format)
}

/// The same, for any clock.
pub(in crate::expression) fn render_at(wall: Wall<'_>, format: &str) -> Result<String, Fault> {
    by_percent(wall, &percent_letters(format)?)
}

/// A format in `%` letters, whichever letters it is given in.
pub(in crate::expression) fn percent_letters(format: &str) -> Result<String, Fault> {
    if format.len() > 200 {
        return Err(Fault::Argument("the format of a date is longer than 200 bytes".to_owned()));
    }
    if format.contains('%') { Ok(format.to_owned()) } else { translated(format) }
}

fn name_of<'n>(names: &[&'n str], index: i64) -> &'n str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

fn twelve(hour: i64) -> i64 {
    (hour + 11) % 12 + 1
}

fn by_percent(wall: Wall<'_>, format: &str) -> Result<String, Fault> {
    let local = in_range(wall.micros.saturating_add(wall.ahead * MICROS_PER_SECOND))?;
    let at = Timestamp::from_micros(local).civil();
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut code = letters.next();
        // `%-d` is a day without its leading zero.
        let bare = code == Some('-');
        if bare {
            code = letters.next();
        }
        let number = match code {
            Some('d') => Some((at.day, 2)),
            Some('m') => Some((at.month, 2)),
            Some('H') => Some((at.hour, 2)),
            Some('I') => Some((twelve(at.hour), 2)),
            Some('M') => Some((at.minute, 2)),
            Some('S') => Some((at.second, 2)),
            Some('y') => Some((at.year.rem_euclid(100), 2)),
            Some('Y') => Some((at.year, 4)),
            Some('f') => Some((at.micro, 6)),
            Some('j') => Some((day_of_year(local, at.year), 3)),
            Some('u') => Some((at.weekday + 1, 1)),
            Some('s') => Some((wall.micros.div_euclid(MICROS_PER_SECOND), 1)),
            _ => None,
        };
        if let Some((number, width)) = number {
            let width = if bare { 1 } else { width };
            write!(text, "{number:0width$}").map_err(|_| unwritable())?;
            continue;
        }
        match code {
            Some('F') => text.push_str(&by_percent(wall, "%Y-%m-%d")?),
            Some('T') => text.push_str(&by_percent(wall, "%H:%M:%S")?),
            Some('R') => text.push_str(&by_percent(wall, "%H:%M")?),
            Some('e') => write!(text, "{:2}", at.day).map_err(|_| unwritable())?,
            Some('p') => text.push_str(if at.hour < 12 { "AM" } else { "PM" }),
            Some('B') => text.push_str(name_of(&MONTHS, at.month - 1)),
            Some('b') => text.push_str(short(name_of(&MONTHS, at.month - 1))),
            Some('A') => text.push_str(name_of(&WEEKDAYS, at.weekday)),
            Some('a') => text.push_str(short(name_of(&WEEKDAYS, at.weekday))),
            Some('Z') => text.push_str(wall.zone),
            Some('z') => text.push_str(&wall.offset("")),
            // `%:z` is the offset of RFC 3339, which has a letter for none.
            Some(':') if letters.as_str().starts_with('z') => {
                letters.next();
                text.push_str(&if wall.ahead == 0 { "Z".to_owned() } else { wall.offset(":") });
            }
            Some('%') => text.push('%'),
            other => {
                return Err(Fault::Argument(format!("the format of a date has no `%{}`", other.map(String::from).unwrap_or_default())));
            }
        }
    }
    Ok(text)
}

fn unwritable() -> Fault {
    Fault::Argument("the date cannot be written".to_owned())
}

fn day_of_year(micros: i64, year: i64) -> i64 {
    micros.div_euclid(MICROS_PER_DAY) - days_from_civil(year, 1, 1).unwrap_or_default() + 1
}

/// The letters of this notation and what they stand for in the other.
const LETTERS: [(&str, &str); 22] = [
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("M", "%-m"),
    ("DD", "%d"),
    ("D", "%-d"),
    ("dddd", "%A"),
    ("ddd", "%a"),
    ("HH", "%H"),
    ("H", "%-H"),
    ("hh", "%I"),
    ("h", "%-I"),
    ("mm", "%M"),
    ("m", "%-M"),
    ("ss", "%S"),
    ("s", "%-S"),
    ("A", "%p"),
    ("ZZ", "%z"),
    ("Z", "%:z"),
    ("T", "T"),
];

fn translated(format: &str) -> Result<String, Fault> {
    let mut rest = format;
    let mut translated = String::new();
    while let Some(next) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('[') {
            let (literal, after) =
                quoted.split_once(']').ok_or_else(|| Fault::Argument("a `[` in the format of a date is never closed".to_owned()))?;
            translated.push_str(literal);
            rest = after;
        } else if let Some((letters, code)) = LETTERS.iter().find(|(letters, _)| rest.starts_with(letters)) {
            translated.push_str(code);
            rest = rest.get(letters.len()..).unwrap_or_default();
        } else if next.is_alphabetic() {
            return Err(Fault::Argument(format!(
                "the format of a date has no `{next}`; text in it stands in [brackets], or use `%` letters"
            )));
        } else {
            translated.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(translated)
}
