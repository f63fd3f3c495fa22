//! Sending what waits in the outbox: claimed, handed over, noted. A crash in between sends a mail twice, under the
//! same message id, and never not at all.

use std::{sync::Arc, time::Duration};

use database::{
    Announcement, Housekeeping, Topic,
    mail::{self, MailRow},
};
use domain::Timestamp;
use futures_util::future::join_all;
use tokio::sync::{
    Notify,
    broadcast::{Receiver, error::RecvError},
    watch,
};

use super::{
    courier::{Courier, NotSent, TIME_LIMIT},
    text::cut,
};
use crate::{Error, Platform, Result};

/// Mails taken in one claim; they are handed over at the same time.
const CLAIM: u32 = 8;
/// When a claimed mail is due again by itself: whoever took it has handed it over by then or is gone.
const CLAIMED_FOR: Duration = TIME_LIMIT.saturating_mul(6);
/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// After this long nobody waits for the mail any more (RFC 5321, 4.5.4.1, asks for four to five days).
const GIVE_UP_AFTER: Duration = Duration::from_hours(5 * 24);
/// The longest sleep when nothing is known to be due.
const LOOK: Duration = Duration::from_secs(30);
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// The pause before the next try, after this many.
fn pause(attempts: i64) -> Duration {
    let doublings = attempts.saturating_sub(1).clamp(0, 16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

impl Platform {
    /// Sends mails as they are written, until `stop` becomes true; what is being handed over then is finished.
    /// Without a mail server it returns at once and mails stay where they are.
    ///
    /// # Errors
    /// When the settings can never send a mail. A server that does not answer is no error.
    pub async fn deliver_forever(&self, mut stop: watch::Receiver<bool>) -> Result<()> {
        let Some(courier) = self.courier()? else { return Ok(()) };
        let mut announcements = self.parts().database.announcements();
        let moved = Arc::new(Notify::new());
        self.parts().clock.on_jump({
            let moved = Arc::clone(&moved);
            Box::new(move || moved.notify_one())
        });
        while !*stop.borrow_and_update() {
            let sleep = match self.deliver_with(&courier).await {
                Ok(next) => next.map_or(LOOK, |at| at.since(self.now()).clamp(Duration::from_millis(10), LOOK)),
                Err(error) => {
                    tracing::error!(%error, "the outbox could not be worked on: {error}");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = moved.notified() => {}
                () = written(&mut announcements) => {}
                changed = stop.changed() => if changed.is_err() { return Ok(()) },
            }
        }
        Ok(())
    }

    /// Sends what is due now, once, and gives when the next mail is due. Nothing without a mail server.
    ///
    /// # Errors
    /// As [`Platform::deliver_forever`], and when the database does not answer.
    pub async fn deliver_due(&self) -> Result<Option<Timestamp>> {
        match self.courier()? {
            Some(courier) => self.deliver_with(&courier).await,
            None => Ok(None),
        }
    }

    fn courier(&self) -> Result<Option<Courier>> {
        let Some(smtp) = &self.settings().smtp else { return Ok(None) };
        Courier::new(smtp, &self.mail_host()).map(Some).map_err(|error| Error::Broken(error.to_string()))
    }

    async fn deliver_with(&self, courier: &Courier) -> Result<Option<Timestamp>> {
        loop {
            let now = self.now();
            let next = mail::next_due(&mut self.parts().database.system_read().await?).await?;
            if next.is_none_or(|at| at > now) {
                return Ok(next);
            }
            let mut tx = self.parts().database.system().await?;
            let claimed = mail::claim_due(&mut tx, now, now.after(CLAIMED_FOR), CLAIM).await?;
            tx.housekeep(Housekeeping::Outbox).await?;
            let outcomes = join_all(claimed.iter().map(|mail| courier.hand_over(mail))).await;
            let mut tx = self.parts().database.system().await?;
            for (mail, outcome) in claimed.iter().zip(outcomes) {
                match outcome {
                    Ok(()) => {
                        mail::sent(&mut tx, mail.tenant, mail.id, self.now()).await?;
                    }
                    Err(reason) => {
                        let (reason, again) = self.after_failure(mail, reason);
                        mail::failed(&mut tx, mail.tenant, mail.id, &reason, again).await?;
                    }
                }
            }
            tx.housekeep(Housekeeping::Outbox).await?;
        }
    }

    /// What is noted of a failure, and when the mail is tried again.
    fn after_failure(&self, mail: &MailRow, reason: NotSent) -> (String, Option<Timestamp>) {
        let now = self.now();
        let (reason, again) = match reason {
            NotSent::Never(reason) => (reason, None),
            NotSent::Later(reason) => (reason, Some(now.after(pause(mail.attempts)))),
        };
        let again = again.filter(|_| now.since(mail.created_at) < GIVE_UP_AFTER);
        if let Some(at) = again {
            tracing::warn!(mail = %mail.id, "a mail could not be sent and is tried again at {at}: {reason}");
        } else {
            tracing::error!(mail = %mail.id, "a mail could not be sent and is given up: {reason}");
        }
        (cut(&reason, 500), again)
    }
}

/// Waits until somebody may have written a mail.
async fn written(announcements: &mut Receiver<Announcement>) {
    loop {
        match announcements.recv().await {
            Ok(announcement) if announcement.topic != Topic::Outbox => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_the_one_before_up_to_an_hour() {
        let seconds: Vec<u64> = [1, 2, 3, 7, 8, 100, i64::MAX].into_iter().map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 1920, 3600, 3600, 3600]);
    }
}
