//! What values mean to operators: their text, their order, their arithmetic.
//!
//! Values are JSON. Integers are `i64`, every other number is `f64`. A value's text is what JSON writes,
//! except that a text stands for itself: `true`, `null`, `3`, `3.0`, `1840.5`, `["a",1]`. So what a
//! template shows is what the next system reads.

use std::{borrow::Cow, cmp::Ordering, io};

use serde_json::Value;

use super::{ast::Arithmetic, error::Fault, limits::Work};

/// A number, as arithmetic sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    /// The number in a value.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let number = value.as_number()?;
        number.as_i64().map(Self::Integer).or_else(|| number.as_f64().map(Self::Float))
    }

    #[expect(clippy::cast_precision_loss, reason = "a mixed operation is one of f64, as in every language of this family")]
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// The value; a number that is none (infinite, or not a number) is an overflow.
    pub(super) fn into_value(self) -> Result<Value, Fault> {
        match self {
            Self::Integer(integer) => Ok(Value::from(integer)),
            Self::Float(float) => serde_json::Number::from_f64(float).map(Value::Number).ok_or_else(overflow),
        }
    }

    /// Exact, even where an integer has no equal among the f64.
    pub(super) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            // JSON knows no NaN, so two floats always compare.
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Float(b)) => order_mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => order_mixed(b, a).reverse(),
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self.order(Self::Integer(0)) == Ordering::Equal
    }

    /// The whole number nearest to zero from here.
    pub(super) fn truncated(self) -> Result<i64, Fault> {
        match self {
            Self::Integer(integer) => Ok(integer),
            Self::Float(float) => whole(float.trunc()),
        }
    }
}

fn order_mixed(integer: i64, float: f64) -> Ordering {
    // 2^63 is a float, so both bounds are exact.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if float >= BOUND {
        return Ordering::Less;
    }
    if float < -BOUND {
        return Ordering::Greater;
    }
    integer.cmp(&(float.trunc() as i64)).then_with(|| 0.0.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

/// A float without a fraction as an integer.
pub(super) fn whole(float: f64) -> Result<i64, Fault> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&float) {
        Ok(float as i64)
    } else {
        Err(Fault::Arithmetic("the number is outside of the 64-bit integers".to_owned()))
    }
}

fn overflow() -> Fault {
    Fault::Arithmetic("the result is larger than any number here".to_owned())
}

fn integer_overflow() -> Fault {
    Fault::Arithmetic("the result is outside of the 64-bit integers".to_owned())
}

/// One arithmetic operation. Integers stay integers, except that `/` and powers with a negative exponent
/// give f64; `//` and `%` round towards negative infinity, as in Jinja.
pub(super) fn calculate(operation: Arithmetic, left: Number, right: Number) -> Result<Number, Fault> {
    let divides = matches!(operation, Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder);
    if divides && right.is_zero() {
        return Err(Fault::Arithmetic("this divides by zero".to_owned()));
    }
    if let (Number::Integer(a), Number::Integer(b)) = (left, right) {
        let result = match operation {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::FloorDivide => a.checked_div(b).map(|quotient| quotient - i64::from(a.wrapping_rem(b) != 0 && (a < 0) != (b < 0))),
            Arithmetic::Remainder => {
                let remainder = a.wrapping_rem(b);
                Some(if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder })
            }
            Arithmetic::Power if b >= 0 => u32::try_from(b).ok().and_then(|exponent| a.checked_pow(exponent)).or(match a {
                // The only bases whose powers stay small, whatever the exponent.
                0 => Some(0),
                1 => Some(1),
                -1 => Some(if b % 2 == 0 { 1 } else { -1 }),
                _ => None,
            }),
            Arithmetic::Divide | Arithmetic::Power => return float(operation, left.as_f64(), right.as_f64()),
        };
        return result.map(Number::Integer).ok_or_else(integer_overflow);
    }
    float(operation, left.as_f64(), right.as_f64())
}

fn float(operation: Arithmetic, a: f64, b: f64) -> Result<Number, Fault> {
    let result = match operation {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::FloorDivide => (a / b).floor(),
        Arithmetic::Remainder => {
            let remainder = a % b;
            if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) { remainder + b } else { remainder }
        }
        Arithmetic::Power => a.powf(b),
    };
    if result.is_finite() {
        Ok(Number::Float(result))
    } else if result.is_nan() {
        Err(Fault::Arithmetic("the result is not a number".to_owned()))
    } else {
        Err(overflow())
    }
}

