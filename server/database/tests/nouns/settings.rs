//! Credentials, variables, providers and models, workflows and their versions.

use database::{
    Error,
    credentials::{self, NewCredential},
    folders,
    providers::{self, NewModel, NewProvider, Price},
    variables::{self, NewVariable, VariableKind},
    versions, workflows,
};
use domain::{
    Money,
    permission::{AgentRead, AgentWrite, CredentialRead, CredentialWrite, VariableWrite, WorkflowDelete, WorkflowRead, WorkflowWrite},
};
use serde_json::json;

use crate::site::{Site, at, authorized, event, scope, version};

on_both_engines! {
    a_credential_is_replaced_only_by_who_saw_the_value_before
    a_removed_credential_loses_its_value_and_frees_its_name
    the_uses_of_a_credential_are_paged_without_losing_one
    a_tenant_has_one_key
    a_variable_that_is_set_again_keeps_its_id
    the_first_model_is_the_default_and_a_price_has_a_number
    a_removed_provider_takes_its_models_along
    each_version_of_a_workflow_has_the_next_number
    a_slug_is_free_again_when_its_workflow_was_removed
    what_a_start_takes_is_what_was_published
    a_folder_takes_what_is_below_it_along
}

fn credential(site: &Site, name: &str) -> NewCredential {
    NewCredential {
        id: site.id(),
        name: name.to_owned(),
        kind: "bearer".to_owned(),
        sealed: vec![1, 2, 3],
        allowed_hosts: vec!["pay.example".to_owned()],
        description: "Pays".to_owned(),
        created_at: at(0),
    }
}

async fn a_credential_is_replaced_only_by_who_saw_the_value_before(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let new = credential(site, "payment-desk");
    assert!(credentials::create(&mut tx, &scope(&actor), &new).await.unwrap());
    assert!(!credentials::create(&mut tx, &scope(&actor), &credential(site, "payment-desk")).await.unwrap(), "the name is taken");
    let row = authorized::<CredentialWrite, _>(credentials::find_by_name(&mut tx, "payment-desk").await.unwrap(), &actor);
    assert_eq!((row.id, row.version, row.created_by.as_deref()), (new.id, 1, Some("admin@acme.example")));
    assert!(credentials::replace(&mut tx, &row, &[9], at(5)).await.unwrap());
    assert!(!credentials::replace(&mut tx, &row, &[8], at(6)).await.unwrap(), "the row is old");
    let hosts = ["a.example".to_owned(), "b.example".to_owned()];
    assert!(credentials::describe(&mut tx, &row, &hosts, "Pays twice").await.unwrap());
    let sealed = credentials::sealed(&mut tx, new.id).await.unwrap().unwrap();
    assert_eq!((sealed.version, sealed.sealed.as_slice(), sealed.allowed_hosts.as_slice()), (2, &[9][..], &hosts[..]));
    let list = credentials::list(&mut tx, &scope(&actor)).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].replaced_by.as_deref(), Some("admin@acme.example"));
    assert_eq!((list[0].replaced_at, list[0].last_used_at, list[0].description.as_str()), (Some(at(5)), None, "Pays twice"));
    tx.commit(event()).await.unwrap();
}

async fn a_removed_credential_loses_its_value_and_frees_its_name(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let new = credential(site, "payment-desk");
    credentials::create(&mut tx, &scope(&actor), &new).await.unwrap();
    let row = authorized::<CredentialWrite, _>(credentials::find(&mut tx, new.id).await.unwrap(), &actor);
    assert!(credentials::remove(&mut tx, &row, at(1)).await.unwrap());
    assert!(!credentials::remove(&mut tx, &row, at(2)).await.unwrap());
    assert!(!credentials::replace(&mut tx, &row, &[9], at(2)).await.unwrap());
    assert!(credentials::sealed(&mut tx, new.id).await.unwrap().is_none());
    assert!(credentials::find(&mut tx, new.id).await.unwrap().is_none());
    assert!(credentials::create(&mut tx, &scope(&actor), &credential(site, "payment-desk")).await.unwrap());
    tx.commit(event()).await.unwrap();
}

