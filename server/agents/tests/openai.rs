//! The chat completions client against the scripted model, and against servers that do not behave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "../../tools/tests/served/mod.rs"]
mod served;

use std::time::Duration;

use agents::{
    Charge, CompletionError, ModelRequest, Provider, Usage, openai,
    price::{Price, ceiling, cost},
};
use domain::{
    Id, Money, Timestamp,
    call::{CallContext, EgressRules, Hold, Permit},
    entropy::SeededEntropy,
};
use rehearsal::{Config, MODEL_KEY, MODEL_NAME, Rehearsal, When};
use serde_json::{Value, json};
use served::{Served, egress, with_secret};
use tools::{CallErrorKind, Sent};

fn review() -> Value {
    json!({
        "type": "object",
        "required": ["risk", "reasons"],
        "properties": {
            "risk": {"type": "string", "enum": ["low", "medium", "high"]},
            "reasons": {"type": "array", "items": {"type": "string"}},
        },
    })
}

fn question(schema: Option<Value>) -> ModelRequest {
    let system = Some("You check invoices.".to_owned());
    ModelRequest { output_schema: schema, ..ModelRequest::new(MODEL_NAME, system, "Is anything unusual about it?", 400) }
}

/// A context with money set aside that may reach `endpoint` with the key `model`.
fn context(endpoint: &str, key: &str) -> CallContext {
    let entropy = SeededEntropy::new(3);
    let hold = Hold::opened(Id::new(Timestamp::from_micros(1), &entropy), Money::from_nanos(1_000_000));
    let run = Id::new(Timestamp::from_micros(1), &entropy);
    let context = CallContext {
        partition: served::tenant(1),
        permit: Permit::issue(run, "step_3".into(), 1, 1, Some(hold)),
        egress: EgressRules { allow: vec![endpoint.to_owned()], deny: vec![] },
        secrets: vec![],
        time_limit: Duration::from_secs(20),
        idempotency_key: "run/step_3".into(),
    };
    with_secret(context, "model", key, &[endpoint])
}

fn provider(endpoint: &str) -> Provider {
    Provider { base_url: format!("http://{endpoint}/v1/"), credential: Some("model".into()) }
}

async fn rehearsal() -> (Rehearsal, Provider, CallContext) {
    let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
    let endpoint = rehearsal.model().to_string();
    (rehearsal, provider(&endpoint), context(&endpoint, MODEL_KEY))
}

/// Asks a server that answers 200 with this body.
async fn ask(body: &str, schema: Option<Value>) -> Result<agents::Completion, CompletionError> {
    let server =
        Served::answering(&[&format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())]);
    let endpoint = server.endpoint();
    openai::complete(&egress(), &provider(&endpoint), &question(schema), &context(&endpoint, "sk-123456")).await
}

fn completion(content: &str, finish_reason: &str) -> String {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_tokens_details": {"cached_tokens": 64}});
    let message = json!({"role": "assistant", "content": content});
    json!({"model": "m-2026", "choices": [{"message": message, "finish_reason": finish_reason}], "usage": usage}).to_string()
}

const USED: Usage = Usage { input_tokens: 100, cached_tokens: 64, output_tokens: 20, reasoning_tokens: 0 };

#[tokio::test]
async fn the_review_of_an_invoice_fits_its_schema_and_says_what_it_used() {
    let (rehearsal, provider, context) = rehearsal().await;
    let request = question(Some(review()));
    let answer = openai::complete(&egress(), &provider, &request, &context).await.unwrap();
    assert_eq!(answer.object.unwrap()["risk"], "medium");
    assert_eq!((answer.model.as_str(), answer.finish_reason.as_str()), (MODEL_NAME, "stop"));

    let price = Price::new(Money::from_dollars("2.5").unwrap(), Money::from_dollars("10").unwrap(), None).unwrap();
    let most = ceiling(openai::prompt_bytes(&request), request.messages.len(), request.max_tokens, &price).unwrap();
    let charged = cost(&answer.usage.unwrap(), &price);
    assert!(charged > Money::ZERO && charged <= most, "{charged} of at most {most}");

    let asked = &rehearsal.model_stage().requests()[0];
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {MODEL_KEY}").as_str()));
    assert_eq!(asked.header("idempotency-key"), Some("run/step_3"));
    assert_eq!(asked.body.len(), openai::prompt_bytes(&request), "what is priced is what is sent");
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!((&body["max_tokens"], &body["messages"][0]["role"]), (&json!(400), &json!("system")));
    assert_eq!(body["response_format"]["json_schema"]["schema"], review());
    rehearsal.stop().await;
}

