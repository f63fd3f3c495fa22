//! Approvals on the path of a run: asking, checking that what was approved is what will happen, voiding, expiring.

use std::collections::BTreeSet;

use database::{ApprovalEnd, ApprovalLinkRow, ApprovalRequest as NewApproval, ApprovalState, Batch, Keys, MemberRefused};
use domain::{ApprovalId, LinkId, Money, PersonId, Timestamp, permission::Permission};
use engine::{RunContext, Verdict};
use policy::{PolicyCache, TenantPolicy};
use vault::Token;
use workflow::{
    Input, Run,
    core::{CallEffect, Covered},
    coverage::{self, Coverage},
    event::{ApprovalRequest, Decision, Failure},
    plan::{Approver, Quorum},
};

use super::{Execution, Go, digest, directory::Directory, mailing};

/// What has to be read for binding a coverage.
pub(super) fn keys_of(coverage: &Coverage, keys: &mut Keys) {
    for effect in &coverage.effects {
        keys.credentials.extend(effect.credentials.iter().cloned());
        keys.models |= effect.model.is_some();
    }
}

/// What is to be asked.
pub(super) struct Asking<'a> {
    pub step: &'a str,
    pub round: u32,
    pub request: &'a ApprovalRequest,
    pub coverage: &'a Coverage,
    pub expires_at: Timestamp,
}

/// What has to be known to say who may decide.
pub(crate) struct Deciding<'a> {
    /// Those the workflow names.
    pub approvers: &'a [Approver],
    pub policy: &'a TenantPolicy,
    /// The recorded answers of that policy: asking it for each member anew takes too long for the writer and for lists.
    pub recorded: &'a PolicyCache,
    /// Who started the run, where there is one.
    pub starter: Option<PersonId>,
    /// Who wrote its workflow.
    pub author: Option<PersonId>,
}

impl Deciding<'_> {
    /// Whether this member may decide: never who started the run or wrote its workflow.
    pub(crate) fn includes(&self, person: PersonId, email: &str) -> bool {
        if Some(person) == self.starter || Some(person) == self.author {
            return false;
        }
        let named = self.approvers.iter().any(|approver| match approver {
            Approver::Role(role) => self.policy.roles_of(person).iter().any(|held| held.name() == role),
            Approver::Email(wanted) => email.eq_ignore_ascii_case(wanted),
            Approver::Anyone => true,
        });
        named && self.holds_the_right(person)
    }

    fn holds_the_right(&self, person: PersonId) -> bool {
        let grants = match self.recorded.grants(self.policy.tenant(), person, self.policy.version()) {
            Ok(Some(grants)) => Ok(grants),
            // Another state of the policy is in memory by now; this one still answers.
            Ok(None) => self.policy.grants(person),
            Err(error) => Err(error),
        };
        grants.is_ok_and(|grants| grants.allows(Permission::ApprovalApprove))
    }
}

/// Everybody who may decide.
pub(crate) fn eligible(deciding: &Deciding<'_>, directory: &Directory) -> BTreeSet<PersonId> {
    directory.people().filter(|(person, email)| deciding.includes(*person, email)).map(|(person, _)| person).collect()
}

