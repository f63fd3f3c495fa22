//! Starting a run: a form made from the inputs of the workflow.

use std::collections::BTreeMap;

use askama::Template;
use domain::{Problem, RunId, permission::WorkflowExecute};
use platform::{
    runs::Given,
    workflows::{FieldType, InputShown, NeedKind, VersionState, WorkflowShown},
};
use serde::Deserialize;
use serde_json::Value;

use super::checked::{self, as_text};
use crate::{
    mandate::{About, Card},
    page::Page,
    route::{Answer, Form, Grant, Path, Query, Result},
    text,
    view::{self, FormErrors, Outcome, Refusal},
};

/// What stands before the name of an input in the name of its field, so that no input can be called like another field.
const PREFIX: &str = "input.";
/// The field with the key under which the same start, sent again, starts once.
const START_KEY: &str = "start_key";
/// The field with the number of a version that is meant instead of the published one.
const VERSION: &str = "version";
/// A text that may be longer is given several lines.
const ONE_LINE: f64 = 120.0;

#[derive(Template)]
#[template(path = "workflows/start.html")]
struct StartView {
    page: Page,
    list_href: String,
    workflow_href: String,
    action: String,
    name: String,
    version: String,
    /// The number of the version that the form names; empty for the published one.
    of_version: String,
    /// Whether another version is published by now.
    is_older: bool,
    fields: Vec<Field>,
    start_key: String,
    /// Whose inputs stand in the form; empty for nobody's.
    filled_from: String,
    /// What is not there, so that a run would be refused.
    missing: Vec<String>,
    mandate: Option<Card>,
    errors: FormErrors,
}

/// One field.
struct Field {
    name: String,
    id: String,
    label: String,
    control: Control,
    value: String,
    hint: String,
    required: bool,
    pattern: String,
    max_length: String,
}

/// How a value is given.
enum Control {
    Line,
    Decimal,
    Whole,
    Lines,
    Code,
    Tick,
    Choice(Vec<Choice>),
}

/// A value to choose.
struct Choice {
    value: String,
    selected: bool,
}

/// What the address of the form says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// A run whose inputs stand in the form.
    from: Option<RunId>,
    /// The number of a version that is meant instead of the published one.
    version: Option<i64>,
}

/// `GET /t/{slug}/workflows/{workflow}/runs/new`: the form.
pub(crate) async fn form(grant: Grant<WorkflowExecute>, Path(slug): Path<String>, Query(wanted): Query<Wanted>) -> Answer {
    let shown = grant.platform().workflow_at(grant.actor(), &slug, wanted.version).await?;
    let mut values = BTreeMap::new();
    let mut filled_from = String::new();
    if let Some(id) = wanted.from {
        let run = grant.platform().run(grant.actor(), id).await?;
        if run.line.workflow_slug != slug {
            return Err(Problem::not_found("run").into());
        }
        filled_from = words_of(run.line.number, run.version_number, shown.current.number);
        if let Value::Object(inputs) = run.inputs {
            values.extend(inputs.iter().map(|(name, value)| (name.clone(), as_text(value))));
        }
    }
    // One key for each form that is shown: sent twice, it starts one run.
    let key = grant.visit().facts().id.to_string();
    let form = Sent { key, version: wanted.version, inputs: values.into_iter().collect() };
    view::html(&StartView { filled_from, ..start_view(&grant, shown, form, FormErrors::none()).await? })
}

/// Whose inputs stand in the form, and whether they were meant for what is started now.
fn words_of(run: i64, version: i64, current: i64) -> String {
    if version == current {
        format!("Filled in with the inputs of run #{run}.")
    } else {
        format!(
            "Filled in with the inputs of run #{run}, which ran version {version}. This starts version {current}: look at each of them."
        )
    }
}

/// `POST /t/{slug}/workflows/{workflow}/runs`: starts a run.
pub(crate) async fn start(
    grant: Grant<WorkflowExecute>,
    Path(slug): Path<String>,
    Form(sent): Form<BTreeMap<String, Vec<String>>>,
) -> Answer {
    let sent = taken_apart(sent)?;
    let given = Given::Form(sent.inputs.clone());
    let started = grant.platform().start_version(grant.actor(), &slug, sent.version, given, Some(sent.key.clone())).await;
    match view::outcome(started, &[409, 422])? {
        Outcome::Done(accepted) => {
            let href = grant.path(&format!("/runs/{}", accepted.run));
            Ok(if accepted.repeated {
                grant.visit().done(&href, "This start was accepted before: here is its run.")
            } else {
                grant.visit().see_other(&href)
            })
        }
        Outcome::Refused(Refusal { status, errors, .. }) => {
            let shown = grant.platform().workflow_at(grant.actor(), &slug, sent.version).await?;
            let errors = in_order(errors, &shown.checked.inputs);
            view::html_with(status, &start_view(&grant, shown, sent, errors).await?)
        }
    }
}

