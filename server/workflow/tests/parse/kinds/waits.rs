//! `wait` in all its modes.

use std::time::Duration;

use serde_json::json;
use workflow::plan::{AfterExpiry, Approver, Expiry, FormKind, StepKind, TemplateValue, WaitStep};

use crate::{errors, hints, only_kind, step};

fn wait(yaml: &str) -> WaitStep {
    match only_kind(&step(&format!("id: a\ntype: wait\n{yaml}"))) {
        StepKind::Wait(wait) => wait,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_mode_reads_what_it_waits_for() {
    let never = Expiry { after: None, then: AfterExpiry::Stop };
    assert_eq!(wait("mode: duration\nduration: 5m"), WaitStep::Duration { duration: TemplateValue::Literal(json!("5m")) });
    assert!(matches!(wait("mode: duration\nduration: \"{{ run.number }}\""), WaitStep::Duration { duration: TemplateValue::Template(_) }));
    assert!(
        matches!(wait("mode: until\nuntil: 2026-01-31T09:00:00Z"), WaitStep::Until { until } if until.source() == "2026-01-31T09:00:00Z")
    );
    assert!(matches!(wait("mode: signal\nsignal: go"), WaitStep::Signal { signal, expiry } if signal.source() == "go" && expiry == never));
    let expires = Expiry { after: Some(Duration::from_hours(1)), then: AfterExpiry::Continue };
    let hook = wait("mode: webhook\nwebhook_path: deliveries/new\nexpires_in: 1h\non_expiry: continue");
    assert!(matches!(hook, WaitStep::Webhook { path, expiry } if path.source() == "deliveries/new" && expiry == expires));
    let form = wait(
        "mode: form\nfields: {go: {type: select, options: [a, b], required: true}}\napprovers: [role:approver]\nexpires_in: 1h\non_expiry: continue",
    );
    let WaitStep::Form { fields, approvers, expiry } = form else { panic!("{form:?}") };
    assert_eq!((fields[0].kind, fields[0].required, expiry), (FormKind::Select, true, expires));
    assert_eq!(approvers, [Approver::Role("approver".into())]);
}

#[test]
fn whoever_may_approve_fills_in_a_form_that_names_nobody() {
    let WaitStep::Form { approvers, .. } = wait("mode: form\nfields: {go: {type: boolean}}") else { panic!("it is a form") };
    assert_eq!(approvers, [Approver::Anyone]);
}

#[test]
fn a_sleep_is_a_wait() {
    let sleep = only_kind(&step("id: a\naction: workflow.sleep\ninputs: {duration: 5m}"));
    assert_eq!(sleep, StepKind::Wait(wait("mode: duration\nduration: 5m")));
    errors(
        &step("id: a\naction: workflow.sleep"),
        &["6:9+14 key_missing [a] `workflow.sleep` needs `duration`; add `duration:` below `inputs`, such as `duration: 30s`"],
    );
}

#[test]
fn one_key_that_says_what_is_waited_for_says_the_mode_too() {
    hints(
        &step("id: a\ntype: wait\nwebhookPath: back\nexpiresIn: 5m"),
        &[
            "6:7+4 mode_missing [a] no mode is given: this waits with `mode: webhook`; add `mode: webhook`",
            "7:1+11 other_spelling [a] `webhookPath` is read as `webhook_path`; write `webhook_path`",
            "8:1+9 other_spelling [a] `expiresIn` is read as `expires_in`; write `expires_in`",
        ],
    );
}

#[test]
fn a_wait_that_means_nothing_is_refused_at_its_place() {
    let modes = "it is one of `duration`, `until`, `webhook`, `form`, `signal`";
    for (yaml, expected) in [
        ("", format!("6:7+4 key_missing [a] a `wait` needs `mode`; {modes}")),
        ("duration: 5m\nsignal: go", format!("6:7+4 key_missing [a] a `wait` needs `mode`; {modes}")),
        ("mode: later\nsignal: go\nexpires_in: 5m", format!("7:7+5 unknown_value [a] `later` is no value of `mode`; {modes}")),
        ("mode: duration", "6:7+4 key_missing [a] this wait needs `duration`; add `duration:`, such as `duration: 5m`".to_owned()),
        (
            "mode: duration\nduration: soon",
            "8:11+4 wrong_type [a] `duration` is a time such as `500ms`, `30s`, `5m`, `1h` or `7d`, not `soon`".to_owned(),
        ),
        ("mode: duration\nduration: 0s", "8:11+2 out_of_range [a] `duration` has to be longer than nothing".to_owned()),
        (
            "mode: until\nuntil: tomorrow",
            "8:8+8 wrong_type [a] `until` is a moment such as `2026-01-31T09:00:00Z`, not `tomorrow`".to_owned(),
        ),
        ("mode: signal\nsignal: \"go: now\"", "8:9+9 invalid_name [a] the name of a signal is a text without a colon".to_owned()),
        ("mode: webhook\nwebhook_path: a b", "8:15+3 invalid_path [a] a path is made of letters, digits, `-`, `_`, `.` and `/`".to_owned()),
        ("mode: form\nfields: {}", "8:9+1 value_missing [a] `fields` asks for nothing".to_owned()),
        (
            "mode: signal\nsignal: go\non_expiry: continue",
            "9:1+9 no_meaning [a] `on_expiry` has no meaning here: this waits as long as it takes; add `expires_in:`, how long it waits"
                .to_owned(),
        ),
        (
            "mode: signal\nsignal: go\nduration: 5m",
            "9:1+8 no_meaning [a] `duration` has no meaning here: this waits with `mode: signal`".to_owned(),
        ),
        (
            "mode: signal\nsignal: go\napprovers: [role:a]",
            "9:1+9 no_meaning [a] `approvers` has no meaning here: this waits with `mode: signal`".to_owned(),
        ),
        (
            "mode: duration\nduration: 5m\ntimeout: 5m",
            "9:1+7 no_meaning [a] `timeout` has no meaning here: a wait waits; say with `expires_in` how long it waits".to_owned(),
        ),
        (
            "mode: duration\nduration: 5m\nretry: {}",
            "9:1+5 no_meaning [a] `retry` has no meaning here: a wait costs nothing and calls nobody".to_owned(),
        ),
        (
            "mode: duration\nduration: 5m\nexpires_in: 5m",
            "9:1+10 no_meaning [a] `expires_in` has no meaning here: this waits with `mode: duration`".to_owned(),
        ),
    ] {
        errors(&step(&format!("id: a\ntype: wait\n{yaml}")), &[&expected]);
    }
}
