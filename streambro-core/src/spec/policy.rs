//! Where streams may go.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};

/// Which destinations a manager allows.
///
/// Addresses are checked after name resolution, and again at every reconnect: a name that pointed at a public host
/// yesterday may point into the private network today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DestinationPolicy {
    /// Any address.
    #[default]
    Any,
    /// Globally routable addresses only: no loopback, private, link-local, multicast or documentation ranges.
    Public,
    /// Only what one of the rules names.
    Allow(Vec<AllowRule>),
}

impl DestinationPolicy {
    /// Whether `host`, which has resolved to `address`, may be contacted.
    pub(crate) fn permits(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Public => is_public(address),
            Self::Allow(rules) => rules.iter().any(|rule| rule.permits(host, address)),
        }
    }
}

/// One line of an allow list; as JSON the text that [`from_str`](Self::from_str) reads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum AllowRule {
    /// A host by name, whatever it resolves to. `*.example.com` stands for every name below `example.com`.
    Host(String),
    /// Every address of a network, whatever the name.
    Network(IpAddr, u8),
}

impl AllowRule {
    fn permits(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Host(pattern) => match pattern.strip_prefix("*.") {
                Some(domain) => {
                    let head = host.len().checked_sub(domain.len() + 1);
                    head.is_some_and(|head| {
                        host.is_char_boundary(head)
                            && host.as_bytes()[head] == b'.'
                            && host[head + 1..].eq_ignore_ascii_case(domain)
                    })
                }
                None => host.eq_ignore_ascii_case(pattern),
            },
            Self::Network(network, bits) => match (network, address.to_canonical()) {
                (IpAddr::V4(network), IpAddr::V4(address)) => {
                    let shift = 32 - u32::from(*bits).min(32);
                    network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
                }
                (IpAddr::V6(network), IpAddr::V6(address)) => {
                    let shift = 128 - u32::from(*bits).min(128);
                    network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
                }
                _ => false,
            },
        }
    }
}

impl FromStr for AllowRule {
    type Err = Error;

    /// Reads a host name, `*.domain`, an address or a network such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// `InvalidSpec` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::new(ErrorKind::InvalidSpec, text, "write a host name, *.domain, an address or a network")
        };
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let width = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Ok(width), str::parse).map_err(|_| invalid())?;
            return if bits <= width { Ok(Self::Network(address, bits)) } else { Err(invalid()) };
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || bits.is_some() || !name.chars().all(legal) {
            return Err(invalid());
        }
        Ok(Self::Host(text.to_owned()))
    }
}

impl TryFrom<String> for AllowRule {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Network(network, bits) => write!(f, "{network}/{bits}"),
        }
    }
}

/// Whether an address is globally routable (IANA special-purpose registries of 2024).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT
        || (a, b, c) == (192, 0, 0) // protocol assignments
        || (a, b, c) == (192, 88, 99) // 6to4 relays
        || (a == 198 && (18..20).contains(&b)) // benchmarks
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // 2000::/3 is what is allocated for global unicast.
    if segments[0] & 0xe000 != 0x2000 {
        // The NAT64 prefix reaches whatever IPv4 address is inside.
        if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
            return is_public_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
        }
        return false;
    }
    match (segments[0], segments[1]) {
        (0x2001, 0x0db8) | (0x3fff, 0x0000..=0x0fff) => false, // documentation
        (0x2001, 0x0000..=0x01ff) => false, // Teredo, ORCHID, benchmarks and other protocol use
        (0x2002, _) => {
            // 6to4 reaches the IPv4 address inside.
            is_public_v4(Ipv4Addr::from_bits((address.to_bits() >> 80) as u32))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_means_reachable_from_everywhere() {
        for address in ["8.8.8.8", "172.32.0.1", "2607:f8b0::1", "64:ff9b::808:808", "::ffff:8.8.8.8"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn allow_rules_match_names_and_networks() {
        let policy = |rules: &[&str]| {
            DestinationPolicy::Allow(rules.iter().map(|rule| rule.parse().unwrap()).collect())
        };
        let lan = "10.9.8.7".parse().unwrap();
        assert!(policy(&["10.0.0.0/8"]).permits("anything", lan));
        assert!(!policy(&["10.0.0.0/16"]).permits("anything", lan));
        assert!(policy(&["*.Example.com"]).permits("a.example.COM", lan));
        assert!(!policy(&["*.example.com"]).permits("example.com", lan));
        assert!(!policy(&["*.example.com"]).permits("evilexample.com", lan));
        assert!(policy(&["0.0.0.0/0"]).permits("anything", lan));
        assert!(!policy(&[]).permits("anything", lan));
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        for rule in ["", "*.", "10.0.0.0/33", "::/129", "a/8", "http://x", "a b"] {
            rule.parse::<AllowRule>().unwrap_err();
        }
    }
}
