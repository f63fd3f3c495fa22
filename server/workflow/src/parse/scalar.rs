//! What scalars mean: texts, booleans, numbers, durations, money, words of a fixed list, JSON.
//!
//! The rules are those of YAML 1.2's core schema, but where YAML 1.1 read something else (`yes`, `017`,
//! `1_000`) the author is asked to say which is meant, unless a text is expected anyway. Every function
//! reports what is wrong and then gives `None`: nothing is replaced by a default in silence.

use std::{ops::RangeInclusive, time::Duration};

use domain::Money;
use serde_json::{Map, Number, Value};

use super::{
    diagnostic::{Report, did_you_mean},
    yaml::{Content, Node},
};

/// The longest time that can be written: ten years. Longer ones are slips of the unit.
pub(super) const MAX_DURATION: Duration = Duration::from_hours(3650 * 24);

/// A plain scalar, resolved.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text,
    /// YAML 1.1 and 1.2 differ, or JSON cannot hold it: what to write instead.
    Trap(String),
}

fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Boolean(true),
        "false" | "False" | "FALSE" => return Plain::Boolean(false),
        _ => {}
    }
    if let Some(value) = old_boolean(text) {
        return Plain::Trap(format!("write `{value}` or, if the text is meant, `\"{text}\"`"));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(unsigned) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            let plain = unsigned.trim_start_matches('0');
            let plain = if plain.is_empty() { "0" } else { plain };
            return Plain::Trap(format!("write `{plain}` or, if the text is meant, `\"{text}\"`"));
        }
        return text
            .parse()
            .map_or_else(|_| Plain::Trap(format!("whole numbers have 64 bits; if the text is meant, write `\"{text}\"`")), Plain::Integer);
    }
    if let Some(number) = based_integer(unsigned) {
        let sign = if text.starts_with('-') { "-" } else { "" };
        return Plain::Trap(format!("write `{sign}{number}` or, if the text is meant, `\"{text}\"`"));
    }
    if unsigned.contains('_') && unsigned.starts_with(|sign: char| sign.is_ascii_digit()) {
        let without = text.replace('_', "");
        if without.parse::<f64>().is_ok() {
            return Plain::Trap(format!("write `{without}` or, if the text is meant, `\"{text}\"`"));
        }
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Plain::Trap(format!("this is no number that JSON can hold; if the text is meant, write `\"{text}\"`"));
    }
    // Rust reads more than YAML does (`inf`, `nan`): only what begins like a number is tried.
    let starts_like_number = unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|sign: char| sign.is_ascii_digit());
    if starts_like_number && let Ok(number) = text.parse::<f64>() {
        if number.is_finite() {
            return Plain::Number(number);
        }
        return Plain::Trap(format!("this is no number that JSON can hold; if the text is meant, write `\"{text}\"`"));
    }
    Plain::Text
}

/// What YAML 1.1 would have read as a boolean.
fn old_boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// `0o17`, `0x1f`, `0b101`.
fn based_integer(text: &str) -> Option<i64> {
    let (radix, digits) = match text.get(..2)? {
        "0o" | "0O" => (8, text.get(2..)?),
        "0x" | "0X" => (16, text.get(2..)?),
        "0b" | "0B" => (2, text.get(2..)?),
        _ => return None,
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Whether a text asks to be evaluated.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// A text, quoted or not: `1.10` and `no` stay what is written.
pub(super) fn text<'n>(report: &mut Report, label: &str, node: &'n Node) -> Option<&'n str> {
    match &node.content {
        Content::Scalar(scalar) if scalar.is_null() => {
            report.error_with(node.place, "value_missing", format!("`{label}` has no value"), "write `\"\"` for an empty text".to_owned());
            None
        }
        Content::Scalar(scalar) => Some(&scalar.text),
        Content::Refused => None,
        Content::List(_) | Content::Map(_) => {
            report.error_with(
                node.place,
                "wrong_type",
                format!("`{label}` is a text, not {}", node.description()),
                "put quotes around a value that begins with `{{` or `[`".to_owned(),
            );
            None
        }
    }
}

