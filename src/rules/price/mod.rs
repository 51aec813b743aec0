//! Prices (P1–P4, X1 for quotes): one register per quote name, the strictly greater stamp wins.

pub mod reading;

use self::reading::reads_alike;
use super::document::ties::member_stamp;
use super::policy::Policy;
use super::time::source::{PRICE_AHEAD_MAX, is_future};
use crate::domain::{
    AssetHead, Currency, Decimal, ItemOutcome, Lane, Market, Micros, Outcome, PriceWrite, Quote, QuoteExtra,
    QuoteName, Rule, Stamp, Undated,
};

/// What a price is decided against.
#[derive(Clone, Copy, Debug)]
pub struct PriceContext<'a> {
    /// The partner's.
    pub policy: &'a Policy,
    /// `None` for an id that was never known.
    pub asset: Option<PricedAsset>,
    /// The register of the write's quote name, where there is one.
    pub quote: Option<&'a Quote>,
    /// Registers that the asset has already.
    pub quotes: usize,
    /// Our clock.
    pub now: Micros,
    /// An operator has released it: a changed currency (P4) holds it back no longer.
    pub released: bool,
    /// `S` of the run of the feed that says it.
    pub run: Option<Micros>,
    /// Nobody has said its time: it is that of its arrival (T1).
    pub by_arrival: bool,
    /// P2: of an undated price, by `reading::outlives_after`.
    pub outlives_after: i64,
}

/// What a price is told of its asset: less than a head, whose exceptions are many and of no concern
/// to nearly all prices.
#[derive(Clone, Copy, Debug)]
pub struct PricedAsset {
    /// Readers see the asset.
    pub alive: bool,
    /// The newest delete that was said: absence takes no price (X1).
    pub end: Stamp,
    /// As the document names it.
    pub currency: Option<Currency>,
    /// When the document named it. Only a price in another currency than its quote asks.
    pub currency_named_at: Stamp,
}

impl From<&AssetHead> for PricedAsset {
    fn from(head: &AssetHead) -> PricedAsset {
        PricedAsset {
            alive: head.is_alive(),
            end: head.end,
            currency: head.currency,
            currency_named_at: member_stamp(head, "currency"),
        }
    }
}

impl PriceContext<'_> {
    fn is_alive(&self) -> bool {
        self.asset.is_some_and(|asset| asset.alive)
    }

    fn end(&self) -> Stamp {
        self.asset.map_or(Stamp::NEVER, |asset| asset.end)
    }
}

/// What becomes of a price. `quote: None`: nothing is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceDecision {
    /// What its sender hears.
    pub item: ItemOutcome,
    /// The register after it; `None`: it stays as it is.
    pub quote: Option<Quote>,
    /// Readers see a difference.
    pub visible: bool,
    /// Equal stamps, different amounts: the later commit won.
    pub ambiguous: bool,
    /// P2: an undated price that differs from the dated one.
    pub drifted: bool,
}

impl PriceDecision {
    fn lost(item: ItemOutcome) -> PriceDecision {
        PriceDecision { item, quote: None, visible: false, ambiguous: false, drifted: false }
    }
}

/// P1: a price at its time (`stamp.at`), which T4 judges where somebody has said it.
pub fn decide(write: &PriceWrite, stamp: Stamp, context: PriceContext<'_>) -> PriceDecision {
    if !context.by_arrival && is_future(stamp.at, context.now, PRICE_AHEAD_MAX) {
        return PriceDecision::lost(future_price());
    }
    if is_buried(context.end(), stamp.at) {
        return PriceDecision::lost(ItemOutcome::plain(Outcome::Superseded, Rule::X1));
    }
    let mut beaten = Vec::new();
    if let Some(held) = context.quote {
        match against(held, write, stamp) {
            Contest::Wins => {}
            Contest::WinsTie => beaten = beaten_by_the_next(held),
            Contest::Repeats => return repeated(held, context),
            Contest::Lost(item) => return PriceDecision::lost(item),
        }
    }
    if context.quote.is_none() && context.quotes >= Quote::PER_ASSET_MAX {
        return PriceDecision::lost(too_many_quotes());
    }
    let stored = context.quote.and_then(stored_currency);
    let currency = match currency_of(write.currency, stored, stamp, &context) {
        Ok(currency) => currency,
        // what is withdrawn needs none: it may come before the first price
        Err(_) if write.amount.is_none() && write.currency.is_none() => Currency::NONE,
        Err(item) => return PriceDecision::lost(*item),
    };
    let ambiguous = !beaten.is_empty();
    let quote = Quote {
        name: write.quote,
        currency,
        market: write.market,
        stamp,
        amount: write.amount,
        received_at: context.now,
        by_arrival: context.by_arrival,
        extra: extra_of(write, context.run.filter(|_| stamp.lane() == Lane::Feed), beaten),
        undated: context.quote.and_then(|held| held.undated.clone()),
    };
    let item = if context.is_alive() {
        ItemOutcome::plain(Outcome::Updated, Rule::P1)
    } else {
        ItemOutcome::plain(Outcome::Parked, Rule::P3)
    };
    let visible = context.is_alive() && !reads_alike(context.quote, &quote);
    PriceDecision { item, quote: Some(quote), visible, ambiguous, drifted: false }
}

