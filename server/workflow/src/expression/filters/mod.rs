//! The filters: `value | name(arguments)`.
//!
//! Each group of filters is a file with a table of [`Signature`]s. A new filter is a row in the table of
//! its group: name, parameters, and a function of the input and the arguments. The parser checks names and
//! numbers of arguments against the row, so a function meets only what its row allows. Undefined never
//! reaches a filter other than `default`. Filters do not answer a null input with a guess; they say what
//! they wanted, and `default` stands ready.

mod choice;
mod convert;
mod date;
mod list;
mod number;
mod object;
mod pattern;
mod select;
mod text;

use std::{borrow::Cow, fmt};

use serde_json::Value;

pub(crate) use date::is_day;

use super::{
    ast::Argument,
    error::{Fault, SyntaxError, nearest},
    evaluate::Outcome,
    limits::Work,
    predicates,
    value::{Number, kind},
};

pub(super) use date::{Form, Wall, in_range, moment, percent_letters, render_at, written};
pub(super) use select::identity;

pub(super) use choice::{BOOLEAN, DEFAULT_VALUE, WHEN_FALSE, choice, is_vacant};

/// What a filter does with its input.
#[derive(Clone, Copy)]
enum Apply {
    /// Takes a value.
    Value(for<'a> fn(&mut Work<'a>, Cow<'a, Value>, &Arguments<'a>) -> Result<Outcome<'a>, Fault>),
    /// Takes the items of a list, one by one.
    Items(for<'a> fn(&mut Work<'a>, Items<'a>, &Arguments<'a>) -> Result<Outcome<'a>, Fault>),
    /// Takes a list without a copy of its items, and other values too.
    Either(for<'a> fn(&mut Work<'a>, Input<'a>, &Arguments<'a>) -> Result<Outcome<'a>, Fault>),
}

/// What a filter is applied to.
pub(super) enum Input<'a> {
    Value(Cow<'a, Value>),
    /// What the filter before chose.
    Items(Vec<Cow<'a, Value>>),
}

impl<'a> Input<'a> {
    /// As a value of its own.
    pub(super) fn value(self, work: &mut Work<'a>) -> Result<Cow<'a, Value>, Fault> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Items(items) => collected(work, items).map(Cow::Owned),
        }
    }
}

/// The items of a list.
enum Items<'a> {
    Borrowed(std::slice::Iter<'a, Value>),
    Owned(std::vec::IntoIter<Value>),
    Chosen(std::vec::IntoIter<Cow<'a, Value>>),
}

impl<'a> Iterator for Items<'a> {
    type Item = Cow<'a, Value>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Borrowed(items) => items.next().map(Cow::Borrowed),
            Self::Owned(items) => items.next().map(Cow::Owned),
            Self::Chosen(items) => items.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Borrowed(items) => items.size_hint(),
            Self::Owned(items) => items.size_hint(),
            Self::Chosen(items) => items.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Borrowed(items) => items.next_back().map(Cow::Borrowed),
            Self::Owned(items) => items.next_back().map(Cow::Owned),
            Self::Chosen(items) => items.next_back(),
        }
    }
}

impl ExactSizeIterator for Items<'_> {}

/// Arguments beyond the named parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// None are taken.
    Refused,
    /// Any number of values.
    Values,
    /// The name of a filter and its arguments, or `attribute=` and `default=`.
    Filter,
    /// The name of a test and its argument.
    Test,
    /// An attribute, the name of a test, and its argument.
    AttributeTest,
}

/// A filter as the author sees it.
pub(super) struct Signature {
    pub(super) name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    rest: Rest,
    apply: Apply,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn plain(
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    apply: for<'a> fn(&mut Work<'a>, Cow<'a, Value>, &Arguments<'a>) -> Result<Outcome<'a>, Fault>,
) -> Signature {
    Signature { name, parameters, required, rest: Rest::Refused, apply: Apply::Value(apply) }
}

const fn listed(
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    apply: for<'a> fn(&mut Work<'a>, Items<'a>, &Arguments<'a>) -> Result<Outcome<'a>, Fault>,
) -> Signature {
    Signature { name, parameters, required, rest: Rest::Refused, apply: Apply::Items(apply) }
}

