//! Keeps runs alive: claims them, feeds the core, writes its facts down, performs what they owe.
//!
//! The engine does not know what a step does: [`StepHost`] is the seam on which every control sits, and
//! `platform::execution` implements it. What a [`Driver`] has to guarantee is a suite that every
//! driver passes.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod append;
mod embedded;
mod host;
mod letter;
mod load;
mod task;

pub use embedded::{Embedded, EmbeddedSettings};
pub use host::{Broken, Outcome, RunContext, StepHost, Verdict};
pub use letter::Letter;

/// Something that keeps runs alive.
///
/// Doors write inbox rows and wake the run's queue row in their own transactions; a driver that is asked
/// to `work` sees to it that every accepted run ends.
pub trait Driver: Send + Sync {
    /// Works until `stop` resolves, then lets what is under way come to rest and hands its runs back.
    fn work(&self, stop: tokio::sync::watch::Receiver<bool>) -> impl Future<Output = ()> + Send;
}
