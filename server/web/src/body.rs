//! The body of an unsafe request: bounded, of a form's content type, taken apart into fields.
//!
//! Both kinds of forms are read, `application/x-www-form-urlencoded` and `multipart/form-data` (a file is the text of its
//! field). A form with an archive is multipart and nothing else, and the archive is a part that is a file. Turning fields into a
//! type is `form.rs`.

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
/// The largest archive that a page takes, in bytes; programs may send larger ones.
pub(crate) const LARGEST_ARCHIVE: usize = 4 * 1024 * 1024;
/// The name of the file in a form with an archive.
pub(crate) const ARCHIVE: &str = "archive";
/// The most a form with an archive may have: the preview sends it back as base64, which takes four signs for three bytes.
const LONGEST_WITH_ARCHIVE: usize = LARGEST_ARCHIVE / 3 * 4 + LONGEST_FORM;
/// The most fields a form may have.
const MOST_FIELDS: usize = 1_000;

/// A form as it was sent: names and values in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub(crate) Vec<(String, String)>);

/// A form, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) fields: Fields,
    /// The file, in a form that takes one.
    pub(crate) archive: Option<Vec<u8>>,
}

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

fn too_large(takes_archive: bool) -> Problem {
    let words = if takes_archive {
        format!(
            "The archive is larger than {} MiB. Send it with the command line or the API, which take larger ones.",
            LARGEST_ARCHIVE >> 20
        )
    } else {
        "What was sent is larger than 1 MiB. Send less at a time.".to_owned()
    };
    Problem::new(413, "too_large", words)
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

/// Reads the body of a request as a form; `takes_archive` says that one of its parts is an archive.
///
/// # Errors
/// 413 when it is too large, 415 when it is no form, 422 when it is none that can be read.
pub(crate) async fn read(headers: &HeaderMap, payload: &mut Payload, takes_archive: bool) -> Result<Sent, Problem> {
    let kind = kind(headers)?;
    let most = match (&kind, takes_archive) {
        (Kind::Multipart { .. }, true) => LONGEST_WITH_ARCHIVE + FRAME,
        (_, true) => return Err(no_upload()),
        (Kind::Multipart { .. }, false) => LONGEST_FORM + FRAME,
        (Kind::Nothing | Kind::UrlEncoded, false) => LONGEST_FORM,
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large(takes_archive));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| broken("it ended too early"))?;
        if body.len() + chunk.len() > most {
            return Err(too_large(takes_archive));
        }
        body.extend_from_slice(&chunk);
    }
    let fields = match kind {
        Kind::Nothing if body.is_empty() => Fields::default(),
        Kind::Nothing => return Err(wrong_type()),
        Kind::UrlEncoded => Fields::from_urlencoded(&body)?,
        Kind::Multipart { boundary } => return multipart(&body, &boundary, takes_archive),
    };
    Ok(Sent { fields, archive: None })
}

/// A body that is no form with a file where one is needed, such as JSON that says what an upload would have said.
fn no_upload() -> Problem {
    Problem::new(415, "wrong_content_type", "An archive is sent as a file in a form of multipart/form-data, and in no other way.")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let position = find(bytes, at)?;
    Some((bytes.get(..position)?, bytes.get(position + at.len()..)?))
}

