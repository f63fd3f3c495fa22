//! The tests after `is`: `x is even`, `x is not divisibleby 3`. `select` and its like take them by name.
//!
//! A new test is a row in [`PREDICATES`] and an arm in [`Predicate::holds`]. `defined` and `undefined` ask
//! about the operand before it is a value, so the evaluator answers them itself. Where Jinja says yes to
//! more than one would think, this says no: a text is no sequence, `true` is no number.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    error::Fault,
    limits::Work,
    value::{self, Number, kind},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Defined,
    Undefined,
    Null,
    Text,
    Number,
    Integer,
    Float,
    Boolean,
    True,
    False,
    Object,
    List,
    Iterable,
    Even,
    Odd,
    DivisibleBy,
    In,
    Containing,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Empty,
    StartingWith,
    EndingWith,
    Match,
    Upper,
    Lower,
}

/// A test.
#[derive(Debug)]
pub(super) struct Predicate {
    pub(super) name: &'static str,
    test: Test,
}

const fn row(name: &'static str, test: Test) -> Predicate {
    Predicate { name, test }
}

const PREDICATES: [Predicate; 48] = [
    row("defined", Test::Defined),
    row("undefined", Test::Undefined),
    row("null", Test::Null),
    row("none", Test::Null),
    row("string", Test::Text),
    row("number", Test::Number),
    row("integer", Test::Integer),
    row("float", Test::Float),
    row("boolean", Test::Boolean),
    row("true", Test::True),
    row("false", Test::False),
    row("object", Test::Object),
    row("mapping", Test::Object),
    row("array", Test::List),
    row("sequence", Test::List),
    row("iterable", Test::Iterable),
    row("even", Test::Even),
    row("odd", Test::Odd),
    row("divisibleby", Test::DivisibleBy),
    row("in", Test::In),
    row("containing", Test::Containing),
    row("eq", Test::Equal),
    row("equalto", Test::Equal),
    row("==", Test::Equal),
    row("ne", Test::NotEqual),
    row("!=", Test::NotEqual),
    row("lt", Test::Less),
    row("lessthan", Test::Less),
    row("<", Test::Less),
    row("le", Test::LessOrEqual),
    row("<=", Test::LessOrEqual),
    row("gt", Test::Greater),
    row("greaterthan", Test::Greater),
    row(">", Test::Greater),
    row("ge", Test::GreaterOrEqual),
    row(">=", Test::GreaterOrEqual),
    row("empty", Test::Empty),
    row("startingwith", Test::StartingWith),
    row("starting_with", Test::StartingWith),
    row("startswith", Test::StartingWith),
    row("endingwith", Test::EndingWith),
    row("ending_with", Test::EndingWith),
    row("endswith", Test::EndingWith),
    row("match", Test::Match),
    row("upper", Test::Upper),
    row("lower", Test::Lower),
    row("sameas", Test::Equal),
    row("list", Test::List),
];

/// The test of that name.
pub(super) fn named(name: &str) -> Option<&'static Predicate> {
    PREDICATES.iter().find(|predicate| predicate.name == name)
}

/// The names of all tests.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PREDICATES.iter().map(|predicate| predicate.name)
}

impl Predicate {
    /// Whether something is compared with.
    pub(super) fn takes_argument(&self) -> bool {
        matches!(
            self.test,
            Test::DivisibleBy
                | Test::In
                | Test::Containing
                | Test::Equal
                | Test::NotEqual
                | Test::Less
                | Test::LessOrEqual
                | Test::Greater
                | Test::GreaterOrEqual
                | Test::StartingWith
                | Test::EndingWith
                | Test::Match
        )
    }

    /// Whether what is compared with is a regular expression.
    pub(super) fn takes_pattern(&self) -> bool {
        self.test == Test::Match
    }

    /// `Some(what it says of a value that is there)` for the two tests that take undefined operands.
    pub(super) fn asks_for_definition(&self) -> Option<bool> {
        match self.test {
            Test::Defined => Some(true),
            Test::Undefined => Some(false),
            _ => None,
        }
    }

    /// Whether the test holds for a value. `argument` is there when [`Predicate::takes_argument`].
    pub(super) fn holds(&self, work: &mut Work<'_>, value: &Value, argument: &Value) -> Result<bool, Fault> {
        work.spend(1)?;
        let wrong = |wanted: &str| Err(Fault::Type(format!("`is {}` is about {wanted}, not about {}", self.name, kind(value))));
        Ok(match self.test {
            Test::Defined => true,
            Test::Undefined => false,
            Test::Null => value.is_null(),
            Test::Text => value.is_string(),
            Test::Number => value.is_number(),
            Test::Integer => matches!(Number::of(value), Some(Number::Integer(_))),
            Test::Float => matches!(Number::of(value), Some(Number::Float(_))),
            Test::Boolean => value.is_boolean(),
            Test::True => *value == Value::Bool(true),
            Test::False => *value == Value::Bool(false),
            Test::Object => value.is_object(),
            Test::List => value.is_array(),
            Test::Iterable => value.is_array() || value.is_object(),
            Test::Even | Test::Odd => {
                let Some(Number::Integer(integer)) = Number::of(value) else { return wrong("integers") };
                (integer % 2 == 0) == (self.test == Test::Even)
            }
            Test::DivisibleBy => match (Number::of(value), Number::of(argument)) {
                (Some(Number::Integer(_)), Some(Number::Integer(0))) => {
                    return Err(Fault::Arithmetic("this divides by zero".to_owned()));
                }
                (Some(Number::Integer(a)), Some(Number::Integer(b))) => a.wrapping_rem(b) == 0,
                _ => return Err(Fault::Type("`is divisibleby` is about two integers".to_owned())),
            },
            Test::In => value::contains(work, argument, value)?,
            Test::Containing => value::contains(work, value, argument)?,
            Test::Equal => value::equal(work, value, argument)?,
            Test::NotEqual => !value::equal(work, value, argument)?,
            Test::Less => value::ordered(work, value, argument)? == Ordering::Less,
            Test::LessOrEqual => value::ordered(work, value, argument)? != Ordering::Greater,
            Test::Greater => value::ordered(work, value, argument)? == Ordering::Greater,
            Test::GreaterOrEqual => value::ordered(work, value, argument)? != Ordering::Less,
            Test::Empty => match is_empty(value) {
                Some(empty) => empty,
                None => return wrong("texts, lists, objects and null"),
            },
            Test::StartingWith | Test::EndingWith | Test::Match => {
                let (Value::String(text), Value::String(part)) = (value, argument) else {
                    return Err(Fault::Type(format!(
                        "`is {}` is about two texts, not about {} and {}",
                        self.name,
                        kind(value),
                        kind(argument)
                    )));
                };
                work.read(part.len())?;
                match self.test {
                    Test::StartingWith => text.starts_with(part.as_str()),
                    Test::EndingWith => text.ends_with(part.as_str()),
                    _ => work.pattern(part, text)?.is_match(text),
                }
            }
            Test::Upper | Test::Lower => {
                let Value::String(text) = value else { return wrong("texts") };
                work.read(text.len())?;
                let (upper, lower) = (text.chars().any(char::is_uppercase), text.chars().any(char::is_lowercase));
                if self.test == Test::Upper { upper && !lower } else { lower && !upper }
            }
        })
    }
}

/// Whether nothing is in a value; a number or boolean is never empty or full.
pub(super) fn is_empty(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(true),
        Value::String(text) => Some(text.is_empty()),
        Value::Array(items) => Some(items.is_empty()),
        Value::Object(fields) => Some(fields.is_empty()),
        Value::Bool(_) | Value::Number(_) => None,
    }
}
