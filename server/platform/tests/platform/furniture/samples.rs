//! What the ticked box at the set-up puts in.

use domain::Money;
use platform::{audit::Filter, credentials::NewCredential, runs::Given, variables::VariableKind, workflows::WorkflowSearch};

use crate::{
    furniture::sentence,
    house::{House, refusal},
};

fn given() -> Given {
    Given::Form(vec![("invoice_id".to_owned(), "INV-20417".to_owned())])
}

in_a_rehearsing_house! {
    async fn the_first_run_is_one_click_away(house) {
        let admin = house.acme_admin().await;
        house.platform.install_samples(&admin).await.unwrap();
        let variables = house.platform.variables(&admin).await.unwrap();
        let shown: Vec<_> = variables.iter().map(|line| (line.name.as_str(), line.value.as_str().unwrap())).collect();
        let urls = [("erp_url", "http://127.0.0.1:8091"), ("payments_url", "http://127.0.0.1:8092"), ("tracker_url", "http://127.0.0.1:8094")];
        assert_eq!(shown, urls);
        let credentials = house.platform.credentials(&admin).await.unwrap();
        let bound: Vec<_> = credentials.iter().map(|line| (line.name.as_str(), line.allowed_hosts[0].as_str())).collect();
        let hosts = [
            ("erp", crate::furniture::INVOICE_BOOK),
            ("payment-desk", crate::furniture::PAYMENT_DESK),
            ("rehearsal-model-key", crate::furniture::MODEL),
            ("tracker", crate::furniture::TRACKER),
        ];
        assert_eq!(bound, hosts);
        let provider = house.platform.providers(&admin).await.unwrap().remove(0);
        assert_eq!((provider.base_url.as_str(), provider.credential_is_missing), ("http://127.0.0.1:8093/v1", false));
        let model = &provider.models[0];
        assert_eq!((model.full_name.as_str(), model.is_default, model.max_output_tokens), ("rehearsal/rehearsal-model", true, 4096));
        assert_eq!((model.input_price, model.output_price), (Money::from_dollars("0.15").unwrap(), Money::from_dollars("0.60").unwrap()));
        for slug in ["vendor-payment", "expense-report", "release-notes"] {
            let shown = house.platform.workflow(&admin, slug).await.unwrap();
            assert_eq!((shown.checked.missing().count(), shown.versions[0].saved_by.as_deref()), (0, Some("admin@acme.example")), "{slug}");
        }
        let log = house.log(&admin).await;
        let count = |action: &str| log.iter().filter(|logged| *logged == action).count();
        // A provider, its model and three variables.
        assert_eq!((count("workflow.created"), count("credential.created"), count("config.changed")), (3, 4, 5));
        assert_eq!(house.platform.start_run(&admin, "vendor-payment", given(), None).await.unwrap().number, 1);
    }

    async fn all_of_it_is_put_in_or_nothing(house) {
        let admin = house.acme_admin().await;
        let key = NewCredential {
            name: "rehearsal-model-key".to_owned(),
            kind: "token".to_owned(),
            value: domain::Secret::new("mine"),
            allowed_hosts: vec!["example.com".to_owned()],
            description: String::new(),
        };
        let id = house.platform.create_credential(&admin, key).await.unwrap();
        assert!(sentence(house.platform.install_samples(&admin).await).contains("rehearsal-model-key"));
        assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
        assert!(house.platform.variables(&admin).await.unwrap().is_empty());
        house.platform.remove_credential(&admin, id).await.unwrap();
        let own = house.platform.set_variable(&admin, "erp_url", VariableKind::String, "https://erp.example.com").await.unwrap();
        assert_eq!(refusal(house.platform.install_samples(&admin).await), (409, "samples_there"));
        assert_eq!(house.platform.variables(&admin).await.unwrap()[0].value, "https://erp.example.com", "nothing is overwritten");
        house.platform.remove_variable(&admin, own).await.unwrap();
        house.platform.install_samples(&admin).await.unwrap();
        assert_eq!(refusal(house.platform.install_samples(&admin).await), (409, "samples_there"));
    }

    async fn samples_of_one_tenant_are_not_anothers(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        house.platform.install_samples(&acme).await.unwrap();
        assert!(house.platform.workflows(&globex, &WorkflowSearch::default()).await.unwrap().is_empty());
        assert_eq!(refusal(house.platform.start_run(&globex, "vendor-payment", given(), None).await), (404, "not_found"));
        house.platform.install_samples(&globex).await.unwrap();
        assert_eq!(house.platform.credentials(&globex).await.unwrap().len(), 4);
        let filter = Filter { action: Some("credential.created".to_owned()), ..Filter::default() };
        assert_eq!(house.platform.audit(&acme, &filter, None, 10).await.unwrap().items.len(), 4);
    }

    async fn who_is_no_admin_puts_nothing_in(house) {
        let approver = house.acme_approver().await;
        assert_eq!(refusal(house.platform.install_samples(&approver).await), (403, "forbidden"));
    }
}

#[tokio::test]
async fn without_rehearsal_services_there_are_no_samples() {
    let house = House::on_sqlite().await;
    let admin = house.acme_admin().await;
    assert_eq!(refusal(house.platform.install_samples(&admin).await), (409, "no_rehearsal"));
    assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
}
