//! One-time links in mails to a person: for a new password, a new e-mail address, or the old address back.
//!
//! Whoever holds the token is believed to read the mails of the address in the row; only its hash is kept. A link is used by
//! being taken away, so that of two who use it at once one finds nothing. People are of no tenant: the texts are in
//! `system.rs`. A new purpose is a word here and in the check of a new migration.

use domain::{LinkId, PersonId, Timestamp};

use crate::{
    Result,
    row::{FromRow, Row},
    system,
    system_tx::{SystemReads, SystemTx},
    words::words,
};

words! {
    /// What a link is for.
    LinkPurpose {
        /// To choose a new password.
        PasswordReset = "password_reset",
        /// To confirm that the person reads the mails of a new address.
        EmailChange = "email_change",
        /// To take the address back that the person had before.
        EmailRestoration = "email_restoration",
    }
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonLinkRow {
    /// The id.
    pub id: LinkId,
    /// Whose.
    pub person: PersonId,
    /// What for.
    pub purpose: LinkPurpose,
    /// The address it is about: for a reset the one it was sent to, else the one to change to.
    pub email: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// A link to be made.
#[derive(Debug, Clone)]
pub struct NewPersonLink {
    /// The id.
    pub id: LinkId,
    /// Whose.
    pub person: PersonId,
    /// What for.
    pub purpose: LinkPurpose,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// The address it is about, in lower case.
    pub email: String,
    /// Now.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl FromRow for PersonLinkRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            person: row.id("person_id")?,
            purpose: row.word("purpose", LinkPurpose::WORDS)?,
            email: row.text("email")?,
            expires_at: row.timestamp("expires_at")?,
        })
    }
}

/// Makes a link.
pub async fn create(tx: &mut SystemTx, new: &NewPersonLink) -> Result<()> {
    tx.query(&system::PERSON_LINK_CREATE)
        .bind(new.id)
        .bind(new.person)
        .bind(new.purpose)
        .bind(new.token_hash)
        .bind(&new.email)
        .bind(new.created_at)
        .bind(new.expires_at)
        .execute()
        .await
        .map(drop)
}

/// The link that a token opens at this moment, by SHA-256 of the token. Changes nothing.
pub async fn find(tx: &mut impl SystemReads, purpose: LinkPurpose, token_hash: &[u8; 32], now: Timestamp) -> Result<Option<PersonLinkRow>> {
    tx.query(&system::PERSON_LINK_FIND).bind(token_hash).bind(purpose).bind(now).optional().await
}

/// Uses a link up and gives it; nothing when it was used before, has expired or never was.
pub async fn take(tx: &mut SystemTx, purpose: LinkPurpose, token_hash: &[u8; 32], now: Timestamp) -> Result<Option<PersonLinkRow>> {
    tx.query(&system::PERSON_LINK_TAKE).bind(token_hash).bind(purpose).bind(now).optional().await
}

/// Takes every link of a person for one purpose away.
pub async fn delete_of(tx: &mut SystemTx, person: PersonId, purpose: LinkPurpose) -> Result<u64> {
    tx.query(&system::PERSON_LINK_DELETE_OF).bind(person).bind(purpose).execute().await
}

/// Removes links that nobody can use any more. Commits as housekeeping.
pub async fn delete_expired(tx: &mut SystemTx, now: Timestamp) -> Result<u64> {
    tx.query(&system::PERSON_LINK_DELETE_EXPIRED).bind(now).execute().await
}
