//! What went wrong, as a page or, for htmx, as a part of one: the sentence, the code, the id of the request and what to do next.
//! Causes that nobody outside can mend go to the log under the same id.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};
use askama::Template;
use domain::Problem;

use crate::{
    access::Caller,
    format::{self, ShownId},
    page::{self, Link, Page},
    view::{self, HTML},
    visit::Visit,
};

/// What a browser is told to wait when the house is busy, in seconds.
const BUSY_SECONDS: u64 = 5;

/// A problem as it is shown.
struct Told {
    status: u16,
    title: &'static str,
    icon: &'static str,
    detail: String,
    code: &'static str,
    /// What is known to hold besides; may be empty.
    remark: &'static str,
    request: ShownId,
    next: Link,
}

/// Within the frame of a tenant.
#[derive(Template)]
#[template(path = "problems/page.html")]
struct Framed {
    page: Page,
    told: Told,
}

/// On a card of its own.
#[derive(Template)]
#[template(path = "problems/plain.html")]
struct Plain {
    page: Page,
    told: Told,
}

/// In the place of a part of a page.
#[derive(Template)]
#[template(path = "problems/_fragment.html")]
struct Fragment {
    page: Page,
    told: Told,
}

const fn title(status: u16) -> &'static str {
    match status {
        401 => "Sign in first",
        403 => "You may not do this",
        404 => "There is nothing here",
        405 => "This cannot be done here",
        408 => "That took too long",
        409 => "This is no longer possible",
        413 => "That is too large",
        415 => "That is no form",
        422 => "This cannot be accepted",
        429 => "That was too often",
        503 => "Not possible just now",
        _ => "Something went wrong here",
    }
}

const fn icon(status: u16) -> &'static str {
    match status {
        401 | 403 => "lock",
        404 | 405 => "search",
        408 | 409 | 429 => "clock",
        _ => "alert",
    }
}

fn told(visit: &Visit, problem: &Problem, denied: bool) -> Told {
    let next = if visit.is_safe() || problem.status == 404 {
        Link { href: "/".to_owned(), label: "Home".to_owned() }
    } else {
        visit.page_before().map_or_else(
            || Link { href: "/".to_owned(), label: "Home".to_owned() },
            |href| Link { href: href.to_owned(), label: "Back to the page".to_owned() },
        )
    };
    Told {
        status: problem.status,
        title: title(problem.status),
        icon: icon(problem.status),
        detail: problem.detail.clone(),
        code: problem.code,
        remark: if denied { "The denial is in the audit log." } else { "" },
        request: format::id(visit.facts().id),
        next,
    }
}

/// The answer that tells of an error.
pub(crate) async fn answer(caller: &Caller, error: &platform::Error) -> HttpResponse {
    let visit = &caller.visit;
    let problem = error.problem();
    let request = visit.facts().id;
    if error.is_internal() {
        tracing::error!(%request, code = problem.code, %error, "request {request} failed: {error}");
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let denied = matches!(error, platform::Error::Denied(domain::Denied::Forbidden { .. }));
    let told = told(visit, &problem, denied);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, HTML));
    if let Some(after) = problem.retry_after {
        response.insert_header((RETRY_AFTER, view::seconds(after)));
    } else if problem.status == 503 {
        response.insert_header((RETRY_AFTER, BUSY_SECONDS));
    }
    match render(caller, told).await {
        Ok(body) => response.body(body),
        Err(error) => {
            tracing::error!(%request, %error, "request {request}: the page of an error could not be made: {error}");
            response.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"));
            response.body(format!("{} ({}, {request})", problem.detail, problem.code))
        }
    }
}

async fn render(caller: &Caller, told: Told) -> Result<String, askama::Error> {
    let visit = &caller.visit;
    if visit.wants_fragment() {
        return Fragment { page: page::plain(visit), told }.render();
    }
    if let (Some(session), Some(actor)) = (caller.session(), caller.actor())
        && told.status < 500
        && let Ok(page) = page::of_member(visit, &session, &actor).await
    {
        return Framed { page, told }.render();
    }
    Plain { page: page::plain(visit), told }.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(status: u16) -> Told {
        Told {
            status,
            title: title(status),
            icon: icon(status),
            detail: "There is no such <run> here.".to_owned(),
            code: "not_found",
            remark: "The denial is in the audit log.",
            request: format::id("req_01k9c4v7ty0000000000000000"),
            next: Link { href: "/".to_owned(), label: "Home".to_owned() },
        }
    }

    #[test]
    fn every_form_of_a_problem_has_its_sentence_code_request_and_next_step() {
        let pages = [
            Framed { page: page::sample(), told: sample(403) }.render().unwrap(),
            Plain { page: page::sample(), told: sample(404) }.render().unwrap(),
            Fragment { page: page::sample(), told: sample(409) }.render().unwrap(),
        ];
        for page in pages {
            for part in ["There is no such &#60;run&#62; here.", "not_found", "req_01k9c4v7ty0000000000000000", "href=\"/\""] {
                assert!(page.contains(part), "{part} in {page}");
            }
        }
    }

    #[test]
    fn every_status_has_an_icon_of_the_sprite() {
        let sprite = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../static/icons.svg")).unwrap();
        for status in 400..600 {
            assert!(sprite.contains(&format!("symbol id=\"{}\"", icon(status))));
        }
    }
}
