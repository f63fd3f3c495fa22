//! Programs beside the tests: the binary of this build, and small servers in node. Each ends with its value.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::Duration,
};

use database::Location;
use tokio::sync::mpsc;

use super::PATIENCE;

/// A running program whose standard output is read line by line.
pub struct Program {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    errors: Option<thread::JoinHandle<String>>,
    /// What hangs on its standard input ends when this is dropped.
    input: Option<ChildStdin>,
}

impl Program {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, lines) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        let mut output = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = output.read_to_string(&mut text);
            text
        });
        let input = child.stdin.take();
        Self { child, lines, errors: Some(errors), input }
    }

    /// The next line it says; nothing when it ended.
    pub async fn line(&mut self) -> Option<String> {
        self.line_within(PATIENCE).await
    }

    /// The same of one that may be silent for this long.
    pub async fn line_within(&mut self, silence: Duration) -> Option<String> {
        tokio::time::timeout(silence, self.lines.recv()).await.expect("a line in time")
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("its standard input"), "{line}").unwrap();
    }

    /// The next line that contains this, those before it left out.
    pub async fn line_with(&mut self, part: &str) -> String {
        loop {
            match self.line().await {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => panic!("it ended without saying `{part}`: {}", self.log()),
            }
        }
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it wrote to its standard error, once it has ended.
    pub fn log(&mut self) -> String {
        self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default()
    }

    /// Asks it to stop, as a supervisor does.
    pub fn terminate(&self) {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Asks it to stop and waits until it has, in good order.
    pub fn stop(&mut self) {
        self.terminate();
        let ended = self.ended();
        assert!(ended.success(), "{ended}: {}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary of this build, which `make test` builds before the tests.
pub fn mandate() -> Command {
    let here = env::current_exe().unwrap();
    let binary = here.ancestors().nth(2).unwrap().join("mandate");
    assert!(binary.is_file(), "{} is not there: run `cargo build --package cli` first, as `make test` does", binary.display());
    let mut command = Command::new(binary);
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("MANDATE_")) {
        command.env_remove(name);
    }
    command
}

/// The same in a folder of its own, listening on this port of loopback.
pub fn mandate_in(folder: &Path, port: u16) -> Command {
    let mut command = mandate();
    command
        .current_dir(folder)
        .env("MANDATE__SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .env("MANDATE__DATA__DIRECTORY", folder.join("data"))
        .env("MANDATE__LIMITS__ADDRESS_PER_MINUTE", u32::MAX.to_string())
        .env("MANDATE__LIMITS__ADDRESS_BURST", u32::MAX.to_string())
        .env("MANDATE__LOG__LEVEL", "warn");
    command
}

/// The same server on a PostgreSQL database.
pub fn on_postgres(mut command: Command, location: &Location) -> Command {
    let Location::Postgres { owner_url, app_url, system_url } = location else { panic!("three logins") };
    for (login, url) in [("OWNER", owner_url), ("APP", app_url), ("SYSTEM", system_url)] {
        command.env(format!("MANDATE__DATABASE__{login}_URL"), url);
    }
    command
}

/// Runs a command to its end: its exit code and what it said.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A port of loopback that is free and stays so: each is given once, and the system gives none of these to a connection
/// that goes out, as it may with a port that somebody bound and let go of.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let offset = (std::process::id() as u16).wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + offset % 20_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A folder of the target folder, empty.
pub fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
