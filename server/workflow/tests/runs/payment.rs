//! The main job, step by step: one invoice, read, checked, agreed to and paid once.

use std::time::Duration;

use domain::Money;
use serde_json::{Value, json};
use workflow::{
    Call, Effect, HttpBody, Input, Piece,
    core::CallFailure,
    event::{CredentialUse, Decision},
    plan::Per,
    run::StepState,
};

use crate::{
    desk::{Desk, RUN, START, charge, failure},
    plans::payment,
};

fn invoice(amount: f64) -> Value {
    json!({"status": 200, "headers": {}, "body": {
        "id": "INV-20417", "vendor": "Nordlicht Druck", "amount": amount, "currency": "EUR", "status": "open", "iban": "DE02120300000000202051"
    }})
}

fn begin() -> Desk {
    Desk::start(payment(), json!({"invoice_id": "INV-20417", "note": "as *agreed*"}))
}

/// Up to the question.
fn reviewed() -> Desk {
    let mut desk = begin();
    desk.answer(invoice(1840.5));
    desk.answer(json!({"risk": "medium", "reasons": ["new account", "round [sum]"]}));
    desk
}

#[test]
fn an_invoice_is_read_agreed_to_and_paid_once() {
    let mut desk = begin();
    let read = desk.call();
    let Call::Http(http) = &read.call else { panic!("{read:?}") };
    assert_eq!((http.method.as_str(), http.url.as_str()), ("GET", "http://127.0.0.1:4010/invoices/INV-20417"));
    assert_eq!(read.idempotency_key, format!("{RUN}:read"));
    assert_eq!(read.run_budget, Some(Money::from_nanos(250_000_000)));
    assert_eq!(desk.plan.budget.map(|budget| budget.per), Some(Per::Run));
    assert!(read.covered_by.is_none(), "nobody was asked yet");
    desk.answer(invoice(1840.5));
    assert_eq!(desk.state("open"), "completed", "asserting needs nobody");

    let look = desk.dispatch();
    let Call::Model(prompt) = &look.call else { panic!("{look:?}") };
    assert_eq!(prompt.prompt, "Invoice INV-20417. Is anything unusual about it?");
    assert_eq!(look.step_budget, Some(Money::from_nanos(100_000_000)));
    desk.feed(Desk::finished(&look, Ok(json!({"risk": "medium", "reasons": ["new account", "round [sum]"]})), Some(charge(3_100_000))));

    let question = desk.question();
    assert_eq!(question.request.title, "Pay 1840.5 EUR to Nordlicht Druck");
    assert_eq!(
        question.request.shows,
        [("Vendor".to_owned(), "Nordlicht Druck".to_owned()), ("Account".to_owned(), "DE02120300000000202051".to_owned())]
    );
    assert_eq!(question.expires_in, Duration::from_hours(72));
    let covered = &question.coverage.effects;
    assert_eq!(covered.iter().map(|effect| effect.step.as_str()).collect::<Vec<_>>(), ["pay"]);
    assert_eq!(covered[0].hosts, ["pay.example"]);
    assert_eq!(covered[0].credentials, ["payment-desk"]);
    assert_eq!(covered[0].unknown, Vec::<String>::new());
    assert_eq!(covered[0].arguments["body"]["json"]["amount"], json!(1840.5));
    assert_eq!(covered[0].idempotency_key, json!("pay-INV-20417"));

    let approval = desk.put();
    assert_eq!(desk.effects(), [Effect::Expire { step: "agree".to_owned(), approval, at: desk.now.after(Duration::from_hours(72)) }]);
    desk.later(Duration::from_hours(1));
    desk.feed(Desk::ended(approval, Decision::Approved));

    let pay = desk.call();
    let Call::Http(http) = &pay.call else { panic!("{pay:?}") };
    assert_eq!(http.url, "https://pay.example/payments");
    assert_eq!(
        http.headers,
        [("Authorization".to_owned(), vec![Piece::Text("Bearer ".to_owned()), Piece::Credential("payment-desk".to_owned())])]
    );
    assert_eq!(http.body, HttpBody::Json(json!({"invoice": "INV-20417", "iban": "DE02120300000000202051", "amount": 1840.5})));
    let under = pay.covered_by.as_ref().unwrap();
    assert_eq!(under.approval, approval);
    assert_eq!(under.spent_since, Money::ZERO);
    workflow::coverage::matches(under.effect.as_ref().unwrap(), &pay.call, &pay.idempotency_key).unwrap();
    desk.answer(json!({"status": 201, "headers": {}, "body": {"id": "PAY-1"}}));

    assert_eq!(desk.outputs(), json!({"payment_id": "PAY-1", "amount": 1840.5, "decided_by": "finn@acme.test"}));
    assert_eq!(desk.effects(), []);
    assert_eq!(desk.run.spent(), Money::from_nanos(3_100_000));
    assert_eq!(desk.run.spent_by("look"), Money::from_nanos(3_100_000));
    assert_eq!(
        desk.trace(),
        [
            "started",
            "step_started read",
            "dispatched read attempt 1 dispatch 1",
            "step_completed read",
            "step_completed open",
            "step_started look",
            "dispatched look attempt 1 dispatch 1",
            "step_completed look",
            "approval_prepared agree",
            "approval_asked agree",
            "approval_ended agree approved",
            "step_completed agree",
            "step_started pay",
            "dispatched pay attempt 1 dispatch 1",
            "step_completed pay",
            "outputs_set say",
            "step_completed say",
            "completed",
        ]
    );
}

