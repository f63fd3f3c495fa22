//! Measures what docs/benchmarks.md records, and prints it: `make bench`.
//!
//! One alone: `cargo run --release -p bench -- NAME` with a name of [`FIGURES`]. A new figure is a name there, a file with a
//! `measure`, and a section of docs/benchmarks.md.
//!
//! Each figure is a ratio to a peer in the same process and the same minutes, or an absolute with the machine's own limits
//! beside it. Nothing here asserts anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run has to stop"
)]
#![allow(clippy::print_stdout, reason = "the figures are the output")]

mod compile;
mod controls;
mod decisions;
mod disk;
mod expressions;
mod fixture;
mod hostile;
mod memory;
mod runs;
mod served;

use std::env;

use fixture::Engine;

/// What can be measured, in the order in which it is. Memory comes before anything else has used any.
const FIGURES: [&str; 14] = [
    "disk",
    "memory",
    "authorization",
    "compile",
    "expressions",
    "hostile",
    "sqlite-1",
    "sqlite-50",
    "postgres-1",
    "postgres-50",
    "sqlite-controls",
    "postgres-controls",
    "served",
    "cold-start",
];

/// What was asked for on the command line: `bench [SECONDS [RUNS]] [FIGURE …]`, figures and numbers in any order.
struct Asked {
    /// For each figure that is measured for a time.
    seconds: f64,
    /// How many runs are stored while pages are measured.
    runs: usize,
    /// All of them when none is named.
    figures: Vec<String>,
}

impl Asked {
    fn read() -> Self {
        let mut asked = Self { seconds: 10.0, runs: 100_000, figures: Vec::new() };
        let mut numbers = 0;
        for argument in env::args().skip(1) {
            if FIGURES.contains(&argument.as_str()) {
                asked.figures.push(argument);
            } else {
                let unknown = format!("seconds, then a number of runs, or one of {}", FIGURES.join(", "));
                if numbers == 0 {
                    asked.seconds = argument.parse().expect(&unknown);
                } else {
                    asked.runs = argument.parse().expect(&unknown);
                }
                numbers += 1;
            }
        }
        asked
    }

    fn wants(&self, figure: &str) -> bool {
        self.figures.is_empty() || self.figures.iter().any(|asked| asked == figure)
    }
}

#[tokio::main]
async fn main() {
    let asked = Asked::read();
    tools::install_crypto();
    database::testing::durable();
    if asked.wants("disk") {
        println!("disk: {:.0} fsyncs a second", disk::fsyncs_a_second());
    }
    if asked.wants("memory") {
        memory::measure(10_000).await;
    }
    if asked.wants("authorization") {
        decisions::measure().await;
    }
    if asked.wants("compile") {
        compile::measure();
    }
    if asked.wants("expressions") {
        expressions::measure();
    }
    if asked.wants("hostile") {
        hostile::measure();
    }
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for concurrency in [1, 50] {
            if asked.wants(&format!("{engine:?}-{concurrency}").to_lowercase()) {
                runs::measure(engine, concurrency, asked.seconds).await;
            }
        }
    }
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if asked.wants(&format!("{engine:?}-controls").to_lowercase()) {
            controls::measure(engine, 50, asked.seconds).await;
        }
    }
    if asked.wants("served") {
        served::measure(asked.runs, asked.seconds).await;
    }
    if asked.wants("cold-start") {
        served::cold_start(10_000).await;
    }
}
