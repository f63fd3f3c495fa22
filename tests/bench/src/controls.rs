//! What each control costs: the same runs with and without it, in turn, in one process.
//!
//! Only this bench's own host can leave one out. The audit log is written by the engine itself, which cannot: its cost is that of
//! writing it twice.

use std::sync::Arc;

use database::{Batch, Charge as HoldCharge, HoldRequest, Keys, MemberRefused, PeriodAccount, budgets::period_key};
use domain::{
    HoldId, Money, Permission, Timestamp,
    audit::{AuditActor, Recorded},
    budget::{Period, Span},
    machine::OsEntropy,
};
use engine::RunContext;
use policy::{PolicyCache, PolicySource, Role, TenantPolicy};
use workflow::{Effect, Event, Run, core::CallEffect, event::Charge, run::StepState};

use crate::{
    fixture::{Engine, Fixture, THREE_STEPS},
    runs::{Driven, Rate},
};

/// What a host does beside the least that every host does.
#[derive(Default, Clone)]
pub struct Controls {
    /// Asks whether the starter may do it, as the product does: membership, tenant, recorded answer.
    policy: Option<Arc<PolicyCache>>,
    /// Sets money aside on every account of the path and its periods, and settles it, as the product does for a prompt.
    budget: bool,
    /// Writes the audit rows of the facts once more.
    audit_again: bool,
}

/// What a call may cost at most, and what it costs.
const MOST: Money = Money::from_nanos(2_000);
const COST: Money = Money::from_nanos(1_000);

/// The accounts of a workflow that gives its runs and steps no limit of their own.
fn accounts(run: &RunContext) -> [String; 2] {
    ["tenant".to_owned(), format!("workflow:{}", run.workflow)]
}

/// The accounts of the periods that are counted; which moment they begin at does not matter here.
fn periods(run: &RunContext) -> Vec<PeriodAccount> {
    let span = |period| Span { period, starts_at: Timestamp::from_micros(0), ends_at: Timestamp::from_micros(i64::MAX) };
    accounts(run)
        .into_iter()
        .flat_map(|of| {
            Period::RECURRING.map(|period| PeriodAccount { key: period_key(&of, period, "now"), of: of.clone(), span: span(period) })
        })
        .collect()
}

impl Controls {
    /// Names what has to be read.
    pub fn keys(&self, run: &RunContext, before: &Run, effects: &[Effect], keys: &mut Keys) {
        if self.policy.is_some() {
            keys.person = Some(run.starter);
        }
        if self.budget {
            keys.open_holds = true;
            let is_out = before.recorded().any(|(_, step)| matches!(step.state, StepState::Calling(_)));
            if is_out || effects.iter().any(|effect| effect.step().is_some()) {
                keys.accounts.extend(accounts(run));
                keys.accounts.extend(periods(run).into_iter().map(|account| account.key));
            }
        }
    }

    /// What stands before a call; gives what was set aside.
    ///
    /// # Errors
    /// It was refused, which no call of the bench is.
    pub fn allow(&self, batch: &mut Batch<'_>, run: &RunContext, call: &CallEffect) -> Result<Option<Money>, MemberRefused> {
        if let Some(policies) = &self.policy {
            let tenant = batch.tenant().filter(|tenant| tenant.active);
            let member = batch.membership().is_some_and(|membership| membership.active);
            let grants = tenant.and_then(|tenant| policies.cached(run.tenant, run.starter, tenant.policy_version));
            if !member || !grants.is_some_and(|grants| grants.allows(Permission::ToolExecute)) {
                return Err(MemberRefused::because("the starter may not"));
            }
        }
        if !self.budget {
            return Ok(None);
        }
        let hold = HoldRequest {
            id: HoldId::new(batch.now(), &OsEntropy),
            step: call.step.clone(),
            attempt: i64::from(call.attempt),
            dispatch: i64::from(call.dispatch),
            amount: MOST,
            accounts: accounts(run).to_vec(),
            periods: periods(run),
            at: batch.now(),
        };
        match batch.open_hold(hold)? {
            None => Ok(Some(MOST)),
            Some(_) => Err(MemberRefused::because("there is no room")),
        }
    }

