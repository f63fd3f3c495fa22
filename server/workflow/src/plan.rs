//! The typed plan that every front end compiles to: all that the engine knows of a workflow.
//!
//! A plan is data: it is stored as JSON, and its hash is what a run pins. Expressions inside are kept as
//! their source and checked again when a plan is read. What a plan can say and the engine cannot do yet is named by
//! [`Plan::not_yet`], and no run of it starts.

mod block;
mod declared;
mod graph;
mod names;
mod outside;
pub mod tree;

use std::time::Duration;

use domain::{Money, canonical};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use block::{
    AfterExpiry, AtLimit, Block, Branch, BranchFailure, Case, Expiry, ForEachStep, IfStep, ParallelStep, Route, RouteStep, SubWorkflowStep,
    SwitchStep, TRY_BODY, TRY_CATCH, TRY_FINALLY, Tested, TryStep, WaitStep, WhileStep,
};
pub(crate) use declared::numbers;
pub use declared::{Declared, Feature, FileChange, Need, Requirements, Support, Tool, Trigger, TriggerKind};
pub use graph::{Graph, GraphNode, Memory, NodeTool, Sandbox};
pub use outside::{ChatStep, FileReadStep, FileWriteStep, MailStep, Message, MessageRole, Permissions, Reach, ScriptStep};
pub use tree::Tree;

use crate::{
    data::DataStep,
    expression::{Expression, Template},
};

/// A workflow, ready to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this form; 1.
    pub form: u32,
    /// The id that the file gives: a slug, unique in its tenant.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The version that the author wrote, if any.
    pub version: Option<String>,
    /// What it does, in a sentence.
    pub description: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How much is at stake.
    pub risk: Risk,
    /// What has to be given at the start, in the order of the file.
    pub inputs: Vec<InputField>,
    /// What a completed run gives, in the order of the file.
    pub outputs: Vec<OutputField>,
    /// What a run, or each of its steps, may spend.
    pub budget: Option<StepOrRunBudget>,
    /// How long a run may take in all, waiting included.
    pub time_limit: Option<Duration>,
    /// Where prompts go unless a step says otherwise: `provider/model` or a model's name.
    pub default_model: Option<String>,
    /// What a graph's nodes read and write, in the order of the file; empty for other forms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<StateField>,
    /// What a graph says besides its steps; nothing for other forms.
    #[serde(default, skip_serializing_if = "Graph::is_empty")]
    pub graph: Graph,
    /// What it declares beside its steps.
    #[serde(default, skip_serializing_if = "Declared::is_empty")]
    pub declared: Declared,
    /// The steps, in the order of the file.
    pub steps: Vec<Step>,
}

impl Plan {
    /// SHA-256 of the plan's canonical JSON: two files that mean the same have the same hash.
    ///
    /// # Errors
    /// When the plan cannot be written as JSON, which a plan that came from [`crate::parse()`] always can.
    pub fn hash(&self) -> Result<[u8; 32], serde_json::Error> {
        Ok(canonical::digest(&serde_json::to_value(self)?))
    }

    /// The step with that id, wherever it stands.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.all_steps().find(|step| step.id == id)
    }

    /// Every step, those inside others too, in the order of the file: a step comes before those inside it.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        let mut open: Vec<&Step> = self.steps.iter().rev().collect();
        std::iter::from_fn(move || {
            let step = open.pop()?;
            open.extend(step.inside().into_iter().rev());
            Some(step)
        })
    }

    /// What the plan says and the engine cannot do yet, in the order of the file: no run of it starts.
    ///
    /// Triggers that do not start runs yet are not among it: a person starts a run whatever they say. One that forbids that is.
    pub fn not_yet(&self) -> Vec<NotYet> {
        let whole = |what: String| NotYet { step: String::new(), line: 1, what };
        let limit = self.budget.filter(|budget| budget.on_limit != OnLimit::Block);
        let limit = limit.map(|budget| whole(format!("a budget with `on_limit: {}`", budget.on_limit.word())));
        let of_file = limit.into_iter().chain(self.declared.not_yet());
        let of_graph = self.graph.not_yet().into_iter().map(|(node, what)| {
            let step = node.and_then(|node| self.step(node));
            NotYet { step: step.map(|step| step.id.clone()).unwrap_or_default(), line: step.map_or(1, |step| step.line), what }
        });
        let of_steps =
            self.all_steps().filter_map(|step| step.not_yet().map(|what| NotYet { step: step.id.clone(), line: step.line, what }));
        of_file.chain(of_graph).chain(of_steps).collect()
    }
}

