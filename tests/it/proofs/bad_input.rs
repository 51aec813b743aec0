//! Bad input: each kind is answered by a clear error, or ends its run with a code; and nothing of
//! the catalogue or of the change stream moves.

use crate::support::exact::{Assets, catalogue};
use crate::support::fault_server::{FaultServer, Step, answer as reply, head, send};
use crate::support::house::{House, READER, answer, feed, partner};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use tidegate::clock::Clock;

const NAME: &str = "acme";
const OTHER: &str = "other";
const JSON: &str = "application/json";
const FEED: &str = r#"{"assets": [{"id": "a", "n": 1}, {"id": "b", "n": 2, "price": {"amount": "2"}}]}"#;

/// All that readers can see.
#[derive(Debug, PartialEq)]
struct State {
    catalogue: BTreeMap<String, Assets>,
    changes: Vec<Value>,
}

async fn state(house: &House) -> State {
    let mut changes = Vec::new();
    let mut since = String::new();
    loop {
        let path = format!("/api/changes?limit=1000&since={since}");
        let (_, page) = answer(house.read(&path)).await;
        changes.extend(page["items"].as_array().expect("items").iter().cloned());
        page["next_cursor"].as_str().expect("a cursor").clone_into(&mut since);
        if page["more"] == false {
            return State { catalogue: without_ages(catalogue(house).await), changes };
        }
    }
}

/// The age of a price moves by itself.
fn without_ages(mut catalogue: BTreeMap<String, Assets>) -> BTreeMap<String, Assets> {
    for asset in catalogue.values_mut().flat_map(BTreeMap::values_mut) {
        if let Some(price) = asset.remove("price") {
            let mut price = price.object();
            price.remove("age_seconds");
            asset.insert("price".into(), crate::support::exact::Exact::Object(price));
        }
    }
    catalogue
}

/// Sends it, and demands the status, the code, and words that say what to do.
async fn is_refused(what: &str, request: RequestBuilder, status: u16, code: &str) {
    let (found, reply) = answer(request).await;
    assert_eq!((found.as_u16(), &reply["code"]), (status, &value!(code)), "{what}: {reply}");
    let says = |member: &str| reply[member].as_str().is_some_and(|text| text.len() > 10);
    assert!(says("hint") || says("detail"), "{what}: {reply}");
}

/// A house with two partners, an asset and a price.
async fn furnished() -> House {
    let house = House::with(&[NAME, OTHER], Clock::system()).await;
    let asset = value!({"id": "a", "n": 1, "price": {"amount": "1", "currency": "EUR"}});
    let (status, reply) = house.post(NAME, "/api/assets", &asset).await;
    assert_eq!(status.as_u16(), 201, "{reply}");
    house
}

async fn all_are_refused(path: &str, cases: Vec<(&str, Vec<u8>, u16, &str)>) {
    let house = furnished().await;
    let before = state(&house).await;
    for (what, body, status, code) in cases {
        let request = house.call(NAME, Method::POST, path).header("content-type", JSON).body(body);
        is_refused(what, request, status, code).await;
        assert_eq!(state(&house).await, before, "{what}");
    }
    house.stop().await;
}

