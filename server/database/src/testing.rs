//! Throw-away databases for tests: a SQLite file of one's own, or a PostgreSQL database cloned from a migrated template.
//!
//! Each test process starts one PostgreSQL cluster when the first test asks for it, in a folder under `target/`, on a
//! Unix socket and nothing else. A small shell owns it and reads from this process: when the process ends, however it
//! ends, the shell stops the cluster and removes the folder.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot have its database fails")]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqlSafeStr as _, postgres::PgConnectOptions};
use tokio::sync::{Mutex, OnceCell};

use crate::{Location, migrations};

/// The statements that make the three logins, as an operator runs them.
const ROLES: &str = include_str!("../../../deploy/postgres-roles.sql");

/// Unix sockets have paths of at most 107 bytes, of which PostgreSQL takes 14 for the name of the file.
const LONGEST_SOCKET_FOLDER: usize = 90;

/// A folder that is removed with everything in it when this goes out of scope.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mandate-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        // What a process with the same number left behind is nobody's.
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir(&path).expect("a folder for temporary files");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A SQLite file that does not exist yet, in a folder of its own. Keep the folder as long as the database.
pub fn sqlite() -> (Location, TempDir) {
    let folder = TempDir::new();
    let path = folder.path().join("mandate.db");
    (Location::Sqlite { path }, folder)
}

/// A PostgreSQL database of one's own, migrated, with the three logins.
pub async fn postgres() -> Location {
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    static CLONING: Mutex<u32> = Mutex::const_new(0);
    let cluster = cluster();
    TEMPLATE
        .get_or_init(|| async {
            execute(cluster, "postgres", ROLES.to_owned()).await;
            execute(cluster, "postgres", "create database template_mandate owner mandate_owner".to_owned()).await;
            migrations::migrate_postgres(&cluster.url("mandate_owner", "template_mandate")).await.expect("the migrations");
        })
        .await;
    // One at a time: a template cannot be cloned while somebody is connected to it.
    let mut count = CLONING.lock().await;
    *count += 1;
    let name = format!("test_{count}");
    execute(cluster, "postgres", format!("create database {name} template template_mandate owner mandate_owner")).await;
    location(cluster, &name)
}

