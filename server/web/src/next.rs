//! Where to go after signing in: pages of ours and nothing else.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The longest address that is carried along, in bytes.
const LONGEST: usize = 2_000;
/// What may not stand plainly in the value of a query.
const IN_QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'&').add(b'+').add(b'%').add(b'?').add(b'=').add(b'\'');

/// Whether this is the address of a page of ours, relative to the site: a path that a browser cannot take for another
/// site's address, and not the sign-in itself.
pub(crate) fn is_ours(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    address.len() <= LONGEST
        && address.starts_with('/')
        && !address.starts_with("//")
        && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && path != "/sign-in"
        && path != "/sign-out"
}

/// The address itself if it is ours, else the home page.
pub(crate) fn or_home(address: Option<&str>) -> &str {
    address.filter(|address| is_ours(address)).unwrap_or("/")
}

/// The address of the sign-in that comes back to a page of ours.
pub(crate) fn sign_in(address: &str) -> String {
    if address == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", utf8_percent_encode(address, IN_QUERY)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Fields;

    #[test]
    fn only_pages_of_ours_are_gone_to() {
        for ours in ["/", "/t/acme/runs?state=failed&x=%20", "/a/tok", "/sign-in-help"] {
            assert_eq!(or_home(Some(ours)), ours);
        }
        for other in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a b",
            "/ä",
            "t/acme",
            "/sign-in",
            "/sign-in?next=/sign-in",
            "/sign-out",
            &"/x".repeat(1_001),
        ] {
            assert_eq!(or_home(Some(other)), "/", "{other}");
        }
        assert_eq!(or_home(None), "/");
    }

    #[test]
    fn an_address_survives_the_way_through_the_sign_in() {
        for address in ["/t/acme/runs?a=1&b=%2F+x", "/a/tok#x"] {
            let link = sign_in(address);
            let fields = Fields::from_urlencoded(link.strip_prefix("/sign-in?").unwrap().as_bytes()).unwrap();
            assert_eq!(fields.0, [("next".to_owned(), address.to_owned())]);
        }
        assert_eq!(sign_in("/"), "/sign-in");
    }
}
