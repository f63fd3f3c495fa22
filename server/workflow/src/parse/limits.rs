//! What may be spent, and how often something is tried.

use domain::Money;

use super::{
    diagnostic::Report,
    fields::{Fields, required},
    scalar,
    yaml::Entry,
};
use crate::plan::{OnLimit, Per, Retry, StepOrRunBudget};

/// The most attempts that can be asked for.
const MAX_ATTEMPTS: i64 = 100;
/// The attempts of a `retry` that does not say how many.
const ATTEMPTS: u32 = 3;

/// The `budget` of the front matter.
pub(super) fn budget(report: &mut Report, entry: &Entry) -> Option<StepOrRunBudget> {
    let (limit, per, on_limit) = read_budget(report, entry)?;
    Some(StepOrRunBudget { limit, per: per.map_or(Per::Run, |(_, per)| per), on_limit })
}

/// The `budget` of a step, and what happens at it.
pub(super) fn step_budget(report: &mut Report, entry: &Entry) -> Option<(Money, OnLimit)> {
    let (limit, per, on_limit) = read_budget(report, entry)?;
    if let Some((entry, Per::Run)) = per {
        report.error_with(
            entry.node.place,
            "unknown_value",
            "the budget of a step is for that step alone",
            "put the budget of the run into the front matter".to_owned(),
        );
        return None;
    }
    Some((limit, on_limit))
}

/// A budget as it is written: the limit, the `per` with its entry, and what happens at the limit.
type Written<'n> = (Money, Option<(&'n Entry, Per)>, OnLimit);

fn read_budget<'n>(report: &mut Report, entry: &'n Entry) -> Option<Written<'n>> {
    if let Some(scalar) = entry.node.scalar().filter(|scalar| !scalar.is_null()) {
        let help = Money::from_dollars(&scalar.text).is_ok().then(|| format!("write `budget: {{limit: {}}}`", scalar.text));
        report.error_with(entry.node.place, "wrong_type", "`budget` is a mapping with a `limit`", help);
        return None;
    }
    let mut fields = Fields::of(report, "budget", &entry.node)?;
    let limit = fields.take(report, "limit", &["max_cost_usd"]);
    let per = fields.take(report, "per", &[]);
    let words = [("run", Per::Run), ("step", Per::Step)];
    let per = per.and_then(|entry| Some((entry, scalar::word(report, "per", &entry.node, &words, &[])?)));
    let words = [OnLimit::Block, OnLimit::Ask, OnLimit::Warn, OnLimit::Cheaper].map(|limit| (limit.word(), limit));
    let on_limit = fields.take(report, "on_limit", &[]).map(|entry| scalar::word(report, "on_limit", &entry.node, &words, &[]));
    fields.finish(report, "a budget");
    let Some(limit) = limit else {
        required(report, entry.key_place, "limit", "a budget", "add the most it may cost in US dollars, such as `limit: 0.25`".to_owned());
        return None;
    };
    let on_limit = match on_limit {
        Some(on_limit) => on_limit?,
        None => OnLimit::default(),
    };
    Some((scalar::money(report, &limit.key, &limit.node)?, per, on_limit))
}

/// How often a step is tried: its own `retry` or `max_retries`, else what the file says for all. `None` when
/// what is written cannot be read.
pub(super) fn retry(report: &mut Report, fields: &mut Fields<'_>, default_retries: Option<u32>) -> Option<Retry> {
    let retry = fields.take(report, "retry", &[]);
    let retries = fields.take(report, "max_retries", &[]);
    match (retry, retries) {
        (Some(_), Some(retries)) => {
            report.error_with(
                retries.key_place,
                "duplicate_key",
                "`max_retries` and `retry` say the same",
                "keep `retry`; its `max_attempts` counts the first attempt too".to_owned(),
            );
            None
        }
        (Some(entry), None) => read_retry(report, entry),
        (None, Some(entry)) => max_retries(report, entry).map(after_retries),
        (None, None) => Some(default_retries.map_or(Retry::ONCE, after_retries)),
    }
}

/// The `max_retries` of a step or of the file: attempts after the first.
pub(super) fn max_retries(report: &mut Report, entry: &Entry) -> Option<u32> {
    scalar::integer(report, &entry.key, &entry.node, 0..=MAX_ATTEMPTS - 1).and_then(|retries| u32::try_from(retries).ok())
}

const fn after_retries(retries: u32) -> Retry {
    Retry { max_attempts: retries.saturating_add(1), ..Retry::ONCE }
}

fn read_retry(report: &mut Report, entry: &Entry) -> Option<Retry> {
    if let Some(scalar) = entry.node.scalar().filter(|scalar| !scalar.is_null()) {
        let help = scalar.text.parse::<u32>().is_ok().then(|| format!("write `retry: {{max_attempts: {}}}`", scalar.text));
        report.error_with(entry.node.place, "wrong_type", "`retry` is a mapping such as `{max_attempts: 3}`", help);
        return None;
    }
    let mut fields = Fields::of(report, "retry", &entry.node)?;
    let attempts = fields.take(report, "max_attempts", &[]);
    let attempts = attempts.and_then(|entry| scalar::integer(report, &entry.key, &entry.node, 1..=MAX_ATTEMPTS));
    let initial = fields.take(report, "initial_interval", &[]);
    let initial_interval = initial.and_then(|entry| scalar::duration(report, &entry.key, &entry.node));
    let initial_interval = initial_interval.unwrap_or(Retry::ONCE.initial_interval);
    let max = fields.take(report, "max_interval", &[]).and_then(|entry| scalar::duration(report, &entry.key, &entry.node));
    let factor = fields.take(report, "factor", &[]).and_then(|entry| scalar::number(report, &entry.key, &entry.node, 1.0..=100.0));
    let jitter = fields.take(report, "jitter", &[]).and_then(|entry| scalar::number(report, &entry.key, &entry.node, 0.0..=1.0));
    fields.finish(report, "`retry`");
    let retry = Retry {
        max_attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(ATTEMPTS),
        initial_interval,
        // A long first pause lengthens the longest one, unless that is written too.
        max_interval: max.unwrap_or_else(|| Retry::ONCE.max_interval.max(initial_interval)),
        factor: factor.unwrap_or(Retry::ONCE.factor),
        jitter: jitter.unwrap_or(Retry::ONCE.jitter),
    };
    if let Some(entry) = initial.filter(|_| retry.initial_interval > retry.max_interval) {
        report.error(entry.node.place, "out_of_range", "`initial_interval` is longer than `max_interval`");
        return None;
    }
    Some(retry)
}
