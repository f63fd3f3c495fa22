//! Workflows, runs and approvals as a browser meets them.

use super::*;

const GREETING: &str = "---\nworkflow:\n  id: greeting\n  name: Greeting\n\ninputs:\n  name:\n    type: string\n    required: true\n    max: 20\n\noutputs:\n  words: {type: string}\n---\n\n## Step 1: Say it\n\n```yaml\naction: workflow.set_outputs\ninputs:\n  words: \"Hello {{ inputs.name }}\"\n```\n";

async fn saved(admin: &Browser) {
    let saved = admin.submit("/t/acme/workflows/new", "/t/acme/workflows", &[("source", GREETING), ("act", "publish")]).await;
    assert_eq!((saved.status, saved.location()), (StatusCode::SEE_OTHER, "/t/acme/workflows/greeting"), "{}", saved.text());
}

/// The value of the first field of that name on a page.
fn field(page: &str, name: &str) -> String {
    page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

const START: &str = "/t/acme/workflows/greeting/runs";

async fn started(admin: &Browser) -> String {
    let key = field(&admin.get("/t/acme/workflows/greeting/runs/new").await.text(), "start_key");
    let form = [("start_key", key.as_str()), ("input.name", "Ada")];
    let first = admin.submit("/t/acme/workflows/greeting/runs/new", START, &form).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text());
    first.location().to_owned()
}

