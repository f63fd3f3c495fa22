//! Filters that ask what a value is, or choose between values.
//!
//! The evaluator gives `default` and `ternary` their arguments one by one, so that only the chosen one is
//! looked at; the functions here serve `map('default', …)`, where all arguments are there already.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Fault, Outcome, Signature, Work, kind, plain};
use crate::expression::{
    predicates,
    value::{self, Number},
};

/// The parameter of `default` that stands in.
pub(in crate::expression) const DEFAULT_VALUE: usize = 0;
/// The parameter of `default` that has it replace what is empty, zero or false too.
pub(in crate::expression) const BOOLEAN: usize = 1;
/// The parameter of `ternary` for false, and for null when nothing is said of null.
pub(in crate::expression) const WHEN_FALSE: usize = 1;

pub(super) const FILTERS: &[Signature] = &[
    plain("default", &["default_value", "boolean"], 0, default),
    plain("ternary", &["when_true", "when_false", "when_null"], 2, ternary),
    plain("contains", &["item"], 1, contains),
    plain("is_array", &[], 0, |_, input, _| Ok(Outcome::made(input.is_array()))),
    plain("is_object", &[], 0, |_, input, _| Ok(Outcome::made(input.is_object()))),
    plain("is_string", &[], 0, |_, input, _| Ok(Outcome::made(input.is_string()))),
    plain("is_number", &[], 0, |_, input, _| Ok(Outcome::made(input.is_number()))),
    plain("is_null", &[], 0, |_, input, _| Ok(Outcome::made(input.is_null()))),
    plain("is_empty", &[], 0, is_empty),
];

/// Which parameter of `ternary` a condition chooses.
pub(in crate::expression) fn choice(condition: &Value) -> Result<usize, Fault> {
    match condition {
        Value::Bool(true) => Ok(0),
        Value::Bool(false) => Ok(WHEN_FALSE),
        Value::Null => Ok(2),
        other => Err(Fault::Type(format!("the filter `ternary` takes a boolean or null, not {}", kind(other)))),
    }
}

/// What `default(…, true)` replaces besides null: false, zero, and what has nothing in it.
pub(in crate::expression) fn is_vacant(value: &Value) -> bool {
    *value == Value::Bool(false) || predicates::is_empty(value) == Some(true) || Number::of(value).is_some_and(Number::is_zero)
}

fn default<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    if input.is_null() || arguments.flag(BOOLEAN)? && is_vacant(&input) {
        return Ok(Outcome::made(arguments.given(DEFAULT_VALUE).cloned().unwrap_or_else(|| Value::from(""))));
    }
    Ok(Outcome::Defined(input))
}

fn ternary<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let chosen = arguments.given(choice(&input)?).or_else(|| arguments.given(WHEN_FALSE));
    Ok(Outcome::made(chosen.cloned().unwrap_or(Value::Null)))
}

fn contains<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let item = arguments.given(0).unwrap_or(&Value::Null);
    Ok(Outcome::made(value::contains(work, &input, item)?))
}

fn is_empty<'a>(_: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let empty = predicates::is_empty(&input).ok_or_else(|| arguments.unfit("a text, a list, an object or null", &input))?;
    Ok(Outcome::made(empty))
}
