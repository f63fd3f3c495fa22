//! People, sessions, invitations, members, roles and throttling.

use std::time::Duration;

use database::{
    Error, Housekeeping,
    invitations::{self, NewInvitation},
    links, members,
    members::MemberStatus,
    people::{self, PersonStatus},
    roles::{self, fresh_version},
    sessions::{self, NewSession},
    tenants,
    throttle::{self, Bucket, Taken},
};
use domain::{
    PersonId, Secret, SessionId,
    permission::{RoleWrite, UserManage, UserRead, UserWrite},
};

use crate::site::{Site, at, authorized, event, make_person, scope};

on_both_engines! {
    an_email_names_one_person
    a_session_is_found_by_its_token_until_it_is_deleted
    ending_all_sessions_can_spare_one
    sessions_end_with_the_last_tenant_they_open
    a_password_is_replaced_once
    only_the_newest_invitation_of_an_address_can_be_accepted
    an_expired_or_withdrawn_invitation_cannot_be_accepted
    an_invitation_does_not_bring_a_disabled_member_back
    a_change_of_roles_makes_recorded_rights_stale
    a_disabled_member_holds_no_role_in_the_policy
    a_person_who_may_not_sign_in_holds_no_role_anywhere
    active_holders_of_a_role_are_counted
    a_one_time_link_is_used_once
    a_bucket_gives_its_tokens_and_fills_again
}

async fn an_email_names_one_person(site: &Site) {
    let mut tx = site.system().await;
    let known = people::find_by_email(&mut tx, "admin@acme.example").await.unwrap().unwrap();
    assert_eq!((known.id, known.status), (site.acme.admin, PersonStatus::Active));
    let again = people::NewPerson {
        id: site.id(),
        email: "admin@acme.example".to_owned(),
        name: "Another".to_owned(),
        password_hash: Secret::new("x"),
        created_at: at(0),
    };
    assert!(!people::create(&mut tx, &again).await.unwrap());
    assert!(people::find(&mut tx, again.id).await.unwrap().is_none());
    assert!(people::find_by_email(&mut tx, "nobody@acme.example").await.unwrap().is_none());
}

fn session(site: &Site, person: PersonId, token: u8) -> NewSession {
    NewSession {
        id: site.id(),
        person,
        token_hash: [token; 32],
        created_at: at(0),
        expires_at: at(3600),
        address: Some("192.0.2.1".to_owned()),
        agent: None,
    }
}

async fn a_session_is_found_by_its_token_until_it_is_deleted(site: &Site) {
    let mut tx = site.system().await;
    let new = session(site, site.acme.admin, 1);
    sessions::create(&mut tx, &new).await.unwrap();
    sessions::touch(&mut tx, new.id, at(60)).await.unwrap();
    sessions::touch(&mut tx, new.id, at(30)).await.unwrap();
    let found = sessions::find_by_token(&mut tx, &[1; 32]).await.unwrap().unwrap();
    assert_eq!(found.email, "admin@acme.example");
    assert_eq!((found.session.last_seen_at, found.session.expires_at), (at(60), at(3600)), "an older touch changes nothing");
    assert_eq!(found.session.address.as_deref(), Some("192.0.2.1"));
    assert!(sessions::find_by_token(&mut tx, &[2; 32]).await.unwrap().is_none());
    assert!(!sessions::delete(&mut tx, site.acme.approver, new.id).await.unwrap(), "it is somebody else's");
    assert!(sessions::delete(&mut tx, site.acme.admin, new.id).await.unwrap());
    assert!(sessions::find_by_token(&mut tx, &[1; 32]).await.unwrap().is_none());
}

async fn ending_all_sessions_can_spare_one(site: &Site) {
    let mut tx = site.system().await;
    let mut ids: Vec<SessionId> = Vec::new();
    for token in 1..=3 {
        let new = session(site, site.acme.admin, token);
        sessions::create(&mut tx, &new).await.unwrap();
        ids.push(new.id);
    }
    assert_eq!(sessions::delete_all(&mut tx, site.acme.admin, Some(ids[1])).await.unwrap(), 2);
    let left: Vec<SessionId> = sessions::of_person(&mut tx, site.acme.admin).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(left, [ids[1]]);
    assert_eq!(sessions::delete_ended(&mut tx, at(3599), at(0)).await.unwrap(), 0);
    assert_eq!(sessions::delete_ended(&mut tx, at(10), at(1)).await.unwrap(), 1, "it was idle");
    assert_eq!(sessions::delete_all(&mut tx, site.acme.admin, None).await.unwrap(), 0);
    tx.housekeep(Housekeeping::Sessions).await.unwrap();
}

