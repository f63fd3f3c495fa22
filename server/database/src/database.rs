//! The database that everybody holds: it opens transactions, takes the engine's records, and tells what changed.

use std::{fs::File, path::PathBuf, sync::Arc};

use domain::{Actor, Clock, TenantId};
use sqlx::{PgPool, SqlitePool};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    announce::Announcement,
    batch::{Member, Submitted},
    error::Error,
    executor::{Link, Session},
    gate,
    housekeeping::Housekeeping,
    read::{EngineRead, ReadTx},
    statement::Engine,
    system_tx::{SystemRead, SystemTx},
    worker::{Employment, Worker},
    write::WriteTx,
    writer::{
        Committer, Work,
        postgres::{self, Begin},
        system,
    },
};

/// An open database. Clones are cheap and are the same database.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    pools: Pools,
    work: mpsc::UnboundedSender<Work>,
    committer: Committer,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Where connections come from.
pub(crate) enum Pools {
    Sqlite {
        readers: SqlitePool,
        path: PathBuf,
        /// Held as long as the database is open: no other process may open the file.
        #[expect(dead_code, reason = "holding it is all that is done with it")]
        lock: File,
    },
    Postgres {
        app: PgPool,
        system: PgPool,
    },
}

impl Database {
    pub(crate) fn new(pools: Pools, work: mpsc::UnboundedSender<Work>, committer: Committer, tasks: Vec<JoinHandle<()>>) -> Self {
        Self(Arc::new(Inner { pools, work, committer, tasks }))
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self.0.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres { .. } => Engine::Postgres,
        }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.0.pools
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.0.committer.0.clock.as_ref()
    }

    /// Opens a transaction that reads the actor's tenant as it is at this moment.
    ///
    /// # Errors
    /// [`Error::StalePolicy`] when the actor's rights were read under another state of the policy,
    /// [`Error::TenantClosed`], or [`Error::Unavailable`].
    pub async fn read<'a>(&self, actor: &'a Actor) -> Result<ReadTx<'a>, Error> {
        let mut session = self.reading(actor.tenant()).await?;
        gate::pass(&mut session, actor).await?;
        Ok(ReadTx::new(actor, session))
    }

    /// Opens a transaction that reads one tenant for the engine: loading runs and what their steps were allowed to use.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn read_for_engine(&self, tenant: TenantId) -> Result<EngineRead, Error> {
        self.reading(tenant).await.map(|session| EngineRead::new(tenant, session))
    }

    /// Opens a transaction that changes the actor's tenant. On SQLite it has a deadline and holds others up: whatever
    /// takes long is done before.
    ///
    /// # Errors
    /// As for [`Database::read`].
    pub async fn write<'a>(&self, actor: &'a Actor) -> Result<WriteTx<'a>, Error> {
        let mut session = match &self.0.pools {
            Pools::Sqlite { .. } => self.turn().await?,
            Pools::Postgres { app, .. } => self.changing(app, [actor.tenant()]).await?,
        };
        gate::pass(&mut session, actor).await?;
        Ok(WriteTx::new(actor, session, self.0.committer.clone()))
    }

    /// Opens a transaction that reads across tenants.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn system_read(&self) -> Result<SystemRead, Error> {
        self.0.committer.0.faults.alive()?;
        let link = match &self.0.pools {
            Pools::Sqlite { readers, .. } => Link::Reader(readers.begin().await.map_err(Error::unavailable)?),
            Pools::Postgres { system, .. } => Link::Postgres(postgres::begin(system, Begin::Read, []).await?),
        };
        Ok(SystemRead::new(Session::new(link)))
    }

    /// Opens a transaction that changes across tenants.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn system(&self) -> Result<SystemTx, Error> {
        let session = match &self.0.pools {
            Pools::Sqlite { .. } => self.turn().await?,
            Pools::Postgres { system, .. } => self.changing(system, []).await?,
        };
        Ok(SystemTx::new(session, self.0.committer.clone()))
    }

    /// Writes records of a run together with those of other runs, and gives the member back when they are durable.
    ///
    /// # Errors
    /// [`Error::LostLease`] and [`Error::Refused`] when the member wrote nothing because of what it saw;
    /// [`Error::Unavailable`] when nothing could be written; any other error when its records could not be, not even
    /// alone.
    pub async fn submit<M: Member>(&self, member: M) -> Result<M, Error> {
        let (answer, answered) = oneshot::channel();
        self.ask(Work::Member(Box::new(Submitted { member, answer })))?;
        answered.await.map_err(|_| stopped())?
    }

    /// Lets a driver take runs as they are accepted, for as long as what is given lives; another one takes its place.
    pub fn employ(&self, worker: Worker) -> Employment {
        self.0.committer.0.workplace.employ(worker)
    }

    /// What changes from now on, told after it is durable. A listener that is too far behind is told so by an error of
    /// the receiver and looks at everything again.
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        self.0.committer.0.announcer.subscribe()
    }

    /// Shows that writing works, by a small write that is made durable.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn probe(&self) -> Result<(), Error> {
        let mut tx = self.system().await?;
        let now = self.clock().now();
        tx.query(&system::PROBE).bind(now).execute().await?;
        tx.housekeep(Housekeeping::Probe).await
    }

    /// Finishes what was asked, lets go of every connection and, on SQLite, folds the write-ahead log into the file.
    /// Whoever asks later is told that the database is not available.
    pub async fn close(&self) {
        // The connection that writes is the last one on a file: only then is the log folded in.
        if let Pools::Sqlite { readers, .. } = &self.0.pools {
            readers.close().await;
        }
        let (done, finished) = oneshot::channel();
        if self.ask(Work::Stop(done)).is_ok() {
            // A task that is gone has nothing left to finish.
            drop(finished.await);
        }
        if let Pools::Postgres { app, system } = &self.0.pools {
            app.close().await;
            system.close().await;
        }
    }

    async fn reading(&self, tenant: TenantId) -> Result<Session, Error> {
        self.0.committer.0.faults.alive()?;
        let link = match &self.0.pools {
            Pools::Sqlite { readers, .. } => Link::Reader(readers.begin().await.map_err(Error::unavailable)?),
            Pools::Postgres { app, .. } => Link::Postgres(postgres::begin(app, Begin::Read, [tenant]).await?),
        };
        Ok(Session::new(link))
    }

    async fn turn(&self) -> Result<Session, Error> {
        let (grant, granted) = oneshot::channel();
        self.ask(Work::Turn(grant))?;
        granted
            .await
            .map(|turn| Session::new(Link::Turn(turn)))
            .map_err(|_| Error::unavailable("the group that this change would have joined failed"))
    }

    async fn changing(&self, pool: &PgPool, tenants: impl IntoIterator<Item = TenantId>) -> Result<Session, Error> {
        self.0.committer.0.faults.alive()?;
        postgres::begin(pool, Begin::Write, tenants).await.map(|transaction| Session::new(Link::Postgres(transaction)))
    }

    fn ask(&self, work: Work) -> Result<(), Error> {
        self.0.committer.0.faults.alive()?;
        self.0.work.send(work).map_err(|_| stopped())
    }
}

fn stopped() -> Error {
    Error::unavailable("the database is closed")
}
