//! Making a call that was allowed: the only place that calls `agents` and `tools`.

use std::collections::BTreeMap;

use agents::{Charge, Provider};
use domain::call::CallContext;
use engine::Outcome;
use serde_json::{Map, Value, json};
use tools::{CallError, Piece as OutgoingPiece, Text, http::Arguments};
use workflow::{Call, HttpBody, HttpCall, Piece, core::CallFailure, event::Failure};

use super::{Evidence, Go, credentials, money::Chosen};
use crate::Platform;

/// Makes the call. Dropping the future stops it.
pub(super) async fn perform(platform: &Platform, go: Go) -> Outcome<Evidence> {
    let secrets = match credentials::open(platform, go.tenant, &go.credentials).await {
        Ok(secrets) => secrets,
        Err(message) => {
            return Outcome {
                result: Err(CallFailure {
                    failure: Failure { code: "credential".to_owned(), message, retryable: true },
                    retry_after: None,
                }),
                evidence: Evidence::Nothing,
            };
        }
    };
    let context = CallContext {
        partition: go.tenant,
        permit: go.permit,
        egress: platform.settings().egress.clone(),
        secrets,
        time_limit: go.time_limit,
        idempotency_key: go.idempotency_key,
    };
    match (&go.call, &go.model) {
        (Call::Http(call), _) => http(platform, call, &context).await,
        (Call::Model(_), Some(chosen)) => model(platform, chosen, &context).await,
        (Call::Model(_), None) => Outcome {
            result: Err(CallFailure { failure: Failure::last("price", "No model was chosen, so nothing was sent."), retry_after: None }),
            evidence: Evidence::Nothing,
        },
    }
}

fn failed(error: CallError) -> CallFailure {
    CallFailure {
        failure: Failure { code: error.kind.code().to_owned(), message: error.message, retryable: error.retryable },
        retry_after: error.retry_after,
    }
}

async fn http(platform: &Platform, call: &HttpCall, context: &CallContext) -> Outcome<Evidence> {
    let (inputs, references) = inputs_of(call);
    let answer = match Arguments::read(&inputs, &references) {
        Ok(arguments) => tools::http::call(&platform.parts().egress, arguments, context).await,
        Err(error) => Err(error),
    };
    Outcome { result: answer.map(tools::http::Answer::into_value).map_err(failed), evidence: Evidence::Nothing }
}

/// A rendered call in the words of `http.request`, with the places of its credentials beside it.
fn inputs_of(call: &HttpCall) -> (Value, BTreeMap<String, Text>) {
    let mut references = BTreeMap::new();
    let mut headers = Map::new();
    for (name, pieces) in &call.headers {
        let mut shown = String::new();
        let mut text = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(part) => {
                    shown.push_str(part);
                    text.push(OutgoingPiece::Text(part.clone()));
                }
                Piece::Credential(name) => text.push(OutgoingPiece::Credential(name.clone())),
            }
        }
        if text.iter().any(|piece| matches!(piece, OutgoingPiece::Credential(_))) {
            // RFC 6901: `~` and `/` inside a name are escaped.
            references.insert(format!("/headers/{}", name.replace('~', "~0").replace('/', "~1")), Text::new(text));
        }
        headers.insert(name.clone(), Value::String(shown));
    }
    let pairs = |pairs: &[(String, String)]| Value::Object(pairs.iter().map(|(name, text)| (name.clone(), json!(text))).collect());
    let mut inputs = Map::new();
    inputs.insert("method".to_owned(), json!(call.method));
    inputs.insert("url".to_owned(), json!(call.url));
    inputs.insert("headers".to_owned(), Value::Object(headers));
    if !call.query.is_empty() {
        inputs.insert("query".to_owned(), pairs(&call.query));
    }
    match &call.body {
        HttpBody::None => {}
        HttpBody::Json(value) => drop(inputs.insert("json".to_owned(), value.clone())),
        HttpBody::Text(text) => drop(inputs.insert("body".to_owned(), json!(text))),
        HttpBody::Form(fields) => drop(inputs.insert("form".to_owned(), pairs(fields))),
    }
    if !call.accept_status.is_empty() {
        inputs.insert("accept_status".to_owned(), json!(call.accept_status));
    }
    inputs.insert("follow_redirects".to_owned(), json!(call.follow_redirects));
    (Value::Object(inputs), references)
}

async fn model(platform: &Platform, chosen: &Chosen, context: &CallContext) -> Outcome<Evidence> {
    let provider = Provider { base_url: chosen.base_url.clone(), credential: chosen.credential.clone() };
    match agents::openai::complete(&platform.parts().egress, &provider, &chosen.request, context).await {
        Ok(completion) => Outcome {
            evidence: completion.usage.map_or(Evidence::Unsaid, |usage| Evidence::Used(usage, chosen.price)),
            result: Ok(completion.object.unwrap_or(Value::String(completion.text))),
        },
        Err(error) => Outcome {
            evidence: match error.charge() {
                Charge::Nothing => Evidence::Nothing,
                Charge::Known(usage) => Evidence::Used(usage, chosen.price),
                Charge::Unknown => Evidence::Unknown,
            },
            result: Err(failed(error.call)),
        },
    }
}
