//! What `http.request` takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use url::Url;

use crate::{
    egress::{Body, Escape, OutgoingRequest},
    error::{CallError, CallErrorKind},
    text::Text,
};

/// The strings among the inputs that hold references to credentials, by their JSON pointer (RFC 6901),
/// such as `/headers/Authorization`. They stand in the place of the string found there, whatever it is.
pub type References = BTreeMap<String, Text>;

/// The statuses beside 2xx that are an answer and no error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptStatus(BTreeSet<u16>);

impl AcceptStatus {
    /// Whether this status was asked to be accepted.
    pub fn covers(&self, status: u16) -> bool {
        self.0.contains(&status)
    }
}

/// The arguments of one call, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    request_method: String,
    url: Url,
    headers: Vec<(String, Text)>,
    body: Body,
    follow_redirects: bool,
    /// The statuses beside 2xx that are an answer and no error.
    pub accept_status: AcceptStatus,
}

fn wrong<T>(message: impl Into<String>) -> Result<T, CallError> {
    Err(CallError::before(CallErrorKind::Arguments, message))
}

impl Arguments {
    /// Reads the inputs of a step: an object with `url` and, if wanted, `method` (`GET`), `headers`, `query`,
    /// one of `json`, `body` and `form`, `accept_status` (a status or a list of them) and `follow_redirects`
    /// (`false`). References may stand in `headers`, `json`, `body` and `form`.
    ///
    /// # Errors
    /// [`CallErrorKind::Arguments`] with a sentence that names the key.
    pub fn read(inputs: &Value, references: &References) -> Result<Self, CallError> {
        let Value::Object(inputs) = inputs else { return wrong("http.request takes named inputs.") };
        const KEYS: [&str; 9] = ["method", "url", "headers", "query", "json", "body", "form", "accept_status", "follow_redirects"];
        if let Some(unknown) = inputs.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return wrong(format!("http.request has no input {unknown:?}. It takes {}.", KEYS.join(", ")));
        }
        let mut places = Places { references, used: BTreeSet::new() };
        let headers = headers(inputs.get("headers"), &mut places)?;
        let (body, content_type) = body(inputs, &mut places)?;
        if let Some(unused) = references.keys().find(|pointer| !places.used.contains(pointer.as_str())) {
            let place = unused.trim_start_matches('/').replace('/', ".");
            return wrong(format!("A credential cannot stand in {place}: only in the values of headers, json, body and form."));
        }
        let mut arguments = Self {
            request_method: text(inputs, "method")?.unwrap_or("GET").to_ascii_uppercase(),
            url: url(inputs)?,
            headers,
            body,
            follow_redirects: match given(inputs, "follow_redirects") {
                None => false,
                Some(Value::Bool(follow)) => *follow,
                Some(_) => return wrong("follow_redirects has to be true or false."),
            },
            accept_status: accept_status(given(inputs, "accept_status"))?,
        };
        if let Some(content_type) = content_type
            && !arguments.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            arguments.headers.push(("content-type".to_owned(), content_type.into()));
        }
        Ok(arguments)
    }

    /// The complete URL, with the query; holds no credential.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The method in capitals.
    pub fn method(&self) -> &str {
        &self.request_method
    }

    /// The host that is called, for messages.
    pub(super) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// The request for the egress.
    pub fn into_request(self) -> OutgoingRequest {
        OutgoingRequest {
            method: self.request_method,
            url: self.url.into(),
            headers: self.headers,
            body: self.body,
            follow_redirects: self.follow_redirects,
        }
    }
}

/// An input that is there and not null.
fn given<'i>(inputs: &'i Map<String, Value>, key: &str) -> Option<&'i Value> {
    inputs.get(key).filter(|value| !value.is_null())
}

fn text<'i>(inputs: &'i Map<String, Value>, key: &str) -> Result<Option<&'i str>, CallError> {
    match given(inputs, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => wrong(format!("{key} has to be a text.")),
    }
}

fn url(inputs: &Map<String, Value>) -> Result<Url, CallError> {
    let Some(address) = text(inputs, "url")? else { return wrong("http.request needs a url.") };
    let Ok(mut url) = Url::parse(address) else {
        return wrong("The url is not a complete address such as https://example.com/orders.");
    };
    let Some(query) = given(inputs, "query") else { return Ok(url) };
    let Value::Object(query) = query else { return wrong("query has to be names with values.") };
    if url.cannot_be_a_base() {
        return wrong("The url is not a complete address such as https://example.com/orders.");
    }
    let mut pairs = Vec::new();
    for (name, value) in query {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            if let Some(value) = scalar(value, &format!("query.{name}"))? {
                pairs.push((name, value));
            }
        }
    }
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(url)
}

/// A text, number or boolean as text; null is left out.
fn scalar(value: &Value, place: &str) -> Result<Option<String>, CallError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => wrong(format!("{place} has to be a text, a number or a boolean.")),
    }
}

