//! A step's templates become what will be called, asked or said.
//!
//! Rendering either gives the whole thing or says why not; nothing is left out silently. What is not known
//! yet is an error of its own kind ([`Trouble::NotYetKnown`]), which only a [coverage](crate::coverage)
//! may turn into something else than a failure.

use std::{cell::Cell, time::Duration};

use domain::Timestamp;
use serde_json::{Map, Value};

use super::{escape, scope::Names};
use crate::{
    call::{self, Call, HttpBody, HttpCall, ModelCall, Piece},
    event::{ApprovalRequest, AskedField, Failure},
    expression::{Evaluation, EvaluationError, Expression, Known, Limits, Moment, Template},
    form,
    parse::scalar,
    plan::{ApprovalStep, CredentialPiece, FormField, HttpStep, HttpStepBody, ModelStep, Plan, Step, StepKind, TemplateValue},
};

/// The longest idempotency key, in bytes: what payment services accept.
const LONGEST_KEY: usize = 255;
/// The most that the values of one step may take together, in bytes: each alone is bounded by the language, but a
/// step may have many.
const LARGEST_STEP: usize = 4 * 1024 * 1024;
/// The longest time that a step waits.
const LONGEST_WAIT: Duration = Duration::from_hours(10 * 366 * 24);
/// The longest message of a failed step, in characters.
const LONGEST_MESSAGE: usize = 2_000;

/// Why something could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A name in it is set later.
    NotYetKnown,
    /// It never can be.
    Failed(Failure),
}

impl Trouble {
    pub(crate) fn expression(what: &str, message: impl std::fmt::Display) -> Self {
        Self::Failed(Failure::last("expression", shortened(&format!("{what}: {message}"))))
    }

    pub(crate) fn of(what: &str, error: &EvaluationError) -> Self {
        match error {
            EvaluationError::NotYetKnown { .. } => Self::NotYetKnown,
            other => Self::expression(what, other),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(failure) => failure,
            // The parser refuses names that only later steps set, so this is a plan made otherwise.
            Trouble::NotYetKnown => Self::last("expression", "a value is used that only a later step gives"),
        }
    }
}

/// Evaluates what one step says, in the order in which it is written.
pub(crate) struct Renderer<'a> {
    names: Names<'a>,
    /// How many bytes may still be made.
    room: Cell<usize>,
}

impl<'a> Renderer<'a> {
    /// Renders with these names.
    pub(crate) const fn new(names: Names<'a>) -> Self {
        Self { names, room: Cell::new(LARGEST_STEP) }
    }

    /// Whether a condition holds. Null does not; anything but a boolean or null is an error, never true.
    pub(crate) fn condition(&self, condition: &Expression) -> Result<bool, Trouble> {
        self.names.next_evaluation();
        condition.condition(&self.names).map_err(|error| Trouble::of("condition", &error))
    }

