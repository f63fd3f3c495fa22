//! Setting up, signing in and out, sessions and passwords, on both engines and always with two tenants.

use std::time::Duration;

use crate::house::{Empty, House, PASSWORD, client_at, empty_on_postgres, empty_on_sqlite, fields, member, new_tenant, refusal, token_of};
use domain::{Id, Secret, SessionId};
use platform::{Error, access::MemberDoor, identity::NewTenant, members::Role};

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// Runs each test on both engines, where nobody has set up anything yet.
macro_rules! before_set_up {
    ($(async fn $name:ident($empty:ident) $body:block)*) => {
        mod before_set_up_on_sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() { let $empty = empty_on_sqlite().await; $body })*
        }
        mod before_set_up_on_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() { let $empty = empty_on_postgres().await; $body })*
        }
    };
}

async fn setup_token(empty: &Empty) -> String {
    token_of(&empty.platform.setup_link().await.unwrap().unwrap())
}

before_set_up! {
    async fn a_setup_link_makes_the_first_tenant_once(empty) {
        let token = setup_token(&empty).await;
        let link = empty.platform.check_setup_link(&token).await.unwrap();
        assert!(link.is_first);
        assert_eq!(empty.platform.check_setup_link(&token).await.unwrap(), link, "looking changes nothing");
        let made = empty.platform.set_up(&token, new_tenant("acme"), &empty.client()).await.unwrap();
        assert_eq!(made.slug, "acme");
        assert_eq!(made.session.tenants.len(), 1);
        assert_eq!(refusal(empty.platform.set_up(&token, new_tenant("globex"), &empty.client()).await), (409, "link_used"));
        assert_eq!(refusal(empty.platform.check_setup_link(&token).await), (409, "link_used"));
        assert_eq!(empty.platform.setup_link().await.unwrap(), None, "there is no further set-up");
    }

    async fn links_of_several_starts_make_one_tenant(empty) {
        let (first, second) = (setup_token(&empty).await, setup_token(&empty).await);
        assert_ne!(first, second);
        empty.platform.set_up(&first, new_tenant("acme"), &empty.client()).await.unwrap();
        assert_eq!(refusal(empty.platform.set_up(&second, new_tenant("globex"), &empty.client()).await), (409, "link_used"));
    }

    async fn of_two_who_use_a_setup_link_at_once_one_succeeds(empty) {
        let (first, second) = (setup_token(&empty).await, setup_token(&empty).await);
        let client = empty.client();
        let (one, other, third) = tokio::join!(
            empty.platform.set_up(&first, new_tenant("acme"), &client),
            empty.platform.set_up(&first, new_tenant("globex"), &client),
            empty.platform.set_up(&second, new_tenant("initech"), &client),
        );
        let made = [one, other, third].into_iter().flatten().count();
        assert_eq!(made, 1);
    }

    async fn a_forged_or_expired_link_is_not_found(empty) {
        let token = setup_token(&empty).await;
        for forged in ["", "x", &token[..86], &format!("B{}", &token[1..])] {
            assert_eq!(refusal(empty.platform.check_setup_link(forged).await), (404, "link_wrong"), "{forged}");
            assert_eq!(refusal(empty.platform.set_up(forged, new_tenant("acme"), &empty.client()).await), (404, "link_wrong"));
        }
        empty.clock.advance(Duration::from_hours(24));
        assert_eq!(refusal(empty.platform.check_setup_link(&token).await), (404, "link_expired"));
        assert_eq!(refusal(empty.platform.set_up(&token, new_tenant("acme"), &empty.client()).await), (404, "link_expired"));
    }

    async fn a_refused_set_up_leaves_nothing_and_the_link_works_still(empty) {
        let token = setup_token(&empty).await;
        let wrong = NewTenant { tenant_name: " ".to_owned(), slug: Some("A B".to_owned()), name: String::new(), email: "nobody".to_owned(), ..new_tenant("acme") };
        assert_eq!(fields(empty.platform.set_up(&token, wrong, &empty.client()).await), ["tenant_name", "slug", "email", "name"], "all at once");
        let weak = NewTenant { password: secret("short"), ..new_tenant("acme") };
        assert_eq!(fields(empty.platform.set_up(&token, weak, &empty.client()).await), ["password"]);
        let own = NewTenant { password: secret("admin@acme.example"), ..new_tenant("acme") };
        assert_eq!(fields(empty.platform.set_up(&token, own, &empty.client()).await), ["password"]);
        empty.platform.set_up(&token, new_tenant("acme"), &empty.client()).await.unwrap();
    }

    async fn a_tenant_without_a_chosen_slug_gets_a_free_one(empty) {
        let unnamed = |email: &str| NewTenant { tenant_name: "Acme & Co".to_owned(), slug: None, email: email.to_owned(), ..new_tenant("acme") };
        let token = setup_token(&empty).await;
        assert_eq!(empty.platform.set_up(&token, unnamed("a@acme.example"), &empty.client()).await.unwrap().slug, "acme-co");
        let token = token_of(&empty.platform.tenant_invite());
        assert_eq!(empty.platform.set_up(&token, unnamed("b@acme.example"), &empty.client()).await.unwrap().slug, "acme-co-2");
        let token = token_of(&empty.platform.tenant_invite());
        let taken = NewTenant { slug: Some("acme-co".to_owned()), ..unnamed("c@acme.example") };
        assert_eq!(fields(empty.platform.set_up(&token, taken, &empty.client()).await), ["slug"], "what was chosen is not changed");
    }
}

