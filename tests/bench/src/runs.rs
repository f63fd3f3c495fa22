//! Durable three-step runs a second, beside a bare group-committed journal that writes the same records.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Instant,
};

use database::{Batch, Keys, MemberRefused, RunStatus, RunUpdate, Topic, bare_journal::BareJournal, journal};
use domain::{
    Entropy as _, RunId,
    machine::{OsEntropy, SystemClock},
};
use engine::{Broken, Driver, Embedded, EmbeddedSettings, Outcome, RunContext, StepHost, Verdict};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use workflow::{Effect, Event, Input, Run, core::CallEffect, event::Charge, run::Phase};

use crate::{
    controls::Controls,
    fixture::{Engine, Fixture, THREE_STEPS},
};

/// A host whose calls do nothing; what it writes is what every host writes. Of the controls it has what it is given: the server's own
/// host has no such choice.
struct Idle {
    over: Mutex<HashSet<RunId>>,
    controls: Controls,
}

impl StepHost for Idle {
    type Go = ();
    type Evidence = ();

    fn keys(&self, run: &RunContext, before: &Run, _foreseen: &Run, effects: &[Effect], keys: &mut Keys) {
        self.controls.keys(run, before, effects, keys);
    }

    fn before(&self, batch: &mut Batch<'_>, run: &RunContext, _state: &Run, effect: &Effect) -> Result<Verdict<()>, MemberRefused> {
        let Effect::Call(call) = effect else { return Err(MemberRefused::because("only calls")) };
        let held = self.controls.allow(batch, run, call)?;
        let input = Input::Dispatched {
            step: call.step.clone(),
            attempt: call.attempt,
            dispatch: call.dispatch,
            held,
            model: None,
            credentials: Vec::new(),
        };
        Ok(Verdict::Go { input, go: () })
    }

    async fn prepare(&self, _run: &RunContext) {}

    async fn perform(&self, (): ()) -> Outcome<()> {
        Outcome { result: Ok(Value::Null), evidence: () }
    }

    fn broken(&self, _call: &CallEffect, _how: Broken) -> Outcome<()> {
        Outcome { result: Ok(Value::Null), evidence: () }
    }

    fn after(
        &self,
        batch: &mut Batch<'_>,
        _run: &RunContext,
        call: &CallEffect,
        _outcome: &Outcome<()>,
    ) -> Result<Option<Charge>, MemberRefused> {
        self.controls.settle(batch, call)
    }

    fn recorded(&self, batch: &mut Batch<'_>, run: &RunContext, state: &Run, events: &[Event], last_seq: i64) -> Result<(), MemberRefused> {
        self.controls.record(batch, run, events);
        let status = match state.phase() {
            Phase::New => RunStatus::Queued,
            Phase::Running => RunStatus::Running,
            Phase::Ended { .. } => RunStatus::Completed,
        };
        if state.is_over() {
            self.over.lock().unwrap().insert(run.run);
        }
        batch.run(RunUpdate {
            status,
            waiting_for: None,
            outputs: None,
            error: None,
            last_seq,
            started_at: state.started_at(),
            ended_at: state.ended_at(),
        })
    }
}

/// Records by append: number, moment, text.
type Appends = Vec<Vec<(i64, i64, String)>>;

type Waiting = Arc<Mutex<HashMap<RunId, oneshot::Sender<()>>>>;

/// An engine with a host of the bench's own, and who waits for its runs.
pub struct Driven {
    fixture: Arc<Fixture>,
    host: Arc<Idle>,
    waiting: Waiting,
    stop: watch::Sender<bool>,
    driver: tokio::task::JoinHandle<()>,
    listener: tokio::task::JoinHandle<()>,
}

impl Driven {
    /// Begins to drive the runs of a house.
    pub fn new(fixture: &Arc<Fixture>, controls: Controls) -> Self {
        let database = fixture.platform.database().clone();
        let host = Arc::new(Idle { over: Mutex::default(), controls });
        let driver =
            Embedded::new(database.clone(), Arc::clone(&host), Arc::new(SystemClock), Arc::new(OsEntropy), EmbeddedSettings::default());
        let (stop, stopped) = watch::channel(false);
        let driver = tokio::spawn(async move { driver.work(stopped).await });
        let waiting: Waiting = Arc::default();
        let mut announcements = database.announcements();
        let listener = tokio::spawn({
            let (waiting, host) = (Arc::clone(&waiting), Arc::clone(&host));
            async move {
                loop {
                    if let Ok(heard) = announcements.recv().await {
                        let over = |run: &RunId| host.over.lock().unwrap().contains(run);
                        if let Topic::Run(run) = heard.topic
                            && over(&run)
                            && let Some(done) = waiting.lock().unwrap().remove(&run)
                        {
                            let _gone = done.send(());
                        }
                    } else {
                        // Some were missed: whoever is over is told.
                        let over = host.over.lock().unwrap().clone();
                        waiting.lock().unwrap().extract_if(|run, _| over.contains(run)).for_each(|(_, done)| {
                            let _gone = done.send(());
                        });
                    }
                }
            }
        });
        Self { fixture: Arc::clone(fixture), host, waiting, stop, driver, listener }
    }

