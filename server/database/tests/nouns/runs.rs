//! Runs, their journals, the inbox and the queue.

use database::{
    Error, Housekeeping, InboxKind, RunStatus,
    batch::RunUpdate,
    inbox, journal, leases,
    runs::{self, Filter},
    workflows,
};
use domain::{RunId, permission::RunRead};
use serde_json::json;

use crate::site::{Site, at, authorized, event, new_run, scope};

on_both_engines! {
    runs_are_numbered_without_gaps_in_each_tenant
    a_page_of_runs_is_stable_while_runs_are_added
    runs_are_narrowed_by_everything_at_once
    what_no_index_answers_is_looked_for_piece_by_piece
    a_start_key_starts_one_run
    what_the_engine_records_is_what_pages_read
    the_list_of_workflows_shows_the_newest_run
    a_wish_wakes_a_run_that_sleeps
    tenants_take_turns_when_runs_are_claimed
    a_lease_that_ran_out_is_claimed_by_another_under_a_higher_fence
    leases_are_renewed_and_given_up_together
}

async fn runs_are_numbered_without_gaps_in_each_tenant(site: &Site) {
    let mut numbers = Vec::new();
    for tenant in [&site.acme, &site.globex, &site.acme] {
        let id = site.run(tenant, at(0)).await;
        let actor = site.actor(tenant).await;
        let mut tx = site.read(&actor).await;
        numbers.push(authorized::<RunRead, _>(runs::find(&mut tx, id).await.unwrap(), &actor).facts.number);
    }
    // A number that was taken by a transaction that did not commit is given again.
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let lost = runs::accept(&mut tx, &scope(&actor), &new_run(&site.acme, site.id(), at(1))).await.unwrap();
    drop(tx);
    let id = site.run(&site.acme, at(2)).await;
    let mut tx = site.read(&actor).await;
    numbers.push(authorized::<RunRead, _>(runs::find_by_number(&mut tx, lost).await.unwrap(), &actor).facts.number);
    assert_eq!(runs::load(&mut tx, id).await.unwrap().unwrap().facts.number, lost);
    assert_eq!(numbers, [1, 1, 2, 3]);
}

async fn a_page_of_runs_is_stable_while_runs_are_added(site: &Site) {
    for second in 0..5 {
        site.run(&site.acme, at(second)).await;
    }
    let actor = site.actor(&site.acme).await;
    let numbers = |page: &domain::Page<runs::RunListRow>| page.items.iter().map(|run| run.number).collect::<Vec<_>>();
    let mut tx = site.read(&actor).await;
    let first = runs::list(&mut tx, &scope(&actor), &Filter::default(), None, 2, 1_000).await.unwrap();
    drop(tx);
    assert_eq!(numbers(&first), [5, 4]);
    site.run(&site.acme, at(9)).await;
    let mut tx = site.read(&actor).await;
    let second = runs::list(&mut tx, &scope(&actor), &Filter::default(), first.next, 2, 1_000).await.unwrap();
    assert_eq!(numbers(&second), [3, 2]);
    let last = runs::list(&mut tx, &scope(&actor), &Filter::default(), second.next, 2, 1_000).await.unwrap();
    assert_eq!((numbers(&last), last.next), (vec![1], None));

    assert_eq!(runs::count_by_status(&mut tx, &scope(&actor), RunStatus::Queued).await.unwrap(), 6);
}

/// The numbers of the runs that a filter lets through.
async fn found(site: &Site, tenant: &crate::site::Tenant, filter: Filter) -> Vec<i64> {
    let actor = site.actor(tenant).await;
    let mut tx = site.read(&actor).await;
    let page = runs::list(&mut tx, &scope(&actor), &filter, None, 50, 1_000).await.unwrap();
    assert_eq!(page.next, None, "{filter:?}");
    page.items.iter().map(|run| run.number).collect()
}

