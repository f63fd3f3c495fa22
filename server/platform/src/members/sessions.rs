//! What an admin may do about the sessions of a member.
//!
//! A session is a person's, who may be a member of several tenants. An admin ends what a session opens in their own tenant, at
//! once and for live pages too; what it opens elsewhere is no business of theirs. A session that opens nothing any more is
//! removed. They are shown what their own log has as well (browser, address, when it began), and not when a session was last
//! used, since that may have been for another tenant.

use database::{
    Error as DatabaseError, Housekeeping,
    members::{self, MemberRow},
    sessions as rows, settings,
};
use domain::{
    Actor, Authorized, PersonId, Problem, SessionId, Timestamp,
    audit::{AuditEvent, AuditEvents},
    permission::UserManage,
};

use super::not_found;
use crate::{Platform, Result};

/// A session of a member, as an admin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSession {
    /// Its id.
    pub id: SessionId,
    /// When it was signed in.
    pub signed_in_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
    /// The address it was signed in from.
    pub address: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

fn no_session() -> Problem {
    Problem::not_found("session")
}

impl Platform {
    /// The sessions of a member that open the actor's tenant, the newest first.
    ///
    /// # Errors
    /// Not found when the person is none of this tenant; 403 without `user:manage`.
    pub async fn member_sessions(&self, actor: &Actor, person: PersonId) -> Result<Vec<MemberSession>> {
        let mut tx = self.parts().database.read(actor).await?;
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<UserManage>(actor)?;
        let ended = rows::ended_here(&mut tx).await?;
        let idle = settings::in_force(&mut tx).await?.session_idle_minutes;
        drop(tx);
        let mut sessions = self.sessions_of(&member).await?;
        let now = self.now();
        sessions.retain(|row| !ended.contains(&row.id) && self.is_running(row, idle, now));
        sessions.sort_unstable_by_key(|row| std::cmp::Reverse(row.created_at));
        let shown = |row: rows::SessionRow| MemberSession {
            id: row.id,
            signed_in_at: row.created_at,
            expires_at: row.expires_at,
            address: row.address,
            agent: row.agent,
        };
        Ok(sessions.into_iter().map(shown).collect())
    }

    async fn sessions_of(&self, member: &Authorized<'_, UserManage, MemberRow>) -> Result<Vec<rows::SessionRow>> {
        let mut tx = self.parts().database.system_read().await?;
        Ok(rows::of_person(&mut tx, member.person).await?)
    }

    /// Ends what one session of a member opens in the actor's tenant; without naming one, what all of them open. Gives how many.
    ///
    /// # Errors
    /// Not found when the person is none of this tenant, or has no such session; 403 without `user:manage`.
    pub async fn end_member_sessions(&self, actor: &Actor, person: PersonId, only: Option<SessionId>) -> Result<u64> {
        let mut tx = self.parts().database.read(actor).await?;
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<UserManage>(actor)?;
        drop(tx);
        let sessions = self.sessions_of(&member).await?;
        let now = self.now();
        let mut tx = self.parts().database.write(actor).await?;
        // Found anew: the right is asked in the transaction that uses it.
        let member = members::find(&mut tx, person).await?.ok_or_else(not_found)?.authorize::<UserManage>(actor)?;
        let mut ended = 0_u64;
        for session in sessions.iter().filter(|row| only.is_none_or(|only| row.id == only)) {
            match rows::end_here(&mut tx, &member, session.id, now).await {
                Ok(done) => ended += u64::from(done),
                // It ended by itself in this very moment.
                Err(DatabaseError::Violation { .. }) => return Err(no_session().into()),
                Err(error) => return Err(error.into()),
            }
        }
        if ended == 0 {
            return if only.is_some() { Err(no_session().into()) } else { Ok(0) };
        }
        let event = AuditEvent::done("security.sessions_ended", "user", person, &member.email)
            .with("sessions", ended)
            .with("session", only.map(|session| session.to_string()));
        tx.commit(AuditEvents::one(event)).await?;
        self.clear_sessions(person).await?;
        Ok(ended)
    }

    /// Removes the sessions of a person that open nothing any more. What they opened is shut before.
    pub(super) async fn clear_sessions(&self, person: PersonId) -> Result<()> {
        let mut tx = self.parts().database.system().await?;
        rows::delete_without_reach(&mut tx, person).await?;
        Ok(tx.housekeep(Housekeeping::Sessions).await?)
    }
}
