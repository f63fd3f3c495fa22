//! What whoever decides fills in: the form as a page shows it, and what came back, checked.
//!
//! Whether a value fits is `workflow::form`'s to know; the words in which it is refused are said here.

use domain::{Problem, problem::FieldProblem};
use serde_json::{Map, Value};
use workflow::{
    event::AskedField,
    form::{Answer, filled_from_texts},
    plan::FormKind,
};

use super::Say;
use crate::{Result, runs::Given};

/// The longest comment, in signs.
const COMMENT: usize = 2_000;

/// One field of the form that whoever decides fills in.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldShown {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: FormKind,
    /// Its name for people.
    pub label: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether a yes needs it.
    pub required: bool,
    /// What stands in it at first: what the last one who agreed wrote, or the suggestion of the workflow; null is nothing.
    pub value: Value,
    /// What a choice offers.
    pub options: Vec<String>,
    /// The smallest number, or the shortest length of a text.
    pub min: Option<f64>,
    /// The largest number, or the longest length of a text.
    pub max: Option<f64>,
    /// A regular expression that a text matches, anywhere in it.
    pub pattern: Option<String>,
}

/// One field as somebody filled it in.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledShown {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What was given; null is nothing.
    pub value: Value,
}

/// What was filled in, every field of the form; nothing when the form has none. Refuses a no without a word and what is not filled
/// in right: all of it at once, so that nobody has to try again and again.
pub(super) fn filled(asked: &[AskedField], say: &Say) -> Result<Option<Map<String, Value>>> {
    let mut problems = Vec::new();
    let answer = if say.approve { Answer::Yes } else { Answer::No };
    let filled = match &say.fields {
        Given::Form(texts) => filled_from_texts(asked, texts, answer),
        Given::Values(values) => workflow::form::filled(asked, values, answer),
    };
    let filled = filled.unwrap_or_else(|wrong| {
        problems.extend(wrong.into_iter().map(|wrong| field_problem(asked, wrong)));
        Map::new()
    });
    let mut of_comment = |message: String| problems.push(FieldProblem { field: "comment".to_owned(), message });
    if !say.approve && say.comment.trim().is_empty() {
        of_comment("Say why you reject it: the one who asked will read it.".to_owned());
    }
    if say.comment.trim().chars().count() > COMMENT {
        of_comment(format!("The remark may have at most {COMMENT} signs."));
    }
    if problems.is_empty() { Ok((!asked.is_empty()).then_some(filled)) } else { Err(Problem::invalid(problems).into()) }
}

/// A field that does not fit, in the words of the form.
fn field_problem(asked: &[AskedField], wrong: workflow::inputs::FieldProblem) -> FieldProblem {
    let label = asked.iter().find(|field| field.name == wrong.field).map(|field| field.label.as_str());
    let hint = wrong.suggestion.map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
    let name = label.map_or_else(|| format!("`{}`", wrong.field), str::to_owned);
    FieldProblem { field: format!("fields.{}", wrong.field), message: format!("{name} {}.{hint}", wrong.message) }
}

/// The names of the fields in which something was given: what was written is in the journal, and not everybody who may read the
/// audit log may read that.
pub(super) fn names_of(fields: Option<&Map<String, Value>>) -> Value {
    let given = fields.into_iter().flatten().filter(|(_, value)| !value.is_null());
    given.map(|(name, _)| Value::from(name.as_str())).collect()
}

pub(super) fn field_shown(asked: &AskedField, last_yes: Option<&Value>) -> FieldShown {
    let options = asked.check.one_of.iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    FieldShown {
        name: asked.name.clone(),
        kind: asked.kind,
        label: asked.label.clone(),
        description: asked.description.clone(),
        required: asked.required,
        value: last_yes.and_then(|fields| fields.get(&asked.name)).unwrap_or(&asked.default).clone(),
        options: options.collect(),
        min: asked.check.min,
        max: asked.check.max,
        pattern: asked.check.pattern.clone(),
    }
}

/// What was filled in, in the order of the form; nothing when nothing was asked for, or nobody decided.
pub(crate) fn filled_shown(asked: &[AskedField], filled: Option<&Map<String, Value>>) -> Vec<FilledShown> {
    let Some(filled) = filled else { return Vec::new() };
    let shown = asked.iter().map(|field| FilledShown {
        name: field.name.clone(),
        label: field.label.clone(),
        value: filled.get(&field.name).cloned().unwrap_or_default(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use workflow::plan::{FieldCheck, FieldType};

    use super::*;

    fn asked() -> Vec<AskedField> {
        let check =
            FieldCheck { kind: FieldType::String, one_of: None, min: None, max: None, pattern: Some("^[0-9]+$".to_owned()), items: None };
        let code = AskedField {
            name: "code".to_owned(),
            kind: FormKind::String,
            label: "The code".to_owned(),
            description: None,
            required: true,
            default: json!("1"),
            check,
        };
        let mut why = AskedField { name: "why".to_owned(), label: "Why".to_owned(), required: false, default: Value::Null, ..code.clone() };
        why.check.pattern = None;
        vec![code, why]
    }

    fn say(approve: bool, comment: &str, fields: Value) -> Say {
        let Value::Object(fields) = fields else { panic!("fields have names") };
        Say { approve, comment: comment.to_owned(), digest: String::new(), fields: Given::Values(fields) }
    }

    fn wrong(say: &Say) -> Vec<(String, String)> {
        let problem = filled(&asked(), say).unwrap_err().problem();
        assert_eq!(problem.status, 422);
        problem.fields.into_iter().map(|wrong| (wrong.field, wrong.message)).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_page() {
        let said = wrong(&say(false, " ", json!({"code": "x", "wyh": "y"})));
        let expected = [
            ("fields.code", "The code has to match ^[0-9]+$."),
            ("fields.wyh", "`wyh` is no field of this form; did you mean `why`?"),
            ("comment", "Say why you reject it: the one who asked will read it."),
        ];
        let fields: Vec<&str> = said.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, expected.map(|(field, _)| field));
        assert_eq!((said[0].1.as_str(), said[2].1.as_str()), (expected[0].1, expected[2].1));
        assert!(said[1].1.contains("`why`"), "{said:?}");
        assert_eq!(wrong(&say(true, "", json!({})))[0].1, "The code is required.");
    }

    #[test]
    fn a_question_without_a_form_records_none_and_takes_none() {
        assert_eq!(filled(&[], &say(true, "", json!({}))).unwrap(), None);
        assert!(filled(&[], &say(true, "", json!({"code": "1"}))).is_err());
    }

    #[test]
    fn the_next_approver_begins_with_what_the_last_one_wrote() {
        let shown = |last: Option<Value>| field_shown(&asked()[0], last.as_ref()).value;
        assert_eq!((shown(None), shown(Some(json!({"code": "7"})))), (json!("1"), json!("7")));
        assert_eq!(shown(Some(json!({"code": null}))), Value::Null, "a field that was cleared stays empty");
    }

    #[test]
    fn the_log_has_the_names_of_what_was_given() {
        let Value::Object(fields) = json!({"code": "secret", "why": null}) else { panic!("an object") };
        assert_eq!(names_of(Some(&fields)), json!(["code"]));
        assert_eq!(names_of(None), json!([]));
    }
}
