//! `core.parse`: values of texts in the formats of other systems, and CSV the other way.
//!
//! Each format is read strictly and within bounds: at most [`MAX_VALUES`] values, at most [`MAX_DEPTH`] deep; no key
//! twice, as systems differ in which of the two they believe; no entity and no document type in XML.

mod csv;
mod json;
mod xml;

use serde_json::Value;

use super::Arguments;
use crate::{core::render::Trouble, parse};

/// The most values (and names of elements) of one text.
pub(super) const MAX_VALUES: usize = 100_000;
/// How deeply they may be nested.
pub(super) const MAX_DEPTH: usize = 64;

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let input = arguments.text("input")?;
    let read = match arguments.word("format").unwrap_or_default() {
        "json" => json::read(&input),
        "yaml" => parse::yaml_value(&input),
        "csv" => csv::read(&input),
        "xml" => xml::read(&input),
        _ => return Err(arguments.wrong("`format`", "is missing")),
    };
    read.map_err(|why| arguments.wrong("`input`", why))
}

/// A list of objects or of lists as CSV.
pub(super) fn to_csv(arguments: &Arguments<'_>, value: &Value) -> Result<Value, Trouble> {
    csv::write(value).map(Value::String).map_err(|why| arguments.wrong("`value`", why))
}

fn too_deep() -> String {
    format!("is nested more than {MAX_DEPTH} deep")
}

fn too_many() -> String {
    format!("has more than {MAX_VALUES} values")
}
