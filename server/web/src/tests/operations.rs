//! What an operator relies on: limits for those who ask too often, and numbers for those who may read them.

use std::time::Duration;

use actix_web::http::StatusCode;
use domain::Secret;

use super::{Browser, FREELY, PUBLIC_URL, Read, house_with};
use crate::{
    limits::{Rate, RequestLimits},
    route::Method,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn limits(address: u32, key: u32) -> RequestLimits {
    let rate = |burst: u32| Rate { per_minute: 60.try_into().unwrap(), burst: burst.try_into().unwrap() };
    RequestLimits { address: rate(address), key: rate(key) }
}

async fn get_with(browser: &Browser, path: &str, name: &'static str, value: &str) -> Read {
    browser.send(browser.request(Method::GET, path).insert_header((name, value))).await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let house = house_with(PUBLIC_URL, limits(3, 9), None).await;
    let browser = house.browser();
    for left in [2, 1, 0] {
        let answer = browser.get("/sign-in").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=3;w=3");
        assert!(answer.header("ratelimit").starts_with(&format!("\"address\";r={left};t=")), "{}", answer.header("ratelimit"));
        assert_eq!(answer.header("retry-after"), "");
    }
    for path in ["/sign-in", "/nothing"] {
        let refused = browser.get(path).await;
        assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"), "{path}");
        assert!(refused.text().contains("too_many_requests") && refused.header("x-request-id").starts_with("req_"), "{path}");
    }
    let posted = browser.post("/sign-in", &[("email", "a@b.example"), ("password", "x")]).await;
    assert_eq!(posted.status, StatusCode::TOO_MANY_REQUESTS);
    for path in ["/healthz", "/readyz"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("ratelimit")), (StatusCode::OK, ""), "{path}");
    }
    let style = crate::assets::address("app.css");
    assert_eq!(browser.get(style).await.status, StatusCode::OK, "pages that were answered keep their looks");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.get("/sign-in").await.status, StatusCode::OK);
    assert_eq!(browser.get("/sign-in").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart_and_nobody_else_can_pretend_to_be_another() {
    let house = house_with(PUBLIC_URL, limits(1, 9), None).await;
    let browser = house.browser();
    let through = |client: &str| {
        let request = browser.request(Method::GET, "/sign-in").peer_addr("10.0.0.1:4711".parse().unwrap());
        browser.send(request.insert_header(("x-forwarded-for", client.to_owned())))
    };
    assert_eq!(through("203.0.113.1").await.status, StatusCode::OK);
    assert_eq!(through("203.0.113.1").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(through("203.0.113.2").await.status, StatusCode::OK);
    assert_eq!(get_with(&browser, "/sign-in", "x-forwarded-for", "203.0.113.3").await.status, StatusCode::OK);
    let pretending = get_with(&browser, "/sign-in", "x-forwarded-for", "203.0.113.4").await;
    assert_eq!(pretending.status, StatusCode::TOO_MANY_REQUESTS, "it came from no trusted proxy");
}

#[tokio::test]
async fn a_key_has_a_limit_of_its_own() {
    let house = house_with(PUBLIC_URL, limits(100, 1), None).await;
    let browser = house.browser();
    let first = get_with(&browser, "/sign-in", "authorization", "Bearer one").await;
    assert_eq!((first.status, first.header("ratelimit-policy")), (StatusCode::OK, "\"address\";q=100;w=100, \"key\";q=1;w=1"));
    assert_eq!(get_with(&browser, "/sign-in", "authorization", "bearer one").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(get_with(&browser, "/sign-in", "authorization", "Bearer two").await.status, StatusCode::OK);
    let program = get_with(&browser, "/api/v1/whoami", "authorization", "Bearer two").await;
    assert_eq!((program.status, program.header("content-type")), (StatusCode::TOO_MANY_REQUESTS, "application/problem+json"));
    assert!(program.text().contains("\"too_many_requests\"") && program.header("retry-after") == "1", "{}", program.text());
}

#[tokio::test]
async fn the_numbers_are_shown_to_whoever_has_the_token() {
    let house = house_with("https://mandate.example", FREELY, Some(Secret::new(TOKEN))).await;
    let admin = house.admin().await;
    assert_eq!(admin.get("/metrics").await.status, StatusCode::UNAUTHORIZED, "an admin of a tenant is none of the installation");
    for wrong in ["Bearer 0123456789abcdef", "Bearer ", TOKEN] {
        let refused = get_with(&admin, "/metrics", "authorization", wrong).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert!(refused.header("www-authenticate").starts_with("Bearer") && refused.body.is_empty());
    }
    let shown = get_with(&admin, "/metrics", "authorization", &format!("Bearer {TOKEN}")).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.header("content-type").starts_with("application/openmetrics-text"));
    let text = shown.text();
    for part in [
        "mandate_build_info{version=",
        "mandate_http_requests_total{method=\"POST\",route=\"/setup/{token}\",status=\"3xx\"} 1\n",
        "mandate_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"4xx\"} 4\n",
        "mandate_http_request_duration_seconds_count{route=\"/metrics\"} 4\n",
        "mandate_ready 1\n",
        "mandate_live_streams 0\n",
        "mandate_runs{state=\"due\"} 0\n",
        "mandate_mails_waiting 0\n",
        "process_open_fds ",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("acme") && !text.contains("127.0.0.1"), "nobody is named");
}

#[tokio::test]
async fn without_a_token_the_numbers_stay_on_this_machine() {
    let house = house_with(PUBLIC_URL, FREELY, None).await;
    let browser = house.browser();
    assert_eq!(browser.get("/metrics").await.status, StatusCode::OK);
    assert_eq!(get_with(&browser, "/metrics", "host", "mandate.example").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get_with(&browser, "/metrics", "x-forwarded-for", "127.0.0.1").await.status, StatusCode::NOT_FOUND);
    let elsewhere = browser.request(Method::GET, "/metrics").peer_addr("192.0.2.1:4711".parse().unwrap());
    assert_eq!(browser.send(elsewhere).await.status, StatusCode::NOT_FOUND);

    let proxied = house_with("https://mandate.example", FREELY, None).await;
    let answer = proxied.browser().get("/metrics").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "a proxy on this machine looks like somebody who is here");
}
