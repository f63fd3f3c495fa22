//! Runs in lists: narrowed, searched, counted.

use database::{
    RunStatus,
    runs::{self as rows, RunListRow},
    workflows,
};
use domain::{Actor, Cursor, Page, RunId, Scope, permission::RunRead};

use super::{RunFilter, RunLine, WorkflowName, line};
use crate::{Platform, Result, search::demand_searchable};

/// The most runs that one page is looked for in when no index answers: a tenth of a second at most on a million of them.
pub const LOOKED_THROUGH: u32 = 20_000;

impl Platform {
    /// A page of runs, newest first. The text may also be `#` and a number, or the id of a run: then that run alone is looked
    /// for. What no index answers is looked for in [`LOOKED_THROUGH`] runs at a time: a page may be short and have a next one.
    ///
    /// # Errors
    /// 422 for a text to search for that is too long.
    pub async fn runs(&self, actor: &Actor, filter: RunFilter, after: Option<Cursor>, limit: u32) -> Result<Page<RunLine>> {
        let scope = Scope::<RunRead>::of(actor, "run")?;
        demand_searchable(&[("text", filter.text.as_deref()), ("starter", filter.starter.as_deref())])?;
        let mut tx = self.parts().database.read(actor).await?;
        let Some(named) = filter.text.as_deref().and_then(named) else {
            return Ok(rows::list(&mut tx, &scope, &filter, after, limit, LOOKED_THROUGH).await?.map(line));
        };
        let found = match named {
            Named::Id(id) => rows::find(&mut tx, id).await?,
            Named::Number(number) => rows::find_by_number(&mut tx, number).await?,
        };
        let mut items = Vec::new();
        if let Some(found) = found {
            let run = found.authorize::<RunRead>(actor)?.into_inner();
            items.extend(fits(&filter, &run.facts).then(|| line(run.facts)));
        }
        Ok(Page { items, next: None })
    }

    /// The workflows that runs are of, those that were removed among them, by name.
    pub async fn run_workflows(&self, actor: &Actor) -> Result<Vec<WorkflowName>> {
        let scope = Scope::<RunRead>::of(actor, "run")?;
        let mut tx = self.parts().database.read(actor).await?;
        Ok(workflows::names(&mut tx, &scope).await?)
    }

    /// How many runs wait for something, as far as lists count them.
    pub async fn waiting_runs(&self, actor: &Actor) -> Result<i64> {
        let scope = Scope::<RunRead>::of(actor, "run")?;
        let mut tx = self.parts().database.read(actor).await?;
        Ok(rows::count_by_status(&mut tx, &scope, RunStatus::Waiting).await?)
    }
}

/// One run that a text names.
enum Named {
    Id(RunId),
    Number(i64),
}

/// The run that a text names: its id, or `#` and its number.
fn named(text: &str) -> Option<Named> {
    let text = text.trim();
    match text.strip_prefix('#') {
        Some(number) => number.parse().ok().map(Named::Number),
        None => text.parse().ok().map(Named::Id),
    }
}

/// Whether a run is among those that a filter lets through, whatever its text.
fn fits(filter: &RunFilter, run: &RunListRow) -> bool {
    filter.status.is_none_or(|status| run.status == status)
        && filter.workflow.is_none_or(|workflow| run.workflow == workflow)
        && filter.starter.as_ref().is_none_or(|starter| run.starter_label == *starter)
        && filter.since.is_none_or(|since| run.accepted_at >= since)
        && filter.until.is_none_or(|until| run.accepted_at < until)
}
