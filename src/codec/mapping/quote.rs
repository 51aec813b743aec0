//! The prices of a record: one, several that are named one by one, or one of each element of an array.

use super::item::{FoundValue, Item, Lint, point_to};
use super::{amount, time};
use crate::codec::json::{self, Kind};
use crate::codec::request::price::{self, Parts};
use crate::codec::reserved::{self, Refusal};
use crate::domain::mapping::{Field, Place, QuoteMapping};
use crate::domain::{AssetId, Decimal, ItemOutcome, Micros, PriceWrite, Quote, Rule};
use crate::rules::policy::Policy;
use compact_str::{CompactString, ToCompactString};

/// What a record's prices are.
pub struct QuotesRead<'a> {
    /// The sound ones, each of a quote of its own.
    pub prices: Vec<PriceWrite>,
    /// F2: why others are not taken, pointed into the record.
    pub aside: Vec<ItemOutcome>,
    /// The fields whose amounts were found.
    pub found: Vec<&'a Field>,
}

/// Reads the prices of one record.
pub struct QuoteReader<'a, 'l> {
    id: &'l AssetId,
    policy: &'l Policy,
    lints: &'l mut Vec<Lint>,
    read: QuotesRead<'a>,
}

impl<'a, 'l> QuoteReader<'a, 'l> {
    /// For the record of this asset.
    pub fn new(id: &'l AssetId, policy: &'l Policy, lints: &'l mut Vec<Lint>) -> QuoteReader<'a, 'l> {
        QuoteReader {
            id,
            policy,
            lints,
            read: QuotesRead { prices: Vec::new(), aside: Vec::new(), found: Vec::new() },
        }
    }