/// A text that is taken as it is written: expressions in it would not be evaluated, so they are refused.
pub(super) fn written_text<'n>(report: &mut Report, label: &str, node: &'n Node) -> Option<&'n str> {
    let text = text(report, label, node)?;
    if is_template(text) {
        report.error(node.place, "not_evaluated", format!("`{label}` is taken as it is written: expressions are not evaluated here"));
        return None;
    }
    Some(text)
}

/// A written text that is not empty.
pub(super) fn name<'n>(report: &mut Report, label: &str, node: &'n Node) -> Option<&'n str> {
    let text = written_text(report, label, node)?;
    if text.trim().is_empty() {
        report.error(node.place, "value_missing", format!("`{label}` is empty"));
        return None;
    }
    Some(text.trim())
}

/// `true` or `false`.
pub(super) fn boolean(report: &mut Report, label: &str, node: &Node) -> Option<bool> {
    let scalar = single(report, label, "`true` or `false`", node)?;
    if scalar.1
        && let Plain::Boolean(value) = resolve(scalar.0)
    {
        return Some(value);
    }
    let help = if scalar.0.eq_ignore_ascii_case("true") || scalar.0.eq_ignore_ascii_case("false") {
        Some(format!("write `{}` without quotes", scalar.0.to_lowercase()))
    } else {
        old_boolean(scalar.0).map(|value| format!("write `{value}`"))
    };
    report.error_with(node.place, "wrong_type", format!("`{label}` is `true` or `false`, not `{}`", short(scalar.0)), help);
    None
}

/// A whole number within bounds.
pub(super) fn integer(report: &mut Report, label: &str, node: &Node, range: RangeInclusive<i64>) -> Option<i64> {
    let (text, plain) = single(report, label, "a whole number", node)?;
    let help = match resolve(text) {
        Plain::Integer(value) if plain && range.contains(&value) => return Some(value),
        Plain::Integer(_) if !plain => Some("write the number without quotes".to_owned()),
        Plain::Trap(help) => Some(help),
        _ => None,
    };
    let bounds = match (*range.start(), *range.end()) {
        (i64::MIN, i64::MAX) => String::new(),
        (low, i64::MAX) => format!(", at least {low}"),
        (low, high) => format!(" from {low} to {high}"),
    };
    report.error_with(node.place, "wrong_type", format!("`{label}` is a whole number{bounds}, not `{}`", short(text)), help);
    None
}

/// A number within bounds.
pub(super) fn number(report: &mut Report, label: &str, node: &Node, range: RangeInclusive<f64>) -> Option<f64> {
    let (text, plain) = single(report, label, "a number", node)?;
    let help = match resolve(text) {
        Plain::Integer(value) if plain && range.contains(&(value as f64)) => return Some(value as f64),
        Plain::Number(value) if plain && range.contains(&value) => return Some(value),
        Plain::Integer(_) | Plain::Number(_) if !plain => Some("write the number without quotes".to_owned()),
        Plain::Trap(help) => Some(help),
        _ => None,
    };
    let bounds = if range.start().is_finite() && range.end().is_finite() {
        format!(" from {} to {}", range.start(), range.end())
    } else {
        String::new()
    };
    report.error_with(node.place, "wrong_type", format!("`{label}` is a number{bounds}, not `{}`", short(text)), help);
    None
}

/// A time such as `500ms`, `300s`, `5m`, `1h`, `1d`, or a whole number of seconds.
pub(super) fn duration(report: &mut Report, label: &str, node: &Node) -> Option<Duration> {
    let (text, _) = single(report, label, "a time such as `30s`", node)?;
    match read_duration(text.trim()) {
        Ok(duration) => Some(duration),
        Err(help) => {
            report.error_with(
                node.place,
                "wrong_type",
                format!("`{label}` is a time such as `500ms`, `30s`, `5m`, `1h` or `7d`, not `{}`", short(text)),
                help,
            );
            None
        }
    }
}

/// A time that is longer than nothing.
pub(super) fn positive_duration(report: &mut Report, label: &str, node: &Node) -> Option<Duration> {
    let duration = duration(report, label, node)?;
    if duration.is_zero() {
        report.error(node.place, "out_of_range", format!("`{label}` has to be longer than nothing"));
        return None;
    }
    Some(duration)
}

/// A time such as `500ms`, `30s` or `5m`, or a whole number of seconds; `None` for any other text.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    read_duration(text.trim()).ok()
}