fn extra_of(write: &PriceWrite, fed_at: Option<Micros>, beaten: Vec<u64>) -> Option<Box<QuoteExtra>> {
    if fed_at.is_none() && beaten.is_empty() {
        return write.extra.clone();
    }
    let said = write.extra.as_deref().cloned().unwrap_or_default();
    Some(Box::new(QuoteExtra { fed_at, beaten, ..said }))
}

/// P1: a price that is known already. Where its feed has said none with a time meanwhile, this run
/// has written it again (P2).
fn repeated(held: &Quote, context: PriceContext<'_>) -> PriceDecision {
    let item = ItemOutcome::plain(Outcome::Duplicate, Rule::P1);
    let Some(quote) = context.run.and_then(|run| heard_again(held, run)) else {
        return PriceDecision::lost(item);
    };
    let visible = context.is_alive() && !reads_alike(Some(held), &quote);
    PriceDecision { item, quote: Some(quote), visible, ambiguous: false, drifted: false }
}

/// `None` where no reader, and no later run, can tell the difference.
fn heard_again(held: &Quote, run: Micros) -> Option<Quote> {
    let undated = held.undated.as_deref()?;
    let was_passed = held.fed_at().is_some_and(|fed_at| fed_at < undated.snapshot);
    if !was_passed || run < undated.snapshot {
        return None;
    }
    let extra = held.extra.as_deref().cloned().unwrap_or_default();
    Some(Quote { extra: Some(Box::new(QuoteExtra { fed_at: Some(run), ..extra })), ..held.clone() })
}

/// X1: quotes compare `at` alone with the said delete of their asset.
pub fn is_buried(end: Stamp, at: Micros) -> bool {
    end.happened() && at <= end.at
}

enum Contest {
    Wins,
    WinsTie,
    /// It stands already.
    Repeats,
    Lost(ItemOutcome),
}

/// P1: the stamps, and what equal ones mean.
fn against(held: &Quote, write: &PriceWrite, stamp: Stamp) -> Contest {
    if stamp > held.stamp {
        return Contest::Wins;
    }
    if stamp < held.stamp {
        // the other way round the same price has come by two lanes, and neither is news
        let told = stamp.at == held.stamp.at && says_the_same(held, write);
        let outcome = if told { Outcome::Duplicate } else { Outcome::Superseded };
        return Contest::Lost(ItemOutcome::plain(outcome, Rule::P1));
    }
    if says_the_same(held, write) {
        return Contest::Repeats;
    }
    if has_lost(held, write) {
        return Contest::Lost(ItemOutcome::plain(Outcome::Duplicate, Rule::P1));
    }
    if has_whole_second(stamp.at) {
        return Contest::WinsTie;
    }
    let hint = "another amount carries this very as_of; send a later as_of, or a sequence, to correct it";
    Contest::Lost(ItemOutcome::noted(Outcome::Rejected, Rule::P1, "value_conflict", hint))
}

fn says_the_same(held: &Quote, write: &PriceWrite) -> bool {
    write.amount == held.amount && write.currency.is_none_or(|currency| currency == held.currency)
}

/// P1: at this very stamp another value has come after it already.
fn has_lost(held: &Quote, write: &PriceWrite) -> bool {
    let beaten = held.extra.as_ref().map_or(&[][..], |extra| &extra.beaten);
    !beaten.is_empty() && beaten.contains(&value_hash(write.amount, write.currency.unwrap_or(held.currency)))
}

