//! Settings and quotas of a tenant, and roles as pages show them: on both engines, always with two tenants.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::house::{House, PASSWORD, empty, fields, mailed_link, refusal, settings, token_of};
use database::testing;
use domain::{Actor, Permission, Secret};
use platform::{
    Settings,
    invitations::{Acceptance, Invite},
    members::{MemberSearch, Role},
    runs::Given,
    tenants::{Quota, QuotaText, Quotas, SettingsText},
};
use serde_json::Map;

/// A workflow that needs nothing.
const PLAIN: &str =
    "---\nworkflow: {id: hello, name: Hello}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {message: here}\n```\n";

fn text(name: &str) -> SettingsText {
    SettingsText { name: name.to_owned(), time_zone: "UTC".to_owned(), ..SettingsText::default() }
}

fn invite(email: &str) -> Invite {
    Invite { email: email.to_owned(), name: "Vera Viewer".to_owned(), role: Role::Viewer }
}

async fn start(house: &House, actor: &Actor) -> Result<i64, platform::Error> {
    let actor = house.platform.renewed(actor).await.unwrap();
    house.platform.start_run(&actor, "hello", Given::Values(Map::new()), None).await.map(|accepted| accepted.number)
}

async fn used(house: &House, actor: &Actor, quota: Quota) -> i64 {
    let shown = house.platform.tenant_settings(actor).await.unwrap();
    shown.quotas.iter().find(|shown| shown.quota == quota).unwrap().used
}

async fn set(house: &House, actor: &Actor, text: QuotaText) {
    assert!(house.platform.set_quotas(actor, &text).await.unwrap());
}

