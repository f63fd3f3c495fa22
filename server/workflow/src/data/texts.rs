//! `core.extract`, `core.rename_keys`, `core.format` and `core.compare`: single values.

use serde_json::{Map, Value};

use super::{Action, Argument, Arguments, documents};
use crate::{core::render::Trouble, plan::TemplateValue};

pub(super) fn evaluate(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    match arguments.action() {
        Action::Extract => extract(arguments),
        Action::RenameKeys => rename_keys(arguments),
        Action::Format => format(arguments),
        _ => compare(arguments),
    }
}

/// What a path such as `a.b.0` leads to; the default, if one is given, in place of nothing and of null.
fn extract(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let input = arguments.value("input")?;
    let path = arguments.value("path")?;
    match arguments.optional("default")? {
        None => arguments.say("input | path(path)", &[("input", &input), ("path", &path)]),
        Some(instead) => {
            let names = [("input", &input), ("path", &path), ("instead", &instead)];
            arguments.say("input | path(path) | default(instead)", &names)
        }
    }
}

/// The object with other names for some of its fields, in its order. A field to be renamed has to be there, and no two
/// fields may come to have one name: both would lose data without a word.
fn rename_keys(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let fields = match arguments.value("input")? {
        Value::Object(fields) => fields,
        other => return Err(arguments.unfit("input", "an object", &other)),
    };
    let mapping = match arguments.value("mapping")? {
        Value::Object(mapping) => mapping,
        other => return Err(arguments.unfit("mapping", "an object of old names with new ones", &other)),
    };
    if let Some(missing) = mapping.keys().find(|name| !fields.contains_key(*name)) {
        return Err(arguments.wrong("`mapping`", format_args!("renames `{missing}`, which `input` does not have")));
    }
    let mut renamed = Map::new();
    for (name, value) in fields {
        let new = match mapping.get(&name) {
            None => name,
            Some(Value::String(new)) => new.clone(),
            Some(other) => return Err(arguments.unfit(&format!("mapping.{name}"), "text", other)),
        };
        if renamed.contains_key(&new) {
            return Err(arguments.wrong("`mapping`", format_args!("gives two fields the name `{new}`")));
        }
        renamed.insert(new, value);
    }
    Ok(Value::Object(renamed))
}

/// A text: of a template, or of a value as `type` says. Values in text are those of templates, JSON but for texts.
fn format(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    if let Some(Argument::Value(TemplateValue::Template(template))) = arguments.step.argument("template") {
        let value = arguments.renderer.value(template, "template")?;
        return arguments.say("value | string", &[("value", &value)]);
    }
    if arguments.step.argument("template").is_some() {
        return arguments.text("template").map(Value::String);
    }
    let value = arguments.value("value")?;
    let line = match arguments.word("type").unwrap_or("text") {
        "text" => "value | string",
        "json" => "value | to_json",
        "json_pretty" => "value | to_json(indent=2)",
        "date" => "value | format_date",
        "datetime" => "value | datetimeformat",
        "url" => "value | urlencode",
        "html" => "value | escape",
        "csv" => return documents::to_csv(arguments, &value),
        _ => return Err(arguments.wrong("`type`", "is no type of text")),
    };
    arguments.say(line, &[("value", &value)])
}

/// Whether a comparison holds, as the operator of that name in an expression says.
fn compare(arguments: &Arguments<'_>) -> Result<Value, Trouble> {
    let (left, right) = (arguments.value("left")?, arguments.value("right")?);
    let line = match arguments.word("operator").unwrap_or_default() {
        "==" => "left == right",
        "!=" => "left != right",
        "<" => "left < right",
        "<=" => "left <= right",
        ">" => "left > right",
        ">=" => "left >= right",
        "in" => "left in right",
        "not in" => "left not in right",
        "contains" => "right in left",
        "=~" => "left =~ right",
        "!~" => "left !~ right",
        "starts_with" => "left is startingwith(right)",
        "ends_with" => "left is endingwith(right)",
        _ => return Err(arguments.wrong("`operator`", "is no operator")),
    };
    arguments.say(line, &[("left", &left), ("right", &right)])
}