const fn either(
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    apply: for<'a> fn(&mut Work<'a>, Input<'a>, &Arguments<'a>) -> Result<Outcome<'a>, Fault>,
) -> Signature {
    Signature { name, parameters, required, rest: Rest::Refused, apply: Apply::Either(apply) }
}

const GROUPS: [&[Signature]; 9] = [
    choice::FILTERS,
    convert::FILTERS,
    date::FILTERS,
    list::FILTERS,
    number::FILTERS,
    object::FILTERS,
    pattern::FILTERS,
    select::FILTERS,
    text::FILTERS,
];

/// The filter of that name.
pub(super) fn signature(name: &str) -> Option<&'static Signature> {
    GROUPS.into_iter().flatten().find(|signature| signature.name == name)
}

/// The names of all filters.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.into_iter().flatten().map(|signature| signature.name)
}

/// Applies the filter that the arguments were collected for.
pub(super) fn apply<'a>(work: &mut Work<'a>, input: Input<'a>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    arguments.complete()?;
    let outcome = match arguments.signature.apply {
        Apply::Value(apply) => {
            let value = input.value(work)?;
            apply(work, value, arguments)?
        }
        Apply::Items(apply) => {
            let items = match input {
                Input::Value(value) => arguments.list_of(value)?,
                Input::Items(items) => Items::Chosen(items.into_iter()),
            };
            apply(work, items, arguments)?
        }
        Apply::Either(apply) => apply(work, input, arguments)?,
    };
    match outcome {
        Outcome::Defined(Cow::Owned(value)) => Ok(Outcome::made(work.bounded(value)?)),
        Outcome::Items(items) => {
            work.fits(items.len())?;
            Ok(Outcome::Items(items))
        }
        other => Ok(other),
    }
}

impl Signature {
    /// Whether a regular expression may be among the arguments.
    pub(super) fn has_pattern(&self) -> bool {
        self.parameters.first() == Some(&"pattern")
    }

    /// Whether this argument is the regular expression.
    pub(super) fn takes_pattern(&self, argument: &Argument, arguments: &[Argument]) -> bool {
        self.has_pattern() && self.argument(arguments, 0).is_some_and(|found| std::ptr::eq(found, argument))
    }

