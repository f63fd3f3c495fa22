//! The types of a graph: `str`, `int`, `float`, `bool`, `list`, `dict`, `list[T]`, `dict[str, T]`, `object`.

use serde_json::{Map, Value, json};

use crate::{
    parse::{
        diagnostic::{Report, did_you_mean},
        fields::{Fields, required},
        scalar::{self, short},
        yaml::{Content, Entry, Node},
    },
    plan::{FieldCheck, FieldType},
};

/// How deep types may be nested.
const MAX_DEPTH: usize = 16;
const WORDS: &[&str] = &["str", "int", "float", "bool", "list", "dict", "object"];

/// What a value of a graph is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Text,
    Integer,
    Float,
    Boolean,
    /// Of elements of that type, if it is said.
    List(Option<Box<Type>>),
    /// `dict` and `object`: of values of one type, if it is said.
    Map(Option<Box<Type>>),
    /// `object` with a schema: these fields.
    Object(Vec<(String, Type)>),
}

impl Type {
    /// As files write it.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Text => "str".to_owned(),
            Self::Integer => "int".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Boolean => "bool".to_owned(),
            Self::List(None) => "list".to_owned(),
            Self::List(Some(of)) => format!("list[{}]", of.word()),
            Self::Map(None) => "dict".to_owned(),
            Self::Map(Some(of)) => format!("dict[str, {}]", of.word()),
            Self::Object(_) => "object".to_owned(),
        }
    }

    /// Whether every value of the other type is one of this.
    pub(super) fn takes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float, Self::Integer) | (Self::List(None), Self::List(_)) | (Self::Map(None), Self::Map(_) | Self::Object(_)) => true,
            (Self::List(Some(one)), Self::List(Some(two))) | (Self::Map(Some(one)), Self::Map(Some(two))) => one.takes(two),
            (Self::Object(one), Self::Object(two)) => {
                one.iter().all(|(name, kind)| two.iter().any(|(other, of)| name == other && kind.takes(of)))
            }
            (one, two) => one == two,
        }
    }

    pub(super) fn check(&self) -> FieldCheck {
        let (kind, items) = match self {
            Self::Text => (FieldType::String, None),
            Self::Integer => (FieldType::Integer, None),
            Self::Float => (FieldType::Number, None),
            Self::Boolean => (FieldType::Boolean, None),
            Self::List(of) => (FieldType::Array, of.as_ref().map(|of| Box::new(of.check()))),
            Self::Map(_) | Self::Object(_) => (FieldType::Object, None),
        };
        FieldCheck { kind, one_of: None, min: None, max: None, pattern: None, items }
    }

    /// As a JSON Schema.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Integer => json!({"type": "integer"}),
            Self::Float => json!({"type": "number"}),
            Self::Boolean => json!({"type": "boolean"}),
            Self::List(None) => json!({"type": "array"}),
            Self::List(Some(of)) => json!({"type": "array", "items": of.schema()}),
            Self::Map(None) => json!({"type": "object"}),
            Self::Map(Some(of)) => json!({"type": "object", "additionalProperties": of.schema()}),
            Self::Object(fields) => object_schema(fields.iter().map(|(name, kind)| (name.as_str(), kind.schema()))),
        }
    }

    /// The type of what a path of fields leads to; `Err` names the field that is not there. `None` is not known.
    pub(super) fn at<'p>(&self, path: &'p [String]) -> Result<Option<Self>, &'p str> {
        let Some((field, rest)) = path.split_first() else { return Ok(Some(self.clone())) };
        match self {
            Self::Object(fields) => match fields.iter().find(|(name, _)| name == field) {
                Some((_, kind)) => kind.at(rest),
                None => Err(field),
            },
            Self::Map(Some(of)) => of.at(rest),
            Self::Map(None) => Ok(None),
            // An element by its number.
            Self::List(of) if field.bytes().all(|byte| byte.is_ascii_digit()) => of.as_ref().map_or(Ok(None), |of| of.at(rest)),
            _ => Err(field),
        }
    }
}

