//! What holds for every sequence of inputs, sensible or not.

use std::{collections::BTreeMap, time::Duration};

use domain::{ApprovalId, Money, entropy::SeededEntropy};
use proptest::prelude::*;
use serde_json::json;
use workflow::{
    Effect, Event, Input, Refusal, Run,
    core::CallFailure,
    event::{Decision, Park},
    evolve,
    run::End,
};

use crate::{
    desk::{Desk, charge, failure, started},
    plans::{With, ask, ask_and_go_on, get, log, plan, post, prompt, set, step},
};

/// Something that may happen; most fit what is owed, some do not.
#[derive(Debug, Clone)]
enum Happening {
    Continue,
    Timer,
    Crash,
    Dispatch,
    Answer { ok: bool, retryable: bool, late: bool, cost: i64 },
    Refuse,
    Park,
    Put,
    Decide { decision: u8, other_row: bool },
    Restart,
    Wait { hours: u8 },
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::Continue),
        1 => Just(Happening::Timer),
        2 => Just(Happening::Crash),
        12 => Just(Happening::Dispatch),
        12 => (prop::bool::weighted(0.7), any::<bool>(), prop::bool::weighted(0.1), -5_i64..1_000)
            .prop_map(|(ok, retryable, late, cost)| Happening::Answer { ok, retryable, late, cost: cost.max(0) }),
        1 => Just(Happening::Refuse),
        2 => Just(Happening::Park),
        8 => Just(Happening::Put),
        10 => (0_u8..8, prop::bool::weighted(0.1)).prop_map(|(decision, other_row)| Happening::Decide { decision, other_row }),
        1 => Just(Happening::Restart),
        2 => (0_u8..30).prop_map(|hours| Happening::Wait { hours }),
        1 => Just(Happening::Cancel),
    ]
}

fn example() -> workflow::Plan {
    workflow::Plan {
        time_limit: Some(Duration::from_hours(120)),
        ..plan(vec![
            step("read", get("https://a.example/x")).sets("page").tries(3),
            step("note", log("read {{ page.amount }}")),
            step("perhaps", ask_and_go_on("Look closer?")).when("page.amount > 3").sets("closer"),
            step("think", prompt("About {{ page.amount }}")).when("closer.decision == 'approved'").tries(2),
            step("ask", ask("Pay?")).sets("agreed"),
            step("pay", post("https://pay.example/payments", Some("desk"), json!({"amount": "{{ page.amount }}", "id": "{{ uuid() }}"})))
                .tries(2),
            step("say", set(json!({"decided_by": "{{ agreed.decided_by }}"}))),
        ])
    }
}

/// Lets it happen; refusals are fine.
fn happen(desk: &mut Desk, happening: &Happening) {
    let owed = desk.effects().into_iter().find_map(|effect| match effect {
        Effect::Call(call) => Some(call),
        _ => None,
    });
    let out = ["read", "think", "pay"].into_iter().find(|step| desk.state(step) == "in_flight");
    let refused_or_not = |desk: &mut Desk, input: Input| match desk.offer(input) {
        Ok(_) | Err(Refusal::Stale(_) | Refusal::Over) => {}
        Err(refusal) => panic!("{refusal}"),
    };
    match happening {
        Happening::Continue => refused_or_not(desk, Input::Continue),
        Happening::Timer => refused_or_not(desk, Input::Timer),
        Happening::Crash => {
            desk.run = desk.replayed();
            refused_or_not(desk, Input::Continue);
        }
        Happening::Dispatch => {
            if let Some(call) = owed {
                refused_or_not(desk, Desk::dispatched(&call));
            }
        }
        Happening::Answer { ok, retryable, late, cost } => {
            let step = out.unwrap_or("read");
            let attempt = desk.run.step(step).attempts + u32::from(*late);
            let failed = CallFailure { failure: failure("http_status", *retryable), retry_after: None };
            let result = if *ok { Ok(json!({"amount": cost % 7})) } else { Err(failed) };
            refused_or_not(desk, Input::Finished { step: step.to_owned(), attempt, result, charge: Some(charge(*cost)), chance: 0.3 });
        }
        Happening::Refuse => refused_or_not(desk, Input::Refused { step: "pay".to_owned(), failure: failure("denied", true) }),
        Happening::Park => {
            let step = owed.map_or_else(|| "read".to_owned(), |call| call.step);
            refused_or_not(desk, Input::Parked { step, park: Park::StarterRights { missing: "a right".to_owned() } });
        }
        Happening::Put => {
            if desk.effects().iter().any(|effect| matches!(effect, Effect::Ask { .. })) {
                desk.put();
            }
        }
        Happening::Decide { decision, other_row } => {
            let asked = ["ask", "perhaps"].into_iter().find_map(|step| desk.run.step(step).asked.clone());
            let Some(asked) = asked else { return };
            let row = if *other_row { ApprovalId::new(desk.now, &SeededEntropy::new(4_242)) } else { asked.approval };
            let decision = match decision {
                0..=4 => Decision::Approved,
                5 => Decision::Rejected,
                6 => Decision::Expired,
                _ => Decision::Voided,
            };
            refused_or_not(desk, Desk::ended(row, decision));
        }
        Happening::Restart => {
            let start = started(&desk.plan, json!({}));
            refused_or_not(desk, Input::Start(start));
        }
        Happening::Wait { hours } => desk.later(Duration::from_secs(u64::from(*hours) * 3_600)),
        Happening::Cancel => refused_or_not(desk, Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate: false }),
    }
}

