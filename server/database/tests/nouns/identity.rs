//! One-time links of people, sessions that an admin ended, addresses that change, pages of members, and what quotas count.

use database::{
    Housekeeping,
    members::{self, MemberStatus, Search},
    people,
    person_links::{self, LinkPurpose, NewPersonLink},
    quotas,
    roles::fresh_version,
    sessions::{self, NewSession},
    settings::{self, QuotaRow},
    tenants,
};
use domain::{
    PersonId, SessionId,
    permission::{SettingsRead, SettingsWrite, UserManage, UserRead},
};

use crate::site::{Site, at, authorized, event, new_run, scope};

on_both_engines! {
    a_link_of_a_person_is_used_once_and_for_its_purpose
    a_session_that_was_ended_here_opens_the_other_tenant_still
    the_shortest_idle_time_of_ones_tenants_counts
    an_address_that_changes_makes_recorded_rights_stale_and_is_nobody_elses
    members_are_found_by_a_part_of_name_or_address_page_by_page
    what_is_stored_is_counted_for_its_tenant_alone
    quotas_count_people_runs_and_open_invitations
}

fn link(site: &Site, person: PersonId, purpose: LinkPurpose, token: u8) -> NewPersonLink {
    NewPersonLink {
        id: site.id(),
        person,
        purpose,
        token_hash: [token; 32],
        email: "new@acme.example".to_owned(),
        created_at: at(0),
        expires_at: at(60),
    }
}

async fn a_link_of_a_person_is_used_once_and_for_its_purpose(site: &Site) {
    let (person, reset) = (site.acme.approver, LinkPurpose::PasswordReset);
    let mut tx = site.system().await;
    for (purpose, token) in [(reset, 1), (reset, 2), (LinkPurpose::EmailChange, 3)] {
        person_links::create(&mut tx, &link(site, person, purpose, token)).await.unwrap();
    }
    for _ in 0..2 {
        let found = person_links::find(&mut tx, reset, &[1; 32], at(59)).await.unwrap().unwrap();
        assert_eq!((found.person, found.email.as_str()), (person, "new@acme.example"));
    }
    assert!(person_links::find(&mut tx, LinkPurpose::EmailChange, &[1; 32], at(59)).await.unwrap().is_none());
    assert!(person_links::take(&mut tx, LinkPurpose::EmailRestoration, &[1; 32], at(59)).await.unwrap().is_none());
    assert!(person_links::take(&mut tx, reset, &[1; 32], at(60)).await.unwrap().is_none(), "its time is over");
    assert!(person_links::take(&mut tx, reset, &[1; 32], at(59)).await.unwrap().is_some());
    assert!(person_links::take(&mut tx, reset, &[1; 32], at(59)).await.unwrap().is_none(), "it was used");
    assert_eq!(person_links::delete_of(&mut tx, person, reset).await.unwrap(), 1);
    assert_eq!(person_links::delete_expired(&mut tx, at(60)).await.unwrap(), 1);
    tx.housekeep(Housekeeping::Links).await.unwrap();
}

async fn signed_in(site: &Site, person: PersonId, token: u8) -> SessionId {
    let mut tx = site.system().await;
    let new =
        NewSession { id: site.id(), person, token_hash: [token; 32], created_at: at(0), expires_at: at(3600), address: None, agent: None };
    sessions::create(&mut tx, &new).await.unwrap();
    tx.housekeep(Housekeeping::Sessions).await.unwrap();
    new.id
}

async fn joins_globex(site: &Site, person: PersonId) {
    let mut tx = site.system().await;
    let fresh = fresh_version(&site.entropy);
    database::invitations::join(&mut tx, site.globex.id, person, "viewer", None, at(0), fresh).await.unwrap();
    site.commit(tx).await;
}

async fn end_here(site: &Site, session: SessionId) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let member = authorized::<UserManage, _>(members::find(&mut tx, site.acme.approver).await.unwrap(), &actor);
    assert!(sessions::end_here(&mut tx, &member, session, at(5)).await.unwrap());
    assert!(!sessions::end_here(&mut tx, &member, session, at(6)).await.unwrap());
    assert_eq!(sessions::ended_here(&mut tx).await.unwrap(), [session]);
    tx.commit(event()).await.unwrap();
}

