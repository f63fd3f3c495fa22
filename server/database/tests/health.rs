//! Clocks that disagree, what waits, files that are not as they were written, and a look from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod house;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use database::{Backlog, Database, Location, OpenError, Settings, inspect};
use domain::{Clock as _, entropy::SeededEntropy, machine::SystemClock};
use house::{Fates, House, settings};

/// What two clocks of one machine may be apart while it is busy.
const BUSY: Duration = Duration::from_secs(2);

fn path(house: &House) -> PathBuf {
    let Location::Sqlite { path } = &house.location else { panic!("a file") };
    path.clone()
}

#[tokio::test]
async fn a_node_knows_how_far_its_clock_is_from_the_databases() {
    let house = House::on_postgres().await;
    let apart = house.database.clock_offset().await.unwrap().expect("PostgreSQL has a clock of its own");
    assert!(apart.apart > BUSY, "the clock of a test stands elsewhere: {apart:?}");
    let settings = Settings::new(Arc::new(SystemClock), Arc::new(SeededEntropy::new(3)));
    let right = Database::open(house.location.clone(), settings).await.unwrap();
    let apart = right.clock_offset().await.unwrap().unwrap();
    assert!(apart.apart < BUSY, "{apart:?}");
    right.close().await;
    assert_eq!(House::on_sqlite().await.database.clock_offset().await.unwrap(), None, "one machine, one clock");
}

#[tokio::test]
async fn what_waits_is_counted_over_all_tenants() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let none = Backlog { driven: 0, due: 0, later: 0, mails: 0 };
        assert_eq!(house.database.backlog().await.unwrap(), none);
        for slug in ["acme", "globex"] {
            let tenant = house.tenant(slug).await;
            house.run(&tenant).await;
        }
        assert_eq!(house.database.backlog().await.unwrap(), Backlog { due: 2, ..none });
        house.claim().await;
        assert_eq!(house.database.backlog().await.unwrap(), Backlog { driven: 2, ..none });
        let later = house.clock.now().after(Duration::from_secs(1)).micros();
        house.superuser(&format!("update run_queue set owner = null, lease_until = null, wake_at = {later}")).await;
        assert_eq!(house.database.backlog().await.unwrap(), Backlog { later: 2, ..none });
    }
}

#[tokio::test]
async fn a_file_that_nobody_closed_is_read_whole_before_it_is_used() {
    let house = House::on_sqlite().await;
    house.tenant("acme").await;
    let path = path(&house);
    let (clock, entropy) = (Arc::clone(&house.clock), Arc::clone(&house.entropy));
    house.database.close().await;
    drop(house.database);
    let whole = fs::read(&path).unwrap();
    let open = async || {
        let settings = settings(&Fates::default(), &clock, &entropy);
        let opening = async {
            loop {
                match Database::open(Location::Sqlite { path: path.clone() }, settings.clone()).await {
                    // The threads of one that was closed let go of the file a moment later.
                    Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                    other => return other,
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), opening).await.expect("whoever had the file lets go of it")
    };
    let cut_off = || fs::write(path.with_extension("db-wal"), b"a log that was cut off in its first bytes").unwrap();

    cut_off();
    let opened = open().await.expect("nothing is wrong with the file");
    opened.close().await;
    drop(opened);

    for page in [0, 10, whole.len() / 4096 - 1] {
        let mut damaged = whole.clone();
        damaged[page * 4096..][..4096].fill(0xff);
        fs::write(&path, &damaged).unwrap();
        cut_off();
        let refused = open().await.err().expect("a damaged file is not used");
        assert!(matches!(refused, OpenError::Damaged { .. }), "{page}: {refused:?}");
        assert!(refused.to_string().contains("restore a backup"), "{refused}");
        let seen = inspect(&Location::Sqlite { path: path.clone() }, clock.as_ref()).await.unwrap_err();
        assert!(matches!(seen, OpenError::Damaged { .. }), "{page}: {seen:?}");
    }
}

#[tokio::test]
async fn a_database_is_looked_at_beside_the_server_that_works_on_it() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        let seen = inspect(&house.location, house.clock.as_ref()).await.unwrap();
        assert!(seen.known > 0 && seen.migration == seen.known, "{seen:?}");
        assert_eq!(seen.clock.is_some(), matches!(house.location, Location::Postgres { .. }));
        house.tenant("acme").await;
    }
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let house = House::on_sqlite().await;
    let path = path(&house);
    house.database.close().await;
    let before = fs::read(&path).unwrap();
    inspect(&house.location, house.clock.as_ref()).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);

    let empty = path.with_file_name("empty.db");
    fs::write(&empty, b"").unwrap();
    let seen = inspect(&Location::Sqlite { path: empty.clone() }, house.clock.as_ref()).await.unwrap();
    assert_eq!(seen.migration, 0, "nothing was migrated");
    assert_eq!(fs::read(&empty).unwrap(), b"");
    let missing = Location::Sqlite { path: path.with_file_name("missing.db") };
    assert!(matches!(inspect(&missing, house.clock.as_ref()).await, Err(OpenError::Unreachable { .. })));
    assert!(!path.with_file_name("missing.db").exists());
}
