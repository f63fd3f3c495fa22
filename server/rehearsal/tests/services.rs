//! The services as they answer on their ports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use rehearsal::{Config, ERP_KEY, MODEL_KEY, PAYMENT_DESK_KEY, Rehearsal, TRACKER_KEY, When};
use serde_json::{Value, json};

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One request on a connection of its own; `headers` are whole lines.
async fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> Reply {
    let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Reply { status: head[9..12].parse().unwrap(), head: head.to_lowercase(), body: body.to_owned() }
    })
    .await
    .unwrap()
}

fn paying(key: &str) -> String {
    format!("Authorization: Bearer {PAYMENT_DESK_KEY}\r\nIdempotency-Key: {key}\r\n")
}

const ORDER: &str = r#"{"invoice":"INV-20417","iban":"DE02120300000000202051","amount":1840.5,"currency":"EUR"}"#;

#[tokio::test]
async fn every_answer_says_that_it_is_a_rehearsal() {
    let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
    for (address, path, name) in [
        (rehearsal.invoice_book(), "/", "invoice-book"),
        (rehearsal.invoice_book(), "/invoices/INV-20417", "invoice-book"),
        (rehearsal.invoice_book(), "/invoices/nothing", "invoice-book"),
        (rehearsal.invoice_book(), "/expenses", "invoice-book"),
        (rehearsal.tracker(), "/", "tracker"),
        (rehearsal.tracker(), "/projects/engine/changes?since=last-release", "tracker"),
        (rehearsal.payment_desk(), "/", "payment-desk"),
        (rehearsal.payment_desk(), "/payments", "payment-desk"),
        (rehearsal.payment_desk(), "/elsewhere", "payment-desk"),
        (rehearsal.model(), "/", "model"),
        (rehearsal.model(), "/v1/models", "model"),
    ] {
        let reply = ask(address, &format!("GET {path}"), "", "").await;
        assert!(reply.head.contains(&format!("x-mandate-rehearsal: {name}")), "{path}: {}", reply.head);
        assert!(reply.body.contains("rehearsal"), "{path}: {}", reply.body);
        assert!(address.ip().is_loopback());
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn the_desk_pays_once_and_counts_what_it_was_asked() {
    let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
    let desk = rehearsal.payment_desk();
    assert_eq!(ask(desk, "POST /payments", "", ORDER).await.status, 401);
    assert_eq!(ask(desk, "POST /payments", "Authorization: Bearer wrong\r\n", ORDER).await.status, 401);
    let first = ask(desk, "POST /payments", &paying("a"), ORDER).await;
    let again = ask(desk, "POST /payments", &paying("a"), ORDER).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(ask(desk, "POST /payments", &paying("a"), &ORDER.replace("1840.5", "1")).await.status, 409);
    assert_eq!(rehearsal.payments().len(), 1);
    let list = ask(desk, "GET /payments", "", "").await.json();
    assert_eq!((&list["requests"], &list["payments"][0]["requests"]), (&json!(3), &json!(2)));
    assert_eq!(list["payments"][0]["idempotency_key"], "a");
    rehearsal.stop().await;
}

#[tokio::test]
async fn expenses_and_releases_want_their_keys_and_count_once() {
    let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
    let keyed = |key: &str| format!("Authorization: Bearer {key}\r\nIdempotency-Key: a\r\n");
    let (expense, notes) = (r#"{"employee":"Dana","amount":80.5,"cost_centre":"4711"}"#, r#"{"notes":"Faster."}"#);
    for (address, line, body, key) in [
        (rehearsal.invoice_book(), "POST /expenses", expense, ERP_KEY),
        (rehearsal.tracker(), "POST /projects/engine/releases", notes, TRACKER_KEY),
    ] {
        assert_eq!(ask(address, line, &keyed("wrong"), body).await.status, 401);
        let first = ask(address, line, &keyed(key), body).await;
        let again = ask(address, line, &keyed(key), body).await;
        assert_eq!((first.status, again.status), (201, 200));
        assert_eq!(first.json(), again.json());
    }
    assert_eq!((rehearsal.expenses().len(), rehearsal.releases().len()), (1, 1));
    let changes = ask(rehearsal.tracker(), "GET /projects/engine/changes", "", "").await.json();
    assert!(changes["items"][0]["title"].is_string() && changes["items"][0]["kind"].is_string());
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_service_can_fail_and_hang_on_demand() {
    let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
    let (desk, stage) = (rehearsal.payment_desk(), rehearsal.payment_desk_stage());
    stage.fail_next(1, 503);
    assert_eq!(ask(desk, "POST /payments", &paying("a"), ORDER).await.status, 503);
    assert!(rehearsal.payments().is_empty());

    stage.hang_next(When::AfterWork);
    let hanging = tokio::spawn(async move { ask(desk, "POST /payments", &paying("a"), ORDER).await });
    stage.arrived(2).await;
    // The next is answered while the first still hangs: it was paid already.
    assert_eq!(ask(desk, "POST /payments", &paying("a"), ORDER).await.status, 200);
    assert!(!hanging.is_finished());
    stage.release();
    assert_eq!(hanging.await.unwrap().status, 201);

    stage.hang_next(When::BeforeWork);
    let hanging = tokio::spawn(async move { ask(desk, "POST /payments", &paying("b"), ORDER).await });
    stage.arrived(4).await;
    assert_eq!(rehearsal.payments().len(), 1, "nothing was paid for b yet");
    stage.release();
    assert_eq!(hanging.await.unwrap().status, 201);
    assert_eq!(stage.requests()[3].header("idempotency-key"), Some("b"));
    rehearsal.stop().await;
}

#[tokio::test]
async fn the_model_keeps_to_the_format_and_to_its_script() {
    let rehearsal = Rehearsal::start(Config::default()).await.unwrap();
    let key = format!("Authorization: Bearer {MODEL_KEY}\r\n");
    let question = |max: u32| json!({"model": "rehearsal-model", "messages": [{"role": "user", "content": "Hello?"}], "max_tokens": max});
    let ask = async |body: Value| ask(rehearsal.model(), "POST /v1/chat/completions", &key, &body.to_string()).await;

    let answer = ask(question(100)).await.json();
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("rehearsal model, which is a script"));
    let usage = &answer["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );

    let short = ask(question(2)).await.json();
    assert_eq!((&short["choices"][0]["finish_reason"], &short["usage"]["completion_tokens"]), (&json!("length"), &json!(2)));

    rehearsal.model_says_next("{\"risk\":\"low\"}");
    assert_eq!(ask(question(100)).await.json()["choices"][0]["message"]["content"], "{\"risk\":\"low\"}");

    let mut other = question(5);
    other["model"] = "gpt".into();
    assert_eq!(ask(other).await.status, 404);
    assert_eq!(ask(json!({"model": "rehearsal-model"})).await.status, 400);
    assert_eq!(rehearsal.model_stage().requests().len(), 5);
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_and_leaves_nothing_running() {
    let first = Rehearsal::start(Config::default()).await.unwrap();
    let config = Config { model: first.model().port(), ..Config::default() };
    assert!(Rehearsal::start(config).await.is_err());
    first.stop().await;
    let again = Rehearsal::start(Config { model: config.model, ..Config::default() }).await.unwrap();
    assert_eq!(again.model().port(), config.model);
    again.stop().await;
}
