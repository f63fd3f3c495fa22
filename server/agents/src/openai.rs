//! Chat completions over the OpenAI wire format, which most providers, gateways and local servers speak.
//!
//! `max_tokens` is sent, not its successor `max_completion_tokens`: compatible servers know the former. A
//! schema is sent as `response_format` without `strict`, which would refuse ordinary schemas; the answer is
//! checked here in any case.

use domain::call::CallContext;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tools::{Body, CallError, CallErrorKind, Egress, OutgoingRequest, OutgoingResponse, Piece, Text, text::one_line};

use crate::{
    completion::{Completion, CompletionError, ModelRequest, Provider, Usage},
    schema,
};

/// Signs of a provider's own error message that are passed on.
const QUOTED: usize = 300;

/// The size in bytes of what is sent for this request, for [`crate::price::ceiling`].
pub fn prompt_bytes(request: &ModelRequest) -> usize {
    payload(request).len()
}

/// Asks a model.
///
/// # Errors
/// [`CallErrorKind::Arguments`] without money set aside, or with a temperature or schema that cannot be sent;
/// what the egress gives; [`CallErrorKind::Status`] for every status but 2xx;
/// [`CallErrorKind::Protocol`] for an answer in another format; [`CallErrorKind::Answer`] for one that does not
/// fit its schema, is empty, or is the model's refusal.
pub async fn complete(
    egress: &Egress,
    provider: &Provider,
    request: &ModelRequest,
    context: &CallContext,
) -> Result<Completion, CompletionError> {
    let refuse = |message: String| CompletionError::from(CallError::before(CallErrorKind::Arguments, message));
    if context.permit.hold().is_none() {
        return Err(refuse("No money was set aside for this call, so the model was not asked.".to_owned()));
    }
    if request.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err(refuse("The temperature has to be between 0 and 2.".to_owned()));
    }
    if let Some(output_schema) = &request.output_schema {
        schema::check(output_schema).map_err(refuse)?;
    }
    let response = egress.send(outgoing(provider, request), context).await?;
    if !(200..300).contains(&response.status) {
        return Err(status_error(&response).into());
    }
    read(&response, request.output_schema.as_ref())
}

fn outgoing(provider: &Provider, request: &ModelRequest) -> OutgoingRequest {
    let mut headers = vec![("content-type".to_owned(), Text::from("application/json")), ("accept".to_owned(), "application/json".into())];
    if let Some(credential) = &provider.credential {
        let bearer = Text::new(vec![Piece::Text("Bearer ".to_owned()), Piece::Credential(credential.clone())]);
        headers.push(("authorization".to_owned(), bearer));
    }
    OutgoingRequest {
        method: "POST".to_owned(),
        url: format!("{}/chat/completions", provider.base_url.trim_end_matches('/')),
        headers,
        body: Body::from(payload(request)),
        follow_redirects: false,
    }
}

fn payload(request: &ModelRequest) -> Vec<u8> {
    let messages: Vec<_> =
        request.messages.iter().map(|message| json!({"role": message.role.wire(), "content": message.content})).collect();
    let mut payload = Map::new();
    payload.insert("model".to_owned(), request.model.as_str().into());
    payload.insert("messages".to_owned(), messages.into());
    payload.insert("max_tokens".to_owned(), request.max_tokens.into());
    if let Some(temperature) = request.temperature {
        payload.insert("temperature".to_owned(), temperature.into());
    }
    if let Some(schema) = &request.output_schema {
        let format = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
        payload.insert("response_format".to_owned(), format);
    }
    Value::Object(payload).to_string().into_bytes()
}

/// What a completion looks like; providers add fields freely, so unknown ones are passed over. `usage` is
/// read apart: a figure that cannot be read must not lose the answer, it only makes the usage unknown.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    model: Option<String>,
    choices: Vec<WireChoice>,
}

