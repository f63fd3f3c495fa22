//! One request, whoever asks: its id, its nonce, how it wants to be answered. Begins every request and ends every answer
//! with the headers that all of them have, and writes the access log.

use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    cookie::Cookie,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use domain::{RequestFacts, Secret};
use platform::{Platform, identity::Client};

use crate::{address::client_address, next, route, site::Site};

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_REQUEST_TYPE: HeaderName = HeaderName::from_static("hx-request-type");
const HX_HISTORY: HeaderName = HeaderName::from_static("hx-history-restore-request");
const HX_CURRENT: HeaderName = HeaderName::from_static("hx-current-url");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The parts of the site whose addresses hold a token in their second part: it opens a door, so nobody is told it.
const WITH_TOKEN: &[&str] = &["a", "setup", "invitations", "password-reset", "email-changes", "email-restorations"];

/// One request.
pub struct Visit {
    site: Arc<Site>,
    facts: RequestFacts,
    address: IpAddr,
    agent: Option<String>,
    nonce: String,
    theme: &'static str,
    by_htmx: bool,
    wants_fragment: bool,
    is_here: bool,
    is_safe: bool,
    /// The path.
    path: String,
    /// The page this is about: itself, or the one whose form or part it is.
    location: Option<String>,
    cookie: Option<Secret>,
    bearer: Option<Secret>,
    notice: Option<String>,
    notice_was_shown: Cell<bool>,
}

impl Visit {
    fn begin(site: &Arc<Site>, request: &ServiceRequest) -> Self {
        let headers = request.headers();
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        // A value that is no text stands as one that is no address: it ends the reading.
        let forwarded: Vec<&str> = headers.get_all(&FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default()).collect();
        let address = client_address(peer, forwarded.iter().copied(), &site.trusted_proxies);
        let by_htmx = is_true(headers, &HX_REQUEST);
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
        let wants_fragment =
            by_htmx && !is_true(headers, &HX_HISTORY) && headers.get(&HX_REQUEST_TYPE).is_none_or(|kind| kind.as_bytes() != b"full");
        let own = request.uri().path_and_query().map(ToString::to_string);
        let page = |name| text(headers, name)?.strip_prefix(site.public_origin.as_str()).map(str::to_owned);
        let location = match (by_htmx, is_safe) {
            (true, _) => page(&HX_CURRENT),
            (false, true) => own,
            (false, false) => page(&header::REFERER),
        };
        Self {
            facts: site.platform.new_request(Some(address.to_string())),
            address,
            agent: text(headers, &header::USER_AGENT).map(str::to_owned),
            nonce: site.nonce(),
            theme: site.cookies.theme(headers),
            by_htmx,
            wants_fragment,
            is_here: address.is_loopback() && forwarded.is_empty() && names_this_machine(headers),
            is_safe,
            path: request.path().to_owned(),
            location: location.filter(|location| next::is_ours(location)),
            cookie: site.cookies.session(headers),
            bearer: text(headers, &header::AUTHORIZATION).and_then(bearer).map(Secret::new),
            notice: site.cookies.notice(headers),
            notice_was_shown: Cell::new(false),
            site: Arc::clone(site),
        }
    }

    /// The visit that a request is.
    pub(crate) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.extensions().get::<Rc<Self>>().cloned()
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// The platform, for its verbs.
    pub fn platform(&self) -> &Platform {
        &self.site.platform
    }

    /// The id of the request and the address of the client.
    pub const fn facts(&self) -> &RequestFacts {
        &self.facts
    }

    /// The one at the other end, for the verbs of identity.
    pub fn client(&self) -> Client {
        Client { request: self.facts.clone(), agent: self.agent.clone() }
    }

