//! Whether an unsafe request comes from our own pages.
//!
//! Two locks, one after the other. The browser's own word on where the request comes from (`Sec-Fetch-Site`, else
//! `Origin`) holds for every unsafe route. The session's token, in the form field `csrf` or the header `X-CSRF`, is
//! demanded besides wherever a session is.

use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

/// The form field that carries the session's token.
pub(crate) const FIELD: &str = "csrf";
/// The header that carries the session's token when htmx sends the request.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-csrf");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the browser says of where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said<'a> {
    Nothing,
    Word(&'a str),
    /// Several values, or one that is no text: nobody honest sends that.
    Unclear,
}

fn said<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Said<'a> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Unclear, Said::Word),
        (Some(_), Some(_)) => Said::Unclear,
    }
}

/// Whether an unsafe request may come from one of our pages, or from something that is no browser.
///
/// The algorithm is that of Go's `http.CrossOriginProtection`, but for one thing: a request that says nothing of where it
/// comes from is refused when it carries a session's cookie.
pub(crate) fn is_from_our_pages(headers: &HeaderMap, public_origin: &str, has_session_cookie: bool) -> bool {
    match said(headers, &SEC_FETCH_SITE) {
        Said::Word("same-origin" | "none") => true,
        Said::Word(_) | Said::Unclear => false,
        Said::Nothing => match said(headers, &ORIGIN) {
            Said::Word(origin) => origin == public_origin,
            Said::Unclear => false,
            Said::Nothing => !has_session_cookie,
        },
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_pages_may_change_something() {
        const OURS: &str = "https://mandate.example";
        for (site, origin, cookie, allowed) in [
            (Some("same-origin"), None, true, true),
            (Some("none"), None, true, true),
            (Some("same-site"), Some(OURS), true, false),
            (Some("cross-site"), Some(OURS), true, false),
            (Some("cross-site"), None, false, false),
            (Some(""), None, false, false),
            (Some("same-origin"), Some("https://evil.example"), true, true),
            (None, Some(OURS), true, true),
            (None, Some("https://evil.example"), true, false),
            (None, Some("https://evil.example"), false, false),
            (None, Some("https://mandate.example.evil.example"), true, false),
            (None, Some("http://mandate.example"), true, false),
            (None, Some("null"), true, false),
            (None, None, true, false),
            (None, None, false, true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, HeaderValue::from_static(site));
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_from_our_pages(&headers, OURS, cookie), allowed, "{site:?} {origin:?} cookie: {cookie}");
        }
    }

    #[test]
    fn two_words_on_where_a_request_comes_from_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        headers.append(SEC_FETCH_SITE, HeaderValue::from_static("cross-site"));
        assert!(!is_from_our_pages(&headers, "https://mandate.example", false));
    }
}
