//! Somebody else's reading of the document: schemathesis asks the real binary what the document allows and what it does
//! not, and finds no answer of the house's own fault and none that the document does not know.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{Client, PASSWORD, process, process::Program};

/// Which examples are made, always the same.
const SEED: &str = "20261121";
/// How many for each operation and phase.
const EXAMPLES: &str = "15";
/// What is checked of every answer.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance";

fn program() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/schemathesis/bin/schemathesis")).to_owned()
}

/// The real binary with its look-alike services and a workflow to start, and a key that is for everything.
async fn served(folder: &Path) -> (String, String, Program) {
    let port = process::free_port();
    let mut program = Program::start(process::mandate_in(folder, port).args(["serve", "--rehearsal"]));
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
    (origin, made[at..at + 90].to_owned(), program)
}

#[tokio::test]
async fn no_answer_is_a_fault_of_ours_or_unknown_to_the_document() {
    let program = program();
    assert!(program.exists(), "schemathesis is not here: run tests/set-up.sh, then the tests again ({} is missing)", program.display());
    let folder = process::empty_folder("schemathesis");
    let (origin, key, mut server) = served(&folder).await;
    let output = Command::new(&program)
        .current_dir(&folder)
        .args(["run", &format!("{origin}/api/v1/openapi.json"), "--url", &origin])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--mode", "all"])
        .args(["--max-examples", EXAMPLES, "--seed", SEED, "--generation-deterministic", "--workers", "1"])
        .args(["--request-timeout", "20", "--max-failures", "20", "--no-color"])
        // What ends the key, its owner or the wait for others is tried elsewhere.
        .args(["--exclude-path-regex", "/(disabling|roles)(/|$)"])
        .output()
        .unwrap();
    let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    server.terminate();
    server.ended();
    let log = server.log();
    assert!(output.status.success(), "{said}\n{log}");
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
}
