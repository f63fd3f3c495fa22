//! The measure that the writer is held to: a journal with group commit and nothing else.
//!
//! One table, one task, the same records; no leases, accounts, audit rows or runs. Only benchmarks use it.

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection, sqlite::SqliteJournalMode};
use tokio::sync::{mpsc, oneshot};

use crate::{Location, bulk::Rows, error::Error, executor::Arm, open::sqlite_options, statement::Statement};

static SQLITE_TABLE: Statement = Statement::control(
    "bare_journal.table",
    "create table if not exists bare_journal (run blob not null, seq integer not null, at integer not null, event text not null, primary key (run, seq)) strict",
);
static POSTGRES_TABLE: Statement = Statement::control(
    "bare_journal.table",
    "create table if not exists bare_journal (run uuid not null, seq bigint not null, at bigint not null, event text not null, primary key (run, seq))",
);
static SQLITE_INSERT: Statement = Statement::control(
    "bare_journal.insert",
    "insert into bare_journal (run, seq, at, event) select unhex(value->>0), value->>1, value->>2, value->>3 from jsonb_each($1)",
);
static POSTGRES_INSERT: Statement = Statement::control(
    "bare_journal.insert",
    "insert into bare_journal (run, seq, at, event)
     select (value->>0)::uuid, (value->>1)::bigint, (value->>2)::bigint, value->>3 from jsonb_array_elements($1::jsonb)",
);
static BEGIN: Statement = Statement::control("bare_journal.begin", "begin");
static COMMIT: Statement = Statement::control("bare_journal.commit", "commit");

/// One record: the run, its place, the moment, the event's text.
pub type Record = (uuid::Uuid, i64, i64, String);

struct Asked {
    records: Vec<Record>,
    done: oneshot::Sender<Result<(), Error>>,
}

/// A journal with group commit and nothing else. Cheap to clone; ends when the last clone is dropped.
#[derive(Clone)]
pub struct BareJournal(mpsc::UnboundedSender<Asked>);

enum Connection {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Connection {
    fn arm(&mut self) -> Arm<'_> {
        match self {
            Self::Sqlite(connection) => Arm::Sqlite(connection, None),
            Self::Postgres(connection) => Arm::Postgres(connection),
        }
    }

    async fn commit(&mut self, group: &[Asked]) -> Result<(), Error> {
        let insert = match self {
            Self::Sqlite(_) => &SQLITE_INSERT,
            Self::Postgres(_) => &POSTGRES_INSERT,
        };
        let mut rows = Rows::default();
        for (run, seq, at, event) in group.iter().flat_map(|asked| &asked.records) {
            rows.row().uuid(*run).int(*seq).int(*at).text(event);
        }
        let mut arm = self.arm();
        arm.execute(&BEGIN, Vec::new()).await?;
        rows.write(&mut arm, insert).await?;
        arm.execute(&COMMIT, Vec::new()).await.map(drop)
    }
}

impl BareJournal {
    /// Opens a journal of its own beside, or in, the database at `location`, with the same durability.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn open(location: &Location) -> Result<Self, Error> {
        let (mut connection, table) = match location {
            Location::Sqlite { path } => {
                let options = sqlite_options(&path.with_extension("bare")).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
                (Connection::Sqlite(Box::new(options.connect().await.map_err(Error::unavailable)?)), &SQLITE_TABLE)
            }
            Location::Postgres { owner_url, .. } => {
                (Connection::Postgres(Box::new(PgConnection::connect(owner_url).await.map_err(Error::unavailable)?)), &POSTGRES_TABLE)
            }
        };
        connection.arm().execute(table, Vec::new()).await?;
        let (sender, mut receiver) = mpsc::unbounded_channel::<Asked>();
        tokio::spawn(async move {
            while let Some(first) = receiver.recv().await {
                let mut group = vec![first];
                while let Ok(next) = receiver.try_recv() {
                    group.push(next);
                }
                let result = connection.commit(&group).await;
                for asked in group {
                    // Who no longer waits does not want the answer.
                    drop(asked.done.send(result.clone()));
                }
            }
        });
        Ok(Self(sender))
    }

    /// Appends records and answers when they are on disk.
    ///
    /// # Errors
    /// They could not be written.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), Error> {
        let (done, answered) = oneshot::channel();
        self.0.send(Asked { records, done }).map_err(Error::unavailable)?;
        answered.await.map_err(Error::unavailable)?
    }
}
