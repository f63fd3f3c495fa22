//! The binary `mandate`: reads the configuration, holds the keys, wires the rooms together and runs the commands that work
//! on the machine itself; and it is a client of the API ([`client`]).
//!
//! Every failure ends in a sentence on standard error that says what to do, and an exit code ([`failure`]).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod audit;
mod backup;
mod client;
mod completion;
mod config;
mod demo;
mod doctor;
mod failure;
mod help;
mod keys;
mod logging;
mod serve;
mod sources;
mod tenant;
mod terminal;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{FromArgMatches, Parser, Subcommand};

use failure::Failure;

/// Runs AI-agent workflows that a company can sign off on.
#[derive(Debug, Parser)]
#[command(name = "mandate", version, propagate_version = true, about = "Runs AI-agent workflows that a company can sign off on.")]
struct Arguments {
    /// The configuration file; without one the defaults hold, and `mandate.toml` here is read if it is there.
    #[arg(long, global = true, value_name = "FILE", display_order = 91)]
    config: Option<PathBuf>,
    #[command(flatten)]
    common: client::Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    #[command(after_help = "Examples:\n  mandate serve --config /etc/mandate/mandate.toml\n  mandate serve --rehearsal")]
    Serve {
        /// Start the rehearsal services too, and open their ports for this process: an invoice book, a payment desk, a
        /// tracker and a scripted model, all of them look-alikes.
        #[arg(long)]
        rehearsal: bool,
    },
    /// Serve a folder of samples: two tenants, people in every role, and weeks of past runs. On this machine only.
    #[command(after_help = "Examples:\n  mandate demo\n  mandate demo --directory /tmp/demo")]
    Demo(demo::Demo),
    /// Bring the database up to this version, and nothing else.
    #[command(after_help = "Examples:\n  mandate migrate --config /etc/mandate/mandate.toml")]
    Migrate,
    /// Print a configuration file with every key and what holds without it.
    #[command(after_help = "Examples:\n  mandate config > mandate.toml")]
    Config,
    /// Show the configuration with its sources and check what a server needs, without changing anything. The server may be
    /// running. The exit code is 1 when a check failed.
    #[command(after_help = "Examples:\n  mandate doctor\n  mandate doctor --json | jq '.checks[] | select(.state != \"ok\")'")]
    Doctor {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Write the database and, encrypted in a file of their own, the keys to a new folder. The server may be running.
    #[command(
        after_help = "Examples:\n  mandate backup backups/2026-11-24 --recipient age1…\n  mandate backup backups/2026-11-24 --passphrase-file FILE"
    )]
    Backup(backup::Backup),
    /// Put a backup into an empty data folder.
    #[command(after_help = "Examples:\n  mandate restore backups/2026-11-24 --identity-file FILE")]
    Restore(backup::Restore),
    /// Tenants of this installation.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Print what a shell needs to complete our command lines.
    #[command(after_help = "\
Examples:
  source <(mandate completion bash)
  mandate completion zsh > \"${fpath[1]}/_mandate\"
  mandate completion fish > ~/.config/fish/completions/mandate.fish")]
    Completion {
        /// The shell.
        shell: completion::Kind,
    },
    /// What a server is asked.
    #[command(flatten)]
    Client(client::Command),
    /// Audit logs: export, and verify an export offline.
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
enum Tenant {
    /// Print a one-time link that makes a further tenant.
    #[command(after_help = "Examples:\n  mandate tenant invite --config /etc/mandate/mandate.toml")]
    Invite,
}

#[derive(Debug, Subcommand)]
enum Audit {
    Export(client::export::Export),
    /// Check an exported log offline: every row, their order, and that none is missing in between.
    #[command(after_help = "Examples:\n  mandate audit verify audit.jsonl")]
    Verify {
        /// The JSONL export.
        file: PathBuf,
    },
}

/// The example of a configuration: what `mandate config` prints.
const EXAMPLE: &str = include_str!("../../../deploy/mandate.toml");
/// How long threads that compute may go on when everything else has ended.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let matches = help::command().get_matches();
    let ended = Arguments::from_arg_matches(&matches).map_or_else(|error| error.exit(), run);
    let Err(Failure { sentence, exit }) = ended else { return ExitCode::SUCCESS };
    if !sentence.is_empty() {
        terminal::tell(&format!("mandate: {sentence}"));
    }
    ExitCode::from(exit as u8)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { config: file, common, command } = arguments;
    help::refuse_what_means_nothing(&command, file.as_deref(), &common)?;
    // These work without configuration and without a database, anywhere.
    match &command {
        Command::Audit(Audit::Verify { file }) => return audit::verify(file),
        Command::Config => return terminal::print(EXAMPLE),
        Command::Completion { shell } => return completion::completion(*shell, help::command()),
        _ => {}
    }
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(format!("The system does not let this process start threads: {error}.")))?;
    let file = file.as_deref();
    let read = || sources::read(file);
    let ended = runtime.block_on(async {
        match command {
            Command::Serve { rehearsal } => serve::serve(read()?, rehearsal).await,
            Command::Demo(demo) => demo::demo(read()?, demo).await,
            Command::Migrate => serve::migrate(read()?).await,
            Command::Doctor { json } => doctor::doctor(file, json).await,
            Command::Backup(backup) => backup::backup(read()?, backup).await,
            Command::Restore(restore) => backup::restore(read()?, restore).await,
            Command::Tenant(Tenant::Invite) => tenant::invite(&read()?),
            Command::Client(command) => client::command(command, common).await,
            Command::Audit(Audit::Export(export)) => client::export::export(export, &common).await,
            Command::Audit(Audit::Verify { .. }) | Command::Config | Command::Completion { .. } => Ok(()),
        }
    });
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}
