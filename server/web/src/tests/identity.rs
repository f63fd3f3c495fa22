//! Set-up, signing in, members, invitations, account and mailbox, as a browser meets them.

use std::time::Duration;

use actix_web::http::StatusCode;

use super::{PASSWORD, PUBLIC_URL, house, member_path};
use crate::route::Method;

#[tokio::test]
async fn the_set_up_link_works_once() {
    let house = house().await;
    let link = house.platform.setup_link().await.unwrap().unwrap();
    let path = link.strip_prefix(PUBLIC_URL).unwrap();
    let browser = house.browser();
    for _ in 0..3 {
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "opening it changes nothing");
    }
    let form = [("tenant_name", "Acme"), ("slug", "Acme!"), ("name", "Ada"), ("email", "ada"), ("password", PASSWORD)];
    let refused = browser.post(path, &form).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = refused.text();
    assert!(text.contains("#f-slug") && text.contains("#f-email") && text.contains("value=\"Ada\""), "{text}");
    assert!(!text.contains(PASSWORD));

    let form = [("tenant_name", "Acme"), ("slug", ""), ("name", "Ada"), ("email", "ada@acme.example"), ("password", PASSWORD)];
    let made = browser.post(path, &form).await;
    assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/go/acme"));
    let home = browser.get("/go/acme").await;
    assert_eq!(home.status, StatusCode::SEE_OTHER);
    let page = browser.get("/t/acme/members").await;
    assert!(page.text().contains("The tenant is made"), "the notice came over the redirect");
    assert!(!browser.get("/t/acme/members").await.text().contains("The tenant is made"), "and is said once");

    for again in [browser.get(path).await, browser.post(path, &form).await] {
        assert_eq!(again.status, StatusCode::CONFLICT);
        assert!(again.text().contains("link_used"));
    }
    assert_eq!(browser.get("/setup/wrong").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn signing_in_goes_where_one_wanted_to_and_signing_out_ends_it() {
    let house = house().await;
    house.admin().await;
    let browser = house.browser();
    let wrong = browser.post("/sign-in", &[("email", "admin@acme.example"), ("password", "wrong"), ("next", "/account")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text().contains("value=\"admin@acme.example\"") && wrong.text().contains("name=\"next\" value=\"/account\""));
    let unknown = browser.post("/sign-in", &[("email", "nobody@acme.example"), ("password", "wrong"), ("next", "/account")]).await;
    assert_eq!(unknown.status, wrong.status);

    let right = [("email", "admin@acme.example"), ("password", PASSWORD)];
    let inside = browser.post("/sign-in", &[right[0], right[1], ("next", "/account")]).await;
    assert_eq!((inside.status, inside.location()), (StatusCode::SEE_OTHER, "/account"));
    assert!(inside.header("set-cookie").contains("HttpOnly; SameSite=Lax; Path=/"));
    assert_eq!(browser.get("/sign-in?next=/account").await.location(), "/account");
    let kept = browser.cookies.borrow().clone();

    let out = browser.submit("/account", "/sign-out", &[]).await;
    assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, "/sign-in"));
    assert!(!browser.cookies.borrow().contains_key("sid"));
    *browser.cookies.borrow_mut() = kept;
    assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER, "the old cookie opens nothing");

    let elsewhere = browser.post("/sign-in", &[right[0], right[1], ("next", "//evil.example/")]).await;
    assert_eq!(elsewhere.location(), "/");
}

#[tokio::test]
async fn a_session_that_was_not_used_ends() {
    let house = house().await;
    let admin = house.admin().await;
    assert_eq!(admin.get("/account").await.status, StatusCode::OK);
    house.clock.advance(Duration::from_hours(9));
    assert_eq!(admin.get("/account").await.location(), "/sign-in?next=/account");
}

#[tokio::test]
async fn an_invitation_leads_through_the_mailbox_to_a_member() {
    let house = house().await;
    let admin = house.admin().await;
    let form = [("email", "not an address"), ("name", "Fin"), ("role", "approver")];
    let refused = admin.submit("/t/acme/members", "/t/acme/invitations", &form).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("value=\"not an address\"") && refused.text().contains("<option value=\"approver\" selected>"));
    let unknown =
        admin.submit("/t/acme/members", "/t/acme/invitations", &[("email", "f@a.example"), ("name", "Fin"), ("role", "root")]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);

    let approver = house.invited(&admin, "fin@acme.example", "approver").await;
    let mailbox = house.browser().get("/mailbox").await;
    assert!(mailbox.text().contains("fin@acme.example") && mailbox.text().contains("href=\"http://127.0.0.1:8080/invitations/"));
    let members = admin.get("/t/acme/members").await.text();
    assert!(members.contains("fin@acme.example") && !members.contains("Open invitations"));
    assert_eq!(approver.get("/account").await.status, StatusCode::OK);
    let link = house.mailed("fin@acme.example").await;
    assert_eq!(house.browser().get(&link).await.status, StatusCode::CONFLICT, "it works once");
}

