//! What a mail says, in parts that become a plain text and the same as HTML.
//!
//! The plain text comes first and is complete: everything, the address of the page and the expiry among it. The
//! HTML says the same with one button; it loads nothing from anywhere and counts nobody's reading.

use std::fmt;

use database::{batch::MailRecord, mail::NewMail};
use domain::{MailId, Timestamp};
use serde_json::{Map, Value};

use super::text::{cut, escaped, one_line, wrapped};
use crate::words::moment;

/// The most signs of a subject; mail programs show fewer.
const SUBJECT: usize = 160;
/// The most signs of a paragraph or of the value of a fact: a mail stays below what programs cut off.
const LONGEST: usize = 2_000;
const CLOSING: &str = "This mail was sent automatically. Answers to it are not read.";

/// A part of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Paragraph(String),
    Facts(Vec<(String, String)>),
    Action { label: String, url: String },
}

impl Block {
    fn text(&self) -> String {
        match self {
            Self::Paragraph(text) => wrapped(text, 0),
            Self::Facts(facts) => facts.iter().map(|(name, value)| wrapped(&format!("{name}: {value}"), 4)).collect::<Vec<_>>().join("\n"),
            Self::Action { label, url } => format!("{}\n{url}", wrapped(&format!("{label}:"), 0)),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Paragraph(text) => format!("<p style=\"margin:0 0 16px\">{}</p>\n", escaped(text)),
            Self::Facts(facts) => {
                let mut rows = String::with_capacity(facts.len() * 256);
                for (name, value) in facts {
                    rows += "<tr><td style=\"padding:4px 16px 4px 0;color:#59636e;vertical-align:top\">";
                    rows += &escaped(name);
                    rows += "</td><td style=\"padding:4px 0;word-break:break-word\">";
                    rows += &escaped(value);
                    rows += "</td></tr>\n";
                }
                format!(
                    "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" style=\"margin:0 0 16px;border-collapse:collapse\">\n{rows}</table>\n"
                )
            }
            Self::Action { label, url } => {
                let (label, url) = (escaped(label), escaped(url));
                format!(
                    "<p style=\"margin:24px 0 8px\"><a href=\"{url}\" style=\"display:inline-block;padding:12px 20px;border-radius:6px;\
                     background:#0f5c5a;color:#ffffff;text-decoration:none;font-weight:600\">{label}</a></p>\n\
                     <p style=\"margin:0 0 16px;font-size:14px;color:#59636e;word-break:break-all\">{url}</p>\n"
                )
            }
        }
    }
}

/// A mail in the making. Whatever text goes in, it cannot become a header or a line of its own.
#[derive(Clone)]
pub struct Letter {
    to: String,
    subject: String,
    reference: String,
    headers: Vec<(&'static str, String)>,
    blocks: Vec<Block>,
}

/// A mail as it goes to the outbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The one address it goes to.
    pub to: String,
    /// The subject, on one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// The public id of what it is about.
    pub reference: String,
    /// Headers beside those that every mail has.
    pub headers: Vec<(&'static str, String)>,
}

impl Letter {
    /// A letter to one address. `reference` is the public id of what it is about, and no text for people.
    pub fn new(to: &str, subject: &str, reference: impl fmt::Display) -> Self {
        Self {
            to: to.to_owned(),
            subject: cut(&one_line(subject), SUBJECT),
            reference: reference.to_string(),
            headers: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// One more paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: &str) -> Self {
        self.blocks.push(Block::Paragraph(cut(&one_line(text), LONGEST)));
        self
    }

    /// One more fact, on a line of its own under the one before.
    #[must_use]
    pub fn fact(mut self, name: &str, value: &str) -> Self {
        let fact = (one_line(name), cut(&one_line(value), LONGEST));
        match self.blocks.last_mut() {
            Some(Block::Facts(facts)) => facts.push(fact),
            _ => self.blocks.push(Block::Facts(vec![fact])),
        }
        self
    }

    /// One more fact that is a moment.
    #[must_use]
    pub fn fact_at(self, name: &str, at: Timestamp) -> Self {
        self.fact(name, &moment(at))
    }

    /// The one thing to do: a button in the HTML, and the address on a line of its own in both forms.
    #[must_use]
    pub fn action(mut self, label: &str, url: &str) -> Self {
        self.blocks.push(Block::Action { label: one_line(label), url: one_line(url) });
        self
    }

    /// Lets mail programs sort it (RFC 2919): `topic` and the tenant's slug at the installation's host.
    #[must_use]
    pub fn list(mut self, topic: &str, slug: &str, host: &str) -> Self {
        self.headers.push(("List-Id", one_line(&format!("<{topic}.{slug}.{host}>"))));
        self
    }

    /// Puts it into the conversation that a mail with this message id began.
    #[must_use]
    pub fn answers(mut self, message_id: &str) -> Self {
        let id = one_line(message_id);
        self.headers.push(("In-Reply-To", id.clone()));
        self.headers.push(("References", id));
        self
    }

    /// Both forms of the letter.
    pub fn compose(self) -> Outgoing {
        Outgoing {
            text: self.text(),
            html: Some(self.html()),
            to: self.to,
            subject: self.subject,
            reference: self.reference,
            headers: self.headers,
        }
    }

    fn text(&self) -> String {
        let mut parts: Vec<String> = self.blocks.iter().map(Block::text).collect();
        parts.push(format!("-- \n{}", wrapped(CLOSING, 0)));
        let mut text = parts.join("\n\n");
        text.push('\n');
        text
    }

    fn html(&self) -> String {
        let body: String = self.blocks.iter().map(Block::html).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n</head>\n<body style=\"margin:0;padding:24px 12px\">\n\
             <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\"><tr><td align=\"center\">\n\
             <table role=\"presentation\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\" style=\"width:100%;max-width:600px;\
             text-align:left;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif\"><tr><td>\n\
             {body}<p style=\"margin:24px 0 0;font-size:13px;color:#59636e\">{CLOSING}</p>\n\
             </td></tr></table>\n</td></tr></table>\n</body>\n</html>\n",
            escaped(&self.subject)
        )
    }
}

impl Outgoing {
    fn headers_value(&self) -> Value {
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
        Value::Object(headers)
    }

