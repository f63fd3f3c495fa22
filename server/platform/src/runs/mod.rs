//! Runs: starting and showing them. What people order one to do is in `control` and `signal`, starting one once more in `repetition`.
//! One that is only thought through is in `dry_run`, what one may cost in `estimate`, and what both know of those that were in
//! `past`. Lists of them are in `list`; what happened in one is told in `history`, why one waits in `waits`; following one is in
//! `watch`.

mod control;
mod dry_run;
mod estimate;
mod history;
mod list;
mod past;
mod repetition;
mod signal;
mod waits;
mod watch;

use std::collections::HashSet;

use database::{
    Reads, RunStatus, inbox, journal,
    runs::{self as rows, NewRun, RunListRow, RunRow},
    tenants, variables, workflows,
};
use domain::{
    Actor, ApprovalId, Authorized, InboxId, Money, Problem, RunId, Scope, Timestamp, VersionId,
    audit::{AuditEvent, AuditEvents},
    permission::{RunRead, WorkflowExecute, WorkflowRead},
    problem::FieldProblem,
};
use engine::Letter;
use serde_json::{Map, Value};
use workflow::{
    Event, Plan, Run,
    event::Decision,
    evolve, inputs,
    plan::tree::id_of,
    plan::{ApprovalStep, Step, StepKind},
    run::{Calling, End, Progress, StepState, StepView},
};

use crate::{
    Error, Platform, Result,
    approvals::{FilledShown, filled_shown},
    budgets::on_path,
    mandate::{Mandate, approvers_in_words, reach_of},
    tenants::quotas::demand_room,
    workflows::{SourceShown, version_line},
};

use history::History;

pub use database::{runs::Filter as RunFilter, workflows::NameRow as WorkflowName};
pub use dry_run::{DryQuestion, DryRun, DryRunShown, DryStep, Outcome, SampleGiven};
pub use estimate::{ENOUGH, Estimate, OfHistory, Spread, StepEstimate};
pub use history::{RoundShown, SaidShown, Sending, SendingEnd, Spent};
pub use list::LOOKED_THROUGH;
pub use waits::Wait;
pub use watch::Watch;
pub use workflow::dry_run::{Choice, Source as SampleSource, bounds::Most};

/// What a run is started with.
#[derive(Debug, Clone)]
pub enum Given {
    /// Texts of a form, turned into the types that the workflow declares.
    Form(Vec<(String, String)>),
    /// Values.
    Values(Map<String, Value>),
}

/// A start.
struct Start<'s> {
    /// The workflow's slug.
    workflow: &'s str,
    /// The number of the version; nothing for the published one.
    version: Option<i64>,
    given: Given,
    start_key: Option<String>,
    /// The run whose inputs these are.
    repeated: Option<RunId>,
}

/// A run that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The run.
    pub run: RunId,
    /// Its number in the tenant.
    pub number: i64,
    /// Whether this start, sent again under the same key, had been accepted before.
    pub repeated: bool,
}

/// One line of the list of runs.
#[derive(Debug, Clone)]
pub struct RunLine {
    /// The run.
    pub id: RunId,
    /// Its number.
    pub number: i64,
    /// The workflow's slug.
    pub workflow_slug: String,
    /// The workflow's name.
    pub workflow_name: String,
    /// Who started it.
    pub starter: String,
    /// How far it is.
    pub status: RunStatus,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// What it spent.
    pub spent: Money,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What a run waits for that is not its own work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Somebody has to decide.
    Approval {
        /// The step.
        step: String,
        /// The approval.
        approval: Option<ApprovalId>,
        /// What is asked.
        title: String,
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Somebody has to let it go on.
    Paused {
        /// The address of who paused it.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
        /// Since when.
        since: Timestamp,
    },
    /// Something else, in words.
    Other {
        /// The step.
        step: String,
        /// What it is, as a sentence.
        words: String,
    },
}

/// How a step stands, as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepStanding {
    /// Not reached.
    Idle,
    /// Not taken, and why.
    Skipped(String),
    /// Working.
    Running,
    /// An attempt failed; the next is made at this moment.
    Retrying(Timestamp),
    /// Waiting for somebody or something.
    Waiting,
    /// Done.
    Completed,
    /// Failed.
    Failed,
    /// Failed, and the run went on past it with what stands as its result.
    PassedOver,
    /// The run ended while it was under way.
    Stopped,
}

