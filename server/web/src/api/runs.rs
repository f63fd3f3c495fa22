//! Runs: started, listed, shown, followed and cancelled.

use std::time::Duration;

use domain::{
    Problem, WorkflowId,
    id::kind,
    permission::{RunCancel, RunRead, WorkflowExecute},
};
use platform::{
    runs::{Given, LogLine, RunFilter, RunLine, RunShown, StepShown, StepStanding, Waiting},
    workflows::RunStatus,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Body, Bound, Call, Created, Dollars, Done, IdText, Json, Moment, PageOf, Paging, Path, Query, Result, range};

/// The name of the list, in cursors.
const LIST: &str = "runs";
/// The longest that an answer waits for news, in seconds.
const LONGEST_WAIT: u64 = 30;

/// How far a run is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RunStatus")]
pub enum StatusJson {
    /// Accepted, not begun.
    Queued,
    /// At work.
    Running,
    /// Waits for an approval, a time or money.
    Waiting,
    /// Ended with its outputs.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended because somebody wished so.
    Cancelled,
}

/// A run in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunLine")]
pub struct LineJson {
    /// Its id.
    pub id: IdText<kind::Run>,
    /// Its number in the tenant.
    pub number: i64,
    /// The word for its workflow in addresses.
    pub workflow: String,
    /// The name of its workflow.
    pub workflow_name: String,
    /// Who started it.
    pub starter: String,
    /// How far it is.
    pub status: StatusJson,
    /// What it waits for, when that is not its own work.
    pub waiting: Option<WaitingJson>,
    /// What it spent, in US dollars.
    pub spent: Dollars,
    /// When it was accepted.
    pub accepted_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
}

/// What a run waits for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(rename = "Waiting")]
pub enum WaitingJson {
    /// Somebody has to decide.
    Approval {
        /// The step.
        step: String,
        /// The approval.
        approval: Option<IdText<kind::Approval>>,
        /// What is asked.
        title: String,
        /// Since when.
        since: Moment,
        /// Until when.
        until: Moment,
    },
    /// Somebody paused it.
    Paused {
        /// Their e-mail address.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
        /// Since when.
        since: Moment,
    },
    /// Something else.
    Other {
        /// The step.
        step: String,
        /// What it is, as a sentence.
        words: String,
    },
}

/// A run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunJson {
    /// Its line in the list.
    #[serde(flatten)]
    pub line: LineJson,
    /// The number of the version that it runs.
    pub version: i64,
    /// What it was started with.
    pub inputs: Value,
    /// What it gave, when it has ended well.
    pub outputs: Option<Value>,
    /// What went wrong.
    pub failure: Option<FailureJson>,
    /// The steps in their order.
    pub steps: Vec<StepJson>,
    /// What is set aside for calls under way, in US dollars.
    pub held: Dollars,
    /// When its first step began.
    pub started_at: Option<Moment>,
    /// The place in its journal that this is true for; ask with it as `after` for what comes next.
    pub last_seq: i64,
}

