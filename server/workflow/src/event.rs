//! The facts of a run. They are written once and read for ever: a fact is never renamed and never
//! given another meaning; a new need gets a new fact, or a new field with a default.

use domain::{
    ApprovalId, CredentialId, Money, Timestamp,
    audit::{AuditEvent, Recorded},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    coverage::Coverage,
    plan::{AfterRefusal, Approver, FieldCheck, FormKind, Quorum, Risk},
};

/// One recorded fact. The journal keeps the moment beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    Started(Started),
    /// A step was not taken.
    StepSkipped {
        /// The step.
        step: String,
        /// Why, as a sentence.
        reason: String,
    },
    /// A step that reaches out was prepared: its arguments are fixed from here on.
    StepStarted {
        /// The step.
        step: String,
        /// What will be called.
        call: Call,
        /// The `Idempotency-Key` of every attempt and dispatch.
        idempotency_key: String,
    },
    /// A call was allowed and is about to go out.
    Dispatched {
        /// The step.
        step: String,
        /// From 1.
        attempt: u32,
        /// From 1; more after a crash, under the same key.
        dispatch: u32,
        /// What was set aside for it.
        held: Option<Money>,
        /// The model that was chosen, `provider/model`.
        model: Option<String>,
        /// The credentials it is given.
        credentials: Vec<CredentialUse>,
        /// The method of an HTTP request.
        #[serde(default)]
        method: Option<String>,
        /// `host` or `host:port` of an HTTP request.
        #[serde(default)]
        host: Option<String>,
    },
    /// An attempt failed and there may be another.
    AttemptFailed {
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// What went wrong.
        failure: Failure,
        /// When the next attempt is made.
        retry_at: Timestamp,
        /// What it cost all the same.
        charge: Option<Charge>,
    },
    /// A step gave its result.
    StepCompleted {
        /// The step.
        step: String,
        /// The result, as its variable has it.
        output: Value,
        /// What it cost.
        charge: Option<Charge>,
    },
    /// A step failed for good.
    StepFailed {
        /// The step.
        step: String,
        /// What went wrong.
        failure: Failure,
        /// What it cost all the same.
        charge: Option<Charge>,
        /// Whether it is of a kind that reaches nobody: its code may then be the author's own and says nothing about a call.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        inside: bool,
    },
    /// The run goes on past a step that failed, as its `on_error` says.
    PassedOver {
        /// The step.
        step: String,
        /// What its variable is.
        output: Value,
    },
    /// An approval was reached: what will be asked is fixed from here on.
    ApprovalPrepared {
        /// The step.
        step: String,
        /// What they will see.
        request: ApprovalRequest,
    },
    /// Somebody was asked to agree.
    ApprovalAsked {
        /// The step.
        step: String,
        /// From 1; more after it was void.
        round: u32,
        /// The row that decides.
        approval: ApprovalId,
        /// What they see.
        request: ApprovalRequest,
        /// What is covered by a yes.
        coverage: Coverage,
        /// Over the coverage, the credentials' versions and the rules in force; 64 hexadecimal signs.
        digest: String,
        /// The most that may be spent after a yes.
        ceiling: Money,
        /// When nobody can decide any more.
        expires_at: Timestamp,
    },
    /// It was decided, or cannot be decided any more.
    ApprovalEnded {
        /// The step.
        step: String,
        /// Which round.
        round: u32,
        /// The row that decided.
        approval: ApprovalId,
        /// How it ended.
        decision: Decision,
        /// The last decider's e-mail address, if somebody decided.
        by: Option<String>,
        /// What they wrote.
        comment: Option<String>,
        /// What they filled in: every field that was asked for, null where nothing was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<Map<String, Value>>,
    },
    /// A step waits for something outside the run.
    Parked {
        /// The step.
        step: String,
        /// What it waits for.
        park: Park,
    },
    /// A parked step goes on.
    Resumed {
        /// The step.
        step: String,
    },
    /// Outputs of the run were set.
    OutputsSet {
        /// The step.
        step: String,
        /// Names and values.
        values: Map<String, Value>,
    },
    /// A step said something.
    Logged {
        /// The step.
        step: String,
        /// debug, info, warning or error.
        level: crate::plan::LogLevel,
        /// What it said.
        message: String,
    },
    /// One of the blocks of a step was entered: of an `if` or a `switch`.
    BlockEntered {
        /// The step.
        step: String,
        /// Which, from 0, in the order of the plan.
        block: u32,
    },
    /// A loop over a list began.
    LoopStarted {
        /// The step.
        step: String,
        /// The list.
        items: Vec<Value>,
    },
    /// A round of a loop began.
    RoundStarted {
        /// The step.
        step: String,
        /// From 0.
        round: u32,
    },
    /// A round of a loop is over.
    RoundEnded {
        /// The step.
        step: String,
        /// From 0.
        round: u32,
        /// What it gave.
        result: Value,
    },
    /// A loop pauses between two batches.
    LoopPaused {
        /// The step.
        step: String,
        /// Until then.
        until: Timestamp,
    },
    /// A loop was left because it may take no more rounds, though another was due.
    LoopLeft {
        /// The step.
        step: String,
        /// How many it took.
        rounds: u32,
    },
    /// A branch began.
    BranchStarted {
        /// The step.
        step: String,
        /// From 0, in the order of the plan.
        branch: u32,
    },
    /// A branch is over.
    BranchEnded {
        /// The step.
        step: String,
        /// From 0, in the order of the plan.
        branch: u32,
        /// Its variables; `{error: {…}}` when it failed.
        variables: Map<String, Value>,
        /// What went wrong, when the others go on all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failed>,
    },
    /// Something is tried.
    TryEntered {
        /// The step.
        step: String,
    },
    /// What was tried failed, and what it had completed is taken back.
    CompensationStarted {
        /// The step that tried; `None` when the whole run is taken back.
        step: Option<String>,
        /// What is taken back, in that order.
        steps: Vec<String>,
        /// Why.
        because: Because,
    },
    /// What is done when something failed began.
    CatchEntered {
        /// The step that tried.
        step: String,
        /// What went wrong.
        failed: Failed,
    },
    /// What is done in any case began.
    FinallyEntered {
        /// The step that tried.
        step: String,
        /// What goes on failing afterwards.
        failed: Option<Failed>,
    },
    /// Another step is taken in place of one that failed.
    FallbackEntered {
        /// The step that failed.
        step: String,
    },
    /// A step was stopped, because what is around it failed or ended.
    StepStopped {
        /// The step.
        step: String,
    },
    /// A step waits for a moment, for a signal, or for whichever comes first.
    WaitStarted {
        /// The step.
        step: String,
        /// The moment.
        until: Option<Timestamp>,
        /// The name of the signal.
        signal: Option<String>,
    },
    /// A signal came. It is kept until a step waits for it.
    SignalReceived {
        /// Its name.
        name: String,
        /// What it carries.
        payload: Value,
    },
    /// A step took a signal.
    SignalTaken {
        /// The step.
        step: String,
        /// Its name.
        name: String,
    },
    /// Somebody paused the run: nothing of it begins until somebody lets it go on.
    Paused {
        /// Their e-mail address.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Somebody let a paused run go on.
    PauseEnded {
        /// Their e-mail address.
        by: String,
    },
    /// Another workflow is run as a step.
    ChildStarted {
        /// The step.
        step: String,
        /// What is run.
        child: Child,
    },
    /// The run gave its outputs.
    Completed {
        /// Names and values.
        outputs: Map<String, Value>,
    },
    /// The run failed.
    Failed {
        /// The step that failed, if one did.
        step: Option<String>,
        /// What went wrong.
        failure: Failure,
    },
    /// The run was cancelled.
    Cancelled {
        /// The e-mail address of who cancelled it.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
    },
}

