//! What a workflow is and how a run of it proceeds. Pure: no async, no clock, no randomness, no IO.
//!
//! [`parse()`] turns a file into a [`plan::Plan`] or into all of its errors at once; [`expression`] is the
//! language inside the file; [`core`](mod@crate::core) decides, from a plan and the facts recorded so far, which facts to
//! record next and what the world owes the run. What a step *does* lives in other rooms.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

pub mod bundle;
pub mod call;
pub mod core;
pub mod coverage;
pub mod data;
pub mod difference;
pub mod dry_run;
pub mod event;
pub mod expression;
pub mod flow;
pub mod form;
pub mod inputs;
pub mod needs;
pub mod parse;
pub mod permissions;
pub mod plan;
pub mod run;

pub use call::{Call, HttpBody, HttpCall, ModelCall, ModelTask, Piece};
pub use core::{Effect, Input, Refusal, decide, evolve, pending};
pub use event::Event;
pub use parse::{Diagnostic, Parsed, parse};
pub use plan::Plan;
pub use run::Run;
