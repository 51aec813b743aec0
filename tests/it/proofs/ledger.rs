//! Senders that push prices as fast as they are answered, and a ledger of what each sent and what
//! was acknowledged: before the send and after the reply. By it a store is judged after its
//! process has died: nothing acknowledged may be lost, nothing may be there that was never sent.

use crate::support::house::{PATIENCE, json, key};
use crate::support::program::Program;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json as value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tidegate::clock::Clock;
use tidegate::codec::cursor;
use tidegate::domain::Micros;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub const PARTNER: &str = "acme";
/// Senders of single prices, and the assets of each.
const SINGLES: usize = 4;
const SINGLE_ASSETS: usize = 8;
/// Senders of batches, each of which prices all of the sender's assets.
const BATCHES: usize = 2;
const BATCH_ASSETS: usize = 64;
const PAGE: usize = 1000;

/// Prices of one request: what each asset was said to cost. No two prices are alike.
type Prices = Vec<(String, u64)>;

enum Answer {
    Acknowledged,
    /// 503: the daemon is busy, or draining.
    Refused,
    /// The connection broke: the outcome is not known.
    None,
}

struct Sent {
    prices: Prices,
    acknowledged: bool,
}

pub struct Ledger {
    client: Client,
    /// As of when the first price is; each is a microsecond after the one before.
    first_at: Micros,
    number: AtomicU64,
    sent: Mutex<Vec<Sent>>,
    acknowledged: watch::Sender<u64>,
    seen: Mutex<Seen>,
}

/// What the change stream has told so far.
#[derive(Default)]
pub struct Seen {
    cursor: String,
    /// Lives of the store's file that changes were committed in, in their order.
    lives: Vec<u32>,
    last: u64,
    pub prices: BTreeSet<(String, u64)>,
}

impl Ledger {
    pub fn new() -> Arc<Ledger> {
        let hour_ago = Micros(Clock::system().now().0 - Micros::HOUR);
        Arc::new(Ledger {
            client: Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client"),
            first_at: hour_ago,
            number: AtomicU64::new(0),
            sent: Mutex::default(),
            acknowledged: watch::Sender::new(0),
            seen: Mutex::default(),
        })
    }

    /// Makes the assets that the senders price.
    pub async fn create_assets(&self, program: &Program) {
        let assets: Vec<Value> = senders().concat().iter().map(|id| value!({"id": id})).collect();
        let request = self.client.post(program.url("/api/assets")).bearer_auth(key(PARTNER));
        let response = json(request, &Value::Array(assets)).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{:?}", response.text().await);
    }

    /// Starts the senders; they go on until they are not answered any more, or told that it is over.
    pub fn push(self: &Arc<Ledger>, program: &Program) -> JoinSet<()> {
        let mut crew = JoinSet::new();
        for assets in senders() {
            let ledger = self.clone();
            let url = program.url("/api/prices");
            crew.spawn(async move { ledger.send_all(&url, &assets).await });
        }
        crew
    }

    /// Waits until so many more requests have been acknowledged.
    pub async fn acknowledges(&self, more: u64) {
        let mut count = self.acknowledged.subscribe();
        let goal = *count.borrow() + more;
        let reached = tokio::time::timeout(PATIENCE, count.wait_for(|count| *count >= goal)).await;
        reached.expect("the program acknowledges nothing more").expect("the sender is ours");
    }

