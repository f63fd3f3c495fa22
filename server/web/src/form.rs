//! Fields turned into a type: the body of a form, a query, the variable parts of a path.
//!
//! Stricter than a form needs: a field that the type does not know, one that is missing and one that comes twice where one
//! is wanted are refused. An empty field is `None` for an `Option`, a ticked box is `true`; a list takes every field of
//! its name. There are no floating-point numbers: money is read by `domain::Money`.

use std::fmt;

use domain::{Problem, problem::FieldProblem};
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor,
        value::{MapDeserializer, SeqDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::body::Fields;

/// Why fields do not make the type that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    field: String,
    message: String,
    /// What there is instead of a field that is not known.
    known: &'static [&'static str],
}

impl Mismatch {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), known: &[] }
    }

    /// As the problem of a query, which names what there is instead of a parameter that is not known.
    pub(crate) fn of_query(self) -> Problem {
        match self.known {
            [] => self.into(),
            known => unknown_parameter(&self.field, known),
        }
    }

    fn about(mut self, field: &str) -> Self {
        if self.field.is_empty() {
            field.clone_into(&mut self.field);
        }
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.message) } else { write!(f, "`{}` {}", self.field, self.message) }
    }
}

impl std::error::Error for Mismatch {}

impl serde::de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("", format!("cannot be accepted: {message}."))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { known: expected, ..Self::new(field, "is no field of this form.") }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(field, "is missing.")
    }
}

impl From<Mismatch> for Problem {
    fn from(mismatch: Mismatch) -> Self {
        let message = mismatch.to_string();
        Self::invalid(vec![FieldProblem { field: mismatch.field, message }])
    }
}

/// The problem of a parameter that is not known, which names those that are.
pub(crate) fn unknown_parameter(name: &str, known: &[&str]) -> Problem {
    let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "none".to_owned() } else { known };
    Problem::field(name, format!("`{name}` is no parameter of this. Those that are: {known}."))
}

/// Turns fields into a type.
///
/// # Errors
/// The first field that does not fit.
pub(crate) fn parse<T: DeserializeOwned>(fields: Fields) -> Result<T, Mismatch> {
    let mut grouped: Vec<(String, Values)> = Vec::new();
    for (name, value) in fields.0 {
        match grouped.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.values.push(value),
            None => grouped.push((name.clone(), Values { name, values: vec![value] })),
        }
    }
    T::deserialize(Grouped(grouped))
}

/// Every field with all of its values.
struct Grouped(Vec<(String, Values)>);

impl<'de> Deserializer<'de> for Grouped {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_map(Pairs { rest: self.0.into_iter(), next: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Fields given out one by one; whatever is wrong with one is said under its name.
struct Pairs {
    rest: std::vec::IntoIter<(String, Values)>,
    next: Option<Values>,
}

impl<'de> MapAccess<'de> for Pairs {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        let Some((name, values)) = self.rest.next() else { return Ok(None) };
        self.next = Some(values);
        seed.deserialize(IntoDeserializer::<Mismatch>::into_deserializer(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let values = self.next.take().ok_or_else(|| Mismatch::custom("a value was asked for before its name"))?;
        let name = values.name.clone();
        seed.deserialize(values).map_err(|mismatch| mismatch.about(&name))
    }
}

/// The values of one field; never none.
pub(crate) struct Values {
    name: String,
    values: Vec<String>,
}

impl Values {
    /// The values of a thing that is no field, such as a part of a path.
    pub(crate) fn one(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), values: vec![value] }
    }

    fn single(self) -> Result<(String, String), Mismatch> {
        let Self { name, mut values } = self;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok((name, value)),
            _ => Err(Mismatch::new(name, "was sent more than once.")),
        }
    }
}

impl IntoDeserializer<'_, Mismatch> for Values {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            let (field, value) = self.single()?;
            let number = value.trim().parse().map_err(|_| Mismatch::new(field, "must be a whole number in range."))?;
            visitor.$visit(number)
        }
    )*};
}

impl<'de> Deserializer<'de> for Values {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_string(self.single()?.1)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let (name, value) = self.single()?;
        match value.as_str() {
            "true" | "on" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Mismatch::new(name, "must be true or false.")),
        }
    }

    whole_numbers! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.values.iter().all(String::is_empty) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Self { name, values } = self;
        let each = values.into_iter().map(|value| Self::one(&name, value));
        visitor.visit_seq(SeqDeserializer::new(each))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let (field, value) = self.single()?;
        let choice: StringDeserializer<Mismatch> = value.into_deserializer();
        let wrong = Mismatch::new(field, format!("must be one of: {}.", variants.join(", ")));
        choice.deserialize_enum(name, variants, visitor).map_err(|_| wrong)
    }

    /// Asked for by a type that does not know the field: what nobody reads must not be sent.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch::unknown_field(&self.name, &[]))
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
    }
}

