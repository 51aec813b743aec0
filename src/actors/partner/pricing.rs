//! The ledger's half that decides prices: those pushed by themselves, and those that an asset's
//! write or a feed's record carries.

use super::index::Index;
use super::items::{at_the_price, is_refused, louder, merge_price, older_than_history, too_many_assets};
use super::ledger::{Decided, Lanes, Ledger};
use super::lost;
use crate::domain::{
    AssetHead, AssetId, AssetWrite, Currency, ItemOutcome, Lane, Micros, PriceWrite, Quote, QuoteName, Slot,
    Stamp,
};
use crate::rules::price::{self, PriceContext, PriceDecision, PricedAsset, UndatedPrice};

impl Ledger<'_> {
    /// Decides one price pushed by itself.
    pub fn price(&mut self, write: &PriceWrite, undated: Micros) -> ItemOutcome {
        let at = write.at.unwrap_or(undated);
        let stamp = Stamp::new(at, Lane::Price, write.sequence);
        let slot = self.index.find(&write.id);
        if self.is_forgotten(at) && !slot.is_some_and(|slot| self.index.is_known(slot)) {
            return older_than_history();
        }
        let decision = self.decide_price(slot, write, stamp);
        self.note_loss(&write.id, |source| lost::of_price(write, stamp, &decision, source));
        self.price_decided(slot, &write.id, decision)
    }

    /// The prices of an asset's write. One that is refused refuses all of a push (D5); of a feed's
    /// record it is kept aside alone (F2).
    pub(super) fn asset_prices(
        &mut self,
        write: &AssetWrite,
        stamp: Stamp,
        lanes: Lanes,
        decided: &mut Decided,
    ) {
        let Decided { item, facts, price_aside } = decided;
        for price in &write.prices {
            let slot = self.index.find(&write.id);
            let decision = match (lanes, price.at, price.amount) {
                (Lanes::Feed { snapshot, fetch_started_at, .. }, None, Some(amount)) => {
                    let undated = UndatedPrice {
                        quote: price.quote,
                        amount,
                        currency: price.currency,
                        snapshot,
                        fetch_started_at,
                    };
                    let decision = self.decide_undated(slot, undated);
                    self.note_loss(&write.id, |source| lost::of_undated(&undated, &decision, source));
                    self.drift += u64::from(decision.drifted);
                    decision
                }
                (_, at, _) => {
                    let stamp = Stamp::new(at.unwrap_or(stamp.at), stamp.lane(), price.sequence);
                    let decision = self.decide_price(slot, price, stamp);
                    self.note_loss(&write.id, |source| lost::of_price(price, stamp, &decision, source));
                    decision
                }
            };
            facts.ambiguous |= decision.ambiguous;
            let priced = self.price_decided(slot, &write.id, decision);
            let refused = is_refused(priced.outcome);
            facts.price = Some(facts.price.map_or(priced.outcome, |held| louder(held, priced.outcome)));
            if refused && matches!(lanes, Lanes::Feed { .. }) {
                price_aside.get_or_insert(at_the_price(priced));
                continue;
            }
            merge_price(item, priced);
            if refused {
                return;
            }
        }
    }

    fn decide_price(&self, slot: Option<Slot>, write: &PriceWrite, stamp: Stamp) -> PriceDecision {
        let known = Known::of(self.index, slot, write.quote, write.currency);
        let mut decision = price::decide(write, stamp, self.context(&known));
        if let Some(quote) = decision.quote.as_mut().filter(|_| self.origin.is_telling()) {
            quote.extra.get_or_insert_default().origin = Some(self.origin);
        }
        decision
    }

    fn decide_undated(&self, slot: Option<Slot>, undated: UndatedPrice) -> PriceDecision {
        let known = Known::of(self.index, slot, undated.quote, undated.currency);
        price::decide_undated(undated, self.context(&known))
    }

    fn context<'b>(&'b self, known: &'b Known) -> PriceContext<'b> {
        PriceContext {
            policy: self.policy,
            asset: known.asset,
            quote: known.quote.as_ref(),
            quotes: known.quotes,
            now: self.now,
            released: self.released,
        }
    }

    /// Records a decided price; makes a place for an id that only a price has named yet (P3).
    fn price_decided(&mut self, slot: Option<Slot>, id: &AssetId, decision: PriceDecision) -> ItemOutcome {
        let mut item = decision.item;
        self.ambiguous += u64::from(decision.ambiguous);
        let Some(quote) = decision.quote else { return item };
        let slot = match slot {
            Some(slot) => {
                self.remember(slot);
                slot
            }
            None if self.index_is_full() => return too_many_assets(),
            None => self.reserve(id),
        };
        self.index.set_quote(slot, quote.clone());
        self.push_price_change(slot, quote, decision.visible);
        item.change = Some(self.last_change());
        item
    }

    /// A place for an asset that is not born yet.
    fn reserve(&mut self, id: &AssetId) -> Slot {
        let slot = self.insert(id);
        self.head_moved(slot, AssetHead::unborn());
        slot
    }
}

/// What the index knows of an asset and one of its quotes, unpacked.
#[derive(Default)]
struct Known {
    asset: Option<PricedAsset>,
    quote: Option<Quote>,
    quotes: usize,
}

impl Known {
    /// `wanted`: the currency that the price names.
    fn of(index: &Index, slot: Option<Slot>, name: QuoteName, wanted: Option<Currency>) -> Known {
        let Some(slot) = slot else { return Known::default() };
        let quote = index.quote(slot, name);
        let moves = quote.as_ref().zip(wanted).is_some_and(|(quote, wanted)| !quote.is_all_in(wanted));
        let asset = if moves { PricedAsset::from(&index.head(slot)) } else { index.priced(slot) };
        Known { asset: Some(asset), quote, quotes: index.quote_count(slot) }
    }
}