    /// The path that was asked for.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The page whose form or part this is; the page itself when it is one.
    pub(crate) fn page_before(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Whether htmx asks for a part of a page. What it is told decides nothing but the form of the answer.
    pub const fn wants_fragment(&self) -> bool {
        self.wants_fragment
    }

    /// Whether the client is on this machine, came without a proxy, and called it by a name of this machine: a page of
    /// another site whose name was made to point here has another name.
    pub const fn is_here(&self) -> bool {
        self.is_here
    }

    /// Whether the method is one that changes nothing.
    pub(crate) const fn is_safe(&self) -> bool {
        self.is_safe
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(crate) const fn theme(&self) -> &'static str {
        self.theme
    }

    pub(crate) const fn cookie(&self) -> Option<&Secret> {
        self.cookie.as_ref()
    }

    /// What the client shows as its key or token (RFC 6750, 2.1). Nobody has looked at it.
    pub(crate) const fn bearer(&self) -> Option<&Secret> {
        self.bearer.as_ref()
    }

    /// What the page after a redirect shall say; taken away from the browser with this answer.
    pub(crate) fn take_notice(&self) -> Option<String> {
        let notice = self.notice.clone();
        if notice.is_some() {
            self.notice_was_shown.set(true);
        }
        notice
    }

    /// The answer after something was done: go and get that page. `path` begins with a slash.
    pub fn see_other(&self, path: &str) -> HttpResponse {
        if self.by_htmx {
            return HttpResponse::Ok().insert_header((HX_REDIRECT, path)).finish();
        }
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
    }

    /// The same with a sentence that the page says at its top: what was done.
    pub fn done(&self, path: &str, notice: &str) -> HttpResponse {
        let response = self.see_other(path);
        with_cookie(response, &self.site.cookies.carry_notice(notice))
    }

    /// The answer to one who is not signed in: a page leads to the sign-in and back; a part of a page says 401, and htmx goes
    /// there with the whole page.
    pub(crate) fn sign_in_first(&self) -> HttpResponse {
        let path = self.page_before().map_or_else(|| "/sign-in".to_owned(), next::sign_in);
        if self.by_htmx {
            return HttpResponse::Unauthorized().insert_header((HX_REDIRECT, path)).finish();
        }
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
    }
}

/// The response with one more cookie.
pub(crate) fn with_cookie(mut response: HttpResponse, cookie: &Cookie<'_>) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, shown) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| shown.trim())
}

fn is_true(headers: &HeaderMap, name: &HeaderName) -> bool {
    text(headers, name) == Some("true")
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, &header::HOST) else { return false };
    let name = if let Some(rest) = host.strip_prefix('[') {
        rest.split(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The path as it may be written down: tokens are left out.
fn shown_path(path: &str) -> String {
    let mut parts = path.splitn(4, '/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(first), Some(token), rest) if WITH_TOKEN.contains(&first) && !token.is_empty() => {
            format!("/{first}/…{}", rest.map(|rest| format!("/{rest}")).unwrap_or_default())
        }
        _ => path.to_owned(),
    }
}

fn opens_a_door(path: &str) -> bool {
    path.split('/').nth(1).is_some_and(|first| WITH_TOKEN.contains(&first))
}

/// Around every request: makes the visit, counts it, and ends the answer with headers and a line of the log.
pub(crate) async fn around<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(site) = request.app_data::<Arc<Site>>().cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let began = site.platform.now();
    let visit = Rc::new(Visit::begin(&site, &request));
    let method = request.method().clone();
    request.extensions_mut().insert(Rc::clone(&visit));
    let pattern = request.match_pattern();
    let allowances = site.count(pattern.as_deref(), visit.address, visit.bearer());
    let mut response = match allowances.refusal() {
        Some(problem) => {
            site.metrics.refused(&allowances);
            let answer = route::refuse(request.request(), problem).await;
            request.into_response(answer).map_into_right_body()
        }
        None => next.call(request).await?.map_into_left_body(),
    };
    let status = response.status();
    finish(&visit, status, response.headers_mut());
    allowances.tell(response.headers_mut());
    let took = site.platform.now().since(began);
    site.metrics.answered(pattern, &method, status, took);
    let (path, milliseconds) = (shown_path(&visit.path), took.as_millis());
    tracing::info!(
        target: "access",
        request = %visit.facts.id,
        method = %method,
        path,
        status = status.as_u16(),
        milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX),
        address = visit.facts.address,
        "{method} {path} was answered {} in {milliseconds} ms", status.as_u16(),
    );
    Ok(response)
}

/// The policy for scripts and everything else that a page may load (W3C, Content Security Policy Level 3).
fn content_security_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types htmx"
    )
}

/// The headers that every answer has.
fn finish(visit: &Visit, status: StatusCode, headers: &mut HeaderMap) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, if opens_a_door(&visit.path) { "no-referrer" } else { "same-origin" }),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (header::PERMISSIONS_POLICY, "camera=(), microphone=(), geolocation=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(&visit.nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(id) = HeaderValue::from_str(&visit.facts.id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    if visit.site.cookies.https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    if !status.is_success() || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.append(header::VARY, HeaderValue::from_static("HX-Request, HX-Request-Type"));
    if visit.notice_was_shown.get()
        && let Ok(cookie) = HeaderValue::from_str(&visit.site.cookies.forget_notice().to_string())
    {
        headers.append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_paths_are_not_written_down() {
        for (path, shown) in [
            ("/a/s3cret", "/a/…"),
            ("/a/s3cret/decision", "/a/…/decision"),
            ("/setup/s3cret", "/setup/…"),
            ("/invitations/s3cret", "/invitations/…"),
            ("/t/acme/invitations/inv_x/withdrawal", "/t/acme/invitations/inv_x/withdrawal"),
            ("/about", "/about"),
            ("/", "/"),
        ] {
            assert_eq!(shown_path(path), shown);
            assert_eq!(opens_a_door(path), shown.contains('…'), "{path}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_names_of_this_machine() {
        for (host, is_here) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("[::1]:8080", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            assert_eq!(names_this_machine(&headers), is_here, "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn the_policy_for_scripts_is_the_strict_one() {
        assert_eq!(
            content_security_policy("R"),
            "default-src 'none'; script-src 'nonce-R' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; \
             require-trusted-types-for 'script'; trusted-types htmx"
        );
    }
}