async fn sessions_end_with_the_last_tenant_they_open(site: &Site) {
    let mut tx = site.system().await;
    sessions::create(&mut tx, &session(site, site.acme.approver, 1)).await.unwrap();
    assert_eq!(sessions::delete_without_reach(&mut tx, site.acme.approver).await.unwrap(), 0);
    site.commit(tx).await;

    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let member = authorized::<UserManage, _>(members::find(&mut tx, site.acme.approver).await.unwrap(), &actor);
    assert!(members::set_status(&mut tx, &member, MemberStatus::Disabled, fresh_version(&site.entropy)).await.unwrap());
    tx.commit(event()).await.unwrap();

    let mut tx = site.system().await;
    assert_eq!(sessions::delete_without_reach(&mut tx, site.acme.approver).await.unwrap(), 1);
}

async fn a_password_is_replaced_once(site: &Site) {
    let mut tx = site.system().await;
    let person = people::find(&mut tx, site.acme.admin).await.unwrap().unwrap();
    assert!(people::set_password(&mut tx, &person, &Secret::new("first"), at(5)).await.unwrap());
    assert!(!people::set_password(&mut tx, &person, &Secret::new("second"), at(6)).await.unwrap(), "the row is old");
    let now = people::find(&mut tx, site.acme.admin).await.unwrap().unwrap();
    assert_eq!((now.password_hash.expose(), now.password_changed_at), ("first", at(5)));
}

fn invitation(site: &Site, email: &str, token: u8) -> NewInvitation {
    NewInvitation {
        id: site.id(),
        email: email.to_owned(),
        name: "New".to_owned(),
        role: "viewer".to_owned(),
        token_hash: [token; 32],
        created_at: at(0),
        expires_at: at(3600),
    }
}

async fn invite(site: &Site, email: &str, token: u8) -> NewInvitation {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let new = invitation(site, email, token);
    invitations::create(&mut tx, &scope::<UserWrite>(&actor), &new).await.unwrap();
    tx.commit(event()).await.unwrap();
    new
}

async fn only_the_newest_invitation_of_an_address_can_be_accepted(site: &Site) {
    let first = invite(site, "new@acme.example", 1).await;
    let second = invite(site, "new@acme.example", 2).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let open = invitations::list_open(&mut tx, &scope::<UserRead>(&actor)).await.unwrap();
    assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), [second.id]);
    drop(tx);

    let mut tx = site.system().await;
    let person = make_person(&mut tx, &site.entropy, "new@acme.example").await;
    let old = invitations::find_by_token(&mut tx, &first.token_hash).await.unwrap().unwrap();
    assert!(!old.invitation.is_open(at(1)));
    assert!(!invitations::accept(&mut tx, &old, person, at(1), fresh_version(&site.entropy)).await.unwrap());
    let newest = invitations::find_by_token(&mut tx, &second.token_hash).await.unwrap().unwrap();
    assert_eq!((newest.tenant, newest.tenant_slug.as_str(), newest.invitation.role.as_str()), (site.acme.id, "acme", "viewer"));
    assert!(newest.invitation.is_open(at(1)));
    assert!(invitations::accept(&mut tx, &newest, person, at(1), fresh_version(&site.entropy)).await.unwrap());
    assert!(!invitations::accept(&mut tx, &newest, person, at(1), fresh_version(&site.entropy)).await.unwrap(), "twice");
    site.commit(tx).await;

    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let member = authorized::<UserRead, _>(members::find_by_email(&mut tx, "new@acme.example").await.unwrap(), &actor);
    assert_eq!((member.status, member.roles.as_slice()), (MemberStatus::Active, &["viewer".to_owned()][..]));
}

