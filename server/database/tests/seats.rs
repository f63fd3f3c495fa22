//! Runs that are leased to the driver of this process in the commit that accepts them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod house;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use database::{
    Employment, Housekeeping, Seated, Topic, Worker,
    crash::{CommitPoint, Fate},
    leases,
};
use house::{House, OWNER, START, Tenant, event};
use tokio::sync::{Semaphore, mpsc};

const LEASED: &str = "select count(*) from run_queue where owner = 'driver' and fence = 1 and lease_until is not null";
const DUE: &str = "select count(*) from run_queue where owner is null and fence = 0 and wake_at is not null";

struct Driver {
    seats: Arc<Semaphore>,
    idle: Arc<AtomicBool>,
    accepted: mpsc::UnboundedReceiver<Seated>,
    employment: Option<Employment>,
}

impl Driver {
    fn of(house: &House, seats: usize, reserve: usize) -> Self {
        let (runs, accepted) = mpsc::unbounded_channel();
        let (seats, idle) = (Arc::new(Semaphore::new(seats)), Arc::new(AtomicBool::new(true)));
        let worker = Worker {
            owner: "driver".to_owned(),
            lease: Duration::from_secs(10),
            seats: Arc::clone(&seats),
            reserve,
            idle: Arc::clone(&idle),
            runs,
        };
        let employment = Some(house.database.employ(worker));
        Self { seats, idle, accepted, employment }
    }
}

async fn furnished() -> [(House, Tenant); 2] {
    let (sqlite, postgres) = (House::on_sqlite().await, House::on_postgres().await);
    let tenants = [sqlite.tenant("acme").await, postgres.tenant("acme").await];
    let [one, other] = tenants;
    [(sqlite, one), (postgres, other)]
}

#[tokio::test]
async fn an_accepted_run_is_leased_to_the_driver_that_has_room_and_nobody_else_can_claim_it() {
    for (house, tenant) in furnished().await {
        let mut driver = Driver::of(&house, 2, 0);
        let mut announcements = house.database.announcements();
        let run = house.run(&tenant).await;
        let Seated { lease, seat } = driver.accepted.try_recv().unwrap();
        assert_eq!((lease.tenant, lease.run, lease.fence), (tenant.id, run, leases::FIRST_FENCE));
        assert_eq!(driver.seats.available_permits(), 1);
        drop(seat);
        assert_eq!(driver.seats.available_permits(), 2);
        assert_eq!(house.number(LEASED).await, 1);
        // Nobody is asked to look for what was already taken.
        while let Ok(announcement) = announcements.try_recv() {
            assert_ne!(announcement.topic, Topic::Inbox(run));
        }
        let mut tx = house.database.system().await.unwrap();
        let until = START.after(Duration::from_secs(30));
        assert_eq!(leases::claim(&mut tx, OWNER, START.after(Duration::from_secs(9)), until, 10).await.unwrap(), vec![]);
        // Its lease runs out like any other, and who claims it then has a higher fence.
        let claimed = leases::claim(&mut tx, OWNER, START.after(Duration::from_secs(10)), until, 10).await.unwrap();
        assert_eq!(claimed.iter().map(|lease| (lease.run, lease.fence)).collect::<Vec<_>>(), [(run, 2)]);
        tx.housekeep(Housekeeping::Leases).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_commit_the_driver_hears_nothing_and_has_its_seat_back() {
    for (house, tenant) in furnished().await {
        let mut driver = Driver::of(&house, 1, 0);
        let mut tx = house.database.write(&tenant.actor).await.unwrap();
        house.accept(&mut tx, &tenant, house.id()).await;
        assert_eq!(driver.seats.available_permits(), 0);
        drop(tx);
        assert_eq!(driver.seats.available_permits(), 1);

        let mut tx = house.database.write(&tenant.actor).await.unwrap();
        house.accept(&mut tx, &tenant, house.id()).await;
        house.fates.next(CommitPoint::BeforeCommit, Fate::Fail);
        tx.commit(event("run.started")).await.unwrap_err();
        assert_eq!(driver.seats.available_permits(), 1);
        assert!(driver.accepted.try_recv().is_err());
        assert_eq!(house.number("select count(*) from run_queue").await, 0);
    }
}

#[tokio::test]
async fn a_run_waits_to_be_claimed_where_no_driver_has_room_for_it() {
    for (house, tenant) in furnished().await {
        house.run(&tenant).await;
        assert_eq!(house.number(DUE).await, 1, "without a driver");

        let mut driver = Driver::of(&house, 1, 1);
        house.run(&tenant).await;
        assert_eq!(house.number(DUE).await, 2, "what is left is kept for those that wait longer");
        drop(driver.employment.take());

        let mut driver = Driver::of(&house, 1, 0);
        driver.idle.store(false, Ordering::Relaxed);
        house.run(&tenant).await;
        assert_eq!(house.number(DUE).await, 3, "others are due before it");

        driver.idle.store(true, Ordering::Relaxed);
        drop(driver.employment.take());
        house.run(&tenant).await;
        assert_eq!(house.number(DUE).await, 4, "the driver has stopped");
        assert!(driver.accepted.try_recv().is_err());
        assert_eq!(house.number(LEASED).await, 0);
    }
}
