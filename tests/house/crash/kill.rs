//! The real server, killed at random moments while people start and approve payments. The invoice book, the payment desk
//! and the model live in this process and survive; the data are in a folder. The seed is printed, and `MANDATE_TEST_SEED`
//! repeats one.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use domain::{Entropy, entropy::SeededEntropy, machine::OsEntropy};
use rehearsal::Rehearsal;

use crate::{
    harness::{
        Client, PASSWORD, PATIENCE, page,
        process::{Program, empty_folder, free_port, mandate, mandate_in, run},
    },
    payment::{SOURCE, set_up_by_hand},
};

/// How often it is killed.
const KILLS: usize = 20;
/// The longest it lives once it is ready, in milliseconds.
const LONGEST_LIFE: u64 = 900;

/// A server that is killed and started again on the same port and folder.
struct Server {
    folder: PathBuf,
    port: u16,
    allow: String,
    program: Program,
}

impl Server {
    fn command(&self) -> Command {
        let mut command = mandate_in(&self.folder, self.port);
        command.env("MANDATE__EGRESS__ALLOW", &self.allow).arg("serve");
        command
    }

    async fn again(&mut self) {
        self.program.kill();
        self.program = Program::start(&mut self.command());
        self.program.line_with("ready").await;
    }
}

/// A random number below `end`.
fn below(entropy: &dyn Entropy, end: u64) -> u64 {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    u64::from_be_bytes(bytes) % end
}

fn seed() -> u64 {
    std::env::var("MANDATE_TEST_SEED").map_or_else(|_| below(&OsEntropy, u64::MAX), |seed| seed.parse().unwrap())
}

/// What people know of the payments they started.
#[derive(Default)]
struct Known {
    /// Invoices that somebody tried to have paid, with the address of the run once the server said that it has it.
    started: BTreeMap<String, Option<String>>,
}

/// Joins by the link in the newest mail to this address.
async fn join(nobody: &Client, admin: &Client, role: &str) -> Client {
    let email = format!("{role}@acme.example");
    admin.post("/t/acme/invitations", &[("email", &email), ("name", role), ("role", role)]).await.expect(303);
    let mailbox = nobody.get("/mailbox").await.expect(200);
    let link = page::links(&mailbox.text).into_iter().find(|link| link.contains("/invitations/")).expect("the newest mail is open");
    let joined = nobody.post(&link, &[("name", role), ("password", PASSWORD)]).await.expect(303);
    nobody.with_cookie_of(&joined)
}

/// Asks for a payment; whether the server says that it has it is not certain while it is being killed.
async fn start(developer: &Client, known: &RefCell<Known>, invoice: &str) {
    known.borrow_mut().started.entry(invoice.to_owned()).or_default();
    let fields = [("start_key", invoice), ("input.invoice_id", invoice)];
    if let Some(answer) = developer.try_post("/t/acme/workflows/vendor-payment/runs", &fields).await {
        let run = answer.expect(303).location().to_owned();
        let before = known.borrow_mut().started.insert(invoice.to_owned(), Some(run.clone())).flatten();
        assert!(before.is_none_or(|before| before == run), "{invoice} was started twice");
    }
}

/// The approvals that wait, by their address; nothing when the server is not there.
async fn waiting(approver: &Client) -> BTreeSet<String> {
    let Some(inbox) = approver.try_get("/t/acme/approvals").await else { return BTreeSet::new() };
    let inbox = inbox.expect(200);
    let words = inbox.text.split("Decided</h2>").next().unwrap();
    page::links(words).into_iter().filter(|link| link.starts_with("/t/acme/approvals/apr_")).collect()
}

/// Agrees to one approval, if it still waits and the server is there.
async fn agree(approver: &Client, at: &str) {
    let Some(page) = approver.try_get(at).await else { return };
    let action = format!("{at}/decision");
    let digest = page::forms(&page.text).iter().find(|form| form.action == action).and_then(|form| form.value("digest").map(str::to_owned));
    let Some(digest) = digest else { return };
    let fields = [("decision", "approve"), ("comment", ""), ("digest", digest.as_str())];
    if let Some(answer) = approver.try_post(&action, &fields).await {
        assert!([303, 409].contains(&answer.status), "{}: {}", answer.status, answer.words());
    }
}

