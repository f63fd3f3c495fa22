//! What inputs and outputs are declared to be. Whether a value is that: [`crate::inputs`].

use regex::RegexBuilder;
use serde_json::Value;

use super::{
    context::Context,
    diagnostic::Report,
    fields::{Fields, required},
    scalar::{self, is_template, short},
    template,
    yaml::{Content, Entry, Node},
};
use crate::{
    inputs::fits,
    plan::{FieldCheck, FieldType, InputField, OutputField},
};

/// The longest regular expression, in bytes.
const MAX_PATTERN: usize = 1024;
/// The most memory that a compiled regular expression may take, in bytes: what [`fits`] allows too.
const MAX_COMPILED_PATTERN: usize = 256 * 1024;

const TYPES: &[(&str, FieldType)] = &[
    ("string", FieldType::String),
    ("integer", FieldType::Integer),
    ("number", FieldType::Number),
    ("float", FieldType::Number),
    ("boolean", FieldType::Boolean),
    ("object", FieldType::Object),
    ("array", FieldType::Array),
];

impl FieldType {
    /// The word that files use for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

/// The inputs of a file.
pub(super) fn inputs(context: &mut Context, entries: &[&Entry]) -> Vec<InputField> {
    entries.iter().filter_map(|entry| input(context, entry)).collect()
}

/// Whether an entry's key can be a name that expressions use; reports when it cannot. `what` is what it names.
pub(super) fn field_name(report: &mut Report, entry: &Entry, what: &str) -> bool {
    if scalar::is_identifier(&entry.key) && !super::names::is_reserved(&entry.key) {
        return true;
    }
    let help = scalar::slug(&entry.key, '_').filter(|slug| scalar::is_identifier(slug) && !super::names::is_reserved(slug));
    report.error_with(
        entry.key_place,
        "invalid_name",
        format!(
            "`{}` cannot be the name of {what}: a name is made of letters, digits and `_`, and no word of the language",
            short(&entry.key)
        ),
        help.map(|help| format!("write `{help}`")),
    );
    false
}

fn input(context: &mut Context, entry: &Entry) -> Option<InputField> {
    let report = &mut context.report;
    let named = field_name(report, entry, "an input");
    let name = entry.key.clone();
    let Content::Map(entries) = &entry.node.content else {
        let (kind, default) = bare_default(report, entry)?;
        let check = FieldCheck { kind, one_of: None, min: None, max: None, pattern: None, items: None };
        return named.then_some(InputField { name, check, required: false, default: Some(default), description: None });
    };
    let mut fields = Fields::new(entries);
    let description =
        fields.take(report, "description", &[]).and_then(|entry| scalar::text(report, "description", &entry.node)).map(str::to_owned);
    let required_entry = fields.take(report, "required", &[]);
    let needed = required_entry.map(|entry| scalar::boolean(report, "required", &entry.node));
    let default = fields.take(report, "default", &[]);
    let has_type = fields.has("type");
    let check = check(report, &mut fields, entry);
    fields.finish(report, "an input");
    if !has_type {
        required(report, entry.key_place, "type", &format!("the input `{name}`"), "add `type: string`, or what else it is".to_owned());
    }
    let default = match default {
        Some(given) if !given.node.scalar().is_some_and(super::yaml::Scalar::is_null) => {
            let value = typed(report, "default", &given.node, check.as_ref()?)?;
            if let Err(problem) = fits(check.as_ref()?, &value) {
                report.error(given.node.place, "invalid_default", format!("the default of `{name}` {problem}"));
                return None;
            }
            if let Some(entry) = required_entry.filter(|_| needed == Some(Some(true))) {
                report.hint(
                    entry.key_place,
                    "required_with_default",
                    format!("`{name}` has a default, so it need not be given"),
                    "remove `required` or `default`".to_owned(),
                );
            }
            Some(value)
        }
        _ => None,
    };
    let needed = match needed {
        None => false,
        Some(needed) => needed?,
    };
    Some(InputField { name, check: check?, required: needed && default.is_none(), default, description }).filter(|_| named)
}

/// An input that is written as its default alone.
fn bare_default(report: &mut Report, entry: &Entry) -> Option<(FieldType, Value)> {
    if entry.node.scalar().is_some_and(super::yaml::Scalar::is_null) {
        report.error_with(
            entry.node.place,
            "value_missing",
            format!("the input `{}` is not described", entry.key),
            "write `{type: string}`, or a default".to_owned(),
        );
        return None;
    }
    let value = scalar::json(report, &entry.node)?;
    plain_data(report, &entry.node)?;
    let kind = match &value {
        Value::String(_) => FieldType::String,
        Value::Number(number) if number.is_i64() => FieldType::Integer,
        Value::Number(_) => FieldType::Number,
        Value::Bool(_) => FieldType::Boolean,
        Value::Array(_) => FieldType::Array,
        Value::Object(_) | Value::Null => FieldType::Object,
    };
    Some((kind, value))
}

/// A default is data: expressions and credentials in it would stay text, so they are refused.
pub(super) fn plain_data(report: &mut Report, node: &Node) -> Option<()> {
    match &node.content {
        Content::Scalar(scalar) if is_template(&scalar.text) => {
            report.error(node.place, "not_evaluated", "a default is taken as it is written: expressions are not evaluated here");
            None
        }
        Content::Scalar(scalar) if scalar.text.contains("cred://") => {
            template::misplaced_credential(report, node);
            None
        }
        Content::Scalar(_) | Content::Refused => Some(()),
        Content::List(items) => items.iter().try_for_each(|item| plain_data(report, item)),
        Content::Map(entries) => entries.iter().try_for_each(|entry| plain_data(report, &entry.node)),
    }
}

/// The outputs of a file. Their values see everything that the steps have set.
pub(super) fn outputs(context: &mut Context, entries: &[&Entry]) -> Vec<OutputField> {
    entries.iter().filter_map(|entry| output(context, entry)).collect()
}

fn output(context: &mut Context, entry: &Entry) -> Option<OutputField> {
    let named = field_name(&mut context.report, entry, "an output");
    let name = entry.key.clone();
    if entry.node.scalar().is_some_and(super::yaml::Scalar::is_null) {
        return named.then_some(OutputField { name, check: None, description: None, value: None });
    }
    let report = &mut context.report;
    let Content::Map(entries) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            report.error_with(
                entry.node.place,
                "wrong_type",
                format!("the output `{name}` is a mapping, not {}", entry.node.description()),
                "write `{type: string}` or `{value: \"{{ … }}\"}`".to_owned(),
            );
        }
        return None;
    };
    let mut fields = Fields::new(entries);
    let description =
        fields.take(report, "description", &[]).and_then(|entry| scalar::text(report, "description", &entry.node)).map(str::to_owned);
    let value = fields.take(report, "value", &[]);
    let has_checks = !entries.iter().all(|entry| matches!(entry.key.as_str(), "description" | "value") || entry.key.starts_with("x-"));
    let has_type = fields.has("type");
    let check = if has_checks { check(report, &mut fields, entry) } else { None };
    fields.finish(report, "an output");
    if has_checks && !has_type && check.is_some() {
        required(report, entry.key_place, "type", &format!("the output `{name}`"), "add `type: string`, or what else it is".to_owned());
    }
    let value = match value {
        None => None,
        Some(value) => Some(template::expression_or_value(context, &value.node)?),
    };
    named.then_some(OutputField { name, check, description, value })
}

