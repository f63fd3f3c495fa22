//! `core.crypto`. Nothing here is secret: `uuid` and `random_bytes` are made from run, step and call, so that a replay
//! gives the same, and whoever knows a run can make them again. They tell things apart; they are no keys and no
//! passwords.
//!
//! `hmac` needs the value of a credential, which never comes into a plan: it is refused by the parser.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

use super::Arguments;
use crate::core::render::Trouble;

/// The most bytes that `random_bytes` gives.
const MOST_BYTES: i64 = 1024;
/// The bytes that it gives when `input` does not say how many.
const USUAL_BYTES: i64 = 32;

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let bytes = match arguments.word("operation") {
        Some("hash") => hash(arguments)?,
        Some("uuid") => return arguments.say("uuid()", &[]),
        Some("random_bytes") => bytes_by_chance(arguments)?,
        _ => return Err(arguments.wrong("`operation`", "is missing")),
    };
    Ok(Value::String(match arguments.word("encoding") {
        Some("base64") => STANDARD.encode(bytes),
        _ => hex::encode(bytes),
    }))
}

/// The hash of a text's bytes in UTF-8 (FIPS 180-4).
fn hash(arguments: &Arguments<'_>) -> Result<Vec<u8>, Trouble> {
    let input = arguments.text("input")?;
    Ok(match arguments.word("algorithm") {
        Some("sha512") => Sha512::digest(input).to_vec(),
        _ => Sha256::digest(input).to_vec(),
    })
}

/// So many bytes that look like chance: hashes of the step's identifier and a counter.
fn bytes_by_chance(arguments: &Arguments<'_>) -> Result<Vec<u8>, Trouble> {
    let wanted = arguments.whole("input", 1..=MOST_BYTES)?.unwrap_or(USUAL_BYTES);
    let wanted = usize::try_from(wanted).unwrap_or_default();
    let Value::String(seed) = arguments.say("uuid()", &[])? else { return Err(arguments.wrong("the identifier", "cannot be made")) };
    let mut bytes = Vec::with_capacity(wanted + 32);
    for block in 0_u32.. {
        if bytes.len() >= wanted {
            break;
        }
        let mut hash = Sha256::new();
        hash.update("mandate-random-bytes");
        hash.update(&seed);
        hash.update(block.to_be_bytes());
        bytes.extend_from_slice(&hash.finalize());
    }
    bytes.truncate(wanted);
    Ok(bytes)
}
