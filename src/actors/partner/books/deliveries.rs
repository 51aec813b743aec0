//! The deliveries that a partner has made (G2): every id that is known, and the outcomes of the
//! newest. What is known here decides; the store's records are only read where outcomes have left
//! memory.

use super::damaged::DamagedRecords;
use super::record;
use crate::actors::delivery::Delivery;
use crate::codec::records::Encode;
use crate::domain::{ChangeKind, DeliveryAge, DeliveryKey, DeliveryRecord, Micros, PartnerNo, Seq};
use crate::rules::push::deliveries::is_expired;
use crate::rules::time::ahead::AHEAD_MIN;
use crate::store::{ReadError, Reader};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Deliveries whose outcomes stay in memory: retries come within seconds, mostly.
const RECENT_MAX: usize = 1_000;
/// KiB of records that stay in memory, whatever their number.
const RECENT_WEIGHT_MAX: u64 = 4_096;
/// Records dropped with one push: more than it adds, so that the cap holds, and bounded.
const DROPS_PER_PUSH: usize = 16;
/// A record counts once for each of these.
const WEIGHT_BYTES: usize = 1_024;
const PAGE: usize = 1_000;

#[derive(Debug, Default)]
pub struct Deliveries {
    known: HashMap<DeliveryKey, Known>,
    /// In the order of their receipt: those of dated prices, and others, which are kept longer.
    order: [VecDeque<(i64, DeliveryKey)>; 2],
    weight: u64,
    recent: VecDeque<DeliveryKey>,
    recent_weight: u64,
}

#[derive(Debug)]
struct Known {
    received_at: i64,
    prices_only: bool,
    weight: u32,
    recent: Option<Recent>,
    /// The last time given under the id to a body that was built again (T1).
    rebuilt_at: Option<i64>,
}

#[derive(Clone, Debug)]
struct Recent {
    remembered: Remembered,
    /// The ticket of its write set: once that is durable the record can be read.
    ticket: u64,
}

/// A delivery that has been made before.
#[derive(Clone, Debug)]
pub struct Remembered {
    pub record: Arc<DeliveryRecord>,
    pub first: Arc<OnceLock<Seq>>,
}

impl Deliveries {
    /// What our clock has dated ahead of `now` is as old as `now`: kept for as long as others, no longer.
    /// So is what is damaged, of which nothing is known but its key.
    pub fn load(
        reader: &Reader,
        partner: PartnerNo,
        now: Micros,
        damaged: &mut DamagedRecords,
    ) -> Result<Deliveries, ReadError> {
        let mut deliveries = Deliveries::default();
        record::each::<DeliveryAge>(reader, partner, PAGE, |row| {
            let unknown = DeliveryAge { received_at: now.0, prices_only: false };
            let DeliveryAge { received_at, prices_only } = damaged.unless(row.value).unwrap_or(unknown);
            let age = DeliveryAge { received_at: received_at.min(now.0), prices_only };
            deliveries.take_in(row.key, age, weight_of(row.bytes));
            Ok(())
        })?;
        for order in &mut deliveries.order {
            order.make_contiguous().sort_unstable();
        }
        Ok(deliveries)
    }

    /// Since when the oldest one has been known.
    pub fn oldest(&self) -> Option<Micros> {
        self.order.iter().filter_map(|order| Some(Micros(order.front()?.0))).min()
    }

    fn take_in(&mut self, key: DeliveryKey, age: DeliveryAge, weight: u32) {
        let DeliveryAge { received_at, prices_only } = age;
        self.order[usize::from(prices_only)].push_back((received_at, key));
        self.weight += u64::from(weight);
        let known = Known { received_at, prices_only, weight, recent: None, rebuilt_at: None };
        if let Some(before) = self.known.insert(key, known) {
            self.weight -= u64::from(before.weight);
            self.forget_recent(&before);
        }
    }

