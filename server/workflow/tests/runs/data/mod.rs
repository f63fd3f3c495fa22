//! What data steps give: each as it stands in a file, read, run and replayed.

mod bounds;
mod documents;
mod each;
mod merge;
mod properties;
mod replay;
mod times;
mod values;

use std::fmt::Write as _;

use serde_json::{Value, json};
use workflow::{
    parse::parse,
    plan::Plan,
    run::{End, StepState},
};

use crate::desk::Desk;

/// The plan of a file with the step `it`, and with these inputs declared.
pub fn plan(step: &str, inputs: &Value) -> Plan {
    let mut declared = String::new();
    for (name, value) in inputs.as_object().unwrap() {
        let kind = match value {
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Number(_) => "number",
            Value::Bool(_) => "boolean",
            Value::String(_) | Value::Null => "string",
        };
        declared.push_str(if declared.is_empty() { "inputs:\n" } else { "" });
        let _ = writeln!(declared, "  {name}: {{type: {kind}}}");
    }
    let source =
        format!("---\nworkflow: {{id: demo, name: Demo}}\n{declared}---\n```yaml\nid: it\noutput_variable: it_gave\n{step}\n```\n");
    let parsed = parse(&source);
    let errors: Vec<_> = parsed.errors().map(|error| error.render("demo.md", &source)).collect();
    assert!(errors.is_empty(), "{}\n{source}", errors.join("\n"));
    let plan = parsed.plan.unwrap();
    // What is stored is what runs.
    let stored: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(stored, plan);
    stored
}

/// What a step gives, or `code: message`.
pub fn give(step: &str, inputs: Value) -> Result<Value, String> {
    let given: serde_json::Map<String, Value> = inputs
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let desk = Desk::start(plan(step, &inputs), Value::Object(given));
    match desk.run.end() {
        Some(End::Completed { .. }) => match &desk.run.step("it").state {
            StepState::Completed { output, .. } => Ok((**output).clone()),
            other => panic!("{other:?}"),
        },
        Some(End::Failed { failure, .. }) => Err(format!("{}: {}", failure.code, failure.message)),
        other => panic!("the run is {other:?}"),
    }
}

/// An action with its inputs on one line.
pub fn action(name: &str, inputs: &str) -> String {
    format!("action: {name}\ninputs: {inputs}")
}

/// What an action gives, for each of these inputs of the step, over the same inputs of the run.
#[track_caller]
pub fn check(name: &str, over: &Value, rows: &[(&str, Value)]) {
    for (inputs, expected) in rows {
        assert_eq!(give(&action(name, inputs), over.clone()), Ok(expected.clone()), "{inputs}");
    }
}

/// Why an action fails.
#[track_caller]
pub fn fails(name: &str, over: &Value, rows: &[(&str, &str)]) {
    for (inputs, expected) in rows {
        assert_eq!(give(&action(name, inputs), over.clone()), Err((*expected).to_owned()), "{inputs}");
    }
}

/// The orders that most tables go through.
pub fn orders() -> Value {
    json!([
        {"id": 3, "who": "bo", "total": 20, "tags": ["a"]},
        {"id": 1, "who": "al", "total": 5.5, "tags": []},
        {"id": 2, "who": "bo", "total": 20, "tags": ["a", "b"]},
    ])
}