async fn the_uses_of_a_credential_are_paged_without_losing_one(site: &Site) {
    let run = site.run(&site.acme, at(0)).await;
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let new = credential(site, "payment-desk");
    credentials::create(&mut tx, &scope(&actor), &new).await.unwrap();
    tx.commit(event()).await.unwrap();

    // Five of the seven share a moment, in the middle of which a page would end.
    let uses: Vec<_> = [1, 2, 2, 2, 2, 2, 3]
        .into_iter()
        .enumerate()
        .map(|(index, second)| database::batch::CredentialUse {
            id: site.id(),
            credential: new.id,
            version: 1,
            step: "pay".to_owned(),
            attempt: 1,
            dispatch: i64::try_from(index).unwrap() + 1,
            host: "pay.example".to_owned(),
            at: at(second),
        })
        .collect();
    let keys = site.claimed(&site.acme, run).await;
    site.record(keys, move |batch| {
        for used in &uses {
            batch.credential_use(used.clone());
        }
        Ok(())
    })
    .await;

    let mut tx = site.read(&actor).await;
    let row = authorized::<CredentialRead, _>(credentials::find(&mut tx, new.id).await.unwrap(), &actor);
    assert_eq!(row.last_used_at, Some(at(3)));
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = credentials::uses(&mut tx, &row, after, 2).await.unwrap();
        seen.extend(page.items.iter().map(|used| (used.at, used.dispatch, used.run_number)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [at(3), at(2), at(2), at(2), at(2), at(2), at(1)]);
    let mut dispatches: Vec<i64> = seen.iter().map(|(_, dispatch, _)| *dispatch).collect();
    dispatches.sort_unstable();
    assert_eq!(dispatches, [1, 2, 3, 4, 5, 6, 7]);
    assert!(seen.iter().all(|(_, _, number)| *number == 1));
}

async fn a_tenant_has_one_key(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    assert_eq!(credentials::tenant_key(&mut tx).await.unwrap(), None);
    assert!(credentials::create_tenant_key(&mut tx, &[1, 2], at(0)).await.unwrap());
    assert!(!credentials::create_tenant_key(&mut tx, &[3], at(1)).await.unwrap());
    assert_eq!(credentials::tenant_key(&mut tx).await.unwrap(), Some(vec![1, 2]));
    tx.commit(event()).await.unwrap();
    let other = site.actor(&site.globex).await;
    let mut tx = site.read(&other).await;
    assert_eq!(credentials::tenant_key(&mut tx).await.unwrap(), None);
}

async fn a_variable_that_is_set_again_keeps_its_id(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let first = NewVariable {
        id: site.id(),
        name: "erp_url".to_owned(),
        kind: VariableKind::String,
        value: json!("http://erp"),
        updated_at: at(0),
    };
    let second = NewVariable { id: site.id(), kind: VariableKind::Number, value: json!(4.5), updated_at: at(1), ..first.clone() };
    for new in [&first, &second] {
        let kept = variables::set(&mut tx, &scope(&actor), new).await.unwrap();
        assert_eq!((kept.id, kept.kind, &kept.value), (first.id, new.kind, &new.value));
    }
    assert_eq!(variables::for_start(&mut tx).await.unwrap(), variables::list(&mut tx, &scope(&actor)).await.unwrap());
    let row = authorized::<VariableWrite, _>(variables::find(&mut tx, first.id).await.unwrap(), &actor);
    assert!(variables::remove(&mut tx, &row).await.unwrap());
    assert!(!variables::remove(&mut tx, &row).await.unwrap());
    assert!(variables::for_start(&mut tx).await.unwrap().is_empty());
    tx.commit(event()).await.unwrap();
}

fn provider(site: &Site, name: &str) -> NewProvider {
    NewProvider {
        id: site.id(),
        name: name.to_owned(),
        base_url: "https://models.example/v1".to_owned(),
        credential_name: Some("model-key".to_owned()),
        created_at: at(0),
    }
}

fn model(site: &Site, name: &str) -> NewModel {
    NewModel {
        id: site.id(),
        name: name.to_owned(),
        price: Price { input: Money::from_nanos(3), output: Money::from_nanos(15), cached: None },
        max_output_tokens: 4096,
        created_at: at(0),
    }
}

async fn the_first_model_is_the_default_and_a_price_has_a_number(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    assert_eq!(providers::resolve(&mut tx, None).await.unwrap(), None);
    let new = provider(site, "house");
    assert!(providers::create(&mut tx, &scope(&actor), &new).await.unwrap());
    assert!(!providers::create(&mut tx, &scope(&actor), &provider(site, "house")).await.unwrap());
    let house = authorized::<AgentWrite, _>(providers::find(&mut tx, new.id).await.unwrap(), &actor);
    let (small, large) = (model(site, "small"), model(site, "vendor/large"));
    for new in [&small, &large] {
        assert!(providers::create_model(&mut tx, &house, new).await.unwrap());
        assert!(!providers::create_model(&mut tx, &house, new).await.unwrap(), "there is one of this name");
    }
    let default = providers::resolve(&mut tx, None).await.unwrap().unwrap();
    assert_eq!((default.full_name().as_str(), default.is_default, default.price_version), ("house/small", true, 1));

    let row = authorized::<AgentWrite, _>(providers::find_model(&mut tx, large.id).await.unwrap(), &actor);
    assert!(providers::set_default(&mut tx, &row).await.unwrap());
    assert_eq!(providers::resolve(&mut tx, None).await.unwrap().unwrap().id, large.id);
    let price = Price { input: Money::from_nanos(4), output: Money::from_nanos(20), cached: Some(Money::from_nanos(1)) };
    assert!(providers::set_price(&mut tx, &row, price, 100).await.unwrap());
    let named = providers::resolve(&mut tx, Some("house/vendor/large")).await.unwrap().unwrap();
    assert_eq!((named.price, named.price_version, named.max_output_tokens), (price, 2, 100));
    for nobody in ["small", "house/none", "other/small", "house/"] {
        assert_eq!(providers::resolve(&mut tx, Some(nobody)).await.unwrap(), None, "{nobody}");
    }
    assert!(providers::remove_model(&mut tx, &row).await.unwrap());
    assert_eq!(providers::resolve(&mut tx, None).await.unwrap(), None, "nobody chose another default");
    assert_eq!(providers::models(&mut tx, &scope::<AgentRead>(&actor)).await.unwrap().len(), 1);
    tx.commit(event()).await.unwrap();
}

async fn a_removed_provider_takes_its_models_along(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let new = provider(site, "house");
    providers::create(&mut tx, &scope(&actor), &new).await.unwrap();
    let house = authorized::<AgentWrite, _>(providers::find(&mut tx, new.id).await.unwrap(), &actor);
    providers::create_model(&mut tx, &house, &model(site, "small")).await.unwrap();
    assert!(providers::remove(&mut tx, &house, at(1)).await.unwrap());
    assert!(!providers::remove(&mut tx, &house, at(2)).await.unwrap());
    assert_eq!(providers::resolve(&mut tx, Some("house/small")).await.unwrap(), None);
    assert!(providers::list(&mut tx, &scope(&actor)).await.unwrap().is_empty());
    assert!(providers::create(&mut tx, &scope(&actor), &provider(site, "house")).await.unwrap(), "the name is free");
    tx.commit(event()).await.unwrap();
}

fn called(name: &str, description: &str) -> workflows::Called {
    workflows::Called { name: name.to_owned(), description: description.to_owned(), tags: vec!["money".to_owned()] }
}

async fn each_version_of_a_workflow_has_the_next_number(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let row = authorized::<WorkflowWrite, _>(workflows::find_by_slug(&mut tx, "vendor-payment").await.unwrap(), &actor);
    let second = workflows::NewVersion { label: "2.0.0".to_owned(), ..version(site.id()) };
    assert_eq!(workflows::add_version(&mut tx, &row, &called("Payment", "Pays"), &second).await.unwrap(), Some(2));
    assert_eq!(workflows::add_version(&mut tx, &row, &called("Payment", "Pays"), &version(site.id())).await.unwrap(), Some(3));
    tx.commit(event()).await.unwrap();

    let mut tx = site.read(&actor).await;
    let row = authorized::<WorkflowRead, _>(workflows::find(&mut tx, site.acme.workflow).await.unwrap(), &actor);
    assert_eq!((row.current_version, row.name.as_str(), row.description.as_str()), (3, "Payment", "Pays"));
    let versions = workflows::versions(&mut tx, &row).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.number).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(versions[0].saved_by_email.as_deref(), Some("admin@acme.example"));
    let shown = authorized::<WorkflowRead, _>(workflows::version(&mut tx, row.id, 2).await.unwrap(), &actor);
    assert_eq!((shown.facts.id, shown.facts.label.as_str(), shown.source.as_str()), (second.id, "2.0.0", "# Vendor payment"));
    assert!(workflows::version(&mut tx, row.id, 4).await.unwrap().is_none());
    assert_eq!(workflows::pinned_version(&mut tx, second.id).await.unwrap().unwrap().facts.plan_hash, Some([7; 32]));
}

