//! What a plan needs around it before it can run: tenant variables, credentials, models, people who decide, and rights.
//!
//! What only triggers need is not among it: a person starts a run without them.

use std::collections::BTreeSet;

use domain::Permission;

use crate::{
    expression::Reference,
    permissions,
    plan::{Approver, CredentialPiece, OutputField, Plan, Step, StepKind, WaitStep},
};

/// What a tenant has to have for a plan to run. Lists are sorted and without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Names after `vars.`.
    pub vars: BTreeSet<String>,
    /// Names after `cred://`.
    pub credentials: BTreeSet<String>,
    /// Models that are named, as `provider/model` or a name.
    pub models: BTreeSet<String>,
    /// Whether a prompt goes to the tenant's default model.
    pub default_model: bool,
    /// Roles that are asked for an approval.
    pub roles: BTreeSet<String>,
    /// E-mail addresses of people who are asked for an approval.
    pub people: BTreeSet<String>,
    /// What whoever starts a run has to be allowed: for the start, for its calls, and what the file requires besides.
    pub permissions: BTreeSet<Permission>,
}

impl Needs {
    /// The needs of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut needs = Self { permissions: permissions::START.iter().copied().collect(), ..Self::default() };
        needs.permissions.extend(plan.declared.requirements.permissions.iter().filter_map(|name| name.parse::<Permission>().ok()));
        let names = plan.all_steps().flat_map(Step::names).chain(plan.outputs.iter().flat_map(OutputField::names));
        let of_vars = names.filter(|name| name.root == "vars");
        needs.vars.extend(of_vars.filter_map(|Reference { path, .. }| path.into_iter().next()));
        for step in plan.all_steps() {
            match &step.kind {
                StepKind::Http(http) => {
                    needs.permissions.extend(permissions::HTTP);
                    for piece in http.headers.iter().flat_map(|(_, pieces)| pieces) {
                        if let CredentialPiece::Credential(name) = piece {
                            needs.credentials.insert(name.clone());
                        }
                    }
                }
                StepKind::Model(model) => needs.model(plan, model.model.as_ref()),
                StepKind::Chat(chat) => needs.model(plan, chat.model.as_ref()),
                StepKind::Approval(approval) => needs.approvers(&approval.approvers),
                StepKind::Wait(WaitStep::Form { approvers, .. }) => needs.approvers(approvers),
                _ => {}
            }
        }
        needs
    }

    fn model(&mut self, plan: &Plan, named: Option<&String>) {
        self.permissions.extend(permissions::MODEL);
        match named.or(plan.default_model.as_ref()) {
            Some(name) => drop(self.models.insert(name.clone())),
            None => self.default_model = true,
        }
    }

    fn approvers(&mut self, approvers: &[Approver]) {
        for approver in approvers {
            match approver {
                Approver::Role(role) => drop(self.roles.insert(role.clone())),
                Approver::Email(email) => drop(self.people.insert(email.clone())),
                Approver::Anyone => {}
            }
        }
    }
}
