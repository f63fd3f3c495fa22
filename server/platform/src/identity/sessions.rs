//! Sessions: what a cookie opens, and one's own list of them.

use std::time::Duration;

use database::{
    Housekeeping,
    people::PersonStatus,
    sessions::{self as rows, SignedIn},
    tenants,
};
use domain::{Problem, RequestFacts, SessionId, Timestamp, audit::AuditEvent};
use vault::Token;

use super::{commit, for_each_tenant, person_in_log};
use crate::{Platform, Result};

/// How exactly it is known when a session was last used.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

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
        if signed_in.status != PersonStatus::Active || !self.is_running(&signed_in.session, now) {
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

    fn is_running(&self, session: &rows::SessionRow, now: Timestamp) -> bool {
        now < session.expires_at && now.since(session.last_seen_at) < self.settings().session_idle
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
        let shown = |row: rows::SessionRow| SessionShown {
            is_this_one: row.id == signed_in.session.id,
            id: row.id,
            signed_in_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            address: row.address,
            agent: row.agent,
        };
        Ok(sessions.into_iter().filter(|row| self.is_running(row, now)).map(shown).collect())
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
        let tenancies = tenants::of_person(&mut tx, person).await?;
        let event = AuditEvent::done("auth.logout", "user", person, &signed_in.email)
            .with("sessions", ended)
            .with("by_session", signed_in.session.id.to_string());
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person, &signed_in.email, request), &event)).await?;
        Ok(ended)
    }
}
