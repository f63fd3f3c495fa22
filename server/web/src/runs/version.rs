//! The version that a run pinned: kept and shown whatever became of its workflow.

use domain::{RunId, permission::WorkflowRead};

use crate::{
    route::{Answer, Grant, Path},
    workflows,
};

/// `GET /t/{slug}/runs/{id}/version`: the text that the run goes by.
pub(crate) async fn version(grant: Grant<WorkflowRead>, Path(id): Path<RunId>) -> Answer {
    let shown = grant.platform().run_version(grant.actor(), id).await?;
    workflows::versions::version_page(&grant, shown, grant.path(&format!("/runs/{id}"))).await
}
