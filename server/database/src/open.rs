//! Opening a database: where it is, how it is set, and everything that is checked before the first transaction.

use std::{
    fmt,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::{Clock, Entropy};
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool, SqliteConnection, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{broadcast, mpsc};

use crate::{
    crash::Faults,
    database::{Database, Pools},
    error::Error,
    executor::Arm,
    migrations, notify,
    statement::{Engine, Statement},
    worker::Workplace,
    writer::{
        Announcer, Committer, Committing, Work,
        postgres::Batcher,
        sqlite::{Limits, Writer},
    },
};

/// Announcements that a slow listener may be behind before it is told that it missed some.
const ANNOUNCEMENTS_KEPT: usize = 4096;

/// How long a statement waits for a lock on the file, or a transaction for a connection, before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was used a shorter time ago is taken to be alive.
const RESTED: Duration = Duration::from_secs(1);

/// Pages of 4 KiB in the write-ahead log before it is folded into the file. The same pages are written again and again:
/// the longer it waits, the fewer of them are copied and the rarer is the second fsync; 32 MiB are read back in a moment.
const CHECKPOINT_PAGES: &str = "8000";

/// What the connection that writes keeps in memory of the file, in KiB: the ends of tables and indexes that all runs write
/// to are read from the file again otherwise.
const WRITER_CACHE: &str = "-32768";

/// Statements kept prepared on each connection: more than there are.
const STATEMENTS_KEPT: usize = 512;

/// Where a database is.
#[derive(Clone)]
pub enum Location {
    /// A file on this machine, made when it does not exist; its folder must.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL server, by three logins.
    Postgres {
        /// The login that owns the tables; used only to migrate.
        owner_url: String,
        /// The login that works for tenants, under row level security.
        app_url: String,
        /// The login that runs the statements across tenants.
        system_url: String,
    },
}

impl fmt::Debug for Location {
    /// Says which engine and, for a file, which file. URLs may hold passwords and are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "SQLite at {}", path.display()),
            Self::Postgres { .. } => f.write_str("PostgreSQL"),
        }
    }
}

/// How a database works.
#[derive(Clone)]
pub struct Settings {
    /// Tells the time of audit rows.
    pub clock: Arc<dyn Clock>,
    /// Gives this node its random name.
    pub entropy: Arc<dyn Entropy>,
    /// The time one transaction that changes has on SQLite, where it holds everybody else up.
    pub turn_deadline: Duration,
    /// The most transactions that share one commit on SQLite before the engine's records have their turn.
    pub turns_per_group: usize,
    /// The most records of the engine that share one commit.
    pub members_per_group: usize,
    /// Connections that read.
    pub readers: u32,
    /// Connections of the application's login to PostgreSQL.
    pub app_connections: u32,
    /// Connections of the system's login to PostgreSQL.
    pub system_connections: u32,
    /// Where tests make it fall over.
    #[cfg(feature = "crash-points")]
    pub crash_points: Option<crate::crash::CrashPoints>,
}

impl Settings {
    /// Settings for a server.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            turn_deadline: Duration::from_secs(5),
            turns_per_group: 64,
            members_per_group: 512,
            readers: 8,
            app_connections: 16,
            system_connections: 6,
            #[cfg(feature = "crash-points")]
            crash_points: None,
        }
    }

    #[cfg(feature = "crash-points")]
    fn faults(&self) -> Faults {
        Faults::new(self.crash_points.clone())
    }

    #[cfg(not(feature = "crash-points"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    fn faults(&self) -> Faults {
        Faults::default()
    }
}

