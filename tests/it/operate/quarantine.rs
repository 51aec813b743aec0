//! The quarantine over the real daemon: what is refused is kept, shown, released and dropped.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json, partner};
use crate::support::quarantine::{START, at, release, rows};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use tidegate::clock::Clock;
use tidegate::domain::Micros;

fn of_status(answer: &(StatusCode, Value), status: u16) {
    assert_eq!(answer.0.as_u16(), status, "{}", answer.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t4_a_write_from_the_future_is_kept_with_its_text_and_released_with_its_own_time() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let asset = value!({"id": "a", "name": "A", "updated_at": at(3_600)});
    of_status(&house.post("acme", "/api/assets", &asset).await, 202);
    let listed = rows(&house, "acme").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let row = &listed[0];
    assert_eq!(
        (&row["code"], &row["rule"], &row["id"]),
        (&value!("future_time"), &value!("T4"), &value!("a"))
    );
    assert_eq!(
        (&row["outcome"], &row["kind"], &row["offset"]),
        (&value!("quarantined"), &value!("post"), &value!(0))
    );
    assert_eq!((&row["at"], &row["received_at"]), (&value!(at(3_600)), &value!(at(0))));
    let (_, shown) = house.get("acme", &format!("/api/quarantine/{}", row["row"])).await;
    assert_eq!(shown["raw"], asset.to_string());
    of_status(&house.get("acme", "/api/assets/a").await, 404);

    // the rules hold for what is released too: its time has not come
    let early = release(&house, "acme", row).await;
    assert_eq!((early.0.as_u16(), &early.1["item"]["code"]), (422, &value!("future_time")));
    house.clock.set(START.plus(3_600 * Micros::SECOND));
    let released = release(&house, "acme", row).await;
    of_status(&released, 200);
    assert_eq!(
        (&released.1["released"], &released.1["item"]["outcome"]),
        (&value!(true), &value!("created"))
    );
    let (_, seen) = house.get("acme", "/api/assets/a").await;
    assert_eq!((&seen["name"], &seen["updated_at"]), (&value!("A"), &value!(at(3_600))));
    assert!(rows(&house, "acme").await.is_empty());
    of_status(&release(&house, "acme", row).await, 404);

    // a price of the same kind, told by its path
    let price = value!({"amount": "7", "as_of": at(3_720)});
    of_status(&house.put("acme", "/api/assets/a/price", &price).await, 202);
    house.clock.set(START.plus(3_720 * Micros::SECOND));
    of_status(&release(&house, "acme", &rows(&house, "acme").await[0]).await, 200);
    let (_, seen) = house.get("acme", "/api/assets/a/price").await;
    assert_eq!((&seen["amount"], &seen["as_of"]), (&value!("7"), &value!(at(3_720))));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_another_currency_is_held_until_it_is_released() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.post("acme", "/api/assets", &value!({"id": "a", "updated_at": at(-60)})).await;
    let price = |currency: &str, seconds| value!({"id": "a", "amount": "5", "currency": currency, "as_of": at(seconds)});
    of_status(&house.post("acme", "/api/prices", &price("EUR", -50)).await, 200);
    of_status(&house.post("acme", "/api/prices", &price("USD", -40)).await, 202);
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!(row["code"], "currency_changed");
    of_status(&release(&house, "acme", &row).await, 200);
    let (_, seen) = house.get("acme", "/api/assets/a/price").await;
    assert_eq!((&seen["currency"], &seen["as_of"]), (&value!("USD"), &value!(at(-40))));
    of_status(&house.post("acme", "/api/prices", &price("EUR", -30)).await, 202);
    of_status(&house.post("acme", "/api/prices", &price("USD", -20)).await, 200);
    assert!(rows(&house, "acme").await.is_empty(), "the newer price stands, whatever is done with the row");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_item_of_a_batch_is_kept_with_its_place_and_outlives_a_restart() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    house.post("acme", "/api/assets", &value!([{"id": "a"}, {"id": "b"}])).await;
    let body = "[{\"id\":\"a\",\"amount\":\"1\"}, {\"id\":\"b\",\"amount\":\"x\"}]";
    let request = house.call("acme", Method::POST, "/api/prices").header("content-type", "application/json");
    let (status, reply) = answer(request.body(body)).await;
    assert_eq!((status.as_u16(), &reply["items"][1]["outcome"]), (200, &value!("rejected")));
    house.restart().await;
    let listed = rows(&house, "acme").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let row = &listed[0];
    assert_eq!(
        (&row["outcome"], &row["id"], &row["pointer"]),
        (&value!("rejected"), &value!("b"), &value!("/amount"))
    );
    assert_eq!(row["offset"], body.rfind('{').unwrap());
    let path = format!("/api/quarantine/{}", row["row"]);
    assert_eq!(house.get("acme", &path).await.1["raw"], "{\"id\":\"b\",\"amount\":\"x\"}");
    let refused = release(&house, "acme", row).await;
    assert_eq!((refused.0.as_u16(), &refused.1["item"]["pointer"]), (422, &value!("/amount")));
    of_status(&house.delete("acme", &path).await, 200);
    of_status(&house.delete("acme", &path).await, 404);
    of_status(&house.get("acme", &path).await, 404);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_leaves_no_row_and_a_refused_whole_leaves_one_that_says_so() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let batch = value!([{"id": "a", "updated_at": at(3_600)}, {"id": "b"}]);
    house.post("acme", "/api/assets?dry_run=true", &batch).await;
    assert!(rows(&house, "acme").await.is_empty());
    let refused = house.post("acme", "/api/assets?atomic=true", &batch).await;
    of_status(&refused, 422);
    assert_eq!(refused.1["counts"], value!({"rejected": 2}), "nothing of it applied, and each item says so");
    let said: Vec<_> =
        refused.1["items"].as_array().unwrap().iter().map(|item| (&item["applied"], &item["code"])).collect();
    assert_eq!(said, [(&value!(false), &value!("future_time")), (&value!(false), &value!("atomic_refused"))]);
    let listed = rows(&house, "acme").await;
    assert_eq!((listed.len(), &listed[0]["outcome"]), (1, &value!("rejected")));
    of_status(&house.get("acme", "/api/assets/b").await, 404);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_cap_the_oldest_rows_are_dropped_and_counted() {
    let mut acme = partner("acme");
    acme.policy.quarantine_max = 5;
    let mut house = House::start(vec![acme], Clock::manual(START)).await;
    for round in 0..4 {
        let items: Vec<Value> =
            (0..3).map(|n| value!({"id": format!("{round}-{n}"), "status": "odd"})).collect();
        house.post("acme", "/api/assets", &Value::from(items)).await;
    }
    let ids = async |house: &House| -> Vec<Value> {
        rows(house, "acme").await.iter().map(|row| row["id"].clone()).collect()
    };
    let kept = ids(&house).await;
    assert_eq!(kept, ["3-2", "3-1", "3-0", "2-2", "2-1"]);
    let (_, page) = house.get("acme", "/api/quarantine?limit=2").await;
    let next = format!("/api/quarantine?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(house.get("acme", &next).await.1["items"][0]["id"], "3-0");
    let metrics = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tidegate_quarantine_rows{partner=\"acme\"} 5"), "{metrics}");
    assert!(metrics.contains("tidegate_quarantine_dropped_total{partner=\"acme\"} 7"), "{metrics}");
    house.restart().await;
    assert_eq!(ids(&house).await, kept);
    house.post("acme", "/api/assets", &value!({"id": "z", "status": "odd"})).await;
    assert_eq!(
        ids(&house).await,
        ["z", "3-2", "3-1", "3-0", "2-2"],
        "a restart forgets no size and no number"
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_releases_and_no_one_sees_anothers_rows() {
    let house = House::with(&["acme", "zeta"], Clock::manual(START)).await;
    house.post("acme", "/api/assets", &value!({"id": "a", "updated_at": at(3_600)})).await;
    let row = rows(&house, "acme").await.remove(0);
    let path = format!("/api/quarantine/{}", row["row"]);
    let as_it_is = json(house.call("acme", Method::POST, &format!("{path}/release")), &Value::Null).body("");
    let refused = answer(as_it_is).await;
    assert_eq!((refused.0.as_u16(), &refused.1["code"]), (400, &value!("empty_body")));
    of_status(&house.get("zeta", &path).await, 404);
    of_status(&house.get("zeta", &format!("/api/partners/acme{}", &path[4..])).await, 404);
    let admin = format!("/admin/partners/acme/quarantine/{}", row["row"]);
    of_status(&answer(house.admin(Method::GET, &admin)).await, 200);
    of_status(&answer(house.admin(Method::GET, "/admin/partners/acme/quarantine")).await, 200);
    let foreign =
        house.admin(Method::POST, &format!("{admin}/drop")).header("origin", "https://evil.example");
    of_status(&answer(foreign).await, 403);
    of_status(&answer(house.admin(Method::GET, &format!("{admin}/drop"))).await, 405);
    of_status(&answer(house.admin(Method::POST, &format!("{admin}/drop"))).await, 200);
    assert!(rows(&house, "acme").await.is_empty());
    of_status(&answer(house.admin(Method::GET, "/admin/partners/nobody/quarantine")).await, 404);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_item_is_cut_and_cannot_be_released() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let asset = value!({"id": "a", "updated_at": at(3_600), "text": "ü".repeat(20_000)});
    of_status(&house.post("acme", "/api/assets", &asset).await, 202);
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!((&row["cut"], &row["raw_bytes"]), (&value!(true), &value!(asset.to_string().len())));
    let refused = release(&house, "acme", &row).await;
    assert_eq!((refused.0.as_u16(), &refused.1["code"]), (409, &value!("raw_cut")));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_f6_invalid_records_of_a_feed_are_kept_once_and_released_when_they_can_be_read() {
    let server = FeedServer::start().await;
    let document = |seconds, extra: &str| {
        let at = at(seconds);
        Served::json(format!(
            "{{\"generated_at\":\"{at}\",\"assets\":[{{\"id\":\"good\"{extra}}},{{\"id\":\"bad\",\"status\":\"frozen\"}},\
             {{\"id\":\"twin\",\"name\":\"1\"}},{{\"id\":\"twin\",\"name\":\"2\"}}]}}"
        ))
    };
    server.put("/f", document(-600, ""));
    let acme = partner("acme").with_feed(feed(&server.url("/f")));
    let house = House::start(vec![acme], Clock::manual(START)).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    let listed = rows(&house, "acme").await;
    let codes: Vec<_> = listed
        .iter()
        .rev()
        .map(|row| (row["id"].clone(), row["code"].clone(), row["rule"].clone()))
        .collect();
    let expected =
        [("bad", "status_unknown", "F2"), ("twin", "id_repeated", "F6"), ("twin", "id_repeated", "F6")];
    assert_eq!(codes, expected.map(|(id, code, rule)| (value!(id), value!(code), value!(rule))));
    let bad = listed[2].clone();
    assert_eq!(
        (&bad["at"], &bad["pointer"], &bad["kind"]),
        (&value!(at(-600)), &value!("/status"), &value!("feed_record"))
    );
    assert_eq!(bad["origin"], value!({"kind": "feed", "run": 1, "record": 1}));
    let (_, shown) = house.get("acme", &format!("/api/quarantine/{}", bad["row"])).await;
    assert_eq!(shown["raw"], "{\"id\":\"bad\",\"status\":\"frozen\"}");

    server.put("/f", document(-300, ",\"name\":\"new\""));
    house.fetch_now("acme");
    assert_eq!(house.run_report("acme", 2).await["status"], "applied");
    assert_eq!(rows(&house, "acme").await.len(), 3, "the same records for the same reasons");

    assert_eq!(release(&house, "acme", &bad).await.1["item"]["code"], "status_unknown");
    let mut settings = house.settings.clone();
    settings.partners[0].policy.statuses_extra.insert("frozen".into());
    house.daemon().reconfigure(settings).await.expect("the settings are sound");
    let released = release(&house, "acme", &bad).await;
    assert_eq!(
        (released.0.as_u16(), &released.1["item"]["outcome"]),
        (200, &value!("created")),
        "{}",
        released.1
    );
    let (_, seen) = house.get("acme", "/api/assets/bad").await;
    assert_eq!((&seen["status"], &seen["updated_at"]), (&value!("frozen"), &value!(at(-600))));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_price_that_a_rule_refuses_is_kept_aside_alone_and_its_record_applies() {
    let server = FeedServer::start().await;
    let document = |seconds, currency: &str| {
        let price = format!("{{\"amount\":\"5\",\"currency\":\"{currency}\"}}");
        Served::json(format!(
            "{{\"generated_at\":\"{}\",\"assets\":[{{\"id\":\"a\",\"name\":\"{currency}\",\"price\":{price}}}]}}",
            at(seconds)
        ))
    };
    server.put("/f", document(-600, "EUR"));
    let acme = partner("acme").with_feed(feed(&server.url("/f")));
    let house = House::start(vec![acme], Clock::manual(START)).await;
    house.run_report("acme", 1).await;
    server.put("/f", document(-300, "USD"));
    house.fetch_now("acme");
    assert_eq!(house.run_report("acme", 2).await["status"], "applied");
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!((&row["code"], &row["at"]), (&value!("currency_changed"), &value!(at(-300))));
    assert!(row["pointer"].as_str().is_some_and(|pointer| pointer.starts_with("/price")), "{row}");
    let (_, seen) = house.get("acme", "/api/assets/a").await;
    assert_eq!((&seen["name"], &seen["price"]["currency"]), (&value!("USD"), &value!("EUR")), "{seen}");
    of_status(&release(&house, "acme", &row).await, 200);
    let (_, seen) = house.get("acme", "/api/assets/a").await;
    assert_eq!((&seen["name"], &seen["price"]["currency"]), (&value!("USD"), &value!("USD")), "{seen}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_envelopes_give_their_items_back() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let lines = "{\"id\":\"a\",\"status\":\"odd\"}\n\n {\"id\":\"b\",\"status\":\"odd\"}\n";
    let request =
        house.call("acme", Method::POST, "/api/assets").header("content-type", "application/x-ndjson");
    answer(request.body(lines)).await;
    let listed = rows(&house, "acme").await;
    assert_eq!((&listed[0]["offset"], &listed[1]["offset"]), (&value!(28), &value!(0)));
    let envelope = value!({"timestamp": at(-100), "prices": [{"id": "a", "amount": "0"}]});
    let (_, reply) = answer(json(house.call("acme", Method::POST, "/api/prices"), &envelope)).await;
    assert_eq!(reply["items"][0]["outcome"], "rejected", "{reply}");
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!((&row["code"], &row["at"]), (&value!("amount_zero"), &value!(at(-100))));
    house.stop().await;
}
