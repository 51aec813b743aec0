//! The address guard: which addresses a feed may be fetched from.
//!
//! A partner names its feed's URL, and its server names further ones by redirects: without a guard
//! either could point the daemon at the inside of its own network. Checked are the URL of every
//! hop, literal addresses in it, and every address that a name resolves to; connections go only to
//! addresses checked here. Literals are checked apart, because a resolver never sees them.

use super::FetchError;
use super::error::blocked;
use crate::config::{AllowedPlace, FeedSettings};
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longer URLs are mistakes, or worse.
const URL_BYTES_MAX: usize = 4_096;

/// What stands behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The internet.
    Public,
    /// Loopback or a private network: allowed by `allow` and `allow_private`.
    Private,
    /// Never a feed's server: link-local, metadata services, multicast, reserved, tunnels.
    Forbidden,
}

/// Which addresses one feed may be fetched from, beside public ones by https on 443.
#[derive(Clone, Copy, Debug)]
pub struct Allowance<'a> {
    /// Private ones too, on any port, and plain http.
    pub private: bool,
    /// Or so much of them as is listed here.
    pub listed: &'a [AllowedPlace],
}

impl<'a> Allowance<'a> {
    /// Only the internet.
    pub const NONE: Allowance<'static> = Allowance { private: false, listed: &[] };

    /// What the configuration allows a feed.
    pub fn of(feed: &'a FeedSettings) -> Allowance<'a> {
        Allowance { private: feed.allow_private, listed: &feed.fetching.allow }
    }
}

/// Where one hop of a fetch may go: what is said of its URL before its host is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// All private addresses.
    private: bool,
    /// The places that are listed.
    listed: Vec<AllowedPlace>,
    /// The host itself is listed: any private address of it will do.
    is_listed: bool,
    /// Public addresses: https on 443, or whatever `allow_private` lets pass.
    public: bool,
    port: u16,
}

impl Hop {
    /// What is allowed at a URL.
    fn of(url: &Url, allowance: Allowance<'_>) -> Hop {
        let port = url.port_or_known_default().unwrap_or_default();
        Hop {
            private: allowance.private,
            listed: allowance.listed.to_vec(),
            is_listed: allowance.listed.iter().any(|place| place.names(host(url), port)),
            public: allowance.private || (url.scheme() == "https" && port == 443),
            // where nothing is listed it makes no difference, and hops that are alike share a client
            port: if allowance.listed.is_empty() { 0 } else { port },
        }
    }

    /// Whether it may be fetched from that address.
    pub fn allows(&self, address: IpAddr) -> bool {
        let is_listed = self.is_listed || self.listed.iter().any(|place| place.holds(address, self.port));
        match reach(address) {
            Reach::Public => self.public || is_listed,
            Reach::Private => self.private || is_listed,
            Reach::Forbidden => false,
        }
    }
}

type Block4 = ([u8; 4], u32);
type Block6 = ([u16; 8], u32);