/// Something that a plan says and that cannot be done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYet {
    /// The step; empty when it is about the workflow as a whole.
    pub step: String,
    /// Its line in the file.
    pub line: u32,
    /// What it is, as the file writes it.
    pub what: String,
}

/// A field of a graph's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateField {
    /// Its name.
    pub name: String,
    /// What it has to be.
    pub check: FieldCheck,
}

/// How much is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little.
    #[default]
    Low,
    /// Something.
    Medium,
    /// Much.
    High,
}

/// The type of an input, an output or an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Names with values.
    Object,
    /// A list.
    Array,
}

/// What a value has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldCheck {
    /// Its type.
    pub kind: FieldType,
    /// The only values it may have, if limited.
    pub one_of: Option<Vec<Value>>,
    /// The smallest number, or the shortest length of a string or array.
    pub min: Option<f64>,
    /// The largest number, or the longest length of a string or array.
    pub max: Option<f64>,
    /// A regular expression that a string matches.
    pub pattern: Option<String>,
    /// What each element of an array has to be.
    pub items: Option<Box<FieldCheck>>,
}

/// Something given at the start of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputField {
    /// Its name.
    pub name: String,
    /// What it has to be.
    pub check: FieldCheck,
    /// Whether a run cannot start without it.
    pub required: bool,
    /// What it is when it is not given. Neither required nor defaulted means null.
    pub default: Option<Value>,
    /// What it is for.
    pub description: Option<String>,
}

/// Something a completed run gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputField {
    /// Its name.
    pub name: String,
    /// What it has to be; `None` when the file does not say.
    pub check: Option<FieldCheck>,
    /// What it is for.
    pub description: Option<String>,
    /// Read at the end; without one a step must have set the output.
    pub value: Option<TemplateValue>,
}

/// Whom a budget of the front matter limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// The run as a whole.
    Run,
    /// Each step on its own.
    Step,
}

/// What happens when a call would pass a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// The step fails before the call is made.
    #[default]
    Block,
    /// The step waits until somebody raises the limit.
    Ask,
    /// The call is made, and the run says so.
    Warn,
    /// A cheaper model is asked.
    Cheaper,
}

impl OnLimit {
    /// The word of the file for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Ask => "ask",
            Self::Warn => "warn",
            Self::Cheaper => "cheaper",
        }
    }
}

/// The budget of the front matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepOrRunBudget {
    /// The most that may be spent.
    pub limit: Money,
    /// By whom.
    pub per: Per,
    /// What happens at the limit.
    pub on_limit: OnLimit,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its id, unique in the file: also the path of the step in a run.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The line of its block in the file, from 1.
    pub line: u32,
    /// Run only if this holds.
    pub condition: Option<Expression>,
    /// What it does.
    pub kind: StepKind,
    /// The variable that takes its result.
    pub output_variable: Option<String>,
    /// How long one attempt may take. For an approval this is not used: it expires.
    pub time_limit: Option<Duration>,
    /// How often it is tried.
    pub retry: Retry,
    /// The most this step may spend in all its attempts.
    pub budget: Option<Money>,
    /// Replaces the key made of run and step.
    pub idempotency_key: Option<Template>,
    /// What follows when it fails for good. Plans that were stored before this was known all stop.
    #[serde(default, skip_serializing_if = "OnError::is_stop")]
    pub on_error: OnError,
    /// The steps of the same block that have to be over before it; `None` is the one that is written before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<String>>,
    /// What takes it back after it has completed, when what came later fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Box<Step>>,
    /// The fields of the graph's state that its result has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
    /// What it asks for beyond its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further: Option<Box<Further>>,
}

