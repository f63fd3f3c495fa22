//! Keys of the API, service accounts, and requests that are done once.

use database::{
    Error, Housekeeping, api_keys,
    api_keys::NewApiKey,
    idempotency::{self, Answer},
    people,
    roles::fresh_version,
    service_accounts::{self, NewServiceAccount},
    variables,
};
use domain::{Actor, Once, Permission, PersonId, permission::UserManage};
use serde_json::json;

use crate::site::{Site, at, authorized, event, scope};

on_both_engines! {
    a_key_is_its_owners_and_its_tenants
    what_was_done_under_a_key_is_not_done_again
    a_service_account_is_a_member_whom_no_address_finds
}

fn new_key(site: &Site, person: PersonId) -> NewApiKey {
    NewApiKey {
        id: site.id(),
        person,
        name: "Nightly".to_owned(),
        secret_hash: [3; 32],
        scopes: [Permission::RunRead].into_iter().collect(),
        created_by: person,
        created_at: at(0),
        expires_at: at(100),
    }
}

async fn a_key_is_its_owners_and_its_tenants(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let new = new_key(site, site.acme.admin);
    let mut tx = site.write(&actor).await;
    api_keys::create_own(&mut tx, &new).await.unwrap();
    let of_another = new_key(site, site.acme.approver);
    assert!(matches!(api_keys::create_own(&mut tx, &of_another).await, Err(Error::Misuse { .. })));
    tx.commit(event()).await.unwrap();

    let globex = site.actor(&site.globex).await;
    let mut tx = site.read(&globex).await;
    assert!(api_keys::find(&mut tx, new.id).await.unwrap().is_none());
    assert!(api_keys::list(&mut tx, &scope(&globex)).await.unwrap().is_empty());
    drop(tx);
    let mut tx = site.read(&actor).await;
    assert!(api_keys::find_own(&mut tx, new.id, site.acme.approver).await.unwrap().is_none());
    assert_eq!(api_keys::own(&mut tx, site.acme.admin).await.unwrap().len(), 1);
    drop(tx);

    let mut tx = site.system().await;
    let shown = api_keys::shown(&mut tx, new.id).await.unwrap().unwrap();
    assert_eq!((shown.tenant, shown.secret_hash, shown.key.scopes), (site.acme.id, [3; 32], new.scopes));
    assert!(shown.is_good(at(99)) && !shown.is_good(at(100)), "it ends with its time");
    api_keys::touch(&mut tx, site.acme.id, new.id, at(5), Some("192.0.2.7")).await.unwrap();
    tx.housekeep(Housekeeping::ApiKeys).await.unwrap();

    let mut tx = site.write(&actor).await;
    let row = authorized::<UserManage, _>(api_keys::find(&mut tx, new.id).await.unwrap(), &actor);
    assert_eq!((row.last_used_at, row.last_used_from.as_deref()), (Some(at(5)), Some("192.0.2.7")));
    assert!(api_keys::revoke(&mut tx, &row, at(6)).await.unwrap());
    assert!(!api_keys::revoke(&mut tx, &row, at(7)).await.unwrap(), "once");
    tx.commit(event()).await.unwrap();
    let mut tx = site.system().await;
    assert!(!api_keys::shown(&mut tx, new.id).await.unwrap().unwrap().is_good(at(8)));
}

fn once(actor: Actor, key: &str, from: u64) -> Actor {
    actor.doing_once(Once { key: key.to_owned(), digest: [1; 32], at: at(from), expires_at: at(from + 10) })
}

async fn set_variable(site: &Site, actor: &Actor, name: &str) -> Result<(), Error> {
    let new = variables::NewVariable {
        id: site.id(),
        name: name.to_owned(),
        kind: variables::VariableKind::Boolean,
        value: json!(true),
        updated_at: at(0),
    };
    let mut tx = site.write(actor).await;
    variables::set(&mut tx, &scope(actor), &new).await?;
    tx.commit(event()).await
}

