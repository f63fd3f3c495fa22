//! Accounts, holds, and what a person says of a call that a crash left in doubt.

use database::{
    HoldState, Keys,
    batch::{Charge, HoldRequest, PeriodAccount},
    budgets, runs,
};
use domain::{
    HoldId, Money, Period, RunId, Span, Timestamp,
    permission::{BudgetRead, BudgetWrite},
};

use crate::site::{Site, at, authorized, event, scope};

on_both_engines! {
    a_limit_is_set_and_lifted
    the_list_shows_the_tenant_and_its_workflows_and_no_runs
    a_call_in_doubt_is_confirmed_once_at_what_it_cost
    a_call_in_doubt_that_was_not_made_is_given_back
    nothing_but_a_call_in_doubt_can_be_confirmed
    limits_of_several_periods_hold_together_and_each_blocks
    a_late_settlement_goes_to_the_period_of_its_reservation
}

fn dollars(text: &str) -> Money {
    Money::from_dollars(text).unwrap()
}

fn accounts(site: &Site, run: RunId) -> Vec<String> {
    vec!["tenant".to_owned(), format!("workflow:{}", site.acme.workflow), format!("run:{run}"), format!("step:{run}/review")]
}

/// Sets money aside for two calls of a run: the first is settled, the second left in doubt.
async fn in_doubt(site: &Site, run: RunId) -> (HoldId, HoldId, Keys) {
    let (settled, unknown): (HoldId, HoldId) = (site.id(), site.id());
    let mut keys = site.claimed(&site.acme, run).await;
    keys.accounts = accounts(site, run);
    let again = keys.clone();
    site.record(keys.clone(), move |batch| {
        for (id, dispatch) in [(settled, 1), (unknown, 2)] {
            let request = HoldRequest {
                id,
                step: "review".to_owned(),
                attempt: 1,
                dispatch,
                amount: dollars("0.10"),
                accounts: again.accounts.clone(),
                periods: Vec::new(),
                at: batch.now(),
            };
            assert_eq!(batch.open_hold(request)?, None);
        }
        Ok(())
    })
    .await;
    let mut closing = keys.clone();
    closing.holds = vec![settled, unknown];
    site.record(closing, move |batch| {
        assert!(batch.settle_hold(settled, Charge::of(dollars("0.03")))?);
        assert!(batch.doubt_hold(unknown)?);
        Ok(())
    })
    .await;
    (settled, unknown, keys)
}

/// What is spent, held and unconfirmed in every account of a run, which must all say the same, and in the run's row.
async fn state(site: &Site, run: RunId) -> (Money, Money, Money) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let mut states = Vec::new();
    for key in accounts(site, run) {
        let account = authorized::<BudgetRead, _>(budgets::find(&mut tx, &key).await.unwrap(), &actor);
        states.push((account.spent, account.held, account.unconfirmed));
    }
    let row = runs::load(&mut tx, run).await.unwrap().unwrap();
    assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
    assert_eq!((row.facts.spent, row.facts.held), (states[0].0, states[0].1), "the run's row says the same");
    states[0]
}

const HOURS: u64 = 3_600;

/// A day of the tenant's account, the month that all of them are in, and the moment in the middle of the day.
fn day(number: u64) -> (Vec<PeriodAccount>, Timestamp) {
    let period = |period, name: &str, from, to| PeriodAccount {
        key: budgets::period_key("tenant", period, name),
        of: "tenant".to_owned(),
        span: Span { period, starts_at: at(from * HOURS), ends_at: at(to * HOURS) },
    };
    let (from, to) = (number * 24, number * 24 + 24);
    let periods = vec![period(Period::Day, &format!("day-{number}"), from, to), period(Period::Month, "month", 0, 720)];
    (periods, at((from + 12) * HOURS))
}

