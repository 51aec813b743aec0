//! The fetcher and feeds that come in pages.

use crate::support::bench::{Bench, NOW};
use crate::support::fault_server::{FaultServer, Script, Step, answer, head, send};
use crate::support::feed_server::{FeedServer, Served, gzip};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tidegate::config::{Credentials, CursorPlace, NextPage, PageSettings, SecretSource};
use tidegate::domain::Micros;
use tidegate::domain::mapping::Pointer;

fn pointer(name: &str) -> Pointer {
    Pointer(vec![name.into()])
}

fn by_member() -> PageSettings {
    PageSettings::by(NextPage::Member(pointer("next")))
}

fn by_number() -> PageSettings {
    PageSettings::by(NextPage::Number { parameter: "page".into(), first: 1, total: None })
}

fn bench(url: &str, pages: PageSettings) -> Bench {
    let mut bench = Bench::new(url);
    bench.feed.pages = Some(pages);
    bench
}

/// A page of these ids, with more members of the envelope.
fn page(ids: &[u32], more: &str) -> String {
    let records: Vec<_> = ids.iter().map(|id| format!("{{\"id\":\"{id}\"}}")).collect();
    format!("{{\"assets\":[{}]{more}}}", records.join(","))
}

fn next(link: &str) -> String {
    format!(",\"next\":{link}")
}

/// The pages as they are joined.
fn joined(pages: &[&str], is_proven: bool) -> String {
    let pages: String = pages.iter().map(|page| format!("\u{1e}{page}\n")).collect();
    if is_proven { pages + "\u{1e}" } else { pages }
}

fn served(headers: &[&str], body: &str) -> Script {
    vec![send(answer("200 OK", headers, body.as_bytes()))]
}

async fn refused(bench: &Bench) -> (&'static str, String) {
    let error = bench.pages().await.expect_err("the pages are refused");
    (error.code, error.detail)
}

#[tokio::test]
async fn pages_are_joined_hashed_and_marked_at_their_end() {
    let server = FeedServer::start().await;
    let (one, two) = (page(&[1, 2], &next("\"?page=2\"")), page(&[3], &next("null")));
    let older = NOW.plus(-Micros::HOUR);
    server.put("/f", Served::json(one.clone()).gzip().await.last_modified(NOW).etag("\"1\""));
    server.put("/f?page=2", Served::json(two.clone()).last_modified(older).etag("\"2\""));
    let bench = bench(&server.url("/f"), by_member());
    let (spooled, bytes) = bench.pages().await.unwrap();
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), joined(&[&one, &two], true));
    assert_eq!(spooled.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(spooled.wire_bytes, (gzip(one.as_bytes()).await.len() + two.len()) as u64);
    assert_eq!((spooled.etag, spooled.last_modified), (None, None), "one page says nothing of the others");
    assert_eq!(spooled.last_modified_at, Some(older), "the whole is as old as its oldest page");
    server.put("/f?page=2", Served::json(two.clone()).last_modified(NOW.plus(Micros::HOUR)));
    assert_eq!(bench.pages().await.unwrap().0.last_modified_at, Some(NOW), "wherever that stands");
    server.put("/f?page=2", Served::json(two));
    assert_eq!(bench.pages().await.unwrap().0.last_modified_at, None, "or of no time");
}

