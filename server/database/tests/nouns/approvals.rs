//! Approvals, the decisions on them, and the links that lead to them.

use database::{
    ApprovalState, Keys,
    approvals::{self, Decided, Filter, NewDecision, Verdict},
    batch::{ApprovalEnd, ApprovalLinkRow, ApprovalRequest},
    inbox, links,
};
use domain::{
    ApprovalId, Money, PersonId, RunId, Timestamp,
    permission::{ApprovalApprove, ApprovalRead, RunRead},
};
use serde_json::json;

use crate::site::{Site, at, authorized, event, lease_of, scope};

on_both_engines! {
    an_approval_ends_when_enough_have_agreed
    a_rejected_approval_cannot_be_approved
    an_approval_whose_time_is_over_cannot_be_decided
    one_person_decides_once
    two_who_decide_at_once_are_both_counted
    the_links_to_an_approval_end_with_it
    the_ended_approvals_are_paged_without_losing_one
    approvals_are_narrowed_and_paged_alike
}

/// The hash of the token that leads to an approval.
fn token_of(approval: ApprovalId) -> [u8; 32] {
    std::array::from_fn(|at| approval.uuid().as_bytes()[at % 16])
}

async fn ask(site: &Site, run: RunId, quorum: i64, rounds: i64) -> Vec<ApprovalId> {
    ask_under(site, site.claimed(&site.acme, run).await, quorum, rounds).await
}

async fn ask_under(site: &Site, keys: Keys, quorum: i64, rounds: i64) -> Vec<ApprovalId> {
    let ids: Vec<ApprovalId> = (0..rounds).map(|_| site.id()).collect();
    let asked: Vec<ApprovalRequest> = ids
        .iter()
        .zip(1..)
        .map(|(id, round)| ApprovalRequest {
            id: *id,
            step: "finance-agrees".to_owned(),
            round,
            kind: "approval".to_owned(),
            title: "Pay 1840.50 EUR".to_owned(),
            request: "{\"approvers\":[\"role:approver\"]}".to_owned(),
            coverage: "[]".to_owned(),
            digest: [3; 32],
            ceiling: Money::from_nanos(5),
            quorum,
            requested_at: at(1000),
            expires_at: at(5000),
        })
        .collect();
    let links: Vec<ApprovalLinkRow> = ids
        .iter()
        .map(|id| ApprovalLinkRow {
            id: site.id(),
            approval: *id,
            person: site.acme.approver,
            token_hash: token_of(*id),
            expires_at: at(5000),
        })
        .collect();
    site.record(keys, move |batch| {
        asked.iter().try_for_each(|request| batch.ask_approval(request.clone()))?;
        for link in &links {
            batch.approval_link(link.clone());
        }
        Ok(())
    })
    .await;
    ids
}

fn decision(person: PersonId, verdict: Verdict, at: Timestamp) -> NewDecision {
    NewDecision { person, label: "approver@acme.example".to_owned(), verdict, comment: "seen".to_owned(), fields: None, at }
}

async fn decide(site: &Site, id: ApprovalId, decision: &NewDecision) -> Decided {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let approval = authorized::<ApprovalApprove, _>(approvals::find(&mut tx, id).await.unwrap(), &actor);
    let decided = approvals::decide(&mut tx, &approval, decision).await.unwrap();
    if matches!(decided, Decided::Ended(_)) {
        let mut wish = site.wish(approval.run, decision.at);
        wish.kind = database::InboxKind::Approval;
        inbox::create(&mut tx, &wish).await.unwrap();
    }
    tx.commit(event()).await.unwrap();
    decided
}

