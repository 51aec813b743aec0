//! A push that bears a delivery id (G2), on its way from the edge to the actor and to the log.

use crate::domain::Seq;
use crate::rules::deliveries::{DeliveryRecord, IdHeader};
use compact_str::CompactString;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What a delivery is remembered under: the first half of its id's SHA-256. The ids are chosen by
/// the partner, and two must not meet by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey(pub [u8; 16]);

impl DeliveryKey {
    pub fn of(id: &str) -> DeliveryKey {
        let hash = Sha256::digest(id.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        DeliveryKey(key)
    }

    /// As the origin of changes names the delivery: the key's first bytes, big-endian.
    pub fn short(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(first)
    }
}

/// One delivery, as the edge hands it over.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub key: DeliveryKey,
    pub header: IdHeader,
    /// SHA-256 over method, route, the path's id, query, content type and body, hex.
    pub fingerprint: String,
    /// Of the items, in their order.
    pub ids: Arc<Vec<CompactString>>,
    /// The record found under the key, with the sequence of its change.
    pub stored: Option<(Seq, DeliveryRecord)>,
    pub repeats: Repeats,
}

/// Set by the actor when the delivery is one that it knows: the edge does not wait for ever then.
#[derive(Clone, Debug, Default)]
pub struct Repeats(Arc<AtomicBool>);

impl Repeats {
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// How a delivery stands in the log, so that all its replies name the same cursors.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The first sequence of the write set that had the effect; set when that is committed.
    pub first: Arc<OnceLock<Seq>>,
    /// The place of the delivery's record in that set.
    pub place: u32,
}

impl Standing {
    /// First sequence and the one that the reply rests on, once the set that began at `committed`
    /// is durable. A repeat stands in line behind the first, whose sequence is known by then.
    pub fn settle(&self, committed: Seq) -> (Seq, Seq) {
        let first = *self.first.get_or_init(|| committed);
        (first, Seq(first.0 + u64::from(self.place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_the_key_is_a_hash_and_its_beginning_names_the_origin() {
        let key = DeliveryKey::of("msg_1");
        assert_eq!(key, DeliveryKey::of("msg_1"));
        assert_ne!(key, DeliveryKey::of("msg_2"));
        assert_eq!(key.short().to_be_bytes(), key.0[..8]);
    }

    #[test]
    fn g2_a_repeat_names_the_cursors_of_the_first() {
        let new = Standing { first: Arc::default(), place: 2 };
        let repeat = new.clone();
        assert_eq!(new.settle(Seq(40)), (Seq(40), Seq(42)));
        assert_eq!(repeat.settle(Seq(90)), (Seq(40), Seq(42)));
    }
}
