//! Budgets: the limits of the tenant and of its workflows, what is spent and held, and what a crash left in doubt.
//!
//! Setting money aside and charging it is `execution`'s. A change here that gives room wakes the runs that wait for it,
//! in the same transaction.

use std::collections::HashMap;

use database::{
    HoldState, RunStatus, WriteTx,
    budgets::{self as rows, AccountRow, HoldRow},
    runs::{self, Filter},
    workflows,
};
use domain::{
    Actor, HoldId, Money, Problem, RunId, Scope, Timestamp, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::{BudgetRead, BudgetWrite, RunRead, WorkflowRead},
};
use engine::Letter;
use serde_json::Value;

use crate::{
    Platform, Result,
    execution::{TENANT_ACCOUNT, account_of_workflow},
    expected::Expected,
};

/// Holds shown of each kind.
const HOLDS: u32 = 200;
/// Runs looked at in one turn.
const RUNS: u32 = 500;

/// What is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limited {
    /// Everything the tenant spends.
    Tenant,
    /// Everything the runs of one workflow spend; its slug.
    Workflow(String),
}

/// How an account stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountShown {
    /// The most that may be spent and held together; nothing when there is no limit.
    pub limit: Option<Money>,
    /// What was spent, with what is unconfirmed.
    pub spent: Money,
    /// What is set aside for calls under way.
    pub held: Money,
    /// The part of what was spent that a crash left in doubt.
    pub unconfirmed: Money,
}

/// The account of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowBudget {
    /// The workflow's slug; nothing when the workflow was removed.
    pub slug: Option<String>,
    /// The workflow's name.
    pub name: String,
    /// How its account stands.
    pub account: AccountShown,
}

/// Money set aside for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldShown {
    /// The id.
    pub id: HoldId,
    /// The run.
    pub run: RunId,
    /// The run's number.
    pub run_number: i64,
    /// The step.
    pub step: String,
    /// The attempt of the step, from 1.
    pub attempt: i64,
    /// The dispatch of the attempt, from 1.
    pub dispatch: i64,
    /// The model that was called.
    pub model: Option<String>,
    /// The most the call could cost.
    pub amount: Money,
    /// Since when it is set aside.
    pub since: Timestamp,
}

/// Everything the budget page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetsShown {
    /// The account of everything the tenant spends.
    pub tenant: AccountShown,
    /// The workflows by name, those without a limit or spending among them.
    pub workflows: Vec<WorkflowBudget>,
    /// Calls of which nobody knows whether they were made, oldest first: confirm or release them.
    pub in_doubt: Vec<HoldShown>,
    /// Calls under way, oldest first.
    pub under_way: Vec<HoldShown>,
}

impl AccountShown {
    /// What is left below the limit.
    pub fn left(&self) -> Option<Money> {
        self.limit.map(|limit| limit.left_after(self.spent.saturating_add(self.held)))
    }
}

impl AccountShown {
    /// The tag that tells this limit from every other one.
    pub fn tag(&self) -> String {
        tag(self.limit)
    }
}

fn tag(limit: Option<Money>) -> String {
    limit.map_or_else(|| "none".to_owned(), Money::to_dollars)
}

impl From<&AccountRow> for AccountShown {
    fn from(row: &AccountRow) -> Self {
        Self { limit: row.limit, spent: row.spent, held: row.held, unconfirmed: row.unconfirmed }
    }
}

impl From<HoldRow> for HoldShown {
    fn from(row: HoldRow) -> Self {
        Self {
            id: row.id,
            run: row.run,
            run_number: row.run_number,
            step: row.step,
            attempt: row.attempt,
            dispatch: row.dispatch,
            model: row.model,
            amount: row.amount,
            since: row.opened_at,
        }
    }
}

/// What a person says of a call that a crash left in doubt.
enum Said {
    /// It was made, and cost this.
    Cost(Money),
    /// It was not made, or cost nothing.
    Nothing,
}