#[tokio::test]
async fn an_invitation_can_be_sent_again_and_withdrawn() {
    let house = house().await;
    let admin = house.admin().await;
    let form = [("email", "new@acme.example"), ("name", "New"), ("role", "viewer")];
    assert_eq!(admin.submit("/t/acme/members", "/t/acme/invitations", &form).await.status, StatusCode::SEE_OTHER);
    let first = house.mailed("new@acme.example").await;
    let path = |act: &str| {
        let (admin, act) = (&admin, act.to_owned());
        async move {
            let page = admin.get("/t/acme/members").await.text();
            let id = page.split("/t/acme/invitations/").nth(1).unwrap().split('/').next().unwrap().to_owned();
            format!("/t/acme/invitations/{id}/{act}")
        }
    };
    house.clock.advance(Duration::from_secs(1));
    let resend = path("resending").await;
    assert_eq!(admin.submit("/t/acme/members", &resend, &[]).await.status, StatusCode::SEE_OTHER);
    let second = house.mailed("new@acme.example").await;
    assert_ne!(first, second);
    assert_eq!(house.browser().get(&first).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.browser().get(&second).await.status, StatusCode::OK);
    let withdraw = path("withdrawal").await;
    assert_eq!(admin.submit("/t/acme/members", &withdraw, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(house.browser().get(&second).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn roles_are_given_and_taken_and_rights_follow_at_once() {
    let house = house().await;
    let admin = house.admin().await;
    let viewer = house.invited(&admin, "vera@acme.example", "viewer").await;
    let member = member_path(&admin, "vera@acme.example").await;

    let denied = viewer.get("/t/acme/members").await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    assert!(denied.text().contains("user:read") && denied.text().contains("The denial is in the audit log."));
    assert!(!denied.text().contains("href=\"/t/acme/members\""), "what one may not see is not linked");

    let give = format!("{member}/roles/admin/grant");
    assert_eq!(admin.submit(&member, &give, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(viewer.get("/t/acme/members").await.status, StatusCode::OK);
    let twice = admin.submit(&member, &give, &[]).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(twice.text().contains("role_held"));
    assert_eq!(admin.submit(&member, &format!("{member}/roles/admin/withdrawal"), &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(viewer.get("/t/acme/members").await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.submit(&member, &format!("{member}/roles/root/grant"), &[]).await.status, StatusCode::NOT_FOUND);

    assert_eq!(admin.submit(&member, &format!("{member}/disabling"), &[]).await.status, StatusCode::SEE_OTHER);
    assert_ne!(viewer.get("/account").await.status, StatusCode::OK, "a disabled member of no other tenant is signed out");
}

#[tokio::test]
async fn the_last_admin_stays() {
    let house = house().await;
    let admin = house.admin().await;
    let member = member_path(&admin, "admin@acme.example").await;
    let refused = admin.submit(&member, &format!("{member}/roles/admin/withdrawal"), &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains("last_admin"));
}

#[tokio::test]
async fn a_tenant_one_is_no_member_of_is_not_there() {
    let house = house().await;
    let admin = house.admin().await;
    for path in ["/t/globex/members", "/go/globex", "/t/acme/members/per_00000000000000000000000001", "/t/acme/members/x"] {
        assert_eq!(admin.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let house = house().await;
    let admin = house.admin().await;
    let other = house.browser();
    other.post("/sign-in", &[("email", "admin@acme.example"), ("password", PASSWORD)]).await;
    assert!(admin.get("/account").await.text().contains("Sign out everywhere else"));
    let wrong = admin.submit("/account", "/account/password", &[("current", "wrong"), ("new", "lantern copper meadow 4")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("f-current-error"));
    let changed = admin.submit("/account", "/account/password", &[("current", PASSWORD), ("new", "lantern copper meadow 4")]).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER);
    assert_eq!(admin.get("/account").await.status, StatusCode::OK);
    assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_mailbox_is_for_the_machine_itself() {
    let house = house().await;
    let browser = house.browser();
    assert_eq!(browser.get("/mailbox").await.status, StatusCode::OK);
    for request in [
        browser.request(Method::GET, "/mailbox").peer_addr("192.0.2.7:1".parse().unwrap()),
        browser.request(Method::GET, "/mailbox").insert_header(("host", "evil.example")),
        browser.request(Method::GET, "/mailbox").insert_header(("x-forwarded-for", "127.0.0.1")),
    ] {
        assert_eq!(browser.send(request).await.status, StatusCode::NOT_FOUND);
    }
}
