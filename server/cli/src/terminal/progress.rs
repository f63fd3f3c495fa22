//! Something that moves while one waits: on a terminal alone, and only when it takes long enough to wonder.

use std::{
    future::Future,
    io::{self, Write},
    pin::pin,
    time::Duration,
};

use tokio::time::{Instant, interval_at};

use super::draws_progress;

/// From when on one wonders.
const AFTER: Duration = Duration::from_millis(300);
const EVERY: Duration = Duration::from_millis(120);
const FRAMES: [&str; 4] = ["-", "\\", "|", "/"];

fn draw(text: &str) {
    let mut terminal = io::stderr().lock();
    let _nobody_looks = write!(terminal, "\r\u{1b}[K{text}").and_then(|()| terminal.flush());
}

/// Does the work, and shows meanwhile what it is if anybody looks on.
pub(crate) async fn while_waiting<T>(is_quiet: bool, what: &str, work: impl Future<Output = T>) -> T {
    if is_quiet || !draws_progress() {
        return work.await;
    }
    let begun = Instant::now();
    let mut work = pin!(work);
    let mut ticks = interval_at(begun + AFTER, EVERY);
    let mut frames = FRAMES.iter().cycle();
    let mut is_drawn = false;
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = ticks.tick() => {
                let frame = frames.next().copied().unwrap_or_default();
                draw(&format!("{frame} {what} ({} s)", begun.elapsed().as_secs()));
                is_drawn = true;
            }
        }
    };
    if is_drawn {
        draw("");
    }
    done
}
