//! The engine's records: what many runs write together, and what one that goes wrong leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod house;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use database::{
    ApprovalState, Database, Error, InboxKind, Location, MemberRefused, RunStatus, Topic,
    batch::{ApprovalEnd, ApprovalLinkRow, ApprovalRequest, Charge, CredentialUse, HoldRequest, MailRecord, PeriodAccount, RunUpdate},
    budgets,
    crash::{CommitPoint, Fate},
    inbox::{self, InboxRow},
    runs,
};
use domain::{ApprovalId, HoldId, InboxId, Money, Period, RunId, Scope, Span, Timestamp, audit::AuditEvent, permission::BudgetWrite};
use house::{House, START, Tenant, claim_of, event, journal, keys, settings, submit, system_actor};

fn nanos(amount: i64) -> Money {
    Money::from_nanos(amount)
}

fn hold(id: HoldId, dispatch: i64, amount: i64, accounts: &[&str]) -> HoldRequest {
    HoldRequest {
        id,
        step: "ask".to_owned(),
        attempt: 1,
        dispatch,
        amount: nanos(amount),
        accounts: accounts.iter().map(|key| (*key).to_owned()).collect(),
        periods: Vec::new(),
        at: START,
    }
}

fn approval(id: ApprovalId) -> ApprovalRequest {
    ApprovalRequest {
        id,
        step: "sign".to_owned(),
        round: 1,
        kind: "step".to_owned(),
        title: "Pay".to_owned(),
        request: "{}".to_owned(),
        coverage: "[]".to_owned(),
        digest: [7; 32],
        ceiling: nanos(5),
        quorum: 1,
        requested_at: START,
        expires_at: START.after(std::time::Duration::from_mins(1)),
    }
}

fn update(status: RunStatus, last_seq: i64) -> RunUpdate {
    RunUpdate { status, waiting_for: None, outputs: None, error: None, last_seq, started_at: Some(START), ended_at: None }
}

/// A tenant with this many runs that the worker has claimed.
async fn at_work(house: &House, count: usize) -> (Tenant, Vec<RunId>) {
    let tenant = house.tenant("acme").await;
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(house.run(&tenant).await);
    }
    house.claim().await;
    (tenant, runs)
}

async fn with_limit(house: &House, tenant: &Tenant, run: RunId, key: &'static str, limit: i64) {
    let mut keys = keys(tenant, run);
    keys.accounts = vec![key.to_owned()];
    submit(&house.database, keys, move |batch| batch.set_limit(key, Some(nanos(limit)))).await.unwrap();
}

