//! One price item: `{"id", "amount", "currency", "as_of", "quote"?, "kind"?, "per"?, "sequence"?,
//! "stream"?, "market"?}` (P1–P4). A null member is as one left out, but for id and amount.

use crate::codec::json::{self, Kind};
use crate::codec::reserved::{self, Refusal};
use crate::domain::{AssetId, Decimal, Market, Micros, PriceWrite, QuoteExtra, QuoteName, Rule, Stamp};
use crate::rules::policy::Policy;
use compact_str::CompactString;
use std::borrow::Cow;

const KNOWN: [&str; 10] =
    ["id", "amount", "currency", "as_of", "quote", "kind", "per", "sequence", "stream", "market"];
/// `kind`, `per` and `stream` are words, not texts.
const WORD_BYTES_MAX: usize = 64;

/// Whose price an item is.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// The item's own `id` says it.
    Named,
    /// The path says it, and perhaps the query which quote; what the item says itself must agree.
    Path(&'a AssetId, Option<QuoteName>),
    /// It stands within this asset's item, and has no id.
    Item(&'a AssetId),
}

/// A price's members as text, before their meaning has been checked. Both ways of reading a body
/// end here, so that they cannot differ.
#[derive(Default)]
pub(in crate::codec) struct Parts<'a> {
    /// The currency's code.
    pub currency: Option<Cow<'a, str>>,
    /// When it was true.
    pub as_of: Option<Cow<'a, str>>,
    /// Which quote; `None`: `price`.
    pub quote: Option<Cow<'a, str>>,
    /// What kind of price it is.
    pub kind: Option<Cow<'a, str>>,
    /// What the price is for one of.
    pub per: Option<Cow<'a, str>>,
    /// The partner's own number; 0 where there is none.
    pub sequence: u64,
    /// The numbered stream that the number is of.
    pub stream: Option<Cow<'a, str>>,
    /// `open` or `closed`.
    pub market: Option<Cow<'a, str>>,
}

/// Reads one item from its source text, which has been scanned before.
pub(super) fn decode(raw: &str, owner: Owner<'_>, policy: &Policy) -> Result<PriceWrite, Refusal> {
    if json::kind(raw) != Kind::Object {
        return Err(Refusal::new(Rule::P4, "item_type", "send each price as a JSON object"));
    }
    let members = json::members(raw).map_err(|e| Refusal::new(Rule::P4, e.code, e.detail))?;
    let (mut id, mut amount, mut parts) = (None, None, Parts::default());
    for (name, raw) in &members {
        let text = |rule| optional_text(raw, rule).map_err(|refusal| refusal.within(name));
        match name.as_ref() {
            "id" => id = Some(reserved::id(raw, Rule::P1).map_err(|refusal| refusal.within(name))?),
            "amount" => amount = Some(reserved::amount(raw, policy).map_err(|refusal| refusal.within(name))?),
            "currency" => parts.currency = text(Rule::P4)?,
            "as_of" => parts.as_of = time_text(raw).map_err(|refusal| refusal.within(name))?,
            "quote" => parts.quote = text(Rule::P1)?,
            "kind" => parts.kind = text(Rule::P4)?,
            "per" => parts.per = text(Rule::P4)?,
            "sequence" => parts.sequence = sequence(raw).map_err(|refusal| refusal.within(name))?,
            "stream" => parts.stream = text(Rule::G1)?,
            "market" => parts.market = text(Rule::P5)?,
            other => return Err(unknown(other)),
        }
    }
    let id = owned_by(owner, id)?;
    let missing =
        || Refusal::new(Rule::P4, "amount_missing", "send an `amount`, such as \"101.25\"").within("amount");
    let mut write = parts.assemble(id, amount.ok_or_else(missing)?, policy)?;
    if let Owner::Path(_, Some(asked)) = owner {
        if parts.quote.is_some() && write.quote != asked {
            let hint = "send the quote of the query, or leave it out";
            return Err(Refusal::new(Rule::P1, "quote_mismatch", hint).within("quote"));
        }
        write.quote = asked;
    }
    Ok(write)
}

fn owned_by(owner: Owner<'_>, named: Option<AssetId>) -> Result<AssetId, Refusal> {
    match (owner, named) {
        (Owner::Named, Some(id)) => Ok(id),
        (Owner::Named, None) => {
            Err(Refusal::new(Rule::P1, "id_missing", "send the asset's `id`").within("id"))
        }
        (Owner::Path(id, _), Some(named)) if named != *id => {
            Err(Refusal::new(Rule::P1, "id_mismatch", "send the id of the path, or leave it out")
                .within("id"))
        }
        (Owner::Item(_), Some(_)) => Err(unknown("id")),
        (Owner::Path(id, _) | Owner::Item(id), _) => Ok(id.clone()),
    }
}

