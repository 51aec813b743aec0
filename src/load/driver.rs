//! One connection's work: push, read the reply, remember what was acknowledged.

use super::histogram::Histogram;
use super::ledger::LoadLedger;
use super::pace::Pace;
use super::plan::Until;
use super::prices::{PriceWriter, Sent};
use super::receipt::{Receipt, stands};
use super::wire::{Connection, WireError};
use crate::clock::sleep;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// For requests that are still unanswered when their leg is over.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// For a leg that counts requests instead of time.
const COUNTED_LEG_WITHIN: Duration = Duration::from_secs(600);
const RECONNECTS_MAX: u32 = 10;
const RECONNECT_AFTER: Duration = Duration::from_millis(50);
/// How much of the first refusal is shown.
const EXAMPLE_BYTES: usize = 300;

/// What all drivers of a leg have done so far, for the line that shows it.
#[derive(Debug, Default)]
pub struct Gauge {
    pub requests: AtomicU64,
    pub failed: AtomicU64,
}

/// What one driver did in one leg.
#[derive(Debug, Default)]
pub struct LoadTally {
    /// Of the answered requests, from when they were due.
    pub latency: Histogram,
    /// Prices by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Replies other than 2xx, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Requests without a reply that could be understood.
    pub failures: u64,
    /// The first refusal or failure, in words.
    pub example: Option<String>,
    /// When the last reply came, since the leg's start.
    pub ended: Duration,
}

impl LoadTally {
    pub fn merge(&mut self, other: LoadTally) {
        self.latency.merge(&other.latency);
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        self.failures += other.failures;
        self.example = self.example.take().or(other.example);
        self.ended = self.ended.max(other.ended);
    }

    fn count(&mut self, outcome: &str, prices: u64) {
        match self.outcomes.get_mut(outcome) {
            Some(count) => *count += prices,
            None => drop(self.outcomes.insert(outcome.to_owned(), prices)),
        }
    }
}

/// The owner of one partition of the assets, for all legs against one server.
#[derive(Debug)]
pub struct LoadDriver {
    prices: PriceWriter,
    pub ledger: LoadLedger,
    pub tally: LoadTally,
    /// The prices in the request are on their way.
    in_flight: bool,
}

impl LoadDriver {
    pub fn new(prices: PriceWriter, ledger: LoadLedger) -> LoadDriver {
        LoadDriver { prices, ledger, tally: LoadTally::default(), in_flight: false }
    }

    /// Pushes until the leg is over; what is unanswered some time after that stays in doubt.
    pub async fn run(
        mut self,
        connection: Connection,
        address: SocketAddr,
        pace: &Pace,
        gauge: &Gauge,
    ) -> LoadDriver {
        let within = match pace.until() {
            Until::Elapsed(length) => length + ANSWER_WITHIN,
            Until::Requests(_) => COUNTED_LEG_WITHIN,
        };
        let pushing = self.push(connection, address, pace, gauge);
        if tokio::time::timeout(within, pushing).await.is_err() {
            self.tally.failures += 1;
            self.tally.example.get_or_insert_with(|| "a request was not answered".into());
        }
        if std::mem::take(&mut self.in_flight) {
            self.doubt();
        }
        self
    }

    async fn push(&mut self, mut connection: Connection, address: SocketAddr, pace: &Pace, gauge: &Gauge) {
        while let Some(due) = pace.next().await {
            self.prices.advance(pace.wall_time(due));
            self.in_flight = true;
            let outcome = connection.exchange(self.prices.request()).await;
            self.in_flight = false;
            let now = pace.elapsed();
            self.tally.ended = now;
            let lost = match outcome {
                Ok(reply) => {
                    settle(&self.prices, &mut self.ledger, &mut self.tally, reply.status, reply.body);
                    if reply.status / 100 == 2 {
                        self.tally.latency.record(now.saturating_sub(due));
                        gauge.requests.fetch_add(1, Ordering::Relaxed);
                    } else {
                        gauge.failed.fetch_add(1, Ordering::Relaxed);
                    }
                    reply.closing
                }
                Err(error) => {
                    self.fail(&error);
                    gauge.failed.fetch_add(1, Ordering::Relaxed);
                    true
                }
            };
            if lost {
                match reconnect(address).await {
                    Some(fresh) => connection = fresh,
                    None => return,
                }
            }
        }
    }

    fn fail(&mut self, error: &WireError) {
        self.tally.failures += 1;
        self.tally.example.get_or_insert_with(|| match error {
            WireError::Io(cause) => format!("{error}: {cause}"),
            WireError::Reply(_) => error.to_string(),
        });
        self.doubt();
    }

    fn doubt(&mut self) {
        for &sent in self.prices.sent() {
            self.ledger.doubt(sent);
        }
    }
}

/// Takes a reply to account: in the tally, and in the ledger what it acknowledges.
fn settle(prices: &PriceWriter, ledger: &mut LoadLedger, tally: &mut LoadTally, status: u16, body: &[u8]) {
    let sent = prices.sent();
    if status / 100 != 2 {
        return refuse(sent, ledger, tally, status, body);
    }
    let receipt =
        if prices.is_batch() { Receipt::of_batch(body, sent.len()) } else { Receipt::of_single(body) };
    match receipt {
        Receipt::AllUpdated => {
            tally.count("updated", sent.len() as u64);
            sent.iter().for_each(|price| ledger.acknowledge(*price));
        }
        Receipt::Each(outcomes) => {
            for (price, outcome) in sent.iter().zip(&outcomes) {
                tally.count(outcome, 1);
                if stands(outcome) {
                    ledger.acknowledge(*price);
                }
            }
        }
        Receipt::Counts(counts) => {
            counts
                .iter()
                .filter(|(_, count)| **count > 0)
                .for_each(|(outcome, count)| tally.count(outcome, *count));
            sent.iter().for_each(|price| ledger.doubt(*price));
        }
        Receipt::Unreadable => {
            tally.count("unreadable", sent.len() as u64);
            tally.example.get_or_insert_with(|| excerpt(status, body));
            sent.iter().for_each(|price| ledger.doubt(*price));
        }
    }
}

/// After a 5xx nobody knows what became of the prices; any other refusal means that none was taken.
fn refuse(sent: &[Sent], ledger: &mut LoadLedger, tally: &mut LoadTally, status: u16, body: &[u8]) {
    *tally.refused.entry(status).or_default() += 1;
    tally.example.get_or_insert_with(|| excerpt(status, body));
    if status >= 500 {
        sent.iter().for_each(|price| ledger.doubt(*price));
    }
}

fn excerpt(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXAMPLE_BYTES)]);
    format!("{status} {}", text.escape_debug())
}

async fn reconnect(address: SocketAddr) -> Option<Connection> {
    for _ in 0..RECONNECTS_MAX {
        if let Ok(connection) = Connection::open(address).await {
            return Some(connection);
        }
        sleep(RECONNECT_AFTER).await;
    }
    None
}
