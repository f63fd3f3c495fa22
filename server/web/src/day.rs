//! Days as forms and queries give them: `2026-11-24`, in UTC. A day is meant whole: from its first moment to the first of the next.
//! Where a day may stand, a moment may: `2026-11-24T10:41:03Z`.

use domain::{Timestamp, problem::FieldProblem, time::Civil};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The moment at which a day of UTC began, from `2026-11-24`; nothing for a day that does not exist.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    let mut parts = text.split('-');
    let mut number = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|sign| sign.is_ascii_digit()))?;
        part.parse::<i64>().ok()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if parts.next().is_some() {
        return None;
    }
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let at = Timestamp::from_micros((era * 146_097 + day_of_era - 719_468) * MICROS_PER_DAY);
    // A day that does not exist comes out as another one.
    let Civil { year: y, month: m, day: d, .. } = at.civil();
    ((y, m, d) == (year, month, day)).then_some(at)
}

/// The moment that RFC 3339 writes in UTC, such as `2026-11-24T10:41:03Z`, with at most six decimals of a second.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let (clock, decimals) = time.strip_suffix('Z').map(|time| time.split_once('.').unwrap_or((time, "0")))?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_digit());
    let parts: Vec<i64> = clock.split(':').filter(|part| part.len() == 2 && is_number(part)).filter_map(|part| part.parse().ok()).collect();
    let [hour @ 0..24, minute @ 0..60, second @ 0..60] = parts[..] else { return None };
    if clock.len() != "10:41:03".len() || !is_number(decimals) || decimals.len() > 6 {
        return None;
    }
    let micros = format!("{decimals:0<6}").parse::<i64>().ok()?;
    Some(Timestamp::from_micros(day(date)?.micros() + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros))
}

/// The moments of a range of days: its first, and the first after its last day; a moment is itself, the last one excluded. Empty
/// texts are no bounds.
///
/// # Errors
/// What is wrong with the fields `since` and `until`.
pub(crate) fn range(since: &str, until: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), Vec<FieldProblem>> {
    let mut wrong = Vec::new();
    let mut bound = |field: &str, text: &str, days_after: i64| {
        if text.is_empty() {
            return None;
        }
        let whole = day(text).map(|midnight| Timestamp::from_micros(midnight.micros().saturating_add(days_after * MICROS_PER_DAY)));
        let at = whole.or_else(|| moment(text));
        if at.is_none() {
            let message = "Enter a day such as 2026-11-24, or a moment such as 2026-11-24T10:41:03Z.".to_owned();
            wrong.push(FieldProblem { field: field.to_owned(), message });
        }
        at
    };
    let range = (bound("since", since, 0), bound("until", until, 1));
    if wrong.is_empty() { Ok(range) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_must_exist() {
        let at = |text: &str| day(text).map(|at| at.to_string());
        assert_eq!(at("2026-11-24").as_deref(), Some("2026-11-24T00:00:00.000000Z"));
        assert_eq!(at("2024-02-29").as_deref(), Some("2024-02-29T00:00:00.000000Z"));
        assert_eq!(at("1970-01-01").as_deref(), Some("1970-01-01T00:00:00.000000Z"));
        for wrong in
            ["2026-02-29", "2026-13-01", "2026-00-10", "2026-11-31", "26-11-24", "2026-11-24-1", "2026-11", "+026-11-24", "tomorrow"]
        {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_written_in_full() {
        let at = |text: &str| moment(text).map(|at| at.to_string());
        assert_eq!(at("2026-11-24T10:41:03Z").as_deref(), Some("2026-11-24T10:41:03.000000Z"));
        assert_eq!(at("2026-11-24T23:59:59.999999Z").as_deref(), Some("2026-11-24T23:59:59.999999Z"));
        assert_eq!(at("2026-11-24T00:00:00.5Z").as_deref(), Some("2026-11-24T00:00:00.500000Z"));
        for wrong in [
            "2026-11-24",
            "2026-11-24T",
            "2026-11-24T10:41Z",
            "2026-11-24T10:41:03",
            "2026-11-24T10:41:03+01:00",
            "2026-11-24T24:00:00Z",
            "2026-11-24T10:60:00Z",
            "2026-11-24T10:41:60Z",
            "2026-11-24T1:41:03Z",
            "2026-11-24T10:41:03:00Z",
            "2026-11-24T10:41:03.Z",
            "2026-11-24T10:41:03.1234567Z",
            "2026-02-29T10:41:03Z",
            "2026-11-24T+1:41:03Z",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
        assert_eq!(
            range("2026-11-24T10:41:03Z", "2026-11-24T10:41:04Z"),
            Ok((moment("2026-11-24T10:41:03Z"), moment("2026-11-24T10:41:04Z")))
        );
    }

    #[test]
    fn a_day_is_meant_whole() {
        assert_eq!(range("2026-11-24", "2026-11-24"), Ok((day("2026-11-24"), day("2026-11-25"))));
        assert_eq!(range("", ""), Ok((None, None)));
        let fields = |wrong: Vec<FieldProblem>| wrong.into_iter().map(|one| one.field).collect::<Vec<_>>();
        assert_eq!(range("x", "y").map_err(fields), Err(vec!["since".to_owned(), "until".to_owned()]));
    }
}
