//! What a caller may ask for in a time, what each answer says of it, and whom a flood does not hurt.

use crate::support::house::{House, READER, answer, json as with_json, key, partner, wait_for};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::config::PartnerSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So slow that nothing comes back while a test runs, and so much at once.
fn slow(name: &str, at_once: u32, bytes_at_once: u64) -> PartnerSettings {
    let mut settings = partner(name);
    settings.limits.burst = Duration::from_secs(60);
    let limits = &mut settings.limits;
    for items in
        [&mut limits.prices_per_second, &mut limits.asset_writes_per_second, &mut limits.reads_per_second]
    {
        *items = at_once / 60;
    }
    for bytes in [
        &mut limits.price_bytes_per_second,
        &mut limits.asset_write_bytes_per_second,
        &mut limits.read_bytes_per_second,
    ] {
        *bytes = bytes_at_once / 60;
    }
    settings
}

fn prices(n: usize) -> Value {
    let price =
        |n| json!({"id": format!("a{n}"), "amount": "1", "currency": "EUR", "as_of": "2026-01-01T00:00:00Z"});
    (0..n).map(price).collect()
}

/// `"name";r=5;t=1` by name.
fn left(headers: &HeaderMap, bucket: &str) -> Option<(u64, u64)> {
    let all = headers.get("ratelimit")?.to_str().unwrap();
    let own = all.split(", ").find_map(|item| item.strip_prefix(&format!("\"{bucket}\";r=")))?;
    let (remaining, reset) = own.split_once(";t=").unwrap();
    Some((remaining.parse().unwrap(), reset.parse().unwrap()))
}

async fn sent(request: RequestBuilder) -> (StatusCode, HeaderMap) {
    let response = request.send().await.unwrap();
    (response.status(), response.headers().clone())
}

