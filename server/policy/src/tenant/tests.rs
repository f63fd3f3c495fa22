use std::fmt::Write as _;

use casbin::{Filter, Model, StringAdapter};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::cache::PolicyCache;

fn person(number: u128) -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(number))
}

fn source(bindings: &[(u128, Role)]) -> PolicySource {
    PolicySource {
        tenant: TenantId::from_uuid(Uuid::from_u128(77)),
        version: PolicyVersion(Uuid::from_u128(1)),
        bindings: bindings.iter().map(|(number, role)| (person(*number), *role)).collect(),
    }
}

fn bits(grants: Grants) -> u64 {
    Permission::ALL.iter().filter(|permission| grants.allows(**permission)).fold(0, |bits, permission| bits | permission.bit())
}

#[tokio::test]
async fn a_member_has_what_their_roles_have_and_a_stranger_nothing() {
    let policy =
        TenantPolicy::build(source(&[(1, Role::Developer), (2, Role::Viewer), (2, Role::Approver), (3, Role::Admin)])).await.unwrap();
    let developer = policy.grants(person(1)).unwrap();
    assert!(developer.allows(Permission::WorkflowWrite) && developer.allows(Permission::RunRead));
    assert!(!developer.allows(Permission::ApprovalApprove) && !developer.allows(Permission::CredentialWrite));
    let both = policy.grants(person(2)).unwrap();
    assert!(both.allows(Permission::ApprovalApprove) && !both.allows(Permission::WorkflowExecute));
    assert_eq!(bits(policy.grants(person(3)).unwrap()).count_ones() as usize, Permission::ALL.len());
    assert_eq!(bits(policy.grants(person(4)).unwrap()), 0);
    assert_eq!(developer.version(), policy.version());
}

#[tokio::test]
async fn holders_are_those_who_were_given_the_role_itself() {
    let policy =
        TenantPolicy::build(source(&[(3, Role::Admin), (2, Role::Approver), (1, Role::Approver), (1, Role::Viewer)])).await.unwrap();
    assert_eq!(policy.holders(Role::Approver), [person(1), person(2)]);
    assert_eq!(policy.holders(Role::Developer), []);
    assert_eq!(policy.roles_of(person(1)), [Role::Viewer, Role::Approver]);
    assert_eq!(policy.roles_of(person(9)), []);
}

#[tokio::test]
async fn a_tenant_without_members_grants_nothing_to_anybody() {
    let policy = TenantPolicy::build(source(&[])).await.unwrap();
    assert_eq!(bits(policy.grants(person(0)).unwrap()), 0);
}

#[tokio::test]
async fn the_same_binding_twice_is_one_binding() {
    let policy = TenantPolicy::build(source(&[(1, Role::Viewer), (1, Role::Viewer)])).await.unwrap();
    assert_eq!(policy.roles_of(person(1)), [Role::Viewer]);
}

#[tokio::test]
async fn a_subject_named_like_a_role_has_nothing() {
    let policy = TenantPolicy::build(source(&[(0, Role::Admin)])).await.unwrap();
    for subject in ["admin", "viewer", "u:admin", "u:r:admin", "u:", "", "*", "r:*", "r:owner"] {
        assert_eq!(policy.ask_all(subject).unwrap(), 0, "{subject}");
    }
}

#[tokio::test]
async fn a_policy_answers_for_no_other_tenant() {
    let policy = TenantPolicy::build(source(&[(1, Role::Admin)])).await.unwrap();
    let subject = person_subject(person(1));
    for domain in [Uuid::from_u128(78).to_string(), "*".to_owned(), String::new()] {
        assert!(!policy.enforcer.enforce((subject.as_str(), domain.as_str(), "run:read")).unwrap(), "{domain}");
    }
}

/// Loads some of the rows, and then ends as it is told.
struct Faulty {
    rows: Vec<(&'static str, Vec<String>)>,
    fails: bool,
}

#[async_trait::async_trait]
impl Adapter for Faulty {
    async fn load_policy(&mut self, model: &mut dyn Model) -> casbin::Result<()> {
        for (kind, row) in self.rows.drain(..) {
            model.add_policy(kind, kind, row);
        }
        if self.fails { Err(std::io::Error::other("the connection was lost").into()) } else { Ok(()) }
    }
    async fn load_filtered_policy<'a>(&mut self, _: &mut dyn Model, _: Filter<'a>) -> casbin::Result<()> {
        unimplemented!()
    }
    async fn save_policy(&mut self, _: &mut dyn Model) -> casbin::Result<()> {
        unimplemented!()
    }
    async fn clear_policy(&mut self) -> casbin::Result<()> {
        unimplemented!()
    }
    fn is_filtered(&self) -> bool {
        false
    }
    async fn add_policy(&mut self, _: &str, _: &str, _: Vec<String>) -> casbin::Result<bool> {
        unimplemented!()
    }
    async fn add_policies(&mut self, _: &str, _: &str, _: Vec<Vec<String>>) -> casbin::Result<bool> {
        unimplemented!()
    }
    async fn remove_policy(&mut self, _: &str, _: &str, _: Vec<String>) -> casbin::Result<bool> {
        unimplemented!()
    }
    async fn remove_policies(&mut self, _: &str, _: &str, _: Vec<Vec<String>>) -> casbin::Result<bool> {
        unimplemented!()
    }
    async fn remove_filtered_policy(&mut self, _: &str, _: &str, _: usize, _: Vec<String>) -> casbin::Result<bool> {
        unimplemented!()
    }
}

