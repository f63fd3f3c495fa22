//! A fall at every point of every commit of a payment, within the process.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use database::{
    RunStatus,
    crash::{CommitPoint, CrashPoints, Fate},
    journal,
};
use domain::{ApprovalId, RunId};
use platform::{
    approvals::Say,
    audit::verify_export,
    runs::{Given, Waiting},
};
use serde_json::json;
use tokio::sync::Notify;
use workflow::Event;

use crate::harness::{Choices, Engine, House, PATIENCE};

/// Dies at the point with this number, counted from when it is armed.
struct Fall {
    armed: AtomicBool,
    at: usize,
    passed: AtomicUsize,
    died: Notify,
}

impl Fall {
    fn at(number: usize) -> Arc<Self> {
        Arc::new(Self { armed: AtomicBool::new(false), at: number, passed: AtomicUsize::new(0), died: Notify::new() })
    }

    fn points(self: &Arc<Self>) -> CrashPoints {
        let fall = Arc::clone(self);
        Arc::new(move |_: CommitPoint| {
            if !fall.armed.load(Ordering::SeqCst) || fall.passed.fetch_add(1, Ordering::SeqCst) != fall.at {
                return Fate::Go;
            }
            fall.died.notify_one();
            Fate::Die
        })
    }
}

/// Starts the payment of one invoice, agrees to it, and waits for its end. Whatever was done before a fall is found done.
async fn pay(house: &House, invoice: &str) -> Result<RunId, platform::Error> {
    let acme = &house.acme;
    let developer = actor(house, &acme.developer).await?;
    let serde_json::Value::Object(inputs) = json!({"invoice_id": invoice}) else { unreachable!() };
    let run = house.platform.start_run(&developer, "vendor-payment", Given::Values(inputs), Some(invoice.to_owned())).await?.run;
    let mut watch = house.platform.watch_run(&developer, run, 0).await?;
    let mut decided: Option<ApprovalId> = None;
    while let Some(shown) = watch.next().await? {
        if let Some(Waiting::Approval { approval: Some(approval), .. }) = shown.line.waiting
            && decided != Some(approval)
        {
            let approver = actor(house, &acme.approver).await?;
            let digest = house.platform.approval(&approver, approval).await?.digest;
            match house
                .platform
                .decide(
                    &approver,
                    approval,
                    &Say { approve: true, comment: String::new(), digest, fields: Given::Values(serde_json::Map::new()) },
                )
                .await
            {
                Ok(_) => decided = Some(approval),
                // It was decided before the fall, and the run has not heard of it yet.
                Err(error) if error.problem().status == 409 => decided = Some(approval),
                Err(error) => return Err(error),
            }
        }
        if shown.line.status.is_over() {
            assert_eq!(shown.line.status, RunStatus::Completed, "{shown:#?}");
        }
    }
    Ok(run)
}

async fn actor(house: &House, client: &crate::harness::Client) -> Result<domain::Actor, platform::Error> {
    let who = client.who();
    let signed_in = house.platform.session(&who.cookie).await?.expect("a session");
    house.platform.actor(&signed_in, "acme", platform::access::MemberDoor::Page, house.platform.new_request(None)).await
}

/// No step was recorded twice, and no approval was asked twice.
async fn assert_recorded_once(house: &House, run: RunId) {
    let mut tx = house.platform.database().read_for_engine(house.acme.id).await.unwrap();
    let rows = journal::load(&mut tx, run, 0, 1_000).await.unwrap();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for row in &rows {
        let key = match serde_json::from_str::<Event>(&row.event).unwrap() {
            Event::Started(_) => "started".to_owned(),
            Event::StepStarted { step, .. } => format!("{step} started"),
            Event::StepCompleted { step, .. } => format!("{step} completed"),
            Event::ApprovalAsked { step, .. } => format!("{step} asked"),
            _ => continue,
        };
        *seen.entry(key).or_default() += 1;
    }
    assert!(seen.len() > 8 && seen.values().all(|count| *count == 1), "{seen:?}");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), (1..=i64::try_from(rows.len()).unwrap()).collect::<Vec<_>>());
}

async fn assert_log_is_whole(house: &House) {
    let export = house.acme.admin.get("/t/acme/audit/export.jsonl").await.expect(200).text;
    verify_export(export.as_bytes()).unwrap();
}

/// Falls at every `stride`-th point, beginning with `first`, each time in the payment of another invoice; gives how many
/// points there were.
async fn fall_at_every_point(engine: Engine, first: usize, stride: usize) -> usize {
    let mut house = House::with_samples(engine, Choices::default()).await;
    let mut at = first;
    loop {
        let invoice = format!("INV-{}", 30_000 + at);
        let fall = Fall::at(at);
        house = House::open(house.fall().await, Choices { crash_points: Some(fall.points()), ..Choices::default() }).await;
        fall.armed.store(true, Ordering::SeqCst);
        let ended = tokio::select! {
            ended = pay(&house, &invoice) => ended.is_ok(),
            () = fall.died.notified() => false,
            () = tokio::time::sleep(PATIENCE) => panic!("point {at}: the run neither ended nor fell"),
        };
        fall.armed.store(false, Ordering::SeqCst);
        house = House::open(house.fall().await, Choices::default()).await;
        if engine == Engine::Postgres {
            // Where other nodes may live, the leases of one that fell run out by the clock.
            house.clock.advance(std::time::Duration::from_secs(11));
        }
        let run =
            tokio::time::timeout(PATIENCE, pay(&house, &invoice)).await.unwrap_or_else(|_| panic!("point {at}: it did not go on")).unwrap();
        assert_recorded_once(&house, run).await;
        let payments = house.rehearsal.payments().into_iter().filter(|payment| payment.invoice == invoice).collect::<Vec<_>>();
        assert_eq!(payments.len(), 1, "point {at}: {payments:?}");
        assert!(payments[0].requests <= 2, "point {at}: {payments:?}");
        if ended {
            assert_log_is_whole(&house).await;
            house.end().await;
            return at;
        }
        at += stride;
    }
}

#[tokio::test]
async fn a_fall_at_any_point_of_any_commit_loses_nothing_on_sqlite() {
    let points = fall_at_every_point(Engine::Sqlite, 0, 1).await;
    assert!(points >= 40, "a payment takes more commits than {points} points");
}

/// The same on the other engine: every other point in one round of payments, the rest in a second.
#[tokio::test]
async fn a_fall_at_any_point_of_any_commit_loses_nothing_on_postgres() {
    for first in 0..2 {
        let points = fall_at_every_point(Engine::Postgres, first, 2).await;
        assert!(points >= 30, "a payment takes more commits than {points} points");
    }
}
