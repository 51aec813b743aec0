//! Writes: what a partner asks for, before the rules have decided on it.

use super::{AssetId, Currency, Decimal, Document, Market, Micros, QuoteExtra, QuoteName};
use compact_str::CompactString;

/// How a write of an asset speaks (`src/RULES.md`, "Words").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Full: members it leaves out are gone as of its stamp.
    Put,
    /// Partial: speaks for the members it names; creates an unknown asset.
    Post,
    /// Partial, but never creates and never revives.
    Patch,
    Delete,
}

/// One write of one asset. `at` is source time where the item or its envelope gave one; the
/// partner's actor fills in the rest by T1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetWrite {
    pub verb: Verb,
    pub id: AssetId,
    pub at: Option<Micros>,
    pub sequence: u64,
    pub members: Document,
    /// Members that a partial write removes (`null`).
    pub removed: Vec<CompactString>,
    /// Members that a full write leaves as they are stored, though it names no value for them.
    pub kept: Vec<CompactString>,
    /// The prices that the item carried; they become visible in the same commit (D5).
    pub prices: Vec<PriceWrite>,
}

/// One price. `amount: None` withdraws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceWrite {
    pub id: AssetId,
    pub quote: QuoteName,
    pub amount: Option<Decimal>,
    pub currency: Option<Currency>,
    /// The price's own time (`as_of`), else that of the pushed item or envelope that it came in;
    /// `None` where its sender said nothing of when it was true.
    pub at: Option<Micros>,
    pub sequence: u64,
    pub market: Market,
    /// The numbered stream (G1) whose number `sequence` is.
    pub stream: Option<CompactString>,
    pub extra: Option<Box<QuoteExtra>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Asset(Box<AssetWrite>),
    Price(PriceWrite),
}

impl Write {
    pub fn id(&self) -> &AssetId {
        match self {
            Write::Asset(write) => &write.id,
            Write::Price(write) => &write.id,
        }
    }
}