#[tokio::test]
async fn every_way_to_the_next_page_is_gone() {
    let cursor = |place| NextPage::Cursor { parameter: "after".into(), place };
    let offset = NextPage::Offset { parameter: "skip".into(), first: 0, step: None };
    let last = "<?page=1>; rel=\"first\", <?page=2>; rel=\"next\"";
    for (next, first, headers, paths) in [
        (NextPage::Member(pointer("next")), next("\"/f?page=2\""), vec![], ["/f", "/f?page=2"]),
        (NextPage::Header, String::new(), vec![format!("Link: {last}")], ["/f", "/f?page=2"]),
        (by_number().next, String::new(), vec![], ["/f?page=1", "/f?page=2"]),
        (offset, String::new(), vec![], ["/f?skip=0", "/f?skip=2"]),
        (cursor(CursorPlace::Page(pointer("c"))), ",\"c\":\"a+b\"".into(), vec![], ["/f", "/f?after=a%2Bb"]),
        (cursor(CursorPlace::LastRecord(pointer("id"))), String::new(), vec![], ["/f", "/f?after=2"]),
    ] {
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let scripts = vec![served(&headers, &page(&[1, 2], &first)), served(&[], &page(&[], ""))];
        let server = FaultServer::start_with(|_| scripts).await;
        let (_, bytes) = bench(&server.url("/f"), PageSettings::by(next)).pages().await.unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            joined(&[&page(&[1, 2], &first), &page(&[], "")], true)
        );
        let asked: Vec<_> = server.asked().into_iter().map(|asked| asked.path).collect();
        assert_eq!(asked, paths);
        let conditional = |name| server.asked().iter().any(|asked| asked.header(name).is_some());
        assert!(!conditional("if-none-match") && !conditional("if-modified-since"));
    }
}