async fn a_session_that_was_ended_here_opens_the_other_tenant_still(site: &Site) {
    let person = site.acme.approver;
    joins_globex(site, person).await;
    let (ended, other) = (signed_in(site, person, 1).await, signed_in(site, person, 2).await);
    end_here(site, ended).await;
    let mut tx = site.system().await;
    for (slug, session, is_ended) in [("acme", ended, true), ("acme", other, false), ("globex", ended, false)] {
        let entered = tenants::entered(&mut tx, slug, person, session).await.unwrap().unwrap();
        assert_eq!((entered.is_ended_here, entered.tenancy.is_open()), (is_ended, true), "{slug}");
    }
    assert!(tenants::entered(&mut tx, "globex", site.acme.admin, other).await.unwrap().is_none(), "a stranger");
    assert_eq!(sessions::delete_without_reach(&mut tx, person).await.unwrap(), 0, "it opens globex");
    drop(tx);

    // Where acme is all it opened, nothing is left of it.
    let actor = site.actor(&site.globex).await;
    let mut tx = site.write(&actor).await;
    let member = authorized::<UserManage, _>(members::find(&mut tx, person).await.unwrap(), &actor);
    members::set_status(&mut tx, &member, members::MemberStatus::Disabled, fresh_version(&site.entropy)).await.unwrap();
    tx.commit(event()).await.unwrap();
    let mut tx = site.system().await;
    assert_eq!(sessions::delete_without_reach(&mut tx, person).await.unwrap(), 1);
    assert!(sessions::find(&mut tx, ended).await.unwrap().is_none() && sessions::find(&mut tx, other).await.unwrap().is_some());
    tx.housekeep(Housekeeping::Sessions).await.unwrap();
    let actor = site.actor(&site.acme).await;
    assert!(sessions::ended_here(&mut site.read(&actor).await).await.unwrap().is_empty(), "the row went with the session");
}

async fn the_shortest_idle_time_of_ones_tenants_counts(site: &Site) {
    let person = site.acme.approver;
    let session = signed_in(site, person, 1).await;
    let idle = async || sessions::find(&mut site.system().await, session).await.unwrap().unwrap().idle_minutes;
    assert_eq!(idle().await, None);
    joins_globex(site, person).await;
    for (tenant, minutes) in [(&site.acme, 30), (&site.globex, 10)] {
        let actor = site.actor(tenant).await;
        let mut tx = site.write(&actor).await;
        let mut row = settings::find(&mut tx, &scope::<SettingsRead>(&actor)).await.unwrap();
        row.session_idle_minutes = Some(minutes);
        settings::change(&mut tx, &scope::<SettingsWrite>(&actor), &row).await.unwrap();
        tx.commit(event()).await.unwrap();
    }
    assert_eq!(idle().await, Some(10));
}

async fn an_address_that_changes_makes_recorded_rights_stale_and_is_nobody_elses(site: &Site) {
    let before = site.acting(&site.acme, site.acme.approver).await;
    let mut tx = site.system().await;
    assert!(!people::set_email(&mut tx, site.acme.approver, "admin@acme.example", &site.entropy).await.unwrap(), "it is taken");
    assert!(!people::set_email(&mut tx, site.acme.approver, "approver@acme.example", &site.entropy).await.unwrap(), "it is theirs");
    assert!(people::set_email(&mut tx, site.acme.approver, "fin@acme.example", &site.entropy).await.unwrap());
    site.commit(tx).await;
    assert!(site.database().read(&before).await.is_err(), "whoever is named by address is looked up anew");
    let mut tx = site.system().await;
    assert!(people::find_by_email(&mut tx, "approver@acme.example").await.unwrap().is_none());
    assert_eq!(people::find_by_email(&mut tx, "fin@acme.example").await.unwrap().unwrap().id, site.acme.approver);
}

