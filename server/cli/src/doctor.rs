//! `mandate doctor`: what holds, where it comes from, and what is wrong, without changing anything. The server may be running.
//!
//! A check looks at one thing and says in a sentence how it is. Three states: `ok`, `warning` for what works and may not be meant,
//! `failed` for what a server would stumble over; one that failed makes the command fail. To add a check, add a function and its
//! line in [`checks`].

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream, ToSocketAddrs as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};

use database::{Inspection, Location, OpenError};
use domain::machine::SystemClock;
use platform::readiness::check_clock;
use serde::Serialize;
use tools::Egress;

use crate::{
    Failure, keys, logging, serve,
    sources::{Shown, Sources},
    terminal,
};

/// How long somebody elsewhere may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Free space below which a server stands still soon.
const LITTLE: u64 = 1 << 30;
/// Free space below which a database cannot even tidy up.
const TOO_LITTLE: u64 = 100 << 20;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warning,
    Failed,
}

/// What was looked at, and how it is.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

/// What a check found: `Err` is a failure.
type Found = Result<(State, String), String>;

#[expect(clippy::unnecessary_wraps, reason = "the last word of checks that can fail")]
fn ok(detail: impl Into<String>) -> Found {
    Ok((State::Ok, detail.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "the last word of checks that can fail")]
fn warning(detail: impl Into<String>) -> Found {
    Ok((State::Warning, detail.into()))
}

#[derive(Debug, Serialize)]
struct Report {
    healthy: bool,
    configuration: Vec<Shown>,
    checks: Vec<Check>,
}

/// Looks at everything, says it, and fails when something is wrong.
pub(crate) async fn doctor(file: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let (configuration, checks) = match Sources::read(file) {
        Ok(sources) => (sources.shown()?, checks(&sources).await),
        Err(Failure { sentence: detail, .. }) => (Vec::new(), vec![Check { name: "configuration", state: State::Failed, detail }]),
    };
    let failed: Vec<&str> = checks.iter().filter(|check| check.state == State::Failed).map(|check| check.name).collect();
    let result = match failed.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::new(format!("A check failed: {one}."))),
        several => Err(Failure::new(format!("{} checks failed: {}.", several.len(), several.join(", ")))),
    };
    let report = Report { healthy: failed.is_empty(), configuration, checks };
    if as_json {
        terminal::json(&report)?;
    } else {
        terminal::print(&text(&report))?;
    }
    result
}

fn text(report: &Report) -> String {
    let value = |shown: &Shown| match &shown.value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let (keys, values) = (
        width(&mut report.configuration.iter().map(|shown| shown.key.chars().count())),
        width(&mut report.configuration.iter().map(|shown| value(shown).chars().count())),
    );
    let mut lines = Vec::new();
    for shown in &report.configuration {
        lines.push(format!("{:keys$}  {:values$}  {}", shown.key, value(shown), shown.source));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let names = width(&mut report.checks.iter().map(|check| check.name.chars().count()));
    for check in &report.checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
        };
        lines.push(format!("{state:7}  {:names$}  {}", check.name, check.detail));
    }
    lines.push(String::new());
    lines.join("\n")
}

async fn checks(sources: &Sources) -> Vec<Check> {
    let config = &sources.config;
    let mut all = vec![("configuration", configuration(sources))];
    if let Ok(location) = config.location() {
        let is_fresh = matches!(&location, Location::Sqlite { path } if !path.exists());
        all.push(("keys", key_file(&config.key_file(), is_fresh)));
        all.push(("data folder", data_folder(&config.data.directory)));
        if is_fresh {
            all.push(("database", ok("There is none yet: the first start makes it.")));
        } else {
            let seen = database::inspect(&location, &SystemClock).await;
            all.push(("database", database_found(&location, &seen)));
            all.push(("clock", clock(&seen)));
        }
    }
    all.push(("disk", disk(&config.data.directory)));
    if let Ok(smtp) = config.smtp() {
        all.push(("mail", mail(smtp).await));
    }
    let listen = config.server.listen.clone();
    let port = tokio::task::spawn_blocking(move || port(&listen)).await;
    all.push(("port", port.unwrap_or_else(|error| Err(error.to_string()))));
    let check = |(name, found): (&'static str, Found)| {
        let (state, detail) = found.unwrap_or_else(|detail| (State::Failed, detail));
        Check { name, state, detail }
    };
    all.into_iter().map(check).collect()
}

