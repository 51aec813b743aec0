//! Writes: what a partner asks for, before the rules have decided on it.

use super::{AssetId, Currency, Decimal, Document, Market, Micros, QuoteExtra, QuoteName};
use compact_str::CompactString;

/// What a write of an asset says of the members that it does not name (`src/RULES.md`, "Words").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Full: members it leaves out are gone as of its stamp.
    Put,
    /// Partial: decides on the members it names; creates an unknown asset.
    Post,
    /// Partial, but never creates and never revives.
    Patch,
    /// The asset is gone as of its stamp; it carries no members.
    Delete,
}

/// One write of one asset. `at` is source time where the item or its envelope gave one; the
/// partner's actor fills in the rest by T1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetWrite {
    /// Full, partial, or a delete.
    pub verb: Verb,
    /// The asset that it is about.
    pub id: AssetId,
    /// Source time; `None` where neither the item nor its envelope gave one.
    pub at: Option<Micros>,
    /// The partner's own number, which orders writes of one time (D3); 0 where it gave none.
    pub sequence: u64,
    /// Members that it gives a value.
    pub members: Document,
    /// Members that a partial write removes (`null`).
    pub removed: Vec<CompactString>,
    /// Members that a full write leaves as they are stored, though it names no value for them.
    pub kept: Vec<CompactString>,
    /// The prices that the item carried; they become visible in the same commit (D5).
    pub prices: Vec<PriceWrite>,
}

/// One price of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceWrite {
    /// The asset that it is a price of.
    pub id: AssetId,
    /// Which of the asset's quotes it is.
    pub quote: QuoteName,
    /// In major units, for one unit of the asset; `None` withdraws the price.
    pub amount: Option<Decimal>,
    /// `None` where its sender named none: the stored one, the document's or the partner's counts (P4).
    pub currency: Option<Currency>,
    /// The price's own time (`as_of`), else that of the pushed item or envelope that it came in;
    /// `None` where its sender said nothing of when it was true.
    pub at: Option<Micros>,
    /// The partner's own number, which orders prices of one time (P1); 0 where it gave none.
    pub sequence: u64,
    /// Whether the market that the price comes from was open.
    pub market: Market,
    /// The numbered stream (G1) whose number `sequence` is; `None`: it belongs to none.
    pub stream: Option<CompactString>,
    /// What few prices carry; `None` where there is nothing of it.
    pub extra: Option<Box<QuoteExtra>>,
}

impl AssetWrite {
    /// The prices of one record of a feed that says prices alone (F8): nothing of it creates an asset.
    pub fn of_prices(id: AssetId) -> AssetWrite {
        AssetWrite { verb: Verb::Patch, ..AssetWrite::delete(id, None) }
    }

    /// Whether it leaves the document as it is.
    pub fn says_prices_alone(&self) -> bool {
        let names_none = self.members.is_empty() && self.removed.is_empty() && self.kept.is_empty();
        self.verb == Verb::Patch && names_none
    }

    /// A delete; `at`: `None` where its sender said no time.
    pub fn delete(id: AssetId, at: Option<Micros>) -> AssetWrite {
        AssetWrite {
            verb: Verb::Delete,
            id,
            at,
            sequence: 0,
            members: Document::default(),
            removed: Vec::new(),
            kept: Vec::new(),
            prices: Vec::new(),
        }
    }
}

impl PriceWrite {
    /// A withdrawal of one quote; `at`: `None` where its sender said no time.
    pub fn withdrawal(id: AssetId, quote: QuoteName, at: Option<Micros>) -> PriceWrite {
        PriceWrite {
            id,
            quote,
            amount: None,
            currency: None,
            at,
            sequence: 0,
            market: Market::Unsaid,
            stream: None,
            extra: None,
        }
    }
}

/// A write of an asset or of a price, as one item of a push asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A write of an asset, with the prices that came in it.
    Asset(Box<AssetWrite>),
    /// A write of a price alone.
    Price(PriceWrite),
}

impl Write {
    /// The asset that it is about.
    pub fn id(&self) -> &AssetId {
        match self {
            Write::Asset(write) => &write.id,
            Write::Price(write) => &write.id,
        }
    }

    /// The source time that it states; of an asset's write that of its prices where it states none itself.
    pub fn stated_at(&self) -> Option<Micros> {
        match self {
            Write::Asset(write) => {
                write.at.or_else(|| write.prices.iter().filter_map(|price| price.at).max())
            }
            Write::Price(write) => write.at,
        }
    }
}
