//! Deliveries (G2): the same id twice is one effect, and the first reply again.

use crate::domain::{Micros, Outcome, Rule};
use serde::{Deserialize, Serialize};

/// How long a delivery is remembered.
pub const KEPT: i64 = 7 * Micros::DAY;
/// How long one is remembered that held only prices: P1 makes their repeat harmless.
pub const PRICES_KEPT: i64 = Micros::HOUR;

/// What is kept of a delivery, in the commit of its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// SHA-256 over method, route, content type and raw body, hex.
    pub fingerprint: String,
    pub received_at: i64,
    /// The source time given to its undated items (T1), so that a retry keeps it.
    pub undated_at: Option<i64>,
    pub prices_only: bool,
    pub items: Vec<DeliveredItem>,
}

/// The outcome of one item, as it was first answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredItem {
    pub id: String,
    pub outcome: String,
    pub rule: String,
    /// Place of the item's last change in its write set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
}

/// What a delivery id means for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryDecision {
    New,
    /// Same id, same body: the first reply again, nothing applied.
    Replay,
    /// Same id, other body: 422.
    Reused,
}

/// G2 for one request against what is remembered under its id.
pub fn decide(known: Option<&DeliveryRecord>, fingerprint: &str, now: Micros) -> DeliveryDecision {
    match known.filter(|record| !is_expired(record.received_at, record.prices_only, now)) {
        None => DeliveryDecision::New,
        Some(record) if record.fingerprint == fingerprint => DeliveryDecision::Replay,
        Some(_) => DeliveryDecision::Reused,
    }
}

pub fn is_expired(received_at: i64, prices_only: bool, now: Micros) -> bool {
    let kept = if prices_only { PRICES_KEPT } else { KEPT };
    now.since(Micros(received_at)) > kept
}

/// The outcome that a stored name stands for.
pub fn outcome_named(name: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name)
}

/// The rule that a stored name stands for.
pub fn rule_named(name: &str) -> Option<Rule> {
    Rule::ALL.into_iter().find(|rule| rule.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(prices_only: bool) -> DeliveryRecord {
        DeliveryRecord {
            fingerprint: "f".into(),
            received_at: 1000,
            undated_at: None,
            prices_only,
            items: Vec::new(),
        }
    }

    #[test]
    fn g2_the_same_id_is_a_replay_or_a_reuse_by_its_body() {
        let now = Micros(2000);
        assert_eq!(decide(None, "f", now), DeliveryDecision::New);
        assert_eq!(decide(Some(&record(false)), "f", now), DeliveryDecision::Replay);
        assert_eq!(decide(Some(&record(false)), "g", now), DeliveryDecision::Reused);
    }

    #[test]
    fn g2_a_delivery_is_forgotten_after_its_time() {
        assert_eq!(decide(Some(&record(false)), "f", Micros(1000 + KEPT)), DeliveryDecision::Replay);
        assert_eq!(decide(Some(&record(false)), "f", Micros(1001 + KEPT)), DeliveryDecision::New);
        assert_eq!(decide(Some(&record(true)), "f", Micros(1001 + PRICES_KEPT)), DeliveryDecision::New);
    }

    #[test]
    fn outcomes_and_rules_come_back_by_name() {
        assert!(Outcome::ALL.into_iter().all(|outcome| outcome_named(outcome.as_str()) == Some(outcome)));
        assert!(Rule::ALL.into_iter().all(|rule| rule_named(rule.as_str()) == Some(rule)));
    }
}
