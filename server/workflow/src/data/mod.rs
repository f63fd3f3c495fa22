//! Data steps: what they may say, and what they give. Pure, and bounded as a whole: a step that goes through a
//! list has one meter for all items.
//!
//! [`describe`] has one row an action: its keys and what each takes. The parser reads files by it, so that a
//! key that is not in its row does not exist. The other files evaluate, one a family. Wherever the expression
//! language has the operation already, an action is a line of that language ([`Arguments::say`]): so a list is
//! sorted by a step as the filter `sort` does it. Where the language follows Jinja in taking no notice of capitals,
//! actions are exact.
//!
//! To add an action: a variant of [`Action`], a row in [`describe`], an arm in [`evaluate`]. What the actions take
//! and give is the table of the language's reference (section 2, "Steps").

mod compression;
mod crypto;
mod datetime;
pub(crate) mod describe;
mod documents;
pub(crate) mod each;
mod lists;
mod merge;
mod texts;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use datetime::zone;

use crate::{
    core::render::{Renderer, Trouble, kind_of, size_of},
    event::Failure,
    expression::{Evaluation, EvaluationError, Expression, Limits},
    plan::TemplateValue,
};

/// The most steps that all evaluations of a data step may take together: those of five expressions.
const MOST_STEPS: usize = 500_000;
/// The largest value that one of its evaluations may make on the way, in bytes.
const LARGEST_ON_THE_WAY: usize = 4 * 1024 * 1024;
/// The largest result of a data step, in bytes: what an expression can take up again.
pub(crate) const LARGEST_RESULT: usize = 1024 * 1024;
/// The code of a failure that an argument causes.
const CODE: &str = "data";

/// What a data step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Gives its inputs.
    #[serde(rename = "core.set")]
    Set,
    /// Goes through a list by one of several operations.
    #[serde(rename = "core.transform")]
    Transform,
    /// What a path leads to.
    #[serde(rename = "core.extract")]
    Extract,
    /// A text of a template or of a value.
    #[serde(rename = "core.format")]
    Format,
    /// One number of many.
    #[serde(rename = "core.aggregate")]
    Aggregate,
    /// Whether a comparison holds.
    #[serde(rename = "core.compare")]
    Compare,
    /// An object with other names for its fields.
    #[serde(rename = "core.rename_keys")]
    RenameKeys,
    /// A part of a list.
    #[serde(rename = "core.limit")]
    Limit,
    /// A list in order.
    #[serde(rename = "core.sort")]
    Sort,
    /// Hashes, identifiers and bytes.
    #[serde(rename = "core.crypto")]
    Crypto,
    /// Moments.
    #[serde(rename = "core.datetime")]
    Datetime,
    /// A value of a text of JSON, YAML, CSV or XML.
    #[serde(rename = "core.parse")]
    Parse,
    /// A text as gzip in base64.
    #[serde(rename = "core.compress")]
    Compress,
    /// The text of gzip in base64.
    #[serde(rename = "core.decompress")]
    Decompress,
    /// The recorded start of the step.
    #[serde(rename = "workflow.timestamp")]
    Timestamp,
    /// Nothing.
    #[serde(rename = "workflow.noop")]
    Noop,
    /// Fails.
    #[serde(rename = "workflow.fail")]
    Fail,
    /// `type: map`.
    #[serde(rename = "map")]
    Map,
    /// `type: filter`.
    #[serde(rename = "filter")]
    Filter,
    /// `type: reduce`.
    #[serde(rename = "reduce")]
    Reduce,
    /// `type: merge`.
    #[serde(rename = "merge")]
    Merge,
}

