//! Makes a value that fits a JSON Schema: the common keywords, the same value each time.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

use crate::script::LABEL;

/// Schemas may refer to themselves.
const MAX_DEPTH: usize = 12;
/// No list is made longer than this, whatever its `minItems`.
const MAX_ITEMS: u64 = 100;

/// The longest text that is made for a pattern, in characters.
const MAX_TEXT: usize = 1_000;

/// A value for the schema, whose texts say `remark` where they are free.
pub(crate) fn value(schema: &Value, remark: &str) -> Value {
    Maker { root: schema, remark }.make(schema, "", 0)
}

struct Maker<'s> {
    root: &'s Value,
    remark: &'s str,
}

impl Maker<'_> {
    fn make(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(fixed) = schema.get("const").or_else(|| schema.get("default")) {
            return fixed.clone();
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            return choices.iter().find(|choice| *choice == "medium").or(choices.first()).cloned().unwrap_or_default();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return found.map_or(Value::Null, |found| self.make(found, name, depth + 1));
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(first) = schema.get(choice).and_then(|list| list.get(0)) {
                return self.make(first, name, depth + 1);
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.make(&merged(schema, parts), name, depth + 1);
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "string" => self.text(schema, name).into(),
            "integer" => json!(number(schema, 1.0).ceil() as i64),
            "number" => json!(number(schema, 0.5)),
            "boolean" => Value::Bool(true),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let mut made: Map<_, _> = properties.iter().map(|(name, schema)| (name.clone(), self.make(schema, name, depth + 1))).collect();
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !made.contains_key(name) {
                let schema = schema.get("additionalProperties").filter(|schema| schema.is_object()).unwrap_or(&Value::Null);
                made.insert(name.to_owned(), if schema.is_null() { self.remark.into() } else { self.make(schema, name, depth + 1) });
            }
        }
        Value::Object(made)
    }

    fn array(&self, schema: &Value, name: &str, depth: usize) -> Value {
        let figure = |key: &str| schema.get(key).and_then(Value::as_u64);
        let fixed = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let items = schema.get("items").filter(|items| items.is_object());
        let mut made: Vec<_> = fixed.iter().map(|schema| self.make(schema, name, depth + 1)).collect();
        let free = json!({"type": "string"});
        // A list of texts ends with the label, where there is room for it.
        let wish = if items.is_none_or(|items| kind(items) == "string") { 2 } else { 1 };
        let length = figure("minItems").unwrap_or(0).max(wish).min(figure("maxItems").unwrap_or(MAX_ITEMS)).min(MAX_ITEMS);
        for index in made.len() as u64..length {
            let item = self.make(items.unwrap_or(&free), name, depth + 1);
            made.push(if index > 0 && item == self.remark { LABEL.into() } else { item });
        }
        Value::Array(made)
    }

    fn text(&self, schema: &Value, name: &str) -> String {
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && let Ok(pattern) = regex_syntax::parse(pattern)
        {
            let mut text = String::new();
            matching(&pattern, &mut text);
            return text;
        }
        let text = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2026-01-31",
            Some("date-time") => "2026-01-31T09:00:00Z",
            Some("time") => "09:00:00Z",
            Some("email") => "rehearsal@example.com",
            Some("uri" | "url") => "https://example.com/rehearsal",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ if name.contains("label") || name.contains("author") || name.contains("source") => LABEL,
            _ => self.remark,
        };
        let figure = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|figure| usize::try_from(figure).ok());
        let least = figure("minLength").unwrap_or(0).min(10_000);
        let mut text = text.to_owned();
        while text.chars().count() < least {
            text.push(' ');
            text.push_str(LABEL);
        }
        text.chars().take(figure("maxLength").unwrap_or(usize::MAX)).collect()
    }
}

/// Adds a text that the pattern matches: the shortest way through it, with figures and letters that look chosen.
fn matching(pattern: &Hir, text: &mut String) {
    // 4711 where four figures are wanted.
    const CHOICES: [usize; 4] = [4, 7, 1, 1];
    if text.len() > MAX_TEXT {
        return;
    }
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let signs: Vec<char> = class.iter().flat_map(|range| range.start()..=range.end()).take(100).collect();
            let choice = CHOICES.get(text.chars().count() % CHOICES.len()).copied().unwrap_or(0);
            text.extend(signs.get(choice % signs.len().max(1)));
        }
        HirKind::Class(Class::Bytes(class)) => text.extend(class.iter().next().map(|range| char::from(range.start()))),
        HirKind::Repetition(repetition) => (0..repetition.min).for_each(|_| matching(&repetition.sub, text)),
        HirKind::Capture(capture) => matching(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| matching(part, text)),
        HirKind::Alternation(parts) => parts.iter().take(1).for_each(|part| matching(part, text)),
    }
}

