//! Filters that look at each item of a list: choosing, mapping, ordering, adding up.
//!
//! As in Jinja, order and likeness of texts take no notice of capitals unless `case_sensitive=true` is
//! said. Unlike in Jinja, items that have no order among themselves are an error.

use std::{borrow::Cow, cmp::Ordering, collections::BTreeSet};

use serde_json::{Value, json};

use super::{
    Apply, Arguments, Fault, Input, Items, Outcome, Rest, Signature, Work, apply, collected, kind, listed, own, predicates, signature,
};
use crate::expression::{
    ast::Arithmetic,
    value::{self, Number, calculate},
};

pub(super) const FILTERS: &[Signature] = &[
    Signature { name: "map", parameters: &["attribute", "default"], required: 0, rest: Rest::Filter, apply: Apply::Items(map) },
    Signature {
        name: "select",
        parameters: &[],
        required: 0,
        rest: Rest::Test,
        apply: Apply::Items(|work, items, arguments| keep(work, items, arguments, true)),
    },
    Signature {
        name: "reject",
        parameters: &[],
        required: 0,
        rest: Rest::Test,
        apply: Apply::Items(|work, items, arguments| keep(work, items, arguments, false)),
    },
    Signature {
        name: "selectattr",
        parameters: &[],
        required: 0,
        rest: Rest::AttributeTest,
        apply: Apply::Items(|work, items, arguments| keep(work, items, arguments, true)),
    },
    Signature {
        name: "rejectattr",
        parameters: &[],
        required: 0,
        rest: Rest::AttributeTest,
        apply: Apply::Items(|work, items, arguments| keep(work, items, arguments, false)),
    },
    listed("sort", &["reverse", "case_sensitive", "attribute"], 0, sort),
    listed("unique", &["case_sensitive", "attribute"], 0, unique),
    listed("groupby", &["attribute", "default", "case_sensitive"], 1, groupby),
    listed("sum", &["attribute", "start"], 0, sum),
    listed("min", &["case_sensitive", "attribute"], 0, |work, items, arguments| extreme(work, items, arguments, Ordering::Less)),
    listed("max", &["case_sensitive", "attribute"], 0, |work, items, arguments| extreme(work, items, arguments, Ordering::Greater)),
];

/// A way from a value to a part of it: `name`, `0`, `a.b.0`.
pub(super) struct Attribute<'p> {
    parts: Vec<Cow<'p, str>>,
}

impl<'p> Attribute<'p> {
    /// From the value of an argument.
    pub(super) fn of(value: &'p Value, argument: &str) -> Result<Self, Fault> {
        match value {
            Value::String(path) => Ok(Self::path(path)),
            Value::Number(index) => Ok(Self { parts: vec![Cow::Owned(index.to_string())] }),
            other => Err(Fault::Type(format!("the argument `{argument}` is the name of a field, not {}", kind(other)))),
        }
    }

    fn path(path: &'p str) -> Self {
        // `a[0]` is another spelling of `a.0`.
        Self { parts: path.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(Cow::Borrowed).collect() }
    }

    /// From an argument that need not be there.
    pub(super) fn optional(arguments: &'p Arguments<'_>, parameter: usize) -> Result<Option<Self>, Fault> {
        arguments.optional(parameter).map(|value| Self::of(value, "attribute")).transpose()
    }

    /// What it leads to. Parts of null are null.
    pub(super) fn follow<'a>(&self, work: &mut Work<'a>, value: Cow<'a, Value>) -> Result<Result<Cow<'a, Value>, String>, Fault> {
        match value {
            Cow::Borrowed(value) => Ok(self.look(work, value)?.map(Cow::Borrowed)),
            Cow::Owned(value) => match self.look(work, &value)? {
                Ok(found) => Ok(Ok(Cow::Owned(work.copy(found)?))),
                Err(message) => Ok(Err(message)),
            },
        }
    }

    /// The part of a value that it leads to, or why there is none.
    fn look<'v>(&self, work: &mut Work<'_>, value: &'v Value) -> Result<Result<&'v Value, String>, Fault> {
        work.spend(self.parts.len())?;
        Ok(self.find(value))
    }

