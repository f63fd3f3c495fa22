//! The task that owns the only connection that writes to a SQLite file.
//!
//! Whatever waits when the last commit ended goes into the next group: its turns one after another, then the batch of
//! all members, then the audit rows, then the commit. No timer. If a group fails, the connection is opened anew, its
//! turns answer that nothing was done, and its members are decided again, each alone: a poison record stops only itself.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Committing, Work, announce_audit,
    turn::{Ending, Slot, Turn},
};
use crate::{
    announce::Announcement,
    audit_chain::{self, AuditIntent},
    batch::{self, Pending, Seat},
    crash::{Broken, CommitPoint},
    error::Error,
    executor::Arm,
    statement::Statement,
};

static BEGIN: Statement = Statement::control("writer.begin", "begin immediate");
static COMMIT: Statement = Statement::control("writer.commit", "commit");
static LEND: Statement = Statement::control("writer.lend", "savepoint turn");
static KEEP: Statement = Statement::control("writer.keep", "release turn");
static UNDO: Statement = Statement::control("writer.undo", "rollback to turn; release turn");

/// SQLite steps between two looks at the clock of a turn that outlived its deadline: well under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// How much goes into one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The time a turn has.
    pub(crate) turn_deadline: Duration,
    /// The most turns of a group: the engine waits no longer than these.
    pub(crate) turns: usize,
    /// The most members of a batch.
    pub(crate) members: usize,
}

/// The task and everything it owns.
pub(crate) struct Writer {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    slot: Arc<Slot>,
    outlived: Arc<AtomicBool>,
    work: mpsc::UnboundedReceiver<Work>,
    turns: VecDeque<oneshot::Sender<Turn>>,
    members: VecDeque<Box<dyn Pending>>,
    stop: Option<oneshot::Sender<()>>,
    limits: Limits,
    committing: Committing,
}

/// What a group gathered and owes an answer to.
#[derive(Default)]
struct Group {
    /// Whether its transaction has begun; if not, whoever waits cannot be helped by waiting longer.
    begun: bool,
    intents: Vec<AuditIntent>,
    announcements: Vec<Announcement>,
    answers: Vec<oneshot::Sender<Result<(), Error>>>,
    seats: Vec<Seat>,
    /// Members whose batch failed while the rest of the group went on.
    again: Vec<Seat>,
}

