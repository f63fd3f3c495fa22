//! XML 1.0 as a value, in the manner of Python's xmltodict: `{root: …}`; an element is its text, or, when it has
//! attributes or elements, an object with `@name` for an attribute, `#text` for its own text, and one field for each
//! name of an element: a list when there are several of that name. An empty element is null. Names are as they are
//! written, with their prefixes; declarations of namespaces, comments and instructions are left out, and so are blanks
//! between elements. A document type is refused, and with it every entity but the five that XML knows.

use roxmltree::{Document, Error, Node, ParsingOptions};
use serde_json::{Map, Value};

use super::{MAX_DEPTH, MAX_VALUES, too_deep, too_many};

pub(super) fn read(text: &str) -> Result<Value, String> {
    let nodes_limit = u32::try_from(MAX_VALUES).unwrap_or(u32::MAX);
    let options = ParsingOptions { allow_dtd: false, nodes_limit, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        Error::DtdDetected => "has a document type (`<!DOCTYPE`), which is refused".to_owned(),
        Error::NodesLimitReached => too_many(),
        // Some messages quote the text; what is in it is nobody's business here.
        other => format!("is not XML (line {}, column {})", other.pos().row, other.pos().col),
    })?;
    let root = document.root_element();
    let mut value = Map::new();
    value.insert(name(root), element(root, 1)?);
    Ok(Value::Object(value))
}

/// The name of an element as it is written.
fn name(node: Node<'_, '_>) -> String {
    let written = node.document().input_text().get(node.range()).unwrap_or_default();
    let written = written.trim_start_matches('<');
    let end = written.find(|sign: char| sign.is_whitespace() || matches!(sign, '>' | '/')).unwrap_or(written.len());
    written.get(..end).unwrap_or_default().to_owned()
}

fn element(node: Node<'_, '_>, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let mut fields = Map::new();
    for attribute in node.attributes() {
        let written = node.document().input_text().get(attribute.range_qname()).unwrap_or_else(|| attribute.name());
        fields.insert(format!("@{written}"), Value::from(attribute.value()));
    }
    let mut text = String::new();
    let mut has_elements = false;
    for child in node.children() {
        if child.is_element() {
            has_elements = true;
            add(&mut fields, name(child), element(child, depth + 1)?);
        } else if child.is_text() {
            text.push_str(child.text().unwrap_or_default());
        }
    }
    let text = if has_elements { text.trim() } else { &text };
    if fields.is_empty() {
        return Ok(if text.is_empty() { Value::Null } else { Value::from(text) });
    }
    if !text.is_empty() {
        fields.insert("#text".to_owned(), Value::from(text));
    }
    Ok(Value::Object(fields))
}

/// Adds an element under its name, to those that have it already.
fn add(fields: &mut Map<String, Value>, name: String, value: Value) {
    match fields.get_mut(&name) {
        None => {
            fields.insert(name, value);
        }
        // An element itself never gives a list, so this is one of several elements.
        Some(Value::Array(several)) => several.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
