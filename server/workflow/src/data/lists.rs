//! `core.sort`, `core.limit` and `core.aggregate`.

use serde_json::Value;

use super::{Action, Arguments};
use crate::core::render::{Trouble, kind_of};

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    match arguments.action() {
        Action::Sort => sort(arguments),
        Action::Limit => limit(arguments),
        _ => aggregate(arguments),
    }
}

/// The items in order, those of the same rank as they stood. `by: "a,b"` goes by `a` first. Items that have no order
/// among themselves are an error.
fn sort(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let input = Value::Array(arguments.list("input")?);
    let by = arguments.optional("by")?.unwrap_or(Value::Null);
    let descending = Value::Bool(arguments.word("order") == Some("desc"));
    let names = [("input", &input), ("by", &by), ("descending", &descending)];
    arguments.say("input | sort(reverse=descending, case_sensitive=true, attribute=by)", &names)
}

/// `count` items, fewer when there are no more, after the first `offset`.
fn limit(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let items = arguments.list("input")?;
    let count = size(arguments, "count")?.unwrap_or(0);
    let offset = size(arguments, "offset")?.unwrap_or(0);
    Ok(Value::Array(items.into_iter().skip(offset).take(count).collect()))
}

/// A number that counts items; more than there can be is as good as all.
fn size(arguments: &Arguments<'_>, name: &str) -> Result<Option<usize>, Trouble> {
    Ok(arguments.whole(name, 0..=i64::MAX)?.map(|size| usize::try_from(size).unwrap_or(usize::MAX)))
}

/// One number of many. The sum of nothing is 0 and its count too; of the rest there is none then, which is an error.
/// `count` with a `field` counts the items that have it, not null; the others want a number in every item.
fn aggregate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let operation = arguments.word("operation").unwrap_or_default();
    let mut values = Value::Array(arguments.list("input")?);
    if let Some(field) = arguments.optional("field")? {
        let missing = if operation == "count" { ", default=null" } else { "" };
        values = arguments.say(&format!("input | map(attribute=field{missing})"), &[("input", &values), ("field", &field)])?;
        if let (Value::Array(values), "count") = (&mut values, operation) {
            values.retain(|value| !value.is_null());
        }
    }
    let length = values.as_array().map_or(0, Vec::len);
    if operation == "count" {
        return Ok(Value::from(length));
    }
    if let Some(other) = values.as_array().and_then(|values| values.iter().find(|value| !value.is_number())) {
        return Err(arguments.wrong(&format!("`{operation}`"), format_args!("takes numbers, not {}", kind_of(other))));
    }
    if length == 0 && operation != "sum" {
        return Err(arguments.wrong(&format!("`{operation}`"), "was given nothing to choose from"));
    }
    let line = match operation {
        "sum" => "values | sum".to_owned(),
        "min" => "values | min".to_owned(),
        "max" => "values | max".to_owned(),
        "avg" => "(values | sum) / (values | length)".to_owned(),
        "median" => median(length),
        _ => return Err(arguments.wrong("`operation`", "is missing")),
    };
    arguments.say(&line, &[("values", &values)])
}

/// The number in the middle, or what lies half-way between the two that are.
fn median(length: usize) -> String {
    let middle = length / 2;
    if length % 2 == 1 {
        return format!("(values | sort)[{middle}]");
    }
    // Halved first: two large integers together may be more than an integer holds.
    let below = middle - 1;
    format!("(values | sort)[{below}] / 2 + (values | sort)[{middle}] / 2")
}
