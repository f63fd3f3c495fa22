//! Bundles by both doors: looked into, imported, taken away; and what pretends to be one.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::Value;
use workflow::bundle::{Files, pack, read};

use crate::harness::{Answer, Choices, House, in_both_houses};

const FLOW: &str = "---\nworkflow: {id: triage, name: Triage}\ninputs:\n  text: {type: string, required: true}\n---\n\n## 1. Sort\n\n```yaml\n\
    action: agent.generate\nprompt: prompts/sort.md\n```\n";

fn files() -> Files {
    let all = [
        ("workflow.md", FLOW),
        ("prompts/sort.md", "Sort this: {{ inputs.text }}\n"),
        ("tools.yaml", "tools: {lint: {type: script, file: tools/lint.sh}}\n"),
        ("tools/lint.sh", "#!/bin/sh\ntouch /tmp/mandate-was-here\n"),
    ];
    Files::collect(all.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))).unwrap()
}

/// The names of entries that lead out of the archive, in the bytes of a zip.
fn escaping() -> Vec<u8> {
    let mut archive = pack(&Files::collect([("abcdefgh".to_owned(), b"x".to_vec())]).unwrap());
    for at in 0..archive.len() - 8 {
        if archive[at..].starts_with(b"abcdefgh") {
            archive[at..at + 8].copy_from_slice(b"../evil8");
        }
    }
    archive
}

async fn house() -> House {
    House::with(crate::harness::Engine::Sqlite, Choices { without_engine: true, ..Choices::default() }).await
}

in_both_houses! {
    House::new =>

    async fn a_bundle_is_looked_into_imported_and_taken_away_by_pages(house) {
        let (developer, archive) = (&house.acme.developer, pack(&files()));
        developer.get("/t/acme/workflows").await.expect(200).says(&["Import a bundle"]);
        developer.get("/t/acme/bundles/new").await.expect(200).says(&["Importing runs nothing."]);
        let preview = developer.send_archive("/t/acme/bundles/checks", &archive).await.expect(200).says(&["The bundle is sound.", "prompts/sort.md", "tools/lint.sh", "never run by importing", "as a draft"]);
        developer.get("/t/acme/workflows/triage").await.expect(404);

        developer.submit_archive(&preview, "/t/acme/bundles").await.expect(303);
        developer.get("/t/acme/workflows/triage").await.expect(200).says(&["Triage"]);
        let zip = developer.request(Method::GET, "/t/acme/workflows/triage/versions/1/bundle").send().await.unwrap();
        assert_eq!(zip.headers()["content-type"], "application/zip");
        assert_eq!(zip.headers()["content-disposition"], "attachment; filename=\"triage-1.zip\"");
        assert_eq!(read(&zip.bytes().await.unwrap()).unwrap(), files());
        assert!(!std::path::Path::new("/tmp/mandate-was-here").exists());
        house.globex.admin.get("/t/globex/workflows/triage/versions/1/bundle").await.expect(404);
    }

    async fn a_bundle_is_looked_into_imported_and_taken_away_by_programs(house) {
        let (developer, archive) = (&house.acme.developer, pack(&files()));
        let checked = developer.api_archive("/api/v1/bundles/checks", "application/zip", &archive).await.expect(200).json();
        assert_eq!((&checked["main"], &checked["workflow"]["is_sound"]), (&Value::from("workflow.md"), &Value::from(true)));
        assert_eq!(checked["files"].as_array().unwrap().len(), 4);
        let made = developer.api_archive("/api/v1/bundles", "application/zip", &archive).await.expect(201);
        assert_eq!(made.headers["location"], "/api/v1/workflows/triage/versions/1");
        assert_eq!((&made.json()["is_new"], &made.json()["is_published"]), (&Value::from(true), &Value::from(false)));
        let path = "/api/v1/workflows/triage/versions/1/bundle";
        let zip = developer.api_request(Method::GET, path, &[], None).send().await.unwrap();
        assert_eq!(read(&zip.bytes().await.unwrap()).unwrap(), files());
        house.globex.admin.api(Method::GET, path, &[], None).await.expect(404);
        house.acme.viewer.api_archive("/api/v1/bundles", "application/zip", &archive).await.expect(403);

        let refused = developer.api_archive("/api/v1/bundles", "application/zip", &escaping()).await.expect(422);
        assert_eq!(refused.code(), "bundle_refused");
        for (content_type, body) in [
            ("application/json", &br#"{"archive": "/etc/passwd"}"#[..]),
            ("application/gzip", &archive[..]),
            ("application/zip", &br#"{"archive": "/etc/passwd"}"#[..]),
        ] {
            developer.api_archive("/api/v1/bundles", content_type, body).await.expect(415);
        }
        developer.api_archive("/api/v1/bundles/checks", "application/zip", &vec![b'P'; (16 << 20) + 1]).await.expect(413);
    }
}

#[tokio::test]
async fn what_pretends_to_be_an_upload_is_refused_and_nothing_is_stored() {
    let house = house().await;
    let developer = &house.acme.developer;
    let token = developer.csrf().await.to_owned();
    let raw = async |content_type: &str, body: String| {
        let request = developer.request(Method::POST, "/t/acme/bundles").header(CONTENT_TYPE, content_type);
        Answer::of(request.body(body)).await
    };
    let json = format!(r#"{{"csrf": "{token}", "archive": {{"filename": "a.zip", "path": "/etc/passwd"}}}}"#);
    raw("application/json", json.clone()).await.expect(415);
    raw("application/x-www-form-urlencoded", format!("csrf={token}&packed=UEsDBA==")).await.expect(415);
    raw("multipart/form-data; boundary=x", json).await.expect(422);
    let part = |disposition: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n");
    let csrf = part("name=\"csrf\"", &token);
    let form = "multipart/form-data; boundary=x";
    for wrong in [
        part("name=\"archive\"", "PK"),
        part("name=\"packed\"", "no base64"),
        part("name=\"packed\"", "/etc/passwd"),
        part("name=\"file\"; filename=\"a.zip\"", "PK"),
        part("name=\"archive\"; filename=\"\"", ""),
        part("name=\"archive\"; filename=\"a.zip\"", "{\"archive\": \"/etc/passwd\"}"),
    ] {
        raw(form, format!("{csrf}{wrong}--x--\r\n")).await.expect(422);
    }
    raw(form, format!("{}--x--\r\n", part("name=\"archive\"; filename=\"a.zip\"", "PK"))).await.expect(403);
    developer.send_archive("/t/acme/bundles/checks", &escaping()).await.expect(422).says(&["which could lead out of the bundle"]);
    developer.send_archive("/t/acme/bundles/checks", &vec![0; 4 * 1024 * 1024 + 1]).await.expect(413).says(&["4 MiB"]);
    assert!(
        house.platform.workflows(&house.actor(developer).await, &platform::workflows::WorkflowSearch::default()).await.unwrap().is_empty()
    );
    house.end().await;
}
