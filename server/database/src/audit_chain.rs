//! Which chain an audit event belongs to, and how its row gets there.

use domain::{
    TenantId,
    audit::{AuditActor, AuditEvent},
};

/// A chain of audit rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chain {
    /// That of a tenant.
    Tenant(TenantId),
    /// That of the installation.
    Installation,
}

/// An event on its way to a chain. Its place and time are given by the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditIntent {
    /// Where it goes.
    pub chain: Chain,
    /// Who did it.
    pub actor: AuditActor,
    /// What was done.
    pub event: AuditEvent,
}
