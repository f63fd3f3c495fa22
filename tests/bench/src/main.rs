//! Measures what docs/benchmarks.md records, and prints it: `make bench`.
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

mod decisions;
mod disk;
mod fixture;
mod memory;
mod runs;

use std::env;

use fixture::Engine;

#[tokio::main]
async fn main() {
    let seconds: f64 = env::args().nth(1).map_or(10.0, |text| text.parse().expect("seconds for each figure"));
    // One figure alone: `memory`, `sqlite-1`, `postgres-50`.
    let only = env::args().nth(2);
    tools::install_crypto();
    database::testing::durable();
    println!("disk: {:.0} fsyncs a second", disk::fsyncs_a_second());
    // Before anything else has used memory.
    if only.as_ref().is_none_or(|only| only == "memory") {
        memory::measure(10_000).await;
    }
    if only.is_none() {
        decisions::measure().await;
    }
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for concurrency in [1, 50] {
            if only.as_ref().is_none_or(|only| *only == format!("{engine:?}-{concurrency}").to_lowercase()) {
                runs::measure(engine, concurrency, seconds).await;
            }
        }
    }
}
