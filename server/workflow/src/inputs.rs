//! What is given at the start of a run, checked against what the plan asks for: all problems at once.
//!
//! [`fits`] checks one value; outputs are checked by it too. Values are never converted here, except by
//! [`from_form`], where a form could only say text.

use std::cmp::Ordering;

use regex::RegexBuilder;
use serde_json::{Map, Number, Value};

use crate::{
    core::render::kind_of,
    plan::{FieldCheck, FieldType, InputField, Plan},
};

/// The most memory a compiled pattern may take, in bytes.
const PATTERN_SIZE_LIMIT: usize = 256 * 1024;
/// The longest list of allowed values that a sentence repeats.
const ALLOWED_SHOWN: usize = 10;

/// What is wrong with one input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldProblem {
    /// The name of the input, as it was given.
    pub field: String,
    /// What is wrong, as a sentence without its full stop and without the value.
    pub message: String,
    /// The name that was perhaps meant.
    pub suggestion: Option<String>,
}

impl FieldProblem {
    pub(crate) fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into(), suggestion: None }
    }
}

/// The inputs a run starts with: every declared one, in the order of the file, as given or by default; null when
/// it is neither required nor defaulted. Null counts as not given.
///
/// # Errors
/// Every problem: missing and unknown names, wrong types, values outside their limits.
pub fn check(plan: &Plan, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    let mut checked = Map::new();
    let mut problems = Vec::new();
    for field in &plan.inputs {
        match taken(field, given.get(&field.name)) {
            Ok(value) => {
                checked.insert(field.name.clone(), value);
            }
            Err(message) => problems.push(FieldProblem::new(&field.name, message)),
        }
    }
    problems.extend(given.keys().filter_map(|name| unknown(plan, name)));
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

/// What a form sent, as typed and checked inputs.
///
/// * Text is taken as it is. An empty one is not given when the input is required or has listed values.
/// * Numbers, `true` and `false` (`on` and `off`, `yes` and `no`, `1` and `0`) are read without the spaces
///   around them; an empty text is not given.
/// * A list is one JSON text, or one element a line, or several fields of the same name. An object is a JSON text.
/// * Of several fields of one name that is no list the last counts, so that a hidden `false` may stand before
///   a box that is only sent when it is ticked.
///
/// # Errors
/// Every problem, those of [`check`] among them.
pub fn from_form(plan: &Plan, fields: &[(String, String)]) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    let mut given = Map::new();
    let mut problems: Vec<FieldProblem> = Vec::new();
    for input in &plan.inputs {
        let texts: Vec<&str> = fields.iter().filter(|(name, _)| *name == input.name).map(|(_, text)| text.as_str()).collect();
        match read(input, &texts) {
            Ok(Some(value)) => {
                given.insert(input.name.clone(), value);
            }
            Ok(None) => {}
            Err(message) => problems.push(FieldProblem::new(&input.name, message)),
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in fields {
        if !seen.contains(&name.as_str()) {
            seen.push(name);
            problems.extend(unknown(plan, name));
        }
    }
    match check(plan, &given) {
        Ok(checked) if problems.is_empty() => Ok(checked),
        Ok(_) => Err(problems),
        Err(more) => {
            // A text that could not be read is reported as that and not as missing besides.
            let unread: Vec<String> = problems.iter().map(|problem| problem.field.clone()).collect();
            problems.extend(more.into_iter().filter(|problem| !unread.contains(&problem.field)));
            Err(problems)
        }
    }
}

/// Whether a value is what it has to be.
///
/// # Errors
/// What is wrong, as a sentence without the value.
pub fn fits(check: &FieldCheck, value: &Value) -> Result<(), String> {
    match (check.kind, value) {
        (FieldType::String, Value::String(text)) => {
            limits(check, text.chars().count() as f64, " characters")?;
            if let Some(pattern) = &check.pattern {
                let expression = RegexBuilder::new(pattern)
                    .size_limit(PATTERN_SIZE_LIMIT)
                    .build()
                    .map_err(|_| "its pattern is not a regular expression".to_owned())?;
                if !expression.is_match(text) {
                    return Err(format!("has to match {pattern}"));
                }
            }
        }
        (FieldType::Integer, Value::Number(number)) => {
            if number.as_i64().is_none() {
                return Err("has to be a whole number of 64 bits".to_owned());
            }
            limits(check, number.as_f64().unwrap_or(f64::NAN), "")?;
        }
        (FieldType::Number, Value::Number(number)) => limits(check, number.as_f64().unwrap_or(f64::NAN), "")?,
        (FieldType::Boolean, Value::Bool(_)) | (FieldType::Object, Value::Object(_)) => {}
        (FieldType::Array, Value::Array(items)) => {
            limits(check, items.len() as f64, " elements")?;
            if let Some(element) = &check.items {
                for (at, item) in items.iter().enumerate() {
                    fits(element, item).map_err(|message| format!("element {} {message}", at + 1))?;
                }
            }
        }
        (kind, other) => return Err(format!("has to be {} and is {}", name_of(kind), kind_of(other))),
    }
    match &check.one_of {
        Some(allowed) if !allowed.contains(value) => {
            let shown: Vec<String> = allowed.iter().take(ALLOWED_SHOWN).map(Value::to_string).collect();
            let more = if allowed.len() > ALLOWED_SHOWN { ", …" } else { "" };
            Err(format!("has to be one of {}{more}", shown.join(", ")))
        }
        _ => Ok(()),
    }
}

fn limits(check: &FieldCheck, measure: f64, unit: &str) -> Result<(), String> {
    // What cannot be compared is outside.
    match (check.min, check.max) {
        (Some(min), _) if measure.partial_cmp(&min).is_none_or(Ordering::is_lt) => Err(format!("has to be at least {min}{unit}")),
        (_, Some(max)) if measure.partial_cmp(&max).is_none_or(Ordering::is_gt) => Err(format!("has to be at most {max}{unit}")),
        _ => Ok(()),
    }
}

const fn name_of(kind: FieldType) -> &'static str {
    match kind {
        FieldType::String => "text",
        FieldType::Integer => "a whole number",
        FieldType::Number => "a number",
        FieldType::Boolean => "true or false",
        FieldType::Object => "an object",
        FieldType::Array => "a list",
    }
}

fn taken(field: &InputField, given: Option<&Value>) -> Result<Value, String> {
    match given.filter(|value| !value.is_null()) {
        Some(value) => fits(&field.check, value).map(|()| value.clone()),
        None if field.required => Err("is required".to_owned()),
        None => Ok(field.default.clone().unwrap_or(Value::Null)),
    }
}

fn unknown(plan: &Plan, name: &str) -> Option<FieldProblem> {
    if plan.inputs.iter().any(|input| input.name == name) {
        return None;
    }
    let suggestion = perhaps_meant(name, plan.inputs.iter().map(|input| input.name.as_str()));
    let message = match &suggestion {
        Some(known) => format!("is not an input of this workflow; did you mean {known}?"),
        None => "is not an input of this workflow".to_owned(),
    };
    Some(FieldProblem { suggestion, ..FieldProblem::new(name, message) })
}

/// The known name that is most like this one, if one is like it at all.
pub(crate) fn perhaps_meant<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known.to_owned())
}

