//! Gives the value of a parsed expression: a total function of the tree, the scope and the limits.
//!
//! `undefined` and null are kept apart ([`Outcome`]): a missing field of a real value is undefined, goes
//! through further fields as undefined, and becomes an error as soon as anything but `default`,
//! `is defined` or `is undefined` touches it. Fields of null are null. Values are borrowed from the scope
//! as long as possible, also the items of lists that filters choose and order, and are never evaluated
//! again.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    access::{Key, Place, child, descend, shortened, slice},
    ast::{Argument, Arithmetic, Comparison, Function, Kind, Link, LinkKind, Node, Slice},
    error::{EvaluationError, Fault},
    filters::{self, Arguments, Input, Signature},
    limits::Work,
    predicates::Predicate,
    scope::Lookup,
    value::{self, Number, kind},
};

/// What a part of an expression gives.
#[derive(Debug, Clone)]
pub(super) enum Outcome<'a> {
    Defined(Cow<'a, Value>),
    /// A list that a filter chose from another one: its items are copied only when it becomes a value.
    Items(Vec<Cow<'a, Value>>),
    /// Why there is nothing, as a sentence.
    Undefined(String),
}

impl Outcome<'_> {
    /// A value that was just made.
    pub(super) fn made(value: impl Into<Value>) -> Self {
        Self::Defined(Cow::Owned(value.into()))
    }
}

/// A name bound by `for` or `set`.
struct Local<'a> {
    name: &'a str,
    binding: Binding<'a>,
}

/// What a bound name stands for.
pub(super) enum Binding<'a> {
    Value(Cow<'a, Value>),
    /// The `loop` of the round with that index, of so many.
    Loop {
        index: usize,
        length: usize,
    },
    /// A `set` from something that is itself not yet known.
    NotYetKnown(String),
}

const LOOP_FIELDS: [&str; 5] = ["index", "index0", "first", "last", "length"];

/// A field of `loop`.
fn loop_field(field: &str, index: usize, length: usize) -> Option<Value> {
    Some(match field {
        "index" => Value::from(index + 1),
        "index0" => Value::from(index),
        "first" => Value::from(index == 0),
        "last" => Value::from(index + 1 == length),
        "length" => Value::from(length),
        _ => return None,
    })
}

