//! The main job: `examples/vendor-payment.md` from the upload to the payment, through the doors that people use.
//!
//! Here is the whole way and what is refused before it begins; how approvals end is in `decisions`, what money and models
//! do in `money`.

mod decisions;
mod money;

use domain::{ApprovalId, RunId};
use platform::runs::{RunShown, Waiting};
use rehearsal::Rehearsal;
use serde_json::{Value, json};

use crate::harness::{Answer, Choices, Client, Engine, House, PASSWORD, Tenant, in_both_houses, page, things::approval_of};

pub const SOURCE: &str = include_str!("../../../examples/vendor-payment.md");
/// An invoice above the limit, and one below it.
pub const LARGE: &str = "INV-20417";
pub const SMALL: &str = "INV-1001";
/// One that was paid before.
pub const PAID: &str = "INV-1002";

pub async fn with_samples(engine: Engine) -> House {
    House::with_samples(engine, Choices::default()).await
}

/// Sends the form of the page at `at` that goes to `action`.
pub async fn fill(client: &Client, at: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
    let page = client.get(at).await.expect(200);
    client.submit(&page, action, fields).await
}

/// Starts a payment with the form of its page, and gives the run.
pub async fn start_on_the_page(tenant: &Tenant, client: &Client, inputs: &[(&str, &str)]) -> RunId {
    start_of(tenant, client, "vendor-payment", inputs).await
}

/// The same for any workflow.
pub async fn start_of(tenant: &Tenant, client: &Client, workflow: &str, inputs: &[(&str, &str)]) -> RunId {
    let at = format!("/t/{}/workflows/{workflow}/runs", tenant.slug);
    let fields: Vec<(String, &str)> = inputs.iter().map(|(name, value)| (format!("input.{name}"), *value)).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let started = fill(client, &format!("{at}/new"), &at, &fields).await.expect(303);
    started.location().rsplit('/').next().unwrap().parse().unwrap()
}

/// Decides on the page, as it was shown.
pub async fn decide(client: &Client, tenant: &Tenant, approval: ApprovalId, decision: &str, comment: &str) -> Answer {
    let at = format!("/t/{}/approvals/{approval}", tenant.slug);
    fill(client, &at, &format!("{at}/decision"), &[("decision", decision), ("comment", comment)]).await
}

pub async fn approve(house: &House, approval: ApprovalId) {
    decide(&house.acme.approver, &house.acme, approval, "approve", "").await.expect(303);
}

/// Starts a payment above the limit as the developer of acme, and waits for the approval.
pub async fn asked(house: &House) -> (RunId, ApprovalId) {
    let run = house.start(&house.acme.developer, json!({"invoice_id": LARGE})).await;
    (run, approval_of(house, &house.acme, run).await)
}

/// Why a run failed: step, code, sentence.
pub fn failure(shown: &RunShown) -> (&str, &str, &str) {
    let (step, code, sentence) = shown.failure.as_ref().unwrap_or_else(|| panic!("it did not fail: {shown:#?}"));
    (step.as_deref().unwrap_or_default(), code, sentence)
}

/// What a run waits for, as far as it is no approval.
pub fn parked(shown: &RunShown) -> Option<&str> {
    match &shown.line.waiting {
        Some(Waiting::Other { words, .. }) => Some(words),
        _ => None,
    }
}