    /// What it leads to; an error when that is nothing.
    pub(super) fn wanted<'v>(&self, work: &mut Work<'_>, value: &'v Value) -> Result<&'v Value, Fault> {
        self.look(work, value)?.map_err(Fault::Undefined)
    }

    fn find<'v>(&self, value: &'v Value) -> Result<&'v Value, String> {
        let mut current = value;
        for part in &self.parts {
            current = match current {
                Value::Null => current,
                Value::Object(fields) => {
                    fields.get(part.as_ref()).ok_or_else(|| format!("the field `{part}` of `{}` is not defined", self.parts.join(".")))?
                }
                Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)).ok_or_else(|| {
                    format!("`{part}` of `{}` is not defined: there is a list of {} items", self.parts.join("."), items.len())
                })?,
                other => return Err(format!("`{part}` of `{}` is not defined: {} has no fields", self.parts.join("."), kind(other))),
            };
        }
        Ok(current)
    }
}

/// `map('filter', …)` or `map(attribute='a.b', default=…)`.
fn map<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let mut mapped = Vec::with_capacity(items.len());
    let Some((name, rest)) = arguments.rest.split_first() else {
        let attribute = Attribute::of(arguments.given(0).unwrap_or(&Value::Null), "attribute")?;
        if let Some((name, _)) = arguments.named.first() {
            return Err(Fault::Argument(format!("the filter `map` has no argument `{name}`")));
        }
        for item in items {
            work.spend(1)?;
            mapped.push(match (attribute.follow(work, item)?, arguments.given(1)) {
                (Ok(found), None) => found,
                (Ok(found), Some(_)) if !found.is_null() => found,
                (_, Some(default)) => Cow::Owned(work.copy(default)?),
                (Err(message), None) => return Err(Fault::Undefined(message)),
            });
        }
        return Ok(Outcome::Items(mapped));
    };
    let filter = name.as_str().and_then(signature).ok_or_else(|| Fault::Argument("`map` was given the name of no filter".to_owned()))?;
    let mut inner = Arguments::none(filter);
    for value in rest {
        inner.add(None, value.clone())?;
    }
    let own_parameters = arguments.signature.parameters.iter().zip(&arguments.values);
    for (name, value) in own_parameters.filter_map(|(name, value)| value.as_ref().map(|value| (*name, value))) {
        inner.add(Some(name), value.clone())?;
    }
    for (name, value) in &arguments.named {
        inner.add(Some(name), value.clone())?;
    }
    for item in items {
        work.spend(1)?;
        mapped.push(match work.nested(|work| apply(work, Input::Value(item), &inner))? {
            Outcome::Defined(value) => value,
            Outcome::Items(items) => Cow::Owned(collected(work, items)?),
            Outcome::Undefined(message) => return Err(Fault::Undefined(message)),
        });
    }
    Ok(Outcome::Items(mapped))
}

/// `select('test', argument)`, `selectattr('attribute', 'test', argument)`, and their opposites. Without a
/// test the item itself is the condition: a boolean, or null for no.
fn keep<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>, wanted: bool) -> Result<Outcome<'a>, Fault> {
    let (attribute, rest) = match arguments.rest.split_first() {
        Some((attribute, rest)) if arguments.signature.rest == Rest::AttributeTest => (Some(Attribute::of(attribute, "attribute")?), rest),
        _ => (None, arguments.rest.as_slice()),
    };
    let test = match rest.first() {
        Some(name) => {
            let named = name.as_str().and_then(predicates::named);
            Some(named.ok_or_else(|| Fault::Argument(format!("`{}` was given the name of no test", arguments.signature.name)))?)
        }
        None => None,
    };
    if test.is_some_and(|test| test.takes_argument() != (rest.len() == 2)) || rest.len() > 2 {
        return Err(Fault::Argument(format!("the test given to `{}` has the wrong number of arguments", arguments.signature.name)));
    }
    let argument = rest.get(1).map_or(&Value::Null, |argument| &**argument);
    let mut kept = Vec::new();
    for item in items {
        work.spend(1)?;
        let looked_at = match &attribute {
            Some(attribute) => attribute.look(work, &item)?,
            None => Ok(&*item),
        };
        let holds = match (test.and_then(predicates::Predicate::asks_for_definition), looked_at) {
            (Some(defined), found) => found.is_ok() == defined,
            (None, Err(message)) => return Err(Fault::Undefined(message)),
            (None, Ok(value)) => match (test, value) {
                (Some(test), value) => test.holds(work, value, argument)?,
                (None, Value::Bool(truth)) => *truth,
                (None, Value::Null) => false,
                (None, other) => {
                    return Err(Fault::Type(format!(
                        "`{}` without a test is about booleans, not about {}",
                        arguments.signature.name,
                        kind(other)
                    )));
                }
            },
        };
        if holds == wanted {
            kept.push(item);
        }
    }
    Ok(Outcome::Items(kept))
}