impl Writer {
    pub(crate) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        work: mpsc::UnboundedReceiver<Work>,
        limits: Limits,
        committing: Committing,
    ) -> Self {
        Self {
            options,
            connection: Some(connection),
            slot: Arc::default(),
            outlived: Arc::default(),
            work,
            turns: VecDeque::new(),
            members: VecDeque::new(),
            stop: None,
            limits,
            committing,
        }
    }

    /// Works until nobody can ask any more, or until it is told to stop.
    pub(crate) async fn run(mut self) {
        if let Some(connection) = self.connection.take() {
            self.connection = watched(connection, Arc::clone(&self.outlived)).await.ok();
        }
        loop {
            self.gather();
            if self.turns.is_empty() && self.members.is_empty() {
                if self.stop.is_some() {
                    break;
                }
                match self.work.recv().await {
                    Some(work) => self.sort(work),
                    None => break,
                }
                continue;
            }
            if self.group().await.is_err() {
                // A crash point: drop everything as it is, and answer nobody.
                return;
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the connection that writes did not close in order");
        }
        if let Some(stopped) = self.stop.take() {
            let _ = stopped.send(());
        }
    }

    fn gather(&mut self) {
        while let Ok(work) = self.work.try_recv() {
            self.sort(work);
        }
    }

    fn sort(&mut self, work: Work) {
        match work {
            Work::Turn(grant) => self.turns.push_back(grant),
            Work::Member(member) => self.members.push_back(member),
            Work::Stop(stopped) => self.stop = Some(stopped),
        }
    }

    /// One group, with the members that must be tried alone after it. An error only at a crash point that kills.
    async fn group(&mut self) -> Result<(), ()> {
        let mut group = Group::default();
        let again = match self.attempt(&mut group).await {
            Ok(()) => {
                self.committing.announcer.announce(group.announcements);
                for answer in group.answers {
                    drop(answer.send(Ok(())));
                }
                for Seat { member, result, .. } in group.seats {
                    member.answer(result);
                }
                group.again
            }
            Err(Broken::Dead) => return Err(()),
            Err(Broken::Failed(cause)) => {
                tracing::warn!(%cause, turns = group.answers.len(), members = group.seats.len(), "a group of changes failed and was undone");
                self.reopen().await;
                for answer in group.answers {
                    drop(answer.send(Err(Error::unavailable(&cause))));
                }
                if !group.begun {
                    self.turns.clear();
                    for member in self.members.drain(..) {
                        member.answer(Err(cause.clone()));
                    }
                }
                let mut again = group.again;
                again.extend(group.seats);
                again
            }
        };
        for seat in again {
            self.alone(Seat::new(seat.member)).await?;
        }
        Ok(())
    }

    async fn attempt(&mut self, group: &mut Group) -> Result<(), Broken> {
        self.execute(&BEGIN).await?;
        self.committing.faults.reach(CommitPoint::Begun)?;
        group.begun = true;
        for _ in 0..self.limits.turns {
            let Some(grant) = self.turns.pop_front() else { break };
            if let Some(ending) = self.lend(grant).await? {
                group.intents.extend(ending.intents);
                group.announcements.extend(ending.announcements);
                group.answers.push(ending.answer);
            }
            self.gather();
        }
        let members = self.members.len().min(self.limits.members);
        group.seats = self.members.drain(..members).map(Seat::new).collect();
        self.batch(group).await?;
        self.commit(group).await
    }

    /// One member, in a group of its own.
    async fn alone(&mut self, seat: Seat) -> Result<(), ()> {
        let mut group = Group { seats: vec![seat], ..Group::default() };
        let tried = async {
            self.execute(&BEGIN).await?;
            self.committing.faults.reach(CommitPoint::Begun)?;
            let now = self.committing.clock.now();
            let outcome = batch::run(&mut self.arm()?, &mut group.seats, now).await?;
            group.intents = outcome.intents;
            group.announcements = outcome.announcements;
            self.commit(&mut group).await
        }
        .await;
        let failed = match tried {
            Ok(()) => {
                self.committing.announcer.announce(group.announcements);
                None
            }
            Err(Broken::Dead) => return Err(()),
            Err(Broken::Failed(cause)) => {
                tracing::warn!(%cause, "records of a run could not be written, not even alone");
                self.reopen().await;
                Some(cause)
            }
        };
        for Seat { member, result, .. } in group.seats {
            member.answer(failed.clone().map_or(result, Err));
        }
        Ok(())
    }

    /// The batch of all members. Beside turns it has a savepoint: when it fails, they go on without it.
    async fn batch(&mut self, group: &mut Group) -> Result<(), Broken> {
        if group.seats.is_empty() {
            return Ok(());
        }
        let beside_turns = !group.answers.is_empty();
        if beside_turns {
            self.execute(&LEND).await?;
        }
        let now = self.committing.clock.now();
        match batch::run(&mut self.arm()?, &mut group.seats, now).await {
            Ok(outcome) => {
                if beside_turns {
                    self.execute(&KEEP).await?;
                }
                group.intents.extend(outcome.intents);
                group.announcements.extend(outcome.announcements);
            }
            Err(cause) if beside_turns => {
                tracing::warn!(%cause, members = group.seats.len(), "a batch failed; its members are decided again, each alone");
                self.execute(&UNDO).await?;
                group.again = std::mem::take(&mut group.seats);
            }
            Err(cause) => return Err(Broken::Failed(cause)),
        }
        Ok(())
    }

    async fn commit(&mut self, group: &mut Group) -> Result<(), Broken> {
        self.committing.faults.reach(CommitPoint::Changed)?;
        announce_audit(&mut group.announcements, &group.intents);
        let now = self.committing.clock.now();
        audit_chain::append(&mut self.arm()?, std::mem::take(&mut group.intents), now).await?;
        self.committing.faults.reach(CommitPoint::BeforeCommit)?;
        self.execute(&COMMIT).await?;
        self.committing.faults.reach(CommitPoint::AfterCommit)
    }

    /// Lends the connection for one turn. `None` when the turn was dropped or outlived its deadline: it is undone.
    async fn lend(&mut self, grant: oneshot::Sender<Turn>) -> Result<Option<Ending>, Error> {
        if grant.is_closed() {
            return Ok(None);
        }
        self.execute(&LEND).await?;
        *self.slot.lock().await = self.connection.take();
        let (done, mut ended) = oneshot::channel();
        // If nobody takes it, the turn is dropped here and ends like any other that is dropped.
        drop(grant.send(Turn::new(Arc::clone(&self.slot), done)));
        let in_time = timeout(self.limits.turn_deadline, &mut ended).await;
        if in_time.is_err() {
            ended.close();
            self.outlived.store(true, Ordering::Relaxed);
            tracing::warn!(deadline = ?self.limits.turn_deadline, "a turn outlived its deadline and is undone");
        }
        let ending = in_time.ok().and_then(Result::ok);
        let Ok(mut slot) = timeout(self.limits.turn_deadline, self.slot.lock()).await else {
            // Somebody holds on to the connection without working: it is theirs, but no statement runs on it any more, and
            // the writer takes another one.
            self.slot = Arc::default();
            self.outlived = Arc::default();
            return Err(Error::unavailable("a turn did not give the connection back"));
        };
        self.connection = slot.take();
        drop(slot);
        self.outlived.store(false, Ordering::Relaxed);
        // A statement that nobody waits for any more may still run: what is behind it waits no longer than a turn.
        match timeout(self.limits.turn_deadline, self.execute(if ending.is_some() { &KEEP } else { &UNDO })).await {
            Ok(done) => done.map(|()| ending),
            Err(_) => Err(Error::unavailable("a statement of a turn that is over does not end")),
        }
    }

    fn arm(&mut self) -> Result<Arm<'_>, Error> {
        self.connection.as_mut().map(Arm::Sqlite).ok_or_else(|| Error::unavailable("the connection that writes is not open"))
    }

    async fn execute(&mut self, statement: &'static Statement) -> Result<(), Error> {
        if self.connection.is_none() {
            self.reopen().await;
        }
        self.arm()?.execute(statement, Vec::new()).await.map(drop)
    }

    /// Replaces the connection after a failure: what its transaction did is gone with it.
    async fn reopen(&mut self) {
        if let Some(old) = self.connection.take() {
            // Waiting for the end of the old one lets go of its lock before the new one wants it. What still runs on it
            // is stopped.
            self.outlived.store(true, Ordering::Relaxed);
            if let Err(error) = old.close().await {
                tracing::warn!(%error, "the connection that failed did not close in order");
            }
        }
        self.outlived.store(false, Ordering::Relaxed);
        let opened = match self.options.connect().await {
            Ok(connection) => watched(connection, Arc::clone(&self.outlived)).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => tracing::error!(%error, "the connection that writes cannot be opened"),
        }
    }
}

/// The same connection, whose statements stop when the turn they belong to has outlived its deadline.
async fn watched(mut connection: SqliteConnection, outlived: Arc<AtomicBool>) -> Result<SqliteConnection, sqlx::Error> {
    connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !outlived.load(Ordering::Relaxed));
    Ok(connection)
}
