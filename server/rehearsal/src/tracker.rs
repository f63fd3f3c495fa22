//! A tracker of changes: what was merged into a project, and the releases that were announced of it.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ledger::{Entered, Ledger},
    stage::{Stage, carries, idempotency_key},
};

/// The key that announcing a release wants as `Authorization: Bearer`.
pub const TRACKER_KEY: &str = "rehearsal-tracker-key";
/// The project into which nothing was merged.
pub const QUIET_PROJECT: &str = "nothing-merged";

/// What was merged into every other project.
const CHANGES: [(&str, &str, &str); 4] = [
    ("CH-31", "Search finds words with accents", "feature"),
    ("CH-34", "Exports no longer stop at 10,000 rows", "fix"),
    ("CH-35", "The list of customers loads in half the time", "improvement"),
    ("CH-38", "Signing in works again behind proxies", "fix"),
];

/// A release that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The project.
    pub project: String,
    /// Its notes.
    pub notes: String,
}

/// The releases that were announced, in order.
#[derive(Default)]
pub(crate) struct Tracker(Ledger<Release>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announcement {
    notes: String,
}

impl Tracker {
    pub(crate) fn released(&self) -> Vec<Release> {
        self.0.entries()
    }

    fn announce(&self, project: &str, key: Option<&str>, body: &[u8]) -> HttpResponse {
        let Announcement { notes } = match serde_json::from_slice(body) {
            Ok(announcement) => announcement,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("These are no release notes: {error}.")),
        };
        if notes.trim().is_empty() {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, "A release needs notes.");
        }
        let release = Release { project: project.to_owned(), notes };
        match self.0.enter(key, release.clone()) {
            Entered::New(number) => HttpResponse::Created().json(receipt(number, &release)),
            Entered::Again(number) => HttpResponse::Ok().insert_header(("Idempotent-Replay", "true")).json(receipt(number, &release)),
            Entered::KeyTaken => refusal(StatusCode::CONFLICT, "This Idempotency-Key was used for another release."),
        }
    }
}

fn changes(project: &str) -> Value {
    let merged: &[_] = if project == QUIET_PROJECT { &[] } else { &CHANGES };
    let items: Vec<Value> = merged.iter().map(|(id, title, kind)| json!({"id": id, "title": title, "kind": kind})).collect();
    json!({"project": project, "items": items, "rehearsal": "tracker"})
}

fn receipt(number: usize, release: &Release) -> Value {
    json!({
        "id": format!("REL-{number:04}"),
        "project": release.project,
        "notes": release.notes,
        // A look-alike has no clock: it says so many seconds past a morning of its own.
        "published_at": format!("2026-01-31T09:{:02}:{:02}Z", number / 60 % 60, number % 60),
        "rehearsal": "tracker",
    })
}

fn refusal(status: StatusCode, why: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"rehearsal": "tracker", "error": why}))
}

#[expect(clippy::disallowed_methods, reason = "a look-alike of another service has routes of its own")]
pub(crate) fn routes(tracker: Arc<Tracker>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::from(Arc::clone(&tracker)))
            .route("/", web::get().to(index))
            .route("/projects/{project}/changes", web::get().to(list))
            .route("/projects/{project}/releases", web::post().to(announce));
    }
}

async fn index(stage: web::Data<Stage>, request: HttpRequest) -> HttpResponse {
    let text = format!(
        "It stands in for the place where changes are tracked. Ask for <code>/projects/engine/changes</code>, or for any other project; \
         into <code>{QUIET_PROJECT}</code> nothing was merged."
    );
    stage.perform(&request, b"", || stage.page("Tracker", &text)).await
}

async fn list(stage: web::Data<Stage>, request: HttpRequest, project: web::Path<String>) -> HttpResponse {
    stage.perform(&request, b"", || HttpResponse::Ok().json(changes(&project))).await
}

async fn announce(
    stage: web::Data<Stage>,
    tracker: web::Data<Tracker>,
    request: HttpRequest,
    project: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let work = || {
        if carries(&request, TRACKER_KEY) {
            tracker.announce(&project, idempotency_key(&request), &body)
        } else {
            refusal(StatusCode::UNAUTHORIZED, "Announcing a release wants its key as Authorization: Bearer.")
        }
    };
    stage.perform(&request, &body, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_announced_once_for_each_key() {
        let tracker = Tracker::default();
        assert_eq!(tracker.announce("engine", Some("k"), br#"{"notes":"Faster."}"#).status(), 201);
        assert_eq!(tracker.announce("engine", Some("k"), br#"{"notes":"Faster."}"#).status(), 200);
        assert_eq!(tracker.announce("wheels", Some("k"), br#"{"notes":"Faster."}"#).status(), 409);
        assert_eq!(tracker.announce("engine", None, br#"{"notes":" "}"#).status(), 422);
        assert_eq!(tracker.announce("engine", None, br#"{"note":"x"}"#).status(), 400);
        assert_eq!(tracker.released(), [Release { project: "engine".to_owned(), notes: "Faster.".to_owned() }]);
    }

    #[test]
    fn every_project_but_the_quiet_one_has_changes() {
        assert_eq!(changes("engine")["items"].as_array().unwrap().len(), CHANGES.len());
        assert_eq!(changes(QUIET_PROJECT)["items"], json!([]));
    }
}