/// Sets everything up in acme with the forms of the pages, as somebody does without the rehearsal's samples.
pub async fn set_up_by_hand(admin: &Client, rehearsal: &Rehearsal) {
    let [desk, book, model] = [rehearsal.payment_desk(), rehearsal.invoice_book(), rehearsal.model()].map(|address| address.to_string());
    let credential = async |name: &str, host: &str, value: &str| {
        let fields = [("name", name), ("kind", "token"), ("allowed_hosts", host), ("value", value)];
        fill(admin, "/t/acme/credentials", "/t/acme/credentials", &fields).await.expect(303);
    };
    credential("payment-desk", &desk, rehearsal::PAYMENT_DESK_KEY).await;
    credential("model-key", &model, rehearsal::MODEL_KEY).await;
    for (name, host) in [("erp_url", &book), ("payments_url", &desk)] {
        let fields = [("name", name), ("kind", "text"), ("value", &*format!("http://{host}"))];
        fill(admin, "/t/acme/variables", "/t/acme/variables", &fields).await.expect(303);
    }
    let fields = [("name", "rehearsal"), ("base_url", &*format!("http://{model}/v1")), ("credential_name", "model-key")];
    let provider = fill(admin, "/t/acme/providers", "/t/acme/providers", &fields).await.expect(303);
    let at = provider.location().to_owned();
    // Nobody knows what it costs: refused.
    let fields = [("name", rehearsal::MODEL_NAME), ("input_price", ""), ("output_price", "0.60")];
    fill(admin, &at, &format!("{at}/models"), &fields).await.expect(422).says(&["nobody knows"]);
    let fields = [("name", rehearsal::MODEL_NAME), ("input_price", "0.15"), ("output_price", "0.60")];
    fill(admin, &at, &format!("{at}/models"), &fields).await.expect(303);
}

/// Uploads the workflow, reads the preview and saves it.
async fn upload(house: &House) {
    let admin = &house.acme.admin;
    let uploaded = admin.upload("/t/acme/workflows/checks", &[("source", "")], ("file", "vendor-payment.md", SOURCE)).await.expect(200);
    let preview =
        uploaded.says(&["The file is sound.", "Read the invoice", "Finance agrees", "payments_url", "payment-desk", "invoice_id"]);
    admin.get("/t/acme/workflows/vendor-payment").await.expect(404);
    let forms = page::forms(&preview.text);
    let source = forms.iter().find_map(|form| form.value("source")).expect("the text, to be saved");
    assert_eq!(source, SOURCE);
    let saved = admin.post("/t/acme/workflows", &[("source", source), ("act", "publish")]).await.expect(303);
    assert_eq!(saved.location(), "/t/acme/workflows/vendor-payment");
    admin.get("/t/acme/workflows/vendor-payment").await.expect(200).says(&["Vendor payment", "Only open invoices are paid"]);
}

