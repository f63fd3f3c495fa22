//! What a page shows of a file that was looked at: its steps, inputs and needs, the blocks that are no steps, and all that is
//! wrong with it (`templates/workflows/_checked.html` and `_findings.html`).

use platform::workflows::{
    Block, Checked, FieldType, Finding, InputShown, Need, NeedKind, OutputShown, Severity, StepOutline, TriggerShown,
};
use serde_json::Value;

use crate::{
    access::Grant,
    text::{self, Piece},
};

/// A file that was looked at.
pub(crate) struct CheckedView {
    pub(crate) steps: Vec<StepLine>,
    pub(crate) inputs: Vec<InputLine>,
    pub(crate) outputs: Vec<OutputLine>,
    pub(crate) triggers: Vec<TriggerLine>,
    pub(crate) needs: Vec<NeedLine>,
    pub(crate) missing: usize,
    pub(crate) blocks: Vec<BlockLine>,
    pub(crate) errors: Vec<FindingLine>,
    pub(crate) hints: Vec<FindingLine>,
}

/// One step.
pub(crate) struct StepLine {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) condition: String,
    pub(crate) tags: Vec<String>,
}

/// One input.
pub(crate) struct InputLine {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) default: String,
    pub(crate) rule: String,
    pub(crate) description: String,
}

/// One output.
pub(crate) struct OutputLine {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) description: String,
}

/// What starts a run.
pub(crate) struct TriggerLine {
    pub(crate) kind: &'static str,
    pub(crate) detail: String,
    /// Why nothing starts by it; empty when something does.
    pub(crate) idle: &'static str,
}

/// One thing that has to be there.
pub(crate) struct NeedLine {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    /// What to do about it; empty when it is there.
    pub(crate) missing: String,
    /// Where that is done; empty for one who may not, or when it is there.
    pub(crate) href: String,
}

/// One block that is no step.
pub(crate) struct BlockLine {
    pub(crate) line: u32,
    pub(crate) language: String,
    pub(crate) heading: String,
    pub(crate) reason: Vec<Piece>,
    /// Whether it may have been meant as one.
    pub(crate) candidate: bool,
}

/// One thing to say about one place.
pub(crate) struct FindingLine {
    /// The file of the bundle; empty for a file alone.
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) step: String,
    pub(crate) message: Vec<Piece>,
    pub(crate) suggestion: Vec<Piece>,
    pub(crate) excerpt: Option<(String, String, String)>,
}

impl CheckedView {
    /// What is shown of a file to this member.
    pub(crate) fn new<P>(grant: &Grant<P>, checked: Checked) -> Self {
        let place = |path: &str| match grant.visit().site().page(&format!("/t/{{slug}}{path}")) {
            Some(permission) if grant.may(permission) => grant.path(path),
            _ => String::new(),
        };
        Self::of(checked, place)
    }

    fn of(checked: Checked, place: impl Fn(&str) -> String) -> Self {
        let Checked { steps, inputs, outputs, triggers, needs, blocks, findings, .. } = checked;
        let (errors, hints): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(|finding| finding.severity == Severity::Error);
        let needs: Vec<NeedLine> = needs.into_iter().map(|need| need_line(need, &place)).collect();
        Self {
            steps: steps.into_iter().enumerate().map(|(index, step)| step_line(index + 1, step)).collect(),
            inputs: inputs.iter().map(input_line).collect(),
            outputs: outputs.into_iter().map(output_line).collect(),
            triggers: triggers.into_iter().map(trigger_line).collect(),
            missing: needs.iter().filter(|need| !need.missing.is_empty()).count(),
            needs,
            blocks: blocks.into_iter().map(block_line).collect(),
            errors: errors.into_iter().map(finding_line).collect(),
            hints: hints.into_iter().map(finding_line).collect(),
        }
    }

    /// How many errors, in words.
    pub(crate) fn error_count(&self) -> String {
        match self.errors.len() {
            1 => "1 error".to_owned(),
            several => format!("{several} errors"),
        }
    }
}

fn step_line(number: usize, step: StepOutline) -> StepLine {
    let mut what = vec![if step.kind.is_empty() { "not read".to_owned() } else { text::in_line(&step.kind) }];
    let place = step.host.or(step.url).map(|place| text::in_line(&place));
    match (step.method, place) {
        (Some(method), Some(place)) => what.push(format!("{method} {place}")),
        (None, Some(place)) => what.push(place),
        _ => {}
    }
    what.extend(step.model.as_deref().map(text::in_line));
    if step.asks_first {
        what.push("only after an approval".to_owned());
    }
    if !step.approvers.is_empty() {
        what.push(text::in_line(&step.approvers.join(", ")));
    }
    let mut tags: Vec<String> = step.credentials.iter().map(|name| format!("cred://{}", text::in_line(name))).collect();
    if !step.complete {
        tags.push("has errors".to_owned());
    }
    StepLine {
        number,
        name: text::in_line(if step.name.is_empty() { &step.id } else { &step.name }),
        what: what.join(" · "),
        condition: step.condition.as_deref().map(text::in_line).unwrap_or_default(),
        tags,
    }
}

