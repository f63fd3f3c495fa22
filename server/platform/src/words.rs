//! Moments in words, for mails: pages have their own, with zones.

use domain::Timestamp;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn word<'w>(words: &[&'w str], index: i64) -> &'w str {
    usize::try_from(index).ok().and_then(|index| words.get(index)).copied().unwrap_or_default()
}

/// `Tue 24 Nov 2026, 09:43 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    let civil = at.civil();
    format!(
        "{} {} {} {}, {:02}:{:02} UTC",
        word(&DAYS, civil.weekday),
        civil.day,
        word(&MONTHS, civil.month - 1),
        civil.year,
        civil.hour,
        civil.minute
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_names_its_zone() {
        assert_eq!(moment(Timestamp::from_micros(1_795_257_663_112_000)), "Sat 21 Nov 2026, 10:41 UTC");
    }
}