fn text(body: &str) -> Vec<u8> {
    body.as_bytes().to_vec()
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_whole() {
    let deep = format!(r#"{{"id":"a","x":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let large = format!(r#"{{"id":"a","x":"{}"}}"#, "x".repeat(4 << 20));
    let many = format!("[{}]", vec![r#"{"id":"a","n":2}"#; 10_001].join(","));
    #[rustfmt::skip]
    let cases = vec![
        ("cut off", text(r#"{"id":"a","n":2"#), 400, "json_syntax"),
        ("a second value", text(r#"{"id":"a","n":2} {}"#), 400, "json_trailing"),
        ("no UTF-8", b"{\"id\":\"a\",\"n\":\"\xff\"}".to_vec(), 400, "json_utf8"),
        ("half a pair of surrogates", text(r#"{"id":"a","n":"\ud800"}"#), 400, "json_surrogate"),
        ("a byte order mark", b"\xef\xbb\xbf{\"id\":\"a\"}".to_vec(), 400, "byte_order_mark"),
        ("nothing", Vec::new(), 400, "empty_body"),
        ("no number at all", text(r#"{"id":"a","n":NaN}"#), 400, "json_syntax"),
        ("too deep", deep.into_bytes(), 400, "json_depth"),
        ("too large", large.into_bytes(), 413, "body_too_large"),
        ("too many items", many.into_bytes(), 413, "too_many_items"),
        ("a text", text(r#""a""#), 400, "body_type"),
        ("HTML", text("<html><body>gateway</body></html>"), 400, "json_syntax"),
    ];
    all_are_refused("/api/assets", cases).await;
}

#[tokio::test]
async fn items_that_say_nothing_sound_are_rejected_with_a_hint() {
    let digits = format!(r#"{{"id":"a","amount":"{}"}}"#, "9".repeat(39));
    let scale = format!(r#"{{"id":"a","amount":"0.{}1"}}"#, "0".repeat(60));
    #[rustfmt::skip]
    let cases = vec![
        ("an amount in words", text(r#"{"id":"a","amount":"12,5"}"#), 422, "invalid_number"),
        ("an amount that is true", text(r#"{"id":"a","amount":true}"#), 422, "invalid_number"),
        ("zero", text(r#"{"id":"a","amount":"0"}"#), 422, "amount_zero"),
        ("below zero", text(r#"{"id":"a","amount":"-1"}"#), 422, "amount_negative"),
        ("too many digits", digits.into_bytes(), 422, "invalid_number"),
        ("too fine", scale.into_bytes(), 422, "invalid_number"),
        ("no currency", text(r#"{"id":"a","amount":"2","currency":"EURO"}"#), 422, "currency_unknown"),
        ("another currency", text(r#"{"id":"a","amount":"2","currency":"USD"}"#), 202, "currency_changed"),
        ("a time without offset", text(r#"{"id":"a","amount":"2","as_of":"2026-01-01T00:00:00"}"#), 422, "time_format"),
        ("a time that is a number", text(r#"{"id":"a","amount":"2","as_of":1767225600}"#), 422, "time_format"),
        ("a time in years", text(r#"{"id":"a","amount":"2","as_of":"2099-01-01T00:00:00Z"}"#), 202, "future_time"),
        ("no id", text(r#"{"amount":"2"}"#), 422, "id_missing"),
        ("an id that is a list", text(r#"{"id":[],"amount":"2"}"#), 422, "id_type"),
        ("a member that is not known", text(r#"{"id":"a","amount":"2","prize":"2"}"#), 422, "unknown_member"),
        ("a name twice", text(r#"{"id":"a","amount":"2","amount":"3"}"#), 400, "json_duplicate_name"),
    ];
    all_are_refused("/api/prices", cases).await;
}

#[tokio::test]
async fn what_is_bad_in_a_batch_is_named_in_its_place_and_spoils_no_other_item() {
    let house = furnished().await;
    let batch = value!([7, {"id": "a", "amount": "x"}, {"id": "a", "amount": "2"}, {"amount": "3"}]);
    let (status, reply) = house.post(NAME, "/api/prices", &batch).await;
    assert_eq!((status.as_u16(), &reply["counts"]), (200, &value!({"updated": 1, "rejected": 3})), "{reply}");
    let codes: Vec<&Value> = reply["items"].as_array().expect("items").iter().map(|i| &i["code"]).collect();
    assert_eq!(codes, [&value!("item_type"), &value!("invalid_number"), &Value::Null, &value!("id_missing")]);
    house.stop().await;
}

#[tokio::test]
async fn whoever_may_not_is_told_so_and_nothing_moves() {
    let house = furnished().await;
    let before = state(&house).await;
    let push = |key: Option<&str>, path: &str| {
        let url = format!("http://{}{path}", house.daemon().address());
        let request = house.client.post(url).header("content-type", JSON).body(r#"{"id":"a","n":2}"#);
        key.map_or_else(|| request.try_clone().unwrap(), |key| request.try_clone().unwrap().bearer_auth(key))
    };
    let own = crate::support::house::key(NAME);
    let elsewhere = format!("/api/partners/{OTHER}/assets");
    let cases = [
        ("no key", push(None, "/api/assets"), 401, "unauthorized"),
        ("a wrong key", push(Some("key-of-nobody"), "/api/assets"), 401, "unauthorized"),
        ("a reader's token", push(Some(READER), &format!("/api/partners/{NAME}/assets")), 403, "read_only"),
        ("another's partner", push(Some(&own), &elsewhere), 404, "no_such_partner"),
        ("an unknown partner", push(Some(&own), "/api/partners/nobody/assets"), 404, "no_such_partner"),
        ("read of one unknown", house.read("/api/partners/nobody/assets"), 404, "no_such_partner"),
        ("an unknown path", push(Some(&own), "/api/asset"), 404, "no_such_path"),
        ("a wrong method", house.call(NAME, Method::DELETE, "/api/assets"), 405, "method_not_allowed"),
        ("a path that is cut off", push(Some(&own), "/api/assets/%2"), 405, "method_not_allowed"),
        (
            "a type that is not JSON",
            house.call(NAME, Method::POST, "/api/assets").header("content-type", "text/html").body("{}"),
            415,
            "media_type",
        ),
        (
            "a coding that is not decoded",
            push(Some(&own), "/api/assets").header("content-encoding", "br"),
            415,
            "content_encoding",
        ),
        (
            "a plain body that is said to be gzip",
            push(Some(&own), "/api/assets").header("content-encoding", "gzip"),
            400,
            "bad_encoding",
        ),
    ];
    for (what, request, status, code) in cases {
        is_refused(what, request, status, code).await;
        assert_eq!(state(&house).await, before, "{what}");
    }
    house.stop().await;
}

const JSON_TYPE: &[&str] = &["Content-Type: application/json"];

/// What a server may give instead of its feed, and the code that the run then ends with.
#[rustfmt::skip]
fn bad_answers() -> Vec<(&'static str, Vec<Step>, &'static str)> {
    let with_length = |bytes: usize| {
        let mut cut = head("200 OK", &[JSON_TYPE[0], &format!("Content-Length: {bytes}")]);
        cut.extend_from_slice(&FEED.as_bytes()[..40]);
        cut
    };
    let ok = |body: &[u8]| vec![send(reply("200 OK", JSON_TYPE, body))];
    let html = b"<!doctype html><html><body>Down for maintenance</body></html>";
    let deep = format!(r#"{{"x": {}{}, "assets": []}}"#, "[".repeat(200), "]".repeat(200));
    vec![
        ("cut off before its length", vec![send(with_length(FEED.len()))], "truncated"),
        ("cut off within its JSON", ok(&FEED.as_bytes()[..60]), "truncated"),
        ("HTML as HTML", vec![send(reply("200 OK", &["Content-Type: text/html"], html))], "html"),
        ("HTML as JSON", ok(html), "html"),
        ("nothing", ok(b""), "empty_body"),
        ("white space", ok(b"  \n "), "empty_body"),
        ("broken JSON", ok(br#"{"assets": [{"id": "a" "n": 1}]}"#), "malformed"),
        ("too deep", ok(deep.as_bytes()), "malformed"),
        ("no UTF-8", ok(b"{\"assets\": [{\"id\": \"\xff\"}]}"), "bad_utf8"),
        ("no records", ok(br#"{"items": []}"#), "no_records"),
        ("records that are no list", ok(br#"{"assets": {"a": 1}}"#), "no_records"),
        ("fewer than it counts", ok(br#"{"count": 3, "assets": [{"id": "a"}]}"#), "count_mismatch"),
        ("gzip that is none", vec![send(reply("200 OK", &["Content-Encoding: gzip"], FEED.as_bytes()))], "bad_encoding"),
        ("not found", vec![send(reply("404 Not Found", &[], b""))], "not_found"),
        ("a server's error", vec![send(reply("500 Internal Server Error", &[], b""))], "server_error"),
        ("no leave", vec![send(reply("401 Unauthorized", &[], b""))], "auth_failed"),
        ("no HTTP", vec![send("SSH-2.0-OpenSSH\r\n")], "bad_response"),
    ]
}

#[tokio::test]
async fn f1_a_bad_feed_fails_its_run_by_a_code_and_leaves_all_as_it_was() {
    let bad = bad_answers();
    let good = vec![send(reply("200 OK", JSON_TYPE, FEED.as_bytes()))];
    let server = FaultServer::start(good.clone()).await;
    let house =
        House::start(vec![partner(NAME).with_feed(feed(&server.url("/feed")))], Clock::system()).await;
    assert_eq!(house.run_report(NAME, 1).await["counts"]["created"], 2);
    let before = state(&house).await;
    let mut run = 1;
    for (what, script, code) in bad {
        run += 1;
        server.play(script);
        let report = next_run(&house, run).await;
        assert_eq!(
            (&report["status"], &report["code"]),
            (&value!("failed"), &value!(code)),
            "{what}: {report}"
        );
        assert!(report["detail"].as_str().is_some_and(|text| text.len() > 10), "{what}: {report}");
        assert_eq!(state(&house).await, before, "{what}");
    }
    server.play(good);
    assert_eq!(next_run(&house, run + 1).await["status"], "unchanged", "and the good file is the same again");
    house.stop().await;
}

async fn next_run(house: &House, run: u64) -> Value {
    house.fetch_now(NAME);
    house.run_report(NAME, run).await
}

/// What is whole, but cannot be believed: no asset moves, and the report says why.
#[tokio::test]
async fn f3_f4_an_empty_list_and_a_file_of_rubbish_move_no_asset() {
    let server = crate::support::feed_server::FeedServer::start().await;
    let put = |body: String| server.put("/feed", crate::support::feed_server::Served::json(body));
    let records: Vec<Value> = (0..100).map(|n| value!({"id": n.to_string(), "n": n})).collect();
    put(value!({"assets": records}).to_string());
    let house =
        House::start(vec![partner(NAME).with_feed(feed(&server.url("/feed")))], Clock::system()).await;
    assert_eq!(house.run_report(NAME, 1).await["counts"]["created"], 100);
    let before = state(&house).await;

    put(r#"{"assets": []}"#.into());
    let report = next_run(&house, 2).await;
    assert_eq!((&report["status"], &report["counts"]["held"]), (&value!("applied"), &value!(100)));
    assert_eq!(state(&house).await, before, "an empty list");

    let rubbish: Vec<Value> = (0..100).map(|n| value!({"id": n.to_string(), "status": n % 3})).collect();
    put(value!({"assets": rubbish}).to_string());
    let report = next_run(&house, 3).await;
    assert_eq!((&report["status"], &report["code"]), (&value!("refused"), &value!("too_many_invalid")));
    assert_eq!(state(&house).await, before, "rubbish");

    let half: Vec<Value> =
        (0..100).filter(|n| n % 2 == 0).map(|n| value!({"id": n.to_string(), "n": n})).collect();
    let generated_at = tidegate::codec::time::format(house.now());
    put(value!({"generated_at": generated_at, "assets": half}).to_string());
    let report = next_run(&house, 4).await;
    // the ids wait in the plan already: they open no second one (F4)
    assert_eq!((&report["status"], &report["counts"]["held"]), (&value!("applied"), &value!(0)), "{report}");
    assert_eq!(state(&house).await, before, "half of it");
    let (_, plans) = house.get(NAME, "/api/feed/plans").await;
    let plans: Vec<_> =
        plans["items"].as_array().unwrap().iter().map(|p| (&p["state"], &p["count"])).collect();
    assert_eq!(plans, [(&value!("held"), &value!(100))]);
    house.stop().await;
}
