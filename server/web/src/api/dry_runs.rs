//! Runs that are only thought through, and what a run may cost.

use std::{collections::BTreeMap, time::Duration};

use domain::permission::WorkflowExecute;
use platform::runs::{
    Choice, DryRun, DryRunShown, DryStep, Estimate, Given, Most, OfHistory, Outcome, SampleGiven, SampleSource, Spread, StepEstimate,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Body, Call, Dollars, Json, Path, Query, Result, Word,
    runs::{FailureJson, LogJson, StepJson},
};

/// A run that is to be thought through.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewDryRun")]
pub struct AskedJson {
    /// What it is started with, by name.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// The number of a version, also of a draft; the published one when left out, while there is none the newest draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What steps give, by the id of the step, or by its path for one round of a loop. They go before all other samples.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 1000))]
    pub samples: BTreeMap<String, SampleJson>,
    /// How approvals end and whether waits are met, by id or path; what is not named is approved and comes.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 1000))]
    pub decisions: BTreeMap<String, ChoiceJson>,
    /// Whether the results of past runs that the key may see are taken where nothing better is there; they are when left out.
    #[serde(default = "yes")]
    pub use_recorded: bool,
}

const fn yes() -> bool {
    true
}

/// What a step gives.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "DryRunSample")]
pub enum SampleJson {
    /// This is its result; of `http.request` an object of `status`, `headers` and `body`, each of which may be left out.
    Output(Value),
    /// It fails like this.
    Failure(SampleFailureJson),
}

/// How a step is made to fail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DryRunFailure")]
pub struct SampleFailureJson {
    /// A stable word, such as `time_out`.
    pub code: String,
    /// What went wrong.
    #[serde(default)]
    pub message: String,
    /// Whether trying again may help.
    #[serde(default)]
    pub retryable: bool,
}

/// How a person's part goes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DryRunDecision")]
pub enum ChoiceJson {
    /// They agree; what is waited for comes.
    Approve,
    /// They refuse; what is waited for does not come.
    Reject,
    /// Nobody decides in time, and nothing comes.
    Expire,
}

/// Where the result of a step is from.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "snake_case")]
#[schemars(rename = "SampleSource")]
pub enum SourceJson {
    /// It was given with the request.
    Given,
    /// The file declares it.
    Declared,
    /// A past run had it.
    Recorded {
        /// The id of the run.
        run: String,
    },
    /// It was made to fit and means nothing.
    MadeUp,
}

/// A step of a run that was thought through; its moments are those of a simulated clock.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DryStep")]
pub struct DryStepJson {
    /// The step as a run has it.
    #[serde(flatten)]
    pub step: StepJson,
    /// Where its result is from, when it got one from outside.
    pub sample: Option<SourceJson>,
    /// What would be asked, for an approval that was reached.
    pub asks: Option<String>,
    /// Who would be asked.
    pub approvers: Option<String>,
}

/// How a run that was thought through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DryRunStatus")]
pub enum EndJson {
    /// With its outputs.
    Completed,
    /// With an error.
    Failed,
    /// It waits for ever for something that does not come.
    Waiting,
    /// It takes more calls, decisions and pauses than a dry run has.
    CutShort,
}

/// A run that was thought through: nothing was called, and nothing was written but that it was done.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DryRun")]
pub struct DryRunJson {
    /// The word for the workflow in addresses.
    pub workflow: String,
    /// The number of the version.
    pub version: i64,
    /// How it ended.
    pub status: EndJson,
    /// The inputs, checked and defaulted.
    pub inputs: Map<String, Value>,
    /// What it gave, when it has ended well.
    pub outputs: Option<Map<String, Value>>,
    /// What went wrong.
    pub failure: Option<FailureJson>,
    /// The steps in their order; of loops the last rounds.
    pub steps: Vec<DryStepJson>,
    /// What steps said.
    pub log: Vec<LogJson>,
    /// How many calls would go out.
    pub calls: usize,
    /// How many seconds it would wait in pauses and for moments.
    pub waited_seconds: f64,
    /// What is not there, as sentences: a start would be refused.
    pub missing: Vec<String>,
    /// What a start with these inputs may cost.
    pub estimate: EstimateJson,
}

/// Which version.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionJson {
    /// The number of a version, also of a draft; the published one when left out, while there is none the newest draft.
    pub version: Option<i64>,
}

/// What a run will probably cost and take, and the most that it can.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Estimate")]
pub struct EstimateJson {
    /// What past runs took that completed; nothing while there are fewer than five, or for a key that may not see runs.
    pub history: Option<HistoryJson>,
    /// The most of the whole run: retries, rounds, stand-ins and the dearer of two branches count, a restart does not.
    pub most: MostJson,
    /// Whether the inputs were known. Without them, what depends on them has no bound.
    pub is_of_inputs: bool,
    /// Each step that reaches out, in the order of the file.
    pub steps: Vec<StepEstimateJson>,
}

/// The most of each; nothing where it cannot be bounded.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Most")]
pub struct MostJson {
    /// Calls to the outside.
    pub calls: Option<u64>,
    /// Tokens read and written.
    pub tokens: Option<u64>,
    /// US dollars.
    pub cost: Option<Dollars>,
}

/// What past runs took: the median and the 95th percentile, by nearest rank.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "History")]
pub struct HistoryJson {
    /// How many runs it is of.
    pub runs: usize,
    /// The median cost in US dollars.
    pub cost_median: Dollars,
    /// What 95 of 100 did not pass.
    pub cost_p95: Dollars,
    /// The median of tokens read and written.
    pub tokens_median: u64,
    /// What 95 of 100 did not pass.
    pub tokens_p95: u64,
    /// The median duration in seconds, waiting included.
    pub seconds_median: f64,
    /// What 95 of 100 did not pass.
    pub seconds_p95: f64,
}