#[test]
fn a_small_safe_payment_asks_nobody() {
    let mut desk = begin();
    desk.answer(invoice(12.0));
    desk.answer(json!({"risk": "low", "reasons": []}));
    assert_eq!(desk.state("agree"), "skipped");
    assert!(desk.call().covered_by.is_none());
    desk.answer(json!({"body": {"id": "PAY-2"}}));
    assert_eq!(desk.outputs()["decided_by"], json!("nobody was asked"));
}

#[test]
fn values_in_an_approvals_markdown_cannot_format_it() {
    let description = reviewed().question().request.description.unwrap();
    assert_eq!(description, "Review: **medium**. new account\\; round \\[sum\\]\nas \\*agreed\\*");
}

#[test]
fn a_closed_invoice_ends_the_run_with_the_authors_words() {
    let mut desk = begin();
    let mut paid = invoice(1840.5);
    paid["body"]["status"] = json!("paid");
    desk.answer(paid);
    assert_eq!(desk.failed_with(), ("assertion", "Invoice INV-20417 is paid, not open"));
    assert_eq!(desk.effects(), []);
}

#[test]
fn a_call_in_flight_at_a_crash_goes_out_again_under_its_key_and_the_page_can_say_so() {
    let mut desk = reviewed();
    desk.decide(Decision::Approved);
    let first = desk.dispatch();
    for dispatch in 2..4 {
        desk.crash();
        let again = desk.dispatch();
        assert_eq!((again.attempt, again.dispatch), (1, dispatch));
        assert_eq!(again.idempotency_key, first.idempotency_key);
        assert_eq!(again.call, first.call);
    }
    assert!(desk.run.step("pay").resent);
    desk.feed(Desk::finished(&first, Ok(json!({"body": {"id": "PAY-1"}})), None));
    assert_eq!(desk.outputs()["payment_id"], json!("PAY-1"));
    assert!(desk.run.step("pay").resent, "still to be said after the end");
}

#[test]
fn a_crash_anywhere_changes_nothing_that_was_recorded() {
    let mut desk = begin();
    let crash = |desk: &mut Desk| {
        let (before, owed) = (desk.run.clone(), desk.effects());
        desk.crash();
        assert_eq!(desk.run, before);
        assert_eq!(desk.effects(), owed);
    };
    crash(&mut desk);
    desk.answer(invoice(5_000.0));
    crash(&mut desk);
    desk.dispatch();
    crash(&mut desk);
    desk.answer(json!({"risk": "high", "reasons": []}));
    crash(&mut desk);
    let approval = desk.put();
    crash(&mut desk);
    desk.feed(Desk::ended(approval, Decision::Approved));
    crash(&mut desk);
    desk.answer(json!({"body": {"id": "PAY-1"}}));
    crash_at_the_end(&mut desk);
}

fn crash_at_the_end(desk: &mut Desk) {
    let before = desk.run.clone();
    assert_eq!(desk.replayed(), before);
    assert!(desk.offer(Input::Continue).is_err());
}

