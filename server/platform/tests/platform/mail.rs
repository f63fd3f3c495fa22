//! The outbox and the local mailbox: mails towards a real socket that speaks SMTP, and what happens when it does not.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use crate::house::{House, PUBLIC_URL, refusal};
use domain::{Actor, Secret};
use platform::{Platform, Smtp, SmtpSecurity, invitations::Invite, members::Role};
use tokio::sync::watch;

/// A mail as the server got it.
struct Received {
    to: Vec<String>,
    text: String,
}

/// What the server says to a recipient; when nothing is said, it takes.
enum Manner {
    Takes,
    /// Not now.
    Busy,
    /// Breaks off in the middle.
    HangsUp,
}

/// A mail server on a port of its own, without TLS, that gives what it got.
fn mail_server(manners: Vec<Manner>) -> (u16, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = channel();
    let manners = Arc::new(Mutex::new(VecDeque::from(manners)));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (manners, sender) = (Arc::clone(&manners), sender.clone());
            // A client that goes away ends only its own conversation.
            thread::spawn(move || converse(stream.unwrap(), &manners, &sender));
        }
    });
    (port, received)
}

fn converse(stream: TcpStream, manners: &Mutex<VecDeque<Manner>>, sender: &Sender<Received>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    writeln!(out, "220 here\r")?;
    while let Some(line) = lines.next() {
        let line = line?;
        let command = line.to_ascii_uppercase();
        if command.starts_with("EHLO") {
            write!(out, "250-here\r\n250 8BITMIME\r\n")?;
        } else if command.starts_with("RCPT TO:") {
            let manner = manners.lock().unwrap().pop_front();
            match manner.unwrap_or(Manner::Takes) {
                Manner::Takes => {
                    to.push(line[8..].trim_matches(['<', '>']).to_owned());
                    writeln!(out, "250 yes\r")?;
                }
                Manner::Busy => writeln!(out, "451 not now\r")?,
                Manner::HangsUp => return Ok(()),
            }
        } else if command == "DATA" {
            writeln!(out, "354 go on\r")?;
            let mut text = String::new();
            for line in lines.by_ref() {
                let line = line?;
                if line == "." {
                    break;
                }
                text.push_str(&line);
                text.push('\n');
            }
            sender.send(Received { to: std::mem::take(&mut to), text }).unwrap();
            writeln!(out, "250 taken\r")?;
        } else if command == "QUIT" {
            writeln!(out, "221 bye\r")?;
            return Ok(());
        } else {
            writeln!(out, "250 yes\r")?;
        }
    }
    Ok(())
}

fn smtp(port: u16, security: SmtpSecurity) -> Smtp {
    Smtp { host: "127.0.0.1".to_owned(), port, security, login: None, from: "Mandate <mandate@acme.example>".to_owned() }
}

async fn invite(platform: &Platform, actor: &Actor, email: &str) {
    let invite = Invite { email: email.to_owned(), name: "Vera".to_owned(), role: Role::Viewer };
    platform.invite(actor, invite).await.unwrap();
}

/// A house whose earlier mails are not in the way, and a platform over it that sends.
async fn sending(port: u16, security: SmtpSecurity) -> (House, Platform) {
    let house = House::on_sqlite().await;
    let mut tx = house.platform.database().system().await.unwrap();
    for mail in database::mail::latest(&mut tx, 100).await.unwrap() {
        database::mail::sent(&mut tx, mail.tenant, mail.id, crate::house::START).await.unwrap();
    }
    tx.housekeep(database::Housekeeping::Outbox).await.unwrap();
    let platform = house.with_mail(Some(smtp(port, security)), PUBLIC_URL);
    (house, platform)
}

async fn waiting(house: &House) -> usize {
    let mails = house.platform.mailbox().await.unwrap().len();
    let mut tx = house.platform.database().system_read().await.unwrap();
    let unsent = database::mail::latest(&mut tx, 100).await.unwrap().into_iter().filter(|mail| mail.sent_at.is_none()).count();
    assert!(unsent <= mails);
    unsent
}

#[tokio::test]
async fn a_mail_goes_out_once_with_its_id_to_one_recipient() {
    let (port, received) = mail_server(Vec::new());
    let (house, platform) = sending(port, SmtpSecurity::None).await;
    invite(&platform, &house.acme_admin().await, "vera@acme.example").await;
    invite(&platform, &house.globex_admin().await, "vera@globex.example").await;
    assert_eq!(platform.deliver_due().await.unwrap(), None, "nothing is left");
    let mut mails = [received.recv().unwrap(), received.recv().unwrap()];
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    assert_eq!(mails[0].to, ["vera@acme.example"]);
    assert_eq!(mails[1].to, ["vera@globex.example"]);
    assert!(mails[0].text.contains("Message-ID: <eml_") && mails[0].text.contains("@127.0.0.1>"), "{}", mails[0].text);
    assert!(mails[0].text.contains("Auto-Submitted: auto-generated"));
    assert!(mails[0].text.contains("ACME") && !mails[0].text.contains("GLOBEX"));
    assert_eq!(waiting(&house).await, 0);
    platform.deliver_due().await.unwrap();
    assert!(received.try_recv().is_err(), "it is sent once");
}