fn read_duration(text: &str) -> Result<Duration, Option<String>> {
    let end = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let millis = match unit.trim_start() {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        other => {
            let unit = match other.to_lowercase().as_str() {
                "sec" | "secs" | "second" | "seconds" => Some("s"),
                "min" | "mins" | "minute" | "minutes" => Some("m"),
                "hour" | "hours" | "hr" | "hrs" => Some("h"),
                "day" | "days" => Some("d"),
                "w" | "week" | "weeks" => {
                    return Err(digits.parse::<u64>().ok().and_then(|weeks| weeks.checked_mul(7)).map(|days| format!("write `{days}d`")));
                }
                _ => None,
            };
            return Err(unit.filter(|_| !digits.is_empty()).map(|unit| format!("write `{digits}{unit}`")));
        }
    };
    let amount: u64 = digits.parse().map_err(|_| None)?;
    let duration = amount.checked_mul(millis).map(Duration::from_millis).filter(|duration| *duration <= MAX_DURATION);
    duration.ok_or_else(|| Some("the longest time is 3650d".to_owned()))
}

/// US dollars, exactly as written: never through a floating-point number.
pub(super) fn money(report: &mut Report, label: &str, node: &Node) -> Option<Money> {
    let (text, _) = single(report, label, "an amount of US dollars such as `0.25`", node)?;
    if let Ok(money) = Money::from_dollars(text) {
        return Some(money);
    }
    let bare = text.trim().trim_start_matches('$').replace([',', '_'], "");
    let help = Money::from_dollars(&bare).ok().map(|_| format!("write `{bare}`"));
    let message = format!("`{label}` is an amount of US dollars such as `0.25` with at most nine decimals, not `{}`", short(text));
    report.error_with(node.place, "wrong_type", message, help);
    None
}

/// One of a fixed list of words. A word of `later` belongs to the language but cannot be run yet.
pub(super) fn word<T: Copy>(report: &mut Report, label: &str, node: &Node, words: &[(&str, T)], later: &[&str]) -> Option<T> {
    let listed = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let (text, _) = single(report, label, "a word", node)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    if later.contains(&text) {
        report.not_supported(node.place, format!("`{label}: {text}`"));
        return None;
    }
    let help = did_you_mean(text, words.iter().map(|(word, _)| *word).chain(later.iter().copied()))
        .unwrap_or_else(|| format!("it is one of {}", listed()));
    report.error_with(node.place, "unknown_value", format!("`{}` is no value of `{label}`", short(text)), help);
    None
}

/// Whether a text can stand in an expression as a name: a letter or `_`, then letters, digits and `_`.
pub(super) fn is_identifier(text: &str) -> bool {
    let mut signs = text.chars();
    signs.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && signs.all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
        && text.len() <= 64
}

