//! Transactions of people: what a turn leaves, and what it leaves when it goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod house;

use std::time::Duration;

use database::{
    Chain, Error, Housekeeping, Topic, budgets,
    crash::{CommitPoint, Fate},
    tenants,
};
use domain::{Actor, Grants, Money, Period, PolicyVersion, Scope, permission::BudgetWrite};
use house::{House, Tenant, audited, event};

const LIMITS: &str = "select count(*) from account where limit_nanos is not null";

async fn set_limit(house: &House, tenant: &Tenant, key: &str) -> Result<(), Error> {
    let mut tx = house.database.write(&tenant.actor).await?;
    let scope = Scope::<BudgetWrite>::of(&tenant.actor, "budget").unwrap();
    budgets::set_limit(&mut tx, &scope, key, Period::Total, Some(Money::from_nanos(1))).await?;
    tx.commit(event("budget.set")).await
}

#[tokio::test]
async fn a_dropped_turn_is_undone_alone() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let scope = Scope::<BudgetWrite>::of(&tenant.actor, "budget").unwrap();
        let mut tx = house.database.write(&tenant.actor).await.unwrap();
        budgets::set_limit(&mut tx, &scope, "dropped", Period::Total, None).await.unwrap();
        let ((), kept) = tokio::join!(async { drop(tx) }, set_limit(&house, &tenant, "kept"));
        kept.unwrap();
        assert_eq!(house.number("select count(*) from account where key = 'dropped'").await, 0);
        assert_eq!(house.number(LIMITS).await, 1);
    }
}

#[tokio::test]
async fn a_panicking_turn_is_undone_alone_and_the_next_one_works() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let (database, actor) = (house.database.clone(), tenant.actor.clone());
        let panicked = tokio::spawn(async move {
            let mut tx = database.write(&actor).await.unwrap();
            let scope = Scope::<BudgetWrite>::of(&actor, "budget").unwrap();
            budgets::set_limit(&mut tx, &scope, "panicked", Period::Total, None).await.unwrap();
            panic!("on purpose");
        });
        assert!(panicked.await.unwrap_err().is_panic());
        set_limit(&house, &tenant, "kept").await.unwrap();
        assert_eq!(house.number("select count(*) from account").await, 1);
    }
}

#[tokio::test]
async fn a_turn_whose_statement_failed_is_undone_alone() {
    let house = House::on_sqlite().await;
    let tenant = house.tenant("acme").await;
    let run = house.run(&tenant).await;
    let mut tx = house.database.write(&tenant.actor).await.unwrap();
    let scope = Scope::<BudgetWrite>::of(&tenant.actor, "budget").unwrap();
    budgets::set_limit(&mut tx, &scope, "failed", Period::Total, None).await.unwrap();
    let scope = Scope::of(&tenant.actor, "run").unwrap();
    let twice = database::runs::NewRun {
        id: run,
        workflow: tenant.workflow,
        version: tenant.version,
        plan_hash: [1; 32],
        starter: tenant.person,
        starter_label: String::new(),
        inputs: serde_json::json!({}),
        start_key: None,
        accepted_at: house::START,
        letter_id: house.id(),
        letter: serde_json::json!({}),
    };
    let refused = database::runs::accept(&mut tx, &scope, &twice).await.unwrap_err();
    assert!(refused.is_duplicate_in("run"), "{refused}");
    drop(tx);
    set_limit(&house, &tenant, "kept").await.unwrap();
    assert_eq!(house.number("select count(*) from account").await, 1);
}

#[tokio::test]
async fn nothing_is_answered_or_announced_before_the_commit_is_durable() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let mut announcements = house.database.announcements();
        house.fates.next(CommitPoint::BeforeCommit, Fate::Fail);
        let failed = set_limit(&house, &tenant, "failed").await;
        assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
        assert!(announcements.is_empty(), "what failed must not be announced");
        set_limit(&house, &tenant, "kept").await.unwrap();
        let mut told = Vec::new();
        while !announcements.is_empty() {
            told.push(announcements.recv().await.unwrap());
        }
        assert!(told.iter().all(|one| one.tenant == tenant.id));
        let topics: Vec<Topic> = told.iter().map(|one| one.topic).collect();
        assert_eq!(topics, [Topic::Budgets, Topic::Audit], "each thing once");
        assert_eq!(house.number(LIMITS).await, 1, "what is announced is there");
    }
}

