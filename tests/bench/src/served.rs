//! The real server as a process of its own, asked over HTTP: pages, starts of runs, sign-ins, open streams, and coming up again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use database::{
    Database, Housekeeping, Location, runs as rows,
    sessions::{self, NewSession},
    testing::TempDir,
    workflows,
};
use domain::{
    Actor, Clock, Entropy, Scope,
    audit::{AuditEvent, AuditEvents},
    machine::{OsEntropy, SystemClock},
    permission::{WorkflowExecute, WorkflowRead},
};
use engine::Letter;
use futures_util::StreamExt;
use platform::{Platform, access::MemberDoor};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Map, Value, json};
use vault::Token;

use crate::{
    fixture::{self, WAITS},
    memory::resident_mib_of,
};

const PASSWORD: &str = "harbour violet trombone 7";
const EMAIL: &str = "ada@acme.example";

/// One step that needs nobody, so that a run is over as soon as it was taken up.
const SAYS: &str = "---
workflow: {id: says, name: Says something}
---

## 1. Say it

```yaml
action: workflow.log
inputs: {message: there}
```
";

/// What is asked again and again, by how many at a time.
const CONNECTIONS: usize = 50;

/// A served house with one tenant, stopped when it is dropped.
struct Served {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
    http: reqwest::Client,
    cookie: String,
    key: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Served {
    /// Sets a house up and saves two workflows, `says` and `waits`.
    async fn new() -> Self {
        let (_, folder) = database::testing::sqlite();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let http = client();
        let mut served = Self { folder, port, server: None, http, cookie: String::new(), key: String::new() };
        let (line, _) = served.start();
        let link = line.rsplit('/').next().unwrap().to_owned();
        let form =
            [("tenant_name", "Acme"), ("slug", "acme"), ("name", "Ada"), ("email", EMAIL), ("password", PASSWORD), ("samples", "false")];
        let answer = served.send(served.form(&format!("/setup/{link}"), &form)).await;
        served.cookie = session_in(&answer);
        let fields: Vec<(&str, &str)> = [("of", "acme"), ("name", "bench"), ("days", "7")]
            .into_iter()
            .chain(domain::Permission::ALL.iter().map(|permission| ("scopes", permission.name())))
            .collect();
        let made = served.posted("/account/keys", &fields).await;
        let at = made.find("mdk_").expect("a key");
        made[at..at + 90].clone_into(&mut served.key);
        for source in [SAYS, WAITS] {
            served.posted("/t/acme/workflows", &[("source", source), ("act", "publish")]).await;
        }
        served
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("served")
    }

    /// Starts the server; gives the line that says it is ready, and how long that took.
    fn start(&mut self) -> (String, Duration) {
        let mut command = Command::new(binary());
        command
            .args(["serve", "--rehearsal"])
            .current_dir(self.folder.path())
            .env("MANDATE__SERVER__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("MANDATE__DATA__DIRECTORY", self.data())
            // So that a flood can come from many addresses.
            .env("MANDATE__SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]")
            .env("MANDATE__LOG__LEVEL", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        // All of it comes from one address.
        for limit in ["ADDRESS_PER_MINUTE", "ADDRESS_BURST", "KEY_PER_MINUTE", "KEY_BURST"] {
            command.env(format!("MANDATE__LIMITS__{limit}"), u32::MAX.to_string());
        }
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).find(|line| line.contains("Mandate is ready")).expect("a server that gets ready");
        let took = begun.elapsed();
        // What else it says has to go somewhere.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.server = Some(child);
        (ready, took)
    }

    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let _gone = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        let _ended = server.wait();
    }

    fn resident_mib(&self) -> f64 {
        resident_mib_of(&self.server.as_ref().unwrap().id().to_string())
    }

    fn page(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.origin())).header(header::COOKIE, format!("sid={}", self.cookie))
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut body = String::new();
        for (name, value) in fields {
            let _infallible = write!(body, "&{name}={}", percent_encoded(value));
        }
        self.http
            .post(format!("{}{path}", self.origin()))
            .header("sec-fetch-site", "same-origin")
            .header(header::ORIGIN, self.origin())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.trim_start_matches('&').to_owned())
    }

    async fn send(&self, request: RequestBuilder) -> reqwest::Response {
        let answer = request.send().await.unwrap();
        assert!(answer.status().as_u16() < 400, "{}: {}", answer.url().path().to_owned(), answer.status());
        answer
    }

    /// Sends a form as whoever is signed in; gives the text of the answer.
    async fn posted(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let page = self.send(self.page("/account")).await.text().await.unwrap();
        let at = page.find("name=\"csrf\" value=\"").expect("a form with a token") + 19;
        let token = page[at..].split('"').next().unwrap();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", token)]).collect();
        let request = self.form(path, &fields).header(header::COOKIE, format!("sid={}", self.cookie));
        self.send(request).await.text().await.unwrap()
    }

    fn api(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.origin())).bearer_auth(&self.key)
    }

    async fn runs(&self, status: &str) -> Vec<Value> {
        let answer = self.send(self.api(Method::GET, &format!("/runs?status={status}&limit=1"))).await;
        answer.json::<Value>().await.unwrap()["items"].as_array().unwrap().clone()
    }

    /// The house without its server, while nobody serves.
    async fn platform(&self) -> Platform {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let location = Location::Sqlite { path: self.data().join("mandate.db") };
        let database = Database::open(location, database::Settings::new(Arc::clone(&clock), Arc::clone(&entropy))).await.unwrap();
        fixture::platform_over(database, clock, entropy)
    }

    /// Signs the first person in that often while nobody serves; gives the cookies.
    async fn sessions(&self, count: usize) -> Vec<String> {
        let platform = self.platform().await;
        let person = platform.session(&self.cookie).await.unwrap().unwrap().session.person;
        let mut cookies = Vec::with_capacity(count);
        let mut tx = platform.database().system().await.unwrap();
        for _ in 0..count {
            let token = Token::generate(&OsEntropy);
            let session = NewSession {
                id: platform.new_id(),
                person,
                token_hash: token.hash(),
                created_at: platform.now(),
                expires_at: platform.now().after(Duration::from_hours(1)),
                address: None,
                agent: None,
            };
            sessions::create(&mut tx, &session).await.unwrap();
            cookies.push(token.text().expose().to_owned());
        }
        tx.housekeep(Housekeeping::Sessions).await.unwrap();
        cookies
    }

    /// Accepts that many runs while nobody serves: many in one commit.
    async fn accept(&self, workflow: &'static str, runs: usize) {
        let platform = self.platform().await;
        let signed_in = platform.session(&self.cookie).await.unwrap().unwrap();
        let actor = platform.actor(&signed_in, "acme", MemberDoor::Page, platform.new_request(None)).await.unwrap();
        let mut left = runs;
        while left > 0 {
            let together = left.min(500);
            accept_together(&platform, &actor, workflow, together).await;
            left -= together;
        }
    }
}