/// The type it says, or that its keywords speak of; the first that is not null if there are several.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null"),
        _ if schema.get("properties").is_some() || schema.get("required").is_some() => "object",
        _ if schema.get("items").is_some() || schema.get("prefixItems").is_some() => "array",
        _ if schema.get("minimum").is_some() || schema.get("maximum").is_some() => "number",
        _ => "string",
    }
}

/// One schema that says what all parts say; of two that say the same keyword the later wins, but for
/// `properties` and `required`, which are joined.
fn merged(schema: &Value, parts: &[Value]) -> Value {
    let mut all = Map::new();
    for part in std::iter::once(schema).chain(parts) {
        for (key, value) in part.as_object().into_iter().flatten().filter(|(key, _)| *key != "allOf") {
            match (all.get_mut(key), value) {
                (Some(Value::Object(before)), Value::Object(more)) if key == "properties" => before.extend(more.clone()),
                (Some(Value::Array(before)), Value::Array(more)) if key == "required" => before.extend(more.clone()),
                _ => drop(all.insert(key.clone(), value.clone())),
            }
        }
    }
    Value::Object(all)
}

/// The usual figure, moved within the bounds and onto a multiple.
fn number(schema: &Value, usual: f64) -> f64 {
    let figure = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = figure("minimum").or_else(|| figure("exclusiveMinimum").map(|bound| bound + usual));
    let most = figure("maximum").or_else(|| figure("exclusiveMaximum").map(|bound| bound - usual));
    let chosen = usual.max(least.unwrap_or(f64::MIN)).min(most.unwrap_or(f64::MAX));
    match figure("multipleOf").filter(|step| *step > 0.0) {
        Some(step) => (chosen / step).ceil() * step,
        None => chosen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::REMARK;

    fn value(schema: &Value) -> Value {
        super::value(schema, REMARK)
    }

    #[test]
    fn a_text_matches_its_pattern() {
        for (pattern, made) in
            [("^[0-9]{4}$", "4711"), ("^INV-[0-9]{4,8}$", "INV-4711"), ("^(yes|no)$", "yes"), ("[a-z]+x?", "e"), ("^$", "")]
        {
            assert_eq!(value(&json!({"type": "string", "pattern": pattern})), made, "{pattern}");
        }
        assert_eq!(value(&json!({"type": "string", "pattern": "(a"})), REMARK, "what is no pattern says nothing");
        assert!(value(&json!({"type": "string", "pattern": "(a{100}){100}"})).as_str().unwrap().len() < 2 * MAX_TEXT);
    }

    #[test]
    fn the_review_of_an_invoice_has_a_risk_and_reasons() {
        let schema = json!({
            "type": "object",
            "required": ["risk", "reasons"],
            "properties": {
                "risk": {"type": "string", "enum": ["low", "medium", "high"]},
                "reasons": {"type": "array", "items": {"type": "string"}},
            },
        });
        assert_eq!(value(&schema), json!({"risk": "medium", "reasons": [REMARK, LABEL]}));
    }

    #[test]
    fn common_keywords_are_met() {
        for (schema, made) in [
            (json!({"enum": ["a", "b"]}), json!("a")),
            (json!({"const": 7}), json!(7)),
            (json!({"type": ["null", "integer"], "minimum": 5}), json!(5)),
            (json!({"type": "integer", "multipleOf": 4}), json!(4)),
            (json!({"type": "number", "maximum": 0.25}), json!(0.25)),
            (json!({"type": "string", "maxLength": 5}), json!("The a")),
            (json!({"type": "string", "format": "date"}), json!("2026-01-31")),
            (json!({"type": "array", "items": {"type": "integer"}, "minItems": 2}), json!([1, 1])),
            (json!({"type": "array", "maxItems": 0}), json!([])),
            (json!({"required": ["x"]}), json!({"x": REMARK})),
            (json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}), json!(true)),
            (json!({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}), json!({"a": 1, "b": 2})),
            (json!({"properties": {"x": {"$ref": "#/$defs/y"}}, "$defs": {"y": {"type": "boolean"}}}), json!({"x": true})),
        ] {
            assert_eq!(value(&schema), made, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_holds_itself_comes_to_an_end() {
        let made = value(&json!({"properties": {"child": {"$ref": "#"}}}));
        assert!(made.to_string().len() < 1000);
    }
}
