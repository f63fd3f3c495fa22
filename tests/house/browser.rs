//! The journeys through a real browser: each is a file of `tests/browser/`, run by node against a server of its own.
//!
//! What lives here: starting the binary on free ports with a folder of its own, running one journey, stopping both. What
//! happens on the pages is in the journeys; `tests/browser/house.mjs` is what they share. A new journey is a file there and
//! a test here.
//!
//! A journey may write the line `@restart` to its standard output: the server is killed as `kill -9` does and started again
//! on the same ports and folder, then the journey reads `@restarted` from its standard input.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

/// Ports that other processes may take between the look and the start: how often another set is tried.
const TRIES: usize = 5;
/// Lines of the server's log that are shown when a journey fails.
const LOG_LINES: usize = 40;

/// The ports of one server, and one for what the journey itself serves.
#[derive(Clone, Copy)]
struct Ports {
    server: u16,
    invoice_book: u16,
    payment_desk: u16,
    model: u16,
    journey: u16,
}

impl Ports {
    /// Ports that are free now. All are held until the last is known, so that no two are the same.
    fn free() -> Self {
        let held: Vec<TcpListener> = (0..5).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let [server, invoice_book, payment_desk, model, journey] = [0, 1, 2, 3, 4].map(|index| held[index].local_addr().unwrap().port());
        Self { server, invoice_book, payment_desk, model, journey }
    }
}

/// A server that ends with this value.
struct Server {
    child: Child,
    folder: PathBuf,
    ports: Ports,
    /// The first line, which says where to go.
    first_line: String,
}

impl Server {
    fn fresh(folder: &Path) -> Self {
        for _ in 0..TRIES {
            if folder.exists() {
                fs::remove_dir_all(folder).unwrap();
            }
            fs::create_dir_all(folder).unwrap();
            if let Some(server) = Self::start(folder, Ports::free()) {
                return server;
            }
        }
        panic!("the server does not start; its log:\n{}", log_end(folder));
    }

    /// Nothing when it ends before its first line.
    fn start(folder: &Path, ports: Ports) -> Option<Self> {
        let log = File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
        let mut child = Command::new(binary())
            .args(["serve", "--rehearsal"])
            .envs(configuration(folder, ports))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(Ok(first_line)) = lines.next() else {
            child.wait().unwrap();
            return None;
        };
        // The rest is read, so that the server is never held up by a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Some(Self { child, folder: folder.to_owned(), ports, first_line })
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.kill();
        let (folder, ports) = (self.folder.clone(), self.ports);
        *self = Self::start(&folder, ports).unwrap_or_else(|| panic!("the server does not start again:\n{}", log_end(&folder)));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is no failure of the one who ends it.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn configuration(folder: &Path, ports: Ports) -> Vec<(&'static str, String)> {
    vec![
        ("MANDATE__SERVER__LISTEN", format!("127.0.0.1:{}", ports.server)),
        ("MANDATE__DATA__DIRECTORY", folder.join("data").display().to_string()),
        ("MANDATE__REHEARSAL__INVOICE_BOOK_PORT", ports.invoice_book.to_string()),
        ("MANDATE__REHEARSAL__PAYMENT_DESK_PORT", ports.payment_desk.to_string()),
        ("MANDATE__REHEARSAL__MODEL_PORT", ports.model.to_string()),
        ("MANDATE__EGRESS__ALLOW", format!("[\"127.0.0.1:{}\"]", ports.journey)),
    ]
}

/// The binary of this build, which `make test` builds before the tests.
fn binary() -> PathBuf {
    let here = env::current_exe().unwrap();
    let binary = here.ancestors().nth(2).unwrap().join("mandate");
    assert!(binary.is_file(), "{} is not there: run `cargo build --package cli` first, as `make test` does", binary.display());
    binary
}

fn log_end(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// Runs `tests/browser/<name>.mjs` against a fresh server and fails when it does, with all it said.
fn journey(name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{name}"));
    let mut server = Server::fresh(&folder);
    let link = server.first_line.split_whitespace().last().unwrap().to_owned();
    let browser = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let mut node = Command::new("node")
        .arg(format!("{name}.mjs"))
        .current_dir(&browser)
        .envs(configuration(&folder, server.ports))
        .env("JOURNEY_URL", format!("http://127.0.0.1:{}", server.ports.server))
        .env("JOURNEY_SETUP_LINK", link)
        .env("JOURNEY_BINARY", binary())
        .env("JOURNEY_FOLDER", &folder)
        .env("JOURNEY_PORT", server.ports.journey.to_string())
        .env("JOURNEY_INVOICE_BOOK", format!("http://127.0.0.1:{}", server.ports.invoice_book))
        .env("JOURNEY_PAYMENT_DESK", format!("http://127.0.0.1:{}", server.ports.payment_desk))
        .env("JOURNEY_MODEL", format!("http://127.0.0.1:{}", server.ports.model))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(folder.join("journey.log")).unwrap())
        .spawn()
        .expect("node starts; tests/set-up.sh installs it");
    let mut answers = node.stdin.take().unwrap();
    let mut said = String::new();
    for line in BufReader::new(node.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "@restart" {
            server.restart();
            writeln!(answers, "@restarted").unwrap();
        } else {
            writeln!(said, "{line}").unwrap();
        }
    }
    let ended = node.wait().unwrap();
    let complaints = fs::read_to_string(folder.join("journey.log")).unwrap();
    assert!(
        ended.success(),
        "{name}.mjs ended with {ended}.\n{said}{complaints}\nThe end of the server's log ({} has all):\n{}",
        folder.display(),
        log_end(&folder)
    );
    // Seen with `-- --nocapture`.
    println!("{said}");
}

#[test]
fn a_payment_goes_from_the_set_up_link_to_a_verified_audit_export() {
    journey("journey-payment");
}

#[test]
fn a_payment_is_started_approved_and_cancelled_without_javascript() {
    journey("no-javascript");
}

#[test]
fn every_page_is_accessible_clean_and_fits_in_both_schemes_and_widths() {
    journey("pages");
}

#[test]
fn a_live_page_comes_back_by_itself_after_the_server_was_killed() {
    journey("stream");
}