/// What went wrong.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Failure")]
pub struct FailureJson {
    /// The step.
    pub step: Option<String>,
    /// A stable word for the kind of failure.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// How a step stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "StepStatus")]
pub enum StandingJson {
    /// Not reached yet.
    Idle,
    /// Not taken, because of its condition.
    Skipped,
    /// At work.
    Running,
    /// Failed, and tried again soon.
    Retrying,
    /// Waits for a person, a time or money.
    Waiting,
    /// Ended with its result.
    Completed,
    /// Ended with an error, and the run with it.
    Failed,
    /// Ended with an error that the run goes on after.
    PassedOver,
    /// Stopped with its run.
    Stopped,
}

/// One step of a run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Step")]
pub struct StepJson {
    /// Its path: its id, behind the rounds of the loops around it, such as `each[3]/pay`.
    pub id: String,
    /// How many steps are around it.
    pub depth: usize,
    /// What it stands in, when that is not the workflow itself: `then`, `round 3`, the id of a branch.
    pub inside: Option<String>,
    /// Its name.
    pub name: String,
    /// Its kind, as files write it.
    pub kind: String,
    /// How it stands.
    pub status: StandingJson,
    /// Why it was not taken.
    pub skipped_because: Option<String>,
    /// When the next attempt is made.
    pub retries_at: Option<Moment>,
    /// When it was taken up.
    pub started_at: Option<Moment>,
    /// When it came to its end.
    pub ended_at: Option<Moment>,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether an attempt was sent again because a restart left its first sending unanswered.
    pub resent: bool,
    /// The key under which it was sent.
    pub idempotency_key: Option<String>,
    /// The model that was chosen.
    pub model: Option<String>,
    /// Tokens in, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens out.
    pub output_tokens: Option<u64>,
    /// What it cost, in US dollars.
    pub cost: Option<Dollars>,
    /// Whether the cost is the most it may have been, because the provider did not say.
    pub cost_estimated: bool,
    /// What was sent, credentials as references.
    pub request: Option<Value>,
    /// The result.
    pub output: Option<Value>,
    /// What went wrong last.
    pub failure: Option<FailureJson>,
}

/// A line that a step logged.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LogLine")]
pub struct LogJson {
    /// When.
    pub at: Moment,
    /// The step.
    pub step: String,
    /// debug, info, warning or error.
    pub level: String,
    /// What it said.
    pub message: String,
}

/// What the steps of a run said.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunLog")]
pub struct RunLogJson {
    /// How far the run is.
    pub status: StatusJson,
    /// The place in its journal that this is true for; ask with it as `after` for what comes next.
    pub last_seq: i64,
    /// Every line so far, the oldest first.
    pub lines: Vec<LogJson>,
}

/// A run to be started.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRun")]
pub struct StartJson {
    /// The word for the workflow in addresses.
    pub workflow: String,
    /// What it is started with, by name.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// The number of a version that is published or was; the published one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A run that was accepted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AcceptedRun")]
pub struct AcceptedJson {
    /// Its id.
    pub id: IdText<kind::Run>,
    /// Its number in the tenant.
    pub number: i64,
}

/// Which runs.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListJson {
    /// Only those that are this far.
    pub status: Option<StatusJson>,
    /// Only those of this workflow: the word for it in addresses, or its id, also of one that was removed.
    pub workflow: Option<String>,
    /// Only those that somebody of exactly this name started: the `starter` of a run.
    #[schemars(length(max = 200))]
    pub starter: Option<String>,
    /// Accepted from the beginning of this day of UTC, such as `2026-11-24`, or from this moment.
    pub since: Option<Bound>,
    /// To the end of this day of UTC, or before this moment.
    pub until: Option<Bound>,
    /// Only those with this text in their inputs, outputs or failure; `#` and a number, or an id, for that run alone. What no
    /// index answers is looked for in 20,000 runs at a time: a page may be short, even empty, and have a `next`.
    #[schemars(length(max = 200))]
    pub text: Option<String>,
    /// How many rows at most; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// What the page before gave as `next`.
    pub cursor: Option<String>,
}

/// From where on, and how long to wait.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowJson {
    /// What an answer before gave as `last_seq`.
    #[schemars(range(min = 0))]
    pub after: Option<i64>,
    /// How many seconds the answer may wait for something after that; 0 when left out.
    #[schemars(range(min = 0, max = 30))]
    pub wait: Option<u64>,
}

/// Something that a step of a run waits for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Signal")]
pub struct SignalJson {
    /// Its name: letters, digits, `_`, `-` and `.`.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9_.-]{1,100}$"))]
    pub name: String,
    /// What it carries, at most 64 KiB as JSON.
    #[serde(default)]
    pub payload: Value,
}

/// Why a run is to stop.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cancellation")]
pub struct CancelJson {
    /// For those who read it later.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
    /// Whether what was completed is taken back first, where its step says how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_back: bool,
}

/// Why a run is to pause.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pause")]
pub struct PauseJson {
    /// For those who read it later.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
}

