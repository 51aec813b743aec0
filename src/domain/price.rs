//! Price registers: one per quote name of an asset (`src/RULES.md`, "Price").

use super::{Decimal, Lane, Micros, Origin, Stamp};
use std::fmt;

/// A currency's code: ISO 4217 or one that the configuration adds; 2–8 of `A-Z 0-9`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 8]);

/// A text that has not the form of a currency's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency's code is 2-8 characters of A-Z and 0-9")]
pub struct CurrencyError;

impl Currency {
    /// Errs where the form is another. Which codes are known, the configuration says.
    pub fn new(code: &str) -> Result<Currency, CurrencyError> {
        let plain = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !(2..=8).contains(&code.len()) || !plain {
            return Err(CurrencyError);
        }
        Ok(Currency(padded(code)))
    }

    /// ISO 4217's code for "no currency": that of a price that was withdrawn before any currency was
    /// known. No partner can name it.
    pub const NONE: Currency = Currency(*b"XXX\0\0\0\0\0");

    /// The code's letters and digits.
    pub fn as_str(&self) -> &str {
        unpadded(&self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a quote: 1–12 of `a-z 0-9 _ -`. `price` where none is given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuoteName([u8; 12]);

/// A text that is no quote's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quote's name is 1-12 characters of a-z, 0-9, - and _")]
pub struct QuoteNameError;

impl QuoteName {
    /// The quote of a price whose sender names none.
    pub const PRICE: QuoteName = QuoteName(*b"price\0\0\0\0\0\0\0");

    /// Errs where the text is too long, empty, or has other characters.
    pub fn new(name: &str) -> Result<QuoteName, QuoteNameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !(1..=12).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(QuoteNameError);
        }
        Ok(QuoteName(padded(name)))
    }

    /// The name as it stands in paths and documents.
    pub fn as_str(&self) -> &str {
        unpadded(&self.0)
    }
}

impl fmt::Debug for QuoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

fn unpadded(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).expect("only ASCII is ever put in")
}

/// What the partner said of the market that the price comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Market {
    /// Nothing.
    #[default]
    Unsaid = 0,
    /// It is open: the price ages.
    Open = 1,
    /// It is closed: the price reads `closed`, however old (P5).
    Closed = 2,
}

/// What few quotes have, kept apart so that most stay small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuoteExtra {
    /// The partner's word for what kind of price it is, such as `nav`; shown as it came.
    pub kind: Option<Box<str>>,
    /// The partner's word for what the price is for one of, such as `kg`; shown as it came.
    pub per: Option<Box<str>>,
    /// Who wrote the dated price, where its lane does not say it: a delivery's id, or a feed's run.
    pub origin: Option<Origin>,
    /// `S` of the newest run of the feed that has said the dated price, where a feed wrote it (P2).
    pub fed_at: Option<Micros>,
    /// Hashes of the values that have lost to the dated price at its very stamp (P1), the last one
    /// to lose last.
    pub beaten: Vec<u64>,
}

impl QuoteExtra {
    /// Values that are remembered as having lost at one stamp.
    pub const BEATEN_MAX: usize = 8;
}

/// A feed's price without a time of its own (P2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undated {
    /// `S` of the run that said it last.
    pub snapshot: Micros,
    /// Start of the first fetch that held this amount: its age counts from here.
    pub first_seen: Micros,
    /// In major units, for one unit of the asset.
    pub amount: Decimal,
    /// The currency that the amount is in.
    pub currency: Currency,
    /// How much older than `snapshot` a pushed price must be for this one to show in its place, in
    /// microseconds: by the asset's class, or by the feed's interval.
    pub outlives_after: i64,
}

impl Undated {
    /// `outlives_after` where neither class nor feed gives another, and for what was stored before they
    /// did.
    pub const OUTLIVES_AFTER: i64 = 3 * Micros::DAY;
}

/// One register: the newest dated price, and beside it the undated one of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Which of the asset's quotes it is.
    pub name: QuoteName,
    /// The currency of the dated price.
    pub currency: Currency,
    /// The market of the dated price.
    pub market: Market,
    /// `Stamp::NEVER` where no dated price has come.
    pub stamp: Stamp,
    /// `None` where the price was withdrawn, or none has come.
    pub amount: Option<Decimal>,
    /// When the dated price reached us.
    pub received_at: Micros,
    /// The dated price came without a time, and counts as of its arrival (T1).
    pub by_arrival: bool,
    /// What few dated prices have; `None` where there is nothing of it.
    pub extra: Option<Box<QuoteExtra>>,
    /// The feed's price without a time; `None` where it has given none.
    pub undated: Option<Box<Undated>>,
}

impl Quote {
    /// At most this many quotes per asset: `price`, and where wanted `nav`, `bid`, `ask`.
    pub const PER_ASSET_MAX: usize = 4;

    /// Whether both registers, as far as there are any, are in `currency`.
    pub fn is_all_in(&self, currency: Currency) -> bool {
        let dated = !self.stamp.happened() || self.currency == currency;
        dated && self.undated.as_ref().is_none_or(|undated| undated.currency == currency)
    }

    /// The register with nothing left in it.
    pub fn emptied(self) -> Quote {
        Quote { stamp: Stamp::NEVER, amount: None, by_arrival: false, extra: None, undated: None, ..self }
    }

    /// `S` of the newest run of the feed that has said the dated price; `None` where no feed wrote
    /// it. What was stored before runs were noted counts as of its own time.
    pub fn fed_at(&self) -> Option<Micros> {
        let noted = || self.extra.as_ref().and_then(|extra| extra.fed_at);
        self.was_fed().then(|| noted().unwrap_or(self.stamp.at))
    }

    /// Whether it holds nothing, neither dated nor undated: it only says that what it held before is
    /// gone.
    pub fn is_emptied(&self) -> bool {
        !self.stamp.happened() && self.undated.is_none()
    }

    /// Whether the newest dated write took the price away.
    pub fn is_withdrawn(&self) -> bool {
        self.stamp.happened() && self.amount.is_none()
    }

    /// Whether a feed wrote the dated price.
    pub fn was_fed(&self) -> bool {
        self.stamp.happened() && self.stamp.lane() == Lane::Feed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_held_to_their_form() {
        assert_eq!(Currency::new("EUR").unwrap().as_str(), "EUR");
        assert_eq!(Currency::new("12345678").unwrap().as_str(), "12345678");
        assert!(Currency::new("eur").is_err() && Currency::new("E").is_err());
        assert_eq!(QuoteName::new("price"), Ok(QuoteName::PRICE));
        assert!(QuoteName::new("Price").is_err() && QuoteName::new("thirteenchars").is_err());
    }
}
