//! What a file declares beside its steps: what starts runs of it, what it needs, and what it may touch.
//!
//! Source of the rules: the language reference of the workflow files, the table of the front matter.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NotYet, Permissions, TemplateValue};
use crate::expression::Expression;

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
    pub(super) fn not_yet(&self) -> Vec<NotYet> {
        let at = |line: u32, what: String| NotYet { step: String::new(), line, what };
        let off = self.triggers.iter().filter(|trigger| trigger.kind == TriggerKind::Manual && !trigger.enabled);
        let off = off.map(|trigger| at(trigger.line, "no start by hand: its manual trigger is switched off".to_owned()));
        let named = [
            ("`default_agent`", self.default_agent.is_some()),
            ("`permissions`", self.permissions.is_some()),
            ("`tools`", !self.tools.is_empty()),
            ("`secrets`", self.secrets.is_some()),
        ];
        let named = named.into_iter().filter(|(_, said)| *said).map(|(name, _)| name.to_owned());
        let tools = self.requirements.tools.iter().filter(|tool| !is_built_in(tool)).map(|tool| format!("the tool `{tool}`"));
        let features = self.requirements.features.iter().filter(|feature| feature.need == Need::Required);
        let features = features.map(|feature| format!("the feature `{}`", feature.name));
        let this = env!("CARGO_PKG_VERSION");
        let version = self.min_version.as_deref().filter(|version| is_later(version, this));
        let version = version.map(|version| format!("version {version} of Mandate, and this is {this}"));
        off.chain(named.chain(tools).chain(features).chain(version).map(|what| at(1, what))).collect()
    }
}

/// Whether a tool is one of those that are always there: an action, or what stands before the dot of one.
fn is_built_in(tool: &str) -> bool {
    crate::parse::actions().any(|action| action == tool || action.split_once('.').is_some_and(|(family, _)| family == tool))
}

/// Whether a version comes after another one, by its numbers.
fn is_later(version: &str, than: &str) -> bool {
    numbers(version) > numbers(than)
}

/// The numbers of a version, as many as three; what is not said is 0.
pub(crate) fn numbers(version: &str) -> Option<[u64; 3]> {
    let core = version.trim().trim_start_matches('v').split(['-', '+']).next()?;
    let mut numbers = [0; 3];
    let mut parts = core.split('.');
    for (number, part) in numbers.iter_mut().zip(parts.by_ref()) {
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
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
    /// Something that happened, by its name.
    Event {
        /// The name.
        event: String,
        /// Where it comes from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// Which of them count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<Expression>,
    },
    /// A change of files.
    FileWatch {
        /// Where.
        path: String,
        /// Which files; all when nothing is said.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        patterns: Vec<String>,
        /// Which files do not count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignore: Vec<String>,
        /// Which changes count; all when nothing is said.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        events: Vec<FileChange>,
        /// Whether folders inside count.
        recursive: bool,
        /// How long nothing more may change before it counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        debounce: Option<Duration>,
    },
    /// A message in a queue.
    Queue {
        /// Its name.
        queue: String,
        /// What keeps it, such as `redis`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
    },
    /// A mail that came in.
    Email {
        /// The address it came to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// Whose mails count; all when nothing is said.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from: Vec<String>,
        /// What has to stand in the subject.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    },
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It is new.
    Created,
    /// It has other contents.
    Modified,
    /// It is gone.
    Deleted,
    /// It is elsewhere.
    Moved,
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

    /// What it waits for, in few words: the path, the times, the name; empty for a person.
    pub fn detail(&self) -> String {
        match self {
            Self::Manual => String::new(),
            Self::Schedule { cron, timezone } => timezone.iter().fold(cron.clone(), |cron, zone| format!("{cron} {zone}")),
            Self::Webhook { path, method, .. } => format!("{method} {path}"),
            Self::Event { event, .. } => event.clone(),
            Self::FileWatch { path, .. } => path.clone(),
            Self::Queue { queue, .. } => queue.clone(),
            Self::Email { address, .. } => address.clone().unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, than, later) in [
            ("1.0.0", "0.9.9", true),
            ("0.10", "0.9.9", true),
            ("v0.2", "0.1.0", true),
            ("0.1.0", "0.1.0", false),
            ("0.1.0-beta", "0.1.0", false),
            ("0", "0.1.0", false),
        ] {
            assert_eq!(is_later(version, than), later, "{version} {than}");
        }
        assert_eq!(numbers("1.2.3.4"), None);
        assert_eq!(numbers("newest"), None);
    }

    #[test]
    fn a_tool_is_built_in_by_action_or_by_family() {
        for tool in ["http.request", "http", "agent", "core"] {
            assert!(is_built_in(tool), "{tool}");
        }
        for tool in ["slack", "http.get", ""] {
            assert!(!is_built_in(tool), "{tool}");
        }
    }
}
