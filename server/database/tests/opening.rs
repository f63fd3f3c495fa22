//! What is checked before the first transaction, and copies of a database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod house;

use database::{BackupError, Database, Location, OpenError, Statement};
use house::{Fates, House, settings};
use sqlx::{Connection as _, PgConnection};

async fn refusal(house: &House, location: Location) -> OpenError {
    Database::open(location, settings(&Fates::default(), &house.clock, &house.entropy)).await.err().expect("it must be refused")
}

#[tokio::test]
async fn a_database_newer_than_the_program_is_refused() {
    for house in [House::on_sqlite().await, House::on_postgres().await] {
        house.database.close().await;
        let location = house.location.clone();
        let checksum = if matches!(location, Location::Sqlite { .. }) { "x'00'" } else { "'\\x00'" };
        house
            .superuser(&format!(
                "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9001, 'from the future', true, {checksum}, 0)"
            ))
            .await;
        drop(house.database.clone());
        let (clock, entropy) = (house.clock.clone(), house.entropy.clone());
        drop(house.database);
        let refused = Database::open(location, settings(&Fates::default(), &clock, &entropy)).await.err().unwrap();
        assert!(matches!(refused, OpenError::Newer { found: 9001, .. }), "{refused:?}");
        assert!(refused.to_string().contains("newer version of Mandate"), "{refused}");
    }
}

#[tokio::test]
async fn a_file_that_a_server_works_on_is_refused_to_another() {
    let house = House::on_sqlite().await;
    assert!(matches!(refusal(&house, house.location.clone()).await, OpenError::InUse { .. }));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_told_in_a_sentence() {
    let house = House::on_sqlite().await;
    let url = "postgres://nobody@127.0.0.1:1/none".to_owned();
    let nowhere = Location::Postgres { owner_url: url.clone(), app_url: url.clone(), system_url: url };
    assert!(matches!(refusal(&house, nowhere).await, OpenError::Unreachable { .. }));
    let nowhere = Location::Sqlite { path: "/nowhere/at/all/mandate.db".into() };
    assert!(matches!(refusal(&house, nowhere).await, OpenError::Unreachable { .. }));
}

#[tokio::test]
async fn a_login_that_may_bypass_row_level_security_is_refused() {
    let house = House::on_postgres().await;
    let Location::Postgres { owner_url, app_url, system_url } = house.location.clone() else { unreachable!() };
    let superuser = database::testing::superuser_url(&house.location);
    for location in [
        Location::Postgres { owner_url: owner_url.clone(), app_url: superuser.clone(), system_url },
        Location::Postgres { owner_url, app_url, system_url: superuser },
    ] {
        assert_eq!(refusal(&house, location).await, OpenError::UnsafeLogin { login: "postgres".to_owned() });
    }
}

#[tokio::test]
async fn the_application_sees_no_other_tenant_even_with_a_statement_that_forgot_the_tenant() {
    static FORGETFUL: Statement = Statement::tenant(
        "test.forgetful",
        "select tenant_id from workflow union all select id from tenant union all select tenant_id from audit_event where $1 = $1",
    );
    static MEDDLING: Statement =
        Statement::tenant("test.meddling", "update workflow set name = 'stolen' where tenant_id <> cast($1 as uuid)");
    let house = House::on_postgres().await;
    let (acme, globex) = (house.tenant("acme").await, house.tenant("globex").await);
    let mut tx = house.database.write(&acme.actor).await.unwrap();
    let rows = tx.query(&FORGETFUL).rows().await.unwrap();
    assert!(rows.len() >= 3);
    assert!(rows.iter().all(|row| row.uuid("tenant_id").unwrap() == acme.id.uuid()));
    assert_eq!(tx.query(&MEDDLING).execute().await.unwrap(), 0, "what is not seen is not changed");
    drop(tx);
    // Without any tenant named there is nothing to see at all, and a row of another tenant cannot be written.
    let Location::Postgres { app_url, .. } = &house.location else { unreachable!() };
    let mut bare = PgConnection::connect(app_url).await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from workflow").fetch_one(&mut bare).await.unwrap();
    assert_eq!(seen, 0);
    let written =
        sqlx::query("insert into account (tenant_id, key) values ($1, 'planted')").bind(globex.id.uuid()).execute(&mut bare).await;
    assert!(written.unwrap_err().to_string().contains("row-level security"));
}

#[tokio::test]
async fn a_copy_made_beside_a_working_server_is_a_whole_database() {
    let house = House::on_sqlite().await;
    let tenant = house.tenant("acme").await;
    let folder = database::testing::sqlite().1;
    let target = folder.path().join("copy.db");
    house.database.backup_to(&target).await.unwrap();
    assert!(matches!(house.database.backup_to(&target).await, Err(BackupError::Exists { .. })), "a backup replaces nothing");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let restored =
        Database::open(Location::Sqlite { path: target }, settings(&Fates::default(), &house.clock, &house.entropy)).await.unwrap();
    let mut tx = restored.read(&tenant.actor).await.unwrap();
    assert_eq!(database::tenants::current(&mut tx).await.unwrap().slug, "acme");
    drop(tx);
    restored.close().await;

    let missing = folder.path().join("missing.db");
    let nothing = database::backup_file(&missing, &folder.path().join("of-nothing.db")).await;
    assert!(matches!(nothing, Err(BackupError::Failed { .. })), "{nothing:?}");
    assert!(!folder.path().join("of-nothing.db").exists(), "no half copy stays");
}

#[tokio::test]
async fn a_closed_database_is_one_file() {
    let house = House::on_sqlite().await;
    house.tenant("acme").await;
    let Location::Sqlite { path } = house.location.clone() else { unreachable!() };
    house.database.close().await;
    assert!(!path.with_extension("db-wal").exists(), "the write-ahead log must be folded into the file");
}

#[tokio::test]
async fn postgresql_is_backed_up_by_its_own_tool() {
    let house = House::on_postgres().await;
    let folder = database::testing::sqlite().1;
    assert_eq!(house.database.backup_to(&folder.path().join("copy.db")).await, Err(BackupError::UsePgDump));
}

#[tokio::test]
async fn one_node_hears_what_another_one_changed() {
    let house = House::on_postgres().await;
    let tenant = house.tenant("acme").await;
    let entropy = std::sync::Arc::new(domain::entropy::SeededEntropy::new(99));
    let other = Database::open(house.location.clone(), settings(&Fates::default(), &house.clock, &entropy)).await.unwrap();
    let mut heard = other.announcements();
    let run = house.run(&tenant).await;
    let mut topics = Vec::new();
    while topics.len() < 3 {
        let told = heard.recv().await.unwrap();
        assert_eq!(told.tenant, tenant.id);
        topics.push(told.topic);
    }
    assert!(topics.contains(&database::Topic::Inbox(run)), "{topics:?}");
    other.close().await;
}
