//! Tenant variables.

use domain::VariableId;
use platform::{audit, variables::VariableKind};
use serde_json::json;

use crate::house::{House, fields, refusal};

async fn set(house: &House, actor: &domain::Actor, name: &str, text: &str) -> VariableId {
    house.platform.set_variable(actor, name, VariableKind::String, text).await.unwrap()
}

in_a_rehearsing_house! {
    async fn a_variable_is_set_changed_and_removed_and_each_is_recorded(house) {
        let admin = house.acme_admin().await;
        let id = set(&house, &admin, "erp_url", "https://erp.example.com").await;
        assert_eq!(set(&house, &admin, "erp_url", "https://erp.example.com").await, id, "the same again is no change");
        assert_eq!(house.platform.set_variable(&admin, "erp_url", VariableKind::Number, "12").await.unwrap(), id);
        house.platform.set_variable(&admin, "careful", VariableKind::Boolean, "true").await.unwrap();
        let variables = house.platform.variables(&admin).await.unwrap();
        let shown: Vec<_> = variables.iter().map(|line| (line.name.as_str(), line.kind, line.value.clone())).collect();
        assert_eq!(shown, [("careful", VariableKind::Boolean, json!(true)), ("erp_url", VariableKind::Number, json!(12))]);
        assert_eq!(variables[0].updated_by.as_deref(), Some("admin@acme.example"));
        house.platform.remove_variable(&admin, id).await.unwrap();
        assert_eq!(refusal(house.platform.remove_variable(&admin, id).await), (404, "not_found"));
        let filter = audit::Filter { target: Some(id.to_string()), ..audit::Filter::default() };
        let page = house.platform.audit(&admin, &filter, None, 10).await.unwrap();
        let changes: Vec<_> = page.items.iter().map(|line| (line.action.as_str(), &line.detail["before"], line.detail.get("value"))).collect();
        let url = json!("https://erp.example.com");
        assert_eq!(
            changes,
            [
                ("config.changed", &json!(12), None),
                ("config.changed", &url, Some(&json!(12))),
                ("config.changed", &json!(null), Some(&url)),
            ]
        );
    }

    async fn what_cannot_be_read_as_its_kind_is_refused(house) {
        let admin = house.acme_admin().await;
        assert_eq!(fields(house.platform.set_variable(&admin, "2fast", VariableKind::Number, "many").await), ["name", "value"]);
        assert_eq!(fields(house.platform.set_variable(&admin, "ok", VariableKind::Boolean, "yes").await), ["value"]);
        assert_eq!(fields(house.platform.set_variable(&admin, "ok", VariableKind::String, "a\u{0}").await), ["value"]);
        assert!(house.platform.variables(&admin).await.unwrap().is_empty());
    }

    async fn another_tenants_variable_does_not_exist(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        let id = set(&house, &acme, "erp_url", "https://erp.acme.example").await;
        set(&house, &globex, "erp_url", "https://erp.globex.example").await;
        assert_eq!(refusal(house.platform.remove_variable(&globex, id).await), (404, "not_found"));
        let variables = house.platform.variables(&acme).await.unwrap();
        assert_eq!(variables[0].value, json!("https://erp.acme.example"));
    }

    async fn who_may_not_set_variables_sets_none(house) {
        let (admin, approver) = (house.acme_admin().await, house.acme_approver().await);
        let id = set(&house, &admin, "erp_url", "https://erp.example.com").await;
        assert_eq!(refusal(house.platform.variables(&approver).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.set_variable(&approver, "a", VariableKind::String, "b").await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.remove_variable(&approver, id).await), (404, "not_found"));
        house.platform.grant_role(&admin, approver.person().unwrap(), platform::members::Role::Executor).await.unwrap();
        let executor = house.acme_approver().await;
        assert_eq!(house.platform.variables(&executor).await.unwrap().len(), 1);
        assert_eq!(refusal(house.platform.remove_variable(&executor, id).await), (403, "forbidden"));
        assert_eq!(refusal(house.platform.set_variable(&executor, "a", VariableKind::String, "b").await), (403, "forbidden"));
    }
}
