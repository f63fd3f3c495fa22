//! Speaking to a mail server: the connection, and the message as it goes over the wire.

use std::time::{Duration, SystemTime};

use database::mail::MailRow;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::authentication::Credentials,
};
use url::Host;

use crate::{Smtp, SmtpSecurity, mail::text::one_line};

/// How long one exchange with the server may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Headers a letter may bring along; another name in a row is a defect, and the mail is not sent.
const HEADERS: &[&str] = &["List-Id", "In-Reply-To", "References"];

/// Why mail cannot be sent with these settings, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpRefused {
    /// The sender is no address.
    #[error("The sender of mails, `{0}`, is not an e-mail address. Set mail.from to one, such as mandate@example.com.")]
    Sender(String),
    /// No protection towards another machine.
    #[error(
        "Mail to {0} would leave this machine unprotected, with links in it that open doors. Set mail.security to `tls` or `starttls`; `none` is for a server on this machine."
    )]
    Unprotected(String),
    /// TLS cannot be set up for this name.
    #[error("Mail cannot be sent by `{host}`: {reason}")]
    Server {
        /// The name.
        host: String,
        /// Why.
        reason: String,
    },
}

/// One who brings mails to a server.
pub(super) struct Courier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
}

/// Why a mail was not handed over.
pub(super) enum NotSent {
    /// It can never be: its row is no mail.
    Never(String),
    /// Another try may succeed.
    Later(String),
}

impl Smtp {
    /// Whether mail can be sent with these settings, as far as that is known without asking the server.
    ///
    /// # Errors
    /// Why not, for the operator.
    pub fn check(&self) -> Result<(), SmtpRefused> {
        Courier::new(self, "localhost").map(drop)
    }

    /// Whether the server answers and lets us in, asked without sending anything.
    ///
    /// # Errors
    /// Why not, for the operator.
    pub async fn reach(&self) -> Result<(), String> {
        let courier = Courier::new(self, "localhost").map_err(|refused| refused.to_string())?;
        match courier.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("it answers, and takes no mail now".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn is_on_this_machine(&self) -> bool {
        Host::parse(&self.host).is_ok_and(|host| super::is_loopback(&borrowed(&host)))
    }
}

fn borrowed(host: &Host<String>) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    }
}

impl Courier {
    /// One who knows the server; connects when the first mail is there. `host` is the name of the installation.
    pub(super) fn new(smtp: &Smtp, host: &str) -> Result<Self, SmtpRefused> {
        let from = smtp.from.parse().map_err(|_| SmtpRefused::Sender(smtp.from.clone()))?;
        let unusable = |error: lettre::transport::smtp::Error| SmtpRefused::Server { host: smtp.host.clone(), reason: error.to_string() };
        let builder = match smtp.security {
            SmtpSecurity::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&smtp.host).map_err(unusable)?,
            SmtpSecurity::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&smtp.host).map_err(unusable)?,
            SmtpSecurity::None if smtp.is_on_this_machine() => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host),
            SmtpSecurity::None => return Err(SmtpRefused::Unprotected(smtp.host.clone())),
        };
        let mut builder = builder.port(smtp.port).timeout(Some(TIME_LIMIT));
        if let Some((user, password)) = &smtp.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Self { transport: builder.build(), from, host: host.to_owned() })
    }

    /// Hands one mail over to the server.
    pub(super) async fn hand_over(&self, mail: &MailRow) -> Result<(), NotSent> {
        let message = self.message(mail).map_err(NotSent::Never)?;
        match tokio::time::timeout(TIME_LIMIT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            // What the server refuses for good today may be its settings, or ours, and mended tomorrow.
            Ok(Err(error)) => Err(NotSent::Later(error.to_string())),
            Err(_) => Err(NotSent::Later(format!("the mail server did not answer within {} seconds", TIME_LIMIT.as_secs()))),
        }
    }

    fn message(&self, mail: &MailRow) -> Result<Message, String> {
        let to: Address = mail.recipient.parse().map_err(|error| format!("the recipient is no address: {error}"))?;
        let written = u64::try_from(mail.created_at.micros()).unwrap_or(0);
        let mut builder = Message::builder()
            .message_id(Some(format!("<{}@{}>", mail.id, self.host)))
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(written))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&mail.subject));
        // RFC 3834, 5: nobody's out-of-office answer shall come back.
        for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
            builder = builder.raw_header(header(name, value)?);
        }
        let headers = mail.headers.as_object().ok_or("the headers are no object")?;
        for (name, value) in headers {
            let value =
                value.as_str().filter(|_| HEADERS.contains(&name.as_str())).ok_or_else(|| format!("`{name}` is no header of a letter"))?;
            builder = builder.raw_header(header(name, value)?);
        }
        match &mail.html_body {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(mail.text_body.clone(), html.clone())),
            None => builder.singlepart(SinglePart::plain(mail.text_body.clone())),
        }
        .map_err(|error| error.to_string())
    }
}

