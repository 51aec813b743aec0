//! Bodies that come compressed, and answers that go out so.

use crate::support::house::{House, NEW_YEAR, PATIENCE, answer, partner};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Decompress, FlushDecompress};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::time::Duration;
use tidegate::clock::Clock;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(body, 9).unwrap()
}

/// A body under the name of a coding, by whatever way it was made.
fn encoded(request: RequestBuilder, coding: &str, body: Vec<u8>) -> RequestBuilder {
    request.header("content-type", "application/json").header("content-encoding", coding).body(body)
}

type Way = (&'static str, fn(&[u8]) -> Vec<u8>);
const WAYS: [Way; 2] = [("gzip", gzip), ("zstd", zstd)];

fn plain(coding: Option<&HeaderValue>, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding.map(|coding| coding.to_str().unwrap()) {
        None => return body.to_vec(),
        Some("gzip") => drop(MultiGzDecoder::new(body).read_to_end(&mut plain).unwrap()),
        Some("zstd") => plain = zstd::stream::decode_all(body).unwrap(),
        Some("br") => brotli::BrotliDecompress(&mut &body[..], &mut plain).unwrap(),
        Some(other) => panic!("{other}"),
    }
    plain
}

async fn fetched(request: RequestBuilder) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn every_write_takes_a_body_that_is_compressed_once() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    for (coding, pack) in WAYS {
        let id = |n: u32| format!("{coding}-{n}");
        for (method, path, body, status) in [
            (Method::POST, "/api/assets".to_owned(), json!([{"id": id(1), "name": "A"}, {"id": id(2)}]), 200),
            (Method::PUT, "/api/assets".to_owned(), json!({"id": id(3), "name": "A"}), 201),
            (Method::PUT, format!("/api/assets/{}", id(4)), json!({"name": "A"}), 201),
            (Method::PATCH, format!("/api/assets/{}", id(1)), json!({"name": "B"}), 200),
            (Method::POST, "/api/prices".to_owned(), json!([{"id": id(1), "amount": "1.50"}]), 200),
            (Method::PUT, format!("/api/assets/{}/price", id(2)), json!({"amount": "2.50"}), 200),
            (
                Method::POST,
                "/api/events".to_owned(),
                json!([{"type": "price.updated", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": id(3), "amount": "3.50"}}]),
                200,
            ),
        ] {
            let request =
                encoded(house.call("acme", method, &path), coding, pack(body.to_string().as_bytes()));
            let (answered, said) = answer(request).await;
            assert_eq!(answered, status, "{coding} {path} {said}");
            assert!(!said.to_string().contains("rejected"), "{coding} {path} {said}");
        }
        let (_, asset) = house.get("acme", &format!("/api/assets/{}", id(1))).await;
        assert_eq!((&asset["name"], &asset["price"]["amount"]), (&json!("B"), &json!("1.5")), "{asset}");
        // large ones are decoded beside the connection's task
        let many: Vec<_> =
            (0..9_000).map(|n| json!({"id": format!("{coding}/{n}"), "name": n.to_string()})).collect();
        let body = pack(json!(many).to_string().as_bytes());
        let (status, said) =
            answer(encoded(house.call("acme", Method::POST, "/api/assets"), coding, body)).await;
        assert_eq!((status, &said["counts"]["created"]), (StatusCode::OK, &json!(9_000)));
        // what is refused of it is kept as it was read
        let odd = pack(format!(r#"{{"id":"{coding}-1","amount":"x"}}"#).as_bytes());
        let (status, said) =
            answer(encoded(house.call("acme", Method::POST, "/api/prices"), coding, odd)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
    }
    let (_, rows) = house.get("acme", "/api/quarantine").await;
    let row = rows["items"][0]["row"].clone();
    let (_, row) =
        house.get("acme", &format!("/api/quarantine/{}", row.as_str().unwrap_or(&row.to_string()))).await;
    assert!(row.to_string().contains("amount") && row.to_string().contains("zstd-1"), "{row}");
    house.stop().await;
}

#[tokio::test]
async fn g2_a_delivery_is_known_by_its_bytes_as_they_were_sent() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let push = |body: Vec<u8>| {
        let request = house.call("acme", Method::POST, "/api/assets").header("idempotency-key", "k1");
        fetched(encoded(request, "gzip", body))
    };
    let body = br#"{"id":"a","name":"A"}"#;
    assert_eq!(push(gzip(body)).await.0, StatusCode::CREATED);
    let (status, headers, _) = push(gzip(body)).await;
    assert_eq!(
        (status, &headers["idempotent-replayed"]),
        (StatusCode::CREATED, &HeaderValue::from_static("true"))
    );
    // the same text in other bytes is another body (FAULTS 2.1)
    let two_members = [gzip(&body[..9]), gzip(&body[9..])].concat();
    let (status, _, said) = push(two_members).await;
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY || said["outcome"] == "duplicate", "{status} {said}");
    house.stop().await;
}

#[tokio::test]
async fn a23_a_body_that_becomes_too_much_is_refused_and_nothing_of_it_taken() {
    let mut settings = partner("acme");
    settings.limits.bytes_in_flight_max = 8 << 20;
    let house = House::start(vec![settings], Clock::manual(NEW_YEAR)).await;
    let bomb = [&b"[{\"id\":\"a\"}"[..], &vec![b' '; 64 << 20], b"]"].concat();
    let members = [gzip(b"[{\"id\":\"a\"}"), gzip(&vec![b' '; 900 << 10]).repeat(40), gzip(b"]")].concat();
    let mut state = 7u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b' ' + (state >> 40) as u8 % 64
    };
    let large: Vec<u8> = (0..5_000_000).map(|_| next()).collect();
    let window = {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(b"[").unwrap();
        encoder.flush().unwrap();
        encoder.write_all(b"]").unwrap();
        encoder.finish().unwrap()
    };
    for (what, coding, body, status, code) in [
        ("a small bomb", "gzip", gzip(&bomb[..3 << 20]), 413, "decompress_limit"),
        ("a bomb", "gzip", gzip(&bomb), 413, "body_too_large"),
        ("a bomb", "zstd", zstd(&bomb), 413, "decompress_limit"),
        ("many members", "gzip", members, 413, "body_too_large"),
        ("more than a body may have", "zstd", zstd(&large), 413, "body_too_large"),
        ("a window of 128 MiB", "zstd", window, 400, "bad_encoding"),
        ("nested", "gzip", gzip(&gzip(b"[]")), 400, "bad_utf8"),
    ] {
        let (answered, said) =
            answer(encoded(house.call("acme", Method::POST, "/api/assets"), coding, body)).await;
        assert_eq!(answered, status, "{what} {coding} {said}");
        // what is within is no JSON in one of many ways
        assert!(said["code"] == code || (code == "bad_utf8" && status == 400), "{what} {coding} {said}");
    }
    assert!(house.catalogue("acme").await.is_empty());
    // what was taken for them has been given back
    let all = json!(
        (0..5_000)
            .map(|n| json!({"id": n.to_string(), "text": format!("{:08x}", n * 2_654_435_761u64).repeat(30)}))
            .collect::<Vec<_>>()
    );
    for _ in 0..3 {
        let body = zstd(all.to_string().as_bytes());
        let (status, said) =
            answer(encoded(house.call("acme", Method::POST, "/api/assets"), "zstd", body)).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a24_a_body_that_is_not_what_it_is_said_to_be_is_refused() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let text = br#"[{"id":"a","name":"A"}]"#;
    for (coding, pack) in WAYS {
        let sound = pack(text);
        let mut sum = sound.clone();
        let place = sum.len() - 6;
        sum[place] ^= 0x55;
        let mut broken = vec![
            text.to_vec(),
            Vec::new(),
            sound[..sound.len() - 1].to_vec(),
            sound[..sound.len() / 2].to_vec(),
            [&sound[..], b"junk"].concat(),
            if coding == "gzip" { zstd(text) } else { gzip(text) },
        ];
        if coding == "gzip" {
            broken.push(sum);
        }
        for body in broken {
            let shown = format!("{coding} {body:?}");
            let (status, said) =
                answer(encoded(house.call("acme", Method::POST, "/api/assets"), coding, body)).await;
            assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("bad_encoding")), "{shown}");
        }
    }
    for coding in ["br", "deflate", "gzip, zstd", "gzip, gzip", "aes128gcm"] {
        let request = encoded(house.call("acme", Method::POST, "/api/assets"), coding, gzip(text));
        let (status, headers, _) = fetched(request).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{coding}");
        assert_eq!(headers["accept-encoding"], "gzip, zstd");
    }
    assert!(house.catalogue("acme").await.is_empty(), "nothing of them was taken");
    house.stop().await;
}

#[tokio::test]
async fn what_a_body_becomes_is_charged_beside_what_was_sent() {
    let mut settings = partner("acme");
    settings.limits.asset_write_bytes_per_second = 32 << 10;
    settings.limits.burst = Duration::from_secs(60);
    let house = House::start(vec![settings], Clock::manual(NEW_YEAR)).await;
    let body = zstd(&[&b"[]"[..], &vec![b' '; 900 << 10]].concat());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let request = encoded(house.call("acme", Method::POST, "/api/assets"), "zstd", body.clone());
        statuses.push(answer(request).await.0.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429], "1,920 KiB are there at once, and a debt is waited for");
    house.stop().await;
}

/// A house with a page of 400 assets.
async fn stocked() -> House {
    let house = House::with(&["acme"], Clock::system()).await;
    let items: Vec<_> = (0..400)
        .map(|n| json!({"id": format!("a{n:03}"), "name": format!("Villa {n}"), "updated_at": "2025-01-01T00:00:00Z"}))
        .collect();
    let (status, _) = house.post("acme", "/api/assets", &json!(items)).await;
    assert_eq!(status, StatusCode::OK);
    house.put("acme", "/api/assets/large", &json!({"text": "Lorem ipsum ".repeat(800)})).await;
    house
}

#[tokio::test]
async fn a_read_is_sent_in_the_coding_that_is_liked_best() {
    let house = stocked().await;
    let paths = [
        "/api/assets?limit=400&status=any",
        "/api/partners/acme/assets/large",
        "/api/changes?limit=300",
        "/docs/quickstart",
        "/openapi.json",
    ];
    for path in paths {
        let (status, plain_headers, whole) = fetched(house.read(path)).await;
        assert_eq!((status, plain_headers.get("content-encoding")), (StatusCode::OK, None), "{path}");
        assert!(plain_headers["vary"].to_str().unwrap().contains("accept-encoding"), "{path}");
        for (header, coding) in [
            ("gzip", "gzip"),
            ("gzip, deflate, br", "br"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd;q=0.1, gzip;q=0.2, identity;q=0", "gzip"),
            ("*", "zstd"),
        ] {
            let (status, headers, body) = fetched(house.read(path).header("accept-encoding", header)).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(headers["content-encoding"], coding, "{path} {header}");
            assert_eq!(headers["content-length"], body.len().to_string(), "{path} {header}");
            assert!(headers["vary"].to_str().unwrap().contains("accept-encoding"));
            assert!(body.len() * 2 < whole.len(), "{path} {header}: {} of {}", body.len(), whole.len());
            let read = plain(headers.get("content-encoding"), &body);
            // a clock ticks within pages of assets
            assert!(read.len().abs_diff(whole.len()) < 16, "{path} {header}");
            assert!(!path.contains("doc") || read == whole, "{path} {header}");
            let url = format!("http://{}{path}", house.daemon().address());
            let head = house
                .client
                .head(url)
                .bearer_auth(crate::support::house::READER)
                .header("accept-encoding", header);
            let (_, of_head, none) = fetched(head).await;
            assert_eq!((of_head.get("content-encoding"), none.len()), (headers.get("content-encoding"), 0));
        }
    }
    let me = |accept: &'static str| fetched(house.read("/api/me").header("accept-encoding", accept));
    assert_eq!(me("gzip").await.1.get("content-encoding"), None, "a small one is not worth it");
    let (_, headers, body) = me("gzip, identity;q=0").await;
    assert_eq!(headers["content-encoding"], "gzip", "who takes nothing else gets it all the same");
    assert!(plain(headers.get("content-encoding"), &body).starts_with(b"{\"reader\""));
    house.stop().await;
}

#[tokio::test]
async fn d9_an_answer_in_other_bytes_has_another_tag_that_means_the_same_state() {
    let house = stocked().await;
    let get = |accept: &'static str| {
        house.call("acme", Method::GET, "/api/assets/large").header("accept-encoding", accept)
    };
    let plain_tag = fetched(get("identity")).await.1["etag"].clone();
    let mut tags = vec![plain_tag.clone()];
    for coding in ["gzip", "zstd", "br"] {
        let (_, headers, _) = fetched(get(coding)).await;
        let tag = headers["etag"].clone();
        assert!(!tag.to_str().unwrap().starts_with("W/") && !tags.contains(&tag), "{tag:?} of {tags:?}");
        let (status, unmodified, body) = fetched(get(coding).header("if-none-match", tag.clone())).await;
        assert_eq!((status, &unmodified["etag"], body.len()), (StatusCode::NOT_MODIFIED, &tag, 0));
        assert_eq!(unmodified["vary"], headers["vary"]);
        let (status, _, _) = fetched(get(coding).header("if-match", tag.clone())).await;
        assert_eq!(status, StatusCode::OK);
        tags.push(tag);
    }
    for (n, tag) in tags.into_iter().enumerate() {
        let tag_of_now = match n {
            0 => tag,
            // each write has made another state: the newest is read again in the same coding
            _ => fetched(get(["gzip", "zstd", "br"][n - 1])).await.1["etag"].clone(),
        };
        let text = "Dolor sit ".repeat(800);
        let request =
            house.call("acme", Method::PATCH, "/api/assets/large").header("if-match", tag_of_now.clone());
        let (status, said) =
            answer(crate::support::house::json(request, &json!({"text": text, "n": n}))).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        let request = house.call("acme", Method::PATCH, "/api/assets/large").header("if-match", tag_of_now);
        let (status, _) = answer(crate::support::house::json(request, &json!({"n": "late"}))).await;
        assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    }
    house.stop().await;
}

#[tokio::test]
async fn an_answer_to_a_push_is_compressed_only_where_it_is_large() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let batch =
        |n: usize| json!((0..n).map(|n| json!({"id": n.to_string()})).collect::<Vec<_>>()).to_string();
    for (n, coding) in [(1, None), (20, None), (2_000, Some("gzip"))] {
        let request =
            house.call("acme", Method::POST, "/api/assets").header("content-type", "application/json");
        let (status, headers, body) = fetched(request.header("accept-encoding", "gzip").body(batch(n))).await;
        assert!(status.is_success());
        assert_eq!(headers.get("content-encoding").map(|coding| coding.to_str().unwrap()), coding, "{n}");
        let said: Value = serde_json::from_slice(&plain(headers.get("content-encoding"), &body)).unwrap();
        assert_eq!(said["items"].as_array().map_or(1, Vec::len), n.max(1), "{n}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_export_is_compressed_whole_and_reads_the_same() {
    let house = stocked().await;
    let export = |accept: &'static str| fetched(house.read("/api/export").header("accept-encoding", accept));
    let (_, headers, whole) = export("identity").await;
    assert_eq!(
        (headers.get("content-encoding"), &headers["vary"]),
        (None, &HeaderValue::from_static("accept-encoding"))
    );
    let lines = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    for (accept, coding) in
        [("br, gzip", "gzip"), ("gzip, zstd, br", "gzip"), ("zstd", "zstd"), ("gzip;q=0.5, zstd", "zstd")]
    {
        let (status, headers, packed) = export(accept).await;
        assert_eq!(
            (status, &headers["content-encoding"]),
            (StatusCode::OK, &HeaderValue::from_static(coding))
        );
        assert!(packed.len() * 4 < whole.len(), "{coding}: {} of {}", packed.len(), whole.len());
        let read = plain(headers.get("content-encoding"), &packed);
        assert_eq!(lines(&read), lines(&whole), "{coding}");
        assert!(lines(&read).last().unwrap().contains("\"type\":\"end\""), "{:?}", lines(&read).last());
    }
    house.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_compressed_gives_each_event_at_once_and_ends_whole() {
    let house = House::with(&["acme"], Clock::system()).await;
    let request = house.read("/api/changes").header("accept", "text/event-stream");
    let mut stream = request.header("accept-encoding", "gzip, deflate, br").send().await.unwrap();
    assert_eq!(stream.headers()["content-encoding"], "gzip");
    assert_eq!(stream.headers()["vary"], "accept-encoding");
    let (mut packed, mut text) = (Vec::new(), String::new());
    for n in 0..20 {
        house.put("acme", "/api/assets/a", &json!({"n": n})).await;
        let wanted = format!("\"n\":{n}");
        // nothing more is pushed until it has come
        while !text.contains(&wanted) {
            let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("the stream speaks");
            packed.extend_from_slice(&chunk.unwrap().expect("it goes on"));
            text = String::from_utf8(so_far(&packed)).unwrap();
        }
    }
    // it ends as the daemon stops: with the gzip member's own end
    house.stop().await;
    while let Some(chunk) = stream.chunk().await.unwrap() {
        packed.extend_from_slice(&chunk);
    }
    let mut whole = Vec::new();
    MultiGzDecoder::new(&packed[..]).read_to_end(&mut whole).expect("sum and length are right");
    assert!(String::from_utf8(whole).unwrap().contains("\"reason\":\"shutdown\""));
}

#[tokio::test]
async fn a_stream_by_zstd_gives_each_event_at_once_in_a_frame_of_its_own() {
    let house = House::with(&["acme"], Clock::system()).await;
    let request = house.read("/api/changes").header("accept", "text/event-stream");
    let mut stream = request.header("accept-encoding", "zstd").send().await.unwrap();
    assert_eq!(stream.headers()["content-encoding"], "zstd");
    let (mut packed, mut text) = (Vec::new(), String::new());
    for n in 0..20 {
        house.put("acme", "/api/assets/a", &json!({"n": n})).await;
        // nothing more is pushed until it has come
        while !text.contains(&format!("\"n\":{n}")) {
            let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("the stream speaks");
            packed.extend_from_slice(&chunk.unwrap().expect("it goes on"));
            // a frame may have come in part
            let read = zstd::stream::decode_all(&packed[..]).unwrap_or_default();
            text = String::from_utf8(read).unwrap();
        }
    }
    house.stop().await;
    while let Some(chunk) = stream.chunk().await.unwrap() {
        packed.extend_from_slice(&chunk);
    }
    let whole = zstd::stream::decode_all(&packed[..]).expect("it ends with a frame");
    assert!(String::from_utf8(whole).unwrap().contains("\"reason\":\"shutdown\""));
}

/// All that can be read of a gzip stream that goes on.
fn so_far(packed: &[u8]) -> Vec<u8> {
    // the header of a member without a name has ten bytes
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity(1 << 20);
    inflate.decompress_vec(&packed[10.min(packed.len())..], &mut out, FlushDecompress::Sync).unwrap();
    out
}
