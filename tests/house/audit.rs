//! The log: every act is in it, denials are counted in it, and what is taken away can be checked without the house.

use std::time::Duration;

use database::RunStatus;
use platform::{
    audit::{AuditLine, verify_export},
    providers::PriceText,
};

use crate::{
    harness::{Client, Engine, House, in_both_houses, person, table, ways},
    payment,
};

/// Routes that change something and leave no event, with the reason.
const NOT_RECORDED: &[(&str, &str)] = &[
    ("/account/theme", "changes nothing but a cookie of the browser that asks"),
    ("/t/{slug}/workflows/checks", "a preview: saves nothing"),
    ("/api/v1/workflows/checks", "a preview: saves nothing"),
    ("/t/{slug}/bundles/checks", "a preview: saves nothing"),
    ("/api/v1/bundles/checks", "a preview: saves nothing"),
];

/// How many other routes may leave none.
const GAPS: usize = 0;

/// Who can do it.
fn who(house: &House, path: &str) -> Client {
    match path {
        "/sign-in"
        | "/setup/{token}"
        | "/invitations/{token}"
        | "/password-reset"
        | "/password-reset/{token}"
        | "/email-restorations/{token}" => house.nobody.clone(),
        "/t/{slug}/approvals/{id}/decision" | "/api/v1/approvals/{approval}/decision" => house.acme.approver.clone(),
        _ => house.acme.admin.clone(),
    }
}

/// What has to be so that the act changes anything.
async fn make_ready(house: &House, path: &str) {
    let admin = house.actor(&house.acme.admin).await;
    if path.ends_with("/enabling") {
        house.platform.disable_member(&admin, person(&house.acme.spare)).await.unwrap();
    }
    if path.ends_with("/default") {
        let provider = house.platform.providers(&admin).await.unwrap()[0].id;
        let price = PriceText { input: "1".to_owned(), output: "1".to_owned(), cached: None, max_output_tokens: "100".to_owned() };
        let other = house.platform.add_model(&admin, provider, "other", &price).await.unwrap();
        house.platform.set_default_model(&admin, other).await.unwrap();
    }
}

async fn installation(house: &House) -> Vec<String> {
    let mut tx = house.platform.database().system_read().await.unwrap();
    let rows = database::audit::installation_export(&mut tx, 0, 500).await.unwrap();
    rows.iter()
        .map(|row| serde_json::from_str::<serde_json::Value>(&row.canonical).unwrap()["action"].as_str().unwrap().to_owned())
        .collect()
}

fn actions(lines: &[AuditLine]) -> Vec<String> {
    lines.iter().map(|line| line.action.clone()).collect()
}

#[tokio::test]
async fn every_act_leaves_an_event() {
    let mut rows = vec![vec!["route".to_owned(), "recorded".to_owned()]];
    let house = House::lived_in(Engine::Sqlite).await;
    let things = house.things.clone().unwrap().0;
    let routes: Vec<_> = ways::ways(&house, "acme", &things).into_iter().filter(ways::Way::is_unsafe).map(|way| way.route).collect();
    house.end().await;
    for route in routes {
        let house = House::lived_in(Engine::Sqlite).await;
        let way = ways::ways(&house, "acme", &things).into_iter().find(|way| way.route == route).unwrap();
        make_ready(&house, route.path).await;
        let (before, of_installation) = (house.log(&house.acme).await.len(), installation(&house).await.len());
        let answer = way.go(&who(&house, route.path)).await;
        assert!([200, 201, 204, 303].contains(&answer.status), "{}: {} {}", way.name(), answer.status, answer.words());
        // The admin may be signed out by now; the log is read by another session of theirs.
        let admin = house.another_session_of(&house.acme.admin).await;
        let acme = crate::harness::Tenant { admin, ..house.acme.clone() };
        let mut recorded = actions(&house.log(&acme).await[before..]);
        recorded.extend(installation(&house).await[of_installation..].iter().map(|action| format!("{action} (installation)")));
        house.end().await;
        rows.push(vec![way.name(), recorded.join(", ")]);
    }
    let is_excused = |name: &str| NOT_RECORDED.iter().any(|(path, _)| name.ends_with(&format!(" {path}")));
    let gaps: Vec<&Vec<String>> = rows[1..].iter().filter(|row| row[1].is_empty() && !is_excused(&row[0])).collect();
    assert!(gaps.len() <= GAPS, "{gaps:#?}");
    let excuses: Vec<String> = NOT_RECORDED.iter().map(|(path, reason)| format!("{path}: {reason}\n")).collect();
    let legend = format!(
        "What is in the log after each route that changes something. Written by tests/house/audit.rs; UPDATE_EXPECT=1 writes it anew.\n\n\
         Without an event:\n{}\n",
        excuses.concat()
    );
    table::expect("audit", &format!("{legend}{}", table::columns(&rows)));
}

/// The denials in a tenant's log: whose, what for, and how often beyond the first.
async fn denials(house: &House) -> Vec<(String, String, u64)> {
    let log = house.log(&house.acme).await;
    let denied = log.iter().filter(|line| line.outcome == "denied");
    denied
        .map(|line| {
            (
                line.actor.clone(),
                line.detail["permission"].as_str().unwrap().to_owned(),
                line.detail.get("repetitions").map_or(0, |count| count.as_u64().unwrap()),
            )
        })
        .collect()
}

