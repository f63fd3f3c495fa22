//! The small values that requests and answers are made of: ids, moments, amounts, words, pages of lists.

use std::{borrow::Cow, str::FromStr};

use domain::{Cursor, Id, Money, Page, Permission, Timestamp, id::Kind};
use platform::Error;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Call, Result, ask::PathPart};
use crate::day;

/// The most rows of a page.
const MOST: u32 = 200;
/// How many a page has when nobody says otherwise.
const USUAL: u32 = 50;
/// The longest word in an address, in bytes: what workflows can be called.
const LONGEST_WORD: usize = 100;

/// The id of a thing.
pub struct IdText<K>(pub Id<K>);

/// A moment: RFC 3339 in UTC with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Moment(#[serde(serialize_with = "as_text")] pub Timestamp);

/// An amount of US dollars, exact, as a text such as `12.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(pub Money);

/// The word for a thing in addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(pub String);

/// A text that is no word for a thing in addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a word in an address has letters, digits, `-`, `_` and `.`, and begins with a letter or a digit")]
pub struct NotAWord;

/// A number in an address, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub i64);

/// A permission by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(pub Permission);

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

/// One end of a range of time: a day of UTC or a moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bound(pub String);

/// A page of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct PageOf<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What the next page is asked for with; nothing on the last.
    pub next: Option<String>,
}

fn as_text<T: ToString, S: Serializer>(value: &T, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// A moment as it is written out: RFC 3339 in UTC with microseconds, and nothing else.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let parts = [(0, 2, ""), (2, 5, ":"), (5, 8, ":"), (8, 15, ".")];
    let mut numbers = parts.into_iter().map(|(from, to, before)| {
        let digits = time.get(from..to)?.strip_prefix(before)?;
        digits.bytes().all(|sign| sign.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    });
    let (hour, minute, second, micro) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    if time.get(15..)? != "Z" || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro;
    Some(Timestamp::from_micros(crate::day::day(date)?.micros() + of_day))
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

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        moment(&text).map(Self).ok_or_else(|| de::Error::custom("a moment is a text such as \"2026-11-24T09:41:03.112000Z\""))
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

impl FromStr for Word {
    type Err = NotAWord;

    fn from_str(text: &str) -> std::result::Result<Self, NotAWord> {
        let bare = |sign: u8| sign.is_ascii_alphanumeric();
        let is_word = text.len() <= LONGEST_WORD
            && text.bytes().next().is_some_and(bare)
            && text.bytes().all(|sign| bare(sign) || matches!(sign, b'-' | b'_' | b'.'));
        is_word.then(|| Self(text.to_owned())).ok_or(NotAWord)
    }
}

impl PathPart for Word {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
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

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map(Self).map_err(|_| de::Error::custom(format!("`{name}` is no permission")))
    }
}

/// The words that a type of words knows, in its order.
pub fn words<T: JsonSchema>() -> Vec<String> {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let text = |word: &serde_json::Value| word.as_str().map(str::to_owned);
    let of = |member: &str| schema.get(member).and_then(serde_json::Value::as_array).into_iter().flatten();
    // Words that say what they mean stand one by one, others in one list.
    let alone = of("oneOf")
        .flat_map(|case| case.get("const").into_iter().chain(case.get("enum").and_then(|list| list.as_array()).into_iter().flatten()));
    of("enum").chain(alone).filter_map(text).collect()
}

impl JsonSchema for Bound {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?Z)?$"})
    }
}

/// The moments of a range of days or moments: its first, and the first after it.
///
/// # Errors
/// 422 with what is wrong with `since` and `until`.
pub(crate) fn range(since: Option<Bound>, until: Option<Bound>) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let text = |bound: &Option<Bound>| bound.as_ref().map_or_else(String::new, |bound| bound.0.clone());
    Ok(day::range(&text(&since), &text(&until)).map_err(domain::Problem::invalid)?)
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
    fn a_moment_is_read_as_it_is_written() {
        for micros in [0, 1_795_257_663_112_000, 951_782_399_999_999, -1] {
            let written = serde_json::to_string(&Moment(Timestamp::from_micros(micros))).unwrap();
            assert_eq!(serde_json::from_str::<Moment>(&written).unwrap().0.micros(), micros, "{written}");
        }
        for wrong in [
            "",
            "2026-11-24",
            "2026-11-24T09:41:03Z",
            "2026-11-24T09:41:03.112000",
            "2026-11-24T24:00:00.000000Z",
            "2026-02-30T00:00:00.000000Z",
            "2026-11-24T+9:41:03.112000Z",
        ] {
            assert!(serde_json::from_str::<Moment>(&format!("\"{wrong}\"")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_are_known_by_their_type() {
        use crate::api::{audit, runs};
        assert_eq!(words::<runs::StatusJson>(), ["queued", "running", "waiting", "completed", "failed", "cancelled"]);
        assert_eq!(words::<audit::FormatJson>(), ["jsonl", "csv"]);
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