/// Hands out the references, and remembers which were asked for.
struct Places<'r> {
    references: &'r References,
    used: BTreeSet<&'r str>,
}

impl<'r> Places<'r> {
    fn at(&mut self, pointer: &str) -> Option<&'r Text> {
        let (pointer, text) = self.references.get_key_value(pointer)?;
        self.used.insert(pointer);
        Some(text)
    }

    /// The entries of an object of scalars, in order, with references in their places.
    fn entries(&mut self, value: &Value, place: &str) -> Result<Vec<(String, Text)>, CallError> {
        let Value::Object(map) = value else { return wrong(format!("{place} has to be names with values.")) };
        let mut entries = Vec::new();
        for (name, value) in map {
            if let Some(text) = self.at(&format!("/{place}/{}", token(name))) {
                entries.push((name.clone(), text.clone()));
            } else if let Some(text) = scalar(value, &format!("{place}.{name}"))? {
                entries.push((name.clone(), text.into()));
            }
        }
        Ok(entries)
    }
}

/// A key as a token of a JSON pointer (RFC 6901 §3).
fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn headers(headers: Option<&Value>, places: &mut Places<'_>) -> Result<Vec<(String, Text)>, CallError> {
    match headers {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(headers) => places.entries(headers, "headers"),
    }
}

/// The body and the type it has unless a header field says otherwise.
fn body(inputs: &Map<String, Value>, places: &mut Places<'_>) -> Result<(Body, Option<&'static str>), CallError> {
    // `json: null` is the JSON value null and a body; the other two are left out when null.
    let (json, plain, form) = (inputs.get("json"), given(inputs, "body"), given(inputs, "form"));
    let mut body = Body::empty();
    match (json, plain, form) {
        (None, None, None) => Ok((body, None)),
        (Some(json), None, None) => {
            let mut written = JsonBody { body: Body::empty(), text: String::new() };
            written.write(json, "/json", places)?;
            Ok((written.finish(), Some("application/json")))
        }
        (None, Some(value), None) => {
            match (places.at("/body"), value) {
                (Some(text), _) => body.push_text(text, Escape::Plain),
                (None, Value::String(text)) => body.push_bytes(text.clone().into_bytes()),
                (None, _) => return wrong("body has to be a text; for anything else there are json and form."),
            }
            Ok((body, Some("text/plain; charset=utf-8")))
        }
        (None, None, Some(form)) => {
            for (index, (name, text)) in places.entries(form, "form")?.iter().enumerate() {
                if index > 0 {
                    body.push_bytes(&b"&"[..]);
                }
                body.push_text(&name.as_str().into(), Escape::Form);
                body.push_bytes(&b"="[..]);
                body.push_text(text, Escape::Form);
            }
            Ok((body, Some("application/x-www-form-urlencoded")))
        }
        _ => wrong("Only one of json, body and form can be given."),
    }
}

/// A JSON text as it grows, cut where credentials stand.
struct JsonBody {
    body: Body,
    text: String,
}

impl JsonBody {
    fn write(&mut self, value: &Value, pointer: &str, places: &mut Places<'_>) -> Result<(), CallError> {
        if let Some(text) = places.at(pointer) {
            self.text.push('"');
            self.body.push_bytes(std::mem::take(&mut self.text));
            self.body.push_text(text, Escape::JsonString);
            self.text.push('"');
            return Ok(());
        }
        match value {
            Value::Array(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.write(item, &format!("{pointer}/{index}"), places)?;
                }
                self.text.push(']');
            }
            Value::Object(map) => {
                self.text.push('{');
                for (index, (key, item)) in map.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.text.push_str(&Value::from(key.as_str()).to_string());
                    self.text.push(':');
                    self.write(item, &format!("{pointer}/{}", token(key)), places)?;
                }
                self.text.push('}');
            }
            scalar => self.text.push_str(&scalar.to_string()),
        }
        Ok(())
    }

    fn finish(mut self) -> Body {
        if !self.text.is_empty() {
            self.body.push_bytes(self.text);
        }
        self.body
    }
}

