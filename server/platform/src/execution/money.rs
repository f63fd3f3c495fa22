//! Money before the call: which model, at which price, the most it may cost, and whether every budget on the
//! path has room for that. Afterwards: settled at what it cost, released if nothing was spent, and charged in
//! full where nobody can say.

use std::{collections::HashMap, sync::Mutex};

use agents::{ModelRequest, Price, openai, price};
use database::{
    Batch, Charge as HoldCharge, HoldRequest, MemberRefused, ModelFacts, OverLimit, PeriodAccount, budgets::period_key, providers::ModelRow,
};
use domain::{Entropy, HoldId, Money, RunId, TenantId, Timestamp, WorkflowId, call::Hold};
use engine::RunContext;
use workflow::{
    Call, ModelCall, Plan,
    core::CallEffect,
    coverage::ModelUse,
    event::{Charge, Failure, Park},
    plan::{Per, tree::id_of},
};

use super::Evidence;
use crate::budgets::period::Zone;

/// The account of everything a tenant spends.
pub(crate) const TENANT_ACCOUNT: &str = "tenant";

/// The account of a workflow.
pub(crate) fn account_of_workflow(workflow: WorkflowId) -> String {
    format!("workflow:{workflow}")
}

/// The account of a run.
pub(crate) fn account_of_run(run: RunId) -> String {
    format!("run:{run}")
}

fn account_of_step(run: RunId, step: &str) -> String {
    format!("step:{run}/{step}")
}

/// The accounts on the path of a step: those that people can give a limit at any time, and those of the run and the step where the
/// plan gives one. What a run spends stands in its own row in any case.
pub(super) fn accounts(run: &RunContext, step: &str) -> Vec<String> {
    let of_each = |per: Per| run.plan.budget.is_some_and(|budget| budget.per == per);
    let has_limit = of_each(Per::Step) || run.plan.step(id_of(step)).is_some_and(|step| step.budget.is_some());
    let of_run = of_each(Per::Run).then(|| account_of_run(run.run));
    let of_step = has_limit.then(|| account_of_step(run.run, step));
    [TENANT_ACCOUNT.to_owned(), account_of_workflow(run.workflow)].into_iter().chain(of_run).chain(of_step).collect()
}

/// The accounts on the path of every call of a run whose periods are counted.
fn counted_by_period(run: &RunContext) -> [String; 2] {
    [TENANT_ACCOUNT.to_owned(), account_of_workflow(run.workflow)]
}

/// The accounts of the periods that a moment is in; nothing for a moment that no calendar reaches.
fn periods(run: &RunContext, zone: &Zone, at: Timestamp) -> Option<Vec<PeriodAccount>> {
    let named = zone.periods(at)?;
    let of = |account: String| {
        named.each_ref().map(|(span, name)| PeriodAccount {
            key: period_key(&account, span.period, name),
            of: account.clone(),
            span: *span,
        })
    };
    Some(counted_by_period(run).into_iter().flat_map(of).collect())
}

/// What is known outside the writer of the periods that a hold will count in: the tenant's time zone, and the latest moment that
/// something was counted at. It may be old; then a call is decided again with what was learned.
#[derive(Default)]
pub(super) struct Foreseen(Mutex<HashMap<TenantId, (String, Timestamp)>>);

impl Foreseen {
    /// The keys of the accounts of periods that a call will need at this moment.
    pub(super) fn keys(&self, run: &RunContext, now: Timestamp) -> Vec<String> {
        let known = self.0.lock().ok().and_then(|known| known.get(&run.tenant).cloned());
        let (zone, at) = known.map_or_else(|| ("UTC".to_owned(), now), |(zone, latest)| (zone, latest.max(now)));
        let accounts = Zone::named(&zone).and_then(|zone| periods(run, &zone, at));
        accounts.into_iter().flatten().map(|account| account.key).collect()
    }

    fn learn(&self, tenant: TenantId, zone: &str, at: Timestamp) {
        if let Ok(mut known) = self.0.lock() {
            known.insert(tenant, (zone.to_owned(), at));
        }
    }
}

/// An account for people.
pub(crate) fn in_words(account: &str) -> &'static str {
    match account.split([':', '@']).next() {
        Some("workflow") => "the budget of this workflow",
        Some("run") => "the budget of this run",
        Some("step") => "the budget of this step",
        _ => "the budget of the tenant",
    }
}

/// The model that a prompt goes to: the one called `provider/model`, or the tenant's default when neither step nor
/// workflow name one.
pub(super) fn find_model<'b>(batch: &'b Batch<'_>, plan: &Plan, of_step: Option<&str>) -> Result<&'b ModelFacts, String> {
    match of_step.or(plan.default_model.as_deref()) {
        None => batch.models().iter().find(|model| model.is_default).ok_or_else(|| {
            "This tenant has no default model. Set one up under Model providers, or name a model in the workflow.".to_owned()
        }),
        Some(wanted) => {
            batch.models().iter().find(|model| wanted.split_once('/') == Some((&model.provider_name, &model.name))).ok_or_else(|| {
                format!("There is no price for the model `{wanted}`. Add it under Model providers, and name it provider/model.")
            })
        }
    }
}

