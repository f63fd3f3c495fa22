//! The platform's verbs on both databases, always with two tenants that look alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![allow(missing_docs, reason = "the names of tests are sentences")]

mod execution;
mod furniture;
mod house;
mod identity;
mod mail;
mod members;
mod recovery;
mod sessions;
mod tenants;
