//! Reading what a claimed run is made of: its row, its plan, its journal, its inbox.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use database::{
    EngineRead,
    inbox::{self, InboxRow},
    journal,
    leases::{FIRST_FENCE, Lease},
    runs::{self, RunRow},
    workflows,
};
use domain::{InboxId, PersonId, RequestId, RunId, VersionId};
use workflow::{Event, Input, Plan, Run, evolve};

use crate::{
    host::{RunContext, StepHost},
    letter::Letter,
    task::{Shared, TaskError},
};

/// Facts read at a time.
const JOURNAL_PAGE: u32 = 1_000;

/// A plan, and who saved it.
type Known = (Arc<Plan>, Option<PersonId>);

/// Plans by version, shared between runs. A version never changes, so an entry never goes out of date.
pub(crate) struct Plans(Mutex<HashMap<VersionId, Known>>);

/// Plans kept in memory; beyond this all are forgotten and read again.
const PLANS_KEPT: usize = 1_000;

impl Plans {
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    fn known(&self, version: VersionId) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }

    fn keep(&self, version: VersionId, known: &Known) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= PLANS_KEPT {
            plans.clear();
        }
        plans.insert(version, known.clone());
    }
}

/// A run ready to be driven.
pub(crate) struct Loaded {
    pub context: Arc<RunContext>,
    pub state: Run,
    pub last_seq: i64,
    pub inbox: Vec<Message>,
}

/// An inbox row that was understood.
pub(crate) struct Message {
    pub id: InboxId,
    pub input: Input,
}

/// Reads everything of a claimed run, in one transaction.
pub(crate) async fn load<H: StepHost>(shared: &Shared<H>, claimed: &Lease) -> Result<Loaded, TaskError> {
    let mut tx = shared.database.read_for_engine(claimed.tenant).await?;
    let (row, letters) =
        runs::take_up(&mut tx, claimed.run).await?.ok_or_else(|| TaskError::Unreadable(format!("{} has no row", claimed.run)))?;
    // Nothing can have been written before the first lease.
    let (state, last_seq) = if claimed.fence == FIRST_FENCE { (Run::new(), 0) } else { fold(&mut tx, claimed.run).await? };
    let inbox = messages(letters, Some(&row));
    let (plan, author) = if let Some(known) = shared.plans.known(row.version) {
        known
    } else {
        let version = workflows::pinned_version(&mut tx, row.version)
            .await?
            .ok_or_else(|| TaskError::Unreadable(format!("the version {} is missing", row.version)))?;
        let plan = version.plan.as_deref().ok_or_else(|| TaskError::Unreadable(format!("the version {} has no plan", row.version)))?;
        let plan: Plan = serde_json::from_str(plan)
            .map_err(|error| TaskError::Unreadable(format!("the plan of {} cannot be read: {error}", row.version)))?;
        let known = (Arc::new(plan), version.facts.saved_by);
        shared.plans.keep(row.version, &known);
        known
    };
    let context = RunContext {
        tenant: claimed.tenant,
        run: claimed.run,
        number: row.facts.number,
        workflow: row.facts.workflow,
        version: row.version,
        starter: row.starter,
        starter_label: row.facts.starter_label,
        author,
        plan,
        request: RequestId::new(shared.clock.now(), shared.entropy.as_ref()),
    };
    Ok(Loaded { context: Arc::new(context), state, last_seq, inbox })
}

/// What the journal of a run folds to, and its last number.
async fn fold(tx: &mut EngineRead, run: RunId) -> Result<(Run, i64), TaskError> {
    let (mut state, mut last_seq) = (Run::new(), 0);
    loop {
        let page = journal::load(tx, run, last_seq, JOURNAL_PAGE).await?;
        let full = page.len() == JOURNAL_PAGE as usize;
        for fact in page {
            let event: Event = serde_json::from_str(&fact.event)
                .map_err(|error| TaskError::Unreadable(format!("fact {} of {run} cannot be read: {error}", fact.seq)))?;
            state = evolve(state, fact.at, &event);
            last_seq = fact.seq;
        }
        if !full {
            return Ok((state, last_seq));
        }
    }
}

/// Reads what has arrived in a run's inbox.
pub(crate) async fn inbox<H: StepHost>(shared: &Shared<H>, context: &RunContext) -> Result<Vec<Message>, TaskError> {
    let mut tx = shared.database.read_for_engine(context.tenant).await?;
    Ok(messages(inbox::of_run(&mut tx, context.run).await?, None))
}

/// Rows as inputs. One that cannot be understood is consumed and logged: it must not keep a run from ever resting. The
/// row of the run is there when the run is taken up, which is when it starts.
fn messages(letters: Vec<InboxRow>, run: Option<&RunRow>) -> Vec<Message> {
    letters
        .into_iter()
        .map(|row| {
            let input = match serde_json::from_value::<Letter>(row.payload) {
                Ok(letter) => letter.into_input(run),
                Err(error) => {
                    tracing::error!(run = %row.run, %error, "the inbox row {} of {} cannot be read: {error}", row.id, row.run);
                    Input::Continue
                }
            };
            Message { id: row.id, input }
        })
        .collect()
}