/// A copy of a database that [`postgres`] gave, with everything in it. Nobody may be using the original.
pub async fn postgres_copy(original: &Location) -> Location {
    static COPYING: Mutex<u32> = Mutex::const_new(0);
    let Location::Postgres { owner_url, .. } = original else { panic!("only PostgreSQL has databases to copy") };
    let options: PgConnectOptions = owner_url.parse().expect("the address of the original");
    let template = options.get_database().expect("the name of the original");
    let cluster = cluster();
    let mut count = COPYING.lock().await;
    *count += 1;
    let name = format!("copy_{count}");
    // A connection that was closed a moment ago may still be there, and would be in the way.
    execute(cluster, "postgres", format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{template}'")).await;
    execute(cluster, "postgres", format!("create database {name} template {template} owner mandate_owner")).await;
    location(cluster, &name)
}

fn location(cluster: &Cluster, name: &str) -> Location {
    Location::Postgres {
        owner_url: cluster.url("mandate_owner", name),
        app_url: cluster.url("mandate_app", name),
        system_url: cluster.url("mandate_system", name),
    }
}

/// Makes a closed SQLite file look as if a later version of this program had written it.
pub async fn mark_as_newer(path: &Path) {
    let statement = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                     values (99990101000000, 'later', true, x'00', 0)";
    let mut connection = crate::open::sqlite_options(path).connect().await.expect("the file");
    sqlx::raw_sql(statement).execute(&mut connection).await.expect("the list of migrations");
    connection.close().await.expect("an orderly end");
}

/// The address of the same database for the superuser of the test cluster, to look at what the logins cannot see.
pub fn superuser_url(location: &Location) -> String {
    let Location::Postgres { owner_url, .. } = location else { panic!("only PostgreSQL has logins") };
    owner_url.replace("mandate_owner", "postgres")
}

/// Runs statements as the superuser of the test cluster in one database.
async fn execute(cluster: &Cluster, database: &str, statements: String) {
    let mut connection = PgConnection::connect(&cluster.url("postgres", database)).await.expect("the test cluster");
    let done = sqlx::raw_sql(AssertSqlSafe(statements).into_sql_str()).execute(&mut connection).await;
    done.expect("the set-up of the test cluster");
    connection.close().await.expect("an orderly end");
}

/// A running cluster; it lives as long as the process.
struct Cluster {
    folder: PathBuf,
    /// Its standard input is the thread by which the cluster hangs.
    _owner: Child,
}

impl Cluster {
    fn url(&self, login: &str, database: &str) -> String {
        format!("postgres://{login}@localhost:5432/{database}?host={}", self.folder.display())
    }
}

/// Whether the cluster makes durable what it commits.
static DURABLE: AtomicBool = AtomicBool::new(false);

/// Lets the cluster of this process make durable what it commits, as a real one does and tests need not: for benchmarks.
/// Said before the first database is asked for.
pub fn durable() {
    DURABLE.store(true, Ordering::Relaxed);
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

fn start() -> Cluster {
    let folder = cluster_folder();
    let programs = programs();
    let data = folder.join("data");
    let script = format!(
        "set -e
         '{programs}/initdb' -D '{data}' -U postgres -A trust --no-sync -E UTF8 --locale=C >'{folder}/initdb.log' 2>&1
         '{programs}/postgres' -D '{data}' -k '{folder}' -c listen_addresses= -c port=5432 -c fsync={fsync} -c synchronous_commit={fsync} \
             -c full_page_writes={fsync} -c max_connections=400 -c shared_buffers=64MB -c log_min_messages=fatal \
             >'{folder}/postgres.log' 2>&1 </dev/null &
         server=$!
         trap 'kill -INT $server 2>/dev/null; wait $server' EXIT
         tries=0
         until '{programs}/pg_isready' -q -h '{folder}' -p 5432; do
             tries=$((tries + 1)); [ $tries -lt 600 ] || exit 1; sleep 0.05
         done
         touch '{folder}/ready'
         cat >/dev/null",
        programs = programs.display(),
        data = data.display(),
        folder = folder.display(),
        fsync = if DURABLE.load(Ordering::Relaxed) { "on" } else { "off" },
    );
    // PostgreSQL refuses to run as root, and the user it runs as cannot remove the folder from the folder above it.
    let outer = if is_root() {
        "chown postgres \"$2\" && runuser -u postgres -- sh -c \"$1\"; rm -rf \"$2\""
    } else {
        "sh -c \"$1\"; rm -rf \"$2\""
    };
    let mut command = Command::new("sh");
    command.args(["-c", outer, "sh", &script]).arg(&folder);
    // A process group of its own: Ctrl-C in a terminal ends the tests first, and the cluster by that.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut owner = command.stdin(Stdio::piped()).spawn().expect("a shell for the test cluster");
    while !folder.join("ready").exists() {
        if let Ok(Some(status)) = owner.try_wait() {
            let log = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            panic!("the test cluster did not start ({status}): {} {}", log("initdb.log"), log("postgres.log"));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Cluster { folder, _owner: owner }
}

/// A new folder under `target/`, or among the temporary files where that path is too long for a socket.
fn cluster_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let target = target.canonicalize().unwrap_or_else(|_| std::env::temp_dir());
    let name = format!("pg-{}", std::process::id());
    let mut folder = target.join(&name);
    if folder.as_os_str().len() > LONGEST_SOCKET_FOLDER {
        folder = std::env::temp_dir().join(name);
    }
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).expect("a folder for the test cluster");
    folder
}

/// Where the programs of the newest PostgreSQL are, or what `MANDATE_TEST_POSTGRES_BIN` says.
fn programs() -> PathBuf {
    if let Some(said) = std::env::var_os("MANDATE_TEST_POSTGRES_BIN") {
        return said.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let newest = installed.filter(|folder| folder.join("initdb").exists()).max_by_key(|folder| {
        folder.parent().and_then(Path::file_name).and_then(|version| version.to_str()).and_then(|version| version.parse::<u32>().ok())
    });
    newest.expect("PostgreSQL under /usr/lib/postgresql, or MANDATE_TEST_POSTGRES_BIN set to the folder of its programs")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