#[tokio::test]
async fn a_mail_server_that_does_not_take_a_mail_gets_it_again_later_and_holds_nothing_up() {
    let (port, received) = mail_server(vec![Manner::Busy, Manner::HangsUp]);
    let (house, platform) = sending(port, SmtpSecurity::None).await;
    invite(&platform, &house.acme_admin().await, "vera@acme.example").await;
    let again = platform.deliver_due().await.unwrap().unwrap();
    assert_eq!(again.since(crate::house::START), Duration::from_secs(30));
    platform.deliver_due().await.unwrap();
    assert!(received.try_recv().is_err(), "not before its time");
    house.clock.advance(Duration::from_secs(30));
    let again = platform.deliver_due().await.unwrap().unwrap();
    assert_eq!(again.since(crate::house::START), Duration::from_secs(30 + 60), "twice as long");
    house.clock.advance(Duration::from_mins(1));
    assert_eq!(platform.deliver_due().await.unwrap(), None);
    assert_eq!(received.recv().unwrap().to, ["vera@acme.example"]);
}

#[tokio::test]
async fn a_mail_nobody_takes_is_given_up_after_five_days() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (house, platform) = sending(closed, SmtpSecurity::None).await;
    invite(&platform, &house.acme_admin().await, "vera@acme.example").await;
    assert!(platform.deliver_due().await.unwrap().is_some());
    house.clock.advance(Duration::from_hours(5 * 24));
    assert_eq!(platform.deliver_due().await.unwrap(), None);
    let mut tx = house.platform.database().system_read().await.unwrap();
    let mails = database::mail::latest(&mut tx, 100).await.unwrap();
    let mail = mails.iter().find(|mail| mail.recipient == "vera@acme.example").unwrap();
    assert!(mail.sent_at.is_none() && mail.last_error.is_some(), "{mail:?}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_that_offers_no_protection_when_it_is_asked_for() {
    let (port, received) = mail_server(Vec::new());
    for security in [SmtpSecurity::StartTls, SmtpSecurity::Tls] {
        let (house, platform) = sending(port, security).await;
        invite(&platform, &house.acme_admin().await, "vera@acme.example").await;
        assert!(platform.deliver_due().await.unwrap().is_some(), "it waits");
        assert!(received.try_recv().is_err());
        assert_eq!(waiting(&house).await, 1);
    }
}

#[tokio::test]
async fn settings_that_would_send_links_in_the_clear_are_refused() {
    let (house, _) = sending(1, SmtpSecurity::None).await;
    let elsewhere = Smtp { host: "mail.acme.example".to_owned(), ..smtp(25, SmtpSecurity::None) };
    let platform = house.with_mail(Some(elsewhere), PUBLIC_URL);
    let (_stop, stopped) = watch::channel(false);
    assert!(platform.deliver_forever(stopped).await.unwrap_err().is_internal());
}

#[tokio::test]
async fn mails_are_sent_as_they_are_written_until_it_is_told_to_stop() {
    let (port, received) = mail_server(vec![Manner::Busy]);
    let (house, platform) = sending(port, SmtpSecurity::None).await;
    let (stop, stopped) = watch::channel(false);
    let delivery = tokio::spawn({
        let platform = platform.clone();
        async move { platform.deliver_forever(stopped).await }
    });
    let mut heard = platform.database().announcements();
    invite(&platform, &house.acme_admin().await, "vera@acme.example").await;
    heard.recv().await.unwrap();
    // The first try fails; the clock brings the second one.
    let received = tokio::task::spawn_blocking(move || {
        loop {
            match received.recv_timeout(Duration::from_millis(20)) {
                Ok(mail) => break mail,
                Err(_) => house.clock.advance(Duration::from_secs(31)),
            }
        }
    });
    assert_eq!(received.await.unwrap().to, ["vera@acme.example"]);
    stop.send(true).unwrap();
    delivery.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_mail_server_mails_stay_for_the_local_mailbox() {
    let house = House::on_sqlite().await;
    let (_stop, stopped) = watch::channel(false);
    house.platform.deliver_forever(stopped).await.unwrap();
    let mails = house.platform.mailbox().await.unwrap();
    assert_eq!(mails.len(), 2, "one invitation in each tenant");
    let one = house.platform.mailbox_message(mails[0].id).await.unwrap();
    assert!(one.text.contains(PUBLIC_URL) && one.html.unwrap().contains(PUBLIC_URL));
    assert_eq!(waiting(&house).await, 2);
}

#[tokio::test]
async fn there_is_no_local_mailbox_beside_a_mail_server_or_beyond_this_machine() {
    let house = House::on_sqlite().await;
    let id = house.platform.mailbox().await.unwrap()[0].id;
    let login = Some(("mandate".to_owned(), Secret::new("s3cret")));
    let with_smtp = house.with_mail(Some(Smtp { login, ..smtp(25, SmtpSecurity::None) }), PUBLIC_URL);
    let public = house.with_mail(None, "https://mandate.acme.example");
    let pretending = house.with_mail(None, "http://127.0.0.1.acme.example");
    for platform in [with_smtp, public, pretending] {
        assert!(!platform.has_mailbox());
        assert_eq!(refusal(platform.mailbox().await), (404, "not_found"));
        assert_eq!(refusal(platform.mailbox_message(id).await), (404, "not_found"));
    }
    for local in ["http://localhost:8080", "http://[::1]:8080", "http://127.9.9.9"] {
        assert!(house.with_mail(None, local).has_mailbox(), "{local}");
    }
}

#[tokio::test]
async fn sent_mails_are_removed_after_a_day_and_unsent_ones_stay() {
    let (port, received) = mail_server(Vec::new());
    let (house, platform) = sending(port, SmtpSecurity::None).await;
    invite(&platform, &house.acme_admin().await, "vera@acme.example").await;
    platform.deliver_due().await.unwrap();
    received.recv().unwrap();
    invite(&platform, &house.acme_admin().await, "later@acme.example").await;
    house.clock.advance(Duration::from_hours(25));
    platform.keep_house().await.unwrap();
    let left = house.platform.mailbox().await.unwrap();
    assert_eq!(left.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["later@acme.example"]);
}
