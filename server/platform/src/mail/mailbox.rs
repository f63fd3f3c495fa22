//! The local mailbox: what would have been sent, for whoever tries Mandate on one machine without a mail server.
//!
//! It shows other people's links, so it exists only without a mail server and only where browsers reach the
//! installation on the machine itself; everywhere else there is no such page.

use database::mail::{self, MailRow};
use domain::{MailId, Problem, Timestamp};

use crate::{Platform, Result};

/// How many of the newest mails it shows.
const SHOWN: u32 = 200;

/// A mail, to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MailShown {
    /// Its id.
    pub id: MailId,
    /// Whom it would have gone to.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML; to be shown in a sandbox or not at all.
    pub html: Option<String>,
    /// The public id of what it is about.
    pub reference: String,
    /// When it was written.
    pub written_at: Timestamp,
}

impl std::fmt::Debug for MailShown {
    /// Without the bodies, which hold links that open doors.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mail {} to {} about {}", self.id, self.to, self.reference)
    }
}

impl From<MailRow> for MailShown {
    fn from(row: MailRow) -> Self {
        Self {
            id: row.id,
            to: row.recipient,
            subject: row.subject,
            text: row.text_body,
            html: row.html_body,
            reference: row.reference,
            written_at: row.created_at,
        }
    }
}

impl Platform {
    /// Whether there is a local mailbox.
    pub fn has_mailbox(&self) -> bool {
        self.settings().smtp.is_none() && self.is_local()
    }

    /// The newest mails of every tenant, the newest first.
    ///
    /// # Errors
    /// Not found where there is no local mailbox.
    pub async fn mailbox(&self) -> Result<Vec<MailShown>> {
        if !self.has_mailbox() {
            return Err(Problem::not_found("page").into());
        }
        let mut tx = self.parts().database.system_read().await?;
        Ok(mail::latest(&mut tx, SHOWN).await?.into_iter().map(MailShown::from).collect())
    }

    /// One of these mails.
    ///
    /// # Errors
    /// Not found when there is no such mail among them, or no local mailbox.
    pub async fn mailbox_message(&self, id: MailId) -> Result<MailShown> {
        self.mailbox().await?.into_iter().find(|mail| mail.id == id).ok_or_else(|| Problem::not_found("mail").into())
    }
}