/// What a step may say and what cannot be done yet, whatever its kind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Further {
    /// The agent it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What helps to choose an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_hints: Option<Value>,
    /// What it may touch, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Who is told when it fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// What happens at its limit, unless the step fails there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_limit: Option<OnLimit>,
}

impl Step {
    /// A step of that kind with nothing else said.
    pub fn plain(id: impl Into<String>, name: impl Into<String>, line: u32, kind: StepKind) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            line,
            condition: None,
            kind,
            output_variable: None,
            time_limit: None,
            retry: Retry::ONCE,
            budget: None,
            idempotency_key: None,
            on_error: OnError::Stop,
            depends_on: None,
            compensate: None,
            writes: Vec::new(),
            further: None,
        }
    }

    /// The steps inside it, one level down: of its blocks, then what compensates it, then what is done in its stead.
    pub fn inside(&self) -> Vec<&Self> {
        let blocks = self.kind.blocks().into_iter().flat_map(|block| block.steps);
        blocks.chain(self.compensate.as_deref()).chain(self.on_error.fallbacks()).collect()
    }

    /// What of it cannot be done yet, as the file writes it.
    fn not_yet(&self) -> Option<String> {
        let of_kind = match &self.kind {
            StepKind::Workflow(_) => Some("workflow"),
            StepKind::Wait(WaitStep::Webhook { .. }) => Some("wait with `mode: webhook`"),
            StepKind::Wait(WaitStep::Form { .. }) => Some("wait with `mode: form`"),
            StepKind::Chat(chat) if !chat.tools.is_empty() => Some("a prompt with `tools`"),
            StepKind::Chat(_) => Some("a prompt with several `messages`"),
            StepKind::Script(_) => Some("script.execute"),
            StepKind::FileRead(_) => Some("file.read"),
            StepKind::FileWrite(_) => Some("file.write"),
            StepKind::Mail(_) => Some("mail.send"),
            StepKind::Http(http) if http.names_a_secret() => Some("`${secret:…}`"),
            _ => None,
        };
        let further = || {
            let further = self.further.as_deref()?;
            let named = [
                ("on_limit", further.on_limit.is_some()),
                ("agent", further.agent.is_some()),
                ("agent_hints", further.agent_hints.is_some()),
                ("permissions", further.permissions.is_some()),
                ("notify", !further.notify.is_empty()),
            ];
            named.into_iter().find(|(_, said)| *said).map(|(name, _)| name)
        };
        of_kind.or_else(further).map(str::to_owned)
    }
}

/// What follows when a step fails for good.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The run fails.
    #[default]
    Stop,
    /// The run goes on past it.
    Continue {
        /// What the step's variable is then; without it, `{error: {…}}`.
        fallback: Option<TemplateValue>,
    },
    /// Another step is taken in its stead; its result is the step's.
    Instead(Box<Step>),
    /// What was completed in the enclosing `try`, or in the whole run, is taken back; then it fails.
    Rollback,
    /// It depends on the failure's code.
    ByCode {
        /// Codes, and what follows any of them. No code stands in two of them.
        cases: Vec<(Vec<String>, OnError)>,
        /// What follows otherwise.
        otherwise: Box<OnError>,
    },
}

impl OnError {
    const fn is_stop(&self) -> bool {
        matches!(self, Self::Stop)
    }

    /// What follows a failure with that code: never [`OnError::ByCode`].
    pub fn of(&self, code: &str) -> &Self {
        match self {
            Self::ByCode { cases, otherwise } => {
                cases.iter().find(|(codes, _)| codes.iter().any(|of| of == code)).map_or(&**otherwise, |(_, policy)| policy).of(code)
            }
            other => other,
        }
    }

    /// The steps that may be taken instead.
    pub(crate) fn fallbacks(&self) -> Vec<&Step> {
        match self {
            Self::Instead(step) => vec![step],
            Self::ByCode { cases, otherwise } => {
                cases.iter().flat_map(|(_, policy)| policy.fallbacks()).chain(otherwise.fallbacks()).collect()
            }
            Self::Stop | Self::Continue { .. } | Self::Rollback => Vec::new(),
        }
    }
}