async fn an_expired_or_withdrawn_invitation_cannot_be_accepted(site: &Site) {
    let late = invite(site, "late@acme.example", 1).await;
    let withdrawn = invite(site, "unwanted@acme.example", 2).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let row = authorized::<UserWrite, _>(invitations::find(&mut tx, withdrawn.id).await.unwrap(), &actor);
    assert!(invitations::withdraw(&mut tx, &row, at(1)).await.unwrap());
    assert!(!invitations::withdraw(&mut tx, &row, at(2)).await.unwrap());
    tx.commit(event()).await.unwrap();

    let mut tx = site.system().await;
    for (new, now) in [(late, at(3600)), (withdrawn, at(2))] {
        let invited = invitations::find_by_token(&mut tx, &new.token_hash).await.unwrap().unwrap();
        let fresh = fresh_version(&site.entropy);
        assert!(!invitations::accept(&mut tx, &invited, site.globex.admin, now, fresh).await.unwrap(), "{}", new.email);
    }
}

async fn an_invitation_does_not_bring_a_disabled_member_back(site: &Site) {
    let new = invite(site, "approver@acme.example", 1).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let member = authorized::<UserManage, _>(members::find(&mut tx, site.acme.approver).await.unwrap(), &actor);
    members::set_status(&mut tx, &member, MemberStatus::Disabled, fresh_version(&site.entropy)).await.unwrap();
    tx.commit(event()).await.unwrap();

    let mut tx = site.system().await;
    let invited = invitations::find_by_token(&mut tx, &new.token_hash).await.unwrap().unwrap();
    assert!(invitations::accept(&mut tx, &invited, site.acme.approver, at(1), fresh_version(&site.entropy)).await.unwrap());
    let tenancies = tenants::of_person(&mut tx, site.acme.approver).await.unwrap();
    assert_eq!(tenancies.iter().map(|tenancy| tenancy.membership).collect::<Vec<_>>(), [MemberStatus::Disabled]);
}

async fn a_change_of_roles_makes_recorded_rights_stale(site: &Site) {
    let before = site.actor(&site.acme).await;
    let elsewhere = site.actor(&site.globex).await;
    let mut tx = site.write(&before).await;
    let member = authorized::<RoleWrite, _>(members::find(&mut tx, site.acme.approver).await.unwrap(), &before);
    let fresh = fresh_version(&site.entropy);
    assert!(members::grant(&mut tx, &member, "viewer", at(1), fresh).await.unwrap());
    assert!(!members::grant(&mut tx, &member, "viewer", at(2), fresh).await.unwrap(), "they hold it");
    tx.commit(event()).await.unwrap();

    assert_eq!(site.database().read(&before).await.err(), Some(Error::StalePolicy { current: fresh }));
    assert_eq!(site.database().write(&before).await.err(), Some(Error::StalePolicy { current: fresh }));
    assert!(site.database().read(&elsewhere).await.is_ok(), "another tenant's rights are as good as before");

    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let list = members::page(&mut tx, &scope::<UserRead>(&actor), members::Search::default(), 10).await.unwrap();
    let shown: Vec<_> = list.items.iter().map(|member| (member.email.as_str(), member.roles.join(" "))).collect();
    assert_eq!(shown, [("admin@acme.example", "admin".to_owned()), ("approver@acme.example", "approver viewer".to_owned())]);
    let member = authorized::<RoleWrite, _>(members::find(&mut tx, site.acme.approver).await.unwrap(), &actor);
    assert!(members::revoke(&mut tx, &member, "viewer", fresh_version(&site.entropy)).await.unwrap());
    assert!(!members::revoke(&mut tx, &member, "viewer", fresh_version(&site.entropy)).await.unwrap());
    let bindings = roles::bindings(&mut tx, &scope(&actor)).await.unwrap();
    assert_eq!(bindings.iter().map(|row| row.role.as_str()).collect::<Vec<_>>(), ["admin", "approver"]);
}

async fn a_disabled_member_holds_no_role_in_the_policy(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let member = authorized::<UserManage, _>(members::find(&mut tx, site.acme.approver).await.unwrap(), &actor);
    let fresh = fresh_version(&site.entropy);
    assert!(members::set_status(&mut tx, &member, MemberStatus::Disabled, fresh).await.unwrap());
    assert!(!members::set_status(&mut tx, &member, MemberStatus::Disabled, fresh).await.unwrap(), "nothing to change");
    assert_eq!(members::status(&mut tx, site.acme.approver).await.unwrap(), Some(MemberStatus::Disabled));
    tx.commit(event()).await.unwrap();

    let mut tx = site.database().system_read().await.unwrap();
    let policy = roles::policy_of(&mut tx, site.acme.id).await.unwrap().unwrap();
    assert_eq!(policy.version, fresh);
    assert_eq!(policy.bindings, [(site.acme.admin, "admin".to_owned())]);
    assert!(roles::policy_of(&mut tx, site.id()).await.unwrap().is_none());
}

