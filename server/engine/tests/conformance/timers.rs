//! Pauses are durable: they pass by the clock that was handed in, with or without a driver that is awake.

use std::time::Duration;

use crate::{
    host::Act,
    house::{COMPLETED, House},
    on_every_driver,
};

async fn a_failed_attempt_is_made_again_after_its_pause(house: House) {
    house.script.next("second", &[Act::FailForNow]);
    let driver = house.driver();
    let run = house.start(&house.acme).await;
    house.until(&house.acme, run, |row| row.last_seq >= 7).await;
    assert_eq!(house.script.performed().len(), 2, "not before its time");
    house.clock.advance(Duration::from_secs(61));
    assert_eq!(house.over(&house.acme, run).await.facts.status, COMPLETED);
    let attempts: Vec<u32> = house.script.performed().into_iter().filter(|call| call.step == "second").map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2]);
    driver.stopped().await;
}

async fn a_pause_survives_a_restart(house: House) {
    house.script.next("second", &[Act::FailForNow]);
    let first = house.driver();
    let run = house.start(&house.acme).await;
    house.until(&house.acme, run, |row| row.last_seq >= 7).await;
    first.stopped().await;
    house.clock.advance(Duration::from_secs(61));
    let second = house.driver();
    assert_eq!(house.over(&house.acme, run).await.facts.status, COMPLETED);
    second.stopped().await;
}

on_every_driver!(a_failed_attempt_is_made_again_after_its_pause, a_pause_survives_a_restart);
