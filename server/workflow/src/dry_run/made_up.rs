//! Samples made of what a step declares, for want of better ones: they have the right shape and mean nothing.

use serde_json::{Map, Value, json};

use super::{Fits, unfit};
use crate::{
    call::Call,
    event::Failure,
    plan::{FieldCheck, FieldType, FormField, FormKind, TemplateValue},
};

/// The word that stands for a text.
const WORD: &str = "sample";
/// How deep a schema is followed.
const DEEPEST: usize = 16;
/// The most parts that are made of one schema.
const MOST_PARTS: usize = 2_000;
/// The longest text that is made, in characters.
const LONGEST: u64 = 10_000;
/// The most items that are made of a list.
const MOST_ITEMS: u64 = 100;

/// What a call could have given.
pub(super) fn answer(call: &Call, fits: Fits) -> Result<Value, Failure> {
    match call {
        Call::Http(_) => Ok(json!({"status": 200, "headers": {}, "body": null})),
        Call::Model(model) => {
            let Some(schema) = &model.output_schema else { return Ok(Value::from("A made-up answer.")) };
            let made = Maker { root: schema, parts: MOST_PARTS }.of(schema, 0);
            fits(schema, &made)
                .map(|()| made)
                .map_err(|_| unfit("nothing could be made up that fits the output_schema: declare a sample with `x-sample`, or give one"))
        }
    }
}

/// What somebody could fill into a form.
pub(super) fn form(fields: &[FormField]) -> Map<String, Value> {
    let value = |form: &FormField| match &form.default {
        Some(TemplateValue::Literal(value)) => value.clone(),
        None if !form.required => Value::Null,
        _ => field(form.kind, &form.check),
    };
    fields.iter().map(|field| (field.name.clone(), value(field))).collect()
}

/// What could stand in a field.
pub(super) fn field(kind: FormKind, check: &FieldCheck) -> Value {
    if let Some(first) = check.one_of.as_ref().and_then(|values| values.first()) {
        return first.clone();
    }
    match kind {
        FormKind::Date => Value::from("2026-01-31"),
        FormKind::Email => Value::from("sample@example.com"),
        FormKind::Url => Value::from("https://example.com/"),
        FormKind::String | FormKind::Text | FormKind::Number | FormKind::Boolean | FormKind::Select => of_check(check),
    }
}

fn of_check(check: &FieldCheck) -> Value {
    let bound = |bound: Option<f64>| bound.filter(|bound| *bound >= 0.0).map(|bound| bound as u64);
    match check.kind {
        FieldType::String => Value::from(word(bound(check.min), bound(check.max))),
        FieldType::Integer | FieldType::Number => number(check.min, check.max, None),
        FieldType::Boolean => Value::Bool(true),
        FieldType::Object => json!({}),
        FieldType::Array => Value::Array(Vec::new()),
    }
}

/// A text of such a length.
fn word(shortest: Option<u64>, longest: Option<u64>) -> String {
    let length = (WORD.len() as u64).max(shortest.unwrap_or(0)).min(longest.unwrap_or(u64::MAX)).min(LONGEST);
    WORD.chars().cycle().take(usize::try_from(length).unwrap_or(0)).collect()
}

/// The whole number nearest to 1 that is allowed.
fn number(least: Option<f64>, most: Option<f64>, step: Option<f64>) -> Value {
    let mut value = 1.0_f64.max(least.map_or(f64::MIN, f64::ceil)).min(most.map_or(f64::MAX, f64::floor));
    if least.is_some_and(|least| value < least) {
        // No whole number lies between the two.
        value = least.unwrap_or(value);
    }
    if let Some(step) = step.filter(|step| *step > 0.0) {
        value = (value / step).ceil() * step;
    }
    // Whole numbers up to 2^53 are exact.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 { Value::from(value as i64) } else { Value::from(value) }
}

/// Follows a JSON Schema.
struct Maker<'s> {
    root: &'s Value,
    parts: usize,
}

impl Maker<'_> {
    fn of(&mut self, schema: &Value, depth: usize) -> Value {
        let Some(left) = self.parts.checked_sub(1).filter(|_| depth < DEEPEST) else { return Value::Null };
        self.parts = left;
        for key in ["const", "default"] {
            if let Some(value) = schema.get(key) {
                return value.clone();
            }
        }
        for key in ["enum", "examples"] {
            if let Some(first) = schema.get(key).and_then(Value::as_array).and_then(|values| values.first()) {
                return first.clone();
            }
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#')) {
            let root = self.root;
            return root.pointer(target).map_or(Value::Null, |schema| self.of(schema, depth + 1));
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            let Some(schemas) = schema.get(key).and_then(Value::as_array) else { continue };
            let made: Vec<Value> =
                schemas.iter().take(if key == "allOf" { schemas.len() } else { 1 }).map(|part| self.of(part, depth + 1)).collect();
            let own = schema.get("properties").map(|_| self.object(schema, depth));
            return made.into_iter().chain(own).reduce(joined).unwrap_or_default();
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null"),
            _ if schema.get("properties").is_some() => "object",
            _ if schema.get("items").is_some() => "array",
            _ => "string",
        };
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        match kind {
            "object" => self.object(schema, depth),
            "array" => {
                let items = schema.get("items").cloned().unwrap_or_else(|| json!({}));
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
                let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
                let count = least.max(1).min(most).min(MOST_ITEMS);
                (0..count).map(|_| self.of(&items, depth + 1)).collect()
            }
            "integer" | "number" => {
                let above = limit("exclusiveMinimum").map(|limit| limit.floor() + 1.0);
                let below = limit("exclusiveMaximum").map(|limit| limit.ceil() - 1.0);
                number(limit("minimum").or(above), limit("maximum").or(below), limit("multipleOf"))
            }
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => {
                let length = |key: &str| schema.get(key).and_then(Value::as_u64);
                Value::from(match schema.get("format").and_then(Value::as_str) {
                    Some("date") => "2026-01-31".to_owned(),
                    Some("date-time") => "2026-01-31T12:00:00Z".to_owned(),
                    Some("time") => "12:00:00Z".to_owned(),
                    Some("email") => "sample@example.com".to_owned(),
                    Some("uri" | "url") => "https://example.com/".to_owned(),
                    Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
                    _ => word(length("minLength"), length("maxLength")),
                })
            }
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut made = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, property) in properties {
            made.insert(name.clone(), self.of(property, depth + 1));
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            made.entry(name.to_owned()).or_insert_with(|| Value::from(WORD));
        }
        Value::Object(made)
    }
}

/// Two objects in one; of anything else the later.
fn joined(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            first.extend(second);
            Value::Object(first)
        }
        (_, second) => second,
    }
}
