//! Dry runs: a run that is thought through with samples. Nothing is called, and no run, cost or hold is written; only that
//! somebody did it is on record, with the runs whose results were taken as samples.

use std::{collections::BTreeMap, time::Duration};

use agents::schema;
use database::{tenants, variables, workflows as rows};
use domain::{
    Actor, Problem,
    audit::{AuditEvent, AuditEvents},
    permission::{WorkflowExecute, WorkflowRead},
    problem::FieldProblem,
};
use serde_json::{Map, Value};
use workflow::{
    Plan,
    dry_run::{Choice, Script, Simulation, Source, simulate},
    event::{Failure, Started},
    inputs,
    plan::tree::id_of,
    run::End,
};

use super::{
    Given, LogLine, ROUNDS_SHOWN, StepShown,
    estimate::{Estimate, Models, estimate},
    field_problem,
    history::History,
    past::Past,
    read_plan, step,
};
use crate::{Error, Platform, Result, mandate::approvers_in_words, workflows::bundles::beside};

/// The most samples and decisions that can be given.
const MOST_GIVEN: usize = 1_000;

/// A result that a step is given.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleGiven {
    /// It gives this.
    Output(Value),
    /// It fails like this.
    Failure {
        /// A stable word.
        code: String,
        /// What went wrong.
        message: String,
        /// Whether trying again may help.
        retryable: bool,
    },
}

/// What is to be thought through.
#[derive(Debug, Clone)]
pub struct DryRun {
    /// The number of the version; nothing for the one that a start takes, or else the newest draft.
    pub version: Option<i64>,
    /// The inputs.
    pub given: Given,
    /// Results of steps, by id, or by path for one round.
    pub samples: BTreeMap<String, SampleGiven>,
    /// How approvals end and whether waits are met, by id or path; agreed to and met when nothing is said.
    pub decisions: BTreeMap<String, Choice>,
    /// Whether results of past runs are taken where nothing better is there.
    pub use_recorded: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With its outputs.
    Completed(Map<String, Value>),
    /// With a failure.
    Failed {
        /// The step that failed, if one did.
        step: Option<String>,
        /// A stable word.
        code: String,
        /// What went wrong.
        message: String,
    },
    /// It waits for something that does not come, for ever.
    Waits,
    /// It takes more turns than a dry run has.
    CutShort,
}

/// What would be put before approvers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryQuestion {
    /// The question.
    pub title: String,
    /// Who is asked.
    pub approvers: String,
}

/// A step of a dry run.
#[derive(Debug, Clone)]
pub struct DryStep {
    /// As the page of a run shows it, with the moments of the simulated clock.
    pub shown: StepShown,
    /// Where its result is from, when it got one from outside.
    pub source: Option<Source>,
    /// What is asked, for an approval that was reached.
    pub asked: Option<DryQuestion>,
}

/// A run that was thought through.
#[derive(Debug, Clone)]
pub struct DryRunShown {
    /// The workflow's slug.
    pub slug: String,
    /// The workflow's name.
    pub name: String,
    /// The number of the version.
    pub version: i64,
    /// The inputs, checked and defaulted.
    pub inputs: Map<String, Value>,
    /// The steps in their order; of loops the last rounds.
    pub steps: Vec<DryStep>,
    /// How it ended.
    pub outcome: Outcome,
    /// What steps said.
    pub log: Vec<LogLine>,
    /// How long it would wait in pauses and for moments.
    pub waited: Duration,
    /// How many calls would go out.
    pub calls: usize,
    /// What is not there, so that a start would be refused.
    pub missing: Vec<String>,
    /// What a start with these inputs costs.
    pub estimate: Estimate,
}

/// A version, and what is known of it.
pub(super) struct PreparedDryRun {
    pub(super) plan: Plan,
    pub(super) models: Models,
    pub(super) past: Past,
    name: String,
    workflow: domain::WorkflowId,
    version: i64,
    plan_hash: String,
    source: String,
    beside: workflow::bundle::Files,
    vars: Map<String, Value>,
    tenant: (String, String),
    missing: Vec<String>,
}

