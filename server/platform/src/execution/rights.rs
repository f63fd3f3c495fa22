//! The starter's rights, read again at each effect: a run acts for whom started it and never for more.

use database::Batch;
use engine::RunContext;
use workflow::{Call, event::Park, permissions};

use crate::Platform;

/// Whether the starter may do this now.
pub(super) enum Answer {
    /// Yes.
    Allowed,
    /// No: the step waits until they may, or until the run is cancelled.
    Missing(Park),
    /// The policy changed and has to be built anew first.
    Unknown,
}

pub(super) fn check(platform: &Platform, batch: &Batch<'_>, run: &RunContext, call: &Call) -> Answer {
    let missing = |what: String| Answer::Missing(Park::StarterRights { missing: what });
    if !batch.membership().is_some_and(|membership| membership.active) {
        return missing(format!("{} is no active member any more.", run.starter_label));
    }
    let Some(tenant) = batch.tenant().filter(|tenant| tenant.active) else {
        return missing("The tenant is closed.".to_owned());
    };
    // Only what is recorded counts here: asking Casbin is for `prepare`, outside the writer.
    let policies = &platform.parts().policies;
    if let Some(grants) = policies.cached(run.tenant, run.starter, tenant.policy_version) {
        return answer(grants, run, call);
    }
    // Of somebody without a role no answers are ever recorded: that they hold none is the answer.
    match policies.policy(run.tenant, tenant.policy_version) {
        Some(policy) if policy.roles_of(run.starter).is_empty() => missing(format!("{} holds no role here any more.", run.starter_label)),
        _ => Answer::Unknown,
    }
}

fn answer(grants: domain::Grants, run: &RunContext, call: &Call) -> Answer {
    let needed = match call {
        Call::Http(_) => permissions::HTTP,
        Call::Model(_) => permissions::MODEL,
    };
    match needed.iter().find(|permission| !grants.allows(**permission)) {
        None => Answer::Allowed,
        Some(permission) => Answer::Missing(Park::StarterRights {
            missing: format!("{} does not have the permission {permission} any more.", run.starter_label),
        }),
    }
}
