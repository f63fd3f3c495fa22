//! What a step may do, and doing it: the platform's side of the engine's seam. Every control sits here, on
//! the only path to an effect: rights, approval, limits, credentials, then the call itself.
//!
//! `before` decides inside the writer and writes what it decided into the journal's own commit; `perform` is
//! the only place that calls `agents` or `tools`; `after` settles. One file a control.

pub(crate) mod approval;
mod credentials;
mod digest;
pub(crate) mod directory;
mod mailing;
pub(crate) mod money;
mod perform;
mod recorded;
mod rights;

use std::time::Duration;

use database::{Batch, Keys, MemberRefused};
use domain::{Money, TenantId, call::Permit};
use engine::{Broken, Outcome, RunContext, StepHost, Verdict};
use workflow::{
    Call, Effect, Event, Input, Run,
    core::{CallEffect, CallFailure},
    event::{Charge, Failure},
    run::{Calling, StepState},
};

use crate::Platform;

pub(crate) use credentials::host_of;
pub(crate) use money::{TENANT_ACCOUNT, account_of_workflow, in_words, most_of_attempt};

/// The platform as the engine sees it.
pub struct Execution {
    platform: Platform,
    directories: directory::Directories,
    periods: money::Foreseen,
}

/// A call that was allowed, with all it takes to make it.
pub struct Go {
    tenant: TenantId,
    permit: Permit,
    call: Call,
    idempotency_key: String,
    time_limit: Duration,
    credentials: Vec<credentials::Needed>,
    model: Option<money::Chosen>,
}

/// What settling a call needs to know of its answer.
#[derive(Debug, Clone, Copy, Default)]
pub enum Evidence {
    /// It cost nothing.
    #[default]
    Nothing,
    /// It cost what these tokens cost.
    Used(agents::Usage, agents::Price),
    /// It was answered, and the provider did not say how many tokens it took.
    Unsaid,
    /// It was stopped or cut off: nobody here knows what the other side did.
    Unknown,
}

impl Execution {
    /// The host over a platform.
    pub fn new(platform: Platform) -> Self {
        Self { platform, directories: directory::Directories::default(), periods: money::Foreseen::default() }
    }
}

impl StepHost for Execution {
    type Go = Go;
    type Evidence = Evidence;

    fn keys(&self, run: &RunContext, before: &Run, foreseen: &Run, effects: &[Effect], keys: &mut Keys) {
        keys.person = Some(run.starter);
        keys.open_holds = true;
        keys.approvals.extend(foreseen.recorded().filter_map(|(_, step)| step.asked.as_ref()).map(|asked| asked.approval));
        // What is out may be settled, doubted or sent anew by this append.
        for (path, step) in before.recorded() {
            if let StepState::Calling(Calling { prepared, .. }) = &step.state
                && matches!(prepared.call, Call::Model(_))
            {
                keys.accounts.extend(money::accounts(run, path));
            }
        }
        if !keys.accounts.is_empty() {
            keys.accounts.extend(self.periods.keys(run, self.platform.now()));
        }
        for effect in effects {
            match effect {
                Effect::Call(call) => {
                    keys.credentials.extend(call.call.credentials().into_iter().map(str::to_owned));
                    if let Call::Model(_) = call.call {
                        keys.models = true;
                        keys.accounts.extend(money::accounts(run, &call.step));
                    }
                    if let Some(covered) = &call.covered_by {
                        keys.approvals.push(covered.approval);
                        approval::keys_of(&covered.coverage, keys);
                    }
                }
                Effect::Ask { coverage, .. } => approval::keys_of(coverage, keys),
                Effect::Expire { approval, .. } => keys.approvals.push(*approval),
                Effect::Child { .. } | Effect::Timer { .. } => {}
            }
        }
    }

    fn before(&self, batch: &mut Batch<'_>, run: &RunContext, state: &Run, effect: &Effect) -> Result<Verdict<Go>, MemberRefused> {
        match effect {
            Effect::Call(call) => self.allow(batch, run, call),
            Effect::Ask { step, round, request, coverage, expires_in } => {
                let asking = approval::Asking { step, round: *round, request, coverage, expires_at: batch.now().after(*expires_in) };
                approval::ask(self, batch, run, state, &asking)
            }
            Effect::Expire { approval, .. } => approval::expire(batch, *approval),
            Effect::Child { step, .. } => {
                let failure = Failure::last("not_supported", "A workflow cannot be run as a step yet.");
                Ok(Verdict::Tell(Input::ChildEnded { step: step.clone(), result: Err(failure) }))
            }
            Effect::Timer { .. } => Ok(Verdict::Tell(Input::Timer)),
        }
    }