fn trigger_line(trigger: TriggerShown) -> TriggerLine {
    TriggerLine {
        kind: match trigger.kind {
            "manual" => "A person or a program",
            "schedule" => "A schedule",
            "webhook" => "A webhook",
            "event" => "An event",
            "file_watch" => "A change of files",
            "queue" => "A message in a queue",
            "email" => "A mail",
            other => other,
        },
        detail: text::in_line(&trigger.detail),
        idle: match (trigger.enabled, trigger.fires) {
            (false, _) => "It is switched off.",
            (true, false) => "It is kept, and does not start runs yet.",
            (true, true) => "",
        },
    }
}

/// A type as people call it.
pub(crate) const fn kind(kind: FieldType) -> &'static str {
    match kind {
        FieldType::String => "text",
        FieldType::Integer => "whole number",
        FieldType::Number => "number",
        FieldType::Boolean => "yes or no",
        FieldType::Object => "object",
        FieldType::Array => "list",
    }
}

/// What a value has to be beyond its type, in words; may be empty.
pub(crate) fn rule(input: &InputShown) -> String {
    let unit = match input.kind {
        FieldType::String => " signs",
        FieldType::Array => " elements",
        _ => "",
    };
    let mut rules = Vec::new();
    match (input.min, input.max) {
        (Some(min), Some(max)) => rules.push(format!("{min} to {max}{unit}")),
        (Some(min), None) => rules.push(format!("{min} or more{unit}")),
        (None, Some(max)) => rules.push(format!("at most {max}{unit}")),
        (None, None) => {}
    }
    if let Some(values) = &input.one_of {
        rules.push(format!("one of {}", values.iter().map(as_text).collect::<Vec<_>>().join(", ")));
    }
    if let Some(pattern) = &input.pattern {
        rules.push(format!("matches {pattern}"));
    }
    text::in_line(&rules.join("; "))
}

/// A value as it stands in a field of a form: a text as it is, a list of texts with one a line, everything else as JSON.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| item.as_str().is_some_and(|text| !text.contains('\n'))) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

fn input_line(input: &InputShown) -> InputLine {
    InputLine {
        name: text::in_line(&input.name),
        kind: match input.items {
            Some(items) => format!("{} of {}", kind(input.kind), kind(items)),
            None => kind(input.kind).to_owned(),
        },
        required: input.required,
        default: input.default.as_ref().map(|default| text::in_line(&default.to_string())).unwrap_or_default(),
        rule: rule(input),
        description: input.description.as_deref().map(text::in_line).unwrap_or_default(),
    }
}

fn output_line(output: OutputShown) -> OutputLine {
    OutputLine {
        name: text::in_line(&output.name),
        kind: output.kind.map_or("", kind),
        description: output.description.as_deref().map(text::in_line).unwrap_or_default(),
    }
}

fn need_line(need: Need, place: impl Fn(&str) -> String) -> NeedLine {
    let (what, path) = match need.kind {
        NeedKind::Variable => ("Variable", "/variables"),
        NeedKind::Credential => ("Credential", "/credentials"),
        NeedKind::Model => ("Model", "/providers"),
        NeedKind::DefaultModel => ("A default model", "/providers"),
        NeedKind::Permission => ("The right", "/roles"),
        NeedKind::Feature => ("What no run can do yet", ""),
        NeedKind::Role => ("Somebody who decides with the role", "/members"),
        NeedKind::Person => ("Somebody who decides", "/members"),
    };
    NeedLine {
        what,
        name: text::in_line(&need.name),
        href: if need.missing.is_some() && !path.is_empty() { place(path) } else { String::new() },
        missing: need.missing.unwrap_or_default(),
    }
}

fn block_line(block: Block) -> BlockLine {
    BlockLine {
        line: block.line,
        language: text::in_line(&block.language),
        heading: block.heading.as_deref().map(text::in_line).unwrap_or_default(),
        reason: text::pieces(&block.reason),
        candidate: block.candidate,
    }
}

