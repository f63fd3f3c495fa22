//! The outbox.

use database::{
    Housekeeping,
    mail::{self, NewMail},
};
use serde_json::json;

use crate::site::{Site, at, event};

on_both_engines! {
    a_mail_is_claimed_once_until_it_is_due_again
    a_mail_whose_transaction_did_not_commit_does_not_exist
    a_mail_that_was_given_up_is_not_tried_again
    the_local_mailbox_shows_the_newest_mails_of_every_tenant
}

fn new(site: &Site, recipient: &str, second: u64) -> NewMail {
    NewMail {
        id: site.id(),
        recipient: recipient.to_owned(),
        subject: "Please decide".to_owned(),
        text_body: "https://mandate.example/a/secret".to_owned(),
        html_body: None,
        headers: json!({"Auto-Submitted": "auto-generated"}),
        reference: "apr_1".to_owned(),
        created_at: at(second),
    }
}

async fn write(site: &Site, mail: &NewMail) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    mail::create(&mut tx, mail).await.unwrap();
    tx.commit(event()).await.unwrap();
}

async fn a_mail_is_claimed_once_until_it_is_due_again(site: &Site) {
    let new = new(site, "a@acme.example", 0);
    write(site, &new).await;
    let mut tx = site.system().await;
    assert_eq!(mail::next_due(&mut tx).await.unwrap(), Some(at(0)));
    let claimed = mail::claim_due(&mut tx, at(0), at(60), 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].tenant, claimed[0].id, claimed[0].attempts), (site.acme.id, new.id, 1));
    assert_eq!(claimed[0].headers, new.headers);
    assert!(mail::claim_due(&mut tx, at(59), at(90), 10).await.unwrap().is_empty());
    tx.housekeep(Housekeeping::Outbox).await.unwrap();

    // The sender died: the mail is due again by itself.
    let mut tx = site.system().await;
    assert_eq!(mail::claim_due(&mut tx, at(60), at(120), 10).await.unwrap()[0].attempts, 2);
    assert!(mail::sent(&mut tx, site.acme.id, new.id, at(61)).await.unwrap());
    assert!(!mail::sent(&mut tx, site.acme.id, new.id, at(62)).await.unwrap());
    assert!(!mail::failed(&mut tx, site.acme.id, new.id, "too late", Some(at(70))).await.unwrap());
    assert_eq!(mail::next_due(&mut tx).await.unwrap(), None);
    assert_eq!(mail::delete_sent(&mut tx, at(61)).await.unwrap(), 0);
    assert_eq!(mail::delete_sent(&mut tx, at(62)).await.unwrap(), 1);
    tx.housekeep(Housekeeping::Outbox).await.unwrap();
}

async fn a_mail_whose_transaction_did_not_commit_does_not_exist(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    mail::create(&mut tx, &new(site, "a@acme.example", 0)).await.unwrap();
    drop(tx);
    let mut tx = site.system().await;
    assert!(mail::claim_due(&mut tx, at(1000), at(2000), 10).await.unwrap().is_empty());
}

async fn a_mail_that_was_given_up_is_not_tried_again(site: &Site) {
    let new = new(site, "a@acme.example", 0);
    write(site, &new).await;
    let mut tx = site.system().await;
    mail::claim_due(&mut tx, at(0), at(60), 10).await.unwrap();
    assert!(mail::failed(&mut tx, site.acme.id, new.id, "550 no such mailbox", None).await.unwrap());
    assert_eq!(mail::next_due(&mut tx).await.unwrap(), None);
    let kept = mail::find(&mut tx, site.acme.id, new.id).await.unwrap().unwrap();
    assert_eq!((kept.last_error.as_deref(), kept.sent_at), (Some("550 no such mailbox"), None));
    assert!(!format!("{kept:?} {new:?}").contains("secret"), "a log line must not hold the link");
}

async fn the_local_mailbox_shows_the_newest_mails_of_every_tenant(site: &Site) {
    for (recipient, second) in [("old@acme.example", 0), ("new@acme.example", 9), ("middle@acme.example", 5)] {
        write(site, &new(site, recipient, second)).await;
    }
    let mut tx = site.database().system_read().await.unwrap();
    let latest = mail::latest(&mut tx, 2).await.unwrap();
    assert_eq!(latest.iter().map(|mail| mail.recipient.as_str()).collect::<Vec<_>>(), ["new@acme.example", "middle@acme.example"]);
    assert_eq!(mail::find(&mut tx, site.globex.id, latest[0].id).await.unwrap(), None);
}