fn charged(event: &Event) -> Money {
    match event {
        Event::StepCompleted { charge: Some(charge), .. }
        | Event::StepFailed { charge: Some(charge), .. }
        | Event::AttemptFailed { charge: Some(charge), .. } => charge.cost,
        _ => Money::ZERO,
    }
}

/// What must be true of a journal, whatever happened.
fn hold(desk: &Desk) {
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    let mut yes = false;
    let mut open: Option<(&str, u32)> = None;
    let mut over = false;
    for (_, event) in &desk.journal {
        assert!(!over, "nothing follows the end");
        match event {
            Event::StepStarted { step, idempotency_key, .. } => {
                let before = keys.insert(step, idempotency_key);
                assert!(before.is_none_or(|before| before == idempotency_key), "a step has one key");
            }
            Event::ApprovalEnded { step, decision, .. } if step == "ask" => yes = *decision == Decision::Approved,
            Event::Dispatched { step, attempt, dispatch, .. } => {
                assert!(step != "pay" || yes, "nothing is paid without a yes in force");
                assert!(
                    open.is_none_or(|(other, sent)| other == step && sent == *attempt && *dispatch > 1),
                    "one thing is out at a time; it may go out again"
                );
                open = Some((step, *attempt));
            }
            Event::AttemptFailed { .. } | Event::StepFailed { .. } | Event::StepCompleted { .. } => {
                if let Event::StepCompleted { step, .. } = event
                    && open.is_some_and(|(other, _)| other != step)
                {
                    continue;
                }
                open = None;
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => over = true,
            _ => {}
        }
    }
    let spent = desk.journal.iter().map(|(_, event)| charged(event).nanos()).sum::<i64>();
    assert_eq!(desk.run.spent(), Money::from_nanos(spent));
    assert_eq!(desk.run.is_over(), over);
    if over {
        assert_eq!(desk.effects(), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    // `offer` compares the replay of the whole journal, through its bytes, with the run after every input.
    #[test]
    fn replay_equals_live_and_what_must_hold_holds(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut desk = Desk::start(example(), json!({}));
        for happening in &happenings {
            happen(&mut desk, happening);
            hold(&desk);
        }
    }

    #[test]
    fn cancelling_ends_a_run_from_every_state(happenings in prop::collection::vec(happening(), 0..40)) {
        let mut desk = Desk::start(example(), json!({}));
        for happening in &happenings {
            happen(&mut desk, happening);
        }
        let over_before = desk.run.is_over();
        let cancelled = desk.offer(Input::Cancel { by: "dana@acme.test".to_owned(), reason: None, compensate: false });
        prop_assert_eq!(cancelled.is_err(), over_before);
        prop_assert!(desk.run.is_over());
        let was_cancelled = matches!(desk.run.end(), Some(End::Cancelled { .. }));
        prop_assert!(over_before || was_cancelled);
        prop_assert!(desk.run.waiting().next().is_none());
        hold(&desk);
    }

    #[test]
    fn a_world_that_answers_brings_every_run_to_its_end(happenings in prop::collection::vec(happening(), 0..30)) {
        let mut desk = Desk::start(example(), json!({}));
        for happening in &happenings {
            happen(&mut desk, happening);
        }
        for _ in 0..40 {
            if desk.run.is_over() {
                break;
            }
            match desk.effects().into_iter().next() {
                Some(Effect::Call(_)) => drop(desk.answer(json!({"amount": 5}))),
                Some(Effect::Ask { .. }) => {
                    desk.put();
                }
                Some(Effect::Expire { approval, .. }) => drop(desk.feed(Desk::ended(approval, Decision::Approved))),
                Some(Effect::Timer { .. } | Effect::Child { .. }) | None => {
                    prop_assert!(false, "nothing is owed and the run is {:?}", desk.run.phase());
                }
            }
        }
        prop_assert!(desk.run.is_over(), "{:?}", desk.trace());
        hold(&desk);
    }

    #[test]
    fn facts_in_any_order_fold_without_a_panic(
        happenings in prop::collection::vec(happening(), 0..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let mut desk = Desk::start(example(), json!({}));
        for happening in &happenings {
            happen(&mut desk, happening);
        }
        let mut run = Run::new();
        for index in &order {
            let (at, event) = index.get(&desk.journal);
            run = evolve(run, *at, event);
            // Deriving from a run that no decision made does not panic either.
            drop(workflow::pending(&desk.plan, &run));
            drop(workflow::decide(&desk.plan, &run, Input::Continue, desk.now));
        }
    }
}
