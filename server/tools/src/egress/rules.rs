//! The decision: may this URL be asked, and may this address be connected to?
//!
//! [`Rules::target`] decides on the URL; the [`Gate`] it gives decides again on each address that a name
//! turns out to have, at the moment of connecting. Both read the same lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::call::EgressRules;
use url::{Host, Url};

use super::address::{Reach, reach};

/// Longer addresses are refused before anything is sent (servers take about 8 KiB).
const MAX_URL: usize = 8 * 1024;

/// Why a call is not let out. The sentences never tell what a name resolved to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The address is not a complete URL such as https://example.com/orders.")]
    NotAUrl,
    #[error("The address is longer than 8 KiB.")]
    TooLong,
    #[error("Only http and https can be called, not {0}.")]
    Scheme(String),
    #[error("A user name or password in the address is not allowed. Put a credential into the Authorization header.")]
    UserInfo,
    #[error("{0} uses a port that is not open. Ports 80 and 443 are; the operator opens others one by one with egress.allow.")]
    Port(String),
    #[error("{0} is, or leads to, an address that is not public. The operator opens private hosts one by one with egress.allow.")]
    NotPublic(String),
    #[error("{0} may never be called from here.")]
    Denied(String),
    #[error("The operator's egress rules hold an entry that is not host:port, so nothing is called.")]
    Rules,
}

/// A host in the one spelling that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum HostName {
    Domain(String),
    Address(IpAddr),
}

impl HostName {
    /// Reads a host as URLs do: any spelling of an IPv4 address becomes that address, international
    /// names become their ASCII form, and the dot of the root is dropped.
    pub(crate) fn read(host: &str) -> Option<Self> {
        Self::of(&Host::parse(host).ok()?)
    }

    fn of<S: AsRef<str>>(host: &Host<S>) -> Option<Self> {
        match host {
            Host::Ipv4(address) => Some(Self::Address((*address).into())),
            Host::Ipv6(address) => Some(Self::Address((*address).into())),
            Host::Domain(name) => {
                let name = name.as_ref();
                let name = name.strip_suffix('.').unwrap_or(name);
                if name.is_empty() || name.len() > 253 || name.split('.').any(str::is_empty) {
                    return None;
                }
                // A name that was a number with a dot behind it.
                if let Ok(address) = name.parse() {
                    return Some(Self::Address(address));
                }
                Some(Self::Domain(name.to_ascii_lowercase()))
            }
        }
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Domain(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A `host:port` pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) host: HostName,
    pub(crate) port: u16,
}

impl Endpoint {
    fn read(entry: &str) -> Option<Self> {
        let (host, port) = entry.trim().rsplit_once(':')?;
        Some(Self { host: HostName::read(host)?, port: port.parse().ok().filter(|&port| port != 0)? })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The rules of one call: the installation's and the call's together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    allow: Vec<Endpoint>,
    deny: Vec<Endpoint>,
}

impl Rules {
    /// Reads both lists; one unreadable entry makes all of them unusable, since it may be a denial.
    pub(crate) fn read(rules: &EgressRules) -> Result<Self, Refusal> {
        let all =
            |entries: &[String]| entries.iter().map(|entry| Endpoint::read(entry).ok_or(Refusal::Rules)).collect::<Result<Vec<_>, _>>();
        Ok(Self { allow: all(&rules.allow)?, deny: all(&rules.deny)? })
    }

    /// These and those: what either opens is open, what either denies is denied.
    pub(crate) fn and(&self, other: Self) -> Self {
        let mut both = self.clone();
        both.allow.extend(other.allow);
        both.deny.extend(other.deny);
        both
    }

