//! Who acts, for which tenant, through which door, and with which recorded rights.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    id::{ApiKeyId, PersonId, RequestId, TenantId},
    permission::{Permission, PermissionSet},
    time::Timestamp,
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

    /// The same answers, as far as they are in a set as well.
    #[must_use]
    pub const fn within(self, set: PermissionSet) -> Self {
        Self { bits: self.bits & set.bits(), version: self.version }
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
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// A page of the dashboard.
    Page,
    /// The decision page behind a link in a mail.
    MailLink,
    /// The API, by a key or by an access token that was made from it.
    ApiKey(ApiKeyId),
}

impl Door {
    /// The word that the audit log keeps.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::MailLink => "mail_link",
            Self::ApiKey(_) => "api",
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

/// That a request must be done once, however often it is sent: what the commit of its change remembers with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The key that the client chose.
    pub key: String,
    /// SHA-256 of what was asked: another request may not come under the same key.
    pub digest: [u8; 32],
    /// Now.
    pub at: Timestamp,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

/// Who acts. Opened transactions, and so all reading and writing, start from one.
#[derive(Clone)]
pub struct Actor {
    tenant: TenantId,
    subject: Subject,
    label: String,
    door: Door,
    grants: Grants,
    /// What the door lets through, whatever the rights are.
    limit: PermissionSet,
    request: RequestFacts,
    once: Option<Arc<Once>>,
}

impl Actor {
    /// A signed-in member at a page. `label` is the e-mail address.
    pub fn at_page(tenant: TenantId, person: PersonId, label: String, grants: Grants, request: RequestFacts) -> Self {
        Self::new(tenant, Subject::Person(person), label, Door::Page, grants, request)
    }

    /// A signed-in member who came by a link in a mail.
    pub fn by_mail_link(tenant: TenantId, person: PersonId, label: String, grants: Grants, request: RequestFacts) -> Self {
        Self::new(tenant, Subject::Person(person), label, Door::MailLink, grants, request)
    }

    /// A member or a service account that shows a key of the API, never with more than `limit`.
    pub fn by_api_key(
        tenant: TenantId,
        person: PersonId,
        label: String,
        grants: Grants,
        request: RequestFacts,
        (key, limit): (ApiKeyId, PermissionSet),
    ) -> Self {
        let actor = Self::new(tenant, Subject::Person(person), label, Door::ApiKey(key), grants.within(limit), request);
        Self { limit, ..actor }
    }

    const fn new(tenant: TenantId, subject: Subject, label: String, door: Door, grants: Grants, request: RequestFacts) -> Self {
        Self { tenant, subject, label, door, grants, limit: PermissionSet::ALL, request, once: None }
    }

    /// The tenant acted for.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The one in whose name it is done.
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// The member, when it is one who acts.
    pub const fn person(&self) -> Option<PersonId> {
        match self.subject {
            Subject::Person(person) => Some(person),
        }
    }

    /// The name people know the subject by, such as an e-mail address.
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

    /// The same one with rights read anew, after the policy had changed. What its door holds back stays held back.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = grants.within(self.limit);
        self
    }

    /// The same one for a request that must be done once.
    #[must_use]
    pub fn doing_once(mut self, once: Once) -> Self {
        self.once = Some(Arc::new(once));
        self
    }

    /// The same one for what is done beside the request: it is not what the client may ask for once.
    #[must_use]
    pub fn aside(mut self) -> Self {
        self.once = None;
        self
    }

    /// That the request must be done once, where it must.
    pub fn once(&self) -> Option<&Once> {
        self.once.as_deref()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn a_key_holds_back_what_it_is_not_for_whatever_its_owner_may_later() {
        let grants = |permissions: &[Permission]| {
            let set: PermissionSet = permissions.iter().copied().collect();
            Grants::recorded(set.bits(), PolicyVersion(Uuid::nil()))
        };
        let request = RequestFacts { id: Id::from_uuid(Uuid::nil()), address: None };
        let limit = [Permission::RunRead, Permission::RunCancel].into_iter().collect();
        let (tenant, person, key) = (Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()));
        let held = grants(&[Permission::RunRead, Permission::AuditRead]);
        let actor = Actor::by_api_key(tenant, person, "a@b.example".to_owned(), held, request, (key, limit));
        assert!(actor.may(Permission::RunRead) && !actor.may(Permission::AuditRead) && !actor.may(Permission::RunCancel));
        let actor = actor.with_grants(grants(Permission::ALL));
        assert!(actor.may(Permission::RunCancel) && !actor.may(Permission::AuditRead));
    }
}
