//! Reads back what was acknowledged: the newest acknowledged amount must be what is there.

use super::api::Api;
use super::crew::Crew;
use super::error::LoadError;
use super::ledger::LoadLedger;
use super::prices::{Cents, asset_id};
use super::report::{Mismatch, Verification};
use crate::domain::Decimal;
use fastrand::Rng;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// The most ids that one call may ask for.
const IDS_PER_CALL: usize = 500;
const PROGRESS_IDS: u64 = 100_000;
/// How many mismatches are listed.
const LISTED_MAX: usize = 1000;

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
}

/// A price, alone or as a member of what carries the id.
#[derive(Deserialize)]
struct Item {
    id: String,
    amount: Option<Value>,
    price: Option<Price>,
}

#[derive(Deserialize)]
struct Price {
    amount: Option<Value>,
}

/// One acknowledged price to be read.
struct Owed<'a> {
    id: String,
    ledger: &'a LoadLedger,
    place: u32,
    amount: Cents,
}

/// Reads up to `sample` of all acknowledged prices (`None`: every one), drawn evenly.
pub async fn verify(
    api: &Api,
    crew: &Crew,
    sample: Option<u64>,
    seed: u64,
    say: fn(&str),
) -> Result<Verification, LoadError> {
    let total = crew.ledgers().map(|(_, ledger)| ledger.owed().count() as u64).sum();
    let doubtful = crew.ledgers().map(|(_, ledger)| ledger.doubtful() as u64).sum();
    let mut result = Verification { acknowledged: total, doubtful, ..Verification::default() };
    let mut wanted = Sampler::new(total, sample.unwrap_or(total), seed);
    let mut waiting = Vec::with_capacity(IDS_PER_CALL);
    for (partition, ledger) in crew.ledgers() {
        for (place, amount) in ledger.owed() {
            if !wanted.next() {
                continue;
            }
            waiting.push(Owed { id: asset_id(partition.asset_number(place)), ledger, place, amount });
            if waiting.len() == IDS_PER_CALL {
                compare(api, &mut waiting, &mut result).await?;
                if result.checked.is_multiple_of(PROGRESS_IDS) {
                    say(&format!("verified {} of {} acknowledged prices", result.checked, wanted.all));
                }
            }
        }
    }
    compare(api, &mut waiting, &mut result).await?;
    Ok(result)
}

async fn compare(api: &Api, owed: &mut Vec<Owed<'_>>, result: &mut Verification) -> Result<(), LoadError> {
    if owed.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = owed.iter().map(|owed| format!("id={}", owed.id)).collect();
    let reply = api.get(&format!("/api/prices?{}", ids.join("&"))).await?;
    let page: Page = serde_json::from_slice(&reply).map_err(|_| LoadError::Reply("/api/prices"))?;
    let mut read: HashMap<String, String> = page.items.into_iter().filter_map(amount_of).collect();
    for owed in owed.drain(..) {
        let text = read.remove(&owed.id);
        let allowed = match &text {
            Some(text) => cents(text).is_some_and(|amount| owed.ledger.allows(owed.place, Some(amount))),
            None => owed.ledger.allows(owed.place, None),
        };
        result.checked += 1;
        if !allowed {
            result.mismatched += 1;
            if result.mismatches.len() < LISTED_MAX {
                let acknowledged = format!("{}.{:02}", owed.amount / 100, owed.amount % 100);
                result.mismatches.push(Mismatch { id: owed.id, acknowledged, read: text });
            }
        }
    }
    Ok(())
}

fn amount_of(item: Item) -> Option<(String, String)> {
    let amount = item.amount.or(item.price.and_then(|price| price.amount))?;
    let text = match amount {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some((item.id, text))
}

/// `None` where the amount is not one of ours: too fine, too large, or no number.
fn cents(text: &str) -> Option<Cents> {
    let (mantissa, scale) = Decimal::parse(text).ok()?.parts();
    let cents = mantissa.checked_mul(10i128.pow(2u32.checked_sub(u32::from(scale))?))?;
    Cents::try_from(cents).ok()
}

/// Draws exactly `wanted` of `all` elements, each with the same chance, in one pass.
struct Sampler {
    all: u64,
    left: u64,
    wanted: u64,
    random: Rng,
}

impl Sampler {
    fn new(all: u64, wanted: u64, seed: u64) -> Sampler {
        let wanted = wanted.min(all);
        Sampler { all: wanted, left: all, wanted, random: Rng::with_seed(seed) }
    }

    fn next(&mut self) -> bool {
        let taken = self.random.u64(..self.left.max(1)) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= u64::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_exactly_the_size_asked_for() {
        for (all, wanted) in [(0, 5), (10, 0), (10, 3), (10, 10), (10, 99), (1000, 500)] {
            let mut sampler = Sampler::new(all, wanted, 42);
            let taken = (0..all).filter(|_| sampler.next()).count() as u64;
            assert_eq!(taken, wanted.min(all));
        }
    }

    #[test]
    fn amounts_are_compared_by_value() {
        assert_eq!(cents("12345.6"), Some(1_234_560));
        assert_eq!(cents("12345.60"), Some(1_234_560));
        assert_eq!(cents("12345"), Some(1_234_500));
        for other in ["12345.678", "-1", "1e20", "many"] {
            assert_eq!(cents(other), None, "{other}");
        }
    }
}
