//! The form that whoever decides fills in, as fields of the page, and what it sent.
//!
//! A field's name is its own name behind [`PREFIX`], so that none can be called like another field of the page; what is
//! wrong with it comes back under the same name.

use std::collections::BTreeMap;

use platform::approvals::{FieldShown, FilledShown, FormKind};
use serde_json::Value;

use crate::{text, workflows::start::html_pattern};

/// What stands before the name of a field.
pub(super) const PREFIX: &str = "fields.";

/// One field.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) control: Control,
    pub(super) value: String,
    pub(super) required: bool,
    pub(super) pattern: String,
    pub(super) max_length: String,
}

/// How a value is given.
pub(super) enum Control {
    /// One line, of a type of HTML.
    Line(&'static str),
    Lines,
    Decimal,
    Tick,
    Choice(Vec<Choice>),
}

/// A value to choose.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) selected: bool,
}

/// One line of what somebody filled in.
pub(crate) struct Filled {
    pub(crate) label: String,
    /// Empty when nothing was given.
    pub(crate) value: String,
}

/// The fields of a form; `sent` is what stood in them when the form came back, by their whole names.
pub(super) fn fields(shown: Vec<FieldShown>, sent: &[(String, String)]) -> Vec<Field> {
    // Of several values of one name the last counts, as for the decision itself.
    let sent: BTreeMap<&str, &str> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    shown.into_iter().map(|field| one(&field, sent.get(field.name.as_str()).copied())).collect()
}

fn one(field: &FieldShown, sent: Option<&str>) -> Field {
    let value = sent.map_or_else(|| as_text(&field.value), str::to_owned);
    let is_text = !matches!(field.kind, FormKind::Number | FormKind::Boolean);
    let control = match field.kind {
        // A pattern says what one line looks like.
        FormKind::Text if field.pattern.is_none() => Control::Lines,
        FormKind::Text | FormKind::String => Control::Line("text"),
        FormKind::Number => Control::Decimal,
        FormKind::Boolean => Control::Tick,
        FormKind::Date => Control::Line("date"),
        FormKind::Email => Control::Line("email"),
        FormKind::Url => Control::Line("url"),
        FormKind::Select => {
            let option = |text: &String| Choice { selected: *text == value, value: text.clone() };
            let mut choices: Vec<Choice> = field.options.iter().map(option).collect();
            choices.insert(0, Choice { selected: !choices.iter().any(|choice| choice.selected), value: String::new() });
            Control::Choice(choices)
        }
    };
    Field {
        name: format!("{PREFIX}{}", field.name),
        label: text::in_line(&field.label),
        hint: hint(field),
        required: field.required && field.kind != FormKind::Boolean,
        pattern: field.pattern.as_deref().and_then(html_pattern).unwrap_or_default(),
        max_length: field.max.filter(|max| is_text && *max >= 1.0).map(|max| format!("{}", max.floor())).unwrap_or_default(),
        control,
        value,
    }
}

/// What it is for, and what the value has to be.
fn hint(field: &FieldShown) -> String {
    let unit = if field.kind == FormKind::Number { "" } else { " signs" };
    let bounds = match (field.min, field.max) {
        (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
        (Some(min), None) => format!("{min}{unit} or more"),
        (None, Some(max)) => format!("At most {max}{unit}"),
        (None, None) => String::new(),
    };
    let pattern = field.pattern.as_ref().map(|pattern| format!("Matches {pattern}"));
    let parts = [field.description.clone(), Some(bounds), pattern];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).map(|part| text::in_line(&part)).collect::<Vec<_>>().join(". ")
}

/// A value as it stands in a field.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What somebody filled in, for reading.
pub(crate) fn filled(fields: Vec<FilledShown>) -> Vec<Filled> {
    fields
        .into_iter()
        .map(|field| Filled {
            label: text::in_line(&field.label),
            value: match &field.value {
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                other => text::visible(&as_text(other)),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(kind: FormKind, value: Value) -> FieldShown {
        FieldShown {
            name: "code".to_owned(),
            kind,
            label: "Code".to_owned(),
            description: Some("What for".to_owned()),
            required: true,
            value,
            options: vec!["red".to_owned(), "blue".to_owned()],
            min: None,
            max: None,
            pattern: None,
        }
    }

    #[test]
    fn what_came_back_stands_in_the_field_and_else_the_suggestion() {
        let sent = [("code".to_owned(), "false".to_owned()), ("code".to_owned(), "typed".to_owned())];
        let field = |sent: &[(String, String)]| fields(vec![shown(FormKind::String, json!("suggested"))], sent).remove(0).value;
        assert_eq!((field(&[]), field(&sent)), ("suggested".to_owned(), "typed".to_owned()));
        assert_eq!(fields(vec![shown(FormKind::Number, json!(1.5))], &[]).remove(0).value, "1.5");
        assert_eq!(fields(vec![shown(FormKind::Boolean, Value::Null)], &[]).remove(0).value, "");
    }

    #[test]
    fn a_choice_offers_nothing_until_something_is_chosen() {
        let selected = |value: Value| {
            let field = fields(vec![shown(FormKind::Select, value)], &[]).remove(0);
            let Control::Choice(choices) = field.control else { panic!("it is a choice") };
            choices.into_iter().find(|choice| choice.selected).map(|choice| choice.value)
        };
        assert_eq!(selected(json!("blue")).as_deref(), Some("blue"));
        assert_eq!(selected(json!("green")).as_deref(), Some(""), "a suggestion that is no option is none");
    }

    #[test]
    fn a_text_has_several_lines_unless_a_pattern_says_what_it_looks_like() {
        let control = |pattern: Option<&str>| {
            let field = FieldShown { pattern: pattern.map(str::to_owned), max: Some(9.0), ..shown(FormKind::Text, Value::Null) };
            fields(vec![field], &[]).remove(0)
        };
        assert!(matches!(control(None).control, Control::Lines));
        let line = control(Some("^[0-9]{4}$"));
        assert!(matches!(line.control, Control::Line("text")));
        assert_eq!((line.pattern.as_str(), line.max_length.as_str()), ("[0-9]{4}", "9"));
        assert_eq!(line.hint, "What for. At most 9 signs. Matches ^[0-9]{4}$");
    }

    #[test]
    fn what_was_filled_in_is_read_as_words() {
        let values = [json!(true), json!("a\u{202e}b"), json!(3), Value::Null];
        let fields = values.map(|value| FilledShown { name: "code".to_owned(), label: "Code".to_owned(), value });
        let read: Vec<String> = filled(fields.to_vec()).into_iter().map(|line| line.value).collect();
        assert_eq!(read, ["yes", "a\\u{202e}b", "3", ""]);
    }
}
