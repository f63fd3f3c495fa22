//! Filters between values and their written forms: JSON, HTML, addresses.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Fault, Outcome, Signature, Work, plain};
use crate::expression::value;

pub(super) const FILTERS: &[Signature] = &[
    plain("string", &[], 0, string),
    plain("parse_json", &[], 0, parse_json),
    plain("to_json", &["indent"], 0, to_json),
    plain("tojson", &["indent"], 0, to_json),
    plain("escape", &[], 0, escape),
    plain("urlencode", &[], 0, urlencode),
];

/// The widest indentation of JSON.
const WIDEST_INDENT: usize = 16;

fn string<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, _: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    if input.is_string() {
        return Ok(Outcome::Defined(input));
    }
    value::text(work, &input).map(|text| Outcome::made(text.into_owned()))
}

fn parse_json<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    work.allocate(text.len())?;
    work.spend(text.len() / 16)?;
    let parsed: Value = serde_json::from_str(text)
        .map_err(|error| Fault::Argument(format!("the text is not JSON (line {}, column {})", error.line(), error.column())))?;
    Ok(Outcome::made(parsed))
}

fn to_json<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let indent = arguments.size(0)?.filter(|indent| *indent > 0);
    if indent.is_some_and(|indent| indent > WIDEST_INDENT) {
        return Err(Fault::Argument(format!("the argument `indent` is at most {WIDEST_INDENT}")));
    }
    value::json(work, &input, indent).map(Outcome::made)
}

/// Safe inside of HTML text and of quoted attributes.
fn escape<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, _: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = value::text(work, &input)?;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    work.allocate(escaped.len())?;
    Ok(Outcome::made(escaped))
}

/// A text becomes part of an address, an object or a list of pairs its query. Everything but letters,
/// figures and `-._~` is written as `%XX`, the slash too: a value must not reach into the path.
fn urlencode<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let mut encoded = String::new();
    match &*input {
        Value::Object(fields) => {
            for (key, value) in fields {
                pair(work, &mut encoded, key, value)?;
            }
        }
        Value::Array(pairs) => {
            for item in pairs {
                let Value::Array(both) = item else { return Err(arguments.unfit("a text, an object or a list of pairs", &input)) };
                let [Value::String(key), value] = both.as_slice() else {
                    return Err(arguments.unfit("a text, an object or a list of pairs", &input));
                };
                pair(work, &mut encoded, key, value)?;
            }
        }
        Value::Null => return Err(arguments.unfit("a text, an object or a list of pairs", &input)),
        other => {
            let text = value::text(work, other)?;
            percent(work, &mut encoded, &text)?;
        }
    }
    Ok(Outcome::made(encoded))
}

fn pair(work: &mut Work<'_>, encoded: &mut String, key: &str, value: &Value) -> Result<(), Fault> {
    if !encoded.is_empty() {
        encoded.push('&');
    }
    percent(work, encoded, key)?;
    encoded.push('=');
    let value = value::text(work, value)?;
    percent(work, encoded, &value)
}

fn percent(work: &mut Work<'_>, encoded: &mut String, text: &str) -> Result<(), Fault> {
    const FIGURES: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    work.spend(1)?;
    work.allocate(encoded.len().min(1) + text.len())?;
    work.fits(encoded.len() + text.len())?;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 15].into_iter().filter_map(|figure| FIGURES.get(usize::from(figure))));
        }
    }
    work.fits(encoded.len())
}
