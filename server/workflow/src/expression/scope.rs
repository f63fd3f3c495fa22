//! Where names come from: the caller's [`Scope`].

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup<'a> {
    /// A value. The variable of a step that was skipped is found, and is null.
    Found(Cow<'a, Value>),
    /// Nothing ever sets this name. Using it is an error, whatever `default` says: it is a slip.
    Unknown,
    /// Something will set this name later. Using it is an error of its own kind, so that a caller can
    /// show the expression's text instead ([`Template::evaluate_known`](super::Template::evaluate_known)).
    NotYetKnown,
}

/// The names an expression sees. Nothing else reaches it: no clock, no file, no environment.
pub trait Scope {
    /// The value of a name.
    fn lookup(&self, name: &str) -> Lookup<'_>;

    /// The value of a name's field (`steps.read`), asked before [`Scope::lookup`] when the expression goes
    /// on with a field. `None` means that this name is an ordinary value. It lets a scope answer
    /// `steps.<id>` without building an object of all steps, and say of one step that it has not run yet.
    fn member(&self, _name: &str, _field: &str) -> Option<Lookup<'_>> {
        None
    }

    /// What `now()` gives, in microseconds since 1970 in UTC: the recorded start of the step. `None` while
    /// the step has not started; the call is then not yet known.
    fn now(&self) -> Option<i64>;

    /// What the `call_index`th `uuid()` gives. Calls are numbered in the order of evaluation, from 0 or
    /// from what [`Expression::evaluate_numbered`](super::Expression::evaluate_numbered) was told. `None`
    /// when it is not yet known.
    fn uuid(&self, call_index: u32) -> Option<String>;
}

/// The plainest scope: the fields of one object are the names, and neither time nor identifiers exist.
impl Scope for Map<String, Value> {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        self.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value)))
    }

    fn now(&self) -> Option<i64> {
        None
    }

    fn uuid(&self, _call_index: u32) -> Option<String> {
        None
    }
}
