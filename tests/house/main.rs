//! The integration tests: one binary, one module a thing, folder and file named like the room they try.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "the names of tests are sentences")]

mod access;
mod harness;
mod isolation;
mod payment;
mod tidy;
