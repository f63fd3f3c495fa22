//! What a service was asked and how it behaves: every request passes here before it is answered.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header::HeaderName, http::header::HeaderValue, web};
use serde_json::json;
use tokio::sync::watch;

use crate::LABEL;

/// Requests kept for those who ask; older ones are forgotten.
const REMEMBERED: usize = 10_000;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// Names in lower case with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The first value of a header field; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

/// When a request that hangs does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anything was done: the payment was not made.
    BeforeWork,
    /// After it was done and before the answer: the payment was made and nobody was told.
    AfterWork,
}

#[derive(Default)]
struct State {
    latency: Duration,
    failures: VecDeque<(u16, Option<u64>)>,
    hangs: VecDeque<When>,
    requests: VecDeque<Recorded>,
}

/// One service's record and its behaviour.
pub struct Stage {
    name: &'static str,
    state: Mutex<State>,
    /// Counts the releases; a request that hangs waits for the next.
    released: watch::Sender<u64>,
    /// Counts the requests, for those who wait for one.
    arrived: watch::Sender<usize>,
}

impl Stage {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, state: Mutex::default(), released: watch::Sender::default(), arrived: watch::Sender::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers every request this much later from now on.
    pub fn latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Answers the next `count` requests with this status, and does nothing else.
    pub fn fail_next(&self, count: usize, status: u16) {
        self.state().failures.extend(std::iter::repeat_n((status, None), count));
    }

    /// Answers the next request with this status and `Retry-After`, in seconds.
    pub fn fail_next_with_retry_after(&self, status: u16, seconds: u64) {
        self.state().failures.push_back((status, Some(seconds)));
    }

    /// Lets the next request wait, before or after its work, until [`Stage::release`].
    pub fn hang_next(&self, when: When) {
        self.state().hangs.push_back(when);
    }

    /// Lets every request that hangs go on.
    pub fn release(&self) {
        self.released.send_modify(|releases| *releases += 1);
    }

    /// What was asked so far, in order: at most the last 10,000 requests.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state().requests.iter().cloned().collect()
    }

    /// Waits until `count` requests have come since the start.
    pub async fn arrived(&self, count: usize) {
        // The sender lives in `self`, so that the channel cannot close meanwhile.
        drop(self.arrived.subscribe().wait_for(|&arrived| arrived >= count).await);
    }

    /// Records a request, does what was set for it, and answers with what `work` gives.
    pub(crate) async fn perform(&self, request: &HttpRequest, body: &[u8], work: impl FnOnce() -> HttpResponse) -> HttpResponse {
        let mut released = self.released.subscribe();
        let (latency, hang, failure) = {
            let mut state = self.state();
            state.requests.push_back(recorded(request, body));
            if state.requests.len() > REMEMBERED {
                state.requests.pop_front();
            }
            (state.latency, state.hangs.pop_front(), state.failures.pop_front())
        };
        self.arrived.send_modify(|arrived| *arrived += 1);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if hang == Some(When::BeforeWork) {
            drop(released.changed().await);
        }
        let mut response = match failure {
            Some((status, retry_after)) => failed(self.name, status, retry_after),
            None => work(),
        };
        if hang == Some(When::AfterWork) {
            drop(released.changed().await);
        }
        response.headers_mut().insert(HeaderName::from_static("x-mandate-rehearsal"), HeaderValue::from_static(self.name));
        response
    }

    /// A small page that says what this is.
    pub(crate) fn page(&self, title: &str, text: &str) -> HttpResponse {
        let name = self.name;
        HttpResponse::Ok().content_type("text/html; charset=utf-8").body(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} (rehearsal)</title>\
             <body><h1>{title}</h1><p><strong>This is a rehearsal.</strong> {text}</p><p><small>{LABEL}: {name}</small></p></body></html>"
        ))
    }
}

fn recorded(request: &HttpRequest, body: &[u8]) -> Recorded {
    let header =
        |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    Recorded {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request.headers().iter().map(header).collect(),
        body: body.to_vec(),
    }
}

fn failed(name: &str, status: u16, retry_after: Option<u64>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = retry_after {
        response.insert_header(("Retry-After", seconds.to_string()));
    }
    response.json(json!({"rehearsal": name, "error": {"message": "This failure was asked for."}}))
}

/// The answer to everything that has no route.
pub(crate) async fn nothing_here(stage: web::Data<Stage>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    stage
        .perform(&request, &body, || HttpResponse::NotFound().json(json!({"rehearsal": stage.name, "error": "There is nothing here."})))
        .await
}

/// The key under which the same request counts once.
pub(crate) fn idempotency_key(request: &HttpRequest) -> Option<&str> {
    request.headers().get("idempotency-key").and_then(|key| key.to_str().ok())
}

/// Whether the request carries this key as `Authorization: Bearer`.
pub(crate) fn carries(request: &HttpRequest, key: &str) -> bool {
    request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, given)| scheme.eq_ignore_ascii_case("bearer") && given.trim() == key)
}
