//! Passwords: which may be chosen, and changing one's own.

use database::{
    people,
    person_links::{self, LinkPurpose},
    sessions::{self as rows, SignedIn},
    tenants,
};
use domain::{Problem, Secret, audit::AuditEvent};
use vault::{HashingError, PasswordRefused};

use super::{Client, commit, for_each_tenant, person_in_log};
use crate::{Platform, Result};

/// A password somebody chose, and its hash. Whoever holds one knows that it was accepted.
pub struct NewPassword(Secret);

impl NewPassword {
    /// The hash, to be kept.
    pub(crate) fn into_hash(self) -> Secret {
        self.0
    }
}

impl Platform {
    /// Hashes a password that somebody chose. `about` is what others know of them: e-mail address, names.
    ///
    /// # Errors
    /// 422 on the field `field` with the first reason against it; and when too many are being hashed.
    pub(crate) async fn new_password(&self, field: &str, password: Secret, about: &[&str]) -> Result<NewPassword> {
        let refused = |reason: PasswordRefused| crate::Error::from(Problem::field(field, reason.to_string()));
        vault::password::check(&password, about).map_err(refused)?;
        match self.parts().hashing.hash(password).await {
            Ok(hash) => Ok(NewPassword(Secret::new(hash))),
            Err(HashingError::Refused(reason)) => Err(refused(reason)),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the person's own password and ends their other sessions, how many of which it gives.
    ///
    /// # Errors
    /// 422 on `current` when that is not their password, or on `new` with the reason against it;
    /// [`crate::Error::Throttled`] after many tries; 409 `password_changed` when another change came first.
    pub async fn change_password(&self, signed_in: &SignedIn, current: Secret, new: Secret, client: &Client) -> Result<u64> {
        self.throttle(&signed_in.email, &client.request).await?;
        let mut tx = self.parts().database.system_read().await?;
        let person = people::find(&mut tx, signed_in.session.person).await?.ok_or_else(|| Problem::not_found("person"))?;
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        drop(tx);
        let stored = person.password_hash.expose().to_owned();
        let is_same = current.expose() == new.expose();
        if !self.parts().hashing.verify(current, Some(stored)).await? {
            return Err(Problem::field("current", "This is not your present password.").into());
        }
        if is_same {
            return Err(Problem::field("new", "The new password is the present one. Choose another.").into());
        }
        let mut about = vec![person.email.as_str(), person.name.as_str()];
        about.extend(tenancies.iter().map(|tenancy| tenancy.tenant.name.as_str()));
        let hash = self.new_password("new", new, &about).await?.into_hash();
        let mut tx = self.parts().database.system().await?;
        if !people::set_password(&mut tx, &person, &hash, self.now()).await? {
            return Err(Problem::conflict(
                "password_changed",
                "Your password was changed in another place meanwhile, and nothing was done here. Sign in again.",
            )
            .into());
        }
        let ended = rows::delete_all(&mut tx, person.id, Some(signed_in.session.id)).await?;
        rows::announce_end(&mut tx, person.id).await?;
        person_links::delete_of(&mut tx, person.id, LinkPurpose::PasswordReset).await?;
        let event =
            AuditEvent::done("user.updated", "user", person.id, &person.email).with("password", "changed").with("sessions_ended", ended);
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person.id, &person.email, &client.request), &event)).await?;
        Ok(ended)
    }
}
