//! What a graph says besides its steps: kept as it is declared, shown, and named by [`Plan::not_yet`](super::Plan::not_yet) where
//! it would change what a run does.
//!
//! Source of the rules: the language reference of the workflow files, the table of graphs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a graph says besides its steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Nodes that say more than a step does, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<GraphNode>,
    /// Where models are reached instead of at their provider's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_base: Option<String>,
    /// The parts of `config` that no step holds, by their keys: `observability`, `storage`, `memory`, `ab_test`, `gates`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<(String, Value)>,
}

impl Graph {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What of it would change what a run does and cannot be done yet: each with its node, if it is one's.
    pub(super) fn not_yet(&self) -> Vec<(Option<&str>, String)> {
        let mut all = Vec::new();
        if self.api_base.is_some() {
            all.push((None, "`api_base`".to_owned()));
        }
        let enabled = |value: &Value| value.get("enabled") != Some(&Value::Bool(false));
        for (key, value) in self.config.iter().filter(|(key, _)| matches!(key.as_str(), "memory" | "ab_test" | "gates")) {
            if enabled(value) {
                all.push((None, format!("`config.{key}`")));
            }
        }
        for node in &self.nodes {
            let id = Some(node.id.as_str());
            if node.memory.as_ref().is_some_and(|memory| memory.enabled) {
                all.push((id, "`memory`".to_owned()));
            }
            if node.api_base.is_some() {
                all.push((id, "`api_base`".to_owned()));
            }
        }
        all
    }
}

/// What a node says more than its step does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphNode {
    /// Its id, which is the step's.
    pub id: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How its tools are set up, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<NodeTool>,
    /// What it remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Where its code runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
    /// Where its model is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_base: Option<String>,
    /// Whether its prompts are to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_prompts: Option<bool>,
    /// Whether its artifacts are to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_artifacts: Option<bool>,
}

/// A tool of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeTool {
    /// Its name.
    pub name: String,
    /// Whether the node goes on when the tool fails.
    pub goes_on: bool,
    /// How it is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
}

/// What a node remembers from one run to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Whether it does.
    pub enabled: bool,
    /// Who shares it: `agent`, `workflow` or `node`.
    pub default_scope: String,
    /// The most things remembered.
    pub max_entries: u32,
}

/// Where code runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// What keeps it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Whether the network may be reached.
    pub network: bool,
    /// A sandbox by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
    /// How long it may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}
