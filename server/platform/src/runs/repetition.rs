//! Starting a run once more with the inputs of one that was.
//!
//! Under the version that ran then: under another one the same inputs may mean something else. Where another one is published
//! by now, whoever asks has to say which of them they mean.

use database::{runs as rows, workflows};
use domain::{Actor, Problem, RunId, permission::RunRead};
use serde_json::{Map, Value};

use super::{Accepted, Given, Start};
use crate::{Platform, Result};

impl Platform {
    /// Starts a run with the inputs of another one, for whoever asks and with their rights, of the version that it ran. The same
    /// `start_key` starts one run. `version` says that this version is meant although another one is published by now.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `workflow:execute`, 409 when the workflow was removed, or another version is published
    /// by now and nobody said which is meant, 422 for another version than the run's, and when something that it needs is not
    /// there any more.
    pub async fn repeat_run(&self, actor: &Actor, id: RunId, version: Option<i64>, start_key: Option<String>) -> Result<Accepted> {
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run = found.authorize::<RunRead>(actor)?;
        let published = workflows::published_version(&mut tx, &run).await?;
        drop(tx);
        let Some(published) = published else {
            return Err(Problem::conflict("workflow_removed", "The workflow was removed: it cannot be started any more.").into());
        };
        let run = run.into_inner();
        let ran = run.version_number;
        match version {
            Some(version) if version != ran => {
                return Err(
                    Problem::field("version", format!("That run was of version {ran}. Start version {version} with the form.")).into()
                );
            }
            None if published != ran => {
                let words = format!(
                    "Version {published} of the workflow is published now, and that run was of version {ran}. Say which one you mean."
                );
                return Err(Problem::conflict("version_changed", words).into());
            }
            _ => {}
        }
        let given = Given::Values(if let Value::Object(inputs) = run.inputs { inputs } else { Map::new() });
        self.start(actor, Start { workflow: &run.facts.workflow_slug, version: Some(ran), given, start_key, repeated: Some(id) }).await
    }
}