/// What an item is ordered by.
enum Rank {
    Number(Number),
    Text(String),
}

impl Rank {
    fn of(work: &mut Work<'_>, value: &Value, case_sensitive: bool) -> Result<Self, Fault> {
        match (value, Number::of(value)) {
            (_, Some(number)) => Ok(Self::Number(number)),
            (Value::String(text), _) => {
                work.allocate(text.len())?;
                Ok(Self::Text(if case_sensitive { text.clone() } else { text.to_lowercase() }))
            }
            (other, _) => Err(Fault::Type(format!("only numbers and texts have an order, not {}", kind(other)))),
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Some(a.order(*b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// An item with what it is ordered by.
type Ranked<'a> = (Vec<Rank>, Cow<'a, Value>);

/// Items with what they are ordered by, checked to have an order.
fn ranked<'a>(work: &mut Work<'a>, items: Items<'a>, attributes: &[Attribute<'_>], case_sensitive: bool) -> Result<Vec<Ranked<'a>>, Fault> {
    let mut ranked: Vec<Ranked<'a>> = Vec::with_capacity(items.len());
    for item in items {
        work.spend(1 + usize::BITS as usize - ranked.len().leading_zeros() as usize)?;
        let ranks = if attributes.is_empty() {
            vec![Rank::of(work, &item, case_sensitive)?]
        } else {
            let mut ranks = Vec::new();
            for attribute in attributes {
                let value = attribute.wanted(work, &item)?;
                ranks.push(Rank::of(work, value, case_sensitive)?);
            }
            ranks
        };
        if let Some((first, _)) = ranked.first()
            && first.iter().zip(&ranks).any(|(a, b)| a.order(b).is_none())
        {
            return Err(Fault::Type("numbers and texts have no order among each other".to_owned()));
        }
        ranked.push((ranks, item));
    }
    Ok(ranked)
}

fn by_rank(a: &[Rank], b: &[Rank]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| a.order(b).unwrap_or(Ordering::Equal)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Stable; `attribute='a,b'` orders by `a` first.
fn sort<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let attributes = match arguments.optional(2) {
        Some(Value::String(several)) => several.split(',').map(|one| Attribute::path(one.trim())).collect(),
        Some(one) => vec![Attribute::of(one, "attribute")?],
        None => Vec::new(),
    };
    let mut ranked = ranked(work, items, &attributes, arguments.flag(1)?)?;
    let reverse = arguments.flag(0)?;
    ranked.sort_by(|(a, _), (b, _)| if reverse { by_rank(b, a) } else { by_rank(a, b) });
    Ok(Outcome::Items(ranked.into_iter().map(|(_, item)| item).collect()))
}

/// The least or greatest item; the first of several; undefined when there is none.
fn extreme<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>, wanted: Ordering) -> Result<Outcome<'a>, Fault> {
    let attributes: Vec<Attribute<'_>> = Attribute::optional(arguments, 1)?.into_iter().collect();
    let ranked = ranked(work, items, &attributes, arguments.flag(0)?)?;
    let best = ranked.into_iter().reduce(|best, next| if by_rank(&next.0, &best.0) == wanted { next } else { best });
    Ok(match best {
        Some((_, item)) => Outcome::Defined(item),
        None => Outcome::Undefined(format!("the filter `{}` was given nothing to choose from", arguments.signature.name)),
    })
}