/// The errors in the order of the fields, each beginning with the name as the form writes it.
fn in_order(mut errors: FormErrors, inputs: &[InputShown]) -> FormErrors {
    errors.0.sort_by_key(|error| inputs.iter().position(|input| input.name == error.field));
    for error in &mut errors.0 {
        if let Some(rest) = error.message.strip_prefix(&format!("`{}`: ", error.field)) {
            error.message = format!("{} {rest}", error.field);
        }
    }
    errors
}

/// What a form of a start sends.
struct Sent {
    /// The key under which it starts one run.
    key: String,
    /// The version that is meant instead of the published one.
    version: Option<i64>,
    /// Of several fields of one name the last counts, as for the run itself.
    inputs: Vec<(String, String)>,
}

fn taken_apart(sent: BTreeMap<String, Vec<String>>) -> Result<Sent> {
    let (mut key, mut version) = (None, None);
    let mut inputs = Vec::new();
    for (name, values) in sent {
        match name.strip_prefix(PREFIX) {
            Some(input) => inputs.extend(values.into_iter().map(|value| (input.to_owned(), value.replace("\r\n", "\n")))),
            None if name == START_KEY => key = values.into_iter().next_back(),
            None if name == VERSION => {
                let number = values.last().and_then(|number| number.parse().ok());
                version = Some(number.ok_or_else(|| Problem::field(VERSION, "The version is a whole number."))?);
            }
            None => return Err(Problem::field(name.clone(), format!("`{name}` is no field of this form.")).into()),
        }
    }
    let key = key.filter(|key| (1..=64).contains(&key.len()));
    let key = key.ok_or_else(|| Problem::field(START_KEY, "The form has lost its key. Load the page again."))?;
    Ok(Sent { key, version, inputs })
}

async fn start_view(grant: &Grant<WorkflowExecute>, shown: WorkflowShown, sent: Sent, errors: FormErrors) -> Result<StartView> {
    let values: BTreeMap<String, String> = sent.inputs.into_iter().collect();
    let state = shown.current.state;
    let href = grant.path(&format!("/workflows/{}", shown.slug));
    let checked = shown.checked;
    // Who decides is found when somebody is asked, and a right is asked for at the call that takes it; everything else has to be
    // there before a run is accepted.
    let stops = |kind| !matches!(kind, NeedKind::Role | NeedKind::Person | NeedKind::Permission);
    let mut missing: Vec<String> = checked
        .missing()
        .filter(|need| stops(need.kind))
        .map(|need| {
            let what = match need.kind {
                NeedKind::Variable => format!("The variable {} is not set.", need.name),
                NeedKind::Credential => format!("The credential {} is not set.", need.name),
                NeedKind::Feature => format!("The workflow asks for {}.", need.name),
                NeedKind::DefaultModel => "There is no default model.".to_owned(),
                _ => format!("There is no price for the model {}.", need.name),
            };
            format!("{what} {}", need.missing.as_deref().unwrap_or_default())
        })
        .collect();
    if !state.can_start() {
        missing.insert(0, format!("Version {} is a draft. A start takes a version that is published or was.", shown.current.number));
    }
    Ok(StartView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        of_version: sent.version.map(|number| number.to_string()).unwrap_or_default(),
        is_older: state == VersionState::Earlier,
        action: format!("{href}/runs"),
        workflow_href: href,
        name: text::in_line(&shown.name),
        version: if shown.current.label.is_empty() { shown.current.number.to_string() } else { text::in_line(&shown.current.label) },
        fields: checked.inputs.iter().map(|input| field(input, values.get(&input.name))).collect(),
        start_key: sent.key,
        filled_from: String::new(),
        missing,
        mandate: checked.mandate.map(|mandate| Card::new(mandate, About::Workflow, String::new())),
        errors,
    })
}

