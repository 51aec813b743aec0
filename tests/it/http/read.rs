//! Reads over real HTTP: tags, pages, filters, latest prices, and who the caller is.

use crate::support::house::{House, answer, partner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

/// Two partners with five assets each, named so that order matters.
async fn stocked() -> House {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    for name in ["acme", "zeta"] {
        let assets: Vec<Value> = (0..5)
            .map(|i| {
                let status = if i == 3 { "inactive" } else { "active" };
                let class = if i < 2 { "fund" } else { "art" };
                json!({"id": format!("a/{i}"), "status": status, "class": class, "n": i})
            })
            .collect();
        assert_eq!(house.post(name, "/api/assets", &json!(assets)).await.0, StatusCode::OK);
        let price =
            json!({"id": "a/1", "amount": "1.50", "currency": "EUR", "as_of": "2026-01-01T00:00:00Z"});
        assert_eq!(house.post(name, "/api/prices", &price).await.0, StatusCode::OK);
    }
    house
}

fn ids(page: &Value) -> Vec<String> {
    let id = |item: &Value| format!("{}:{}", item["partner"].as_str().unwrap(), item["id"].as_str().unwrap());
    page["items"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn u15_a_status_that_no_asset_can_have_is_refused_with_those_that_it_can() {
    let mut zeta = partner("zeta");
    zeta.policy.statuses_extra.insert("sold".into());
    let house = House::start(vec![partner("acme"), zeta], Clock::system()).await;
    let assets = json!([{"id": "a"}, {"id": "b", "status": "inactive"}]);
    house.post("acme", "/api/assets", &assets).await;
    house.post("zeta", "/api/assets", &json!({"id": "z", "status": "sold"})).await;
    for path in
        ["/api/assets?status=inactiv", "/api/prices?status=inactiv", "/api/prices?id=a&status=inactiv"]
    {
        let (status, refused) = house.get("acme", path).await;
        assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!("bad_query")), "{refused}");
        assert_eq!(refused["detail"], "`status` is one of: active, any, inactive", "{path}");
    }
    assert_eq!(
        house.get("acme", "/api/assets?status=sold").await.0,
        StatusCode::BAD_REQUEST,
        "not one of its own"
    );
    let list = async |query: &str| ids(&answer(house.read(&format!("/api/assets?{query}"))).await.1);
    assert_eq!(list("status=sold").await, ["zeta:z"]);
    assert_eq!(list("status=inactive").await, ["acme:b"]);
    for every in ["any", "all"] {
        assert_eq!(list(&format!("status={every}")).await, ["acme:a", "acme:b", "zeta:z"]);
    }
    house.stop().await;
}

#[tokio::test]
async fn d9_a_read_with_its_tag_is_not_modified_until_something_is() {
    let house = stocked().await;
    let read = async |tag: &str| {
        house
            .call("acme", Method::GET, "/api/assets/a%2F1")
            .header("if-none-match", tag)
            .send()
            .await
            .unwrap()
    };
    let first = read("\"none\"").await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.status(), StatusCode::OK);
    let again = read(&tag).await;
    assert_eq!(
        (again.status(), again.headers()["etag"].to_str().unwrap()),
        (StatusCode::NOT_MODIFIED, &*tag)
    );
    assert!(again.headers().contains_key("cache-control") && again.headers().contains_key("vary"));
    let price = json!({"id": "a/1", "amount": "2", "currency": "EUR", "as_of": "2026-01-02T00:00:00Z"});
    house.post("acme", "/api/prices", &price).await;
    assert_eq!(read(&tag).await.status(), StatusCode::OK, "its price has ticked");
    let head = house.call("acme", Method::HEAD, "/api/assets/a%2F1").send().await.unwrap();
    assert!(head.status() == StatusCode::OK && head.headers().contains_key("etag"));
    house.stop().await;
}

