//! Why a run does not go on at this moment: for whom or what it waits, since when, until when, and what happens then.
//!
//! A new reason is a variant of [`Wait`] and an arm in [`explained`].

use database::{
    Reads,
    runs::{self as rows, RunRow},
};
use domain::{Actor, ApprovalId, Authorized, Permission, Timestamp, permission::RunRead};
use serde_json::Value;
use workflow::{
    Plan, Run,
    plan::{AfterRefusal, StepKind, tree::id_of},
    run::{Calling, Paused, Phase, Progress, StepState},
};

use super::history::{History, RoundShown, SaidShown};
use crate::{
    Result,
    budgets::{AccountShown, standing},
    mandate::who_agrees,
};

/// Why a run does not go on at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Somebody has to decide.
    Approval {
        /// The step's name.
        step: String,
        /// The approval.
        approval: ApprovalId,
        /// How many of whom: `1 of role approver`.
        who: String,
        /// How many have to agree.
        quorum: i64,
        /// The addresses of those who were asked by mail.
        asked: Vec<String>,
        /// What some of them said already.
        said: Vec<SaidShown>,
        /// Since when.
        since: Timestamp,
        /// Until when it can be decided.
        until: Timestamp,
        /// Whether the run goes on without a decision then; else it fails.
        goes_on: bool,
    },
    /// A step may not go out for now.
    Parked {
        /// The step's name.
        step: String,
        /// What is in its way, as a sentence.
        words: String,
        /// Since when, when that is known.
        since: Option<Timestamp>,
        /// When the time of the run is up and it fails, if it has a limit.
        until: Option<Timestamp>,
        /// The account that has no room, when it is for money and the reader may see budgets.
        account: Option<AccountShown>,
        /// Whether it is for money.
        is_for_money: bool,
    },
    /// An attempt failed and the next one has its time.
    Retry {
        /// The step's name.
        step: String,
        /// The number of the next attempt.
        attempt: u32,
        /// How many attempts there can be.
        of: u32,
        /// Since when: the end of the attempt before.
        since: Option<Timestamp>,
        /// When it is made.
        until: Timestamp,
        /// When the time of the run is up, if it has a limit.
        deadline: Option<Timestamp>,
    },
    /// Somebody paused it.
    Paused {
        /// The address of who did.
        by: String,
        /// Why, if they said.
        reason: Option<String>,
        /// Since when.
        since: Timestamp,
        /// When the time of the run is up, if it has a limit.
        deadline: Option<Timestamp>,
    },
    /// A step waits for a moment or for a signal, as the workflow says.
    Pause {
        /// The step's name.
        step: String,
        /// The name of the signal, if it waits for one.
        signal: Option<String>,
        /// Since when.
        since: Option<Timestamp>,
        /// Until when.
        until: Option<Timestamp>,
        /// When the time of the run is up, if it has a limit.
        deadline: Option<Timestamp>,
    },
    /// It was accepted and has not begun.
    Queue {
        /// Since when.
        since: Timestamp,
        /// Whether a server has taken it up.
        is_taken_up: bool,
    },
}

/// All that has to be known of a run to say why it waits.
pub(super) struct About<'a> {
    pub(super) run: &'a Authorized<'a, RunRead, RunRow>,
    pub(super) plan: &'a Plan,
    pub(super) state: &'a Run,
    pub(super) history: &'a History,
    pub(super) rounds: &'a [RoundShown],
}

/// Why the run waits, if it does.
pub(super) async fn explained<'a>(tx: &mut impl Reads<'a>, actor: &Actor, about: About<'_>, now: Timestamp) -> Result<Option<Wait>> {
    let About { run, plan, state, .. } = about;
    if state.is_over() {
        return Ok(None);
    }
    if matches!(state.phase(), Phase::New) {
        let held_until = rows::place(tx, run).await?.and_then(|place| place.held_until);
        return Ok(Some(Wait::Queue { since: run.facts.accepted_at, is_taken_up: held_until.is_some_and(|until| until > now) }));
    }
    if let Some(paused) = state.paused() {
        let Paused { at: since, by, reason } = paused.clone();
        return Ok(Some(Wait::Paused { by, reason, since, deadline: state.deadline(plan) }));
    }
    if let Some(wait) = asked(&about) {
        return Ok(Some(wait));
    }
    let deadline = state.deadline(plan);
    // A run that does anything by itself does not wait.
    let active = || state.recorded().filter(|(_, step)| step.state.is_active() && !matches!(step.state, StepState::Open));
    let waits = |step: &StepState| {
        matches!(
            step,
            StepState::Calling(Calling { park: Some(_), .. } | Calling { progress: Progress::Retrying { .. }, .. })
                | StepState::Sleeping { .. }
        )
    };
    if !active().all(|(_, step)| waits(&step.state)) {
        return Ok(None);
    }
    let Some((path, recorded)) = active().next() else { return Ok(None) };
    let Some(step) = plan.step(id_of(path)) else { return Ok(None) };
    let (progress, park) = match &recorded.state {
        StepState::Calling(Calling { progress, park, .. }) => (progress, park),
        StepState::Sleeping { until, signal } => {
            let (step, signal) = (step.name.clone(), signal.clone());
            return Ok(Some(Wait::Pause { step, signal, since: recorded.started_at, until: *until, deadline }));
        }
        _ => return Ok(None),
    };
    if park.is_some() {
        // What the row says for lists: written in the same commit as the fact.
        let text = |key: &str| run.facts.waiting_for.as_ref().and_then(|waits| waits.get(key)).and_then(Value::as_str);
        let account = match text("account").filter(|_| actor.may(Permission::BudgetRead)) {
            Some(key) => standing(tx, actor, key).await?,
            None => None,
        };
        return Ok(Some(Wait::Parked {
            step: step.name.clone(),
            words: text("words").unwrap_or_default().to_owned(),
            since: about.history.parked.get(path).copied(),
            until: deadline,
            account,
            is_for_money: text("kind") == Some("budget"),
        }));
    }
    Ok(match progress {
        Progress::Retrying { attempt, not_before } => Some(Wait::Retry {
            step: step.name.clone(),
            attempt: *attempt,
            of: step.retry.max_attempts,
            since: about.history.sendings.get(path).and_then(|all| all.last()?.ended_at),
            until: *not_before,
            deadline,
        }),
        _ => None,
    })
}

/// Whom the run has asked and waits for.
fn asked(about: &About<'_>) -> Option<Wait> {
    let (path, asked) = about.state.waiting().next()?;
    let step = about.plan.step(id_of(path))?;
    let StepKind::Approval(approval) = &step.kind else { return None };
    let round = about.rounds.iter().find(|round| round.approval == asked.approval);
    Some(Wait::Approval {
        step: step.name.clone(),
        approval: asked.approval,
        who: who_agrees(approval),
        quorum: round.map_or(1, |round| round.quorum),
        asked: round.map(|round| round.asked.clone()).unwrap_or_default(),
        said: round.map(|round| round.said.clone()).unwrap_or_default(),
        since: asked.at,
        until: asked.expires_at,
        goes_on: approval.on_expiry == AfterRefusal::Continue,
    })
}