/// Sets money aside on a day; gives the period that had no room, if one had none.
async fn held_on(site: &Site, keys: &Keys, number: u64, dispatch: i64) -> (HoldId, Option<Period>) {
    let (periods, at) = day(number);
    let mut keys = keys.clone();
    keys.accounts = periods.iter().map(|period| period.key.clone()).chain(["tenant".to_owned()]).collect();
    let id: HoldId = site.id();
    let over = std::sync::Arc::new(std::sync::Mutex::new(None));
    let told = std::sync::Arc::clone(&over);
    site.record(keys, move |batch| {
        let (step, amount, accounts) = ("review".to_owned(), dollars("0.10"), vec!["tenant".to_owned()]);
        let request = HoldRequest { id, step, attempt: 1, dispatch, amount, accounts, periods: periods.clone(), at };
        *told.lock().unwrap() = batch.open_hold(request)?;
        Ok(())
    })
    .await;
    let over = over.lock().unwrap().take();
    (id, over.map(|over| over.span.map_or(Period::Total, |span| span.period)))
}

/// What is spent and held of the tenant on a day, and in all.
async fn of_day(site: &Site, number: u64) -> [(Money, Money); 2] {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let (periods, at) = day(number);
    let now = budgets::periods(&mut tx, &scope(&actor), at).await.unwrap();
    let day = now.iter().find(|row| row.key == periods[0].key).map_or((Money::ZERO, Money::ZERO), |row| (row.spent, row.held));
    let whole = authorized::<BudgetRead, _>(budgets::find(&mut tx, "tenant").await.unwrap(), &actor);
    [day, (whole.spent, whole.held)]
}

async fn limits_of_several_periods_hold_together_and_each_blocks(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let keys = site.claimed(&site.acme, run).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    for (period, limit) in [(Period::Day, "0.15"), (Period::Month, "0.25"), (Period::Total, "9")] {
        budgets::set_limit(&mut tx, &scope::<BudgetWrite>(&actor), "tenant", period, Some(dollars(limit))).await.unwrap();
    }
    tx.commit(event()).await.unwrap();
    let mut told = Vec::new();
    for (dispatch, number) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        told.push(held_on(site, &keys, number, dispatch).await.1);
    }
    assert_eq!(told, [None, Some(Period::Day), None, Some(Period::Month)]);
    let (none, held) = (Money::ZERO, dollars("0.10"));
    assert_eq!(of_day(site, 0).await, [(none, held), (none, dollars("0.20"))]);
    assert_eq!(of_day(site, 2).await[0], (none, none), "what was refused is nowhere");
    // An earlier moment, as of a clock that was set back, is not the latest.
    let mut tx = site.read(&actor).await;
    let counted = |row: Option<_>| authorized::<BudgetRead, budgets::AccountRow>(row, &actor).counted_at;
    let latest = counted(budgets::find(&mut tx, "tenant").await.unwrap());
    assert_eq!(latest, Some(day(1).1));
    drop(tx);
    let mut tx = site.write(&actor).await;
    for period in [Period::Day, Period::Month] {
        budgets::set_limit(&mut tx, &scope::<BudgetWrite>(&actor), "tenant", period, None).await.unwrap();
    }
    tx.commit(event()).await.unwrap();
    assert_eq!(held_on(site, &keys, 0, 5).await.1, None);
    let mut tx = site.read(&actor).await;
    assert_eq!(counted(budgets::find(&mut tx, "tenant").await.unwrap()), latest);
}

async fn a_late_settlement_goes_to_the_period_of_its_reservation(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let keys = site.claimed(&site.acme, run).await;
    let (late, _) = held_on(site, &keys, 0, 1).await;
    let (doubtful, _) = held_on(site, &keys, 0, 2).await;
    let (prompt, _) = held_on(site, &keys, 1, 3).await;
    let mut closing = keys.clone();
    closing.holds = vec![late, doubtful, prompt];
    site.record(closing, move |batch| {
        assert!(batch.settle_hold(prompt, Charge::of(dollars("0.01")))?);
        assert!(batch.settle_hold(late, Charge::of(dollars("0.03")))?);
        assert!(batch.doubt_hold(doubtful)?);
        Ok(())
    })
    .await;
    let none = Money::ZERO;
    assert_eq!(of_day(site, 0).await, [(dollars("0.13"), none), (dollars("0.14"), none)]);
    assert_eq!(of_day(site, 1).await[0], (dollars("0.01"), none));
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let hold = authorized::<BudgetWrite, _>(budgets::find_hold(&mut tx, doubtful).await.unwrap(), &actor);
    assert!(budgets::release(&mut tx, &hold, at(40 * HOURS)).await.unwrap());
    tx.commit(event()).await.unwrap();
    assert_eq!(of_day(site, 0).await, [(dollars("0.03"), none), (dollars("0.04"), none)], "a person's word goes there too");
    assert_eq!(of_day(site, 1).await[0], (dollars("0.01"), none));
}

