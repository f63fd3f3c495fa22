//! `map`, `filter` and `reduce`, and the operations of `core.transform`: what is evaluated for each item.
//!
//! An expression sees the names around the step, the item (`item`, or what `item_variable` says), its number from
//! 0 as `index`, and, in a `reduce`, what came out so far (`acc`, or what `accumulator_variable` says). All
//! evaluations of a step share one meter.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Action, Arguments, Room};
use crate::{
    core::render::{Trouble, kind_of},
    expression::{Evaluation, EvaluationError, Expression},
};

/// The name of the item, unless the step says otherwise.
pub(crate) const ITEM: &str = "item";
/// The number of the item.
pub(crate) const INDEX: &str = "index";
/// The name of what came out so far, unless the step says otherwise.
pub(crate) const ACCUMULATOR: &str = "acc";

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    match (arguments.action(), arguments.word("operation")) {
        (Action::Map, _) => map(arguments, &arguments.list("items")?).map(Value::Array),
        (Action::Filter, _) => filter(arguments, arguments.list("items")?),
        (Action::Reduce, _) => reduce(arguments, arguments.list("items")?),
        (_, Some("map")) => map(arguments, &arguments.list("input")?).map(Value::Array),
        (_, Some("filter")) => filter(arguments, arguments.list("input")?),
        (_, Some("find")) => find(arguments, arguments.list("input")?),
        (_, Some("group_by")) => group_by(arguments, arguments.list("input")?),
        (_, Some("unique")) => by_rank(arguments, "unique(case_sensitive=true"),
        (_, Some("sort")) => by_rank(arguments, "sort(case_sensitive=true"),
        _ => Err(arguments.wrong("`operation`", "is missing")),
    }
}

/// Goes through items, with what is bound for each.
struct Rounds<'a, 'e> {
    arguments: &'e Arguments<'a>,
    evaluation: Evaluation<'e>,
    item: &'e str,
}

impl<'a: 'e, 'e> Rounds<'a, 'e> {
    fn new(arguments: &'e Arguments<'a>) -> Self {
        Self { arguments, evaluation: arguments.evaluation(), item: arguments.word("item_variable").unwrap_or(ITEM) }
    }

    fn begin(&mut self, index: usize, item: &'e Value) {
        self.evaluation.bind(self.item, Cow::Borrowed(item));
        self.evaluation.bind(INDEX, Cow::Owned(Value::from(index)));
    }

    fn value(&mut self, name: &str, expression: &'e Expression, index: usize) -> Result<Value, Trouble> {
        self.evaluation.value(expression).map_err(|error| of_item(name, index, &error))
    }

    fn truth(&mut self, expression: &'e Expression, index: usize) -> Result<bool, Trouble> {
        self.evaluation.truth(expression).map_err(|error| of_item("condition", index, &error))
    }

    /// The expression of that name.
    fn expression(&self, name: &str) -> Result<&'e Expression, Trouble> {
        self.arguments.expression(name).ok_or_else(|| self.arguments.wrong(&format!("`{name}`"), "is missing"))
    }
}

fn of_item(name: &str, index: usize, error: &EvaluationError) -> Trouble {
    Trouble::of(&format!("{name}, item {index}"), error)
}

/// What the expression gives for each item.
fn map(arguments: &Arguments<'_>, items: &[Value]) -> Result<Vec<Value>, Trouble> {
    let mut rounds = Rounds::new(arguments);
    let expression = rounds.expression("expression")?;
    let mut room = Room::of_a_result();
    let mut mapped = Vec::new();
    for (index, item) in items.iter().enumerate() {
        rounds.begin(index, item);
        let value = rounds.value("expression", expression, index)?;
        room.take(&value, arguments)?;
        mapped.push(value);
    }
    Ok(mapped)
}

/// The items of which the condition holds, in their order.
fn filter(arguments: &Arguments<'_>, items: Vec<Value>) -> Result<Value, Trouble> {
    let mut kept = Vec::new();
    {
        let mut rounds = Rounds::new(arguments);
        let condition = rounds.expression("condition")?;
        for (index, item) in items.iter().enumerate() {
            rounds.begin(index, item);
            kept.push(rounds.truth(condition, index)?);
        }
    }
    Ok(Value::Array(items.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(item, _)| item).collect()))
}