    /// The argument for the parameter of that number.
    pub(super) fn argument<'n>(&self, arguments: &'n [Argument], parameter: usize) -> Option<&'n Argument> {
        arguments.iter().enumerate().find_map(|(position, argument)| {
            let meant = match &argument.name {
                Some(name) => self.parameters.get(parameter) == Some(&name.as_str()),
                None => position == parameter,
            };
            meant.then_some(argument)
        })
    }

    /// Checks what is written against what is taken.
    pub(super) fn check(&self, arguments: &[Argument], offset: usize) -> Result<(), SyntaxError> {
        let name = self.name;
        for (position, argument) in arguments.iter().enumerate() {
            let offset = argument.value.span.start;
            match &argument.name {
                Some(given) => {
                    let Some(parameter) = self.parameters.iter().position(|parameter| parameter == given) else {
                        if self.rest == Rest::Filter {
                            continue;
                        }
                        return Err(SyntaxError::new(offset, format!("the filter `{name}` has no argument `{given}`"))
                            .suggesting(nearest(given, self.parameters.iter().copied())));
                    };
                    let twice = arguments.iter().filter(|other| other.name.as_ref() == Some(given)).count() > 1;
                    let by_position = self.rest == Rest::Refused && arguments.get(parameter).is_some_and(|other| other.name.is_none());
                    if twice || by_position {
                        return Err(SyntaxError::new(offset, format!("the argument `{given}` of `{name}` is given twice")));
                    }
                }
                None if self.rest == Rest::Refused && position >= self.parameters.len() => {
                    return Err(SyntaxError::new(
                        offset,
                        match self.parameters.len() {
                            0 => format!("the filter `{name}` takes nothing"),
                            most => format!("the filter `{name}` takes at most {most} arguments: {}", self.parameters.join(", ")),
                        },
                    ));
                }
                None => {}
            }
        }
        if let Some(missing) = (0..self.required).find(|parameter| self.argument(arguments, *parameter).is_none()) {
            let missing = self.parameters.get(missing).copied().unwrap_or("value");
            return Err(SyntaxError::new(offset, format!("the filter `{name}` needs its argument `{missing}`")));
        }
        self.check_named(arguments, offset)
    }

    /// Filters and tests that are named in a text are looked up now, so that a slip is found before
    /// anything runs.
    fn check_named(&self, arguments: &[Argument], offset: usize) -> Result<(), SyntaxError> {
        let positional: Vec<&Argument> = arguments.iter().filter(|argument| argument.name.is_none()).collect();
        let (place, optional) = match self.rest {
            Rest::Values if positional.is_empty() => {
                return Err(SyntaxError::new(offset, format!("the filter `{}` needs at least one argument", self.name)));
            }
            Rest::Refused | Rest::Values => return Ok(()),
            Rest::Filter => (0, arguments.iter().any(|argument| argument.name.as_deref() == Some("attribute"))),
            Rest::Test => (0, true),
            Rest::AttributeTest => (1, true),
        };
        if self.rest == Rest::AttributeTest && positional.is_empty() {
            return Err(SyntaxError::new(offset, format!("the filter `{}` needs the name of an attribute", self.name)));
        }
        let Some(argument) = positional.get(place) else {
            return if optional {
                Ok(())
            } else {
                Err(SyntaxError::new(offset, format!("the filter `{}` needs the name of a filter, or `attribute=`", self.name)))
            };
        };
        let Some(name) = argument.value.literal_text() else { return Ok(()) };
        let start = argument.value.span.start;
        if self.rest == Rest::Filter {
            if signature(name).is_none() {
                return Err(SyntaxError::new(start, format!("there is no filter `{name}`")).suggesting(nearest(name, names())));
            }
        } else {
            let Some(predicate) = predicates::named(name) else {
                return Err(SyntaxError::new(start, format!("there is no test `{name}`")).suggesting(nearest(name, predicates::names())));
            };
            let given = positional.len() - place - 1;
            if given != usize::from(predicate.takes_argument()) {
                return Err(SyntaxError::new(
                    start,
                    format!("the test `{name}` takes {} argument", if given == 0 { "an" } else { "no further" }),
                ));
            }
        }
        Ok(())
    }
}

/// The values of the arguments, sorted to their parameters.
pub(super) struct Arguments<'a> {
    signature: &'static Signature,
    values: Vec<Option<Cow<'a, Value>>>,
    rest: Vec<Cow<'a, Value>>,
    named: Vec<(String, Cow<'a, Value>)>,
    positional: usize,
}

impl<'a> Arguments<'a> {
    pub(super) fn none(signature: &'static Signature) -> Self {
        Self { signature, values: vec![None; signature.parameters.len()], rest: Vec::new(), named: Vec::new(), positional: 0 }
    }

    /// Adds the next argument.
    pub(super) fn add(&mut self, name: Option<&str>, value: Cow<'a, Value>) -> Result<(), Fault> {
        let Some(name) = name else {
            if self.signature.rest == Rest::Refused {
                let refused = Fault::Argument(format!("the filter `{}` takes fewer arguments", self.signature.name));
                *self.values.get_mut(self.positional).ok_or(refused)? = Some(value);
            } else {
                self.rest.push(value);
            }
            self.positional += 1;
            return Ok(());
        };
        match self.signature.parameters.iter().position(|parameter| *parameter == name) {
            Some(parameter) => {
                if let Some(place) = self.values.get_mut(parameter) {
                    *place = Some(value);
                }
            }
            None if self.signature.rest == Rest::Filter => self.named.push((name.to_owned(), value)),
            None => return Err(Fault::Argument(format!("the filter `{}` has no argument `{name}`", self.signature.name))),
        }
        Ok(())
    }

