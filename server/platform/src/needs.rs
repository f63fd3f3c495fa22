//! Whether a tenant has what a workflow needs, looked at before a run is accepted: what is missing is named all at once.

use database::{Reads, credentials, providers};
use domain::Problem;
use serde_json::{Map, Value};
use workflow::{Plan, needs::Needs};

use crate::Result;

/// What is said of something that a file may ask for and that no run can do yet.
pub(crate) const NOT_YET: &str = "No run can do this yet: take it out, or wait for a version of Mandate that can.";

/// What is missing, as sentences; empty when nothing is.
pub(crate) async fn missing<'a>(tx: &mut impl Reads<'a>, plan: &Plan, vars: &Map<String, Value>) -> Result<Vec<String>> {
    let needs = Needs::of(plan);
    let beyond = plan.not_yet().into_iter().map(|asked| match asked.step.as_str() {
        "" => format!("The workflow asks for {}. {NOT_YET}", asked.what),
        step => format!("The step `{step}` on line {} asks for {}. {NOT_YET}", asked.line, asked.what),
    });
    let unset = needs.vars.iter().filter(|name| !vars.contains_key(*name));
    let unset = unset.map(|name| format!("The variable `{name}` is not set: set it under Variables."));
    let mut missing: Vec<String> = beyond.chain(unset).collect();
    for name in &needs.credentials {
        if credentials::find_by_name(tx, name).await?.is_none() {
            missing.push(format!("The credential `{name}` is not set: set it under Credentials."));
        }
    }
    if needs.default_model && providers::resolve(tx, None).await?.is_none() {
        missing.push("There is no default model: set a provider and a model up under Model providers.".to_owned());
    }
    for name in &needs.models {
        if providers::resolve(tx, Some(name)).await?.is_none() {
            missing.push(format!(
                "There is no price for the model `{name}`: add provider and model under Model providers, and name it provider/model."
            ));
        }
    }
    Ok(missing)
}

/// Refuses a start for want of what the workflow needs.
pub(crate) async fn check<'a>(tx: &mut impl Reads<'a>, plan: &Plan, vars: &Map<String, Value>) -> Result<()> {
    let missing = missing(tx, plan, vars).await?;
    if missing.is_empty() { Ok(()) } else { Err(Problem::new(422, "requirements", missing.join(" ")).into()) }
}
