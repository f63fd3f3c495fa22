//! What a step sent, written out as people know it: a request with its headers, a prompt. Credentials stand as references;
//! nothing else is known here.

use std::fmt::Write;

use serde_json::Value;

use crate::text;

/// The call of a step as text; JSON when it is of a kind that is not known here.
pub(super) fn written_out(call: &Value, idempotency_key: Option<&str>) -> String {
    let written = match call.get("call").and_then(Value::as_str) {
        Some("http") => http(call, idempotency_key),
        Some("model") => model(call),
        _ => None,
    };
    written.map_or_else(|| text::pretty(call), |written| text::visible(&written))
}

fn http(call: &Value, idempotency_key: Option<&str>) -> Option<String> {
    let mut out = format!("{} {}", call.get("method")?.as_str()?, call.get("url")?.as_str()?);
    let mut sign = if out.contains('?') { '&' } else { '?' };
    for (name, value) in pairs(call.get("query"))? {
        let _infallible = write!(out, "{sign}{name}={value}");
        sign = '&';
    }
    for header in call.get("headers")?.as_array()? {
        let mut value = String::new();
        for piece in header.get(1)?.as_array()? {
            match (piece.get("text").and_then(Value::as_str), piece.get("credential").and_then(Value::as_str)) {
                (Some(text), _) => value.push_str(text),
                (None, Some(credential)) => {
                    let _infallible = write!(value, "•••• (credential: {credential})");
                }
                (None, None) => return None,
            }
        }
        let _infallible = write!(out, "\n{}: {value}", header.get(0)?.as_str()?);
    }
    if let Some(key) = idempotency_key {
        let _infallible = write!(out, "\nIdempotency-Key: {key}");
    }
    match call.get("body") {
        Some(Value::String(none)) if none == "none" => {}
        Some(Value::Object(body)) => match (body.get("json"), body.get("text").and_then(Value::as_str), body.get("form")) {
            (Some(json), _, _) => {
                let _infallible = write!(out, "\n\n{}", serde_json::to_string_pretty(json).ok()?);
            }
            (None, Some(text), _) => {
                let _infallible = write!(out, "\n\n{text}");
            }
            (None, None, form) => {
                out.push('\n');
                for (name, value) in pairs(form)? {
                    let _infallible = write!(out, "\n{name}={value}");
                }
            }
        },
        _ => return None,
    }
    Some(out)
}

fn pairs(value: Option<&Value>) -> Option<Vec<(&str, &str)>> {
    value?.as_array()?.iter().map(|pair| Some((pair.get(0)?.as_str()?, pair.get(1)?.as_str()?))).collect()
}

fn model(call: &Value) -> Option<String> {
    let mut out = String::new();
    if let Some(system) = call.get("system").and_then(Value::as_str) {
        let _infallible = write!(out, "System\n{system}\n\n");
    }
    let _infallible = write!(out, "Prompt\n{}", call.get("prompt")?.as_str()?.trim_end());
    if let Some(schema) = call.get("output_schema").filter(|schema| !schema.is_null()) {
        let _infallible = write!(out, "\n\nThe answer has to fit\n{}", serde_json::to_string_pretty(schema).ok()?);
    }
    if let Some(tokens) = call.get("max_tokens").and_then(Value::as_u64) {
        let _infallible = write!(out, "\n\nAt most {tokens} tokens of answer");
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_written_as_it_goes_out_with_credentials_as_references() {
        let call = json!({
            "call": "http", "method": "POST", "url": "https://payments.example/payments?a=1",
            "headers": [["Authorization", [{"text": "Bearer "}, {"credential": "payment-desk"}]]],
            "query": [["b", "2"]], "body": {"json": {"amount": 1840.5}}, "accept_status": [], "follow_redirects": false,
        });
        assert_eq!(
            written_out(&call, Some("pay-1")),
            "POST https://payments.example/payments?a=1&b=2\nAuthorization: Bearer •••• (credential: payment-desk)\nIdempotency-Key: pay-1\n\n{\n  \"amount\": 1840.5\n}"
        );
        let call = json!({"call": "http", "method": "GET", "url": "https://erp.example/1", "headers": [], "query": [], "body": "none"});
        assert_eq!(written_out(&call, None), "GET https://erp.example/1");
        let call = json!({"call": "http", "method": "POST", "url": "https://x.example", "headers": [], "query": [], "body": {"form": [["a", "1"], ["b", "2"]]}});
        assert_eq!(written_out(&call, None), "POST https://x.example\n\na=1\nb=2");
    }

    #[test]
    fn a_prompt_is_written_with_all_that_shapes_the_answer() {
        let call = json!({"call": "model", "task": "analyze", "model": null, "system": "Be brief.", "prompt": "Is it odd?\n", "output_schema": {"type": "object"}, "max_tokens": 400});
        let written = written_out(&call, None);
        assert!(written.starts_with("System\nBe brief.\n\nPrompt\nIs it odd?\n\nThe answer has to fit\n{"), "{written}");
        assert!(written.ends_with("At most 400 tokens of answer"));
    }

    #[test]
    fn what_is_not_known_is_shown_as_it_is() {
        assert_eq!(written_out(&json!({"call": "other", "x": "\u{202e}"}), None), "{\n  \"call\": \"other\",\n  \"x\": \"\\u{202e}\"\n}");
    }
}
