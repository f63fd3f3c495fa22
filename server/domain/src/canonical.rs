//! One byte form for one JSON value: what is hashed, signed and compared.
//!
//! Object keys are sorted by their bytes, nothing is indented, numbers and strings are written as
//! `serde_json` writes them. In the spirit of RFC 8785, without its re-formatting of floats: a value
//! that went through this form once comes out the same again.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The canonical bytes of a value, as text.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// SHA-256 of the canonical bytes.
pub fn digest(value: &Value) -> [u8; 32] {
    Sha256::digest(text(value).as_bytes()).into()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                if let Some(field) = fields.get(key) {
                    write(field, out);
                }
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one = json!({"b": [1, {"y": null, "x": "é\n"}], "a": 1.5});
        assert_eq!(text(&one), "{\"a\":1.5,\"b\":[1,{\"x\":\"é\\n\",\"y\":null}]}");
        let again: Value = serde_json::from_str(&text(&one)).unwrap();
        assert_eq!(digest(&again), digest(&one));
    }
}