    /// Several evaluations under one meter, with these limits for all of them together.
    pub(crate) fn evaluation(&self, limits: Limits) -> Evaluation<'_> {
        self.names.next_evaluation();
        Evaluation::new(&self.names, limits)
    }

    /// The value of an expression.
    pub(crate) fn expression(&self, expression: &Expression, what: &str) -> Result<Value, Trouble> {
        self.names.next_evaluation();
        let value = expression.evaluate(&self.names, &Limits::default()).map_err(|error| Trouble::of(what, &error))?;
        self.make_room(&value, what)?;
        Ok(value)
    }

    /// A length of time: text such as `5m`, or a number of seconds.
    pub(crate) fn duration(&self, value: &TemplateValue, what: &str) -> Result<Duration, Trouble> {
        let value = self.json(value, what)?;
        let duration = match &value {
            Value::String(text) => scalar::duration_of(text),
            other => other.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        };
        let limit = |duration: &Duration| *duration <= LONGEST_WAIT;
        duration.filter(limit).ok_or_else(|| {
            Trouble::expression(what, "has to be a time such as `30s`, `5m`, `1h` or `7d`, or a number of seconds, of ten years at most")
        })
    }

    /// A moment as RFC 3339 writes it, or a day, which means its beginning in UTC.
    pub(crate) fn moment(&self, template: &Template, what: &str) -> Result<Timestamp, Trouble> {
        let value = self.value(template, what)?;
        let moment = Moment::of(&value).map_err(|why| Trouble::expression(what, why))?;
        Ok(Timestamp::from_micros(moment.micros))
    }

    /// The value of a template; one lone `{{ }}` keeps its type.
    pub(crate) fn value(&self, template: &Template, what: &str) -> Result<Value, Trouble> {
        self.names.next_evaluation();
        let value = template.evaluate(&self.names, &Limits::default()).map_err(|error| Trouble::of(what, &error))?;
        self.make_room(&value, what)?;
        Ok(value)
    }

    fn make_room(&self, value: &Value, what: &str) -> Result<(), Trouble> {
        match self.room.get().checked_sub(size_of(value)) {
            Some(left) => {
                self.room.set(left);
                Ok(())
            }
            None => Err(Trouble::expression(what, format_args!("the values of the step are larger than {LARGEST_STEP} bytes together"))),
        }
    }

    /// The value of a template that has to be text.
    pub(crate) fn text(&self, template: &Template, what: &str) -> Result<String, Trouble> {
        match self.value(template, what)? {
            Value::String(text) => Ok(text),
            other => Err(Trouble::expression(what, format_args!("has to be text and is {}", kind_of(&other)))),
        }
    }

    /// The value of a template as text, where numbers and booleans may stand too.
    pub(crate) fn scalar(&self, template: &Template, what: &str) -> Result<String, Trouble> {
        scalar_text(self.value(template, what)?, what)
    }

    /// JSON whose strings may be templates.
    pub(crate) fn json(&self, value: &TemplateValue, what: &str) -> Result<Value, Trouble> {
        Ok(match value {
            TemplateValue::Literal(value) => value.clone(),
            TemplateValue::Template(template) => self.value(template, what)?,
            TemplateValue::List(items) => Value::Array(items.iter().map(|item| self.json(item, what)).collect::<Result<_, _>>()?),
            TemplateValue::Map(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    object.insert(name.clone(), self.json(field, &format!("{what}.{name}"))?);
                }
                Value::Object(object)
            }
        })
    }

    /// A text, number or boolean, as text.
    pub(crate) fn json_scalar(&self, value: &TemplateValue, what: &str) -> Result<String, Trouble> {
        scalar_text(self.json(value, what)?, what)
    }

    /// Text for people to read, in which nothing invisible hides; lists and objects as JSON.
    pub(crate) fn shown(&self, template: &Template, what: &str) -> Result<String, Trouble> {
        Ok(escape::visible(&readable(&self.value(template, what)?)))
    }

    /// Something said, such as the message of a failed assertion, not longer than people read.
    pub(crate) fn said(&self, template: &Template, what: &str) -> Result<String, Trouble> {
        Ok(shortened(&readable(&self.value(template, what)?)))
    }

    /// What a step that reaches out will call; `None` when the step does not.
    pub(crate) fn call(&self, plan: &Plan, step: &Step) -> Result<Option<Call>, Trouble> {
        match &step.kind {
            StepKind::Http(http) => self.http(http).map(|http| Some(Call::Http(http))),
            StepKind::Model(model) => self.model(plan, model).map(|model| Some(Call::Model(model))),
            _ => Ok(None),
        }
    }

    fn http(&self, http: &HttpStep) -> Result<HttpCall, Trouble> {
        Ok(HttpCall {
            method: http.method.clone(),
            url: self.url(&http.url)?,
            headers: http.headers.iter().map(|(name, pieces)| Ok((name.clone(), self.header(name, pieces)?))).collect::<Result<_, _>>()?,
            query: self.pairs(&http.query, "query")?,
            body: match &http.body {
                HttpStepBody::None => HttpBody::None,
                HttpStepBody::Json(value) => HttpBody::Json(self.json(value, "json")?),
                HttpStepBody::Text(template) => HttpBody::Text(self.scalar(template, "body")?),
                HttpStepBody::Form(fields) => HttpBody::Form(self.pairs(fields, "form")?),
            },
            accept_status: http.accept_status.clone(),
            follow_redirects: http.follow_redirects,
        })
    }

    /// The address of a request.
    pub(crate) fn url(&self, template: &Template) -> Result<String, Trouble> {
        let url = self.text(template, "url")?;
        if call::host_of(&url).is_none() {
            return Err(Trouble::Failed(Failure::last("url", "the address is not one of http or https with a host")));
        }
        Ok(url)
    }

    fn header(&self, name: &str, pieces: &[CredentialPiece]) -> Result<Vec<Piece>, Trouble> {
        pieces.iter().map(|piece| self.header_piece(name, piece)).collect()
    }

    /// One piece of a header's value. A line break in it could begin another header.
    pub(crate) fn header_piece(&self, name: &str, piece: &CredentialPiece) -> Result<Piece, Trouble> {
        match piece {
            CredentialPiece::Credential(credential) => Ok(Piece::Credential(credential.clone())),
            CredentialPiece::Text(template) => {
                let text = self.scalar(template, &format!("header {name}"))?;
                if text.chars().any(|sign| sign.is_control() && sign != '\t') {
                    return Err(Trouble::Failed(Failure::last(
                        "header",
                        format!("header {name} contains a line break or another control character"),
                    )));
                }
                Ok(Piece::Text(text))
            }
        }
    }

    fn pairs(&self, pairs: &[(String, TemplateValue)], what: &str) -> Result<Vec<(String, String)>, Trouble> {
        pairs.iter().map(|(name, value)| Ok((name.clone(), self.json_scalar(value, &format!("{what}.{name}"))?))).collect()
    }

    fn model(&self, plan: &Plan, model: &ModelStep) -> Result<ModelCall, Trouble> {
        Ok(ModelCall {
            task: model.task,
            model: model.model.clone().or_else(|| plan.default_model.clone()),
            system: model.system.as_ref().map(|system| self.scalar(system, "system")).transpose()?,
            prompt: self.scalar(&model.prompt, "prompt")?,
            output_schema: model.output_schema.clone(),
            max_tokens: model.max_tokens,
            temperature: model.temperature,
        })
    }

    /// The key of every attempt and dispatch: what the step says, or the run and the step's path.
    pub(crate) fn idempotency_key(&self, run: &str, path: &str, step: &Step) -> Result<String, Trouble> {
        let key = match &step.idempotency_key {
            Some(template) => self.scalar(template, "idempotency_key")?,
            None => format!("{run}:{path}"),
        };
        let visible = |byte: u8| (0x20..=0x7e).contains(&byte);
        // An empty key, or one of spaces, would be the same for everything.
        if key.trim().is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(visible) {
            let message = format!("the idempotency key has to be 1 to {LONGEST_KEY} printable ASCII characters");
            return Err(Trouble::Failed(Failure::last("idempotency_key", message)));
        }
        Ok(key)
    }

    /// What an approver will see.
    pub(crate) fn request(&self, approval: &ApprovalStep) -> Result<ApprovalRequest, Trouble> {
        Ok(ApprovalRequest {
            title: self.shown(&approval.title, "title")?,
            description: approval.description.as_ref().map(|text| self.markdown(text, "description")).transpose()?,
            shows: approval
                .shows
                .iter()
                .map(|(label, value)| Ok((label.clone(), self.shown(value, &format!("shows.{label}"))?)))
                .collect::<Result<_, _>>()?,
            approvers: approval.approvers.clone(),
            quorum: approval.quorum,
            risk: approval.risk,
            fields: approval.fields.iter().map(|field| self.field(field)).collect::<Result<_, _>>()?,
            on_expiry: approval.on_expiry,
            on_reject: approval.on_reject,
        })
    }

    /// A field of a form, with what stands in it at first. A suggestion need not pass the field's check, as whoever
    /// decides can put it right; but it has to be something that such a field can hold.
    fn field(&self, field: &FormField) -> Result<AskedField, Trouble> {
        let what = |part: &str| format!("fields.{}.{part}", field.name);
        let default = match &field.default {
            None => Value::Null,
            Some(default) => {
                let value = self.json(default, &what("default"))?;
                form::suggested(field.kind, value).map_err(|why| Trouble::expression(&what("default"), why))?
            }
        };
        Ok(AskedField {
            name: field.name.clone(),
            kind: field.kind,
            label: match &field.label {
                Some(label) => self.shown(label, &what("label"))?,
                None => form::label_of(&field.name),
            },
            description: field.description.as_ref().map(|text| self.shown(text, &what("description"))).transpose()?,
            required: field.required,
            default,
            check: field.check.clone(),
        })
    }

    /// Markdown of the file in which values are text and nothing else.
    fn markdown(&self, template: &Template, what: &str) -> Result<String, Trouble> {
        self.names.next_evaluation();
        let text =
            template.evaluate_escaped(&self.names, &Limits::default(), &escape::markdown).map_err(|error| Trouble::of(what, &error))?;
        self.make_room(&Value::String(text.clone()), what)?;
        Ok(text)
    }

    /// A template with names that are not known yet: its text, in which their expressions stand as they are
    /// written, and the names. `None` when it can only fail, whatever the names will be.
    pub(crate) fn as_far_as_known(&self, template: &Template) -> Option<(String, Vec<String>)> {
        self.names.next_evaluation();
        let Known { value, unknown } = template.evaluate_known(&self.names, &Limits::default()).ok()?;
        Some((readable(&value), unknown.into_iter().collect()))
    }
}

fn scalar_text(value: Value, what: &str) -> Result<String, Trouble> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => Ok(readable(&value)),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Trouble::expression(what, format_args!("has to be text, a number or a boolean and is {}", kind_of(&value))))
        }
    }
}

/// About how many bytes a value takes as JSON.
pub(crate) fn size_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size_of(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, field)| name.len() + size_of(field) + 4).sum::<usize>() + 2,
    }
}

/// A value as it appears in a text: text as it is, JSON for the rest.
pub(crate) fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