/// The first item of which the condition holds; null when there is none.
fn find(arguments: &Arguments<'_>, mut items: Vec<Value>) -> Result<Value, Trouble> {
    let mut found = None;
    {
        let mut rounds = Rounds::new(arguments);
        let condition = rounds.expression("condition")?;
        for (index, item) in items.iter().enumerate() {
            rounds.begin(index, item);
            if rounds.truth(condition, index)? {
                found = Some(index);
                break;
            }
        }
    }
    Ok(found.map_or(Value::Null, |index| items.swap_remove(index)))
}

/// What comes out when the expression has taken up item after item. Without `initial_value` the first item is what
/// the others are taken up into, and there has to be one.
fn reduce(arguments: &Arguments<'_>, items: Vec<Value>) -> Result<Value, Trouble> {
    let (initial, first) = match arguments.optional("initial_value")? {
        Some(initial) => (initial, 0),
        None => match items.first() {
            Some(first) => (first.clone(), 1),
            None => return Err(arguments.wrong("`items`", "is empty, and there is no `initial_value` to give instead")),
        },
    };
    let accumulator = arguments.word("accumulator_variable").unwrap_or(ACCUMULATOR);
    let mut rounds = Rounds::new(arguments);
    let expression = rounds.expression("expression")?;
    let mut so_far = initial;
    for (index, item) in items.iter().enumerate().skip(first) {
        rounds.begin(index, item);
        rounds.evaluation.bind(accumulator, Cow::Owned(so_far));
        so_far = rounds.value("expression", expression, index)?;
    }
    Ok(so_far)
}

/// What each item is ordered, grouped or told apart by: a field of it, or what the expression gives.
fn ranks(arguments: &Arguments<'_>, items: &[Value]) -> Result<Vec<Value>, Trouble> {
    if arguments.expression("expression").is_some() {
        return map(arguments, items);
    }
    let key = arguments.value("key")?;
    let ranks = arguments.say("input | map(attribute=key)", &[("input", &Value::from(items)), ("key", &key)])?;
    Ok(match ranks {
        Value::Array(ranks) => ranks,
        _ => Vec::new(),
    })
}

/// Objects of the items by what they are grouped by, in the order in which the groups begin. What groups is a text,
/// a number or a boolean, and the same for all items: `1` and `"1"` would be one name.
fn group_by(arguments: &Arguments<'_>, items: Vec<Value>) -> Result<Value, Trouble> {
    let ranks = ranks(arguments, &items)?;
    let what = if arguments.expression("expression").is_some() { "`expression`" } else { "`key`" };
    let mut groups: Map<String, Value> = Map::new();
    if let Some(other) = ranks.iter().find(|rank| ranks.first().is_some_and(|first| kind_of(first) != kind_of(rank))) {
        let first = ranks.first().map_or("nothing", kind_of);
        return Err(arguments.wrong(what, format_args!("gives {first} for one item and {} for another", kind_of(other))));
    }
    for (rank, item) in ranks.iter().zip(items) {
        let name = match rank {
            Value::String(text) => text.clone(),
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) => match number.as_f64() {
                // 1 and 1.0 are the same number.
                Some(float) if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 && float.abs() < 9.0e15 => {
                    (float as i64).to_string()
                }
                _ => number.to_string(),
            },
            other => return Err(arguments.wrong(what, format_args!("gives {} as the name of a group", kind_of(other)))),
        };
        match groups.entry(name).or_insert_with(|| json!([])) {
            Value::Array(group) => group.push(item),
            other => *other = Value::Array(vec![item]),
        }
    }
    Ok(Value::Object(groups))
}

/// The items after a filter that orders or tells apart, `filter` being its beginning without what it goes by.
fn by_rank(arguments: &Arguments<'_>, filter: &str) -> Result<Value, Trouble> {
    let items = arguments.list("input")?;
    if arguments.expression("expression").is_some() {
        let ranks = map(arguments, &items)?;
        let ranked = ranks.into_iter().zip(items).map(|(rank, item)| json!({"rank": rank, "item": item})).collect::<Vec<_>>();
        let line = format!("input | {filter}, attribute='rank') | map(attribute='item')");
        return arguments.say(&line, &[("input", &Value::Array(ranked))]);
    }
    let items = Value::Array(items);
    match arguments.optional("key")? {
        Some(key) => arguments.say(&format!("input | {filter}, attribute=key)"), &[("input", &items), ("key", &key)]),
        None => arguments.say(&format!("input | {filter})"), &[("input", &items)]),
    }
}
