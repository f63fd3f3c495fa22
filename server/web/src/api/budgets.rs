//! Budgets: how accounts stand, their limits, and calls that a crash left in doubt.

use domain::{
    Limits, Period, Problem,
    id::kind,
    permission::{BudgetRead, BudgetWrite},
};
use platform::budgets::{AccountShown, BudgetsShown, HoldShown, Limited, PeriodShown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Call, Conditions, Dollars, Done, IdText, Json, Moment, Path, Result, Tagged, Word};

/// How an account stands. Amounts are US dollars.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(crate) struct AccountJson {
    /// The most that may be spent and held together in all; null when there is no such limit.
    limit: Option<Dollars>,
    /// What was spent, with what is unconfirmed.
    spent: Dollars,
    /// What is set aside for calls under way.
    held: Dollars,
    /// The part of what was spent that a crash left in doubt.
    unconfirmed: Dollars,
    /// What is left below the limit; null when there is no limit.
    left: Option<Dollars>,
    /// The present hour, day, week and month. Their limits hold together with the one above.
    periods: Vec<PeriodJson>,
}

/// A kind of period.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PeriodKind")]
enum KindJson {
    /// An hour of the clock.
    Hour,
    /// A day, from midnight in the time zone of the tenant.
    Day,
    /// A week, from Monday.
    Week,
    /// A month, from its first day.
    Month,
    /// For ever.
    Total,
}

/// How an account stands in one period.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Period")]
struct PeriodJson {
    /// Which kind of period it is.
    period: KindJson,
    /// Its first moment.
    starts_at: Moment,
    /// The first moment after it: then everything is counted anew.
    ends_at: Moment,
    /// The most that may be spent and held together in it; null when there is no limit.
    limit: Option<Dollars>,
    /// What was spent in it, with what is unconfirmed.
    spent: Dollars,
    /// What is set aside for calls under way that began in it.
    held: Dollars,
    /// The part of what was spent that a crash left in doubt.
    unconfirmed: Dollars,
    /// What is left below the limit; null when there is no limit.
    left: Option<Dollars>,
}

/// The account of a workflow.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkflowAccount")]
struct WorkflowAccountJson {
    /// The word for the workflow in addresses; null when the workflow was removed.
    workflow: Option<String>,
    /// Its name.
    name: String,
    /// How its account stands.
    account: AccountJson,
}

/// Money set aside for one call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Hold")]
struct HoldJson {
    /// Its id.
    id: IdText<kind::Hold>,
    /// The run.
    run: IdText<kind::Run>,
    /// The number of the run.
    run_number: i64,
    /// The step.
    step: String,
    /// The attempt of the step, from 1.
    attempt: i64,
    /// The model that was called.
    model: Option<String>,
    /// The most the call could cost.
    amount: Dollars,
    /// Since when it is set aside.
    since: Moment,
}

/// How all accounts stand.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Budgets")]
pub(crate) struct BudgetsJson {
    /// The time zone in which days, weeks and months begin.
    time_zone: String,
    /// The account of everything the tenant spends.
    tenant: AccountJson,
    /// The workflows by name.
    workflows: Vec<WorkflowAccountJson>,
    /// Calls of which nobody knows whether they were made, oldest first: confirm or release them.
    in_doubt: Vec<HoldJson>,
    /// Calls under way, oldest first.
    under_way: Vec<HoldJson>,
}

/// The limits of an account: the most that may be spent and held together. All of them hold together; those that are left out or
/// null are lifted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(crate) struct LimitsJson {
    /// In an hour of the clock.
    hour: Option<Dollars>,
    /// In a day, from midnight in the time zone of the tenant.
    day: Option<Dollars>,
    /// In a week, from Monday.
    week: Option<Dollars>,
    /// In a month.
    month: Option<Dollars>,
    /// In all.
    total: Option<Dollars>,
}

impl From<LimitsJson> for Limits {
    fn from(limits: LimitsJson) -> Self {
        let LimitsJson { hour, day, week, month, total } = limits;
        let [hour, day, week, month, total] = [hour, day, week, month, total].map(|limit| limit.map(|limit| limit.0));
        Self { hour, day, week, month, total }
    }
}

impl From<Period> for KindJson {
    fn from(period: Period) -> Self {
        match period {
            Period::Hour => Self::Hour,
            Period::Day => Self::Day,
            Period::Week => Self::Week,
            Period::Month => Self::Month,
            Period::Total => Self::Total,
        }
    }
}

impl From<PeriodShown> for PeriodJson {
    fn from(shown: PeriodShown) -> Self {
        Self {
            period: shown.span.period.into(),
            starts_at: Moment(shown.span.starts_at),
            ends_at: Moment(shown.span.ends_at),
            limit: shown.limit.map(Dollars),
            spent: Dollars(shown.spent),
            held: Dollars(shown.held),
            unconfirmed: Dollars(shown.unconfirmed),
            left: shown.left().map(Dollars),
        }
    }
}