impl PreparedDryRun {
    /// The inputs as a run would begin with them.
    pub(super) fn inputs(&self, given: Given) -> Result<Map<String, Value>> {
        let checked = match given {
            Given::Form(fields) => inputs::from_form(&self.plan, &fields),
            Given::Values(values) => inputs::check(&self.plan, &values),
        };
        Ok(checked.map_err(|wrong| Problem::invalid(wrong.into_iter().map(field_problem).collect()))?)
    }

    /// The beginning of a run of this actor, of which nothing is written.
    pub(super) fn started(&self, platform: &Platform, actor: &Actor, inputs: Map<String, Value>) -> Started {
        let run: domain::RunId = platform.new_id();
        Started {
            plan: self.plan_hash.clone(),
            run: run.to_string(),
            number: 0,
            started_by: actor.label().to_owned(),
            inputs,
            vars: self.vars.clone(),
            tenant_slug: self.tenant.0.clone(),
            tenant_name: self.tenant.1.clone(),
            trigger: Value::Null,
        }
    }
}

/// Samples and decisions are for steps of the plan.
fn check_names(plan: &Plan, asked: &DryRun) -> Result<()> {
    let named = |field: &str, path: &String| {
        let id = id_of(path);
        if plan.step(id).is_some() {
            return None;
        }
        let known: Vec<&str> = plan.all_steps().map(|step| step.id.as_str()).collect();
        let hint = workflow::parse::nearest(id, known.iter().copied()).map_or_else(String::new, |near| format!(" Did you mean `{near}`?"));
        Some(FieldProblem { field: field.to_owned(), message: format!("The workflow has no step `{id}`.{hint}") })
    };
    let samples = asked.samples.keys().filter_map(|path| named("samples", path));
    let wrong: Vec<FieldProblem> = samples.chain(asked.decisions.keys().filter_map(|path| named("decisions", path))).collect();
    if asked.samples.len().max(asked.decisions.len()) > MOST_GIVEN {
        return Err(Problem::field("samples", format!("At most {MOST_GIVEN} samples and decisions can be given.")).into());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Problem::invalid(wrong).into()) }
}

impl Platform {
    /// Reads all that a dry run or an estimate needs.
    pub(super) async fn prepare_dry_run(&self, actor: &Actor, slug: &str, version: Option<i64>) -> Result<PreparedDryRun> {
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(|| Problem::not_found("workflow"))?;
        let workflow = found.authorize::<WorkflowExecute>(actor)?;
        let number = version.or(workflow.published_version).unwrap_or(workflow.current_version);
        let version = rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let version = version.authorize::<WorkflowRead>(actor)?;
        let (Some(text), Some(hash)) = (version.plan.as_deref(), version.facts.plan_hash) else {
            let words = format!("Version {number} has errors. A file without errors can be tried out.");
            return Err(Problem::conflict("version_has_errors", words).into());
        };
        let plan = read_plan(text, version.facts.id)?;
        let beside = beside(&mut tx, &version).await?;
        let vars: Map<String, Value> = variables::for_start(&mut tx).await?.into_iter().map(|row| (row.name, row.value)).collect();
        let missing = crate::needs::missing(&mut tx, &plan, &vars).await?;
        let models = Models::read(&mut tx, &plan).await?;
        let past = Past::read(&mut tx, actor, workflow.id).await?;
        let tenant = tenants::current(&mut tx).await?;
        Ok(PreparedDryRun {
            plan,
            models,
            past,
            name: workflow.name.clone(),
            workflow: workflow.id,
            version: number,
            plan_hash: hex::encode(hash),
            source: version.source.clone(),
            beside,
            vars,
            tenant: (tenant.slug, tenant.name),
            missing,
        })
    }

