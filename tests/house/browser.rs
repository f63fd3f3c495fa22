//! The journeys through a real browser: each is a file of `tests/browser/`, run by node against a server of its own.
//!
//! What lives here: starting the binary on free ports with a folder of its own, running one journey, stopping both. What
//! happens on the pages is in the journeys; `tests/browser/house.mjs` is what they share. A new journey is a file there and
//! a test here.
//!
//! A journey may write the line `@restart` to its standard output: the server is killed as `kill -9` does and started again
//! on the same ports and folder, then the journey reads `@restarted` from its standard input.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::harness::process::{Program, empty_folder, mandate_in};

/// Ports that other processes may take between the look and the start: how often another set is tried.
const TRIES: usize = 5;
/// Lines of the server's log that are shown when a journey fails.
const LOG_LINES: usize = 40;
/// Far above what a journey takes from one line to the next.
const SILENCE: Duration = Duration::from_mins(15);

/// The ports of one server, and one for what the journey itself serves.
#[derive(Clone, Copy)]
struct Ports {
    server: u16,
    invoice_book: u16,
    payment_desk: u16,
    tracker: u16,
    model: u16,
    journey: u16,
}

impl Ports {
    /// Ports that are free now. All are held until the last is known, so that no two are the same.
    fn free() -> Self {
        let held: Vec<TcpListener> = (0..6).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let [server, invoice_book, payment_desk, tracker, model, journey] =
            [0, 1, 2, 3, 4, 5].map(|index| held[index].local_addr().unwrap().port());
        Self { server, invoice_book, payment_desk, tracker, model, journey }
    }
}

/// A server with the rehearsal services.
struct Server {
    program: Program,
    folder: PathBuf,
    ports: Ports,
    /// The first line, which says where to go.
    first_line: String,
}

impl Server {
    async fn fresh(name: &str) -> Self {
        let mut log = String::new();
        for _ in 0..TRIES {
            match Self::start(empty_folder(name), Ports::free()).await {
                Ok(server) => return server,
                Err(said) => log = said,
            }
        }
        panic!("the server does not start; its log:\n{log}");
    }

    /// What it wrote to its log when it ends before its first line.
    async fn start(folder: PathBuf, ports: Ports) -> Result<Self, String> {
        let mut program = Program::start(&mut command(&folder, ports));
        match program.line().await {
            Some(first_line) => Ok(Self { program, folder, ports, first_line }),
            None => Err(program.log()),
        }
    }

    async fn restart(&mut self) {
        self.program.kill();
        *self = Self::start(self.folder.clone(), self.ports).await.unwrap_or_else(|log| panic!("it does not start again:\n{log}"));
    }
}

fn command(folder: &Path, ports: Ports) -> Command {
    let mut command = mandate_in(folder, ports.server);
    command
        .args(["serve", "--rehearsal"])
        .env("MANDATE__REHEARSAL__INVOICE_BOOK_PORT", ports.invoice_book.to_string())
        .env("MANDATE__REHEARSAL__PAYMENT_DESK_PORT", ports.payment_desk.to_string())
        .env("MANDATE__REHEARSAL__TRACKER_PORT", ports.tracker.to_string())
        .env("MANDATE__REHEARSAL__MODEL_PORT", ports.model.to_string())
        .env("MANDATE__EGRESS__ALLOW", format!("[\"127.0.0.1:{}\"]", ports.journey));
    command
}

/// Runs `tests/browser/<name>.mjs` against a fresh server and fails when it does, with all it said.
async fn journey(name: &str) {
    let mut server = Server::fresh(&format!("browser-{name}")).await;
    let (ports, link) = (server.ports, server.first_line.split_whitespace().last().unwrap().to_owned());
    let mut node = Command::new("node");
    node.arg(format!("{name}.mjs")).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"));
    // What the journey runs of the binary works on the same installation.
    for (variable, value) in
        command(&server.folder, ports).get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    {
        node.env(variable, value);
    }
    node.env("JOURNEY_URL", format!("http://127.0.0.1:{}", ports.server))
        .env("JOURNEY_SETUP_LINK", link)
        .env("JOURNEY_BINARY", command(&server.folder, ports).get_program())
        .env("JOURNEY_FOLDER", &server.folder)
        .env("JOURNEY_PORT", ports.journey.to_string())
        .env("JOURNEY_INVOICE_BOOK", format!("http://127.0.0.1:{}", ports.invoice_book))
        .env("JOURNEY_PAYMENT_DESK", format!("http://127.0.0.1:{}", ports.payment_desk))
        .env("JOURNEY_MODEL", format!("http://127.0.0.1:{}", ports.model));
    let mut node = Program::start(&mut node);
    let mut said = String::new();
    while let Some(line) = node.line_within(SILENCE).await {
        if line == "@restart" {
            server.restart().await;
            node.say("@restarted");
        } else {
            said.push_str(&line);
            said.push('\n');
        }
    }
    let ended = node.ended();
    if !ended.success() {
        server.program.kill();
        let log = server.program.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        panic!("{name}.mjs ended with {ended}.\n{said}{}\nThe end of the server's log:\n{end}", node.log());
    }
    // Seen with `-- --nocapture`.
    println!("{said}");
}

#[tokio::test]
async fn a_payment_goes_from_the_set_up_link_to_a_verified_audit_export() {
    journey("journey-payment").await;
}

#[tokio::test]
async fn a_payment_is_started_approved_and_cancelled_without_javascript() {
    journey("no-javascript").await;
}

#[tokio::test]
async fn every_page_is_accessible_clean_and_fits_in_both_schemes_and_widths() {
    journey("pages").await;
}

#[tokio::test]
async fn a_live_page_comes_back_by_itself_after_the_server_was_killed() {
    journey("stream").await;
}