/// How often and with which pauses a step is tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub max_attempts: u32,
    /// The pause after the first attempt.
    pub initial_interval: Duration,
    /// The longest pause.
    pub max_interval: Duration,
    /// What each pause is multiplied with.
    pub factor: f64,
    /// The share of a pause that is left to chance, 0 to 1.
    pub jitter: f64,
}

impl Retry {
    /// Tried once.
    pub const ONCE: Self =
        Self { max_attempts: 1, initial_interval: Duration::from_secs(1), max_interval: Duration::from_mins(1), factor: 2.0, jitter: 0.1 };
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepKind {
    /// `http.request`.
    Http(HttpStep),
    /// `agent.analyze` and `agent.generate`.
    Model(ModelStep),
    /// A person's agreement.
    Approval(ApprovalStep),
    /// `workflow.assert`.
    Assert {
        /// What has to hold.
        condition: Expression,
        /// What is said when it does not.
        message: Option<Template>,
    },
    /// `workflow.set_outputs`.
    SetOutputs {
        /// Outputs and their values.
        values: Vec<(String, TemplateValue)>,
    },
    /// `workflow.log`.
    Log {
        /// How important it is.
        level: LogLevel,
        /// What is said.
        message: Template,
    },
    /// What reaches nobody and gives a value at once: `core.…`, `map`, `merge` and the like.
    Data(DataStep),
    /// One of two blocks.
    If(IfStep),
    /// One of several blocks.
    Switch(SwitchStep),
    /// A block for each item.
    ForEach(ForEachStep),
    /// A block as long as something holds.
    While(WhileStep),
    /// Blocks side by side.
    Parallel(ParallelStep),
    /// A block, and what is done when it fails.
    Try(TryStep),
    /// A pause, or something from outside.
    Wait(WaitStep),
    /// Another workflow.
    Workflow(SubWorkflowStep),
    /// A prompt with messages or tools.
    Chat(ChatStep),
    /// `script.execute`.
    Script(ScriptStep),
    /// `file.read`.
    FileRead(FileReadStep),
    /// `file.write`.
    FileWrite(FileWriteStep),
    /// `mail.send`.
    Mail(MailStep),
    /// Which node of a graph comes next.
    Route(RouteStep),
}

impl StepKind {
    /// The public name of the kind, as files write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http.request",
            Self::Model(model) => model.task.action(),
            Self::Approval(_) => "approval",
            Self::Assert { .. } => "workflow.assert",
            Self::SetOutputs { .. } => "workflow.set_outputs",
            Self::Log { .. } => "workflow.log",
            Self::Data(data) => data.action.name(),
            Self::If(_) => "if",
            Self::Switch(_) => "switch",
            Self::ForEach(_) => "for_each",
            Self::While(_) => "while",
            Self::Parallel(_) => "parallel",
            Self::Try(_) => "try",
            Self::Wait(_) => "wait",
            Self::Workflow(_) => "workflow",
            Self::Chat(chat) => chat.task.action(),
            Self::Script(_) => "script.execute",
            Self::FileRead(_) => "file.read",
            Self::FileWrite(_) => "file.write",
            Self::Mail(_) => "mail.send",
            Self::Route(_) => "routes",
        }
    }
}

/// How important a line of `workflow.log` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For those who look closely.
    Debug,
    /// For everybody.
    #[default]
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something went wrong.
    Error,
}

/// JSON whose strings may be templates. A string that is one lone `{{ }}` keeps the value's type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateValue {
    /// A value as it stands.
    Literal(Value),
    /// Text with expressions.
    Template(Template),
    /// A list.
    List(Vec<TemplateValue>),
    /// Names with values, in the order of the file.
    Map(Vec<(String, TemplateValue)>),
}

/// A text in which `cred://name` written literally in the file is a credential's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialPiece {
    /// Text with expressions.
    Text(Template),
    /// The credential of that name; one that a provider keeps is called `provider://path#key`.
    Credential(String),
}

