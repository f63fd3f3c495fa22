//! `core.datetime`.

use serde_json::{Value, json};

use super::{check, fails};
use crate::desk::START;

fn over() -> Value {
    json!({"at": "2026-03-28T12:00:00Z", "day": "2026-01-31", "micros": 1_000_000, "n": 3, "zone": "Europe/Berlin", "bad": "Mars/Base"})
}

#[test]
fn now_is_the_recorded_start_of_the_step() {
    check(
        "core.datetime",
        &over(),
        &[
            ("{operation: now}", json!(START.to_string())),
            ("{operation: now, format: \"%Y\"}", json!("2026")),
            ("{operation: now, zone: Asia/Kathmandu}", json!("2026-11-21T16:26:03.000000+05:45")),
            ("{operation: now, zone: \"{{ zone }}\", format: \"HH:mm ZZ Z\"}", json!("11:41 +0100 +01:00")),
        ],
    );
}

#[test]
fn a_moment_is_shown_as_a_clock_in_a_zone_shows_it() {
    check(
        "core.datetime",
        &over(),
        &[
            ("{operation: format, input: \"{{ at }}\"}", json!("2026-03-28T12:00:00.000000Z")),
            ("{operation: format, input: \"{{ at }}\", zone: America/New_York}", json!("2026-03-28T08:00:00.000000-04:00")),
            (
                "{operation: format, input: \"{{ at }}\", format: \"%d.%m.%Y %H:%M %Z %z\", zone: Europe/Berlin}",
                json!("28.03.2026 13:00 CET +0100"),
            ),
            ("{operation: format, input: \"{{ at }}\", format: \"YYYY-MM-DD[T]HH:mmZ\"}", json!("2026-03-28T12:00Z")),
            ("{operation: format, input: \"{{ day }}\", format: \"%A\", zone: America/New_York}", json!("Saturday")),
            ("{operation: format, input: \"{{ micros }}\", format: \"%H:%M:%S %s %j\", zone: Pacific/Auckland}", json!("12:00:01 1 001")),
        ],
    );
    fails(
        "core.datetime",
        &over(),
        &[
            (
                "{operation: format, input: soon}",
                "data: core.datetime: `input`: the text is no date: it is not written as 2026-01-31 or 2026-01-31T09:30:00Z",
            ),
            ("{operation: format, input: \"{{ at }}\", zone: \"{{ bad }}\"}", "data: core.datetime: `zone` is no IANA time zone"),
            ("{operation: format, input: \"{{ at }}\", format: \"%Q\"}", "data: core.datetime: `format`: the format of a date has no `%Q`"),
        ],
    );
}

#[test]
fn a_text_is_read_as_its_format_says_and_given_in_utc() {
    check(
        "core.datetime",
        &over(),
        &[
            ("{operation: parse, input: \"2026-03-28T13:00:00.5+01:00\"}", json!("2026-03-28T12:00:00.500000Z")),
            ("{operation: parse, input: \"2026-03-28\"}", json!("2026-03-28T00:00:00.000000Z")),
            ("{operation: parse, input: \"2026-03-28\", zone: Europe/Berlin}", json!("2026-03-27T23:00:00.000000Z")),
            ("{operation: parse, input: \"2026-07-01T10:00:00\", zone: Europe/Berlin}", json!("2026-07-01T08:00:00.000000Z")),
            (
                "{operation: parse, input: \"01.07.2026 10:00\", format: \"%d.%m.%Y %H:%M\", zone: Europe/Berlin}",
                json!("2026-07-01T08:00:00.000000Z"),
            ),
            ("{operation: parse, input: \"07/01/2026\", format: MM/DD/YYYY}", json!("2026-07-01T00:00:00.000000Z")),
            ("{operation: parse, input: \"1 Jul 2026 10:00 +0200\", format: \"%d %b %Y %H:%M %z\"}", json!("2026-07-01T08:00:00.000000Z")),
            ("{operation: parse, input: \"1782892800\", format: \"%s\"}", json!("2026-07-01T08:00:00.000000Z")),
        ],
    );
    fails(
        "core.datetime",
        &over(),
        &[
            (
                "{operation: parse, input: \"2026-07-01T10:00:00\"}",
                "data: core.datetime: `input`: the text is no date: it has no time zone; `Z` at its end says UTC",
            ),
            (
                "{operation: parse, input: \"01.07.2026 10:00\", format: \"%d.%m.%Y %H:%M\"}",
                "data: core.datetime: `input` has no time zone; `zone` says which is meant",
            ),
            (
                "{operation: parse, input: \"31.02.2026\", format: \"%d.%m.%Y\"}",
                "data: core.datetime: `input` is not written as `format` says, or is no moment",
            ),
            // Clocks go forward over the first, and back over the second.
            (
                "{operation: parse, input: \"2026-03-29T02:30:00\", zone: Europe/Berlin}",
                "data: core.datetime: the time does not exist in that zone, or exists twice, because clocks are changed then",
            ),
            (
                "{operation: parse, input: \"2026-10-25T02:30:00\", zone: Europe/Berlin}",
                "data: core.datetime: the time does not exist in that zone, or exists twice, because clocks are changed then",
            ),
        ],
    );
}

