//! Senders of deliveries under keys: assets, deletes and prices, each under an `Idempotency-Key` of its own and of a
//! time of its own. Whatever dies meanwhile, each has exactly one effect, and its repeat gets the first reply again.

use crate::support::house::{PATIENCE, key, wait_for};
use crate::support::program::Program;
use bytes::Bytes;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json as value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::{Micros, TimeFormat};
use tokio::task::JoinSet;

pub const PARTNER: &str = "keyed";
const SENDERS: usize = 3;
const ASSETS: usize = 5;
/// After a start so many of the newest deliveries of each sender are sent again.
const REPEATS: usize = 4;
const PAGE: usize = 1000;

#[derive(Clone, Debug)]
struct Delivery {
    /// Its place among all, in its key; and its source time. No two are alike.
    at: Micros,
    id: String,
    act: Act,
    /// The first reply; none while it is not known what became of it.
    reply: Option<Reply>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Write,
    Delete,
    Price,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reply {
    status: StatusCode,
    body: Bytes,
}

/// What each sender has sent, in order: of all but the last the reply is known.
pub struct Keyed {
    client: Client,
    next_at: AtomicI64,
    books: Vec<Mutex<Vec<Delivery>>>,
    seen: Mutex<Seen>,
}

/// The changes told so far.
#[derive(Default)]
struct Seen {
    cursor: String,
    effects: BTreeSet<(String, Micros)>,
}

impl Keyed {
    pub fn new() -> Arc<Keyed> {
        Arc::new(Keyed {
            client: Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client"),
            next_at: AtomicI64::new(Clock::system().now().0 - Micros::HOUR),
            books: (0..SENDERS).map(|_| Mutex::default()).collect(),
            seen: Mutex::default(),
        })
    }

    /// Starts the senders; they go on until they are not answered any more.
    pub fn push(self: &Arc<Keyed>, program: &Program) -> JoinSet<()> {
        let mut crew = JoinSet::new();
        for sender in 0..SENDERS {
            let (keyed, url) = (self.clone(), program.url(""));
            crew.spawn(async move { keyed.send_all(&url, sender).await });
        }
        crew
    }

    /// Sent, and acknowledged.
    pub fn deliveries(&self) -> (usize, usize) {
        let books = self.books.iter().map(|book| book.lock().unwrap());
        books.fold((0, 0), |(sent, known), book| {
            (sent + book.len(), known + book.iter().filter(|delivery| delivery.reply.is_some()).count())
        })
    }

    async fn send_all(&self, url: &str, sender: usize) {
        loop {
            let (place, delivery) = self.next(sender);
            // what is refused for want of room is sent again as it was
            let reply = loop {
                match self.send(url, &delivery).await {
                    Some((reply, _)) if reply.status == StatusCode::SERVICE_UNAVAILABLE => {}
                    Some((reply, replayed)) => {
                        assert!(!replayed, "sent for the first time: {delivery:?}");
                        break reply;
                    }
                    None => return,
                }
            };
            assert!(reply.status.is_success(), "{delivery:?}: {reply:?}");
            self.books[sender].lock().unwrap()[place].reply = Some(reply);
        }
    }

    /// Notes the sender's next delivery: writes each of its assets, deletes some again, prices the first.
    fn next(&self, sender: usize) -> (usize, Delivery) {
        let mut book = self.books[sender].lock().unwrap();
        let (place, turn) = (book.len(), book.len() / 3);
        let asset = 1 + turn % ASSETS;
        let (asset, act) = match place % 3 {
            0 if turn == 0 => (0, Act::Write),
            0 => (asset, Act::Write),
            1 => (0, Act::Price),
            // what has just been written, so that there always is something to delete
            _ if turn > 0 && turn.is_multiple_of(2) => (asset, Act::Delete),
            _ => (0, Act::Price),
        };
        let at = Micros(self.next_at.fetch_add(1, Ordering::Relaxed));
        let delivery = Delivery { at, id: format!("{sender}-{asset}"), act, reply: None };
        book.push(delivery.clone());
        (place, delivery)
    }