/// What comes of the rows of one viewer after they were tampered with.
async fn built_from(tamper: impl FnOnce(&mut Vec<(&'static str, Vec<String>)>), fails: bool) -> Result<TenantPolicy, PolicyError> {
    let (rules, source) = (Rules::parse(ROLES).unwrap(), source(&[(1, Role::Viewer)]));
    let rows = Rows::of(&rules, &source);
    let mut given: Vec<_> =
        rows.holds.iter().map(|row| ("p", row.clone())).chain(rows.links.iter().map(|row| ("g", row.clone()))).collect();
    tamper(&mut given);
    TenantPolicy::load(source, &rules, &rows, Faulty { rows: given, fails }).await
}

#[tokio::test]
async fn rows_that_arrive_whole_are_a_policy() {
    assert!(built_from(|_| (), false).await.is_ok());
}

#[tokio::test]
async fn an_adapter_that_fails_midway_gives_no_policy() {
    assert!(matches!(built_from(|rows| rows.truncate(10), true).await, Err(PolicyError::Casbin(_))));
    assert!(matches!(built_from(|_| (), true).await, Err(PolicyError::Casbin(_))));
}

#[tokio::test]
async fn a_reload_that_fails_keeps_the_policy_that_was_there() {
    let cache = PolicyCache::default();
    let before = cache.install(TenantPolicy::build(source(&[(1, Role::Viewer)])).await.unwrap());
    let granted = cache.grants(before.tenant(), person(1), before.version()).unwrap();
    assert!(built_from(|rows| rows.truncate(10), true).await.map(|policy| cache.install(policy)).is_err());
    assert_eq!(cache.cached(before.tenant(), person(1), before.version()), granted);
    let next = PolicyVersion(Uuid::from_u128(2));
    assert_eq!(cache.grants(before.tenant(), person(1), next).unwrap(), None, "the old one never answers for the new version");
}

#[tokio::test]
async fn a_row_that_is_lost_added_or_changed_gives_no_policy() {
    let incomplete = |result| matches!(result, Err(PolicyError::Incomplete { .. }));
    assert!(incomplete(built_from(|rows| drop(rows.pop()), false).await));
    assert!(incomplete(built_from(|rows| drop(rows.remove(0)), false).await));
    assert!(incomplete(
        built_from(|rows| rows.push(("g", vec![person_subject(person(2)), "r:admin".to_owned(), "d".to_owned()])), false).await
    ));
    assert!(incomplete(built_from(|rows| rows.last_mut().unwrap().1[1] = "r:admin".to_owned(), false).await));
}

#[tokio::test]
async fn an_enforcer_that_says_yes_to_everything_is_not_accepted() {
    let mut policy = TenantPolicy::build(source(&[(1, Role::Viewer)])).await.unwrap();
    policy.enforcer.enable_enforce(false);
    let error = policy.check_decisions(&Rules::parse(ROLES).unwrap()).unwrap_err();
    assert!(matches!(error, PolicyError::WrongDecision { answer: true, .. }), "{error}");
}

/// An enforcer of its own, from rows written as text and not by the code under test.
async fn oracle(source: &PolicySource) -> Enforcer {
    let (mut text, tenant) = (String::new(), source.tenant.uuid());
    for line in ROLES.lines().filter(|line| line.starts_with('p') || line.starts_with('g')) {
        match line.split(", ").collect::<Vec<_>>().as_slice() {
            ["p", role, "admin:*"] => {
                for permission in Permission::ALL {
                    writeln!(text, "p, r:{role}, {tenant}, {permission}").unwrap();
                }
            }
            ["p", role, permission] => writeln!(text, "p, r:{role}, {tenant}, {permission}").unwrap(),
            ["g", heir, from] => writeln!(text, "g, r:{heir}, r:{from}, {tenant}").unwrap(),
            other => panic!("{other:?}"),
        }
    }
    for (person, role) in &source.bindings {
        writeln!(text, "g, u:{}, r:{role}, {tenant}", person.uuid()).unwrap();
    }
    Enforcer::new(DefaultModel::from_str(MODEL).await.unwrap(), StringAdapter::new(text)).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_recorded_answers_are_those_of_casbin(
        bindings in proptest::collection::vec((0_u128..6, proptest::sample::select(Role::ALL)), 0..10),
        requests in proptest::collection::vec((0_u128..8, proptest::sample::select(Permission::ALL)), 1..60),
    ) {
        let source = source(&bindings);
        let (policy, oracle) = Runtime::new().unwrap().block_on(async {
            (TenantPolicy::build(source.clone()).await.unwrap(), oracle(&source).await)
        });
        for (number, permission) in requests {
            let recorded = policy.grants(person(number)).unwrap().allows(permission);
            let (subject, tenant) = (format!("u:{}", person(number).uuid()), source.tenant.uuid().to_string());
            let asked = oracle.enforce((subject.as_str(), tenant.as_str(), permission.name())).unwrap();
            prop_assert_eq!(recorded, asked, "{} {}", subject, permission);
        }
    }
}
