//! X1, P1–P4: what becomes of one price of one asset.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::amount::normal;
use super::asset::Asset;
use super::currency;
use super::types::{Lane, Outcome, Policy, PriceIn, Stamp, Verdict};

/// Quotes that one asset may have.
const QUOTES_MAX: usize = 4;
/// T4.
const PRICE_AHEAD_MAX_US: i64 = 30_000_000;
const SECOND_US: i64 = 1_000_000;

/// A price with a source time; `stamp.at` is its `as_of`.
#[derive(Clone, Debug, PartialEq)]
pub struct DatedPrice {
    pub quote: String,
    /// Normalised; `None` is a withdrawal.
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub stamp: Stamp,
    pub commit: u64,
    pub received: i64,
    /// P2: S of the newest run that said it, if a feed did.
    pub run_s: Option<i64>,
    pub stream: Option<String>,
    pub closed: bool,
}

impl DatedPrice {
    fn same_content(&self, other: &DatedPrice) -> bool {
        (&self.amount, &self.currency, self.closed) == (&other.amount, &other.currency, other.closed)
    }
}

/// P2: a feed's price without `as_of`.
#[derive(Clone, Debug, PartialEq)]
pub struct UndatedPrice {
    pub quote: String,
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub s: i64,
    /// What its record is stamped by: S, or a time of its own (T3).
    pub at: i64,
    pub fetch_start: i64,
    pub closed: bool,
}

/// P3: the newest price of a quote, and before it those that have lost to it at its stamp.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    pub prices: Vec<DatedPrice>,
    pub since: i64,
}

/// How a price came.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub now: i64,
    pub commit: u64,
    pub lane: Lane,
    /// T2: the price's `as_of`, or what stands in for it.
    pub at: i64,
    /// T4: that time was said, by the price or by its item.
    pub said: bool,
    /// S of the run that holds it, in the feed's lane.
    pub run_s: Option<i64>,
    /// P3: the partner may park one more.
    pub room: bool,
}

impl Parked {
    pub fn newest(&self) -> &DatedPrice {
        self.prices.last().expect("there is one")
    }
}

impl Asset {
    /// The dated register of a quote: the greatest stamp above the end.
    pub fn dated(&self, quote: &str) -> Option<&DatedPrice> {
        self.contenders(quote).last()
    }

    /// The prices of the greatest stamp above the end, in order of their commits: the last of them
    /// shows, the others have lost to it at that stamp.
    fn contenders(&self, quote: &str) -> impl Iterator<Item = &DatedPrice> {
        let mine = self.prices.iter().filter(move |p| p.quote == quote && !self.buries_price(p.stamp.at));
        let top = mine.clone().map(|p| p.stamp).max();
        let mut contenders: Vec<&DatedPrice> = mine.filter(|p| Some(p.stamp) == top).collect();
        contenders.sort_by_key(|p| p.commit);
        contenders.into_iter()
    }

    /// The undated register of a quote: that of the newest run.
    pub fn undated(&self, quote: &str) -> Option<&UndatedPrice> {
        let mine = self.undated.iter().filter(|p| p.quote == quote);
        mine.filter(|p| !self.buries_price(p.at)).max_by_key(|p| p.s)
    }

    /// P2: the first fetch that held what the undated register holds, without a break.
    pub fn first_held(&self, quote: &str) -> Option<i64> {
        let newest = self.undated(quote)?;
        let mine = self.undated.iter().rev().filter(|p| p.quote == quote);
        let same = |p: &&UndatedPrice| (&p.amount, &p.currency) == (&newest.amount, &newest.currency);
        mine.take_while(same).map(|p| p.fetch_start).min()
    }

    pub fn quotes(&self) -> BTreeSet<String> {
        let dated = self.prices.iter().map(|p| &p.quote).filter(|q| self.dated(q).is_some());
        let undated = self.undated.iter().map(|p| &p.quote).filter(|q| self.undated(q).is_some());
        dated.chain(undated).chain(self.parked.keys()).cloned().collect()
    }

    /// P3: as the asset is said dead, its quotes newer than that park; as it is written again, they
    /// join. Absence leaves the quotes where they are.
    pub fn settle_prices(&mut self, now: i64) {
        if self.alive() || self.absent() {
            let joining = std::mem::take(&mut self.parked);
            self.prices.extend(joining.into_values().flat_map(|p| p.prices));
            return;
        }
        for quote in self.quotes() {
            let prices: Vec<DatedPrice> = self.contenders(&quote).cloned().collect();
            if !prices.is_empty() {
                self.parked.insert(quote, Parked { prices, since: now });
            }
        }
        self.prices.clear();
        let end = self.end();
        self.parked.retain(|_, p| end.is_none_or(|end| p.newest().stamp.at > end.at));
    }