async fn a_limit_is_set_and_lifted(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    assert!(budgets::find(&mut tx, budgets::TENANT_KEY).await.unwrap().is_none());
    for limit in [Some(dollars("5")), Some(dollars("7.5")), None] {
        budgets::set_limit(&mut tx, &scope::<BudgetWrite>(&actor), budgets::TENANT_KEY, Period::Total, limit).await.unwrap();
        let account = authorized::<BudgetRead, _>(budgets::find(&mut tx, budgets::TENANT_KEY).await.unwrap(), &actor);
        assert_eq!((account.limits.total, account.spent), (limit, Money::ZERO));
    }
    tx.commit(event()).await.unwrap();
}

async fn the_list_shows_the_tenant_and_its_workflows_and_no_runs(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    in_doubt(site, run).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let list = budgets::list(&mut tx, &scope(&actor)).await.unwrap();
    let keys: Vec<&str> = list.iter().map(|account| account.key.as_str()).collect();
    assert_eq!(keys, ["tenant", &format!("workflow:{}", site.acme.workflow)]);
}

async fn a_call_in_doubt_is_confirmed_once_at_what_it_cost(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let (_, unknown, _) = in_doubt(site, run).await;
    assert_eq!(state(site, run).await, (dollars("0.13"), Money::ZERO, dollars("0.10")), "it counts at its maximum");
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let listed = budgets::holds(&mut tx, &scope(&actor), HoldState::Unknown, 10).await.unwrap();
    assert_eq!(listed.iter().map(|hold| (hold.id, hold.amount, hold.run_number)).collect::<Vec<_>>(), [(unknown, dollars("0.10"), 1)]);
    assert_eq!(budgets::holds(&mut tx, &scope(&actor), HoldState::Open, 10).await.unwrap(), []);
    let hold = authorized::<BudgetWrite, _>(budgets::find_hold(&mut tx, unknown).await.unwrap(), &actor);
    assert!(!budgets::confirm(&mut tx, &hold, dollars("0.11"), at(9)).await.unwrap(), "more than was set aside");
    assert!(budgets::confirm(&mut tx, &hold, dollars("0.04"), at(9)).await.unwrap());
    assert!(!budgets::confirm(&mut tx, &hold, dollars("0.04"), at(9)).await.unwrap());
    assert!(!budgets::release(&mut tx, &hold, at(9)).await.unwrap());
    tx.commit(event()).await.unwrap();
    assert_eq!(state(site, run).await, (dollars("0.07"), Money::ZERO, Money::ZERO));
    let mut tx = site.read(&actor).await;
    let hold = authorized::<BudgetRead, _>(budgets::find_hold(&mut tx, unknown).await.unwrap(), &actor);
    assert_eq!((hold.state, hold.charged, hold.closed_at), (HoldState::Confirmed, dollars("0.04"), Some(at(9))));
    assert_eq!(budgets::holds_of_run(&mut tx, &scope(&actor), run).await.unwrap().len(), 2);
}

async fn a_call_in_doubt_that_was_not_made_is_given_back(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let (_, unknown, _) = in_doubt(site, run).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let hold = authorized::<BudgetWrite, _>(budgets::find_hold(&mut tx, unknown).await.unwrap(), &actor);
    assert!(budgets::release(&mut tx, &hold, at(9)).await.unwrap());
    assert!(!budgets::release(&mut tx, &hold, at(9)).await.unwrap());
    tx.commit(event()).await.unwrap();
    assert_eq!(state(site, run).await, (dollars("0.03"), Money::ZERO, Money::ZERO));
}

async fn nothing_but_a_call_in_doubt_can_be_confirmed(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let (settled, _, _) = in_doubt(site, run).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let hold = authorized::<BudgetWrite, _>(budgets::find_hold(&mut tx, settled).await.unwrap(), &actor);
    assert!(!budgets::confirm(&mut tx, &hold, dollars("0.01"), at(9)).await.unwrap());
    assert!(!budgets::release(&mut tx, &hold, at(9)).await.unwrap());
    drop(tx);
    assert_eq!(state(site, run).await.0, dollars("0.13"));
}
