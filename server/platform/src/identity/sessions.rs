//! Sessions: what a cookie opens, one's own list of them, and knowing that one ended while a page is followed live.
//!
//! What an admin of a tenant may end of other members' sessions is in `members::sessions`.

use std::time::Duration;

use database::{
    Announcement, Housekeeping, Topic,
    people::PersonStatus,
    sessions::{self as rows, SignedIn},
    tenants,
};
use domain::{Problem, RequestFacts, SessionId, TenantId, Timestamp, audit::AuditEvent};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use vault::Token;

use super::{commit, for_each_tenant, person_in_log};
use crate::{Platform, Result};

/// How exactly it is known when a session was last used.
const TOUCH_EVERY: Duration = Duration::from_mins(1);
/// A session that a live page is followed with is looked at again after this long, even if nobody says that it ended.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// One of one's own sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionShown {
    /// Its id.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub is_this_one: bool,
    /// When it was signed in.
    pub signed_in_at: Timestamp,
    /// When it was last used, within a minute or so.
    pub last_seen_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
    /// The address it was signed in from.
    pub address: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

impl Platform {
    /// The person a cookie stands for; nobody when it opens no session, or one that has ended.
    pub async fn session(&self, cookie: &str) -> Result<Option<SignedIn>> {
        let Some(token) = Token::parse(cookie) else { return Ok(None) };
        let mut tx = self.parts().database.system_read().await?;
        let Some(signed_in) = rows::find_by_token(&mut tx, &token.hash()).await? else { return Ok(None) };
        drop(tx);
        let now = self.now();
        if !self.still_holds(&signed_in, now) {
            return Ok(None);
        }
        if now.since(signed_in.session.last_seen_at) >= TOUCH_EVERY
            && let Err(error) = self.touch(signed_in.session.id, now).await
        {
            // Whoever only reads is not held up by a writer that does not answer.
            tracing::warn!(%error, "the use of a session could not be noted: {error}");
        }
        Ok(Some(signed_in))
    }

    /// Whether a session that was found is good: its person may sign in, and neither limit is passed.
    fn still_holds(&self, signed_in: &SignedIn, now: Timestamp) -> bool {
        signed_in.status == PersonStatus::Active && self.is_running(&signed_in.session, signed_in.idle_minutes, now)
    }

    /// Whether neither limit of a session is passed; `idle_minutes` is what tenants say, below what the operator does.
    pub(crate) fn is_running(&self, session: &rows::SessionRow, idle_minutes: Option<i64>, now: Timestamp) -> bool {
        let tenants = idle_minutes.and_then(|minutes| u64::try_from(minutes).ok()).map_or(Duration::MAX, Duration::from_mins);
        now < session.expires_at && now.since(session.last_seen_at) < self.settings().session_idle.min(tenants)
    }

    /// Follows whether a session goes on opening a tenant.
    pub fn session_reach(&self, session: SessionId, tenant: TenantId) -> SessionReach {
        SessionReach { platform: self.clone(), session, tenant, announcements: self.parts().database.announcements() }
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<()> {
        let mut tx = self.parts().database.system().await?;
        rows::touch(&mut tx, session, now).await?;
        Ok(tx.housekeep(Housekeeping::Sessions).await?)
    }

    /// The form token of the session a cookie opens; nothing for a text that is no cookie of ours.
    pub fn csrf_token(&self, cookie: &str) -> Option<String> {
        Token::parse(cookie).map(|token| vault::csrf_token(self.keyring(), &token))
    }

    /// Whether a form was made for the session this cookie opens.
    pub fn csrf_matches(&self, cookie: &str, sent: &str) -> bool {
        Token::parse(cookie).is_some_and(|token| vault::csrf_matches(self.keyring(), &token, sent))
    }

    /// The person's sessions that have not ended, the one used last first.
    pub async fn own_sessions(&self, signed_in: &SignedIn) -> Result<Vec<SessionShown>> {
        let mut tx = self.parts().database.system_read().await?;
        let (sessions, now) = (rows::of_person(&mut tx, signed_in.session.person).await?, self.now());
        let idle = signed_in.idle_minutes;
        let shown = |row: rows::SessionRow| SessionShown {
            is_this_one: row.id == signed_in.session.id,
            id: row.id,
            signed_in_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            address: row.address,
            agent: row.agent,
        };
        Ok(sessions.into_iter().filter(|row| self.is_running(row, idle, now)).map(shown).collect())
    }

    /// Ends one of the person's sessions.
    ///
    /// # Errors
    /// Not found when they have no such session, whoever else may have it.
    pub async fn revoke_session(&self, signed_in: &SignedIn, session: SessionId, request: &RequestFacts) -> Result<()> {
        let person = signed_in.session.person;
        let mut tx = self.parts().database.system().await?;
        if !rows::delete(&mut tx, person, session).await? {
            return Err(Problem::not_found("session").into());
        }
        rows::announce_end(&mut tx, person).await?;
        let tenancies = tenants::of_person(&mut tx, person).await?;
        let event = AuditEvent::done("auth.logout", "user", person, &signed_in.email)
            .with("session", session.to_string())
            .with("by_session", signed_in.session.id.to_string());
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person, &signed_in.email, request), &event)).await
    }

    /// Ends all of the person's sessions but the one that asks, and gives how many.
    pub async fn revoke_other_sessions(&self, signed_in: &SignedIn, request: &RequestFacts) -> Result<u64> {
        let person = signed_in.session.person;
        let mut tx = self.parts().database.system().await?;
        let ended = rows::delete_all(&mut tx, person, Some(signed_in.session.id)).await?;
        if ended == 0 {
            return Ok(0);
        }
        rows::announce_end(&mut tx, person).await?;
        let tenancies = tenants::of_person(&mut tx, person).await?;
        let event = AuditEvent::done("auth.logout", "user", person, &signed_in.email)
            .with("sessions", ended)
            .with("by_session", signed_in.session.id.to_string());
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person, &signed_in.email, request), &event)).await?;
        Ok(ended)
    }
}

/// Whether a session goes on opening a tenant, for one who is sent what happens there.
pub struct SessionReach {
    platform: Platform,
    session: SessionId,
    tenant: TenantId,
    announcements: Receiver<Announcement>,
}

impl SessionReach {
    /// Waits until the session ended, in whatever way, or the database cannot say that it did not.
    pub async fn ended(mut self) {
        while self.holds().await.unwrap_or(false) {
            // Whichever comes first: the look that follows is the same.
            let _either = tokio::time::timeout(LOOK_AGAIN, self.access_changed()).await;
        }
    }

    async fn holds(&self) -> Result<bool> {
        let mut tx = self.platform.parts().database.system_read().await?;
        let Some(signed_in) = rows::find(&mut tx, self.session).await? else { return Ok(false) };
        let is_ended_here = rows::is_ended_in(&mut tx, self.tenant, self.session).await?;
        Ok(!is_ended_here && self.platform.still_holds(&signed_in, self.platform.now()))
    }

    async fn access_changed(&mut self) {
        loop {
            match self.announcements.recv().await {
                Ok(heard) if heard.tenant == self.tenant && heard.topic == Topic::Access => return,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