crate::house::in_a_house! {
    async fn a_tenant_invite_makes_one_further_tenant_also_for_somebody_who_is_there(house) {
        let token = token_of(&house.platform.tenant_invite());
        assert!(!house.platform.check_setup_link(&token).await.unwrap().is_first);
        let mut new = new_tenant("initech");
        new.email = house.acme.admin.email.clone();
        new.password = secret("not their password 12");
        assert_eq!(refusal(house.platform.set_up(&token, new.clone(), &house.client()).await), (401, "wrong_sign_in"));
        new.password = secret(PASSWORD);
        let made = house.platform.set_up(&token, new.clone(), &house.client()).await.unwrap();
        let slugs: Vec<&str> = made.session.tenants.iter().map(|tenant| tenant.slug.as_str()).collect();
        assert_eq!(slugs, ["acme", "initech"]);
        assert_eq!(refusal(house.platform.set_up(&token, new, &house.client()).await), (409, "link_used"));
    }

    async fn a_new_tenant_has_a_key_an_admin_and_a_record(house) {
        let admin = house.acme_admin().await;
        let member = house.platform.member(&admin, admin.person().unwrap()).await.unwrap();
        assert_eq!(member.roles, [Role::Admin]);
        let mut tx = house.platform.database().read(&admin).await.unwrap();
        let wrapped = database::credentials::tenant_key(&mut tx).await.unwrap().unwrap();
        drop(tx);
        assert!(house.platform.keyring().unwrap(house.acme.id, &wrapped).is_ok());
        assert!(house.platform.keyring().unwrap(house.globex.id, &wrapped).is_err(), "it is no other tenant's");
        let log = house.log(&admin).await;
        assert_eq!(log[..4], ["tenant.created", "user.created", "user.role_assigned", "auth.login"]);
        let mut tx = house.platform.database().system_read().await.unwrap();
        let rows = database::audit::installation_export(&mut tx, 0, 10).await.unwrap();
        assert_eq!(rows.len(), 2, "one row a tenant in the installation's own log");
    }

    async fn a_sign_in_opens_a_session_and_is_recorded_in_each_tenant_of_the_person(house) {
        let session = house.platform.sign_in(" Admin@ACME.example ", secret(PASSWORD), &house.client()).await.unwrap();
        let member = member(&house.platform, "admin@acme.example", &session).await;
        assert_eq!(member.signed_in.email, "admin@acme.example");
        assert_eq!(session.tenants.iter().map(|tenant| tenant.slug.as_str()).collect::<Vec<_>>(), ["acme"]);
        assert_eq!(house.log(&house.acme_admin().await).await.last().unwrap(), "auth.login");
        let globex = house.log(&house.globex_admin().await).await;
        assert_eq!(globex.iter().filter(|action| *action == "auth.login").count(), 2, "only its own members'");
    }

    async fn a_wrong_password_and_an_unknown_person_get_the_same_answer(house) {
        let unknown = house.platform.sign_in("nobody@acme.example", secret(PASSWORD), &house.client()).await.unwrap_err().problem();
        let wrong = house.platform.sign_in("admin@acme.example", secret("wrong"), &house.client()).await.unwrap_err().problem();
        let garbage = house.platform.sign_in("\u{0}' or 1=1", secret(PASSWORD), &house.client()).await.unwrap_err().problem();
        let endless = house.platform.sign_in("admin@acme.example", secret(&"x".repeat(5000)), &house.client()).await.unwrap_err().problem();
        assert_eq!((unknown.status, unknown.code), (401, "wrong_sign_in"));
        assert!([wrong, garbage, endless].iter().all(|other| *other == unknown));
        let log = house.log(&house.acme_admin().await).await;
        assert_eq!(log.iter().filter(|action| *action == "auth.login_failed").count(), 2);
        assert!(!house.log(&house.globex_admin().await).await.contains(&"auth.login_failed".to_owned()));
    }

    async fn guessing_at_one_account_is_throttled_from_everywhere_and_never_for_good(house) {
        let mut tries = 0;
        let retry_after = loop {
            let spelling = if tries % 2 == 0 { "admin@acme.example" } else { " ADMIN@acme.example" };
            let from = client_at(&house.platform, &format!("198.51.{tries}.7"));
            match house.platform.sign_in(spelling, secret("a wrong guess"), &from).await {
                Err(Error::Throttled { retry_after }) => break retry_after,
                other => assert_eq!(refusal(other), (401, "wrong_sign_in")),
            }
            tries += 1;
            assert!(tries < 50, "nobody stops it");
        };
        let right = house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await;
        assert_eq!(refusal(right), (429, "too_many_tries"), "the right password does not show itself by the answer");
        house.platform.sign_in("admin@globex.example", secret(PASSWORD), &house.client()).await.unwrap();
        house.clock.advance(retry_after);
        house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await.unwrap();
    }

    async fn guessing_from_one_neighbourhood_is_throttled_whatever_the_account(house) {
        let mut tries = 0;
        loop {
            let from = client_at(&house.platform, &format!("203.0.113.{}", tries % 250));
            let refused = house.platform.sign_in(&format!("guess{tries}@acme.example"), secret("a wrong guess"), &from).await;
            if matches!(refused, Err(Error::Throttled { .. })) {
                break;
            }
            tries += 1;
            assert!(tries < 200, "nobody stops it");
        }
        house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await.unwrap();
    }

    async fn a_session_ends_when_it_is_not_used_and_at_last_in_any_case(house) {
        let cookie = &house.acme.admin.cookie;
        for _ in 0..23 {
            house.clock.advance(Duration::from_hours(7));
            assert!(house.platform.session(cookie).await.unwrap().is_some(), "it is in use");
        }
        house.clock.advance(Duration::from_hours(7));
        assert!(house.platform.session(cookie).await.unwrap().is_none(), "the absolute limit is over");
        let session = house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await.unwrap();
        house.clock.advance(Duration::from_hours(8));
        assert!(house.platform.session(session.token.expose()).await.unwrap().is_none(), "it was not used for long");
        house.platform.keep_house().await.unwrap();
    }

    async fn a_cookie_that_opens_nothing_is_nobody(house) {
        for cookie in ["", "x", &"A".repeat(43), "../../etc/passwd"] {
            assert!(house.platform.session(cookie).await.unwrap().is_none(), "{cookie}");
            assert!(!house.platform.csrf_matches(cookie, ""), "{cookie}");
        }
        let token = house.platform.csrf_token(&house.acme.admin.cookie).unwrap();
        assert!(house.platform.csrf_matches(&house.acme.admin.cookie, &token));
        assert!(!house.platform.csrf_matches(&house.globex.admin.cookie, &token));
    }

    async fn who_signs_out_is_out(house) {
        let admin = &house.acme.admin;
        house.platform.sign_out(&admin.signed_in, &house.client().request).await.unwrap();
        assert!(house.platform.session(&admin.cookie).await.unwrap().is_none());
        house.platform.sign_out(&admin.signed_in, &house.client().request).await.unwrap();
        let log = house.log(&house.acme_admin().await).await;
        assert_eq!(log.iter().filter(|action| *action == "auth.logout").count(), 1, "recorded once");
    }

    async fn ones_own_sessions_are_listed_and_revoked_and_nobody_elses(house) {
        let (admin, request) = (&house.acme.admin, house.client().request);
        let second = house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await.unwrap();
        let third = house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await.unwrap();
        let sessions = house.platform.own_sessions(&admin.signed_in).await.unwrap();
        assert_eq!(sessions.len(), 3);
        assert_eq!(sessions.iter().filter(|session| session.is_this_one).count(), 1);
        let stranger: SessionId = house.globex.admin.signed_in.session.id;
        for id in [stranger, Id::from_uuid(admin.signed_in.session.person.uuid())] {
            assert_eq!(refusal(house.platform.revoke_session(&admin.signed_in, id, &request).await), (404, "not_found"));
        }
        assert!(house.platform.session(&house.globex.admin.cookie).await.unwrap().is_some());
        let of_second = member(&house.platform, "", &second).await.signed_in.session.id;
        house.platform.revoke_session(&admin.signed_in, of_second, &request).await.unwrap();
        assert!(house.platform.session(second.token.expose()).await.unwrap().is_none());
        assert_eq!(house.platform.revoke_other_sessions(&admin.signed_in, &request).await.unwrap(), 1);
        assert!(house.platform.session(third.token.expose()).await.unwrap().is_none());
        assert!(house.platform.session(&admin.cookie).await.unwrap().is_some());
        assert_eq!(house.platform.revoke_other_sessions(&admin.signed_in, &request).await.unwrap(), 0);
    }

    async fn a_changed_password_ends_the_other_sessions(house) {
        let (admin, new) = (&house.acme.admin, "seven quiet walruses");
        let other = house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await.unwrap();
        let change = |current: &'static str, new: &'static str| {
            let client = house.client();
            let platform = house.platform.clone();
            let signed_in = admin.signed_in.clone();
            async move { platform.change_password(&signed_in, secret(current), secret(new), &client).await }
        };
        assert_eq!(fields(change("wrong", new).await), ["current"]);
        assert_eq!(fields(change(PASSWORD, "short").await), ["new"]);
        assert_eq!(fields(change(PASSWORD, "admin@acme.example").await), ["new"]);
        assert_eq!(fields(change(PASSWORD, PASSWORD).await), ["new"]);
        assert_eq!(change(PASSWORD, new).await.unwrap(), 1);
        assert!(house.platform.session(other.token.expose()).await.unwrap().is_none());
        assert!(house.platform.session(&admin.cookie).await.unwrap().is_some(), "the one that changed it goes on");
        assert_eq!(refusal(house.platform.sign_in("admin@acme.example", secret(PASSWORD), &house.client()).await), (401, "wrong_sign_in"));
        house.platform.sign_in("admin@acme.example", secret(new), &house.client()).await.unwrap();
        house.platform.sign_in("admin@globex.example", secret(PASSWORD), &house.client()).await.unwrap();
        let log = house.log(&house.acme_admin().await).await;
        assert!(log.contains(&"user.updated".to_owned()));
    }

    async fn of_two_changes_of_a_password_at_once_one_is_done(house) {
        let client = house.client();
        let (one, other) = tokio::join!(
            house.platform.change_password(&house.acme.admin.signed_in, secret(PASSWORD), secret("seven quiet walruses"), &client),
            house.platform.change_password(&house.acme.admin.signed_in, secret(PASSWORD), secret("nine loud peninsulas"), &client),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }

    async fn the_slug_of_another_tenant_is_not_found(house) {
        for slug in ["globex", "nowhere", ""] {
            let actor = house.platform.actor(&house.acme.admin.signed_in, slug, MemberDoor::Page, house.client().request).await;
            assert_eq!(refusal(actor), (404, "not_found"), "{slug}");
        }
        let tenants = house.platform.tenants_of(&house.acme.admin.signed_in).await.unwrap();
        assert_eq!(tenants.iter().map(|tenant| tenant.id).collect::<Vec<_>>(), [house.acme.id]);
    }
}
