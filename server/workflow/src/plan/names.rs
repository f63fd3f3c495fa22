//! The names that a step's expressions refer to. A new kind of step, or a new place for an expression, is taught here.

use std::collections::BTreeSet;

use super::{CredentialPiece, FormField, HttpStepBody, OnError, OutputField, Step, StepKind, TemplateValue, WaitStep};
use crate::{
    data::Argument,
    expression::{Expression, Reference, Template},
};

impl Step {
    /// The names that its own expressions refer to, wherever they stand in it; those of the steps inside it do not count.
    pub fn names(&self) -> BTreeSet<Reference> {
        let mut names = Names::default();
        names.expression(self.condition.as_ref());
        names.template(self.idempotency_key.as_ref());
        names.on_error(&self.on_error);
        names.kind(&self.kind);
        names.0
    }
}

impl OutputField {
    /// The names that its value refers to.
    pub fn names(&self) -> BTreeSet<Reference> {
        let mut names = Names::default();
        self.value.iter().for_each(|value| names.value(value));
        names.0
    }
}

#[derive(Default)]
struct Names(BTreeSet<Reference>);

impl Names {
    fn kind(&mut self, kind: &StepKind) {
        match kind {
            StepKind::Http(http) => {
                self.template(Some(&http.url));
                for piece in http.headers.iter().flat_map(|(_, pieces)| pieces) {
                    if let CredentialPiece::Text(text) = piece {
                        self.template(Some(text));
                    }
                }
                self.pairs(&http.query);
                match &http.body {
                    HttpStepBody::None => {}
                    HttpStepBody::Json(value) => self.value(value),
                    HttpStepBody::Text(text) => self.template(Some(text)),
                    HttpStepBody::Form(fields) => self.pairs(fields),
                }
            }
            StepKind::Model(model) => {
                self.template(model.system.as_ref());
                self.template(Some(&model.prompt));
            }
            StepKind::Approval(approval) => {
                self.template(Some(&approval.title));
                self.template(approval.description.as_ref());
                approval.shows.iter().for_each(|(_, text)| self.template(Some(text)));
                self.form(&approval.fields);
            }
            StepKind::Assert { condition, message } => {
                self.expression(Some(condition));
                self.template(message.as_ref());
            }
            StepKind::SetOutputs { values } => self.pairs(values),
            StepKind::Log { message, .. } => self.template(Some(message)),
            StepKind::Data(data) => {
                for (_, argument) in &data.arguments {
                    match argument {
                        Argument::Value(value) => self.value(value),
                        Argument::Expression(expression) => self.expression(Some(expression)),
                        Argument::Word(_) => {}
                    }
                }
            }
            StepKind::If(step) => self.expression(Some(&step.test)),
            StepKind::Switch(step) => self.expression(Some(&step.value)),
            StepKind::ForEach(step) => self.expression(Some(&step.items)),
            StepKind::While(step) => self.expression(Some(&step.test)),
            StepKind::Route(step) => step.routes.iter().for_each(|route| self.expression(Some(&route.test))),
            StepKind::Workflow(step) => self.pairs(&step.inputs),
            StepKind::Wait(wait) => match wait {
                WaitStep::Duration { duration } => self.value(duration),
                WaitStep::Until { until: text } | WaitStep::Signal { signal: text, .. } | WaitStep::Webhook { path: text, .. } => {
                    self.template(Some(text));
                }
                WaitStep::Form { fields, .. } => self.form(fields),
            },
            StepKind::Chat(chat) => {
                self.template(chat.system.as_ref());
                chat.messages.iter().for_each(|message| self.template(Some(&message.content)));
            }
            StepKind::Script(script) => {
                self.template(script.code.as_ref());
                script.args.iter().for_each(|args| self.value(args));
            }
            StepKind::FileRead(file) => self.template(Some(&file.path)),
            StepKind::FileWrite(file) => {
                self.template(Some(&file.path));
                self.value(&file.content);
            }
            StepKind::Mail(mail) => {
                mail.to.iter().chain([&mail.subject]).chain(&mail.text).chain(&mail.html).for_each(|text| self.template(Some(text)));
            }
            StepKind::Parallel(_) | StepKind::Try(_) => {}
        }
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

    fn form(&mut self, fields: &[FormField]) {
        for field in fields {
            self.template(field.label.as_ref());
            self.template(field.description.as_ref());
            field.default.iter().for_each(|value| self.value(value));
        }
    }

    fn expression(&mut self, expression: Option<&Expression>) {
        self.0.extend(expression.into_iter().flat_map(Expression::names));
    }

    fn template(&mut self, template: Option<&Template>) {
        self.0.extend(template.into_iter().flat_map(Template::names));
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
