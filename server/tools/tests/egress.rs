//! The guard against real sockets on loopback: what it lets out, what it keeps in, and how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod served;

use std::{
    io::{self, Write},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::call::EgressRules;
use served::{Served, context, egress, get, with_secret};
use tools::{
    Body, CallErrorKind, Egress, Escape, OutgoingRequest, Piece, Sent, Text,
    egress::{Lookup, MAX_BODY},
};

fn bearer(name: &str) -> (String, Text) {
    ("Authorization".into(), Text::new(vec![Piece::Text("Bearer ".into()), Piece::Credential(name.into())]))
}

fn post(url: String) -> OutgoingRequest {
    OutgoingRequest { method: "POST".into(), body: Body::from(b"{}".to_vec()), ..get(url) }
}

/// Answers each question with the next line of a script, the last one for ever.
struct Script {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|line| line.iter().map(|address| address.parse().unwrap()).collect()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Lookup for Script {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

#[tokio::test]
async fn an_allowed_call_goes_out_and_its_answer_comes_back() {
    let server = Served::answering(&["HTTP/1.1 201 Created\r\nX-One: a\r\nContent-Length: 5\r\n\r\nhello"]);
    let mut request = post(server.url("/orders?x=1#part"));
    request.headers.push(("X-Mine".into(), "v".into()));
    let answer = egress().send(request, &context(&server)).await.unwrap();
    assert_eq!((answer.status, answer.header("x-one"), answer.bytes()), (201, Some("a"), b"hello".to_vec()));
    let seen = server.seen(0);
    assert!(seen.starts_with("POST /orders?x=1 HTTP/1.1\r\n") && seen.ends_with("\r\n\r\n{}"), "{seen}");
    for line in ["x-mine: v", "idempotency-key: key-1", "content-length: 2", "accept-encoding: gzip"] {
        assert!(seen.to_lowercase().contains(line), "{line} in {seen}");
    }
}

#[tokio::test]
async fn only_what_may_have_effects_carries_the_idempotency_key() {
    for (method, carries) in [("GET", false), ("HEAD", false), ("PUT", true), ("DELETE", true), ("PATCH", true), ("OPTIONS", true)] {
        let server = Served::answering(&["HTTP/1.1 204 No Content\r\n\r\n"]);
        egress().send(OutgoingRequest { method: method.into(), ..get(server.url("/")) }, &context(&server)).await.unwrap();
        assert_eq!(server.seen(0).to_lowercase().contains("idempotency-key: key-1"), carries, "{method}");
    }
}

#[tokio::test]
async fn a_private_address_is_not_connected_to_unless_it_was_opened() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let mut context = context(&server);
    context.egress = EgressRules::default();
    let error = egress().send(get(server.url("/")), &context).await.unwrap_err();
    assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Refused, Sent::No, false));
    let denied = EgressRules { allow: vec![server.endpoint()], deny: vec![server.endpoint()] };
    context.egress = denied;
    assert_eq!(egress().send(get(server.url("/")), &context).await.unwrap_err().kind, CallErrorKind::Refused);
    context.egress = EgressRules { allow: vec![server.endpoint()], deny: vec!["nonsense".into()] };
    assert_eq!(egress().send(get(server.url("/")), &context).await.unwrap_err().kind, CallErrorKind::Refused);
    assert_eq!(server.connections(), 0, "not even a connection was made");
}

#[tokio::test]
async fn the_installations_denial_holds_against_what_a_call_allows() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let installation = EgressRules { allow: vec![], deny: vec![format!("0.0.0.0:{}", server.port())] };
    let mut context = context(&server);
    context.egress.allow.push(format!("intranet.test:{}", server.port()));
    let egress = Egress::with_lookup(&installation, Script::new(&[&["127.0.0.1"]])).unwrap();
    let error = egress.send(get(format!("http://intranet.test:{}/", server.port())), &context).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (CallErrorKind::Refused, Sent::No), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_while_connecting() {
    for inside in ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00:ec2::254"] {
        let egress = Egress::with_lookup(&EgressRules::default(), Script::new(&[&[inside]])).unwrap();
        let error = egress.send(get("http://rebound.test/".into()), &context(&Served::silent())).await.unwrap_err();
        assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Refused, Sent::No, false), "{inside}: {error}");
        assert!(!error.message.contains(inside), "what the name leads to stays unsaid: {error}");
    }
}

