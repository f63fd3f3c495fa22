//! Budgets: the limits of the tenant and of its workflows, what is spent and held, and what a crash left in doubt. When
//! periods begin and end is in `period`.
//!
//! Setting money aside and charging it is `execution`'s. A change here that gives room wakes the runs that wait for it,
//! in the same transaction.

pub(crate) mod period;

use std::collections::HashMap;

use database::{
    HoldState, Reads, RunStatus, WriteTx,
    budgets::{self as rows, AccountRow, HoldRow},
    runs::{self, Filter},
    settings, workflows,
};
use domain::{
    Actor, Authorized, HoldId, Limits, Money, Period, Permission, Problem, RunId, Scope, Span, Timestamp, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::{BudgetRead, BudgetWrite, RunRead, WorkflowRead},
};
use engine::Letter;
use period::{Named, Zone};
use serde_json::Value;

use crate::{
    Error, Platform, Result,
    execution::{TENANT_ACCOUNT, account_of_workflow, in_words},
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountShown {
    /// The most that may be spent and held together; nothing when there is no limit.
    pub limit: Option<Money>,
    /// What was spent, with what is unconfirmed.
    pub spent: Money,
    /// What is set aside for calls under way.
    pub held: Money,
    /// The part of what was spent that a crash left in doubt.
    pub unconfirmed: Money,
    /// How it stands in the present hour, day, week and month.
    pub periods: Vec<PeriodShown>,
}

/// How an account stands in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodShown {
    /// The period.
    pub span: Span,
    /// When the next one begins, in words and in the zone of the tenant.
    pub anew: String,
    /// The most that may be spent and held together in it; nothing when there is no limit.
    pub limit: Option<Money>,
    /// What was spent in it, with what is unconfirmed.
    pub spent: Money,
    /// What is set aside for calls under way that began in it.
    pub held: Money,
    /// The part of what was spent that a crash left in doubt.
    pub unconfirmed: Money,
}

/// A limit on the path of a run, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomShown {
    /// Whose it is: `the budget of the tenant`.
    pub whose: &'static str,
    /// For how long it holds.
    pub period: Period,
    /// The limit.
    pub limit: Money,
    /// What is left below it.
    pub left: Money,
    /// When it is counted anew, in words and in the zone of the tenant; nothing for a total.
    pub anew: Option<String>,
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
    /// The time zone in which days begin.
    pub time_zone: String,
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

impl PeriodShown {
    /// What is left below the limit.
    pub fn left(&self) -> Option<Money> {
        self.limit.map(|limit| limit.left_after(self.spent.saturating_add(self.held)))
    }
}

impl AccountShown {
    /// Its limits.
    pub fn limits(&self) -> Limits {
        let total = Limits { total: self.limit, ..Limits::default() };
        self.periods.iter().fold(total, |limits, shown| limits.with(shown.span.period, shown.limit))
    }

    /// The tag that tells these limits from all others.
    pub fn tag(&self) -> String {
        tag(&self.limits())
    }
}

fn tag(limits: &Limits) -> String {
    let set = |period: Period| Some(format!("{period}-{}", limits.of(period)?.to_dollars()));
    let set: Vec<String> = Period::ALL.into_iter().filter_map(set).collect();
    if set.is_empty() { "none".to_owned() } else { set.join("_") }
}

impl From<&AccountRow> for AccountShown {
    fn from(row: &AccountRow) -> Self {
        Self { limit: row.limits.total, spent: row.spent, held: row.held, unconfirmed: row.unconfirmed, periods: Vec::new() }
    }
}

/// The periods of the present moment, and what was set aside and spent in them.
struct Present {
    zone: Zone,
    periods: [Named; 4],
    accounts: HashMap<String, AccountRow>,
}

