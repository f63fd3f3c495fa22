//! The binary as a client of the API: what people and scripts do at a shell, against the real server.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use domain::{ApprovalId, RunId};
use platform::{
    keys::NewKey,
    runs::{StepStanding, Wait},
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::{
    harness::{
        Client, Engine, House, in_both_houses,
        process::{Program, empty_folder, free_port, mandate},
        stub::{self, Said},
        things::approval_of,
    },
    payment::with_samples,
};

/// How a command ended, and what it said.
#[derive(Debug)]
struct Ended {
    code: i32,
    said: String,
    error: String,
}

impl Ended {
    #[track_caller]
    fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Ends like this, with nothing on standard output and these words in the sentence.
    #[track_caller]
    fn fails(self, code: i32, words: &[&str]) -> Self {
        let ended = self.with(code);
        assert_eq!(ended.said, "");
        assert!(ended.error.contains("mandate: "), "{}", ended.error);
        for words in words {
            assert!(ended.error.contains(words), "{words} in {}", ended.error);
        }
        ended
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.said.contains(words), "{words} in {}", self.said);
        }
        self
    }
}

/// Somebody at a shell, with a home of their own.
struct Shell {
    home: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Shell {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let home = empty_folder(&format!("client-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        Self { home, environment: Vec::new() }
    }

    /// The same with variables in the environment.
    fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.environment.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    /// Somebody whose key is in the environment.
    fn of(house: &House, client: &Client) -> Self {
        Self::new().with(&[("MANDATE_URL", &house.origin), ("MANDATE_KEY", client.who().key.as_ref().unwrap())])
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mandate();
        command.current_dir(&self.home).env("HOME", &self.home).env_remove("XDG_CONFIG_HOME").args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Types a command, with this on its standard input, and waits until it ends.
    async fn types(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        let input = input.to_owned();
        // The house lives on this thread, and has to answer meanwhile.
        let ended = tokio::task::spawn_blocking(move || {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // Whoever reads nothing of it may have ended by now.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        });
        let output = ended.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code().unwrap_or(-1), said: text(output.stdout), error: text(output.stderr) }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        self.types(arguments, "").await
    }

    fn profile(&self, name: &str) -> PathBuf {
        self.home.join(".config/mandate/profiles").join(format!("{name}.json"))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Starts a payment that waits for its approval.
async fn waiting_payment(house: &House) -> (RunId, ApprovalId) {
    let run = house.start(&house.acme.developer, json!({"invoice_id": "INV-20417"})).await;
    (run, approval_of(house, &house.acme, run).await)
}

mod work {
    use super::*;

    in_both_houses! {
        with_samples =>

        async fn a_run_is_started_approved_and_on_record_without_a_browser(house) {
            let (developer, approver, admin) =
                (Shell::of(&house, &house.acme.developer), Shell::of(&house, &house.acme.approver), Shell::of(&house, &house.acme.admin));
            developer.run(&["workflow", "list"]).await.with(0).says(&["vendor-payment", "Vendor payment", "WORKFLOW"]);
            developer.run(&["workflow", "show", "vendor-payment"]).await.with(0).says(&["invoice_id", "required", "http.request", "Versions"]);
            let thought = ["workflow", "dry-run", "vendor-payment", "--input", "invoice_id=INV-20417"];
            let decided = [&thought[..], &["--decide", "step_4=reject"]].concat();
            developer.run(&decided).await.with(1).says(&["vendor-payment, version 1", "Nothing was called.", "At most", "made up"]);
            let thought = developer.run(&[&thought[..], &["--json"]].concat()).await;
            assert_eq!(thought.json()["workflow"], "vendor-payment");
            let wrong = developer.run(&[&decided[..5], &["--decide", "step_4=maybe"]].concat()).await.with(2);
            assert!(wrong.error.contains("approve, reject or expire"), "{}", wrong.error);
            let plan = developer.run(&["workflow", "show", "vendor-payment", "--plan", "--workflow-version", "1"]).await.with(0);
            plan.says(&["step_1", "http.request", "reads inputs.invoice_id", "after step_4", "(from step_1)", "sets invoice"]);
            let plan = developer.run(&["workflow", "show", "vendor-payment", "--plan", "--json"]).await.with(0).json();
            assert_eq!(plan["plan"]["edges"][0], json!({"from": null, "to": "step_1", "kind": "order", "label": ""}));
            developer.run(&["workflow", "show", "vendor-paiment", "--plan"]).await.fails(3, &["Did you mean `vendor-payment`?"]);

            let started = developer.run(&["run", "start", "vendor-payment", "--input", "invoice_id=INV-20417", "--input", "ask_above=500.5"]).await.with(0);
            let run: RunId = started.said.trim().parse().unwrap();
            assert!(started.error.contains("is accepted"), "{}", started.error);
            let approval = approval_of(&house, &house.acme, run).await.to_string();
            let run = run.to_string();
            developer.run(&["run", "show", &run]).await.with(0).says(&["waiting", &approval, "500.5", "Steps"]);

            let listed = approver.run(&["approval", "list", "--json"]).await.with(0).json();
            assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["is_mine"]), (&json!(approval), &json!(true)));
            let shown = approver.run(&["approval", "show", &approval]).await.with(0);
            let digest = approver.run(&["approval", "show", &approval, "--json"]).await.with(0).json()["digest"].as_str().unwrap().to_owned();
            assert!(shown.error.contains(&format!("mandate approval approve {approval} --digest {digest}")), "{}", shown.error);
            shown.says(&["POST", "payment-desk", "What will happen after a yes", &digest]);

            // Nobody agrees to what they were not shown, or to something else than they were shown.
            approver.run(&["approval", "approve", &approval]).await.fails(2, &["--digest", "mandate approval show"]);
            approver.run(&["approval", "approve", &approval, "--digest", &"0".repeat(64)]).await.fails(5, &["approval_changed", "request req_"]);
            developer.run(&["approval", "approve", &approval, "--digest", &digest]).await.fails(4, &["scope_missing"]);
            assert_eq!(house.rehearsal.payments().len(), 0);
            // A yes given while the run is paused counts, and nothing goes out before it is resumed.
            developer.run(&["run", "pause", &run, "--reason", "the bank is closed"]).await.with(0);
            house.until(&house.acme, run.parse().unwrap(), |shown| matches!(shown.wait, Some(Wait::Paused { .. }))).await;
            developer.run(&["run", "show", &run]).await.with(0).says(&["paused by developer@acme.example: the bank is closed"]);
            approver.run(&["approval", "approve", &approval, "--digest", &digest, "--comment", "as ordered"]).await.with(0).says(&["approved"]);
            house.until(&house.acme, run.parse().unwrap(), |shown| shown.steps.iter().any(|step| step.name == "Finance agrees" && step.standing == StepStanding::Completed)).await;
            assert_eq!(house.rehearsal.payments().len(), 0);
            developer.run(&["run", "resume", &run, "--json"]).await.with(0).says(&["requested"]);
            approver.run(&["approval", "approve", &approval, "--digest", &digest]).await.fails(5, &["mandate approval show"]);

            house.until_over(&house.acme, run.parse().unwrap()).await;
            let shown = developer.run(&["run", "show", &run, "--json"]).await.with(0).json();
            assert_eq!((&shown["status"], &shown["outputs"]["decided_by"]), (&json!("completed"), &json!("approver@acme.example")));
            developer.run(&["run", "cancel", &run]).await.fails(5, &["over already"]);
            let failed = developer.run(&["run", "list", "--status", "failed", "--json"]).await.with(0).json();
            assert_eq!(failed["items"], json!([]));
            developer.run(&["run", "list", "--workflow", "vendor-payment"]).await.with(0).says(&[&run, "completed"]);
            let ended = approver.run(&["approval", "list", "--state", "ended", "--run", &run]).await.with(0);
            ended.says(&[&approval, "approved"]);
            let items = async |arguments: &[&str]| developer.run(arguments).await.with(0).json()["items"].as_array().unwrap().len();
            assert_eq!(items(&["run", "list", "--text", "#1", "--starter", "developer@acme.example", "--since", "2026-01-01", "--json"]).await, 1);
            assert_eq!(items(&["run", "list", "--until", "2026-01-01", "--json"]).await, 0);
            assert_eq!(items(&["approval", "list", "--mine", "--json"]).await, 0);
            assert_eq!(items(&["workflow", "list", "--text", "vendor", "--json"]).await, 1);
            developer.run(&["run", "list", "--since", "yesterday"]).await.fails(2, &["since"]);

            let export = admin.run(&["audit", "export", "--output", "audit.jsonl"]).await.with(0);
            assert_eq!(export.said, "");
            let file = admin.home.join("audit.jsonl");
            assert_eq!(mode(&file), 0o600);
            admin.run(&["audit", "verify", "audit.jsonl"]).await.with(0).says(&["are whole and in order"]);
            assert!(fs::read_to_string(&file).unwrap().contains("approval.approved"));
            admin.run(&["audit", "export", "--output", "audit.jsonl"]).await.fails(2, &["exists already"]);
            let table = admin.run(&["audit", "export", "--format", "csv"]).await.with(0);
            assert!(table.said.starts_with("\u{feff}\"seq\",\"at\"") && table.said.contains("audit.exported"), "{}", table.said);
            developer.run(&["audit", "export"]).await.fails(4, &["audit:export"]);
        }

        async fn what_is_of_another_tenant_is_not_there(house) {
            let (run, approval) = waiting_payment(&house).await;
            let (run, approval) = (run.to_string(), approval.to_string());
            let stranger = Shell::of(&house, &house.globex.admin);
            for arguments in [
                &["run", "show", &run][..],
                &["run", "logs", &run],
                &["run", "logs", &run, "--follow"],
                &["run", "cancel", &run],
                &["run", "pause", &run],
                &["run", "resume", &run],
                &["approval", "show", &approval],
                &["approval", "approve", &approval, "--digest", &"0".repeat(64)],
                &["approval", "reject", &approval, "--digest", &"0".repeat(64), "--comment", "no"],
            ] {
                stranger.run(arguments).await.fails(3, &["not_found"]);
            }
            assert_eq!(stranger.run(&["run", "list", "--json"]).await.with(0).json()["items"], json!([]));
            assert_eq!(stranger.run(&["approval", "list", "--json"]).await.with(0).json()["items"], json!([]));
            Shell::of(&house, &house.acme.viewer).run(&["run", "cancel", &run]).await.fails(4, &["run:cancel"]);
            Shell::of(&house, &house.acme.viewer).run(&["run", "start", "vendor-payment"]).await.fails(4, &["workflow:execute"]);
            let near = Shell::of(&house, &house.acme.developer).run(&["run", "start", "vendor-paymnet"]).await.fails(3, &["vendor-payment"]);
            assert!(near.error.contains("Did you mean"), "{}", near.error);
        }

        async fn a_start_is_waited_for_and_ends_as_its_run_does(house) {
            let developer = Shell::of(&house, &house.acme.developer);
            let admin = house.actor(&house.acme.admin).await;
            let source = "---\nworkflow: {id: plain, name: Plain}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {message: here}\n```\n";
            house.platform.save_workflow(&admin, source).await.unwrap();
            let ended = developer.run(&["run", "start", "plain", "--wait", "--json"]).await.with(0);
            assert_eq!(ended.json()["status"], "completed");
            assert!(ended.error.lines().any(|line| line.ends_with(": completed")), "{}", ended.error);
            let source = "---\nworkflow: {id: wrong, name: Wrong}\n---\n\n## 1. Look\n\n```yaml\naction: workflow.assert\ninputs: {condition: 1 > 2, message: This is wrong}\n```\n";
            house.platform.save_workflow(&admin, source).await.unwrap();
            let ended = developer.run(&["run", "start", "wrong", "--wait"]).await.with(1);
            assert!(ended.said.contains("failed") && ended.error.contains("failed: This is wrong"), "{ended:#?}");
            let start = ["run", "start", "vendor-payment", "--input", "invoice_id=INV-20417", "--wait", "--timeout", "0s"];
            developer.run(&start).await.fails(6, &["goes on", "mandate run cancel run_"]);
        }

        async fn a_start_under_one_key_starts_one_run(house) {
            let developer = Shell::of(&house, &house.acme.developer);
            fs::write(developer.home.join("inputs.json"), r#"{"invoice_id": "INV-20417"}"#).unwrap();
            let start = ["run", "start", "vendor-payment", "--inputs", "inputs.json", "--idempotency-key", "today"];
            let first = developer.run(&start).await.with(0);
            let second = developer.run(&start).await.with(0);
            assert_eq!(first.said, second.said);
            assert!(second.error.contains("accepted before under this key"), "{}", second.error);
            let other = ["run", "start", "vendor-payment", "--inputs", "-", "--idempotency-key", "today"];
            developer.types(&other, r#"{"invoice_id": "INV-4711"}"#).await.fails(2, &["idempotency_key_reused"]);
            assert_eq!(developer.run(&["run", "list", "--json"]).await.json()["items"].as_array().unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn inputs_and_fields_are_read_as_what_they_are_declared_to_be() {
        let house = with_samples(Engine::Sqlite).await;
        let (developer, approver) = (Shell::of(&house, &house.acme.developer), Shell::of(&house, &house.acme.approver));
        let start = async |input: &str| developer.run(&["run", "start", "vendor-payment", "--input", input]).await;
        start("invoice=INV-1").await.fails(2, &["`invoice` is no input", "Did you mean `invoice_id`?"]);
        start("ask_above=much").await.fails(2, &["`ask_above` is no number"]);
        start("invoice_id=20417").await.fails(2, &["invoice_id", "request req_"]);
        developer.types(&["run", "start", "vendor-payment", "--inputs", "-"], "[1]").await.fails(2, &["no JSON object"]);

        let inputs = r#"{"employee": "Dana", "amount": 80.5, "category": "travel", "purpose": "Train", "receipts": ["a.pdf"]}"#;
        let run = developer.types(&["run", "start", "expense-report", "--inputs", "-"], inputs).await.with(0).said;
        let run: RunId = run.trim().parse().unwrap();
        let approval = approval_of(&house, &house.acme, run).await.to_string();
        let shown = approver.run(&["approval", "show", &approval, "--json"]).await.json();
        approver.run(&["approval", "show", &approval]).await.with(0).says(&["cost_centre", "required", "4711"]);
        let digest = shown["digest"].as_str().unwrap();
        let approve = async |field: &str| approver.run(&["approval", "approve", &approval, "--digest", digest, "--field", field]).await;
        approve("cost_center=4711").await.fails(2, &["Did you mean `cost_centre`?"]);
        approve("cost_centre=12").await.fails(2, &["Cost centre"]);
        approve("cost_centre=4712").await.with(0);
        let outputs = house.until_over(&house.acme, run).await.outputs.unwrap();
        assert_eq!(outputs["cost_centre"], "4712");
        house.end().await;
    }

    #[tokio::test]
    async fn a_file_is_checked_with_the_place_of_every_error() {
        let house = with_samples(Engine::Sqlite).await;
        let developer = Shell::of(&house, &house.acme.developer);
        let source = "---\nworkflow: {id: pay, name: Pay}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {mesage: \"\u{202e}\"}\n```\n";
        fs::write(developer.home.join("pay.md"), source).unwrap();
        let checked = developer.run(&["workflow", "validate", "pay.md"]).await.with(1);
        for line in ["9 | inputs: {mesage: \"\\u{202e}\"}", "  |          ^^^^^^", "  help: did you mean `message`?"] {
            assert!(checked.said.lines().any(|found| found == line), "{line} in {}", checked.said);
        }
        assert!(checked.said.contains("pay.md:9:10: error[unknown_key]: ") && !checked.said.contains('\u{202e}'), "{:?}", checked.said);
        assert!(checked.error.contains("errors."), "{}", checked.error);
        let document = developer.types(&["workflow", "validate", "-", "--json"], source).await.with(1).json();
        assert_eq!((&document["is_sound"], &document["findings"][0]["line"]), (&json!(false), &json!(9)));
        developer.types(&["workflow", "validate", "-"], &source.replace("mesage", "message")).await.with(0);
        developer.run(&["workflow", "validate", "nothing.md"]).await.fails(2, &["nothing.md cannot be read"]);
        Shell::of(&house, &house.acme.viewer).types(&["workflow", "validate", "-"], source).await.fails(4, &["workflow:write"]);
        house.end().await;
    }

    #[tokio::test]
    async fn what_is_followed_comes_as_it_happens_and_ends_with_the_run() {
        let house = with_samples(Engine::Sqlite).await;
        let admin = house.actor(&house.acme.admin).await;
        let source = "---\nworkflow: {id: said, name: Said}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {message: \"one\\ntwo\"}\n```\n\n## 2. Ask\n\n```yaml\napproval: {title: Go on, approvers: [role:approver]}\n```\n\n## 3. Say more\n\n```yaml\naction: workflow.log\ninputs: {message: three}\n```\n";
        house.platform.save_workflow(&admin, source).await.unwrap();
        let run = house.start_workflow(&house.acme.developer, "said", serde_json::Map::new()).await;
        let approval = approval_of(&house, &house.acme, run).await;
        let developer = Shell::of(&house, &house.acme.developer);
        developer.run(&["run", "logs", &run.to_string()]).await.with(0).says(&["info", "one\n    two"]);
        let mut following = Program::start(&mut developer.command(&["run", "logs", &run.to_string(), "--follow", "--json"]));
        let first: Value = serde_json::from_str(&following.line().await.unwrap()).unwrap();
        assert_eq!(first["message"], "one\ntwo");
        let digest = house.platform.approval(&admin, approval).await.unwrap().digest;
        Shell::of(&house, &house.acme.approver).run(&["approval", "approve", &approval.to_string(), "--digest", &digest]).await.with(0);
        let second: Value = serde_json::from_str(&following.line().await.unwrap()).unwrap();
        assert_eq!(second["message"], "three");
        assert_eq!(following.line().await, None);
        assert!(following.ended().success());
        house.end().await;
    }

    #[tokio::test]
    async fn control_c_ends_the_waiting_and_not_the_run() {
        let house = with_samples(Engine::Sqlite).await;
        let developer = Shell::of(&house, &house.acme.developer);
        let waits = developer.command(&["run", "start", "vendor-payment", "--input", "invoice_id=INV-20417", "--wait"]);
        // Its words are on standard error, which is read as it comes here.
        let mut merged = Command::new("sh");
        merged.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(waits.get_program()).args(waits.get_args()).current_dir(&developer.home);
        merged.env("HOME", &developer.home).envs(developer.environment.iter().map(|(name, value)| (name, value)));
        let mut waiting = Program::start(&mut merged);
        waiting.line_with("waits for an approval").await;
        waiting.interrupt();
        waiting.line_with("The run goes on").await;
        assert_eq!(waiting.ended().code(), Some(130));
        let runs = developer.run(&["run", "list", "--json"]).await.json();
        assert_eq!(runs["items"][0]["status"], "waiting");
        house.end().await;
    }
}

mod who {
    use super::*;

    #[tokio::test]
    async fn a_login_is_kept_as_a_profile_that_only_its_owner_reads() {
        let house = House::new(Engine::Sqlite).await;
        let key = house.acme.developer.who().key.clone().unwrap();
        let shell = Shell::new();
        shell.run(&["run", "list"]).await.fails(4, &["mandate login"]);
        let login = shell.types(&["login", &house.origin, "--key-stdin"], &format!("{key}\n")).await.with(0);
        let login = login.says(&["developer@acme.example in acme"]);
        assert!(!login.said.contains(&key) && !login.error.contains(&key), "{login:?}");
        let file = shell.profile("default");
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        shell.run(&["run", "list"]).await.with(0);

        // Another tenant beside it, from a file.
        fs::write(shell.home.join("key"), house.globex.admin.who().key.as_ref().unwrap()).unwrap();
        let other = shell.run(&["login", &house.origin, "--key-file", "key", "--profile", "globex", "--json"]).await.with(0).json();
        assert_eq!((&other["profile"], &other["whoami"]["tenant"]["slug"]), (&json!("globex"), &json!("globex")));
        let profiles = shell.run(&["profile", "list", "--json"]).await.with(0).json();
        let names: Vec<(&str, bool)> = profiles["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["name"].as_str().unwrap(), one["is_current"].as_bool().unwrap()))
            .collect();
        assert_eq!(names, [("default", true), ("globex", false)], "a second login changes nothing about what holds");
        assert_eq!(shell.run(&["profile", "show", "globex", "--json"]).await.json()["tenant"], "globex");
        shell.run(&["profile", "use", "globxe"]).await.fails(3, &["Did you mean `globex`?"]);
        shell.run(&["profile", "use", "globex"]).await.with(0);
        shell.run(&["profile", "list"]).await.with(0).says(&["*  globex"]);
        assert_eq!(shell.run(&["profile", "show", "--json"]).await.json()["name"], "globex");
        shell.run(&["--profile", "default", "run", "list"]).await.with(0);
        shell.run(&["run", "list", "--profile", "default"]).await.with(0);

        // Whoever can be read by others is not trusted.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        shell.run(&["run", "list", "--profile", "default"]).await.fails(1, &["chmod 600"]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        shell.run(&["logout", "--profile", "default"]).await.with(0);
        assert!(!fs::read_to_string(&file).unwrap().contains(&key));
        shell.run(&["run", "list", "--profile", "default"]).await.fails(4, &["mandate login --profile default"]);
        shell.run(&["profile", "remove", "globex"]).await.with(0);
        assert!(!shell.profile("globex").exists());
        shell.run(&["run", "list"]).await.fails(4, &["mandate login"]);
        shell.run(&["run", "list", "--profile", "globex"]).await.fails(3, &["no profile `globex`"]);
        house.end().await;
    }

    #[tokio::test]
    async fn a_key_that_is_typed_is_not_seen() {
        let house = House::new(Engine::Sqlite).await;
        let key = house.acme.developer.who().key.clone().unwrap();
        let shell = Shell::new();
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || fs::OpenOptions::new().read(true).write(true).open(&slave).unwrap();
        let mut command = shell.command(&["login"]);
        let mut child = command.stdin(open()).stderr(open()).stdout(Stdio::piped()).spawn().unwrap();
        drop(command);
        let mut terminal = fs::File::from(master);
        let origin = house.origin.clone();
        let typed = key.clone();
        let typing = tokio::task::spawn_blocking(move || {
            let mut seen = String::new();
            let mut until = |terminal: &mut fs::File, words: &str| {
                let mut part = [0; 1024];
                while !seen.contains(words) {
                    let read = std::io::Read::read(terminal, &mut part).unwrap();
                    seen.push_str(&String::from_utf8_lossy(&part[..read]));
                }
                seen.clone()
            };
            until(&mut terminal, "Address of the server: ");
            writeln!(terminal, "{origin}").unwrap();
            until(&mut terminal, "it is not shown");
            writeln!(terminal, "{typed}").unwrap();
            until(&mut terminal, "Kept as the profile")
        });
        let seen = typing.await.unwrap();
        assert!(seen.contains(&house.origin) && !seen.contains(&key) && !seen.contains(&key[..20]), "{seen}");
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        assert!(ended.success());
        shell.run(&["profile", "show"]).await.with(0).says(&["developer@acme.example"]);
        house.end().await;
    }

    #[tokio::test]
    async fn a_key_that_opens_nothing_is_told_from_one_that_is_none() {
        let house = House::new(Engine::Sqlite).await;
        let admin = house.actor(&house.acme.admin).await;
        let new = NewKey { name: "ci".to_owned(), scopes: vec!["run:read".to_owned()], days: 1 };
        let made = house.platform.create_api_key(&admin, &new).await.unwrap();
        let key = made.text.expose().to_owned();
        let shell = Shell::new();
        let login = ["login", house.origin.as_str(), "--key-stdin"];
        shell.types(&login, &key[..key.len() - 1]).await.fails(2, &["not a whole API key"]);
        shell.types(&login, "secret").await.fails(2, &["mdk_"]);
        shell.types(&login, "").await.fails(2, &["nothing was given"]);
        shell.run(&["login", &house.origin]).await.fails(2, &["--key-stdin or --key-file"]);
        assert!(!shell.profile("default").exists());
        shell.types(&login, &key).await.with(0);
        shell.run(&["run", "list"]).await.with(0);
        shell.run(&["workflow", "list"]).await.fails(4, &["workflow:read", "scope_missing"]);
        house.platform.revoke_api_key(&admin, made.id).await.unwrap();
        shell.run(&["run", "list"]).await.fails(4, &["key_revoked", "mandate login --profile default"]);
        shell.types(&login, &key).await.fails(4, &["key_revoked"]);
        house.end().await;
    }

    #[tokio::test]
    async fn an_address_and_a_key_come_from_one_place() {
        let house = House::new(Engine::Sqlite).await;
        let key = house.acme.developer.who().key.clone().unwrap();
        let list = &["run", "list"];
        let with = |variables: &[(&'static str, &str)]| Shell::new().with(variables);
        let url = house.origin.as_str();
        with(&[("MANDATE_URL", url)]).run(list).await.fails(2, &["MANDATE_KEY"]);
        with(&[("MANDATE_URL", url), ("MANDATE_KEY", "")]).run(list).await.fails(2, &["without a key"]);
        with(&[("MANDATE_KEY", &key)]).run(list).await.fails(2, &["MANDATE_URL"]);
        with(&[("MANDATE_URL", url), ("MANDATE_KEY", &key), ("MANDATE_KEY_FILE", "key")]).run(list).await.fails(2, &["unset one"]);
        with(&[("MANDATE_URL", url), ("MANDATE_KEY", &key), ("MANDATE_PROFILE", "x")]).run(list).await.fails(2, &["unset one"]);
        with(&[("MANDATE_URL", url), ("MANDATE_KEY", &key[1..])]).run(list).await.with(4);
        with(&[("MANDATE_URL", url), ("MANDATE_KEY", &key[..80])]).run(list).await.fails(2, &["MANDATE_KEY", "not a whole API key"]);
        with(&[("MANDATE_PROFILE", "x")]).run(list).await.fails(3, &["no profile `x`"]);
        // No key goes out in the clear, and none to somebody who is named beside the host.
        for wrong in [
            "http://mandate.example",
            "http://127.0.0.1.example",
            "ftp://127.0.0.1",
            "https://a:b@mandate.example",
            "https://mandate.example/x",
            "x",
        ] {
            with(&[("MANDATE_URL", wrong), ("MANDATE_KEY", &key)]).run(list).await.fails(2, &["no address of a server"]);
        }
        let shell = with(&[("MANDATE_URL", url), ("MANDATE_KEY_FILE", "key")]);
        shell.run(list).await.fails(1, &["key cannot be read"]);
        fs::write(shell.home.join("key"), format!("{key}\n")).unwrap();
        shell.run(list).await.with(0);
        // An access token does as well as the key.
        let token = house.acme.developer.api(reqwest::Method::POST, "/api/v1/tokens", &[], Some(&json!({}))).await.expect(201);
        with(&[("MANDATE_URL", url), ("MANDATE_KEY", token.json()["access_token"].as_str().unwrap())]).run(list).await.with(0);
        house.end().await;
    }
}

mod server {
    use super::*;

    /// Somebody who asks a server that says what it was told to.
    fn at(stub: &stub::Stub) -> Shell {
        let id = "key_00000000000000000000000001".parse().unwrap();
        let key = vault::ApiKey::generate(id, &domain::machine::OsEntropy).text();
        Shell::new().with(&[("MANDATE_URL", &format!("http://{}", stub.address)), ("MANDATE_KEY", key.expose())])
    }

    fn busy(status: u16) -> Said {
        Said { status, headers: vec!["retry-after: 0"], body: String::new(), is_cut: false }
    }

    fn page(items: Value) -> Said {
        Said::json(&json!({"items": items, "next": null}))
    }

    #[tokio::test]
    async fn only_what_may_be_done_twice_is_sent_again() {
        let stub = stub::saying(vec![busy(503), busy(429), page(json!([]))]).await;
        at(&stub).run(&["run", "list"]).await.with(0);
        assert_eq!(stub.asked().len(), 3);

        let accepted = Said::json(&json!({"id": "run_00000000000000000000000001", "number": 1}));
        let stub = stub::saying(vec![busy(502), accepted]).await;
        at(&stub).run(&["run", "start", "x"]).await.with(0);
        let keys: Vec<String> = stub.asked().iter().map(|asked| header(asked, "idempotency-key")).collect();
        assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].len() > 20, "{keys:?}");

        let stub = stub::saying(vec![busy(503)]).await;
        let decision = ["approval", "approve", "apr_00000000000000000000000001", "--digest", &"0".repeat(64)];
        at(&stub).run(&decision).await.fails(7, &["503"]);
        assert_eq!(stub.asked().len(), 1);
        let stub = stub::saying(vec![busy(503)]).await;
        at(&stub).run(&["run", "cancel", "run_00000000000000000000000001"]).await.fails(7, &[]);
        assert_eq!(stub.asked().len(), 1);

        // A server that wants to be left alone for longer than anybody waits is left alone.
        let later = Said { headers: vec!["retry-after: 3600"], ..busy(503) };
        let stub = stub::saying(vec![later]).await;
        at(&stub).run(&["run", "list"]).await.with(7);
        assert_eq!(stub.asked().len(), 1);
    }

    fn header(request: &str, name: &str) -> String {
        request
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default()
    }

    #[tokio::test]
    async fn a_server_cannot_write_to_the_terminal() {
        let evil = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r\u{e0041}";
        let moment = "2026-11-24T09:41:03.112000Z";
        let line = json!({
            "id": "run_00000000000000000000000001", "number": 1, "workflow": evil, "workflow_name": evil, "starter": evil,
            "status": "waiting", "waiting": {"kind": "other", "step": evil, "words": evil}, "spent": "0", "accepted_at": moment, "ended_at": null,
        });
        let problem = json!({
            "type": evil, "title": evil, "status": 404, "code": evil, "detail": evil, "request": "req_00000000000000000000000001",
            "errors": [{"field": evil, "message": evil}],
        });
        let refused = Said { status: 404, ..Said::json(&problem) };
        let moved = Said { status: 302, headers: vec!["location: /\u{9b}31m"], body: String::new(), is_cut: false };
        for (arguments, said) in [
            (&["run", "list"][..], page(json!([line]))),
            (&["run", "list", "--json"], page(json!([line]))),
            (&["run", "list"], Said::json(&json!({"items": [], "next": evil}))),
            (&["run", "list"], refused),
            (&["run", "list"], moved),
            (&["run", "list"], Said { body: format!("<html>{evil}"), ..page(json!([])) }),
        ] {
            let stub = stub::saying(vec![said]).await;
            let ended = at(&stub).run(arguments).await;
            for text in [&ended.said, &ended.error] {
                assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r', '\u{e0041}']), "{arguments:?}: {text:?}");
            }
            if arguments.contains(&"--json") {
                assert_eq!(ended.json()["items"][0]["starter"], evil, "to programs it says what it said");
            }
        }
    }

    #[tokio::test]
    async fn a_key_follows_no_redirect_and_a_page_is_no_answer() {
        let elsewhere = stub::saying(vec![page(json!([]))]).await;
        let location: &'static str = format!("location: http://{}/", elsewhere.address).leak();
        let stub = stub::saying(vec![Said { status: 307, headers: vec![location], body: String::new(), is_cut: false }]).await;
        at(&stub).run(&["run", "list"]).await.fails(1, &["It points to"]);
        assert_eq!(elsewhere.asked().len(), 0);
        let stub = stub::saying(vec![Said { body: "<html>".to_owned(), ..page(json!([])) }]).await;
        at(&stub).run(&["run", "list"]).await.fails(1, &["does not understand"]);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_from_one_that_refuses() {
        let port = free_port();
        let key = vault::ApiKey::generate("key_00000000000000000000000001".parse().unwrap(), &domain::machine::OsEntropy).text();
        let shell = Shell::new().with(&[("MANDATE_URL", &format!("http://127.0.0.1:{port}")), ("MANDATE_KEY", key.expose())]);
        shell.run(&["run", "list"]).await.fails(7, &[&format!("127.0.0.1:{port}"), "cannot be reached"]);
        let start =
            shell.run(&["run", "start", "x", "--idempotency-key", "mine"]).await.fails(7, &["Repeated with --idempotency-key mine"]);
        assert!(!start.error.contains(key.expose()), "{}", start.error);
        shell.run(&["run", "cancel", "run_00000000000000000000000001"]).await.fails(7, &["look before you repeat it"]);
    }

    #[tokio::test]
    async fn half_an_export_is_none() {
        let row = "{\"seq\":1}\n";
        let stub = stub::saying(vec![Said { status: 200, headers: Vec::new(), body: row.to_owned(), is_cut: true }]).await;
        let shell = at(&stub);
        shell.run(&["audit", "export", "--output", "log.jsonl"]).await.fails(7, &["broke off"]);
        let stub = stub::saying(vec![Said { status: 200, headers: Vec::new(), body: row.to_owned(), is_cut: false }]).await;
        let other = at(&stub);
        other.run(&["audit", "export", "--output", "log.jsonl"]).await.fails(1, &["no whole log"]);
        for shell in [shell, other] {
            let left: Vec<_> = fs::read_dir(&shell.home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

mod shell {
    use super::*;

    #[tokio::test]
    async fn whoever_stops_reading_ends_the_writing_and_nothing_else() {
        let house = House::new(Engine::Sqlite).await;
        let shell = Shell::of(&house, &house.acme.admin);
        for arguments in [&["config"][..], &["completion", "bash"], &["run", "list", "--json"], &["audit", "export"], &["--help"]] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = shell.command(arguments);
            let ended =
                tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap());
            let ended = ended.await.unwrap();
            let error = String::from_utf8(ended.stderr).unwrap();
            assert_eq!((ended.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
        }
        house.end().await;
    }

    #[tokio::test]
    async fn shells_load_what_completes_our_commands() {
        let shell = Shell::new();
        let script = shell.run(&["completion", "bash"]).await.with(0).said;
        fs::write(shell.home.join("completion"), &script).unwrap();
        let asked = "set -eu; set +u; source ./completion; complete -p mandate; COMP_WORDS=(mandate run st); COMP_CWORD=2; _mandate mandate st run; echo \"${COMPREPLY[@]}\"";
        let home = shell.home.clone();
        let output =
            tokio::task::spawn_blocking(move || Command::new("bash").args(["--norc", "-c", asked]).current_dir(home).output().unwrap())
                .await
                .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("start"), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for (kind, part) in [("zsh", "#compdef mandate"), ("fish", "complete -c mandate")] {
            shell.run(&["completion", kind]).await.with(0).says(&[part]);
        }
    }

    #[tokio::test]
    async fn a_command_line_that_means_nothing_is_refused_with_the_nearest() {
        let shell = Shell::new();
        for (arguments, words) in [
            (&["run", "strat"][..], "start"),
            (&["run", "list", "--status", "fialed"], "failed"),
            (&["run", "show", "12"], "run_"),
            (&["run", "start", "../x"], "address"),
            (&["approval", "reject", "apr_00000000000000000000000001"], "--comment"),
            (&["approval", "approve", "apr_00000000000000000000000001", "--digest", "12"], "64"),
            (&["run", "list", "--config", "x"], "--profile"),
            (&["migrate", "--profile", "x"], "this machine"),
            (&["run", "start", "x", "--input", "a=1", "--inputs", "f"], "cannot be used with"),
            (&["run", "start", "x", "--timeout", "1s"], "--wait"),
        ] {
            let ended = shell.run(arguments).await.with(2);
            assert!(ended.error.contains(words), "{words} in {}", ended.error);
        }
    }
}
