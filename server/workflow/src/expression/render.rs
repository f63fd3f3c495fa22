//! Gives the value of a template: runs through its segments, once.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::{
    ast::{Node, Span},
    error::{EvaluationError, Fault},
    evaluate::{Binding, Evaluator, Outcome},
    limits::Work,
    template::{Loop, Segment, Template},
    value::{self, kind},
};

pub(super) struct Renderer<'a> {
    evaluator: Evaluator<'a>,
    text: String,
    /// Whether what is not yet known stays the text of its expression.
    keeps_unknown: bool,
    /// What the text of every value passes through before it is written.
    escape: Option<&'a dyn Fn(&str) -> String>,
    unknown: BTreeSet<String>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(source: &'a str, work: Work<'a>, settable: &'a [String], keeps_unknown: bool) -> Self {
        Self {
            evaluator: Evaluator::new(source, work, settable),
            text: String::new(),
            keeps_unknown,
            escape: None,
            unknown: BTreeSet::new(),
        }
    }

    /// Writes what expressions give through `escape`, the text of the template itself as it is.
    pub(super) fn escaping(mut self, escape: &'a dyn Fn(&str) -> String) -> Self {
        self.escape = Some(escape);
        self
    }

    /// The text of a template, also of one that is a lone expression.
    pub(super) fn into_text(mut self, template: &'a Template) -> Result<String, EvaluationError> {
        self.text.reserve(template.source().len());
        self.run(&template.body, 0)?;
        Ok(self.text)
    }

    pub(super) fn uuid_calls(&self) -> u32 {
        self.evaluator.work.uuid_calls()
    }

    pub(super) fn into_unknown(self) -> BTreeSet<String> {
        self.unknown
    }

    pub(super) fn value(&mut self, template: &'a Template) -> Result<Value, EvaluationError> {
        if let Some((node, span)) = template.lone() {
            return match self.evaluator.owned(node) {
                Err(EvaluationError::NotYetKnown { name, .. }) if self.keeps_unknown => {
                    self.unknown.insert(name);
                    Ok(Value::from(span.of(self.evaluator.source)))
                }
                other => other,
            };
        }
        // Most texts are about as long as what they are made from.
        self.text.reserve(template.source().len());
        self.run(&template.body, 0)?;
        Ok(Value::String(std::mem::take(&mut self.text)))
    }

    /// `frame` is the number of names that were bound when the innermost loop began: a `set` replaces
    /// only what was set since.
    fn run(&mut self, segments: &'a [Segment], frame: usize) -> Result<(), EvaluationError> {
        for segment in segments {
            let (written, bound) = (self.text.len(), self.evaluator.bound());
            if let Err(error) = self.segment(segment, frame) {
                self.keep(segment, error, (written, bound), frame)?;
            }
        }
        Ok(())
    }

    /// Goes back to before a segment with a name that is not yet known, and keeps its text instead.
    fn keep(
        &mut self,
        segment: &'a Segment,
        error: EvaluationError,
        (written, bound): (usize, usize),
        frame: usize,
    ) -> Result<(), EvaluationError> {
        let EvaluationError::NotYetKnown { name, .. } = &error else { return Err(error) };
        if !self.keeps_unknown {
            return Err(error);
        }
        self.text.truncate(written);
        self.evaluator.unbind(bound);
        let mut set = Vec::new();
        set_by(segment, &mut set);
        for set in set {
            self.evaluator.bind(set, Binding::NotYetKnown(name.clone()), frame);
        }
        self.unknown.insert(name.clone());
        self.push(span_of(segment).of(self.evaluator.source), span_of(segment).start)
    }

    fn segment(&mut self, segment: &'a Segment, frame: usize) -> Result<(), EvaluationError> {
        let start = span_of(segment).start;
        Evaluator::at(self.evaluator.work.spend(1), start)?;
        match segment {
            Segment::Text(span) => self.push(span.of(self.evaluator.source), start),
            Segment::Output { node, .. } => self.output(node, start),
            Segment::Choice { branches, otherwise, .. } => self.choice(branches, otherwise, frame),
            Segment::Loop(each) => self.each(each, frame),
            Segment::Set { name, value, .. } => self.set(name, value, frame),
        }
    }

    fn choice(&mut self, branches: &'a [(Node, Vec<Segment>)], otherwise: &'a [Segment], frame: usize) -> Result<(), EvaluationError> {
        for (condition, body) in branches {
            if self.evaluator.truth(condition)? {
                return self.run(body, frame);
            }
        }
        self.run(otherwise, frame)
    }

    fn set(&mut self, name: &'a str, value: &'a Node, frame: usize) -> Result<(), EvaluationError> {
        let value = self.evaluator.value(value)?;
        self.evaluator.bind(name, Binding::Value(value), frame);
        Ok(())
    }

    fn output(&mut self, node: &'a Node, start: usize) -> Result<(), EvaluationError> {
        let value = self.evaluator.value(node)?;
        let text = Evaluator::at(value::text(&mut self.evaluator.work, &value), start)?;
        match self.escape {
            Some(escape) => self.push(&escape(&text), start),
            None => self.push(&text, start),
        }
    }

    fn push(&mut self, text: &str, offset: usize) -> Result<(), EvaluationError> {
        Evaluator::at(self.evaluator.work.fits(self.text.len() + text.len()), offset)?;
        Evaluator::at(self.evaluator.work.read(text.len()), offset)?;
        self.text.push_str(text);
        Ok(())
    }

    fn each(&mut self, each: &'a Loop, frame: usize) -> Result<(), EvaluationError> {
        let outside = self.evaluator.bound();
        let items = self.items(each, outside)?;
        let length = items.len();
        if length == 0 {
            return self.run(&each.otherwise, frame);
        }
        for (index, item) in items.into_iter().enumerate() {
            self.bind_targets(each, item, outside)?;
            self.evaluator.bind("loop", Binding::Loop { index, length }, outside);
            let round = self.run(&each.body, outside);
            self.evaluator.unbind(outside);
            round?;
        }
        Ok(())
    }

    /// What the loop goes through, less what its own `if` leaves out.
    fn items(&mut self, each: &'a Loop, outside: usize) -> Result<Vec<Cow<'a, Value>>, EvaluationError> {
        let start = each.list.span.start;
        let items = match self.evaluator.outcome(&each.list)? {
            Outcome::Items(items) => items,
            Outcome::Defined(value) => items(value).map_err(|fault| fault.at(start))?,
            Outcome::Undefined(message) => return Err(EvaluationError::Undefined { message, offset: start }),
        };
        Evaluator::at(self.evaluator.work.spend(items.len()), start)?;
        let Some(condition) = &each.condition else { return Ok(items) };
        let mut kept = Vec::new();
        for item in items {
            self.bind_targets(each, item.clone(), outside)?;
            let holds = self.evaluator.truth(condition);
            self.evaluator.unbind(outside);
            if holds? {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    /// Binds one name to the item, or several to its parts.
    fn bind_targets(&mut self, each: &'a Loop, item: Cow<'a, Value>, outside: usize) -> Result<(), EvaluationError> {
        if let [target] = each.targets.as_slice() {
            self.evaluator.bind(target, Binding::Value(item), outside);
            return Ok(());
        }
        let wanted = each.targets.len();
        let described = match &*item {
            Value::Array(parts) => format!("a list of {}", parts.len()),
            other => kind(other).to_owned(),
        };
        let parts = parts(item).filter(|parts| parts.len() == wanted).ok_or_else(|| {
            Fault::Type(format!("the loop takes items apart into {wanted}, but one of them is {described}")).at(each.list.span.start)
        })?;
        for (target, part) in each.targets.iter().zip(parts) {
            self.evaluator.bind(target, Binding::Value(part), outside);
        }
        Ok(())
    }
}

/// The names that a segment may set for those after it; what a loop sets stays inside.
fn set_by<'a>(segment: &'a Segment, names: &mut Vec<&'a str>) {
    match segment {
        Segment::Set { name, .. } => names.push(name),
        Segment::Choice { branches, otherwise, .. } => {
            for segment in branches.iter().flat_map(|(_, body)| body).chain(otherwise) {
                set_by(segment, names);
            }
        }
        Segment::Text(_) | Segment::Output { .. } | Segment::Loop(_) => {}
    }
}

fn span_of(segment: &Segment) -> Span {
    match segment {
        Segment::Text(span) | Segment::Output { span, .. } | Segment::Choice { span, .. } | Segment::Set { span, .. } => *span,
        Segment::Loop(each) => each.span,
    }
}

/// What a loop goes through: the items of a list, the names of the fields of an object.
fn items(value: Cow<'_, Value>) -> Result<Vec<Cow<'_, Value>>, Fault> {
    match value {
        Cow::Borrowed(Value::Array(items)) => Ok(items.iter().map(Cow::Borrowed).collect()),
        Cow::Owned(Value::Array(items)) => Ok(items.into_iter().map(Cow::Owned).collect()),
        other => match &*other {
            Value::Object(fields) => Ok(fields.keys().map(|key| Cow::Owned(Value::from(key.as_str()))).collect()),
            Value::Null => {
                Err(Fault::Type("a loop goes through a list or an object, not null; `default([])` makes it an empty one".to_owned()))
            }
            value => Err(Fault::Type(format!("a loop goes through a list or an object, not {}", kind(value)))),
        },
    }
}

/// The parts of a list, or of a group that `groupby` made.
fn parts(item: Cow<'_, Value>) -> Option<Vec<Cow<'_, Value>>> {
    match item {
        Cow::Borrowed(Value::Array(parts)) => Some(parts.iter().map(Cow::Borrowed).collect()),
        Cow::Owned(Value::Array(parts)) => Some(parts.into_iter().map(Cow::Owned).collect()),
        Cow::Borrowed(Value::Object(fields)) => match (fields.get("grouper"), fields.get("list")) {
            (Some(grouper), Some(list)) if fields.len() == 2 => Some(vec![Cow::Borrowed(grouper), Cow::Borrowed(list)]),
            _ => None,
        },
        Cow::Owned(Value::Object(mut fields)) if fields.len() == 2 => {
            let list = fields.remove("list")?;
            Some(vec![Cow::Owned(fields.remove("grouper")?), Cow::Owned(list)])
        }
        _ => None,
    }
}