fn unknown(name: &str) -> Refusal {
    let meant = match name {
        "price" | "value" => "`amount` is the member meant? ",
        "updated_at" | "timestamp" | "time" | "date" => "`as_of` is the member meant? ",
        _ => "",
    };
    let hint = format!("{meant}leave this member out: a price holds {}", KNOWN.join(", "));
    Refusal::new(Rule::P1, "unknown_member", hint).within(name)
}

/// What to say of a member of a feed's price that means nothing to us; the price is taken without it.
pub(in crate::codec) fn unknown_in_feed(name: &str) -> Option<String> {
    (!KNOWN.contains(&name)).then(|| unknown(name).hint)
}

fn optional_text(raw: &str, rule: Rule) -> Result<Option<Cow<'_, str>>, Refusal> {
    if json::kind(raw) == Kind::Null { Ok(None) } else { reserved::text(raw, rule).map(Some) }
}

/// The text of a time. What is no string is passed on as it stands, to be refused as a time.
fn time_text(raw: &str) -> Result<Option<Cow<'_, str>>, Refusal> {
    match json::kind(raw) {
        Kind::Null => Ok(None),
        Kind::String => reserved::text(raw, Rule::T2).map(Some),
        _ => Ok(Some(Cow::Borrowed(raw))),
    }
}

/// The partner's own number: a whole number from 1, or the same in a string; 0 where there is none.
fn sequence(raw: &str) -> Result<u64, Refusal> {
    let digits = match json::kind(raw) {
        Kind::Null => return Ok(0),
        Kind::String => reserved::text(raw, Rule::G1)?,
        _ => Cow::Borrowed(raw),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().and_then(checked_sequence).ok_or_else(|| {
        Refusal::new(Rule::G1, "sequence_range", "send the sequence as a whole number from 1 to 2^62-1")
    })
}

/// The number, where it is one that a partner may give.
pub(super) fn checked_sequence(sequence: u64) -> Option<u64> {
    (1..=Stamp::SEQUENCE_MAX).contains(&sequence).then_some(sequence)
}

impl Parts<'_> {
    /// Gives the texts their meaning.
    pub fn assemble(&self, id: AssetId, amount: Decimal, policy: &Policy) -> Result<PriceWrite, Refusal> {
        Ok(PriceWrite {
            id,
            quote: self.quote_name()?,
            amount: Some(amount),
            currency: match &self.currency {
                Some(code) => Some(reserved::currency_text(code, policy).map_err(|e| e.within("currency"))?),
                None => None,
            },
            at: self.at()?,
            sequence: self.sequence,
            market: self.market()?,
            stream: word(self.stream.as_deref(), "stream", Rule::G1)?.map(CompactString::from),
            extra: self.extra()?,
        })
    }

    fn quote_name(&self) -> Result<QuoteName, Refusal> {
        let Some(name) = &self.quote else { return Ok(QuoteName::PRICE) };
        reserved::quote_name_text(name).map_err(|refusal| refusal.within("quote"))
    }

    fn at(&self) -> Result<Option<Micros>, Refusal> {
        let Some(text) = &self.as_of else { return Ok(None) };
        reserved::time_text(text, Rule::T2).map(Some).map_err(|refusal| refusal.within("as_of"))
    }

    fn market(&self) -> Result<Market, Refusal> {
        match self.market.as_deref() {
            None => Ok(Market::Unsaid),
            Some("open") => Ok(Market::Open),
            Some("closed") => Ok(Market::Closed),
            Some(_) => {
                Err(Refusal::new(Rule::P5, "market_unknown", "send \"open\" or \"closed\"").within("market"))
            }
        }
    }

    fn extra(&self) -> Result<Option<Box<QuoteExtra>>, Refusal> {
        let kind = word(self.kind.as_deref(), "kind", Rule::P4)?;
        let per = word(self.per.as_deref(), "per", Rule::P4)?;
        if kind.is_none() && per.is_none() {
            return Ok(None);
        }
        let (kind, per) = (kind.map(Box::from), per.map(Box::from));
        Ok(Some(Box::new(QuoteExtra { kind, per, ..QuoteExtra::default() })))
    }
}

fn word<'a>(text: Option<&'a str>, name: &str, rule: Rule) -> Result<Option<&'a str>, Refusal> {
    match text {
        Some(text) if !(1..=WORD_BYTES_MAX).contains(&text.len()) => {
            let hint = format!("send 1 to {WORD_BYTES_MAX} bytes here, or leave the member out");
            Err(Refusal::new(rule, "word_length", hint).within(name))
        }
        other => Ok(other),
    }
}