async fn members_are_found_by_a_part_of_name_or_address_page_by_page(site: &Site) {
    for name in ["bea", "cy_a", "cyra", "dan%"] {
        site.member(&site.acme, &format!("{name}@acme.example"), "viewer").await;
    }
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let mut found = async |text: &str, after, limit| {
        let page = members::page(&mut tx, &scope::<UserRead>(&actor), Search { text, after, ..Search::default() }, limit).await.unwrap();
        let names: Vec<String> = page.items.iter().map(|member| member.email.replace("@acme.example", "")).collect();
        (names.join(" "), page.next)
    };
    let (first, next) = found("", None, 4).await;
    assert_eq!(first, "admin approver bea cy_a");
    assert_eq!(found("", next, 4).await, ("cyra dan%".to_owned(), None));
    assert_eq!(found("CY", None, 4).await.0, "cy_a cyra");
    assert_eq!(found("y_", None, 4).await.0, "cy_a", "no sign stands for another");
    assert_eq!(found("%", None, 4).await.0, "dan%");
    assert_eq!(found("!", None, 4).await.0, "");
    assert_eq!(found("", Some(site.globex.admin), 4).await.0, "", "somebody else's member is no place to go on from");
    for (search, expected) in [
        (Search { role: Some("viewer"), ..Search::default() }, 4),
        (Search { role: Some("viewer"), text: "cy", ..Search::default() }, 2),
        (Search { role: Some("nobody"), ..Search::default() }, 0),
        (Search { status: Some(MemberStatus::Active), ..Search::default() }, 6),
        (Search { status: Some(MemberStatus::Disabled), ..Search::default() }, 0),
    ] {
        let page = members::page(&mut tx, &scope::<UserRead>(&actor), search, 10).await.unwrap();
        assert_eq!(page.items.len(), expected, "{search:?}");
        assert!(page.items.iter().all(|member| !member.roles.is_empty()), "a member is shown with every role");
    }
}

async fn what_is_stored_is_counted_for_its_tenant_alone(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let before = quotas::usage(&mut site.read(&actor).await).await.unwrap();
    let run = new_run(&site.acme, site.id(), at(1));
    let takes = i64::try_from(run.inputs.to_string().len()).unwrap();
    for is_kept in [true, false] {
        let mut tx = site.write(&actor).await;
        database::runs::accept(&mut tx, &scope(&actor), &database::runs::NewRun { id: site.id(), letter_id: site.id(), ..run.clone() })
            .await
            .unwrap();
        if is_kept {
            tx.commit(event()).await.unwrap();
        }
    }
    let after = quotas::usage(&mut site.read(&actor).await).await.unwrap();
    assert!(before.stored_bytes > 0, "the workflow takes something");
    assert_eq!(after.stored_bytes, before.stored_bytes + takes, "what was dropped is not counted");
    let globex = site.actor(&site.globex).await;
    assert_eq!(quotas::usage(&mut site.read(&globex).await).await.unwrap().stored_bytes, before.stored_bytes);

    let mut tx = site.write(&actor).await;
    let mine = QuotaRow { members: Some(3), stored_bytes: Some(1_000), ..QuotaRow::default() };
    settings::set_quotas(&mut tx, &scope::<SettingsWrite>(&actor), &mine).await.unwrap();
    tx.commit(event()).await.unwrap();
    assert_eq!(quotas::usage(&mut site.read(&actor).await).await.unwrap().quotas, mine);
    assert_eq!(settings::in_force(&mut site.read(&globex).await).await.unwrap().quotas, QuotaRow::default());
}

async fn quotas_count_people_runs_and_open_invitations(site: &Site) {
    let run = site.run(&site.acme, at(7)).await;
    site.run(&site.acme, at(8)).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    assert_eq!(quotas::active_members(&mut tx).await.unwrap(), 2);
    assert_eq!((quotas::open_runs(&mut tx, 100).await.unwrap(), quotas::open_runs(&mut tx, 1).await.unwrap()), (2, 1), "no further");
    assert_eq!(quotas::accepted_at(&mut tx, 1).await.unwrap(), Some(at(7)), "{run}");
    assert_eq!(quotas::accepted_at(&mut tx, 3).await.unwrap(), None);
    assert_eq!(quotas::usage(&mut tx).await.unwrap().next_run_number, 3);
    let new = database::invitations::NewInvitation {
        id: site.id(),
        email: "new@acme.example".to_owned(),
        name: "New".to_owned(),
        role: "viewer".to_owned(),
        token_hash: [9; 32],
        created_at: at(0),
        expires_at: at(60),
    };
    database::invitations::create(&mut tx, &scope(&actor), &new).await.unwrap();
    assert_eq!(quotas::open_invitations(&mut tx, at(59)).await.unwrap(), 1);
    assert_eq!(quotas::open_invitations(&mut tx, at(60)).await.unwrap(), 0);
    tx.commit(event()).await.unwrap();
    let mut tx = site.system().await;
    assert_eq!(quotas::members_of(&mut tx, site.acme.id).await.unwrap().members, 2);
}
