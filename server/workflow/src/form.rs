//! A form that a person fills in when they decide: what stands in it, and whether what came back can be taken.
//!
//! The definitions are [`AskedField`]s, fixed when the question was put. What comes back is either [typed](filled) or
//! [the texts of a page](filled_from_texts); both give the same values, or every problem at once. A suggestion is never
//! taken for an answer: what is not sent is not given.
//!
//! To add a kind of field: a variant of [`FormKind`], its word in `parse/steps/form.rs`, and an arm here.

use serde_json::{Map, Value};

use crate::{
    call::host_of,
    core::render::kind_of,
    event::AskedField,
    expression::is_day,
    inputs::{FieldProblem, fits, perhaps_meant, read_one},
    plan::{FieldType, FormKind},
};

/// The longest text that a field takes when its check does not say, in characters.
pub const LONGEST_TEXT: usize = 10_000;

/// What a field has to be filled in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A yes: required fields are needed.
    Yes,
    /// A no: nothing is needed, but what is given has to be right.
    No,
}

/// The values of a form that came back typed: every field that was asked for, in its order, null where nothing was
/// given. Null counts as not given, and so does an empty text.
///
/// # Errors
/// Every problem: unknown names, required fields without a value, wrong types, values that fail their check.
pub fn filled(fields: &[AskedField], given: &Map<String, Value>, answer: Answer) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    let mut values = Map::new();
    let mut problems = Vec::new();
    for field in fields {
        let given = given.get(&field.name).filter(|value| !is_empty(value));
        let value = match given {
            Some(value) => taken(field, value.clone()),
            None if field.required && answer == Answer::Yes => Err("is required".to_owned()),
            None => Ok(Value::Null),
        };
        match value {
            Ok(value) => drop(values.insert(field.name.clone(), value)),
            Err(message) => problems.push(FieldProblem::new(&field.name, message)),
        }
    }
    problems.extend(given.keys().filter_map(|name| unknown(fields, name)));
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// The same for the texts of a page. Of several texts of one name the last counts, so that a hidden `false` may stand
/// before a box that is only sent when it is ticked.
///
/// # Errors
/// As for [`filled`].
pub fn filled_from_texts(
    fields: &[AskedField],
    texts: &[(String, String)],
    answer: Answer,
) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    let mut given = Map::new();
    let mut unread: Vec<FieldProblem> = Vec::new();
    for (name, text) in texts {
        let kind = fields.iter().find(|field| field.name == *name).map_or(FormKind::String, |field| field.kind);
        match read_one(value_type(kind), one_text(kind, text)) {
            Ok(value) => drop(given.insert(name.clone(), value.unwrap_or_default())),
            Err(message) => unread.push(FieldProblem::new(name, message)),
        }
    }
    match filled(fields, &given, answer) {
        Ok(values) if unread.is_empty() => Ok(values),
        Ok(_) => Err(unread),
        Err(more) => {
            // A text that could not be read is reported as that and not as missing besides.
            let known: Vec<String> = unread.iter().map(|problem| problem.field.clone()).collect();
            unread.extend(more.into_iter().filter(|problem| !known.contains(&problem.field)));
            Err(unread)
        }
    }
}

/// What a field's value is in JSON.
pub(crate) const fn value_type(kind: FormKind) -> FieldType {
    match kind {
        FormKind::Number => FieldType::Number,
        FormKind::Boolean => FieldType::Boolean,
        FormKind::String | FormKind::Text | FormKind::Select | FormKind::Date | FormKind::Email | FormKind::Url => FieldType::String,
    }
}

/// A text as it was meant: nobody means the spaces around an address or a day.
fn one_text(kind: FormKind, text: &str) -> &str {
    match kind {
        FormKind::String | FormKind::Text | FormKind::Select => text,
        FormKind::Number | FormKind::Boolean | FormKind::Date | FormKind::Email | FormKind::Url => text.trim(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn taken(field: &AskedField, value: Value) -> Result<Value, String> {
    if let Value::String(text) = &value {
        if field.check.max.is_none() && text.chars().count() > LONGEST_TEXT {
            return Err(format!("has to be at most {LONGEST_TEXT} characters"));
        }
        if field.kind != FormKind::Text && text.chars().any(|sign| matches!(sign, '\n' | '\r')) {
            return Err("has to be one line".to_owned());
        }
        looks_like(field.kind, text)?;
    }
    fits(&field.check, &value).map(|()| value)
}

/// Whether a text is what such a field holds, beyond being text.
pub(crate) fn looks_like(kind: FormKind, text: &str) -> Result<(), String> {
    match kind {
        FormKind::Date if !is_day(text) => Err("has to be a day, as 2026-01-31".to_owned()),
        FormKind::Email if !is_email(text) => Err("has to be an e-mail address".to_owned()),
        FormKind::Url if host_of(text).is_none() => Err("has to be an address that begins with http:// or https://".to_owned()),
        _ => Ok(()),
    }
}

fn is_email(text: &str) -> bool {
    let valid = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    valid && !text.contains(|sign: char| sign.is_whitespace() || sign.is_control() || "<>,;\"".contains(sign))
}

fn unknown(fields: &[AskedField], name: &str) -> Option<FieldProblem> {
    if fields.iter().any(|field| field.name == name) {
        return None;
    }
    let suggestion = perhaps_meant(name, fields.iter().map(|field| field.name.as_str()));
    Some(FieldProblem { suggestion, ..FieldProblem::new(name, "is no field of this form") })
}

/// What stands in a field at first: a number or a boolean may stand in a text field and becomes text, null is nothing.
///
/// # Errors
/// What is wrong, as a sentence without the value: a list, or words where a number is wanted.
pub(crate) fn suggested(kind: FormKind, value: Value) -> Result<Value, String> {
    match (value_type(kind), value) {
        (_, Value::Null) => Ok(Value::Null),
        (FieldType::String, Value::String(text)) => Ok(Value::String(text)),
        (FieldType::String, value @ (Value::Number(_) | Value::Bool(_))) => Ok(Value::String(value.to_string())),
        (FieldType::Number, value @ Value::Number(_)) | (FieldType::Boolean, value @ Value::Bool(_)) => Ok(value),
        (wanted @ (FieldType::Number | FieldType::Boolean), Value::String(text)) => read_one(wanted, &text).map(Option::unwrap_or_default),
        (wanted, other) => {
            let wanted = match wanted {
                FieldType::Number => "a number",
                FieldType::Boolean => "true or false",
                _ => "text, a number or a boolean",
            };
            Err(format!("has to be {wanted} and is {}", kind_of(&other)))
        }
    }
}

/// `cost_centre` as `Cost centre`.
pub(crate) fn label_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut signs = words.trim().chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}
