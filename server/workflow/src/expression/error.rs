//! What can be wrong with an expression: its text ([`SyntaxError`]), or what it meets ([`EvaluationError`]).
//!
//! Every error carries the byte offset in the source text it speaks of; the caller, who knows where that
//! text stands in its file, makes a line and a column of it. No message contains a value, only names and
//! types: values may be confidential, and errors are shown to more people than values are.

use std::fmt;

use thiserror::Error;

/// An expression or template that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct SyntaxError {
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// Where, in bytes from the start of the source text.
    pub offset: usize,
    /// What was perhaps meant, ready to be put in its place.
    pub suggestion: Option<String>,
}

impl SyntaxError {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), offset, suggestion: None }
    }

    pub(super) fn suggesting(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

/// An expression that can be read but gives no value here. `offset` is in bytes from the start of the
/// source text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluationError {
    /// A name that nothing ever sets.
    #[error("`{name}` is not a name known here")]
    UnknownName {
        /// As it is written.
        name: String,
        /// Where.
        offset: usize,
    },
    /// A field or item that a real value does not have, and neither `default` nor `is defined` asks.
    #[error("{message}")]
    Undefined {
        /// The sentence for people.
        message: String,
        /// Where.
        offset: usize,
    },
    /// A name that is set later, or `now()` and `uuid()` before the step has started.
    #[error("`{name}` is not known yet")]
    NotYetKnown {
        /// As it is written, with the field that made the difference (`steps.pay`).
        name: String,
        /// Where.
        offset: usize,
    },
    /// A value of a type that the operation does not take.
    #[error("{message}")]
    TypeMismatch {
        /// The sentence for people.
        message: String,
        /// Where.
        offset: usize,
    },
    /// An overflow or a division by zero.
    #[error("{message}")]
    Arithmetic {
        /// The sentence for people.
        message: String,
        /// Where.
        offset: usize,
    },
    /// A value of the right type that makes no sense here: a date that does not exist, text that is no
    /// number, a regular expression that is none.
    #[error("{message}")]
    InvalidArgument {
        /// The sentence for people.
        message: String,
        /// Where.
        offset: usize,
    },
    /// More steps, or a larger result, than [`Limits`](super::Limits) allow.
    #[error("{message}")]
    LimitExceeded {
        /// The sentence for people.
        message: String,
        /// Where.
        offset: usize,
    },
}

impl EvaluationError {
    /// Where the error is, in bytes from the start of the source text.
    pub fn offset(&self) -> usize {
        match self {
            Self::UnknownName { offset, .. }
            | Self::Undefined { offset, .. }
            | Self::NotYetKnown { offset, .. }
            | Self::TypeMismatch { offset, .. }
            | Self::Arithmetic { offset, .. }
            | Self::InvalidArgument { offset, .. }
            | Self::LimitExceeded { offset, .. } => *offset,
        }
    }
}

/// An [`EvaluationError`] before the place is known: what filters and operators give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Undefined(String),
    NotYetKnown(String),
    Type(String),
    Arithmetic(String),
    Argument(String),
    Limit(String),
}

impl Fault {
    /// The error, at its place.
    pub(super) fn at(self, offset: usize) -> EvaluationError {
        match self {
            Self::Undefined(message) => EvaluationError::Undefined { message, offset },
            Self::NotYetKnown(name) => EvaluationError::NotYetKnown { name, offset },
            Self::Type(message) => EvaluationError::TypeMismatch { message, offset },
            Self::Arithmetic(message) => EvaluationError::Arithmetic { message, offset },
            Self::Argument(message) => EvaluationError::InvalidArgument { message, offset },
            Self::Limit(message) => EvaluationError::LimitExceeded { message, offset },
        }
    }
}

/// The known word nearest to a misspelt one, if any is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Longer words are no slip of ours, and comparing them is quadratic in their length.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= 64)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(lower.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}