/// One step of a run.
#[derive(Debug, Clone)]
pub struct StepShown {
    /// Its path in the run: its id, behind the rounds of the loops around it.
    pub id: String,
    /// How many steps are around it.
    pub depth: usize,
    /// What it stands in, when that is not the workflow itself: `then`, `round 3`, the name of a branch.
    pub label: Option<String>,
    /// Its name.
    pub name: String,
    /// Its kind, as files write it.
    pub kind: &'static str,
    /// Where it reaches, or who is asked.
    pub towards: Option<String>,
    /// How it stands.
    pub standing: StepStanding,
    /// When it was taken up.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether an attempt was sent again because a restart left its first sending unanswered.
    pub resent: bool,
    /// The key under which it was sent.
    pub idempotency_key: Option<String>,
    /// The model that was chosen.
    pub model: Option<String>,
    /// Tokens in, cached ones included, and out.
    pub tokens: Option<(u64, u64)>,
    /// What it cost; `None` for steps that cost nothing.
    pub cost: Option<Money>,
    /// Whether the cost is the most it may have been, because the provider did not say.
    pub cost_estimated: bool,
    /// What was set aside for a call under way.
    pub held: Option<Money>,
    /// What was sent, credentials as references.
    pub request: Option<Value>,
    /// The result.
    pub output: Option<Value>,
    /// What went wrong last: code and sentence.
    pub failure: Option<(String, String)>,
    /// The approval that was asked last.
    pub asked: Option<ApprovalId>,
    /// Whether the words of an approval are made of what a model answered.
    pub is_of_model: bool,
    /// How an approval was decided.
    pub decided: Option<DecidedShown>,
    /// Every sending of every attempt, in order.
    pub sendings: Vec<Sending>,
    /// For an approval: every time it was asked, in order.
    pub rounds: Vec<RoundShown>,
}

/// How an approval of a run was decided.
#[derive(Debug, Clone)]
pub struct DecidedShown {
    /// The approval.
    pub approval: Option<ApprovalId>,
    /// approved, rejected, expired, voided or cancelled.
    pub decision: &'static str,
    /// Who decided.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What they wrote.
    pub comment: Option<String>,
    /// What they filled in.
    pub fields: Vec<FilledShown>,
}

/// A line that a step logged.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// The step.
    pub step: String,
    /// debug, info, warning or error.
    pub level: String,
    /// What it said.
    pub message: String,
}

/// A run with everything its page shows.
#[derive(Debug, Clone)]
pub struct RunShown {
    /// Its line in the list.
    pub line: RunLine,
    /// The version's number.
    pub version_number: i64,
    /// The version that a start of the workflow takes now; nothing when the workflow was removed.
    pub published_version: Option<i64>,
    /// Who stopped it and why, when it was cancelled.
    pub cancelled: Option<CancelledShown>,
    /// Why it does not go on at this moment, when it does not.
    pub wait: Option<Wait>,
    /// What it was started with.
    pub inputs: Value,
    /// What it gave.
    pub outputs: Option<Value>,
    /// What went wrong: step, code, sentence.
    pub failure: Option<(Option<String>, String, String)>,
    /// The steps in their order.
    pub steps: Vec<StepShown>,
    /// What steps said.
    pub log: Vec<LogLine>,
    /// Its mandate.
    pub mandate: Mandate,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// What is set aside.
    pub held: Money,
    /// The journal number this is true for.
    pub last_seq: i64,
    /// Whether this actor may cancel, pause and resume it now.
    pub can_cancel: bool,
    /// Whether anything that it has completed can be taken back, as its step says.
    pub can_take_back: bool,
    /// The calls that go out if the approval it waits for is given.
    pub after_approval: Vec<String>,
}

/// Who stopped a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledShown {
    /// Their address.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// Facts read for one page.
const JOURNAL_PAGE: u32 = 1_000;

impl Platform {
    /// Starts a run of the published version of a workflow. The same `start_key` starts one run, however often it is sent.
    ///
    /// # Errors
    /// 404 without such a workflow, 403 without `workflow:execute`, 409 when no version is published, 422 for inputs that do
    /// not fit.
    pub async fn start_run(&self, actor: &Actor, workflow_slug: &str, given: Given, start_key: Option<String>) -> Result<Accepted> {
        self.start_version(actor, workflow_slug, None, given, start_key).await
    }

