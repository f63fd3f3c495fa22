//! JSON (RFC 8259), in which no object has a key twice.

use std::{cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, MAX_VALUES, too_deep, too_many};

pub(super) fn read(text: &str) -> Result<Value, String> {
    let left = Cell::new(MAX_VALUES);
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Strict { left: &left, depth: 0 }.deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    value.map_err(|error| match error.classify() {
        // What was found here, and not by the reader of the syntax, says what it is about.
        serde_json::error::Category::Data => error.to_string(),
        _ => format!("is not JSON (line {}, column {})", error.line(), error.column()),
    })
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Strict<'c> {
    /// How many more values there may be.
    left: &'c Cell<usize>,
    depth: usize,
}

impl Strict<'_> {
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(too_deep()));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| de::Error::custom(too_many()))?;
        self.left.set(left);
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("has a number that is none"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut items = Vec::new();
        while let Some(item) = source.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut fields = Map::new();
        while let Some(name) = source.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(de::Error::custom(format!("has the key `{}` twice", shown(&name))));
            }
            let value = source.next_value_seed(inside)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}