    async fn prepare(&self, run: &RunContext) {
        if let Err(error) = self.learn(run).await {
            tracing::error!(run = %run.run, %error, "the rights for {} could not be read: {error}", run.run);
        }
    }

    async fn perform(&self, go: Go) -> Outcome<Evidence> {
        perform::perform(&self.platform, go).await
    }

    fn broken(&self, call: &CallEffect, how: Broken) -> Outcome<Evidence> {
        let failure = match how {
            Broken::TimedOut => Failure {
                code: "time_out".to_owned(),
                message: format!(
                    "No answer within {} and the call was stopped; the other side may have acted on it.",
                    duration(call.time_limit)
                ),
                retryable: true,
            },
            Broken::Panicked => Failure::last("internal", "The call could not be made because of a defect here; the log has its cause."),
        };
        Outcome { result: Err(CallFailure { failure, retry_after: None }), evidence: Evidence::Unknown }
    }

    fn after(
        &self,
        batch: &mut Batch<'_>,
        _run: &RunContext,
        call: &CallEffect,
        outcome: &Outcome<Evidence>,
    ) -> Result<Option<Charge>, MemberRefused> {
        money::settle(batch, call, outcome.evidence)
    }

    fn recorded(
        &self,
        batch: &mut Batch<'_>,
        _run: &RunContext,
        state: &Run,
        events: &[Event],
        last_seq: i64,
    ) -> Result<(), MemberRefused> {
        recorded::recorded(batch, state, events, last_seq)
    }
}

impl Execution {
    /// Reads and builds what deciding inside the writer needs: the policy, the starter's recorded rights, the members.
    async fn learn(&self, run: &RunContext) -> crate::Result<()> {
        let policy = self.platform.policy(run.tenant).await?;
        self.platform.grants(run.tenant, run.starter).await?;
        if self.directories.of(run.tenant, policy.version()).is_none() {
            let directory = directory::Directory::read(&self.platform, run.tenant).await?;
            self.directories.keep(run.tenant, policy.version(), directory);
        }
        Ok(())
    }

    /// All that stands between a due call and the world, in the order that costs least to refuse.
    fn allow(&self, batch: &mut Batch<'_>, run: &RunContext, call: &CallEffect) -> Result<Verdict<Go>, MemberRefused> {
        match rights::check(&self.platform, batch, run, &call.call) {
            rights::Answer::Allowed => {}
            rights::Answer::Missing(park) => return Ok(Verdict::Tell(Input::Parked { step: call.step.clone(), park })),
            rights::Answer::Unknown => return Ok(Verdict::Again),
        }
        let refused = |failure: Failure| Ok(Verdict::Tell(Input::Refused { step: call.step.clone(), failure }));
        let chosen = match money::choose(batch, run, &call.call) {
            Ok(chosen) => chosen,
            Err(failure) => return refused(failure),
        };
        let needed = match credentials::find(&self.platform, batch, &call.call, chosen.as_ref()) {
            Ok(needed) => needed,
            Err(failure) => return refused(failure),
        };
        if let Some(covered) = &call.covered_by {
            let most = chosen.as_ref().map_or(Money::ZERO, |chosen| chosen.most);
            if let Err(reason) = approval::holds(batch, run, covered, call, most) {
                return approval::void(batch, covered.approval, reason).map(Verdict::Tell);
            }
        }
        let hold = match money::hold(batch, run, call, chosen.as_ref(), &self.periods, self.platform.parts().entropy.as_ref())? {
            money::Held::Free => None,
            money::Held::Opened(hold) => Some(hold),
            money::Held::Refused(failure) => return refused(failure),
            money::Held::Again => return Ok(Verdict::Again),
            money::Held::Park(park) => return Ok(Verdict::Tell(Input::Parked { step: call.step.clone(), park })),
        };
        let uses = credentials::record(batch, call, &needed, self.platform.parts().entropy.as_ref());
        let input = Input::Dispatched {
            step: call.step.clone(),
            attempt: call.attempt,
            dispatch: call.dispatch,
            held: hold.as_ref().map(domain::call::Hold::amount),
            model: chosen.as_ref().map(money::Chosen::full_name),
            credentials: uses,
        };
        let permit = Permit::issue(run.run, call.step.clone(), call.attempt, call.dispatch, hold);
        let go = Go {
            tenant: run.tenant,
            permit,
            call: call.call.clone(),
            idempotency_key: call.idempotency_key.clone(),
            time_limit: call.time_limit,
            credentials: needed,
            model: chosen,
        };
        Ok(Verdict::Go { input, go })
    }
}

/// A duration in words that fit into a sentence.
fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..=119 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}