/// Writes the approval, a link and a mail for each who may decide. It is pending from this commit on.
pub(super) fn ask(
    execution: &Execution,
    batch: &mut Batch<'_>,
    run: &RunContext,
    state: &Run,
    asking: &Asking<'_>,
) -> Result<Verdict<Go>, MemberRefused> {
    let parts = execution.platform.parts();
    let known = batch.tenant().and_then(|tenant| {
        let policy = parts.policies.policy(run.tenant, tenant.policy_version)?;
        Some((policy, execution.directories.of(run.tenant, tenant.policy_version)?))
    });
    let Some((policy, directory)) = known else { return Ok(Verdict::Again) };
    let bound = match digest::bind(batch, run, asking.coverage, asking.request) {
        Ok(bound) => bound,
        Err(reason) => {
            let failure = Failure::last("approval", format!("Nobody was asked: {reason}"));
            return Ok(Verdict::Tell(Input::Refused { step: asking.step.to_owned(), failure }));
        }
    };
    let deciding = Deciding {
        approvers: &asking.request.approvers,
        policy: &policy,
        recorded: &parts.policies,
        starter: Some(run.starter),
        author: run.author,
    };
    let asked = eligible(&deciding, &directory);
    let quorum = match asking.request.quorum {
        Quorum::Of(number) => i64::from(number),
        Quorum::All => i64::try_from(asked.len()).unwrap_or(i64::MAX).max(1),
    };
    let now = batch.now();
    let id = ApprovalId::new(now, parts.entropy.as_ref());
    let json = |value: Result<String, serde_json::Error>| value.map_err(|error| MemberRefused::because(error.to_string()));
    batch.ask_approval(NewApproval {
        id,
        step: asking.step.to_owned(),
        round: i64::from(asking.round),
        kind: "workflow_step".to_owned(),
        title: asking.request.title.clone(),
        request: json(serde_json::to_string(asking.request))?,
        coverage: json(serde_json::to_string(asking.coverage))?,
        digest: bound.digest,
        ceiling: bound.ceiling,
        quorum,
        requested_at: now,
        expires_at: asking.expires_at,
    })?;
    for person in asked {
        let Some(email) = directory.email(person) else { continue };
        let token = Token::generate(parts.entropy.as_ref());
        batch.approval_link(ApprovalLinkRow {
            id: LinkId::new(now, parts.entropy.as_ref()),
            approval: id,
            person,
            token_hash: token.hash(),
            expires_at: asking.expires_at,
        });
        let invitation = mailing::Invitation { approval: id, recipient: email, token: &token, ceiling: bound.ceiling, quorum };
        let mail = mailing::asked(execution, run, state, asking, &invitation);
        batch.mail(mail);
    }
    Ok(Verdict::Tell(Input::ApprovalAsked {
        step: asking.step.to_owned(),
        round: asking.round,
        approval: id,
        request: asking.request.clone(),
        coverage: asking.coverage.clone(),
        digest: hex::encode(bound.digest),
        ceiling: bound.ceiling,
        expires_at: asking.expires_at,
    }))
}

/// Checks, before a covered effect, that what was approved is what is about to happen.
pub(super) fn holds(batch: &Batch<'_>, run: &RunContext, covered: &Covered, call: &CallEffect, most: Money) -> Result<(), String> {
    let row = batch.approval(covered.approval).ok_or("the approval cannot be found any more")?;
    if row.state != ApprovalState::Approved {
        return Err("the approval does not hold any more".to_owned());
    }
    let effect = covered.effect.as_ref().ok_or_else(|| format!("the step {} was not part of what was approved", call.step))?;
    coverage::matches(effect, &call.call, &call.idempotency_key)?;
    let bound = digest::bind(batch, run, &covered.coverage, &covered.request)?;
    if bound.digest != row.digest {
        return Err("a credential, a provider or the rules changed since it was approved".to_owned());
    }
    let spent = covered.spent_since.checked_add(most).ok_or("the amounts cannot be counted")?;
    if spent > covered.ceiling {
        return Err(format!("it may cost up to {spent}, and {} was approved", covered.ceiling));
    }
    Ok(())
}

/// Takes an approval back, so that it is asked anew.
pub(super) fn void(batch: &mut Batch<'_>, approval: ApprovalId, reason: String) -> Result<Input, MemberRefused> {
    let end = ApprovalEnd { id: approval, state: ApprovalState::Voided, by: String::new(), comment: Some(reason.clone()), at: batch.now() };
    batch.void_approval(end)?;
    Ok(Input::ApprovalEnded { approval, decision: Decision::Voided, by: None, comment: Some(reason), fields: None })
}

/// Ends an approval that nobody decided in time. Whoever decided first has won: then the decision is in the inbox.
pub(super) fn expire(batch: &mut Batch<'_>, approval: ApprovalId) -> Result<Verdict<Go>, MemberRefused> {
    let end = ApprovalEnd { id: approval, state: ApprovalState::Expired, by: String::new(), comment: None, at: batch.now() };
    Ok(if batch.end_approval(end)? {
        Verdict::Tell(Input::ApprovalEnded { approval, decision: Decision::Expired, by: None, comment: None, fields: None })
    } else {
        Verdict::InInbox
    })
}
