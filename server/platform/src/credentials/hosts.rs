//! The hosts a credential is bound to: read when they are set, so that none is kept that could never match.
//!
//! Whether a host covers an address is decided at the egress, each time something is sent.

use url::Host;

/// The most hosts of one credential.
const MOST: usize = 20;

/// The hosts in texts that each hold one or several, apart by commas, spaces or lines: in small letters, each once.
///
/// # Errors
/// What is wrong with the first that is none, as a sentence.
pub(crate) fn read(texts: &[String]) -> Result<Vec<String>, String> {
    let mut hosts: Vec<String> = Vec::new();
    let typed = texts.iter().flat_map(|text| text.split([',', ' ', '\t', '\r', '\n'])).filter(|part| !part.is_empty());
    for text in typed {
        let host = one(text)?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    match hosts.len() {
        0 => Err("Name at least one host that it may be sent to, such as api.example.com.".to_owned()),
        1..=MOST => Ok(hosts),
        _ => Err(format!("A credential can be bound to at most {MOST} hosts.")),
    }
}

/// One `host`, `host:port`, `*.host` or `*.host:port`.
fn one(text: &str) -> Result<String, String> {
    let shown = crate::mail::text::cut(&crate::mail::text::one_line(text), 60);
    if text.contains("//") || text.contains('/') || text.contains('@') {
        return Err(format!("`{shown}` is not a host. Write the host alone, without https:// and without a path."));
    }
    let (name, below) = text.strip_prefix("*.").map_or((text, false), |rest| (rest, true));
    let (name, port) = match name.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (name, None),
    };
    let wrong = || format!("`{shown}` is not a host such as api.example.com, api.example.com:8443 or *.example.com.");
    let port = match port {
        Some(digits) => Some(
            digits.parse::<u16>().ok().filter(|port| *port != 0 && digits.bytes().all(|sign| sign.is_ascii_digit())).ok_or_else(wrong)?,
        ),
        None => None,
    };
    let host = match Host::parse(name).map_err(|_| wrong())? {
        Host::Domain(domain) => {
            let domain = domain.strip_suffix('.').unwrap_or(&domain).to_ascii_lowercase();
            if domain.is_empty() || domain.len() > 253 || domain.contains('*') || domain.split('.').any(str::is_empty) {
                return Err(wrong());
            }
            if below && !domain.contains('.') {
                return Err(format!("`{shown}` is too wide. After `*.` there is a name of your own, such as example.com."));
            }
            domain
        }
        address if below => return Err(format!("`*.` cannot stand before an address such as {address}.")),
        address => address.to_string(),
    };
    let host = if below { format!("*.{host}") } else { host };
    Ok(match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> Result<Vec<String>, String> {
        read(&[text.to_owned()])
    }

    #[test]
    fn hosts_are_kept_in_one_spelling_and_once() {
        assert_eq!(
            reads("API.Example.com, api.example.com.\n*.Example.com:8443  127.0.0.1:8092 [::1]:90 bücher.example").unwrap(),
            ["api.example.com", "*.example.com:8443", "127.0.0.1:8092", "[::1]:90", "xn--bcher-kva.example"]
        );
    }

    #[test]
    fn what_could_never_match_or_matches_too_much_is_refused() {
        for wrong in [
            "",
            " ,\n",
            "https://api.example.com",
            "api.example.com/v1",
            "user@example.com",
            "*",
            "*.",
            "*.com",
            "*.127.0.0.1",
            "a.*.example.com",
            "example.com:0",
            "example.com:99999",
            "example.com:+80",
            "example.com:",
            ":80",
            "a..b",
            "exa mple.com:x",
        ] {
            assert!(reads(wrong).is_err(), "{wrong}");
        }
        let many: Vec<String> = (0..21).map(|number| format!("h{number}.example.com")).collect();
        assert!(read(&many).is_err());
    }
}