/// Accepts runs in one commit: as the pages do, but without looking at quotas and needs anew for each.
async fn accept_together(platform: &Platform, actor: &Actor, slug: &str, runs: usize) {
    let mut tx = platform.database().write(actor).await.unwrap();
    let scope = Scope::<WorkflowExecute>::of(actor, "run").unwrap();
    let found = workflows::find_by_slug(&mut tx, slug).await.unwrap().unwrap();
    let workflow = found.authorize::<WorkflowExecute>(actor).unwrap().into_inner();
    let version = workflows::version(&mut tx, workflow.id, 1).await.unwrap().unwrap();
    let version = version.authorize::<WorkflowRead>(actor).unwrap().into_inner();
    let mut events = Vec::with_capacity(runs);
    for _ in 0..runs {
        let letter = Letter::Start { vars: Map::new(), tenant_slug: "acme".to_owned(), tenant_name: "Acme".to_owned() };
        let new = rows::NewRun {
            id: platform.new_id(),
            workflow: workflow.id,
            version: version.facts.id,
            plan_hash: version.facts.plan_hash.unwrap(),
            starter: actor.person().unwrap(),
            starter_label: actor.label().to_owned(),
            inputs: json!({}),
            start_key: None,
            accepted_at: platform.now(),
            letter_id: platform.new_id(),
            letter: serde_json::to_value(letter).unwrap(),
        };
        rows::accept(&mut tx, &scope, &new).await.unwrap();
        events.push(AuditEvent::done("workflow.executed", "run", new.id, &*workflow.name));
    }
    tx.commit(AuditEvents::several(events).unwrap()).await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "it asks our own server, and is no call of the product")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// The server of this build, which `make bench` builds first.
