//! Names with a moment and identifiers that are always the same.

use std::borrow::Cow;

use serde_json::{Map, Value};
use workflow::expression::{Lookup, Scope};

pub(crate) struct At(pub(crate) Map<String, Value>);

impl Scope for At {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        self.0.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value)))
    }

    fn now(&self) -> Option<i64> {
        Some(1_795_257_663_112_000)
    }

    fn uuid(&self, call_index: u32) -> Option<String> {
        Some(format!("uuid-{call_index}"))
    }
}
