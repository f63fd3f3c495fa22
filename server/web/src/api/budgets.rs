//! Budgets: how accounts stand, their limits, and calls that a crash left in doubt.

use domain::{
    Problem,
    id::kind,
    permission::{BudgetRead, BudgetWrite},
};
use platform::budgets::{AccountShown, BudgetsShown, HoldShown, Limited};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Call, Conditions, Dollars, Done, IdText, Json, Moment, Path, Result, Tagged, Word};

/// How an account stands. Amounts are US dollars.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(crate) struct AccountJson {
    /// The most that may be spent and held together; null when there is no limit.
    limit: Option<Dollars>,
    /// What was spent, with what is unconfirmed.
    spent: Dollars,
    /// What is set aside for calls under way.
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
    /// The account of everything the tenant spends.
    tenant: AccountJson,
    /// The workflows by name.
    workflows: Vec<WorkflowAccountJson>,
    /// Calls of which nobody knows whether they were made, oldest first: confirm or release them.
    in_doubt: Vec<HoldJson>,
    /// Calls under way, oldest first.
    under_way: Vec<HoldJson>,
}

/// A limit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limit")]
pub(crate) struct LimitJson {
    /// The most that may be spent and held together; null lifts the limit.
    #[serde(deserialize_with = "Option::deserialize")]
    limit: Option<Dollars>,
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
    (Conditions(expected), Body(asked)): (Conditions, Body<LimitJson>),
) -> Result<Tagged<AccountJson>> {
    call.platform().set_limit_as(call.actor(), &Limited::Tenant, asked.limit.map(|limit| limit.0), &expected).await?;
    account(&call, &Limited::Tenant).await
}

/// `PUT /api/v1/budgets/workflows/{workflow}`.
pub(crate) async fn set_workflow(
    call: Call<BudgetWrite>,
    (Path(slug), Conditions(expected), Body(asked)): (Path<Word>, Conditions, Body<LimitJson>),
) -> Result<Tagged<AccountJson>> {
    let limited = Limited::Workflow(slug.0);
    call.platform().set_limit_as(call.actor(), &limited, asked.limit.map(|limit| limit.0), &expected).await?;
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