    /// Decides on a URL, and gives it in the one spelling that is sent.
    pub(crate) fn target(&self, text: &str) -> Result<Target, Refusal> {
        if text.len() > MAX_URL {
            return Err(Refusal::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| Refusal::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(url.scheme().chars().take(20).collect()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let host = url.host().and_then(|host| HostName::of(&host)).ok_or(Refusal::NotAUrl)?;
        let port = url.port_or_known_default().ok_or(Refusal::NotAUrl)?;
        url.set_host(Some(&host.to_string())).map_err(|_| Refusal::NotAUrl)?;
        url.set_fragment(None);

        let endpoint = Endpoint { host, port };
        let open = self.allow.contains(&endpoint);
        if self.deny.contains(&endpoint) {
            return Err(Refusal::Denied(endpoint.to_string()));
        }
        if !open && !matches!(endpoint.port, 80 | 443) {
            return Err(Refusal::Port(endpoint.to_string()));
        }
        let denied = self.deny.iter().filter(|entry| entry.port == endpoint.port).map(|entry| Denied::of(&entry.host)).collect();
        let gate = Gate { endpoint, open, denied };
        if let HostName::Address(address) = gate.endpoint.host {
            gate.admit(address)?;
        }
        Ok(Target { url, gate })
    }
}

/// A URL that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) gate: Gate,
}

impl Target {
    /// `host:port`, as people and rules write it.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.gate.endpoint
    }

    /// Whether both are reached at the same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.url.scheme() == other.url.scheme() && self.endpoint() == other.endpoint()
    }

    /// Whether what is sent there can be read on the way: plain http to anything but a host that the
    /// operator opened.
    pub(crate) fn is_exposed(&self) -> bool {
        self.url.scheme() != "https" && !self.gate.open
    }
}

/// Addresses that a denied entry stands for, whatever name led there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Denied {
    Exactly(IpAddr),
    /// `localhost`, and the addresses that mean "every interface of this machine".
    ThisMachine,
    /// Another name: compared as a name, since hosts of strangers may share its address.
    Name,
}

impl Denied {
    fn of(host: &HostName) -> Self {
        match host {
            HostName::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Self::ThisMachine,
            HostName::Address(address) => Self::Exactly(*address),
            HostName::Domain(name) if name == "localhost" || name.ends_with(".localhost") => Self::ThisMachine,
            HostName::Domain(_) => Self::Name,
        }
    }

    fn covers(&self, address: IpAddr) -> bool {
        match self {
            Self::Exactly(denied) => *denied == address,
            Self::ThisMachine => address.is_loopback() || address.is_unspecified(),
            Self::Name => false,
        }
    }
}

/// Decides on the addresses behind one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Gate {
    endpoint: Endpoint,
    open: bool,
    denied: Vec<Denied>,
}