impl Present {
    /// The present moment never lies before one at which something was set aside.
    async fn read<'a>(tx: &mut impl Reads<'a>, actor: &Actor, scope: &Scope<'_, BudgetRead>, now: Timestamp) -> Result<Self> {
        let tenant = match rows::find(tx, TENANT_ACCOUNT).await? {
            Some(found) => Some(found.authorize::<BudgetRead>(actor)?),
            None => None,
        };
        let at = tenant.and_then(|row| row.counted_at).map_or(now, |counted| counted.max(now));
        let name = settings::in_force(tx).await?.time_zone;
        let unknown = || Error::Broken(format!("the time zone `{name}` of {} is not known", actor.tenant()));
        let zone = Zone::named(&name).ok_or_else(unknown)?;
        let periods = zone.periods(at).ok_or_else(|| Error::Broken(format!("no calendar reaches {at}")))?;
        let accounts = rows::periods(tx, scope, at).await?.into_iter().map(|row| (row.key.clone(), row)).collect();
        Ok(Self { zone, periods, accounts })
    }

    /// How an account stands, in all and now.
    fn shown(&self, key: &str, row: Option<&AccountRow>) -> AccountShown {
        let limits = row.map(|row| row.limits).unwrap_or_default();
        let of = |(span, name): &Named| {
            let row = self.accounts.get(&rows::period_key(key, span.period, name));
            PeriodShown {
                span: *span,
                anew: self.zone.words(span.ends_at),
                limit: limits.of(span.period),
                spent: row.map_or(Money::ZERO, |row| row.spent),
                held: row.map_or(Money::ZERO, |row| row.held),
                unconfirmed: row.map_or(Money::ZERO, |row| row.unconfirmed),
            }
        };
        AccountShown { periods: self.periods.iter().map(of).collect(), ..row.map(AccountShown::from).unwrap_or_default() }
    }
}

/// The limits that hold for the runs of a workflow beside their own, the one with the least left in front; none for one who may not
/// see budgets.
pub(crate) async fn on_path<'a>(tx: &mut impl Reads<'a>, actor: &Actor, workflow: WorkflowId, now: Timestamp) -> Result<Vec<RoomShown>> {
    if !actor.may(Permission::BudgetRead) {
        return Ok(Vec::new());
    }
    let scope = Scope::<BudgetRead>::of(actor, "budgets")?;
    let present = Present::read(tx, actor, &scope, now).await?;
    let mut rooms = Vec::new();
    for key in [TENANT_ACCOUNT.to_owned(), account_of_workflow(workflow)] {
        let Some(row) = rows::find(tx, &key).await? else { continue };
        let row = row.authorize::<BudgetRead>(actor)?;
        let shown = present.shown(&key, Some(&row));
        let whose = in_words(&key);
        let total = shown.limit.zip(shown.left());
        rooms.extend(total.map(|(limit, left)| RoomShown { whose, period: Period::Total, limit, left, anew: None }));
        rooms.extend(shown.periods.iter().filter_map(|shown| {
            let (limit, left) = shown.limit.zip(shown.left())?;
            Some(RoomShown { whose, period: shown.span.period, limit, left, anew: Some(present.zone.words(shown.span.ends_at)) })
        }));
    }
    rooms.sort_by_key(|room| room.left);
    Ok(rooms)
}

