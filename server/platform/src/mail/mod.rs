//! Mail: composing it, sending what waits in the outbox, and the local mailbox for those without a mail server.
//!
//! A mail is written in the transaction of what it tells of and sent afterwards, so a mail server that is down
//! holds up no decision and loses none. What a mail says is composed where the thing it tells of lives, out of a
//! [`Letter`]; nothing else makes texts for mails.

mod courier;
mod delivery;
mod letter;
mod mailbox;
pub mod text;

use database::WriteTx;
use domain::MailId;
use url::{Host, Url};

use crate::{Platform, Result};

pub use courier::SmtpRefused;
pub use letter::{Letter, Outgoing};
pub use mailbox::MailShown;

impl Platform {
    /// The name of the installation in mails: the host of its public address.
    pub fn mail_host(&self) -> String {
        Url::parse(&self.settings().public_url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "localhost".to_owned())
    }

    /// The message id of a mail, the same however often it is sent.
    pub fn message_id(&self, mail: MailId) -> String {
        format!("<{mail}@{}>", self.mail_host())
    }

    /// A page of this installation: its public address with a path that begins with a slash.
    pub fn page_url(&self, path: &str) -> String {
        format!("{}{path}", self.settings().public_url)
    }

    /// Puts a letter into the outbox, in the transaction of what it tells of.
    pub(crate) async fn post(&self, tx: &mut WriteTx<'_>, letter: Letter) -> Result<MailId> {
        let id = self.new_id();
        database::mail::create(tx, &letter.compose().into_new_mail(id, self.now())).await?;
        Ok(id)
    }

    /// Whether browsers reach this installation on the machine itself and nowhere else.
    pub fn is_local(&self) -> bool {
        Url::parse(&self.settings().public_url).is_ok_and(|url| url.host().is_some_and(|host| is_loopback(&host)))
    }
}

/// Whether a host is this machine whatever a name server says.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
