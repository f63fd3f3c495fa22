//! `type: merge`: several lists become one.
//!
//! - `append`: the items of all sources, one after the other.
//! - `diff`: the items of the first source that no other source has.
//! - `match`: the items of the first source that every other source has.
//! - `combine_by_field`: the items of all sources, each once.
//!
//! Items are the same when their `match_field` is (a `diff` without one compares whole items), as `==` compares.
//! For `match` and `combine_by_field` `on_conflict` says what becomes of the items that are the same, in the order of
//! the sources: the first, the last, or the fields of all in one object, of which the last one with that name counts.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Arguments, Room};
use crate::{
    core::render::{Trouble, kind_of},
    expression::Evaluation,
};

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let sources = sources(arguments)?;
    let merged = match arguments.word("mode").unwrap_or("append") {
        "append" => sources.into_iter().flatten().collect(),
        "diff" => diff(arguments, sources)?,
        "match" => matching(arguments, sources)?,
        "combine_by_field" => combine(arguments, sources)?,
        _ => return Err(arguments.wrong("`mode`", "is no mode")),
    };
    let mut room = Room::of_a_result();
    for item in &merged {
        room.take(item, arguments)?;
    }
    Ok(Value::Array(merged))
}

fn sources(arguments: &Arguments<'_>) -> Result<Vec<Vec<Value>>, Trouble> {
    let sources = arguments.list("sources")?;
    if sources.len() < 2 {
        return Err(arguments.wrong("`sources`", "has to be two lists or more"));
    }
    sources
        .into_iter()
        .enumerate()
        .map(|(at, source)| match source {
            Value::Array(items) => Ok(items),
            other => Err(arguments.unfit(&format!("sources[{at}]"), "a list", &other)),
        })
        .collect()
}

/// A source with what its items are known by.
struct Keyed {
    items: Vec<Value>,
    keys: Vec<String>,
}

/// Sources with what their items are known by, all under one meter.
fn keyed(arguments: &Arguments<'_>, sources: Vec<Vec<Value>>) -> Result<Vec<Keyed>, Trouble> {
    let field = arguments.optional("match_field")?;
    let mut evaluation = arguments.evaluation();
    sources.into_iter().map(|items| key(arguments, &mut evaluation, items, field.as_ref())).collect()
}

fn key(arguments: &Arguments<'_>, evaluation: &mut Evaluation<'_>, items: Vec<Value>, field: Option<&Value>) -> Result<Keyed, Trouble> {
    let items = Value::Array(items);
    let fields = match field {
        Some(field) => Some(arguments.say("input | map(attribute=field)", &[("input", &items), ("field", field)])?),
        None => None,
    };
    let known_by = fields.as_ref().unwrap_or(&items).as_array().map(Vec::as_slice).unwrap_or_default();
    if field.is_some() && known_by.iter().any(Value::is_null) {
        // Two items without a name are not the same item.
        return Err(arguments.wrong("`match_field`", "is null in one of the items"));
    }
    let keys = known_by.iter().map(|value| evaluation.identity(value).map_err(|error| arguments.fault(&error)));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let Value::Array(items) = items else { return Ok(Keyed { items: Vec::new(), keys: Vec::new() }) };
    Ok(Keyed { items, keys })
}

fn diff(arguments: &Arguments<'_>, sources: Vec<Vec<Value>>) -> Result<Vec<Value>, Trouble> {
    let mut sources = keyed(arguments, sources)?.into_iter();
    let Some(first) = sources.next() else { return Ok(Vec::new()) };
    let elsewhere: HashSet<String> = sources.flat_map(|source| source.keys).collect();
    Ok(first.items.into_iter().zip(first.keys).filter(|(_, key)| !elsewhere.contains(key)).map(|(item, _)| item).collect())
}

fn matching(arguments: &Arguments<'_>, sources: Vec<Vec<Value>>) -> Result<Vec<Value>, Trouble> {
    let mut sources = keyed(arguments, sources)?.into_iter();
    let Some(first) = sources.next() else { return Ok(Vec::new()) };
    let others: Vec<HashMap<String, Vec<Value>>> = sources.map(by_key).collect();
    let mut room = Room::of_a_result();
    let mut merged = Vec::new();
    for (item, key) in first.items.into_iter().zip(first.keys) {
        let same: Option<Vec<&Vec<Value>>> = others.iter().map(|other| other.get(&key)).collect();
        let Some(same) = same else { continue };
        let mut whole = item;
        for other in same.into_iter().flatten() {
            meet(arguments, &mut whole, other.clone())?;
        }
        // One item may be met by many: what comes out is bounded before it is all there.
        room.take(&whole, arguments)?;
        merged.push(whole);
    }
    Ok(merged)
}

fn by_key(source: Keyed) -> HashMap<String, Vec<Value>> {
    let mut items: HashMap<String, Vec<Value>> = HashMap::new();
    for (item, key) in source.items.into_iter().zip(source.keys) {
        items.entry(key).or_default().push(item);
    }
    items
}

fn combine(arguments: &Arguments<'_>, sources: Vec<Vec<Value>>) -> Result<Vec<Value>, Trouble> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut merged: Vec<Value> = Vec::new();
    for source in keyed(arguments, sources)? {
        for (item, key) in source.items.into_iter().zip(source.keys) {
            if let Some(whole) = places.get(&key).and_then(|at| merged.get_mut(*at)) {
                meet(arguments, whole, item)?;
            } else {
                places.insert(key, merged.len());
                merged.push(item);
            }
        }
    }
    Ok(merged)
}

/// What becomes of an item that meets a later one that is the same.
fn meet(arguments: &Arguments<'_>, first: &mut Value, later: Value) -> Result<(), Trouble> {
    match (arguments.word("on_conflict"), first, later) {
        (Some("keep_first"), ..) => Ok(()),
        (Some("keep_last"), first, later) => {
            *first = later;
            Ok(())
        }
        (_, Value::Object(first), Value::Object(later)) => {
            for (name, value) in later {
                first.insert(name, value);
            }
            Ok(())
        }
        (_, Value::Object(_), other) => {
            Err(arguments.wrong("`on_conflict: merge_fields`", format_args!("merges objects, not {}", kind_of(&other))))
        }
        (_, other, _) => Err(arguments.wrong("`on_conflict: merge_fields`", format_args!("merges objects, not {}", kind_of(other)))),
    }
}