/// The schema of an object that has all of these fields and no others.
pub(super) fn object_schema<'f>(fields: impl Iterator<Item = (&'f str, Value)>) -> Value {
    let properties: Map<String, Value> = fields.map(|(name, schema)| (name.to_owned(), schema)).collect();
    let names: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

/// A type by its name.
pub(super) fn read(report: &mut Report, node: &Node) -> Option<Type> {
    let text = scalar::name(report, "type", node)?;
    match of_text(text, 0) {
        Ok(kind) => Some(kind),
        Err(word) => {
            let help = match word.to_ascii_lowercase().as_str() {
                "string" | "text" => "write `str`".to_owned(),
                "integer" | "number" => "write `int` or `float`".to_owned(),
                "boolean" => "write `bool`".to_owned(),
                "array" => "write `list`".to_owned(),
                _ => did_you_mean(&word, WORDS.iter().copied()).unwrap_or_else(|| {
                    "it is one of `str`, `int`, `float`, `bool`, `list`, `dict`, `list[T]`, `dict[str, T]`, `object`".to_owned()
                }),
            };
            report.error_with(node.place, "unknown_type", format!("there is no type `{}`", short(&word)), help);
            None
        }
    }
}

/// The type, or the word in it that is none.
fn of_text(text: &str, depth: usize) -> Result<Type, String> {
    let text = text.trim();
    let inner = |word: &str| text.strip_prefix(word)?.trim_start().strip_prefix('[')?.strip_suffix(']');
    if depth > MAX_DEPTH {
        return Err(text.to_owned());
    }
    if let Some(of) = inner("list") {
        return Ok(Type::List(Some(Box::new(of_text(of, depth + 1)?))));
    }
    if let Some(both) = inner("dict") {
        // Names are texts: JSON has no others.
        let of = both.split_once(',').filter(|(name, _)| name.trim() == "str").ok_or_else(|| text.to_owned())?.1;
        return Ok(Type::Map(Some(Box::new(of_text(of, depth + 1)?))));
    }
    match text {
        "str" => Ok(Type::Text),
        "int" => Ok(Type::Integer),
        "float" => Ok(Type::Float),
        "bool" => Ok(Type::Boolean),
        "list" => Ok(Type::List(None)),
        "dict" | "object" => Ok(Type::Map(None)),
        other => Err(other.to_owned()),
    }
}

/// The `type` of an entry, with the `schema` of an object's fields.
pub(super) fn of_entry(report: &mut Report, fields: &mut Fields<'_>, entry: &Entry, whose: &str) -> Option<Type> {
    let kind = fields.take(report, "type", &[]);
    let schema = fields.take(report, "schema", &[]);
    let Some(kind) = kind else {
        required(report, entry.key_place, "type", whose, "add `type: str`, or what else it is".to_owned());
        return None;
    };
    let kind = read(report, &kind.node)?;
    let Some(schema) = schema else { return Some(kind) };
    if kind != Type::Map(None) {
        report.error(
            schema.key_place,
            "no_meaning",
            format!("`schema` has no meaning here: it says what the fields of an `object` are, and this is `{}`", kind.word()),
        );
        return None;
    }
    of_schema(report, &schema.node, 0)
}

fn of_schema(report: &mut Report, node: &Node, depth: usize) -> Option<Type> {
    if depth > MAX_DEPTH {
        report.error(node.place, "too_deep", format!("a schema is nested {MAX_DEPTH} deep at most"));
        return None;
    }
    let entries: Vec<_> = Fields::of(report, "schema", node)?.rest();
    let mut known = Vec::new();
    let mut complete = true;
    for entry in entries {
        let kind = match &entry.node.content {
            Content::Map(inside) => {
                let mut fields = Fields::new(inside);
                let kind = fields.take(report, "type", &[]);
                let schema = fields.take(report, "schema", &[]);
                let _ = fields.take(report, "description", &[]);
                fields.finish(report, "a field of a schema");
                match (kind, schema) {
                    (_, Some(schema)) => of_schema(report, &schema.node, depth + 1),
                    (Some(kind), None) => read(report, &kind.node),
                    (None, None) => {
                        required(report, entry.key_place, "type", "a field of a schema", "add `type: str`, or what else it is".to_owned());
                        None
                    }
                }
            }
            _ => read(report, &entry.node),
        };
        match kind {
            Some(kind) => known.push((entry.key.clone(), kind)),
            None => complete = false,
        }
    }
    complete.then_some(Type::Object(known))
}