/// How a run begins: all that later steps may refer to, fixed for the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The plan's hash, 64 hexadecimal signs.
    pub plan: String,
    /// The public id of the run.
    pub run: String,
    /// Its number in the tenant.
    pub number: i64,
    /// The e-mail address of who started it.
    pub started_by: String,
    /// Checked and defaulted.
    pub inputs: Map<String, Value>,
    /// The tenant's variables at that moment.
    pub vars: Map<String, Value>,
    /// The tenant's slug.
    pub tenant_slug: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// What a trigger brought; null when a person or a program started the run.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub trigger: Value,
}

/// A step that failed for good, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The step.
    pub step: String,
    /// What went wrong.
    pub failure: Failure,
}

/// Why something is taken back, and so what follows when that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// A step failed.
    Failed(Failed),
    /// Somebody stopped the run.
    Cancelled {
        /// Their e-mail address.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
    },
}

/// Another workflow that is run as a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// Its id, or its path beside the file.
    pub workflow: String,
    /// The version that its file names; `None` is the published one.
    pub version: Option<String>,
    /// What it is given, checked when it starts.
    pub inputs: Map<String, Value>,
}

/// A credential that a dispatch was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialUse {
    /// The name after `cred://`.
    pub name: String,
    /// Which credential that was.
    pub id: CredentialId,
    /// Which version.
    pub version: i64,
    /// The host it was for.
    pub host: String,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word such as `http_status`, `time_out`, `assertion`, `budget`, `denied`, `expression`.
    pub code: String,
    /// A sentence, without secrets.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
}

impl Failure {
    /// A failure that trying again does not mend.
    pub fn last(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), retryable: false }
    }
}

/// What a dispatch cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// In nano-dollars.
    pub cost: Money,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Of these, read from a cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Whether the provider did not say and the whole hold was charged.
    pub estimated: bool,
}

/// What an approver sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// One line.
    pub title: String,
    /// Markdown with escaped values.
    pub description: Option<String>,
    /// Labels and values.
    pub shows: Vec<(String, String)>,
    /// Who may decide.
    pub approvers: Vec<Approver>,
    /// How many have to agree.
    pub quorum: Quorum,
    /// How much is at stake.
    pub risk: Risk,
    /// What whoever decides fills in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<AskedField>,
    /// What follows when nobody decides.
    #[serde(default, skip_serializing_if = "AfterRefusal::is_stop")]
    pub on_expiry: AfterRefusal,
    /// What follows a rejection.
    #[serde(default, skip_serializing_if = "AfterRefusal::is_stop")]
    pub on_reject: AfterRefusal,
}

/// A field of the form as it is put before somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedField {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: FormKind,
    /// Its name for people.
    pub label: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether a yes needs it.
    pub required: bool,
    /// What stands in it at first: text, a number, a boolean, or null for nothing.
    pub default: Value,
    /// What the value has to be.
    pub check: FieldCheck,
}

/// How an approval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Enough have agreed.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// What was approved has changed: it is asked again.
    Voided,
    /// The run was cancelled first.
    Cancelled,
}

/// What a parked step waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Park {
    /// Holds that a crash left have to be confirmed or released before there is room in this budget.
    UnconfirmedHolds {
        /// The account, such as `tenant`.
        account: String,
    },
    /// The one who started the run is disabled or lacks a right.
    StarterRights {
        /// What is missing, as a sentence.
        missing: String,
    },
}

impl Recorded for Event {
    fn bytes(&self) -> String {
        // A fact consists of texts, numbers and JSON values with text keys: writing it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn audit(&self) -> Option<AuditEvent> {
        crate::core::audit::of(self)
    }
}
