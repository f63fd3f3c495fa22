//! Budgets: limits, what is held, and what a person says of a call that a crash left in doubt.

use database::{
    Batch, InboxKind, Keys, LeaseClaim, Member, MemberRefused, RunStatus, RunUpdate,
    batch::{Charge, HoldRequest},
    inbox, leases,
};
use domain::{Actor, HoldId, Money, Period, RunId, WorkflowId};
use platform::{
    audit,
    budgets::{AccountShown, BudgetsShown, Limited},
    members::Role,
    runs::Given,
};
use serde_json::json;

use crate::house::{House, fields, refusal};

fn dollars(text: &str) -> Money {
    Money::from_dollars(text).unwrap()
}

struct Records<F> {
    keys: Keys,
    decide: F,
}

impl<F> Member for Records<F>
where
    F: FnMut(&mut Batch<'_>) -> Result<(), MemberRefused> + Send + 'static,
{
    fn keys(&self) -> Keys {
        self.keys.clone()
    }

    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused> {
        (self.decide)(batch)
    }
}

/// Two calls of a run: one was settled at 0.03, one is in doubt at 0.10. And a third under way.
struct Calls {
    run: RunId,
    workflow: WorkflowId,
    settled: HoldId,
    in_doubt: HoldId,
}

async fn record<F>(house: &House, keys: Keys, decide: F)
where
    F: FnMut(&mut Batch<'_>) -> Result<(), MemberRefused> + Send + 'static,
{
    house.platform.database().submit(Records { keys, decide }).await.map(drop).unwrap();
}

/// Starts a run, makes its calls and parks it for want of room in the tenant's budget.
async fn parked(house: &House, actor: &Actor) -> Calls {
    house.platform.install_samples(actor).await.unwrap();
    let given = Given::Form(vec![("invoice_id".to_owned(), "INV-20417".to_owned())]);
    let run = house.platform.start_run(actor, "vendor-payment", given, None).await.unwrap().run;
    let workflow = house.platform.workflow(actor, "vendor-payment").await.unwrap().id;
    let now = house.platform.now();
    let mut tx = house.platform.database().system().await.unwrap();
    let claimed = leases::claim(&mut tx, "node", now, now.after(std::time::Duration::from_mins(1)), 100).await.unwrap();
    tx.housekeep(database::Housekeeping::Leases).await.unwrap();
    let lease = claimed.iter().find(|lease| lease.run == run).unwrap();
    let mut keys = Keys::of_run(actor.tenant(), run, LeaseClaim { owner: "node".to_owned(), fence: lease.fence });
    keys.accounts = vec!["tenant".to_owned(), format!("workflow:{workflow}"), format!("run:{run}")];
    let accounts = keys.accounts.clone();
    let (settled, in_doubt, open): (HoldId, HoldId, HoldId) = (house.platform.new_id(), house.platform.new_id(), house.platform.new_id());
    record(house, keys.clone(), move |batch| {
        for (id, dispatch) in [(settled, 1), (in_doubt, 2), (open, 3)] {
            let (step, amount, accounts, now) = ("review".to_owned(), dollars("0.10"), accounts.clone(), batch.now());
            assert_eq!(
                batch.open_hold(HoldRequest { id, step, attempt: 1, dispatch, amount, accounts, periods: Vec::new(), at: now })?,
                None
            );
        }
        Ok(())
    })
    .await;
    keys.holds = vec![settled, in_doubt];
    record(house, keys, move |batch| {
        assert!(batch.settle_hold(settled, Charge::of(dollars("0.03")))?);
        assert!(batch.doubt_hold(in_doubt)?);
        let waiting_for = json!({"kind": "budget", "step": "review", "account": "tenant", "words": "A crash left something."});
        batch.run(RunUpdate {
            status: RunStatus::Waiting,
            waiting_for: Some(waiting_for.to_string()),
            outputs: None,
            error: None,
            last_seq: 0,
            started_at: None,
            ended_at: None,
        })
    })
    .await;
    Calls { run, workflow, settled, in_doubt }
}

/// How often a run was told to look again.
async fn woken(house: &House, actor: &Actor, run: RunId) -> usize {
    let actor = house.platform.renewed(actor).await.unwrap();
    let mut tx = house.platform.database().read(&actor).await.unwrap();
    inbox::of_run(&mut tx, run).await.unwrap().iter().filter(|row| row.kind == InboxKind::Resume).count()
}

/// The account of the vendor payments.
fn of_payments(shown: &BudgetsShown) -> &AccountShown {
    &shown.workflows.iter().find(|of| of.slug.as_deref() == Some("vendor-payment")).unwrap().account
}

async fn tenant_account(house: &House, actor: &Actor) -> AccountShown {
    house.platform.budgets(actor).await.unwrap().tenant
}

in_a_rehearsing_house! {
    async fn limits_are_set_and_lifted_and_each_change_is_recorded(house) {
        let admin = house.acme_admin().await;
        house.platform.install_samples(&admin).await.unwrap();
        let empty = house.platform.budgets(&admin).await.unwrap();
        assert_eq!((empty.tenant.limit, empty.tenant.left()), (None, None));
        let slugs: Vec<_> = empty.workflows.iter().map(|of| of.slug.as_deref()).collect();
        assert_eq!(slugs, [Some("expense-report"), Some("release-notes"), Some("vendor-payment")]);
        let workflow = Limited::Workflow("vendor-payment".to_owned());
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Total, Some(dollars("25"))).await.unwrap();
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Total, Some(dollars("25"))).await.unwrap();
        house.platform.set_limit(&admin, &workflow, Period::Total, Some(dollars("5"))).await.unwrap();
        let shown = house.platform.budgets(&admin).await.unwrap();
        assert_eq!((shown.tenant.limit, shown.tenant.left()), (Some(dollars("25")), Some(dollars("25"))));
        assert_eq!(of_payments(&shown).limit, Some(dollars("5")));
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Total, None).await.unwrap();
        assert_eq!(tenant_account(&house, &admin).await.limit, None);
        let filter = audit::Filter { action: Some("budget.changed".to_owned()), ..audit::Filter::default() };
        let page = house.platform.audit(&admin, &filter, None, 10).await.unwrap();
        let changes: Vec<_> = page.items.iter().map(|line| (line.target_name.as_str(), line.detail["before"].clone(), line.detail["limit"].clone())).collect();
        assert_eq!(
            changes,
            [("tenant", json!("25"), json!(null)), ("Vendor payment", json!(null), json!("5")), ("tenant", json!(null), json!("25"))],
            "the same limit again is no change"
        );
        assert_eq!(fields(house.platform.set_limit(&admin, &workflow, Period::Total, Some(Money::from_nanos(-1))).await), ["limit"]);
        let unknown = Limited::Workflow("nothing".to_owned());
        assert_eq!(refusal(house.platform.set_limit(&admin, &unknown, Period::Total, None).await), (404, "not_found"));
    }

    async fn a_call_in_doubt_is_confirmed_once_and_the_run_looks_again(house) {
        let admin = house.acme_admin().await;
        let calls = parked(&house, &admin).await;
        let shown = house.platform.budgets(&admin).await.unwrap();
        assert_eq!((shown.tenant.spent, shown.tenant.held, shown.tenant.unconfirmed), (dollars("0.13"), dollars("0.10"), dollars("0.10")));
        assert_eq!(*of_payments(&shown), shown.tenant);
        let [doubt] = shown.in_doubt.as_slice() else { panic!("one is in doubt") };
        assert_eq!((doubt.id, doubt.run, doubt.run_number, doubt.step.as_str(), doubt.amount), (calls.in_doubt, calls.run, 1, "review", dollars("0.10")));
        assert_eq!(shown.under_way.len(), 1);
        assert_eq!(fields(house.platform.confirm_hold(&admin, calls.in_doubt, dollars("0.11")).await), ["cost"]);
        assert_eq!(fields(house.platform.confirm_hold(&admin, calls.in_doubt, Money::from_nanos(-1)).await), ["cost"]);
        assert_eq!(woken(&house, &admin, calls.run).await, 0);
        house.platform.confirm_hold(&admin, calls.in_doubt, dollars("0.04")).await.unwrap();
        assert_eq!(refusal(house.platform.confirm_hold(&admin, calls.in_doubt, dollars("0.04")).await), (409, "hold_settled"));
        assert_eq!(refusal(house.platform.release_hold(&admin, calls.in_doubt).await), (409, "hold_settled"));
        assert_eq!(woken(&house, &admin, calls.run).await, 1);
        let account = tenant_account(&house, &admin).await;
        assert_eq!((account.spent, account.unconfirmed), (dollars("0.07"), Money::ZERO));
        assert!(house.platform.budgets(&admin).await.unwrap().in_doubt.is_empty());
    }

    async fn a_call_that_was_not_made_is_given_back_and_no_other_hold_can_be(house) {
        let admin = house.acme_admin().await;
        let calls = parked(&house, &admin).await;
        assert_eq!(refusal(house.platform.release_hold(&admin, calls.settled).await), (409, "hold_settled"));
        let under_way = house.platform.budgets(&admin).await.unwrap().under_way[0].id;
        assert_eq!(refusal(house.platform.release_hold(&admin, under_way).await), (409, "hold_settled"));
        house.platform.release_hold(&admin, calls.in_doubt).await.unwrap();
        assert_eq!(tenant_account(&house, &admin).await.spent, dollars("0.03"));
        assert_eq!(woken(&house, &admin, calls.run).await, 1);
        let log = house.log(&admin).await;
        assert_eq!(log.iter().filter(|action| *action == "budget.changed").count(), 1, "what was refused changed nothing");
    }

    async fn a_higher_limit_wakes_those_who_wait_for_that_budget_alone(house) {
        let admin = house.acme_admin().await;
        let calls = parked(&house, &admin).await;
        let workflow = Limited::Workflow("vendor-payment".to_owned());
        house.platform.set_limit(&admin, &workflow, Period::Total, Some(dollars("5"))).await.unwrap();
        assert_eq!(woken(&house, &admin, calls.run).await, 0, "it waits for the tenant's");
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Total, Some(dollars("5"))).await.unwrap();
        assert_eq!(woken(&house, &admin, calls.run).await, 1);
    }

    async fn what_a_removed_workflow_spent_is_shown(house) {
        let admin = house.acme_admin().await;
        let calls = parked(&house, &admin).await;
        house.platform.remove_workflow(&admin, "vendor-payment").await.unwrap();
        let shown = house.platform.budgets(&admin).await.unwrap();
        let gone = shown.workflows.iter().find(|of| of.slug.is_none()).expect("its account is left");
        assert_eq!((gone.slug.as_deref(), gone.account.spent), (None, dollars("0.13")));
        assert!(gone.name.contains(&calls.workflow.to_string()));
    }

    async fn another_tenants_budgets_do_not_exist(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        let calls = parked(&house, &acme).await;
        let shown = house.platform.budgets(&globex).await.unwrap();
        assert_eq!((shown.tenant.spent, shown.workflows.len(), shown.in_doubt.len()), (Money::ZERO, 0, 0));
        assert_eq!(refusal(house.platform.confirm_hold(&globex, calls.in_doubt, Money::ZERO).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.release_hold(&globex, calls.in_doubt).await), (404, "not_found"));
        let workflow = Limited::Workflow("vendor-payment".to_owned());
        assert_eq!(refusal(house.platform.set_limit(&globex, &workflow, Period::Total, None).await), (404, "not_found"));
        house.platform.set_limit(&globex, &Limited::Tenant, Period::Total, Some(Money::ZERO)).await.unwrap();
        assert_eq!(tenant_account(&house, &acme).await.limit, None);
        assert_eq!(woken(&house, &acme, calls.run).await, 0);
    }

    async fn who_has_no_part_in_budgets_sees_and_changes_none(house) {
        let admin = house.acme_admin().await;
        let calls = parked(&house, &admin).await;
        let approver = house.acme_approver().await;
        assert_eq!(refusal(house.platform.budgets(&approver).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.set_limit(&approver, &Limited::Tenant, Period::Total, None).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.release_hold(&approver, calls.in_doubt).await), (404, "not_found"));
        house.platform.grant_role(&admin, approver.person().unwrap(), Role::Auditor).await.unwrap();
        let auditor = house.acme_approver().await;
        assert_eq!(house.platform.budgets(&auditor).await.unwrap().in_doubt.len(), 1);
        assert_eq!(refusal(house.platform.set_limit(&auditor, &Limited::Tenant, Period::Total, None).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.confirm_hold(&auditor, calls.in_doubt, Money::ZERO).await), (403, "forbidden"));
        let admin = house.acme_admin().await;
        house.platform.grant_role(&admin, approver.person().unwrap(), Role::BudgetOwner).await.unwrap();
        let owner = house.acme_approver().await;
        house.platform.set_limit(&owner, &Limited::Tenant, Period::Total, Some(dollars("1"))).await.unwrap();
        house.platform.release_hold(&owner, calls.in_doubt).await.unwrap();
    }
}
