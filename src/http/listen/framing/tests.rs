//! Each rule by an example, and streams of random requests, sound and spoilt, cut at random places: what
//! passes is what a second, simpler reader of the whole stream finds.

use super::random::Stream;
use super::reference::{self, Read, StreamEnding};
use super::*;

pub(in crate::http::listen) const BOUNDS: HeadBounds = HeadBounds { bytes_max: 16 * 1024, headers_max: 100 };

/// What became of a stream that is shown in these pieces, as the wire shows it.
fn shown<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, u64, Option<Broken>) {
    let mut framing = Framing::new(BOUNDS);
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        let judged = framing.judge(&held);
        passed.extend(held.drain(..judged.pass));
        if judged.broken.is_some() {
            return (passed, framing.heads(), judged.broken);
        }
    }
    (passed, framing.heads(), None)
}

fn verdict(stream: &str) -> Option<Broken> {
    shown([stream.as_bytes()]).2
}

fn refused(lines: &str) -> HeadFault {
    match verdict(&format!("{lines}\r\n\r\n")) {
        Some(Broken::Head(why)) => why,
        other => panic!("{lines:?}: {other:?}"),
    }
}

fn passes(stream: &str) {
    assert_eq!(shown([stream.as_bytes()]), (stream.as_bytes().to_vec(), 1, None), "{stream:?}");
}

