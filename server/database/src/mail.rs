//! The outbox: mails written in the transaction of what they tell of, and sent afterwards.
//!
//! Writing a mail is a tenant's; sending crosses tenants and its texts are in `system.rs`. A mail that was claimed is
//! due again later by itself, so that a crash while sending loses none; it may be sent twice, never not at all.

use domain::{MailId, TenantId, Timestamp};
use serde_json::Value;

use crate::{
    Query, Result,
    announce::Topic,
    param::Json,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::{SystemReads, SystemTx},
    write::WriteTx,
};

/// A mail.
#[derive(Clone, PartialEq)]
pub struct MailRow {
    /// The tenant it was written for.
    pub tenant: TenantId,
    /// The id, also of the message.
    pub id: MailId,
    /// The address it goes to.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// The text.
    pub text_body: String,
    /// The same as HTML.
    pub html_body: Option<String>,
    /// Further headers: an object of name and text.
    pub headers: Value,
    /// The public id of what it is about.
    pub reference: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often sending was tried.
    pub attempts: i64,
    /// When it is tried next; nothing when it was sent or given up.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

/// A mail to be written.
#[derive(Clone)]
pub struct NewMail {
    /// The id, also of the message.
    pub id: MailId,
    /// The address it goes to.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// The text.
    pub text_body: String,
    /// The same as HTML.
    pub html_body: Option<String>,
    /// Further headers: an object of name and text.
    pub headers: Value,
    /// The public id of what it is about.
    pub reference: String,
    /// Now, which is also when it is due.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for MailRow {
    /// Without the bodies, which hold links that open doors.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mail {} to {} about {}", self.id, self.recipient, self.reference)
    }
}

impl std::fmt::Debug for NewMail {
    /// Without the bodies, which hold links that open doors.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mail {} to {} about {}", self.id, self.recipient, self.reference)
    }
}

impl FromRow for MailRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.id("tenant_id")?,
            id: row.id("id")?,
            recipient: row.text("recipient")?,
            subject: row.text("subject")?,
            text_body: row.text("text_body")?,
            html_body: row.opt_text("html_body")?,
            headers: row.json("headers")?,
            reference: row.text("reference")?,
            created_at: row.timestamp("created_at")?,
            attempts: row.i64("attempts")?,
            next_attempt_at: row.opt_timestamp("next_attempt_at")?,
            sent_at: row.opt_timestamp("sent_at")?,
            last_error: row.opt_text("last_error")?,
        })
    }
}

static CREATE: Statement = Statement::tenant(
    "mail.create",
    "insert into mail (tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, next_attempt_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
);

pub(crate) static ALL: &[&Statement] = &[&CREATE];

impl NewMail {
    /// Binds it to a statement that has its tenant already.
    fn bind<'t>(&self, query: Query<'t>) -> Query<'t> {
        query
            .bind(self.id)
            .bind(&self.recipient)
            .bind(&self.subject)
            .bind(&self.text_body)
            .bind(self.html_body.as_deref())
            .bind(Json(self.headers.clone()))
            .bind(&self.reference)
            .bind(self.created_at)
    }
}

/// Writes a mail; it is sent after the commit, or never if there is none.
pub async fn create(tx: &mut WriteTx<'_>, new: &NewMail) -> Result<()> {
    new.bind(tx.query(&CREATE)).execute().await?;
    tx.announce(Topic::Outbox);
    Ok(())
}

/// Writes a mail to a person about what is theirs alone, into the outbox of a tenant of theirs.
pub async fn create_to_person(tx: &mut SystemTx, tenant: TenantId, new: &NewMail) -> Result<()> {
    new.bind(tx.query(&system::MAIL_CREATE).bind(tenant)).execute().await?;
    tx.announce(tenant, Topic::Outbox);
    Ok(())
}

/// Takes up to `limit` mails that are due and makes each due again at `retry_at`, when it will have been sent or the
/// sender is gone. Commits as housekeeping, before anything is sent.
pub async fn claim_due(tx: &mut SystemTx, now: Timestamp, retry_at: Timestamp, limit: u32) -> Result<Vec<MailRow>> {
    tx.query(&system::MAIL_CLAIM).bind(now).bind(retry_at).bind(limit).all().await
}

/// Notes that a mail was sent. Commits as housekeeping.
pub async fn sent(tx: &mut SystemTx, tenant: TenantId, id: MailId, now: Timestamp) -> Result<bool> {
    Ok(tx.query(&system::MAIL_SENT).bind(tenant).bind(id).bind(now).execute().await? == 1)
}

/// Notes why sending failed and when it is tried again; without a time it is given up. Commits as housekeeping.
pub async fn failed(tx: &mut SystemTx, tenant: TenantId, id: MailId, error: &str, next: Option<Timestamp>) -> Result<bool> {
    Ok(tx.query(&system::MAIL_FAILED).bind(tenant).bind(id).bind(error).bind(next).execute().await? == 1)
}

/// When the next mail is due; nothing when none waits.
pub async fn next_due(tx: &mut impl SystemReads) -> Result<Option<Timestamp>> {
    match tx.query(&system::MAIL_NEXT_DUE).rows().await?.first() {
        Some(row) => row.opt_timestamp("at"),
        None => Ok(None),
    }
}

/// The newest mails of every tenant, for the local mailbox.
pub async fn latest(tx: &mut impl SystemReads, limit: u32) -> Result<Vec<MailRow>> {
    tx.query(&system::MAIL_LATEST).bind(limit).all().await
}

/// One mail, for the local mailbox.
pub async fn find(tx: &mut impl SystemReads, tenant: TenantId, id: MailId) -> Result<Option<MailRow>> {
    tx.query(&system::MAIL_FIND).bind(tenant).bind(id).optional().await
}

/// Removes mails that were sent before a moment: their links are of no use to anybody any more. Commits as housekeeping.
pub async fn delete_sent(tx: &mut SystemTx, before: Timestamp) -> Result<u64> {
    tx.query(&system::MAIL_DELETE_SENT).bind(before).execute().await
}
