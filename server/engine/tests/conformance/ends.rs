//! Every accepted run ends, and a poisoned one stops only itself.

use workflow::Event;

use crate::{
    host::Act,
    house::{COMPLETED, House},
    on_every_driver,
};

async fn an_accepted_run_is_completed(house: House) {
    let driver = house.driver();
    let run = house.start(&house.acme).await;
    assert_eq!(house.over(&house.acme, run).await.facts.status, COMPLETED);
    assert_eq!(house.script.performed().len(), 2);
    driver.stopped().await;
}

async fn runs_accepted_before_the_driver_starts_are_completed(house: House) {
    let mut runs = Vec::new();
    for _ in 0..10 {
        runs.push((house.acme.clone(), house.start(&house.acme).await));
        runs.push((house.globex.clone(), house.start(&house.globex).await));
    }
    let driver = house.driver();
    for (tenant, run) in runs {
        assert_eq!(house.over(&tenant, run).await.facts.status, COMPLETED);
    }
    assert_eq!(house.script.performed().len(), 40, "each step of each run once");
    driver.stopped().await;
}

async fn a_step_that_panics_fails_its_own_run_alone(house: House) {
    house.script.next("first", &[Act::Panic]);
    let driver = house.driver();
    let broken = house.start(&house.acme).await;
    assert_eq!(house.over(&house.acme, broken).await.error.unwrap()["code"], "internal");
    let healthy = house.start(&house.acme).await;
    assert_eq!(house.over(&house.acme, healthy).await.facts.status, COMPLETED);
    driver.stopped().await;
}

async fn cancelling_stops_a_call_that_is_out(house: House) {
    house.script.next("first", &[Act::Hang]);
    let driver = house.driver();
    let run = house.start(&house.acme).await;
    house.script.began(1).await;
    house.cancel(&house.acme, run).await;
    let over = house.over(&house.acme, run).await;
    assert_eq!(over.facts.status.name(), "cancelled");
    assert_eq!(house.script.performed().len(), 1, "nothing follows");
    driver.stopped().await;
}

async fn a_driver_that_was_told_to_stop_hands_its_runs_to_the_next(house: House) {
    house.script.next("first", &[Act::Hang]);
    let first = house.driver();
    let run = house.start(&house.acme).await;
    house.script.began(1).await;
    first.stopped().await;
    let second = house.driver();
    assert_eq!(house.over(&house.acme, run).await.facts.status, COMPLETED);
    let sent: Vec<_> = house.script.performed().into_iter().filter(|call| call.step == "first").collect();
    assert_eq!(sent.len(), 2, "it was out and nobody knew how it ended, so it was sent again");
    assert_eq!(sent[0].key, sent[1].key);
    assert_eq!((sent[0].dispatch, sent[1].dispatch), (1, 2));
    let completed = house.journal(&house.acme, run).await;
    let completed = completed.iter().filter(|event| matches!(event, Event::StepCompleted { step, .. } if step == "first")).count();
    assert_eq!(completed, 1);
    second.stopped().await;
}

on_every_driver!(
    an_accepted_run_is_completed,
    runs_accepted_before_the_driver_starts_are_completed,
    a_step_that_panics_fails_its_own_run_alone,
    cancelling_stops_a_call_that_is_out,
    a_driver_that_was_told_to_stop_hands_its_runs_to_the_next,
);