/// Why a database cannot be used. Each is a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer version wrote it.
    #[error(
        "The database was written by a newer version of Mandate (it is at migration {found}, this version knows {known}). \
         Start that version again, or restore a backup that this version wrote."
    )]
    Newer {
        /// The version it is at.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// A migration is not what it was when it was applied.
    #[error("Migration {version} is not the one that this database was made with. Start the version of Mandate that made it.")]
    Altered {
        /// The migration.
        version: i64,
    },
    /// A migration failed; nothing of it was kept.
    #[error("The database could not be brought to the newest version: {cause}")]
    Migration {
        /// What the engine said.
        cause: String,
    },
    /// Another process works on the same file.
    #[error("Another process has {} open. Stop it first: only one server may work on a file.", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be reached or read.
    #[error("{what} cannot be opened: {cause}")]
    Unreachable {
        /// What.
        what: String,
        /// What the system said.
        cause: String,
    },
    /// The file is not as it was written.
    #[error(
        "{} is damaged: {found}. Stop what works on it, put it aside, and restore a backup with `mandate restore`.",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong.
        found: String,
    },
    /// A login may do more than it must.
    #[error(
        "The PostgreSQL login `{login}` is a superuser or may bypass row level security, so tenants would not be kept apart. \
         Make the logins with deploy/postgres-roles.sql."
    )]
    UnsafeLogin {
        /// The login.
        login: String,
    },
}

impl OpenError {
    pub(crate) fn unreachable(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::Unreachable { what: what.to_string(), cause: cause.to_string() }
    }

    /// Why a SQLite file cannot be used: it is damaged, or it cannot be reached.
    pub(crate) fn of_file(path: &Path, cause: &sqlx::Error) -> Self {
        let refusal = cause.as_database_error();
        // SQLITE_CORRUPT and SQLITE_NOTADB, in the lowest byte of the code.
        let code = refusal.and_then(|refusal| refusal.code()?.parse::<u32>().ok()).map(|code| code & 0xff);
        match (refusal, code) {
            (Some(refusal), Some(11 | 26)) => Self::Damaged { path: path.to_owned(), found: refusal.message().to_owned() },
            _ => Self::unreachable(path.display(), cause),
        }
    }
}

impl Database {
    /// Opens a database and brings it to the newest version. Must be called within a Tokio runtime: the task that
    /// writes begins here and ends with [`Database::close`], or when the last clone is gone.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open(location: Location, settings: Settings) -> Result<Self, OpenError> {
        match location {
            Location::Sqlite { path } => open_sqlite(path, settings).await,
            Location::Postgres { owner_url, app_url, system_url } => {
                migrations::migrate_postgres(&owner_url).await?;
                open_postgres(&app_url, &system_url, settings).await
            }
        }
    }
}

/// How each connection to a file is set. `trusted_schema` off: nothing that somebody wrote into a schema runs functions.
pub(crate) fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "off")
        .pragma("temp_store", "memory")
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(512)
        .disable_statement_logging()
}

async fn open_sqlite(path: PathBuf, settings: Settings) -> Result<Database, OpenError> {
    let lock = lock_file(&path)?;
    let unreachable = |cause: sqlx::Error| OpenError::of_file(&path, &cause);
    let was_cut_off = has_log(&path);
    let options = sqlite_options(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", WRITER_CACHE);
    let mut connection: SqliteConnection = options.connect().await.map_err(unreachable)?;
    if was_cut_off {
        demand_whole(&mut connection, &path).await?;
    }
    migrations::migrate_sqlite(&mut connection).await?;

    let readers: SqlitePool = SqlitePoolOptions::new()
        .max_connections(settings.readers)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(sqlite_options(&path).pragma("query_only", "on"))
        .await
        .map_err(unreachable)?;

    let (work, asked) = mpsc::unbounded_channel::<Work>();
    let committing = Committing {
        clock: Arc::clone(&settings.clock),
        announcer: Announcer::new(broadcast::channel(ANNOUNCEMENTS_KEPT).0, None),
        faults: settings.faults(),
        workplace: Workplace::default(),
    };
    let limits = Limits {
        turn_deadline: settings.turn_deadline,
        turns: settings.turns_per_group.max(1),
        members: settings.members_per_group.max(1),
    };
    tokio::spawn(Writer::new(options, connection, asked, limits, committing.clone()).run());
    Ok(Database::new(Pools::Sqlite { readers, path, lock }, work, Committer(committing), Vec::new()))
}

/// Whether whoever had the file last did not close it: closing folds the write-ahead log into it.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(Path::new(&log)).is_ok_and(|log| log.len() > 0)
}

