//! A server that is told to stop, as a supervisor does it: with the real binary.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use database::{Database, Location};
use domain::machine::{OsEntropy, SystemClock};
use rehearsal::{Rehearsal, When};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::{
        Client, PASSWORD, PATIENCE,
        process::{Program, empty_folder, free_port, mandate_in, on_postgres},
    },
    payment::{SMALL, SOURCE, set_up_by_hand},
};

/// A server with a tenant that can pay invoices; the look-alikes live in this process.
struct Served {
    folder: PathBuf,
    port: u16,
    location: Option<Location>,
    allow: String,
    rehearsal: Rehearsal,
    program: Program,
    admin: Client,
}

impl Served {
    async fn new(name: &str, location: Option<Location>) -> Self {
        let rehearsal = Rehearsal::start(rehearsal::Config::default()).await.unwrap();
        let allow =
            [rehearsal.invoice_book(), rehearsal.payment_desk(), rehearsal.model()].map(|address| format!("{:?}", address.to_string()));
        let (folder, port, allow) = (empty_folder(name), free_port(), format!("[{}]", allow.join(",")));
        let mut program = Program::start(&mut command(&folder, port, &allow, location.as_ref()));
        let link = program.line_with("/setup/").await.split_whitespace().last().unwrap().to_owned();
        let nobody = Client::new(&format!("http://127.0.0.1:{port}"), None);
        let fields = [("tenant_name", "Acme"), ("slug", "acme"), ("name", "Ada"), ("email", "ada@acme.example"), ("password", PASSWORD)];
        let admin = nobody.with_cookie_of(&nobody.post(&link, &fields).await.expect(303));
        set_up_by_hand(&admin, &rehearsal).await;
        admin.post("/t/acme/workflows", &[("source", SOURCE), ("act", "publish")]).await.expect(303);
        Self { folder, port, location, allow, rehearsal, program, admin }
    }

    /// Starts a payment about which nobody is asked, and gives the page of its run.
    async fn pay(&self) -> String {
        self.rehearsal.model_says_next(r#"{"risk": "low", "reasons": []}"#);
        let fields = [("input.invoice_id", SMALL)];
        let form = self.admin.get("/t/acme/workflows/vendor-payment/runs/new").await.expect(200);
        let started = self.admin.submit(&form, "/t/acme/workflows/vendor-payment/runs", &fields).await.expect(303);
        started.location().to_owned()
    }

    async fn again(&mut self) {
        self.program = Program::start(&mut command(&self.folder, self.port, &self.allow, self.location.as_ref()));
        self.program.line_with("ready").await;
    }

    /// Waits until nobody is let in any more.
    async fn is_shut(&self) {
        let shut = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, shut).await.expect("it stops listening");
    }

    async fn until_paid(&self, run: &str) {
        let paid = async {
            while !self.admin.get(run).await.expect(200).words().contains("PAY-") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, paid).await.expect("the run ends");
    }

    fn payments(&self) -> Vec<u32> {
        self.rehearsal.payments().iter().map(|payment| payment.requests).collect()
    }
}

fn command(folder: &Path, port: u16, allow: &str, location: Option<&Location>) -> Command {
    let mut command = mandate_in(folder, port);
    command.env("MANDATE__EGRESS__ALLOW", allow).env("MANDATE__SERVER__STOP_SECONDS", "6").arg("serve");
    match location {
        Some(location) => on_postgres(command, location),
        None => command,
    }
}

#[tokio::test]
async fn what_is_being_answered_is_answered_and_nobody_else_is_let_in() {
    let mut served = Served::new("stop-answers", None).await;
    let body = format!("email=ada%40acme.example&password={}", PASSWORD.replace(' ', "+"));
    let (first, rest) = body.split_at(10);
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{first}",
        served.port,
        body.len()
    );
    let mut asked = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    asked.write_all(head.as_bytes()).await.unwrap();
    // Another answer shows that the first request has begun: one worker reads both.
    served.admin.get("/healthz").await.expect(200);
    served.program.terminate();
    served.is_shut().await;
    asked.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    asked.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 303") && answer.to_lowercase().contains("set-cookie: "), "{answer}");
    let ended = served.program.ended();
    assert!(ended.success(), "{ended}: {}", served.program.log());
    served.rehearsal.stop().await;
}

#[tokio::test]
async fn pages_that_are_followed_live_are_let_go_and_calls_that_are_out_are_waited_for() {
    let mut served = Served::new("stop-calls", None).await;
    let desk = served.rehearsal.payment_desk_stage();
    desk.hang_next(When::AfterWork);
    let run = served.pay().await;
    tokio::time::timeout(PATIENCE, desk.arrived(1)).await.expect("the payment is out");
    let mut stream = served.admin.stream(&format!("{run}/live")).await;
    assert!(stream.chunk().await.unwrap().is_some(), "it is followed live");
    served.program.terminate();
    served.is_shut().await;
    let cut = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(PATIENCE, cut).await.expect("the stream ends with the server, and not after it");
    desk.release();
    let ended = served.program.ended();
    assert!(ended.success(), "{ended}: {}", served.program.log());
    served.again().await;
    served.until_paid(&run).await;
    assert_eq!(served.payments(), [1], "the answer was recorded before the end, so nothing was sent again");
    served.program.stop();
    served.rehearsal.stop().await;
}

#[tokio::test]
async fn a_run_whose_call_never_ends_is_handed_over_in_time() {
    let location = database::testing::postgres().await;
    let mut served = Served::new("stop-leases", Some(location.clone())).await;
    let desk = served.rehearsal.payment_desk_stage();
    desk.hang_next(When::AfterWork);
    let run = served.pay().await;
    tokio::time::timeout(PATIENCE, desk.arrived(1)).await.expect("the payment is out");
    served.program.terminate();
    let ended = served.program.ended();
    assert!(ended.success(), "{ended}: {}", served.program.log());
    let settings = database::Settings::new(std::sync::Arc::new(SystemClock), std::sync::Arc::new(OsEntropy));
    let database = Database::open(location, settings).await.unwrap();
    let waits = database.backlog().await.unwrap();
    assert_eq!((waits.driven, waits.due), (0, 1), "another node takes it at once, without waiting for a lease to run out");
    database.close().await;
    desk.release();
    served.again().await;
    served.until_paid(&run).await;
    assert_eq!(served.payments(), [2], "sent again under its key, and paid once");
    served.program.stop();
    served.rehearsal.stop().await;
}

#[tokio::test]
async fn who_asks_twice_does_not_wait() {
    let mut served = Served::new("stop-twice", None).await;
    let desk = served.rehearsal.payment_desk_stage();
    desk.hang_next(When::BeforeWork);
    served.pay().await;
    tokio::time::timeout(PATIENCE, desk.arrived(1)).await.expect("the payment is out");
    served.program.terminate();
    served.is_shut().await;
    served.program.terminate();
    assert_eq!(served.program.ended().code(), Some(1));
    assert!(served.program.log().contains("asked to stop twice"));
    desk.release();
    served.rehearsal.stop().await;
}