crate::house::in_a_house! {
    async fn settings_are_a_tenants_own_and_every_change_is_recorded(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        let before = house.platform.tenant_settings(&globex).await.unwrap();
        let new = SettingsText { session_idle_minutes: "30".to_owned(), invited_domains: "ACME.example, globex.example".to_owned(), ..text("Acme & Sons") };
        assert!(house.platform.change_settings(&acme, &new).await.unwrap());
        assert!(!house.platform.change_settings(&acme, &new).await.unwrap(), "it is so already");
        let shown = house.platform.tenant_settings(&acme).await.unwrap();
        assert_eq!((shown.name.as_str(), shown.session_idle_minutes), ("Acme & Sons", Some(30)));
        assert_eq!(shown.invited_domains, ["acme.example", "globex.example"]);
        assert_eq!(house.platform.tenant_settings(&globex).await.unwrap(), before);
        let log = house.log(&acme).await;
        assert_eq!(log.iter().filter(|action| *action == "config.changed").count(), 1);
        assert!(!house.log(&globex).await.contains(&"config.changed".to_owned()));

        let wrong = SettingsText { session_idle_minutes: "481".to_owned(), invited_domains: "not a domain!".to_owned(), ..text(" ") };
        assert_eq!(fields(house.platform.change_settings(&acme, &wrong).await), ["name", "session_idle_minutes", "invited_domains"]);
        let approver = house.acme_approver().await;
        assert_eq!(refusal(house.platform.tenant_settings(&approver).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.change_settings(&approver, &new).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.set_quotas(&approver, &QuotaText::default()).await), (403, "forbidden"));
    }

    async fn only_addresses_of_named_domains_are_invited(house) {
        let admin = house.acme_admin().await;
        let only = SettingsText { invited_domains: "acme.example".to_owned(), ..text("Acme") };
        house.platform.change_settings(&admin, &only).await.unwrap();
        assert_eq!(fields(house.platform.invite(&admin, invite("vera@elsewhere.example")).await), ["email"]);
        house.platform.invite(&admin, invite("vera@acme.example")).await.unwrap();
        house.platform.invite(&house.globex_admin().await, invite("vera@elsewhere.example")).await.unwrap();
    }

    async fn quotas_are_lowered_and_never_raised(house) {
        let admin = house.acme_admin().await;
        let most = Quotas::default();
        let above = QuotaText { members: (most.members + 1).to_string(), open_runs: "x".to_owned(), ..QuotaText::default() };
        assert_eq!(fields(house.platform.set_quotas(&admin, &above).await), ["members", "open_runs"]);
        assert!(!house.platform.set_quotas(&admin, &QuotaText::default()).await.unwrap(), "there were none");
        set(&house, &admin, QuotaText { members: "7".to_owned(), ..QuotaText::default() }).await;
        let limits = |shown: platform::tenants::SettingsShown| shown.quotas.iter().map(platform::tenants::QuotaShown::limit).collect::<Vec<_>>();
        assert_eq!(limits(house.platform.tenant_settings(&admin).await.unwrap()), [7, most.open_runs, most.runs_a_day, most.stored_bytes]);
        let globex = house.platform.tenant_settings(&house.globex_admin().await).await.unwrap();
        assert_eq!(limits(globex), [most.members, most.open_runs, most.runs_a_day, most.stored_bytes]);
    }

    async fn nobody_is_invited_joins_or_is_enabled_beyond_the_quota_of_members(house) {
        let (platform, admin) = (&house.platform, house.acme_admin().await);
        set(&house, &admin, QuotaText { members: "3".to_owned(), ..QuotaText::default() }).await;
        house.clock.advance(Duration::from_secs(1));
        platform.invite(&admin, invite("vera@acme.example")).await.unwrap();
        assert_eq!(used(&house, &admin, Quota::Members).await, 3, "an open invitation takes a place");
        assert_eq!(refusal(platform.invite(&admin, invite("vic@acme.example")).await), (409, "quota_members"));
        assert!(platform.mailbox().await.unwrap().iter().all(|mail| mail.to != "vic@acme.example"), "nothing was sent");
        house.clock.advance(Duration::from_secs(1));
        platform.invite(&admin, invite("vera@acme.example")).await.unwrap();

        // The quota is lowered while the invitation is out: whoever accepts is refused, and nothing of them is kept.
        set(&house, &admin, QuotaText { members: "2".to_owned(), ..QuotaText::default() }).await;
        let token = token_of(&mailed_link(platform, "vera@acme.example").await);
        let joining = || Acceptance::Password { name: "Vera".to_owned(), password: Secret::new(PASSWORD) };
        assert_eq!(refusal(platform.accept_invitation(&token, joining(), &house.client()).await), (409, "quota_members"));
        assert!(platform.invited(&token).await.is_ok(), "the invitation is as good as before");

        let approver = house.acme_approver().await.person().unwrap();
        platform.disable_member(&house.acme_admin().await, approver).await.unwrap();
        platform.accept_invitation(&token, joining(), &house.client()).await.unwrap();
        let admin = house.acme_admin().await;
        assert_eq!(refusal(platform.enable_member(&admin, approver).await), (409, "quota_members"));
        assert!(!platform.member(&admin, approver).await.unwrap().is_active);
        let log = house.log(&admin).await;
        assert_eq!(log.iter().filter(|action| *action == "quota.exceeded").count(), 2, "one of the invited, one of the admin: {log:?}");
        platform.invite(&house.globex_admin().await, invite("vic@globex.example")).await.unwrap();
    }

    async fn runs_beyond_a_quota_are_refused_with_its_name_and_leave_nothing(house) {
        let (platform, admin, globex) = (&house.platform, house.acme_admin().await, house.globex_admin().await);
        for actor in [&admin, &globex] {
            platform.save_workflow(actor, PLAIN).await.unwrap();
        }
        set(&house, &admin, QuotaText { open_runs: "2".to_owned(), ..QuotaText::default() }).await;
        assert_eq!((start(&house, &admin).await.unwrap(), start(&house, &admin).await.unwrap()), (1, 2));
        for _ in 0..3 {
            assert_eq!(refusal(start(&house, &admin).await), (409, "quota_open_runs"));
        }
        assert_eq!(used(&house, &admin, Quota::OpenRuns).await, 2);
        start(&house, &globex).await.unwrap();
        let log = house.log(&admin).await;
        assert_eq!(log.iter().filter(|action| *action == "quota.exceeded").count(), 1, "repetitions of a minute are counted");
        house.clock.advance(Duration::from_secs(61));
        platform.keep_house().await.unwrap();
        let log = house.log(&admin).await;
        assert_eq!(log.iter().filter(|action| *action == "quota.exceeded").count(), 2, "and summed up after it");

        set(&house, &admin, QuotaText { runs_a_day: "3".to_owned(), ..QuotaText::default() }).await;
        assert_eq!(start(&house, &admin).await.unwrap(), 3, "numbers have no gap: what was refused left nothing");
        let refused = start(&house, &admin).await;
        assert_eq!(refusal(refused), (429, "quota_runs_a_day"));
        assert_eq!(used(&house, &admin, Quota::RunsADay).await, 3);
        house.clock.advance(Duration::from_secs(24 * 3600 - 61));
        assert_eq!(used(&house, &admin, Quota::RunsADay).await, 1);
        assert_eq!(start(&house, &admin).await.unwrap(), 4, "the day goes on with every run");
        set(&house, &admin, QuotaText { runs_a_day: "0".to_owned(), ..QuotaText::default() }).await;
        assert_eq!(refusal(start(&house, &admin).await), (429, "quota_runs_a_day"));
    }

    async fn of_runs_that_start_at_once_no_more_than_the_quota_do(house) {
        let admin = house.acme_admin().await;
        house.platform.save_workflow(&admin, PLAIN).await.unwrap();
        set(&house, &admin, QuotaText { open_runs: "3".to_owned(), ..QuotaText::default() }).await;
        let house = Arc::new(house);
        let starts = (0..8).map(|_| {
            let (house, admin) = (Arc::clone(&house), admin.clone());
            tokio::spawn(async move { start(&house, &admin).await.is_ok() })
        });
        let started = futures_util::future::join_all(starts).await.into_iter().filter(|started| *started.as_ref().unwrap()).count();
        assert_eq!(started, 3);
    }

    async fn what_is_saved_and_started_is_counted_in_bytes_and_limited(house) {
        let (platform, admin) = (&house.platform, house.acme_admin().await);
        assert_eq!(used(&house, &admin, Quota::StoredBytes).await, 0);
        platform.save_workflow(&admin, PLAIN).await.unwrap();
        let saved = used(&house, &admin, Quota::StoredBytes).await;
        assert!(saved > i64::try_from(PLAIN.len()).unwrap(), "the text and the plan: {saved}");
        platform.save_workflow(&admin, PLAIN).await.unwrap();
        assert_eq!(used(&house, &admin, Quota::StoredBytes).await, saved, "the same again stores nothing");
        start(&house, &admin).await.unwrap();
        assert_eq!(used(&house, &admin, Quota::StoredBytes).await, saved + 2, "the inputs `{{}}`");
        assert_eq!(used(&house, &house.globex_admin().await, Quota::StoredBytes).await, 0);

        set(&house, &admin, QuotaText { stored_mib: "0".to_owned(), ..QuotaText::default() }).await;
        let refused = platform.save_workflow(&admin, &PLAIN.replace("here", "there")).await.map_err(platform::workflows::SaveError::into_error);
        assert_eq!(refusal(refused), (409, "quota_stored_bytes"));
        assert_eq!(refusal(start(&house, &admin).await), (409, "quota_stored_bytes"));
        assert_eq!(platform.workflow(&admin, "hello").await.unwrap().versions.len(), 1);
        assert_eq!(used(&house, &admin, Quota::StoredBytes).await, saved + 2);
    }

    async fn roles_say_what_they_hold_and_who_has_them(house) {
        let admin = house.acme_admin().await;
        let roles = house.platform.roles(&admin).await.unwrap();
        assert_eq!(roles.iter().map(|line| line.role).collect::<Vec<_>>(), Role::ALL);
        let holders: Vec<usize> = roles.iter().map(|line| line.holders).collect();
        assert_eq!(holders, [0, 0, 0, 1, 0, 0, 1]);
        let approver = house.platform.role(&admin, Role::Approver).await.unwrap();
        assert_eq!(approver.holds, [Permission::ApprovalApprove]);
        assert!(approver.inherited.contains(&(Permission::RunRead, Role::Viewer)));
        assert_eq!(approver.holders.iter().map(|holder| holder.email.as_str()).collect::<Vec<_>>(), ["approver@acme.example"]);
        for line in &roles {
            let shown = house.platform.role(&admin, line.role).await.unwrap();
            let all: BTreeSet<Permission> = shown.holds.into_iter().chain(shown.inherited.into_iter().map(|(permission, _)| permission)).collect();
            assert_eq!(all.len(), line.permissions, "{}", line.role);
        }
        assert_eq!(refusal(house.platform.roles(&house.acme_approver().await).await), (403, "forbidden"));
    }

    async fn whoever_owns_a_budget_decides_no_step_of_a_workflow(house) {
        let (admin, person) = (house.acme_admin().await, house.acme_approver().await.person().unwrap());
        house.platform.revoke_role(&admin, person, Role::Approver).await.unwrap();
        house.platform.grant_role(&house.acme_admin().await, person, Role::BudgetOwner).await.unwrap();
        let owner = house.acme_approver().await;
        assert!(owner.may(Permission::ApprovalApproveBudgetRaise) && owner.may(Permission::ApprovalRead) && owner.may(Permission::BudgetWrite));
        assert!(!owner.may(Permission::ApprovalApprove));
    }

    async fn members_are_searched_page_by_page_and_the_last_admin_is_named(house) {
        let admin = house.acme_admin().await;
        let found = async |text: &str| {
            let list = house.platform.members(&admin, &MemberSearch { text: text.to_owned(), ..MemberSearch::default() }).await.unwrap();
            list.items.into_iter().map(|member| member.email).collect::<Vec<_>>()
        };
        assert_eq!(found(" FIN ").await, ["approver@acme.example"]);
        assert_eq!(found("globex").await, Vec::<String>::new(), "nobody of the other tenant");
        let list = house.platform.members(&admin, &MemberSearch::default()).await.unwrap();
        assert_eq!((list.items.len(), list.next, list.last_admin), (2, None, admin.person()));
        assert_eq!(fields(house.platform.members(&admin, &MemberSearch { text: "x".repeat(201), ..MemberSearch::default() }).await), ["text"]);
        let other = house.acme_approver().await.person().unwrap();
        house.platform.grant_role(&admin, other, Role::Admin).await.unwrap();
        let list = house.platform.members(&house.acme_admin().await, &MemberSearch::default()).await.unwrap();
        assert_eq!(list.last_admin, None);
    }
}

#[tokio::test]
async fn a_tenant_is_held_to_what_the_operator_allows() {
    let (location, folder) = testing::sqlite();
    let quotas = Quotas { members: 2, open_runs: 0, runs_a_day: 10, stored_bytes: 1 << 20 };
    let house = empty(location, Some(folder), Settings { quotas, ..settings() }).await.furnished().await;
    let admin = house.acme_admin().await;
    assert_eq!(refusal(house.platform.invite(&admin, invite("vera@acme.example")).await), (409, "quota_members"));
    house.platform.save_workflow(&admin, PLAIN).await.unwrap();
    assert_eq!(refusal(start(&house, &admin).await), (409, "quota_open_runs"));
    assert_eq!(refusal(house.platform.invite(&house.globex_admin().await, invite("vera@globex.example")).await), (409, "quota_members"));
}
