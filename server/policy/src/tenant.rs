//! The policy of one tenant: a Casbin enforcer that was built from one read, checked, and never changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use casbin::{Adapter, CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use domain::{Grants, Permission, PersonId, PolicyVersion, TenantId};
use uuid::Uuid;

use crate::{
    PolicyError,
    role::Role,
    rules::{MODEL, ROLES, Rules},
};

/// What a tenant's policy is built from, read in one transaction.
#[derive(Debug, Clone)]
pub struct PolicySource {
    /// The tenant.
    pub tenant: TenantId,
    /// The state of its policy that the bindings are.
    pub version: PolicyVersion,
    /// The roles of its active members. Whoever is disabled is not among them.
    pub bindings: Vec<(PersonId, Role)>,
}

/// The policy of one tenant at one version. Can be asked, and not be changed.
pub struct TenantPolicy {
    tenant: TenantId,
    version: PolicyVersion,
    enforcer: Enforcer,
    roles: BTreeMap<PersonId, BTreeSet<Role>>,
}

impl TenantPolicy {
    /// Builds the enforcer and checks it: that it holds exactly the rows it was given, that a subject
    /// without roles has nothing, that every role in use has what the rules say, and that every
    /// member has what their roles have.
    ///
    /// # Errors
    /// Whatever is not as it should be. A policy that was in use before stays in use.
    pub async fn build(source: PolicySource) -> Result<Self, PolicyError> {
        let rules = Rules::parse(ROLES)?;
        let rows = Rows::of(&rules, &source);
        let mut adapter = MemoryAdapter::default();
        adapter.add_policies("p", "p", rows.holds.iter().cloned().collect()).await.map_err(Box::new)?;
        adapter.add_policies("g", "g", rows.links.iter().cloned().collect()).await.map_err(Box::new)?;
        Self::load(source, &rules, &rows, adapter).await
    }

    async fn load(source: PolicySource, rules: &Rules, rows: &Rows, adapter: impl Adapter + 'static) -> Result<Self, PolicyError> {
        let model = DefaultModel::from_str(MODEL).await.map_err(Box::new)?;
        let mut enforcer = Enforcer::new(model, adapter).await.map_err(Box::new)?;
        enforcer.enable_auto_save(false);
        let mut roles: BTreeMap<PersonId, BTreeSet<Role>> = BTreeMap::new();
        for (person, role) in source.bindings {
            roles.entry(person).or_default().insert(role);
        }
        let policy = Self { tenant: source.tenant, version: source.version, enforcer, roles };
        policy.check_rows(rows)?;
        policy.check_decisions(rules)?;
        Ok(policy)
    }

    fn check_rows(&self, rows: &Rows) -> Result<(), PolicyError> {
        for (kind, given, held) in [
            ("permissions of roles", &rows.holds, self.enforcer.get_policy()),
            ("bindings of roles", &rows.links, self.enforcer.get_grouping_policy()),
        ] {
            if held.len() != given.len() {
                return Err(PolicyError::Incomplete { kind, expected: given.len(), found: held.len() });
            }
            let found = held.iter().filter(|row| given.contains(*row)).count();
            if found != given.len() {
                return Err(PolicyError::Incomplete { kind, expected: given.len(), found });
            }
        }
        Ok(())
    }

    fn check_decisions(&self, rules: &Rules) -> Result<(), PolicyError> {
        let expect = |subject: &str, permission: Permission, expected: bool| {
            let answer = self.enforce(subject, permission)?;
            if answer == expected { Ok(()) } else { Err(PolicyError::WrongDecision { subject: subject.to_owned(), permission, answer }) }
        };
        let all_bits = rules.all_bits();
        let nobody = self.somebody_without_roles();
        for permission in Permission::ALL {
            expect(&nobody, *permission, false)?;
        }
        let in_use: BTreeSet<Role> = self.roles.values().flatten().copied().collect();
        for role in &in_use {
            let bits = all_bits.get(role).copied().unwrap_or_default();
            for permission in Permission::ALL {
                expect(&role_subject(*role), *permission, bits & permission.bit() != 0)?;
            }
        }
        for (person, roles) in &self.roles {
            let subject = person_subject(*person);
            let bits = roles.iter().fold(0, |bits, role| bits | all_bits.get(role).copied().unwrap_or_default());
            // One decision for each role and one against show whether the links of this member are in
            // place and lead nowhere else; what the roles mean was asked in full above. The last
            // permission of a role is the one that tells it best from those it inherits.
            for role in roles {
                let held = all_bits.get(role).copied().unwrap_or_default();
                if let Some(permission) = Permission::ALL.iter().rfind(|permission| held & permission.bit() != 0) {
                    expect(&subject, *permission, true)?;
                }
            }
            if let Some(missing) = Permission::ALL.iter().find(|permission| bits & permission.bit() == 0) {
                expect(&subject, *missing, false)?;
            }
        }
        Ok(())
    }