/// The checks, flat or below `validation`. A missing type is taken as a string; the caller reports it.
fn check(report: &mut Report, fields: &mut Fields<'_>, owner: &Entry) -> Option<FieldCheck> {
    let mut nested = match fields.take(report, "validation", &[]) {
        Some(entry) => Fields::of(report, "validation", &entry.node).unwrap_or_else(Fields::none),
        None => Fields::none(),
    };
    let kind = match fields.take(report, "type", &[]) {
        None => Some(FieldType::String),
        Some(entry) => {
            let text = entry.node.scalar().map(|scalar| scalar.text.as_str());
            let other = text.and_then(|text| match text {
                "str" | "text" => Some("string"),
                "int" => Some("integer"),
                "bool" => Some("boolean"),
                "list" => Some("array"),
                "dict" | "map" => Some("object"),
                _ => None,
            });
            if let (Some(text), Some(ours)) = (text, other) {
                report.error_with(
                    entry.node.place,
                    "unknown_value",
                    format!("`{text}` is no value of `type`"),
                    format!("did you mean `{ours}`?"),
                );
                None
            } else {
                scalar::word(report, "type", &entry.node, TYPES, &[])
            }
        }
    };
    let mut take = |report: &mut Report, key: &'static str| super::fields::take_from_either(report, [fields, &mut nested], key, &[]);
    let one_of = take(report, "enum");
    let min = take(report, "min");
    let max = take(report, "max");
    let pattern = take(report, "pattern");
    let items = take(report, "items");
    nested.finish(report, "`validation`");
    let kind = kind?;
    let bounds = bounds(report, kind, [min, max]);
    let pattern = match pattern {
        None => Some(None),
        Some(entry) => self::pattern(report, kind, entry).map(Some),
    };
    let items = match items {
        None => Some(None),
        Some(entry) if kind != FieldType::Array => {
            meaningless(report, kind, entry);
            None
        }
        Some(entry) => Fields::of(report, "items", &entry.node).and_then(|mut fields| {
            let _ = fields.take(report, "description", &[]);
            let has_type = fields.has("type");
            let check = check(report, &mut fields, entry);
            fields.finish(report, "`items`");
            if !has_type {
                required(
                    report,
                    entry.key_place,
                    "type",
                    &format!("`items` of `{}`", owner.key),
                    "add `type: string`, or what else they are".to_owned(),
                );
                return None;
            }
            check.map(|check| Some(Box::new(check)))
        }),
    };
    let (min, max) = bounds?;
    let mut check = FieldCheck { kind, one_of: None, min, max, pattern: pattern?, items: items? };
    if let Some(entry) = one_of {
        check.one_of = Some(allowed(report, entry, &check)?);
    }
    Some(check)
}