impl Gate {
    /// Whether this address may be connected to for this endpoint.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.denied.iter().any(|denied| denied.covers(address)) {
            return Err(Refusal::Denied(self.endpoint.to_string()));
        }
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private if self.open => Ok(()),
            Reach::Private | Reach::Never => Err(Refusal::NotPublic(self.endpoint.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> Rules {
        let list = |entries: &[&str]| entries.iter().map(ToString::to_string).collect();
        Rules::read(&EgressRules { allow: list(allow), deny: list(deny) }).unwrap()
    }

    #[test]
    fn no_spelling_of_a_private_address_passes() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://127.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://0x7F.0.0x0.1/",
            "http://127.0.0.1./",
            "http://127。0。0。1/",
            "http://①②⑦.⓪.⓪.①/",
            "http://%31%32%37.0.0.1/",
            "http://0/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "http://10.0.0.1:443/",
            "https://192.168.1.1/",
            "http:\\\\127.0.0.1\\",
            "http:127.0.0.1",
            "http:///127.0.0.1/",
            "HTTP://127.0.0.1",
        ] {
            assert!(matches!(rules(&[], &[]).target(url), Err(Refusal::NotPublic(_))), "{url}: {:?}", rules(&[], &[]).target(url));
        }
    }

    #[test]
    fn what_is_not_a_plain_web_address_is_refused() {
        for (url, why) in [
            ("file:///etc/passwd", Refusal::Scheme("file".into())),
            ("gopher://example.com/", Refusal::Scheme("gopher".into())),
            ("ftp://example.com/", Refusal::Scheme("ftp".into())),
            ("unix:/run/docker.sock", Refusal::Scheme("unix".into())),
            ("javascript:alert(1)", Refusal::Scheme("javascript".into())),
            ("https://user:pass@example.com/", Refusal::UserInfo),
            ("https://user@example.com/", Refusal::UserInfo),
            ("https://example.com@127.0.0.1/", Refusal::UserInfo),
            ("/orders", Refusal::NotAUrl),
            ("", Refusal::NotAUrl),
            ("https://", Refusal::NotAUrl),
            ("https://a..b/", Refusal::NotAUrl),
            ("https://example.com../", Refusal::NotAUrl),
            ("https://example.com:0/", Refusal::Port("example.com:0".into())),
            ("https://example.com:22/", Refusal::Port("example.com:22".into())),
            ("http://example.com:8080/", Refusal::Port("example.com:8080".into())),
        ] {
            assert_eq!(rules(&[], &[]).target(url).unwrap_err(), why, "{url}");
        }
        assert_eq!(rules(&[], &[]).target(&format!("https://example.com/{}", "a".repeat(9000))).unwrap_err(), Refusal::TooLong);
    }

    #[test]
    fn a_public_address_passes_in_one_spelling() {
        for (url, sent) in [
            ("https://Example.COM./a?b#c", "https://example.com/a?b"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
            ("https://[2606:4700:4700::1111]/x", "https://[2606:4700:4700::1111]/x"),
            ("http://example.com:443/", "http://example.com:443/"),
        ] {
            assert_eq!(rules(&[], &[]).target(url).unwrap().url.as_str(), sent);
        }
    }

    #[test]
    fn an_allowed_pair_opens_that_host_and_that_port_only() {
        let rules = rules(&["127.0.0.1:8999", "ERP.internal.:8443", "[::1]:90"], &[]);
        for open in ["http://127.0.0.1:8999/", "http://2130706433:8999/", "https://erp.internal:8443/x", "http://[::1]:90/"] {
            assert!(rules.target(open).is_ok(), "{open}");
        }
        for closed in
            ["http://127.0.0.1/", "http://127.0.0.1:9000/", "http://127.0.0.2:8999/", "http://localhost:8999/", "http://[::1]:8999/"]
        {
            assert!(rules.target(closed).is_err(), "{closed}");
        }
        let gate = rules.target("https://erp.internal:8443/").unwrap().gate;
        assert!(gate.admit("10.1.2.3".parse().unwrap()).is_ok());
        assert!(gate.admit("169.254.169.254".parse().unwrap()).is_err(), "no rule opens a cloud's metadata");
        assert!(rules.target("https://erp.internal/").unwrap().gate.admit("10.1.2.3".parse().unwrap()).is_err(), "not on port 443");
    }

    #[test]
    fn a_denied_pair_stays_closed_under_every_name_and_wins() {
        let rules = rules(
            &["127.0.0.1:8080", "localhost:8080", "me.internal:8080", "10.0.0.5:5432", "db.internal:5432", "[::1]:8080"],
            &["0.0.0.0:8080", "10.0.0.5:5432", "mail.example.com:443"],
        );
        for url in ["http://127.0.0.1:8080/", "http://[::1]:8080/", "http://10.0.0.5:5432/", "https://MAIL.example.com./"] {
            assert!(matches!(rules.target(url), Err(Refusal::Denied(_))), "{url}");
        }
        for (url, address) in
            [("http://localhost:8080/", "127.0.0.1"), ("http://me.internal:8080/", "::1"), ("http://db.internal:5432/", "10.0.0.5")]
        {
            let gate = rules.target(url).unwrap().gate;
            assert!(matches!(gate.admit(address.parse().unwrap()), Err(Refusal::Denied(_))), "{url}");
        }
    }

    #[test]
    fn unreadable_rules_close_everything() {
        for wrong in ["example.com", "example.com:", ":80", "example.com:99999", "example.com:0", "*.example.com:80:x", "a b:80"] {
            let rules = EgressRules { allow: vec![], deny: vec![wrong.to_owned()] };
            assert_eq!(Rules::read(&rules).unwrap_err(), Refusal::Rules, "{wrong}");
        }
    }
}
