//! What an outgoing call is handed: the permit to make it, its secrets, its key and its limits.
//!
//! `agents` and `tools` know no tenant table and no run; they are given a [`CallContext`] and cannot
//! be called without one. Only `platform` makes permits and holds.

use std::{fmt, time::Duration};

use crate::{
    id::{HoldId, RunId, TenantId},
    money::Money,
    secret::Secret,
};

/// Whether what answers with an HTTP status may pass by itself: 408 (Request Timeout), 425 (Too Early), 429 (Too Many Requests) and
/// every 5xx.
pub const fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// Money that was set aside for one dispatch before it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    id: HoldId,
    amount: Money,
}

impl Hold {
    /// A hold that was written in the journal's commit. Only `platform::execution` calls this.
    pub const fn opened(id: HoldId, amount: Money) -> Self {
        Self { id, amount }
    }

    /// The id of its row.
    pub const fn id(&self) -> HoldId {
        self.id
    }

    /// The most the dispatch may cost.
    pub const fn amount(&self) -> Money {
        self.amount
    }
}

/// Leave to perform one dispatch of one effect: rights, approval, limits and credentials were checked
/// and recorded in a commit that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    run: RunId,
    step: String,
    attempt: u32,
    dispatch: u32,
    hold: Option<Hold>,
}

impl Permit {
    /// Issues a permit. Only `platform::execution` calls this.
    pub const fn issue(run: RunId, step: String, attempt: u32, dispatch: u32, hold: Option<Hold>) -> Self {
        Self { run, step, attempt, dispatch, hold }
    }

    /// The run that acts.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The path of the step within its run.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// The attempt, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The dispatch of this attempt, from 1; more than 1 after a crash.
    pub const fn dispatch(&self) -> u32 {
        self.dispatch
    }

    /// The money set aside, for calls that cost money.
    pub const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }
}

/// A credential's value, and the only hosts it may be sent to.
#[derive(Clone)]
pub struct BoundSecret {
    /// The name after `cred://`.
    pub name: String,
    /// The value, swapped in at the egress.
    pub value: Secret,
    /// Exact host names (lower case), each with an optional `:port`; `*.` in front allows subdomains.
    pub hosts: Vec<String>,
}

impl fmt::Debug for BoundSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cred://{} for {:?}", self.name, self.hosts)
    }
}

/// What of the private network is open: exact `host:port` pairs that the operator listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressRules {
    /// `host:port` pairs that may be reached although they are private or use another port.
    pub allow: Vec<String>,
    /// `host:port` pairs that may never be reached: the server itself, its database, its mail server.
    pub deny: Vec<String>,
}

/// Everything a call is given besides its arguments. Dropping the future of the call stops the work.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Keeps one tenant's connections, breakers and limits apart from another's.
    pub partition: TenantId,
    /// The leave to make this call.
    pub permit: Permit,
    /// What may be reached.
    pub egress: EgressRules,
    /// The credentials this call may send.
    pub secrets: Vec<BoundSecret>,
    /// How long the call may take in all.
    pub time_limit: Duration,
    /// Sent as `Idempotency-Key`: the same for every attempt and dispatch of a step.
    pub idempotency_key: String,
}
