//! Pushes over real HTTP: what becomes of them, and what is refused before and after the body.

use crate::support::house::{House, READER, answer, json as with_json, key, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::config::LimitSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn price(id: &str, amount: &str, as_of: &str) -> Value {
    json!({"id": id, "amount": amount, "currency": "EUR", "as_of": as_of})
}

#[tokio::test]
async fn single_pushes_are_answered_by_their_outcome() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    let asset = json!({"id": "a", "updated_at": "2026-01-01T00:00:00Z", "name": "A"});
    let (status, body) = house.post("acme", "/api/assets", &asset).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::CREATED, &json!("created")), "{body}");
    assert_eq!((&body["id"], &body["applied"]), (&json!("a"), &json!(true)));
    let (status, body) = house.post("acme", "/api/assets", &asset).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::OK, &json!("duplicate")));
    let (status, body) = house.post("acme", "/api/prices", &price("a", "2", "2026-01-02T00:00:00Z")).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::OK, &json!("updated")), "{body}");
    let (status, body) = house.post("acme", "/api/prices", &price("a", "1", "2026-01-01T00:00:00Z")).await;
    assert_eq!(
        (status, &body["outcome"], &body["rule"]),
        (StatusCode::OK, &json!("superseded"), &json!("P1"))
    );
    let (status, body) = house.post("acme", "/api/prices", &price("b", "1", "2026-01-01T00:00:00Z")).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::ACCEPTED, &json!("parked")), "{body}");
    let (status, body) = house.post("acme", "/api/prices", &price("a", "x", "2026-01-03T00:00:00Z")).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("rejected")), "{body}");
    let patch = house.call("acme", Method::PATCH, "/api/assets/nobody");
    let (status, body) = answer(with_json(patch, &json!({"name": "x"}))).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{body}");
    house.stop().await;
}

#[tokio::test]
async fn an_id_with_a_slash_is_one_segment_or_stands_in_the_query() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    let id = "ibc/27394FB0 & 100%";
    let path = "/api/assets/ibc%2F27394FB0%20%26%20100%25";
    let (status, body) = house.put("acme", path, &json!({"name": "Atom"})).await;
    assert_eq!((status, &body["id"]), (StatusCode::CREATED, &json!(id)), "{body}");
    for path in [
        path,
        "/api/assets/~?id=ibc/27394FB0+%26+100%25",
        "/api/partners/acme/assets/~?id=ibc%2F27394FB0%20%26%20100%25",
    ] {
        let (status, body) = house.get("acme", path).await;
        assert_eq!((status, &body["name"]), (StatusCode::OK, &json!("Atom")), "{path} {body}");
    }
    let (status, body) = house.put("acme", path, &json!({"id": "else", "name": "B"})).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("id_mismatch")), "{body}");
    let amount = json!({"amount": "7.5", "currency": "EUR", "as_of": "2026-01-01T00:00:00Z"});
    let (status, body) = house.put("acme", &format!("{path}/price"), &amount).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, body) = house.get("acme", &format!("{path}/price")).await;
    assert_eq!((status, &body["amount"]), (StatusCode::OK, &json!("7.5")), "{body}");
    let (status, body) = house.delete("acme", &format!("{path}/price?at=2026-01-02T00:00:00Z")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (_, body) = house.get("acme", &format!("{path}/price")).await;
    assert_eq!(body["state"], json!("withdrawn"), "{body}");
    house.stop().await;
}

#[tokio::test]
async fn a_deleted_asset_is_gone_and_an_unknown_one_not_found() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    let (status, body) = house.delete("acme", "/api/assets/a").await;
    assert_eq!((status, &body["outcome"]), (StatusCode::OK, &json!("deleted")), "{body}");
    let (status, body) = house.get("acme", "/api/assets/a").await;
    assert_eq!((status, &body["code"]), (StatusCode::GONE, &json!("asset_deleted")));
    let (status, body) = house.get("acme", "/api/assets/b").await;
    assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("no_such_asset")));
    house.stop().await;
}