    /// What has been read.
    pub fn finish(self) -> QuotesRead<'a> {
        self.read
    }

    /// Reads what one of the mapping's quotes finds. A price that is not taken leaves the others.
    pub fn read(&mut self, record: &Item<'a>, quote: &'a QuoteMapping) {
        let Some(each) = &quote.each else { return self.one(record, quote, &[], false) };
        if let Err(refusal) = self.each(record, quote, &each.0) {
            self.aside(&[], refusal);
        }
    }

    fn each(
        &mut self,
        record: &Item<'a>,
        quote: &'a QuoteMapping,
        each: &[CompactString],
    ) -> Result<(), Refusal> {
        let Some(raw) = record.lookup(each)? else {
            // what holds no list of prices is told; what is not there at all says nothing
            return match record.blocked(each, false)?.filter(|passed| *passed > 0) {
                Some(passed) => Err(price_shape(&each[..passed])),
                None => Ok(()),
            };
        };
        let of = |error: json::JsonError| point_to(each, Refusal::new(Rule::P4, error.code, error.detail));
        if json::kind(raw) != Kind::Array {
            let element = Item::new(raw, record.around).map_err(of)?;
            self.one(&element, quote, each, true);
            return Ok(());
        }
        for (place, raw) in json::elements(raw).map_err(of)?.into_iter().enumerate() {
            let here: Vec<_> = each.iter().cloned().chain([place.to_compact_string()]).collect();
            let element = Item::new(raw, record.around).map_err(of)?;
            self.one(&element, quote, &here, true);
        }
        Ok(())
    }

    /// One price, at `here` in the record. Of several of one quote the newest stands.
    fn one(&mut self, item: &Item<'a>, quote: &'a QuoteMapping, here: &[CompactString], is_element: bool) {
        match self.price(item, quote, here, is_element) {
            Ok(None) => {}
            Ok(Some(price)) => {
                let prices = &mut self.read.prices;
                match prices.iter().position(|other| other.quote == price.quote) {
                    Some(place) if price.at >= prices[place].at => prices[place] = price,
                    Some(_) => {}
                    None if prices.len() < Quote::PER_ASSET_MAX => prices.push(price),
                    None => {
                        let hint = format!("an asset has at most {} quotes", Quote::PER_ASSET_MAX);
                        self.aside(here, Refusal::new(Rule::P1, "too_many_quotes", hint));
                    }
                }
            }
            Err(refusal) => self.aside(here, refusal),
        }
    }

    fn price(
        &mut self,
        item: &Item<'a>,
        quote: &'a QuoteMapping,
        here: &[CompactString],
        is_element: bool,
    ) -> Result<Option<PriceWrite>, Refusal> {
        if quote.is_own {
            self.name_unknown_members(item, here);
        }
        let Some((amount_at, money)) = self.amount(item, quote, is_element)? else { return Ok(None) };
        let amount::Money { amount, currency } = money;
        let mut parts = Parts::default();
        let currency_at = match currency {
            Some(code) => {
                parts.currency = Some(code.into());
                Some(amount_at)
            }
            None => text(item, &quote.currency, Rule::P4, &mut parts.currency)?,
        };
        let name = text(item, &quote.name, Rule::P1, &mut parts.quote)?;
        let market = text(item, &quote.market, Rule::P5, &mut parts.market)?;
        let per = text(item, &quote.per, Rule::P4, &mut parts.per)?;
        let kind = text(item, &quote.kind, Rule::P4, &mut parts.kind)?;
        let mut lints = Vec::new();
        let at = as_of(item, quote, &mut lints)?;
        let write = self.assemble(&parts, amount).map_err(|refusal| {
            // the parts of a push have names of their own: theirs is where the mapping found them
            let found = match refusal.pointer.as_str() {
                "/currency" => currency_at,
                "/quote" => name,
                "/market" => market,
                "/per" => per,
                "/kind" => kind,
                _ => None,
            };
            found.map_or_else(|| refusal.clone(), |found| found.point(refusal.clone()))
        })?;
        let within = |lint: Lint| Lint { pointer: pointer_of(here) + &lint.pointer, ..lint };
        self.lints.extend(lints.into_iter().map(within));
        Ok(Some(PriceWrite { at, ..write }))
    }

    fn assemble(&self, parts: &Parts<'_>, amount: Decimal) -> Result<PriceWrite, Refusal> {
        parts.assemble(self.id.clone(), amount, self.policy)
    }

    /// The amount, and where it was found. Where something else stands on the way to each of its places, that is a fault (F2).
    fn amount(
        &mut self,
        item: &Item<'a>,
        quote: &'a QuoteMapping,
        is_element: bool,
    ) -> Result<Option<(FoundValue<'a>, amount::Money)>, Refusal> {
        let field = &quote.amount.field;
        let Some(found) = item.value(field)? else {
            for place in &field.places {
                if let Place::At(pointer) = place
                    && let Some(passed) = item.blocked(&pointer.0, is_element)?
                {
                    return Err(price_shape(&pointer.0[..passed]));
                }
            }
            return Ok(None);
        };
        self.read.found.push(field);
        let exponent = match &quote.amount.exponent {
            Some(field) => {
                let missing = || {
                    let hint = "the amount's exponent is not where the mapping's `exponent` points";
                    found.point(Refusal::new(Rule::P4, "exponent", hint))
                };
                Some(item.value(field)?.ok_or_else(missing)?)
            }
            None => None,
        };
        let raw = exponent.as_ref().map(|exponent| exponent.raw.as_ref());
        match amount::read(&found.raw, raw, &quote.amount, self.policy) {
            Ok(money) => Ok(Some((found, money))),
            Err(refusal) => Err(match (&exponent, refusal.code) {
                (Some(exponent), "exponent") => exponent.point(refusal),
                _ => found.point(refusal),
            }),
        }
    }

    /// A member that a push would refuse: its sender may have meant another.
    fn name_unknown_members(&mut self, item: &Item<'a>, here: &[CompactString]) {
        for (name, _) in &item.members {
            if let Some(hint) = price::unknown_in_feed(name) {
                let parts: Vec<_> = here.iter().cloned().chain([name.to_compact_string()]).collect();
                let pointer = pointer_of(&parts);
                self.lints.push(Lint { code: "unknown_member", pointer, detail: hint.into() });
            }
        }
    }

    fn aside(&mut self, here: &[CompactString], refusal: Refusal) {
        let refusal = here.iter().rev().fold(refusal, |refusal, part| refusal.within(part));
        self.read.aside.push(*refusal.into_outcome());
    }
}

fn as_of<'a>(
    item: &Item<'a>,
    quote: &'a QuoteMapping,
    lints: &mut Vec<Lint>,
) -> Result<Option<Micros>, Refusal> {
    let Some(time) = &quote.as_of else { return Ok(None) };
    let Some(found) = item.value(&time.field)? else { return Ok(None) };
    time::read(&found, &time.reading, lints).map(Some).map_err(|refusal| found.point(refusal))
}

/// The pointer that these parts make.
fn pointer_of(parts: &[CompactString]) -> String {
    point_to(parts, Refusal::new(Rule::P1, "", "")).pointer
}

/// Fills in the text at an optional field.
fn text<'a>(
    item: &Item<'a>,
    field: &'a Option<Field>,
    rule: Rule,
    place: &mut Option<std::borrow::Cow<'a, str>>,
) -> Result<Option<FoundValue<'a>>, Refusal> {
    let Some(field) = field else { return Ok(None) };
    let Some(found) = item.value(field)? else { return Ok(None) };
    let text = reserved::text(&found.raw, rule).map_err(|refusal| found.point(refusal))?;
    *place = Some(text.into_owned().into());
    Ok(Some(found))
}

/// The value at these parts does not hold the amount.
fn price_shape(parts: &[CompactString]) -> Refusal {
    let hint = "no amount can be read from what stands here: check the mapping's `price.amount`, \
                or send the price as {\"amount\": \"101.25\", \"currency\": \"EUR\"}";
    point_to(parts, Refusal::new(Rule::F2, "price_shape", hint))
}