#[test]
fn a_usual_request_passes_whole_and_what_follows_begins_a_head() {
    passes("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    passes("\r\n\r\nGET / HTTP/1.1\r\nhost:\r\n\r\n");
    passes("GET / HTTP/1.0\r\n\r\n");
    passes("GET http://a.example/x?y HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
    passes("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
    passes("GET /\u{e9} HTTP/1.1\r\nhost: a\r\nx: \u{e9}\t\r\n\r\n");
    passes("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
    passes(
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n1;n=\"v\"\r\nx\r\n00\r\nt: v\r\n\r\n",
    );
    let two = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nho";
    assert_eq!(shown([two.as_bytes()]), (two.as_bytes()[..two.len() - 18].to_vec(), 1, None));
}

#[test]
fn b27_a_head_that_can_be_read_in_two_ways_is_refused() {
    let post = "POST / HTTP/1.1\r\nhost: a\r\n";
    let length = "content-length: 5";
    let chunked = "transfer-encoding: chunked";
    for two in [
        format!("{post}{length}\r\n{length}"),
        format!("{post}{length}\r\ncontent-length: 6"),
        format!("{post}content-length: 5, 5"),
        format!("{post}content-length: +5"),
        format!("{post}content-length: 0x5"),
        format!("{post}content-length: 5 5"),
        format!("{post}content-length:"),
        format!("{post}content-length: 99999999999999999999"),
        format!("{post}{length}\r\n{chunked}"),
        format!("{post}{chunked}\r\n{length}"),
        format!("{post}{chunked}\r\n{chunked}"),
        format!("{post}transfer-encoding: gzip, chunked"),
        format!("{post}transfer-encoding: chunked, chunked"),
        format!("{post}transfer-encoding: xchunked"),
        format!("{post}transfer-encoding: identity"),
        format!("{post}transfer-encoding: chunked;q=1"),
        format!("{post}transfer-encoding:"),
        format!("POST / HTTP/1.0\r\n{chunked}"),
    ] {
        assert_eq!(refused(&two), HeadFault::BodyLength, "{two:?}");
    }
    for host in [
        "x: 1",
        "host: a\r\nhost: a",
        "host: a\r\nHOST: b",
        "host: a b",
        "host: a,b",
        "host: a/b",
        "host: u@a",
    ] {
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\n{host}")), HeadFault::Host, "{host:?}");
    }
    assert_eq!(refused("GET / HTTP/1.0\r\nhost: a\r\nhost: a"), HeadFault::Host);
    assert_eq!(refused("GET http://a/ HTTP/1.1\r\nx: 1"), HeadFault::Host);
}

#[test]
fn b27_a_line_that_is_none_of_http_is_refused() {
    for lines in [
        "GET / HTTP/1.1\nhost: a",
        "GET / HTTP/1.1\r\nhost: a\nx: 1",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "\nGET / HTTP/1.1\r\nhost: a",
        "GET / HTTP/1.1\r\nhost : a",
        "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n folded",
        "GET / HTTP/1.1\r\n host: a",
        "GET / HTTP/1.1\r\nhost: a\r\n: b",
        "GET / HTTP/1.1\r\nhost: a\r\nx",
        "GET / HTTP/1.1\r\nhost: a\r\nx\0: 1",
        "GET / HTTP/1.1\r\nhost: a\r\nx: \0",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb",
        "GET / HTTP/1.1\r\nhost: a\r\nx\u{e9}: 1",
        "GET  / HTTP/1.1\r\nhost: a",
        "GET / HTTP/1.1 \r\nhost: a",
        "GET /a b HTTP/1.1\r\nhost: a",
        "GET /#a HTTP/1.1\r\nhost: a",
        "GET a/b HTTP/1.1\r\nhost: a",
        "GET / \r\nhost: a",
        "GET /",
        "G(T / HTTP/1.1\r\nhost: a",
        "\u{16}\u{3}\u{1}",
    ] {
        assert_eq!(refused(lines), HeadFault::Line, "{lines:?}");
    }
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/1.10", "HTTP/0.9"] {
        assert_eq!(refused(&format!("GET / {version}\r\nhost: a")), HeadFault::Version, "{version}");
    }
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM"), HeadFault::Version);
    assert_eq!(
        verdict("\u{16}\u{3}"),
        Some(Broken::Head(HeadFault::Line)),
        "TLS, before its first line ends"
    );
}

#[test]
fn b29_a_head_beyond_its_bounds_is_refused_as_soon_as_that_shows() {
    let headers = |n: usize| "x: 1\r\n".repeat(n - 1);
    passes(&format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", headers(100)));
    let too_large = Some(Broken::Head(HeadFault::TooLarge { bytes_max: 16 * 1024, headers_max: 100 }));
    assert_eq!(verdict(&format!("GET / HTTP/1.1\r\nhost: a\r\n{}", headers(101))), too_large);
    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(bytes - 32));
    passes(&head(16 * 1024));
    assert_eq!(verdict(&head(16 * 1024 + 1)), too_large);
    assert_eq!(verdict(&"a".repeat(16 * 1024)), too_large);
    assert_eq!(verdict(&"\r\n".repeat(8 * 1024 + 1)), too_large);
}

#[test]
fn b27_chunks_that_cannot_be_told_apart_break_the_body_where_that_shows() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let long = format!("1;{}\r\n", "a".repeat(256));
    let many = format!("1;{}\r\nx\r\n", "a".repeat(250)).repeat(20);
    let trailers = "t: v\r\n".repeat(101);
    let broken = [
        ("\r\n", 0),
        ("x\r\n", 0),
        ("-1\r\n", 0),
        ("0x1\r\n", 1),
        ("1 \r\nx", 1),
        (" 1\r\nx", 0),
        ("1\nx", 1),
        ("1\rx", 2),
        ("1;a\nx", 3),
        ("1\r\nxy", 4),
        ("1\r\nx\ny", 4),
        ("1\r\nx\r\r", 5),
        ("1\r\nx\r\nGET", 6),
        ("0\r\nGET / HTTP/1.1\r\n", 6),
        ("0\r\nt: v\n\r\n", 7),
        ("0\r\n\r\r", 4),
        ("0\r\n t: v\r\n", 3),
        ("1000000000000000\r\n", 15),
        (&long, 257),
        (&many, 16 * 257 + 81),
    ];
    for (chunks, at) in broken {
        let stream = format!("{head}{chunks}");
        let (passed, heads, broken) = shown([stream.as_bytes()]);
        assert_eq!((passed.len() - head.len(), heads, broken), (at, 1, Some(Broken::Body)), "{chunks:?}");
    }
    let (_, _, broken) = shown([format!("{head}0\r\n{trailers}\r\n").as_bytes()]);
    assert_eq!(broken, Some(Broken::Body));
}

#[test]
fn what_passes_does_not_depend_on_where_the_stream_is_cut_and_is_what_a_second_reader_finds() {
    let (mut sound, mut spoilt) = (0, 0);
    for seed in 0..20_000 {
        let mut stream = Stream::random(seed);
        let Read { requests, ending } = reference::read(&stream.bytes, &BOUNDS);
        let whole = shown([&stream.bytes[..]]);
        let in_pieces = shown(stream.pieces());
        assert_eq!(in_pieces, whole, "seed {seed}: {:?}", String::from_utf8_lossy(&stream.bytes));
        let (passed, heads, broken) = whole;
        let found = match ending {
            StreamEnding::Refused(why) => Some(Broken::Head(why)),
            StreamEnding::BrokenBody => Some(Broken::Body),
            StreamEnding::Between | StreamEnding::Within => None,
        };
        let text = String::from_utf8_lossy(&stream.bytes);
        assert_eq!((heads as usize, broken), (requests.len(), found), "seed {seed}: {text:?}");
        let last = requests.last().map_or(0, |request| request.end);
        assert!(passed.len() >= last && stream.bytes.starts_with(&passed), "seed {seed}: {text:?}");
        *if broken.is_some() { &mut spoilt } else { &mut sound } += 1;
    }
    assert!(sound > 2_000 && spoilt > 2_000, "{sound} sound, {spoilt} spoilt");
}

/// What the check of a usual head costs; `cargo test --release -- --ignored --nocapture` shows it.
#[test]
#[ignore = "a measurement"]
fn the_cost_of_a_usual_head() {
    let push = b"POST /api/prices HTTP/1.1\r\nhost: tidegate.example.com:8080\r\nuser-agent: python-httpx/0.28.1\r\n\
        accept: */*\r\naccept-encoding: gzip, deflate\r\nconnection: keep-alive\r\n\
        authorization: Bearer tg_live_4f6b2a9c8d7e6f5a4b3c2d1e0f9a8b7c\r\ncontent-type: application/json\r\n\
        idempotency-key: \"0190f5fe-7c00-7a3b-8c1d-2e3f4a5b6c7d\"\r\ncontent-length: 74\r\n\r\n\
        {\"id\":\"building-17\",\"amount\":\"101.25\",\"currency\":\"EUR\",\"as_of\":\"2026-03-01\"}";
    let rounds = 1_000_000;
    let mut framing = Framing::new(BOUNDS);
    let began = crate::clock::Mark::now();
    for _ in 0..rounds {
        assert_eq!(framing.judge(std::hint::black_box(push)).pass, push.len());
    }
    println!("{} ns for a request of {} bytes", began.elapsed().as_nanos() / rounds, push.len());
}