const PRIVATE4: [Block4; 4] =
    [([127, 0, 0, 0], 8), ([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];

/// 168.63.129.16 is no reserved address, but on Azure it is the host's own service.
const FORBIDDEN4: [Block4; 12] = [
    ([0, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Only what is given out as global unicast can be public; all other blocks fall outside it.
const GLOBAL6: Block6 = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Teredo and ORCHID, documentation (two blocks), 6to4, which embeds any IPv4 address.
const FORBIDDEN6: [Block6; 4] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const UNIQUE_LOCAL6: Block6 = ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7);

/// Metadata services of clouds (EC2, GCE) within the unique local block.
const METADATA6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Which of the three an address belongs to; one that carries an IPv4 address counts as that.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| reach6(v6), reach4),
    }
}

fn reach4(address: Ipv4Addr) -> Reach {
    let within = |&(base, length): &Block4| {
        let mask = u32::MAX << (32 - length);
        u32::from(address) & mask == u32::from(Ipv4Addr::from(base)) & mask
    };
    if PRIVATE4.iter().any(within) {
        Reach::Private
    } else if FORBIDDEN4.iter().any(within) {
        Reach::Forbidden
    } else {
        Reach::Public
    }
}

fn reach6(address: Ipv6Addr) -> Reach {
    let within = |&(base, length): &Block6| {
        let mask = u128::MAX << (128 - length);
        u128::from(address) & mask == u128::from(Ipv6Addr::from(base)) & mask
    };
    if METADATA6.contains(&address) {
        Reach::Forbidden
    } else if address == Ipv6Addr::LOCALHOST || within(&UNIQUE_LOCAL6) {
        Reach::Private
    } else if within(&GLOBAL6) && !FORBIDDEN6.iter().any(within) {
        Reach::Public
    } else {
        Reach::Forbidden
    }
}

/// Reads a feed's URL and checks it as far as it can be checked without resolving its host.
pub fn parse(text: &str, allowance: Allowance<'_>) -> Result<(Url, Hop), FetchError> {
    if text.len() > URL_BYTES_MAX {
        return Err(FetchError::new(
            "bad_url",
            format!("the feed's url is longer than {URL_BYTES_MAX} bytes"),
        ));
    }
    let url = Url::parse(text).map_err(|e| FetchError::new("bad_url", format!("the feed's url: {e}")))?;
    let hop = check(&url, allowance)?;
    Ok((url, hop))
}

/// Scheme, user name, port, and a literal address. A name is checked when it is resolved, by what is
/// given here.
pub fn check(url: &Url, allowance: Allowance<'_>) -> Result<Hop, FetchError> {
    let refused = |what: &str| Err(FetchError::new("ssrf_blocked", what));
    let hop = Hop::of(url, allowance);
    // a name may stand for a network that is listed
    let may_be_inner = allowance.private || !allowance.listed.is_empty();
    match url.scheme() {
        "https" => {}
        "http" if may_be_inner => {}
        "http" => {
            return refused("the feed's url must be https, unless allow or allow_private lets it be http");
        }
        _ => return refused("the feed's url must be https"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("the feed's url holds a user name or password: put them into its credentials");
    }
    if !may_be_inner && !hop.public {
        return refused("the feed's url names another port than 443, which needs allow or allow_private");
    }
    match literal(url) {
        Some(address) if !hop.allows(address) => Err(blocked(host(url))),
        _ => Ok(hop),
    }
}

/// The host, for messages.
pub fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("the feed's host")
}

/// The parser has normalised every spelling of an address (`0x7f.1`, `2130706433`, full-width
/// digits) to its plain one.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, private: bool) -> &'static str {
        parse(text, Allowance { private, listed: &[] }).map_or_else(|e| e.code, |_| "allowed")
    }

    /// First, last and the neighbours of each refused block.
    #[test]
    fn a18_every_block_is_refused_to_its_edges_and_not_beyond() {
        use Reach::{Forbidden, Private, Public};
        let table = [
            (Forbidden, "0.0.0.0 0.255.255.255 100.64.0.0 100.127.255.255 169.254.0.0 169.254.169.254"),
            (Forbidden, "169.254.170.2 169.254.255.255 192.0.0.0 192.0.0.255 192.0.2.1 192.88.99.1"),
            (Forbidden, "198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.255 224.0.0.0 239.255.255.255"),
            (Forbidden, "240.0.0.0 255.255.255.254 255.255.255.255 168.63.129.16"),
            (Private, "10.0.0.0 10.255.255.255 127.0.0.0 127.0.0.1 127.255.255.255 172.16.0.0"),
            (Private, "172.31.255.255 192.168.0.0 192.168.255.255 ::1 fc00:: fd00::1 fdff::1"),
            (Public, "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255"),
            (Public, "128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0"),
            (Public, "192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255"),
            (Public, "198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255"),
            (Forbidden, ":: ::2 ::7f00:1 64:ff9b::1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1"),
            (Forbidden, "2001:1ff:ffff::1 2001:db8::1 2002:7f00:1::1 3fff:fff::1 5f00::1 fe80::1 febf::1"),
            (Forbidden, "fec0::1 feff::1 ff00::1 ff02::1 fd00:ec2::254 fd20:ce::254 4000::1 1fff::1"),
            (Forbidden, "::ffff:169.254.169.254 ::ffff:0.0.0.0"),
            (Private, "::ffff:127.0.0.1 ::ffff:10.1.2.3"),
            (Public, "::ffff:9.9.9.9 2000::1 2001:200::1 2001:db7::1 2001:db9::1 2003::1 2606:4700::1111"),
            (Public, "3ffe::1 3fff:1000::1"),
        ];
        for (expected, addresses) in table {
            for text in addresses.split_whitespace() {
                assert_eq!(reach(text.parse().unwrap()), expected, "{text}");
            }
        }
    }

    #[test]
    fn a18_odd_spellings_of_inner_addresses_are_refused() {
        let inner = "https://2130706433/ https://0x7f.1/ https://0177.0.0.1/ https://127.1/ https://127.0.0.1./ \
            https://127。0。0。1/ https://１２７.0.0.1/ https://[::1]/ https://[::ffff:127.0.0.1]/ \
            https://[0:0:0:0:0:ffff:7f00:1]/ https://10.0.0.1/ https://192.168.1.1/feed https://%31%32%37.1/ \
            https://[::ffff:169.254.169.254]/ https://169.254.169.254/latest/ https://0/ \
            https://0xa9fea9fe/ https://[fd00:ec2::254]/";
        for text in inner.split_whitespace() {
            assert_eq!(code(text, false), "ssrf_blocked", "{text}");
        }
        for text in ["https://[fe80::1%25eth0]/", "https://1.2.3.4.5/", "https://", "feed.json", ""] {
            assert_eq!(code(text, true), "bad_url", "{text}");
        }
    }

    #[test]
    fn only_plain_https_on_443_is_allowed_by_default() {
        for text in ["https://feeds.example/a?b=c", "https://feeds.example:443/", "https://9.9.9.9/"] {
            assert_eq!(code(text, false), "allowed", "{text}");
        }
        for text in ["http://feeds.example/", "https://feeds.example:8443/", "https://u:p@feeds.example/"] {
            assert_eq!(code(text, false), "ssrf_blocked", "{text}");
        }
        for text in ["ftp://feeds.example/", "file:///etc/passwd", "https://u@feeds.example/"] {
            assert_eq!(code(text, true), "ssrf_blocked", "{text}");
        }
    }

    #[test]
    fn allow_private_opens_private_networks_and_nothing_else() {
        for text in ["http://127.0.0.1:8080/", "http://[::1]:1/", "https://10.1.1.1:9/", "http://[fd00::1]/"]
        {
            assert_eq!(code(text, true), "allowed", "{text}");
        }
        for text in
            ["http://169.254.169.254/", "http://0.0.0.0/", "http://[fe80::1]/", "http://100.100.100.200/"]
        {
            assert_eq!(code(text, true), "ssrf_blocked", "{text}");
        }
    }
}