#[tokio::test]
async fn everything_a_member_may_write_is_written() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let run = runs[0];
        let (asked, held, link, mail) = (house.id(), house.id(), house.id(), house.id());
        let (credential, used) = (house.id(), house.id());
        house
            .superuser(&format!(
                "insert into credential (tenant_id, id, name, kind, version, sealed, allowed_hosts, description, created_at)
                 values ({t}, {c}, 'desk', 'token', 3, {t2}, '[\"pay.example\"]', '', 0)",
                t = house.literal(tenant.id.uuid()),
                c = house.literal(domain::CredentialId::uuid(credential)),
                t2 = match house.location {
                    database::Location::Sqlite { .. } => "x'00'",
                    database::Location::Postgres { .. } => "'\\x00'",
                }
            ))
            .await;
        let mut reader = house.database.read(&tenant.actor).await.unwrap();
        let waiting: Vec<InboxId> = inbox::of_run(&mut reader, run).await.unwrap().into_iter().map(|row| row.id).collect();
        drop(reader);
        assert_eq!(waiting.len(), 1);

        let mut keys = keys(&tenant, run);
        keys.accounts = vec!["tenant".to_owned(), format!("run:{run}")];
        keys.person = Some(tenant.person);
        keys.credentials = vec!["desk".to_owned()];
        let (owner, run_key, version) = (tenant.person, format!("run:{run}"), tenant.actor.grants().version());
        submit(&house.database, keys, move |batch| {
            let facts = batch.tenant().unwrap();
            assert!(facts.active && facts.policy_version == version);
            assert!(batch.membership().unwrap().active);
            let desk = batch.credential("desk").unwrap().clone();
            assert_eq!((desk.version, desk.allowed_hosts.as_slice()), (3, ["pay.example".to_owned()].as_slice()));
            batch.inbox_done(waiting.clone())?;
            batch.journal([(1, START, "{\"a\":\"\\u0000 é\"}".to_owned()), (2, START, "{}".to_owned())])?;
            assert_eq!(batch.open_hold(hold(held, 1, 10, &["tenant", &run_key]))?, None);
            batch.ask_approval(approval(asked))?;
            batch.approval_link(ApprovalLinkRow { id: link, approval: asked, person: owner, token_hash: [9; 32], expires_at: START });
            batch.credential_use(CredentialUse {
                id: used,
                credential,
                version: 3,
                step: "pay".to_owned(),
                attempt: 1,
                dispatch: 1,
                host: "pay.example".to_owned(),
                at: START,
            });
            batch.mail(MailRecord {
                id: mail,
                recipient: "a@b.example".to_owned(),
                subject: "Sign".to_owned(),
                text_body: "Please".to_owned(),
                html_body: None,
                headers: "{}".to_owned(),
                reference: asked.to_string(),
            });
            batch.audit(system_actor(), AuditEvent::done("approval.requested", "approval", asked, "Pay"));
            batch.run(RunUpdate { waiting_for: Some("{\"approval\":1}".to_owned()), ..update(RunStatus::Waiting, 2) })?;
            batch.queue(None, true)
        })
        .await
        .unwrap();

        for (table, count) in [("journal", 2), ("hold", 1), ("approval", 1), ("approval_link", 1), ("credential_use", 1), ("mail", 1)] {
            assert_eq!(house.number(&format!("select count(*) from {table}")).await, count, "{table}");
        }
        assert_eq!(house.number("select count(*) from inbox").await, 0);
        assert_eq!(house.number("select count(*) from run_queue where owner is null and wake_at is null").await, 1);
        assert_eq!(house.number("select count(*) from account where held = 10 and spent = 0").await, 2);
        let mut tx = house.database.read(&tenant.actor).await.unwrap();
        let row = runs::load(&mut tx, run).await.unwrap().unwrap();
        assert_eq!((row.facts.status, row.facts.held), (RunStatus::Waiting, nanos(10)));
        assert_eq!(row.facts.waiting_for, Some(serde_json::json!({"approval": 1})));
        let written = database::journal::load(&mut tx, run, 0, 10).await.unwrap();
        assert_eq!(written[0].event, "{\"a\":\"\\u0000 é\"}", "byte for byte");
        drop(tx);
        house.verified_chain(&tenant).await;
    }
}

#[tokio::test]
async fn a_member_whose_lease_was_lost_writes_nothing() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        for claim in [claim_of(0), claim_of(2), database::LeaseClaim { owner: "another".to_owned(), fence: 1 }] {
            let mut keys = keys(&tenant, runs[0]);
            keys.lease = Some(claim);
            let asked = Arc::new(AtomicU32::new(0));
            let count = Arc::clone(&asked);
            let lost = submit(&house.database, keys, move |batch| {
                count.fetch_add(1, Ordering::SeqCst);
                journal(batch, 1)
            })
            .await;
            assert_eq!(lost, Err(Error::LostLease));
            assert_eq!(asked.load(Ordering::SeqCst), 0, "it is not even asked");
        }
        let mut without = keys(&tenant, runs[0]);
        without.lease = None;
        assert_eq!(submit(&house.database, without, |batch| journal(batch, 1)).await, Err(Error::LostLease));
        // A lease that a member gives up is lost to the members after it, in the same group as later.
        let given_up = keys(&tenant, runs[0]);
        submit(&house.database, given_up.clone(), |batch| batch.queue(None, true)).await.unwrap();
        assert_eq!(submit(&house.database, given_up, |batch| journal(batch, 1)).await, Err(Error::LostLease));
        assert_eq!(house.number("select count(*) from journal").await, 0);
    }
}

