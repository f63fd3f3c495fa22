//! Another e-mail address: asked for with the password, confirmed at the new address, and for a while to be taken back at the old
//! one.
//!
//! Only the signed-in person themself can confirm: a link that was sent to somebody else's address changes nothing there, so that
//! nobody is talked into lending an address to another one's account. The browser that confirms stays signed in, every other one
//! is signed out. Whoever takes the old address back chooses a new password with it: one who could change the address knew the
//! password.

use std::time::Duration;

use database::{
    Rule, SystemTx, api_keys, people,
    person_links::{self, LinkPurpose},
    sessions::{self, SignedIn},
    tenants,
    throttle::Bucket,
};
use domain::{
    Entropy, PersonId, Problem, Secret, Timestamp,
    audit::{AuditEvent, Outcome},
};

use super::{Client, account_key, commit, email as read_email, for_each_tenant, links::wrong_link, person_in_log};
use crate::{Error, Platform, Result, mail::Letter};

/// How long the new address can be confirmed.
const CONFIRMED_WITHIN: Duration = Duration::from_hours(1);
/// How long the old address can be taken back: a week, for one who was away.
const TAKEN_BACK_WITHIN: Duration = Duration::from_hours(7 * 24);
/// Mails that one person has sent to new addresses, and that one address is sent.
const MAILS: Bucket = Bucket { capacity: 3, every: Duration::from_mins(20) };
const IN_ALL: Bucket = Bucket { capacity: 100, every: Duration::from_secs(1) };

/// A change that waits to be confirmed, for the page its link opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChange {
    /// The present address.
    pub from: String,
    /// The one it will be.
    pub to: String,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
}

/// An address that can be taken back, for the page its link opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailRestoration {
    /// The address.
    pub email: String,
    /// Until when it can be taken back.
    pub expires_at: Timestamp,
}

fn taken() -> Error {
    Problem::conflict("email_taken", "Somebody has this e-mail address by now, and nothing was changed. Ask the operator to help.").into()
}

/// Gives a person an address; false when somebody has it. Of two who confirm the same one at once the second breaks a rule of
/// the table instead.
async fn give(tx: &mut SystemTx, person: PersonId, email: &str, entropy: &dyn Entropy) -> Result<bool> {
    match people::set_email(tx, person, email, entropy).await {
        Err(database::Error::Violation { rule: Rule::Unique, .. }) => Ok(false),
        given => Ok(given?),
    }
}

impl Platform {
    /// Sends a link to the address that a person wants to have. What the answer says is the same when somebody has it.
    ///
    /// # Errors
    /// 422 on `email` or `password`; [`Error::Throttled`].
    pub async fn request_email_change(&self, signed_in: &SignedIn, typed: &str, password: Secret, client: &Client) -> Result<String> {
        let email = read_email(typed).map_err(|reason| Problem::field("email", reason))?;
        self.throttle(&signed_in.email, &client.request).await?;
        let mut tx = self.parts().database.system_read().await?;
        let person = people::find(&mut tx, signed_in.session.person).await?.ok_or_else(|| Problem::not_found("person"))?;
        let is_taken = people::find_by_email(&mut tx, &email).await?.is_some();
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        drop(tx);
        if !self.parts().hashing.verify(password, Some(person.password_hash.expose().to_owned())).await? {
            self.record_wrong_password(&person, &tenancies, client).await?;
            return Err(Problem::field("password", "This is not your password.").into());
        }
        if email == person.email {
            return Err(Problem::field("email", "This is your address already.").into());
        }
        let buckets = [
            (format!("new address of {}", person.id), MAILS),
            (format!("new address {}", account_key(&email)), MAILS),
            ("new address".to_owned(), IN_ALL),
        ];
        self.take(buckets, "a change of an e-mail address", &client.request).await?;
        let mut tx = self.parts().database.system().await?;
        person_links::delete_of(&mut tx, person.id, LinkPurpose::EmailChange).await?;
        let letter = Letter::new(&email, "Confirm your e-mail address for Mandate", person.id);
        let letter = if is_taken {
            letter.paragraph("Hello,").paragraph(
                "somebody who is signed in asked to use this address for their account. You have an account with it already, so nothing was changed and nothing will be.",
            )
        } else {
            let token = self.link_for(&mut tx, person.id, (LinkPurpose::EmailChange, CONFIRMED_WITHIN), &email).await?;
            let url = self.page_url(&format!("/email-changes/{}", token.expose()));
            letter
                .paragraph(&format!("Hello {},", person.name))
                .paragraph("you asked to use this address for your account. Open the page while you are signed in, and confirm it there:")
                .action("Confirm this address", &url)
                .fact_at("Until", self.now().after(CONFIRMED_WITHIN))
                .paragraph("If you did not ask for it, leave it: then nothing happens.")
        };
        self.post_to_person(&mut tx, &tenancies, letter).await?;
        let event = AuditEvent::done("user.email_change_requested", "user", person.id, &person.email).with("to", email.as_str());
        commit(tx, for_each_tenant(&tenancies, &person_in_log(person.id, &person.email, &client.request), &event)).await?;
        Ok(email)
    }

