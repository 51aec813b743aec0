//! The ledger's half that decides prices: those pushed by themselves, and those that an asset's
//! write or a feed's record carries.

use super::loss;
use super::outcomes::{at_the_price, damaged, merge_price, older_than_history, too_many_assets, weightier};
use super::{Decided, Ledger, LedgerError, WriteTime};
use crate::actors::partner::index::Index;
use crate::codec::render::heartbeat;
use crate::domain::{
    AssetHead, AssetId, AssetWrite, Currency, Document, ItemOutcome, Lane, Micros, Outcome, PriceWrite,
    Quote, QuoteName, Rule, Slot, Stamp,
};
use crate::rules::price::reading;
use crate::rules::price::{self, PriceContext, PriceDecision, PricedAsset, UndatedPrice};

impl Ledger<'_> {
    /// Decides one price pushed by itself.
    pub fn price(&mut self, write: &PriceWrite, undated: Micros) -> ItemOutcome {
        let at = write.at.unwrap_or(undated);
        let stamp = Stamp::new(at, Lane::Price, write.sequence);
        if self.index.is_damaged(&write.id) {
            return damaged(Rule::P1);
        }
        let slot = self.index.find(&write.id);
        if self.is_forgotten(at) && !slot.is_some_and(|slot| self.index.is_known(slot)) {
            return older_than_history();
        }
        let said = Said { by_arrival: write.at.is_none(), ..Said::default() };
        let decision = self.decide_price(slot, write, stamp, said);
        self.note_loss(&write.id, |source| loss::of_price(write, stamp, &decision, source));
        let item = self.price_decided(slot, &write.id, decision);
        if !item.outcome.is_refused() {
            self.price_taken(&write.id, stamp, write.quote);
        }
        item
    }

    /// P2: how much older a pushed price must be than an undated one of an asset of this document.
    pub(super) fn outlives_after(&self, document: &Document) -> i64 {
        reading::outlives_after(heartbeat(document, self.policy), self.policy)
    }

    /// P2: the document decides again, by its class, which prices show. The registers that have moved,
    /// before and after.
    pub(super) fn class_moved(&mut self, slot: Slot, document: &Document) -> Vec<(Quote, Quote)> {
        if !self.index.has_undated(slot) {
            return Vec::new();
        }
        let limit = self.outlives_after(document);
        let mut moved = Vec::new();
        for quote in self.index.quotes(slot) {
            if let Some(next) = reading::outliving_after(&quote, limit) {
                self.index.set_quote(slot, &next);
                moved.push((quote, next));
            }
        }
        moved
    }

    /// Records registers of a living asset that have moved; whether readers see it of any.
    pub(super) fn registers_moved(&mut self, slot: Slot, moved: Vec<(Quote, Quote)>) -> bool {
        let mut seen = false;
        for (before, after) in moved {
            let visible = !reading::reads_alike(Some(&before), &after);
            seen |= visible;
            self.push_price_change(slot, after, visible);
        }
        seen
    }

    /// F8: the prices of a feed's record that says nothing else. They create no asset and leave the
    /// document as it is; those of an asset that is unknown or dead wait for it (P3).
    pub(super) fn record_prices(
        &mut self,
        slot: Option<Slot>,
        write: &AssetWrite,
        stamp: Stamp,
        when: WriteTime,
    ) -> Result<Decided, LedgerError> {
        let head = slot.map_or_else(AssetHead::unborn, |slot| self.index.head(slot));
        // P2: the class that is stored says which of a feed's undated prices show
        let asks_for_class = write.prices.iter().any(|price| price.at.is_none()) && head.holds_members();
        let document = match slot.filter(|_| asks_for_class).map(|slot| self.document(slot, head.version)) {
            None => Document::default(),
            Some(Ok(document)) => document,
            Some(Err(unreadable @ LedgerError::Unreadable { .. })) => return Err(unreadable),
            Some(Err(_)) => return Ok(Decided::damaged(Rule::P2)),
        };
        let outlives_after = self.outlives_after(&document);
        let mut decided = Decided::document_only(ItemOutcome::plain(Outcome::Unchanged, Rule::P1));
        let is_known = slot.is_some_and(|slot| self.index.is_known(slot));
        let is_forgotten = |price: &PriceWrite| !is_known && self.is_forgotten(price.at.unwrap_or(stamp.at));
        let (forgotten, prices): (Vec<_>, Vec<_>) = write.prices.iter().cloned().partition(is_forgotten);
        decided.prices_aside.extend(forgotten.iter().map(|_| at_the_price(older_than_history())));
        let write = AssetWrite { prices, ..AssetWrite::of_prices(write.id.clone()) };
        self.asset_prices(&write, stamp, when, outlives_after, &mut decided);
        if decided.prices_parked > 0 && !decided.item.outcome.applied() {
            (decided.item.outcome, decided.item.rule) = (Outcome::Parked, Rule::P3);
        }
        Ok(decided)
    }

    /// The prices of an asset's write. One that is refused refuses all of a push (D5); of a feed's
    /// record it is kept aside alone (F2).
    pub(super) fn asset_prices(
        &mut self,
        write: &AssetWrite,
        stamp: Stamp,
        when: WriteTime,
        outlives_after: i64,
        decided: &mut Decided,
    ) {
        let Decided { item, facts, prices_aside, prices_taken, prices_parked } = decided;
        let said = match when {
            WriteTime::Feed { snapshot, .. } => {
                Said { run: Some(snapshot), by_arrival: false, outlives_after }
            }
            WriteTime::Push { .. } => Said { by_arrival: write.at.is_none(), ..Said::default() },
            WriteTime::Admin { .. } => Said::default(),
        };
        for price in &write.prices {
            let slot = self.index.find(&write.id);
            let decision = match (when, price.at, price.amount) {
                (WriteTime::Feed { snapshot, fetch_started_at, .. }, None, Some(amount)) => {
                    let undated = UndatedPrice {
                        quote: price.quote,
                        amount,
                        currency: price.currency,
                        snapshot,
                        fetch_started_at,
                        market: price.market,
                        extra: price.extra.as_deref(),
                    };
                    let mut decision = self.decide_undated(slot, undated, said);
                    let is_alive = slot.is_some_and(|slot| self.index.is_alive(slot));
                    if write.says_prices_alone() && decision.quote.is_some() && !is_alive {
                        (decision.item.outcome, decision.item.rule) = (Outcome::Parked, Rule::P3);
                    }
                    self.note_loss(&write.id, |source| loss::of_undated(&undated, &decision, source));
                    self.drift += u64::from(decision.drifted);
                    decision
                }
                (_, at, _) => {
                    let stamp = Stamp::new(at.unwrap_or(stamp.at), stamp.lane(), price.sequence);
                    let said = Said { by_arrival: said.by_arrival && at.is_none(), ..said };
                    let decision = self.decide_price(slot, price, stamp, said);
                    self.note_loss(&write.id, |source| loss::of_price(price, stamp, &decision, source));
                    decision
                }
            };
            facts.ambiguous |= decision.ambiguous;
            let priced = self.price_decided(slot, &write.id, decision);
            let refused = priced.outcome.is_refused();
            *prices_taken += u64::from(priced.outcome == Outcome::Updated);
            *prices_parked += u64::from(priced.outcome == Outcome::Parked);
            facts.price = Some(facts.price.map_or(priced.outcome, |held| weightier(held, priced.outcome)));
            if refused && matches!(when, WriteTime::Feed { .. }) {
                prices_aside.push(at_the_price(priced));
                continue;
            }
            merge_price(item, priced);
            if refused {
                return;
            }
            // an undated price of a feed says nothing of dated ones (P2)
            if price.at.is_some() || !matches!(when, WriteTime::Feed { .. }) {
                let stamp = Stamp::new(price.at.unwrap_or(stamp.at), stamp.lane(), price.sequence);
                self.price_taken(&write.id, stamp, price.quote);
            }
        }
    }

    fn decide_price(
        &self,
        slot: Option<Slot>,
        write: &PriceWrite,
        stamp: Stamp,
        said: Said,
    ) -> PriceDecision {
        let known = Known::of(self.index, slot, write.quote, write.currency);
        let mut decision = price::decide(write, stamp, self.context(&known, said));
        if let Some(quote) = decision.quote.as_mut().filter(|_| self.origin.names_a_source()) {
            quote.extra.get_or_insert_default().origin = Some(self.origin);
        }
        decision
    }

    fn decide_undated(&self, slot: Option<Slot>, undated: UndatedPrice<'_>, said: Said) -> PriceDecision {
        let known = Known::of(self.index, slot, undated.quote, undated.currency);
        price::decide_undated(undated, self.context(&known, said))
    }

    fn context<'b>(&'b self, known: &'b Known, said: Said) -> PriceContext<'b> {
        let Said { run, by_arrival, outlives_after } = said;
        PriceContext {
            policy: self.policy,
            asset: known.asset,
            quote: known.quote.as_ref(),
            quotes: known.quotes,
            now: self.now,
            released: self.released,
            run,
            by_arrival,
            outlives_after,
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
        self.index.set_quote(slot, &quote);
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

/// How a price was said, beside what it says.
#[derive(Clone, Copy, Default)]
struct Said {
    run: Option<Micros>,
    by_arrival: bool,
    /// Of an undated price alone.
    outlives_after: i64,
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
