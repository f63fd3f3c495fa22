//! What browsers send that they should not, what every answer carries, and the links that work once.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{
    Method,
    header::{CONTENT_TYPE, COOKIE},
};
use serde_json::json;

use crate::harness::{Answer, Choices, Client, Engine, House, PASSWORD, in_both_houses, page, person, things::approval_of, unknown_token};

const FORM: &str = "application/x-www-form-urlencoded";

async fn house() -> House {
    House::with(Engine::Sqlite, Choices::default()).await
}

async fn raw(client: &Client, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    Answer::of(client.request(Method::POST, path).header(CONTENT_TYPE, kind).body(body.into())).await
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_form_is_refused() {
    let house = house().await;
    let admin = &house.acme.admin;
    let token = admin.csrf().await;
    let large = format!("csrf={token}&source={}", "x".repeat(1024 * 1024));
    raw(admin, "/t/acme/workflows", FORM, large).await.expect(413).says(&["larger than 1 MiB"]);
    let fits = format!("csrf={token}&source={}", "x".repeat(1024 * 1024 - 100));
    raw(admin, "/t/acme/workflows", FORM, fits).await.expect(422);
    raw(&house.nobody, "/sign-in", FORM, vec![b'a'; 3 * 1024 * 1024]).await.expect(413);
    for kind in ["application/json", "text/plain", "application/xml", "multipart/form-data"] {
        raw(admin, "/t/acme/variables", kind, format!("csrf={token}&name=a&kind=text&value=b")).await.expect(415);
    }
    raw(admin, "/t/acme/variables", FORM, b"name=%ff&kind=text&value=b".to_vec()).await.expect(422);
    let variables = house.platform.variables(&house.actor(admin).await).await.unwrap();
    assert_eq!(variables.len(), 0, "nothing half done");
    house.end().await;
}

#[tokio::test]
async fn only_a_page_of_this_session_can_change_something() {
    let house = house().await;
    let admin = &house.acme.admin;
    let token = admin.csrf().await.to_owned();
    let other = house.acme.developer.csrf().await.to_owned();
    let variable = |token: &str| format!("csrf={token}&name=a&kind=text&value=b");
    let path = "/t/acme/variables";
    raw(admin, path, FORM, "name=a&kind=text&value=b").await.expect(403);
    for wrong in ["", "x", other.as_str(), &unknown_token(), &format!("{token}&csrf={other}")] {
        raw(admin, path, FORM, variable(wrong)).await.expect(403);
    }
    // The right token, from a page of somebody else.
    let cookie = format!("sid={}", admin.who().cookie);
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example"), ("origin", "null")]
    {
        let request = admin.bare(Method::POST, path).header(COOKIE, &cookie).header(name, value);
        Answer::of(request.header(CONTENT_TYPE, FORM).body(variable(&token))).await.expect(403);
    }
    let says_nothing = admin.bare(Method::POST, path).header(COOKIE, &cookie).header(CONTENT_TYPE, FORM).body(variable(&token));
    Answer::of(says_nothing).await.expect(403);
    let signs_in = house.nobody.bare(Method::POST, "/sign-in").header("sec-fetch-site", "cross-site").header(CONTENT_TYPE, FORM);
    Answer::of(signs_in.body(format!("email=viewer@acme.example&password={}", PASSWORD.replace(' ', "+")))).await.expect(403);
    assert_eq!(house.platform.variables(&house.actor(admin).await).await.unwrap().len(), 0);
    raw(admin, path, FORM, variable(&token)).await.expect(303);
    house.end().await;
}

#[tokio::test]
async fn a_method_a_field_or_a_page_that_does_not_exist_is_told_so() {
    let house = house().await;
    let admin = &house.acme.admin;
    for (path, allowed) in [("/sign-in", "GET, POST"), ("/t/acme/budgets", "GET, POST"), ("/healthz", "GET"), ("/sign-out", "POST")] {
        let answer = Answer::of(admin.request(Method::DELETE, path)).await.expect(405);
        assert_eq!(answer.header("allow"), allowed);
    }
    admin.get("/sign-out").await.expect(405);
    for path in ["/t/acme/nothing", "/nothing", "/t/acme/runs/run_x", "/t/acme/runs/1", "/t/acme/approvals/%00", "/t//budgets", "/api/v1"] {
        admin.get(path).await.expect(404);
    }
    let fields = [("name", "a"), ("kind", "text"), ("value", "b"), ("is_admin", "true")];
    admin.post("/t/acme/variables", &fields).await.expect(422).says(&["is_admin"]);
    admin.post("/t/acme/variables", &[("name", "a"), ("name", "b"), ("kind", "text"), ("value", "b")]).await.expect(422);
    admin.post("/t/acme/variables", &[("name", "a"), ("kind", "text")]).await.expect(422).says(&["value"]);
    admin.post("/t/acme/members/per_x/disabling", &[]).await.expect(404);
    let head = Answer::of(admin.request(Method::HEAD, "/t/acme/budgets")).await.expect(200);
    assert!(head.text.is_empty());
    house.end().await;
}

#[tokio::test]
async fn every_answer_carries_what_keeps_browsers_from_harm() {
    let house = House::lived_in(Engine::Sqlite).await;
    let mut nonces = BTreeSet::new();
    let things = house.things.clone().unwrap().0;
    let pages = ["/", "/account", "/t/acme", "/t/acme/runs", "/t/acme/nothing", "/sign-in", "/healthz"].map(str::to_owned);
    let pages =
        pages.into_iter().chain([format!("/t/acme/approvals/{}", things.approval), format!("/invitations/{}", things.invitation_token)]);
    for path in pages {
        let answer = house.acme.admin.get(&path).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'nonce-",
            "'strict-dynamic'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe-"), "{path}: {policy}");
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(answer.text.matches("<script").count() == answer.text.matches(&format!("<script nonce=\"{nonce}\"")).count(), "{path}");
        assert!(!answer.text.contains(" onclick=") && !answer.text.contains("javascript:") && !answer.text.contains(" style=\""), "{path}");
        assert!(nonces.insert(nonce), "{path}: a nonce was used twice");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(answer.header("x-request-id").starts_with("req_"), "{path}");
        let referrer = if path.starts_with("/invitations/") { "no-referrer" } else { "same-origin" };
        assert_eq!(answer.header("referrer-policy"), referrer, "{path}");
        assert!(answer.header("strict-transport-security").is_empty(), "plain http promises nothing");
        assert!(answer.header("server").is_empty() && answer.header("x-powered-by").is_empty());
    }
    house.end().await;
}

