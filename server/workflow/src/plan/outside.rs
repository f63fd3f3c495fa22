//! Steps that reach out in ways that cannot be run yet, and what a step may narrow: files can say all of it, the plan keeps it
//! typed, and [`Plan::not_yet`](super::Plan::not_yet) names it.
//!
//! Source of the rules: the language reference of the workflow files, the table of steps and that of built-in actions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ModelTask, TemplateValue};
use crate::expression::Template;

/// A prompt with what a plain one has not: several messages, or tools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatStep {
    /// The action.
    pub task: ModelTask,
    /// As in a [`ModelStep`](super::ModelStep).
    pub model: Option<String>,
    /// The system prompt.
    pub system: Option<Template>,
    /// What is said, in order; a prompt is one message of the user.
    pub messages: Vec<Message>,
    /// The tools that the model may use, by the names that the file gives them.
    pub tools: Vec<String>,
    /// A JSON Schema the answer has to fit.
    pub output_schema: Option<Value>,
    /// The most tokens the answer may have.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
}

/// One message to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who says it.
    pub role: MessageRole,
    /// What is said.
    pub content: Template,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageRole {
    /// The instructions.
    System,
    /// Who asks.
    User,
    /// The model itself, before.
    Assistant,
}

/// `script` and `script.execute`: gives what it writes, parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptStep {
    /// The language of the code.
    pub language: Option<String>,
    /// The code.
    pub code: Option<Template>,
    /// What is done instead of running code of one's own.
    pub operation: Option<String>,
    /// What it is given.
    pub args: Option<TemplateValue>,
    /// The sandbox it runs in, by name.
    pub preset: Option<String>,
    /// Whether it may reach the network.
    pub network: bool,
}

/// `file.read`: gives the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileReadStep {
    /// In the run's own folder, or in one that was granted.
    pub path: Template,
    /// How the bytes become text; UTF-8 when nothing is said.
    pub encoding: Option<String>,
}

/// `file.write`: gives `{path, bytes}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileWriteStep {
    /// In the run's own folder, or in one that was granted.
    pub path: Template,
    /// What is written.
    pub content: TemplateValue,
}

/// `mail.send`: gives the id of the message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailStep {
    /// To whom; at least one.
    pub to: Vec<Template>,
    /// One line.
    pub subject: Template,
    /// The plain text.
    pub text: Option<Template>,
    /// The same as HTML.
    pub html: Option<Template>,
}

/// What a step may touch; what is not said is what stands around it. It only ever narrows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// What may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Reach>,
    /// What may be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Reach>,
    /// What may be executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute: Option<Reach>,
    /// The only commands, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_commands: Option<Vec<String>>,
    /// Commands that are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_commands: Option<Vec<String>>,
    /// The only folders, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_directories: Option<Vec<String>>,
    /// Paths that are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_paths: Option<Vec<String>>,
    /// Whether the network may be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<bool>,
    /// The only hosts, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_hosts: Option<Vec<String>>,
    /// The largest file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_size: Option<u64>,
}

/// How far a permission reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nothing.
    None,
    /// Everything that the tools' own grants allow.
    All,
    /// What these patterns match.
    Globs(Vec<String>),
}
