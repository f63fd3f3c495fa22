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
    audit_chain::{self, AuditIntent, Heads},
    batch::{self, Pending, Seat},
    crash::{Broken, CommitPoint},
    error::Error,
    executor::Arm,
    statement::Statement,
    worker::Seating,
};

/// Ends the savepoint of the last turn too.
static COMMIT: Statement = Statement::control("writer.commit", "commit");
static UNDO: Statement = Statement::control("writer.undo", "rollback to turn; release turn");
static LEND_FIRST: Statement = Statement::control("writer.lend_first", "begin immediate; savepoint turn");
static LEND: Statement = Statement::control("writer.lend", "savepoint turn");
static LEND_NEXT: Statement = Statement::control("writer.lend_next", "release turn; savepoint turn");

/// How far the transaction of a group is. Beginning and keeping are put off until something follows them: they go with
/// it in one hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has not begun.
    Closed,
    /// It has begun.
    Open,
    /// It has begun, and what came last is in a savepoint that nobody will undo.
    Kept,
}

impl Stage {
    /// The statement by which a turn begins.
    const fn lending(self) -> &'static Statement {
        match self {
            Self::Closed => &LEND_FIRST,
            Self::Open => &LEND,
            Self::Kept => &LEND_NEXT,
        }
    }

    /// What has to come before the first statement of a batch. Beside turns it has a savepoint of its own.
    const fn opening(self) -> Option<&'static str> {
        match self {
            Self::Closed => Some("begin immediate"),
            Self::Open => None,
            Self::Kept => Some("release turn; savepoint turn"),
        }
    }
}

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
    heads: Heads,
}

/// What a group gathered and owes an answer to.
struct Group {
    /// How far its transaction is. If it could not begin, whoever waits cannot be helped by waiting longer.
    stage: Stage,
    intents: Vec<AuditIntent>,
    announcements: Vec<Announcement>,
    seatings: Vec<Seating>,
    answers: Vec<oneshot::Sender<Result<(), Error>>>,
    seats: Vec<Seat>,
    /// Members whose batch failed while the rest of the group went on.
    again: Vec<Seat>,
}

impl Group {
    const fn new() -> Self {
        Self {
            stage: Stage::Closed,
            intents: Vec::new(),
            announcements: Vec::new(),
            seatings: Vec::new(),
            answers: Vec::new(),
            seats: Vec::new(),
            again: Vec::new(),
        }
    }
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
            heads: Heads::default(),
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
        let mut group = Group::new();
        let again = match self.attempt(&mut group).await {
            Ok(()) => {
                self.committing.announcer.announce(group.announcements);
                group.seatings.into_iter().for_each(Seating::tell);
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
                if group.stage == Stage::Closed {
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
        self.committing.faults.reach(CommitPoint::Begun)?;
        for _ in 0..self.limits.turns {
            let Some(grant) = self.turns.pop_front() else { break };
            if let Some(ending) = self.lend(grant, &mut group.stage).await? {
                group.intents.extend(ending.intents);
                group.announcements.extend(ending.announcements);
                group.seatings.extend(ending.seatings);
                group.answers.push(ending.answer);
            }
            self.gather();
        }
        let members = self.members.len().min(self.limits.members);
        group.seats = self.members.drain(..members).map(Seat::new).collect();
        self.batch(group).await?;
        if group.stage == Stage::Closed {
            // Whoever wanted a turn has gone away.
            return Ok(());
        }
        self.commit(group).await
    }

    /// One member, in a group of its own.
    async fn alone(&mut self, seat: Seat) -> Result<(), ()> {
        let mut group = Group { seats: vec![seat], ..Group::new() };
        let tried = async {
            self.committing.faults.reach(CommitPoint::Begun)?;
            let now = self.committing.clock.now();
            let outcome = batch::run(&mut self.arm(Stage::Closed.opening()).await?, &mut group.seats, now).await?;
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
        let beside_turns = group.stage == Stage::Kept;
        let now = self.committing.clock.now();
        let mut arm = self.arm(group.stage.opening()).await?;
        let ran = batch::run(&mut arm, &mut group.seats, now).await;
        let opened = arm.opened();
        match ran {
            Ok(outcome) => {
                if opened && group.stage == Stage::Closed {
                    group.stage = Stage::Open;
                }
                group.intents.extend(outcome.intents);
                group.announcements.extend(outcome.announcements);
            }
            Err(cause) if beside_turns && opened => {
                tracing::warn!(%cause, members = group.seats.len(), "a batch failed; its members are decided again, each alone");
                self.execute(&UNDO).await?;
                group.stage = Stage::Open;
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
        let intents = std::mem::take(&mut group.intents);
        let mut arm = open(&mut self.connection, None)?;
        audit_chain::append(&mut arm, &mut self.heads, intents, now).await?;
        self.committing.faults.reach(CommitPoint::BeforeCommit)?;
        self.execute(&COMMIT).await?;
        self.committing.faults.reach(CommitPoint::AfterCommit)
    }

    /// Lends the connection for one turn. `None` when the turn was dropped or outlived its deadline: it is undone.
    async fn lend(&mut self, grant: oneshot::Sender<Turn>, stage: &mut Stage) -> Result<Option<Ending>, Error> {
        if grant.is_closed() {
            return Ok(None);
        }
        self.execute(stage.lending()).await?;
        *stage = Stage::Kept;
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
        if ending.is_some() {
            return Ok(ending);
        }
        *stage = Stage::Open;
        // A statement that nobody waits for any more may still run: what is behind it waits no longer than a turn.
        match timeout(self.limits.turn_deadline, self.execute(&UNDO)).await {
            Ok(done) => done.map(|()| None),
            Err(_) => Err(Error::unavailable("a statement of a turn that is over does not end")),
        }
    }

    /// The connection, opened anew if it was given up, for statements that `opening` comes before.
    async fn arm(&mut self, opening: Option<&'static str>) -> Result<Arm<'_>, Error> {
        if self.connection.is_none() {
            self.reopen().await;
        }
        open(&mut self.connection, opening)
    }

    async fn execute(&mut self, statement: &'static Statement) -> Result<(), Error> {
        self.arm(None).await?.execute(statement, Vec::new()).await.map(drop)
    }

    /// Replaces the connection after a failure: what its transaction did is gone with it.
    async fn reopen(&mut self) {
        self.heads.forget();
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

fn open<'c>(connection: &'c mut Option<SqliteConnection>, opening: Option<&'static str>) -> Result<Arm<'c>, Error> {
    connection
        .as_mut()
        .map(|connection| Arm::Sqlite(connection, opening))
        .ok_or_else(|| Error::unavailable("the connection that writes is not open"))
}

/// The same connection, whose statements stop when the turn they belong to has outlived its deadline.
async fn watched(mut connection: SqliteConnection, outlived: Arc<AtomicBool>) -> Result<SqliteConnection, sqlx::Error> {
    connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !outlived.load(Ordering::Relaxed));
    Ok(connection)
}
