//! What a run will probably cost and take, and the most that it can.
//!
//! Probably: the median and the 95th percentile (nearest rank) of past runs, once there are [`ENOUGH`]. At most: from the bytes of
//! prompts, the most tokens of answers, and prices, as the money that is set aside before a call is found; see
//! [`workflow::dry_run::bounds`].

use std::{collections::BTreeMap, time::Duration};

use database::{Reads, providers, providers::ModelRow};
use domain::{Actor, Money, Timestamp};
use workflow::{
    Plan,
    coverage::ModelUse,
    dry_run::bounds::{self, Most},
    event::Started,
    plan::StepKind,
};

use super::{
    Given,
    past::{Past, Taken},
};
use crate::{Platform, Result, execution::most_of_attempt};

/// From how many past runs on they say what is usual.
pub const ENOUGH: usize = 5;

/// The middle of what was seen, and what 95 of 100 do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread<T> {
    /// The median.
    pub median: T,
    /// The 95th percentile.
    pub p95: T,
}

impl<T: Ord + Copy> Spread<T> {
    /// Of what was seen, by nearest rank; nothing of nothing.
    fn of(mut seen: Vec<T>) -> Option<Self> {
        seen.sort_unstable();
        let rank = |percent: usize| seen.get((seen.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { median: rank(50)?, p95: rank(95)? })
    }
}

/// What past runs took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfHistory {
    /// How many runs it is of; at least [`ENOUGH`].
    pub runs: usize,
    /// What they cost.
    pub cost: Spread<Money>,
    /// The tokens they read and wrote.
    pub tokens: Spread<u64>,
    /// How long they took, waiting included.
    pub duration: Spread<Duration>,
}

impl OfHistory {
    fn of(taken: &[Taken]) -> Option<Self> {
        if taken.len() < ENOUGH {
            return None;
        }
        Some(Self {
            runs: taken.len(),
            cost: Spread::of(taken.iter().map(|taken| taken.cost).collect())?,
            tokens: Spread::of(taken.iter().map(|taken| taken.tokens).collect())?,
            duration: Spread::of(taken.iter().map(|taken| taken.duration).collect())?,
        })
    }
}

/// A step that reaches out.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEstimate {
    /// Its id.
    pub step: String,
    /// Its name.
    pub name: String,
    /// Its kind, as files write it.
    pub kind: &'static str,
    /// For a prompt: the model it goes to, `provider/model`; nothing when there is none.
    pub model: Option<String>,
    /// What it took in past runs, all its rounds together; nothing while there are too few.
    pub history: Option<OfHistory>,
    /// How often it is taken at most; `None` cannot be bounded, 0 is certain not to be taken.
    pub times: Option<u64>,
    /// How often each of them is tried at most.
    pub attempts: u32,
    /// The most of one attempt.
    pub once: Most,
    /// The most of all of them.
    pub most: Most,
}

/// What a run will probably cost and take, and the most that it can.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// What past runs took that completed; nothing while there are too few.
    pub history: Option<OfHistory>,
    /// The most of the whole run.
    pub most: Most,
    /// Whether the inputs were known: without them, what depends on them has no bound.
    pub is_of_inputs: bool,
    /// Each step that reaches out, in the order of the file.
    pub steps: Vec<StepEstimate>,
}

/// The models that the prompts of a plan go to, by the name that the file has for them.
pub(super) struct Models(BTreeMap<Option<String>, ModelRow>);

impl Models {
    pub(super) async fn read<'a>(tx: &mut impl Reads<'a>, plan: &Plan) -> Result<Self> {
        let mut models = BTreeMap::new();
        for step in plan.all_steps() {
            let named = match &step.kind {
                StepKind::Model(model) => &model.model,
                StepKind::Chat(chat) => &chat.model,
                _ => continue,
            };
            let name = named.as_ref().or(plan.default_model.as_ref()).cloned();
            if !models.contains_key(&name)
                && let Some(row) = providers::resolve(tx, name.as_deref()).await?
            {
                models.insert(name, row);
            }
        }
        Ok(Self(models))
    }

    fn price(&self, prompt: &ModelUse) -> (Option<u64>, Option<Money>) {
        match (self.0.get(&prompt.model), prompt.prompt_bytes) {
            (Some(model), Some(bytes)) => most_of_attempt(model, bytes, prompt.max_tokens),
            _ => (None, None),
        }
    }
}

/// The estimate of a run that would start like this.
pub(super) fn estimate(plan: &Plan, (started, at): (Started, Timestamp), is_of_inputs: bool, models: &Models, past: &Past) -> Estimate {
    let bounds = bounds::of(plan, started, at, is_of_inputs, &|prompt| models.price(prompt));
    let steps = bounds.steps.into_iter().map(|bound| StepEstimate {
        history: OfHistory::of(&past.of_step(&bound.step)),
        model: bound
            .prompt
            .as_ref()
            .and_then(|prompt| models.0.get(&prompt.model))
            .map(|row| format!("{}/{}", row.provider_name, row.name)),
        step: bound.step,
        name: bound.name,
        kind: bound.kind,
        times: bound.times,
        attempts: bound.attempts,
        once: bound.once,
        most: bound.most,
    });
    Estimate { history: OfHistory::of(&past.of_runs()), most: bounds.run, is_of_inputs, steps: steps.collect() }
}

impl Platform {
    /// What a run of a workflow will probably cost and take, and the most that it can; of the version that a start takes, else of the
    /// newest draft, or of the one that is named. Without inputs, or while those given do not fit, what depends on them has no bound.
    /// What is usual is known to those who may see runs.
    ///
    /// # Errors
    /// 404 without such a version, 403 without `workflow:execute`, 409 for a draft with errors.
    pub async fn estimate(&self, actor: &Actor, slug: &str, version: Option<i64>, given: Option<Given>) -> Result<Estimate> {
        let prepared = self.prepare_dry_run(actor, slug, version).await?;
        let inputs =
            given.and_then(|given| prepared.inputs(given).ok()).or_else(|| prepared.inputs(Given::Values(serde_json::Map::new())).ok());
        let is_of_inputs = inputs.is_some();
        let started = prepared.started(self, actor, inputs.unwrap_or_default());
        Ok(estimate(&prepared.plan, (started, self.now()), is_of_inputs, &prepared.models, &prepared.past))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        assert_eq!(Spread::of(vec![3, 1, 2]), Some(Spread { median: 2, p95: 3 }));
        assert_eq!(Spread::of((1..=100).collect()), Some(Spread { median: 50, p95: 95 }));
        assert_eq!(Spread::of((1..=20).collect()), Some(Spread { median: 10, p95: 19 }));
        assert_eq!(Spread::<u8>::of(Vec::new()), None);
    }

    #[test]
    fn too_few_runs_say_nothing() {
        assert_eq!(OfHistory::of(&[Taken::default(); ENOUGH - 1]), None);
        assert_eq!(OfHistory::of(&[Taken::default(); ENOUGH]).map(|known| known.runs), Some(ENOUGH));
    }
}
