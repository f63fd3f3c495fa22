//! The audit log: pages, filters, the export, and denials that are counted.

use database::{
    Housekeeping,
    audit::{self, Denial, Filter},
};
use domain::{
    Scope,
    audit::{AuditEvent, AuditEvents, Verifier, export_line},
    permission::{AuditExport, AuditRead},
};
use serde_json::json;

use crate::{
    engines::START,
    site::{Site, at, scope},
};

on_both_engines! {
    a_page_of_the_log_is_stable_while_rows_are_added
    filters_find_what_they_say
    a_searched_text_means_itself
    an_export_in_pieces_is_accepted_by_the_verifier
    the_installation_has_a_chain_of_its_own
    repeated_denials_are_counted_in_their_minute
}

async fn record(site: &Site, event: AuditEvent) {
    let actor = site.actor(&site.acme).await;
    let tx = site.write(&actor).await;
    tx.commit(AuditEvents::one(event)).await.unwrap();
}

async fn found(site: &Site, filter: &Filter) -> Vec<String> {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let page = audit::page(&mut tx, &scope(&actor), filter, None, 100).await.unwrap();
    page.items.into_iter().map(|row| row.target_id).filter(|id| !id.is_empty() && id.starts_with("x_")).collect()
}

async fn a_page_of_the_log_is_stable_while_rows_are_added(site: &Site) {
    for number in 0..5 {
        record(site, AuditEvent::done("run.started", "run", format!("x_{number}"), "")).await;
    }
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let first = audit::page(&mut tx, &scope(&actor), &Filter::default(), None, 2).await.unwrap();
    drop(tx);
    record(site, AuditEvent::done("run.started", "run", "x_5", "")).await;
    let mut tx = site.read(&actor).await;
    let second = audit::page(&mut tx, &scope(&actor), &Filter::default(), first.next, 2).await.unwrap();
    let ids: Vec<&str> = first.items.iter().chain(&second.items).map(|row| row.target_id.as_str()).collect();
    assert_eq!(ids, ["x_4", "x_3", "x_2", "x_1"]);
    assert!(first.items[0].at == START && first.items[0].outcome == "done" && first.items[0].action == "run.started");
}

async fn filters_find_what_they_say(site: &Site) {
    record(site, AuditEvent::done("approval.approved", "approval", "x_1", "Pay 50 EUR")).await;
    record(site, AuditEvent::done("approval.rejected", "approval", "x_2", "Pay 60 EUR").with("why", "Too MUCH")).await;
    record(site, AuditEvent::done("run.started", "run", "x_3", "Vendor payment")).await;
    for (filter, ids) in [
        (Filter::default(), vec!["x_3", "x_2", "x_1"]),
        (Filter { action: Some("approval.".to_owned()), ..Filter::default() }, vec!["x_2", "x_1"]),
        (Filter { action: Some("approval.approved".to_owned()), ..Filter::default() }, vec!["x_1"]),
        (Filter { action: Some("pproval".to_owned()), ..Filter::default() }, vec![]),
        (Filter { text: Some("PAY 60".to_owned()), ..Filter::default() }, vec!["x_2"]),
        (Filter { text: Some("too much".to_owned()), ..Filter::default() }, vec!["x_2"]),
        (Filter { text: Some(String::new()), ..Filter::default() }, vec!["x_3", "x_2", "x_1"]),
        (Filter { target: Some("x_3".to_owned()), ..Filter::default() }, vec!["x_3"]),
        (Filter { actor: Some("somebody@acme.example".to_owned()), ..Filter::default() }, vec!["x_3", "x_2", "x_1"]),
        (Filter { actor: Some("nobody".to_owned()), ..Filter::default() }, vec![]),
        (Filter { target: Some("x_1".to_owned()), actor: Some("somebody@acme.example".to_owned()), ..Filter::default() }, vec!["x_1"]),
        (Filter { target: Some("x_1".to_owned()), action: Some("run.".to_owned()), ..Filter::default() }, vec![]),
        (Filter { since: Some(START), until: Some(at(1)), ..Filter::default() }, vec!["x_3", "x_2", "x_1"]),
        (Filter { since: Some(at(1)), ..Filter::default() }, vec![]),
        (Filter { until: Some(START), ..Filter::default() }, vec![]),
    ] {
        assert_eq!(found(site, &filter).await, ids, "{filter:?}");
    }
}

