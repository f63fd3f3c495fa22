//! Following a run: the same picture as its page, each time there is something new.

use std::time::Duration;

use database::Topic;
use domain::{Actor, RunId};
use tokio::sync::broadcast;

use super::RunShown;
use crate::{Platform, Result};

/// Follows one run. Rights are looked at again with every look at the run.
pub struct Watch {
    platform: Platform,
    actor: Actor,
    run: RunId,
    after: i64,
    announcements: broadcast::Receiver<database::Announcement>,
    over: bool,
}

/// Rights are looked at again after this long even if nothing happens.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Watch {
    /// The run as it is once there is something new; `None` after it was shown as over.
    ///
    /// # Errors
    /// The right to read it was lost, or the database does not answer.
    pub async fn next(&mut self) -> Result<Option<RunShown>> {
        if self.over {
            return Ok(None);
        }
        loop {
            self.actor = self.platform.renewed(&self.actor).await?;
            let shown = self.platform.run(&self.actor, self.run).await?;
            if shown.last_seq > self.after {
                self.after = shown.last_seq;
                self.over = shown.line.status.is_over();
                return Ok(Some(shown));
            }
            if shown.line.status.is_over() {
                return Ok(None);
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let relevant = async {
            loop {
                match self.announcements.recv().await {
                    Ok(heard) if heard.tenant != self.actor.tenant() => {}
                    Ok(heard) => {
                        if heard.topic == Topic::Run(self.run) || heard.topic == Topic::Access {
                            return;
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        // Whichever comes first: the look that follows is the same.
        let _either = tokio::time::timeout(LOOK_AGAIN, relevant).await;
    }
}

impl Platform {
    /// Follows a run from after journal number `after`.
    ///
    /// # Errors
    /// As for [`Platform::run`].
    pub async fn watch_run(&self, actor: &Actor, id: RunId, after: i64) -> Result<Watch> {
        let announcements = self.parts().database.announcements();
        // Right at the start as at every look: no stream begins for one who may not read.
        self.run(actor, id).await?;
        Ok(Watch { platform: self.clone(), actor: actor.clone(), run: id, after, announcements, over: false })
    }
}
