//! The expression language, rule by rule, against hostile input, and against another implementation of what both mean
//! alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![allow(missing_docs, reason = "the names of tests are sentences")]

mod filters;
mod fuzz;
mod jinja;
mod limits;
mod moment;
mod syntax;
mod templates;
mod truth;
mod values;