#[tokio::test]
async fn a_name_that_changes_between_two_calls_is_looked_at_again() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]);
    let name = format!("rebound.test:{}", server.port());
    let mut context = context(&server);
    context.egress.allow.push(name.clone());
    // First the opened private host, then a cloud's metadata, which no rule opens.
    let script = Script::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let egress = Egress::with_lookup(&EgressRules::default(), Arc::clone(&script) as Arc<dyn Lookup>).unwrap();
    assert_eq!(egress.send(get(format!("http://{name}/")), &context).await.unwrap().status, 200);
    let error = egress.send(get(format!("http://{name}/")), &context).await.unwrap_err();
    assert_eq!((error.kind, script.asked.load(Ordering::SeqCst)), (CallErrorKind::Refused, 2));
}

#[tokio::test]
async fn of_several_addresses_only_the_admitted_are_tried() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let name = format!("mixed.test:{}", server.port());
    let mut context = context(&server);
    context.egress.allow.push(name.clone());
    let egress = Egress::with_lookup(&EgressRules::default(), Script::new(&[&["169.254.169.254", "127.0.0.1", "::"]])).unwrap();
    assert_eq!(egress.send(get(format!("http://{name}/")), &context).await.unwrap().status, 200);
}

#[tokio::test]
async fn two_tenants_never_share_a_connection() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; 4]);
    let (one, mut other) = (context(&server), context(&server));
    other.partition = served::tenant(2);
    let egress = egress();
    for context in [&one, &one, &other, &one] {
        egress.send(get(server.url("/")), context).await.unwrap();
    }
    assert_eq!(server.connections(), 2, "each tenant has one of its own and uses it again");
}

#[tokio::test]
async fn a_credential_goes_only_to_its_hosts() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let mut request = post(server.url("/"));
    request.headers.push(bearer("desk"));
    request.body = Body::empty();
    request.body.push_bytes(&b"{\"k\":\""[..]);
    request.body.push_text(&Text::new(vec![Piece::Credential("desk".into())]), Escape::JsonString);
    request.body.push_bytes(&b"\"}"[..]);

    let context = with_secret(context(&server), "desk", "top\"secret", &[&server.endpoint()]);
    egress().send(request.clone(), &context).await.unwrap();
    let seen = server.seen(0);
    assert!(seen.contains("Bearer top\"secret") && seen.ends_with("{\"k\":\"top\\\"secret\"}"), "{seen}");

    for (hosts, name) in [(vec!["127.0.0.1:1"], "desk"), (vec!["example.com"], "desk"), (vec![], "desk"), (vec!["example.com"], "other")] {
        let context = with_secret(served::context(&server), name, "top\"secret", &hosts);
        let error = egress().send(request.clone(), &context).await.unwrap_err();
        assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Credential, Sent::No, false));
        assert!(!error.message.contains("top"), "{error}");
        assert!(name != "desk" || error.message.contains(&server.endpoint()), "it says which host is not allowed: {error}");
    }
    assert_eq!(server.connections(), 1, "nothing was sent without the credential");
}

#[tokio::test]
async fn text_that_looks_like_a_reference_goes_out_as_text() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let mut request = post(server.url("/"));
    request.headers.push(("X-Note".into(), "cred://desk".into()));
    let context = with_secret(context(&server), "desk", "topsecret", &[&server.endpoint()]);
    egress().send(request, &context).await.unwrap();
    assert!(server.seen(0).contains("cred://desk") && !server.seen(0).contains("topsecret"));
}

#[tokio::test]
async fn a_credential_does_not_travel_in_the_clear_to_the_internet() {
    let mut request = get("http://api.example.com/".into());
    request.headers.push(bearer("desk"));
    let context = with_secret(context(&Served::silent()), "desk", "topsecret", &["api.example.com"]);
    let error = egress().send(request, &context).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (CallErrorKind::Credential, Sent::No));
    assert!(error.message.contains("https"), "{error}");
}

