//! Copying a database while a server works on it.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use sqlx::{ConnectOptions as _, Connection as _};

use crate::{
    database::{Database, Pools},
    executor::Arm,
    open::sqlite_options,
    statement::Statement,
};

static COPY: Statement = Statement::control("backup.copy", "vacuum into $1");

/// Why there is no backup. Each is a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has its own tool.
    #[error("This installation keeps its data in PostgreSQL. Back it up with pg_dump, as the owner of the database.")]
    UsePgDump,
    /// Something is there already.
    #[error("{path} exists already. A backup never replaces a file: give another name.")]
    Exists {
        /// The file.
        path: String,
    },
    /// It could not be read or written.
    #[error("The backup to {path} failed: {cause}")]
    Failed {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
}

impl Database {
    /// Writes a copy of this database, as it is at one moment, to a new file that only its owner can read.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn backup_to(&self, target: &Path) -> Result<(), BackupError> {
        match self.pools() {
            Pools::Sqlite { path, .. } => backup_file(path, target).await,
            Pools::Postgres { .. } => Err(BackupError::UsePgDump),
        }
    }
}

/// Writes a copy of a SQLite file, as it is at one moment, to a new file that only its owner can read. A server may be
/// at work on the source.
///
/// # Errors
/// A sentence for the operator.
pub async fn backup_file(source: &Path, target: &Path) -> Result<(), BackupError> {
    let path = target.display().to_string();
    let failed = |cause: &dyn std::fmt::Display| BackupError::Failed { path: path.clone(), cause: cause.to_string() };
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.open(target).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists { path: path.clone() },
        _ => failed(&cause),
    });
    let file = created?;
    let copied = copy(source, target, &file).await;
    if copied.is_err() {
        // Half a copy must not be taken for a backup; the error that matters is the first.
        drop(std::fs::remove_file(target));
    }
    copied.map_err(|cause| failed(&cause))
}

async fn copy(source: &Path, target: &Path, file: &File) -> Result<(), String> {
    let target = target.to_str().ok_or("its name is not UTF-8")?;
    let mut connection = sqlite_options(source).create_if_missing(false).connect().await.map_err(|cause| cause.to_string())?;
    Arm::Sqlite(&mut connection, None).execute(&COPY, vec![target.into()]).await.map_err(|cause| cause.to_string())?;
    connection.close().await.map_err(|cause| cause.to_string())?;
    file.sync_all().map_err(|cause| cause.to_string())
}