impl From<RunStatus> for StatusJson {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Queued => Self::Queued,
            RunStatus::Running => Self::Running,
            RunStatus::Waiting => Self::Waiting,
            RunStatus::Completed => Self::Completed,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StatusJson> for RunStatus {
    fn from(status: StatusJson) -> Self {
        match status {
            StatusJson::Queued => Self::Queued,
            StatusJson::Running => Self::Running,
            StatusJson::Waiting => Self::Waiting,
            StatusJson::Completed => Self::Completed,
            StatusJson::Failed => Self::Failed,
            StatusJson::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Waiting> for WaitingJson {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::Approval { step, approval, title, since, until } => {
                Self::Approval { step, approval: approval.map(IdText), title, since: Moment(since), until: Moment(until) }
            }
            Waiting::Paused { by, reason, since } => Self::Paused { by, reason, since: Moment(since) },
            Waiting::Other { step, words } => Self::Other { step, words },
        }
    }
}

impl From<RunLine> for LineJson {
    fn from(line: RunLine) -> Self {
        Self {
            id: IdText(line.id),
            number: line.number,
            workflow: line.workflow_slug,
            workflow_name: line.workflow_name,
            starter: line.starter,
            status: line.status.into(),
            waiting: line.waiting.map(WaitingJson::from),
            spent: Dollars(line.spent),
            accepted_at: Moment(line.accepted_at),
            ended_at: line.ended_at.map(Moment),
        }
    }
}

impl From<StepShown> for StepJson {
    fn from(step: StepShown) -> Self {
        let (status, skipped_because, retries_at) = match step.standing {
            StepStanding::Idle => (StandingJson::Idle, None, None),
            StepStanding::Skipped(reason) => (StandingJson::Skipped, Some(reason), None),
            StepStanding::Running => (StandingJson::Running, None, None),
            StepStanding::Retrying(at) => (StandingJson::Retrying, None, Some(Moment(at))),
            StepStanding::Waiting => (StandingJson::Waiting, None, None),
            StepStanding::Completed => (StandingJson::Completed, None, None),
            StepStanding::Failed => (StandingJson::Failed, None, None),
            StepStanding::PassedOver => (StandingJson::PassedOver, None, None),
            StepStanding::Stopped => (StandingJson::Stopped, None, None),
        };
        Self {
            failure: step.failure.map(|(code, message)| FailureJson { step: Some(step.id.clone()), code, message }),
            id: step.id,
            depth: step.depth,
            inside: step.label,
            name: step.name,
            kind: step.kind.to_owned(),
            status,
            skipped_because,
            retries_at,
            started_at: step.started_at.map(Moment),
            ended_at: step.ended_at.map(Moment),
            attempts: step.attempts,
            resent: step.resent,
            idempotency_key: step.idempotency_key,
            model: step.model,
            input_tokens: step.tokens.map(|(input, _)| input),
            output_tokens: step.tokens.map(|(_, output)| output),
            cost: step.cost.map(Dollars),
            cost_estimated: step.cost_estimated,
            request: step.request,
            output: step.output,
        }
    }
}

impl From<RunShown> for RunJson {
    fn from(run: RunShown) -> Self {
        Self {
            line: run.line.into(),
            version: run.version_number,
            inputs: run.inputs,
            outputs: run.outputs,
            failure: run.failure.map(|(step, code, message)| FailureJson { step, code, message }),
            steps: run.steps.into_iter().map(StepJson::from).collect(),
            held: Dollars(run.held),
            started_at: run.started_at.map(Moment),
            last_seq: run.last_seq,
        }
    }
}

impl From<LogLine> for LogJson {
    fn from(line: LogLine) -> Self {
        Self { at: Moment(line.at), step: line.step, level: line.level, message: line.message }
    }
}

/// The workflow that a list is narrowed to.
pub(super) async fn workflow_id<P>(call: &Call<P>, named: Option<String>) -> Result<Option<WorkflowId>> {
    let Some(named) = named else { return Ok(None) };
    call.platform().workflow_id(call.actor(), &named).await.map(Some)
}

/// `GET /api/v1/runs`.
pub(crate) async fn list(call: Call<RunRead>, Query(asked): Query<ListJson>) -> Result<Json<PageOf<LineJson>>> {
    let ListJson { status, workflow, starter, since, until, text, limit, cursor } = asked;
    let (limit, after) = Paging { limit, cursor }.read(&call, LIST)?;
    let (since, until) = range(since, until)?;
    let filter =
        RunFilter { status: status.map(RunStatus::from), workflow: workflow_id(&call, workflow).await?, starter, since, until, text };
    let page = call.platform().runs(call.actor(), filter, after, limit).await?;
    Ok(Json(PageOf::of(&call, LIST, page, LineJson::from)))
}

/// `POST /api/v1/runs`: starts a run of the published version of a workflow, or of one that was.
pub(crate) async fn start(call: Call<WorkflowExecute>, Body(asked): Body<StartJson>) -> Result<Created<AcceptedJson>> {
    let StartJson { workflow, inputs, version } = asked;
    let accepted = call.platform().start_version(call.actor(), &workflow, version, Given::Values(inputs), None).await?;
    let value = AcceptedJson { id: IdText(accepted.run), number: accepted.number };
    Ok(Created { location: format!("/api/v1/runs/{}", accepted.run), value })
}

/// The run, once there is something after a place in its journal, or when the time to wait is over.
async fn followed(call: &Call<RunRead>, run: domain::RunId, asked: &FollowJson) -> Result<RunShown> {
    let (after, wait) = (asked.after.unwrap_or(0), asked.wait.unwrap_or(0));
    if after < 0 {
        return Err(Problem::field("after", "A place in a journal is 0 or more.").into());
    }
    if wait > LONGEST_WAIT {
        return Err(Problem::field("wait", format!("An answer waits for at most {LONGEST_WAIT} seconds.")).into());
    }
    if wait > 0 {
        let mut watch = call.platform().watch_run(call.actor(), run, after).await?;
        if let Ok(news) = tokio::time::timeout(Duration::from_secs(wait), watch.next()).await
            && let Some(shown) = news?
        {
            return Ok(shown);
        }
    }
    call.platform().run(&call.platform().renewed(call.actor()).await?, run).await
}

/// `GET /api/v1/runs/{run}`.
pub(crate) async fn show(
    call: Call<RunRead>,
    (Path(run), Query(asked)): (Path<IdText<kind::Run>>, Query<FollowJson>),
) -> Result<Json<RunJson>> {
    Ok(Json(followed(&call, run.0, &asked).await?.into()))
}

/// `GET /api/v1/runs/{run}/log`.
pub(crate) async fn log(
    call: Call<RunRead>,
    (Path(run), Query(asked)): (Path<IdText<kind::Run>>, Query<FollowJson>),
) -> Result<Json<RunLogJson>> {
    let shown = followed(&call, run.0, &asked).await?;
    let lines = shown.log.into_iter().map(LogJson::from).collect();
    Ok(Json(RunLogJson { status: shown.line.status.into(), last_seq: shown.last_seq, lines }))
}

/// `POST /api/v1/runs/{run}/signals`: sends what a step waits for.
pub(crate) async fn signal(
    call: Call<WorkflowExecute>,
    (Path(run), Body(sent)): (Path<IdText<kind::Run>>, Body<SignalJson>),
) -> Result<Done> {
    call.platform().signal_run(call.actor(), run.0, &sent.name, sent.payload).await?;
    Ok(Done)
}

/// The reason of an order to a run, if one is given.
fn reason(text: Option<String>) -> Result<Option<String>> {
    let reason = text.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > 2_000) {
        return Err(Problem::field("reason", "The reason may have at most 2000 signs.").into());
    }
    Ok(reason)
}

/// `POST /api/v1/runs/{run}/cancellation`: asks a run to stop.
pub(crate) async fn cancel(call: Call<RunCancel>, (Path(run), Body(asked)): (Path<IdText<kind::Run>>, Body<CancelJson>)) -> Result<Done> {
    call.platform().cancel_run(call.actor(), run.0, reason(asked.reason)?, asked.take_back).await?;
    Ok(Done)
}

/// `POST /api/v1/runs/{run}/pause`: nothing of a run begins until it is let go on.
pub(crate) async fn pause(call: Call<RunCancel>, (Path(run), Body(asked)): (Path<IdText<kind::Run>>, Body<PauseJson>)) -> Result<Done> {
    call.platform().pause_run(call.actor(), run.0, reason(asked.reason)?).await?;
    Ok(Done)
}

/// `POST /api/v1/runs/{run}/continuation`: lets a paused run go on.
pub(crate) async fn go_on(call: Call<RunCancel>, Path(run): Path<IdText<kind::Run>>) -> Result<Done> {
    call.platform().resume_run(call.actor(), run.0).await?;
    Ok(Done)
}