#[tokio::test]
async fn every_answer_to_a_known_caller_says_what_is_left() {
    let house = House::start(vec![slow("acme", 6_000, 60 << 20)], Clock::system()).await;
    let call = |method, path| house.call("acme", method, path);
    let asset = json!({"name": "A"});
    house.put("acme", "/api/assets/a", &asset).await;
    let tag = call(Method::GET, "/api/assets/a").send().await.unwrap().headers()["etag"].clone();
    for (request, status, lane) in [
        (with_json(call(Method::POST, "/api/prices"), &prices(3)), 200, "prices"),
        (call(Method::POST, "/api/prices").body("x"), 415, "prices"),
        (with_json(call(Method::POST, "/api/prices?what=1"), &prices(1)), 400, "prices"),
        (with_json(call(Method::POST, "/api/prices?atomic=%zz"), &prices(1)), 400, "prices"),
        (
            call(Method::POST, "/api/prices").header("content-type", "application/json").body("{"),
            400,
            "prices",
        ),
        (with_json(call(Method::POST, "/api/events"), &json!([])), 200, "prices"),
        (with_json(call(Method::PUT, "/api/assets/a"), &asset), 200, "asset_writes"),
        (call(Method::DELETE, "/api/assets/nobody"), 200, "asset_writes"),
        (call(Method::GET, "/api/assets?limit=1"), 200, "reads"),
        (call(Method::HEAD, "/api/assets/a"), 200, "reads"),
        (call(Method::GET, "/api/assets/a").header("if-none-match", tag), 304, "reads"),
        (call(Method::GET, "/api/assets/none"), 404, "reads"),
        (call(Method::GET, "/api/assets?what=1"), 400, "reads"),
        (call(Method::GET, "/api/partners/other/assets"), 404, ""),
        (call(Method::GET, "/api/export"), 200, "reads"),
        (call(Method::GET, "/api/changes").header("accept", "text/event-stream"), 200, "reads"),
        (call(Method::POST, "/api/feed/run"), 404, "reads"),
        (house.read("/api/assets"), 200, "reads"),
        (house.read("/api/feed"), 403, "reads"),
        (house.read("/docs"), 200, ""),
        (house.client.get(format!("http://{}/api/me", house.daemon().address())), 401, ""),
    ] {
        let shown = format!("{request:?}");
        let (answered, headers) = sent(request).await;
        assert_eq!(answered, status, "{shown}");
        match lane {
            "" => assert!(!headers.contains_key("ratelimit"), "{shown} {headers:?}"),
            lane => {
                let policy = headers["ratelimit-policy"].to_str().unwrap();
                assert!(policy.starts_with(&format!("\"{lane}\";q=")), "{shown} {policy}");
                assert!(policy.contains(&format!("\"{lane}-bytes\";q=")), "{shown} {policy}");
                let (items, _) = left(&headers, lane).unwrap();
                assert!(items > 0, "{shown} {headers:?}");
            }
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn what_is_left_counts_items_and_bytes() {
    let house = House::start(vec![slow("acme", 6_000, 60 << 20)], Clock::system()).await;
    let push = |n| with_json(house.call("acme", Method::POST, "/api/prices"), &prices(n));
    let (_, before) = sent(push(1)).await;
    let (_, after) = sent(push(1_000)).await;
    let (items, bytes) = (left(&before, "prices").unwrap().0, left(&before, "prices-bytes").unwrap().0);
    // a hundred a second come back
    let used = items - left(&after, "prices").unwrap().0;
    assert!((500..=1_000).contains(&used), "{before:?} {after:?}");
    assert!(left(&after, "prices-bytes").unwrap().0 < bytes);
    let (status, me) = house.get("acme", "/api/me").await;
    let lane = &me["lanes"]["prices"];
    assert_eq!((status, &lane["burst"], &lane["per_second"]), (StatusCode::OK, &json!(6_000), &json!(100)));
    assert!(lane["remaining"].as_u64().unwrap() < 6_000, "u13: what is left now: {me}");
    assert!(lane["bytes_remaining"].as_u64() < lane["bytes_burst"].as_u64(), "{me}");
    house.stop().await;
}

#[tokio::test]
async fn b14_b25_bytes_are_charged_by_the_announced_length_before_they_come() {
    let mut settings = slow("acme", 6_000, 60 << 10);
    settings.limits.read_bytes_per_second = 1 << 20;
    let house = House::start(vec![settings], Clock::system()).await;
    // the body never comes: the head alone is answered
    let answered = async |length: usize| {
        let mut socket = TcpStream::connect(house.daemon().address()).await.unwrap();
        let head = format!(
            "POST /api/prices HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n",
            key("acme")
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        while !String::from_utf8_lossy(&reply).contains("request_id") {
            assert_ne!(socket.read_buf(&mut reply).await.unwrap(), 0);
        }
        String::from_utf8_lossy(&reply).into_owned()
    };
    let beyond = answered(100 << 10).await;
    assert!(beyond.starts_with("HTTP/1.1 413") && beyond.contains("beyond_byte_burst"), "{beyond}");
    assert!(beyond.contains("\"bytes_max\":61440"), "{beyond}");
    let large = vec![b' '; 40 << 10];
    let push = || house.call("acme", Method::POST, "/api/prices").header("content-type", "application/json");
    // charged in full before it is found to be no JSON
    assert_eq!(sent(push().body(large.clone())).await.0, StatusCode::BAD_REQUEST);
    let refused = answered(40 << 10).await;
    assert!(
        refused.starts_with("HTTP/1.1 429") && refused.contains("`prices-bytes` is used up"),
        "{refused}"
    );
    assert!(refused.contains("retry-after: ") && refused.contains("\"prices-bytes\";r="), "{refused}");
    // of a body without a length each piece is charged as it comes
    let pieces = futures_util::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1 << 10])));
    let chunked = answer(push().body(reqwest::Body::wrap_stream(pieces))).await;
    assert_eq!((chunked.0, &chunked.1["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("partner_rate")));
    let asset = house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    assert_eq!(asset.0, StatusCode::CREATED, "another lane has bytes of its own: {}", asset.1);
    house.stop().await;
}

#[tokio::test]
async fn an_answer_larger_than_what_is_left_is_given_and_the_next_read_waits() {
    let mut settings = slow("acme", 6_000, 60 << 20);
    settings.limits.read_bytes_per_second = 64;
    let house = House::start(vec![settings], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"text": "x".repeat(60_000)})).await;
    let (status, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!((status, asset["text"].as_str().unwrap().len()), (StatusCode::OK, 60_000));
    let refused = house.call("acme", Method::GET, "/api/assets/a").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    // 60,000 bytes at 64 a second, of which a minute's were there
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((800..=940).contains(&wait), "{wait}");
    assert_eq!(left(refused.headers(), "reads-bytes").unwrap().0, 0);
    let (status, _) = answer(house.read("/api/partners/acme/assets/a")).await;
    assert_eq!(status, StatusCode::OK, "another caller's reads are its own");
    house.stop().await;
}

#[tokio::test]
async fn a_reader_has_rates_too_and_keeps_what_it_has_used_through_a_reload() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![partner("acme")];
        let limits = &mut settings.readers[0].limits;
        (limits.reads_per_second, limits.burst) = (1, Duration::from_secs(60));
    })
    .await;
    let (_, me) = answer(house.read("/api/me")).await;
    assert_eq!(me["lanes"]["reads"]["burst"], 60, "{me}");
    let mut refused = None;
    for _ in 0..80 {
        let (status, headers) = sent(house.read("/api/assets")).await;
        if status != StatusCode::OK {
            refused = Some((status, headers));
            break;
        }
    }
    let (status, headers) = refused.expect("sixty were to be had at once");
    assert_eq!((status, left(&headers, "reads").unwrap().0), (StatusCode::TOO_MANY_REQUESTS, 0));
    assert!(headers.contains_key("retry-after"));
    // another setting is changed, and then its own
    house.settings.partners[0].limits.reads_per_second = 7;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    let statuses = async || {
        let mut statuses = Vec::new();
        for _ in 0..10 {
            statuses.push(sent(house.read("/api/assets")).await.0.as_u16());
        }
        statuses
    };
    assert!(statuses().await.contains(&429), "what was used up is used up still");
    house.settings.readers[0].limits.reads_per_second = 2;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(statuses_of(&house, 10).await, [200; 10], "with other rates it begins full");
    house.stop().await;
}

