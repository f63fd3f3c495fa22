//! Accounts, holds, and what a person says of a call that a crash left in doubt.

use database::{
    HoldState, Keys,
    batch::{Charge, HoldRequest},
    budgets, runs,
};
use domain::{
    HoldId, Money, RunId,
    permission::{BudgetRead, BudgetWrite},
};

use crate::site::{Site, at, authorized, event, scope};

on_both_engines! {
    a_limit_is_set_and_lifted
    the_list_shows_the_tenant_and_its_workflows_and_no_runs
    a_call_in_doubt_is_confirmed_once_at_what_it_cost
    a_call_in_doubt_that_was_not_made_is_given_back
    nothing_but_a_call_in_doubt_can_be_confirmed
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

async fn a_limit_is_set_and_lifted(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    assert!(budgets::find(&mut tx, budgets::TENANT_KEY).await.unwrap().is_none());
    for limit in [Some(dollars("5")), Some(dollars("7.5")), None] {
        budgets::set_limit(&mut tx, &scope::<BudgetWrite>(&actor), budgets::TENANT_KEY, limit).await.unwrap();
        let account = authorized::<BudgetRead, _>(budgets::find(&mut tx, budgets::TENANT_KEY).await.unwrap(), &actor);
        assert_eq!((account.limit, account.spent), (limit, Money::ZERO));
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
