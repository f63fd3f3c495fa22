//! Filters on objects. The order of fields is kept.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Apply, Arguments, Fault, Outcome, Rest, Signature, Work, own, plain, select::Attribute};

pub(super) const FILTERS: &[Signature] = &[
    plain("items", &[], 0, items),
    plain("keys", &[], 0, keys),
    plain("values", &[], 0, values),
    plain("entries", &[], 0, entries),
    Signature { name: "pick", parameters: &[], required: 0, rest: Rest::Values, apply: Apply::Value(pick) },
    Signature { name: "omit", parameters: &[], required: 0, rest: Rest::Values, apply: Apply::Value(omit) },
    Signature { name: "merge", parameters: &[], required: 0, rest: Rest::Values, apply: Apply::Value(merge) },
    plain("path", &["path", "default"], 1, path),
];

fn object<'v>(input: &'v Value, arguments: &Arguments<'_>) -> Result<&'v Map<String, Value>, Fault> {
    input.as_object().ok_or_else(|| arguments.unfit("an object", input))
}

/// Makes a list of the fields of an object.
fn each<'a>(
    work: &mut Work<'a>,
    input: &Value,
    arguments: &Arguments<'a>,
    make: fn(&str, Option<Value>) -> Value,
    with_values: bool,
) -> Result<Outcome<'a>, Fault> {
    let mut list = Vec::new();
    for (key, value) in object(input, arguments)? {
        work.spend(1)?;
        let value = if with_values { Some(work.copy(value)?) } else { None };
        list.push(make(key, value));
    }
    Ok(Outcome::made(list))
}

/// Pairs of name and value.
fn items<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    each(work, &input, arguments, |key, value| json!([key, value]), true)
}

/// Objects `{key, value}`.
fn entries<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    each(work, &input, arguments, |key, value| json!({"key": key, "value": value}), true)
}

fn keys<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    each(work, &input, arguments, |key, _| Value::from(key), false)
}

fn values<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    each(work, &input, arguments, |_, value| value.unwrap_or(Value::Null), true)
}

/// The names given one by one or as lists.
fn names(arguments: &Arguments<'_>) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for argument in &arguments.rest {
        let several: &[Value] = match &**argument {
            Value::Array(several) => several,
            one => std::slice::from_ref(one),
        };
        for name in several {
            names.push(name.as_str().ok_or_else(|| arguments.wrong(0, "the name of a field", name))?.to_owned());
        }
    }
    Ok(names)
}

fn keep<'a>(work: &mut Work<'a>, input: &Value, arguments: &Arguments<'a>, wanted: bool) -> Result<Outcome<'a>, Fault> {
    let names = names(arguments)?;
    let mut one = |fields: &Map<String, Value>| -> Result<Value, Fault> {
        let mut kept = Map::new();
        for (key, value) in fields {
            work.spend(1 + names.len() / 8)?;
            if names.contains(key) == wanted {
                kept.insert(key.clone(), work.copy(value)?);
            }
        }
        Ok(Value::Object(kept))
    };
    match input {
        Value::Object(fields) => Ok(Outcome::made(one(fields)?)),
        Value::Array(items) => {
            let kept = items.iter().map(|item| one(object(item, arguments)?)).collect::<Result<Vec<_>, _>>()?;
            Ok(Outcome::made(kept))
        }
        other => Err(arguments.unfit("an object or a list of objects", other)),
    }
}

/// The named fields, of an object or of each object in a list. Names that are not there are left out.
fn pick<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    keep(work, &input, arguments, true)
}

/// All but the named fields.
fn omit<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    keep(work, &input, arguments, false)
}

/// The fields of all objects together; of fields with the same name the last one counts, whole.
fn merge<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    object(&input, arguments)?;
    let Value::Object(mut merged) = own(work, input)? else { return Ok(Outcome::made(Map::new())) };
    for argument in &arguments.rest {
        for (key, value) in object(argument, arguments)? {
            work.spend(1)?;
            merged.insert(key.clone(), work.copy(value)?);
        }
    }
    Ok(Outcome::made(merged))
}

/// What `'a.b.0'` leads to.
fn path<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let path = Attribute::of(arguments.given(0).unwrap_or(&Value::Null), "path")?;
    match (path.follow(work, input)?, arguments.given(1)) {
        (Err(_), Some(default)) => Ok(Outcome::made(work.copy(default)?)),
        (Err(message), None) => Ok(Outcome::Undefined(message)),
        (Ok(found), _) => Ok(Outcome::Defined(found)),
    }
}