fn price_of(model: &ModelFacts) -> Result<Price, String> {
    Price::new(model.input_price, model.output_price, model.cached_price)
        .map_err(|error| format!("The price of {}/{} cannot be used: {error}.", model.provider_name, model.name))
}

/// The model that was chosen, and what one dispatch may cost.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    provider: String,
    pub base_url: String,
    pub credential: Option<String>,
    pub price: Price,
    pub request: ModelRequest,
    /// The most one dispatch may cost.
    pub most: Money,
}

impl Chosen {
    /// `provider/model`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.provider, self.request.model)
    }
}

/// The model and its price for a prompt; `None` for calls that cost no money.
pub(super) fn choose(batch: &Batch<'_>, run: &RunContext, call: &Call) -> Result<Option<Chosen>, Failure> {
    let Call::Model(call) = call else { return Ok(None) };
    choose_model(batch, run, call).map(Some).map_err(|reason| Failure::last("price", format!("{reason} Nothing was sent.")))
}

fn choose_model(batch: &Batch<'_>, run: &RunContext, call: &ModelCall) -> Result<Chosen, String> {
    let model = find_model(batch, &run.plan, call.model.as_deref())?;
    let price = price_of(model)?;
    let mut request = ModelRequest::new(model.name.clone(), call.system.clone(), call.prompt.clone(), max_tokens(model, call.max_tokens));
    request.temperature = call.temperature;
    request.output_schema.clone_from(&call.output_schema);
    let most = price::ceiling(openai::prompt_bytes(&request), request.messages.len(), request.max_tokens, &price)
        .ok_or_else(|| format!("The most that {}/{} may cost cannot be expressed.", model.provider_name, model.name))?;
    Ok(Chosen {
        provider: model.provider_name.clone(),
        base_url: model.base_url.clone(),
        credential: model.credential_name.clone(),
        price,
        request,
        most,
    })
}

fn max_tokens(model: &ModelFacts, asked: Option<u32>) -> u32 {
    within(model.max_output_tokens, asked)
}

/// The most tokens of an answer: what is asked for, within what the model gives.
fn within(max_output_tokens: i64, asked: Option<u32>) -> u32 {
    let limit = u32::try_from(max_output_tokens).unwrap_or(u32::MAX);
    asked.map_or(limit, |asked| asked.min(limit))
}

/// JSON writes a byte of text in at most six.
const ESCAPED: u64 = 6;
/// Bytes of a request around its texts: names of fields, numbers, the model's name.
const AROUND: u64 = 2_048;

/// The most bytes of a request whose texts have so many.
fn request_bytes(texts: u64) -> usize {
    usize::try_from(texts.saturating_mul(ESCAPED).saturating_add(AROUND)).unwrap_or(usize::MAX)
}

/// The most tokens and money that one attempt of a prompt takes, whose texts have so many bytes; each is nothing where it cannot be
/// expressed or the price cannot be used.
pub(crate) fn most_of_attempt(model: &ModelRow, texts: u64, asked: Option<u32>) -> (Option<u64>, Option<Money>) {
    let (bytes, answer) = (request_bytes(texts), within(model.max_output_tokens, asked));
    let price = Price::new(model.price.input, model.price.output, model.price.cached).ok();
    (price::most_tokens(bytes, 2, answer), price.and_then(|price| price::ceiling(bytes, 2, answer, &price)))
}

/// The most that a covered prompt may cost in all its attempts: by its texts where they are known, else by the budget
/// of the step or of the run.
pub(super) fn most_of(batch: &Batch<'_>, run: &RunContext, prompt: &ModelUse, attempts: u32) -> Result<Money, String> {
    let model = find_model(batch, &run.plan, prompt.model.as_deref())?;
    let by_text = match prompt.prompt_bytes {
        Some(bytes) => {
            let once = price::ceiling(request_bytes(bytes), 2, max_tokens(model, prompt.max_tokens), &price_of(model)?);
            once.and_then(|once| once.nanos().checked_mul(i64::from(attempts))).map(Money::from_nanos)
        }
        None => None,
    };
    let by_budget = prompt.budget.or(run.plan.budget.map(|budget| budget.limit));
    match (by_text, by_budget) {
        (Some(text), Some(budget)) => Ok(text.min(budget)),
        (Some(most), None) | (None, Some(most)) => Ok(most),
        (None, None) => Err("The most that a later prompt may cost is not known. Give that step, or the workflow, a budget.".to_owned()),
    }
}

/// What came of setting money aside.
pub(super) enum Held {
    /// The call costs nothing.
    Free,
    /// It is set aside.
    Opened(Hold),
    /// A budget has no room: the call is not made.
    Refused(Failure),
    /// A budget has no room only because of what a crash left: somebody has to look.
    Park(Park),
    /// Another period has begun than was foreseen: it is decided again.
    Again,
}

