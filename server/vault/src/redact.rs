//! Takes secrets, and the forms they are commonly written in, out of texts that others will read.
//!
//! Replaced are: the secret itself; base64 and base64url, also as a part of something longer (such as
//! the `user:password` of basic authentication); hexadecimal; percent-encoded, also as in forms; as
//! within a JSON text, once and twice; as within HTML; and each long line of a secret of many lines,
//! because logs cut at line ends. What is transformed in another way is not found: a redactor is the
//! last net, the first is never to hand a secret to what writes texts.
//!
//! A secret of fewer than [`SHORTEST`] characters would take half the letters out of every text: it is
//! replaced only where it is the whole text, or the whole of a value in JSON.

use std::fmt;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use domain::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What stands in the place of a secret.
pub const DOTS: &str = "••••";
/// The fewest characters of a secret, and of an encoded form of one, that is replaced within a text.
/// Four bytes leave four signs of base64 that are theirs alone, wherever they stand.
pub const SHORTEST: usize = 4;
/// The fewest characters of a line that is replaced on its own.
const SHORTEST_LINE: usize = 16;
/// Replaces a set of secrets. Made once for a step, used for every text of it.
pub struct Redactor {
    /// The longest first, so that no form is cut in two by a shorter one within it.
    within: Vec<Zeroizing<String>>,
    whole: Vec<Zeroizing<String>>,
}

impl Redactor {
    /// A redactor for these secrets. An empty secret is nothing to replace.
    pub fn new(secrets: &[Secret]) -> Self {
        let (mut within, mut whole) = (Vec::new(), Vec::new());
        for secret in secrets {
            let value = secret.expose();
            for text in [value, value.trim()] {
                if text.chars().count() >= SHORTEST {
                    forms(text, &mut within);
                } else if !text.is_empty() {
                    whole.push(Zeroizing::new(text.to_owned()));
                }
            }
            for line in value.lines().map(str::trim).filter(|line| line.len() < value.len() && line.chars().count() >= SHORTEST_LINE) {
                forms(line, &mut within);
            }
        }
        within.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        within.dedup();
        Self { within, whole }
    }

    /// The text with every secret replaced by dots.
    pub fn redact(&self, text: &str) -> String {
        if self.whole.iter().any(|secret| secret.as_str() == text) {
            return DOTS.to_owned();
        }
        let mut text = text.to_owned();
        for form in &self.within {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), DOTS);
            }
        }
        text
    }

    /// Replaces every secret in the strings, the names and the numbers of a JSON value. A number
    /// that holds one becomes a string.
    pub fn redact_json(&self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let text = number.to_string();
                let redacted = self.redact(&text);
                if redacted != text {
                    *value = Value::String(redacted);
                }
            }
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(members) => {
                let mut redacted = Map::with_capacity(members.len());
                for (name, mut member) in std::mem::take(members) {
                    self.redact_json(&mut member);
                    let mut name = self.redact(&name);
                    // Two names that differed in a secret alone are the same now: both members stay.
                    while redacted.contains_key(&name) {
                        name.push('•');
                    }
                    redacted.insert(name, member);
                }
                *members = redacted;
            }
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.within.len() + self.whole.len())
    }
}

/// Every form of a secret that is looked for within texts.
fn forms(secret: &str, into: &mut Vec<Zeroizing<String>>) {
    let once = json_escaped(secret);
    let mut encoded = vec![
        hex::encode(secret),
        hex::encode_upper(secret),
        percent_encoded(secret, false, false),
        percent_encoded(secret, false, true),
        percent_encoded(secret, true, false),
        percent_encoded(secret, true, true),
        json_escaped(&once),
        once.replace('/', "\\/"),
        json_ascii(&once),
        html_escaped(secret, "&#39;"),
        html_escaped(secret, "&#x27;"),
        once,
    ];
    for offset in 0..3 {
        encoded.push(base64_within(secret.as_bytes(), offset, &STANDARD_NO_PAD));
        encoded.push(base64_within(secret.as_bytes(), offset, &URL_SAFE_NO_PAD));
    }
    into.push(Zeroizing::new(secret.to_owned()));
    into.extend(encoded.into_iter().filter(|form| form.len() >= SHORTEST).map(Zeroizing::new));
}

/// The signs of the base64 of any text that has the secret `offset` bytes (modulo 3) after its
/// beginning, as far as the secret alone decides them.
fn base64_within(secret: &[u8], offset: usize, engine: &base64::engine::GeneralPurpose) -> String {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(secret);
    let signs = engine.encode(bytes.as_slice());
    // Six bits a sign: the first sign that has no bit of what stands before, and the end of the last
    // that has no bit of what comes after.
    let (first, end) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
    signs.get(first..end).unwrap_or_default().to_owned()
}

/// RFC 3986: everything but unreserved characters is encoded; in forms a space is a plus sign.
fn percent_encoded(secret: &str, form: bool, lower: bool) -> String {
    let mut text = String::with_capacity(secret.len() * 3);
    for byte in secret.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            b'~' if !form => text.push('~'),
            b'*' if form => text.push('*'),
            b' ' if form => text.push('+'),
            _ => {
                let digits = if lower { hex::encode([byte]) } else { hex::encode_upper([byte]) };
                text.push('%');
                text.push_str(&digits);
            }
        }
    }
    text
}