/// How the account with a key stands: of a period the limit is that of the account it is a period of.
pub(crate) async fn standing<'a>(tx: &mut impl Reads<'a>, actor: &Actor, key: &str) -> Result<Option<AccountShown>> {
    let Some(found) = rows::find(tx, key).await? else { return Ok(None) };
    let row: Authorized<'_, BudgetRead, AccountRow> = found.authorize::<BudgetRead>(actor)?;
    let mut shown = AccountShown::from(&*row);
    if let (Some(span), Some((of, _))) = (row.span, key.split_once('@'))
        && let Some(found) = rows::find(tx, of).await?
    {
        shown.limit = found.authorize::<BudgetRead>(actor)?.limits.of(span.period);
    }
    Ok(Some(shown))
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
        let present = Present::read(&mut tx, actor, &scope, self.now()).await?;
        let mut accounts: HashMap<String, AccountRow> =
            rows::list(&mut tx, &scope).await?.into_iter().map(|row| (row.key.clone(), row)).collect();
        let tenant = present.shown(TENANT_ACCOUNT, accounts.remove(TENANT_ACCOUNT).as_ref());
        let mut shown = Vec::new();
        if let Ok(workflow_scope) = Scope::<WorkflowRead>::of(actor, "workflows") {
            for row in workflows::list(&mut tx, &workflow_scope).await? {
                let key = account_of_workflow(row.workflow.id);
                let account = present.shown(&key, accounts.remove(&key).as_ref());
                shown.push(WorkflowBudget { slug: Some(row.workflow.slug), name: row.workflow.name, account });
            }
        }
        // What is left belongs to workflows that were removed: what they spent stays part of the whole.
        let mut removed: Vec<(String, AccountRow)> = accounts.into_iter().collect();
        removed.sort_by(|a, b| a.0.cmp(&b.0));
        shown.extend(removed.into_iter().map(|(key, account)| WorkflowBudget {
            slug: None,
            name: format!("a workflow that was removed ({})", key.trim_start_matches("workflow:")),
            account: present.shown(&key, Some(&account)),
        }));
        let in_doubt = rows::holds(&mut tx, &scope, HoldState::Unknown, HOLDS).await?;
        let under_way = rows::holds(&mut tx, &scope, HoldState::Open, HOLDS).await?;
        Ok(BudgetsShown {
            time_zone: present.zone.name().to_owned(),
            tenant,
            workflows: shown,
            in_doubt: in_doubt.into_iter().map(HoldShown::from).collect(),
            under_way: under_way.into_iter().map(HoldShown::from).collect(),
        })
    }

    /// Sets the most that may be spent in a period, or lifts the limit. A limit below what is spent and held stops what
    /// would come next; what is under way goes on. The limits of other periods stay, and all of them hold together.
    ///
    /// # Errors
    /// 404 without such a workflow, 422 for an amount below nothing.
    pub async fn set_limit(&self, actor: &Actor, limited: &Limited, period: Period, limit: Option<Money>) -> Result<()> {
        self.change_limits(actor, limited, |before| before.with(period, limit), &Expected::Anything).await
    }

    /// Sets all limits at once, for one who says which ones they expect to find; those that are left out are lifted.
    ///
    /// # Errors
    /// 412 when there are others; else as [`Platform::set_limit`].
    pub async fn set_limits_as(&self, actor: &Actor, limited: &Limited, limits: Limits, expected: &Expected) -> Result<()> {
        self.change_limits(actor, limited, |_| limits, expected).await
    }

    async fn change_limits(
        &self,
        actor: &Actor,
        limited: &Limited,
        change: impl FnOnce(Limits) -> Limits,
        expected: &Expected,
    ) -> Result<()> {
        let scope = Scope::<BudgetWrite>::of(actor, "budgets")?;
        let runs = Scope::<RunRead>::of(actor, "runs")?;
        let mut tx = self.parts().database.write(actor).await?;
        let (key, name) = self.account(&mut tx, actor, limited).await?;
        rows::lock(&mut tx, &scope, &key).await?;
        let before = match rows::find(&mut tx, &key).await? {
            Some(account) => account.authorize::<BudgetRead>(actor)?.limits,
            None => Limits::default(),
        };
        let after = change(before);
        if Period::ALL.iter().any(|period| after.of(*period).is_some_and(|limit| limit < Money::ZERO)) {
            return Err(Problem::field("limit", "A limit is an amount of US dollars such as 25.00.").into());
        }
        expected.check(Some(&tag(&before)))?;
        let mut events = Vec::new();
        for period in Period::ALL {
            let (old, new) = (before.of(period), after.of(period));
            if old == new {
                continue;
            }
            rows::set_limit(&mut tx, &scope, &key, period, new).await?;
            events.push(
                AuditEvent::done("budget.changed", "budget", key.clone(), name.clone())
                    .with("period", period.name())
                    .with("before", old.map(Money::to_dollars))
                    .with("limit", new.map(Money::to_dollars)),
            );
        }
        let Some(events) = AuditEvents::several(events) else { return Ok(()) };
        self.wake(&mut tx, &runs, std::slice::from_ref(&key)).await?;
        Ok(tx.commit(events).await?)
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
        // A limit of a period stands in the account that it is a period of.
        let is_one = |account: &str| accounts.iter().any(|key| key == account || account.split_once('@').is_some_and(|(of, _)| key == of));
        let waits = |waiting_for: &Value| {
            let text = |key: &str| waiting_for.get(key).and_then(Value::as_str);
            text("kind") == Some("budget") && text("account").is_some_and(is_one)
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
        let account = AccountShown { limit: Some(dollars("1")), spent: dollars("0.70"), held: dollars("0.20"), ..AccountShown::default() };
        assert_eq!(account.left(), Some(dollars("0.10")));
        assert_eq!(AccountShown { held: dollars("5"), ..account.clone() }.left(), Some(Money::ZERO));
        assert_eq!(AccountShown { limit: None, ..account }.left(), None);
    }

    #[test]
    fn other_limits_have_another_tag() {
        let one = Some(Money::from_dollars("1").unwrap());
        let mut tags: Vec<String> = Period::ALL.iter().map(|period| tag(&Limits::default().with(*period, one))).collect();
        tags.extend([tag(&Limits::default()), tag(&Limits { day: one, total: one, ..Limits::default() })]);
        let distinct: std::collections::BTreeSet<&String> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len(), "{tags:?}");
    }
}
