//! Credentials: what is set is sealed, and what is shown are facts.

use database::credentials as rows;
use domain::{Actor, CredentialId, Secret};
use platform::{audit, credentials::NewCredential, members::Role};
use vault::{CREDENTIAL_VALUE, Context};

use crate::{
    furniture::sentence,
    house::{House, fields, refusal},
};

const VALUE: &str = "sk-live-7f3a99c1";

fn new(name: &str) -> NewCredential {
    NewCredential {
        name: name.to_owned(),
        kind: "api_key".to_owned(),
        value: Secret::new(VALUE),
        allowed_hosts: vec!["API.example.com, *.pay.example.com:8443".to_owned()],
        description: "Pays\nvendors".to_owned(),
    }
}

/// The value that is kept, opened as the engine does.
async fn kept(house: &House, actor: &Actor, id: CredentialId) -> Option<(i64, String)> {
    let mut tx = house.platform.database().read(actor).await.unwrap();
    let wrapped = rows::tenant_key(&mut tx).await.unwrap().unwrap();
    let row = rows::sealed(&mut tx, id).await.unwrap()?;
    let key = house.platform.keyring().unwrap(actor.tenant(), &wrapped).unwrap();
    let context = Context { tenant: actor.tenant(), credential: id, version: row.version, purpose: CREDENTIAL_VALUE };
    Some((row.version, key.open(context, &row.sealed).unwrap().expose().to_owned()))
}

