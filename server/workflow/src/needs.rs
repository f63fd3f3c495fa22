//! What a plan needs around it before it can run: tenant variables, credentials, models, and people who decide.

use std::collections::BTreeSet;

use crate::{
    data::Argument,
    expression::{Expression, Reference, Template},
    plan::{Approver, CredentialPiece, FormField, HttpStepBody, OnError, Plan, StepKind, TemplateValue, WaitStep},
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
}

impl Needs {
    /// The needs of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut needs = Self::default();
        for step in plan.all_steps() {
            needs.expression(step.condition.as_ref());
            needs.template(step.idempotency_key.as_ref());
            needs.on_error(&step.on_error);
            match &step.kind {
                StepKind::Http(http) => {
                    needs.template(Some(&http.url));
                    for piece in http.headers.iter().flat_map(|(_, pieces)| pieces) {
                        match piece {
                            CredentialPiece::Text(text) => needs.template(Some(text)),
                            CredentialPiece::Credential(name) => drop(needs.credentials.insert(name.clone())),
                        }
                    }
                    needs.pairs(&http.query);
                    match &http.body {
                        HttpStepBody::None => {}
                        HttpStepBody::Json(value) => needs.value(value),
                        HttpStepBody::Text(text) => needs.template(Some(text)),
                        HttpStepBody::Form(fields) => needs.pairs(fields),
                    }
                }
                StepKind::Model(model) => {
                    match model.model.as_ref().or(plan.default_model.as_ref()) {
                        Some(name) => drop(needs.models.insert(name.clone())),
                        None => needs.default_model = true,
                    }
                    needs.template(model.system.as_ref());
                    needs.template(Some(&model.prompt));
                }
                StepKind::Approval(approval) => {
                    needs.approvers(&approval.approvers);
                    needs.template(Some(&approval.title));
                    needs.template(approval.description.as_ref());
                    approval.shows.iter().for_each(|(_, text)| needs.template(Some(text)));
                    needs.form(&approval.fields);
                }
                StepKind::Assert { condition, message } => {
                    needs.expression(Some(condition));
                    needs.template(message.as_ref());
                }
                StepKind::SetOutputs { values } => needs.pairs(values),
                StepKind::Log { message, .. } => needs.template(Some(message)),
                StepKind::Data(data) => {
                    for (_, argument) in &data.arguments {
                        match argument {
                            Argument::Value(value) => needs.value(value),
                            Argument::Expression(expression) => needs.expression(Some(expression)),
                            Argument::Word(_) => {}
                        }
                    }
                }
                StepKind::If(step) => needs.expression(Some(&step.test)),
                StepKind::Switch(step) => needs.expression(Some(&step.value)),
                StepKind::ForEach(step) => needs.expression(Some(&step.items)),
                StepKind::While(step) => needs.expression(Some(&step.test)),
                StepKind::Route(step) => step.routes.iter().for_each(|route| needs.expression(Some(&route.test))),
                StepKind::Workflow(step) => needs.pairs(&step.inputs),
                StepKind::Wait(wait) => match wait {
                    WaitStep::Duration { duration } => needs.value(duration),
                    WaitStep::Until { until: text } | WaitStep::Signal { signal: text, .. } | WaitStep::Webhook { path: text, .. } => {
                        needs.template(Some(text));
                    }
                    WaitStep::Form { fields, approvers, .. } => {
                        needs.approvers(approvers);
                        needs.form(fields);
                    }
                },
                StepKind::Chat(chat) => {
                    match chat.model.as_ref().or(plan.default_model.as_ref()) {
                        Some(name) => drop(needs.models.insert(name.clone())),
                        None => needs.default_model = true,
                    }
                    needs.template(chat.system.as_ref());
                    chat.messages.iter().for_each(|message| needs.template(Some(&message.content)));
                }
                StepKind::Script(script) => {
                    needs.template(script.code.as_ref());
                    script.args.iter().for_each(|args| needs.value(args));
                }
                StepKind::FileRead(file) => needs.template(Some(&file.path)),
                StepKind::FileWrite(file) => {
                    needs.template(Some(&file.path));
                    needs.value(&file.content);
                }
                StepKind::Mail(mail) => {
                    mail.to.iter().chain([&mail.subject]).chain(&mail.text).chain(&mail.html).for_each(|text| needs.template(Some(text)));
                }
                StepKind::Parallel(_) | StepKind::Try(_) => {}
            }
        }
        for output in &plan.outputs {
            output.value.iter().for_each(|value| needs.value(value));
        }
        needs
    }

    fn names(&mut self, names: BTreeSet<Reference>) {
        let of_vars = names.into_iter().filter(|name| name.root == "vars");
        self.vars.extend(of_vars.filter_map(|name| name.path.into_iter().next()));
    }

    fn on_error(&mut self, policy: &OnError) {
        match policy {
            OnError::Continue { fallback: Some(fallback) } => self.value(fallback),
            OnError::ByCode { cases, otherwise } => {
                for (_, policy) in cases {
                    self.on_error(policy);
                }
                self.on_error(otherwise);
            }
            // A step that is taken instead is one of the plan's steps.
            OnError::Stop | OnError::Continue { fallback: None } | OnError::Rollback | OnError::Instead(_) => {}
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

    fn form(&mut self, fields: &[FormField]) {
        for field in fields {
            self.template(field.label.as_ref());
            self.template(field.description.as_ref());
            field.default.iter().for_each(|value| self.value(value));
        }
    }

    fn expression(&mut self, expression: Option<&Expression>) {
        if let Some(expression) = expression {
            self.names(expression.names());
        }
    }

    fn template(&mut self, template: Option<&Template>) {
        if let Some(template) = template {
            self.names(template.names());
        }
    }

    fn pairs(&mut self, pairs: &[(String, TemplateValue)]) {
        for (_, value) in pairs {
            self.value(value);
        }
    }

    fn value(&mut self, value: &TemplateValue) {
        match value {
            TemplateValue::Literal(_) => {}
            TemplateValue::Template(template) => self.template(Some(template)),
            TemplateValue::List(items) => items.iter().for_each(|item| self.value(item)),
            TemplateValue::Map(fields) => self.pairs(fields),
        }
    }
}
