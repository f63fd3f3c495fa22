//! `fields`: what whoever decides fills in.

use serde_json::Value;

use crate::{
    form::{looks_like, value_type},
    inputs::fits,
    parse::{
        context::Context,
        declarations,
        diagnostic::Report,
        fields::{Fields, required},
        scalar, template,
        yaml::{Content, Entry, Node, Scalar},
    },
    plan::{FieldCheck, FieldType, FormField, FormKind, TemplateValue},
};

/// The most fields of one form, and the most options of one field: more than anybody fills in.
const MAX_FIELDS: usize = 50;
const MAX_OPTIONS: usize = 200;

const KINDS: &[(&str, FormKind)] = &[
    ("string", FormKind::String),
    ("text", FormKind::Text),
    ("number", FormKind::Number),
    ("boolean", FormKind::Boolean),
    ("select", FormKind::Select),
    ("date", FormKind::Date),
    ("email", FormKind::Email),
    ("url", FormKind::Url),
];

/// All fields, in the order of the file.
pub(super) fn read(context: &mut Context, entry: &Entry) -> Option<Vec<FormField>> {
    let mut entries = Fields::of(&mut context.report, "fields", &entry.node)?.rest();
    if entries.is_empty() {
        context.report.error(entry.node.place, "value_missing", "`fields` asks for nothing");
        return None;
    }
    if let Some(entry) = entries.get(MAX_FIELDS) {
        context.report.error(entry.key_place, "too_many_fields", format!("a form has at most {MAX_FIELDS} fields"));
        entries.truncate(MAX_FIELDS);
    }
    let fields: Vec<_> = entries.into_iter().map(|entry| field(context, entry)).collect();
    fields.into_iter().collect()
}

fn field(context: &mut Context, entry: &Entry) -> Option<FormField> {
    let report = &mut context.report;
    let named = declarations::field_name(report, entry, "a field");
    let mut keys = Fields::of(report, &entry.key, &entry.node)?;
    let help = "add `type: text`, or what else it takes";
    let kind = keys.take_required(report, "type", (&format!("the field `{}`", entry.key), entry.key_place), help);
    let label = keys.take(report, "label", &[]);
    let description = keys.take(report, "description", &[]);
    let needed = keys.take(report, "required", &[]).map(|entry| scalar::boolean(report, "required", &entry.node));
    let default = keys.take(report, "default", &[]);
    let options = keys.take(report, "options", &[]);
    let validation = keys.take(report, "validation", &[]);
    keys.finish(report, "a field");
    let kind = kind.and_then(|entry| scalar::word(report, "type", &entry.node, KINDS, &[]))?;
    let check = check(report, entry, kind, options, validation);
    let label = match label {
        Some(entry) => Some(template::template(context, "label", &entry.node)?),
        None => None,
    };
    let description = match description {
        Some(entry) => Some(template::template(context, "description", &entry.node)?),
        None => None,
    };
    let default = match default.filter(|entry| !entry.node.scalar().is_some_and(Scalar::is_null)) {
        Some(default) => Some(suggestion(context, &entry.key, kind, check.as_ref()?, &default.node)?),
        None => None,
    };
    let required = match needed {
        Some(needed) => needed?,
        None => false,
    };
    Some(FormField { name: entry.key.clone(), kind, label, description, required, default, check: check? }).filter(|_| named)
}

/// What a value has to be.
fn check(report: &mut Report, owner: &Entry, kind: FormKind, options: Option<&Entry>, validation: Option<&Entry>) -> Option<FieldCheck> {
    let plain = FieldCheck { kind: value_type(kind), one_of: None, min: None, max: None, pattern: None, items: None };
    let one_of = match (kind, options) {
        (FormKind::Select, Some(entry)) => Some(Some(choices(report, entry)?)),
        (FormKind::Select, None) => {
            let help = "add `options: [one, another]`".to_owned();
            required(report, owner.key_place, "options", &format!("the field `{}`", owner.key), help);
            None
        }
        (_, Some(entry)) => {
            report.error(entry.key_place, "no_meaning", "`options` has no meaning here: only a `select` has them");
            None
        }
        (_, None) => Some(None),
    };
    let Some(validation) = validation else { return Some(FieldCheck { one_of: one_of?, ..plain }) };
    let mut keys = Fields::of(report, "validation", &validation.node)?;
    if matches!(kind, FormKind::Select | FormKind::Date) {
        let why = if kind == FormKind::Select { "the options say what it may be" } else { "any day may be given" };
        keys.refuse_meaningless(report, &["min", "max", "pattern"], why, None);
    }
    let [min, max, pattern] = ["min", "max", "pattern"].map(|key| keys.take(report, key, &[]));
    keys.finish(report, "`validation`");
    let bounds = declarations::bounds(report, plain.kind, [min, max]);
    let pattern = match pattern {
        Some(entry) => Some(declarations::pattern(report, plain.kind, entry)?),
        None => None,
    };
    let (min, max) = bounds?;
    Some(FieldCheck { one_of: one_of?, min, max, pattern, ..plain })
}

fn choices(report: &mut Report, entry: &Entry) -> Option<Vec<Value>> {
    let Content::List(items) = &entry.node.content else {
        if !matches!(entry.node.content, Content::Refused) {
            report.error(entry.node.place, "wrong_type", format!("`options` is a list of texts, not {}", entry.node.description()));
        }
        return None;
    };
    if items.is_empty() || items.len() > MAX_OPTIONS {
        report.error(entry.node.place, "out_of_range", format!("a choice has 1 to {MAX_OPTIONS} options"));
        return None;
    }
    let mut options: Vec<Value> = Vec::new();
    let mut complete = true;
    for item in items {
        match scalar::name(report, "options", item).map(Value::from) {
            Some(option) if options.contains(&option) => {
                report.error(item.place, "duplicate_value", "this option is there already");
                complete = false;
            }
            Some(option) => options.push(option),
            None => complete = false,
        }
    }
    complete.then_some(options)
}

/// What stands in the field at first. One that is written out has to be a value that the field takes.
fn suggestion(context: &mut Context, name: &str, kind: FormKind, check: &FieldCheck, node: &Node) -> Option<TemplateValue> {
    let value = template::value(context, node)?;
    let TemplateValue::Literal(literal) = value else { return Some(value) };
    let literal = match (check.kind, literal) {
        // A number that is no number to the field is a text as it is written.
        (FieldType::String, Value::Number(_) | Value::Bool(_)) => Value::from(scalar::text(&mut context.report, "default", node)?),
        (_, literal) => literal,
    };
    let looks = literal.as_str().map_or(Ok(()), |text| looks_like(kind, text));
    if let Err(problem) = looks.and_then(|()| fits(check, &literal)) {
        context.report.error(node.place, "invalid_default", format!("the default of `{name}` {problem}"));
        return None;
    }
    Some(TemplateValue::Literal(literal))
}
