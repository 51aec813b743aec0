//! The change stream over real HTTP: pages, server-sent events, and what happens at its ends.

use crate::support::house::{self, House, PATIENCE, answer};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

async fn put(house: &House, name: &str, id: &str, n: u32) {
    let (status, body) = house.put(name, &format!("/api/assets/{id}"), &json!({"n": n})).await;
    assert!(status.is_success(), "{body}");
}

async fn patch(house: &House, id: &str, n: u32) {
    let request = house.call("acme", Method::PATCH, &format!("/api/assets/{id}"));
    let (status, body) = answer(house::json(request, &json!({"n": n}))).await;
    assert!(status.is_success(), "{body}");
}

/// One event of a stream: its fields by name.
#[derive(Debug, Default, PartialEq)]
struct Event {
    name: String,
    id: String,
    body: Value,
}

struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn open(house: &House, path: &str, last: Option<&str>) -> Events {
        let mut request = house.read(path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Events { response, text: String::new() }
    }

    /// The next event that has data; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                assert_ne!(event.body, Value::Null, "no block is an empty event: {block:?}");
                self.text = rest.to_owned();
                return Some(event);
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("the stream speaks");
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        match line.split_once(':') {
            Some(("event", value)) => event.name = value.trim().to_owned(),
            Some(("id", value)) => event.id = value.trim().to_owned(),
            Some(("data", value)) => event.body = serde_json::from_str(value).unwrap(),
            Some(("" | "retry", _)) => {}
            _ => panic!("no field of an event: {line:?}"),
        }
    }
    event
}

#[tokio::test]
async fn pages_lead_from_the_first_change_to_the_last() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    for n in 0..5 {
        put(&house, "acme", "a", n).await;
        put(&house, "zeta", "z", n).await;
    }
    let (mut values, mut path) = (Vec::new(), "/api/changes?limit=2".to_owned());
    loop {
        let (status, page) = house.get("acme", &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["partner"], json!("acme"), "a partner sees its own only");
            values.push(item["set"]["n"].as_u64().unwrap());
        }
        if page["more"] == json!(false) {
            break;
        }
        path = format!("/api/changes?limit=2&since={}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(values, [0, 1, 2, 3, 4]);
    let (_, created) = answer(house.read("/api/changes?type=asset.created")).await;
    assert_eq!(created["items"].as_array().unwrap().len(), 2, "{created}");
    for events in [false, true] {
        let request = house.read("/api/changes?type=asset.created&type=asset.renamed");
        let accept = if events { "text/event-stream" } else { "application/json" };
        let (status, refused) = answer(request.header("accept", accept)).await;
        assert_eq!(
            (status, &refused["code"]),
            (StatusCode::BAD_REQUEST, &json!("bad_query")),
            "u15: {refused}"
        );
        let detail = refused["detail"].as_str().unwrap();
        let known = "`type` is one of: asset.created, asset.updated, asset.deleted, price.updated, \
                     partner.removed, partner.restored";
        assert_eq!(detail, known, "{refused}");
    }
    let (_, now) = house.get("acme", "/api/changes?since=now").await;
    assert_eq!(now["items"], json!([]));
    house.stop().await;
}

#[tokio::test]
async fn d5_a_stream_replays_follows_and_resumes_without_gap() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    put(&house, "acme", "a", 0).await;
    let mut events = Events::open(&house, "/api/changes", None).await;
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.body["set"]["n"]), ("asset.created", &json!(0)));
    assert_eq!(first.body["cursor"], json!(first.id));
    put(&house, "zeta", "z", 1).await;
    put(&house, "acme", "a", 2).await;
    assert_eq!(events.next().await.unwrap().body["set"]["n"], json!(1));
    drop(events);
    put(&house, "acme", "a", 3).await;
    // the header of a client that comes back goes before the URL that it began with
    let mut events = Events::open(&house, "/api/changes?since=now&partner=acme", Some(&first.id)).await;
    for n in [2, 3] {
        assert_eq!(events.next().await.unwrap().body["set"]["n"], json!(n));
    }
    house.stop().await;
}

