//! Signals: something from outside that a step of a run waits for.

use domain::{
    Actor, Problem, RunId, Scope,
    permission::{RunRead, WorkflowExecute},
};
use engine::Letter;
use serde_json::Value;

use crate::{Platform, Result};

/// The longest name of a signal, in bytes.
const LONGEST_NAME: usize = 100;
/// The largest payload as JSON, in bytes: it is kept in the journal.
pub const LARGEST_PAYLOAD: usize = 64 * 1024;

impl Platform {
    /// Sends a signal to a run: the step that waits for one of that name takes it, and one that comes first is kept for it. Who may
    /// start runs may send them.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `workflow:execute`, 409 when it is over, 422 for a name or a payload that cannot be one.
    pub async fn signal_run(&self, actor: &Actor, id: RunId, name: &str, payload: Value) -> Result<()> {
        Scope::<WorkflowExecute>::of(actor, "run")?;
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_sign) {
            let words = format!("The name of a signal has 1 to {LONGEST_NAME} letters, digits, `_`, `-` and `.`.");
            return Err(Problem::field("name", words).into());
        }
        if payload.to_string().len() > LARGEST_PAYLOAD {
            return Err(Problem::field("payload", format!("A signal carries at most {LARGEST_PAYLOAD} bytes as JSON.")).into());
        }
        let over = "The run is over already: nothing of it waits for a signal.";
        self.order::<RunRead>(actor, id, ("run.signal_sent", over), |event| {
            (Letter::Signal { name: name.to_owned(), payload }, event.with("signal", name))
        })
        .await
    }
}
