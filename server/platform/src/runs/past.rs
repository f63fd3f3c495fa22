//! What ended runs of a workflow tell about those to come: what their steps gave, cost and took.

use std::{collections::BTreeMap, time::Duration};

use agents::schema;
use database::{
    Reads, RunStatus,
    runs::{self as rows, RunListRow},
};
use domain::{Actor, Money, Permission, Scope, WorkflowId, permission::RunRead};
use workflow::{
    Call, Plan, Run,
    dry_run::Recorded,
    event::Charge,
    plan::{StepKind, tree::id_of},
    run::StepState,
};

use super::{LOOKED_THROUGH, RunFilter, fold};
use crate::Result;

/// How many ended runs are looked at, the newest first.
const RUNS: u32 = 30;
/// A run with a longer journal is passed over: its loops are not those of most, and reading it takes long.
const LONGEST_JOURNAL: i64 = 5_000;

/// Ended runs of a workflow, the newest first.
pub(super) struct Past(Vec<PastRun>);

struct PastRun {
    facts: RunListRow,
    state: Run,
}

/// What one run spent and took, as a whole or in one of its steps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) cost: Money,
    pub(super) tokens: u64,
    pub(super) duration: Duration,
}

impl Taken {
    /// Adds what one step was charged; a provider's count of tokens may be any number.
    fn charge(&mut self, charge: &Charge) {
        self.cost = self.cost.saturating_add(charge.cost);
        self.tokens = self.tokens.saturating_add(charge.input_tokens).saturating_add(charge.output_tokens);
    }
}

impl Past {
    /// Reads those that the actor may see; without `run:read` there are none.
    pub(super) async fn read<'a>(tx: &mut impl Reads<'a>, actor: &Actor, workflow: WorkflowId) -> Result<Self> {
        let mut past = Vec::new();
        if !actor.may(Permission::RunRead) {
            return Ok(Self(past));
        }
        let scope = Scope::<RunRead>::of(actor, "run")?;
        for status in [RunStatus::Completed, RunStatus::Failed] {
            let filter = RunFilter { workflow: Some(workflow), status: Some(status), ..RunFilter::default() };
            for facts in rows::list(tx, &scope, &filter, None, RUNS, LOOKED_THROUGH).await?.items {
                let Some(found) = rows::find(tx, facts.id).await? else { continue };
                let run = found.authorize::<RunRead>(actor)?;
                if run.last_seq > LONGEST_JOURNAL {
                    continue;
                }
                let (state, ..) = fold(tx, &run).await?;
                past.push(PastRun { facts, state });
            }
        }
        past.sort_by_key(|run| std::cmp::Reverse(run.facts.number));
        Ok(Self(past))
    }

    /// The newest result of each step that calls the outside, as far as it can be one of the plan's step still.
    pub(super) fn recorded(&self, plan: &Plan) -> BTreeMap<String, Recorded> {
        let mut recorded: BTreeMap<String, Recorded> = BTreeMap::new();
        for run in &self.0 {
            for (path, step) in run.state.recorded() {
                let id = id_of(path);
                let (StepState::Completed { output, .. }, Some(prepared)) = (&step.state, &step.prepared) else { continue };
                let fits = match (plan.step(id).map(|step| &step.kind), &prepared.call) {
                    (Some(StepKind::Http(_)), Call::Http(_)) => true,
                    (Some(StepKind::Model(model)), Call::Model(_)) => {
                        model.output_schema.as_ref().is_none_or(|schema| schema::validate(schema, output).is_ok())
                    }
                    _ => false,
                };
                if fits && !recorded.contains_key(id) {
                    let sample = Recorded { run: run.facts.id.to_string(), output: (**output).clone() };
                    recorded.insert(id.to_owned(), sample);
                }
            }
        }
        recorded
    }

    /// What completed runs took as a whole.
    pub(super) fn of_runs(&self) -> Vec<Taken> {
        let completed = self.0.iter().filter(|run| run.facts.status == RunStatus::Completed);
        let taken = |run: &PastRun| {
            let duration = run.facts.ended_at?.since(run.facts.started_at?);
            let mut all = Taken::default();
            run.state.recorded().filter_map(|(_, step)| step.charge.as_ref()).for_each(|charge| all.charge(charge));
            // What was confirmed afterwards stands in the row alone.
            Some(Taken { cost: run.facts.spent, duration, ..all })
        };
        completed.filter_map(taken).collect()
    }

    /// What a step took in each run that completed it, all its rounds together.
    pub(super) fn of_step(&self, id: &str) -> Vec<Taken> {
        let taken = |run: &PastRun| {
            let mut all: Option<Taken> = None;
            for (_, step) in run.state.recorded().filter(|(path, _)| id_of(path) == id) {
                if !matches!(step.state, StepState::Completed { .. }) {
                    continue;
                }
                let sum = all.get_or_insert_default();
                step.charge.iter().for_each(|charge| sum.charge(charge));
                if let (Some(started), Some(ended)) = (step.started_at, step.ended_at) {
                    sum.duration = sum.duration.saturating_add(ended.since(started));
                }
            }
            all
        };
        self.0.iter().filter_map(taken).collect()
    }
}
