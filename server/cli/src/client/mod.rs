//! The client of `/api/v1`: the same things as the pages and the API, for whoever sits at a shell and for scripts.
//!
//! `server.rs` says which server and with which key, `profiles.rs` keeps them, `http.rs` asks, and then there is one file a
//! noun. What is asked and answered are the API's own types (`web::api`): typed once, there. Data go to standard output,
//! words to standard error, and the exit code says how it ended ([`crate::failure`]).
//!
//! To add a command, add a variant to its noun with an example in its help, ask with [`http::Client`], show the answer to
//! people with [`crate::terminal`] and to programs as it came.

mod approval;
mod dry_run;
pub(crate) mod export;
mod follow;
mod given;
mod http;
mod list;
mod login;
mod plan;
mod profile;
mod profiles;
mod run;
mod server;
mod workflow;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use http::Client;
pub(crate) use profiles::ProfileName;

/// What holds for every command that asks a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The profile to use, instead of what the environment says and of the current one.
    #[arg(long, global = true, value_name = "NAME", display_order = 91)]
    pub(crate) profile: Option<ProfileName>,
    /// Say nothing but data and errors.
    #[arg(long, short, global = true, display_order = 92)]
    pub(crate) quiet: bool,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Shape {
    /// Print one JSON document, as the API gives it.
    #[arg(long, display_order = 90)]
    json: bool,
}

/// What a server is asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep a server and a key as a profile.
    Login(login::Login),
    /// Forget the key of a profile.
    Logout(login::Logout),
    /// Profiles: which servers and keys there are.
    #[command(subcommand)]
    Profile(profile::Command),
    /// Workflows: check a file, list, show.
    #[command(subcommand)]
    Workflow(workflow::Command),
    /// Runs: start, list, show, follow, cancel.
    #[command(subcommand)]
    Run(run::Command),
    /// Approvals: list, show, decide.
    #[command(subcommand)]
    Approval(approval::Command),
}

/// Does what was asked for.
pub(crate) async fn command(command: Command, common: Common) -> Result<(), Failure> {
    match command {
        Command::Login(login) => login::login(login, &common).await,
        Command::Logout(logout) => login::logout(&logout, &common),
        Command::Profile(command) => profile::command(command, &common),
        Command::Workflow(command) => workflow::command(command, &Client::open(&common)?).await,
        Command::Run(command) => run::command(command, &Client::open(&common)?).await,
        Command::Approval(command) => approval::command(command, &Client::open(&common)?).await,
    }
}

/// Waits for somebody to press Ctrl-C. Where nothing is waited for, the system ends the command.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// An amount of money as people read it.
fn dollars(amount: web::api::Dollars) -> String {
    format!("${}", amount.0.to_dollars())
}

/// A moment as people read it: to the second, in UTC.
fn moment(at: web::api::Moment) -> String {
    let text = at.0.to_string();
    format!("{}Z", text.get(..19).unwrap_or(&text))
}

/// The word by which the API spells a value.
fn spelled(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