    /// The reply, and whether it is the first one again; none where the connection broke.
    async fn send(&self, url: &str, delivery: &Delivery) -> Option<(Reply, bool)> {
        let Delivery { at, id, act, .. } = delivery;
        let (number, at) = (at.0.to_string(), time::format(*at));
        let (method, path, body) = match act {
            Act::Write => {
                let asset = value!({"id": id, "updated_at": at, "made": number});
                (Method::POST, "/api/assets".to_owned(), Some(asset))
            }
            Act::Price => {
                let price = value!({"id": id, "amount": number, "as_of": at});
                (Method::POST, "/api/prices".to_owned(), Some(price))
            }
            Act::Delete => (Method::DELETE, format!("/api/assets/{id}?at={at}"), None),
        };
        let mut request = self.client.request(method, format!("{url}{path}")).bearer_auth(key(PARTNER));
        request = request.header("idempotency-key", format!("\"{number}\""));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
        Some((Reply { status, body: response.bytes().await.ok()? }, replayed))
    }

    /// Judges the program that now serves the store.
    pub async fn judge(&self, program: &Program) {
        for book in &self.books {
            let deliveries = book.lock().unwrap().clone();
            for (place, delivery) in deliveries.iter().enumerate().rev().take(REPEATS) {
                let reply = self.repeat(program, delivery).await;
                book.lock().unwrap()[place].reply = Some(reply);
            }
        }
        self.each_has_had_one_effect(program).await;
        self.the_last_of_each_is_read(program).await;
    }

    /// Sends a delivery again, until it is answered.
    async fn repeat(&self, program: &Program, delivery: &Delivery) -> Reply {
        let (reply, replayed) = wait_for(format!("{delivery:?}"), async || {
            let answer = self.send(&program.url(""), delivery).await.expect("it runs");
            Some(answer).filter(|(reply, _)| reply.status != StatusCode::SERVICE_UNAVAILABLE)
        })
        .await;
        match &delivery.reply {
            Some(first) => {
                assert!(replayed, "acknowledged and forgotten: {delivery:?}, now {reply:?}");
                assert_eq!(&reply, first, "not the first reply: {delivery:?}");
            }
            None => assert!(reply.status.is_success(), "{delivery:?}: {reply:?}"),
        }
        reply
    }

    async fn each_has_had_one_effect(&self, program: &Program) {
        loop {
            let since = self.seen.lock().unwrap().cursor.clone();
            let page = program
                .read(&self.client, PARTNER, &format!("/api/changes?limit={PAGE}&since={since}"))
                .await;
            let mut seen = self.seen.lock().unwrap();
            for change in page["items"].as_array().expect("items") {
                let id = change["id"].as_str().expect("an id").to_owned();
                let at = time::parse(change["source_time"].as_str().expect("a time"), TimeFormat::Rfc3339);
                assert!(seen.effects.insert((id, at.expect("a time of ours"))), "told twice: {change}");
            }
            page["next_cursor"].as_str().expect("a cursor").clone_into(&mut seen.cursor);
            if page["more"] == false {
                break;
            }
        }
        let books = self.books.iter().flat_map(|book| book.lock().unwrap().clone());
        let sent: BTreeSet<(String, Micros)> = books.map(|delivery| (delivery.id, delivery.at)).collect();
        let seen = self.seen.lock().unwrap();
        assert_eq!(sent.difference(&seen.effects).next(), None, "acknowledged and lost");
        assert_eq!(seen.effects.difference(&sent).next(), None, "a change that was never sent");
    }

    async fn the_last_of_each_is_read(&self, program: &Program) {
        let page = program.read(&self.client, PARTNER, &format!("/api/assets?limit={PAGE}&status=any")).await;
        let items = page["items"].as_array().expect("items").iter();
        let said = |text: &Value| text.as_str().map(str::to_owned);
        let shown: BTreeMap<String, (Option<String>, Option<String>)> = items
            .map(|asset| {
                (said(&asset["id"]).unwrap(), (said(&asset["made"]), said(&asset["price"]["amount"])))
            })
            .collect();
        let mut expected = BTreeMap::new();
        for delivery in self.books.iter().flat_map(|book| book.lock().unwrap().clone()) {
            let number = Some(delivery.at.0.to_string());
            let (made, price): &mut (Option<String>, Option<String>) =
                expected.entry(delivery.id.clone()).or_default();
            match delivery.act {
                Act::Write => *made = number,
                Act::Price => *price = number,
                Act::Delete => drop(expected.remove(&delivery.id)),
            }
        }
        assert_eq!(shown, expected, "what is read is not what was sent last");
    }
}
