//! Signals: something from outside that a step of a run waits for.

use database::runs as rows;
use domain::{
    Actor, Problem, RunId, Scope,
    audit::{AuditEvent, AuditEvents},
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
        let mut tx = self.parts().database.write(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run = found.authorize::<RunRead>(actor)?;
        if run.facts.status.is_over() {
            return Err(Problem::conflict("run_over", "The run is over already: nothing of it waits for a signal.").into());
        }
        self.send(&mut tx, id, Letter::Signal { name: name.to_owned(), payload }).await?;
        let event = AuditEvent::done("run.signal_sent", "run", id, format!("{} #{}", run.facts.workflow_name, run.facts.number))
            .with("signal", name);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
