//! Short ways to say what the examples say. Times are of one day: `at(9, 59, 58)`.

use serde_json::Value;

use super::model::Model;
use super::types::{Members, Policy, PriceIn, RecordIn, RunReport, SnapshotIn, Visible, VisibleAsset};

pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;
/// Midnight of the examples' day, 2025-03-12.
pub const TODAY: i64 = 1_741_737_600 * SECOND;

pub fn at(hour: i64, minute: i64, second: i64) -> i64 {
    TODAY + hour * HOUR + (minute * 60 + second) * SECOND
}

pub fn oclock(hour: i64) -> i64 {
    at(hour, 0, 0)
}

pub fn model() -> Model {
    Model::new(Policy::default())
}

/// Text members; a value of `-` is null.
pub fn doc(pairs: &[(&str, &str)]) -> Members {
    let value = |v: &str| if v == "-" { Value::Null } else { Value::from(v) };
    pairs.iter().map(|(k, v)| (k.to_string(), value(v))).collect()
}

pub fn record(id: &str, pairs: &[(&str, &str)]) -> RecordIn {
    RecordIn { id: Some(id.into()), updated_at: None, members: doc(pairs), price: None, valid: true }
}

pub fn priced(id: &str, amount: &str, as_of: Option<i64>) -> RecordIn {
    let price = Some(PriceIn::new(id, amount, "USD", as_of));
    RecordIn { price, ..record(id, &[("class", "market")]) }
}

pub fn usd(id: &str, amount: &str, as_of: i64) -> PriceIn {
    PriceIn::new(id, amount, "USD", Some(as_of))
}

/// A whole file with an envelope date; its hash follows from its content.
pub fn dated(generated_at: i64, fetch_start: i64, records: Vec<RecordIn>) -> SnapshotIn {
    let generated_at = Some(generated_at);
    let body_hash = hash(&(generated_at, format!("{records:?}")));
    SnapshotIn { fetch_start, body_hash, generated_at, records, ..SnapshotIn::default() }
}

/// A whole file without any date.
pub fn undated(fetch_start: i64, records: Vec<RecordIn>) -> SnapshotIn {
    let body_hash = hash(&format!("{records:?}"));
    SnapshotIn { fetch_start, body_hash, records, ..SnapshotIn::default() }
}

fn hash(content: &impl std::hash::Hash) -> u64 {
    use std::hash::Hasher;
    let mut hasher = std::hash::DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

pub fn numbered(count: usize) -> Vec<RecordIn> {
    (0..count).map(|n| record(&format!("asset-{n:05}"), &[("title", "t")])).collect()
}

/// Applies at its fetch time.
pub fn run(model: &mut Model, snapshot: SnapshotIn) -> RunReport {
    model.snapshot(snapshot.fetch_start, snapshot)
}

pub fn alive(model: &Model, now: i64, id: &str) -> VisibleAsset {
    match model.visible(now, id) {
        Visible::Alive(asset) => asset,
        other => panic!("{id} should be alive and is {other:?}"),
    }
}

pub fn members(model: &Model, id: &str) -> Members {
    alive(model, TODAY, id).members
}

pub fn member(model: &Model, id: &str, name: &str) -> Option<String> {
    members(model, id).get(name)?.as_str().map(String::from)
}

/// The amount of the quote `price`.
pub fn amount(model: &Model, id: &str) -> Option<String> {
    alive(model, TODAY, id).quotes.get("price")?.amount.clone()
}

pub fn is_dead(model: &Model, id: &str) -> bool {
    model.visible(TODAY, id) == Visible::Dead
}

/// All orders of `0..n`.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let insert = |order: &Vec<usize>, place: usize| {
        let mut longer = order.clone();
        longer.insert(place, n - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..n).map(|p| insert(order, p)).collect::<Vec<_>>()).collect()
}