#[tokio::test]
async fn a_failed_group_answers_that_nothing_was_done_and_the_writer_goes_on() {
    let house = House::on_sqlite().await;
    let tenant = house.tenant("acme").await;
    for point in [CommitPoint::Begun, CommitPoint::Changed, CommitPoint::BeforeCommit] {
        house.fates.next(point, Fate::Fail);
        let failed = set_limit(&house, &tenant, "failed").await;
        assert!(matches!(failed, Err(Error::Unavailable { .. })), "{point:?}: {failed:?}");
        assert_eq!(house.number(LIMITS).await, 0, "{point:?}");
    }
    set_limit(&house, &tenant, "kept").await.unwrap();
    assert_eq!(house.verified_chain(&tenant).await, 3);
}

#[tokio::test]
async fn a_turn_that_outlives_its_deadline_is_undone_and_others_go_on() {
    let house = House::sqlite_with(|settings| settings.turn_deadline = Duration::from_millis(100)).await;
    let tenant = house.tenant("acme").await;
    let scope = Scope::<BudgetWrite>::of(&tenant.actor, "budget").unwrap();
    let mut tx = house.database.write(&tenant.actor).await.unwrap();
    budgets::set_limit(&mut tx, &scope, "late", Period::Total, None).await.unwrap();
    // Answered only after the deadline of the turn that is still held open.
    set_limit(&house, &tenant, "kept").await.unwrap();
    let late = tx.commit(event("budget.set")).await;
    assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
    assert_eq!(house.number("select count(*) from account").await, 1);
}

static ENDLESS: database::Statement = database::Statement::tenant(
    "test.endless",
    "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) as c from n, membership where tenant_id = $1",
);

#[tokio::test]
async fn a_statement_that_nobody_waits_for_any_more_holds_nobody_up_for_ever() {
    let house = House::sqlite_with(|settings| settings.turn_deadline = Duration::from_millis(100)).await;
    let tenant = house.tenant("acme").await;
    let mut tx = house.database.write(&tenant.actor).await.unwrap();
    // As when a client goes away in the middle of a request.
    tokio::select! {
        biased;
        _ = tx.query(&ENDLESS).rows() => panic!("it never ends"),
        () = std::future::ready(()) => {}
    }
    drop(tx);
    if set_limit(&house, &tenant, "beside").await.is_err() {
        set_limit(&house, &tenant, "after").await.unwrap();
    }
    assert_eq!(house.number(LIMITS).await, 1);
}

#[tokio::test]
async fn a_statement_that_never_ends_is_stopped_at_the_deadline() {
    let house = House::sqlite_with(|settings| settings.turn_deadline = Duration::from_millis(100)).await;
    let tenant = house.tenant("acme").await;
    let mut tx = house.database.write(&tenant.actor).await.unwrap();
    let (endless, kept) = tokio::join!(async { tx.query(&ENDLESS).rows().await.map(drop) }, set_limit(&house, &tenant, "kept"));
    assert!(matches!(endless, Err(Error::Unavailable { .. })), "{endless:?}");
    drop(tx);
    if kept.is_err() {
        // The group of the endless one may have failed as a whole; then nothing of it is there.
        assert_eq!(house.number(LIMITS).await, 0);
    }
    set_limit(&house, &tenant, "after").await.unwrap();
}

#[tokio::test]
async fn rights_of_another_state_of_the_policy_open_nothing() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let current = tenant.actor.grants().version();
        let old: Actor = tenant.actor.clone().with_grants(Grants::recorded(u64::MAX, PolicyVersion(uuid::Uuid::nil())));
        assert_eq!(house.database.read(&old).await.err(), Some(Error::StalePolicy { current }));
        assert_eq!(house.database.write(&old).await.err(), Some(Error::StalePolicy { current }));
        house.superuser("update tenant set status = 'closed'").await;
        assert_eq!(house.database.read(&tenant.actor).await.err(), Some(Error::TenantClosed));
        assert_eq!(house.database.write(&tenant.actor).await.err(), Some(Error::TenantClosed));
    }
}

#[tokio::test]
async fn statements_of_another_reach_are_refused() {
    static OF_ALL: database::Statement = database::Statement::system("test.all", "select id from tenant");
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let mut tx = house.database.read(&tenant.actor).await.unwrap();
        let refused = tx.query(&OF_ALL).rows().await.err();
        assert!(matches!(refused, Some(Error::Misuse { statement: "test.all", .. })), "{refused:?}");
        static OF_ONE: database::Statement = database::Statement::tenant("test.one", "select id from tenant where id = $1");
        let mut tx = house.database.system_read().await.unwrap();
        assert!(matches!(tx.query(&OF_ONE).rows().await.err(), Some(Error::Misuse { statement: "test.one", .. })));
    }
}

