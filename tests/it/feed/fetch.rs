//! The fetcher against servers that behave, and against those that do not.

use crate::support::archive;
use crate::support::bench::{BODY, Bench, NOW, body_of, code, code_of_answer, refused};
use crate::support::fault_server::{FaultServer, Step, answer, head, send};
use crate::support::feed_server::{Answered, FeedServer, Served, gzip, http_date};
use futures_util::future::join_all;
use std::path::PathBuf;
use std::time::Duration;
use tidegate::config::FeedSettings;
use tidegate::feed::{FetchRequest, Fetched};

#[tokio::test]
async fn a_feed_is_spooled_hashed_and_described() {
    let server = FeedServer::start().await;
    let feed = Served::json("abc").etag("\"v1\"").last_modified(NOW).content_type("text/plain");
    server.put("/feed", feed.gzip().await);
    let (spooled, bytes) = Bench::new(&server.url("/feed")).body().await;
    assert_eq!(bytes, b"abc");
    assert_eq!(spooled.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(spooled.wire_bytes, gzip(b"abc").await.len() as u64);
    assert_eq!(spooled.etag.as_deref(), Some("\"v1\""));
    assert_eq!(spooled.last_modified.as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(spooled.last_modified_at, Some(NOW));
}

#[tokio::test]
async fn a_whole_fleet_is_fetched_at_once_by_one_fetcher() {
    let server = FeedServer::start().await;
    let bench = Bench::new("");
    let fleet = archive::fleet().unwrap_or_else(archive::small_fleet);
    for (name, path) in &fleet {
        server.put(&format!("/{name}"), Served::json(std::fs::read(path).unwrap()).gzip().await);
    }
    let one = async |(name, path): &(String, PathBuf)| {
        let feed = FeedSettings { url: server.url(&format!("/{name}")), ..bench.feed.clone() };
        let spool = bench.directory.path().join(name);
        let request = FetchRequest {
            feed: &feed,
            etag: None,
            last_modified: None,
            spool: &spool,
            disk_free_bytes_min: 0,
            now: NOW,
        };
        bench.fetcher.fetch(request).await.unwrap();
        assert_eq!(std::fs::read(spool).unwrap(), std::fs::read(path).unwrap(), "{name}");
    };
    join_all(fleet.iter().map(one)).await;
}

#[tokio::test]
async fn a01_a_body_cut_at_any_byte_is_truncated() {
    let whole = answer("200 OK", &["Content-Type: application/json"], BODY);
    for cut in 0..whole.len() {
        assert_eq!(code(vec![send(&whole[..cut])]).await, "truncated", "cut at byte {cut}");
    }
    assert_eq!(body_of(vec![send(whole)]).await.1, BODY);
}

#[tokio::test]
async fn a02_a_chunked_body_without_its_last_chunk_is_truncated() {
    let chunked = head("200 OK", &["Transfer-Encoding: chunked"]);
    let chunk = [format!("{:x}\r\n", BODY.len()).as_bytes(), BODY, b"\r\n"].concat();
    assert_eq!(code(vec![send(chunked.clone()), send(chunk.clone())]).await, "truncated");
    assert_eq!(code(vec![send(chunked.clone()), send("zz\r\n")]).await, "bad_response");
    let (spooled, bytes) = body_of(vec![send(chunked), send(chunk), send("0\r\n\r\n")]).await;
    assert_eq!((bytes.as_slice(), spooled.wire_bytes), (BODY, BODY.len() as u64));
}

#[tokio::test]
async fn a03_a_body_that_the_close_delimits_is_handed_on_for_its_json_to_decide() {
    let script = vec![send("HTTP/1.0 200 OK\r\n\r\n"), send(&BODY[..20])];
    assert_eq!(body_of(script).await.1, &BODY[..20]);
}

#[tokio::test]
async fn a04_what_follows_the_declared_length_is_ignored_and_the_connection_not_used_again() {
    let server = FaultServer::start(vec![send(head("200 OK", &["Content-Length: 10"])), send(BODY)]).await;
    let bench = Bench::new(&server.url("/"));
    for fetches in 1..=2 {
        assert_eq!(bench.body().await.1, &BODY[..10]);
        assert_eq!(server.connections(), fetches);
    }
}

#[tokio::test]
async fn a05_two_lengths_are_a_bad_response() {
    for second in ["Content-Length: 7", "Content-Length: x", "Transfer-Encoding: chunked"] {
        let headers = ["Content-Length: 48", second];
        assert_eq!(code(vec![send(head("200 OK", &headers)), send(BODY)]).await, "bad_response", "{second}");
    }
    assert_eq!(code(vec![send("SSH-2.0-OpenSSH_9.6\r\n")]).await, "bad_response");
}

#[tokio::test]
async fn a06_html_with_200_is_not_an_empty_snapshot() {
    for page in [&b"<!doctype html><p>log in"[..], b"\xef\xbb\xbf \r\n<html>", b"<?xml version='1.0'?><a/>"] {
        assert_eq!(code_of_answer("200 OK", &["Content-Type: application/json"], page).await, "html");
        let packed = gzip(page).await;
        assert_eq!(code_of_answer("200 OK", &["Content-Encoding: gzip"], &packed).await, "html");
    }
}

#[tokio::test]
async fn a07_a_200_without_a_body_is_no_feed() {
    assert_eq!(code_of_answer("200 OK", &[], b"").await, "empty_body");
    assert_eq!(code_of_answer("200 OK", &["Content-Encoding: gzip"], &gzip(b"").await).await, "empty_body");
}

#[tokio::test]
async fn a08_other_successes_than_200_are_never_applied() {
    for status in
        ["201 Created", "202 Accepted", "203 Non-Authoritative", "206 Partial Content", "300 Choices"]
    {
        assert_eq!(code_of_answer(status, &[], BODY).await, "unexpected_status", "{status}");
    }
    assert_eq!(code(vec![send(head("204 No Content", &[]))]).await, "unexpected_status");
}

#[tokio::test]
async fn a09_a_304_to_a_validator_means_not_modified() {
    let server = FeedServer::start().await;
    server.put("/feed", Served::json(BODY).etag("W/\"v1\"").last_modified(NOW));
    let bench = Bench::new(&server.url("/feed"));
    let date = http_date(NOW);
    for (etag, date) in
        [(Some("W/\"v1\""), None), (None, Some(date.as_str())), (Some("W/\"v1\""), Some(&date))]
    {
        assert_eq!(bench.fetch_knowing(etag, date).await, Ok(Fetched::NotModified));
    }
    server.put("/feed", Served::json(BODY).etag("\"v2\"").last_modified(NOW));
    let changed = bench.fetch_knowing(Some("W/\"v1\""), Some(&date)).await.unwrap();
    assert!(matches!(changed, Fetched::Body(spooled) if spooled.etag.as_deref() == Some("\"v2\"")));
    assert_eq!(server.answered("/feed"), Answered { whole: 1, not_modified: 3, refused: 0 });
}

#[tokio::test]
async fn a10_a_304_without_a_validator_is_a_protocol_error() {
    let server = FaultServer::start(vec![send(head("304 Not Modified", &["ETag: \"v1\""]))]).await;
    assert_eq!(Bench::new(&server.url("/")).refused().await.code, "protocol_error");
    let asked = &server.asked()[0];
    assert_eq!((asked.header("if-none-match"), asked.header("if-modified-since")), (None, None));
}

#[tokio::test]
async fn a12_a13_a15_each_refusal_of_the_server_has_its_code() {
    let table = [
        ("404 Not Found", "not_found"),
        ("410 Gone", "gone"),
        ("400 Bad Request", "unexpected_status"),
        ("500 Internal Server Error", "server_error"),
        ("502 Bad Gateway", "server_error"),
        ("504 Gateway Timeout", "server_error"),
    ];
    for (status, expected) in table {
        assert_eq!(
            code_of_answer(status, &["Content-Type: text/html"], b"<p>no").await,
            expected,
            "{status}"
        );
    }
    let server = FeedServer::start().await;
    server.put("/feed", Served::json(BODY));
    server.remove("/feed");
    assert_eq!(Bench::new(&server.url("/feed")).refused().await.code, "not_found");
}

#[tokio::test]
async fn a14_a_throttling_server_says_how_long_to_wait() {
    let table = [
        ("Retry-After: 120", Some(120)),
        ("Retry-After: Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Retry-After: 315360000", Some(86_400)),
        ("Retry-After: -5", None),
        ("Retry-After: later", None),
        ("X-Other: 1", None),
    ];
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        for (header, seconds) in table {
            let error = refused(vec![send(answer(status, &[header], b""))]).await;
            assert_eq!(error.code, "throttled");
            assert_eq!(error.retry_after, seconds.map(Duration::from_secs), "{status} {header}");
        }
    }
}

#[tokio::test]
async fn a21_two_hundred_servers_that_drip_are_too_slow_and_hold_up_nobody() {
    let every = Duration::from_millis(20);
    let drip = vec![send(head("200 OK", &["Content-Length: 100000"])), Step::Drip { byte: b'[', every }];
    let slow = FaultServer::start(drip).await;
    let quick = FeedServer::start().await;
    quick.put("/feed", Served::json(BODY));
    let drips = join_all((0..200).map(|_| async {
        let mut bench = Bench::new(&slow.url("/"));
        bench.feed.idle_timeout = Duration::from_secs(2);
        bench.refused().await.code
    }));
    let healthy = async { Bench::new(&quick.url("/feed")).body().await.1 };
    let (codes, healthy) = tokio::join!(drips, healthy);
    assert_eq!(healthy, BODY);
    assert!(codes.iter().all(|code| *code == "too_slow"), "{codes:?}");
}

#[tokio::test]
async fn a21_a_fetch_that_goes_on_beyond_its_whole_time_is_ended() {
    let every = Duration::from_millis(20);
    let server = FaultServer::start(vec![send(head("200 OK", &[])), Step::Drip { byte: b' ', every }]).await;
    let mut bench = Bench::new(&server.url("/"));
    bench.feed.whole_timeout = Duration::from_millis(300);
    assert_eq!(bench.refused().await.code, "timeout");
}

#[tokio::test]
async fn a22_a_body_without_end_is_too_large_at_its_limit() {
    let flood = Step::Flood(vec![b' '; 64 * 1024]);
    assert_eq!(code(vec![send(head("200 OK", &[])), flood.clone()]).await, "too_large");
    let declared = head("200 OK", &["Content-Length: 4194305"]);
    assert_eq!(code(vec![send(declared), Step::Stall]).await, "too_large");
    let server = FaultServer::start(vec![send(answer("200 OK", &[], BODY))]).await;
    let mut bench = Bench::new(&server.url("/"));
    bench.feed.body_bytes_max = BODY.len() as u64;
    bench.feed.wire_bytes_max = BODY.len() as u64;
    assert_eq!(bench.body().await.1, BODY);
    bench.feed.body_bytes_max -= 1;
    assert_eq!(bench.refused().await.code, "too_large");
}

#[tokio::test]
async fn a23_gzip_bombs_are_stopped_and_two_layers_are_opened_within_the_same_bounds() {
    let encoded = ["Content-Encoding: gzip"];
    let bomb = gzip(&vec![b' '; 3 << 20]).await;
    assert!(bomb.len() * 500 < 3 << 20);
    assert_eq!(code_of_answer("200 OK", &encoded, &bomb).await, "decompress_limit");
    assert_eq!(code_of_answer("200 OK", &[], &bomb).await, "decompress_limit", "sniffed");
    let twice = gzip(&gzip(BODY).await).await;
    for headers in [&encoded[..], &[]] {
        assert_eq!(body_of(vec![send(answer("200 OK", headers, &twice))]).await.1, BODY);
        let thrice = gzip(&twice).await;
        assert_eq!(code_of_answer("200 OK", headers, &thrice).await, "decompress_limit");
        let bomb = gzip(&bomb).await;
        assert_eq!(code_of_answer("200 OK", headers, &bomb).await, "decompress_limit", "nested");
    }
    let server = FaultServer::start(vec![send(answer("200 OK", &encoded, &gzip(BODY).await))]).await;
    let mut bench = Bench::new(&server.url("/"));
    bench.feed.body_bytes_max = BODY.len() as u64 - 1;
    assert_eq!(bench.refused().await.code, "decompress_limit");
}

#[tokio::test]
async fn a23_members_of_gzip_follow_one_another_and_a_small_body_may_shrink_a_lot() {
    let (one, two) = (gzip(&BODY[..20]).await, gzip(&BODY[20..]).await);
    let whole = [one, two].concat();
    for headers in
        [&["Content-Encoding: gzip"][..], &["Content-Encoding: x-GZIP"], &["Content-Type: a/octet"]]
    {
        let (spooled, bytes) = body_of(vec![send(answer("200 OK", headers, &whole))]).await;
        assert_eq!((bytes.as_slice(), spooled.wire_bytes), (BODY, whole.len() as u64));
    }
    let spaces = [&b"["[..], &[b' '; 900_000], b"]"].concat();
    let packed = gzip(&spaces).await;
    assert_eq!(body_of(vec![send(answer("200 OK", &[], &packed))]).await.1, spaces);
}

#[tokio::test]
async fn a24_a_false_or_broken_encoding_is_fatal() {
    let encoded = ["Content-Encoding: gzip"];
    let packed = gzip(BODY).await;
    let spoilt = |place: usize| {
        let mut bytes = packed.clone();
        bytes[place] ^= 1;
        bytes
    };
    let with_rest = [packed.as_slice(), b"rest"].concat();
    let (crc, size) = (spoilt(packed.len() - 8), spoilt(packed.len() - 1));
    for body in [BODY, &packed[..packed.len() - 1], &packed[..12], &packed[..1], &crc, &size, &with_rest] {
        assert_eq!(code_of_answer("200 OK", &encoded, body).await, "bad_encoding", "{body:?}");
    }
    for unknown in ["br", "zstd", "deflate", "gzip, gzip", "gzip\r\nContent-Encoding: gzip"] {
        let header = format!("Content-Encoding: {unknown}");
        assert_eq!(code_of_answer("200 OK", &[&header], &packed).await, "bad_encoding", "{unknown}");
    }
    let cut = [head("200 OK", &["Content-Length: 4000", encoded[0]]), packed[..20].to_vec()].concat();
    assert_eq!(code(vec![send(cut)]).await, "truncated");
}