async fn statuses_of(house: &House, n: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..n {
        statuses.push(sent(house.read("/api/assets")).await.0.as_u16());
    }
    statuses
}

#[tokio::test]
async fn b25_a_flood_at_ten_times_ones_quota_is_refused_and_no_other_partner_is() {
    let flooding = slow("flood", 600, 60 << 20);
    let house = House::start(vec![flooding, partner("calm")], Clock::system()).await;
    for name in ["flood", "calm"] {
        house.put(name, "/api/assets/a0", &json!({"name": "A"})).await;
    }
    let push = |name: &str| with_json(house.call(name, Method::POST, "/api/prices"), &prices(1));
    let flood = async {
        let mut counts = [0; 2];
        for _ in 0..60 {
            let hundred = (0..100).map(|_| sent(push("flood")));
            for (status, headers) in futures_util::future::join_all(hundred).await {
                match status.as_u16() {
                    200 => counts[0] += 1,
                    429 => {
                        counts[1] += 1;
                        assert!(headers.contains_key("retry-after"));
                    }
                    other => panic!("{other}"),
                }
            }
        }
        counts
    };
    let calm = async {
        let mut statuses = Vec::new();
        for _ in 0..300 {
            statuses.push(sent(push("calm")).await.0.as_u16());
        }
        statuses
    };
    let ([taken, refused], calm) = tokio::join!(flood, calm);
    assert!(taken >= 600 && refused >= 1_000, "{taken} taken, {refused} refused");
    assert_eq!(calm, [200; 300], "who keeps to its quota never sees another's flood");
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let shed =
        text.lines().find_map(|line| line.strip_prefix("tidegate_shed_total{reason=\"partner_rate\"} "));
    assert_eq!(shed.unwrap().parse::<u32>().unwrap(), refused, "each refusal is counted");
    house.stop().await;
}

#[tokio::test]
async fn b25_what_was_acknowledged_under_overload_is_there_and_the_rest_was_refused_whole() {
    let directory = tempfile::TempDir::new().unwrap();
    // room for few bodies at once: most are refused before they come
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.server.body_bytes_max = 64 << 10;
        settings.server.bytes_in_flight_max = 256 << 10;
        settings.partners = vec![partner("acme")];
    })
    .await;
    let batch = |n: usize| {
        let asset = |i| json!({"id": format!("b{n}-{i}"), "text": "x".repeat(1_000)});
        (0..50).map(asset).collect::<Value>()
    };
    let push = async |n| {
        let request = with_json(house.call("acme", Method::POST, "/api/assets"), &batch(n));
        let (status, headers) = sent(request).await;
        if status == StatusCode::OK {
            return Some(n);
        }
        assert!([429, 503].contains(&status.as_u16()), "{status}");
        assert!(headers.contains_key("retry-after"));
        None
    };
    let acked: Vec<usize> =
        futures_util::future::join_all((0..200).map(push)).await.into_iter().flatten().collect();
    assert!(!acked.is_empty() && acked.len() < 200, "{} of 200", acked.len());
    let stored = house.catalogue("acme").await;
    assert_eq!(stored.len(), acked.len() * 50);
    for n in acked {
        assert!((0..50).all(|i| stored.contains_key(&format!("b{n}-{i}"))), "batch {n}");
    }
    house.stop().await;
}

