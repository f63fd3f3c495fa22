//! What a file declares beside its steps: what starts runs of it, what it needs, and what it may touch.
//!
//! Source of the rules: the language reference of the workflow files, the table of the front matter.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Permissions, TemplateValue};

/// Everything of that sort; empty when the file says none of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// What starts runs, in the order of the file. Without any, people and programs do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// What has to be there before a run starts.
    #[serde(default, skip_serializing_if = "Requirements::is_empty")]
    pub requirements: Requirements,
    /// The oldest version of the product that the file is written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// Agents, and how well each is known to do it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<(String, Support)>,
    /// The agent that prompts go to unless a step says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_agent: Option<String>,
    /// What steps may touch at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Tools by the names that steps call them by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<(String, Tool)>,
    /// Where secrets come from, as the file writes it: names and addresses, never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Value>,
}

impl Declared {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What of it would change what a run does and cannot be done yet. What only starts runs by itself is none of that: such a file
    /// can still be started by hand.
    pub(super) fn not_yet(&self) -> Vec<String> {
        let named = [
            ("`default_agent`", self.default_agent.is_some()),
            ("`permissions`", self.permissions.is_some()),
            ("`tools`", !self.tools.is_empty()),
            ("`secrets`", self.secrets.is_some()),
            ("`requirements.tools`", !self.requirements.tools.is_empty()),
        ];
        let named = named.into_iter().filter(|(_, said)| *said).map(|(name, _)| name.to_owned());
        named
            .chain(
                self.requirements
                    .features
                    .iter()
                    .filter(|feature| feature.need == Need::Required)
                    .map(|feature| format!("the feature `{}`", feature.name)),
            )
            .collect()
    }
}

/// Something that starts runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// What it is.
    pub kind: TriggerKind,
    /// Whether it does so.
    pub enabled: bool,
    /// What a run is given, by the names of its inputs; expressions see `trigger`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<(String, TemplateValue)>,
    /// Its line in the file.
    pub line: u32,
}

/// The kinds of triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TriggerKind {
    /// A person or a program.
    Manual,
    /// The clock.
    Schedule {
        /// Five fields: minute, hour, day of the month, month, day of the week.
        cron: String,
        /// The zone that it is meant in, as the IANA database names it; `None` is the tenant's.
        timezone: Option<String>,
    },
    /// A request from outside.
    Webhook {
        /// Its path below the tenant's address for such requests.
        path: String,
        /// `POST`, or what else it has to be.
        method: String,
        /// The credential that requests are signed with.
        secret: Option<String>,
        /// Whose way of signing it is.
        provider: Option<String>,
    },
    /// Something else, with what the file says of it.
    Event {
        /// Its details.
        options: Vec<(String, Value)>,
    },
    /// A file that changes.
    FileWatch {
        /// Its details.
        options: Vec<(String, Value)>,
    },
    /// A message in a queue.
    Queue {
        /// Its details.
        options: Vec<(String, Value)>,
    },
    /// A mail that comes in.
    Email {
        /// Its details.
        options: Vec<(String, Value)>,
    },
}

impl TriggerKind {
    /// The word of the file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Schedule { .. } => "schedule",
            Self::Webhook { .. } => "webhook",
            Self::Event { .. } => "event",
            Self::FileWatch { .. } => "file_watch",
            Self::Queue { .. } => "queue",
            Self::Email { .. } => "email",
        }
    }
}

/// What has to be there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// Tools by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Names of the permissions that whoever starts a run has to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// What an agent has to be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
}

impl Requirements {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Something that an agent can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// How much it matters.
    pub need: Need,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing goes without it.
    Required,
    /// It goes better with it.
    Recommended,
    /// It is used where it is there.
    Optional,
}

/// How well an agent is known to do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// It is made for it.
    Recommended,
    /// It does it.
    Supported,
    /// It does some of it.
    Partial,
    /// Nobody knows yet.
    Experimental,
}

/// A tool that steps call by a name of the file's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The tool.
    pub tool: String,
    /// The credential it is given.
    pub auth: Option<String>,
    /// What else it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, Value)>,
}