#[tokio::test]
async fn d2_d3_a_cursor_that_is_not_of_this_journal_resets_the_stream() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    put(&house, "acme", "a", 0).await;
    let (_, me) = house.get("acme", "/api/me").await;
    let (journal, _) = me["cursor"].as_str().unwrap().split_once('-').unwrap();
    for cursor in [format!("{journal}-999999"), "00000000-1".to_owned()] {
        let mut events = Events::open(&house, "/api/changes", Some(&cursor)).await;
        let event = events.next().await.unwrap();
        assert_eq!((event.name.as_str(), &event.body["type"]), ("reset", &json!("reset")));
        assert_eq!(
            (&event.body["cursor"], &event.body["catalogue"]),
            (&json!(event.id), &json!("/api/export"))
        );
        // it goes on from there; and a client that comes back by itself is not told the same again
        put(&house, "acme", "a", 1).await;
        assert_eq!(events.next().await.unwrap().body["set"]["n"], json!(1));
        let mut again = Events::open(&house, "/api/changes", Some(&event.id)).await;
        assert_eq!(again.next().await.unwrap().body["set"]["n"], json!(1));
        put(&house, "acme", "a", 0).await;
        let (status, body) = house.get("acme", &format!("/api/changes?since={cursor}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::GONE, &json!("cursor_gone")));
        assert!(body["oldest_cursor"].is_string(), "{body}");
    }
    for bad in ["x", "1-2-3", "99999999999999999999"] {
        let (status, body) = house.get("acme", &format!("/api/changes?since={bad}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("bad_cursor")));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_last_cursor_when_the_daemon_stops() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    put(&house, "acme", "a", 0).await;
    let mut events = Events::open(&house, "/api/changes", None).await;
    let last = events.next().await.unwrap();
    let ending = async {
        let end = events.next().await.unwrap();
        assert_eq!((end.name.as_str(), &end.body["cursor"]), ("end", &json!(end.id)));
        assert_eq!((&end.body["type"], &end.body["reason"]), (&json!("end"), &json!("shutdown")));
        assert!(end.id.split('-').next_back() >= last.id.split('-').next_back());
        assert_eq!(events.next().await, None);
    };
    tokio::join!(ending, house.stop());
}

#[tokio::test]
async fn d12_no_member_can_write_an_event_of_its_own() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    let forged = "x\n\nevent: forged\ndata: {}\n\n";
    let raw = "{\"forged\":\"x\\n\\nevent: forged\\ndata: 1\",\r\n\r\n \"list\":[1,\n\n 2]}".to_owned();
    house.put("acme", "/api/assets/a", &json!({"name": forged})).await;
    let request =
        house.call("acme", Method::PATCH, "/api/assets/a").header("content-type", "application/json");
    assert_eq!(answer(request.body(raw)).await.0, StatusCode::OK);
    let mut events = Events::open(&house, "/api/changes", None).await;
    let created = events.next().await.unwrap();
    assert_eq!((created.name.as_str(), &created.body["set"]["name"]), ("asset.created", &json!(forged)));
    let updated = events.next().await.unwrap();
    assert_eq!((updated.name.as_str(), &updated.body["set"]["list"]), ("asset.updated", &json!([1, 2])));
    house.stop().await;
}

#[tokio::test]
async fn a_change_with_its_whole_asset_is_enough_to_create_it() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({"name": "A", "n": 0})).await;
    house.put("acme", "/api/assets/gone", &json!({"n": 1})).await;
    let (_, me) = house.get("acme", "/api/me").await;
    let since = me["cursor"].as_str().unwrap();
    patch(&house, "a", 2).await;
    house.put("acme", "/api/assets/a/price", &json!({"amount": "5", "currency": "EUR"})).await;
    patch(&house, "gone", 3).await;
    assert!(answer(house.call("acme", Method::DELETE, "/api/assets/gone")).await.0.is_success());
    let (_, page) = house.get("acme", &format!("/api/changes?full=true&since={since}")).await;
    let items = page["items"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["asset.updated", "price.updated", "asset.updated", "asset.deleted"], "{page}");
    for item in &items[..2] {
        assert_eq!((&item["asset"]["name"], &item["asset"]["n"]), (&json!("A"), &json!(2)), "{item}");
        assert_eq!(item["asset"]["price"]["amount"], json!("5"), "as it is now: {item}");
        assert!(item["asset"]["cursor"].is_string(), "up to which it is so");
    }
    assert!(
        items[2..].iter().all(|item| item["asset"] == Value::Null && item.get("asset").is_some()),
        "{page}"
    );
    house.stop().await;
}

#[tokio::test]
async fn conflated_prices_leave_out_those_that_another_follows_and_nothing_else() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    let (_, me) = house.get("acme", "/api/me").await;
    let since = me["cursor"].as_str().unwrap();
    for id in ["a", "b"] {
        put(&house, "acme", id, 0).await;
    }
    let price = |id: &'static str, quote: &str, amount: u32| json!({"id": id, "quote": quote, "amount": amount.to_string(), "currency": "EUR"});
    for n in 1..=40 {
        let batch = json!([price("a", "price", n), price("a", "nav", n), price("b", "price", n)]);
        let (status, body) = house.post("acme", "/api/prices", &batch).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        put(&house, "acme", "a", n).await;
    }
    let (_, page) = house.get("acme", &format!("/api/changes?mode=conflated&limit=1000&since={since}")).await;
    let items = page["items"].as_array().unwrap();
    let prices: Vec<_> = items.iter().filter(|item| item["type"] == "price.updated").collect();
    assert_eq!(prices.len(), 3, "{page}");
    assert!(prices.iter().all(|price| price["price"]["amount"] == "40"), "{page}");
    assert_eq!(items.len() - prices.len(), 42, "each change of a document stands");
    let path = format!("/api/changes?mode=all&limit=1000&since={since}");
    assert_eq!(house.get("acme", &path).await.1["items"].as_array().unwrap().len(), 162);
    let (status, refused) = house.get("acme", "/api/changes?mode=some").await;
    assert_eq!(
        (status, &refused["detail"]),
        (StatusCode::BAD_REQUEST, &json!("`mode` is one of: all, conflated"))
    );
    house.stop().await;
}