#[tokio::test]
async fn u12_a_dry_run_says_so_and_names_no_cursor() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    let one = json!({"id": "a", "name": "B"});
    let tries = [
        house.post("acme", "/api/assets?dry_run=true", &one).await,
        house.post("acme", "/api/assets?dry_run=true", &json!([one, {"id": ""}])).await,
        house.post("acme", "/api/prices?dry_run", &price("a", "1", "2026-01-01T00:00:00Z")).await,
        house.put("acme", "/api/assets/a?dry_run=true", &json!({"name": "C"})).await,
        house.delete("acme", "/api/assets/a?dry_run=true").await,
        house.delete("acme", "/api/assets/a/price?dry_run=true").await,
    ];
    for (status, said) in tries {
        assert_eq!((status, &said["dry_run"]), (StatusCode::OK, &json!(true)), "{said}");
        assert!(!said.to_string().contains("cursor"), "{said}");
    }
    let (_, real) = house.post("acme", "/api/assets", &one).await;
    assert!(real.get("dry_run").is_none() && real["cursor"].is_string(), "{real}");
    house.stop().await;
}

#[tokio::test]
async fn b20_b21_a_batch_answers_item_by_item_and_an_atomic_one_as_a_whole() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    let batch = json!([
        price("a", "1", "2026-01-01T00:00:00Z"),
        {"id": "a", "amount": "x"},
        price("a", "2", "2026-01-02T00:00:00Z"),
    ]);
    let (status, body) = house.post("acme", "/api/prices?atomic=true", &batch).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert_eq!(
        house.get("acme", "/api/assets/a/price").await.0,
        StatusCode::NOT_FOUND,
        "nothing was applied"
    );
    let (status, body) = house.post("acme", "/api/prices?dry_run=true", &batch).await;
    assert_eq!((status, &body["counts"]["updated"]), (StatusCode::OK, &json!(2)), "{body}");
    assert_eq!(
        house.get("acme", "/api/assets/a/price").await.0,
        StatusCode::NOT_FOUND,
        "nothing was applied"
    );
    let (status, body) = house.post("acme", "/api/prices", &batch).await;
    assert_eq!((status, &body["counts"]), (StatusCode::OK, &json!({"updated": 2, "rejected": 1})), "{body}");
    assert_eq!(body["items"][1]["outcome"], json!("rejected"));
    assert_eq!(house.get("acme", "/api/assets/a/price").await.1["amount"], json!("2"));
    let (status, body) = house.post("acme", "/api/prices", &json!([])).await;
    assert_eq!((status, &body["items"]), (StatusCode::OK, &json!([])), "{body}");
    let minimal = house.call("acme", Method::POST, "/api/prices").header("prefer", "return=minimal");
    let (status, body) = answer(with_json(minimal, &batch)).await;
    assert_eq!((status, body["items"].as_array().unwrap().len()), (StatusCode::OK, 1), "{body}");
    let lines =
        "{\"id\":\"a\",\"amount\":\"3\",\"currency\":\"EUR\",\"as_of\":\"2026-01-03T00:00:00Z\"}\n".repeat(2);
    let lines = house.call("acme", Method::POST, "/api/prices").body(lines);
    let (status, body) = answer(lines.header("content-type", "application/x-ndjson")).await;
    assert_eq!((status, &body["counts"]), (StatusCode::OK, &json!({"updated": 1, "duplicate": 1})), "{body}");
    house.stop().await;
}