fn hold_not_found() -> Problem {
    Problem::not_found("hold")
}

impl Platform {
    /// Everything the budget page shows.
    pub async fn budgets(&self, actor: &Actor) -> Result<BudgetsShown> {
        let scope = Scope::<BudgetRead>::of(actor, "budgets")?;
        let mut tx = self.parts().database.read(actor).await?;
        let mut accounts: HashMap<String, AccountShown> =
            rows::list(&mut tx, &scope).await?.iter().map(|row| (row.key.clone(), AccountShown::from(row))).collect();
        let tenant = accounts.remove(TENANT_ACCOUNT).unwrap_or_default();
        let mut shown = Vec::new();
        if let Ok(workflow_scope) = Scope::<WorkflowRead>::of(actor, "workflows") {
            for row in workflows::list(&mut tx, &workflow_scope).await? {
                let account = accounts.remove(&account_of_workflow(row.workflow.id)).unwrap_or_default();
                shown.push(WorkflowBudget { slug: Some(row.workflow.slug), name: row.workflow.name, account });
            }
        }
        // What is left belongs to workflows that were removed: what they spent stays part of the whole.
        let mut removed: Vec<(String, AccountShown)> = accounts.into_iter().collect();
        removed.sort_by(|a, b| a.0.cmp(&b.0));
        shown.extend(removed.into_iter().map(|(key, account)| WorkflowBudget {
            slug: None,
            name: format!("a workflow that was removed ({})", key.trim_start_matches("workflow:")),
            account,
        }));
        let in_doubt = rows::holds(&mut tx, &scope, HoldState::Unknown, HOLDS).await?;
        let under_way = rows::holds(&mut tx, &scope, HoldState::Open, HOLDS).await?;
        Ok(BudgetsShown {
            tenant,
            workflows: shown,
            in_doubt: in_doubt.into_iter().map(HoldShown::from).collect(),
            under_way: under_way.into_iter().map(HoldShown::from).collect(),
        })
    }

    /// Sets the most that may be spent, or lifts the limit. A limit below what is spent and held stops what would come
    /// next; what is under way goes on.
    ///
    /// # Errors
    /// 404 without such a workflow, 422 for an amount below nothing.
    pub async fn set_limit(&self, actor: &Actor, limited: &Limited, limit: Option<Money>) -> Result<()> {
        self.set_limit_as(actor, limited, limit, &Expected::Anything).await
    }

