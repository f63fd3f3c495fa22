//! Filters on numbers. Integers stay integers and overflow is an error, as with the operators.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Fault, Outcome, Signature, Work, plain};
use crate::expression::{
    ast::Arithmetic,
    value::{self, Number, calculate, whole},
};

pub(super) const FILTERS: &[Signature] = &[
    plain("round", &["precision", "method"], 0, round),
    plain("floor", &[], 0, floor),
    plain("ceil", &[], 0, ceil),
    plain("abs", &[], 0, abs),
    plain("int", &["default", "base"], 0, int),
    plain("float", &["default"], 0, float),
    plain("add", &["number"], 1, |_, input, arguments| operation(Arithmetic::Add, &input, arguments)),
    plain("subtract", &["number"], 1, |_, input, arguments| operation(Arithmetic::Subtract, &input, arguments)),
    plain("multiply", &["number"], 1, |_, input, arguments| operation(Arithmetic::Multiply, &input, arguments)),
    plain("divide", &["number"], 1, |_, input, arguments| operation(Arithmetic::Divide, &input, arguments)),
];

fn made<'a>(number: Number) -> Result<Outcome<'a>, Fault> {
    number.into_value().map(Outcome::made)
}

fn operation<'a>(operation: Arithmetic, input: &Value, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let left = arguments.number_of(input)?;
    let right = arguments.number(0)?.ok_or_else(|| arguments.wrong(0, "a number", &Value::Null))?;
    made(calculate(operation, left, right)?)
}

/// Halves go away from zero, as on an invoice. An integer stays one unless the precision is negative, in
/// which case it is rounded among the integers; anything else stays f64, as in Jinja.
fn round<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let number = arguments.number_of(&input)?;
    let precision = arguments.integer(0)?.unwrap_or(0);
    let rounded: fn(f64) -> f64 = match arguments.text(1)?.unwrap_or("common") {
        "common" => f64::round,
        "floor" => f64::floor,
        "ceil" => f64::ceil,
        _ => return Err(Fault::Argument("the argument `method` of `round` is common, floor or ceil".to_owned())),
    };
    if matches!(number, Number::Integer(_)) && precision >= 0 {
        return Ok(Outcome::Defined(input));
    }
    // Beyond these an f64 has no such places, and their scale would be none.
    let precision = i32::try_from(precision.clamp(-330, 330)).unwrap_or(0);
    let float = number.as_f64();
    let scale = 10_f64.powi(precision.abs());
    let scaled = if precision >= 0 { float * scale } else { float / scale };
    if !scaled.is_finite() || !scale.is_finite() {
        return if precision >= 0 { made(Number::Float(float)) } else { made(Number::Float(0.0)) };
    }
    let result = if precision >= 0 { rounded(scaled) / scale } else { rounded(scaled) * scale };
    made(if matches!(number, Number::Integer(_)) { Number::Integer(whole(result)?) } else { Number::Float(result) })
}

fn floor<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    to_integer(&input, arguments, f64::floor)
}

fn ceil<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    to_integer(&input, arguments, f64::ceil)
}

fn to_integer<'a>(input: &Value, arguments: &Arguments<'a>, rounded: fn(f64) -> f64) -> Result<Outcome<'a>, Fault> {
    made(Number::Integer(match arguments.number_of(input)? {
        Number::Integer(integer) => integer,
        Number::Float(float) => whole(rounded(float))?,
    }))
}

fn abs<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    match arguments.number_of(&input)? {
        number @ Number::Integer(integer) if integer < 0 => made(calculate(Arithmetic::Subtract, Number::Integer(0), number)?),
        Number::Float(float) => made(Number::Float(float.abs())),
        number @ Number::Integer(_) => made(number),
    }
}

/// The whole part of a number, or of a text that is one. Anything else is the default, and an error when
/// there is none: a guess of 0 would be a wrong amount.
fn int<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let base = arguments.integer(1)?.unwrap_or(10);
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    let base = base.ok_or_else(|| Fault::Argument("the argument `base` of `int` is 2 to 36".to_owned()))?;
    let parsed = match &*input {
        Value::String(text) => {
            let text = without_prefix(text.trim(), base);
            let integer = i64::from_str_radix(text, base).ok().map(Number::Integer);
            if base == 10 { integer.or_else(|| decimal(text)) } else { integer }
        }
        other => Number::of(other),
    };
    match parsed.map(value::Number::truncated) {
        Some(Ok(integer)) => made(Number::Integer(integer)),
        failed => match arguments.given(0) {
            Some(default) => Ok(Outcome::made(default.clone())),
            None => Err(failed.and_then(Result::err).unwrap_or_else(|| no_number("int", "an integer", arguments, &input))),
        },
    }
}

/// `0xff` in base 16 is `ff`, as in Jinja.
fn without_prefix(text: &str, base: u32) -> &str {
    let prefixes = match base {
        2 => ["0b", "0B"],
        8 => ["0o", "0O"],
        16 => ["0x", "0X"],
        _ => return text,
    };
    prefixes.into_iter().find_map(|prefix| text.strip_prefix(prefix)).filter(|rest| !rest.starts_with(['+', '-'])).unwrap_or(text)
}

fn float<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let parsed = match &*input {
        Value::String(text) => decimal(text.trim()),
        other => Number::of(other),
    };
    match (parsed, arguments.given(0)) {
        (Some(number), _) => made(Number::Float(number.as_f64())),
        (None, Some(default)) => Ok(Outcome::made(default.clone())),
        (None, None) => Err(no_number("float", "a number", arguments, &input)),
    }
}

/// A decimal number. Rust would also read `inf` and `nan`, which are none here.
fn decimal(text: &str) -> Option<Number> {
    if !text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c)) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float)
}

fn no_number(filter: &str, wanted: &str, arguments: &Arguments<'_>, input: &Value) -> Fault {
    if input.is_string() {
        Fault::Argument(format!("the filter `{filter}` was given a text that is not {wanted}; `{filter}(default)` gives one in its place"))
    } else {
        arguments.unfit("a number or a text that is one", input)
    }
}
