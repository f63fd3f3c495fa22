//! The journeys through a real browser: each is a file of `tests/browser/`, run by node beside a server.
//!
//! What lives here: starting the binary on ports and in a folder of its own, running one journey, stopping both; and handing
//! the list of pages, made from the table of routes, to the journey that looks at all of them. What happens on the pages is in
//! the journeys; `tests/browser/house.mjs` is what they share. A new journey is a file there and a test here.
//!
//! A journey may write the line `@restart` to its standard output: the server is killed as `kill -9` does and started again
//! on the same ports and folder, then the journey reads `@restarted` from its standard input.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{
    Client, Engine, House,
    process::{Program, empty_folder, free_port, mandate_in},
    ways,
};

/// Lines of the server's log that are shown when a journey fails.
const LOG_LINES: usize = 40;
/// Far above what a journey takes from one line to the next.
const SILENCE: Duration = Duration::from_mins(15);

/// The ports of one server, and one for what the journey itself serves.
#[derive(Clone, Copy)]
struct Ports {
    server: u16,
    invoice_book: u16,
    payment_desk: u16,
    tracker: u16,
    model: u16,
    journey: u16,
}

impl Ports {
    fn free() -> Self {
        let [server, invoice_book, payment_desk, tracker, model, journey] = std::array::from_fn(|_| free_port());
        Self { server, invoice_book, payment_desk, tracker, model, journey }
    }
}

/// A server with the rehearsal services.
struct Server {
    program: Program,
    folder: PathBuf,
    ports: Ports,
    /// The first line, which says where to go.
    first_line: String,
}

impl Server {
    async fn start(folder: PathBuf, ports: Ports) -> Self {
        let mut program = Program::start(&mut command(&folder, ports));
        let Some(first_line) = program.line().await else { panic!("the server does not start; its log:\n{}", program.log()) };
        Self { program, folder, ports, first_line }
    }

    async fn restart(&mut self) {
        self.program.kill();
        *self = Self::start(self.folder.clone(), self.ports).await;
    }
}

fn command(folder: &Path, ports: Ports) -> Command {
    let mut command = mandate_in(folder, ports.server);
    command
        .args(["serve", "--rehearsal"])
        .env("MANDATE__REHEARSAL__INVOICE_BOOK_PORT", ports.invoice_book.to_string())
        .env("MANDATE__REHEARSAL__PAYMENT_DESK_PORT", ports.payment_desk.to_string())
        .env("MANDATE__REHEARSAL__TRACKER_PORT", ports.tracker.to_string())
        .env("MANDATE__REHEARSAL__MODEL_PORT", ports.model.to_string())
        .env("MANDATE__EGRESS__ALLOW", format!("[\"127.0.0.1:{}\"]", ports.journey));
    command
}

/// `tests/browser/<name>.mjs`, not started yet.
fn node(name: &str, url: &str, folder: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(format!("{name}.mjs")).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"));
    node.env("JOURNEY_URL", url).env("JOURNEY_FOLDER", folder);
    node
}

/// Runs it to its end and gives all it said; what went wrong, if something did. `restart` does what `@restart` asks for.
async fn run(node: &mut Command, mut restart: impl AsyncFnMut()) -> Result<String, String> {
    let mut node = Program::start(node);
    let mut said = String::new();
    while let Some(line) = node.line_within(SILENCE).await {
        if line == "@restart" {
            restart().await;
            node.say("@restarted");
        } else {
            said.push_str(&line);
            said.push('\n');
        }
    }
    let ended = node.ended();
    if ended.success() { Ok(said) } else { Err(format!("it ended with {ended}.\n{said}{}", node.log())) }
}

/// Runs `tests/browser/<name>.mjs` against a fresh server and fails when it does, with all it said.
async fn journey(name: &str) {
    let mut server = Server::start(empty_folder(&format!("browser-{name}")), Ports::free()).await;
    let (ports, link) = (server.ports, server.first_line.split_whitespace().last().unwrap().to_owned());
    let mut node = node(name, &format!("http://127.0.0.1:{}", ports.server), &server.folder);
    // What the journey runs of the binary works on the same installation.
    let binary = command(&server.folder, ports);
    node.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("JOURNEY_SETUP_LINK", link)
        .env("JOURNEY_BINARY", binary.get_program())
        .env("JOURNEY_PORT", ports.journey.to_string())
        .env("JOURNEY_INVOICE_BOOK", format!("http://127.0.0.1:{}", ports.invoice_book))
        .env("JOURNEY_PAYMENT_DESK", format!("http://127.0.0.1:{}", ports.payment_desk))
        .env("JOURNEY_MODEL", format!("http://127.0.0.1:{}", ports.model));
    match run(&mut node, async || server.restart().await).await {
        // Seen with `-- --nocapture`.
        Ok(said) => println!("{said}"),
        Err(said) => {
            server.program.kill();
            let log = server.program.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            panic!("{name}.mjs: {said}\nThe end of the server's log:\n{end}");
        }
    }
}