#[tokio::test]
async fn a_secret_that_comes_back_is_taken_out() {
    let body = r#"{"you":"topsecret-9","b64":"QmVhcmVyIHRvcHNlY3JldC05","hex":"746f707365637265742d39"}"#;
    let answer = format!("HTTP/1.1 200 OK\r\nX-Echo: Bearer topsecret-9\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = Served::answering(&[&answer]);
    let mut request = get(server.url("/"));
    request.headers.push(bearer("desk"));
    let context = with_secret(context(&server), "desk", "topsecret-9", &[&server.endpoint()]);
    let answer = egress().send(request, &context).await.unwrap();
    let text = answer.text().unwrap();
    assert!(
        !text.contains("topsecret") && !text.contains("dG9wc2VjcmV0") && !text.contains("b3BzZWNyZX") && !text.contains("746f70"),
        "{text}"
    );
    assert_eq!(answer.header("x-echo"), Some("Bearer [redacted]"));
}

#[tokio::test]
async fn redirects_are_answers_unless_asked_for() {
    let server = Served::answering(&["HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"]);
    let answer = egress().send(get(server.url("/")), &context(&server)).await.unwrap();
    assert_eq!((answer.status, answer.header("location"), server.connections()), (302, Some("/next"), 1));
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let hop = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
    let server = Served::answering(&[hop, hop, hop, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
    let follow = |server: &Served| OutgoingRequest { follow_redirects: true, ..post(server.url("/")) };
    assert_eq!(egress().send(follow(&server), &context(&server)).await.unwrap().bytes(), b"ok");
    assert!(server.seen(3).starts_with("POST /again") && server.seen(3).ends_with("{}"), "307 keeps method and body");

    let server = Served::answering(&[hop; 5]);
    let error = egress().send(follow(&server), &context(&server)).await.unwrap_err();
    assert_eq!((error.kind, error.sent, server.requests()), (CallErrorKind::Protocol, Sent::Answered, 4));
}

#[tokio::test]
async fn a_redirect_to_see_other_becomes_a_get_without_its_body() {
    let server = Served::answering(&[
        "HTTP/1.1 303 See Other\r\nLocation: /result\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]);
    let mut request = OutgoingRequest { follow_redirects: true, ..post(server.url("/")) };
    request.headers.push(("Content-Type".into(), "application/json".into()));
    egress().send(request, &context(&server)).await.unwrap();
    let seen = server.seen(1).to_lowercase();
    assert!(seen.starts_with("get /result") && !seen.contains("content-") && seen.ends_with("\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn each_hop_is_decided_on_anew() {
    for location in
        ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "http://[::1]/", "https://example.com/", "file:///etc/passwd", "//0x7f.1/"]
    {
        let server = Served::answering(&[&format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")]);
        let request = OutgoingRequest { follow_redirects: true, ..get(server.url("/")) };
        let error = egress().send(request, &context(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (CallErrorKind::Refused, Sent::Answered), "{location}: {error}");
    }
}

#[tokio::test]
async fn credentials_stay_behind_when_a_redirect_leads_elsewhere() {
    let other = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let leads = |code: u16| format!("HTTP/1.1 {code} Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url("/x"));
    let server = Served::answering(&[&leads(302), &leads(308)]);
    let mut context = with_secret(context(&server), "desk", "topsecret", &[&server.endpoint(), &other.endpoint()]);
    context.egress.allow.push(other.endpoint());
    let mut request = OutgoingRequest { follow_redirects: true, ..get(server.url("/")) };
    request.headers.extend([bearer("desk"), ("Cookie".into(), "a=b".into()), ("X-Kept".into(), "yes".into())]);
    egress().send(request.clone(), &context).await.unwrap();
    let seen = other.seen(0).to_lowercase();
    assert!(
        !seen.contains("topsecret") && !seen.contains("authorization") && !seen.contains("cookie") && seen.contains("x-kept"),
        "{seen}"
    );

    request.method = "POST".into();
    request.body.push_text(&Text::new(vec![Piece::Credential("desk".into())]), Escape::Plain);
    let error = egress().send(request, &context).await.unwrap_err();
    assert_eq!((error.kind, error.sent, other.requests()), (CallErrorKind::Refused, Sent::Answered, 1));
}

#[tokio::test]
async fn a_large_answer_is_refused_at_its_limit() {
    let announced = Served::answering(&[&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1)]);
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    endless.resize(MAX_BODY + 4096, b'x');
    let endless = Served::answering_bytes(vec![endless]);
    let fields = (0..90).map(|number| format!("X-{number}: {}\r\n", "y".repeat(1000))).collect::<Vec<_>>().concat();
    let headers = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
    let headers = Served::answering(&[&headers]);
    for server in [announced, endless, headers] {
        let error = egress().send(get(server.url("/")), &context(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::TooLarge, Sent::Answered, false), "{error}");
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed_answer(body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[tokio::test]
async fn packed_answers_are_unpacked_within_limits() {
    let text = "a line of an ordinary answer, a little different each time 0123456789\n".repeat(200);
    let server = Served::answering_bytes(vec![packed_answer(&packed(text.as_bytes()))]);
    assert_eq!(egress().send(get(server.url("/")), &context(&server)).await.unwrap().bytes(), text.as_bytes());

    let bomb = packed(&vec![0; 5 << 20]);
    let whole = packed(text.as_bytes());
    for (body, kind) in [
        (&bomb[..], CallErrorKind::TooLarge),
        (&whole[..whole.len() - 9], CallErrorKind::Protocol),
        (b"this is not gzip at all", CallErrorKind::Protocol),
    ] {
        let server = Served::answering_bytes(vec![packed_answer(body)]);
        let error = egress().send(get(server.url("/")), &context(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (kind, Sent::Answered), "{error}");
    }
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"]);
    assert_eq!(egress().send(get(server.url("/")), &context(&server)).await.unwrap_err().kind, CallErrorKind::Protocol);
}

#[tokio::test]
async fn a_call_ends_at_its_time_limit_and_says_how_far_it_got() {
    for (answer, sent) in [("", Sent::Maybe), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Sent::Answered)] {
        let server = Served::hanging_after(answer);
        let mut context = context(&server);
        context.time_limit = Duration::from_millis(300);
        let error = egress().send(post(server.url("/")), &context).await.unwrap_err();
        assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Timeout, sent, true), "{error}");
    }
}

#[tokio::test]
async fn broken_connections_are_told_apart() {
    for (answer, kind, sent, retryable) in [
        ("", CallErrorKind::Connection, Sent::Maybe, true),
        ("HTTP/1.1 200 OK\r\nContent-Le", CallErrorKind::Connection, Sent::Maybe, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CallErrorKind::Connection, Sent::Answered, true),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", CallErrorKind::Protocol, Sent::Maybe, false),
    ] {
        let server = Served::answering(&[answer]);
        let error = egress().send(post(server.url("/")), &context(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.sent, error.retryable), (kind, sent, retryable), "{answer:?}: {error}");
    }
    let nowhere = Egress::with_lookup(&EgressRules::default(), Script::new(&[&[]])).unwrap();
    let error = nowhere.send(post("https://nowhere.test/".into()), &context(&Served::silent())).await.unwrap_err();
    assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Connection, Sent::No, true), "{error}");
    assert!(error.message.contains("could not be resolved"), "{error}");

    let gone = Served::silent();
    let (url, context) = (gone.url("/"), context(&gone));
    drop(gone);
    let error = egress().send(post(url), &context).await.unwrap_err();
    assert_eq!((error.kind, error.sent, error.retryable), (CallErrorKind::Connection, Sent::No, true), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let server = Served::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let mut request = get(server.url("/").replace("http:", "https:"));
    request.headers.push(bearer("desk"));
    let context = with_secret(context(&server), "desk", "topsecret", &[&server.endpoint()]);
    let error = egress().send(request, &context).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (CallErrorKind::Connection, Sent::No), "{error}");
    assert!(!server.everything().contains("topsecret"));
}

#[tokio::test]
async fn headers_that_are_not_the_callers_are_refused() {
    let server = Served::silent();
    for (name, value) in [
        ("Host", "evil.test"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Idempotency-Key", "mine"),
        ("Proxy-Authorization", "x"),
        ("bad name", "x"),
        ("X", "a\r\nY: b"),
        ("X", "a\nb"),
    ] {
        let mut request = get(server.url("/"));
        request.headers.push((name.into(), value.into()));
        let error = egress().send(request, &context(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (CallErrorKind::Arguments, Sent::No), "{name}: {error}");
    }
    for method in ["CONNECT", "TRACE", "get", "", "GET / HTTP/1.1"] {
        let request = OutgoingRequest { method: method.into(), ..get(server.url("/")) };
        assert_eq!(egress().send(request, &context(&server)).await.unwrap_err().kind, CallErrorKind::Arguments, "{method}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn people_are_told_early_what_cannot_be_called() {
    let none = EgressRules::default();
    assert!(egress().check("https://api.example.com/v1", &none).is_ok());
    assert_eq!(egress().check("http://10.0.0.1/", &none).unwrap_err().kind, CallErrorKind::Refused);
    assert!(Egress::new(&EgressRules { allow: vec!["nonsense".into()], deny: vec![] }).is_err());
    let may_go = |url: &str| egress().check_credential("desk", &["api.example.com".to_owned()], url, &none).map_err(|error| error.kind);
    assert_eq!(may_go("https://api.example.com/v1"), Ok(()));
    assert_eq!(may_go("https://example.com/v1"), Err(CallErrorKind::Credential));
    assert_eq!(may_go("http://api.example.com/v1"), Err(CallErrorKind::Credential), "not in the clear");
    assert_eq!(may_go("https://10.0.0.1/"), Err(CallErrorKind::Refused));
}