in_both_houses! {
    House::new =>

    async fn a_denial_is_recorded_and_its_repetitions_once_a_minute(house) {
        let budgets = "/t/acme/budgets";
        for _ in 0..4 {
            house.acme.viewer.get(budgets).await.expect(403).says(&["The denial is in the audit log"]);
        }
        house.acme.viewer.post(budgets, &[("scope", "tenant"), ("period", "day"), ("limit", "1"), ("act", "set")]).await.expect(403);
        house.acme.developer.get(budgets).await.expect(403);
        let own = |who: &str, permission: &str, times| (format!("{who}@acme.example"), permission.to_owned(), times);
        assert_eq!(denials(&house).await, [own("viewer", "budget:read", 0), own("viewer", "budget:write", 0), own("developer", "budget:read", 0)]);
        house.clock.advance(Duration::from_secs(61));
        house.platform.keep_house().await.unwrap();
        assert_eq!(denials(&house).await[3..], [own("viewer", "budget:read", 3)]);
        house.acme.viewer.get(budgets).await.expect(403);
        assert_eq!(denials(&house).await.len(), 5, "another minute, another event");
        house.platform.keep_house().await.unwrap();
        assert_eq!(denials(&house).await.len(), 5, "what is summed up is summed up once");
    }

    async fn what_a_stranger_is_denied_is_in_nobodys_log(house) {
        let before = (house.log(&house.acme).await.len(), house.log(&house.globex).await.len());
        house.globex.admin.get("/t/acme/budgets").await.expect(404);
        house.outsider.get("/t/acme/budgets").await.expect(404);
        assert_eq!((house.log(&house.acme).await.len(), house.log(&house.globex).await.len()), before);
    }

    async fn a_failed_sign_in_is_in_the_log_with_where_it_came_from(house) {
        let wrong = [("email", "viewer@acme.example"), ("password", "not the password 1")];
        house.nobody.post("/sign-in", &wrong).await.expect(401);
        let log = house.log(&house.acme).await;
        let last = log.last().unwrap();
        assert_eq!((last.action.as_str(), last.outcome.as_str(), last.address.as_deref()), ("auth.login_failed", "failed", Some("127.0.0.1")));
        assert!(!serde_json::to_string(&last.detail).unwrap().contains("not the password"));
    }
}

mod export {
    use super::*;

    in_both_houses! {
        payment::with_samples =>

        async fn an_export_is_accepted_offline_and_one_changed_byte_is_found(house) {
            let (run, approval) = payment::asked(&house).await;
            payment::approve(&house, approval).await;
            assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Completed);
            let export = house.acme.admin.get("/t/acme/audit/export.jsonl").await.expect(200);
            assert!(export.header("content-disposition").starts_with("attachment"), "{}", export.header("content-disposition"));
            let text = export.text;
            let verified = verify_export(text.as_bytes()).unwrap();
            assert_eq!((verified.rows, verified.first), (text.lines().count(), 1));
            assert_eq!(verified.chain, house.acme.id.to_string());
            let log = house.log(&house.acme).await;
            assert_eq!(log.last().unwrap().action, "audit.exported", "that it was taken away is recorded");
            assert_eq!(i64::try_from(log.len()).unwrap(), verified.last + 1);

            // One byte anywhere, and the row is named.
            for (number, line) in text.lines().enumerate() {
                let start = line.as_ptr() as usize - text.as_ptr() as usize;
                let mut changed = text.clone().into_bytes();
                let at = start + line.len() * 2 / 3;
                changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
                let bad = verify_export(changed.as_slice()).unwrap_err().to_string();
                assert!(bad.starts_with(&format!("line {}:", number + 1)), "{bad}");
            }
            // A row that is left out is missed.
            let rows: Vec<&str> = text.split_inclusive('\n').collect();
            let without: String = rows.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, row)| *row).collect();
            assert!(verify_export(without.as_bytes()).unwrap_err().to_string().starts_with("line 4:"));

            for other in [&house.acme.viewer, &house.acme.approver, &house.acme.developer] {
                other.get("/t/acme/audit/export.jsonl").await.expect(403);
            }
        }

        async fn the_log_is_searched_by_who_what_and_when(house) {
            payment::asked(&house).await;
            let admin = &house.acme.admin;
            let page = admin.get("/t/acme/audit?actor=developer@acme.example").await.expect(200).says(&["workflow.executed"]);
            assert!(!page.words().contains("credential.created by"));
            admin.get("/t/acme/audit?text=INV-20417").await.expect(200);
            admin.get("/t/acme/audit?action=nothing.like.this").await.expect(200).says(&["No rows"]);
            admin.get("/t/acme/audit?since=2026-11-22").await.expect(200).says(&["No rows"]);
            admin.get("/t/acme/audit?since=2026-13-45").await.expect(422);
            admin.get(&format!("/t/acme/audit?text={}", "x".repeat(300))).await.expect(422);
        }
    }
}