async fn runs_are_narrowed_by_everything_at_once(site: &Site) {
    let day = 24 * 3_600;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    for (day_of, starter, invoice) in [(0, "ada", "INV-1"), (1, "bob", "INV-2 100%"), (2, "ada", "a \"quoted\" one"), (2, "ada", "INV-10")]
    {
        let new = runs::NewRun {
            starter_label: starter.to_owned(),
            inputs: json!({"invoice_id": invoice}),
            ..new_run(&site.acme, site.id(), at(day_of * day))
        };
        runs::accept(&mut tx, &scope(&actor), &new).await.unwrap();
    }
    tx.commit(event()).await.unwrap();
    site.run(&site.globex, at(0)).await;

    let all = Filter::default;
    let (queued, workflow) = (Some(RunStatus::Queued), Some(site.acme.workflow));
    let text = |text: &str| Some(text.to_owned());
    for (filter, numbers) in [
        (all(), vec![4, 3, 2, 1]),
        (Filter { status: queued, ..all() }, vec![4, 3, 2, 1]),
        (Filter { status: Some(RunStatus::Failed), ..all() }, vec![]),
        (Filter { workflow, ..all() }, vec![4, 3, 2, 1]),
        (Filter { workflow: Some(site.globex.workflow), ..all() }, vec![]),
        (Filter { workflow, status: queued, ..all() }, vec![4, 3, 2, 1]),
        (Filter { starter: text("ada"), ..all() }, vec![4, 3, 1]),
        (Filter { starter: text("ad"), ..all() }, vec![]),
        (Filter { starter: text("ada"), status: queued, ..all() }, vec![4, 3, 1]),
        (Filter { starter: text("ada"), status: Some(RunStatus::Running), ..all() }, vec![]),
        (Filter { starter: text("bob"), workflow, status: queued, ..all() }, vec![2]),
        (Filter { since: Some(at(day)), ..all() }, vec![4, 3, 2]),
        (Filter { until: Some(at(day)), ..all() }, vec![1]),
        (Filter { since: Some(at(day)), until: Some(at(2 * day)), ..all() }, vec![2]),
        (Filter { since: Some(at(9 * day)), ..all() }, vec![]),
        (Filter { until: Some(at(0)), ..all() }, vec![]),
        (Filter { text: text("inv-1"), ..all() }, vec![4, 1]),
        (Filter { text: text("100%"), ..all() }, vec![2]),
        (Filter { text: text("INV_"), ..all() }, vec![]),
        (Filter { text: text("\"quoted\""), ..all() }, vec![3]),
        (Filter { text: text("INV-"), starter: text("ada"), since: Some(at(day)), workflow, status: queued, until: None }, vec![4]),
    ] {
        assert_eq!(found(site, &site.acme, filter.clone()).await, numbers, "{filter:?}");
    }
    assert_eq!(found(site, &site.globex, Filter { text: text("INV"), ..all() }).await, [1], "the runs of a tenant are its own");
}

async fn what_no_index_answers_is_looked_for_piece_by_piece(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    for number in 1..=7 {
        let new = runs::NewRun { inputs: json!({"note": format!("number {number}")}), ..new_run(&site.acme, site.id(), at(number)) };
        runs::accept(&mut tx, &scope(&actor), &new).await.unwrap();
    }
    tx.commit(event()).await.unwrap();
    let mut tx = site.read(&actor).await;
    let numbers = |page: &domain::Page<runs::RunListRow>| page.items.iter().map(|run| run.number).collect::<Vec<_>>();
    let of = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
    let first = runs::list(&mut tx, &scope(&actor), &of("number 2"), None, 50, 3).await.unwrap();
    assert_eq!((numbers(&first), first.next), (vec![], Some(domain::Cursor(5))), "the newest three were looked through");
    let second = runs::list(&mut tx, &scope(&actor), &of("number 2"), first.next, 50, 3).await.unwrap();
    assert_eq!((numbers(&second), second.next), (vec![2], Some(domain::Cursor(2))));
    let last = runs::list(&mut tx, &scope(&actor), &of("number 2"), second.next, 50, 3).await.unwrap();
    assert_eq!((numbers(&last), last.next), (vec![], None));
    // A page that is full goes on where it ended, and so does one along each index.
    let full = runs::list(&mut tx, &scope(&actor), &of("number"), None, 2, 3).await.unwrap();
    assert_eq!((numbers(&full), full.next), (vec![7, 6], Some(domain::Cursor(6))));
    let (status, workflow, starter) = (Some(RunStatus::Queued), Some(site.acme.workflow), Some("admin@acme.example".to_owned()));
    for filter in [
        Filter { status, ..of("number") },
        Filter { workflow, ..of("number") },
        Filter { workflow, status, ..of("number") },
        Filter { starter: starter.clone(), ..of("number") },
        Filter { starter, workflow, status, ..Filter::default() },
    ] {
        let page = runs::list(&mut tx, &scope(&actor), &filter, None, 50, 3).await.unwrap();
        assert_eq!((numbers(&page), page.next), (vec![7, 6, 5], Some(domain::Cursor(5))), "{filter:?}");
    }
}