fn json_escaped(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// The escaped text with everything beyond ASCII as `\uXXXX`, as several languages write JSON.
fn json_ascii(escaped: &str) -> String {
    let mut text = String::with_capacity(escaped.len());
    for sign in escaped.chars() {
        if sign.is_ascii() {
            text.push(sign);
        } else {
            let mut units = [0; 2];
            for unit in sign.encode_utf16(&mut units) {
                text.push_str("\\u");
                text.push_str(&hex::encode(unit.to_be_bytes()));
            }
        }
    }
    text
}

fn html_escaped(text: &str, apostrophe: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', apostrophe)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(&secrets.iter().map(|secret| Secret::new(*secret)).collect::<Vec<_>>())
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        let redactor = redactor(&["s3cret/+ü"]);
        assert_eq!(redactor.redact("a s3cret/+ü and s3cret/+ü."), "a •••• and ••••.");
        assert_eq!(redactor.redact("nothing here"), "nothing here");
        assert_eq!(redactor.redact(""), "");
    }

    #[test]
    fn encoded_forms_are_replaced() {
        let secret = "pä ss\"w/o>rd?'~*&\\1";
        let redactor = redactor(&[secret]);
        for form in [
            hex::encode(secret),
            hex::encode_upper(secret),
            "p%C3%A4%20ss%22w%2Fo%3Erd%3F%27~%2A%26%5C1".to_owned(),
            "p%c3%a4+ss%22w%2fo%3erd%3f%27%7e*%26%5c1".to_owned(),
            "pä ss\\\"w/o>rd?'~*&\\\\1".to_owned(),
            "pä ss\\\"w\\/o>rd?'~*&\\\\1".to_owned(),
            "p\\u00e4 ss\\\"w/o>rd?'~*&\\\\1".to_owned(),
            "pä ss\\\\\\\"w/o>rd?'~*&\\\\\\\\1".to_owned(),
            "pä ss&quot;w/o&gt;rd?&#x27;~*&amp;\\1".to_owned(),
        ] {
            assert_eq!(redactor.redact(&format!("<{form}>")), "<••••>", "{form}");
        }
    }

    #[test]
    fn basic_authentication_is_replaced() {
        let redactor = redactor(&["s3cret-value"]);
        for user in ["u", "us", "usr", "user", "alice@example.com"] {
            let header = STANDARD.encode(format!("{user}:s3cret-value"));
            let redacted = redactor.redact(&header);
            assert!(redacted.contains(DOTS) && redacted.len() < header.len() + DOTS.len() - 12, "{redacted}");
        }
    }

    #[test]
    fn the_shortest_secret_is_found_in_base64_wherever_it_stands() {
        let redactor = redactor(&["aA1z"]);
        for before in ["", "x", "xy", "xyz"] {
            let text = STANDARD.encode(format!("{before}aA1z and more"));
            assert!(redactor.redact(&text).contains(DOTS), "{text}");
        }
    }

    #[test]
    fn each_long_line_of_a_key_is_replaced_on_its_own() {
        let key = "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n  CCqGSM49AwEHBG0wawIBAQQg\nshort\n-----END KEY-----\n";
        let redactor = redactor(&[key]);
        assert_eq!(redactor.redact("x CCqGSM49AwEHBG0wawIBAQQg y"), "x •••• y");
        assert_eq!(redactor.redact(key.trim()), DOTS);
        assert_eq!(redactor.redact("short"), "short");
    }

    #[test]
    fn a_very_short_secret_is_replaced_only_as_a_whole() {
        let redactor = redactor(&["abc", ""]);
        assert_eq!(redactor.redact("abc"), DOTS);
        assert_eq!(redactor.redact("the abc of it"), "the abc of it");
        let mut value = json!({"a": "abc", "b": "abcd"});
        redactor.redact_json(&mut value);
        assert_eq!(value, json!({"a": "••••", "b": "abcd"}));
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_of_the_longer_one() {
        assert_eq!(redactor(&["hunter", "hunter-two"]).redact("hunter-two hunter"), "•••• ••••");
    }

    #[test]
    fn names_numbers_and_depths_of_json_are_searched() {
        let redactor = redactor(&["s3cret", "s4cret", "12345678"]);
        let mut value = json!({"s3cret": [1, {"x": "as3cretb"}], "s4cret": 12_345_678, "n": 1234, "t": true, "z": null});
        redactor.redact_json(&mut value);
        assert_eq!(value, json!({"••••": [1, {"x": "a••••b"}], "•••••": "••••", "n": 1234, "t": true, "z": null}));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", redactor(&["s3cret"])).contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_survives(secret in "\\PC{4,40}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
            let redactor = redactor(&[&secret]);
            let joined = format!("{before}{secret}{after}");
            prop_assert!(!redactor.redact(&joined).contains(&secret) || DOTS.contains(&secret));
            for text in [STANDARD.encode(&joined), URL_SAFE.encode(&joined)] {
                let redacted = redactor.redact(&text);
                // Of the secret's bits at most one sign at each side may stay, which others share.
                prop_assert!(redacted.contains(DOTS), "{}", redacted);
                prop_assert!(redacted.chars().filter(|sign| *sign != '•').count() <= (before.len() + after.len()) * 4 / 3 + 8);
            }
            let mut value = json!({"v": joined, "n": [secret.clone()]});
            redactor.redact_json(&mut value);
            prop_assert!(!value.to_string().contains(&json_escaped(&secret)) || DOTS.contains(&secret));
        }
    }
}
