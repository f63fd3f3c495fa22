//! One-time links in mails to a person, and the mails themselves.
//!
//! Such a mail is about the person and no tenant. It leaves by the outbox of a tenant they may work in; who may work in none has
//! nothing that a link would open, and gets none. What each link does is in the files beside this one.

use std::time::Duration;

use database::{
    SystemTx,
    person_links::{self as rows, LinkPurpose, NewPersonLink, PersonLinkRow},
    tenants::TenancyRow,
};
use domain::{PersonId, Problem, Secret};
use vault::Token;

use crate::{Error, Platform, Result, mail::Letter};

/// What is told of a link that cannot be used, whatever the reason: used, expired, or never made.
pub(super) fn wrong_link() -> Error {
    Problem::new(404, "link_wrong", "This link was used, has expired, or is not complete. Links like it work once; ask for a new one.")
        .into()
}

impl Platform {
    /// Makes a link of a person, in a transaction that goes on, and gives the token for the mail.
    pub(super) async fn link_for(
        &self,
        tx: &mut SystemTx,
        person: PersonId,
        (purpose, lifetime): (LinkPurpose, Duration),
        email: &str,
    ) -> Result<Secret> {
        let (token, now) = (Token::generate(self.parts().entropy.as_ref()), self.now());
        let new = NewPersonLink {
            id: self.new_id(),
            person,
            purpose,
            token_hash: token.hash(),
            email: email.to_owned(),
            created_at: now,
            expires_at: now.after(lifetime),
        };
        rows::create(tx, &new).await?;
        Ok(token.text())
    }

    /// The link that a token opens. Changes nothing, however often it is asked.
    pub(super) async fn person_link(&self, purpose: LinkPurpose, token: &str) -> Result<(PersonLinkRow, [u8; 32])> {
        let hash = Token::parse(token).ok_or_else(wrong_link)?.hash();
        let mut tx = self.parts().database.system_read().await?;
        let found = rows::find(&mut tx, purpose, &hash, self.now()).await?.ok_or_else(wrong_link)?;
        Ok((found, hash))
    }

    /// Puts a letter to a person into the outbox of a tenant of theirs. False when there is none.
    pub(super) async fn post_to_person(&self, tx: &mut SystemTx, tenancies: &[TenancyRow], letter: Letter) -> Result<bool> {
        let open = tenancies.iter().filter(|tenancy| tenancy.is_open()).map(|tenancy| tenancy.tenant.id).min();
        let Some(tenant) = open else { return Ok(false) };
        database::mail::create_to_person(tx, tenant, &letter.compose().into_new_mail(self.new_id(), self.now())).await?;
        Ok(true)
    }
}
