//! The body of an unsafe request: bounded, of a form's content type, taken apart into fields.
//!
//! Both kinds of forms are read, `application/x-www-form-urlencoded` and `multipart/form-data` (a file is the text of its
//! field). Turning fields into a type is `form.rs`.

use std::borrow::Cow;

use actix_web::{
    dev::Payload,
    http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
};
use domain::Problem;
use futures_util::StreamExt;
use percent_encoding::percent_decode;

/// The most a form may have, in bytes.
const LONGEST_FORM: usize = 1024 * 1024;
/// What the frame of a form with a file may have beyond that.
const FRAME: usize = 16 * 1024;
/// The most fields a form may have.
const MOST_FIELDS: usize = 1_000;

/// A form as it was sent: names and values in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// The fields of a text such as `a=1&b=2`, the form of a query and of a simple body.
    ///
    /// # Errors
    /// 422 when a name or value is not UTF-8, or when there are too many.
    pub(crate) fn from_urlencoded(text: &[u8]) -> Result<Self, Problem> {
        let mut fields = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| {
                let (name, value) = pair.split_at(at);
                (name, value.get(1..).unwrap_or_default())
            });
            fields.push((decoded(name)?, decoded(value)?));
            if fields.len() > MOST_FIELDS {
                return Err(too_many());
            }
        }
        Ok(Self(fields))
    }

    /// Takes the values of a field out.
    pub(crate) fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|(field, _)| field == name);
        self.0 = kept;
        taken.into_iter().map(|(_, value)| value).collect()
    }
}

fn too_many() -> Problem {
    Problem::new(422, "invalid", format!("A form may have at most {MOST_FIELDS} fields."))
}

fn not_text() -> Problem {
    Problem::new(422, "not_text", "The form holds something that is not text in UTF-8. Save the file as UTF-8 and send it again.")
}

fn too_large() -> Problem {
    Problem::new(413, "too_large", "What was sent is larger than 1 MiB. Send less at a time.")
}

fn wrong_type() -> Problem {
    Problem::new(415, "wrong_content_type", "Only forms are taken here: application/x-www-form-urlencoded or multipart/form-data.")
}

fn broken(what: &str) -> Problem {
    Problem::new(422, "broken_form", format!("The form cannot be read: {what}."))
}

/// `+` is a space and `%41` a sign; what it makes must be UTF-8.
fn decoded(text: &[u8]) -> Result<String, Problem> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Cow<'_, [u8]> = percent_decode(&spaced).into();
    String::from_utf8(bytes.into_owned()).map_err(|_| not_text())
}

/// What kind of body a request announces.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// None at all; a button without fields.
    Nothing,
    UrlEncoded,
    Multipart {
        boundary: String,
    },
}

fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Kind::Nothing) };
    let value = value.to_str().map_err(|_| wrong_type())?;
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => Ok(Kind::UrlEncoded),
        "multipart/form-data" => {
            let boundary =
                parameter(parameters, "boundary").filter(|boundary| (1..=70).contains(&boundary.len())).ok_or_else(wrong_type)?;
            Ok(Kind::Multipart { boundary })
        }
        _ => Err(wrong_type()),
    }
}

/// A parameter of a header value such as `form-data; name="x"`: the text after its name, without quotes.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return None;
        }
        let (found, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            quoted.split_once('"')?
        } else {
            after.split_at(after.find(';').unwrap_or(after.len()))
        };
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = after;
    }
}

/// Reads the body of a request as a form.
///
/// # Errors
/// 413 when it is too large, 415 when it is no form, 422 when it is none that can be read.
pub(crate) async fn read(headers: &HeaderMap, payload: &mut Payload) -> Result<Fields, Problem> {
    let kind = kind(headers)?;
    let most = if matches!(kind, Kind::Multipart { .. }) { LONGEST_FORM + FRAME } else { LONGEST_FORM };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| broken("it ended too early"))?;
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    match kind {
        Kind::Nothing if body.is_empty() => Ok(Fields::default()),
        Kind::Nothing => Err(wrong_type()),
        Kind::UrlEncoded => Fields::from_urlencoded(&body),
        Kind::Multipart { boundary } => multipart(&body, &boundary),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let position = find(bytes, at)?;
    Some((bytes.get(..position)?, bytes.get(position + at.len()..)?))
}

