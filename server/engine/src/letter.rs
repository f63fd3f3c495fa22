//! What doors put into a run's inbox, in the form it is stored in.

use database::runs::RunRow;
use domain::ApprovalId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use workflow::{
    Input,
    event::{Decision, Started},
};

/// A message to a run. Rows are consumed within moments, but a row that was written before an upgrade is read after
/// it: fields are only ever added, with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// It was accepted: what it starts with, beside what is in its row.
    Start {
        /// The tenant's variables at that moment.
        vars: Map<String, Value>,
        /// The tenant's slug.
        tenant_slug: String,
        /// The tenant's name.
        tenant_name: String,
    },
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
        fields: Option<Map<String, Value>>,
    },
    /// Somebody wants it to stop.
    Cancel {
        /// Their e-mail address.
        by: String,
        /// Why.
        reason: Option<String>,
        /// Whether what was completed is taken back first, where its step says how.
        #[serde(default)]
        compensate: bool,
    },
    /// Somebody pauses it: nothing of it begins before an `EndPause`.
    Pause {
        /// Their e-mail address.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody lets it go on after a pause.
    EndPause {
        /// Their e-mail address.
        by: String,
    },
    /// Something that a step waits for, now or later.
    Signal {
        /// Its name.
        name: String,
        /// What it carries.
        payload: Value,
    },
    /// What it waits for may have changed: look again.
    Resume,
}

impl Letter {
    /// The input that the core is fed with. A run that was taken up before has started: its start changes nothing.
    pub(crate) fn into_input(self, run: Option<&RunRow>) -> Input {
        match self {
            Self::Start { vars, tenant_slug, tenant_name } => run.map_or(Input::Continue, |run| {
                Input::Start(Started {
                    plan: hex::encode(run.plan_hash),
                    run: run.facts.id.to_string(),
                    number: run.facts.number,
                    started_by: run.facts.starter_label.clone(),
                    inputs: run.inputs.as_object().cloned().unwrap_or_default(),
                    vars,
                    tenant_slug,
                    tenant_name,
                    trigger: Value::Null,
                })
            }),
            Self::Decided { approval, decision, by, comment, fields } => {
                Input::ApprovalEnded { approval, decision, by: Some(by), comment, fields }
            }
            Self::Cancel { by, reason, compensate } => Input::Cancel { by, reason, compensate },
            Self::Pause { by, reason } => Input::Pause { by, reason },
            Self::EndPause { by } => Input::EndPause { by },
            Self::Signal { name, payload } => Input::Signal { name, payload },
            Self::Resume => Input::Continue,
        }
    }
}
