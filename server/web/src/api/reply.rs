//! What an operation gives: each kind makes an answer, and says in the document what it is.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION},
    },
};
use futures_util::Stream;
use platform::{Error, idempotency::Answer};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Result,
    schema::{Components, Operation},
};

const JSON: &str = "application/json";
/// Says that an answer was given before, to the same request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Something an operation gives.
pub(crate) trait Reply: Sized {
    /// Whether the answer to a request that is done once may be kept for a day; not when it holds a secret.
    const MAY_BE_KEPT: bool = true;

    /// Makes the answer.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, which is a defect.
    fn into_sent(self) -> Result<Sent>;

    /// Says what it is.
    fn describe(operation: &mut Operation, components: &mut Components);
}

/// An answer on its way.
pub(crate) struct Sent {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    content: Content,
}

enum Content {
    Nothing,
    Json(String),
    Stream(HttpResponse),
}

/// 200 with a value.
pub(crate) struct Json<T>(pub T);

/// 200 with a value and its tag.
pub(crate) struct Tagged<T> {
    pub tag: String,
    pub value: T,
}

/// 201 with a value, and the address of what was made.
pub(crate) struct Created<T> {
    pub location: String,
    pub value: T,
}

/// 201 with a secret, which is given once and kept nowhere.
pub(crate) struct GivenOnce<T>(pub T);

/// 204: it is done, and there is nothing more to say.
pub(crate) struct Done;

/// 200 with lines that come one after another.
pub(crate) struct Lines(pub HttpResponse);

/// 200 with a file, whole or as it is read.
pub(crate) struct File(pub HttpResponse);

impl File {
    /// An answer that browsers and programs keep under this name.
    pub(crate) fn named(name: &str, content_type: &str) -> HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, content_type));
        response.insert_header(("content-disposition", format!("attachment; filename=\"{name}\"")));
        response
    }
}

/// What the lines of a file are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LinesKind {
    /// A JSON object each.
    Json,
    /// Rows of a table.
    Table,
}

impl LinesKind {
    const ALL: [Self; 2] = [Self::Json, Self::Table];

    /// The media type, without what it may say of itself.
    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/jsonl",
            Self::Table => "text/csv",
        }
    }
}

impl Lines {
    /// A file of lines.
    pub(crate) fn file<S>(name: &str, kind: LinesKind, lines: S) -> Self
    where
        S: Stream<Item = std::result::Result<actix_web::web::Bytes, actix_web::Error>> + 'static,
    {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, format!("{}; charset=utf-8", kind.media_type())));
        response.insert_header(("content-disposition", format!("attachment; filename=\"{name}\"")));
        Self(response.streaming(lines))
    }
}

fn json<T: Serialize>(status: StatusCode, headers: Vec<(HeaderName, String)>, value: &T) -> Result<Sent> {
    let text = serde_json::to_string(value).map_err(|error| Error::Broken(format!("an answer cannot be written: {error}")))?;
    Ok(Sent { status, headers, content: Content::Json(text) })
}

fn content<T: JsonSchema>(components: &mut Components, description: &str) -> Value {
    let schema = components.given::<T>();
    json!({"description": description, "content": {JSON: {"schema": schema}}})
}

fn header(answer: &mut Value, name: &str, description: &str) {
    if let Some(answer) = answer.as_object_mut() {
        let headers = answer.entry("headers").or_insert_with(|| json!({}));
        if let Some(headers) = headers.as_object_mut() {
            headers.insert(name.to_owned(), json!({"description": description, "schema": {"type": "string"}}));
        }
    }
}

impl<T: Serialize + JsonSchema> Reply for Json<T> {
    fn into_sent(self) -> Result<Sent> {
        json(StatusCode::OK, Vec::new(), &self.0)
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        operation.answers.push((200, content::<T>(components, "It is answered.")));
    }
}

impl<T: Serialize + JsonSchema> Reply for Tagged<T> {
    fn into_sent(self) -> Result<Sent> {
        json(StatusCode::OK, vec![(ETAG, format!("\"{}\"", self.tag))], &self.value)
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        let mut answer = content::<T>(components, "It is answered.");
        header(&mut answer, "ETag", "Another one after every change; send it back in If-Match to change exactly this.");
        operation.answers.push((200, answer));
    }
}

impl<T: Serialize + JsonSchema> Reply for Created<T> {
    fn into_sent(self) -> Result<Sent> {
        json(StatusCode::CREATED, vec![(LOCATION, self.location)], &self.value)
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        let mut answer = content::<T>(components, "It is made.");
        header(&mut answer, "Location", "The address of what was made.");
        operation.answers.push((201, answer));
    }
}

impl<T: Serialize + JsonSchema> Reply for GivenOnce<T> {
    const MAY_BE_KEPT: bool = false;

    fn into_sent(self) -> Result<Sent> {
        json(StatusCode::CREATED, Vec::new(), &self.0)
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        operation.answers.push((201, content::<T>(components, "It is made, and shown this once.")));
    }
}

impl Reply for Done {
    fn into_sent(self) -> Result<Sent> {
        Ok(Sent { status: StatusCode::NO_CONTENT, headers: Vec::new(), content: Content::Nothing })
    }

    fn describe(operation: &mut Operation, _components: &mut Components) {
        operation.answers.push((204, json!({"description": "It is done."})));
    }
}

impl Reply for File {
    const MAY_BE_KEPT: bool = false;

    fn into_sent(self) -> Result<Sent> {
        Ok(Sent { status: StatusCode::OK, headers: Vec::new(), content: Content::Stream(self.0) })
    }

    fn describe(operation: &mut Operation, _components: &mut Components) {
        let types = ["application/json", "application/yaml", "application/zip", "text/markdown"];
        let content: Map<String, Value> = types.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect();
        operation.answers.push((200, json!({"description": "A file.", "content": content})));
    }
}

impl Reply for Lines {
    const MAY_BE_KEPT: bool = false;

    fn into_sent(self) -> Result<Sent> {
        Ok(Sent { status: StatusCode::OK, headers: Vec::new(), content: Content::Stream(self.0) })
    }

    fn describe(operation: &mut Operation, _components: &mut Components) {
        let content: Map<String, Value> =
            LinesKind::ALL.iter().map(|kind| (kind.media_type().to_owned(), json!({"schema": {"type": "string"}}))).collect();
        operation
            .answers
            .push((200, json!({"description": "Line by line: one JSON object each, or the rows of a table.", "content": content})));
    }
}

impl Sent {
    /// What is kept of the answer for whoever repeats the request; nothing of a stream.
    pub(crate) fn kept(&self) -> Option<Answer> {
        let body = match &self.content {
            Content::Nothing => String::new(),
            Content::Json(text) => text.clone(),
            Content::Stream(_) => return None,
        };
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.as_str().to_owned(), Value::from(value.as_str()))).collect();
        Some(Answer { status: self.status.as_u16(), headers: Value::Object(headers), body })
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in self.headers {
            response.insert_header((name, value));
        }
        match self.content {
            Content::Nothing => response.finish(),
            Content::Json(text) => response.insert_header((CONTENT_TYPE, JSON)).body(text),
            Content::Stream(response) => response,
        }
    }
}

/// An answer that was given before.
pub(crate) fn again(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK));
    for (name, value) in answer.headers.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            response.insert_header((name.as_str(), value));
        }
    }
    response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    if answer.body.is_empty() { response.finish() } else { response.insert_header((CONTENT_TYPE, JSON)).body(answer.body.clone()) }
}