in_both_houses! {
    House::new =>

    async fn an_invoice_is_paid_once_after_a_person_agreed_to_exactly_that(house) {
        set_up_by_hand(&house.acme.admin, &house.rehearsal).await;
        upload(&house).await;
        let acme = house.acme.clone();
        let run = start_on_the_page(&acme, &acme.developer, &[("invoice_id", LARGE), ("note", "Please before Friday")]).await;
        let approval = approval_of(&house, &acme, run).await;
        let run_page = format!("/t/acme/runs/{run}");
        acme.viewer.get(&run_page).await.expect(200).says(&["Waiting for", "Finance agrees", "rehearsal/rehearsal-model", "INV-20417"]);
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);

        // The approver comes by the link in the mail and sees exactly what would happen.
        let link = house.mailed_link(acme.approver.email(), "/a/").await;
        let link = link.strip_prefix(&house.origin).unwrap();
        let signed_out = house.nobody.get(link).await.expect(303);
        assert!(signed_out.location().starts_with("/sign-in?next=/a/"), "{}", signed_out.location());
        house.globex.approver.get(link).await.expect(404);
        acme.viewer.get(link).await.expect(404);
        let by_mail = acme.approver.get(link).await.expect(303);
        let page = acme.approver.get(by_mail.location()).await.expect(200);
        let desk = house.rehearsal.payment_desk().to_string();
        let page = page.says(&[
            "Pay 1840.5 EUR to Nordlicht Druck", "DE02120300000000202051", "cred://payment-desk", &desk, "POST", "Please before Friday",
            "pay-INV-20417", "medium",
        ]);
        assert!(!page.text.contains(rehearsal::PAYMENT_DESK_KEY));

        // Looking changes nothing, however often.
        let before = house.log(&acme).await;
        for _ in 0..10 {
            acme.approver.get(by_mail.location()).await.expect(200);
            acme.approver.get(link).await.expect(303);
        }
        assert_eq!(house.log(&acme).await.len(), before.len());
        assert_eq!(house.rehearsal.payments().len(), 0);

        // Only the approver may decide.
        let decision = format!("/t/acme/approvals/{approval}/decision");
        let digest = page::forms(&page.text).iter().find_map(|form| form.value("digest").map(str::to_owned)).unwrap();
        let yes = [("decision", "approve"), ("comment", ""), ("digest", digest.as_str())];
        for other in [&acme.viewer, &acme.developer, &acme.admin] {
            other.post(&decision, &yes).await.expect(403);
            assert!(page::forms(&other.get(by_mail.location()).await.expect(200).text).iter().all(|form| form.action != decision));
        }
        house.globex.approver.post(&decision, &yes).await.expect(404);
        let changed = [("decision", "approve"), ("comment", ""), ("digest", &*"0".repeat(64))];
        acme.approver.post(&decision, &changed).await.expect(409);
        assert_eq!(house.rehearsal.payments().len(), 0);

        let decided = acme.approver.submit(&page, &decision, &[("decision", "approve")]).await.expect(303);
        assert_eq!(decided.location(), format!("/t/acme/approvals/{approval}"));
        let done = house.until_over(&acme, run).await;
        assert_eq!(done.outputs, Some(json!({"payment_id": "PAY-0001", "amount": 1840.5, "decided_by": "approver@acme.example"})));
        let payments = house.rehearsal.payments();
        assert_eq!(payments.len(), 1);
        assert_eq!((payments[0].requests, payments[0].idempotency_key.as_deref()), (1, Some("pay-INV-20417")));
        assert_eq!((payments[0].iban.as_str(), payments[0].amount), ("DE02120300000000202051", 1840.5));

        // Once: the link still leads to the page, and deciding again is too late.
        let late = acme.approver.post(&decision, &yes).await.expect(409);
        assert!(late.words().contains("approved"), "{}", late.words());
        let page = acme.approver.get(link).await.expect(303);
        acme.approver.get(page.location()).await.expect(200).says(&["Approved by approver@acme.example"]);
        acme.viewer.get(&run_page).await.expect(200).says(&["Completed", "PAY-0001", "1840.5", "approver@acme.example"]);

        // What it cost is what the model said it used, and everybody who may can see it.
        let cost = done.line.spent;
        assert!(cost > domain::Money::ZERO && done.held == domain::Money::ZERO);
        let budgets = house.platform.budgets(&house.actor(&acme.admin).await).await.unwrap();
        assert_eq!((budgets.tenant.spent, budgets.tenant.held), (cost, domain::Money::ZERO));
        acme.admin.get("/t/acme/budgets").await.expect(200).says(&["Vendor payment"]);

        // Every act is in the log, by whom and by which door.
        let log = house.log(&acme).await;
        let by = |action: &str| log.iter().find(|line| line.action == action).unwrap_or_else(|| panic!("no {action} in {log:#?}"));
        assert_eq!(by("workflow.executed").actor, "developer@acme.example");
        let approved = by("approval.approved");
        assert_eq!((approved.actor.as_str(), approved.door.as_str()), ("approver@acme.example", "mail_link"));
        assert_eq!(approved.detail["digest"], Value::String(digest));
        acme.admin.get("/t/acme/audit?action=approval.approved").await.expect(200).says(&["approval.approved", "by a link in a mail"]);
    }

    async fn the_ticked_box_puts_in_all_that_a_first_run_needs_and_no_box_nothing(house) {
        for (slug, samples) in [("ticked", true), ("empty", false)] {
            let link = house.platform.tenant_invite();
            let path = link.strip_prefix(&house.origin).unwrap();
            let page = house.nobody.get(path).await.expect(200);
            let email = format!("ada@{slug}.example");
            let mut fields = vec![("tenant_name", slug), ("slug", slug), ("name", "Ada"), ("email", &*email), ("password", PASSWORD)];
            // As the form stands there, but for the box.
            assert!(page::forms(&page.text)[0].names.iter().any(|name| name == "samples"));
            if samples {
                fields.push(("samples", "true"));
            }
            let made = house.nobody.post(path, &fields).await.expect(303);
            let admin = house.nobody.with_cookie_of(&made);
            let at = format!("/t/{slug}/workflows/vendor-payment/runs");
            if !samples {
                admin.get(&format!("/t/{slug}/workflows/vendor-payment")).await.expect(404);
                for part in ["workflows", "credentials", "variables", "providers"] {
                    let page = admin.get(&format!("/t/{slug}/{part}")).await.expect(200);
                    let below = format!("/t/{slug}/{part}/");
                    let things: Vec<String> = page::links(&page.text).into_iter().filter(|link| link.starts_with(&below) && !link.ends_with("/new")).collect();
                    assert_eq!(things, Vec::<String>::new());
                }
                continue;
            }
            let started = fill(&admin, &format!("{at}/new"), &at, &[("input.invoice_id", LARGE)]).await.expect(303);
            let mut live = admin.stream(&format!("{}/live", started.location())).await;
            let mut told = String::new();
            while !told.contains("Waiting for") {
                let bytes = tokio::time::timeout(crate::harness::PATIENCE, live.chunk()).await.unwrap().unwrap();
                told.push_str(std::str::from_utf8(&bytes.expect("the run waits")).unwrap());
            }
        }
    }

    async fn the_key_of_the_payment_desk_is_seen_by_nobody_but_the_desk(house) {
        set_up_by_hand(&house.acme.admin, &house.rehearsal).await;
        upload(&house).await;
        let acme = house.acme.clone();
        let run = start_on_the_page(&acme, &acme.developer, &[("invoice_id", LARGE)]).await;
        let approval = approval_of(&house, &acme, run).await;
        approve(&house, approval).await;
        house.until_over(&acme, run).await;
        let asked = house.rehearsal.payment_desk_stage().requests();
        assert_eq!(asked[0].header("authorization"), Some(&*format!("Bearer {}", rehearsal::PAYMENT_DESK_KEY)));
        let credential = house.platform.credentials(&house.actor(&acme.admin).await).await.unwrap().into_iter().find(|line| line.name == "payment-desk").unwrap();
        for path in [
            format!("/t/acme/runs/{run}"),
            format!("/t/acme/runs/{run}?step=step_5"),
            format!("/t/acme/approvals/{approval}"),
            format!("/t/acme/credentials/{}", credential.id),
            "/t/acme/credentials".to_owned(),
            "/t/acme/audit".to_owned(),
            "/t/acme/audit/export.jsonl".to_owned(),
            "/mailbox".to_owned(),
        ] {
            let page = acme.admin.get(&path).await.expect(200);
            assert!(!page.text.contains(rehearsal::PAYMENT_DESK_KEY), "{path}");
        }
        acme.admin.get(&format!("/t/acme/credentials/{}", credential.id)).await.expect(200).says(&["step_5", &house.rehearsal.payment_desk().to_string()]);
    }
}

