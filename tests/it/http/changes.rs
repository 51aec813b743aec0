//! The change stream over real HTTP: pages, server-sent events, and what happens at its ends.

use crate::support::house::{House, PATIENCE, answer};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

async fn put(house: &House, name: &str, id: &str, n: u32) {
    let (status, body) = house.put(name, &format!("/api/assets/{id}"), &json!({"n": n})).await;
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
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Events { response, text: String::new() }
    }

    /// The next event that has a name; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                self.text = rest.to_owned();
                if !event.name.is_empty() {
                    return Some(event);
                }
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
        let known = "`type` is one of: asset.created, asset.updated, asset.deleted, price.updated";
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
        assert_eq!((event.name.as_str(), event.id.as_str()), ("reset", ""));
        assert_eq!(event.body["catalogue"], json!("/api/assets"));
        assert_eq!(events.next().await, None, "it ends");
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