#[tokio::test]
async fn two_hundred_members_racing_for_one_account_never_pass_its_limit() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 10).await;
        with_limit(&house, &tenant, runs[0], "tenant", 1000).await;
        let racers = (0..200_i64).map(|n| {
            let (database, mut keys, id) = (house.database.clone(), keys(&tenant, runs[usize::try_from(n % 10).unwrap()]), house.id());
            keys.accounts = vec!["tenant".to_owned(), format!("step:{n}")];
            tokio::spawn(async move {
                let held = Arc::new(Mutex::new(None));
                let seen = Arc::clone(&held);
                submit(&database, keys, move |batch| {
                    let over = batch.open_hold(hold(id, n + 1, 7, &["tenant", &format!("step:{n}")]))?;
                    *seen.lock().unwrap() = Some(over);
                    Ok(())
                })
                .await
                .unwrap();
                held.lock().unwrap().take().unwrap().is_none()
            })
        });
        let mut held = 0;
        for racer in racers.collect::<Vec<_>>() {
            held += i64::from(racer.await.unwrap());
        }
        assert_eq!(held, 142, "142 × 7 is the most that fits into 1000");
        assert_eq!(house.number("select held from account where key = 'tenant'").await, 994);
        assert_eq!(house.number("select count(*) from hold").await, 142);
        assert_eq!(house.number("select cast(sum(held) as bigint) from account where key <> 'tenant'").await, 994, "nothing half held");
        assert_eq!(house.number("select cast(sum(held) as bigint) from run").await, 994);
    }
}

/// On PostgreSQL two nodes take part; beside SQLite there is never a second one.
#[tokio::test]
async fn members_of_two_nodes_racing_for_one_day_never_pass_its_limit() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 10).await;
        let mut tx = house.database.write(&tenant.actor).await.unwrap();
        let scope = Scope::<BudgetWrite>::of(&tenant.actor, "budgets").unwrap();
        for (period, limit) in [(Period::Day, 1000), (Period::Month, 2000)] {
            budgets::set_limit(&mut tx, &scope, "tenant", period, Some(nanos(limit))).await.unwrap();
        }
        tx.commit(event("budget.changed")).await.unwrap();
        let mut nodes = vec![house.database.clone()];
        if matches!(house.location, Location::Postgres { .. }) {
            nodes.push(Database::open(house.location.clone(), settings(&house.fates, &house.clock, &house.entropy)).await.unwrap());
        }
        let racers = (0..200_i64).map(|n| {
            let (mut keys, id) = (keys(&tenant, runs[usize::try_from(n % 10).unwrap()]), house.id());
            let database = nodes[usize::try_from(n).unwrap() % nodes.len()].clone();
            let period = |period, name: &str| PeriodAccount {
                key: budgets::period_key("tenant", period, name),
                of: "tenant".to_owned(),
                span: Span { period, starts_at: START, ends_at: START.after(std::time::Duration::from_hours(24)) },
            };
            let periods = vec![period(Period::Day, "2026-11-21"), period(Period::Month, "2026-11")];
            keys.accounts = vec!["tenant".to_owned()];
            keys.accounts.extend(periods.iter().map(|period| period.key.clone()));
            tokio::spawn(async move {
                let held = Arc::new(Mutex::new(None));
                let seen = Arc::clone(&held);
                submit(&database, keys, move |batch| {
                    let request = HoldRequest { periods: periods.clone(), ..hold(id, n + 1, 7, &["tenant"]) };
                    *seen.lock().unwrap() = Some(batch.open_hold(request)?);
                    Ok(())
                })
                .await
                .unwrap();
                let over = held.lock().unwrap().take().unwrap();
                over.map(|over| over.span.map(|span| span.period))
            })
        });
        let mut held = 0;
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                None => held += 1,
                Some(period) => assert_eq!(period, Some(Period::Day), "the month has room"),
            }
        }
        assert_eq!(held, 142, "142 × 7 is the most that fits into 1000");
        assert_eq!(house.number("select count(*) from account where held = 994").await, 3, "the whole, the day and the month");
        assert_eq!(house.number("select count(*) from account where period is not null and ends_at > starts_at").await, 2);
        for node in nodes.drain(1..) {
            node.close().await;
        }
    }
}