/// Sets the most a dispatch may cost aside on every account of its path. What an earlier dispatch had set aside and
/// nobody settled is charged in full, until somebody says what became of it.
pub(super) fn hold(
    batch: &mut Batch<'_>,
    run: &RunContext,
    call: &CallEffect,
    chosen: Option<&Chosen>,
    foreseen: &Foreseen,
    entropy: &dyn Entropy,
) -> Result<Held, MemberRefused> {
    let Some(chosen) = chosen else { return Ok(Held::Free) };
    // The account knows the latest moment that was ever counted at: a clock that was set back opens no period again.
    let at = batch.account(TENANT_ACCOUNT)?.counted_at.map_or(batch.now(), |counted| counted.max(batch.now()));
    let refused = |words: String| Ok(Held::Refused(Failure::last("budget", format!("{words} Nothing was sent."))));
    let Some(zone) = Zone::named(batch.time_zone()) else {
        return refused(format!("The time zone of the tenant, `{}`, is not known. Set another one under Settings.", batch.time_zone()));
    };
    let Some(periods) = periods(run, &zone, at) else { return refused(format!("No calendar reaches {at}.")) };
    if !periods.iter().all(|account| batch.has_read(&account.key)) {
        foreseen.learn(run.tenant, zone.name(), at);
        return Ok(Held::Again);
    }
    for orphan in batch.open_holds() {
        if batch.hold(orphan).is_some_and(|hold| hold.step == call.step) {
            batch.doubt_hold(orphan)?;
        }
    }
    let per_step = run.plan.budget.filter(|budget| budget.per == Per::Step).map(|budget| budget.limit);
    if let Some(limit) = call.run_budget {
        batch.set_limit(&account_of_run(run.run), Some(limit))?;
    }
    if let Some(limit) = call.step_budget.or(per_step) {
        batch.set_limit(&account_of_step(run.run, &call.step), Some(limit))?;
    }
    let id = HoldId::new(batch.now(), entropy);
    let over = batch.open_hold(HoldRequest {
        id,
        step: call.step.clone(),
        attempt: i64::from(call.attempt),
        dispatch: i64::from(call.dispatch),
        amount: chosen.most,
        accounts: accounts(run, &call.step),
        periods,
        at,
    })?;
    Ok(match over {
        None => Held::Opened(Hold::opened(id, chosen.most)),
        Some(over) if over.only_unconfirmed => Held::Park(Park::UnconfirmedHolds { account: over.account }),
        Some(over) => Held::Refused(Failure::last("budget", format!("{} Nothing was sent.", no_room(&over, &zone)))),
    })
}

/// Why an amount has no room: whose limit it is, how it stands, and when it is counted anew.
fn no_room(over: &OverLimit, zone: &Zone) -> String {
    let OverLimit { account, span, limit, spent, held, asked, .. } = over;
    let left = limit.left_after(spent.saturating_add(*held));
    let (whose, period, anew) = match span {
        Some(span) => {
            let period = span.period;
            (in_words(account), format!(" for this {period}"), format!("The next {period} begins on {}.", zone.words(span.ends_at)))
        }
        None => (in_words(account), String::new(), "It is a total and never begins anew.".to_owned()),
    };
    format!("The call may cost up to {asked}, and {whose} has {left} left{period}: of {limit}, {spent} are spent and {held} held. {anew}")
}

/// Settles what was set aside for a call that came back.
pub(super) fn settle(batch: &mut Batch<'_>, call: &CallEffect, evidence: Evidence) -> Result<Option<Charge>, MemberRefused> {
    let of_this = |batch: &Batch<'_>, id: &HoldId| {
        batch.hold(*id).is_some_and(|hold| {
            hold.step == call.step && hold.attempt == i64::from(call.attempt) && hold.dispatch == i64::from(call.dispatch)
        })
    };
    let Some(id) = batch.open_holds().into_iter().find(|id| of_this(batch, id)) else { return Ok(None) };
    let amount = batch.hold(id).map_or(Money::ZERO, |hold| hold.amount);
    let in_full = Charge { cost: amount, input_tokens: 0, cached_tokens: 0, output_tokens: 0, estimated: true };
    Ok(match evidence {
        Evidence::Nothing => {
            batch.release_hold(id)?;
            None
        }
        Evidence::Used(usage, price) => {
            let charge = Charge {
                cost: price::cost(&usage, &price),
                input_tokens: usage.input_tokens,
                cached_tokens: usage.cached_tokens,
                output_tokens: usage.output_tokens,
                estimated: false,
            };
            let tokens = serde_json::json!({
                "input_tokens": usage.input_tokens, "cached_tokens": usage.cached_tokens,
                "output_tokens": usage.output_tokens, "reasoning_tokens": usage.reasoning_tokens,
            });
            batch.settle_hold(id, HoldCharge { usage: Some(tokens.to_string()), ..HoldCharge::of(charge.cost) })?;
            Some(charge)
        }
        Evidence::Unsaid => {
            batch.settle_hold(id, HoldCharge::of(amount))?;
            Some(in_full)
        }
        Evidence::Unknown => {
            batch.doubt_hold(id)?;
            Some(in_full)
        }
    })
}