/// Runs `tests/browser/<name>.mjs` in a house of this process, which is told more than where that is.
pub async fn journey_in(house: &House, name: &str, told: &[(&str, String)]) {
    let folder = empty_folder(&format!("browser-{name}"));
    let mut node = node(name, &house.origin, &folder);
    node.envs(told.iter().map(|(name, value)| (*name, value)));
    match run(&mut node, async || panic!("a house of this process is not killed")).await {
        Ok(said) => println!("{said}"),
        Err(said) => panic!("{name}.mjs: {said}"),
    }
}

#[tokio::test]
async fn a_house_is_set_up_from_its_link_to_a_first_run_under_way() {
    journey("set-up").await;
}

#[tokio::test]
async fn a_workflow_with_mistakes_is_mended_at_its_lines_saved_and_started() {
    journey("author").await;
}

#[tokio::test]
async fn a_run_is_found_among_many_understood_cancelled_and_run_again() {
    journey("operate").await;
}

#[tokio::test]
async fn approvals_are_decided_on_a_phone_and_never_for_what_has_changed() {
    journey("approve").await;
}

#[tokio::test]
async fn a_budget_owner_sets_a_limit_and_a_run_is_blocked_before_its_call() {
    journey("budget").await;
}

#[tokio::test]
async fn an_auditor_searches_reads_verifies_and_exports_the_log() {
    journey("audit").await;
}

#[tokio::test]
async fn the_keyboard_alone_finds_a_failed_run_runs_it_again_approves_and_exports() {
    journey("keyboard").await;
}

#[tokio::test]
async fn a_payment_is_started_approved_cancelled_and_audited_without_javascript() {
    journey("no-javascript").await;
}

#[tokio::test]
async fn pages_in_every_state_are_accessible_clean_and_fit_in_both_schemes_and_widths() {
    journey("states").await;
}

#[tokio::test]
async fn a_live_page_loses_no_event_when_the_server_or_the_way_to_it_dies() {
    journey("stream").await;
}

/// What stands in the table of routes, answers a GET and is no page for people, beside what is no HTML.
const NO_PAGES: [&str; 1] = ["/s/{file}"];

/// The pages that more people see than those who are asked first, because others see other things there.
const ALSO: [(&str, &str); 3] = [("/t/{slug}/approvals/{id}", "approver"), ("/t/{slug}", "viewer"), ("/t/{slug}/runs/{id}", "viewer")];

/// Every page of the table of routes, with somebody who sees it. A route that is added is in it by itself.
async fn pages_of_the_table(house: &House) -> Vec<Value> {
    let acme = &house.acme;
    let people = [
        ("admin", &acme.admin),
        ("approver", &acme.approver),
        ("viewer", &acme.viewer),
        ("nobody", &house.nobody),
        ("outsider", &house.outsider),
    ];
    let page = |route: &str, path: &str, (who, client): (&str, &Client)| json!({"route": route, "path": path, "who": who, "cookie": client.who.as_ref().map(|who| who.cookie.clone())});
    let mut pages = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for way in ways::ways(house, "acme", house.things.as_ref().map(|(of_acme, _)| of_acme).unwrap()) {
        let route = way.route.path;
        if way.is_unsafe() || way.is_of_api() || NO_PAGES.contains(&route) {
            continue;
        }
        known.insert(route);
        let mut answers = Vec::new();
        let mut seen = false;
        for person in people {
            let answer = way.go(person.1).await;
            let is_html = answer.header("content-type").starts_with("text/html");
            answers.push(answer.class());
            // What leads on or is for programs is no page; where it leads to is a line of the table too.
            seen |= answer.status == 303 && !answer.location().starts_with("/sign-in") || answer.status == 200 && !is_html;
            if answer.status == 200 && is_html {
                pages.push(page(route, &way.path, person));
                seen = true;
                break;
            }
        }
        assert!(seen, "nobody sees the page {route}, they are answered {answers:?}");
        for (_, who) in ALSO.iter().filter(|(other, _)| *other == route) {
            let person = people.into_iter().find(|(name, _)| name == who).unwrap();
            pages.push(page(route, &way.path, person));
        }
    }
    for (route, _) in ALSO {
        assert!(known.contains(route), "{route} is no page any more");
    }
    pages
}

#[tokio::test]
async fn every_page_of_the_table_of_routes_is_accessible_clean_and_fits_in_both_schemes_and_widths() {
    let house = House::lived_in(Engine::Sqlite).await;
    let pages = pages_of_the_table(&house).await;
    assert!(pages.len() > 30, "{pages:?}");
    journey_in(&house, "pages", &[("JOURNEY_PAGES", Value::from(pages).to_string())]).await;
    house.end().await;
}