/// A step that reaches out.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StepEstimate")]
pub struct StepEstimateJson {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind, as files write it.
    pub kind: String,
    /// For a prompt: the model it goes to.
    pub model: Option<String>,
    /// What it took in past runs, all its rounds together; nothing while there are fewer than five.
    pub history: Option<HistoryJson>,
    /// How often it is taken at most; nothing where that cannot be bounded.
    pub times: Option<u64>,
    /// How often each of them is tried at most.
    pub attempts: u32,
    /// The most of one attempt.
    pub once: MostJson,
    /// The most of all of them.
    pub most: MostJson,
}

impl From<SampleJson> for SampleGiven {
    fn from(sample: SampleJson) -> Self {
        match sample {
            SampleJson::Output(output) => Self::Output(output),
            SampleJson::Failure(SampleFailureJson { code, message, retryable }) => Self::Failure { code, message, retryable },
        }
    }
}

impl From<ChoiceJson> for Choice {
    fn from(choice: ChoiceJson) -> Self {
        match choice {
            ChoiceJson::Approve => Self::Approve,
            ChoiceJson::Reject => Self::Reject,
            ChoiceJson::Expire => Self::Expire,
        }
    }
}

impl From<SampleSource> for SourceJson {
    fn from(source: SampleSource) -> Self {
        match source {
            SampleSource::Given => Self::Given,
            SampleSource::Declared => Self::Declared,
            SampleSource::Recorded(run) => Self::Recorded { run },
            SampleSource::MadeUp => Self::MadeUp,
        }
    }
}

impl From<DryStep> for DryStepJson {
    fn from(step: DryStep) -> Self {
        let (asks, approvers) = step.asked.map(|asked| (asked.title, asked.approvers)).unzip();
        Self { step: step.shown.into(), sample: step.source.map(SourceJson::from), asks, approvers }
    }
}

impl From<DryRunShown> for DryRunJson {
    fn from(shown: DryRunShown) -> Self {
        let (status, outputs, failure) = match shown.outcome {
            Outcome::Completed(outputs) => (EndJson::Completed, Some(outputs), None),
            Outcome::Failed { step, code, message } => (EndJson::Failed, None, Some(FailureJson { step, code, message })),
            Outcome::Waits => (EndJson::Waiting, None, None),
            Outcome::CutShort => (EndJson::CutShort, None, None),
        };
        Self {
            workflow: shown.slug,
            version: shown.version,
            status,
            inputs: shown.inputs,
            outputs,
            failure,
            steps: shown.steps.into_iter().map(DryStepJson::from).collect(),
            log: shown.log.into_iter().map(LogJson::from).collect(),
            calls: shown.calls,
            waited_seconds: shown.waited.as_secs_f64(),
            missing: shown.missing,
            estimate: shown.estimate.into(),
        }
    }
}

impl From<Estimate> for EstimateJson {
    fn from(estimate: Estimate) -> Self {
        Self {
            history: estimate.history.map(HistoryJson::from),
            most: estimate.most.into(),
            is_of_inputs: estimate.is_of_inputs,
            steps: estimate.steps.into_iter().map(StepEstimateJson::from).collect(),
        }
    }
}

impl From<Most> for MostJson {
    fn from(most: Most) -> Self {
        Self { calls: most.calls, tokens: most.tokens, cost: most.cost.map(Dollars) }
    }
}

impl From<OfHistory> for HistoryJson {
    fn from(history: OfHistory) -> Self {
        let Spread { median: cost_median, p95: cost_p95 } = history.cost;
        let seconds = |duration: Duration| duration.as_secs_f64();
        Self {
            runs: history.runs,
            cost_median: Dollars(cost_median),
            cost_p95: Dollars(cost_p95),
            tokens_median: history.tokens.median,
            tokens_p95: history.tokens.p95,
            seconds_median: seconds(history.duration.median),
            seconds_p95: seconds(history.duration.p95),
        }
    }
}

impl From<StepEstimate> for StepEstimateJson {
    fn from(step: StepEstimate) -> Self {
        Self {
            id: step.step,
            name: step.name,
            kind: step.kind.to_owned(),
            model: step.model,
            history: step.history.map(HistoryJson::from),
            times: step.times,
            attempts: step.attempts,
            once: step.once.into(),
            most: step.most.into(),
        }
    }
}

/// `POST /api/v1/workflows/{workflow}/dry-runs`: thinks a run through and calls nothing.
pub(crate) async fn create(
    call: Call<WorkflowExecute>,
    (Path(slug), Body(asked)): (Path<Word>, Body<AskedJson>),
) -> Result<Json<DryRunJson>> {
    let AskedJson { inputs, version, samples, decisions, use_recorded } = asked;
    let asked = DryRun {
        version,
        given: Given::Values(inputs),
        samples: samples.into_iter().map(|(step, sample)| (step, sample.into())).collect(),
        decisions: decisions.into_iter().map(|(step, choice)| (step, choice.into())).collect(),
        use_recorded,
    };
    Ok(Json(call.platform().dry_run(call.actor(), &slug.0, asked).await?.into()))
}

/// `GET /api/v1/workflows/{workflow}/estimate`: what a run may cost, as far as that is known without inputs.
pub(crate) async fn estimate(
    call: Call<WorkflowExecute>,
    (Path(slug), Query(asked)): (Path<Word>, Query<VersionJson>),
) -> Result<Json<EstimateJson>> {
    Ok(Json(call.platform().estimate(call.actor(), &slug.0, asked.version, None).await?.into()))
}
