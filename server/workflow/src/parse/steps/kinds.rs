//! The kinds, actions and keys that the language has: those that run, and those that are refused by name.
//!
//! To add a kind: move its word from the list of later ones to the reader in [`super`].

/// Values of `type`.
pub(in crate::parse) const TYPES: &[&str] = &[
    "action", "agent", "script", "workflow", "if", "switch", "for_each", "while", "map", "filter", "reduce", "merge", "parallel", "try",
    "wait", "approval",
];

/// Keys that name a kind when they stand on a step.
pub(in crate::parse) const NAMING_KEYS: &[&str] =
    &["action", "prompt", "script", "workflow", "if", "switch", "for_each", "while", "parallel", "branches", "try", "approval"];

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

/// Further keys that name a kind when nothing else does. Data has such keys too, so they make no step of a
/// mapping.
pub(super) const SECOND_NAMING_KEYS: &[&str] = &["cases", "items", "expression", "sources"];

/// Whether a key can stand on every step.
pub(super) fn is_common(key: &str) -> bool {
    COMMON_KEYS.contains(&key) || TELLING_KEYS.contains(&key)
}

/// Actions that run, besides the data steps of [`crate::data::describe`].
pub(super) const ACTIONS: &[&str] =
    &["http.request", "agent.analyze", "agent.generate", "workflow.assert", "workflow.set_outputs", "workflow.log", "core.log"];

/// Actions that the language has and that cannot be run yet.
pub(super) const LATER_ACTIONS: &[&str] =
    &["workflow.sleep", "file.read", "file.write", "script.execute", "agent.chat", "agent.chat.completions", "mail.send"];

/// Common keys that cannot be run yet.
pub(super) const LATER_KEYS: &[&str] = &["depends_on", "compensate", "agent", "agent_hints", "permissions"];

/// Keys below which the steps of a refused kind may set names of their own.
pub(super) const SETTING_KEYS: &[&str] = &["output_variable", "output", "item_variable", "index_variable", "accumulator_variable"];
