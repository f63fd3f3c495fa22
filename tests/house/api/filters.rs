//! What lists are narrowed by: the same as on the pages, page by page, and nothing that nobody knows.

use serde_json::Value;

use super::get;
use crate::harness::{Client, House, in_both_houses, person};

/// One column of every row of a list, read a page of one row at a time.
async fn all(client: &Client, path: &str, column: &str) -> Vec<String> {
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    for _ in 0..20 {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = get(client, &format!("{path}{sign}limit=1{cursor}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|row| row[column].as_str().map_or_else(|| row[column].to_string(), str::to_owned)));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
    panic!("{path} does not end");
}

/// The same of a list that is given whole.
async fn whole(client: &Client, path: &str, column: &str) -> Vec<String> {
    let list = get(client, path).await.expect(200).json();
    list["items"].as_array().unwrap().iter().map(|row| row[column].as_str().unwrap().to_owned()).collect()
}

in_both_houses! {
    House::lived_in =>

    async fn runs_are_narrowed_by_what_their_page_is(house) {
        let developer = &house.acme.developer;
        let workflow = get(developer, "/api/v1/workflows/vendor-payment").await.expect(200).json()["id"].as_str().unwrap().to_owned();
        let number = async |query: &str| all(developer, &format!("/api/v1/runs{query}"), "number").await.join(" ");
        for (query, expected) in [
            ("", "2 1"),
            ("?status=waiting", "2"),
            ("?status=waiting&workflow=vendor-payment", "2"),
            ("?workflow=release-notes", ""),
            ("?starter=developer%40acme.example", "2 1"),
            ("?starter=developer%40acme.example&status=cancelled", "1"),
            ("?starter=developer", ""),
            ("?text=inv-20417", "2"),
            ("?text=%231", "1"),
            ("?since=2020-01-01", "2 1"),
            ("?since=2020-01-01&until=2020-12-31", ""),
            ("?until=2020-01-01T00:00:00.5Z", ""),
        ] {
            assert_eq!(number(query).await, expected, "{query}");
        }
        assert_eq!(number(&format!("?workflow={workflow}")).await, "2 1");
        let accepted = get(developer, "/api/v1/runs").await.expect(200).json()["items"][0]["accepted_at"].as_str().unwrap().to_owned();
        assert_eq!(number(&format!("?since={accepted}")).await, "2 1", "nobody moved the clock between the two");
        assert_eq!(number(&format!("?until={accepted}")).await, "", "a range ends before its last moment");
        assert_eq!(number(&format!("?since={}&until={}", &accepted[..10], &accepted[..10])).await, "2 1", "a day is meant whole");
        get(developer, "/api/v1/runs?workflow=nothing").await.expect(404);
        let theirs = format!("/api/v1/runs?workflow={workflow}");
        assert!(all(&house.globex.developer, &theirs, "number").await.is_empty(), "an id of another tenant is of nothing here");
    }

    async fn approvals_are_narrowed_by_state_and_by_whose_they_are(house) {
        let things = &house.things.as_ref().unwrap().0;
        let ids = async |client: &Client, query: &str| all(client, &format!("/api/v1/approvals{query}"), "id").await;
        let this = vec![things.approval.to_string()];
        for (query, found) in [
            ("", true),
            ("?state=pending", true),
            ("?state=ended", false),
            ("?state=rejected", false),
            ("?mine=true", true),
            ("?mine=false", true),
            ("?workflow=vendor-payment", true),
            ("?workflow=release-notes", false),
            ("?starter=developer%40acme.example", true),
            ("?starter=admin%40acme.example", false),
            ("?text=pay", true),
            ("?text=nothing%20of%20it", false),
        ] {
            assert_eq!(ids(&house.acme.approver, query).await, if found { this.clone() } else { Vec::new() }, "{query}");
        }
        assert_eq!(ids(&house.acme.approver, &format!("?run={}", things.run)).await, this);
        assert!(ids(&house.acme.developer, "?mine=true").await.is_empty(), "who started it does not decide it");
        let refused = get(&house.acme.approver, "/api/v1/approvals?state=ended&mine=true").await.expect(422);
        assert_eq!(refused.json()["errors"][0]["field"], "mine");
    }

    async fn lists_that_are_given_whole_are_narrowed_too(house) {
        let admin = &house.acme.admin;
        for (path, expected) in [
            ("/api/v1/workflows?text=VENDOR", vec!["vendor-payment"]),
            ("/api/v1/workflows?tag=payments", vec!["vendor-payment"]),
            ("/api/v1/workflows?tag=payment", vec![]),
        ] {
            assert_eq!(whole(admin, path, "slug").await, expected, "{path}");
        }
        for (path, expected) in [
            ("/api/v1/credentials?text=payment-D", vec!["payment-desk"]),
            ("/api/v1/credentials?text=payment-d&kind=certificate", vec![]),
        ] {
            assert_eq!(whole(admin, path, "name").await, expected, "{path}");
        }
        for (path, expected) in [
            ("/api/v1/members?role=approver", vec!["approver@acme.example"]),
            ("/api/v1/members?role=approver&is_active=false", vec![]),
            ("/api/v1/members?role=approver&text=nobody", vec![]),
        ] {
            assert_eq!(whole(admin, path, "email").await, expected, "{path}");
        }
        let actor = house.actor(admin).await;
        house.platform.disable_member(&actor, person(&house.acme.approver)).await.unwrap();
        let disabled = whole(admin, "/api/v1/members?is_active=false", "email").await;
        assert!(disabled.contains(&"approver@acme.example".to_owned()) && !disabled.contains(&"admin@acme.example".to_owned()), "{disabled:?}");
    }

    async fn what_no_list_is_narrowed_by_is_refused_and_told(house) {
        let admin = &house.acme.admin;
        let said = async |path: &str| -> (String, String) {
            let errors: Value = get(admin, path).await.expect(422).json()["errors"][0].clone();
            (errors["field"].as_str().unwrap().to_owned(), errors["message"].as_str().unwrap().to_owned())
        };
        let (field, message) = said("/api/v1/runs?state=failed").await;
        assert_eq!(field, "state");
        assert!(message.contains("Those that are: `status`, `workflow`, `starter`, `since`, `until`, `text`, `limit`, `cursor`."), "{message}");
        let (field, message) = said("/api/v1/whoami?verbose=1").await;
        assert_eq!(field, "verbose");
        assert!(message.contains("Those that are: none."), "{message}");
        for (path, field) in [
            ("/api/v1/runs?since=yesterday", "since"),
            ("/api/v1/runs?until=2026-02-30", "until"),
            ("/api/v1/audit?since=2026-11-24T10:00", "since"),
            ("/api/v1/approvals?mine=perhaps", "mine"),
            ("/api/v1/members?role=king", "role"),
            ("/api/v1/credentials?kind=spoon", "kind"),
        ] {
            assert_eq!(said(path).await.0, field, "{path}");
        }
        assert_eq!(said(&format!("/api/v1/workflows?text={}", "x".repeat(201))).await.0, "text");
    }
}