#[tokio::test]
async fn the_scripted_model_fits_whatever_schema_it_is_given() {
    let (rehearsal, provider, context) = rehearsal().await;
    for schema in [
        json!({"type": "object", "properties": {"total": {"type": "number", "minimum": 10, "maximum": 12}, "ok": {"type": "boolean"}}}),
        json!({"type": "object", "required": ["due"], "properties": {"due": {"type": "string", "format": "date"}}, "additionalProperties": false}),
        json!({"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 3, "$defs": {
            "line": {"type": "object", "required": ["text", "n"], "properties": {"text": {"type": "string", "maxLength": 9}, "n": {"type": "integer", "exclusiveMinimum": 4}}},
        }}),
        json!({"type": "string", "minLength": 200, "maxLength": 250}),
        json!({"oneOf": [{"type": "object", "required": ["kind"], "properties": {"kind": {"const": "invoice"}}}, {"type": "null"}]}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "required": ["a", "b"]}),
        json!({"type": ["integer", "null"], "multipleOf": 7, "minimum": 8}),
    ] {
        let answer = openai::complete(&egress(), &provider, &question(Some(schema.clone())), &context).await;
        assert!(answer.is_ok_and(|answer| answer.object.is_some()), "{schema}");
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn without_a_schema_the_answer_is_text() {
    let (rehearsal, provider, context) = rehearsal().await;
    let answer = openai::complete(&egress(), &provider, &question(None), &context).await.unwrap();
    assert!(answer.object.is_none() && answer.text.contains("rehearsal"), "{answer:?}");
    rehearsal.stop().await;
}

#[tokio::test]
async fn nobody_is_asked_without_money_set_aside() {
    let (rehearsal, provider, mut context) = rehearsal().await;
    context.permit = Permit::issue(context.permit.run(), "step_3".into(), 1, 1, None);
    let error = openai::complete(&egress(), &provider, &question(None), &context).await.unwrap_err();
    assert_eq!((error.call.kind, error.charge()), (CallErrorKind::Arguments, Charge::Nothing));
    for wrong in [
        ModelRequest { temperature: Some(f64::NAN), ..question(None) },
        ModelRequest { temperature: Some(2.5), ..question(None) },
        question(Some(json!({"$ref": "https://example.com/s.json"}))),
    ] {
        let context = self::context(&rehearsal.model().to_string(), MODEL_KEY);
        let error = openai::complete(&egress(), &provider, &wrong, &context).await.unwrap_err();
        assert_eq!((error.call.kind, error.call.sent), (CallErrorKind::Arguments, Sent::No));
    }
    assert!(rehearsal.model_stage().requests().is_empty());
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_provider_that_turns_us_away_is_told_apart_from_one_that_is_ill() {
    let (rehearsal, provider, context) = rehearsal().await;
    let stage = rehearsal.model_stage();
    stage.fail_next_with_retry_after(429, 3);
    let error = openai::complete(&egress(), &provider, &question(None), &context).await.unwrap_err();
    assert_eq!((error.call.kind, error.call.retryable, error.charge()), (CallErrorKind::Status(429), true, Charge::Nothing));
    assert_eq!(error.call.retry_after, Some(Duration::from_secs(3)));
    assert!(error.call.message.contains("This failure was asked for"), "{error}");

    stage.fail_next(1, 503);
    let error = openai::complete(&egress(), &provider, &question(None), &context).await.unwrap_err();
    assert_eq!((error.call.kind, error.call.retryable, error.charge()), (CallErrorKind::Status(503), true, Charge::Unknown));

    let wrong_key = self::context(&rehearsal.model().to_string(), "not-the-right-key");
    let error = openai::complete(&egress(), &provider, &question(None), &wrong_key).await.unwrap_err();
    assert_eq!((error.call.kind, error.call.retryable), (CallErrorKind::Status(401), false));
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_model_that_hangs_is_left_at_the_time_limit_and_may_have_cost_everything() {
    let (rehearsal, provider, mut context) = rehearsal().await;
    rehearsal.model_stage().hang_next(When::AfterWork);
    context.time_limit = Duration::from_millis(300);
    let error = openai::complete(&egress(), &provider, &question(None), &context).await.unwrap_err();
    assert_eq!((error.call.kind, error.call.sent, error.charge()), (CallErrorKind::Timeout, Sent::Maybe, Charge::Unknown));
    rehearsal.stop().await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_costs_money_and_may_be_asked_for_again() {
    for (content, word) in
        [(r#"{"risk":"enormous","reasons":[]}"#, "/risk"), (r#"{"risk":"low"}"#, "reasons"), ("Nothing unusual.", "JSON")]
    {
        let error = ask(&completion(content, "stop"), Some(review())).await.unwrap_err();
        assert_eq!((error.call.kind, error.call.retryable, error.charge()), (CallErrorKind::Answer, true, Charge::Known(USED)), "{error}");
        assert!(error.call.message.contains(word), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_says_so() {
    let error = ask(&completion(r#"{"risk":"low","rea"#, "length"), Some(review())).await.unwrap_err();
    assert_eq!((error.call.retryable, error.charge()), (false, Charge::Known(USED)), "the same limit would cut it again");
    assert!(error.call.message.contains("max_tokens"), "{error}");
    let text = ask(&completion("Nothing unus", "length"), None).await.unwrap();
    assert_eq!((text.text.as_str(), text.finish_reason.as_str()), ("Nothing unus", "length"));
}

#[tokio::test]
async fn an_answer_in_a_fence_is_read() {
    for content in ["```json\n{\"risk\":\"low\",\"reasons\":[]}\n```", " ```\n{\"risk\":\"low\",\"reasons\":[]}``` "] {
        assert_eq!(ask(&completion(content, "stop"), Some(review())).await.unwrap().object.unwrap()["risk"], "low");
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again() {
    let refusal = json!({"choices": [{"message": {"content": null, "refusal": "I will not."}, "finish_reason": "stop"}]}).to_string();
    for (body, word) in [(refusal.as_str(), "I will not"), (&completion("half", "content_filter"), "filter")] {
        let error = ask(body, None).await.unwrap_err();
        assert_eq!((error.call.kind, error.call.retryable), (CallErrorKind::Answer, false));
        assert!(error.call.message.contains(word), "{error}");
    }
    let error = ask(&completion("", "stop"), None).await.unwrap_err();
    assert_eq!((error.call.kind, error.call.retryable), (CallErrorKind::Answer, true), "an empty answer is no refusal");
}

#[tokio::test]
async fn usage_that_does_not_add_up_is_never_taken_for_less() {
    let with = |usage: Value| json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}).to_string();
    for (usage, read) in [
        (json!({"prompt_tokens": 10, "completion_tokens": 5}), Some((10, 0, 5, 0))),
        (
            json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45, "completion_tokens_details": {"reasoning_tokens": 30}}),
            Some((10, 0, 35, 30)),
        ),
        (json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99}}), Some((10, 10, 5, 0))),
        (json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": null}), Some((10, 0, 5, 0))),
        (Value::Null, None),
        (json!({}), None),
        (json!({"prompt_tokens": 10}), None),
        (json!({"prompt_tokens": -10, "completion_tokens": 5}), None),
        (json!({"prompt_tokens": 10.5, "completion_tokens": 5}), None),
        (json!({"prompt_tokens": 10, "completion_tokens": "5"}), None),
        (json!("many"), None),
    ] {
        let read = read.map(|(input_tokens, cached_tokens, output_tokens, reasoning_tokens)| Usage {
            input_tokens,
            cached_tokens,
            output_tokens,
            reasoning_tokens,
        });
        assert_eq!(ask(&with(usage.clone()), None).await.unwrap().usage, read, "{usage}");
    }
}

#[tokio::test]
async fn what_is_no_completion_is_a_protocol_error() {
    for body in ["<html>Bad gateway</html>", "{}", r#"{"choices":[]}"#, r#"{"choices":[{}]}"#, r#"{"choices":[],"choices":[]}"#, "", "[1]"]
    {
        let error = ask(body, None).await.unwrap_err();
        assert_eq!(
            (error.call.kind, error.call.sent, error.charge()),
            (CallErrorKind::Protocol, Sent::Answered, Charge::Unknown),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_cost_everything() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\": [{\"mess"] {
        let server = Served::answering(&[answer]);
        let endpoint = server.endpoint();
        let error = openai::complete(&egress(), &provider(&endpoint), &question(None), &context(&endpoint, "sk-123456")).await.unwrap_err();
        assert_eq!((error.call.kind, error.call.retryable, error.charge()), (CallErrorKind::Connection, true, Charge::Unknown), "{error}");
    }
    let gone = Served::silent();
    let endpoint = gone.endpoint();
    drop(gone);
    let error = openai::complete(&egress(), &provider(&endpoint), &question(None), &context(&endpoint, "sk-123456")).await.unwrap_err();
    assert_eq!((error.call.sent, error.charge()), (Sent::No, Charge::Nothing), "{error}");
}

#[tokio::test]
async fn a_model_that_repeats_the_key_does_not_leak_it() {
    let answer = ask(&completion("Your key is sk-123456.", "stop"), None).await.unwrap();
    assert_eq!(answer.text, "Your key is [redacted].");
}
