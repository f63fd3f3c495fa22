//! The expression language of a workflow file: [`Expression`] (a condition, a list to go through) and
//! [`Template`] (a text with `{{ }}` in it).
//!
//! Both are read once, when the file is checked, and evaluated against a [`Scope`] as often as wanted.
//! The language is total and pure: evaluation ends within its [`Limits`], touches nothing but the scope,
//! and gives the same value for the same scope. What comes out of an expression is data and is never
//! evaluated again.
//!
//! Syntax and precedence are Jinja's. Where Jinja guesses, this refuses:
//!
//! - A condition, and each side of `and`, `or`, `not`, is a boolean or null (no); nothing else is "truthy".
//! - `==` and `!=` ask anything of anything: values of unlike types are not equal. `<` and its like compare
//!   two numbers or two texts; anything else is an error.
//! - A field of null is null; a field that a real value does not have is an error, unless `default`,
//!   `is defined` or `is undefined` asks. A name that nothing sets is an error whatever asks.
//! - Null appears in text as `null`, as in JSON: what was skipped shows, and `default` says what to show.
//! - `a.b` is a field, never a method; only `now()` and `uuid()` can be called.
//! - Integers are checked `i64`, other numbers `f64`. `/` gives an `f64`.
//!
//! Where to add things: an operator in [`parser`], a filter in [`filters`], a test in [`predicates`], a tag
//! in [`template`].

mod access;
mod ast;
mod error;
mod evaluate;
mod evaluation;
mod filters;
mod lexer;
mod limits;
mod links;
mod moment;
mod names;
mod parser;
mod predicates;
mod render;
mod scope;
mod template;
mod value;

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

pub(crate) use evaluation::Evaluation;
pub(crate) use filters::is_day;
pub(crate) use moment::{Moment, formatted, percent_letters};

pub use error::{EvaluationError, SyntaxError};
pub use limits::{Limits, MAX_DEPTH, MAX_NODES, MAX_PATTERN_BYTES, MAX_PATTERNS, MAX_SOURCE_BYTES, MAX_VALUE_DEPTH};
pub use names::Reference;
pub use scope::{Lookup, Scope};
pub use template::{Known, Template};

use ast::Node;
use evaluate::Evaluator;
use lexer::{End, tokenize};
use limits::Work;
use parser::{Parser, Parts};

/// An expression, read and checked. Serialized it is its source text.
#[derive(Clone)]
pub struct Expression {
    source: String,
    node: Node,
}

/// The names of all filters.
pub fn filter_names() -> impl Iterator<Item = &'static str> {
    filters::names()
}

/// The names of all tests that may follow `is`.
pub fn test_names() -> impl Iterator<Item = &'static str> {
    predicates::names()
}

/// Reads an expression that may stand in `{{ }}`, as conditions, lists and the like may in a file.
/// Offsets count from the start of `source`, braces included.
pub fn parse_condition(source: &str) -> Result<Expression, SyntaxError> {
    let blanks = source.len() - source.trim_start().len();
    let Some(inside) = source.trim_start().strip_prefix("{{") else {
        return Expression::parse(source);
    };
    let start = blanks + 2 + usize::from(inside.starts_with('-'));
    let (expression, after) = Expression::read(source, blanks, start, End::Output, Parts::default())?;
    if source.get(after..).is_some_and(|rest| !rest.trim().is_empty()) {
        return Err(SyntaxError::new(after, "a condition is one expression: nothing may follow its `}}`"));
    }
    Ok(expression)
}

/// Whether two values are the same, as `==` says.
///
/// # Errors
/// When finding out takes more than an expression may take; a sentence.
pub(crate) fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    let nothing = serde_json::Map::new();
    value::equal(&mut Work::new(&nothing, Limits::default(), 0), left, right).map_err(|fault| fault.at(0).to_string())
}

impl Expression {
    /// Reads an expression without braces.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        Self::read(source, 0, 0, End::Source, Parts::default()).map(|(expression, _)| expression)
    }

    /// Reads another spelling of what was read before, or several such together: their regular expressions are sound, and
    /// compiling them is what reading costs most.
    pub(crate) fn respell(source: &str) -> Result<Self, SyntaxError> {
        Self::read(source, 0, 0, End::Source, Parts::sound()).map(|(expression, _)| expression)
    }

    fn read(source: &str, opened: usize, start: usize, end: End, mut parts: Parts) -> Result<(Self, usize), SyntaxError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(SyntaxError::new(0, format!("this expression is longer than {MAX_SOURCE_BYTES} bytes")));
        }
        let tokens = tokenize(source, opened, start, end)?;
        if tokens.list.is_empty() {
            return Err(SyntaxError::new(start, "the expression is empty"));
        }
        let mut parser = Parser::new(source, &tokens.list, tokens.end, &mut parts);
        let node = parser.expression()?;
        parser.finish()?;
        Ok((Self { source: source.to_owned(), node }, tokens.after))
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names it takes from the scope, with the fields that follow them.
    pub fn names(&self) -> BTreeSet<Reference> {
        let mut found = BTreeSet::new();
        names::collect(&self.node, &[], &mut found);
        found
    }

    /// Its value.
    pub fn evaluate(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, EvaluationError> {
        self.evaluate_numbered(scope, limits, 0).map(|(value, _)| value)
    }

    /// Its value, with the calls of `uuid()` numbered from `first_uuid_call` on, and the number for the
    /// next call after it: for a step with several expressions.
    pub fn evaluate_numbered(&self, scope: &dyn Scope, limits: &Limits, first_uuid_call: u32) -> Result<(Value, u32), EvaluationError> {
        let mut evaluator = Evaluator::new(&self.source, Work::new(scope, *limits, first_uuid_call), &[]);
        let value = evaluator.owned(&self.node)?;
        Ok((value, evaluator.work.uuid_calls()))
    }

    /// Its value as a condition: a boolean, or null for no; anything else is an error. Within the usual
    /// [`Limits`].
    pub fn condition(&self, scope: &dyn Scope) -> Result<bool, EvaluationError> {
        Evaluator::new(&self.source, Work::new(scope, Limits::default(), 0), &[]).truth(&self.node)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        parse_condition(&source).map_err(de::Error::custom)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.source())
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(de::Error::custom)
    }
}
