//! The binary on the machine: what it says when it cannot start, backups, and what else an operator does.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use database::Location;
use serde_json::Value;

use crate::harness::{
    Client, PASSWORD,
    process::{Program, empty_folder, free_port, mandate, mandate_in, on_postgres, run},
};

/// Fails with one sentence that says these things, and nothing else.
#[track_caller]
fn fails(command: &mut Command, parts: &[&str]) {
    let (code, said, error) = run(command);
    assert_eq!(code, 1, "{said}{error}");
    assert_eq!(said, "");
    let sentences: Vec<&str> = error.trim().lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(sentences.len(), 1, "{error}");
    assert!(sentences[0].starts_with("mandate: "), "{error}");
    for part in parts {
        assert!(sentences[0].contains(part), "{part} in {error}");
    }
}

/// A server that has been set up with the tenant acme.
struct Served {
    folder: PathBuf,
    port: u16,
    program: Program,
    admin: Client,
}

impl Served {
    async fn new(name: &str) -> Self {
        let folder = empty_folder(name);
        let port = free_port();
        let mut program = Program::start(mandate_in(&folder, port).arg("serve"));
        let line = program.line_with("/setup/").await;
        let link = line.split_whitespace().last().unwrap().to_owned();
        let nobody = Client::new(&format!("http://127.0.0.1:{port}"), None);
        let fields = [("tenant_name", "Acme"), ("slug", "acme"), ("name", "Ada"), ("email", "ada@acme.example"), ("password", PASSWORD)];
        let made = nobody.post(&link, &fields).await.expect(303);
        let admin = nobody.with_cookie_of(&made);
        Self { folder, port, program, admin }
    }

    fn command(&self) -> Command {
        mandate_in(&self.folder, self.port)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_beside_the_running_server_opens_the_same_house_elsewhere() {
    let mut served = Served::new("cli-backup").await;
    for file in ["data/mandate.db", "data/keys/installation.key"] {
        assert_eq!(mode(&served.folder.join(file)), 0o600, "{file}");
    }
    let secret = [("name", "desk"), ("kind", "token"), ("allowed_hosts", "api.example.com"), ("value", "a-secret-value")];
    served.admin.post("/t/acme/credentials", &secret).await.expect(303);
    let passphrase = served.folder.join("passphrase");
    fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let backup = served.folder.join("backup");
    let args = |command: &str, folder: &Path, file: &Path| {
        [command.into(), folder.as_os_str().to_owned(), "--passphrase-file".into(), file.as_os_str().to_owned()]
    };
    let (code, said, error) = run(served.command().args(args("backup", &backup, &passphrase)));
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("mandate.db") && said.contains("installation.key.age"), "{said}");
    fails(served.command().args(args("backup", &backup, &passphrase)), &["exists already"]);
    let keys = fs::read_to_string(backup.join("installation.key.age")).unwrap();
    assert!(keys.contains("AGE ENCRYPTED FILE"), "{keys}");
    let copy = fs::read(backup.join("mandate.db")).unwrap();
    assert!(!copy.windows(14).any(|window| window == b"a-secret-value"), "the credential is sealed");
    // What happens after the backup is not in it.
    served.admin.post("/t/acme/variables", &[("name", "later"), ("kind", "text"), ("value", "x")]).await.expect(303);

    let elsewhere = empty_folder("cli-restored");
    let port = free_port();
    let wrong = elsewhere.join("wrong");
    fs::write(&wrong, "another passphrase altogether").unwrap();
    fails(mandate_in(&elsewhere, port).args(args("restore", &backup, &wrong)), &[]);
    let (code, _, error) = run(mandate_in(&elsewhere, port).args(args("restore", &backup, &passphrase)));
    assert_eq!(code, 0, "{error}");
    fails(mandate_in(&elsewhere, port).args(args("restore", &backup, &passphrase)), &["only goes into an empty"]);
    fails(mandate_in(&served.folder, served.port).args(args("restore", &backup, &passphrase)), &["only goes into an empty"]);

    let mut restored = Program::start(mandate_in(&elsewhere, port).arg("serve"));
    restored.line_with("ready").await;
    let nobody = Client::new(&format!("http://127.0.0.1:{port}"), None);
    let signed_in = nobody.post("/sign-in", &[("email", "ada@acme.example"), ("password", PASSWORD)]).await.expect(303);
    let admin = nobody.with_cookie_of(&signed_in);
    admin.get("/t/acme/credentials").await.expect(200).says(&["desk"]);
    let variables = admin.get("/t/acme/variables").await.expect(200);
    assert!(!variables.words().contains("later"));
    served.admin.get("/t/acme/variables").await.expect(200).says(&["later"]);
    restored.stop();
    served.program.stop();
}

#[tokio::test]
async fn a_link_for_a_further_tenant_is_made_beside_the_running_server() {
    let served = Served::new("cli-invite").await;
    let (code, said, _) = run(served.command().args(["tenant", "invite"]));
    assert_eq!(code, 0);
    let link = said.trim();
    assert!(link.starts_with(&format!("http://127.0.0.1:{}/setup/", served.port)), "{said}");
    let nobody = Client::new(&format!("http://127.0.0.1:{}", served.port), None);
    let fields = [("tenant_name", "Globex"), ("slug", ""), ("name", "Gus"), ("email", "gus@globex.example"), ("password", PASSWORD)];
    let made = nobody.post(link, &fields).await.expect(303);
    nobody.with_cookie_of(&made).get("/t/globex").await.expect(200);
    nobody.with_cookie_of(&made).get("/t/acme").await.expect(404);
    nobody.post(link, &fields).await.expect(409);
}

#[tokio::test]
async fn an_export_is_verified_on_a_machine_without_anything_else() {
    let served = Served::new("cli-verify").await;
    let export = served.admin.get("/t/acme/audit/export.jsonl").await.expect(200).text;
    let file = served.folder.join("export.jsonl");
    fs::write(&file, &export).unwrap();
    let verify = |file: &Path| run(mandate().current_dir("/").arg("audit").arg("verify").arg(file));
    let (code, said, _) = verify(&file);
    assert_eq!(code, 0);
    assert!(said.contains(&export.lines().count().to_string()), "{said}");
    fs::write(&file, export.replacen("ada@acme.example", "eve@acme.example", 1)).unwrap();
    let (code, said, error) = verify(&file);
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(error.contains("line 1"), "{error}");
    fails(mandate().args(["audit", "verify", "/nothing/there.jsonl"]), &["cannot be read"]);
}

#[test]
fn a_port_that_is_taken_is_said_in_a_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = empty_folder("cli-port");
    fails(mandate_in(&folder, port).arg("serve"), &[&format!("127.0.0.1:{port}"), "stop what uses that port"]);
    assert!(!folder.join("data").exists(), "nothing was made");
    let book = port.to_string();
    fails(
        mandate_in(&folder, free_port()).args(["serve", "--rehearsal"]).env("MANDATE__REHEARSAL__INVOICE_BOOK_PORT", book),
        &["rehearsal services"],
    );
}