#[tokio::test]
async fn b19_what_is_no_json_is_refused_and_never_repeated() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    let deep = "[".repeat(100_000);
    for (body, code) in [
        ("", "empty_body"),
        ("{", "json_syntax"),
        ("[{\"id\":\"secret-canary\"}", "json_syntax"),
        ("{\"id\":\"a\"} secret-canary", "json_trailing"),
        ("{\"id\":\"a\",\"id\":\"secret-canary\"}", "json_duplicate_name"),
        ("\u{feff}{}", "byte_order_mark"),
        ("7", "body_type"),
        (&deep, "json_depth"),
    ] {
        let request =
            house.call("acme", Method::POST, "/api/prices").header("content-type", "application/json");
        let response = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{:.40}", body);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let text = response.text().await.unwrap();
        assert!(!text.contains("secret-canary"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["code"], json!(code), "{:.40} {text}", body);
    }
    let array = house.put("acme", "/api/assets", &json!([{"id": "a"}])).await;
    assert_eq!(
        (array.0, &array.1["code"]),
        (StatusCode::BAD_REQUEST, &json!("put_needs_one")),
        "{}",
        array.1
    );
    house.stop().await;
}

#[tokio::test]
async fn b22_a_conditional_write_is_held_to_the_version_it_names() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    let read = house.call("acme", Method::GET, "/api/assets/a").send().await.unwrap();
    let etag = read.headers()["etag"].to_str().unwrap().to_owned();
    let put = |name: &'static str, value: &str, path: &str| {
        let request = house.call("acme", Method::PUT, path).header(name, value);
        answer(with_json(request, &json!({"name": "B"})))
    };
    assert_eq!(put("if-none-match", "*", "/api/assets/a").await.0, StatusCode::PRECONDITION_FAILED);
    assert_eq!(
        put("if-match", "\"0-0000000000000000\"", "/api/assets/a").await.0,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(put("if-match", "*", "/api/assets/new").await.0, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put("if-none-match", "*", "/api/assets/new").await.0, StatusCode::CREATED);
    assert_eq!(put("if-match", &etag, "/api/assets/a").await.0, StatusCode::OK);
    assert_eq!(
        put("if-match", &etag, "/api/assets/a").await.0,
        StatusCode::PRECONDITION_FAILED,
        "it has changed"
    );
    house.stop().await;
}

#[tokio::test]
async fn b13_a_partner_reaches_its_own_only_and_a_reader_writes_nothing() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A"})).await;
    assert_eq!(house.get("other", "/api/assets/a").await.0, StatusCode::NOT_FOUND);
    let ask = async |path: &str| {
        answer(house.call("other", Method::GET, path).header("x-request-id", "the-same")).await
    };
    let foreign = ask("/api/partners/acme/assets/a").await;
    let unknown = ask("/api/partners/nobody/assets/a").await;
    assert_eq!(foreign, unknown);
    assert_eq!((foreign.0, &foreign.1["code"]), (StatusCode::NOT_FOUND, &json!("no_such_partner")));
    let address = house.daemon().address();
    let write = house.client.put(format!("http://{address}/api/partners/acme/assets/a"));
    let (status, body) = answer(with_json(write.bearer_auth(READER), &json!({}))).await;
    assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &json!("read_only")));
    house.stop().await;
}