    /// Runs in that many lines, for so long.
    pub async fn rate(&self, concurrency: usize, seconds: f64) -> Rate {
        let (fixture, waiting, host) = (Arc::clone(&self.fixture), Arc::clone(&self.waiting), Arc::clone(&self.host));
        lines(concurrency, seconds, move || {
            let (fixture, waiting, host) = (Arc::clone(&fixture), Arc::clone(&waiting), Arc::clone(&host));
            async move { one_run(&fixture, &waiting, &host).await }
        })
        .await
    }

    /// Ends in good order.
    pub async fn end(self) {
        self.stop.send(true).unwrap();
        self.driver.await.unwrap();
        self.listener.abort();
    }
}

/// Runs in `concurrency` lines for `seconds` each way, twice in turn, and prints both rates and their ratio.
pub async fn measure(engine: Engine, concurrency: usize, seconds: f64) {
    let fixture = Arc::new(Fixture::new(engine, THREE_STEPS).await);
    let driven = Driven::new(&fixture, Controls::default());
    let appends = records_of_one_run(&fixture, &driven.waiting, &driven.host).await;
    let bare = BareJournal::open(&fixture.location).await.unwrap();
    let (mut ours, mut theirs) = (Rate::default(), Rate::default());
    for _ in 0..2 {
        ours.add(driven.rate(concurrency, seconds / 2.0).await);
        theirs.add(
            lines(concurrency, seconds / 2.0, {
                let (bare, appends) = (bare.clone(), appends.clone());
                move || bare_run(bare.clone(), appends.clone())
            })
            .await,
        );
    }
    println!(
        "{engine:?}, {concurrency} at a time: {:.0} durable 3-step runs/s, {:.0} µs of processor time each; bare journal with the same {} records in {} appends {:.0}/s, {:.0} µs; ratio {:.2}, of processor time {:.2}",
        ours.a_second(),
        ours.processor(),
        appends.iter().map(Vec::len).sum::<usize>(),
        appends.len(),
        theirs.a_second(),
        theirs.processor(),
        ours.a_second() / theirs.a_second(),
        theirs.processor() / ours.processor(),
    );
    driven.end().await;
}

/// The same records under another id.
async fn bare_run(bare: BareJournal, appends: Appends) {
    let mut id = [0_u8; 16];
    OsEntropy.fill(&mut id);
    let run = uuid::Uuid::from_bytes(id);
    for append in appends {
        bare.append(append.into_iter().map(|(seq, at, event)| (run, seq, at, event)).collect()).await.unwrap();
    }
}

async fn one_run(fixture: &Fixture, waiting: &Waiting, host: &Idle) -> RunId {
    let run = fixture.start().await;
    let (done, over) = oneshot::channel();
    waiting.lock().unwrap().insert(run, done);
    // It may have been over before anybody waited.
    if host.over.lock().unwrap().contains(&run) {
        return run;
    }
    over.await.unwrap();
    run
}

/// What one run writes into its journal, append by append: the records of one append share their moment.
async fn records_of_one_run(fixture: &Fixture, waiting: &Waiting, host: &Idle) -> Appends {
    let run = one_run(fixture, waiting, host).await;
    // Its last append may be over but not announced yet: its rows are there when the listener says so.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let mut tx = fixture.platform.database().read_for_engine(fixture.actor.tenant()).await.unwrap();
    let rows = journal::load(&mut tx, run, 0, 100).await.unwrap();
    let mut appends: Appends = Vec::new();
    for row in rows {
        let record = (row.seq, row.at.micros(), row.event);
        match appends.last_mut() {
            Some(append) if append[0].1 == record.1 => append.push(record),
            _ => appends.push(vec![record]),
        }
    }
    appends
}

/// How often something was done, in which time, and what the process worked for it.
#[derive(Clone, Copy, Default)]
pub struct Rate {
    count: f64,
    seconds: f64,
    processor_seconds: f64,
}

impl Rate {
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.processor_seconds += other.processor_seconds;
    }

    pub fn a_second(self) -> f64 {
        self.count / self.seconds
    }

    /// Microseconds of processor time for each.
    pub fn processor(self) -> f64 {
        self.processor_seconds / self.count * 1e6
    }
}

/// What this process has worked so far, in seconds: user and system time, from `/proc/self/stat` in ticks of 10 ms.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// `work`, done by that many lines, each of which begins again when it is done.
async fn lines<F: Future<Output = T> + Send + 'static, T: Send + 'static>(
    concurrency: usize,
    seconds: f64,
    work: impl Fn() -> F + Clone + Send + 'static,
) -> Rate {
    let (start, worked) = (Instant::now(), processor_seconds());
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut count = 0_u32;
                while start.elapsed().as_secs_f64() < seconds {
                    work().await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    Rate { count: f64::from(count), seconds: start.elapsed().as_secs_f64(), processor_seconds: processor_seconds() - worked }
}
