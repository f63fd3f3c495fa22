//! What a handler is given besides the one who asks: parts of the path, the query, the form.
//!
//! A handler's first argument is the door of its access (see `access.rs`); up to three of these follow. To add a kind of
//! argument, implement [`Argument`].

use actix_web::{HttpRequest, http::header::HeaderName};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use domain::Problem;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::{
    body::{ARCHIVE, Fields, LARGEST_ARCHIVE},
    form,
    live::LastSeen,
    route::Result,
};

/// The part of a path that names the tenant; it is the door's and no argument.
pub(crate) const SLUG: &str = "slug";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A request whose body was read.
pub struct Input<'r> {
    pub(crate) request: &'r HttpRequest,
    pub(crate) fields: Fields,
    /// The file of a form that takes an archive.
    pub(crate) archive: Option<Vec<u8>>,
}

/// Something a handler may ask for.
pub trait Argument: Sized {
    /// Whether the form has an archive in it: it is larger than others, and multipart.
    const TAKES_ARCHIVE: bool = false;

    /// Takes it from the request.
    ///
    /// # Errors
    /// The problem to answer with.
    fn take(input: &mut Input<'_>) -> Result<Self>;
}

/// The variable parts of the path but for the tenant: one into a single value such as an id, several into a tuple or a
/// struct. What does not fit answers 404: there is no such thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<T>(pub T);

/// The query, as a struct; unknown names are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<T>(pub T);

/// The fields of a form, as a struct or a map; unknown names are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> Argument for Path<T> {
    fn take(input: &mut Input<'_>) -> Result<Self> {
        let parts = input
            .request
            .match_info()
            .iter()
            .filter(|(name, _)| *name != SLUG)
            .map(|(name, value)| Some((name.to_owned(), percent_decode_str(value).decode_utf8().ok()?.into_owned())))
            .collect::<Option<Vec<_>>>();
        parts.and_then(|parts| form::parse_path(parts).ok()).map(Self).ok_or_else(|| Problem::not_found("page").into())
    }
}

impl<T: DeserializeOwned> Argument for Query<T> {
    fn take(input: &mut Input<'_>) -> Result<Self> {
        let fields = Fields::from_urlencoded(input.request.query_string().as_bytes())?;
        Ok(Self(form::parse(fields).map_err(Problem::from)?))
    }
}

impl<T: DeserializeOwned> Argument for Form<T> {
    fn take(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self(form::parse(std::mem::take(&mut input.fields)).map_err(Problem::from)?))
    }
}

impl Argument for LastSeen {
    fn take(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self(input.request.headers().get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.trim().parse().ok())))
    }
}

/// An archive, as the file that was chosen or as the base64 that a preview of it sends back; nothing when neither was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive(pub Option<Vec<u8>>);

/// The field in which a preview sends an archive back.
const PACKED: &str = "packed";

impl Argument for Archive {
    const TAKES_ARCHIVE: bool = true;

    fn take(input: &mut Input<'_>) -> Result<Self> {
        match (input.archive.take(), input.fields.take(PACKED).as_slice()) {
            (archive, []) => Ok(Self(archive)),
            (None, [packed]) => match BASE64.decode(packed) {
                Ok(archive) if archive.len() <= LARGEST_ARCHIVE => Ok(Self(Some(archive))),
                _ => Err(Problem::field(PACKED, "The page was changed on its way. Choose the archive again.").into()),
            },
            _ => Err(Problem::field(ARCHIVE, "Send one archive.").into()),
        }
    }
}

/// All that a handler is given: the door `D` first.
pub trait Arguments<D>: Sized {
    /// Whether the form has an archive in it.
    const TAKES_ARCHIVE: bool = false;

    /// Takes everything from the request.
    ///
    /// # Errors
    /// As [`Argument::take`].
    fn take(door: D, input: &mut Input<'_>) -> Result<Self>;
}

impl<D> Arguments<D> for (D,) {
    fn take(door: D, _input: &mut Input<'_>) -> Result<Self> {
        Ok((door,))
    }
}

impl<D, A: Argument> Arguments<D> for (D, A) {
    const TAKES_ARCHIVE: bool = A::TAKES_ARCHIVE;

    fn take(door: D, input: &mut Input<'_>) -> Result<Self> {
        Ok((door, A::take(input)?))
    }
}

impl<D, A: Argument, B: Argument> Arguments<D> for (D, A, B) {
    const TAKES_ARCHIVE: bool = A::TAKES_ARCHIVE || B::TAKES_ARCHIVE;

    fn take(door: D, input: &mut Input<'_>) -> Result<Self> {
        Ok((door, A::take(input)?, B::take(input)?))
    }
}

impl<D, A: Argument, B: Argument, C: Argument> Arguments<D> for (D, A, B, C) {
    const TAKES_ARCHIVE: bool = A::TAKES_ARCHIVE || B::TAKES_ARCHIVE || C::TAKES_ARCHIVE;

    fn take(door: D, input: &mut Input<'_>) -> Result<Self> {
        Ok((door, A::take(input)?, B::take(input)?, C::take(input)?))
    }
}
