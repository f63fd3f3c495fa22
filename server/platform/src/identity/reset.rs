//! A forgotten password: a link by mail, and a new password by that link.
//!
//! Whether an address is known is told neither in words nor by the time an answer takes: one durable write is done for nobody
//! too. Asking again leaves earlier links as they are, so that nobody can make another one's link worthless by asking in
//! their name; the first that is used ends them all.

use std::time::Duration;

use database::{
    Housekeeping,
    people::{self, PersonRow, PersonStatus},
    person_links::{self, LinkPurpose},
    sessions, tenants,
    throttle::{self, Bucket},
};
use domain::{Problem, Secret, Timestamp, audit::AuditEvent};

use super::{Client, account_key, commit, email as read_email, for_each_tenant, links::wrong_link, neighbourhood, person_in_log};
use crate::{Platform, Result, mail::Letter};

/// How long a link can be used.
const LIFETIME: Duration = Duration::from_mins(30);
/// Mails to one address: enough for one who mistyped, too few to fill a mailbox.
const TO_ADDRESS: Bucket = Bucket { capacity: 3, every: Duration::from_mins(20) };
/// Requests from one neighbourhood of addresses.
const FROM_ADDRESS: Bucket = Bucket { capacity: 20, every: Duration::from_mins(1) };
/// Requests in all.
const IN_ALL: Bucket = Bucket { capacity: 100, every: Duration::from_secs(1) };
/// Counts requests for addresses that nobody has: the write that takes the place of the mail.
const NOBODY: Bucket = Bucket { capacity: u32::MAX, every: Duration::from_secs(1) };

/// A link that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetLink {
    /// The address of the account.
    pub email: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl Platform {
    /// Sends a link for a new password to an address, if somebody who may sign in has it. The answer is the same if not.
    ///
    /// # Errors
    /// [`crate::Error::Throttled`] after many requests, for known and unknown addresses alike.
    pub async fn request_password_reset(&self, typed: &str, client: &Client) -> Result<()> {
        let buckets = [
            (format!("reset from {}", neighbourhood(client.request.address.as_deref())), FROM_ADDRESS),
            (format!("reset of {}", account_key(typed)), TO_ADDRESS),
            ("reset".to_owned(), IN_ALL),
        ];
        self.take(buckets, "a request for a new password", &client.request).await?;
        let person = match read_email(typed) {
            Ok(email) => people::find_by_email(&mut self.parts().database.system_read().await?, &email).await?,
            Err(_) => None,
        };
        if let Some(person) = person.filter(|person| person.status == PersonStatus::Active)
            && self.send_reset(&person, client).await?
        {
            return Ok(());
        }
        tracing::info!(request = %client.request.id, "a new password was asked for an address that nobody signs in with");
        let mut tx = self.parts().database.system().await?;
        throttle::take(&mut tx, "reset of nobody", NOBODY, self.now()).await?;
        Ok(tx.housekeep(Housekeeping::Throttle).await?)
    }

    /// False when the person may work in no tenant: a password would open nothing.
    async fn send_reset(&self, person: &PersonRow, client: &Client) -> Result<bool> {
        let mut tx = self.parts().database.system().await?;
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        let token = self.link_for(&mut tx, person.id, (LinkPurpose::PasswordReset, LIFETIME), &person.email).await?;
        let url = self.page_url(&format!("/password-reset/{}", token.expose()));
        let from = client.request.address.as_deref().unwrap_or("an unknown address");
        let letter = Letter::new(&person.email, "A new password for Mandate", person.id)
            .paragraph(&format!("Hello {},", person.name))
            .paragraph("somebody asked for a new password for your account. If it was you, choose one:")
            .action("Choose a new password", &url)
            .fact("Asked from", from)
            .fact_at("Until", self.now().after(LIFETIME))
            .paragraph("The link works once. If it was not you, leave it: nothing has changed, and nobody but you was sent the link.");
        if !self.post_to_person(&mut tx, &tenancies, letter).await? {
            return Ok(false);
        }
        // Whoever asked did not show who they are: the log names whose account it is about, and says so.
        let event =
            AuditEvent::done("user.password_reset_requested", "user", person.id, &person.email).with("asked_by", "nobody signed in");
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person.id, &person.email, &client.request), &event)).await?;
        Ok(true)
    }

    /// Whether a link may be used, for the page it opens. Changes nothing, however often it is asked.
    ///
    /// # Errors
    /// 404 `link_wrong`.
    pub async fn check_password_reset(&self, token: &str) -> Result<ResetLink> {
        let (link, _) = self.person_link(LinkPurpose::PasswordReset, token).await?;
        Ok(ResetLink { email: link.email, expires_at: link.expires_at })
    }

    /// Sets a new password by a link and ends every session of the person. Nobody is signed in by it.
    ///
    /// # Errors
    /// 404 `link_wrong`; 422 on `password` with the reason against it; [`crate::Error::Throttled`].
    pub async fn reset_password(&self, token: &str, password: Secret, client: &Client) -> Result<()> {
        let (link, hash) = self.person_link(LinkPurpose::PasswordReset, token).await?;
        self.throttle(&link.email, &client.request).await?;
        let mut tx = self.parts().database.system_read().await?;
        let person = people::find(&mut tx, link.person).await?.filter(|person| person.status == PersonStatus::Active);
        let person = person.ok_or_else(wrong_link)?;
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        drop(tx);
        let mut about = vec![person.email.as_str(), person.name.as_str()];
        about.extend(tenancies.iter().map(|tenancy| tenancy.tenant.name.as_str()));
        let new = self.new_password("password", password, &about).await?.into_hash();

        let mut tx = self.parts().database.system().await?;
        person_links::take(&mut tx, LinkPurpose::PasswordReset, &hash, self.now()).await?.ok_or_else(wrong_link)?;
        if !people::set_password(&mut tx, &person, &new, self.now()).await? {
            return Err(
                Problem::conflict("password_changed", "The password was changed in another place meanwhile. Sign in with it.").into()
            );
        }
        for purpose in [LinkPurpose::PasswordReset, LinkPurpose::EmailChange] {
            person_links::delete_of(&mut tx, person.id, purpose).await?;
        }
        let ended = sessions::delete_all(&mut tx, person.id, None).await?;
        sessions::announce_end(&mut tx, person.id).await?;
        let letter = Letter::new(&person.email, "Your password for Mandate was changed", person.id)
            .paragraph(&format!("Hello {},", person.name))
            .paragraph("a new password was set for your account by a link that was sent to this address, and every browser was signed out.")
            .fact("From", client.request.address.as_deref().unwrap_or("an unknown address"))
            .fact_at("At", self.now())
            .paragraph("If it was not you, somebody else reads your mail: tell an admin of your tenant, who can disable your account.");
        self.post_to_person(&mut tx, &tenancies, letter).await?;
        let event =
            AuditEvent::done("user.updated", "user", person.id, &person.email).with("password", "reset").with("sessions_ended", ended);
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person.id, &person.email, &client.request), &event)).await
    }
}
