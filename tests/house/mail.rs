//! Mail through a real SMTP server: that it arrives, that its links work, and that nothing depends on it being there.

use std::{path::Path, process::Command, time::Duration};

use database::RunStatus;
use platform::{Smtp, SmtpSecurity};
use serde_json::{Value, json};

use crate::{
    harness::{Choices, Engine, House, process::Program, things::approval_of},
    payment,
};

/// A running mail server.
struct MailServer {
    program: Program,
    port: u16,
}

/// A mail as it arrived.
struct Arrived {
    to: Vec<String>,
    /// The head, unfolded.
    head: String,
    /// The plain text.
    text: String,
}

impl MailServer {
    async fn start(port: u16) -> Self {
        let browser = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let mut program = Program::start(Command::new("node").arg("smtp.mjs").arg(port.to_string()).current_dir(browser));
        let line = program.line_with("listening").await;
        let port = serde_json::from_str::<Value>(&line).unwrap()["listening"].as_u64().unwrap();
        Self { program, port: u16::try_from(port).unwrap() }
    }

    fn smtp(&self) -> Smtp {
        Smtp {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security: SmtpSecurity::None,
            login: None,
            from: "Mandate <mandate@acme.example>".to_owned(),
        }
    }

    async fn next(&mut self) -> Arrived {
        let line = self.program.line_with("\"mail\"").await;
        let mail = &serde_json::from_str::<Value>(&line).unwrap()["mail"];
        let raw = mail["raw"].as_str().unwrap().replace("\r\n", "\n");
        let (head, _) = raw.split_once("\n\n").unwrap();
        let plain = raw.split("Content-Type: text/plain").nth(1).unwrap();
        let (kind, body) = plain.split_once("\n\n").unwrap();
        let body = body.split("\n--").next().unwrap();
        Arrived {
            to: mail["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned()).collect(),
            head: head.replace("\n ", " "),
            text: if kind.contains("quoted-printable") { from_quoted_printable(body) } else { body.to_owned() },
        }
    }
}

/// RFC 2045, 6.7.
fn from_quoted_printable(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' && after.len() >= 2 {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

async fn house_with(engine: Engine, server: &MailServer) -> House {
    House::with_samples(engine, Choices { smtp: Some(server.smtp()), ..Choices::default() }).await
}

#[tokio::test]
async fn the_approver_is_asked_by_mail_and_its_link_leads_to_the_decision() {
    let mut server = MailServer::start(0).await;
    let house = house_with(Engine::Postgres, &server).await;
    let run = house.start(&house.acme.developer, json!({"invoice_id": payment::LARGE})).await;
    approval_of(&house, &house.acme, run).await;
    let mail = server.next().await;
    assert_eq!(mail.to, ["approver@acme.example"]);
    assert!(mail.head.contains("Subject: [Acme] Approve: Pay 1840.5 EUR to Nordlicht Druck"), "{}", mail.head);
    assert!(mail.head.contains("Auto-Submitted: auto-generated") && mail.head.contains("Message-ID: <eml_"), "{}", mail.head);
    for part in ["DE02120300000000202051", "1840.5 EUR", "developer@acme.example", "payment-desk", "Opening the link changes nothing"] {
        assert!(mail.text.contains(part), "{part} in {}", mail.text);
    }
    let link = mail.text.lines().find(|line| line.starts_with(&format!("{}/a/", house.origin))).expect("a link on a line of its own");
    let page = house.acme.approver.get(link).await.expect(303);
    let page = house.acme.approver.get(page.location()).await.expect(200);
    let action = page
        .text
        .split("action=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .find(|action| action.ends_with("/decision"))
        .unwrap();
    house.acme.approver.submit(&page, action, &[("decision", "approve")]).await.expect(303);
    assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Completed);
    house.nobody.get("/mailbox").await.expect(404);
    house.end().await;
}

#[tokio::test]
async fn an_invitation_arrives_and_lets_its_addressee_in() {
    let mut server = MailServer::start(0).await;
    let house = house_with(Engine::Sqlite, &server).await;
    let invite = [("email", "ina@acme.example"), ("name", "Ina"), ("role", "approver")];
    house.acme.admin.post("/t/acme/invitations", &invite).await.expect(303);
    let mail = server.next().await;
    assert_eq!(mail.to, ["ina@acme.example"]);
    let link = mail.text.lines().find(|line| line.starts_with(&format!("{}/invitations/", house.origin))).unwrap();
    let joined = house.nobody.post(link, &[("name", "Ina"), ("password", crate::harness::PASSWORD)]).await.expect(303);
    assert!(joined.cookie("sid").is_some());
    house.end().await;
}

#[tokio::test]
async fn a_mail_server_that_is_down_holds_up_no_decision_and_loses_no_mail() {
    let server = MailServer::start(0).await;
    let port = server.port;
    let house = house_with(Engine::Sqlite, &server).await;
    drop(server);
    let (run, approval) = payment::asked(&house).await;
    // The inbox has it without any mail.
    house.acme.approver.get("/t/acme/approvals").await.expect(200).says(&["Waits for you", "Nordlicht Druck"]);
    payment::approve(&house, approval).await;
    assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Completed);
    // Back again, it gets the mail, late and once.
    let mut server = MailServer::start(port).await;
    house.clock.advance(Duration::from_hours(2));
    let mail = server.next().await;
    assert_eq!(mail.to, ["approver@acme.example"]);
    assert!(mail.text.contains("Nordlicht Druck"));
    house.clock.advance(Duration::from_hours(2));
    house.acme.admin.post("/t/acme/invitations", &[("email", "next@acme.example"), ("name", "N"), ("role", "viewer")]).await.expect(303);
    assert_eq!(server.next().await.to, ["next@acme.example"], "the first mail came once");
    house.end().await;
}
