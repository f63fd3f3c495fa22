//! The e-mail addresses of a tenant's active members, for deciding inside the writer whom to ask.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use database::roles;
use domain::{PersonId, PolicyVersion, TenantId};
use policy::Role;

use crate::{Platform, Result};

/// The active members of a tenant who hold a role, as they were under one state of its policy.
#[derive(Debug, Default)]
pub(crate) struct Directory(BTreeMap<PersonId, String>);

impl Directory {
    /// Reads the members as they are now.
    pub async fn read(platform: &Platform, tenant: TenantId) -> Result<Self> {
        let mut tx = platform.database().read_for_engine(tenant).await?;
        let mut people = BTreeMap::new();
        for role in Role::ALL {
            for holder in roles::holders(&mut tx, role.name()).await? {
                people.insert(holder.person, holder.email);
            }
        }
        Ok(Self(people))
    }

    /// Everybody.
    pub fn people(&self) -> impl Iterator<Item = (PersonId, &str)> {
        self.0.iter().map(|(person, email)| (*person, email.as_str()))
    }

    /// The address of one.
    pub fn email(&self, person: PersonId) -> Option<&str> {
        self.0.get(&person).map(String::as_str)
    }
}

/// Directories by tenant, each of one state of its policy.
#[derive(Default)]
pub(super) struct Directories(Mutex<HashMap<TenantId, (PolicyVersion, Arc<Directory>)>>);

impl Directories {
    /// The directory under exactly this state of the policy, if it was read.
    pub fn of(&self, tenant: TenantId, version: PolicyVersion) -> Option<Arc<Directory>> {
        let directories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        directories.get(&tenant).filter(|(of, _)| *of == version).map(|(_, directory)| Arc::clone(directory))
    }

    /// Keeps what was read after this state of the policy was seen.
    pub fn keep(&self, tenant: TenantId, version: PolicyVersion, directory: Directory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, (version, Arc::new(directory)));
    }
}
