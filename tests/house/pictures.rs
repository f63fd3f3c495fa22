//! The pictures of docs/tour.md: made in a house whose clock is moved by hand, so that everybody who makes them anew sees the
//! same people, runs and amounts on the same days.
//!
//! The test always opens every page that is pictured and looks for what its caption promises, and fails when a picture is
//! missing, too large or in no page of the documentation. It writes them only for `make pictures`. What is pictured is listed in
//! `tests/browser/pictures.mjs`; what has happened before is here.

use std::{path::Path, time::Duration};

use domain::{Clock, RunId};
use platform::runs::{RunShown, StepStanding};
use rehearsal::{Stage, When};
use serde_json::{Value, json};

use crate::{
    browser::journey_in,
    harness::{Choices, Client, Engine, House, things},
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// The rehearsal services as `mandate serve --rehearsal` has them: their addresses stand in the pictures.
const PORTS: rehearsal::Config = rehearsal::Config { invoice_book: 8091, payment_desk: 8092, tracker: 8094, model: 8093 };

/// Something that is asked of a service, and how long it takes on the clock of the house.
type Beat<'s> = (&'s Stage, Duration);

/// Starts a run that asks these services one after another, each of them once.
async fn paced(house: &House, client: &Client, workflow: &str, inputs: Value, beats: &[Beat<'_>]) -> RunId {
    let asked: Vec<usize> = beats.iter().map(|(stage, _)| stage.requests().len()).collect();
    for (stage, _) in beats {
        stage.hang_next(When::AfterWork);
    }
    let Value::Object(inputs) = inputs else { panic!("inputs are an object") };
    let run = house.start_workflow(client, workflow, inputs).await;
    for ((stage, takes), before) in beats.iter().zip(asked) {
        tokio::time::timeout(crate::harness::PATIENCE, stage.arrived(before + 1)).await.expect("a request");
        house.clock.advance(*takes);
        stage.release();
    }
    run
}

/// What becomes of a run that waits for an approval.
enum Fate<'f> {
    Approved,
    Rejected(&'f str),
    Cancelled(&'f str),
    Waits,
}

/// Ends the wait of a run, after a while.
async fn decide(house: &House, run: RunId, after: Duration, fate: Fate<'_>) {
    let acme = &house.acme;
    let approval = things::approval_of(house, acme, run).await;
    let (verdict, comment) = match fate {
        Fate::Approved => ("approve", ""),
        Fate::Rejected(comment) => ("reject", comment),
        Fate::Cancelled(reason) => {
            house.clock.advance(after);
            let address = format!("/t/acme/runs/{run}/cancellation");
            let form = acme.developer.get(&format!("{address}/new")).await.expect(200);
            acme.developer.submit(&form, &address, &[("reason", reason)]).await.expect(303);
            house.until_over(acme, run).await;
            return;
        }
        Fate::Waits => return,
    };
    house.clock.advance(after);
    let address = format!("/t/acme/approvals/{approval}");
    let page = acme.approver.get(&address).await.expect(200);
    acme.approver.submit(&page, &format!("{address}/decision"), &[("decision", verdict), ("comment", comment)]).await.expect(303);
    house.until_over(acme, run).await;
}

struct Past<'h> {
    house: &'h House,
}

impl Past<'_> {
    async fn payment(&self, invoice: &str, note: &str, after: Duration, fate: Fate<'_>) -> RunId {
        let (book, model) = (self.house.rehearsal.invoice_book_stage(), self.house.rehearsal.model_stage());
        let beats = [(book, Duration::from_millis(412)), (model, Duration::from_millis(2_900))];
        let inputs = json!({"invoice_id": invoice, "note": note});
        let run = paced(self.house, &self.house.acme.developer, "vendor-payment", inputs, &beats).await;
        decide(self.house, run, after, fate).await;
        run
    }

    async fn expense(&self, employee: &str, amount: f64, category: &str, purpose: &str, after: Duration, fate: Fate<'_>) -> RunId {
        let beats = [(self.house.rehearsal.model_stage(), Duration::from_millis(1_640))];
        let inputs = json!({"employee": employee, "amount": amount, "category": category, "purpose": purpose, "receipts": ["receipt.pdf"]});
        let run = paced(self.house, &self.house.acme.developer, "expense-report", inputs, &beats).await;
        decide(self.house, run, after, fate).await;
        run
    }

    async fn notes(&self, project: &str, publish: bool, after: Duration) -> RunId {
        let (tracker, model) = (self.house.rehearsal.tracker_stage(), self.house.rehearsal.model_stage());
        let beats = [(tracker, Duration::from_millis(236)), (model, Duration::from_millis(7_400))];
        let run =
            paced(self.house, &self.house.acme.developer, "release-notes", json!({"project": project, "publish": publish}), &beats).await;
        if publish {
            decide(self.house, run, after, Fate::Approved).await;
        } else {
            self.house.until_over(&self.house.acme, run).await;
        }
        run
    }
}

