//! A forgotten password and a changed e-mail address: links that work once, tell nobody who is there, and end sessions.

use std::time::Duration;

use crate::house::{House, PASSWORD, client_at, fields, mailed_link, refusal, token_of};
use domain::Secret;
use platform::{Error, identity::Client};

const NEW: &str = "quiet lantern orchard 4";

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// The token in the newest mail to an address whose link begins so.
async fn token(house: &House, to: &str) -> String {
    token_of(&mailed_link(&house.platform, to).await)
}

async fn mails_to(house: &House, to: &str) -> usize {
    house.platform.mailbox().await.unwrap().iter().filter(|mail| mail.to == to).count()
}

/// A client whose address has a neighbourhood of its own.
fn from(house: &House, number: u8) -> Client {
    client_at(&house.platform, &format!("198.51.{number}.1"))
}

async fn may_sign_in(house: &House, email: &str, password: &str) -> bool {
    house.platform.sign_in(email, secret(password), &house.client()).await.is_ok()
}

crate::house::in_a_house! {
    async fn a_forgotten_password_is_replaced_by_a_link_that_works_once(house) {
        let (platform, approver) = (&house.platform, &house.acme.approver);
        house.clock.advance(Duration::from_secs(1));
        platform.request_password_reset(" APPROVER@acme.example ", &house.client()).await.unwrap();
        let token = token(&house, &approver.email).await;
        for _ in 0..3 {
            assert_eq!(platform.check_password_reset(&token).await.unwrap().email, approver.email, "opening it changes nothing");
        }
        assert_eq!(fields(platform.reset_password(&token, secret("short"), &house.client()).await), ["password"]);
        assert_eq!(fields(platform.reset_password(&token, secret("approver@acme.example"), &house.client()).await), ["password"]);
        assert!(may_sign_in(&house, &approver.email, PASSWORD).await, "nothing was changed so far");

        house.clock.advance(Duration::from_secs(1));
        platform.reset_password(&token, secret(NEW), &house.client()).await.unwrap();
        assert!(platform.session(&approver.cookie).await.unwrap().is_none(), "every session ended");
        assert!(!may_sign_in(&house, &approver.email, PASSWORD).await && may_sign_in(&house, &approver.email, NEW).await);
        assert_eq!(refusal(platform.reset_password(&token, secret(PASSWORD), &house.client()).await), (404, "link_wrong"));
        assert_eq!(refusal(platform.check_password_reset(&token).await), (404, "link_wrong"));
        let newest = platform.mailbox().await.unwrap().into_iter().find(|mail| mail.to == approver.email).unwrap();
        assert!(newest.subject.contains("was changed") && !newest.text.contains("http"), "{newest:?}");

        let admin = house.acme_admin().await;
        let log = house.log(&admin).await;
        assert!(log.contains(&"user.password_reset_requested".to_owned()) && log.contains(&"user.updated".to_owned()), "{log:?}");
        assert!(!house.log(&house.globex_admin().await).await.contains(&"user.updated".to_owned()), "the other tenant heard nothing");
    }

    async fn of_two_who_use_a_link_at_once_one_succeeds(house) {
        let platform = &house.platform;
        house.clock.advance(Duration::from_secs(1));
        platform.request_password_reset("approver@acme.example", &house.client()).await.unwrap();
        let token = token(&house, "approver@acme.example").await;
        let client = house.client();
        let (one, other) = tokio::join!(
            platform.reset_password(&token, secret(NEW), &client),
            platform.reset_password(&token, secret("another lantern orchard 5"), &client),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }

    async fn a_link_for_a_password_lasts_half_an_hour_and_ends_with_any_that_is_used(house) {
        let (platform, email) = (&house.platform, "approver@acme.example");
        house.clock.advance(Duration::from_secs(1));
        platform.request_password_reset(email, &house.client()).await.unwrap();
        let first = token(&house, email).await;
        house.clock.advance(Duration::from_mins(1));
        platform.request_password_reset(email, &house.client()).await.unwrap();
        let second = token(&house, email).await;
        assert_ne!(first, second);
        assert!(platform.check_password_reset(&first).await.is_ok(), "asking again makes no earlier link worthless");
        house.clock.advance(Duration::from_mins(29));
        assert_eq!(refusal(platform.check_password_reset(&first).await), (404, "link_wrong"));
        assert_eq!(refusal(platform.reset_password(&first, secret(NEW), &house.client()).await), (404, "link_wrong"));
        platform.request_password_reset(email, &house.client()).await.unwrap();
        let third = token(&house, email).await;
        platform.reset_password(&second, secret(NEW), &house.client()).await.unwrap();
        assert_eq!(refusal(platform.check_password_reset(&third).await), (404, "link_wrong"));
        platform.keep_house().await.unwrap();
    }

    async fn asking_tells_nobody_who_has_an_account(house) {
        let platform = &house.platform;
        let disabled = house.acme.approver.signed_in.session.person;
        platform.disable_member(&house.acme_admin().await, disabled).await.unwrap();
        let before = platform.mailbox().await.unwrap().len();
        for typed in ["nobody@acme.example", "approver@acme.example", "", "not an address", &"x".repeat(5_000)] {
            platform.request_password_reset(typed, &house.client()).await.unwrap();
        }
        assert_eq!(platform.mailbox().await.unwrap().len(), before, "nobody got a mail");
        for unknown in ["", "x", &"A".repeat(43)] {
            assert_eq!(refusal(platform.check_password_reset(unknown).await), (404, "link_wrong"));
        }
    }

    async fn mails_for_one_address_are_few_whoever_asks_and_whether_or_not_it_is_known(house) {
        let platform = &house.platform;
        for email in ["approver@acme.example", "nobody@acme.example"] {
            for number in 0..3 {
                platform.request_password_reset(email, &from(&house, number)).await.unwrap();
            }
            let refused = platform.request_password_reset(&email.to_uppercase(), &from(&house, 200)).await.unwrap_err();
            assert!(matches!(refused, Error::Throttled { .. }), "{refused:?}");
        }
        house.clock.advance(Duration::from_mins(20));
        platform.request_password_reset("approver@acme.example", &house.client()).await.unwrap();
    }

    async fn an_address_changes_when_the_new_one_is_confirmed_by_who_asked(house) {
        let (platform, approver) = (&house.platform, house.acme.approver.clone());
        let (me, client) = (&approver.signed_in, house.client());
        let other = platform.sign_in(&approver.email, secret(PASSWORD), &client).await.unwrap();
        assert_eq!(fields(platform.request_email_change(me, "fin@acme.example", secret("wrong password 12"), &client).await), ["password"]);
        assert_eq!(fields(platform.request_email_change(me, "no address", secret(PASSWORD), &client).await), ["email"]);
        assert_eq!(fields(platform.request_email_change(me, "Approver@acme.example", secret(PASSWORD), &client).await), ["email"]);
        house.clock.advance(Duration::from_secs(1));
        assert_eq!(platform.request_email_change(me, " Fin@acme.example", secret(PASSWORD), &client).await.unwrap(), "fin@acme.example");
        let token = token(&house, "fin@acme.example").await;
        assert_eq!(platform.check_email_change(me, &token).await.unwrap().to, "fin@acme.example");
        let stranger = &house.globex.approver.signed_in;
        assert_eq!(refusal(platform.check_email_change(stranger, &token).await), (404, "link_wrong"), "a link lends no address to others");
        assert_eq!(refusal(platform.change_email(stranger, &token, &client).await), (404, "link_wrong"));

        house.clock.advance(Duration::from_secs(1));
        platform.change_email(me, &token, &client).await.unwrap();
        let signed_in = platform.session(&approver.cookie).await.unwrap().expect("the browser that confirmed stays signed in");
        assert_eq!(signed_in.email, "fin@acme.example");
        assert!(platform.session(other.token.expose()).await.unwrap().is_none(), "every other one is signed out");
        assert_eq!(refusal(platform.change_email(me, &token, &client).await), (404, "link_wrong"), "it works once");
        assert!(may_sign_in(&house, "fin@acme.example", PASSWORD).await && !may_sign_in(&house, "approver@acme.example", PASSWORD).await);
        assert!(mails_to(&house, "approver@acme.example").await > 0, "the old address was told");
        let log = house.log(&house.acme_admin().await).await;
        assert!(log.contains(&"user.email_change_requested".to_owned()), "{log:?}");
    }

    async fn the_old_address_takes_itself_back_with_a_new_password(house) {
        let (platform, approver, client) = (&house.platform, house.acme.approver.clone(), house.client());
        house.clock.advance(Duration::from_secs(1));
        platform.request_email_change(&approver.signed_in, "thief@evil.example", secret(PASSWORD), &client).await.unwrap();
        let confirmation = token(&house, "thief@evil.example").await;
        house.clock.advance(Duration::from_secs(1));
        platform.change_email(&approver.signed_in, &confirmation, &client).await.unwrap();
        let back = token(&house, "approver@acme.example").await;
        house.clock.advance(Duration::from_hours(6 * 24));
        assert_eq!(platform.check_email_restoration(&back).await.unwrap().email, "approver@acme.example");
        assert_eq!(fields(platform.restore_email(&back, secret("short"), &client).await), ["password"]);
        let theirs = platform.sign_in("thief@evil.example", secret(PASSWORD), &client).await.unwrap();
        platform.restore_email(&back, secret(NEW), &client).await.unwrap();
        assert!(platform.session(theirs.token.expose()).await.unwrap().is_none());
        assert!(may_sign_in(&house, "approver@acme.example", NEW).await);
        assert!(!may_sign_in(&house, "approver@acme.example", PASSWORD).await, "what somebody else knew is worth nothing");
        assert!(!may_sign_in(&house, "thief@evil.example", PASSWORD).await);
        assert_eq!(refusal(platform.restore_email(&back, secret(PASSWORD), &client).await), (404, "link_wrong"));
        let admin = platform.sign_in("admin@acme.example", secret(PASSWORD), &client).await.unwrap();
        let admin = platform.session(admin.token.expose()).await.unwrap().unwrap();
        let admin = platform.actor(&admin, "acme", platform::access::MemberDoor::Page, house.client().request).await.unwrap();
        assert!(house.log(&admin).await.contains(&"security.suspicious_activity".to_owned()));
    }

    async fn an_address_that_somebody_has_is_told_so_by_mail_and_nobody_else_is(house) {
        let (platform, me) = (&house.platform, &house.acme.approver.signed_in);
        house.clock.advance(Duration::from_secs(1));
        let before = mails_to(&house, "admin@globex.example").await;
        let told = platform.request_email_change(me, "admin@globex.example", secret(PASSWORD), &house.client()).await.unwrap();
        assert_eq!(told, "admin@globex.example", "the same answer as for a free one");
        let mails = platform.mailbox().await.unwrap();
        let mail = mails.iter().find(|mail| mail.to == "admin@globex.example").unwrap();
        assert_eq!(mails_to(&house, "admin@globex.example").await, before + 1);
        assert!(!mail.text.contains("/email-changes/") && mail.text.contains("nothing was changed"), "{}", mail.text);
    }

    async fn an_address_that_was_taken_meanwhile_is_not_taken_over(house) {
        let (platform, me, client) = (&house.platform, &house.acme.approver.signed_in, house.client());
        house.clock.advance(Duration::from_secs(1));
        platform.request_email_change(me, "wanted@acme.example", secret(PASSWORD), &client).await.unwrap();
        let mine = token(&house, "wanted@acme.example").await;
        let them = &house.globex.approver.signed_in;
        house.clock.advance(Duration::from_secs(1));
        platform.request_email_change(them, "wanted@acme.example", secret(PASSWORD), &client).await.unwrap();
        let theirs = token(&house, "wanted@acme.example").await;
        let (one, other) = tokio::join!(platform.change_email(them, &theirs, &client), platform.change_email(me, &mine, &client));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let (lost, left) = if one.is_ok() { (other, (me, &mine)) } else { (one, (them, &theirs)) };
        assert_eq!(refusal(lost), (409, "email_taken"));
        assert_eq!(refusal(platform.change_email(left.0, left.1, &client).await), (409, "email_taken"), "the link was not used up");
        house.clock.advance(Duration::from_hours(1));
        assert_eq!(refusal(platform.check_email_change(me, &mine).await), (404, "link_wrong"));
    }
}
