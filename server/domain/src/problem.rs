//! What a door tells the outside when something cannot be done: a public sentence and a code.
//! The private cause stays with the error that became a problem, and goes to the log.

use std::{fmt, time::Duration};

/// One field of a form or document that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The name of the field.
    pub field: String,
    /// What is wrong with it, as a sentence.
    pub message: String,
}

/// A refusal in public words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status that says the same.
    pub status: u16,
    /// A stable code in words, such as `approval_decided`.
    pub code: &'static str,
    /// What happened and what to do, as sentences.
    pub detail: String,
    /// The fields at fault, if any.
    pub fields: Vec<FieldProblem>,
    /// After which time it may be tried again, when that helps.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem without fields.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), fields: Vec::new(), retry_after: None }
    }

    /// 404: there is no such thing for this actor.
    pub fn not_found(kind: &str) -> Self {
        Self::new(404, "not_found", format!("There is no such {kind} here."))
    }

    /// 422: what was sent cannot be accepted, field by field.
    pub fn invalid(fields: Vec<FieldProblem>) -> Self {
        let detail = fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join(" ");
        Self { status: 422, code: "invalid", detail, fields, retry_after: None }
    }

    /// 422 with one field at fault.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldProblem { field: field.into(), message: message.into() }])
    }

    /// The same, with the time after which it may be tried again.
    #[must_use]
    pub fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// 409: the thing is not in the state that this needs.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 503: nothing was done, trying again may help.
    pub fn unavailable() -> Self {
        Self::new(503, "unavailable", "The change could not be written just now and nothing was done. Try again in a moment.")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl std::error::Error for Problem {}