    /// Arguments of calls by name are only known now.
    fn complete(&self) -> Result<(), Fault> {
        match (0..self.signature.required).find(|parameter| self.given(*parameter).is_none()) {
            Some(missing) => Err(Fault::Argument(format!(
                "the filter `{}` needs its argument `{}`",
                self.signature.name,
                self.signature.parameters.get(missing).copied().unwrap_or("value")
            ))),
            None => Ok(()),
        }
    }

    /// The argument for the parameter of that number, null included.
    fn given(&self, parameter: usize) -> Option<&Value> {
        self.values.get(parameter).and_then(Option::as_deref)
    }

    /// The same, with null for "not given".
    fn optional(&self, parameter: usize) -> Option<&Value> {
        self.given(parameter).filter(|value| !value.is_null())
    }

    fn wrong(&self, parameter: usize, wanted: &str, value: &Value) -> Fault {
        let parameter = self.signature.parameters.get(parameter).copied().unwrap_or("value");
        Fault::Type(format!("the argument `{parameter}` of `{}` is {wanted}, not {}", self.signature.name, kind(value)))
    }

    fn text(&self, parameter: usize) -> Result<Option<&str>, Fault> {
        match self.optional(parameter) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(parameter, "a text", other)),
        }
    }

    fn integer(&self, parameter: usize) -> Result<Option<i64>, Fault> {
        match self.optional(parameter) {
            None => Ok(None),
            Some(value) => match Number::of(value) {
                Some(Number::Integer(integer)) => Ok(Some(integer)),
                _ => Err(self.wrong(parameter, "an integer", value)),
            },
        }
    }

    /// An integer that counts something.
    fn size(&self, parameter: usize) -> Result<Option<usize>, Fault> {
        self.integer(parameter)?
            .map(|integer| {
                usize::try_from(integer).map_err(|_| {
                    let parameter = self.signature.parameters.get(parameter).copied().unwrap_or("value");
                    Fault::Argument(format!("the argument `{parameter}` of `{}` cannot be negative", self.signature.name))
                })
            })
            .transpose()
    }

    fn number(&self, parameter: usize) -> Result<Option<Number>, Fault> {
        match self.optional(parameter) {
            None => Ok(None),
            Some(value) => Number::of(value).map(Some).ok_or_else(|| self.wrong(parameter, "a number", value)),
        }
    }

    fn flag(&self, parameter: usize) -> Result<bool, Fault> {
        match self.optional(parameter) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(parameter, "a boolean", other)),
        }
    }

    /// The input as a text.
    fn text_of<'v>(&self, input: &'v Value) -> Result<&'v str, Fault> {
        input.as_str().ok_or_else(|| self.unfit("a text", input))
    }

    /// The input as a list.
    fn list_of(&self, input: Cow<'a, Value>) -> Result<Items<'a>, Fault> {
        match input {
            Cow::Borrowed(Value::Array(items)) => Ok(Items::Borrowed(items.iter())),
            Cow::Owned(Value::Array(items)) => Ok(Items::Owned(items.into_iter())),
            other => Err(self.unfit("a list", &other)),
        }
    }

    /// The input as a number.
    fn number_of(&self, input: &Value) -> Result<Number, Fault> {
        Number::of(input).ok_or_else(|| self.unfit("a number", input))
    }

    /// The error that the input is of the wrong type.
    fn unfit(&self, wanted: &str, input: &Value) -> Fault {
        let advice = if input.is_null() { "; `default` gives a value in place of null" } else { "" };
        Fault::Type(format!("the filter `{}` takes {wanted}, not {}{advice}", self.signature.name, kind(input)))
    }
}

/// A value for the result of a filter, copied and paid for when it is borrowed.
fn own(work: &mut Work<'_>, value: Cow<'_, Value>) -> Result<Value, Fault> {
    match value {
        Cow::Owned(value) => Ok(value),
        Cow::Borrowed(value) => work.copy(value),
    }
}

/// What a filter chose, as a value of its own: copied, paid for, and within the bounds of a result.
pub(super) fn collected(work: &mut Work<'_>, items: Vec<Cow<'_, Value>>) -> Result<Value, Fault> {
    let items = items.into_iter().map(|item| own(work, item)).collect::<Result<Vec<_>, _>>()?;
    work.bounded(Value::Array(items))
}