    /// Starts a run of a version that is published or was; of the published one when none is named.
    ///
    /// # Errors
    /// 404 without such a version, 409 for a draft; else as [`Platform::start_run`].
    pub async fn start_version(
        &self,
        actor: &Actor,
        workflow_slug: &str,
        version: Option<i64>,
        given: Given,
        start_key: Option<String>,
    ) -> Result<Accepted> {
        self.start(actor, Start { workflow: workflow_slug, version, given, start_key, repeated: None }).await
    }

    async fn start(&self, actor: &Actor, start: Start<'_>) -> Result<Accepted> {
        let Start { workflow: workflow_slug, version, given, start_key, repeated } = start;
        let Some(starter) = actor.person() else {
            return Err(Problem::new(403, "forbidden", "Only a member can start a run: it acts for whom started it.").into());
        };
        let mut tx = self.parts().database.write(actor).await?;
        let scope = Scope::<WorkflowExecute>::of(actor, "workflow")?;
        let found = workflows::find_by_slug(&mut tx, workflow_slug).await?.ok_or_else(|| Problem::not_found("workflow"))?;
        let workflow = found.authorize::<WorkflowExecute>(actor)?;
        if let Some(key) = &start_key
            && let Some(known) = rows::find_by_start_key(&mut tx, key).await?
        {
            let known = known.authorize::<RunRead>(actor)?;
            return Ok(Accepted { run: known.facts.id, number: known.facts.number, repeated: true });
        }
        let unpublished = || Problem::conflict("not_published", "No version of this workflow is published yet: there are only drafts.");
        let number = version.or(workflow.published_version).ok_or_else(unpublished)?;
        let version = workflows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        let version = version.authorize::<WorkflowRead>(actor)?;
        let (Some(plan), Some(plan_hash), Some(_)) = (version.plan.as_deref(), version.facts.plan_hash, version.facts.published_at) else {
            let words = format!("Version {number} is a draft. Publish it first: a start takes a version that is published or was.");
            return Err(Problem::conflict("version_is_draft", words).into());
        };
        let plan = read_plan(plan, version.facts.id)?;
        let inputs = match given {
            Given::Form(fields) => inputs::from_form(&plan, &fields),
            Given::Values(values) => inputs::check(&plan, &values),
        };
        let inputs = inputs.map_err(|wrong| Problem::invalid(wrong.into_iter().map(field_problem).collect()))?;
        let vars: Map<String, Value> = variables::for_start(&mut tx).await?.into_iter().map(|row| (row.name, row.value)).collect();
        crate::needs::check(&mut tx, &plan, &vars).await?;
        let unheld = |name: &&String| !name.parse().is_ok_and(|permission| actor.may(permission));
        let unheld: Vec<String> = plan.declared.requirements.permissions.iter().filter(unheld).map(|name| format!("`{name}`")).collect();
        if !unheld.is_empty() {
            let words = format!("Whoever starts this workflow needs {}, as it says, and you do not hold that.", unheld.join(" and "));
            return Err(Problem::new(403, "requirements", words).into());
        }
        let tenant = tenants::current(&mut tx).await?;
        let id: RunId = self.new_id();
        let letter = Letter::Start { vars, tenant_slug: tenant.slug, tenant_name: tenant.name };
        let new = NewRun {
            id,
            workflow: workflow.id,
            version: version.facts.id,
            plan_hash,
            starter,
            starter_label: actor.label().to_owned(),
            inputs: Value::Object(inputs),
            start_key,
            accepted_at: self.now(),
            letter_id: self.new_id(),
            letter: serde_json::to_value(letter).map_err(|error| Error::Broken(error.to_string()))?,
        };
        let number = rows::accept(&mut tx, &scope, &new).await?;
        demand_room!(self, actor, tx, self.room_for_run(&mut tx, number).await?);
        let mut event = AuditEvent::done("workflow.executed", "run", id, format!("{} #{number}", workflow.name))
            .with("workflow", workflow.slug.as_str())
            .with("version", version.facts.number);
        if let Some(repeated) = repeated {
            event = event.with("repeats", repeated.to_string());
        }
        tx.commit(AuditEvents::one(event)).await?;
        Ok(Accepted { run: id, number, repeated: false })
    }

