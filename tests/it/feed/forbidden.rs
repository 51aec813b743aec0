//! A18, A17: no form of a forbidden address leads to a connection, however it is named.
//!
//! A canary listens on every address of this machine; each form that could mean this machine, or the
//! inside of a network, is asked for directly, by a redirect, through a name, and through a name that
//! changes between two answers.

use crate::support::bench::{BODY, Bench};
use crate::support::fault_server::{FaultServer, answer, send};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tidegate::config::AllowedPlace;
use tidegate::feed::{Answers, Fetcher, Lookup};
use tokio::net::TcpListener;

/// Addresses that are never a public feed's: this machine, private networks, metadata services, and all
/// that carries an IPv4 address within IPv6.
fn forbidden() -> Vec<IpAddr> {
    let v4 = "127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.0.0.1 0.1.2.3 10.0.0.1 10.1.2.3 10.255.255.254 \
        172.16.0.1 172.20.1.1 172.31.255.254 192.168.0.1 192.168.1.1 192.168.255.254 169.254.0.1 169.254.169.254 \
        169.254.170.2 169.254.169.123 100.64.0.1 100.100.100.200 100.127.255.254 168.63.129.16 192.0.0.1 192.0.0.192 \
        192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 \
        255.255.255.255";
    let v4: Vec<Ipv4Addr> = v4.split_whitespace().map(|text| text.parse().unwrap()).collect();
    let v6 = ":: ::1 fe80::1 febf::1 fec0::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 ff02::1 ff0e::1 2001:db8::1 \
        2001::1 2001:10::1 2001:20::1 100::1 64:ff9b:1::1 3fff::1 5f00::1 4000::1";
    let v6 = v6.split_whitespace().map(|text| text.parse::<Ipv6Addr>().unwrap());
    let carried = v4.iter().flat_map(|&address| {
        let [a, b, c, d] = address.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        [
            address.to_ipv6_mapped(),
            // IPv4-compatible, NAT64, 6to4, Teredo
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
        ]
    });
    let mut all: Vec<IpAddr> = carried.collect::<Vec<_>>().into_iter().map(IpAddr::V6).collect();
    all.extend(v4.into_iter().map(IpAddr::V4));
    all.extend(v6.map(IpAddr::V6));
    all
}

/// How one address is written in a URL: as it is, and as only a lenient parser reads it.
fn spellings(address: IpAddr) -> Vec<String> {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            let number = u32::from(v4);
            vec![
                v4.to_string(),
                format!("{v4}."),
                number.to_string(),
                format!("0x{number:x}"),
                format!("0{number:o}"),
                format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
                format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
                format!("{a}.{}", number & 0x00ff_ffff),
                format!("{a}.{b}.{}", number & 0xffff),
                format!("%{:02x}{}", v4.to_string().as_bytes()[0], &v4.to_string()[1..]),
                v4.to_string().replace('.', "\u{3002}"),
                v4.to_string().chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect(),
            ]
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            let full = s.map(|part| format!("{part:04X}")).join(":");
            vec![format!("[{v6}]"), format!("[{full}]")]
        }
    }
}

