//! Puts the value of a credential in the place of its name, at the last moment and only for the hosts
//! it is bound to.

use domain::call::CallContext;
use zeroize::Zeroizing;

use super::{
    Escape,
    rules::{Endpoint, HostName, Target},
};
use crate::{
    error::{CallError, CallErrorKind},
    text::{Piece, Text},
};

/// The value of the credential, if it may go to the target.
pub(crate) fn value<'c>(name: &str, target: &Target, context: &'c CallContext) -> Result<&'c str, CallError> {
    let Some(secret) = context.secrets.iter().find(|secret| secret.name == name) else {
        return Err(CallError::before(CallErrorKind::Credential, format!("The credential {name} is not available to this call.")));
    };
    may_go(name, &secret.hosts, target)?;
    Ok(secret.value.expose())
}

/// Whether a credential that is bound to these hosts may go to the target.
///
/// A host without a port stands for the port of the scheme; `*.example.com` for every name below
/// `example.com`, not for itself. Over plain http a credential goes only to what the operator opened.
pub(crate) fn may_go(name: &str, hosts: &[String], target: &Target) -> Result<(), CallError> {
    let refuse = |message: String| Err(CallError::before(CallErrorKind::Credential, message));
    let endpoint = target.endpoint();
    if !hosts.iter().any(|pattern| covers(pattern, target).unwrap_or(false)) {
        let hosts = if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") };
        return refuse(format!("The credential {name} may not be sent to {endpoint}. Its hosts are: {hosts}."));
    }
    if target.is_exposed() {
        return refuse(format!("The credential {name} would travel to {endpoint} unencrypted. Use https."));
    }
    Ok(())
}

/// The text with the values in the places of the names, written for where it stands.
pub(crate) fn filled(text: &Text, target: &Target, context: &CallContext) -> Result<Zeroizing<String>, CallError> {
    let mut filled = Zeroizing::new(String::new());
    for piece in text.pieces() {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Credential(name) => filled.push_str(value(name, target, context)?),
        }
    }
    Ok(filled)
}

/// Text in the form its place in a body needs.
pub(crate) fn escaped(text: &str, escape: Escape) -> Zeroizing<String> {
    Zeroizing::new(match escape {
        Escape::Plain => text.to_owned(),
        Escape::JsonString => {
            let quoted = Zeroizing::new(serde_json::Value::from(text).to_string());
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
        }
        Escape::Form => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
    })
}

/// `None` for a pattern that cannot be read, which covers nothing.
fn covers(pattern: &str, target: &Target) -> Option<bool> {
    let Endpoint { host, port } = target.endpoint();
    let pattern = pattern.trim();
    let (pattern, below) = pattern.strip_prefix("*.").map_or((pattern, false), |rest| (rest, true));
    let (name, wanted) = match pattern.rsplit_once(':') {
        Some((name, digits)) if !digits.contains(']') => (name, digits.parse::<u16>().ok()?),
        _ => (pattern, if target.url.scheme() == "https" { 443 } else { 80 }),
    };
    let fits = match (HostName::read(name)?, host) {
        (HostName::Domain(zone), HostName::Domain(host)) if below => {
            host.strip_suffix(&zone).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        }
        (bound, host) => !below && bound == *host,
    };
    Some(fits && wanted == *port)
}

#[cfg(test)]
mod tests {
    use domain::call::EgressRules;

    use super::{super::rules::Rules, *};

    fn fits(pattern: &str, url: &str) -> bool {
        let allow = ["127.0.0.1:8999", "[::1]:8999", "api.example.com:8443"].map(str::to_owned).to_vec();
        let target = Rules::read(&EgressRules { allow, deny: vec![] }).unwrap().target(url).unwrap();
        covers(pattern, &target).unwrap_or(false)
    }

    #[test]
    fn a_host_pattern_covers_what_it_says_and_nothing_else() {
        for (pattern, url) in [
            ("api.example.com", "https://api.example.com/x"),
            ("API.example.com", "https://api.EXAMPLE.com./x"),
            ("api.example.com", "http://api.example.com/x"),
            ("api.example.com:443", "https://api.example.com/x"),
            ("api.example.com:8443", "https://api.example.com:8443/x"),
            ("*.example.com", "https://api.example.com/"),
            ("*.example.com", "https://a.b.example.com/"),
            ("*.example.com:8443", "https://api.example.com:8443/"),
            ("127.0.0.1:8999", "http://127.0.0.1:8999/"),
            ("[::1]:8999", "http://[::1]:8999/"),
            ("1.1.1.1", "https://1.1.1.1/"),
            ("[2606:4700:4700::1111]", "https://[2606:4700:4700::1111]/"),
        ] {
            assert!(fits(pattern, url), "{pattern} {url}");
        }
        for (pattern, url) in [
            ("api.example.com", "https://api.example.com:8443/x"),
            ("api.example.com", "https://api.example.com.evil.org/"),
            ("api.example.com", "https://evilapi.example.com/"),
            ("example.com", "https://api.example.com/"),
            ("*.example.com", "https://example.com/"),
            ("*.example.com", "https://evilexample.com/"),
            ("*.1.1.1", "https://1.1.1.1/"),
            ("*", "https://example.com/"),
            ("*.", "https://example.com/"),
            ("", "https://example.com/"),
            ("127.0.0.1", "http://127.0.0.1:8999/"),
            ("example.com:x", "https://example.com/"),
        ] {
            assert!(!fits(pattern, url), "{pattern} {url}");
        }
    }

    #[test]
    fn a_value_is_escaped_for_its_place() {
        assert_eq!(*escaped("a\"b\\c\nd", Escape::JsonString), "a\\\"b\\\\c\\nd");
        assert_eq!(*escaped("a b&c=d", Escape::Form), "a+b%26c%3Dd");
        assert_eq!(*escaped("a\"b&", Escape::Plain), "a\"b&");
    }
}
