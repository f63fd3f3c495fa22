//! Token buckets against guessing: a key (an account, an address, everybody) may do something a few times at once
//! and then as often as its bucket fills.
//!
//! What the keys are and how large their buckets is for the caller. Taking commits as housekeeping.

use std::time::Duration;

use domain::Timestamp;

use crate::{Result, system, system_tx::SystemTx};

/// Parts that a token is counted in, so that a bucket fills evenly.
const PARTS: i64 = 1000;

/// How a bucket is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens in a full bucket, at least 1.
    pub capacity: u32,
    /// The time in which one token comes in.
    pub every: Duration,
}

/// What came of asking for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// One was there and is taken.
    Allowed,
    /// None was there; one will be after this time.
    Denied {
        /// The time to wait.
        retry_after: Duration,
    },
}

/// Takes a token out of the bucket of a key, in one statement: two who ask at once cannot take the same.
pub async fn take(tx: &mut SystemTx, key: &str, bucket: Bucket, now: Timestamp) -> Result<Taken> {
    let full = i64::from(bucket.capacity.max(1)) * PARTS;
    let micros_a_part = (i64::try_from(bucket.every.as_micros()).unwrap_or(i64::MAX) / PARTS).max(1);
    let taken = tx.query(&system::THROTTLE_TAKE).bind(key).bind(full).bind(now).bind(micros_a_part).bind(PARTS).rows().await?;
    if !taken.is_empty() {
        return Ok(Taken::Allowed);
    }
    let left = tx.query(&system::THROTTLE_LEFT).bind(key).rows().await?;
    let retry_after = match left.first() {
        Some(row) => {
            let (tokens, updated_at) = (row.i64("tokens")?, row.timestamp("updated_at")?);
            let missing = u64::try_from((PARTS - tokens).max(0)).unwrap_or(0);
            let fills_at = updated_at.after(Duration::from_micros(missing.saturating_mul(micros_a_part.unsigned_abs())));
            fills_at.since(now)
        }
        None => bucket.every,
    };
    Ok(Taken::Denied { retry_after })
}

/// Removes buckets that nobody took from since `before`: they are full again. Commits as housekeeping.
pub async fn delete_unused(tx: &mut SystemTx, before: Timestamp) -> Result<u64> {
    tx.query(&system::THROTTLE_DELETE_UNUSED).bind(before).execute().await
}
