//! A model that is a script: it speaks the chat completions format, fits any schema it is given, and says
//! what it is.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    fabricate, script,
    stage::{Stage, carries},
};

/// The key that the model wants as `Authorization: Bearer`.
pub const MODEL_KEY: &str = "rehearsal-model-key";
/// The one model there is.
pub const MODEL_NAME: &str = "rehearsal-model";

/// Bytes of text for a token, as English has about.
const BYTES_PER_TOKEN: u64 = 4;
/// What is counted around each message.
const TOKENS_PER_MESSAGE: u64 = 4;

#[derive(Default)]
pub(crate) struct ScriptedModel {
    lines: Mutex<VecDeque<String>>,
    answers: AtomicU64,
}

#[derive(Deserialize)]
struct Question {
    model: String,
    messages: Vec<Message>,
    #[serde(default, alias = "max_completion_tokens")]
    max_tokens: Option<u64>,
    #[serde(default)]
    response_format: Option<Value>,
    #[serde(default)]
    stream: bool,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

impl ScriptedModel {
    pub(crate) fn say_next(&self, text: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push_back(text);
    }

    fn answer(&self, body: &[u8]) -> HttpResponse {
        let question: Question = match serde_json::from_slice(body) {
            Ok(question) => question,
            Err(error) => return refusal(400, &format!("This is not a question the rehearsal model reads: {error}.")),
        };
        if question.model != MODEL_NAME {
            return refusal(404, &format!("The only model here is {MODEL_NAME}."));
        }
        if question.stream {
            return refusal(400, "The rehearsal model answers in one piece; it does not stream.");
        }
        let scripted = self.lines.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let format = question.response_format.unwrap_or_default();
        let remark = script::remark(question.messages.last().map_or("", |message| message.content.as_str()));
        let text = scripted.unwrap_or_else(|| match format.pointer("/json_schema/schema") {
            Some(schema) => fabricate::value(schema, &remark).to_string(),
            None if format.get("type").is_some_and(|kind| kind == "json_object") => {
                json!({"answer": remark, "note": script::LABEL}).to_string()
            }
            None if remark.contains('\n') => format!("{remark}\n\n{}", script::LABEL),
            None => format!("{remark} {}", script::LABEL),
        });
        let asked: u64 = question.messages.iter().map(|message| tokens(&message.content) + TOKENS_PER_MESSAGE).sum();
        let asked = asked + format.pointer("/json_schema/schema").map_or(0, |schema| tokens(&schema.to_string()));
        let (text, finish_reason) = cut(text, question.max_tokens);
        let answered = tokens(&text);
        HttpResponse::Ok().json(json!({
            "id": format!("chatcmpl-rehearsal-{}", self.answers.fetch_add(1, Ordering::Relaxed) + 1),
            "object": "chat.completion",
            // A script has no clock; the field is required by the format.
            "created": 0,
            "model": MODEL_NAME,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null}, "finish_reason": finish_reason}],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": answered,
                "total_tokens": asked + answered,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            "rehearsal": "model",
        }))
    }
}

fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

/// The text as far as it may go, and why it ends.
fn cut(mut text: String, max_tokens: Option<u64>) -> (String, &'static str) {
    let most = usize::try_from(max_tokens.unwrap_or(u64::MAX).saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    if text.len() <= most {
        return (text, "stop");
    }
    text.truncate(text.floor_char_boundary(most));
    (text, "length")
}

fn refusal(status: u16, why: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    HttpResponse::build(status)
        .json(json!({"rehearsal": "model", "error": {"message": why, "type": "invalid_request_error", "code": null}}))
}

#[expect(clippy::disallowed_methods, reason = "a look-alike of another service has routes of its own")]
pub(crate) fn routes(script: Arc<ScriptedModel>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::from(Arc::clone(&script)))
            .route("/", web::get().to(index))
            .route("/v1/models", web::get().to(models))
            .route("/v1/chat/completions", web::post().to(complete));
    }
}

async fn index(stage: web::Data<Stage>, request: HttpRequest) -> HttpResponse {
    let text = "It stands in for a model provider and understands nothing: its answers are written by a script that fits them to the \
                schema it is given.";
    stage.perform(&request, b"", || stage.page("Scripted model", text)).await
}

async fn models(stage: web::Data<Stage>, request: HttpRequest) -> HttpResponse {
    let work = || {
        if carries(&request, MODEL_KEY) {
            let model = json!({"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "rehearsal"});
            HttpResponse::Ok().json(json!({"object": "list", "data": [model], "rehearsal": "model"}))
        } else {
            refusal(401, "The rehearsal model wants its key as Authorization: Bearer.")
        }
    };
    stage.perform(&request, b"", work).await
}

async fn complete(stage: web::Data<Stage>, script: web::Data<ScriptedModel>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = || {
        if carries(&request, MODEL_KEY) {
            script.answer(&body)
        } else {
            refusal(401, "The rehearsal model wants its key as Authorization: Bearer.")
        }
    };
    stage.perform(&request, &body, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_the_tokens_do() {
        assert_eq!(cut("abcdefghi".into(), Some(2)), ("abcdefgh".into(), "length"));
        assert_eq!(cut("abcdefgh".into(), Some(2)), ("abcdefgh".into(), "stop"));
        assert_eq!(cut("äöüäöü".into(), Some(1)), ("äö".into(), "length"));
        assert_eq!(cut("x".into(), None), ("x".into(), "stop"));
    }
}