#[tokio::test]
async fn a_session_is_a_cookie_that_scripts_and_other_sites_cannot_use() {
    let house = house().await;
    let signing_in = [("email", "viewer@acme.example"), ("password", PASSWORD)];
    let answer = house.nobody.post("/sign-in", &signing_in).await.expect(303);
    let cookie = answer.set_cookie("sid").unwrap();
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let again = house.nobody.post("/sign-in", &signing_in).await.expect(303);
    assert_ne!(answer.cookie("sid"), again.cookie("sid"), "each sign-in is a session of its own");

    let house =
        House::open(house.fall().await, Choices { public_url: Some("https://mandate.example".to_owned()), ..Choices::default() }).await;
    let request = house.nobody.bare(Method::POST, "/sign-in").header("sec-fetch-site", "same-origin").header(CONTENT_TYPE, FORM);
    let answer = Answer::of(request.body(crate::harness::client::urlencoded(&signing_in))).await.expect(303);
    let cookie = answer.set_cookie("__Host-sid").unwrap();
    assert!(cookie.contains("Secure") && cookie.contains("HttpOnly") && !cookie.contains("Domain"), "{cookie}");
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
    assert_eq!(house.acme.viewer.get("/account").await.class(), "sign-in", "the plain cookie is not enough by https");
    house.end().await;
}

