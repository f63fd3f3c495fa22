//! What the starter of a run has to be allowed for each kind of call: asked at a start and again before each call.

use domain::Permission;

/// To start a run at all.
pub const START: &[Permission] = &[Permission::WorkflowExecute];
/// For a call to a server.
pub const HTTP: &[Permission] = &[Permission::WorkflowExecute, Permission::ToolExecute];
/// For a prompt to a model.
pub const MODEL: &[Permission] = &[Permission::WorkflowExecute];
