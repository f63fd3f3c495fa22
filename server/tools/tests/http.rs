//! `http.request` as a step uses it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod served;

use std::time::Duration;

use serde_json::{Value, json};
use served::{Served, context, egress, with_secret};
use tools::{
    CallError, CallErrorKind, Piece, Sent, Text,
    http::{self, Answer, Arguments, References},
};

async fn call(server: &Served, mut inputs: Value) -> Result<Answer, CallError> {
    inputs["url"] = server.url("/thing").into();
    http::call(&egress(), Arguments::read(&inputs, &References::new())?, &context(server)).await
}

fn answer(status: &str, content_type: &str, body: &str) -> Served {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    Served::answering(&[&(head + body)])
}

#[tokio::test]
async fn json_is_parsed_and_text_is_text() {
    for (content_type, body, value) in [
        ("application/json", r#"{"amount": 1840.50, "lines": [1]}"#, json!({"amount": 1840.5, "lines": [1]})),
        ("application/hal+json; charset=utf-8", "[null]", json!([null])),
        ("text/plain", r#"{"a": 1}"#, json!(r#"{"a": 1}"#)),
        ("application/json", "", Value::Null),
    ] {
        let given = call(&answer("200 OK", content_type, body), json!({})).await.unwrap();
        assert_eq!((given.status, &given.body), (200, &value), "{content_type}");
        assert_eq!(given.into_value()["headers"]["content-type"], content_type);
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_an_error() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for (content_type, body) in
        [("application/json", "{oops"), ("application/json", r#"{"a":1,"a":2}"#), ("application/json", deep.as_str())]
    {
        let error = call(&answer("200 OK", content_type, body), json!({})).await.unwrap_err();
        assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Protocol, Sent::Answered, false), "{error}");
    }
    let server = Served::answering_bytes(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe".to_vec()]);
    assert_eq!(call(&server, json!({})).await.unwrap_err().kind, CallErrorKind::Protocol);
}

#[tokio::test]
async fn only_2xx_and_what_was_accepted_is_an_answer() {
    let error = call(&answer("404 Not Found", "text/plain", "no such\nthing"), json!({})).await.unwrap_err();
    assert_eq!((error.kind, error.retryable, error.sent), (CallErrorKind::Status(404), false, Sent::Answered));
    assert!(error.message.contains("404") && error.message.contains("no such thing"), "{error}");
    for accept in [json!(404), json!([404, 409])] {
        let given = call(&answer("404 Not Found", "text/plain", "no"), json!({"accept_status": accept})).await.unwrap();
        assert_eq!((given.status, given.body), (404, json!("no")));
    }
    let error = call(&answer("302 Found", "text/plain", ""), json!({})).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Status(302));
}

#[tokio::test]
async fn what_may_pass_by_itself_may_be_tried_again() {
    for (status, retryable) in [
        ("400 B", false),
        ("401 U", false),
        ("408 T", true),
        ("409 C", false),
        ("425 E", true),
        ("429 M", true),
        ("500 I", true),
        ("503 S", true),
    ] {
        let server = Served::answering(&[&format!("HTTP/1.1 {status}\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")]);
        let error = call(&server, json!({"method": "POST", "json": {}})).await.unwrap_err();
        assert_eq!((error.retryable, error.retry_after), (retryable, Some(Duration::from_secs(7))), "{status}");
    }
}

#[tokio::test]
async fn fields_that_come_twice_are_joined() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"]);
    assert_eq!(call(&server, json!({})).await.unwrap().headers["x-a"], "1, 2");
}

#[tokio::test]
async fn a_payment_is_asked_for_with_its_credential_and_key() {
    let body = r#"{"id":"PAY-1","echo":"\u0074opsecret","pin":77665544}"#;
    let server = answer("201 Created", "application/json", body);
    let inputs = json!({
        "method": "POST",
        "url": server.url("/payments"),
        "headers": {"Authorization": "Bearer cred://payment-desk"},
        "json": {"invoice": "INV-20417", "amount": 1840.5, "note": "cred://payment-desk"},
    });
    let reference = Text::new(vec![Piece::Text("Bearer ".into()), Piece::Credential("payment-desk".into())]);
    let arguments = Arguments::read(&inputs, &References::from([("/headers/Authorization".to_owned(), reference)])).unwrap();
    let context = with_secret(context(&server), "payment-desk", "topsecret", &[&server.endpoint()]);
    let context = with_secret(context, "pin", "77665544", &[]);
    let given = http::call(&egress(), arguments, &context).await.unwrap();
    assert_eq!(given.body, json!({"id": "PAY-1", "echo": "[redacted]", "pin": "[redacted]"}), "however the answer spells it");
    let seen = server.seen(0);
    assert!(seen.contains("authorization: Bearer topsecret\r\n") && seen.contains("idempotency-key: key-1\r\n"), "{seen}");
    assert!(seen.ends_with(r#"{"invoice":"INV-20417","amount":1840.5,"note":"cred://payment-desk"}"#), "{seen}");
}

#[tokio::test]
async fn a_secret_that_an_error_repeats_is_taken_out() {
    let server = answer("403 Forbidden", "text/plain", "the key topsecret is not known");
    let inputs = json!({"url": server.url("/")});
    let context = with_secret(context(&server), "desk", "topsecret", &[&server.endpoint()]);
    let error = http::call(&egress(), Arguments::read(&inputs, &References::new()).unwrap(), &context).await.unwrap_err();
    assert!(error.message.contains("[redacted]") && !error.message.contains("topsecret"), "{error}");
}