/// One evaluation.
pub(super) struct Evaluator<'a> {
    pub(super) source: &'a str,
    pub(super) work: Work<'a>,
    locals: Vec<Local<'a>>,
    /// Names that a `set` somewhere in the template binds.
    settable: &'a [String],
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(source: &'a str, work: Work<'a>, settable: &'a [String]) -> Self {
        Self { source, work, locals: Vec::new(), settable }
    }

    /// The number of bound names: what [`Evaluator::unbind`] goes back to.
    pub(super) fn bound(&self) -> usize {
        self.locals.len()
    }

    /// Forgets the names bound since.
    pub(super) fn unbind(&mut self, bound: usize) {
        self.locals.truncate(bound);
    }

    /// Binds a name, in place of what the same name stood for since `bound`.
    pub(super) fn bind(&mut self, name: &'a str, binding: Binding<'a>, bound: usize) {
        match self.locals.iter_mut().skip(bound).find(|local| local.name == name) {
            Some(local) => local.binding = binding,
            None => self.locals.push(Local { name, binding }),
        }
    }

    /// Gives a fault its place.
    pub(super) fn at<T>(result: Result<T, Fault>, offset: usize) -> Result<T, EvaluationError> {
        result.map_err(|fault| fault.at(offset))
    }

    /// The value of a part; undefined is an error.
    pub(super) fn value(&mut self, node: &'a Node) -> Result<Cow<'a, Value>, EvaluationError> {
        let outcome = self.outcome(node)?;
        self.settled(outcome, node.span.start)
    }

    /// What a part gave as a value; undefined is an error.
    fn settled(&mut self, outcome: Outcome<'a>, offset: usize) -> Result<Cow<'a, Value>, EvaluationError> {
        match outcome {
            Outcome::Defined(value) => Ok(value),
            Outcome::Items(items) => Self::at(filters::collected(&mut self.work, items), offset).map(Cow::Owned),
            Outcome::Undefined(message) => Err(EvaluationError::Undefined { message, offset }),
        }
    }

    /// The value of a part as something of its own, within the limits.
    pub(super) fn owned(&mut self, node: &'a Node) -> Result<Value, EvaluationError> {
        match self.value(node)? {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => Self::at(self.work.copy(value), node.span.start),
        }
    }

    /// A condition: a boolean, or null for no.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, EvaluationError> {
        let value = self.value(node)?;
        match &*value {
            Value::Bool(truth) => Ok(*truth),
            Value::Null => Ok(false),
            other => Err(EvaluationError::TypeMismatch {
                message: format!("`{}` is {}; a condition is a boolean or null", self.shown(node.span.start, node.span.end), kind(other)),
                offset: node.span.start,
            }),
        }
    }

    /// What a part gives, undefined included. Each kind has a function of its own, so that the stack of
    /// a nested expression holds only what its own levels need.
    pub(super) fn outcome(&mut self, node: &'a Node) -> Result<Outcome<'a>, EvaluationError> {
        let start = node.span.start;
        Self::at(self.work.spend(1), start)?;
        match &node.kind {
            Kind::Literal(value) => Ok(Outcome::Defined(Cow::Borrowed(value))),
            Kind::Name(_) => self.base(node, &[]).map(|(outcome, _)| outcome),
            Kind::Postfix { base, links } => self.postfix(base, links),
            Kind::Choice { condition, yes, no } => self.choice(condition, yes, no),
            Kind::List(items) => self.list(items, start),
            Kind::Object(fields) => self.object(fields, start),
            Kind::Call(function) => self.call(*function, start),
            Kind::Negate(operand) => self.negate(operand, start),
            Kind::Affirm(operand) => self.affirm(operand, start),
            Kind::Not(operand) => self.not(operand),
            Kind::All(operands) => self.all(operands),
            Kind::Any(operands) => self.any(operands),
            Kind::Arithmetic { first, rest } => self.arithmetic(first, rest),
            Kind::Concatenation(operands) => self.concatenation(operands, start),
            Kind::Comparison { first, rest } => self.comparison(first, rest),
        }
    }

    fn call(&mut self, function: Function, start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let made = match function {
            Function::Now => self.work.now().map(|now| domain::Timestamp::from_micros(now).to_string()),
            Function::Uuid => self.work.uuid(),
        };
        Self::at(made, start).map(Outcome::made)
    }

    fn negate(&mut self, operand: &'a Node, start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let negated = match self.number(operand, "-")? {
            integer @ Number::Integer(_) => value::calculate(Arithmetic::Subtract, Number::Integer(0), integer),
            Number::Float(float) => Ok(Number::Float(-float)),
        };
        Self::at(negated.and_then(Number::into_value), start).map(Outcome::made)
    }

    fn affirm(&mut self, operand: &'a Node, start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let number = self.number(operand, "+")?;
        Self::at(number.into_value(), start).map(Outcome::made)
    }

    fn choice(&mut self, condition: &'a Node, yes: &'a Node, no: &'a Node) -> Result<Outcome<'a>, EvaluationError> {
        let chosen = if self.truth(condition)? { yes } else { no };
        self.outcome(chosen)
    }

    fn not(&mut self, operand: &'a Node) -> Result<Outcome<'a>, EvaluationError> {
        self.truth(operand).map(|truth| Outcome::made(!truth))
    }

    fn all(&mut self, operands: &'a [Node]) -> Result<Outcome<'a>, EvaluationError> {
        for operand in operands {
            if !self.truth(operand)? {
                return Ok(Outcome::made(false));
            }
        }
        Ok(Outcome::made(true))
    }

    fn any(&mut self, operands: &'a [Node]) -> Result<Outcome<'a>, EvaluationError> {
        for operand in operands {
            if self.truth(operand)? {
                return Ok(Outcome::made(true));
            }
        }
        Ok(Outcome::made(false))
    }

    fn concatenation(&mut self, operands: &'a [Node], start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let mut whole = String::new();
        for operand in operands {
            let value = self.value(operand)?;
            Self::at(self.append(&mut whole, &value), start)?;
        }
        Ok(Outcome::made(whole))
    }

    fn append(&mut self, whole: &mut String, value: &Value) -> Result<(), Fault> {
        let text = value::text(&mut self.work, value)?;
        self.work.allocate(whole.len() + text.len())?;
        whole.push_str(&text);
        Ok(())
    }

    fn list(&mut self, items: &'a [Node], start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            list.push(self.owned(item)?);
        }
        Self::at(self.work.bounded(Value::Array(list)), start).map(Outcome::made)
    }

    fn object(&mut self, fields: &'a [(Node, Node)], start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let mut object = Map::new();
        for (key, value) in fields {
            let Value::String(name) = self.owned(key)? else {
                return Err(Fault::Type("the name of a field is a text".to_owned()).at(key.span.start));
            };
            let value = self.owned(value)?;
            object.insert(name, value);
        }
        Self::at(self.work.bounded(Value::Object(object)), start).map(Outcome::made)
    }

    fn number(&mut self, node: &'a Node, sign: &str) -> Result<Number, EvaluationError> {
        let value = self.value(node)?;
        Number::of(&value).ok_or_else(|| {
            Fault::Type(format!("the sign `{sign}` stands before a number, not before {}", kind(&value))).at(node.span.start)
        })
    }

    fn arithmetic(&mut self, first: &'a Node, rest: &'a [(Arithmetic, Node)]) -> Result<Outcome<'a>, EvaluationError> {
        let mut left = self.value(first)?;
        for (operation, node) in rest {
            let right = self.value(node)?;
            left = Cow::Owned(Self::at(operate(&mut self.work, *operation, &left, &right), first.span.start)?);
        }
        Ok(Outcome::Defined(left))
    }

    fn comparison(&mut self, first: &'a Node, rest: &'a [(Comparison, Node)]) -> Result<Outcome<'a>, EvaluationError> {
        let start = first.span.start;
        let mut left = self.value(first)?;
        for (comparison, node) in rest {
            let right = self.value(node)?;
            Self::at(self.work.spend(1), start)?;
            if !Self::at(compare(&mut self.work, *comparison, &left, &right), start)? {
                return Ok(Outcome::made(false));
            }
            left = right;
        }
        Ok(Outcome::made(true))
    }

    /// What a name stands for, and how many of the links after it are already answered by that.
    fn name(&mut self, name: &str, node: &'a Node, links: &'a [Link]) -> Result<(Outcome<'a>, usize), EvaluationError> {
        let offset = node.span.start;
        if let Some(index) = self.locals.iter().rposition(|local| local.name == name)
            && let Some(local) = self.locals.get(index)
        {
            return match &local.binding {
                Binding::NotYetKnown(name) => Err(EvaluationError::NotYetKnown { name: name.clone(), offset }),
                Binding::Value(Cow::Borrowed(value)) => Ok((Outcome::Defined(Cow::Borrowed(*value)), 0)),
                Binding::Loop { index, length } => {
                    if let Some(value) = links.first().and_then(Link::field).and_then(|field| loop_field(field, *index, *length)) {
                        Self::at(self.work.spend(1), offset)?;
                        return Ok((Outcome::made(value), 1));
                    }
                    let fields = LOOP_FIELDS.into_iter();
                    let whole = fields.filter_map(|field| Some((field.to_owned(), loop_field(field, *index, *length)?))).collect();
                    descend(&mut self.work, self.source, &Value::Object(whole), offset, links)
                }
                Binding::Value(Cow::Owned(value)) => descend(&mut self.work, self.source, value, offset, links),
            };
        }
        let field = links.first().and_then(Link::field);
        let (found, answered) = self.work.lookup(name, field);
        let written = || match field {
            Some(field) if answered => format!("{name}.{field}"),
            _ => name.to_owned(),
        };
        match found {
            Lookup::Found(Cow::Borrowed(value)) => Ok((Outcome::Defined(Cow::Borrowed(value)), usize::from(answered))),
            Lookup::Found(Cow::Owned(value)) => {
                let links = links.get(usize::from(answered)..).unwrap_or_default();
                let (outcome, walked) = descend(&mut self.work, self.source, &value, offset, links)?;
                Ok((outcome, walked + usize::from(answered)))
            }
            Lookup::NotYetKnown => Err(EvaluationError::NotYetKnown { name: written(), offset }),
            Lookup::Unknown if !answered && self.settable.iter().any(|settable| settable == name) => {
                Ok((Outcome::Undefined(format!("`{name}` has not been set")), 0))
            }
            Lookup::Unknown => Err(EvaluationError::UnknownName { name: written(), offset }),
        }
    }

    fn postfix(&mut self, base: &'a Node, links: &'a [Link]) -> Result<Outcome<'a>, EvaluationError> {
        let (mut current, answered) = self.base(base, links)?;
        let mut rest = links.get(answered..).unwrap_or_default();
        while let Some((link, after)) = rest.split_first() {
            current = self.link(link, after, current, base.span.start)?;
            rest = after;
        }
        Ok(current)
    }

    /// What is before the links, and how many of them are answered by that.
    fn base(&mut self, base: &'a Node, links: &'a [Link]) -> Result<(Outcome<'a>, usize), EvaluationError> {
        match &base.kind {
            Kind::Name(name) => self.name(name, base, links),
            _ => self.outcome(base).map(|outcome| (outcome, 0)),
        }
    }

    fn link(&mut self, link: &'a Link, rest: &'a [Link], current: Outcome<'a>, start: usize) -> Result<Outcome<'a>, EvaluationError> {
        Self::at(self.work.spend(1), start)?;
        match &link.kind {
            // What stands in for a missing value is looked at only when it is wanted: it may be missing too.
            LinkKind::Filter { signature, arguments } if signature.name == "default" => self.default(signature, arguments, current),
            LinkKind::Filter { signature, arguments } => self.filter(signature, arguments, current, start, link),
            LinkKind::Test { predicate, negated, argument } => self.test(predicate, *negated, argument.as_deref(), current, start),
            _ if matches!(current, Outcome::Undefined(_)) => Ok(current),
            LinkKind::Field(field) => self.child(current, &Key::Field(field), start, link, rest),
            LinkKind::Index(index) => self.item(current, index, start, link, rest),
            LinkKind::Slice(bounds) => self.slice(current, bounds, start),
        }
    }

    fn item(
        &mut self,
        current: Outcome<'a>,
        index: &'a Node,
        start: usize,
        link: &'a Link,
        rest: &'a [Link],
    ) -> Result<Outcome<'a>, EvaluationError> {
        let index = self.value(index)?;
        self.child(current, &Key::Index(&index), start, link, rest)
    }

    fn slice(&mut self, current: Outcome<'a>, bounds: &'a Slice, start: usize) -> Result<Outcome<'a>, EvaluationError> {
        let value = self.settled(current, start)?;
        let from = self.bound_of_slice(bounds.from.as_ref())?;
        let to = self.bound_of_slice(bounds.to.as_ref())?;
        let step = self.bound_of_slice(bounds.step.as_ref())?.unwrap_or(1);
        Self::at(slice(&mut self.work, &value, from, to, step), start).map(Outcome::made)
    }

    fn bound_of_slice(&mut self, node: Option<&'a Node>) -> Result<Option<i64>, EvaluationError> {
        let Some(node) = node else { return Ok(None) };
        let value = self.value(node)?;
        match (&*value, Number::of(&value)) {
            (Value::Null, _) => Ok(None),
            (_, Some(Number::Integer(bound))) => Ok(Some(bound)),
            (other, _) => Err(Fault::Type(format!("the bounds of a slice are integers, not {}", kind(other))).at(node.span.start)),
        }
    }

    fn child(
        &mut self,
        current: Outcome<'a>,
        key: &Key<'_>,
        start: usize,
        link: &Link,
        rest: &[Link],
    ) -> Result<Outcome<'a>, EvaluationError> {
        let value = self.settled(current, start)?;
        let place = Place { source: self.source, start, link, rest };
        if let (Value::String(text), Key::Index(_)) = (&*value, key) {
            Self::at(self.work.read(text.len()), start)?;
        }
        let found = match &value {
            Cow::Borrowed(value) => Self::at(child(value, key, &place), link.span.start)?,
            Cow::Owned(value) => match Self::at(child(value, key, &place), link.span.start)? {
                Ok(child) => {
                    let copied = match child {
                        Cow::Borrowed(child) => Self::at(self.work.copy(child), start)?,
                        Cow::Owned(child) => child,
                    };
                    Ok(Cow::Owned(copied))
                }
                Err(message) => Err(message),
            },
        };
        Ok(match found {
            Ok(child) => Outcome::Defined(child),
            Err(message) => Outcome::Undefined(message),
        })
    }

    fn filter(
        &mut self,
        signature: &'static Signature,
        arguments: &'a [Argument],
        input: Outcome<'a>,
        start: usize,
        link: &Link,
    ) -> Result<Outcome<'a>, EvaluationError> {
        if signature.name == "ternary" {
            let condition = self.settled(input, start)?;
            return self.ternary(signature, arguments, &condition, start);
        }
        let input = match input {
            Outcome::Defined(value) => Input::Value(value),
            Outcome::Items(items) => Input::Items(items),
            Outcome::Undefined(message) => return Err(EvaluationError::Undefined { message, offset: start }),
        };
        let given = self.arguments(signature, arguments)?;
        Self::at(filters::apply(&mut self.work, input, &given), link.span.start)
    }

    fn arguments(&mut self, signature: &'static Signature, arguments: &'a [Argument]) -> Result<Arguments<'a>, EvaluationError> {
        let mut given = Arguments::none(signature);
        for argument in arguments {
            let value = self.value(&argument.value)?;
            Self::at(given.add(argument.name.as_deref(), value), argument.value.span.start)?;
        }
        Ok(given)
    }

    fn ternary(
        &mut self,
        signature: &'static Signature,
        arguments: &'a [Argument],
        input: &Value,
        start: usize,
    ) -> Result<Outcome<'a>, EvaluationError> {
        let chosen = Self::at(filters::choice(input), start)?;
        let wanted = signature.argument(arguments, chosen).or_else(|| signature.argument(arguments, filters::WHEN_FALSE));
        wanted.map_or(Ok(Outcome::made(Value::Null)), |argument| self.outcome(&argument.value))
    }

    fn default(
        &mut self,
        signature: &'static Signature,
        arguments: &'a [Argument],
        input: Outcome<'a>,
    ) -> Result<Outcome<'a>, EvaluationError> {
        let also_vacant = match signature.argument(arguments, filters::BOOLEAN) {
            Some(argument) => self.truth(&argument.value)?,
            None => false,
        };
        match input {
            Outcome::Defined(value) if !(value.is_null() || also_vacant && filters::is_vacant(&value)) => Ok(Outcome::Defined(value)),
            Outcome::Items(items) if !(also_vacant && items.is_empty()) => Ok(Outcome::Items(items)),
            _ => {
                let substitute = signature.argument(arguments, filters::DEFAULT_VALUE);
                substitute.map_or(Ok(Outcome::made("")), |argument| self.outcome(&argument.value))
            }
        }
    }

    fn test(
        &mut self,
        predicate: &Predicate,
        negated: bool,
        argument: Option<&'a Node>,
        input: Outcome<'a>,
        start: usize,
    ) -> Result<Outcome<'a>, EvaluationError> {
        if let Some(wanted) = predicate.asks_for_definition() {
            return Ok(Outcome::made((matches!(input, Outcome::Undefined(_)) != wanted) != negated));
        }
        let input = self.settled(input, start)?;
        let argument = match argument {
            Some(node) => self.value(node)?,
            None => Cow::Owned(Value::Null),
        };
        Self::at(predicate.holds(&mut self.work, &input, &argument), start).map(|holds| Outcome::made(holds != negated))
    }

    fn shown(&self, start: usize, end: usize) -> String {
        shortened(self.source.get(start..end).unwrap_or_default())
    }
}