#[tokio::test]
async fn a_file_is_shown_before_it_is_saved_and_saved_with_the_lines_it_was_written_with() {
    let house = house().await;
    let admin = house.admin().await;
    // A browser ends the lines of a field with CRLF.
    let typed = GREETING.replace('\n', "\r\n");
    let shown = admin.submit("/t/acme/workflows/new", "/t/acme/workflows/checks", &[("source", &typed)]).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text().contains("Nothing is saved yet. Saving makes a new workflow, greeting."), "{}", shown.text());
    assert_eq!(admin.get("/t/acme/workflows/greeting").await.status, StatusCode::NOT_FOUND);
    let saved = admin.submit("/t/acme/workflows/new", "/t/acme/workflows", &[("source", &typed), ("act", "publish")]).await;
    assert_eq!(saved.location(), "/t/acme/workflows/greeting");
    let again = admin.submit("/t/acme/workflows/new", "/t/acme/workflows", &[("source", GREETING), ("act", "publish")]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert!(admin.get("/t/acme/workflows/greeting").await.text().contains("nothing was added"), "the same text is the same version");
    assert!(admin.get("/t/acme/workflows/greeting/versions/1").await.text().contains("id: greeting"));
    assert_eq!(admin.get("/t/acme/workflows/greeting/versions/2").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_with_errors_is_refused_with_all_of_them_and_kept_in_the_form() {
    let house = house().await;
    let admin = house.admin().await;
    let wrong = GREETING.replace("inputs.name", "inputs.nmae").replace("max: 20", "maxx: 20");
    for path in ["/t/acme/workflows/checks", "/t/acme/workflows"] {
        let refused = admin.submit("/t/acme/workflows/new", path, &[("source", &wrong), ("act", "publish")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let text = refused.text();
        assert!(text.contains("The file has 2 errors.") && text.contains("maxx: 20") && text.contains("line 10, column 5"), "{text}");
    }
    let nothing = admin.submit("/t/acme/workflows/new", "/t/acme/workflows/checks", &[("source", " ")]).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(admin.get("/t/acme/workflows").await.text().contains("No workflows yet"));
}

#[tokio::test]
async fn a_run_is_started_once_however_often_its_form_is_sent() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    let page = admin.get("/t/acme/workflows/greeting/runs/new").await.text();
    let key = field(&page, "start_key");
    let too_long = "x".repeat(21);
    let refused = admin.submit("/t/acme/workflows/greeting/runs/new", START, &[("start_key", &key), ("input.name", &too_long)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains(&too_long) && field(&refused.text(), "start_key") == key, "what was typed and the key are kept");
    let form = [("start_key", key.as_str()), ("input.name", "Ada")];
    let first = admin.submit("/t/acme/workflows/greeting/runs/new", START, &form).await;
    let second = admin.submit("/t/acme/workflows/greeting/runs/new", START, &form).await;
    assert_eq!((first.status, second.status), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
    assert_eq!(first.location(), second.location());
    let run = admin.get(first.location()).await.text();
    assert!(run.contains("Greeting <span class=\"number\">#1</span>") && run.contains("Queued") && run.contains("Ada"), "{run}");
    let unknown = admin.submit("/t/acme/workflows/greeting/runs/new", START, &[("start_key", "k"), ("name", "Ada")]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let again =
        admin.get(&format!("/t/acme/workflows/greeting/runs/new?from={}", first.location().rsplit('/').next().unwrap())).await.text();
    assert_eq!(field(&again, "input.name"), "Ada");
}

#[tokio::test]
async fn a_run_is_cancelled_after_its_page_said_what_follows() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    let run = started(&admin).await;
    let form = format!("{run}/cancellation/new");
    assert!(admin.get(&form).await.text().contains("Not begun any more: Say it."));
    let long = "x".repeat(501);
    let refused = admin.submit(&form, &format!("{run}/cancellation"), &[("reason", &long)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = admin.submit(&form, &format!("{run}/cancellation"), &[("reason", "A test")]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, run.as_str()));
    assert!(admin.get(&run).await.text().contains("asked to stop"));
}

#[tokio::test]
async fn a_run_is_started_once_more_with_the_same_inputs_unless_they_may_mean_something_else() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    let first = started(&admin).await;
    let again = format!("{first}/repetition");
    let key = field(&admin.get(&first).await.text(), "start_key");
    let second = admin.submit(&first, &again, &[("start_key", &key)]).await;
    assert_eq!(second.status, StatusCode::SEE_OTHER, "{}", second.text());
    assert_ne!(second.location(), first);
    let run = admin.get(second.location()).await.text();
    assert!(run.contains("#2</span>") && run.contains("Ada") && run.contains("Started with the same inputs."), "{run}");
    let twice = admin.submit(&first, &again, &[("start_key", &key)]).await;
    assert_eq!(twice.location(), second.location(), "one form starts one run");

    let changed = GREETING.replace("Hello", "Good morning");
    admin.submit("/t/acme/workflows/new", "/t/acme/workflows", &[("source", &changed), ("act", "publish"), ("base", "1")]).await;
    let page = admin.get(&first).await.text();
    assert!(page.contains("Run again under version 2") && page.contains("Run again under version 1"), "{page}");
    let refused = admin.submit("/account", &again, &[("start_key", "another")]).await;
    assert!(refused.location().starts_with("/t/acme/workflows/greeting/runs/new?from=run_"), "{}", refused.location());
    let form = admin.get(refused.location()).await.text();
    assert!(form.contains("Not started.") && form.contains("which ran version 1. This starts version 2"), "{form}");
    assert_eq!(field(&form, "input.name"), "Ada");
    assert!(!admin.get("/t/acme/runs").await.text().contains("#3</a>"));
    let third = admin.submit("/account", &again, &[("start_key", "a third"), ("version", "1")]).await;
    let run = admin.get(third.location()).await.text();
    assert!(run.contains("#3</span>") && run.contains("versions/1"), "the version it ran, when that is what is meant: {run}");
}

#[tokio::test]
async fn the_version_of_a_run_is_kept_when_its_workflow_is_gone() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    let run = started(&admin).await;
    assert!(admin.get(&run).await.text().contains("href=\"/t/acme/workflows/greeting/versions/1\""));
    admin.submit("/t/acme/workflows/greeting", "/t/acme/workflows/greeting/removal", &[("confirm", "greeting")]).await;
    let page = admin.get(&run).await.text();
    assert!(page.contains(&format!("href=\"{run}/version\"")) && !page.contains("Run again"), "{page}");
    assert!(admin.get(&format!("{run}/version")).await.text().contains("id: greeting"));
    let refused = admin.submit("/account", &format!("{run}/repetition"), &[("start_key", "k")]).await;
    assert_eq!(refused.location(), run);
    assert!(admin.get(&run).await.text().contains("The workflow was removed"));
    // Another one of that name is another one.
    saved(&admin).await;
    assert!(admin.get(&run).await.text().contains(&format!("href=\"{run}/version\"")));
    assert!(admin.get("/t/acme/runs").await.text().contains("Greeting (removed)"));
    assert!(admin.get("/t/acme/runs?workflow=greeting").await.text().contains("No runs fit"));
}

#[tokio::test]
async fn a_workflow_is_removed_only_by_its_name() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    let run = started(&admin).await;
    let (page, path) = ("/t/acme/workflows/greeting", "/t/acme/workflows/greeting/removal");
    let refused = admin.submit(page, path, &[("confirm", "greetings")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(admin.submit(page, path, &[("confirm", "greeting")]).await.location(), "/t/acme/workflows");
    assert_eq!(admin.get(page).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.get(&run).await.status, StatusCode::OK, "its runs stay");
}

#[tokio::test]
async fn what_a_viewer_may_not_do_is_locked_on_the_page_and_refused_behind_it() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    let run = started(&admin).await;
    let viewer = house.invited(&admin, "vera@acme.example", "viewer").await;
    for page in ["/t/acme", "/t/acme/workflows", "/t/acme/workflows/greeting", "/t/acme/runs", run.as_str(), "/t/acme/approvals"] {
        let read = viewer.get(page).await;
        assert_eq!(read.status, StatusCode::OK, "{page}");
        let text = read.text();
        for act in ["/runs/new", "/cancellation", "/workflows/new", "/removal", "/decision"] {
            assert!(!text.contains(act), "{act} on {page}");
        }
    }
    assert!(viewer.get("/t/acme/workflows/greeting").await.text().contains("needs <code>workflow:execute</code>"));
    for (page, path) in [("/account", START), ("/account", &format!("{run}/cancellation")), ("/account", "/t/acme/workflows")] {
        assert_eq!(viewer.submit(page, path, &[("start_key", "k")]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn lists_are_narrowed_and_links_that_lead_nowhere_say_so() {
    let house = house().await;
    let admin = house.admin().await;
    saved(&admin).await;
    started(&admin).await;
    assert!(admin.get("/t/acme/runs?state=queued").await.text().contains("Greeting #1"));
    assert!(admin.get("/t/acme/runs?state=failed").await.text().contains("No runs fit"));
    assert_eq!(admin.get("/t/acme/runs?state=odd").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let is_there = async |query: &str| {
        let page = admin.get(&format!("/t/acme/runs?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        page.text().contains("Greeting #1</a>")
    };
    for found in [
        "state=&workflow=&starter=&since=&until=&text=",
        "text=aDa",
        "text=%231",
        "workflow=greeting&state=queued",
        "starter=admin@acme.example&since=2026-11-21&until=2026-11-21",
    ] {
        assert!(is_there(found).await, "{found}");
    }
    for missed in ["text=Bob", "text=%232", "text=%231&state=failed", "starter=bob@acme.example", "since=2026-11-22", "until=2026-11-20"] {
        assert!(!is_there(missed).await, "{missed}");
    }
    let refused = admin.get("/t/acme/runs?workflow=other&since=tomorrow").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("There is no such workflow here.") && refused.text().contains("Enter a day such as"));
    assert_eq!(admin.get(&format!("/t/acme/runs?text={}", "x".repeat(201))).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for nothing in [
        "/a/nonsense",
        "/t/acme/runs/run_1",
        "/t/acme/runs/run_00000000000000000000000001",
        "/t/acme/approvals/apr_00000000000000000000000001",
    ] {
        assert_eq!(admin.get(nothing).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    assert_eq!(house.browser().get("/a/nonsense").await.location(), "/sign-in?next=/a/nonsense");
}
