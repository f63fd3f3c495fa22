//! The recorded answers, kept under (tenant, policy version, person). A policy of another version is
//! a miss and never an answer, so nothing has to be told that a policy changed.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use domain::{Grants, PersonId, PolicyVersion, TenantId};

use crate::{PolicyError, tenant::TenantPolicy};

/// How many tenants are kept, unless another number is given.
const TENANTS: usize = 1024;

/// The policies of the tenants that were asked for last, and what they answered.
pub struct PolicyCache {
    capacity: usize,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    tenants: HashMap<TenantId, Entry>,
    /// The tenants in the order in which their policies were installed, the oldest first.
    installed: VecDeque<TenantId>,
}

struct Entry {
    policy: Arc<TenantPolicy>,
    /// The answers for members, and for nobody else: there are never more than the policy has members.
    recorded: HashMap<PersonId, Grants>,
}

impl Default for PolicyCache {
    fn default() -> Self {
        Self::new(TENANTS)
    }
}

impl PolicyCache {
    /// A cache for at most this many tenants, at least one.
    pub fn new(tenants: usize) -> Self {
        Self { capacity: tenants.max(1), state: RwLock::default() }
    }

    /// What was recorded for the person under exactly this version. Never waits for anything longer
    /// than the writing of a map entry.
    pub fn cached(&self, tenant: TenantId, person: PersonId, version: PolicyVersion) -> Option<Grants> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let entry = state.tenants.get(&tenant)?;
        if entry.policy.version() != version {
            return None;
        }
        entry.recorded.get(&person).copied()
    }

    /// What the person may under exactly this version: recorded, or asked now and recorded. `None`
    /// when that version is not installed; the caller then builds and installs it.
    ///
    /// # Errors
    /// When Casbin cannot decide.
    pub fn grants(&self, tenant: TenantId, person: PersonId, version: PolicyVersion) -> Result<Option<Grants>, PolicyError> {
        if let Some(grants) = self.cached(tenant, person, version) {
            return Ok(Some(grants));
        }
        let Some(policy) = self.policy(tenant, version) else {
            return Ok(None);
        };
        // Asked outside the lock: it takes a while, and two who ask at once get the same answer.
        let grants = policy.grants(person)?;
        if !policy.roles_of(person).is_empty() {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            // Recorded with the policy that answered, which may have been replaced meanwhile.
            if let Some(entry) = state.tenants.get_mut(&tenant).filter(|entry| Arc::ptr_eq(&entry.policy, &policy)) {
                entry.recorded.insert(person, grants);
            }
        }
        Ok(Some(grants))
    }

    /// The installed policy of the tenant, if it is of exactly this version.
    pub fn policy(&self, tenant: TenantId, version: PolicyVersion) -> Option<Arc<TenantPolicy>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.tenants.get(&tenant).map(|entry| &entry.policy).filter(|policy| policy.version() == version).cloned()
    }

    /// Puts a policy in the place of the one before, whole, with nothing recorded. Beyond the
    /// capacity the one that was installed longest ago is dropped. Two that were built at the same
    /// time may arrive in any order: the one that nobody asks for is only in the way until the other
    /// is built again.
    pub fn install(&self, policy: TenantPolicy) -> Arc<TenantPolicy> {
        let (tenant, policy) = (policy.tenant(), Arc::new(policy));
        let entry = Entry { policy: Arc::clone(&policy), recorded: HashMap::new() };
        let mut dropped = Vec::new();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = state.tenants.insert(tenant, entry) {
            dropped.push(before);
            state.installed.retain(|other| *other != tenant);
        }
        state.installed.push_back(tenant);
        while state.installed.len() > self.capacity {
            let oldest = state.installed.pop_front();
            dropped.extend(oldest.and_then(|oldest| state.tenants.remove(&oldest)));
        }
        // Taking enforcers apart takes longer than the lock should be held.
        drop(state);
        drop(dropped);
        policy
    }
}