/// The parts of a form with files (RFC 7578). Names of files and types of parts are of no interest here; only that the archive is
/// a file, and nothing else is one, when the form takes one.
fn multipart(body: &[u8], boundary: &str, takes_archive: bool) -> Result<Sent, Problem> {
    let opening = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(opening.as_bytes()).ok_or_else(|| broken("it does not begin with its boundary"))?;
    let (mut fields, mut archive) = (Vec::new(), None);
    loop {
        if rest.starts_with(b"--") {
            return Ok(Sent { fields: Fields(fields), archive });
        }
        rest = rest.strip_prefix(b"\r\n").ok_or_else(|| broken("a boundary is not followed by a part"))?;
        let (head, after) = split(rest, b"\r\n\r\n").ok_or_else(|| broken("a part has no end of its head"))?;
        let (value, after) = split(after, between.as_bytes()).ok_or_else(|| broken("a part does not end"))?;
        let head = std::str::from_utf8(head).map_err(|_| not_text())?;
        let disposition = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(header, _)| header.eq_ignore_ascii_case("content-disposition"))
            .and_then(|(_, value)| value.trim().strip_prefix("form-data"));
        let name = disposition.and_then(|disposition| parameter(disposition, "name")).ok_or_else(|| broken("a part has no name"))?;
        let is_file = disposition.is_some_and(|disposition| parameter(disposition, "filename").is_some());
        if takes_archive && is_file != (name == ARCHIVE) {
            return Err(broken("the archive, and nothing else, is a file"));
        }
        if takes_archive && is_file {
            if archive.is_some() {
                return Err(broken("there are two archives in it"));
            }
            if value.len() > LARGEST_ARCHIVE {
                return Err(too_large(true));
            }
            // A form whose file was not chosen has an empty one.
            archive = Some(value.to_vec()).filter(|value| !value.is_empty());
        } else {
            fields.push((name, String::from_utf8(value.to_vec()).map_err(|_| not_text())?));
        }
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
        super::read(&headers, &mut payload, false).await.map(|sent| sent.fields).map_err(|problem| problem.status)
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
        assert_eq!(read(&headers, &mut payload, false).await.unwrap_err().status, 413);
    }

    async fn upload(content_type: &'static str, body: Vec<u8>) -> Result<Option<Vec<u8>>, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let chunks = [Ok::<_, actix_web::error::PayloadError>(actix_web::web::Bytes::from(body))];
        let mut payload: Payload = Payload::Stream { payload: Box::pin(stream::iter(chunks)) };
        read(&headers, &mut payload, true).await.map(|sent| sent.archive).map_err(|problem| problem.status)
    }

    fn part(disposition: &str, content: &[u8]) -> Vec<u8> {
        [b"--xYz\r\nContent-Disposition: form-data; ", disposition.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat()
    }

    const FORM_WITH_FILE: &str = "multipart/form-data; boundary=xYz";

    #[tokio::test]
    async fn an_archive_is_a_file_of_a_form_and_comes_in_no_other_way() {
        let archive = part("name=\"archive\"; filename=\"a.zip\"", b"PK\x03\x04\xff\r\n--x");
        let end = b"--xYz--\r\n".to_vec();
        let whole = [archive.clone(), end.clone()].concat();
        assert_eq!(upload(FORM_WITH_FILE, whole.clone()).await, Ok(Some(b"PK\x03\x04\xff\r\n--x".to_vec())));
        assert_eq!(upload(FORM_WITH_FILE, [part("name=\"archive\"; filename=\"\"", b""), end.clone()].concat()).await, Ok(None));
        for pretending in [
            "application/json",
            "application/x-www-form-urlencoded",
            "application/zip",
            "text/plain",
            "multipart/form-data",
            "multipart/mixed; boundary=xYz",
        ] {
            assert_eq!(upload(pretending, whole.clone()).await, Err(415), "{pretending}");
        }
        let json = br#"{"archive": {"filename": "a.zip", "path": "/etc/passwd"}}"#;
        assert_eq!(upload("application/json", json.to_vec()).await, Err(415));
        assert_eq!(upload(FORM_WITH_FILE, json.to_vec()).await, Err(422));
        for wrong in [
            part("name=\"archive\"", b"PK\x03\x04"),
            part("name=\"csrf\"; filename=\"a.zip\"", b"PK\x03\x04"),
            [archive.clone(), archive.clone()].concat(),
        ] {
            assert_eq!(upload(FORM_WITH_FILE, [wrong, end.clone()].concat()).await, Err(422));
        }
        let large = part("name=\"archive\"; filename=\"a\"", &vec![0; LARGEST_ARCHIVE + 1]);
        assert_eq!(upload(FORM_WITH_FILE, [large, end].concat()).await, Err(413));
    }
}
