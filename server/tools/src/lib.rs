//! What a step can do to the outside world, and the one way out of the house.
//!
//! [`egress`] is the guard that every outgoing HTTP call of every kind passes; [`http`] is the
//! `http.request` built-in on top of it. A call is handed a [`domain::call::CallContext`] and gives a
//! typed answer or a [`CallError`]; nothing here knows a tenant's tables, a run or a workflow.
//!
//! To add a tool, add a module with typed arguments, a `call` that takes the egress and the context,
//! and an answer; send through [`egress::Egress::send`], never through a client of its own.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

pub mod egress;
pub mod error;
pub mod http;
pub mod json;
pub mod redact;
pub mod text;

pub use egress::{Body, BodyPart, Egress, Escape, OutgoingRequest, OutgoingResponse};
pub use error::{CallError, CallErrorKind, Sent};
pub use redact::Redactor;
pub use text::{Piece, Text};

/// Makes `ring` the cryptography of this process for every library that asks rustls for its default.
///
/// Called once by the binary before anything connects, and by tests; later calls change nothing.
pub fn install_crypto() {
    // An error only says that a default was installed before, which is what is wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
