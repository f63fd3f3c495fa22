//! The demo as somebody meets it who has never seen the product: one command, and everybody in it can sign in.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use crate::harness::{
    Client,
    process::{Program, empty_folder, free_port, mandate, mandate_in, run},
};

/// Weeks are made in a moment, but not in no time where tests run unoptimised.
const WHILE_IT_IS_MADE: Duration = Duration::from_secs(300);

fn command(folder: &Path, port: u16) -> Command {
    let mut command = mandate_in(folder, port);
    command.arg("demo");
    for service in ["INVOICE_BOOK", "PAYMENT_DESK", "TRACKER", "MODEL"] {
        command.env(format!("MANDATE__REHEARSAL__{service}_PORT"), free_port().to_string());
    }
    command
}

/// Starts the demo and gives what it says about who can sign in: by tenant and role, the address and the password.
async fn started(folder: &Path, port: u16) -> (Program, BTreeMap<(String, String), (String, String)>) {
    let mut program = Program::start(&mut command(folder, port));
    let (mut people, mut tenant) = (BTreeMap::new(), String::new());
    loop {
        let Some(line) = program.line_within(WHILE_IT_IS_MADE).await else { panic!("it ended: {}", program.log()) };
        if line.contains("Mandate is ready at") {
            return (program, people);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [role, email, password] if email.ends_with(".example") => {
                people.insert((tenant.clone(), (*role).to_owned()), ((*email).to_owned(), (*password).to_owned()));
            }
            [name, "(samples)"] => tenant = (*name).to_owned(),
            _ => {}
        }
    }
}

async fn sign_in(port: u16, (email, password): &(String, String)) -> Client {
    let nobody = Client::new(&format!("http://127.0.0.1:{port}"), None);
    let answer = nobody.post("/sign-in", &[("email", email), ("password", password)]).await.expect(303);
    nobody.with_cookie_of(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_makes_two_tenants_with_people_in_every_role_and_weeks_of_runs() {
    let (folder, port) = (empty_folder("demo"), free_port());
    let (mut program, people) = started(&folder, port).await;
    assert_eq!(people.len(), 14, "{people:?}");
    let of = |tenant: &str, role: &str| people[&(tenant.to_owned(), role.to_owned())].clone();
    for kept in ["demo/people.txt", "demo/keys/installation.key"] {
        assert_eq!(fs::metadata(folder.join(kept)).unwrap().permissions().mode() & 0o777, 0o600, "{kept}");
    }
    // Nothing of the real folder was touched.
    assert!(!folder.join("data").exists());

    for (tenant, slug, other) in [("Acme", "acme", "globex"), ("Globex", "globex", "acme")] {
        let viewer = sign_in(port, &of(tenant, "viewer")).await;
        let runs = viewer.get(&format!("/t/{slug}/runs")).await.expect(200);
        runs.says(&["Vendor payment", "Expense report", "Release notes", "Completed", "Waiting for approval", "(samples)"]);
        viewer.get(&format!("/t/{other}/runs")).await.expect(404);

        // What happened is in the log like anything else, and its chain holds.
        let auditor = sign_in(port, &of(tenant, "auditor")).await;
        let log = auditor.get(&format!("/t/{slug}/audit/export.jsonl")).await.expect(200).text;
        for action in ["user.created", "workflow.executed", "approval.approved", "approval.rejected", "approval.expired", "run.cancelled"] {
            assert!(log.contains(action), "{action} did not happen at {tenant}");
        }
        let samples = log.lines().filter(|line| line.contains("\"address\":\"sample\"")).count();
        assert!(samples > 30, "{samples} acts of people say that they are samples");
        let file = folder.join(format!("{slug}.jsonl"));
        fs::write(&file, &log).unwrap();
        let (code, said, error) = run(mandate().args(["audit", "verify"]).arg(&file));
        assert_eq!(code, 0, "{said}{error}");
    }

    // From here to an approved run: start it, decide it.
    let executor = sign_in(port, &of("Acme", "executor")).await;
    let form = executor.get("/t/acme/workflows/vendor-payment/runs/new").await.expect(200);
    let run_page = executor.submit(&form, "/t/acme/workflows/vendor-payment/runs", &[("input.invoice_id", "INV-20417")]).await.expect(303);
    executor.get(run_page.location()).await.expect(200).says(&["INV-20417"]);
    let approver = sign_in(port, &of("Acme", "approver")).await;
    approver.get("/t/acme/approvals").await.expect(200).says(&["Pay "]);

    program.stop();
    // The second time it is the same demo with the same people.
    let (mut program, again) = started(&folder, port).await;
    assert_eq!(again, people);
    sign_in(port, &of("Globex", "admin")).await.get("/t/globex").await.expect(200);
    program.stop();
}

#[test]
fn a_demo_is_for_this_machine_and_for_a_folder_of_its_own() {
    let folder = empty_folder("demo-refused");
    let (code, _, error) = run(command(&folder, 1).env("MANDATE__SERVER__LISTEN", "0.0.0.0:8080"));
    assert_eq!(code, 1);
    assert!(error.contains("listens on this machine only"), "{error}");
    assert!(!folder.join("demo").exists());

    fs::create_dir(folder.join("demo")).unwrap();
    fs::write(folder.join("demo/mandate.db"), "somebody's").unwrap();
    let (code, _, error) = run(&mut command(&folder, free_port()));
    assert_eq!(code, 1);
    assert!(error.contains("was not made by `mandate demo`"), "{error}");
    assert_eq!(fs::read_to_string(folder.join("demo/mandate.db")).unwrap(), "somebody's");
}
