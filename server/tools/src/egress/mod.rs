//! The one way out of the house, for every HTTP call of every kind.
//!
//! [`Egress::send`] decides on the URL ([`rules`]), on each address while connecting ([`clients`],
//! [`address`]), swaps credentials in ([`credential`]), reads the answer within limits ([`response`]) and
//! takes the secrets out of what came back. There is no other client in the house; a new kind of call
//! builds an [`OutgoingRequest`] and comes here. What is allowed where is data: [`domain::call::EgressRules`].

mod address;
mod clients;
mod credential;
mod response;
mod rules;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use domain::call::{CallContext, EgressRules};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use serde_json::Value;
use zeroize::Zeroizing;

use self::{
    clients::Clients,
    rules::{Refusal, Rules, Target},
};
pub use self::{
    clients::{Lookup, SystemLookup},
    response::{MAX_BODY, MAX_HEADER_BYTES},
};
use crate::{
    error::{CallError, CallErrorKind, Sent},
    json,
    redact::Redactor,
    text::{Piece, Text},
};

/// Redirects followed at most.
const MAX_REDIRECTS: u32 = 3;
/// Header fields of a request.
const MAX_HEADERS: usize = 64;

/// How a text is written at its place in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    Plain,
    /// Within the quotes of a JSON string.
    JsonString,
    /// As `application/x-www-form-urlencoded`.
    Form,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyPart {
    /// These bytes, as they are.
    Bytes(Bytes),
    /// The value of the credential of this name.
    Credential(String, Escape),
}

/// What a request carries: bytes with places for credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body(Vec<BodyPart>);

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Adds bytes as they are.
    pub fn push_bytes(&mut self, bytes: impl Into<Bytes>) {
        self.0.push(BodyPart::Bytes(bytes.into()));
    }

    /// Adds a text, escaped for its place; the credentials it names will be escaped likewise.
    pub fn push_text(&mut self, text: &Text, escape: Escape) {
        for piece in text.pieces() {
            self.0.push(match piece {
                Piece::Text(text) => BodyPart::Bytes(Bytes::from(credential::escaped(text, escape).to_string())),
                Piece::Credential(name) => BodyPart::Credential(name.clone(), escape),
            });
        }
    }

    /// The parts in order.
    pub fn parts(&self) -> &[BodyPart] {
        &self.0
    }

    fn has_credentials(&self) -> bool {
        self.0.iter().any(|part| matches!(part, BodyPart::Credential(..)))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![BodyPart::Bytes(bytes.into())])
    }
}

