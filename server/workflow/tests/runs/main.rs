//! How runs proceed: scripts of what is fed and what is asked for, tables, and properties over random inputs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod approvals;
mod blocks;
mod conditions;
mod coverage;
mod data;
mod desk;
mod dry_run;
mod endings;
mod expense;
mod graph;
mod inputs;
mod journals;
mod payment;
mod plans;
mod properties;
mod release;
mod retries;
mod transitions;
