//! Whether the process lives and whether it can work: for load balancers and supervisors.

use actix_web::{HttpResponse, http::header::CONTENT_TYPE};

use crate::route::{Answer, Visitor};

/// `GET /healthz`: the process answers.
pub(crate) async fn live(_visitor: Visitor) -> Answer {
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body("ok\n"))
}

/// `GET /readyz`: the database takes writes and agrees about the time. 503 while it does not.
pub(crate) async fn ready(visitor: Visitor) -> Answer {
    let (mut response, text) = if visitor.visit().site().is_ready().await {
        (HttpResponse::Ok(), "ready\n")
    } else {
        (HttpResponse::ServiceUnavailable(), "not ready\n")
    };
    Ok(response.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(text))
}