#[tokio::test]
async fn b24_of_a_burst_of_prices_on_one_asset_the_newest_stays_and_the_changes_are_in_order() {
    let house = House::with(&["acme"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    // eight senders, each its own times, all of the same asset and all at once
    let senders = (0..8u64).map(|sender| {
        let house = &house;
        async move {
            let mut accepted = Vec::new();
            for round in 0..40u64 {
                let items: Vec<_> = (0..50u64)
                    .map(|n| {
                        let at = (round * 50 + n) * 8 + sender + 1;
                        json!({"id": "a", "amount": at.to_string(), "currency": "EUR",
                            "as_of": format!("2026-01-01T{:02}:{:02}:{:02}.{:03}Z", at / 3_600_000, at / 60_000 % 60, at / 1_000 % 60, at % 1_000)})
                    })
                    .collect();
                let (status, body) = house.post("acme", "/api/prices", &json!(items)).await;
                assert_eq!(status, StatusCode::OK, "{body}");
                for (item, sent) in body["items"].as_array().unwrap().iter().zip(&items) {
                    match item["outcome"].as_str().unwrap() {
                        "created" | "updated" => accepted.push(sent["amount"].as_str().unwrap().parse::<u64>().unwrap()),
                        "superseded" | "unchanged" => {}
                        other => panic!("{other}"),
                    }
                }
            }
            accepted
        }
    });
    let accepted: Vec<u64> = futures_util::future::join_all(senders).await.concat();
    let newest = *accepted.iter().max().unwrap();
    assert_eq!(newest, 40 * 50 * 8);
    let (_, price) = house.get("acme", "/api/assets/a/price").await;
    assert_eq!(price["amount"], json!(newest.to_string()), "{price}");
    // each change is newer than the one before, and the last one is what is stored
    let mut amounts: Vec<u64> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/changes?limit=1000&type=price.updated{cursor}");
        let (status, page) = house.get("acme", &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().unwrap();
        if items.is_empty() {
            break;
        }
        amounts.extend(
            items.iter().map(|item| item["price"]["amount"].as_str().unwrap().parse::<u64>().unwrap()),
        );
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    assert!(amounts.is_sorted() && amounts.last() == Some(&newest), "{amounts:?}");
    house.stop().await;
}

/// A house whose strangers may fail three times a minute.
async fn guarded(directory: &tempfile::TempDir) -> House {
    House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.server.failed_calls_per_minute = 3;
        settings.partners = vec![partner("acme")];
    })
    .await
}

#[tokio::test]
async fn who_fails_too_often_is_told_to_wait_and_a_right_key_is_never_shut_out() {
    let directory = tempfile::TempDir::new().unwrap();
    let house = guarded(&directory).await;
    let from = |last: u8| {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        Client::builder().no_proxy().local_address(address).build().unwrap()
    };
    let url = |path: &str| format!("http://{}{path}", house.daemon().address());
    let (near, far) = (from(1), from(2));
    let mut statuses = Vec::new();
    let mut last = None;
    for _ in 0..6 {
        let response = near.get(url("/api/me")).bearer_auth("wrong").send().await.unwrap();
        statuses.push(response.status().as_u16());
        last = Some(response);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429, 429]);
    let last = last.unwrap();
    assert!(last.headers().contains_key("retry-after") && !last.headers().contains_key("ratelimit"));
    let body: Value = serde_json::from_slice(&last.bytes().await.unwrap()).unwrap();
    assert_eq!(body["code"], "too_many_failures", "{body}");
    // a hook that there is not, or that is not proven, counts as well
    let hook =
        near.post(url("/api/partners/acme/hooks/none")).header("content-type", "application/json").body("{}");
    assert_eq!(sent(hook).await.0, StatusCode::TOO_MANY_REQUESTS);
    // behind one proxy all come from one address: the others' keys are right
    for (client, token) in [(&near, key("acme")), (&near, READER.to_owned()), (&far, key("acme"))] {
        assert_eq!(sent(client.get(url("/api/me")).bearer_auth(token)).await.0, StatusCode::OK);
    }
    assert_eq!(sent(far.get(url("/api/me")).bearer_auth("wrong")).await.0, StatusCode::UNAUTHORIZED);
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "tidegate_auth_failures_total{reason=\"key\"} 7",
        "tidegate_auth_failures_total{reason=\"hook\"} 1",
        "tidegate_shed_total{reason=\"too_many_failures\"} 4",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_operators_wrong_token_counts_among_the_failures() {
    let directory = tempfile::TempDir::new().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.server.failed_calls_per_minute = 2;
        settings.server.admin_token = Some(tidegate::config::KeyHash::of("root"));
    })
    .await;
    let ask = |token: &str| sent(house.admin(Method::GET, "/admin/status").bearer_auth(token));
    let mut statuses = Vec::new();
    for token in ["a", "b", "c"] {
        statuses.push(ask(token).await.0.as_u16());
    }
    assert_eq!(statuses, [401, 401, 429]);
    wait_for("the right token to be let in", async || (ask("root").await.0 == StatusCode::OK).then_some(()))
        .await;
    house.stop().await;
}