fn binary() -> std::path::PathBuf {
    let binary = std::env::current_exe().unwrap().parent().map(|folder: &Path| folder.join("mandate")).unwrap();
    assert!(binary.is_file(), "{} is not there: run `cargo build --release --package cli` first, as `make bench` does", binary.display());
    binary
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encoded).collect()
}

fn session_in(answer: &reqwest::Response) -> String {
    let mut cookies = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let session = cookies.find_map(|cookie| cookie.strip_prefix("sid=")).expect("a session");
    session.split(';').next().unwrap().to_owned()
}

/// How long answers took, and which they were.
#[derive(Default)]
struct Took {
    millis: Vec<f64>,
    statuses: BTreeMap<u16, usize>,
    seconds: f64,
}

impl Took {
    fn add(&mut self, status: StatusCode, begun: Instant) {
        self.millis.push(begun.elapsed().as_secs_f64() * 1_000.0);
        *self.statuses.entry(status.as_u16()).or_default() += 1;
    }

    fn said(&mut self) -> String {
        self.millis.sort_by(f64::total_cmp);
        let at = |share: f64| self.millis.get(((self.millis.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or_default();
        let statuses: Vec<String> = self.statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        format!(
            "p50 {:.1} ms, p99 {:.1} ms, {:.0} a second ({})",
            at(0.5),
            at(0.99),
            self.millis.len() as f64 / self.seconds,
            statuses.join(", ")
        )
    }
}

/// Asks `connections` at a time, for that long.
async fn asked(connections: usize, seconds: f64, request: RequestBuilder) -> Took {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let request = request.try_clone().unwrap();
            tokio::spawn(async move {
                let mut took = Took::default();
                while begun.elapsed().as_secs_f64() < seconds {
                    let asked = Instant::now();
                    let answer = request.try_clone().unwrap().send().await.unwrap();
                    let status = answer.status();
                    answer.bytes().await.unwrap();
                    took.add(status, asked);
                }
                took
            })
        })
        .collect();
    let mut all = Took::default();
    for task in tasks {
        let took = task.await.unwrap();
        all.millis.extend(took.millis);
        for (status, count) in took.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
    }
    all.seconds = begun.elapsed().as_secs_f64();
    all
}

/// Pages and the API of a house in which that many runs are over, for `seconds` each.
pub async fn measure(runs: usize, seconds: f64) {
    let mut served = Served::new().await;
    served.stop();
    served.accept("says", runs).await;
    let browsers = served.sessions(OPEN_STREAMS.div_ceil(STREAMS_OF_A_SESSION)).await;
    let (_, ready) = served.start();
    let begun = Instant::now();
    while !served.runs("queued").await.is_empty() || !served.runs("running").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "served: {runs} runs of one step that were queued before the start; ready after {:.2} s, all over {:.1} s later",
        ready.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    let run = served.runs("completed").await[0]["id"].as_str().unwrap().to_owned();
    for (name, path) in [
        ("home", "/t/acme".to_owned()),
        ("runs", "/t/acme/runs".to_owned()),
        ("runs searched for a text", "/t/acme/runs?text=says&state=completed".to_owned()),
        ("a run", format!("/t/acme/runs/{run}")),
        ("approvals", "/t/acme/approvals".to_owned()),
        ("audit log", "/t/acme/audit".to_owned()),
    ] {
        let mut took = asked(CONNECTIONS, seconds, served.page(&path)).await;
        println!("page, {CONNECTIONS} at a time, {runs} runs stored: {name}: {}", took.said());
    }
    let start = served.api(Method::POST, "/runs").json(&json!({"workflow": "says", "inputs": {}}));
    let mut took = asked(CONNECTIONS, seconds, start).await;
    println!("start of a run by the API, {CONNECTIONS} at a time: {}", took.said());
    streams(&served, &browsers).await;
    flood(&served).await;
}

/// 200 sign-ins at once, each of another account and from another network, while others look at pages. None of the accounts
/// exists, which costs as much as one that does.
async fn flood(served: &Served) {
    const AT_ONCE: usize = 200;
    let looking = tokio::spawn(asked(5, 10.0, served.page("/t/acme/runs")));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let email = format!("person-{number}@acme.example");
            let sign_in = served.form("/sign-in", &[("email", &email), ("password", PASSWORD), ("next", "")]);
            let sign_in = sign_in.header("x-forwarded-for", format!("10.{number}.0.1"));
            tokio::spawn(async move {
                let asked = Instant::now();
                let answer = sign_in.send().await.unwrap();
                (answer.status(), asked)
            })
        })
        .collect();
    let mut signed_in = Took::default();
    for task in tasks {
        let (status, asked) = task.await.unwrap();
        signed_in.add(status, asked);
    }
    signed_in.seconds = begun.elapsed().as_secs_f64();
    println!("{AT_ONCE} sign-ins at once: {}", signed_in.said());
    println!("pages meanwhile, 5 at a time: {}", looking.await.unwrap().said());
}