/// What has lost at the held price's stamp once another value takes its place.
fn beaten_by_the_next(held: &Quote) -> Vec<u64> {
    let mut beaten = held.extra.as_ref().map_or_else(Vec::new, |extra| extra.beaten.clone());
    let surplus = (beaten.len() + 1).saturating_sub(QuoteExtra::BEATEN_MAX);
    beaten.drain(..surplus);
    beaten.push(value_hash(held.amount, held.currency));
    beaten
}

/// Stored: it must stay as it is. A withdrawal has no amount.
fn value_hash(amount: Option<Decimal>, currency: Currency) -> u64 {
    let (mantissa, scale) = amount.map_or((0, u8::MAX), Decimal::parts);
    let mut bytes = [0; 25];
    bytes[..16].copy_from_slice(&mantissa.to_le_bytes());
    bytes[16] = scale;
    let code = currency.as_str().as_bytes();
    bytes[17..][..code.len()].copy_from_slice(code);
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

fn has_whole_second(at: Micros) -> bool {
    at.0 % Micros::SECOND == 0
}

/// The currency that the quote's prices are in: the dated one's, else the undated one's.
fn stored_currency(quote: &Quote) -> Option<Currency> {
    let dated = Some(quote.currency).filter(|code| quote.stamp.happened() && *code != Currency::NONE);
    dated.or_else(|| quote.undated.as_ref().map(|undated| undated.currency))
}

/// P4: the currency that a price is in, where it names none or another one than is stored.
fn currency_of(
    wanted: Option<Currency>,
    stored: Option<Currency>,
    stamp: Stamp,
    context: &PriceContext<'_>,
) -> Result<Currency, Box<ItemOutcome>> {
    let documented = context.asset.and_then(|asset| asset.currency);
    let Some(wanted) = wanted else {
        return stored
            .or(documented)
            .or(context.policy.default_currency)
            .ok_or_else(|| Box::new(currency_missing()));
    };
    match stored {
        Some(stored) if stored != wanted && !context.released && !is_renamed(wanted, stamp, context) => {
            Err(Box::new(currency_changed(stored, wanted)))
        }
        _ => Ok(wanted),
    }
}

/// P4: a document newer than the stored price names the new currency.
fn is_renamed(wanted: Currency, stamp: Stamp, context: &PriceContext<'_>) -> bool {
    let Some(asset) = context.asset.filter(|asset| asset.currency == Some(wanted)) else { return false };
    let named_at = asset.currency_named_at;
    let priced_at = context.quote.map_or(Stamp::NEVER, newest_at);
    named_at.at > priced_at.at && named_at.at <= stamp.at.max(context.now)
}

fn newest_at(quote: &Quote) -> Stamp {
    let undated = quote.undated.as_ref().map_or(Stamp::NEVER, |u| Stamp::new(u.snapshot, Lane::Feed, 0));
    quote.stamp.max(undated)
}

/// A feed's price without `as_of` (P2).
#[derive(Clone, Copy, Debug)]
pub struct UndatedPrice<'a> {
    /// Which quote it is of.
    pub quote: QuoteName,
    /// In major units.
    pub amount: Decimal,
    /// `None`: the record names none.
    pub currency: Option<Currency>,
    /// `S` of the run.
    pub snapshot: Micros,
    /// When its fetch began.
    pub fetch_started_at: Micros,
    /// What else it says, which shows as long as no dated price has come.
    pub market: Market,
    /// Its kind, and what it is for one of.
    pub extra: Option<&'a QuoteExtra>,
}

