//! Workflow files: looked at, saved, listed, shown and removed.

use domain::{Actor, permission::Permission};
use platform::{
    Error,
    members::Role,
    runs::Given,
    workflows::{FieldType, NeedKind, SaveError, Saved, Severity, WorkflowSearch},
};
use serde_json::json;

use crate::house::{House, refusal};

const VENDOR_PAYMENT: &str = include_str!("../../../../../examples/vendor-payment.md");

/// A small file whose front matter and one step are as given.
fn file(front: &str, step: &str) -> String {
    format!("---\nworkflow:\n  id: small\n  name: Small\n{front}---\n\n# Small\n\n## Step 1: Do it\n\n```yaml\n{step}```\n")
}

async fn save(house: &House, actor: &Actor, source: &str) -> Saved {
    house.platform.save_workflow(actor, source).await.unwrap()
}

fn error_of<T: std::fmt::Debug>(result: Result<T, SaveError>) -> Result<T, Error> {
    result.map_err(SaveError::into_error)
}

/// What is needed, with whether it is missing.
fn needs(checked: &platform::workflows::Checked) -> Vec<(NeedKind, &str, bool)> {
    checked.needs.iter().map(|need| (need.kind, need.name.as_str(), need.missing.is_some())).collect()
}

async fn as_developer(house: &House) -> Actor {
    let admin = house.acme_admin().await;
    let person = house.acme_approver().await.person().unwrap();
    house.platform.grant_role(&admin, person, Role::Developer).await.unwrap();
    house.acme_approver().await
}

