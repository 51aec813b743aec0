//! Histories of our own making, each version and each push compared with the oracle, and with a
//! follower that knows no rule: a feed that begins to date its prices, assets that come and go, and an
//! envelope whose time stands still.

use crate::model::compare::assert_shows;
use crate::model::follow::Follower;
use crate::oracle::{
    Lane, Members, Model, Policy, PriceIn, PushIn, PushKind, RecordIn, RunStatus, SnapshotIn,
};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, partner};
use crate::support::random::Random;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;

const NAME: &str = "acme";
const PATH: &str = "/feed.json";
/// 2026-03-01T02:00:00Z.
const BEGAN: Micros = Micros(1_772_330_400 * Micros::SECOND);
const HOUR: i64 = Micros::HOUR;
const DAY: i64 = Micros::DAY;

/// A record of a file: id, members, amount and `as_of` of its price.
type Fed = (String, Value, Option<(String, Option<Micros>)>);

struct History {
    house: House,
    server: FeedServer,
    oracle: Model,
    follower: Follower,
    runs: u64,
}

impl History {
    /// The fetch at the start finds nothing.
    async fn begin() -> History {
        let server = FeedServer::start().await;
        let mut feed = feed(&server.url(PATH));
        feed.retries.clear();
        let policy = Policy {
            default_currency: Some("EUR".into()),
            feed_interval_us: i64::try_from(feed.every.as_micros()).expect("a day"),
            ..Policy::default()
        };
        let settings = partner(NAME).with_feed(feed);
        let house = House::start(vec![settings], Clock::manual(BEGAN)).await;
        assert_eq!(house.run_report(NAME, 1).await["status"], "failed");
        let (oracle, follower) = (Model::new(policy), Follower::default());
        History { house, server, oracle, follower, runs: 1 }
    }

    fn pass(&self, time: i64) {
        self.house.clock.set(self.house.now().plus(time));
    }

    async fn publish(&mut self, generated_at: Option<Micros>, records: Vec<Fed>) -> Value {
        let mut file = json!({ "assets": records.iter().map(body_of).collect::<Vec<_>>() });
        if let Some(at) = generated_at {
            file["generated_at"] = time::format(at).into();
        }
        let text = file.to_string();
        let snapshot = SnapshotIn {
            fetch_start: self.house.now().0,
            body_hash: self.runs,
            generated_at: generated_at.map(|at| at.0),
            records: records.into_iter().map(record_of).collect(),
            ..SnapshotIn::default()
        };
        self.server.put(PATH, Served::json(text));
        self.runs += 1;
        self.house.fetch_now(NAME);
        let found = self.house.run_report(NAME, self.runs).await;
        let expected = self.oracle.snapshot(self.house.now().0, snapshot);
        assert_eq!((&found["status"], expected.status), (&json!("applied"), RunStatus::Applied), "{found}");
        let ours = ["created", "updated", "unchanged", "deleted", "held", "absent_once", "drift"];
        let ours = ours.map(|name| found["counts"][name].as_u64());
        let theirs = [
            expected.created,
            expected.updated,
            expected.unchanged,
            expected.deleted,
            expected.held,
            expected.absent_once,
            expected.drift,
        ];
        assert_eq!(ours, theirs.map(|count| Some(count as u64)), "{found}");
        self.compare().await;
        found
    }

    async fn write(&mut self, kind: PushKind, id: &str, at: Micros, members: Value) {
        let mut body = members.clone();
        (body["id"], body["updated_at"]) = (id.into(), time::format(at).into());
        let (status, reply) = match kind {
            PushKind::Put => self.house.put(NAME, &format!("/api/assets/{id}"), &body).await,
            _ => self.house.post(NAME, "/api/assets", &body).await,
        };
        assert!(status.is_success(), "{reply}");
        let item = PushIn {
            kind,
            id: id.into(),
            at: Some(at.0),
            lane: Lane::Push,
            sequence: 0,
            members: members_of(members),
            price: None,
        };
        self.oracle.push(self.house.now().0, item);
        self.compare().await;
    }

    async fn delete(&mut self, id: &str, at: Micros) {
        let (status, reply) =
            self.house.delete(NAME, &format!("/api/assets/{id}?at={}", time::format(at))).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        self.oracle.delete(self.house.now().0, id, Some(at.0));
        self.compare().await;
    }

    async fn price(&mut self, id: &str, amount: &str, as_of: Micros) {
        let body = json!([{ "id": id, "amount": amount, "currency": "EUR", "as_of": time::format(as_of) }]);
        let (status, reply) = self.house.post(NAME, "/api/prices", &body).await;
        assert!(status.is_success(), "{reply}");
        self.oracle.price(self.house.now().0, PriceIn::new(id, amount, "EUR", Some(as_of.0)));
        self.compare().await;
    }

    async fn compare(&mut self) {
        assert_shows(&self.house, NAME, &self.oracle).await;
        self.follower.assert_up_to_date(&self.house, NAME).await;
    }

