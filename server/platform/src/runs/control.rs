//! What people order a run to do: stop, pause, go on.

use database::runs::{self as rows, RunRow};
use domain::{
    Actor, Authorized, Problem, RunId,
    audit::{AuditEvent, AuditEvents},
    permission::RunCancel,
};
use engine::Letter;

use crate::{Platform, Result};

impl Platform {
    /// Asks a run to stop. What it has out is stopped; a waiting approval is cancelled. With `take_back`, what was completed is
    /// taken back first, where its step says how.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `run:cancel`, 409 when it is over.
    pub async fn cancel_run(&self, actor: &Actor, id: RunId, reason: Option<String>, take_back: bool) -> Result<()> {
        let by = actor.label().to_owned();
        self.order(actor, id, "run.cancel_requested", |event| {
            let event = event.with("reason", reason.clone());
            let event = if take_back { event.with("take_back", true) } else { event };
            (Letter::Cancel { by, reason, compensate: take_back }, event)
        })
        .await
    }

    /// Pauses a run: no step of it is taken up, nothing goes out and nobody is asked until somebody lets it go on. What is out
    /// already comes back and is kept; approvals that wait can be decided, and time limits go on. One that is paused stays so.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `run:cancel`, 409 when it is over.
    pub async fn pause_run(&self, actor: &Actor, id: RunId, reason: Option<String>) -> Result<()> {
        let by = actor.label().to_owned();
        self.order(actor, id, "run.pause_requested", |event| {
            let event = event.with("reason", reason.clone());
            (Letter::Pause { by, reason }, event)
        })
        .await
    }

    /// Lets a paused run go on, under its starter's rights as they are then. One that is not paused goes on as it does.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `run:cancel`, 409 when it is over.
    pub async fn resume_run(&self, actor: &Actor, id: RunId) -> Result<()> {
        let by = actor.label().to_owned();
        self.order(actor, id, "run.resume_requested", |event| (Letter::EndPause { by }, event)).await
    }

    async fn order(
        &self,
        actor: &Actor,
        id: RunId,
        action: &'static str,
        order: impl FnOnce(AuditEvent) -> (Letter, AuditEvent),
    ) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run: Authorized<'_, RunCancel, RunRow> = found.authorize(actor)?;
        if run.facts.status.is_over() {
            return Err(Problem::conflict("run_over", "The run is over already.").into());
        }
        let (letter, event) = order(AuditEvent::done(action, "run", id, format!("{} #{}", run.facts.workflow_name, run.facts.number)));
        self.send(&mut tx, id, letter).await?;
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
