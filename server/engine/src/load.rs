//! Reading what a claimed run is made of: its row, its plan, its journal, its inbox.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use database::{Claimed, system};
use domain::{InboxId, RequestId, RunId, TenantId, VersionId};
use workflow::{Input, Plan, Run, evolve};

use crate::{
    host::{RunContext, StepHost},
    task::{Shared, TaskError},
};

/// Plans by version, shared between runs. A version never changes, so an entry never goes out of date.
pub(crate) struct Plans(Mutex<HashMap<VersionId, Arc<Plan>>>);

/// Plans kept in memory; beyond this all are forgotten and read again.
const PLANS_KEPT: usize = 1_000;

impl Plans {
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    fn known(&self, version: VersionId) -> Option<Arc<Plan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }

    fn keep(&self, version: VersionId, plan: &Arc<Plan>) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= PLANS_KEPT {
            plans.clear();
        }
        plans.insert(version, Arc::clone(plan));
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