    /// As a row that a verb writes.
    pub fn into_new_mail(self, id: MailId, now: Timestamp) -> NewMail {
        NewMail {
            id,
            headers: self.headers_value(),
            recipient: self.to,
            subject: self.subject,
            text_body: self.text,
            html_body: self.html,
            reference: self.reference,
            created_at: now,
        }
    }

    /// As a record that the engine writes together with the facts of a run.
    pub fn into_record(self, id: MailId) -> MailRecord {
        MailRecord {
            id,
            headers: self.headers_value().to_string(),
            recipient: self.to,
            subject: self.subject,
            text_body: self.text,
            html_body: self.html,
            reference: self.reference,
        }
    }
}

impl fmt::Debug for Letter {
    /// Without what it says: letters hold links that open doors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a letter to {} about {}", self.to, self.reference)
    }
}

impl fmt::Debug for Outgoing {
    /// Without what it says: mails hold links that open doors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mail to {} about {}", self.to, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::text::COLUMNS;

    fn letter() -> Outgoing {
        Letter::new("fin@acme.example", "[Acme]\r\nBcc: x@evil.example Approve", "apr_1")
            .paragraph(&"A run waits for your decision. ".repeat(8))
            .fact("Payment", "pay <1042>\nAmount: 1 USD")
            .fact_at("Until", Timestamp::from_micros(0))
            .action("Look at it", "https://mandate.example/a/token")
            .list("approvals", "acme", "mandate.example")
            .compose()
    }

    #[test]
    fn a_subject_is_one_line_whatever_is_in_it() {
        assert_eq!(letter().subject, "[Acme] Bcc: x@evil.example Approve");
        assert_eq!(Letter::new("a@b.example", &"x".repeat(500), "r").compose().subject.chars().count(), SUBJECT);
    }

    #[test]
    fn the_plain_text_is_complete_and_narrow() {
        let text = letter().text;
        assert!(text.contains("\nhttps://mandate.example/a/token\n"), "{text}");
        assert!(text.contains("\nPayment: pay <1042> Amount: 1 USD\nUntil: Thu 1 Jan 1970, 00:00 UTC\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
    }

    #[test]
    fn the_html_takes_no_markup_from_values_and_loads_nothing() {
        let html = letter().html.unwrap();
        assert!(html.contains("pay &lt;1042&gt; Amount"), "{html}");
        assert!(!html.contains("<img") && !html.contains("<link") && !html.contains("<script"), "{html}");
        assert_eq!(html.matches("href=").count(), 1, "one thing to do");
    }

    #[test]
    fn debug_does_not_show_the_link() {
        assert!(!format!("{:?}", letter()).contains("token"));
    }
}
