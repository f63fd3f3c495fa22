//! What holds for every route.

use std::io::Read as _;

use actix_web::http::{StatusCode, header};

use super::{house, house_at};
use crate::route::Method;

#[tokio::test]
async fn every_answer_has_the_headers_of_the_house() {
    let house = house().await;
    let browser = house.browser();
    for path in ["/sign-in", "/nothing", "/healthz", "/test/panic", "/setup/x"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'nonce-") && policy.contains("require-trusted-types-for 'script'"),
            "{path}: {policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(answer.header("x-request-id").starts_with("req_"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "not by http");
        let varies: Vec<&str> = answer.headers.get_all(header::VARY).map(|value| value.to_str().unwrap()).collect();
        assert!(varies.contains(&"HX-Request, HX-Request-Type"), "{path}: {varies:?}");
        let referrer = if path.starts_with("/setup/") { "no-referrer" } else { "same-origin" };
        assert_eq!(answer.header("referrer-policy"), referrer, "{path}");
    }
}

#[tokio::test]
async fn the_nonce_is_new_for_every_answer() {
    let house = house().await;
    let browser = house.browser();
    let first = browser.get("/sign-in").await.header("content-security-policy").to_owned();
    assert_ne!(browser.get("/sign-in").await.header("content-security-policy"), first);
}

#[tokio::test]
async fn by_https_cookies_and_transport_are_strict() {
    let house = house_at("https://mandate.example").await;
    let browser = house.admin().await;
    assert_eq!(browser.get("/sign-in").await.header("strict-transport-security"), "max-age=63072000; includeSubDomains");
    assert!(browser.cookies.borrow().contains_key("__Host-sid"));
    assert_eq!(browser.get("/mailbox").await.status, StatusCode::NOT_FOUND, "links are for the machine itself only");
}

