//! The shape an answer has to have: JSON Schema, without anything from elsewhere and without patterns
//! that take for ever.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// The largest schema, serialized: it travels with every prompt and is paid for.
const MAX_BYTES: usize = 64 * 1024;
const MAX_DEPTH: usize = 32;
/// A compiled `pattern`.
const MAX_PATTERN: usize = 1 << 20;

/// Checks a schema when a workflow is saved: it has to be one, be self-contained and of bearable size.
///
/// # Errors
/// A sentence that says what is wrong and where.
pub fn check(schema: &Value) -> Result<(), String> {
    compile(schema).map(drop)
}

/// Checks a value against a schema.
///
/// # Errors
/// A sentence that names the first place that does not fit, or what is wrong with the schema itself.
pub fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = compile(schema)?;
    validator.validate(value).map_err(|error| {
        let path = error.instance_path().to_string();
        // The value is masked: it may be long, and it may be what nobody should read in a log.
        let what = error.masked_with("the value").to_string();
        if path.is_empty() { what } else { format!("At {path}: {what}") }
    })
}

fn compile(schema: &Value) -> Result<Validator, String> {
    if !schema.is_object() {
        return Err("A schema is an object such as {type: object, properties: {…}}.".to_owned());
    }
    if schema.to_string().len() > MAX_BYTES {
        return Err("The schema is larger than 64 KiB.".to_owned());
    }
    self_contained(schema, "", 0)?;
    jsonschema::options().offline().with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN)).build(schema).map_err(|error| {
        let path = error.instance_path().to_string();
        if path.is_empty() { format!("The schema is wrong: {error}.") } else { format!("The schema is wrong at {path}: {error}.") }
    })
}

/// References stay within the document.
fn self_contained(value: &Value, path: &str, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("The schema is nested deeper than {MAX_DEPTH}."));
    }
    match value {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| self_contained(item, &format!("{path}/{index}"), depth + 1))
        }
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            let path = format!("{path}/{key}");
            match item {
                Value::String(target) if matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") && !target.starts_with('#') => {
                    Err(format!("The schema refers to another document at {path}; it has to be self-contained."))
                }
                _ => self_contained(item, &path, depth + 1),
            }
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn review() -> Value {
        json!({
            "type": "object",
            "required": ["risk", "reasons"],
            "properties": {
                "risk": {"type": "string", "enum": ["low", "medium", "high"]},
                "reasons": {"type": "array", "items": {"type": "string"}},
            },
        })
    }

    #[test]
    fn a_schema_is_checked_before_it_is_used() {
        assert_eq!(check(&review()), Ok(()));
        assert_eq!(check(&json!({"$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a"}}})), Ok(()));
        let deep = (0..50).fold(json!({"type": "string"}), |inner, _| json!({"items": inner}));
        for wrong in [
            json!("object"),
            json!(true),
            json!({"type": "objekt"}),
            json!({"required": "risk"}),
            json!({"properties": {"a": {"pattern": "("}}}),
            json!({"properties": {"a": {"pattern": "(?=x)y"}}}),
            json!({"properties": {"a": {"pattern": "(a{1000}){1000}"}}}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
            json!({"$id": "https://example.com/", "$ref": "#/x"}),
            json!({"$ref": "#/$defs/missing"}),
            json!({"description": "x".repeat(70_000)}),
            deep,
        ] {
            assert!(check(&wrong).is_err(), "{}", wrong.to_string().get(..60.min(wrong.to_string().len())).unwrap_or_default());
        }
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_quoted() {
        assert_eq!(validate(&review(), &json!({"risk": "low", "reasons": []})), Ok(()));
        for (value, words) in [
            (json!({"risk": "low"}), "reasons"),
            (json!({"risk": "sure-thing-9", "reasons": []}), "/risk"),
            (json!({"risk": "low", "reasons": ["a", 5]}), "/reasons/1"),
            (json!("sure-thing-9"), "object"),
        ] {
            let why = validate(&review(), &value).unwrap_err();
            assert!(why.contains(words) && !why.contains("sure-thing-9"), "{why}");
        }
    }
}
