//! Steps with steps inside them, steps that wait, and the order of steps: from a file to the end of the run.

mod branches;
mod crashes;
mod failures;
mod loops;
mod order;
mod parallel;
mod pauses;
mod waits;

use serde_json::{Value, json};
use workflow::{Plan, parse};

use crate::desk::Desk;

/// A plan of steps that are written as a YAML list.
pub fn steps(yaml: &str) -> Plan {
    file("", yaml)
}

/// The same, with more front matter.
pub fn file(front: &str, yaml: &str) -> Plan {
    let indented: String = yaml.lines().flat_map(|line| ["  ", line, "\n"]).collect();
    let source = format!("---\nworkflow: {{id: demo, name: Demo}}\n{front}\nsteps:\n{indented}---\n");
    let parsed = parse(&source);
    let errors: Vec<_> = parsed.errors().map(|error| format!("{}:{} {}", error.line, error.column, error.message)).collect();
    assert!(errors.is_empty(), "{errors:?}\n{source}");
    parsed.plan.expect("a file without errors has a plan")
}

/// A run of such steps without inputs.
pub fn run(yaml: &str) -> Desk {
    Desk::start(steps(yaml), json!({}))
}

/// A request that reads something, as a step of a list.
pub fn get(id: &str) -> String {
    format!("{{id: {id}, action: http.request, output_variable: {id}, inputs: {{method: GET, url: \"https://a.example/{id}\"}}}}")
}

/// The answers of a step in two rounds and so on: what was set by it in each round of a loop.
pub fn output(desk: &Desk, step: &str) -> Value {
    desk.output(step)
}