    async fn record_wrong_password(&self, person: &people::PersonRow, tenancies: &[tenants::TenancyRow], client: &Client) -> Result<()> {
        let event = AuditEvent::done("user.email_change_requested", "user", person.id, &person.email)
            .outcome(Outcome::Failed)
            .with("reason", "wrong password");
        let tx = self.parts().database.system().await?;
        commit(tx, for_each_tenant(tenancies, &person_in_log(person.id, &person.email, &client.request), &event)).await
    }

    /// What a link would change. Changes nothing, however often it is asked.
    ///
    /// # Errors
    /// 404 `link_wrong`, also for a link of somebody else.
    pub async fn check_email_change(&self, signed_in: &SignedIn, token: &str) -> Result<EmailChange> {
        let (link, _) = self.person_link(LinkPurpose::EmailChange, token).await?;
        if link.person != signed_in.session.person {
            return Err(wrong_link());
        }
        Ok(EmailChange { from: signed_in.email.clone(), to: link.email, expires_at: link.expires_at })
    }

    /// Changes the address, signs every other browser out, and tells the old address, which can take it back for a week.
    ///
    /// # Errors
    /// 404 `link_wrong`; 409 `email_taken`.
    pub async fn change_email(&self, signed_in: &SignedIn, token: &str, client: &Client) -> Result<String> {
        let (link, hash) = self.person_link(LinkPurpose::EmailChange, token).await?;
        if link.person != signed_in.session.person {
            return Err(wrong_link());
        }
        let (entropy, old, new) = (self.parts().entropy.as_ref(), signed_in.email.as_str(), link.email.as_str());
        let mut tx = self.parts().database.system().await?;
        person_links::take(&mut tx, LinkPurpose::EmailChange, &hash, self.now()).await?.ok_or_else(wrong_link)?;
        if !give(&mut tx, link.person, new, entropy).await? {
            return Err(taken());
        }
        // Links for a new password that were sent to the old address.
        person_links::delete_of(&mut tx, link.person, LinkPurpose::PasswordReset).await?;
        let ended = sessions::delete_all(&mut tx, link.person, Some(signed_in.session.id)).await?;
        sessions::announce_end(&mut tx, link.person).await?;
        let tenancies = tenants::of_person(&mut tx, link.person).await?;
        let token = self.link_for(&mut tx, link.person, (LinkPurpose::EmailRestoration, TAKEN_BACK_WITHIN), old).await?;
        let url = self.page_url(&format!("/email-restorations/{}", token.expose()));
        let letter = Letter::new(old, "Your e-mail address for Mandate was changed", link.person)
            .paragraph(&format!("Hello {},", signed_in.name))
            .paragraph(&format!("your account goes by the address {new} from now on. Mails no longer come here."))
            .fact("From", client.request.address.as_deref().unwrap_or("an unknown address"))
            .fact_at("At", self.now())
            .paragraph("If it was you, nothing is left to do. If not, take the address back and choose a new password; every browser is signed out by that.")
            .action("Take this address back", &url)
            .fact_at("Until", self.now().after(TAKEN_BACK_WITHIN));
        self.post_to_person(&mut tx, &tenancies, letter).await?;
        let event = AuditEvent::done("user.updated", "user", link.person, new)
            .with("email", "changed")
            .with("from", old)
            .with("to", new)
            .with("sessions_ended", ended);
        commit(tx, for_each_tenant(&tenancies, &person_in_log(link.person, old, &client.request), &event)).await?;
        Ok(link.email)
    }

