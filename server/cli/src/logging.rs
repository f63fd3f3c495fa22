//! The log: one JSON object a line on standard error, or text where a person looks on.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::{Failure, config::Log};

/// What is logged, and whether as JSON.
fn meaning(log: &Log) -> Result<(EnvFilter, bool), Failure> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| Failure::new(format!("log.level is `{}`: {error}.", log.level)))?;
    let json = match log.format.as_str() {
        "json" => true,
        "text" => false,
        "auto" => !std::io::stderr().is_terminal(),
        other => return Err(Failure::new(format!("log.format is `{other}`; it can be json, text or auto."))),
    };
    Ok((filter, json))
}

/// Refuses what cannot be meant.
pub(crate) fn check(log: &Log) -> Result<(), Failure> {
    meaning(log).map(drop)
}

/// Starts the log of this process.
pub(crate) fn start(log: &Log) -> Result<(), Failure> {
    let (filter, json) = meaning(log)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    let started = if json { builder.json().flatten_event(true).try_init() } else { builder.compact().try_init() };
    started.map_err(|error| Failure::new(format!("The log cannot be started: {error}.")))
}
