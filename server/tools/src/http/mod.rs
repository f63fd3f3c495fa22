//! `http.request`: typed arguments in, `{status, headers, body}` out.
//!
//! [`Arguments::read`] takes the inputs of a step as they were evaluated, with the references to
//! credentials beside them; [`call`] sends and reads the answer. The guard and the limits are the
//! [egress](crate::egress)'s.

mod arguments;

use domain::call::CallContext;
use serde_json::{Map, Value};

pub use self::arguments::{AcceptStatus, Arguments, References};
use crate::{
    egress::{Egress, OutgoingResponse},
    error::{CallError, CallErrorKind},
    text::one_line,
};

/// Signs of an error's body that are quoted in the message.
const QUOTED: usize = 300;

/// What `http.request` gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields by their names in lower case; fields that came several times are joined by `, `.
    pub headers: Map<String, Value>,
    /// JSON parsed when the answer says it is JSON, else text; null when it is empty.
    pub body: Value,
}

impl Answer {
    /// `{status, headers, body}`, as workflows see it.
    pub fn into_value(self) -> Value {
        Value::Object(
            [("status", Value::from(self.status)), ("headers", Value::Object(self.headers)), ("body", self.body)]
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect(),
        )
    }
}

/// Makes the call.
///
/// # Errors
/// What the egress gives; [`CallErrorKind::Status`] for every status but 2xx that was not accepted;
/// [`CallErrorKind::Protocol`] for a body that is not what it says it is.
pub async fn call(egress: &Egress, arguments: Arguments, context: &CallContext) -> Result<Answer, CallError> {
    let accept = arguments.accept_status.clone();
    let host = arguments.host();
    let response = egress.send(arguments.into_request(), context).await?;
    if !(200..300).contains(&response.status) && !accept.covers(response.status) {
        return Err(status_error(&host, &response));
    }
    Ok(Answer { status: response.status, headers: headers(&response), body: body(&host, &response)? })
}

fn headers(response: &OutgoingResponse) -> Map<String, Value> {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &response.headers {
        match headers.get_mut(name) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(value);
            }
            _ => drop(headers.insert(name.clone(), Value::String(value.clone()))),
        }
    }
    headers
}

fn body(host: &str, response: &OutgoingResponse) -> Result<Value, CallError> {
    let wrong = |message: String| Err(CallError::answered(CallErrorKind::Protocol, message));
    if response.is_empty() {
        return Ok(Value::Null);
    }
    if response.header("content-type").is_some_and(is_json) {
        return match response.json() {
            Ok(value) => Ok(value),
            Err(why) => wrong(format!("The answer of {host} says it is JSON and cannot be read as such: {why}.")),
        };
    }
    match response.text() {
        Some(text) => Ok(Value::String(text)),
        None => wrong(format!("The answer of {host} is neither JSON nor text in UTF-8.")),
    }
}

/// `application/json`, `text/json` and whatever ends in `+json` (RFC 6839 §3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || (essence.contains('/') && essence.ends_with("+json"))
}

fn status_error(host: &str, response: &OutgoingResponse) -> CallError {
    let mut message = format!("{host} answered with status {}", response.status);
    let quoted = response.text().map(|text| one_line(&text, QUOTED)).unwrap_or_default();
    if quoted.is_empty() {
        message.push('.');
    } else {
        message.push_str(": ");
        message.push_str(&quoted);
    }
    CallError::status(response.status, message, response.retry_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_calls_itself_json() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/json"] {
            assert!(is_json(yes), "{yes}");
        }
        for no in ["text/plain", "application/jsonl", "+json", "json", "", "application/octet-stream; x=+json"] {
            assert!(!is_json(no), "{no}");
        }
    }
}
