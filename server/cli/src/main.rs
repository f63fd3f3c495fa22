//! The binary `mandate`: reads the configuration, holds the keys, wires the rooms together and runs the commands
//! that work on the machine itself.
//!
//! Every failure ends in one sentence on standard error that says what to do, and an exit code: 1 for a failure, 2 for
//! a wrong command line.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod audit;
mod backup;
mod config;
mod demo;
mod doctor;
mod keys;
mod logging;
mod serve;
mod sources;
mod tenant;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

/// Runs AI-agent workflows that a company can sign off on.
#[derive(Debug, Parser)]
#[command(name = "mandate", version, about, propagate_version = true)]
struct Arguments {
    /// The configuration file; without one the defaults hold, and `mandate.toml` here is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve {
        /// Start the rehearsal services too, and open their ports for this process: an invoice book, a payment desk, a
        /// tracker and a scripted model, all of them look-alikes.
        #[arg(long)]
        rehearsal: bool,
    },
    /// Serve a folder of samples: two tenants, people in every role, and weeks of past runs. On this machine only.
    Demo(demo::Demo),
    /// Bring the database up to this version, and nothing else.
    Migrate,
    /// Print a configuration file with every key and what holds without it.
    Config,
    /// Show the configuration with its sources and check what a server needs, without changing anything. The server may be
    /// running. The exit code is 1 when a check failed.
    Doctor {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Write the database and, encrypted in a file of their own, the keys to a new folder. The server may be running.
    Backup(backup::Backup),
    /// Put a backup into an empty data folder.
    Restore(backup::Restore),
    /// Tenants of this installation.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Audit logs.
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
enum Tenant {
    /// Print a one-time link that makes a further tenant.
    Invite,
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// Check an exported log offline: every row, their order, and that none is missing in between.
    Verify {
        /// The JSONL export.
        file: PathBuf,
    },
}

/// The example of a configuration: what `mandate config` prints.
const EXAMPLE: &str = include_str!("../../../deploy/mandate.toml");
/// How long threads that compute may go on when everything else has ended.
const LAST_THREADS: Duration = Duration::from_secs(1);

/// A sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl Failure {
    fn new(sentence: impl ToString) -> Self {
        Self(sentence.to_string())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mandate: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    // These work without configuration and without a database, anywhere.
    match &arguments.command {
        Command::Audit(Audit::Verify { file }) => return audit::verify(file),
        Command::Config => {
            print!("{EXAMPLE}");
            return Ok(());
        }
        _ => {}
    }
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(format!("The system does not let this process start threads: {error}.")))?;
    let file = arguments.config.as_deref();
    let read = || sources::read(file);
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Serve { rehearsal } => serve::serve(read()?, rehearsal).await,
            Command::Demo(demo) => demo::demo(read()?, demo).await,
            Command::Migrate => serve::migrate(read()?).await,
            Command::Doctor { json } => doctor::doctor(file, json).await,
            Command::Backup(backup) => backup::backup(read()?, backup).await,
            Command::Restore(restore) => backup::restore(read()?, restore).await,
            Command::Tenant(Tenant::Invite) => tenant::invite(&read()?),
            Command::Audit(_) | Command::Config => Ok(()),
        }
    });
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}
