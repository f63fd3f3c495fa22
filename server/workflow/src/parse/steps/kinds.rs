//! The kinds, actions and keys that the language has.
//!
//! To add a kind: a word in [`TYPES`], the keys that name it in [`NAMED_BY`], and a reader in [`super`].

use crate::data::describe;

/// Values of `type`.
pub(in crate::parse) const TYPES: &[&str] = &[
    "action", "agent", "script", "workflow", "if", "switch", "for_each", "while", "map", "filter", "reduce", "merge", "parallel", "try",
    "wait", "approval",
];

/// Keys that name a kind when they stand on a step.
pub(in crate::parse) const NAMING_KEYS: &[&str] =
    &["action", "prompt", "script", "workflow", "if", "switch", "for_each", "while", "parallel", "branches", "try", "approval"];

/// Which type a key names. The last four name one only when nothing else does: data has such keys too, so they make no step of a
/// mapping.
pub(super) const NAMED_BY: &[(&str, &str)] = &[
    ("action", "action"),
    ("approval", "approval"),
    ("script", "script"),
    ("workflow", "workflow"),
    ("if", "if"),
    ("switch", "switch"),
    ("for_each", "for_each"),
    ("while", "while"),
    ("parallel", "parallel"),
    ("branches", "parallel"),
    ("try", "try"),
    ("prompt", "agent"),
    ("cases", "switch"),
    ("items", "for_each"),
    ("expression", "switch"),
    ("sources", "merge"),
];

/// Keys whose presence shows that a mapping is meant to be a step, even when nothing names its kind.
pub(in crate::parse) const TELLING_KEYS: &[&str] = &[
    "inputs",
    "output_variable",
    "condition",
    "conditions",
    "depends_on",
    "on_error",
    "error_handling",
    "retry",
    "max_retries",
    "compensate",
    "approval_required",
    "approval_reason",
    "idempotency_key",
    "steps",
    "cases",
    "catch",
    "finally",
];

/// Further keys of every step: under a step heading they too show that a mapping is meant to be a step.
pub(in crate::parse) const COMMON_KEYS: &[&str] =
    &["id", "name", "type", "output", "timeout", "agent", "model", "agent_hints", "permissions", "budget"];

/// Whether a key can stand on every step.
pub(super) fn is_common(key: &str) -> bool {
    COMMON_KEYS.contains(&key) || TELLING_KEYS.contains(&key)
}

/// Actions besides the data steps of [`crate::data::describe`].
pub(super) const ACTIONS: &[&str] = &[
    "http.request",
    "agent.analyze",
    "agent.generate",
    "agent.chat",
    "agent.chat.completions",
    "workflow.assert",
    "workflow.set_outputs",
    "workflow.log",
    "core.log",
    "workflow.sleep",
    "script.execute",
    "file.read",
    "file.write",
    "mail.send",
];

/// Every action that is built in.
pub(crate) fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().copied().chain(describe::actions())
}

/// Keys below which the steps of a kind that could not be read may set names of their own.
pub(super) const SETTING_KEYS: &[&str] = &["output_variable", "output", "item_variable", "index_variable", "accumulator_variable"];