#[tokio::test]
async fn signing_in_leads_to_pages_of_ours_alone() {
    let house = house().await;
    for (wished, led) in [
        ("/t/acme/runs?state=failed", "/t/acme/runs?state=failed"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ] {
        let answer = house.nobody.post("/sign-in", &[("email", "viewer@acme.example"), ("password", PASSWORD), ("next", wished)]).await;
        assert_eq!(answer.expect(303).location(), led);
    }
    house.end().await;
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_for_the_account_and_says_nothing() {
    let house = house().await;
    let try_once = async |email: &str, password: &str| house.nobody.post("/sign-in", &[("email", email), ("password", password)]).await;
    let wrong = try_once("viewer@acme.example", "wrong").await.expect(401);
    let unknown = try_once("nobody@acme.example", "wrong").await.expect(401);
    let cut = |answer: &Answer| answer.words().replace("viewer@", "nobody@");
    assert_eq!(cut(&wrong), cut(&unknown), "an unknown address reads as a wrong password");
    for _ in 0..9 {
        try_once("viewer@acme.example", "wrong").await.expect(401);
    }
    let throttled = try_once("viewer@acme.example", PASSWORD).await.expect(429);
    assert!(throttled.words().contains("Try again in") && throttled.cookie("sid").is_none());
    assert!((1..=30).contains(&throttled.header("retry-after").parse::<u32>().unwrap()), "the header says it too");
    try_once("developer@acme.example", PASSWORD).await.expect(303);
    try_once("outsider@nowhere.example", PASSWORD).await.expect(403).says(&["member of no tenant"]);
    house.clock.advance(Duration::from_secs(31));
    try_once("viewer@acme.example", PASSWORD).await.expect(303);
    house.end().await;
}

#[tokio::test]
async fn sessions_end_by_themselves_by_signing_out_and_with_the_password() {
    let house = house().await;
    let viewer = &house.acme.viewer;
    let (second, third) = (house.another_session_of(viewer).await, house.another_session_of(viewer).await);
    second.post("/sign-out", &[]).await.expect(303);
    assert_eq!(second.get("/account").await.class(), "sign-in");
    viewer.get("/account").await.expect(200);
    let change = [("current", PASSWORD), ("new", "quiet lantern orchard 4")];
    viewer.post("/account/password", &[("current", "wrong"), ("new", "quiet lantern orchard 4")]).await.expect(422);
    viewer.post("/account/password", &[("current", PASSWORD), ("new", "short")]).await.expect(422);
    viewer.post("/account/password", &change).await.expect(303);
    assert_eq!(third.get("/account").await.class(), "sign-in", "the other browsers are signed out");
    viewer.get("/account").await.expect(200);
    house.nobody.post("/sign-in", &[("email", viewer.email()), ("password", PASSWORD)]).await.expect(401);
    house.clock.advance(crate::harness::furniture::SESSION);
    assert_eq!(viewer.get("/account").await.class(), "sign-in");
    house.end().await;
}

in_both_houses! {
    House::new =>

    async fn a_link_that_makes_a_tenant_works_once_and_not_for_ever(house) {
        let link = house.platform.tenant_invite();
        let path = link.strip_prefix(&house.origin).unwrap();
        let fields = [("tenant_name", "Initech"), ("slug", "initech"), ("name", "Ida"), ("email", "ida@initech.example"), ("password", PASSWORD)];
        for _ in 0..3 {
            house.nobody.get(path).await.expect(200);
        }
        house.nobody.post(path, &[("tenant_name", ""), ("slug", "acme"), ("name", ""), ("email", "x"), ("password", "x")]).await.expect(422);
        house.nobody.post(path, &fields.map(|(name, value)| (name, if name == "slug" { "acme" } else { value }))).await.expect(422);
        house.nobody.post(path, &fields).await.expect(303);
        house.nobody.get(path).await.expect(409);
        house.nobody.post(path, &fields.map(|(name, value)| (name, if name == "slug" { "other" } else { value }))).await.expect(409);
        house.nobody.get(&format!("/setup/{}", unknown_token())).await.expect(404);
        house.nobody.get(&path.replace("/setup/", "/setup/x")).await.expect(404);
        let late = house.platform.tenant_invite();
        house.clock.advance(Duration::from_hours(24 * 8));
        house.nobody.get(late.strip_prefix(&house.origin).unwrap()).await.expect(404).says(&["expired"]);
        assert!(house.platform.setup_link().await.unwrap().is_none(), "there is a tenant: the link of a first start is no more");
    }

    async fn an_invitation_works_once_for_the_one_it_was_sent_to(house) {
        let admin = &house.acme.admin;
        let invite = async |email: &str| {
            admin.post("/t/acme/invitations", &[("email", email), ("name", "Ina"), ("role", "viewer")]).await.expect(303);
            let link = house.mailed_link(email, "/invitations/").await;
            link.strip_prefix(&house.origin).unwrap().to_owned()
        };
        let joining = [("name", "Ina"), ("password", PASSWORD)];
        let first = invite("ina@acme.example").await;
        let page = house.nobody.get(&first).await.expect(200).says(&["Join Acme"]);
        assert!(page.text.contains("ina@acme.example"));
        house.acme.viewer.post(&first, &[]).await.expect(403);
        house.nobody.post(&first, &[("name", "Ina"), ("password", "password")]).await.expect(422);
        house.nobody.post(&first, &joining).await.expect(303);
        house.nobody.get(&first).await.expect(409);
        house.nobody.post(&first, &joining).await.expect(409);

        let second = invite("late@acme.example").await;
        let newer = invite("late@acme.example").await;
        house.nobody.get(&second).await.expect(404);
        let actor = house.actor(admin).await;
        let open = house.platform.invitations(&actor).await.unwrap();
        admin.post(&format!("/t/acme/invitations/{}/withdrawal", open[0].id), &[]).await.expect(303);
        house.nobody.get(&newer).await.expect(404).says(&["withdrawn"]);
        let third = invite("later@acme.example").await;
        house.clock.advance(Duration::from_hours(24 * 8));
        house.nobody.get(&third).await.expect(404).says(&["expired"]);
        house.nobody.post(&third, &joining).await.expect(404);
        house.nobody.get(&format!("/invitations/{}", unknown_token())).await.expect(404);
        house.acme.approver.get(&format!("/a/{}", unknown_token())).await.expect(404);
    }

    async fn the_last_admin_stays(house) {
        let at = format!("/t/acme/members/{}", person(&house.acme.admin));
        house.acme.admin.post(&format!("{at}/disabling"), &[]).await.expect(409);
        house.acme.admin.post(&format!("{at}/roles/admin/withdrawal"), &[]).await.expect(409);
        house.acme.admin.get("/t/acme/members").await.expect(200);
    }
}

#[tokio::test]
async fn every_link_of_every_page_leads_somewhere() {
    let house = House::lived_in(Engine::Sqlite).await;
    for (name, client) in crate::harness::furniture::roles(&house.acme) {
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut open = vec!["/".to_owned(), "/account".to_owned()];
        while let Some(path) = open.pop() {
            if !known.insert(path.clone()) || known.len() > 150 {
                continue;
            }
            let answer = client.get(&path).await;
            assert!([200, 303].contains(&answer.status), "{name} is led to {path}, which answers {}", answer.status);
            let next = page::links(&answer.text).into_iter().chain([answer.location().to_owned()]);
            let ours = next.filter(|link| link.starts_with('/')).map(|link| link.split('#').next().unwrap().to_owned());
            // Filters of the log lead to each other without end.
            open.extend(ours.filter(|link| !link.contains("/audit?") && !known.contains(link)));
        }
        assert!(known.len() > 8, "{name} sees {known:?}");
    }
    house.end().await;
}

#[tokio::test]
async fn what_people_type_stays_text_on_every_page() {
    let house = House::with_samples(Engine::Sqlite, Choices::default()).await;
    let evil = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let run = house.start(&house.acme.developer, json!({"invoice_id": "INV-20417", "note": evil})).await;
    let approval = approval_of(&house, &house.acme, run).await;
    let admin = &house.acme.admin;
    admin.post("/t/acme/variables", &[("name", "evil"), ("kind", "text"), ("value", evil)]).await.expect(303);
    admin.post(&format!("/t/acme/runs/{run}/cancellation"), &[("reason", evil)]).await.expect(303);
    for path in [
        format!("/t/acme/runs/{run}"),
        format!("/t/acme/approvals/{approval}"),
        "/t/acme/variables".to_owned(),
        "/t/acme/audit".to_owned(),
        "/t/acme".to_owned(),
    ] {
        let page = admin.get(&path).await.expect(200);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{path}");
    }
    let mails = house.platform.mailbox().await.unwrap();
    assert!(mails.iter().all(|mail| !mail.html.as_deref().unwrap_or_default().contains("<script>")));
    house.end().await;
}

#[tokio::test]
async fn a_run_is_told_live_until_its_end_and_again_from_where_it_was_cut() {
    let house = House::with_samples(Engine::Sqlite, Choices::default()).await;
    let run = house.start(&house.acme.developer, json!({"invoice_id": "INV-20417"})).await;
    let approval = approval_of(&house, &house.acme, run).await;
    let path = format!("/t/acme/runs/{run}/live");
    let mut stream = house.acme.viewer.stream(&path).await;
    assert_eq!((stream.status().as_u16(), stream.headers()["content-type"].to_str().unwrap()), (200, "text/event-stream"));
    let mut text = String::new();
    while !text.contains("Waiting for") {
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().expect("more to come")).unwrap());
    }
    assert!(text.starts_with("retry: ") && text.contains("\nid: "), "{text}");
    let seen = text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    crate::payment::approve(&house, approval).await;
    while let Some(bytes) = tokio::time::timeout(crate::harness::PATIENCE, stream.chunk()).await.unwrap().unwrap() {
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(text.contains("PAY-0001") && text.ends_with("event: end\ndata:\n\n"), "{text}");
    // A browser that lost it goes on from what it saw, and misses nothing.
    let again = house.acme.viewer.request(Method::GET, &path).header("last-event-id", &seen).send().await.unwrap().text().await.unwrap();
    assert!(again.contains("PAY-0001"), "{again}");
    // Seven at once are too many for one browser; the other tenant gets none.
    let second = house.start(&house.acme.developer, json!({"invoice_id": "INV-20417"})).await;
    approval_of(&house, &house.acme, second).await;
    let path = format!("/t/acme/runs/{second}/live");
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(house.acme.viewer.stream(&path).await);
    }
    assert!(streams.iter().all(|stream| stream.status() == 200));
    assert_eq!(house.acme.viewer.get(&path).await.expect(429).header("retry-after"), "15");
    house.globex.viewer.get(&path).await.expect(404);
    drop(streams);
    house.end().await;
}

#[tokio::test]
async fn a_house_says_whether_it_lives_and_can_work() {
    let house = house().await;
    assert_eq!(house.nobody.get("/healthz").await.expect(200).text, "ok\n");
    assert_eq!(house.nobody.get("/readyz").await.expect(200).text, "ready\n");
    house.platform.database().close().await;
    house.clock.advance(Duration::from_secs(2));
    house.nobody.get("/readyz").await.expect(503);
    house.nobody.get("/healthz").await.expect(200);
    let answer = house.acme.admin.get("/t/acme/runs").await.expect(503);
    assert!(!answer.header("retry-after").is_empty() && answer.words().contains("req_"), "{}", answer.words());
    house.end().await;
}
