//! The numbers of a push: noted whatever became of its prices (G1).

use crate::actors::partner::books::gaps::micros;
use crate::actors::partner::state::PartnerState;
use crate::domain::{ItemOutcome, Micros, Missing, Write, WriteSet};
use crate::rules::push::gaps::Noted;
use compact_str::CompactString;
use std::collections::BTreeSet;

/// One numbered message of a push.
#[derive(Debug)]
pub struct Numbered {
    stream: CompactString,
    number: u64,
    as_of: Option<Micros>,
    /// Which item of the push it came with.
    item: usize,
}

/// The numbered messages of one item. A price without a time of its own cannot say that a stream
/// starts again.
pub fn note_numbers(numbered: &mut Vec<Numbered>, item: usize, write: &Write) {
    let (prices, at) = match write {
        Write::Asset(write) => (write.prices.as_slice(), write.at),
        Write::Price(price) => (std::slice::from_ref(price), None),
    };
    for price in prices.iter().filter(|price| price.sequence > 0) {
        let Some(stream) = &price.stream else { continue };
        let as_of = price.at.or(at);
        numbered.push(Numbered { stream: stream.clone(), number: price.sequence, as_of, item });
    }
}

impl PartnerState {
    /// G1: notes a push's numbers, whatever became of its prices; gives back what the partner is to
    /// send again. `now` is when its prices were decided: what opens a gap is itself no older than it.
    pub fn note_streams(
        &mut self,
        numbered: Vec<Numbered>,
        items: &[ItemOutcome],
        now: Micros,
        set: &mut WriteSet,
    ) -> Vec<Missing> {
        if numbered.is_empty() {
            return self.gaps.streams.named(&BTreeSet::new(), now);
        }
        let mut spoken_of = BTreeSet::new();
        for Numbered { stream, number, as_of, item } in numbered {
            // a time that was not believed says nothing of the stream
            let refused = items.get(item).is_some_and(|item| item.outcome.is_refused());
            let as_of = as_of.filter(|_| !refused).unwrap_or(Micros::BEGINNING);
            if let Some(noted) = self.gaps.streams.receive(&stream, number, as_of, now) {
                self.count_gaps(noted);
            }
            spoken_of.insert(stream);
        }
        set.changes.extend(self.gaps.streams.changes());
        self.gaps.show();
        self.gaps.streams.named(&spoken_of, now)
    }

    fn count_gaps(&self, noted: Noted) {
        let metrics = self.metrics.gaps();
        if noted.opened {
            metrics.opened();
        }
        if let Some(open_for) = noted.healed_after.filter(|_| noted.closed) {
            metrics.healed_late(micros(open_for));
        }
        metrics.abandoned(noted.abandoned as u64);
    }
}
