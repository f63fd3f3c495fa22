//! What one authorization decision costs on the hot path: a look-up of recorded answers and one bit.

use std::{hint::black_box, time::Instant};

use domain::{Entropy, Id, Permission, PersonId, PolicyVersion, TenantId, Timestamp, entropy::SeededEntropy};
use policy::{PolicyCache, PolicySource, Role, TenantPolicy};

const MEMBERS: usize = 100;
const TENANTS: usize = 100;
const DECISIONS: usize = 2_000_000;

/// Measures recorded decisions over many tenants, and one of Casbin itself beside them.
pub async fn measure() {
    let entropy: &dyn Entropy = &SeededEntropy::new(1);
    let cache = PolicyCache::default();
    let mut asked: Vec<(TenantId, PersonId, PolicyVersion)> = Vec::new();
    let mut casbin = 0.0;
    for _ in 0..TENANTS {
        let now = Timestamp::from_micros(1);
        let (tenant, version) = (Id::new(now, entropy), PolicyVersion(uuid::Uuid::from_u128(asked.len() as u128 + 1)));
        let bindings: Vec<(PersonId, Role)> =
            (0..MEMBERS).map(|index| (Id::new(now, entropy), Role::ALL[index % Role::ALL.len()])).collect();
        let people: Vec<PersonId> = bindings.iter().map(|(person, _)| *person).collect();
        let policy = cache.install(TenantPolicy::build(PolicySource { tenant, version, bindings }).await.expect("a policy"));
        let start = Instant::now();
        black_box(policy.grants(people[0]).expect("an answer"));
        casbin = start.elapsed().as_secs_f64() * 1e9 / Permission::ALL.len() as f64;
        for person in people.into_iter().take(10) {
            cache.grants(tenant, person, version).expect("an answer").expect("an installed policy");
            asked.push((tenant, person, version));
        }
    }
    let start = Instant::now();
    let mut allowed = 0_usize;
    for index in 0..DECISIONS {
        let (tenant, person, version) = asked[index % asked.len()];
        let grants = cache.cached(black_box(tenant), black_box(person), version).expect("a recorded answer");
        allowed += usize::from(grants.allows(Permission::WorkflowExecute));
    }
    let nanos = start.elapsed().as_secs_f64() * 1e9 / DECISIONS as f64;
    black_box(allowed);
    println!(
        "authorization: {nanos:.0} ns a recorded decision, {casbin:.0} ns one of Casbin itself ({TENANTS} tenants of {MEMBERS} members)"
    );
}
