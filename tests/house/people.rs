//! People over HTTP: recovering a password, changing an address, sessions that others end, rights that end while a page is
//! followed live, roles, settings and quotas as pages show them.

use std::time::Duration;

use domain::PersonId;
use platform::{
    keys::{KeyShown, KeyState, NewKey},
    members::Role,
};
use reqwest::Response;

use crate::harness::{Client, House, PASSWORD, Tenant, in_both_houses, person};

const NEW: &str = "quiet lantern orchard 4";
/// Far below the time after which a live page looks again by itself.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What a stream says until an event with `part` in it is whole; fails when it ends before.
async fn until(stream: &mut Response, part: &str) -> String {
    let mut said = String::new();
    let reading = async {
        while !(said.contains(part) && said.ends_with("\n\n")) {
            let chunk = stream.chunk().await.unwrap().unwrap_or_else(|| panic!("the stream ended before it said {part}: {said}"));
            said.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(AT_ONCE, reading).await.unwrap_or_else(|_| panic!("the stream did not say {part} in time"));
    said
}

/// What a stream says until it ends, which it must do at once.
async fn to_the_end(mut stream: Response) -> String {
    let mut said = String::new();
    let reading = async {
        while let Ok(Some(chunk)) = stream.chunk().await {
            said.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(AT_ONCE, reading).await.expect("the stream goes on");
    said
}

/// The live page of a run that waits, after its first picture.
async fn follow(house: &House, client: &Client) -> Response {
    let path = format!("/t/acme/runs/{}/live", house.things.as_ref().unwrap().0.run);
    let mut stream = client.stream(&path).await;
    assert_eq!(stream.status().as_u16(), 200);
    until(&mut stream, "hx-partial").await;
    stream
}

fn path_of(house: &House, link: &str) -> String {
    link.strip_prefix(&house.platform.settings().public_url).unwrap().to_owned()
}

async fn is_signed_in(client: &Client) -> bool {
    client.get("/account").await.status == 200
}

async fn signs_in(house: &House, email: &str, password: &str) -> u16 {
    house.nobody.post("/sign-in", &[("email", email), ("password", password)]).await.status
}

fn member(tenant: &Tenant, person: PersonId) -> String {
    format!("/t/{}/members/{person}", tenant.slug)
}

async fn actions(house: &House, tenant: &Tenant) -> Vec<String> {
    house.log(tenant).await.into_iter().map(|line| line.action).collect()
}

mod live {
    use super::*;

    in_both_houses! {
        House::lived_in =>

        async fn a_role_that_is_taken_ends_the_live_pages_it_opened(house) {
            let spare = &house.acme.spare;
            let (mut theirs, mut others) = (follow(&house, spare).await, follow(&house, &house.acme.viewer).await);
            let action = format!("{}/roles/viewer/withdrawal", member(&house.acme, person(spare)));
            house.acme.admin.post(&action, &[]).await.expect(303);
            let said = until(&mut theirs, "event: end").await;
            assert!(said.contains("may not see this run any more"), "{said}");
            to_the_end(theirs).await;
            spare.get("/t/acme/runs").await.expect(403);
            spare.get(&format!("/t/acme/runs/{}/live", house.things.as_ref().unwrap().0.run)).await.expect(403);
            assert!(is_signed_in(spare).await, "a member without a role is still one");
            let nothing = tokio::time::timeout(Duration::from_millis(300), others.chunk()).await;
            assert!(nothing.is_err(), "whoever kept the right follows on");
        }

        async fn a_member_who_is_disabled_is_cut_off_everywhere_at_once(house) {
            let spare = &house.acme.spare;
            let stream = follow(&house, spare).await;
            house.acme.admin.post(&format!("{}/disabling", member(&house.acme, person(spare))), &[]).await.expect(303);
            to_the_end(stream).await;
            let answer = spare.get("/t/acme/runs").await;
            assert_eq!(answer.class(), "sign-in", "the session is gone");
            assert_eq!(signs_in(&house, spare.email(), PASSWORD).await, 403);
        }

        async fn a_session_that_ends_takes_its_live_pages_along_and_no_others(house) {
            let spare = house.acme.spare.clone();
            let other = house.another_session_of(&spare).await;
            let (ended, mut kept) = (follow(&house, &other).await, follow(&house, &spare).await);
            spare.post("/account/sessions/ending", &[]).await.expect(303);
            to_the_end(ended).await;
            assert!(!is_signed_in(&other).await && is_signed_in(&spare).await);
            let nothing = tokio::time::timeout(Duration::from_millis(300), kept.chunk()).await;
            assert!(nothing.is_err(), "this browser follows on: {nothing:?}");

            house.acme.admin.post(&format!("{}/sessions/ending", member(&house.acme, person(&spare))), &[]).await.expect(303);
            to_the_end(kept).await;
            assert_eq!(spare.get("/t/acme/runs").await.class(), "sign-in");

            let again = house.another_session_of(&spare).await;
            let stream = follow(&house, &again).await;
            again.post("/account/password", &[("current", PASSWORD), ("new", NEW)]).await.expect(303);
            let third = house.another_session_of(&spare).await;
            let theirs = follow(&house, &third).await;
            again.post("/account/password", &[("current", NEW), ("new", "another lantern orchard 5")]).await.expect(303);
            to_the_end(theirs).await;
            drop(stream);
        }

        async fn an_admin_sees_where_a_member_is_signed_in_and_ends_one_of_it(house) {
            let (admin, spare) = (&house.acme.admin, &house.acme.spare);
            let things = house.things.clone().unwrap().0;
            let path = member(&house.acme, person(spare));
            let page = admin.get(&path).await.expect(200).says(&["Sessions that open this tenant", "127.0.0.1", "End it"]);
            let action = format!("{path}/sessions/{}/ending", things.member_session);
            admin.submit(&page, &action, &[]).await.expect(303);
            assert!(!is_signed_in(spare).await);
            admin.post(&action, &[]).await.expect(404);
            admin.get(&path).await.expect(200).says(&["Not signed in"]);
            assert!(actions(&house, &house.acme).await.contains(&"security.sessions_ended".to_owned()));
            for other in [&house.acme.viewer, &house.acme.developer, &house.acme.approver] {
                other.post(&format!("{path}/sessions/ending"), &[]).await.expect(403);
            }
        }
    }
}

mod by_mail {
    use super::*;

    in_both_houses! {
        House::new =>

        async fn a_forgotten_password_is_replaced_by_a_link_that_opening_does_not_use(house) {
            let (nobody, viewer) = (&house.nobody, &house.acme.viewer);
            let form = nobody.get("/password-reset").await.expect(200);
            nobody.get("/sign-in").await.expect(200).says(&["Forgotten your password?"]);
            let known = nobody.submit(&form, "/password-reset", &[("email", viewer.email())]).await.expect(303);
            let unknown = nobody.post("/password-reset", &[("email", "nobody@acme.example")]).await.expect(303);
            assert_eq!((known.location(), known.cookie("notice")), (unknown.location(), unknown.cookie("notice")), "the same for both");

            let path = path_of(&house, &house.mailed_link(viewer.email(), "/password-reset/").await);
            for _ in 0..3 {
                let page = nobody.get(&path).await.expect(200).says(&["Choose a new password"]);
                assert_eq!(page.header("referrer-policy"), "no-referrer", "the token stays here");
            }
            assert!(is_signed_in(viewer).await && signs_in(&house, viewer.email(), PASSWORD).await == 303, "nothing was changed so far");
            nobody.post(&path, &[("password", "short")]).await.expect(422);
            let stranger = nobody.post(&path, &[("password", NEW), ("email", "admin@acme.example")]).await;
            assert_eq!(stranger.status, 422, "whose it is the link alone says");
            nobody.post(&path, &[("password", NEW)]).await.expect(303);
            assert!(!is_signed_in(viewer).await);
            assert_eq!((signs_in(&house, viewer.email(), PASSWORD).await, signs_in(&house, viewer.email(), NEW).await), (401, 303));
            for again in [nobody.get(&path).await, nobody.post(&path, &[("password", PASSWORD)]).await] {
                again.expect(404).says(&["link_wrong"]);
            }
            let log = actions(&house, &house.acme).await;
            assert!(log.ends_with(&["user.updated".to_owned(), "auth.login_failed".to_owned(), "auth.login".to_owned()]), "{log:?}");
            assert!(!actions(&house, &house.globex).await.contains(&"user.updated".to_owned()));
            for _ in 0..2 {
                nobody.post("/password-reset", &[("email", viewer.email())]).await.expect(303);
            }
            let refused = nobody.post("/password-reset", &[("email", viewer.email())]).await.expect(429);
            assert!(!refused.header("retry-after").is_empty());
        }

        async fn an_address_is_changed_at_the_new_one_and_taken_back_at_the_old(house) {
            let (nobody, viewer) = (&house.nobody, &house.acme.viewer);
            let other = house.another_session_of(viewer).await;
            let form = viewer.get("/account").await.expect(200);
            viewer.submit(&form, "/account/email", &[("email", "vic.new@acme.example"), ("password", "wrong password 12")]).await.expect(422);
            viewer.submit(&form, "/account/email", &[("email", "vic.new@acme.example"), ("password", PASSWORD)]).await.expect(303);
            let path = path_of(&house, &house.mailed_link("vic.new@acme.example", "/email-changes/").await);
            assert_eq!(nobody.get(&path).await.class(), "sign-in");
            for stranger in [&house.acme.admin, &house.globex.viewer] {
                stranger.get(&path).await.expect(404);
                stranger.post(&path, &[]).await.expect(404);
            }
            for _ in 0..3 {
                viewer.get(&path).await.expect(200).says(&["vic.new@acme.example", "viewer@acme.example", "Nothing has changed yet"]);
            }
            assert_eq!(signs_in(&house, "viewer@acme.example", PASSWORD).await, 303);
            viewer.post(&path, &[]).await.expect(303);
            viewer.get("/account").await.expect(200).says(&["vic.new@acme.example"]);
            assert!(!is_signed_in(&other).await, "every other browser is signed out");
            viewer.get(&path).await.expect(404);
            assert_eq!((signs_in(&house, "viewer@acme.example", PASSWORD).await, signs_in(&house, "vic.new@acme.example", PASSWORD).await), (401, 303));
            house.acme.admin.get("/t/acme/members?q=vic.new").await.expect(200).says(&["vic.new@acme.example", "viewer"]);

            let actor = house.actor(viewer).await;
            let key = NewKey { name: "theirs".to_owned(), scopes: vec!["run:read".to_owned()], days: 1 };
            house.platform.create_api_key(&actor, &key).await.unwrap();
            let path = path_of(&house, &house.mailed_link("viewer@acme.example", "/email-restorations/").await);
            nobody.get(&path).await.expect(200).says(&["Take your address back"]);
            nobody.post(&path, &[("password", NEW)]).await.expect(303);
            assert!(!is_signed_in(viewer).await);
            assert_eq!((signs_in(&house, "vic.new@acme.example", PASSWORD).await, signs_in(&house, "viewer@acme.example", NEW).await), (401, 303));
            nobody.post(&path, &[("password", PASSWORD)]).await.expect(404);
            assert!(actions(&house, &house.acme).await.contains(&"security.suspicious_activity".to_owned()));
            let keys = house.platform.api_keys(&house.actor(&house.acme.admin).await).await.unwrap();
            let is_revoked = |key: &KeyShown| key.state == KeyState::Revoked;
            let (theirs, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.owner == person(viewer));
            assert!(!theirs.is_empty() && theirs.iter().all(is_revoked), "what somebody else may have made is worth nothing");
            assert!(!others.iter().any(is_revoked));
        }
    }
}

mod rights {
    use super::*;

    in_both_houses! {
        House::lived_in =>

        async fn a_budget_owner_decides_no_step_of_a_workflow(house) {
            let things = house.things.clone().unwrap().0;
            let (admin, spare) = (house.actor(&house.acme.admin).await, &house.acme.spare);
            house.platform.grant_role(&admin, person(spare), Role::BudgetOwner).await.unwrap();
            let path = format!("/t/acme/approvals/{}", things.approval);
            let page = spare.get(&path).await.expect(200);
            assert!(!page.text.contains("name=\"decision\""), "no button is offered");
            let decision = [("decision", "approve"), ("comment", "As agreed."), ("digest", things.digest.as_str())];
            spare.post(&format!("{path}/decision"), &decision).await.expect(403).says(&["approval:approve"]);
            spare.get("/t/acme/budgets").await.expect(200);
            house.acme.approver.post(&format!("{path}/decision"), &decision).await.expect(303);
        }

        async fn roles_are_explained_and_the_matrix_has_all_of_it(house) {
            let admin = &house.acme.admin;
            let page = admin.get("/t/acme/roles").await.expect(200).says(&["budget_owner", "Held by", "nobody"]);
            assert!(page.text.contains("href=\"/t/acme/roles/auditor\""));
            admin
                .get("/t/acme/roles/budget_owner")
                .await
                .expect(200)
                .says(&["approval:approve_budget_raise", "budget:write", "From viewer", "run:read", "Nobody"]);
            let approver = admin.get("/t/acme/roles/approver").await.expect(200).says(&["approver@acme.example"]);
            assert!(!approver.words().contains("globex"));
            let matrix = admin.get("/t/acme/permissions").await.expect(200);
            for permission in domain::Permission::ALL {
                assert!(matrix.words().contains(permission.describe()), "{permission}");
            }
            assert_eq!(matrix.text.matches("<td>").count(), domain::Permission::ALL.len() * Role::ALL.len());
            admin.get("/t/acme/roles/nothing").await.expect(404);
            house.acme.viewer.get("/t/acme/roles").await.expect(403);
            house.globex.admin.get("/t/acme/roles/approver").await.expect(404);
        }

        async fn the_only_admin_is_offered_no_way_to_lose_the_tenant(house) {
            let (admin, path) = (&house.acme.admin, member(&house.acme, person(&house.acme.admin)));
            let page = admin.get(&path).await.expect(200).says(&["the only admin"]);
            assert!(!page.text.contains("/disabling") && !page.text.contains("roles/admin/withdrawal"));
            admin.post(&format!("{path}/disabling"), &[]).await.expect(409).says(&["last_admin"]);
            admin.post(&format!("{path}/roles/admin/withdrawal"), &[]).await.expect(409).says(&["last_admin"]);
        }

        async fn members_are_searched_and_settings_and_quotas_hold(house) {
            let admin = &house.acme.admin;
            let found = admin.get("/t/acme/members?q=FIN").await.expect(200).says(&["Fin Approver"]);
            assert!(!found.words().contains("Dana Developer"));
            admin.get("/t/acme/members?q=nobody-is-called-so").await.expect(200).says(&["No name and no address"]);
            admin.get(&format!("/t/acme/members?q={}", "x".repeat(300))).await.expect(422);
            admin.get("/t/acme/members?after=per_x").await.expect(422);

            let page = admin.get("/t/acme/settings").await.expect(200).says(&["Open runs", "of 20,000"]);
            let wrong = [("name", ""), ("session_idle_minutes", "1"), ("invited_domains", "no domain!"), ("time_zone", "Mars")];
            admin.submit(&page, "/t/acme/settings", &wrong).await.expect(422).says(&["4 things to correct"]);
            let right = [("name", "Acme & Sons"), ("session_idle_minutes", "30"), ("invited_domains", "acme.example"), ("time_zone", "Europe/Berlin")];
            admin.submit(&page, "/t/acme/settings", &right).await.expect(303);
            let outside = [("email", "vera@elsewhere.example"), ("name", "Vera"), ("role", "viewer")];
            admin.post("/t/acme/invitations", &outside).await.expect(422).says(&["only addresses of acme.example"]);
            admin.submit(&page, "/t/acme/settings/quotas", &[("members", "1,000,000")]).await.expect(422).says(&["at most 1000"]);
            admin.submit(&page, "/t/acme/settings/quotas", &[("open_runs", "1"), ("members", "5")]).await.expect(303);
            let page = admin.get("/t/acme/settings").await.expect(200).says(&["Acme & Sons", "the operator allows 20,000"]);
            assert!(page.text.contains("is-over"), "what is used up is drawn so");

            let inside = [("email", "vera@acme.example"), ("name", "Vera"), ("role", "viewer")];
            admin.post("/t/acme/invitations", &inside).await.expect(409).says(&["quota of members", "Settings"]);
            let start = house.acme.developer.post("/t/acme/workflows/only-acme/runs", &[("start_key", "k")]).await.expect(409);
            start.says(&["quota of open runs", "Settings"]);
            house.globex.developer.post("/t/globex/workflows/only-globex/runs", &[("start_key", "k")]).await.expect(303);
            let log = actions(&house, &house.acme).await;
            assert_eq!(log.iter().filter(|action| *action == "quota.exceeded").count(), 2, "{log:?}");
            assert_eq!(log.iter().filter(|action| *action == "config.changed").count(), 2 + sample_changes(&house).await, "{log:?}");
            house.acme.viewer.get("/t/acme/settings").await.expect(403);
            house.globex.admin.get("/t/acme/settings").await.expect(404);
            house.globex.admin.post("/t/acme/settings", &right).await.expect(404);
        }
    }

    /// The changes of the configuration that were made before in houses that were lived in, as in globex.
    async fn sample_changes(house: &House) -> usize {
        actions(house, &house.globex).await.iter().filter(|action| *action == "config.changed").count()
    }
}