    /// A subject of the right form that holds no role here.
    fn somebody_without_roles(&self) -> String {
        let taken = |candidate: &Uuid| self.roles.contains_key(&PersonId::from_uuid(*candidate));
        let mut candidate = Uuid::nil();
        while taken(&candidate) {
            candidate = Uuid::from_u128(candidate.as_u128().wrapping_add(1));
        }
        person_subject(PersonId::from_uuid(candidate))
    }

    /// Asks Casbin. The only place that does.
    fn enforce(&self, subject: &str, permission: Permission) -> Result<bool, PolicyError> {
        Ok(self.enforcer.enforce((subject, domain_of(self.tenant).as_str(), permission.name())).map_err(Box::new)?)
    }

    fn ask_all(&self, subject: &str) -> Result<u64, PolicyError> {
        let mut bits = 0;
        for permission in Permission::ALL {
            if self.enforce(subject, *permission)? {
                bits |= permission.bit();
            }
        }
        Ok(bits)
    }

    /// Everything the person may: Casbin is asked once for every permission, and walks all rules
    /// each time: to be asked once and recorded. Somebody who is no active member may nothing.
    ///
    /// # Errors
    /// When Casbin cannot decide; then nothing was granted.
    pub fn grants(&self, person: PersonId) -> Result<Grants, PolicyError> {
        Ok(Grants::recorded(self.ask_all(&person_subject(person))?, self.version))
    }

    /// Everything a member with this role alone may: what the page says on which roles are given.
    ///
    /// # Errors
    /// When Casbin cannot decide.
    pub fn grants_of_role(&self, role: Role) -> Result<Grants, PolicyError> {
        Ok(Grants::recorded(self.ask_all(&role_subject(role))?, self.version))
    }

    /// The members who were given this very role, in the order of their ids. Who holds a role that
    /// inherits from it, or is an admin, is not among them.
    pub fn holders(&self, role: Role) -> Vec<PersonId> {
        self.roles.iter().filter(|(_, roles)| roles.contains(&role)).map(|(person, _)| *person).collect()
    }

    /// The roles a member was given, the weakest first; none for anybody else.
    pub fn roles_of(&self, person: PersonId) -> Vec<Role> {
        self.roles.get(&person).map(|roles| roles.iter().copied().collect()).unwrap_or_default()
    }

    /// The tenant.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The state of the policy.
    pub const fn version(&self) -> PolicyVersion {
        self.version
    }
}

impl fmt::Debug for TenantPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantPolicy({} at {}, {} members)", self.tenant, self.version.0, self.roles.len())
    }
}

/// The subject of a member. The prefix keeps members apart from roles whatever they are called:
/// for Casbin a subject that is named like a role has that role.
fn person_subject(person: PersonId) -> String {
    format!("u:{}", person.uuid())
}

fn role_subject(role: Role) -> String {
    format!("r:{role}")
}

fn domain_of(tenant: TenantId) -> String {
    tenant.uuid().to_string()
}

/// The rows for one tenant, as Casbin wants them.
struct Rows {
    holds: BTreeSet<Vec<String>>,
    links: BTreeSet<Vec<String>>,
}

impl Rows {
    fn of(rules: &Rules, source: &PolicySource) -> Self {
        let tenant = domain_of(source.tenant);
        let inherited = rules.inherits.iter().map(|(heir, from)| vec![role_subject(*heir), role_subject(*from), tenant.clone()]);
        let bound = source.bindings.iter().map(|(person, role)| vec![person_subject(*person), role_subject(*role), tenant.clone()]);
        Self {
            holds: rules
                .holds
                .iter()
                .map(|(role, permission)| vec![role_subject(*role), tenant.clone(), permission.name().to_owned()])
                .collect(),
            links: inherited.chain(bound).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