async fn what_a_start_takes_is_what_was_published(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let row = authorized::<WorkflowWrite, _>(workflows::find_by_slug(&mut tx, "vendor-payment").await.unwrap(), &actor);
    assert_eq!((row.published_version, row.revision), (None, 1));
    let broken = workflows::NewVersion { plan: None, restored_from: Some(1), ..version(site.id()) };
    assert_eq!(workflows::add_version(&mut tx, &row, &called("Payment", "Pays"), &broken).await.unwrap(), Some(2));
    let file = versions::FileRow { path: "tools/pay.py".to_owned(), content: vec![0, 255] };
    versions::add_file(&mut tx, broken.id, &file).await.unwrap();
    let publication = |number, name: &str| versions::NewPublication {
        id: site.id(),
        workflow: row.id,
        number,
        name: name.to_owned(),
        description: "Pays".to_owned(),
        tags: Vec::new(),
        published_at: domain::Timestamp::from_micros(number),
    };
    assert!(workflows::publish(&mut tx, &scope(&actor), &publication(1, "Published")).await.unwrap());
    tx.commit(event()).await.unwrap();

    let mut tx = site.read(&actor).await;
    let row = authorized::<WorkflowRead, _>(workflows::find(&mut tx, site.acme.workflow).await.unwrap(), &actor);
    assert_eq!((row.current_version, row.published_version, row.revision, row.name.as_str()), (2, Some(1), 3, "Published"));
    let all = workflows::versions(&mut tx, &row).await.unwrap();
    assert_eq!(all.iter().map(|version| version.published_at).collect::<Vec<_>>(), [None, Some(domain::Timestamp::from_micros(1))]);
    assert_eq!(
        (all[0].plan_hash, all[0].restored_from, all[0].message.as_str(), all[0].content_hash),
        (None, Some(1), "As agreed", [3; 32])
    );
    let shown = authorized::<WorkflowRead, _>(workflows::version(&mut tx, row.id, 2).await.unwrap(), &actor);
    assert_eq!(versions::files(&mut tx, &shown).await.unwrap(), [file]);
    drop(tx);

    // What is no version is not published.
    let mut tx = site.write(&actor).await;
    let beyond = workflows::publish(&mut tx, &scope(&actor), &publication(3, "Beyond")).await;
    assert!(matches!(beyond, Err(Error::Violation { .. })), "{beyond:?}");
}