/// Whether a server could mean every value.
fn configuration(sources: &Sources) -> Found {
    let config = &sources.config;
    let mut wrong = Vec::new();
    let mut note = |result: Result<(), Failure>| wrong.extend(result.err().map(|failure| failure.sentence));
    note(config.location().map(drop));
    note(config.smtp().map(drop));
    note(config.quotas().map(drop));
    note(config.limits().map(drop));
    note(config.metrics_token().map(drop));
    note(config.stop_within().map(drop));
    note(config.trusted_proxies().map(drop));
    note(logging::check(&config.log));
    note(config.public_url().and_then(|public_url| {
        tools::install_crypto();
        Egress::new(&serve::egress_rules(config, &public_url, None))
            .map(drop)
            .map_err(|error| Failure::new(format!("egress.allow cannot be used: {error}.")))
    }));
    if wrong.is_empty() { ok("Every value can be used.") } else { Err(wrong.join(" ")) }
}

/// Whether the keys are there and nobody else can read them.
fn key_file(path: &Path, is_fresh: bool) -> Found {
    if is_fresh && !path.exists() {
        return ok("There are none yet: the first start makes them.");
    }
    keys::read(path).map_err(|failure| failure.sentence)?;
    ok(format!("{} can be used, and only its owner can read it.", path.display()))
}

fn data_folder(path: &Path) -> Found {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(folder) if !folder.is_dir() => Err(format!("{shown} is no folder.")),
        Ok(folder) if folder.mode() & 0o077 != 0 => {
            warning(format!("Others of this machine can look into {shown}: run `chmod 700 {shown}`."))
        }
        Ok(_) => ok(format!("Only its owner can look into {shown}.")),
        Err(error) if error.kind() == ErrorKind::NotFound => ok(format!("{shown} is not there yet: the first start makes it.")),
        Err(error) => Err(format!("{shown} cannot be looked at: {error}.")),
    }
}

fn database_found(location: &Location, seen: &Result<Inspection, OpenError>) -> Found {
    let Inspection { migration, known, .. } = seen.as_ref().map_err(ToString::to_string)?;
    if migration > known {
        return Err(OpenError::Newer { found: *migration, known: *known }.to_string());
    }
    if migration < known {
        return warning(format!(
            "{location:?} is at migration {migration} and this version knows {known}: the next start, or `mandate migrate`, brings it there."
        ));
    }
    ok(format!("{location:?} is whole and at migration {migration}, the newest."))
}

fn clock(seen: &Result<Inspection, OpenError>) -> Found {
    let Ok(Inspection { clock, .. }) = seen else { return warning("The database cannot be asked.") };
    check_clock(*clock).map_err(|unready| format!("{unready}."))?;
    match clock {
        Some(offset) => ok(format!("It is {:.3} s from the database's.", offset.apart.as_secs_f64())),
        None => ok("The database has no other."),
    }
}

/// Whether there is room where the data are, or will be.
fn disk(folder: &Path) -> Found {
    let absolute = std::path::absolute(folder).map_err(|error| format!("{} is no place: {error}.", folder.display()))?;
    let there = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let shown = there.display();
    let room = rustix::fs::statvfs(there).map_err(|error| format!("The room at {shown} cannot be told: {error}."))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let said = format!("{} MiB are free at {shown}.", free >> 20);
    match free {
        0..TOO_LITTLE => Err(said),
        TOO_LITTLE..LITTLE => warning(said),
        _ => ok(said),
    }
}

async fn mail(smtp: Option<platform::Smtp>) -> Found {
    let Some(smtp) = smtp else {
        return warning("There is no mail server: mail stays in the local mailbox, and nobody elsewhere is told of an approval.");
    };
    let server = format!("{}:{}", smtp.host, smtp.port);
    match tokio::time::timeout(PATIENCE, smtp.reach()).await {
        Ok(Ok(())) => ok(format!("{server} answers.")),
        Ok(Err(reason)) => Err(format!("{server} cannot be used: {reason}.")),
        Err(_) => Err(format!("{server} did not answer within {} s.", PATIENCE.as_secs())),
    }
}

/// Whether a server could listen, or one of ours does.
fn port(listen: &str) -> Found {
    let taken = match TcpListener::bind(listen) {
        Ok(_) => return ok(format!("{listen} is free.")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => error,
        Err(error) => return Err(format!("Nobody can listen on {listen}: {error}.")),
    };
    match answer_of(listen) {
        Some(answer) if answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nready\n") => {
            ok(format!("A server answers on {listen} and is ready."))
        }
        Some(answer) if answer.ends_with("\r\n\r\nnot ready\n") => {
            Err(format!("A server answers on {listen} and is not ready: its log says why."))
        }
        _ => Err(format!("Another program listens on {listen} ({taken}): stop it, or set server.listen to another.")),
    }
}

/// What answers `/readyz` there.
fn answer_of(listen: &str) -> Option<String> {
    let address = listen.to_socket_addrs().ok()?.next()?;
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    connection.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.take(64 << 10).read_to_string(&mut answer).ok()?;
    Some(answer)
}