static CHECK: Statement = Statement::control("open.check", "pragma quick_check(1)");

/// Refuses a file that is not as it was written. It is read whole, at about the speed of the disk: too much for every start,
/// and right after one that nobody ended, when a disk that lied about what it had written would show, and when somebody asks.
/// Indexes are not compared with their tables, which takes many times as long.
pub(crate) async fn demand_whole(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let checked = sqlx::query_scalar::<_, String>(CHECK.text(Engine::Sqlite)).fetch_one(connection).await;
    match checked.map_err(|cause| OpenError::of_file(path, &cause))? {
        found if found == "ok" => Ok(()),
        found => Err(OpenError::Damaged { path: path.to_owned(), found }),
    }
}

/// Makes the file for its owner alone, if it is not there, and claims it for this process.
fn lock_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|cause| OpenError::unreachable(path.display(), cause))?;
    // A file of its own: SQLite's locks on the database end when any handle on it is closed.
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = options.open(&lock_path).map_err(|cause| OpenError::unreachable(Path::new(&lock_path).display(), cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(cause)) => Err(OpenError::unreachable(path.display(), cause)),
    }
}

static LOGIN: Statement = Statement::control(
    "open.login",
    "select rolname::text as login, rolsuper or rolbypassrls as unsafe from pg_roles where rolname = current_user",
);

async fn open_postgres(app_url: &str, system_url: &str, settings: Settings) -> Result<Database, OpenError> {
    let app = postgres_pool(app_url, "the PostgreSQL server, as the application", settings.app_connections).await?;
    let system = postgres_pool(system_url, "the PostgreSQL server, as the system", settings.system_connections).await?;
    for pool in [&app, &system] {
        demand_safe_login(pool).await?;
    }

    let (work, asked) = mpsc::unbounded_channel::<Work>();
    let (elsewhere, outgoing) = mpsc::unbounded_channel();
    let committing = Committing {
        clock: Arc::clone(&settings.clock),
        announcer: Announcer::new(broadcast::channel(ANNOUNCEMENTS_KEPT).0, Some(elsewhere)),
        faults: settings.faults(),
        workplace: Workplace::default(),
    };
    let node = notify::Node::new(settings.entropy.as_ref());
    let listener = notify::listen(&app, node, committing.announcer.clone())
        .await
        .map_err(|cause| OpenError::unreachable("the channel between nodes", cause))?;
    let tasks = vec![listener, tokio::spawn(notify::tell(app.clone(), node, outgoing))];
    tokio::spawn(Batcher::new(app.clone(), asked, settings.members_per_group.max(1), committing.clone()).run());
    Ok(Database::new(Pools::Postgres { app, system }, work, Committer(committing), tasks))
}

pub(crate) async fn postgres_pool(url: &str, what: &str, connections: u32) -> Result<PgPool, OpenError> {
    let options: PgConnectOptions = url.parse().map_err(|cause: sqlx::Error| OpenError::unreachable(what, cause))?;
    PgPoolOptions::new()
        .max_connections(connections.max(2))
        .acquire_timeout(PATIENCE)
        // A round trip for each transaction would be too much: only what has rested is asked whether it is still there.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options.application_name("mandate").statement_cache_capacity(STATEMENTS_KEPT).disable_statement_logging())
        .await
        .map_err(|cause| OpenError::unreachable(what, cause))
}

pub(crate) async fn demand_safe_login(pool: &PgPool) -> Result<(), OpenError> {
    let asked = async {
        let mut connection = pool.acquire().await.map_err(Error::unavailable)?;
        let rows = Arm::Postgres(&mut connection).all(&LOGIN, Vec::new()).await?;
        let row = rows.first().ok_or(Error::NoRow { statement: LOGIN.name() })?;
        Ok::<_, Error>((row.text("login")?, row.bool("unsafe")?))
    };
    match asked.await {
        Ok((_, false)) => Ok(()),
        Ok((login, true)) => Err(OpenError::UnsafeLogin { login }),
        Err(cause) => Err(OpenError::unreachable("the catalogue of logins", cause)),
    }
}