    /// Puts a letter into a run's inbox, in the transaction of the change that it tells of.
    pub(crate) async fn send(&self, tx: &mut database::WriteTx<'_>, run: RunId, letter: Letter) -> Result<()> {
        let kind = match letter {
            Letter::Start { .. } => database::InboxKind::Start,
            Letter::Decided { .. } => database::InboxKind::Approval,
            Letter::Cancel { .. } => database::InboxKind::Cancel,
            Letter::Pause { .. } => database::InboxKind::Pause,
            Letter::EndPause { .. } => database::InboxKind::EndPause,
            Letter::Signal { .. } => database::InboxKind::Signal,
            Letter::Resume => database::InboxKind::Resume,
        };
        let payload = serde_json::to_value(letter).map_err(|error| Error::Broken(error.to_string()))?;
        let id: InboxId = self.new_id();
        Ok(inbox::create(tx, &inbox::InboxRow { id, run, kind, payload, created_at: self.now() }).await?)
    }

    /// The text of the version that a run pinned, whatever became of its workflow.
    ///
    /// # Errors
    /// 404 without such a run, 403 without `run:read` and `workflow:read`.
    pub async fn run_version(&self, actor: &Actor, id: RunId) -> Result<SourceShown> {
        Scope::<WorkflowRead>::of(actor, "workflow")?;
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run = found.authorize::<RunRead>(actor)?.into_inner();
        let missing = || Error::Broken(format!("{} is missing", run.version));
        let version = workflows::pinned_version(&mut tx, run.version).await?.ok_or_else(missing)?;
        let RunListRow { workflow_slug: slug, workflow_name: name, .. } = run.facts;
        let plan = pinned_plan(&version)?;
        let vars: Map<String, Value> = variables::for_start(&mut tx).await?.into_iter().map(|row| (row.name, row.value)).collect();
        let published = workflows::find(&mut tx, version.facts.workflow).await?;
        let published = published.map(|workflow| workflow.authorize::<WorkflowRead>(actor)).transpose()?;
        let published = published.and_then(|workflow| workflow.published_version);
        let mandate = Some(Mandate::of_plan(&plan, &vars));
        Ok(SourceShown { slug, name, version: version_line(version.facts, published), source: version.source, mandate })
    }

    /// A run with everything its page shows.
    pub async fn run(&self, actor: &Actor, id: RunId) -> Result<RunShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("run"))?;
        let run = found.authorize::<RunRead>(actor)?;
        let version =
            workflows::pinned_version(&mut tx, run.version).await?.ok_or_else(|| Error::Broken(format!("{} is missing", run.version)))?;
        let plan = pinned_plan(&version)?;
        let (state, history, last_seq) = fold(&mut tx, &run).await?;
        let asks = plan.all_steps().any(|step| matches!(step.kind, StepKind::Approval(_)));
        let rounds = if asks { history::rounds(&mut tx, &run).await? } else { Vec::new() };
        let published_version = workflows::published_version(&mut tx, &run).await?;
        let about = waits::About { run: &run, plan: &plan, state: &state, history: &history, rounds: &rounds };
        let wait = waits::explained(&mut tx, actor, about, self.now()).await?;
        let can_cancel = actor.may(domain::Permission::RunCancel) && !state.is_over() && !run.facts.status.is_over();
        let shared = if state.is_over() { Vec::new() } else { on_path(&mut tx, actor, run.facts.workflow, self.now()).await? };
        let mut shown = RunShown { published_version, wait, can_cancel, ..shown(&run, &plan, &state, history, rounds, last_seq) };
        shown.mandate.spend.shared = shared;
        Ok(shown)
    }
}

/// An input that does not fit, in the words of a form.
fn field_problem(wrong: inputs::FieldProblem) -> FieldProblem {
    let hint = wrong.suggestion.map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
    FieldProblem { message: format!("`{}`: {}.{hint}", wrong.field, wrong.message), field: wrong.field }
}

/// The plan of a version that a run pinned.
fn pinned_plan(version: &workflows::VersionRow) -> Result<Plan> {
    let id = version.facts.id;
    let plan = version.plan.as_deref().ok_or_else(|| Error::Broken(format!("{id} has no plan, and a run pinned it")))?;
    read_plan(plan, id)
}

pub(crate) fn read_plan(plan: &str, version: VersionId) -> Result<Plan> {
    serde_json::from_str(plan).map_err(|error| Error::Broken(format!("the plan of {version} cannot be read: {error}")))
}

