//! The audit log: looking, taking away, and checking what was taken.

use domain::{Actor, Cursor};
use platform::{
    audit::{Filter, VerifyError, verify_export},
    members::Role,
    variables::VariableKind,
};

use crate::house::{House, fields, refusal};

async fn with_changes(house: &House, count: usize) -> Actor {
    let admin = house.acme_admin().await;
    for number in 0..count {
        house.platform.set_variable(&admin, "rate", VariableKind::Number, &number.to_string()).await.unwrap();
    }
    admin
}

async fn exported(house: &House, actor: &Actor) -> String {
    let mut export = house.platform.audit_export(actor).await.unwrap();
    let mut text = String::new();
    while let Some(lines) = export.next().await.unwrap() {
        text.push_str(&lines);
    }
    text
}

/// The line of the first bad row.
fn first_bad(text: &[u8]) -> Option<usize> {
    match verify_export(text) {
        Ok(_) => None,
        Err(VerifyError::Bad(bad)) => Some(bad.line),
        Err(VerifyError::Unreadable(error)) => panic!("{error}"),
    }
}

in_a_rehearsing_house! {
    async fn rows_say_who_did_what_when_and_from_where(house) {
        let admin = with_changes(&house, 2).await;
        let page = house.platform.audit(&admin, &Filter::default(), None, 50).await.unwrap();
        let newest = &page.items[0];
        assert_eq!((newest.actor.as_str(), newest.door.as_str(), newest.action.as_str()), ("admin@acme.example", "page", "config.changed"));
        assert_eq!((newest.target_kind.as_str(), newest.target_name.as_str(), newest.outcome.as_str()), ("variable", "rate", "done"));
        assert_eq!((newest.address.as_deref(), newest.at), (Some("192.0.2.1"), house.platform.now()));
        assert_eq!(newest.request, admin.request().id.to_string());
        assert_eq!((&newest.detail["before"], &newest.detail["value"]), (&serde_json::json!(0), &serde_json::json!(1)));
        let state = house.platform.audit_state(&admin).await.unwrap();
        assert_eq!((state.seq, state.chain), (newest.seq, house.acme.id.to_string()));
    }

    async fn pages_and_filters_find_what_is_looked_for(house) {
        let admin = with_changes(&house, 5).await;
        let mut seen = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let page = house.platform.audit(&admin, &Filter::default(), after, 3).await.unwrap();
            seen.extend(page.items.iter().map(|line| line.seq));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let last = house.platform.audit_state(&admin).await.unwrap().seq;
        assert_eq!(seen, (1..=last).rev().collect::<Vec<_>>(), "each row once, newest first");
        let found = async |filter: Filter| house.platform.audit(&admin, &filter, None, 50).await.unwrap().items.len();
        assert_eq!(found(Filter { action: Some("config.".to_owned()), ..Filter::default() }).await, 5);
        assert_eq!(found(Filter { text: Some("RATE".to_owned()), ..Filter::default() }).await, 5);
        assert_eq!(found(Filter { text: Some("%".to_owned()), ..Filter::default() }).await, 0, "signs stand for themselves");
        assert_eq!(found(Filter { actor: Some("approver@acme.example".to_owned()), action: Some("config.".to_owned()), ..Filter::default() }).await, 0);
        let now = house.platform.now();
        assert_eq!(found(Filter { since: Some(now.after(std::time::Duration::from_secs(1))), ..Filter::default() }).await, 0);
        assert_eq!(found(Filter { until: Some(now), ..Filter::default() }).await, 0);
        let endless = Filter { text: Some("x".repeat(201)), ..Filter::default() };
        assert_eq!(fields(house.platform.audit(&admin, &endless, None, 50).await), ["text"]);
    }

    async fn a_table_of_the_log_holds_every_row_and_runs_nothing(house) {
        let admin = house.acme_admin().await;
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "say \"hi\", then"] {
            house.platform.set_variable(&admin, "note", VariableKind::String, text).await.unwrap();
        }
        let before = house.platform.audit_state(&admin).await.unwrap().seq;
        let mut export = house.platform.audit_export_csv(&admin).await.unwrap();
        let mut table = String::new();
        while let Some(lines) = export.next().await.unwrap() {
            table.push_str(&lines);
        }
        let lines: Vec<&str> = table.split_terminator("\r\n").collect();
        assert_eq!(lines.len() as i64, before + 1, "the names of the columns, and every row");
        assert!(lines[0].starts_with("\u{feff}\"seq\",") && lines[1].starts_with("\"1\","));
        let quote = "\"say \\\"\"hi\\\"\", then\"";
        assert!(table.contains(quote), "{quote} in {table}");
        for line in &lines {
            let cells = line.trim_start_matches('\u{feff}').trim_matches('"').split("\",\"");
            assert!(cells.clone().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{line}");
        }
        let newest = &house.platform.audit(&admin, &Filter::default(), None, 1).await.unwrap().items[0];
        assert_eq!((newest.action.as_str(), &newest.detail["format"]), ("audit.exported", &serde_json::json!("csv")));
    }

    async fn an_export_is_whole_recorded_and_verified_without_the_server(house) {
        let admin = with_changes(&house, 3).await;
        let before = house.platform.audit_state(&admin).await.unwrap();
        let text = exported(&house, &admin).await;
        let verified = verify_export(text.as_bytes()).unwrap();
        assert_eq!((verified.rows as i64, verified.first, verified.last), (before.seq, 1, before.seq));
        assert_eq!((verified.chain, verified.last_hash), (before.chain, before.hash), "the state says the same");
        assert_eq!(house.log(&admin).await.last().unwrap(), "audit.exported");
        let again = exported(&house, &admin).await;
        assert!(again.starts_with(&text) && again.contains("audit.exported"), "a later export goes on where this one ends");
        assert!(verify_export(&again.as_bytes()[text.len()..]).is_ok_and(|rest| rest.first == before.seq + 1));
    }

    async fn the_log_is_checked_in_place_stretch_by_stretch(house) {
        let admin = with_changes(&house, 6).await;
        let end = house.platform.audit_state(&admin).await.unwrap().seq;
        let mut last = None;
        let mut stretches = Vec::new();
        loop {
            let stretch = house.platform.audit_check(&admin, last, 4).await.unwrap();
            assert_eq!((stretch.bad, stretch.is_end), (None, last.is_none()), "{last:?}");
            stretches.push((stretch.first, stretch.last));
            last = stretch.older;
            if last.is_none() {
                break;
            }
        }
        assert_eq!(stretches.first().map(|(_, last)| *last), Some(end));
        assert_eq!(stretches.last().map(|(first, _)| *first), Some(1));
        assert!(stretches.windows(2).all(|pair| pair[0].0 == pair[1].1), "each holds the first row of the one after: {stretches:?}");
        assert_eq!(house.platform.audit_check(&admin, Some(i64::MAX), 4).await.unwrap().last, end);
        let nothing = house.platform.audit_check(&admin, Some(-1), 4).await.unwrap();
        assert_eq!((nothing.rows, nothing.bad), (0, None));
        let approver = house.acme_approver().await;
        assert_eq!(refusal(house.platform.audit_check(&approver, None, 4).await), (403, "forbidden"));
    }

    async fn the_first_bad_row_is_named(house) {
        let admin = with_changes(&house, 3).await;
        let text = exported(&house, &admin).await.into_bytes();
        assert_eq!(first_bad(&text), None);
        let line_of = |position: usize| text[..position].split(|byte| *byte == b'\n').count();
        for position in (0..text.len()).step_by(37) {
            for other in [b'x', 0xff, b'\n'] {
                let mut changed = text.clone();
                if changed[position] == other {
                    continue;
                }
                changed[position] = other;
                assert_eq!(first_bad(&changed), Some(line_of(position)), "byte {position} became {other}");
            }
        }
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(first_bad(&[lines[0], lines[2]].concat()), Some(2), "a row is missing");
        assert_eq!(first_bad(&[lines[0], lines[1], b"\n"].concat()), Some(3), "an empty line");
        assert_eq!(first_bad(&text[..text.len() - 1]), Some(lines.len()), "cut off");
        assert_eq!(first_bad(b""), Some(1));
        let crlf = String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n");
        assert_eq!(first_bad(crlf.as_bytes()), Some(1), "line ends were changed");
    }

    async fn another_tenants_log_is_another_chain(house) {
        let admin = with_changes(&house, 3).await;
        let globex = house.globex_admin().await;
        let theirs = exported(&house, &globex).await;
        assert!(!theirs.contains("acme.example") && !theirs.contains("config.changed"));
        let both = exported(&house, &admin).await + theirs.as_str();
        let VerifyError::Bad(bad) = verify_export(both.as_bytes()).unwrap_err() else { panic!("a bad row") };
        assert!(bad.reason.contains("another chain"), "{bad}");
    }

    async fn the_log_is_for_those_who_may_see_it(house) {
        let (admin, approver) = (house.acme_admin().await, house.acme_approver().await);
        assert_eq!(refusal(house.platform.audit(&approver, &Filter::default(), None, 10).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.audit_state(&approver).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.audit_export(&approver).await.map(drop)), (403, "forbidden"));
        let person = approver.person().unwrap();
        house.platform.grant_role(&admin, person, Role::Auditor).await.unwrap();
        let auditor = house.acme_approver().await;
        let mut export = house.platform.audit_export(&auditor).await.unwrap();
        house.platform.revoke_role(&house.acme_admin().await, person, Role::Auditor).await.unwrap();
        assert_eq!(refusal(export.next().await), (403, "forbidden"), "who lost the right gets no more of it");
    }
}