#[test]
fn what_is_added_is_counted_on_the_calendar_of_the_zone() {
    check(
        "core.datetime",
        &over(),
        &[
            ("{operation: add, input: \"{{ at }}\", amount: 1, unit: days}", json!("2026-03-29T12:00:00.000000Z")),
            // The day has 23 hours in Berlin.
            ("{operation: add, input: \"{{ at }}\", amount: 1, unit: days, zone: Europe/Berlin}", json!("2026-03-29T11:00:00.000000Z")),
            ("{operation: add, input: \"{{ at }}\", amount: 24, unit: hours, zone: Europe/Berlin}", json!("2026-03-29T12:00:00.000000Z")),
            ("{operation: add, input: \"{{ day }}\", amount: 1, unit: month}", json!("2026-02-28")),
            ("{operation: subtract, input: \"{{ day }}\", amount: 2, unit: years, zone: Asia/Tokyo}", json!("2024-01-31")),
            ("{operation: subtract, input: \"{{ day }}\", amount: 1, unit: weeks}", json!("2026-01-24")),
            ("{operation: add, input: \"{{ day }}\", amount: 90, unit: minutes}", json!("2026-01-31T01:30:00.000000Z")),
            ("{operation: add, input: \"{{ day }}\", amount: 24, unit: hours}", json!("2026-02-01")),
            ("{operation: add, input: \"{{ micros }}\", amount: \"{{ n }}\", unit: milliseconds}", json!(1_003_000)),
            ("{operation: add, input: \"{{ at }}\", amount: -1, unit: seconds}", json!("2026-03-28T11:59:59.000000Z")),
        ],
    );
    for amount in ["9000", "99999999", "9223372036854775807", "-9223372036854775808"] {
        for unit in ["years", "days", "hours", "milliseconds"] {
            if (amount, unit) == ("9000", "days") || (amount.len() == 4 && unit != "years") || (amount.len() == 8 && unit == "milliseconds")
            {
                continue;
            }
            for operation in ["add", "subtract"] {
                let step = super::action(
                    "core.datetime",
                    &format!("{{operation: {operation}, input: \"{{{{ at }}}}\", amount: {amount}, unit: {unit}}}"),
                );
                let failed = super::give(&step, over()).unwrap_err();
                assert!(failed.contains("outside of the years 1 to 9999"), "{operation} {amount} {unit}: {failed}");
            }
        }
    }
}

#[test]
fn a_difference_is_in_whole_units() {
    check(
        "core.datetime",
        &over(),
        &[
            ("{operation: diff, input: [2026-01-01, 2026-03-01], unit: days}", json!(59)),
            ("{operation: diff, input: [2026-03-01, 2026-01-01], unit: days}", json!(-59)),
            ("{operation: diff, input: [2026-01-31, 2026-03-01], unit: months}", json!(1)),
            ("{operation: diff, input: [2024-02-29, 2026-02-28], unit: years}", json!(1)),
            ("{operation: diff, input: [2026-01-01T00:00:00Z, 2026-01-02T23:59:59Z], unit: days}", json!(1)),
            ("{operation: diff, input: [2026-01-01T00:00:00Z, 2026-01-01T00:01:30Z], unit: seconds}", json!(90)),
            ("{operation: diff, input: [\"{{ micros }}\", 0], unit: milliseconds}", json!(-1000)),
            // From noon to noon in Berlin is a day, though it has 23 hours.
            ("{operation: diff, input: [2026-03-28T11:00:00Z, 2026-03-29T10:00:00Z], unit: days, zone: Europe/Berlin}", json!(1)),
            ("{operation: diff, input: [2026-03-28T11:00:00Z, 2026-03-29T10:00:00Z], unit: days}", json!(0)),
        ],
    );
    fails(
        "core.datetime",
        &over(),
        &[(
            "{operation: diff, input: [2026-01-01], unit: days}",
            "data: core.datetime: `input` has to be a list of two moments: from which, and to which",
        )],
    );
}