#[derive(Deserialize)]
struct WireChoice {
    message: WireMessage,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

fn read(response: &OutgoingResponse, output_schema: Option<&Value>) -> Result<Completion, CompletionError> {
    let protocol = |why: String, usage| CompletionError {
        call: CallError::answered(CallErrorKind::Protocol, format!("The provider's answer is not a chat completion: {why}.")),
        usage,
    };
    let value = response.json().map_err(|why| protocol(why, None))?;
    let usage = usage(value.get("usage").unwrap_or(&Value::Null));
    let wire: Wire = serde_json::from_value(value).map_err(|error| protocol(one_line(&error.to_string(), QUOTED), usage))?;
    let Some(choice) = wire.choices.into_iter().next() else {
        return Err(protocol("it holds no choice".to_owned(), usage));
    };
    let finish_reason = choice.finish_reason.unwrap_or_default();
    let answer = |message: String, retryable| CompletionError {
        call: CallError { retryable, ..CallError::answered(CallErrorKind::Answer, message) },
        usage,
    };
    if let Some(refusal) = choice.message.refusal.filter(|refusal| !refusal.is_empty()) {
        return Err(answer(format!("The model declined to answer: {}", one_line(&refusal, QUOTED)), false));
    }
    if finish_reason == "content_filter" {
        return Err(answer("The provider's content filter stopped the answer.".to_owned(), false));
    }
    let text = choice.message.content.unwrap_or_default();
    if text.trim().is_empty() {
        let why = if finish_reason == "length" { "It used up max_tokens before it said anything." } else { "The model answered nothing." };
        return Err(answer(why.to_owned(), finish_reason != "length"));
    }
    let object = match output_schema {
        None => None,
        Some(schema) => Some(object(&text, schema).map_err(|why| {
            if finish_reason == "length" {
                answer("The answer was cut off at max_tokens and does not fit output_schema. Allow more tokens.".to_owned(), false)
            } else {
                answer(format!("The model's answer does not fit output_schema. {why}"), true)
            }
        })?),
    };
    Ok(Completion { text, object, usage, model: wire.model.unwrap_or_default(), finish_reason })
}

/// The answer as a value that fits: the text as a whole, or the one fenced block that it is.
fn object(text: &str, schema: &Value) -> Result<Value, String> {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")).map(|inner| inner.strip_prefix("json").unwrap_or(inner));
    let value = tools::json::parse(inner.unwrap_or(text).as_bytes()).map_err(|why| format!("It is not JSON: {why}."))?;
    schema::validate(schema, &value)?;
    Ok(value)
}

/// What was used, if the provider says so in a form that adds up. Where its total is more than question and
/// answer together (some report reasoning apart), the rest counts as answer: never less than was charged.
fn usage(value: &Value) -> Option<Usage> {
    let figure = |value: &Value, path: &str| value.pointer(path).filter(|value| !value.is_null()).map(Value::as_u64);
    let input_tokens = figure(value, "/prompt_tokens")??;
    let answered = figure(value, "/completion_tokens")??;
    let total = figure(value, "/total_tokens").unwrap_or(Some(0))?;
    let cached = figure(value, "/prompt_tokens_details/cached_tokens").unwrap_or(Some(0))?;
    let reasoning = figure(value, "/completion_tokens_details/reasoning_tokens").unwrap_or(Some(0))?;
    Some(Usage {
        input_tokens,
        cached_tokens: cached.min(input_tokens),
        output_tokens: answered.max(total.saturating_sub(input_tokens)),
        reasoning_tokens: reasoning,
    })
}

fn status_error(response: &OutgoingResponse) -> CallError {
    let theirs = response.json().ok();
    let theirs = theirs.as_ref().and_then(|value| value.pointer("/error/message").or_else(|| value.get("message"))?.as_str());
    let message = match theirs {
        Some(theirs) => format!("The provider answered with status {}: {}", response.status, one_line(theirs, QUOTED)),
        None => format!("The provider answered with status {}.", response.status),
    };
    CallError::status(response.status, message, response.retry_after)
}