async fn fold<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<(Run, History, i64)> {
    let (mut state, mut history, mut last_seq) = (Run::new(), History::default(), 0);
    loop {
        let page = journal::after(tx, run, last_seq, JOURNAL_PAGE).await?;
        let full = page.len() == JOURNAL_PAGE as usize;
        for fact in page {
            let event: Event = serde_json::from_str(&fact.event)
                .map_err(|error| Error::Broken(format!("fact {} of {} cannot be read: {error}", fact.seq, run.facts.id)))?;
            history.note(fact.at, &event);
            state = evolve(state, fact.at, &event);
            last_seq = fact.seq;
        }
        if !full {
            return Ok((state, history, last_seq));
        }
    }
}

fn line(row: RunListRow) -> RunLine {
    RunLine {
        id: row.id,
        number: row.number,
        workflow_slug: row.workflow_slug,
        workflow_name: row.workflow_name,
        starter: row.starter_label,
        status: row.status,
        waiting: row.waiting_for.as_ref().and_then(waiting),
        spent: row.spent,
        accepted_at: row.accepted_at,
        ended_at: row.ended_at,
    }
}

/// Reads what `execution` wrote into the run's row.
fn waiting(value: &Value) -> Option<Waiting> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let time = |key: &str| value.get(key).and_then(Value::as_i64).map(Timestamp::from_micros);
    let kind = value.get("kind")?.as_str()?;
    if kind == "paused" {
        return Some(Waiting::Paused { by: text("by")?, reason: text("reason"), since: time("since")? });
    }
    let step = text("step")?;
    Some(match kind {
        "approval" => Waiting::Approval {
            step,
            approval: text("approval").and_then(|id| id.parse().ok()),
            title: text("title")?,
            since: time("since")?,
            until: time("until")?,
        },
        _ => Waiting::Other { step, words: text("words")? },
    })
}

/// How many rounds of each loop a page shows: the last ones.
const ROUNDS_SHOWN: usize = 50;

/// What the facts of a run show; what depends on the reader and on the present moment is put in by the caller.
fn shown(run: &RunRow, plan: &Plan, state: &Run, mut history: History, mut rounds: Vec<RoundShown>, last_seq: i64) -> RunShown {
    let empty = Map::new();
    let vars = state.started().map_or(&empty, |started| &started.vars);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let failure = run.error.as_ref().and_then(|error| Some((text(error, "step"), text(error, "code")?, text(error, "message")?)));
    let after_approval = state.waiting().flat_map(|(_, asked)| asked.coverage.effects.iter().map(in_one_line)).collect();
    let cancelled = match state.end() {
        Some(End::Cancelled { by, reason }) => Some(CancelledShown { by: by.clone(), reason: reason.clone() }),
        _ => None,
    };
    let steps = state.steps(plan, ROUNDS_SHOWN).into_iter().map(|view| {
        let mut shown = StepShown { is_of_model: is_of_model(plan, state, view.step), ..step(view, vars) };
        shown.sendings = history.sendings.remove(&shown.id).unwrap_or_default();
        shown.rounds = rounds.extract_if(.., |round| round.step == shown.id).collect();
        shown
    });
    let steps = steps.collect();
    RunShown {
        line: line(run.facts.clone()),
        version_number: run.version_number,
        published_version: None,
        cancelled,
        wait: None,
        inputs: run.inputs.clone(),
        outputs: run.outputs.clone(),
        failure,
        steps,
        log: history.log,
        mandate: Mandate::of_plan(plan, vars).of_run(&run.facts.starter_label, run.facts.spent, run.facts.held, last_seq),
        started_at: run.facts.started_at,
        held: run.facts.held,
        last_seq,
        can_cancel: false,
        can_take_back: can_take_back(plan, state),
        after_approval,
    }
}

/// Whether anything was completed whose step says how it is taken back.
fn can_take_back(plan: &Plan, state: &Run) -> bool {
    let ids: HashSet<&str> = plan.all_steps().filter(|step| step.compensate.is_some()).map(|step| step.id.as_str()).collect();
    !ids.is_empty() && state.recorded().any(|(path, step)| matches!(step.state, StepState::Completed { .. }) && ids.contains(id_of(path)))
}

/// `POST to payments.example with payment-desk`.
pub(crate) fn in_one_line(effect: &workflow::coverage::CoveredEffect) -> String {
    let what = effect.arguments.get("method").and_then(Value::as_str).unwrap_or(&effect.kind);
    let hosts = if effect.hosts.is_empty() { "a host that is not known yet".to_owned() } else { effect.hosts.join(", ") };
    let with =
        if effect.credentials.is_empty() { String::new() } else { format!(" with the credential {}", effect.credentials.join(", ")) };
    if effect.model.is_some() { format!("{what} at the model provider") } else { format!("{what} to {hosts}{with}") }
}