/// What a value is, for a sentence.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether two values are the same. Values of unlike types are not, which is no error: `status == 'open'`
/// is a question one may ask of anything. Numbers are compared by what they are worth (`1 == 1.0`),
/// objects without regard to the order of their fields.
pub(super) fn equal(work: &mut Work<'_>, left: &Value, right: &Value) -> Result<bool, Fault> {
    work.spend(1)?;
    match (left, right) {
        (Value::String(a), Value::String(b)) => {
            work.read(a.len().min(b.len()))?;
            Ok(a == b)
        }
        (Value::Number(_), Value::Number(_)) => Ok(order(left, right) == Some(Ordering::Equal)),
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !equal(work, a, b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(a), Value::Object(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a {
                let Some(b) = b.get(key) else { return Ok(false) };
                if !equal(work, a, b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(left == right),
    }
}

/// The order of two numbers or two texts; nothing else has one.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Value::String(a), Value::String(b)) = (left, right) {
        return Some(a.cmp(b));
    }
    Some(Number::of(left)?.order(Number::of(right)?))
}

/// The order, or the error that there is none.
pub(super) fn ordered(work: &mut Work<'_>, left: &Value, right: &Value) -> Result<Ordering, Fault> {
    if let (Value::String(a), Value::String(b)) = (left, right) {
        work.read(a.len().min(b.len()))?;
    }
    order(left, right).ok_or_else(|| {
        Fault::Type(if kind(left) == kind(right) {
            format!("{} and {} have no order", kind(left), kind(right))
        } else {
            format!("{} cannot be compared with {}", kind(left), kind(right))
        })
    })
}

/// Whether a list has an item, a text has a part, an object has a field.
pub(super) fn contains(work: &mut Work<'_>, container: &Value, sought: &Value) -> Result<bool, Fault> {
    match (container, sought) {
        (Value::Array(items), _) => {
            for item in items {
                if equal(work, item, sought)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::String(text), Value::String(part)) => {
            work.read(text.len())?;
            Ok(text.contains(part.as_str()))
        }
        (Value::Object(fields), Value::String(key)) => Ok(fields.contains_key(key)),
        (Value::String(_) | Value::Object(_), _) => {
            Err(Fault::Type(format!("{} is looked for in {}; only a text can be in there", kind(sought), kind(container))))
        }
        _ => Err(Fault::Type(format!("nothing can be in {}; a list, a text or an object is wanted", kind(container)))),
    }
}

/// A value's text, paid for before it is made.
pub(super) fn text<'v>(work: &mut Work<'_>, value: &'v Value) -> Result<Cow<'v, str>, Fault> {
    match value {
        Value::String(text) => {
            work.allocate(text.len())?;
            Ok(Cow::Borrowed(text))
        }
        // What a JSON writer gives for these too, without the writer.
        Value::Null => Ok(Cow::Borrowed("null")),
        Value::Bool(truth) => Ok(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Number(number) => {
            let text = number.to_string();
            work.fits(text.len())?;
            Ok(Cow::Owned(text))
        }
        Value::Array(_) | Value::Object(_) => json(work, value, None).map(Cow::Owned),
    }
}

/// A value as JSON: compact, or with lines indented by so many blanks.
pub(super) fn json(work: &mut Work<'_>, value: &Value, indent: Option<usize>) -> Result<String, Fault> {
    let mut bounded = Bounded { bytes: Vec::new(), limit: work.output_bytes() };
    let written = match indent {
        None => serde_json::to_writer(&mut bounded, value),
        Some(width) => {
            let blanks = " ".repeat(width);
            let formatter = serde_json::ser::PrettyFormatter::with_indent(blanks.as_bytes());
            serde::Serialize::serialize(value, &mut serde_json::Serializer::with_formatter(&mut bounded, formatter))
        }
    };
    if written.is_err() {
        work.fits(usize::MAX)?;
    }
    work.allocate(bounded.bytes.len())?;
    String::from_utf8(bounded.bytes).map_err(|_| Fault::Argument("the value has no text".to_owned()))
}

/// Refuses to be written beyond its limit, so that a large value fails early.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.limit {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The indexes that `[from:to:step]` takes of so many items, as in Python: negative ones count from the
/// end, and bounds outside are moved to the end they exceed.
pub(super) fn slice_indexes(length: usize, from: Option<i64>, to: Option<i64>, step: i64) -> Result<Vec<usize>, Fault> {
    if step == 0 {
        return Err(Fault::Argument("a slice cannot have a step of 0".to_owned()));
    }
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let place = |bound: i64| if bound < 0 { bound.saturating_add(length) } else { bound }.clamp(lowest, highest);
    let start = from.map_or(if step > 0 { lowest } else { highest }, place);
    let stop = to.map_or(if step > 0 { highest } else { lowest }, place);
    let mut indexes = Vec::new();
    let mut at = start;
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        indexes.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    Ok(indexes)
}
