//! Who may do what: the roles of `policies/`, the bindings of a tenant, and Casbin that decides.
//!
//! The way of a decision: whoever opens a transaction knows the tenant's policy version and asks
//! [`PolicyCache::cached`], which is two look-ups under a read lock. On a miss, [`PolicyCache::grants`] asks
//! the tenant's enforcer once for every permission and keeps the answers. When that one is of another
//! version too, the caller reads the bindings of active members, builds a [`TenantPolicy`] from them
//! and [`PolicyCache::install`]s it. Nothing here reads a database or a clock, and nothing is ever
//! answered with a policy of another version than the one asked for.
//!
//! A new role is a line in [`role`], lines in `policies/roles.csv` and a sentence in `policies/README.md`.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod cache;
mod matrix;
pub mod role;
mod rules;
mod tenant;

pub use cache::PolicyCache;
pub use matrix::matrix;
pub use role::{Role, UnknownRole};
pub use rules::{RoleFacts, roles};
pub use tenant::{PolicySource, TenantPolicy};

/// Why there is no policy. There is never a part of one.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A line of `policies/roles.csv` that says nothing, or something impossible.
    #[error("line {line} of policies/roles.csv: {reason}")]
    Rule {
        /// The line, from 1.
        line: usize,
        /// What is wrong, as a sentence.
        reason: String,
    },
    /// The roles as a whole are impossible.
    #[error("policies/roles.csv: {0}")]
    Roles(String),
    /// Casbin could not load or decide.
    #[error("Casbin: {0}")]
    Casbin(#[from] Box<casbin::Error>),
    /// The enforcer does not hold exactly the rows it was given.
    #[error("the enforcer holds {found} {kind} where {expected} were given")]
    Incomplete {
        /// The kind of rows.
        kind: &'static str,
        /// How many were given.
        expected: usize,
        /// How many it holds, or how many of the given ones.
        found: usize,
    },
    /// The enforcer decides differently from what the rules say.
    #[error("the enforcer answers {answer} for {subject} and {permission}")]
    WrongDecision {
        /// The subject asked for.
        subject: String,
        /// The permission asked for.
        permission: domain::Permission,
        /// What it answered.
        answer: bool,
    },
}
