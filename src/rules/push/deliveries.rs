//! Deliveries (G2): the same id twice is one effect, and the first reply again.

use crate::domain::{DeliveryRecord, Micros};

/// How long a delivery is remembered.
pub const KEPT: i64 = 7 * Micros::DAY;
/// How long one is remembered that held only prices with a time of their own: P1 makes their
/// repeat harmless.
pub const PRICES_KEPT: i64 = Micros::HOUR;

impl DeliveryRecord {
    /// T1: what follows the times that were given under this id: an item without one, in a body that
    /// was built again, is as old as the first delivery, and comes after what that said.
    pub fn next_undated(&self) -> Micros {
        let items: i64 = self.items.iter().map(|run| i64::from(run.count)).sum();
        Micros(self.undated_at.unwrap_or(self.received_at)).plus(items)
    }
}

/// What a delivery id means for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryDecision {
    /// It has not been seen before.
    New,
    /// Same id, same body: the first reply again, nothing applied.
    Replay,
    /// Same id, other body, under `Idempotency-Key`; or signed, and sent to another place: 422.
    Reused,
    /// Same id, other body, under `webhook-id`: decided like any other, with a warning.
    Rebuilt,
}

/// Which header names a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdHeader {
    /// Its senders build the body of one delivery again for each attempt.
    WebhookId,
    /// `Idempotency-Key`.
    IdempotencyKey,
}

/// G2 for one request against what is remembered under its id.
pub fn decide(
    known: Option<&DeliveryRecord>,
    (header, fingerprint): (IdHeader, &str),
    now: Micros,
) -> DeliveryDecision {
    match known.filter(|record| !is_expired(record.received_at, record.prices_only, now)) {
        None => DeliveryDecision::New,
        Some(record) if record.fingerprint == fingerprint => DeliveryDecision::Replay,
        Some(record) => match header {
            IdHeader::WebhookId if is_elsewhere(&record.fingerprint, fingerprint) => DeliveryDecision::Reused,
            IdHeader::WebhookId => DeliveryDecision::Rebuilt,
            IdHeader::IdempotencyKey => DeliveryDecision::Reused,
        },
    }
}

/// Digits of a place's hash in a fingerprint.
const PLACE_DIGITS: usize = 16;

/// The fingerprint of a call that only its signature proves: it covers the id and the body, and not
/// where they are sent to, so that the place is told apart from the whole. Both are hashes in hexadecimal.
pub fn signed_fingerprint(place: &str, whole: &str) -> String {
    format!("{}-{whole}", place.get(..PLACE_DIGITS).unwrap_or(place))
}

/// Whether both are of signed calls, and to different places: then the later is a copy that somebody
/// has sent elsewhere, for each delivery of a sender has one place.
fn is_elsewhere(known: &str, other: &str) -> bool {
    match (known.split_once('-'), other.split_once('-')) {
        (Some((known, _)), Some((other, _))) => known != other,
        _ => false,
    }
}

/// Whether a delivery is old enough to be forgotten (G2).
pub fn is_expired(received_at: i64, prices_only: bool, now: Micros) -> bool {
    let kept = if prices_only { PRICES_KEPT } else { KEPT };
    now.since(Micros(received_at)) > kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(prices_only: bool) -> DeliveryRecord {
        DeliveryRecord {
            fingerprint: "f".into(),
            received_at: 1000,
            prices_only,
            ..DeliveryRecord::default()
        }
    }

    #[test]
    fn g2_a_signed_delivery_that_comes_to_another_place_is_a_reuse() {
        let place = |place: &str, whole: &str| signed_fingerprint(&place.repeat(32), whole);
        let known = DeliveryRecord { fingerprint: place("a", "f"), ..record(false) };
        let decided =
            |fingerprint: &str| decide(Some(&known), (IdHeader::WebhookId, fingerprint), Micros(2000));
        assert_eq!(decided(&place("a", "f")), DeliveryDecision::Replay);
        assert_eq!(decided(&place("a", "g")), DeliveryDecision::Rebuilt);
        assert_eq!(decided(&place("b", "f")), DeliveryDecision::Reused);
        assert_eq!(
            decided("f"),
            DeliveryDecision::Rebuilt,
            "with a key, whose caller may send what it likes"
        );
    }

    #[test]
    fn g2_the_same_id_is_a_replay_or_a_reuse_by_its_body() {
        let now = Micros(2000);
        for (header, other) in [
            (IdHeader::IdempotencyKey, DeliveryDecision::Reused),
            (IdHeader::WebhookId, DeliveryDecision::Rebuilt),
        ] {
            assert_eq!(decide(None, (header, "f"), now), DeliveryDecision::New);
            assert_eq!(decide(Some(&record(false)), (header, "f"), now), DeliveryDecision::Replay);
            assert_eq!(decide(Some(&record(false)), (header, "g"), now), other);
        }
    }

    #[test]
    fn g2_a_delivery_is_forgotten_after_its_time() {
        let at =
            |record: &DeliveryRecord, now| decide(Some(record), (IdHeader::IdempotencyKey, "f"), Micros(now));
        assert_eq!(at(&record(false), 1000 + KEPT), DeliveryDecision::Replay);
        assert_eq!(at(&record(false), 1001 + KEPT), DeliveryDecision::New);
        assert_eq!(at(&record(true), 1001 + PRICES_KEPT), DeliveryDecision::New);
    }
}
