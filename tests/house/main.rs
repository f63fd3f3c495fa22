//! The integration tests: one binary, one module a thing, folder and file named like the room they try.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]
#![allow(clippy::pedantic, clippy::absurd_extreme_comparisons, reason = "tests are read for what they say; a cap of nothing is a cap")]
#![allow(missing_docs, reason = "the names of tests are sentences")]

mod access;
mod api;
mod audit;
mod browser;
mod bundles;
mod cli;
mod client;
mod control;
mod crash;
mod demo;
mod dry_runs;
mod expense;
mod harness;
mod isolation;
mod mail;
mod payment;
mod people;
mod pictures;
mod plans;
mod release;
mod stop;
mod tidy;
mod web;