in_a_rehearsing_house! {
    async fn a_file_is_looked_at_without_anything_being_written(house) {
        let admin = house.acme_admin().await;
        let before = house.log(&admin).await;
        let checked = house.platform.check_workflow(&admin, VENDOR_PAYMENT).await.unwrap();
        assert!(checked.is_sound(), "{:?}", checked.findings);
        assert_eq!(checked.slug.as_deref(), Some("vendor-payment"));
        let kinds: Vec<&str> = checked.steps.iter().map(|step| step.kind.as_str()).collect();
        assert_eq!(kinds, ["http.request", "workflow.assert", "agent.analyze", "approval", "http.request", "workflow.set_outputs"]);
        let [invoice, limit, note] = checked.inputs.as_slice() else { panic!("three inputs") };
        assert_eq!((invoice.name.as_str(), invoice.kind, invoice.required), ("invoice_id", FieldType::String, true));
        assert_eq!(invoice.pattern.as_deref(), Some("^INV-[0-9]{4,8}$"));
        assert_eq!((limit.kind, limit.default.clone(), limit.min), (FieldType::Number, Some(json!(1000)), Some(0.0)));
        assert!(!note.required && note.description.is_some());
        assert_eq!(checked.outputs.len(), 3);
        assert_eq!(
            needs(&checked),
            [
                (NeedKind::Variable, "erp_url", true),
                (NeedKind::Variable, "payments_url", true),
                (NeedKind::Credential, "payment-desk", true),
                (NeedKind::DefaultModel, "", true),
                (NeedKind::Role, "approver", false),
            ]
        );
        let [block] = checked.blocks.as_slice() else { panic!("one block is no step: {:?}", checked.blocks) };
        assert_eq!(block.language, "json");
        assert!(!block.reason.is_empty());
        let mandate = checked.mandate.unwrap();
        assert_eq!(mandate.asks.len(), 1);
        assert_eq!(mandate.uses[0].credential, "payment-desk");
        assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
        assert_eq!(house.log(&admin).await, before);
    }

    async fn what_the_tenant_has_is_not_missing_and_another_tenants_does_not_count(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        house.platform.install_samples(&acme).await.unwrap();
        let checked = house.platform.check_workflow(&acme, VENDOR_PAYMENT).await.unwrap();
        assert_eq!(checked.missing().count(), 0, "{:?}", checked.needs);
        assert!(checked.mandate.unwrap().reach.iter().any(|reach| reach.known && reach.host == crate::furniture::PAYMENT_DESK));
        let checked = house.platform.check_workflow(&globex, VENDOR_PAYMENT).await.unwrap();
        assert_eq!(checked.missing().count(), 4);
    }

    async fn who_is_asked_must_be_somebody_who_can_decide(house) {
        let admin = house.acme_admin().await;
        let step = "approval:\n  title: Go on\n  approvers: [role:auditor, role:approver, email:admin@acme.example, email:approver@acme.example, email:nobody@acme.example]\n  expires_in: 1d\n";
        let checked = house.platform.check_workflow(&admin, &file("", step)).await.unwrap();
        assert!(checked.is_sound(), "{:?}", checked.findings);
        assert_eq!(
            needs(&checked),
            [
                (NeedKind::Role, "approver", false),
                (NeedKind::Role, "auditor", true),
                (NeedKind::Person, "admin@acme.example", true),
                (NeedKind::Person, "approver@acme.example", false),
                (NeedKind::Person, "nobody@acme.example", true),
            ],
            "who writes the file decides nothing about it"
        );
    }

    async fn a_broken_file_is_refused_with_everything_that_is_wrong_at_its_place(house) {
        let admin = house.acme_admin().await;
        let source = file("risk: 5\n", "action: http.request\ninptus:\n  method: GET\n");
        let SaveError::Refused(checked) = house.platform.save_workflow(&admin, &source).await.unwrap_err() else { panic!("refused") };
        assert!(checked.errors().count() >= 2, "all of them at once: {:?}", checked.findings);
        let wrong = checked.errors().find(|finding| finding.message.contains("inptus")).unwrap();
        assert_eq!(source.lines().nth(wrong.line as usize - 1), Some("inptus:"));
        assert_eq!((wrong.column, wrong.excerpt.as_ref().unwrap().marked.as_str()), (1, "inptus"));
        assert!(wrong.suggestion.as_ref().unwrap().contains("inputs"));
        assert!(checked.mandate.is_none() && checked.inputs.is_empty());
        let refused = error_of(house.platform.save_workflow(&admin, &source).await);
        assert_eq!(refusal(refused), (422, "workflow_errors"));
        assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
        for source in ["", "---\n", "\u{0}", "a: [", &"x".repeat((1 << 20) + 1)] {
            let refused = house.platform.save_workflow(&admin, source).await;
            assert!(matches!(refused, Err(SaveError::Refused(_))));
        }
        let refused = house.platform.save_workflow(&admin, &VENDOR_PAYMENT.replace("# Vendor", "# \u{0}Vendor")).await;
        assert!(matches!(refused, Err(SaveError::Refused(_))), "no engine can keep such a text");
    }

    async fn an_id_that_is_the_address_of_a_page_is_refused_at_its_place(house) {
        let admin = house.acme_admin().await;
        let source = VENDOR_PAYMENT.replace("id: vendor-payment", "id: new");
        let SaveError::Refused(checked) = house.platform.save_workflow(&admin, &source).await.unwrap_err() else { panic!("refused") };
        let [wrong] = checked.findings.as_slice() else { panic!("{:?}", checked.findings) };
        assert_eq!((wrong.code, wrong.line, wrong.column), ("reserved_id", 3, 3));
        assert_eq!(wrong.excerpt.as_ref().unwrap().marked, "id");
    }

    async fn a_schema_that_is_none_is_an_error_and_a_closed_address_a_hint(house) {
        let admin = house.acme_admin().await;
        let model = "action: agent.analyze\ninputs:\n  prompt: Say something\n  output_schema: {type: object, properties: {a: {$ref: \"#/$defs/b\"}}}\noutput_variable: said\n";
        let source = file("", model);
        let checked = house.platform.check_workflow(&admin, &source).await.unwrap();
        let wrong = checked.errors().next().unwrap();
        assert_eq!(wrong.code, "invalid_schema");
        assert!(source.lines().nth(wrong.line as usize - 1).unwrap().contains("output_schema"));
        assert_eq!(wrong.excerpt.as_ref().unwrap().marked, "output_schema");
        assert!(checked.mandate.is_none(), "it cannot run");

        let request = |url: &str| file("", &format!("action: http.request\ninputs:\n  method: GET\n  url: {url}\noutput_variable: page\n"));
        let checked = house.platform.check_workflow(&admin, &request("http://10.0.0.1/orders")).await.unwrap();
        let [hint] = checked.findings.as_slice() else { panic!("{:?}", checked.findings) };
        assert_eq!((hint.severity, hint.code), (Severity::Hint, "not_open"));
        assert!(checked.is_sound(), "the operator may open it later");
        for open in ["https://example.com/orders", "http://127.0.0.1:8091/invoices/1"] {
            let checked = house.platform.check_workflow(&admin, &request(open)).await.unwrap();
            assert_eq!(checked.findings, [], "{open}");
        }
    }

    async fn the_same_text_adds_no_version_and_another_text_does(house) {
        let admin = house.acme_admin().await;
        let first = save(&house, &admin, VENDOR_PAYMENT).await;
        assert_eq!(first, Saved { slug: "vendor-payment".to_owned(), version: 1, new: true, published: true });
        assert_eq!(save(&house, &admin, VENDOR_PAYMENT).await, Saved { new: false, ..first.clone() });
        let prose = VENDOR_PAYMENT.replace("# Vendor payment\n", "# Paying vendors\n");
        assert_eq!(save(&house, &admin, &prose).await, Saved { version: 2, ..first.clone() });
        let shorter = prose.replace("expires_in: 3d", "expires_in: 2d").replace("name: Vendor payment", "name: Paying vendors");
        assert_eq!(save(&house, &admin, &shorter).await, Saved { version: 3, ..first });
        let shown = house.platform.workflow(&admin, "vendor-payment").await.unwrap();
        assert_eq!((shown.name.as_str(), shown.current.number), ("Paying vendors", 3));
        let versions: Vec<(i64, &str)> = shown.versions.iter().map(|version| (version.number, version.saved_by.as_deref().unwrap())).collect();
        assert_eq!(versions, [(3, "admin@acme.example"), (2, "admin@acme.example"), (1, "admin@acme.example")]);
        assert_eq!(shown.versions[1].plan_hash, shown.versions[2].plan_hash, "they do the same");
        assert_ne!(shown.versions[0].plan_hash, shown.versions[1].plan_hash);
        assert_eq!(shown.checked.inputs.len(), 3);
        for (number, source) in [(Some(1), VENDOR_PAYMENT), (Some(2), prose.as_str()), (None, shorter.as_str())] {
            assert_eq!(house.platform.workflow_source(&admin, "vendor-payment", number).await.unwrap().source, source);
        }
        assert_eq!(refusal(house.platform.workflow_source(&admin, "vendor-payment", Some(4)).await), (404, "not_found"));
        let log = house.log(&admin).await;
        let saves: Vec<&String> = log.iter().filter(|action| action.starts_with("workflow.")).collect();
        assert_eq!(saves, ["workflow.created", "workflow.published", "workflow.updated", "workflow.published", "workflow.updated", "workflow.published"]);
    }

    async fn of_two_who_save_at_once_none_is_lost(house) {
        let (one, two) = (house.acme_admin().await, house.acme_admin().await);
        let other = VENDOR_PAYMENT.replace("expires_in: 3d", "expires_in: 2d");
        let (first, second) = tokio::join!(house.platform.save_workflow(&one, VENDOR_PAYMENT), house.platform.save_workflow(&two, &other));
        let saved = [first, second].into_iter().flatten().count();
        let versions = house.platform.workflow(&one, "vendor-payment").await.unwrap().versions;
        assert_eq!(versions.len(), saved, "a save is refused or kept");
        assert!(saved >= 1);
    }

    async fn a_tenant_sees_its_own_workflows_alone(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        save(&house, &acme, VENDOR_PAYMENT).await;
        assert!(house.platform.workflows(&globex, &WorkflowSearch::default()).await.unwrap().is_empty());
        assert_eq!(refusal(house.platform.workflow(&globex, "vendor-payment").await), (404, "not_found"));
        assert_eq!(refusal(house.platform.workflow_source(&globex, "vendor-payment", None).await), (404, "not_found"));
        assert_eq!(refusal(house.platform.remove_workflow(&globex, "vendor-payment").await), (404, "not_found"));
        let own = save(&house, &globex, &VENDOR_PAYMENT.replace("limit: 0.25", "limit: 0.50")).await;
        assert_eq!((own.version, own.new), (1, true), "the same slug is another workflow");
        assert_eq!(house.platform.workflow(&acme, "vendor-payment").await.unwrap().versions.len(), 1);
    }

    async fn who_may_only_read_saves_and_removes_nothing(house) {
        let (admin, approver) = (house.acme_admin().await, house.acme_approver().await);
        save(&house, &admin, VENDOR_PAYMENT).await;
        assert_eq!(house.platform.workflows(&approver, &WorkflowSearch::default()).await.unwrap().len(), 1);
        assert!(house.platform.workflow(&approver, "vendor-payment").await.is_ok());
        assert_eq!(refusal(house.platform.check_workflow(&approver, VENDOR_PAYMENT).await), (403, "forbidden"));
        let refused = error_of(house.platform.save_workflow(&approver, VENDOR_PAYMENT).await);
        assert_eq!(refusal(refused), (403, "forbidden"));
        assert_eq!(refusal(house.platform.remove_workflow(&approver, "vendor-payment").await), (403, "forbidden"));
        let developer = as_developer(&house).await;
        assert!(!developer.may(Permission::WorkflowDelete));
        save(&house, &developer, &VENDOR_PAYMENT.replace("limit: 0.25", "limit: 0.50")).await;
        assert_eq!(refusal(house.platform.remove_workflow(&developer, "vendor-payment").await), (403, "forbidden"));
    }

    async fn a_removed_workflow_cannot_be_started_and_its_slug_is_free_again(house) {
        let admin = house.acme_admin().await;
        house.platform.install_samples(&admin).await.unwrap();
        let given = || Given::Form(vec![("invoice_id".to_owned(), "INV-20417".to_owned())]);
        let accepted = house.platform.start_run(&admin, "vendor-payment", given(), None).await.unwrap();
        let shown = house.platform.workflow(&admin, "vendor-payment").await.unwrap();
        assert_eq!(shown.recent_runs.iter().map(|run| run.id).collect::<Vec<_>>(), [accepted.run]);
        let lines = house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap();
        let line = lines.iter().find(|line| line.slug == "vendor-payment").unwrap();
        assert_eq!((line.runs, line.unfinished, line.last_run.unwrap().0), (1, 1, accepted.number));
        house.platform.remove_workflow(&admin, "vendor-payment").await.unwrap();
        assert_eq!(refusal(house.platform.remove_workflow(&admin, "vendor-payment").await), (404, "not_found"));
        assert_eq!(refusal(house.platform.start_run(&admin, "vendor-payment", given(), None).await), (404, "not_found"));
        assert!(house.platform.run(&admin, accepted.run).await.is_ok(), "its run stays");
        assert_eq!(save(&house, &admin, VENDOR_PAYMENT).await.version, 1);
        assert!(house.platform.workflow(&admin, "vendor-payment").await.unwrap().recent_runs.is_empty(), "another workflow");
        assert_eq!(house.log(&admin).await.iter().filter(|action| *action == "workflow.deleted").count(), 1);
    }
}