/// The variable parts of a path turned into a type: one part into a single value, several into a tuple or a struct.
pub(crate) fn parse_path<T: DeserializeOwned>(parts: Vec<(String, String)>) -> Result<T, Mismatch> {
    T::deserialize(Parts(parts))
}

struct Parts(Vec<(String, String)>);

impl<'de> Deserializer<'de> for Parts {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
        match (self.0.pop(), self.0.is_empty()) {
            (Some((name, value)), true) => Values::one(&name, value).deserialize_any(visitor),
            _ => Err(Mismatch::custom("the path has not one variable part")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Mismatch> {
        let each = self.0.into_iter().map(|(name, value)| Values::one(&name, value));
        visitor.visit_seq(SeqDeserializer::new(each))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let each = self.0.into_iter().map(|(name, value)| (name.clone(), Values::one(&name, value)));
        visitor.visit_map(MapDeserializer::new(each))
    }

    fn deserialize_u64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
        match (self.0.pop(), self.0.is_empty()) {
            (Some((name, value)), true) => Values::one(&name, value).deserialize_u64(visitor),
            _ => Err(Mismatch::custom("the path has not one variable part")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Decision {
        Approve,
        Reject,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        name: String,
        #[serde(default)]
        ticked: bool,
        count: Option<u32>,
        #[serde(default)]
        roles: Vec<String>,
        decision: Option<Decision>,
        run: Option<domain::RunId>,
    }

    fn sample(text: &str) -> Result<Sample, String> {
        parse(Fields::from_urlencoded(text.as_bytes()).unwrap()).map_err(|mismatch| mismatch.to_string())
    }

    #[test]
    fn fields_become_a_type() {
        let run = "run_00000000000000000000000001";
        let read = sample(&format!("name=+A&ticked=true&count=12&roles=a&roles=b&decision=reject&run={run}")).unwrap();
        assert_eq!(read.roles, ["a", "b"]);
        assert_eq!((read.name.as_str(), read.ticked, read.count, read.decision), (" A", true, Some(12), Some(Decision::Reject)));
        assert_eq!(read.run.unwrap().to_string(), run);
        let bare = sample("name=&count=").unwrap();
        assert_eq!((bare.name.as_str(), bare.ticked, bare.count, bare.roles.len()), ("", false, None, 0));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, message) in [
            ("", "`name` is missing."),
            ("name=a&admin=true", "`admin` is no field of this form."),
            ("name=a&name=b", "`name` was sent more than once."),
            ("name=a&ticked=maybe", "`ticked` must be true or false."),
            ("name=a&count=-1", "`count` must be a whole number in range."),
            ("name=a&count=99999999999", "`count` must be a whole number in range."),
            ("name=a&decision=maybe", "`decision` must be one of: approve, reject."),
            ("name=a&run=wf_1", "`run` cannot be accepted: not an id of the form run_ and 26 signs."),
        ] {
            assert_eq!(sample(text), Err(message.to_owned()), "{text}");
        }
        let problem = Problem::from(parse::<Sample>(Fields::default()).unwrap_err());
        assert_eq!((problem.status, problem.fields[0].field.as_str()), (422, "name"));
    }

    #[test]
    fn a_map_takes_whatever_fields_there_are() {
        let fields = Fields::from_urlencoded(b"a=1&b=2").unwrap();
        let map: BTreeMap<String, String> = parse(fields).unwrap();
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn parts_of_a_path_become_one_value_or_several() {
        let parts =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        assert_eq!(parse_path::<String>(parts(&[("id", "x")])).unwrap(), "x");
        assert_eq!(parse_path::<u64>(parts(&[("number", "7")])).unwrap(), 7);
        assert!(parse_path::<domain::RunId>(parts(&[("id", "run_1")])).is_err());
        assert_eq!(parse_path::<(String, u64)>(parts(&[("a", "x"), ("b", "2")])).unwrap(), ("x".to_owned(), 2));
        assert!(parse_path::<String>(parts(&[("a", "x"), ("b", "2")])).is_err());
    }
}
