//! Bundles: what is read, and each hostile archive refused for its reason. The archives are made here, byte by byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod hostile;
mod making;
mod mutated;
mod opened;
mod plain;
