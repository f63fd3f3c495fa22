//! How an outgoing call fails, in the words that decide what happens next: may it be tried again,
//! and may the other side have acted on it?

use std::{fmt, time::Duration};

use domain::call::may_pass;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The arguments cannot be made into a call.
    Arguments,
    /// The egress guard does not let the call out.
    Refused,
    /// A credential is missing, or may not go to that host.
    Credential,
    /// No connection came about, or it broke.
    Connection,
    /// The time limit of the call passed.
    Timeout,
    /// The other side answered with this HTTP status, which was not accepted.
    Status(u16),
    /// The answer is larger than an answer may be.
    TooLarge,
    /// The answer is not what the protocol allows.
    Protocol,
    /// The answer was delivered properly, but its content is not what was asked for.
    Answer,
}

impl CallErrorKind {
    /// A stable word for it, as workflows see it in `error.code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Refused => "refused",
            Self::Credential => "credential",
            Self::Connection => "connection",
            Self::Timeout => "time_out",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Protocol => "protocol",
            Self::Answer => "answer",
        }
    }
}

/// Whether the other side may have acted on the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing left the house: no effect, no cost.
    No,
    /// It may have arrived; what it did is not known.
    Maybe,
    /// The other side answered, so it has certainly arrived.
    Answered,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// What went wrong.
    pub kind: CallErrorKind,
    /// A sentence for people; holds no secret.
    pub message: String,
    /// Whether the same call may succeed later: time-outs, connections, 408, 425, 429 and 5xx.
    pub retryable: bool,
    /// How long the other side asked to be left alone, at most a day.
    pub retry_after: Option<Duration>,
    /// Whether it may have arrived.
    pub sent: Sent,
}

impl CallError {
    /// A failure that left nothing behind and that trying again does not mend.
    pub fn before(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retryable: false, retry_after: None, sent: Sent::No }
    }

    /// A failure of the transport, which may pass by itself.
    pub fn passing(kind: CallErrorKind, message: impl Into<String>, sent: Sent) -> Self {
        Self { kind, message: message.into(), retryable: true, retry_after: None, sent }
    }

    /// An answer that came but cannot be used; trying again does not mend it.
    pub fn answered(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retryable: false, retry_after: None, sent: Sent::Answered }
    }

    /// An HTTP status that was not accepted.
    pub fn status(status: u16, message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self {
            kind: CallErrorKind::Status(status),
            message: message.into(),
            retryable: may_pass(status),
            retry_after,
            sent: Sent::Answered,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CallError {}