    /// Thinks a run of a workflow through: every call gets a sample, approvals go as is said, pauses are over at once. Samples are those
    /// that are given, else what the file declares with `x-sample`, else the newest results of past runs that the actor may see, else
    /// made up to fit. Nothing is called, and nothing is written but that it was done.
    ///
    /// # Errors
    /// 404 without such a version, 403 without `workflow:execute`, 409 for a draft with errors, 422 for inputs that do not fit and for
    /// samples of steps that the workflow does not have.
    pub async fn dry_run(&self, actor: &Actor, slug: &str, asked: DryRun) -> Result<DryRunShown> {
        let prepared = self.prepare_dry_run(actor, slug, asked.version).await?;
        check_names(&prepared.plan, &asked)?;
        let inputs = prepared.inputs(asked.given)?;
        let script = Script {
            given: asked.samples.into_iter().map(|(step, sample)| (step, result_of(sample))).collect(),
            declared: self.declared_samples(&prepared.source, &prepared.beside).await?,
            recorded: if asked.use_recorded { prepared.past.recorded(&prepared.plan) } else { BTreeMap::new() },
            decisions: asked.decisions,
        };
        let (started, at) = (prepared.started(self, actor, inputs.clone()), self.now());
        // Beside the other work of the server: a long loop takes a while.
        let thinking = tokio::task::spawn_blocking(move || {
            let estimate = estimate(&prepared.plan, (started.clone(), at), true, &prepared.models, &prepared.past);
            let simulation = simulate(&prepared.plan, started, at, &script, schema::validate);
            (prepared, simulation, estimate)
        });
        let broken = |error: tokio::task::JoinError| Error::Broken(format!("a dry run could not be made: {error}"));
        let (prepared, simulation, estimate) = thinking.await.map_err(broken)?;

        let mut runs: Vec<&str> = simulation
            .sources
            .values()
            .filter_map(|source| match source {
                Source::Recorded(run) => Some(run.as_str()),
                _ => None,
            })
            .collect();
        runs.sort_unstable();
        runs.dedup();
        let event = AuditEvent::done("workflow.simulated", "workflow", prepared.workflow, &prepared.name)
            .with("version", prepared.version)
            .with("samples_of", runs);
        let tx = self.parts().database.write(actor).await?;
        tx.commit(AuditEvents::one(event)).await?;
        Ok(shown(slug, prepared, inputs, &simulation, estimate))
    }
}

fn result_of(sample: SampleGiven) -> Result<Value, Failure> {
    match sample {
        SampleGiven::Output(output) => Ok(output),
        SampleGiven::Failure { code, message, retryable } => Err(Failure { code, message, retryable }),
    }
}

fn shown(slug: &str, prepared: PreparedDryRun, inputs: Map<String, Value>, simulation: &Simulation, estimate: Estimate) -> DryRunShown {
    let PreparedDryRun { plan, name, version, vars, missing, .. } = prepared;
    let mut history = History::default();
    simulation.journal.iter().for_each(|(at, event)| history.note(*at, event));
    let steps = simulation.run.steps(&plan, ROUNDS_SHOWN).into_iter().map(|view| {
        let asked = view
            .run
            .asked
            .as_ref()
            .map(|asked| DryQuestion { title: asked.request.title.clone(), approvers: approvers_in_words(&asked.request.approvers) });
        let source = simulation.sources.get(&view.path).cloned();
        DryStep { shown: step(view, &vars), source, asked }
    });
    let outcome = match simulation.run.end() {
        Some(End::Completed { outputs }) => Outcome::Completed((**outputs).clone()),
        Some(End::Failed { step, failure }) => {
            Outcome::Failed { step: step.clone(), code: failure.code.clone(), message: failure.message.clone() }
        }
        // Nobody stops a dry run.
        Some(End::Cancelled { .. }) | None if !simulation.is_cut_short => Outcome::Waits,
        _ => Outcome::CutShort,
    };
    DryRunShown {
        slug: slug.to_owned(),
        name,
        version,
        inputs,
        steps: steps.collect(),
        outcome,
        log: history.log,
        waited: simulation.waited,
        calls: history.sendings.values().map(Vec::len).sum(),
        missing,
        estimate,
    }
}