/// The parts of a form with files (RFC 7578). Names of files and types of parts are of no interest here.
fn multipart(body: &[u8], boundary: &str) -> Result<Fields, Problem> {
    let opening = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(opening.as_bytes()).ok_or_else(|| broken("it does not begin with its boundary"))?;
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(Fields(fields));
        }
        rest = rest.strip_prefix(b"\r\n").ok_or_else(|| broken("a boundary is not followed by a part"))?;
        let (head, after) = split(rest, b"\r\n\r\n").ok_or_else(|| broken("a part has no end of its head"))?;
        let (value, after) = split(after, between.as_bytes()).ok_or_else(|| broken("a part does not end"))?;
        let head = std::str::from_utf8(head).map_err(|_| not_text())?;
        let name = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(header, _)| header.eq_ignore_ascii_case("content-disposition"))
            .and_then(|(_, value)| parameter(value.trim().strip_prefix("form-data")?, "name"))
            .ok_or_else(|| broken("a part has no name"))?;
        fields.push((name, String::from_utf8(value.to_vec()).map_err(|_| not_text())?));
        if fields.len() > MOST_FIELDS {
            return Err(too_many());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use futures_util::stream;

    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    async fn read_as(content_type: Option<&'static str>, body: Vec<u8>) -> Result<Fields, u16> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let chunks: Vec<Result<_, actix_web::error::PayloadError>> =
            body.chunks(1000).map(|chunk| Ok(actix_web::web::Bytes::copy_from_slice(chunk))).collect();
        let mut payload: Payload = Payload::Stream { payload: Box::pin(stream::iter(chunks)) };
        read(&headers, &mut payload).await.map_err(|problem| problem.status)
    }

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=UTF-8");
    const FILES: Option<&str> = Some("multipart/form-data; boundary=\"xYz\"");

    #[tokio::test]
    async fn a_simple_form_is_decoded() {
        let read = read_as(FORM, b"a=1+2&b=%C3%A4%26&&c&d==x&a=3".to_vec()).await;
        assert_eq!(read, Ok(fields(&[("a", "1 2"), ("b", "ä&"), ("c", ""), ("d", "=x"), ("a", "3")])));
        assert_eq!(read_as(FORM, b"a=%ff".to_vec()).await, Err(422));
        assert_eq!(read_as(FORM, b"a&".repeat(1_001)).await, Err(422));
    }

    #[tokio::test]
    async fn a_form_with_a_file_is_taken_apart() {
        let body = "--xYz\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nt\r\n--xYz\r\nContent-Disposition: form-data; \
                    filename=\"a;name=b.md\"; name=\"file\"\r\nContent-Type: text/markdown\r\n\r\n# A\r\n--xY\r\n\r\n--xYz--\r\n";
        assert_eq!(read_as(FILES, body.as_bytes().to_vec()).await, Ok(fields(&[("csrf", "t"), ("file", "# A\r\n--xY\r\n")])));
        for wrong in
            ["", "--xYz", "--xYz\r\n\r\n\r\nno name\r\n--xYz--", "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"]
        {
            assert_eq!(read_as(FILES, wrong.as_bytes().to_vec()).await, Err(422), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        assert_eq!(read_as(Some("application/json"), b"{}".to_vec()).await, Err(415));
        assert_eq!(read_as(Some("text/plain"), b"a=b".to_vec()).await, Err(415));
        assert_eq!(read_as(Some("multipart/form-data"), b"a=b".to_vec()).await, Err(415));
        assert_eq!(read_as(None, b"a=b".to_vec()).await, Err(415));
        assert_eq!(read_as(None, Vec::new()).await, Ok(Fields::default()));
    }

    #[tokio::test]
    async fn a_body_of_more_than_a_mebibyte_is_refused() {
        let mut body = b"a=".to_vec();
        body.resize(LONGEST_FORM, b'x');
        assert!(read_as(FORM, body.clone()).await.is_ok());
        body.push(b'x');
        assert_eq!(read_as(FORM, body).await, Err(413));
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_refused_unread() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("1048577"));
        let mut payload: Payload = Payload::Stream { payload: Box::pin(stream::pending()) };
        assert_eq!(read(&headers, &mut payload).await.unwrap_err().status, 413);
    }
}
