//! What this language and Jinja both mean alike is compared with the real Jinja2, which tests/set-up.sh installs: expression by
//! expression (`jinja/alike.txt`), expressions made at random (`jinja/made.rs`), and, in docs/jinja.md, where the two differ on purpose.

mod made;

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Map, Value, json};
use workflow::expression::{Expression, Limits, Template};

const CONTEXTS: &str = include_str!("jinja/contexts.json");
const ALIKE: &str = include_str!("jinja/alike.txt");
const DIFFERENT: &str = include_str!("../../../../docs/jinja.md");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/schemathesis/bin/python");
const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expression/jinja/oracle.py");

/// An expression or template with the names it sees.
#[derive(Debug)]
pub(crate) struct Case {
    line: usize,
    context: String,
    is_template: bool,
    pub(crate) source: String,
    /// Whether both are to refuse it.
    refused: bool,
}

/// The lines of `jinja/alike.txt`.
pub(crate) fn alike() -> Vec<Case> {
    let mut context = String::new();
    let mut cases = Vec::new();
    for (index, line) in ALIKE.lines().enumerate() {
        if let Some(name) = line.strip_prefix("@ ") {
            name.clone_into(&mut context);
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (refused, line) = line.strip_prefix("! ").map_or((false, line), |line| (true, line));
        let (is_template, source) = line.strip_prefix("> ").map_or((false, line), |line| (true, line));
        cases.push(Case { line: index + 1, context: context.clone(), is_template, source: source.replace('⏎', "\n"), refused });
    }
    cases
}

pub(crate) fn names(context: &str) -> Map<String, Value> {
    let contexts: Value = serde_json::from_str(CONTEXTS).unwrap();
    contexts[context].as_object().unwrap_or_else(|| panic!("there is no context `{context}`")).clone()
}

/// What Jinja2 gives for each case: the JSON of a value, or why it refuses it.
fn theirs(cases: &[Case]) -> Vec<Result<String, String>> {
    assert!(Path::new(PYTHON).exists(), "Jinja2 is not here: run tests/set-up.sh, then the tests again ({PYTHON} is missing)");
    let asked: Vec<Value> = cases
        .iter()
        .map(|case| json!({"context": case.context, "kind": if case.is_template { "template" } else { "expression" }, "source": case.source}))
        .collect();
    let contexts: Value = serde_json::from_str(CONTEXTS).unwrap();
    let mut oracle = Command::new(PYTHON).arg(ORACLE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    oracle.stdin.take().unwrap().write_all(json!({"contexts": contexts, "cases": asked}).to_string().as_bytes()).unwrap();
    let output = oracle.wait_with_output().unwrap();
    assert!(output.status.success(), "Jinja2 could not be asked: run tests/set-up.sh, then the tests again");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), cases.len());
    answers
        .into_iter()
        .map(|answer| match answer.get("value") {
            Some(value) => Ok(value.to_string()),
            None => Err(answer["error"].as_str().unwrap().to_owned()),
        })
        .collect()
}

fn ours(case: &Case) -> Result<String, String> {
    let (names, limits) = (names(&case.context), Limits::default());
    if case.is_template {
        let template = Template::parse(&case.source).map_err(|error| error.to_string())?;
        // Jinja's templates give text; a lone expression of ours keeps its type.
        template.evaluate_escaped(&names, &limits, &str::to_owned).map(|text| json!(text).to_string()).map_err(|error| error.to_string())
    } else {
        let expression = Expression::parse(&case.source).map_err(|error| error.to_string())?;
        expression.evaluate(&names, &limits).map(|value| value.to_string()).map_err(|error| error.to_string())
    }
}

#[test]
fn what_jinja_means_alike_comes_out_alike() {
    let cases = alike();
    let expressions = cases.iter().filter(|case| !case.is_template && !case.refused).count();
    assert!(expressions >= 300, "only {expressions} expressions are compared");
    let mut disagreements = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs(&cases)) {
        let ours = ours(case);
        let agree = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => ours == theirs && !case.refused,
            (Err(_), Err(_)) => case.refused,
            _ => false,
        };
        if !agree {
            disagreements.push(format!("alike.txt:{}: {}\n    here:   {ours:?}\n    Jinja2: {theirs:?}", case.line, case.source));
        }
    }
    assert!(disagreements.is_empty(), "{} of {}:\n{}", disagreements.len(), cases.len(), disagreements.join("\n"));
}

#[test]
fn what_is_made_at_random_comes_out_alike() {
    let cases = made::made();
    let mut disagreements = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs(&cases)) {
        let ours = ours(case);
        if ours.is_ok() != theirs.is_ok() || ours.is_ok() && ours != theirs {
            disagreements.push(format!("{:?}\n    here:   {ours:?}\n    Jinja2: {theirs:?}", case.source));
        }
    }
    assert!(disagreements.is_empty(), "{} of {}:\n{}", disagreements.len(), cases.len(), disagreements.join("\n"));
}

/// A row of docs/jinja.md: `written | here | Jinja2`, as it stands there.
fn different() -> Vec<(Case, String, String)> {
    let mut rows = Vec::new();
    for (index, line) in DIFFERENT.lines().enumerate() {
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect();
        let [written, here, there] = cells.as_slice() else { continue };
        let Some(source) = written.strip_prefix('`').and_then(|source| source.strip_suffix('`')) else { continue };
        let is_template = source.contains("{%") || source.contains("{{");
        let case = Case { line: index + 1, context: "plain".to_owned(), is_template, source: source.to_owned(), refused: false };
        rows.push((case, here.clone(), there.clone()));
    }
    rows
}

#[test]
fn where_jinja_means_something_else_is_written_down_as_it_is() {
    let (cases, written): (Vec<Case>, Vec<(String, String)>) =
        different().into_iter().map(|(case, here, there)| (case, (here, there))).unzip();
    assert!(cases.len() >= 50, "docs/jinja.md has only {} differences", cases.len());
    let cell = |result: &Result<String, String>| result.as_ref().map_or_else(|_| "refused".to_owned(), |value| format!("`{value}`"));
    let mut wrong = Vec::new();
    for ((case, (here, there)), theirs) in cases.iter().zip(&written).zip(theirs(&cases)) {
        let ours = ours(case);
        if (cell(&ours), cell(&theirs)) != (here.clone(), there.clone()) || cell(&ours) == cell(&theirs) {
            wrong.push(format!(
                "docs/jinja.md:{}: `{}` | {} | {} ({ours:?}, {theirs:?})",
                case.line,
                case.source,
                cell(&ours),
                cell(&theirs)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
