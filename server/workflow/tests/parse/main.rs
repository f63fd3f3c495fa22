//! What `parse` makes of files: plans, errors with their places, and nothing that panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod blocks;
mod data;
mod declared;
mod difference;
mod examples;
mod failures;
mod flow;
mod forms;
mod front_matter;
mod gates;
mod graph;
mod hostile;
mod kinds;
mod names;
mod properties;
mod steps;
mod yaml;

use workflow::{
    Parsed,
    parse::{Diagnostic, Severity, parse},
    plan::{Plan, StepKind},
};

/// The text of a file in `examples/`.
pub fn example(name: &str) -> String {
    let path = format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file with the smallest front matter, three lines, and that text below it: its first line is line 4.
pub fn below(text: &str) -> String {
    format!("---\nworkflow: {{id: demo, name: Demo}}\n---\n{text}")
}

/// A file with one step in a block that begins on line 4: the first line of `yaml` is line 5.
pub fn step(yaml: &str) -> String {
    below(&format!("```yaml\n{yaml}\n```\n"))
}

/// A file with that front matter (its first line is line 3) and one step that logs a word.
pub fn front(yaml: &str) -> String {
    format!(
        "---\nworkflow: {{id: demo, name: Demo}}\n{yaml}\n---\n```yaml\n{{id: a, action: workflow.log, inputs: {{message: hello}}}}\n```\n"
    )
}

/// `line:column+length code [step] message; suggestion`.
pub fn line(diagnostic: &Diagnostic) -> String {
    let Diagnostic { line, column, length, code, message, .. } = diagnostic;
    let step = diagnostic.step.as_ref().map(|step| format!(" [{step}]")).unwrap_or_default();
    let suggestion = diagnostic.suggestion.as_ref().map(|suggestion| format!("; {suggestion}")).unwrap_or_default();
    format!("{line}:{column}+{length} {code}{step} {message}{suggestion}")
}

/// The plan of a file that has to be without errors.
pub fn plan(source: &str) -> Plan {
    let parsed = parse(source);
    let errors: Vec<_> = parsed.errors().map(line).collect();
    assert!(errors.is_empty(), "{errors:?}\n{source}");
    parsed.plan.expect("a file without errors has a plan")
}

/// The kind of the only step of a file.
pub fn only_kind(source: &str) -> StepKind {
    let mut steps = plan(source).steps;
    assert_eq!(steps.len(), 1);
    steps.remove(0).kind
}

fn of(parsed: &Parsed, severity: Severity) -> Vec<String> {
    parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).map(line).collect()
}

/// The errors of a file, which has no plan then.
#[track_caller]
pub fn errors(source: &str, expected: &[&str]) {
    let parsed = parse(source);
    assert_eq!(of(&parsed, Severity::Error), expected, "{source}");
    assert_eq!(parsed.plan.is_none(), !expected.is_empty(), "{source}");
}

/// The hints of a file that has no errors.
#[track_caller]
pub fn hints(source: &str, expected: &[&str]) {
    let parsed = parse(source);
    let errors = of(&parsed, Severity::Error);
    assert!(errors.is_empty(), "{errors:?}\n{source}");
    assert_eq!(of(&parsed, Severity::Hint), expected, "{source}");
}