/// What models cost, and what may be spent.
async fn money(house: &House) {
    let admin = &house.acme.admin;
    let actor = house.actor(admin).await;
    let provider = house.platform.providers(&actor).await.unwrap().remove(0);
    let address = format!("/t/acme/providers/{}/models/{}", provider.id, provider.models[0].id);
    let page = admin.get(&address).await.expect(200);
    let price = [("input_price", "2.50"), ("output_price", "10.00"), ("max_output_tokens", "1024")];
    admin.submit(&page, &format!("{address}/price"), &price).await.expect(303);
    for (scope, limit) in [("tenant", "0.20"), ("workflow:vendor-payment", "0.05")] {
        let page = admin.get("/t/acme/budgets").await.expect(200);
        admin.submit(&page, "/t/acme/budgets", &[("scope", scope), ("limit", limit), ("act", "set")]).await.expect(303);
    }
}

/// Some days of a tenant. Gives what is pictured of them.
async fn days(house: &House) -> Value {
    let past = Past { house };
    let clock = &house.clock;
    money(house).await;
    for day in 0..4_u32 {
        past.payment(&format!("INV-204{:02}", 10 + day), "", 25 * MINUTE, Fate::Approved).await;
        clock.advance(50 * MINUTE);
        past.notes(["billing", "warehouse", "web-shop", "billing"][day as usize], day % 2 == 0, 40 * MINUTE).await;
        clock.advance(HOUR);
        past.expense(
            ["Mira Lund", "Tom Reuter"][(day % 2) as usize],
            42.5 + f64::from(day),
            "meals",
            "Lunch with the warehouse",
            HOUR,
            Fate::Approved,
        )
        .await;
        clock.advance(20 * HOUR);
    }
    past.payment("INV-20481", "", 35 * MINUTE, Fate::Cancelled("Started twice by mistake")).await;
    past.expense(
        "Ines Faro",
        1240.0,
        "training",
        "Course on accounting for cloud costs",
        2 * HOUR,
        Fate::Rejected("Please ask your team lead first."),
    )
    .await;
    clock.advance(HOUR);
    // An invoice book that is down for a moment: two attempts are answered with 503, the third is not.
    house.rehearsal.invoice_book_stage().fail_next(2, 503);
    let failed = house.start(&house.acme.developer, json!({"invoice_id": "INV-1002"})).await;
    for attempt in 1..=2 {
        let paused = |run: &RunShown| matches!(run.steps[0].standing, StepStanding::Retrying(_)) && run.steps[0].attempts == attempt;
        house.until(&house.acme, failed, paused).await;
        clock.advance(Duration::from_secs(5));
    }
    house.until_over(&house.acme, failed).await;
    clock.advance(14 * MINUTE);
    let expense = past.expense("Mira Lund", 86.9, "equipment", "A second keyboard", MINUTE, Fate::Waits).await;
    things::approval_of(house, &house.acme, expense).await;
    clock.advance(6 * MINUTE);
    let run = past.payment("INV-20417", "The vendor asked for it by telephone.", MINUTE, Fate::Waits).await;
    let approval = things::approval_of(house, &house.acme, run).await;
    clock.advance(2 * MINUTE + Duration::from_secs(12));
    json!({"run": run, "failed": failed, "approval": approval})
}

#[tokio::test]
async fn pictures_of_the_documentation_are_there_and_their_pages_say_what_they_show() {
    let make = std::env::var("UPDATE_PICTURES").is_ok_and(|value| value == "1");
    let ports = if make { PORTS } else { rehearsal::Config::default() };
    for port in [ports.invoice_book, ports.payment_desk, ports.tracker, ports.model] {
        let is_free = std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        assert!(is_free, "port {port} stands in the pictures and is taken: stop what uses it, such as `make run` or `make demo`");
    }
    let house = House::with_samples(Engine::Sqlite, Choices { ports, ..Choices::default() }).await;
    let shown = days(&house).await;
    let acme = &house.acme;
    let cookie = |client: &Client| client.who().cookie.clone();
    let told = json!({
        "shown": shown,
        "now": house.clock.now().micros() / 1000,
        "cookies": {"admin": cookie(&acme.admin), "approver": cookie(&acme.approver)},
        "make": make,
        "documentation": Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs"),
    });
    journey_in(&house, "pictures", &[("JOURNEY_PICTURES", told.to_string())]).await;
    house.end().await;
}