    /// P2: a later run of the feed says the price that stands: that run has written it.
    fn hear_again(&mut self, arriving: &DatedPrice) {
        let (stamp, amount) = (arriving.stamp, &arriving.amount);
        let same = |p: &&mut DatedPrice| p.quote == arriving.quote && p.stamp == stamp && p.amount == *amount;
        for standing in self.prices.iter_mut().filter(same) {
            standing.run_s = standing.run_s.max(arriving.run_s);
        }
    }

    /// P4: the currency that a quote has, and since when.
    fn stored_currency(&self, quote: &str) -> Option<(String, i64)> {
        let dated = self.prices.iter().filter(|p| p.quote == quote && p.currency.is_some());
        let dated = dated.filter(|p| !self.buries_price(p.stamp.at));
        if let Some(price) = dated.max_by_key(|p| (p.stamp, p.commit)) {
            return Some((price.currency.clone()?, price.stamp.at));
        }
        let undated = self.undated(quote)?;
        Some((undated.currency.clone()?, undated.s))
    }

    /// P4: a document newer than the stored price names this currency.
    fn document_names(&self, currency: &str, since: i64) -> bool {
        let registers = self.registers();
        let (order, value) = registers.last_word("currency");
        value.and_then(|v| v.as_str()) == Some(currency) && order.is_some_and(|o| o.stamp.at > since)
    }
}

/// P4: the amount and the currency as far as the price itself tells.
pub fn fault(policy: &Policy, price: &PriceIn) -> Option<&'static str> {
    if let Some(text) = &price.amount {
        let Some(amount) = normal(text) else { return Some("amount_format") };
        if amount == "0" && !policy.allow_zero {
            return Some("amount_zero");
        }
        if amount.starts_with('-') && !policy.allow_negative {
            return Some("amount_negative");
        }
    }
    let code = price.currency.as_ref()?;
    (!currency::known(policy, code)).then_some("currency_unknown")
}

/// T4.
pub fn future(at: i64, now: i64) -> bool {
    at > now + PRICE_AHEAD_MAX_US
}

/// P4: the price's own, the stored one, the document's, the partner's default.
fn resolve_currency(policy: &Policy, asset: &Asset, price: &PriceIn) -> Option<String> {
    let stored = || asset.stored_currency(&price.quote).map(|(code, _)| code);
    let named = || asset.text_member("currency");
    price.currency.clone().or_else(stored).or_else(named).or_else(|| policy.default_currency.clone())
}

/// P4: another currency than the stored one, and no newer document that names it.
fn currency_changed(asset: &Asset, quote: &str, currency: Option<&str>) -> bool {
    match (asset.stored_currency(quote), currency) {
        (Some((stored, since)), Some(new)) => stored != new && !asset.document_names(new, since),
        _ => false,
    }
}

/// What is refused whatever is stored, and the currency.
fn admit(policy: &Policy, asset: &Asset, price: &PriceIn) -> Result<Option<String>, Verdict> {
    if let Some(reason) = fault(policy, price) {
        return Err(Verdict::because(Outcome::Rejected, "P4", reason));
    }
    let quotes = asset.quotes();
    if !quotes.contains(&price.quote) && quotes.len() >= QUOTES_MAX {
        return Err(Verdict::because(Outcome::Rejected, "P1", "quotes_max"));
    }
    let currency = resolve_currency(policy, asset, price);
    if currency.is_none() && price.amount.is_some() {
        return Err(Verdict::because(Outcome::Rejected, "P4", "currency_missing"));
    }
    Ok(currency)
}

/// One dated price, from any lane. The asset changes only where the verdict says so.
pub fn apply_dated(policy: &Policy, asset: &mut Asset, price: &PriceIn, by: Arrival) -> Verdict {
    if by.said && future(by.at, by.now) {
        return Verdict::because(Outcome::Quarantined, "T4", "future_time");
    }
    let currency = match admit(policy, asset, price) {
        Ok(currency) => currency,
        Err(verdict) => return verdict,
    };
    let arriving = DatedPrice {
        quote: price.quote.clone(),
        amount: price.amount.as_deref().and_then(normal),
        currency,
        stamp: Stamp { at: by.at, lane: by.lane, sequence: price.sequence },
        commit: by.commit,
        received: by.now,
        run_s: by.run_s,
        stream: price.stream.as_ref().map(|(name, _)| name.clone()),
        closed: price.closed,
    };
    if asset.buries_price(by.at) {
        return Verdict::new(Outcome::Superseded, "X1");
    }
    if !asset.alive() && !asset.absent() {
        return park(asset, arriving, by);
    }
    let verdict = apply_held(asset, arriving);
    match verdict.outcome {
        // Into its register, hidden.
        Outcome::Updated | Outcome::Unchanged if !asset.alive() => {
            Verdict { tied: verdict.tied, ..Verdict::new(Outcome::Parked, "P3") }
        }
        _ => verdict,
    }
}