#[tokio::test]
async fn keys_that_are_missing_readable_by_others_or_no_keys_stop_the_start() {
    let mut served = Served::new("cli-keys").await;
    served.program.stop();
    let key = served.folder.join("data/keys/installation.key");
    let text = fs::read_to_string(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fails(served.command().arg("serve"), &["chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "these are no keys").unwrap();
    fails(served.command().arg("serve"), &["cannot be used", "backup"]);
    fs::remove_file(&key).unwrap();
    fails(served.command().arg("serve"), &["is missing", "backup"]);
    assert!(!key.exists(), "no new keys are made beside an old database");
    fails(served.command().args(["tenant", "invite"]), &["cannot be read"]);
    // Put back, everything is as before.
    fs::write(&key, text).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut again = Program::start(served.command().arg("serve"));
    again.line_with("ready").await;
    served.admin.get("/t/acme").await.expect(200);
    fails(mandate_in(&served.folder, free_port()).arg("serve"), &["Another process"]);
    again.stop();
}

#[tokio::test]
async fn a_database_that_is_newer_broken_or_not_there_stops_the_start() {
    let mut served = Served::new("cli-database").await;
    served.program.stop();
    let path = served.folder.join("data/mandate.db");
    database::testing::mark_as_newer(&path).await;
    fails(served.command().arg("serve"), &["newer version of Mandate"]);
    fails(served.command().arg("migrate"), &["newer version of Mandate"]);
    fs::write(&path, "this is no database at all, and never was one").unwrap();
    fails(served.command().arg("serve"), &["mandate.db"]);

    let folder = empty_folder("cli-postgres");
    let nowhere = format!("postgres://mandate@127.0.0.1:{}/mandate", free_port());
    let location = Location::Postgres { owner_url: nowhere.clone(), app_url: nowhere.clone(), system_url: nowhere.clone() };
    fails(on_postgres(mandate_in(&folder, free_port()), &location).arg("serve"), &["PostgreSQL"]);
    assert!(!folder.join("data").exists(), "nothing was made");
    let mut command = mandate_in(&folder, free_port());
    command.env("MANDATE__DATABASE__APP_URL", &nowhere);
    fails(command.arg("serve"), &["three logins"]);
}

#[tokio::test]
async fn a_server_on_postgres_misses_its_keys_as_one_on_a_file_does() {
    let location = database::testing::postgres().await;
    let (folder, port) = (empty_folder("cli-postgres-keys"), free_port());
    let serve = || {
        let mut command = on_postgres(mandate_in(&folder, port), &location);
        command.arg("serve");
        command
    };
    let mut program = Program::start(&mut serve());
    let link = program.line_with("/setup/").await.split_whitespace().last().unwrap().to_owned();
    let nobody = Client::new(&format!("http://127.0.0.1:{port}"), None);
    let fields = [("tenant_name", "Acme"), ("slug", "acme"), ("name", "Ada"), ("email", "ada@acme.example"), ("password", PASSWORD)];
    let admin = nobody.with_cookie_of(&nobody.post(&link, &fields).await.expect(303));
    program.stop();
    let mut program = Program::start(&mut serve());
    program.line_with("ready").await;
    admin.get("/t/acme").await.expect(200);
    program.stop();
    let key = folder.join("data/keys/installation.key");
    fs::remove_file(&key).unwrap();
    fails(&mut serve(), &["is missing", "backup"]);
    assert!(!key.exists(), "no new keys are made beside tenants");
    fails(on_postgres(mandate_in(&folder, port), &location).args(["backup", "b", "--recipient", "age1x"]), &["pg_dump"]);
}

#[test]
fn a_configuration_that_nobody_can_mean_stops_the_start() {
    let folder = empty_folder("cli-config");
    let config = folder.join("mandate.toml");
    let serve = || {
        let mut command = mandate_in(&folder, free_port());
        command.arg("serve");
        command
    };
    for (text, parts) in [
        ("[server]\nlistne = \"127.0.0.1:1\"\n", &["listne"][..]),
        ("[sever]\n", &["sever"]),
        ("[session]\nidle_minutes = \"many\"\n", &["idle_minutes"]),
        ("[mail]\nhost = \"mail.example\"\nsecurity = \"none\"\nfrom = \"a@b.example\"\n", &["mail.example"]),
        ("[mail]\nhost = \"mail.example\"\nsecurity = \"ssl\"\nfrom = \"a@b.example\"\n", &["mail.security"]),
        ("[log]\nformat = \"xml\"\n", &["log.format"]),
        ("[egress]\nallow = [\"everything\"]\n", &["egress.allow"]),
        ("no toml", &["configuration"]),
    ] {
        fs::write(&config, text).unwrap();
        fails(&mut serve(), parts);
    }
    fs::remove_file(&config).unwrap();
    fails(serve().env("MANDATE__SERVER__NOTHING", "1"), &["nothing"]);
    fails(serve().env("MANDATE__SERVER__PUBLIC_URL", "http://mandate.example"), &["plain http"]);
    fails(serve().args(["--config", "/nothing/there.toml"]), &["no configuration file"]);
    fails(serve().env("MANDATE__MAIL__PASSWORD_FILE", "/nothing/there"), &["/nothing/there"]);
    assert!(!folder.join("data").exists(), "nothing was made");
    let (code, _, error) = run(mandate().arg("sreve"));
    assert_eq!(code, 2, "{error}");
}

fn report(command: &mut Command) -> (i32, Value) {
    let (code, said, _) = run(command.args(["doctor", "--json"]));
    (code, serde_json::from_str(&said).unwrap())
}

/// How a check ended, and what it says.
fn check(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {report}"));
    (check["state"].as_str().unwrap().to_owned(), check["detail"].as_str().unwrap().to_owned())
}

#[test]
fn the_doctor_looks_at_everything_before_the_first_start_and_makes_nothing() {
    let folder = empty_folder("cli-doctor");
    fs::write(folder.join("mandate.toml"), "[session]\nidle_minutes = 5\n[log]\nlevel = \"info\"\n").unwrap();
    let mut command = mandate_in(&folder, free_port());
    command.env("MANDATE__METRICS__TOKEN", "0123456789abcdef0123456789abcdef");
    let (code, report) = report(&mut command);
    assert_eq!((code, &report["healthy"]), (0, &Value::Bool(true)), "{report}");
    let sources: Vec<(&str, String, &str)> = report["configuration"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shown| (shown["key"].as_str().unwrap(), shown["value"].to_string(), shown["source"].as_str().unwrap()))
        .collect();
    for (key, value, source) in [
        ("session.idle_minutes", "5", "mandate.toml"),
        ("session.absolute_hours", "12", "default"),
        ("log.level", "\"warn\"", "MANDATE__LOG__LEVEL"),
        ("metrics.token", "\"••••\"", "MANDATE__METRICS__TOKEN"),
    ] {
        assert!(sources.contains(&(key, value.to_owned(), source)), "{key} in {sources:?}");
    }
    assert_eq!(check(&report, "mail").0, "warning", "nobody elsewhere would be told anything");
    let (_, text, _) =
        run(mandate_in(&folder, free_port()).env("MANDATE__METRICS__TOKEN", "0123456789abcdef0123456789abcdef").arg("doctor"));
    assert!(text.contains("session.idle_minutes") && text.contains("ok ") && !text.contains("0123456789"), "{text}");
    assert!(!folder.join("data").exists(), "nothing was made");
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong_beside_the_running_server() {
    let served = Served::new("cli-doctor-served").await;
    let (code, well) = report(&mut served.command());
    assert_eq!(code, 0, "{well}");
    assert!(check(&well, "port").1.contains("is ready") && check(&well, "database").1.contains("whole"), "{well}");
    let key = served.folder.join("data/keys/installation.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = mandate_in(&served.folder, taken.local_addr().unwrap().port());
    command
        .env("MANDATE__MAIL__HOST", "127.0.0.1")
        .env("MANDATE__MAIL__PORT", free_port().to_string())
        .env("MANDATE__MAIL__SECURITY", "none")
        .env("MANDATE__MAIL__FROM", "mandate@example.com")
        .env("MANDATE__LIMITS__KEY_BURST", "0");
    // Whoever holds the port answers nothing that a server of ours would.
    std::thread::spawn(move || taken.incoming().for_each(drop));
    let (code, said, error) = run(command.args(["doctor", "--json"]));
    let ill: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &ill["healthy"]), (1, &Value::Bool(false)));
    for (name, part) in
        [("configuration", "limits.key_burst is 0"), ("keys", "chmod 600"), ("mail", "cannot be used"), ("port", "Another program listens")]
    {
        let (state, detail) = check(&ill, name);
        assert!(state == "failed" && detail.contains(part), "{name}: {state}: {detail}");
        assert!(error.contains(name), "{error}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (code, said, error) = run(served.command().env("MANDATE__SESSION__IDLE", "1").args(["doctor", "--json"]));
    assert!(code == 1 && said.contains("idle") && error.contains("configuration"), "{said}{error}");
}

#[tokio::test]
async fn the_doctor_sees_a_damaged_file_and_a_clock_that_is_off() {
    let mut served = Served::new("cli-doctor-damage").await;
    served.program.stop();
    let path = served.folder.join("data/mandate.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[10 * 4096..][..4096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let (code, ill) = report(&mut served.command());
    assert_eq!((code, check(&ill, "database").0.as_str()), (1, "failed"), "{ill}");
    assert!(check(&ill, "database").1.contains("damaged"), "{ill}");

    let location = database::testing::postgres().await;
    let folder = empty_folder("cli-doctor-postgres");
    let (_, seen) = report(&mut on_postgres(mandate_in(&folder, free_port()), &location));
    assert_eq!(check(&seen, "database").0, "ok", "{seen}");
    assert!(check(&seen, "clock").1.contains("from the database's"), "{seen}");
    // The keys are made at the first start; a database that others reach may have been made with others.
    assert_eq!(check(&seen, "keys").0, "failed", "{seen}");
}

#[tokio::test]
async fn the_example_of_a_configuration_starts_a_server() {
    let folder = empty_folder("cli-example");
    let (code, example, _) = run(mandate().arg("config"));
    assert_eq!(code, 0);
    fs::write(folder.join("example.toml"), example).unwrap();
    let mut program = Program::start(mandate_in(&folder, free_port()).args(["--config", "example.toml", "serve"]));
    program.line_with("/setup/").await;
    program.stop();
}