fn step(view: StepView<'_>, vars: &Map<String, Value>) -> StepShown {
    let StepView { path, step, depth, label, run } = view;
    let towards = match &step.kind {
        StepKind::Http(http) => Some(reach_of(http, vars).host),
        StepKind::Approval(approval) => Some(approvers_in_words(&approval.approvers)),
        StepKind::Model(_) => run.model.clone(),
        _ => None,
    };
    let held = match &run.state {
        StepState::Calling(Calling { progress: Progress::InFlight(dispatch), .. }) => dispatch.held,
        _ => None,
    };
    StepShown {
        id: path,
        depth,
        label,
        name: step.name.clone(),
        kind: step.kind.name(),
        towards,
        standing: standing(&run.state),
        started_at: run.started_at,
        ended_at: run.ended_at,
        attempts: run.attempts,
        resent: run.resent,
        idempotency_key: run.prepared.as_ref().map(|prepared| prepared.idempotency_key.clone()),
        model: run.model.clone(),
        tokens: run.charge.map(|charge| (charge.input_tokens, charge.output_tokens)),
        cost: run.charge.map(|charge| charge.cost),
        cost_estimated: run.charge.is_some_and(|charge| charge.estimated),
        held,
        request: run.prepared.as_ref().and_then(|prepared| serde_json::to_value(&prepared.call).ok()),
        output: match &run.state {
            StepState::Completed { output, .. } | StepState::Failed { instead: Some(output), .. } => Some((**output).clone()),
            _ => None,
        },
        failure: run.failure.as_ref().map(|failure| (failure.code.clone(), failure.message.clone())),
        asked: run.asked.as_ref().map(|asked| asked.approval),
        is_of_model: false,
        decided: run.decided.as_ref().map(|decided| DecidedShown {
            approval: run.asked.as_ref().map(|asked| asked.approval),
            decision: decision_word(decided.decision),
            by: decided.by.clone(),
            at: decided.at,
            comment: decided.comment.clone(),
            fields: run.asked.as_ref().map(|asked| filled_shown(&asked.request.fields, decided.fields.as_ref())).unwrap_or_default(),
        }),
        sendings: Vec::new(),
        rounds: Vec::new(),
    }
}

/// Whether the description of an approval holds what a model answered in this run.
fn is_of_model(plan: &Plan, state: &Run, step: &Step) -> bool {
    let StepKind::Approval(ApprovalStep { description: Some(description), .. }) = &step.kind else { return false };
    let completed =
        |id: &str| state.recorded().any(|(path, recorded)| id_of(path) == id && matches!(recorded.state, StepState::Completed { .. }));
    let answered = |step: &&Step| matches!(step.kind, StepKind::Model(_)) && completed(&step.id);
    plan.all_steps().filter(answered).any(|model| {
        description.names().iter().any(|name| match name.root.as_str() {
            "steps" => name.path.first() == Some(&model.id),
            root => model.output_variable.as_deref() == Some(root),
        })
    })
}

pub(crate) const fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
        Decision::Expired => "expired",
        Decision::Voided => "voided",
        Decision::Cancelled => "cancelled",
    }
}

fn standing(state: &StepState) -> StepStanding {
    match state {
        StepState::Idle => StepStanding::Idle,
        StepState::Skipped { reason } => StepStanding::Skipped(reason.clone()),
        StepState::Calling(Calling { park: Some(_), .. }) | StepState::Waiting(_) | StepState::Decided { .. } | StepState::Asking(_) => {
            StepStanding::Waiting
        }
        StepState::Calling(Calling { progress: Progress::Retrying { not_before, .. }, .. }) => StepStanding::Retrying(*not_before),
        StepState::Sleeping { .. } => StepStanding::Waiting,
        StepState::Calling(_) | StepState::Open | StepState::Replacing(_) | StepState::Child(_) => StepStanding::Running,
        StepState::Completed { .. } => StepStanding::Completed,
        StepState::Failed { instead: Some(_), .. } => StepStanding::PassedOver,
        StepState::Failed { .. } => StepStanding::Failed,
        StepState::Stopped { .. } => StepStanding::Stopped,
    }
}