fn apply_held(asset: &mut Asset, arriving: DatedPrice) -> Verdict {
    let stored = asset.dated(&arriving.quote);
    let contest = contest(asset.contenders(&arriving.quote), &arriving);
    // A price that loses anyway is superseded whatever its currency.
    let loses = contest.as_ref().is_some_and(|v| v.outcome == Outcome::Superseded);
    if !loses && currency_changed(asset, &arriving.quote, arriving.currency.as_deref()) {
        return Verdict::because(Outcome::Quarantined, "P4", "currency_changed");
    }
    if let Some(verdict) = contest {
        asset.hear_again(&arriving);
        return verdict;
    }
    let unchanged = stored.is_some_and(|s| s.same_content(&arriving));
    let tied = stored.is_some_and(|s| s.stamp == arriving.stamp);
    asset.prices.push(arriving);
    // D2: a newer stamp with equal content, though readers see a newer `as_of`.
    let verdict = match unchanged {
        true => Verdict::new(Outcome::Unchanged, "D2"),
        false => Verdict::new(Outcome::Updated, "P1"),
    };
    Verdict { tied, ..verdict }
}

/// P1: the verdict on a price that does not apply. `stored` are of one stamp; the last stands, the
/// others have lost there, and do not come back.
fn contest<'a>(stored: impl Iterator<Item = &'a DatedPrice>, arriving: &DatedPrice) -> Option<Verdict> {
    let stored: Vec<&DatedPrice> = stored.collect();
    let said_before = || stored.iter().any(|s| s.amount == arriving.amount);
    match arriving.stamp.cmp(&stored.last()?.stamp) {
        Ordering::Greater => None,
        Ordering::Less => Some(Verdict::new(Outcome::Superseded, "P1")),
        Ordering::Equal if said_before() => Some(Verdict::new(Outcome::Duplicate, "P1")),
        Ordering::Equal if arriving.stamp.at % SECOND_US == 0 => None,
        Ordering::Equal => Some(Verdict::because(Outcome::Rejected, "P1", "value_conflict")),
    }
}

/// P3: the newest one per quote. Currencies are not compared here: the
/// document that names one is yet to come.
fn park(asset: &mut Asset, arriving: DatedPrice, by: Arrival) -> Verdict {
    let parked = asset.parked.get(&arriving.quote);
    if let Some(verdict) = contest(parked.iter().flat_map(|p| &p.prices), &arriving) {
        return verdict;
    }
    if parked.is_none() && !by.room {
        // P3 caps what is parked and says not of the price that comes then: it is not lost.
        return Verdict::because(Outcome::Quarantined, "P3", "parked_full");
    }
    let tied = parked.is_some_and(|parked| parked.newest().stamp == arriving.stamp);
    let lost = parked.filter(|_| tied).map(|p| p.prices.clone()).unwrap_or_default();
    let quote = arriving.quote.clone();
    let prices = lost.into_iter().chain([arriving]).collect();
    asset.parked.insert(quote, Parked { prices, since: by.now });
    Verdict { tied, ..Verdict::new(Outcome::Parked, "P3") }
}

/// P2: a feed's price without `as_of`. True where it differs from the dated one: drift.
pub fn apply_undated(
    policy: &Policy,
    asset: &mut Asset,
    price: &PriceIn,
    (s, at): (i64, i64),
    fetch_start: i64,
) -> Result<bool, Verdict> {
    let currency = admit(policy, asset, price)?;
    if currency_changed(asset, &price.quote, currency.as_deref()) {
        return Err(Verdict::because(Outcome::Quarantined, "P4", "currency_changed"));
    }
    let undated = UndatedPrice {
        quote: price.quote.clone(),
        amount: price.amount.as_deref().and_then(normal),
        currency,
        s,
        at,
        fetch_start,
        closed: price.closed,
    };
    let differs = |d: &DatedPrice| (&d.amount, &d.currency) != (&undated.amount, &undated.currency);
    // X1: one that a said delete has ended is not there to differ
    let drift = !asset.buries_price(at) && asset.dated(&price.quote).is_some_and(differs);
    asset.undated.push(undated);
    Ok(drift)
}