    /// Settles what was set aside.
    ///
    /// # Errors
    /// An account was not read.
    pub fn settle(&self, batch: &mut Batch<'_>, call: &CallEffect) -> Result<Option<Charge>, MemberRefused> {
        if !self.budget {
            return Ok(None);
        }
        let of_this = |batch: &Batch<'_>, id: HoldId| batch.hold(id).is_some_and(|hold| hold.step == call.step);
        let Some(id) = batch.open_holds().into_iter().find(|id| of_this(batch, *id)) else { return Ok(None) };
        batch.settle_hold(id, HoldCharge::of(COST))?;
        Ok(Some(Charge { cost: COST, input_tokens: 10, cached_tokens: 0, output_tokens: 10, estimated: false }))
    }

    /// What is written beside the facts.
    pub fn record(&self, batch: &mut Batch<'_>, run: &RunContext, events: &[Event]) {
        if !self.audit_again {
            return;
        }
        for event in events.iter().filter_map(Recorded::audit) {
            let actor = AuditActor {
                kind: "person",
                id: run.starter.to_string(),
                label: run.starter_label.clone(),
                door: "run",
                run: Some(run.run.to_string()),
                address: None,
                request: run.request.to_string(),
            };
            batch.audit(actor, event.with("run", run.run.to_string()));
        }
    }
}

/// Recorded answers for the one member there is, at the version that the tenant's policy has.
async fn policies(fixture: &Fixture) -> Arc<PolicyCache> {
    let (tenant, person) = (fixture.actor.tenant(), fixture.actor.person().unwrap());
    let mut tx = fixture.platform.database().system_read().await.unwrap();
    let version = database::tenants::find(&mut tx, tenant).await.unwrap().unwrap().policy_version;
    let cache = PolicyCache::default();
    cache.install(TenantPolicy::build(PolicySource { tenant, version, bindings: vec![(person, Role::Admin)] }).await.unwrap());
    cache.grants(tenant, person, version).unwrap().unwrap();
    Arc::new(cache)
}

/// Runs with each control and without it, in turn, and prints what is left of the rate with it.
pub async fn measure(engine: Engine, concurrency: usize, seconds: f64) {
    const ROUNDS: usize = 5;
    let fixture = Arc::new(Fixture::new(engine, THREE_STEPS).await);
    let policy = Some(policies(&fixture).await);
    let ways = [
        ("none", Controls::default()),
        ("policy", Controls { policy: policy.clone(), ..Controls::default() }),
        ("budget", Controls { budget: true, ..Controls::default() }),
        ("audit twice", Controls { audit_again: true, ..Controls::default() }),
        ("policy and budget", Controls { policy, budget: true, ..Controls::default() }),
    ];
    let mut rates = vec![Vec::new(); ways.len()];
    for round in 0..ROUNDS {
        // Each in its turn, and each once in every place.
        for place in 0..ways.len() {
            let way = (place + round) % ways.len();
            let driven = Driven::new(&fixture, ways[way].1.clone());
            rates[way].push(driven.rate(concurrency, seconds / 5.0).await);
            driven.end().await;
        }
    }
    let median = |rates: &[Rate], of: fn(Rate) -> f64| {
        let mut all: Vec<f64> = rates.iter().map(|rate| of(*rate)).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let none = median(&rates[0], Rate::a_second);
    for ((name, _), rates) in ways.iter().zip(&rates) {
        let rate = median(rates, Rate::a_second);
        println!(
            "controls, {engine:?}, {concurrency} at a time: {name}: {rate:.0} runs/s, {:.0} µs of processor time each, {:.2} of none",
            median(rates, Rate::processor),
            rate / none
        );
    }
    // Writing it once more takes as long as writing it once: without it a run would take that much less.
    let twice = median(&rates[3], Rate::a_second);
    println!("controls, {engine:?}, {concurrency} at a time: kept with the audit log: {:.2}", (2.0 / none - 1.0 / twice) * none);
}