impl fmt::Debug for PolicyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyCache({} of {} tenants)", self.state.read().unwrap_or_else(PoisonError::into_inner).tenants.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use domain::Permission;
    use uuid::Uuid;

    use super::*;
    use crate::{role::Role, tenant::PolicySource};

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    fn version(number: u128) -> PolicyVersion {
        PolicyVersion(Uuid::from_u128(number))
    }

    fn person(number: u128) -> PersonId {
        PersonId::from_uuid(Uuid::from_u128(number))
    }

    async fn policy(of: u128, at: u128, bindings: &[(u128, Role)]) -> TenantPolicy {
        let bindings = bindings.iter().map(|(number, role)| (person(*number), *role)).collect();
        TenantPolicy::build(PolicySource { tenant: tenant(of), version: version(at), bindings }).await.unwrap()
    }

    #[tokio::test]
    async fn answers_are_recorded_when_first_asked_for() {
        let cache = PolicyCache::default();
        assert_eq!(cache.grants(tenant(1), person(1), version(1)).unwrap(), None);
        cache.install(policy(1, 1, &[(1, Role::Viewer)]).await);
        assert_eq!(cache.cached(tenant(1), person(1), version(1)), None);
        let grants = cache.grants(tenant(1), person(1), version(1)).unwrap().unwrap();
        assert!(grants.allows(Permission::RunRead) && !grants.allows(Permission::RunCancel));
        assert_eq!(cache.cached(tenant(1), person(1), version(1)), Some(grants));
    }

    #[tokio::test]
    async fn another_version_is_a_miss_and_a_revoked_role_is_gone() {
        let cache = PolicyCache::default();
        cache.install(policy(1, 1, &[(1, Role::Admin)]).await);
        assert!(cache.grants(tenant(1), person(1), version(1)).unwrap().is_some());
        assert_eq!(cache.cached(tenant(1), person(1), version(2)), None);
        assert_eq!(cache.grants(tenant(1), person(1), version(2)).unwrap(), None);
        cache.install(policy(1, 2, &[]).await);
        assert_eq!(cache.cached(tenant(1), person(1), version(1)), None);
        assert_eq!(cache.grants(tenant(1), person(1), version(1)).unwrap(), None);
        let grants = cache.grants(tenant(1), person(1), version(2)).unwrap().unwrap();
        assert!(Permission::ALL.iter().all(|permission| !grants.allows(*permission)));
    }

    #[tokio::test]
    async fn one_tenants_roles_count_in_no_other() {
        let cache = PolicyCache::default();
        cache.install(policy(1, 1, &[(1, Role::Admin)]).await);
        cache.install(policy(2, 1, &[(2, Role::Admin)]).await);
        let grants = cache.grants(tenant(2), person(1), version(1)).unwrap().unwrap();
        assert!(!grants.allows(Permission::RunRead));
    }

    #[tokio::test]
    async fn strangers_are_not_kept() {
        let cache = PolicyCache::default();
        cache.install(policy(1, 1, &[(1, Role::Viewer)]).await);
        for number in 2..5 {
            assert!(cache.grants(tenant(1), person(number), version(1)).unwrap().is_some());
            assert_eq!(cache.cached(tenant(1), person(number), version(1)), None);
        }
    }

    #[tokio::test]
    async fn the_oldest_tenant_makes_room() {
        let cache = PolicyCache::new(2);
        cache.install(policy(1, 1, &[]).await);
        cache.install(policy(2, 1, &[]).await);
        cache.install(policy(1, 2, &[]).await);
        cache.install(policy(3, 1, &[]).await);
        assert!(cache.policy(tenant(2), version(1)).is_none());
        assert!(cache.policy(tenant(1), version(2)).is_some() && cache.policy(tenant(3), version(1)).is_some());
        assert_eq!(format!("{cache:?}"), "PolicyCache(2 of 2 tenants)");
    }
}