in_a_rehearsing_house! {
    async fn a_credential_is_sealed_and_shown_without_its_value(house) {
        let admin = house.acme_admin().await;
        let id = house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        let shown = house.platform.credential(&admin, id, None, 20).await.unwrap();
        assert_eq!((shown.line.name.as_str(), shown.line.kind.as_str(), shown.line.version), ("payment-desk", "api_key", 1));
        assert_eq!(shown.line.allowed_hosts, ["api.example.com", "*.pay.example.com:8443"]);
        assert_eq!(shown.line.description, "Pays vendors");
        assert_eq!((shown.line.created_by.as_deref(), shown.line.replaced_by.as_deref()), (Some(admin.label()), None));
        assert!(shown.uses.items.is_empty());
        assert_eq!(house.platform.credentials(&admin).await.unwrap(), std::slice::from_ref(&shown.line));
        assert!(!format!("{shown:?}{:?}", new("x")).contains(VALUE));
        assert_eq!(kept(&house, &admin, id).await, Some((1, VALUE.to_owned())));
    }

    async fn another_value_takes_the_place_of_the_one_before(house) {
        let admin = house.acme_admin().await;
        let id = house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        assert_eq!(house.platform.replace_credential(&admin, id, &Secret::new("sk-live-2")).await.unwrap(), 2);
        assert_eq!(kept(&house, &admin, id).await, Some((2, "sk-live-2".to_owned())));
        let line = house.platform.credential(&admin, id, None, 20).await.unwrap().line;
        assert_eq!((line.version, line.replaced_at), (2, Some(house.platform.now())));
        assert_eq!((line.created_by.as_deref(), line.replaced_by.as_deref()), (Some(admin.label()), Some(admin.label())));
        for wrong in ["", "abc", "two\nlines"] {
            assert_eq!(fields(house.platform.replace_credential(&admin, id, &Secret::new(wrong)).await), ["value"]);
        }
        let (one, two) = (Secret::new("sk-live-3"), Secret::new("sk-live-4"));
        let (first, second) =
            tokio::join!(house.platform.replace_credential(&admin, id, &one), house.platform.replace_credential(&admin, id, &two));
        let done = [&first, &second].into_iter().filter(|result| result.is_ok()).count();
        assert_eq!(kept(&house, &admin, id).await.unwrap().0, 2 + i64::try_from(done).unwrap(), "{first:?} {second:?}");
    }

    async fn where_it_may_go_is_changed_and_recorded(house) {
        let admin = house.acme_admin().await;
        let id = house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        house.platform.change_credential(&admin, id, &["pay.example.com".to_owned()], "The desk").await.unwrap();
        let line = house.platform.credential(&admin, id, None, 20).await.unwrap().line;
        assert_eq!((line.allowed_hosts, line.description.as_str(), line.version), (vec!["pay.example.com".to_owned()], "The desk", 1));
        assert_eq!(kept(&house, &admin, id).await, Some((1, VALUE.to_owned())));
        for wrong in [vec![], vec![String::new()], vec!["https://pay.example.com/".to_owned()], vec!["*".to_owned()]] {
            assert_eq!(fields(house.platform.change_credential(&admin, id, &wrong, "").await), ["allowed_hosts"]);
        }
        let filter = audit::Filter { action: Some("credential.".to_owned()), ..audit::Filter::default() };
        let page = house.platform.audit(&admin, &filter, None, 10).await.unwrap();
        assert_eq!(page.items.iter().map(|line| line.action.as_str()).collect::<Vec<_>>(), ["credential.updated", "credential.created"]);
        assert_eq!(page.items[0].detail["hosts"], serde_json::json!(["pay.example.com"]));
        assert_eq!(page.items[0].target_id, id.to_string());
    }

    async fn a_removed_credential_has_no_value_and_its_name_is_free(house) {
        let admin = house.acme_admin().await;
        let id = house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        house.platform.remove_credential(&admin, id).await.unwrap();
        assert_eq!(kept(&house, &admin, id).await, None);
        assert!(house.platform.credentials(&admin).await.unwrap().is_empty());
        for refused in [
            refusal(house.platform.credential(&admin, id, None, 20).await),
            refusal(house.platform.replace_credential(&admin, id, &Secret::new(VALUE)).await),
            refusal(house.platform.change_credential(&admin, id, &["example.com".to_owned()], "").await),
            refusal(house.platform.remove_credential(&admin, id).await),
        ] {
            assert_eq!(refused, (404, "not_found"));
        }
        house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
    }

    async fn all_wrong_fields_are_told_at_once_and_a_taken_name_too(house) {
        let admin = house.acme_admin().await;
        let wrong = NewCredential {
            name: "Payment Desk".to_owned(),
            kind: "magic".to_owned(),
            value: Secret::new(""),
            allowed_hosts: vec!["*".to_owned()],
            description: "x".repeat(501),
        };
        assert_eq!(fields(house.platform.create_credential(&admin, wrong).await), ["name", "kind", "value", "allowed_hosts", "description"]);
        house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        assert_eq!(fields(house.platform.create_credential(&admin, new(" payment-desk ")).await), ["name"]);
        assert_eq!(house.platform.credentials(&admin).await.unwrap().len(), 1);
    }

    async fn another_tenants_credential_does_not_exist(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        let id = house.platform.create_credential(&acme, new("payment-desk")).await.unwrap();
        assert!(house.platform.credentials(&globex).await.unwrap().is_empty());
        for refused in [
            refusal(house.platform.credential(&globex, id, None, 20).await),
            refusal(house.platform.replace_credential(&globex, id, &Secret::new("sk-stolen")).await),
            refusal(house.platform.change_credential(&globex, id, &["evil.example".to_owned()], "").await),
            refusal(house.platform.remove_credential(&globex, id).await),
        ] {
            assert_eq!(refused, (404, "not_found"));
        }
        house.platform.create_credential(&globex, new("payment-desk")).await.unwrap();
        assert_eq!(kept(&house, &acme, id).await, Some((1, VALUE.to_owned())));
    }

    async fn who_may_not_see_credentials_learns_of_none_and_who_may_only_see_changes_none(house) {
        let admin = house.acme_admin().await;
        let id = house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        let approver = house.acme_approver().await;
        assert_eq!(refusal(house.platform.credentials(&approver).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.create_credential(&approver, new("mine")).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.credential(&approver, id, None, 20).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.remove_credential(&approver, id).await), (404, "not_found"));
        house.platform.grant_role(&admin, approver.person().unwrap(), Role::Developer).await.unwrap();
        let developer = house.acme_approver().await;
        assert_eq!(house.platform.credentials(&developer).await.unwrap().len(), 1);
        for refused in [
            refusal(house.platform.create_credential(&developer, new("mine")).await),
            refusal(house.platform.replace_credential(&developer, id, &Secret::new("sk-mine")).await),
            refusal(house.platform.change_credential(&developer, id, &["evil.example".to_owned()], "").await),
            refusal(house.platform.remove_credential(&developer, id).await),
        ] {
            assert_eq!(refused, (403, "forbidden"));
        }
        let admin = house.acme_admin().await;
        assert_eq!(kept(&house, &admin, id).await, Some((1, VALUE.to_owned())));
    }

    async fn no_value_ever_reaches_the_log_or_a_sentence(house) {
        let admin = house.acme_admin().await;
        let id = house.platform.create_credential(&admin, new("payment-desk")).await.unwrap();
        let endless = format!("{VALUE}\n");
        assert!(!sentence(house.platform.replace_credential(&admin, id, &Secret::new(endless.as_str())).await).contains(VALUE));
        house.platform.replace_credential(&admin, id, &Secret::new(format!("{VALUE}-2"))).await.unwrap();
        house.platform.remove_credential(&admin, id).await.unwrap();
        let mut export = house.platform.audit_export(&admin).await.unwrap();
        let lines = export.next().await.unwrap().unwrap();
        assert!(lines.contains("credential.rotated") && !lines.contains(VALUE));
    }
}
