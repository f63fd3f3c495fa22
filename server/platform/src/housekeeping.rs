//! What has to be cleared away now and then: ended sessions, remembered requests, buckets that are full again, mails that were sent, and
//! denials that were counted.
//!
//! Nothing here is ever needed for an answer to be right; who is late with it only keeps more than needed.

use std::time::Duration;

use database::{Housekeeping, idempotency, mail, person_links, sessions, throttle};
use tokio::sync::watch;

use crate::{Platform, Result};

const EVERY: Duration = Duration::from_mins(1);
/// Sent mails hold links: they are kept for a day, to answer why somebody got none.
const SENT_MAIL: Duration = Duration::from_hours(24);
/// The longest any bucket takes to fill is far below this.
const UNUSED_BUCKET: Duration = Duration::from_hours(24);

impl Platform {
    /// Keeps the house once a minute until `stop` becomes true.
    pub async fn keep_house_forever(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            if let Err(error) = self.keep_house().await {
                tracing::error!(%error, "the house could not be kept and is again in a minute: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Clears away what has ended, and records counted denials.
    pub async fn keep_house(&self) -> Result<()> {
        self.sum_up_denials().await?;
        let now = self.now();
        let mut tx = self.parts().database.system().await?;
        sessions::delete_ended(&mut tx, now, now.before(self.settings().session_idle)).await?;
        tx.housekeep(Housekeeping::Sessions).await?;
        let mut tx = self.parts().database.system().await?;
        person_links::delete_expired(&mut tx, now).await?;
        tx.housekeep(Housekeeping::Links).await?;
        let mut tx = self.parts().database.system().await?;
        idempotency::delete_ended(&mut tx, now).await?;
        tx.housekeep(Housekeeping::Idempotency).await?;
        let mut tx = self.parts().database.system().await?;
        mail::delete_sent(&mut tx, now.before(SENT_MAIL)).await?;
        tx.housekeep(Housekeeping::Outbox).await?;
        let mut tx = self.parts().database.system().await?;
        throttle::delete_unused(&mut tx, now.before(UNUSED_BUCKET)).await?;
        Ok(tx.housekeep(Housekeeping::Throttle).await?)
    }
}