fn finding_line(finding: Finding) -> FindingLine {
    FindingLine {
        file: finding.file.as_deref().map(text::in_line).unwrap_or_default(),
        line: finding.line,
        column: finding.column,
        step: finding.step.as_deref().map(text::in_line).unwrap_or_default(),
        message: text::pieces(&finding.message),
        suggestion: finding.suggestion.as_deref().map(text::pieces).unwrap_or_default(),
        excerpt: finding
            .excerpt
            .map(|excerpt| (text::visible(&excerpt.before), text::visible(&excerpt.marked), text::visible(&excerpt.after))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use platform::workflows::Excerpt;
    use serde_json::json;

    use super::*;

    pub(crate) fn sample() -> CheckedView {
        let step =
            |name: &str, kind: &str| StepOutline { name: name.to_owned(), kind: kind.to_owned(), complete: true, ..StepOutline::default() };
        let finding = |severity, message: &str| Finding {
            severity,
            file: None,
            line: 73,
            column: 18,
            step: Some("read".to_owned()),
            code: "unknown_key",
            message: message.to_owned(),
            suggestion: Some("did you mean `inputs`?".to_owned()),
            excerpt: Some(Excerpt { before: "  ".to_owned(), marked: "inptu".to_owned(), after: ": 2".to_owned() }),
        };
        let checked = Checked {
            steps: vec![
                StepOutline {
                    method: Some("POST".to_owned()),
                    host: Some("{{ vars.payments_url }}".to_owned()),
                    credentials: vec!["payment-desk".to_owned()],
                    ..step("Pay", "http.request")
                },
                StepOutline {
                    approvers: vec!["role:approver".to_owned()],
                    condition: Some("invoice.amount > 1000".to_owned()),
                    ..step("Finance agrees", "approval")
                },
            ],
            inputs: vec![input("invoice_id", FieldType::String)],
            needs: vec![
                Need { kind: NeedKind::Credential, name: "payment-desk".to_owned(), missing: None },
                Need { kind: NeedKind::Variable, name: "payments_url".to_owned(), missing: Some("Set it under Variables.".to_owned()) },
            ],
            triggers: vec![
                TriggerShown { kind: "manual", detail: String::new(), enabled: true, fires: true },
                TriggerShown { kind: "schedule", detail: "0 7 * * MON-FRI Europe/Berlin".to_owned(), enabled: true, fires: false },
                TriggerShown { kind: "webhook", detail: "POST incidents".to_owned(), enabled: false, fires: false },
            ],
            blocks: vec![Block {
                line: 48,
                language: "json".to_owned(),
                heading: None,
                candidate: true,
                reason: "only yaml blocks are steps".to_owned(),
            }],
            findings: vec![finding(Severity::Error, "unknown key `inptu`"), finding(Severity::Hint, "a hint")],
            ..Checked::default()
        };
        CheckedView::of(checked, |path| format!("/t/acme{path}"))
    }

    pub(in crate::workflows) fn input(name: &str, kind: FieldType) -> InputShown {
        InputShown {
            name: name.to_owned(),
            kind,
            items: None,
            required: true,
            default: None,
            one_of: None,
            min: None,
            max: None,
            pattern: None,
            description: None,
        }
    }

    #[test]
    fn a_file_is_told_in_words() {
        let view = sample();
        assert_eq!(
            (view.steps[0].what.as_str(), view.steps[0].tags.clone()),
            ("http.request · POST {{ vars.payments_url }}", vec!["cred://payment-desk".to_owned()])
        );
        assert_eq!(view.steps[1].what, "approval · role:approver");
        assert_eq!((view.missing, view.needs[1].href.as_str(), view.needs[0].href.as_str()), (1, "/t/acme/variables", ""));
        assert_eq!((view.error_count().as_str(), view.hints.len()), ("1 error", 1));
        let idle: Vec<&str> = view.triggers.iter().map(|trigger| trigger.idle).collect();
        assert_eq!(idle, ["", "It is kept, and does not start runs yet.", "It is switched off."]);
        let words = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.as_str()).collect::<String>();
        assert_eq!(words(&view.errors[0].message), "Unknown key inptu.");
        assert_eq!(words(&view.errors[0].suggestion), "Did you mean inputs?");
    }

    #[test]
    fn rules_are_told_in_words() {
        let mut number = input("n", FieldType::Number);
        number.min = Some(0.0);
        assert_eq!(rule(&number), "0 or more");
        let mut word = input("w", FieldType::String);
        (word.min, word.max, word.pattern) = (Some(2.0), Some(8.0), Some("^a".to_owned()));
        assert_eq!(rule(&word), "2 to 8 signs; matches ^a");
        word.one_of = Some(vec![json!("a"), json!(2)]);
        assert!(rule(&word).contains("one of a, 2"));
    }

    #[test]
    fn values_fit_the_fields_of_a_form() {
        for (value, text) in [
            (json!("a"), "a"),
            (json!(1000), "1000"),
            (json!(["a", "b"]), "a\nb"),
            (json!([1]), "[1]"),
            (json!([]), "[]"),
            (json!(null), ""),
        ] {
            assert_eq!(as_text(&value), text);
        }
    }
}
