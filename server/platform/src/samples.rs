//! What the ticked box at the set-up puts into a new tenant: workflows, and all they need to run against the rehearsal
//! services of this process. All of it in one transaction, or nothing.

use database::{
    credentials, providers,
    providers::{NewModel, NewProvider, Price},
    variables::{self, NewVariable, VariableKind},
    workflows,
};
use domain::{
    Actor, Money, Problem, Scope, Secret,
    audit::AuditEvents,
    permission::{AgentWrite, CredentialWrite, VariableWrite, WorkflowWrite},
};
use serde_json::Value;

use crate::{
    Error, Platform, Result,
    credentials::NewCredential,
    providers::{model_added, provider_added},
    variables::changed,
    workflows::saved,
};

/// The workflows.
const WORKFLOWS: [&str; 3] = [
    include_str!("../../../examples/vendor-payment.md"),
    include_str!("../../../examples/expense-report.md"),
    include_str!("../../../examples/release-notes.md"),
];
const MODEL: &str = "rehearsal-model";
const MAX_OUTPUT_TOKENS: i64 = 4096;
/// What the scripted model is said to cost, in nano-dollars for a million tokens: $0.15 and $0.60.
const PRICE: Price = Price { input: Money::from_nanos(150_000_000), output: Money::from_nanos(600_000_000), cached: None };

fn there_already(what: &str) -> Error {
    Problem::conflict(
        "samples_there",
        format!("There is {what} already, so nothing was put in. Remove it first, or set the rest up by hand."),
    )
    .into()
}

impl Platform {
    /// Puts the workflows in, with variables, credentials, a provider and a model that point to the rehearsal services.
    ///
    /// # Errors
    /// 409 `no_rehearsal` when this process has no rehearsal services, `samples_there` when a part of it is there.
    pub async fn install_samples(&self, actor: &Actor) -> Result<()> {
        let of_workflows = Scope::<WorkflowWrite>::of(actor, "workflow")?;
        let of_variables = Scope::<VariableWrite>::of(actor, "variables")?;
        let of_credentials = Scope::<CredentialWrite>::of(actor, "credentials")?;
        let of_providers = Scope::<AgentWrite>::of(actor, "providers")?;
        let Some(rehearsal) = self.settings().rehearsal.clone() else {
            return Err(Problem::conflict(
                "no_rehearsal",
                "This server was started without its rehearsal services: `mandate serve --rehearsal` has them.",
            )
            .into());
        };
        let credential = |name: &str, host: &str, value: &Secret, description: &str| NewCredential {
            name: name.to_owned(),
            kind: "token".to_owned(),
            value: value.clone(),
            allowed_hosts: vec![host.to_owned()],
            description: description.to_owned(),
        };
        let mut sealed = Vec::new();
        for (name, host, key, description) in [
            ("payment-desk", &rehearsal.payment_desk, &rehearsal.payment_key, "The key of the rehearsal payment desk"),
            ("erp", &rehearsal.invoice_book, &rehearsal.erp_key, "The key of the rehearsal expenses"),
            ("tracker", &rehearsal.tracker, &rehearsal.tracker_key, "The key of the rehearsal tracker"),
            ("rehearsal-model-key", &rehearsal.model, &rehearsal.model_key, "The key of the scripted model"),
        ] {
            sealed.push(self.sealed(actor, credential(name, host, key, description)).await?);
        }
        let mut compiled = Vec::new();
        for source in WORKFLOWS {
            compiled.push((source, self.compiled(source).await?));
        }
        let now = self.now();
        let provider = NewProvider {
            id: self.new_id(),
            name: "rehearsal".to_owned(),
            base_url: format!("http://{}/v1", rehearsal.model),
            credential_name: Some("rehearsal-model-key".to_owned()),
            created_at: now,
        };
        let model =
            NewModel { id: self.new_id(), name: MODEL.to_owned(), price: PRICE, max_output_tokens: MAX_OUTPUT_TOKENS, created_at: now };

        let mut tx = self.parts().database.write(actor).await?;
        let mut events = AuditEvents::one(provider_added(&provider));
        for (source, compiled) in &compiled {
            let workflow = compiled.new_workflow(self);
            let version = compiled.new_version(self, source);
            if !workflows::create(&mut tx, &of_workflows, &workflow, &version).await? {
                return Err(there_already(&format!("a workflow `{}`", workflow.slug)));
            }
            events = events.and(saved("workflow.created", (workflow.id, &workflow.slug, &workflow.name), 1, &version));
            let in_force = self.put_in_force(&mut tx, &of_workflows, (workflow.id, &workflow.slug), (1, compiled.plan()), None).await?;
            events = events.and(in_force);
        }
        let known = variables::for_start(&mut tx).await?;
        let hosts = [("erp_url", &rehearsal.invoice_book), ("payments_url", &rehearsal.payment_desk), ("tracker_url", &rehearsal.tracker)];
        for (name, host) in hosts {
            if known.iter().any(|row| row.name == name) {
                return Err(there_already(&format!("a variable `{name}`")));
            }
            let value = Value::from(format!("http://{host}"));
            let new = NewVariable { id: self.new_id(), name: name.to_owned(), kind: VariableKind::String, value, updated_at: now };
            let row = variables::set(&mut tx, &of_variables, &new).await?;
            events = events.and(changed(&row, None));
        }
        for row in &sealed {
            if !credentials::create(&mut tx, &of_credentials, row).await? {
                return Err(there_already(&format!("a credential `{}`", row.name)));
            }
            events = events.and(crate::credentials::created(row));
        }
        if !providers::create(&mut tx, &of_providers, &provider).await? {
            return Err(there_already("a provider `rehearsal`"));
        }
        let made = providers::find(&mut tx, provider.id).await?.ok_or_else(|| Error::Broken(format!("{} is missing", provider.id)))?;
        let made = made.authorize::<AgentWrite>(actor)?;
        providers::create_model(&mut tx, &made, &model).await?;
        let row = providers::find_model(&mut tx, model.id).await?.ok_or_else(|| Error::Broken(format!("{} is missing", model.id)))?;
        let row = row.authorize::<AgentWrite>(actor)?;
        if !row.is_default {
            providers::set_default(&mut tx, &row).await?;
        }
        events = events.and(model_added(&provider.name, &model));
        Ok(tx.commit(events).await?)
    }
}