async fn a_start_key_starts_one_run(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let keyed = |id| runs::NewRun { start_key: Some("order-1".to_owned()), ..new_run(&site.acme, id, at(0)) };
    let first = keyed(site.id());
    let mut tx = site.write(&actor).await;
    assert!(runs::find_by_start_key(&mut tx, "order-1").await.unwrap().is_none());
    runs::accept(&mut tx, &scope(&actor), &first).await.unwrap();
    tx.commit(event()).await.unwrap();

    let mut tx = site.write(&actor).await;
    let found = authorized::<RunRead, _>(runs::find_by_start_key(&mut tx, "order-1").await.unwrap(), &actor);
    assert_eq!(found.facts.id, first.id);
    let again = runs::accept(&mut tx, &scope(&actor), &keyed(site.id())).await;
    assert!(again.is_err_and(|error| error.is_duplicate_in("run")));
    drop(tx);
    // The same key of another tenant is another key.
    let other = site.actor(&site.globex).await;
    let mut tx = site.write(&other).await;
    let new = runs::NewRun { start_key: Some("order-1".to_owned()), ..new_run(&site.globex, site.id(), at(0)) };
    runs::accept(&mut tx, &scope(&other), &new).await.unwrap();
    // A run cannot be of another tenant's workflow.
    let crossed = runs::accept(&mut tx, &scope(&other), &new_run(&site.acme, site.id(), at(0))).await;
    assert!(matches!(crossed, Err(Error::Violation { rule: database::Rule::ForeignKey, .. })), "{crossed:?}");
}

async fn what_the_engine_records_is_what_pages_read(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let keys = site.claimed(&site.acme, run).await;
    site.record(keys, move |batch| {
        batch.journal((1..=3).map(|seq| (seq, at(10), format!("{{\"seq\":{seq}}}"))))?;
        batch.run(RunUpdate {
            status: RunStatus::Completed,
            waiting_for: None,
            outputs: Some("{\"payment_id\":\"P-1\"}".to_owned()),
            error: None,
            last_seq: 3,
            started_at: Some(at(10)),
            ended_at: Some(at(11)),
        })
    })
    .await;

    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let row = authorized::<RunRead, _>(runs::find(&mut tx, run).await.unwrap(), &actor);
    assert_eq!(row.facts.status, RunStatus::Completed);
    assert_eq!((row.facts.started_at, row.facts.ended_at, row.last_seq), (Some(at(10)), Some(at(11)), 3));
    assert_eq!((row.outputs.clone(), row.error.clone()), (Some(json!({"payment_id": "P-1"})), None));
    assert_eq!((row.version_number, row.inputs["invoice_id"].as_str()), (1, Some("INV-20417")));
    let rows = journal::after(&mut tx, &row, 1, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.event.as_str()).collect::<Vec<_>>(), ["{\"seq\":2}", "{\"seq\":3}"]);
    assert_eq!(journal::load(&mut tx, run, 0, 1).await.unwrap().iter().map(|row| row.seq).collect::<Vec<_>>(), [1]);
}

async fn the_list_of_workflows_shows_the_newest_run(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let list = workflows::list(&mut tx, &scope(&actor)).await.unwrap();
    assert_eq!((list[0].runs, list[0].unfinished, list[0].last_run.clone()), (0, 0, None));
    drop(tx);
    site.run(&site.acme, at(0)).await;
    let newest = site.run(&site.acme, at(1)).await;
    site.run(&site.globex, at(2)).await;
    let mut tx = site.read(&actor).await;
    let list = workflows::list(&mut tx, &scope(&actor)).await.unwrap();
    assert_eq!(list.len(), 1);
    let last = list[0].last_run.clone().unwrap();
    assert_eq!((last.id, last.number, last.status, last.accepted_at), (newest, 2, RunStatus::Queued, at(1)));
    assert_eq!((list[0].runs, list[0].unfinished), (2, 2));
}

