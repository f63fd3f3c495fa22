//! Values as people read them: times, durations, money, ids. Templates are given these and no type with behaviour.
//!
//! Every time is shown in UTC and says so; `static/app.js` keeps distances (`2 min ago`) fresh in the same words.

use std::{fmt::Display, time::Duration};

use domain::{Money, Timestamp, time::Civil};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Signs of an id that are shown: its end, where even ids of the same moment differ.
const ID_END: usize = 6;

/// A moment for `ui::time` and `ui::ago`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// RFC 3339 in UTC.
    pub iso: String,
    /// The whole moment with its zone.
    pub title: String,
    /// What is shown.
    pub text: String,
}

fn name<'n>(names: &[&'n str], index: i64) -> &'n str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

fn titled(at: Timestamp, text: String) -> Time {
    let Civil { year, month, day, hour, minute, second, weekday, .. } = at.civil();
    let title = format!("{} {day} {} {year}, {hour:02}:{minute:02}:{second:02} UTC", name(&DAYS, weekday), name(&MONTHS, month - 1));
    Time { iso: at.to_string(), title, text }
}

/// A moment by its distance: `12 s ago`, `in 3 days`; for `ui::ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> Time {
    let text = if at > now { format!("in {}", distance(at.since(now))) } else { format!("{} ago", distance(now.since(at))) };
    titled(at, text)
}

fn distance(size: Duration) -> String {
    match size.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds @ 86_400..172_800 => format!("{} day", seconds / 86_400),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// A moment as a date: `09:43 UTC` today, `Tue 24 Nov, 09:43 UTC` this year, else with the year; for `ui::time`.
pub fn moment(at: Timestamp, now: Timestamp) -> Time {
    let Civil { year, month, day, hour, minute, weekday, .. } = at.civil();
    let today = now.civil();
    let text = if (year, month, day) == (today.year, today.month, today.day) {
        format!("{hour:02}:{minute:02} UTC")
    } else {
        let year = if year == today.year { String::new() } else { format!(" {year}") };
        format!("{} {day} {}{year}, {hour:02}:{minute:02} UTC", name(&DAYS, weekday), name(&MONTHS, month - 1))
    };
    titled(at, text)
}

/// A moment to the second, for logs: `21 Nov 09:41:03`; for `ui::time`.
pub fn clock(at: Timestamp) -> Time {
    let Civil { month, day, hour, minute, second, .. } = at.civil();
    titled(at, format!("{day} {} {hour:02}:{minute:02}:{second:02}", name(&MONTHS, month - 1)))
}

/// A length of time: `412 ms`, `2.9 s`, `12 s`, `4 min 1 s`, `1 h 04 min`, `3 days 2 h`. Rounded down.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{} ms", length.as_millis()),
        1..10 => format!("{seconds}.{} s", length.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!(
            "{} {} h",
            if seconds < 172_800 { "1 day".to_owned() } else { format!("{} days", seconds / 86_400) },
            seconds / 3_600 % 24
        ),
    }
}

/// An amount for `ui::money`: rounded for people, and all digits for its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// What is shown, such as `$0.0031`.
    pub text: String,
    /// Every digit, such as `0.0031 US dollars`.
    pub exact: String,
}

/// An amount for `ui::money`.
pub fn money(amount: Money) -> Amount {
    Amount { text: amount.to_string(), exact: format!("{} US dollars", amount.to_dollars()) }
}

/// An id for `ui::id`: whole to copy, short to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownId {
    /// The whole id.
    pub full: String,
    /// Its kind and its end, such as `run_…7k2f9q`.
    pub short: String,
}

/// An id for `ui::id`.
pub fn id(id: impl Display) -> ShownId {
    let full = id.to_string();
    let short = match full.split_once('_') {
        Some((kind, signs)) if signs.len() > ID_END => format!("{kind}_…{}", signs.get(signs.len() - ID_END..).unwrap_or(signs)),
        _ => full.clone(),
    };
    ShownId { full, short }
}

/// The letters that stand for a person: of the first two words of their name, else the first two of it.
pub fn initials(name: &str) -> String {
    let mut words = name.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters: String = match (words.next(), words.next()) {
        (Some(first), Some(second)) => first.chars().take(1).chain(second.chars().take(1)).collect(),
        (Some(only), None) => only.chars().take(2).collect(),
        _ => "?".to_owned(),
    };
    letters.to_uppercase()
}

/// A whole number with its thousands apart: `1,234`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sat 21 Nov 2026, 10:41:03.112 UTC.
    const NOW: Timestamp = Timestamp::from_micros(1_795_257_663_112_000);

    #[test]
    fn distances_are_told_as_the_script_tells_them() {
        for (seconds, text) in
            [(0, "0 s ago"), (12, "12 s ago"), (119, "1 min ago"), (7_200, "2 h ago"), (86_400, "1 day ago"), (4 * 86_400, "4 days ago")]
        {
            assert_eq!(ago(NOW.before(Duration::from_secs(seconds)), NOW).text, text);
        }
        assert_eq!(ago(NOW.after(Duration::from_hours(72)), NOW).text, "in 3 days");
    }

    #[test]
    fn a_moment_says_its_zone_and_no_more_than_is_needed() {
        let shown = moment(NOW, NOW);
        assert_eq!(shown.text, "10:41 UTC");
        assert_eq!(shown.title, "Sat 21 Nov 2026, 10:41:03 UTC");
        assert_eq!(shown.iso, "2026-11-21T10:41:03.112000Z");
        assert_eq!(moment(NOW.after(Duration::from_hours(72)), NOW).text, "Tue 24 Nov, 10:41 UTC");
        assert_eq!(moment(NOW.after(Duration::from_hours(60 * 24)), NOW).text, "Wed 20 Jan 2027, 10:41 UTC");
        assert_eq!(clock(NOW).text, "21 Nov 10:41:03");
    }

    #[test]
    fn lengths_of_time_have_two_units_at_most() {
        for (millis, text) in [
            (0, "0 ms"),
            (412, "412 ms"),
            (2_999, "2.9 s"),
            (12_400, "12 s"),
            (240_000, "4 min"),
            (241_000, "4 min 1 s"),
            (3_840_000, "1 h 04 min"),
            (90_000_000, "1 day 1 h"),
            (266_400_000, "3 days 2 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn ids_keep_their_kind_and_their_end() {
        let shown = id("run_01k9c4v7ty0000000000abcdef");
        assert_eq!((shown.short.as_str(), shown.full.len()), ("run_…abcdef", 30));
        assert_eq!(id("x").short, "x");
    }

    #[test]
    fn people_have_initials_whatever_their_name() {
        for (name, letters) in [("Ada Lovelace", "AL"), ("ada", "AD"), ("ärger", "ÄR"), ("a@b.example", "AB"), ("", "?"), ("…", "?")] {
            assert_eq!(initials(name), letters);
        }
    }

    #[test]
    fn amounts_are_rounded_for_people_and_exact_in_the_title() {
        let shown = money(Money::from_nanos(3_100_000));
        assert_eq!((shown.text.as_str(), shown.exact.as_str()), ("$0.0031", "0.0031 US dollars"));
        assert_eq!((count(7).as_str(), count(1_234_567).as_str()), ("7", "1,234,567"));
    }
}
