//! The writes that lost, kept per asset so that `explain` can say why a value is not the one that
//! was sent.
//!
//! Only a write that lost costs anything here. The lists touched lately lie in memory, so that a
//! partner whose prices come late pays a look-up, not a read; and what a batch or a second may
//! write of them is bounded: the rest goes unrecorded, and is answered all the same.

use crate::domain::{
    AssetId, AssetWrite, ChangeKind, Lane, LostPart, LostWrite, Micros, Origin, Outcome, PartnerNo,
    PriceWrite, QuoteName, RecordChange, RecordKind, Rule, Stamp, Verb,
};
use crate::rules::document::DocumentDecision;
use crate::rules::price::{PriceDecision, UndatedPrice};
use crate::store::Reader;
use std::collections::HashMap;

/// Lost writes that one batch may record.
pub const PER_BATCH_MAX: usize = 64;
/// Lists that one partner may write within a second: some 100 kB.
const PER_SECOND_MAX: u32 = 256;
/// Lists held in memory are twice this at most.
const YOUNG_MAX: usize = 512;
/// Names of members are cut to this many characters.
const NAME_CHARACTERS: usize = 64;

/// A lost write and the asset that it was meant for.
#[derive(Debug)]
pub struct Loss {
    pub id: AssetId,
    pub write: LostWrite,
}

/// Who wrote, and when we learned of it.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub origin: Origin,
    pub learned_at: Micros,
}

/// What a document's write lost, if anything.
pub fn of_document(
    write: &AssetWrite,
    stamp: Stamp,
    decision: &DocumentDecision,
    source: Source,
) -> Option<LostWrite> {
    let whole = decision.outcome == Outcome::Superseded;
    if !whole && decision.superseded.is_empty() {
        return None;
    }
    // a write that lost as a whole spoke for all that it named
    let named: Vec<&str> = match whole && decision.superseded.is_empty() {
        false => decision.superseded.iter().map(|name| name.as_str()).collect(),
        true => {
            let members = write.members.members().iter().map(|member| member.name.as_str());
            members.chain(write.removed.iter().map(|name| name.as_str())).collect()
        }
    };
    let more = named.len().saturating_sub(LostWrite::NAMES_MAX) as u32;
    let names = named.into_iter().take(LostWrite::NAMES_MAX).map(shortened).collect();
    let part = LostPart::Members { verb: verb_name(write.verb).into(), names, more };
    let rule = if whole { decision.rule } else { Rule::D1 };
    Some(LostWrite::new(stamp, part, rule.as_str(), source.origin, source.learned_at))
}

/// What a dated price lost, if it did.
pub fn of_price(
    write: &PriceWrite,
    stamp: Stamp,
    decision: &PriceDecision,
    source: Source,
) -> Option<LostWrite> {
    let item = &decision.item;
    let conflicts = item.note.as_ref().is_some_and(|note| note.code == "value_conflict");
    if item.outcome != Outcome::Superseded && !conflicts {
        return None;
    }
    let part = price_part(write.quote, write.amount.map(|a| a.to_string()), write.currency.as_ref());
    let mut lost = LostWrite::new(stamp, part, item.rule.as_str(), source.origin, source.learned_at);
    if conflicts {
        lost.code = "value_conflict".into();
    }
    Some(lost)
}

/// What a feed's price without a time lost, if it did.
pub fn of_undated(price: &UndatedPrice, decision: &PriceDecision, source: Source) -> Option<LostWrite> {
    if decision.item.outcome != Outcome::Superseded {
        return None;
    }
    let part = price_part(price.quote, Some(price.amount.to_string()), price.currency.as_ref());
    let stamp = Stamp::new(price.snapshot, Lane::Feed, 0);
    Some(LostWrite::new(stamp, part, decision.item.rule.as_str(), source.origin, source.learned_at))
}

fn price_part(
    quote: QuoteName,
    amount: Option<String>,
    currency: Option<&crate::domain::Currency>,
) -> LostPart {
    LostPart::Price {
        quote: quote.as_str().into(),
        amount,
        currency: currency.map(|currency| currency.as_str().into()),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS).collect()
}

fn verb_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Put => "put",
        Verb::Post => "post",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
    }
}

type Lists = HashMap<AssetId, Vec<LostWrite>>;

/// The lists touched lately, newest decided state, in two generations.
#[derive(Debug, Default)]
pub struct LostBook {
    young: Lists,
    old: Lists,
    second: i64,
    written: u32,
}

impl LostBook {
    /// The changes that record a batch's losses, one for each asset.
    pub fn record(
        &mut self,
        losses: Vec<Loss>,
        (reader, partner): (&Reader, PartnerNo),
        now: Micros,
    ) -> Vec<ChangeKind> {
        if losses.is_empty() {
            return Vec::new();
        }
        let mut touched: Vec<AssetId> = Vec::new();
        for Loss { id, write } in losses {
            let known = touched.contains(&id);
            if !known && !self.may_write(now) {
                continue;
            }
            let Some(list) = self.list(&id, reader, partner) else { continue };
            if list.iter().any(|held| held.repeats(&write)) {
                continue;
            }
            list.push(write);
            let surplus = list.len().saturating_sub(LostWrite::KEPT);
            list.drain(..surplus);
            if !known {
                touched.push(id);
            }
        }
        touched.into_iter().filter_map(|id| self.change(id)).collect()
    }

    fn may_write(&mut self, now: Micros) -> bool {
        let second = now.0.div_euclid(Micros::SECOND);
        if second != self.second {
            (self.second, self.written) = (second, 0);
        }
        self.written += 1;
        self.written <= PER_SECOND_MAX
    }

    /// The asset's list, read where it has not been touched lately. `None` where it cannot be read:
    /// an explanation is not worth refusing a write for.
    fn list(&mut self, id: &AssetId, reader: &Reader, partner: PartnerNo) -> Option<&mut Vec<LostWrite>> {
        if !self.young.contains_key(id) {
            let list = match self.old.remove(id) {
                Some(list) => list,
                None => {
                    let stored = reader.record(RecordKind::Lost, partner, id.as_bytes());
                    let stored =
                        stored.inspect_err(|error| tracing::warn!(%error, "cannot read lost writes"));
                    stored.ok()?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
                }
            };
            if self.young.len() >= YOUNG_MAX {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(id.clone(), list);
        }
        self.young.get_mut(id)
    }

    /// The list goes with its asset.
    pub fn forget(&mut self, id: &AssetId) -> ChangeKind {
        self.young.remove(id);
        self.old.remove(id);
        let change = RecordChange { kind: RecordKind::Lost, key: id.as_bytes().into(), value: None };
        ChangeKind::Record(Box::new(change))
    }

    fn change(&self, id: AssetId) -> Option<ChangeKind> {
        let list = self.young.get(&id).or_else(|| self.old.get(&id))?;
        let value = serde_json::to_vec(list).expect("plain structs serialise");
        let key = id.as_bytes().into();
        let change = RecordChange { kind: RecordKind::Lost, key, value: Some(value.into()) };
        Some(ChangeKind::Record(Box::new(change)))
    }
}