impl Action {
    /// The public name, as files write it: an action, or a type of step.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Set => "core.set",
            Self::Transform => "core.transform",
            Self::Extract => "core.extract",
            Self::Format => "core.format",
            Self::Aggregate => "core.aggregate",
            Self::Compare => "core.compare",
            Self::RenameKeys => "core.rename_keys",
            Self::Limit => "core.limit",
            Self::Sort => "core.sort",
            Self::Crypto => "core.crypto",
            Self::Datetime => "core.datetime",
            Self::Parse => "core.parse",
            Self::Compress => "core.compress",
            Self::Decompress => "core.decompress",
            Self::Timestamp => "workflow.timestamp",
            Self::Noop => "workflow.noop",
            Self::Fail => "workflow.fail",
            Self::Map => "map",
            Self::Filter => "filter",
            Self::Reduce => "reduce",
            Self::Merge => "merge",
        }
    }
}

/// A data step, read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataStep {
    /// What it does.
    pub action: Action,
    /// Its arguments under the names of [`describe`], in the order in which the file gives them.
    pub arguments: Vec<(String, Argument)>,
}

/// An argument of a data step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// A value, with templates in it.
    Value(TemplateValue),
    /// An expression: evaluated once, or for each item.
    Expression(Expression),
    /// A word of a fixed list, or the name of a variable.
    Word(String),
}

/// What a data step gives, or why it fails.
pub(crate) fn evaluate(step: &DataStep, renderer: &Renderer<'_>) -> Result<Value, Trouble> {
    let arguments = Arguments { step, renderer };
    let value = match step.action {
        Action::Set => arguments.all()?,
        Action::Timestamp => arguments.say("now()", &[])?,
        Action::Noop => Value::Null,
        Action::Fail => return Err(failure(&arguments)?),
        Action::Map | Action::Filter | Action::Reduce | Action::Transform => each::evaluate(&arguments)?,
        Action::Merge => merge::evaluate(&arguments)?,
        Action::Sort | Action::Limit | Action::Aggregate => lists::evaluate(&arguments)?,
        Action::Extract | Action::RenameKeys | Action::Format | Action::Compare => texts::evaluate(&arguments)?,
        Action::Crypto => crypto::evaluate(&arguments)?,
        Action::Datetime => datetime::evaluate(&arguments)?,
        Action::Parse => documents::evaluate(&arguments)?,
        Action::Compress | Action::Decompress => compression::evaluate(&arguments)?,
    };
    if size_of(&value) > LARGEST_RESULT {
        return Err(arguments.wrong("the result", too_large()));
    }
    Ok(value)
}

/// The failure that `workflow.fail` asks for.
fn failure(arguments: &Arguments<'_>) -> Result<Trouble, Trouble> {
    let message = match arguments.step.argument("message") {
        Some(Argument::Value(TemplateValue::Template(message))) => arguments.renderer.said(message, "message")?,
        _ => arguments.text("message")?,
    };
    Ok(Trouble::Failed(Failure::last(arguments.word("code").unwrap_or("failed"), message)))
}

fn too_large() -> String {
    format!("is larger than the {LARGEST_RESULT} bytes a step may give")
}

impl DataStep {
    /// The argument of that name.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|(known, _)| known == name).map(|(_, argument)| argument)
    }
}

/// The arguments of one step, with what evaluates them.
struct Arguments<'a> {
    step: &'a DataStep,
    renderer: &'a Renderer<'a>,
}

impl<'a> Arguments<'a> {
    /// The step's action.
    const fn action(&self) -> Action {
        self.step.action
    }

    /// A failure that an argument or the data in it causes. Never with a value in it: errors are shown to more
    /// people than values are.
    fn wrong(&self, what: &str, message: impl std::fmt::Display) -> Trouble {
        Trouble::Failed(Failure::last(CODE, format!("{}: {what} {message}", self.action().name())))
    }

    /// All arguments, as an object.
    fn all(&self) -> Result<Value, Trouble> {
        let mut all = Map::new();
        for (name, argument) in &self.step.arguments {
            if let Argument::Value(value) = argument {
                all.insert(name.clone(), self.renderer.json(value, name)?);
            }
        }
        Ok(Value::Object(all))
    }

