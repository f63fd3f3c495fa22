//! The migrations, embedded, and the refusal of a database that a newer version wrote.
//!
//! To add one, put twin files with the same name into `migrations/sqlite` and `migrations/postgres` and a line here.

use sqlx::{
    Connection as _, PgConnection, SqlSafeStr as _, SqliteConnection,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use crate::{open::OpenError, statement::Engine};

macro_rules! twins {
    ($($version:literal $name:literal;)*) => {
        &[$((
            $version,
            $name,
            include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        ),)*]
    };
}

/// Version, name, and the texts for SQLite and PostgreSQL, oldest first.
const MIGRATIONS: &[(i64, &str, &str, &str)] = twins! {
    1 "0001_foundation";
    2 "0002_runs_and_credentials";
    4 "0004_decision_fields";
    5 "0005_api";
    6 "0006_identity_settings_quotas";
};

fn migrator(engine: Engine) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sqlite, postgres)| {
        let text = match engine {
            Engine::Sqlite => *sqlite,
            Engine::Postgres => *postgres,
        };
        Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The newest version this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

async fn migrate<C: Migrate>(engine: Engine, connection: &mut C) -> Result<(), OpenError> {
    migrator(engine).run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > newest() => OpenError::Newer { found, known: newest() },
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => OpenError::Altered { version },
        other => OpenError::Migration { cause: other.to_string() },
    })
}

/// The newest migration that was applied to a database that has a list of them; 0 when it is empty.
pub(crate) async fn applied<C: Migrate>(connection: &mut C) -> Result<i64, MigrateError> {
    let applied = connection.list_applied_migrations(&Migrator::DEFAULT.table_name).await?;
    Ok(applied.iter().map(|migration| migration.version).max().unwrap_or(0))
}

/// Brings a SQLite file to the newest version.
pub(crate) async fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    migrate(Engine::Sqlite, connection).await
}

/// Brings a PostgreSQL database to the newest version, as its owner.
pub(crate) async fn migrate_postgres(owner_url: &str) -> Result<(), OpenError> {
    let mut connection = PgConnection::connect(owner_url).await.map_err(|error| OpenError::Unreachable {
        what: "the PostgreSQL server, as the owner of the database".to_owned(),
        cause: error.to_string(),
    })?;
    migrate(Engine::Postgres, &mut connection).await?;
    connection.close().await.map_err(|error| OpenError::Migration { cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twins_have_the_same_names_and_all_of_them_are_embedded() {
        let names = |folder: &str| {
            let folder = format!("{}/../../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut names: Vec<String> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let embedded: Vec<String> = MIGRATIONS.iter().map(|(_, name, ..)| format!("{name}.sql")).collect();
        assert_eq!(names("sqlite"), embedded);
        assert_eq!(names("postgres"), embedded);
        for (version, name, ..) in MIGRATIONS {
            assert!(name.starts_with(&format!("{version:04}_")), "{name}");
        }
    }
}
