//! One run has one driver: what a driver that lost its lease still has to say is not written.

use std::time::Duration;

use workflow::Event;

use crate::{
    host::Act,
    house::{COMPLETED, House},
    on_every_driver,
};

async fn a_late_answer_of_a_lost_lease_is_not_recorded(house: House) {
    house.script.next("first", &[Act::Hang]);
    let slow = house.driver();
    let run = house.start(&house.acme).await;
    house.script.began(1).await;
    // The lease runs out while the driver hangs in the call, and another node takes the run.
    house.clock.advance(Duration::from_hours(1));
    assert_eq!(house.steal("another node").await, 1);
    let before = house.journal(&house.acme, run).await;
    house.script.let_go();
    let other = house.start(&house.globex).await;
    assert_eq!(house.over(&house.globex, other).await.facts.status, COMPLETED, "the driver goes on with other runs");
    assert_eq!(house.journal(&house.acme, run).await, before, "and has written nothing of the one it lost");
    slow.stopped().await;
}

async fn two_drivers_share_the_runs_and_perform_each_step_once(house: House) {
    let (one, other) = (house.driver(), house.driver());
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(house.start(&house.acme).await);
    }
    for run in runs {
        assert_eq!(house.over(&house.acme, run).await.facts.status, COMPLETED);
        let completed = house.journal(&house.acme, run).await.iter().filter(|event| matches!(event, Event::StepCompleted { .. })).count();
        assert_eq!(completed, 2);
    }
    let mut performed = house.script.performed();
    performed.sort();
    performed.dedup();
    assert_eq!(performed.len(), house.script.performed().len(), "no step was performed twice");
    one.stopped().await;
    other.stopped().await;
}

async fn a_killed_driver_loses_nothing(house: House) {
    house.script.next("second", &[Act::Hang]);
    let first = house.driver();
    let run = house.start(&house.acme).await;
    house.script.began(2).await;
    first.killed().await;
    // Where others may be alive, a lease is waited for.
    house.clock.advance(Duration::from_mins(1));
    let second = house.driver();
    assert_eq!(house.over(&house.acme, run).await.facts.status, COMPLETED);
    let performed = house.script.performed();
    assert_eq!(performed.iter().filter(|call| call.step == "first").count(), 1, "what was recorded does not run again");
    let second_step: Vec<_> = performed.iter().filter(|call| call.step == "second").collect();
    assert_eq!(second_step.len(), 2);
    assert_eq!(second_step[0].key, second_step[1].key);
    second.stopped().await;
}

on_every_driver!(
    a_late_answer_of_a_lost_lease_is_not_recorded,
    two_drivers_share_the_runs_and_perform_each_step_once,
    a_killed_driver_loses_nothing,
);