async fn a_person_who_may_not_sign_in_holds_no_role_anywhere(site: &Site) {
    let mut tx = site.system().await;
    let fresh = fresh_version(&site.entropy);
    invitations::join(&mut tx, site.globex.id, site.acme.approver, "approver", None, at(0), fresh).await.unwrap();
    assert!(people::set_status(&mut tx, site.acme.approver, PersonStatus::Disabled, &site.entropy).await.unwrap());
    assert!(!people::set_status(&mut tx, site.acme.approver, PersonStatus::Disabled, &site.entropy).await.unwrap());
    for tenant in [site.acme.id, site.globex.id] {
        let policy = roles::policy_of(&mut tx, tenant).await.unwrap().unwrap();
        assert!(policy.bindings.iter().all(|(person, _)| *person != site.acme.approver), "{policy:?}");
        assert_ne!(policy.version, fresh, "the policy has a new state");
    }
}

async fn active_holders_of_a_role_are_counted(site: &Site) {
    site.member(&site.acme, "second@acme.example", "admin").await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    assert_eq!(members::count_active_holders(&mut tx, "admin").await.unwrap(), 2);
    let holders = roles::holders(&mut tx, "admin").await.unwrap();
    assert_eq!(holders.iter().map(|row| row.email.as_str()).collect::<Vec<_>>(), ["admin@acme.example", "second@acme.example"]);
    let member = authorized::<UserManage, _>(members::find(&mut tx, site.acme.admin).await.unwrap(), &actor);
    members::set_status(&mut tx, &member, MemberStatus::Disabled, fresh_version(&site.entropy)).await.unwrap();
    assert_eq!(members::count_active_holders(&mut tx, "admin").await.unwrap(), 1);
    assert_eq!(members::count_active_holders(&mut tx, "nobody").await.unwrap(), 0);
}

async fn a_one_time_link_is_used_once(site: &Site) {
    let mut tx = site.system().await;
    assert!(!links::was_used(&mut tx, "set-up").await.unwrap());
    assert!(links::use_once(&mut tx, "set-up", "tenant", Some(site.acme.id), at(0)).await.unwrap());
    assert!(!links::use_once(&mut tx, "set-up", "tenant", None, at(1)).await.unwrap());
    assert!(links::was_used(&mut tx, "set-up").await.unwrap());
}

async fn a_bucket_gives_its_tokens_and_fills_again(site: &Site) {
    let bucket = Bucket { capacity: 2, every: Duration::from_secs(10) };
    let mut tx = site.system().await;
    for _ in 0..2 {
        assert_eq!(throttle::take(&mut tx, "ip", bucket, at(0)).await.unwrap(), Taken::Allowed);
    }
    let denied = Taken::Denied { retry_after: Duration::from_secs(10) };
    assert_eq!(throttle::take(&mut tx, "ip", bucket, at(0)).await.unwrap(), denied);
    assert_eq!(throttle::take(&mut tx, "other", bucket, at(0)).await.unwrap(), Taken::Allowed, "a key of its own");
    let denied = Taken::Denied { retry_after: Duration::from_secs(1) };
    assert_eq!(throttle::take(&mut tx, "ip", bucket, at(9)).await.unwrap(), denied, "asking in vain costs nothing");
    assert_eq!(throttle::take(&mut tx, "ip", bucket, at(10)).await.unwrap(), Taken::Allowed);
    // However long nobody asked, there are never more than the bucket holds.
    for expected in [true, true, false] {
        let taken = throttle::take(&mut tx, "ip", bucket, at(100_000)).await.unwrap();
        assert_eq!(taken == Taken::Allowed, expected);
    }
    assert_eq!(throttle::delete_unused(&mut tx, at(100_000)).await.unwrap(), 1);
    tx.housekeep(Housekeeping::Throttle).await.unwrap();
}
