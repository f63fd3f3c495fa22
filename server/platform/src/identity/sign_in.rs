//! Signing in and out.
//!
//! An answer says neither in words nor by its time whether an e-mail address is known: the same work is done for
//! nobody, one hash and one durable write.

use database::{
    Housekeeping, people,
    people::{PersonRow, PersonStatus},
    sessions::{self as rows, SignedIn},
    tenants,
    throttle::{self, Bucket},
};
use domain::{
    Problem, RequestFacts, Secret,
    audit::{AuditEvent, Outcome},
};
use vault::Passwords;

use super::{Client, Session, commit, email as read_email, for_each_tenant, person_in_log};
use crate::{Platform, Result};

/// Counts tries with addresses that nobody has: the write that takes the place of an audit event.
const NOBODY: Bucket = Bucket { capacity: u32::MAX, every: std::time::Duration::from_secs(1) };

fn wrong() -> Problem {
    Problem::new(401, "wrong_sign_in", "The e-mail address or the password is wrong.")
}

impl Platform {
    /// Signs a person in by e-mail address and password.
    ///
    /// # Errors
    /// 401 `wrong_sign_in`, the same for an unknown address, a wrong password and a disabled person; 403
    /// `no_membership` with the right password of one who is an active member of no tenant;
    /// [`crate::Error::Throttled`]; and when too many passwords are being hashed.
    pub async fn sign_in(&self, email: &str, password: Secret, client: &Client) -> Result<Session> {
        let person = self.verified(email, password.clone(), client).await?;
        let rehashed = if Passwords::needs_rehash(person.password_hash.expose()) {
            Some(Secret::new(self.parts().hashing.hash(password).await?))
        } else {
            None
        };
        let mut tx = self.parts().database.system().await?;
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        if !tenancies.iter().any(tenants::TenancyRow::is_open) {
            drop(tx);
            self.record_failure(&person, "no membership", &client.request).await?;
            return Err(Problem::new(
                403,
                "no_membership",
                "You are an active member of no tenant here. Ask an admin of yours to enable or invite you.",
            )
            .into());
        }
        if let Some(hash) = rehashed {
            // Whoever changed the password in between has hashed it anew already.
            people::set_password(&mut tx, &person, &hash, person.password_changed_at).await?;
        }
        let session = self.open_session(&mut tx, person.id, client).await?;
        let event = AuditEvent::done("auth.login", "user", person.id, &person.email);
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person.id, &person.email, &client.request), &event)).await?;
        Ok(session)
    }

    /// The person with this e-mail address, when this is their password and they may sign in. Throttled, and a
    /// failure is recorded.
    pub(crate) async fn verified(&self, email: &str, password: Secret, client: &Client) -> Result<PersonRow> {
        self.throttle(email, &client.request).await?;
        let person = match read_email(email) {
            Ok(email) => people::find_by_email(&mut self.parts().database.system_read().await?, &email).await?,
            Err(_) => None,
        };
        let stored = person.as_ref().map(|person| person.password_hash.expose().to_owned());
        let is_right = self.parts().hashing.verify(password, stored).await?;
        match person {
            Some(person) if is_right && person.status == PersonStatus::Active => Ok(person),
            Some(person) => {
                let reason = if is_right { "disabled" } else { "wrong password" };
                self.record_failure(&person, reason, &client.request).await?;
                Err(wrong().into())
            }
            None => {
                tracing::warn!(request = %client.request.id, address = client.request.address, "a sign-in with an unknown address failed");
                let mut tx = self.parts().database.system().await?;
                throttle::take(&mut tx, "sign-in as nobody", NOBODY, self.now()).await?;
                tx.housekeep(Housekeeping::Throttle).await?;
                Err(wrong().into())
            }
        }
    }

    async fn record_failure(&self, person: &PersonRow, reason: &str, request: &RequestFacts) -> Result<()> {
        let mut tx = self.parts().database.system().await?;
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        let event = AuditEvent::done("auth.login_failed", "user", person.id, &person.email).outcome(Outcome::Failed).with("reason", reason);
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person.id, &person.email, request), &event)).await
    }

    /// Ends the session. Its cookie opens nothing from now on.
    pub async fn sign_out(&self, signed_in: &SignedIn, request: &RequestFacts) -> Result<()> {
        let (person, session) = (signed_in.session.person, signed_in.session.id);
        let mut tx = self.parts().database.system().await?;
        if !rows::delete(&mut tx, person, session).await? {
            // It ended in between: nothing is left to do or to tell.
            return Ok(());
        }
        rows::announce_end(&mut tx, person).await?;
        let tenancies = tenants::of_person(&mut tx, person).await?;
        let event = AuditEvent::done("auth.logout", "user", person, &signed_in.email).with("session", session.to_string());
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person, &signed_in.email, request), &event)).await
    }
}