#[tokio::test]
async fn b25_who_is_over_its_quota_is_told_when_to_come_back() {
    let mut few = partner("acme");
    few.limits.prices_per_second = 2;
    few.limits.burst = Duration::from_secs(1);
    few.limits.bytes_in_flight_max = 4096;
    let house = House::start(vec![few], Clock::system()).await;
    let items: Vec<Value> = (0..3).map(|i| price("a", &i.to_string(), "2026-01-01T00:00:00Z")).collect();
    let (status, body) = house.post("acme", "/api/prices", &json!(items)).await;
    assert_eq!((status, &body["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("beyond_burst")), "{body}");
    let request = || with_json(house.call("acme", Method::POST, "/api/prices"), &json!(items[..2]));
    let refused = wait_for("the quota to be used up", async || {
        Some(request().send().await.unwrap()).filter(|response| response.status() != StatusCode::OK)
    })
    .await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.headers()["ratelimit-policy"].to_str().unwrap().starts_with("\"prices\";q=2;w=1, "));
    // more bytes than the partner may have in flight: refused on the head alone
    let mut socket = TcpStream::connect(house.daemon().address()).await.unwrap();
    let head = format!(
        "POST /api/prices HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 8192\r\n\r\n",
        key("acme")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut reply = [0; 12];
    socket.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 429");
    house.stop().await;
}

#[tokio::test]
async fn u04_u09_a_slip_that_is_taken_is_told_with_the_item() {
    let house = House::with(&["acme"], Clock::system()).await;
    let typo = json!({"id": "typo", "name": "t", "updatedAt": "2026-11-28T11:00:00Z"});
    let (status, reply) = house.post("acme", "/api/assets", &typo).await;
    assert_eq!((status, &reply["undated"]), (StatusCode::CREATED, &json!(true)), "{reply}");
    assert_eq!(
        (&reply["warnings"][0]["code"], &reply["warnings"][0]["pointer"]),
        (&json!("member_alike"), &json!("/updatedAt"))
    );
    assert!(reply["warnings"][0]["hint"].as_str().unwrap().contains("`updated_at`"), "{reply}");
    let batch = json!([{"id": "sound", "updated_at": "2026-11-28T11:00:00Z"}, {"id": "b", "class": "real-estate", "updated_at": "2026-11-28T11:00:00Z"}]);
    let request = house.call("acme", Method::POST, "/api/assets").header("prefer", "return=minimal");
    let (status, reply) = answer(with_json(request, &batch)).await;
    assert_eq!((status, reply["items"].as_array().unwrap().len()), (StatusCode::OK, 1), "{reply}");
    let told = &reply["items"][0];
    assert_eq!(
        (&told["index"], &told["warnings"][0]["code"]),
        (&json!(1), &json!("class_unknown")),
        "{reply}"
    );
    house.stop().await;
}

#[tokio::test]
async fn u23_what_only_an_operator_can_change_a_partner_is_told_to_ask_for() {
    let house = House::with(&["acme", "other"], Clock::system()).await;
    house.post("acme", "/api/assets", &json!({"id": "a", "name": "A"})).await;
    let at = "2026-01-01T00:00:00Z";
    for (path, item, code, setting) in [
        ("/api/prices", price("a", "0", at), "amount_zero", "allow_zero"),
        ("/api/prices", price("a", "-1", at), "amount_negative", "allow_negative"),
        (
            "/api/prices",
            json!({"id": "a", "amount": "1", "currency": "XYZ", "as_of": at}),
            "currency_unknown",
            "currencies_extra",
        ),
        ("/api/assets", json!({"id": "a", "status": "sold"}), "status_unknown", "statuses_extra"),
    ] {
        let (_, answered) = house.post("acme", path, &item).await;
        let hint = answered["hint"].as_str().unwrap_or_default();
        let asks = hint.contains("ask the operator to") && hint.contains(setting);
        assert!(answered["code"] == code && asks, "{item} {answered}");
    }
    house.stop().await;
}

#[tokio::test]
async fn u13_as_many_items_as_a_caller_is_told_are_taken_and_one_more_is_not() {
    let mut usual = partner("acme");
    usual.limits = LimitSettings::default();
    let house = House::start(vec![usual], Clock::system()).await;
    let (_, me) = house.get("acme", "/api/me").await;
    let items_max = me["lanes"]["asset_writes"]["items_max"].as_u64().unwrap();
    let items = |n: u64| (0..n).map(|i| json!({"id": i + 1})).collect::<Vec<_>>();
    let (status, refused) = house.post("acme", "/api/assets", &json!(items(items_max + 1))).await;
    assert_eq!((status, &refused["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("beyond_burst")));
    assert_eq!(refused["items_max"], json!(items_max), "{refused}");
    // each refusal has taken a place for its first item
    let taken = wait_for("the lane to be full again", async || {
        let (status, answered) = house.post("acme", "/api/assets", &json!(items(items_max))).await;
        (status != StatusCode::TOO_MANY_REQUESTS).then_some((status, answered))
    });
    let (status, answered) = taken.await;
    assert_eq!(
        (status, answered["items"].as_array().map(Vec::len)),
        (StatusCode::OK, Some(items_max as usize))
    );
    house.stop().await;
}