fn header(name: &str, value: &str) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, one_line(value)))
}

#[cfg(test)]
mod tests {
    use domain::{Id, Timestamp, entropy::SeededEntropy};
    use serde_json::json;

    use super::*;

    fn smtp(host: &str, security: SmtpSecurity) -> Smtp {
        Smtp { host: host.to_owned(), port: 25, security, login: None, from: "Mandate <mandate@acme.example>".to_owned() }
    }

    fn mail() -> MailRow {
        let (now, entropy) = (Timestamp::from_micros(1_795_257_663_112_000), SeededEntropy::new(1));
        MailRow {
            tenant: Id::new(now, &entropy),
            id: Id::new(now, &entropy),
            recipient: "fin@acme.example".to_owned(),
            subject: "Zahlung für Ü\r\nBcc: all@evil.example".to_owned(),
            text_body: "Hello\n".to_owned(),
            html_body: Some("<p>Hello</p>".to_owned()),
            headers: json!({"List-Id": "<approvals.acme.localhost>"}),
            reference: "apr_1".to_owned(),
            created_at: now,
            attempts: 1,
            next_attempt_at: None,
            sent_at: None,
            last_error: None,
        }
    }

    #[tokio::test]
    async fn a_message_has_one_id_says_it_is_automatic_and_smuggles_no_header() {
        let courier = Courier::new(&smtp("127.0.0.1", SmtpSecurity::None), "mandate.example").unwrap();
        let mail = mail();
        let text = String::from_utf8(courier.message(&mail).unwrap().formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(head.contains(&format!("Message-ID: <{}@mandate.example>", mail.id)), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated") && head.contains("List-Id: <approvals.acme.localhost>"), "{head}");
        assert!(head.contains("Date: Sat, 21 Nov 2026 10:41:03 +0000"), "{head}");
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        let (plain, html) = (text.find("text/plain").unwrap(), text.find("text/html").unwrap());
        assert!(plain < html, "the plain text comes first");
    }

    #[tokio::test]
    async fn a_row_with_an_unknown_header_or_no_address_is_no_mail() {
        let courier = Courier::new(&smtp("127.0.0.1", SmtpSecurity::None), "mandate.example").unwrap();
        assert!(courier.message(&MailRow { headers: json!({"Bcc": "x@y.example"}), ..mail() }).is_err());
        assert!(courier.message(&MailRow { recipient: "nobody".to_owned(), ..mail() }).is_err());
    }

    #[tokio::test]
    async fn only_a_server_on_this_machine_may_go_without_tls() {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            assert_eq!(smtp(host, SmtpSecurity::None).check(), Ok(()), "{host}");
        }
        for host in ["mail.acme.example", "10.0.0.1", "localhost.acme.example"] {
            assert_eq!(smtp(host, SmtpSecurity::None).check(), Err(SmtpRefused::Unprotected(host.to_owned())));
            assert_eq!(smtp(host, SmtpSecurity::StartTls).check(), Ok(()), "{host}");
        }
        let nobody = Smtp { from: "nobody".to_owned(), ..smtp("localhost", SmtpSecurity::None) };
        assert!(matches!(nobody.check(), Err(SmtpRefused::Sender(_))));
    }
}
