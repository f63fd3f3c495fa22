//! The seam between keeping runs alive and what their steps do.

use std::sync::Arc;

use database::{Batch, Keys, MemberRefused};
use domain::{PersonId, RequestId, RunId, TenantId, VersionId, WorkflowId};
use workflow::{
    Effect, Event, Input, Plan, Run,
    core::{CallEffect, CallFailure},
    event::Charge,
};

/// What stays the same for a run as long as it lives.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// Its tenant.
    pub tenant: TenantId,
    /// The run.
    pub run: RunId,
    /// Its number in the tenant.
    pub number: i64,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The version it runs.
    pub version: VersionId,
    /// Who started it: the run acts for them and never for more.
    pub starter: PersonId,
    /// Their e-mail address.
    pub starter_label: String,
    /// Who saved the version, if a person did.
    pub author: Option<PersonId>,
    /// The plan of that version.
    pub plan: Arc<Plan>,
    /// The id that the audit rows of this stretch of work share.
    pub request: RequestId,
}

/// What the host says to an effect that is due.
#[derive(Debug)]
pub enum Verdict<G> {
    /// The call may go out once the given input is recorded.
    Go {
        /// The [`Input::Dispatched`] to record.
        input: Input,
        /// What `perform` needs.
        go: G,
    },
    /// The effect is settled, refused or put off by recording this instead.
    Tell(Input),
    /// Somebody else was faster, and what they did is in the run's inbox: nothing to do until it is taken in.
    InInbox,
    /// Something has to be read or built outside the transaction first: [`StepHost::prepare`], then again.
    Again,
}

/// How a call came back.
#[derive(Debug)]
pub struct Outcome<E> {
    /// The result, or what went wrong.
    pub result: Result<serde_json::Value, CallFailure>,
    /// What the host needs to settle it.
    pub evidence: E,
}

/// How a call ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Its time was up and the work was stopped.
    TimedOut,
    /// The code that made it panicked.
    Panicked,
}

/// Every control sits here: the engine asks before each effect, and what the host writes into the batch is
/// on disk together with the journal before anything goes out.
pub trait StepHost: Send + Sync + 'static {
    /// What a permitted call is performed with.
    type Go: Send + 'static;
    /// What is kept of an answer for settling it.
    type Evidence: Send + Sync + 'static;

    /// Names what the batch has to read for deciding these effects and for settling what is open: what was out in the state `before`,
    /// and what is due in the state that the append is foreseen to come to.
    fn keys(&self, run: &RunContext, before: &Run, foreseen: &Run, effects: &[Effect], keys: &mut Keys);

    /// Decides one due effect: rights, approval, limits, hold, credential use. Does not wait for anything.
    fn before(&self, batch: &mut Batch<'_>, run: &RunContext, state: &Run, effect: &Effect) -> Result<Verdict<Self::Go>, MemberRefused>;

    /// Does what [`Verdict::Again`] asked for, outside any transaction.
    fn prepare(&self, run: &RunContext) -> impl Future<Output = ()> + Send;

    /// Makes the call. Dropping the future stops it.
    fn perform(&self, go: Self::Go) -> impl Future<Output = Outcome<Self::Evidence>> + Send;

    /// The outcome of a call that was stopped or fell over: whether it reached the other side is not known.
    fn broken(&self, call: &CallEffect, how: Broken) -> Outcome<Self::Evidence>;

    /// Settles or releases what was set aside for a call, and says what it cost.
    fn after(
        &self,
        batch: &mut Batch<'_>,
        run: &RunContext,
        call: &CallEffect,
        outcome: &Outcome<Self::Evidence>,
    ) -> Result<Option<Charge>, MemberRefused>;

    /// Is shown every append, in its own commit: the run list, approvals and holds of ended runs, mail. `last_seq` is
    /// the journal number of the last event.
    fn recorded(&self, batch: &mut Batch<'_>, run: &RunContext, state: &Run, events: &[Event], last_seq: i64) -> Result<(), MemberRefused>;
}