#[tokio::test]
async fn what_is_not_there_is_answered_with_what_it_is() {
    let house = house().await;
    let browser = house.browser();
    let nothing = browser.get("/nothing").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert!(nothing.text().contains("not_found") && nothing.text().contains(nothing.header("x-request-id")));
    let wrong = browser.post("/healthz", &[]).await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET"));
    assert_eq!(browser.send(browser.request(Method::HEAD, "/healthz")).await.status, StatusCode::OK);
    assert_eq!(browser.send(browser.request(Method::DELETE, "/sign-in")).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_handler_that_panics_is_an_answer_and_no_end() {
    let house = house().await;
    let browser = house.browser();
    let answer = browser.get("/test/panic").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.text().contains("on purpose"), "causes are for the log");
    assert_eq!(browser.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_who_is_not_signed_in_is_led_there_and_back() {
    let house = house().await;
    let browser = house.browser();
    let page = browser.get("/t/acme/members?x=1").await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/sign-in?next=/t/acme/members%3Fx%3D1"));
    let part = browser.request(Method::GET, "/t/acme/members").insert_header(("hx-request", "true"));
    let part = browser.send(part.insert_header(("hx-current-url", "http://127.0.0.1:8080/t/acme/members?y=2"))).await;
    assert_eq!((part.status, part.header("hx-redirect")), (StatusCode::UNAUTHORIZED, "/sign-in?next=/t/acme/members%3Fy%3D2"));
    let foreign = browser.request(Method::GET, "/account").insert_header(("hx-request", "true"));
    let foreign = browser.send(foreign.insert_header(("hx-current-url", "http://evil.example/t/acme"))).await;
    assert_eq!(foreign.header("hx-redirect"), "/sign-in");
}

#[tokio::test]
async fn an_unsafe_request_must_come_from_a_page_of_the_session() {
    let house = house().await;
    let admin = house.admin().await;
    let theme = [("theme", "dark")];
    assert_eq!(admin.submit("/account", "/account/theme", &theme).await.status, StatusCode::SEE_OTHER);

    let no_token = admin.post("/account/theme", &theme).await;
    assert_eq!(no_token.status, StatusCode::FORBIDDEN);
    assert!(no_token.text().contains("stale_page"));
    assert_eq!(admin.post("/account/theme", &[("theme", "dark"), ("csrf", "x")]).await.status, StatusCode::FORBIDDEN);

    let other_site = admin.request(Method::POST, "/account/theme").insert_header(("sec-fetch-site", "cross-site"));
    let other_site = admin.send(other_site).await;
    assert_eq!(other_site.status, StatusCode::FORBIDDEN);
    assert!(other_site.text().contains("cross_site"));

    // The token of another session is of no use.
    let approver = house.invited(&admin, "fin@acme.example", "approver").await;
    let page = approver.get("/account").await.text();
    let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(admin.post("/account/theme", &[("theme", "dark"), ("csrf", token)]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_token_in_the_header_is_as_good_as_in_the_form() {
    let house = house().await;
    let admin = house.admin().await;
    let page = admin.get("/account").await.text();
    let token = page.split("{\"X-CSRF\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let ending = admin.request(Method::POST, "/account/sessions/ending").insert_header(("x-csrf", token));
    assert_eq!(admin.send(ending).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn bodies_have_limits_types_and_no_unknown_fields() {
    let house = house().await;
    let browser = house.browser();
    let send = async |content_type: &'static str, body: String| {
        let request = browser.request(Method::POST, "/sign-in").insert_header((header::CONTENT_TYPE, content_type));
        browser.send(request.set_payload(body)).await.status.as_u16()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send(form, format!("email={}", "x".repeat(1024 * 1024))).await, 413);
    assert_eq!(send("application/json", "{}".to_owned()).await, 415);
    assert_eq!(send(form, "email=a&password=b&admin=true".to_owned()).await, 422);
    assert_eq!(send(form, "email=a".to_owned()).await, 422);
    assert_eq!(send(form, "email=a&password=b".to_owned()).await, 401);
}

#[tokio::test]
async fn files_are_compressed_and_kept_for_ever() {
    let house = house().await;
    let browser = house.browser();
    let address = crate::page::sample().asset("app.css");
    let request = browser.request(Method::GET, address).insert_header((header::ACCEPT_ENCODING, "gzip"));
    let file = browser.send(request).await;
    assert_eq!((file.status, file.header("content-encoding")), (StatusCode::OK, "gzip"));
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(file.body.as_slice()).read_to_string(&mut plain).unwrap();
    assert!(plain.contains("@layer"));
    let missing = browser.get("/s/app.000000000000.css").await;
    assert_eq!((missing.status, missing.header("cache-control")), (StatusCode::NOT_FOUND, "no-store"));
}

#[tokio::test]
async fn health_says_how_it_is() {
    let house = house().await;
    let browser = house.browser();
    assert_eq!(browser.get("/readyz").await.text(), "ready\n");
    house.platform.database().close().await;
    assert_eq!(browser.get("/readyz").await.status, StatusCode::OK, "as it was within the last second");
    house.clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(browser.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_live_page_is_a_stream_that_nothing_holds_back() {
    let house = house().await;
    let admin = house.admin().await;
    let request = admin.request(Method::GET, "/t/acme/test/live").insert_header((header::ACCEPT_ENCODING, "gzip"));
    let stream = admin.send(request.insert_header(("last-event-id", "41"))).await;
    assert_eq!(stream.text(), "retry: 2000\n\nid: 42\ndata: <p>x</p>\n\nevent: end\ndata:\n\n");
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!((stream.header("cache-control"), stream.header("content-encoding")), ("no-store", "identity"));
    for _ in 0..10 {
        assert_eq!(admin.get("/t/acme/test/live").await.status, StatusCode::OK, "ended streams are not counted");
    }
    let viewer = house.invited(&admin, "vera@acme.example", "viewer").await;
    assert_eq!(viewer.get("/t/acme/test/live").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_denial_is_in_the_audit_log_with_who_and_from_where() {
    let house = house().await;
    let admin = house.admin().await;
    let viewer = house.invited(&admin, "vera@acme.example", "viewer").await;
    assert_eq!(viewer.get("/t/acme/members").await.status, StatusCode::FORBIDDEN);
    let cookie = admin.cookies.borrow()["sid"].clone();
    let person = house.platform.session(&cookie).await.unwrap().unwrap();
    let request = house.platform.new_request(None);
    let actor = house.platform.actor(&person, "acme", platform::access::MemberDoor::Page, request).await.unwrap();
    let log = house.platform.audit(&actor, &platform::audit::Filter::default(), None, 10).await.unwrap();
    let denials: Vec<_> = log.items.iter().filter(|line| line.outcome == "denied").collect();
    assert_eq!(denials.len(), 1);
    assert_eq!((denials[0].actor.as_str(), denials[0].address.as_deref()), ("vera@acme.example", Some("127.0.0.1")));
    assert_eq!(denials[0].detail["permission"], "user:read");
}

#[tokio::test]
async fn the_client_behind_a_trusted_proxy_is_the_one_it_names() {
    let house = house().await;
    let admin = house.admin().await;
    let behind = house.browser();
    let body = super::encoded(&[("email", "admin@acme.example"), ("password", super::PASSWORD)]);
    let request = behind.request(Method::POST, "/sign-in").peer_addr("10.0.0.5:1".parse().unwrap());
    let request = request
        .insert_header(("x-forwarded-for", "198.51.100.7"))
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"));
    assert_eq!(behind.send(request.set_payload(body)).await.status, StatusCode::SEE_OTHER);
    assert!(admin.get("/account").await.text().contains("<code>198.51.100.7</code>"));
}