#[tokio::test]
async fn a_transaction_that_reads_cannot_write() {
    static SNEAK: database::Statement =
        database::Statement::tenant("test.sneak", "insert into account (tenant_id, key) values ($1, 'sneaked')");
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let mut tx = house.database.read(&tenant.actor).await.unwrap();
        assert!(tx.query(&SNEAK).execute().await.is_err());
        drop(tx);
        assert_eq!(house.number("select count(*) from account").await, 0);
    }
}

#[tokio::test]
async fn housekeeping_writes_only_to_the_tables_of_its_reason() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let scope = Scope::<BudgetWrite>::of(&tenant.actor, "budget").unwrap();
        let mut tx = house.database.write(&tenant.actor).await.unwrap();
        budgets::set_limit(&mut tx, &scope, "tenant", Period::Total, None).await.unwrap();
        let refused = tx.housekeep(Housekeeping::Leases).await;
        assert!(matches!(refused, Err(Error::Misuse { statement: "budgets.set_limit", .. })), "{refused:?}");
        assert_eq!(house.number("select count(*) from account").await, 0);
    }
}

#[tokio::test]
async fn an_event_for_a_chain_that_does_not_exist_spoils_nobody_elses_commit() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        let tx = house.database.system().await.unwrap();
        let nobody = Chain::Tenant(house.id());
        let (nobodys, kept) = tokio::join!(tx.commit(audited(nobody, "tenant.closed"), Vec::new()), set_limit(&house, &tenant, "kept"));
        assert!(matches!(nobodys, Err(Error::NoRow { .. })), "{nobodys:?}");
        kept.unwrap();
    }
}

#[tokio::test]
async fn no_chain_has_a_gap_under_fifty_concurrent_writers() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (acme, globex) = (house.tenant("acme").await, house.tenant("globex").await);
        let before = (house.verified_chain(&acme).await, house.verified_chain(&globex).await);
        let writers = (0..50).map(|n| {
            let (database, tenant) = (house.database.clone(), if n % 2 == 0 { acme.clone() } else { globex.clone() });
            tokio::spawn(async move {
                for round in 0..4 {
                    if (n + round) % 7 == 0 {
                        let tx = database.system().await.unwrap();
                        let also = audited(Chain::Installation, "test.happened");
                        tx.commit(audited(Chain::Tenant(tenant.id), "test.happened"), vec![also]).await.unwrap();
                    } else {
                        let tx = database.write(&tenant.actor).await.unwrap();
                        tx.commit(event("test.happened")).await.unwrap();
                    }
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        assert_eq!(house.verified_chain(&acme).await, before.0 + 100);
        assert_eq!(house.verified_chain(&globex).await, before.1 + 100);
        let of_installation = house.number("select audit_seq from installation").await;
        assert_eq!(house.number("select count(*) from installation_audit").await, of_installation);
        assert!(of_installation > 0);
    }
}

#[tokio::test]
async fn a_change_after_a_death_is_refused_and_what_was_not_committed_is_gone() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let tenant = house.tenant("acme").await;
        house.fates.next(CommitPoint::BeforeCommit, Fate::Die);
        assert!(matches!(set_limit(&house, &tenant, "lost").await, Err(Error::Unavailable { .. })));
        assert!(house.database.read(&tenant.actor).await.is_err(), "the dead read nothing");
        let house = house.reopened().await;
        assert_eq!(house.number(LIMITS).await, 0);
        house.fates.next(CommitPoint::AfterCommit, Fate::Die);
        assert!(set_limit(&house, &tenant, "kept").await.is_err(), "nobody was told");
        let house = house.reopened().await;
        assert_eq!(house.number(LIMITS).await, 1, "what is durable stays, whoever was told");
        let mut tx = house.database.read(&tenant.actor).await.unwrap();
        assert_eq!(tenants::current(&mut tx).await.unwrap().slug, "acme");
        drop(tx);
        house.verified_chain(&tenant).await;
    }
}

#[tokio::test]
async fn a_probe_writes() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        house.database.probe().await.unwrap();
        assert_eq!(house.number("select count(*) from throttle where key = 'probe'").await, 1);
        house.database.close().await;
        assert!(house.database.probe().await.is_err(), "a closed database cannot");
    }
}
