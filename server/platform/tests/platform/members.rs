//! Members, their roles, invitations, and denials in the log, on both engines and always with two tenants.

use std::time::Duration;

use crate::house::{House, PASSWORD, fields, mailed_link, member, refusal, token_of};
use database::Topic;
use domain::{Denied, InvitationId, PersonId, Secret, permission::Permission};
use platform::{
    invitations::{Acceptance, Invite},
    members::{MemberSearch, Role},
};

fn invite(email: &str, role: Role) -> Invite {
    Invite { email: email.to_owned(), name: "Vera Viewer".to_owned(), role }
}

fn with_password(password: &str) -> Acceptance {
    Acceptance::Password { name: "Vera Viewer".to_owned(), password: Secret::new(password) }
}

fn person(actor: &domain::Actor) -> PersonId {
    actor.person().unwrap()
}

crate::house::in_a_house! {
    async fn members_are_those_of_ones_own_tenant(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        let members = house.platform.members(&acme, &MemberSearch::default()).await.unwrap().items;
        let shown: Vec<(&str, &[Role], bool)> =
            members.iter().map(|member| (member.email.as_str(), member.roles.as_slice(), member.is_self)).collect();
        assert_eq!(shown, [("admin@acme.example", &[Role::Admin][..], true), ("approver@acme.example", &[Role::Approver][..], false)]);
        let stranger = person(&globex);
        for refused in [
            refusal(house.platform.member(&acme, stranger).await),
            refusal(house.platform.grant_role(&acme, stranger, Role::Viewer).await),
            refusal(house.platform.revoke_role(&acme, stranger, Role::Admin).await),
            refusal(house.platform.disable_member(&acme, stranger).await),
            refusal(house.platform.enable_member(&acme, stranger).await),
        ] {
            assert_eq!(refused, (404, "not_found"));
        }
        assert_eq!(house.platform.member(&globex, stranger).await.unwrap().roles, [Role::Admin]);
    }

    async fn who_may_not_see_members_may_change_none(house) {
        let (approver, admin) = (house.acme_approver().await, person(&house.acme_admin().await));
        assert_eq!(refusal(house.platform.members(&approver, &MemberSearch::default()).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.invitations(&approver).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.invite(&approver, invite("vera@acme.example", Role::Admin)).await), (403, "forbidden"));
        for refused in [
            refusal(house.platform.member(&approver, admin).await),
            refusal(house.platform.grant_role(&approver, person(&approver), Role::Admin).await),
            refusal(house.platform.disable_member(&approver, admin).await),
        ] {
            assert_eq!(refused, (404, "not_found"));
        }
    }

    async fn a_role_counts_from_the_next_request_on(house) {
        let (admin, before) = (house.acme_admin().await, house.acme_approver().await);
        let approver = person(&before);
        let mut heard = house.platform.database().announcements();
        house.platform.grant_role(&admin, approver, Role::Auditor).await.unwrap();
        let announced = heard.recv().await.unwrap();
        assert_eq!((announced.tenant, announced.topic), (house.acme.id, Topic::Access));
        assert_eq!(refusal(house.platform.tenant(&before).await), (409, "rights_changed"), "rights of before open nothing");
        assert!(house.acme_approver().await.may(Permission::AuditRead));
        let admin = house.platform.renewed(&admin).await.unwrap();
        assert_eq!(refusal(house.platform.grant_role(&admin, approver, Role::Auditor).await), (409, "role_held"));
        house.platform.revoke_role(&admin, approver, Role::Auditor).await.unwrap();
        assert!(!house.acme_approver().await.may(Permission::AuditRead));
        let admin = house.platform.renewed(&admin).await.unwrap();
        assert_eq!(refusal(house.platform.revoke_role(&admin, approver, Role::Auditor).await), (409, "role_not_held"));
        let log = house.log(&admin).await;
        assert_eq!(log[log.len() - 2..], ["user.role_assigned", "user.role_revoked"], "what was refused left no trace");
    }

    async fn the_last_active_admin_stays_one(house) {
        let admin = house.acme_admin().await;
        let (me, other) = (person(&admin), person(&house.acme_approver().await));
        assert_eq!(refusal(house.platform.revoke_role(&admin, me, Role::Admin).await), (409, "last_admin"));
        assert_eq!(refusal(house.platform.disable_member(&admin, me).await), (409, "last_admin"));
        assert_eq!(house.platform.member(&admin, me).await.unwrap().roles, [Role::Admin], "nothing was done");
        house.platform.grant_role(&admin, other, Role::Admin).await.unwrap();
        let admin = house.acme_admin().await;
        house.platform.disable_member(&admin, other).await.unwrap();
        let admin = house.acme_admin().await;
        assert_eq!(refusal(house.platform.revoke_role(&admin, me, Role::Admin).await), (409, "last_admin"), "a disabled one does not count");
        house.platform.enable_member(&admin, other).await.unwrap();
        let admin = house.acme_admin().await;
        house.platform.revoke_role(&admin, me, Role::Admin).await.unwrap();
    }

    async fn of_two_admins_who_remove_each_other_at_once_one_stays(house) {
        let admin = house.acme_admin().await;
        let (me, other) = (person(&admin), person(&house.acme_approver().await));
        house.platform.grant_role(&admin, other, Role::Admin).await.unwrap();
        let (first, second) = (house.acme_admin().await, house.acme_approver().await);
        let (one, two) = tokio::join!(
            house.platform.revoke_role(&first, other, Role::Admin),
            house.platform.revoke_role(&second, me, Role::Admin),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }

    async fn a_disabled_member_is_out_at_once_and_in_again_when_enabled(house) {
        let admin = house.acme_admin().await;
        let approver = house.acme.approver.clone();
        let before = house.acme_approver().await;
        house.platform.disable_member(&admin, person(&before)).await.unwrap();
        assert!(house.platform.session(&approver.cookie).await.unwrap().is_none(), "the session ended");
        assert_eq!(refusal(house.actor(&approver, "acme").await), (404, "not_found"));
        assert_eq!(refusal(house.platform.tenant(&before).await), (409, "rights_changed"));
        assert!(!house.platform.renewed(&before).await.unwrap().may(Permission::ApprovalRead));
        let sign_in = house.platform.sign_in(&approver.email, Secret::new(PASSWORD), &house.client()).await;
        assert_eq!(refusal(sign_in), (403, "no_membership"));
        let admin = house.acme_admin().await;
        assert!(!house.platform.member(&admin, person(&before)).await.unwrap().is_active);
        assert_eq!(refusal(house.platform.disable_member(&admin, person(&before)).await), (409, "member_disabled"));
        house.platform.enable_member(&admin, person(&before)).await.unwrap();
        let session = house.platform.sign_in(&approver.email, Secret::new(PASSWORD), &house.client()).await.unwrap();
        let again = member(&house.platform, &approver.email, &session).await;
        assert!(house.actor(&again, "acme").await.unwrap().may(Permission::ApprovalApprove), "the roles were kept");
    }

    async fn whoever_is_a_member_elsewhere_stays_signed_in_when_disabled(house) {
        let globex = house.globex_admin().await;
        let approver = house.acme.approver.clone();
        house.clock.advance(Duration::from_secs(1));
        house.platform.invite(&globex, invite(&approver.email, Role::Viewer)).await.unwrap();
        let token = token_of(&mailed_link(&house.platform, &approver.email).await);
        house.platform.accept_invitation(&token, Acceptance::SignedIn(approver.signed_in.clone()), &house.client()).await.unwrap();
        let id = approver.signed_in.session.person;
        house.platform.disable_member(&house.acme_admin().await, id).await.unwrap();
        assert!(house.platform.session(&approver.cookie).await.unwrap().is_some());
        assert_eq!(refusal(house.actor(&approver, "acme").await), (404, "not_found"));
        assert!(house.actor(&approver, "globex").await.is_ok());
    }

    async fn an_invitation_is_mailed_and_accepted_once(house) {
        let admin = house.acme_admin().await;
        let sent = house.platform.invite(&admin, invite(" Vera@Acme.example", Role::Viewer)).await.unwrap();
        assert_eq!((sent.email.as_str(), sent.role, sent.is_expired), ("vera@acme.example", Role::Viewer, false));
        assert_eq!(house.platform.invitations(&admin).await.unwrap(), [sent]);
        let token = token_of(&mailed_link(&house.platform, "vera@acme.example").await);
        let seen = house.platform.invited(&token).await.unwrap();
        assert_eq!((seen.tenant_name.as_str(), seen.has_password), ("ACME", false));
        assert_eq!(house.platform.invited(&token).await.unwrap(), seen, "looking changes nothing");
        assert_eq!(fields(house.platform.accept_invitation(&token, with_password("vera@acme.example"), &house.client()).await), ["password"]);
        let accepted = house.platform.accept_invitation(&token, with_password(PASSWORD), &house.client()).await.unwrap();
        assert_eq!(accepted.slug, "acme");
        let vera = member(&house.platform, "vera@acme.example", &accepted.session.unwrap()).await;
        let actor = house.actor(&vera, "acme").await.unwrap();
        assert!(actor.may(Permission::RunRead) && !actor.may(Permission::ApprovalApprove));
        assert_eq!(refusal(house.actor(&vera, "globex").await), (404, "not_found"));
        assert_eq!(refusal(house.platform.invited(&token).await), (409, "invitation_accepted"));
        let again = house.platform.accept_invitation(&token, with_password(PASSWORD), &house.client()).await;
        assert_eq!(refusal(again), (409, "invitation_accepted"));
        let admin = house.acme_admin().await;
        assert_eq!(house.platform.invitations(&admin).await.unwrap(), []);
        let log = house.log(&admin).await;
        assert_eq!(log[log.len() - 4..], ["user.invited", "user.created", "user.role_assigned", "auth.login"]);
    }

    async fn of_two_who_accept_at_once_one_becomes_a_member(house) {
        house.platform.invite(&house.acme_admin().await, invite("vera@acme.example", Role::Viewer)).await.unwrap();
        let token = token_of(&mailed_link(&house.platform, "vera@acme.example").await);
        let client = house.client();
        let (one, other) = tokio::join!(
            house.platform.accept_invitation(&token, with_password(PASSWORD), &client),
            house.platform.accept_invitation(&token, with_password("seven quiet walruses"), &client),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }

    async fn an_expired_withdrawn_or_replaced_invitation_leads_nowhere(house) {
        let admin = house.acme_admin().await;
        let first = house.platform.invite(&admin, invite("vera@acme.example", Role::Viewer)).await.unwrap();
        let first_token = token_of(&mailed_link(&house.platform, "vera@acme.example").await);
        house.clock.advance(Duration::from_secs(1));
        let second = house.platform.resend_invitation(&admin, first.id).await.unwrap();
        let second_token = token_of(&mailed_link(&house.platform, "vera@acme.example").await);
        assert_ne!(first_token, second_token);
        let accept = |token: String| {
            let (platform, client) = (house.platform.clone(), house.client());
            async move { refusal(platform.accept_invitation(&token, with_password(PASSWORD), &client).await) }
        };
        assert_eq!(accept(first_token).await, (404, "invitation_withdrawn"));
        assert_eq!(refusal(house.platform.resend_invitation(&admin, first.id).await), (409, "invitation_ended"));
        house.clock.advance(Duration::from_hours(7 * 24));
        assert_eq!(accept(second_token.clone()).await, (404, "invitation_expired"));
        assert!(house.platform.invitations(&admin).await.unwrap()[0].is_expired);
        house.platform.withdraw_invitation(&admin, second.id).await.unwrap();
        assert_eq!(accept(second_token).await, (404, "invitation_withdrawn"));
        assert_eq!(refusal(house.platform.withdraw_invitation(&admin, second.id).await), (409, "invitation_ended"));
        for wrong in ["", "x", &"A".repeat(43)] {
            assert_eq!(accept(wrong.to_owned()).await, (404, "not_found"));
        }
    }

    async fn an_invitation_of_another_tenant_is_not_found(house) {
        let sent = house.platform.invite(&house.globex_admin().await, invite("vera@acme.example", Role::Viewer)).await.unwrap();
        let admin = house.acme_admin().await;
        let wrong: InvitationId = sent.id;
        assert_eq!(refusal(house.platform.withdraw_invitation(&admin, wrong).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.resend_invitation(&admin, wrong).await), (404, "not_found"));
        assert_eq!(house.platform.invitations(&admin).await.unwrap(), []);
    }

    async fn only_the_one_who_was_invited_accepts(house) {
        let globex = house.globex_admin().await;
        house.clock.advance(Duration::from_secs(1));
        house.platform.invite(&globex, invite("approver@acme.example", Role::Viewer)).await.unwrap();
        let token = token_of(&mailed_link(&house.platform, "approver@acme.example").await);
        assert!(house.platform.invited(&token).await.unwrap().has_password);
        let other = Acceptance::SignedIn(house.acme.admin.signed_in.clone());
        assert_eq!(refusal(house.platform.accept_invitation(&token, other, &house.client()).await), (403, "invited_another"));
        let wrong = with_password("not their password 12");
        assert_eq!(refusal(house.platform.accept_invitation(&token, wrong, &house.client()).await), (401, "wrong_sign_in"));
        let accepted = house.platform.accept_invitation(&token, with_password(PASSWORD), &house.client()).await.unwrap();
        assert_eq!(accepted.slug, "globex");
        assert_eq!(accepted.session.unwrap().tenants.len(), 2);
    }

    async fn a_member_is_not_invited_and_a_disabled_one_does_not_come_back_by_an_old_link(house) {
        let admin = house.acme_admin().await;
        assert_eq!(refusal(house.platform.invite(&admin, invite("approver@acme.example", Role::Admin)).await), (409, "already_member"));
        let bad = Invite { email: "nobody".to_owned(), name: "\n".to_owned(), role: Role::Viewer };
        assert_eq!(fields(house.platform.invite(&admin, bad).await), ["email", "name"]);
        let id = person(&house.acme_approver().await);
        house.platform.disable_member(&admin, id).await.unwrap();
        let admin = house.acme_admin().await;
        assert_eq!(refusal(house.platform.invite(&admin, invite("approver@acme.example", Role::Viewer)).await), (409, "member_disabled"));
    }

    async fn denials_of_a_minute_are_recorded_at_once_and_then_counted(house) {
        let (approver, admin) = (house.acme_approver().await, house.acme_admin().await);
        let denied = || Denied::Forbidden { kind: "members", permission: Permission::UserRead, id: String::new() };
        for _ in 0..4 {
            house.platform.record_denial(&approver, &denied()).await.unwrap();
        }
        let count = |log: &[String]| log.iter().filter(|action| *action == "security.permission_denied").count();
        assert_eq!(count(&house.log(&admin).await), 1, "one at once");
        house.platform.keep_house().await.unwrap();
        assert_eq!(count(&house.log(&admin).await), 1, "the minute is not over");
        house.clock.advance(Duration::from_mins(1));
        house.platform.keep_house().await.unwrap();
        house.platform.keep_house().await.unwrap();
        assert_eq!(count(&house.log(&admin).await), 2, "one for the repetitions");
        assert_eq!(count(&house.log(&house.globex_admin().await).await), 0);
        house.platform.record_denial(&approver, &denied()).await.unwrap();
        assert_eq!(count(&house.log(&admin).await), 3, "a new minute begins anew");
        house.clock.advance(Duration::from_mins(1));
        house.platform.keep_house().await.unwrap();
        assert_eq!(count(&house.log(&admin).await), 3, "nothing was repeated");
    }
}
