//! Places of one's own network that a feed may be fetched from, named one by one.

use super::super::fault::Wrong;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An entry of a feed's `allow`: a network or a host, and the port where only one is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowedPlace {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whom {
    /// All addresses that begin with so many bits of this one.
    Network(IpAddr, u32),
    /// The host of that name in the feed's address, whatever private address it stands for.
    Host(String),
}

impl AllowedPlace {
    /// Whether it is about that name of a host.
    pub fn names(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        matches!(&self.whom, Whom::Host(name) if name.eq_ignore_ascii_case(host)) && self.has_port(port)
    }

    /// Whether that address lies in it.
    pub fn holds(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        let is_within = match (&self.whom, address) {
            (Whom::Network(IpAddr::V4(base), bits), IpAddr::V4(address)) => {
                u32::from(*base) == u32::from(address) & mask4(*bits)
            }
            (Whom::Network(IpAddr::V6(base), bits), IpAddr::V6(address)) => {
                u128::from(*base) == u128::from(address) & mask6(*bits)
            }
            _ => false,
        };
        is_within && self.has_port(port)
    }

    fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

fn mask4(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

fn mask6(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

impl std::str::FromStr for AllowedPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<AllowedPlace, NoPlace> {
        allowed_place(text).map_err(|wrong| NoPlace(wrong.rule))
    }
}

/// Why a text names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPlace(String);

/// Reads `10.1.0.0/16`, `10.1.2.3:8080`, `[fd00::1]:8443`, `[fd00:1::/32]`, `feeds.internal` or
/// `feeds.internal:8080`.
pub(super) fn allowed_place(text: &str) -> Result<AllowedPlace, Wrong> {
    let (whom, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((whom, "")) => (whom, None),
        Some((whom, rest)) => (whom, Some(rest.strip_prefix(':').ok_or_else(no_place)?)),
        // an IPv6 address without brackets has no port
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(whom, port)| (whom, Some(port))),
    };
    let port = port.map(|port| port.parse().ok().filter(|&port: &u16| port > 0).ok_or_else(no_place));
    Ok(AllowedPlace { whom: whom_of(whom)?, port: port.transpose()? })
}

fn whom_of(text: &str) -> Result<Whom, Wrong> {
    let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
    let Ok(address) = base.parse::<IpAddr>() else {
        return match bits.is_none() && is_host_name(text) {
            true => Ok(Whom::Host(text.to_ascii_lowercase())),
            false => Err(no_place()),
        };
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|&bits| bits <= most);
    let bits = bits.ok_or_else(no_place)?;
    let begin = match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask4(bits))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask6(bits))),
    };
    if begin != address {
        let rule = Wrong::rule(format!("{text} is no network: behind its first {bits} bits all must be 0"));
        return Err(rule.hint(format!("the network of that address is {begin}/{bits}")));
    }
    Ok(Whom::Network(address, bits))
}

/// Letters, digits, dots and hyphens; what ends in a number would be read as an address.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(is_label) && last.bytes().any(|b| !b.is_ascii_digit())
}

fn no_place() -> Wrong {
    let rule = Wrong::rule("must be a network or a host, with a port or without");
    rule.hint("such as \"10.1.0.0/16\", \"10.1.2.3:8080\", \"[fd00::1]:8443\" or \"feeds.internal:8080\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a18_an_entry_holds_its_network_or_names_its_host_and_no_neighbour() {
        let holds = |entry: &str, address: &str, port| {
            allowed_place(entry).unwrap().holds(address.parse().unwrap(), port)
        };
        for (entry, address) in [
            ("10.1.0.0/16", "10.1.255.255"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3:8080", "10.1.2.3"),
            ("0.0.0.0/0", "127.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.9.9.9"),
            ("fd00:1::/32", "fd00:1:ffff::1"),
            ("[fd00::1]:8080", "fd00::1"),
            ("::/0", "fd00::1"),
        ] {
            assert!(holds(entry, address, 8080), "{entry} {address}");
        }
        for (entry, address) in [
            ("10.1.0.0/16", "10.2.0.0"),
            ("10.1.2.3:8081", "10.1.2.3"),
            ("fd00:1::/32", "fd00:2::1"),
            ("0.0.0.0/0", "fd00::1"),
            ("::/0", "10.0.0.1"),
            ("feeds.internal", "10.0.0.1"),
        ] {
            assert!(!holds(entry, address, 8080), "{entry} {address}");
        }
        let host = allowed_place("Feeds.internal:8080").unwrap();
        assert!(host.names("feeds.INTERNAL", 8080) && host.names("feeds.internal.", 8080));
        assert!(!host.names("feeds.internal", 80) && !host.names("x.feeds.internal", 8080));
        assert!(!allowed_place("10.0.0.0/8").unwrap().names("10.0.0.0", 80));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let wrong = "10.1.0.1/16 10.0.0.0/33 10.0.0.0/x fd00::/129 10.1 10.1.2.3.4 host:0 host:70000 host: \
            [fd00::1]8080 [fd00::1 a..b /16 http://a a/b *.internal 256.1.1.1";
        for text in wrong.split_whitespace().chain(["", "a b"]) {
            assert!(allowed_place(text).is_err(), "{text}");
        }
    }
}
