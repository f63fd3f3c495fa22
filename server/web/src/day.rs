//! Days as forms give them: `2026-11-24`, in UTC. A day is meant whole: from its first moment to the first of the next.

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

/// The moments of a range of days: its first, and the first after its last day. Empty texts are no bounds.
///
/// # Errors
/// What is wrong with the fields `since` and `until`.
pub(crate) fn range(since: &str, until: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), Vec<FieldProblem>> {
    let mut wrong = Vec::new();
    let mut moment = |field: &str, text: &str, days_after: i64| {
        if text.is_empty() {
            return None;
        }
        let midnight = day(text);
        if midnight.is_none() {
            wrong.push(FieldProblem { field: field.to_owned(), message: "Enter a day such as 2026-11-24.".to_owned() });
        }
        midnight.map(|midnight| Timestamp::from_micros(midnight.micros().saturating_add(days_after * MICROS_PER_DAY)))
    };
    let range = (moment("since", since, 0), moment("until", until, 1));
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
    fn a_day_is_meant_whole() {
        assert_eq!(range("2026-11-24", "2026-11-24"), Ok((day("2026-11-24"), day("2026-11-25"))));
        assert_eq!(range("", ""), Ok((None, None)));
        let fields = |wrong: Vec<FieldProblem>| wrong.into_iter().map(|one| one.field).collect::<Vec<_>>();
        assert_eq!(range("x", "y").map_err(fields), Err(vec!["since".to_owned(), "until".to_owned()]));
    }
}
