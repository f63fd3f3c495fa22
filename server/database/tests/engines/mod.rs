//! Both engines, migrated: as databases to work with, and as bare connections to look at their tables.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::Arc;

use database::{
    Database, Location, Reach, Settings, Statement,
    testing::{self, TempDir},
};
use domain::{
    Timestamp,
    entropy::SeededEntropy,
    time::{Clock, ManualClock},
};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

/// The moment at which every test begins.
pub const START: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

/// A migrated database, and what must live as long as it.
pub struct Opened {
    pub database: Database,
    pub location: Location,
    _folder: Option<TempDir>,
}

async fn open(location: Location, folder: Option<TempDir>) -> Opened {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
    let settings = Settings::new(clock, Arc::new(SeededEntropy::new(1)));
    let database = Database::open(location.clone(), settings).await.unwrap();
    Opened { database, location, _folder: folder }
}

pub async fn sqlite() -> Opened {
    let (location, folder) = testing::sqlite();
    open(location, Some(folder)).await
}

pub async fn postgres() -> Opened {
    open(testing::postgres().await, None).await
}

/// One bare connection to a migrated database for each login.
pub struct Engines {
    pub sqlite: SqliteConnection,
    /// Sees everything: for looking at the tables, never for running a statement.
    pub superuser: PgConnection,
    pub app: PgConnection,
    pub system: PgConnection,
    _folder: TempDir,
}

impl Engines {
    pub async fn migrated() -> Self {
        let (location, folder) = testing::sqlite();
        let Location::Sqlite { path } = location.clone() else { unreachable!("a SQLite file was asked for") };
        let migrated = open(location, None).await;
        migrated.database.close().await;
        let location = testing::postgres().await;
        let superuser_url = testing::superuser_url(&location);
        let Location::Postgres { app_url, system_url, .. } = location else { unreachable!("a PostgreSQL database was asked for") };
        Self {
            sqlite: SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap(),
            superuser: PgConnection::connect(&superuser_url).await.unwrap(),
            app: PgConnection::connect(&app_url).await.unwrap(),
            system: PgConnection::connect(&system_url).await.unwrap(),
            _folder: folder,
        }
    }

    /// The login that runs a statement: the engine's batch crosses tenants, and still works as the application.
    pub fn login_of(&mut self, statement: &Statement) -> &mut PgConnection {
        if statement.reach() == Reach::Tenant || statement.name().starts_with("batch.") { &mut self.app } else { &mut self.system }
    }
}