async fn claim(site: &Site, owner: &str, now: u64, limit: u32) -> Vec<leases::Lease> {
    let mut tx = site.system().await;
    let claimed = leases::claim(&mut tx, owner, at(now), at(now + 30), limit).await.unwrap();
    tx.housekeep(Housekeeping::Leases).await.unwrap();
    claimed
}

async fn next_due(site: &Site) -> Option<domain::Timestamp> {
    leases::next_due(&mut site.database().system_read().await.unwrap()).await.unwrap()
}

async fn a_wish_wakes_a_run_that_sleeps(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let keys = site.claimed(&site.acme, run).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let waiting = inbox::of_run(&mut tx, run).await.unwrap();
    drop(tx);
    assert_eq!(waiting.iter().map(|row| (row.kind, row.run)).collect::<Vec<_>>(), [(InboxKind::Start, run)]);
    let taken: Vec<_> = waiting.iter().map(|row| row.id).collect();
    site.record(keys, move |batch| {
        batch.inbox_done(taken.clone())?;
        batch.queue(None, true)
    })
    .await;
    assert_eq!(next_due(site).await, None, "it sleeps until something arrives");
    assert_eq!(claim(site, "node", 2000, 10).await, []);

    let mut tx = site.write(&actor).await;
    let mut wish = site.wish(run, at(3000));
    wish.kind = InboxKind::Cancel;
    inbox::create(&mut tx, &wish).await.unwrap();
    tx.commit(event()).await.unwrap();
    assert_eq!(next_due(site).await, Some(at(3000)));
    assert_eq!(claim(site, "node", 3000, 10).await.len(), 1);
}

async fn tenants_take_turns_when_runs_are_claimed(site: &Site) {
    let mut of_acme: Vec<RunId> = Vec::new();
    for second in 0..4 {
        of_acme.push(site.run(&site.acme, at(second)).await);
    }
    let late = site.run(&site.globex, at(100)).await;
    let mut claimed: Vec<RunId> = claim(site, "node", 200, 2).await.iter().map(|lease| lease.run).collect();
    claimed.sort_unstable();
    let mut expected = vec![of_acme[0], late];
    expected.sort_unstable();
    assert_eq!(claimed, expected, "the one run of the other tenant does not wait for four");
    assert_eq!(claim(site, "node", 200, 10).await.len(), 3, "what is held is not claimed again");
}

async fn a_lease_that_ran_out_is_claimed_by_another_under_a_higher_fence(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let first = claim(site, "one", 0, 10).await;
    assert_eq!(first.iter().map(|lease| (lease.tenant, lease.run, lease.fence)).collect::<Vec<_>>(), [(site.acme.id, run, 1)]);
    assert_eq!(next_due(site).await, Some(at(30)));
    assert_eq!(claim(site, "two", 29, 10).await, []);
    let second = claim(site, "two", 30, 10).await;
    assert_eq!(second.iter().map(|lease| (lease.run, lease.fence)).collect::<Vec<_>>(), [(run, 2)]);
    let mut tx = site.system().await;
    assert_eq!(leases::renew(&mut tx, "one", at(100)).await.unwrap(), [], "it lost everything");
}

async fn leases_are_renewed_and_given_up_together(site: &Site) {
    for tenant in [&site.acme, &site.globex] {
        site.run(tenant, at(0)).await;
    }
    claim(site, "one", 0, 10).await;
    let mut tx = site.system().await;
    assert_eq!(leases::renew(&mut tx, "one", at(500)).await.unwrap().len(), 2);
    tx.housekeep(Housekeeping::Leases).await.unwrap();
    assert_eq!(claim(site, "two", 100, 10).await, []);
    let mut tx = site.system().await;
    assert_eq!(leases::release_all(&mut tx, "one", at(100)).await.unwrap(), 2);
    tx.housekeep(Housekeeping::Leases).await.unwrap();
    assert_eq!(claim(site, "two", 100, 10).await.iter().map(|lease| lease.fence).collect::<Vec<_>>(), [2, 2]);
}