/// The nearest identifier: small letters and digits, joined by `separator`. `None` when nothing is left.
pub(super) fn slug(text: &str, separator: char) -> Option<String> {
    let mut slug = String::new();
    for sign in text.chars() {
        if sign.is_ascii_alphanumeric() {
            slug.push(sign.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with(separator) {
            slug.push(separator);
        }
        if slug.len() >= 60 {
            break;
        }
    }
    let slug = slug.trim_end_matches(separator).to_owned();
    (!slug.is_empty()).then_some(slug)
}

/// A JSON value as it is written.
pub(super) fn json(report: &mut Report, node: &Node) -> Option<Value> {
    match &node.content {
        Content::Refused => None,
        Content::Scalar(scalar) if !scalar.plain => Some(Value::String(scalar.text.clone())),
        Content::Scalar(scalar) => match resolve(&scalar.text) {
            Plain::Null => Some(Value::Null),
            Plain::Boolean(value) => Some(Value::Bool(value)),
            Plain::Integer(value) => Some(Value::from(value)),
            Plain::Number(value) => Number::from_f64(value).map(Value::Number),
            Plain::Text => Some(Value::String(scalar.text.clone())),
            Plain::Trap(help) => {
                report.error_with(node.place, "ambiguous_scalar", format!("`{}` can be read in two ways", short(&scalar.text)), help);
                None
            }
        },
        Content::List(items) => {
            let values: Vec<_> = items.iter().map(|item| json(report, item)).collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Content::Map(entries) => {
            let fields: Vec<_> = entries.iter().map(|entry| (entry.key.clone(), json(report, &entry.node))).collect();
            fields.into_iter().map(|(key, value)| Some((key, value?))).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}

/// The text of a scalar, and whether it is plain; reports anything else.
fn single<'n>(report: &mut Report, label: &str, wanted: &str, node: &'n Node) -> Option<(&'n str, bool)> {
    match &node.content {
        Content::Scalar(scalar) if scalar.is_null() => {
            report.error(node.place, "value_missing", format!("`{label}` has no value; it is {wanted}"));
            None
        }
        Content::Scalar(scalar) if is_template(&scalar.text) => {
            report.error(node.place, "not_evaluated", format!("`{label}` is taken as it is written: expressions are not evaluated here"));
            None
        }
        Content::Scalar(scalar) => Some((&scalar.text, scalar.plain)),
        Content::Refused => None,
        Content::List(_) | Content::Map(_) => {
            report.error(node.place, "wrong_type", format!("`{label}` is {wanted}, not {}", node.description()));
            None
        }
    }
}

/// A literal as YAML types it, such as the key of a case; `plain` says that it is written without quotes.
pub(super) fn literal(report: &mut Report, text: &str, plain: bool, place: super::source::Place) -> Option<Value> {
    if is_template(text) {
        report.error(place, "not_evaluated", "this is taken as it is written: expressions are not evaluated here");
        return None;
    }
    if !plain {
        return Some(Value::from(text));
    }
    match resolve(text) {
        Plain::Null => Some(Value::Null),
        Plain::Boolean(value) => Some(Value::Bool(value)),
        Plain::Integer(value) => Some(Value::from(value)),
        Plain::Number(value) => Number::from_f64(value).map(Value::Number),
        Plain::Text => Some(Value::from(text)),
        Plain::Trap(help) => {
            report.error_with(place, "ambiguous_scalar", format!("`{}` can be read in two ways", short(text)), help);
            None
        }
    }
}

/// A text as a message shows it: one line, and not longer than forty signs.
pub(super) fn short(text: &str) -> String {
    let line: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    if line.chars().count() <= 40 { line } else { format!("{}…", line.chars().take(39).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, meaning) in [
            ("~", Plain::Null),
            ("", Plain::Null),
            ("True", Plain::Boolean(true)),
            ("-12", Plain::Integer(-12)),
            ("+5", Plain::Integer(5)),
            ("0", Plain::Integer(0)),
            ("1.50", Plain::Number(1.5)),
            ("1e3", Plain::Number(1000.0)),
            (".5", Plain::Number(0.5)),
            ("1.0.0", Plain::Text),
            ("2026-01-01", Plain::Text),
            ("1:30", Plain::Text),
            ("inf", Plain::Text),
            ("nan", Plain::Text),
            ("-", Plain::Text),
            ("yesterday", Plain::Text),
            ("a_b", Plain::Text),
        ] {
            assert_eq!(resolve(text), meaning, "{text}");
        }
        for text in [
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "017",
            "00",
            "0o17",
            "0x1F",
            "1_000",
            "1_0.5",
            ".inf",
            "-.inf",
            ".nan",
            "1e400",
            "9223372036854775808",
        ] {
            assert!(matches!(resolve(text), Plain::Trap(_)), "{text}: {:?}", resolve(text));
        }
    }

    #[test]
    fn durations_are_read_in_five_units() {
        for (text, millis) in
            [("500ms", 500), ("300s", 300_000), ("300", 300_000), ("5m", 300_000), ("1h", 3_600_000), ("1d", 86_400_000), ("5 m", 300_000)]
        {
            assert_eq!(read_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, help) in [
            ("5 minutes", Some("write `5m`")),
            ("2w", Some("write `14d`")),
            ("4000d", Some("the longest time is 3650d")),
            ("99999999999999999999s", None),
            ("1.5h", None),
            ("-1s", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read_duration(text), Err(help.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn slugs_are_short_and_plain() {
        assert_eq!(slug("Collect the changes!", '_').as_deref(), Some("collect_the_changes"));
        assert_eq!(slug("Über 3 Häuser", '-').as_deref(), Some("ber-3-h-user"));
        assert_eq!(slug("支払い", '_'), None);
    }
}
