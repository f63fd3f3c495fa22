//! YAML that is data and no workflow: read as strictly as a workflow file is, because where readers of YAML differ in
//! what a text means, so do the systems behind them.

use serde_json::Value;

use super::{diagnostic::Report, scalar, source::Excerpt, yaml};

/// The value of a text; of an empty one null.
///
/// # Errors
/// A sentence that says what is wrong, and on which line.
pub(crate) fn yaml_value(text: &str) -> Result<Value, String> {
    let mut report = Report::default();
    let node = yaml::read(&Excerpt { first_line: 1, text: text.to_owned() }).report(&mut report);
    let value = match &node {
        Some(node) => scalar::json(&mut report, node),
        None => Some(Value::Null),
    };
    match (value, report.finish().into_iter().next()) {
        (Some(value), None) => Ok(value),
        (_, Some(first)) => {
            let help = first.suggestion.map(|help| format!("; {help}")).unwrap_or_default();
            Err(format!("is not YAML that means one thing (line {}): {}{help}", first.line, first.message))
        }
        (None, None) => Err("is not YAML".to_owned()),
    }
}
