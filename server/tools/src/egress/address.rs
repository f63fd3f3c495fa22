//! Which addresses belong to the public internet: a table of those that do not.
//!
//! IPv4 lists what is closed; IPv6 opens only global unicast (`2000::/3`) and lists what is closed
//! within it. Source: the IANA special-purpose address registries (RFC 6890 and its successors), and
//! the addresses at which clouds hand out credentials. To close a range, add a line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How an address may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It belongs to the public internet.
    Public,
    /// It belongs to this machine or a private network: only where the operator opened it.
    Private,
    /// No rule opens it: it is nobody's host, or a cloud's credential desk, or another address in disguise.
    Never,
}

use Reach::{Never, Private, Public};

const CLOSED_V4: &[(Ipv4Addr, u32, Reach)] = &[
    (Ipv4Addr::new(100, 100, 100, 200), 32, Never), // Alibaba Cloud metadata
    (Ipv4Addr::new(168, 63, 129, 16), 32, Never),   // Azure platform, reachable from every virtual machine
    (Ipv4Addr::UNSPECIFIED, 8, Never),              // this network; 0.0.0.0 reaches loopback on Linux
    (Ipv4Addr::new(10, 0, 0, 0), 8, Private),       // RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10, Private),    // shared by carriers, RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8, Private),      // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16, Never),     // link-local, and the metadata of most clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12, Private),    // RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24, Never),       // IETF protocol assignments; Oracle metadata
    (Ipv4Addr::new(192, 0, 2, 0), 24, Never),       // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24, Never),     // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16, Private),   // RFC 1918
    (Ipv4Addr::new(198, 18, 0, 0), 15, Private),    // benchmarking, used inside laboratories
    (Ipv4Addr::new(198, 51, 100, 0), 24, Never),    // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24, Never),     // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4, Never),        // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4, Never),        // reserved, and broadcast
];

const V6: &[(Ipv6Addr, u32, Reach)] = &[
    (Ipv6Addr::LOCALHOST, 128, Private),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Never), // Amazon metadata
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128, Never),  // Google metadata
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Private),         // unique local, RFC 4193
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Never),          // protocol assignments, with Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Never),      // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, Never),          // 6to4 carries an IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Never),          // documentation
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Public),          // global unicast
                                                                      // All else: ::, ::/96 and ::ffff:0:0/96 (IPv4 in disguise), 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64),
                                                                      // fe80::/10 (link-local), fec0::/10, ff00::/8 (multicast), 100::/64 (discard), 5f00::/16.
];

/// How this address may be reached.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => {
            let within = |&&(network, bits, _): &&(Ipv4Addr, u32, Reach)| (v4.to_bits() ^ network.to_bits()) >> (32 - bits) == 0;
            CLOSED_V4.iter().find(within).map_or(Public, |&(_, _, reach)| reach)
        }
        IpAddr::V6(v6) => {
            let within = |&&(network, bits, _): &&(Ipv6Addr, u32, Reach)| (v6.to_bits() ^ network.to_bits()) >> (128 - bits) == 0;
            V6.iter().find(within).map_or(Never, |&(_, _, reach)| reach)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_in_its_class() {
        for (reach_of, addresses) in [
            (
                Public,
                "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 \
                 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
                 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001:80b::200e 2001:200::1 2003::1",
            ),
            (
                Private,
                "10.0.0.0 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 172.16.0.1 172.31.255.255 \
                 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 ::1 fc00::1 fd12:3456::1 fdff::1",
            ),
            (
                Never,
                "0.0.0.0 0.1.2.3 100.100.100.200 168.63.129.16 169.254.169.254 169.254.0.1 192.0.0.192 192.0.2.1 192.88.99.1 \
                 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::127.0.0.1 ::ffff:127.0.0.1 \
                 ::ffff:8.8.8.8 ::ffff:a00:1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 2002:7f00:1::1 2002:808:808::1 2001::1 \
                 2001:20::1 2001:db8::1 3fff::1 fd00:ec2::254 fd20:ce::254 fe80::1 febf::1 fec0::1 ff02::1 100::1 4000::1",
            ),
        ] {
            for address in addresses.split_whitespace() {
                assert_eq!(reach(address.parse().unwrap()), reach_of, "{address}");
            }
        }
    }
}
