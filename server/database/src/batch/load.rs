//! Reading what the members of a batch hang on: one statement a table, and none for a table nobody named.
//!
//! On PostgreSQL what may be changed is locked as it is read: accounts, approvals, places in the queue, each by key. The
//! doors take them in the same order (an approval is decided before its run is woken), and nobody waits in a circle.

use std::collections::{BTreeMap, BTreeSet};

use domain::{ApprovalId, HoldId, PersonId, RunId, TenantId};

use super::{
    Changed, Keys,
    facts::{
        Account, ApprovalFacts, CredentialFacts, HoldFacts, KeyedAccount, LeaseFacts, MembershipFacts, ModelFacts, Of, Place, TenantFacts,
    },
    system,
};
use crate::{bulk::Rows, error::Error, executor::Arm};

/// The facts of a group, as they are in its transaction and as its members changed them so far.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(super) tenants: BTreeMap<TenantId, TenantFacts>,
    pub(super) time_zones: BTreeMap<TenantId, String>,
    pub(super) leases: BTreeMap<(TenantId, RunId), LeaseFacts>,
    pub(super) memberships: BTreeMap<(TenantId, PersonId), MembershipFacts>,
    pub(super) accounts: BTreeMap<(TenantId, String), Account>,
    pub(super) approvals: BTreeMap<(TenantId, ApprovalId), ApprovalFacts>,
    pub(super) credentials: BTreeMap<(TenantId, String), CredentialFacts>,
    pub(super) models: BTreeMap<TenantId, Vec<ModelFacts>>,
    pub(super) holds: BTreeMap<(TenantId, HoldId), HoldFacts>,
}

impl Loaded {
    /// Makes what a member changed visible to the members after it.
    pub(super) fn take_over(&mut self, tenant: TenantId, changed: Changed) {
        if let Some(lease) = changed.lease {
            self.leases.insert((tenant, lease.run), lease);
        }
        self.accounts.extend(changed.accounts.into_iter().map(|(key, account)| ((tenant, key), account)));
        self.approvals.extend(changed.approvals.into_iter().map(|(id, approval)| ((tenant, id), approval)));
        self.holds.extend(changed.holds.into_iter().map(|(id, hold)| ((tenant, id), hold)));
    }
}

/// Distinct keys, in order: what is locked is locked in this order.
fn distinct<'k, K: Ord>(keys: &[&'k Keys], of: impl Fn(&'k Keys) -> Vec<K>) -> BTreeSet<K> {
    keys.iter().flat_map(|keys| of(keys)).collect()
}

fn pairs<'k>(ids: impl IntoIterator<Item = &'k (TenantId, uuid::Uuid)>) -> Rows {
    let mut rows = Rows::default();
    for (tenant, id) in ids {
        rows.row().uuid(tenant.uuid()).uuid(*id);
    }
    rows
}

fn names<'k>(names: impl IntoIterator<Item = &'k (TenantId, &'k str)>) -> Rows {
    let mut rows = Rows::default();
    for (tenant, name) in names {
        rows.row().uuid(tenant.uuid()).text(name);
    }
    rows
}

fn tenants<'k>(ids: impl IntoIterator<Item = &'k TenantId>) -> Rows {
    let mut rows = Rows::default();
    for tenant in ids {
        rows.row().uuid(tenant.uuid());
    }
    rows
}

/// Reads everything that the keys name.
pub(crate) async fn load(arm: &mut Arm<'_>, keys: &[&Keys]) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();

    let persons = distinct(keys, |keys| keys.person.map(|person| (keys.tenant, person.uuid())).into_iter().collect());
    let memberships: Vec<Of<MembershipFacts>> = pairs(&persons).read(arm, &system::MEMBERSHIPS).await?;
    loaded.memberships = memberships.into_iter().map(|of| ((of.tenant, of.row.person), of.row)).collect();

    let holds = distinct(keys, |keys| keys.holds.iter().map(|id| (keys.tenant, id.uuid())).collect());
    let mut holds: Vec<Of<HoldFacts>> = pairs(&holds).read(arm, &system::HOLDS).await?;
    let with_open = distinct(keys, |keys| keys.open_holds.then_some((keys.tenant, keys.run.uuid())).into_iter().collect());
    holds.extend(pairs(&with_open).read::<Of<HoldFacts>>(arm, &system::OPEN_HOLDS).await?);
    loaded.holds = holds.into_iter().map(|of| ((of.tenant, of.row.id), of.row)).collect();

    loaded.accounts = accounts(arm, keys, &loaded.holds).await?;

    let approvals = distinct(keys, |keys| keys.approvals.iter().map(|id| (keys.tenant, id.uuid())).collect());
    let approvals: Vec<Of<ApprovalFacts>> = pairs(&approvals).read(arm, &system::APPROVALS).await?;
    loaded.approvals = approvals.into_iter().map(|of| ((of.tenant, of.row.id), of.row)).collect();

    let runs = distinct(keys, |keys| vec![(keys.tenant, keys.run.uuid())]);
    let places: Vec<Of<Place>> = pairs(&runs).read(arm, &system::PLACES).await?;
    for Of { tenant, row: Place { lease, of, time_zone } } in places {
        loaded.tenants.insert(tenant, of);
        loaded.time_zones.insert(tenant, time_zone);
        loaded.leases.insert((tenant, lease.run), lease);
    }

    let credentials = distinct(keys, |keys| keys.credentials.iter().map(|name| (keys.tenant, name.as_str())).collect());
    let credentials: Vec<Of<CredentialFacts>> = names(&credentials).read(arm, &system::CREDENTIALS).await?;
    loaded.credentials = credentials.into_iter().map(|of| ((of.tenant, of.row.name.clone()), of.row)).collect();

    let with_models = distinct(keys, |keys| keys.models.then_some(keys.tenant).into_iter().collect());
    let models: Vec<Of<ModelFacts>> = tenants(&with_models).read(arm, &system::MODELS).await?;
    for of in models {
        loaded.models.entry(of.tenant).or_default().push(of.row);
    }
    let of_providers: Vec<Of<CredentialFacts>> = tenants(&with_models).read(arm, &system::PROVIDER_CREDENTIALS).await?;
    loaded.credentials.extend(of_providers.into_iter().map(|of| ((of.tenant, of.row.name.clone()), of.row)));

    Ok(loaded)
}

async fn accounts(
    arm: &mut Arm<'_>,
    keys: &[&Keys],
    holds: &BTreeMap<(TenantId, HoldId), HoldFacts>,
) -> Result<BTreeMap<(TenantId, String), Account>, Error> {
    let mut asked: BTreeSet<(TenantId, &str)> =
        distinct(keys, |keys| keys.accounts.iter().map(|key| (keys.tenant, key.as_str())).collect());
    asked.extend(holds.iter().flat_map(|((tenant, _), hold)| hold.accounts.iter().map(|key| (*tenant, key.as_str()))));
    let mut found: Vec<Of<KeyedAccount>> = names(&asked).read(arm, &system::ACCOUNTS).await?;
    if found.len() < asked.len() && matches!(arm, Arm::Postgres(_)) {
        names(&asked).write_any(arm, &system::ENSURE_ACCOUNTS).await?;
        found = names(&asked).read(arm, &system::ACCOUNTS).await?;
    }
    Ok(found.into_iter().map(|of| ((of.tenant, of.row.key), of.row.account)).collect())
}
