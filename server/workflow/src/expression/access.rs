//! Reaching into values: fields, items and slices, and the sentence that says why there is none.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    ast::{Link, LinkKind},
    error::{EvaluationError, Fault, nearest},
    evaluate::Outcome,
    limits::Work,
    value::{self, Number, kind},
};

/// Names of fields listed in a message, at most.
const FIELDS_SHOWN: usize = 12;
/// Characters of source text or of a field's name shown in a message, at most.
const CHARACTERS_SHOWN: usize = 80;

/// How a child is named.
pub(super) enum Key<'k> {
    Field(&'k str),
    Index(&'k Value),
}

/// Where a child is asked for, for messages.
pub(super) struct Place<'p> {
    pub(super) source: &'p str,
    /// Where the whole operand starts.
    pub(super) start: usize,
    pub(super) link: &'p Link,
    /// What follows.
    pub(super) rest: &'p [Link],
}

impl Place<'_> {
    /// Whether nobody will read why there is nothing: what follows gives something in its place, or only asks.
    fn is_asked(&self) -> bool {
        let first = self.rest.iter().find(|link| !matches!(link.kind, LinkKind::Field(_) | LinkKind::Index(_) | LinkKind::Slice(_)));
        first.is_some_and(|link| match &link.kind {
            LinkKind::Filter { signature, .. } => signature.name == "default",
            LinkKind::Test { predicate, .. } => predicate.asks_for_definition().is_some(),
            _ => false,
        })
    }

    fn container(&self) -> String {
        shortened(self.source.get(self.start..self.link.span.start).unwrap_or_default())
    }

    fn whole(&self) -> String {
        shortened(self.source.get(self.start..self.link.span.end).unwrap_or_default())
    }
}

pub(super) fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(CHARACTERS_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Follows fields that need no evaluation into a value that is not borrowed, so that only what they lead
/// to is copied.
pub(super) fn descend<'a>(
    work: &mut Work<'a>,
    source: &str,
    value: &Value,
    start: usize,
    links: &[Link],
) -> Result<(Outcome<'a>, usize), EvaluationError> {
    let mut current = value;
    let mut walked = 0;
    for link in links {
        let Some(field) = link.field() else { break };
        work.spend(1).map_err(|fault| fault.at(start))?;
        let rest = links.get(walked + 1..).unwrap_or_default();
        match child(current, &Key::Field(field), &Place { source, start, link, rest }).map_err(|fault| fault.at(link.span.start))? {
            Ok(Cow::Borrowed(child)) => current = child,
            Ok(Cow::Owned(child)) => return Ok((Outcome::made(child), walked + 1)),
            Err(message) => return Ok((Outcome::Undefined(message), walked + 1)),
        }
        walked += 1;
    }
    let copied = work.copy(current).map_err(|fault| fault.at(start))?;
    Ok((Outcome::made(copied), walked))
}

/// A field or item. The inner error says why there is none.
pub(super) fn child<'v>(value: &'v Value, key: &Key<'_>, place: &Place<'_>) -> Result<Result<Cow<'v, Value>, String>, Fault> {
    const NULL: &Value = &Value::Null;
    let missing = |because: String| Ok(Err(format!("`{}` is not defined; `{}` {because}", place.whole(), place.container())));
    let name = match key {
        Key::Field(name) => Some(*name),
        Key::Index(Value::String(name)) => Some(name.as_str()),
        Key::Index(_) => None,
    };
    let index = match key {
        Key::Index(index) => match Number::of(index) {
            Some(Number::Integer(index)) => Some(index),
            _ => None,
        },
        Key::Field(_) => None,
    };
    match (value, name, index) {
        (Value::Null, ..) => Ok(Ok(Cow::Borrowed(NULL))),
        (Value::Object(fields), Some(name), _) => match fields.get(name) {
            Some(child) => Ok(Ok(Cow::Borrowed(child))),
            None if place.is_asked() => Ok(Err(String::new())),
            None => missing(describe_fields(fields, name)),
        },
        (Value::Array(items), _, Some(index)) => match position(items.len(), index).and_then(|index| items.get(index)) {
            Some(child) => Ok(Ok(Cow::Borrowed(child))),
            None => missing(format!("has {} items", items.len())),
        },
        (Value::String(text), _, Some(index)) => {
            let length = if index < 0 { text.chars().count() } else { usize::MAX };
            match position(length, index).and_then(|index| text.chars().nth(index)) {
                Some(character) => Ok(Ok(Cow::Owned(Value::String(character.to_string())))),
                None => missing(format!("has {} characters", text.chars().count())),
            }
        }
        (other, Some(_), _) => missing(format!("is {} and has no fields", kind(other))),
        (Value::Object(_), None, _) => Err(Fault::Type(format!("the fields of `{}` are named by texts", place.container()))),
        (Value::Array(_) | Value::String(_), None, None) => {
            Err(Fault::Type(format!("the items of `{}` are numbered by integers", place.container())))
        }
        (other, ..) => missing(format!("is {} and has no items", kind(other))),
    }
}

/// An index that may count from the end.
fn position(length: usize, index: i64) -> Option<usize> {
    if index >= 0 {
        usize::try_from(index).ok()
    } else {
        usize::try_from(index.unsigned_abs()).ok().and_then(|back| length.checked_sub(back))
    }
}

fn describe_fields(fields: &Map<String, Value>, sought: &str) -> String {
    if fields.is_empty() {
        return "has no fields".to_owned();
    }
    let shown: Vec<String> = fields.keys().take(FIELDS_SHOWN).map(|name| shortened(name)).collect();
    let more = fields.len().saturating_sub(FIELDS_SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let advice =
        nearest(sought, fields.keys().take(1_000).map(String::as_str)).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("has {}{rest}{advice}", shown.join(", "))
}

pub(super) fn slice(work: &mut Work<'_>, value: &Value, from: Option<i64>, to: Option<i64>, step: i64) -> Result<Value, Fault> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Array(items) => {
            let mut taken = Vec::new();
            for index in value::slice_indexes(items.len(), from, to, step)? {
                work.spend(1)?;
                if let Some(item) = items.get(index) {
                    taken.push(work.copy(item)?);
                }
            }
            work.bounded(Value::Array(taken))
        }
        Value::String(text) => {
            work.allocate(text.len())?;
            let characters: Vec<char> = text.chars().collect();
            let indexes = value::slice_indexes(characters.len(), from, to, step)?;
            Ok(Value::String(indexes.into_iter().filter_map(|index| characters.get(index)).collect()))
        }
        other => Err(Fault::Type(format!("a slice is taken of a list or a text, not of {}", kind(other)))),
    }
}