fn meaningless(report: &mut Report, kind: FieldType, entry: &Entry) {
    report.error(entry.key_place, "no_meaning", format!("`{}` has no meaning for the type {}", entry.key, kind.word()));
}

/// `min` and `max` of a value of that type: figures for numbers, lengths for texts and lists.
pub(super) fn bounds(report: &mut Report, kind: FieldType, [min, max]: [Option<&Entry>; 2]) -> Option<(Option<f64>, Option<f64>)> {
    let bound = |report: &mut Report, entry: Option<&Entry>| -> Option<Option<f64>> {
        let Some(entry) = entry else { return Some(None) };
        match kind {
            FieldType::Boolean | FieldType::Object => {
                meaningless(report, kind, entry);
                None
            }
            FieldType::String | FieldType::Array => {
                scalar::integer(report, &entry.key, &entry.node, 0..=i64::from(u32::MAX)).map(|length| Some(length as f64))
            }
            FieldType::Integer | FieldType::Number => {
                scalar::number(report, &entry.key, &entry.node, f64::NEG_INFINITY..=f64::INFINITY).map(Some)
            }
        }
    };
    let low = bound(report, min);
    let high = bound(report, max);
    if let (Some(Some(low)), Some(Some(high)), Some(entry)) = (low, high, min)
        && low > high
    {
        report.error(entry.node.place, "out_of_range", format!("`min` ({low}) is above `max` ({high})"));
    }
    Some((low?, high?))
}

/// `pattern` of a value of that type.
pub(super) fn pattern(report: &mut Report, kind: FieldType, entry: &Entry) -> Option<String> {
    if kind == FieldType::String {
        return regular_expression(report, &entry.node);
    }
    meaningless(report, kind, entry);
    None
}

fn allowed(report: &mut Report, entry: &Entry, check: &FieldCheck) -> Option<Vec<Value>> {
    let Content::List(items) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            report.error(entry.node.place, "wrong_type", format!("`enum` is a list of values, not {}", entry.node.description()));
        }
        return None;
    };
    if items.is_empty() {
        report.error(entry.node.place, "value_missing", "`enum` is empty: no value could ever be given");
        return None;
    }
    let values: Vec<_> = items.iter().map(|item| typed(report, "enum", item, check)).collect();
    values.into_iter().collect()
}

fn regular_expression(report: &mut Report, node: &Node) -> Option<String> {
    let text = scalar::text(report, "pattern", node)?;
    if text.len() > MAX_PATTERN {
        report.error(node.place, "invalid_pattern", format!("a pattern is no longer than {MAX_PATTERN} bytes"));
        return None;
    }
    let built = RegexBuilder::new(text).size_limit(MAX_COMPILED_PATTERN).build();
    let Err(error) = built else { return Some(text.to_owned()) };
    let message = match &error {
        regex::Error::CompiledTooBig(_) => "this pattern is too large when compiled".to_owned(),
        // The crate's message draws the pattern on several lines; its last line says what is wrong.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            format!("this is no regular expression: {reason}")
        }
    };
    report.error(node.place, "invalid_pattern", message);
    None
}

/// A value of the declared type, as it is written.
pub(super) fn typed(report: &mut Report, label: &str, node: &Node, check: &FieldCheck) -> Option<Value> {
    plain_data(report, node)?;
    match check.kind {
        FieldType::String => scalar::text(report, label, node).map(|text| Value::String(text.to_owned())),
        FieldType::Boolean => scalar::boolean(report, label, node).map(Value::Bool),
        FieldType::Integer => scalar::integer(report, label, node, i64::MIN..=i64::MAX).map(Value::from),
        FieldType::Number => {
            let number = scalar::number(report, label, node, f64::NEG_INFINITY..=f64::INFINITY)?;
            // A whole number stays one, so that it is shown as it was written.
            scalar::json(report, node).or_else(|| serde_json::Number::from_f64(number).map(Value::Number))
        }
        FieldType::Array => match &node.content {
            Content::List(items) => {
                let values: Vec<_> = items
                    .iter()
                    .map(|item| match &check.items {
                        Some(check) => typed(report, label, item, check),
                        None => scalar::json(report, item),
                    })
                    .collect();
                values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
            }
            Content::Refused => None,
            _ => {
                report.error(node.place, "wrong_type", format!("`{label}` is a list, not {}", node.description()));
                None
            }
        },
        FieldType::Object => match &node.content {
            Content::Map(_) => scalar::json(report, node),
            Content::Refused => None,
            _ => {
                report.error(node.place, "wrong_type", format!("`{label}` is a mapping, not {}", node.description()));
                None
            }
        },
    }
}