#[tokio::test]
async fn money_that_is_held_is_settled_released_or_left_in_doubt() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let run = runs[0];
        with_limit(&house, &tenant, run, "tenant", 100).await;
        let (settled, released, doubted, refused) = (house.id(), house.id(), house.id(), house.id());
        let mut first = keys(&tenant, run);
        first.accounts = vec!["tenant".to_owned()];
        submit(&house.database, first.clone(), move |batch| {
            for (dispatch, id) in [(1, settled), (2, released), (3, doubted)] {
                assert_eq!(batch.open_hold(hold(id, dispatch, 30, &["tenant"]))?, None);
            }
            let over = batch.open_hold(hold(refused, 4, 11, &["tenant"]))?.unwrap();
            assert_eq!((over.account.as_str(), over.held, over.limit, over.only_unconfirmed), ("tenant", nanos(90), nanos(100), false));
            Ok(())
        })
        .await
        .unwrap();
        // The accounts of holds are read with them.
        let mut second = keys(&tenant, run);
        second.open_holds = true;
        submit(&house.database, second, move |batch| {
            let mut open = batch.open_holds();
            open.sort_unstable();
            let mut expected = [settled, released, doubted];
            expected.sort_unstable();
            assert_eq!(open, expected);
            assert!(batch.settle_hold(settled, Charge { usage: Some("{}".to_owned()), ..Charge::of(nanos(20)) })?);
            assert!(!batch.settle_hold(settled, Charge::of(nanos(20)))?, "a hold is settled once");
            assert!(batch.release_hold(released)?);
            assert!(batch.doubt_hold(doubted)?);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(
            house.number("select count(*) from account where key = 'tenant' and held = 0 and spent = 50 and unconfirmed = 30").await,
            1
        );
        assert_eq!(house.number("select count(*) from run where held = 0 and spent = 50").await, 1);
        for (state, charged) in [("settled", 20), ("released", 0), ("unknown", 30)] {
            assert_eq!(house.number(&format!("select charged from hold where state = '{state}'")).await, charged, "{state}");
        }
        // What is in doubt counts as spent, and whoever is refused only because of it is told so.
        submit(&house.database, first, move |batch| {
            assert!(batch.open_hold(hold(refused, 5, 60, &["tenant"]))?.unwrap().only_unconfirmed);
            assert!(!batch.open_hold(hold(refused, 5, 81, &["tenant"]))?.unwrap().only_unconfirmed);
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_poison_member_stops_only_itself() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 20).await;
        let members = runs.iter().enumerate().map(|(n, run)| {
            let (database, keys) = (house.database.clone(), keys(&tenant, *run));
            tokio::spawn(async move {
                submit(&database, keys, move |batch| match n {
                    // The same number twice: only the database finds that, when everybody's rows are written.
                    3 => batch.journal([(1, START, "{}".to_owned()), (1, START, "{}".to_owned())]),
                    5 => panic!("on purpose"),
                    7 => Err(MemberRefused::because("not today")),
                    _ => journal(batch, 1),
                })
                .await
            })
        });
        let mut results = Vec::new();
        for member in members.collect::<Vec<_>>() {
            results.push(member.await.unwrap());
        }
        for (n, result) in results.iter().enumerate() {
            match n {
                3 => assert!(matches!(result, Err(Error::Violation { .. })), "{result:?}"),
                5 => assert_eq!(result, &Err(Error::Refused { reason: "the member panicked".to_owned() })),
                7 => assert_eq!(result, &Err(Error::Refused { reason: "not today".to_owned() })),
                _ => assert_eq!(result, &Ok(()), "member {n}"),
            }
        }
        assert_eq!(house.number("select count(*) from journal").await, 17);
    }
}

#[tokio::test]
async fn a_member_that_refuses_itself_leaves_no_trace() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let (asked, held) = (house.id(), house.id());
        let mut keys = keys(&tenant, runs[0]);
        keys.accounts = vec!["tenant".to_owned()];
        let mut announcements = house.database.announcements();
        let refused = submit(&house.database, keys, move |batch| {
            journal(batch, 1)?;
            batch.open_hold(hold(held, 1, 10, &["tenant"]))?;
            batch.ask_approval(approval(asked))?;
            batch.audit(system_actor(), AuditEvent::done("approval.requested", "approval", asked, "Pay"));
            Err(MemberRefused::because("after all"))
        })
        .await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        for table in ["journal", "hold", "approval"] {
            assert_eq!(house.number(&format!("select count(*) from {table}")).await, 0, "{table}");
        }
        assert_eq!(house.number("select count(*) from account where held > 0").await, 0);
        assert!(announcements.try_recv().is_err());
    }
}

