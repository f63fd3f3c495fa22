//! Model providers, their models and prices.

use domain::{Actor, Money, ProviderId, Secret};
use platform::{
    credentials::NewCredential,
    providers::{NewProvider, PriceText},
};

use crate::{
    furniture::sentence,
    house::{House, fields, refusal},
};

fn provider(name: &str, base_url: &str, credential: Option<&str>) -> NewProvider {
    NewProvider { name: name.to_owned(), base_url: base_url.to_owned(), credential_name: credential.map(str::to_owned) }
}

fn price(input: &str, output: &str) -> PriceText {
    PriceText { input: input.to_owned(), output: output.to_owned(), cached: Some(String::new()), max_output_tokens: "4096".to_owned() }
}

fn dollars(text: &str) -> Money {
    Money::from_dollars(text).unwrap()
}

async fn with_key(house: &House, actor: &Actor, hosts: &str) {
    let new = NewCredential {
        name: "model-key".to_owned(),
        kind: "api_key".to_owned(),
        value: Secret::new("sk-model"),
        allowed_hosts: vec![hosts.to_owned()],
        description: String::new(),
    };
    house.platform.create_credential(actor, new).await.unwrap();
}

async fn openai(house: &House, actor: &Actor) -> ProviderId {
    house.platform.add_provider(actor, provider("openai", "https://api.openai.com/v1/", None)).await.unwrap()
}

