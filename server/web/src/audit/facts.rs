//! The facts of a row of the log in words. The row as it was recorded stands below them.

use platform::audit::AuditLine;
use serde_json::{Map, Value};

use crate::{format, text};

/// Signs of a hash that are shown: enough to compare by eye.
const HASH_SIGNS: usize = 8;
/// Facts that are amounts in US dollars.
const AMOUNTS: [&str; 6] = ["ceiling", "cost", "held", "limit", "limit_before", "charged"];

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
    /// All of it, when less is shown; else empty.
    pub(super) title: String,
    /// Where it leads; empty for nowhere.
    pub(super) href: String,
}

/// The facts of a row; `page` finds the page of a thing by kind and id.
pub(super) fn facts(line: &AuditLine, page: impl Fn(&str, &str) -> String) -> Vec<Fact> {
    line.detail.iter().map(|(key, value)| fact(key, value, &page)).collect()
}

fn fact(key: &str, value: &Value, page: impl Fn(&str, &str) -> String) -> Fact {
    let whole = |value: String| Fact {
        label: text::sentence(&words(key)).trim_end_matches('.').to_owned(),
        value,
        title: String::new(),
        href: String::new(),
    };
    let Value::String(text) = value else { return whole(in_words(key, value)) };
    if is_hash(text) {
        let short = format!("{}…", text.get(..HASH_SIGNS).unwrap_or(text));
        return Fact { title: text.clone(), ..whole(short) };
    }
    match text.split_once('_') {
        Some(("run", _)) => Fact { title: text.clone(), href: page("run", text), ..whole(format::id(text).short) },
        Some(("apr", _)) => Fact { title: text.clone(), href: page("approval", text), ..whole(format::id(text).short) },
        _ => whole(in_words(key, value)),
    }
}

/// The name of a fact for people.
fn words(key: &str) -> String {
    text::in_line(&key.replace('_', " "))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|sign| sign.is_ascii_hexdigit())
}

/// A value in words: no brackets, no quotation marks.
fn in_words(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) if AMOUNTS.contains(&key) && text.parse::<f64>().is_ok() => format!("${text}"),
        Value::String(text) => moment(text).unwrap_or_else(|| text::in_line(text)),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) if items.iter().any(Value::is_object) => joined(items, key, "; "),
        Value::Array(items) => joined(items, key, ", "),
        Value::Object(fields) => object(fields),
        Value::Number(number) => number.to_string(),
    }
}

fn joined(items: &[Value], key: &str, between: &str) -> String {
    items.iter().map(|item| in_words(key, item)).collect::<Vec<_>>().join(between)
}

fn object(fields: &Map<String, Value>) -> String {
    fields.iter().map(|(key, value)| format!("{} {}", words(key), in_words(key, value))).collect::<Vec<_>>().join(", ")
}

/// A moment as the log writes it, `2026-11-24T09:43:00.000000Z`, to the second.
fn moment(text: &str) -> Option<String> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let is_of = |text: &str, between: char, parts: usize| {
        let all: Vec<&str> = text.split(between).collect();
        all.len() == parts && all.iter().all(|part| !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_digit()))
    };
    let seconds = time.split('.').next()?;
    (is_of(day, '-', 3) && is_of(seconds, ':', 3)).then(|| format!("{day} {seconds} UTC"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(key: &str, value: &Value) -> Fact {
        fact(key, value, |kind, id| format!("/{kind}/{id}"))
    }

    #[test]
    fn a_fact_is_told_in_words() {
        for (key, value, label, words) in [
            ("expires_at", json!("2026-11-24T09:43:00.000000Z"), "Expires at", "2026-11-24 09:43:00 UTC"),
            ("ceiling", json!("0.25"), "Ceiling", "$0.25"),
            ("comment", json!(""), "Comment", "empty"),
            ("comment", json!("two\nlines \u{202e}"), "Comment", "two lines \\u{202e}"),
            ("hosts", json!(["a.example", "b.example"]), "Hosts", "a.example, b.example"),
            ("reason", json!(null), "Reason", "none"),
            ("was_default", json!(true), "Was default", "yes"),
            (
                "credentials",
                json!([{"name": "desk", "version": 2}, {"name": "key", "version": 1}]),
                "Credentials",
                "name desk, version 2; name key, version 1",
            ),
            ("title", json!("T1Z"), "Title", "T1Z"),
        ] {
            let told = told(key, &value);
            assert_eq!((told.label.as_str(), told.value.as_str()), (label, words), "{key}");
        }
    }

    #[test]
    fn hashes_and_ids_are_short_and_whole_behind_it() {
        let digest = told("digest", &json!("9f2c41ab".repeat(8)));
        assert_eq!((digest.value.as_str(), digest.title.len()), ("9f2c41ab…", 64));
        let run = told("run", &json!("run_00000000000000000000000001"));
        assert_eq!((run.value.as_str(), run.href.as_str()), ("run_…000001", "/run/run_00000000000000000000000001"));
    }
}
