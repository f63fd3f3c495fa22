//! Filters on lists as a whole, and those that lists share with texts and objects.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Fault, Input, Items, Outcome, Signature, Work, either, listed, own, select::Attribute};
use crate::expression::{limits::MAX_VALUE_DEPTH, value};

pub(super) const FILTERS: &[Signature] = &[
    either("length", &[], 0, length),
    either("count", &[], 0, length),
    listed("join", &["separator", "attribute"], 0, join),
    either("list", &[], 0, list),
    either("first", &[], 0, |work, input, arguments| nth_of(work, input, arguments, 0)),
    either("last", &[], 0, |work, input, arguments| nth_of(work, input, arguments, -1)),
    either("nth", &["index"], 1, |work, input, arguments| {
        let index = arguments.integer(0)?.ok_or_else(|| arguments.wrong(0, "an integer", &Value::Null))?;
        nth_of(work, input, arguments, index)
    }),
    either("reverse", &[], 0, reverse),
    listed("flatten", &["levels"], 0, flatten),
    listed("batch", &["size", "fill_with"], 1, batch),
    listed("slice", &["slices", "fill_with"], 1, slice),
];

/// Characters of a text, items of a list, fields of an object.
fn length<'a>(work: &mut Work<'a>, input: Input<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let value = match input {
        Input::Items(items) => return Ok(Outcome::made(items.len())),
        Input::Value(value) => value,
    };
    let length = match &*value {
        Value::String(text) => {
            work.read(text.len())?;
            text.chars().count()
        }
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        other => return Err(arguments.unfit("a text, a list or an object", other)),
    };
    Ok(Outcome::made(length))
}

fn join<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let separator = arguments.text(0)?.unwrap_or_default();
    let attribute = Attribute::optional(arguments, 1)?;
    let mut joined = String::new();
    for (index, item) in items.enumerate() {
        work.spend(1)?;
        let item = match &attribute {
            Some(attribute) => attribute.wanted(work, &item)?,
            None => &item,
        };
        let text = value::text(work, item)?;
        work.fits(joined.len() + separator.len() + text.len())?;
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }
    work.allocate(joined.len())?;
    Ok(Outcome::made(joined))
}

/// A list as it is, a text as its characters, an object as the names of its fields.
fn list<'a>(work: &mut Work<'a>, input: Input<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let value = match input {
        Input::Items(items) => return Ok(Outcome::Items(items)),
        Input::Value(value) => value,
    };
    match &*value {
        Value::Array(_) => Ok(Outcome::Defined(value)),
        Value::String(text) => {
            work.spend(text.len())?;
            Ok(Outcome::made(text.chars().map(|character| Value::from(character.to_string())).collect::<Vec<_>>()))
        }
        Value::Object(fields) => {
            work.spend(fields.len())?;
            Ok(Outcome::made(fields.keys().map(|key| Value::from(key.as_str())).collect::<Vec<_>>()))
        }
        other => Err(arguments.unfit("a list, a text or an object", other)),
    }
}

/// An item of a list or a character of a text; undefined when there are fewer.
fn nth_of<'a>(work: &mut Work<'a>, input: Input<'a>, arguments: &Arguments<'a>, index: i64) -> Result<Outcome<'a>, Fault> {
    let place = |length: usize| {
        let back = index < 0;
        let distance = usize::try_from(index.unsigned_abs()).ok()?;
        if back { length.checked_sub(distance) } else { Some(distance) }
    };
    let missing = |length: usize| {
        let name = arguments.signature.name;
        Outcome::Undefined(if length == 0 {
            format!("the filter `{name}` was given nothing to choose from")
        } else {
            format!("the filter `{name}` was given only {length} to choose from")
        })
    };
    let value = match input {
        Input::Items(mut items) => {
            return Ok(match place(items.len()).filter(|at| *at < items.len()) {
                Some(at) => Outcome::Defined(items.swap_remove(at)),
                None => missing(items.len()),
            });
        }
        Input::Value(value) => value,
    };
    match value {
        Cow::Borrowed(Value::Array(items)) => Ok(place(items.len())
            .and_then(|at| items.get(at))
            .map_or_else(|| missing(items.len()), |item| Outcome::Defined(Cow::Borrowed(item)))),
        Cow::Owned(Value::Array(mut items)) => match place(items.len()).filter(|at| *at < items.len()) {
            Some(at) => Ok(Outcome::made(items.swap_remove(at))),
            None => Ok(missing(items.len())),
        },
        other => {
            let text = other.as_str().ok_or_else(|| arguments.unfit("a list or a text", &other))?;
            work.read(text.len())?;
            let length = text.chars().count();
            Ok(place(length).and_then(|at| text.chars().nth(at)).map_or_else(|| missing(length), |found| Outcome::made(found.to_string())))
        }
    }
}