async fn what_was_done_under_a_key_is_not_done_again(site: &Site) {
    let first = once(site.actor(&site.acme).await, "k", 0);
    set_variable(site, &first, "first").await.unwrap();
    set_variable(site, &first, "of_the_same_request").await.unwrap();
    let second = once(site.actor(&site.acme).await, "k", 5);
    assert_eq!(set_variable(site, &second, "second").await, Err(Error::DoneBefore));
    let mut tx = site.read(&first).await;
    let names: Vec<String> = variables::for_start(&mut tx).await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["first", "of_the_same_request"], "nothing of the second was done");
    let known = idempotency::find(&mut tx, site.acme.admin, "k", at(5)).await.unwrap().unwrap();
    assert_eq!((known.digest, known.answer, known.request), ([1; 32], None, first.request().id.to_string()));
    drop(tx);

    let answer = Answer { status: 201, headers: json!({"location": "/x"}), body: "{}".to_owned() };
    let mut tx = site.write(&first).await;
    idempotency::answered(&mut tx, site.acme.admin, first.once().unwrap(), &answer).await.unwrap();
    tx.housekeep(Housekeeping::Idempotency).await.unwrap();
    let mut tx = site.read(&first).await;
    assert_eq!(idempotency::find(&mut tx, site.acme.admin, "k", at(9)).await.unwrap().unwrap().answer, Some(answer));
    assert!(idempotency::find(&mut tx, site.acme.approver, "k", at(9)).await.unwrap().is_none(), "another person's key is another");
    assert!(idempotency::find(&mut tx, site.acme.admin, "k", at(10)).await.unwrap().is_none(), "its time is over");
    drop(tx);

    // The same key of another tenant is another one, and one whose time is over is as good as new.
    set_variable(site, &once(site.actor(&site.globex).await, "k", 5), "other").await.unwrap();
    set_variable(site, &once(site.actor(&site.acme).await, "k", 10), "later").await.unwrap();
    let mut tx = site.system().await;
    assert_eq!(idempotency::delete_ended(&mut tx, at(15)).await.unwrap(), 1);
    tx.housekeep(Housekeeping::Idempotency).await.unwrap();
}

async fn a_service_account_is_a_member_whom_no_address_finds(site: &Site) {
    let actor = site.actor(&site.acme).await;
    let new = NewServiceAccount {
        person: site.id(),
        tenant: site.acme.id,
        email: "robot@acme.service.invalid".to_owned(),
        name: "Pays".to_owned(),
        created_at: at(0),
    };
    let mut tx = site.system().await;
    assert!(service_accounts::create(&mut tx, &scope(&actor), &new, fresh_version(&site.entropy)).await.unwrap());
    assert!(people::find_by_email(&mut tx, &new.email).await.unwrap().is_none(), "nobody signs in as it");
    site.commit(tx).await;
    let mut tx = site.system().await;
    let another = NewServiceAccount { person: site.id(), email: "other@acme.service.invalid".to_owned(), ..new.clone() };
    let made = service_accounts::create(&mut tx, &scope(&actor), &another, fresh_version(&site.entropy)).await.unwrap();
    assert!(!made, "rights of before the last change make no account");
    drop(tx);

    let actor = site.actor(&site.acme).await;
    let mut tx = site.read(&actor).await;
    let list = service_accounts::list(&mut tx, &scope(&actor)).await.unwrap();
    assert_eq!(list.iter().map(|row| (row.person, row.roles.len())).collect::<Vec<_>>(), [(new.person, 0)]);
    assert!(service_accounts::find(&mut tx, site.acme.admin).await.unwrap().is_none(), "a person is none");
    let globex = site.actor(&site.globex).await;
    let mut tx = site.read(&globex).await;
    assert!(service_accounts::find(&mut tx, new.person).await.unwrap().is_none());
}