mod refused_before_it_begins {
    use super::*;

    in_both_houses! {
        with_samples =>

        async fn a_small_invoice_without_a_risk_is_paid_without_asking(house) {
            house.rehearsal.model_says_next(r#"{"risk": "low", "reasons": []}"#);
            let run = start_on_the_page(&house.acme, &house.acme.developer, &[("invoice_id", SMALL)]).await;
            let done = house.until_over(&house.acme, run).await;
            assert_eq!(done.outputs.unwrap()["decided_by"], "nobody was asked");
            assert_eq!(house.rehearsal.payments().len(), 1);
            // The same at once, but that the model is not sure.
            let run = start_on_the_page(&house.acme, &house.acme.developer, &[("invoice_id", SMALL)]).await;
            approval_of(&house, &house.acme, run).await;
            assert_eq!(house.rehearsal.payments().len(), 1);
        }

        async fn a_paid_invoice_is_refused_before_anything_costs(house) {
            let run = house.start(&house.acme.developer, json!({"invoice_id": PAID})).await;
            let failed = house.until_over(&house.acme, run).await;
            assert_eq!(failure(&failed).2, "Invoice INV-1002 is paid, not open");
            assert_eq!((house.rehearsal.model_stage().requests().len(), house.rehearsal.payments().len()), (0, 0));
        }

        async fn inputs_that_do_not_fit_start_nothing(house) {
            let at = "/t/acme/workflows/vendor-payment/runs";
            let developer = &house.acme.developer;
            for (fields, said) in [
                (&[("input.invoice_id", "20417")][..], "invoice_id"),
                (&[("input.invoice_id", "")], "invoice_id"),
                (&[("input.invoice_id", LARGE), ("input.ask_above", "much")], "ask_above"),
                (&[("input.invoice_id", LARGE), ("input.ask_above", "-1")], "ask_above"),
            ] {
                fill(developer, &format!("{at}/new"), at, fields).await.expect(422).says(&[said]);
            }
            developer.post(at, &[("start_key", "k"), ("input.invoice_id", LARGE), ("input.amount", "1")]).await.expect(422).says(&["amount"]);
            developer.post(at, &[("input.invoice_id", LARGE)]).await.expect(422);
            house.acme.viewer.post(at, &[("start_key", "k"), ("input.invoice_id", LARGE)]).await.expect(403);
            house.acme.approver.get(&format!("{at}/new")).await.expect(403);
            let runs = house.platform.runs(&house.actor(developer).await, platform_filter(), None, 10).await.unwrap();
            assert_eq!(runs.items.len(), 0);
        }

        async fn the_same_form_sent_twice_starts_one_run(house) {
            let at = "/t/acme/workflows/vendor-payment/runs";
            let page = house.acme.developer.get(&format!("{at}/new")).await.expect(200);
            let first = house.acme.developer.submit(&page, at, &[("input.invoice_id", PAID)]).await.expect(303);
            let second = house.acme.developer.submit(&page, at, &[("input.invoice_id", PAID)]).await.expect(303);
            assert_eq!(first.location(), second.location());
        }

        async fn a_file_with_errors_is_refused_with_all_of_them_and_nothing_is_saved(house) {
            let broken = SOURCE
                .replace("output_variable: invoice", "output_varible: invoice")
                .replace("invoice.body.amount > inputs.ask_above", "invoice.body.amount > inputs.ask_abve")
                .replace("action: workflow.assert", "action: workflow.asert")
                .replace("id: vendor-payment", "id: another-payment");
            for path in ["/t/acme/workflows/checks", "/t/acme/workflows"] {
                let refused = house.acme.developer.post(path, &[("source", &broken), ("act", "publish")]).await.expect(422);
                refused.says(&["output_varible", "output_variable", "ask_abve", "ask_above", "workflow.asert", "workflow.assert", "line"]);
            }
            house.acme.developer.get("/t/acme/workflows/another-payment").await.expect(404);
            for source in ["", "# No front matter", "---\nworkflow: [\n---\n", "\u{0}"] {
                house.acme.developer.post("/t/acme/workflows", &[("source", source), ("act", "publish")]).await.expect(422);
            }
        }

        async fn what_a_workflow_needs_has_to_be_there_before_it_starts(house) {
            let admin = house.actor(&house.acme.admin).await;
            let variables = house.platform.variables(&admin).await.unwrap();
            let erp = variables.iter().find(|line| line.name == "erp_url").unwrap();
            let at = format!("/t/acme/variables/{}", erp.id);
            fill(&house.acme.admin, &at, &format!("{at}/removal"), &[("typed", "erp_url")]).await.expect(303);
            let at = "/t/acme/workflows/vendor-payment/runs";
            let key = [("start_key", "k"), ("input.invoice_id", LARGE)];
            house.acme.developer.post(at, &key).await.expect(422).says(&["erp_url"]);
            let model = &house.platform.providers(&admin).await.unwrap()[0];
            house.platform.set_variable(&admin, "erp_url", platform::variables::VariableKind::String, "http://127.0.0.1:9").await.unwrap();
            house.platform.remove_model(&admin, model.models[0].id).await.unwrap();
            house.acme.developer.post(at, &key).await.expect(422).says(&["model"]);
        }
    }
}

fn platform_filter() -> database::runs::Filter {
    database::runs::Filter::default()
}