#[tokio::test]
async fn members_of_a_failed_group_are_decided_again_each_alone() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 5).await;
        house.fates.next(CommitPoint::BeforeCommit, Fate::Fail);
        let decided = Arc::new(AtomicU32::new(0));
        let members = runs.iter().map(|run| {
            let (keys, decided) = (keys(&tenant, *run), Arc::clone(&decided));
            let act = move |batch: &mut database::Batch<'_>| {
                decided.fetch_add(1, Ordering::SeqCst);
                journal(batch, 1)
            };
            submit(&house.database, keys, act)
        });
        // One task: all of them wait when the writer looks.
        let results = futures_join(members.collect()).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert!(decided.load(Ordering::SeqCst) > 5, "the failed ones were asked twice");
        assert_eq!(house.number("select count(*) from journal").await, 5);
    }
}

/// Polls all of them together in this task, and gives their results in order.
async fn futures_join<F: Future<Output = Result<(), Error>>>(futures: Vec<F>) -> Vec<Result<(), Error>> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<Result<(), Error>>> = vec![None; waiting.len()];
    std::future::poll_fn(|context| {
        for (future, result) in waiting.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
            {
                *result = Some(done);
            }
        }
        if results.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_failed_batch_does_not_undo_the_turns_of_its_group() {
    let house = House::on_sqlite().await;
    let (tenant, runs) = at_work(&house, 1).await;
    // The writer is held up by a turn; meanwhile another turn and a poison member wait for the same group.
    let held_up = house.database.write(&tenant.actor).await.unwrap();
    let turn = async {
        let tx = house.database.write(&tenant.actor).await?;
        tx.commit(house::event("test.happened")).await
    };
    let poison =
        submit(&house.database, keys(&tenant, runs[0]), |batch| batch.journal([(1, START, "{}".to_owned()), (1, START, "{}".to_owned())]));
    let (turn, poison, ()) = tokio::join!(turn, poison, async { drop(held_up) });
    turn.unwrap();
    assert!(matches!(poison, Err(Error::Violation { .. })), "{poison:?}");
}

#[tokio::test]
async fn a_member_of_a_tenant_that_does_not_exist_is_refused() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let mut nobodys = keys(&tenant, runs[0]);
        nobodys.tenant = house.id();
        nobodys.lease = None;
        let refused = submit(&house.database, nobodys, |batch| {
            batch.audit(system_actor(), AuditEvent::done("test.happened", "test", "id", "name"));
            Ok(())
        });
        let (refused, kept) = tokio::join!(refused, submit(&house.database, keys(&tenant, runs[0]), |batch| journal(batch, 1)));
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        kept.unwrap();
    }
}