fn accept_status(value: Option<&Value>) -> Result<AcceptStatus, CallError> {
    let statuses = match value {
        None => return Ok(AcceptStatus::default()),
        Some(Value::Array(statuses)) => statuses.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    statuses
        .iter()
        .map(|status| status.as_u64().and_then(|status| u16::try_from(status).ok()).filter(|status| (100..600).contains(status)))
        .collect::<Option<_>>()
        .map(AcceptStatus)
        .map_or_else(|| wrong("accept_status has to be a status between 100 and 599, or a list of them."), Ok)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{egress::BodyPart, text::Piece};

    fn read(inputs: &Value) -> Result<Arguments, CallError> {
        Arguments::read(inputs, &References::new())
    }

    fn reference(pointer: &str) -> References {
        let text = Text::new(vec![Piece::Text("a\"".into()), Piece::Credential("key".into())]);
        References::from([(pointer.to_owned(), text)])
    }

    fn sent(arguments: &Arguments) -> String {
        let part = |part: &BodyPart| match part {
            BodyPart::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            BodyPart::Credential(name, _) => format!("<{name}>"),
        };
        arguments.body.parts().iter().map(part).collect()
    }

    #[test]
    fn a_get_is_the_least_that_can_be_asked() {
        let request = read(&json!({"url": "https://example.com/a", "json": null}));
        assert!(request.is_ok_and(|arguments| sent(&arguments) == "null"), "an explicit null is a JSON body");
        let request = read(&json!({"url": "https://example.com/a", "headers": null, "body": null})).unwrap().into_request();
        assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "https://example.com/a"));
        assert!(request.headers.is_empty() && request.body.parts().is_empty() && !request.follow_redirects);
    }

    #[test]
    fn the_query_is_encoded_and_added() {
        let inputs = json!({"url": "https://example.com/a?x=1", "query": {"q": "a b&c", "n": 2, "no": null, "list": ["u", 3.5, true]}});
        assert_eq!(read(&inputs).unwrap().url(), "https://example.com/a?x=1&q=a+b%26c&n=2&list=u&list=3.5&list=true");
    }

    #[test]
    fn bodies_are_written_in_their_form() {
        let json = read(&json!({"url": "https://e.com", "method": "post", "json": {"b": [1, 2.5, {"x": "\"\n"}], "a": null}})).unwrap();
        assert_eq!(sent(&json), r#"{"b":[1,2.5,{"x":"\"\n"}],"a":null}"#);
        assert_eq!((json.method(), json.headers.as_slice()), ("POST", &[("content-type".into(), Text::from("application/json"))][..]));
        let form = read(&json!({"url": "https://e.com", "form": {"a b": "c&d", "n": 1}})).unwrap();
        assert_eq!(sent(&form), "a+b=c%26d&n=1");
        let own = read(&json!({"url": "https://e.com", "headers": {"Content-Type": "text/csv"}, "body": "a,b"})).unwrap();
        assert_eq!(own.headers, [("Content-Type".to_owned(), Text::from("text/csv"))]);
    }

    #[test]
    fn a_reference_stands_where_it_was_written() {
        for (inputs, pointer, body) in [
            (json!({"json": {"a/b": ["x", "y"]}}), "/json/a~1b/1", r#"{"a/b":["x","a\"<key>"]}"#),
            (json!({"body": "x"}), "/body", "a\"<key>"),
            (json!({"form": {"k": "x", "l": "y"}}), "/form/k", "k=a%22<key>&l=y"),
        ] {
            let mut inputs = inputs;
            inputs["url"] = "https://e.com".into();
            assert_eq!(sent(&Arguments::read(&inputs, &reference(pointer)).unwrap()), body);
        }
        let inputs = json!({"url": "https://e.com", "headers": {"Authorization": "x"}});
        let arguments = Arguments::read(&inputs, &reference("/headers/Authorization")).unwrap();
        assert_eq!(arguments.headers[0].1.credentials().collect::<Vec<_>>(), ["key"]);
    }

    #[test]
    fn text_that_looks_like_a_reference_is_text() {
        let inputs = json!({"url": "https://e.com", "json": {"note": "cred://key"}, "headers": {"X": "cred://key"}});
        let arguments = read(&inputs).unwrap();
        assert_eq!(sent(&arguments), r#"{"note":"cred://key"}"#);
        assert_eq!(arguments.headers[0].1.credentials().count(), 0);
    }

    #[test]
    fn a_reference_in_an_address_is_refused() {
        let inputs = json!({"url": "https://e.com", "query": {"key": "x"}, "json": {"a": 1}});
        for pointer in ["/url", "/query/key", "/method", "/json/b"] {
            assert!(Arguments::read(&inputs, &reference(pointer)).is_err(), "{pointer}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (inputs, word) in [
            (json!([]), "named"),
            (json!({}), "url"),
            (json!({"url": 5}), "url"),
            (json!({"url": "orders"}), "url"),
            (json!({"url": "https://e.com", "jsn": 1}), "jsn"),
            (json!({"url": "https://e.com", "json": 1, "body": "x"}), "one of"),
            (json!({"url": "https://e.com", "body": {"a": 1}}), "body"),
            (json!({"url": "https://e.com", "form": [1]}), "form"),
            (json!({"url": "https://e.com", "form": {"a": {}}}), "form.a"),
            (json!({"url": "https://e.com", "headers": {"a": [1]}}), "headers.a"),
            (json!({"url": "https://e.com", "query": "a=b"}), "query"),
            (json!({"url": "mailto:a@b.c", "query": {"a": "b"}}), "url"),
            (json!({"url": "https://e.com", "accept_status": "404"}), "accept_status"),
            (json!({"url": "https://e.com", "accept_status": [404, 700]}), "accept_status"),
            (json!({"url": "https://e.com", "follow_redirects": "yes"}), "follow_redirects"),
        ] {
            let error = read(&inputs).unwrap_err();
            assert!(error.message.contains(word), "{inputs}: {error}");
        }
    }
}