    /// What is remembered under the delivery's id, if it is not too old by now. A record that is damaged
    /// is none: D1 and P1 still make a repeat harmless.
    pub fn recall(
        &self,
        delivery: &Delivery,
        now: Micros,
        read: impl FnOnce() -> Result<Option<(Seq, DeliveryRecord)>, ReadError>,
    ) -> Result<Option<Remembered>, ReadError> {
        let Some(known) = self.known.get(&delivery.key) else { return Ok(None) };
        if is_expired(known.received_at, known.prices_only, now) {
            return Ok(None);
        }
        if let Some(recent) = &known.recent {
            return Ok(Some(recent.remembered.clone()));
        }
        // the edge may have looked before the record was there, or when an older one was
        let is_it = |stored: &&(Seq, DeliveryRecord)| stored.1.received_at == known.received_at;
        let stored = match delivery.stored.as_ref().filter(is_it) {
            Some(stored) => Some(stored.clone()),
            None => match read() {
                Err(error) if error.is_damage() => None,
                read => read?,
            },
        };
        Ok(stored.map(|(seq, record)| {
            let first = Seq(seq.0.saturating_sub(u64::from(record.place)));
            Remembered { record: Arc::new(record), first: Arc::new(OnceLock::from(first)) }
        }))
    }

    /// Takes a delivery in; gives back its record and those that are dropped for it.
    pub fn remember(&mut self, key: DeliveryKey, remembered: Remembered, ticket: u64) -> ChangeKind {
        let value = remembered.record.encode();
        let weight = weight_of(value.len());
        let DeliveryRecord { received_at, prices_only, .. } = *remembered.record;
        self.take_in(key, DeliveryAge { received_at, prices_only }, weight);
        if let Some(known) = self.known.get_mut(&key) {
            known.recent = Some(Recent { remembered, ticket });
            self.recent.push_back(key);
            self.recent_weight += u64::from(weight);
        }
        record::put_encoded::<DeliveryRecord>(&key, value)
    }

    /// Drops what is too old and what is too many, but never `newest`.
    pub fn drop_surplus(&mut self, newest: DeliveryKey, weight_max: u64, now: Micros) -> Vec<ChangeKind> {
        let mut dropped = Vec::new();
        while dropped.len() < DROPS_PER_PUSH {
            let Some(place) = self.next_to_go(weight_max, now) else { break };
            if self.order[place].front().is_some_and(|&(_, key)| key == newest) {
                break;
            }
            let Some((received_at, key)) = self.order[place].pop_front() else { break };
            // an id that was used again after its time stands further back with its new time
            if self.known.get(&key).is_some_and(|known| known.received_at == received_at)
                && let Some(known) = self.known.remove(&key)
            {
                self.weight -= u64::from(known.weight);
                self.forget_recent(&known);
                dropped.push(record::remove::<DeliveryRecord>(&key));
            }
        }
        dropped
    }

    fn next_to_go(&self, weight_max: u64, now: Micros) -> Option<usize> {
        let front = |place: usize| self.order[place].front().map(|&(received_at, _)| received_at);
        for (place, prices_only) in [(0, false), (1, true)] {
            if front(place).is_some_and(|received_at| is_expired(received_at, prices_only, now)) {
                return Some(place);
            }
        }
        let older = if front(1).is_some_and(|b| front(0).is_none_or(|a| b < a)) { 1 } else { 0 };
        (self.weight > weight_max).then_some(older)
    }

    /// Lets outcomes go from memory that can be read from the store.
    pub fn shrink(&mut self, durable: &AtomicU64) {
        let durable = durable.load(Ordering::Acquire);
        while self.recent.len() > RECENT_MAX || self.recent_weight > RECENT_WEIGHT_MAX {
            let Some(&key) = self.recent.front() else { return };
            if let Some(known) = self.known.get_mut(&key) {
                if known.recent.as_ref().is_some_and(|recent| recent.ticket > durable) {
                    return;
                }
                if known.recent.take().is_some() {
                    self.recent_weight -= u64::from(known.weight);
                }
            }
            self.recent.pop_front();
        }
    }

    /// T1: when the items without a time are true that stand in a body built again.
    pub fn next_undated(&self, key: DeliveryKey, record: &DeliveryRecord, now: Micros) -> Micros {
        let known = self.known.get(&key);
        let last = known.and_then(|known| known.rebuilt_at);
        let next = last.map_or(record.next_undated(), |last| Micros(last).plus(1));
        // what our clock has dated ahead has been moved back since (T4), to before what it is loaded as
        let loaded_as = known.filter(|_| next > now.plus(AHEAD_MIN)).map(|known| Micros(known.received_at));
        loaded_as.unwrap_or(next)
    }