#[test]
fn what_a_dispatch_was_given_is_in_its_fact() {
    let mut desk = reviewed();
    desk.decide(Decision::Approved);
    let call = desk.call();
    let credential = CredentialUse {
        name: "payment-desk".to_owned(),
        id: domain::CredentialId::new(desk.now, &domain::entropy::SeededEntropy::new(9)),
        version: 2,
        host: "pay.example".to_owned(),
    };
    let Input::Dispatched { step, attempt, dispatch, .. } = Desk::dispatched(&call) else { panic!("not a dispatch") };
    desk.feed(Input::Dispatched { step, attempt, dispatch, held: None, model: None, credentials: vec![credential.clone()] });
    let (_, fact) = desk.journal.last().unwrap();
    let audit = workflow::core::audit::of(fact).unwrap();
    assert_eq!((audit.action, audit.target_kind, audit.target_id.as_str()), ("credential.used", "step", "pay"));
    assert_eq!(audit.detail["credentials"][0]["name"], json!("payment-desk"));
    assert_eq!((&audit.detail["method"], &audit.detail["host"]), (&json!("POST"), &json!("pay.example")));
    let StepState::Calling(calling) = &desk.run.step("pay").state else { panic!("not under way") };
    let workflow::run::Progress::InFlight(sent) = &calling.progress else { panic!("not out") };
    assert_eq!(sent.credentials, [credential]);
}

#[test]
fn the_pages_learn_when_and_how_long() {
    let mut desk = begin();
    desk.later(Duration::from_secs(2));
    let call = desk.dispatch();
    desk.later(Duration::from_secs(3));
    desk.feed(Desk::finished(&call, Err(CallFailure { failure: failure("http_status", true), retry_after: None }), None));
    desk.answer(invoice(12.0));
    let plan = desk.plan.clone();
    let views: Vec<_> = desk.run.steps(&plan, 10);
    assert_eq!(views.iter().map(|view| view.step.id.as_str()).collect::<Vec<_>>(), ["read", "open", "look", "agree", "pay", "say"]);
    let read = views[0].run;
    assert_eq!(read.attempts, 2);
    assert_eq!(read.started_at, Some(START));
    assert_eq!(views[0].duration(), read.ended_at.map(|end| end.since(START)));
    assert_eq!(
        read.failure.as_ref().map(|failure| failure.code.as_str()),
        Some("http_status"),
        "what went wrong on the way is not forgotten"
    );
    assert_eq!(views[2].run.state.name(), "ready");
    assert_eq!(views[5].run.state.name(), "idle");
    assert_eq!(views[5].duration(), None);
}

#[test]
fn the_file_of_the_example_runs_the_same_way() {
    let parsed = workflow::parse(include_str!("../../../../examples/vendor-payment.md"));
    assert_eq!(parsed.errors().collect::<Vec<_>>(), Vec::<&workflow::Diagnostic>::new());
    let plan = parsed.plan.unwrap();
    let mut desk = Desk::start(plan, json!({"invoice_id": "INV-20417", "note": "as *agreed*"}));
    let ids: Vec<String> = desk.plan.steps.iter().map(|step| step.id.clone()).collect();
    let mut lines = invoice(1840.5);
    lines["body"]["lines"] = json!([{"text": "paper", "amount": 1840.5}]);
    assert_eq!(desk.answer(lines).time_limit, Duration::from_secs(20));
    let look = desk.call();
    let Call::Model(prompt) = &look.call else { panic!("{look:?}") };
    assert!(prompt.prompt.contains("- paper: 1840.5"), "{}", prompt.prompt);
    assert_eq!((look.time_limit, look.step_budget), (Duration::from_secs(90), Some(Money::from_nanos(100_000_000))));
    desk.answer(json!({"risk": "low", "reasons": []}));
    let question = desk.question();
    assert_eq!(question.request.title, "Pay 1840.5 EUR to Nordlicht Druck");
    assert_eq!(question.request.shows.len(), 4);
    assert_eq!(question.coverage.effects.iter().map(|effect| effect.step.as_str()).collect::<Vec<_>>(), [ids[4].as_str()]);
    assert_eq!(question.coverage.effects[0].credentials, ["payment-desk"]);
    desk.decide(Decision::Approved);
    let pay = desk.answer(json!({"status": 201, "headers": {}, "body": {"id": "PAY-1"}}));
    assert_eq!(pay.idempotency_key, "pay-INV-20417");
    assert_eq!(desk.outputs(), json!({"payment_id": "PAY-1", "amount": 1840.5, "decided_by": "finn@acme.test"}));
}
