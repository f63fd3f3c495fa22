//! Cookies: the session's, the theme's, and the one that carries a notice over a redirect.

use std::time::Duration;

use actix_web::{
    cookie::{Cookie, SameSite, time},
    http::header::{COOKIE, HeaderMap},
};
use domain::Secret;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// How long a chosen theme is kept.
const THEME_DAYS: u64 = 365;
/// A notice that nobody came to read is forgotten after this long.
const NOTICE_SECONDS: u64 = 60;
/// The longest notice that is carried over, in bytes.
const LONGEST_NOTICE: usize = 400;

/// The cookies of this installation: their names and flags depend on whether it is reached by https.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    /// Whether browsers reach it by https.
    pub(crate) https: bool,
}

impl Cookies {
    const fn session_name(self) -> &'static str {
        if self.https { "__Host-sid" } else { "sid" }
    }

    const fn notice_name(self) -> &'static str {
        if self.https { "__Host-notice" } else { "notice" }
    }

    const fn theme_name(self) -> &'static str {
        if self.https { "__Host-theme" } else { "theme" }
    }

    fn cookie(self, name: &'static str, value: String, lifetime: Duration) -> Cookie<'static> {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        Cookie::build(name, value)
            .path("/")
            .secure(self.https)
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(time::Duration::seconds(seconds))
            .finish()
    }

    /// The text of the session's cookie that came with a request.
    pub(crate) fn session(self, headers: &HeaderMap) -> Option<Secret> {
        sent(headers, self.session_name()).map(Secret::new)
    }

    /// The cookie that makes a browser signed in.
    pub(crate) fn start_session(self, token: &Secret, lifetime: Duration) -> Cookie<'static> {
        self.cookie(self.session_name(), token.expose().to_owned(), lifetime)
    }

    /// The cookie that takes the session away.
    pub(crate) fn end_session(self) -> Cookie<'static> {
        self.cookie(self.session_name(), String::new(), Duration::ZERO)
    }

    /// The theme that was chosen on this browser: `light`, `dark`, or nothing for what the system says.
    pub(crate) fn theme(self, headers: &HeaderMap) -> &'static str {
        match sent(headers, self.theme_name()) {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "",
        }
    }

    /// The cookie that keeps a theme; any other text takes the choice away.
    pub(crate) fn choose_theme(self, theme: &str) -> Cookie<'static> {
        match theme {
            "light" | "dark" => self.cookie(self.theme_name(), theme.to_owned(), Duration::from_secs(THEME_DAYS * 86_400)),
            _ => self.cookie(self.theme_name(), String::new(), Duration::ZERO),
        }
    }

    /// What the page after a redirect shall say.
    pub(crate) fn notice(self, headers: &HeaderMap) -> Option<String> {
        let text = percent_decode_str(sent(headers, self.notice_name())?).decode_utf8().ok()?;
        (!text.is_empty() && text.len() <= LONGEST_NOTICE).then(|| text.into_owned())
    }

    /// The cookie that carries a notice over a redirect.
    pub(crate) fn carry_notice(self, text: &str) -> Cookie<'static> {
        let mut end = text.len().min(LONGEST_NOTICE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        self.cookie(self.notice_name(), utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(), Duration::from_secs(NOTICE_SECONDS))
    }

    /// The cookie that takes a notice away once it was shown.
    pub(crate) fn forget_notice(self) -> Cookie<'static> {
        self.cookie(self.notice_name(), String::new(), Duration::ZERO)
    }
}

/// The value of a cookie as it was sent; the first of several. Other cookies of the same host may be as broken as they
/// like.
fn sent<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(sent_name, value)| *sent_name == name && !value.is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn the_session_cookie_has_every_flag() {
        let token = Secret::new("t0ken");
        assert_eq!(
            Cookies { https: true }.start_session(&token, Duration::from_mins(1)).to_string(),
            "__Host-sid=t0ken; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60"
        );
        assert_eq!(
            Cookies { https: false }.start_session(&token, Duration::from_mins(1)).to_string(),
            "sid=t0ken; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"
        );
        assert!(Cookies { https: true }.end_session().to_string().contains("Max-Age=0"));
    }

    #[test]
    fn a_cookie_is_found_beside_broken_ones() {
        let cookies = Cookies { https: false };
        let session = |text: &str| cookies.session(&headers(text)).map(|secret| secret.expose().to_owned());
        assert_eq!(session("a; =; b=%%; sid=xyz; sid=abc"), Some("xyz".to_owned()));
        assert_eq!(session("__Host-sid=xyz; sid="), None);
        assert_eq!(Cookies { https: true }.session(&headers("sid=xyz")).map(|_| ()), None, "the plain name is not enough by https");
    }

    #[test]
    fn a_theme_is_one_of_three() {
        let cookies = Cookies { https: false };
        for (cookie, theme) in [("theme=dark", "dark"), ("theme=light", "light"), ("theme=\"><script>", ""), ("x=dark", "")] {
            assert_eq!(cookies.theme(&headers(cookie)), theme);
        }
        assert!(cookies.choose_theme("purple").to_string().contains("Max-Age=0"));
    }

    #[test]
    fn a_notice_survives_the_redirect() {
        let cookies = Cookies { https: false };
        for text in ["Invited; a=b \"ä\" 100 %", "x"] {
            let carried = cookies.carry_notice(text);
            assert_eq!(cookies.notice(&headers(&format!("notice={}", carried.value()))).as_deref(), Some(text));
        }
        let long = "ä".repeat(500);
        let carried = cookies.carry_notice(&long);
        assert_eq!(cookies.notice(&headers(&format!("notice={}", carried.value()))).unwrap().len(), LONGEST_NOTICE);
        assert_eq!(cookies.notice(&headers("notice=%ff")), None);
    }
}
