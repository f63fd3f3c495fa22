//! The small values that requests and answers are made of: ids, moments, amounts, words, pages of lists.

use std::borrow::Cow;

use domain::{Cursor, Id, Money, Page, Permission, Timestamp, id::Kind};
use platform::Error;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Call, Result, ask::PathPart};

/// The most rows of a page.
const MOST: u32 = 200;
/// How many a page has when nobody says otherwise.
const USUAL: u32 = 50;
/// The longest word in an address, in bytes: what workflows can be called.
const LONGEST_WORD: usize = 100;

/// The id of a thing.
pub(crate) struct IdText<K>(pub Id<K>);

/// A moment: RFC 3339 in UTC with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Moment(#[serde(serialize_with = "as_text")] pub Timestamp);

/// An amount of US dollars, exact, as a text such as `12.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dollars(pub Money);

/// The word for a thing in addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word(pub String);

/// A number in an address, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub i64);

/// A permission by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope(pub Permission);

/// Which page of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// How many rows at most; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// What the page before gave as `next`.
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct PageOf<T> {
    items: Vec<T>,
    next: Option<String>,
}

fn as_text<T: ToString, S: Serializer>(value: &T, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

impl<K> Clone for IdText<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for IdText<K> {}

impl<K: Kind> std::fmt::Debug for IdText<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<K: Kind> Serialize for IdText<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, K: Kind> Deserialize<'de> for IdText<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Id::deserialize(deserializer).map(Self)
    }
}

impl<K: Kind> JsonSchema for IdText<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Id_{}", K::PREFIX).into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX)})
    }
}

impl<K: Kind> PathPart for IdText<K> {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_dollars())
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = || de::Error::custom("an amount is a text of digits with at most nine decimals, such as \"12.50\"");
        if text.trim() != text.as_ref() || !text.starts_with(|sign: char| sign.is_ascii_digit()) || text.ends_with('.') {
            return Err(wrong());
        }
        Money::from_dollars(&text).map(Self).map_err(|_| wrong())
    }
}

impl JsonSchema for Dollars {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dollars".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        // Nine digits before the point: what can be counted exactly reaches 9,223,372,036 dollars.
        json_schema!({"type": "string", "pattern": "^-?[0-9]{1,9}(\\.[0-9]{1,9})?$", "description": "US dollars, exact."})
    }
}

impl JsonSchema for Word {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"})
    }
}

impl PathPart for Word {
    fn read(text: &str) -> Option<Self> {
        let bare = |sign: u8| sign.is_ascii_alphanumeric();
        let is_word = text.len() <= LONGEST_WORD
            && text.bytes().next().is_some_and(bare)
            && text.bytes().all(|sign| bare(sign) || matches!(sign, b'-' | b'_' | b'.'));
        is_word.then(|| Self(text.to_owned()))
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "format": "int64", "minimum": 1})
    }
}

impl PathPart for Number {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| *number >= 1).map(Self)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl JsonSchema for Scope {
    fn schema_name() -> Cow<'static, str> {
        "Scope".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Permission::ALL.iter().map(|permission| permission.name()).collect();
        json_schema!({"type": "string", "enum": names, "description": "A permission."})
    }
}

/// The permissions of a set, by their names.
pub(crate) fn scopes(set: domain::PermissionSet) -> Vec<Scope> {
    set.iter().map(Scope).collect()
}

impl Paging {
    /// How many rows, and from where in a list that goes by this name.
    ///
    /// # Errors
    /// 422 for a limit out of bounds, and for a cursor of another list or tenant.
    pub(crate) fn read<P>(&self, call: &Call<P>, list: &str) -> Result<(u32, Option<Cursor>)> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Error::from(domain::Problem::field("limit", format!("A page has 1 to {MOST} rows."))));
        }
        let cursor = self.cursor.as_deref().map(|text| call.platform().open_cursor(call.actor(), list, text)).transpose()?;
        Ok((limit, cursor))
    }
}

impl<T> PageOf<T> {
    /// A page of the list that goes by this name.
    pub(crate) fn of<P, R>(call: &Call<P>, list: &str, page: Page<R>, row: impl FnMut(R) -> T) -> Self {
        let next = page.next.map(|cursor| call.platform().seal_cursor(call.actor(), list, cursor));
        Self { items: page.items.into_iter().map(row).collect(), next }
    }

    /// A list that is given whole.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

impl<T: JsonSchema> JsonSchema for PageOf<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("PageOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": items},
                "next": {"type": ["string", "null"], "description": "Ask for the next page with it as `cursor`; null on the last page."},
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_text_of_digits() {
        let read = |text: &str| serde_json::from_str::<Dollars>(text).map(|amount| amount.0.nanos()).ok();
        assert_eq!(read("\"12.50\""), Some(12_500_000_000));
        for wrong in ["12.5", "\"\"", "\".5\"", "\"-1\"", "\" 1\"", "\"1.\"", "\"1,5\"", "\"1e3\"", "null"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(serde_json::to_string(&Dollars(Money::from_nanos(12_500_000_000))).unwrap(), "\"12.5\"");
    }

    #[test]
    fn a_word_stands_in_an_address_as_it_is() {
        assert!(Word::read("vendor-payment").is_some());
        for wrong in ["", "-a", "a b", "a/b", "ä", "a\u{0}", "..", &"a".repeat(101)] {
            assert!(Word::read(wrong).is_none(), "{wrong}");
        }
        assert!(Number::read("1").is_some() && Number::read("0").is_none() && Number::read("x").is_none());
    }
}