#[tokio::test]
async fn a_server_that_is_killed_at_random_loses_nothing_and_pays_nothing_twice() {
    let seed = seed();
    println!("MANDATE_TEST_SEED={seed}");
    let entropy = SeededEntropy::new(seed);
    tools::install_crypto();
    let rehearsal = Rehearsal::start(rehearsal::Config::default()).await.unwrap();
    let hosts = [rehearsal.invoice_book(), rehearsal.payment_desk(), rehearsal.model()].map(|address| format!("\"{address}\""));
    let (folder, port, allow) = (empty_folder("crash-kill"), free_port(), format!("[{}]", hosts.join(",")));
    let program = Program::start(mandate_in(&folder, port).env("MANDATE__EGRESS__ALLOW", &allow).arg("serve"));
    let mut server = Server { folder, port, allow, program };
    let link = server.program.line_with("/setup/").await.split_whitespace().last().unwrap().to_owned();
    let nobody = Client::new(&format!("http://127.0.0.1:{port}"), None);
    let fields = [("tenant_name", "Acme"), ("slug", "acme"), ("name", "Ada"), ("email", "ada@acme.example"), ("password", PASSWORD)];
    let admin = nobody.with_cookie_of(&nobody.post(&link, &fields).await.expect(303));
    let developer = join(&nobody, &admin, "developer").await;
    let approver = join(&nobody, &admin, "approver").await;
    set_up_by_hand(&admin, &rehearsal).await;
    admin.post("/t/acme/workflows", &[("source", SOURCE), ("act", "publish")]).await.expect(303);
    for client in [&admin, &developer, &approver] {
        client.csrf().await;
    }

    // One approval waits through all of it.
    let known = RefCell::new(Known::default());
    start(&developer, &known, "INV-20417").await;
    let patient = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(first) = waiting(&approver).await.into_iter().next() {
                return first;
            }
        }
    });
    let patient = patient.await.expect("the first approval");

    // Slow enough that some calls are out when the server is killed.
    for stage in [rehearsal.payment_desk_stage(), rehearsal.model_stage()] {
        stage.latency(Duration::from_millis(80));
    }
    let mut invoice = 40_000;
    for _ in 0..KILLS {
        let people = async {
            loop {
                invoice += 1;
                start(&developer, &known, &format!("INV-{invoice}")).await;
                let mut open = waiting(&approver).await;
                open.remove(&patient);
                for one in open {
                    agree(&approver, &one).await;
                }
            }
        };
        let life = Duration::from_millis(below(&entropy, LONGEST_LIFE));
        // It lives for that long and is killed in the middle of whatever it does.
        let _killed = tokio::time::timeout(life, people).await;
        server.again().await;
    }

    // Everything that was accepted goes on to its end, and the one approval still waits, the same.
    assert!(waiting(&approver).await.contains(&patient));
    let invoices: Vec<String> = known.borrow().started.keys().cloned().collect();
    assert!(invoices.len() > KILLS, "people did something: {}", invoices.len());
    for invoice in &invoices {
        start(&developer, &known, invoice).await;
    }
    let runs: Vec<String> = known.borrow().started.values().map(|run| run.clone().expect("an address")).collect();
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), invoices.len());
    let finishing = async {
        for run in &runs {
            loop {
                for one in waiting(&approver).await {
                    agree(&approver, &one).await;
                }
                let page = developer.get(run).await.expect(200).words();
                assert!(!page.contains("Failed") && !page.contains("Cancelled"), "{run}: {page}");
                if page.contains("PAY-") {
                    break;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE * 2, finishing).await.expect("every run ends");

    let payments = rehearsal.payments();
    let paid: BTreeSet<&str> = payments.iter().map(|payment| payment.invoice.as_str()).collect();
    assert_eq!(paid.into_iter().collect::<Vec<_>>(), invoices.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(payments.len(), invoices.len(), "each once");
    let again = payments.iter().filter(|payment| payment.requests > 1).count();
    println!("{} payments, {again} of them sent again under their key", payments.len());

    let export = server.folder.join("export.jsonl");
    fs::write(&export, admin.get("/t/acme/audit/export.jsonl").await.expect(200).text).unwrap();
    let (code, said, error) = run(mandate().args(["audit", "verify"]).arg(&export));
    assert_eq!(code, 0, "{said}{error}");
    server.program.stop();
    rehearsal.stop().await;
}