/// A call that wants to leave the house.
#[derive(Debug, Clone)]
pub struct OutgoingRequest {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`, in capitals.
    pub method: String,
    /// A complete `http` or `https` URL. Credentials cannot stand in it.
    pub url: String,
    /// Header fields. `Idempotency-Key`, `Host` and what concerns the connection are set by the egress.
    pub headers: Vec<(String, Text)>,
    /// The body; its `Content-Type` is a header field.
    pub body: Body,
    /// Whether to follow at most three redirects, within the scheme, each decided on anew. Credentials
    /// do not follow to another host.
    pub follow_redirects: bool,
}

/// What came back. The secrets of the call are taken out of whatever is read from it.
#[derive(Clone)]
pub struct OutgoingResponse {
    /// The HTTP status, whichever it is.
    pub status: u16,
    /// Names in lower case with their values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// How long the other side asked to be left alone, if it did.
    pub retry_after: Option<Duration>,
    /// As it came, unpacked: read through the methods only.
    body: Vec<u8>,
    redactor: Redactor,
}

impl OutgoingResponse {
    /// The first value of a header field; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is no body.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body, unpacked.
    pub fn bytes(&self) -> Vec<u8> {
        self.redactor.bytes(self.body.clone())
    }

    /// The body as text; `None` when it is not UTF-8.
    pub fn text(&self) -> Option<String> {
        String::from_utf8(self.bytes()).ok()
    }

    /// The body as JSON, read strictly ([`json::parse`]). The secrets are taken out of what was read, not of the
    /// document, where escapes may hide them and where taking out a number would break it.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without quoting the document.
    pub fn json(&self) -> Result<Value, String> {
        json::parse(&self.body).map(|value| self.redactor.value(value))
    }
}

impl std::fmt::Debug for OutgoingResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The way out.
pub struct Egress {
    rules: Rules,
    clients: Clients,
}

/// The installation's egress rules hold an entry that is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an entry of the egress rules is not host:port, such as erp.internal:8443")]
pub struct UnreadableRules;

impl Egress {
    /// A way out under the installation's rules, which hold for every call beside the call's own: what
    /// either denies is denied, what either allows is open.
    ///
    /// # Errors
    /// When an entry is not `host:port`.
    pub fn new(installation_rules: &EgressRules) -> Result<Self, UnreadableRules> {
        Self::with_lookup(installation_rules, Arc::new(SystemLookup))
    }

    /// As [`Egress::new`], with names resolved by `lookup`.
    ///
    /// # Errors
    /// When an entry is not `host:port`.
    pub fn with_lookup(installation_rules: &EgressRules, lookup: Arc<dyn Lookup>) -> Result<Self, UnreadableRules> {
        let rules = Rules::read(installation_rules).map_err(|_| UnreadableRules)?;
        Ok(Self { rules, clients: Clients::new(lookup) })
    }

    /// Makes the call within the context's time limit. Every HTTP status is an answer; dropping the future
    /// ends the connection.
    ///
    /// `Idempotency-Key` is sent with every method but `GET` and `HEAD`.
    ///
    /// # Errors
    /// [`CallError`]; its `sent` says whether the other side may have acted.
    pub async fn send(&self, request: OutgoingRequest, context: &CallContext) -> Result<OutgoingResponse, CallError> {
        let redactor = Redactor::new(&context.secrets).map_err(|error| CallError::before(CallErrorKind::Credential, error.to_string()))?;
        let progress = Progress::default();
        let outcome = match tokio::time::timeout(context.time_limit, self.follow(request, context, &progress)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::passing(
                CallErrorKind::Timeout,
                format!("There was no complete answer within {:?}.", context.time_limit),
                progress.sent(),
            )),
        };
        match outcome {
            Ok(Answer { status, headers, body, retry_after }) => Ok(OutgoingResponse {
                status,
                headers: headers.into_iter().map(|(name, value)| (name, redactor.text(value))).collect(),
                body,
                retry_after,
                redactor,
            }),
            Err(error) => Err(CallError { message: redactor.text(error.message), ..error }),
        }
    }

    /// Decides whether `url` may be called under these rules, as far as that can be known without
    /// resolving its name: for telling people early. Every call is decided on again when it is made.
    ///
    /// # Errors
    /// [`CallErrorKind::Refused`] with the reason.
    pub fn check(&self, url: &str, rules: &EgressRules) -> Result<(), CallError> {
        self.target(url, rules).map(drop)
    }

    /// Decides whether a credential bound to `hosts` may be sent to `url` under these rules, before it is
    /// opened. It is decided on again when it is sent.
    ///
    /// # Errors
    /// [`CallErrorKind::Credential`] naming the host, or [`CallErrorKind::Refused`] when nothing may be sent there.
    pub fn check_credential(&self, name: &str, hosts: &[String], url: &str, rules: &EgressRules) -> Result<(), CallError> {
        credential::may_go(name, hosts, &self.target(url, rules)?)
    }

    fn rules(&self, of_call: &EgressRules) -> Result<Rules, CallError> {
        Ok(self.rules.and(Rules::read(of_call).map_err(refused)?))
    }

    fn target(&self, url: &str, rules: &EgressRules) -> Result<Target, CallError> {
        self.rules(rules)?.target(url).map_err(refused)
    }

    async fn follow(&self, mut request: OutgoingRequest, context: &CallContext, progress: &Progress) -> Result<Answer, CallError> {
        let rules = self.rules(&context.egress)?;
        let mut method = method(&request.method)?;
        let mut target = rules.target(&request.url).map_err(refused)?;
        let mut redirects = 0;
        loop {
            let response = self.exchange(&method, &target, &request, context, progress).await?;
            let Some(next) = next_hop(&response, request.follow_redirects, &target, &rules)? else {
                let host = target.endpoint().to_string();
                return Ok(Answer {
                    status: response.status().as_u16(),
                    headers: response::headers(response.headers())?,
                    retry_after: response::retry_after(response.headers()),
                    body: response::body(response, &host).await?,
                });
            };
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                return Err(CallError::answered(CallErrorKind::Protocol, "The answer was a fourth redirect in a row; three are followed."));
            }
            let status = response.status();
            drop(response);
            if keeps_no_body(&method, status) {
                method = Method::GET;
                request.body = Body::empty();
                request.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
            }
            if !target.same_origin(&next) {
                leave_credentials(&mut request)?;
            }
            target = next;
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        target: &Target,
        request: &OutgoingRequest,
        context: &CallContext,
        progress: &Progress,
    ) -> Result<reqwest::Response, CallError> {
        let headers = outgoing_headers(method, target, request, context)?;
        let body = outgoing_body(&request.body, target, context)?;
        let client = self.clients.client(context.partition, target)?;
        let mut builder = client.request(method.clone(), target.url.clone()).headers(headers);
        if !body.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            builder = builder.body(body);
        }
        progress.leaves();
        match builder.send().await {
            Ok(response) => {
                progress.answered();
                Ok(response)
            }
            Err(error) => {
                // Nothing of this hop went out; an earlier hop of the same call may have.
                let sent = if error.is_connect() { progress.before_this_hop() } else { Sent::Maybe };
                Err(match clients::refusal_in(&error) {
                    Some(refusal) => CallError { sent, ..refused(refusal) },
                    None => transport_error(&error, &target.endpoint().to_string(), sent),
                })
            }
        }
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("rules", &self.rules).finish_non_exhaustive()
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    retry_after: Option<Duration>,
}

/// How far a call got; read when its time is over.
#[derive(Default)]
struct Progress(AtomicU8);

impl Progress {
    const LEFT: u8 = 1;
    const ANSWERED: u8 = 2;
    const LEFT_AGAIN: u8 = 3;

    fn leaves(&self) {
        let next = if self.0.load(Ordering::Relaxed) == 0 { Self::LEFT } else { Self::LEFT_AGAIN };
        self.0.store(next, Ordering::Relaxed);
    }

    fn answered(&self) {
        self.0.store(Self::ANSWERED, Ordering::Relaxed);
    }

    fn before_this_hop(&self) -> Sent {
        if self.0.load(Ordering::Relaxed) == Self::LEFT_AGAIN { Sent::Maybe } else { Sent::No }
    }

    fn sent(&self) -> Sent {
        match self.0.load(Ordering::Relaxed) {
            0 => Sent::No,
            Self::ANSWERED => Sent::Answered,
            _ => Sent::Maybe,
        }
    }
}

fn refused(refusal: Refusal) -> CallError {
    CallError::before(CallErrorKind::Refused, refusal.to_string())
}

fn method(text: &str) -> Result<Method, CallError> {
    match text {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        "OPTIONS" => Ok(Method::OPTIONS),
        _ => Err(CallError::before(
            CallErrorKind::Arguments,
            "The method has to be one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, in capitals.",
        )),
    }
}

/// What the egress sets itself: it would otherwise say something else than what is done.
fn is_ours(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host"
            | "connection"
            | "content-length"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "keep-alive"
            | "expect"
            | "accept-encoding"
            | "idempotency-key"
            | "proxy-authorization"
            | "proxy-connection"
    )
}

fn outgoing_headers(method: &Method, target: &Target, request: &OutgoingRequest, context: &CallContext) -> Result<HeaderMap, CallError> {
    let wrong = |message: String| CallError::before(CallErrorKind::Arguments, message);
    if request.headers.len() > MAX_HEADERS {
        return Err(wrong(format!("There are more than {MAX_HEADERS} header fields.")));
    }
    let mut headers = HeaderMap::new();
    for (name, text) in &request.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("{name:?} is not the name of a header field.")))?;
        if is_ours(&parsed) {
            return Err(wrong(if parsed == "idempotency-key" {
                "The header field Idempotency-Key is set from the step's idempotency_key.".to_owned()
            } else {
                format!("The header field {name} cannot be set.")
            }));
        }
        let value = credential::filled(text, target, context)?;
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            wrong(format!("The value of the header field {name} holds a line break or another sign that cannot stand there."))
        })?;
        value.set_sensitive(text.credentials().next().is_some());
        if headers.insert(parsed, value).is_some() {
            return Err(wrong(format!("The header field {name} is given twice.")));
        }
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if !matches!(*method, Method::GET | Method::HEAD) {
        let key = HeaderValue::from_str(&header_safe(&context.idempotency_key))
            .map_err(|_| wrong("The idempotency key cannot stand in a header field.".to_owned()))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEADER_BYTES {
        return Err(wrong("The header fields are larger than 64 KiB.".to_owned()));
    }
    Ok(headers)
}

/// A key as a header field can carry it: what is not visible ASCII is percent-encoded, and then `%` is as well, so
/// that two keys never become one.
fn header_safe(key: &str) -> String {
    const SIGNS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b'%');
    if key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return key.to_owned();
    }
    percent_encoding::utf8_percent_encode(key, SIGNS).to_string()
}

fn outgoing_body(body: &Body, target: &Target, context: &CallContext) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    for part in &body.0 {
        match part {
            BodyPart::Bytes(part) => bytes.extend_from_slice(part),
            BodyPart::Credential(name, escape) => {
                let value: Zeroizing<String> = credential::escaped(credential::value(name, target, context)?, *escape);
                bytes.extend_from_slice(value.as_bytes());
            }
        }
        if bytes.len() > MAX_BODY {
            return Err(CallError::before(CallErrorKind::Arguments, "The body is larger than 10 MiB."));
        }
    }
    Ok(bytes)
}

/// Where a redirect leads, if this is one that is followed.
fn next_hop(response: &reqwest::Response, follow: bool, from: &Target, rules: &Rules) -> Result<Option<Target>, CallError> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = response.headers().get(LOCATION).filter(|_| follow && is_redirect) else { return Ok(None) };
    let answered = |refusal: Refusal| {
        let message = format!("The answer was a redirect that is not followed. {refusal}");
        CallError { sent: Sent::Answered, ..CallError::before(CallErrorKind::Refused, message) }
    };
    let url = std::str::from_utf8(location.as_bytes())
        .ok()
        .and_then(|location| from.url.join(location).ok())
        .ok_or_else(|| answered(Refusal::NotAUrl))?;
    let next = rules.target(url.as_str()).map_err(answered)?;
    if next.url.scheme() != from.url.scheme() {
        return Err(answered(Refusal::Scheme(format!("from {} to {}", from.url.scheme(), next.url.scheme()))));
    }
    Ok(Some(next))
}

/// RFC 9110 §15.4: 303 asks for a GET; 301 and 302 turn a POST into one, as every client does.
fn keeps_no_body(method: &Method, status: StatusCode) -> bool {
    match status.as_u16() {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

/// Takes off whatever identifies us before a redirect to another origin.
fn leave_credentials(request: &mut OutgoingRequest) -> Result<(), CallError> {
    if request.body.has_credentials() {
        return Err(CallError::answered(
            CallErrorKind::Refused,
            "The answer was a redirect to another host that would take a credential in the body along; it is not followed.",
        ));
    }
    request.headers.retain(|(name, text)| {
        let names: BTreeSet<_> = ["authorization", "cookie"].into();
        text.credentials().next().is_none() && !names.contains(name.to_ascii_lowercase().as_str())
    });
    Ok(())
}

/// Puts a failure of the transport into words, without what the library says: that may hold URLs.
fn transport_error(error: &reqwest::Error, host: &str, sent: Sent) -> CallError {
    if clients::sources(error).filter_map(|source| source.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse) {
        let message = format!("What {host} answered is not HTTP, or its header is too large.");
        return CallError { sent, ..CallError::answered(CallErrorKind::Protocol, message) };
    }
    if clients::distrusted(error) {
        let message = format!("The certificate of {host} does not prove that it is {host}, or is not trusted by this server.");
        return CallError { sent, ..CallError::before(CallErrorKind::Connection, message) };
    }
    let message = if error.is_dns() {
        format!("The name of {host} could not be resolved.")
    } else if error.is_connect() && error.is_timeout() {
        format!("No connection to {host} came about within ten seconds.")
    } else if error.is_connect() {
        format!("No connection to {host} came about.")
    } else if sent == Sent::Answered {
        format!("The connection to {host} broke in the middle of the answer.")
    } else {
        format!("The connection to {host} broke before there was an answer.")
    };
    CallError::passing(CallErrorKind::Connection, message, sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_idempotency_keys_never_become_one() {
        assert_eq!(header_safe("pay-INV-20417"), "pay-INV-20417");
        assert_eq!(header_safe("pay ä"), "pay%20%C3%A4");
        assert_eq!(header_safe("pay%20%C3%A4"), "pay%2520%25C3%25A4");
    }
}