#[tokio::test]
async fn one_end_decides_an_approval() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let asked = house.id();
        submit(&house.database, keys(&tenant, runs[0]), move |batch| batch.ask_approval(approval(asked))).await.unwrap();
        let wins = Arc::new(AtomicU32::new(0));
        let ends = [ApprovalState::Expired, ApprovalState::Cancelled, ApprovalState::Voided].map(|state| {
            let (mut keys, wins) = (keys(&tenant, runs[0]), Arc::clone(&wins));
            keys.approvals = vec![asked];
            submit(&house.database, keys, move |batch| {
                let end = ApprovalEnd { id: asked, state, by: "system".to_owned(), comment: None, at: START };
                if batch.end_approval(end)? {
                    wins.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            })
        });
        for result in futures_join(ends.into_iter().collect()).await {
            result.unwrap();
        }
        assert_eq!(wins.load(Ordering::SeqCst), 1);
        assert_eq!(house.number("select count(*) from approval where state <> 'PENDING' and ended_at is not null").await, 1);
    }
}

#[tokio::test]
async fn what_came_in_meanwhile_wakes_a_run_that_goes_to_sleep() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let run = runs[0];
        let mut tx = house.database.read(&tenant.actor).await.unwrap();
        let known: Vec<InboxId> = inbox::of_run(&mut tx, run).await.unwrap().into_iter().map(|row| row.id).collect();
        drop(tx);
        // The worker has read its inbox; a door puts another row into it before the worker goes to sleep.
        let mut tx = house.database.write(&tenant.actor).await.unwrap();
        let cancel = InboxRow { id: house.id(), run, kind: InboxKind::Cancel, payload: serde_json::json!({}), created_at: START };
        inbox::create(&mut tx, &cancel).await.unwrap();
        tx.commit(house::event("run.cancel_requested")).await.unwrap();
        submit(&house.database, keys(&tenant, run), move |batch| {
            batch.inbox_done(known.clone())?;
            batch.queue(None, true)
        })
        .await
        .unwrap();
        let woken = house.number("select coalesce(wake_at, 0) from run_queue").await;
        assert_eq!(Timestamp::from_micros(woken), START, "it must not sleep over what is in its inbox");
    }
}

#[tokio::test]
async fn nothing_of_a_group_is_announced_before_it_is_durable() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let (tenant, runs) = at_work(&house, 1).await;
        let run = runs[0];
        let mut announcements = house.database.announcements();
        house.fates.next(CommitPoint::AfterCommit, Fate::Die);
        assert!(submit(&house.database, keys(&tenant, run), |batch| journal(batch, 1)).await.is_err());
        assert!(announcements.try_recv().is_err(), "the dead tell nothing");
        let house = house.reopened().await;
        let mut announcements = house.database.announcements();
        submit(&house.database, keys(&tenant, run), |batch| journal(batch, 2)).await.unwrap();
        let told = announcements.recv().await.unwrap();
        assert_eq!((told.tenant, told.topic), (tenant.id, Topic::Run(run)));
        assert_eq!(house.number("select count(*) from journal").await, 2);
    }
}

#[tokio::test]
async fn a_death_at_any_point_leaves_all_of_a_member_or_nothing() {
    for point in CommitPoint::ALL {
        for house in [House::on_sqlite().await, House::on_postgres().await] {
            let (tenant, runs) = at_work(&house, 1).await;
            let held = house.id();
            let mut keys = keys(&tenant, runs[0]);
            keys.accounts = vec!["tenant".to_owned()];
            house.fates.next(*point, Fate::Die);
            let died = submit(&house.database, keys, move |batch| {
                journal(batch, 1)?;
                batch.open_hold(hold(held, 1, 10, &["tenant"])).map(drop)
            })
            .await;
            assert!(died.is_err());
            let house = house.reopened().await;
            let expected = i64::from(*point == CommitPoint::AfterCommit);
            assert_eq!(house.number("select count(*) from journal").await, expected, "{point:?}");
            assert_eq!(house.number("select count(*) from hold").await, expected, "{point:?}");
            assert_eq!(house.number("select count(*) from account where held = 10").await, expected, "{point:?}");
        }
    }
}