    pub fn requests(&self) -> (usize, usize) {
        let sent = self.sent();
        (sent.len(), sent.iter().filter(|request| request.acknowledged).count())
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn sent(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().unwrap()
    }

    async fn send_all(&self, url: &str, assets: &[String]) {
        let is_batch = assets.len() == BATCH_ASSETS;
        for turn in 0.. {
            let chosen = if is_batch { assets } else { std::slice::from_ref(&assets[turn % assets.len()]) };
            let prices: Prices = chosen.iter().map(|id| (id.clone(), self.next_number())).collect();
            let place = self.note(&prices);
            match self.send(url, &prices).await {
                Answer::Acknowledged => {
                    self.sent()[place].acknowledged = true;
                    self.acknowledged.send_modify(|count| *count += 1);
                }
                Answer::Refused => {}
                Answer::None => return,
            }
        }
    }

    async fn send(&self, url: &str, prices: &Prices) -> Answer {
        let items = prices.iter().map(|(id, number)| {
            let at = jiff::Timestamp::from_microsecond(self.first_at.0 + *number as i64).unwrap();
            value!({"id": id, "amount": number.to_string(), "as_of": at.to_string()})
        });
        let mut items: Vec<Value> = items.collect();
        let body = if items.len() == 1 { items.remove(0) } else { Value::Array(items) };
        let request = self.client.post(url).bearer_auth(key(PARTNER));
        let Ok(response) = json(request, &body).send().await else { return Answer::None };
        let status = response.status();
        let Ok(reply) = response.bytes().await else { return Answer::None };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Answer::Refused;
        }
        let reply: Value = serde_json::from_slice(&reply).expect("a whole reply is JSON");
        assert_eq!(status, StatusCode::OK, "{reply}");
        match prices.len() {
            1 => assert_eq!(reply["outcome"], "updated", "{reply}"),
            many => assert_eq!(reply["counts"], value!({"updated": many}), "{reply}"),
        }
        Answer::Acknowledged
    }

    fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn note(&self, prices: &Prices) -> usize {
        let mut sent = self.sent();
        sent.push(Sent { prices: prices.clone(), acknowledged: false });
        sent.len() - 1
    }

    /// Judges the program that now serves the store.
    pub async fn judge(&self, program: &Program) {
        self.follow(program).await;
        let shown = self.shown(program).await;
        let (sent, seen) = (self.sent(), self.seen());
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for request in sent.iter() {
            known.extend(request.prices.iter().cloned());
            let there = request.prices.iter().filter(|price| seen.prices.contains(price)).count();
            let all = request.prices.len();
            assert!(!request.acknowledged || there == all, "acknowledged and lost: {:?}", request.prices);
            assert!(there == 0 || there == all, "torn, {there} of {all}: {:?}", request.prices);
            for (id, number) in request.prices.iter().filter(|_| there > 0) {
                let before = newest.entry(id).or_default();
                *before = (*before).max(*number);
            }
        }
        let invented = seen.prices.difference(&known).next();
        assert_eq!(invented, None, "a change that was never sent");
        let shown: BTreeMap<&str, u64> = shown.iter().map(|(id, number)| (id.as_str(), *number)).collect();
        assert_eq!(shown, newest, "the prices that are read are not the newest of the changes");
    }

    /// Reads on in the changes, from where it was left in the last life.
    async fn follow(&self, program: &Program) {
        loop {
            let path = format!("/api/changes?limit={PAGE}&type=price.updated&since={}", self.seen().cursor);
            let page = program.read(&self.client, PARTNER, &path).await;
            let mut seen = self.seen();
            for change in page["items"].as_array().expect("items") {
                seen.add(change);
            }
            page["next_cursor"].as_str().expect("a cursor").clone_into(&mut seen.cursor);
            if page["more"] == false {
                return;
            }
        }
    }

    /// The price of each asset that has one.
    async fn shown(&self, program: &Program) -> BTreeMap<String, u64> {
        let page = program.read(&self.client, PARTNER, &format!("/api/prices?limit={PAGE}")).await;
        let items = page["items"].as_array().expect("items").iter();
        items.map(|price| (text(&price["id"]), text(&price["amount"]).parse().unwrap())).collect()
    }
}

impl Seen {
    fn add(&mut self, change: &Value) {
        let (journal, seq) = cursor::decode(&text(&change["cursor"])).expect("a cursor");
        if self.lives.last() != Some(&journal) {
            assert!(!self.lives.contains(&journal), "a life that was over goes on: {change}");
            self.lives.push(journal);
        }
        assert!(seq.0 > self.last, "{} does not come after {}", seq.0, self.last);
        self.last = seq.0;
        let number = text(&change["price"]["amount"]).parse().expect("a number of ours");
        assert!(self.prices.insert((text(&change["id"]), number)), "told twice: {change}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The assets of each sender: no asset has two, so that each one's prices come in order.
fn senders() -> Vec<Vec<String>> {
    let of = |kind: &str, sender: usize, assets: usize| {
        (0..assets).map(|asset| format!("{kind}/{sender}/{asset}")).collect()
    };
    let singles = (0..SINGLES).map(|sender| of("single", sender, SINGLE_ASSETS));
    singles.chain((0..BATCHES).map(|sender| of("batch", sender, BATCH_ASSETS))).collect()
}