    async fn amount(&self, id: &str) -> Value {
        let (status, asset) = self.house.get(NAME, &format!("/api/assets/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{asset}");
        asset["price"]["amount"].clone()
    }
}

fn members_of(members: Value) -> Members {
    let Value::Object(members) = members else { panic!("an object: {members}") };
    members.into_iter().collect()
}

fn body_of((id, members, price): &Fed) -> Value {
    let mut body = members.clone();
    body["id"] = id.as_str().into();
    if let Some((amount, as_of)) = price {
        body["price"] = json!({ "amount": amount, "currency": "EUR" });
        if let Some(as_of) = as_of {
            body["price"]["as_of"] = time::format(*as_of).into();
        }
    }
    body
}

fn record_of((id, members, price): Fed) -> RecordIn {
    let price = price.map(|(amount, as_of)| PriceIn::new(&id, &amount, "EUR", as_of.map(|at| at.0)));
    RecordIn { id: Some(id), updated_at: None, members: members_of(members), price, valid: true }
}

/// Twelve assets of several classes, priced each day. The first ten files do not date their prices, the
/// next ten do, many by times before the last undated file; then every other day they do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_a_feed_that_begins_to_date_its_prices_is_followed_version_by_version() {
    let classes =
        [json!({}), json!({ "class": "market" }), json!({ "class": "valuation" }), json!({ "class": "own" })];
    for envelope in [true, false] {
        let mut history = History::begin().await;
        for day in 0..30_i64 {
            history.pass(DAY);
            let now = history.house.now();
            let dates = match day {
                0..10 => false,
                10..20 => true,
                _ => day % 2 == 0,
            };
            let records = (0..12_i64).map(|n| {
                // some were valued long ago, and stay so from file to file
                let as_of = if n % 3 == 0 { BEGAN.plus(-n * DAY) } else { now.plus(-n * 7 * HOUR) };
                let amount = if n % 3 == 0 && dates { 500 + n } else { 100 + day + n };
                let price = Some((amount.to_string(), dates.then_some(as_of)));
                (format!("a-{n}"), classes[n as usize % classes.len()].clone(), price)
            });
            let records = records.collect();
            history.publish(envelope.then(|| now.plus(-HOUR)), records).await;
            if day == 10 {
                // shown at once, though it was valued before the last undated file
                assert_eq!(history.amount("a-3").await, "503");
            }
            if day % 4 == 1 {
                history.price("a-1", &day.to_string(), now.plus(-30 * Micros::SECOND)).await;
                history.price("a-4", &day.to_string(), now.plus(-day * HOUR)).await;
            }
        }
        history.house.stop().await;
    }
}

/// Each asset is in some of the files and not in others; pushes of before, of between and of after
/// come in the meantime, some of them late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_assets_that_come_and_go_are_followed_version_by_version() {
    for (seed, envelope) in [(1, true), (2, true), (3, false)] {
        let mut random = Random(seed);
        let mut history = History::begin().await;
        // the rest is always there, so that the guard lets the others go
        let rest = |day: i64| (0..40).map(move |n| (format!("rest-{n}"), json!({ "of": day / 9 }), None));
        for day in 0..25_i64 {
            history.pass(DAY);
            let now = history.house.now();
            let come: Vec<i64> = (0..3).filter(|_| random.chance(60)).collect();
            let records = come.iter().map(|n| {
                let price = (n + day).to_string();
                let as_of = random.chance(50).then(|| now.plus(-(random.below(40) as i64) * HOUR));
                let price = random.chance(70).then_some((price, as_of));
                (format!("a-{n}"), json!({ "name": format!("of day {day}") }), price)
            });
            let records = records.collect::<Vec<_>>().into_iter().chain(rest(day)).collect();
            history.publish(envelope.then(|| now.plus(-2 * HOUR)), records).await;
            for _ in 0..2 {
                let id = format!("a-{}", random.below(3));
                // around the S of the last file or two
                let at = now.plus(-(random.below(50) as i64) * HOUR - random.below(1_000) as i64 - 1);
                match random.below(6) {
                    0 | 1 => history.write(PushKind::Post, &id, at, json!({ "x": day })).await,
                    2 => history.write(PushKind::Put, &id, at, json!({ "name": "pushed", "y": day })).await,
                    3 => history.delete(&id, at).await,
                    _ => history.price(&id, &(1_000 + day).to_string(), at).await,
                }
            }
        }
        history.house.stop().await;
    }
}

/// The stated time is the same in every file for weeks, while contents change, an asset is deleted, one
/// leaves and returns; then it moves on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3_an_envelope_time_that_stands_still_is_followed_version_by_version() {
    let mut history = History::begin().await;
    let stated = BEGAN.plus(-DAY);
    for day in 0..24_i64 {
        history.pass(DAY);
        let now = history.house.now();
        let ids = (0..9).filter(|n| *n != 8 || !(9..12).contains(&day));
        let records = ids.map(|n| {
            let price = Some(((100 + day + n).to_string(), (n % 2 == 0).then(|| now.plus(-HOUR))));
            (format!("a-{n}"), json!({ "name": format!("{n} of day {}", day / (n + 1)), "day": day }), price)
        });
        let generated_at = if day < 20 { stated } else { now.plus(-HOUR) };
        let run = history.publish(Some(generated_at), records.collect()).await;
        assert_eq!(run["dated"], true, "{run}");
        match day {
            5 => history.delete("a-1", now.plus(-DAY)).await,
            9 => assert_eq!(history.house.get(NAME, "/api/assets/a-8").await.0, StatusCode::GONE),
            12 => assert_eq!(history.amount("a-8").await, "120"),
            7 => history.write(PushKind::Post, "a-2", now.plus(-2 * DAY), json!({ "note": "pushed" })).await,
            _ => {}
        }
    }
    history.house.stop().await;
}
