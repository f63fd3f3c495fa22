//! The API as programs meet it: keys and what they open, access tokens, requests that are done once, conditions, pages of
//! lists, and the document that says it all.

mod document;
mod filters;
mod schemathesis;

use std::time::Duration;

use domain::{Permission, RunId};
use platform::{
    keys::{MadeKey, NewKey},
    members::Role,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, House, in_both_houses, person};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;

async fn make_key(house: &House, client: &Client, scopes: &[&str]) -> MadeKey {
    let actor = house.actor(client).await;
    let new = NewKey { name: "a program".to_owned(), scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), days: 30 };
    house.platform.create_api_key(&actor, &new).await.unwrap()
}

async fn get(client: &Client, path: &str) -> Answer {
    client.api(GET, path, &[], None).await
}

async fn post(client: &Client, path: &str, body: Value) -> Answer {
    client.api(POST, path, &[], Some(&body)).await
}

async fn token_of(client: &Client, body: Value) -> String {
    post(client, "/api/v1/tokens", body).await.expect(201).json()["access_token"].as_str().unwrap().to_owned()
}

fn permissions(answer: &Answer) -> Vec<String> {
    answer.json()["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

mod keys {
    use super::*;

    in_both_houses! {
        House::new =>

        async fn a_key_opens_the_door_of_its_tenant_within_its_scopes(house) {
            let key = make_key(&house, &house.acme.developer, &["run:read", "workflow:read"]).await;
            let program = house.acme.developer.with_key(key.text.expose());
            let whoami = get(&program, "/api/v1/whoami").await.expect(200);
            assert_eq!(whoami.json()["tenant"]["slug"], "acme");
            assert_eq!(whoami.json()["member"]["email"], "developer@acme.example");
            assert_eq!(whoami.json()["key"]["id"], key.id.to_string());
            assert_eq!(permissions(&whoami), ["workflow:read", "run:read"]);
            get(&program, "/api/v1/runs").await.expect(200);
            assert_eq!(get(&program, "/api/v1/variables").await.expect(403).code(), "scope_missing");
        }

        async fn a_key_never_opens_more_than_its_owner_may_at_that_moment(house) {
            let program = house.acme.spare.clone();
            let admin = house.actor(&house.acme.admin).await;
            get(&program, "/api/v1/runs").await.expect(200);
            house.platform.revoke_role(&admin, person(&house.acme.spare), Role::Viewer).await.unwrap();
            assert_eq!(get(&program, "/api/v1/runs").await.expect(403).code(), "forbidden");
            let log = house.log(&house.acme).await;
            let denied = log.last().unwrap();
            assert_eq!((denied.action.as_str(), denied.door.as_str()), ("security.permission_denied", "api"));
            assert!(denied.detail["api_key"].as_str().unwrap().starts_with("key_"));
        }

        async fn a_revoked_key_and_its_tokens_are_refused_on_the_next_request(house) {
            let key = make_key(&house, &house.acme.developer, &["run:read"]).await;
            let program = house.acme.developer.with_key(key.text.expose());
            let with_token = program.with_key(&token_of(&program, json!({})).await);
            get(&program, "/api/v1/runs").await.expect(200);
            get(&with_token, "/api/v1/runs").await.expect(200);
            let page = house.acme.developer.get("/account/keys").await.expect(200);
            house.acme.developer.submit(&page, &format!("/account/keys/{}/revocation", key.id), &[]).await.expect(303);
            for client in [&program, &with_token] {
                let refused = get(client, "/api/v1/runs").await.expect(401);
                assert_eq!(refused.code(), "key_revoked");
                assert!(refused.header("www-authenticate").starts_with("Bearer"));
            }
        }

        async fn an_admin_sees_and_revokes_the_keys_of_others_and_nobody_else_does(house) {
            let key = make_key(&house, &house.acme.developer, &["run:read"]).await;
            let revocation = format!("/t/acme/keys/{}/revocation", key.id);
            house.acme.viewer.get("/t/acme/keys").await.expect(403);
            house.acme.viewer.post(&revocation, &[]).await.expect(403);
            house.acme.viewer.post(&format!("/account/keys/{}/revocation", key.id), &[]).await.expect(404);
            let page = house.acme.admin.get("/t/acme/keys").await.expect(200).says(&["a program", "developer@acme.example", "run:read"]);
            assert!(!page.text.contains(key.text.expose()), "the key itself is shown to nobody");
            house.acme.admin.submit(&page, &revocation, &[]).await.expect(303);
            let program = house.acme.developer.with_key(key.text.expose());
            assert_eq!(get(&program, "/api/v1/whoami").await.expect(401).code(), "key_revoked");
        }

        async fn a_disabled_member_is_refused_with_every_key_and_token(house) {
            let key = make_key(&house, &house.acme.developer, &["run:read"]).await;
            let program = house.acme.developer.with_key(key.text.expose());
            let with_token = program.with_key(&token_of(&program, json!({})).await);
            let admin = house.actor(&house.acme.admin).await;
            house.platform.disable_member(&admin, person(&house.acme.developer)).await.unwrap();
            for client in [&program, &with_token] {
                assert_eq!(get(client, "/api/v1/whoami").await.expect(401).code(), "owner_disabled");
            }
        }

        async fn keys_and_tokens_end_with_their_time(house) {
            let key = make_key(&house, &house.acme.developer, &["run:read"]).await;
            let program = house.acme.developer.with_key(key.text.expose());
            let with_token = program.with_key(&token_of(&program, json!({"expires_in": 60})).await);
            house.clock.advance(Duration::from_secs(59));
            get(&with_token, "/api/v1/whoami").await.expect(200);
            house.clock.advance(Duration::from_secs(1));
            assert_eq!(get(&with_token, "/api/v1/whoami").await.expect(401).code(), "token_expired");
            house.clock.advance(Duration::from_hours(24 * 30));
            assert_eq!(get(&program, "/api/v1/whoami").await.expect(401).code(), "key_expired");
        }

        async fn a_token_has_the_scopes_of_its_key_or_fewer_and_makes_no_other_token(house) {
            let key = make_key(&house, &house.acme.developer, &["run:read", "workflow:read"]).await;
            let program = house.acme.developer.with_key(key.text.expose());
            let narrow = program.with_key(&token_of(&program, json!({"scopes": ["run:read"]})).await);
            let whoami = get(&narrow, "/api/v1/whoami").await.expect(200);
            assert_eq!((permissions(&whoami), &whoami.json()["key"]["is_token"]), (vec!["run:read".to_owned()], &json!(true)));
            assert_eq!(post(&narrow, "/api/v1/tokens", json!({})).await.expect(403).code(), "key_needed");
            for wrong in [json!({"scopes": ["run:cancel"]}), json!({"scopes": []}), json!({"expires_in": 901}), json!({"expires_in": 59})] {
                post(&program, "/api/v1/tokens", wrong).await.expect(422);
            }
            let log = house.log(&house.acme).await;
            assert_eq!(log.last().unwrap().action, "auth.token_issued");
        }

        async fn what_is_no_key_opens_nothing_and_says_what_it_is(house) {
            let text = house.acme.developer.who().key.clone().unwrap();
            let other = make_key(&house, &house.acme.developer, &["run:read"]).await;
            let (head, _) = text.split_at(31);
            let (_, tail) = other.text.expose().split_at(31);
            for (key, code) in [
                (format!("{}{}", &text[..text.len() - 1], if text.ends_with('x') { 'y' } else { 'x' }), "malformed_key"),
                (text[..text.len() - 1].to_owned(), "malformed_key"),
                (format!("{head}{tail}"), "malformed_key"),
                ("x".to_owned(), "invalid_token"),
                ("a.b.c".to_owned(), "invalid_token"),
            ] {
                let refused = get(&house.acme.developer.with_key(&key), "/api/v1/whoami").await.expect(401);
                assert_eq!(refused.code(), code);
                assert!(key.len() < 10 || !refused.text.contains(&key), "what was sent is not repeated");
            }
            assert_eq!(get(&house.nobody, "/api/v1/whoami").await.expect(401).code(), "key_missing");
        }

        async fn a_cookie_is_nothing_at_the_api_and_a_key_is_nothing_on_the_pages(house) {
            let with_cookie = house.acme.admin.request(GET, "/api/v1/whoami");
            assert_eq!(Answer::of(with_cookie).await.expect(401).code(), "key_missing");
            let with_cookie = house.acme.admin.request(POST, "/api/v1/tokens").header("content-type", "application/json").body("{}");
            Answer::of(with_cookie).await.expect(401);
            let key = house.acme.admin.who().key.clone().unwrap();
            let with_key = house.nobody.bare(GET, "/t/acme/runs").bearer_auth(&key);
            assert_eq!(Answer::of(with_key).await.class(), "sign-in");
        }

        async fn a_key_is_made_on_its_page_shown_once_and_kept_as_a_hash(house) {
            let developer = &house.acme.developer;
            let page = developer.get("/account/keys").await.expect(200);
            let made = developer.submit(&page, "/account/keys", &[("name", "Nightly"), ("scopes", "run:read")]).await.expect(200);
            assert_eq!(made.header("cache-control"), "no-store");
            let at = made.text.find("mdk_").expect("the key is on the page");
            let key = &made.text[at..at + 90];
            get(&developer.with_key(key), "/api/v1/whoami").await.expect(200);
            let again = developer.get("/account/keys").await.expect(200).says(&["Nightly", "run:read"]);
            assert!(!again.text.contains(key));
            for (fields, field) in [
                (vec![("name", ""), ("scopes", "run:read")], "name"),
                (vec![("name", "x")], "scopes"),
                (vec![("name", "x"), ("scopes", "audit:read")], "scopes"),
                (vec![("name", "x"), ("scopes", "everything")], "scopes"),
            ] {
                let fields = [vec![("of", "acme"), ("days", "30")], fields].concat();
                let refused = developer.post("/account/keys", &fields).await.expect(422);
                assert!(refused.text.contains(&format!("href=\"#f-{field}\"")), "{field}: {}", refused.words());
            }
            developer.post("/account/keys", &[("of", "acme"), ("name", "x"), ("scopes", "run:read"), ("days", "367")]).await.expect(422);
            developer.post("/account/keys", &[("of", "globex"), ("name", "x"), ("scopes", "run:read"), ("days", "30")]).await.expect(404);
        }

        async fn a_service_account_acts_in_its_own_name_and_cannot_sign_in(house) {
            let admin = &house.acme.admin;
            let page = admin.get("/t/acme/keys").await.expect(200);
            admin.submit(&page, "/t/acme/service-accounts", &[("word", "robot"), ("name", "Pays")]).await.expect(303);
            admin.post("/t/acme/service-accounts", &[("word", "robot"), ("name", "Pays")]).await.expect(422);
            let actor = house.actor(admin).await;
            let account = house.platform.service_accounts(&actor).await.unwrap().remove(0);
            let page = admin.get("/t/acme/keys").await.expect(200).says(&["robot@acme.service.invalid", "it may do nothing"]);
            let of = account.id.to_string();
            let made = admin.submit(&page, "/t/acme/keys", &[("of", of.as_str()), ("name", "One"), ("scopes", "run:read")]).await.expect(200);
            let at = made.text.find("mdk_").unwrap();
            let robot = admin.with_key(&made.text[at..at + 90]);
            assert_eq!(get(&robot, "/api/v1/runs").await.expect(403).code(), "forbidden");
            let actor = house.actor(admin).await;
            house.platform.grant_role(&actor, account.id, Role::Viewer).await.unwrap();
            get(&robot, "/api/v1/runs").await.expect(200);
            let whoami = get(&robot, "/api/v1/whoami").await.expect(200).json();
            assert_eq!(whoami["member"]["email"], "robot@acme.service.invalid");
            for password in ["*", "", crate::harness::PASSWORD] {
                let fields = [("email", "robot@acme.service.invalid"), ("password", password)];
                assert_ne!(house.nobody.post("/sign-in", &fields).await.status, 303, "{password}");
            }
            // What one tenant has does not exist for the other.
            house.globex.admin.post("/t/globex/keys", &[("of", &of), ("name", "x"), ("days", "30"), ("scopes", "run:read")]).await.expect(404);
        }
    }
}

mod requests {
    use super::*;

    async fn start(client: &Client, key: &str, body: &Value) -> Answer {
        client.api(POST, "/api/v1/runs", &[("idempotency-key", key)], Some(body)).await
    }

    in_both_houses! {
        crate::payment::with_samples =>

        async fn a_run_is_started_followed_and_cancelled(house) {
            let developer = &house.acme.developer;
            let started = post(developer, "/api/v1/runs", json!({"workflow": "vendor-payment", "inputs": {"invoice_id": "INV-20417"}})).await.expect(201);
            let id: RunId = started.json()["id"].as_str().unwrap().parse().unwrap();
            assert_eq!(started.location(), format!("/api/v1/runs/{id}"));
            house.until(&house.acme, id, |shown| shown.line.waiting.is_some()).await;
            let run = get(developer, started.location()).await.expect(200).json();
            assert_eq!((&run["workflow"], &run["starter"]), (&json!("vendor-payment"), &json!("developer@acme.example")));
            assert_eq!(run["waiting"]["kind"], "approval");
            let seq = run["last_seq"].as_i64().unwrap();
            let cancellation = format!("/api/v1/runs/{id}/cancellation");
            let cancel = post(developer, &cancellation, json!({"reason": "Twice."}));
            let follow = format!("/api/v1/runs/{id}?after={seq}&wait=30");
            let (news, cancelled) = tokio::join!(get(developer, &follow), cancel);
            cancelled.expect(204);
            assert!(news.expect(200).json()["last_seq"].as_i64().unwrap() > seq);
            house.until_over(&house.acme, id).await;
            let over = post(developer, &cancellation, json!({})).await.expect(409);
            assert_eq!(over.code(), "run_over");
            get(developer, &format!("/api/v1/runs/{id}/log")).await.expect(200);
            let wrong = post(developer, "/api/v1/runs", json!({"workflow": "vendor-payment", "inputs": {"invoice_id": 7}})).await.expect(422);
            assert_eq!(wrong.json()["errors"][0]["field"], "invoice_id");
        }

        async fn an_approval_is_decided_by_whoever_is_asked_and_by_no_service_account(house) {
            let (_, approval) = crate::payment::asked(&house).await;
            let path = format!("/api/v1/approvals/{approval}");
            let waiting = get(&house.acme.approver, "/api/v1/approvals").await.expect(200).json();
            assert_eq!((&waiting["items"][0]["id"], &waiting["items"][0]["is_mine"]), (&json!(approval.to_string()), &json!(true)));
            let digest = get(&house.acme.approver, &path).await.expect(200).json()["digest"].clone();
            let decision = format!("{path}/decision");
            let yes = json!({"decision": "approve", "digest": digest});
            let admin = house.actor(&house.acme.admin).await;
            let robot = house.platform.create_service_account(&admin, "robot", "Decides").await.unwrap();
            let admin = house.actor(&house.acme.admin).await;
            house.platform.grant_role(&admin, robot, Role::Approver).await.unwrap();
            let admin = house.actor(&house.acme.admin).await;
            let new = NewKey { name: "x".to_owned(), scopes: vec!["approval:approve".to_owned(), "approval:read".to_owned()], days: 1 };
            let key = house.platform.create_service_key(&admin, robot, &new).await.unwrap();
            let refused = post(&house.acme.approver.with_key(key.text.expose()), &decision, yes.clone()).await.expect(403);
            assert_eq!(refused.code(), "not_your_decision");
            // The record of a denial is not what was asked for: the same request is refused again, not taken for done.
            let robot = house.acme.approver.with_key(key.text.expose());
            for _ in 0..2 {
                let again = robot.api(POST, &decision, &[("idempotency-key", "d")], Some(&yes)).await.expect(403);
                assert_eq!(again.code(), "not_your_decision");
            }
            let other = json!({"decision": "approve", "digest": "0".repeat(64)});
            assert_eq!(post(&house.acme.approver, &decision, other).await.expect(409).code(), "approval_changed");
            assert_eq!(post(&house.acme.approver, &decision, yes.clone()).await.expect(200).json()["state"], "approved");
            assert_eq!(post(&house.acme.approver, &decision, yes).await.expect(409).code(), "approval_ended");
            let log = house.log(&house.acme).await;
            let approved = log.iter().find(|line| line.action == "approval.approved").unwrap();
            assert_eq!(approved.door, "api");
            assert!(approved.detail["api_key"].as_str().unwrap().starts_with("key_"));
        }

        async fn the_quota_of_a_day_says_when_there_is_room_again(house) {
            let admin = house.actor(&house.acme.admin).await;
            let one = platform::tenants::QuotaText { runs_a_day: "1".to_owned(), ..Default::default() };
            house.platform.set_quotas(&admin, &one).await.unwrap();
            let body = json!({"workflow": "vendor-payment", "inputs": {"invoice_id": "INV-20417"}});
            post(&house.acme.developer, "/api/v1/runs", body.clone()).await.expect(201);
            for (later, seconds) in [(0, "86400"), (3_600, "82800")] {
                house.clock.advance(Duration::from_secs(later));
                let refused = post(&house.acme.developer, "/api/v1/runs", body.clone()).await.expect(429);
                assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("quota_runs_a_day", seconds));
            }
        }

        async fn a_request_under_one_key_is_done_once_and_answered_alike(house) {
            let developer = &house.acme.developer;
            let body = json!({"workflow": "vendor-payment", "inputs": {"invoice_id": "INV-20417"}});
            let first = start(developer, "one", &body).await.expect(201);
            let again = start(developer, "one", &body).await.expect(201);
            assert_eq!((first.text.as_str(), first.location()), (again.text.as_str(), again.location()));
            assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
            let other = json!({"workflow": "vendor-payment", "inputs": {"invoice_id": "INV-4711"}});
            assert_eq!(start(developer, "one", &other).await.expect(422).code(), "idempotency_key_reused");
            assert_ne!(start(developer, "two", &body).await.expect(201).text, first.text);
            // The same key of somebody else is another one, in this tenant and in the next.
            assert_ne!(start(&house.acme.admin, "one", &body).await.expect(201).text, first.text);
            assert_ne!(start(&house.globex.developer, "one", &body).await.expect(201).text, first.text);
            assert_eq!(start(developer, &"x".repeat(256), &body).await.expect(400).code(), "idempotency_key_invalid");
            // What was refused may be tried again under its key.
            let broken = json!({"workflow": "no-such", "inputs": {}});
            start(developer, "three", &broken).await.expect(404);
            start(developer, "three", &body).await.expect(201);
            // After a day a key is as good as new.
            house.clock.advance(Duration::from_hours(24));
            house.platform.keep_house().await.unwrap();
            start(developer, "one", &other).await.expect(201);
        }

        async fn of_requests_at_once_under_one_key_one_is_done(house) {
            let developer = &house.acme.developer;
            let before = get(developer, "/api/v1/runs?limit=200").await.json()["items"].as_array().unwrap().len();
            let body = json!({"workflow": "vendor-payment", "inputs": {"invoice_id": "INV-20417"}});
            let (a, b, c) = tokio::join!(start(developer, "k", &body), start(developer, "k", &body), start(developer, "k", &body));
            for answer in [&a, &b, &c] {
                assert!([201, 409].contains(&answer.status), "{}: {}", answer.status, answer.text);
            }
            assert!([&a, &b, &c].iter().any(|answer| answer.status == 201));
            let runs = get(developer, "/api/v1/runs?limit=200").await.json()["items"].as_array().unwrap().len();
            assert_eq!(runs, before + 1);
            start(developer, "k", &body).await.expect(201);
        }

        async fn a_change_that_others_made_meanwhile_is_not_lost(house) {
            let admin = &house.acme.admin;
            let list = get(admin, "/api/v1/variables").await.expect(200).json();
            let credential = get(admin, "/api/v1/credentials").await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
            let variable = list["items"][0]["id"].as_str().unwrap().to_owned();
            let hosts = json!({"allowed_hosts": ["api.example.com"]});
            for (path, one, other) in [
                (format!("/api/v1/variables/{variable}"), json!({"value": "a"}), json!({"value": "b"})),
                ("/api/v1/budgets/tenant".to_owned(), json!({"total": "20", "day": "2"}), json!({"day": "2"})),
                ("/api/v1/budgets/workflows/vendor-payment".to_owned(), json!({"month": "20"}), json!({"month": "30"})),
                (format!("/api/v1/credentials/{credential}"), hosts.clone(), json!({"allowed_hosts": ["other.example.com"]})),
            ] {
                house.clock.advance(Duration::from_secs(1));
                let seen = get(admin, &path).await.expect(200).header("etag").to_owned();
                assert_eq!(admin.api(PUT, &path, &[], Some(&one)).await.expect(428).code(), "condition_needed");
                let changed = admin.api(PUT, &path, &[("if-match", &seen)], Some(&one)).await.expect(200);
                house.clock.advance(Duration::from_secs(1));
                assert_ne!(changed.header("etag"), seen);
                let late = admin.api(PUT, &path, &[("if-match", &seen)], Some(&other)).await.expect(412);
                assert_eq!(late.code(), "changed_meanwhile");
                assert_eq!(get(admin, &path).await.expect(200).header("etag"), changed.header("etag"), "nothing was changed");
                admin.api(PUT, &path, &[("if-match", changed.header("etag"))], Some(&other)).await.expect(200);
            }
        }

        async fn a_workflow_is_saved_over_what_was_seen_or_not_at_all(house) {
            let developer = &house.acme.developer;
            let file = |message: &str| json!({"source": format!(
                "---\nworkflow: {{id: hello, name: Hello}}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {{message: {message}}}\n```\n"
            )});
            let path = "/api/v1/workflows/hello";
            let new = [("if-none-match", "*")];
            assert_eq!(developer.api(PUT, path, &new, Some(&file("a"))).await.expect(200).json()["version"], 1);
            assert_eq!(developer.api(PUT, path, &new, Some(&file("b"))).await.expect(412).code(), "changed_meanwhile");
            let seen = get(developer, path).await.expect(200).header("etag").to_owned();
            assert_eq!(developer.api(PUT, path, &[("if-match", &seen)], Some(&file("b"))).await.expect(200).json()["version"], 2);
            developer.api(PUT, path, &[("if-match", &seen)], Some(&file("c"))).await.expect(412);
            let source = get(developer, "/api/v1/workflows/hello/versions/2").await.expect(200).json();
            assert_eq!(source["source"], file("b")["source"]);
            developer.api(PUT, "/api/v1/workflows/other", &new, Some(&file("a"))).await.expect(422);
            let broken = developer.api(PUT, path, &[("if-match", "*")], Some(&json!({"source": "---\nx: 1\n---\n"}))).await.expect(422);
            assert_eq!(broken.code(), "workflow_errors");
            let checked = post(developer, "/api/v1/workflows/checks", json!({"source": "---\nx: 1\n---\n"})).await.expect(200).json();
            assert_eq!(checked["is_sound"], false);
            assert!(!checked["findings"].as_array().unwrap().is_empty());
        }

        async fn a_list_is_read_page_by_page_and_a_cursor_is_of_its_list_and_tenant(house) {
            let admin = &house.acme.admin;
            let first = get(admin, "/api/v1/audit?limit=3").await.expect(200).json();
            assert_eq!(first["items"].as_array().unwrap().len(), 3);
            let mut seen: Vec<i64> = Vec::new();
            let mut path = "/api/v1/audit?limit=3".to_owned();
            loop {
                let page = get(admin, &path).await.expect(200).json();
                seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["seq"].as_i64().unwrap()));
                let Some(next) = page["next"].as_str() else { break };
                path = format!("/api/v1/audit?limit=3&cursor={next}");
            }
            let expected: Vec<i64> = (1..=seen[0]).rev().collect();
            assert_eq!(seen, expected);
            let cursor = first["next"].as_str().unwrap();
            get(&house.globex.admin, &format!("/api/v1/audit?cursor={cursor}")).await.expect(422);
            get(admin, &format!("/api/v1/runs?cursor={cursor}")).await.expect(422);
            for wrong in ["limit=0", "limit=201", "limit=x", "cursor=x", "more=1", "limit=1&limit=2"] {
                get(admin, &format!("/api/v1/audit?{wrong}")).await.expect(422);
            }
        }

        async fn an_export_of_the_log_is_accepted_offline(house) {
            let export = get(&house.acme.admin, "/api/v1/audit/export").await.expect(200);
            let verified = platform::audit::verify_export(export.text.as_bytes()).unwrap();
            assert_eq!(verified.chain, house.acme.id.to_string());
            let state = get(&house.acme.admin, "/api/v1/audit/state").await.expect(200).json();
            assert_eq!(state["seq"].as_i64().unwrap(), verified.last + 1, "that it was taken away is recorded");
        }

        async fn a_value_of_a_credential_never_comes_back(house) {
            let admin = &house.acme.admin;
            let secret = "a-very-secret-value-41";
            let new = json!({"name": "mine", "kind": "token", "value": secret, "allowed_hosts": ["api.example.com"]});
            let made = admin.api(POST, "/api/v1/credentials", &[("idempotency-key", "c")], Some(&new)).await.expect(201);
            let shown = get(admin, made.location()).await.expect(200);
            let replacement = format!("{}/replacement", made.location());
            let replaced = admin.api(POST, &replacement, &[("if-match", shown.header("etag"))], Some(&json!({"value": "another-secret-42"}))).await.expect(200);
            assert_eq!(replaced.json()["version"], 2);
            let all = get(admin, "/api/v1/credentials").await.expect(200);
            let log = get(admin, "/api/v1/audit?limit=50").await.expect(200);
            for answer in [&made, &shown, &replaced, &all, &log] {
                assert!(!answer.text.contains(secret) && !answer.text.contains("another-secret-42"), "{}", answer.asked);
            }
        }

        async fn what_cannot_be_read_is_told_as_a_problem(house) {
            let admin = &house.acme.admin;
            let raw = |body: &'static str, kind: &'static str| {
                Answer::of(admin.api_request(POST, "/api/v1/variables", &[("content-type", kind)], None).body(body))
            };
            assert_eq!(raw("{", "application/json").await.expect(400).code(), "broken_json");
            assert_eq!(raw("{}", "application/json").await.expect(422).code(), "invalid");
            assert_eq!(raw(r#"{"name":"a","value":1,"more":1}"#, "application/json").await.expect(422).code(), "invalid");
            assert_eq!(raw(r#"{"name":"a","name":"b","value":1}"#, "application/json").await.expect(422).code(), "invalid");
            assert_eq!(raw(r#"{"name":"a","value":"\u0000"}"#, "application/json").await.expect(422).code(), "not_text");
            assert_eq!(raw("name=a", "application/x-www-form-urlencoded").await.expect(415).code(), "wrong_content_type");
            let large = json!({"name": "a", "value": "x".repeat(2 * 1024 * 1024)});
            assert_eq!(post(admin, "/api/v1/variables", large).await.expect(413).code(), "too_large");
            assert_eq!(get(admin, "/api/v1/nothing").await.expect(404).code(), "not_found");
            assert_eq!(admin.api(PUT, "/api/v1/runs", &[], None).await.expect(405).code(), "method_not_allowed");
            assert_eq!(get(admin, "/api/v1/runs/run_x").await.expect(404).code(), "not_found");
        }
    }

    #[test]
    fn every_permission_can_be_a_scope() {
        let document = web::openapi();
        let names: Vec<&str> =
            document["components"]["schemas"]["Scope"]["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names, Permission::ALL.iter().map(|permission| permission.name()).collect::<Vec<_>>());
    }
}