/// Answers each name with the addresses of its turn, the last ones again and again.
struct Names {
    turns: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Lookup for Names {
    fn lookup(&self, _: &str) -> Answers {
        let turns = self.turns.lock().unwrap();
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(turns.len() - 1);
        let addresses = turns[turn].clone();
        Box::pin(async move { Ok::<_, io::Error>(addresses) })
    }
}

fn answering(turns: Vec<Vec<IpAddr>>) -> Arc<Fetcher> {
    let names = Names { turns: Mutex::new(turns), asked: AtomicUsize::new(0) };
    Arc::new(Fetcher::with_lookup(Arc::new(names)).unwrap())
}

/// Listens on all of this machine, and counts who comes.
struct Canary {
    port: u16,
    connections: Arc<AtomicUsize>,
    _task: tokio::task::JoinSet<()>,
}

impl Canary {
    async fn start() -> Canary {
        let first = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        // a machine without IPv6 cannot be reached there either
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
        for listener in [Some(first), second].into_iter().flatten() {
            let count = connections.clone();
            tasks.spawn(async move {
                loop {
                    let _kept = listener.accept().await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Canary { port, connections, _task: tasks }
    }

    fn is_untouched(&self) -> bool {
        self.connections.load(Ordering::Relaxed) == 0
    }
}

fn allow(places: &[&str]) -> Vec<AllowedPlace> {
    places.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a18_no_form_of_a_forbidden_address_is_connected_to_directly_by_redirect_by_name_or_by_rebinding() {
    let canary = Canary::start().await;
    let own = IpAddr::from([127, 0, 0, 1]);
    let (mut forms, addresses) = (0, forbidden());
    for &address in &addresses {
        for host in spellings(address) {
            forms += 1;
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:{}/", canary.port);
                // the one door that is open, for the server that redirects
                let redirect = answer("302 Found", &[&format!("Location: {url}")], b"");
                let server = FaultServer::start(vec![send(redirect)]).await;
                let mut bench = Bench::new(&url);
                bench.feed.allow_private = false;
                bench.feed.fetching.allow = allow(&[&server.address.to_string()]);
                let direct = bench.refused().await.code;
                assert!(["ssrf_blocked", "bad_url"].contains(&direct), "{url}: {direct}");
                bench.feed.url = server.url("/");
                let by_redirect = bench.refused().await.code;
                assert_eq!(by_redirect, "redirect_refused", "{url}");
                assert_eq!(server.connections(), 1, "{url}");
            }
        }
    }
    assert!(forms >= 200, "{forms}");
    for &address in &addresses {
        let beside = vec![IpAddr::from([9, 9, 9, 9]), address];
        for turns in [vec![vec![address]], vec![beside]] {
            let mut bench = Bench::new(&format!("https://feeds.example:{}/", canary.port));
            bench.feed.allow_private = false;
            bench.fetcher = answering(turns);
            bench.feed.fetching.allow = allow(&["192.168.77.77"]);
            assert_eq!(bench.refused().await.code, "ssrf_blocked", "{address}");
        }
        // what was allowed at the first look-up is another address at the second
        let redirect =
            answer("302 Found", &[&format!("Location: http://feeds.example:{}/", canary.port)], b"");
        let server = FaultServer::start(vec![send(redirect)]).await;
        let port = server.address.port();
        let mut bench = Bench::new(&format!("http://feeds.example:{port}/"));
        bench.feed.allow_private = false;
        bench.feed.fetching.allow = allow(&[&format!("127.0.0.1:{port}")]);
        bench.fetcher = answering(vec![vec![own], vec![address]]);
        assert_eq!(bench.refused().await.code, "redirect_refused", "{address}");
        assert_eq!(server.connections(), 1, "{address}");
    }
    assert!(canary.is_untouched());
}

#[tokio::test]
async fn a18_a_place_that_is_listed_is_reached_by_its_network_its_host_and_its_port_and_no_other_is() {
    let server = FaultServer::start(vec![send(answer("200 OK", &[], BODY))]).await;
    let port = server.address.port();
    let reached = async |places: &[&str], host: &str| {
        let mut bench = Bench::new(&format!("http://{host}:{port}/"));
        bench.feed.allow_private = false;
        bench.feed.fetching.allow = allow(places);
        bench.fetcher = answering(vec![vec![IpAddr::from([127, 0, 0, 1])]]);
        bench.fetch().await.err().map(|error| error.code)
    };
    let (with_port, host_with_port) = (format!("127.0.0.1:{port}"), format!("feeds.internal:{port}"));
    let other_port = format!("127.0.0.1:{}", port - 1);
    for (places, host, expected) in [
        (&["127.0.0.0/8"][..], "127.0.0.1", None),
        (&["127.0.0.0/8"], "feeds.internal", None),
        (&[&with_port], "127.0.0.1", None),
        (&["10.0.0.0/8", &with_port], "feeds.internal", None),
        (&["feeds.internal"], "feeds.internal", None),
        (&[&host_with_port], "FEEDS.internal.", None),
        (&[&other_port], "127.0.0.1", Some("ssrf_blocked")),
        (&["10.0.0.0/8"], "feeds.internal", Some("ssrf_blocked")),
        (&["feeds.internal"], "127.0.0.1", Some("ssrf_blocked")),
        (&["feeds.internal"], "other.internal", Some("ssrf_blocked")),
        (&[], "127.0.0.1", Some("ssrf_blocked")),
    ] {
        assert_eq!(reached(places, host).await, expected, "{places:?} {host}");
    }
    // what is public stays https on 443, also where something else is listed
    let mut bench = Bench::new("http://feeds.example/");
    bench.feed.allow_private = false;
    bench.feed.fetching.allow = allow(&["127.0.0.0/8"]);
    bench.fetcher = answering(vec![vec![IpAddr::from([9, 9, 9, 9])]]);
    assert_eq!(bench.refused().await.code, "ssrf_blocked");
}