#[tokio::test]
async fn d10_pages_hold_every_asset_once_in_order() {
    let house = stocked().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = answer(house.read(&format!("/api/assets?limit=3&status=any{cursor}"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all: Vec<String> =
        ["acme", "zeta"].iter().flat_map(|p| (0..5).map(move |i| format!("{p}:a/{i}"))).collect();
    assert_eq!(seen, all);
    let (status, page) = answer(house.read("/api/assets?cursor=feed")).await;
    assert_eq!((status, &page["code"]), (StatusCode::BAD_REQUEST, &json!("bad_cursor")));
    let (status, page) = answer(house.read("/api/assets?limit=1001")).await;
    assert_eq!((status, &page["code"]), (StatusCode::BAD_REQUEST, &json!("bad_query")));
    house.stop().await;
}

#[tokio::test]
async fn lists_are_narrowed_by_partner_status_class_and_change() {
    let house = stocked().await;
    let list = async |query: &str| ids(&answer(house.read(&format!("/api/assets?{query}"))).await.1);
    assert_eq!(list("partner=zeta").await.len(), 4, "the inactive one is not shown");
    assert_eq!(list("partner=zeta&status=inactive").await, ["zeta:a/3"]);
    assert_eq!(list("class=fund").await, ["acme:a/0", "acme:a/1", "zeta:a/0", "zeta:a/1"]);
    let (_, me) = house.get("acme", "/api/me").await;
    let cursor = me["cursor"].as_str().unwrap();
    house.post("acme", "/api/assets", &json!({"id": "a/4", "n": 44})).await;
    assert_eq!(list(&format!("changed_since={cursor}")).await, ["acme:a/4"]);
    let (journal, _) = cursor.split_once('-').unwrap();
    for cursor in ["00000000-1".to_owned(), format!("{journal}-999999")] {
        let (status, gone) = house.get("acme", &format!("/api/assets?changed_since={cursor}")).await;
        assert_eq!((status, &gone["code"]), (StatusCode::GONE, &json!("cursor_gone")), "{gone}");
        assert!(gone["oldest_cursor"].is_string(), "{gone}");
    }
    let (_, page) = house.get("acme", "/api/assets?fields=n&limit=1").await;
    assert_eq!(page["items"][0].get("class"), None, "{page}");
    assert_eq!(page["items"][0]["n"], json!(0));
    let (status, page) = house.get("acme", "/api/assets?partner=zeta").await;
    assert_eq!((status, &page["code"]), (StatusCode::NOT_FOUND, &json!("no_such_partner")));
    let (status, page) = house.get("acme", "/api/assets?clas=fund").await;
    assert_eq!((status, &page["code"]), (StatusCode::BAD_REQUEST, &json!("bad_query")), "{page}");
    house.stop().await;
}

#[tokio::test]
async fn latest_prices_come_by_id_or_by_page_and_by_age() {
    let house = stocked().await;
    let (status, body) = house.get("acme", "/api/prices?id=a/1&id=a/0&id=nobody").await;
    assert_eq!((status, ids(&body)), (StatusCode::OK, vec!["acme:a/1".into()]), "{body}");
    assert_eq!((&body["items"][0]["amount"], &body["missing"]), (&json!("1.5"), &json!(["a/0", "nobody"])));
    let (_, body) = answer(house.read("/api/prices")).await;
    assert_eq!(ids(&body), ["acme:a/1", "zeta:a/1"]);
    let (status, body) = answer(house.read("/api/prices?id=a/1")).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("partner_needed")));
    let (status, body) = house.get("acme", "/api/assets/a%2F1/price?max_age=60").await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("price_too_old")));
    assert!(body["age_seconds"].as_u64().unwrap() > 60, "{body}");
    let many = (0..501).map(|i| format!("id={i}")).collect::<Vec<_>>().join("&");
    assert_eq!(house.get("acme", &format!("/api/prices?{many}")).await.0, StatusCode::BAD_REQUEST);
    house.stop().await;
}

#[tokio::test]
async fn a_read_waits_for_the_cursor_it_needs() {
    let house = stocked().await;
    let (_, me) = house.get("acme", "/api/me").await;
    let (journal, seq) = me["cursor"].as_str().unwrap().split_once('-').unwrap();
    let next = format!("{journal}-{}", seq.parse::<u64>().unwrap() + 1);
    let (status, body) = house.get("acme", &format!("/api/me?min_cursor={next}")).await;
    assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("cursor_not_reached")));
    let path = format!("/api/assets/a%2F0?min_cursor={next}&wait=30");
    let change = json!({"id": "a/0", "n": 7});
    let (read, _) = tokio::join!(house.get("acme", &path), house.post("acme", "/api/assets", &change));
    assert_eq!((read.0, &read.1["n"]), (StatusCode::OK, &json!(7)), "{}", read.1);
    house.stop().await;
}

#[tokio::test]
async fn callers_learn_who_they_are_and_what_they_may() {
    let house = stocked().await;
    let (status, me) = house.get("acme", "/api/me").await;
    assert_eq!((status, &me["partner"], &me["feed"]), (StatusCode::OK, &json!("acme"), &json!(false)));
    assert!(me["limits"]["prices_per_second"].is_u64() && me["server_time"].is_string(), "{me}");
    // what one call may hold is the smaller of what bodies and the lane's burst may
    let prices = &me["lanes"]["prices"];
    let at_most = me["items_max"].as_u64().min(prices["burst"].as_u64());
    assert_eq!((prices["items_max"].as_u64(), &me["classes"]["market"]), (at_most, &json!(60)), "{me}");
    assert_eq!(me["statuses"], json!(["active", "inactive"]));
    let (status, me) = answer(house.read("/api/me")).await;
    assert_eq!((status, &me["reader"]), (StatusCode::OK, &json!("test")));
    for path in ["/api/feed", "/api/feed/runs/7"] {
        assert_eq!(house.get("acme", path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, body) = house.post("acme", "/api/feed/run", &json!({})).await;
    assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("no_feed")));
    let (status, body) = answer(house.admin(Method::GET, "/admin/status")).await;
    assert_eq!((status, &body["ready"]), (StatusCode::OK, &json!(true)), "{body}");
    assert_eq!(body["partners"].as_array().unwrap().len(), 2);
    house.stop().await;
}

#[tokio::test]
async fn a_parameter_out_of_its_bounds_or_without_a_use_where_it_stands_is_refused() {
    let house = stocked().await;
    for (path, accept) in [
        ("/api/assets/a%2F1?wait=31", "*/*"),
        ("/api/me?wait=-1", "*/*"),
        ("/api/prices?id=a%2F1&limit=100", "*/*"),
        ("/api/prices?id=a%2F1&status=any", "*/*"),
        ("/api/assets/a%2F1?id=a%2F2", "*/*"),
        ("/api/changes?wait=31", "text/event-stream"),
        ("/api/changes?limit=0", "text/event-stream"),
    ] {
        let request = house.call("acme", Method::GET, path).header("accept", accept);
        let (status, problem) = answer(request).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("bad_query")), "{path}");
    }
    assert_eq!(house.get("acme", "/api/assets/a%2F1?wait=0").await.0, StatusCode::OK);
    let (status, problem) = house.get("acme", "/api/assets/a%2F1/price?max_age=0").await;
    assert!(status == StatusCode::OK || problem["code"] == "price_too_old", "{status} {problem}");
    house.stop().await;
}
