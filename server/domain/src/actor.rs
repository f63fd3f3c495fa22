//! Who acts, for which tenant, through which door, and with which recorded rights.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    id::{PersonId, RequestId, RunId, TenantId},
    permission::Permission,
};

/// The random id of one state of a tenant's policy. Another state has another id, never a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyVersion(pub Uuid);

/// The recorded answers of the policy for one subject: one bit a permission, true under one policy version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    bits: u64,
    version: PolicyVersion,
}

impl Grants {
    /// The answers of a tenant's enforcer. Only `policy` and the doors of `platform` call this.
    pub const fn recorded(bits: u64, version: PolicyVersion) -> Self {
        Self { bits, version }
    }

    /// Whether the permission was granted.
    pub const fn allows(self, permission: Permission) -> bool {
        self.bits & permission.bit() != 0
    }

    /// The state of the policy these answers belong to.
    pub const fn version(self) -> PolicyVersion {
        self.version
    }
}

/// The one in whose name something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Subject {
    /// A member.
    Person(PersonId),
    /// The operator of the installation, on the machine itself.
    Operator,
    /// The installation: timers, expiry, housekeeping.
    System,
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// A page of the dashboard.
    Page,
    /// The decision page behind a link in a mail.
    MailLink,
    /// A run that acts for the one who started it.
    Run(RunId),
    /// A command on the machine.
    Operator,
    /// Nobody's request: timers and housekeeping.
    System,
}

impl Door {
    /// The word that the audit log keeps.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::MailLink => "mail_link",
            Self::Run(_) => "run",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }
}

/// What is known of the request an act belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// The id that logs, pages and the audit log share.
    pub id: RequestId,
    /// The address of the client, as far as proxies may be trusted; `None` when there is no client.
    pub address: Option<String>,
}

/// Who acts. Opened transactions, and so all reading and writing, start from one.
#[derive(Clone)]
pub struct Actor {
    tenant: TenantId,
    subject: Subject,
    label: String,
    door: Door,
    grants: Grants,
    request: RequestFacts,
}

impl Actor {
    /// A signed-in member at a page. `label` is the e-mail address.
    pub fn at_page(tenant: TenantId, person: PersonId, label: String, grants: Grants, request: RequestFacts) -> Self {
        Self { tenant, subject: Subject::Person(person), label, door: Door::Page, grants, request }
    }

    /// A signed-in member who came by a link in a mail.
    pub fn by_mail_link(tenant: TenantId, person: PersonId, label: String, grants: Grants, request: RequestFacts) -> Self {
        Self { tenant, subject: Subject::Person(person), label, door: Door::MailLink, grants, request }
    }

    /// A run, acting for the member who started it and never for more than that member may now.
    pub fn of_run(tenant: TenantId, run: RunId, starter: PersonId, label: String, grants: Grants, request: RequestFacts) -> Self {
        Self { tenant, subject: Subject::Person(starter), label, door: Door::Run(run), grants, request }
    }

    /// The operator, by a command on the machine.
    pub fn operator(tenant: TenantId, grants: Grants, request: RequestFacts) -> Self {
        Self { tenant, subject: Subject::Operator, label: "operator".to_owned(), door: Door::Operator, grants, request }
    }

    /// The installation itself.
    pub fn system(tenant: TenantId, grants: Grants, request: RequestFacts) -> Self {
        Self { tenant, subject: Subject::System, label: "system".to_owned(), door: Door::System, grants, request }
    }

    /// The tenant acted for.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The one in whose name it is done.
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// The member, unless the installation or its operator acts.
    pub const fn person(&self) -> Option<PersonId> {
        match self.subject {
            Subject::Person(person) => Some(person),
            Subject::Operator | Subject::System => None,
        }
    }

    /// The name people know the subject by: an e-mail address, `operator` or `system`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The door the request came by.
    pub const fn door(&self) -> Door {
        self.door
    }

    /// The recorded rights.
    pub const fn grants(&self) -> Grants {
        self.grants
    }

    /// The request this act belongs to.
    pub const fn request(&self) -> &RequestFacts {
        &self.request
    }

    /// The same one with rights read anew, after the policy had changed.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Whether this actor holds the permission.
    pub const fn may(&self, permission: Permission) -> bool {
        self.grants.allows(permission)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} for {}", self.label, self.door.name(), self.tenant)
    }
}
