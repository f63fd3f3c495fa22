//! The reasons to write without an audit event, and the tables each of them may touch.
//!
//! A change that a person would ask about later is no housekeeping. To add a reason, add a line here: the
//! diff of this file is the discussion.

use crate::{
    error::Error,
    statement::{Engine, Statement},
};

/// Why something is written that the audit log does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Housekeeping {
    /// Leases of runs are claimed, renewed, released and woken.
    Leases,
    /// Counters of throttled requests.
    Throttle,
    /// When a session was last seen, and sessions that expired.
    Sessions,
    /// When a key of the API was last used.
    ApiKeys,
    /// Answers to requests that are done once, and such requests whose time is over.
    Idempotency,
    /// One-time links of persons that nobody can use any more.
    Links,
    /// Mails that were sent, or are tried again later.
    Outbox,
    /// A denial that was recorded within the same minute is counted.
    Denials,
    /// The small write that shows that writing works.
    Probe,
}

impl Housekeeping {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::Leases,
        Self::Throttle,
        Self::Sessions,
        Self::ApiKeys,
        Self::Idempotency,
        Self::Links,
        Self::Outbox,
        Self::Denials,
        Self::Probe,
    ];

    /// The tables that may be written for this reason.
    pub const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Leases => &["run_queue"],
            Self::Throttle | Self::Probe => &["throttle"],
            Self::Sessions => &["session"],
            Self::ApiKeys => &["api_key"],
            Self::Idempotency => &["idempotency"],
            Self::Links => &["person_link"],
            Self::Outbox => &["mail"],
            Self::Denials => &["denial_count"],
        }
    }

    /// Refuses when one of the statements wrote to a table outside the list.
    pub(crate) fn allows(self, asked: &[&'static Statement], engine: Engine) -> Result<(), Error> {
        for statement in asked {
            if statement.writes(engine).iter().any(|table| !self.tables().contains(table)) {
                return Err(Error::Misuse {
                    statement: statement.name(),
                    reason: "it writes to a table that this housekeeping may not touch: commit it with an audit event",
                });
            }
        }
        Ok(())
    }
}