/// A text that is the same for values that are the same ([`value::equal`]).
pub(in crate::expression) fn identity(work: &mut Work<'_>, value: &Value, case_sensitive: bool) -> Result<String, Fault> {
    work.spend(1)?;
    Ok(match value {
        Value::Number(_) => match Number::of(value) {
            Some(number @ Number::Float(float)) => match number.truncated() {
                Ok(integer) if Number::Integer(integer).order(number).is_eq() => integer.to_string(),
                _ => float.to_string(),
            },
            _ => value.to_string(),
        },
        Value::String(text) => {
            work.allocate(text.len())?;
            let text = if case_sensitive { text.clone() } else { text.to_lowercase() };
            format!("{}\"{text}", text.len())
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| identity(work, item, true)).collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let mut parts = BTreeSet::new();
            for (key, value) in fields {
                parts.insert(format!("{}\"{key}:{}", key.len(), identity(work, value, true)?));
            }
            format!("{{{}}}", parts.into_iter().collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    })
}

/// The first of each kind, in order.
fn unique<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let case_sensitive = arguments.flag(0)?;
    let attribute = Attribute::optional(arguments, 1)?;
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for item in items {
        let looked_at = match &attribute {
            Some(attribute) => attribute.wanted(work, &item)?,
            None => &item,
        };
        if seen.insert(identity(work, looked_at, case_sensitive)?) {
            kept.push(item);
        }
    }
    Ok(Outcome::Items(kept))
}

/// Objects `{grouper, list}`, ordered by `grouper`; a `for` with two names takes them apart.
fn groupby<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let attribute = Attribute::of(arguments.given(0).unwrap_or(&Value::Null), "attribute")?;
    let case_sensitive = arguments.flag(2)?;
    let mut ranked: Vec<(Rank, Value, Cow<'a, Value>)> = Vec::new();
    for item in items {
        work.spend(1 + usize::BITS as usize - ranked.len().leading_zeros() as usize)?;
        let grouper = match (attribute.look(work, &item)?, arguments.given(1)) {
            (Ok(grouper), _) => grouper,
            (Err(_), Some(default)) => default,
            (Err(message), None) => return Err(Fault::Undefined(message)),
        };
        let grouper = work.copy(grouper)?;
        let rank = Rank::of(work, &grouper, case_sensitive)?;
        if ranked.first().is_some_and(|(first, ..)| first.order(&rank).is_none()) {
            return Err(Fault::Type("numbers and texts have no order among each other".to_owned()));
        }
        ranked.push((rank, grouper, item));
    }
    ranked.sort_by(|(a, ..), (b, ..)| a.order(b).unwrap_or(Ordering::Equal));
    let mut groups: Vec<(Rank, Value, Vec<Value>)> = Vec::new();
    for (rank, grouper, item) in ranked {
        let item = own(work, item)?;
        match groups.last_mut().filter(|(last, ..)| last.order(&rank) == Some(Ordering::Equal)) {
            Some((_, _, list)) => list.push(item),
            None => groups.push((rank, grouper, vec![item])),
        }
    }
    Ok(Outcome::made(groups.into_iter().map(|(_, grouper, list)| json!({"grouper": grouper, "list": list})).collect::<Vec<_>>()))
}

/// The sum of numbers; of nothing it is 0, or `start`.
fn sum<'a>(work: &mut Work<'a>, items: Items<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let attribute = Attribute::optional(arguments, 0)?;
    let mut total = arguments.number(1)?.unwrap_or(Number::Integer(0));
    for item in items {
        work.spend(1)?;
        let item = match &attribute {
            Some(attribute) => attribute.wanted(work, &item)?,
            None => &item,
        };
        let number = value::Number::of(item).ok_or_else(|| Fault::Type(format!("the filter `sum` adds numbers, not {}", kind(item))))?;
        total = calculate(Arithmetic::Add, total, number)?;
    }
    total.into_value().map(Outcome::made)
}
