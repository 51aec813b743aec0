//! Quotes as the index holds them: what many have in common is kept once, what few have lies apart.

use crate::domain::{Currency, Decimal, Market, Micros, QuoteExtra, QuoteName, Stamp, Undated};

/// What many quotes have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuoteKind {
    pub name: QuoteName,
    pub currency: Currency,
    pub market: Market,
    pub by_arrival: bool,
}

/// A quote with what it has in common with others as a number.
#[derive(Clone)]
pub struct HeldQuote {
    pub stamp: Stamp,
    pub amount: Option<Decimal>,
    pub received_at: Micros,
    pub kind: u32,
    pub rare: Option<Box<RareQuote>>,
}

#[derive(Clone)]
pub struct RareQuote {
    pub extra: Option<Box<QuoteExtra>>,
    pub undated: Option<Box<Undated>>,
}

/// Most assets have one quote: it lies in the entry itself.
#[derive(Clone, Default)]
pub enum Quotes {
    #[default]
    None,
    One(HeldQuote),
    Many(Vec<HeldQuote>),
}

impl Quotes {
    pub fn as_slice(&self) -> &[HeldQuote] {
        match self {
            Quotes::None => &[],
            Quotes::One(quote) => std::slice::from_ref(quote),
            Quotes::Many(quotes) => quotes,
        }
    }

    pub fn as_mut_slice(&mut self) -> &mut [HeldQuote] {
        match self {
            Quotes::None => &mut [],
            Quotes::One(quote) => std::slice::from_mut(quote),
            Quotes::Many(quotes) => quotes,
        }
    }

    pub fn push(&mut self, quote: HeldQuote) {
        *self = match std::mem::take(self) {
            Quotes::None => Quotes::One(quote),
            Quotes::One(held) => Quotes::Many(vec![held, quote]),
            Quotes::Many(mut quotes) => {
                quotes.push(quote);
                Quotes::Many(quotes)
            }
        };
    }

    pub fn retain(&mut self, keep: impl Fn(&HeldQuote) -> bool) {
        let mut left: Vec<HeldQuote> = self.as_slice().iter().filter(|held| keep(held)).cloned().collect();
        *self = match left.len() {
            0 => Quotes::None,
            1 => Quotes::One(left.remove(0)),
            _ => Quotes::Many(left),
        };
    }
}