/// How many pages are open.
const OPEN_STREAMS: usize = 500;
/// How many of them one session may follow live.
const STREAMS_OF_A_SESSION: usize = 6;

/// What open pages of one run cost, in as many browsers as are needed for them.
async fn streams(served: &Served, browsers: &[String]) {
    let start = served.api(Method::POST, "/runs").json(&json!({"workflow": "waits", "inputs": {}}));
    let run = served.send(start).await.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    while served.runs("waiting").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = served.resident_mib();
    let mut open = Vec::with_capacity(OPEN_STREAMS);
    for cookie in browsers.iter().cycle().take(OPEN_STREAMS) {
        let address = format!("{}/t/acme/runs/{run}/live", served.origin());
        let answer = served.send(served.http.get(address).header(header::COOKIE, format!("sid={cookie}"))).await;
        let mut stream = answer.bytes_stream();
        // It is open once something came.
        let first = tokio::time::timeout(Duration::from_secs(30), stream.next()).await;
        open.push((stream, first.is_ok()));
    }
    let heard = open.iter().filter(|(_, heard)| *heard).count();
    println!(
        "streams: {before:.0} MiB resident before, {:.0} MiB with {OPEN_STREAMS} open streams ({heard} have said something)",
        served.resident_mib()
    );
}

/// Coming up with that many runs that wait.
pub async fn cold_start(runs: usize) {
    let mut served = Served::new().await;
    served.stop();
    served.accept("waits", runs).await;
    served.start();
    let begun = Instant::now();
    while !served.runs("queued").await.is_empty() || !served.runs("running").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("cold start: {runs} queued runs asked for their approval within {:.1} s of being ready", begun.elapsed().as_secs_f64());
    for _ in 0..3 {
        served.stop();
        let (_, ready) = served.start();
        let asked = Instant::now();
        served.send(served.page("/t/acme")).await;
        println!(
            "cold start with {runs} open runs: ready after {:.3} s, the first page {:.0} ms later, {:.0} MiB resident",
            ready.as_secs_f64(),
            asked.elapsed().as_secs_f64() * 1_000.0,
            served.resident_mib()
        );
    }
}