fn reverse<'a>(work: &mut Work<'a>, input: Input<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let items = match input {
        Input::Items(items) => Items::Chosen(items.into_iter()),
        Input::Value(value) => match &*value {
            Value::String(text) => {
                work.allocate(text.len())?;
                return Ok(Outcome::made(text.chars().rev().collect::<String>()));
            }
            Value::Array(_) => arguments.list_of(value)?,
            other => return Err(arguments.unfit("a list or a text", other)),
        },
    };
    work.spend(items.len())?;
    Ok(Outcome::Items(items.rev().collect()))
}

/// The items of lists in a list, of so many levels; all of them when nothing is said.
fn flatten<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let levels = arguments.size(0)?.unwrap_or(MAX_VALUE_DEPTH);
    let mut flat = Vec::new();
    // Last first, so that the next item is on top.
    let mut open: Vec<(Cow<'a, Value>, usize)> = items.rev().map(|item| (item, levels)).collect();
    while let Some((item, levels)) = open.pop() {
        work.spend(1)?;
        if levels > 0 && item.is_array() {
            open.extend(arguments.list_of(item)?.rev().map(|item| (item, levels - 1)));
        } else {
            flat.push(item);
        }
    }
    Ok(Outcome::Items(flat))
}

/// Lists of so many items; the last one filled up when something to fill with is given.
fn batch<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let size = positive(arguments, 0)?;
    work.spend(items.len())?;
    let mut batches: Vec<Vec<Value>> = Vec::new();
    for item in items {
        let item = own(work, item)?;
        match batches.last_mut().filter(|batch| batch.len() < size) {
            Some(batch) => batch.push(item),
            None => batches.push(vec![item]),
        }
    }
    if let (Some(fill), Some(last)) = (arguments.optional(1), batches.last_mut()) {
        while last.len() < size {
            last.push(work.copy(fill)?);
            work.spend(1)?;
        }
    }
    Ok(Outcome::made(batches))
}

/// So many lists of nearly the same length; the first ones are the longer ones.
fn slice<'a>(work: &mut Work<'a>, mut items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let slices = positive(arguments, 0)?;
    work.spend(slices)?;
    work.spend(items.len())?;
    let (each, longer) = (items.len() / slices, items.len() % slices);
    let mut lists = Vec::new();
    for number in 0..slices {
        let taken: Vec<_> = items.by_ref().take(each + usize::from(number < longer)).collect();
        let mut list = Vec::new();
        for item in taken {
            list.push(own(work, item)?);
        }
        if let Some(fill) = arguments.optional(1).filter(|_| number >= longer) {
            list.push(work.copy(fill)?);
        }
        lists.push(Value::Array(list));
    }
    Ok(Outcome::made(lists))
}

fn positive(arguments: &Arguments<'_>, parameter: usize) -> Result<usize, Fault> {
    let size = arguments.size(parameter)?.ok_or_else(|| arguments.wrong(parameter, "an integer", &Value::Null))?;
    if size == 0 {
        return Err(Fault::Argument(format!("the filter `{}` cannot divide by 0", arguments.signature.name)));
    }
    Ok(size)
}