    /// A word of a fixed list, or the name of a variable, if it is given.
    fn word(&self, name: &str) -> Option<&'a str> {
        match self.step.argument(name) {
            Some(Argument::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// The expression of that name, if it is given.
    fn expression(&self, name: &str) -> Option<&'a Expression> {
        match self.step.argument(name) {
            Some(Argument::Expression(expression)) => Some(expression),
            _ => None,
        }
    }

    /// A value, if it is given; null is given.
    fn optional(&self, name: &str) -> Result<Option<Value>, Trouble> {
        match self.step.argument(name) {
            Some(Argument::Value(value)) => self.renderer.json(value, name).map(Some),
            Some(Argument::Expression(expression)) => {
                let mut evaluation = self.evaluation();
                evaluation.value(expression).map(Some).map_err(|error| Trouble::of(name, &error))
            }
            Some(Argument::Word(_)) | None => Ok(None),
        }
    }

    /// A value.
    fn value(&self, name: &str) -> Result<Value, Trouble> {
        // The parser asks for what has to be there, so this is a plan made otherwise.
        self.optional(name)?.ok_or_else(|| self.wrong(&format!("`{name}`"), "is missing"))
    }

    /// A value of the wrong type.
    fn unfit(&self, name: &str, wanted: &str, value: &Value) -> Trouble {
        let advice = if value.is_null() { "; `default` gives a value in place of null" } else { "" };
        self.wrong(&format!("`{name}`"), format_args!("has to be {wanted} and is {}{advice}", kind_of(value)))
    }

    fn text(&self, name: &str) -> Result<String, Trouble> {
        match self.value(name)? {
            Value::String(text) => Ok(text),
            other => Err(self.unfit(name, "text", &other)),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<Value>, Trouble> {
        match self.value(name)? {
            Value::Array(items) => Ok(items),
            other => Err(self.unfit(name, "a list", &other)),
        }
    }

    /// A whole number within bounds, if it is given.
    fn whole(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Trouble> {
        let Some(value) = self.optional(name)? else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| self.unfit(name, "a whole number", &value))?;
        if range.contains(&number) {
            return Ok(Some(number));
        }
        let bounds = match (*range.start(), *range.end()) {
            (low, i64::MAX) => format!("has to be at least {low}"),
            (low, high) => format!("has to be from {low} to {high}"),
        };
        Err(self.wrong(&format!("`{name}`"), bounds))
    }

    /// Evaluations under one meter.
    fn evaluation(&self) -> Evaluation<'a> {
        self.renderer.evaluation(Limits { steps: MOST_STEPS, output_bytes: LARGEST_ON_THE_WAY })
    }

    /// The value of a line of the language, over these names.
    fn say(&self, line: &str, names: &[(&str, &Value)]) -> Result<Value, Trouble> {
        let line = self.line(line)?;
        let mut evaluation = self.evaluation();
        for (name, value) in names {
            evaluation.bind(name, Cow::Borrowed(value));
        }
        evaluation.value(&line).map_err(|error| self.fault(&error))
    }

    /// A line of the language, read.
    fn line(&self, line: &str) -> Result<Expression, Trouble> {
        // The lines are our own, and a test evaluates each.
        Expression::parse(line).map_err(|error| self.wrong("a line of the action", error))
    }

    /// What the data of a step causes inside a line of ours.
    fn fault(&self, error: &EvaluationError) -> Trouble {
        match error {
            EvaluationError::NotYetKnown { .. } => Trouble::NotYetKnown,
            other => Trouble::Failed(Failure::last(CODE, format!("{}: {other}", self.action().name()))),
        }
    }
}

/// How many bytes the parts of a result may still take.
struct Room(usize);

impl Room {
    const fn of_a_result() -> Self {
        Self(LARGEST_RESULT)
    }

    /// Takes a part up.
    fn take(&mut self, part: &Value, arguments: &Arguments<'_>) -> Result<(), Trouble> {
        // A list needs a sign between its items.
        self.0 = self.0.checked_sub(size_of(part) + 1).ok_or_else(|| arguments.wrong("the result", too_large()))?;
        Ok(())
    }
}
