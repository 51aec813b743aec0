//! Deliveries that are made again (G2): answered as the first time, or decided as a body built
//! again; and what is kept of one for that.

use crate::actors::delivery::{Delivery, Standing};
use crate::actors::partner::books::deliveries::Remembered;
use crate::actors::partner::ledger::recent::SetTicket;
use crate::actors::partner::state::PartnerState;
use crate::actors::push::{Pending, Push, PushAnswer, PushReply};
use crate::actors::storage::Ack;
use crate::domain::{DeliveredItems, DeliveryRecord, ItemOutcome, Micros, Missing, Seq, WriteSet};
use crate::rules::push::deliveries::{self, DeliveryDecision};
use crate::store::ReadError;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

/// A push that is to be decided.
pub struct Fresh {
    pub push: Box<Push>,
    pub reply: oneshot::Sender<PushAnswer>,
    /// Of a body that was built again under an id that is known: when its items without a time are
    /// true.
    pub rebuilt_at: Option<Micros>,
}

/// What a delivery is remembered by, beside its items.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryFacts {
    pub received_at: Micros,
    /// The time given to its first undated item (T1).
    pub undated_at: Option<Micros>,
    pub holds_documents: bool,
}

impl PartnerState {
    /// Answers a push whose delivery id is known, and gives any other back.
    pub fn unless_repeated(
        &mut self,
        push: Box<Push>,
        reply: oneshot::Sender<PushAnswer>,
    ) -> Result<Option<Fresh>, ReadError> {
        let Some(delivery) = &push.delivery else {
            return Ok(Some(Fresh { push, reply, rebuilt_at: None }));
        };
        let now = self.shared.clock.now();
        let stored = || self.shared.reader.record_with_seq(self.no, &delivery.key);
        let remembered = self.deliveries.recall(delivery, now, stored)?;
        let record = remembered.as_ref().map(|remembered| &*remembered.record);
        let decision = deliveries::decide(record, (delivery.header, &delivery.fingerprint), now);
        let Some(Remembered { record, first }) = remembered else {
            return Ok(Some(Fresh { push, reply, rebuilt_at: None }));
        };
        let answer = match decision {
            DeliveryDecision::New => return Ok(Some(Fresh { push, reply, rebuilt_at: None })),
            DeliveryDecision::Rebuilt => {
                self.metrics.deliveries().reused();
                let rebuilt_at = Some(self.deliveries.next_undated(delivery.key, &record, now));
                return Ok(Some(Fresh { push, reply, rebuilt_at }));
            }
            DeliveryDecision::Reused => {
                self.metrics.deliveries().reused();
                PushAnswer::KeyReused
            }
            DeliveryDecision::Replay => {
                self.metrics.deliveries().replayed();
                PushAnswer::Replayed(Pending {
                    items: record.outcomes().unwrap_or_default(),
                    missing: record.missing.clone(),
                    standing: Some(Standing { first, place: record.place }),
                })
            }
        };
        delivery.repeats.set();
        // G4: queued after what it rests on
        self.queue_answer(Ack::Push { reply: PushReply::new(reply, push.permit), answer });
        Ok(None)
    }

    /// Records a delivery in the write set of its effect, which will have `ticket`.
    pub fn remember_delivery(
        &mut self,
        delivery: Delivery,
        facts: DeliveryFacts,
        (items, missing): (&[ItemOutcome], &[Missing]),
        set: &mut WriteSet,
        (durable, ticket): &SetTicket,
    ) -> Standing {
        let place = u32::try_from(set.changes.len()).unwrap_or(u32::MAX);
        let (short, hints) = DeliveredItems::in_short(&delivery.ids, items);
        let record = DeliveryRecord {
            fingerprint: delivery.fingerprint,
            received_at: facts.received_at.0,
            undated_at: facts.undated_at.map(|at| at.0),
            // a repeat of an undated price would not be harmless: it would have a newer time
            prices_only: !facts.holds_documents && facts.undated_at.is_none(),
            place,
            items: short,
            hints,
            missing: missing.to_vec(),
        };
        let first = Arc::<OnceLock<Seq>>::default();
        let remembered = Remembered { record: Arc::new(record), first: first.clone() };
        let now = self.shared.clock.now();
        let weight_max = self.settings.policy.deliveries_max as u64;
        set.changes.push(self.deliveries.remember(delivery.key, remembered, *ticket));
        set.changes.extend(self.deliveries.drop_surplus(delivery.key, weight_max, now));
        self.deliveries.shrink(durable);
        self.metrics.deliveries().made();
        Standing { first, place }
    }
}
