//! What a write lost, as it is kept for `explain`.

use crate::domain::{
    AssetId, AssetWrite, Lane, LostPart, LostWrite, Micros, Origin, Outcome, PriceWrite, QuoteName, Rule,
    Stamp, Verb,
};
use crate::rules::document::DocumentDecision;
use crate::rules::price::{PriceDecision, UndatedPrice};

/// Lost writes that one batch may record.
pub const PER_BATCH_MAX: usize = 64;

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
pub struct LossSource {
    pub origin: Origin,
    pub learned_at: Micros,
}

/// What a document's write lost, if anything.
pub fn of_document(
    write: &AssetWrite,
    stamp: Stamp,
    decision: &DocumentDecision,
    source: LossSource,
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
    source: LossSource,
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
pub fn of_undated(
    price: &UndatedPrice<'_>,
    decision: &PriceDecision,
    source: LossSource,
) -> Option<LostWrite> {
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
