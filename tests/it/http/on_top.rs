//! P2, D5, property 8: the change stream carries on top what a read says, so that who folds it
//! without knowing a rule has what a reader has.

use crate::support::feed_server::Served;
use crate::support::house::{House, answer};
use crate::support::quarantine::{START, at};
use crate::support::stage::Stage;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json as value};
use std::collections::BTreeMap;
use tidegate::domain::Micros;

const DAY: i64 = 86_400;
/// What a read adds that the stream says elsewhere, or not at all.
const OF_A_READ: [&str; 4] = ["id", "partner", "updated_at", "cursor"];
/// What changes by waiting alone.
const BY_WAITING: [&str; 2] = ["state", "age_seconds"];

/// Folds pages of `/api/changes`: sets what is set, removes what is removed, keeps the price.
#[derive(Default)]
struct Follower {
    cursor: Option<String>,
    assets: BTreeMap<String, Held>,
    /// Price changes folded so far.
    prices: usize,
}

#[derive(Debug, Default, PartialEq)]
struct Held {
    members: Map<String, Value>,
    quotes: BTreeMap<String, Value>,
}

impl Follower {
    async fn follow(&mut self, house: &House) {
        loop {
            let since = self.cursor.as_ref().map_or(String::new(), |cursor| format!("&since={cursor}"));
            let (status, page) = house.get("acme", &format!("/api/changes?limit=7{since}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            page["items"].as_array().expect("items").iter().for_each(|change| self.fold(change));
            self.cursor = page["next_cursor"].as_str().map(str::to_owned);
            if page["more"] != value!(true) {
                return;
            }
        }
    }

    fn fold(&mut self, change: &Value) {
        let id = change["id"].as_str().expect("an id").to_owned();
        match change["type"].as_str() {
            Some("asset.created") => drop(self.assets.insert(id.clone(), Held::default())),
            Some("asset.deleted") => drop(self.assets.remove(&id)),
            _ => {}
        }
        let Some(held) = self.assets.get_mut(&id) else { return };
        held.members.extend(change["set"].as_object().expect("set").clone());
        for name in change["removed"].as_array().expect("removed") {
            held.members.remove(name.as_str().expect("a name"));
        }
        let Some(mut price) = change["price"].as_object().cloned() else { return };
        self.prices += 1;
        let quote = price.remove("quote").expect("a quote's name");
        let quote = quote.as_str().expect("a quote's name").to_owned();
        match price.remove("state") == Some(value!("removed")) {
            true => held.quotes.remove(&quote),
            false => held.quotes.insert(quote, Value::Object(price)),
        };
    }
}

/// The partner's assets as a read says them, but for what changes by waiting.
async fn as_read(house: &House) -> BTreeMap<String, Held> {
    let read = |asset: Value| {
        let Value::Object(mut members) = asset else { panic!("an asset is an object") };
        OF_A_READ.iter().for_each(|name| drop(members.remove(*name)));
        let mut quotes = BTreeMap::new();
        let others = members.remove("quotes").and_then(|quotes| quotes.as_object().cloned());
        let main = members.remove("price").map(|price| ("price".to_owned(), price));
        for (name, mut price) in others.into_iter().flatten().chain(main) {
            BY_WAITING.iter().for_each(|name| drop(price.as_object_mut().and_then(|p| p.remove(*name))));
            quotes.insert(name, price);
        }
        Held { members, quotes }
    };
    house.catalogue("acme").await.into_iter().map(|(id, asset)| (id, read(asset))).collect()
}

/// A stage whose change stream is followed.
struct Followed {
    stage: Stage,
    follower: Follower,
}

impl Followed {
    async fn begin(records: Value) -> Followed {
        let stage = Stage::open_at(START, Some(file(-40 * DAY, &records)), |_| {}).await;
        assert_eq!(stage.house.run_report("acme", 1).await["status"], "applied");
        let mut followed = Followed { stage, follower: Follower::default() };
        followed.agrees("the first run").await;
        followed
    }

    /// The follower has what a reader has.
    async fn agrees(&mut self, after: &str) {
        self.follower.follow(&self.stage.house).await;
        assert_eq!(self.follower.assets, as_read(&self.stage.house).await, "after {after}");
    }

    async fn run(&mut self, seconds: i64, records: Value) {
        let report = self.stage.serve(file(seconds, &records)).await;
        assert_eq!(report["status"], "applied", "{report}");
        self.agrees(&format!("run {}: {records}", report["run"])).await;
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let (status, reply) = self.stage.house.post("acme", path, &body).await;
        assert!(status.is_success(), "{reply}");
        self.agrees(&body.to_string()).await;
        reply
    }

    async fn delete(&mut self, path: &str) {
        let (status, reply) = self.stage.house.delete("acme", path).await;
        assert!(status.is_success(), "{reply}");
        self.agrees(path).await;
    }

    /// Amount and `as_of` of the price on top.
    async fn top(&self, id: &str) -> (Value, Value) {
        let (_, asset) = self.stage.house.get("acme", &format!("/api/assets/{id}")).await;
        (asset["price"]["amount"].clone(), asset["price"]["as_of"].clone())
    }
}

fn file(seconds: i64, records: &Value) -> Served {
    Served::json(value!({"generated_at": at(seconds), "assets": records}).to_string())
}

fn undated(id: &str, amount: &str) -> Value {
    value!({"id": id, "price": {"amount": amount}})
}

fn dated(id: &str, amount: &str, seconds: i64) -> Value {
    value!({"id": id, "price": {"amount": amount, "as_of": at(seconds)}})
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_follower_without_rules_sees_a_feed_begin_and_cease_to_date_its_prices() {
    let mut followed = Followed::begin(value!([undated("a", "101"), undated("b", "1")])).await;
    assert_eq!(followed.top("a").await, (value!("101"), Value::Null));
    followed.run(-38 * DAY, value!([dated("a", "120", -41 * DAY), undated("b", "1")])).await;
    assert_eq!(followed.top("a").await, (value!("120"), value!(at(-41 * DAY))));
    followed.run(-37 * DAY, value!([undated("a", "99"), undated("b", "2")])).await;
    assert_eq!(followed.top("a").await, (value!("99"), Value::Null));
    followed.run(-36 * DAY, value!([dated("a", "120", -41 * DAY), dated("b", "2", -90 * DAY)])).await;
    assert_eq!(followed.top("a").await, (value!("120"), value!(at(-41 * DAY))));
    assert_eq!(followed.top("b").await, (value!("2"), value!(at(-90 * DAY))));
    followed.stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_follower_without_rules_sees_pushes_outlived_and_drift_is_not_told() {
    let mut followed = Followed::begin(value!([undated("a", "100")])).await;
    let push = |amount: &str, seconds| value!({"id": "a", "amount": amount, "as_of": at(seconds)});
    followed.post("/api/prices", push("50", -39 * DAY)).await;
    assert_eq!(followed.top("a").await.0, "50");
    let told = followed.follower.prices;
    followed.run(-38 * DAY, value!([undated("a", "99")])).await;
    assert_eq!(
        (followed.top("a").await.0, followed.follower.prices),
        (value!("50"), told),
        "drift, and no more"
    );
    assert_eq!(followed.stage.house.run_report("acme", 2).await["counts"]["drift"], 1);
    // older than the run by more than three days: outlived
    followed.run(-36 * DAY + 1, value!([undated("a", "99")])).await;
    assert_eq!(followed.top("a").await, (value!("99"), Value::Null));
    let told = followed.follower.prices;
    followed.post("/api/prices", push("51", -39 * DAY + 1)).await;
    assert_eq!((followed.top("a").await.0, followed.follower.prices), (value!("51"), told + 1));
    followed.run(-35 * DAY, value!([undated("a", "98")])).await;
    followed.post("/api/prices", push("52", -38 * DAY - 1)).await;
    assert_eq!(followed.top("a").await.0, "98", "it is older than that run by more than three days, too");
    followed.stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_documents_class_decides_again_which_price_shows_in_the_same_commit() {
    let mut followed = Followed::begin(value!([undated("a", "100")])).await;
    let price = value!({"id": "a", "amount": "50", "as_of": at(-40 * DAY - 600)});
    followed.post("/api/prices", price).await;
    assert_eq!(followed.top("a").await.0, "50");
    let class = |class: Value, seconds| value!({"id": "a", "class": class, "updated_at": at(seconds)});
    let reply = followed.post("/api/assets", class(value!("market"), -39 * DAY)).await;
    assert_eq!(reply["outcome"], "updated");
    assert_eq!(
        followed.top("a").await,
        (value!("100"), Value::Null),
        "ten minutes are more than three of 60 s"
    );
    followed.post("/api/assets", class(value!("valuation"), -38 * DAY)).await;
    assert_eq!(followed.top("a").await.0, "50");
    followed.post("/api/assets", class(value!("market"), -37 * DAY)).await;
    followed.post("/api/assets", class(Value::Null, -36 * DAY)).await;
    assert_eq!(followed.top("a").await.0, "50");
    // a record of the feed brings a class and its price at once
    let mut record = undated("a", "101");
    record["class"] = value!("market");
    followed.run(-35 * DAY, value!([record])).await;
    assert_eq!(followed.top("a").await.0, "101");
    followed.stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_without_rules_sees_deletes_returns_withdrawals_and_further_quotes() {
    let mut followed = Followed::begin(value!([undated("a", "100"), undated("b", "7")])).await;
    let nav = value!({"id": "a", "amount": "5", "quote": "nav", "kind": "nav", "per": "unit", "market": "closed",
        "as_of": at(-30 * DAY)});
    followed.post("/api/prices", nav).await;
    followed.post("/api/prices", value!({"id": "a", "amount": "6", "as_of": at(-29 * DAY)})).await;
    // a late delete takes the feed's price and the nav, and leaves the push
    followed.post("/api/assets", value!({"id": "a", "name": "A", "updated_at": at(-20 * DAY)})).await;
    followed.delete(&format!("/api/assets/a?at={}", at(-30 * DAY))).await;
    assert_eq!(followed.follower.assets["a"].quotes.keys().collect::<Vec<_>>(), ["price"]);
    followed.delete(&format!("/api/assets/a?at={}", at(-10 * DAY))).await;
    assert!(!followed.follower.assets.contains_key("a"));
    // it waits for its asset, and joins the commit that brings it back
    followed.post("/api/prices", value!({"id": "a", "amount": "8", "as_of": at(-9 * DAY)})).await;
    followed.post("/api/assets", value!({"id": "a", "name": "A2", "updated_at": at(-8 * DAY)})).await;
    assert_eq!(followed.top("a").await.0, "8");
    followed.delete(&format!("/api/assets/a/price?at={}", at(-7 * DAY))).await;
    let withdrawn = &followed.follower.assets["a"].quotes["price"];
    assert_eq!((&withdrawn["amount"], &withdrawn["as_of"]), (&Value::Null, &value!(at(-7 * DAY))));
    // absent from one file, and back in the next
    followed.run(-6 * DAY, value!([undated("a", "9")])).await;
    followed.run(-5 * DAY, value!([undated("a", "9"), undated("b", "7")])).await;
    assert_eq!(followed.top("b").await.0, "7");
    followed.stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u11_explain_calls_a_price_undated_that_was_pushed_without_a_time() {
    let followed = Followed::begin(value!([{"id": "a"}])).await;
    followed.stage.house.clock.set(START.plus(Micros::SECOND));
    let (_, reply) =
        followed.stage.house.post("acme", "/api/prices", &value!({"id": "a", "amount": "5"})).await;
    assert_eq!((&reply["outcome"], &reply["undated"]), (&value!("updated"), &value!(true)), "{reply}");
    let (_, told) = answer(followed.stage.house.call("acme", Method::GET, "/api/assets/a/explain")).await;
    let quote = &told["quotes"][0];
    assert_eq!((&quote["shows"], &quote["dated"]), (&value!("undated"), &Value::Null), "{quote}");
    assert_eq!(quote["undated"]["amount"], "5");
    // the item's own time is a time that was said
    let item = value!({"id": "a", "updated_at": at(2), "price": {"amount": "6"}});
    followed.stage.house.post("acme", "/api/assets", &item).await;
    let (_, told) = answer(followed.stage.house.call("acme", Method::GET, "/api/assets/a/explain")).await;
    assert_eq!(told["quotes"][0]["shows"], "dated", "{told}");
    followed.stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_long_prices_of_tokens_come_back_with_every_digit_after_a_restart() {
    let long = ["24.03353223898417117634582253598019", "0.0000000006208932128878219505510341564126764"];
    let mut followed = Followed::begin(value!([undated("a", long[0]), dated("b", long[1], -41 * DAY)])).await;
    followed.post("/api/prices", value!({"id": "c", "amount": long[1], "as_of": at(-40 * DAY)})).await;
    followed.post("/api/assets", value!({"id": "c", "updated_at": at(-40 * DAY)})).await;
    let tiny = r#"{"id":"d","updated_at":"2026-05-20T00:00:00Z","price":{"amount":9.447100360921052e-8}}"#;
    let request = followed.stage.house.call("acme", Method::POST, "/api/assets");
    let (status, reply) = answer(request.header("content-type", "application/json").body(tiny)).await;
    assert_eq!(status, StatusCode::CREATED, "{reply}");
    for _ in 0..2 {
        for (id, amount) in
            [("a", long[0]), ("b", long[1]), ("c", long[1]), ("d", "0.00000009447100360921052")]
        {
            assert_eq!(followed.top(id).await.0, amount, "{id}");
        }
        followed.agrees("the long prices").await;
        followed.stage.house.restart().await;
    }
    let price = value!({"id": "c", "amount": "1e-61", "as_of": at(-39 * DAY)});
    let (_, refused) = followed.stage.house.post("acme", "/api/prices", &price).await;
    assert_eq!(refused["code"], "invalid_number");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("60 digits")), "{refused}");
    followed.stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_late_repeat_of_a_price_that_lost_at_its_second_is_a_duplicate_after_a_restart() {
    let mut followed = Followed::begin(value!([{"id": "a"}])).await;
    let push = |amount: &str| value!({"id": "a", "amount": amount, "as_of": at(-10)});
    assert_eq!(followed.post("/api/prices", push("101")).await["outcome"], "updated");
    assert_eq!(followed.post("/api/prices", push("102")).await["outcome"], "updated");
    followed.stage.house.restart().await;
    assert_eq!(followed.post("/api/prices", push("101")).await["outcome"], "duplicate");
    assert_eq!(followed.top("a").await.0, "102");
    followed.stage.house.stop().await;
}