#[tokio::test]
async fn a_page_that_fails_fails_them_all_and_is_named() {
    let first = page(&[1], "");
    for (script, code) in [
        (served(&[], "{\"error\":\"busy\"}"), "no_records"),
        (served(&[], "<html>"), "html"),
        (served(&[], ""), "empty_body"),
        (served(&[], "{\"assets\":[{\"id\":\"2\"}"), "truncated"),
        (served(&[], "{\"assets\":[]} {\"assets\":[]}"), "malformed"),
        (served(&[], "{\"assets\":[]}\u{1e}"), "malformed"),
        (vec![send(&answer("200 OK", &[], first.as_bytes())[..60])], "truncated"),
        (vec![send(answer("500 Oops", &[], b""))], "server_error"),
        (vec![send(head("304 Not Modified", &[]))], "protocol_error"),
        (vec![send(answer("404 Not Found", &[], b""))], "not_found"),
        (vec![send(answer("429 Slow Down", &["Retry-After: 7"], b""))], "throttled"),
    ] {
        let server = FaultServer::start_with(|_| vec![served(&[], &first), script]).await;
        let error = bench(&server.url("/f"), by_number()).pages().await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.detail.starts_with("page 2: "), "{error}");
        assert_eq!(error.retry_after, (code == "throttled").then_some(Duration::from_secs(7)));
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn all_bounds_hold_for_all_pages_together() {
    let pages: Vec<String> = (0..4).map(|n| page(&[2 * n, 2 * n + 1], "")).collect();
    let bytes = pages.iter().map(String::len).sum::<usize>() as u64;
    let scripts: Vec<_> = pages.iter().map(|page| served(&[], page)).chain([served(&[], "[]")]).collect();
    let read = async |change: &dyn Fn(&mut Bench)| {
        let server = FaultServer::start_with(|_| scripts.clone()).await;
        let mut bench = bench(&server.url("/f"), by_number());
        change(&mut bench);
        (bench.pages().await.map_or_else(|error| error.code, |_| "read"), server.connections())
    };
    let marks = 2 * (4 + 1) + 1;
    assert_eq!(read(&|bench| bench.feed.wire_bytes_max = bytes + 2).await, ("read", 5));
    assert_eq!(read(&|bench| bench.feed.wire_bytes_max = bytes - 1).await, ("too_large", 4));
    assert_eq!(read(&|bench| bench.feed.body_bytes_max = bytes + 2 + marks).await, ("read", 5));
    assert_eq!(read(&|bench| bench.feed.body_bytes_max = bytes - 1).await, ("too_large", 4));
    assert_eq!(read(&|bench| bench.feed.records_max = 8).await, ("read", 5));
    assert_eq!(read(&|bench| bench.feed.records_max = 7).await, ("too_many_records", 4));
    let pages_max = |max| move |bench: &mut Bench| bench.feed.pages.as_mut().unwrap().pages_max = max;
    assert_eq!(read(&pages_max(5)).await, ("read", 5));
    assert_eq!(read(&pages_max(4)).await, ("too_many_pages", 4));
}

#[tokio::test]
async fn a_bomb_in_a_later_page_is_stopped_by_its_own_ratio() {
    let bomb = gzip(&vec![b' '; 3 << 20]).await;
    let bomb = vec![send(answer("200 OK", &["Content-Encoding: gzip"], &bomb))];
    let plain = format!("{}{}", page(&[1], ""), " ".repeat(1 << 20));
    let server = FaultServer::start_with(|_| vec![served(&[], &plain), bomb]).await;
    assert_eq!(refused(&bench(&server.url("/f"), by_number())).await.0, "decompress_limit");
}

#[tokio::test]
async fn pages_that_come_too_slowly_end_with_the_whole_time() {
    let (first, drip) =
        (served(&[], &page(&[1], "")), Step::Drip { byte: b' ', every: Duration::from_millis(20) });
    let slow = vec![send(head("200 OK", &[])), drip];
    let server = FaultServer::start_with(|_| vec![first, slow]).await;
    let mut bench = bench(&server.url("/f"), by_number());
    bench.feed.whole_timeout = Duration::from_millis(400);
    assert_eq!(refused(&bench).await.0, "timeout");
    let server = FaultServer::start(served(&[], &page(&[1], ""))).await;
    bench.feed.url = server.url("/f");
    bench.feed.pages.as_mut().unwrap().pause = Duration::from_secs(60);
    assert_eq!(refused(&bench).await.0, "timeout", "waiting between two pages counts");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a17_credentials_go_to_every_page_and_to_no_other_server() {
    let other = FaultServer::start(served(&[], &page(&[9], ""))).await;
    let link = next(&format!("\"{}\"", other.url("/f")));
    let scripts = vec![served(&[], &page(&[1], &next("\"?page=2\""))), served(&[], &page(&[2], &link))];
    let server = FaultServer::start_with(|_| scripts).await;
    let mut bench = bench(&server.url("/f"), by_member());
    let secret = bench.directory.path().join("secret");
    std::fs::write(&secret, "canary").unwrap();
    let token = SecretSource::File(secret);
    bench.feed.credentials = Some(Credentials::Bearer { token });
    let (code, detail) = refused(&bench).await;
    assert_eq!(code, "link_refused", "{detail}");
    assert!(!detail.contains("canary") && !detail.contains("?page"), "{detail}");
    assert_eq!(other.connections(), 0, "it was not even asked");
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.header("authorization") == Some("Bearer canary")));
}

#[tokio::test]
async fn a18_a_page_that_redirects_to_an_inner_address_is_refused() {
    let away = vec![send(answer("302 Found", &["Location: http://169.254.169.254/latest"], b""))];
    let server = FaultServer::start_with(|_| vec![served(&[], &page(&[1], "")), away]).await;
    assert_eq!(refused(&bench(&server.url("/f"), by_number())).await.0, "redirect_refused");
}

#[tokio::test]
async fn records_by_their_keys_with_equal_values_are_not_the_same_page() {
    let scripts = ["{\"a\":1}", "{\"b\":1}", "{}"].map(|body| served(&[], body)).to_vec();
    let server = FaultServer::start_with(|_| scripts).await;
    let mut bench = bench(&server.url("/f"), by_number());
    bench.feed.mapping.records.steps.clear();
    bench.feed.mapping.records.by_key = true;
    bench.pages().await.unwrap();
    let same = FaultServer::start(served(&[], "{\"a\":1}")).await;
    bench.feed.url = same.url("/f");
    assert_eq!(refused(&bench).await.0, "pages_repeated");
    assert_eq!(same.connections(), 2);
}