    /// The next body under the id comes after this one.
    pub fn note_rebuilt(&mut self, key: DeliveryKey, last: Micros) {
        if let Some(known) = self.known.get_mut(&key) {
            known.rebuilt_at = Some(last.0);
        }
    }

    fn forget_recent(&mut self, known: &Known) {
        if known.recent.is_some() {
            self.recent_weight -= u64::from(known.weight);
        }
    }
}

fn weight_of(bytes: usize) -> u32 {
    u32::try_from(bytes / WEIGHT_BYTES).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::push::deliveries::{IdHeader, KEPT};

    fn delivery(n: u32) -> Delivery {
        Delivery {
            key: DeliveryKey::of(&n.to_string()),
            header: IdHeader::IdempotencyKey,
            fingerprint: "f".into(),
            ids: Arc::default(),
            stored: None,
            repeats: Default::default(),
        }
    }

    pub fn remember(deliveries: &mut Deliveries, n: u32, received_at: i64, prices_only: bool) -> DeliveryKey {
        let record = DeliveryRecord {
            fingerprint: "f".into(),
            received_at,
            undated_at: None,
            prices_only,
            place: 0,
            items: Vec::new(),
            hints: Vec::new(),
            missing: Vec::new(),
        };
        let remembered = Remembered { record: Arc::new(record), first: Arc::default() };
        let key = delivery(n).key;
        deliveries.remember(key, remembered, u64::from(n));
        key
    }

    pub fn recalls(deliveries: &Deliveries, n: u32, now: i64) -> bool {
        deliveries.recall(&delivery(n), Micros(now), || Ok(None)).unwrap().is_some()
    }

    #[test]
    fn g2_new_ids_without_end_stay_under_the_cap() {
        let mut deliveries = Deliveries::default();
        for n in 0..5_000 {
            let key = remember(&mut deliveries, n, i64::from(n), n % 3 == 0);
            deliveries.drop_surplus(key, 100, Micros(i64::from(n)));
            deliveries.shrink(&AtomicU64::new(u64::from(n)));
        }
        assert_eq!((deliveries.known.len(), deliveries.weight), (100, 100));
        assert!(recalls(&deliveries, 4_999, 5_000) && recalls(&deliveries, 4_900, 5_000));
        assert!(!recalls(&deliveries, 4_899, 5_000));
        assert_eq!(deliveries.oldest(), Some(Micros(4_900)));
        let places: usize = deliveries.order.iter().map(VecDeque::len).sum();
        assert_eq!(places, 100);
    }

    #[test]
    fn g2_outcomes_leave_memory_once_they_are_durable_but_the_id_stays_known() {
        let mut deliveries = Deliveries::default();
        for n in 1..=RECENT_MAX as u32 + 10 {
            remember(&mut deliveries, n, 0, false);
        }
        deliveries.shrink(&AtomicU64::new(0));
        assert_eq!(deliveries.recent.len(), RECENT_MAX + 10, "none of them can be read yet");
        deliveries.shrink(&AtomicU64::new(u64::MAX));
        assert_eq!(deliveries.recent_weight, RECENT_MAX as u64);
        assert!(recalls(&deliveries, 11, 0) && !recalls(&deliveries, 10, 0), "that one is in the store");
        assert!(deliveries.known.contains_key(&delivery(10).key));
    }

    #[test]
    fn g2_what_is_too_old_is_forgotten_and_its_id_can_be_used_anew() {
        let mut deliveries = Deliveries::default();
        remember(&mut deliveries, 1, 0, false);
        assert!(recalls(&deliveries, 1, KEPT) && !recalls(&deliveries, 1, KEPT + 1));
        remember(&mut deliveries, 1, KEPT + 1, false);
        let key = remember(&mut deliveries, 2, KEPT + 1, false);
        assert!(deliveries.drop_surplus(key, 100, Micros(KEPT + 1)).is_empty(), "it is no longer that one");
        assert!(recalls(&deliveries, 1, KEPT + 1));
        assert_eq!((deliveries.weight, deliveries.order[0].len()), (2, 2));
    }
}
