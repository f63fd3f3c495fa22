//! What exactly is approved: the digest over the covered steps, the credentials as they are, and the rules in force.

use database::Batch;
use domain::{Money, canonical};
use engine::RunContext;
use serde_json::{Value, json};
use workflow::{
    coverage::{Coverage, CoveredEffect},
    event::ApprovalRequest,
};

use super::money;

/// The digest that is approved, and the most that may be spent after a yes.
pub(super) struct Bound {
    pub digest: [u8; 32],
    pub ceiling: Money,
}

/// Binds a coverage to the facts in force: when somebody is asked, and again before each covered effect.
///
/// Over: the plan, the covered steps with their known arguments and the texts of what is not known yet, the id, version
/// and hosts of each credential, where each model's provider is, who may decide how, and what they fill in. Prices are no
/// part of it: what it may cost is the ceiling, which is checked apart.
pub(super) fn bind(batch: &Batch<'_>, run: &RunContext, coverage: &Coverage, request: &ApprovalRequest) -> Result<Bound, String> {
    let mut ceiling = Money::ZERO;
    let mut means = Vec::new();
    for effect in &coverage.effects {
        if let Some(prompt) = &effect.model {
            ceiling = ceiling.saturating_add(money::most_of(batch, run, prompt, effect.max_attempts)?);
        }
        means.push(means_of(batch, run, effect)?);
    }
    let plan = run.plan.hash().map_err(|error| error.to_string())?;
    let written = |value: Result<Value, serde_json::Error>| value.map_err(|error| error.to_string());
    let mut bound = json!({
        "form": 1,
        "plan": hex::encode(plan),
        "run": run.run.to_string(),
        "effects": written(serde_json::to_value(&coverage.effects))?,
        "means": means,
        "approvers": written(serde_json::to_value(&request.approvers))?,
        "quorum": written(serde_json::to_value(request.quorum))?,
    });
    // Left out when there is no form, so that what was asked before there were any still binds.
    if let (Some(bound), false) = (bound.as_object_mut(), request.fields.is_empty()) {
        bound.insert("fields".to_owned(), written(serde_json::to_value(&request.fields))?);
    }
    Ok(Bound { digest: canonical::digest(&bound), ceiling })
}

/// The credentials and the provider that a covered step uses, as they are now.
fn means_of(batch: &Batch<'_>, run: &RunContext, effect: &CoveredEffect) -> Result<Value, String> {
    let mut names: Vec<String> = effect.credentials.clone();
    let mut provider = Value::Null;
    if let Some(prompt) = &effect.model {
        let model = money::find_model(batch, &run.plan, prompt.model.as_deref())?;
        names.extend(model.credential_name.clone());
        provider = json!({"provider": model.provider.to_string(), "model": model.name, "base_url": model.base_url});
    }
    let credentials: Vec<Value> = names
        .iter()
        .map(|name| match batch.credential(name) {
            Some(facts) => json!({"name": name, "id": facts.id.to_string(), "version": facts.version, "hosts": facts.allowed_hosts}),
            None => json!({"name": name, "id": null}),
        })
        .collect();
    Ok(json!({"credentials": credentials, "provider": provider}))
}