async fn a_folder_takes_what_is_below_it_along(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let folder = |path: &str| folders::FolderRow { id: site.id(), path: path.to_owned(), created_at: at(1) };
    let (finance, payments, other) = (folder("Finance"), folder("Finance/Payments"), folder("Finances"));
    for new in [&finance, &payments, &other] {
        assert!(folders::create(&mut tx, &scope(&actor), new).await.unwrap());
    }
    assert!(!folders::create(&mut tx, &scope(&actor), &folder("Finance")).await.unwrap(), "the path leads to one");
    let row = authorized::<WorkflowWrite, _>(workflows::find_by_slug(&mut tx, "vendor-payment").await.unwrap(), &actor);
    assert!(workflows::move_to(&mut tx, &row, Some(payments.id)).await.unwrap());
    let found = authorized::<WorkflowWrite, _>(folders::find(&mut tx, finance.id).await.unwrap(), &actor);
    folders::move_to(&mut tx, &found, "Money").await.unwrap();
    tx.commit(event()).await.unwrap();

    let globex = site.actor(&site.globex).await;
    let mut tx = site.read(&globex).await;
    assert!(folders::list(&mut tx, &scope(&globex)).await.unwrap().is_empty());
    assert!(
        folders::find(&mut tx, finance.id).await.unwrap().is_none() && folders::find_by_path(&mut tx, "Money").await.unwrap().is_none()
    );
    drop(tx);

    let mut tx = site.write(&actor).await;
    let list = folders::list(&mut tx, &scope(&actor)).await.unwrap();
    let shown: Vec<(&str, i64)> = list.iter().map(|row| (row.folder.path.as_str(), row.workflows)).collect();
    assert_eq!(shown, [("Finances", 0), ("Money", 0), ("Money/Payments", 1)]);
    let other = authorized::<WorkflowWrite, _>(folders::find_by_path(&mut tx, "Finances").await.unwrap(), &actor);
    folders::remove(&mut tx, &other).await.unwrap();
    let full = authorized::<WorkflowWrite, _>(folders::find(&mut tx, payments.id).await.unwrap(), &actor);
    let refused = folders::remove(&mut tx, &full).await;
    assert!(matches!(refused, Err(Error::Violation { .. })), "{refused:?}");
}

