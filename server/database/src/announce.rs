//! What became true, told to whoever listens, after the commit that made it true is durable.
//!
//! No payload travels: an announcement says where to look again, and who looks reads with the rights of their own.

use domain::{RunId, TenantId};

/// What of a tenant changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The journal or the state of one run.
    Run(RunId),
    /// The list of runs.
    Runs,
    /// A run may have become due: its inbox or its place in the queue.
    Queue,
    /// Something was put into the inbox of this run, which is due by that.
    Inbox(RunId),
    /// Who may do what, or whose sessions and memberships hold.
    Access,
    /// Approvals were asked or ended.
    Approvals,
    /// A mail waits to be sent.
    Outbox,
    /// Budgets, what is held or what was spent.
    Budgets,
    /// The audit log.
    Audit,
}

/// Where to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub topic: Topic,
}