fn compare(work: &mut Work<'_>, comparison: Comparison, left: &Value, right: &Value) -> Result<bool, Fault> {
    Ok(match comparison {
        Comparison::Equal => value::equal(work, left, right)?,
        Comparison::NotEqual => !value::equal(work, left, right)?,
        Comparison::Less => value::ordered(work, left, right)?.is_lt(),
        Comparison::LessOrEqual => value::ordered(work, left, right)?.is_le(),
        Comparison::Greater => value::ordered(work, left, right)?.is_gt(),
        Comparison::GreaterOrEqual => value::ordered(work, left, right)?.is_ge(),
        Comparison::In => value::contains(work, right, left)?,
        Comparison::NotIn => !value::contains(work, right, left)?,
        Comparison::Matches | Comparison::MatchesNot => {
            let (Value::String(text), Value::String(pattern)) = (left, right) else {
                return Err(Fault::Type(format!("a regular expression is matched with a text, not {} with {}", kind(left), kind(right))));
            };
            work.pattern(pattern, text)?.is_match(text) == (comparison == Comparison::Matches)
        }
    })
}

fn operate(work: &mut Work<'_>, operation: Arithmetic, left: &Value, right: &Value) -> Result<Value, Fault> {
    work.spend(1)?;
    match (left, right) {
        (Value::String(a), Value::String(b)) if operation == Arithmetic::Add => {
            work.allocate(a.len() + b.len())?;
            Ok(Value::String(format!("{a}{b}")))
        }
        (Value::Array(a), Value::Array(b)) if operation == Arithmetic::Add => {
            work.spend(a.len() + b.len())?;
            let mut items = Vec::with_capacity(a.len() + b.len());
            for item in a.iter().chain(b) {
                items.push(work.copy(item)?);
            }
            work.bounded(Value::Array(items))
        }
        (a, b) => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => value::calculate(operation, a, b).and_then(Number::into_value),
            _ => Err(unfit(operation, a, b)),
        },
    }
}

fn unfit(operation: Arithmetic, left: &Value, right: &Value) -> Fault {
    let sign = match operation {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::FloorDivide => "//",
        Arithmetic::Remainder => "%",
        Arithmetic::Power => "**",
    };
    let advice = match (operation, left, right) {
        (Arithmetic::Add, Value::String(_), _) | (Arithmetic::Add, _, Value::String(_)) => "; `~` joins anything as text",
        _ => "",
    };
    Fault::Type(format!("`{sign}` cannot be used on {} and {}{advice}", kind(left), kind(right)))
}