async fn a_slug_is_free_again_when_its_workflow_was_removed(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let new = workflows::NewWorkflow {
        id: site.id(),
        slug: "vendor-payment".to_owned(),
        name: "Another".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        folder: None,
    };
    assert!(!workflows::create(&mut tx, &scope(&actor), &new, &version(site.id())).await.unwrap(), "the slug is taken");
    let row = authorized::<WorkflowDelete, _>(workflows::find(&mut tx, site.acme.workflow).await.unwrap(), &actor);
    assert!(workflows::remove(&mut tx, &row, at(1)).await.unwrap());
    assert!(!workflows::remove(&mut tx, &row, at(2)).await.unwrap());
    assert!(workflows::create(&mut tx, &scope(&actor), &new, &version(site.id())).await.unwrap());
    let list = workflows::list(&mut tx, &scope(&actor)).await.unwrap();
    assert_eq!(list.iter().map(|row| row.workflow.id).collect::<Vec<_>>(), [new.id]);
    assert!(workflows::pinned_version(&mut tx, site.acme.version).await.unwrap().is_some(), "its runs still find their plan");
    // A version that exists is refused by the table, and the transaction with it.
    let row = authorized::<WorkflowWrite, _>(workflows::find(&mut tx, new.id).await.unwrap(), &actor);
    let twice = workflows::add_version(&mut tx, &row, &called("", ""), &version(site.acme.version)).await;
    assert!(matches!(twice, Err(Error::Violation { .. })), "{twice:?}");
}
