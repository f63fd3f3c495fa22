//! The business: what Mandate does, one module a thing, each a set of verbs.
//!
//! A verb takes an [`domain::Actor`] and typed arguments, opens one transaction, finds, authorizes, acts and
//! commits; it gives values to show and never a transaction. Every door (pages, API, mail links, commands)
//! calls the same verbs. To add a thing, add a module named like its table and its pages.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

pub mod access;
pub mod approvals;
pub mod audit;
pub mod budgets;
pub mod credentials;
pub mod denials;
pub mod error;
pub mod execution;
pub mod expected;
pub mod folders;
pub mod housekeeping;
pub mod idempotency;
pub mod identity;
pub mod invitations;
pub mod keys;
pub mod mail;
pub mod mandate;
pub mod members;
mod names;
mod needs;
pub mod providers;
pub mod readiness;
pub mod roles;
pub mod runs;
pub mod samples;
mod search;
pub mod tenants;
pub mod variables;
mod words;
pub mod workflows;

use std::{sync::Arc, time::Duration};

use database::Database;
use domain::{Clock, Entropy, Id, RequestFacts, RequestId, Secret, Timestamp, call::EgressRules, id};
use policy::PolicyCache;
use tools::egress::Egress;
use vault::{HashingPool, Keyring, Passwords};

pub use error::Error;
pub use workflow::parse::nearest;

/// What a verb gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How mail leaves.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// User name and password, if the server asks for them.
    pub login: Option<(String, Secret)>,
    /// The sender's address.
    pub from: String,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, and nothing is sent without it.
    StartTls,
    /// None: only allowed towards loopback.
    None,
}

/// Where the rehearsal services of this process listen; each is `host:port` on loopback.
#[derive(Debug, Clone)]
pub struct RehearsalAddresses {
    /// The invoice book, where expenses are booked too.
    pub invoice_book: String,
    /// The payment desk.
    pub payment_desk: String,
    /// The tracker of changes.
    pub tracker: String,
    /// The scripted model.
    pub model: String,
    /// What booking an expense takes as its key.
    pub erp_key: Secret,
    /// What the tracker takes as its key.
    pub tracker_key: Secret,
    /// What the payment desk takes as its key.
    pub payment_key: Secret,
    /// What the scripted model takes as its key.
    pub model_key: Secret,
}

/// What the operator decided about this installation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where browsers reach it, without a slash at the end; links in mails begin with it.
    pub public_url: String,
    /// How mail leaves; without it mail stays in the local mailbox.
    pub smtp: Option<Smtp>,
    /// What outgoing calls may reach beyond the public network.
    pub egress: EgressRules,
    /// The look-alike services, when this process has them.
    pub rehearsal: Option<RehearsalAddresses>,
    /// A session ends when it was not used for this long.
    pub session_idle: Duration,
    /// A session ends after this long, however much it is used.
    pub session_absolute: Duration,
    /// What a tenant may take at most.
    pub quotas: tenants::Quotas,
}

/// The platform: everything verbs need, cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Parts>);

/// What a platform is made of.
pub struct Parts {
    /// The database.
    pub database: Database,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The installation's keys.
    pub keyring: Arc<Keyring>,
    /// The one way out.
    pub egress: Arc<Egress>,
    /// What the operator decided.
    pub settings: Settings,
    /// Hashes passwords, a few at a time.
    pub hashing: HashingPool,
    /// Recorded answers of the tenants' policies.
    pub policies: PolicyCache,
}

impl Platform {
    /// A platform over a database. Nothing runs until somebody calls a verb or starts a driver over it.
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        keyring: Arc<Keyring>,
        egress: Arc<Egress>,
        settings: Settings,
    ) -> Self {
        let hashing = HashingPool::new(Passwords::new(&keyring), Arc::clone(&entropy));
        Self(Arc::new(Parts { database, clock, entropy, keyring, egress, settings, hashing, policies: PolicyCache::default() }))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A new id of any kind.
    pub fn new_id<K: id::Kind>(&self) -> Id<K> {
        Id::new(self.now(), self.0.entropy.as_ref())
    }

    /// The facts of a request that begins now, from a client at `address`.
    pub fn new_request(&self, address: Option<String>) -> RequestFacts {
        let id: RequestId = self.new_id();
        RequestFacts { id, address }
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The keys of this installation.
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// The database, for the driver and for the commands on the machine.
    pub fn database(&self) -> &Database {
        &self.0.database
    }
}
