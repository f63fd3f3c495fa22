//! A call came back: the step gives its result, is tried again after a pause, or fails.

use std::time::Duration;

use serde_json::Value;

use super::{Draft, Refusal, proceed::proceed, stale};
use crate::{
    core::CallFailure,
    event::{Charge, Event, Failure},
    plan::Retry,
    run::{Progress, StepState},
};

/// The longest pause between two attempts, also when the other side asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// How a call came back.
pub(super) struct Answer {
    pub attempt: u32,
    pub result: Result<Value, CallFailure>,
    pub charge: Option<Charge>,
    pub chance: f64,
}

pub(super) fn finished(draft: &mut Draft<'_>, step: String, answer: Answer) -> Result<(), Refusal> {
    let Answer { attempt, result, charge, chance } = answer;
    // Not asked of the step that may act alone: an approval that became void meanwhile stands before this
    // step again, but what was sent comes back all the same.
    let in_flight = match &draft.run.step(&step).state {
        StepState::Calling(calling) => match &calling.progress {
            Progress::InFlight(dispatch) => Some(dispatch.attempt),
            Progress::Ready | Progress::Retrying { .. } => None,
        },
        _ => None,
    };
    if in_flight != Some(attempt) {
        return Err(stale("no such attempt is out"));
    }
    let Some((_, planned)) = draft.at(&step) else { return Err(Refusal::AnotherPlan) };
    match result {
        Ok(output) => draft.record(Event::StepCompleted { step, output, charge }),
        Err(CallFailure { failure, retry_after }) if failure.retryable && attempt < planned.retry.max_attempts => {
            let retry_at = draft.now.after(pause(&planned.retry, attempt, retry_after, chance));
            draft.record(Event::AttemptFailed { step, attempt, failure, retry_at, charge });
        }
        Err(CallFailure { failure, .. }) => {
            draft.fail_step(&step, Failure { retryable: false, ..failure }, charge);
        }
    }
    proceed(draft);
    Ok(())
}

/// The pause after an attempt: exponential from the first interval to the longest, more or less a share left
/// to chance, and never less than the other side asked for.
fn pause(retry: &Retry, attempt: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
    let doublings = f64::from(attempt.saturating_sub(1));
    let longest = retry.max_interval.as_secs_f64();
    let planned = (retry.initial_interval.as_secs_f64() * retry.factor.powf(doublings)).min(longest);
    let chance = if (0.0..=1.0).contains(&chance) { chance } else { 0.5 };
    let spread = 1.0 + retry.jitter.clamp(0.0, 1.0) * (2.0 * chance - 1.0);
    // Figures that are no duration (an overflow, not a number) mean the longest interval.
    let pause = Duration::try_from_secs_f64(planned * spread).unwrap_or(retry.max_interval);
    pause.max(retry_after.unwrap_or_default()).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(initial: u64, max: u64, factor: f64, jitter: f64) -> Retry {
        Retry {
            max_attempts: 5,
            initial_interval: Duration::from_millis(initial),
            max_interval: Duration::from_millis(max),
            factor,
            jitter,
        }
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let plan = retry(500, 3_000, 2.0, 0.0);
        let pauses: Vec<u128> = (1..=5).map(|attempt| pause(&plan, attempt, None, 0.9).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 3_000, 3_000]);
    }

    #[test]
    fn chance_moves_a_pause_within_its_share() {
        let plan = retry(1_000, 60_000, 2.0, 0.1);
        for (chance, millis) in [(0.0, 900), (0.5, 1_000), (1.0, 1_100), (f64::NAN, 1_000), (7.0, 1_000)] {
            assert_eq!(pause(&plan, 1, None, chance).as_millis(), millis, "{chance}");
        }
    }

    #[test]
    fn the_other_side_may_ask_for_more_but_not_for_ever() {
        let plan = retry(1_000, 60_000, 2.0, 0.0);
        for (asked, seconds) in [(0, 1), (30, 30), (90_000, 3_600)] {
            assert_eq!(pause(&plan, 1, Some(Duration::from_secs(asked)), 0.5).as_secs(), seconds);
        }
    }

    #[test]
    fn absurd_figures_still_give_a_pause() {
        for factor in [f64::INFINITY, f64::NAN, -3.0, 1e300] {
            let pause = pause(&retry(1_000, 60_000, factor, 0.1), 4_000_000_000, None, 0.5);
            assert!(pause <= LONGEST_PAUSE, "{factor}: {pause:?}");
        }
    }
}
