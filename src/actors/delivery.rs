//! A push that carries a delivery id (G2), on its way from the edge to the actor and to the log.

use crate::domain::{DeliveryKey, DeliveryRecord, Seq};
use crate::rules::push::deliveries::IdHeader;
use compact_str::CompactString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// One delivery, as the edge hands it over.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it is remembered by.
    pub key: DeliveryKey,
    /// Which header named it.
    pub header: IdHeader,
    /// SHA-256 over method, route, the path's id, query, content type and body, hex.
    pub fingerprint: String,
    /// Of the items, in their order.
    pub ids: Arc<Vec<CompactString>>,
    /// The record found under the key, with the sequence of its change.
    pub stored: Option<(Seq, DeliveryRecord)>,
    /// Heard when the same delivery comes again.
    pub repeats: Repeats,
}

/// Set by the actor when the delivery is one that it knows: the edge does not wait for ever then.
#[derive(Clone, Debug, Default)]
pub struct Repeats(Arc<AtomicBool>);

impl Repeats {
    /// The delivery has come again.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has come again.
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
    /// is durable. A repeat waits in the queue after the first, whose sequence is known by then.
    pub fn settle(&self, committed: Seq) -> (Seq, Seq) {
        let first = *self.first.get_or_init(|| committed);
        (first, Seq(first.0 + u64::from(self.place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_a_repeat_names_the_cursors_of_the_first() {
        let new = Standing { first: Arc::default(), place: 2 };
        let repeat = new.clone();
        assert_eq!(new.settle(Seq(40)), (Seq(40), Seq(42)));
        assert_eq!(repeat.settle(Seq(90)), (Seq(40), Seq(42)));
    }
}