/// What a call cost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Confirmation")]
pub(crate) struct ConfirmJson {
    /// What it cost, at most what was set aside.
    cost: Dollars,
}

impl From<AccountShown> for AccountJson {
    fn from(account: AccountShown) -> Self {
        Self {
            limit: account.limit.map(Dollars),
            spent: Dollars(account.spent),
            held: Dollars(account.held),
            unconfirmed: Dollars(account.unconfirmed),
            left: account.left().map(Dollars),
            periods: account.periods.into_iter().map(PeriodJson::from).collect(),
        }
    }
}

impl From<HoldShown> for HoldJson {
    fn from(hold: HoldShown) -> Self {
        Self {
            id: IdText(hold.id),
            run: IdText(hold.run),
            run_number: hold.run_number,
            step: hold.step,
            attempt: hold.attempt,
            model: hold.model,
            amount: Dollars(hold.amount),
            since: Moment(hold.since),
        }
    }
}

impl From<BudgetsShown> for BudgetsJson {
    fn from(shown: BudgetsShown) -> Self {
        Self {
            time_zone: shown.time_zone,
            tenant: shown.tenant.into(),
            workflows: shown
                .workflows
                .into_iter()
                .map(|budget| WorkflowAccountJson { workflow: budget.slug, name: budget.name, account: budget.account.into() })
                .collect(),
            in_doubt: shown.in_doubt.into_iter().map(HoldJson::from).collect(),
            under_way: shown.under_way.into_iter().map(HoldJson::from).collect(),
        }
    }
}

async fn account<P>(call: &Call<P>, limited: &Limited) -> Result<Tagged<AccountJson>> {
    let shown = call.platform().budgets(call.actor()).await?;
    let account = match limited {
        Limited::Tenant => shown.tenant,
        Limited::Workflow(slug) => {
            let found = shown.workflows.into_iter().find(|budget| budget.slug.as_ref() == Some(slug));
            found.ok_or_else(|| Problem::not_found("workflow"))?.account
        }
    };
    Ok(Tagged { tag: account.tag(), value: account.into() })
}

/// `GET /api/v1/budgets`.
pub(crate) async fn list(call: Call<BudgetRead>, (): ()) -> Result<Json<BudgetsJson>> {
    Ok(Json(call.platform().budgets(call.actor()).await?.into()))
}

/// `GET /api/v1/budgets/tenant`.
pub(crate) async fn show_tenant(call: Call<BudgetRead>, (): ()) -> Result<Tagged<AccountJson>> {
    account(&call, &Limited::Tenant).await
}

/// `GET /api/v1/budgets/workflows/{workflow}`.
pub(crate) async fn show_workflow(call: Call<BudgetRead>, Path(slug): Path<Word>) -> Result<Tagged<AccountJson>> {
    account(&call, &Limited::Workflow(slug.0)).await
}

/// `PUT /api/v1/budgets/tenant`.
pub(crate) async fn set_tenant(
    call: Call<BudgetWrite>,
    (Conditions(expected), Body(asked)): (Conditions, Body<LimitsJson>),
) -> Result<Tagged<AccountJson>> {
    call.platform().set_limits_as(call.actor(), &Limited::Tenant, asked.into(), &expected).await?;
    account(&call, &Limited::Tenant).await
}

/// `PUT /api/v1/budgets/workflows/{workflow}`.
pub(crate) async fn set_workflow(
    call: Call<BudgetWrite>,
    (Path(slug), Conditions(expected), Body(asked)): (Path<Word>, Conditions, Body<LimitsJson>),
) -> Result<Tagged<AccountJson>> {
    let limited = Limited::Workflow(slug.0);
    call.platform().set_limits_as(call.actor(), &limited, asked.into(), &expected).await?;
    account(&call, &limited).await
}

/// `POST /api/v1/holds/{hold}/confirmation`: says that a call in doubt was made and cost this.
pub(crate) async fn confirm(
    call: Call<BudgetWrite>,
    (Path(id), Body(asked)): (Path<IdText<kind::Hold>>, Body<ConfirmJson>),
) -> Result<Done> {
    call.platform().confirm_hold(call.actor(), id.0, asked.cost.0).await?;
    Ok(Done)
}

/// `POST /api/v1/holds/{hold}/release`: says that a call in doubt was not made or cost nothing.
pub(crate) async fn release(call: Call<BudgetWrite>, Path(id): Path<IdText<kind::Hold>>) -> Result<Done> {
    call.platform().release_hold(call.actor(), id.0).await?;
    Ok(Done)
}
