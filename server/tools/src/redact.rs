//! Takes secrets out of what comes back and of what is said about it.
//!
//! A value is found as it is and in the forms it commonly comes back in: inside JSON strings,
//! percent-encoded, in hexadecimal and in base64 (at each of the three positions it can have within a
//! longer encoded text). What a server does to it beyond that, such as hashing, is not found.

use base64::{Engine as _, engine::general_purpose};
use domain::call::BoundSecret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::bytes::{NoExpand, Regex, RegexBuilder};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Values shorter than this many bytes are not looked for: they would be found everywhere, and they
/// keep no secret.
const SHORTEST: usize = 4;
/// RFC 3986 §2.3, what `encodeURIComponent` and most libraries leave alone.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Finds the secrets of one call.
#[derive(Clone)]
pub struct Redactor {
    /// Nothing to look for is `None`.
    pattern: Option<Regex>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// The secrets are too many or too long to be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The credentials of this call are too long to be kept out of its answer.")]
pub struct TooMuchToRedact;

impl Redactor {
    /// Looks for the values of these credentials.
    pub fn new(secrets: &[BoundSecret]) -> Result<Self, TooMuchToRedact> {
        let mut forms: Vec<Zeroizing<String>> =
            secrets.iter().map(|secret| secret.value.expose()).filter(|value| value.len() >= SHORTEST).flat_map(forms_of).collect();
        if forms.is_empty() {
            return Ok(Self { pattern: None });
        }
        // The first alternative that fits is taken: the longest leaves no remainder behind.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        let mut alternatives = Zeroizing::new(String::new());
        for form in &forms {
            if !alternatives.is_empty() {
                alternatives.push('|');
            }
            alternatives.push_str(&Zeroizing::new(regex::escape(form)));
        }
        // 64 MiB of automaton hold the forms of about 100 KiB of secrets.
        let pattern = RegexBuilder::new(&alternatives).size_limit(64 << 20).build().map_err(|_| TooMuchToRedact)?;
        Ok(Self { pattern: Some(pattern) })
    }

    /// The bytes without the secrets.
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.pattern {
            Some(pattern) if pattern.is_match(&bytes) => pattern.replace_all(&bytes, NoExpand(REDACTED.as_bytes())).into_owned(),
            _ => bytes,
        }
    }

    /// The text without the secrets.
    pub fn text(&self, text: String) -> String {
        match &self.pattern {
            // Only whole UTF-8 forms are replaced by UTF-8, so that nothing is lost here.
            Some(_) => String::from_utf8_lossy(&self.bytes(text.into_bytes())).into_owned(),
            None => text,
        }
    }

    /// The value without the secrets in its strings, keys and numbers, however the document spelled them; a number
    /// that shows one becomes the text [`REDACTED`].
    pub fn value(&self, value: Value) -> Value {
        match value {
            _ if self.pattern.is_none() => value,
            Value::String(text) => Value::String(self.text(text)),
            Value::Number(number) => {
                let digits = number.to_string();
                if self.text(digits.clone()) == digits { Value::Number(number) } else { Value::String(REDACTED.to_owned()) }
            }
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, item)| (self.text(key), self.value(item))).collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}

fn forms_of(value: &str) -> Vec<Zeroizing<String>> {
    let quoted = Value::from(value).to_string();
    let escaped = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or(value);
    let mut forms = vec![value.to_owned(), escaped.to_owned(), escaped.replace('/', "\\/")];
    for set in [UNRESERVED, NON_ALPHANUMERIC] {
        let encoded = utf8_percent_encode(value, set).to_string();
        forms.push(lower_percent(&encoded));
        forms.push(encoded.replace("%20", "+"));
        forms.push(encoded);
    }
    forms.push(url::form_urlencoded::byte_serialize(value.as_bytes()).collect());
    let hex: String =
        value.bytes().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    forms.push(hex.to_uppercase());
    forms.push(hex);
    for engine in [&general_purpose::STANDARD_NO_PAD, &general_purpose::URL_SAFE_NO_PAD] {
        forms.extend((0..3).filter_map(|offset| inner_base64(engine, value.as_bytes(), offset)));
    }
    forms.into_iter().filter(|form| form.len() >= SHORTEST).map(Zeroizing::new).collect()
}

