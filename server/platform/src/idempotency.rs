//! Requests that are done once, however often they are sent under the same key.
//!
//! A door asks [`Platform::once`] before it calls a verb, with an actor who carries the key; the verb's own commit
//! remembers that the change was made, or refuses when another one was faster. The answer follows in
//! [`Platform::remember_answer`], and is given again to whoever repeats the request.

use std::time::Duration;

use database::{Housekeeping, idempotency as rows};
use domain::{Actor, Once, Problem};

use crate::{Platform, Result};

pub use database::idempotency::Answer;

/// How long a request is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_hours(24);
/// The longest key, in bytes.
pub const LONGEST_KEY: usize = 255;

/// What to do with a request that came with a key.
#[derive(Debug)]
pub enum Doing {
    /// It is the first: do it as this actor.
    Now(Actor),
    /// It was done: answer this again.
    Before(Answer),
}

fn read_key(key: &str) -> Result<&str, Problem> {
    let is_key = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|sign| sign.is_ascii_graphic() || sign == b' ');
    if is_key {
        return Ok(key);
    }
    Err(Problem::new(400, "idempotency_key_invalid", format!("An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters.")))
}

impl Platform {
    /// Whether a request was done before under this key; `digest` is SHA-256 of everything it asks for.
    ///
    /// # Errors
    /// 400 for a key that is none, 409 when the change was made and its answer was lost, 422 when something else was
    /// asked for under the same key.
    pub async fn once(&self, actor: Actor, key: &str, digest: [u8; 32]) -> Result<Doing> {
        let key = read_key(key)?;
        let Some(person) = actor.person() else { return Ok(Doing::Now(actor)) };
        let now = self.now();
        let mut tx = self.parts().database.read(&actor).await?;
        let known = rows::find(&mut tx, person, key, now).await?;
        drop(tx);
        let Some(known) = known else {
            let once = Once { key: key.to_owned(), digest, at: now, expires_at: now.after(REMEMBERED_FOR) };
            return Ok(Doing::Now(actor.doing_once(once)));
        };
        if known.digest != digest {
            return Err(Problem::new(
                422,
                "idempotency_key_reused",
                "Something else was asked for under this Idempotency-Key before. Take a new key for every new request.",
            )
            .into());
        }
        known.answer.map(Doing::Before).ok_or_else(|| {
            Problem::conflict(
                "idempotency_answer_lost",
                format!(
                    "This was carried out by the request {}, and its answer was lost. The audit log shows under that id what it changed.",
                    known.request
                ),
            )
            .into()
        })
    }

    /// Remembers the answer to a request that was done, for those who repeat it.
    pub async fn remember_answer(&self, actor: &Actor, answer: &Answer) -> Result<()> {
        let (Some(person), Some(once)) = (actor.person(), actor.once()) else { return Ok(()) };
        // What was asked for may have changed what the asker may.
        let actor = self.renewed(actor).await?;
        let mut tx = self.parts().database.write(&actor).await?;
        rows::answered(&mut tx, person, once, answer).await?;
        Ok(tx.housekeep(Housekeeping::Idempotency).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_short_line_of_plain_signs() {
        for key in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a key", &"x".repeat(LONGEST_KEY)] {
            assert_eq!(read_key(key), Ok(key));
        }
        for wrong in ["", "a\n", "ä", &"x".repeat(LONGEST_KEY + 1)] {
            assert!(read_key(wrong).is_err(), "{wrong}");
        }
    }
}
