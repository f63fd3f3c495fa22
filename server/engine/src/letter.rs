//! What doors put into a run's inbox, in the form it is stored in.

use domain::ApprovalId;
use serde::{Deserialize, Serialize};
use workflow::{
    Input,
    event::{Decision, Started},
};

/// A message to a run. Rows are consumed within moments, but a row that was written before an upgrade is read after
/// it: fields are only ever added, with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a letter is read, becomes an input and is gone: nobody keeps many")]
pub enum Letter {
    /// It was accepted.
    Start(Started),
    /// Its approval was decided.
    Decided {
        /// The approval.
        approval: ApprovalId,
        /// How.
        decision: Decision,
        /// The last decider's e-mail address.
        by: String,
        /// What they wrote.
        comment: Option<String>,
        /// What they filled in.
        #[serde(default)]
        fields: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// Somebody wants it to stop.
    Cancel {
        /// Their e-mail address.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// What it waits for may have changed: look again.
    Resume,
}

impl Letter {
    /// The input that the core is fed with.
    pub(crate) fn into_input(self) -> Input {
        match self {
            Self::Start(started) => Input::Start(started),
            Self::Decided { approval, decision, by, comment, fields } => {
                Input::ApprovalEnded { approval, decision, by: Some(by), comment, fields }
            }
            Self::Cancel { by, reason } => Input::Cancel { by, reason },
            Self::Resume => Input::Continue,
        }
    }
}
