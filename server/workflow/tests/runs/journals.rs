//! Journals as earlier releases wrote them. They are never written anew: what they say has to fold to the same
//! run for ever. A release that records a new kind of fact adds a file, written by
//! `RECORD_JOURNAL=tests/journals/NAME.jsonl cargo test -p workflow --test runs journals`.

use std::fmt::Write;

use domain::{Timestamp, audit::Recorded};
use serde_json::{Value, json};
use workflow::{
    Event, Input, Run,
    core::audit,
    event::{Decision, Park},
    run::{End, StepState},
};

use crate::{
    desk::{Desk, charge},
    expense,
    plans::payment,
};

const PAYMENT: &str = include_str!("../journals/payment-1.jsonl");
/// With a failure that was passed over, and a form that was filled in.
const EXPENSE: &str = include_str!("../journals/expense-1.jsonl");

fn read(journal: &str) -> Vec<(Timestamp, Event)> {
    let fact = |line: &str| {
        let (at, event) = line.split_once(' ').unwrap();
        (Timestamp::from_micros(at.parse().unwrap()), serde_json::from_str(event).unwrap())
    };
    journal.lines().map(fact).collect()
}

/// A payment with everything that may happen to it on the way to a good end.
fn eventful() -> Desk {
    let mut desk = Desk::start(payment(), json!({"invoice_id": "INV-20417", "note": "as agreed"}));
    desk.fail("time_out", true);
    desk.feed(Input::Parked { step: "read".to_owned(), park: Park::StarterRights { missing: "dana is disabled".to_owned() } });
    desk.answer(json!({"status": 200, "headers": {}, "body": {
        "id": "INV-20417", "vendor": "Nordlicht Druck", "amount": 1840.5, "currency": "EUR", "status": "open", "iban": "DE02120300000000202051"
    }}));
    let look = desk.dispatch();
    desk.feed(Desk::finished(&look, Ok(json!({"risk": "medium", "reasons": ["new account"]})), Some(charge(3_100_000))));
    desk.decide(Decision::Voided);
    desk.decide(Decision::Approved);
    desk.dispatch();
    desk.crash();
    desk.answer(json!({"status": 201, "headers": {}, "body": {"id": "PAY-1"}}));
    desk
}

/// An expense whose model failed and whose manager filled in a form.
fn filled_in() -> Desk {
    let mut desk = expense::begin(20.0, &[]);
    desk.fail("provider", false);
    let approval = desk.put();
    desk.feed(expense::ended(approval, Decision::Approved, json!({"cost_centre": "0815", "remark": null})));
    desk.answer(json!({"status": 201, "headers": {}, "body": {}}));
    desk
}

#[test]
fn a_journal_can_be_recorded_for_those_who_come_later() {
    let Some(file) = std::env::var_os("RECORD_JOURNAL") else {
        assert_eq!((&eventful().outputs()["payment_id"], &filled_in().outputs()["cost_centre"]), (&json!("PAY-1"), &json!("0815")));
        return;
    };
    let desk = if file.to_string_lossy().contains("expense") { filled_in() } else { eventful() };
    let mut text = String::new();
    for (at, event) in &desk.journal {
        writeln!(text, "{} {}", at.micros(), event.bytes()).unwrap();
    }
    std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file), text).unwrap();
}

#[test]
fn an_old_journal_folds_to_the_run_it_was() {
    let journal = read(PAYMENT);
    let run = Run::fold(journal.iter().map(|(at, event)| (*at, event)));
    let Some(End::Completed { outputs }) = run.end() else { panic!("{:?}", run.phase()) };
    assert_eq!(Value::Object((**outputs).clone()), json!({"payment_id": "PAY-1", "amount": 1840.5, "decided_by": "finn@acme.test"}));
    assert_eq!(run.spent().nanos(), 3_100_000);
    assert_eq!((run.step("read").attempts, run.step("pay").resent), (2, true));
    let asked = run.step("agree").asked.as_ref().unwrap();
    assert_eq!((asked.round, asked.coverage.effects.len()), (2, 1));
    assert!(matches!(&run.step("agree").state, StepState::Completed { asked: Some((_, Decision::Approved)), .. }));
    let acts: Vec<&str> = journal.iter().filter_map(|(_, event)| audit::of(event)).map(|event| event.action).collect();
    assert_eq!(
        acts,
        [
            "tool.used",
            "tool.failed",
            "tool.used",
            "tool.used",
            "approval.requested",
            "approval.voided",
            "approval.requested",
            "tool.used",
            "tool.used",
            "workflow.completed",
        ]
    );
}

#[test]
fn an_old_journal_knows_what_was_passed_over_and_filled_in() {
    let journal = read(EXPENSE);
    let run = Run::fold(journal.iter().map(|(at, event)| (*at, event)));
    let Some(End::Completed { outputs }) = run.end() else { panic!("{:?}", run.phase()) };
    assert_eq!(Value::Object((**outputs).clone()), json!({"status": "approved", "cost_centre": "0815", "remark": ""}));
    assert!(matches!(&run.step("sort").state, StepState::Failed { instead: Some(value), .. } if value["cost_centre"] == "9999"));
    let decide = run.step("decide");
    assert_eq!(decide.asked.as_ref().unwrap().request.fields[0].default, json!("9999"));
    assert_eq!(decide.decided.as_ref().unwrap().fields.as_ref().unwrap()["cost_centre"], json!("0815"));
}

#[test]
fn what_was_recorded_is_written_as_it_was() {
    for line in PAYMENT.lines().chain(EXPENSE.lines()) {
        let (_, written) = line.split_once(' ').unwrap();
        let event: Event = serde_json::from_str(written).unwrap();
        let again: Value = serde_json::from_str(&event.bytes()).unwrap();
        let before: Value = serde_json::from_str(written).unwrap();
        // A new field may be added with a default; none that was there may go or change.
        let (Value::Object(before), Value::Object(again)) = (before, again) else { panic!("a fact is an object") };
        for (name, value) in before {
            assert_eq!(again.get(&name), Some(&value), "{name} in {written}");
        }
    }
}

#[test]
fn the_audit_log_repeats_no_argument_no_body_and_no_output() {
    for (_, event) in &eventful().journal {
        let Some(act) = audit::of(event) else { continue };
        let told = Value::Object(act.detail).to_string();
        for private in ["DE02120300000000202051", "new account", "as agreed", "PAY-1"] {
            assert!(!told.contains(private), "{}: {told}", act.action);
        }
    }
}