/// The signs of base64 that depend on `value` alone when it begins `offset` bytes (modulo 3) into what
/// is encoded: those shared with the bytes before and after it are left out.
fn inner_base64(engine: &general_purpose::GeneralPurpose, value: &[u8], offset: usize) -> Option<String> {
    let mut shifted = Zeroizing::new(vec![0_u8; offset]);
    shifted.extend_from_slice(value);
    let encoded = Zeroizing::new(engine.encode(&*shifted));
    // Sign n holds the bits from 6n to 6n + 5.
    let first = (offset * 8).div_ceil(6);
    let end = shifted.len() * 8 / 6;
    encoded.get(first..end).map(str::to_owned)
}

/// Percent escapes with small hexadecimal digits, the rest untouched.
fn lower_percent(encoded: &str) -> String {
    let mut digits = 0;
    encoded
        .chars()
        .map(|sign| {
            if sign == '%' {
                digits = 2;
            } else if digits > 0 {
                digits -= 1;
                return sign.to_ascii_lowercase();
            }
            sign
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use domain::Secret;
    use proptest::prelude::*;

    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let secrets: Vec<_> =
            values.iter().map(|value| BoundSecret { name: "n".into(), value: Secret::new(*value), hosts: vec![] }).collect();
        Redactor::new(&secrets).unwrap()
    }

    #[test]
    fn a_secret_is_found_in_its_usual_disguises() {
        let redactor = redactor(&["s3cr3t/ä\"+key=="]);
        for disguise in [
            "s3cr3t/ä\"+key==",
            "s3cr3t/ä\\\"+key==",
            "s3cr3t\\/ä\\\"+key==",
            "s3cr3t%2F%C3%A4%22%2Bkey%3D%3D",
            "s3cr3t%2f%c3%a4%22%2bkey%3d%3d",
            "7333637233742fc3a4222b6b65793d3d",
            "7333637233742FC3A4222B6B65793D3D",
        ] {
            assert_eq!(redactor.text(format!("<{disguise}>")), "<[redacted]>", "{disguise}");
        }
    }

    #[test]
    fn the_longer_of_two_secrets_leaves_no_remainder() {
        assert_eq!(redactor(&["abcdef", "abcdefghi"]).text("xabcdefghix".into()), "x[redacted]x");
    }

    #[test]
    fn a_secret_is_found_in_json_however_it_is_spelled() {
        let value = crate::json::parse(br#"{"k-\u0074oken": ["my \u0074oken-1234", 5, 99887766.5]}"#).unwrap();
        let seen = redactor(&["token-1234", "99887766"]).value(value).to_string();
        assert_eq!(seen, r#"{"k-token":["my [redacted]",5,"[redacted]"]}"#);
    }

    #[test]
    fn nothing_is_lost_where_there_is_no_secret() {
        let bytes = vec![0xff, 0, 1, 2];
        assert_eq!(redactor(&["abcdefg"]).bytes(bytes.clone()), bytes);
        assert_eq!(redactor(&["abc"]).text("abc".into()), "abc", "three letters keep no secret");
    }

    proptest! {
        #[test]
        fn base64_is_seen_through_wherever_the_secret_stands(
            before in "[ -~]{0,7}", secret in "[a-zA-Z0-9!?/+]{8,40}", after in "[ -~]{0,7}",
        ) {
            for engine in [&general_purpose::STANDARD, &general_purpose::URL_SAFE] {
                let sent = engine.encode(format!("{before}{secret}{after}"));
                let seen = redactor(&[&secret]).text(sent);
                prop_assert!(seen.contains(REDACTED), "{seen}");
                // At most one sign on either side stands for bits of the secret and of its neighbour.
                let rest = seen.replace(REDACTED, "");
                prop_assert!(rest.len() <= (before.len() + after.len()) * 4 / 3 + 8, "{rest}");
            }
        }
    }
}
