//! Sessions that others end: an admin for their tenant, and knowing of it at once where a page is followed live.

use std::time::Duration;

use crate::house::{House, Member, PASSWORD, mailed_link, member, refusal, token_of};
use domain::{Secret, SessionId};
use platform::{
    invitations::{Acceptance, Invite},
    members::Role,
    tenants::SettingsText,
};

/// Makes acme's approver a viewer of globex too.
async fn joins_globex(house: &House) -> Member {
    let approver = house.acme.approver.clone();
    house.clock.advance(Duration::from_secs(1));
    let invite = Invite { email: approver.email.clone(), name: "Fin Approver".to_owned(), role: Role::Viewer };
    house.platform.invite(&house.globex_admin().await, invite).await.unwrap();
    let token = token_of(&mailed_link(&house.platform, &approver.email).await);
    house.platform.accept_invitation(&token, Acceptance::SignedIn(approver.signed_in.clone()), &house.client()).await.unwrap();
    approver
}

async fn signs_in(house: &House, email: &str) -> Member {
    let session = house.platform.sign_in(email, Secret::new(PASSWORD), &house.client()).await.unwrap();
    member(&house.platform, email, &session).await
}

async fn shown(house: &House, person: domain::PersonId) -> Vec<SessionId> {
    let sessions = house.platform.member_sessions(&house.acme_admin().await, person).await.unwrap();
    sessions.iter().map(|session| session.id).collect()
}

crate::house::in_a_house! {
    async fn an_admin_ends_one_session_or_all_of_a_member(house) {
        let (platform, first) = (&house.platform, house.acme.approver.clone());
        let person = first.signed_in.session.person;
        house.clock.advance(Duration::from_secs(1));
        let second = signs_in(&house, &first.email).await;
        let admin = house.acme_admin().await;
        assert_eq!(shown(&house, person).await, [second.signed_in.session.id, first.signed_in.session.id], "the newest first");
        assert_eq!(platform.end_member_sessions(&admin, person, Some(first.signed_in.session.id)).await.unwrap(), 1);
        assert!(platform.session(&first.cookie).await.unwrap().is_none(), "it opened nothing else, so nothing is left of it");
        assert!(house.actor(&second, "acme").await.is_ok());
        assert_eq!(refusal(platform.end_member_sessions(&admin, person, Some(first.signed_in.session.id)).await), (404, "not_found"));
        let own = house.acme.admin.signed_in.session.id;
        assert_eq!(refusal(platform.end_member_sessions(&admin, person, Some(own)).await), (404, "not_found"), "it is somebody else's");
        signs_in(&house, &first.email).await;
        assert_eq!(platform.end_member_sessions(&admin, person, None).await.unwrap(), 2);
        assert_eq!(platform.end_member_sessions(&admin, person, None).await.unwrap(), 0);
        assert!(shown(&house, person).await.is_empty() && platform.session(&second.cookie).await.unwrap().is_none());
        let again = signs_in(&house, &first.email).await;
        assert!(house.actor(&again, "acme").await.is_ok(), "the member can sign in again");
        let log = house.log(&admin).await;
        assert_eq!(log.iter().filter(|action| *action == "security.sessions_ended").count(), 2, "{log:?}");
    }

    async fn what_an_admin_ends_opens_the_persons_other_tenants_still(house) {
        let approver = joins_globex(&house).await;
        let person = approver.signed_in.session.person;
        assert!(house.actor(&approver, "acme").await.is_ok() && house.actor(&approver, "globex").await.is_ok());
        let reach = |tenant| house.platform.session_reach(approver.signed_in.session.id, tenant);
        let (here, there) = (reach(house.acme.id), reach(house.globex.id));
        assert_eq!(house.platform.end_member_sessions(&house.acme_admin().await, person, None).await.unwrap(), 1);
        assert_eq!(refusal(house.actor(&approver, "acme").await), (401, "session_ended"));
        assert!(house.actor(&approver, "globex").await.is_ok(), "that is no business of acme's");
        tokio::time::timeout(Duration::from_secs(10), here.ended()).await.expect("who follows a page of acme is told at once");
        assert!(tokio::time::timeout(Duration::from_millis(50), there.ended()).await.is_err());
        let again = signs_in(&house, &approver.email).await;
        assert!(house.actor(&again, "acme").await.is_ok());
        let globex = house.log(&house.globex_admin().await).await;
        assert!(!globex.contains(&"security.sessions_ended".to_owned()));
        // Ended by both, it opens nothing.
        house.platform.end_member_sessions(&house.globex_admin().await, person, Some(approver.signed_in.session.id)).await.unwrap();
        assert!(house.platform.session(&approver.cookie).await.unwrap().is_none());
    }

    async fn whoever_may_not_manage_members_neither_sees_nor_ends_their_sessions(house) {
        let (approver, admin) = (house.acme_approver().await, house.acme_admin().await);
        let (person, theirs) = (admin.person().unwrap(), house.acme.admin.signed_in.session.id);
        house.platform.grant_role(&admin, approver.person().unwrap(), Role::Auditor).await.unwrap();
        let auditor = house.acme_approver().await;
        assert_eq!(refusal(house.platform.member_sessions(&auditor, person).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.end_member_sessions(&auditor, person, Some(theirs)).await), (403, "forbidden"));
        let stranger = house.globex_admin().await;
        assert_eq!(refusal(house.platform.member_sessions(&stranger, person).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.end_member_sessions(&stranger, person, None).await), (404, "not_found"));
        assert!(house.platform.session(&house.acme.admin.cookie).await.unwrap().is_some());
    }

    async fn a_session_ends_for_live_pages_when_it_is_signed_out_or_idle(house) {
        let (one, other) = (signs_in(&house, "approver@acme.example").await, signs_in(&house, "approver@acme.example").await);
        let reach = |member: &Member| house.platform.session_reach(member.signed_in.session.id, house.acme.id);
        let (of_one, of_other) = (tokio::spawn(reach(&one).ended()), reach(&other));
        house.platform.sign_out(&one.signed_in, &house.client().request).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), of_one).await.expect("at once").unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), of_other.ended()).await.is_err());
        house.clock.advance(Duration::from_hours(8));
        tokio::time::timeout(Duration::from_secs(10), reach(&other).ended()).await.expect("nobody used it");
    }

    async fn a_tenant_signs_its_idle_members_out_sooner_wherever_else_they_work(house) {
        let approver = joins_globex(&house).await;
        let text = |minutes: &str| SettingsText { name: "Globex".to_owned(), session_idle_minutes: minutes.to_owned(), invited_domains: String::new(), time_zone: "UTC".to_owned() };
        house.platform.change_settings(&house.globex_admin().await, &text("10")).await.unwrap();
        house.clock.advance(Duration::from_mins(9));
        assert!(house.platform.session(&approver.cookie).await.unwrap().is_some(), "in use again");
        house.clock.advance(Duration::from_mins(10));
        assert!(house.platform.session(&approver.cookie).await.unwrap().is_none());
        assert!(house.platform.session(&house.acme.admin.cookie).await.unwrap().is_some(), "who is only of acme is not bound by it");
    }
}
