//! Model providers: the part of the outside world that answers in prose and costs money.
//!
//! [`openai`] speaks the chat completions format that most providers and gateways understand; [`price`]
//! says what a call may cost before it and did cost after it; [`schema`] checks the shape of an answer.
//! Every call goes through [`tools::egress`] and needs a permit with money set aside for it. Nothing here
//! knows a tenant's tables, a run or a budget.
//!
//! To add another wire format, add a module beside `openai` that takes a [`ModelRequest`] and gives a
//! [`Completion`].
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod completion;
pub mod openai;
pub mod price;
pub mod schema;

pub use completion::{Charge, Completion, CompletionError, Message, ModelRequest, Provider, Role, Usage};
pub use price::Price;
