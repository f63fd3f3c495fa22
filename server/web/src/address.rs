//! Where a request comes from: the connection's address, or what a trusted proxy says of it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// A range of addresses, as in `10.0.0.0/8`; one address without a slash is a range of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

/// The text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address and no range such as 10.0.0.0/8 or fd00::/8")]
pub struct NotARange(pub String);

impl AddressRange {
    /// Whether an address lies within the range. IPv4 addresses written as IPv6 ones count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let kept = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                range.to_bits() & kept == address.to_bits() & kept
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let kept = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                range.to_bits() & kept == address.to_bits() & kept
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let wrong = || NotARange(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address of the client: the connection's, unless that is a trusted proxy's. Then `forwarded`, the values of
/// `X-Forwarded-For` in the order of the request, is read from its end for as long as proxies are trusted; an entry
/// that is no address ends the reading, because whoever wrote it could write anything before it too.
pub(crate) fn client_address<'a>(peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>, trusted: &[AddressRange]) -> IpAddr {
    let mut client = peer.to_canonical();
    for entry in forwarded.rev().flat_map(|value| value.rsplit(',')) {
        if !trusted.iter().any(|range| range.contains(client)) {
            break;
        }
        let entry = entry.trim();
        let Some(next) = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip())) else { break };
        client = next.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_holds_the_addresses_with_its_prefix() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ] {
            let parsed: AddressRange = range.parse().unwrap();
            assert!(parsed.contains(ip(inside)), "{inside} in {range}");
            assert!(!parsed.contains(ip(outside)), "{outside} in {range}");
        }
        for wrong in ["", "10.0.0.0/33", "fd00::/129", "example.org", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(wrong.parse::<AddressRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_forwarded_address_is_believed_only_from_trusted_proxies() {
        let trusted: Vec<AddressRange> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, client) in [
            ("203.0.113.9", vec!["198.51.100.7"], "203.0.113.9"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", vec!["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", vec!["1.1.1.1", "198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", vec!["1.1.1.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", vec!["1.1.1.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("::ffff:10.0.0.1", vec!["[2001:db8::5]:80"], "2001:db8::5"),
        ] {
            assert_eq!(client_address(ip(peer), forwarded.clone().into_iter(), &trusted), ip(client), "{peer} {forwarded:?}");
        }
    }
}