async fn an_approval_ends_when_enough_have_agreed(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let id = ask(site, run, 2, 1).await[0];
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let pending = approvals::pending(&mut tx, &scope(&actor), &Filter::default(), None, 10).await.unwrap().items;
    assert_eq!(pending.iter().map(|row| (row.id, row.agreed, row.quorum)).collect::<Vec<_>>(), [(id, 0, 2)]);
    assert_eq!((pending[0].run_number, pending[0].workflow_name.as_str()), (1, "Vendor payment"));
    assert_eq!((pending[0].ceiling, pending[0].digest, pending[0].starter), (Money::from_nanos(5), [3; 32], site.acme.admin));
    assert_eq!(pending[0].request, json!({"approvers": ["role:approver"]}));
    assert_eq!(approvals::count_pending(&mut tx, &scope(&actor)).await.unwrap(), 1);
    drop(tx);

    let first = decide(site, id, &decision(site.acme.approver, Verdict::Approved, at(2000))).await;
    assert_eq!(first, Decided::Counted { agreed: 1, quorum: 2 });
    let filled_in =
        NewDecision { fields: Some(json!({"code": "0815", "why": null})), ..decision(site.acme.admin, Verdict::Approved, at(2001)) };
    assert_eq!(decide(site, id, &filled_in).await, Decided::Ended(ApprovalState::Approved));

    let mut tx = site.read(&actor).await;
    let row = authorized::<ApprovalRead, _>(approvals::find(&mut tx, id).await.unwrap(), &actor);
    assert_eq!((row.state, row.ended_at, row.agreed), (ApprovalState::Approved, Some(at(2001)), 2));
    assert_eq!(row.ended_by_label.as_deref(), Some("approver@acme.example"));
    let decisions = approvals::decisions(&mut tx, &row).await.unwrap();
    assert_eq!(decisions.iter().map(|row| row.person).collect::<Vec<_>>(), [site.acme.approver, site.acme.admin]);
    assert_eq!(decisions.iter().map(|row| row.fields.clone()).collect::<Vec<_>>(), [None, filled_in.fields]);
    assert_eq!(decisions, approvals::load_decisions(&mut tx, id).await.unwrap());
    let run = authorized::<RunRead, _>(database::runs::find(&mut tx, run).await.unwrap(), &actor);
    let rounds = approvals::rounds_of_run(&mut tx, &run).await.unwrap();
    assert_eq!(
        rounds.iter().map(|row| (row.id, row.round, row.state, row.ended_at)).collect::<Vec<_>>(),
        [(id, 1, ApprovalState::Approved, Some(at(2001)))]
    );
    let said = approvals::said_in_run(&mut tx, &run).await.unwrap();
    assert_eq!(
        said.iter().map(|row| (row.approval, row.email.as_str(), row.at)).collect::<Vec<_>>(),
        [(id, "approver@acme.example", at(2000)), (id, "admin@acme.example", at(2001))]
    );
    let mailed = approvals::mailed_in_run(&mut tx, &run).await.unwrap();
    assert_eq!(mailed.iter().map(|row| (row.approval, row.email.as_str())).collect::<Vec<_>>(), [(id, "approver@acme.example")]);
    assert_eq!(approvals::count_pending(&mut tx, &scope(&actor)).await.unwrap(), 0);
}