in_a_rehearsing_house! {
    async fn a_provider_is_set_up_with_a_credential_that_may_go_there(house) {
        let admin = house.acme_admin().await;
        let wanted = provider("openai", "https://api.openai.com/v1/", Some("model-key"));
        assert!(sentence(house.platform.add_provider(&admin, wanted.clone()).await).contains("no credential `model-key`"));
        with_key(&house, &admin, "api.example.com").await;
        let refused = house.platform.add_provider(&admin, wanted.clone()).await.unwrap_err().problem();
        assert_eq!(refused.fields[0].field, "credential_name");
        assert!(refused.detail.contains("api.openai.com"), "{refused}");
        let key = house.platform.credentials(&admin).await.unwrap()[0].id;
        house.platform.change_credential(&admin, key, &["api.openai.com".to_owned()], "").await.unwrap();
        house.platform.add_provider(&admin, wanted.clone()).await.unwrap();
        let shown = &house.platform.providers(&admin).await.unwrap()[0];
        assert_eq!((shown.base_url.as_str(), shown.credential_is_missing), ("https://api.openai.com/v1", false));
        assert_eq!(fields(house.platform.add_provider(&admin, wanted).await), ["name"], "the name is taken");
        house.platform.remove_credential(&admin, key).await.unwrap();
        assert!(house.platform.providers(&admin).await.unwrap()[0].credential_is_missing);
    }

    async fn an_address_that_is_not_open_is_refused_with_the_reason(house) {
        let admin = house.acme_admin().await;
        for closed in ["http://10.0.0.7/v1", "http://127.0.0.1:11434/v1", "http://169.254.169.254/", "https://user:pass@example.com/v1"] {
            let refused = house.platform.add_provider(&admin, provider("local", closed, None)).await;
            assert_eq!(fields(refused), ["base_url"], "{closed}");
        }
        let why = sentence(house.platform.add_provider(&admin, provider("local", "http://10.0.0.7/v1", None)).await);
        assert!(why.contains("egress.allow"), "{why}");
        let wrong = provider("Open AI", "ftp://x", Some("nothing"));
        assert_eq!(fields(house.platform.add_provider(&admin, wrong).await), ["name", "base_url", "credential_name"], "all at once");
        let open = format!("http://{}/v1", crate::furniture::MODEL);
        house.platform.add_provider(&admin, provider("local", &open, None)).await.unwrap();
    }

    async fn a_model_has_a_known_price_or_does_not_exist(house) {
        let admin = house.acme_admin().await;
        let id = openai(&house, &admin).await;
        assert_eq!(fields(house.platform.add_model(&admin, id, "gpt-5", &price("", "0.60")).await), ["input_price"]);
        let wrong = PriceText { cached: Some("free".to_owned()), max_output_tokens: "0".to_owned(), ..price("-1", "1,50") };
        let refused = house.platform.add_model(&admin, id, " ", &wrong).await;
        assert_eq!(fields(refused), ["name", "input_price", "output_price", "cached_price", "max_output_tokens"]);
        assert!(house.platform.providers(&admin).await.unwrap()[0].models.is_empty());
        let first = house.platform.add_model(&admin, id, "org/gpt-5:free", &price("0", "0")).await.unwrap();
        let cached = PriceText { cached: Some("0.000000001".to_owned()), ..price("0.15", "$0.60") };
        let second = house.platform.add_model(&admin, id, "gpt-5", &cached).await.unwrap();
        assert_eq!(fields(house.platform.add_model(&admin, id, "gpt-5", &cached).await), ["name"]);
        let models = house.platform.providers(&admin).await.unwrap().remove(0).models;
        let shown: Vec<_> = models.iter().map(|model| (model.full_name.as_str(), model.is_default, model.price_version)).collect();
        assert_eq!(shown, [("openai/gpt-5", false, 1), ("openai/org/gpt-5:free", true, 1)], "the first is the default");
        assert_eq!((models[0].input_price, models[0].cached_price), (dollars("0.15"), Some(Money::from_nanos(1))));

        house.platform.set_price(&admin, second, &price("0.20", "0.80")).await.unwrap();
        house.platform.set_default_model(&admin, second).await.unwrap();
        house.platform.set_default_model(&admin, second).await.unwrap();
        let model = house.platform.providers(&admin).await.unwrap()[0].models[0].clone();
        assert_eq!((model.input_price, model.output_price, model.cached_price), (dollars("0.20"), dollars("0.80"), None));
        assert_eq!((model.is_default, model.price_version), (true, 2));
        house.platform.remove_model(&admin, first).await.unwrap();
        assert_eq!(refusal(house.platform.remove_model(&admin, first).await), (404, "not_found"));
        let changes = house.log(&admin).await.iter().filter(|action| *action == "config.changed").count();
        assert_eq!(changes, 6, "provider, two models, price, default, removal");
    }

    async fn a_removed_provider_takes_its_models_along(house) {
        let admin = house.acme_admin().await;
        let id = openai(&house, &admin).await;
        let model = house.platform.add_model(&admin, id, "gpt-5", &price("1", "2")).await.unwrap();
        house.platform.remove_provider(&admin, id).await.unwrap();
        assert!(house.platform.providers(&admin).await.unwrap().is_empty());
        assert_eq!(refusal(house.platform.remove_provider(&admin, id).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.set_price(&admin, model, &price("1", "2")).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.add_model(&admin, id, "gpt-5", &price("1", "2")).await), (404, "not_found"));
        openai(&house, &admin).await;
    }

    async fn another_tenants_provider_and_models_do_not_exist(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        let id = openai(&house, &acme).await;
        let model = house.platform.add_model(&acme, id, "gpt-5", &price("1", "2")).await.unwrap();
        openai(&house, &globex).await;
        for refused in [
            refusal(house.platform.add_model(&globex, id, "gpt-6", &price("1", "2")).await),
            refusal(house.platform.set_price(&globex, model, &price("0", "0")).await),
            refusal(house.platform.set_default_model(&globex, model).await),
            refusal(house.platform.remove_model(&globex, model).await),
            refusal(house.platform.remove_provider(&globex, id).await),
        ] {
            assert_eq!(refused, (404, "not_found"));
        }
        with_key(&house, &globex, "api.openai.com").await;
        let with_key_of_others = provider("other", "https://api.openai.com/v1", Some("model-key"));
        assert!(sentence(house.platform.add_provider(&acme, with_key_of_others).await).contains("no credential"));
        assert_eq!(house.platform.providers(&acme).await.unwrap()[0].models.len(), 1);
    }

    async fn who_may_only_see_providers_changes_none(house) {
        let (admin, approver) = (house.acme_admin().await, house.acme_approver().await);
        let id = openai(&house, &admin).await;
        let model = house.platform.add_model(&admin, id, "gpt-5", &price("1", "2")).await.unwrap();
        assert_eq!(house.platform.providers(&approver).await.unwrap().len(), 1);
        for refused in [
            refusal(house.platform.add_provider(&approver, provider("mine", "https://example.com", None)).await),
            refusal(house.platform.add_model(&approver, id, "gpt-6", &price("1", "2")).await),
            refusal(house.platform.set_price(&approver, model, &price("0", "0")).await),
            refusal(house.platform.set_default_model(&approver, model).await),
            refusal(house.platform.remove_model(&approver, model).await),
            refusal(house.platform.remove_provider(&approver, id).await),
        ] {
            assert_eq!(refused, (403, "forbidden"));
        }
    }
}
