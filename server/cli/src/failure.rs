//! How commands end: a sentence for people, and a code for scripts. The table in docs/cli.md is for those who call us.

use std::fmt::Write;

/// The code a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done.
    Done = 0,
    /// It was tried and did not work: a run that failed, a file that cannot be written, a defect.
    Failed = 1,
    /// What was asked for makes no sense: a wrong command line, an input that does not fit.
    Usage = 2,
    /// There is no such thing, or not for this key.
    NotFound = 3,
    /// No key, one that opens nothing any more, or one that may not do this.
    Denied = 4,
    /// It is not as it was: decided already, over already, changed meanwhile.
    Conflict = 5,
    /// The time to wait was over before it came to its end.
    Waiting = 6,
    /// The server cannot be reached, or has no time.
    Unreachable = 7,
    /// Somebody pressed Ctrl-C.
    Interrupted = 130,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Failure {
    /// A sentence for whoever typed the command. Further lines are indented; an empty text says nothing.
    pub(crate) sentence: String,
    /// What scripts are told.
    pub(crate) exit: Exit,
}

impl Failure {
    /// Something that did not work.
    pub(crate) fn new(sentence: impl ToString) -> Self {
        Self::of(Exit::Failed, sentence)
    }

    /// Something that ends in this way.
    pub(crate) fn of(exit: Exit, sentence: impl ToString) -> Self {
        Self { sentence: sentence.to_string(), exit }
    }

    /// Whoever read what we write has read enough: no failure, and nothing to say.
    pub(crate) const fn nobody_reads() -> Self {
        Self { sentence: String::new(), exit: Exit::Done }
    }

    /// The same with one more line of what to do.
    pub(crate) fn hint(mut self, hint: impl std::fmt::Display) -> Self {
        let _infallible = write!(self.sentence, "\n  {hint}");
        self
    }
}