#[tokio::test]
async fn events_without_names_say_their_type_in_their_data() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    put(&house, "acme", "a", 0).await;
    let mut events = Events::open(&house, "/api/changes?events=unnamed&since=00000000-1", None).await;
    let reset = events.next().await.unwrap();
    assert_eq!((reset.name.as_str(), &reset.body["type"]), ("", &json!("reset")));
    put(&house, "acme", "a", 1).await;
    let updated = events.next().await.unwrap();
    assert_eq!((updated.name.as_str(), &updated.body["type"]), ("", &json!("asset.updated")));
    house.stop().await;
}

#[tokio::test]
async fn a_price_that_is_taken_away_says_so() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    put(&house, "acme", "a", 0).await;
    house.put("acme", "/api/assets/a/price", &json!({"amount": "5", "currency": "EUR"})).await;
    assert!(answer(house.call("acme", Method::DELETE, "/api/assets/a/price")).await.0.is_success());
    let (_, page) = house.get("acme", "/api/changes?type=price.updated").await;
    let states: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|item| &item["price"]["state"]).collect();
    assert_eq!(states, [&Value::Null, &json!("withdrawn")], "{page}");
    house.stop().await;
}

#[tokio::test]
async fn a_document_that_is_too_large_for_a_line_is_named_by_its_path() {
    let mut acme = house::partner("acme");
    acme.policy.document_bytes_max = 1 << 20;
    let house = House::start(vec![acme], Clock::system()).await;
    let text = "x".repeat(50 << 10);
    let members: serde_json::Map<_, _> = (0..10).map(|n| (format!("m{n}"), json!(text))).collect();
    let (status, _) = house.put("acme", "/api/assets/a%2Fb", &Value::Object(members)).await;
    assert_eq!(status, StatusCode::CREATED);
    let mut events = Events::open(&house, "/api/changes", None).await;
    let created = events.next().await.unwrap();
    let path = created.body["reference"].as_str().expect("a reference");
    assert_eq!((created.name.as_str(), path), ("asset.created", "/api/partners/acme/assets/a%2Fb"));
    assert_eq!(created.body.get("set"), None);
    let (status, asset) = house.get("acme", path).await;
    assert_eq!((status, asset["m9"].as_str().map(str::len)), (StatusCode::OK, Some(50 << 10)));
    let (_, page) = house.get("acme", "/api/changes").await;
    assert_eq!(page["items"][0]["set"]["m9"].as_str().map(str::len), Some(50 << 10), "a page holds it whole");
    house.stop().await;
}

#[tokio::test]
async fn a_page_waits_for_what_it_has_to_show() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    put(&house, "acme", "a", 0).await;
    let (_, me) = house.get("acme", "/api/me").await;
    let path = format!("/api/changes?wait=30&since={}", me["cursor"].as_str().unwrap());
    let asked = house.get("acme", &path);
    let meanwhile = async {
        // what others do wakes it, and shows nothing
        put(&house, "zeta", "z", 1).await;
        put(&house, "acme", "a", 1).await;
    };
    let ((status, page), ()) = tokio::join!(asked, meanwhile);
    assert_eq!((status, &page["items"][0]["set"]["n"]), (StatusCode::OK, &json!(1)), "{page}");
    let path = format!("/api/changes?wait=30&since={}", page["next_cursor"].as_str().unwrap());
    let request = house.call("acme", Method::GET, &path);
    let (stopped, ()) = tokio::join!(answer(request), async {
        tidegate::clock::sleep(std::time::Duration::from_millis(200)).await;
        house.stop().await;
    });
    assert_eq!((stopped.0, &stopped.1["items"]), (StatusCode::OK, &json!([])), "a stop ends the wait");
}
