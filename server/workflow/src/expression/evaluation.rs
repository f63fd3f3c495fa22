//! Several evaluations under one meter, with names bound from outside: what a step needs that goes through a list.
//!
//! One expression alone has its own limits; a step that evaluates one for each of ten thousand items has to have
//! them for all items together. The names that are bound here hide those of the scope, and are gone with the
//! evaluation.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    Expression, Template,
    error::EvaluationError,
    evaluate::{Binding, Evaluator},
    filters,
    limits::{Limits, Work},
    scope::Scope,
};

/// See the module.
pub(crate) struct Evaluation<'a> {
    evaluator: Evaluator<'a>,
}

impl<'a> Evaluation<'a> {
    /// Over these names, and with these limits for everything that is evaluated.
    pub(crate) fn new(scope: &'a dyn Scope, limits: Limits) -> Self {
        Self { evaluator: Evaluator::new("", Work::new(scope, limits, 0), &[]) }
    }

    /// Binds a name, in place of what it stood for before.
    pub(crate) fn bind(&mut self, name: &'a str, value: Cow<'a, Value>) {
        self.evaluator.bind(name, Binding::Value(value), 0);
    }

    /// The value of an expression.
    pub(crate) fn value(&mut self, expression: &'a Expression) -> Result<Value, EvaluationError> {
        self.evaluator.source = &expression.source;
        self.evaluator.owned(&expression.node)
    }

    /// The value of a condition: a boolean, or null for no.
    pub(crate) fn truth(&mut self, expression: &'a Expression) -> Result<bool, EvaluationError> {
        self.evaluator.source = &expression.source;
        self.evaluator.truth(&expression.node)
    }

    /// A text that is the same for values that are the same, as the filter `unique` sees them.
    pub(crate) fn identity(&mut self, value: &Value) -> Result<String, EvaluationError> {
        Evaluator::at(filters::identity(&mut self.evaluator.work, value, true), 0)
    }
}

impl Template {
    /// Whether it is one lone `{{ }}`, so that its value may be of any type; every other template gives text.
    pub(crate) fn keeps_type(&self) -> bool {
        self.lone().is_some()
    }
}
