//! Deliveries that are made again (G2): answered as the first time, or decided as a body built
//! anew; and what is kept of one for that.

use crate::actors::delivery::{Delivery, Standing};
use crate::actors::partner::books::deliveries::{Remembered, stored_delivery};
use crate::actors::partner::state::PartnerState;
use crate::actors::push::{Push, PushReply};
use crate::actors::storage::Ack;
use crate::domain::{ItemOutcome, Micros, Seq, Write, WriteSet};
use crate::rules::deliveries::{self, DeliveryDecision, DeliveryRecord, Missing};
use crate::store::ReadError;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

/// What a delivery came to, beside its items.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    pub received_at: Micros,
    /// The time given to its first undated item (T1).
    pub undated_at: Option<Micros>,
    pub only_prices: bool,
}

impl Decided {
    /// Before any of its items is decided.
    pub fn before(push: &Push) -> Decided {
        let only_prices =
            push.delivery.is_some() && push.writes.iter().all(|write| !matches!(write, Ok(Write::Asset(_))));
        Decided { received_at: push.received_at, undated_at: None, only_prices }
    }
}

/// A push that is to be decided.
pub struct Fresh {
    pub push: Push,
    pub reply: oneshot::Sender<PushReply>,
    /// Of a body that was built anew under an id that is known: when its items without a time are
    /// true.
    pub rebuilt_at: Option<Micros>,
}

impl PartnerState {
    /// Answers a push whose delivery id is known, and gives any other back.
    pub fn unless_repeated(
        &mut self,
        push: Push,
        reply: oneshot::Sender<PushReply>,
    ) -> Result<Option<Fresh>, ReadError> {
        let Some(delivery) = &push.delivery else {
            return Ok(Some(Fresh { push, reply, rebuilt_at: None }));
        };
        let now = self.around.clock.now();
        let stored = || stored_delivery(&self.around.reader, self.no, delivery.key);
        let remembered = self.deliveries.recall(delivery, now, stored)?;
        let record = remembered.as_ref().map(|remembered| &*remembered.record);
        let decision = deliveries::decide(record, (delivery.header, &delivery.fingerprint), now);
        let Some(Remembered { record, first }) = remembered else {
            return Ok(Some(Fresh { push, reply, rebuilt_at: None }));
        };
        let (items, missing) = match decision {
            DeliveryDecision::New => return Ok(Some(Fresh { push, reply, rebuilt_at: None })),
            DeliveryDecision::Rebuilt => {
                self.metrics.deliveries().reused();
                let rebuilt_at = Some(self.deliveries.next_undated(delivery.key, &record, now));
                return Ok(Some(Fresh { push, reply, rebuilt_at }));
            }
            DeliveryDecision::Reused => {
                self.metrics.deliveries().reused();
                (Vec::new(), Vec::new())
            }
            DeliveryDecision::Replay => {
                self.metrics.deliveries().replayed();
                (record.outcomes().unwrap_or_default(), record.missing.clone())
            }
        };
        delivery.repeats.set();
        // G4: in line behind what it rests on
        let standing = Some(Standing { first, place: record.place });
        let _permit = push.permit;
        self.answer_in_line(Ack::Push { reply, items, missing, decision, standing, unmet: false, _permit });
        Ok(None)
    }

    /// Records a delivery in the write set of its effect, which will bear `ticket`.
    pub fn remember_delivery(
        &mut self,
        delivery: Delivery,
        decided: Decided,
        (items, missing): (&[ItemOutcome], &[Missing]),
        set: &mut WriteSet,
        (durable, ticket): (&AtomicU64, u64),
    ) -> Standing {
        let place = u32::try_from(set.changes.len()).unwrap_or(u32::MAX);
        let (short, hints) = deliveries::in_short(&delivery.ids, items);
        let record = DeliveryRecord {
            fingerprint: delivery.fingerprint,
            received_at: decided.received_at.0,
            undated_at: decided.undated_at.map(|at| at.0),
            // a repeat of an undated price would not be harmless: it would bear a newer time
            prices_only: decided.only_prices && decided.undated_at.is_none(),
            place,
            items: short,
            hints,
            missing: missing.to_vec(),
        };
        let first = Arc::<OnceLock<Seq>>::default();
        let remembered = Remembered { record: Arc::new(record), first: first.clone() };
        let now = self.around.clock.now();
        let weight_max = self.settings.policy.deliveries_max as u64;
        set.changes.push(self.deliveries.remember(delivery.key, remembered, ticket));
        set.changes.extend(self.deliveries.drop_surplus(delivery.key, weight_max, now));
        self.deliveries.shrink(durable);
        self.metrics.deliveries().made();
        self.metrics.deliveries().oldest_is_of(self.deliveries.oldest());
        Standing { first, place }
    }
}
