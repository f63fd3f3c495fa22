//! What went wrong, as programs read it (RFC 9457): a stable code, a sentence, the fields at fault, the id of the request.

use std::borrow::Cow;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use domain::id::kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::IdText;
use crate::{view, visit::Visit};

/// What a program is told to wait when the house is busy, in seconds.
const BUSY_SECONDS: u64 = 5;

/// Why something was not done.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemJson {
    /// A name for the kind of problem, made of the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The meaning of the status in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// A stable word for the kind of problem; programs decide by it.
    pub code: Cow<'static, str>,
    /// What happened and what to do, for people.
    pub detail: String,
    /// The id of the request; the log and the audit log have it too.
    pub request: IdText<kind::Request>,
    /// The fields at fault, if any.
    pub errors: Vec<FieldJson>,
}

/// One field at fault.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FieldProblem")]
pub struct FieldJson {
    /// The name of the field.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// The answer that tells of an error.
pub(crate) fn refuse(visit: &Visit, error: &platform::Error) -> HttpResponse {
    let problem = error.problem();
    let request = visit.facts().id;
    if error.is_internal() {
        tracing::error!(%request, code = problem.code, %error, "request {request} failed: {error}");
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, "application/problem+json"));
    if let Some(after) = problem.retry_after {
        response.insert_header((RETRY_AFTER, view::seconds(after)));
    }
    match problem.status {
        503 => {
            response.insert_header((RETRY_AFTER, BUSY_SECONDS));
        }
        401 => {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"mandate\""));
        }
        _ => {}
    }
    let told = ProblemJson {
        kind: format!("urn:mandate:problem:{}", problem.code),
        title: status.canonical_reason().unwrap_or("Problem").to_owned(),
        status: problem.status,
        code: problem.code.into(),
        detail: problem.detail,
        request: IdText(request),
        errors: problem.fields.into_iter().map(|field| FieldJson { field: field.field, message: field.message }).collect(),
    };
    match serde_json::to_string(&told) {
        Ok(body) => response.body(body),
        Err(_) => response.finish(),
    }
}
