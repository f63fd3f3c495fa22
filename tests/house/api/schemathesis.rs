//! Somebody else's reading of the document: schemathesis asks the real binary what the document allows and what it does
//! not, and finds no answer of the house's own fault and none that the document does not know.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::json;

use crate::harness::{Client, PASSWORD, process, process::Program};

/// How many for each operation and phase.
const EXAMPLES: &str = "15";
/// What is checked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,\
                      negative_data_rejection,unsupported_method,ignored_auth";

fn program() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/schemathesis/bin/schemathesis")).to_owned()
}

/// The real binary with its look-alike services and a workflow to start, and a key that is for everything.
async fn served(folder: &Path) -> (Client, String, Program) {
    let port = process::free_port();
    let mut command = process::mandate_in(folder, port);
    // It asks faster than anybody may.
    for limit in ["ADDRESS_PER_MINUTE", "ADDRESS_BURST", "KEY_PER_MINUTE", "KEY_BURST"] {
        command.env(format!("MANDATE__LIMITS__{limit}"), "1000000");
    }
    let mut program = Program::start(command.args(["serve", "--rehearsal"]));
    let line = program.line_with("/setup/").await;
    let link = line.split_whitespace().last().unwrap().to_owned();
    let origin = format!("http://127.0.0.1:{port}");
    let nobody = Client::new(&origin, None);
    let fields = [
        ("tenant_name", "Acme"),
        ("slug", "acme"),
        ("name", "Ada"),
        ("email", "ada@acme.example"),
        ("password", PASSWORD),
        ("samples", "true"),
    ];
    let admin = nobody.with_cookie_of(&nobody.post(&link, &fields).await.expect(303));
    let mut fields = vec![("of", "acme"), ("name", "schemathesis"), ("days", "7")];
    fields.extend(domain::Permission::ALL.iter().map(|permission| ("scopes", permission.name())));
    let made = admin.post("/account/keys", &fields).await.expect(200).text;
    let at = made.find("mdk_").unwrap();
    (admin.with_key(&made[at..at + 90]), origin, program)
}

/// What there is in the tenant, as schemathesis wants it told: so that it comes past "there is no such thing".
async fn known(program: &Client) -> String {
    let first = async |path: &str, pointer: &str| {
        let answer = program.api(Method::GET, path, &[], None).await.expect(200).json();
        answer.pointer(pointer).unwrap_or_else(|| panic!("{path} has no {pointer}")).as_str().unwrap().to_owned()
    };
    let run = json!({"workflow": "vendor-payment", "inputs": {"invoice_id": "INV-20417"}});
    let run = program.api(Method::POST, "/api/v1/runs", &[], Some(&run)).await.expect(201).json();
    let invited = json!({"email": "new@acme.example", "name": "Nina", "role": "viewer"});
    let invited = program.api(Method::POST, "/api/v1/invitations", &[], Some(&invited)).await.expect(201).json();
    let known = [
        ("path.workflow", "vendor-payment".to_owned()),
        ("path.run", run["id"].as_str().unwrap().to_owned()),
        ("path.invitation", invited["id"].as_str().unwrap().to_owned()),
        ("path.credential", first("/api/v1/credentials", "/items/0/id").await),
        ("path.variable", first("/api/v1/variables", "/items/0/id").await),
        ("path.provider", first("/api/v1/providers", "/items/0/id").await),
        ("path.model", first("/api/v1/providers", "/items/0/models/0/id").await),
        ("path.member", first("/api/v1/members", "/items/0/id").await),
        ("header.If-Match", "*".to_owned()),
    ];
    let lines: Vec<String> = known.iter().map(|(name, value)| format!("\"{name}\" = \"{value}\"\n")).collect();
    format!("[parameters]\n\"path.number\" = 1\n{}", lines.concat())
}

fn ask(folder: &Path, origin: &str, key: &str, more: &[&str]) -> Output {
    Command::new(program())
        .args(["run", &format!("{origin}/api/v1/openapi.json"), "--url", origin])
        .args(more)
        .current_dir(folder)
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/house/api"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "archives")
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--mode", "all"])
        .args(["--max-examples", EXAMPLES, "--generation-deterministic", "--workers", "1"])
        .args(["--request-timeout", "20", "--max-failures", "20", "--no-color"])
        // What ends the rights of the only one who asks is tried elsewhere.
        .args(["--exclude-path-regex", "/(disabling|roles)(/|$)"])
        .output()
        .unwrap()
}

#[tokio::test]
async fn no_answer_is_a_fault_of_ours_or_unknown_to_the_document() {
    let program = program();
    assert!(program.exists(), "schemathesis is not here: run tests/set-up.sh, then the tests again ({} is missing)", program.display());
    let folder = process::empty_folder("schemathesis");
    let (client, origin, mut server) = served(&folder).await;
    let key = client.who().key.clone().unwrap();
    let mut said = Vec::new();
    // Once with what there is, where it stays; then without knowing anything.
    let file = folder.join("schemathesis.toml");
    std::fs::write(&file, known(&client).await).unwrap();
    for more in [&["--exclude-method", "DELETE"][..], &[]] {
        let output = ask(&folder, &origin, &key, more);
        let _ = std::fs::remove_file(&file);
        let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{text}");
        said.push((output.status.success(), text));
    }
    server.terminate();
    server.ended();
    let log = server.log();
    for (is_sound, text) in said {
        assert!(is_sound, "{text}\n{log}");
    }
    // A head that is no HTTP ends before any door of ours.
    let faults: Vec<&str> = log.lines().filter(|line| line.contains("\"level\":\"ERROR\"") && !line.contains("actix_http")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