    /// What a link would restore. Changes nothing, however often it is asked.
    ///
    /// # Errors
    /// 404 `link_wrong`.
    pub async fn check_email_restoration(&self, token: &str) -> Result<EmailRestoration> {
        let (link, _) = self.person_link(LinkPurpose::EmailRestoration, token).await?;
        Ok(EmailRestoration { email: link.email, expires_at: link.expires_at })
    }

    /// Gives a person their old address back with a new password, and ends every session, key and other link of theirs:
    /// whoever changed the address may have made any of them.
    ///
    /// # Errors
    /// 404 `link_wrong`; 409 `email_taken`; 422 on `password`; [`Error::Throttled`].
    pub async fn restore_email(&self, token: &str, password: Secret, client: &Client) -> Result<()> {
        let (link, hash) = self.person_link(LinkPurpose::EmailRestoration, token).await?;
        self.throttle(&link.email, &client.request).await?;
        let mut tx = self.parts().database.system_read().await?;
        let person = people::find(&mut tx, link.person).await?.ok_or_else(wrong_link)?;
        let tenancies = tenants::of_person(&mut tx, person.id).await?;
        drop(tx);
        let new = self.new_password("password", password, &[&link.email, &person.email, &person.name]).await?.into_hash();

        let mut tx = self.parts().database.system().await?;
        person_links::take(&mut tx, LinkPurpose::EmailRestoration, &hash, self.now()).await?.ok_or_else(wrong_link)?;
        if !people::set_password(&mut tx, &person, &new, self.now()).await? {
            return Err(
                Problem::conflict("password_changed", "The password was changed meanwhile, and nothing was done. Try again.").into()
            );
        }
        if person.email != link.email && !give(&mut tx, person.id, &link.email, self.parts().entropy.as_ref()).await? {
            return Err(taken());
        }
        for purpose in [LinkPurpose::PasswordReset, LinkPurpose::EmailChange, LinkPurpose::EmailRestoration] {
            person_links::delete_of(&mut tx, person.id, purpose).await?;
        }
        let ended = sessions::delete_all(&mut tx, person.id, None).await?;
        let keys = api_keys::revoke_of_person(&mut tx, person.id, self.now()).await?;
        sessions::announce_end(&mut tx, person.id).await?;
        let actor = person_in_log(person.id, &link.email, &client.request);
        let event = AuditEvent::done("user.updated", "user", person.id, &link.email)
            .with("email", "restored")
            .with("from", person.email.as_str())
            .with("to", link.email.as_str())
            .with("password", "reset")
            .with("sessions_ended", ended)
            .with("keys_revoked", keys);
        let suspicious = AuditEvent::done("security.suspicious_activity", "user", person.id, &link.email)
            .with("reason", "an e-mail address was taken back: somebody else may have changed it");
        let mut intents = for_each_tenant(&tenancies, &actor, &event);
        intents.extend(for_each_tenant(&tenancies, &actor, &suspicious));
        commit(tx, intents).await
    }
}