fn field(input: &InputShown, given: Option<&String>) -> Field {
    // A list that is empty anyway is shown as nothing, so that a first line can be written into it.
    let default = input.default.as_ref().filter(|default| default.as_array().is_none_or(|items| !items.is_empty()));
    let value = given.filter(|given| default.is_some() || *given != "[]").cloned().or_else(|| default.map(as_text)).unwrap_or_default();
    let control = match (&input.one_of, input.kind) {
        (Some(values), kind) if kind != FieldType::Array && kind != FieldType::Object => {
            let mut choices: Vec<Choice> = values.iter().map(as_text).map(|text| Choice { selected: text == value, value: text }).collect();
            if !input.required || input.default.is_none() {
                choices.insert(0, Choice { selected: value.is_empty(), value: String::new() });
            }
            Control::Choice(choices)
        }
        (_, FieldType::Boolean) => Control::Tick,
        (_, FieldType::Integer) => Control::Whole,
        (_, FieldType::Number) => Control::Decimal,
        (_, FieldType::Object) => Control::Code,
        (_, FieldType::String) if input.pattern.is_some() || input.max.is_some_and(|max| max <= ONE_LINE) => Control::Line,
        (_, FieldType::String | FieldType::Array) => Control::Lines,
    };
    let is_text = input.kind == FieldType::String;
    Field {
        name: format!("{PREFIX}{}", input.name),
        id: input.name.clone(),
        label: text::in_line(&input.name),
        hint: hint(input),
        required: input.required && input.kind != FieldType::Boolean,
        pattern: input.pattern.as_deref().and_then(html_pattern).unwrap_or_default(),
        max_length: input
            .max
            .filter(|max| is_text && (1.0..=1_000_000.0).contains(max))
            .map(|max| format!("{}", max.floor()))
            .unwrap_or_default(),
        control,
        value,
    }
}

fn hint(input: &InputShown) -> String {
    let mut hint = input.description.as_deref().map(text::in_line).unwrap_or_default();
    let rule = if input.one_of.is_some() { String::new() } else { checked::rule(input) };
    let form = match input.kind {
        FieldType::Array => "One a line, or a list in JSON",
        FieldType::Object => "An object in JSON",
        _ => "",
    };
    for part in [rule.as_str(), form] {
        if !part.is_empty() {
            if !hint.is_empty() {
                hint.push_str(". ");
            }
            let mut signs = part.chars();
            hint.extend(signs.next().into_iter().flat_map(char::to_uppercase));
            hint.push_str(signs.as_str());
        }
    }
    hint
}

