//! The plan of a version: as a page, as JSON, and in whose sight.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, House, in_both_houses};

/// A choice, a loop, something that is taken back, and what stands in when a step fails.
const SOURCE: &str = "\
---
workflow: {id: all-kinds, name: All <kinds>}
outputs: {sum: {value: \"{{ list | length }}\"}}
---
```yaml
id: make
action: core.set
inputs: {a: 1}
output_variable: list
```
```yaml
id: each
type: for_each
items: \"{{ list }}\"
item: one
steps:
  - {id: look, action: workflow.log, inputs: {message: \"{{ one }}\"}}
```
```yaml
id: choose
type: if
if: \"{{ list | length > 3 }}\"
then:
  - {id: many, action: workflow.noop}
else:
  - {id: few, action: workflow.noop, compensate: {id: unfew, action: workflow.noop}}
```
";

async fn save(client: &Client, id: &str, source: &str, draft: bool) {
    let path = format!("/api/v1/workflows/{id}");
    let before = client.api(Method::GET, &path, &[], None).await;
    let condition = if before.status == 404 { ("if-none-match", "*") } else { ("if-match", before.header("etag")) };
    let answer = client.api(Method::PUT, &path, &[condition], Some(&json!({"source": source, "draft": draft}))).await;
    assert!(answer.status < 300, "{}", answer.text);
}

async fn plan(client: &Client, path: &str) -> Value {
    client.api(Method::GET, path, &[], None).await.expect(200).json()
}

in_both_houses! {
    House::new =>

    async fn a_plan_says_what_follows_what_and_who_reads_what_of_whom(house) {
        let developer = &house.acme.developer;
        save(developer, "all-kinds", SOURCE, false).await;
        let shown = plan(&house.acme.viewer, "/api/v1/workflows/all-kinds/plan").await;
        assert_eq!((&shown["slug"], &shown["version"]["number"]), (&json!("all-kinds"), &json!(1)));
        assert_eq!(shown["plan"]["hash"], shown["version"]["plan_hash"]);
        assert_eq!(shown, plan(developer, "/api/v1/workflows/all-kinds/versions/1/plan").await);
        let steps = shown["plan"]["steps"].as_array().unwrap();
        let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["make", "each", "look", "choose", "many", "few", "unfew"]);
        assert_eq!(steps[0]["sets"], json!(["list"]));
        assert_eq!(steps[1]["reads"], json!([{"name": "list", "from": ["make"]}]));
        assert_eq!(steps[4]["inside"], json!({"step": "choose", "as": "block", "list": 0, "label": "if list | length > 3"}));
        assert_eq!(steps[6]["inside"], json!({"step": "few", "as": "compensation", "list": null, "label": ""}));
        assert_eq!(shown["plan"]["outputs"][0]["reads"], json!([{"name": "list", "from": ["make"]}]));
        let edges: Vec<Value> = shown["plan"]["edges"].as_array().unwrap().iter().map(|edge| json!([edge["from"], edge["kind"], edge["to"]])).collect();
        for edge in [
            json!([null, "order", "make"]),
            json!(["each", "branch", "look"]),
            json!(["look", "back", "each"]),
            json!(["choose", "branch", "few"]),
            json!(["few", "compensation", "unfew"]),
            json!(["choose", "order", null]),
        ] {
            assert!(edges.contains(&edge), "{edge} in {edges:?}");
        }
    }

    async fn the_page_of_a_plan_draws_every_step_and_says_it_in_words(house) {
        save(&house.acme.developer, "all-kinds", SOURCE, false).await;
        let page = house.acme.viewer.get("/t/acme/workflows/all-kinds/plan").await.expect(200);
        for id in ["make", "each", "look", "choose", "many", "few", "unfew"] {
            assert!(page.text.contains(&format!("id=\"step-{id}\"")), "{id}");
            assert!(page.text.contains(&format!("class=\"plan-words is-step plain\" href=\"#step-{id}\""))
                || page.text.contains(&format!("class=\"plan-words is-frame plain\" href=\"#step-{id}\"")), "{id}: {}", page.text);
        }
        assert!(page.text.contains("All &#60;kinds&#62;") && page.text.contains("next round") && page.text.contains("Takes back"));
        house.acme.viewer.get("/t/acme/workflows/all-kinds").await.expect(200).says(&["The plan"]);
        house.acme.viewer.get("/t/acme/workflows/all-kinds/versions/1/plan").await.expect(200).says(&["plan of version 1"]);
        house.acme.viewer.get("/t/acme/workflows/all-kinds/versions/2/plan").await.expect(404);
    }

    async fn a_draft_with_errors_has_no_plan_and_the_one_before_it_keeps_its_own(house) {
        let developer = &house.acme.developer;
        save(developer, "all-kinds", SOURCE, false).await;
        save(developer, "all-kinds", &SOURCE.replace("core.set", "core.nothing"), true).await;
        let shown = plan(developer, "/api/v1/workflows/all-kinds/versions/2/plan").await;
        assert_eq!((&shown["plan"], &shown["version"]["state"]), (&Value::Null, &json!("broken")));
        assert_eq!(plan(developer, "/api/v1/workflows/all-kinds/plan").await["version"]["number"], 1, "a start takes the first");
        developer.get("/t/acme/workflows/all-kinds/versions/2/plan").await.expect(200).says(&["This draft has errors"]);
    }

    async fn nobody_sees_the_plan_of_another_tenant(house) {
        save(&house.acme.developer, "all-kinds", SOURCE, false).await;
        let globex = &house.globex.admin;
        for path in ["/api/v1/workflows/all-kinds/plan", "/api/v1/workflows/all-kinds/versions/1/plan"] {
            globex.api(Method::GET, path, &[], None).await.expect(404);
        }
        for path in ["/t/acme/workflows/all-kinds/plan", "/t/globex/workflows/all-kinds/plan", "/t/acme/workflows/all-kinds/versions/1/plan"] {
            globex.get(path).await.expect(404);
        }
        save(globex, "all-kinds", &SOURCE.replace("id: few", "id: globex_only"), false).await;
        assert!(plan(globex, "/api/v1/workflows/all-kinds/plan").await.to_string().contains("globex_only"));
        assert!(!plan(&house.acme.admin, "/api/v1/workflows/all-kinds/plan").await.to_string().contains("globex_only"));
    }
}

mod examples {
    use super::*;
    use crate::payment::with_samples;

    in_both_houses! {
        with_samples =>

        async fn the_plans_of_the_examples_can_be_seen(house) {
            let listed = plan(&house.acme.developer, "/api/v1/workflows").await;
            let slugs: Vec<String> = listed["items"].as_array().unwrap().iter().map(|line| line["slug"].as_str().unwrap().to_owned()).collect();
            assert!(slugs.contains(&"vendor-payment".to_owned()), "{slugs:?}");
            for slug in slugs {
                let shown = plan(&house.acme.developer, &format!("/api/v1/workflows/{slug}/plan")).await;
                let steps = shown["plan"]["steps"].as_array().unwrap().len();
                let page = house.acme.developer.get(&format!("/t/acme/workflows/{slug}/plan")).await.expect(200);
                assert_eq!(page.text.matches("class=\"plan-words is-step").count() + page.text.matches("class=\"plan-words is-frame").count(), steps, "{slug}");
            }
        }
    }
}