async fn a_searched_text_means_itself(site: &Site) {
    for (id, name) in [("x_1", "50% off"), ("x_2", "500 off"), ("x_3", "a_b"), ("x_4", "acb"), ("x_5", "back\\slash")] {
        record(site, AuditEvent::done("test.named", "test", id, name)).await;
    }
    for (searched, id) in [("50% off", "x_1"), ("a_b", "x_3"), ("back\\slash", "x_5")] {
        assert_eq!(found(site, &Filter { text: Some(searched.to_owned()), ..Filter::default() }).await, [id], "{searched}");
    }
}

async fn an_export_in_pieces_is_accepted_by_the_verifier(site: &Site) {
    for number in 0..5 {
        record(site, AuditEvent::done("run.started", "run", format!("x_{number}"), "\"quoted\", \u{e9}")).await;
    }
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let (mut verifier, mut after) = (Verifier::new(), 0);
    loop {
        let export: Scope<'_, AuditExport> = scope(&actor);
        let rows = audit::export(&mut tx, &export, after, 3).await.unwrap();
        for row in &rows {
            verifier.check(&export_line(&row.canonical, &row.hash)).unwrap();
        }
        after = rows.last().map_or(after, |row| row.seq);
        if rows.len() < 3 {
            break;
        }
    }
    let head = audit::head(&mut tx, &scope::<AuditRead>(&actor)).await.unwrap();
    let (lines, chain, last) = verifier.finish();
    assert_eq!((last, chain), (Some((head.seq, head.hash)), Some(site.acme.id.to_string())));
    assert_eq!(i64::try_from(lines).unwrap(), head.seq);
    assert_eq!(audit::first_since(&mut tx, &scope(&actor), START).await.unwrap(), Some(1));
    assert_eq!(audit::first_since(&mut tx, &scope(&actor), at(1)).await.unwrap(), None);
}

async fn the_installation_has_a_chain_of_its_own(site: &Site) {
    let before = audit::installation_head(&mut site.database().system_read().await.unwrap()).await.unwrap();
    site.commit(site.system().await).await;
    let mut tx = site.database().system_read().await.unwrap();
    let head = audit::installation_head(&mut tx).await.unwrap();
    assert_eq!(head.seq, before.seq + 1);
    let rows = audit::installation_export(&mut tx, before.seq, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.seq, row.hash)).collect::<Vec<_>>(), [(head.seq, head.hash)]);
}

async fn repeated_denials_are_counted_in_their_minute(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let denial = |minute| Denial {
        key: "per_1 run:cancel run_1".to_owned(),
        minute,
        actor: json!({"label": "viewer@acme.example"}),
        event: json!({"permission": "run:cancel"}),
    };
    for (minute, count) in [(7, 1), (7, 2), (8, 1), (7, 3)] {
        let mut tx = site.write(&actor).await;
        assert_eq!(audit::count_denial(&mut tx, &denial(minute)).await.unwrap(), count);
        tx.housekeep(Housekeeping::Denials).await.unwrap();
    }
    let mut tx = site.system().await;
    let due = audit::denials_due(&mut tx, 8, 10).await.unwrap();
    assert_eq!(due.len(), 1, "the present minute is not over");
    assert_eq!((due[0].tenant, due[0].count, &due[0].denial), (site.acme.id, 3, &denial(7)));
    assert!(audit::delete_denial(&mut tx, &due[0]).await.unwrap());
    assert!(!audit::delete_denial(&mut tx, &due[0]).await.unwrap());
    assert!(audit::denials_due(&mut tx, 8, 10).await.unwrap().is_empty());
}