async fn a_rejected_approval_cannot_be_approved(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let id = ask(site, run, 2, 1).await[0];
    let first = decide(site, id, &decision(site.acme.approver, Verdict::Rejected, at(2000))).await;
    assert_eq!(first, Decided::Ended(ApprovalState::Rejected));
    let second = decide(site, id, &decision(site.acme.admin, Verdict::Approved, at(2001))).await;
    assert_eq!(second, Decided::TooLate);
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let row = approvals::load(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((row.state, row.agreed), (ApprovalState::Rejected, 0));
}

async fn an_approval_whose_time_is_over_cannot_be_decided(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let id = ask(site, run, 1, 1).await[0];
    let late = decide(site, id, &decision(site.acme.approver, Verdict::Approved, at(5000))).await;
    assert_eq!(late, Decided::TooLate, "although nobody has noticed yet that it expired");
    let in_time = decide(site, id, &decision(site.acme.approver, Verdict::Approved, at(4999))).await;
    assert_eq!(in_time, Decided::Ended(ApprovalState::Approved));
}

async fn one_person_decides_once(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let id = ask(site, run, 2, 1).await[0];
    decide(site, id, &decision(site.acme.approver, Verdict::Approved, at(2000))).await;
    for verdict in [Verdict::Approved, Verdict::Rejected] {
        let again = decide(site, id, &decision(site.acme.approver, verdict, at(2001))).await;
        assert_eq!(again, Decided::AlreadyDecided, "{verdict:?}");
    }
}

async fn two_who_decide_at_once_are_both_counted(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let id = ask(site, run, 2, 1).await[0];
    let (one, other) = (decision(site.acme.approver, Verdict::Approved, at(2000)), decision(site.acme.admin, Verdict::Approved, at(2000)));
    let (first, second) = tokio::join!(decide(site, id, &one), decide(site, id, &other));
    let ended = Decided::Ended(ApprovalState::Approved);
    assert!(first == ended || second == ended, "{first:?} {second:?}: each saw only itself");
    assert_ne!(first, second);
}

async fn the_links_to_an_approval_end_with_it(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let id = ask(site, run, 1, 1).await[0];
    let extra = links::NewLink { id: site.id(), approval: id, person: site.acme.admin, token_hash: [99; 32], expires_at: at(3000) };
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    links::create(&mut tx, &extra).await.unwrap();
    tx.commit(event()).await.unwrap();
    for (token, good_until) in [(token_of(id), at(5000)), ([99; 32], at(3000))] {
        let mut tx = site.database().system_read().await.unwrap();
        let link = links::find_by_token(&mut tx, &token).await.unwrap().unwrap();
        assert_eq!((link.tenant, link.tenant_slug.as_str(), link.approval), (site.acme.id, "acme", id));
        assert!(link.is_good(at(2999)) && !link.is_good(good_until));
    }
    decide(site, id, &decision(site.acme.approver, Verdict::Approved, at(2000))).await;
    for token in [token_of(id), [99; 32]] {
        let mut tx = site.database().system_read().await.unwrap();
        let link = links::find_by_token(&mut tx, &token).await.unwrap().unwrap();
        assert_eq!((link.withdrawn_at, link.is_good(at(2001))), (Some(at(2000)), false));
    }
    let mut tx = site.database().system_read().await.unwrap();
    assert_eq!(links::find_by_token(&mut tx, &[2; 32]).await.unwrap(), None);
}

async fn the_ended_approvals_are_paged_without_losing_one(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let ids = ask(site, run, 1, 6).await;
    decide(site, ids[0], &decision(site.acme.approver, Verdict::Approved, at(2000))).await;
    // A cancelled run ends four at the same moment.
    let mut keys = lease_of(&site.acme, run, 1);
    keys.approvals.clone_from(&ids);
    let cancelled = ids[1..5].to_vec();
    site.record(keys, move |batch| {
        for id in &cancelled {
            let end = ApprovalEnd { id: *id, state: ApprovalState::Cancelled, by: "system".to_owned(), comment: None, at: at(3000) };
            assert!(batch.end_approval(end)?);
        }
        Ok(())
    })
    .await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let (mut after, mut pages, mut seen) = (None, 0, Vec::new());
    loop {
        let page = approvals::ended(&mut tx, &scope(&actor), &Filter::default(), after, 2).await.unwrap();
        seen.extend(page.items.iter().map(|row| row.id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.last(), Some(&ids[0]), "the oldest end comes last");
    seen.sort_unstable();
    let mut expected = ids[..5].to_vec();
    expected.sort_unstable();
    assert_eq!((seen, pages), (expected, 2));
    let pending = approvals::pending(&mut tx, &scope(&actor), &Filter::default(), None, 10).await.unwrap();
    assert_eq!(pending.items.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[5]]);
}

async fn approvals_are_narrowed_and_paged_alike(site: &Site) {
    let (run, other) = (site.run(&site.acme, at(0)).await, site.run(&site.acme, at(1)).await);
    // Claiming one claims both.
    let ids = ask(site, run, 1, 3).await;
    let others = ask_under(site, lease_of(&site.acme, other, 1), 1, 1).await;
    decide(site, ids[0], &decision(site.acme.approver, Verdict::Approved, at(2000))).await;
    decide(site, ids[1], &decision(site.acme.approver, Verdict::Rejected, at(2001))).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let starter = "admin@acme.example".to_owned();
    let of_run = Filter { run: Some(run), ..Filter::default() };
    for (filter, waiting, ended) in [
        (Filter::default(), 2, 2),
        (of_run.clone(), 1, 2),
        (Filter { run: Some(other), ..Filter::default() }, 1, 0),
        (Filter { workflow: Some(site.acme.workflow), ..Filter::default() }, 2, 2),
        (Filter { workflow: Some(site.globex.workflow), ..Filter::default() }, 0, 0),
        (Filter { starter: Some(starter.clone()), ..Filter::default() }, 2, 2),
        (Filter { starter: Some(starter.to_uppercase()), ..Filter::default() }, 0, 0),
        (Filter { text: Some("pAY 18".to_owned()), ..Filter::default() }, 2, 2),
        (Filter { text: Some("%".to_owned()), ..Filter::default() }, 0, 0),
        (Filter { state: Some(ApprovalState::Rejected), ..of_run }, 1, 1),
    ] {
        let pending = approvals::pending(&mut tx, &scope(&actor), &filter, None, 10).await.unwrap();
        let over = approvals::ended(&mut tx, &scope(&actor), &filter, None, 10).await.unwrap();
        assert_eq!((pending.items.len(), over.items.len()), (waiting, ended), "{filter:?}");
        assert_eq!((pending.next, over.next), (None, None));
    }
    // Both expire at the same moment, between which no page ends.
    let page = approvals::pending(&mut tx, &scope(&actor), &Filter::default(), None, 1).await.unwrap();
    let mut seen: Vec<ApprovalId> = page.items.iter().map(|row| row.id).collect();
    seen.sort_unstable();
    let mut expected = vec![ids[2], others[0]];
    expected.sort_unstable();
    assert_eq!(seen, expected);
    let rest = approvals::pending(&mut tx, &scope(&actor), &Filter::default(), page.next, 1).await.unwrap();
    assert!(rest.items.is_empty() && rest.next.is_none());
}