/// P2: kept apart, in the quote's undated register, with its run's `S`.
pub fn decide_undated(price: UndatedPrice<'_>, context: PriceContext<'_>) -> PriceDecision {
    if is_buried(context.end(), price.snapshot) {
        return PriceDecision::lost(ItemOutcome::plain(Outcome::Superseded, Rule::X1));
    }
    let held = context.quote.and_then(|quote| quote.undated.as_deref());
    if held.is_some_and(|held| price.snapshot < held.snapshot) {
        return PriceDecision::lost(ItemOutcome::plain(Outcome::Superseded, Rule::P2));
    }
    // at the very time of the one held: a run that broke off, and another file in its place
    let tells = |held: &Undated| {
        held.amount == price.amount && price.currency.is_none_or(|currency| currency == held.currency)
    };
    if held.is_some_and(|held| held.snapshot == price.snapshot && tells(held)) {
        return PriceDecision::lost(ItemOutcome::plain(Outcome::Duplicate, Rule::P2));
    }
    if context.quote.is_none() && context.quotes >= Quote::PER_ASSET_MAX {
        return PriceDecision::lost(too_many_quotes());
    }
    let stamp = Stamp::new(price.snapshot, Lane::Feed, 0);
    let stored = held.map(|held| held.currency).or_else(|| context.quote.and_then(stored_currency));
    let currency = match currency_of(price.currency, stored, stamp, &context) {
        Ok(currency) => currency,
        Err(item) => return PriceDecision::lost(*item),
    };
    let same = held.filter(|held| held.amount == price.amount && held.currency == currency);
    let undated = Undated {
        snapshot: price.snapshot,
        first_seen: same.map_or(price.fetch_started_at, |held| held.first_seen),
        amount: price.amount,
        currency,
        outlives_after: context.outlives_after,
    };
    let dated = context.quote.filter(|quote| quote.stamp.happened());
    let differs = |quote: &Quote| quote.amount != Some(price.amount) || quote.currency != currency;
    let drifted = dated.is_some_and(differs);
    let blank = || Quote {
        name: price.quote,
        currency,
        market: price.market,
        stamp: Stamp::NEVER,
        amount: None,
        received_at: context.now,
        by_arrival: false,
        extra: price.extra.map(|said| {
            Box::new(QuoteExtra { kind: said.kind.clone(), per: said.per.clone(), ..QuoteExtra::default() })
        }),
        undated: None,
    };
    let quote = Quote { undated: Some(Box::new(undated)), ..dated.cloned().unwrap_or_else(blank) };
    let is_seen = !reads_alike(context.quote, &quote);
    let outcome = if is_seen { Outcome::Updated } else { Outcome::Unchanged };
    let item = ItemOutcome::plain(outcome, Rule::P2);
    let visible = is_seen && context.is_alive();
    PriceDecision { item, quote: Some(quote), visible, ambiguous: false, drifted }
}

/// X1 for a quote when its asset's end moves to `end`: what is at or below it is gone.
/// `None`: the quote is untouched; `Some(None)`: nothing of it is left.
pub fn after_death(quote: &Quote, end: Stamp) -> Option<Option<Quote>> {
    let dated_gone = quote.stamp.happened() && is_buried(end, quote.stamp.at);
    let undated_gone = quote.undated.as_ref().is_some_and(|undated| is_buried(end, undated.snapshot));
    if !dated_gone && !undated_gone {
        return None;
    }
    let mut left = quote.clone();
    if dated_gone {
        left.stamp = Stamp::NEVER;
        left.amount = None;
        left.by_arrival = false;
        left.extra = None;
        left.market = Market::Unsaid;
        left.currency = left.undated.as_ref().map_or(left.currency, |undated| undated.currency);
    }
    if undated_gone {
        left.undated = None;
    }
    let empty = !left.stamp.happened() && left.undated.is_none();
    Some(if empty { None } else { Some(left) })
}

fn future_price() -> ItemOutcome {
    let hint = "as_of lies more than 30 s ahead of our clock; check the clock and the offset of the sender";
    ItemOutcome::noted(Outcome::Quarantined, Rule::T4, "future_time", hint)
}

fn too_many_quotes() -> ItemOutcome {
    let hint =
        format!("an asset has at most {} quotes: use one of the names that it has", Quote::PER_ASSET_MAX);
    ItemOutcome::noted(Outcome::Rejected, Rule::P4, "too_many_quotes", hint)
}

fn currency_missing() -> ItemOutcome {
    let hint = "name a currency, give the document one, or set `currency` in the partner's configuration";
    ItemOutcome::noted(Outcome::Rejected, Rule::P4, "currency_missing", hint)
}

fn currency_changed(stored: Currency, wanted: Currency) -> ItemOutcome {
    let (stored, wanted) = (stored.as_str(), wanted.as_str());
    let hint = format!(
        "the quote is in {stored}; push a newer document with currency {wanted}, or use a quote of its own for {wanted}"
    );
    ItemOutcome::noted(Outcome::Quarantined, Rule::P4, "currency_changed", hint)
}

#[cfg(test)]
mod boundary_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