/// The arguments of `http.request`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpStep {
    /// GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in capitals.
    pub method: String,
    /// The address.
    pub url: Template,
    /// Headers; the only place where a credential can stand.
    pub headers: Vec<(String, Vec<CredentialPiece>)>,
    /// Added to the address.
    pub query: Vec<(String, TemplateValue)>,
    /// What is sent.
    pub body: HttpStepBody,
    /// Status codes besides 2xx that are no error.
    pub accept_status: Vec<u16>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
}

impl HttpStep {
    /// Whether one of its credentials is kept by a provider that the file names.
    fn names_a_secret(&self) -> bool {
        let mut pieces = self.headers.iter().flat_map(|(_, pieces)| pieces);
        pieces.any(|piece| matches!(piece, CredentialPiece::Credential(name) if name.contains("://")))
    }
}

/// What an `http.request` sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpStepBody {
    /// Nothing.
    None,
    /// A JSON document.
    Json(TemplateValue),
    /// Text as it is.
    Text(Template),
    /// Fields of a form.
    Form(Vec<(String, TemplateValue)>),
}

/// What a model is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelTask {
    /// `agent.generate`.
    Generate,
    /// `agent.analyze`.
    Analyze,
    /// `agent.chat`.
    Chat,
}

impl ModelTask {
    /// The public name of the action.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Generate => "agent.generate",
            Self::Analyze => "agent.analyze",
            Self::Chat => "agent.chat",
        }
    }
}

/// The arguments of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelStep {
    /// The action.
    pub task: ModelTask,
    /// `provider/model` or a model's name; nothing said means the workflow's, then the tenant's default.
    pub model: Option<String>,
    /// The system prompt.
    pub system: Option<Template>,
    /// The prompt.
    pub prompt: Template,
    /// A JSON Schema the answer has to fit.
    pub output_schema: Option<Value>,
    /// The most tokens the answer may have; nothing said means the model's own limit.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
}

/// Who may decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Whoever holds the role.
    Role(String),
    /// The member with that e-mail address.
    Email(String),
    /// Whoever holds `approval:approve`: nobody was named.
    Anyone,
}

/// How many have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quorum {
    /// That many.
    Of(u32),
    /// Everyone who was asked.
    All,
}

/// What follows a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterRefusal {
    /// The run fails.
    #[default]
    Stop,
    /// The run goes on; the step's variable says how it was decided.
    Continue,
}

impl AfterRefusal {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(crate) const fn is_stop(&self) -> bool {
        matches!(self, Self::Stop)
    }
}

/// A person's agreement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStep {
    /// One line.
    pub title: Template,
    /// Markdown; values inside are escaped.
    pub description: Option<Template>,
    /// Who may decide; at least one.
    pub approvers: Vec<Approver>,
    /// How many have to agree.
    pub quorum: Quorum,
    /// How much is at stake.
    pub risk: Risk,
    /// Values put before the approver.
    pub shows: Vec<(String, Template)>,
    /// How long it can be decided.
    pub expires_in: Duration,
    /// What follows when nobody decides.
    pub on_expiry: AfterRefusal,
    /// What follows a rejection.
    pub on_reject: AfterRefusal,
    /// What whoever decides fills in, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FormField>,
}

/// What a field of a form takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormKind {
    /// Text on one line.
    String,
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of the options.
    Select,
    /// A day, as `2026-01-31`.
    Date,
    /// An e-mail address.
    Email,
    /// An address of `http` or `https`.
    Url,
}

/// Something that a person fills in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: FormKind,
    /// Its name for people; `None` means made of its name.
    pub label: Option<Template>,
    /// What it is for.
    pub description: Option<Template>,
    /// Whether a yes needs it.
    pub required: bool,
    /// What stands in the form before anybody writes into it. It is only suggested: what is not sent is not given.
    pub default: Option<TemplateValue>,
    /// What the value has to be; the options of a choice are its allowed values.
    pub check: FieldCheck,
}