/// The value that the texts of one input mean; `None` when it was not given.
fn read(input: &InputField, texts: &[&str]) -> Result<Option<Value>, String> {
    let Some(last) = texts.last().copied() else { return Ok(None) };
    match input.check.kind {
        FieldType::String if last.is_empty() && (input.required || input.check.one_of.is_some()) => Ok(None),
        FieldType::Array => read_list(&input.check, texts),
        kind => read_one(kind, last),
    }
}

pub(crate) fn read_one(kind: FieldType, text: &str) -> Result<Option<Value>, String> {
    let trimmed = text.trim();
    if kind == FieldType::String {
        return Ok(Some(Value::String(text.to_owned())));
    }
    if trimmed.is_empty() {
        return Ok(None);
    }
    match kind {
        FieldType::Integer => trimmed.parse::<i64>().ok().map(Value::from),
        FieldType::Number => number(trimmed),
        FieldType::Boolean => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "off" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => serde_json::from_str(trimmed).ok(),
    }
    .map(Some)
    .ok_or_else(|| format!("has to be {}", name_of(kind)))
}

/// A decimal number; words such as `inf` are none.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|_| decimal).and_then(Number::from_f64).map(Value::Number)
}

fn read_list(check: &FieldCheck, texts: &[&str]) -> Result<Option<Value>, String> {
    let whole = match texts {
        [one] => one.trim(),
        _ => "",
    };
    if whole.starts_with('[') {
        return serde_json::from_str(whole).map(Some).map_err(|_| "has to be a list in JSON, or one element a line".to_owned());
    }
    let kind = check.items.as_ref().map_or(FieldType::String, |element| element.kind);
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty());
    let items: Vec<Value> = lines
        .enumerate()
        .map(|(at, line)| read_one(kind, line).map(Option::unwrap_or_default).map_err(|message| format!("element {} {message}", at + 1)))
        .collect::<Result<_, _>>()?;
    // A field left empty is not an empty list: a required list is missing then, another takes its default.
    Ok(if items.is_empty() { None } else { Some(Value::Array(items)) })
}
