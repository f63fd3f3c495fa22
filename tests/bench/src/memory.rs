//! Resident memory of this process: idle, and with many runs that wait for approval.

use std::{fs, sync::Arc, time::Duration};

use domain::machine::{OsEntropy, SystemClock};
use engine::{Driver, Embedded, EmbeddedSettings};
use platform::execution::Execution;
use tokio::sync::watch;

use crate::fixture::{Engine, Fixture, WAITS};

fn resident_mib() -> f64 {
    resident_mib_of("self")
}

/// Resident memory of a process, in MiB, by its number or `self`.
pub fn resident_mib_of(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Starts that many runs that wait, and prints what memory they take.
pub async fn measure(runs: usize) {
    let fixture = Arc::new(Fixture::new(Engine::Sqlite, WAITS).await);
    let driver = Embedded::new(
        fixture.platform.database().clone(),
        Arc::new(Execution::new(fixture.platform.clone())),
        Arc::new(SystemClock),
        Arc::new(OsEntropy),
        EmbeddedSettings::default(),
    );
    let (stop, stopped) = watch::channel(false);
    let driver = tokio::spawn(async move { driver.work(stopped).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = resident_mib();
    let started = std::time::Instant::now();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move {
                for _ in 0..runs / 50 {
                    fixture.start().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    loop {
        let waiting = fixture.platform.pending_approvals(&fixture.actor, 1).await.unwrap();
        let all = fixture.platform.waiting_runs(&fixture.actor).await.unwrap();
        if !waiting.is_empty() && all >= runs as i64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "memory: {:.0} MiB resident idle, {:.0} MiB with {runs} runs waiting for approval (all accepted and waiting after {:.1} s)",
        before,
        resident_mib(),
        started.elapsed().as_secs_f64()
    );
    stop.send(true).unwrap();
    driver.await.unwrap();
}
