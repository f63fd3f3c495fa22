//! What an operation takes besides the one who asks: parts of the path, the query, a JSON body, conditions. Each kind reads
//! itself from the request and says in the document what it is.

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH},
    web::Bytes,
};
use domain::Problem;
use percent_encoding::percent_decode_str;
use platform::expected::Expected;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    Result,
    schema::{Components, Operation},
};
use crate::{body::Fields, form};

/// A request whose body was read.
pub(crate) struct Asked<'r> {
    pub(crate) request: &'r HttpRequest,
    pub(crate) body: Bytes,
}

/// Something an operation takes.
pub(crate) trait Ask: Sized {
    /// Whether it takes a body.
    const HAS_BODY: bool = false;
    /// Whether it takes a query; else one is refused, so that nobody believes in a filter that is none.
    const HAS_QUERY: bool = false;
    /// The most the body may have, in bytes: as a rule a workflow file of a mebibyte with every line end and quote escaped.
    const LONGEST_BODY: usize = 2 * 1024 * 1024;

    /// Takes it from the request.
    ///
    /// # Errors
    /// The problem to answer with.
    fn take(asked: &Asked<'_>) -> Result<Self>;

    /// Says what it is.
    fn describe(operation: &mut Operation, components: &mut Components);
}

/// A variable part of a path. A text that is none answers 404: there is no such thing.
pub(crate) trait PathPart: JsonSchema + Sized {
    fn read(text: &str) -> Option<Self>;
}

/// The variable parts of the path, in their order.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

/// The query; unknown names are refused.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

/// A JSON body; unknown members are refused where the type says so.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

/// The archive of a bundle as it is, a zip or a tar.gz.
#[derive(Debug)]
pub(crate) struct Archive(pub Vec<u8>);

/// What the request expects to find, from `If-Match` or `If-None-Match`. One of them must be there.
#[derive(Debug)]
pub(crate) struct Conditions(pub Expected);

impl Ask for () {
    fn take(_asked: &Asked<'_>) -> Result<Self> {
        Ok(())
    }

    fn describe(_operation: &mut Operation, _components: &mut Components) {}
}

/// One part or a tuple of them.
pub(crate) trait PathParts: Sized {
    fn read(parts: &[String]) -> Option<Self>;
    fn schemas(components: &mut Components) -> Vec<Value>;
}

impl<T: PathPart> PathParts for T {
    fn read(parts: &[String]) -> Option<Self> {
        let [part] = parts else { return None };
        T::read(part)
    }

    fn schemas(components: &mut Components) -> Vec<Value> {
        vec![components.asked::<T>()]
    }
}

impl<A: PathPart, B: PathPart> PathParts for (A, B) {
    fn read(parts: &[String]) -> Option<Self> {
        let [first, second] = parts else { return None };
        Some((A::read(first)?, B::read(second)?))
    }

    fn schemas(components: &mut Components) -> Vec<Value> {
        vec![components.asked::<A>(), components.asked::<B>()]
    }
}

impl<T: PathParts> Ask for Path<T> {
    fn take(asked: &Asked<'_>) -> Result<Self> {
        let decoded = |value: &str| Some(percent_decode_str(value).decode_utf8().ok()?.into_owned());
        let parts: Option<Vec<String>> = asked.request.match_info().iter().map(|(_, value)| decoded(value)).collect();
        parts.and_then(|parts| T::read(&parts)).map(Self).ok_or_else(|| Problem::not_found("thing").into())
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        for (name, schema) in operation.path_names.clone().into_iter().zip(T::schemas(components)) {
            operation.parameter("path", name, true, schema, None);
        }
        operation.problems(&[404]);
    }
}

impl<T: DeserializeOwned + JsonSchema> Ask for Query<T> {
    const HAS_QUERY: bool = true;

    fn take(asked: &Asked<'_>) -> Result<Self> {
        let fields = Fields::from_urlencoded(asked.request.query_string().as_bytes())?;
        if fields.0.iter().any(|(_, value)| value.contains('\0')) {
            return Err(not_text().into());
        }
        if let Some((name, _)) = fields.0.iter().find(|(_, value)| value.is_empty()) {
            return Err(Problem::field(name.clone(), format!("`{name}` is empty. Leave it out.")).into());
        }
        Ok(Self(form::parse(fields).map_err(form::Mismatch::of_query)?))
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        for (name, required, schema) in components.fields::<T>() {
            operation.parameter("query", &name, required, schema, None);
        }
    }
}

fn not_text() -> Problem {
    Problem::new(422, "not_text", "A text has a null character in it.")
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_null(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A struct could be written as a list of its members too, which nobody means.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::new(422, "invalid", "The body is a JSON object."));
    }
    let read = serde_json::from_slice::<T>(body).map_err(|error| {
        if error.is_data() {
            Problem::new(422, "invalid", format!("The body does not fit: {error}."))
        } else {
            Problem::new(400, "broken_json", format!("The body is not JSON: {error}."))
        }
    })?;
    // Only an escape can hold one, so most bodies are read once.
    if body.windows(6).any(|window| window == b"\\u0000") && serde_json::from_slice(body).is_ok_and(|value: Value| has_null(&value)) {
        return Err(not_text());
    }
    Ok(read)
}

