//! Starting a run once more with the inputs of one that was.
//!
//! Only under the version that ran then: under another one the same inputs may mean something else, so a person looks at the
//! form first.

use database::{runs as rows, workflows};
use domain::{Actor, Problem, RunId, permission::RunRead};
use serde_json::{Map, Value};

use super::{Accepted, Given, Start};
use crate::{Platform, Result};

/// The run that is started once more, and the version it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) run: RunId,
    pub(super) version: i64,
}

impl Platform {
    /// Starts a run with the inputs of another one, for whoever asks and with their rights. The same `start_key` starts one run.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `workflow:execute`, 409 when the workflow was removed or has another version by now,
    /// 422 when something that it needs is not there any more.
    pub async fn repeat_run(&self, actor: &Actor, id: RunId, start_key: Option<String>) -> Result<Accepted> {
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run = found.authorize::<RunRead>(actor)?;
        let current = workflows::current_version(&mut tx, &run).await?;
        drop(tx);
        if current.is_none() {
            return Err(Problem::conflict("workflow_removed", "The workflow was removed: it cannot be started any more.").into());
        }
        let run = run.into_inner();
        let given = Given::Values(if let Value::Object(inputs) = run.inputs { inputs } else { Map::new() });
        let repeated = Some(Repeated { run: id, version: run.version_number });
        self.start(actor, Start { workflow: &run.facts.workflow_slug, given, start_key, repeated }).await
    }
}
