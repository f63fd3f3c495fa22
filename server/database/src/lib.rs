//! One SQL text for two engines: an embedded SQLite file, or a PostgreSQL server.
//!
//! The only crate that names sqlx. No pool and no raw transaction leaves it: what leaves are [`ReadTx`] and
//! [`WriteTx`] of one tenant, [`SystemRead`] and [`SystemTx`] across tenants.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

pub mod announce;
pub mod api_keys;
pub mod approvals;
pub mod audit;
pub mod audit_chain;
mod backup;
#[cfg(feature = "testing")]
pub mod bare_journal;
pub mod batch;
pub mod budgets;
mod bulk;
pub mod catalogue;
pub mod crash;
pub mod credentials;
mod database;
mod error;
mod executor;
pub mod folders;
mod gate;
mod health;
pub mod housekeeping;
pub mod idempotency;
pub mod inbox;
pub mod invitations;
pub mod journal;
pub mod leases;
pub mod links;
pub mod mail;
pub mod members;
mod migrations;
mod notify;
mod open;
mod param;
pub mod people;
pub mod person_links;
pub mod providers;
pub mod quotas;
mod read;
pub mod roles;
mod row;
pub mod runs;
pub mod service_accounts;
pub mod sessions;
pub mod settings;
mod state;
mod statement;
mod system;
mod system_tx;
pub mod tenants;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
mod together;
pub mod variables;
pub mod versions;
mod words;
mod worker;
pub mod workflows;
mod write;
mod writer;

pub use announce::{Announcement, Topic};
pub use audit_chain::{AuditIntent, Chain};
pub use backup::{BackupError, backup_file};
pub use batch::{
    Account, ApprovalEnd, ApprovalFacts, ApprovalLinkRow, ApprovalRequest, Batch, Charge, CredentialFacts, CredentialUse, HoldFacts,
    HoldRequest, Keys, LeaseClaim, LeaseFacts, MailRecord, Member, MemberRefused, MembershipFacts, ModelFacts, OverLimit, PeriodAccount,
    RunUpdate, TenantFacts,
};
pub use database::Database;
pub use error::{Error, Rule};
pub use executor::Query;
pub use health::{Backlog, ClockOffset, Inspection, inspect};
pub use housekeeping::Housekeeping;
pub use open::{Location, OpenError, Settings};
pub use param::{Json, Param};
pub use read::{EngineRead, ReadTx, Reads};
pub use row::{FromRow, Row};
pub use state::{ApprovalState, HoldState, InboxKind, RunStatus};
pub use statement::{Engine, Reach, Statement};
pub use system_tx::{SystemRead, SystemReads, SystemTx};
pub use worker::{Employment, Seated, Worker};
pub use write::WriteTx;

/// What the functions of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;