/// The same pattern for the browser, which asks for a match of the whole value (HTML Living Standard, 4.10.5.3.6) and reads
/// another dialect: nothing unless it means the same in both.
pub(crate) fn html_pattern(pattern: &str) -> Option<String> {
    let (body, from_start) = pattern.strip_prefix('^').map_or((pattern, false), |body| (body, true));
    let (body, to_end) = body.strip_suffix('$').map_or((body, false), |body| (body, true));
    let mut in_class = false;
    let mut before = ' ';
    for sign in body.chars() {
        match sign {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ' ' => {}
            '[' if !in_class => in_class = true,
            ']' if in_class && before != '[' => in_class = false,
            // Within a class only as a range.
            '-' if !in_class || before.is_ascii_alphanumeric() => {}
            '{' | '}' | ',' | '.' | '+' | '*' | '?' if !in_class => {}
            _ => return None,
        }
        if in_class && before == '-' && sign == ']' {
            return None;
        }
        before = sign;
    }
    if in_class || body.contains("-]") {
        return None;
    }
    Some(format!("{}{body}{}", if from_start { "" } else { ".*" }, if to_end { "" } else { ".*" }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{mandate, page, view::FormError, workflows::checked::tests::input};

    fn html(fields: Vec<Field>, missing: Vec<String>, errors: FormErrors) -> String {
        StartView {
            page: page::sample(),
            list_href: "/t/acme/workflows".to_owned(),
            workflow_href: "/t/acme/workflows/vendor-payment".to_owned(),
            action: "/t/acme/workflows/vendor-payment/runs".to_owned(),
            name: "Vendor payment".to_owned(),
            version: "1.0.0".to_owned(),
            of_version: "2".to_owned(),
            is_older: true,
            fields,
            start_key: "req_x".to_owned(),
            filled_from: words_of(7, 2, 3),
            missing,
            mandate: Some(Card::new(mandate::sample(), About::Workflow, String::new())),
            errors,
        }
        .render()
        .unwrap()
    }

    fn samples() -> Vec<InputShown> {
        let mut id = input("invoice_id", FieldType::String);
        (id.pattern, id.description) = (Some("^INV-[0-9]{4,8}$".to_owned()), Some("Number of the invoice".to_owned()));
        let mut above = input("ask_above", FieldType::Number);
        (above.required, above.default, above.min) = (false, Some(json!(1000)), Some(0.0));
        let mut speed = input("speed", FieldType::String);
        (speed.required, speed.default, speed.one_of) = (true, Some(json!("slow")), Some(vec![json!("slow"), json!("fast")]));
        let mut loud = input("loud", FieldType::Boolean);
        loud.default = Some(json!(true));
        vec![id, above, speed, loud, input("tags", FieldType::Array), input("more", FieldType::Object), input("note", FieldType::String)]
    }

    #[test]
    fn every_type_has_its_field_with_its_default() {
        let html = html(samples().iter().map(|input| field(input, None)).collect(), Vec::new(), FormErrors::none());
        for part in [
            "name=\"input.invoice_id\"",
            "id=\"f-invoice_id\"",
            "pattern=\"INV-[0-9]{4,8}\"",
            "Number of the invoice. Matches ^INV-[0-9]{4,8}$",
            "name=\"input.ask_above\" value=\"1000\"",
            "inputmode=\"decimal\"",
            "<option value=\"slow\" selected>",
            "type=\"hidden\" name=\"input.loud\" value=\"false\"",
            "name=\"input.loud\" value=\"true\" checked",
            "One a line, or a list in JSON",
            "An object in JSON",
            "name=\"start_key\" value=\"req_x\"",
            "inputs of run #7, which ran version 2. This starts version 3",
            "Start the run",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn an_empty_list_is_an_empty_field_and_a_list_of_texts_has_one_a_line() {
        let mut receipts = input("receipts", FieldType::Array);
        receipts.default = Some(json!([]));
        assert_eq!((field(&receipts, None).value.as_str(), field(&receipts, Some(&"[]".to_owned())).value.as_str()), ("", ""));
        receipts.default = Some(json!(["a.pdf", "b.pdf"]));
        assert_eq!(field(&receipts, None).value, "a.pdf\nb.pdf");
        assert_eq!(field(&receipts, Some(&"[]".to_owned())).value, "[]", "nothing would mean the default");
    }

    #[test]
    fn a_form_that_came_back_keeps_what_was_typed_and_names_the_fields() {
        let typed = "a <lot>".to_owned();
        let errors = FormErrors(vec![FormError { field: "ask_above".to_owned(), message: "`ask_above`: has to be a number.".to_owned() }]);
        let html = html(samples().iter().map(|input| field(input, Some(&typed))).collect(), Vec::new(), errors);
        assert!(
            html.contains("value=\"a &#60;lot&#62;\"") && html.contains("href=\"#f-ask_above\"") && html.contains("aria-invalid=\"true\""),
            "{html}"
        );
    }

    #[test]
    fn errors_stand_in_the_order_of_the_fields() {
        let error = |field: &str, message: &str| FormError { field: field.to_owned(), message: message.to_owned() };
        let errors =
            FormErrors(vec![error("ask_above", "`ask_above`: has to be a number."), error("invoice_id", "`invoice_id`: is required.")]);
        let errors = in_order(errors, &samples());
        assert_eq!(errors.0, [error("invoice_id", "invoice_id is required."), error("ask_above", "ask_above has to be a number.")]);
    }

    #[test]
    fn what_is_missing_locks_the_start_with_the_reason() {
        let html = html(Vec::new(), vec!["The variable x is not set. Set it under Variables.".to_owned()], FormErrors::none());
        assert!(
            html.contains("The variable x is not set.")
                && html.contains("aria-disabled=\"true\"")
                && !html.contains("type=\"submit\" class=\"button primary\""),
            "{html}"
        );
    }

    #[test]
    fn fields_are_told_from_inputs_by_their_prefix() {
        let sent = |pairs: &[(&str, &[&str])]| {
            taken_apart(
                pairs.iter().map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect())).collect(),
            )
        };
        let Sent { key, inputs, version } =
            sent(&[("start_key", &["k"]), ("input.start_key", &["x"]), ("input.loud", &["false", "true"]), ("version", &["2"])]).unwrap();
        assert_eq!(version, Some(2));
        assert_eq!(key, "k");
        let pairs: Vec<(&str, &str)> = inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("loud", "false"), ("loud", "true"), ("start_key", "x")]);
        assert!(sent(&[("start_key", &["k"]), ("other", &["x"])]).is_err());
        assert!(sent(&[("input.a", &["x"])]).is_err() && sent(&[("start_key", &[""])]).is_err());
    }

    #[test]
    fn a_pattern_goes_to_the_browser_only_when_it_means_the_same_there() {
        for (pattern, html) in [
            ("^INV-[0-9]{4,8}$", Some("INV-[0-9]{4,8}")),
            ("abc", Some(".*abc.*")),
            ("^a+", Some("a+.*")),
            ("^a|b$", None),
            ("(?i)a", None),
            ("[a-]", None),
            ("[-a]", None),
            ("\\d+", None),
            ("[[:alpha:]]", None),
            ("[a", None),
        ] {
            assert_eq!(html_pattern(pattern).as_deref(), html, "{pattern}");
        }
    }
}