/// The content type without its parameters, in small letters.
fn essence(request: &HttpRequest) -> String {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How an archive begins that is of the type it says.
const ARCHIVE_TYPES: &[(&str, &[u8])] = &[("application/zip", b"PK"), ("application/gzip", b"\x1f\x8b")];

impl Ask for Archive {
    const HAS_BODY: bool = true;
    const LONGEST_BODY: usize = platform::workflows::bundles::MAX_ARCHIVE;

    fn take(asked: &Asked<'_>) -> Result<Self> {
        let essence = essence(asked.request);
        let wrong = |words: &str| Problem::new(415, "wrong_content_type", words);
        let Some((_, beginning)) = ARCHIVE_TYPES.iter().find(|(known, _)| *known == essence) else {
            return Err(wrong("Send the archive itself as application/zip or application/gzip.").into());
        };
        if !asked.body.starts_with(beginning) {
            return Err(wrong("The body is not the archive that its content type says.").into());
        }
        Ok(Self(asked.body.to_vec()))
    }

    fn describe(operation: &mut Operation, _components: &mut Components) {
        let types: Map<String, Value> = ARCHIVE_TYPES.iter().map(|(name, _)| ((*name).to_owned(), json!({}))).collect();
        operation.body = Some(json!({"required": true, "content": types}));
        operation.problems(&[400, 408, 413, 415, 422]);
    }
}

impl<T: DeserializeOwned + JsonSchema> Ask for Body<T> {
    const HAS_BODY: bool = true;

    fn take(asked: &Asked<'_>) -> Result<Self> {
        if essence(asked.request) != "application/json" {
            return Err(Problem::new(415, "wrong_content_type", "Send the body as application/json.").into());
        }
        Ok(Self(read_json(&asked.body)?))
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        let schema = components.asked::<T>();
        operation.body = Some(json!({"required": true, "content": {"application/json": {"schema": schema}}}));
        operation.problems(&[400, 408, 413, 415, 422]);
    }
}

/// The tags of a header such as `"a", "b"` or `*`. Weak ones do not count here (RFC 9110, 13.1.1).
fn tags(request: &HttpRequest, name: &HeaderName) -> Result<Option<Vec<String>>, Problem> {
    let mut values = request.headers().get_all(name).peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let wrong = || Problem::new(400, "broken_condition", format!("The header {name} is `*`, or a list of tags in quotes."));
    let mut tags = Vec::new();
    for value in values {
        for tag in value.to_str().map_err(|_| wrong())?.split(',').map(str::trim) {
            let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match (tag, inner) {
                ("*", _) => tags.push("*".to_owned()),
                (_, Some(inner)) if !inner.contains('"') => tags.push(inner.to_owned()),
                _ if tag.starts_with("W/\"") && tag.ends_with('"') => {}
                _ => return Err(wrong()),
            }
        }
    }
    Ok(Some(tags))
}

impl Ask for Conditions {
    fn take(asked: &Asked<'_>) -> Result<Self> {
        let expected = match (tags(asked.request, &IF_MATCH)?, tags(asked.request, &IF_NONE_MATCH)?) {
            (Some(tags), None) if tags == ["*"] => Expected::Something,
            (Some(tags), None) => Expected::Tagged(tags),
            (None, Some(tags)) if tags == ["*"] => Expected::Nothing,
            (None, None) => {
                return Err(Problem::new(
                    428,
                    "condition_needed",
                    "Say what you expect to find: If-Match with the ETag you were given, or If-None-Match: * to make a new one.",
                )
                .into());
            }
            _ => return Err(Problem::new(400, "broken_condition", "Send either If-Match, or If-None-Match: *.").into()),
        };
        Ok(Self(expected))
    }

    fn describe(operation: &mut Operation, _components: &mut Components) {
        let text = || json!({"type": "string"});
        operation.parameter("header", "If-Match", false, text(), Some("The ETag of what is to be changed, as it was given."));
        operation.parameter("header", "If-None-Match", false, text(), Some("`*` when nothing is expected to be there."));
        operation.problems(&[400, 412, 428]);
    }
}

const fn larger(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

impl<A: Ask, B: Ask> Ask for (A, B) {
    const HAS_BODY: bool = A::HAS_BODY || B::HAS_BODY;
    const HAS_QUERY: bool = A::HAS_QUERY || B::HAS_QUERY;
    const LONGEST_BODY: usize = larger(A::LONGEST_BODY, B::LONGEST_BODY);

    fn take(asked: &Asked<'_>) -> Result<Self> {
        Ok((A::take(asked)?, B::take(asked)?))
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        A::describe(operation, components);
        B::describe(operation, components);
    }
}

impl<A: Ask, B: Ask, C: Ask> Ask for (A, B, C) {
    const HAS_BODY: bool = A::HAS_BODY || B::HAS_BODY || C::HAS_BODY;
    const HAS_QUERY: bool = A::HAS_QUERY || B::HAS_QUERY || C::HAS_QUERY;
    const LONGEST_BODY: usize = larger(A::LONGEST_BODY, larger(B::LONGEST_BODY, C::LONGEST_BODY));

    fn take(asked: &Asked<'_>) -> Result<Self> {
        Ok((A::take(asked)?, B::take(asked)?, C::take(asked)?))
    }

    fn describe(operation: &mut Operation, components: &mut Components) {
        A::describe(operation, components);
        B::describe(operation, components);
        C::describe(operation, components);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
    }

    #[test]
    fn a_body_is_the_type_and_nothing_else() {
        let read =
            |body: &str| read_json::<Sample>(body.as_bytes()).map(|read| read.name).map_err(|problem| (problem.status, problem.code));
        assert_eq!(read(r#"{"name": "a\\u0000"}"#), Ok("a\\u0000".to_owned()));
        assert_eq!(read(""), Err((400, "broken_json")));
        assert_eq!(read("{"), Err((400, "broken_json")));
        for wrong in [r#"["a"]"#, r#"{"name": 1}"#, "{}", "[]", "null", r#"{"name": "a", "more": 1}"#, r#"{"name": "a", "name": "b"}"#] {
            assert_eq!(read(wrong), Err((422, "invalid")), "{wrong}");
        }
        assert_eq!(read(r#"{"name": "a\u0000"}"#), Err((422, "not_text")));
    }

    fn expected(headers: &[(&'static str, &'static str)]) -> Result<Expected, u16> {
        let request = headers.iter().fold(TestRequest::default(), |request, header| request.insert_header(*header)).to_http_request();
        let asked = Asked { request: &request, body: Bytes::new() };
        Conditions::take(&asked).map(|conditions| conditions.0).map_err(|error| error.problem().status)
    }

    #[test]
    fn an_archive_is_of_the_type_that_it_says() {
        let read = |content_type: &'static str, body: &'static [u8]| {
            let request = TestRequest::default().insert_header((CONTENT_TYPE, content_type)).to_http_request();
            let asked = Asked { request: &request, body: Bytes::from_static(body) };
            Archive::take(&asked).map(|archive| archive.0).map_err(|error| error.problem().status)
        };
        assert_eq!(read("application/zip", b"PK\x03\x04"), Ok(b"PK\x03\x04".to_vec()));
        assert_eq!(read("Application/GZIP; x=y", b"\x1f\x8b\x08"), Ok(b"\x1f\x8b\x08".to_vec()));
        for (content_type, body) in [
            ("application/json", &b"{\"archive\": \"/etc/passwd\"}"[..]),
            ("application/json", b"PK\x03\x04"),
            ("application/zip", b"{}"),
            ("application/zip", b"\x1f\x8b\x08"),
            ("application/gzip", b"PK\x03\x04"),
            ("multipart/form-data", b"PK\x03\x04"),
            ("", b"PK\x03\x04"),
        ] {
            assert_eq!(read(content_type, body), Err(415), "{content_type}");
        }
    }

    #[test]
    fn conditions_are_tags_in_quotes_or_a_star() {
        let tagged = |tags: &[&str]| Ok(Expected::Tagged(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        assert_eq!(expected(&[("if-match", "\"a\"")]), tagged(&["a"]));
        assert_eq!(expected(&[("if-match", "\"a\" , \"b\"")]), tagged(&["a", "b"]));
        assert_eq!(expected(&[("if-match", "W/\"a\"")]), tagged(&[]), "a weak tag never matches");
        assert_eq!(expected(&[("if-match", "*")]), Ok(Expected::Something));
        assert_eq!(expected(&[("if-none-match", "*")]), Ok(Expected::Nothing));
        assert_eq!(expected(&[]), Err(428));
        for wrong in [("if-match", "a"), ("if-match", ""), ("if-match", "\"a"), ("if-none-match", "\"a\"")] {
            assert_eq!(expected(&[wrong]), Err(400), "{wrong:?}");
        }
        assert_eq!(expected(&[("if-match", "*"), ("if-none-match", "*")]), Err(400));
    }
}
