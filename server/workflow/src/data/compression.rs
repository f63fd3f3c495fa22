//! `core.compress` and `core.decompress`: a text as gzip (RFC 1952) in base64 (RFC 4648 §4), and back.
//!
//! What is small may say that it is large. So a result is bounded while it is read, not after: by `max_bytes`, and by
//! a ratio that hardly any text reaches.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use serde_json::Value;

use super::{Action, Arguments, LARGEST_RESULT};
use crate::core::render::Trouble;

/// How many times as large as what was compressed a result may be.
const LARGEST_RATIO: usize = 100;
/// The size up to which the ratio does not matter, in bytes.
const SMALL: usize = 256 * 1024;

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let input = arguments.text("input")?;
    match arguments.action() {
        Action::Compress => compress(arguments, &input).map(Value::String),
        _ => decompress(arguments, &input).map(Value::String),
    }
}

fn compress(arguments: &Arguments<'_>, input: &str) -> Result<String, Trouble> {
    // The header has no time and no name in it: the same text gives the same bytes.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(input.as_bytes()).and_then(|()| encoder.finish());
    packed.map(|packed| STANDARD.encode(packed)).map_err(|_| arguments.wrong("`input`", "cannot be compressed"))
}

fn decompress(arguments: &Arguments<'_>, input: &str) -> Result<String, Trouble> {
    let most = arguments.whole("max_bytes", 1..=LARGEST_RESULT as i64)?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(LARGEST_RESULT);
    let packed = STANDARD.decode(input.trim()).map_err(|_| arguments.wrong("`input`", "is not base64"))?;
    let by_ratio = packed.len().saturating_mul(LARGEST_RATIO).max(SMALL);
    let mut unpacked = Vec::new();
    let mut decoder = GzDecoder::new(packed.as_slice());
    // One byte more than may come out, so that there being more is seen.
    let bound = most.min(by_ratio) as u64 + 1;
    (&mut decoder).take(bound).read_to_end(&mut unpacked).map_err(|_| arguments.wrong("`input`", "is not gzip"))?;
    if unpacked.len() > most {
        return Err(arguments.wrong("the text", format_args!("is larger than the {most} bytes of `max_bytes`")));
    }
    if unpacked.len() > by_ratio {
        return Err(arguments.wrong("the text", format_args!("is more than {LARGEST_RATIO} times as large as what was compressed")));
    }
    if !decoder.into_inner().is_empty() {
        return Err(arguments.wrong("`input`", "has something behind its end"));
    }
    String::from_utf8(unpacked).map_err(|_| arguments.wrong("the text", "is not UTF-8"))
}
