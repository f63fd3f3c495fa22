//! The local mailbox: mails that no server takes, for whoever tries the installation on its own machine. It shows other
//! people's links, so it answers 404 to everybody who is not there.

use askama::Template;
use domain::{MailId, Problem};
use platform::mail::MailShown;

use crate::{
    format::{self, Time},
    page::{self, Page},
    route::{Answer, Path, Result, Visitor},
    view,
};

#[derive(Template)]
#[template(path = "mailbox/page.html")]
struct View {
    page: Page,
    mails: Vec<Row>,
    open: Option<Opened>,
}

struct Row {
    id: String,
    subject: String,
    to: String,
    written: Time,
    current: bool,
}

struct Opened {
    subject: String,
    to: String,
    written: Time,
    text: Vec<Piece>,
}

/// A piece of a mail's text.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    text: String,
    is_link: bool,
}

/// The text in pieces: addresses that begin with `public_url` are links, nothing else is.
fn pieces(text: &str, public_url: &str) -> Vec<Piece> {
    let start = format!("{public_url}/");
    let mut pieces = Vec::new();
    let mut plain = |text: &str, is_link| {
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), is_link });
        }
    };
    let mut rest = text;
    while let Some(at) = rest.find(&start) {
        let (before, from) = rest.split_at(at);
        let (link, after) = from.split_at(from.find(|sign: char| sign.is_whitespace() || "<>\"".contains(sign)).unwrap_or(from.len()));
        plain(before, false);
        plain(link, true);
        rest = after;
    }
    plain(rest, false);
    pieces
}

async fn frame(visitor: &Visitor) -> Result<Page> {
    let mut page = match visitor.session().await? {
        Some(session) => page::of_person(visitor.visit(), &session).await?,
        None => visitor.page(),
    };
    page.notify(
        "warning",
        "Everybody on this machine sees these mails and can follow their links. Set a mail server before others use this installation.",
    );
    Ok(page)
}

async fn shown(visitor: &Visitor, open: Option<MailId>) -> Answer {
    if !visitor.visit().is_here() {
        return Err(Problem::not_found("page").into());
    }
    let (platform, now) = (visitor.platform(), visitor.platform().now());
    let mails = platform.mailbox().await?;
    let public_url = &platform.settings().public_url;
    let opened = |mail: &MailShown| Opened {
        subject: mail.subject.clone(),
        to: mail.to.clone(),
        written: format::moment(mail.written_at, now),
        text: pieces(&mail.text, public_url),
    };
    let open = match open {
        Some(id) => Some(mails.iter().find(|mail| mail.id == id).ok_or_else(|| Problem::not_found("mail"))?),
        None => mails.first(),
    };
    let row = |mail: &MailShown| Row {
        id: mail.id.to_string(),
        subject: mail.subject.clone(),
        to: mail.to.clone(),
        written: format::ago(mail.written_at, now),
        current: open.is_some_and(|open| open.id == mail.id),
    };
    view::html(&View { page: frame(visitor).await?, mails: mails.iter().map(row).collect(), open: open.map(opened) })
}

/// `GET /mailbox`: the mails, the newest of them opened.
pub(crate) async fn list(visitor: Visitor) -> Answer {
    shown(&visitor, None).await
}

/// `GET /mailbox/{id}`: the mails, this one opened.
pub(crate) async fn mail(visitor: Visitor, Path(id): Path<MailId>) -> Answer {
    shown(&visitor, Some(id)).await
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn only_addresses_of_our_own_are_links() {
        let text = "Decide: http://127.0.0.1:8080/a/tok\n\nhttp://evil.example/ javascript:alert(1) http://127.0.0.1:8080.evil.example/ <http://127.0.0.1:8080/x>";
        let links: Vec<String> =
            pieces(text, "http://127.0.0.1:8080").into_iter().filter(|piece| piece.is_link).map(|piece| piece.text).collect();
        assert_eq!(links, ["http://127.0.0.1:8080/a/tok", "http://127.0.0.1:8080/x"]);
        assert_eq!(pieces(text, "http://127.0.0.1:8080").into_iter().map(|piece| piece.text).collect::<String>(), text);
    }

    #[test]
    fn a_mail_is_shown_with_its_links() {
        let at = || format::clock(Timestamp::from_micros(0));
        let row = Row {
            id: "eml_1".to_owned(),
            subject: "Approve <x>".to_owned(),
            to: "a@acme.example".to_owned(),
            written: at(),
            current: true,
        };
        let text = pieces("Open http://127.0.0.1:8080/a/tok <now>", "http://127.0.0.1:8080");
        let open = Opened { subject: "Approve <x>".to_owned(), to: "a@acme.example".to_owned(), written: at(), text };
        let html = View { page: page::sample(), mails: vec![row], open: Some(open) }.render().unwrap();
        assert!(
            html.contains("<a href=\"http://127.0.0.1:8080/a/tok\">") && html.contains("&#60;now&#62;") && !html.contains("<x>"),
            "{html}"
        );
        let html = View { page: page::sample(), mails: Vec::new(), open: None }.render().unwrap();
        assert!(html.contains("No mail yet"));
    }
}
