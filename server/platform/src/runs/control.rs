//! What people order a run to do: stop, pause, go on.

use database::runs as rows;
use domain::{
    Actor, Problem, RunId,
    audit::{AuditEvent, AuditEvents},
    permission::{PermissionMarker, RunCancel},
};
use engine::Letter;

use crate::{Platform, Result};

const OVER: &str = "The run is over already.";

impl Platform {
    /// Asks a run to stop. What it has out is stopped; a waiting approval is cancelled. With `take_back`, what was completed is
    /// taken back first, where its step says how.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `run:cancel`, 409 when it is over.
    pub async fn cancel_run(&self, actor: &Actor, id: RunId, reason: Option<String>, take_back: bool) -> Result<()> {
        let by = actor.label().to_owned();
        self.order::<RunCancel>(actor, id, ("run.cancel_requested", OVER), |event| {
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
        self.order::<RunCancel>(actor, id, ("run.pause_requested", OVER), |event| {
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
        self.order::<RunCancel>(actor, id, ("run.resume_requested", OVER), |event| (Letter::EndPause { by }, event)).await
    }

    /// Puts what somebody orders into a run's inbox, on record. `over` is said of a run that nothing can happen to any more.
    pub(super) async fn order<P: PermissionMarker>(
        &self,
        actor: &Actor,
        id: RunId,
        (action, over): (&'static str, &'static str),
        order: impl FnOnce(AuditEvent) -> (Letter, AuditEvent),
    ) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run = found.authorize::<P>(actor)?;
        if run.facts.status.is_over() {
            return Err(Problem::conflict("run_over", over).into());
        }
        let (letter, event) = order(AuditEvent::done(action, "run", id, format!("{} #{}", run.facts.workflow_name, run.facts.number)));
        self.send(&mut tx, id, letter).await?;
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}