    /// The same for one who says which limit they expect to find.
    ///
    /// # Errors
    /// 412 when there is another one; else as [`Platform::set_limit`].
    pub async fn set_limit_as(&self, actor: &Actor, limited: &Limited, limit: Option<Money>, expected: &Expected) -> Result<()> {
        let scope = Scope::<BudgetWrite>::of(actor, "budgets")?;
        let runs = Scope::<RunRead>::of(actor, "runs")?;
        if limit.is_some_and(|limit| limit < Money::ZERO) {
            return Err(Problem::field("limit", "A limit is an amount of US dollars such as 25.00.").into());
        }
        let mut tx = self.parts().database.write(actor).await?;
        let (key, name) = self.account(&mut tx, actor, limited).await?;
        let before = match rows::find(&mut tx, &key).await? {
            Some(account) => account.authorize::<BudgetRead>(actor)?.limit,
            None => None,
        };
        expected.check(Some(&tag(before)))?;
        if before == limit {
            return Ok(());
        }
        rows::set_limit(&mut tx, &scope, &key, limit).await?;
        self.wake(&mut tx, &runs, std::slice::from_ref(&key)).await?;
        let event = AuditEvent::done("budget.changed", "budget", key, name)
            .with("before", before.map(Money::to_dollars))
            .with("limit", limit.map(Money::to_dollars));
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// The key and the name of an account.
    async fn account(&self, tx: &mut WriteTx<'_>, actor: &Actor, limited: &Limited) -> Result<(String, String)> {
        let Limited::Workflow(slug) = limited else { return Ok((TENANT_ACCOUNT.to_owned(), "tenant".to_owned())) };
        let found = workflows::find_by_slug(tx, slug).await?.ok_or_else(|| Problem::not_found("workflow"))?;
        let workflow = found.authorize::<WorkflowRead>(actor)?;
        let id: WorkflowId = workflow.id;
        Ok((account_of_workflow(id), workflow.name.clone()))
    }

    /// Says that a call which a crash left in doubt was made and cost this. Runs that waited for it go on.
    ///
    /// # Errors
    /// 404 without such a hold, 409 when somebody settled it before, 422 for more than was set aside.
    pub async fn confirm_hold(&self, actor: &Actor, id: HoldId, cost: Money) -> Result<()> {
        self.settle(actor, id, Said::Cost(cost)).await
    }

    /// Says that a call which a crash left in doubt was not made or cost nothing. Runs that waited for it go on.
    ///
    /// # Errors
    /// 404 without such a hold, 409 when somebody settled it before.
    pub async fn release_hold(&self, actor: &Actor, id: HoldId) -> Result<()> {
        self.settle(actor, id, Said::Nothing).await
    }

    async fn settle(&self, actor: &Actor, id: HoldId, said: Said) -> Result<()> {
        let runs = Scope::<RunRead>::of(actor, "runs")?;
        let mut tx = self.parts().database.write(actor).await?;
        let hold = rows::find_hold(&mut tx, id).await?.ok_or_else(hold_not_found)?.authorize::<BudgetWrite>(actor)?;
        let (change, cost, settled) = match said {
            Said::Cost(cost) if cost > hold.amount || cost < Money::ZERO => {
                let most = hold.amount;
                return Err(
                    Problem::field("cost", format!("The call can have cost at most {most}: that much was set aside for it.")).into()
                );
            }
            Said::Cost(cost) => ("confirmed", cost, rows::confirm(&mut tx, &hold, cost, self.now()).await?),
            Said::Nothing => ("released", Money::ZERO, rows::release(&mut tx, &hold, self.now()).await?),
        };
        if !settled {
            return Err(Problem::conflict("hold_settled", "This call is not in doubt any more, and nothing was changed.").into());
        }
        self.wake(&mut tx, &runs, &hold.accounts).await?;
        let event = AuditEvent::done("budget.changed", "hold", id, format!("run #{}, step {}", hold.run_number, hold.step))
            .with("change", change)
            .with("run", hold.run.to_string())
            .with("held", hold.amount.to_dollars())
            .with("cost", cost.to_dollars());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Tells the runs that wait for room in one of these accounts to look again. After the accounts were changed and
    /// are locked by that: a run that parks later has seen the change.
    async fn wake(&self, tx: &mut WriteTx<'_>, scope: &Scope<'_, RunRead>, accounts: &[String]) -> Result<()> {
        let waits = |waiting_for: &Value| {
            let text = |key: &str| waiting_for.get(key).and_then(Value::as_str);
            text("kind") == Some("budget") && text("account").is_some_and(|account| accounts.iter().any(|key| key == account))
        };
        let waiting = Filter { status: Some(RunStatus::Waiting), ..Filter::default() };
        let mut after = None;
        loop {
            let page = runs::list(tx, scope, &waiting, after, RUNS, RUNS).await?;
            for run in page.items.iter().filter(|run| run.waiting_for.as_ref().is_some_and(waits)) {
                self.send(tx, run.id, Letter::Resume).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_never_below_nothing() {
        let dollars = |text: &str| Money::from_dollars(text).unwrap();
        let account = AccountShown { limit: Some(dollars("1")), spent: dollars("0.70"), held: dollars("0.20"), unconfirmed: Money::ZERO };
        assert_eq!(account.left(), Some(dollars("0.10")));
        assert_eq!(AccountShown { held: dollars("5"), ..account }.left(), Some(Money::ZERO));
        assert_eq!(AccountShown { limit: None, ..account }.left(), None);
    }
}
