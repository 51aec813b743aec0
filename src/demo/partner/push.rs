//! From what happened at a partner to the requests that tell of it.

use super::client::PushDelivery;
use super::deliveries::DeliveryShares;
use crate::codec::segment;
use crate::demo::dice::Dice;
use crate::demo::text;
use crate::demo::truth::asset::{AssetStep, DEFAULT_CURRENCY, Price, TruthWrite};
use crate::domain::Verb;
use bytes::Bytes;
use reqwest::Method;
use std::sync::Arc;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Assets per request when a partner without a feed tells everything at the start.
const FIRST_BATCH: usize = 200;

/// Of what a partner with a feed sends; without one nothing may be lost (it would not heal).
pub const USUAL: DeliveryShares = DeliveryShares { repeated: 35, reordered: 40, lost: 15 };
/// Deletes are few, and what heals them is a rule of its own (X3): more of them are lost.
pub const DELETES: DeliveryShares = DeliveryShares { repeated: 100, reordered: 150, lost: 250 };

/// The deliveries of one tick. Its prices go out singly or as one batch.
pub fn deliveries(steps: Vec<TruthWrite>, dice: &mut Dice) -> Vec<(PushDelivery, DeliveryShares)> {
    let mut prices = Vec::with_capacity(steps.len());
    let mut out = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            TruthWrite::Price { id, price } => prices.push((id, price)),
            TruthWrite::Asset(step) => {
                let shares = if step.verb == Verb::Delete { DELETES } else { USUAL };
                out.push((asset(&step, dice), shares));
            }
        }
    }
    if prices.len() > 1 && dice.chance(500) {
        out.push((price_batch(&prices, dice), USUAL));
    } else {
        out.extend(prices.iter().map(|(id, price)| (single_price(id, price, dice), USUAL)));
    }
    out
}

/// Everything a partner has, in a few large batches.
pub fn first_deliveries(steps: &[AssetStep]) -> Vec<PushDelivery> {
    let batches = steps.chunks(FIRST_BATCH).enumerate();
    batches
        .map(|(place, steps)| {
            let bodies: Vec<String> = steps.iter().map(asset_body).collect();
            let (content_type, body) = joined(&bodies, place % 2 == 1);
            let items = steps.len() as u64;
            let prices = Arc::default();
            PushDelivery {
                method: Method::POST,
                path: "/api/assets".into(),
                content_type,
                body,
                items,
                prices,
            }
        })
        .collect()
}

fn asset(step: &AssetStep, dice: &mut Dice) -> PushDelivery {
    let path = format!("/api/assets/{}", segment(&step.id));
    let (method, path, content_type) = match step.verb {
        Verb::Post => (Method::POST, "/api/assets".into(), JSON),
        Verb::Put if dice.chance(250) => (Method::PUT, "/api/assets".into(), JSON),
        Verb::Put => (Method::PUT, path, JSON),
        Verb::Patch => (Method::PATCH, path, if dice.chance(500) { MERGE_PATCH } else { JSON }),
        Verb::Delete => (Method::DELETE, format!("{path}?at={}", text::time(step.at)), JSON),
    };
    let body = match step.verb {
        Verb::Delete => Bytes::new(),
        Verb::Put | Verb::Post | Verb::Patch => asset_body(step).into(),
    };
    PushDelivery { method, path, content_type, body, items: 1, prices: Arc::default() }
}

fn asset_body(step: &AssetStep) -> String {
    text::asset_step(step, DEFAULT_CURRENCY)
}

fn single_price(id: &str, price: &Price, dice: &mut Dice) -> PushDelivery {
    let (method, path, named) = match dice.chance(125) {
        true => (Method::PUT, format!("/api/assets/{}/price", segment(id)), None),
        false => (Method::POST, "/api/prices".into(), Some(id)),
    };
    let body = text::price(named, price, DEFAULT_CURRENCY).into();
    let prices = Arc::new([(id.to_owned(), price.clone())]);
    PushDelivery { method, path, content_type: JSON, body, items: 1, prices }
}

fn price_batch(prices: &[(String, Price)], dice: &mut Dice) -> PushDelivery {
    let bodies: Vec<String> =
        prices.iter().map(|(id, price)| text::price(Some(id), price, DEFAULT_CURRENCY)).collect();
    let (content_type, body) = joined(&bodies, dice.chance(300));
    let items = prices.len() as u64;
    let prices = prices.into();
    PushDelivery { method: Method::POST, path: "/api/prices".into(), content_type, body, items, prices }
}

fn joined(bodies: &[String], ndjson: bool) -> (&'static str, Bytes) {
    match ndjson {
        true => (NDJSON, bodies.join("\n").into()),
        false => (JSON, format!("[{}]", bodies.join(",")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::truth::Truth;
    use crate::demo::truth::book::Book;
    use crate::domain::Micros;
    use std::collections::BTreeSet;

    const NOW: Micros = Micros(1_800_000_000_000_000);

    #[test]
    fn every_way_of_pushing_is_used_and_every_step_is_told_once() {
        let mut truth = Truth::new(Book::Mixed, 200, true, Dice::new(1, "truth"), NOW);
        let mut dice = Dice::new(1, "push");
        let mut ways = BTreeSet::new();
        let (mut steps_made, mut items) = (0, 0);
        for _ in 0..400 {
            let mut steps: Vec<TruthWrite> = (0..4).filter_map(|_| truth.move_price(NOW)).collect();
            steps.extend(truth.change(NOW));
            steps_made += steps.len() as u64;
            for (delivery, _) in deliveries(steps, &mut dice) {
                items += delivery.items;
                let place = delivery.path.trim_start_matches("/api/").split(['/', '?']).count();
                ways.insert((delivery.method.to_string(), place, delivery.content_type));
                let lines = delivery.body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
                for line in lines {
                    assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
                }
            }
        }
        assert_eq!(items, steps_made);
        for way in [
            ("POST", 1, JSON),
            ("POST", 1, NDJSON),
            ("PUT", 1, JSON),
            ("PUT", 2, JSON),
            ("PUT", 3, JSON),
            ("PATCH", 2, JSON),
            ("PATCH", 2, MERGE_PATCH),
            ("DELETE", 3, JSON),
        ] {
            assert!(ways.contains(&(way.0.to_string(), way.1, way.2)), "{way:?} of {ways:?}");
        }
    }

    #[test]
    fn the_first_deliveries_hold_every_asset() {
        let truth = Truth::new(Book::Fund, 450, false, Dice::new(1, "truth"), NOW);
        let first = first_deliveries(&truth.tell_all());
        assert_eq!(first.iter().map(|delivery| delivery.items).collect::<Vec<_>>(), [200, 200, 50]);
        assert_eq!(first[1].content_type, NDJSON);
    }
}
